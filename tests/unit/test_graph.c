/* Graphs: the inline form, its errors, separation and adjustment against brute force over paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "src/base/random.h"
#include "src/identify/adjustment.h"

static cw_graph *graph_of(cw_env *env, const char *const *edges) {
    cw_graph *graph = NULL;
    assert_int_equal(cw_graph_create(env, &graph), CW_OK);
    for (; *edges; edges++) assert_int_equal(cw_graph_add_text(graph, "job.yaml", 7, *edges), CW_OK);
    assert_int_equal(cw_graph_close(graph), CW_OK);
    return graph;
}

static void reads_every_form(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const char *const edges[] = {"a, b -> c, d", "a <-> b", "d <- e -> `odd name`", "latent e", NULL};
    cw_graph *graph = graph_of(&env, edges);
    assert_int_equal(graph->nodes, 6);
    assert_int_equal(graph->edges, 7);
    int32_t e = cw_graph_find(graph, "e"), d = cw_graph_find(graph, "d");
    assert_true(graph->latent[e] && !graph->latent[d]);
    assert_int_equal(graph->parent_start[d + 1] - graph->parent_start[d], 3);
    assert_true(cw_graph_find(graph, "odd name") >= 0);
    assert_int_equal(cw_graph_find(graph, "odd"), -1);
    cw_graph_destroy(&graph);
    assert_int_equal(env.blocks_now, 0);
}

static void refuses(const char *const *edges, const char *what) {
    cw_env env;
    cw_env_init(&env);
    cw_graph *graph = NULL;
    cw_code code = cw_graph_create(&env, &graph);
    for (; code == CW_OK && *edges; edges++) code = cw_graph_add_text(graph, "job.yaml", 7, *edges);
    if (code == CW_OK) code = cw_graph_close(graph);
    assert_int_equal(code, CW_BAD_JOB);
    char line[1024];
    cw_error_line(&env.error, line, sizeof line);
    if (!strstr(line, what)) fail_msg("\"%s\" lacks \"%s\"", line, what);
    cw_graph_destroy(&graph);
    assert_int_equal(env.blocks_now, 0);
}

static void errors_name_the_place(void **state) {
    (void)state;
    refuses((const char *const[]){"a -> ", NULL}, "job.yaml line 7 character 6");
    refuses((const char *const[]){"a => b", NULL}, "->, <- or <-> expected");
    refuses((const char *const[]){"T[-1] -> T", NULL}, "lagged nodes are not available");
    refuses((const char *const[]){"a -> b", "b -> c", "c -> a", NULL}, "a -> b -> c -> a");
    refuses((const char *const[]){"a -> b", "a -> b", NULL}, "stands twice: a -> b");
    refuses((const char *const[]){"a <-> b", "b <-> a", NULL}, "stands twice");
    refuses((const char *const[]){"a -> a", NULL}, "itself");
}

/* ---- brute force: separation over all simple-state walks by definition on paths ---- */

enum { N = 6 };
typedef struct small {
    int directed[N][N], bi[N][N];
} small;

static int descends(const small *g, int from, int to) {
    if (from == to) return 1;
    for (int c = 0; c < N; c++)
        if (g->directed[from][c] && descends(g, c, to)) return 1;
    return 0;
}

static int in_ancestors(const small *g, int v, int z) {
    for (int k = 0; k < N; k++)
        if ((z >> k & 1) && descends(g, v, k)) return 1;
    return 0;
}

/* Is there an open simple path from v (reached with head or tail) to y, not using visited nodes? */
static int open_path(const small *g, int v, int head, int start, int y, int z, int visited) {
    if (v == y) return 1;
    for (int w = 0; w < N; w++) {
        if (visited >> w & 1) continue;
        for (int kind = 0; kind < 3; kind++) { /* v->w, v<-w, v<->w */
            int edge = kind == 0 ? g->directed[v][w] : kind == 1 ? g->directed[w][v] : g->bi[v][w];
            if (!edge) continue;
            int head_at_v = kind != 0, head_at_w = kind != 1;
            int collider = head && head_at_v;
            int open = start || (collider ? in_ancestors(g, v, z) : !(z >> v & 1));
            if (open && open_path(g, w, head_at_w, 0, y, z, visited | 1 << w)) return 1;
        }
    }
    return 0;
}

