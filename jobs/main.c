/* The program: parse the command line, start MPI only when the command needs it, leave with the design's exit
 * code. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../mpi/context.h"
#include "../src/base/cpu.h"
#include "commands.h"

/* Which process of the launch this is, before MPI starts: every launcher says so in the environment. */
static int launched_rank(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID",
                                        "MV2_COMM_WORLD_RANK"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *value = getenv(names[k]);
        if (value && *value) return atoi(value);
    }
    return 0;
}

/* How many processes the launcher meant to start, or 0 where it does not say. */
static int launched_size(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                        "MV2_COMM_WORLD_SIZE"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *value = getenv(names[k]);
        if (value && *value) return atoi(value);
    }
    return 0;
}

typedef struct log_settings {
    int rank, quiet, verbose;
} log_settings;

static void log_line(void *self, cw_level level, const char *line) {
    const log_settings *settings = self;
    if (settings->rank != 0 || level == CW_DEBUG) return;
    if (level == CW_INFO && settings->quiet) return;
    fprintf(stderr, "causeway: %s\n", line);
}

static void stop_signal(int number) {
    (void)number;
    cw_request_stop();
}

/* A crash ends in one line too, written with what a handler may call. */
static void crash_signal(int number) {
    static const char line[] =
        "causeway: crashed; a damaged HDF5 file can do this inside the HDF5 library: check the "
        "files with h5dump, else please report it\n";
    (void)number;
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0) _exit(cw_exit_code(CW_INTERNAL));
    _exit(cw_exit_code(CW_INTERNAL));
}

static void install_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = crash_signal;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* The one place that reads settings from the environment (all begin with CAUSEWAY_). */
static cw_code read_environment(cw_env *env) {
    const char *kernels = getenv("CAUSEWAY_KERNELS");
    const char *fail =
        getenv("CAUSEWAY_FAIL_ALLOCATION"); /* for tests: this allocation and all later ones fail */
    if (fail && *fail) env->fail_at = strtoll(fail, NULL, 10);
    if (!kernels || !*kernels) return CW_OK;
    for (int level = CW_CPU_PLAIN; level <= CW_CPU_AVX512; level++) {
        if (strcmp(kernels, cw_cpu_name((cw_cpu)level)) == 0) {
            cw_cpu_limit((cw_cpu)level);
            return CW_OK;
        }
    }
    return cw_fail(env, CW_USAGE, "CAUSEWAY_KERNELS", "use plain, avx2 or avx512", "unknown kernels %s",
                   kernels);
}

/* The one line of an error; said once. */
static void tell(cw_env *env, cw_code code) {
    if (code == CW_OK || code == CW_STRICT) return;
    char line[CW_ERROR_TEXT * 3];
    if (env->error.code == CW_OK) (void)cw_fail(env, code, NULL, NULL, "%s", cw_code_text(code));
    cw_error_line(&env->error, line, sizeof line);
    fprintf(stderr, "causeway: %s\n", line);
}

/* Commands that need MPI: the context is made, the launch is checked, the command runs, all leave alike. */
static cw_code with_mpi(cw_env *env, const cw_options *options, int *argc, char ***argv) {
    /* A process that no launcher started needs no daemon of Open MPI's beside it: a third of the start-up. */
    if (launched_size() == 0) setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    if (MPI_Init(argc, argv) != MPI_SUCCESS) return cw_fail(env, CW_MACHINE, NULL, NULL, "MPI did not start");
    cw_context *context = NULL;
    cw_code code = cw_context_create(env, MPI_COMM_WORLD, &context);
    if (code == CW_OK) {
        int expected = launched_size(), size = cw_context_size(context);
        install_signals();
        if (expected > 1 && size != expected) {
            code = cw_fail(env, CW_MACHINE, NULL,
                           "launch with mpirun of the MPI it was built with, or srun --mpi=pmix",
                           "%d processes were launched but MPI sees %d", expected, size);
        } else if (options->command == CW_COMMAND_RUN) {
            code = cw_command_run(context, options);
        } else {
            code = cw_command_import(context, options);
        }
    }
    /* rank 0 speaks before any rank leaves: a launcher ends the others as soon as one has left with an error
     */
    if (context && cw_context_rank(context) == 0) {
        tell(env, code);
        fflush(stdout);
    }
    if (context && cw_barrier(context) != CW_OK) code = CW_MACHINE;
    cw_context_destroy(&context);
    MPI_Finalize();
    return code;
}

static int needs_mpi(const cw_options *options) {
    if (options->help || options->version) return 0;
    return options->command == CW_COMMAND_RUN || options->command == CW_COMMAND_IMPORT;
}

/* Commands without a distributed part: process 0 does them, the others leave. */
static cw_code alone(cw_env *env, const cw_options *options, int rank) {
    if (rank != 0) return CW_OK;
    if (options->version) return cw_command_version(env);
    if (options->help) {
        fputs(cw_help_text(options->command), stdout);
        return CW_OK;
    }
    if (options->command == CW_COMMAND_CHECK) return cw_command_check(env, options);
    if (options->command == CW_COMMAND_JOB) return cw_command_job(env, options);
    return cw_command_inspect(env, options);
}

int main(int argc, char **argv) {
    cw_env env;
    cw_env_init(&env);
    int rank = launched_rank(), said = 0;
    cw_options options = {0};
    cw_code code = read_environment(&env);
    if (code == CW_OK) code = cw_options_parse(&env, argc, argv, &options);
    log_settings settings = {.rank = rank, .quiet = options.quiet, .verbose = options.verbose};
    env.log_sink = log_line;
    env.log_self = &settings;
    if (code == CW_OK) {
        said = needs_mpi(&options);
        code = said ? with_mpi(&env, &options, &argc, &argv) : alone(&env, &options, rank);
    }
    cw_options_clear(&env, &options);
    if (fflush(stdout) != 0 && code == CW_OK) {
        code = cw_fail(&env, CW_IO, "standard output", NULL, "cannot write");
        said = 0;
    }
    if (env.blocks_now != 0 && code == CW_OK) {
        code = cw_fail(&env, CW_INTERNAL, NULL, "please report this", "%lld allocations were not freed",
                       (long long)env.blocks_now);
        said = 0;
    }
    if (!said && rank == 0) tell(&env, code);
    if (!said && rank != 0 && code != CW_OK) {
        /* a launcher ends all as soon as one has left with an error: process 0 speaks first */
        const struct timespec moment = {0, 300000000};
        (void)nanosleep(&moment, NULL);
    }
    return cw_exit_code(code);
}
