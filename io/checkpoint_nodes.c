/* /pass/<name>/<first block>_<level>/<accumulator>/<member>, and /pass/<name>/nodes, the list of nodes in
 * order (first block, level). Object times are off, so equal contents give equal bytes. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_driver.h"
#include "checkpoint_file.h"

enum { CW_LINK_BYTES = 1024, CW_COMPACT_BYTES = 8192 };

static cw_code cannot_write(cw_env *env, const char *file, int number) {
    return cw_fail(env, CW_CANNOT_WRITE, file, "make room in the output folder, then run again to go on",
                   "cannot write the checkpoint: %s", number ? strerror(number) : "HDF5 refused");
}

static cw_code cannot_read(cw_env *env, const char *file) {
    return cw_fail(env, CW_IO, file, "run again; if it comes back, start anew with --fresh",
                   "cannot read the checkpoint");
}

/* HDF5 prints its errors unless told otherwise; ours say what matters. */
typedef struct cw_quiet {
    H5E_auto2_t function;
    void *data;
} cw_quiet;

static void hush(cw_quiet *quiet) {
    H5Eget_auto2(H5E_DEFAULT, &quiet->function, &quiet->data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void unhush(const cw_quiet *quiet) {
    H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->data);
}

/* A name as one link of a path: '/' separates, and "." means the group itself. */
static void link_name(const char *name, char link[CW_LINK_BYTES]) {
    size_t length = 0;
    for (const char *c = name; *c && length + 4 < CW_LINK_BYTES; c++) {
        int plain = *c != '/' && *c != '%' && !(*c == '.' && c == name);
        if (plain)
            link[length++] = *c;
        else
            length += (size_t)snprintf(link + length, 4, "%%%02X", (unsigned)(unsigned char)*c);
    }
    if (length == 0) link[length++] = '%';
    link[length] = '\0';
}

static void node_name(const int64_t node[2], char link[64]) {
    snprintf(link, 64, "%012lld_%lld", (long long)node[0], (long long)node[1]);
}

/* 128-bit integers are pairs (lo, hi) as they lie in memory; value = hi 2^64 + lo. */
static hid_t member_type(cw_type type) {
    if (type == CW_F64) return H5Tcopy(H5T_NATIVE_DOUBLE);
    if (type == CW_I64) return H5Tcopy(H5T_NATIVE_INT64);
    const __int128 one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    hid_t pair = H5Tcreate(H5T_COMPOUND, 16);
    if (H5Tinsert(pair, "lo", first ? 0 : 8, H5T_NATIVE_UINT64) < 0 ||
        H5Tinsert(pair, "hi", first ? 8 : 0, H5T_NATIVE_INT64) < 0) {
        H5Tclose(pair);
        return -1;
    }
    return pair;
}

static hid_t file_access(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0) return access;
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
#if H5_VERSION_GE(1, 10, 7)
    /* The folder's own lock keeps other writers away; some file systems of clusters refuse flock. */
    H5Pset_file_locking(access, 0, 1);
#endif
    return access;
}

/* ---- writing; every function returns a negative number on failure ---- */

static int put_attribute(hid_t place, const char *name, hid_t type, const void *value) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(place, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int bad = attribute < 0 || H5Awrite(attribute, type, value) < 0;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return bad ? -1 : 0;
}

