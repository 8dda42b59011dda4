#include "engine.h"

#include <string.h>

#include "../src/base/random.h"

/* A finished pass that took longer than this is saved, whether or not a checkpoint is due. */
static const double WORTH_KEEPING = 2.0;

enum { SHARE = 1000000 };

/* --- beginning and end of a run ------------------------------------------------------------------- */

/* A number that differs where ranks do not make the same call; non-negative. */
static int64_t signature(const cw_run *run) {
    const cw_pass_options *options = run->options;
    int64_t plain[4] = {run->blocks, run->count, options->group_key, options->eachs > 0};
    uint64_t hash = cw_hash64(plain, sizeof plain, 0);
    hash = cw_hash64(options->name, strlen(options->name), hash);
    for (int32_t k = 0; k < run->count; k++) {
        const cw_accumulator *accumulator = run->accumulator[k];
        uint64_t shape[2] = {accumulator->order, cw_accumulator_bytes(accumulator)};
        hash = cw_hash64(accumulator->name, strlen(accumulator->name), hash);
        hash = cw_hash64(shape, sizeof shape, hash);
    }
    return (int64_t)(hash >> 2);
}

static size_t scratch_bytes(const cw_run *run) {
    size_t most = 0;
    for (int32_t k = 0; k < run->count; k++)
        if (run->accumulator[k]->scratch_bytes > most) most = run->accumulator[k]->scratch_bytes;
    return most;
}

/* All memory that a run needs however its blocks fall; what is added later is nodes. */
static cw_code open_run(cw_run *run) {
    cw_env *env = run->context->env;
    CW_TRY(cw_states_open(env, run->count, run->accumulator, CW_TREE, &run->tree_states));
    CW_TRY(cw_states_open(env, run->count, run->accumulator, CW_EXACT, &run->exact_states));
    cw_tree_open(&run->tree_states, &run->tree);
    cw_tree_open(&run->tree_states, &run->loaded);
    CW_TRY(cw_states_take(&run->tree_states, &run->sink));
    CW_TRY(cw_states_take(&run->exact_states, &run->exact));
    CW_TRY(cw_states_take(&run->exact_states, &run->total));
    CW_TRY(cw_states_take(&run->exact_states, &run->arrival));
    CW_TRY(cw_alloc(env, scratch_bytes(run), 1, &run->scratch));
    cw_states_reset(&run->exact_states, run->exact);
    return CW_OK;
}

static void close_run(cw_run *run) {
    cw_env *env = run->context->env;
    cw_tree_close(&run->tree);
    cw_tree_close(&run->loaded);
    cw_states_give(&run->tree_states, &run->leaf);
    cw_states_give(&run->tree_states, &run->sink);
    cw_states_give(&run->exact_states, &run->exact);
    cw_states_give(&run->exact_states, &run->total);
    cw_states_give(&run->exact_states, &run->arrival);
    cw_states_close(&run->tree_states);
    cw_states_close(&run->exact_states);
    cw_free(env, &run->scratch);
    cw_free(env, &run->cover);
}

static cw_code begin(cw_run *run, cw_code local) {
    cw_context *context = run->context;
    if (local == CW_OK) local = open_run(run);
    int64_t own = signature(run);
    int64_t flag[3] = {own, -own, 0};
    flag[2] = context->rank == 0 && run->options->keeper != NULL && run->options->eachs == 0;
    CW_TRY(cw_agree_flags(context, local, 3, flag));
    if (flag[0] != -flag[1])
        return cw_fail(context->env, CW_INTERNAL, run->options->name, NULL,
                       "the ranks disagree about the rows or the accumulators of this pass");
    run->keeping = flag[2] != 0;
    run->first = run->next = cw_run_first(run->blocks, context->size, context->rank);
    run->end = cw_run_first(run->blocks, context->size, context->rank + 1);
    return run->keeping ? cw_run_load(run) : CW_OK;
}

/* --- rounds of blocks ----------------------------------------------------------------------------- */

static cw_code do_block(cw_run *run, int64_t number) {
    cw_env *env = run->context->env;
    const cw_pass_options *options = run->options;
    if (!run->leaf) CW_TRY(cw_states_take(&run->tree_states, &run->leaf));
    CW_TRY(cw_tree_reserve(&run->tree, 1));
    cw_block block;
    CW_TRY(run->supply->block(env, run->supply->self, number, &block));
    cw_states_reset(&run->tree_states, run->leaf);
    if (block.rows > 0) {
        for (int32_t e = 0; e < options->eachs; e++)
            CW_TRY(options->each[e].block(env, options->each[e].self, &block));
        cw_states_add(&run->tree_states, run->leaf, run->scratch, &block);
        cw_states_add(&run->exact_states, run->exact, run->scratch, &block);
    }
    cw_tree_push(&run->tree, (cw_span){0, number}, &run->leaf);
    run->bytes += (double)block.rows * run->supply->bytes_per_row;
    for (int32_t k = 0; k < run->count; k++)
        run->flops += (double)block.rows * run->accumulator[k]->flops_per_row;
    return CW_OK;
}

