/* What a finished graph must be, and what follows from its shape: adjacency, cycles, ancestors, separation.
 */
#include <string.h>

#include "graph.h"

/* Lists of the neighbours of each node, by counting. `which`: 0 parents, 1 children, 2 siblings. */
static cw_code adjacency(cw_graph *graph, int which, int32_t **start, int32_t **list) {
    size_t nodes = (size_t)graph->nodes;
    CW_TRY(cw_alloc_zero(graph->env, nodes + 2, sizeof **start, start));
    int32_t *at = *start + 1; /* shifted by one, so that filling leaves the starts behind */
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t e = 0; e < graph->edges; e++) {
            cw_edge edge = graph->edge[e];
            if (edge.bidirected != (which == 2)) continue;
            int32_t of = which == 0 ? edge.to : edge.from, other = which == 0 ? edge.from : edge.to;
            if (pass == 0) {
                at[of + 1]++;
                if (which == 2) at[other + 1]++;
            } else {
                (*list)[at[of]++] = other;
                if (which == 2) (*list)[at[other]++] = of;
            }
        }
        if (pass == 1) break;
        for (size_t v = 0; v < nodes; v++) at[v + 1] += at[v];
        CW_TRY(cw_alloc(graph->env, (size_t)at[nodes] + 1, sizeof **list, list));
    }
    return CW_OK;
}

static cw_code bad_edge(cw_graph *graph, const char *what, cw_edge edge) {
    return cw_fail(graph->env, CW_BAD_JOB, "graph", "take one of them out", "%s: %s %s %s", what,
                   graph->name[edge.from], edge.bidirected ? "<->" : "->", graph->name[edge.to]);
}

static cw_code check_edges(cw_graph *graph) {
    int32_t *seen = NULL; /* last node that had v as child (even) or sibling (odd), + 1 */
    CW_TRY(cw_alloc_zero(graph->env, 2 * (size_t)graph->nodes, sizeof *seen, &seen));
    cw_code code = CW_OK;
    for (int32_t e = 0; e < graph->edges && code == CW_OK; e++)
        if (graph->edge[e].from == graph->edge[e].to)
            code = bad_edge(graph, "an edge from a node to itself", graph->edge[e]);
    for (int32_t v = 0; v < graph->nodes && code == CW_OK; v++) {
        for (int k = 0; k < 2 && code == CW_OK; k++) {
            const int32_t *start = k ? graph->sibling_start : graph->child_start;
            const int32_t *list = k ? graph->sibling : graph->child;
            for (int32_t i = start[v]; i < start[v + 1]; i++) {
                if (seen[2 * list[i] + k] == v + 1) {
                    code = bad_edge(graph, "an edge stands twice", (cw_edge){v, list[i], k});
                    break;
                }
                seen[2 * list[i] + k] = v + 1;
            }
        }
    }
    cw_free(graph->env, &seen);
    return code;
}

/* Spells the cycle that closes when the walk on the stack meets `again`. */
static cw_code cycle_error(cw_graph *graph, const int32_t *stack, int32_t depth, int32_t again) {
    char text[400] = "";
    size_t used = 0;
    int32_t from = depth;
    while (from > 0 && stack[from] != again) from--;
    for (int32_t k = from; k <= depth + 1; k++) {
        const char *name = graph->name[k <= depth ? stack[k] : again];
        size_t length = strlen(name);
        if (used + length + 8 > sizeof text) {
            memcpy(text + used, "...", 4);
            break;
        }
        if (k > from) {
            memcpy(text + used, " -> ", 4);
            used += 4;
        }
        memcpy(text + used, name, length + 1);
        used += length;
    }
    return cw_fail(graph->env, CW_BAD_JOB, "graph",
                   "take out one edge; feedback needs lags, which are not available yet",
                   "the graph has a cycle: %s", text);
}

/* Depth-first over children without recursion; colour 1: on the walk, 2: done. */
static cw_code check_acyclic(cw_graph *graph) {
    size_t nodes = (size_t)graph->nodes;
    int32_t *work = NULL;
    CW_TRY(cw_alloc_zero(graph->env, 3 * nodes + 1, sizeof *work, &work));
    int32_t *stack = work, *next = work + nodes, *colour = work + 2 * nodes;
    cw_code code = CW_OK;
    for (int32_t root = 0; root < graph->nodes && code == CW_OK; root++) {
        if (colour[root]) continue;
        int32_t depth = 0;
        stack[0] = root;
        next[root] = graph->child_start[root];
        colour[root] = 1;
        while (depth >= 0 && code == CW_OK) {
            int32_t v = stack[depth];
            if (next[v] == graph->child_start[v + 1]) {
                colour[v] = 2;
                depth--;
                continue;
            }
            int32_t c = graph->child[next[v]++];
            if (colour[c] == 1) code = cycle_error(graph, stack, depth, c);
            if (colour[c] != 0) continue;
            colour[c] = 1;
            next[c] = graph->child_start[c];
            stack[++depth] = c;
        }
    }
    cw_free(graph->env, &work);
    return code;
}

cw_code cw_graph_close(cw_graph *graph) {
    CW_TRY(adjacency(graph, 0, &graph->parent_start, &graph->parent));
    CW_TRY(adjacency(graph, 1, &graph->child_start, &graph->child));
    CW_TRY(adjacency(graph, 2, &graph->sibling_start, &graph->sibling));
    CW_TRY(check_edges(graph));
    return check_acyclic(graph);
}

