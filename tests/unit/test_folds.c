/* Folds: dealt evenly whatever the order, hashed above, by column; complements need every arm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/learn/folds.h"
#include "src/learn/timefolds.h"

enum { MANY = 1000 };

static cw_stream stream(void) {
    return cw_stream_make(1, "folds", NULL, 0);
}

static void sizes_are_even_in_all_and_in_every_stratum(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int64_t id[MANY], stratum[MANY];
    int32_t fold[MANY];
    for (int i = 0; i < MANY; i++) {
        id[i] = (int64_t)i * 7919 - 3000;
        stratum[i] = i % 3 == 0 ? -5 : i % 7;
    }
    for (int32_t folds = 2; folds <= 11; folds += 3) {
        assert_int_equal(cw_folds_deal(&env, stream(), folds, MANY, id, stratum, fold), CW_OK);
        for (int64_t s = -6; s <= 7; s++) { /* 7: all strata */
            int count[11] = {0}, least = MANY, most = 0;
            for (int i = 0; i < MANY; i++)
                if (s == 7 || stratum[i] == s) count[fold[i]]++;
            for (int32_t f = 0; f < folds; f++) {
                least = count[f] < least ? count[f] : least;
                most = count[f] > most ? count[f] : most;
            }
            assert_true(most - least <= 1);
        }
    }
    assert_int_equal(env.blocks_now, 0);
}

static void the_order_of_ids_does_not_matter(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int64_t id[MANY], turned[MANY];
    int32_t fold[MANY], other[MANY];
    for (int i = 0; i < MANY; i++) id[i] = i;
    for (int i = 0; i < MANY; i++) turned[i] = (i * 37 + 11) % MANY;
    assert_int_equal(cw_folds_deal(&env, stream(), 5, MANY, id, NULL, fold), CW_OK);
    assert_int_equal(cw_folds_deal(&env, stream(), 5, MANY, turned, NULL, other), CW_OK);
    int same_as_modulo = 0;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(other[i], fold[turned[i]]);
        same_as_modulo += fold[i] == i % 5;
    }
    assert_true(same_as_modulo > 130 && same_as_modulo < 270);
    /* Another replicate is another split. */
    assert_int_equal(cw_folds_deal(&env, cw_stream_make(1, "folds", NULL, 1), 5, MANY, id, NULL, other),
                     CW_OK);
    assert_memory_not_equal(fold, other, sizeof fold);
}

static void hashed_folds_are_near_even(void **state) {
    (void)state;
    int count[7] = {0};
    for (int64_t i = 0; i < 70000; i++) {
        int32_t f = cw_fold_hashed(stream(), 7, i - 35000);
        assert_in_range(f, 0, 6);
        count[f]++;
    }
    for (int f = 0; f < 7; f++) assert_in_range(count[f], 9500, 10500);
}

static void mistakes_are_told(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int64_t id[4] = {1, 2, 3, 2}, stratum[4] = {0, 0, 0, 1};
    int32_t fold[4];
    assert_int_equal(cw_folds_deal(&env, stream(), 2, 4, id, NULL, fold), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "id 2"));
    cw_env_clear(&env);
    assert_int_equal(cw_folds_deal(&env, stream(), 2, 4, id, stratum, fold), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_folds_deal(&env, stream(), 4, 3, id, NULL, fold), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_folds_deal(&env, stream(), 1, 3, id, NULL, fold), CW_BAD_JOB);
    cw_env_clear(&env);
    assert_int_equal(cw_folds_deal(&env, stream(), 2, CW_FOLDS_DEALT + 1, id, NULL, fold), CW_INTERNAL);
    cw_env_clear(&env);
    assert_int_equal(env.blocks_now, 0);
}

static void a_column_has_levels(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    double value[] = {3, -1, 3, 0.5, -1, 2}, level[4];
    int32_t levels;
    assert_int_equal(cw_fold_levels(&env, 6, value, 4, level, &levels), CW_OK);
    assert_int_equal(levels, 4);
    for (int k = 1; k < 4; k++) assert_true(level[k - 1] < level[k]);
    assert_int_equal(cw_fold_of_level(levels, level, 0.5), 1);
    assert_int_equal(cw_fold_of_level(levels, level, 0.6), -1);
    assert_int_equal(cw_fold_of_level(levels, level, 9), -1);
    assert_int_equal(cw_fold_of_level(levels, level, (double)NAN), -1);
    assert_int_equal(cw_fold_levels(&env, 6, value, 3, level, &levels), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_fold_levels(&env, 1, value, 3, level, &levels), CW_BAD_DATA);
    cw_env_clear(&env);
    value[4] = (double)NAN;
    assert_int_equal(cw_fold_levels(&env, 6, value, 4, level, &levels), CW_BAD_DATA);
}

static void complements_need_both_arms(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    const int64_t fine[] = {5, 1, 4, 1, 0, 2}, lonely[] = {5, 0, 4, 3, 1, 0}, empty[] = {5, 1, 0, 0, 3, 2};
    assert_int_equal(cw_folds_check(&env, 3, 2, fine), CW_OK);
    assert_int_equal(cw_folds_check(&env, 3, 2, lonely), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "without fold 1"));
    assert_non_null(strstr(env.error.what, "treated"));
    cw_env_clear(&env);
    assert_int_equal(cw_folds_check(&env, 3, 2, empty), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "fold 1 has no rows"));
    cw_env_clear(&env);
    assert_int_equal(cw_folds_check(&env, 6, 1, fine), CW_BAD_DATA);
    assert_int_equal(cw_cell(2, 1, 0, 1), 5);
    assert_int_equal(cw_cell(2, 0, 0, 1), 4);
    assert_int_equal(cw_cell(2, 7, 0, 1), -1);
    assert_int_equal(cw_cell(-1, 1, 0, 1), -1);
}

