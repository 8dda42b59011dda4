/* Errors, memory counting, injected failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "src/base/accumulator.h"
#include "src/base/env.h"

static void first_failure_is_kept(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    assert_int_equal(cw_fail(&env, CW_BAD_DATA, "a.csv line 3", "close the quote", "unclosed %s", "quote"),
                     CW_BAD_DATA);
    assert_int_equal(cw_fail(&env, CW_IO, NULL, NULL, "later"), CW_IO);
    char line[256];
    cw_error_line(&env.error, line, sizeof line);
    assert_string_equal(line, "unclosed quote; a.csv line 3; close the quote");
    cw_env_clear(&env);
    assert_int_equal(env.error.code, CW_OK);
}

static void memory_is_counted_and_aligned(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double *a = NULL;
    assert_int_equal(cw_alloc_zero(&env, 100, sizeof *a, &a), CW_OK);
    assert_int_equal((uintptr_t)a % 64, 0);
    a[99] = 3;
    assert_int_equal(cw_realloc(&env, 1000, sizeof *a, &a), CW_OK);
    assert_true(a[99] == 3);
    assert_int_equal(env.bytes_now, 8000);
    assert_int_equal(env.bytes_peak, 8800);
    cw_free(&env, &a);
    assert_null(a);
    assert_int_equal(env.bytes_now, 0);
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(cw_alloc(&env, SIZE_MAX / 4, 8, &a), CW_NO_MEMORY);
    assert_null(a);
}

static void failures_can_be_injected(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    env.fail_at = 2;
    char *a = NULL, *b = NULL;
    assert_int_equal(cw_strdup(&env, "one", &a), CW_OK);
    assert_int_equal(cw_format(&env, &b, "%d", 2), CW_NO_MEMORY);
    assert_null(b);
    cw_free(&env, &a);
    assert_int_equal(env.blocks_now, 0);
}

static void exit_codes_follow_the_design(void **state) {
    (void)state;
    assert_int_equal(cw_exit_code(CW_OK), 0);
    assert_int_equal(cw_exit_code(CW_BAD_JOB), 78);
    assert_int_equal(cw_exit_code(CW_NO_MEMORY), 71);
    assert_int_equal(cw_exit_code(CW_STOPPED), 75);
}

static void members_are_aligned(void **state) {
    (void)state;
    const cw_member members[] = {{"a", CW_F64, 3}, {"b", CW_I128, 5}};
    const cw_accumulator accumulator = {.name = "x", .members = 2, .member = members};
    assert_int_equal(cw_accumulator_offset(&accumulator, 1), 64);
    assert_int_equal(cw_accumulator_bytes(&accumulator), 192);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_failure_is_kept),    cmocka_unit_test(memory_is_counted_and_aligned),
        cmocka_unit_test(failures_can_be_injected), cmocka_unit_test(exit_codes_follow_the_design),
        cmocka_unit_test(members_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