static hid_t make_group(hid_t place, const char *name) {
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(creation, 0);
    hid_t group = H5Gcreate2(place, name, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Pclose(creation);
    return group;
}

static int put_array(hid_t place, const char *name, hid_t type, int rank, const hsize_t *size, size_t bytes,
                     const void *data) {
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(rank, size, NULL);
    H5Pset_obj_track_times(creation, 0);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    if (bytes <= CW_COMPACT_BYTES) H5Pset_layout(creation, H5D_COMPACT);
    hid_t set = H5Dcreate2(place, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    int bad = set < 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0;
    if (set >= 0 && H5Dclose(set) < 0) bad = 1;
    H5Sclose(space);
    H5Pclose(creation);
    return bad ? -1 : 0;
}

static size_t member_bytes(const cw_member *member) {
    return cw_type_bytes(member->type) * (size_t)member->count;
}

static int put_member(hid_t place, const cw_member *member, const void *data) {
    char link[CW_LINK_BYTES];
    link_name(member->name, link);
    hsize_t size = (hsize_t)member->count;
    hid_t type = member_type(member->type);
    int bad = type < 0 || put_array(place, link, type, 1, &size, member_bytes(member), data) < 0;
    if (type >= 0) H5Tclose(type);
    return bad ? -1 : 0;
}

static int is_fresh(const cw_accumulator *accumulator, const char *state, const char *fresh) {
    for (int32_t m = 0; m < accumulator->members; m++) {
        size_t offset = cw_accumulator_offset(accumulator, m);
        if (memcmp(state + offset, fresh + offset, member_bytes(&accumulator->member[m])) != 0) return 0;
    }
    return 1;
}

static int put_state(hid_t node, const cw_accumulator *accumulator, const char *state) {
    char link[CW_LINK_BYTES];
    link_name(accumulator->name, link);
    hid_t group = make_group(node, link);
    if (group < 0) return -1;
    int bad = 0;
    for (int32_t m = 0; m < accumulator->members && !bad; m++)
        if (accumulator->member[m].count > 0)
            bad =
                put_member(group, &accumulator->member[m], state + cw_accumulator_offset(accumulator, m)) < 0;
    H5Gclose(group);
    return bad ? -1 : 0;
}

static int put_node(hid_t pass, const cw_saved *saved, const cw_node *node, char *const *fresh) {
    char link[64];
    const int64_t number[2] = {node->first, node->level};
    node_name(number, link);
    hid_t group = make_group(pass, link);
    if (group < 0) return -1;
    int bad = 0;
    for (int32_t k = 0; k < saved->count && !bad; k++)
        if (fresh[k] && !is_fresh(saved->accumulator[k], node->state[k], fresh[k]))
            bad = put_state(group, saved->accumulator[k], node->state[k]) < 0;
    H5Gclose(group);
    return bad ? -1 : 0;
}

static int put_pass(hid_t passes, const cw_sink *sink, const cw_saved *saved, char *const *fresh,
                    int64_t (*list)[2]) {
    char link[CW_LINK_BYTES];
    link_name(saved->name, link);
    hid_t pass = make_group(passes, link);
    if (pass < 0) return -1;
    for (int64_t n = 0; n < saved->nodes; n++) {
        list[n][0] = saved->node[n].first;
        list[n][1] = saved->node[n].level;
    }
    const hsize_t size[2] = {(hsize_t)saved->nodes, 2};
    int bad = put_attribute(pass, "blocks", H5T_NATIVE_INT64, &saved->blocks) < 0 ||
              put_array(pass, "nodes", H5T_NATIVE_INT64, 2, size, 16 * (size_t)saved->nodes, list) < 0;
    for (int64_t n = 0; n < saved->nodes && !bad && sink->number == 0; n++)
        bad = put_node(pass, saved, &saved->node[n], fresh) < 0;
    H5Gclose(pass);
    return bad ? -1 : 0;
}

typedef struct cw_copying {
    hid_t to;
    const char *except;
} cw_copying;

static herr_t copy_pass(hid_t from, const char *name, const H5L_info_t *info, void *user) {
    const cw_copying *copying = user;
    (void)info;
    if (strcmp(name, copying->except) == 0) return 0;
    return H5Ocopy(from, name, copying->to, name, H5P_DEFAULT, H5P_DEFAULT);
}

/* What earlier passes saved stays: it is copied object by object, whatever accumulators it came from. */
static int copy_passes(hid_t passes, const char *earlier, const char *except) {
    char link[CW_LINK_BYTES];
    link_name(except, link);
    hid_t access = file_access();
    hid_t file = H5Fopen(earlier, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (file < 0) return -1;
    hid_t from = H5Gopen2(file, "/pass", H5P_DEFAULT);
    cw_copying copying = {passes, link};
    int bad = from < 0 || H5Literate(from, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_pass, &copying) < 0;
    if (from >= 0) H5Gclose(from);
    H5Fclose(file);
    return bad ? -1 : 0;
}

static int put_file(hid_t file, const cw_sink *sink, const cw_seal *seal, const char *earlier,
                    const cw_saved *saved, char *const *fresh, int64_t (*list)[2]) {
    const int64_t version = seal->version;
    if (put_attribute(file, "causeway_checkpoint", H5T_NATIVE_INT64, &version) < 0) return -1;
    if (put_attribute(file, "job_digest", H5T_NATIVE_UINT64, &seal->job) < 0) return -1;
    if (put_attribute(file, "data_digest", H5T_NATIVE_UINT64, &seal->data) < 0) return -1;
    hid_t passes = make_group(file, "pass");
    if (passes < 0) return -1;
    int bad = (earlier && copy_passes(passes, earlier, saved->name) < 0) ||
              put_pass(passes, sink, saved, fresh, list) < 0;
    H5Gclose(passes);
    return bad ? -1 : 0;
}

/* Writes through the sink; the errno of a failed write ends in sink->number. */
static int write_file(const char *name, cw_sink *sink, const cw_seal *seal, const char *earlier,
                      const cw_saved *saved, char *const *fresh, int64_t (*list)[2]) {
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = file_access(), driver = cw_sink_use(access, sink);
    H5Pset_userblock(creation, CW_SEAL_BYTES);
    H5Pset_obj_track_times(creation, 0);
    hid_t file = driver < 0 ? -1 : H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    int bad = file < 0;
    if (file >= 0) {
        bad = put_file(file, sink, seal, earlier, saved, fresh, list) < 0;
        if (H5Fclose(file) < 0) bad = 1;
    }
    if (driver >= 0) H5FDunregister(driver);
    return bad || sink->number != 0 ? -1 : 0;
}

static cw_code open_and_write(cw_env *env, const char *name, const cw_seal *seal, const char *earlier,
                              const cw_saved *saved, char *const *fresh, int64_t (*list)[2]) {
    cw_sink sink = {open(name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666), 0};
    if (sink.descriptor < 0) return cannot_write(env, name, errno);
    cw_quiet quiet;
    hush(&quiet);
    int bad = write_file(name, &sink, seal, earlier, saved, fresh, list) < 0;
    unhush(&quiet);
    if (close(sink.descriptor) != 0 && sink.number == 0) sink.number = errno;
    return bad || sink.number != 0 ? cannot_write(env, name, sink.number) : CW_OK;
}

static void free_states(cw_env *env, int32_t count, char ***state) {
    for (int32_t k = 0; *state && k < count; k++) cw_free(env, &(*state)[k]);
    cw_free(env, state);
}

/* A fresh state of every accumulator. */
static cw_code make_states(cw_env *env, const cw_saved *saved, char ***state) {
    CW_TRY(cw_alloc_zero(env, (size_t)saved->count, sizeof **state, state));
    for (int32_t k = 0; k < saved->count; k++) {
        cw_code code = cw_alloc(env, cw_accumulator_bytes(saved->accumulator[k]), 1, &(*state)[k]);
        if (code != CW_OK) {
            free_states(env, saved->count, state);
            return code;
        }
        if ((*state)[k]) cw_accumulator_reset(saved->accumulator[k], (*state)[k]);
    }
    return CW_OK;
}

cw_code cw_nodes_write(cw_env *env, const char *file, const cw_seal *seal, const char *earlier,
                       const cw_saved *saved) {
    char **fresh = NULL;
    int64_t(*list)[2] = NULL;
    cw_code code = make_states(env, saved, &fresh);
    if (code == CW_OK) code = cw_alloc(env, (size_t)saved->nodes, sizeof *list, &list);
    if (code == CW_OK) code = open_and_write(env, file, seal, earlier, saved, fresh, list);
    cw_free(env, &list);
    free_states(env, saved->count, &fresh);
    return code;
}

/* ---- reading ---- */

/* 1 when a dataset has this type and these sizes. */
static int is_shaped(hid_t set, hid_t type, int rank, const hsize_t *size) {
    hsize_t found[2] = {0, 0};
    hid_t stored = H5Dget_type(set), space = H5Dget_space(set);
    int same = stored >= 0 && space >= 0 && H5Tequal(stored, type) > 0 &&
               H5Sget_simple_extent_ndims(space) == rank &&
               H5Sget_simple_extent_dims(space, found, NULL) == rank;
    for (int d = 0; d < rank && same; d++) same = found[d] == size[d];
    if (stored >= 0) H5Tclose(stored);
    if (space >= 0) H5Sclose(space);
    return same;
}

/* Checks a member, and reads it when `data` is given. */
static int get_member(hid_t place, const cw_member *member, void *data) {
    char link[CW_LINK_BYTES];
    link_name(member->name, link);
    if (H5Lexists(place, link, H5P_DEFAULT) <= 0) return -1;
    hid_t set = H5Dopen2(place, link, H5P_DEFAULT), type = member_type(member->type);
    const hsize_t size = (hsize_t)member->count;
    int bad = set < 0 || type < 0 || !is_shaped(set, type, 1, &size);
    if (!bad && data) bad = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0;
    if (set >= 0) H5Dclose(set);
    if (type >= 0) H5Tclose(type);
    return bad ? -1 : 0;
}

static int get_state(hid_t node, const cw_accumulator *accumulator, char *state) {
    char link[CW_LINK_BYTES];
    link_name(accumulator->name, link);
    if (H5Lexists(node, link, H5P_DEFAULT) == 0) return 0; /* as a fresh one */
    hid_t group = H5Gopen2(node, link, H5P_DEFAULT);
    if (group < 0) return -1;
    H5G_info_t info;
    hsize_t wanted = 0;
    int bad = H5Gget_info(group, &info) < 0;
    for (int32_t m = 0; m < accumulator->members && !bad; m++) {
        if (accumulator->member[m].count == 0) continue;
        void *data = state ? state + cw_accumulator_offset(accumulator, m) : NULL;
        bad = get_member(group, &accumulator->member[m], data) < 0;
        wanted++;
    }
    if (!bad) bad = info.nlinks != wanted;
    H5Gclose(group);
    return bad ? -1 : 0;
}

/* Checks a node, and reads it when `state` is given. */
static int get_node(hid_t pass, const int64_t number[2], const cw_saved *saved, char *const *state) {
    char link[64];
    node_name(number, link);
    if (H5Lexists(pass, link, H5P_DEFAULT) <= 0) return -1;
    hid_t node = H5Gopen2(pass, link, H5P_DEFAULT);
    if (node < 0) return -1;
    int bad = 0;
    hsize_t known = 0;
    for (int32_t k = 0; k < saved->count && !bad; k++) {
        char name[CW_LINK_BYTES];
        link_name(saved->accumulator[k]->name, name);
        known += H5Lexists(node, name, H5P_DEFAULT) > 0;
        if (state && state[k]) cw_accumulator_reset(saved->accumulator[k], state[k]);
        bad = get_state(node, saved->accumulator[k], state ? state[k] : NULL) < 0;
    }
    H5G_info_t info;
    if (!bad) bad = H5Gget_info(node, &info) < 0 || info.nlinks != known; /* an accumulator we do not know */
    H5Gclose(node);
    return bad ? -1 : 0;
}

/* The list of nodes; *nodes is -1 when the pass has another number of blocks or no readable list. */
static cw_code get_list(cw_env *env, hid_t pass, const cw_saved *saved, int64_t (**list)[2], int64_t *nodes) {
    *nodes = -1;
    int64_t blocks = -1;
    hid_t attribute = H5Aopen(pass, "blocks", H5P_DEFAULT);
    if (attribute >= 0) {
        if (H5Aread(attribute, H5T_NATIVE_INT64, &blocks) < 0) blocks = -1;
        H5Aclose(attribute);
    }
    if (blocks != saved->blocks) return CW_OK;
    hid_t set = H5Dopen2(pass, "nodes", H5P_DEFAULT);
    if (set < 0) return CW_OK;
    hid_t space = H5Dget_space(set);
    hsize_t size[2] = {0, 0};
    int shaped = H5Sget_simple_extent_ndims(space) == 2 &&
                 H5Sget_simple_extent_dims(space, size, NULL) == 2 && size[0] <= (hsize_t)blocks &&
                 is_shaped(set, H5T_NATIVE_INT64, 2, (hsize_t[]){size[0], 2});
    cw_code code = CW_OK;
    if (shaped) code = cw_alloc(env, (size_t)size[0], sizeof **list, list);
    if (shaped && code == CW_OK &&
        (size[0] == 0 || H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, *list) >= 0))
        *nodes = (int64_t)size[0];
    H5Sclose(space);
    H5Dclose(set);
    return code;
}

/* All shapes are checked before the first node is handed out, so nothing is taken from a pass in part. */
static cw_code hand_out(cw_env *env, const char *file, hid_t pass, const cw_saved *saved,
                        cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) {
    int64_t(*list)[2] = NULL, nodes = -1;
    char **state = NULL;
    cw_code code = get_list(env, pass, saved, &list, &nodes);
    int fits = nodes >= 0;
    for (int64_t n = 0; n < nodes && fits; n++) fits = get_node(pass, list[n], saved, NULL) == 0;
    if (code == CW_OK && !fits)
        cw_log(env, CW_WARNING,
               "%s: what is saved of pass %s has another shape; the pass starts from its beginning", file,
               saved->name);
    if (code == CW_OK && fits) code = make_states(env, saved, &state);
    for (int64_t n = 0; n < nodes && fits && code == CW_OK; n++) {
        if (get_node(pass, list[n], saved, state) < 0) {
            code = cannot_read(env, file);
            break;
        }
        cw_node node = {(int32_t)list[n][1], list[n][0], (void *const *)state};
        code = each(env, user, &node);
    }
    free_states(env, saved->count, &state);
    cw_free(env, &list);
    return code;
}

static cw_code read_file(cw_env *env, const char *name, const cw_saved *saved,
                         cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) {
    char path[CW_LINK_BYTES + 8] = "/pass/";
    link_name(saved->name, path + strlen(path));
    hid_t access = file_access();
    hid_t file = H5Fopen(name, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (file < 0) return cannot_read(env, name);
    cw_code code = CW_OK;
    if (H5Lexists(file, "/pass", H5P_DEFAULT) > 0 && H5Lexists(file, path, H5P_DEFAULT) > 0) {
        hid_t pass = H5Gopen2(file, path, H5P_DEFAULT);
        code = pass < 0 ? cannot_read(env, name) : hand_out(env, name, pass, saved, each, user);
        if (pass >= 0) H5Gclose(pass);
    }
    H5Fclose(file);
    return code;
}

cw_code cw_nodes_read(cw_env *env, const char *file, const cw_saved *saved,
                      cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) {
    cw_quiet quiet;
    hush(&quiet);
    cw_code code = read_file(env, file, saved, each, user);
    unhush(&quiet);
    return code;
}
