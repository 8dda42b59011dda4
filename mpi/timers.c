/* Timers by name, and the table over all ranks. Seconds, bytes and flops are reduced as integers (ns, bytes,
 * kflop), which keeps the house free of floating reductions. */
#include <string.h>

#include "inside.h"

static void set_name(char to[CW_TIMER_NAME], const char *name) {
    size_t length = strlen(name);
    if (length >= CW_TIMER_NAME) length = CW_TIMER_NAME - 1;
    memset(to, 0, CW_TIMER_NAME);
    memcpy(to, name, length);
}

/* Names are compared as they are stored, cut to size. */
static cw_timer *find_timer(cw_context *context, const char *name) {
    for (int32_t t = 0; t < context->timers; t++)
        if (strncmp(context->timer[t].name, name, CW_TIMER_NAME - 1) == 0) return &context->timer[t];
    return NULL;
}

/* Finds a timer or makes it; when all are taken, the last one takes every further name. */
static cw_timer *timer_of(cw_context *context, const char *name) {
    cw_timer *timer = find_timer(context, name);
    if (timer) return timer;
    if (context->timers == CW_TIMERS) return &context->timer[CW_TIMERS - 1];
    timer = &context->timer[context->timers++];
    memset(timer, 0, sizeof *timer);
    set_name(timer->name, context->timers == CW_TIMERS ? "other" : name);
    return timer;
}

void cw_timer_start(cw_context *context, const char *name) {
    cw_timer *timer = timer_of(context, name);
    timer->calls += 1;
    if (timer->depth++ == 0) timer->started = cw_clock();
}

void cw_timer_stop(cw_context *context, const char *name, double bytes, double flops) {
    cw_timer *timer = timer_of(context, name);
    timer->bytes += bytes;
    timer->flops += flops;
    if (timer->depth > 0 && --timer->depth == 0) timer->seconds += cw_clock() - timer->started;
}

/* Makes every rank know every name, in the order of rank 0 and then of the lowest rank with names that are
 * still unknown. Usually one agreement: ranks time the same things. */
static cw_code spread_names(cw_context *context, cw_timing *table, int32_t *count) {
    for (int32_t n = 0;;) {
        int32_t fresh = 0;
        char name[CW_TIMERS][CW_TIMER_NAME];
        for (int32_t t = 0; t < context->timers; t++) {
            int known = 0;
            for (int32_t k = 0; k < n && !known; k++)
                known = strcmp(table[k].name, context->timer[t].name) == 0;
            if (!known) memcpy(name[fresh++], context->timer[t].name, CW_TIMER_NAME);
        }
        int64_t speaker = fresh ? INT32_MAX - context->rank : 0;
        CW_TRY(cw_all_max(context, &speaker, 1));
        if (speaker == 0 || n == CW_TIMERS) {
            *count = n;
            return CW_OK;
        }
        int root = (int)(INT32_MAX - speaker);
        CW_TRY(cw_mpi(context, MPI_Bcast(&fresh, 1, MPI_INT32_T, root, context->comm), "MPI_Bcast"));
        int result = MPI_Bcast(name, fresh * CW_TIMER_NAME, MPI_CHAR, root, context->comm);
        CW_TRY(cw_mpi(context, result, "MPI_Bcast"));
        for (int32_t f = 0; f < fresh && n < CW_TIMERS; f++, n++)
            memcpy(table[n].name, name[f], CW_TIMER_NAME);
    }
}

enum { SUM_SECONDS, SUM_BYTES, SUM_FLOPS, SUMS };
enum { MAX_CALLS, MAX_SECONDS, MAX_MINUS_SECONDS, MAXES };

static void fill_timing(cw_timing *timing, const int64_t *sum, const int64_t *most, int size) {
    double longest = 1e-9 * (double)most[MAX_SECONDS];
    double shortest = -1e-9 * (double)most[MAX_MINUS_SECONDS];
    timing->calls = most[MAX_CALLS];
    timing->seconds_max = longest;
    timing->seconds_mean = 1e-9 * (double)sum[SUM_SECONDS] / size;
    timing->ratio = shortest > 0 ? longest / shortest : 0;
    timing->gigabytes_per_second = longest > 0 ? 1e-9 * (double)sum[SUM_BYTES] / longest : 0;
    timing->gigaflops_per_second = longest > 0 ? 1e-6 * (double)sum[SUM_FLOPS] / longest : 0;
}

static cw_code reduce_timers(cw_context *context, cw_timing *table, int32_t count) {
    int64_t sum[CW_TIMERS][SUMS] = {{0}}, most[CW_TIMERS][MAXES] = {{0}};
    for (int32_t n = 0; n < count; n++) {
        const cw_timer *timer = find_timer(context, table[n].name);
        if (!timer) continue;
        sum[n][SUM_SECONDS] = (int64_t)(1e9 * timer->seconds);
        sum[n][SUM_BYTES] = (int64_t)timer->bytes;
        sum[n][SUM_FLOPS] = (int64_t)(1e-3 * timer->flops + 0.5);
        most[n][MAX_CALLS] = timer->calls;
        most[n][MAX_SECONDS] = sum[n][SUM_SECONDS];
        most[n][MAX_MINUS_SECONDS] = -sum[n][SUM_SECONDS];
    }
    CW_TRY(cw_all_sum(context, &sum[0][0], count * SUMS));
    CW_TRY(cw_all_max(context, &most[0][0], count * MAXES));
    for (int32_t n = 0; n < count; n++) fill_timing(&table[n], sum[n], most[n], context->size);
    return CW_OK;
}

cw_code cw_timings(cw_context *context, cw_timing **table, int32_t *count) {
    *count = 0;
    cw_code code = cw_agree(context, cw_alloc_zero(context->env, CW_TIMERS, sizeof **table, table));
    if (code == CW_OK) code = spread_names(context, *table, count);
    if (code == CW_OK) code = reduce_timers(context, *table, *count);
    if (code != CW_OK) cw_free(context->env, table);
    return code;
}
