/* Logits, separation, ridge, weighting, doubly robust and cross-fit estimates, groups, diagnostics and flags
 * of the reference numbers, to the stated tolerance; and the identities among them. */
#include "tests/support/cases.h"
#include "tests/support/least_squares.h"

#include "src/base/distribution.h"

/* ---- methods ---- */

static void run_logit(const serial_table *t, const json_t *inputs, numbers *out) {
    int32_t column[ANSWER_COLUMNS], count = columns_of(t, json_object_get(inputs, "regressors"), column);
    answer_design d = answer_make(t, count, column, -1, -1);
    cw_logistic_spec spec = {.columns = count,
                             .column = d.column,
                             .shift = d.shift,
                             .scale = d.scale,
                             .response = serial_find(t, text(inputs, "outcome")),
                             .zero = 0,
                             .one = 1,
                             .models = 1};
    cw_logistic *l = answer_logistic(t, &spec);
    cw_logistic_fit fit = cw_logistic_get(l, 0);
    put(out, (double)fit.rows, "n");
    put(out, fit.status == CW_LOGISTIC_COMPLETE || fit.status == CW_LOGISTIC_QUASI, "separated");
    put(out, fit.status == CW_LOGISTIC_COMPLETE ? 2 : fit.status == CW_LOGISTIC_QUASI, "kind");
    put(out, (double)fit.separated_rows, "rows_fitted_to_0_or_1");
    if (fit.status == CW_LOGISTIC_CONVERGED) {
        int32_t q = count + 1;
        double raw[ANSWER_COLUMNS], sandwich[ANSWER_COLUMNS * ANSWER_COLUMNS], jacobian[ANSWER_COLUMNS];
        cw_gram_raw(q, d.shift, d.scale, 0, fit.coefficient, raw);
        cw_logistic_want_meat(l, 1);
        void *state = serial_pass(t, cw_logistic_accumulator(l));
        assert_int_equal(cw_logistic_sandwich(l, state, 0, sandwich), CW_OK);
        cw_free(t->env, &state);
        for (int32_t j = 0; j < q; j++) {
            /* raw_j = scale_j b_j; raw_0 = b_0 - sum scale_j shift_j b_j */
            double mle = 0, hc0 = 0;
            for (int32_t k = 0; k < q; k++)
                jacobian[k] = j ? (k == j) * d.scale[j - 1] : k ? -d.scale[k - 1] * d.shift[k - 1] : 1;
            for (int32_t k = 0; k < q; k++)
                for (int32_t m = 0; m < q; m++) {
                    int64_t at = k <= m ? cw_packed(q, k, m) : cw_packed(q, m, k);
                    mle += jacobian[k] * jacobian[m] * fit.inverse[at];
                    hc0 += jacobian[k] * jacobian[m] * sandwich[at];
                }
            const char *name = j ? t->name[d.column[j - 1]] : "(Intercept)";
            put(out, raw[j], "coef/%s", name);
            put(out, sqrt(mle), "se_mle/%s", name);
            put(out, sqrt(hc0), "se_hc0/%s", name);
        }
        put(out, fit.loglik, "loglik");
        put(out, -2 * fit.loglik, "deviance");
    }
    cw_logistic_destroy(&l);
}

