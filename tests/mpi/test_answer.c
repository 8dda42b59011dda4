/* Logits, effects, weighting, balance, bootstrap and calibration over ranks: every state of every pass has
 * the bits of one rank's. */
#include "tests/support/serial.h"

#include <math.h>

#include "mpi/pass.h"
#include "ranks.h"
#include "src/base/random.h"
#include "src/estimate/balance.h"
#include "src/estimate/calibration.h"
#include "src/estimate/effect.h"
#include "src/estimate/multiplier.h"
#include "src/learn/folds.h"
#include "src/learn/logistic.h"

enum { X0, X1, D, Y, CELL, COLUMNS, FOLDS = 3 };

static const int32_t covariates[] = {X0, X1};

static void make(cw_env *env, serial_table *t, int64_t rows) {
    cw_stream stream = cw_stream_make(5, "answer over ranks", NULL, 0);
    serial_make(env, t, rows);
    for (int j = 0; j < COLUMNS; j++) serial_add(t, "x");
    CHECK(cw_alloc(env, (size_t)rows, sizeof(double), &t->weight) == CW_OK);
    for (int64_t i = 0; i < rows; i++) {
        double u[4];
        for (uint32_t k = 0; k < 4; k++) u[k] = cw_stream_uniform(stream, (uint64_t)i, k, 0);
        t->real[X0][i] = 2 * u[0] - 1;
        t->real[X1][i] = u[1];
        t->real[D][i] = u[2] < 0.3 + 0.2 * t->real[X0][i] + 0.2 * u[1];
        t->real[Y][i] = 1000 * u[3] + t->real[X0][i] + t->real[D][i];
        t->real[CELL][i] = cw_cell(cw_fold_hashed(stream, FOLDS, i), t->real[D][i], 0, 1);
        t->weight[i] = i % 11 == 0 ? 0 : 0.5 + u[0];
    }
}

typedef struct reader {
    const serial_table *table;
    const double *real[COLUMNS];
} reader;

static cw_code read_rows(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    (void)env;
    reader *r = self;
    for (int j = 0; j < COLUMNS; j++) r->real[j] = r->table->real[j] + first;
    *out = (cw_block){.first_row = first,
                      .rows = rows,
                      .reals = COLUMNS,
                      .real = r->real,
                      .weight = r->table->weight + first};
    return CW_OK;
}

/* One pass over ranks beside one rank's; returns the state. */
static void *same(cw_context *context, const serial_table *t, const cw_accumulator *a) {
    reader r = {.table = t};
    const cw_source source = {t->rows, COLUMNS, 0, 8 * COLUMNS, &r, read_rows};
    const cw_pass_options options = {.name = a->name, .group_key = -1};
    void *state = NULL;
    CHECK(cw_alloc(t->env, 1, cw_accumulator_bytes(a), &state) == CW_OK);
    CHECK(cw_pass(context, &source, &options, 1, &a, &state) == CW_OK);
    void *alone = serial_pass(t, a);
    CHECK(memcmp(state, alone, cw_accumulator_bytes(a)) == 0);
    cw_free(t->env, &alone);
    return state;
}

static cw_logistic *fit(cw_context *context, const serial_table *t) {
    uint8_t uses[(FOLDS + 1) * 2 * FOLDS];
    cw_logistic *l = NULL;
    void *control = NULL;
    for (int32_t m = 0; m <= FOLDS; m++)
        for (int32_t c = 0; c < 2 * FOLDS; c++) uses[m * 2 * FOLDS + c] = c / 2 != m;
    const cw_logistic_spec spec = {.columns = 2,
                                   .column = covariates,
                                   .response = D,
                                   .one = 1,
                                   .cells = 2 * FOLDS,
                                   .cell_column = CELL,
                                   .models = FOLDS + 1,
                                   .uses = uses};
    CHECK(cw_logistic_create(t->env, &spec, &l) == CW_OK);
    CHECK(cw_alloc_zero(t->env, 1, cw_logistic_control_bytes(l), &control) == CW_OK);
    while (cw_logistic_running(l)) {
        void *state = same(context, t, cw_logistic_accumulator(l));
        /* Rank 0 decides, everyone follows. */
        if (cw_context_rank(context) == 0) CHECK(cw_logistic_decide(l, state, control) == CW_OK);
        CHECK(cw_broadcast(context, control, cw_logistic_control_bytes(l)) == CW_OK);
        cw_logistic_use(l, control);
        cw_free(t->env, &state);
    }
    for (int32_t m = 0; m <= FOLDS; m++) CHECK(cw_logistic_get(l, m).status == CW_LOGISTIC_CONVERGED);
    cw_free(t->env, &control);
    return l;
}

