/* Tests over ranks: a failed check is counted and told, never a jump, so that no rank leaves a collective
 * that others wait in. The verdict is the maximum over all ranks. */
#ifndef CW_TESTS_MPI_RANKS_H
#define CW_TESTS_MPI_RANKS_H

#include <stdio.h>
#include <string.h>

#include "mpi/inside.h"

static int failures;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) tell_failure(__FILE__, __LINE__, #condition);                                      \
    } while (0)

static inline void tell_failure(const char *file, int line, const char *condition) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (failures++ < 10) fprintf(stderr, "rank %d: %s:%d: %s\n", rank, file, line, condition);
}

/* A context over the lowest `size` ranks of the world; NULL on the others. */
static inline cw_context *lowest_ranks(cw_env *env, int size) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, rank < size ? 0 : MPI_UNDEFINED, rank, &comm);
    if (comm == MPI_COMM_NULL) return NULL;
    cw_context *context = NULL;
    CHECK(cw_context_create(env, comm, &context) == CW_OK);
    MPI_Comm_free(&comm);
    return context;
}

/* Every rank has the same error text, the expected code, and is told apart from no error. */
static inline void check_same_error(cw_context *context, cw_code code, cw_code expected) {
    char line[1400] = "", all[16 * 1400];
    cw_error_line(&cw_context_env(context)->error, line, sizeof line);
    CHECK(code == expected);
    CHECK(cw_context_env(context)->error.code == expected);
    CHECK(cw_context_size(context) <= 16);
    CHECK(cw_all_gather(context, line, sizeof line, all) == CW_OK);
    for (int r = 0; r < cw_context_size(context); r++)
        CHECK(strcmp(all + (size_t)r * sizeof line, line) == 0);
    cw_env_clear(cw_context_env(context));
}

/* The process's exit code: 0 when no rank counted a failure. Ends MPI. */
static inline int verdict(void) {
    int worst = 0;
    MPI_Allreduce(&failures, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return worst != 0;
}

#endif
