/* Elementary functions whose bits are the same on every CPU. libm's exp, log, sin, pow, erf, ... differ
 * between CPUs in the last place; these do not: they use only +, -, *, /, sqrt, fma and integer operations in
 * a fixed order (the vector forms give the same bits as the scalar ones), or MPFR's correct rounding for the
 * rarely called. */
#ifndef CW_BASE_REAL_H
#define CW_BASE_REAL_H

#include <stdint.h>

/* Scalars: errors at most 1 ulp (bounds stated with the code); special cases as in C11 annex F. erf, erfc,
 * and sin and cos beyond 2^19, take microseconds, the others nanoseconds to a few hundred. */
double cw_exp(double x);
double cw_expm1(double x);
double cw_ln(double x); /* natural logarithm (cw_log, in env.h, is the log line) */
double cw_log1p(double x);
double cw_pow(double x, double y);
double cw_sin(double x);
double cw_cos(double x);
double cw_tanh(double x);
double cw_erf(double x);
double cw_erfc(double x);
double cw_lgamma(double x); /* log |gamma(x)| */

/* Arrays: y[i] = f(x[i]) with the scalar function's bits; x and y may be the same array. */
void cw_exp_array(int64_t n, const double *x, double *y);
void cw_log_array(int64_t n, const double *x, double *y);

/* Sums in 8 lanes (lane l takes rows l, l+8, ...) ended as ((0+4)+(2+6))+((1+5)+(3+7)); same bits on every
 * CPU. */
double cw_sum(int64_t n, const double *x);
double cw_dot(int64_t n, const double *x, const double *y);

#endif
