/* From a table in memory to weighting, doubly robust and cross-fit estimates on one rank: the passes as a run
 * makes them. */
#ifndef CW_TESTS_SUPPORT_ANSWER_H
#define CW_TESTS_SUPPORT_ANSWER_H

#include "serial.h"

#include <math.h>

#include "src/estimate/balance.h"
#include "src/estimate/calibration.h"
#include "src/estimate/effect.h"
#include "src/estimate/overlap.h"
#include "src/estimate/weighting.h"
#include "src/learn/folds.h"
#include "src/learn/gramfit.h"
#include "src/learn/logistic.h"
#include "src/linalg/gram.h"

enum { ANSWER_COLUMNS = 64, ANSWER_MODELS = 16 };

/* A design: covariates with a shift (their means) and a power of two near 1/sd each, then the outcome's. */
typedef struct answer_design {
    int32_t columns;
    int32_t column[ANSWER_COLUMNS]; /* covariates, then treatment, then outcome */
    double shift[ANSWER_COLUMNS], scale[ANSWER_COLUMNS];
    int32_t treatment, outcome;
} answer_design;

static inline void answer_moments(const serial_table *t, int32_t column, double *mean, double *sd) {
    double n = (double)t->rows, sum = 0, square = 0;
    for (int64_t i = 0; i < t->rows; i++) sum += t->real[column][i];
    for (int64_t i = 0; i < t->rows; i++)
        square += (t->real[column][i] - sum / n) * (t->real[column][i] - sum / n);
    *mean = sum / n;
    *sd = sqrt(square / n);
}

static inline void answer_add_column(const serial_table *t, answer_design *d, int32_t place, int32_t column) {
    double mean, sd;
    int exponent;
    answer_moments(t, column, &mean, &sd);
    frexp(sd > 0 ? sd : 1, &exponent);
    d->column[place] = column;
    d->shift[place] = mean;
    d->scale[place] = ldexp(1, -exponent);
}

static inline answer_design answer_make(const serial_table *t, int32_t covariates, const int32_t *covariate,
                                        int32_t treatment, int32_t outcome) {
    answer_design d = {.columns = covariates, .treatment = treatment, .outcome = outcome};
    for (int32_t j = 0; j < covariates; j++) answer_add_column(t, &d, j, covariate[j]);
    if (treatment >= 0) answer_add_column(t, &d, covariates, treatment);
    if (outcome >= 0) answer_add_column(t, &d, covariates + 1, outcome);
    return d;
}

/* Folds into a column of cells, 2 fold + arm, and one of folds. fold[i] of row i. */
static inline int32_t answer_cells(serial_table *t, int32_t treatment, const int32_t *fold,
                                   int32_t *fold_column) {
    double *folds = serial_add(t, "(fold)"), *cells = serial_add(t, "(cell)");
    for (int64_t i = 0; i < t->rows; i++) {
        folds[i] = fold[i];
        cells[i] = cw_cell(fold[i], t->real[treatment][i], 0, 1);
    }
    *fold_column = t->reals - 2;
    return t->reals - 1;
}

/* Newton passes to the end. */
static inline cw_logistic *answer_logistic(const serial_table *t, const cw_logistic_spec *spec) {
    cw_logistic *l = NULL;
    void *control = NULL;
    assert_int_equal(cw_logistic_create(t->env, spec, &l), CW_OK);
    assert_int_equal(cw_alloc(t->env, 1, cw_logistic_control_bytes(l), &control), CW_OK);
    while (cw_logistic_running(l)) {
        void *state = serial_pass(t, cw_logistic_accumulator(l));
        assert_int_equal(cw_logistic_decide(l, state, control), CW_OK);
        cw_logistic_use(l, control);
        cw_free(t->env, &state);
    }
    cw_free(t->env, &control);
    return l;
}