static void run_ridge(const serial_table *t, const json_t *inputs, numbers *out) {
    int32_t column[ANSWER_COLUMNS], predictor[ANSWER_COLUMNS];
    int32_t p = columns_of(t, json_object_get(inputs, "regressors"), column), q = p + 2;
    answer_design d = answer_make(t, p, column, -1, -1);
    answer_add_column(t, &d, p, serial_find(t, text(inputs, "outcome")));
    cw_gram_spec spec = {.columns = p + 1,
                         .column = d.column,
                         .shift = d.shift,
                         .scale = d.scale,
                         .folds = 1,
                         .fold_column = -1};
    cw_gram *gram = NULL;
    double packed[ANSWER_COLUMNS * ANSWER_COLUMNS], lambda[8], coefficient[8 * ANSWER_COLUMNS];
    double standardised[8 * ANSWER_COLUMNS], raw[ANSWER_COLUMNS];
    cw_ridge_fit fit[8];
    const json_t *lambdas = json_object_get(inputs, "lambdas");
    int32_t count = (int32_t)json_array_size(lambdas);
    assert_int_equal(cw_gram_create(t->env, &spec, &gram), CW_OK);
    void *state = serial_pass(t, cw_gram_accumulator(gram));
    cw_gram_get(gram, state, 0, packed);
    for (int32_t l = 0; l < count; l++) lambda[l] = json_number_value(json_array_get(lambdas, (size_t)l));
    for (int32_t j = 0; j < p; j++) predictor[j] = j + 1;
    assert_int_equal(
        cw_gram_ridge(t->env, q, packed, p, predictor, q - 1, count, lambda, coefficient, standardised, fit),
        CW_OK);
    for (int32_t l = 0; l < count; l++) {
        char at[32];
        snprintf(at, sizeof at, lambda[l] < 1 ? "path/%g" : "path/%.1f", lambda[l]);
        cw_gram_raw(q, d.shift, d.scale, q - 1, coefficient + l * q, raw);
        double unit = d.scale[p]; /* of the outcome */
        put(out, raw[0], "%s/intercept", at);
        put(out, fit[l].edf, "%s/edf", at);
        put(out, fit[l].objective / unit / unit, "%s/objective", at);
        for (int32_t j = 0; j < p; j++) {
            put(out, raw[j + 1], "%s/coef/%d", at, j);
            put(out, standardised[l * p + j] / unit, "%s/coef_standardised/%d", at, j);
        }
    }
    cw_free(t->env, &state);
    cw_gram_destroy(&gram);
}

/* Everything that a weighting case or a weight-health case may ask for. */
static void run_weighting(serial_table *t, const json_t *inputs, numbers *out) {
    static const char *const name[] = {"ATE_horvitz_thompson", "ATE_hajek", "ATT_hajek", "ATC_hajek",
                                       "ATO_overlap"};
    answer_design d = design_of(t, inputs);
    answer_nuisances a;
    answer_weighting w;
    answer_nuisances_make(t, &a, &d, 1, NULL, 0);
    answer_run_weighting(t, &a, weighting(t), 0, 1, &w);
    put(out, (double)w.result.rows, "n");
    put(out, w.result.e_min, "propensity_min");
    put(out, w.result.e_max, "propensity_max");
    for (int k = 0; k < CW_WEIGHTED; k++) {
        put(out, w.result.estimate[k], "estimate/%s", name[k]);
        put(out, w.se_fixed[k], "se_fixed_propensity/%s", name[k]);
        put(out, w.se_stacked[k], "se_stacked/%s", name[k]);
    }
    put(out, w.result.estimate[0], "horvitz_thompson");
    put(out, w.result.estimate[1], "hajek");
    for (int arm = 0; arm < 2; arm++) {
        const cw_ipw_arm *own = &w.result.arm[arm];
        const char *label = arm ? "treated" : "control";
        put(out, own->effective[CW_WEIGHTED_ATE], "ess_ate/%s", label);
        put(out, own->effective[CW_WEIGHTED_ATO], "ess_ato/%s", label);
        put(out, own->effective[CW_WEIGHTED_ATE] / (double)own->rows, "ess_fraction_%s", label);
        put(out, own->mean_weight, "mean_weight_%s", label);
        put(out, own->largest[CW_WEIGHTED_ATE], "max_share_%s", label);
        double *weights = NULL, *e = NULL, share;
        int64_t count = 0;
        serial_rows rows = {.table = t};
        assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *weights, &weights), CW_OK);
        assert_int_equal(cw_alloc(t->env, CW_BLOCK_ROWS, sizeof *e, &e), CW_OK);
        for (int64_t b = 0; b < cw_block_count(t->rows); b++) {
            cw_block block;
            serial_rows_supply(&rows, b, &block);
            cw_predict(&a.e, &block, 0, block.rows, e);
            for (int32_t i = 0; i < block.rows; i++)
                if (block.real[d.treatment][i] == arm)
                    weights[count++] = cw_ipw_weight(CW_WEIGHTED_ATE, arm, e[i]);
        }
        assert_int_equal(cw_top_share(t->env, count, weights, 0.01, &share), CW_OK);
        put(out, share, "top_1_percent_share_%s", label);
        cw_free(t->env, &weights);
        cw_free(t->env, &e);
    }
    put(out, w.result.arm[0].effective[CW_WEIGHTED_ATT], "ess_att_control");
    put(out, w.result.arm[1].effective[CW_WEIGHTED_ATC], "ess_atc_treated");
    cw_balance_table *b = answer_balance(t, &a, d.columns, d.column, weighting(t));
    for (int32_t j = 0; j < d.columns; j++) {
        put(out, cw_balance_mean(b, -1, j).smd, "smd_before/%s", t->name[d.column[j]]);
        put(out, cw_balance_mean(b, 0, j).smd, "smd_after_ate/%s", t->name[d.column[j]]);
        put(out, cw_balance_mean(b, 1, j).smd, "smd_after_att/%s", t->name[d.column[j]]);
    }
    put(out, fabs(cw_balance_worst_mean(b, 2).smd), "overlap_max_abs_smd");
    cw_balance_table_destroy(&b);
    int32_t check[ANSWER_COLUMNS];
    int32_t checks = columns_of(t, json_object_get(inputs, "check_columns"), check);
    b = answer_balance(t, &a, checks, check, weighting(t));
    for (int32_t j = 0; j < checks; j++)
        put(out, cw_balance_mean(b, 0, j).smd, "smd_after_ate_check_columns/%s", t->name[check[j]]);
    cw_balance_table_destroy(&b);
    answer_nuisances_free(&a);
}

