/* What the distributions stand on: tails of the beta and gamma laws as weight times ratio, and their
 * quantiles. */
#ifndef CW_BASE_DISTRIBUTION_TAIL_H
#define CW_BASE_DISTRIBUTION_TAIL_H

#include <stdbool.h>

#include "real_dd.h"

/* One tail, exp(log_weight) * ratio: the one that is computed without cancellation. The weight is the density
 * with respect to the logarithm (of x, or of the odds x/(1-x)), so that 1/ratio is the slope of the log tail
 * on that scale. The logarithm has about 100 bits: with parameters of 1e8 it is a difference of terms of 1e9.
 */
typedef struct cw_tail {
    cw_dd log_weight;
    double ratio;
    bool upper;
} cw_tail;

double cw_tail_value(cw_tail tail, bool upper);
double cw_tail_log(cw_tail tail, bool upper);

/* Beta(a, b), both positive and finite. */
typedef struct cw_beta_law {
    double a, b;
    cw_dd log_beta;
} cw_beta_law;

cw_beta_law cw_beta_law_of(double a, double b);
cw_tail cw_beta_tail(const cw_beta_law *law, cw_dd x, cw_dd y); /* y = 1 - x; both positive */

/* The same at odds x/(1-x) = exp(z), and at odds w (positive, finite). */
cw_tail cw_beta_tail_log_odds(const cw_beta_law *law, double z);
cw_tail cw_beta_tail_odds(const cw_beta_law *law, cw_dd w);

/* The log odds with the given tail probability p, 0 < p < 1; best where p <= 1/2. */
double cw_beta_quantile_log_odds(const cw_beta_law *law, double p, bool upper);

/* Gamma(a), scale 1. */
typedef struct cw_gamma_law {
    double a;
    cw_dd log_gamma;
} cw_gamma_law;

cw_gamma_law cw_gamma_law_of(double a);
cw_tail cw_gamma_tail(const cw_gamma_law *law, double x); /* x positive, finite */
double cw_gamma_quantile_log(const cw_gamma_law *law, double p, bool upper);

/* P(X > x) where a < 1 and x < a + 1: no cancellation as a approaches 0. */
double cw_gamma_upper_small(const cw_gamma_law *law, double x);

#endif
