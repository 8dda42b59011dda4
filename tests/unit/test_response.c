/* Bounds from the moments of the arms: reference cases, truths that never escape, errors against numerical
 * influence, refuted beliefs, and rows through the accumulator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/distribution.h"
#include "src/bounds/arms.h"
#include "src/bounds/monotone.h"
#include "src/bounds/response.h"
#include "tests/unit/cases.h"

enum { BELIEFS = 16, LEVELS = 4 };

static int possible(unsigned beliefs) {
    return (beliefs & 3) != 3 && (beliefs & 12) != 12;
}

static cw_response effect(const cw_response_spec *spec, int32_t control, int32_t treated, cw_crowd crowd) {
    cw_env env;
    cw_env_init(&env);
    cw_response out;
    assert_int_equal(cw_response_effect(&env, spec, control, treated, crowd, &out), CW_OK);
    return out;
}

static cw_response mean_of(const cw_response_spec *spec, int32_t level) {
    cw_env env;
    cw_env_init(&env);
    cw_response out;
    assert_int_equal(cw_response_mean(&env, spec, level, &out), CW_OK);
    return out;
}

static void expect(json_t *pair, cw_response r, double relative, double absolute, const char *what) {
    is_close(r.lower.value, item(pair, 0), relative, absolute, what);
    is_close(r.upper.value, item(pair, 1), relative, absolute, what);
}

/* 401(k): the rows rebuilt from their counts, in an order that mixes arms, through the accumulator. */
static void manski_401k(void **state) {
    (void)state;
    json_t *c = case_of("BD01"), *counts = at(case_of("BD02"), 2, "expected", "counts_zyd"), *value;
    enum { ROWS = 9915 };
    static double y[ROWS], t[ROWS];
    const char *key;
    int n = 0;
    json_object_foreach(counts, key, value) for (int k = 0; k < (int)number(value); k++) {
        int to = (int)((int64_t)n * 4001 % ROWS);
        t[to] = key[0] - '0';
        y[to] = key[1] - '0';
        n++;
    }
    assert_int_equal(n, ROWS);
    cw_env env;
    cw_env_init(&env);
    cw_arms *arms = NULL;
    double levels[] = {0, 1}, threshold[] = {0};
    cw_arms_spec spec = {.outcome = 1,
                         .treatment = 0,
                         .levels = 2,
                         .level = levels,
                         .thresholds = 1,
                         .threshold = threshold,
                         .shift = 0.6};
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_OK);
    const cw_accumulator *a = cw_arms_accumulator(arms);
    _Alignas(64) static unsigned char one[4096], two[4096];
    assert_true(cw_accumulator_bytes(a) <= sizeof one);
    const double *columns[] = {t, y}, *later[] = {t + CW_BLOCK_ROWS, y + CW_BLOCK_ROWS};
    cw_accumulator_reset(a, one);
    cw_accumulator_reset(a, two);
    a->add(a->params, one, NULL, &(cw_block){.rows = CW_BLOCK_ROWS, .reals = 2, .real = columns});
    a->add(a->params, two, NULL, &(cw_block){.rows = ROWS - CW_BLOCK_ROWS, .reals = 2, .real = later});
    a->merge(a->params, one, two);
    for (int32_t which = 0; which < 2; which++) {
        cw_arm arm[2];
        cw_arms_get(arms, one, which, arm);
        json_t *e = at(c, 1, "expected");
        is_close(arm[1].weight / ROWS, number(at(e, 1, "p_d")), 1e-12, 0, "p_d");
        is_close(arm[1].mean, number(at(e, 1, "q1")), 1e-12, 0, "q1");
        is_close(arm[0].mean, number(at(e, 1, "q0")), 1e-12, 0, "q0");
        is_close(arm[0].second, arm[0].weight * arm[0].mean * (1 - arm[0].mean), 1e-12, 0, "variance");
        cw_response_spec s = {.levels = 2, .arm = arm, .low = 0, .high = 1};
        cw_response r = effect(&s, 0, 1, CW_CROWD_ALL);
        expect(at(e, 1, "no_assumption"), r, 1e-9, 1e-12, "no assumption");
        /* The width does not vary with the sample, so both ends have the same error. */
        is_close(r.lower.se, r.upper.se, 1e-9, 0, "errors of both ends");
        is_close(r.correlation, 1, 1e-9, 0, "correlation");
        assert_true(r.lower.kink == INFINITY && r.compared == 0 && r.p == 1 && !r.contradicted);
        s.beliefs = CW_RESPONSE_UP;
        r = effect(&s, 0, 1, CW_CROWD_ALL);
        expect(at(e, 1, "mtr"), r, 1e-9, 1e-12, "mtr");
        assert_true(r.lower.value == 0 && r.lower.se == 0);
        s.beliefs = CW_RESPONSE_UP | CW_SELECTION_UP;
        r = effect(&s, 0, 1, CW_CROWD_ALL);
        expect(at(e, 1, "mtr_mts"), r, 1e-9, 1e-12, "mtr and mts");
        /* The upper end is the difference of means, whose error is known. */
        double q1 = arm[1].mean, q0 = arm[0].mean;
        is_close(r.upper.se, sqrt(q1 * (1 - q1) / arm[1].weight + q0 * (1 - q0) / arm[0].weight), 1e-9, 0,
                 "error of a difference of means");
        assert_true(!r.contradicted && r.excess < 0 && r.p == 1);
    }
    assert_int_equal(cw_arms_rows(arms, one, 0) + cw_arms_rows(arms, one, 1), ROWS);
    assert_true(cw_arms_low(arms, one) == 0 && cw_arms_high(arms, one) == 1);
    cw_arms_destroy(&arms);
    assert_int_equal(env.blocks_now, 0);
}

