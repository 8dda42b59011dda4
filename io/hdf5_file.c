#include "hdf5_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sniff.h"

static void quiet(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

static herr_t innermost(unsigned n, const H5E_error2_t *error, void *self) {
    char *text = self;
    if (n == 0 && error->desc) snprintf(text, 160, "%s", error->desc);
    return 0;
}

void cw_place_text(char where[CW_ERROR_PLACE], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(where, CW_ERROR_PLACE, format, arguments);
    va_end(arguments);
}

const char *cw_h5_mend(const char *reason) {
    return strstr(reason, "version") ? "it is of a newer HDF5: write it with libver=('earliest', 'v110'), or "
                                       "h5repack it with that program"
                                     : "copy or write the file again";
}

void cw_h5_reason(char *text, size_t size) {
    char first[160] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, first);
    H5Eclear2(H5E_DEFAULT);
    snprintf(text, size, "%s", first[0] ? first : "unknown failure");
}

/* Locks are taken where the file system has them: they keep readers off a file that is being written. */
static hid_t access_list(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0) return access;
    H5Pset_fapl_sec2(access);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 1, 1);
#endif
    return access;
}

cw_code cw_h5_open(cw_env *env, const char *name, hid_t *out) {
    *out = H5I_INVALID_HID;
    cw_sniffed sniffed;
    CW_TRY(cw_sniff(env, name, &sniffed));
    if (sniffed.format != CW_FORMAT_HDF5) return cw_sniff_refuse(env, name, &sniffed);
    quiet();
    hid_t access = access_list();
    if (access < 0) return cw_fail(env, CW_INTERNAL, name, NULL, "HDF5 cannot be set up");
    *out = H5Fopen(name, H5F_ACC_RDONLY, access);
    char reason[200];
    if (*out < 0) cw_h5_reason(reason, sizeof reason);
    H5Pclose(access);
    if (*out >= 0) return CW_OK;
    *out = H5I_INVALID_HID;
    return cw_fail(env, CW_BAD_DATA, name, "copy or write it again; if it is still being written, wait",
                   "a damaged or unfinished HDF5 file (HDF5 says: %s)", reason);
}

void cw_h5_close(hid_t *file) {
    if (*file >= 0) H5Fclose(*file);
    *file = H5I_INVALID_HID;
}

/* -- paths -- */

typedef struct cw_walk {
    cw_env *env;
    const char *name;
    hid_t file;
    int links;
    char rest[2 * CW_H5_PATH];
} cw_walk;

static cw_code bad_path(cw_walk *walk, const char *at, const char *what) {
    char where[CW_ERROR_PLACE];
    cw_place_text(where, "%s:%s", walk->name, at);
    return cw_fail(walk->env, CW_BAD_DATA, where, "copy the data into this file (h5copy, h5repack)", "%s",
                   what);
}

/* A soft link: what it says goes before what is left of the path. */
static cw_code follow(cw_walk *walk, const char *at, size_t bytes, char done[CW_H5_PATH], size_t before) {
    char value[CW_H5_PATH], joined[2 * CW_H5_PATH];
    if (++walk->links > CW_H5_LINKS) return bad_path(walk, at, "soft links that lead in circles");
    if (bytes >= sizeof value || H5Lget_val(walk->file, at, value, sizeof value, H5P_DEFAULT) < 0)
        return bad_path(walk, at, "a soft link that cannot be read");
    value[bytes] = '\0';
    int length = snprintf(joined, sizeof joined, "%s/%s", value, walk->rest);
    if (length < 0 || (size_t)length >= sizeof joined) return bad_path(walk, at, "a path that is too long");
    memcpy(walk->rest, joined, (size_t)length + 1);
    done[value[0] == '/' ? 0 : before] = '\0';
    return CW_OK;
}

static cw_code absent(cw_walk *walk, const char *component, const char *done) {
    char where[CW_ERROR_PLACE];
    H5Eclear2(H5E_DEFAULT);
    cw_place_text(where, "%s:%s", walk->name, done[0] ? done : "/");
    return cw_fail(walk->env, CW_NO_INPUT, where, "list the paths with h5ls -r, then give data.path",
                   "there is no '%s' here", component);
}

static cw_code step(cw_walk *walk, const char *component, size_t length, char done[CW_H5_PATH]) {
    size_t before = strlen(done);
    if (before + length + 2 > CW_H5_PATH) return bad_path(walk, done, "a path that is too long");
    done[before] = '/';
    memcpy(done + before + 1, component, length);
    done[before + 1 + length] = '\0';
    H5L_info_t info;
    if (H5Lget_info(walk->file, done, &info, H5P_DEFAULT) < 0) {
        char copy[CW_H5_PATH];
        memcpy(copy, component, length);
        copy[length] = '\0';
        done[before] = '\0';
        return absent(walk, copy, done);
    }
    if (info.type == H5L_TYPE_HARD) return CW_OK;
    if (info.type == H5L_TYPE_SOFT) return follow(walk, done, info.u.val_size, done, before);
    return bad_path(walk, done, "a link that leaves the file, which is not followed");
}

