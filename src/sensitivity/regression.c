#include "regression.h"

#include <math.h>
#include <string.h>

#include "../linalg/cholesky.h"
#include "../linalg/gram.h"
#include "../linalg/sweep.h"

/* Two swept copies of the Gram matrix scaled to unit diagonal: `given` has constant and covariates swept (the
 * treatment's regression), `full` the treatment, too (the outcome's). In both, element (j, j) is minus the
 * covariance factor of covariate j and element (j, v) its coefficient in the regression of v. */
struct cw_regression {
    cw_env *env;
    int32_t order, treatment, outcome, covariates;
    int32_t *covariate, *dropped;
    double *scale; /* what each column was multiplied by in the scaled matrix */
    double *given, *full;
    double df;
    double total; /* the outcome's sum of squares about its mean, scaled */
    double rows;
};

static double at(const double *packed, int32_t n, int32_t i, int32_t j) {
    return i <= j ? packed[cw_packed(n, i, j)] : packed[cw_packed(n, j, i)];
}

static cw_code check_index(cw_env *env, const cw_regression_spec *spec) {
    int fine = spec->order >= 2 && spec->constant >= -1 && spec->constant < spec->order &&
               spec->treatment >= 0 && spec->treatment < spec->order && spec->outcome >= 0 &&
               spec->outcome < spec->order && spec->treatment != spec->outcome && spec->covariates >= 0 &&
               spec->constant != spec->treatment && spec->constant != spec->outcome;
    for (int32_t k = 0; fine && k < spec->covariates; k++) {
        int32_t c = spec->covariate[k];
        fine = c >= 0 && c < spec->order && c != spec->constant && c != spec->treatment && c != spec->outcome;
        for (int32_t l = 0; fine && l < k; l++) fine = spec->covariate[l] != c;
    }
    if (!fine)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "columns of a regression are out of range or twice");
    return CW_OK;
}

/* Copies the matrix scaled to unit diagonal; columns of zeros keep their zeros. */
static cw_code copy_scaled(cw_regression *r, const cw_regression_spec *spec) {
    int32_t n = r->order;
    for (int32_t i = 0; i < n; i++) {
        double d = spec->packed[cw_packed(n, i, i)];
        if (!(d >= 0) || !isfinite(d))
            return cw_fail(r->env, CW_BAD_DATA, NULL, NULL,
                           "the sum of squares of column %d is negative or not finite", i);
        r->scale[i] = d > 0 ? 1 / sqrt(d) : 0;
    }
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i; j < n; j++) {
            double v = spec->packed[cw_packed(n, i, j)];
            if (!isfinite(v))
                return cw_fail(r->env, CW_BAD_DATA, NULL, NULL,
                               "the cross product of columns %d and %d is not finite", i, j);
            r->given[cw_packed(n, i, j)] = v * r->scale[i] * r->scale[j];
        }
    return CW_OK;
}

static cw_code sweep_all(cw_regression *r, const cw_regression_spec *spec, double *work) {
    int32_t n = r->order, rank = 0;
    double *g = r->given;
    if (spec->constant >= 0 && cw_sweep(n, g, spec->constant, 0, work)) rank++;
    r->total = at(g, n, r->outcome, r->outcome);
    if (!(r->total > CW_RANK_TOLERANCE))
        return cw_fail(r->env, CW_BAD_DATA, NULL, "check the outcome's column and the filter",
                       "the outcome does not vary");
    if (!(at(g, n, r->treatment, r->treatment) > CW_RANK_TOLERANCE))
        return cw_fail(r->env, CW_BAD_DATA, NULL, "check the treatment's column and the filter",
                       "the treatment does not vary");
    for (int32_t k = 0; k < r->covariates; k++) {
        r->dropped[k] = !cw_sweep(n, g, r->covariate[k], CW_RANK_TOLERANCE, work);
        rank += !r->dropped[k];
    }
    if (!(at(g, n, r->treatment, r->treatment) > CW_RANK_TOLERANCE))
        return cw_fail(r->env, CW_BAD_DATA, NULL, "leave out the covariates that determine the treatment",
                       "the treatment follows exactly from the covariates (partial R^2 of 1)");
    memcpy(r->full, g, (size_t)n * (size_t)(n + 1) / 2 * sizeof *g);
    (void)cw_sweep(n, r->full, r->treatment, 0, work);
    r->df = spec->rows - spec->absorbed - rank - 1;
    if (!(r->df >= 2) || !isfinite(r->df))
        return cw_fail(r->env, CW_BAD_DATA, NULL, "use fewer covariates or more rows",
                       "%g rows leave %g residual degrees of freedom: at least 2 are needed", spec->rows,
                       r->df);
    if (!(at(r->full, n, r->outcome, r->outcome) > CW_RANK_TOLERANCE * r->total))
        return cw_fail(r->env, CW_BAD_DATA, NULL, "leave out what is computed from the outcome",
                       "the outcome follows exactly from treatment and covariates (R^2 of 1)");
    return CW_OK;
}

