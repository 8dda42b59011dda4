#include "context.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "inside.h"

enum { CW_PIECE = 1 << 30 };

/* Long enough that agreements cost nothing, short enough that a stop or a failure is heard at once. */
static const double ROUND_SECONDS = 0.5;

double cw_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static cw_code mpi_failed(cw_env *env, int result, const char *call) {
    if (result == MPI_SUCCESS) return CW_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(result, text, &length);
    return cw_fail(env, CW_MACHINE, call, "look at the launcher's messages and at the network", "MPI: %s",
                   text);
}

cw_code cw_mpi(cw_context *context, int result, const char *call) {
    return mpi_failed(context->env, result, call);
}

/* The gravest code wins and, among its ranks, the lowest: both fit one integer, so that one MAX finds them.
 */
static int64_t verdict_of(cw_code code, int rank) {
    return code == CW_OK ? 0 : ((int64_t)code << 32) | (INT32_MAX - rank);
}

/* Everyone takes over the error of rank `speaker`. */
static cw_code share_error(cw_env *env, MPI_Comm comm, int rank, int speaker, cw_code code) {
    cw_error error = env->error;
    if (rank == speaker) error.code = code;
    CW_TRY(mpi_failed(env, MPI_Bcast(&error, (int)sizeof error, MPI_BYTE, speaker, comm), "MPI_Bcast"));
    env->error = error;
    return code;
}

static cw_code agree(cw_env *env, MPI_Comm comm, int rank, cw_code local, int32_t count, int64_t *flag) {
    int64_t word[1 + CW_FLAGS] = {verdict_of(local, rank)};
    for (int32_t f = 0; f < count; f++) word[1 + f] = flag[f];
    int result = MPI_Allreduce(MPI_IN_PLACE, word, 1 + count, MPI_INT64_T, MPI_MAX, comm);
    CW_TRY(mpi_failed(env, result, "MPI_Allreduce"));
    for (int32_t f = 0; f < count; f++) flag[f] = word[1 + f];
    if (word[0] == 0) return CW_OK;
    int speaker = (int)(INT32_MAX - (word[0] & INT32_MAX));
    return share_error(env, comm, rank, speaker, (cw_code)(word[0] >> 32));
}

cw_code cw_agree_flags(cw_context *context, cw_code local, int32_t count, int64_t *flag) {
    cw_code code = agree(context->env, context->comm, context->rank, local, count, flag);
    cw_progress(context);
    return code;
}

cw_code cw_agree(cw_context *context, cw_code local) {
    return cw_agree_flags(context, local, 0, NULL);
}

cw_code cw_context_create(cw_env *env, MPI_Comm comm, cw_context **out) {
    *out = NULL;
    MPI_Comm own;
    CW_TRY(mpi_failed(env, MPI_Comm_dup(comm, &own), "MPI_Comm_dup"));
    MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
    int rank = 0, size = 1;
    MPI_Comm_rank(own, &rank);
    MPI_Comm_size(own, &size);
    cw_context *context = NULL;
    cw_code code = agree(env, own, rank, cw_alloc_zero(env, 1, sizeof *context, &context), 0, NULL);
    if (code != CW_OK) {
        cw_free(env, &context);
        MPI_Comm_free(&own);
        return code;
    }
    context->env = env;
    context->comm = own;
    context->rank = rank;
    context->size = size;
    context->piece = CW_PIECE;
    context->round_seconds = ROUND_SECONDS;
    context->made = cw_clock();
    *out = context;
    return CW_OK;
}

void cw_context_destroy(cw_context **context) {
    if (!*context) return;
    cw_watchdog(*context, 0);
    MPI_Comm_free(&(*context)->comm);
    cw_env *env = (*context)->env;
    cw_free(env, context);
}

int cw_context_rank(const cw_context *context) {
    return context->rank;
}

int cw_context_size(const cw_context *context) {
    return context->size;
}

cw_env *cw_context_env(const cw_context *context) {
    return context->env;
}

double cw_context_seconds(const cw_context *context) {
    return cw_clock() - context->made;
}

/* floor(n rank / size) without overflow. */
int64_t cw_run_first(int64_t n, int size, int rank) {
    return n / size * rank + n % size * rank / size;
}

/* The largest rank whose run begins at or before i, by bisection; its run is not empty. */
int cw_run_owner(int64_t n, int size, int64_t i) {
    int low = 0, high = size;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (cw_run_first(n, size, middle) <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}