static void run_aipw(serial_table *t, const json_t *inputs, numbers *out) {
    static const cw_estimand estimand[] = {
        {CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},         {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0},
        {CW_SCORE_DOUBLE, CW_TARGET_CONTROLS, -1, 0},    {CW_SCORE_REGRESSION, CW_TARGET_ALL, -1, 0},
        {CW_SCORE_REGRESSION, CW_TARGET_TREATED, -1, 0}, {CW_SCORE_REGRESSION, CW_TARGET_CONTROLS, -1, 0}};
    static const char *const name[] = {"ate",           "att", "atc", "regression_ate", "regression_att",
                                       "regression_atc"};
    answer_design d = design_of(t, inputs);
    answer_nuisances a;
    answer_effect e;
    answer_nuisances_make(t, &a, &d, 1, NULL, json_object_get(inputs, "outcome_model") != NULL);
    cw_effect_spec spec = answer_effect_spec(&a, 0, weighting(t), 6, estimand);
    answer_run_effect(t, &spec, &e);
    put(out, (double)e.counts.rows, "n");
    put(out, e.counts.e_min, "propensity_min");
    put(out, e.counts.e_max, "propensity_max");
    for (int k = 0; k < 6; k++) {
        put(out, e.theta[k], "%s", name[k]);
        put(out, e.se[k], "se_%s", name[k]);
    }
    answer_nuisances_free(&a);
}

/* Folds of the cases: row mod K, or the rank of the level of `fold_by` mod K; keys for cluster errors. */
static int32_t case_folds(serial_table *t, const json_t *inputs, int32_t *fold) {
    int32_t folds = (int32_t)json_integer_value(json_object_get(inputs, "K"));
    const char *by = json_string_value(json_object_get(inputs, "fold_by"));
    for (int64_t i = 0; i < t->rows; i++) fold[i] = (int32_t)(i % folds);
    if (!by) return folds;
    /* The levels are texts, which serial_read codes by first appearance in the file. */
    assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *t->key, &t->key), CW_OK);
    const double *code = t->real[serial_find(t, by)];
    for (int64_t i = 0; i < t->rows; i++) t->key[i] = (int64_t)code[i];
    return folds;
}

