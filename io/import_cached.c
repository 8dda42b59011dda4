#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/base/random.h"
#include "file.h"
#include "import_inside.h"
#include "table_parts.h"

/* The version of what an import makes of the same source: a change of it makes old imports stale. */
enum { CACHE_VERSION = 1, SAMPLES = 16, SAMPLE_BYTES = 4096 };

static uint64_t mix_text(uint64_t digest, const char *text) {
    return text ? cw_hash64(text, strlen(text) + 1, digest) : cw_hash64("\1", 1, digest);
}

/* What the user says of columns decides what is written. */
static uint64_t mix_spec(uint64_t digest, const cw_table_spec *spec) {
    digest = mix_text(digest, spec->path);
    digest = mix_text(digest, spec->part_id);
    for (int32_t c = 0; c < spec->columns; c++) {
        const cw_column_spec *column = &spec->column[c];
        digest = mix_text(digest, column->name);
        digest = mix_text(digest, column->description);
        digest = mix_text(digest, column->unit);
        digest = cw_hash64(&column->kind, sizeof column->kind, digest);
        digest = cw_hash64(&column->missings, sizeof column->missings, digest);
        for (int32_t m = 0; m < column->missings; m++)
            digest = cw_hash64(&column->missing[m], sizeof column->missing[m], digest);
    }
    return digest;
}

/* Name, size, time of change and some of the contents of a file. */
static cw_code mix_file(cw_env *env, const cw_named *named, uint64_t *digest) {
    int descriptor = open(named->file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    cw_code code = CW_OK;
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        code = cw_fail(env, CW_NO_INPUT, named->file, "check the name and permissions", "cannot read: %s",
                       strerror(errno));
    if (code == CW_OK) {
        int64_t fact[4] = {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, named->rows};
        *digest = mix_text(mix_text(*digest, named->file), named->path);
        *digest = cw_hash64(fact, sizeof fact, *digest);
    }
    for (int s = 0; s < SAMPLES && code == CW_OK; s++) {
        char sample[SAMPLE_BYTES];
        off_t at = status.st_size <= SAMPLES * SAMPLE_BYTES
                       ? (off_t)s * SAMPLE_BYTES
                       : (status.st_size - SAMPLE_BYTES) / (SAMPLES - 1) * s;
        ssize_t got = pread(descriptor, sample, sizeof sample, at);
        if (got < 0) code = cw_fail(env, CW_IO, named->file, NULL, "cannot read: %s", strerror(errno));
        if (got > 0) *digest = cw_hash64(sample, (uint64_t)got, *digest);
    }
    if (descriptor >= 0) close(descriptor);
    return code;
}

static cw_code digest_sources(cw_env *env, const cw_table_spec *spec, uint64_t *digest) {
    cw_arena arena;
    cw_named_list list = {0};
    cw_arena_init(&arena, env);
    *digest = mix_spec(CACHE_VERSION, spec);
    cw_code code = cw_table_named(&arena, spec, &list);
    for (int64_t f = 0; f < list.count && code == CW_OK; f++) code = mix_file(env, &list.item[f], digest);
    cw_arena_free(&arena);
    return code;
}

/* Rank 0: the target's name, and whether a whole one is there. A file gets its name only when it is whole; a
 * look at every checksum would cost a reading of the table. What cannot be opened as a table is made again.
 */
static cw_code find(cw_env *env, const cw_table_spec *spec, const char *folder, char **target,
                    int64_t *there) {
    uint64_t digest;
    char name[64];
    CW_TRY(digest_sources(env, spec, &digest));
    CW_TRY(cw_folder_make(env, folder));
    snprintf(name, sizeof name, "table-%016llx.h5", (unsigned long long)digest);
    CW_TRY(cw_path_join(env, folder, name, target));
    *there = 0;
    if (!cw_file_exists(*target)) return CW_OK;
    const char *file[1] = {*target};
    cw_table_spec made = {.files = 1, .file = file};
    cw_table *table = NULL;
    cw_code code = cw_table_scan(env, &made, &table);
    cw_table_destroy(&table);
    if (code == CW_NO_MEMORY) return code;
    *there = code == CW_OK;
    cw_env_clear(env);
    return CW_OK;
}

cw_code cw_import_cached(cw_context *context, const cw_table_spec *spec, const char *folder, char **target,
                         char **report) {
    cw_env *env = cw_context_env(context);
    char *found = NULL;
    int64_t there = 0;
    *target = NULL;
    if (report) *report = NULL;
    cw_code code = CW_OK;
    if (cw_context_rank(context) == 0) code = find(env, spec, folder, &found, &there);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_share_text(context, found, target);
    if (code == CW_OK) code = cw_broadcast(context, &there, sizeof there);
    if (code == CW_OK && !there) code = cw_import(context, spec, *target, report);
    cw_free(env, &found);
    if (code != CW_OK) cw_free(env, target);
    return code;
}