/* The loaded node that covers block `number`, by bisection; -1 if none does. */
static int64_t covering(const cw_run *run, int64_t number) {
    int64_t low = -1, high = run->covers;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (run->cover[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    return low >= 0 && cw_span_end(run->cover[low]) > number ? low : -1;
}

/* Puts the next loaded node of this rank into the tree. */
static cw_code push_loaded(cw_run *run) {
    CW_TRY(cw_tree_reserve(&run->tree, 1));
    int32_t n = run->pushed++;
    cw_tree_push(&run->tree, run->loaded.span[n], &run->loaded.piece[n]);
    return CW_OK;
}

/* Moves on by one block, or by a whole span where it was done in an earlier life. */
static cw_code advance(cw_run *run) {
    int64_t cover = covering(run, run->next);
    if (cover < 0) {
        CW_TRY(do_block(run, run->next));
        run->next += 1;
        return CW_OK;
    }
    cw_span span = run->cover[cover];
    if (span.first == run->next) CW_TRY(push_loaded(run)); /* else it began in another rank's run */
    run->next = cw_span_end(span) < run->end ? cw_span_end(span) : run->end;
    return CW_OK;
}

/* Works until the time of a round is over, a stop is asked for, or all is done; at least one block. */
static cw_code one_round(cw_run *run) {
    double until = cw_clock() + run->context->round_seconds;
    while (run->next < run->end && !cw_stop_requested()) {
        CW_TRY(advance(run));
        cw_progress(run->context);
        if (cw_clock() >= until) break;
    }
    return CW_OK;
}

/* What is left of this rank's run, in parts per million, rounded up. */
static int64_t share_left(const cw_run *run) {
    if (run->next >= run->end) return 0;
    double share = (double)(run->end - run->next) / (double)(run->end - run->first);
    return 1 + (int64_t)(share * (SHARE - 1));
}

static cw_code stop(cw_run *run) {
    if (run->keeping) CW_TRY(cw_run_save(run));
    return cw_fail(run->context->env, CW_STOPPED, run->options->name,
                   run->keeping ? "run the same command again to go on" : NULL,
                   run->keeping ? "stopped; what is finished was saved" : "stopped");
}

static cw_code all_rounds(cw_run *run) {
    cw_context *context = run->context;
    const cw_pass_options *options = run->options;
    const cw_keeper *keeper = context->rank == 0 && run->keeping ? options->keeper : NULL;
    for (;;) {
        enum { LEFT, STOP, DUE, FLAGS };
        cw_code local = one_round(run);
        int64_t flag[FLAGS] = {share_left(run), cw_stop_requested(), 0};
        if (keeper && local == CW_OK) flag[DUE] = keeper->due(keeper->self) != 0;
        CW_TRY(cw_agree_flags(context, local, FLAGS, flag));
        if (context->rank == 0 && options->progress)
            options->progress(options->progress_self, 1 - (double)flag[LEFT] / SHARE);
        run->keep_finished = flag[STOP] || flag[DUE];
        if (flag[LEFT] == 0) return CW_OK;
        if (flag[STOP]) return stop(run);
        if (flag[DUE]) CW_TRY(cw_run_save(run));
    }
}

/* --- the result ----------------------------------------------------------------------------------- */

/* Rank 0 holds everything: the finished nodes are saved, then folded into the result. */
static cw_code conclude(cw_run *run, double started, void *const *result) {
    int worth = run->keep_finished || cw_clock() - started > WORTH_KEEPING;
    if (run->keeping && worth && run->tree.nodes) CW_TRY(cw_run_save_nodes(run, &run->tree, run->total));
    void *tree_total = cw_tree_fold(&run->tree);
    if (!tree_total) {
        cw_states_reset(&run->tree_states, run->sink);
        tree_total = run->sink;
    }
    const cw_states *states[2] = {&run->tree_states, &run->exact_states};
    const void *total[2] = {tree_total, run->total};
    int32_t index[2] = {0, 0};
    for (int32_t k = 0; k < run->count; k++) {
        int exact = run->accumulator[k]->order == CW_EXACT;
        size_t bytes = cw_accumulator_bytes(run->accumulator[k]);
        size_t offset = states[exact]->offset[index[exact]++];
        if (bytes) memcpy(result[k], (const char *)total[exact] + offset, bytes);
    }
    return CW_OK;
}

static cw_code finish(cw_run *run, double started, void *const *result) {
    cw_context *context = run->context;
    cw_code local = CW_OK;
    CW_TRY(cw_combine_exact(run));
    CW_TRY(cw_combine_trees(run, &local));
    if (local == CW_OK && context->rank == 0) local = conclude(run, started, result);
    CW_TRY(cw_agree(context, local));
    for (int32_t k = 0; k < run->count; k++)
        CW_TRY(cw_broadcast(context, result[k], cw_accumulator_bytes(run->accumulator[k])));
    return CW_OK;
}

static cw_code run_through(cw_run *run, cw_code local, void *const *result) {
    double started = cw_clock();
    CW_TRY(begin(run, local));
    CW_TRY(all_rounds(run));
    return finish(run, started, result);
}

cw_code cw_engine_run(cw_context *context, cw_code local, const cw_supply *supply, int64_t blocks,
                      const cw_pass_options *options, int32_t count, const cw_accumulator *const *accumulator,
                      void *const *result) {
    cw_run run;
    memset(&run, 0, sizeof run);
    run.context = context;
    run.supply = supply;
    run.options = options;
    run.blocks = blocks;
    run.count = count;
    run.accumulator = accumulator;
    cw_timer_start(context, options->name);
    cw_code code = run_through(&run, local, result);
    close_run(&run);
    cw_timer_stop(context, options->name, run.bytes, run.flops);
    return code;
}
