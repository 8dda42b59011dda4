/* Expressions: meaning, missing values, errors, limits; random trees against a direct evaluation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/expression.h"
#include "src/base/random.h"
#include "src/base/real.h"

enum { COLUMNS = 6 };
static const char *const names[COLUMNS] = {"a", "b", "na", "log", "age at start", "größe.x_1"};

static int32_t lookup(void *self, const char *name) {
    (void)self;
    for (int32_t i = 0; i < COLUMNS; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static double value_of(const char *text, double a, double b) {
    cw_env env;
    cw_env_init(&env);
    cw_expression *e;
    if (cw_expression_parse(&env, "test", text, lookup, NULL, &e) != CW_OK)
        fail_msg("%s: %s; %s", text, env.error.what, env.error.where);
    const double data[COLUMNS] = {a, b, NAN, 7, 40, 9};
    const double *column[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) column[i] = &data[i];
    void *workspace;
    assert_int_equal(cw_alloc(&env, 1, cw_expression_workspace(e, 1), &workspace), CW_OK);
    double out;
    cw_expression_evaluate(e, 1, column, workspace, &out);
    cw_free(&env, &workspace);
    cw_expression_destroy(&e);
    assert_null(e);
    assert_int_equal(env.blocks_now, 0);
    return out;
}

typedef struct known {
    const char *text;
    double value;
} known;

/* With a = 3, b = -2. */
static void check_known(const known *k, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double got = value_of(k[i].text, 3, -2);
        if (isnan(k[i].value) ? !isnan(got) : got != k[i].value)
            fail_msg("%s gave %.17g, not %.17g", k[i].text, got, k[i].value);
    }
}

static void arithmetic_has_the_usual_meaning(void **state) {
    (void)state;
    const known k[] = {
        {"1", 1},
        {"a", 3},
        {" a+b ", 1},
        {"1-2-3", -4},
        {"2*3+4*5", 26},
        {"2+3*4", 14},
        {"(2+3)*4", 20},
        {"8/4/2", 1},
        {"-2^2", -4},
        {"(-2)^2", 4},
        {"2^3^2", 512},
        {"2**3**2", 512},
        {"2^-1", 0.5},
        {"2^-1^2", 0.5},
        {"-a*b", 6},
        {"a*-b", 6},
        {"--a", 3},
        {"+a - -b", 1},
        {"2*-a^2", -18},
        {"1.5e2", 150},
        {".5", 0.5},
        {"5.", 5},
        {"1E-2", 0.01},
        {"0.1", 0.1},
        {"9007199254740993", 9007199254740992},
        {"log", 7},
        {"log + 1", 8},
        {"log(1)", 0},
        {"log (exp(0)) + log", 7},
        {"`age at start` + `größe.x_1`", 49},
        {"größe.x_1\n-\t1", 8},
        {"1/0", INFINITY},
    };
    check_known(k, sizeof k / sizeof *k);
}

static void comparisons_and_logic(void **state) {
    (void)state;
    const known k[] = {
        {"a < b", 0},
        {"a > b", 1},
        {"a <= 3", 1},
        {"a >= 3.5", 0},
        {"a = 3", 1},
        {"a == 3", 1},
        {"a != 3", 0},
        {"a > 0 and b < 0", 1},
        {"a > 0 and b > 0", 0},
        {"a < 0 or b < 0", 1},
        {"not a", 0},
        {"not 0", 1},
        {"not a = 4", 1},
        {"not a > 1 or b < 0", 1},
        {"not (a > 1 or b < 0)", 0},
        {"1 or 0 and 0", 1},
        {"not 1 and 0", 0},
        {"not not a", 1},
        {"a + 1 > b * 2 and 5", 1},
        {"(a > b) + (b < a)", 2},
        {"1 + (a > b) = 2", 1},
        {"-1 and 0.5", 1},
    };
    check_known(k, sizeof k / sizeof *k);
}

