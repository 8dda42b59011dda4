/* Packed Cholesky and Jacobi: reconstruction, dependence, conditioning, ill-scaled and adversarial matrices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/linalg/cholesky.h"
#include "src/linalg/gram.h"

enum { N = 24, PACKED = N * (N + 1) / 2 };

static uint64_t seed = 7;
static double uniform(void) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

/* The Gram matrix of `rows` random rows; column j times 10^(scale*(j%5-2)); column n-1 := sum of 0 and 2 and
 * column 5 := column 3 where `dependent`. */
static void random_gram(int32_t n, int rows, double scale, int dependent, double *packed) {
    memset(packed, 0, (size_t)n * (size_t)(n + 1) / 2 * sizeof *packed);
    double z[N];
    for (int r = 0; r < rows; r++) {
        for (int32_t j = 0; j < n; j++) {
            double s = 1;
            for (int k = 0; k < abs(j % 5 - 2); k++) s *= j % 5 < 2 ? 1 / scale : scale;
            z[j] = uniform() * s;
        }
        if (dependent) {
            z[5] = z[3];
            z[n - 1] = z[0] + z[2];
        }
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = i; j < n; j++) packed[cw_packed(n, i, j)] += z[i] * z[j];
    }
}

static double at(const double *packed, int32_t n, int32_t i, int32_t j) {
    return i <= j ? packed[cw_packed(n, i, j)] : packed[cw_packed(n, j, i)];
}

