/* Long story short: reference results from rows and from numbers, robustness values as roots, influence
 * values against weights, clusters, clipping, and inputs that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/distribution.h"
#include "src/sensitivity/riesz.h"
#include "tests/unit/cases.h"

enum { ROWS = 300 };
enum { Y, D, M, G0, G1, L, COLUMNS };
static double column[COLUMNS][ROWS], weight[ROWS];
static const double *columns[COLUMNS];

static int load(void **state) {
    static const char *name[COLUMNS] = {"y", "d", "m", "g0", "g1", "l"};
    if (cases_load(state) != 0) return -1;
    for (int c = 0; c < COLUMNS; c++) {
        json_t *v = at(cases_data, 2, "dml_ovb_synth", name[c]);
        for (size_t i = 0; i < ROWS; i++) column[c][i] = item(v, i);
        columns[c] = column[c];
    }
    uint64_t seed = 2;
    for (int i = 0; i < ROWS; i++) weight[i] = 0.5 + unit(&seed);
    return 0;
}

static cw_riesz_spec spec_of(cw_riesz_form form, double clip) {
    return (cw_riesz_spec){.form = form,
                           .outcome = Y,
                           .treatment = D,
                           .propensity = M,
                           .control = form == CW_RIESZ_PARTIAL ? L : G0,
                           .treated = G1,
                           .clip = clip};
}

/* One pass over the rows in two blocks of which the second is [cut, ROWS). */
static void pass(const cw_riesz_rows *rows, const double *w, int32_t cut, void *state) {
    _Alignas(64) unsigned char other[1024];
    const cw_accumulator *a = &rows->accumulator;
    assert_true(cw_accumulator_bytes(a) <= sizeof other);
    const double *later[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) later[c] = column[c] + cut;
    cw_accumulator_reset(a, state);
    a->add(a->params, state, NULL, &(cw_block){.rows = cut, .reals = COLUMNS, .real = columns, .weight = w});
    if (cut == ROWS) return;
    cw_accumulator_reset(a, other);
    a->add(a->params, other, NULL,
           &(cw_block){.rows = ROWS - cut, .reals = COLUMNS, .real = later, .weight = w ? w + cut : NULL});
    a->merge(a->params, state, other);
}

static cw_riesz fit_spec(cw_riesz_spec spec, const double *w, int32_t cut) {
    cw_env env;
    cw_env_init(&env);
    cw_riesz_rows rows;
    cw_riesz out;
    _Alignas(64) unsigned char state[1024];
    assert_int_equal(cw_riesz_rows_init(&env, &rows, &spec), CW_OK);
    pass(&rows, w, cut, state);
    assert_int_equal(cw_riesz_rows_finish(&env, &rows, state, &out), CW_OK);
    return out;
}

/* The partially linear estimate is solved by a step from any start, then taken as given. */
static cw_riesz fit(cw_riesz_form form, double clip, const double *w, int32_t cut) {
    cw_riesz_spec spec = spec_of(form, clip);
    if (form == CW_RIESZ_PARTIAL) spec.theta = fit_spec(spec, w, cut).theta;
    return fit_spec(spec, w, cut);
}

static void interactive(void **state) {
    (void)state;
    json_t *in = at(case_of("DM01"), 1, "inputs"), *e = at(case_of("DM01"), 1, "expected");
    cw_riesz r = fit(CW_RIESZ_ALL, number(at(in, 1, "trim")), NULL, ROWS);
    is_close(r.theta, number(at(e, 1, "theta")), 1e-9, 0, "theta");
    is_close(sqrt(r.covariance[0]), number(at(e, 1, "se")), 1e-9, 0, "se");
    is_close(r.sigma2, number(at(e, 1, "sigma2")), 1e-9, 0, "sigma2");
    is_close(sqrt(r.covariance[3]), number(at(e, 1, "se_sigma2")), 1e-9, 0, "se sigma2");
    is_close(r.nu2, number(at(e, 1, "nu2")), 1e-9, 0, "nu2");
    is_close(sqrt(r.covariance[5]), number(at(e, 1, "se_nu2")), 1e-9, 0, "se nu2");
    double se, s = cw_riesz_scale(&r, &se);
    is_close(s * s, number(at(e, 1, "S2")), 1e-9, 0, "S2");
    is_close(2 * s * se, number(at(e, 1, "se_S2")), 1e-9, 0, "se S2");
    for (size_t k = 0; k < 3; k++) {
        json_t *c = json_array_get(at(in, 1, "scenarios"), k);
        cw_riesz_scenario scenario = {number(at(c, 1, "cf_y")), number(at(c, 1, "cf_d")),
                                      sqrt(number(at(c, 1, "rho2")))};
        cw_riesz_bounds b = cw_riesz_bound(&r, scenario, 0.95);
        is_close(b.bias, item(at(e, 1, "bias_bound"), k), 1e-9, 0, "bias");
        is_close(b.lower, item(at(e, 1, "theta_minus"), k), 1e-9, 0, "lower");
        is_close(b.upper, item(at(e, 1, "theta_plus"), k), 1e-9, 0, "upper");
        is_close(b.lower_se, item(at(e, 1, "se_minus"), k), 1e-9, 0, "lower se");
        is_close(b.upper_se, item(at(e, 1, "se_plus"), k), 1e-9, 0, "upper se");
        json_t *ci = json_array_get(at(e, 1, "ci95_onesided"), k);
        is_close(b.limit_lower, item(ci, 0), 1e-9, 0, "limit");
        is_close(b.limit_upper, item(ci, 1), 1e-9, 0, "limit");
        assert_true(b.set_lower < b.limit_lower && b.set_upper > b.limit_upper);
    }
    is_close(cw_riesz_robustness(&r, 0, 1), number(at(e, 1, "rv")), 1e-9, 0, "rv");
    is_close(cw_riesz_robustness_level(&r, 0, 1, 0.95), number(at(e, 1, "rv_a05_onesided")), 1e-7, 0, "rv a");
}

