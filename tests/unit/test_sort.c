/* Sorting: order, stability, any size of element, no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "src/base/random.h"
#include "src/base/sort.h"

typedef struct counted {
    int64_t compares;
} counted;

static int by_first_word(const void *a, const void *b, void *self) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    ((counted *)self)->compares += 1;
    return x < y ? -1 : x > y;
}

static int by_first_byte(const void *a, const void *b, void *self) {
    (void)self;
    return (int)*(const unsigned char *)a - (int)*(const unsigned char *)b;
}

typedef struct pair {
    int64_t key, place;
} pair;

enum { MOST = 5000 };

/* Sorts `count` pairs whose keys fall in [0, range) and checks order, stability and that none is lost. */
static void check_pairs(int64_t count, uint64_t range, int shape) {
    static pair data[MOST];
    static unsigned char seen[MOST];
    for (int64_t i = 0; i < count; i++) {
        int64_t key = (int64_t)(cw_mix64((uint64_t)(i + 7 * count)) % range);
        if (shape == 1) key = i;
        if (shape == 2) key = count - i;
        if (shape == 3) key = i % 2 ? i : -i;
        data[i] = (pair){key, i};
    }
    cw_env env;
    cw_env_init(&env);
    counted calls = {0};
    assert_int_equal(cw_sort(&env, data, count, sizeof *data, by_first_word, &calls), CW_OK);
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0) assert_true(data[i - 1].key <= data[i].key);
        if (i > 0 && data[i - 1].key == data[i].key) assert_true(data[i - 1].place < data[i].place);
        assert_int_equal(seen[data[i].place]++, 0);
    }
    int64_t levels = 0;
    while (INT64_C(1) << levels < count) levels += 1;
    assert_true(calls.compares <= count * (levels + 6)); /* n log n whatever the input */
    if (shape == 1 && count > 0) assert_true(calls.compares <= 2 * count);
    assert_int_equal(env.blocks_now, 0);
}

static void pairs_are_sorted_stably(void **state) {
    (void)state;
    const int64_t counts[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 1023, 1024, 1025, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int shape = 0; shape < 4; shape++) {
            check_pairs(counts[c], 1000000, shape);
            check_pairs(counts[c], 10, shape);
            check_pairs(counts[c], 1, shape);
        }
}

static void any_size_of_element_is_sorted(void **state) {
    (void)state;
    for (size_t size = 1; size <= 40; size++) {
        unsigned char data[300 * 40];
        cw_env env;
        cw_env_init(&env);
        for (size_t i = 0; i < 300 * size; i++) data[i] = (unsigned char)(cw_mix64(i) >> 9);
        for (size_t i = 0; size > 2 && i < 300; i++) memset(data + i * size + 1, data[i * size], size - 1);
        assert_int_equal(cw_sort(&env, data, 300, size, by_first_byte, NULL), CW_OK);
        for (size_t i = 0; i < 300; i++) {
            if (i > 0) assert_true(data[(i - 1) * size] <= data[i * size]);
            for (size_t k = 1; size > 2 && k < size; k++)
                assert_int_equal(data[i * size + k], data[i * size]); /* elements stay whole */
        }
    }
}

static void no_memory_leaves_the_data(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    env.fail_at = 1;
    int64_t data[3] = {3, 1, 2};
    counted calls = {0};
    assert_int_equal(cw_sort(&env, data, 3, sizeof *data, by_first_word, &calls), CW_NO_MEMORY);
    assert_true(data[0] == 3 && data[1] == 1 && data[2] == 2);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_sorted_stably),
        cmocka_unit_test(any_size_of_element_is_sorted),
        cmocka_unit_test(no_memory_leaves_the_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