/* The rank of each code among the sorted texts of a column of darfur.csv. */
static void text_ranks(const serial_table *t, const char *column, int32_t *rank) {
    static char line[SERIAL_TEXT], level[1000][64];
    char command[SERIAL_TEXT], texts[64];
    int count = 0;
    int32_t at = serial_find(t, column);
    snprintf(command, sizeof command, "gzip -dc '%s/reference/darfur.csv.gz'", CAUSEWAY_TEST_DATA);
    FILE *file = popen(command, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file)) {
        char *next = line;
        for (int32_t j = 0; j < at; j++) (void)serial_field(&next);
        snprintf(texts, sizeof texts, "%.63s", serial_field(&next));
        int k = 0;
        while (k < count && strcmp(level[k], texts) != 0) k++;
        if (k == count) snprintf(level[count++], 64, "%s", texts);
    }
    assert_int_equal(pclose(file), 0);
    for (int k = 0; k < count; k++) {
        rank[k] = 0;
        for (int m = 0; m < count; m++) rank[k] += strcmp(level[m], level[k]) < 0;
    }
}

static void dml_partial(serial_table *t, const json_t *inputs, answer_nuisances *a, numbers *out) {
    cw_estimand estimand = {CW_SCORE_PARTIAL, CW_TARGET_ALL, -1, 0};
    answer_effect e;
    cw_effect_spec spec = answer_effect_spec(a, 1, weighting(t), 1, &estimand);
    answer_run_effect(t, &spec, &e);
    if (json_object_get(inputs, "score")) {
        estimand.score = CW_SCORE_PARTIAL_IV;
        spec.theta0 = e.theta[0];
        answer_run_effect(t, &spec, &e);
    }
    put(out, e.theta[0], "theta");
    put(out, e.se[0], "se");
    put(out, (double)e.counts.rows, "n");
    if (!t->key) return;
    put(out, e.cluster_se[0], "se_cluster");
    put(out, (double)e.clusters, "n_clusters");
}

static void dml_interactive(serial_table *t, const json_t *inputs, answer_nuisances *a, numbers *out) {
    cw_estimand estimand[ANSWER_COLUMNS] = {{CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},
                                            {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0}};
    int32_t count = 2;
    const char *groups = json_string_value(json_object_get(inputs, "groups"));
    double level[16];
    int32_t levels = 0;
    if (groups) {
        int32_t column = serial_find(t, groups);
        assert_int_equal(cw_fold_levels(t->env, t->rows, t->real[column], 16, level, &levels), CW_OK);
        for (int32_t g = 0; g < levels; g++)
            estimand[count++] = (cw_estimand){CW_SCORE_DOUBLE, CW_TARGET_ALL, column, level[g]};
    }
    answer_effect e;
    cw_effect_spec spec = answer_effect_spec(a, 0, weighting(t), count, estimand);
    const json_t *clip = json_object_get(inputs, "clip");
    spec.low = json_number_value(json_array_get(clip, 0));
    spec.high = json_number_value(json_array_get(clip, 1));
    answer_run_effect(t, &spec, &e);
    if (json_object_get(inputs, "normalise")) {
        for (int arm = 0; arm < 2; arm++) spec.normalise[arm] = e.counts.mean_inverse[arm];
        answer_run_effect(t, &spec, &e);
        for (int arm = 0; arm < 2; arm++)
            if (!(fabs(e.counts.mean_inverse[arm] - 1) < 1e-12)) fail_msg("weights do not average to 1");
    }
    put(out, (double)e.counts.rows, "n");
    put(out, e.counts.e_min, "propensity_min_unclipped");
    put(out, e.counts.e_max, "propensity_max_unclipped");
    put(out, e.theta[0], "ate/theta");
    put(out, e.se[0], "ate/se");
    put(out, e.theta[1], "atte/theta");
    put(out, e.se[1], "atte/se");
    put(out, e.theta[0], "ate");
    put(out, e.se[0], "se_ate");
    for (int32_t g = 0; g < levels; g++) {
        put(out, (double)e.rows[2 + g], "gate/%g/n", level[g]);
        put(out, e.theta[2 + g], "gate/%g/estimate", level[g]);
        put(out, e.se[2 + g], "gate/%g/se_hc0", level[g]);
    }
}

