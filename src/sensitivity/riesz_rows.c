#include <math.h>
#include <string.h>

#include "riesz.h"

/* A row gives five values; the estimates are ratios of their means:
 *   SCORE   what theta averages           SQUARE  (y - g)^2
 *   NORM    alpha's square, debiased      TARGET  membership in the population (1 for the ATE)
 * and the constant. Influence values are linear in them, so the sums of w^2 v v' over rows give every
 * covariance. */
enum { SCORE, SQUARE, NORM, TARGET, ONE, VALUES };
enum { PAIRS = VALUES * (VALUES + 1) / 2, COUNTED = 0, ODD = 1 };

static const cw_member members[] = {{"rows", CW_I64, 2}, {"sums", CW_F64, VALUES}, {"pairs", CW_F64, PAIRS}};

static double *reals(const cw_riesz_rows *rows, const void *state, int32_t index) {
    return (double *)((char *)(uintptr_t)state + cw_accumulator_offset(&rows->accumulator, index));
}

/* 2112.13398, sections 2 and 4: for the ATE alpha = d/m - (1-d)/(1-m); weights l = d/p among the treated make
 * it [d/m - (1-d)/(1-m)] m/p, p = P(D=1) (left out here and put back at the end). The debiased mean square is
 * E[2 m(W, alpha) - alpha^2], m(W, alpha) = l (alpha(1, X) - alpha(0, X)). */
static int interactive(const cw_riesz_spec *s, double y, double d, double g0, double g1, double m,
                       double *v) {
    if (s->clip > 0) m = m < s->clip ? s->clip : m > 1 - s->clip ? 1 - s->clip : m;
    if (!(m > 0 && m < 1) || (d != 0 && d != 1)) return 0;
    double member = 1, mean = 1; /* l and E[l|X], times p */
    if (s->form == CW_RIESZ_TREATED) member = d, mean = m;
    if (s->form == CW_RIESZ_CONTROLS) member = 1 - d, mean = 1 - m;
    double alpha = (d / m - (1 - d) / (1 - m)) * mean, residual = y - (d == 1 ? g1 : g0);
    v[SCORE] = (g1 - g0) * member + alpha * residual;
    v[SQUARE] = residual * residual;
    v[NORM] = 2 * member * mean * (1 / m + 1 / (1 - m)) - alpha * alpha;
    v[TARGET] = member;
    return 1;
}

static int values(const cw_riesz_rows *rows, const cw_block *block, int32_t i, double *v) {
    const cw_riesz_spec *s = &rows->spec;
    double y = block->real[s->outcome][i], d = block->real[s->treatment][i];
    double g0 = block->real[s->control][i], m = block->real[s->propensity][i];
    int fine = 1;
    v[ONE] = 1;
    if (s->form == CW_RIESZ_PARTIAL) {
        double left = d - m, residual = (y - g0) - s->theta * left;
        v[SCORE] = left * residual;
        v[SQUARE] = residual * residual;
        v[NORM] = left * left;
        v[TARGET] = 1;
    } else {
        fine = interactive(s, y, d, g0, block->real[s->treated][i], m, v);
    }
    for (int k = 0; fine && k < VALUES; k++) fine = isfinite(v[k]) != 0;
    return fine;
}

static void rows_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)scratch;
    const cw_riesz_rows *rows = params;
    int64_t *count = state;
    double *sums = reals(rows, state, 1), *pairs = reals(rows, state, 2), v[VALUES];
    for (int32_t i = 0; i < block->rows; i++) {
        double w = block->weight ? block->weight[i] : 1;
        if (w == 0) continue;
        if (!isfinite(w) || !values(rows, block, i, v)) {
            count[ODD]++;
            continue;
        }
        count[COUNTED]++;
        double square = rows->spec.frequency ? w : w * w;
        double *pair = pairs;
        for (int a = 0; a < VALUES; a++) {
            sums[a] += w * v[a];
            for (int b = a; b < VALUES; b++) *pair++ += square * v[a] * v[b];
        }
    }
}

static void rows_merge(const void *params, void *state, const void *later) {
    const cw_riesz_rows *rows = params;
    int64_t *count = state;
    const int64_t *more = later;
    for (int k = 0; k < 2; k++) count[k] += more[k];
    for (int32_t index = 1; index <= 2; index++) {
        double *a = reals(rows, state, index);
        const double *b = reals(rows, later, index);
        for (int64_t k = 0; k < members[index].count; k++) a[k] += b[k];
    }
}

cw_code cw_riesz_rows_init(cw_env *env, cw_riesz_rows *rows, const cw_riesz_spec *spec) {
    if (!(spec->clip >= 0 && spec->clip < 0.5))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a number such as 0.01",
                       "propensities cannot be clipped at %g", spec->clip);
    rows->spec = *spec;
    rows->accumulator = (cw_accumulator){.name = "riesz",
                                         .order = CW_TREE,
                                         .members = 3,
                                         .member = members,
                                         .params = rows,
                                         .flops_per_row = 60,
                                         .add = rows_add,
                                         .merge = rows_merge};
    return CW_OK;
}

