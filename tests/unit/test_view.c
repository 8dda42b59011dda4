/* Views: what is handed through, what is excluded and counted, what fails, and a row-by-row model of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/base/random.h"
#include "src/base/view.h"

enum { ROWS = 700, REALS = 3, KEYS = 2 };

/* A source over arrays. */
typedef struct memory {
    double real[REALS][ROWS];
    int64_t key[KEYS][ROWS];
    double weight[ROWS];
    int has_weight;
    const double *real_at[REALS];
    const int64_t *key_at[KEYS];
} memory;

static cw_code read_memory(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    memory *m = self;
    if (first + rows > ROWS) return cw_fail(env, CW_IO, NULL, NULL, "beyond the end");
    for (int j = 0; j < REALS; j++) m->real_at[j] = m->real[j] + first;
    for (int k = 0; k < KEYS; k++) m->key_at[k] = m->key[k] + first;
    *out = (cw_block){.first_row = first,
                      .rows = rows,
                      .reals = REALS,
                      .keys = KEYS,
                      .real = m->real_at,
                      .key = m->key_at,
                      .weight = m->has_weight ? m->weight + first : NULL};
    return CW_OK;
}

static void fill(memory *m) {
    memset(m, 0, sizeof *m);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < REALS; j++) m->real[j][i] = 1 + (double)(cw_mix64((uint64_t)(ROWS * j + i)) % 50);
        for (int k = 0; k < KEYS; k++) m->key[k][i] = i / (k + 2);
        m->weight[i] = 1 + i % 4;
    }
}

static cw_source source_of(memory *m) {
    return (cw_source){ROWS, REALS, KEYS, 40, m, read_memory};
}

static int32_t lookup(void *self, const char *name) {
    (void)self;
    return name[1] == '\0' && name[0] >= 'x' && name[0] <= 'z' ? name[0] - 'x' : -1;
}

static cw_expression *parse(cw_env *env, const char *text) {
    cw_expression *e;
    assert_int_equal(cw_expression_parse(env, "test", text, lookup, NULL, &e), CW_OK);
    return e;
}

#define ANY .low = -INFINITY, .high = INFINITY

/* What the fate columns of some blocks add up to. */
typedef struct tally {
    int64_t filtered, missing, first_missing;
    int32_t first_missing_column;
} tally;

static const tally nothing = {0, 0, -1, -1};

static void count_fates(const cw_block *b, tally *t) {
    const double *fate = b->real[b->reals - 1];
    for (int32_t i = 0; i < b->rows; i++) {
        assert_true((fate[i] == CW_FATE_USED) == (!b->weight || b->weight[i] > 0));
        t->filtered += fate[i] == CW_FATE_FILTERED;
        if (!(fate[i] >= CW_FATE_MISSING)) continue;
        t->missing += 1;
        if (t->first_missing >= 0 && t->first_missing <= b->first_row + i) continue;
        t->first_missing = b->first_row + i;
        t->first_missing_column = (int32_t)(fate[i] - CW_FATE_MISSING);
    }
}

static const char *const names[] = {"x", "y", "z", "village", "person"};

static void clean_blocks_are_handed_through(void **state) {
    (void)state;
    static memory m;
    fill(&m);
    cw_env env;
    cw_env_init(&env);
    const cw_source base = source_of(&m);
    cw_expression *where = parse(&env, "x > 0");
    cw_view_column column[] = {{.base = 2, ANY}, {.base = 0, .low = 0, .high = 100}, {.base = 1, ANY}};
    cw_view_spec spec = {3, column, NULL, -1, 3, names};
    for (int round = 0; round < 4; round++) {
        spec.where = round % 2 ? where : NULL;
        spec.weight = round >= 2 ? 2 : -1;
        cw_view *view;
        assert_int_equal(cw_view_create(&env, &base, &spec, &view), CW_OK);
        const cw_source source = cw_view_source(view);
        assert_int_equal(source.rows, ROWS);
        assert_int_equal(source.reals, 4);
        assert_int_equal(source.keys, KEYS);
        assert_int_equal(source.bytes_per_row, 40);
        cw_block b;
        int64_t calls = env.calls;
        assert_int_equal(source.read(&env, source.self, 10, 200, &b), CW_OK);
        if (round % 2 == 0) assert_int_equal(env.calls, calls + 1); /* the column of fates, once */
        assert_true(b.real[0] == m.real[2] + 10 && b.real[1] == m.real[0] + 10);
        assert_true(b.key[0] == m.key[0] + 10 && b.key[1] == m.key[1] + 10);
        assert_true(round >= 2 ? b.weight == m.real[1] + 10 : b.weight == NULL);
        assert_true(b.first_row == 10 && b.rows == 200 && b.reals == 4 && b.keys == KEYS && b.halo == 0);
        tally counts = nothing;
        count_fates(&b, &counts);
        assert_true(counts.filtered == 0 && counts.missing == 0 && counts.first_missing == -1);
        assert_int_equal(source.read(&env, source.self, ROWS - 1, 2, &b), CW_IO); /* the base's own error */
        cw_env_clear(&env);
        cw_view_destroy(&view);
        cw_view_destroy(&view);
    }
    cw_expression_destroy(&where);
    assert_int_equal(env.blocks_now, 0);
}

