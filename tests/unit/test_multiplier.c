/* The multiplier bootstrap and moments of influence values: signs from the stream, equal bits under every
 * kernel, draws as the plain formula says, bands that cover jointly. */
#include "tests/support/serial.h"

#include <math.h>

#include "src/base/cpu.h"
#include "src/base/random.h"
#include "src/estimate/multiplier.h"
#include "src/estimate/multiplier_kernel.h"

enum { COLUMNS = 3, ROWS = 9001, DRAWS = 1000 };

static const int32_t columns[COLUMNS] = {0, 1, 2};
static const cw_influence_columns from = {COLUMNS, columns};

static void make(cw_env *env, serial_table *t, int64_t rows) {
    cw_stream stream = cw_stream_make(7, "multiplier", "test", 0);
    serial_make(env, t, rows);
    for (int j = 0; j < COLUMNS; j++) {
        serial_add(t, "psi");
        for (int64_t i = 0; i < rows; i++)
            t->real[j][i] =
                ldexp(cw_stream_uniform(stream, (uint64_t)i, (uint32_t)j, 0) - 0.5, (int)(i % 40) - 20);
    }
    t->real[1][5] = -0.0;
}

static cw_multiplier_spec spec_of(const cw_influence *influence, int32_t draws) {
    return (cw_multiplier_spec){.influence = influence,
                                .stream = cw_stream_make(1, "bootstrap", "x", 0),
                                .draws = draws,
                                .key = -1,
                                .key_high = -1};
}

static void *draws_of(const serial_table *t, const cw_multiplier_spec *spec, cw_multiplier **m) {
    assert_int_equal(cw_multiplier_create(t->env, spec, m), CW_OK);
    return serial_pass(t, cw_multiplier_accumulator(*m));
}

