/* Bounds from an instrument: printed examples, Balke and Pearl's sixteen expressions, populations of response
 * types, refuted tables, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/bounds/cells.h"
#include "src/bounds/instrument.h"
#include "tests/unit/cases.h"

static cw_instrument find(int32_t levels, const cw_instrument_row *row) {
    cw_env env;
    cw_env_init(&env);
    cw_instrument out;
    assert_int_equal(cw_instrument_find(&env, levels, row, 0.95, &out), CW_OK);
    assert_int_equal(env.blocks_now, 0);
    return out;
}

static void expect(json_t *pair, cw_ends ends, double absolute, const char *what) {
    is_close(ends.lower, item(pair, 0), 0, absolute, what);
    is_close(ends.upper, item(pair, 1), 0, absolute, what);
}

static cw_instrument_row named(json_t *p) {
    return (cw_instrument_row){number(at(p, 1, "x0y0")), number(at(p, 1, "x0y1")), number(at(p, 1, "x1y0")),
                               number(at(p, 1, "x1y1")), NAN};
}

static void printed_examples(void **state) {
    (void)state;
    const char *ids[] = {"BP02", "BP03", "BP07"};
    for (int k = 0; k < 3; k++) {
        json_t *c = case_of(ids[k]), *p = at(c, 2, "inputs", "p_xy_given_z"), *e = at(c, 1, "expected");
        cw_instrument_row row[2] = {named(at(p, 1, "z0")), named(at(p, 1, "z1"))};
        double absolute = number(at(c, 2, "tolerance", "abs"));
        cw_instrument r = find(2, row);
        expect(at(e, 1, "ACE"), r.effect, absolute, ids[k]);
        expect(at(e, 1, "P_y1_do_x1"), r.treated, absolute, ids[k]);
        expect(at(e, 1, "P_y1_do_x0"), r.control, absolute, ids[k]);
        assert_true(!r.refuted && isnan(r.effect.lower_se) && isnan(r.p) && isnan(r.lower_limit));
        if (k == 1) {
            is_close(r.intention, number(at(e, 1, "ITT")), 0, 1e-12, "ITT");
            is_close(r.compliers, number(at(e, 1, "LATE")), 0, 1e-12, "LATE");
            assert_true(r.no_defiers);
        }
        if (k == 2) is_close(r.inequality, number(at(e, 1, "inequality_max")), 0, 1e-9, "inequality");
    }
}

static void three_levels(void **state) {
    (void)state;
    json_t *c = case_of("BP05"), *p = at(c, 2, "inputs", "p_yx_given_z"), *e = at(c, 1, "expected");
    cw_instrument_row row[3];
    const char *level[] = {"z0", "z1", "z2"};
    for (int z = 0; z < 3; z++) { /* (y0x0, y1x0, y0x1, y1x1) */
        json_t *q = at(p, 1, level[z]);
        row[z] = (cw_instrument_row){
            .x0y0 = item(q, 0), .x0y1 = item(q, 1), .x1y0 = item(q, 2), .x1y1 = item(q, 3), .rows = 1000};
    }
    cw_instrument r = find(3, row);
    expect(at(e, 1, "ACE"), r.effect, 1e-9, "ACE");
    expect(at(e, 1, "P_y1_do_x0"), r.control, 1e-9, "control");
    expect(at(e, 1, "P_y1_do_x1"), r.treated, 1e-9, "treated");
    is_close(r.inequality, number(at(e, 1, "instrumental_inequality_max")), 0, 1e-9, "inequality");
    assert_int_equal(r.no_defiers, 0);
    assert_true(isnan(r.compliers));
    /* The same twelve numbers read along the wrong axis contradict the instrument. */
    for (int z = 0; z < 3; z++) {
        double v = row[z].x0y1;
        row[z].x0y1 = row[z].x1y0;
        row[z].x1y0 = v;
    }
    r = find(3, row);
    assert_true(r.refuted && isnan(r.effect.lower) && r.p < 0.05);
    is_close(r.inequality, 1.08, 0, 1e-9, "refuted inequality");
}