static void excluded_rows_weigh_nothing(void **state) {
    (void)state;
    static memory m;
    fill(&m);
    cw_env env;
    cw_env_init(&env);
    const cw_source base = source_of(&m);
    cw_expression *where = parse(&env, "x != 1000"), *sum = parse(&env, "x + y");
    const cw_view_column column[] = {
        {.formula = sum, ANY}, {.base = 0, .low = 0, .high = 100}, {.base = 1, ANY}, {.base = 2, ANY}};
    const char *const column_names[] = {"sum", "x", "w", "z", "village", "person"};
    const cw_view_spec spec = {4, column, where, 2, 1, column_names};
    m.real[0][3] = 1000;           /* filtered */
    m.real[0][5] = NAN;            /* the filter is missing: filtered */
    m.real[1][7] = 0;              /* weighs 0 */
    m.key[1][9] = CW_KEY_MISSING;  /* dropped */
    m.key[0][11] = CW_KEY_MISSING; /* dropped */
    m.real[2][13] = NAN;           /* not required: stays, and stays missing */
    cw_view *view;
    assert_int_equal(cw_view_create(&env, &base, &spec, &view), CW_OK);
    const cw_source source = cw_view_source(view);
    cw_block b;
    assert_int_equal(source.read(&env, source.self, 1, 100, &b), CW_OK);
    for (int i = 0; i < 100; i++) {
        int row = i + 1;
        int out = row == 3 || row == 5 || row == 7 || row == 9 || row == 11;
        assert_true(b.weight[i] == (out ? 0 : m.real[1][row]));
        assert_true(b.real[0][i] == (out ? 0 : m.real[0][row] + m.real[1][row]));
        assert_true(b.real[1][i] == (out ? 0 : m.real[0][row]));
        assert_true(b.real[2][i] == (out ? 0 : m.real[1][row]));
        assert_true(row == 13 ? isnan(b.real[3][i]) : b.real[3][i] == (out ? 0 : m.real[2][row]));
        assert_true(b.key[0][i] == m.key[0][row] && b.key[1][i] == m.key[1][row]);
    }
    tally counts = nothing;
    count_fates(&b, &counts);
    assert_int_equal(counts.filtered, 2);
    assert_int_equal(counts.missing, 2);
    assert_int_equal(counts.first_missing, 9);
    assert_int_equal(counts.first_missing_column, 5);
    counts = nothing;
    /* Later, longer, and back again: the first missing row is the least, whatever was read first. */
    assert_int_equal(source.read(&env, source.self, 10, 500, &b), CW_OK);
    count_fates(&b, &counts);
    assert_int_equal(source.read(&env, source.self, 0, 10, &b), CW_OK);
    count_fates(&b, &counts);
    assert_int_equal(counts.missing, 2);
    assert_int_equal(counts.first_missing, 9);
    cw_view_destroy(&view);
    cw_expression_destroy(&where);
    cw_expression_destroy(&sum);
    assert_int_equal(env.blocks_now, 0);
}

/* Reads rows 100..199 of a view with x in [0, 100], weights y, where `z < 90`; expects success or the error.
 */
