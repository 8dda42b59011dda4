/* The states of several accumulators as one flat piece of memory, so that a node of the tree is one
 * allocation and one message; and a pool that hands such pieces out and takes them back. No MPI here. */
#ifndef CW_MPI_STATES_H
#define CW_MPI_STATES_H

#include "../src/base/accumulator.h"

typedef struct cw_states {
    cw_env *env;
    int32_t count;
    const cw_accumulator **accumulator;
    size_t *offset; /* of each accumulator's state */
    size_t bytes;   /* of all; may be 0 */
    void *pool;     /* free pieces; each begins with the address of the next */
} cw_states;

/* The accumulators among `count` that have this order, in their order. */
cw_code cw_states_open(cw_env *env, int32_t count, const cw_accumulator *const *accumulator, cw_order order,
                       cw_states *out) CW_CHECKED;
/* Frees the pool too; pieces that were taken must have been given back. */
void cw_states_close(cw_states *states);

/* Takes a piece (contents undefined), and gives one back; *piece becomes NULL. */
cw_code cw_states_take(cw_states *states, void **piece) CW_CHECKED;
void cw_states_give(cw_states *states, void **piece);

void cw_states_reset(const cw_states *states, void *piece);
void cw_states_add(const cw_states *states, void *piece, void *scratch, const cw_block *block);
void cw_states_merge(const cw_states *states, void *piece, const void *later);

#endif
