/* The sweep operator: it inverts, regresses, undoes itself, and refuses dependent columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/linalg/cholesky.h"
#include "src/linalg/gram.h"
#include "src/linalg/sweep.h"

enum { N = 12, PACKED = N * (N + 1) / 2 };

static double work[N];
static uint64_t seed = 11;
static double uniform(void) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 11) * 0x1p-52 - 1;
}

static void random_gram(int32_t n, double *packed) {
    memset(packed, 0, PACKED * sizeof *packed);
    for (int r = 0; r < 3 * N; r++) {
        double z[N];
        for (int32_t j = 0; j < n; j++) z[j] = uniform();
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = i; j < n; j++) packed[cw_packed(n, i, j)] += z[i] * z[j];
    }
}

static void sweeping_all_inverts(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    for (int32_t n = 1; n <= N; n++) {
        double a[PACKED], inverse[PACKED];
        random_gram(n, a);
        cw_cholesky *c = NULL;
        assert_int_equal(cw_cholesky_factor(&env, n, a, &c), CW_OK);
        cw_cholesky_inverse(c, inverse);
        cw_cholesky_destroy(&c);
        for (int32_t k = 0; k < n; k++) assert_int_equal(cw_sweep(n, a, k, 0, work), 1);
        for (int32_t k = 0; k < n * (n + 1) / 2; k++) assert_true(fabs(a[k] + inverse[k]) < 1e-12);
    }
    assert_int_equal(env.blocks_now, 0);
}

static void a_part_swept_regresses_the_rest(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int32_t n = N, s = 5; /* columns 0..4 explain the others */
    double a[PACKED], swept[PACKED], sub[PACKED];
    random_gram(n, a);
    memcpy(swept, a, sizeof a);
    for (int32_t k = s - 1; k >= 0; k--) assert_int_equal(cw_sweep(n, swept, k, 1e-12, work), 1);
    for (int32_t i = 0; i < s; i++)
        for (int32_t j = i; j < s; j++) sub[cw_packed(s, i, j)] = a[cw_packed(n, i, j)];
    cw_cholesky *c = NULL;
    assert_int_equal(cw_cholesky_factor(&env, s, sub, &c), CW_OK);
    for (int32_t t = s; t < n; t++) {
        double b[N];
        for (int32_t i = 0; i < s; i++) b[i] = a[cw_packed(n, i, t)];
        cw_cholesky_solve(c, b);
        for (int32_t i = 0; i < s; i++) assert_true(fabs(b[i] - swept[cw_packed(n, i, t)]) < 1e-13);
        for (int32_t u = t; u < n; u++) {
            double rest = a[cw_packed(n, t, u)];
            for (int32_t i = 0; i < s; i++) rest -= b[i] * a[cw_packed(n, i, u)];
            assert_true(fabs(rest - swept[cw_packed(n, t, u)]) < 1e-12);
        }
    }
    cw_cholesky_destroy(&c);
}

static void unsweeping_undoes(void **state) {
    (void)state;
    double a[PACKED], b[PACKED];
    random_gram(N, a);
    memcpy(b, a, sizeof a);
    for (int32_t k = 0; k < N; k++) assert_int_equal(cw_sweep(N, b, k, 0, work), 1);
    for (int32_t k = 0; k < N; k++) cw_unsweep(N, b, k, work);
    for (int32_t k = 0; k < PACKED; k++) assert_true(fabs(a[k] - b[k]) < 1e-10);
}

static void dependent_columns_are_refused(void **state) {
    (void)state;
    /* 1, x, 2x: the third depends on the second; a column of zeros and one of NaN are refused, too. */
    double a[6] = {4, 2, 4, 3, 6, 12}, before[6];
    assert_int_equal(cw_sweep(3, a, 0, 0, work), 1);
    assert_int_equal(cw_sweep(3, a, 1, 1e-12, work), 1);
    memcpy(before, a, sizeof a);
    assert_int_equal(cw_sweep(3, a, 2, 1e-12, work), 0);
    assert_memory_equal(before, a, sizeof a);
    double zero[1] = {0}, odd[1] = {NAN};
    assert_int_equal(cw_sweep(1, zero, 0, 0, work), 0);
    assert_int_equal(cw_sweep(1, odd, 0, 0, work), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweeping_all_inverts),
        cmocka_unit_test(a_part_swept_regresses_the_rest),
        cmocka_unit_test(unsweeping_undoes),
        cmocka_unit_test(dependent_columns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
