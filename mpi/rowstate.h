/* Row state: named real columns beside this rank's rows (folds, residuals, demeaned columns). They are pure
 * functions of checkpointed models and rows, so they are never checkpointed: one pass makes them again. */
#ifndef CW_MPI_ROWSTATE_H
#define CW_MPI_ROWSTATE_H

#include "../src/base/block.h"
#include "context.h"

typedef struct cw_rowstate cw_rowstate;

/* Gives `bytes` of zeroed memory backed by a scratch file, and takes it back; io/scratch.h implements it. */
typedef struct cw_spill {
    void *self;
    cw_code (*map)(cw_env *env, void *self, size_t bytes, void **out);
    void (*unmap)(void *self, void *memory, size_t bytes);
} cw_spill;

/* Collective. Columns for the rows this rank owns of `rows`, all 0. Above `memory` bytes a rank they are
 * spilled (NULL spill: CW_NO_MEMORY names run.memory and run.scratch). */
cw_code cw_rowstate_create(cw_context *context, int64_t rows, int32_t columns, size_t memory,
                           const cw_spill *spill, cw_rowstate **out) CW_CHECKED;
void cw_rowstate_destroy(cw_rowstate **state);

/* The values of column j from this rank's row `row` (global number) on. */
double *cw_rowstate_at(cw_rowstate *state, int32_t column, int64_t row);

/* `base` with the state's columns appended to its reals. Reads only rows that this rank owns. Borrows both;
 * the source ends with the state. */
cw_code cw_rowstate_source(cw_rowstate *state, const cw_source *base, cw_source *out) CW_CHECKED;

#endif