static void partially_linear(void **state) {
    (void)state;
    json_t *e = at(case_of("DM03"), 1, "expected");
    cw_riesz r = fit(CW_RIESZ_PARTIAL, 0, NULL, ROWS);
    is_close(r.theta, number(at(e, 1, "theta")), 1e-9, 0, "theta");
    is_close(sqrt(r.covariance[0]), number(at(e, 1, "se")), 1e-9, 0, "se");
    is_close(r.sigma2, number(at(e, 1, "sigma2")), 1e-9, 0, "sigma2");
    is_close(r.nu2, number(at(e, 1, "nu2")), 1e-9, 0, "nu2");
    cw_riesz_bounds b = cw_riesz_bound(&r, (cw_riesz_scenario){0.03, 0.03, 1}, 0.95);
    is_close(b.bias, number(at(e, 1, "bias_bound_03_03")), 1e-9, 0, "bias");
    is_close(b.limit_lower, item(at(e, 1, "ci95_03_03"), 0), 1e-9, 0, "limit");
    is_close(b.limit_upper, item(at(e, 1, "ci95_03_03"), 1), 1e-9, 0, "limit");
    b = cw_riesz_bound(&r, (cw_riesz_scenario){0.1, 0.05, sqrt(0.5)}, 0.95);
    is_close(b.bias, number(at(e, 1, "bias_bound_10_05_half")), 1e-9, 0, "bias");
    is_close(cw_riesz_robustness(&r, 0, 1), number(at(e, 1, "rv")), 1e-9, 0, "rv");
    is_close(cw_riesz_robustness_level(&r, 0, 1, 0.95), number(at(e, 1, "rv_a05")), 1e-7, 0, "rv a");
}

static void published_numbers(void **state) {
    (void)state;
    json_t *e = at(case_of("OVB01"), 1, "expected"), *bounds = at(e, 1, "bounds"), *value;
    cw_riesz r = {number(at(e, 1, "theta")),
                  number(at(e, 1, "sigma2")),
                  number(at(e, 1, "nu2")),
                  {NAN, NAN, NAN, NAN, NAN, NAN}};
    cw_env env;
    cw_env_init(&env);
    assert_int_equal(cw_riesz_check(&env, &r), CW_OK);
    const char *key;
    json_object_foreach(bounds, key, value) {
        double y, d;
        assert_int_equal(sscanf(key, "%lf,%lf", &y, &d), 2);
        cw_riesz_bounds b = cw_riesz_bound(&r, (cw_riesz_scenario){y, d, -1}, 0.95);
        is_close(b.lower, item(value, 0), 1e-9, 0, key);
        is_close(b.upper, item(value, 1), 1e-9, 0, key);
        assert_true(isnan(b.lower_se) && isnan(b.limit_lower) && b.correlation == 0);
    }
    is_close(cw_riesz_robustness(&r, 0, 1), number(at(e, 1, "rv")), 1e-9, 0, "rv");
    assert_true(isnan(cw_riesz_robustness_level(&r, 0, 1, 0.95)));
}

