/* The scan: every part's metadata is opened once, made to agree with the schema, and sampled for the digest.
 */
#include <stdio.h>
#include <string.h>

#include "../src/base/random.h"
#include "../src/base/sort.h"
#include "hdf5_part.h"
#include "table_internal.h"
#include "table_parts.h"
#include "table_schema.h"

enum { SAMPLE_ROWS = 16, SAMPLE_BUDGET = 30000 };

typedef struct cw_scan {
    cw_env *env;
    const cw_table_spec *spec;
    cw_arena scratch; /* of the lists of names */
    cw_named_list named;
    cw_table *table;
    cw_schema *schema;
    int64_t part_room, likely; /* parts that there will be, as far as is known */
    uint64_t hash;
} cw_scan;

static void mix(cw_scan *s, const void *data, size_t size) {
    s->hash = cw_hash64(data, size, s->hash);
}

/* -- samples -- */

static void mix_field(cw_scan *s, const cw_field *field, const cw_dataset *d, const char *bytes, int64_t n) {
    const char *from = bytes + field->offset;
    if (field->stored.element == CW_E_NONE || field->stored.element == CW_E_ODD) return;
    for (int64_t i = 0; i < n; i++, from += d->record) {
        double value = 0;
        const char *text;
        size_t length;
        if (cw_stored_is_text(&field->stored)) {
            cw_decode_text(&field->stored, from, &text, &length);
            mix(s, text ? text : "", length);
        } else {
            cw_decode_reals(&field->stored, from, field->stored.size, 1, &value);
            mix(s, &value, sizeof value);
        }
    }
}

static cw_code sample_rows(cw_scan *s, cw_h5_part *part, int32_t index, int64_t first, int64_t n) {
    const cw_dataset *d = &part->dataset[index];
    char *buffer;
    CW_TRY(cw_alloc_zero(s->env, (size_t)n, d->record, &buffer));
    cw_code code = CW_OK;
    int read = 0;
    for (int32_t j = 0; code == CW_OK && j < part->fields; j++) {
        const cw_field *field = &part->field[j];
        if (field->dataset != index) continue;
        if (!read || d->shape == CW_SHAPE_LINES)
            code = cw_dataset_read(s->env, d, field->line, first, n, buffer);
        read = code == CW_OK;
        if (read) mix_field(s, field, d, buffer, n);
    }
    if (read) cw_dataset_reclaim(d, n, buffer);
    cw_free(s->env, &buffer);
    return code;
}

static int is_readable(const cw_h5_part *part, int32_t index) {
    for (int32_t j = 0; j < part->fields; j++)
        if (part->field[j].dataset == index && part->field[j].stored.element != CW_E_NONE) return 1;
    return 0;
}

/* The first, middle and last rows; only the last where a piece costs unpacking a chunk. With very many
 * parts and columns each part gives some columns, in turn. */
static cw_code sample(cw_scan *s, cw_h5_part *part) {
    int64_t stride = s->likely * part->datasets * 3 / SAMPLE_BUDGET + 1;
    int64_t n = part->rows < SAMPLE_ROWS ? part->rows : SAMPLE_ROWS;
    int64_t start[3] = {part->rows - n, (part->rows - n) / 2, 0};
    if (n == 0) return CW_OK;
    for (int32_t i = 0; i < part->datasets; i++) {
        if ((s->table->parts + i) % stride || !is_readable(part, i)) continue;
        int places = part->dataset[i].filtered || part->dataset[i].record > 65536 ? 1 : 3;
        for (int k = 0; k < places; k++)
            if (!k || start[k] != start[k - 1]) CW_TRY(sample_rows(s, part, i, start[k], n));
    }
    return CW_OK;
}

/* -- parts -- */