static void schooling(void **state) {
    (void)state;
    json_t *in = at(case_of("MA02"), 1, "inputs"), *upper = at(case_of("MA02"), 2, "expected", "upper"),
           *value;
    cw_arm arm[CW_LEVELS];
    int32_t levels = (int32_t)json_array_size(at(in, 1, "years"));
    for (int32_t k = 0; k < levels; k++)
        arm[k] = cw_arm_published(1257, item(at(in, 1, "share"), (size_t)k),
                                  item(at(in, 1, "mean_log_wage"), (size_t)k), NAN);
    /* No range at all: the beliefs bound by themselves. The printed shares add up to 0.999. */
    cw_response_spec s = {.levels = levels,
                          .arm = arm,
                          .low = -INFINITY,
                          .high = INFINITY,
                          .beliefs = CW_RESPONSE_UP | CW_SELECTION_UP,
                          .total = 1257};
    const char *key;
    json_object_foreach(upper, key, value) {
        int from = 0, to = 0;
        assert_int_equal(sscanf(key, "%d->%d", &from, &to), 2);
        cw_response r = effect(&s, from - 8, to - 8, CW_CROWD_ALL);
        is_close(r.upper.value, number(value), 0, 1e-6, key);
        assert_true(r.lower.value == 0);
        assert_true(isnan(r.upper.se) && isnan(r.p)); /* no variances in print */
        /* The reversed question has the mirrored answer. */
        cw_response mirrored = effect(&s, to - 8, from - 8, CW_CROWD_ALL);
        is_close(mirrored.lower.value, -r.upper.value, 1e-14, 0, "mirror");
        assert_true(mirrored.upper.value == 0);
    }
    /* Means that fall with schooling (9 to 10 years, ...) contradict both beliefs together. */
    cw_response r = effect(&s, 4, 8, CW_CROWD_ALL);
    assert_true(r.contradicted);
    is_close(r.excess, 2.302 - 2.195, 1e-12, 0, "largest fall");
    assert_int_equal(r.worst[0], 1);
    assert_int_equal(r.worst[1], 2);
    s.beliefs = CW_RESPONSE_UP;
    r = effect(&s, 4, 8, CW_CROWD_ALL);
    assert_true(r.lower.value == 0 && r.upper.value == INFINITY && r.upper.se == 0);
}

