/* exp, log and the sums: error in ulp against MPFR, special cases, equal bits of every form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "reals.h"
#include "src/base/cpu.h"
#include "src/base/real.h"
#include "src/base/real_kernels.h"

enum { MANY = 20000 };

static const double special[] = {0.0,
                                 -0.0,
                                 1.0,
                                 -1.0,
                                 INFINITY,
                                 -INFINITY,
                                 NAN,
                                 DBL_MIN,
                                 DBL_MAX,
                                 -DBL_MAX,
                                 0x1p-1074,
                                 -0x1p-1074,
                                 0x1.fffffffffffffp-1023,
                                 709.782712893383973,
                                 709.782712893384,
                                 709.79,
                                 710,
                                 -708.39641853226410622,
                                 -708.4,
                                 -744.44,
                                 -745.1332191019411,
                                 -745.1332191019412,
                                 -746,
                                 -747,
                                 0x1.6a09e667f3bccp-1,
                                 0x1.6a09e667f3bcdp-1,
                                 0x1.fffffffffffffp-1,
                                 0x1.0000000000001p0,
                                 0x1p-60,
                                 -0x1p-60,
                                 0.34657359027997264,
                                 -0.34657359027997264,
                                 0x1p1023};
enum { SPECIALS = sizeof special / sizeof *special };

static void exp_is_within_an_ulp(void **state) {
    (void)state;
    assert_true(worst(cw_exp, mpfr_exp, -0.4, 0.4, MANY, 1) < 0.9);
    assert_true(worst(cw_exp, mpfr_exp, -40, 40, MANY, 2) < 0.9);
    assert_true(worst(cw_exp, mpfr_exp, -707, 709.7, MANY, 3) < 0.9);
    assert_true(worst(cw_exp, mpfr_exp, -746, -707, MANY, 4) < 1);
    assert_true(worst(cw_exp, mpfr_exp, 709.7, 709.8, MANY, 5) < 0.9);
    assert_true(worst(cw_exp, mpfr_exp, -1e-9, 1e-9, MANY, 6) < 0.51);
}

static void ln_is_within_an_ulp(void **state) {
    (void)state;
    assert_true(worst(cw_ln, mpfr_log, 0.7, 1.42, MANY, 1) < 0.75);
    assert_true(worst(cw_ln, mpfr_log, 1 - 1e-6, 1 + 1e-6, MANY, 2) < 0.75);
    assert_true(worst(cw_ln, mpfr_log, 0, 100, MANY, 3) < 0.75);
    assert_true(worst(cw_ln, mpfr_log, 0.30, 0.36, MANY, 4) < 0.75);
    uint64_t s = 5;
    double most = 0;
    for (int i = 0; i < MANY; i++) {
        double x = fabs(any_double(&s));
        if (isfinite(x)) most = fmax(most, error_of(x, cw_ln(x), mpfr_log));
        double tiny = cw_core_double((int64_t)(next(&s) >> (12 + i % 50)));
        if (tiny > 0) most = fmax(most, error_of(tiny, cw_ln(tiny), mpfr_log));
    }
    assert_true(most < 0.75);
}

static void exp_and_ln_treat_special_cases(void **state) {
    (void)state;
    for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
        cw_cpu_limit((cw_cpu)level);
        assert_true(cw_exp(0) == 1 && cw_exp(-0.0) == 1);
        assert_true(cw_exp(INFINITY) == INFINITY && cw_exp(710) == INFINITY);
        assert_true(cw_exp(709.782712893384) < INFINITY && cw_exp(709.7827128933841) == INFINITY);
        assert_true(bits(cw_exp(-INFINITY)) == 0 && bits(cw_exp(-745.2)) == 0);
        assert_true(cw_exp(-745.1332191019411) == 0x1p-1074);
        assert_true(isnan(cw_exp(NAN)) && isnan(cw_ln(NAN)));
        assert_true(bits(cw_ln(1)) == 0);
        assert_true(cw_ln(0) == -INFINITY && cw_ln(-0.0) == -INFINITY && cw_ln(INFINITY) == INFINITY);
        assert_true(bits(cw_ln(-1)) == bits(NAN) && bits(cw_ln(-INFINITY)) == bits(NAN));
        assert_true(cw_ln(2) == 0x1.62e42fefa39efp-1);
    }
}

/* One array of everything: special values at every lane, random bits, random sizes. */
static int64_t fill(double *x, int64_t n, uint64_t seed) {
    for (int64_t i = 0; i < n; i++) {
        uint64_t pick = next(&seed) % 8;
        x[i] = pick == 0 ? special[next(&seed) % SPECIALS]
                         : (pick < 3 ? any_double(&seed) : uniform(&seed, -750, 750));
    }
    return n;
}