static small random_small(uint64_t seed) {
    small g;
    memset(&g, 0, sizeof g);
    cw_stream stream = cw_stream_make(seed, "test graphs", "", 0);
    for (int i = 0; i < N; i++) {
        for (int j = i + 1; j < N; j++) {
            double u = cw_stream_uniform(stream, (uint64_t)(i * N + j), 0, 0);
            if (u < 0.35) g.directed[i][j] = 1;
            if (u > 0.88) g.bi[i][j] = g.bi[j][i] = 1;
        }
    }
    return g;
}

static cw_graph *graph_of_small(cw_env *env, const small *g) {
    static const char *const names[N] = {"v0", "v1", "v2", "v3", "v4", "v5"};
    cw_graph *graph = NULL;
    assert_int_equal(cw_graph_create(env, &graph), CW_OK);
    for (int i = 0; i < N; i++) {
        char all[16] = "v0 -> v0";
        all[1] = (char)('0' + i);
        for (int j = 0; j < N; j++) {
            all[7] = (char)('0' + j);
            if (g->directed[i][j]) assert_int_equal(cw_graph_add_text(graph, "t", 1, all), CW_OK);
        }
    }
    for (int i = 0; i < N; i++) {
        for (int j = i + 1; j < N; j++) {
            char both[16] = "v0 <-> v0";
            both[1] = (char)('0' + i);
            both[8] = (char)('0' + j);
            if (g->bi[i][j]) assert_int_equal(cw_graph_add_text(graph, "t", 1, both), CW_OK);
        }
    }
    char latent[] = "latent v0"; /* makes nodes without edges exist */
    for (int i = 0; i < N; i++) {
        latent[8] = (char)('0' + i);
        assert_int_equal(cw_graph_add_text(graph, "t", 1, latent), CW_OK);
        graph->latent[cw_graph_find(graph, names[i])] = 0;
    }
    assert_int_equal(cw_graph_close(graph), CW_OK);
    return graph;
}

/* The criterion by its definition (Shpitser et al. 2010): no member of z descends from a node, other than x,
 * on a proper causal path, and every non-causal path is blocked, which is separation without x's causal
 * edges. */
static int valid_by_force(const small *g, int x, int y, int z) {
    int causal = 0;
    for (int v = 0; v < N; v++)
        if (v != x && descends(g, x, v) && descends(g, v, y)) causal |= 1 << v;
    if (z >> x & 1 || z >> y & 1) return 0;
    for (int v = 0; v < N; v++)
        if (causal >> v & 1)
            for (int k = 0; k < N; k++)
                if ((z >> k & 1) && descends(g, v, k)) return 0;
    small cut = *g;
    for (int v = 0; v < N; v++)
        if (causal >> v & 1) cut.directed[x][v] = 0;
    return !open_path(&cut, x, 0, 1, y, z, 1 << x);
}

