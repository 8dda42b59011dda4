/* Fails every allocation of a small job in turn, on one rank or on one of several: the run must end with "out
 * of memory" on all ranks, free everything and leave no results behind; and the same folder must then be good
 * for a clean run. alloc_every JOB FOLDER [rank that fails] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs/commands.h"

enum { MAX_ALLOCATIONS = 1000000, CLEAN_EVERY = 97 };

typedef struct outcome {
    cw_code code;
    int64_t calls, left;
} outcome;

static outcome run_once(const char *job, const char *folder, int64_t fail_at) {
    char set[4096];
    const char *sets[] = {set};
    const char *arguments[] = {job};
    snprintf(set, sizeof set, "output.folder=%s", folder);
    cw_options options = {
        .command = CW_COMMAND_RUN, .quiet = 1, .sets = 1, .set = sets, .arguments = 1, .argument = arguments};
    cw_env env;
    cw_env_init(&env);
    cw_context *context = NULL;
    outcome o = {.code = cw_context_create(&env, MPI_COMM_WORLD, &context)};
    int64_t before = env.calls;
    if (o.code == CW_OK) {
        if (fail_at > 0) env.fail_at = before + fail_at;
        o.code = cw_command_run(context, &options);
    }
    o.calls = env.calls - before;
    env.fail_at = 0;
    cw_context_destroy(&context);
    o.left = env.blocks_now;
    return o;
}

static int has_results(const char *folder) {
    char file[4200];
    snprintf(file, sizeof file, "%s/results.json", folder);
    return access(file, F_OK) == 0;
}

static int complain(const char *what, int64_t k, int rank) {
    fprintf(stderr, "allocation %lld on rank %d: %s\n", (long long)k, rank, what);
    return 1;
}

static int judge(const outcome *o, int64_t k, int rank, const char *folder) {
    int bad = 0;
    if (o->left != 0) bad += complain("allocations were not freed", k, rank);
    if (o->code == CW_OK) return bad;
    if (o->code != CW_NO_MEMORY) bad += complain(cw_code_text(o->code), k, rank);
    if (rank == 0 && has_results(folder)) bad += complain("results were left behind", k, rank);
    return bad;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank = 0, bad = 0, done = 0, all = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc < 3 || !freopen("/dev/null", "w", stdout)) MPI_Abort(MPI_COMM_WORLD, 64);
    int failing = argc > 3 ? atoi(argv[3]) : 0;
    int64_t k = 1;
    for (; k < MAX_ALLOCATIONS && !done && all == 0; k++) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s/%lld", argv[2], (long long)k);
        outcome o = run_once(argv[1], folder, rank == failing ? k : 0);
        bad += judge(&o, k, rank, folder);
        int mine = o.code == CW_OK;
        MPI_Allreduce(&mine, &done, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        if (!done && k % CLEAN_EVERY == 0) {
            o = run_once(argv[1], folder, 0);
            if (o.code != CW_OK) bad += complain("the folder is not good for a clean run", k, rank);
        }
        MPI_Allreduce(&bad, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    }
    if (rank == 0) fprintf(stderr, "%lld allocations failed in turn\n", (long long)(k - 2));
    if (!done && all == 0) all = 1;
    if (k < 50) all = 1; /* a job so small would test nothing */
    MPI_Finalize();
    return all != 0;
}
