/* What the parts of linear least squares share. Private to linear*.c.
 *
 * A row's design vector is z = (1, (x_j - shift_j) scale_j, ...); d is the same without the scales, which are
 * powers of two, so that going from one to the other changes no bit. Two forms:
 *   one fit (ADJUST):  columns 1, covariates, treatment - the treatment last, so that its dependence on the
 *                      covariates shows at its own pivot; no constant when a factor was absorbed;
 *   two fits (DIFFERENCE, INTERACT): fit 0 over control rows, fit 1 over treated ones, columns 1, covariates.
 * With effect = a linear function of the coefficients, c = its representer in the inverse: a row's influence
 * is w e c'd, e the residual. */
#ifndef CW_ESTIMATE_LINEAR_INSIDE_H
#define CW_ESTIMATE_LINEAR_INSIDE_H

#include "linear.h"

/* Scalars of the solution. */
enum {
    CW_LINEAR_ESTIMATE,
    CW_LINEAR_CONDITION,
    CW_LINEAR_RANK,       /* columns kept, absorbed levels included */
    CW_LINEAR_UNIT,       /* classical variance over sigma^2 */
    CW_LINEAR_TARGET,     /* sum of the weights of the target rows (two fits) */
    CW_LINEAR_RESIDUAL,   /* >= sum of w e^2 */
    CW_LINEAR_MEAN_BOUND, /* >= sum over rows of |covariates' part of the influence| */
    CW_LINEAR_IMBALANCE,  /* largest standardised difference of a covariate between the arms; NaN unknown */
    CW_LINEAR_SCALARS
};

/* One fit: k columns. */
typedef struct cw_linear_part {
    double *coefficient; /* k, for d */
    double *influence;   /* k, for d: c above */
    double *lower;       /* k (k+1)/2, for z: L = R', packed by rows, A = L L' */
    double *dropped;     /* k, 0 or 1 */
    double *square;      /* k: sum of w z_j^2 */
} cw_linear_part;

struct cw_linear {
    cw_env *env;
    cw_linear_spec spec; /* with its own copies of covariate and name; facts are not kept */
    int32_t *covariate;
    int32_t fits;          /* 1 or 2 */
    int32_t constant;      /* 1 if the design has one */
    int32_t columns;       /* of the design, without the constant */
    int32_t k;             /* columns + constant */
    int32_t *column;       /* index in block.real of each, then the outcome */
    double *shift, *scale; /* of each, then the outcome's */
    cw_gram *gram;
    double *solution; /* scalars, then the parts; filled by cw_linear_use */
    cw_linear_part part[2];
    double *value; /* coefficients for the caller, on the original scale */
    int32_t *dropped;
    cw_member score_member[3], meat_member[2];
    size_t score_offset[3], meat_offset[2];
    cw_accumulator scores, meat;
};

static inline double cw_linear_scalar(const cw_linear *linear, int index) {
    return linear->solution[index];
}

/* Points `part` into a solution. */
void cw_linear_parts(const cw_linear *linear, double *solution, cw_linear_part *part);

/* The arm of a row that is used: 0 or 1 (ADJUST: 0 always); -1 if it is not used. */
static inline int32_t cw_linear_arm(const cw_linear *linear, double treatment, double weight) {
    if (!(weight > 0)) return -1;
    if (linear->fits == 1) return 0;
    return treatment == linear->spec.treated ? 1 : treatment == linear->spec.control ? 0 : -1;
}

/* Whether the covariates' means over this arm's rows are the target. */
static inline int cw_linear_targeted(const cw_linear *linear, int32_t arm) {
    return linear->fits == 2 &&
           (linear->spec.target == CW_TARGET_ALL || (linear->spec.target == CW_TARGET_TREATED) == (arm == 1));
}

void cw_linear_describe_scores(cw_linear *linear);
void cw_linear_describe_meat(cw_linear *linear);

/* Sums of step 2, in the order of the state's first member. */
enum {
    CW_SCORE_WEIGHT,
    CW_SCORE_WEIGHT_SQUARE,
    CW_SCORE_RSS,
    CW_SCORE_RSS_CONTROL, /* the arms' parts, and so below: by the contrast's values, in every form */
    CW_SCORE_RSS_TREATED,
    CW_SCORE_WEIGHT_CONTROL,
    CW_SCORE_WEIGHT_TREATED,
    CW_SCORE_OUTCOME_CONTROL, /* w (y - shift) */
    CW_SCORE_OUTCOME_TREATED,
    CW_SCORE_HC0,
    CW_SCORE_HC2,
    CW_SCORE_HC3,
    CW_SCORE_FIXED,
    CW_SCORES
};
enum { CW_SCORE_ROWS, CW_SCORE_ROWS_CONTROL, CW_SCORE_ROWS_TREATED, CW_SCORE_LEVERAGE_ONE, CW_SCORE_COUNTS };
/* Rows with less than this left of their leverage determine their own fit. */
#define CW_LEVERAGE_LEFT 1e-9

const double *cw_linear_score_sums(const cw_linear *linear, const void *state);
const int64_t *cw_linear_score_counts(const cw_linear *linear, const void *state);
double cw_linear_score_leverage(const cw_linear *linear, const void *state);

/* The cluster variances' state. */
typedef struct cw_linear_meat_sums {
    double cr0, cr2;
    int64_t largest, eigenvalue_one;
} cw_linear_meat_sums;
cw_linear_meat_sums cw_linear_meat_read(const cw_linear *linear, const void *state);

#endif
