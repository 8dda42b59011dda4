/* Decimal text to doubles against strtod, on random, halfway and extreme inputs; integers to the last digit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/crc.h"
#include "src/base/decimal.h"

static uint64_t state = 88172645463325252u;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 2685821657736338717u;
}

static int parse(const char *text, int64_t *integer, double *real) {
    size_t length = strlen(text);
    char *padded = calloc(1, length + CW_NUMBER_PAD);
    assert_non_null(padded);
    memcpy(padded, text, length);
    int kind = cw_number_parse(padded, length, integer, real);
    free(padded);
    return kind;
}

static void same_as_strtod(const char *text) {
    int64_t integer;
    double mine = 0, theirs = strtod(text, NULL);
    int kind = parse(text, &integer, &mine);
    if (kind == 0 || memcmp(&mine, &theirs, sizeof mine)) fail_msg("%.60s: %a, not %a", text, mine, theirs);
}

static void random_doubles_read_back(void **unused) {
    (void)unused;
    char text[64];
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        snprintf(text, sizeof text, "%.*e", (int)(next() % 19), value);
        same_as_strtod(text);
        snprintf(text, sizeof text, "%.*g", 15 + (int)(next() % 3),
                 ldexp((double)(int64_t)bits, -40 - i % 30));
        same_as_strtod(text);
    }
}

static void random_digits(void **unused) {
    (void)unused;
    char text[64];
    for (int i = 0; i < 200000; i++) {
        uint64_t mantissa = next() >> (next() % 64);
        int exponent = (int)(next() % 700) - 360;
        snprintf(text, sizeof text, "%s%" PRIu64 "e%d", i % 2 ? "-" : "", mantissa, exponent);
        same_as_strtod(text);
        snprintf(text, sizeof text, "%d.%017" PRIu64, (int)(mantissa % 1000), mantissa % 100000000000000000u);
        same_as_strtod(text);
    }
}

/* The exact decimal expansion of the point halfway between two doubles, and its neighbours in the last place:
 * the hardest inputs there are. */
static void halfway_points(void **unused) {
    (void)unused;
    static char text[2000];
    for (int i = 0; i < 3000; i++) {
        uint64_t bits = next() & 0x7FFFFFFFFFFFFFFF;
        if (i % 3 == 0) bits &= 0x000FFFFFFFFFFFFF; /* subnormal */
        if (i % 3 == 1) bits = (bits & 0x000FFFFFFFFFFFFF) | (1023 + next() % 60) << 52;
        double low;
        memcpy(&low, &bits, sizeof low);
        if (!(low < 1e290)) continue;
        bits++;
        double high;
        memcpy(&high, &bits, sizeof high);
        long double middle = ((long double)low + (long double)high) / 2; /* 64 bits: exact */
        snprintf(text, sizeof text, "%.1100Lf", middle);
        same_as_strtod(text);
        size_t end = strlen(text);
        text[end - 1] = '1';
        same_as_strtod(text);
        snprintf(text, sizeof text, "%.800Le", middle);
        char *mantissa_end = strchr(text, 'e');
        char *digit = mantissa_end - 1;
        while (digit > text && *digit == '0') digit--;
        if (*digit > '0' && *digit <= '9') {
            *digit -= 1; /* just below */
            memset(digit + 1, '9', (size_t)(mantissa_end - digit - 1));
            same_as_strtod(text);
        }
    }
}

static void hard_cases(void **unused) {
    (void)unused;
    static const char *const cases[] = {"0",
                                        "-0",
                                        "0.0",
                                        "-0.0",
                                        "1",
                                        "1.",
                                        ".5",
                                        "+1.5",
                                        "1e0",
                                        "1E+5",
                                        "1e-5",
                                        "123456789012345678",
                                        "9007199254740993",
                                        "9007199254740993.0",
                                        "9007199254740992.999999999999999999999999999",
                                        "9007199254740993.00000000000000000000000000000000001",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072012e-308",
                                        "2.2250738585072014e-308",
                                        "4.9406564584124654e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "2.47032822920623272088284396434110686182e-324",
                                        "2."
                                        "47032822920623272088284396434110686182529901307162382212792841250337"
                                        "75363510437593264991818081799618989828"
                                        "2341215e-324",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "1.8e308",
                                        "1e309",
                                        "1e400",
                                        "1e-400",
                                        "1e99999999999",
                                        "1e-99999999999",
                                        "0e99999999999",
                                        "179769313486231580793e289",
                                        "1.00000000000000011102230246251565404236316680908203125",
                                        "1.00000000000000011102230246251565404236316680908203124",
                                        "1.00000000000000011102230246251565404236316680908203126",
                                        "8.988465674311580e307",
                                        "5e-324",
                                        "3.0e-324",
                                        "6.631236846766476e-316",
                                        "3.2378839133029012895883524125015321748630e-319",
                                        "7.2057594037927933e16",
                                        "100000000000000016777215",
                                        "100000000000000016777216",
                                        "1e23",
                                        "8.5e22",
                                        "10000000000000000000000000000000000000000e-40",
                                        "0.000000000000000000000000000000000000001e39",
                                        "000000000000000000000000000000000123.456",
                                        "0.00000000000000000000000000000000000000123456789012345678",
                                        "12345678901234567890",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) same_as_strtod(cases[i]);
    static char many[3000];
    memset(many, '9', 2500);
    same_as_strtod(many);
    memset(many, '0', 2500);
    many[1] = '.';
    many[2499] = '1';
    same_as_strtod(many);
}

