/* Bounds and sensitivity where the truth is known because the data are made here: 4000 data sets each, and
 * the share of 95 % intervals that hold the truth judged by a binomial test at 1e-4. The truth stands where
 * it is hardest to cover, at an end of the set; an interval that is much too wide fails as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "src/base/distribution.h"
#include "src/base/random.h"
#include "src/bounds/arms.h"
#include "src/bounds/cells.h"
#include "src/bounds/response.h"
#include "src/sensitivity/riesz.h"

enum { SEEDS = 4000, ROWS = 600 };
static const double level = 0.95, test_size = 1e-4;

static double column[4][ROWS], weight[ROWS];
static const double *const columns[] = {column[0], column[1], column[2], column[3]};

typedef struct draws {
    cw_stream stream;
    uint64_t item;
} draws;

static double uniform(draws *d) {
    return cw_stream_uniform(d->stream, d->item++, 0, 0);
}
static double normal(draws *d) {
    return cw_stream_normal(d->stream, d->item++, 0, 0);
}

static void judge(const char *what, int64_t covered, double most) {
    double share = (double)covered / SEEDS;
    printf("%-50s %.4f\n", what, share);
    if (cw_binomial_cdf(covered, SEEDS, level) < test_size) fail_msg("%s: %.4f is below 0.95", what, share);
    if (most < 1 && cw_binomial_upper(covered, SEEDS, most) < test_size)
        fail_msg("%s: %.4f is above %.3f: too wide", what, share, most);
}

static int holds(cw_interval interval, double truth) {
    return interval.lower <= truth && truth <= interval.upper;
}

/* Rows taken with unequal chances and weighted back: treatment, outcome, weight; P(D=1) = 0.4. Outcomes are 0
 * or 1 with means 0.3 + 0.3 d in the population. */
static void sample(draws *d) {
    for (int i = 0; i < ROWS;) {
        double t = uniform(d)<0.4, y = uniform(d) < 0.3 + 0.3 * t, taken = y> 0 ? 0.9 : 0.45;
        if (uniform(d) >= taken) continue;
        column[0][i] = t;
        column[1][i] = y;
        weight[i++] = 1 / taken;
    }
}

typedef struct tally {
    int64_t lower, upper, set, separate;
} tally;

static void count(tally *n, const cw_response *r, double lower, double upper) {
    cw_env env;
    cw_env_init(&env);
    cw_intervals i;
    cw_ends ends = cw_response_ends(r);
    assert_int_equal(cw_interval_find(&env, &ends, level, r->n_effective, &i), CW_OK);
    n->lower += holds(i.parameter, lower);
    n->upper += holds(i.parameter, upper);
    n->set += holds(i.set, lower) && holds(i.set, upper);
    n->separate += holds(i.separate, upper);
}

