#include "logistic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../base/real.h"
#include "../linalg/cholesky.h"
#include "logistic_inside.h"

/* Newton's decrement (twice what the log-likelihood may still gain) in units of a row's mean weight. */
#define DECREMENT_DONE  1e-20
#define DECREMENT_SMALL 1e-10 /* done, too, where rounding keeps it from falling further */
enum { MOST_ITERATIONS = 60, MOST_HALVINGS = 40, SUSPICIONS = 4, NAME_BYTES = 24, GRAM_MEMBERS = 3 };

cw_logistic_model cw_logistic_model_of(const cw_logistic *logistic, double *control, int32_t model) {
    double *at = control + model * logistic->control_stride;
    int64_t q = logistic->q;
    double *vectors = at + CW_LOGISTIC_SCALARS;
    return (cw_logistic_model){at, vectors, vectors + q, vectors + 2 * q, vectors + 3 * q, vectors + 4 * q};
}

static cw_code check(cw_env *env, const cw_logistic_spec *spec) {
    if (spec->columns < 0 || spec->models < 1 || spec->cells < 0 || spec->zero == spec->one)
        return cw_fail(env, CW_INTERNAL, NULL, NULL,
                       "a logistic regression of %d columns, %d models, %d cells", spec->columns,
                       spec->models, spec->cells);
    return CW_OK;
}

static cw_code copy_spec(cw_logistic *l, const cw_logistic_spec *spec) {
    size_t columns = (size_t)spec->columns, cells = (size_t)l->cells, models = (size_t)spec->models;
    CW_TRY(cw_alloc(l->env, columns, sizeof *l->column, &l->column));
    CW_TRY(cw_alloc(l->env, columns, sizeof *l->identity, &l->identity));
    CW_TRY(cw_alloc(l->env, columns, sizeof *l->shift, &l->shift));
    CW_TRY(cw_alloc(l->env, columns, sizeof *l->scale, &l->scale));
    for (size_t j = 0; j < columns; j++) {
        l->column[j] = spec->column[j];
        l->identity[j] = (int32_t)j;
        l->shift[j] = spec->shift ? spec->shift[j] : 0;
        l->scale[j] = spec->scale ? spec->scale[j] : 1;
    }
    if (!spec->uses) return CW_OK;
    CW_TRY(cw_alloc(l->env, models * cells, 1, &l->uses));
    memcpy(l->uses, spec->uses, models * cells);
    return CW_OK;
}

/* The Gram's members once a model, then sums and counts. */
static cw_code describe(cw_logistic *l) {
    const cw_accumulator *gram = cw_gram_accumulator(l->gram);
    int32_t models = l->spec.models, members = models * GRAM_MEMBERS + 2;
    CW_TRY(cw_alloc(l->env, (size_t)members, sizeof *l->member, &l->member));
    CW_TRY(cw_alloc_zero(l->env, (size_t)members, NAME_BYTES, &l->names));
    for (int32_t k = 0; k < models * GRAM_MEMBERS; k++) {
        char *name = l->names + (size_t)k * NAME_BYTES;
        l->member[k] = gram->member[k % GRAM_MEMBERS];
        snprintf(name, NAME_BYTES, "%s_%d", l->member[k].name, k / GRAM_MEMBERS);
        l->member[k].name = name;
    }
    l->member[members - 2] = (cw_member){"score", CW_F64, (int64_t)models * (l->q + CW_SUMS)};
    l->member[members - 1] = (cw_member){"counts", CW_I64, (int64_t)models * CW_COUNTS};
    l->gram_stride = cw_accumulator_bytes(gram);
    l->accumulator =
        (cw_accumulator){.name = l->spec.name ? l->spec.name : "logistic",
                         .order = CW_TREE,
                         .members = members,
                         .member = l->member,
                         .params = l,
                         .scratch_bytes = cw_logistic_scratch_bytes(l),
                         .flops_per_row = (double)models * ((double)l->q * (l->q + 1) + 6.0 * l->q),
                         .add = cw_logistic_add,
                         .merge = cw_logistic_merge};
    l->sums_offset = cw_accumulator_offset(&l->accumulator, members - 2);
    l->counts_offset = cw_accumulator_offset(&l->accumulator, members - 1);
    return CW_OK;
}

static cw_code build(cw_logistic *l, const cw_logistic_spec *spec) {
    CW_TRY(copy_spec(l, spec));
    const cw_gram_spec gram = {
        .columns = spec->columns, .column = l->identity, .folds = 1, .fold_column = -1};
    CW_TRY(cw_gram_create(l->env, &gram, &l->gram));
    if (cw_gram_accumulator(l->gram)->members != GRAM_MEMBERS)
        return cw_fail(l->env, CW_INTERNAL, NULL, NULL, "a Gram state of another shape");
    CW_TRY(describe(l));
    size_t models = (size_t)spec->models, q = (size_t)l->q;
    l->control_stride = CW_LOGISTIC_SCALARS + (int64_t)(4 * q + q * (q + 1) / 2);
    CW_TRY(cw_alloc_zero(l->env, models * q, sizeof(double), &l->coefficient));
    return cw_alloc_zero(l->env, models * (size_t)l->control_stride, sizeof(double), &l->control);
}

