/* Omitted-variable bias in partial R^2: printed results, exactness against regressions that do contain the
 * hidden cause, robustness values against a search, one Gram matrix against refits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/distribution.h"
#include "src/linalg/gram.h"
#include "src/sensitivity/regression.h"
#include "tests/unit/cases.h"

enum { MOST = 12, PACKED = MOST * (MOST + 1) / 2 };

static cw_omitted published(json_t *in) {
    return (cw_omitted){number(at(in, 1, "estimate")), number(at(in, 1, "se")), number(at(in, 1, "dof")),
                        NAN};
}

/* A regression of the last column on the one before it and all others, from the fixture. */
static cw_regression *fixture(cw_env *env, const char *name, int32_t constant, int32_t *covariates) {
    json_t *d = at(cases_data, 1, name), *g = at(d, 1, "gram");
    static double packed[PACKED];
    static int32_t covariate[MOST];
    int32_t order = (int32_t)json_array_size(at(d, 1, "columns"));
    for (size_t k = 0; k < json_array_size(g); k++) packed[k] = item(g, k);
    *covariates = 0;
    for (int32_t k = 0; k < order - 2; k++)
        if (k != constant) covariate[(*covariates)++] = k;
    cw_regression_spec spec = {.order = order,
                               .packed = packed,
                               .constant = constant,
                               .treatment = order - 2,
                               .outcome = order - 1,
                               .covariates = *covariates,
                               .covariate = covariate,
                               .rows = number(at(d, 1, "rows")),
                               .absorbed = number(at(d, 1, "absorbed"))};
    cw_regression *r = NULL;
    assert_int_equal(cw_regression_create(env, &spec, &r), CW_OK);
    return r;
}

static int32_t named(const char *fixture_name, int32_t constant, const char *column) {
    json_t *columns = at(cases_data, 2, fixture_name, "columns");
    for (size_t k = 0; k < json_array_size(columns); k++)
        if (strcmp(json_string_value(json_array_get(columns, k)), column) == 0)
            return (int32_t)k - (constant == 0);
    fail_msg("no column %s", column);
    return -1;
}