/* All nuisances of a job: full sample (folds 1) or cross-fit. Lives until answer_nuisances_free. */
typedef struct answer_nuisances {
    cw_env *env;
    answer_design design;
    int32_t folds, cell_column, fold_column, outcome_stride;
    int32_t model_of_cell[2 * ANSWER_MODELS], model_of_fold[ANSWER_MODELS];
    cw_logistic *propensity, *outcome_logit;
    double *coefficient[3]; /* arm 0, arm 1, everyone for the outcome */
    double *treatment_coefficient;
    cw_predictor e, m, g[2], l;
} answer_nuisances;

static inline cw_predictor answer_predictor(const answer_nuisances *a, cw_link link,
                                            const double *coefficient, int64_t stride) {
    return (cw_predictor){.link = link,
                          .columns = a->design.columns,
                          .column = a->design.column,
                          .shift = a->design.shift,
                          .scale = a->design.scale,
                          .coefficient = coefficient,
                          .stride = stride,
                          .cells = a->folds > 1 ? 2 * a->folds : 0,
                          .cell_column = a->cell_column,
                          .model_of_cell = a->model_of_cell};
}

static inline void answer_fit_logit(const serial_table *t, answer_nuisances *a, int outcome) {
    uint8_t uses[2 * ANSWER_MODELS * ANSWER_MODELS];
    int32_t cells = a->folds > 1 ? 2 * a->folds : 0, models = outcome ? 2 * a->folds : a->folds;
    for (int32_t m = 0; m < models; m++)
        for (int32_t c = 0; c < cells; c++)
            uses[m * cells + c] = c / 2 != (outcome ? m / 2 : m) && (!outcome || c % 2 == m % 2);
    if (outcome && cells == 0)
        for (int32_t m = 0; m < 2; m++)
            for (int32_t c = 0; c < 2; c++) uses[2 * m + c] = c == m;
    cw_logistic_spec spec = {.columns = a->design.columns,
                             .column = a->design.column,
                             .shift = a->design.shift,
                             .scale = a->design.scale,
                             .response = outcome ? a->design.outcome : a->design.treatment,
                             .zero = 0,
                             .one = 1,
                             .cells = outcome && cells == 0 ? 2 : cells,
                             .cell_column = outcome && cells == 0 ? a->design.treatment : a->cell_column,
                             .models = models,
                             .uses = outcome || cells ? uses : NULL};
    cw_logistic *l = answer_logistic(t, &spec);
    for (int32_t m = 0; m < models; m++)
        assert_int_equal(cw_logistic_get(l, m).status, CW_LOGISTIC_CONVERGED);
    if (outcome)
        a->outcome_logit = l;
    else
        a->propensity = l;
}

/* Least squares of `response` (a place in the Gram) for each complement of parts (folds > 1) or for the part.
 */
static inline double *answer_fit_linear(const answer_nuisances *a, int32_t q, const double *part,
                                        int32_t response) {
    int64_t size = (int64_t)q * (q + 1) / 2;
    double *complement = NULL, *coefficient = NULL;
    int32_t predictor[ANSWER_COLUMNS];
    for (int32_t j = 0; j < a->design.columns; j++) predictor[j] = j + 1;
    assert_int_equal(cw_alloc(a->env, (size_t)(a->folds * size), sizeof(double), &complement), CW_OK);
    assert_int_equal(cw_alloc(a->env, (size_t)a->folds * (size_t)q, sizeof(double), &coefficient), CW_OK);
    if (a->folds > 1)
        cw_complements(a->folds, size, part, complement);
    else
        memcpy(complement, part, (size_t)size * sizeof(double));
    for (int32_t k = 0; k < a->folds; k++) {
        cw_gram_fit fit;
        assert_int_equal(cw_gram_least_squares(a->env, q, complement + k * size, a->design.columns, predictor,
                                               response, coefficient + (int64_t)k * q, NULL, &fit),
                         CW_OK);
    }
    cw_free(a->env, &complement);
    return coefficient;
}