static void missing_values_are_three_valued(void **state) {
    (void)state;
    const known k[] = {
        {"na + 1", NAN},
        {"na * 0", NAN},
        {"na ^ 0", NAN},
        {"1 ^ na", NAN},
        {"na = na", NAN},
        {"na != 1", NAN},
        {"na < 1", NAN},
        {"not na", NAN},
        {"not (na > 1)", NAN},
        {"max(1, na)", NAN},
        {"min(na, 1)", NAN},
        {"mod(na, 2)", NAN},
        {"mod(2, na)", NAN},
        {"abs(na)", NAN},
        {"floor(na)", NAN},
        {"exp(na)", NAN},
        {"log(na)", NAN},
        {"sqrt(na)", NAN},
        {"is_missing(na)", 1},
        {"is_missing(a)", 0},
        {"is_missing(na + a)", 1},
        {"is_missing(log(b))", 1},
        {"is_missing(sqrt(b))", 1},
        {"0 and na", 0},
        {"na and 0", 0},
        {"1 and na", NAN},
        {"na and 1", NAN},
        {"1 or na", 1},
        {"na or 1", 1},
        {"0 or na", NAN},
        {"na or 0", NAN},
        {"na or na", NAN},
        {"if(1, a, na)", 3},
        {"if(0, na, b)", -2},
        {"if(1, na, b)", NAN},
        {"if(na, a, b)", NAN},
        {"if(is_missing(na), 5, na)", 5},
    };
    check_known(k, sizeof k / sizeof *k);
}

static void functions_are_ours(void **state) {
    (void)state;
    const known k[] = {
        {"abs(b)", 2},           {"ceil(2.1)", 3}, {"ceil(-2.1)", -2}, {"floor(-2.1)", -3},
        {"floor(2.9)", 2},       {"max(a, b)", 3}, {"min(a, b)", -2},  {"max(1, 5, 2, 4)", 5},
        {"min(4, 2, 1, 3)", 1},  {"sqrt(16)", 4},  {"exp(0)", 1},      {"log1p(0)", 0},
        {"sin(0)", 0},           {"cos(0)", 1},    {"tanh(0)", 0},     {"if(a > b, 1, 2)", 1},
        {"if (b > a, 1, 2)", 2},
    };
    check_known(k, sizeof k / sizeof *k);
    assert_true(value_of("exp(a)", 1.25, 0) == cw_exp(1.25));
    assert_true(value_of("log(a)", 1.25, 0) == cw_ln(1.25));
    assert_true(value_of("log1p(a)", 1.25, 0) == cw_log1p(1.25));
    assert_true(value_of("sin(a)", 1.25, 0) == cw_sin(1.25));
    assert_true(value_of("cos(a)", 1.25, 0) == cw_cos(1.25));
    assert_true(value_of("tanh(a)", 1.25, 0) == cw_tanh(1.25));
    assert_true(value_of("a^b", 1.25, 2.5) == cw_pow(1.25, 2.5));
    assert_true(value_of("a^b", 1.25, -1) == 0.8);
}

static void mod_is_exact_and_follows_the_divisor(void **state) {
    (void)state;
    const known k[] = {
        {"mod(7, 3)", 1},
        {"mod(-1, 12)", 11},
        {"mod(7, -3)", -2},
        {"mod(-7, -3)", -1},
        {"mod(5.5, 2)", 1.5},
        {"mod(6, 3)", 0},
        {"mod(1, 0)", NAN},
        {"mod(1/0, 3)", NAN},
        {"mod(4, 1/0)", 4},
        {"mod(1e308, 3)", 2},
        {"mod(5e-324, 1e308)", 5e-324},
        {"mod(9007199254740991, 2)", 1},
    };
    check_known(k, sizeof k / sizeof *k);
    /* fmod is exact too (IEEE 754 needs no rounding), so the two must agree for positive numbers. */
    for (uint64_t i = 0; i < 20000; i++) {
        double x = ldexp((double)(cw_mix64(i) >> 11), (int)(cw_mix64(i ^ 3) % 1900) - 1020);
        double y = ldexp((double)(cw_mix64(~i) >> 11), (int)(cw_mix64(i ^ 5) % 1900) - 1020);
        if (y == 0) continue;
        assert_true(value_of("mod(a, b)", x, y) == fmod(x, y));
    }
}

typedef struct bad {
    const char *text, *what, *where, *mend; /* parts of the message; NULL: not looked at */
} bad;

