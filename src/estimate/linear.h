/* Least squares for an effect: difference in means (y on 1, t), linear adjustment (y on 1, t, x) and Lin's
 * (2013) interacted form, with classical, Welch, HC0-HC3 (MacKinnon & White 1985) and cluster-robust CR0-CR2
 * (Liang & Zeger 1986; Bell & McCaffrey 2002) errors, sampling, frequency or precision weights, and absorbed
 * factors.
 *
 * The work has three steps that a caller drives: step 1 is a pass that feeds cw_linear_gram; cw_linear_fit
 * solves (on one rank, its packed result is the same everywhere); step 2 is a pass that feeds
 * cw_linear_scores and, with clusters, cw_linear_cluster_row into sums by key; cw_linear_finish turns sums
 * into numbers. All of it is plain mathematics. */
#ifndef CW_ESTIMATE_LINEAR_H
#define CW_ESTIMATE_LINEAR_H

#include "../base/accumulator.h"
#include "../base/keysum.h"
#include "../linalg/gram.h"

typedef enum cw_linear_form { CW_FORM_DIFFERENCE, CW_FORM_ADJUST, CW_FORM_INTERACT } cw_linear_form;
typedef enum cw_target { CW_TARGET_ALL, CW_TARGET_TREATED, CW_TARGET_CONTROLS } cw_target;
typedef enum cw_weighting { CW_UNWEIGHTED, CW_SAMPLING, CW_FREQUENCY, CW_PRECISION } cw_weighting;

/* Per-column facts of the rows used, from an exact pass (cw_profile): bounds for fixed point, shifts and
 * scales. */
typedef struct cw_column_facts {
    double low, high; /* smallest and largest value among included rows */
    double shift;     /* a fixed number near its mean (e.g. the mean of the first block) */
} cw_column_facts;

typedef struct cw_linear_spec {
    cw_linear_form form;
    cw_target target;           /* interacted form only */
    int32_t outcome, treatment; /* indices in block.real */
    int32_t covariates;
    const int32_t *covariate; /* indices in block.real; order as given: dependence drops later ones */
    double control,
        treated; /* the contrast: treatment values compared. DIFFERENCE and INTERACT use only rows with
                    one of them; ADJUST uses all rows and multiplies the slope by treated - control */
    cw_weighting weighting;  /* what block.weight means when it is neither 0 nor 1 */
    int leverage;            /* 1: HC2 and HC3 are wanted (q^2 flops a row) */
    int absorbed;            /* number of absorbed factors: columns are already demeaned; ADJUST only */
    int64_t absorbed_levels; /* degrees of freedom they take (one factor: L; two: L1 + L2 - 1) */
    int32_t level_share; /* with one factor: index in block.real of 1/(size of the row's level); else -1 */
    int clusters;        /* 0, 1: sums by cluster will be given */
    int cr2;             /* 1: CR2 is wanted, so cluster sums carry Gram matrices */
    const cw_column_facts *facts; /* one a column of block.real */
    int64_t rows;                 /* all rows of the table (bounds fixed point) */
    const char *const *name; /* of the columns of block.real, for messages; NULL: their numbers. Borrowed */
} cw_linear_spec;

typedef struct cw_linear cw_linear;

cw_code cw_linear_create(cw_env *env, const cw_linear_spec *spec, cw_linear **out) CW_CHECKED;
void cw_linear_destroy(cw_linear **linear);

/* Step 1. */
const cw_accumulator *cw_linear_gram(const cw_linear *linear);

/* For readers of the final state of step 1, without absorbed factors: the Gram matrix of the columns
 * constant, covariates in the spec's order, treatment, outcome (order: covariates + 3; columns shifted near
 * their means). `packed` gets its upper triangle (cw_packed), `scale` the factors the columns were multiplied
 * by; room for order (order + 1) / 2 and order doubles. ADJUST only. */
int32_t cw_linear_order(const cw_linear *linear);
void cw_linear_products(const cw_linear *linear, const void *gram_state, double *packed, double *scale);

/* Solves from the final state of step 1. The solution is written to `solution` (cw_linear_solution_bytes, no
 * pointers, to be broadcast and handed to cw_linear_use on every rank). Fails with CW_BAD_DATA where there is
 * nothing to compare (an arm without rows, no variation in the treatment, treatment dependent on covariates,
 * fewer rows than columns). */
size_t cw_linear_solution_bytes(const cw_linear *linear);
cw_code cw_linear_fit(cw_linear *linear, const void *gram_state, void *solution) CW_CHECKED;
void cw_linear_use(cw_linear *linear, const void *solution);

/* Step 2: sums over rows of squared influence values and residuals. */
const cw_accumulator *cw_linear_scores(const cw_linear *linear);

/* With clusters: the width and quanta of the sums by cluster, and a row's contribution (value: width
 * doubles); returns 0 when the row is not used. */
int32_t cw_linear_cluster_width(const cw_linear *linear);
void cw_linear_cluster_quanta(const cw_linear *linear, int32_t *quantum);
int cw_linear_cluster_row(const cw_linear *linear, const cw_block *block, int32_t row, double *value);

/* The accumulator over keys (mpi/exchange.h, cw_pass_keys) that makes the cluster variances: real column 0 is
 * the count, 1.. the sums. */
const cw_accumulator *cw_linear_meat(const cw_linear *linear);

typedef struct cw_linear_result {
    double estimate;
    /* standard errors; NaN where not asked for or not defined: HC2 and HC3 where a row has leverage one or
       two factors were absorbed; CR with fewer than two clusters; CR2 where a cluster alone determines a
       coefficient (an eigenvalue of its hat matrix is one) or a factor was absorbed; Welch with weights,
       clusters or covariates */
    double classical, welch, hc[4], cr[3];
    double classical_df, welch_df;
    double
        fixed_covariates; /* INTERACT: HC2-style error that takes the covariates' means as known; else NaN */
    int64_t n, n_treated,
        n_control; /* rows with weight > 0 that were used; arms as counted by the contrast */
    double weight_sum, weight_square_sum;
    double mean_treated,
        mean_control; /* weighted outcome means of the arms; NaN with ADJUST and no such rows */
    double rank, sigma2, rss, condition;
    double max_leverage; /* NaN if leverage was not asked for */
    double imbalance;    /* the largest difference of a covariate's means between treated and control, in its
                            standard    deviations within the arms (Imbens & Rubin 2015, 14.2; ADJUST: by its
                            regression on the treatment);    NaN without covariates or with absorbed factors */
    int64_t clusters;
    double max_cluster_share; /* largest cluster's share of the rows */
} cw_linear_result;

/* `scores_state` of step 2; `meat_state` and `clusters` are NULL and 0 without clusters. */
void cw_linear_finish(const cw_linear *linear, const void *scores_state, const void *meat_state,
                      int64_t clusters, cw_linear_result *result);

/* Coefficients (constant, treatment, covariates in order; INTERACT: of the treated arm, then of the control
 * arm without a treatment slot), 0 where dropped, and whether each was dropped. Valid after cw_linear_use. */
int32_t cw_linear_coefficients(const cw_linear *linear, const double **value, const int32_t **dropped);

#endif
