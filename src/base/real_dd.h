/* Double-double arithmetic: an unevaluated sum high + low, |low| <= ulp(high)/2, about 106 bits. It carries
 * the functions whose argument or logarithm needs more than 53 bits: pow, expm1, log1p, tanh, and the factors
 * in front of tail probabilities. Error bounds: Joldes, Muller and Popescu (2017), ACM TOMS 44(2), 15. */
#ifndef CW_BASE_REAL_DD_H
#define CW_BASE_REAL_DD_H

#include <math.h>
#include <stdint.h>

typedef struct cw_dd {
    double high, low;
} cw_dd;

/* a + b, |a| >= |b| or a = 0, exactly (Dekker). */
static inline cw_dd cw_dd_fast_sum(double a, double b) {
    double s = a + b;
    return (cw_dd){s, b - (s - a)};
}

/* a + b exactly (Knuth). */
static inline cw_dd cw_dd_sum(double a, double b) {
    double s = a + b;
    double t = s - a;
    return (cw_dd){s, (a - (s - t)) + (b - t)};
}

/* a * b exactly. */
static inline cw_dd cw_dd_product(double a, double b) {
    double p = a * b;
    return (cw_dd){p, fma(a, b, -p)};
}

static inline cw_dd cw_dd_of(double a) {
    return (cw_dd){a, 0};
}

static inline cw_dd cw_dd_negate(cw_dd a) {
    return (cw_dd){-a.high, -a.low};
}

static inline cw_dd cw_dd_add_double(cw_dd a, double b) {
    cw_dd s = cw_dd_sum(a.high, b);
    return cw_dd_fast_sum(s.high, s.low + a.low);
}

/* Accurate for any signs. */
static inline cw_dd cw_dd_add(cw_dd a, cw_dd b) {
    cw_dd s = cw_dd_sum(a.high, b.high), t = cw_dd_sum(a.low, b.low);
    cw_dd v = cw_dd_fast_sum(s.high, s.low + t.high);
    return cw_dd_fast_sum(v.high, t.low + v.low);
}

static inline cw_dd cw_dd_subtract(cw_dd a, cw_dd b) {
    return cw_dd_add(a, cw_dd_negate(b));
}

static inline cw_dd cw_dd_times_double(cw_dd a, double b) {
    cw_dd p = cw_dd_product(a.high, b);
    return cw_dd_fast_sum(p.high, fma(a.low, b, p.low));
}

static inline cw_dd cw_dd_times(cw_dd a, cw_dd b) {
    cw_dd p = cw_dd_product(a.high, b.high);
    double cross = fma(a.high, b.low, a.low * b.high);
    return cw_dd_fast_sum(p.high, p.low + cross);
}

/* Exact scaling by a power of two. */
static inline cw_dd cw_dd_scale(cw_dd a, double power) {
    return (cw_dd){a.high * power, a.low * power};
}

static inline cw_dd cw_dd_divide(cw_dd a, cw_dd b) {
    double q = a.high / b.high;
    cw_dd r = cw_dd_subtract(a, cw_dd_times_double(b, q));
    double q2 = r.high / b.high;
    r = cw_dd_subtract(r, cw_dd_times_double(b, q2));
    cw_dd v = cw_dd_fast_sum(q, q2);
    return cw_dd_add_double(v, r.high / b.high);
}

/* log x; x positive and finite (else as the plain logarithm of x.high): relative error below 2^-98 (also near
 * 1). */
cw_dd cw_dd_log(cw_dd x);

/* q with exp(x) = 2^k (1 + q), |q| < 0.42, |x| < 2000: relative error of q below 2^-98; k = 0 where
 * |x| <= log(2)/2. */
cw_dd cw_dd_expm1(cw_dd x, int64_t *k);

/* exp(x) rounded to a double, 0 and infinity where it leaves the range. */
double cw_dd_exp(cw_dd x);

/* log gamma(a), 0 < a <= 1e300 (two pieces: a sum like df1/2 + df2/2 is kept whole): absolute error below
 * 1e-22, relative below 2^-98 where |log gamma| is large.
 */
cw_dd cw_dd_lgamma(cw_dd a);

#endif
