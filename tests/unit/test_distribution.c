/* Distributions: reference values, identities, quantiles as inverses, edges, equal bits of every kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "distribution_tables.h"
#include "reals.h"
#include "src/base/cpu.h"
#include "src/base/distribution.h"
#include "src/base/real.h"

#define ROWS(table) (sizeof(table) / sizeof *(table))

/* Where a check failed; `got` must be `want` within `tolerance`, relative. */
static void near(const char *what, const double *row, double got, double want, double tolerance) {
    if (fabs(got - want) <= tolerance * fabs(want)) return;
    fail_msg("%s at %.17g %.17g %.17g: %.17g, not %.17g", what, row[0], row[1], row[2], got, want);
}

/* A probability below 1e-300 is only compared through its logarithm. */
static void probability(const char *what, const double *row, double got, double want, double tolerance) {
    if (want > 1e-300)
        near(what, row, got, want, tolerance);
    else if (!(got >= 0 && got <= 1e-299))
        fail_msg("%s at %.17g %.17g: %.17g, not tiny", what, row[0], row[1], got);
}

static void normal_has_reference_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS(normal_table); i++) {
        const double *r = normal_table[i];
        near("normal cdf", r, cw_normal_cdf(r[0]), r[1], 4e-16);
        probability("normal upper", r, cw_normal_upper(r[0]), r[2], r[2] < 1e-307 ? 1e-13 : 2e-15);
        probability("normal lower", r, cw_normal_cdf(-r[0]), r[2], r[2] < 1e-307 ? 1e-13 : 2e-15);
        near("normal log", r, cw_normal_log_upper(r[0]), r[3], 2e-15);
        probability("normal log", r, -cw_normal_log_upper(-r[0]), -cw_log1p(-r[2]), 2e-15);
        if (r[2] > 1e-307)
            near("normal quantile", r, cw_normal_quantile(r[2]), -r[0], r[0] < 1e-3 ? 1e-6 : 2e-15);
    }
    assert_true(cw_normal_cdf(0) == 0.5 && bits(cw_normal_quantile(0.5)) == 0);
    assert_true(fabs(cw_normal_quantile(0.975) - 1.9599639845400542355) < 1e-15);
    assert_true(cw_normal_quantile(0) == -INFINITY && cw_normal_quantile(1) == INFINITY);
    assert_true(cw_normal_upper(INFINITY) == 0 && cw_normal_upper(-INFINITY) == 1);
    assert_true(cw_normal_log_upper(-INFINITY) == 0 && cw_normal_log_upper(INFINITY) == -INFINITY);
    assert_true(fabs(cw_normal_log_upper(1e8) / -5e15 - 1) < 1e-14);
    assert_true(isnan(cw_normal_quantile(-0.1)) && isnan(cw_normal_quantile(1.1)) &&
                isnan(cw_normal_cdf(NAN)));
}

/* log p has condition 1/(x h(x)) in the quantile: p is exact, so the returned x must give it back. */
static void normal_quantile_inverts(void **state) {
    (void)state;
    uint64_t s = 4;
    for (int i = 0; i < 4000; i++) {
        double p = i % 2 ? uniform(&s, 0, 1) : cw_exp(uniform(&s, -744, 0));
        double x = cw_normal_quantile(p), row[3] = {p, x, 0};
        near("normal inverse", row, cw_normal_log_upper(-x), cw_ln(p), 4e-15 + (p > 0.1 ? 1e-14 : 0));
        if (p < 0.5 && p > 0x1p-50) {
            double up = 1 - p; /* rounded: the mirror is exact when 1 - (1 - p) is p */
            if (1 - up == p) assert_true(bits(cw_normal_quantile(up)) == bits(-x));
        }
    }
}