static void ids_find_their_folds(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    int64_t id[MANY];
    int32_t fold[MANY];
    cw_folds *folds = NULL;
    for (int i = 0; i < MANY; i++) id[i] = (int64_t)(cw_mix64((uint64_t)i) >> (i % 50));
    id[7] = INT64_MIN;
    id[8] = -1;
    assert_int_equal(cw_folds_deal(&env, stream(), 4, MANY, id, NULL, fold), CW_OK);
    assert_int_equal(cw_folds_create(&env, stream(), 4, MANY, id, NULL, &folds), CW_OK);
    assert_true(cw_folds_are_dealt(folds));
    for (int i = 0; i < MANY; i++) assert_int_equal(cw_folds_of(folds, id[i]), fold[i]);
    assert_int_equal(cw_folds_of(folds, -77), -1);
    cw_folds_destroy(&folds);
    assert_int_equal(cw_folds_create(&env, stream(), 4, 0, NULL, NULL, &folds), CW_OK);
    assert_true(!cw_folds_are_dealt(folds));
    for (int64_t i = 0; i < 50; i++) assert_int_equal(cw_folds_of(folds, i), cw_fold_hashed(stream(), 4, i));
    cw_folds_destroy(&folds);
    assert_int_equal(env.blocks_now, 0);
}

/* A model learns from exactly the times that are not within the gap of its own run. */
static void time_folds_keep_the_gap(void **state) {
    (void)state;
    cw_env env;
    cw_env_init(&env);
    enum { TIMES = 61, ARMS = 2 };
    double time[TIMES];
    int32_t cell[TIMES], model_of_cell[7 * CW_TIME_CELLS * ARMS];
    uint8_t uses[7 * 7 * CW_TIME_CELLS * ARMS];
    time[0] = -5;
    for (int k = 1; k < TIMES; k++) time[k] = time[k - 1] + 0.5 + k % 3;
    for (int32_t folds = 2; folds <= 7; folds++)
        for (double gap = 0; gap < 9; gap += 1.5) {
            int32_t cells = folds * CW_TIME_CELLS * ARMS, count[7] = {0};
            assert_int_equal(cw_time_cells(&env, folds, gap, TIMES, time, cell), CW_OK);
            cw_time_uses(folds, ARMS, uses, model_of_cell);
            for (int32_t m = 0; m < folds; m++)
                for (int k = 0; k < TIMES; k++) {
                    double nearest = 1e9;
                    for (int l = 0; l < TIMES; l++)
                        if (cell[l] / CW_TIME_CELLS == m) nearest = fmin(nearest, fabs(time[k] - time[l]));
                    int own = cell[k] / CW_TIME_CELLS == m;
                    count[m] += own;
                    for (int32_t arm = 0; arm < ARMS; arm++) {
                        assert_int_equal(uses[m * cells + ARMS * cell[k] + arm], !own && nearest > gap);
                        assert_int_equal(model_of_cell[ARMS * cell[k] + arm], cell[k] / CW_TIME_CELLS);
                    }
                }
            for (int32_t m = 0; m < folds; m++) assert_in_range(count[m], TIMES / folds, TIMES / folds + 1);
        }
    assert_int_equal(cw_time_cells(&env, 20, 30, TIMES, time, cell), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_time_cells(&env, 62, 0, TIMES, time, cell), CW_BAD_DATA);
    cw_env_clear(&env);
    time[9] = time[8];
    assert_int_equal(cw_time_cells(&env, 3, 0, TIMES, time, cell), CW_BAD_DATA);
    cw_env_clear(&env);
    assert_int_equal(cw_time_cells(&env, 3, -1, TIMES, time, cell), CW_BAD_JOB);
    const double part[6] = {1, 2, 10, 20, 100, 200};
    const uint8_t used[3] = {1, 0, 1};
    double sum[2];
    cw_gram_select(3, 2, part, used, sum);
    assert_true(sum[0] == 101 && sum[1] == 202);
}

static void every_failed_allocation_unwinds(void **state) {
    (void)state;
    int64_t id[50];
    int32_t fold[50];
    for (int i = 0; i < 50; i++) id[i] = i;
    for (int64_t at = 1;; at++) {
        cw_env env;
        cw_env_init(&env);
        env.fail_at = at;
        cw_folds *folds = NULL;
        cw_code code = cw_folds_deal(&env, stream(), 3, 50, id, NULL, fold);
        if (code == CW_OK) code = cw_folds_create(&env, stream(), 3, 50, id, NULL, &folds);
        cw_folds_destroy(&folds);
        assert_int_equal(env.blocks_now, 0);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        assert_true(at < 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_even_in_all_and_in_every_stratum),
        cmocka_unit_test(the_order_of_ids_does_not_matter),
        cmocka_unit_test(hashed_folds_are_near_even),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_column_has_levels),
        cmocka_unit_test(complements_need_both_arms),
        cmocka_unit_test(ids_find_their_folds),
        cmocka_unit_test(time_folds_keep_the_gap),
        cmocka_unit_test(every_failed_allocation_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
