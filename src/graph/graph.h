/* Causal graphs: nodes and directed or bidirected edges. X -> Y: X is a direct cause of Y; X <-> Y: they
 * share an unobserved cause. A node may be latent (no column). */
#ifndef CW_GRAPH_GRAPH_H
#define CW_GRAPH_GRAPH_H

#include "../base/env.h"

enum { CW_MAX_NODES = 100000, CW_MAX_EDGES = 10000000 };

typedef struct cw_edge {
    int32_t from, to;
    int bidirected;
} cw_edge;

typedef struct cw_graph {
    cw_env *env;
    int32_t nodes;
    char **name;
    uint8_t *latent;
    int32_t edges;
    cw_edge *edge; /* in the order read */
    /* adjacency, built by cw_graph_close: of node v the entries list[start[v] .. start[v+1]) */
    int32_t *slot; /* hash table of names: node + 1, 0 empty */
    int32_t slots;
    int32_t *parent_start, *parent, *child_start, *child, *sibling_start, *sibling;
} cw_graph;

cw_code cw_graph_create(cw_env *env, cw_graph **out) CW_CHECKED;
void cw_graph_destroy(cw_graph **graph);

/* The index of a node, or -1. */
int32_t cw_graph_find(const cw_graph *graph, const char *name);

/* Reads one line of the inline form into the graph: "a, b -> c, d", "a <-> b", "a <- b", "a -> b -> c", or a
 * bare "latent u, v". `what` and `line` are for messages (CW_BAD_JOB names the column and what was expected).
 */
cw_code cw_graph_add_text(cw_graph *graph, const char *what, int line, const char *text) CW_CHECKED;

/* Builds adjacency and checks: no self-loop, no duplicate edge, no edge in both directions, no directed cycle
 * (shown as the cycle). CW_BAD_JOB. */
cw_code cw_graph_close(cw_graph *graph) CW_CHECKED;

/* Sets mark[v] = 1 for ancestors (descendants) of the nodes where mark is 1 already; linear time, no
 * recursion. */
void cw_graph_ancestors(const cw_graph *graph, uint8_t *mark, int32_t *stack);
void cw_graph_descendants(const cw_graph *graph, uint8_t *mark, int32_t *stack);

/* m-separation of x and y (flags) given z (flags) by reachability over (node, mark) in linear time
 * (Shachter's ball; Richardson 2003). `cut` (flags, may be NULL): edges from a node in x to a node in cut are
 * taken out first. *separated is 1 or 0; when 0 and `walk` is not NULL, *walk (cw_free it) spells an open
 * walk, e.g. "x <- u -> y". */
cw_code cw_graph_separated(const cw_graph *graph, const uint8_t *x, const uint8_t *y, const uint8_t *z,
                           const uint8_t *cut, int *separated, char **walk) CW_CHECKED;

#endif