static void darfur(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int32_t covariates;
    cw_regression *r = fixture(&env, "darfur", -1, &covariates);
    json_t *e = at(case_of("OVB02"), 1, "expected");
    cw_omitted fit = cw_regression_fit(r);
    assert_int_equal(cw_omitted_check(&env, &fit), CW_OK);
    is_close(fit.estimate, number(at(e, 1, "estimate")), 1e-9, 0, "estimate");
    is_close(fit.se, number(at(e, 1, "se")), 1e-9, 0, "se");
    assert_true(fit.df == number(at(e, 1, "df")));
    is_close(cw_omitted_partial_r2(&fit), number(at(e, 1, "partial_r2")), 1e-7, 0, "partial R2");
    is_close(cw_omitted_robustness(&fit, 0, 1), number(at(e, 1, "rv")), 1e-7, 0, "rv");
    is_close(cw_omitted_robustness(&fit, 0, 0.05), number(at(e, 1, "rv_alpha_0_05")), 1e-7, 0, "rv alpha");
    int32_t female = named("darfur", -1, "female");
    cw_covariate_strength c = cw_regression_covariate(r, female);
    json_t *in2 = at(case_of("SM02"), 1, "inputs"), *e2 = at(case_of("SM02"), 1, "expected");
    is_close(c.observed.outcome, number(at(in2, 1, "r2yxj_dx")), 1e-9, 0, "r2yxj");
    is_close(c.observed.treatment, number(at(in2, 1, "r2dxj_x")), 1e-9, 0, "r2dxj");
    for (size_t k = 0; k < 3; k++) {
        char key[2] = {(char)('1' + k), 0};
        json_t *b = at(e, 2, "benchmark", key);
        cw_strength s;
        assert_int_equal(cw_omitted_benchmark(c.observed, (double)k + 1, (double)k + 1, &s), 1);
        cw_adjusted a = cw_omitted_adjust(&fit, s, 0, 0, 0.95);
        is_close(s.treatment, number(at(b, 1, "r2dz")), 1e-7, 0, "r2dz");
        is_close(s.outcome, number(at(b, 1, "r2yz")), 1e-7, 0, "r2yz");
        is_close(a.estimate, number(at(b, 1, "adjusted_estimate")), 1e-7, 0, "adjusted estimate");
        is_close(a.se, number(at(b, 1, "adjusted_se")), 1e-7, 0, "adjusted se");
        is_close(a.t, number(at(b, 1, "adjusted_t")), 1e-7, 0, "adjusted t");
        is_close(a.estimate, item(at(e2, 1, "adjusted_estimate"), k), 1e-6, 0, "SM02 estimate");
        is_close(a.t, item(at(e2, 1, "adjusted_t"), k), 1e-6, 0, "SM02 t");
        /* The printed interval takes df, not df - 1. */
        double half = cw_t_quantile(0.975, fit.df) * a.se;
        is_close(a.estimate - half, item(at(e2, 1, "ci_lower"), k), 1e-6, 0, "SM02 ci");
        is_close(a.estimate + half, item(at(e2, 1, "ci_upper"), k), 1e-6, 0, "SM02 ci");
    }
    json_t *in3 = at(case_of("SM03"), 2, "inputs", "covariates"), *e3 = at(case_of("SM03"), 1, "expected");
    for (size_t k = 0; k < json_array_size(in3); k++) {
        cw_strength s;
        c = cw_regression_covariate(r, named("darfur", -1, json_string_value(json_array_get(in3, k))));
        assert_int_equal(cw_omitted_benchmark(c.observed, 1, 1, &s), 1);
        is_close(s.treatment, item(at(e3, 1, "r2dz_x"), k), 1e-5, 0, "SM03 r2dz");
        is_close(s.outcome, item(at(e3, 1, "r2yz_dx"), k), 1e-5, 0, "SM03 r2yz");
        is_close(cw_omitted_adjust(&fit, s, 0, 0, 0.95).estimate, item(at(e3, 1, "adjusted_estimate"), k),
                 1e-5, 0, "SM03 estimate");
    }
    const int32_t group[] = {named("darfur", -1, "age"), named("darfur", -1, "herder_dar"),
                             named("darfur", -1, "farmer_dar")};
    assert_int_equal(cw_regression_group(r, 3, group, &c), CW_OK);
    json_t *g = at(e3, 1, "group_r2_age_herder_farmer");
    is_close(c.observed.outcome, number(at(g, 1, "outcome")), 1e-7, 0, "group outcome");
    is_close(c.observed.treatment, number(at(g, 1, "treatment")), 1e-7, 0, "group treatment");
    cw_regression_destroy(&r);
    assert_int_equal(env.blocks_now, 0);
}