static void robustness_values_are_roots(void **state) {
    (void)state;
    for (int form = 0; form < 4; form++) {
        cw_riesz r = fit((cw_riesz_form)form, 0.02, weight, 170);
        for (int k = -6; k <= 6; k++) {
            double target = 0.3 * k, rho = 0.25 + 0.75 * (k % 2 == 0);
            double rv = cw_riesz_robustness(&r, target, rho);
            cw_riesz_bounds b = cw_riesz_bound(&r, (cw_riesz_scenario){rv, rv, rho}, 0.9);
            is_close(r.theta > target ? b.lower : b.upper, target, 0, 1e-12, "at the robustness value");
            double a = cw_riesz_robustness_level(&r, target, rho, 0.9);
            b = cw_riesz_bound(&r, (cw_riesz_scenario){a, a, rho}, 0.9);
            double limit = r.theta > target ? b.limit_lower : b.limit_upper;
            assert_true(a <= rv);
            if (a > 0)
                is_close(limit, target, 0, 1e-12, "limit at the robustness value");
            else
                assert_true(r.theta > target ? limit <= target : limit >= target);
            double y = cw_riesz_break_even(&r, target, rho, 0.9);
            if (isfinite(y)) {
                b = cw_riesz_bound(&r, (cw_riesz_scenario){y, 0.9, rho}, 0.9);
                is_close(r.theta > target ? b.lower : b.upper, target, 0, 1e-12, "break even");
            }
        }
        assert_true(cw_riesz_robustness(&r, r.theta, 1) == 0);
        assert_true(cw_riesz_robustness(&r, r.theta - 1, 0) == INFINITY);
        assert_true(cw_riesz_break_even(&r, r.theta - 1, 1, 0) == INFINITY);
        assert_true(cw_riesz_break_even(&r, r.theta - 1e6, 1, 0.5) == INFINITY);
    }
}

/* Influence values are derivatives in a row's weight, and their sums of squares the covariance. */
static void influence_is_a_derivative(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double total = 0;
    for (int i = 0; i < ROWS; i++) total += weight[i];
    for (int form = 0; form < 4; form++) {
        cw_riesz_spec spec = spec_of((cw_riesz_form)form, 0.05);
        if (form == CW_RIESZ_PARTIAL) spec.theta = fit(CW_RIESZ_PARTIAL, 0, weight, ROWS).theta;
        cw_riesz_rows rows;
        cw_riesz r;
        _Alignas(64) unsigned char memory[1024];
        assert_int_equal(cw_riesz_rows_init(&env, &rows, &spec), CW_OK);
        pass(&rows, weight, 100, memory);
        assert_int_equal(cw_riesz_rows_finish(&env, &rows, memory, &r), CW_OK);
        cw_block block = {.rows = ROWS, .reals = COLUMNS, .real = columns, .weight = weight};
        double square[6] = {0}, mean[3] = {0}, psi[3];
        for (int i = 0; i < ROWS; i++) {
            assert_int_equal(cw_riesz_rows_influence(&rows, memory, &r, &block, i, psi), 1);
            int to = 0;
            for (int a = 0; a < 3; a++) {
                mean[a] += weight[i] * psi[a];
                for (int b = a; b < 3; b++) square[to++] += weight[i] * weight[i] * psi[a] * psi[b];
            }
            if (i % 7) continue;
            double moved[ROWS], step = 1e-5;
            memcpy(moved, weight, sizeof moved);
            moved[i] += step;
            cw_riesz q = fit_spec(spec, moved, ROWS);
            is_close(psi[0] / total, (q.theta - r.theta) / step, 1e-4, 1e-8, "theta");
            is_close(psi[1] / total, (q.sigma2 - r.sigma2) / step, 1e-4, 1e-8, "sigma2");
            is_close(psi[2] / total, (q.nu2 - r.nu2) / step, 1e-4, 1e-7, "nu2");
        }
        for (int k = 0; k < 6; k++)
            is_close(r.covariance[k], square[k] / total / total, 1e-9, 1e-14, "covariance");
        for (int a = 0; a < 3; a++) assert_true(fabs(mean[a]) < 1e-9 * total);
    }
}

/* The effect on everyone is the average of those on the treated and on the controls. */
static void crowds_add_up(void **state) {
    (void)state;
    cw_riesz all = fit(CW_RIESZ_ALL, 0.02, weight, 50), one = fit(CW_RIESZ_TREATED, 0.02, weight, 50);
    cw_riesz none = fit(CW_RIESZ_CONTROLS, 0.02, weight, 50);
    double p = 0, total = 0;
    for (int i = 0; i < ROWS; i++) p += weight[i] * column[D][i], total += weight[i];
    p /= total;
    is_close(p * one.theta + (1 - p) * none.theta, all.theta, 1e-12, 0, "effects");
    assert_true(one.sigma2 == all.sigma2 && none.sigma2 == all.sigma2);
}