cw_code cw_logistic_create(cw_env *env, const cw_logistic_spec *spec, cw_logistic **out) {
    *out = NULL;
    CW_TRY(check(env, spec));
    cw_logistic *l = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *l, &l));
    l->env = env;
    l->spec = *spec;
    l->q = spec->columns + 1;
    l->cells = spec->cells ? spec->cells : 1;
    cw_code code = build(l, spec);
    if (code != CW_OK) cw_logistic_destroy(&l);
    *out = l;
    return code;
}

void cw_logistic_destroy(cw_logistic **logistic) {
    if (!logistic || !*logistic) return;
    cw_logistic *l = *logistic;
    cw_env *env = l->env;
    cw_gram_destroy(&l->gram);
    cw_free(env, &l->column);
    cw_free(env, &l->identity);
    cw_free(env, &l->shift);
    cw_free(env, &l->scale);
    cw_free(env, &l->uses);
    cw_free(env, &l->member);
    cw_free(env, &l->names);
    cw_free(env, &l->control);
    cw_free(env, &l->coefficient);
    cw_free(env, logistic);
}

const cw_accumulator *cw_logistic_accumulator(const cw_logistic *logistic) {
    return &logistic->accumulator;
}

size_t cw_logistic_control_bytes(const cw_logistic *logistic) {
    return (size_t)logistic->spec.models * (size_t)logistic->control_stride * sizeof(double);
}

void cw_logistic_use(cw_logistic *logistic, const void *control) {
    memcpy(logistic->control, control, cw_logistic_control_bytes(logistic));
    for (int32_t m = 0; m < logistic->spec.models; m++)
        memcpy(logistic->coefficient + (int64_t)m * logistic->q,
               cw_logistic_model_of(logistic, logistic->control, m).accepted,
               (size_t)logistic->q * sizeof(double));
}

int32_t cw_logistic_running(const cw_logistic *logistic) {
    int32_t running = 0;
    for (int32_t m = 0; m < logistic->spec.models; m++)
        running += cw_logistic_model_of(logistic, logistic->control, m).scalar[CW_LOGISTIC_STATUS] ==
                   CW_LOGISTIC_RUNNING;
    return running;
}

void cw_logistic_start(cw_logistic *logistic, const double *coefficient) {
    for (int32_t m = 0; m < logistic->spec.models; m++)
        memcpy(cw_logistic_model_of(logistic, logistic->control, m).trial, coefficient,
               (size_t)logistic->q * sizeof(double));
}

void cw_logistic_want_meat(cw_logistic *logistic, int want) {
    logistic->meat = want;
}

int64_t cw_logistic_stride(const cw_logistic *logistic) {
    return logistic->q;
}

/* The log-likelihood of a constant alone. */
static double null_loglik(double weight, double ones) {
    double zeros = weight - ones;
    if (!(ones > 0) || !(zeros > 0)) return 0;
    return ones * cw_ln(ones / weight) + zeros * cw_ln(zeros / weight);
}

/* Whether the rows prove that there is no maximum. Quasi-complete separation must show for some passes with
 * the same rows: a direction on the way to complete separation may leave a row where it is once, not again.
 */
static cw_logistic_status judge_margins(const int64_t *count, double *s) {
    int64_t n = count[CW_COUNT_ROWS], pushed = count[CW_COUNT_PUSHED];
    double before = s[CW_LOGISTIC_SEPARATED_ROWS], seen = s[CW_LOGISTIC_SUSPICIONS];
    s[CW_LOGISTIC_SEPARATED_ROWS] = (double)n;
    if (count[CW_COUNT_POSITIVE] == n || pushed == n) return CW_LOGISTIC_COMPLETE;
    int suspect = pushed > 0 && pushed + count[CW_COUNT_STILL] == n;
    s[CW_LOGISTIC_SEPARATED_ROWS] = suspect ? (double)pushed : 0;
    s[CW_LOGISTIC_SUSPICIONS] = !suspect ? 0 : before == (double)pushed ? seen + 1 : 1;
    return s[CW_LOGISTIC_SUSPICIONS] >= SUSPICIONS ? CW_LOGISTIC_QUASI : CW_LOGISTIC_RUNNING;
}

static void try_step(const cw_logistic *l, cw_logistic_model *model) {
    double step = model->scalar[CW_LOGISTIC_STEP];
    for (int32_t j = 0; j < l->q; j++) model->trial[j] = model->accepted[j] + step * model->direction[j];
}