static void lalonde(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int32_t covariates;
    cw_regression *r = fixture(&env, "lalonde", 0, &covariates);
    cw_omitted fit = cw_regression_fit(r);
    is_close(fit.estimate, 1548.24, 0, 0.005, "estimate");
    is_close(cw_omitted_robustness(&fit, 0, 1), 0.07745, 0, 5e-6, "rv");
    is_close(cw_omitted_robustness(&fit, 0, 0.05), 0.000657, 0, 5e-7, "rv alpha");
    json_t *in = at(case_of("SM08"), 1, "inputs"), *e = at(case_of("SM08"), 2, "expected", "k1");
    for (size_t k = 0; k < json_array_size(at(in, 1, "k1")); k++) {
        const char *name = json_string_value(json_array_get(at(in, 1, "k1"), k));
        cw_strength s;
        cw_covariate_strength c = cw_regression_covariate(r, named("lalonde", 0, name));
        assert_int_equal(cw_omitted_benchmark(c.observed, 1, 1, &s), 1);
        cw_adjusted a = cw_omitted_adjust(&fit, s, 0, 0, 0.95);
        is_close(s.treatment, item(at(e, 1, "r2dz_x"), k), 1e-6, 0, name);
        is_close(s.outcome, item(at(e, 1, "r2yz_dx"), k), 1e-6, 0, name);
        is_close(a.estimate, item(at(e, 1, "adjusted_estimate"), k), 1e-6, 0, name);
        is_close(a.se, item(at(e, 1, "adjusted_se"), k), 1e-6, 0, name);
        if (strcmp(name, "black") != 0) continue;
        /* Twice as strong is impossible: said, and the rest goes on. */
        assert_int_equal(cw_omitted_benchmark(c.observed, 3, 3, &s), 0);
        assert_true(isnan(s.treatment) && isnan(s.outcome));
        double m = cw_omitted_multiple(&fit, c.observed, 0, 1);
        assert_true(m > 0 && m < 1);
        assert_int_equal(cw_omitted_benchmark(c.observed, m, m, &s), 1);
        is_close(cw_omitted_adjust(&fit, s, 0, 0, 0.95).estimate, 0, 0, 1e-6, "at the multiple");
    }
    e = at(case_of("SM08"), 2, "expected", "re74");
    cw_covariate_strength c = cw_regression_covariate(r, named("lalonde", 0, "re74"));
    for (size_t k = 0; k < 3; k++) {
        cw_strength s;
        assert_int_equal(cw_omitted_benchmark(c.observed, (double)k + 1, (double)k + 1, &s), 1);
        cw_adjusted a = cw_omitted_adjust(&fit, s, 0, 0, 0.95);
        is_close(s.treatment, item(at(e, 1, "r2dz_x"), k), 1e-6, 0, "re74");
        is_close(s.outcome, item(at(e, 1, "r2yz_dx"), k), 1e-6, 0, "re74");
        is_close(a.estimate, item(at(e, 1, "adjusted_estimate"), k), 1e-6, 0, "re74");
        is_close(a.t, item(at(e, 1, "adjusted_t"), k), 1e-6, 0, "re74");
    }
    cw_regression_destroy(&r);
}

