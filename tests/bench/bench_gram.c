/* Speed of the Gram kernels beside OpenBLAS's dsyrk on one core: GF/s counted as n q (q + 1) operations, q
 * the order of the matrix with its constant. Ours reads columns, shifts, packs and multiplies; dsyrk is
 * handed a ready matrix. Prints JSON. Arguments: seconds a measurement (default 0.2); an OpenBLAS core
 * (default: its choice; a fair one for the AVX2 kernel is Haswell). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/cpu.h"
#include "src/linalg/gram.h"

void cblas_dsyrk(int order, int uplo, int trans, int n, int k, double alpha, const double *a, int lda,
                 double beta, double *c, int ldc);
extern char *openblas_get_corename(void) __attribute__((weak));
extern void openblas_set_num_threads(int threads) __attribute__((weak));
enum { CBLAS_COL_MAJOR = 102, CBLAS_UPPER = 121, CBLAS_TRANS = 112 };

enum { ROWS = 8192, MOST = 512, REPEATS = 5 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void stop(const char *what) {
    fprintf(stderr, "bench_gram: %s\n", what);
    exit(70);
}

typedef struct work {
    int32_t q;
    const cw_accumulator *accumulator;
    void *state, *scratch;
    cw_block block;
    const double *data;
    double *c;
} work;

static void ours(work *w) {
    w->accumulator->add(w->accumulator->params, w->state, w->scratch, &w->block);
}

static void theirs(work *w) {
    cblas_dsyrk(CBLAS_COL_MAJOR, CBLAS_UPPER, CBLAS_TRANS, w->q, ROWS, 1, w->data, ROWS, 1, w->c, w->q);
}

static double least(const double *x) {
    double best = x[0];
    for (int k = 1; k < REPEATS; k++) best = x[k] < best ? x[k] : best;
    return best;
}

static double median(double *x) {
    for (int i = 1; i < REPEATS; i++)
        for (int k = i; k > 0 && x[k] < x[k - 1]; k--) {
            double t = x[k];
            x[k] = x[k - 1];
            x[k - 1] = t;
        }
    return x[REPEATS / 2];
}

/* Seconds a call: the best and the median of some runs. */
static void measure(void (*call)(work *), work *w, double seconds, double *best, double *middle) {
    double time[REPEATS];
    call(w);
    for (int k = 0; k < REPEATS; k++) {
        double start = now(), spent;
        int calls = 0;
        do {
            call(w);
            calls++;
            spent = now() - start;
        } while (spent < seconds / REPEATS);
        time[k] = spent / calls;
    }
    *best = least(time);
    *middle = median(time);
}

static void report(const char *name, int32_t q, const work *w, double best, double middle, int last) {
    double flops = (double)ROWS * q * (q + 1.0);
    (void)w;
    printf("    {\"kernel\": \"%s\", \"order\": %d, \"gflops_best\": %.2f, \"gflops_median\": %.2f, "
           "\"gbytes_best\": %.2f}%s\n",
           name, q, flops / best * 1e-9, flops / middle * 1e-9, 8e-9 * ROWS * q / best, last ? "" : ",");
    fflush(stdout);
}

static void compare(cw_env *env, const double *data, const double *const *real, int32_t q, int32_t folds,
                    double seconds, int last) {
    int32_t column[MOST];
    double shift[MOST];
    for (int32_t j = 0; j < MOST; j++) {
        column[j] = j;
        shift[j] = 0.5;
    }
    cw_gram_spec spec = {
        .columns = q - 1, .column = column, .shift = shift, .folds = folds, .fold_column = -1};
    if (folds > 1) spec.fold_column = MOST;
    cw_gram *gram = NULL;
    if (cw_gram_create(env, &spec, &gram) != CW_OK) stop("out of memory");
    work w = {.q = q, .accumulator = cw_gram_accumulator(gram), .data = data};
    w.block = (cw_block){.rows = ROWS, .reals = MOST + 1, .real = real};
    if (cw_alloc_zero(env, 1, cw_accumulator_bytes(w.accumulator), &w.state) != CW_OK ||
        cw_alloc_zero(env, 1, w.accumulator->scratch_bytes, &w.scratch) != CW_OK ||
        cw_alloc_zero(env, (size_t)q * (size_t)q, sizeof(double), &w.c) != CW_OK)
        stop("out of memory");
    double best, middle;
    for (cw_cpu level = CW_CPU_AVX2; level <= cw_cpu_found(); level++) {
        char name[64];
        cw_cpu_limit(level);
        measure(ours, &w, seconds, &best, &middle);
        snprintf(name, sizeof name, folds > 1 ? "%s_folds%d" : "%s", cw_cpu_name(level), folds);
        report(name, q, &w, best, middle, last && folds > 1 && level == cw_cpu_found());
    }
    if (folds == 1) {
        measure(theirs, &w, seconds, &best, &middle);
        report("dsyrk", q, &w, best, middle, 0);
    }
    cw_free(env, &w.state);
    cw_free(env, &w.scratch);
    cw_free(env, &w.c);
    cw_gram_destroy(&gram);
}

int main(int argc, char **argv) {
    /* OpenBLAS reads these when it is loaded: start again without them, so that it picks its best core, or
     * with the core asked for. */
    const char *core = argc > 2 ? argv[2] : NULL, *now_set = getenv("OPENBLAS_CORETYPE");
    if (getenv("OPENBLAS_L2_SIZE") || (core ? !now_set || strcmp(core, now_set) != 0 : now_set != NULL)) {
        unsetenv("OPENBLAS_L2_SIZE");
        if (core)
            setenv("OPENBLAS_CORETYPE", core, 1);
        else
            unsetenv("OPENBLAS_CORETYPE");
        execv("/proc/self/exe", argv);
        stop("cannot start again");
    }
    if (openblas_set_num_threads) openblas_set_num_threads(1);
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.2;
    cw_env env;
    cw_env_init(&env);
    double *data = NULL;
    if (cw_alloc(&env, (size_t)(MOST + 1) * ROWS, sizeof *data, &data) != CW_OK) stop("out of memory");
    const double *real[MOST + 1];
    uint64_t s = 1;
    for (int64_t k = 0; k < (int64_t)MOST * ROWS; k++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        data[k] = (double)(s >> 11) * 0x1p-53;
    }
    for (int64_t r = 0; r < ROWS; r++) data[(int64_t)MOST * ROWS + r] = (double)(r * 2654435761u % 5);
    for (int32_t j = 0; j <= MOST; j++) real[j] = data + (int64_t)j * ROWS;
    const int32_t order[] = {3, 4, 6, 8, 12, 16, 24, 32, 51, 64, 100, 128, 256, 512};
    const int count = (int)(sizeof order / sizeof *order);
    printf("{\n  \"rows\": %d, \"kernel\": \"%s\", \"blas_core\": \"%s\",\n  \"results\": [\n", ROWS,
           cw_gram_kernel(), openblas_get_corename ? openblas_get_corename() : "not OpenBLAS");
    for (int k = 0; k < count; k++) {
        compare(&env, data, real, order[k], 1, seconds, 0);
        compare(&env, data, real, order[k], 5, seconds, k == count - 1);
    }
    printf("  ]\n}\n");
    cw_free(&env, &data);
    return 0;
}