static void run_dml(serial_table *t, const json_t *inputs, numbers *out) {
    const char *model = json_string_value(json_object_get(inputs, "model"));
    int partial = model && strcmp(model, "PLR") == 0;
    int32_t *fold = NULL;
    answer_nuisances a;
    assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *fold, &fold), CW_OK);
    int32_t folds = case_folds(t, inputs, fold);
    if (t->key) {
        int32_t rank[1000];
        text_ranks(t, text(inputs, "fold_by"), rank);
        for (int64_t i = 0; i < t->rows; i++) fold[i] = rank[t->key[i]] % folds;
    }
    answer_design d = design_of(t, inputs);
    answer_nuisances_make(t, &a, &d, folds, fold, 0);
    if (partial)
        dml_partial(t, inputs, &a, out);
    else
        dml_interactive(t, inputs, &a, out);
    answer_nuisances_free(&a);
    cw_free(t->env, &fold);
}

static void run_diagnostics(serial_table *t, const json_t *inputs, numbers *out) {
    int32_t column[ANSWER_COLUMNS], predictor[ANSWER_COLUMNS];
    int32_t p = columns_of(t, json_object_get(inputs, "covariates"), column);
    answer_design d = answer_make(t, p, column, serial_find(t, text(inputs, "treatment")), -1);
    answer_nuisances a;
    double condition, inflation[ANSWER_COLUMNS], packed[ANSWER_COLUMNS * ANSWER_COLUMNS];
    cw_gram_spec spec = {
        .columns = p, .column = d.column, .shift = d.shift, .scale = d.scale, .folds = 1, .fold_column = -1};
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(t->env, &spec, &gram), CW_OK);
    void *state = serial_pass(t, cw_gram_accumulator(gram));
    cw_gram_get(gram, state, 0, packed);
    cw_free(t->env, &state);
    cw_gram_destroy(&gram);
    for (int32_t j = 0; j < p; j++) predictor[j] = j + 1;
    assert_int_equal(cw_gram_collinearity(t->env, p + 1, packed, p, predictor, &condition, inflation), CW_OK);
    put(out, condition, "condition_number_standardised");
    for (int32_t j = 0; j < p; j++) put(out, inflation[j], "vif/%s", t->name[column[j]]);
    answer_nuisances_make(t, &a, &d, 1, NULL, 0);
    cw_calibration_result c = answer_calibration(t, &a);
    cw_rank_result rank;
    double *e = NULL, low = 1, high = 0, brier = 0, mean = 0;
    assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *e, &e), CW_OK);
    serial_rows rows = {.table = t};
    for (int64_t b = 0; b < cw_block_count(t->rows); b++) {
        cw_block block;
        serial_rows_supply(&rows, b, &block);
        cw_predict(&a.e, &block, 0, block.rows, e + block.first_row);
    }
    for (int64_t i = 0; i < t->rows; i++) {
        low = fmin(low, e[i]);
        high = fmax(high, e[i]);
        mean += e[i] / (double)t->rows;
    }
    assert_int_equal(cw_rank_calibration(t->env, t->rows, e, t->real[d.treatment], &rank), CW_OK);
    cw_risk_item item = {
        .predictor = &a.e, .response = d.treatment, .probability = 1, .one = 1, .filter = -1};
    cw_risk *risk = NULL;
    assert_int_equal(cw_risk_create(t->env, NULL, 1, &item, &risk), CW_OK);
    state = serial_pass(t, cw_risk_accumulator(risk));
    brier = cw_risk_get(risk, state, 0).squared;
    cw_free(t->env, &state);
    cw_risk_destroy(&risk);
    put(out, (double)c.rows, "n");
    put(out, low, "propensity_min");
    put(out, high, "propensity_max");
    put(out, mean, "propensity_mean");
    put(out, (double)c.below_5, "n_below_0_05");
    put(out, (double)c.above_95, "n_above_0_95");
    put(out, rank.hosmer_lemeshow, "hosmer_lemeshow/stat");
    put(out, CW_CALIBRATION_GROUPS - 2, "hosmer_lemeshow/df");
    put(out, cw_chisq_upper(rank.hosmer_lemeshow, CW_CALIBRATION_GROUPS - 2), "hosmer_lemeshow/p");
    put(out, rank.auc, "auc");
    put(out, brier, "brier");
    /* The histogram agrees to its resolution. */
    assert_true(fabs(c.mean - mean) < 1e-8);
    assert_true(fabs(c.auc - rank.auc) < 1e-4);
    assert_true(fabs(c.hosmer_lemeshow - rank.hosmer_lemeshow) < 0.1 * rank.hosmer_lemeshow + 2);
    cw_free(t->env, &e);
    answer_nuisances_free(&a);
    /* Out-of-fold calibration: a logit of the treatment on the out-of-fold linear predictor. */
    int32_t *fold = NULL;
    assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *fold, &fold), CW_OK);
    for (int64_t i = 0; i < t->rows; i++) fold[i] = (int32_t)(i % 5);
    answer_nuisances_make(t, &a, &d, 5, fold, 0);
    double *eta = serial_add(t, "(eta)");
    cw_predictor linear = a.e;
    linear.link = CW_LINK_IDENTITY;
    for (int64_t b = 0; b < cw_block_count(t->rows); b++) {
        cw_block block;
        serial_rows_supply(&rows, b, &block);
        cw_predict(&linear, &block, 0, block.rows, eta + block.first_row);
    }
    int32_t own = t->reals - 1;
    cw_logistic_spec calibrate = {
        .columns = 1, .column = &own, .response = d.treatment, .zero = 0, .one = 1, .models = 1};
    cw_logistic *l = answer_logistic(t, &calibrate);
    put(out, cw_logistic_get(l, 0).coefficient[0], "calibration_5fold/intercept");
    put(out, cw_logistic_get(l, 0).coefficient[1], "calibration_5fold/slope");
    cw_logistic_destroy(&l);
    answer_nuisances_free(&a);
    cw_free(t->env, &fold);
}