cw_code cw_regression_create(cw_env *env, const cw_regression_spec *spec, cw_regression **out) {
    *out = NULL;
    CW_TRY(check_index(env, spec));
    cw_regression *r = NULL;
    double *work = NULL;
    cw_code code;
    size_t n = (size_t)spec->order, packed = n * (n + 1) / 2, k = (size_t)spec->covariates;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *r, &r));
    r->env = env;
    r->order = spec->order;
    r->treatment = spec->treatment;
    r->outcome = spec->outcome;
    r->covariates = spec->covariates;
    r->rows = spec->rows;
    CW_TRY_GOTO(code, cw_alloc(env, k, sizeof *r->covariate, &r->covariate), done);
    CW_TRY_GOTO(code, cw_alloc_zero(env, k, sizeof *r->dropped, &r->dropped), done);
    CW_TRY_GOTO(code, cw_alloc(env, n, sizeof *r->scale, &r->scale), done);
    CW_TRY_GOTO(code, cw_alloc(env, packed, sizeof *r->given, &r->given), done);
    CW_TRY_GOTO(code, cw_alloc(env, packed, sizeof *r->full, &r->full), done);
    if (k > 0) memcpy(r->covariate, spec->covariate, k * sizeof *r->covariate);
    CW_TRY_GOTO(code, cw_alloc(env, n, sizeof *work, &work), done);
    CW_TRY_GOTO(code, copy_scaled(r, spec), done);
    CW_TRY_GOTO(code, sweep_all(r, spec, work), done);
    for (size_t i = 0; spec->scale && i < n; i++) r->scale[i] *= spec->scale[i];
    *out = r;
    r = NULL;
done:
    cw_free(env, &work);
    cw_regression_destroy(&r);
    return code;
}

void cw_regression_destroy(cw_regression **regression) {
    if (!regression || !*regression) return;
    cw_env *env = (*regression)->env;
    cw_free(env, &(*regression)->covariate);
    cw_free(env, &(*regression)->dropped);
    cw_free(env, &(*regression)->scale);
    cw_free(env, &(*regression)->given);
    cw_free(env, &(*regression)->full);
    cw_free(env, regression);
}

/* Coefficients of scaled columns become those of the columns themselves by this factor. */
static double back(const cw_regression *r) {
    return r->scale[r->treatment] / r->scale[r->outcome];
}

static double rest_outcome(const cw_regression *r) {
    return at(r->full, r->order, r->outcome, r->outcome);
}
static double rest_treatment(const cw_regression *r) {
    return at(r->given, r->order, r->treatment, r->treatment);
}

cw_omitted cw_regression_fit(const cw_regression *r) {
    double slope = at(r->full, r->order, r->treatment, r->outcome);
    double variance = rest_outcome(r) / r->df / rest_treatment(r);
    return (cw_omitted){slope * back(r), sqrt(variance) * fabs(back(r)), r->df, NAN};
}

double cw_regression_sd_outcome(const cw_regression *r) {
    return sqrt(rest_outcome(r) / r->df) / fabs(r->scale[r->outcome]);
}
double cw_regression_sd_treatment(const cw_regression *r) {
    return sqrt(rest_treatment(r) / (r->df + 1)) / fabs(r->scale[r->treatment]);
}
double cw_regression_sd_total(const cw_regression *r) {
    return sqrt(r->total / (r->rows - 1)) / fabs(r->scale[r->outcome]);
}

/* Of the t test's square, or the Wald statistic, before division by the residual variance. */
static double share(double explained, double rest) {
    return explained / (explained + rest);
}

