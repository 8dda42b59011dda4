/* Row state: written block by block in one pass, read beside the rows in the next; in memory and spilled. */
#include <stdlib.h>

#include "mpi/rowstate.h"
#include "rows.h"

/* A spill that counts, gives zeroed memory, or refuses. */
typedef struct spilling {
    int64_t maps, unmaps;
    size_t bytes;
    int refuse;
} spilling;

static cw_code spill_map(cw_env *env, void *self, size_t bytes, void **out) {
    spilling *s = self;
    *out = NULL;
    if (s->refuse) return cw_fail(env, CW_CANNOT_WRITE, "scratch", NULL, "no room");
    s->maps += 1;
    s->bytes = bytes;
    *out = calloc(1, bytes);
    return *out ? CW_OK : CW_NO_MEMORY;
}

static void spill_unmap(void *self, void *memory, size_t bytes) {
    spilling *s = self;
    s->unmaps += 1;
    CHECK(bytes == s->bytes);
    free(memory);
}

/* Fills column j with 3 x real j + j of every row it sees. */
static cw_code fill(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    cw_rowstate *state = self;
    for (int32_t j = 0; j < 2; j++) {
        double *value = cw_rowstate_at(state, j, block->first_row);
        for (int32_t i = 0; i < block->rows; i++) {
            CHECK(value[i] == 0);
            value[i] = 3 * block->real[j][i] + j;
        }
    }
    return CW_OK;
}

static cw_code compare(cw_env *env, void *self, const cw_block *block) {
    (void)env;
    *(int64_t *)self += block->rows;
    CHECK(block->reals == REALS + 2);
    for (int32_t i = 0; i < block->rows; i++)
        for (int32_t j = 0; j < 2; j++) {
            CHECK(block->real[j][i] == row_value(block->first_row + i, j));
            CHECK(block->real[REALS + j][i] == 3 * block->real[j][i] + j);
        }
    return CW_OK;
}

static void round_trip(cw_context *context, int64_t rows, size_t memory, const cw_spill *spill) {
    cw_env *env = cw_context_env(context);
    made data;
    made_init(&data, rows);
    cw_source source = made_source(&data), both, again;
    cw_rowstate *state = NULL;
    CHECK(cw_rowstate_create(context, rows, 2, memory, spill, &state) == CW_OK);
    if (!state) return;
    cw_each each = {state, fill};
    cw_pass_options options = {.name = "fill", .group_key = -1, .eachs = 1, .each = &each};
    CHECK(cw_pass(context, &source, &options, 0, NULL, NULL) == CW_OK);
    CHECK(cw_rowstate_source(state, &source, &both) == CW_OK);
    CHECK(cw_rowstate_source(state, &source, &again) == CW_OK); /* two at a time do no harm */
    CHECK(both.reals == REALS + 2 && both.keys == KEYS && both.rows == rows);
    CHECK(both.bytes_per_row == source.bytes_per_row + 16);
    int64_t seen = 0, first, end;
    cw_owned_rows(context, rows, &first, &end);
    each = (cw_each){&seen, compare};
    CHECK(cw_pass(context, &both, &options, 0, NULL, NULL) == CW_OK);
    CHECK(cw_pass(context, &again, &options, 0, NULL, NULL) == CW_OK);
    CHECK(seen == 2 * (end - first));

    /* Other ranks' rows are refused, and so is a source of another length. */
    if (cw_context_size(context) > 1 && rows > 0) {
        options.halo = 1;
        cw_code code = cw_pass(context, &both, &options, 0, NULL, NULL);
        int64_t alone = end - first == rows;
        CHECK(cw_all_max(context, &alone, 1) == CW_OK);
        if (alone)
            CHECK(code == CW_OK);
        else
            check_same_error(context, code, CW_INTERNAL);
    }
    source.rows += 1;
    CHECK(cw_rowstate_source(state, &source, &both) == CW_INTERNAL);
    cw_env_clear(env);
    cw_rowstate_destroy(&state);
    CHECK(state == NULL);
    cw_rowstate_destroy(&state);
    made_free(env, &data);
}

static void refusals(cw_context *context) {
    cw_env *env = cw_context_env(context);
    int last = cw_context_rank(context) == cw_context_size(context) - 1;
    cw_rowstate *state = NULL;
    cw_code code = cw_rowstate_create(context, 100003, 3, 8, NULL, &state);
    CHECK(state == NULL);
    CHECK(strstr(env->error.mend, "run.memory") && strstr(env->error.mend, "run.scratch"));
    check_same_error(context, code, CW_NO_MEMORY);
    code = cw_rowstate_create(context, INT64_MAX / 2, INT32_MAX, SIZE_MAX, NULL, &state);
    check_same_error(context, code, CW_NO_MEMORY);

    spilling counts = {.refuse = last};
    cw_spill spill = {&counts, spill_map, spill_unmap};
    code = cw_rowstate_create(context, 131072, 3, 8, &spill, &state);
    CHECK(state == NULL && counts.maps == counts.unmaps);
    check_same_error(context, code, CW_CANNOT_WRITE);

    int64_t before = env->blocks_now;
    for (int64_t n = 1; n <= 2; n++) {
        if (last) env->fail_at = env->calls + n;
        code = cw_rowstate_create(context, 131072, 3, SIZE_MAX, NULL, &state);
        env->fail_at = 0;
        check_same_error(context, code, CW_NO_MEMORY);
        CHECK(env->blocks_now == before);
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    cw_env env;
    cw_env_init(&env);
    cw_context *context = lowest_ranks(&env, world);
    const int64_t rows[] = {0, 1, 8193, 100003};
    for (int r = 0; r < 4; r++) {
        round_trip(context, rows[r], SIZE_MAX, NULL);
        spilling counts = {0};
        cw_spill spill = {&counts, spill_map, spill_unmap};
        round_trip(context, rows[r], 8 * 2 * 4096, &spill);
        CHECK(counts.maps == counts.unmaps);
        if (rows[r] == 100003 && world < 13) CHECK(counts.maps == 1);
    }
    refusals(context);
    cw_context_destroy(&context);
    CHECK(env.blocks_now == 0);
    return verdict();
}
