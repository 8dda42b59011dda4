/* E-values: printed and computed cases, the joint curve, other scales and targets, risk differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/distribution.h"
#include "src/sensitivity/evalue.h"
#include "tests/unit/cases.h"

static cw_evalue find(cw_evalue_spec spec) {
    cw_env env;
    cw_env_init(&env);
    cw_evalue out;
    assert_int_equal(cw_evalue_find(&env, &spec, &out), CW_OK);
    return out;
}

static void risk_ratios(void **state) {
    (void)state;
    json_t *in = at(case_of("BD07"), 2, "inputs", "risk_ratios"),
           *e = at(case_of("BD07"), 2, "expected", "e_value");
    for (size_t k = 0; k < json_array_size(in); k++) {
        is_close(cw_evalue_of(item(in, k)), item(e, k), 1e-9, 0, "e-value");
        cw_evalue v =
            find((cw_evalue_spec){.estimate = item(in, k), .lower = NAN, .upper = NAN, .target = 1});
        is_close(v.point, item(e, k), 1e-12, 0, "e-value");
        assert_true(isnan(v.limit));
    }
    /* VanderWeele and Ding (2017): 3.9 (1.8, 8.7) has 7.26 and 3.0; 0.80 (0.71, 0.91) has 1.81 and 1.43. */
    cw_evalue v = find((cw_evalue_spec){.estimate = 3.9, .lower = 1.8, .upper = 8.7, .target = 1});
    is_close(v.point, 7.263, 0, 5e-4, "point");
    is_close(v.limit, 3, 1e-12, 0, "limit");
    v = find((cw_evalue_spec){.estimate = 0.8, .lower = 0.71, .upper = 0.91, .target = 1});
    is_close(v.point, 1.809, 0, 5e-4, "point");
    is_close(v.limit, 1.429, 0, 5e-4, "limit");
    v = find((cw_evalue_spec){.estimate = 1.3, .lower = 0.9, .upper = 1.9, .target = 1});
    assert_true(v.limit == 1);
    assert_true(cw_evalue_of(1) == 1 && isnan(cw_evalue_of(0)) && isnan(cw_evalue_of(-1)));
    assert_true(cw_evalue_of(1e200) == 2e200);
}

static void other_scales(void **state) {
    (void)state;
    json_t *items = at(case_of("EV03"), 2, "inputs", "items"), *e = at(case_of("EV03"), 1, "expected");
    for (size_t k = 0; k < json_array_size(items); k++) {
        json_t *i = json_array_get(items, k);
        const char *scale = json_string_value(at(i, 1, "scale"));
        cw_evalue_spec s = {
            .estimate = number(at(i, 1, "est")), .lower = NAN, .upper = NAN, .se = NAN, .sd = NAN};
        s.scale = strcmp(scale, "HR") == 0    ? CW_SCALE_HAZARD_RATIO
                  : strcmp(scale, "OR") == 0  ? CW_SCALE_ODDS_RATIO
                  : strcmp(scale, "SMD") == 0 ? CW_SCALE_STANDARDISED
                                              : CW_SCALE_DIFFERENCE;
        if (s.scale == CW_SCALE_HAZARD_RATIO || s.scale == CW_SCALE_ODDS_RATIO) {
            s.common = json_is_true(at(i, 1, "common"));
            s.lower = number(at(i, 1, "lo"));
            s.upper = number(at(i, 1, "hi"));
            s.target = 1;
        } else {
            s.se = number(at(i, 1, "se"));
            if (s.scale == CW_SCALE_DIFFERENCE) s.sd = number(at(i, 1, "sd"));
        }
        cw_evalue v = find(s);
        is_close(v.risk_ratio, item(at(e, 1, "RR"), k), 0, 1e-8, "RR");
        is_close(v.point, item(at(e, 1, "E_point"), k), 0, 1e-8, "point");
        is_close(v.limit, item(at(e, 1, "E_ci"), k), 0, 1e-8, "limit");
    }
}