static inline void answer_fit_outcome(const serial_table *t, answer_nuisances *a) {
    int32_t q = a->design.columns + 3, cells = 2 * a->folds;
    int64_t size = (int64_t)q * (q + 1) / 2;
    const cw_gram_spec spec = {.columns = q - 1,
                               .column = a->design.column,
                               .shift = a->design.shift,
                               .scale = a->design.scale,
                               .folds = cells,
                               .fold_column = a->folds > 1 ? a->cell_column : a->design.treatment};
    cw_gram *gram = NULL;
    double *part = NULL;
    assert_int_equal(cw_gram_create(a->env, &spec, &gram), CW_OK);
    void *state = serial_pass(t, cw_gram_accumulator(gram));
    assert_int_equal(cw_alloc(a->env, (size_t)(3 * a->folds * size), sizeof(double), &part), CW_OK);
    for (int32_t k = 0; k < a->folds; k++) {
        double *arm[3];
        for (int32_t s = 0; s < 3; s++) arm[s] = part + (s * a->folds + k) * size;
        cw_gram_get(gram, state, 2 * k, arm[0]);
        cw_gram_get(gram, state, 2 * k + 1, arm[1]);
        cw_gram_add(size, arm[0], arm[1], arm[2]);
    }
    for (int32_t s = 0; s < 3; s++)
        a->coefficient[s] = answer_fit_linear(a, q, part + s * a->folds * size, q - 1);
    a->treatment_coefficient = answer_fit_linear(a, q, part + 2 * a->folds * size, q - 2);
    a->outcome_stride = q;
    cw_free(a->env, &part);
    cw_free(a->env, &state);
    cw_gram_destroy(&gram);
}

/* A linear model of the outcome or treatment, back on its own scale. */
static inline cw_predictor answer_linear(const answer_nuisances *a, const double *coefficient,
                                         int32_t place) {
    cw_predictor p = answer_predictor(a, CW_LINK_IDENTITY, coefficient, a->outcome_stride);
    p.plus = a->design.shift[place];
    p.times = 1 / a->design.scale[place];
    return p;
}

static inline void answer_nuisances_make(serial_table *t, answer_nuisances *a, const answer_design *design,
                                         int32_t folds, const int32_t *fold, int logit_outcome) {
    memset(a, 0, sizeof *a);
    a->env = t->env;
    a->design = *design;
    a->folds = folds;
    if (folds > 1) a->cell_column = answer_cells(t, design->treatment, fold, &a->fold_column);
    for (int32_t c = 0; c < 2 * folds; c++) a->model_of_cell[c] = c / 2;
    answer_fit_logit(t, a, 0);
    a->e = answer_predictor(a, CW_LINK_LOGIT, cw_logistic_get(a->propensity, 0).coefficient,
                            cw_logistic_stride(a->propensity));
    if (design->outcome < 0) return;
    answer_fit_outcome(t, a);
    for (int32_t arm = 0; arm < 2; arm++)
        a->g[arm] = answer_linear(a, a->coefficient[arm], design->columns + 1);
    a->l = answer_linear(a, a->coefficient[2], design->columns + 1);
    a->m = answer_linear(a, a->treatment_coefficient, design->columns);
    if (!logit_outcome) return;
    answer_fit_logit(t, a, 1);
    int64_t stride = cw_logistic_stride(a->outcome_logit);
    for (int32_t arm = 0; arm < 2; arm++)
        a->g[arm] = answer_predictor(a, CW_LINK_LOGIT, cw_logistic_get(a->outcome_logit, arm).coefficient,
                                     folds > 1 ? 2 * stride : stride);
}

static inline void answer_nuisances_free(answer_nuisances *a) {
    cw_logistic_destroy(&a->propensity);
    cw_logistic_destroy(&a->outcome_logit);
    for (int k = 0; k < 3; k++) cw_free(a->env, &a->coefficient[k]);
    cw_free(a->env, &a->treatment_coefficient);
}

/* Scores to estimates, standard errors and, with keys, cluster errors. */
typedef struct answer_effect {
    double theta[ANSWER_COLUMNS], se[ANSWER_COLUMNS], cluster_se[ANSWER_COLUMNS];
    int64_t rows[ANSWER_COLUMNS], clusters;
    cw_effect_counts counts;
} answer_effect;

