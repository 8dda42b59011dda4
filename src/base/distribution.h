/* Distributions: cdf, upper tail and quantile to 1e-12 relative (tails in logs where they underflow), equal
 * bits on every CPU. Outside its domain a function returns NaN. Degrees of freedom may be fractional, and
 * infinite for t and F; a quantile has no closer tail than p or 1 - p as a double. Microseconds a call. */
#ifndef CW_BASE_DISTRIBUTION_H
#define CW_BASE_DISTRIBUTION_H

#include <stdint.h>

double cw_normal_cdf(double x);
double cw_normal_upper(double x);     /* P(X > x), accurate in the tail */
double cw_normal_log_upper(double x); /* log P(X > x), also where it underflows */
double cw_normal_quantile(double p);

double cw_t_cdf(double x, double df);
double cw_t_upper(double x, double df);
double cw_t_log_upper(double x, double df);
double cw_t_quantile(double p, double df);

double cw_chisq_cdf(double x, double df);
double cw_chisq_upper(double x, double df);
double cw_chisq_log_upper(double x, double df);
double cw_chisq_quantile(double p, double df);

double cw_f_cdf(double x, double df1, double df2);
double cw_f_upper(double x, double df1, double df2);
double cw_f_log_upper(double x, double df1, double df2);
double cw_f_quantile(double p, double df1, double df2);

/* P(X <= k), P(X >= k) of a binomial(n, p), n <= 2^53, and the smallest k with P(X <= k) >= q (outside its
 * domain -1). */
double cw_binomial_cdf(int64_t k, int64_t n, double p);
double cw_binomial_upper(int64_t k, int64_t n, double p);
int64_t cw_binomial_quantile(double q, int64_t n, double p);

/* Regularised incomplete beta and gamma, the ground they stand on. */
double cw_beta_inc(double x, double a, double b);
double cw_gamma_inc_lower(double a, double x);
double cw_gamma_inc_upper(double a, double x);

#endif