static void computed_examples(void **state) {
    (void)state;
    const char *ids[] = {"BD03", "BD04", "BD05", "BD06"};
    for (int k = 0; k < 4; k++) {
        json_t *p = at(case_of(ids[k]), 2, "inputs", "probabilities"),
               *e = at(case_of(ids[k]), 1, "expected");
        cw_instrument_row row[2];
        for (size_t z = 0; z < 2; z++) { /* (y, d) = 00, 01, 10, 11 */
            json_t *q = json_array_get(p, z);
            row[z] = (cw_instrument_row){
                .x0y0 = item(q, 0), .x1y0 = item(q, 1), .x0y1 = item(q, 2), .x1y1 = item(q, 3), .rows = 500};
        }
        cw_instrument r = find(2, row);
        assert_int_equal(r.refuted, !json_is_true(at(e, 1, "feasible")));
        if (r.refuted) {
            assert_true(isnan(r.effect.lower) && isnan(r.natural.upper) && isnan(r.upper_limit));
            is_close(r.inequality, 1.4, 1e-12, 0, "inequality");
            assert_true(r.p < 1e-6);
            continue;
        }
        expect(at(e, 1, "sharp"), r.effect, 1e-12, ids[k]);
        expect(at(e, 1, "natural"), r.natural, 1e-12, ids[k]);
    }
    json_t *n = at(case_of("BD02"), 2, "expected", "counts_zyd"), *e = at(case_of("BD02"), 1, "expected");
    cw_instrument_row row[2];
    for (int z = 0; z < 2; z++) {
        double count[4];
        for (int k = 0; k < 4; k++) { /* y = k / 2, d = k % 2 */
            char key[4] = {(char)('0' + z), (char)('0' + k / 2), (char)('0' + k % 2), 0};
            count[k] = number(at(n, 1, key));
        }
        row[z] = cw_instrument_counts(count[0], count[2], count[1], count[3]);
    }
    cw_instrument r = find(2, row);
    expect(at(e, 1, "sharp"), r.effect, 1e-9, "401(k)");
    expect(at(e, 1, "natural"), r.natural, 1e-9, "401(k) natural");
    assert_true(r.lower_limit < r.effect.lower && r.upper_limit > r.effect.upper && r.effect.lower_se > 0);
    assert_true(r.p == 1);
}

/* The expressions as Balke and Pearl (1997) print them, p[y][x][z]. */
static void printed_bounds(double p[2][2][2], double *lower, double *upper) {
#define P(y, x, z) p[y][x][z]
    const double low[8] = {P(1, 1, 1) + P(0, 0, 0) - 1,
                           P(1, 1, 0) + P(0, 0, 1) - 1,
                           P(1, 1, 0) - P(1, 1, 1) - P(1, 0, 1) - P(0, 1, 0) - P(1, 0, 0),
                           P(1, 1, 1) - P(1, 1, 0) - P(1, 0, 0) - P(0, 1, 1) - P(1, 0, 1),
                           -P(0, 1, 1) - P(1, 0, 1),
                           -P(0, 1, 0) - P(1, 0, 0),
                           P(0, 0, 1) - P(0, 1, 1) - P(1, 0, 1) - P(0, 1, 0) - P(0, 0, 0),
                           P(0, 0, 0) - P(0, 1, 0) - P(1, 0, 0) - P(0, 1, 1) - P(0, 0, 1)};
    const double high[8] = {1 - P(0, 1, 1) - P(1, 0, 0),
                            1 - P(0, 1, 0) - P(1, 0, 1),
                            -P(0, 1, 0) + P(0, 1, 1) + P(0, 0, 1) + P(1, 1, 0) + P(0, 0, 0),
                            -P(0, 1, 1) + P(1, 1, 1) + P(0, 0, 1) + P(0, 1, 0) + P(0, 0, 0),
                            P(1, 1, 1) + P(0, 0, 1),
                            P(1, 1, 0) + P(0, 0, 0),
                            -P(1, 0, 1) + P(1, 1, 1) + P(0, 0, 1) + P(1, 1, 0) + P(1, 0, 0),
                            -P(1, 0, 0) + P(1, 1, 0) + P(0, 0, 0) + P(1, 1, 1) + P(1, 0, 1)};
#undef P
    *lower = low[0], *upper = high[0];
    for (int k = 1; k < 8; k++) {
        *lower = fmax(*lower, low[k]);
        *upper = fmin(*upper, high[k]);
    }
}