static void integers_are_exact(void **unused) {
    (void)unused;
    int64_t integer = 0;
    double real;
    assert_int_equal(parse("9223372036854775807", &integer, &real), 1);
    assert_true(integer == INT64_MAX);
    assert_int_equal(parse("-9223372036854775807", &integer, &real), 1);
    assert_true(integer == -INT64_MAX);
    assert_int_equal(parse("-9223372036854775808", &integer, &real), 2); /* the code for missing */
    assert_int_equal(parse("9223372036854775808", &integer, &real), 2);
    assert_int_equal(parse("0000000000000000000000000007", &integer, &real), 1);
    assert_int_equal(integer, 7);
    assert_int_equal(parse("+12", &integer, &real), 1);
    assert_int_equal(integer, 12);
    assert_int_equal(parse("12.0", &integer, &real), 2);
    char text[32];
    for (int i = 0; i < 100000; i++) {
        int64_t value = (int64_t)(next() >> (next() % 63)) * (i % 2 ? -1 : 1);
        if (value == INT64_MIN) continue;
        snprintf(text, sizeof text, "%" PRId64, value);
        assert_int_equal(parse(text, &integer, &real), 1);
        assert_true(integer == value && real == (double)value);
    }
}

static void what_is_no_number(void **unused) {
    (void)unused;
    static const char *const cases[] = {"",      "-",     "+",   ".",     "-.",       "e5",  "1e",
                                        "1e+",   "1.5.2", "1 ",  " 1",    "0x10",     "1,5", "1_0",
                                        "--1",   "+-1",   "1f",  "infx",  "in",       "-i",  "nan",
                                        "1.e+-", "12a",   "a12", "1e5.0", "\xc2\xb2", "1-"};
    int64_t integer;
    double real;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (parse(cases[i], &integer, &real) != 0) fail_msg("%s", cases[i]);
    assert_int_equal(parse("-Infinity", &integer, &real), 2);
    assert_true(isinf(real) && real < 0);
    assert_int_equal(parse("+INF", &integer, &real), 2);
    assert_true(isinf(real) && real > 0);
}

static void crc_known_and_joined(void **unused) {
    (void)unused;
    assert_int_equal(cw_crc32c(0, "123456789", 9), 0xE3069283);
    unsigned char zeros[32] = {0}, ones[32];
    memset(ones, 0xFF, sizeof ones);
    assert_int_equal(cw_crc32c(0, zeros, 32), 0x8A9136AA); /* RFC 3720 B.4 */
    assert_int_equal(cw_crc32c(0, ones, 32), 0x62A8AB43);
    static unsigned char data[5000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)next();
    uint32_t whole = cw_crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 1 + cut % 97) {
        uint32_t a = cw_crc32c(0, data, cut), b = cw_crc32c(0, data + cut, sizeof data - cut);
        assert_int_equal(cw_crc32c(a, data + cut, sizeof data - cut), whole);
        assert_int_equal(cw_crc32c_join(a, b, sizeof data - cut), whole);
    }
    cw_cpu_limit(CW_CPU_PLAIN);
    assert_int_equal(cw_crc32c(0, data, sizeof data), whole);
    assert_int_equal(cw_crc32c(0, data + 1, 4997),
                     cw_crc32c_join(cw_crc32c(0, data + 1, 100), cw_crc32c(0, data + 101, 4897), 4897));
    cw_cpu_limit(CW_CPU_AVX512);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_doubles_read_back), cmocka_unit_test(random_digits),
        cmocka_unit_test(halfway_points),           cmocka_unit_test(hard_cases),
        cmocka_unit_test(integers_are_exact),       cmocka_unit_test(what_is_no_number),
        cmocka_unit_test(crc_known_and_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
