/* Agreement, collectives in pieces, timers, the watchdog. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ranks.h"

static void agreement(cw_context *context) {
    cw_env *env = cw_context_env(context);
    int rank = cw_context_rank(context), size = cw_context_size(context);
    CHECK(cw_agree(context, CW_OK) == CW_OK);
    CHECK(env->error.code == CW_OK);

    /* The gravest code wins, and of its ranks the lowest speaks. */
    cw_code code = CW_OK;
    if (rank >= size / 2) code = cw_fail(env, CW_IO, "x.h5", NULL, "rank %d cannot read", rank);
    if (rank == 0 && size > 1) code = cw_fail(env, CW_BAD_JOB, NULL, NULL, "a lesser failure");
    code = cw_agree(context, code);
    char expected[64];
    snprintf(expected, sizeof expected, "rank %d cannot read", size / 2);
    CHECK(strcmp(env->error.what, expected) == 0);
    CHECK(strcmp(env->error.where, "x.h5") == 0);
    check_same_error(context, code, CW_IO);

    /* A code that nobody explained still has a text. */
    code = cw_agree(context, rank == size - 1 ? CW_STOPPED : CW_OK);
    check_same_error(context, code, CW_STOPPED);

    int64_t flag[3] = {rank, -rank, rank == 0};
    CHECK(cw_agree_flags(context, CW_OK, 3, flag) == CW_OK);
    CHECK(flag[0] == size - 1 && flag[1] == 0 && flag[2] == 1);
}

static void broadcasts(cw_context *context) {
    cw_env *env = cw_context_env(context);
    int root = cw_context_rank(context) == 0;
    unsigned char bytes[100];
    for (int i = 0; i < 100; i++) bytes[i] = root ? (unsigned char)(i * 7 + 1) : 0;
    CHECK(cw_broadcast(context, bytes, sizeof bytes) == CW_OK);
    for (int i = 0; i < 100; i++) CHECK(bytes[i] == (unsigned char)(i * 7 + 1));
    CHECK(cw_broadcast(context, NULL, 0) == CW_OK);

    void *data = root ? bytes : NULL;
    size_t size = root ? sizeof bytes : 0;
    CHECK(cw_broadcast_alloc(context, &data, &size) == CW_OK);
    CHECK(size == sizeof bytes && data && memcmp(data, bytes, size) == 0);
    if (!root) cw_free(env, &data);
    size = 0;
    data = NULL;
    CHECK(cw_broadcast_alloc(context, &data, &size) == CW_OK);
    CHECK(size == 0 && data == NULL);

    /* One rank without memory: nobody gets anything, nobody waits. */
    if (cw_context_size(context) == 1) return;
    int poor = cw_context_rank(context) == cw_context_size(context) - 1;
    data = root ? bytes : NULL;
    size = root ? sizeof bytes : 0;
    if (poor) env->fail_at = env->calls + 1;
    cw_code code = cw_broadcast_alloc(context, &data, &size);
    env->fail_at = 0;
    CHECK(root || data == NULL);
    check_same_error(context, code, CW_NO_MEMORY);
}

static void sums(cw_context *context) {
    int rank = cw_context_rank(context), size = cw_context_size(context);
    int64_t value[2] = {rank + 1, -rank};
    CHECK(cw_all_sum(context, value, 2) == CW_OK);
    CHECK(value[0] == (int64_t)size * (size + 1) / 2 && value[1] == -(int64_t)size * (size - 1) / 2);
    value[0] = rank;
    value[1] = INT64_MIN + rank;
    CHECK(cw_all_max(context, value, 2) == CW_OK);
    CHECK(value[0] == size - 1 && value[1] == INT64_MIN + size - 1);
    value[0] = rank + 1;
    value[1] = 10;
    CHECK(cw_scan_below(context, value, 2) == CW_OK);
    CHECK(value[0] == (int64_t)rank * (rank + 1) / 2 && value[1] == 10 * rank);
}

static void gathers(cw_context *context) {
    cw_env *env = cw_context_env(context);
    int rank = cw_context_rank(context), size = cw_context_size(context);
    char mine[10], all[16 * 10];
    memset(mine, 'a' + rank, sizeof mine);
    CHECK(cw_all_gather(context, mine, sizeof mine, all) == CW_OK);
    for (int r = 0; r < size; r++)
        for (int i = 0; i < 10; i++) CHECK(all[r * 10 + i] == 'a' + r);
    CHECK(cw_all_gather(context, NULL, 0, NULL) == CW_OK);

    /* Rank r gives r bytes: rank 0 gives none. */
    void *joined = NULL;
    size_t sizes[16] = {0};
    CHECK(cw_gather(context, mine, (size_t)rank, &joined, sizes) == CW_OK);
    CHECK((joined != NULL) == (rank == 0 && size > 1));
    const char *c = joined;
    for (int r = 0; r < size && rank == 0; r++) {
        CHECK(sizes[r] == (size_t)r);
        for (int i = 0; i < r; i++) CHECK(*c++ == 'a' + r);
    }
    cw_free(env, &joined);
    CHECK(cw_gather(context, mine, rank == size - 1 ? 9 : 0, &joined, NULL) == CW_OK);
    if (rank == 0) CHECK(joined && memcmp(joined, all + (size - 1) * 10, 9) == 0);
    cw_free(env, &joined);
}

