/* Ridge regression for cross-fitting, from the Gram matrices of the folds alone: the path on every
 * complement, and for each fold the penalty that its complement chooses by cross-validation among the other
 * folds. So the held-out fold takes no part in choosing, and no row is read again. */
#ifndef CW_LEARN_RIDGEFOLD_H
#define CW_LEARN_RIDGEFOLD_H

#include "gramfit.h"

/* part[k]: the Gram of fold k (folds >= 3; packed, order q). coefficient[k q ..]: fitted without fold k under
 * lambda[chosen[k]]. Risks are mean squared errors on the folds held out, in the Gram's units: risk[l] under
 * lambda[l] throughout (NULL: not wanted), *chosen_risk of the coefficients returned, *null_risk of the
 * complements' means. Ties go to the larger penalty. Fails with CW_BAD_DATA where some folds are too empty to
 * fit. Time folds (folds + 1) / 2 paths of p^3 / 3 a lambda. */
cw_code cw_gram_ridge_folds(cw_env *env, int32_t folds, int32_t q, const double *part, int32_t predictors,
                            const int32_t *predictor, int32_t response, int32_t lambdas, const double *lambda,
                            double *coefficient, int32_t *chosen, double *risk, double *chosen_risk,
                            double *null_risk) CW_CHECKED;

/* A path of penalties from `most` down to most / 2^(lambdas - 1), each half the one before: for standardised
 * columns 2^4 over 20 steps covers what is useful. */
void cw_ridge_path(double most, int32_t lambdas, double *lambda);

#endif