static void errors_say_what_where_and_how_to_mend(void **state) {
    (void)state;
    const bad cases[] = {
        {"", "nothing there", NULL, "age >= 18"},
        {"   ", "nothing there", NULL, NULL},
        {"agee >= 18", "unknown column 'agee'", "character 1 of", "name of a column"},
        {"a + `x y`", "unknown column 'x y'", "character 6", NULL},
        {"größe.x_1 + zz", "unknown column 'zz'", "character 13", NULL},
        {"a +", "expected a number, a column, a function or '(', found the end", "character 4", NULL},
        {"a + * b", "found '*'", "character 5", NULL},
        {"a b", "expected an operator or the end, found 'b'", "character 3", NULL},
        {"(a", "expected an operator or ')', found the end", "character 3", NULL},
        {"a)", "expected an operator or the end, found ')'", "character 2", NULL},
        {"()", "found ')'", "character 2", NULL},
        {"a & b", "found '&'", "character 3", "write: and"},
        {"a || b", "found '|'", "character 3", "write: or"},
        {"!a", "found '!'", "character 1", "write: not"},
        {"a % 2", "found '%'", NULL, "mod(a, b)"},
        {"a = 'x'", "found '''", "character 5", "codes"},
        {"a = \"x\"", "found '\"'", NULL, "codes"},
        {"`a", "found '`'", "character 1", "close the backquotes"},
        {"``", "found '`'", NULL, NULL},
        {"a < b < 3", "comparisons cannot be chained", "character 7", "a < b and b < c"},
        {"a = not b", "not cannot stand here", "character 5", "parentheses"},
        {"foo(1)", "unknown function 'foo'", "character 1", "is_missing"},
        {"log()", "log takes 1 argument", "character 5", NULL},
        {"log(1, 2)", "log takes 1 argument", NULL, NULL},
        {"if(a, b)", "if takes 3 arguments", "character 8", "if(condition, a, b)"},
        {"min(a)", "min takes 2 to 64 arguments", NULL, NULL},
        {"log(1", "expected ',' or ')', found the end", "character 6", NULL},
        {"if a", "expected '(' after if, found 'a'", "character 4", NULL},
        {"and", "expected a value, found 'and'", NULL, NULL},
        {"a and or b", "expected a value, found 'or'", "character 7", NULL},
        {"1e", "expected digits after the e", "character 2", NULL},
        {"1e999", "too large", "character 1", NULL},
        {"18years", "expected an operator after a number", "character 3", "backquotes"},
        {"1.2.3", "expected an operator after a number", "character 4", NULL},
        {"a[1]", "found '['", "character 2", "parentheses"},
        {"a \x01", "found a control character", "character 3", NULL},
        {"2 ^", "found the end", "character 4", NULL},
        {"a,b", "found ','", "character 2", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cw_env env;
        cw_env_init(&env);
        cw_expression *e;
        const bad *c = &cases[i];
        if (cw_expression_parse(&env, "data.where", c->text, lookup, NULL, &e) != CW_BAD_JOB)
            fail_msg("%s was taken", c->text);
        assert_null(e);
        if (strncmp(env.error.what, "data.where: ", 12) != 0 || !strstr(env.error.what, c->what))
            fail_msg("%s: %s", c->text, env.error.what);
        if (c->where && !strstr(env.error.where, c->where)) fail_msg("%s: %s", c->text, env.error.where);
        if (c->mend && !strstr(env.error.mend, c->mend)) fail_msg("%s: %s", c->text, env.error.mend);
        assert_int_equal(env.blocks_now, 0);
    }
}

static cw_code parse_repeated(const char *head, const char *piece, int times, const char *middle,
                              const char *tail) {
    static char text[64 * 1024];
    text[0] = '\0';
    char *end = text + sprintf(text, "%s", head);
    for (int i = 0; i < times; i++) end += sprintf(end, "%s", piece);
    end += sprintf(end, "%s", middle);
    for (int i = 0; tail && i < times; i++) end += sprintf(end, "%s", tail);
    cw_env env;
    cw_env_init(&env);
    cw_expression *e;
    cw_code code = cw_expression_parse(&env, "x", text, lookup, NULL, &e);
    cw_expression_destroy(&e);
    assert_int_equal(env.blocks_now, 0);
    return code;
}

static void depth_and_length_are_limited(void **state) {
    (void)state;
    assert_int_equal(parse_repeated("", "(", CW_EXPRESSION_DEPTH, "a", ")"), CW_OK);
    assert_int_equal(parse_repeated("", "(", CW_EXPRESSION_DEPTH + 1, "a", ")"), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "log(", CW_EXPRESSION_DEPTH, "a", ")"), CW_OK);
    assert_int_equal(parse_repeated("", "log(", CW_EXPRESSION_DEPTH + 1, "a", ")"), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "-", CW_EXPRESSION_DEPTH, "a", NULL), CW_OK);
    assert_int_equal(parse_repeated("", "-", CW_EXPRESSION_DEPTH + 1, "a", NULL), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "not ", CW_EXPRESSION_DEPTH + 1, "a", NULL), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "a^", CW_EXPRESSION_DEPTH, "a", NULL), CW_OK);
    assert_int_equal(parse_repeated("", "a^", CW_EXPRESSION_DEPTH + 1, "a", NULL), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "(", CW_EXPRESSION_BYTES, "", NULL), CW_BAD_JOB);
    assert_int_equal(parse_repeated("", "(a or a and not a < a + a * -a ^ ", 9, "a", ")"), CW_OK);
    assert_int_equal(parse_repeated("", "a+", CW_EXPRESSION_BYTES / 2 - 1, "aa", NULL),
                     CW_BAD_JOB); /* name */
    assert_int_equal(parse_repeated("", "a+", CW_EXPRESSION_BYTES / 2 - 1, "a", NULL), CW_OK);
    assert_int_equal(parse_repeated("", "a+", CW_EXPRESSION_BYTES / 2, "a", NULL), CW_BAD_JOB); /* length */
    assert_int_equal(parse_repeated("max(a", ",a", 63, ")", NULL), CW_OK);
    assert_int_equal(parse_repeated("max(a", ",a", 64, ")", NULL), CW_BAD_JOB);
}

