/* pow, expm1, log1p, sin, cos, tanh, erf, erfc, lgamma: error in ulp against MPFR, special cases of C11
 * annex F, bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "reals.h"
#include "src/base/real.h"
#include "src/base/real_dd.h"

enum { MANY = 8000 };

static void expm1_log1p_tanh(void **state) {
    (void)state;
    static const double ranges[][2] = {{-1e-300, 1e-300}, {-1e-15, 1e-15}, {-1e-8, 1e-8}, {-0.01, 0.01},
                                       {-0.4, 0.4},       {-3, 3},         {-41, 50},     {100, 709.7}};
    for (int i = 0; i < 8; i++) {
        double low = ranges[i][0], high = ranges[i][1];
        assert_true(worst(cw_expm1, mpfr_expm1, low, high, MANY, 1) < (high > 100 ? 0.9 : 0.501));
        assert_true(worst(cw_log1p, mpfr_log1p, fmax(low, -1), high, MANY, 2) < 0.501);
        assert_true(worst(cw_tanh, mpfr_tanh, low, high, MANY, 3) < 0.501);
    }
    assert_true(worst(cw_log1p, mpfr_log1p, -1, -0.999, MANY, 4) < 0.501);
    assert_true(worst(cw_log1p, mpfr_log1p, 0, 1e300, MANY, 5) < 0.501);
    assert_true(bits(cw_expm1(-0.0)) == bits(-0.0) && bits(cw_log1p(-0.0)) == bits(-0.0) &&
                bits(cw_tanh(-0.0)) == bits(-0.0));
    assert_true(cw_expm1(INFINITY) == INFINITY && cw_expm1(-INFINITY) == -1 && cw_expm1(710) == INFINITY);
    assert_true(cw_log1p(-1) == -INFINITY && isnan(cw_log1p(-1.0000001)) && cw_log1p(INFINITY) == INFINITY);
    assert_true(cw_tanh(INFINITY) == 1 && cw_tanh(-INFINITY) == -1 && cw_tanh(0x1p-1074) == 0x1p-1074);
    assert_true(isnan(cw_expm1(NAN)) && isnan(cw_log1p(NAN)) && isnan(cw_tanh(NAN)));
}

static void sines(void **state) {
    (void)state;
    static const double widths[] = {1e-300, 1e-8, 0.1, 1, 10, 1e3, 5e5};
    for (int i = 0; i < 7; i++) {
        assert_true(worst(cw_sin, mpfr_sin, -widths[i], widths[i], MANY, 1) < 0.8);
        assert_true(worst(cw_cos, mpfr_cos, -widths[i], widths[i], MANY, 2) < 0.8);
    }
    /* Near multiples of pi/2 (the neighbours of the rounded multiple), where cancellation is worst. */
    for (int k = 1; k < 300000; k += 37) {
        double x = k * 0x1.921fb54442d18p0;
        for (int j = 0; j < 3; j++, x = nextafter(x, 1e9)) {
            assert_true(error_of(x, cw_sin(x), mpfr_sin) < 0.8);
            assert_true(error_of(x, cw_cos(x), mpfr_cos) < 0.8);
        }
    }
    uint64_t s = 3;
    for (int i = 0; i < 300; i++) {
        double x = any_double(&s);
        if (!(fabs(x) < INFINITY)) continue;
        assert_true(error_of(x, cw_sin(x), mpfr_sin) < 0.8);
        assert_true(error_of(x, cw_cos(x), mpfr_cos) < 0.8);
    }
    assert_true(error_of(6381956970095103.0 * 0x1p797, cw_cos(6381956970095103.0 * 0x1p797), mpfr_cos) <=
                0.5);
    assert_true(bits(cw_sin(-0.0)) == bits(-0.0) && cw_cos(0) == 1);
    assert_true(isnan(cw_sin(INFINITY)) && isnan(cw_cos(-INFINITY)) && isnan(cw_sin(NAN)) &&
                isnan(cw_cos(NAN)));
}

static int lgamma_exact(mpfr_t r, mpfr_srcptr x, mpfr_rnd_t round) {
    int sign;
    return mpfr_lgamma(r, &sign, x, round);
}