static void factor_rebuilds_the_matrix(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double a[PACKED], inverse[PACKED];
    for (int32_t n = 1; n <= N; n++) {
        random_gram(n, 3 * N, 1000, 0, a);
        cw_cholesky *c = NULL;
        assert_int_equal(cw_cholesky_factor(&env, n, a, &c), CW_OK);
        assert_int_equal(c->rank, n);
        cw_cholesky_inverse(c, inverse);
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = i; j < n; j++) {
                double sum = 0, unit = 0;
                for (int32_t k = 0; k <= i; k++)
                    sum += c->factor[cw_packed(n, k, i)] * c->factor[cw_packed(n, k, j)];
                double size = sqrt(at(a, n, i, i) * at(a, n, j, j));
                assert_true(fabs(sum - at(a, n, i, j)) <= 1e-13 * size);
                for (int32_t k = 0; k < n; k++) unit += at(a, n, i, k) * at(inverse, n, k, j);
                double scale = sqrt(at(a, n, i, i) / at(a, n, j, j));
                assert_true(fabs(unit - (i == j)) <= 1e-11 * scale);
            }
        double x[N], b[N], f[N], quadratic = 0, square = 0;
        for (int32_t i = 0; i < n; i++) f[i] = x[i] = b[i] = uniform() * sqrt(at(a, n, i, i));
        cw_cholesky_solve(c, x);
        cw_cholesky_forward(c, f);
        for (int32_t i = 0; i < n; i++) {
            double sum = 0;
            for (int32_t j = 0; j < n; j++) sum += at(a, n, i, j) * x[j];
            assert_true(fabs(sum - b[i]) <= 1e-11 * sqrt(at(a, n, i, i)) * n);
            quadratic += b[i] * x[i];
            square += f[i] * f[i];
        }
        assert_true(fabs(quadratic - square) <= 1e-11 * square);
        cw_cholesky_destroy(&c);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void dependent_columns_are_dropped_from_the_right(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const int32_t n = 10;
    double a[PACKED], inverse[PACKED], small[PACKED], small_inverse[PACKED];
    random_gram(n, 50, 1e4, 1, a);
    for (int32_t j = 0; j < n; j++)
        a[j <= 7 ? cw_packed(n, j, 7) : cw_packed(n, 7, j)] = 0; /* a zero column */
    cw_cholesky *c = NULL, *s = NULL;
    assert_int_equal(cw_cholesky_factor(&env, n, a, &c), CW_OK);
    for (int32_t j = 0; j < n; j++) assert_int_equal(c->dropped[j], j == 5 || j == 7 || j == 9);
    assert_int_equal(c->rank, 7);
    /* What is left is the factorisation without them. */
    const int32_t kept[] = {0, 1, 2, 3, 4, 6, 8};
    for (int32_t i = 0; i < 7; i++)
        for (int32_t j = i; j < 7; j++) small[cw_packed(7, i, j)] = at(a, n, kept[i], kept[j]);
    assert_int_equal(cw_cholesky_factor(&env, 7, small, &s), CW_OK);
    cw_cholesky_inverse(c, inverse);
    cw_cholesky_inverse(s, small_inverse);
    double x[10], y[7];
    for (int32_t i = 0; i < 10; i++) x[i] = uniform();
    for (int32_t i = 0; i < 7; i++) y[i] = x[kept[i]];
    cw_cholesky_solve(c, x);
    cw_cholesky_solve(s, y);
    for (int32_t i = 0; i < 7; i++) {
        assert_true(x[kept[i]] == y[i]);
        for (int32_t j = i; j < 7; j++)
            assert_true(at(inverse, n, kept[i], kept[j]) == small_inverse[cw_packed(7, i, j)]);
    }
    for (int32_t j = 0; j < n; j++) assert_true(at(inverse, n, j, 7) == 0 && at(inverse, n, 9, j) == 0);
    assert_true(x[5] == 0 && x[7] == 0 && x[9] == 0);
    assert_true(c->condition == s->condition);
    cw_cholesky_destroy(&c);
    cw_cholesky_destroy(&s);
    assert_int_equal(env.blocks_now, 0);
}

/* The 1-norm condition number of the scaled matrix, from its full inverse. */
static double true_condition(const cw_cholesky *c, const double *a, int32_t n) {
    double inverse[PACKED], most = 0, most_inverse = 0;
    cw_cholesky_inverse(c, inverse);
    for (int32_t i = 0; i < n; i++) {
        double sum = 0, sum_inverse = 0;
        for (int32_t j = 0; j < n; j++) {
            double d = sqrt(at(a, n, i, i) * at(a, n, j, j));
            sum += fabs(at(a, n, i, j)) / d;
            sum_inverse += fabs(at(inverse, n, i, j)) * d;
        }
        most = fmax(most, sum);
        most_inverse = fmax(most_inverse, sum_inverse);
    }
    return most * most_inverse;
}

static void condition_is_estimated(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double a[PACKED];
    int exact = 0;
    for (int trial = 0; trial < 60; trial++) {
        int32_t n = 2 + trial % (N - 1);
        random_gram(n, n + trial % 7, 100, 0, a);
        cw_cholesky *c = NULL;
        assert_int_equal(cw_cholesky_factor(&env, n, a, &c), CW_OK);
        if (c->rank == n) {
            double truth = true_condition(c, a, n);
            assert_true(c->condition <= truth * (1 + 1e-9));
            assert_true(c->condition >= truth / 4);
            exact += c->condition > 0.99 * truth;
        }
        cw_cholesky_destroy(&c);
    }
    assert_true(exact > 40);
    /* Scaling is not conditioning: a diagonal matrix over 600 orders of magnitude. */
    double d[] = {1e300, 0, 0, 1, 0, 1e-300};
    cw_cholesky *c = NULL;
    assert_int_equal(cw_cholesky_factor(&env, 3, d, &c), CW_OK);
    assert_int_equal(c->rank, 3);
    assert_true(fabs(c->condition - 1) < 1e-12);
    cw_cholesky_destroy(&c);
    assert_int_equal(env.blocks_now, 0);
}

static void near_dependence_is_judged_by_its_share(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    /* columns (1, 0), (1, e): what is left of the second is e^2 / (1 + e^2) */
    const double e[] = {1e-5, 2e-6, 5e-7, 1e-7};
    for (int k = 0; k < 4; k++) {
        double a[] = {1, 1, 1 + e[k] * e[k]};
        cw_cholesky *c = NULL;
        assert_int_equal(cw_cholesky_factor(&env, 2, a, &c), CW_OK);
        assert_int_equal(c->dropped[1], k >= 2);
        cw_cholesky_destroy(&c);
    }
    double zero[] = {0, 0, 0};
    cw_cholesky *c = NULL;
    assert_int_equal(cw_cholesky_factor(&env, 2, zero, &c), CW_OK);
    assert_int_equal(c->rank, 0);
    double x[] = {1, 2};
    cw_cholesky_solve(c, x);
    assert_true(x[0] == 0 && x[1] == 0);
    cw_cholesky_destroy(&c);
}

static void bad_matrices_are_refused(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const double bad[][3] = {{1, 0, -1}, {NAN, 0, 1}, {1, 0, INFINITY}, {1, NAN, 1}};
    for (int k = 0; k < 4; k++) {
        cw_cholesky *c = NULL;
        assert_int_equal(cw_cholesky_factor(&env, 2, bad[k], &c), CW_BAD_DATA);
        assert_null(c);
        assert_int_equal(env.blocks_now, 0);
        cw_env_clear(&env);
    }
    for (int64_t k = 1; k <= 4; k++) {
        const double good[] = {1, 0, 1};
        cw_cholesky *c = NULL;
        env.calls = 0;
        env.fail_at = k;
        assert_int_equal(cw_cholesky_factor(&env, 2, good, &c), CW_NO_MEMORY);
        assert_int_equal(env.blocks_now, 0);
        cw_env_clear(&env);
    }
}

static void check_eigen(int32_t n, const double *a, double tolerance) {
    double work[N * N], values[N], vectors[N * N], size = 0;
    for (int32_t k = 0; k < n * n; k++) {
        work[k] = a[k];
        size = fmax(size, fabs(a[k]));
    }
    cw_eigen_symmetric(n, work, values, vectors);
    for (int32_t i = 1; i < n; i++) assert_true(values[i - 1] <= values[i]);
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            double rebuilt = 0, unit = 0;
            for (int32_t k = 0; k < n; k++) {
                rebuilt += vectors[i * n + k] * values[k] * vectors[j * n + k];
                unit += vectors[k * n + i] * vectors[k * n + j];
            }
            assert_true(fabs(rebuilt - a[i * n + j]) <= tolerance * size);
            assert_true(fabs(unit - (i == j)) <= 1e-13);
        }
}