static cw_code add_part(cw_scan *s, const char *file, const char *path, int64_t rows) {
    cw_table *table = s->table;
    if (table->parts >= CW_MAX_PARTS)
        return cw_fail(s->env, CW_BAD_DATA, file, NULL, "more than %d parts", CW_MAX_PARTS);
    if (rows > INT64_MAX / 16 - table->rows)
        return cw_fail(s->env, CW_BAD_DATA, file, NULL, "more than 2^59 rows");
    if (table->parts == s->part_room) {
        int64_t room = s->part_room ? 2 * s->part_room : 64;
        cw_part *part;
        CW_TRY(cw_arena_take(&table->store->arena, (size_t)room, sizeof *part, &part));
        if (table->parts) memcpy(part, table->part, (size_t)table->parts * sizeof *part);
        table->part = part;
        s->part_room = room;
    }
    cw_part *part = &table->part[table->parts], *before = table->parts ? part - 1 : NULL;
    *part = (cw_part){.first_row = table->rows, .rows = rows};
    if (before && !strcmp(before->file, file))
        part->file = before->file;
    else
        CW_TRY(cw_arena_copy(&table->store->arena, file, &part->file));
    if (before && !strcmp(before->path, path))
        part->path = before->path;
    else
        CW_TRY(cw_arena_copy(&table->store->arena, path, &part->path));
    table->parts += 1;
    table->rows += rows;
    mix(s, &rows, sizeof rows);
    return CW_OK;
}

static cw_code scan_path(cw_scan *s, const cw_named *named, hid_t file, const char *path) {
    cw_h5_part part;
    CW_TRY(cw_h5_part_open(s->env, named->file, file, path, -1, NULL, &part));
    cw_code code = CW_OK;
    if (named->rows >= 0 && named->rows != part.rows)
        code = cw_h5_part_fail(&part, NULL, "write the manifest again, or the file",
                               "%lld rows, where the manifest (line %d) says %lld", (long long)part.rows,
                               named->line, (long long)named->rows);
    if (code == CW_OK) code = cw_schema_take(s->schema, &part);
    if (code == CW_OK) code = sample(s, &part);
    if (code == CW_OK) code = add_part(s, named->file, part.path, part.rows);
    cw_h5_part_close(&part);
    return code;
}

static cw_code scan_file(cw_scan *s, const cw_named *named) {
    hid_t file;
    cw_texts paths = {0};
    cw_arena arena;
    cw_arena_init(&arena, s->env);
    cw_code code = cw_h5_open(s->env, named->file, &file);
    if (code == CW_OK) code = cw_h5_tables(&arena, named->file, file, named->path, &paths);
    if (code == CW_OK && paths.count && s->likely < s->named.count * paths.count)
        s->likely = s->named.count * paths.count;
    for (int64_t i = 0; code == CW_OK && i < paths.count; i++)
        code = scan_path(s, named, file, paths.item[i]);
    cw_h5_close(&file);
    cw_arena_free(&arena);
    return code;
}

/* -- the column of part names -- */

static const char *stem_of(const char *file, size_t *length) {
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file, *dot = strrchr(name, '.');
    *length = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    return name;
}

/* The components of a path that differ between the first part's and others': what a pattern's stars stand
 * for. */
static void differing(const cw_table *table, int64_t index, char *out, size_t size) {
    const char *path = table->part[index].path;
    size_t used = 0;
    int depth = 0;
    for (const char *at = path; *at; depth++) {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (!length) break;
        int differs = 0;
        for (int64_t other = 0; !differs && other < table->parts; other = other ? other * 2 : 1) {
            const char *o = table->part[other].path;
            for (int k = 0; k < depth && *o; k++) o += strspn(o, "/"), o += strcspn(o, "/");
            o += strspn(o, "/");
            differs = strcspn(o, "/") != length || memcmp(o, at, length) != 0;
        }
        if (differs && used + length + 2 < size) {
            if (used) out[used++] = '/';
            memcpy(out + used, at, length);
            used += length;
        }
        at += length;
    }
    out[used] = '\0';
}

static cw_code name_part(cw_scan *s, int64_t index, int files, int paths, char **out) {
    const cw_part *part = &s->table->part[index];
    char inside[CW_H5_PATH] = "", *name;
    size_t length;
    const char *stem = stem_of(part->file, &length);
    if (paths) differing(s->table, index, inside, sizeof inside);
    if (paths && !inside[0]) snprintf(inside, sizeof inside, "%s", part->path);
    if (files && paths)
        CW_TRY(cw_format(s->env, &name, "%.*s/%s", (int)length, stem, inside));
    else if (paths)
        CW_TRY(cw_strdup(s->env, inside, &name));
    else
        CW_TRY(cw_strndup(s->env, stem, length, &name));
    cw_code code = cw_arena_copy(&s->table->store->arena, name, out);
    cw_free(s->env, &name);
    return code;
}

