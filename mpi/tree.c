#include "tree.h"

#include <string.h>

enum { MAX_LEVEL = 62 };

int64_t cw_span_end(cw_span span) {
    return span.first + ((int64_t)1 << span.level);
}

int cw_span_valid(cw_span span, int64_t blocks) {
    if (span.level < 0 || span.level > MAX_LEVEL || span.first < 0 || span.first >= blocks) return 0;
    int64_t width = (int64_t)1 << span.level;
    return span.first % width == 0 && width <= blocks - span.first;
}

void cw_tree_open(cw_states *states, cw_tree *out) {
    memset(out, 0, sizeof *out);
    out->states = states;
}

void cw_tree_close(cw_tree *tree) {
    if (!tree->states) return;
    for (int32_t n = 0; n < tree->nodes; n++) cw_states_give(tree->states, &tree->piece[n]);
    cw_free(tree->states->env, &tree->span);
    cw_free(tree->states->env, &tree->piece);
    tree->nodes = tree->room = 0;
}

cw_code cw_tree_reserve(cw_tree *tree, int64_t more) {
    int64_t need = tree->nodes + more;
    if (need <= tree->room) return CW_OK;
    if (need > INT32_MAX / 2)
        return cw_fail(tree->states->env, CW_NO_MEMORY, NULL, NULL, "too many subtrees: %lld",
                       (long long)need);
    int64_t room = need < 16 ? 16 : need + need / 2;
    CW_TRY(cw_realloc(tree->states->env, (size_t)room, sizeof *tree->span, &tree->span));
    CW_TRY(cw_realloc(tree->states->env, (size_t)room, sizeof *tree->piece, &tree->piece));
    tree->room = (int32_t)room;
    return CW_OK;
}

static int siblings(cw_span left, cw_span right) {
    return left.level == right.level && cw_span_end(left) == right.first && (right.first >> right.level) & 1;
}

void cw_tree_push(cw_tree *tree, cw_span span, void **piece) {
    tree->span[tree->nodes] = span;
    tree->piece[tree->nodes++] = *piece;
    *piece = NULL;
    while (tree->nodes > 1 && siblings(tree->span[tree->nodes - 2], tree->span[tree->nodes - 1])) {
        int32_t right = --tree->nodes, left = right - 1;
        cw_states_merge(tree->states, tree->piece[left], tree->piece[right]);
        cw_states_give(tree->states, &tree->piece[right]);
        tree->span[left].level += 1;
    }
}

void *cw_tree_fold(cw_tree *tree) {
    while (tree->nodes > 1) {
        int32_t right = --tree->nodes;
        cw_states_merge(tree->states, tree->piece[right - 1], tree->piece[right]);
        cw_states_give(tree->states, &tree->piece[right]);
    }
    return tree->nodes ? tree->piece[0] : NULL;
}
