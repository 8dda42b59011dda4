/* erf, erfc, and the hard cases of sin, cos and lgamma by MPFR (Fousse et al. 2007, ACM TOMS 33(2), 13),
 * which rounds correctly: 0.5 ulp, subnormal results too. */
#include "real_exact.h"

#include <mpfr.h>

#include "real.h"
#include "real_dd.h"

typedef int (*exact_function)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

/* The exponent range of doubles stands for the call only, and MPFR's caches are given back: nothing remains.
 */
static double exact(double x, exact_function f) {
    mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
    mpfr_set_emin(-1073);
    mpfr_set_emax(1024);
    mpfr_t a, r;
    mpfr_init2(a, 53);
    mpfr_init2(r, 53);
    mpfr_set_d(a, x, MPFR_RNDN);
    int ternary = f(r, a, MPFR_RNDN);
    mpfr_subnormalize(r, ternary, MPFR_RNDN);
    double y = mpfr_get_d(r, MPFR_RNDN);
    mpfr_clear(a);
    mpfr_clear(r);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    mpfr_free_cache();
    return y == y ? y : (double)NAN;
}

static int log_abs_gamma(mpfr_ptr r, mpfr_srcptr x, mpfr_rnd_t round) {
    int sign;
    return mpfr_lgamma(r, &sign, x, round);
}

double cw_erf(double x) {
    if (x != x) return x + x;
    if (fabs(x) > 6) return copysign(1.0, x); /* erfc(6) < 2^-54 */
    return exact(x, mpfr_erf);
}

double cw_erfc(double x) {
    if (x != x) return x + x;
    if (x < -6) return 2.0;
    if (x > 27.3) return 0.0; /* erfc is below half the smallest subnormal */
    return exact(x, mpfr_erfc);
}

double cw_exact_sin(double x) {
    return exact(x, mpfr_sin);
}

double cw_exact_cos(double x) {
    return exact(x, mpfr_cos);
}

/* Positive arguments by Stirling's series in double-double (error below 0.51 ulp) except near the zeros 1 and
 * 2, where only the absolute error is small. */
double cw_lgamma(double x) {
    if (x != x) return x + x;
    if (fabs(x) == (double)INFINITY) return (double)INFINITY;
    if (x <= 0 && floor(x) == x) return (double)INFINITY;
    if (x > 0 && x < 1e300 && fabs(x - 1) > 1e-3 && fabs(x - 2) > 1e-3) return cw_dd_lgamma(cw_dd_of(x)).high;
    return exact(x, log_abs_gamma);
}
