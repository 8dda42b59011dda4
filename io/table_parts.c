#include "table_parts.h"

#include <stdio.h>
#include <string.h>

#include "../src/base/sort.h"
#include "file.h"
#include "hdf5_file.h"
#include "pattern.h"
#include "sniff.h"

enum { MANIFEST_BYTES = 1 << 30, FIELDS = 256 };

static cw_code add_named(cw_arena *arena, cw_named_list *list, cw_named one) {
    if (list->count >= CW_MAX_PARTS)
        return cw_fail(arena->env, CW_BAD_DATA, NULL, NULL, "more than %d files", CW_MAX_PARTS);
    if (list->count == list->room) {
        int64_t room = list->room ? 2 * list->room : 64;
        cw_named *item;
        CW_TRY(cw_arena_take(arena, (size_t)room, sizeof *item, &item));
        if (list->count) memcpy(item, list->item, (size_t)list->count * sizeof *item);
        list->item = item;
        list->room = room;
    }
    list->item[list->count++] = one;
    return CW_OK;
}

/* -- the manifest: RFC 4180 with a header line -- */

typedef struct cw_manifest {
    cw_arena *arena;
    const char *name, *at, *end;
    int line;
    cw_texts field;
} cw_manifest;

static cw_code bad_manifest(cw_manifest *m, const char *mend, const char *what) {
    char where[CW_ERROR_PLACE];
    cw_place_text(where, "%s, line %d", m->name, m->line);
    return cw_fail(m->arena->env, CW_BAD_DATA, where, mend, "%s", what);
}

/* A quoted field: doubled quotes stand for one. */
static cw_code quoted(cw_manifest *m, char *text, size_t *length) {
    for (m->at++; m->at < m->end; m->at++) {
        if (*m->at == '\n') m->line++;
        if (*m->at == '"') {
            if (m->at + 1 >= m->end || m->at[1] != '"') {
                m->at++;
                return CW_OK;
            }
            m->at++;
        }
        text[(*length)++] = *m->at;
    }
    return bad_manifest(m, "close the quote", "an unclosed quote");
}

static cw_code next_line(cw_manifest *m, char *text) {
    m->field = (cw_texts){0};
    for (;;) {
        size_t length = 0;
        if (m->at < m->end && *m->at == '"') CW_TRY(quoted(m, text, &length));
        while (m->at < m->end && *m->at != ',' && *m->at != '\n' && *m->at != '\r') text[length++] = *m->at++;
        if (memchr(text, '\0', length)) return bad_manifest(m, "write it as text", "a zero byte");
        CW_TRY(cw_texts_add(m->arena, &m->field, text, length));
        if (m->field.count > FIELDS) return bad_manifest(m, NULL, "more than 256 fields");
        if (m->at >= m->end || *m->at != ',') break;
        m->at++;
    }
    if (m->at < m->end && *m->at == '\r') m->at++;
    if (m->at < m->end && *m->at == '\n') m->at++;
    return CW_OK;
}

static int64_t whole_number(const char *text) {
    int64_t value = 0;
    if (!text[0]) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > INT64_MAX / 10 - 9) return -2;
        value = 10 * value + (*text - '0');
    }
    return value;
}

static cw_code beside_manifest(cw_arena *arena, const char *manifest, const char *file, char **out) {
    const char *slash = strrchr(manifest, '/');
    size_t folder = slash && file[0] != '/' ? (size_t)(slash - manifest) + 1 : 0, length = strlen(file);
    CW_TRY(cw_arena_take(arena, folder + length + 1, 1, out));
    memcpy(*out, manifest, folder);
    memcpy(*out + folder, file, length);
    return CW_OK;
}

