/* Logistic regression over passes: separation certified, near-separation fitted, models in company as alone,
 * equal bits under every kernel. */
#include "tests/support/answer.h"

#include "src/base/cpu.h"
#include "src/base/random.h"

static const cw_stream noise = {{1, 2}};

static double uniform(int64_t row, uint32_t step) {
    return cw_stream_uniform(noise, (uint64_t)row, step, 0);
}

/* Columns x0 .. x2, response y (3), fold (4). */
static void make(cw_env *env, serial_table *t, int64_t rows, double offset) {
    serial_make(env, t, rows);
    for (int j = 0; j < 5; j++) serial_add(t, "x");
    for (int64_t i = 0; i < rows; i++) {
        for (uint32_t j = 0; j < 3; j++) t->real[j][i] = 2 * uniform(i, j) - 1;
        double eta = offset + t->real[0][i] - 2 * t->real[1][i];
        t->real[3][i] = uniform(i, 9) < 1 / (1 + exp(-eta));
        t->real[4][i] = (double)(i % 3);
    }
}

static const int32_t columns[] = {0, 1, 2};
static const cw_logistic_spec simple = {
    .columns = 3, .column = columns, .response = 3, .one = 1, .models = 1};

static cw_logistic_fit fit_of(cw_logistic *l, double *coefficient) {
    cw_logistic_fit fit = cw_logistic_get(l, 0);
    memcpy(coefficient, fit.coefficient, 4 * sizeof(double));
    return fit;
}