static const cw_timing *timing_of(const cw_timing *table, int32_t count, const char *name) {
    for (int32_t t = 0; t < count; t++)
        if (strcmp(table[t].name, name) == 0) return &table[t];
    return NULL;
}

static void timers(cw_env *env) {
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    cw_context *context = lowest_ranks(env, world);
    int rank = cw_context_rank(context), size = cw_context_size(context);
    int first = rank == 0, last = rank == size - 1;
    cw_timer_start(context, first ? "one" : "two"); /* ranks may meet timers in different orders */
    cw_timer_start(context, first ? "two" : "one");
    cw_timer_start(context, "one");
    usleep(2000);
    cw_timer_stop(context, "one", 1e9, 0);
    cw_timer_stop(context, "one", 0, 2e9);
    cw_timer_stop(context, "two", 0, 0);
    if (last && !first) cw_timer_start(context, "only the last");
    cw_timing *table = NULL;
    int32_t count = 0;
    CHECK(cw_timings(context, &table, &count) == CW_OK);
    CHECK(count == (size > 1 ? 3 : 2));
    CHECK(table && strcmp(table[0].name, "one") == 0 && strcmp(table[1].name, "two") == 0);
    const cw_timing *one = timing_of(table, count, "one");
    CHECK(one && one->calls == 2 && one->seconds_max >= 0.002);
    CHECK(one && one->seconds_max < 60 && one->seconds_mean <= one->seconds_max && one->ratio >= 1);
    if (one) {
        double gigabytes = one->gigabytes_per_second * one->seconds_max;
        double gigaflops = one->gigaflops_per_second * one->seconds_max;
        CHECK(gigabytes > size - 1e-6 && gigabytes < size + 1e-6);
        CHECK(gigaflops > 2 * size - 1e-6 && gigaflops < 2 * size + 1e-6);
    }
    if (size > 1) {
        const cw_timing *lone = timing_of(table, count, "only the last");
        CHECK(lone && lone->calls == 1 && lone->ratio == 0);
    }
    cw_free(env, &table);

    /* More names than places: none is lost, the rest share one. */
    for (int i = 0; i < 2 * CW_TIMERS; i++) {
        char name[80];
        snprintf(name, sizeof name, "timer %03d with a name that is longer than its place in the table", i);
        cw_timer_start(context, name);
        cw_timer_stop(context, name, 1, 0);
    }
    CHECK(cw_timings(context, &table, &count) == CW_OK);
    CHECK(count == CW_TIMERS);
    cw_free(env, &table);
    CHECK(cw_context_seconds(context) > 0);
    cw_context_destroy(&context);
    CHECK(context == NULL);
}

static void runs(void) {
    for (int64_t n = 0; n < 30; n++)
        for (int size = 1; size < 12; size++) {
            CHECK(cw_run_first(n, size, 0) == 0 && cw_run_first(n, size, size) == n);
            for (int r = 0; r < size; r++) {
                CHECK(cw_run_first(n, size, r) == n * r / size);
                for (int64_t i = cw_run_first(n, size, r); i < cw_run_first(n, size, r + 1); i++)
                    CHECK(cw_run_owner(n, size, i) == r);
            }
        }
    CHECK(cw_run_first(INT64_MAX, 1 << 30, 1 << 30) == INT64_MAX);
}

/* A child under a watchdog of 40 ms that shows progress for 150 ms and then hangs. */
static int watchdog_fires(void) {
    int ends[2];
    if (pipe(ends) != 0) return 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        static cw_context context; /* a context without MPI is enough for this */
        context.rank = 3;
        cw_watchdog(&context, 0.040 / 60);
        double until = cw_clock() + 0.150;
        while (cw_clock() < until) cw_progress(&context);
        if (write(STDERR_FILENO, "alive;", 6) != 6) _exit(1);
        for (until = cw_clock() + 30; cw_clock() < until;) pause();
        _exit(0);
    }
    close(ends[1]);
    char text[300] = "";
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) length += (size_t)n;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 71 &&
           strncmp(text, "alive;causeway: rank 3", 22) == 0 && text[length - 1] == '\n';
}

int main(int argc, char **argv) {
    int fired = watchdog_fires(); /* before MPI, which does not like to be forked */
    MPI_Init(&argc, &argv);
    CHECK(fired);
    cw_env env;
    cw_env_init(&env);
    const size_t piece[] = {1 << 20, 7, 1};
    int world = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    for (int p = 0; p < 3; p++)
        for (int size = world; size > 0; size = size > 2 ? 2 : 0) {
            cw_context *context = lowest_ranks(&env, size);
            if (!context) continue;
            context->piece = piece[p];
            agreement(context);
            broadcasts(context);
            sums(context);
            gathers(context);
            CHECK(cw_barrier(context) == CW_OK);
            cw_watchdog(context, 1);
            cw_context_destroy(&context);
        }
    timers(&env);
    runs();

    /* No memory on one rank while a context is made. */
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == world - 1) env.fail_at = env.calls + 1;
    cw_context *context = NULL;
    CHECK(cw_context_create(&env, MPI_COMM_WORLD, &context) == CW_NO_MEMORY);
    CHECK(context == NULL && env.error.code == CW_NO_MEMORY);
    CHECK(env.blocks_now == 0);
    return verdict();
}
