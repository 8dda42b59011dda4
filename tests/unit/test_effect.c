/* Scores, weighting, balance, calibration and risks against plain formulas on made-up rows: weights that
 * repeat, groups, excluded and odd rows, clusters, limits, equal bits, failures at every allocation. */
#include "tests/support/answer_rows.h"

#include "src/base/cpu.h"

static const cw_estimand estimands[] = {
    {CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},         {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0},
    {CW_SCORE_DOUBLE, CW_TARGET_CONTROLS, -1, 0},    {CW_SCORE_REGRESSION, CW_TARGET_ALL, -1, 0},
    {CW_SCORE_REGRESSION, CW_TARGET_TREATED, -1, 0}, {CW_SCORE_DOUBLE, CW_TARGET_ALL, GROUP, 7},
    {CW_SCORE_DOUBLE, CW_TARGET_ALL, GROUP, -1},     {CW_SCORE_DOUBLE, CW_TARGET_TREATED, GROUP, 7},
    {CW_SCORE_DOUBLE, CW_TARGET_ALL, GROUP, 99}};
enum { ESTIMANDS = sizeof estimands / sizeof *estimands };

static cw_effect_spec interactive(void) {
    return (cw_effect_spec){.outcome = Y,
                            .treatment = D,
                            .control = 0,
                            .treated = 1,
                            .outcome_model = {&g0_column, &g1_column},
                            .treatment_model = &e_column,
                            .low = 0,
                            .high = 1,
                            .estimands = ESTIMANDS,
                            .estimand = estimands};
}

/* theta and se of estimand k by the textbook, over rows with weight. */
static void plain(const serial_table *t, const cw_estimand *k, double low, double high, double *theta,
                  double *se) {
    double a = 0, b = 0, square = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < t->rows; i++) {
            double w = t->weight ? t->weight[i] : 1, d = t->real[D][i], y = t->real[Y][i];
            double e = fmin(fmax(t->real[E][i], low), high), g0 = t->real[G0][i], g1 = t->real[G1][i];
            if (w == 0 || (k->group_column >= 0 && t->real[GROUP][i] != k->group_value)) continue;
            double share = k->target == CW_TARGET_ALL ? 1 : k->target == CW_TARGET_TREATED ? d : 1 - d;
            double score = share * (g1 - g0);
            if (k->score == CW_SCORE_DOUBLE)
                score = k->target == CW_TARGET_ALL ? g1 - g0 + d * (y - g1) / e - (1 - d) * (y - g0) / (1 - e)
                        : k->target == CW_TARGET_TREATED ? (d - (1 - d) * e / (1 - e)) * (y - g0)
                                                         : (d * (1 - e) / e - (1 - d)) * (y - g1);
            if (pass == 0) {
                a += w * share;
                b += w * score;
            } else
                square += w * w * (score - share * *theta) * (score - share * *theta);
            *theta = b / a;
        }
    *se = sqrt(square) / a;
}

static void scores_are_the_textbook_s(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_effect out;
    cw_env_init(&env);
    make_rows(&env, &t, 9000);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) t.weight[i] = i % 9 == 0 ? 0 : 0.5 + uniform(i, 20);
    for (int limited = 0; limited < 2; limited++) {
        cw_effect_spec spec = interactive();
        spec.weighting = CW_SAMPLING;
        if (limited) {
            spec.low = 0.2;
            spec.high = 0.7;
        }
        answer_run_effect(&t, &spec, &out);
        for (int k = 0; k < ESTIMANDS - 1; k++) {
            double theta, se;
            plain(&t, &estimands[k], spec.low, spec.high, &theta, &se);
            assert_true(fabs(out.theta[k] - theta) < 1e-9 * fabs(theta));
            assert_true(fabs(out.se[k] - se) < 1e-9 * se);
        }
        assert_true(isnan(out.theta[ESTIMANDS - 1]) && out.rows[ESTIMANDS - 1] == 0);
        assert_int_equal(out.rows[5] + out.rows[6], out.counts.rows);
        assert_true(fabs(out.theta[0] - 2.5) < 5 * out.se[0]);
        assert_true(limited ? out.counts.low > 100 && out.counts.high > 100
                            : out.counts.low + out.counts.high == 0);
        assert_true(out.counts.e_min < 0.06 && out.counts.e_max > 0.8);
    }
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* Rows that are left out may hold anything, in every column. */
static void left_out_rows_do_not_matter(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_effect out, odd;
    cw_env_init(&env);
    make_rows(&env, &t, 5000);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) t.weight[i] = i % 5 != 2;
    cw_effect_spec spec = interactive();
    answer_run_effect(&t, &spec, &out);
    for (int64_t i = 2; i < t.rows; i += 5)
        for (int j = Y; j <= G1; j++) t.real[j][i] = (i + j) % 2 ? (double)NAN : (double)INFINITY;
    answer_run_effect(&t, &spec, &odd);
    assert_memory_equal(out.theta, odd.theta, (ESTIMANDS - 1) * sizeof(double));
    assert_memory_equal(out.se, odd.se, (ESTIMANDS - 1) * sizeof(double));
    assert_int_equal(odd.counts.bad, 0);
    /* With a weight they are bad rows: left out and counted. */
    for (int64_t i = 2; i < t.rows; i += 5) t.weight[i] = 1;
    answer_run_effect(&t, &spec, &odd);
    assert_memory_equal(out.theta, odd.theta, (ESTIMANDS - 1) * sizeof(double));
    assert_int_equal(odd.counts.bad, 1000);
    /* So are other treatments, silently: they are not compared. */
    for (int64_t i = 2; i < t.rows; i += 5) t.real[D][i] = 2;
    answer_run_effect(&t, &spec, &odd);
    assert_memory_equal(out.theta, odd.theta, (ESTIMANDS - 1) * sizeof(double));
    assert_int_equal(odd.counts.bad, 0);
    serial_free(&t);
}