static void columns_are_listed_once_in_order(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    cw_expression *e;
    const int32_t *columns;
    assert_int_equal(cw_expression_parse(&env, "x", "`age at start`*b + a - b/a + log(b)", lookup, NULL, &e),
                     CW_OK);
    assert_int_equal(cw_expression_columns(e, &columns), 3);
    assert_true(columns[0] == 0 && columns[1] == 1 && columns[2] == 4);
    cw_expression_destroy(&e);
    assert_int_equal(cw_expression_parse(&env, "x", "1 + 2", lookup, NULL, &e), CW_OK);
    assert_int_equal(cw_expression_columns(e, &columns), 0);
    cw_expression_destroy(&e);
    cw_expression_destroy(&e);
    assert_int_equal(env.blocks_now, 0);
}

/* ---- random trees: printed with the fewest parentheses, and evaluated directly ---- */

typedef struct maker {
    uint64_t word;
    char text[CW_EXPRESSION_BYTES];
    double row[COLUMNS];
} maker;

static uint64_t draw(maker *m, uint64_t range) {
    m->word = cw_mix64(m->word);
    return m->word % range;
}

static void append(maker *m, const char *text) {
    strcat(m->text, text);
}

static double truth(double x) {
    return isnan(x) ? NAN : x != 0;
}

/* Levels as in the header: 1 or, 2 and, 3 not, 4 comparison, 5 sum, 6 product, 7 sign, 8 power, 9 operand. */
static double make(maker *m, int depth, int level);

static double make_binary(maker *m, int depth) {
    switch (draw(m, 9)) {
    case 0: {
        double x = make(m, depth, 1);
        append(m, " or ");
        double y = make(m, depth, 2);
        return truth(x) == 1 || truth(y) == 1 ? 1 : isnan(x) || isnan(y) ? NAN : 0;
    }
    case 1: {
        double x = make(m, depth, 2);
        append(m, " and ");
        double y = make(m, depth, 3);
        return truth(x) == 0 || truth(y) == 0 ? 0 : isnan(x) || isnan(y) ? NAN : 1;
    }
    case 2: {
        append(m, "not ");
        double x = make(m, depth, 3);
        return isnan(x) ? NAN : x == 0;
    }
    case 3: {
        double x = make(m, depth, 5);
        int less = draw(m, 2) == 0;
        append(m, less ? "<" : "!=");
        double y = make(m, depth, 5);
        return isnan(x) || isnan(y) ? NAN : less ? x < y : x != y;
    }
    case 4: {
        double x = make(m, depth, 5);
        int plus = draw(m, 2) == 0;
        append(m, plus ? "+" : " - ");
        double y = make(m, depth, 6);
        return plus ? x + y : x - y;
    }
    case 5: {
        double x = make(m, depth, 6);
        int times = draw(m, 2) == 0;
        append(m, times ? "*" : "/");
        double y = make(m, depth, 7);
        return times ? x * y : x / y;
    }
    case 6: {
        append(m, "-");
        return -make(m, depth, 7);
    }
    case 7: {
        append(m, "max(");
        double x = make(m, depth, 1);
        append(m, ",");
        double y = make(m, depth, 1);
        append(m, ")");
        return isnan(x) || isnan(y) ? NAN : x < y ? y : x;
    }
    default: {
        append(m, "if(");
        double c = make(m, depth, 1);
        append(m, ",");
        double x = make(m, depth, 1);
        append(m, ",");
        double y = make(m, depth, 1);
        append(m, ")");
        return isnan(c) ? NAN : c != 0 ? x : y;
    }
    }
}

