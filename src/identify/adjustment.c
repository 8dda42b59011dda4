/* The adjustment criterion for one treatment x and one outcome y. With the causal nodes CN = those on
 * directed paths from x to y other than x, a set Z is valid when (a) no node of Z descends from CN and (b) Z
 * m-separates x and y once the edges from x into CN are taken out (van der Zander, Liskiewicz & Textor 2014,
 * Theorem 5). */
#include "adjustment.h"

#include <string.h>

/* Up to this many candidates every subset is tried, so that the list of minimal sets is complete. */
enum { CW_EXHAUSTIVE = 14 };

typedef struct adjust_work {
    cw_env *env;
    const cw_graph *graph;
    int32_t x, y;
    uint8_t *causal;    /* CN */
    uint8_t *forbidden; /* descendants of CN, x, y */
    uint8_t *is_x, *is_y;
    uint8_t *z;
    int32_t *stack;
    int any_causal;
} adjust_work;

static void work_clear(adjust_work *w) {
    cw_free(w->env, &w->causal);
    cw_free(w->env, &w->forbidden);
    cw_free(w->env, &w->is_x);
    cw_free(w->env, &w->is_y);
    cw_free(w->env, &w->z);
    cw_free(w->env, &w->stack);
}

static cw_code work_make(const cw_graph *graph, int32_t x, int32_t y, adjust_work *w) {
    size_t nodes = (size_t)graph->nodes;
    *w = (adjust_work){.env = graph->env, .graph = graph, .x = x, .y = y};
    CW_TRY(cw_alloc_zero(w->env, nodes, 1, &w->causal));
    CW_TRY(cw_alloc_zero(w->env, nodes, 1, &w->forbidden));
    CW_TRY(cw_alloc_zero(w->env, nodes, 1, &w->is_x));
    CW_TRY(cw_alloc_zero(w->env, nodes, 1, &w->is_y));
    CW_TRY(cw_alloc_zero(w->env, nodes, 1, &w->z));
    CW_TRY(cw_alloc(w->env, nodes, sizeof *w->stack, &w->stack));
    w->is_x[x] = 1;
    w->is_y[y] = 1;
    /* CN = descendants of x that are ancestors of y, without x; the graph is acyclic, so no path returns to x
     */
    uint8_t *below = w->causal, *above = w->forbidden;
    below[x] = 1;
    above[y] = 1;
    cw_graph_descendants(graph, below, w->stack);
    cw_graph_ancestors(graph, above, w->stack);
    for (size_t v = 0; v < nodes; v++) below[v] = below[v] && above[v] && v != (size_t)x;
    memcpy(w->forbidden, w->causal, nodes);
    for (size_t v = 0; v < nodes; v++) w->any_causal |= w->causal[v];
    cw_graph_descendants(graph, w->forbidden, w->stack);
    w->forbidden[x] = w->forbidden[y] = 1;
    return CW_OK;
}

static cw_code separates(const adjust_work *w, const uint8_t *z, int *valid, char **walk) {
    *valid = 0;
    for (int32_t v = 0; v < w->graph->nodes; v++)
        if (z[v] && w->forbidden[v]) return CW_OK;
    return cw_graph_separated(w->graph, w->is_x, w->is_y, z, w->causal, valid, walk);
}

cw_code cw_adjustment_valid(const cw_graph *graph, int32_t x, int32_t y, const uint8_t *z, int *valid) {
    adjust_work w;
    cw_code code = work_make(graph, x, y, &w);
    if (code == CW_OK) code = separates(&w, z, valid, NULL);
    work_clear(&w);
    return code;
}

/* ---- lists of sets ---- */

static cw_code add_set(cw_adjustment *out, const adjust_work *w, const uint8_t *z) {
    cw_env *env = out->env;
    int32_t size = 0;
    for (int32_t v = 0; v < w->graph->nodes; v++) size += z[v];
    CW_TRY(cw_realloc(env, (size_t)out->sets + 1, sizeof *out->set, &out->set));
    CW_TRY(cw_realloc(env, (size_t)out->sets + 1, sizeof *out->set_size, &out->set_size));
    int32_t *members = NULL;
    CW_TRY(cw_alloc(env, (size_t)size, sizeof *members, &members));
    int32_t at = 0;
    for (int32_t v = 0; v < w->graph->nodes; v++)
        if (z[v]) members[at++] = v;
    out->set[out->sets] = members;
    out->set_size[out->sets++] = size;
    return CW_OK;
}