static void repeat_rows(const serial_table *t, serial_table *to) {
    int64_t rows = 0;
    for (int64_t i = 0; i < t->rows; i++) rows += (int64_t)t->weight[i];
    serial_make(t->env, to, rows);
    for (int j = 0; j < COLUMNS; j++) serial_add(to, "x");
    for (int64_t i = 0, next = 0; i < t->rows; i++)
        for (int64_t k = 0; k < (int64_t)t->weight[i]; k++, next++)
            for (int j = 0; j < COLUMNS; j++) to->real[j][next] = t->real[j][i];
}

static void frequency_weights_are_repeated_rows(void **state) {
    (void)state;
    cw_env env;
    serial_table t, copies;
    answer_effect weighted, repeated;
    answer_weighting w, r;
    answer_nuisances a, b;
    static const int32_t covariates[] = {X0, X1};
    cw_env_init(&env);
    make_rows(&env, &t, 3000);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) t.weight[i] = (double)(i % 4);
    repeat_rows(&t, &copies);
    cw_effect_spec spec = interactive();
    spec.weighting = CW_FREQUENCY;
    answer_run_effect(&t, &spec, &weighted);
    spec.weighting = CW_UNWEIGHTED;
    answer_run_effect(&copies, &spec, &repeated);
    for (int k = 0; k < ESTIMANDS - 1; k++) {
        assert_true(fabs(weighted.theta[k] / repeated.theta[k] - 1) < 1e-10);
        assert_true(fabs(weighted.se[k] / repeated.se[k] - 1) < 1e-10);
    }
    assert_true(weighted.counts.n == (double)copies.rows);
    answer_design design = answer_make(&t, 2, covariates, D, Y);
    answer_nuisances_make(&t, &a, &design, 1, NULL, 0);
    answer_nuisances_make(&copies, &b, &design, 1, NULL, 0);
    answer_run_weighting(&t, &a, CW_FREQUENCY, 0, 1, &w);
    answer_run_weighting(&copies, &b, CW_UNWEIGHTED, 0, 1, &r);
    for (int k = 0; k < CW_WEIGHTED; k++) {
        assert_true(fabs(w.result.estimate[k] / r.result.estimate[k] - 1) < 1e-9);
        assert_true(fabs(w.se_fixed[k] / r.se_fixed[k] - 1) < 1e-9);
        assert_true(fabs(w.se_stacked[k] / r.se_stacked[k] - 1) < 1e-9);
    }
    cw_balance_table *bw = answer_balance(&t, &a, 2, covariates, CW_FREQUENCY);
    cw_balance_table *br = answer_balance(&copies, &b, 2, covariates, CW_UNWEIGHTED);
    for (int32_t which = -1; which < 2; which++) {
        cw_imbalance x = cw_balance_mean(bw, which, 1), y = cw_balance_mean(br, which, 1);
        assert_true(fabs(x.smd - y.smd) < 1e-9);
        if (which >= 0) assert_true(fabs(x.z - y.z) < 1e-7);
    }
    cw_balance_table_destroy(&bw);
    cw_balance_table_destroy(&br);
    answer_nuisances_free(&a);
    answer_nuisances_free(&b);
    serial_free(&copies);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void kernels_give_equal_bits(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_nuisances a;
    static answer_effect effect[3];
    static answer_weighting weighting[3];
    double imbalance[3][3];
    cw_calibration_result calibration[3];
    static const int32_t covariates[] = {X0, X1};
    int kernels = 0;
    int32_t *fold = NULL;
    cw_env_init(&env);
    make_rows(&env, &t, 17000);
    answer_design design = answer_make(&t, 2, covariates, D, Y);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof *fold, &fold), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) fold[i] = cw_fold_hashed(noise, 4, i);
    for (cw_cpu level = CW_CPU_PLAIN; level <= cw_cpu_found(); level++, kernels++) {
        cw_cpu_limit(level);
        answer_nuisances_make(&t, &a, &design, 1, NULL, 0);
        memset(&weighting[kernels], 0, sizeof weighting[0]);
        answer_run_weighting(&t, &a, CW_UNWEIGHTED, 0, 1, &weighting[kernels]);
        cw_balance_table *b = answer_balance(&t, &a, 2, covariates, CW_UNWEIGHTED);
        imbalance[kernels][0] = cw_balance_product(b, 0, 0, 0).smd;
        imbalance[kernels][1] = cw_balance_product(b, 1, 0, 1).z;
        imbalance[kernels][2] = cw_balance_mean(b, -1, 1).smd;
        cw_balance_table_destroy(&b);
        memset(&calibration[kernels], 0, sizeof calibration[0]);
        calibration[kernels] = answer_calibration(&t, &a);
        answer_nuisances_free(&a);
        answer_nuisances_make(&t, &a, &design, 4, fold, 0);
        cw_effect_spec spec = answer_effect_spec(&a, 0, CW_UNWEIGHTED, ESTIMANDS, estimands);
        memset(&effect[kernels], 0, sizeof effect[0]);
        answer_run_effect(&t, &spec, &effect[kernels]);
        answer_nuisances_free(&a);
        t.reals -= 2; /* the columns of folds and cells, made anew */
        cw_free(&env, &t.real[t.reals]);
        cw_free(&env, &t.real[t.reals + 1]);
    }
    cw_cpu_limit(CW_CPU_AVX512);
    for (int k = 1; k < kernels; k++) {
        assert_memory_equal(effect[0].theta, effect[k].theta, sizeof effect[0].theta);
        assert_memory_equal(effect[0].se, effect[k].se, (ESTIMANDS - 1) * sizeof(double));
        assert_memory_equal(&weighting[0], &weighting[k], sizeof weighting[0]);
        assert_memory_equal(imbalance[0], imbalance[k], sizeof imbalance[0]);
        assert_memory_equal(&calibration[0], &calibration[k], sizeof calibration[0]);
    }
    cw_free(&env, &fold);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void clusters_of_one_and_of_two(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_effect out;
    double theta, se, square = 0, pair = 0;
    cw_env_init(&env);
    make_rows(&env, &t, 2000);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof *t.key, &t.key), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) t.key[i] = i - 1000;
    cw_effect_spec spec = interactive();
    spec.estimands = 1;
    answer_run_effect(&t, &spec, &out);
    assert_true(fabs(out.cluster_se[0] / out.se[0] - 1) < 1e-12);
    assert_int_equal(out.clusters, 2000);
    for (int64_t i = 0; i < t.rows; i++) t.key[i] = i / 2;
    answer_run_effect(&t, &spec, &out);
    plain(&t, &estimands[0], 0, 1, &theta, &se);
    for (int64_t i = 0; i < t.rows; i++) {
        double d = t.real[D][i], e = t.real[E][i], g0 = t.real[G0][i], g1 = t.real[G1][i], y = t.real[Y][i];
        pair += g1 - g0 + d * (y - g1) / e - (1 - d) * (y - g0) / (1 - e) - theta;
        if (i % 2) {
            square += pair * pair;
            pair = 0;
        }
    }
    assert_true(fabs(out.cluster_se[0] / (sqrt(square) / 2000) - 1) < 1e-10);
    assert_int_equal(out.clusters, 1000);
    serial_free(&t);
}

