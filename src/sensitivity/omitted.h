/* How strong a hidden cause would have to be: omitted-variable bias of a linear regression in partial R^2
 * (Cinelli & Hazlett 2020, "Making sense of sensitivity", JRSS-B 82; extreme robustness value: Cinelli &
 * Hazlett 2022).
 *
 * A hidden cause Z has two strengths: the share of the treatment's residual variation it explains (given the
 * covariates), and that of the outcome's (given covariates and treatment). Everything follows from estimate,
 * classical standard error and residual degrees of freedom: from rows (regression.h) or from print. */
#ifndef CW_SENSITIVITY_OMITTED_H
#define CW_SENSITIVITY_OMITTED_H

#include "../base/env.h"

typedef struct cw_omitted {
    double estimate;
    double se; /* classical: it measures the residual standard deviations, sd(y|t,x)/sd(t|x) = se sqrt(df) */
    double df; /* residual degrees of freedom, without absorbed levels */
    /* The error that the intervals use; NaN: the classical one. With a robust or clustered one robustness
     * values at a level are a heuristic (the bias is exact, the error's change with Z is taken as classical).
     */
    double robust_se;
} cw_omitted;

typedef struct cw_strength {
    double treatment; /* partial R^2 of Z with the treatment given covariates, in [0, 1) */
    double outcome;   /* partial R^2 of Z with the outcome given treatment and covariates, in [0, 1] */
} cw_strength;

/* Fails with CW_BAD_DATA unless estimate is finite, se > 0, df > 1 and robust_se NaN or > 0. The functions
 * below take a fit that has passed. */
cw_code cw_omitted_check(cw_env *env, const cw_omitted *fit) CW_CHECKED;
/* Fails unless both strengths are in their ranges. */
cw_code cw_omitted_check_strength(cw_env *env, const cw_strength *strength) CW_CHECKED;

/* t^2/(t^2 + df): the share of the outcome's residual variation that the treatment explains, which is also
 * the least share of the treatment's that Z must explain if it explains all of the outcome's (to reach 0). */
double cw_omitted_partial_r2(const cw_omitted *fit);

/* |bias| = se sqrt(df) sqrt(R2y R2d / (1 - R2d)) (eq. 14). */
double cw_omitted_bias(const cw_omitted *fit, cw_strength strength);

typedef struct cw_adjusted {
    double estimate, se, t;
    double lower, upper; /* two-sided, t quantile with df - 1: Z is one more regressor */
} cw_adjusted;

/* The estimate had Z been included, when leaving it out moved the estimate away from 0 (`raise` 0: the
 * estimate falls towards and past 0) or towards it (`raise` 1), with the error of eq. 15, t against `null`,
 * interval at `level`. */
cw_adjusted cw_omitted_adjust(const cw_omitted *fit, cw_strength strength, int raise, double null,
                              double level);

/* The share r with r / sqrt(1 - r) = f, f >= 0: what two equal strengths need for a bias of f. */
double cw_equal_share(double f);

/* Robustness value: the least share of both residual variations that Z must explain to bring the estimate to
 * `target` (alpha 1), or to where the interval at 1 - alpha touches it (alpha < 1); 0 if it already does. In
 * the paper's terms q = |estimate - target| / |estimate| (eq. 20-24). */
double cw_omitted_robustness(const cw_omitted *fit, double target, double alpha);

/* Extreme robustness value: the same for the treatment's share alone, Z explaining all the rest of the
 * outcome (the binding constraint is then the other). Never larger than the robustness value. */
double cw_omitted_extreme(const cw_omitted *fit, double target, double alpha);

/* The critical t that the original t statistic must exceed so that no Z up to this strength brings the
 * interval at 1 - alpha to 0 (weaker ones included). */
double cw_omitted_critical_t(const cw_omitted *fit, cw_strength strength, double alpha);

/* The outcome's share with which a Z of this share of the treatment brings the estimate exactly to `target`;
 * INFINITY when even all of it is not enough. */
double cw_omitted_break_even(const cw_omitted *fit, double target, double treatment);

/* Contours: estimate[i*columns + j] and t[...] (against `null`; each may be NULL) at treatment[i],
 * outcome[j]. The axes are not interchangeable: along treatment 0 the estimate stays and |t| rises. */
void cw_omitted_grid(const cw_omitted *fit, int raise, double null, int32_t rows, const double *treatment,
                     int32_t columns, const double *outcome, double *estimate, double *t);

/* A Z as strong as a measured covariate x_j: `observed` holds the partial R^2 of x_j with the treatment given
 * the other covariates and with the outcome given those and the treatment; Z is `kd` times as strong in
 * explaining the treatment and `ky` times in explaining the outcome (eq. 51-58). Returns 1, or 0 where no
 * such Z can exist (it would explain more than there is); *strength is then NaN. An outcome share that would
 * exceed 1 is 1. */
int cw_omitted_benchmark(cw_strength observed, double kd, double ky, cw_strength *strength);

/* How many times as strong as x_j (kd = ky = k) Z must be to bring the estimate to `target` (alpha 1) or the
 * interval at 1 - alpha to touch it: the least such k; INFINITY when no admissible Z does. */
double cw_omitted_multiple(const cw_omitted *fit, cw_strength observed, double target, double alpha);

#endif
