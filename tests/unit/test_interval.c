/* Intervals for partly identified parameters: constants, coverage, correlated ends, ends that cross. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/base/distribution.h"
#include "src/bounds/interval.h"

static void close_to(double got, double expected, double absolute) {
    if (!(fabs(got - expected) <= absolute)) fail_msg("%.17g instead of %.17g", got, expected);
}

static void pair_probabilities(void **state) {
    (void)state;
    /* By quadrature at 30 digits (mpmath). */
    static const double known[][4] = {
        {0, 0, 0.5, 0.33333333333333333},        {1, -0.5, 0.3, 0.28313842024448095},
        {-2, -1.5, 0.9, 0.020284586729677419},   {-2, -1.9, 0.99, 0.021565109639729925},
        {0.3, 1.2, -0.7, 0.5057887743150589},    {-3, -3, -0.2, 1.3075044308691979e-7},
        {1.7, 1.7, 0.999, 0.95375684931124433},  {0.5, 0.4, 0.95, 0.62557474382684835},
        {-1.96, 3, -0.95, 0.023648727166184178}, {-4, -4.5, 0.6, 2.4744283720145985e-7},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        close_to(cw_normal_pair(known[k][0], known[k][1], known[k][2]), known[k][3], 1e-12);
        close_to(cw_normal_pair(known[k][1], known[k][0], known[k][2]), known[k][3], 1e-12);
    }
    close_to(cw_normal_pair(0.4, -1, 0), cw_normal_cdf(0.4) * cw_normal_cdf(-1), 1e-16);
    assert_true(cw_normal_pair(0.4, -1, 1) == cw_normal_cdf(-1));
    close_to(cw_normal_pair(0.4, -0.3, -1), cw_normal_cdf(0.4) - cw_normal_cdf(0.3), 1e-15);
    assert_true(cw_normal_pair(-1, 0.5, -1) == 0);
    assert_true(cw_normal_pair(INFINITY, 0.5, 0.3) == cw_normal_cdf(0.5));
    assert_true(cw_normal_pair(-INFINITY, 0.5, 0.3) == 0);
    assert_true(isnan(cw_normal_pair(0, 0, 1.5)));
    assert_true(isnan(cw_normal_pair(NAN, 0, 0.5)));
}

static cw_intervals find(cw_ends ends, double level, double n) {
    cw_env env;
    cw_env_init(&env);
    cw_intervals out;
    assert_int_equal(cw_interval_find(&env, &ends, level, n, &out), CW_OK);
    return out;
}

static void imbens_manski_runs_from_two_sided_to_one_sided(void **state) {
    (void)state;
    double last = INFINITY;
    for (int k = 0; k <= 40; k++) {
        double width = 0.1 * k;
        cw_intervals i = find((cw_ends){0, width, 1, 0.5, 0}, 0.95, 100);
        close_to(cw_normal_cdf(i.critical + width) - cw_normal_cdf(-i.critical), 0.95, 1e-14);
        assert_true(i.critical <= last);
        last = i.critical;
        close_to(i.parameter.lower, -i.critical, 1e-15);
        close_to(i.parameter.upper, width + 0.5 * i.critical, 1e-15);
        close_to(i.set.lower, -1.959963984540054, 1e-12);
        close_to(i.set.upper, width + 0.5 * 1.959963984540054, 1e-12);
    }
    close_to(find((cw_ends){0, 0, 1, 1, 0}, 0.95, 100).critical, 1.959963984540054, 1e-12);
    close_to(find((cw_ends){0, 100, 1, 1, 0}, 0.95, 100).critical, 1.6448536269514722, 1e-12);
}

static void stoye_is_the_shortest_that_covers(void **state) {
    (void)state;
    /* An independent search (scipy, mpmath): both errors in units of the ends'; n small enough that the width
     * counts, or 0. */
    static const struct {
        double sl, su, width, rho, n, cl, cu;
    } known[] = {
        {1, 1, 0, 0.5, 10, 1.9599245465109367, 1.959924511530381},
        {1, 2, 0, 0.3, 10, 2.1622787727181985, 1.815056510233968},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        cw_intervals i =
            find((cw_ends){0, known[k].width, known[k].sl, known[k].su, known[k].rho}, 0.95, known[k].n);
        close_to(-i.separate.lower / known[k].sl, known[k].cl, 2e-4);
        close_to((i.separate.upper - known[k].width) / known[k].su, known[k].cu, 2e-4);
    }
    /* Ends that move together and are equally sure: Imbens and Manski's interval. */
    cw_intervals same = find((cw_ends){-1, 3, 0.5, 0.5, 1}, 0.95, 1000);
    close_to(same.separate.lower, same.parameter.lower, 1e-6);
    close_to(same.separate.upper, same.parameter.upper, 1e-6);
    /* A mirror image has the mirrored interval. */
    cw_intervals a = find((cw_ends){-1, 2, 0.3, 0.7, -0.4}, 0.9, 500);
    cw_intervals b = find((cw_ends){-2, 1, 0.7, 0.3, -0.4}, 0.9, 500);
    close_to(a.separate.lower, -b.separate.upper, 1e-4);
    close_to(a.separate.upper, -b.separate.lower, 1e-4);
    /* Never shorter than one-sided, and where the set is wide, that. */
    cw_intervals wide = find((cw_ends){0, 50, 1, 2, 0.2}, 0.95, 500);
    close_to(wide.separate.lower, -1.6448536269514722, 1e-6);
    close_to(wide.separate.upper, 50 + 2 * 1.6448536269514722, 1e-6);
}

