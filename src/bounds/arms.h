/* Moments of the outcome by treatment level: all that the bounds of response.h need from the rows. One tree
 * pass gives them for the outcome and, for P(Y > c), for its indicators at any number of thresholds. */
#ifndef CW_BOUNDS_ARMS_H
#define CW_BOUNDS_ARMS_H

#include "../base/accumulator.h"

/* One treatment level. Sums over its rows, w the weight and m the weighted mean; unweighted w = 1. With them
 * the linearised (sandwich) variance of any function of shares and means is exact, for sampling weights too.
 */
typedef struct cw_arm {
    double weight; /* sum of w */
    double mean;   /* m */
    double square; /* sum of w^2 (frequency weights: of w, as of w equal rows) */
    double first;  /* sum of w^2 (y - m): 0 unless weights vary */
    double second; /* sum of w^2 (y - m)^2; NaN: unknown, and so are the errors */
} cw_arm;

/* An arm from published numbers: its share of `rows` rows, its mean and its standard deviation (divisor n;
 * NaN: not known). */
cw_arm cw_arm_published(double rows, double share, double mean, double sd);

typedef struct cw_arms_spec {
    int32_t outcome, treatment; /* indices in block.real */
    int32_t levels;
    const double *level; /* treatment values; rows with another value are counted apart */
    int32_t thresholds;
    const double *threshold; /* finite */
    double shift;            /* a fixed number near the outcome's mean */
    int frequency;           /* 1: the weight is a count of equal rows */
} cw_arms_spec;

typedef struct cw_arms cw_arms;

/* Checks and copies the spec. */
cw_code cw_arms_create(cw_env *env, const cw_arms_spec *spec, cw_arms **out) CW_CHECKED;
void cw_arms_destroy(cw_arms **arms);
const cw_accumulator *cw_arms_accumulator(const cw_arms *arms); /* tree order, name "arms" */

/* The arms (one a level, in the spec's order) of outcome `which`: 0 is the outcome, k >= 1 the indicator of
 * outcome > threshold[k-1]. A level without rows has weight 0 and mean NaN. */
void cw_arms_get(const cw_arms *arms, const void *state, int32_t which, cw_arm *arm);

/* Rows with weight > 0: of level k; with another treatment value (k = levels); with an outcome, treatment or
 * weight that is not finite, left out of the sums (k = levels + 1). */
int64_t cw_arms_rows(const cw_arms *arms, const void *state, int32_t k);

/* Smallest and largest outcome among the rows of the levels (INFINITY, -INFINITY if none), to be held against
 * a stated range. */
double cw_arms_low(const cw_arms *arms, const void *state);
double cw_arms_high(const cw_arms *arms, const void *state);

/* Fails with CW_BAD_DATA when an outcome lies outside the stated range. */
cw_code cw_arms_check_range(cw_env *env, const cw_arms *arms, const void *state, double low,
                            double high) CW_CHECKED;

#endif
