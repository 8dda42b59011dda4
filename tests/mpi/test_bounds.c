/* Moments behind bounds and sensitivity: equal bits at every number of ranks, with weights, thresholds and
 * rows left out. */
#include <math.h>

#include "mpi/pass.h"
#include "ranks.h"
#include "src/bounds/arms.h"
#include "src/bounds/cells.h"
#include "src/bounds/response.h"
#include "src/sensitivity/riesz.h"

enum { Z, D, Y, L, M, G, COLUMNS };

typedef struct made {
    double real[COLUMNS][CW_BLOCK_ROWS], weight[CW_BLOCK_ROWS];
    const double *column[COLUMNS];
} made;

static double uniform(int64_t row, int column) {
    uint64_t x = (uint64_t)row * 16 + (uint64_t)column + 1;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

static cw_code made_read(cw_env *env, void *user, int64_t first, int32_t rows, cw_block *out) {
    (void)env;
    made *self = user;
    CHECK(rows <= CW_BLOCK_ROWS);
    for (int32_t i = 0; i < rows; i++) {
        int64_t row = first + i;
        double z = uniform(row, 0) < 0.5, m = 0.1 + 0.8 * uniform(row, 4);
        double d = uniform(row, 1) < m;
        self->real[Z][i] = z;
        self->real[D][i] = d;
        self->real[Y][i] = row % 1001 == 7 ? NAN : d + 3 * uniform(row, 2) - 1;
        self->real[L][i] = uniform(row, 3);
        self->real[M][i] = m;
        self->real[G][i] = 1 + uniform(row, 5);
        self->weight[i] = row % 1001 == 7 || row % 5 == 0 ? 0 : 0.5 + uniform(row, 6);
    }
    for (int c = 0; c < COLUMNS; c++) self->column[c] = self->real[c];
    memset(out, 0, sizeof *out);
    out->first_row = first;
    out->rows = rows;
    out->reals = COLUMNS;
    out->real = self->column;
    out->weight = self->weight;
    return CW_OK;
}

enum { ACCUMULATORS = 3, ROOM = 1024 };

typedef struct answer {
    _Alignas(64) unsigned char state[ACCUMULATORS][ROOM];
} answer;

static made data;

static void run(cw_context *context, int64_t rows, const cw_accumulator *const *accumulator, answer *out) {
    cw_source source = {rows, COLUMNS, 0, 8 * COLUMNS, &data, made_read};
    cw_pass_options options = {.name = "bounds", .group_key = -1};
    memset(out, 0, sizeof *out);
    void *result[ACCUMULATORS] = {out->state[0], out->state[1], out->state[2]};
    CHECK(cw_pass(context, &source, &options, ACCUMULATORS, accumulator, result) == CW_OK);
}

static void equal_bits(cw_env *env, cw_context *all) {
    double levels[] = {0, 1}, threshold[] = {0, 1.5};
    cw_arms_spec arms_spec = {.outcome = Y,
                              .treatment = D,
                              .levels = 2,
                              .level = levels,
                              .thresholds = 2,
                              .threshold = threshold,
                              .shift = 0.8};
    cw_cells_spec cells_spec = {.instrument = Z,
                                .treatment = D,
                                .outcome = Y,
                                .levels = 2,
                                .level = {0, 1},
                                .control = 0,
                                .treated = 1,
                                .threshold = 1};
    cw_riesz_spec riesz_spec = {.form = CW_RIESZ_TREATED,
                                .outcome = Y,
                                .treatment = D,
                                .propensity = M,
                                .control = L,
                                .treated = G,
                                .clip = 0.15};
    cw_arms *arms = NULL;
    cw_cells cells;
    cw_riesz_rows riesz;
    CHECK(cw_arms_create(env, &arms_spec, &arms) == CW_OK);
    CHECK(cw_cells_init(env, &cells, &cells_spec) == CW_OK);
    CHECK(cw_riesz_rows_init(env, &riesz, &riesz_spec) == CW_OK);
    const cw_accumulator *accumulator[] = {cw_arms_accumulator(arms), &cells.accumulator, &riesz.accumulator};
    for (int k = 0; k < ACCUMULATORS; k++) CHECK(cw_accumulator_bytes(accumulator[k]) <= ROOM);
    cw_context *one = lowest_ranks(env, 1);
    const int64_t sizes[] = {100, 8193, 60000, 100003};
    for (int s = 0; s < 4; s++) {
        static answer together, alone, sent;
        run(all, sizes[s], accumulator, &together);
        memset(&sent, 0, sizeof sent);
        if (one) {
            run(one, sizes[s], accumulator, &alone);
            sent = alone;
            CHECK(memcmp(&together, &alone, sizeof alone) == 0);
        }
        /* Every rank has the bits of the lone one. */
        CHECK(cw_broadcast(all, &sent, sizeof sent) == CW_OK);
        CHECK(memcmp(&together, &sent, sizeof sent) == 0);
        /* And they mean something. */
        cw_arm arm[2];
        cw_arms_get(arms, together.state[0], 0, arm);
        cw_response_spec spec = {.levels = 2, .arm = arm, .low = -1, .high = 3};
        cw_response bounds;
        CHECK(cw_response_effect(env, &spec, 0, 1, CW_CROWD_ALL, &bounds) == CW_OK);
        CHECK(fabs(bounds.upper.value - bounds.lower.value - 4) < 1e-12 && bounds.lower.se > 0);
        cw_riesz fit;
        CHECK(cw_riesz_rows_finish(env, &riesz, together.state[2], &fit) == CW_OK);
        CHECK(cw_arms_rows(arms, together.state[0], 3) == 0 && cw_cells_bad(&cells, together.state[1]) == 0);
    }
    cw_context_destroy(&one);
    cw_arms_destroy(&arms);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    cw_env env;
    cw_env_init(&env);
    cw_context *context = NULL;
    CHECK(cw_context_create(&env, MPI_COMM_WORLD, &context) == CW_OK);
    equal_bits(&env, context);
    cw_context_destroy(&context);
    CHECK(env.blocks_now == 0);
    return verdict();
}