static void effects(cw_context *context, const serial_table *t, const cw_predictor *e,
                    const cw_predictor *g) {
    static const cw_estimand estimand[] = {{CW_SCORE_DOUBLE, CW_TARGET_ALL, -1, 0},
                                           {CW_SCORE_DOUBLE, CW_TARGET_TREATED, -1, 0}};
    const cw_effect_spec spec = {.outcome = Y,
                                 .treatment = D,
                                 .treated = 1,
                                 .weighting = CW_SAMPLING,
                                 .outcome_model = {g, g},
                                 .treatment_model = e,
                                 .low = 0.3,
                                 .high = 1,
                                 .estimands = 2,
                                 .estimand = estimand};
    cw_effect *effect = NULL;
    cw_moments *moments = NULL;
    cw_multiplier *multiplier = NULL;
    double theta[2];
    cw_effect_counts counts;
    CHECK(cw_effect_create(t->env, &spec, &effect) == CW_OK);
    void *state = same(context, t, cw_effect_sums(effect));
    cw_effect_solve(effect, state, theta, &counts);
    cw_free(t->env, &state);
    CHECK(cw_moments_create(t->env, NULL, cw_effect_influence(effect, 0), &moments) == CW_OK);
    state = same(context, t, cw_moments_accumulator(moments));
    cw_free(t->env, &state);
    const cw_multiplier_spec draws = {.influence = cw_effect_influence(effect, 0),
                                      .stream = cw_stream_make(1, "bootstrap", NULL, 0),
                                      .draws = 200,
                                      .key = -1,
                                      .key_high = -1};
    CHECK(cw_multiplier_create(t->env, &draws, &multiplier) == CW_OK);
    state = same(context, t, cw_multiplier_accumulator(multiplier));
    cw_free(t->env, &state);
    cw_multiplier_destroy(&multiplier);
    cw_moments_destroy(&moments);
    cw_effect_destroy(&effect);
}

static void weights_and_balance(cw_context *context, const serial_table *t, const cw_predictor *e) {
    static const cw_weighted target = CW_WEIGHTED_ATE;
    const cw_weighting_spec spec = {.outcome = Y, .treatment = D, .treated = 1, .propensity = e, .high = 1};
    const cw_balance_spec balance_spec = {.columns = 2,
                                          .column = covariates,
                                          .treatment = D,
                                          .treated = 1,
                                          .weighting = CW_SAMPLING,
                                          .propensity = e,
                                          .high = 1,
                                          .targets = 1,
                                          .target = &target};
    cw_ipw *ipw = NULL;
    cw_balance *balance = NULL;
    cw_calibration calibration;
    CHECK(cw_ipw_create(t->env, &spec, &ipw) == CW_OK);
    void *state = same(context, t, cw_ipw_sums(ipw));
    cw_free(t->env, &state);
    cw_ipw_destroy(&ipw);
    CHECK(cw_balance_create(t->env, &balance_spec, &balance) == CW_OK);
    state = same(context, t, cw_balance_accumulator(balance));
    cw_free(t->env, &state);
    cw_balance_destroy(&balance);
    cw_calibration_init(&calibration, NULL, D, 0, 1, e);
    state = same(context, t, &calibration.accumulator);
    cw_free(t->env, &state);
}

static void rows_of(cw_context *context, int64_t rows) {
    cw_env *env = cw_context_env(context);
    serial_table t;
    int32_t model_of_cell[2 * FOLDS];
    static const double line[3] = {500, 1, 0};
    make(env, &t, rows);
    cw_logistic *l = fit(context, &t);
    for (int32_t c = 0; c < 2 * FOLDS; c++) model_of_cell[c] = c / 2;
    const cw_predictor crossfit = {.link = CW_LINK_LOGIT,
                                   .columns = 2,
                                   .column = covariates,
                                   .coefficient = cw_logistic_get(l, 0).coefficient,
                                   .stride = cw_logistic_stride(l),
                                   .cells = 2 * FOLDS,
                                   .cell_column = CELL,
                                   .model_of_cell = model_of_cell};
    const cw_predictor whole = {.link = CW_LINK_LOGIT,
                                .columns = 2,
                                .column = covariates,
                                .coefficient = cw_logistic_get(l, FOLDS).coefficient};
    const cw_predictor outcome = {
        .link = CW_LINK_IDENTITY, .columns = 2, .column = covariates, .coefficient = line};
    effects(context, &t, &crossfit, &outcome);
    weights_and_balance(context, &t, &whole);
    cw_logistic_destroy(&l);
    serial_free(&t);
}

static void all(cw_context *context) {
    const int64_t rows[] = {300, 8193, 40000};
    for (int k = 0; k < 3; k++) rows_of(context, rows[k]);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    cw_env env;
    cw_env_init(&env);
    cw_context *context = lowest_ranks(&env, world);
    all(context);
    cw_context_destroy(&context);
    CHECK(env.blocks_now == 0);
    return verdict();
}
