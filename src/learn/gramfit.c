#include "gramfit.h"

#include <math.h>
#include <string.h>

#include "../linalg/cholesky.h"
#include "../linalg/gram.h"

void cw_complements(int32_t parts, int64_t size, const double *part, double *complement) {
    /* Suffix sums first, from the back: complement[k] = part[k+1] + ... ; then prefixes join from the front.
     */
    double *last = complement + (parts - 1) * size;
    memset(last, 0, (size_t)size * sizeof *last);
    for (int32_t k = parts - 2; k >= 0; k--)
        cw_gram_add(size, part + (k + 1) * size, complement + (k + 1) * size, complement + k * size);
    /* The last complement is the whole prefix: it serves as the running prefix until it is complete. */
    for (int32_t k = 0; k < parts - 1; k++) {
        if (k > 0) cw_gram_add(size, last, complement + k * size, complement + k * size);
        cw_gram_add(size, last, part + k * size, last);
    }
}

void cw_gram_add(int64_t size, const double *a, const double *b, double *to) {
    for (int64_t i = 0; i < size; i++) to[i] = a[i] + b[i];
}

static double at(const double *gram, int32_t q, int32_t i, int32_t j) {
    return i <= j ? gram[cw_packed(q, i, j)] : gram[cw_packed(q, j, i)];
}

static cw_code check_weight(cw_env *env, const double *gram) {
    if (gram[0] > 0) return CW_OK;
    return cw_fail(env, CW_BAD_DATA, NULL, "use fewer folds or other rows",
                   "no row is left to fit a model on");
}

cw_code cw_gram_least_squares(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                              const int32_t *predictor, int32_t response, double *coefficient,
                              int32_t *dropped, cw_gram_fit *fit) {
    CW_TRY(check_weight(env, gram));
    int32_t m = predictors + 1;
    double *a = NULL, *x = NULL;
    cw_cholesky *factor = NULL;
    cw_code code;
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)m * ((size_t)m + 1) / 2, sizeof *a, &a), done);
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)m, sizeof *x, &x), done);
    for (int32_t i = 0; i < m; i++) {
        int32_t from = i ? predictor[i - 1] : 0;
        x[i] = at(gram, q, from, response);
        for (int32_t j = i; j < m; j++) a[cw_packed(m, i, j)] = at(gram, q, from, j ? predictor[j - 1] : 0);
    }
    CW_TRY_GOTO(code, cw_cholesky_factor(env, m, a, &factor), done);
    memset(coefficient, 0, (size_t)q * sizeof *coefficient);
    cw_cholesky_solve(factor, x);
    for (int32_t i = 0; i < m; i++) {
        coefficient[i ? predictor[i - 1] : 0] = x[i];
        if (i > 0 && dropped) dropped[i - 1] = factor->dropped[i];
    }
    fit->weight = gram[0];
    fit->rank = factor->rank;
    fit->condition = factor->condition;
    fit->rss = fmax(cw_gram_residual_product(q, gram, response, coefficient, response, coefficient), 0);
done:
    cw_cholesky_destroy(&factor);
    cw_free(env, &a);
    cw_free(env, &x);
    return code;
}

/* Correlations of the predictors (packed, 0 on the diagonal without variation), their covariances with the
 * response in units of sd, and sds. */
typedef struct standardised_gram {
    double *correlation, *moment, *deviation;
    double variance, mean; /* of the response */
} standardised_gram;

static void standardise(int32_t q, const double *gram, int32_t p, const int32_t *predictor, int32_t response,
                        standardised_gram *out) {
    double n = gram[0], my = at(gram, q, 0, response) / n;
    out->mean = my;
    out->variance = fmax(at(gram, q, response, response) / n - my * my, 0);
    for (int32_t i = 0; i < p; i++) {
        int32_t a = predictor[i];
        double m = at(gram, q, 0, a) / n, second = at(gram, q, a, a) / n, v = second - m * m;
        out->deviation[i] = v > CW_RANK_TOLERANCE * second ? sqrt(v) : 0;
    }
    for (int32_t i = 0; i < p; i++) {
        int32_t a = predictor[i];
        double di = out->deviation[i], mi = at(gram, q, 0, a) / n;
        out->moment[i] = di > 0 ? (at(gram, q, a, response) / n - mi * my) / di : 0;
        out->correlation[cw_packed(p, i, i)] = di > 0;
        for (int32_t j = i + 1; j < p; j++) {
            double dj = out->deviation[j], mj = at(gram, q, 0, predictor[j]) / n;
            double c = at(gram, q, a, predictor[j]) / n - mi * mj;
            out->correlation[cw_packed(p, i, j)] = di > 0 && dj > 0 ? c / (di * dj) : 0;
        }
    }
}

