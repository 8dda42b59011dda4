/* Coverage and bias of weighting, doubly robust and cross-fit estimates: 4000 simulated data sets a design.
 * The share of 95 % intervals that hold the truth is judged by a two-sided binomial test at 1e-4; the mean of
 * the estimates must be within a tenth of a standard deviation of the truth. Joint bands likewise. The flags
 * stay down where the models are right, and rise where the propensity is wrong. */
#include "tests/support/answer.h"

#include "src/base/distribution.h"
#include "src/base/random.h"
#include "src/estimate/multiplier.h"

enum { SEEDS = 4000 };
static const double level = 0.95, test_size = 1e-4;

enum { X0, X1, X2, D, Y, GROUP, COLUMNS };
static const int32_t covariates[] = {X0, X1, X2};

typedef struct design {
    const char *name;
    int64_t rows;
    double slope;    /* of the propensity: 0.7 good overlap, 2.5 poor */
    int nonlinear;   /* the outcome is not linear in the covariates; the propensity is a logit all the same */
    int64_t cluster; /* rows a cluster, with a shared part of covariates and noise; 0: none */
    int weighted;    /* sampling weights that go with the effect */
} design;

static double logistic(double eta) {
    return 1 / (1 + exp(-eta));
}

/* The effect of a row; its mean over the population is in `truth`. */
static double effect_of(double x0) {
    return 1 + 0.5 * x0;
}

static void make(cw_env *env, const design *of, uint64_t seed, serial_table *t) {
    cw_stream stream = cw_stream_make(seed, "answer coverage", of->name, 0);
    serial_make(env, t, of->rows);
    for (int j = 0; j < COLUMNS; j++) serial_add(t, "x");
    if (of->weighted) assert_int_equal(cw_alloc(env, (size_t)t->rows, sizeof(double), &t->weight), CW_OK);
    if (of->cluster) assert_int_equal(cw_alloc(env, (size_t)t->rows, sizeof *t->key, &t->key), CW_OK);
    for (int64_t i = 0; i < t->rows; i++) {
        double z[6], shared[2] = {0, 0};
        for (uint32_t k = 0; k < 6; k++) z[k] = cw_stream_normal(stream, (uint64_t)i, k, 0);
        if (of->cluster) {
            t->key[i] = i / of->cluster;
            for (uint32_t k = 0; k < 2; k++)
                shared[k] = cw_stream_normal(stream, (uint64_t)t->key[i], 10 + k, 0);
            z[0] = sqrt(0.5) * (z[0] + shared[0]);
            z[3] = sqrt(0.5) * (z[3] + shared[1]);
        }
        double x0 = z[0], x1 = z[1], x2 = z[2] > 0;
        double e = logistic(of->slope * (0.6 * x0 - 0.6 * x1 + 0.3 * x2 - 0.15));
        double d = cw_stream_uniform(stream, (uint64_t)i, 20, 0) < e;
        double base = of->nonlinear ? x0 * x0 + (x1 > 0) : x0 + x1;
        double y = base + x2 + d * effect_of(x0) + z[3];
        const double row[COLUMNS] = {x0, x1, x2, d, y, x2};
        for (int j = 0; j < COLUMNS; j++) t->real[j][i] = row[j];
        /* Rows with large x0 were sampled more often than others. */
        if (of->weighted) t->weight[i] = 1 / (0.5 + logistic(x0));
    }
    if (!of->weighted) return;
    /* Keep a row with probability proportional to 1 / weight: the rest leave the sample. */
    for (int64_t i = 0; i < t->rows; i++)
        if (cw_stream_uniform(stream, (uint64_t)i, 21, 0) > 1 / (1.5 * t->weight[i])) t->weight[i] = 0;
}

typedef struct tally {
    int64_t hits, count;
    double sum, square;
} tally;

static void note(tally *to, double estimate, double error, double truth) {
    to->hits += fabs(estimate - truth) <= error;
    to->count++;
    to->sum += estimate - truth;
    to->square += (estimate - truth) * (estimate - truth);
}

