/* Keeping finished work and taking it up again, at any number of ranks. A node read back goes to the rank
 * that owns its first block; the blocks that it covers are done for every rank. */
#include <string.h>

#include "engine.h"

/* --- saving ---------------------------------------------------------------------------------------- */

/* The addresses of all accumulators' states of one node, in the caller's order. */
static void point(const cw_run *run, void *tree_piece, void *exact_piece, void **state) {
    int32_t tree = 0, exact = 0;
    for (int32_t k = 0; k < run->count; k++)
        if (run->accumulator[k]->order == CW_TREE)
            state[k] = (char *)tree_piece + run->tree_states.offset[tree++];
        else
            state[k] = (char *)exact_piece + run->exact_states.offset[exact++];
}

/* The exact states are saved once, with the first node; the others get fresh ones. */
cw_code cw_run_save_nodes(cw_run *run, const cw_tree *tree, void *total) {
    cw_env *env = run->context->env;
    const cw_keeper *keeper = run->options->keeper;
    size_t count = (size_t)run->count, nodes = (size_t)tree->nodes;
    cw_node *node = NULL;
    void **state = NULL, *fresh = NULL;
    cw_code code = cw_alloc(env, nodes, sizeof *node, &node);
    if (code == CW_OK) code = cw_alloc(env, nodes * count, sizeof *state, &state);
    if (code == CW_OK) code = cw_states_take(&run->exact_states, &fresh);
    if (code != CW_OK) goto done;
    cw_states_reset(&run->exact_states, fresh);
    for (size_t n = 0; n < nodes; n++) {
        point(run, tree->piece[n], n == 0 ? total : fresh, state + n * count);
        node[n].level = (int32_t)tree->span[n].level;
        node[n].first = tree->span[n].first;
        node[n].state = state + n * count;
    }
    code = keeper->save(env, keeper->self, run->options->name, run->blocks, run->count, run->accumulator,
                        (int64_t)nodes, node);
done:
    cw_states_give(&run->exact_states, &fresh);
    cw_free(env, &state);
    cw_free(env, &node);
    return code;
}

/* What a rank holds: the nodes of its tree, then the loaded ones that its work has not reached yet. */
static void held(const cw_run *run, int32_t index, cw_span *span, void **piece) {
    int in_tree = index < run->tree.nodes;
    const cw_tree *tree = in_tree ? &run->tree : &run->loaded;
    int32_t n = in_tree ? index : run->pushed + index - run->tree.nodes;
    *span = tree->span[n];
    *piece = tree->piece[n];
}

static int32_t held_count(const cw_run *run) {
    return run->tree.nodes + run->loaded.nodes - run->pushed;
}

/* Rank 0 learns what everyone holds: *all is joined in rank order, hence ascending. */
static cw_code gather_spans(cw_run *run, cw_span **all, size_t *sizes) {
    cw_env *env = run->context->env;
    int32_t count = held_count(run);
    cw_span *mine = NULL;
    void *joined = NULL, *piece;
    cw_code code = cw_agree(run->context, cw_alloc(env, (size_t)count, sizeof *mine, &mine));
    if (code == CW_OK) {
        for (int32_t n = 0; n < count; n++) held(run, n, &mine[n], &piece);
        code = cw_gather(run->context, mine, (size_t)count * sizeof *mine, &joined, sizes);
    }
    cw_free(env, &mine);
    *all = joined;
    return code;
}

/* Room on rank 0 for the nodes of all ranks; its own are only pointed to. */
static cw_code make_room(cw_run *run, int64_t nodes, int32_t own, cw_tree *all) {
    CW_TRY(cw_tree_reserve(all, nodes));
    for (int32_t n = own; n < nodes; n++) {
        CW_TRY(cw_states_take(&run->tree_states, &all->piece[n]));
        all->nodes = n + 1;
    }
    return CW_OK;
}

static cw_code send_held(cw_run *run) {
    for (int32_t n = 0; n < held_count(run); n++) {
        cw_span span;
        void *piece;
        held(run, n, &span, &piece);
        CW_TRY(cw_send(run->context, 0, piece, run->tree_states.bytes));
    }
    return CW_OK;
}

static cw_code receive_held(cw_run *run, const cw_span *span, const size_t *sizes, cw_tree *all) {
    int32_t n = 0;
    for (int rank = 0; rank < run->context->size; rank++)
        for (size_t i = 0; i < sizes[rank] / sizeof *span; i++, n++) {
            all->span[n] = span[n];
            if (rank == 0)
                held(run, n, &all->span[n], &all->piece[n]);
            else
                CW_TRY(cw_receive(run->context, rank, all->piece[n], run->tree_states.bytes));
        }
    all->nodes = n;
    return CW_OK;
}

/* Rank 0's own pieces stay with the run. */
static void drop(cw_tree *all, int32_t own) {
    for (int32_t n = 0; n < own && n < all->nodes; n++) all->piece[n] = NULL;
    cw_tree_close(all);
}

