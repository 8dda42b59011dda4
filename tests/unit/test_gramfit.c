/* Models from Gram matrices: complements without cancellation, least squares, the ridge path, risks. */
#include "tests/support/serial.h"

#include <math.h>

#include "src/base/random.h"
#include "src/learn/gramfit.h"
#include "src/learn/ridgefold.h"
#include "src/linalg/gram.h"

enum { P = 5, Q = P + 2, PACKED = Q * (Q + 1) / 2, ROWS = 9000, FOLDS = 4 };

static const int32_t predictor[P] = {1, 2, 3, 4, 5};
static const double shift[P + 1] = {0.25, -1, 10, 0, 3, 100}, scale[P + 1] = {1, 2, 0.5, 1, 4, 0.125};

/* x_j normal-ish with offsets, x_3 = 0 or 1, x_4 = x_0 + x_1 where `dependent`; y linear plus noise. */
static void make(cw_env *env, serial_table *t, int dependent) {
    cw_stream stream = cw_stream_make(3, "gramfit", NULL, 0);
    serial_make(env, t, ROWS);
    for (int j = 0; j < P + 2; j++) serial_add(t, "x");
    for (int64_t i = 0; i < ROWS; i++) {
        double u[P + 1];
        for (int j = 0; j <= P; j++) u[j] = cw_stream_uniform(stream, (uint64_t)i, (uint32_t)j, 0) - 0.5;
        for (int j = 0; j < P; j++) t->real[j][i] = u[j] + 0.3 * u[(j + 1) % P] + shift[j];
        t->real[3][i] = u[3] > 0.2;
        if (dependent) t->real[4][i] = t->real[0][i] + t->real[1][i];
        t->real[P][i] = 100 + 2 * t->real[0][i] - t->real[2][i] + 3 * t->real[3][i] + u[P];
        t->real[P + 1][i] = (double)((7 * i + i / 3) % FOLDS);
    }
}

static void fold_grams(const serial_table *t, double *part) {
    int32_t column[P + 1];
    for (int32_t j = 0; j <= P; j++) column[j] = j;
    const cw_gram_spec spec = {.columns = P + 1,
                               .column = column,
                               .shift = shift,
                               .scale = scale,
                               .folds = FOLDS,
                               .fold_column = P + 1};
    cw_gram *gram = NULL;
    assert_int_equal(cw_gram_create(t->env, &spec, &gram), CW_OK);
    void *state = serial_pass(t, cw_gram_accumulator(gram));
    for (int32_t f = 0; f < FOLDS; f++) cw_gram_get(gram, state, f, part + f * PACKED);
    cw_free(t->env, &state);
    cw_gram_destroy(&gram);
}

static void complements_never_subtract(void **state) {
    (void)state;
    for (int32_t parts = 2; parts <= 7; parts++) {
        double part[7 * 3], complement[7 * 3];
        for (int32_t k = 0; k < parts; k++)
            for (int c = 0; c < 3; c++) part[3 * k + c] = (k + 1) * (c + 1) + 0.5;
        part[3 * (parts / 2)] = 0x1p80; /* dominates: a subtraction would lose all others */
        cw_complements(parts, 3, part, complement);
        for (int32_t k = 0; k < parts; k++)
            for (int c = 0; c < 3; c++) {
                double sum = 0;
                for (int32_t l = 0; l < parts; l++)
                    if (l != k) sum += part[3 * l + c];
                if (c > 0 || k == parts / 2)
                    assert_true(complement[3 * k + c] == sum);
                else
                    assert_true(fabs(complement[3 * k + c] / sum - 1) < 1e-15);
            }
    }
}

static double residual_square(const serial_table *t, const double *coefficient, int32_t fold, int inside) {
    double sum = 0;
    for (int64_t i = 0; i < t->rows; i++) {
        if ((t->real[P + 1][i] == fold) != inside) continue;
        double fit = coefficient[0];
        for (int j = 0; j < P; j++) fit += coefficient[j + 1] * (t->real[j][i] - shift[j]) * scale[j];
        double r = (t->real[P][i] - shift[P]) * scale[P] - fit;
        sum += r * r;
    }
    return sum;
}