static void error_functions_and_lgamma(void **state) {
    (void)state;
    static const double ranges[][2] = {{-1e-300, 1e-300}, {-1e-3, 1e-3}, {-3, 3}, {-7, 7}, {20, 27.4}};
    for (int i = 0; i < 5; i++) {
        assert_true(worst(cw_erf, mpfr_erf, ranges[i][0], ranges[i][1], 150, 1) <= 0.5);
        assert_true(worst(cw_erfc, mpfr_erfc, ranges[i][0], ranges[i][1], 150, 2) <= 0.5);
    }
    assert_true(worst(cw_erfc, mpfr_erfc, 26.5, 27.3, 150, 3) <= 0.5); /* subnormal */
    assert_true(cw_erf(INFINITY) == 1 && cw_erf(-INFINITY) == -1 && bits(cw_erf(-0.0)) == bits(-0.0));
    assert_true(cw_erfc(INFINITY) == 0 && cw_erfc(-INFINITY) == 2 && cw_erfc(0) == 1);
    static const double wide[][2] = {{0, 1e-300}, {0, 0.1},   {0.1, 20},  {0.99, 1.01}, {1.99, 2.01},
                                     {15, 17},    {20, 1000}, {0, 1e300}, {-5, 0},      {-200, -100}};
    for (int i = 0; i < 10; i++)
        assert_true(worst(cw_lgamma, lgamma_exact, wide[i][0], wide[i][1], i < 8 ? 2000 : 100, 4) < 0.51);
    assert_true(bits(cw_lgamma(1)) == 0 && bits(cw_lgamma(2)) == 0 && cw_lgamma(0) == INFINITY);
    assert_true(cw_lgamma(-3) == INFINITY && cw_lgamma(-INFINITY) == INFINITY &&
                cw_lgamma(INFINITY) == INFINITY);
    assert_true(cw_lgamma(2.6e305) == INFINITY && cw_lgamma(2.5e305) < INFINITY);
    assert_true(isnan(cw_erf(NAN)) && isnan(cw_erfc(NAN)) && isnan(cw_lgamma(NAN)));
}

static double pow_error(double x, double y) {
    mpfr_t a, b, r;
    mpfr_init2(a, 53);
    mpfr_init2(b, 53);
    mpfr_init2(r, 200);
    mpfr_set_d(a, x, MPFR_RNDN);
    mpfr_set_d(b, y, MPFR_RNDN);
    mpfr_pow(r, a, b, MPFR_RNDN);
    double e = ulps(cw_pow(x, y), r);
    mpfr_clear(a);
    mpfr_clear(b);
    mpfr_clear(r);
    return e;
}

static void powers(void **state) {
    (void)state;
    uint64_t s = 8;
    double normal = 0, subnormal = 0;
    for (int i = 0; i < MANY; i++) {
        double x = fabs(any_double(&s));
        if (!(x < INFINITY)) continue;
        double log_x = cw_ln(x);
        normal = fmax(normal, pow_error(x, uniform(&s, -708, 709) / log_x));
        subnormal = fmax(subnormal, pow_error(x, -uniform(&s, 708, 746) / log_x));
        normal = fmax(normal, pow_error(1 + uniform(&s, -1e-9, 1e-9), uniform(&s, -1e11, 1e11)));
        normal = fmax(normal, pow_error(nextafter(1, (double)(i % 3)), uniform(&s, -1e18, 1e18)));
        normal = fmax(normal, pow_error(uniform(&s, 0, 20), uniform(&s, -8, 8)));
        normal = fmax(normal, pow_error(uniform(&s, -20, 0), (double)(next(&s) % 40) - 20));
    }
    assert_true(normal < 0.501);
    assert_true(subnormal < 1);
    for (int i = 0; i <= 15; i++)
        for (int j = 0; j <= 13; j++) {
            double product = 1;
            for (int k = 0; k < j; k++) product *= i;
            assert_true(cw_pow(i, j) == product); /* exact below 2^53 */
            assert_true(i == 0 || cw_pow(-i, j) == (j % 2 ? -product : product));
        }
    for (int k = -1074; k <= 1023; k++) assert_true(cw_pow(2, k) == ldexp(1, k));
}