/* Factors the information with the columns of the first step; *lost: a column has become dependent since. */
static cw_code factor(const cw_logistic *l, const void *gram, cw_logistic_model *model, int first,
                      cw_cholesky **out, int *lost) {
    int32_t q = l->q;
    double *packed = model->inverse;
    cw_gram_get(l->gram, gram, 0, packed);
    if (!first)
        for (int32_t i = 0; i < q; i++)
            for (int32_t j = i; j < q; j++)
                if (model->dropped[i] != 0 || model->dropped[j] != 0) packed[cw_packed(q, i, j)] = 0;
    CW_TRY(cw_cholesky_factor(l->env, q, packed, out));
    *lost = 0;
    for (int32_t j = 0; j < q; j++) {
        if (first) model->dropped[j] = (*out)->dropped[j];
        *lost |= (*out)->dropped[j] && model->dropped[j] == 0;
    }
    model->scalar[CW_LOGISTIC_RANK] = (*out)->rank;
    return CW_OK;
}

/* The trial is accepted: direction, decrement, and either the next trial or the end. */
static cw_code newton(const cw_logistic *l, const void *gram, const double *score, cw_logistic_model *model) {
    double *s = model->scalar;
    cw_cholesky *cholesky = NULL;
    int lost, first = s[CW_LOGISTIC_ITERATIONS] == 0;
    memcpy(model->accepted, model->trial, (size_t)l->q * sizeof(double));
    CW_TRY(factor(l, gram, model, first, &cholesky, &lost));
    memcpy(model->direction, score, (size_t)l->q * sizeof(double));
    cw_cholesky_solve(cholesky, model->direction);
    cw_cholesky_inverse(cholesky, model->inverse);
    cw_cholesky_destroy(&cholesky);
    double decrement = 0, before = s[CW_LOGISTIC_DECREMENT],
           unit = s[CW_LOGISTIC_WEIGHT] / s[CW_LOGISTIC_ROWS];
    for (int32_t j = 0; j < l->q; j++) decrement += score[j] * model->direction[j];
    s[CW_LOGISTIC_DECREMENT] = decrement;
    s[CW_LOGISTIC_STEP] = 1;
    s[CW_LOGISTIC_HALVINGS] = 0;
    if (lost || !isfinite(decrement) || s[CW_LOGISTIC_ITERATIONS] >= MOST_ITERATIONS) {
        s[CW_LOGISTIC_STATUS] = CW_LOGISTIC_DIVERGED;
        return CW_OK;
    }
    try_step(l, model);
    if (decrement <= DECREMENT_DONE * unit ||
        (decrement <= DECREMENT_SMALL * unit && !first && decrement > 0.25 * before)) {
        s[CW_LOGISTIC_STATUS] = CW_LOGISTIC_CONVERGED;
        s[CW_LOGISTIC_LOGLIK] += 0.5 * decrement;
        memcpy(model->accepted, model->trial, (size_t)l->q * sizeof(double));
    }
    s[CW_LOGISTIC_ITERATIONS] += 1;
    return CW_OK;
}

static cw_code decide_model(const cw_logistic *l, const void *state, int32_t m, cw_logistic_model *model) {
    const int64_t *count = cw_logistic_counts(l, state, m);
    const double *sums = cw_logistic_sums(l, state, m);
    double *s = model->scalar, loglik = sums[l->q + CW_SUM_LOGLIK];
    int first = s[CW_LOGISTIC_ITERATIONS] == 0;
    s[CW_LOGISTIC_ROWS] = (double)count[CW_COUNT_ROWS];
    s[CW_LOGISTIC_ONES] = (double)count[CW_COUNT_ONES];
    s[CW_LOGISTIC_BAD] = (double)count[CW_COUNT_BAD];
    s[CW_LOGISTIC_WEIGHT] = sums[l->q + CW_SUM_WEIGHT];
    s[CW_LOGISTIC_NULL] = null_loglik(s[CW_LOGISTIC_WEIGHT], sums[l->q + CW_SUM_ONES]);
    if (count[CW_COUNT_ROWS] == 0) {
        s[CW_LOGISTIC_STATUS] = CW_LOGISTIC_EMPTY;
        return CW_OK;
    }
    if (!first) {
        cw_logistic_status status = judge_margins(count, s);
        s[CW_LOGISTIC_STATUS] = status;
        if (status != CW_LOGISTIC_RUNNING) {
            s[CW_LOGISTIC_LOGLIK] = loglik;
            memcpy(model->accepted, model->trial, (size_t)l->q * sizeof(double));
            return CW_OK;
        }
        double slack = 1e-12 * fabs(s[CW_LOGISTIC_LOGLIK]);
        if (!(loglik >= s[CW_LOGISTIC_LOGLIK] - slack)) {
            s[CW_LOGISTIC_STEP] *= 0.5;
            s[CW_LOGISTIC_HALVINGS] += 1;
            if (s[CW_LOGISTIC_HALVINGS] > MOST_HALVINGS) s[CW_LOGISTIC_STATUS] = CW_LOGISTIC_DIVERGED;
            try_step(l, model);
            return CW_OK;
        }
    }
    s[CW_LOGISTIC_LOGLIK] = loglik;
    return newton(l, cw_logistic_gram_state(l, state, m), sums, model);
}