/* conservative: intervals may be too long, never too short. */
static void judge(const char *design_name, const char *what, const tally *t, int conservative) {
    double n = (double)t->count, mean = t->sum / n, sd = sqrt(t->square / n - mean * mean);
    double low = cw_binomial_cdf(t->hits, t->count, level),
           high = cw_binomial_upper(t->hits, t->count, level);
    printf("%s, %s: coverage %.4f, bias %.3f sd\n", design_name, what, (double)t->hits / n, mean / sd);
    if (low < test_size / 2 || (!conservative && high < test_size / 2))
        fail_msg("%s, %s: coverage %.4f", design_name, what, (double)t->hits / n);
    if (!(fabs(mean) < 0.1 * sd)) fail_msg("%s, %s: bias %.3f sd", design_name, what, mean / sd);
}

/* Truths: the means of the effect over everyone, the treated, the controls, and by overlap weights, from many
 * rows. */
static void truths(const design *of, double *ate, double *att, double *atc, double *ato) {
    double sum[3][2] = {{0, 0}, {0, 0}, {0, 0}};
    cw_stream stream = cw_stream_make(0, "truth", NULL, 0);
    for (uint64_t i = 0; i < 2000000; i++) {
        double x0 = cw_stream_normal(stream, i, 0, 0), x1 = cw_stream_normal(stream, i, 1, 0);
        double x2 = cw_stream_uniform(stream, i, 2, 0) < 0.5;
        double e = logistic(of->slope * (0.6 * x0 - 0.6 * x1 + 0.3 * x2 - 0.15));
        const double weight[3] = {e, 1 - e, e * (1 - e)};
        for (int k = 0; k < 3; k++) {
            sum[k][0] += weight[k];
            sum[k][1] += weight[k] * x0;
        }
    }
    *ate = 1;
    *att = 1 + 0.5 * sum[0][1] / sum[0][0];
    *atc = 1 + 0.5 * sum[1][1] / sum[1][0];
    *ato = 1 + 0.5 * sum[2][1] / sum[2][0];
}

static cw_weighting weighting(const design *of) {
    return of->weighted ? CW_SAMPLING : CW_UNWEIGHTED;
}

static void weights_and_doubly_robust(const design *of, int weights, int effects) {
    static const cw_estimand estimand[] = {{CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_CONTROLS, -1, 0}};
    static const char *const names[] = {"Horvitz-Thompson", "Hajek ATE", "Hajek ATT", "Hajek ATC", "overlap"};
    static const char *const doubles[] = {"AIPW ATE", "AIPW ATT", "AIPW ATC"};
    tally ipw[CW_WEIGHTED], aipw[3];
    double truth[4], critical = cw_normal_quantile(0.5 + level / 2);
    memset(ipw, 0, sizeof ipw);
    memset(aipw, 0, sizeof aipw);
    truths(of, &truth[0], &truth[1], &truth[2], &truth[3]);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        cw_env env;
        serial_table t;
        answer_nuisances a;
        answer_weighting w;
        answer_effect e;
        cw_env_init(&env);
        make(&env, of, seed, &t);
        answer_design d = answer_make(&t, 3, covariates, D, Y);
        answer_nuisances_make(&t, &a, &d, 1, NULL, 0);
        answer_run_weighting(&t, &a, weighting(of), 0, 1, &w);
        for (int k = 0; k < CW_WEIGHTED; k++)
            note(&ipw[k], w.result.estimate[k], critical * w.se_stacked[k], truth[k ? k - 1 : 0]);
        cw_effect_spec spec = answer_effect_spec(&a, 0, weighting(of), 3, estimand);
        answer_run_effect(&t, &spec, &e);
        for (int k = 0; k < 3; k++) note(&aipw[k], e.theta[k], critical * e.se[k], truth[k]);
        answer_nuisances_free(&a);
        serial_free(&t);
        assert_int_equal(env.blocks_now, 0);
    }
    for (int k = 0; k < CW_WEIGHTED; k++)
        if (weights >> k & 1) judge(of->name, names[k], &ipw[k], 0);
    for (int k = 0; k < 3; k++)
        if (effects >> k & 1) judge(of->name, doubles[k], &aipw[k], of->nonlinear);
}

static void good_overlap(void **state) {
    (void)state;
    const design of = {.name = "good overlap", .rows = 1000, .slope = 0.7};
    weights_and_doubly_robust(&of, 31, 7);
}

/* Where weights are extreme the overlap population still has its interval. */
static void poor_overlap(void **state) {
    (void)state;
    const design of = {.name = "poor overlap", .rows = 1500, .slope = 2.5};
    weights_and_doubly_robust(&of, 1 << CW_WEIGHTED_ATO, 0);
}

