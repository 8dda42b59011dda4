/* What the steps of least squares cost over rows in memory, on one core: the profile, the Gram matrix, the
 * scores without and with leverages, and a cluster's rows; beside reading the same columns once. Prints JSON.
 * Arguments: rows (default 400000), covariates (default 50). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "src/base/cpu.h"
#include "src/base/real.h"
#include "src/estimate/linear.h"
#include "src/estimate/profile.h"

enum { MOST = 512, REPEATS = 3 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void stop(const char *what) {
    fprintf(stderr, "bench_linear: %s\n", what);
    exit(70);
}

typedef struct rows {
    cw_env env;
    int64_t rows;
    int32_t columns; /* outcome, treatment, covariates */
    double *data;
} rows;

static void block_at(const rows *r, int64_t number, const double **real, cw_block *block) {
    int64_t first = number * CW_BLOCK_ROWS, left = r->rows - first;
    for (int32_t j = 0; j < r->columns; j++) real[j] = r->data + (int64_t)j * r->rows + first;
    *block = (cw_block){.number = number, .first_row = first, .reals = r->columns, .real = real};
    block->rows = (int32_t)(left < CW_BLOCK_ROWS ? left : CW_BLOCK_ROWS);
}

/* One pass. In tree order every block is a fresh leaf; merging one after the other costs what the tree costs.
 */
static void *pass(rows *r, const cw_accumulator *a, double *seconds) {
    void *state = NULL, *leaf = NULL, *scratch = NULL;
    if (cw_alloc(&r->env, 1, cw_accumulator_bytes(a), &state) != CW_OK ||
        cw_alloc(&r->env, 1, cw_accumulator_bytes(a), &leaf) != CW_OK ||
        cw_alloc(&r->env, 1, a->scratch_bytes, &scratch) != CW_OK)
        stop("out of memory");
    *seconds = 1e9;
    for (int k = 0; k < REPEATS; k++) {
        double start = now();
        cw_accumulator_reset(a, state);
        for (int64_t b = 0; b < cw_block_count(r->rows); b++) {
            const double *real[MOST];
            cw_block block;
            block_at(r, b, real, &block);
            if (a->order == CW_EXACT) {
                a->add(a->params, state, scratch, &block);
                continue;
            }
            cw_accumulator_reset(a, leaf);
            a->add(a->params, leaf, scratch, &block);
            a->merge(a->params, state, leaf);
        }
        double spent = now() - start;
        if (spent < *seconds) *seconds = spent;
    }
    cw_free(&r->env, &leaf);
    cw_free(&r->env, &scratch);
    return state;
}

static void report(const rows *r, const char *step, double seconds, int last) {
    double bytes = 8.0 * (double)r->rows * r->columns;
    printf("    {\"step\": \"%s\", \"seconds\": %.5f, \"ns_per_row\": %.2f, \"gbytes\": %.2f}%s\n", step,
           seconds, 1e9 * seconds / (double)r->rows, 1e-9 * bytes / seconds, last ? "" : ",");
    fflush(stdout);
}

static double read_all(const rows *r) {
    double best = 1e9, kept = 0;
    for (int k = 0; k < REPEATS; k++) {
        double start = now(), sum = 0;
        for (int64_t b = 0; b < cw_block_count(r->rows); b++) {
            const double *real[MOST];
            cw_block block;
            block_at(r, b, real, &block);
            for (int32_t j = 0; j < r->columns; j++) sum += cw_sum(block.rows, real[j]);
        }
        double spent = now() - start;
        if (spent < best) best = spent;
        kept += sum;
    }
    return kept == 0.125 ? 1e9 : best; /* the sum must be used */
}

static double clusters(rows *r, const cw_linear *linear) {
    double start = now(), kept = 0, value[8];
    for (int64_t b = 0; b < cw_block_count(r->rows); b++) {
        const double *real[MOST];
        cw_block block;
        block_at(r, b, real, &block);
        for (int32_t i = 0; i < block.rows; i++)
            if (cw_linear_cluster_row(linear, &block, i, value)) kept += value[0];
    }
    return kept == 0.125 ? 1e9 : now() - start;
}

