/* One core, rows in memory: the passes of a cross-fit estimate (fold Grams, a Newton pass of all folds,
 * scores, influence values), 1000 bootstrap draws, balance of squares and products. Prints JSON, seconds a
 * pass over all rows. Arguments: rows (default 1000000), covariates (default 50). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/cpu.h"
#include "src/base/random.h"
#include "src/estimate/balance.h"
#include "src/estimate/effect.h"
#include "src/estimate/multiplier.h"
#include "src/learn/gramfit.h"
#include "src/learn/logistic.h"
#include "src/linalg/gram.h"

enum { FOLDS = 5, MOST = 256 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(cw_code code) {
    if (code == CW_OK) return;
    fprintf(stderr, "bench_answer: %s\n", cw_code_text(code));
    exit(70);
}

typedef struct table {
    cw_env env;
    int64_t rows;
    int32_t covariates; /* then treatment, outcome, cell, influence */
    double *real[MOST + 4];
} table;

/* A pass as the engine makes it on one rank: a leaf a block, merged into one state (not along the tree). */
static void *pass(table *t, const cw_accumulator *a, const char *name, int last) {
    void *state = NULL, *leaf = NULL, *scratch = NULL;
    const double *real[MOST + 4];
    must(cw_alloc(&t->env, 1, cw_accumulator_bytes(a), &state));
    must(cw_alloc(&t->env, 1, cw_accumulator_bytes(a), &leaf));
    must(cw_alloc(&t->env, 1, a->scratch_bytes, &scratch));
    double start = now();
    cw_accumulator_reset(a, state);
    for (int64_t first = 0; first < t->rows; first += CW_BLOCK_ROWS) {
        int64_t left = t->rows - first;
        for (int32_t j = 0; j < t->covariates + 4; j++) real[j] = t->real[j] + first;
        cw_block block = {.number = first / CW_BLOCK_ROWS,
                          .first_row = first,
                          .rows = (int32_t)(left < CW_BLOCK_ROWS ? left : CW_BLOCK_ROWS),
                          .reals = t->covariates + 4,
                          .real = real};
        cw_accumulator_reset(a, leaf);
        a->add(a->params, leaf, scratch, &block);
        a->merge(a->params, state, leaf);
    }
    printf("    \"%s\": %.4f%s\n", name, now() - start, last ? "" : ",");
    fflush(stdout);
    cw_free(&t->env, &leaf);
    cw_free(&t->env, &scratch);
    return state;
}

static void make(table *t) {
    cw_stream stream = cw_stream_make(1, "bench", NULL, 0);
    for (int32_t j = 0; j < t->covariates + 4; j++)
        must(cw_alloc(&t->env, (size_t)t->rows, sizeof(double), &t->real[j]));
    for (int32_t j = 0; j < t->covariates; j++)
        for (int64_t i = 0; i < t->rows; i++) {
            uint64_t word[2];
            cw_stream_words(stream, (uint64_t)i, (uint32_t)j, 0, word);
            t->real[j][i] = (double)(word[0] >> 40) * 0x1p-23 - 1;
        }
    for (int64_t i = 0; i < t->rows; i++) {
        double eta = t->real[0][i] - 0.5 * t->real[1][i];
        double d = cw_stream_uniform(stream, (uint64_t)i, 1000, 0) < 0.5 + 0.25 * eta;
        t->real[t->covariates][i] = d;
        t->real[t->covariates + 1][i] = eta + d + cw_stream_uniform(stream, (uint64_t)i, 1001, 0);
        t->real[t->covariates + 2][i] = (double)(2 * (i % FOLDS)) + d;
        t->real[t->covariates + 3][i] = cw_stream_uniform(stream, (uint64_t)i, 1002, 0) - 0.5;
    }
}

