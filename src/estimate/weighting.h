/* Inverse-probability weighting with a logistic propensity: Horvitz-Thompson, and Hajek (ratio) weights for
 * four targets. Weights of treated and control rows: ATE 1/e and 1/(1-e); ATT 1 and e/(1-e); ATC (1-e)/e and
 * 1; ATO 1-e and e (Li, Morgan & Zaslavsky 2018).
 *
 * Errors come in two kinds: fixed, which takes the propensity as known, and stacked, which accounts for its
 * estimation through the score equations of the logit (M-estimation; Lunceford & Davidian 2004). Stacked ones
 * exist only where no propensity was limited.
 *
 *   create; a pass that feeds cw_weighting_sums; cw_weighting_solve; then influence values are ready. */
#ifndef CW_ESTIMATE_WEIGHTING_H
#define CW_ESTIMATE_WEIGHTING_H

#include "../learn/predictor.h"
#include "influence.h"
#include "linear.h"

typedef enum cw_weighted {
    CW_WEIGHTED_HT,
    CW_WEIGHTED_ATE,
    CW_WEIGHTED_ATT,
    CW_WEIGHTED_ATC,
    CW_WEIGHTED_ATO,
    CW_WEIGHTED
} cw_weighted;

typedef struct cw_weighting_spec {
    const char *name; /* of the accumulator; NULL: "weighting" */
    int32_t outcome, treatment;
    double outcome_shift; /* a number near the outcome's mean: for accuracy alone */
    double control, treated;
    cw_weighting weighting;
    const cw_predictor *propensity; /* logistic, one model; borrowed */
    double low, high;               /* limits of propensities */
    int trim;                       /* as in cw_effect_spec */
} cw_weighting_spec;

typedef struct cw_ipw cw_ipw;

cw_code cw_ipw_create(cw_env *env, const cw_weighting_spec *spec, cw_ipw **out) CW_CHECKED;
void cw_ipw_destroy(cw_ipw **ipw);
const cw_accumulator *cw_ipw_sums(const cw_ipw *ipw); /* tree */

typedef struct cw_ipw_arm {
    double mean[CW_WEIGHTED];      /* weighted mean of the outcome (HT: its share of the sum) */
    double effective[CW_WEIGHTED]; /* (sum of weights)^2 / sum of squared weights */
    double largest[CW_WEIGHTED];   /* share of the largest weight */
    double mean_weight;            /* mean over all rows of d/e or (1-d)/(1-e): near 1 */
    int64_t rows;
} cw_ipw_arm;

typedef struct cw_ipw_result {
    double estimate[CW_WEIGHTED];
    double ht_centred; /* Horvitz-Thompson of the outcome less the middle of the Hajek means: unlike its own
                          estimate it moves with the outcome's origin as the others do, so it can be compared
                          with them */
    cw_ipw_arm arm[2];
    int64_t rows, low, high, bad; /* used; limited from below and above; left out because not finite */
    int stacked;                  /* whether stacked errors exist */
    double n, e_min, e_max;       /* influence divisor; range before the limits */
} cw_ipw_result;

/* `inverse`: packed inverse information of the propensity over the same rows (cw_logistic_fit), NULL: none.
 * The influence values are ready afterwards. */
cw_code cw_ipw_solve(cw_ipw *ipw, const void *state, const double *inverse, cw_ipw_result *result) CW_CHECKED;

/* 2 * CW_WEIGHTED columns: errors stacked (equal to fixed where they do not exist), then fixed. `by_cluster`
 * as in cw_effect_influence. */
const cw_influence *cw_ipw_influence(const cw_ipw *ipw, int by_cluster);

/* The weight of a row under a target, without sampling weights. */
double cw_ipw_weight(cw_weighted target, int treated, double e);

#endif