static void t_has_reference_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS(t_table); i++) {
        const double *r = t_table[i];
        probability("t cdf", r, cw_t_cdf(r[0], r[1]), r[2], 1e-12);
        probability("t upper", r, cw_t_upper(r[0], r[1]), r[3], 1e-12);
        probability("t mirrored", r, cw_t_cdf(-r[0], r[1]), r[3], 1e-12);
        near("t log upper", r, cw_t_log_upper(r[0], r[1]), r[4], 1e-12);
        if (r[3] > 1e-300 && r[3] < 0.45)
            near("t quantile", r, cw_t_quantile(r[3], r[1]), -r[0], 1e-12 / fmin(1, r[1]));
    }
    /* Published tables (e.g. Abramowitz and Stegun 26.10). */
    assert_true(fabs(cw_t_quantile(0.975, 1) - 12.706204736174704) < 2e-14);
    assert_true(fabs(cw_t_quantile(0.975, 10) - 2.2281388519862742) < 2e-15);
    assert_true(bits(cw_t_quantile(0.5, 3)) == 0 && cw_t_cdf(0, 3) == 0.5);
    assert_true(cw_t_quantile(0, 3) == -INFINITY && cw_t_quantile(1, 3) == INFINITY);
    assert_true(cw_t_upper(INFINITY, 3) == 0 && cw_t_upper(-INFINITY, 3) == 1);
    assert_true(isnan(cw_t_cdf(1, 0)) && isnan(cw_t_cdf(1, -1)) && isnan(cw_t_cdf(NAN, 1)) &&
                isnan(cw_t_cdf(1, NAN)));
    assert_true(bits(cw_t_upper(1.3, INFINITY)) == bits(cw_normal_upper(1.3)));
    assert_true(isnan(cw_t_quantile(1.5, 3)) && isnan(cw_t_quantile(NAN, 3)));
}

static void chisq_has_reference_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS(chisq_table); i++) {
        const double *r = chisq_table[i];
        probability("chisq cdf", r, cw_chisq_cdf(r[0], r[1]), r[2], 1e-12);
        probability("chisq upper", r, cw_chisq_upper(r[0], r[1]), r[3], 1e-12);
        near("chisq log upper", r, cw_chisq_log_upper(r[0], r[1]), r[4], 1e-12);
        if (r[2] > 1e-300 && r[2] < 0.5)
            near("chisq quantile", r, cw_chisq_quantile(r[2], r[1]), r[0], 1e-12 / fmin(1, r[1]));
    }
    for (size_t i = 0; i < ROWS(gamma_table); i++) {
        const double *r = gamma_table[i];
        probability("gamma lower", r, cw_gamma_inc_lower(r[0], r[1]), r[2], 1e-13);
        probability("gamma upper", r, cw_gamma_inc_upper(r[0], r[1]), r[3], 1e-13);
    }
    assert_true(cw_chisq_cdf(0, 2) == 0 && cw_chisq_cdf(-1, 2) == 0 && cw_chisq_upper(INFINITY, 2) == 0);
    assert_true(cw_chisq_log_upper(-1, 2) == 0 && cw_chisq_quantile(0, 2) == 0 &&
                cw_chisq_quantile(1, 2) == INFINITY);
    assert_true(isnan(cw_chisq_cdf(1, 0)) && isnan(cw_chisq_quantile(-1, 1)) &&
                isnan(cw_gamma_inc_lower(1, -1)));
    double tiny[3] = {3.5724197199164345e-130, 1.461389916077349, 0};
    near("chisq log upper", tiny, cw_chisq_log_upper(tiny[0], tiny[1]), -1.7076894148147609e-95, 1e-12);
    assert_true(cw_chisq_quantile(1e-4, 0.01) == 0); /* about 1e-800 */
}