static inline void answer_clusters(const serial_table *t, const cw_influence *influence,
                                   const cw_moments *moments, const void *state, double n,
                                   answer_effect *out) {
    int32_t quantum[ANSWER_COLUMNS], column[ANSWER_COLUMNS], q = influence->columns;
    cw_keysum *sums = NULL;
    double *value = NULL;
    void *scratch = NULL;
    cw_moments_quanta(moments, state, t->rows, quantum);
    assert_int_equal(cw_keysum_create(t->env, q, quantum, &sums), CW_OK);
    assert_int_equal(cw_alloc(t->env, (size_t)q * CW_INFLUENCE_TILE, sizeof *value, &value), CW_OK);
    assert_int_equal(cw_alloc(t->env, 1, influence->scratch_bytes, &scratch), CW_OK);
    serial_rows rows = {.table = t};
    for (int64_t b = 0; b < cw_block_count(t->rows); b++) {
        cw_block block;
        serial_rows_supply(&rows, b, &block);
        for (int32_t first = 0; first < block.rows; first += CW_INFLUENCE_TILE) {
            int32_t count = block.rows - first < CW_INFLUENCE_TILE ? block.rows - first : CW_INFLUENCE_TILE;
            influence->fill(influence->self, scratch, &block, first, count, value);
            for (int32_t i = 0; i < count; i++) {
                double own[ANSWER_COLUMNS];
                for (int32_t k = 0; k < q; k++) own[k] = value[k * count + i];
                const cw_key key = {block.key[0][first + i], 0};
                assert_int_equal(cw_keysum_add(sums, key, own), CW_OK);
            }
        }
    }
    for (int32_t k = 0; k < q; k++) column[k] = k + 1;
    const cw_influence_columns from = {q, column};
    const cw_influence by_key = cw_influence_of_columns(&from);
    cw_moments *meat = NULL;
    assert_int_equal(cw_moments_create(t->env, "meat", &by_key, &meat), CW_OK);
    void *result = serial_pass_keys(t->env, sums, cw_moments_accumulator(meat));
    for (int32_t k = 0; k < q; k++) out->cluster_se[k] = cw_moments_error(meat, result, k, n);
    out->clusters = cw_moments_rows(meat, result);
    cw_free(t->env, &result);
    cw_moments_destroy(&meat);
    cw_free(t->env, &value);
    cw_free(t->env, &scratch);
    cw_keysum_destroy(&sums);
}

static inline void answer_run_effect(const serial_table *t, const cw_effect_spec *spec, answer_effect *out) {
    cw_effect *f = NULL;
    cw_moments *moments = NULL;
    assert_int_equal(cw_effect_create(t->env, spec, &f), CW_OK);
    void *state = serial_pass(t, cw_effect_sums(f));
    cw_effect_solve(f, state, out->theta, &out->counts);
    for (int32_t k = 0; k < spec->estimands; k++) out->rows[k] = cw_effect_rows(f, state, k);
    cw_free(t->env, &state);
    assert_int_equal(cw_moments_create(t->env, NULL, cw_effect_influence(f, 0), &moments), CW_OK);
    state = serial_pass(t, cw_moments_accumulator(moments));
    for (int32_t k = 0; k < spec->estimands; k++)
        out->se[k] = cw_moments_error(moments, state, k, out->counts.n);
    if (t->key) answer_clusters(t, cw_effect_influence(f, 1), moments, state, out->counts.n, out);
    cw_free(t->env, &state);
    cw_moments_destroy(&moments);
    cw_effect_destroy(&f);
}

static inline cw_effect_spec answer_effect_spec(const answer_nuisances *a, int partial,
                                                cw_weighting weighting, int32_t estimands,
                                                const cw_estimand *estimand) {
    return (cw_effect_spec){.outcome = a->design.outcome,
                            .treatment = a->design.treatment,
                            .control = 0,
                            .treated = 1,
                            .weighting = weighting,
                            .outcome_model = {partial ? &a->l : &a->g[0], &a->g[1]},
                            .treatment_model = partial ? &a->m : &a->e,
                            .low = 0,
                            .high = 1,
                            .estimands = estimands,
                            .estimand = estimand};
}