static void limits_end_the_stacked_errors(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_nuisances a;
    answer_weighting w;
    static const int32_t covariates[] = {X0, X1};
    cw_env_init(&env);
    make_rows(&env, &t, 3000);
    answer_design design = answer_make(&t, 2, covariates, D, Y);
    answer_nuisances_make(&t, &a, &design, 1, NULL, 0);
    answer_run_weighting(&t, &a, CW_UNWEIGHTED, 0.25, 0.6, &w);
    assert_true(!w.result.stacked && w.result.low > 0 && w.result.high > 0);
    assert_memory_equal(w.se_fixed, w.se_stacked, sizeof w.se_fixed);
    double sum1 = 0, sum0 = 0, y1 = 0, y0 = 0, *e = NULL;
    serial_rows rows = {.table = &t};
    cw_block block;
    serial_rows_supply(&rows, 0, &block);
    assert_int_equal(cw_alloc(&env, 3000, sizeof *e, &e), CW_OK);
    cw_predict(&a.e, &block, 0, 3000, e);
    for (int i = 0; i < 3000; i++) {
        double p = fmin(fmax(e[i], 0.25), 0.6), d = t.real[D][i];
        sum1 += d * (1 - p) / p;
        y1 += d * (1 - p) / p * t.real[Y][i];
        sum0 += 1 - d;
        y0 += (1 - d) * t.real[Y][i];
    }
    assert_true(fabs(w.result.estimate[CW_WEIGHTED_ATC] / (y1 / sum1 - y0 / sum0) - 1) < 1e-9);
    cw_free(&env, &e);
    /* Horvitz-Thompson moves with the outcome's origin; centred it does not. */
    answer_weighting before, after;
    answer_run_weighting(&t, &a, CW_UNWEIGHTED, 0, 1, &before);
    for (int i = 0; i < 3000; i++) t.real[Y][i] += 5000;
    answer_run_weighting(&t, &a, CW_UNWEIGHTED, 0, 1, &after);
    assert_true(fabs(before.result.ht_centred - after.result.ht_centred) < 1e-8);
    assert_true(fabs(before.result.estimate[0] - after.result.estimate[0]) > 1);
    assert_true(fabs(before.result.estimate[1] - after.result.estimate[1]) < 1e-9);
    answer_nuisances_free(&a);
    serial_free(&t);
}

