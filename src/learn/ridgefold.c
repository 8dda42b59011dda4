#include "ridgefold.h"

#include <math.h>
#include <string.h>

#include "../linalg/gram.h"

typedef struct crossing {
    cw_env *env;
    int32_t folds, q, predictors, response, lambdas;
    const double *part, *lambda;
    const int32_t *predictor;
    int64_t size;
    double *sum, *path; /* one Gram; lambdas x q coefficients */
    double *inner;      /* folds x lambdas: errors on the folds beside k of models that saw neither */
    cw_ridge_fit *fit;
} crossing;

/* The path on all folds but a and b (b = a: but one). */
static cw_code fit_without(crossing *c, int32_t a, int32_t b) {
    memset(c->sum, 0, (size_t)c->size * sizeof *c->sum);
    for (int32_t k = 0; k < c->folds; k++)
        if (k != a && k != b) cw_gram_add(c->size, c->sum, c->part + k * c->size, c->sum);
    return cw_gram_ridge(c->env, c->q, c->sum, c->predictors, c->predictor, c->response, c->lambdas,
                         c->lambda, c->path, NULL, c->fit);
}

static double error_on(const crossing *c, int32_t fold, const double *coefficient) {
    return cw_gram_residual_product(c->q, c->part + fold * c->size, c->response, coefficient, c->response,
                                    coefficient);
}

/* Each pair of folds is left out once and judged on both: for a's choice on b, for b's on a. */
static cw_code inner_errors(crossing *c) {
    memset(c->inner, 0, (size_t)c->folds * (size_t)c->lambdas * sizeof *c->inner);
    for (int32_t a = 0; a < c->folds; a++)
        for (int32_t b = a + 1; b < c->folds; b++) {
            CW_TRY(fit_without(c, a, b));
            for (int32_t l = 0; l < c->lambdas; l++) {
                const double *coefficient = c->path + (int64_t)l * c->q;
                c->inner[a * c->lambdas + l] += error_on(c, b, coefficient);
                c->inner[b * c->lambdas + l] += error_on(c, a, coefficient);
            }
        }
    return CW_OK;
}

static int32_t best_of(const crossing *c, int32_t fold) {
    const double *error = c->inner + (int64_t)fold * c->lambdas;
    int32_t best = 0;
    for (int32_t l = 1; l < c->lambdas; l++)
        if (error[l] < error[best] || (error[l] == error[best] && c->lambda[l] > c->lambda[best])) best = l;
    return best;
}

static cw_code cross(crossing *c, double *coefficient, int32_t *chosen, double *risk, double *chosen_risk,
                     double *null_risk) {
    double weight = 0;
    *chosen_risk = *null_risk = 0;
    if (risk) memset(risk, 0, (size_t)c->lambdas * sizeof *risk);
    CW_TRY(inner_errors(c));
    for (int32_t k = 0; k < c->folds; k++) {
        double *own = coefficient + (int64_t)k * c->q;
        CW_TRY(fit_without(c, k, k));
        cw_gram_mean(c->q, c->sum, c->response, own);
        *null_risk += error_on(c, k, own);
        chosen[k] = best_of(c, k);
        memcpy(own, c->path + (int64_t)chosen[k] * c->q, (size_t)c->q * sizeof *own);
        *chosen_risk += error_on(c, k, own);
        for (int32_t l = 0; risk && l < c->lambdas; l++)
            risk[l] += error_on(c, k, c->path + (int64_t)l * c->q);
        weight += c->part[k * c->size];
    }
    *chosen_risk /= weight;
    *null_risk /= weight;
    for (int32_t l = 0; risk && l < c->lambdas; l++) risk[l] /= weight;
    return CW_OK;
}

cw_code cw_gram_ridge_folds(cw_env *env, int32_t folds, int32_t q, const double *part, int32_t predictors,
                            const int32_t *predictor, int32_t response, int32_t lambdas, const double *lambda,
                            double *coefficient, int32_t *chosen, double *risk, double *chosen_risk,
                            double *null_risk) {
    if (folds < 3)
        return cw_fail(env, CW_BAD_JOB, NULL, "set run.folds to 3 or more",
                       "%d folds cannot choose a ridge penalty", folds);
    if (lambdas < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "a ridge path of %d penalties", lambdas);
    crossing c = {.env = env,
                  .folds = folds,
                  .q = q,
                  .predictors = predictors,
                  .response = response,
                  .lambdas = lambdas,
                  .part = part,
                  .lambda = lambda,
                  .predictor = predictor,
                  .size = (int64_t)q * (q + 1) / 2};
    cw_code code;
    size_t many = (size_t)lambdas;
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)c.size, sizeof *c.sum, &c.sum), done);
    CW_TRY_GOTO(code, cw_alloc(env, many * (size_t)q, sizeof *c.path, &c.path), done);
    CW_TRY_GOTO(code, cw_alloc(env, many * (size_t)folds, sizeof *c.inner, &c.inner), done);
    CW_TRY_GOTO(code, cw_alloc(env, many, sizeof *c.fit, &c.fit), done);
    code = cross(&c, coefficient, chosen, risk, chosen_risk, null_risk);
done:
    cw_free(env, &c.sum);
    cw_free(env, &c.path);
    cw_free(env, &c.inner);
    cw_free(env, &c.fit);
    return code;
}

void cw_ridge_path(double most, int32_t lambdas, double *lambda) {
    for (int32_t l = 0; l < lambdas; l++) lambda[l] = ldexp(most, -l);
}