static void kernels_agree_to_the_bit(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_multiplier *m = NULL;
    cw_influence influence = cw_influence_of_columns(&from);
    cw_multiplier_spec spec = spec_of(&influence, DRAWS);
    void *result[3] = {NULL, NULL, NULL};
    int kernels = 0;
    cw_env_init(&env);
    make(&env, &t, ROWS);
    for (cw_cpu level = CW_CPU_PLAIN; level <= cw_cpu_found(); level++) {
        cw_cpu_limit(level);
        assert_string_equal(cw_multiplier_kernel(), cw_cpu_name(level));
        result[kernels++] = draws_of(&t, &spec, &m);
        size_t bytes = cw_accumulator_bytes(cw_multiplier_accumulator(m));
        assert_memory_equal(result[0], result[kernels - 1], bytes);
        cw_multiplier_destroy(&m);
    }
    cw_cpu_limit(CW_CPU_AVX512);
    for (int k = 0; k < kernels; k++) cw_free(&env, &result[k]);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void signs_are_the_stream_s(void **state) {
    (void)state;
    cw_stream stream = cw_stream_make(9, "signs", NULL, 3);
    uint64_t item[50], low[50], high[50], word[2];
    for (int i = 0; i < 50; i++) item[i] = (uint64_t)i * 0x9E3779B97F4A7C15u;
    for (int32_t j = 0; j < 9; j += 4) {
        cw_multiplier_plain.bits(stream, j, 50, item, low, high);
        for (int i = 0; i < 50; i++) {
            cw_stream_words(stream, item[i], 0, (uint32_t)j, word);
            assert_true(low[i] == word[0] && high[i] == word[1]);
            for (int b = 0; b < 128; b++) {
                double sign = cw_multiplier_sign(stream, item[i], 128 * j + b);
                assert_true(sign == ((b < 64 ? low[i] >> b : high[i] >> (b - 64)) & 1 ? 1 : -1));
            }
        }
    }
}

static void draws_are_the_plain_formula(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_multiplier *m = NULL;
    cw_influence influence = cw_influence_of_columns(&from);
    cw_multiplier_spec spec = spec_of(&influence, 130);
    double draw[130];
    cw_env_init(&env);
    make(&env, &t, ROWS);
    assert_int_equal(cw_alloc(&env, ROWS, sizeof(double), &t.weight), CW_OK);
    assert_int_equal(cw_alloc(&env, ROWS, sizeof *t.key, &t.key), CW_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        t.weight[i] = i % 10 != 3;
        if (i % 10 == 3) t.real[2][i] = (double)NAN; /* an excluded row may hold anything */
        t.key[i] = i / 7 - 100;
    }
    for (int keyed = 0; keyed < 2; keyed++) {
        if (keyed) spec.key = 0;
        void *result = draws_of(&t, &spec, &m);
        for (int32_t k = 0; k < COLUMNS; k++) {
            cw_multiplier_draws(m, result, k, 10, draw);
            for (int b = 0; b < 130; b += 43) {
                double sum = 0, size = 0;
                for (int64_t i = 0; i < ROWS; i++) {
                    uint64_t item = keyed ? (uint64_t)t.key[i] : (uint64_t)i;
                    if (t.weight[i] == 0) continue;
                    sum += cw_multiplier_sign(spec.stream, item, b) * t.real[k][i];
                    size += fabs(t.real[k][i]);
                }
                assert_true(fabs(draw[b] - sum / 10) < 1e-13 * size);
            }
        }
        cw_free(&env, &result);
        cw_multiplier_destroy(&m);
    }
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* Independent normal-like columns: the joint critical value of m estimates is that of the maximum of m. */
static void bands_are_joint(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_multiplier *m = NULL;
    cw_moments *moments = NULL;
    cw_influence influence = cw_influence_of_columns(&from);
    cw_multiplier_spec spec = spec_of(&influence, 4000);
    double se[COLUMNS], critical, one[COLUMNS] = {0, 0, 0};
    cw_env_init(&env);
    serial_make(&env, &t, 5000);
    cw_stream stream = cw_stream_make(7, "multiplier", "bands", 0);
    for (int j = 0; j < COLUMNS; j++) {
        serial_add(&t, "psi");
        for (int64_t i = 0; i < t.rows; i++)
            t.real[j][i] = cw_stream_uniform(stream, (uint64_t)i, (uint32_t)j, 0) - 0.5;
    }
    assert_int_equal(cw_moments_create(&env, NULL, &influence, &moments), CW_OK);
    void *result = serial_pass(&t, cw_moments_accumulator(moments));
    for (int32_t k = 0; k < COLUMNS; k++) se[k] = cw_moments_error(moments, result, k, 5000);
    assert_int_equal(cw_moments_rows(moments, result), 5000);
    cw_free(&env, &result);
    cw_moments_destroy(&moments);
    result = draws_of(&t, &spec, &m);
    assert_int_equal(cw_multiplier_critical(m, result, 5000, se, 0.95, &critical), CW_OK);
    assert_true(fabs(critical - 2.388) < 0.08); /* (2 Phi(c) - 1)^3 = 0.95 */
    one[1] = se[1];
    assert_int_equal(cw_multiplier_critical(m, result, 5000, one, 0.95, &critical), CW_OK);
    assert_true(fabs(critical - 1.96) < 0.08);
    one[1] = 0;
    assert_int_equal(cw_multiplier_critical(m, result, 5000, one, 0.95, &critical), CW_OK);
    assert_true(isnan(critical));
    /* The draws' own standard deviation is the error. */
    double draw[4000], square = 0;
    cw_multiplier_draws(m, result, 0, 5000, draw);
    for (int b = 0; b < 4000; b++) square += draw[b] * draw[b];
    assert_true(fabs(sqrt(square / 4000) / se[0] - 1) < 0.04);
    cw_free(&env, &result);
    cw_multiplier_destroy(&m);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void moments_are_sums(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_moments *moments = NULL;
    cw_influence influence = cw_influence_of_columns(&from);
    cw_env_init(&env);
    make(&env, &t, ROWS);
    assert_int_equal(cw_moments_create(&env, NULL, &influence, &moments), CW_OK);
    void *result = serial_pass(&t, cw_moments_accumulator(moments));
    for (int32_t a = 0; a < COLUMNS; a++) {
        double sum = 0, largest = 0, size = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            sum += t.real[a][i];
            size += fabs(t.real[a][i]);
            largest = fmax(largest, fabs(t.real[a][i]));
        }
        assert_true(fabs(cw_moments_sum(moments, result, a) - sum) < 1e-12 * size);
        assert_true(cw_moments_largest(moments, result, a) == largest);
        for (int32_t b = 0; b < COLUMNS; b++) {
            double product = 0, scale = 0;
            for (int64_t i = 0; i < ROWS; i++) {
                product += t.real[a][i] * t.real[b][i];
                scale += fabs(t.real[a][i] * t.real[b][i]);
            }
            assert_true(fabs(cw_moments_covariance(moments, result, a, b, 2) - product / 4) < 1e-12 * scale);
        }
    }
    int32_t quantum[COLUMNS];
    cw_moments_quanta(moments, result, ROWS, quantum);
    for (int k = 0; k < COLUMNS; k++) assert_in_range(quantum[k] + 200, 0, 100 + 200);
    cw_free(&env, &result);
    cw_moments_destroy(&moments);
    serial_free(&t);
}

static void repeats_take_the_median(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const double theta[4] = {1, 5, 2, 100}, se[4] = {1, 1, 2, 1};
    double median, error;
    assert_int_equal(cw_median_of_repeats(&env, 3, theta, se, &median, &error), CW_OK);
    /* 1, 2, 5: median 2; squares 1 + 1, 1 + 9, 4: median 4 */
    assert_true(median == 2 && error == 2);
    assert_int_equal(cw_median_of_repeats(&env, 4, theta, se, &median, &error), CW_OK);
    assert_true(median == 3.5);
    assert_int_equal(cw_median_of_repeats(&env, 1, theta, se, &median, &error), CW_OK);
    assert_true(median == 1 && error == 1);
    assert_int_equal(cw_median_of_repeats(&env, 0, theta, se, &median, &error), CW_INTERNAL);
}

static void every_failed_allocation_unwinds(void **state) {
    (void)state;
    cw_env data, env;
    serial_table t;
    cw_influence influence = cw_influence_of_columns(&from);
    cw_multiplier_spec spec = spec_of(&influence, 10);
    const double se[COLUMNS] = {1, 1, 1};
    double critical, median, error;
    cw_env_init(&data);
    make(&data, &t, 100);
    for (int64_t at = 1;; at++) {
        cw_env_init(&env);
        env.fail_at = at;
        cw_multiplier *m = NULL;
        cw_moments *moments = NULL;
        cw_code code = cw_multiplier_create(&env, &spec, &m);
        if (code == CW_OK) {
            void *result = serial_pass(&t, cw_multiplier_accumulator(m));
            code = cw_multiplier_critical(m, result, 100, se, 0.9, &critical);
            cw_free(&data, &result);
        }
        if (code == CW_OK) code = cw_moments_create(&env, NULL, &influence, &moments);
        if (code == CW_OK) code = cw_median_of_repeats(&env, 3, se, se, &median, &error);
        cw_multiplier_destroy(&m);
        cw_moments_destroy(&moments);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        assert_true(at < 20);
    }
    spec.draws = 0;
    cw_multiplier *m = NULL;
    cw_env_init(&env);
    assert_int_equal(cw_multiplier_create(&env, &spec, &m), CW_INTERNAL);
    serial_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_to_the_bit),
        cmocka_unit_test(signs_are_the_stream_s),
        cmocka_unit_test(draws_are_the_plain_formula),
        cmocka_unit_test(bands_are_joint),
        cmocka_unit_test(moments_are_sums),
        cmocka_unit_test(repeats_take_the_median),
        cmocka_unit_test(every_failed_allocation_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