static void targets_other_than_no_effect(void **state) {
    (void)state;
    cw_evalue v = find((cw_evalue_spec){.estimate = 3.9, .lower = 1.8, .upper = 8.7, .target = 1.3});
    is_close(v.factor, 3, 1e-12, 0, "factor");
    is_close(v.point, 3 + sqrt(6), 1e-12, 0, "point");
    double near = 1.8 / 1.3;
    is_close(v.limit, near + sqrt(near * (near - 1)), 1e-12, 0, "limit");
    /* Towards a larger effect than the one found. */
    v = find((cw_evalue_spec){.estimate = 1.2, .lower = 1.1, .upper = 1.3, .target = 2});
    is_close(v.point, cw_evalue_of(2 / 1.2), 1e-12, 0, "point");
    is_close(v.limit, cw_evalue_of(2 / 1.3), 1e-12, 0, "limit");
    /* Mirror: inverse ratios have the same E-values. */
    cw_evalue m =
        find((cw_evalue_spec){.estimate = 1 / 1.2, .lower = 1 / 1.3, .upper = 1 / 1.1, .target = 0.5});
    is_close(m.point, v.point, 1e-12, 0, "mirror");
    is_close(m.limit, v.limit, 1e-12, 0, "mirror");
    v = find((cw_evalue_spec){.scale = CW_SCALE_STANDARDISED, .estimate = 0.5, .se = NAN, .target = 0.2});
    assert_true(isnan(v.limit) && isnan(v.lower));
}

static void the_curve_and_the_factor_agree(void **state) {
    (void)state;
    for (double factor = 1.05; factor < 20; factor *= 1.3) {
        double e = cw_evalue_of(factor);
        is_close(cw_evalue_factor(e, e), factor, 1e-13, 0, "factor of the e-value");
        is_close(cw_evalue_curve(factor, e), e, 1e-12, 0, "the diagonal");
        is_close(cw_evalue_curve(1 / factor, e), e, 1e-12, 0, "below 1");
        for (double a = factor * 1.01; a < 100; a *= 1.7)
            is_close(cw_evalue_factor(a, cw_evalue_curve(factor, a)), factor, 1e-12, 0, "curve");
        assert_true(cw_evalue_curve(factor, factor) == INFINITY && cw_evalue_curve(factor, 1) == INFINITY);
    }
    assert_true(cw_evalue_curve(1, 1) == 1);
    assert_true(cw_evalue_factor(INFINITY, 3) == 3 && cw_evalue_factor(1, 5) == 1);
    is_close(cw_evalue_factor(1e300, 1e300), 5e299, 1e-12, 0, "no overflow");
    assert_true(isnan(cw_evalue_factor(0.5, 2)) && isnan(cw_evalue_curve(2, 0.5)));
    is_close(cw_evalue_measured(1.5, 2.1), cw_evalue_of(1.4), 1e-12, 0, "measured");
    is_close(cw_evalue_measured(2.1, 1.5), cw_evalue_of(1.4), 1e-12, 0, "measured");
}

static double remaining(const cw_evalue_table *t, double factor) {
    double n1 = t->treated1 + t->treated0, n0 = t->control1 + t->control0, f = n1 / (n1 + n0);
    return (t->treated1 / n1 - t->control1 / n0 * factor) * (f + (1 - f) / factor);
}