static void monotone_instrument(void **state) {
    (void)state;
    json_t *in = at(case_of("MA03"), 1, "inputs"), *e = at(case_of("MA03"), 1, "expected");
    cw_env env;
    cw_env_init(&env);
    double p1 = 0, y1 = 0, y0 = 0, within[2][2] = {{0, 0}, {0, 0}};
    cw_monotone_cell cell[3][2][4]; /* belief (none, MTS, both), arm, v */
    static const unsigned beliefs[3] = {CW_BELIEVE_NOTHING, CW_SELECTION_UP,
                                        CW_RESPONSE_UP | CW_SELECTION_UP};
    for (size_t v = 0; v < 4; v++) {
        double p = item(at(in, 1, "p_v"), v), d = item(at(in, 1, "p_d1_v"), v);
        double m1 = item(at(in, 1, "E_y_d1_v"), v), m0 = item(at(in, 1, "E_y_d0_v"), v);
        p1 += p * d, y1 += p * d * m1, y0 += p * (1 - d) * m0;
        cw_arm arm[2] = {cw_arm_published(1000 * p, 1 - d, m0, sqrt(m0 * (1 - m0))),
                         cw_arm_published(1000 * p, d, m1, sqrt(m1 * (1 - m1)))};
        for (int b = 1; b < 3; b++) {
            cw_response_spec s = {.levels = 2, .arm = arm, .low = 0, .high = 1, .beliefs = beliefs[b]};
            cw_response r = effect(&s, 0, 1, CW_CROWD_ALL);
            within[b - 1][0] += p * r.lower.value;
            within[b - 1][1] += p * r.upper.value;
        }
        for (int b = 0; b < 3; b++)
            for (int32_t t = 0; t < 2; t++) {
                cw_response_spec s = {.levels = 2, .arm = arm, .low = 0, .high = 1, .beliefs = beliefs[b]};
                cw_response r = mean_of(&s, t);
                cell[b][t][v] = (cw_monotone_cell){p, r.lower.value, r.upper.value, r.lower.se, r.upper.se};
            }
    }
    cw_arm pooled[2] = {cw_arm_published(1000, 1 - p1, y0 / (1 - p1), 0.4),
                        cw_arm_published(1000, p1, y1 / p1, 0.4)};
    cw_response_spec s = {.levels = 2, .arm = pooled, .low = 0, .high = 1};
    expect(at(e, 1, "worst_case"), effect(&s, 0, 1, CW_CROWD_ALL), 0, 1e-10, "worst case");
    /* Selection is believed within each value of v: the effect's bounds there, averaged. */
    is_close(within[0][0], item(at(e, 1, "MTS"), 0), 0, 1e-10, "MTS lower");
    is_close(within[0][1], item(at(e, 1, "MTS"), 1), 0, 1e-10, "MTS upper");
    is_close(within[1][0], item(at(e, 1, "MTR_MTS"), 0), 0, 1e-10, "MTR and MTS lower");
    is_close(within[1][1], item(at(e, 1, "MTR_MTS"), 1), 0, 1e-10, "MTR and MTS upper");
    cw_monotone m[2];
    static const struct {
        int belief, sign;
        const char *mean[2], *ate;
    } known[] = {{0, 1, {"MIV_EY0", "MIV_EY1"}, "MIV_ATE"},
                 {0, 0, {NULL, NULL}, "IV_ATE"},
                 {2, 1, {"MTR_MTS_MIV_EY0", "MTR_MTS_MIV_EY1"}, NULL}};
    for (size_t k = 0; k < 3; k++) {
        for (int t = 0; t < 2; t++) {
            assert_int_equal(cw_monotone_mean(&env, 4, cell[known[k].belief][t], known[k].sign, 0.95, &m[t]),
                             CW_OK);
            assert_true(m[t].lower_limit <= m[t].lower && m[t].upper_limit >= m[t].upper);
            assert_true(m[t].lower_se > 0 && m[t].upper_se > 0 && m[t].excess <= 1e-12);
            if (!known[k].mean[t]) continue;
            is_close(m[t].lower, item(at(e, 1, known[k].mean[t]), 0), 0, 1e-10, known[k].mean[t]);
            is_close(m[t].upper, item(at(e, 1, known[k].mean[t]), 1), 0, 1e-10, known[k].mean[t]);
        }
        if (!known[k].ate) continue;
        is_close(m[1].lower - m[0].upper, item(at(e, 1, known[k].ate), 0), 0, 1e-10, known[k].ate);
        is_close(m[1].upper - m[0].lower, item(at(e, 1, known[k].ate), 1), 0, 1e-10, known[k].ate);
    }
    /* Selection within cells together with independence of the means across cells is refuted: the effect's
     * lower end stands above its upper one. */
    for (int t = 0; t < 2; t++)
        assert_int_equal(cw_monotone_mean(&env, 4, cell[1][t], 0, 0.95, &m[t]), CW_OK);
    is_close(m[1].lower - m[0].upper, -0.03, 0, 1e-10, "MTS+IV lower");
    is_close(m[1].upper - m[0].lower, -0.10, 0, 1e-10, "MTS+IV upper");
    /* Falling with v is the mirror image of rising. */
    cw_monotone_cell reversed[4];
    for (int v = 0; v < 4; v++) reversed[v] = cell[0][1][3 - v];
    cw_monotone up, down;
    assert_int_equal(cw_monotone_mean(&env, 4, cell[0][1], 1, 0.95, &up), CW_OK);
    assert_int_equal(cw_monotone_mean(&env, 4, reversed, -1, 0.95, &down), CW_OK);
    is_close(down.lower, up.lower, 1e-15, 0, "mirror");
    is_close(down.upper, up.upper, 1e-15, 0, "mirror");
    /* Crossing cells are an answer; the errors decide whether it may be chance. */
    cw_monotone_cell crossing[2] = {{0.5, 0.6, 0.7, 0.01, 0.01}, {0.5, 0.1, 0.4, 0.01, 0.01}};
    assert_int_equal(cw_monotone_mean(&env, 2, crossing, 1, 0.95, &up), CW_OK);
    is_close(up.excess, 0.2, 1e-12, 0, "excess");
    assert_true(up.excess_limit > 0.1 && up.excess_limit < 0.2);
    crossing[0].share = 0.4;
    assert_int_equal(cw_monotone_mean(&env, 2, crossing, 1, 0.95, &up), CW_BAD_DATA);
}