static void expect_reading(memory *m, const char *what, const char *where_text) {
    cw_env env;
    cw_env_init(&env);
    const cw_source base = source_of(m);
    cw_expression *where = parse(&env, "z < 90");
    const cw_view_column column[] = {
        {.base = 0, .low = 0, .high = 100}, {.base = 1, .low = -50, .high = 200}, {.base = 2, ANY}};
    const cw_view_spec spec = {3, column, where, 1, 1, names};
    cw_view *view;
    assert_int_equal(cw_view_create(&env, &base, &spec, &view), CW_OK);
    const cw_source source = cw_view_source(view);
    cw_block b;
    cw_code code = source.read(&env, source.self, 100, 100, &b);
    if (!what) {
        assert_int_equal(code, CW_OK);
    } else {
        assert_int_equal(code, CW_BAD_DATA);
        assert_string_equal(env.error.what, what);
        assert_string_equal(env.error.where, where_text);
        assert_non_null(strstr(env.error.mend, "data.where"));
    }
    cw_view_destroy(&view);
    cw_expression_destroy(&where);
    assert_int_equal(env.blocks_now, 0);
}

static void bad_values_name_the_first_row_and_column(void **state) {
    (void)state;
    static memory m;
    fill(&m);
    expect_reading(&m, NULL, NULL);
    m.real[0][150] = -0.5;
    expect_reading(&m, "'x' is -0.5, below the 0 that is its least value", "row 151");
    m.real[0][140] = 101;
    expect_reading(&m, "'x' is 101, above the 100 that is its largest value", "row 141");
    m.real[1][130] = -1;
    expect_reading(&m, "the weight 'y' is -1, not a finite number of at least 0", "row 131");
    m.real[0][130] = INFINITY; /* the same row, an earlier column */
    expect_reading(&m, "'x' is inf, above the 100 that is its largest value", "row 131");
    m.real[1][120] = NAN;
    expect_reading(&m, "the weight 'y' is missing", "row 121");
    m.real[1][119] = INFINITY;
    expect_reading(&m, "'y' is inf, above the 200 that is its largest value", "row 120");
    m.real[1][118] = -60;
    expect_reading(&m, "'y' is -60, below the -50 that is its least value", "row 119");
    for (int row = 118; row <= 150; row++) m.real[2][row] = 95; /* the filter leaves them out */
    expect_reading(&m, NULL, NULL);
    m.real[1][160] = 0; /* so does a weight of 0, and a missing required value */
    m.real[0][160] = -7;
    m.real[0][161] = NAN;
    m.real[1][161] = 3;
    expect_reading(&m, NULL, NULL);
    m.key[0][162] = CW_KEY_MISSING;
    m.real[0][162] = -7;
    expect_reading(&m, NULL, NULL);
    m.real[1][162] = -1; /* but a bad weight is bad whatever else is missing */
    expect_reading(&m, "the weight 'y' is -1, not a finite number of at least 0", "row 163");
}

/* ---- a random view against a row-by-row model, read in pieces ---- */

static double any_value(uint64_t word) {
    switch (word % 9) {
    case 0:
        return NAN;
    case 1:
        return 0;
    default:
        return (double)(word / 9 % 40);
    }
}

typedef struct expectation {
    double weight, real[4];
} expectation;

/* Columns x, y, x*y - z (formula), z; where `x > 3 or z > 20`; weight column y or none; `required` columns.
 */
static expectation model(const memory *m, int row, int use_where, int weight, int required, tally *counts) {
    double x = m->real[0][row], y = m->real[1][row], z = m->real[2][row];
    expectation e = {1, {x, y, x * y - z, z}};
    int missing = m->key[0][row] == CW_KEY_MISSING || m->key[1][row] == CW_KEY_MISSING;
    for (int j = 0; j < required; j++) missing |= isnan(e.real[j]);
    if (m->has_weight) e.weight = m->weight[row];
    if (weight >= 0 && e.weight > 0) e.weight = y * e.weight;
    int out = m->has_weight && m->weight[row] == 0;
    if (!out && use_where && !(x > 3 || z > 20)) {
        out = 1;
        counts->filtered += 1;
    }
    if (!out && weight >= 0 && y == 0) out = 1;
    if (!out && missing) {
        out = 1;
        counts->missing += 1;
        if (counts->first_missing < 0) counts->first_missing = row;
    }
    return out ? (expectation){0, {0, 0, 0, 0}} : e;
}

