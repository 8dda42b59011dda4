/* What the files of mpi/ share about a context and nobody else needs: its members, agreement with flags, and
 * messages in pieces. Tests include it to make pieces and rounds small. */
#ifndef CW_MPI_INSIDE_H
#define CW_MPI_INSIDE_H

#include "context.h"

enum { CW_TIMERS = 256, CW_TIMER_NAME = 48 };

typedef struct cw_timer {
    char name[CW_TIMER_NAME];
    int64_t calls;
    int32_t depth; /* a timer started within itself counts its seconds once */
    double started, seconds, bytes, flops;
} cw_timer;

struct cw_context {
    cw_env *env;
    MPI_Comm comm;
    int rank, size;
    size_t piece;         /* the largest message in bytes, at most INT_MAX */
    double round_seconds; /* how long a rank works in a pass between two agreements */
    double made;          /* monotonic clock at creation */
    int watching;         /* this context started the watchdog */
    int32_t timers;
    cw_timer timer[CW_TIMERS]; /* the last one, "other", takes what does not fit */
};

/* Seconds of the monotonic clock. */
double cw_clock(void);

/* CW_OK where an MPI call returned MPI_SUCCESS, else a recorded CW_MACHINE. */
cw_code cw_mpi(cw_context *context, int result, const char *call) CW_CHECKED;

/* Collective. cw_agree that also takes the maxima of `count` (at most CW_FLAGS) integers along, in the same
 * one reduction. */
enum { CW_FLAGS = 8 };
cw_code cw_agree_flags(cw_context *context, cw_code local, int32_t count, int64_t *flag) CW_CHECKED;

/* Messages between two ranks, in pieces. */
cw_code cw_send(cw_context *context, int to, const void *data, size_t bytes) CW_CHECKED;
cw_code cw_receive(cw_context *context, int from, void *data, size_t bytes) CW_CHECKED;

/* Rank r of P owns the run [n r/P, n (r+1)/P) of n things; the owner of thing number i. */
int64_t cw_run_first(int64_t n, int size, int rank);
int cw_run_owner(int64_t n, int size, int64_t i);

#endif
