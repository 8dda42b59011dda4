/* Gram matrices: against the definition to the bit, and the kernels against one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/linalg/gram.h"

enum { MOST_COLUMNS = 1100 };

typedef struct table {
    cw_env env;
    double *data; /* columns of 8192 */
    double *weight;
    const double *real[MOST_COLUMNS];
    int32_t column[MOST_COLUMNS];
    double shift[MOST_COLUMNS], scale[MOST_COLUMNS];
} table;

static uint64_t mix(uint64_t *s) {
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number in [-1, 1) times a power of two from a range of 40. */
static double wild(uint64_t *s) {
    double u = (double)(mix(s) >> 11) * 0x1p-52 - 1;
    return ldexp(u, (int)(mix(s) % 40) - 20);
}

static void make_table(table *t, int32_t columns, uint64_t seed) {
    cw_env_init(&t->env);
    assert_int_equal(cw_alloc(&t->env, (size_t)columns * CW_BLOCK_ROWS, sizeof(double), &t->data), CW_OK);
    assert_int_equal(cw_alloc(&t->env, CW_BLOCK_ROWS, sizeof(double), &t->weight), CW_OK);
    for (int64_t k = 0; k < (int64_t)columns * CW_BLOCK_ROWS; k++) t->data[k] = wild(&seed);
    for (int32_t j = 0; j < columns; j++) {
        t->real[j] = t->data + (int64_t)j * CW_BLOCK_ROWS;
        t->column[j] = columns - 1 - j;
        t->shift[j] = wild(&seed);
        t->scale[j] = ldexp(1, (int)(mix(&seed) % 9) - 4);
    }
    for (int32_t r = 0; r < CW_BLOCK_ROWS; r++) t->weight[r] = mix(&seed) % 5 == 0 ? 0 : fabs(wild(&seed));
}

static void free_table(table *t) {
    cw_free(&t->env, &t->data);
    cw_free(&t->env, &t->weight);
    assert_int_equal(t->env.blocks_now, 0);
}

/* The state after one block, at one level; the caller frees. */
static void *run(table *t, const cw_gram *gram, const cw_block *block, cw_cpu level) {
    const cw_accumulator *a = cw_gram_accumulator(gram);
    void *state = NULL, *scratch = NULL;
    assert_int_equal(cw_alloc(&t->env, 1, cw_accumulator_bytes(a), &state), CW_OK);
    assert_int_equal(cw_alloc(&t->env, 1, a->scratch_bytes, &scratch), CW_OK);
    memset(scratch, 0xff, a->scratch_bytes); /* NaNs: nothing may be taken from it */
    cw_accumulator_reset(a, state);
    cw_cpu_limit(level);
    a->add(a->params, state, scratch, block);
    cw_cpu_limit(CW_CPU_AVX512);
    cw_free(&t->env, &scratch);
    return state;
}

static int32_t fold_of(const cw_gram_spec *spec, double v) {
    if (spec->fold_column < 0) return 0;
    for (int32_t f = 0; f < spec->folds; f++)
        if (v == (spec->fold_value ? spec->fold_value[f] : f)) return f;
    return -1;
}

/* The definition, element by element: fma in row order. */
static void check_definition(const cw_gram_spec *spec, const cw_gram *gram, const cw_block *block,
                             const void *state, cw_env *env) {
    int32_t q = spec->columns + 1;
    double *packed = NULL;
    assert_int_equal(cw_alloc(env, (size_t)q * ((size_t)q + 1) / 2, sizeof *packed, &packed), CW_OK);
    for (int32_t f = 0; f < spec->folds; f++) {
        cw_gram_get(gram, state, f, packed);
        int64_t rows = 0;
        for (int32_t r = 0; r < block->rows; r++)
            rows += (!block->weight || block->weight[r] > 0) &&
                    fold_of(spec, spec->fold_column < 0 ? 0 : block->real[spec->fold_column][r]) == f;
        assert_int_equal(cw_gram_rows(gram, state, f), rows);
        for (int32_t i = 0; i < q; i++)
            for (int32_t j = i; j < q; j += (q > 40 ? 7 : 1)) {
                double sum = 0;
                for (int32_t r = 0; r < block->rows; r++) {
                    double w = block->weight ? block->weight[r] : 1;
                    double v = spec->fold_column < 0 ? 0 : block->real[spec->fold_column][r];
                    if (!(w > 0) || fold_of(spec, v) != f) continue;
                    double a = 1, b = 1;
                    if (i > 0)
                        a = (block->real[spec->column[i - 1]][r] - (spec->shift ? spec->shift[i - 1] : 0)) *
                            (spec->scale ? spec->scale[i - 1] : 1);
                    if (j > 0)
                        b = (block->real[spec->column[j - 1]][r] - (spec->shift ? spec->shift[j - 1] : 0)) *
                            (spec->scale ? spec->scale[j - 1] : 1);
                    sum = fma(w * a, b, sum);
                }
                assert_memory_equal(&sum, &packed[cw_packed(q, i, j)], sizeof sum);
            }
    }
    cw_free(env, &packed);
}

/* Whole states, padding included, of all levels. */
static void check_levels(table *t, const cw_gram *gram, const cw_block *block) {
    size_t bytes = cw_accumulator_bytes(cw_gram_accumulator(gram));
    void *plain = run(t, gram, block, CW_CPU_PLAIN);
    for (cw_cpu level = CW_CPU_AVX2; level <= cw_cpu_found(); level++) {
        void *other = run(t, gram, block, level);
        assert_memory_equal(plain, other, bytes);
        cw_free(&t->env, &other);
    }
    cw_free(&t->env, &plain);
}

static void one_case(table *t, const cw_gram_spec *spec, int32_t rows, int weighted, int definition) {
    cw_block block = {.rows = rows, .reals = MOST_COLUMNS, .real = t->real};
    block.weight = weighted ? t->weight : NULL;
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(&t->env, spec, &gram), CW_OK);
    check_levels(t, gram, &block);
    if (definition) {
        void *state = run(t, gram, &block, CW_CPU_AVX512);
        check_definition(spec, gram, &block, state, &t->env);
        cw_free(&t->env, &state);
    }
    cw_gram_destroy(&gram);
}