static void least_squares_minimises_on_every_complement(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double part[FOLDS * PACKED], complement[FOLDS * PACKED], b[Q], moved[Q], raw[Q];
    cw_env_init(&env);
    make(&env, &t, 0);
    fold_grams(&t, part);
    cw_complements(FOLDS, PACKED, part, complement);
    for (int32_t f = 0; f < FOLDS; f++) {
        cw_gram_fit fit;
        int32_t dropped[P];
        const double *c = complement + f * PACKED;
        assert_int_equal(cw_gram_least_squares(&env, Q, c, P, predictor, Q - 1, b, dropped, &fit), CW_OK);
        assert_int_equal(fit.rank, P + 1);
        double rss = residual_square(&t, b, f, 0), held_out = residual_square(&t, b, f, 1);
        assert_true(fabs(fit.rss / rss - 1) < 1e-10);
        assert_true(fabs(cw_gram_residual_product(Q, part + f * PACKED, Q - 1, b, Q - 1, b) / held_out - 1) <
                    1e-10);
        for (int j = 0; j <= P; j++) {
            memcpy(moved, b, sizeof b);
            moved[j] += 1e-3;
            assert_true(residual_square(&t, moved, f, 0) > rss);
            moved[j] -= 2e-3;
            assert_true(residual_square(&t, moved, f, 0) > rss);
        }
        /* On the raw scale it is the truth, but for noise. */
        cw_gram_raw(Q, shift, scale, Q - 1, b, raw);
        assert_true(fabs(raw[1] - 2) < 0.05 && fabs(raw[2]) < 0.05 && fabs(raw[3] + 1) < 0.05);
        /* The mean is the null model. */
        cw_gram_mean(Q, c, Q - 1, moved);
        assert_true(cw_gram_residual_product(Q, part + f * PACKED, Q - 1, moved, Q - 1, moved) >
                    2 * held_out);
    }
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void dependent_and_constant_columns(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double part[FOLDS * PACKED], all[PACKED], b[Q], c[Q], lambda = 0, standardised[P], condition,
                                                          inflation[P];
    int32_t dropped[P];
    cw_gram_fit fit;
    cw_ridge_fit ridge;
    cw_env_init(&env);
    make(&env, &t, 1);
    for (int64_t i = 0; i < t.rows; i++) t.real[2][i] = 10;
    fold_grams(&t, part);
    memset(all, 0, sizeof all);
    for (int32_t f = 0; f < FOLDS; f++) cw_gram_add(PACKED, all, part + f * PACKED, all);
    assert_int_equal(cw_gram_least_squares(&env, Q, all, P, predictor, Q - 1, b, dropped, &fit), CW_OK);
    const int32_t want[P] = {0, 0, 1, 0, 1};
    assert_memory_equal(dropped, want, sizeof want);
    assert_int_equal(fit.rank, P - 1);
    assert_true(b[3] == 0 && b[5] == 0);
    /* Ridge without penalty is least squares; the constant column gets 0. */
    assert_int_equal(cw_gram_ridge(&env, Q, all, P, predictor, Q - 1, 1, &lambda, c, standardised, &ridge),
                     CW_OK);
    for (int j = 0; j < Q; j++) assert_true(fabs(c[j] - b[j]) < 1e-9 * (1 + fabs(b[j])));
    assert_true(ridge.edf == 3 && standardised[2] == 0);
    assert_int_equal(cw_gram_collinearity(&env, Q, all, P, predictor, &condition, inflation), CW_OK);
    assert_true(isinf(condition) && isinf(inflation[0]));
    memset(all, 0, sizeof all);
    assert_int_equal(cw_gram_least_squares(&env, Q, all, P, predictor, Q - 1, b, dropped, &fit), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_gram_ridge(&env, Q, all, P, predictor, Q - 1, 1, &lambda, c, NULL, &ridge),
                     CW_BAD_DATA);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void the_ridge_path_shrinks_to_the_mean(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    enum { LAMBDAS = 4 };
    double part[FOLDS * PACKED], c[LAMBDAS * Q], b[Q];
    const double lambda[LAMBDAS] = {0, 0.01, 1, 1e12};
    cw_ridge_fit fit[LAMBDAS];
    cw_gram_fit ols;
    cw_env_init(&env);
    make(&env, &t, 0);
    fold_grams(&t, part);
    assert_int_equal(cw_gram_ridge(&env, Q, part, P, predictor, Q - 1, LAMBDAS, lambda, c, NULL, fit), CW_OK);
    assert_int_equal(cw_gram_least_squares(&env, Q, part, P, predictor, Q - 1, b, NULL, &ols), CW_OK);
    for (int j = 0; j < Q; j++) assert_true(fabs(c[j] - b[j]) < 1e-9 * (1 + fabs(b[j])));
    assert_true(fabs(2 * fit[0].objective * ols.weight / ols.rss - 1) < 1e-9);
    for (int l = 1; l < LAMBDAS; l++) {
        assert_true(fit[l].edf < fit[l - 1].edf);
        assert_true(fit[l].objective > fit[l - 1].objective);
    }
    cw_gram_mean(Q, part, Q - 1, b);
    for (int j = 0; j < Q; j++) assert_true(fabs(c[3 * Q + j] - b[j]) < 1e-9);
    double negative = -1;
    assert_int_equal(cw_gram_ridge(&env, Q, part, P, predictor, Q - 1, 1, &negative, c, NULL, fit),
                     CW_BAD_JOB);
    serial_free(&t);
}

/* Mean squared error of held-out fold k of the model fitted on the other folds but `without`, all by rows. */
static double inner_error(const serial_table *t, const double *part, double lambda, int32_t k, int32_t l) {
    cw_env *env = t->env;
    double sum[PACKED], b[Q];
    cw_ridge_fit fit;
    memset(sum, 0, sizeof sum);
    for (int32_t f = 0; f < FOLDS; f++)
        if (f != k && f != l) cw_gram_add(PACKED, sum, part + f * PACKED, sum);
    assert_int_equal(cw_gram_ridge(env, Q, sum, P, predictor, Q - 1, 1, &lambda, b, NULL, &fit), CW_OK);
    return residual_square(t, b, l, 1);
}

static void folds_choose_their_penalty(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    enum { LAMBDAS = 20 };
    double part[FOLDS * PACKED], lambda[LAMBDAS], b[FOLDS * Q], risk[LAMBDAS], own, null, held_out = 0;
    int32_t chosen[FOLDS];
    cw_env_init(&env);
    make(&env, &t, 0);
    cw_stream stream = cw_stream_make(4, "ridge", NULL, 0);
    for (int noise = 0; noise < 2; noise++) {
        /* An outcome that follows the columns weakly, then one that does not at all, of few rows. */
        for (int64_t i = 0; i < t.rows; i++) {
            double u = 6 * cw_stream_uniform(stream, (uint64_t)i, (uint32_t)noise, 0) - 3;
            t.real[P][i] = 100 + (noise ? 0 : t.real[0][i] - t.real[1][i]) + u;
            if (i >= 200) t.real[P + 1][i] = -1;
        }
        fold_grams(&t, part);
        cw_ridge_path(16, LAMBDAS, lambda);
        assert_int_equal(cw_gram_ridge_folds(&env, FOLDS, Q, part, P, predictor, Q - 1, LAMBDAS, lambda, b,
                                             chosen, risk, &own, &null),
                         CW_OK);
        held_out = 0;
        for (int32_t k = 0; k < FOLDS; k++) {
            double least = INFINITY;
            int32_t best = -1;
            for (int32_t l = 0; l < LAMBDAS; l++) {
                double error = 0;
                for (int32_t f = 0; f < FOLDS; f++)
                    if (f != k) error += inner_error(&t, part, lambda[l], k, f);
                if (error < least) {
                    least = error;
                    best = l;
                }
            }
            assert_int_equal(chosen[k], best);
            held_out += residual_square(&t, b + k * Q, k, 1);
        }
        assert_true(fabs(own * 200 / held_out - 1) < 1e-10);
        assert_true(noise ? null < 1.05 * own && lambda[chosen[0]] >= 1 : own < null);
        if (noise) assert_true(risk[0] < risk[LAMBDAS - 1]);
    }
    assert_int_equal(
        cw_gram_ridge_folds(&env, 2, Q, part, P, predictor, Q - 1, 1, lambda, b, chosen, risk, &own, &null),
        CW_BAD_JOB);
    serial_free(&t);
}

static void every_failed_allocation_unwinds(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    double part[FOLDS * PACKED], c[FOLDS * Q], condition, lambda = 1, inflation[P], own, null;
    int32_t chosen[FOLDS];
    cw_gram_fit fit;
    cw_ridge_fit ridge;
    cw_env_init(&env);
    make(&env, &t, 0);
    fold_grams(&t, part);
    serial_free(&t);
    for (int which = 0; which < 4; which++)
        for (int64_t at = 1;; at++) {
            cw_env_init(&env);
            env.fail_at = at;
            cw_code code = CW_OK;
            if (which == 0)
                code = cw_gram_least_squares(&env, Q, part, P, predictor, Q - 1, c, NULL, &fit);
            else if (which == 1)
                code = cw_gram_ridge(&env, Q, part, P, predictor, Q - 1, 1, &lambda, c, NULL, &ridge);
            else if (which == 2)
                code = cw_gram_collinearity(&env, Q, part, P, predictor, &condition, inflation);
            else
                code = cw_gram_ridge_folds(&env, FOLDS, Q, part, P, predictor, Q - 1, 1, &lambda, c, chosen,
                                           NULL, &own, &null);
            assert_int_equal(env.blocks_now, 0);
            if (code == CW_OK) break;
            assert_int_equal(code, CW_NO_MEMORY);
            assert_true(at < 100);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complements_never_subtract),
        cmocka_unit_test(least_squares_minimises_on_every_complement),
        cmocka_unit_test(dependent_and_constant_columns),
        cmocka_unit_test(the_ridge_path_shrinks_to_the_mean),
        cmocka_unit_test(folds_choose_their_penalty),
        cmocka_unit_test(every_failed_allocation_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