/* The flags as a run judges them: weights, balance, calibration, and with an outcome the spread of
 * estimators. */
static uint32_t flags_of(fixture *f, const json_t *inputs) {
    serial_table t;
    answer_nuisances a;
    answer_weighting w;
    answer_effect e;
    static least_squares ols;
    static const cw_estimand estimand = {CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0};
    read_data(f, inputs, &t);
    int outcome = json_object_get(inputs, "outcome") != NULL;
    answer_design d = design_of(&t, inputs);
    answer_nuisances_make(&t, &a, &d, 1, NULL, 0);
    cw_balance_table *b = answer_balance(&t, &a, d.columns, d.column, weighting(&t));
    cw_calibration_result c = answer_calibration(&t, &a);
    cw_overlap_facts facts = {.target = CW_WEIGHTED_ATE, .balance = b, .calibration = &c};
    double estimate[4], se[4];
    if (outcome) {
        cw_effect_spec spec = answer_effect_spec(&a, 0, weighting(&t), 1, &estimand);
        const cw_linear_spec linear = {.form = CW_FORM_INTERACT,
                                       .outcome = d.outcome,
                                       .treatment = d.treatment,
                                       .covariates = d.columns,
                                       .covariate = d.column,
                                       .control = 0,
                                       .treated = 1,
                                       .weighting = weighting(&t),
                                       .level_share = -1};
        answer_run_weighting(&t, &a, weighting(&t), 0, 1, &w);
        answer_run_effect(&t, &spec, &e);
        assert_int_equal(least_squares_run(&t, linear, &ols), CW_OK);
        const double estimates[] = {w.result.ht_centred, w.result.estimate[1], e.theta[0],
                                    ols.result.estimate};
        const double ses[] = {w.se_stacked[0], w.se_stacked[1], e.se[0], ols.result.hc[0]};
        memcpy(estimate, estimates, sizeof estimate);
        memcpy(se, ses, sizeof se);
        facts.weights = &w.result;
        facts.estimates = 4;
        facts.estimate = estimate;
        facts.se = se;
    }
    uint32_t flags = cw_overlap_judge(&facts);
    cw_balance_table_destroy(&b);
    answer_nuisances_free(&a);
    serial_free(&t);
    return flags;
}

