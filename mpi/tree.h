/* The reduction tree: an ordered list of finished subtrees in which siblings are merged as soon as both are
 * there. Node (level l, first f) covers the blocks [f, f + 2^l), f a multiple of 2^l, so which states are
 * merged with which depends on the blocks alone. No MPI here. */
#ifndef CW_MPI_TREE_H
#define CW_MPI_TREE_H

#include "states.h"

/* What a node covers; sent as it is. */
typedef struct cw_span {
    int64_t level, first;
} cw_span;

/* The end of a span, and whether it can be one in a tree over `blocks` blocks. */
int64_t cw_span_end(cw_span span);
int cw_span_valid(cw_span span, int64_t blocks);

typedef struct cw_tree {
    cw_states *states; /* borrowed */
    int32_t nodes, room;
    cw_span *span; /* ascending, not overlapping */
    void **piece;
} cw_tree;

void cw_tree_open(cw_states *states, cw_tree *out);
void cw_tree_close(cw_tree *tree);

/* Room for `more` further nodes: the pushes after it cannot fail. */
cw_code cw_tree_reserve(cw_tree *tree, int64_t more) CW_CHECKED;

/* Appends a node after all others and merges siblings; takes the piece over. Room must be there. */
void cw_tree_push(cw_tree *tree, cw_span span, void **piece);

/* Folds the nodes from the right into the first one, whose piece the tree keeps; NULL if there is none. */
void *cw_tree_fold(cw_tree *tree);

#endif
