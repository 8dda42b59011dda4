/* Distinct texts of a column. */
#include <string.h>

#include "../src/base/random.h"
#include "hdf5_part.h"
#include "table_internal.h"

enum { PIECE_BYTES = 256 * 1024 };

/* A growing set: a list of texts in an arena and an open hash over it. */
typedef struct cw_set {
    cw_arena *arena;
    cw_texts *texts;
    cw_lookup lookup;
    int64_t capacity, bytes;
    const cw_table *table;
    int32_t column;
} cw_set;

static cw_code too_many(const cw_set *set, const char *what) {
    return cw_fail(set->arena->env, CW_BAD_DATA, set->table->part[0].file,
                   "use a number as key, or leave the column out", "column %s has %s",
                   set->table->column[set->column].name, what);
}

static cw_code widen(cw_set *set) {
    cw_env *env = set->arena->env;
    cw_lookup wider;
    int64_t capacity = set->capacity ? 4 * set->capacity : 64;
    CW_TRY(cw_lookup_create(env, set->texts->item, set->texts->count, capacity, &wider));
    cw_lookup_destroy(env, &set->lookup);
    set->lookup = wider;
    set->capacity = capacity;
    return CW_OK;
}

static cw_code put(cw_set *set, const char *text, size_t length) {
    if (set->texts->count >= set->capacity) CW_TRY(widen(set));
    if (cw_lookup_find(&set->lookup, text, length) >= 0) return CW_OK;
    if (set->texts->count >= CW_MAX_CATEGORIES) return too_many(set, "more than 1000000 distinct texts");
    set->bytes += (int64_t)length;
    if (set->bytes > CW_H5_LABEL_BYTES) return too_many(set, "more than 256 MiB of distinct texts");
    CW_TRY(cw_texts_add(set->arena, set->texts, text, length));
    set->lookup.item = set->texts->item;
    uint64_t at = cw_hash64(text, length, 0) & set->lookup.mask;
    while (set->lookup.slot[at]) at = (at + 1) & set->lookup.mask;
    set->lookup.slot[at] = (int32_t)set->texts->count;
    return CW_OK;
}

static cw_code read_texts(cw_set *set, const cw_dataset *d, const cw_field *f, int64_t first, int64_t rows) {
    cw_env *env = set->arena->env;
    int64_t piece = PIECE_BYTES / (int64_t)d->record + 1;
    char *buffer;
    CW_TRY(cw_alloc_zero(env, (size_t)piece, d->record, &buffer));
    cw_code code = CW_OK;
    for (int64_t done = 0; code == CW_OK && done < rows; done += piece) {
        int64_t n = rows - done < piece ? rows - done : piece;
        code = cw_dataset_read(env, d, f->line, first + done, n, buffer);
        if (code != CW_OK) break;
        for (int64_t i = 0; code == CW_OK && i < n; i++) {
            const char *text;
            size_t length;
            cw_decode_text(&f->stored, buffer + f->offset + (size_t)i * d->record, &text, &length);
            if (length) code = put(set, text, length);
        }
        cw_dataset_reclaim(d, n, buffer);
    }
    cw_free(env, &buffer);
    return code;
}

static cw_code read_part(cw_set *set, hid_t file, const cw_part *part, int64_t first, int64_t rows) {
    const char *name = set->table->column[set->column].name;
    cw_h5_part h5;
    CW_TRY(cw_h5_part_open(set->arena->env, part->file, file, part->path, 1, &name, &h5));
    const cw_field *f = cw_h5_part_find(&h5, name);
    cw_code code;
    if (!f || !cw_stored_is_text(&f->stored) || h5.rows != part->rows)
        code = cw_h5_part_fail(&h5, name, "start again", "the file has changed since the run began");
    else
        code = read_texts(set, &h5.dataset[f->dataset], f, first, rows);
    cw_h5_part_close(&h5);
    return code;
}

cw_code cw_table_distinct(cw_arena *arena, const cw_table *table, int32_t column, int64_t first, int64_t rows,
                          cw_texts *out) {
    cw_set set = {.arena = arena, .texts = out, .table = table, .column = column};
    cw_code code = cw_column_usable(arena->env, table, column);
    hid_t file = H5I_INVALID_HID;
    const char *open = NULL;
    int64_t end = first + rows;
    for (int64_t p = rows > 0 ? cw_table_part_of(table, first) : table->parts;
         code == CW_OK && p < table->parts; p++) {
        const cw_part *part = &table->part[p];
        int64_t from = first > part->first_row ? first - part->first_row : 0;
        int64_t to = end - part->first_row < part->rows ? end - part->first_row : part->rows;
        if (part->first_row >= end) break;
        if (to <= from) continue;
        if (!open || strcmp(open, part->file) != 0) {
            cw_h5_close(&file);
            open = part->file;
            code = cw_h5_open(arena->env, open, &file);
        }
        if (code == CW_OK) code = read_part(&set, file, part, from, to - from);
    }
    cw_h5_close(&file);
    cw_lookup_destroy(arena->env, &set.lookup);
    if (code == CW_OK) code = cw_texts_unique(arena->env, out, table->column[column].name);
    return code;
}
