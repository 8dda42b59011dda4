/* Sums by key: exactness, independence of order, growth, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <mpfr.h>
#include <string.h>

#include "src/base/keysum.h"
#include "src/base/random.h"

__extension__ typedef unsigned __int128 u128;

enum { WIDE = 2600 }; /* bits that hold any sum of doubles and any fixed-point number exactly */

static void set_fixed(mpfr_t to, cw_i128 units, int32_t quantum) {
    u128 u = units < 0 ? -(u128)units : (u128)units;
    mpfr_set_ui(to, (unsigned long)(u >> 64), MPFR_RNDN);
    mpfr_mul_2si(to, to, 64, MPFR_RNDN);
    mpfr_add_ui(to, to, (unsigned long)u, MPFR_RNDN);
    if (units < 0) mpfr_neg(to, to, MPFR_RNDN);
    mpfr_mul_2si(to, to, quantum, MPFR_RNDN);
}

/* A double with random mantissa and an exponent from -span to span; now and then 0. */
static double any_double(uint64_t i, int span) {
    uint64_t word = cw_mix64(i);
    if (word % 97 == 0) return 0;
    double fraction = (double)(int64_t)cw_mix64(word) * 0x1p-63;
    return ldexp(fraction, (int)(word % (2u * (unsigned)span + 1)) - span);
}

static void conversion_rounds_to_nearest_ties_away(void **state) {
    (void)state;
    mpfr_t exact, fixed;
    mpfr_inits2(WIDE, exact, fixed, (mpfr_ptr)0);
    const double special[] = {0,    -0.0,      0.5,     -0.5,    1.5,     2.5,      -2.5,
                              0.25, 0x1p-1074, 0x1p-54, 0x1p-53, 0x1p100, 0x1.8p-1, nextafter(0.5, 0)};
    for (uint64_t i = 0; i < 20000; i++) {
        int32_t quantum = (int32_t)(cw_mix64(i ^ 77) % 121) - 60;
        double v = any_double(i, 60);
        if (i < sizeof special / sizeof *special) {
            v = special[i];
            quantum = 0;
        }
        mpfr_set_d(exact, v, MPFR_RNDN);
        mpfr_mul_2si(exact, exact, -quantum, MPFR_RNDN);
        mpfr_round(exact, exact);
        set_fixed(fixed, cw_fixed_from_double(v, quantum), 0);
        assert_true(mpfr_equal_p(exact, fixed));
    }
    assert_true(cw_fixed_from_double(-0x1p-1074, -1074) == -1);
    assert_true(cw_fixed_from_double(NAN, 0) == 0);
    assert_true(cw_fixed_from_double(INFINITY, 0) == -(cw_fixed_from_double(-INFINITY, 0)));
    assert_true(cw_fixed_from_double(DBL_MAX, -1074) == cw_fixed_from_double(INFINITY, 0)); /* saturates */
    mpfr_clears(exact, fixed, (mpfr_ptr)0);
}

static void back_conversion_rounds_to_nearest_ties_to_even(void **state) {
    (void)state;
    mpfr_t exact;
    mpfr_init2(exact, WIDE);
    for (uint64_t i = 0; i < 60000; i++) {
        cw_i128 units = (cw_i128)((u128)cw_mix64(2 * i) << 64 | cw_mix64(2 * i + 1));
        units >>= cw_mix64(i ^ 5) % 127;
        uint64_t kind = i % 4;
        if (kind == 1) units = (units >> 70) * ((cw_i128)1 << 70); /* ties and exact numbers */
        if (kind == 2) units = ((units >> 60) | 1) * ((cw_i128)1 << (cw_mix64(i) % 58)); /* many ties */
        int32_t quantum = (int32_t)(cw_mix64(i ^ 9) % 300) - 150;
        if (i % 3 == 1) quantum = -1074 - (int32_t)(cw_mix64(i ^ 1) % 140); /* subnormal, underflow */
        if (i % 3 == 2) quantum = 1024 - (int32_t)(cw_mix64(i ^ 2) % 140);  /* overflow */
        set_fixed(exact, units, quantum);
        /* mpfr's own rounding to double, gradual underflow included */
        double expected = mpfr_get_d(exact, MPFR_RNDN);
        double got = cw_fixed_to_double(units, quantum);
        assert_true(got == expected);
    }
    mpfr_clear(exact);
}

