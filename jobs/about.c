/* What the program says of itself: --version, the manual of the job file, the closing table of timers. */
#include <hdf5.h>
#include <stdio.h>

#include "../io/job.h"
#include "../src/base/cpu.h"
#include "../src/linalg/gram.h"
#include "build_info.h"
#include "commands.h"

#ifdef CAUSEWAY_HAVE_OPENBLAS
char *openblas_get_corename(void);
static const char *blas_core(void) {
    return openblas_get_corename();
}
#else
static const char *blas_core(void) {
    return "not OpenBLAS";
}
#endif

cw_code cw_command_version(cw_env *env) {
    (void)env;
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    unsigned major = 0, minor = 0, release = 0;
    MPI_Get_library_version(mpi, &length); /* allowed before MPI_Init */
    for (char *c = mpi; *c; c++)
        if (*c == ',' || *c == '\n') *c = '\0';
    H5get_libversion(&major, &minor, &release);
    printf("causeway %s\n", CW_VERSION);
    printf("compiler   %s %s, %s\n", CW_COMPILER, CW_COMPILER_VERSION, CW_BUILD_TYPE);
    printf("mpi        %s\n", mpi);
    printf("hdf5       %u.%u.%u\n", major, minor, release);
    printf("blas core  %s\n", blas_core());
    printf("kernels    %s (this CPU has %s)\n", cw_gram_kernel(), cw_cpu_name(cw_cpu_found()));
    return CW_OK;
}

cw_code cw_command_job(cw_env *env, const cw_options *options) {
    char *text = NULL;
    CW_TRY(options->schema ? cw_job_schema(env, &text) : cw_job_manual(env, &text));
    fputs(text, stdout);
    cw_free(env, &text);
    return CW_OK;
}

void cw_log_timings(cw_env *env, const cw_timing *timing, int32_t count) {
    cw_log(env, CW_INFO, "%-24s %6s %10s %10s %8s %8s %8s", "timer", "calls", "max s", "mean s", "max/min",
           "GB/s", "GF/s");
    for (int32_t k = 0; k < count; k++) {
        const cw_timing *t = &timing[k];
        cw_log(env, CW_INFO, "%-24.24s %6lld %10.4f %10.4f %8.2f %8.2f %8.2f", t->name, (long long)t->calls,
               t->seconds_max, t->seconds_mean, t->ratio, t->gigabytes_per_second, t->gigaflops_per_second);
    }
}
