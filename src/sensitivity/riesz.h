/* Omitted-variable bias without a linear model: "Long story short" (Chernozhukov, Cinelli, Newey, Sharma &
 * Syrgkanis 2022, arXiv 2112.13398), for the partially linear and the interactive model.
 *
 * An effect is E[m(W, g)] = E[alpha g], g the regression and alpha its Riesz representer. Leaving out a cause
 * moves it by at most |rho| S sqrt(cf_y cf_d / (1 - cf_d)), S^2 = sigma2 nu2, with
 *   sigma2 = E(Y - g)^2, nu2 = E alpha^2,
 *   cf_y = share of the outcome's residual variation that the cause explains,
 *   cf_d = 1 - E alpha_short^2 / E alpha_long^2: how much variation of the representer the short model lacks,
 *   rho  = correlation of what both gain (1: the worst case)                             (Theorem 2, eq. 9).
 */
#ifndef CW_SENSITIVITY_RIESZ_H
#define CW_SENSITIVITY_RIESZ_H

#include "../base/accumulator.h"

/* Order of the three estimates below, and of their covariance. */
enum { CW_RIESZ_THETA, CW_RIESZ_SIGMA2, CW_RIESZ_NU2, CW_RIESZ };

typedef struct cw_riesz {
    double theta, sigma2, nu2;
    /* Covariance of the three estimates (of estimates, not of rows): packed upper triangle, (0,0) (0,1) (0,2)
     * (1,1) (1,2) (2,2). From rows, clusters or published numbers; NaN where unknown. */
    double covariance[6];
} cw_riesz;

typedef struct cw_riesz_scenario {
    double cf_y; /* in [0, 1] */
    double cf_d; /* in [0, 1) */
    double rho;  /* in [-1, 1]; only its size matters (some programs ask for its square) */
} cw_riesz_scenario;

typedef struct cw_riesz_bounds {
    double bias; /* the most the estimate can be off */
    double lower, upper;
    double lower_se, upper_se;
    double correlation; /* of both ends' errors */
    /* One-sided limits at `level` each: the interval between them covers the true effect with at least
     * `level` (the paper's choice); with (1 + level)/2 on either side it covers the whole set of effects. */
    double limit_lower, limit_upper;
    double set_lower, set_upper;
} cw_riesz_bounds;

/* Fails with CW_BAD_DATA for sigma2 <= 0 or nu2 <= 0 (clip the propensities alike in theta and nu2) or
 * numbers that are not finite. The functions below take an input that has passed. */
cw_code cw_riesz_check(cw_env *env, const cw_riesz *riesz) CW_CHECKED;
cw_code cw_riesz_check_scenario(cw_env *env, const cw_riesz_scenario *scenario) CW_CHECKED;

cw_riesz_bounds cw_riesz_bound(const cw_riesz *riesz, cw_riesz_scenario scenario, double level);

/* S and its standard error. */
double cw_riesz_scale(const cw_riesz *riesz, double *se);

/* Robustness value: the cf_y = cf_d that moves the estimate to `target` with this rho (closed form); 0 if it
 * is there. INFINITY with rho 0. */
double cw_riesz_robustness(const cw_riesz *riesz, double target, double rho);

/* The same for the one-sided limit at `level` that lies towards the target (closed form: the limit is a root
 * of a quadratic in the bias factor); 0 if it already touches it. */
double cw_riesz_robustness_level(const cw_riesz *riesz, double target, double rho, double level);

/* The cf_y with which this cf_d moves the estimate exactly to `target`; INFINITY when none does. */
double cw_riesz_break_even(const cw_riesz *riesz, double target, double rho, double cf_d);

/* What leaving out measured covariates did, as a benchmark for hidden ones: `full` and `reduced` from the
 * same folds with and without them. Where a gain is not positive there is nothing to compare: estimable 0,
 * NaN. */
typedef struct cw_riesz_gain {
    int estimable;
    double cf_y;   /* (sigma2_reduced - sigma2_full) / sigma2_full, at most 1 */
    double cf_d;   /* (nu2_full - nu2_reduced) / nu2_reduced, at most 1 */
    double rho;    /* change of theta over the most those gains allow, in [-1, 1] */
    double change; /* theta_reduced - theta_full */
} cw_riesz_gain;

cw_riesz_gain cw_riesz_benchmark(const cw_riesz *full, const cw_riesz *reduced);

/* From rows: nuisances stand beside the data as columns. */
typedef enum cw_riesz_form {
    CW_RIESZ_PARTIAL, /* partially linear: columns l = E[Y|X], m = E[D|X] */
    CW_RIESZ_ALL,     /* interactive, ATE: columns g0, g1, m (propensity) */
    CW_RIESZ_TREATED, /* ATT */
    CW_RIESZ_CONTROLS /* ATC */
} cw_riesz_form;

typedef struct cw_riesz_spec {
    cw_riesz_form form;
    int32_t outcome, treatment, propensity; /* indices in block.real; treatment 0 or 1 unless PARTIAL */
    int32_t control, treated; /* g0, g1; with PARTIAL `control` is l and `treated` is not used */
    double clip;              /* m is moved into [clip, 1 - clip]; 0: as it is; not with PARTIAL */
    double theta;  /* the estimate (PARTIAL uses it in the residual; the others recompute their own) */
    int frequency; /* 1: the weight is a count of equal rows */
} cw_riesz_spec;

typedef struct cw_riesz_rows {
    cw_accumulator accumulator; /* tree order, name "riesz"; its parameters are this struct */
    cw_riesz_spec spec;
} cw_riesz_rows;

/* Fails with CW_BAD_DATA for a clip outside [0, 1/2). */
cw_code cw_riesz_rows_init(cw_env *env, cw_riesz_rows *rows, const cw_riesz_spec *spec) CW_CHECKED;

/* Estimates and covariance (rows independent, sandwich). Fails with CW_BAD_DATA when rows had values that are
 * not finite or propensities of 0 or 1, no row counted, or sigma2 or nu2 is not positive. */
cw_code cw_riesz_rows_finish(cw_env *env, const cw_riesz_rows *rows, const void *state,
                             cw_riesz *out) CW_CHECKED;

/* A row's influence values on the three estimates, for sums by cluster: add weight * value by cluster; the
 * covariance is the sum of products of the totals over (sum of weights)^2. `state` is the finished pass.
 * Returns 0 for a row that does not count. */
int cw_riesz_rows_influence(const cw_riesz_rows *rows, const void *state, const cw_riesz *riesz,
                            const cw_block *block, int32_t row, double value[CW_RIESZ]);

#endif