static void quantum_is_safe_and_smallest(void **state) {
    (void)state;
    assert_int_equal(cw_keysum_quantum(1, 1), -126);
    assert_int_equal(cw_keysum_quantum(1, 1024), -116);
    assert_int_equal(cw_keysum_quantum(1, 1025), -115);
    assert_int_equal(cw_keysum_quantum(nextafter(1, 2), 1), -125);
    assert_int_equal(cw_keysum_quantum(-8, 2), -122);
    assert_int_equal(cw_keysum_quantum(0, 100), -1074);
    assert_int_equal(cw_keysum_quantum(1e-300, 100), -1074);
    assert_int_equal(cw_keysum_quantum(INFINITY, 1), 898);
    /* The largest sums fit: n values of +-B. */
    cw_env env;
    cw_env_init(&env);
    const double bounds[] = {1, 3, 1e300, DBL_MAX, 0x1p-1000, nextafter(4, 0)};
    const int64_t rows[] = {1, 2, 3, 1000, 1024};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            int32_t quantum = cw_keysum_quantum(bounds[b], rows[r]);
            cw_keysum *table;
            assert_int_equal(cw_keysum_create(&env, 1, &quantum, &table), CW_OK);
            double value = -bounds[b];
            for (int64_t i = 0; i < rows[r]; i++)
                assert_int_equal(cw_keysum_add(table, (cw_key){1, 2}, &value), CW_OK);
            assert_true(cw_keysum_value(table, 0, 0) == value * (double)rows[r]);
            cw_keysum_destroy(&table);
        }
    assert_int_equal(env.blocks_now, 0);
}

enum { ROWS = 6000, WIDTH = 3, KEYS = 700 };

static cw_key key_of(uint64_t row) {
    uint64_t k = cw_mix64(row ^ 0x1234) % KEYS;
    return (cw_key){k % 3 == 0 ? -(int64_t)k : (int64_t)(k << 20), k % 2 ? INT64_MIN + (int64_t)k : 0};
}

static void values_of(uint64_t row, double value[WIDTH]) {
    value[0] = any_double(row, 2);
    value[1] = any_double(row ^ 0xABCDEF, 30);
    value[2] = 1e15 + (double)row;
}

static void quanta(int32_t quantum[WIDTH]) {
    quantum[0] = cw_keysum_quantum(4, ROWS);
    quantum[1] = cw_keysum_quantum(0x1p30, ROWS);
    quantum[2] = cw_keysum_quantum(2e15, ROWS);
}

static uint64_t shuffled(uint64_t i, uint64_t stride) { /* a permutation of 0 .. ROWS-1: stride is coprime */
    return (i * stride + 17) % ROWS;
}

static cw_keysum *table_of(cw_env *env, uint64_t begin, uint64_t end, uint64_t stride) {
    int32_t quantum[WIDTH];
    quanta(quantum);
    cw_keysum *table;
    assert_int_equal(cw_keysum_create(env, WIDTH, quantum, &table), CW_OK);
    for (uint64_t i = begin; i < end; i++) {
        double value[WIDTH];
        values_of(shuffled(i, stride), value);
        assert_int_equal(cw_keysum_add(table, key_of(shuffled(i, stride)), value), CW_OK);
    }
    return table;
}

static void assert_same(const cw_keysum *x, const cw_keysum *y) {
    assert_int_equal(cw_keysum_size(x), cw_keysum_size(y));
    for (int64_t slot = 0; slot < cw_keysum_size(x); slot++) {
        int64_t other = cw_keysum_find(y, cw_keysum_key(x, slot));
        assert_true(other >= 0);
        assert_int_equal(cw_keysum_count(x, slot), cw_keysum_count(y, other));
        assert_memory_equal(cw_keysum_sums(x, slot), cw_keysum_sums(y, other), WIDTH * sizeof(cw_i128));
    }
}

static void sums_are_exact(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_keysum *table = table_of(&env, 0, ROWS, 1);
    int32_t quantum[WIDTH];
    quanta(quantum);
    mpfr_t sum, term, fixed;
    mpfr_inits2(WIDE, sum, term, fixed, (mpfr_ptr)0);
    assert_in_range(cw_keysum_size(table), KEYS - 20, KEYS);
    for (int64_t slot = 0; slot < cw_keysum_size(table); slot += 23) {
        cw_key key = cw_keysum_key(table, slot);
        assert_int_equal(cw_keysum_find(table, key), slot);
        for (int32_t j = 0; j < WIDTH; j++) {
            int64_t count = 0;
            mpfr_set_zero(sum, 1);
            for (uint64_t row = 0; row < ROWS; row++) {
                if (key_of(row).a != key.a || key_of(row).b != key.b) continue;
                double value[WIDTH];
                values_of(row, value);
                mpfr_set_d(term, value[j], MPFR_RNDN);
                mpfr_mul_2si(term, term, -quantum[j], MPFR_RNDN);
                mpfr_round(term, term);
                mpfr_add(sum, sum, term, MPFR_RNDN);
                count += 1;
            }
            assert_int_equal(cw_keysum_count(table, slot), count);
            set_fixed(fixed, cw_keysum_sums(table, slot)[j], 0);
            assert_true(mpfr_equal_p(sum, fixed));
            mpfr_mul_2si(sum, sum, quantum[j], MPFR_RNDN);
            assert_true(cw_keysum_value(table, slot, j) == mpfr_get_d(sum, MPFR_RNDN));
        }
    }
    mpfr_clears(sum, term, fixed, (mpfr_ptr)0);
    cw_keysum_destroy(&table);
    assert_int_equal(env.blocks_now, 0);
}