static void f_has_reference_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS(f_table); i++) {
        const double *r = f_table[i];
        probability("f cdf", r, cw_f_cdf(r[0], r[1], r[2]), r[3], 1e-12);
        probability("f upper", r, cw_f_upper(r[0], r[1], r[2]), r[4], 1e-12);
        probability("f inverted", r, cw_f_cdf(1 / r[0], r[2], r[1]), r[4],
                    1e-11 * (1 + cw_pow(r[1], 0.5) / 100));
        near("f log upper", r, cw_f_log_upper(r[0], r[1], r[2]), r[5], 1e-12);
        if (r[3] > 1e-300 && r[3] < 0.5)
            near("f quantile", r, cw_f_quantile(r[3], r[1], r[2]), r[0], 1e-12 / fmin(1, r[1]));
    }
    assert_true(cw_f_cdf(0, 1, 2) == 0 && cw_f_upper(INFINITY, 1, 2) == 0 && isnan(cw_f_cdf(1, 0, 1)));
    assert_true(isnan(cw_f_quantile(0.5, 1, -1)) && cw_f_quantile(1, 2, 3) == INFINITY);
    double row[3] = {1.7, 4, 0};
    near("f limit", row, cw_f_upper(1.7, 4, INFINITY), cw_chisq_upper(6.8, 4), 1e-15);
    near("f limit", row, cw_f_upper(1.7, INFINITY, 4), cw_chisq_cdf(4 / 1.7, 4), 1e-15);
    near("f limit", row, cw_f_quantile(0.9, INFINITY, 4), 4 / cw_chisq_quantile(0.1, 4), 1e-13);
}

static void binomial_has_reference_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS(binomial_table); i++) {
        const double *r = binomial_table[i];
        probability("binomial cdf", r, cw_binomial_cdf((int64_t)r[0], (int64_t)r[1], r[2]), r[3], 1e-12);
        probability("binomial upper", r, cw_binomial_upper((int64_t)r[0], (int64_t)r[1], r[2]), r[4], 1e-12);
    }
    /* All of small laws against sums of terms. */
    for (int n = 0; n <= 40; n += 8)
        for (int j = 1; j < 10; j++) {
            double p = j * 0.1, term = cw_pow(1 - p, n), sum = 0;
            for (int k = 0; k <= n; k++) {
                double row[3] = {k, n, p}, before = sum;
                sum += term;
                near("binomial sum", row, cw_binomial_cdf(k, n, p), sum, 1e-13);
                if (1 - before > 1e-3)
                    near("binomial rest", row, cw_binomial_upper(k, n, p), 1 - before, 1e-12);
                term *= (n - k) / (k + 1.0) * p / (1 - p);
            }
        }
}

static void binomial_quantiles_are_smallest(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 17, 400, 100000, INT64_C(1000000000000)};
    static const double chances[] = {0, 1e-11, 0.003, 0.3, 0.5, 0.97, 1};
    static const double levels[] = {1e-12, 0.025, 0.5, 0.9, 0.975, 1 - 1e-12};
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++)
            for (int l = 0; l < 6; l++) {
                int64_t n = sizes[i], k = cw_binomial_quantile(levels[l], n, chances[j]);
                assert_true(k >= 0 && k <= n);
                assert_true(cw_binomial_cdf(k, n, chances[j]) >= levels[l]);
                assert_true(k == 0 || cw_binomial_cdf(k - 1, n, chances[j]) < levels[l]);
            }
    assert_true(cw_binomial_quantile(0, 9, 0.5) == 0 && cw_binomial_quantile(1, 9, 0.5) == 9);
    assert_true(cw_binomial_quantile(NAN, 9, 0.5) == -1 && cw_binomial_quantile(0.5, -1, 0.5) == -1);
    assert_true(cw_binomial_cdf(-1, 9, 0.5) == 0 && cw_binomial_cdf(9, 9, 0.5) == 1 &&
                cw_binomial_upper(10, 9, 0.5) == 0);
    assert_true(isnan(cw_binomial_cdf(1, 9, 1.5)) && isnan(cw_binomial_upper(1, 9, NAN)));
}

static const double degrees[] = {0.01, 0.1, 0.7, 1, 2, 3.5, 10, 63, 127.9, 128, 129, 1000, 12345.6, 1e6, 1e8};
enum { DEGREES = sizeof degrees / sizeof *degrees };