/* A population of response types: X(z) for every z and (Y(0), Y(1)). */
static void population(uint64_t *seed, int32_t levels, cw_instrument_row *row, double *effect) {
    int types = 4 << levels;
    double mass[4 << 4], sum = 0;
    for (int k = 0; k < types; k++) {
        /* A few types carry most of the mass, so that bounds are tight in places. */
        double u = unit(seed);
        sum += mass[k] = draw(seed) % 3 == 0 ? u : 0.02 * u * u;
    }
    *effect = 0;
    for (int32_t z = 0; z < levels; z++) row[z] = (cw_instrument_row){0, 0, 0, 0, 400};
    for (int k = 0; k < types; k++) {
        int y0 = k & 1, y1 = k >> 1 & 1;
        *effect += mass[k] / sum * (y1 - y0);
        for (int32_t z = 0; z < levels; z++) {
            int x = k >> (2 + z) & 1, y = x ? y1 : y0;
            double *cell = x ? y ? &row[z].x1y1 : &row[z].x1y0 : y ? &row[z].x0y1 : &row[z].x0y0;
            *cell += mass[k] / sum;
        }
    }
}

static void equal_to_the_sixteen_expressions(void **state) {
    (void)state;
    uint64_t seed = 23;
    for (int round = 0; round < 2000; round++) {
        cw_instrument_row row[4];
        double truth, lower, upper, p[2][2][2];
        population(&seed, 2, row, &truth);
        for (int z = 0; z < 2; z++) {
            p[0][0][z] = row[z].x0y0, p[1][0][z] = row[z].x0y1;
            p[0][1][z] = row[z].x1y0, p[1][1][z] = row[z].x1y1;
        }
        printed_bounds(p, &lower, &upper);
        cw_instrument r = find(2, row);
        assert_false(r.refuted);
        is_close(r.effect.lower, lower, 0, 1e-12, "lower");
        is_close(r.effect.upper, upper, 0, 1e-12, "upper");
        assert_true(lower <= truth + 1e-12 && truth <= upper + 1e-12);
    }
}

/* More levels: the truth stays inside, pooled pairs of levels are never tighter, and natural bounds neither.
 */
static void more_levels_only_narrow(void **state) {
    (void)state;
    uint64_t seed = 29;
    for (int round = 0; round < 500; round++) {
        cw_instrument_row row[4];
        double truth;
        int32_t levels = 3 + (int32_t)(draw(&seed) % 2);
        population(&seed, levels, row, &truth);
        cw_instrument r = find(levels, row);
        assert_false(r.refuted);
        assert_true(r.effect.lower <= truth + 1e-12 && truth <= r.effect.upper + 1e-12);
        assert_true(r.natural.lower <= r.effect.lower + 1e-12 && r.effect.upper <= r.natural.upper + 1e-12);
        for (int32_t a = 0; a < levels; a++)
            for (int32_t b = 0; b < levels; b++) {
                if (a == b) continue;
                cw_instrument two = find(2, (cw_instrument_row[]){row[a], row[b]});
                assert_true(two.effect.lower <= r.effect.lower + 1e-12);
                assert_true(two.effect.upper >= r.effect.upper - 1e-12);
            }
    }
}