static void weighted_bounds(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double levels[] = {0, 1};
    cw_arms_spec spec = {.outcome = 1, .treatment = 0, .levels = 2, .level = levels, .shift = 0.4};
    cw_arms *arms = NULL;
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_OK);
    const cw_accumulator *a = cw_arms_accumulator(arms);
    _Alignas(64) unsigned char memory[1024];
    assert_true(cw_accumulator_bytes(a) <= sizeof memory);
    tally none = {0, 0, 0, 0}, both = none, treated = none;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draws d = {cw_stream_make(seed, "stat", "bounds", 0), 0};
        sample(&d);
        cw_accumulator_reset(a, memory);
        a->add(a->params, memory, NULL,
               &(cw_block){.rows = ROWS, .reals = 2, .real = columns, .weight = weight});
        cw_arm arm[2];
        cw_arms_get(arms, memory, 0, arm);
        cw_response_spec s = {.levels = 2, .arm = arm, .low = 0, .high = 1};
        cw_response r;
        assert_int_equal(cw_response_effect(&env, &s, 0, 1, CW_CROWD_ALL, &r), CW_OK);
        /* 0.4 0.6 + 0.6 [0, 1] - 0.6 0.3 - 0.4 [0, 1] */
        count(&none, &r, 0.24 - 0.18 - 0.4, 0.24 - 0.18 + 0.6);
        assert_int_equal(cw_response_effect(&env, &s, 0, 1, CW_CROWD_TREATED, &r), CW_OK);
        count(&treated, &r, 0.6 - 1, 0.6);
        s.beliefs = CW_RESPONSE_UP | CW_SELECTION_UP;
        assert_int_equal(cw_response_effect(&env, &s, 0, 1, CW_CROWD_ALL, &r), CW_OK);
        count(&both, &r, 0, 0.3);
    }
    cw_arms_destroy(&arms);
    judge("no assumption, weighted: parameter at the lower end", none.lower, 0.965);
    judge("no assumption, weighted: parameter at the upper end", none.upper, 0.965);
    judge("no assumption, weighted: set", none.set, 0.99);
    judge("the treated, weighted: parameter at the upper end", treated.upper, 0.965);
    judge("monotone response and selection: upper end", both.upper, 0.965);
    judge("monotone response and selection: Stoye", both.separate, 0.99);
}

/* Ends that are estimated apart: a short, a moderate and a wide set, errors of unequal size. */
static void separate_ends(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    static const double width[] = {0, 12};
    for (int k = 0; k < 2; k++) {
        int64_t lower = 0, upper = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            draws d = {cw_stream_make(seed, "stat", "ends", (uint64_t)k), 0};
            double a = normal(&d), b = 0.4 * a + sqrt(1 - 0.16) * normal(&d);
            cw_ends ends = {a, width[k] + 2 * b, 1, 2, 0.4};
            cw_intervals i;
            assert_int_equal(cw_interval_find(&env, &ends, level, 1000, &i), CW_OK);
            lower += holds(i.separate, 0);
            upper += holds(i.separate, width[k]);
        }
        judge(k ? "Stoye, wide set: lower end" : "Stoye, a point: lower end", lower, 0.965);
        judge(k ? "Stoye, wide set: upper end" : "Stoye, a point: upper end", upper, 0.965);
    }
}

/* A randomised instrument with compliers, always- and never-takers; the limits cover both ends of the true
 * set. */
static void instrument_limits(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_instrument_row truth[2] = {{0, 0, 0, 0, 1}, {0, 0, 0, 0, 1}};
    /* Types: share, X(0), X(1), P(Y(0) = 1), P(Y(1) = 1). */
    static const double type[][5] = {{0.5, 0, 1, 0.3, 0.7}, {0.2, 1, 1, 0.5, 0.6}, {0.3, 0, 0, 0.2, 0.4}};
    for (int z = 0; z < 2; z++)
        for (int k = 0; k < 3; k++) {
            int x = (int)type[k][1 + z];
            double p = type[k][3 + x];
            *(x ? &truth[z].x1y1 : &truth[z].x0y1) += type[k][0] * p;
            *(x ? &truth[z].x1y0 : &truth[z].x0y0) += type[k][0] * (1 - p);
        }
    cw_instrument set, r;
    assert_int_equal(cw_instrument_find(&env, 2, truth, level, &set), CW_OK);
    cw_cells cells;
    cw_cells_spec spec = {.instrument = 0,
                          .treatment = 1,
                          .outcome = 2,
                          .levels = 2,
                          .level = {0, 1},
                          .control = 0,
                          .treated = 1,
                          .threshold = 0.5};
    assert_int_equal(cw_cells_init(&env, &cells, &spec), CW_OK);
    const cw_accumulator *a = &cells.accumulator;
    _Alignas(64) unsigned char memory[512];
    int64_t covered = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draws d = {cw_stream_make(seed, "stat", "instrument", 0), 0};
        for (int i = 0; i < ROWS; i++) {
            double u = uniform(&d);
            int k = u < 0.5 ? 0 : u < 0.7 ? 1 : 2, z = uniform(&d) < 0.5, x = (int)type[k][1 + z];
            column[0][i] = z;
            column[1][i] = x;
            column[2][i] = uniform(&d) < type[k][3 + x];
        }
        cw_instrument_row row[2];
        cw_accumulator_reset(a, memory);
        a->add(a->params, memory, NULL, &(cw_block){.rows = ROWS, .reals = 3, .real = columns});
        cw_cells_get(&cells, memory, row);
        assert_int_equal(cw_instrument_find(&env, 2, row, level, &r), CW_OK);
        covered += r.lower_limit <= set.effect.lower && set.effect.upper <= r.upper_limit;
    }
    judge("Balke-Pearl: limits of the set", covered, 1);
}

