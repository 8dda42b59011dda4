/* Blocks by number: where a run of the engine gets them. Rows become blocks here (cuts at units, halo). */
#ifndef CW_MPI_SUPPLY_H
#define CW_MPI_SUPPLY_H

#include "../src/base/block.h"

typedef struct cw_supply {
    void *self;
    int32_t bytes_per_row;
    /* Block `number`; block->rows may be 0. Asked for in ascending order, not always the next one. */
    cw_code (*block)(cw_env *env, void *self, int64_t number, cw_block *block);
} cw_supply;

/* The blocks of a source. With group_key >= 0 cuts move forward to the next unit's first row; then a block
 * begins where a unit does and has no halo. */
typedef struct cw_rows {
    const cw_source *source;
    int64_t blocks;
    int32_t group_key, halo;
    const double **real; /* shifted past the halo */
    const int64_t **key;
    int64_t next, next_row; /* grouped: block `next` begins at row next_row */
} cw_rows;

cw_code cw_rows_open(cw_env *env, const cw_source *source, int32_t group_key, int32_t halo,
                     cw_rows *out) CW_CHECKED;
void cw_rows_close(cw_env *env, cw_rows *rows);
cw_supply cw_rows_supply(cw_rows *rows);

#endif