/* The error of an end against the multinomial covariance applied to numerical derivatives. */
static void errors_are_those_of_the_cells(void **state) {
    (void)state;
    uint64_t seed = 31;
    for (int round = 0; round < 50; round++) {
        cw_instrument_row row[2];
        double truth, step = 1e-7;
        population(&seed, 2, row, &truth);
        row[0].rows = 300;
        row[1].rows = 700;
        cw_instrument r = find(2, row);
        double variance[2] = {0, 0}, both = 0;
        for (int z = 0; z < 2; z++) {
            double slope[4][2], mean[2] = {0, 0}, square[2] = {0, 0}, product = 0;
            for (int c = 0; c < 4; c++) {
                cw_instrument_row bent[2] = {row[0], row[1]};
                double *cell[] = {&bent[z].x0y0, &bent[z].x0y1, &bent[z].x1y0, &bent[z].x1y1};
                double p = *cell[c];
                *cell[c] += step;
                cw_instrument q = find(2, bent);
                slope[c][0] = (q.effect.lower - r.effect.lower) / step;
                slope[c][1] = (q.effect.upper - r.effect.upper) / step;
                for (int e = 0; e < 2; e++) {
                    mean[e] += p * slope[c][e];
                    square[e] += p * slope[c][e] * slope[c][e];
                }
                product += p * slope[c][0] * slope[c][1];
            }
            for (int e = 0; e < 2; e++) variance[e] += (square[e] - mean[e] * mean[e]) / row[z].rows;
            both += (product - mean[0] * mean[1]) / row[z].rows;
        }
        is_close(r.effect.lower_se, sqrt(variance[0]), 1e-5, 1e-6, "lower error");
        is_close(r.effect.upper_se, sqrt(variance[1]), 1e-5, 1e-6, "upper error");
        is_close(r.effect.correlation, both / sqrt(variance[0] * variance[1]), 1e-4, 1e-4, "correlation");
    }
}

static void rounding_refutes_nothing(void **state) {
    (void)state;
    cw_instrument_row row[2] = {{0.5005, 0.5, 0, 0, 100}, {0.3, 0.1, 0.2, 0.4, 100}};
    cw_instrument r = find(2, row);
    assert_false(r.refuted);
    assert_true(r.effect.lower <= r.effect.upper);
    row[1] = (cw_instrument_row){0.2, 0.6, 0.1, 0.1, 100};
    r = find(2, row);
    assert_true(r.refuted);
}