static void check_against_model(memory *m, int use_where, int weight, int required) {
    cw_env env;
    cw_env_init(&env);
    const cw_source base = source_of(m);
    cw_expression *where = parse(&env, "x > 3 or z > 20"), *formula = parse(&env, "x * y - z");
    const cw_view_column column[] = {
        {.base = 0, ANY}, {.base = 1, ANY}, {.formula = formula, ANY}, {.base = 2, ANY}};
    const char *const column_names[] = {"x", "y", "f", "z", "village", "person"};
    const cw_view_spec spec = {4, column, use_where ? where : NULL, weight, required, column_names};
    cw_view *view;
    assert_int_equal(cw_view_create(&env, &base, &spec, &view), CW_OK);
    const cw_source source = cw_view_source(view);
    const int32_t steps[] = {ROWS, 1, 7, 256, 300};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        tally expected = nothing, counts = nothing;
        for (int32_t first = 0; first < ROWS; first += steps[s]) {
            int32_t rows = ROWS - first < steps[s] ? ROWS - first : steps[s];
            cw_block b;
            assert_int_equal(source.read(&env, source.self, first, rows, &b), CW_OK);
            count_fates(&b, &counts);
            for (int32_t i = 0; i < rows; i++) {
                expectation e = model(m, first + i, use_where, weight, required, &expected);
                assert_true((b.weight ? b.weight[i] : 1) == e.weight);
                for (int j = 0; j < 4; j++)
                    assert_true(isnan(e.real[j]) ? isnan(b.real[j][i]) : b.real[j][i] == e.real[j]);
            }
        }
        assert_int_equal(counts.filtered, expected.filtered);
        assert_int_equal(counts.missing, expected.missing);
        assert_int_equal(counts.first_missing, expected.first_missing);
    }
    cw_view_destroy(&view);
    cw_expression_destroy(&where);
    cw_expression_destroy(&formula);
    assert_int_equal(env.blocks_now, 0);
}

static void views_agree_with_a_row_by_row_model(void **state) {
    (void)state;
    static memory m;
    for (int round = 0; round < 48; round++) {
        fill(&m);
        m.has_weight = round % 2;
        int weight = round / 2 % 2 ? 1 : -1, use_where = round / 4 % 2, required = round / 8 % 4;
        int density = round < 24 ? 1 : 60; /* many odd values, or few */
        for (int i = 0; i < ROWS; i++) {
            uint64_t word = cw_mix64((uint64_t)(i + 1000 * round));
            if (word % (uint64_t)density) continue;
            for (uint64_t j = 0; j < REALS; j++) m.real[j][i] = any_value(cw_mix64(word + j));
            if (weight >= 0 && isnan(m.real[1][i])) m.real[1][i] = 0;
            if (word / 64 % 13 == 0) m.key[word % KEYS][i] = CW_KEY_MISSING;
            if (word / 1024 % 5 == 0) m.weight[i] = 0;
        }
        check_against_model(&m, use_where, weight, required);
    }
}

static void views_stand_on_views(void **state) {
    (void)state;
    static memory m;
    fill(&m);
    m.real[0][4] = 1000;
    m.real[1][6] = NAN;
    cw_env env;
    cw_env_init(&env);
    const cw_source base = source_of(&m);
    cw_expression *where = parse(&env, "x < 1000"), *not_zero = parse(&env, "x != 0 and y != 0 and x != 1");
    const cw_view_column column[] = {{.base = 0, ANY}, {.base = 1, ANY}, {.base = 2, ANY}};
    const cw_view_spec lower = {3, column, where, 2, 2, names}, upper = {3, column, not_zero, 0, 3, names};
    cw_view *low, *high;
    assert_int_equal(cw_view_create(&env, &base, &lower, &low), CW_OK);
    const cw_source middle = cw_view_source(low);
    assert_int_equal(cw_view_create(&env, &middle, &upper, &high), CW_OK);
    const cw_source source = cw_view_source(high);
    cw_block b;
    assert_int_equal(source.read(&env, source.self, 0, ROWS, &b), CW_OK);
    int64_t ones = 0;
    for (int i = 0; i < ROWS; i++) {
        int out = i == 4 || i == 6 || m.real[0][i] == 1;
        ones += m.real[0][i] == 1;
        assert_true(b.weight[i] == (out ? 0 : m.real[0][i] * m.real[2][i]));
        assert_true(b.real[1][i] == (out ? 0 : m.real[1][i]));
    }
    assert_true(ones > 0);
    tally counts = nothing;
    count_fates(&b, &counts);
    assert_true(counts.filtered == ones && counts.missing == 0);
    counts = nothing;
    assert_int_equal(middle.read(&env, middle.self, 0, ROWS, &b), CW_OK);
    count_fates(&b, &counts);
    assert_true(counts.filtered == 1 && counts.missing == 1 && counts.first_missing == 6);
    assert_int_equal(counts.first_missing_column, 1);
    cw_view_destroy(&high);
    cw_view_destroy(&low);
    cw_expression_destroy(&where);
    cw_expression_destroy(&not_zero);
    assert_int_equal(env.blocks_now, 0);
}