/* Trimming leaves the same rows out as weights of 0 would. */
static void trimming_leaves_rows_out(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_effect trimmed, weighted;
    cw_ipw *ipw = NULL;
    cw_ipw_result result[2];
    static const cw_weighted target = CW_WEIGHTED_ATE;
    double smd[2];
    int64_t outside = 0;
    cw_env_init(&env);
    make_rows(&env, &t, 5000);
    cw_effect_spec spec = interactive();
    cw_weighting_spec weighting = {.outcome = Y,
                                   .treatment = D,
                                   .treated = 1,
                                   .propensity = &e_column,
                                   .low = 0.2,
                                   .high = 0.6,
                                   .trim = 1};
    static const int32_t covariates[] = {X0, X1};
    cw_balance_spec balance = {.columns = 2,
                               .column = covariates,
                               .treatment = D,
                               .treated = 1,
                               .propensity = &e_column,
                               .low = 0.2,
                               .high = 0.6,
                               .trim = 1,
                               .targets = 1,
                               .target = &target};
    for (int by_weight = 0; by_weight < 2; by_weight++) {
        spec.low = by_weight ? 0 : 0.2;
        spec.high = by_weight ? 1 : 0.6;
        spec.trim = !by_weight;
        answer_run_effect(&t, &spec, by_weight ? &weighted : &trimmed);
        assert_int_equal(cw_ipw_create(&env, &weighting, &ipw), CW_OK);
        void *sums_of_pass = serial_pass(&t, cw_ipw_sums(ipw));
        assert_int_equal(cw_ipw_solve(ipw, sums_of_pass, NULL, &result[by_weight]), CW_OK);
        cw_free(&env, &sums_of_pass);
        cw_ipw_destroy(&ipw);
        cw_balance *b = NULL;
        cw_balance_table *table = NULL;
        assert_int_equal(cw_balance_create(&env, &balance, &b), CW_OK);
        sums_of_pass = serial_pass(&t, cw_balance_accumulator(b));
        assert_int_equal(cw_balance_read(b, sums_of_pass, &table), CW_OK);
        smd[by_weight] = cw_balance_product(table, 0, 0, 1).smd;
        cw_free(&env, &sums_of_pass);
        cw_balance_table_destroy(&table);
        cw_balance_destroy(&b);
        if (by_weight) break;
        weighting.low = balance.low = 0;
        weighting.high = balance.high = 1;
        assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
        for (int64_t i = 0; i < t.rows; i++) {
            t.weight[i] = t.real[E][i] >= 0.2 && t.real[E][i] <= 0.6;
            outside += t.weight[i] == 0;
        }
    }
    assert_memory_equal(trimmed.theta, weighted.theta, (ESTIMANDS - 1) * sizeof(double));
    assert_memory_equal(trimmed.se, weighted.se, (ESTIMANDS - 1) * sizeof(double));
    assert_int_equal(trimmed.counts.low + trimmed.counts.high, outside);
    assert_int_equal(trimmed.counts.rows, t.rows - outside);
    assert_memory_equal(result[0].estimate, result[1].estimate, sizeof result[0].estimate);
    assert_int_equal(result[0].low + result[0].high, outside);
    assert_true(!result[0].stacked && result[0].n == result[1].n && smd[0] == smd[1]);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* The partially linear estimate from fold Grams alone is that of the scores. */
static void gram_estimates_are_score_estimates(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    answer_nuisances a;
    answer_effect out;
    static const int32_t covariates[] = {X0, X1};
    static const cw_estimand estimand = {CW_SCORE_PARTIAL, CW_TARGET_ALL, -1, 0};
    enum { K = 3, Q = 5, SIZE = Q * (Q + 1) / 2 };
    int32_t *fold = NULL;
    double part[K * SIZE];
    cw_env_init(&env);
    make_rows(&env, &t, 9000);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof *fold, &fold), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) fold[i] = (int32_t)(i % K);
    answer_design design = answer_make(&t, 2, covariates, D, Y);
    answer_nuisances_make(&t, &a, &design, K, fold, 0);
    const cw_gram_spec spec = {.columns = Q - 1,
                               .column = design.column,
                               .shift = design.shift,
                               .scale = design.scale,
                               .folds = K,
                               .fold_column = a.fold_column};
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(&env, &spec, &gram), CW_OK);
    void *result = serial_pass(&t, cw_gram_accumulator(gram));
    for (int32_t k = 0; k < K; k++) cw_gram_get(gram, result, k, part + k * SIZE);
    cw_free(&env, &result);
    cw_gram_destroy(&gram);
    cw_partial sums =
        cw_gram_partial(K, Q, part, design.scale, Q - 2, a.treatment_coefficient, Q - 1, a.coefficient[2]);
    cw_effect_spec effect_spec = answer_effect_spec(&a, 1, CW_UNWEIGHTED, 1, &estimand);
    answer_run_effect(&t, &effect_spec, &out);
    double theta = sums.dy / sums.dd, minus = -sums.dd;
    assert_true(fabs(theta / out.theta[0] - 1) < 1e-11);
    assert_true(fabs(sums.weight / sums.dd / out.counts.riesz_square - 1) < 1e-11);
    double residual = (sums.yy - theta * (2 * sums.dy - theta * sums.dd)) / sums.weight;
    assert_true(fabs(residual / out.counts.residual_square - 1) < 1e-11);
    cw_effect *effect = NULL;
    cw_moments *moments = NULL;
    assert_int_equal(cw_effect_create(&env, &effect_spec, &effect), CW_OK);
    cw_effect_assume(effect, &theta, &minus, sums.weight);
    assert_int_equal(cw_moments_create(&env, NULL, cw_effect_influence(effect, 0), &moments), CW_OK);
    result = serial_pass(&t, cw_moments_accumulator(moments));
    assert_true(fabs(cw_moments_error(moments, result, 0, sums.weight) / out.se[0] - 1) < 1e-10);
    cw_free(&env, &result);
    cw_moments_destroy(&moments);
    cw_effect_destroy(&effect);
    answer_nuisances_free(&a);
    cw_free(&env, &fold);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* One pass of everything with memory that fails at a given call. */