/* The outcome models are wrong and the propensity right: the estimates hold, and errors that take the
 * propensity as known are then too large rather than too small. */
static void nonlinear_outcome(void **state) {
    (void)state;
    const design of = {.name = "nonlinear outcome", .rows = 1500, .slope = 0.7, .nonlinear = 1};
    weights_and_doubly_robust(&of, 30, 7);
}

static void sampling_weights(void **state) {
    (void)state;
    const design of = {.name = "sampling weights", .rows = 1800, .slope = 0.7, .weighted = 1};
    weights_and_doubly_robust(&of, 30, 1);
}

/* Folds by row or cluster, dealt out. */
static void deal(const serial_table *t, uint64_t seed, int64_t cluster, int32_t folds, int32_t *fold) {
    int64_t count = cluster ? (t->rows + cluster - 1) / cluster : t->rows;
    int64_t id[4096];
    int32_t own[4096];
    assert_true(count <= 4096);
    for (int64_t i = 0; i < count; i++) id[i] = i;
    assert_int_equal(
        cw_folds_deal(t->env, cw_stream_make(seed, "folds", NULL, 0), folds, count, id, NULL, own), CW_OK);
    for (int64_t i = 0; i < t->rows; i++) fold[i] = own[cluster ? i / cluster : i];
}

static void cross_fit_design(const design *of, int bands) {
    static const cw_estimand partial[] = {{CW_SCORE_PARTIAL, CW_TARGET_ALL, -1, 0}};
    static const cw_estimand estimand[] = {{CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_ALL, GROUP, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_ALL, GROUP, 1}};
    static const char *const names[] = {"IRM ATE", "IRM ATTE", "IRM group 0", "IRM group 1"};
    static int32_t fold[4096];
    tally irm[4], plr, joint;
    double truth[4], groups = of->cluster ? (double)(of->rows / of->cluster) : INFINITY;
    double critical =
        isfinite(groups) ? cw_t_quantile(0.5 + level / 2, groups - 1) : cw_normal_quantile(0.5 + level / 2);
    memset(irm, 0, sizeof irm);
    memset(&plr, 0, sizeof plr);
    memset(&joint, 0, sizeof joint);
    truths(of, &truth[0], &truth[1], &truth[2], &truth[3]);
    const double want[4] = {truth[0], truth[1], truth[0], truth[0]};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        cw_env env;
        serial_table t;
        answer_nuisances a;
        answer_effect e;
        cw_env_init(&env);
        make(&env, of, seed, &t);
        deal(&t, seed, of->cluster, 5, fold);
        answer_design d = answer_make(&t, 3, covariates, D, Y);
        answer_nuisances_make(&t, &a, &d, 5, fold, 0);
        cw_effect_spec spec = answer_effect_spec(&a, 0, CW_UNWEIGHTED, 4, estimand);
        spec.low = 0.01;
        spec.high = 0.99;
        answer_run_effect(&t, &spec, &e);
        for (int k = 0; k < 4; k++)
            note(&irm[k], e.theta[k], critical * (of->cluster ? e.cluster_se[k] : e.se[k]), want[k]);
        if (bands) {
            cw_effect *effect = NULL;
            cw_multiplier *m = NULL;
            cw_effect_counts counts;
            double theta[4], c;
            assert_int_equal(cw_effect_create(&env, &spec, &effect), CW_OK);
            void *result = serial_pass(&t, cw_effect_sums(effect));
            cw_effect_solve(effect, result, theta, &counts);
            cw_free(&env, &result);
            const cw_multiplier_spec draws = {.influence = cw_effect_influence(effect, 0),
                                              .stream = cw_stream_make(seed, "bootstrap", NULL, 0),
                                              .draws = 1000,
                                              .key = -1,
                                              .key_high = -1};
            assert_int_equal(cw_multiplier_create(&env, &draws, &m), CW_OK);
            result = serial_pass(&t, cw_multiplier_accumulator(m));
            assert_int_equal(cw_multiplier_critical(m, result, counts.n, e.se, level, &c), CW_OK);
            int all = 1;
            for (int k = 0; k < 4; k++) all &= fabs(theta[k] - want[k]) <= c * e.se[k];
            note(&joint, theta[0], all ? INFINITY : -1, truth[0]);
            cw_free(&env, &result);
            cw_multiplier_destroy(&m);
            cw_effect_destroy(&effect);
        }
        /* With a constant effect of those who could go either way, the partially linear estimate is theirs.
         */
        spec = answer_effect_spec(&a, 1, CW_UNWEIGHTED, 1, partial);
        spec.treatment_model = &a.e;
        answer_run_effect(&t, &spec, &e);
        note(&plr, e.theta[0], critical * (of->cluster ? e.cluster_se[0] : e.se[0]), truth[3]);
        answer_nuisances_free(&a);
        serial_free(&t);
        assert_int_equal(env.blocks_now, 0);
    }
    for (int k = 0; k < 4; k++) judge(of->name, names[k], &irm[k], 0);
    judge(of->name, "PLR", &plr, 0);
    if (bands) judge(of->name, "joint band", &joint, 0);
}