static void run(fixture *f, const json_t *inputs, numbers *out) {
    const char *method = text(inputs, "method");
    serial_table t;
    out->count = 0;
    read_data(f, inputs, &t);
    if (strcmp(method, "glm") == 0 || strcmp(method, "separation") == 0)
        run_logit(&t, inputs, out);
    else if (strcmp(method, "ridge") == 0)
        run_ridge(&t, inputs, out);
    else if (strcmp(method, "ipw") == 0 || strcmp(method, "weight_health") == 0)
        run_weighting(&t, inputs, out);
    else if (strcmp(method, "aipw") == 0)
        run_aipw(&t, inputs, out);
    else if (strcmp(method, "dml") == 0 || strcmp(method, "irm_heterogeneity") == 0)
        run_dml(&t, inputs, out);
    else if (strcmp(method, "diagnostics") == 0)
        run_diagnostics(&t, inputs, out);
    else
        fail_msg("a method that this test does not know: %s", method);
    serial_free(&t);
}

/* ---- comparison ---- */

/* Members that belong to other parts: leverages to least squares, the projection to heterogeneity. */
static int elsewhere(const char *path) {
    return strncmp(path, "leverage", 8) == 0 || strncmp(path, "blp/", 4) == 0 ||
           strncmp(path, "flags", 5) == 0;
}

static double tolerance(const char *path, const json_t *limits, double want) {
    double absolute = json_number_value(json_object_get(limits, "absolute"));
    if (strstr(path, "smd")) absolute = 1e-8;
    if (strcmp(path, "hosmer_lemeshow/p") == 0) absolute = 1e-9;
    return fmax(absolute, json_number_value(json_object_get(limits, "relative")) * fabs(want));
}

static int compare(const char *id, const char *path, const json_t *want, const json_t *limits,
                   const numbers *got) {
    char inner[192];
    const char *key;
    json_t *value;
    size_t k;
    int compared = 0;
    if (elsewhere(path)) return 0;
    if (json_is_object(want)) {
        json_object_foreach((json_t *)want, key, value) {
            snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "/" : "", key);
            compared += compare(id, inner, value, limits, got);
        }
        return compared;
    }
    if (json_is_array(want)) {
        json_array_foreach(want, k, value) {
            snprintf(inner, sizeof inner, "%s/%zu", path, k);
            compared += compare(id, inner, value, limits, got);
        }
        return compared;
    }
    double w = json_is_number(want) ? json_number_value(want) : json_is_true(want);
    if (json_is_string(want))
        w = strcmp(json_string_value(want), "complete") == 0 ? 2
                                                             : strcmp(json_string_value(want), "none") != 0;
    const double *g = get(got, path);
    if (!g) fail_msg("%s: no %s", id, path);
    if (!(fabs(*g - w) <= tolerance(path, limits, w))) fail_msg("%s %s: %.15g, not %.15g", id, path, *g, w);
    return 1;
}

static void check_families(fixture *f, const char *families, int least) {
    size_t k;
    json_t *item;
    int cases = 0;
    numbers *got = malloc(sizeof *got);
    json_array_foreach(json_object_get(f->root, "cases"), k, item) {
        if (!strstr(families, text(item, "family"))) continue;
        run(f, json_object_get(item, "inputs"), got);
        assert_true(compare(text(item, "id"), "", json_object_get(item, "expected"),
                            json_object_get(item, "tolerance"), got) > 0);
        cases++;
    }
    free(got);
    assert_true(cases >= least);
}

