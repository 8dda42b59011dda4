/* Linear models straight from Gram matrices (linalg/gram.h): least squares, the ridge path, the risk on rows
 * that were held out, and all of it fold by fold from the Gram matrices of the folds.
 *
 * Packed matrices have order q, the constant first (cw_packed). Coefficients are vectors of q over the Gram's
 * own basis (shifted and scaled columns), 0 where a column is no predictor or was dropped; so one vector
 * works for prediction (learn/predictor.h) and for risk. */
#ifndef CW_LEARN_GRAMFIT_H
#define CW_LEARN_GRAMFIT_H

#include "../base/env.h"

/* complement[k] := the sum of all part[l], l != k, by prefix and suffix sums: 2 (parts - 2) additions a
 * number and no subtraction, so that nothing cancels where one fold dominates. Both are parts x size, apart
 * from each other. parts >= 2. */
void cw_complements(int32_t parts, int64_t size, const double *part, double *complement);

/* to := a + b over `size` numbers (arms into one, ...); to may be a or b. */
void cw_gram_add(int64_t size, const double *a, const double *b, double *to);

typedef struct cw_gram_fit {
    double weight;    /* sum of weights */
    int32_t rank;     /* columns kept, the constant included */
    double rss;       /* residual sum of squares on the rows of the Gram */
    double condition; /* of the kept columns scaled to unit length (cholesky.h) */
} cw_gram_fit;

/* Least squares of column `response` on the constant and `predictors` columns (indices in 1 .. q-1; later
 * dependent ones are dropped). `dropped`: a flag a predictor, or NULL. Fails with CW_BAD_DATA where no row
 * has weight. Time p^3 / 3. */
cw_code cw_gram_least_squares(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                              const int32_t *predictor, int32_t response, double *coefficient,
                              int32_t *dropped, cw_gram_fit *fit) CW_CHECKED;

typedef struct cw_ridge_fit {
    double lambda, edf, objective; /* degrees of freedom without the intercept; the minimum reached */
} cw_ridge_fit;

/* The ridge path: z = (x - mean) / population sd; minimises (1/2n) sum (y - mean - z b)^2 + lambda/2 sum b^2
 * with a free intercept, n the sum of weights. A column without variation gets 0. For each lambda
 * coefficient[l * q ..] and, where not NULL, standardised[l * predictors ..] = b. Fails with CW_BAD_DATA
 * where no row has weight. Time p^3 / 3 a lambda. */
cw_code cw_gram_ridge(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                      const int32_t *predictor, int32_t response, int32_t lambdas, const double *lambda,
                      double *coefficient, double *standardised, cw_ridge_fit *fit) CW_CHECKED;

/* Collinearity of the predictors: condition := largest over smallest singular value of the standardised
 * columns, inflation[i] (or NULL) := 1 / (1 - R^2) of predictor i on the others. Infinite where columns are
 * dependent. By Jacobi: for up to a few hundred columns. */
cw_code cw_gram_collinearity(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                             const int32_t *predictor, double *condition, double *inflation) CW_CHECKED;

/* Sum over the rows of a Gram of w (a - z'u)(b - z'v), a and b columns and u and v coefficients; with a = b
 * and u = v the squared error of a prediction, on whatever rows the Gram holds. */
double cw_gram_residual_product(int32_t q, const double *gram, int32_t a, const double *u, int32_t b,
                                const double *v);

/* Held-out residual products of a partially linear model, summed over the folds: part[k] is the Gram of fold
 * k, m + k q and l + k q the coefficients of treatment and outcome fitted without it. On the columns' own
 * scales
 * (`scale` as in cw_gram_spec, NULL: 1). theta = dy / dd, before any second pass over the rows. */
typedef struct cw_partial {
    double weight, dd, dy, yy;
} cw_partial;
cw_partial cw_gram_partial(int32_t folds, int32_t q, const double *part, const double *scale,
                           int32_t treatment, const double *m, int32_t outcome, const double *l);

/* The mean of column `response` as a coefficient vector: the null model. */
void cw_gram_mean(int32_t q, const double *gram, int32_t response, double *coefficient);

/* Coefficients on the raw columns: raw[0] the intercept, raw[j] of column j; shift and scale as in
 * cw_gram_spec, one less than q, NULL: 0 and 1. The response's own shift and scale are taken back too;
 * response 0: it was not shifted (a logistic model). */
void cw_gram_raw(int32_t q, const double *shift, const double *scale, int32_t response,
                 const double *coefficient, double *raw);

#endif
