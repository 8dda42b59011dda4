/* Coverage of every interval: 4000 simulated data sets each, the share of 95 % intervals that hold the truth
 * judged by a two-sided binomial test at 1e-4. Truths are known because the data are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/distribution.h"
#include "src/base/random.h"
#include "src/estimate/linear.h"

enum { SEEDS = 4000, MAX_ROWS = 4096, MAX_COLUMNS = 8 };
static const double level = 0.95, test_size = 1e-4;

enum { Y, T, X1, X2, SHARE };

/* One simulated table. */
typedef struct rows {
    int n;
    double column[MAX_COLUMNS][MAX_ROWS], weight[MAX_ROWS];
    int64_t cluster[2][MAX_ROWS];
    int weighted;
} rows;

typedef struct draws {
    cw_stream stream;
    uint64_t item;
} draws;

static double normal(draws *d) {
    return cw_stream_normal(d->stream, d->item++, 0, 0);
}
static double uniform(draws *d) {
    return cw_stream_uniform(d->stream, d->item++, 0, 0);
}

typedef struct answer {
    double estimate, se, df;
} answer;

typedef struct scenario {
    const char *name;
    double truth;
    void (*make)(draws *d, rows *r);
    void (*solve)(const rows *r, answer *a);
} scenario;

/* ---- solving one table: the estimator's steps over one block ---- */

typedef struct solver {
    cw_env env;
    cw_linear_spec spec;
    cw_column_facts facts[MAX_COLUMNS];
    const double *real[MAX_COLUMNS];
    cw_block block;
} solver;

static void prepare(solver *s, const rows *r, cw_linear_form form, cw_target target, cw_weighting weighting) {
    static const int32_t covariates[] = {X1, X2};
    memset(s, 0, sizeof *s);
    cw_env_init(&s->env);
    for (int j = 0; j < MAX_COLUMNS; j++) {
        s->real[j] = r->column[j];
        s->facts[j] = (cw_column_facts){.low = INFINITY, .high = -INFINITY, .shift = 0};
        for (int i = 0; i < r->n; i++) {
            s->facts[j].low = fmin(s->facts[j].low, r->column[j][i]);
            s->facts[j].high = fmax(s->facts[j].high, r->column[j][i]);
            s->facts[j].shift += r->column[j][i] / r->n;
        }
    }
    s->block = (cw_block){
        .rows = r->n, .reals = MAX_COLUMNS, .real = s->real, .weight = r->weighted ? r->weight : NULL};
    s->spec = (cw_linear_spec){.form = form,
                               .target = target,
                               .outcome = Y,
                               .treatment = T,
                               .covariates = form == CW_FORM_DIFFERENCE ? 0 : 2,
                               .covariate = covariates,
                               .control = 0,
                               .treated = 1,
                               .weighting = weighting,
                               .leverage = 1,
                               .level_share = -1,
                               .facts = s->facts,
                               .rows = r->n};
}

static void *state_of(solver *s, const cw_accumulator *a) {
    void *state = NULL, *scratch = NULL;
    assert_int_equal(cw_alloc(&s->env, cw_accumulator_bytes(a), 1, &state), CW_OK);
    assert_int_equal(cw_alloc(&s->env, a->scratch_bytes + 1, 1, &scratch), CW_OK);
    cw_accumulator_reset(a, state);
    a->add(a->params, state, scratch, &s->block);
    cw_free(&s->env, &scratch);
    return state;
}