/* One point of the path: (R + lambda I) b = r. `a`: workspace, packed. */
static cw_code ridge_point(cw_env *env, int32_t p, const standardised_gram *s, double lambda, double *a,
                           double *b, cw_ridge_fit *fit) {
    cw_cholesky *factor = NULL;
    memcpy(a, s->correlation, (size_t)p * ((size_t)p + 1) / 2 * sizeof *a);
    for (int32_t i = 0; i < p; i++)
        if (s->deviation[i] > 0) a[cw_packed(p, i, i)] += lambda;
    CW_TRY(cw_cholesky_factor(env, p, a, &factor));
    memcpy(b, s->moment, (size_t)p * sizeof *b);
    cw_cholesky_solve(factor, b);
    cw_cholesky_inverse(factor, a);
    double trace = 0, fitted = 0;
    for (int32_t i = 0; i < p; i++) {
        trace += a[cw_packed(p, i, i)];
        fitted += b[i] * s->moment[i];
    }
    *fit = (cw_ridge_fit){lambda, factor->rank - lambda * trace, 0.5 * (s->variance - fitted)};
    cw_cholesky_destroy(&factor);
    return CW_OK;
}

static cw_code ridge_path(cw_env *env, int32_t q, const double *gram, int32_t p, const int32_t *predictor,
                          int32_t lambdas, const double *lambda, const standardised_gram *s, double *work,
                          double *coefficient, double *standardised, cw_ridge_fit *fit) {
    double *b = work, *a = work + p;
    for (int32_t l = 0; l < lambdas; l++) {
        double *to = coefficient + (int64_t)l * q, intercept = s->mean;
        CW_TRY(ridge_point(env, p, s, lambda[l], a, b, &fit[l]));
        memset(to, 0, (size_t)q * sizeof *to);
        for (int32_t i = 0; i < p; i++) {
            double slope = s->deviation[i] > 0 ? b[i] / s->deviation[i] : 0;
            to[predictor[i]] = slope;
            intercept -= slope * (at(gram, q, 0, predictor[i]) / gram[0]);
            if (standardised) standardised[(int64_t)l * p + i] = s->deviation[i] > 0 ? b[i] : 0;
        }
        to[0] = intercept;
    }
    return CW_OK;
}

cw_code cw_gram_ridge(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                      const int32_t *predictor, int32_t response, int32_t lambdas, const double *lambda,
                      double *coefficient, double *standardised, cw_ridge_fit *fit) {
    CW_TRY(check_weight(env, gram));
    for (int32_t l = 0; l < lambdas; l++)
        if (!(lambda[l] >= 0) || !isfinite(lambda[l]))
            return cw_fail(env, CW_BAD_JOB, NULL, "give penalties of 0 or more",
                           "a ridge penalty is negative");
    if (predictors < 1)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "ridge regression on %d columns", predictors);
    size_t p = (size_t)predictors, packed = p * (p + 1) / 2;
    double *memory = NULL;
    CW_TRY(cw_alloc(env, 2 * packed + 3 * p, sizeof *memory, &memory));
    standardised_gram s = {
        .correlation = memory, .moment = memory + packed, .deviation = memory + packed + p};
    standardise(q, gram, predictors, predictor, response, &s);
    cw_code code = ridge_path(env, q, gram, predictors, predictor, lambdas, lambda, &s,
                              memory + packed + 2 * p, coefficient, standardised, fit);
    cw_free(env, &memory);
    return code;
}