static void order_and_merging_change_no_bit(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_keysum *whole = table_of(&env, 0, ROWS, 1);
    const uint64_t strides[] = {7, 1009, ROWS - 1};
    for (int s = 0; s < 3; s++) {
        cw_keysum *other = table_of(&env, 0, ROWS, strides[s]);
        assert_same(whole, other);
        cw_keysum_destroy(&other);
        cw_keysum *piece[3] = {table_of(&env, 0, 1500, strides[s]), table_of(&env, 1500, 1501, strides[s]),
                               table_of(&env, 1501, ROWS, strides[s])};
        for (int first = 0; first < 3; first++) {
            cw_keysum *sum = table_of(&env, 0, 0, 1);
            for (int p = 0; p < 3; p++) {
                const cw_keysum *from = piece[(first + (p * (s + 1)) % 3) % 3];
                if (s == 2) from = piece[(first + p) % 3];
                for (int64_t slot = cw_keysum_size(from) - 1; slot >= 0; slot--)
                    assert_int_equal(cw_keysum_add_sums(sum, cw_keysum_key(from, slot),
                                                        cw_keysum_count(from, slot),
                                                        cw_keysum_sums(from, slot)),
                                     CW_OK);
            }
            assert_same(whole, sum);
            cw_keysum_destroy(&sum);
        }
        for (int p = 0; p < 3; p++) cw_keysum_destroy(&piece[p]);
    }
    cw_keysum_destroy(&whole);
    assert_int_equal(env.blocks_now, 0);
}

static void slots_keep_their_order_and_can_be_set(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_keysum *table;
    int32_t quantum[1] = {-60};
    assert_int_equal(cw_keysum_create(&env, 1, quantum, &table), CW_OK);
    assert_int_equal(cw_keysum_width(table), 1);
    assert_int_equal(cw_keysum_quantum_of(table, 0), -60);
    assert_int_equal(cw_keysum_find(table, (cw_key){0, 0}), -1);
    size_t bytes = cw_keysum_bytes(table);
    const double one = 1;
    for (int64_t k = 0; k < 10000; k++)
        assert_int_equal(cw_keysum_add(table, (cw_key){k << 32, -k}, &one), CW_OK);
    for (int64_t k = 0; k < 10000; k++) assert_int_equal(cw_keysum_find(table, (cw_key){k << 32, -k}), k);
    assert_int_equal(cw_keysum_find(table, (cw_key){1, 1}), -1);
    assert_true(cw_keysum_bytes(table) > bytes + 10000 * 48);
    assert_true(cw_keysum_bytes(table) <= (size_t)env.bytes_now);
    cw_i128 sums[1] = {(cw_i128)5 << 60};
    cw_keysum_set(table, 77, 9, sums);
    assert_int_equal(cw_keysum_count(table, 77), 9);
    assert_true(cw_keysum_value(table, 77, 0) == 5);
    assert_true(cw_keysum_value(table, 78, 0) == 1);
    cw_keysum_destroy(&table);
    cw_keysum_destroy(&table); /* of NULL */

    assert_int_equal(cw_keysum_create(&env, 0, NULL, &table), CW_OK); /* counts only */
    assert_int_equal(cw_keysum_add(table, (cw_key){1, 0}, NULL), CW_OK);
    assert_int_equal(cw_keysum_add_sums(table, (cw_key){1, 0}, 4, NULL), CW_OK);
    assert_int_equal(cw_keysum_count(table, 0), 5);
    cw_keysum_destroy(&table);
    assert_int_equal(env.blocks_now, 0);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_keysum *table;
    const int32_t quantum[2] = {-100, 0};
    assert_int_equal(cw_keysum_create(&env, 2, quantum, &table), CW_OK);
    const double bad[4][2] = {{1, NAN}, {1, INFINITY}, {0x1p27, 1}, {1, -0x1p127}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cw_keysum_add(table, (cw_key){1, 0}, bad[i]), CW_INTERNAL);
        cw_env_clear(&env);
        assert_int_equal(cw_keysum_size(table), 0);
    }
    const double big[2] = {1, 0x1p126};
    assert_int_equal(cw_keysum_add(table, (cw_key){1, 0}, big), CW_OK);
    assert_int_equal(cw_keysum_add(table, (cw_key){1, 0}, big), CW_INTERNAL); /* 2^127 overflows */
    cw_env_clear(&env);
    const cw_i128 sums[2] = {7, (cw_i128)1 << 126};
    assert_int_equal(cw_keysum_add_sums(table, (cw_key){1, 0}, 3, sums), CW_INTERNAL);
    assert_int_equal(cw_keysum_count(table, 0), 1);
    assert_true(cw_keysum_value(table, 0, 0) == 1);
    assert_true(cw_keysum_value(table, 0, 1) == 0x1p126);
    cw_keysum_destroy(&table);
    assert_int_equal(env.blocks_now, 0);
}

