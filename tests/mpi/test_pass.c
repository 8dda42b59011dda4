/* The pass against its serial twin: equal bits at every number of ranks, for grouped and halo blocks; work on
 * every block in row order; failures that no other rank waits for. */
#include "rows.h"

static const int64_t sizes[] = {0,     1,     2,     8191,  8192,  8193,   16384, 16385,
                                24577, 32768, 40961, 65537, 73728, 100003, 131072};
enum { SIZES = sizeof sizes / sizeof *sizes };

static cw_pass_options plain_options(void) {
    cw_pass_options options = {.name = "made", .group_key = -1};
    return options;
}

static void check_pass(cw_context *context, made *data, const cw_pass_options *options) {
    cw_source source = made_source(data);
    answer expected = twin(data, options->group_key >= 0, options->halo), got;
    CHECK(run_pass(context, &source, options, &got) == CW_OK);
    CHECK(memcmp(&got, &expected, sizeof got) == 0);
}

static void plain(cw_context *context) {
    cw_pass_options options = plain_options();
    for (int s = 0; s < SIZES; s++) {
        made data;
        made_init(&data, sizes[s]);
        data.weighted = s % 2;
        check_pass(context, &data, &options);
        made_free(cw_context_env(context), &data);
    }
}

static void halo(cw_context *context) {
    const int32_t halos[] = {1, 17, 8192, 20000};
    for (int h = 0; h < 4; h++)
        for (int s = 0; s < SIZES; s += 2) {
            made data;
            made_init(&data, sizes[s]);
            cw_pass_options options = plain_options();
            options.halo = halos[h];
            check_pass(context, &data, &options);
            made_free(cw_context_env(context), &data);
        }
}

/* Units of 7 rows; of 5000; one from row 3000 on that fills several blocks; one for all; cuts that fall on
 * a unit's first row anyway; and one that ends one row after the reach of the first look ahead. */
static int64_t sevens(int64_t row) {
    return row / 7;
}
static int64_t thousands(int64_t row) {
    return (row / 5000) % 2 ? -row / 5000 : INT64_MIN; /* a key comes again later */
}
static int64_t giant(int64_t row) {
    return row < 3000 ? row / 10 : row < 60000 ? 1000 : row / 3;
}
static int64_t one_unit(int64_t row) {
    (void)row;
    return 5;
}
static int64_t halves(int64_t row) {
    return row / 4096;
}
static int64_t just_beyond(int64_t row) {
    return (row - 8192 - 256) / 8448;
}
static int64_t just_within(int64_t row) {
    return (row - 8192 - 255) / 8447;
}

static void grouped(cw_context *context) {
    int64_t (*const unit[])(int64_t) = {sevens, thousands, giant, one_unit, halves, just_beyond, just_within};
    for (int u = 0; u < 7; u++)
        for (int s = 0; s < SIZES; s += u < 3 ? 1 : 3) {
            made data;
            made_init(&data, sizes[s]);
            data.unit = unit[u];
            cw_pass_options options = plain_options();
            options.group_key = 0;
            options.halo = u == 2 ? 10 : 0;
            check_pass(context, &data, &options);
            made_free(cw_context_env(context), &data);
        }
}

/* --- work on every block ---------------------------------------------------------------------------- */

typedef struct watch {
    int64_t next, rows, fail_at;
    double sum;
} watch;

static cw_code watch_block(cw_env *env, void *self, const cw_block *block) {
    watch *w = self;
    CHECK(block->first_row == w->next);
    w->next = block->first_row + block->rows;
    w->rows += block->rows;
    if (w->fail_at >= 0 && block->number >= w->fail_at)
        return cw_fail(env, CW_IO, "scratch", NULL, "block %lld", (long long)block->number);
    for (int32_t i = 0; i < block->rows; i++) w->sum += block->real[1][i];
    return CW_OK;
}

static double last_share;
static void note_progress(void *self, double share) {
    CHECK(share >= last_share && share <= 1);
    last_share = share;
    *(int *)self += 1;
}

static void eachs(cw_context *context) {
    made data;
    made_init(&data, 100003);
    cw_source source = made_source(&data);
    int64_t first, end;
    cw_owned_rows(context, data.rows, &first, &end);
    watch w[2] = {{first, 0, -1, 0}, {first, 0, -1, 0}};
    cw_each each[2] = {{&w[0], watch_block}, {&w[1], watch_block}};
    int calls = 0;
    last_share = 0;
    cw_pass_options options = plain_options();
    options.eachs = 2;
    options.each = each;
    options.progress = note_progress;
    options.progress_self = &calls;
    kept keeper_data = {.due_every = 1};
    cw_keeper keeper = kept_keeper(&keeper_data);
    options.keeper = &keeper;
    answer expected = twin(&data, 0, 0), got;
    CHECK(run_pass(context, &source, &options, &got) == CW_OK);
    CHECK(memcmp(&got, &expected, sizeof got) == 0);
    CHECK(w[0].rows == end - first && w[1].rows == end - first);
    CHECK(keeper_data.saves == 0 && keeper_data.loads == 0); /* ignored where eachs are */
    if (cw_context_rank(context) == 0) CHECK(calls > 0 && last_share == 1);

    /* Nothing but eachs; and one that fails. */
    w[0] = w[1] = (watch){first, 0, -1, 0};
    last_share = 0;
    CHECK(cw_pass(context, &source, &options, 0, NULL, NULL) == CW_OK);
    CHECK(w[1].rows == end - first);
    w[0] = w[1] = (watch){first, 0, -1, 0};
    last_share = 0;
    w[1].fail_at = 5;
    cw_code code = run_pass(context, &source, &options, &got);
    check_same_error(context, code, CW_IO);
    made_free(cw_context_env(context), &data);
}