static void form(rows *r, const char *name, cw_linear_spec spec, int last) {
    char step[64];
    double seconds;
    for (int leverage = 0; leverage <= 1; leverage++) {
        cw_linear *linear = NULL;
        void *solution = NULL;
        spec.leverage = leverage;
        if (cw_linear_create(&r->env, &spec, &linear) != CW_OK ||
            cw_alloc(&r->env, 1, cw_linear_solution_bytes(linear), &solution) != CW_OK)
            stop("out of memory");
        void *gram = pass(r, cw_linear_gram(linear), &seconds);
        snprintf(step, sizeof step, "%s_gram", name);
        if (!leverage) report(r, step, seconds, 0);
        double start = now();
        if (cw_linear_fit(linear, gram, solution) != CW_OK) stop(r->env.error.what);
        snprintf(step, sizeof step, "%s_fit", name);
        if (!leverage) report(r, step, now() - start, 0);
        cw_linear_use(linear, solution);
        void *scores = pass(r, cw_linear_scores(linear), &seconds);
        snprintf(step, sizeof step, "%s_scores%s", name, leverage ? "_leverage" : "");
        report(r, step, seconds, last && leverage);
        snprintf(step, sizeof step, "%s_cluster_rows", name);
        if (!leverage) report(r, step, clusters(r, linear), 0);
        cw_free(&r->env, &scores);
        cw_free(&r->env, &gram);
        cw_free(&r->env, &solution);
        cw_linear_destroy(&linear);
    }
}

int main(int argc, char **argv) {
    rows r;
    cw_env_init(&r.env);
    r.rows = argc > 1 ? strtoll(argv[1], NULL, 10) : 400000;
    int32_t p = argc > 2 ? (int32_t)strtol(argv[2], NULL, 10) : 50;
    if (r.rows < 1000 || p < 1 || p > MOST - 2) stop("rows from 1000, covariates from 1 to 510");
    r.columns = p + 2;
    if (cw_alloc(&r.env, (size_t)r.rows * (size_t)r.columns, sizeof *r.data, &r.data) != CW_OK)
        stop("out of memory");
    uint64_t s = 1;
    for (int64_t k = 0; k < r.rows * r.columns; k++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        r.data[k] = (double)(s >> 11) * 0x1p-53;
        if (k >= r.rows && k < 2 * r.rows) r.data[k] = r.data[k] > 0.5;
    }
    int32_t covariate[MOST];
    for (int32_t j = 0; j < p; j++) covariate[j] = 2 + j;
    cw_column_facts facts[MOST];
    for (int32_t j = 0; j < MOST; j++) facts[j] = (cw_column_facts){0, 1, 0.5};
    cw_linear_spec spec = {.form = CW_FORM_ADJUST,
                           .outcome = 0,
                           .treatment = 1,
                           .covariates = p,
                           .covariate = covariate,
                           .control = 0,
                           .treated = 1,
                           .level_share = -1,
                           .facts = facts,
                           .rows = r.rows};
    printf("{\n  \"rows\": %lld, \"covariates\": %d, \"kernel\": \"%s\",\n  \"results\": [\n",
           (long long)r.rows, (int)p, cw_gram_kernel());
    report(&r, "read", read_all(&r), 0);
    cw_profile *profile = NULL;
    double seconds;
    if (cw_profile_create(&r.env, r.columns, -1, 0, NULL, &profile) != CW_OK) stop("out of memory");
    void *state = pass(&r, cw_profile_accumulator(profile), &seconds);
    report(&r, "profile", seconds, 0);
    cw_free(&r.env, &state);
    cw_profile_destroy(&profile);
    form(&r, "adjust", spec, 0);
    spec.form = CW_FORM_INTERACT;
    form(&r, "interact", spec, 1);
    printf("  ]\n}\n");
    cw_free(&r.env, &r.data);
    return 0;
}