/* A planted hidden cause A of known strength. D = X/2 + A/2 + e, Y = D + X + A + u, all standard normal:
 * given X, A explains 1/5 of D; given D and X, it explains 4/9 of Y. The model is linear, so the worst case
 * (rho 1) is what happens, and the truth is the lower end. */
static void planted_cause(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const double effect = 1, bias = 0.5 / 1.25, variance = 1.25;
    /* Var(Y|D,X) = 1 + Var(A|D,X) = 1 + 0.8. */
    const cw_riesz_scenario strength = {0.8 / 1.8, 0.25 / variance, 1};
    int64_t covered = 0, robust = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draws d = {cw_stream_make(seed, "stat", "hidden", 0), 0};
        double top = 0, bottom = 0;
        for (int i = 0; i < ROWS; i++) {
            double x = normal(&d), cause = normal(&d), t = 0.5 * x + 0.5 * cause + normal(&d);
            double y = effect * t + x + cause + normal(&d);
            column[0][i] = y;
            column[1][i] = t;
            column[2][i] = 0.5 * x;                /* E[D|X] */
            column[3][i] = (1 + 0.5 * effect) * x; /* E[Y|X] */
            top += (t - column[2][i]) * (y - column[3][i]);
            bottom += (t - column[2][i]) * (t - column[2][i]);
        }
        cw_riesz_spec spec = {.form = CW_RIESZ_PARTIAL,
                              .outcome = 0,
                              .treatment = 1,
                              .propensity = 2,
                              .control = 3,
                              .theta = top / bottom};
        cw_riesz_rows rows;
        cw_riesz r;
        _Alignas(64) unsigned char memory[512];
        assert_int_equal(cw_riesz_rows_init(&env, &rows, &spec), CW_OK);
        const cw_accumulator *a = &rows.accumulator;
        assert_true(cw_accumulator_bytes(a) <= sizeof memory);
        cw_accumulator_reset(a, memory);
        a->add(a->params, memory, NULL, &(cw_block){.rows = ROWS, .reals = 4, .real = columns});
        assert_int_equal(cw_riesz_rows_finish(&env, &rows, memory, &r), CW_OK);
        cw_riesz_bounds b = cw_riesz_bound(&r, strength, level);
        covered += b.limit_lower <= effect && effect <= b.limit_upper;
        /* Asked against the truth, the robustness value at the level must not exceed the planted strength (in
         * its equal-share form). */
        double factor = sqrt(strength.cf_y * strength.cf_d / (1 - strength.cf_d));
        double planted = 2 / (1 + sqrt(1 + 4 / (factor * factor)));
        robust += r.theta < effect || cw_riesz_robustness_level(&r, effect, 1, level) <= planted;
    }
    assert_true(fabs(bias - sqrt(strength.cf_y * strength.cf_d / (1 - strength.cf_d)) *
                                sqrt(1.8 / variance)) < 1e-12);
    judge("planted hidden cause: bounds", covered, 0.965);
    judge("planted hidden cause: robustness value", robust, 0.965);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighted_bounds),
        cmocka_unit_test(separate_ends),
        cmocka_unit_test(instrument_limits),
        cmocka_unit_test(planted_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