/* A pass's timer counts the work of all ranks. */
static void timed(cw_context *context) {
    made data;
    made_init(&data, 100003);
    cw_source source = made_source(&data);
    cw_pass_options options = plain_options();
    options.name = "timed";
    answer got;
    CHECK(run_pass(context, &source, &options, &got) == CW_OK);
    cw_timing *table = NULL;
    int32_t count = 0, found = 0;
    CHECK(cw_timings(context, &table, &count) == CW_OK);
    for (int32_t t = 0; t < count; t++) {
        if (strcmp(table[t].name, "timed") != 0) continue;
        double bytes = 1e9 * table[t].gigabytes_per_second * table[t].seconds_max;
        double flops = 1e9 * table[t].gigaflops_per_second * table[t].seconds_max;
        CHECK(table[t].calls == 1 && bytes > 24 * 100003 - 1 && bytes < 24 * 100003 + 1);
        CHECK(flops > 2 * 100003 - 4000 && flops < 2 * 100003 + 4000);
        found = 1;
    }
    CHECK(found);
    cw_free(cw_context_env(context), &table);
    made_free(cw_context_env(context), &data);
}

/* --- failures ---------------------------------------------------------------------------------------- */

static void bad_rows(cw_context *context) {
    const int64_t rows[] = {0, 8192, 50000, 100002};
    for (int f = 0; f < 4; f++) {
        made data;
        made_init(&data, 100003);
        data.fail_row = rows[f];
        cw_source source = made_source(&data);
        cw_pass_options options = plain_options();
        answer got;
        cw_code code = run_pass(context, &source, &options, &got);
        char what[64];
        snprintf(what, sizeof what, "row %lld is bad", (long long)rows[f]);
        CHECK(strcmp(cw_context_env(context)->error.what, what) == 0);
        check_same_error(context, code, CW_BAD_DATA);
        made_free(cw_context_env(context), &data);
    }
}

static void disagreements(cw_context *context) {
    int last = cw_context_rank(context) == cw_context_size(context) - 1;
    made data;
    answer got;
    cw_pass_options options = plain_options();
    if (cw_context_size(context) > 1) {
        made_init(&data, last ? 100003 : 80000);
        cw_source source = made_source(&data);
        cw_code code = run_pass(context, &source, &options, &got);
        check_same_error(context, code, CW_INTERNAL);
        made_init(&data, 100003);
        source = made_source(&data);
        options.name = last ? "mode" : "made";
        code = run_pass(context, &source, &options, &got);
        CHECK(code == CW_INTERNAL);
        cw_env_clear(cw_context_env(context));
        void *result[2] = {&got.sums, &got.exact};
        options.name = "made";
        code = cw_pass(context, &source, &options, last ? 1 : 2, accumulators, result);
        check_same_error(context, code, CW_INTERNAL);
    }
    made_init(&data, 100003);
    cw_source source = made_source(&data);
    options.group_key = KEYS;
    cw_code code = run_pass(context, &source, &options, &got);
    check_same_error(context, code, CW_INTERNAL);
}

/* Every allocation fails once, on one rank: all leave with the same error and nothing is left behind. */
static void no_memory(cw_context *context, int poor) {
    cw_env *env = cw_context_env(context);
    int mine = cw_context_rank(context) == poor;
    kept keeper_data = {.due_every = 2};
    cw_keeper keeper = kept_keeper(&keeper_data);
    cw_pass_options options = plain_options();
    options.keeper = &keeper;
    int64_t before = env->blocks_now;
    for (int64_t n = 1;; n++) {
        made data;
        made_init(&data, 73728);
        cw_source source = made_source(&data);
        answer got;
        if (mine) env->fail_at = env->calls + n;
        cw_code code = run_pass(context, &source, &options, &got);
        int64_t untouched = !mine || env->calls < env->fail_at;
        env->fail_at = 0;
        made_free(env, &data);
        CHECK(env->blocks_now == before);
        if (code == CW_OK) {
            int64_t done = mine && untouched;
            CHECK(cw_all_max(context, &done, 1) == CW_OK && done); /* ended because all was allocated */
            return;
        }
        check_same_error(context, code, CW_NO_MEMORY);
        keeper_data.nodes = n % 3 ? 0 : keeper_data.nodes; /* go on from what was saved, or afresh */
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    cw_env env;
    cw_env_init(&env);
    for (int mode = 0; mode < 2; mode++) {
        /* All ranks with a block a round and tiny messages, then (where there are many) two with the
         * defaults. */
        cw_context *context = lowest_ranks(&env, mode == 0 ? world : world > 2 ? 2 : 1);
        if (!context) continue;
        if (mode == 0) {
            context->round_seconds = 0;
            context->piece = 24;
        }
        plain(context);
        if (mode == 0) halo(context);
        grouped(context);
        eachs(context);
        timed(context);
        bad_rows(context);
        disagreements(context);
        no_memory(context, 0);
        if (cw_context_size(context) > 1) no_memory(context, cw_context_size(context) / 2);
        cw_context_destroy(&context);
    }
    CHECK(env.blocks_now == 0);
    return verdict();
}
