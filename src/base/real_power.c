/* pow, expm1, log1p, tanh: double-double inside, rounded once. Error below 0.501 ulp where the result is
 * normal, below 1 ulp where it is subnormal. */
#include "real.h"
#include "real_core.h"
#include "real_dd.h"

/* exp(x) - 1 as a double-double, -40 < x < 700. */
static cw_dd expm1_wide(cw_dd x) {
    int64_t k;
    cw_dd q = cw_dd_expm1(x, &k);
    if (k == 0) return q;
    double power = cw_core_power2(k);
    return cw_dd_add(cw_dd_scale(q, power), cw_dd_sum(power, -1.0));
}

double cw_expm1(double x) {
    if (x != x) return x + x;
    if (fabs(x) < 0x1p-54) return x;
    if (x < -40) return -1.0;
    if (x > 690) return cw_exp(x); /* the 1 is far below the last place */
    return expm1_wide(cw_dd_of(x)).high;
}

double cw_log1p(double x) {
    if (x != x) return x + x;
    if (x < -1) return (double)NAN;
    if (x == -1) return -(double)INFINITY;
    if (fabs(x) < 0x1p-54 || x == (double)INFINITY) return x;
    return cw_dd_log(cw_dd_sum(1.0, x)).high;
}

double cw_tanh(double x) {
    if (x != x) return x + x;
    double a = fabs(x);
    if (a < 0x1p-28) return x; /* tanh x = x - x^3/3 + ... */
    if (a > 20) return copysign(1.0, x);
    cw_dd e = expm1_wide(cw_dd_of(2 * a));
    return copysign(cw_dd_divide(e, cw_dd_add_double(e, 2.0)).high, x);
}

static int is_integer(double y) {
    return floor(y) == y;
}

static int is_odd(double y) {
    return fabs(y) < 0x1p53 && is_integer(y) && !is_integer(0.5 * y);
}

/* x or y zero, infinite or NaN, or x negative with a fractional y. */
static int is_special(double x, double y) {
    return !(fabs(x) < (double)INFINITY) || !(fabs(y) < (double)INFINITY) || x == 0 || y == 0 ||
           (x < 0 && !is_integer(y));
}

/* C11 F.10.4.4. */
static double pow_special(double x, double y) {
    if (y == 0 || x == 1) return 1.0;
    if (x != x || y != y) return x + y;
    double a = fabs(x);
    if (fabs(y) == (double)INFINITY) {
        if (a == 1) return 1.0;
        return (a > 1) == (y > 0) ? (double)INFINITY : 0.0;
    }
    if (a == 0 || a == (double)INFINITY) {
        double size = (a == 0) == (y > 0) ? 0.0 : (double)INFINITY;
        return is_odd(y) ? copysign(size, x) : size;
    }
    return (double)NAN;
}

double cw_pow(double x, double y) {
    if (is_special(x, y)) return pow_special(x, y);
    double sign = x < 0 && is_odd(y) ? -1.0 : 1.0;
    cw_dd log_x = cw_dd_log(cw_dd_of(fabs(x)));
    double rough = log_x.high * y;
    if (rough > CW_EXP_OVER) return sign * (double)INFINITY;
    if (rough < CW_EXP_UNDER) return sign * 0.0;
    return sign * cw_dd_exp(cw_dd_times_double(log_x, y));
}