static void frequencies_are_replicates(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (int form = 0; form < 4; form++) {
        double twice[ROWS], zero[ROWS];
        for (int i = 0; i < ROWS; i++) twice[i] = 2, zero[i] = i % 3 == 0 ? 0 : 1;
        cw_riesz_spec spec = spec_of((cw_riesz_form)form, 0.02);
        cw_riesz once = fit_spec(spec, NULL, ROWS), sampled = fit_spec(spec, twice, ROWS);
        spec.frequency = 1;
        cw_riesz counted = fit_spec(spec, twice, ROWS);
        is_close(counted.theta, once.theta, 1e-12, 0, "theta");
        for (int k = 0; k < 6; k++) {
            is_close(counted.covariance[k], once.covariance[k] / 2, 1e-9, 1e-15, "twice the rows");
            is_close(sampled.covariance[k], once.covariance[k], 1e-9, 1e-15, "constant sampling weights");
        }
        /* Excluded rows may hold anything. */
        double keep = column[Y][0];
        cw_riesz clean = fit_spec(spec, zero, ROWS);
        column[Y][0] = NAN;
        cw_riesz dirty = fit_spec(spec, zero, ROWS);
        column[Y][0] = keep;
        assert_memory_equal(&clean, &dirty, sizeof clean);
    }
}

static void benchmarks(void **state) {
    (void)state;
    cw_riesz full = {1, 2, 3, {0}}, reduced = {1.2, 2.5, 2.4, {0}};
    cw_riesz_gain g = cw_riesz_benchmark(&full, &reduced);
    assert_true(g.estimable);
    is_close(g.cf_y, 0.25, 1e-15, 0, "cf_y");
    is_close(g.cf_d, 0.25, 1e-12, 0, "cf_d");
    is_close(g.rho, 0.2 / sqrt(0.5 * 0.6), 1e-12, 0, "rho");
    reduced.sigma2 = 1.9;
    g = cw_riesz_benchmark(&full, &reduced);
    assert_true(!g.estimable && isnan(g.cf_y) && isnan(g.rho));
    is_close(g.change, 0.2, 1e-12, 0, "change");
    reduced = (cw_riesz){100, 50, 0.1, {0}};
    g = cw_riesz_benchmark(&full, &reduced);
    assert_true(g.estimable && g.cf_y == 1 && g.cf_d == 1 && g.rho == 1);
}

static void odd_inputs_are_refused(void **state) {
    (void)state;
    cw_env env;
    const cw_riesz odd[] = {{NAN, 1, 1, {0}}, {1, 0, 1, {0}},        {1, -1, 1, {0}},  {1, 1, 0, {0}},
                            {1, 1, -2, {0}},  {1, INFINITY, 1, {0}}, {1, 1, NAN, {0}}, {1, 1, 1, {-1}}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_env_init(&env);
        assert_int_equal(cw_riesz_check(&env, &odd[k]), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0 && !strchr(env.error.what, '\n'));
    }
    const cw_riesz_scenario wrong[] = {{1.1, 0, 1}, {-0.1, 0, 1}, {0, 1, 1},
                                       {0, -1, 1},  {0, 0, 1.1},  {NAN, 0, 0}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        cw_env_init(&env);
        assert_int_equal(cw_riesz_check_scenario(&env, &wrong[k]), CW_BAD_DATA);
    }
    for (int k = 0; k < 6; k++) {
        cw_riesz_spec spec = spec_of(k == 4 ? CW_RIESZ_PARTIAL : CW_RIESZ_ALL, k == 5 ? 0.5 : 0);
        cw_riesz_rows rows;
        cw_riesz out;
        _Alignas(64) unsigned char memory[1024];
        double keep_m = column[M][5], keep_d = column[D][5], zeros[ROWS] = {0}, same[ROWS];
        cw_env_init(&env);
        cw_code made = cw_riesz_rows_init(&env, &rows, &spec);
        assert_int_equal(made, k == 5 ? CW_BAD_DATA : CW_OK);
        if (made != CW_OK) continue;
        if (k == 0) column[M][5] = 1;   /* no overlap */
        if (k == 1) column[D][5] = 0.5; /* neither treated nor control */
        if (k == 2) column[M][5] = NAN;
        if (k == 4) { /* the treatment is its own expectation */
            memcpy(same, column[M], sizeof same);
            memcpy(column[M], column[D], sizeof same);
        }
        pass(&rows, k == 3 ? zeros : NULL, 200, memory);
        assert_int_equal(cw_riesz_rows_finish(&env, &rows, memory, &out), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0);
        if (k == 4) memcpy(column[M], same, sizeof same);
        column[M][5] = keep_m;
        column[D][5] = keep_d;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interactive),
        cmocka_unit_test(partially_linear),
        cmocka_unit_test(published_numbers),
        cmocka_unit_test(robustness_values_are_roots),
        cmocka_unit_test(influence_is_a_derivative),
        cmocka_unit_test(crowds_add_up),
        cmocka_unit_test(frequencies_are_replicates),
        cmocka_unit_test(benchmarks),
        cmocka_unit_test(odd_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, load, cases_free);
}