static void bench(table *t, cw_cpu level, int last_level) {
    int32_t p = t->covariates, q = p + 3, column[MOST + 4];
    int32_t model_of_cell[2 * FOLDS];
    uint8_t uses[2 * FOLDS * FOLDS];
    for (int32_t j = 0; j < p + 4; j++) column[j] = j;
    for (int32_t c = 0; c < 2 * FOLDS; c++) {
        model_of_cell[c] = c / 2;
        for (int32_t m = 0; m < FOLDS; m++) uses[m * 2 * FOLDS + c] = c / 2 != m;
    }
    cw_cpu_limit(level);
    printf("   {\"kernel\": \"%s\",\n", cw_cpu_name(level));
    cw_gram *gram = NULL;
    const cw_gram_spec gram_spec = {
        .columns = p + 2, .column = column, .folds = 2 * FOLDS, .fold_column = p + 2};
    must(cw_gram_create(&t->env, &gram_spec, &gram));
    void *state = pass(t, cw_gram_accumulator(gram), "fold_grams", 0);
    cw_free(&t->env, &state);
    cw_gram_destroy(&gram);

    cw_logistic *logit = NULL;
    const cw_logistic_spec logit_spec = {.columns = p,
                                         .column = column,
                                         .response = p,
                                         .zero = 0,
                                         .one = 1,
                                         .cells = 2 * FOLDS,
                                         .cell_column = p + 2,
                                         .models = FOLDS,
                                         .uses = uses};
    must(cw_logistic_create(&t->env, &logit_spec, &logit));
    state = pass(t, cw_logistic_accumulator(logit), "newton_pass_of_5_folds", 0);
    cw_free(&t->env, &state);
    cw_logistic_destroy(&logit);

    double *zero = NULL;
    must(cw_alloc_zero(&t->env, (size_t)(FOLDS * q), sizeof *zero, &zero));
    const cw_predictor linear = {.link = CW_LINK_IDENTITY,
                                 .columns = p,
                                 .column = column,
                                 .coefficient = zero,
                                 .stride = q,
                                 .cells = 2 * FOLDS,
                                 .cell_column = p + 2,
                                 .model_of_cell = model_of_cell};
    cw_predictor propensity = linear;
    propensity.link = CW_LINK_LOGIT;
    const cw_estimand partial = {CW_SCORE_PARTIAL, CW_TARGET_ALL, -1, 0};
    cw_effect_spec effect_spec = {.outcome = p + 1,
                                  .treatment = p,
                                  .treated = 1,
                                  .outcome_model = {&linear, &linear},
                                  .treatment_model = &linear,
                                  .high = 1,
                                  .estimands = 1,
                                  .estimand = &partial};
    cw_effect *effect = NULL;
    double theta;
    cw_effect_counts counts;
    must(cw_effect_create(&t->env, &effect_spec, &effect));
    state = pass(t, cw_effect_sums(effect), "plr_sums", 0);
    cw_effect_solve(effect, state, &theta, &counts);
    cw_free(&t->env, &state);
    cw_moments *moments = NULL;
    must(cw_moments_create(&t->env, NULL, cw_effect_influence(effect, 0), &moments));
    state = pass(t, cw_moments_accumulator(moments), "plr_influence", 0);
    cw_free(&t->env, &state);
    cw_moments_destroy(&moments);
    cw_effect_destroy(&effect);

    int32_t influence_column = p + 3;
    const cw_influence_columns from = {1, &influence_column};
    const cw_influence influence = cw_influence_of_columns(&from);
    const cw_multiplier_spec multiplier_spec = {.influence = &influence,
                                                .stream = cw_stream_make(1, "bootstrap", NULL, 0),
                                                .draws = 1000,
                                                .key = -1,
                                                .key_high = -1};
    cw_multiplier *multiplier = NULL;
    must(cw_multiplier_create(&t->env, &multiplier_spec, &multiplier));
    state = pass(t, cw_multiplier_accumulator(multiplier), "bootstrap_1000_draws", 0);
    cw_free(&t->env, &state);
    cw_multiplier_destroy(&multiplier);

    static const cw_weighted target = CW_WEIGHTED_ATE;
    const cw_balance_spec balance_spec = {.columns = p,
                                          .column = column,
                                          .treatment = p,
                                          .treated = 1,
                                          .propensity = &propensity,
                                          .high = 1,
                                          .targets = 1,
                                          .target = &target};
    cw_balance *balance = NULL;
    must(cw_balance_create(&t->env, &balance_spec, &balance));
    state = pass(t, cw_balance_accumulator(balance), "balance_of_squares_and_products", 1);
    cw_free(&t->env, &state);
    cw_balance_destroy(&balance);
    cw_free(&t->env, &zero);
    printf("   }%s\n", last_level ? "" : ",");
}

int main(int argc, char **argv) {
    static table t;
    cw_env_init(&t.env);
    t.rows = argc > 1 ? atoll(argv[1]) : 1000000;
    t.covariates = argc > 2 ? atoi(argv[2]) : 50;
    if (t.rows < 1 || t.covariates < 2 || t.covariates > MOST) {
        fprintf(stderr, "usage: bench_answer [ROWS [COVARIATES 2-%d]]\n", MOST);
        return 64;
    }
    make(&t);
    printf("{\"rows\": %lld, \"covariates\": %d, \"seconds\": [\n", (long long)t.rows, t.covariates);
    for (cw_cpu level = CW_CPU_PLAIN; level <= cw_cpu_found(); level++)
        bench(&t, level, level == cw_cpu_found());
    printf("]}\n");
    for (int32_t j = 0; j < t.covariates + 4; j++) cw_free(&t.env, &t.real[j]);
    return 0;
}