static void buckets_are_even_and_order_is_total(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_keysum *table;
    assert_int_equal(cw_keysum_create(&env, 0, NULL, &table), CW_OK);
    enum { COUNT = 20000, BUCKETS = 64 };
    static int64_t order[COUNT];
    static unsigned char seen[COUNT];
    int64_t filled[BUCKETS] = {0};
    for (int64_t k = 0; k < COUNT; k++) {
        cw_key key = {k / 2 * 1000, k % 2};
        assert_int_equal(cw_keysum_add(table, key, NULL), CW_OK);
        int32_t bucket = cw_key_bucket(key, BUCKETS);
        assert_in_range(bucket, 0, BUCKETS - 1);
        filled[bucket] += 1;
        assert_int_equal(cw_key_bucket(key, 1), 0);
        assert_int_equal(cw_key_bucket(key, 2 * BUCKETS) / 2, bucket); /* finer grids are nested */
    }
    double chi2 = 0, mean = (double)COUNT / BUCKETS;
    for (int b = 0; b < BUCKETS; b++) chi2 += ((double)filled[b] - mean) * ((double)filled[b] - mean) / mean;
    assert_true(chi2 > 23 && chi2 < 130);
    const int32_t grids[] = {2, BUCKETS, 1024, 4096, 1 << 20};
    for (size_t g = 0; g < sizeof grids / sizeof *grids; g++) {
        cw_keysum_order(table, grids[g], order);
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < COUNT; i++) {
            assert_int_equal(seen[order[i]]++, 0);
            if (i == 0) continue;
            cw_key x = cw_keysum_key(table, order[i - 1]), y = cw_keysum_key(table, order[i]);
            int32_t p = cw_key_bucket(x, grids[g]), q = cw_key_bucket(y, grids[g]);
            assert_true(p < q || (p == q && (x.a < y.a || (x.a == y.a && x.b < y.b))));
        }
    }
    cw_keysum_order(table, 1, order); /* one bucket: by key alone */
    for (int64_t i = 0; i < COUNT; i++) assert_int_equal(order[i], i);
    cw_keysum_destroy(&table);
    assert_int_equal(env.blocks_now, 0);
}

static void memory_may_end_at_every_allocation(void **state) {
    (void)state;
    for (int64_t fail_at = 1;; fail_at++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = fail_at;
        const int32_t quantum[1] = {-100};
        const double value[1] = {1.5};
        cw_keysum *table;
        cw_code code = cw_keysum_create(&env, 1, quantum, &table);
        int64_t key = 0;
        while (code == CW_OK && key < 500) {
            code = cw_keysum_add(table, (cw_key){key, 0}, value);
            if (code == CW_OK) key += 1;
        }
        if (table) {
            /* The table is whole up to the failed add, and goes on when there is memory again. */
            assert_int_equal(cw_keysum_size(table), key);
            env.fail_at = 0;
            cw_env_clear(&env);
            for (int64_t again = 0; again < 600; again++)
                assert_int_equal(cw_keysum_add(table, (cw_key){again, 0}, value), CW_OK);
            for (int64_t again = 0; again < 600; again++) {
                assert_int_equal(cw_keysum_find(table, (cw_key){again, 0}), again);
                assert_true(cw_keysum_value(table, again, 0) == (again < key ? 3 : 1.5));
            }
        }
        cw_keysum_destroy(&table);
        assert_int_equal(env.blocks_now, 0);
        assert_int_equal(env.bytes_now, 0);
        if (code == CW_OK) {
            assert_true(fail_at > 10);
            return;
        }
        assert_int_equal(code, CW_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversion_rounds_to_nearest_ties_away),
        cmocka_unit_test(back_conversion_rounds_to_nearest_ties_to_even),
        cmocka_unit_test(quantum_is_safe_and_smallest),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(order_and_merging_change_no_bit),
        cmocka_unit_test(slots_keep_their_order_and_can_be_set),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test(buckets_are_even_and_order_is_total),
        cmocka_unit_test(memory_may_end_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
