#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cw_code cannot_write(cw_env *env, const char *file, const char *doing, int number) {
    const char *mend = number == ENOSPC || number == EDQUOT ? "free some room, or write elsewhere"
                                                            : "write elsewhere, or mend the permissions";
    return cw_fail(env, CW_CANNOT_WRITE, file, mend, "cannot %s: %s", doing, strerror(number));
}

static cw_code cannot_read(cw_env *env, const char *file, int number) {
    int absent = number == ENOENT || number == ENOTDIR || number == EACCES;
    return cw_fail(env, absent ? CW_NO_INPUT : CW_IO, file, absent ? "check the name and permissions" : NULL,
                   "cannot read: %s", strerror(number));
}

static cw_code too_long(cw_env *env, const char *file, size_t limit) {
    return cw_fail(env, CW_BAD_DATA, file, NULL, "longer than the %zu bytes allowed here", limit);
}

/* Reads to the end, growing the buffer; never trusts the size that the file system states. */
static cw_code read_all(cw_env *env, const char *file, int descriptor, size_t limit, char **text,
                        size_t *length, size_t room) {
    size_t filled = 0;
    CW_TRY(cw_alloc(env, room, 1, text));
    for (;;) {
        if (filled + 1 >= room) {
            room = room > limit / 2 ? limit + 2 : 2 * room;
            CW_TRY(cw_realloc(env, room, 1, text));
        }
        ssize_t got = read(descriptor, *text + filled, room - 1 - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(env, file, errno);
        if (got == 0) break;
        filled += (size_t)got;
        if (filled > limit) return too_long(env, file, limit);
    }
    (*text)[filled] = '\0';
    *length = filled;
    return CW_OK;
}

cw_code cw_file_read(cw_env *env, const char *file, size_t limit, char **text, size_t *length) {
    *text = NULL;
    *length = 0;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return cannot_read(env, file, errno);
    struct stat status;
    cw_code code = CW_OK;
    if (limit > SIZE_MAX / 4) limit = SIZE_MAX / 4;
    if (fstat(descriptor, &status) != 0) {
        code = cannot_read(env, file, errno);
    } else if (S_ISDIR(status.st_mode)) {
        code = cw_fail(env, CW_NO_INPUT, file, "name a file", "is a folder");
    } else if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > limit) {
        code = too_long(env, file, limit);
    } else {
        size_t room = S_ISREG(status.st_mode) ? (size_t)status.st_size + 2 : 4096;
        code = read_all(env, file, descriptor, limit, text, length, room);
    }
    close(descriptor);
    if (code != CW_OK) {
        cw_free(env, text);
        *length = 0;
    }
    return code;
}

static cw_code write_all(cw_env *env, const char *file, int descriptor, const char *data, size_t length) {
    while (length > 0) {
        ssize_t put = write(descriptor, data, length);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return cannot_write(env, file, "write", errno);
        data += put;
        length -= (size_t)put;
    }
    if (fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS)
        return cannot_write(env, file, "write to disk", errno);
    return CW_OK;
}

/* The folder that holds a file. */
static cw_code folder_of(cw_env *env, const char *file, char **folder) {
    const char *slash = strrchr(file, '/');
    if (!slash) return cw_strdup(env, ".", folder);
    return cw_strndup(env, file, slash == file ? 1 : (size_t)(slash - file), folder);
}

/* fsyncs a folder, so that a rename in it survives a power cut. Some network file systems cannot fsync a
 * folder; the rename itself is then all there is. */
static void sync_folder(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    (void)fsync(descriptor);
    close(descriptor);
}

cw_code cw_file_temporary(cw_env *env, const char *file, char **out) {
    char host[65] = "host";
    (void)gethostname(host, sizeof host - 1);
    return cw_format(env, out, "%s.%s.%ld.tmp", file, host, (long)getpid());
}

cw_code cw_file_install(cw_env *env, const char *temporary, const char *file) {
    char *folder = NULL;
    CW_TRY(folder_of(env, file, &folder));
    cw_code code = CW_OK;
    if (rename(temporary, file) != 0) code = cannot_write(env, file, "rename into place", errno);
    if (code == CW_OK) sync_folder(folder);
    cw_free(env, &folder);
    return code;
}

cw_code cw_file_replace(cw_env *env, const char *file, const void *data, size_t length) {
    char *temporary = NULL;
    CW_TRY(cw_file_temporary(env, file, &temporary));
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    cw_code code = CW_OK;
    if (descriptor < 0) {
        code = cannot_write(env, file, "create", errno);
    } else {
        code = write_all(env, file, descriptor, data, length);
        if (close(descriptor) != 0 && code == CW_OK) code = cannot_write(env, file, "write", errno);
        if (code == CW_OK) code = cw_file_install(env, temporary, file);
        if (code != CW_OK) (void)unlink(temporary);
    }
    cw_free(env, &temporary);
    return code;
}

/* Makes one folder, or accepts one that is there (another process may have just made it). */
static cw_code make_one(cw_env *env, const char *folder, mode_t mode) {
    if (mkdir(folder, mode) == 0) return CW_OK;
    int number = errno;
    struct stat status;
    if (stat(folder, &status) == 0) {
        if (S_ISDIR(status.st_mode)) return CW_OK;
        return cw_fail(env, CW_CANNOT_WRITE, folder, "remove it, or choose another folder",
                       "is there but is no folder");
    }
    return cannot_write(env, folder, "make the folder", number);
}

cw_code cw_folder_make(cw_env *env, const char *folder) {
    char *path = NULL;
    CW_TRY(cw_strdup(env, folder, &path));
    cw_code code = CW_OK;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
    for (char *c = path + (length > 0); *c && code == CW_OK; c++) {
        if (*c != '/' || c[-1] == '/') continue;
        *c = '\0';
        code = make_one(env, path, 0777);
        *c = '/';
    }
    if (code == CW_OK && length > 0) code = make_one(env, path, 0700);
    cw_free(env, &path);
    return code;
}

int cw_file_exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

cw_code cw_path_join(cw_env *env, const char *folder, const char *name, char **out) {
    *out = NULL;
    if (!folder || !folder[0] || name[0] == '/') return cw_strdup(env, name, out);
    const char *between = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return cw_format(env, out, "%s%s%s", folder, between, name);
}

cw_code cw_folder_sweep(cw_env *env, const char *folder) {
    DIR *entries = opendir(folder);
    if (!entries) return CW_OK;
    cw_code code = CW_OK;
    for (struct dirent *entry = readdir(entries); entry && code == CW_OK; entry = readdir(entries)) {
        size_t length = strlen(entry->d_name);
        char *file = NULL;
        if (length < 4 || strcmp(entry->d_name + length - 4, ".tmp") != 0) continue;
        code = cw_path_join(env, folder, entry->d_name, &file);
        if (code == CW_OK) (void)unlink(file);
        cw_free(env, &file);
    }
    (void)closedir(entries);
    return code;
}
