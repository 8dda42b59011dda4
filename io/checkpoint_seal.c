#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/base/random.h"
#include "checkpoint_file.h"

/* The header: lines of text, zeros, and at a place that no version will move the hash of what is before it.
 */
enum { CW_SEAL_HASHED = 480, CW_SEAL_PIECE = 1 << 20 };
static const char magic[] = "causeway checkpoint\n";

static cw_code cannot_write(cw_env *env, const char *file, int number) {
    return cw_fail(env, CW_CANNOT_WRITE, file, "make room in the output folder, then run again to go on",
                   "cannot write the checkpoint: %s", strerror(number));
}

/* Fills `buffer` unless the file ends before. */
static int read_piece(int descriptor, char *buffer, size_t size, off_t offset, size_t *got) {
    *got = 0;
    while (*got < size) {
        ssize_t count = pread(descriptor, buffer + *got, size - *got, offset + (off_t)*got);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) break;
        *got += (size_t)count;
    }
    return 0;
}

/* The hash of all bytes after the header; *number is the errno of a failed read, or 0. */
static cw_code hash_contents(cw_env *env, int descriptor, uint64_t *hash, uint64_t *length, int *number) {
    char *piece = NULL;
    CW_TRY(cw_alloc(env, CW_SEAL_PIECE, 1, &piece));
    *hash = 0;
    *length = CW_SEAL_BYTES;
    for (;;) {
        size_t got;
        *number = read_piece(descriptor, piece, CW_SEAL_PIECE, (off_t)*length, &got);
        if (*number != 0 || got == 0) break;
        *hash = cw_hash64(piece, got, *hash);
        *length += got;
    }
    cw_free(env, &piece);
    return CW_OK;
}

static void render(const cw_seal *seal, uint64_t length, uint64_t contents, char header[CW_SEAL_BYTES]) {
    memset(header, 0, CW_SEAL_BYTES);
    snprintf(header, CW_SEAL_HASHED,
             "%sversion %d\njob %016llx\ndata %016llx\nbytes %llu\ncontents %016llx\n"
             "HDF5 follows after 512 bytes\n",
             magic, seal->version, (unsigned long long)seal->job, (unsigned long long)seal->data,
             (unsigned long long)length, (unsigned long long)contents);
    snprintf(header + CW_SEAL_HASHED, CW_SEAL_BYTES - CW_SEAL_HASHED, "%016llx\n",
             (unsigned long long)cw_hash64(header, CW_SEAL_HASHED, 0));
}

static int write_header(int descriptor, const char header[CW_SEAL_BYTES]) {
    size_t done = 0;
    while (done < CW_SEAL_BYTES) {
        ssize_t put = pwrite(descriptor, header + done, CW_SEAL_BYTES - done, (off_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        done += (size_t)put;
    }
    return fsync(descriptor) != 0 && errno != EINVAL ? errno : 0;
}

cw_code cw_seal_write(cw_env *env, const char *file, const cw_seal *seal) {
    int descriptor = open(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return cannot_write(env, file, errno);
    uint64_t contents, length;
    int number = 0;
    cw_code code = hash_contents(env, descriptor, &contents, &length, &number);
    if (code == CW_OK && number == 0) {
        char header[CW_SEAL_BYTES];
        render(seal, length, contents, header);
        number = write_header(descriptor, header);
    }
    if (close(descriptor) != 0 && number == 0) number = errno;
    if (code == CW_OK && number != 0) code = cannot_write(env, file, number);
    return code;
}

/* The number after `key` on a line of its own. */
static int find_number(const char *header, const char *key, int base, uint64_t *value) {
    const char *at = strstr(header, key);
    if (!at) return 0;
    *value = strtoull(at + strlen(key), NULL, base);
    return 1;
}

static int parse(const char header[CW_SEAL_BYTES], cw_seal *seal, uint64_t *length, uint64_t *contents) {
    char expected[CW_SEAL_BYTES - CW_SEAL_HASHED] = "";
    snprintf(expected, sizeof expected, "%016llx\n",
             (unsigned long long)cw_hash64(header, CW_SEAL_HASHED, 0));
    if (memcmp(header, magic, sizeof magic - 1) != 0) return 0;
    if (memcmp(header + CW_SEAL_HASHED, expected, sizeof expected) != 0) return 0;
    uint64_t version;
    if (header[CW_SEAL_HASHED - 1] != '\0' || !find_number(header, "\nversion ", 10, &version)) return 0;
    if (version > 1000000) return 0;
    seal->version = (int)version;
    if (seal->version != CW_CHECKPOINT_VERSION) return 1;
    return find_number(header, "\njob ", 16, &seal->job) && find_number(header, "\ndata ", 16, &seal->data) &&
           find_number(header, "\nbytes ", 10, length) && find_number(header, "\ncontents ", 16, contents);
}

static cw_code check(cw_env *env, int descriptor, int whole, cw_seal *seal, cw_seal_state *state, char *why) {
    char header[CW_SEAL_BYTES];
    size_t got;
    uint64_t length = 0, contents = 0;
    int number = read_piece(descriptor, header, sizeof header, 0, &got);
    if (number != 0) {
        snprintf(why, CW_ERROR_TEXT, "cannot be read: %s", strerror(number));
        return CW_OK;
    }
    if (got < sizeof header || !parse(header, seal, &length, &contents)) {
        snprintf(why, CW_ERROR_TEXT, "its header is torn or is not a checkpoint's");
        return CW_OK;
    }
    if (seal->version != CW_CHECKPOINT_VERSION) {
        *state = CW_SEAL_GOOD;
        return CW_OK;
    }
    struct stat status;
    if (fstat(descriptor, &status) != 0 || (uint64_t)status.st_size != length) {
        snprintf(why, CW_ERROR_TEXT, "it is shorter or longer than it was written");
        return CW_OK;
    }
    uint64_t found = contents;
    if (whole) CW_TRY(hash_contents(env, descriptor, &found, &length, &number));
    if (number != 0)
        snprintf(why, CW_ERROR_TEXT, "cannot be read: %s", strerror(number));
    else if (found != contents)
        snprintf(why, CW_ERROR_TEXT, "its contents have changed since they were written");
    else
        *state = CW_SEAL_GOOD;
    return CW_OK;
}

cw_code cw_seal_read(cw_env *env, const char *file, int whole, cw_seal *seal, cw_seal_state *state,
                     char *why) {
    memset(seal, 0, sizeof *seal);
    *state = CW_SEAL_BROKEN;
    why[0] = '\0';
    int descriptor = open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        snprintf(why, CW_ERROR_TEXT, "cannot be opened: %s", strerror(errno));
        if (errno == ENOENT) *state = CW_SEAL_MISSING;
        return CW_OK;
    }
    cw_code code = check(env, descriptor, whole, seal, state, why);
    close(descriptor);
    return code;
}