cw_code cw_logistic_decide(cw_logistic *logistic, const void *state, void *control) {
    memcpy(control, logistic->control, cw_logistic_control_bytes(logistic));
    for (int32_t m = 0; m < logistic->spec.models; m++) {
        cw_logistic_model model = cw_logistic_model_of(logistic, control, m);
        if (model.scalar[CW_LOGISTIC_STATUS] == CW_LOGISTIC_RUNNING)
            CW_TRY(decide_model(logistic, state, m, &model));
    }
    return CW_OK;
}

cw_logistic_fit cw_logistic_get(const cw_logistic *logistic, int32_t model) {
    cw_logistic_model at = cw_logistic_model_of(logistic, logistic->control, model);
    const double *s = at.scalar;
    return (cw_logistic_fit){.status = (cw_logistic_status)(int)s[CW_LOGISTIC_STATUS],
                             .iterations = (int32_t)s[CW_LOGISTIC_ITERATIONS],
                             .rank = (int32_t)s[CW_LOGISTIC_RANK],
                             .rows = (int64_t)s[CW_LOGISTIC_ROWS],
                             .ones = (int64_t)s[CW_LOGISTIC_ONES],
                             .bad = (int64_t)s[CW_LOGISTIC_BAD],
                             .separated_rows = s[CW_LOGISTIC_STATUS] == CW_LOGISTIC_COMPLETE ||
                                                       s[CW_LOGISTIC_STATUS] == CW_LOGISTIC_QUASI
                                                   ? (int64_t)s[CW_LOGISTIC_SEPARATED_ROWS]
                                                   : 0,
                             .loglik = s[CW_LOGISTIC_LOGLIK],
                             .null_loglik = s[CW_LOGISTIC_NULL],
                             .weight = s[CW_LOGISTIC_WEIGHT],
                             .coefficient = logistic->coefficient + (int64_t)model * logistic->q,
                             .inverse = at.inverse};
}

static double at_packed(const double *packed, int32_t q, int32_t i, int32_t j) {
    return i <= j ? packed[cw_packed(q, i, j)] : packed[cw_packed(q, j, i)];
}

cw_code cw_logistic_sandwich(const cw_logistic *logistic, const void *state, int32_t model, double *packed) {
    int32_t q = logistic->q;
    const double *inverse = cw_logistic_model_of(logistic, logistic->control, model).inverse;
    double *meat = NULL, *half = NULL;
    cw_code code;
    CW_TRY_GOTO(code, cw_alloc(logistic->env, (size_t)q * ((size_t)q + 1) / 2, sizeof *meat, &meat), done);
    CW_TRY_GOTO(code, cw_alloc(logistic->env, (size_t)q * (size_t)q, sizeof *half, &half), done);
    cw_gram_get(logistic->gram, cw_logistic_gram_state(logistic, state, model), 0, meat);
    for (int32_t i = 0; i < q; i++)
        for (int32_t j = 0; j < q; j++) {
            double sum = 0;
            for (int32_t k = 0; k < q; k++) sum += at_packed(inverse, q, i, k) * at_packed(meat, q, k, j);
            half[i * q + j] = sum;
        }
    for (int32_t i = 0; i < q; i++)
        for (int32_t j = i; j < q; j++) {
            double sum = 0;
            for (int32_t k = 0; k < q; k++) sum += half[i * q + k] * at_packed(inverse, q, k, j);
            packed[cw_packed(q, i, j)] = sum;
        }
done:
    cw_free(logistic->env, &meat);
    cw_free(logistic->env, &half);
    return code;
}

const char *cw_logistic_status_text(cw_logistic_status status) {
    switch (status) {
    case CW_LOGISTIC_RUNNING:
        return "not fitted yet";
    case CW_LOGISTIC_CONVERGED:
        return "converged";
    case CW_LOGISTIC_COMPLETE:
        return "completely separated";
    case CW_LOGISTIC_QUASI:
        return "quasi-completely separated";
    case CW_LOGISTIC_DIVERGED:
        return "without a maximum that could be found";
    case CW_LOGISTIC_EMPTY:
        return "without rows";
    }
    return "unknown";
}