static void crossing_ends_are_told_apart(void **state) {
    (void)state;
    cw_intervals noise = find((cw_ends){0.1, 0, 1, 1, 0}, 0.95, 100);
    assert_true(noise.crossed && !noise.parameter.empty && !noise.separate.empty && !noise.set.empty);
    cw_intervals refuted = find((cw_ends){10, 0, 1, 1, 0}, 0.95, 100);
    assert_true(refuted.crossed && refuted.parameter.empty && refuted.separate.empty && refuted.set.empty);
    cw_intervals exact = find((cw_ends){0.25, 0.75, 0, 0, 0}, 0.95, 100);
    assert_true(!exact.crossed && exact.parameter.lower == 0.25 && exact.parameter.upper == 0.75);
    assert_true(exact.separate.lower == 0.25 && exact.set.upper == 0.75);
    /* One end known (a monotone response), or nothing at all above. */
    cw_intervals half = find((cw_ends){0, 0.4, 0, 0.1, 0}, 0.95, 100);
    assert_true(half.parameter.lower == 0);
    assert_true(half.parameter.upper < 0.4 + 0.1 * 1.65 && half.parameter.upper > 0.4 + 0.1 * 1.64);
    cw_intervals open = find((cw_ends){0.5, INFINITY, 0.1, NAN, 0}, 0.95, 100);
    assert_true(open.parameter.upper == INFINITY);
    close_to(open.parameter.lower, 0.5 - 0.1 * 1.6448536269514722, 1e-12);
    cw_intervals unknown = find((cw_ends){0, 1, NAN, 1, 0}, 0.95, 100);
    assert_true(isnan(unknown.parameter.lower) && isnan(unknown.set.upper) && isnan(unknown.critical));
}

static void odd_ends_are_refused(void **state) {
    (void)state;
    static const struct {
        cw_ends ends;
        double level;
    } odd[] = {
        {{NAN, 1, 1, 1, 0}, 0.95},      {{0, 1, -1, 1, 0}, 0.95},       {{0, 1, 1, 1, 1.5}, 0.95},
        {{0, 1, 1, 1, NAN}, 0.95},      {{INFINITY, 1, 1, 1, 0}, 0.95}, {{0, -INFINITY, 1, 1, 0}, 0.95},
        {{0, 1, INFINITY, 1, 0}, 0.95}, {{0, 1, 1, 1, 0}, 0.5},         {{0, 1, 1, 1, 0}, 1},
        {{0, 1, 1, 1, 0}, NAN},
    };
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_env env;
        cw_env_init(&env);
        cw_intervals out;
        assert_int_equal(cw_interval_find(&env, &odd[k].ends, odd[k].level, 100, &out), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0);
    }
}

static void intersections_know_their_bias(void **state) {
    (void)state;
    const double value[] = {0.6, 0.48, 0.5}, se[] = {0.01, 0.03, 0.05};
    cw_intersection low, high;
    cw_interval_intersect(3, value, se, 1, 0.95, &high);
    assert_true(high.value == 0.48 && high.chosen == 1 && high.se == 0.03);
    double q = cw_normal_quantile(1 - 0.05 / 3);
    close_to(high.limit, 0.48 + q * 0.03, 1e-15);
    close_to(high.margin, 0.02 / 0.05, 1e-12);
    cw_interval_intersect(3, value, se, 0, 0.95, &low);
    assert_true(low.value == 0.6 && low.chosen == 0);
    close_to(low.limit, 0.6 - q * 0.01, 1e-15);
    cw_interval_intersect(1, value, se, 0, 0.95, &low);
    close_to(low.limit, 0.6 - 0.01 * 1.6448536269514722, 1e-14);
    assert_true(low.margin == INFINITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_probabilities),
        cmocka_unit_test(imbens_manski_runs_from_two_sided_to_one_sided),
        cmocka_unit_test(stoye_is_the_shortest_that_covers),
        cmocka_unit_test(crossing_ends_are_told_apart),
        cmocka_unit_test(odd_ends_are_refused),
        cmocka_unit_test(intersections_know_their_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