static void risk_differences(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const cw_evalue_table t = {397, 78557, 51, 108778};
    cw_evalue_difference d, m;
    assert_int_equal(cw_evalue_risk_difference(&env, &t, 0, 0.95, &d), CW_OK);
    /* To no effect the factor is the risk ratio. */
    is_close(d.factor, (397.0 / 78954) / (51.0 / 108829), 1e-9, 0, "risk ratio");
    is_close(d.point, cw_evalue_of(d.factor), 1e-12, 0, "e-value");
    assert_true(d.limit > 1 && d.limit < d.point);
    for (double target = 0; target < d.lower; target += d.lower / 5) {
        assert_int_equal(cw_evalue_risk_difference(&env, &t, target, 0.95, &m), CW_OK);
        is_close(remaining(&t, m.factor), target, 0, 1e-12, "difference left");
        /* The limit's factor brings the lower limit (written out here) to the target. */
        double b = m.limit * m.limit / (2 * m.limit - 1), n1 = 78954, n0 = 108829, f = n1 / (n1 + n0);
        double p1 = 397 / n1, p0 = 51 / n0, rd = p1 - p0 * b, size = f + (1 - f) / b;
        double variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0 * b * b) * size * size +
                          rd * rd * (1 - 1 / b) * (1 - 1 / b) * f * (1 - f) / (n1 + n0);
        is_close(rd * size - cw_normal_quantile(0.975) * sqrt(variance), target, 0, 1e-10, "limit");
    }
    const cw_evalue_table exchanged = {51, 108778, 397, 78557};
    assert_int_equal(cw_evalue_risk_difference(&env, &exchanged, 0, 0.95, &m), CW_OK);
    is_close(m.difference, -d.difference, 1e-12, 0, "mirror");
    is_close(m.point, d.point, 1e-12, 0, "mirror");
    is_close(m.limit, d.limit, 1e-9, 0, "mirror");
    const cw_evalue_table unclear = {12, 88, 10, 90};
    assert_int_equal(cw_evalue_risk_difference(&env, &unclear, 0, 0.95, &m), CW_OK);
    assert_true(m.limit == 1);
    const struct {
        cw_evalue_table t;
        double target, level;
    } odd[] = {{{1, 1, 0, 5}, 0, 0.95},   {{-1, 2, 3, 4}, 0, 0.95},  {{0, 0, 3, 4}, 0, 0.95},
               {{5, 5, 3, 7}, 0.3, 0.95}, {{5, 5, 3, 7}, 0, 1},      {{NAN, 5, 3, 7}, 0, 0.95},
               {{5, 5, 3, 7}, NAN, 0.95}, {{3, 7, 5, 5}, -0.3, 0.95}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_env_init(&env);
        assert_int_equal(cw_evalue_risk_difference(&env, &odd[k].t, odd[k].target, odd[k].level, &m),
                         CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0 && !strchr(env.error.what, '\n'));
    }
}

static void odd_estimates_are_refused(void **state) {
    (void)state;
    const cw_evalue_spec odd[] = {
        {.estimate = 0, .target = 1, .lower = NAN, .upper = NAN},
        {.estimate = -2, .target = 1, .lower = NAN, .upper = NAN},
        {.estimate = NAN, .target = 1, .lower = NAN, .upper = NAN},
        {.estimate = 2, .target = 0, .lower = NAN, .upper = NAN},
        {.estimate = 2, .target = 1, .lower = 2.5, .upper = 3},
        {.estimate = 2, .target = 1, .lower = -1, .upper = 3},
        {.estimate = 2, .target = 1, .lower = 1, .upper = 1.5},
        {.scale = CW_SCALE_DIFFERENCE, .estimate = 2, .sd = 0, .se = 1},
        {.scale = CW_SCALE_DIFFERENCE, .estimate = 2, .sd = NAN, .se = 1},
        {.scale = CW_SCALE_STANDARDISED, .estimate = 2, .se = -1},
        {.scale = CW_SCALE_STANDARDISED, .estimate = 2000, .se = 1},
        {.scale = CW_SCALE_STANDARDISED, .estimate = INFINITY, .se = 1},
    };
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_env env;
        cw_env_init(&env);
        cw_evalue out;
        assert_int_equal(cw_evalue_find(&env, &odd[k], &out), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(risk_ratios),
        cmocka_unit_test(other_scales),
        cmocka_unit_test(targets_other_than_no_effect),
        cmocka_unit_test(the_curve_and_the_factor_agree),
        cmocka_unit_test(risk_differences),
        cmocka_unit_test(odd_estimates_are_refused),
    };
    return cmocka_run_group_tests(tests, cases_load, cases_free);
}