static void missing_outcomes(void **state) {
    (void)state;
    /* Horowitz and Manski: each arm is a mean with its missing part anywhere in the range. */
    const char *ids[] = {"MA04", "MA05"}, *answer[] = {"ATE", "ATE_from_rounded"},
               *mean[] = {"E_y_obs", "mean_obs"};
    for (int k = 0; k < 2; k++) {
        json_t *in = at(case_of(ids[k]), 1, "inputs"), *e = at(case_of(ids[k]), 2, "expected", answer[k]);
        double low = k ? item(at(in, 1, "support"), 0) : 0, high = k ? item(at(in, 1, "support"), 1) : 1;
        cw_response r[2];
        for (size_t a = 0; a < 2; a++) { /* level 1: observed; level 0: missing, its own mean never used */
            double p = item(at(in, 1, "p_obs"), a);
            cw_arm arm[2] = {cw_arm_published(100, 1 - p, low, 0),
                             cw_arm_published(100, p, item(at(in, 1, mean[k]), a), 0.3)};
            r[a] = mean_of(&(cw_response_spec){.levels = 2, .arm = arm, .low = low, .high = high}, 1);
        }
        is_close(r[0].lower.value - r[1].upper.value, item(e, 0), 0, 1e-6, ids[k]);
        is_close(r[0].upper.value - r[1].lower.value, item(e, 1), 0, 1e-6, ids[k]);
    }
}