static void published_numbers(void **state) {
    (void)state;
    json_t *in = at(case_of("SM04"), 1, "inputs"), *e = at(case_of("SM04"), 1, "expected");
    cw_omitted fit = published(in);
    cw_strength s = {item(at(in, 1, "point"), 0), item(at(in, 1, "point"), 1)};
    cw_adjusted a = cw_omitted_adjust(&fit, s, 0, 0, 0.95);
    is_close(a.estimate, number(at(e, 1, "adjusted_estimate")), 1e-6, 0, "estimate");
    is_close(a.se, number(at(e, 1, "adjusted_se")), 1e-6, 0, "se");
    is_close(a.t, number(at(e, 1, "adjusted_t")), 1e-6, 0, "t");
    is_close(a.lower, item(at(e, 1, "adjusted_ci_dofminus1"), 0), 1e-6, 0, "lower");
    is_close(a.upper, item(at(e, 1, "adjusted_ci_dofminus1"), 1), 1e-6, 0, "upper");
    for (size_t k = 0; k < 3; k++) {
        cw_strength extreme = {item(at(in, 1, "extreme_r2dz"), k), 1};
        is_close(cw_omitted_adjust(&fit, extreme, 0, 0, 0.95).estimate,
                 item(at(e, 1, "extreme_estimates"), k), 1e-6, 0, "extreme");
    }
    json_t *t = at(in, 1, "tdagger_point");
    s = (cw_strength){number(at(t, 1, "r2dz")), number(at(t, 1, "r2yz"))};
    is_close(cw_omitted_critical_t(&fit, s, number(at(t, 1, "alpha"))), number(at(e, 1, "t_dagger")), 1e-9, 0,
             "t dagger");

    in = at(case_of("SM05"), 1, "inputs"), e = at(case_of("SM05"), 1, "expected");
    double grid[5], estimate[25], score[25];
    for (size_t k = 0; k < 5; k++) grid[k] = item(at(in, 1, "grid"), k);
    fit = published(in);
    cw_omitted_grid(&fit, 0, 0, 5, grid, 5, grid, estimate, score);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            is_close(estimate[5 * i + j], item(json_array_get(at(e, 1, "estimate"), i), j), 1e-6, 0, "grid");
            is_close(score[5 * i + j], item(json_array_get(at(e, 1, "t"), i), j), 1e-6, 0, "grid t");
        }

    in = at(case_of("SM06"), 1, "inputs"), e = at(case_of("SM06"), 1, "expected");
    double alpha = number(at(in, 1, "alpha"));
    for (size_t k = 0; k < json_array_size(at(in, 1, "pairs")); k++) {
        json_t *pair = json_array_get(at(in, 1, "pairs"), k);
        fit = (cw_omitted){item(pair, 0), 1, item(pair, 1), NAN};
        is_close(cw_omitted_robustness(&fit, 0, 1), item(at(e, 1, "rv_alpha1"), k), 1e-8, 0, "rv");
        is_close(cw_omitted_robustness(&fit, 0, alpha), item(at(e, 1, "rv_a05"), k), 1e-8, 0, "rv alpha");
        is_close(cw_omitted_extreme(&fit, 0, alpha), item(at(e, 1, "xrv_a05"), k), 1e-8, 0, "xrv");
        int interior = cw_omitted_robustness(&fit, 0, alpha) == cw_omitted_extreme(&fit, 0, alpha);
        assert_int_equal(interior, json_is_true(json_array_get(at(e, 1, "interior_branch"), k)));
        assert_true(cw_omitted_extreme(&fit, 0, 1) == cw_omitted_partial_r2(&fit) ||
                    fabs(cw_omitted_extreme(&fit, 0, 1) - cw_omitted_partial_r2(&fit)) < 1e-15);
    }
}

/* At the robustness value the worst admissible hidden cause just reaches the target; found by search over
 * both shares, not by the formula. */
static void robustness_is_what_a_search_finds(void **state) {
    (void)state;
    uint64_t seed = 41;
    for (int round = 0; round < 200; round++) {
        cw_omitted fit = {(unit(&seed) - 0.5) * 20, 1, 3 + floor(60 * unit(&seed)), NAN};
        if (round % 3 == 0) fit.robust_se = 0.5 + unit(&seed);
        double target = round % 2 ? 0 : (unit(&seed) - 0.5) * 20, alpha = round % 4 < 2 ? 1 : 0.05;
        double rv = cw_omitted_robustness(&fit, target, alpha), worst[2] = {-INFINITY, -INFINITY};
        int raise = (fit.estimate < target) == (fit.estimate >= 0);
        for (int side = 0; side < 2; side++) {
            double most = side ? rv * 0.999 : rv;
            for (int i = 0; i <= 100; i++)
                for (int j = 0; j <= 400; j++) {
                    if (i < 100 && j < 400) continue; /* the worst is on the border */
                    cw_adjusted a = cw_omitted_adjust(&fit, (cw_strength){most * i / 100, most * j / 400},
                                                      raise, target, 0.95);
                    double end = fit.estimate > target ? target - (alpha < 1 ? a.lower : a.estimate)
                                                       : (alpha < 1 ? a.upper : a.estimate) - target;
                    worst[side] = fmax(worst[side], end);
                }
        }
        if (rv == 0) {
            assert_true(worst[0] >= 0);
            continue;
        }
        /* The grid sees the worst to its own spacing; just below the value it stays short of the target. */
        assert_true(fabs(worst[0]) < 2e-3 * fmax(1, fabs(fit.estimate - target)));
        assert_true(worst[1] < 0);
        cw_strength at_rv = {rv, rv};
        double t = fabs(fit.estimate - target) / fit.se;
        is_close(cw_omitted_critical_t(&fit, at_rv, alpha), t, 1e-9, 0, "critical t at the robustness value");
        assert_true(cw_omitted_extreme(&fit, target, alpha) <= rv * (1 + 1e-12));
        cw_strength extreme = {cw_omitted_extreme(&fit, target, alpha), 1};
        is_close(cw_omitted_critical_t(&fit, extreme, alpha), t, 1e-9, 0, "critical t at the extreme value");
        if (alpha == 1) {
            double y = cw_omitted_break_even(&fit, target, rv);
            is_close(y, rv, 1e-9, 0, "break even on the diagonal");
            double half = cw_omitted_break_even(&fit, target, 0.5 * (rv + 1));
            cw_adjusted a = cw_omitted_adjust(&fit, (cw_strength){0.5 * (rv + 1), half}, raise, target, 0.95);
            is_close(a.estimate, target, 0, 1e-9 * fabs(fit.estimate - target), "break even");
        }
    }
    cw_omitted fit = {2, 1, 100, NAN};
    assert_true(cw_omitted_break_even(&fit, 0, 0.001) == INFINITY);
    assert_true(cw_omitted_break_even(&fit, 0, 0) == INFINITY && cw_omitted_break_even(&fit, 2, 0) == 0);
}