static void cross_fit(void **state) {
    (void)state;
    const design of = {.name = "cross-fit", .rows = 1000, .slope = 0.7};
    cross_fit_design(&of, 1);
}

static void cross_fit_clusters(void **state) {
    (void)state;
    const design of = {.name = "cross-fit, clusters", .rows = 2000, .slope = 0.7, .cluster = 8};
    cross_fit_design(&of, 0);
}

static uint32_t flags(const design *of, uint64_t seed, int wrong) {
    static const cw_estimand estimand = {CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0};
    cw_env env;
    serial_table t;
    answer_nuisances a;
    answer_weighting w;
    answer_effect e;
    cw_env_init(&env);
    make(&env, of, seed, &t);
    if (wrong) {
        /* Treatment goes with the square of x0, which a logit linear in x0 cannot see. */
        cw_stream stream = cw_stream_make(seed, "wrong", NULL, 0);
        for (int64_t i = 0; i < t.rows; i++) {
            double x0 = t.real[X0][i];
            t.real[D][i] = cw_stream_uniform(stream, (uint64_t)i, 0, 0) < logistic(x0 * x0 - 1 + 0.5 * x0);
        }
    }
    answer_design d = answer_make(&t, 3, covariates, D, Y);
    answer_nuisances_make(&t, &a, &d, 1, NULL, 0);
    answer_run_weighting(&t, &a, CW_UNWEIGHTED, 0, 1, &w);
    cw_effect_spec spec = answer_effect_spec(&a, 0, CW_UNWEIGHTED, 1, &estimand);
    answer_run_effect(&t, &spec, &e);
    cw_balance_table *b = answer_balance(&t, &a, 3, covariates, CW_UNWEIGHTED);
    cw_calibration_result c = answer_calibration(&t, &a);
    const double estimate[] = {w.result.ht_centred, w.result.estimate[1], e.theta[0]};
    const double se[] = {w.se_stacked[0], w.se_stacked[1], e.se[0]};
    const cw_overlap_facts facts = {.target = CW_WEIGHTED_ATE,
                                    .weights = &w.result,
                                    .balance = b,
                                    .calibration = &c,
                                    .estimates = 3,
                                    .estimate = estimate,
                                    .se = se};
    uint32_t raised = cw_overlap_judge(&facts);
    cw_balance_table_destroy(&b);
    answer_nuisances_free(&a);
    serial_free(&t);
    return raised;
}

static void flags_rise_only_with_cause(void **state) {
    (void)state;
    const design small = {.name = "flags, small", .rows = 400, .slope = 0.7};
    const design large = {.name = "flags, large", .rows = 5000, .slope = 0.7};
    int false_small = 0, false_large = 0, seen = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) false_small += flags(&small, seed, 0) != 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        false_large += flags(&large, seed, 0) != 0;
        seen += flags(&large, seed, 1) != 0;
    }
    printf("flags: false %d of 1000 (400 rows), %d of 300 (5000 rows); seen %d of 300\n", false_small,
           false_large, seen);
    assert_true(false_small <= 20);
    assert_true(false_large <= 2);
    assert_true(seen >= 295);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_overlap),
        cmocka_unit_test(poor_overlap),
        cmocka_unit_test(nonlinear_outcome),
        cmocka_unit_test(sampling_weights),
        cmocka_unit_test(cross_fit),
        cmocka_unit_test(cross_fit_clusters),
        cmocka_unit_test(flags_rise_only_with_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