/* Populations that satisfy beliefs: the truth is within the bounds, for every crowd and pair of levels. */
static void truths_never_escape(void **state) {
    (void)state;
    uint64_t seed = 3;
    int tried = 0;
    for (int round = 0; round < 4000; round++) {
        unsigned beliefs = (unsigned)(draw(&seed) % BELIEFS);
        if (!possible(beliefs)) continue;
        int32_t levels = 2 + (int32_t)(draw(&seed) % (LEVELS - 1));
        double theta[LEVELS][LEVELS], share[LEVELS], sum = 0; /* E[Y(t)|u] */
        for (int32_t u = 0; u < levels; u++) sum += share[u] = 0.05 + unit(&seed);
        for (int32_t t = 0; t < levels; t++)
            for (int32_t u = 0; u < levels; u++) theta[t][u] = 2 * unit(&seed) - 1;
        /* Sorting rows, then columns, keeps both orders (as in a Young tableau). */
        for (int pass = 0; pass < 2; pass++)
            for (int32_t a = 0; a < levels; a++)
                for (int32_t i = 0; i < levels; i++)
                    for (int32_t j = 0; j + 1 < levels; j++) {
                        unsigned up = pass ? CW_RESPONSE_UP : CW_SELECTION_UP,
                                 down = pass ? CW_RESPONSE_DOWN : CW_SELECTION_DOWN;
                        double *x = pass ? &theta[j][a] : &theta[a][j],
                               *y = pass ? &theta[j + 1][a] : &theta[a][j + 1];
                        if (((beliefs & up) && *x > *y) || ((beliefs & down) && *x < *y)) {
                            double v = *x;
                            *x = *y;
                            *y = v;
                        }
                    }
        cw_arm arm[LEVELS];
        for (int32_t u = 0; u < levels; u++) arm[u] = cw_arm_published(500, share[u] / sum, theta[u][u], 0.2);
        cw_response_spec s = {.levels = levels, .arm = arm, .low = -1, .high = 1, .beliefs = beliefs};
        for (int32_t t = 0; t < levels; t++)
            for (int32_t c = 0; c < levels; c++) {
                double truth[3] = {0}, own = 0;
                for (int32_t u = 0; u < levels; u++) {
                    own += share[u] / sum * theta[t][u];
                    truth[0] += share[u] / sum * (theta[t][u] - theta[c][u]);
                }
                cw_response r = mean_of(&s, t);
                assert_true(r.lower.value <= own + 1e-12 && own <= r.upper.value + 1e-12);
                assert_true(r.excess <= 1e-12 && !(r.contradicted && r.excess > 1e-12));
                if (t == c) continue;
                truth[1] = theta[t][t] - theta[c][t];
                truth[2] = theta[t][c] - theta[c][c];
                for (int crowd = 0; crowd < 3; crowd++) {
                    r = effect(&s, c, t, (cw_crowd)crowd);
                    assert_true(r.lower.value <= truth[crowd] + 1e-12 &&
                                truth[crowd] <= r.upper.value + 1e-12);
                    tried++;
                }
            }
    }
    assert_true(tried > 20000);
}

/* Each further belief can only narrow the bounds. */
static void beliefs_only_narrow(void **state) {
    (void)state;
    cw_arm arm[3] = {cw_arm_published(100, 0.3, 0.2, 0.4), cw_arm_published(100, 0.3, 0.4, 0.4),
                     cw_arm_published(100, 0.4, 0.5, 0.4)};
    for (unsigned a = 0; a < BELIEFS; a++)
        for (unsigned b = 0; b < BELIEFS; b++) {
            if (!possible(a) || !possible(b) || (a & b) != a) continue;
            for (int crowd = 0; crowd < 3; crowd++) {
                cw_response_spec s = {.levels = 3, .arm = arm, .low = 0, .high = 1, .beliefs = a};
                cw_response weak = effect(&s, 0, 2, (cw_crowd)crowd);
                s.beliefs = b;
                cw_response strong = effect(&s, 0, 2, (cw_crowd)crowd);
                assert_true(strong.lower.value >= weak.lower.value - 1e-15);
                assert_true(strong.upper.value <= weak.upper.value + 1e-15);
            }
        }
}