static void every_order_gives_equal_bits(void **state) {
    (void)state;
    static table t;
    make_table(&t, 130, 1);
    for (int32_t p = 0; p <= 130; p++) {
        cw_gram_spec spec = {.columns = p, .column = t.column, .folds = 1, .fold_column = -1};
        one_case(&t, &spec, 150 + p, 0, p % 13 == 0 || p < 18);
        spec.shift = t.shift;
        spec.scale = t.scale;
        one_case(&t, &spec, 130 + p % 20, 1, p % 17 == 0 || p < 10);
    }
    free_table(&t);
}

static void wide_matrices_give_equal_bits(void **state) {
    (void)state;
    static table t;
    make_table(&t, MOST_COLUMNS, 2);
    const int32_t columns[] = {191, 192, 193, 255, 511, 1099};
    for (int k = 0; k < 6; k++) {
        cw_gram_spec spec = {
            .columns = columns[k], .column = t.column, .shift = t.shift, .folds = 1, .fold_column = -1};
        one_case(&t, &spec, 300, 1, k == 0);
    }
    free_table(&t);
}

static void every_number_of_rows_gives_equal_bits(void **state) {
    (void)state;
    static table t;
    make_table(&t, 20, 3);
    cw_gram_spec spec = {.columns = 11, .column = t.column, .shift = t.shift, .folds = 1, .fold_column = -1};
    for (int32_t rows = 1; rows <= 300; rows++) one_case(&t, &spec, rows, rows % 2, 1);
    const int32_t rows[] = {511, 512, 513, 4095, 8191, 8192};
    for (int k = 0; k < 6; k++) {
        one_case(&t, &spec, rows[k], 0, 1);
        one_case(&t, &spec, rows[k], 1, 1);
    }
    free_table(&t);
}

static void folds_are_separate_sums(void **state) {
    (void)state;
    static table t;
    make_table(&t, 30, 4);
    uint64_t seed = 9;
    double *fold = t.data + 29 * CW_BLOCK_ROWS;
    for (int32_t r = 0; r < CW_BLOCK_ROWS; r++) fold[r] = (double)(mix(&seed) % 7) - 1; /* -1 .. 5 */
    fold[3] = NAN;
    fold[4] = 1.5;
    const double values[] = {5, -1, 2};
    for (int32_t folds = 1; folds <= 5; folds++) {
        cw_gram_spec spec = {
            .columns = 9, .column = t.column + 1, .shift = t.shift, .folds = folds, .fold_column = 29};
        one_case(&t, &spec, 2000, folds % 2, 1);
    }
    cw_gram_spec spec = {
        .columns = 17, .column = t.column + 1, .folds = 3, .fold_column = 29, .fold_value = values};
    one_case(&t, &spec, 8192, 1, 1);
    spec.folds = 40; /* more folds than panels in a chunk; most are empty */
    spec.fold_value = NULL;
    one_case(&t, &spec, 8192, 1, 1);
    free_table(&t);
}