static void laws_agree_with_each_other(void **state) {
    (void)state;
    uint64_t s = 31;
    for (int i = 0; i < DEGREES; i++)
        for (int j = 0; j < 20; j++) {
            double df = degrees[i], t = cw_exp(uniform(&s, -3, 3)), row[3] = {t, df, 0};
            /* t^2 = F(1, df), up to the rounding of the square; F(d1, d2) = 1/F(d2, d1). */
            double f = t * t, slack = 1e-12 + 4e-16 * f * fmin(df, 1e3);
            near("t^2 = F", row, 2 * cw_t_upper(t, df), cw_f_upper(f, 1, df), slack);
            near("t(1) = arctan", row, cw_t_upper(t, 1), atan(1 / t) / 3.14159265358979323846, 1e-14);
            near("t(2)", row, cw_t_upper(t, 2), 1 / (f + 2 + t * sqrt(f + 2)), 1e-14);
            near("chisq(2)", row, cw_chisq_upper(f, 2), cw_exp(-f / 2), 1e-13);
            near("chisq(1)", row, cw_chisq_upper(f, 1), 2 * cw_normal_upper(sqrt(f)), 1e-12);
            near("chisq sums to 1", row, cw_chisq_upper(df * t, df) + cw_chisq_cdf(df * t, df), 1, 1e-15);
            double a = degrees[(i * 7 + j) % DEGREES] / 2, x = uniform(&s, 0, 1);
            near("beta mirrored", (double[]){x, a, df}, cw_beta_inc(x, a, df) + cw_beta_inc(1 - x, df, a), 1,
                 x < 0.5 ? 1e-11 : 1e-12);
        }
}

/* Quantiles are solved to the tail's accuracy: the tail at the quantile is p, relative, divided by the
 * condition of the tail (x itself carries a few roundings, which the tail magnifies). */
static void quantiles_invert(void **state) {
    (void)state;
    uint64_t s = 77;
    for (int i = 0; i < DEGREES; i++)
        for (int j = 0; j < 16; j++) {
            double df = degrees[i], p = j % 2 ? uniform(&s, 0, 1) : cw_exp(uniform(&s, -200, -1));
            double row[3] = {p, df, 0}, slack = 1e-12 + 4e-15 * sqrt(df * fmax(1, -cw_ln(p)));
            double x = cw_t_quantile(p, df);
            if (fabs(x) > 1e-290 && fabs(x) < 1e290) near("t inverse", row, cw_t_cdf(x, df), p, slack);
            x = cw_chisq_quantile(p, df);
            if (x > 1e-290) near("chisq inverse", row, cw_chisq_cdf(x, df), p, slack);
            double other = degrees[(i * 5 + j) % DEGREES];
            x = cw_f_quantile(p, df, other);
            if (x > 1e-290 && x < 1e290)
                near("f inverse", (double[]){p, df, other}, cw_f_cdf(x, df, other), p,
                     1e-12 + 4e-15 * sqrt(fmin(df, other) * fmax(1, -cw_ln(p))));
        }
}

/* Both sides of every switch of method agree: no jump. */
static void methods_meet_without_a_jump(void **state) {
    (void)state;
    for (double a = 0.005; a < 1e7; a *= 1.37) {
        double x = a + 1, below = nextafter(x, 0), row[3] = {x, a, 0};
        near("gamma at a + 1", row, cw_gamma_inc_upper(a, x), cw_gamma_inc_upper(a, below), 1e-12);
        near("gamma at a", row, cw_gamma_inc_upper(a, a), cw_gamma_inc_upper(a, nextafter(a, 0)), 1e-12);
        for (double b = 0.005; b < 1e7; b *= 13.7) {
            /* The law itself moves between neighbours: by its slope, from a wider difference. */
            double m = (a + 1) / (a + b + 2), up = nextafter(m, 1), h = 1e-6 * fmin(m, 1 - m);
            double slope = (cw_beta_inc(m + h, a, b) - cw_beta_inc(m - h, a, b)) / (2 * h);
            double at = cw_beta_inc(m, a, b), jump = cw_beta_inc(up, a, b) - slope * (up - m);
            near("beta", (double[]){m, a, b}, jump, at, 1e-12);
        }
    }
    for (double z = -6; z < 7; z += 0.5) {
        double x = 64 + 8 * z, row[3] = {x, 64, 0};
        near("gamma 64", row, cw_gamma_inc_upper(64, x), cw_gamma_inc_upper(nextafter(64, 0), x), 1e-12);
        near("gamma 64", row, cw_gamma_inc_lower(64, x), cw_gamma_inc_lower(nextafter(64, 0), x), 1e-12);
        double u = 0.5 + z / 30;
        near("beta 64", row, cw_beta_inc(u, 64, 90), cw_beta_inc(u, nextafter(64, 0), 90), 1e-12);
        near("beta 64", row, cw_beta_inc(u, 200, 64), cw_beta_inc(u, 200, nextafter(64, 0)), 1e-12);
    }
}

