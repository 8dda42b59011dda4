/* Balance, calibration and risks against plain formulas. */
#include "tests/support/answer_rows.h"

/* Squares and products about given centres, against sums by hand. */
static void balance_is_the_plain_formula(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_balance *balance = NULL;
    cw_balance_table *table = NULL;
    static const int32_t covariates[] = {X0, X1};
    static const cw_weighted target = CW_WEIGHTED_ATT;
    const double shift[] = {0.1, 0.4}, scale[] = {3, 1.5};
    cw_env_init(&env);
    make_rows(&env, &t, 9000);
    const cw_balance_spec spec = {.columns = 2,
                                  .column = covariates,
                                  .shift = shift,
                                  .scale = scale,
                                  .treatment = D,
                                  .control = 0,
                                  .treated = 1,
                                  .propensity = &e_column,
                                  .low = 0,
                                  .high = 1,
                                  .targets = 1,
                                  .target = &target};
    assert_int_equal(cw_balance_create(&env, &spec, &balance), CW_OK);
    void *result = serial_pass(&t, cw_balance_accumulator(balance));
    assert_int_equal(cw_balance_read(balance, result, &table), CW_OK);
    for (int i = -1; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            double n[2] = {0, 0}, s[2] = {0, 0}, ss[2] = {0, 0}, h[2] = {0, 0}, hf[2] = {0, 0}, noise2 = 0;
            for (int pass = 0; pass < 2; pass++)
                for (int64_t r = 0; r < t.rows; r++) {
                    int d = t.real[D][r] > 0;
                    double e = t.real[E][r], w = d ? 1 : e / (1 - e), f = t.real[j][r] - shift[j];
                    if (i >= 0) f *= t.real[i][r] - shift[i];
                    if (pass == 0) {
                        n[d] += 1;
                        s[d] += f;
                        ss[d] += f * f;
                        h[d] += w;
                        hf[d] += w * f;
                    } else
                        noise2 += w * w * (f - hf[d] / h[d]) * (f - hf[d] / h[d]) / h[d] / h[d];
                }
            double spread = 0;
            for (int d = 0; d < 2; d++) spread += 0.5 * (ss[d] - s[d] * s[d] / n[d]) / (n[d] - 1);
            cw_imbalance before = i < 0 ? cw_balance_mean(table, -1, j) : cw_balance_product(table, -1, i, j);
            cw_imbalance after = i < 0 ? cw_balance_mean(table, 0, j) : cw_balance_product(table, 0, i, j);
            assert_true(fabs(before.smd - (s[1] / n[1] - s[0] / n[0]) / sqrt(spread)) < 1e-10);
            double difference = hf[1] / h[1] - hf[0] / h[0];
            assert_true(fabs(after.smd - difference / sqrt(spread)) < 1e-10);
            assert_true(fabs(after.z - difference / sqrt(noise2)) < 1e-7);
        }
    cw_imbalance worst = cw_balance_worst_product(table, -1, 0);
    assert_true(worst.i >= 0 && worst.j >= worst.i);
    for (int i = 0; i < 2; i++)
        for (int j = i; j < 2; j++)
            assert_true(fabs(cw_balance_product(table, -1, i, j).smd) <= fabs(worst.smd));
    assert_int_equal(cw_balance_worst_product(table, 0, 1e9).i, -1);
    cw_free(&env, &result);
    cw_balance_table_destroy(&table);
    cw_balance_destroy(&balance);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

static void calibration_and_risk(void **state) {
    (void)state;
    cw_env env;
    serial_table t;
    cw_calibration c;
    cw_calibration_result r;
    cw_risk *risk = NULL;
    cw_env_init(&env);
    make_rows(&env, &t, 30000);
    cw_calibration_init(&c, NULL, D, 0, 1, &e_column);
    void *result = serial_pass(&t, &c.accumulator);
    cw_calibration_get(result, &r);
    cw_free(&env, &result);
    assert_int_equal(r.rows, 30000);
    /* The propensity is the truth: no tail may be far off. */
    for (int k = 0; k < CW_CALIBRATION_TAILS; k++) {
        assert_true(fabs(r.low[k].z) < 4 && fabs(r.high[k].z) < 4);
        assert_true((double)r.low[k].rows >= r.low[k].share * 30000 &&
                    (double)r.low[k].rows < (r.low[k].share + 0.01) * 30000);
    }
    assert_true(r.hosmer_lemeshow < 40 && r.largest_error < 0.05);
    double mean = 0, brier = 0, loss = 0;
    int64_t below = 0;
    for (int64_t i = 0; i < t.rows; i++) {
        double e = t.real[E][i], d = t.real[D][i];
        mean += e / 30000;
        brier += (d - e) * (d - e) / 30000;
        loss -= log(d > 0 ? e : 1 - e) / 30000;
        below += e < 0.05;
    }
    assert_true(fabs(r.mean - mean) < 1e-8);
    assert_int_equal(r.below_5, below);
    const double half = 0.5;
    const cw_predictor null_model = {.link = CW_LINK_IDENTITY, .coefficient = &half, .stride = 1};
    const cw_risk_item items[] = {
        {.predictor = &e_column, .response = D, .probability = 1, .one = 1, .filter = -1},
        {.predictor = &null_model, .response = D, .probability = 1, .one = 1, .filter = -1},
        {.predictor = &g1_column, .response = Y, .filter = D, .filter_value = 1}};
    assert_int_equal(cw_risk_create(&env, NULL, 3, items, &risk), CW_OK);
    result = serial_pass(&t, cw_risk_accumulator(risk));
    cw_risk_result own = cw_risk_get(risk, result, 0), null = cw_risk_get(risk, result, 1);
    cw_risk_result outcome = cw_risk_get(risk, result, 2);
    assert_true(fabs(own.squared / brier - 1) < 1e-11 && fabs(own.log_loss / loss - 1) < 1e-11);
    assert_true(fabs(null.squared - 0.25) < 1e-14 && fabs(null.log_loss - log(2)) < 1e-12);
    assert_true(isnan(outcome.log_loss) && fabs(outcome.squared - 16.0 / 12) < 0.05);
    assert_true(outcome.weight == (double)r.treated);
    cw_free(&env, &result);
    cw_risk_destroy(&risk);
    serial_free(&t);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balance_is_the_plain_formula),
        cmocka_unit_test(calibration_and_risk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
