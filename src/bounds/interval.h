/* Confidence intervals where only a set is identified: [lower, upper] estimated with error at both ends.
 *
 *  - for the parameter: Imbens & Manski (2004, eq. 6-7), which covers the true value, wherever it lies in the
 *    set. It takes the width as superefficient or the ends as ordered by construction.
 *  - for the parameter, when the ends are estimated separately and may cross: Stoye (2009, section 3.3,
 * CI^3), the shortest interval that covers under the joint normal law of both ends, with the width taken as 0
 * where it is not clearly positive.
 *  - for the whole set: both ends moved out by the two-sided normal quantile (Bonferroni).
 */
#ifndef CW_BOUNDS_INTERVAL_H
#define CW_BOUNDS_INTERVAL_H

#include "../base/env.h"

/* An estimated set. An end that nothing limits is -INFINITY or INFINITY; its error counts as 0. */
typedef struct cw_ends {
    double lower, upper;
    double lower_se, upper_se; /* 0: known exactly; NaN: unknown, and so are the intervals */
    double correlation;        /* of the errors of both ends, in [-1, 1] */
} cw_ends;

typedef struct cw_interval {
    double lower, upper;
    int empty; /* lower > upper: at this level no value agrees with the data and the beliefs */
} cw_interval;

typedef struct cw_intervals {
    cw_interval parameter; /* Imbens-Manski */
    cw_interval separate;  /* Stoye */
    cw_interval set;
    double critical; /* Imbens and Manski's constant: between the one- and the two-sided normal quantile */
    int crossed;     /* lower > upper in the estimates themselves */
} cw_intervals;

/* `level` in (0.5, 1), e.g. 0.95; `n` is the (effective) number of rows: Stoye's width counts as 0 up to
 * sqrt(log n) standard errors (a sequence b_n as the paper asks: b_n -> 0, sqrt(n) b_n -> infinity). Fails
 * with CW_BAD_DATA for a negative error, a correlation outside [-1, 1] or a NaN end. Takes some milliseconds.
 */
cw_code cw_interval_find(cw_env *env, const cw_ends *ends, double level, double n,
                         cw_intervals *out) CW_CHECKED;

/* P(X <= h, Y <= k) of the standard bivariate normal law with correlation rho; absolute error below 1e-15 for
 * |rho| <= 0.99 or = 1, 1e-11 up to 0.999. NaN outside its domain. */
double cw_normal_pair(double h, double k, double rho);

/* A bound that is the largest (lower end) or smallest (upper end) of several estimated ones. The plain
 * maximum is biased inward (Chernozhukov, Lee & Rosen 2013); `limit` is not: it moves every candidate by the
 * Bonferroni quantile before taking the maximum, hence holds with probability `level` one-sided, whatever the
 * dependence, at some cost in width. */
typedef struct cw_intersection {
    double value;   /* the largest lower or smallest upper candidate */
    double se;      /* of the one chosen, as if it had been chosen beforehand */
    double limit;   /* one-sided confidence limit for the bound, honest about the choice */
    int32_t chosen; /* its index */
    double margin;  /* distance to the next one in standard errors of the larger se; INFINITY if alone */
} cw_intersection;

void cw_interval_intersect(int32_t count, const double *value, const double *se, int upper, double level,
                           cw_intersection *out);

#endif