/* The cluster step: sums by key, then the keys as rows of a block. Keys are 0 .. groups-1. */
static void *meat_of(solver *s, const cw_linear *linear, const int64_t *key, int groups) {
    int32_t width = cw_linear_cluster_width(linear);
    int32_t *quantum = NULL;
    double *value = NULL, *columns = NULL;
    const double *real[256];
    cw_keysum *sums = NULL;
    assert_true(width < 255);
    assert_int_equal(cw_alloc(&s->env, (size_t)width, sizeof *quantum, &quantum), CW_OK);
    assert_int_equal(cw_alloc_zero(&s->env, (size_t)width, sizeof *value, &value), CW_OK);
    assert_int_equal(cw_alloc_zero(&s->env, (size_t)(width + 1) * (size_t)groups, sizeof *columns, &columns),
                     CW_OK);
    cw_linear_cluster_quanta(linear, quantum);
    assert_int_equal(cw_keysum_create(&s->env, width, quantum, &sums), CW_OK);
    for (int32_t i = 0; i < s->block.rows; i++)
        if (cw_linear_cluster_row(linear, &s->block, i, value))
            assert_int_equal(cw_keysum_add(sums, (cw_key){key[i], 0}, value), CW_OK);
    int32_t at = 0;
    for (int g = 0; g < groups; g++) {
        int64_t slot = cw_keysum_find(sums, (cw_key){g, 0});
        if (slot < 0) continue;
        columns[at] = (double)cw_keysum_count(sums, slot);
        for (int32_t j = 0; j < width; j++) columns[(j + 1) * groups + at] = cw_keysum_value(sums, slot, j);
        at++;
    }
    for (int32_t j = 0; j <= width; j++) real[j] = columns + (size_t)j * (size_t)groups;
    const cw_block rows_block = s->block;
    s->block = (cw_block){.rows = at, .reals = width + 1, .real = real};
    void *meat = state_of(s, cw_linear_meat(linear));
    s->block = rows_block;
    cw_keysum_destroy(&sums);
    cw_free(&s->env, &quantum);
    cw_free(&s->env, &value);
    cw_free(&s->env, &columns);
    return meat;
}

static int distinct(const rows *r, int way) {
    int64_t most = 0;
    for (int i = 0; i < r->n; i++)
        if (r->cluster[way][i] > most) most = r->cluster[way][i];
    return (int)most + 1;
}

static cw_linear_result solve(solver *s, const rows *r, int way) {
    cw_linear *linear = NULL;
    cw_linear_result result;
    void *solution = NULL, *meat = NULL;
    s->spec.clusters = way >= 0;
    s->spec.cr2 = way >= 0;
    assert_int_equal(cw_linear_create(&s->env, &s->spec, &linear), CW_OK);
    void *gram = state_of(s, cw_linear_gram(linear));
    assert_int_equal(cw_alloc(&s->env, cw_linear_solution_bytes(linear), 1, &solution), CW_OK);
    assert_int_equal(cw_linear_fit(linear, gram, solution), CW_OK);
    cw_linear_use(linear, solution);
    void *scores = state_of(s, cw_linear_scores(linear));
    int groups = way >= 0 ? distinct(r, way) : 0;
    if (way >= 0) meat = meat_of(s, linear, r->cluster[way], groups);
    cw_linear_finish(linear, scores, meat, groups, &result);
    cw_free(&s->env, &gram);
    cw_free(&s->env, &scores);
    cw_free(&s->env, &meat);
    cw_free(&s->env, &solution);
    cw_linear_destroy(&linear);
    assert_int_equal(s->env.blocks_now, 0);
    return result;
}

static cw_linear_result plain(const rows *r, cw_linear_form form, cw_target target, cw_weighting weighting) {
    solver s;
    prepare(&s, r, form, target, weighting);
    return solve(&s, r, -1);
}

/* ---- the scenarios ---- */

static void small_normal(draws *d, rows *r) {
    r->n = 40;
    for (int i = 0; i < r->n; i++) {
        r->column[T][i] = i % 3 == 0;
        r->column[X1][i] = normal(d);
        r->column[X2][i] = uniform(d);
        r->column[Y][i] = 1 + 2 * r->column[T][i] + r->column[X1][i] - r->column[X2][i] + 1.5 * normal(d);
    }
}
static void solve_pooled(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_DIFFERENCE, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.classical, x.classical_df};
}
static void solve_classical(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_ADJUST, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.classical, x.classical_df};
}
static void pooled_normal(draws *d, rows *r) {
    r->n = 30;
    for (int i = 0; i < r->n; i++) {
        r->column[T][i] = i % 3 == 0;
        r->column[Y][i] = 4 + 2 * r->column[T][i] + normal(d);
    }
}

static void unequal_arms(draws *d, rows *r) {
    r->n = 80;
    for (int i = 0; i < r->n; i++) {
        r->column[T][i] = i < 20;
        r->column[Y][i] = 2 * r->column[T][i] + (i < 20 ? 3 : 1) * normal(d);
    }
}
static void solve_welch(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_DIFFERENCE, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.welch, x.welch_df};
}
static void solve_hc2_welch(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_DIFFERENCE, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.hc[2], x.welch_df};
}