static void the_score_is_zero_at_the_fit(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double b[4], score[4] = {0}, loglik = 0;
    cw_env_init(&env);
    make(&env, &t, 20000, 0.3);
    cw_logistic *l = answer_logistic(&t, &simple);
    cw_logistic_fit fit = fit_of(l, b);
    assert_int_equal(fit.status, CW_LOGISTIC_CONVERGED);
    assert_true(fit.iterations <= 8);
    for (int64_t i = 0; i < t.rows; i++) {
        double eta = b[0], y = t.real[3][i];
        for (int j = 0; j < 3; j++) eta += b[j + 1] * t.real[j][i];
        double r = y - 1 / (1 + exp(-eta));
        score[0] += r;
        for (int j = 0; j < 3; j++) score[j + 1] += r * t.real[j][i];
        loglik += y * eta - log1p(exp(eta));
    }
    for (int j = 0; j < 4; j++) assert_true(fabs(score[j]) < 1e-9);
    assert_true(fabs(fit.loglik / loglik - 1) < 1e-12);
    assert_true(fit.null_loglik < fit.loglik);
    assert_true(fabs(b[1] - 1) < 0.15 && fabs(b[2] + 2) < 0.15);
    cw_logistic_destroy(&l);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void models_in_company_are_as_alone(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    enum { MODELS = 4 };
    uint8_t uses[MODELS * 3];
    cw_env_init(&env);
    make(&env, &t, 9000, 0);
    for (int m = 0; m < MODELS; m++)
        for (int c = 0; c < 3; c++) uses[3 * m + c] = m != c; /* model 3: all rows */
    cw_logistic_spec spec = simple;
    spec.cells = 3;
    spec.cell_column = 4;
    spec.models = MODELS;
    spec.uses = uses;
    cw_logistic *together = answer_logistic(&t, &spec);
    for (int m = 0; m < MODELS; m++) {
        cw_logistic_fit fit = cw_logistic_get(together, m);
        spec.models = 1;
        spec.uses = uses + 3 * m;
        cw_logistic *alone = answer_logistic(&t, &spec);
        cw_logistic_fit other = cw_logistic_get(alone, 0);
        assert_memory_equal(fit.coefficient, other.coefficient, 4 * sizeof(double));
        assert_int_equal(fit.rows, m < 3 ? 6000 : 9000);
        cw_logistic_destroy(&alone);
        /* The same by leaving rows out with weights. */
        assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
        for (int64_t i = 0; i < t.rows; i++) t.weight[i] = t.real[4][i] != m;
        alone = answer_logistic(&t, &simple);
        other = cw_logistic_get(alone, 0);
        assert_memory_equal(fit.coefficient, other.coefficient, 4 * sizeof(double));
        cw_logistic_destroy(&alone);
        cw_free(&env, &t.weight);
    }
    cw_logistic_destroy(&together);
    serial_free(&t);
}

static void a_start_saves_passes_and_changes_nothing(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double b[4];
    cw_env_init(&env);
    make(&env, &t, 9000, -1);
    cw_logistic *cold = answer_logistic(&t, &simple), *warm = NULL;
    cw_logistic_fit want = fit_of(cold, b);
    for (int j = 0; j < 4; j++) b[j] += 0.01 * (j - 1);
    assert_int_equal(cw_logistic_create(&env, &simple, &warm), CW_OK);
    cw_logistic_start(warm, b);
    void *control = NULL;
    assert_int_equal(cw_alloc(&env, 1, cw_logistic_control_bytes(warm), &control), CW_OK);
    int passes = 0;
    for (; cw_logistic_running(warm); passes++) {
        void *result = serial_pass(&t, cw_logistic_accumulator(warm));
        assert_int_equal(cw_logistic_decide(warm, result, control), CW_OK);
        cw_logistic_use(warm, control);
        cw_free(&env, &result);
    }
    cw_logistic_fit got = cw_logistic_get(warm, 0);
    assert_int_equal(got.status, CW_LOGISTIC_CONVERGED);
    assert_true(passes < want.iterations);
    for (int j = 0; j < 4; j++) assert_true(fabs(got.coefficient[j] - want.coefficient[j]) < 1e-11);
    cw_free(&env, &control);
    cw_logistic_destroy(&cold);
    cw_logistic_destroy(&warm);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void kernels_give_equal_bits(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double b[3][4];
    int kernels = 0;
    cw_env_init(&env);
    make(&env, &t, 17001, -1);
    for (cw_cpu level = CW_CPU_PLAIN; level <= cw_cpu_found(); level++) {
        cw_cpu_limit(level);
        cw_logistic *l = answer_logistic(&t, &simple);
        fit_of(l, b[kernels++]);
        cw_logistic_destroy(&l);
    }
    cw_cpu_limit(CW_CPU_AVX512);
    for (int k = 1; k < kernels; k++) assert_memory_equal(b[0], b[k], sizeof b[0]);
    serial_free(&t);
}

/* Fits y on the columns after a change to the table; returns the status and the rows separated. */
static cw_logistic_status separated(serial_table *t, int64_t *rows) {
    cw_logistic *l = answer_logistic(t, &simple);
    cw_logistic_fit fit = cw_logistic_get(l, 0);
    *rows = fit.separated_rows;
    cw_logistic_destroy(&l);
    return fit.status;
}

static void separation_is_certified(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    int64_t rows;
    cw_env_init(&env);
    /* One class only: the constant separates. */
    make(&env, &t, 500, 0);
    for (int64_t i = 0; i < t.rows; i++) t.real[3][i] = 1;
    assert_int_equal(separated(&t, &rows), CW_LOGISTIC_COMPLETE);
    assert_int_equal(rows, 500);
    /* A rule with a thin margin. */
    for (int64_t i = 0; i < t.rows; i++) {
        t.real[3][i] = t.real[0][i] - 2 * t.real[1][i] > 0.1;
        t.real[0][i] += t.real[3][i] > 0 ? 1e-3 : -1e-3;
    }
    assert_int_equal(separated(&t, &rows), CW_LOGISTIC_COMPLETE);
    /* Quasi: a dummy that occurs only with 1, of 7 rows. */
    serial_free(&t);
    make(&env, &t, 5000, 0);
    for (int64_t i = 0; i < t.rows; i++) t.real[2][i] = i < 700 && i % 100 == 3;
    for (int64_t i = 0; i < 700; i += 100) t.real[3][i + 3] = 1;
    assert_int_equal(separated(&t, &rows), CW_LOGISTIC_QUASI);
    assert_int_equal(rows, 7);
    /* One row on the other side: a maximum exists and is found. */
    t.real[3][3] = 0;
    assert_int_equal(separated(&t, &rows), CW_LOGISTIC_CONVERGED);
    assert_int_equal(rows, 0);
    /* Two dummies that separate on different sides. */
    for (int64_t i = 0; i < t.rows; i++) {
        t.real[1][i] = i >= 2000 && i < 2020;
        if (t.real[1][i] > 0) t.real[3][i] = 0;
    }
    t.real[3][3] = 1;
    assert_int_equal(separated(&t, &rows), CW_LOGISTIC_QUASI);
    assert_int_equal(rows, 27);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* Whatever the layers of separation, nothing may be called converged that has no maximum, and what has one
 * must not be called separated. */
static void layered_separation_never_converges(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    int64_t rows;
    cw_env_init(&env);
    make(&env, &t, 2000, 0);
    for (int64_t i = 0; i < t.rows; i++) {
        int layer = i % 4 == 0;
        /* Rows of layer 0 are split by x0 alone; those at x0 = 0 by x1, the rest random there. */
        t.real[0][i] = layer ? (i % 8 == 0 ? 1 : -1) : 0;
        t.real[1][i] = layer ? (i % 8 == 0 ? -3 : 3) : i % 4 == 1 ? (i % 8 == 1 ? 1 : -1) : 0;
        t.real[3][i] = layer ? i % 8 == 0 : i % 4 == 1 ? i % 8 == 1 : uniform(i, 50) < 0.5;
    }
    cw_logistic_status status = separated(&t, &rows);
    assert_true(status == CW_LOGISTIC_QUASI || status == CW_LOGISTIC_DIVERGED);
    serial_free(&t);
    /* Small samples, many of them separated: compare with a rule found by brute force over a fine grid of
     * directions in two dimensions (a constant and one column: order decides). */
    for (uint32_t seed = 0; seed < 300; seed++) {
        make(&env, &t, 12, 0);
        int64_t ones = 0;
        double low1 = INFINITY, high1 = -(double)INFINITY, low0 = INFINITY, high0 = -(double)INFINITY;
        for (int64_t i = 0; i < t.rows; i++) {
            double x = floor(8 * uniform(i, 100 + seed)), y = uniform(i, 5000 + seed) < 0.15 + 0.09 * x;
            t.real[0][i] = x;
            t.real[3][i] = y;
            ones += y > 0;
            if (y > 0) {
                low1 = fmin(low1, x);
                high1 = fmax(high1, x);
            } else {
                low0 = fmin(low0, x);
                high0 = fmax(high0, x);
            }
        }
        int complete = ones == 0 || ones == 12 || low1 > high0 || high1 < low0;
        int quasi = !complete && (low1 >= high0 || high1 <= low0);
        cw_logistic_spec spec = simple;
        spec.columns = 1;
        cw_logistic *l = answer_logistic(&t, &spec);
        status = cw_logistic_get(l, 0).status;
        assert_int_equal(status, complete ? CW_LOGISTIC_COMPLETE
                                 : quasi  ? CW_LOGISTIC_QUASI
                                          : CW_LOGISTIC_CONVERGED);
        cw_logistic_destroy(&l);
        serial_free(&t);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void weights_scales_and_rare_events(void **state) {
    (void)state;
    cw_env env;
    serial_table t, copies;
    double b[4], c[4];
    cw_env_init(&env);
    make(&env, &t, 3000, -5); /* about one in a hundred */
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
    int64_t total = 0;
    for (int64_t i = 0; i < t.rows; i++) {
        t.weight[i] = (double)(i % 4);
        total += i % 4;
    }
    cw_logistic *l = answer_logistic(&t, &simple);
    cw_logistic_fit fit = fit_of(l, b);
    assert_int_equal(fit.status, CW_LOGISTIC_CONVERGED);
    assert_true(fit.weight == (double)total);
    cw_logistic_destroy(&l);
    serial_make(&env, &copies, total);
    for (int j = 0; j < 5; j++) serial_add(&copies, "x");
    for (int64_t i = 0, next = 0; i < t.rows; i++)
        for (int64_t k = 0; k < i % 4; k++, next++)
            for (int j = 0; j < 5; j++) copies.real[j][next] = t.real[j][i];
    l = answer_logistic(&copies, &simple);
    fit_of(l, c);
    for (int j = 0; j < 4; j++) assert_true(fabs(b[j] - c[j]) < 1e-10);
    cw_logistic_destroy(&l);
    serial_free(&copies);
    /* Tiny and huge weights, columns in odd units. */
    for (int64_t i = 0; i < t.rows; i++) {
        t.weight[i] *= 0x1p-40;
        t.real[0][i] = 1e9 + 1e6 * t.real[0][i];
        t.real[1][i] *= 1e-9;
    }
    const double shift[3] = {1e9, 0, 0}, scale[3] = {0x1p-20, 0x1p30, 1};
    cw_logistic_spec spec = simple;
    spec.shift = shift;
    spec.scale = scale;
    l = answer_logistic(&t, &spec);
    double raw[4];
    cw_gram_raw(4, shift, scale, 0, cw_logistic_get(l, 0).coefficient, raw);
    assert_true(fabs(raw[1] * 1e6 / b[1] - 1) < 1e-7 && fabs(raw[2] * 1e-9 / b[2] - 1) < 1e-7);
    cw_logistic_destroy(&l);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void odd_rows_and_columns(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double b[4], c[4];
    cw_env_init(&env);
    make(&env, &t, 4000, 0);
    assert_int_equal(cw_alloc(&env, (size_t)t.rows, sizeof(double), &t.weight), CW_OK);
    for (int64_t i = 0; i < t.rows; i++) t.weight[i] = i % 50 != 7;
    cw_logistic *l = answer_logistic(&t, &simple);
    fit_of(l, b);
    cw_logistic_destroy(&l);
    /* The same rows bad instead of excluded: NaN, infinite, or another response. */
    for (int64_t i = 7; i < t.rows; i += 50) {
        t.weight[i] = 1;
        if (i % 3 == 0) t.real[1][i] = (double)NAN;
        if (i % 3 == 1) t.real[0][i] = -(double)INFINITY;
        if (i % 3 == 2) t.real[3][i] = 2;
    }
    l = answer_logistic(&t, &simple);
    cw_logistic_fit fit = fit_of(l, c);
    assert_memory_equal(b, c, sizeof b);
    int64_t others = 0;
    for (int64_t i = 7; i < t.rows; i += 50) others += i % 3 == 2;
    assert_int_equal(fit.bad, 80 - others);
    assert_int_equal(fit.rows, 3920);
    cw_logistic_destroy(&l);
    /* A dependent column is dropped, predictions stay. */
    for (int64_t i = 0; i < t.rows; i++) t.real[2][i] = 1 - 2 * t.real[0][i];
    l = answer_logistic(&t, &simple);
    fit = fit_of(l, c);
    assert_int_equal(fit.status, CW_LOGISTIC_CONVERGED);
    assert_int_equal(fit.rank, 3);
    assert_true(c[3] == 0);
    cw_logistic_destroy(&l);
    /* No rows at all. */
    for (int64_t i = 0; i < t.rows; i++) t.weight[i] = 0;
    l = answer_logistic(&t, &simple);
    assert_int_equal(cw_logistic_get(l, 0).status, CW_LOGISTIC_EMPTY);
    cw_logistic_destroy(&l);
    serial_free(&t);
}

static void predictions_use_the_cell_s_model(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_env_init(&env);
    make(&env, &t, 1500, 0);
    for (int64_t i = 0; i < t.rows; i += 100) t.real[4][i] = i % 200 ? 9 : 0.5;
    const double coefficient[2 * 4] = {0.5, 1, 0, 0, -1, 0, 2, 3}, shift[3] = {0, 1, 2},
                                 scale[3] = {1, 2, 0.5};
    const int32_t model_of_cell[3] = {1, 0, 1};
    cw_predictor p = {.link = CW_LINK_IDENTITY,
                      .columns = 3,
                      .column = columns,
                      .shift = shift,
                      .scale = scale,
                      .coefficient = coefficient,
                      .stride = 4,
                      .cells = 3,
                      .cell_column = 4,
                      .model_of_cell = model_of_cell,
                      .plus = 7,
                      .times = 2};
    serial_rows rows = {.table = &t};
    cw_block block;
    double out[1500], part[1500], one[1];
    serial_rows_supply(&rows, 0, &block);
    cw_predict(&p, &block, 0, 1500, out);
    for (int32_t i = 0; i < 1500; i++) {
        double cell = t.real[4][i];
        if (cell != 0 && cell != 1 && cell != 2) {
            assert_true(isnan(out[i]));
            continue;
        }
        const double *b = coefficient + 4 * model_of_cell[(int)cell];
        double eta = b[0];
        for (int j = 0; j < 3; j++) eta += b[j + 1] * ((t.real[j][i] - shift[j]) * scale[j]);
        assert_true(out[i] == 7 + 2 * eta);
    }
    /* In pieces, and with a link. */
    cw_predict(&p, &block, 700, 500, part);
    for (int32_t i = 0; i < 500; i++) assert_true(part[i] == out[700 + i] || isnan(part[i]));
    p.link = CW_LINK_LOGIT;
    p.times = 0;
    cw_predict(&p, &block, 1, 1, one);
    assert_true(fabs(one[0] - 1 / (1 + exp(-(out[1] - 7) / 2))) < 1e-15);
    double extreme[] = {-800, -40, 0, 40, 800}, t_out[5];
    cw_logistic_array(5, extreme, extreme, t_out);
    assert_true(extreme[0] == 0 && extreme[1] > 0 && extreme[2] == 0.5 && extreme[4] == 1 && t_out[2] == 1);
    serial_free(&t);
}

static void predictions_have_equal_bits(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    enum { CELLS = 20, N = 1501 };
    double coefficient[CELLS * 4], want[N], got[N];
    int32_t model_of_cell[CELLS];
    cw_env_init(&env);
    make(&env, &t, N, 0);
    for (int k = 0; k < CELLS * 4; k++) coefficient[k] = 3 * uniform(k, 77) - 1;
    const double shift[3] = {0.1, 1, 2}, scale[3] = {1.5, 2, 0.5};
    serial_rows rows = {.table = &t};
    cw_block block;
    serial_rows_supply(&rows, 0, &block);
    for (int32_t models = 1; models <= CELLS; models++) {
        for (int32_t c = 0; c < CELLS; c++) model_of_cell[c] = c % models;
        for (int64_t i = 0; i < N; i++) t.real[4][i] = floor(CELLS * uniform(i, 78));
        const cw_predictor p = {.link = CW_LINK_IDENTITY,
                                .columns = 3,
                                .column = columns,
                                .shift = shift,
                                .scale = scale,
                                .coefficient = coefficient,
                                .stride = 4,
                                .cells = models == 1 ? 0 : CELLS,
                                .cell_column = 4,
                                .model_of_cell = model_of_cell};
        for (int32_t i = 0; i < N; i++) {
            const double *b = coefficient + 4 * ((int)t.real[4][i] % models);
            want[i] = b[0];
            for (int j = 0; j < 3; j++) want[i] += b[j + 1] * ((t.real[j][i] - shift[j]) * scale[j]);
        }
        for (cw_cpu level = CW_CPU_PLAIN; level <= cw_cpu_found(); level++) {
            cw_cpu_limit(level);
            cw_predict(&p, &block, 0, N, got);
            assert_memory_equal(got, want, sizeof want);
        }
    }
    cw_cpu_limit(CW_CPU_AVX512);
    serial_free(&t);
}

static void every_failed_allocation_unwinds(void **state) {
    (void)state;
    cw_env env, data;
    serial_table t;
    cw_env_init(&data);
    make(&data, &t, 300, 0);
    const uint8_t uses[3] = {1, 1, 0};
    cw_logistic_spec spec = simple;
    spec.cells = 3;
    spec.cell_column = 4;
    spec.uses = uses;
    for (int64_t at = 1;; at++) {
        cw_env_init(&env);
        env.fail_at = at;
        cw_logistic *l = NULL;
        cw_code code = cw_logistic_create(&env, &spec, &l);
        if (code == CW_OK) {
            double control[100], packed[10];
            assert_true(cw_logistic_control_bytes(l) <= sizeof control);
            void *result = serial_pass(&t, cw_logistic_accumulator(l));
            code = cw_logistic_decide(l, result, control);
            if (code == CW_OK) code = cw_logistic_sandwich(l, result, 0, packed);
            cw_free(&data, &result);
        }
        cw_logistic_destroy(&l);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        assert_true(at < 60);
    }
    serial_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_score_is_zero_at_the_fit),
        cmocka_unit_test(models_in_company_are_as_alone),
        cmocka_unit_test(a_start_saves_passes_and_changes_nothing),
        cmocka_unit_test(kernels_give_equal_bits),
        cmocka_unit_test(separation_is_certified),
        cmocka_unit_test(layered_separation_never_converges),
        cmocka_unit_test(weights_scales_and_rare_events),
        cmocka_unit_test(odd_rows_and_columns),
        cmocka_unit_test(predictions_use_the_cell_s_model),
        cmocka_unit_test(predictions_have_equal_bits),
        cmocka_unit_test(every_failed_allocation_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
