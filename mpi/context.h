/* The ranks of a run: communicator, agreement on errors, small collectives, timers. Every call marked
 * collective must be made by all ranks of the context in the same order. */
#ifndef CW_MPI_CONTEXT_H
#define CW_MPI_CONTEXT_H

#include <mpi.h>

#include "../src/base/env.h"

typedef struct cw_context cw_context;

/* Collective. Duplicates `comm`; MPI errors become cw_code from here on. `env` is borrowed. */
cw_code cw_context_create(cw_env *env, MPI_Comm comm, cw_context **out) CW_CHECKED;
/* Collective. */
void cw_context_destroy(cw_context **context);

int cw_context_rank(const cw_context *context);
int cw_context_size(const cw_context *context);
cw_env *cw_context_env(const cw_context *context);

/* Collective. All ranks return the gravest code of any rank; every rank's env->error becomes that of the
 * lowest rank with that code. Call it before any branch that decides whether a collective is entered. */
cw_code cw_agree(cw_context *context, cw_code local) CW_CHECKED;

/* Collective. Rank 0's bytes reach everyone. The second form allocates *data on the other ranks. Sizes above
 * INT_MAX are sent in pieces. */
cw_code cw_broadcast(cw_context *context, void *data, size_t bytes) CW_CHECKED;
cw_code cw_broadcast_alloc(cw_context *context, void **data, size_t *bytes) CW_CHECKED;

/* Collective, over `count` integers a rank: sums, maxima, and sums over the lower ranks (0 on rank 0). */
cw_code cw_all_sum(cw_context *context, int64_t *value, int32_t count) CW_CHECKED;
cw_code cw_all_max(cw_context *context, int64_t *value, int32_t count) CW_CHECKED;
cw_code cw_scan_below(cw_context *context, int64_t *value, int32_t count) CW_CHECKED;

/* Collective. Everyone gets every rank's `bytes` bytes, in rank order: all[rank*bytes ...]. */
cw_code cw_all_gather(cw_context *context, const void *mine, size_t bytes, void *all) CW_CHECKED;

/* Collective. Rank 0 gets every rank's variable-sized bytes, joined in rank order (*all to be freed by it;
 * sizes[rank] filled where not NULL); others get NULL. */
cw_code cw_gather(cw_context *context, const void *mine, size_t bytes, void **all, size_t *sizes) CW_CHECKED;

/* Collective. */
cw_code cw_barrier(cw_context *context) CW_CHECKED;

/* Timers, by name; nesting is allowed. `bytes` and `flops` are this rank's work while the timer ran. */
void cw_timer_start(cw_context *context, const char *name);
void cw_timer_stop(cw_context *context, const char *name, double bytes, double flops);

typedef struct cw_timing {
    char name[48];
    int64_t calls;                           /* most of any rank */
    double seconds_max, seconds_mean, ratio; /* over ranks; ratio = max/min (0 where min is 0) */
    double gigabytes_per_second,
        gigaflops_per_second; /* all ranks' work / seconds_max; 0 where not counted */
} cw_timing;

/* Collective. The table of all timers, in order of first start on rank 0; to be freed with cw_free. */
cw_code cw_timings(cw_context *context, cw_timing **table, int32_t *count) CW_CHECKED;

/* Seconds since the context was made (monotonic). */
double cw_context_seconds(const cw_context *context);

/* Starts a watchdog: when no rank-local progress is marked (cw_progress) for `minutes`, the process writes
 * one line and leaves with 71, which ends the run instead of hanging. 0 stops it. */
void cw_watchdog(cw_context *context, double minutes);
void cw_progress(cw_context *context);

/* Asks the running pass to stop at its next block: safe in a signal handler. Any rank may be the one that is
 * asked. */
void cw_request_stop(void);
int cw_stop_requested(void);
/* Forgets the request: for a program that goes on after a stop, and for tests. */
void cw_forget_stop(void);

#endif
