/* The engine under cw_pass and cw_pass_keys: numbered blocks from a supply through accumulators, the fixed
 * reduction tree over ranks, and finished work kept and taken up again. */
#ifndef CW_MPI_ENGINE_H
#define CW_MPI_ENGINE_H

#include "inside.h"
#include "pass.h"
#include "supply.h"
#include "tree.h"

/* One rank's share of a run. The tree accumulators' states are in the nodes; the exact ones', which any order
 * merges to the same bits, are kept once a rank over all the blocks of its nodes. */
typedef struct cw_run {
    cw_context *context;
    const cw_supply *supply;
    const cw_pass_options *options;
    int64_t blocks, first, end, next; /* all; this rank's run; the next block to do */
    int32_t count;
    const cw_accumulator *const *accumulator;
    cw_states tree_states, exact_states;
    cw_tree tree;
    void *exact;           /* this rank's running exact states */
    void *total, *arrival; /* for reducing them */
    void *leaf;            /* taken before each block */
    void *sink;            /* takes messages for which there is no memory */
    void *scratch;         /* the accumulators' workspace */
    int keeping;           /* rank 0 has a keeper: agreed */
    int64_t covers;        /* of loaded nodes, on every rank */
    cw_span *cover;        /* what they cover, ascending */
    cw_tree loaded;        /* those that this rank owns; not merged */
    int32_t pushed;        /* of the loaded ones, already in the tree */
    int keep_finished;     /* rank 0 is to save the finished pass */
    double bytes, flops;
} cw_run;

/* Collective. Runs blocks [0, blocks) of the supply; everything else as in cw_pass. `local` is what became of
 * this rank's preparations: a failure is agreed on before anything is done. */
cw_code cw_engine_run(cw_context *context, cw_code local, const cw_supply *supply, int64_t blocks,
                      const cw_pass_options *options, int32_t count, const cw_accumulator *const *accumulator,
                      void *const *result) CW_CHECKED;

/* Collective (keep.c). Takes up what the keeper holds: fills cover, loaded and rank 0's exact states. */
cw_code cw_run_load(cw_run *run) CW_CHECKED;
/* Collective (keep.c). Brings all nodes to rank 0 and saves them. */
cw_code cw_run_save(cw_run *run) CW_CHECKED;
/* Rank 0 only (keep.c): saves these nodes with the exact states `total`. */
cw_code cw_run_save_nodes(cw_run *run, const cw_tree *tree, void *total) CW_CHECKED;

/* Collective (combine.c). Merges the ranks' exact states into `total` on rank 0 and their nodes into rank 0's
 * tree. What fails locally is in *local; every rank goes through to the end. */
cw_code cw_combine_exact(cw_run *run) CW_CHECKED;
cw_code cw_combine_trees(cw_run *run, cw_code *local) CW_CHECKED;

#endif