static void agrees_with_brute_force(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (uint64_t seed = 0; seed < 400; seed++) {
        small g = random_small(seed);
        cw_graph *graph = graph_of_small(&env, &g);
        int place[N];
        char name[] = "v0";
        for (int v = 0; v < N; v++) {
            name[1] = (char)('0' + v);
            place[v] = cw_graph_find(graph, name);
        }
        int x = (int)(seed % N), y = (int)((seed / N) % N);
        if (x == y) y = (y + 1) % N;
        int hidden = (int)(seed / 7 % N); /* one node may not be used */
        int minimal = 0, any = 0;
        int valid[1 << N];
        for (int z = 0; z < 1 << N; z++) {
            uint8_t flags[N] = {0};
            int got = -1;
            for (int v = 0; v < N; v++) flags[place[v]] = (uint8_t)(z >> v & 1);
            assert_int_equal(cw_adjustment_valid(graph, place[x], place[y], flags, &got), CW_OK);
            assert_int_equal(got, valid_by_force(&g, x, y, z));
            valid[z] = got && !(z >> hidden & 1);
        }
        for (int z = 0; z < 1 << N; z++) {
            int smaller = 0;
            for (int s = (z - 1) & z; valid[z] && z; s = (s - 1) & z) {
                smaller |= valid[s];
                if (s == 0) break;
            }
            minimal += valid[z] && !smaller;
            any |= valid[z];
        }
        uint8_t observed[N];
        for (int v = 0; v < N; v++) observed[place[v]] = v != hidden;
        cw_adjustment *found = NULL;
        assert_int_equal(cw_adjustment_find(graph, place[x], place[y], observed, 64, &found), CW_OK);
        assert_int_equal(found->identified, any);
        assert_int_equal(found->sets, any ? minimal : 0);
        assert_true(any ? found->certificate != NULL : found->obstacle != NULL);
        int use = 0;
        for (int32_t k = 0; k < found->use_size; k++)
            for (int v = 0; v < N; v++)
                if (place[v] == found->use[k]) use |= 1 << v;
        if (any) assert_true(valid[use]);
        cw_adjustment_destroy(&found);
        cw_graph_destroy(&graph);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void names_what_stays_open(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_graph *graph = graph_of(&env, (const char *const[]){"x -> y", "x <-> y", "z -> x", NULL});
    uint8_t observed[] = {1, 1, 1};
    cw_adjustment *found = NULL;
    assert_int_equal(cw_adjustment_find(graph, 0, 1, observed, 8, &found), CW_OK);
    assert_int_equal(found->identified, 0);
    assert_non_null(strstr(found->obstacle, "x <-> y"));
    cw_adjustment_destroy(&found);
    cw_graph_destroy(&graph);
    assert_int_equal(env.blocks_now, 0);
}

static void long_chains_need_no_stack(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_graph *graph = NULL;
    assert_int_equal(cw_graph_create(&env, &graph), CW_OK);
    char edge[32];
    for (int k = 0; k < 50000; k++) {
        int n = 0;
        char digits[12];
        /* "n12 -> n13" without stdio */
        char *to = edge;
        for (int part = 0; part < 2; part++) {
            int number = k + part;
            n = 0;
            do digits[n++] = (char)('0' + number % 10);
            while ((number /= 10) > 0);
            *to++ = 'n';
            while (n > 0) *to++ = digits[--n];
            if (part == 0) {
                memcpy(to, " -> ", 4);
                to += 4;
            }
        }
        *to = '\0';
        assert_int_equal(cw_graph_add_text(graph, "t", 1, edge), CW_OK);
    }
    assert_int_equal(cw_graph_close(graph), CW_OK);
    uint8_t *flags = NULL;
    assert_int_equal(cw_alloc_zero(&env, 3 * (size_t)graph->nodes, 1, &flags), CW_OK);
    uint8_t *x = flags, *y = flags + graph->nodes, *z = flags + 2 * graph->nodes;
    x[0] = 1;
    y[graph->nodes - 1] = 1;
    int separated = -1;
    assert_int_equal(cw_graph_separated(graph, x, y, z, NULL, &separated, NULL), CW_OK);
    assert_int_equal(separated, 0);
    z[25000] = 1;
    assert_int_equal(cw_graph_separated(graph, x, y, z, NULL, &separated, NULL), CW_OK);
    assert_int_equal(separated, 1);
    cw_free(&env, &flags);
    cw_graph_destroy(&graph);
}

static void allocation_failures_unwind(void **state) {
    (void)state;
    for (int64_t k = 1; k < 200; k++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = k;
        cw_graph *graph = NULL;
        cw_adjustment *found = NULL;
        const uint8_t observed[] = {1, 1, 1, 1};
        cw_code code = cw_graph_create(&env, &graph);
        if (code == CW_OK) code = cw_graph_add_text(graph, "t", 1, "a, b -> x -> y");
        if (code == CW_OK) code = cw_graph_add_text(graph, "t", 2, "a, b -> y");
        if (code == CW_OK) code = cw_graph_close(graph);
        if (code == CW_OK) code = cw_adjustment_find(graph, 2, 3, observed, 8, &found);
        cw_adjustment_destroy(&found);
        cw_graph_destroy(&graph);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) return;
        assert_int_equal(code, CW_NO_MEMORY);
    }
    fail_msg("never succeeded");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),          cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(agrees_with_brute_force),   cmocka_unit_test(names_what_stays_open),
        cmocka_unit_test(long_chains_need_no_stack), cmocka_unit_test(allocation_failures_unwind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