cw_covariate_strength cw_regression_covariate(const cw_regression *r, int32_t k) {
    if (r->dropped[k]) return (cw_covariate_strength){1, {NAN, NAN}, NAN, NAN, NAN};
    int32_t n = r->order, j = r->covariate[k];
    double bt = at(r->given, n, j, r->treatment), ct = -at(r->given, n, j, j);
    double by = at(r->full, n, j, r->outcome), cy = -at(r->full, n, j, j);
    double slope = at(r->full, n, r->treatment, r->outcome), cross = -at(r->full, n, j, r->treatment);
    cw_covariate_strength out = {
        .observed = {share(bt * bt / ct, rest_treatment(r)), share(by * by / cy, rest_outcome(r))}};
    /* Taking j out again changes the other coefficients by its own (Goodnight 1979). */
    out.without = (slope - cross * by / cy) * back(r);
    out.t_treatment = bt / sqrt(ct * rest_treatment(r) / (r->df + 1));
    out.t_outcome = by / sqrt(cy * rest_outcome(r) / r->df);
    return out;
}

/* b' C^-1 c of a group's coefficients b (of regressing `of`) and cross factors c, from a swept matrix. */
typedef struct group {
    int32_t size;
    int32_t *column;
    double *packed, *b, *c;
} group;

static cw_code wald(const cw_regression *r, const double *swept, const group *g, int32_t of, double *square,
                    double *shift) {
    cw_cholesky *cholesky = NULL;
    for (int32_t i = 0; i < g->size; i++) {
        for (int32_t j = i; j < g->size; j++)
            g->packed[cw_packed(g->size, i, j)] = -at(swept, r->order, g->column[i], g->column[j]);
        g->b[i] = at(swept, r->order, g->column[i], of);
        g->c[i] = -at(swept, r->order, g->column[i], r->treatment);
    }
    CW_TRY(cw_cholesky_factor(r->env, g->size, g->packed, &cholesky));
    cw_cholesky_forward(cholesky, g->b);
    cw_cholesky_forward(cholesky, g->c);
    *square = *shift = 0;
    for (int32_t i = 0; i < g->size; i++) {
        *square += g->b[i] * g->b[i];
        *shift += g->b[i] * g->c[i];
    }
    cw_cholesky_destroy(&cholesky);
    return CW_OK;
}

cw_code cw_regression_group(const cw_regression *r, int32_t members, const int32_t *k,
                            cw_covariate_strength *out) {
    *out = (cw_covariate_strength){1, {NAN, NAN}, NAN, NAN, NAN};
    group g = {0, NULL, NULL, NULL, NULL};
    cw_code code;
    size_t m = (size_t)members;
    double explained, shift;
    CW_TRY_GOTO(code, cw_alloc(r->env, m, sizeof *g.column, &g.column), done);
    CW_TRY_GOTO(code, cw_alloc(r->env, m * (m + 1) / 2, sizeof *g.packed, &g.packed), done);
    CW_TRY_GOTO(code, cw_alloc(r->env, m, sizeof *g.b, &g.b), done);
    CW_TRY_GOTO(code, cw_alloc(r->env, m, sizeof *g.c, &g.c), done);
    for (int32_t i = 0; i < members; i++) {
        if (k[i] < 0 || k[i] >= r->covariates) {
            code = cw_fail(r->env, CW_INTERNAL, NULL, NULL, "covariate %d of %d", k[i], r->covariates);
            goto done;
        }
        if (!r->dropped[k[i]]) g.column[g.size++] = r->covariate[k[i]];
    }
    if (g.size > 0) {
        CW_TRY_GOTO(code, wald(r, r->given, &g, r->treatment, &explained, &shift), done);
        double treatment = share(explained, rest_treatment(r));
        CW_TRY_GOTO(code, wald(r, r->full, &g, r->outcome, &explained, &shift), done);
        double slope = at(r->full, r->order, r->treatment, r->outcome);
        *out = (cw_covariate_strength){
            0, {treatment, share(explained, rest_outcome(r))}, (slope - shift) * back(r), NAN, NAN};
    }
done:
    cw_free(r->env, &g.column);
    cw_free(r->env, &g.packed);
    cw_free(r->env, &g.b);
    cw_free(r->env, &g.c);
    return code;
}
