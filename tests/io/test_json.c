/* JSON: numbers that read back the same, escapes, limits, misuse, injected failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/utf8.h"

static void known_decimals(void **state) {
    (void)state;
    /* Expected texts: the shortest decimals of David Gay's mode 0 (as Python's repr prints them). */
    const struct {
        double value;
        const char *text;
    } known[] = {
        {0.0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1, "-1"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100, "100"},
        {123456789, "123456789"},
        {-8497.516, "-8497.516"},
        {1e15, "1000000000000000"},
        {9007199254740992.0, "9007199254740992"},
        {1e16, "1e16"},
        {1e21, "1e21"},
        {1e22, "1e22"},
        {1e23, "1e23"},
        {0.001, "0.001"},
        {0.0001, "0.0001"},
        {0.00012345678901234567, "0.00012345678901234567"},
        {0.00001, "1e-5"},
        {1.5e-7, "1.5e-7"},
        {DBL_MAX, "1.7976931348623157e308"},
        {-DBL_MAX, "-1.7976931348623157e308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {-5e-324, "-5e-324"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44: the nearest 16 digits do not read back */
        {9.5367431640625e-07, "9.5367431640625e-7"},
        {9.999999999999999, "9.999999999999998"},
        {99999999999999990.0, "9.999999999999998e16"},
        {4.35, "4.35"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char text[32];
        cw_shortest(known[i].value, text);
        assert_string_equal(text, known[i].text);
    }
}

static uint64_t next(uint64_t *seed) { /* xorshift64* */
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1DULL;
}

static int significant(const char *text) {
    int digits = 0, zeros = 0, started = 0;
    for (const char *c = text; *c && *c != 'e'; c++) {
        if (*c < '0' || *c > '9') continue;
        if (*c != '0') started = 1;
        if (!started) continue;
        zeros = *c == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

static void read_back(double value) {
    char text[32], shorter[40];
    cw_shortest(value, text);
    assert_true(strlen(text) < 32);
    double again = strtod(text, NULL);
    assert_memory_equal(&again, &value, sizeof value);
    /* No decimal with one digit less reads back: neither neighbour of the value. */
    int digits = significant(text);
    if (digits < 2) return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
    assert_true(strtod(shorter, NULL) != value);
}

static void numbers_read_back(void **state) {
    (void)state;
    uint64_t seed = 20240229;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = next(&seed);
        double value;
        if (i % 5 == 1) bits &= 0x800FFFFFFFFFFFFFULL;             /* subnormal */
        if (i % 5 == 2) bits &= 0xFFF0000000000000ULL;             /* power of two */
        if (i % 5 == 3) bits = (bits & 0xFFF0000000000000ULL) - 1; /* just below one */
        memcpy(&value, &bits, sizeof value);
        if (i % 5 == 4) value = (double)((int64_t)bits >> (bits & 63)) / 1000; /* as people write them */
        if (!isfinite(value) || value == 0) continue;
        read_back(value);
    }
    for (int k = 0; k < 52; k++) read_back(ldexp(5e-324, k));
}

static void a_locale_changes_nothing(void **state) {
    (void)state;
    const char *locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C"};
    for (size_t i = 0; i < 4; i++) {
        if (!setlocale(LC_NUMERIC, locales[i])) continue;
        char text[32];
        cw_shortest(-8497.516, text);
        assert_string_equal(text, "-8497.516");
        cw_shortest(1.5e-7, text);
        assert_string_equal(text, "1.5e-7");
    }
    setlocale(LC_NUMERIC, "C");
}

static void layout_is_fixed(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_json *json;
    char *text;
    size_t length;
    assert_int_equal(cw_json_create(&env, &json), CW_OK);
    cw_json_object(json, NULL);
    cw_json_string(json, "a", "q\"b\\n\n\t\r\x01/");
    cw_json_array(json, "b");
    cw_json_int(json, NULL, INT64_MIN);
    cw_json_real(json, NULL, -0.0);
    cw_json_bool(json, NULL, 5);
    cw_json_null(json, NULL);
    cw_json_object(json, NULL);
    cw_json_end(json);
    cw_json_end(json);
    cw_json_array(json, "c");
    cw_json_end(json);
    cw_json_string(json, "d", NULL);
    cw_json_real(json, "e", NAN);
    cw_json_end(json);
    assert_int_equal(cw_json_finish(json, &text, &length), CW_OK);
    assert_string_equal(text, "{\n"
                              "  \"a\": \"q\\\"b\\\\n\\n\\t\\r\\u0001/\",\n"
                              "  \"b\": [\n"
                              "    -9223372036854775808,\n"
                              "    0,\n"
                              "    true,\n"
                              "    null,\n"
                              "    {}\n"
                              "  ],\n"
                              "  \"c\": [],\n"
                              "  \"d\": null,\n"
                              "  \"e\": null\n"
                              "}\n");
    assert_int_equal(length, strlen(text));
    cw_free(&env, &text);
    cw_json_destroy(&json);
    assert_null(json);
    cw_json_destroy(&json);
    assert_int_equal(env.blocks_now, 0);
}

static void invalid_utf8_is_replaced(void **state) {
    (void)state;
    const struct {
        const char *bytes, *text;
    } known[] = {
        {"d\xC3\xA9j\xC3\xA0 \xE2\x82\xAC \xF0\x9F\x98\x80",
         "d\xC3\xA9j\xC3\xA0 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"caf\xE9", "caf\xEF\xBF\xBD"},                                             /* Latin-1 */
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                   /* overlong */
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                   /* surrogate */
        {"\xF4\x90\x80\x80x", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx"}, /* above U+10FFFF */
        {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                   /* cut short */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        cw_env env;
        cw_env_init(&env);
        cw_json *json;
        char *text;
        size_t length;
        assert_int_equal(cw_json_create(&env, &json), CW_OK);
        cw_json_array(json, NULL);
        cw_json_string(json, NULL, known[i].bytes);
        cw_json_end(json);
        assert_int_equal(cw_json_finish(json, &text, &length), CW_OK);
        json_t *value;
        assert_int_equal(cw_json_parse(&env, "test", text, length, &value), CW_OK);
        assert_string_equal(json_string_value(json_array_get(value, 0)), known[i].text);
        json_decref(value);
        cw_free(&env, &text);
        cw_json_destroy(&json);
        assert_int_equal(env.blocks_now, 0);
    }
    assert_int_equal(cw_utf8_length("\xE2\x82\xAC", 2), 0);
    assert_int_equal(cw_utf8_length("\xE2\x82\xAC", 3), 3);
    assert_int_equal(cw_utf8_length("", 1), 0);
}

static void misuse_is_told(void **state) {
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        cw_env env;
        cw_env_init(&env);
        cw_json *json;
        char *text = NULL;
        assert_int_equal(cw_json_create(&env, &json), CW_OK);
        if (kind == 0) cw_json_object(json, NULL); /* not ended */
        if (kind == 1) cw_json_string(json, "key", "at the top");
        if (kind == 2) cw_json_end(json);
        if (kind == 3) {
            cw_json_array(json, NULL);
            cw_json_int(json, "key", 1);
            cw_json_end(json);
        }
        if (kind == 4)
            for (int i = 0; i < 100; i++) cw_json_array(json, NULL);
        if (kind == 5) {
            cw_json_int(json, NULL, 1);
            cw_json_int(json, NULL, 2);
        }
        assert_int_equal(cw_json_finish(json, &text, NULL), CW_INTERNAL);
        assert_null(text);
        cw_json_destroy(&json);
        assert_int_equal(env.blocks_now, 0);
    }
}

static cw_code parse(cw_env *env, const char *text) {
    json_t *value;
    cw_code code = cw_json_parse(env, "plan.json", text, strlen(text), &value);
    if (code == CW_OK) json_decref(value);
    return code;
}

static void bad_texts_are_refused_with_their_place(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    assert_int_equal(parse(&env, "{\"a\": [1, 2.5, \"x\"]}"), CW_OK);
    assert_int_equal(parse(&env, "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}"), CW_BAD_DATA);
    assert_non_null(strstr(env.error.where, "plan.json, line 3"));
    assert_non_null(strstr(env.error.what, "uplicate"));
    const char *bad[] = {"",    "{",          "[1,]",          "{\"a\" 1}",     "[1] 2",   "[01]",
                         "nul", "[\"\xFF\"]", "[\"\\ud800\"]", "[\"\\u0000\"]", "[1e999]", "[\"a\nb\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cw_env_clear(&env);
        assert_int_equal(parse(&env, bad[i]), CW_BAD_DATA);
        assert_non_null(strstr(env.error.where, "line"));
    }
    assert_int_equal(env.blocks_now, 0);
}

static void depth_is_limited(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    char text[600];
    memset(text, '[', 128);
    memset(text + 128, ']', 128);
    text[256] = '\0';
    assert_int_equal(parse(&env, text), CW_OK);
    memset(text, '[', 300);
    text[300] = '\0';
    assert_int_equal(parse(&env, text), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "deep"));
    assert_non_null(strstr(env.error.where, "line 1, column 129"));
    cw_env_clear(&env);
    memset(text, '[', 300); /* brackets within a string do not count */
    memcpy(text, "[\"\\\"", 4);
    memcpy(text + 300, "\"]", 3);
    assert_int_equal(parse(&env, text), CW_OK);
}

static cw_code write_some(cw_env *env) {
    cw_json *json = NULL;
    char *text = NULL;
    CW_TRY(cw_json_create(env, &json));
    cw_json_object(json, NULL);
    cw_json_array(json, "long");
    for (int i = 0; i < 2000; i++) cw_json_real(json, NULL, i / 7.0);
    cw_json_end(json);
    cw_json_end(json);
    cw_code code = cw_json_finish(json, &text, NULL);
    cw_free(env, &text);
    cw_json_destroy(&json);
    return code;
}

static void failed_allocations_unwind(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    assert_int_equal(write_some(&env), CW_OK);
    int64_t calls = env.calls;
    assert_true(calls > 3);
    for (int64_t at = 1; at <= calls; at++) {
        cw_env_init(&env);
        env.fail_at = at;
        assert_int_equal(write_some(&env), CW_NO_MEMORY);
        assert_int_equal(env.blocks_now, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_decimals),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(a_locale_changes_nothing),
        cmocka_unit_test(layout_is_fixed),
        cmocka_unit_test(invalid_utf8_is_replaced),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(bad_texts_are_refused_with_their_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(failed_allocations_unwind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