/* Errors whose size depends on the covariates; the treatment depends on them too. */
static void uneven_errors(draws *d, rows *r) {
    r->n = 1500;
    for (int i = 0; i < r->n; i++) {
        double x1 = normal(d), x2 = uniform(d);
        r->column[X1][i] = x1;
        r->column[X2][i] = x2;
        r->column[T][i] = normal(d) + 0.7 * x1 > 0;
        r->column[Y][i] = 2 * r->column[T][i] + x1 - x2 + (0.5 + x2 + 0.3 * fabs(x1)) * normal(d);
    }
}
static void solve_hc(const rows *r, answer *a, int kind) {
    cw_linear_result x = plain(r, CW_FORM_ADJUST, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.hc[kind], x.classical_df};
}
static void solve_hc0(const rows *r, answer *a) {
    solve_hc(r, a, 0);
}
static void solve_hc1(const rows *r, answer *a) {
    solve_hc(r, a, 1);
}
static void solve_hc2(const rows *r, answer *a) {
    solve_hc(r, a, 2);
}
static void solve_hc3(const rows *r, answer *a) {
    solve_hc(r, a, 3);
}

/* The effect is 2 + x1: 2 on average over the population, 2 + E(x1 | t = 1) over the treated; E(x1 | t=1)
 * with t = 1{e + 0.7 x1 > 0} is 0.7 sqrt(2 / pi) / sqrt(1.49). */
static void uneven_effects(draws *d, rows *r) {
    uneven_errors(d, r);
    for (int i = 0; i < r->n; i++) r->column[Y][i] += r->column[T][i] * r->column[X1][i];
}
static void solve_lin(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_INTERACT, CW_TARGET_ALL, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.hc[2], x.classical_df};
}
static void solve_lin_att(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_INTERACT, CW_TARGET_TREATED, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.hc[2], x.classical_df};
}
static void solve_lin_atc(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_INTERACT, CW_TARGET_CONTROLS, CW_UNWEIGHTED);
    *a = (answer){x.estimate, x.hc[1], x.classical_df};
}

/* Rows drawn with unequal chances that depend on x2, weighted back. */
static void sampled(draws *d, rows *r) {
    r->n = 0;
    r->weighted = 1;
    while (r->n < 1500) {
        double x1 = normal(d), x2 = uniform(d), chance = 0.2 + 0.7 * x2, t = normal(d) > 0, e = normal(d);
        if (uniform(d) > chance) continue;
        int i = r->n++;
        r->column[X1][i] = x1;
        r->column[X2][i] = x2;
        r->column[T][i] = t;
        r->column[Y][i] = t * (1 + 2 * x2) + x1 + (0.5 + x2) * e; /* 2 on average over the population */
        r->weight[i] = 1 / chance;
    }
}
static void solve_sampled_difference(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_DIFFERENCE, CW_TARGET_ALL, CW_SAMPLING);
    *a = (answer){x.estimate, x.hc[2], x.classical_df};
}
static void solve_sampled_lin(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_INTERACT, CW_TARGET_ALL, CW_SAMPLING);
    *a = (answer){x.estimate, x.hc[2], x.classical_df};
}

/* A discrete population of 1200 people, kept as its cells and their counts. */
static void counted(draws *d, rows *r) {
    static int count[2][2][2][6];
    memset(count, 0, sizeof count);
    for (int k = 0; k < 1200; k++) {
        int x1 = uniform(d) < 0.4, x2 = uniform(d) < 0.5, t = uniform(d) < 0.3 + 0.3 * x1;
        int y = 2 * t + x1 + (uniform(d) < 0.5) + (x2 ? (uniform(d) < 0.5) : 0);
        count[x1][x2][t][y]++;
    }
    r->n = 0;
    r->weighted = 1;
    for (int c = 0; c < 48; c++) {
        int x1 = c / 24, x2 = c / 12 % 2, t = c / 6 % 2, y = c % 6;
        if (count[x1][x2][t][y] == 0) continue;
        int i = r->n++;
        r->column[X1][i] = x1;
        r->column[X2][i] = x2;
        r->column[T][i] = t;
        r->column[Y][i] = y;
        r->weight[i] = count[x1][x2][t][y];
    }
}
static void solve_counted(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_ADJUST, CW_TARGET_ALL, CW_FREQUENCY);
    *a = (answer){x.estimate, x.hc[1], x.classical_df};
}