enum { ROWS = 80, X = 4 };
/* Columns: 1, x1..x4 (x4 perhaps dependent), hidden z, t, y. */
static void simulate(uint64_t seed, double *packed, int dependent) {
    enum { Q = X + 4 };
    memset(packed, 0, Q * (Q + 1) / 2 * sizeof *packed);
    for (int r = 0; r < ROWS; r++) {
        double row[Q] = {1};
        for (int j = 1; j <= X; j++) row[j] = (unit(&seed) - 0.3) * (j == 2 ? 1000 : 1);
        if (dependent) row[X] = 3 - row[1] + 0.5 * row[3];
        double z = unit(&seed) + 0.4 * row[1];
        row[X + 1] = z;
        row[X + 2] = 0.8 * z + 0.5 * row[1] - 0.0004 * row[2] + unit(&seed);
        row[X + 3] = 1e6 * (1.2 * row[X + 2] + z - row[3] + 0.001 * row[2] + unit(&seed));
        for (int i = 0; i < Q; i++)
            for (int j = i; j < Q; j++) packed[cw_packed(Q, i, j)] += row[i] * row[j];
    }
}

static cw_regression *regress(cw_env *env, const double *packed, int32_t covariates, const int32_t *covariate,
                              int32_t treatment, int32_t outcome, const double *scale) {
    cw_regression_spec spec = {.order = X + 4,
                               .packed = packed,
                               .constant = 0,
                               .treatment = treatment,
                               .outcome = outcome,
                               .covariates = covariates,
                               .covariate = covariate,
                               .scale = scale,
                               .rows = ROWS};
    cw_regression *r = NULL;
    assert_int_equal(cw_regression_create(env, &spec, &r), CW_OK);
    return r;
}