static void bad_rows_are_counted_and_left_out(void **state) {
    (void)state;
    static table t;
    make_table(&t, 20, 5);
    t.data[0 * CW_BLOCK_ROWS + 7] = NAN;
    t.data[13 * CW_BLOCK_ROWS + 7] = INFINITY;
    t.data[3 * CW_BLOCK_ROWS + 130] = -INFINITY;
    t.data[5 * CW_BLOCK_ROWS + 299] = NAN; /* the tail of the vector loop */
    t.data[19 * CW_BLOCK_ROWS + 50] = NAN; /* of weight 0 */
    t.data[18 * CW_BLOCK_ROWS + 51] = NAN; /* not a column of the matrix */
    for (int32_t r = 0; r < 300; r++) t.weight[r] = 1 + r % 3;
    t.weight[50] = 0;
    t.weight[60] = INFINITY;
    cw_gram_spec spec = {.columns = 18, .column = t.column + 2, .folds = 1, .fold_column = -1};
    const int32_t used[] = {19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    spec.column = used;
    cw_block block = {.rows = 300, .reals = 20, .real = t.real, .weight = t.weight};
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(&t.env, &spec, &gram), CW_OK);
    check_levels(&t, gram, &block);
    void *with = run(&t, gram, &block, CW_CPU_AVX512);
    assert_int_equal(cw_gram_rows(gram, with, 0), 299);
    assert_int_equal(cw_gram_bad_rows(gram, with, 0), 4);
    t.weight[7] = t.weight[130] = t.weight[299] = t.weight[60] = 0;
    void *without = run(&t, gram, &block, CW_CPU_AVX512);
    assert_int_equal(cw_gram_bad_rows(gram, without, 0), 0);
    double a[190], b[190];
    cw_gram_get(gram, with, 0, a);
    cw_gram_get(gram, without, 0, b);
    assert_memory_equal(a, b, sizeof a);
    for (int k = 0; k < 190; k++) assert_true(isfinite(a[k]));
    cw_free(&t.env, &with);
    cw_free(&t.env, &without);
    cw_gram_destroy(&gram);
    free_table(&t);
}

static void weights_of_one_change_nothing(void **state) {
    (void)state;
    static table t;
    make_table(&t, 10, 6);
    for (int32_t r = 0; r < CW_BLOCK_ROWS; r++) t.weight[r] = 1;
    cw_gram_spec spec = {.columns = 10, .column = t.column, .folds = 1, .fold_column = -1};
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(&t.env, &spec, &gram), CW_OK);
    cw_block block = {.rows = 1000, .reals = 10, .real = t.real};
    void *a = run(&t, gram, &block, CW_CPU_AVX512);
    block.weight = t.weight;
    void *b = run(&t, gram, &block, CW_CPU_AVX512);
    assert_memory_equal(a, b, cw_accumulator_bytes(cw_gram_accumulator(gram)));
    const cw_accumulator *acc = cw_gram_accumulator(gram);
    double once[66], twice[66];
    cw_gram_get(gram, a, 0, once);
    acc->merge(acc->params, a, b);
    cw_gram_get(gram, a, 0, twice);
    for (int k = 0; k < 66; k++) assert_true(twice[k] == 2 * once[k]);
    assert_int_equal(cw_gram_rows(gram, a, 0), 2000);
    cw_free(&t.env, &a);
    cw_free(&t.env, &b);
    cw_gram_destroy(&gram);
    free_table(&t);
}

static void failures_leave_nothing_behind(void **state) {
    (void)state;
    const int32_t column[] = {0, 1};
    const double value[] = {0, 1}, odd[] = {1, 3};
    cw_env env;
    cw_env_init(&env);
    cw_gram *gram = NULL;
    cw_gram_spec spec = {.columns = 2, .column = column, .folds = 2, .fold_column = 0, .fold_value = value};
    for (int64_t k = 1; k <= 6; k++) {
        env.calls = 0;
        env.fail_at = k;
        assert_int_equal(cw_gram_create(&env, &spec, &gram), CW_NO_MEMORY);
        assert_null(gram);
        assert_int_equal(env.blocks_now, 0);
        cw_env_clear(&env);
    }
    env.fail_at = 0;
    spec.scale = odd;
    assert_int_equal(cw_gram_create(&env, &spec, &gram), CW_INTERNAL);
    spec.scale = NULL;
    spec.folds = 0;
    assert_int_equal(cw_gram_create(&env, &spec, &gram), CW_INTERNAL);
    assert_int_equal(env.blocks_now, 0);
}

static void the_kernel_is_named(void **state) {
    (void)state;
    cw_cpu_limit(CW_CPU_PLAIN);
    assert_string_equal(cw_gram_kernel(), "plain");
    cw_cpu_limit(CW_CPU_AVX512);
    assert_string_equal(cw_gram_kernel(), cw_cpu_name(cw_cpu_found()));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_gives_equal_bits),
        cmocka_unit_test(wide_matrices_give_equal_bits),
        cmocka_unit_test(every_number_of_rows_gives_equal_bits),
        cmocka_unit_test(folds_are_separate_sums),
        cmocka_unit_test(bad_rows_are_counted_and_left_out),
        cmocka_unit_test(weights_of_one_change_nothing),
        cmocka_unit_test(failures_leave_nothing_behind),
        cmocka_unit_test(the_kernel_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