cw_code cw_run_save(cw_run *run) {
    cw_context *context = run->context;
    cw_env *env = context->env;
    int root = context->rank == 0;
    int32_t own = held_count(run);
    cw_tree all;
    cw_tree_open(&run->tree_states, &all);
    cw_span *span = NULL;
    size_t *sizes = NULL;
    cw_code code = root ? cw_alloc(env, (size_t)context->size, sizeof *sizes, &sizes) : CW_OK;
    CW_TRY_GOTO(code, cw_agree(context, code), done);
    CW_TRY_GOTO(code, gather_spans(run, &span, sizes), done);
    if (root) {
        int64_t nodes = 0;
        for (int r = 0; r < context->size; r++) nodes += (int64_t)(sizes[r] / sizeof *span);
        code = make_room(run, nodes, own, &all);
    }
    CW_TRY_GOTO(code, cw_agree(context, code), done);
    CW_TRY_GOTO(code, cw_combine_exact(run), done);
    CW_TRY_GOTO(code, root ? receive_held(run, span, sizes, &all) : send_held(run), done);
    if (root) code = cw_run_save_nodes(run, &all, run->total);
    code = cw_agree(context, code);
done:
    drop(&all, own);
    cw_free(env, &sizes);
    cw_free(env, &span);
    return code;
}

/* --- loading --------------------------------------------------------------------------------------- */

static cw_code take_node(cw_env *env, void *user, const cw_node *node) {
    cw_run *run = user;
    cw_tree *tree = &run->loaded;
    cw_span span = {node->level, node->first};
    int64_t after = tree->nodes ? cw_span_end(tree->span[tree->nodes - 1]) : 0;
    if (!cw_span_valid(span, run->blocks) || span.first < after)
        return cw_fail(env, CW_BAD_DATA, run->options->name, "remove the checkpoint or start with --fresh",
                       "the checkpoint holds blocks that do not fit this pass");
    CW_TRY(cw_tree_reserve(tree, 1));
    void *piece;
    CW_TRY(cw_states_take(&run->tree_states, &piece));
    int32_t index[2] = {0, 0}; /* in tree order, in exact order */
    for (int32_t k = 0; k < run->count; k++) {
        const cw_accumulator *accumulator = run->accumulator[k];
        int exact = accumulator->order == CW_EXACT;
        size_t bytes = cw_accumulator_bytes(accumulator);
        int32_t at = index[exact]++;
        if (exact)
            accumulator->merge(accumulator->params, (char *)run->exact + run->exact_states.offset[at],
                               node->state[k]);
        else if (bytes)
            memcpy((char *)piece + run->tree_states.offset[at], node->state[k], bytes);
    }
    tree->span[tree->nodes] = span;
    tree->piece[tree->nodes++] = piece;
    return CW_OK;
}

static int owner_of(const cw_run *run, int64_t n) {
    return cw_run_owner(run->blocks, run->context->size, run->cover[n].first);
}

/* Every rank takes the nodes it owns from rank 0, which gives them away. Memory was reserved and agreed. */
static cw_code deal(cw_run *run) {
    cw_context *context = run->context;
    cw_tree *tree = &run->loaded;
    int32_t mine = 0;
    for (int32_t n = 0; n < run->covers; n++) {
        int owner = owner_of(run, n);
        if (context->rank == 0 && owner == 0) {
            mine += 1; /* they are the first ones */
        } else if (context->rank == 0) {
            CW_TRY(cw_send(context, owner, tree->piece[n], run->tree_states.bytes));
            cw_states_give(&run->tree_states, &tree->piece[n]);
        } else if (context->rank == owner) {
            tree->span[mine] = run->cover[n];
            CW_TRY(cw_receive(context, 0, tree->piece[mine++], run->tree_states.bytes));
        }
    }
    tree->nodes = mine;
    return CW_OK;
}

static cw_code reserve_owned(cw_run *run) {
    if (run->context->rank == 0) return CW_OK;
    for (int64_t n = 0; n < run->covers; n++) {
        if (owner_of(run, n) != run->context->rank) continue;
        cw_tree *tree = &run->loaded;
        CW_TRY(cw_tree_reserve(tree, 1));
        CW_TRY(cw_states_take(&run->tree_states, &tree->piece[tree->nodes]));
        tree->nodes += 1;
    }
    return CW_OK;
}

cw_code cw_run_load(cw_run *run) {
    cw_context *context = run->context;
    cw_env *env = context->env;
    const cw_keeper *keeper = run->options->keeper;
    int root = context->rank == 0;
    cw_code code = CW_OK;
    if (root)
        code = keeper->load(env, keeper->self, run->options->name, run->blocks, run->count, run->accumulator,
                            take_node, run);
    CW_TRY(cw_agree(context, code));
    run->covers = root ? run->loaded.nodes : 0;
    CW_TRY(cw_broadcast(context, &run->covers, sizeof run->covers));
    code = cw_alloc(env, (size_t)run->covers, sizeof *run->cover, &run->cover);
    CW_TRY(cw_agree(context, code));
    size_t bytes = (size_t)run->covers * sizeof *run->cover;
    if (root && bytes) memcpy(run->cover, run->loaded.span, bytes);
    CW_TRY(cw_broadcast(context, run->cover, bytes));
    CW_TRY(cw_agree(context, reserve_owned(run)));
    return deal(run);
}