static void eigenvalues_and_vectors(void **state) {
    (void)state;
    double a[N * N];
    for (int32_t n = 1; n <= N; n++) {
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = i; j < n; j++) a[i * n + j] = a[j * n + i] = uniform();
        check_eigen(n, a, 1e-13);
    }
    /* Known: tridiagonal (-1, 2, -1) has 2 - 2 cos(k pi / (n + 1)); here n = 5: 2 -+ sqrt 3, 2 -+ 1, 2. */
    double t[25] = {0}, values[5], vectors[25];
    for (int i = 0; i < 5; i++) {
        t[6 * i] = 2;
        if (i < 4) t[5 * i + i + 1] = t[5 * (i + 1) + i] = -1;
    }
    cw_eigen_symmetric(5, t, values, vectors);
    const double known[] = {2 - 1.7320508075688772, 1, 2, 3, 2 + 1.7320508075688772};
    for (int i = 0; i < 5; i++) assert_true(fabs(values[i] - known[i]) < 1e-14);
    /* Zero, identity, equal eigenvalues, rank one, tiny and huge elements. */
    memset(a, 0, sizeof a);
    check_eigen(6, a, 0);
    for (int i = 0; i < 6; i++) a[7 * i] = 3;
    check_eigen(6, a, 0);
    for (int i = 0; i < 36; i++) a[i] = 1;
    check_eigen(6, a, 1e-15);
    for (int i = 0; i < 36; i++) a[i] = i % 7 == 0 ? 1e-200 : 3e-310;
    check_eigen(6, a, 1e-14);
    for (int i = 0; i < 36; i++) a[i] = 1e150 * (1 + i / 6 + i % 6);
    check_eigen(6, a, 1e-13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factor_rebuilds_the_matrix),
        cmocka_unit_test(dependent_columns_are_dropped_from_the_right),
        cmocka_unit_test(condition_is_estimated),
        cmocka_unit_test(near_dependence_is_judged_by_its_share),
        cmocka_unit_test(bad_matrices_are_refused),
        cmocka_unit_test(eigenvalues_and_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