static cw_code everything(cw_env *env, const serial_table *t, int64_t fail_at) {
    cw_effect *effect = NULL;
    cw_ipw *ipw = NULL;
    cw_balance *balance = NULL;
    cw_balance_table *table = NULL;
    cw_risk *risk = NULL;
    static const int32_t covariates[] = {X0, X1};
    static const double zeros[3];
    static const cw_weighted target = CW_WEIGHTED_ATO;
    const cw_predictor logit = {
        .link = CW_LINK_LOGIT, .columns = 2, .column = covariates, .coefficient = zeros, .stride = 3};
    const cw_effect_spec effect_spec = interactive();
    const cw_weighting_spec weighting = {
        .outcome = Y, .treatment = D, .treated = 1, .propensity = &logit, .high = 1};
    const cw_balance_spec balance_spec = {.columns = 2,
                                          .column = covariates,
                                          .treatment = D,
                                          .treated = 1,
                                          .propensity = &logit,
                                          .high = 1,
                                          .targets = 1,
                                          .target = &target};
    const cw_risk_item item = {.predictor = &logit, .response = D, .filter = -1};
    cw_ipw_result weighted;
    cw_rank_result rank;
    double share;
    env->fail_at = fail_at;
    cw_code code = cw_effect_create(env, &effect_spec, &effect);
    if (code == CW_OK) code = cw_ipw_create(env, &weighting, &ipw);
    if (code == CW_OK) code = cw_balance_create(env, &balance_spec, &balance);
    if (code == CW_OK) code = cw_risk_create(env, NULL, 1, &item, &risk);
    if (code == CW_OK) {
        void *sums = serial_pass(t, cw_ipw_sums(ipw)),
             *grams = serial_pass(t, cw_balance_accumulator(balance));
        code = cw_ipw_solve(ipw, sums, NULL, &weighted);
        if (code == CW_OK) code = cw_balance_read(balance, grams, &table);
        cw_free(t->env, &sums);
        cw_free(t->env, &grams);
    }
    if (code == CW_OK) code = cw_rank_calibration(env, t->rows, t->real[E], t->real[D], &rank);
    if (code == CW_OK) code = cw_top_share(env, t->rows, t->real[E], 0.01, &share);
    cw_balance_table_destroy(&table);
    cw_balance_destroy(&balance);
    cw_risk_destroy(&risk);
    cw_ipw_destroy(&ipw);
    cw_effect_destroy(&effect);
    return code;
}