static void precise(draws *d, rows *r) {
    small_normal(d, r);
    r->weighted = 1;
    for (int i = 0; i < r->n; i++) {
        r->weight[i] = 0.2 + 3 * uniform(d);
        r->column[Y][i] = 1 + 2 * r->column[T][i] + r->column[X1][i] + normal(d) / sqrt(r->weight[i]);
    }
}
static void solve_precise(const rows *r, answer *a) {
    cw_linear_result x = plain(r, CW_FORM_ADJUST, CW_TARGET_ALL, CW_PRECISION);
    *a = (answer){x.estimate, x.classical, x.classical_df};
}

/* Whole clusters are treated, and rows of a cluster share an error. */
static void clustered(draws *d, rows *r, int groups, int size) {
    r->n = groups * size;
    double shared = 0, z = 0;
    for (int i = 0; i < r->n; i++) {
        if (i % size == 0) {
            shared = normal(d);
            z = normal(d);
        }
        r->cluster[0][i] = i / size;
        r->column[T][i] = (i / size) % 2;
        r->column[X1][i] = z;
        r->column[X2][i] = uniform(d);
        r->column[Y][i] = 2 * r->column[T][i] + z + r->column[X2][i] + shared + normal(d);
    }
}
static void many_clusters(draws *d, rows *r) {
    clustered(d, r, 250, 6);
}
static void few_clusters(draws *d, rows *r) {
    clustered(d, r, 24, 10);
}
static void solve_cr(const rows *r, answer *a, cw_linear_form form, int kind) {
    solver s;
    prepare(&s, r, form, CW_TARGET_ALL, CW_UNWEIGHTED);
    cw_linear_result x = solve(&s, r, 0);
    *a = (answer){x.estimate, x.cr[kind], (double)(x.clusters - 1)};
}
static void solve_cr0(const rows *r, answer *a) {
    solve_cr(r, a, CW_FORM_DIFFERENCE, 0);
}
static void solve_cr1(const rows *r, answer *a) {
    solve_cr(r, a, CW_FORM_ADJUST, 1);
}
static void solve_cr2(const rows *r, answer *a) {
    solve_cr(r, a, CW_FORM_DIFFERENCE, 2);
}

/* Errors shared along two crossed groupings; the treatment varies along both. */
static void crossed(draws *d, rows *r) {
    enum { SIDE = 64 };
    double a[SIDE], b[SIDE], ta[SIDE], tb[SIDE];
    for (int g = 0; g < SIDE; g++) {
        a[g] = normal(d);
        b[g] = normal(d);
        ta[g] = normal(d);
        tb[g] = normal(d);
    }
    r->n = SIDE * SIDE;
    for (int i = 0; i < r->n; i++) {
        int g = i / SIDE, h = i % SIDE;
        r->cluster[0][i] = g;
        r->cluster[1][i] = h;
        r->column[T][i] = ta[g] + tb[h] + normal(d) > 0;
        r->column[Y][i] = 2 * r->column[T][i] + 0.5 * (a[g] + b[h]) + normal(d);
    }
}
static void solve_two_ways(const rows *r, answer *a) {
    solver s;
    double variance = 0;
    cw_linear_result x;
    static rows both;
    both = *r;
    for (int i = 0; i < r->n; i++) both.cluster[0][i] = i; /* every pair of groups has one row here */
    prepare(&s, r, CW_FORM_DIFFERENCE, CW_TARGET_ALL, CW_UNWEIGHTED);
    for (int way = 0; way < 3; way++) {
        s.spec.cr2 = 0;
        x = solve(&s, way < 2 ? r : &both, way < 2 ? way : 0);
        variance += (way < 2 ? 1 : -1) * x.cr[1] * x.cr[1];
    }
    *a = (answer){x.estimate, sqrt(variance), 63};
}

