#include "env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every block is preceded by one aligned unit that keeps its size, so that frees can be counted. */
enum { CW_ALIGN = 64 };

typedef struct cw_header {
    size_t bytes;
} cw_header;

void cw_env_init(cw_env *env) {
    memset(env, 0, sizeof *env);
}

static void copy_text(char *to, size_t size, const char *from) {
    size_t length = from ? strlen(from) : 0;
    if (length >= size) length = size - 1;
    if (length) memcpy(to, from, length);
    to[length] = '\0';
}

cw_code cw_fail(cw_env *env, cw_code code, const char *where, const char *mend, const char *format, ...) {
    if (env->error.code != CW_OK) return code;
    env->error.code = code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(env->error.what, sizeof env->error.what, format, arguments);
    va_end(arguments);
    copy_text(env->error.where, sizeof env->error.where, where);
    copy_text(env->error.mend, sizeof env->error.mend, mend);
    return code;
}

void cw_env_clear(cw_env *env) {
    memset(&env->error, 0, sizeof env->error);
}

void cw_error_line(const cw_error *error, char *line, size_t size) {
    const char *what = error->what[0] ? error->what : cw_code_text(error->code);
    snprintf(line, size, "%s%s%s%s%s", what, error->where[0] ? "; " : "", error->where,
             error->mend[0] ? "; " : "", error->mend);
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
}

void cw_log(cw_env *env, cw_level level, const char *format, ...) {
    if (!env->log_sink) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    env->log_sink(env->log_self, level, line);
}

static cw_code no_memory(cw_env *env, size_t count, size_t size) {
    return cw_fail(env, CW_NO_MEMORY, NULL, "ask for more memory or lower run.memory",
                   "cannot allocate %zu x %zu bytes beside the %lld in use", count, size,
                   (long long)env->bytes_now);
}

static void count_block(cw_env *env, size_t bytes) {
    env->bytes_now += (int64_t)bytes;
    env->blocks_now += 1;
    if (env->bytes_now > env->bytes_peak) env->bytes_peak = env->bytes_now;
}

cw_code cw_alloc(cw_env *env, size_t count, size_t size, void *out) {
    void *none = NULL;
    memcpy(out, &none, sizeof none);
    if (count == 0 || size == 0) return CW_OK;
    env->calls += 1;
    int injected = env->fail_at > 0 && env->calls >= env->fail_at;
    if (injected || count > (PTRDIFF_MAX - 2 * (size_t)CW_ALIGN) / size) return no_memory(env, count, size);
    size_t bytes = count * size;
    size_t room = (bytes + 2 * (size_t)CW_ALIGN - 1) / CW_ALIGN * CW_ALIGN;
    char *base = aligned_alloc(CW_ALIGN, room);
    if (!base) return no_memory(env, count, size);
    cw_header header = {bytes};
    memcpy(base, &header, sizeof header);
    void *block = base + CW_ALIGN;
    memcpy(out, &block, sizeof block);
    count_block(env, bytes);
    return CW_OK;
}

cw_code cw_alloc_zero(cw_env *env, size_t count, size_t size, void *out) {
    CW_TRY(cw_alloc(env, count, size, out));
    void *block;
    memcpy(&block, out, sizeof block);
    if (block) memset(block, 0, count * size);
    return CW_OK;
}

static size_t block_bytes(const void *block) {
    cw_header header;
    memcpy(&header, (const char *)block - CW_ALIGN, sizeof header);
    return header.bytes;
}

cw_code cw_realloc(cw_env *env, size_t count, size_t size, void *ptr) {
    void *old;
    memcpy(&old, ptr, sizeof old);
    void *fresh;
    CW_TRY(cw_alloc(env, count, size, &fresh));
    if (old && fresh) {
        size_t keep = block_bytes(old);
        memcpy(fresh, old, keep < count * size ? keep : count * size);
    }
    cw_free(env, &old);
    memcpy(ptr, &fresh, sizeof fresh);
    return CW_OK;
}

void cw_free(cw_env *env, void *ptr) {
    void *block;
    memcpy(&block, ptr, sizeof block);
    if (!block) return;
    env->bytes_now -= (int64_t)block_bytes(block);
    env->blocks_now -= 1;
    free((char *)block - CW_ALIGN);
    block = NULL;
    memcpy(ptr, &block, sizeof block);
}

cw_code cw_strndup(cw_env *env, const char *text, size_t length, char **out) {
    CW_TRY(cw_alloc(env, length + 1, 1, out));
    memcpy(*out, text, length);
    (*out)[length] = '\0';
    return CW_OK;
}

cw_code cw_strdup(cw_env *env, const char *text, char **out) {
    return cw_strndup(env, text, strlen(text), out);
}

cw_code cw_format(cw_env *env, char **out, const char *format, ...) {
    *out = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return cw_fail(env, CW_INTERNAL, NULL, NULL, "cannot format a text");
    CW_TRY(cw_alloc(env, (size_t)length + 1, 1, out));
    va_start(arguments, format);
    vsnprintf(*out, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return CW_OK;
}
