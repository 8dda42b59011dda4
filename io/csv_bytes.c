#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "csv.h"

enum { PACKED = 1 << 16 };

struct cw_bytes {
    cw_env *env;
    const char *file;
    int descriptor, gz, ended;
    int64_t offset; /* of the next byte to be read from the file */
    z_stream stream;
    int inflating;
    unsigned char packed[PACKED];
};

static cw_code read_failed(cw_bytes *bytes) {
    return cw_fail(bytes->env, CW_IO, bytes->file, "look at the file system", "cannot read: %s",
                   strerror(errno));
}

/* pread to the end of `room` or of the file. */
static cw_code read_stored(cw_bytes *bytes, void *into, size_t room, size_t *got) {
    *got = 0;
    while (*got < room) {
        size_t ask = room - *got < INT_MAX ? room - *got : INT_MAX;
        ssize_t n = pread(bytes->descriptor, (char *)into + *got, ask, (off_t)bytes->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return read_failed(bytes);
        if (n == 0) break;
        bytes->offset += n;
        *got += (size_t)n;
    }
    return CW_OK;
}

static voidpf take(voidpf self, uInt count, uInt size) {
    void *block;
    return cw_alloc(self, count, size, &block) == CW_OK ? block : Z_NULL;
}

static void give(voidpf self, voidpf block) {
    cw_free(self, &block);
}

static cw_code inflate_failed(cw_bytes *bytes, int result) {
    if (result == Z_MEM_ERROR) {
        CW_TRY(bytes->env->error.code);
        return cw_fail(bytes->env, CW_NO_MEMORY, bytes->file, NULL, "no memory to unpack");
    }
    return cw_fail(bytes->env, CW_BAD_DATA, bytes->file, "copy or make the file again", "damaged .gz: %s",
                   bytes->stream.msg ? bytes->stream.msg : "it ends too early");
}

/* Behind a member comes another member, padding of zero bytes, or nothing. */
static cw_code next_member(cw_bytes *bytes) {
    z_stream *stream = &bytes->stream;
    for (;;) {
        while (stream->avail_in > 0 && *stream->next_in == 0) {
            stream->next_in++;
            stream->avail_in--;
        }
        if (stream->avail_in > 0) break;
        size_t got;
        CW_TRY(read_stored(bytes, bytes->packed, PACKED, &got));
        stream->next_in = bytes->packed;
        stream->avail_in = (uInt)got;
        if (got == 0) {
            bytes->ended = 1;
            return CW_OK;
        }
    }
    if (inflateReset(stream) != Z_OK) return inflate_failed(bytes, Z_STREAM_ERROR);
    return CW_OK;
}

static cw_code read_packed(cw_bytes *bytes, char *into, size_t room, size_t *got) {
    z_stream *stream = &bytes->stream;
    *got = 0;
    while (*got < room && !bytes->ended) {
        if (stream->avail_in == 0) {
            size_t read;
            CW_TRY(read_stored(bytes, bytes->packed, PACKED, &read));
            if (read == 0) return inflate_failed(bytes, Z_BUF_ERROR);
            stream->next_in = bytes->packed;
            stream->avail_in = (uInt)read;
        }
        uInt ask = room - *got < 1 << 30 ? (uInt)(room - *got) : 1u << 30;
        stream->next_out = (unsigned char *)into + *got;
        stream->avail_out = ask;
        int result = inflate(stream, Z_NO_FLUSH);
        *got += ask - stream->avail_out;
        if (result == Z_STREAM_END) {
            CW_TRY(next_member(bytes));
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return inflate_failed(bytes, result);
        }
    }
    return CW_OK;
}

cw_code cw_bytes_read(cw_bytes *bytes, char *into, size_t room, size_t *got) {
    return bytes->gz ? read_packed(bytes, into, room, got) : read_stored(bytes, into, room, got);
}

/* Unpacks and forgets the first `offset` bytes of a .gz. */
static cw_code skip(cw_bytes *bytes, int64_t offset) {
    char waste[4096];
    while (offset > 0) {
        size_t got, ask = offset < (int64_t)sizeof waste ? (size_t)offset : sizeof waste;
        CW_TRY(cw_bytes_read(bytes, waste, ask, &got));
        if (got == 0) break;
        offset -= (int64_t)got;
    }
    return CW_OK;
}

static cw_code begin(cw_bytes *bytes, int64_t offset) {
    bytes->descriptor = open(bytes->file, O_RDONLY | O_CLOEXEC);
    if (bytes->descriptor < 0)
        return cw_fail(bytes->env, CW_NO_INPUT, bytes->file, "check the name and permissions",
                       "cannot read: %s", strerror(errno));
    if (!bytes->gz) {
        bytes->offset = offset;
        return CW_OK;
    }
    bytes->stream.zalloc = take;
    bytes->stream.zfree = give;
    bytes->stream.opaque = bytes->env;
    int result = inflateInit2(&bytes->stream, 15 + 16);
    if (result != Z_OK) return inflate_failed(bytes, result);
    bytes->inflating = 1;
    return skip(bytes, offset);
}

cw_code cw_bytes_open(cw_env *env, const char *file, int gz, int64_t offset, cw_bytes **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    (*out)->file = file;
    (*out)->gz = gz;
    (*out)->descriptor = -1;
    cw_code code = begin(*out, offset);
    if (code != CW_OK) cw_bytes_close(out);
    return code;
}

void cw_bytes_close(cw_bytes **bytes) {
    if (!*bytes) return;
    if ((*bytes)->inflating) (void)inflateEnd(&(*bytes)->stream);
    if ((*bytes)->descriptor >= 0) close((*bytes)->descriptor);
    cw_free((*bytes)->env, bytes);
}
