/* An accumulator: what a method keeps while rows stream past. It is the one idea that estimation, bounds,
 * histograms and checkpoints share; a new method writes one and never calls MPI.
 *
 * Its state is a flat piece of memory made of named members (plain arrays of one type, no pointers), so the
 * engine can copy, send, merge and checkpoint it without knowing what it means. `add` and `merge` cannot
 * fail: anything odd about the data is counted in the state and judged after the pass. */
#ifndef CW_BASE_ACCUMULATOR_H
#define CW_BASE_ACCUMULATOR_H

#include <stddef.h>
#include <stdint.h>

#include "block.h"

typedef enum cw_type { CW_F64, CW_I64, CW_I128 } cw_type;

/* How partial states may be combined. */
typedef enum cw_order {
    CW_TREE, /* floating sums: a fresh leaf a block, merged along a binary tree fixed by block numbers */
    CW_EXACT /* integers, fixed point, minimum, maximum: one leaf a rank, any order gives the same bits */
} cw_order;

typedef struct cw_member {
    const char *name; /* its name in a checkpoint; unique within the accumulator */
    cw_type type;
    int64_t count;
} cw_member;

typedef struct cw_accumulator {
    const char *name; /* its name in a checkpoint and in the timers; unique within a pass */
    cw_order order;
    int32_t members;
    const cw_member *member;
    const void *params;   /* read-only, handed back to every call; borrowed */
    size_t scratch_bytes; /* workspace that `add` needs besides the state; contents are not kept */
    double flops_per_row; /* for the timers; 0: not counted */

    /* Sets a fresh state; NULL: all bytes zero. */
    void (*init)(const void *params, void *state);
    /* Adds one block. In tree order the state is always fresh. Rows with weight 0 count for nothing. */
    void (*add)(const void *params, void *state, void *scratch, const cw_block *block);
    /* state := state followed by later; `later` holds rows after those of `state` in tree order. */
    void (*merge)(const void *params, void *state, const void *later);
} cw_accumulator;

/* The size of one element of a type. */
size_t cw_type_bytes(cw_type type);

/* Bytes of a state; every member starts at a multiple of 64. */
size_t cw_accumulator_bytes(const cw_accumulator *accumulator);

/* Where member `index` starts within a state, in bytes. */
size_t cw_accumulator_offset(const cw_accumulator *accumulator, int32_t index);

/* Sets a state to its beginning (init, or zero). */
void cw_accumulator_reset(const cw_accumulator *accumulator, void *state);

#endif