static double make(maker *m, int depth, int level) {
    static const int levels[] = {1, 2, 3, 4, 5, 6, 7, 9, 9};
    if (depth == 0) {
        uint64_t which = draw(m, 4);
        if (which == 3) {
            char number[32];
            double x = (double)draw(m, 1000) / 8;
            snprintf(number, sizeof number, "%.17g", x);
            append(m, number);
            return x;
        }
        append(m, names[which]);
        return m->row[which];
    }
    /* Look ahead to learn which operator comes, to know whether parentheses are needed. */
    maker ahead = {.word = m->word};
    int own = levels[draw(&ahead, 9)];
    if (own < level) append(m, "(");
    double value = make_binary(m, depth - 1);
    if (own < level) append(m, ")");
    return value;
}

static void random_trees_are_understood(void **state) {
    (void)state;
    int missing = 0, known_values = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        maker m = {.word = i + 1};
        m.row[0] = (double)(cw_mix64(i) % 7) - 3;
        m.row[1] = (double)(cw_mix64(i ^ 99) % 9) / 4;
        m.row[2] = NAN;
        m.row[3] = 7; /* as in value_of: unused names must differ in their values */
        double expected = make(&m, (int)(i % 5) + 1, 1);
        double got = value_of(m.text, m.row[0], m.row[1]);
        if (isnan(expected) ? !isnan(got) : memcmp(&expected, &got, sizeof got) != 0)
            fail_msg("%s gave %.17g, not %.17g", m.text, got, expected);
        if (isnan(expected))
            missing++;
        else
            known_values++;
    }
    assert_true(missing > 300 && known_values > 300);
}

static void rows_together_or_apart_give_equal_bits(void **state) {
    (void)state;
    enum { ROWS = 1000 };
    static double data[COLUMNS][ROWS], together[ROWS], apart[ROWS];
    cw_env env;
    cw_env_init(&env);
    cw_expression *e;
    assert_int_equal(
        cw_expression_parse(&env, "x",
                            "if(a > 0 and not is_missing(na), exp(a)*log(b) + a^b - sin(na)/cos(a), "
                            "mod(a, b) + tanh(a) * max(a, b, log1p(b)) - (1 + 2*(a - b)))",
                            lookup, NULL, &e),
        CW_OK);
    const double *column[COLUMNS], *part[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        column[c] = data[c];
        for (int i = 0; i < ROWS; i++)
            data[c][i] = (double)(int64_t)cw_mix64((uint64_t)(c * ROWS + i)) * 0x1p-61;
        for (int i = 0; c == 2 && i < ROWS; i += 3) data[c][i] = NAN;
    }
    void *workspace;
    assert_int_equal(cw_alloc(&env, 1, cw_expression_workspace(e, ROWS), &workspace), CW_OK);
    cw_expression_evaluate(e, ROWS, column, workspace, together);
    const int32_t steps[] = {1, 7, 255, 256, 257, 999};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        for (int32_t first = 0; first < ROWS; first += steps[s]) {
            for (int c = 0; c < COLUMNS; c++) part[c] = data[c] + first;
            int32_t rows = ROWS - first < steps[s] ? ROWS - first : steps[s];
            void *small; /* of exactly the promised size, so that a sanitizer sees any excess */
            assert_int_equal(cw_alloc(&env, 1, cw_expression_workspace(e, rows), &small), CW_OK);
            cw_expression_evaluate(e, rows, part, small, apart + first);
            cw_free(&env, &small);
        }
        assert_memory_equal(together, apart, sizeof together);
    }
    cw_free(&env, &workspace);
    cw_expression_destroy(&e);
    assert_int_equal(env.blocks_now, 0);
}

static void memory_may_end_at_every_allocation(void **state) {
    (void)state;
    for (int64_t fail_at = 1;; fail_at++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = fail_at;
        cw_expression *e;
        cw_code code = cw_expression_parse(&env, "x", "a + b > 3", lookup, NULL, &e);
        cw_expression_destroy(&e);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) {
            assert_true(fail_at > 3);
            return;
        }
        assert_int_equal(code, CW_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_has_the_usual_meaning),
        cmocka_unit_test(comparisons_and_logic),
        cmocka_unit_test(missing_values_are_three_valued),
        cmocka_unit_test(functions_are_ours),
        cmocka_unit_test(mod_is_exact_and_follows_the_divisor),
        cmocka_unit_test(errors_say_what_where_and_how_to_mend),
        cmocka_unit_test(depth_and_length_are_limited),
        cmocka_unit_test(columns_are_listed_once_in_order),
        cmocka_unit_test(random_trees_are_understood),
        cmocka_unit_test(rows_together_or_apart_give_equal_bits),
        cmocka_unit_test(memory_may_end_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