static void every_form_gives_the_same_bits(void **state) {
    (void)state;
    static double x[4096], y[4096], z[4096];
    for (int turn = 0; turn < 12; turn++) {
        int64_t n = fill(x, turn < 10 ? 4096 - turn : turn, (uint64_t)turn + 77);
        if (turn % 2)
            for (int64_t i = 0; i < n; i++) x[i] = fabs(x[i]);
        cw_real_exp_array_plain(n, x, y);
        for (int64_t i = 0; i < n; i++) assert_true(bits(y[i]) == bits(cw_core_exp(x[i])));
        for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
            cw_cpu_limit((cw_cpu)level);
            cw_exp_array(n, x, z);
            assert_memory_equal(y, z, (size_t)n * 8);
            for (int64_t i = 0; i < n; i++) assert_true(bits(y[i]) == bits(cw_exp(x[i])));
            memcpy(z, x, sizeof x);
            cw_exp_array(n, z, z);
            assert_memory_equal(y, z, (size_t)n * 8);
        }
        cw_real_ln_array_plain(n, x, y);
        for (int64_t i = 0; i < n; i++) assert_true(bits(y[i]) == bits(cw_core_ln(x[i])));
        for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
            cw_cpu_limit((cw_cpu)level);
            cw_log_array(n, x, z);
            assert_memory_equal(y, z, (size_t)n * 8);
            for (int64_t i = 0; i < n; i++) assert_true(bits(y[i]) == bits(cw_ln(x[i])));
            memcpy(z, x, sizeof x);
            cw_log_array(n, z, z);
            assert_memory_equal(y, z, (size_t)n * 8);
        }
    }
}

static double sum_by_the_book(int64_t n, const double *x, const double *y) {
    double l[8] = {0};
    for (int lane = 0; lane < 8; lane++)
        for (int64_t i = lane; i < n; i += 8) l[lane] = y ? fma(x[i], y[i], l[lane]) : l[lane] + x[i];
    double a = l[0] + l[4], b = l[2] + l[6], c = l[1] + l[5], d = l[3] + l[7];
    return (a + b) + (c + d);
}

static void sums_keep_the_stated_order(void **state) {
    (void)state;
    static double x[1000], y[1000];
    uint64_t s = 9;
    for (int i = 0; i < 1000; i++) {
        x[i] = uniform(&s, -1, 1) * ldexp(1, (int)(next(&s) % 40));
        y[i] = uniform(&s, -1, 1) * ldexp(1, (int)(next(&s) % 40));
    }
    bool order_matters = false;
    for (int64_t n = 0; n <= 1000; n += n < 40 ? 1 : 37) {
        double sum = sum_by_the_book(n, x, NULL), dot = sum_by_the_book(n, x, y), naive = 0;
        for (int64_t i = 0; i < n; i++) naive += x[i];
        order_matters = order_matters || bits(naive) != bits(sum);
        for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
            cw_cpu_limit((cw_cpu)level);
            assert_true(bits(cw_sum(n, x)) == bits(sum));
            if (n > 3) { /* any alignment */
                double shifted = sum_by_the_book(n - 3, x + 3, y + 1);
                assert_true(bits(cw_dot(n - 3, x + 3, y + 1)) == bits(shifted));
            }
            assert_true(bits(cw_dot(n, x, y)) == bits(dot));
        }
    }
    assert_true(order_matters);
    double ramp[100];
    for (int i = 0; i < 100; i++) ramp[i] = i;
    assert_true(cw_sum(100, ramp) == 4950 && cw_dot(100, ramp, ramp) == 328350 && bits(cw_sum(0, ramp)) == 0);
}

/* A digest of bits: a form that differs on another machine or compiler is seen even if all forms differ
 * alike. */
static void bits_are_those_of_every_machine(void **state) {
    (void)state;
    uint64_t s = 2024, h = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < 20000; i++) {
        double x = uniform(&s, -745, 710), v = fabs(any_double(&s));
        h = (h ^ bits(cw_exp(x))) * UINT64_C(0x100000001b3);
        if (v == v) h = (h ^ bits(cw_ln(v))) * UINT64_C(0x100000001b3);
    }
    assert_true(h == UINT64_C(0x792bd7d656472aee));
}

static int restore(void **state) {
    (void)state;
    cw_cpu_limit(CW_CPU_AVX512);
    mpfr_free_cache();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(exp_is_within_an_ulp, restore),
        cmocka_unit_test_teardown(ln_is_within_an_ulp, restore),
        cmocka_unit_test_teardown(exp_and_ln_treat_special_cases, restore),
        cmocka_unit_test_teardown(every_form_gives_the_same_bits, restore),
        cmocka_unit_test_teardown(sums_keep_the_stated_order, restore),
        cmocka_unit_test_teardown(bits_are_those_of_every_machine, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
