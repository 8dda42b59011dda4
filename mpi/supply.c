#include "supply.h"

#include <string.h>

/* Rows read beyond a nominal cut at first: most units are shorter. */
enum { AHEAD = 256 };

cw_code cw_rows_open(cw_env *env, const cw_source *source, int32_t group_key, int32_t halo, cw_rows *out) {
    memset(out, 0, sizeof *out);
    out->source = source;
    out->blocks = cw_block_count(source->rows);
    out->group_key = group_key;
    out->halo = halo;
    out->next = -1;
    if (group_key >= source->keys)
        return cw_fail(env, CW_INTERNAL, "cw_pass", NULL, "no key column %d to group by", (int)group_key);
    if (halo < 0 || halo > INT32_MAX - CW_BLOCK_ROWS)
        return cw_fail(env, CW_INTERNAL, "cw_pass", NULL, "a halo of %d rows", (int)halo);
    CW_TRY(cw_alloc(env, (size_t)source->reals, sizeof *out->real, &out->real));
    return cw_alloc(env, (size_t)source->keys, sizeof *out->key, &out->key);
}

void cw_rows_close(cw_env *env, cw_rows *rows) {
    cw_free(env, &rows->real);
    cw_free(env, &rows->key);
}

static int64_t nominal_cut(const cw_rows *rows, int64_t number) {
    return number >= rows->blocks ? rows->source->rows : number * CW_BLOCK_ROWS;
}

static cw_code read_rows(cw_env *env, const cw_rows *rows, int64_t first, int64_t end, cw_block *out) {
    if (end - first > INT32_MAX)
        return cw_fail(env, CW_BAD_DATA, NULL, "check the unit column, or split this unit",
                       "the unit of row %lld has more than %d rows", (long long)first + 1, INT32_MAX);
    return rows->source->read(env, rows->source->self, first, (int32_t)(end - first), out);
}

/* Points `block` past its first `halo` rows, which stay readable at negative indices. */
static void shift(cw_rows *rows, int32_t halo, cw_block *block) {
    for (int32_t j = 0; j < block->reals; j++) rows->real[j] = block->real[j] + halo;
    for (int32_t j = 0; j < block->keys; j++) rows->key[j] = block->key[j] + halo;
    block->real = rows->real;
    block->key = rows->key;
    if (block->weight) block->weight += halo;
    block->rows -= halo;
    block->halo = halo;
}

static cw_code plain_block(cw_env *env, cw_rows *rows, int64_t number, cw_block *block) {
    int64_t first = nominal_cut(rows, number), end = nominal_cut(rows, number + 1);
    int32_t halo = first < rows->halo ? (int32_t)first : rows->halo;
    CW_TRY(read_rows(env, rows, first - halo, end, block));
    if (halo) shift(rows, halo, block);
    block->first_row = first;
    return CW_OK;
}

/* Index of the first row at or after `from` (>= 1) whose key differs from that of the row before; block->rows
 * if there is none. */
static int32_t next_unit(const cw_block *block, int32_t group_key, int32_t from) {
    const int64_t *key = block->key[group_key];
    int32_t i = from;
    while (i < block->rows && key[i] == key[i - 1]) i++;
    return i;
}

/* Finds the first row of a unit at or after the nominal cut `row`, in windows that begin one row early. */
static cw_code find_cut(cw_env *env, const cw_rows *rows, int64_t row, int64_t *cut) {
    int64_t ahead = AHEAD;
    *cut = row;
    if (row == 0) return CW_OK;
    while (*cut < rows->source->rows) {
        int64_t end = rows->source->rows - *cut < ahead ? rows->source->rows : *cut + ahead;
        int64_t first = *cut - 1;
        cw_block block;
        CW_TRY(read_rows(env, rows, first, end, &block));
        *cut = first + next_unit(&block, rows->group_key, 1);
        if (*cut < end) return CW_OK;
        ahead = CW_BLOCK_ROWS;
    }
    return CW_OK;
}

/* Reads from `first` (a unit's first row before the nominal cut `nominal`) until the block's last unit is
 * whole; a longer reach is tried where it is not. */
static cw_code whole_units(cw_env *env, const cw_rows *rows, int64_t first, int64_t nominal,
                           cw_block *block) {
    for (int64_t ahead = AHEAD;; ahead *= 2) {
        int64_t end = rows->source->rows - nominal < ahead ? rows->source->rows : nominal + ahead;
        CW_TRY(read_rows(env, rows, first, end, block));
        if (nominal < rows->source->rows)
            block->rows = next_unit(block, rows->group_key, (int32_t)(nominal - first));
        if (first + block->rows < end || end == rows->source->rows) return CW_OK;
    }
}

static cw_code grouped_block(cw_env *env, cw_rows *rows, int64_t number, cw_block *block) {
    int64_t first = rows->next_row;
    if (number != rows->next) CW_TRY(find_cut(env, rows, nominal_cut(rows, number), &first));
    int64_t nominal = nominal_cut(rows, number + 1);
    memset(block, 0, sizeof *block);
    if (first < nominal) CW_TRY(whole_units(env, rows, first, nominal, block));
    block->first_row = first;
    rows->next = number + 1;
    rows->next_row = first + block->rows;
    return CW_OK;
}

static cw_code supply_block(cw_env *env, void *self, int64_t number, cw_block *block) {
    cw_rows *rows = self;
    if (rows->group_key >= 0)
        CW_TRY(grouped_block(env, rows, number, block));
    else
        CW_TRY(plain_block(env, rows, number, block));
    block->number = number;
    return CW_OK;
}

cw_supply cw_rows_supply(cw_rows *rows) {
    cw_supply supply = {rows, rows->source->bytes_per_row, supply_block};
    return supply;
}
