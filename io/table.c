#include "table.h"

#include <stdio.h>
#include <string.h>

#include "../src/base/random.h"
#include "hdf5_file.h"
#include "table_internal.h"

const char *cw_kind_name(cw_kind kind) {
    static const char *const names[] = {"real", "integer", "binary", "category", "time", "text"};
    return names[kind];
}

const char *cw_storage_name(cw_storage storage) {
    static const char *const names[] = {"f64", "f32", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "text"};
    return names[storage];
}

cw_code cw_table_create(cw_env *env, cw_table **out) {
    cw_table *table;
    *out = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *table, &table));
    cw_code code = cw_alloc_zero(env, 1, sizeof *table->store, &table->store);
    if (code != CW_OK) {
        cw_free(env, &table);
        return code;
    }
    table->env = env;
    cw_arena_init(&table->store->arena, env);
    table->store->part_column = -1;
    *out = table;
    return CW_OK;
}

void cw_table_destroy(cw_table **table) {
    if (!*table) return;
    cw_env *env = (*table)->env;
    cw_arena_free(&(*table)->store->arena);
    cw_free(env, &(*table)->store);
    cw_free(env, table);
}

int64_t cw_table_part_of(const cw_table *table, int64_t row) {
    int64_t low = 0, high = table->parts;
    while (high - low > 1) { /* the last part that starts at or before the row */
        int64_t middle = low + (high - low) / 2;
        if (table->part[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void cw_table_place(const cw_table *table, int64_t part, int32_t column, int64_t row,
                    char where[CW_ERROR_PLACE]) {
    cw_place_text(where, "%s:%s, column %s, row %lld", table->part[part].file, table->part[part].path,
                  table->column[column].name, (long long)row + 1);
}

cw_code cw_column_usable(cw_env *env, const cw_table *table, int32_t column) {
    const cw_note *note = &table->store->note[column];
    const char *name = table->column[column].name;
    if (!note->why) return CW_OK;
    return cw_fail(env, CW_BAD_DATA, table->parts ? table->part[0].file : NULL,
                   "leave it out, or write it as numbers, texts or codes with labels",
                   "column %s cannot be read: %s", name, note->why);
}

/* -- names -- */

enum { NEAR_BYTES = 64 };

static char folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Levenshtein's distance of the first 63 bytes, capitals folded. */
static int distance(const char *a, const char *b) {
    int row[NEAR_BYTES], n = (int)strnlen(a, NEAR_BYTES - 1), m = (int)strnlen(b, NEAR_BYTES - 1);
    for (int j = 0; j <= m; j++) row[j] = j;
    for (int i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = corner + (folded(a[i - 1]) != folded(b[j - 1]));
            corner = row[j];
            int step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[m];
}

int32_t cw_table_find(const cw_table *table, const char *name, const char **nearest) {
    int32_t best = -1;
    int least = 0;
    if (nearest) *nearest = NULL;
    for (int32_t j = 0; j < table->columns; j++) {
        if (!strcmp(table->column[j].name, name)) {
            if (nearest) *nearest = table->column[j].name;
            return j;
        }
        if (!nearest) continue;
        int far = distance(name, table->column[j].name);
        if (best >= 0 && far >= least) continue;
        best = j;
        least = far;
    }
    if (nearest && best >= 0) *nearest = table->column[best].name;
    return -1;
}

/* -- texts to places -- */

cw_code cw_lookup_create(cw_env *env, char *const *item, int64_t count, int64_t capacity, cw_lookup *out) {
    uint64_t room = 16;
    while (room < 2 * (uint64_t)capacity) room *= 2;
    *out = (cw_lookup){.item = item, .mask = room - 1};
    CW_TRY(cw_alloc_zero(env, room, sizeof *out->slot, &out->slot));
    for (int64_t i = 0; i < count; i++) {
        uint64_t at = cw_hash64(item[i], strlen(item[i]), 0) & out->mask;
        while (out->slot[at] && strcmp(item[out->slot[at] - 1], item[i]) != 0) at = (at + 1) & out->mask;
        if (!out->slot[at]) out->slot[at] = (int32_t)i + 1;
    }
    return CW_OK;
}

void cw_lookup_destroy(cw_env *env, cw_lookup *lookup) {
    cw_free(env, &lookup->slot);
}

int32_t cw_lookup_find(const cw_lookup *lookup, const char *text, size_t length) {
    uint64_t at = cw_hash64(text, length, 0) & lookup->mask;
    for (; lookup->slot[at]; at = (at + 1) & lookup->mask) {
        const char *item = lookup->item[lookup->slot[at] - 1];
        if (!strncmp(item, text, length) && item[length] == '\0') return lookup->slot[at] - 1;
    }
    return -1;
}

/* -- distinct texts -- */

cw_code cw_texts_unique(cw_env *env, cw_texts *texts, const char *what) {
    int64_t kept = 0;
    CW_TRY(cw_texts_sort(env, texts->item, texts->count));
    for (int64_t i = 0; i < texts->count; i++)
        if (!kept || strcmp(texts->item[kept - 1], texts->item[i]) != 0) texts->item[kept++] = texts->item[i];
    texts->count = kept;
    if (kept <= CW_MAX_CATEGORIES) return CW_OK;
    return cw_fail(env, CW_BAD_DATA, NULL, "use a number as key, or leave the column out",
                   "column %s has more than %d distinct texts", what, CW_MAX_CATEGORIES);
}

cw_code cw_table_set_texts(cw_table *table, int32_t column, const cw_texts *texts) {
    cw_column *c = &table->column[column];
    cw_arena *arena = &table->store->arena;
    char **label;
    CW_TRY(cw_arena_take(arena, (size_t)texts->count, sizeof *label, &label));
    for (int64_t i = 0; i < texts->count; i++) CW_TRY(cw_arena_copy(arena, texts->item[i], &label[i]));
    c->category = label;
    c->categories = (int32_t)texts->count;
    table->store->note[column].labelled = 1;
    table->store->note[column].encoded = 1;
    return CW_OK;
}

cw_code cw_table_encode_alone(cw_env *env, cw_table *table, int32_t column) {
    if (!table->store->note[column].textual || table->store->note[column].encoded) return CW_OK;
    cw_arena arena;
    cw_texts texts = {0};
    cw_arena_init(&arena, env);
    cw_code code = cw_table_distinct(&arena, table, column, 0, table->rows, &texts);
    if (code == CW_OK) code = cw_table_set_texts(table, column, &texts);
    cw_arena_free(&arena);
    return code;
}
