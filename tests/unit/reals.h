/* Shared by the tests of elementary functions: pseudo-random doubles and errors in ulp against MPFR. */
#ifndef CW_TESTS_UNIT_REALS_H
#define CW_TESTS_UNIT_REALS_H

#include <math.h>
#include <mpfr.h>
#include <stdint.h>

#include "src/base/real_core.h"

static inline uint64_t next(uint64_t *s) {
    *s += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*s ^ (*s >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline double uniform(uint64_t *s, double low, double high) {
    return low + (high - low) * ((double)(next(s) >> 11) * 0x1p-53);
}

static inline double any_double(uint64_t *s) {
    return cw_core_double((int64_t)next(s));
}

static inline uint64_t bits(double x) {
    return (uint64_t)cw_core_bits(x);
}

/* The error of `got` in units of the last place of the exact value. */
static inline double ulps(double got, mpfr_srcptr exact) {
    double rounded = mpfr_get_d(exact, MPFR_RNDN);
    if (!isfinite(rounded) || !isfinite(got)) return bits(rounded) == bits(got) ? 0 : INFINITY;
    int exponent = mpfr_zero_p(exact) ? -1073 : (int)mpfr_get_exp(exact);
    if (exponent < -1021) exponent = -1021;
    mpfr_t error;
    mpfr_init2(error, 200);
    mpfr_sub_d(error, exact, got, MPFR_RNDN);
    mpfr_mul_2si(error, error, 53 - exponent, MPFR_RNDN);
    double e = fabs(mpfr_get_d(error, MPFR_RNDN));
    mpfr_clear(error);
    return e;
}

typedef int (*exact_function)(mpfr_t, mpfr_srcptr, mpfr_rnd_t);

static inline double error_of(double x, double got, exact_function f) {
    mpfr_t a, r;
    mpfr_init2(a, 53);
    mpfr_init2(r, 160);
    mpfr_set_d(a, x, MPFR_RNDN);
    f(r, a, MPFR_RNDN);
    double e = ulps(got, r);
    mpfr_clear(a);
    mpfr_clear(r);
    return e;
}

static inline double worst(double (*mine)(double), exact_function f, double low, double high, int n,
                           uint64_t seed) {
    double most = 0;
    for (int i = 0; i < n; i++) {
        double x = uniform(&seed, low, high);
        most = fmax(most, error_of(x, mine(x), f));
    }
    return most;
}

#endif