static void powers_of_special_values(void **state) {
    (void)state;
    static const double v[] = {0.0,       -0.0,    1,         -1,         INFINITY,
                               -INFINITY, NAN,     0.5,       -0.5,       2,
                               -2,        3,       -3,        2.5,        -2.5,
                               0x1p53,    -0x1p53, 0x1p60,    1e300,      -1e300,
                               1e-300,    -1e-300, 0x1p-1074, -0x1p-1074, 0x1.fffffffffffffp52,
                               DBL_MAX,   -DBL_MAX};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        for (size_t j = 0; j < sizeof v / sizeof *v; j++) {
            double mine = cw_pow(v[i], v[j]), libm = pow(v[i], v[j]);
            if (isnan(libm))
                assert_true(isnan(mine));
            else if (libm == 0 || isinf(libm) || fabs(libm) == 1)
                assert_true(bits(mine) == bits(libm));
            else
                assert_true(fabs(mine - libm) <= 1e-15 * fabs(libm));
        }
}

/* log, expm1 and lgamma as double-doubles, against 200 bits. */
static void double_doubles_have_100_bits(void **state) {
    (void)state;
    uint64_t s = 12;
    mpfr_t a, r;
    mpfr_init2(a, 120);
    mpfr_init2(r, 200);
    double log_error = 0, exp_error = 0, gamma_error = 0;
    for (int i = 0; i < MANY; i++) {
        double x = i % 2 ? 1 + uniform(&s, -1, 1) * ldexp(1, -(i % 50)) : fabs(any_double(&s));
        if (!(x > 1e-290 && x < INFINITY)) continue;
        cw_dd v = {x, x * uniform(&s, -0x1p-54, 0x1p-54)}, w = cw_dd_log(v);
        mpfr_set_d(a, v.high, MPFR_RNDN);
        mpfr_add_d(a, a, v.low, MPFR_RNDN);
        mpfr_log(r, a, MPFR_RNDN);
        double scale = fabs(w.high);
        mpfr_sub_d(r, r, w.high, MPFR_RNDN);
        mpfr_sub_d(r, r, w.low, MPFR_RNDN);
        if (scale > 0) log_error = fmax(log_error, fabs(mpfr_get_d(r, MPFR_RNDN)) / scale);

        double e = uniform(&s, -700, 700) * ldexp(1, -(i % 60));
        cw_dd u = {e, e * uniform(&s, -0x1p-54, 0x1p-54)};
        int64_t k;
        cw_dd q = cw_dd_expm1(u, &k);
        mpfr_set_d(a, u.high, MPFR_RNDN);
        mpfr_add_d(a, a, u.low, MPFR_RNDN);
        if (k == 0) {
            mpfr_expm1(r, a, MPFR_RNDN);
        } else {
            mpfr_exp(r, a, MPFR_RNDN);
            mpfr_mul_2si(r, r, -(long)k, MPFR_RNDN);
            mpfr_sub_ui(r, r, 1, MPFR_RNDN);
        }
        mpfr_sub_d(r, r, q.high, MPFR_RNDN);
        mpfr_sub_d(r, r, q.low, MPFR_RNDN);
        exp_error = fmax(exp_error, fabs(mpfr_get_d(r, MPFR_RNDN)) / (k == 0 ? fabs(q.high) : 1));

        double g = uniform(&s, 0, 1) * cw_pow(10, i % 12 - 3);
        cw_dd lg = cw_dd_lgamma(cw_dd_of(g));
        mpfr_set_d(a, g, MPFR_RNDN);
        lgamma_exact(r, a, MPFR_RNDN);
        mpfr_sub_d(r, r, lg.high, MPFR_RNDN);
        mpfr_sub_d(r, r, lg.low, MPFR_RNDN);
        gamma_error =
            fmax(gamma_error, fabs(mpfr_get_d(r, MPFR_RNDN)) / fmax(1e-22, 0x1p-98 * fabs(lg.high)));
    }
    mpfr_clear(a);
    mpfr_clear(r);
    assert_true(log_error < 0x1p-98);
    assert_true(exp_error < 0x1p-98);
    assert_true(gamma_error < 1);
}

static int restore(void **state) {
    (void)state;
    mpfr_free_cache();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(expm1_log1p_tanh, restore),
        cmocka_unit_test_teardown(sines, restore),
        cmocka_unit_test_teardown(error_functions_and_lgamma, restore),
        cmocka_unit_test_teardown(powers, restore),
        cmocka_unit_test_teardown(powers_of_special_values, restore),
        cmocka_unit_test_teardown(double_doubles_have_100_bits, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