static cw_code collinearity(cw_env *env, int32_t p, const double *packed, double *square, double *values,
                            double *vectors, double *condition, double *inflation) {
    cw_cholesky *factor = NULL;
    for (int32_t i = 0; i < p; i++)
        for (int32_t j = 0; j < p; j++) square[i * p + j] = at(packed, p, i, j);
    cw_eigen_symmetric(p, square, values, vectors);
    *condition = values[0] > CW_RANK_TOLERANCE ? sqrt(values[p - 1] / values[0]) : (double)INFINITY;
    if (!inflation) return CW_OK;
    CW_TRY(cw_cholesky_factor(env, p, packed, &factor));
    cw_cholesky_inverse(factor, square); /* packed: it has room */
    for (int32_t i = 0; i < p; i++)
        inflation[i] = factor->rank < p ? (double)INFINITY : square[cw_packed(p, i, i)];
    cw_cholesky_destroy(&factor);
    return CW_OK;
}

cw_code cw_gram_collinearity(cw_env *env, int32_t q, const double *gram, int32_t predictors,
                             const int32_t *predictor, double *condition, double *inflation) {
    CW_TRY(check_weight(env, gram));
    *condition = 1;
    if (predictors < 1) return CW_OK;
    size_t p = (size_t)predictors, packed = p * (p + 1) / 2;
    double *memory = NULL;
    CW_TRY(cw_alloc(env, packed + 3 * p + 2 * p * p, sizeof *memory, &memory));
    double *rest = memory + packed + 2 * p;
    standardised_gram s = {
        .correlation = memory, .moment = memory + packed, .deviation = memory + packed + p};
    standardise(q, gram, predictors, predictor, 0, &s);
    cw_code code =
        collinearity(env, predictors, memory, rest, rest + p * p, rest + p * p + p, condition, inflation);
    cw_free(env, &memory);
    return code;
}

double cw_gram_residual_product(int32_t q, const double *gram, int32_t a, const double *u, int32_t b,
                                const double *v) {
    double sum = 0;
    for (int32_t i = 0; i < q; i++) {
        double ri = (i == a) - u[i], row = 0;
        if (ri == 0) continue;
        for (int32_t j = 0; j < q; j++) row += at(gram, q, i, j) * ((j == b) - v[j]);
        sum += ri * row;
    }
    return sum;
}

cw_partial cw_gram_partial(int32_t folds, int32_t q, const double *part, const double *scale,
                           int32_t treatment, const double *m, int32_t outcome, const double *l) {
    int64_t size = (int64_t)q * (q + 1) / 2;
    double d = scale ? scale[treatment - 1] : 1, y = scale ? scale[outcome - 1] : 1;
    cw_partial sum = {0, 0, 0, 0};
    for (int32_t k = 0; k < folds; k++) {
        const double *gram = part + k * size, *mk = m + (int64_t)k * q, *lk = l + (int64_t)k * q;
        sum.weight += gram[0];
        sum.dd += cw_gram_residual_product(q, gram, treatment, mk, treatment, mk);
        sum.dy += cw_gram_residual_product(q, gram, treatment, mk, outcome, lk);
        sum.yy += cw_gram_residual_product(q, gram, outcome, lk, outcome, lk);
    }
    sum.dd /= d * d;
    sum.dy /= d * y;
    sum.yy /= y * y;
    return sum;
}

void cw_gram_mean(int32_t q, const double *gram, int32_t response, double *coefficient) {
    memset(coefficient, 0, (size_t)q * sizeof *coefficient);
    coefficient[0] = gram[0] > 0 ? at(gram, q, 0, response) / gram[0] : 0;
}

void cw_gram_raw(int32_t q, const double *shift, const double *scale, int32_t response,
                 const double *coefficient, double *raw) {
    double unit = response > 0 && scale ? scale[response - 1] : 1;
    double base = response > 0 && shift ? shift[response - 1] : 0;
    raw[0] = coefficient[0] / unit + base;
    for (int32_t j = 1; j < q; j++) {
        raw[j] = coefficient[j] * (scale ? scale[j - 1] : 1) / unit;
        if (shift) raw[0] -= raw[j] * shift[j - 1];
    }
}
