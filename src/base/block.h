/* Rows as the mathematics sees them: a block of columns, and a source that reads blocks.
 *
 * The grid of blocks is fixed by the table alone: block b is the stored rows [b*8192, (b+1)*8192), counted
 * before any filter, the last one short. Nothing about it depends on the number of ranks, parts or files. */
#ifndef CW_BASE_BLOCK_H
#define CW_BASE_BLOCK_H

#include <stdint.h>

#include "env.h"

enum { CW_BLOCK_ROWS = 8192 };

/* A missing value among keys; among reals it is NaN. */
#define CW_KEY_MISSING INT64_MIN

/* A read-only view of consecutive rows. The arrays belong to the source and live until its next read. */
typedef struct cw_block {
    int64_t number;            /* the block's place in the grid */
    int64_t first_row;         /* global number of its first row */
    int32_t rows;              /* 1 or more (0 only in a grouped pass, when one unit fills several blocks) */
    int32_t halo;              /* this many earlier rows of the same unit can be read at index -1 .. -halo */
    int32_t reals;             /* columns of doubles */
    int32_t keys;              /* columns of exact integers: clusters, units, times, categories' codes */
    const double *const *real; /* real[j][i], i in [-halo, rows) */
    const int64_t *const *key; /* key[j][i], i in [-halo, rows) */
    const double *weight;      /* weight[i], i in [0, rows): 0 excludes the row; NULL: every row weighs 1 */
} cw_block;

/* Where blocks come from. Reading is not collective: each rank reads its own rows. */
typedef struct cw_source {
    int64_t rows;          /* all rows of the table, on every rank the same */
    int32_t reals, keys;   /* columns of every block */
    int32_t bytes_per_row; /* what a row costs to read (for GB/s in the timers) */
    void *self;
    /* Reads rows [first, first+rows) into *out (number and halo are set to 0; the pass sets them). The
     * columns may be asked for in any range, but ranges that go forward are fast. Fails with CW_IO,
     * CW_BAD_DATA or CW_NO_MEMORY; *out is then unspecified. */
    cw_code (*read)(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out);
} cw_source;

/* The number of blocks of a table. */
static inline int64_t cw_block_count(int64_t rows) {
    return (rows + CW_BLOCK_ROWS - 1) / CW_BLOCK_ROWS;
}

#endif
