/* One regression, seen from its Gram matrix: the effect, what every measured covariate explains, and what the
 * effect would have been without it. One sweep of the matrix gives all of it; no covariate is refitted. */
#ifndef CW_SENSITIVITY_REGRESSION_H
#define CW_SENSITIVITY_REGRESSION_H

#include "omitted.h"

typedef struct cw_regression_spec {
    int32_t order;        /* of the Gram matrix */
    const double *packed; /* upper triangle by rows (cw_packed in linalg/gram.h) of columns shifted near their
 means: a column whose mean exceeds its spread a million times counts as constant; borrowed during create */
    int32_t constant;     /* its index; -1: none (columns are demeaned within absorbed levels) */
    int32_t treatment, outcome;
    int32_t covariates;
    const int32_t *covariate; /* indices; a covariate that depends on earlier ones is dropped */
    const double *scale;      /* `order` factors that columns were multiplied by in the matrix; NULL: 1 */
    double rows;              /* that degrees of freedom count: rows used, or the sum of frequency weights */
    double absorbed; /* degrees of freedom taken by absorbed factors: L for L levels, one less where the
                        matrix has a constant */
} cw_regression_spec;

typedef struct cw_regression cw_regression;

/* Fails with CW_BAD_DATA where there is nothing to judge: the treatment or the outcome does not vary or
 * follows exactly from the other columns, fewer than two residual degrees of freedom, numbers that are not
 * finite. */
cw_code cw_regression_create(cw_env *env, const cw_regression_spec *spec, cw_regression **out) CW_CHECKED;
void cw_regression_destroy(cw_regression **regression);

/* The fit, with robust_se NaN. */
cw_omitted cw_regression_fit(const cw_regression *regression);

typedef struct cw_covariate_strength {
    int dropped;          /* depends on earlier covariates: nothing of its own to explain, all else NaN */
    cw_strength observed; /* partial R^2 with treatment and outcome, as cw_omitted_benchmark takes them */
    double without;       /* the estimate when this covariate is left out */
    double t_treatment, t_outcome; /* its classical t statistics in both regressions */
} cw_covariate_strength;

/* Of covariate k in the spec's list. */
cw_covariate_strength cw_regression_covariate(const cw_regression *regression, int32_t k);

/* Of several covariates together, e.g. the columns of one category (Wald form, W/(W + df)); k in the spec's
 * list, dropped ones are left out. t statistics are NaN. */
cw_code cw_regression_group(const cw_regression *regression, int32_t members, const int32_t *k,
                            cw_covariate_strength *out) CW_CHECKED;

/* Residual standard deviations sd(y|t,x), sd(t|x), divisor df, and the outcome's own, divisor rows - 1
 * (within absorbed levels); for scales such as standardised mean differences. */
double cw_regression_sd_outcome(const cw_regression *regression);
double cw_regression_sd_treatment(const cw_regression *regression);
double cw_regression_sd_total(const cw_regression *regression);

#endif