/* The formulas are algebra: with the hidden cause's true shares they give the regression that contains it. */
static void the_hidden_cause_is_recovered_exactly(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (uint64_t seed = 1; seed < 20; seed++) {
        double packed[PACKED];
        simulate(seed, packed, 0);
        const int32_t list[] = {1, 2, 3, 4, 5};
        cw_regression *shorter = regress(&env, packed, 4, list, X + 2, X + 3, NULL);
        cw_regression *longer = regress(&env, packed, 5, list, X + 2, X + 3, NULL);
        cw_omitted s = cw_regression_fit(shorter), l = cw_regression_fit(longer);
        cw_covariate_strength z = cw_regression_covariate(longer, 4);
        cw_adjusted a = cw_omitted_adjust(&s, z.observed, fabs(l.estimate) > fabs(s.estimate), 0, 0.95);
        is_close(a.estimate, l.estimate, 1e-9, 0, "estimate with the hidden cause");
        is_close(a.se, l.se, 1e-9, 0, "its error");
        is_close(a.t, l.estimate / l.se, 1e-9, 0, "its t");
        is_close(a.upper - a.estimate, cw_t_quantile(0.975, l.df) * l.se, 1e-9, 0, "its interval");
        is_close(z.without, s.estimate, 1e-9, 0, "estimate without it");
        cw_regression_destroy(&shorter);
        cw_regression_destroy(&longer);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void one_matrix_equals_refits(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double packed[PACKED], scaled[PACKED], scale[X + 4];
    simulate(5, packed, 0);
    for (int i = 0; i < X + 4; i++) scale[i] = ldexp(1, (i * 7) % 11 - 5);
    for (int i = 0; i < X + 4; i++)
        for (int j = i; j < X + 4; j++)
            scaled[cw_packed(X + 4, i, j)] = packed[cw_packed(X + 4, i, j)] * scale[i] * scale[j];
    const int32_t list[] = {1, 2, 3, 4, 5};
    cw_regression *full = regress(&env, packed, 5, list, X + 2, X + 3, NULL);
    cw_regression *powers = regress(&env, scaled, 5, list, X + 2, X + 3, scale);
    cw_omitted a = cw_regression_fit(full), b = cw_regression_fit(powers);
    is_close(b.estimate, a.estimate, 1e-12, 0, "scaled columns");
    is_close(b.se, a.se, 1e-12, 0, "scaled columns");
    is_close(cw_regression_sd_total(powers), cw_regression_sd_total(full), 1e-12, 0, "scaled columns");
    is_close(a.se, cw_regression_sd_outcome(full) / cw_regression_sd_treatment(full) / sqrt(a.df + 1), 1e-12,
             0, "the error is a ratio of residual deviations");
    for (int32_t j = 0; j < 5; j++) {
        int32_t rest[4], m = 0;
        for (int32_t k = 0; k < 5; k++)
            if (k != j) rest[m++] = list[k];
        cw_covariate_strength c = cw_regression_covariate(full, j), alone;
        cw_regression *less = regress(&env, packed, 4, rest, X + 2, X + 3, NULL);
        is_close(c.without, cw_regression_fit(less).estimate, 1e-9, 0, "without a covariate");
        /* x_j as the treatment: its t statistic in the outcome's and in the treatment's regression. */
        int32_t with_t[5] = {rest[0], rest[1], rest[2], rest[3], X + 2};
        cw_regression *y = regress(&env, packed, 5, with_t, list[j], X + 3, NULL);
        cw_regression *t = regress(&env, packed, 4, rest, list[j], X + 2, NULL);
        cw_omitted fy = cw_regression_fit(y), ft = cw_regression_fit(t);
        is_close(c.observed.outcome, cw_omitted_partial_r2(&fy), 1e-9, 1e-14, "partial R2 with the outcome");
        is_close(c.observed.treatment, cw_omitted_partial_r2(&ft), 1e-9, 1e-14,
                 "partial R2 with the treatment");
        is_close(c.t_outcome, fy.estimate / fy.se, 1e-9, 1e-9, "t");
        is_close(c.t_treatment, ft.estimate / ft.se, 1e-9, 1e-9, "t");
        assert_int_equal(cw_regression_group(full, 1, &j, &alone), CW_OK);
        is_close(alone.observed.outcome, c.observed.outcome, 1e-12, 0, "a group of one");
        is_close(alone.without, c.without, 1e-12, 0, "a group of one");
        cw_regression_destroy(&less);
        cw_regression_destroy(&y);
        cw_regression_destroy(&t);
    }
    const int32_t pair[] = {1, 4}, others[] = {1, 3, 4};
    cw_covariate_strength c;
    assert_int_equal(cw_regression_group(full, 2, pair, &c), CW_OK);
    cw_regression *less = regress(&env, packed, 3, others, X + 2, X + 3, NULL);
    is_close(c.without, cw_regression_fit(less).estimate, 1e-9, 0, "without two covariates");
    double long_rss = cw_regression_sd_outcome(full), short_rss = cw_regression_sd_outcome(less);
    long_rss *= long_rss * a.df;
    short_rss *= short_rss * (a.df + 2);
    is_close(c.observed.outcome, 1 - long_rss / short_rss, 1e-9, 0, "R2 of a group");
    cw_regression_destroy(&less);
    cw_regression_destroy(&full);
    cw_regression_destroy(&powers);
    assert_int_equal(env.blocks_now, 0);
}

static void dependent_covariates_are_dropped(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double packed[PACKED];
    simulate(9, packed, 1);
    const int32_t all[] = {1, 2, 3, 4}, kept[] = {1, 2, 3}, last = 3;
    cw_regression *r = regress(&env, packed, 4, all, X + 2, X + 3, NULL);
    cw_regression *s = regress(&env, packed, 3, kept, X + 2, X + 3, NULL);
    cw_omitted a = cw_regression_fit(r), b = cw_regression_fit(s);
    assert_true(a.df == b.df);
    is_close(a.estimate, b.estimate, 1e-9, 0, "dropped");
    cw_covariate_strength c = cw_regression_covariate(r, 3);
    assert_true(c.dropped && isnan(c.without) && isnan(c.observed.treatment));
    assert_int_equal(cw_regression_group(r, 1, &last, &c), CW_OK);
    assert_true(c.dropped);
    cw_regression_destroy(&r);
    cw_regression_destroy(&s);
}

static void odd_regressions_are_refused(void **state) {
    (void)state;
    for (int k = 0; k < 8; k++) {
        double packed[PACKED];
        int32_t list[] = {1, 2, 3, 4, 5}, treatment = X + 2, outcome = X + 3;
        simulate(3, packed, k == 1);
        double rows = ROWS;
        cw_env env;
        cw_env_init(&env);
        if (k == 0) /* y = x1 exactly: R^2 of 1 */
            for (int j = 0; j < X + 4; j++) {
                double v = j < X + 3 ? packed[j <= 1 ? cw_packed(X + 4, j, 1) : cw_packed(X + 4, 1, j)]
                                     : packed[cw_packed(X + 4, 1, 1)];
                packed[cw_packed(X + 4, j, X + 3)] = v;
            }
        if (k == 1) treatment = 4, list[3] = X + 2; /* t follows from x1 and x3 */
        if (k == 2)                                 /* a constant outcome */
            for (int j = 0; j < X + 4; j++)
                packed[cw_packed(X + 4, j, X + 3)] = j < X + 3 ? 7 * packed[j] : 49 * packed[0];
        if (k == 3) /* a constant treatment */
            for (int j = 0; j < X + 4; j++) {
                double v = j == X + 2 ? 9 * packed[0] : 3 * packed[j];
                packed[j <= X + 2 ? cw_packed(X + 4, j, X + 2) : cw_packed(X + 4, X + 2, j)] = v;
            }
        if (k == 4) rows = 8; /* one degree of freedom */
        if (k == 5) packed[3] = NAN;
        if (k == 6) packed[cw_packed(X + 4, 2, 2)] = -1;
        if (k == 7) packed[cw_packed(X + 4, X + 3, X + 3)] = INFINITY;
        cw_regression_spec spec = {.order = X + 4,
                                   .packed = packed,
                                   .constant = 0,
                                   .treatment = treatment,
                                   .outcome = outcome,
                                   .covariates = 5,
                                   .covariate = list,
                                   .rows = rows};
        cw_regression *r = NULL;
        assert_int_equal(cw_regression_create(&env, &spec, &r), CW_BAD_DATA);
        assert_null(r);
        assert_true(strlen(env.error.what) > 0 && !strchr(env.error.what, '\n'));
        assert_int_equal(env.blocks_now, 0);
    }
    cw_env env;
    cw_env_init(&env);
    const cw_omitted odd[] = {{NAN, 1, 10, NAN},     {1, 0, 10, NAN}, {1, -1, 10, NAN}, {1, 1, 1, NAN},
                              {1, 1, INFINITY, NAN}, {1, 1, 10, 0},   {1, NAN, 10, NAN}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_env_init(&env);
        assert_int_equal(cw_omitted_check(&env, &odd[k]), CW_BAD_DATA);
    }
    const cw_strength wrong[] = {{1, 0.1}, {-0.1, 0.1}, {0.1, 1.1}, {0.1, -0.1}, {NAN, 0}, {0, NAN}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        cw_env_init(&env);
        assert_int_equal(cw_omitted_check_strength(&env, &wrong[k]), CW_BAD_DATA);
    }
    cw_strength s;
    assert_int_equal(cw_omitted_benchmark((cw_strength){1, 0.1}, 1, 1, &s), 0);
    assert_int_equal(cw_omitted_benchmark((cw_strength){0.2, 0.1}, -1, 1, &s), 0);
    assert_int_equal(cw_omitted_benchmark((cw_strength){0, 0}, 3, 3, &s), 1);
    assert_true(s.treatment == 0 && s.outcome == 0);
    cw_omitted fit = {2, 1, 100, NAN};
    assert_true(cw_omitted_multiple(&fit, (cw_strength){0, 0.3}, 0, 1) == INFINITY);
    assert_true(cw_omitted_multiple(&fit, (cw_strength){0.3, 0}, 0, 1) == INFINITY);
    assert_true(cw_omitted_multiple(&fit, (cw_strength){0.3, 0.3}, 2, 1) == 0);
    /* Extremes do not overflow or lose digits. */
    cw_omitted huge = {1e200, 1e-100, 1e6, NAN}, tiny = {1e-200, 1, 1e6, NAN};
    assert_true(cw_omitted_robustness(&huge, 0, 1) == 1 && cw_omitted_extreme(&huge, 0, 1) == 1);
    assert_true(cw_omitted_partial_r2(&huge) == 1);
    is_close(cw_omitted_robustness(&tiny, 0, 1), 1e-203, 1e-12, 0, "tiny");
    assert_true(cw_omitted_robustness(&tiny, 0, 0.05) == 0);
}

static void failures_of_memory_unwind(void **state) {
    (void)state;
    double packed[PACKED];
    simulate(2, packed, 0);
    const int32_t list[] = {1, 2, 3, 4}, k[] = {0, 2};
    for (int64_t fail = 1;; fail++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = fail;
        cw_regression_spec spec = {.order = X + 4,
                                   .packed = packed,
                                   .constant = 0,
                                   .treatment = X + 2,
                                   .outcome = X + 3,
                                   .covariates = 4,
                                   .covariate = list,
                                   .rows = ROWS};
        cw_regression *r = NULL;
        cw_covariate_strength c;
        cw_code code = cw_regression_create(&env, &spec, &r);
        if (code == CW_OK) code = cw_regression_group(r, 2, k, &c);
        cw_regression_destroy(&r);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) {
            assert_true(fail > 10);
            break;
        }
        assert_int_equal(code, CW_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(darfur),
        cmocka_unit_test(lalonde),
        cmocka_unit_test(published_numbers),
        cmocka_unit_test(robustness_is_what_a_search_finds),
        cmocka_unit_test(the_hidden_cause_is_recovered_exactly),
        cmocka_unit_test(one_matrix_equals_refits),
        cmocka_unit_test(dependent_covariates_are_dropped),
        cmocka_unit_test(odd_regressions_are_refused),
        cmocka_unit_test(failures_of_memory_unwind),
    };
    return cmocka_run_group_tests(tests, cases_load, cases_free);
}