/* Extreme arguments and parameters: a probability is one, a logarithm of one is not positive, and NaN is the
 * answer outside the domain only. */
static void extremes_stay_in_range(void **state) {
    (void)state;
    static const double v[] = {0,   -0.0, 1e-320, 1e-300, 1e-20, 0.3,      1,  1 - 1e-16, 64,       1e5,
                               1e8, 9e16, 1.1e17, 1e100,  1e300, INFINITY, -1, -INFINITY, 1.79e308, NAN};
    enum { N = sizeof v / sizeof *v };
    for (int i = 0; i < N * N * N; i++) {
        double x = v[i % N], a = v[i / N % N], b = v[i / N / N];
        bool t = a > 0 && x == x, chisq = t && a <= 1e300, f = t && b > 0, p = x >= 0 && x <= 1;
        double ratio[] = {cw_f_cdf(x, a, b), cw_f_upper(x, a, b), -cw_expm1(cw_f_log_upper(x, a, b))};
        for (int k = 0; k < 3; k++) assert_true(f ? ratio[k] >= 0 && ratio[k] <= 1 : isnan(ratio[k]));
        if (f) assert_true(fabs(ratio[0] + ratio[1] - 1) <= 1e-15);
        if (i >= N * N) continue;
        double one[] = {cw_t_upper(x, a), -cw_expm1(cw_t_log_upper(x, a))};
        double two[] = {cw_chisq_cdf(x, a), cw_chisq_upper(x, a), -cw_expm1(cw_chisq_log_upper(x, a))};
        for (int k = 0; k < 2; k++) assert_true(t ? one[k] >= 0 && one[k] <= 1 : isnan(one[k]));
        for (int k = 0; k < 3; k++) assert_true(chisq ? two[k] >= 0 && two[k] <= 1 : isnan(two[k]));
        assert_true(isnan(cw_t_quantile(x, a)) == !(p && a > 0));
        assert_true(isnan(cw_chisq_quantile(x, a)) == !(p && chisq));
        assert_true(isnan(cw_f_quantile(x, a, 3)) == !(p && a > 0));
    }
}

static uint64_t digest(void) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < DEGREES; i++)
        for (double p = 0.01; p < 1; p += 0.07) {
            double v[] = {cw_t_quantile(p, degrees[i]),      cw_chisq_quantile(p, degrees[i]),
                          cw_f_quantile(p, 7, degrees[i]),   cw_normal_quantile(p),
                          cw_t_log_upper(p * 9, degrees[i]), cw_chisq_upper(p * degrees[i], degrees[i]),
                          cw_f_cdf(p * 2, 300, degrees[i]),  cw_normal_log_upper(p * 50)};
            for (int k = 0; k < 8; k++) h = (h ^ bits(v[k])) * UINT64_C(0x100000001b3);
        }
    return h;
}

static void bits_are_those_of_every_machine(void **state) {
    (void)state;
    for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
        cw_cpu_limit((cw_cpu)level);
        assert_true(digest() == UINT64_C(0xbb9a506196672459));
    }
}

static int restore(void **state) {
    (void)state;
    cw_cpu_limit(CW_CPU_AVX512);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_has_reference_values),
        cmocka_unit_test(normal_quantile_inverts),
        cmocka_unit_test(t_has_reference_values),
        cmocka_unit_test(chisq_has_reference_values),
        cmocka_unit_test(f_has_reference_values),
        cmocka_unit_test(binomial_has_reference_values),
        cmocka_unit_test(binomial_quantiles_are_smallest),
        cmocka_unit_test(laws_agree_with_each_other),
        cmocka_unit_test(quantiles_invert),
        cmocka_unit_test(extremes_stay_in_range),
        cmocka_unit_test(methods_meet_without_a_jump),
        cmocka_unit_test_teardown(bits_are_those_of_every_machine, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
