/* exp and log of real_core.h, operation by operation, and the sums, over vectors. The including file defines
 * CW_WIDTH, cw_vec, cw_veci, the V_ and I_ operations and CW_NAME(stem); it is compiled with its own
 * instruction set, so that the scalar forms inlined here use the fma instruction too. */
#include "real_core.h"

static inline cw_vec vec_exp(cw_vec x) {
    cw_vec c = V_MIN(x, V_SET(CW_EXP_OVER)); /* the second operand where x is NaN, as in real_core.h */
    c = V_MAX(c, V_SET(CW_EXP_UNDER));
    cw_vec rounded = V_FMA(c, V_SET(CW_LOG2E), V_SET(CW_ROUNDER));
    cw_veci k = I_SUB(V_BITS(rounded), V_BITS(V_SET(CW_ROUNDER)));
    cw_vec kd = V_SUB(rounded, V_SET(CW_ROUNDER));
    cw_vec r = V_FMA(kd, V_SET(-CW_LN2_HIGH), c);
    r = V_FMA(kd, V_SET(-CW_LN2_LOW), r);
    cw_vec r2 = V_MUL(r, r);
    cw_vec even = V_FMA(V_SET(CW_EXP_C13), r2, V_SET(CW_EXP_C11));
    even = V_FMA(even, r2, V_SET(CW_EXP_C9));
    even = V_FMA(even, r2, V_SET(CW_EXP_C7));
    even = V_FMA(even, r2, V_SET(CW_EXP_C5));
    even = V_FMA(even, r2, V_SET(CW_EXP_C3));
    cw_vec odd = V_FMA(V_SET(CW_EXP_C12), r2, V_SET(CW_EXP_C10));
    odd = V_FMA(odd, r2, V_SET(CW_EXP_C8));
    odd = V_FMA(odd, r2, V_SET(CW_EXP_C6));
    odd = V_FMA(odd, r2, V_SET(CW_EXP_C4));
    cw_vec p = V_FMA(odd, r, even);
    p = V_FMA(p, r, V_SET(CW_EXP_C2));
    p = V_FMA(p, r, V_SET(1.0));
    p = V_FMA(p, r, V_SET(1.0));
    cw_veci half = I_SUB(I_SHR(I_ADD(k, I_SET(2048)), 1), I_SET(1024));
    cw_vec first = V_OF_BITS(I_SHL(I_ADD(half, I_SET(1023)), 52));
    cw_vec second = V_OF_BITS(I_SHL(I_ADD(I_SUB(k, half), I_SET(1023)), 52));
    return V_NAN_OR(x, V_MUL(V_MUL(p, first), second));
}

/* Every lane a positive normal number. */
static inline cw_vec vec_ln(cw_vec x) {
    cw_veci bits = V_BITS(x);
    cw_veci biased = I_SHR(I_ADD(bits, I_SET((INT64_C(1023) << 52) - CW_SQRT_HALF_BITS)), 52);
    cw_veci mantissa = I_SUB(bits, I_SHL(I_SUB(biased, I_SET(1023)), 52));
    cw_vec f = V_SUB(V_OF_BITS(mantissa), V_SET(1.0));
    /* Below 2^52 an integer in the low bits of 2^52 is its exact conversion. */
    cw_vec k = V_SUB(V_OF_BITS(I_ADD(biased, V_BITS(V_SET(0x1p52)))), V_SET(0x1p52 + 1023.0));
    cw_vec half_f = V_MUL(V_SET(0.5), f);
    cw_vec half = V_MUL(half_f, f);
    cw_vec s = V_DIV(f, V_ADD(V_SET(2.0), f));
    cw_vec z = V_MUL(s, s);
    cw_vec z2 = V_MUL(z, z);
    cw_vec odd = V_FMA(V_SET(CW_LOG_C7), z2, V_SET(CW_LOG_C5));
    odd = V_FMA(odd, z2, V_SET(CW_LOG_C3));
    odd = V_FMA(odd, z2, V_SET(CW_LOG_C1));
    cw_vec even = V_FMA(V_SET(CW_LOG_C8), z2, V_SET(CW_LOG_C6));
    even = V_FMA(even, z2, V_SET(CW_LOG_C4));
    even = V_FMA(even, z2, V_SET(CW_LOG_C2));
    cw_vec r = V_MUL(V_FMA(even, z, odd), z);
    cw_vec half_low = V_FMA(half_f, f, V_SUB(V_SET(-0.0), half));
    cw_vec t = V_MUL(k, V_SET(CW_LN2_41));
    cw_vec high = V_ADD(t, f);
    cw_vec low = V_ADD(V_SUB(t, high), f);
    cw_vec top = V_SUB(high, half);
    low = V_ADD(low, V_SUB(V_SUB(high, top), half));
    low = V_FMA(k, V_SET(CW_LN2_REST), V_SUB(low, half_low));
    return V_ADD(top, V_FMA(s, V_ADD(half, r), low));
}

double CW_NAME(cw_real_exp)(double x) {
    return cw_core_exp(x);
}

double CW_NAME(cw_real_ln)(double x) {
    return cw_core_ln(x);
}

void CW_NAME(cw_real_exp_array)(int64_t n, const double *x, double *y) {
    int64_t i = 0;
    for (; i + CW_WIDTH <= n; i += CW_WIDTH) V_STORE(y + i, vec_exp(V_LOAD(x + i)));
    for (; i < n; i++) y[i] = cw_core_exp(x[i]);
}

void CW_NAME(cw_real_ln_array)(int64_t n, const double *x, double *y) {
    int64_t i = 0;
    for (; i + CW_WIDTH <= n; i += CW_WIDTH) {
        cw_vec v = V_LOAD(x + i);
        if (V_ALL_BETWEEN(v, CW_MIN_NORMAL, 0x1.fffffffffffffp1023))
            V_STORE(y + i, vec_ln(v));
        else
            for (int64_t j = i; j < i + CW_WIDTH; j++) y[j] = cw_core_ln(x[j]);
    }
    for (; i < n; i++) y[i] = cw_core_ln(x[i]);
}

enum { CW_VECTORS = 8 / CW_WIDTH };

double CW_NAME(cw_real_sum)(int64_t n, const double *x) {
    cw_vec lane[CW_VECTORS];
    for (int v = 0; v < CW_VECTORS; v++) lane[v] = V_SET(0.0);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int v = 0; v < CW_VECTORS; v++) lane[v] = V_ADD(lane[v], V_LOAD(x + i + v * CW_WIDTH));
    double l[8];
    for (int v = 0; v < CW_VECTORS; v++) V_STORE(l + v * CW_WIDTH, lane[v]);
    for (int64_t j = i; j < n; j++) l[j - i] += x[j];
    return cw_real_end(l);
}

double CW_NAME(cw_real_dot)(int64_t n, const double *x, const double *y) {
    cw_vec lane[CW_VECTORS];
    for (int v = 0; v < CW_VECTORS; v++) lane[v] = V_SET(0.0);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int v = 0; v < CW_VECTORS; v++)
            lane[v] = V_FMA(V_LOAD(x + i + v * CW_WIDTH), V_LOAD(y + i + v * CW_WIDTH), lane[v]);
    double l[8];
    for (int v = 0; v < CW_VECTORS; v++) V_STORE(l + v * CW_WIDTH, lane[v]);
    for (int64_t j = i; j < n; j++) l[j - i] = fma(x[j], y[j], l[j - i]);
    return cw_real_end(l);
}
