/* Stops, kills and resumes at changing numbers of ranks: the bits are those of one undisturbed run, and no
 * finished block is read again. */
#include "rows.h"

static int world_size(void) {
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
}

/* What a life of the run ends by. */
typedef enum fate { STOPPED, KILLED, WHOLE } fate;

/* One life at `size` ranks; returns 1 when the run was finished and right. Blocks read are counted. */
static int life(cw_env *env, int size, made *data, kept *store, fate how, const answer *expected) {
    cw_context *context = lowest_ranks(env, size);
    if (!context) return 0;
    context->round_seconds = 0;
    int rank = cw_context_rank(context), actor = size / 2;
    int64_t covered = kept_covers(store), reads = 0;
    data->reads = 0;
    data->stop_after = how == STOPPED && rank == actor ? 2 : 0;
    store->due_every = how == KILLED ? 2 : 0;
    CHECK(cw_broadcast(context, &covered, sizeof covered) == CW_OK);
    int64_t first = 0, end = 0;
    cw_owned_rows(context, data->rows, &first, &end);
    data->fail_row = how == KILLED && rank == actor && end > first ? end - 1 : -1;
    cw_source source = made_source(data);
    cw_keeper keeper = kept_keeper(store);
    cw_pass_options options = {.name = "made", .group_key = -1, .keeper = rank == 0 ? &keeper : NULL};
    answer got;
    cw_code code = run_pass(context, &source, &options, &got);
    reads = data->reads;
    CHECK(cw_all_sum(context, &reads, 1) == CW_OK);
    int done = code == CW_OK;
    if (done) {
        CHECK(memcmp(&got, expected, sizeof got) == 0);
        CHECK(reads == cw_block_count(data->rows) - covered);
    } else if (how == STOPPED) {
        check_same_error(context, code, CW_STOPPED);
        if (rank == 0) CHECK(kept_covers(store) == covered + reads);
    } else {
        check_same_error(context, code, CW_BAD_DATA);
    }
    cw_forget_stop();
    cw_context_destroy(&context);
    return done;
}

/* Lives alternate between two numbers of ranks until the run is done. */
static void lives(cw_env *env, int64_t rows, int one, int other, fate how) {
    made data;
    made_init(&data, rows);
    static kept store;
    memset(&store, 0, sizeof store);
    answer expected = twin(&data, 0, 0);
    int done = 0;
    for (int n = 0; n < 60 && !done; n++) {
        /* killed lives die at the same rows: let the last ones live */
        fate end = how == KILLED && n >= 3 ? WHOLE : how;
        done = life(env, n % 2 ? other : one, &data, &store, end, &expected);
        MPI_Bcast(&done, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
    CHECK(done);
    made_free(env, &data);
}

/* A finished pass whose nodes were saved is not read again. */
static void finished(cw_env *env) {
    made data;
    made_init(&data, 100003);
    static kept store;
    memset(&store, 0, sizeof store);
    answer expected = twin(&data, 0, 0);
    cw_context *context = lowest_ranks(env, world_size());
    cw_source source = made_source(&data);
    store.due_every = 1;
    cw_keeper keeper = kept_keeper(&store);
    cw_pass_options options = {.name = "made", .group_key = -1, .keeper = &keeper};
    answer got;
    CHECK(run_pass(context, &source, &options, &got) == CW_OK);
    if (cw_context_rank(context) == 0) CHECK(store.saves > 0 && kept_covers(&store) == 13);
    data.reads = 0;
    CHECK(run_pass(context, &source, &options, &got) == CW_OK);
    CHECK(data.reads == 0 && memcmp(&got, &expected, sizeof got) == 0);

    /* A stop asked for before the pass begins leaves everything as it is. */
    store.nodes = 0;
    cw_request_stop();
    cw_code code = run_pass(context, &source, &options, &got);
    check_same_error(context, code, CW_STOPPED);
    cw_forget_stop();
    CHECK(data.reads == 0);
    made_free(env, &data);
    cw_context_destroy(&context);
}

/* What a keeper refuses or has spoilt is everyone's error. */
static void spoilt(cw_env *env) {
    cw_context *context = lowest_ranks(env, world_size());
    context->round_seconds = 0;
    made data;
    made_init(&data, 100003);
    cw_source source = made_source(&data);
    static kept store;
    memset(&store, 0, sizeof store);
    cw_keeper keeper = kept_keeper(&store);
    cw_pass_options options = {.name = "made", .group_key = -1, .keeper = &keeper};
    answer got;
    store.due_every = 1;
    store.fail_save = 1;
    check_same_error(context, run_pass(context, &source, &options, &got), CW_CANNOT_WRITE);
    store.fail_save = 0;
    store.fail_load = 1;
    check_same_error(context, run_pass(context, &source, &options, &got), CW_IO);
    store.fail_load = 0;
    const struct {
        int32_t level[2];
        int64_t first[2];
    } bad[] = {{{4, 0}, {0, 0}},  {{1, 0}, {1, 0}},  {{1, 0}, {0, 1}},  {{0, 0}, {2, 0}},
               {{-1, 0}, {0, 0}}, {{0, 0}, {0, 13}}, {{63, 0}, {0, 0}}, {{0, 0}, {0, -1}}};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        store.nodes = 2;
        store.blocks = cw_block_count(data.rows);
        memcpy(store.level, bad[b].level, sizeof bad[b].level);
        memcpy(store.first, bad[b].first, sizeof bad[b].first);
        check_same_error(context, run_pass(context, &source, &options, &got), CW_BAD_DATA);
    }
    made_free(env, &data);
    cw_context_destroy(&context);
}

/* Grouped passes stop and go on too; cuts are found again wherever work is taken up. */
static int64_t long_units(int64_t row) {
    return row < 20000 ? row / 7 : row < 50000 ? -1 : row / 900;
}

static void grouped(cw_env *env) {
    made data;
    made_init(&data, 131072);
    data.unit = long_units;
    static kept store;
    memset(&store, 0, sizeof store);
    answer expected = twin(&data, 1, 0), got;
    int done = 0;
    for (int n = 0; n < 60 && !done; n++) {
        cw_context *context = lowest_ranks(env, n % 2 ? (world_size() + 1) / 2 : world_size());
        if (context) {
            context->round_seconds = 0;
            data.reads = 0;
            data.stop_after = 2;
            cw_source source = made_source(&data);
            cw_keeper keeper = kept_keeper(&store);
            cw_pass_options options = {.name = "made", .group_key = 0, .keeper = &keeper};
            cw_code code = run_pass(context, &source, &options, &got);
            done = code == CW_OK;
            if (done)
                CHECK(memcmp(&got, &expected, sizeof got) == 0);
            else
                check_same_error(context, code, CW_STOPPED);
            cw_forget_stop();
            cw_context_destroy(&context);
        }
        MPI_Bcast(&done, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
    CHECK(done);
    made_free(env, &data);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    cw_env env;
    cw_env_init(&env);
    int world = world_size(), half = (world + 1) / 2;
    const int64_t rows[] = {8192, 100003, 24 * 8192 - 1};
    for (int r = 0; r < 3; r++)
        for (fate how = STOPPED; how <= WHOLE; how++) {
            lives(&env, rows[r], world, half, how);
            lives(&env, rows[r], 1, world, how);
        }
    finished(&env);
    spoilt(&env);
    grouped(&env);
    CHECK(env.blocks_now == 0);
    return verdict();
}