typedef struct answer_weighting {
    cw_ipw_result result;
    double se_stacked[CW_WEIGHTED], se_fixed[CW_WEIGHTED];
} answer_weighting;

static inline void answer_run_weighting(const serial_table *t, const answer_nuisances *a,
                                        cw_weighting weighting, double low, double high,
                                        answer_weighting *out) {
    const cw_weighting_spec spec = {.outcome = a->design.outcome,
                                    .treatment = a->design.treatment,
                                    .outcome_shift = a->design.shift[a->design.columns + 1],
                                    .control = 0,
                                    .treated = 1,
                                    .weighting = weighting,
                                    .propensity = &a->e,
                                    .low = low,
                                    .high = high};
    cw_ipw *ipw = NULL;
    cw_moments *moments = NULL;
    assert_int_equal(cw_ipw_create(t->env, &spec, &ipw), CW_OK);
    void *state = serial_pass(t, cw_ipw_sums(ipw));
    assert_int_equal(cw_ipw_solve(ipw, state, cw_logistic_get(a->propensity, 0).inverse, &out->result),
                     CW_OK);
    cw_free(t->env, &state);
    assert_int_equal(cw_moments_create(t->env, NULL, cw_ipw_influence(ipw, 0), &moments), CW_OK);
    state = serial_pass(t, cw_moments_accumulator(moments));
    for (int32_t k = 0; k < CW_WEIGHTED; k++) {
        out->se_stacked[k] = cw_moments_error(moments, state, k, out->result.n);
        out->se_fixed[k] = cw_moments_error(moments, state, CW_WEIGHTED + k, out->result.n);
    }
    cw_free(t->env, &state);
    cw_moments_destroy(&moments);
    cw_ipw_destroy(&ipw);
}

/* Balance over `columns` columns (squares about their means) for ATE and ATT weights. */
static inline cw_balance_table *answer_balance(const serial_table *t, const answer_nuisances *a,
                                               int32_t columns, const int32_t *column,
                                               cw_weighting weighting) {
    static const cw_weighted targets[] = {CW_WEIGHTED_ATE, CW_WEIGHTED_ATT, CW_WEIGHTED_ATO};
    double shift[ANSWER_COLUMNS], scale[ANSWER_COLUMNS];
    for (int32_t j = 0; j < columns; j++) {
        answer_moments(t, column[j], &shift[j], &scale[j]);
        scale[j] = scale[j] > 0 ? 1 / scale[j] : 1;
    }
    const cw_balance_spec spec = {.columns = columns,
                                  .column = column,
                                  .shift = shift,
                                  .scale = scale,
                                  .treatment = a->design.treatment,
                                  .control = 0,
                                  .treated = 1,
                                  .weighting = weighting,
                                  .propensity = &a->e,
                                  .low = 0,
                                  .high = 1,
                                  .targets = 3,
                                  .target = targets};
    cw_balance *balance = NULL;
    cw_balance_table *table = NULL;
    assert_int_equal(cw_balance_create(t->env, &spec, &balance), CW_OK);
    void *state = serial_pass(t, cw_balance_accumulator(balance));
    assert_int_equal(cw_balance_read(balance, state, &table), CW_OK);
    cw_free(t->env, &state);
    cw_balance_destroy(&balance);
    return table;
}

static inline cw_calibration_result answer_calibration(const serial_table *t, const answer_nuisances *a) {
    cw_calibration calibration;
    cw_calibration_result result;
    cw_calibration_init(&calibration, NULL, a->design.treatment, 0, 1, &a->e);
    void *state = serial_pass(t, &calibration.accumulator);
    cw_calibration_get(state, &result);
    cw_free(t->env, &state);
    return result;
}

#endif