/* Every minimal separator lies among the ancestors of x and y, so these are the candidates. */
static int32_t candidates_of(const adjust_work *w, const uint8_t *observed, uint8_t *mark, int32_t *list) {
    int32_t count = 0;
    memset(mark, 0, (size_t)w->graph->nodes);
    mark[w->x] = mark[w->y] = 1;
    cw_graph_ancestors(w->graph, mark, w->stack);
    for (int32_t v = 0; v < w->graph->nodes; v++) {
        mark[v] = mark[v] && observed[v] && !w->forbidden[v];
        if (mark[v]) list[count++] = v;
    }
    return count;
}

static int popcount(uint32_t bits) {
    int count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

/* All subsets by size: one is minimal when it is valid and contains no minimal one found before. */
static cw_code list_all(cw_adjustment *out, adjust_work *w, const int32_t *candidate, int32_t count,
                        int32_t cap) {
    uint32_t *found = NULL;
    CW_TRY(cw_alloc(w->env, (size_t)cap, sizeof *found, &found));
    cw_code code = CW_OK;
    int32_t kept = 0;
    out->complete = 1;
    for (int size = 0; size <= count && code == CW_OK; size++) {
        for (uint32_t bits = 0; bits < (uint32_t)1 << count && code == CW_OK; bits++) {
            int skip = popcount(bits) != size, valid = 0;
            for (int32_t k = 0; k < kept && !skip; k++) skip = (bits & found[k]) == found[k];
            if (skip) continue;
            memset(w->z, 0, (size_t)w->graph->nodes);
            for (int32_t k = 0; k < count; k++) w->z[candidate[k]] = (uint8_t)(bits >> k & 1);
            code = separates(w, w->z, &valid, NULL);
            if (code != CW_OK || !valid) continue;
            if (kept == cap) {
                out->complete = 0;
                goto done;
            }
            found[kept++] = bits;
            code = add_set(out, w, w->z);
        }
    }
done:
    cw_free(w->env, &found);
    return code;
}

/* One minimal set: members are left out one by one while the rest still separates. */
static cw_code list_one(cw_adjustment *out, adjust_work *w, const int32_t *candidate, int32_t count) {
    memset(w->z, 0, (size_t)w->graph->nodes);
    for (int32_t k = 0; k < count; k++) w->z[candidate[k]] = 1;
    for (int32_t k = 0; k < count; k++) {
        int valid = 0;
        w->z[candidate[k]] = 0;
        CW_TRY(separates(w, w->z, &valid, NULL));
        if (!valid) w->z[candidate[k]] = 1;
    }
    out->complete = 0;
    return add_set(out, w, w->z);
}

/* ---- the set that is used ---- */

/* The parents of the causal nodes that are neither x nor forbidden: the most precise valid set of a graph
 * without latent variables (Henckel, Perkovic & Maathuis 2022). *fit tells whether it is observed and valid
 * here. */
static cw_code optimal_set(adjust_work *w, const uint8_t *observed, uint8_t *z, int *fit) {
    const cw_graph *g = w->graph;
    memset(z, 0, (size_t)g->nodes);
    *fit = w->any_causal;
    for (int32_t v = 0; v < g->nodes; v++) {
        if (!w->causal[v]) continue;
        for (int32_t i = g->parent_start[v]; i < g->parent_start[v + 1]; i++) {
            int32_t p = g->parent[i];
            if (w->forbidden[p]) continue;
            z[p] = 1;
            if (!observed[p]) *fit = 0;
        }
    }
    if (!*fit) return CW_OK;
    return separates(w, z, fit, NULL);
}

static cw_code choose(cw_adjustment *out, adjust_work *w, const uint8_t *observed) {
    int fit = 0;
    CW_TRY(optimal_set(w, observed, w->z, &fit));
    out->chosen = -1;
    for (int32_t s = 0; s < out->sets; s++) {
        if (fit) {
            int32_t size = 0, shared = 0;
            for (int32_t v = 0; v < w->graph->nodes; v++) size += w->z[v];
            for (int32_t k = 0; k < out->set_size[s]; k++) shared += w->z[out->set[s][k]];
            if (size == shared && size == out->set_size[s]) out->chosen = s;
        } else if (out->chosen < 0 || out->set_size[s] < out->set_size[out->chosen]) {
            out->chosen = s;
        }
    }
    if (!fit) {
        memset(w->z, 0, (size_t)w->graph->nodes);
        for (int32_t k = 0; k < out->set_size[out->chosen]; k++) w->z[out->set[out->chosen][k]] = 1;
    }
    CW_TRY(cw_alloc(w->env, (size_t)w->graph->nodes, sizeof *out->use, &out->use));
    for (int32_t v = 0; v < w->graph->nodes; v++)
        if (w->z[v]) out->use[out->use_size++] = v;
    return CW_OK;
}

/* ---- words ---- */

static cw_code names_of(cw_env *env, const cw_graph *graph, const int32_t *list, int32_t count, char **out) {
    CW_TRY(cw_strdup(env, count ? "" : "nothing", out));
    for (int32_t k = 0; k < count; k++) {
        char *longer = NULL;
        cw_code code = cw_format(env, &longer, "%s%s%s", *out, k ? ", " : "", graph->name[list[k]]);
        cw_free(env, out);
        CW_TRY(code);
        *out = longer;
    }
    return CW_OK;
}

static cw_code add_assumption(cw_adjustment *out, char *text) {
    cw_code code =
        cw_realloc(out->env, (size_t)out->assumptions + 1, sizeof *out->assumption, &out->assumption);
    if (code != CW_OK) {
        cw_free(out->env, &text);
        return code;
    }
    out->assumption[out->assumptions++] = text;
    return CW_OK;
}

static cw_code describe(cw_adjustment *out, const adjust_work *w) {
    cw_env *env = out->env;
    const char *x = w->graph->name[w->x], *y = w->graph->name[w->y];
    char *set = NULL, *text = NULL;
    CW_TRY(names_of(env, w->graph, out->use, out->use_size, &set));
    cw_code code =
        out->no_effect
            ? cw_format(
                  env, &out->certificate,
                  "The graph has no directed path from %s to %s, so it says the effect is zero; given %s "
                  "the two are independent.",
                  x, y, set)
            : cw_format(
                  env, &out->certificate,
                  "Given %s, every path between %s and %s that is not causal is blocked, and nothing in "
                  "the set is caused by %s on its way to %s.",
                  set, x, y, x, y);
    cw_free(env, &set);
    if (code == CW_OK)
        code = cw_format(env, &text, "No cause shared by %s and %s is missing from the graph.", x, y);
    if (code == CW_OK) code = add_assumption(out, text);
    text = NULL;
    if (code == CW_OK) code = cw_format(env, &text, "Every arrow that the graph leaves out is truly absent.");
    if (code == CW_OK) code = add_assumption(out, text);
    return code;
}

static cw_code describe_obstacle(cw_adjustment *out, const adjust_work *w, char *walk) {
    return cw_format(
        out->env, &out->obstacle,
        "no set of measured variables blocks every path between %s and %s that is not causal; given all "
        "that may be adjusted for, this one stays open: %s",
        w->graph->name[w->x], w->graph->name[w->y], walk);
}

static cw_code find(cw_adjustment *out, adjust_work *w, const uint8_t *observed, int32_t cap) {
    int32_t *candidate = NULL;
    char *walk = NULL;
    cw_code code = cw_alloc(w->env, (size_t)w->graph->nodes, sizeof *candidate, &candidate);
    if (code != CW_OK) return code;
    int32_t count = candidates_of(w, observed, w->z, candidate);
    /* if any set is valid, the one with every candidate is (Theorem 6 of the same paper) */
    code = separates(w, w->z, &out->identified, &walk);
    out->no_effect = !w->any_causal;
    if (code == CW_OK && !out->identified) {
        code = describe_obstacle(out, w, walk);
    } else if (code == CW_OK) {
        code = count <= CW_EXHAUSTIVE ? list_all(out, w, candidate, count, cap)
                                      : list_one(out, w, candidate, count);
        if (code == CW_OK) code = choose(out, w, observed);
        if (code == CW_OK) code = describe(out, w);
    }
    cw_free(w->env, &walk);
    cw_free(w->env, &candidate);
    return code;
}

cw_code cw_adjustment_find(const cw_graph *graph, int32_t x, int32_t y, const uint8_t *observed, int32_t cap,
                           cw_adjustment **out) {
    adjust_work w;
    CW_TRY(cw_alloc_zero(graph->env, 1, sizeof **out, out));
    (*out)->env = graph->env;
    (*out)->chosen = -1;
    cw_code code = work_make(graph, x, y, &w);
    if (code == CW_OK) code = find(*out, &w, observed, cap < 1 ? 1 : cap);
    work_clear(&w);
    if (code != CW_OK) cw_adjustment_destroy(out);
    return code;
}

void cw_adjustment_destroy(cw_adjustment **out) {
    cw_adjustment *adjustment = *out;
    if (!adjustment) return;
    cw_env *env = adjustment->env;
    for (int32_t s = 0; s < adjustment->sets; s++) cw_free(env, &adjustment->set[s]);
    for (int32_t k = 0; k < adjustment->assumptions; k++) cw_free(env, &adjustment->assumption[k]);
    cw_free(env, &adjustment->set);
    cw_free(env, &adjustment->set_size);
    cw_free(env, &adjustment->use);
    cw_free(env, &adjustment->certificate);
    cw_free(env, &adjustment->obstacle);
    cw_free(env, &adjustment->assumption);
    cw_free(env, out);
}