static void logits(void **state) {
    check_families(*state, "glm", 2);
}
static void separation(void **state) {
    check_families(*state, "separation", 3);
}
static void ridge(void **state) {
    check_families(*state, "ridge", 1);
}
static void weights(void **state) {
    check_families(*state, "weighting", 6);
}
static void doubly_robust(void **state) {
    check_families(*state, "aipw", 4);
}
static void cross_fit(void **state) {
    check_families(*state, "dml", 10);
}
static void groups(void **state) {
    check_families(*state, "heterogeneity", 2);
}
static void diagnostics(void **state) {
    check_families(*state, "diagnostics", 3);
}
static void trap(void **state) {
    check_families(*state, "trap", 7);
}

static void identities(void **state) {
    fixture *f = *state;
    size_t k, r;
    json_t *item, *relation;
    numbers *base = malloc(sizeof *base), *changed = malloc(sizeof *changed);
    int cases = 0;
    json_array_foreach(json_object_get(f->root, "cases"), k, item) {
        if (strcmp(text(item, "family"), "identity") != 0) continue;
        const json_t *inputs = json_object_get(item, "inputs");
        run(f, json_object_get(inputs, "base"), base);
        run(f, json_object_get(inputs, "changed"), changed);
        json_array_foreach(json_object_get(json_object_get(item, "expected"), "relations"), r, relation) {
            const double *b = get(base, text(relation, "base_key")),
                         *c = get(changed, text(relation, "changed_key"));
            assert_non_null(b);
            assert_non_null(c);
            double want = json_number_value(json_object_get(relation, "base_value"));
            double after = json_number_value(json_object_get(relation, "changed_value"));
            if (!(fabs(*b - want) <= 1e-6 * fabs(want)) || !(fabs(*c - after) <= 1e-6 * fabs(after)))
                fail_msg("%s %s: %.15g and %.15g", text(item, "id"), text(relation, "base_key"), *b, *c);
            if (strcmp(text(relation, "relation"), "differs") == 0) continue;
            double factor = strcmp(text(relation, "relation"), "times") == 0
                                ? json_number_value(json_object_get(relation, "factor"))
                                : 1;
            if (!(fabs(*c - factor * *b) <= 1e-8 * fabs(*c)))
                fail_msg("%s %s: %.15g against %.15g", text(item, "id"), text(relation, "base_key"), *b, *c);
        }
        cases++;
    }
    free(base);
    free(changed);
    assert_int_equal(cases, 10);
}

/* Flags fire where the cases say so and nowhere else. */
static void flags(void **state) {
    fixture *f = *state;
    size_t k;
    json_t *item;
    int raised = 0, quiet = 0;
    json_array_foreach(json_object_get(f->root, "cases"), k, item) {
        const char *id = text(item, "id"), *family = text(item, "family");
        int judged = strcmp(family, "trap") == 0 || strcmp(family, "diagnostics") == 0 ||
                     strcmp(id, "IPW03") == 0 || strcmp(id, "IPW01") == 0 || strcmp(id, "IPW02") == 0;
        if (!judged) continue;
        const json_t *want = json_object_get(json_object_get(item, "expected"), "flags");
        int overlap = json_is_true(json_object_get(want, "overlap"));
        uint32_t got = flags_of(f, json_object_get(item, "inputs"));
        if ((got != 0) != overlap) fail_msg("%s: flags %x", id, got);
        raised += overlap;
        quiet += !overlap;
        if (strcmp(id, "TR04") == 0) {
            /* What shows the trap, and what does not. */
            uint32_t show =
                1u << CW_OVERLAP_MOMENTS | 1u << CW_OVERLAP_CALIBRATION | 1u << CW_OVERLAP_DISAGREEMENT;
            assert_int_equal(got, show);
        }
    }
    assert_true(raised >= 6);
    assert_true(quiet >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits),     cmocka_unit_test(separation),    cmocka_unit_test(ridge),
        cmocka_unit_test(weights),    cmocka_unit_test(doubly_robust), cmocka_unit_test(cross_fit),
        cmocka_unit_test(groups),     cmocka_unit_test(diagnostics),   cmocka_unit_test(trap),
        cmocka_unit_test(identities), cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
