/* Effects from nuisance models by linear scores: theta = - sum w b / sum w a over all rows (Chernozhukov et
 * al. 2018, DML2). partially linear:  a = -(d - m)^2, b = (d - m)(y - l); IV-type: a = -(d - m) d, b = (d -
 * m)(y - l + theta0 m) interactive / AIPW (Robins, Rotnitzky & Zhao 1994; Hahn 1998), e the propensity: all
 * a = -1,       b = g1 - g0 + d (y - g1)/e - (1-d)(y - g0)/(1-e) treated   a = -d,       b = d (y - g0) -
 * (1-d) e/(1-e) (y - g0) controls  a = -(1-d),   b = d (1-e)/e (y - g1) + (1-d)(g1 - y) With nuisances fitted
 * on other folds it is DML, with nuisances of the whole sample AIPW: the formulas are the same. In a group
 * both a and b are 0 outside it.
 *
 *   create; a pass that feeds cw_effect_sums; cw_effect_solve; then influence values (influence.h) are ready.
 */
#ifndef CW_ESTIMATE_EFFECT_H
#define CW_ESTIMATE_EFFECT_H

#include "../learn/predictor.h"
#include "influence.h"
#include "linear.h"

typedef enum cw_score {
    CW_SCORE_PARTIAL,    /* partially linear, partialling out */
    CW_SCORE_PARTIAL_IV, /* partially linear, IV-type */
    CW_SCORE_DOUBLE,     /* interactive, doubly robust */
    CW_SCORE_REGRESSION  /* g1 - g0 averaged over the target, for comparison: influence values of a known g */
} cw_score;

typedef struct cw_estimand {
    cw_score score;
    cw_target target;     /* interactive scores only */
    int32_t group_column; /* index in block.real; -1: everyone */
    double group_value;   /* the group: rows where the column equals this */
} cw_estimand;

typedef struct cw_effect_spec {
    const char *name; /* of the accumulator; NULL: "effect" */
    int32_t outcome, treatment;
    double control, treated; /* interactive: rows with another treatment are left out, d = (t == treated);
                                partially linear: d = t, the effect of one unit */
    cw_weighting weighting;
    const cw_predictor *outcome_model[2]; /* g0, g1; partially linear: l in [0] alone. Borrowed. */
    const cw_predictor *treatment_model;  /* e or m. Borrowed. */
    double low, high;                     /* limits of propensities */
    int trim; /* 0: propensities are limited to [low, high] (clipping: still everyone's effect, more or less);
                 1: rows outside are left out (trimming: the effect of those inside) */
    double normalise[2]; /* 0: not. Else treated rows use e * [1], controls 1 - (1-e) * [0]: mean weights 1 */
    double theta0;       /* IV-type only */
    int32_t estimands;
    const cw_estimand *estimand; /* copied */
} cw_effect_spec;

typedef struct cw_effect cw_effect;

cw_code cw_effect_create(cw_env *env, const cw_effect_spec *spec, cw_effect **out) CW_CHECKED;
void cw_effect_destroy(cw_effect **effect);

const cw_accumulator *cw_effect_sums(const cw_effect *effect); /* tree */

typedef struct cw_effect_counts {
    int64_t rows, treated;  /* rows used; those with d = 1 */
    int64_t low, high;      /* propensities below and above the limits; left out where trimmed */
    int64_t bad;            /* rows whose prediction or outcome is not finite: left out */
    double weight;          /* sum of weights */
    double n;               /* what influence values are divided by: rows, or the sum of frequency weights */
    double e_min, e_max;    /* before the limits */
    double mean_inverse[2]; /* interactive: means of (1-d)/(1-e) and d/e after the limits: near 1 */
    double residual_square; /* mean squared residual of the outcome: own arm's g; y - l - theta (d - m) */
    double riesz_square;    /* mean of (d/e - (1-d)/(1-e))^2; 1 / mean (d - m)^2 (Chernozhukov, Cinelli,
                               Newey, Sharma & Syrgkanis 2022) */
} cw_effect_counts;

/* Solves from the final state of cw_effect_sums (any rank: it is the same everywhere). theta[k] is NaN where
 * sum w a is 0 (no rows, no variation). After this, influence values are ready. */
void cw_effect_solve(cw_effect *effect, const void *state, double *theta, cw_effect_counts *counts);

/* Instead of a pass of sums: theta[k], sum w a of each and n are known (from Gram matrices, cw_gram_partial;
 * from a checkpoint). Influence values are ready. */
void cw_effect_assume(cw_effect *effect, const double *theta, const double *sum_a, double n);

/* Rows of estimand k with a weight (its group). */
int64_t cw_effect_rows(const cw_effect *effect, const void *state, int32_t k);

/* Influence values, one column an estimand; frequency weights enter as their root, or whole where sums by
 * cluster are made (`by_cluster`). Lives as long as the effect. */
const cw_influence *cw_effect_influence(const cw_effect *effect, int by_cluster);

#endif