cw_code cw_h5_resolve(cw_env *env, const char *name, hid_t file, const char *path, char out[CW_H5_PATH]) {
    cw_walk walk = {env, name, file, 0, ""};
    out[0] = '\0';
    if (strlen(path) >= CW_H5_PATH) return bad_path(&walk, "/", "a path that is too long");
    snprintf(walk.rest, sizeof walk.rest, "%s", path);
    for (int steps = 0; walk.rest[0]; steps++) {
        if (steps > 64 * CW_H5_LINKS) return bad_path(&walk, out, "a path that is too deep");
        char component[2 * CW_H5_PATH];
        size_t slashes = strspn(walk.rest, "/"), length = strcspn(walk.rest + slashes, "/");
        memcpy(component, walk.rest + slashes, length);
        memmove(walk.rest, walk.rest + slashes + length, strlen(walk.rest + slashes + length) + 1);
        if (!length || (length == 1 && component[0] == '.')) continue;
        CW_TRY(step(&walk, component, length, out));
    }
    if (!out[0]) snprintf(out, CW_H5_PATH, "/");
    return CW_OK;
}

/* One lookup where it is a hard link in the group, which is nearly always. */
int cw_h5_within(const char *name, hid_t file, hid_t group, const char *folder, const char *relative,
                 char out[CW_H5_PATH]) {
    char path[CW_H5_PATH], first[CW_H5_PATH];
    H5L_info_t info;
    size_t head = strcspn(relative, "/");
    int single = relative[head] == '\0' && strcmp(relative, ".") != 0;
    int length = relative[0] == '/'
                     ? snprintf(path, sizeof path, "%s", relative)
                     : snprintf(path, sizeof path, "%s/%s", strcmp(folder, "/") ? folder : "", relative);
    if (length <= 0 || length >= CW_H5_PATH) return 0;
    if (relative[0] != '/') {
        memcpy(first, relative, head);
        first[head] = '\0';
        if (!head || H5Lget_info(group, first, &info, H5P_DEFAULT) < 0) {
            H5Eclear2(H5E_DEFAULT);
            return 0;
        }
        if (single && info.type == H5L_TYPE_HARD) {
            memcpy(out, path, (size_t)length + 1);
            return 1;
        }
    }
    cw_env aside; /* what is not there, or not to be followed, is no error here */
    cw_env_init(&aside);
    return cw_h5_resolve(&aside, name, file, path, out) == CW_OK;
}

cw_code cw_h5_object(cw_env *env, const char *name, hid_t file, const char *path, hid_t *out) {
    char resolved[CW_H5_PATH], where[CW_ERROR_PLACE], reason[200];
    *out = H5I_INVALID_HID;
    CW_TRY(cw_h5_resolve(env, name, file, path, resolved));
    *out = H5Oopen(file, resolved, H5P_DEFAULT);
    if (*out >= 0) return CW_OK;
    *out = H5I_INVALID_HID;
    cw_h5_reason(reason, sizeof reason);
    cw_place_text(where, "%s:%s", name, resolved);
    return cw_fail(env, CW_BAD_DATA, where, cw_h5_mend(reason), "cannot be opened (HDF5 says: %s)", reason);
}

/* -- links -- */

typedef struct cw_listing {
    cw_arena *arena;
    cw_h5_links *links;
    int64_t limit;
    cw_code code;
} cw_listing;

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *self) {
    (void)group;
    cw_listing *listing = self;
    cw_h5_links *links = listing->links;
    if (links->name.count >= listing->limit) return 1;
    if (info->type != H5L_TYPE_HARD && info->type != H5L_TYPE_SOFT && links->external < 0)
        links->external = links->name.count;
    listing->code = cw_texts_add(listing->arena, &links->name, name, strlen(name));
    return listing->code == CW_OK ? 0 : -1;
}

cw_code cw_h5_list(cw_arena *arena, const char *name, hid_t group, int64_t limit, cw_h5_links *out) {
    *out = (cw_h5_links){.external = -1};
    cw_listing listing = {arena, out, limit, CW_OK};
    unsigned flags = 0;
    hid_t plist = H5Gget_create_plist(group);
    if (plist >= 0) {
        H5Pget_link_creation_order(plist, &flags);
        H5Pclose(plist);
    }
    H5_index_t index = flags & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    herr_t got = H5Literate(group, index, H5_ITER_INC, NULL, add_link, &listing);
    if (listing.code != CW_OK) return listing.code;
    if (got > 0)
        return cw_fail(arena->env, CW_BAD_DATA, name, "give data.path", "a group with more than %lld entries",
                       (long long)limit);
    if (got >= 0) return CW_OK;
    char reason[200];
    cw_h5_reason(reason, sizeof reason);
    return cw_fail(arena->env, CW_BAD_DATA, name, "copy or write the file again",
                   "a group cannot be listed (HDF5 says: %s)", reason);
}