static void wrong_specs_are_refused(void **state) {
    (void)state;
    static memory m;
    cw_env env;
    cw_env_init(&env);
    cw_source base = source_of(&m);
    cw_expression *z = parse(&env, "z");
    cw_view *view;
    const cw_view_column outside = {.base = REALS, ANY}, negative = {.base = -1, ANY},
                         good = {.base = 0, ANY};
    const cw_view_spec bad[] = {
        {1, &outside, NULL, -1, 0, names}, {1, &negative, NULL, -1, 0, names}, {1, &good, NULL, 1, 0, names},
        {1, &good, NULL, -2, 0, names},    {1, &good, NULL, -1, 2, names},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(cw_view_create(&env, &base, &bad[i], &view), CW_INTERNAL);
        assert_null(view);
        cw_env_clear(&env);
    }
    base.reals = 2; /* the expression reads a third column */
    const cw_view_spec filtered = {1, &good, z, -1, 0, names};
    assert_int_equal(cw_view_create(&env, &base, &filtered, &view), CW_INTERNAL);
    cw_expression_destroy(&z);
    assert_int_equal(env.blocks_now, 0);
}

static void memory_may_end_at_every_allocation(void **state) {
    (void)state;
    static memory m;
    fill(&m);
    m.has_weight = 1;
    m.real[0][3] = NAN;
    m.real[2][350] = NAN;
    for (int64_t fail_at = 1;; fail_at++) {
        cw_env env;
        cw_env_init(&env);
        const cw_source base = source_of(&m);
        cw_expression *where = parse(&env, "x > 3"), *formula = parse(&env, "x + y");
        const cw_view_column column[] = {{.base = 0, ANY}, {.formula = formula, ANY}, {.base = 2, ANY}};
        const cw_view_spec spec = {3, column, where, 1, 3, names};
        env.fail_at = env.calls + fail_at;
        cw_view *view;
        cw_block b;
        cw_code code = cw_view_create(&env, &base, &spec, &view);
        if (view) {
            const cw_source source = cw_view_source(view);
            if (code == CW_OK) code = source.read(&env, source.self, 0, 100, &b);
            if (code == CW_OK) code = source.read(&env, source.self, 100, 400, &b);
            env.fail_at = 0;
            cw_env_clear(&env);
            assert_int_equal(source.read(&env, source.self, 0, 400, &b), CW_OK); /* it can go on */
            assert_true(b.weight[3] == 0 && b.weight[350] == 0 && b.real[1][3] == 0);
        }
        cw_view_destroy(&view);
        cw_expression_destroy(&where);
        cw_expression_destroy(&formula);
        assert_int_equal(env.blocks_now, 0);
        assert_int_equal(env.bytes_now, 0);
        if (code == CW_OK) {
            assert_true(fail_at > 20);
            return;
        }
        assert_int_equal(code, CW_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_blocks_are_handed_through),
        cmocka_unit_test(excluded_rows_weigh_nothing),
        cmocka_unit_test(bad_values_name_the_first_row_and_column),
        cmocka_unit_test(views_agree_with_a_row_by_row_model),
        cmocka_unit_test(views_stand_on_views),
        cmocka_unit_test(wrong_specs_are_refused),
        cmocka_unit_test(memory_may_end_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
