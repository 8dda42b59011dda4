/* The last step of a run: ranks' states meet on rank 0 along a binomial tree, neighbours first, so that lists
 * of nodes that are joined are always adjacent and siblings merge as early as they can. */
#include <string.h>

#include "engine.h"

/* A rank's finished list covers one range without gaps, hence at most two nodes a level. */
enum { MAX_NODES = 128 };

typedef struct list_head {
    int64_t nodes;
    cw_span span[MAX_NODES];
} list_head;

/* At distance d, ranks 0, 2d, 4d, ... receive from the one d above and that one is done. Calls `receive` or
 * `send` with the other rank. */
typedef cw_code (*step)(cw_run *run, int other, cw_code *local);

static cw_code binomial(cw_run *run, step receive, step send, cw_code *local) {
    int rank = run->context->rank, size = run->context->size;
    for (int d = 1; d < size; d *= 2) {
        if (rank % (2 * d) != 0) return send(run, rank - d, local);
        if (d < size - rank) CW_TRY(receive(run, rank + d, local));
    }
    return CW_OK;
}

static cw_code send_exact(cw_run *run, int other, cw_code *local) {
    (void)local;
    return cw_send(run->context, other, run->total, run->exact_states.bytes);
}

static cw_code receive_exact(cw_run *run, int other, cw_code *local) {
    (void)local;
    CW_TRY(cw_receive(run->context, other, run->arrival, run->exact_states.bytes));
    cw_states_merge(&run->exact_states, run->total, run->arrival);
    return CW_OK;
}

cw_code cw_combine_exact(cw_run *run) {
    if (run->exact_states.bytes == 0) return CW_OK;
    memcpy(run->total, run->exact, run->exact_states.bytes);
    return binomial(run, receive_exact, send_exact, NULL);
}

static cw_code send_tree(cw_run *run, int other, cw_code *local) {
    (void)local;
    list_head head = {.nodes = run->tree.nodes};
    if (head.nodes) memcpy(head.span, run->tree.span, (size_t)head.nodes * sizeof *head.span);
    CW_TRY(cw_send(run->context, other, &head, sizeof head));
    for (int32_t n = 0; n < run->tree.nodes; n++)
        CW_TRY(cw_send(run->context, other, run->tree.piece[n], run->tree_states.bytes));
    return CW_OK;
}

static cw_code receive_tree(cw_run *run, int other, cw_code *local) {
    list_head head;
    CW_TRY(cw_receive(run->context, other, &head, sizeof head));
    if (*local == CW_OK) *local = cw_tree_reserve(&run->tree, head.nodes);
    for (int64_t n = 0; n < head.nodes; n++) {
        void *piece = NULL;
        if (*local == CW_OK) *local = cw_states_take(&run->tree_states, &piece);
        int keep = *local == CW_OK;
        CW_TRY(cw_receive(run->context, other, keep ? piece : run->sink, run->tree_states.bytes));
        if (keep) cw_tree_push(&run->tree, head.span[n], &piece);
    }
    return CW_OK;
}

cw_code cw_combine_trees(cw_run *run, cw_code *local) {
    return binomial(run, receive_tree, send_tree, local);
}