static int repeats(cw_env *env, char **label, int64_t count, cw_code *code) {
    char **copy;
    int found = 0;
    *code = cw_alloc(env, (size_t)count, sizeof *copy, &copy);
    if (*code != CW_OK) return 0;
    memcpy(copy, label, (size_t)count * sizeof *copy);
    *code = cw_texts_sort(env, copy, count);
    for (int64_t i = 1; i < count; i++) found |= !strcmp(copy[i - 1], copy[i]);
    cw_free(env, &copy);
    return found;
}

/* File stems, or paths in one file, or both; where these repeat, the whole of both. */
static cw_code name_parts(cw_scan *s, cw_column *c) {
    cw_table *table = s->table;
    cw_arena *arena = &table->store->arena;
    int files = 0, paths = 0;
    for (int64_t i = 1; i < table->parts; i++) {
        files |= strcmp(table->part[i].file, table->part[0].file) != 0;
        paths |= strcmp(table->part[i].path, table->part[0].path) != 0;
    }
    CW_TRY(cw_arena_take(arena, (size_t)table->parts, sizeof *c->category, &c->category));
    for (int64_t i = 0; i < table->parts; i++) CW_TRY(name_part(s, i, files, paths, &c->category[i]));
    cw_code code = CW_OK;
    if (table->parts < 2 || !repeats(s->env, c->category, table->parts, &code)) return code;
    for (int64_t i = 0; i < table->parts; i++) {
        char *name;
        CW_TRY(cw_format(s->env, &name, "%s:%s", table->part[i].file, table->part[i].path));
        code = cw_arena_copy(arena, name, &c->category[i]);
        cw_free(s->env, &name);
        CW_TRY(code);
    }
    return CW_OK;
}

static cw_code add_part_column(cw_scan *s) {
    cw_table *table = s->table;
    if (cw_table_find(table, s->spec->part_id, NULL) >= 0)
        return cw_fail(s->env, CW_BAD_JOB, "data.part.id", "give another name",
                       "the data have a column %s already", s->spec->part_id);
    int32_t j = table->columns;
    cw_column *c = &table->column[j]; /* the schema left room for it */
    *c = (cw_column){.kind = CW_CATEGORY, .storage = CW_S_I32, .scale = 1};
    CW_TRY(cw_arena_copy(&table->store->arena, s->spec->part_id, &c->name));
    CW_TRY(cw_arena_copy(&table->store->arena, "name of the part", &c->description));
    CW_TRY(name_parts(s, c));
    c->categories = (int32_t)table->parts;
    table->store->note[j].labelled = 1;
    table->store->part_column = j;
    table->columns += 1;
    return CW_OK;
}

/* -- all -- */

static void mix_schema(cw_scan *s) {
    for (int32_t j = 0; j < s->table->columns; j++) {
        const cw_column *c = &s->table->column[j];
        const int32_t numbers[4] = {(int32_t)c->kind, (int32_t)c->storage, c->categories, c->missings};
        mix(s, c->name, strlen(c->name) + 1);
        mix(s, numbers, sizeof numbers);
        for (int32_t k = 0; k < c->categories && j != s->table->store->part_column; k++)
            mix(s, c->category[k], strlen(c->category[k]) + 1);
        for (int32_t k = 0; k < c->missings; k++) mix(s, &c->missing[k], sizeof *c->missing);
        mix(s, &c->scale, sizeof c->scale);
        mix(s, &c->offset, sizeof c->offset);
    }
}

static cw_code scan(cw_scan *s) {
    CW_TRY(cw_table_create(s->env, &s->table));
    CW_TRY(cw_schema_create(s->env, &s->schema));
    CW_TRY(cw_table_named(&s->scratch, s->spec, &s->named));
    s->likely = s->named.count;
    for (int64_t i = 0; i < s->named.count; i++) CW_TRY(scan_file(s, &s->named.item[i]));
    CW_TRY(cw_schema_finish(s->schema, s->spec, s->table));
    if (s->spec->part_id) CW_TRY(add_part_column(s));
    mix_schema(s);
    s->table->digest = s->hash;
    return CW_OK;
}

cw_code cw_table_scan(cw_env *env, const cw_table_spec *spec, cw_table **out) {
    cw_scan s = {.env = env, .spec = spec};
    *out = NULL;
    cw_arena_init(&s.scratch, env);
    cw_code code = scan(&s);
    cw_schema_destroy(&s.schema);
    cw_arena_free(&s.scratch);
    if (code == CW_OK)
        *out = s.table;
    else
        cw_table_destroy(&s.table);
    return code;
}
