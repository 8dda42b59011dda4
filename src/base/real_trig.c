/* sin and cos: error below 0.8 ulp for |x| <= 2^19, correctly rounded (MPFR, microseconds) beyond. */
#include "real.h"
#include "real_core.h"
#include "real_dd.h"
#include "real_exact.h"

#define LARGEST 0x1p19

/* x - k pi/2 and k mod 4. The first three parts of pi/2 have 33 bits: their multiples by k < 2^20 are exact,
 * and together the parts have 152 bits, enough for the doubles nearest to a multiple of pi/2. */
static cw_dd reduce(double x, int *quadrant) {
    double k = floor(x * 0x1.45f306dc9c883p-1 + 0.5);
    *quadrant = (int)((int64_t)k & 3);
    cw_dd r = cw_dd_sum(x - k * 0x1.921fb544p+0, -(k * 0x1.0b4611a6p-34));
    r = cw_dd_add(r, cw_dd_of(-(k * 0x1.3198a2ep-69)));
    return cw_dd_add(r, cw_dd_of(-(k * 0x1.b839a252049c1p-104)));
}

/* Taylor polynomials on |r| <= pi/4 (remainders below 2^-57 of the value) with the low part to first order.
 */
static double sin_reduced(cw_dd r) {
    double z = r.high * r.high;
    double p = 1.0 / 355687428096000.0;
    p = fma(p, z, -1.0 / 1307674368000.0);
    p = fma(p, z, CW_EXP_C13);
    p = fma(p, z, -CW_EXP_C11);
    p = fma(p, z, CW_EXP_C9);
    p = fma(p, z, -CW_EXP_C7);
    p = fma(p, z, CW_EXP_C5);
    p = fma(p, z, -CW_EXP_C3);
    double low = r.low * fma(-0.5, z, 1.0);
    return r.high + fma(p * z, r.high, low);
}

static double cos_reduced(cw_dd r) {
    double z = r.high * r.high;
    double p = 1.0 / 20922789888000.0;
    p = fma(p, z, -1.0 / 87178291200.0);
    p = fma(p, z, CW_EXP_C12);
    p = fma(p, z, -CW_EXP_C10);
    p = fma(p, z, CW_EXP_C8);
    p = fma(p, z, -CW_EXP_C6);
    p = fma(p, z, CW_EXP_C4);
    double half = 0.5 * z;
    double top = 1.0 - half;
    double low = (1.0 - top) - half; /* exact */
    double square_low = fma(r.high, r.high, -z);
    low = low - 0.5 * square_low - r.high * r.low;
    return top + fma(p * z, z, low);
}

static double by_quadrant(cw_dd r, int quadrant) {
    double v = quadrant & 1 ? cos_reduced(r) : sin_reduced(r);
    return quadrant & 2 ? -v : v;
}

double cw_sin(double x) {
    if (!(fabs(x) < (double)INFINITY)) return x != x ? x + x : (double)NAN;
    if (fabs(x) < 0x1p-27) return x;
    if (fabs(x) > LARGEST) return cw_exact_sin(x);
    int quadrant;
    cw_dd r = reduce(x, &quadrant);
    return by_quadrant(r, quadrant);
}

double cw_cos(double x) {
    if (!(fabs(x) < (double)INFINITY)) return x != x ? x + x : (double)NAN;
    if (fabs(x) > LARGEST) return cw_exact_cos(x);
    int quadrant;
    cw_dd r = reduce(x, &quadrant);
    return by_quadrant(r, (quadrant + 1) & 3);
}
