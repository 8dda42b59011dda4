/* The first look at the rows: values, missing ones, excluded ones, and any order of blocks. */
#include "tests/support/serial.h"

#include <math.h>

#include "src/estimate/profile.h"

enum { COLUMNS = 6, ROWS = 3 * 8192 + 517 };
enum { REAL, WHOLE, BINARY, HOLES, EMPTY, HUGE_ONES };

static void make(cw_env *env, serial_table *t) {
    serial_make(env, t, ROWS);
    for (int j = 0; j < COLUMNS; j++) serial_add(t, "x");
    assert_int_equal(cw_alloc(env, ROWS, sizeof(double), &t->weight), CW_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        double u = (double)((uint64_t)i * 2654435761u % 1000003) / 1000003;
        t->real[REAL][i] = 10 + u;
        t->real[WHOLE][i] = floor(100 * u) - 50;
        t->real[BINARY][i] = u > 0.5 ? 1 : i % 2 ? 0.0 : -0.0;
        t->real[HOLES][i] = i % 10 == 3 ? NAN : -u;
        t->real[EMPTY][i] = NAN;
        t->real[HUGE_ONES][i] = u > 0.3 ? 1.5e308 : 0x1p60;
        t->weight[i] = i < 9000 || i % 7 == 0 ? 0 : 2;
    }
}

static void *run(const serial_table *t, const cw_profile *profile) {
    return serial_pass(t, cw_profile_accumulator(profile));
}