static void every_failed_allocation_unwinds(void **state) {
    (void)state;
    cw_env data, env;
    serial_table t;
    cw_env_init(&data);
    make_rows(&data, &t, 400);
    for (int64_t call = 1;; call++) {
        cw_env_init(&env);
        cw_code code = everything(&env, &t, call);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        assert_true(call < 100);
    }
    serial_free(&t);
}

static void mistakes_are_told(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_effect *effect = NULL;
    cw_ipw *ipw = NULL;
    cw_ipw_result result;
    cw_env_init(&env);
    make_rows(&env, &t, 100);
    cw_effect_spec spec = interactive();
    spec.low = 0.9;
    spec.high = 0.1;
    assert_int_equal(cw_effect_create(&env, &spec, &effect), CW_BAD_JOB);
    cw_env_clear(&env);
    cw_weighting_spec weighting = {
        .outcome = Y, .treatment = D, .treated = 1, .propensity = &e_column, .high = 2};
    assert_int_equal(cw_ipw_create(&env, &weighting, &ipw), CW_BAD_JOB);
    cw_env_clear(&env);
    weighting.high = 1;
    for (int64_t i = 0; i < t.rows; i++) t.real[D][i] = 0;
    assert_int_equal(cw_ipw_create(&env, &weighting, &ipw), CW_OK);
    void *sums = serial_pass(&t, cw_ipw_sums(ipw));
    assert_int_equal(cw_ipw_solve(ipw, sums, NULL, &result), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "treated"));
    cw_free(&env, &sums);
    cw_ipw_destroy(&ipw);
    serial_free(&t);
    for (int k = 0; k < CW_OVERLAP_COUNT; k++)
        assert_true(strlen(cw_overlap_name((cw_overlap_flag)k)) > 4 &&
                    strlen(cw_overlap_text((cw_overlap_flag)k)) > 20);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_textbook_s),
        cmocka_unit_test(left_out_rows_do_not_matter),
        cmocka_unit_test(frequency_weights_are_repeated_rows),
        cmocka_unit_test(kernels_give_equal_bits),
        cmocka_unit_test(clusters_of_one_and_of_two),
        cmocka_unit_test(limits_end_the_stacked_errors),
        cmocka_unit_test(trimming_leaves_rows_out),
        cmocka_unit_test(gram_estimates_are_score_estimates),
        cmocka_unit_test(every_failed_allocation_unwinds),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