/* Each influence value as coefficients of the row's values. */
static void coefficients(const cw_riesz_rows *rows, const double *sums, const cw_riesz *r,
                         double a[CW_RIESZ][VALUES]) {
    double p = sums[TARGET] / sums[ONE];
    memset(a, 0, CW_RIESZ * sizeof *a);
    a[CW_RIESZ_SIGMA2][SQUARE] = 1;
    a[CW_RIESZ_SIGMA2][ONE] = -r->sigma2;
    if (rows->spec.form == CW_RIESZ_PARTIAL) {
        /* theta + nu2 * mean of SCORE; nu2 = 1 / mean of NORM. The mean of SCORE is 0 up to the difference of
         * the given theta and the one the rows solve for. */
        a[CW_RIESZ_THETA][SCORE] = r->nu2;
        a[CW_RIESZ_THETA][ONE] = -r->nu2 * (sums[SCORE] / sums[ONE]);
        a[CW_RIESZ_NU2][NORM] = -r->nu2 * r->nu2;
        a[CW_RIESZ_NU2][ONE] = r->nu2;
        return;
    }
    a[CW_RIESZ_THETA][SCORE] = 1 / p;
    a[CW_RIESZ_THETA][TARGET] = -r->theta / p;
    /* nu2 = mean of NORM / p^2, and p is estimated. */
    a[CW_RIESZ_NU2][NORM] = 1 / (p * p);
    a[CW_RIESZ_NU2][TARGET] = -2 * r->nu2 / p;
    a[CW_RIESZ_NU2][ONE] = r->nu2;
}

static void covariances(const double *pairs, double total, double a[CW_RIESZ][VALUES], double *out) {
    for (int i = 0; i < CW_RIESZ; i++)
        for (int j = i; j < CW_RIESZ; j++) {
            double sum = 0;
            const double *pair = pairs;
            for (int k = 0; k < VALUES; k++)
                for (int l = k; l < VALUES; l++, pair++)
                    sum += (k == l ? a[i][k] * a[j][k] : a[i][k] * a[j][l] + a[i][l] * a[j][k]) * *pair;
            *out++ = sum / (total * total);
        }
}

static cw_code judge(cw_env *env, const int64_t *count, const double *sums) {
    if (count[ODD] > 0)
        return cw_fail(
            env, CW_BAD_DATA, NULL, "clip the propensities, or leave such rows out",
            "%lld rows have a propensity of 0 or 1, a treatment that is not 0 or 1, or a value that "
            "is not finite",
            (long long)count[ODD]);
    if (!(sums[ONE] > 0) || !(sums[TARGET] > 0))
        return cw_fail(env, CW_BAD_DATA, NULL, "check the filter",
                       "no row belongs to the population asked about");
    return CW_OK;
}

cw_code cw_riesz_rows_finish(cw_env *env, const cw_riesz_rows *rows, const void *state, cw_riesz *out) {
    const double *sums = reals(rows, state, 1);
    CW_TRY(judge(env, state, sums));
    double n = sums[ONE], p = sums[TARGET] / n, a[CW_RIESZ][VALUES];
    out->sigma2 = sums[SQUARE] / n;
    if (rows->spec.form == CW_RIESZ_PARTIAL) {
        if (!(sums[NORM] > 0))
            return cw_fail(env, CW_BAD_DATA, NULL, "leave out the covariates that determine the treatment",
                           "the treatment has no residual variation");
        out->nu2 = n / sums[NORM];
        out->theta = rows->spec.theta + sums[SCORE] / sums[NORM];
    } else {
        out->nu2 = sums[NORM] / n / (p * p);
        out->theta = sums[SCORE] / sums[TARGET];
    }
    coefficients(rows, sums, out, a);
    covariances(reals(rows, state, 2), n, a, out->covariance);
    /* Rounding may leave a variance of 0 just below it. */
    static const int diagonal[CW_RIESZ] = {0, 3, 5};
    for (int k = 0; k < CW_RIESZ; k++)
        if (out->covariance[diagonal[k]] < 0) out->covariance[diagonal[k]] = 0;
    return cw_riesz_check(env, out);
}

int cw_riesz_rows_influence(const cw_riesz_rows *rows, const void *state, const cw_riesz *riesz,
                            const cw_block *block, int32_t row, double value[CW_RIESZ]) {
    double v[VALUES], a[CW_RIESZ][VALUES];
    if ((block->weight && block->weight[row] == 0) || !values(rows, block, row, v)) return 0;
    coefficients(rows, reals(rows, state, 1), riesz, a);
    for (int i = 0; i < CW_RIESZ; i++) {
        value[i] = 0;
        for (int k = 0; k < VALUES; k++) value[i] += a[i][k] * v[k];
    }
    return 1;
}