static void facts_are_found(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    make(&env, &t);
    const double watched[] = {1, 0, 7};
    cw_profile *profile = NULL;
    assert_int_equal(cw_profile_create(&env, COLUMNS, BINARY, 3, watched, &profile), CW_OK);
    for (int weighted = 0; weighted <= 1; weighted++) {
        double *weight = t.weight;
        if (!weighted) t.weight = NULL;
        void *s = run(&t, profile);
        int64_t included = 0, seen[2] = {0, 0}, holes = 0, first_hole = -1;
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < ROWS; i++) {
            if (weighted && weight[i] == 0) continue;
            included++;
            seen[t.real[BINARY][i] == 1]++;
            low = fmin(low, t.real[REAL][i]);
            high = fmax(high, t.real[REAL][i]);
            if (isnan(t.real[HOLES][i]) && holes++ == 0) first_hole = i;
        }
        assert_int_equal(cw_profile_rows(profile, s), included);
        assert_int_equal(cw_profile_excluded(profile, s), ROWS - included);
        assert_int_equal(cw_profile_watched(profile, s, 0), seen[1]);
        assert_int_equal(cw_profile_watched(profile, s, 1), seen[0]);
        assert_int_equal(cw_profile_watched(profile, s, 2), 0);
        cw_profile_column c;
        cw_profile_get(profile, s, REAL, &c);
        assert_true(c.low == low && c.high == high && !c.is_binary && !c.is_integer);
        assert_true(c.missing == 0 && c.first_missing == -1);
        cw_profile_get(profile, s, WHOLE, &c);
        assert_true(c.low == -50 && c.high == 49 && !c.is_binary && c.is_integer);
        cw_profile_get(profile, s, BINARY, &c);
        assert_true(c.low == 0 && !signbit(c.low) && c.high == 1 && c.is_binary && c.is_integer);
        cw_profile_get(profile, s, HOLES, &c);
        assert_true(c.missing == holes && c.first_missing == first_hole && c.low < 0 && !c.is_integer);
        cw_profile_get(profile, s, EMPTY, &c);
        assert_true(isnan(c.low) && isnan(c.high) && c.shift == 0 && c.missing == included);
        assert_true(!c.is_binary && !c.is_integer);
        cw_profile_get(profile, s, HUGE_ONES, &c);
        assert_true(c.low == 0x1p60 && c.high == 1.5e308 && c.is_integer && isfinite(c.shift));
        cw_free(&env, &s);
        t.weight = weight;
    }
    cw_profile_destroy(&profile);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void the_shift_is_the_first_blocks_mean(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    make(&env, &t);
    cw_profile *profile = NULL;
    cw_profile_column c;
    assert_int_equal(cw_profile_create(&env, COLUMNS, -1, 0, NULL, &profile), CW_OK);
    void *s = run(&t, profile);
    double sum = 0;
    int64_t count = 0;
    for (int64_t i = 8192; i < 2 * 8192; i++) { /* block 0 has weight 0 */
        if (t.weight[i] == 0) continue;
        sum += t.real[REAL][i];
        count++;
    }
    cw_profile_get(profile, s, REAL, &c);
    assert_true(fabs(c.shift - sum / (double)count) <= 1e-6 * c.shift);
    assert_true(c.shift == (double)(float)c.shift); /* 24 bits */
    cw_free(&env, &s);
    cw_profile_destroy(&profile);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

/* One leaf for all blocks in any order, and leaves merged in any order, are the same bytes. */
static void order_does_not_matter(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    make(&env, &t);
    const double watched[] = {1};
    cw_profile *profile = NULL;
    assert_int_equal(cw_profile_create(&env, COLUMNS, BINARY, 1, watched, &profile), CW_OK);
    const cw_accumulator *a = cw_profile_accumulator(profile);
    size_t bytes = cw_accumulator_bytes(a);
    void *tree = run(&t, profile), *one = NULL, *scratch = NULL;
    assert_int_equal(cw_alloc(&env, 1, bytes, &one), CW_OK);
    assert_int_equal(cw_alloc(&env, 1, a->scratch_bytes, &scratch), CW_OK);
    const int order[][4] = {{3, 2, 1, 0}, {1, 3, 0, 2}, {0, 1, 2, 3}};
    serial_rows rows = {.table = &t};
    for (int k = 0; k < 3; k++) {
        cw_block block;
        cw_accumulator_reset(a, one);
        for (int b = 0; b < 4; b++) {
            serial_rows_supply(&rows, order[k][b], &block);
            a->add(a->params, one, scratch, &block);
        }
        assert_memory_equal(tree, one, bytes);
    }
    /* A state merged with a fresh one, either way round, is itself. */
    void *fresh = NULL;
    assert_int_equal(cw_alloc(&env, 1, bytes, &fresh), CW_OK);
    cw_accumulator_reset(a, fresh);
    a->merge(a->params, one, fresh);
    assert_memory_equal(tree, one, bytes);
    a->merge(a->params, fresh, one);
    assert_memory_equal(tree, fresh, bytes);
    cw_free(&env, &tree);
    cw_free(&env, &one);
    cw_free(&env, &fresh);
    cw_free(&env, &scratch);
    cw_profile_destroy(&profile);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void odd_values(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const struct {
        double x[9];
        int is_integer, is_binary;
    } set[] = {
        {{0, 1, 1, 0, 1, 0, 0, 1, 1}, 1, 1},
        {{0, 1, 1, 0, 1, 0, 0, 1, 2}, 1, 0},
        {{0, 1, 1, 0, 0.5, 0, 0, 1, 1}, 0, 0},
        {{0x1p53, -0x1p51, 0x1p1000, 3, 4, 5, 6, 7, 8}, 1, 0},
        {{0x1p51 + 0.5, 1, 1, 0, 1, 0, 0, 1, 1}, 0, 0},
        {{-0x1p51 + 0.25, 1, 1, 0, 1, 0, 0, 1, 1}, 0, 0},
        {{INFINITY, 1, 1, 0, 1, 0, 0, 1, 1}, 0, 0},
        {{1e-320, 1, 1, 0, 1, 0, 0, 1, 1}, 0, 0},
    };
    for (size_t k = 0; k < sizeof set / sizeof *set; k++) {
        serial_table t;
        serial_make(&env, &t, 9);
        memcpy(serial_add(&t, "x"), set[k].x, sizeof set[k].x);
        cw_profile *profile = NULL;
        cw_profile_column c;
        assert_int_equal(cw_profile_create(&env, 1, -1, 0, NULL, &profile), CW_OK);
        void *s = run(&t, profile);
        cw_profile_get(profile, s, 0, &c);
        assert_int_equal(c.is_integer, set[k].is_integer);
        assert_int_equal(c.is_binary, set[k].is_binary);
        cw_free(&env, &s);
        cw_profile_destroy(&profile);
        serial_free(&t);
    }
    cw_profile *profile = NULL;
    assert_int_equal(cw_profile_create(&env, 2, 2, 0, NULL, &profile), CW_INTERNAL);
    cw_env_clear(&env);
    const double value[] = {1};
    for (int64_t k = 1; k <= 2; k++) {
        env.calls = 0;
        env.fail_at = k;
        assert_int_equal(cw_profile_create(&env, 2, 0, 1, value, &profile), CW_NO_MEMORY);
        assert_null(profile);
        cw_env_clear(&env);
    }
    assert_int_equal(env.blocks_now, 0);
}

/* A unit longer than a block comes as one block of more rows. */
static void long_blocks_count_in_full(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    serial_table t;
    make(&env, &t);
    const double watched[] = {1};
    cw_profile *profile = NULL;
    assert_int_equal(cw_profile_create(&env, COLUMNS, BINARY, 1, watched, &profile), CW_OK);
    const cw_accumulator *a = cw_profile_accumulator(profile);
    void *tree = run(&t, profile), *one = NULL, *scratch = NULL;
    assert_int_equal(cw_alloc(&env, 1, cw_accumulator_bytes(a), &one), CW_OK);
    assert_int_equal(cw_alloc(&env, 1, a->scratch_bytes, &scratch), CW_OK);
    cw_accumulator_reset(a, one);
    serial_rows rows = {.table = &t};
    cw_block block;
    serial_rows_supply(&rows, 0, &block);
    block.rows = ROWS;
    a->add(a->params, one, scratch, &block);
    for (int32_t j = 0; j < COLUMNS; j++) {
        cw_profile_column x, y;
        cw_profile_get(profile, tree, j, &x);
        cw_profile_get(profile, one, j, &y);
        assert_true(x.missing == y.missing && x.first_missing == y.first_missing && x.shift == y.shift);
        assert_true((x.low == y.low && x.high == y.high) || isnan(x.low));
    }
    assert_int_equal(cw_profile_rows(profile, tree), cw_profile_rows(profile, one));
    assert_int_equal(cw_profile_watched(profile, tree, 0), cw_profile_watched(profile, one, 0));
    cw_free(&env, &tree);
    cw_free(&env, &one);
    cw_free(&env, &scratch);
    cw_profile_destroy(&profile);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_found),           cmocka_unit_test(the_shift_is_the_first_blocks_mean),
        cmocka_unit_test(order_does_not_matter),     cmocka_unit_test(odd_values),
        cmocka_unit_test(long_blocks_count_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