static void closure(const cw_graph *graph, const int32_t *start, const int32_t *list, uint8_t *mark,
                    int32_t *stack) {
    int32_t depth = 0;
    for (int32_t v = 0; v < graph->nodes; v++)
        if (mark[v]) stack[depth++] = v;
    while (depth > 0) {
        int32_t v = stack[--depth];
        for (int32_t i = start[v]; i < start[v + 1]; i++) {
            if (mark[list[i]]) continue;
            mark[list[i]] = 1;
            stack[depth++] = list[i];
        }
    }
}

void cw_graph_ancestors(const cw_graph *graph, uint8_t *mark, int32_t *stack) {
    closure(graph, graph->parent_start, graph->parent, mark, stack);
}

void cw_graph_descendants(const cw_graph *graph, uint8_t *mark, int32_t *stack) {
    closure(graph, graph->child_start, graph->child, mark, stack);
}

/* A state of the ball: node 2v + mark, where mark tells what the edge that it came by has at v. */
enum { TAIL = 0, HEAD = 1 };

typedef struct ball {
    const cw_graph *graph;
    const uint8_t *x, *z, *cut;
    uint8_t *z_ancestor;
    int32_t *from; /* by state: the state before, + 2; 0 not reached; 1 a start */
    int32_t *queue;
    int32_t head, tail;
} ball;

static void reach(ball *b, int32_t before, int32_t v, int mark) {
    int32_t state = 2 * v + mark;
    if (b->from[state]) return;
    b->from[state] = before < 0 ? 1 : before + 2;
    b->queue[b->tail++] = state;
}

/* Leaves `v`, which was reached with `mark`, over all edges that the rules allow. */
static void leave(ball *b, int32_t state, int32_t v, int mark) {
    const cw_graph *g = b->graph;
    int start = b->from[state] == 1;
    int through = start || !b->z[v];                                    /* as a non-collider */
    int bounce = start || (mark == HEAD ? b->z_ancestor[v] : !b->z[v]); /* over an edge with a head at v */
    for (int32_t i = g->child_start[v]; through && i < g->child_start[v + 1]; i++) {
        if (b->cut && b->x[v] && b->cut[g->child[i]]) continue;
        reach(b, state, g->child[i], HEAD);
    }
    for (int32_t i = g->parent_start[v]; bounce && i < g->parent_start[v + 1]; i++) {
        if (b->cut && b->x[g->parent[i]] && b->cut[v]) continue;
        reach(b, state, g->parent[i], TAIL);
    }
    for (int32_t i = g->sibling_start[v]; bounce && i < g->sibling_start[v + 1]; i++)
        reach(b, state, g->sibling[i], HEAD);
}

static const char *arrow_between(const ball *b, int32_t from_state, int32_t to_state) {
    if (to_state % 2 == TAIL) return " <- ";
    const cw_graph *g = b->graph;
    int32_t v = from_state / 2, w = to_state / 2;
    if (b->cut && b->x[v] && b->cut[w]) return " <-> ";
    for (int32_t i = g->child_start[v]; i < g->child_start[v + 1]; i++)
        if (g->child[i] == w) return " -> ";
    return " <-> ";
}

static cw_code spell_walk(const ball *b, int32_t state, char **walk) {
    const cw_graph *g = b->graph;
    CW_TRY(cw_strdup(g->env, g->name[state / 2], walk));
    while (b->from[state] > 1) {
        int32_t before = b->from[state] - 2;
        char *longer = NULL;
        cw_code code =
            cw_format(g->env, &longer, "%s%s%s", g->name[before / 2], arrow_between(b, before, state), *walk);
        cw_free(g->env, walk);
        CW_TRY(code);
        *walk = longer;
        state = before;
    }
    return CW_OK;
}

cw_code cw_graph_separated(const cw_graph *graph, const uint8_t *x, const uint8_t *y, const uint8_t *z,
                           const uint8_t *cut, int *separated, char **walk) {
    size_t nodes = (size_t)graph->nodes;
    ball b = {.graph = graph, .x = x, .z = z, .cut = cut};
    cw_code code = cw_alloc(graph->env, nodes, 1, &b.z_ancestor);
    if (code == CW_OK) code = cw_alloc_zero(graph->env, 2 * nodes, sizeof *b.from, &b.from);
    if (code == CW_OK) code = cw_alloc(graph->env, 2 * nodes, sizeof *b.queue, &b.queue);
    if (code != CW_OK) goto done;
    memcpy(b.z_ancestor, z, nodes);
    cw_graph_ancestors(graph, b.z_ancestor, b.queue);
    *separated = 1;
    for (int32_t v = 0; v < graph->nodes; v++)
        if (x[v]) reach(&b, -1, v, TAIL);
    while (b.head < b.tail && *separated) {
        int32_t state = b.queue[b.head++], v = state / 2;
        if (y[v] && !x[v]) {
            *separated = 0;
            if (walk) code = spell_walk(&b, state, walk);
        } else {
            leave(&b, state, v, state % 2);
        }
    }
done:
    cw_free(graph->env, &b.z_ancestor);
    cw_free(graph->env, &b.from);
    cw_free(graph->env, &b.queue);
    return code;
}