enum { SAMPLE = 60 };
typedef struct sample {
    double y[SAMPLE], t[SAMPLE], w[SAMPLE];
} sample;

static void arms_of(const sample *rows, cw_arm *arm, int frequency) {
    cw_env env;
    cw_env_init(&env);
    double levels[] = {0, 1, 2};
    cw_arms_spec spec = {
        .outcome = 1, .treatment = 0, .levels = 3, .level = levels, .shift = 0.3, .frequency = frequency};
    cw_arms *arms = NULL;
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_OK);
    _Alignas(64) unsigned char state[2048];
    const double *columns[] = {rows->t, rows->y};
    const cw_accumulator *a = cw_arms_accumulator(arms);
    assert_true(cw_accumulator_bytes(a) <= sizeof state);
    cw_accumulator_reset(a, state);
    a->add(a->params, state, NULL,
           &(cw_block){.rows = SAMPLE, .reals = 2, .real = columns, .weight = rows->w});
    cw_arms_get(arms, state, 0, arm);
    cw_arms_destroy(&arms);
}

/* The influence of a row is the derivative of the bound in the row's weight; the error is the root of the sum
 * of their squares. Weighted, for every belief and crowd. */
static void errors_follow_from_influence(void **state) {
    (void)state;
    uint64_t seed = 17;
    sample rows;
    double total = 0;
    for (int i = 0; i < SAMPLE; i++) {
        rows.t[i] = (double)(draw(&seed) % 3);
        rows.y[i] = 0.2 * rows.t[i] + 0.5 * unit(&seed);
        rows.w[i] = 0.5 + 2 * unit(&seed);
        total += rows.w[i];
    }
    cw_arm arm[3];
    arms_of(&rows, arm, 0);
    for (unsigned beliefs = 0; beliefs < BELIEFS; beliefs++) {
        if (!possible(beliefs)) continue;
        for (int crowd = 0; crowd < 3; crowd++) {
            cw_response_spec s = {.levels = 3, .arm = arm, .low = 0, .high = 1, .beliefs = beliefs};
            cw_response r = effect(&s, 0, 2, (cw_crowd)crowd);
            double square[2] = {0, 0}, product = 0;
            for (int i = 0; i < SAMPLE; i++) {
                double psi[2] = {cw_response_influence(&s, &r.lower, (int32_t)rows.t[i], rows.y[i]),
                                 cw_response_influence(&s, &r.upper, (int32_t)rows.t[i], rows.y[i])};
                sample moved = rows;
                cw_arm bent[3];
                double step = 1e-6;
                moved.w[i] += step;
                arms_of(&moved, bent, 0);
                cw_response_spec b = s;
                b.arm = bent;
                cw_response q = effect(&b, 0, 2, (cw_crowd)crowd);
                is_close(psi[0] / total, (q.lower.value - r.lower.value) / step, 1e-4, 1e-8,
                         "lower influence");
                is_close(psi[1] / total, (q.upper.value - r.upper.value) / step, 1e-4, 1e-8,
                         "upper influence");
                for (int e = 0; e < 2; e++) square[e] += rows.w[i] * rows.w[i] * psi[e] * psi[e];
                product += rows.w[i] * rows.w[i] * psi[0] * psi[1];
            }
            is_close(r.lower.se, sqrt(square[0]) / total, 1e-9, 1e-12, "lower error");
            is_close(r.upper.se, sqrt(square[1]) / total, 1e-9, 1e-12, "upper error");
            if (square[0] > 0 && square[1] > 0)
                is_close(r.correlation, product / sqrt(square[0] * square[1]), 1e-6, 1e-9, "correlation");
        }
    }
}