static cw_code manifest_lines(cw_manifest *m, char *text, const cw_table_spec *spec, cw_named_list *out) {
    int64_t file = -1, path = -1, rows = -1;
    CW_TRY(next_line(m, text));
    for (int64_t i = 0; i < m->field.count; i++) {
        if (!strcmp(m->field.item[i], "file")) file = i;
        if (!strcmp(m->field.item[i], "path")) path = i;
        if (!strcmp(m->field.item[i], "rows")) rows = i;
    }
    if (file < 0)
        return bad_manifest(m, "its first line names the columns: file, and if wanted path and rows",
                            "a manifest without a column 'file'");
    int64_t columns = m->field.count;
    while (m->at < m->end) {
        m->line++;
        cw_named one = {.rows = -1, .line = m->line};
        CW_TRY(next_line(m, text));
        if (m->field.count == 1 && !m->field.item[0][0]) continue;
        if (m->field.count != columns)
            return bad_manifest(m, NULL, "another number of fields than in the first line");
        if (!m->field.item[file][0]) return bad_manifest(m, "name a file", "an empty file name");
        CW_TRY(beside_manifest(m->arena, m->name, m->field.item[file], &one.file));
        const char *inside = path >= 0 && m->field.item[path][0] ? m->field.item[path] : spec->path;
        CW_TRY(cw_arena_copy(m->arena, inside, &one.path));
        if (rows >= 0) one.rows = whole_number(m->field.item[rows]);
        if (one.rows < -1) return bad_manifest(m, NULL, "rows that are no whole number");
        CW_TRY(add_named(m->arena, out, one));
    }
    return CW_OK;
}

static cw_code read_manifest(cw_arena *arena, const cw_table_spec *spec, cw_named_list *out) {
    char *text, *field = NULL;
    size_t length;
    CW_TRY(cw_file_read(arena->env, spec->manifest, MANIFEST_BYTES, &text, &length));
    cw_manifest m = {.arena = arena, .name = spec->manifest, .at = text, .end = text + length, .line = 1};
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) m.at += 3;
    cw_code code = cw_alloc(arena->env, length + 1, 1, &field);
    if (code == CW_OK) code = manifest_lines(&m, field, spec, out);
    cw_free(arena->env, &field);
    cw_free(arena->env, &text);
    return code;
}

/* -- both -- */

static int by_name(const void *a, const void *b, void *self) {
    (void)self;
    const cw_named *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    return order ? order : strcmp(x->path ? x->path : "", y->path ? y->path : "");
}

/* A file named twice would count its rows twice. */
static cw_code check_twice(cw_arena *arena, const cw_named_list *list) {
    cw_named *copy;
    cw_env *env = arena->env;
    CW_TRY(cw_alloc(env, (size_t)list->count, sizeof *copy, &copy));
    if (list->count) memcpy(copy, list->item, (size_t)list->count * sizeof *copy);
    cw_code code = cw_sort(env, copy, list->count, sizeof *copy, by_name, NULL);
    for (int64_t i = 1; code == CW_OK && i < list->count; i++)
        if (!by_name(&copy[i - 1], &copy[i], NULL))
            code = cw_fail(env, CW_BAD_DATA, copy[i].file, "name it once", "a file is named twice");
    cw_free(env, &copy);
    return code;
}

cw_code cw_table_named(cw_arena *arena, const cw_table_spec *spec, cw_named_list *out) {
    *out = (cw_named_list){0};
    if (spec->manifest) CW_TRY(read_manifest(arena, spec, out));
    for (int32_t i = 0; i < spec->files; i++) {
        cw_texts files = {0};
        char *path;
        CW_TRY(cw_arena_copy(arena, spec->path, &path));
        CW_TRY(cw_pattern_files(arena, spec->file[i], &files));
        for (int64_t k = 0; k < files.count; k++)
            CW_TRY(add_named(arena, out, (cw_named){.file = files.item[k], .path = path, .rows = -1}));
    }
    if (!out->count)
        return cw_fail(arena->env, CW_BAD_JOB, spec->manifest, "give data.file, data.files or data.manifest",
                       "no file is named");
    return check_twice(arena, out);
}

cw_code cw_table_needs_import(cw_env *env, const cw_table_spec *spec, int *needed) {
    cw_arena arena;
    cw_named_list list;
    cw_arena_init(&arena, env);
    *needed = 0;
    cw_code code = cw_table_named(&arena, spec, &list);
    for (int64_t i = 0; code == CW_OK && !*needed && i < list.count; i++) {
        cw_sniffed sniffed;
        code = cw_sniff(env, list.item[i].file, &sniffed);
        *needed = code == CW_OK && (sniffed.format == CW_FORMAT_CSV || sniffed.format == CW_FORMAT_CSV_GZ);
    }
    cw_arena_free(&arena);
    return code;
}