/* A factor with its own level for each group, absorbed: columns demeaned as the engine does. */
static void grouped(draws *d, rows *r) {
    enum { GROUPS = 40, SIZE = 30 };
    r->n = GROUPS * SIZE;
    for (int g = 0; g < GROUPS; g++) {
        double own = 3 * normal(d), mean[4] = {0, 0, 0, 0};
        for (int k = 0; k < SIZE; k++) {
            int i = g * SIZE + k;
            r->column[X1][i] = normal(d) + own;
            r->column[X2][i] = uniform(d);
            r->column[T][i] = normal(d) + 0.3 * own > 0;
            r->column[Y][i] =
                2 * r->column[T][i] + own + r->column[X1][i] + (0.5 + r->column[X2][i]) * normal(d);
            for (int j = 0; j < 4; j++) mean[j] += r->column[j][i] / SIZE;
            r->column[SHARE][i] = 1.0 / SIZE;
        }
        for (int k = 0; k < SIZE; k++)
            for (int j = 0; j < 4; j++) r->column[j][g * SIZE + k] -= mean[j];
    }
}
static void solve_absorbed(const rows *r, answer *a, int kind) {
    solver s;
    prepare(&s, r, CW_FORM_ADJUST, CW_TARGET_ALL, CW_UNWEIGHTED);
    s.spec.absorbed = 1;
    s.spec.absorbed_levels = 40;
    s.spec.level_share = SHARE;
    for (int j = 0; j < MAX_COLUMNS; j++) s.facts[j].shift = 0;
    cw_linear_result x = solve(&s, r, -1);
    *a = (answer){x.estimate, x.hc[kind], x.classical_df};
}
static void solve_absorbed_hc1(const rows *r, answer *a) {
    solve_absorbed(r, a, 1);
}
static void solve_absorbed_hc2(const rows *r, answer *a) {
    solve_absorbed(r, a, 2);
}

/* E(x1 | t = 1) of uneven_errors. */
#define TREATED_MEAN (0.7 * 0.79788456080286535588 / 1.22065556157337020)

static const scenario scenarios[] = {
    {"difference, classical", 2, pooled_normal, solve_pooled},
    {"difference, Welch", 2, unequal_arms, solve_welch},
    {"difference, HC2 with Welch's degrees of freedom", 2, unequal_arms, solve_hc2_welch},
    {"adjusted, classical", 2, small_normal, solve_classical},
    {"adjusted, HC0", 2, uneven_errors, solve_hc0},
    {"adjusted, HC1", 2, uneven_errors, solve_hc1},
    {"adjusted, HC2", 2, uneven_errors, solve_hc2},
    {"adjusted, HC3", 2, uneven_errors, solve_hc3},
    {"interacted, ATE", 2, uneven_effects, solve_lin},
    {"interacted, ATT", 2 + TREATED_MEAN, uneven_effects, solve_lin_att},
    {"interacted, ATC", 2 - TREATED_MEAN, uneven_effects, solve_lin_atc},
    {"difference, sampling weights", 2, sampled, solve_sampled_difference},
    {"interacted, sampling weights", 2, sampled, solve_sampled_lin},
    {"adjusted, frequency weights", 2, counted, solve_counted},
    {"adjusted, precision weights", 2, precise, solve_precise},
    {"difference, CR0, 250 clusters", 2, many_clusters, solve_cr0},
    {"adjusted, CR1, 250 clusters", 2, many_clusters, solve_cr1},
    {"difference, CR2, 24 clusters", 2, few_clusters, solve_cr2},
    {"difference, CR1 two ways", 2, crossed, solve_two_ways},
    {"absorbed factor, HC1", 2, grouped, solve_absorbed_hc1},
    {"absorbed factor, HC2", 2, grouped, solve_absorbed_hc2},
};

static void check(const scenario *s) {
    static rows r;
    int64_t covered = 0;
    double bias = 0, spread = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draws d = {.stream = cw_stream_make(seed, "coverage", s->name, 0)};
        answer a;
        memset(&r, 0, sizeof r);
        s->make(&d, &r);
        s->solve(&r, &a);
        assert_true(isfinite(a.se) && a.df > 0);
        double half = cw_t_quantile(0.5 + level / 2, a.df) * a.se, off = a.estimate - s->truth;
        covered += fabs(off) <= half;
        bias += off / SEEDS;
        spread += off * off / SEEDS;
    }
    double below = cw_binomial_cdf(covered, SEEDS, level), above = cw_binomial_upper(covered, SEEDS, level);
    double bias_error = sqrt(spread / SEEDS);
    printf("%-50s coverage %.4f  bias %+.2f standard errors\n", s->name, (double)covered / SEEDS,
           bias / bias_error);
    if (below < test_size / 2 || above < test_size / 2) fail_msg("%s: coverage is not %.2f", s->name, level);
    if (fabs(bias) > 4.5 * bias_error) fail_msg("%s: biased", s->name);
}

static void every_interval_covers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof scenarios / sizeof *scenarios; k++) check(&scenarios[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_interval_covers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