/* Frequency weights are rows told once. */
static void frequencies_are_replicates(void **state) {
    (void)state;
    sample once, twice;
    uint64_t seed = 5;
    for (int i = 0; i < SAMPLE; i++) {
        int j = i / 2;
        if (i % 2 == 0) {
            once.t[j] = twice.t[i] = (double)(draw(&seed) % 3);
            once.y[j] = twice.y[i] = unit(&seed);
            once.w[j] = 2;
        } else {
            twice.t[i] = once.t[j];
            twice.y[i] = once.y[j];
        }
        twice.w[i] = 1;
    }
    for (int i = SAMPLE / 2; i < SAMPLE; i++) once.t[i] = once.y[i] = once.w[i] = 0;
    once.y[SAMPLE - 1] = NAN; /* excluded rows are never looked at */
    cw_arm a[3], b[3];
    arms_of(&once, a, 1);
    arms_of(&twice, b, 0);
    for (int k = 0; k < 3; k++) {
        is_close(a[k].weight, b[k].weight, 1e-15, 0, "weight");
        is_close(a[k].mean, b[k].mean, 1e-14, 0, "mean");
        is_close(a[k].square, b[k].square, 1e-15, 0, "square");
        is_close(a[k].second, b[k].second, 1e-12, 0, "second");
        assert_true(fabs(a[k].first) < 1e-12);
    }
}

static void refuted_beliefs_are_said(void **state) {
    (void)state;
    cw_arm arm[2] = {cw_arm_published(1000, 0.5, 0.7, 0.4), cw_arm_published(1000, 0.5, 0.4, 0.4)};
    cw_response_spec s = {
        .levels = 2, .arm = arm, .low = 0, .high = 1, .beliefs = CW_RESPONSE_UP | CW_SELECTION_UP};
    cw_response r = effect(&s, 0, 1, CW_CROWD_ALL);
    assert_true(r.contradicted && r.p < 1e-10 && r.compared == 1);
    is_close(r.excess, 0.3, 1e-12, 0, "excess");
    is_close(r.excess_se, 0.4 * sqrt(2 / 500.0), 1e-12, 0, "its error");
    assert_true(r.worst[0] == 0 && r.worst[1] == 1);
    assert_true(r.lower.value > r.upper.value);
    cw_env env;
    cw_env_init(&env);
    cw_intervals i;
    cw_ends ends = cw_response_ends(&r);
    assert_int_equal(cw_interval_find(&env, &ends, 0.95, r.n_effective, &i), CW_OK);
    assert_true(i.crossed && i.parameter.empty && i.set.empty);
    /* A small contradiction may be chance. */
    arm[1].mean = 0.69;
    r = effect(&s, 0, 1, CW_CROWD_ALL);
    assert_true(r.contradicted && r.p > 0.3 && r.p < 0.4);
    /* Response up with selection down leaves a choice between limits, whose closeness is told. */
    s.beliefs = CW_RESPONSE_DOWN | CW_SELECTION_UP;
    arm[1].mean = 0.71;
    r = effect(&s, 0, 1, CW_CROWD_ALL);
    assert_true(r.upper.kink < 1 && r.lower.kink == INFINITY && !r.contradicted);
}

