/* The pass: all ranks stream their blocks once and feed every accumulator that is ready.
 *
 * Ranks own runs of blocks: rank r of P owns [B r/P, B (r+1)/P) of the B blocks. Tree accumulators get a
 * fresh leaf a block, merged along the binary tree whose node (level l, index i) covers the blocks [i 2^l,
 * (i+1) 2^l); what is left at the right edge is folded from the right. So the bits depend on the blocks
 * alone. Finished subtrees are what a checkpoint holds, and any number of ranks may go on from it. */
#ifndef CW_MPI_PASS_H
#define CW_MPI_PASS_H

#include "../src/base/accumulator.h"
#include "../src/base/keysum.h"
#include "context.h"

/* A finished subtree: the states of all accumulators of a pass over the blocks [first, first + 2^level). */
typedef struct cw_node {
    int32_t level;
    int64_t first;
    void *const *state; /* one an accumulator. Exact ones are kept once: the first node of a save has their
                           state over the blocks of all its nodes, the others have fresh ones */
} cw_node;

/* Where finished work is kept; all calls are made on rank 0 only. The engine knows no files: io/checkpoint.h
 * implements this. NULL in the options: nothing is kept. */
typedef struct cw_keeper {
    void *self;
    /* True when a checkpoint is due now (by the clock). */
    int (*due)(void *self);
    /* Writes the finished subtrees of pass `name` (all of them, ordered by first block), replacing earlier
     * ones. */
    cw_code (*save)(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                    const cw_accumulator *const *accumulator, int64_t nodes, const cw_node *node);
    /* Reads back what was saved for pass `name`: calls `each` per node in order; none where there is nothing.
     */
    cw_code (*load)(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                    const cw_accumulator *const *accumulator,
                    cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user);
} cw_keeper;

/* Work on every block by the rank that owns it, in row order (maps to row state, sums by key). It may fail. A
 * pass that has any starts from its beginning after a kill. */
typedef struct cw_each {
    void *self;
    cw_code (*block)(cw_env *env, void *self, const cw_block *block);
} cw_each;

typedef struct cw_pass_options {
    const char *name;  /* unique in the run: the checkpoint and the timers use it */
    int32_t group_key; /* -1, or the key column whose changes bound units: block cuts move forward to the next
                          unit's first row, so that no unit is cut (a unit's rows must be adjacent) */
    int32_t halo;      /* earlier rows to be readable; with group_key never across units */
    int32_t eachs;
    const cw_each *each;
    const cw_keeper *keeper;                    /* on rank 0; ignored elsewhere */
    void (*progress)(void *self, double share); /* called on rank 0 now and then; NULL: not */
    void *progress_self;
} cw_pass_options;

/* Collective. Runs the pass; result[k] (cw_accumulator_bytes each, by the caller) gets accumulator k's final
 * state, the same bits on every rank and for every number of ranks. After a stop request: saves and returns
 * CW_STOPPED. A failed read on one rank makes all return its error. With no rows every state is fresh. */
cw_code cw_pass(cw_context *context, const cw_source *source, const cw_pass_options *options, int32_t count,
                const cw_accumulator *const *accumulator, void *const *result) CW_CHECKED;

/* The rows that this rank owns in ungrouped passes over `rows` rows: [*first, *end). */
void cw_owned_rows(const cw_context *context, int64_t rows, int64_t *first, int64_t *end);

#endif
