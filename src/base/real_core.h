/* The one text of exp and log: each file that includes it compiles it for its own instruction set. fma, +, -,
 * *, / are correctly rounded everywhere and stand in a fixed order, so every copy gives the same bits; the
 * vector forms in real_simd.h repeat it operation by operation.
 *
 * exp: error below 0.9 ulp. x = k log 2 + r, |r| <= log(2)/2 (Cody and Waite 1980, ch. 6); Taylor polynomial
 * of degree 13, whose remainder is below 2^-57.
 * log: error below 0.7 ulp. x = 2^k (1 + f), s = f / (2 + f), log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2)))
 * with R a Chebyshev fit (its error below 2^-64 of the result) and the large terms kept in two pieces. */
#ifndef CW_BASE_REAL_CORE_H
#define CW_BASE_REAL_CORE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define CW_LOG2E          0x1.71547652b82fep+0
#define CW_LN2_HIGH       0x1.62e42fefa39efp-1 /* nearest double */
#define CW_LN2_LOW        0x1.abc9e3b39803fp-56
#define CW_LN2_41         0x1.62e42fefa3p-1 /* 41 bits: a multiple by an exponent is exact */
#define CW_LN2_REST       0x1.3de6af278ece6p-42
#define CW_ROUNDER        0x1.8p52 /* adding it rounds to an integer, kept in the low bits */
#define CW_EXP_OVER       710.0    /* exp is infinite from here on */
#define CW_EXP_UNDER      -746.0   /* exp is 0 from here on */
#define CW_MIN_NORMAL     0x1p-1022
#define CW_SQRT_HALF_BITS INT64_C(0x3fe6a09e667f3bcd)

#define CW_EXP_C2         0.5
#define CW_EXP_C3         (1.0 / 6.0)
#define CW_EXP_C4         (1.0 / 24.0)
#define CW_EXP_C5         (1.0 / 120.0)
#define CW_EXP_C6         (1.0 / 720.0)
#define CW_EXP_C7         (1.0 / 5040.0)
#define CW_EXP_C8         (1.0 / 40320.0)
#define CW_EXP_C9         (1.0 / 362880.0)
#define CW_EXP_C10        (1.0 / 3628800.0)
#define CW_EXP_C11        (1.0 / 39916800.0)
#define CW_EXP_C12        (1.0 / 479001600.0)
#define CW_EXP_C13        (1.0 / 6227020800.0)

#define CW_LOG_C1         0x1.5555555555555p-1
#define CW_LOG_C2         0x1.9999999999a38p-2
#define CW_LOG_C3         0x1.2492492476c87p-2
#define CW_LOG_C4         0x1.c71c720160b47p-3
#define CW_LOG_C5         0x1.745cf901605f7p-3
#define CW_LOG_C6         0x1.3b1c360763b8ap-3
#define CW_LOG_C7         0x1.0fbe83c2cbcf3p-3
#define CW_LOG_C8         0x1.0c04595972ab8p-3

static inline int64_t cw_core_bits(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double cw_core_double(int64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^k, -1022 <= k <= 1023. */
static inline double cw_core_power2(int64_t k) {
    return cw_core_double((int64_t)((uint64_t)(k + 1023) << 52));
}

static inline double cw_core_exp(double x) {
    if (x != x) return x + x;
    double c = x < CW_EXP_OVER ? x : CW_EXP_OVER;
    c = c > CW_EXP_UNDER ? c : CW_EXP_UNDER;
    double rounded = fma(c, CW_LOG2E, CW_ROUNDER);
    int64_t k = cw_core_bits(rounded) - cw_core_bits(CW_ROUNDER);
    double kd = rounded - CW_ROUNDER;
    double r = fma(kd, -CW_LN2_HIGH, c); /* exact */
    r = fma(kd, -CW_LN2_LOW, r);
    double r2 = r * r;
    double even = fma(CW_EXP_C13, r2, CW_EXP_C11);
    even = fma(even, r2, CW_EXP_C9);
    even = fma(even, r2, CW_EXP_C7);
    even = fma(even, r2, CW_EXP_C5);
    even = fma(even, r2, CW_EXP_C3);
    double odd = fma(CW_EXP_C12, r2, CW_EXP_C10);
    odd = fma(odd, r2, CW_EXP_C8);
    odd = fma(odd, r2, CW_EXP_C6);
    odd = fma(odd, r2, CW_EXP_C4);
    double p = fma(odd, r, even);
    p = fma(p, r, CW_EXP_C2);
    p = fma(p, r, 1.0);
    p = fma(p, r, 1.0);
    /* Two factors: 2^k itself leaves the range of doubles where the result is just below overflow or is
     * subnormal. The first product is exact, the second rounds once. */
    int64_t half = ((k + 2048) >> 1) - 1024;
    return p * cw_core_power2(half) * cw_core_power2(k - half);
}

static inline double cw_core_ln(double x) {
    int64_t bits = cw_core_bits(x), subnormal = 0;
    if (!(x >= CW_MIN_NORMAL && x <= 0x1.fffffffffffffp1023)) {
        if (x != x) return x + x;
        if (x == 0) return -(double)INFINITY;
        if (x < 0) return (double)NAN;
        if (x > 1) return x;
        bits = cw_core_bits(x * 0x1p54);
        subnormal = 54;
    }
    int64_t biased = (int64_t)((uint64_t)(bits - CW_SQRT_HALF_BITS + (INT64_C(1023) << 52)) >> 52);
    double f = cw_core_double(bits - (int64_t)((uint64_t)(biased - 1023) << 52)) - 1.0;
    double k = (double)(biased - 1023 - subnormal);
    double half = 0.5 * f * f;
    double s = f / (2.0 + f);
    double z = s * s;
    double z2 = z * z;
    double odd = fma(CW_LOG_C7, z2, CW_LOG_C5);
    odd = fma(odd, z2, CW_LOG_C3);
    odd = fma(odd, z2, CW_LOG_C1);
    double even = fma(CW_LOG_C8, z2, CW_LOG_C6);
    even = fma(even, z2, CW_LOG_C4);
    even = fma(even, z2, CW_LOG_C2);
    double r = fma(even, z, odd) * z;
    double half_low = fma(0.5 * f, f, -half);
    double t = k * CW_LN2_41; /* exact */
    double high = t + f;
    double low = (t - high) + f; /* exact: t is 0 or larger than f */
    double top = high - half;
    low += (high - top) - half; /* exact: high is 0 or larger than half */
    low = fma(k, CW_LN2_REST, low - half_low);
    return top + fma(s, half + r, low);
}

#endif