static void odd_inputs_are_refused(void **state) {
    (void)state;
    cw_arm fine[2] = {cw_arm_published(100, 0.5, 0.4, 0.1), cw_arm_published(100, 0.5, 0.6, 0.1)};
    for (int k = 0; k < 10; k++) {
        cw_arm arm[2] = {fine[0], fine[1]};
        cw_response_spec s = {.levels = 2, .arm = arm, .low = 0, .high = 1};
        if (k == 0) arm[0].weight = 0; /* no variation in treatment */
        if (k == 1) arm[1].mean = NAN;
        if (k == 2) arm[1].mean = 1.1;     /* outside the stated range */
        if (k == 3) s.low = 1, s.high = 0; /* a range upside down */
        if (k == 4) s.low = s.high = 0.5;
        if (k == 5) s.beliefs = CW_RESPONSE_UP | CW_RESPONSE_DOWN;
        if (k == 6) s.beliefs = CW_SELECTION_UP | CW_SELECTION_DOWN;
        if (k == 7) s.total = 200; /* shares of 0.5 in all */
        if (k == 8) arm[0].second = -1;
        if (k == 9) s.levels = 1;
        cw_env env;
        cw_env_init(&env);
        cw_response r;
        assert_int_equal(cw_response_effect(&env, &s, 0, 1, CW_CROWD_ALL, &r), CW_BAD_DATA);
        assert_true(strlen(env.error.what) > 0 && !strchr(env.error.what, '\n'));
        cw_env_init(&env);
        assert_int_equal(cw_response_mean(&env, &s, 0, &r), CW_BAD_DATA);
    }
}

static void odd_rows_are_counted(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double levels[] = {0, 1}, y[] = {1, NAN, 3, INFINITY, 5, 6}, t[] = {0, 0, 1, 1, 2, NAN};
    double w[] = {1, 1, 2, 1, 1, 0};
    cw_arms_spec spec = {.outcome = 0, .treatment = 1, .levels = 2, .level = levels};
    cw_arms *arms = NULL;
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_OK);
    _Alignas(64) unsigned char memory[1024];
    const double *columns[] = {y, t};
    const cw_accumulator *a = cw_arms_accumulator(arms);
    cw_accumulator_reset(a, memory);
    a->add(a->params, memory, NULL, &(cw_block){.rows = 6, .reals = 2, .real = columns, .weight = w});
    assert_int_equal(cw_arms_rows(arms, memory, 0), 1);
    assert_int_equal(cw_arms_rows(arms, memory, 1), 1);
    assert_int_equal(cw_arms_rows(arms, memory, 2), 1);
    assert_int_equal(cw_arms_rows(arms, memory, 3), 2);
    assert_true(cw_arms_low(arms, memory) == 1 && cw_arms_high(arms, memory) == 3);
    assert_int_equal(cw_arms_check_range(&env, arms, memory, 1, 3), CW_OK);
    assert_int_equal(cw_arms_check_range(&env, arms, memory, -INFINITY, 2.5), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "outcome of 3 "));
    assert_int_equal(cw_arms_check_range(&env, arms, memory, 1.5, INFINITY), CW_BAD_DATA);
    cw_env_clear(&env);
    cw_arm arm[2];
    cw_arms_get(arms, memory, 0, arm);
    assert_true(arm[1].weight == 2 && arm[1].mean == 3 && arm[1].square == 4);
    cw_arms_destroy(&arms);
    double twice[] = {1, 1}, odd[] = {NAN};
    spec.level = twice;
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_BAD_DATA);
    spec.level = levels;
    spec.thresholds = 1;
    spec.threshold = odd;
    assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_BAD_DATA);
    odd[0] = 1;
    for (int64_t k = 1; k <= 3; k++) {
        cw_env_init(&env);
        env.fail_at = k;
        assert_int_equal(cw_arms_create(&env, &spec, &arms), CW_NO_MEMORY);
        assert_null(arms);
        assert_int_equal(env.blocks_now, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manski_401k),
        cmocka_unit_test(schooling),
        cmocka_unit_test(monotone_instrument),
        cmocka_unit_test(missing_outcomes),
        cmocka_unit_test(truths_never_escape),
        cmocka_unit_test(beliefs_only_narrow),
        cmocka_unit_test(errors_follow_from_influence),
        cmocka_unit_test(frequencies_are_replicates),
        cmocka_unit_test(refuted_beliefs_are_said),
        cmocka_unit_test(odd_inputs_are_refused),
        cmocka_unit_test(odd_rows_are_counted),
    };
    return cmocka_run_group_tests(tests, cases_load, cases_free);
}