/* Rows, weights and merging give the table that counting by hand gives. */
static void rows_become_cells(void **state) {
    (void)state;
    enum { ROWS = 500, CUT = 200 };
    static double z[ROWS], x[ROWS], y[ROWS], w[ROWS];
    double mass[3][4] = {{0}}, square[3] = {0};
    uint64_t seed = 37;
    int64_t other = 0, bad = 0;
    for (int i = 0; i < ROWS; i++) {
        int level = (int)(draw(&seed) % 4), t = (int)(draw(&seed) % 5);
        z[i] = 10 - level; /* level 3 is not asked for; treatment 2 neither */
        x[i] = t < 2 ? 0 : t < 4 ? 1 : 2;
        y[i] = 10 * unit(&seed);
        w[i] = i % 50 == 0 ? 0 : 0.5 + unit(&seed);
        if (i % 97 == 5) y[i] = NAN;
        if (i % 50 == 0) z[i] = NAN; /* excluded: not looked at */
        if (w[i] == 0) continue;
        if (isnan(y[i])) {
            bad++;
        } else if (level == 3 || x[i] > 1) {
            other++;
        } else {
            mass[level][2 * (int)x[i] + (y[i] > 4)] += w[i];
            square[level] += w[i] * w[i];
        }
    }
    cw_env env;
    cw_env_init(&env);
    cw_cells cells;
    cw_cells_spec spec = {.instrument = 0,
                          .treatment = 1,
                          .outcome = 2,
                          .levels = 3,
                          .level = {10, 9, 8},
                          .control = 0,
                          .treated = 1,
                          .threshold = 4};
    assert_int_equal(cw_cells_init(&env, &cells, &spec), CW_OK);
    _Alignas(64) unsigned char one[512], two[512];
    const cw_accumulator *a = &cells.accumulator;
    assert_true(cw_accumulator_bytes(a) <= sizeof one);
    const double *head[] = {z, x, y}, *tail[] = {z + CUT, x + CUT, y + CUT};
    cw_accumulator_reset(a, one);
    cw_accumulator_reset(a, two);
    a->add(a->params, one, NULL, &(cw_block){.rows = CUT, .reals = 3, .real = head, .weight = w});
    a->add(a->params, two, NULL,
           &(cw_block){.rows = ROWS - CUT, .reals = 3, .real = tail, .weight = w + CUT});
    a->merge(a->params, one, two);
    cw_instrument_row row[3];
    cw_cells_get(&cells, one, row);
    for (int k = 0; k < 3; k++) {
        double total = mass[k][0] + mass[k][1] + mass[k][2] + mass[k][3];
        is_close(row[k].x0y0, mass[k][0] / total, 1e-12, 0, "x0y0");
        is_close(row[k].x0y1, mass[k][1] / total, 1e-12, 0, "x0y1");
        is_close(row[k].x1y0, mass[k][2] / total, 1e-12, 0, "x1y0");
        is_close(row[k].x1y1, mass[k][3] / total, 1e-12, 0, "x1y1");
        is_close(row[k].rows, total * total / square[k], 1e-12, 0, "effective rows");
    }
    assert_int_equal(cw_cells_other(&cells, one), other);
    assert_int_equal(cw_cells_bad(&cells, one), bad);
    cw_instrument r = find(3, row);
    assert_true(!r.refuted && r.effect.lower < r.effect.upper);
    /* A level that no row has is refused where the table is used. */
    spec.level[2] = 77;
    assert_int_equal(cw_cells_init(&env, &cells, &spec), CW_OK);
    cw_accumulator_reset(a, one);
    a->add(a->params, one, NULL, &(cw_block){.rows = CUT, .reals = 3, .real = head, .weight = w});
    cw_cells_get(&cells, one, row);
    assert_int_equal(cw_instrument_find(&env, 3, row, 0.95, &r), CW_BAD_DATA);
    for (int k = 0; k < 5; k++) {
        cw_cells_spec odd = spec;
        if (k == 0) odd.levels = 1;
        if (k == 1) odd.level[1] = 10;
        if (k == 2) odd.level[1] = NAN;
        if (k == 3) odd.treated = 0;
        if (k == 4) odd.threshold = NAN;
        cw_env_init(&env);
        assert_int_equal(cw_cells_init(&env, &cells, &odd), CW_BAD_DATA);
    }
}

static void odd_tables_are_refused(void **state) {
    (void)state;
    const cw_instrument_row fine = {0.25, 0.25, 0.25, 0.25, 10};
    const cw_instrument_row odd[] = {{-0.1, 0.6, 0.25, 0.25, 10}, {0.25, 0.25, 0.25, 0.2, 10},
                                     {1.1, 0, 0, -0.1, 10},       {NAN, 0.25, 0.25, 0.25, 10},
                                     {0.25, 0.25, 0.25, 0.25, 0}, cw_instrument_counts(0, 0, 0, 0)};
    cw_env env;
    cw_instrument out;
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cw_instrument_row row[2] = {fine, odd[k]};
        cw_env_init(&env);
        assert_int_equal(cw_instrument_find(&env, 2, row, 0.95, &out), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0);
    }
    cw_instrument_row row[2] = {fine, fine};
    cw_env_init(&env);
    assert_int_equal(cw_instrument_find(&env, 1, row, 0.95, &out), CW_BAD_DATA);
    cw_env_init(&env);
    assert_int_equal(cw_instrument_find(&env, 2, row, 95, &out), CW_BAD_DATA);
    cw_env_init(&env);
    env.fail_at = 1;
    assert_int_equal(cw_instrument_find(&env, 2, row, 0.95, &out), CW_NO_MEMORY);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printed_examples),         cmocka_unit_test(three_levels),
        cmocka_unit_test(computed_examples),        cmocka_unit_test(equal_to_the_sixteen_expressions),
        cmocka_unit_test(more_levels_only_narrow),  cmocka_unit_test(errors_are_those_of_the_cells),
        cmocka_unit_test(rounding_refutes_nothing), cmocka_unit_test(rows_become_cells),
        cmocka_unit_test(odd_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, cases_load, cases_free);
}
