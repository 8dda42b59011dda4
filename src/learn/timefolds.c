#include "timefolds.h"

#include <math.h>
#include <string.h>

#include "gramfit.h"

enum { NEAR_BEFORE = 1, NEAR_AFTER = 2 };

/* The first time of a fold. */
static int64_t start_of(int32_t fold, int32_t folds, int64_t times) {
    return times / folds * fold + (times % folds) * fold / folds;
}

static cw_code check(cw_env *env, int32_t folds, double gap, int64_t times, const double *time) {
    if (folds < 2 || !(gap >= 0))
        return cw_fail(env, CW_BAD_JOB, NULL, "set run.folds.k to 2 or more and gap to 0 or more",
                       "%d time folds with a gap of %g", folds, gap);
    if (times < folds)
        return cw_fail(env, CW_BAD_DATA, NULL, "lower run.folds", "%lld times cannot fill %d folds",
                       (long long)times, folds);
    for (int64_t k = 1; k < times; k++)
        if (!(time[k] > time[k - 1]))
            return cw_fail(env, CW_BAD_DATA, NULL, "give distinct times in order",
                           "time %lld does not ascend", (long long)k);
    return CW_OK;
}

cw_code cw_time_cells(cw_env *env, int32_t folds, double gap, int64_t times, const double *time,
                      int32_t *cell) {
    CW_TRY(check(env, folds, gap, times, time));
    for (int32_t f = 0; f < folds; f++) {
        int64_t first = start_of(f, folds, times), end = start_of(f + 1, folds, times);
        double before = f > 0 ? time[first - 1] : -(double)INFINITY;
        double after = f < folds - 1 ? time[end] : INFINITY;
        /* From the run before across this one to the run after: farther than the gap, or runs beside each
         * other would not be the only ones to heed. */
        if (f > 0 && f < folds - 1 && after - before <= gap)
            return cw_fail(env, CW_BAD_DATA, NULL, "lower the gap or run.folds",
                           "the gap of %g reaches across all of time fold %d", gap, f);
        for (int64_t k = first; k < end; k++)
            cell[k] = CW_TIME_CELLS * f + (time[k] - before <= gap ? NEAR_BEFORE : 0) +
                      (after - time[k] <= gap ? NEAR_AFTER : 0);
    }
    return CW_OK;
}

void cw_time_uses(int32_t folds, int32_t arms, uint8_t *uses, int32_t *model_of_cell) {
    int32_t cells = folds * CW_TIME_CELLS * arms;
    for (int32_t c = 0; c < cells; c++) {
        int32_t fold = c / arms / CW_TIME_CELLS, near = c / arms % CW_TIME_CELLS;
        model_of_cell[c] = fold;
        for (int32_t m = 0; m < folds; m++)
            uses[m * cells + c] = fold != m && !(fold == m + 1 && (near & NEAR_BEFORE)) &&
                                  !(fold == m - 1 && (near & NEAR_AFTER));
    }
}

void cw_gram_select(int32_t parts, int64_t size, const double *part, const uint8_t *uses, double *to) {
    memset(to, 0, (size_t)size * sizeof *to);
    for (int32_t k = 0; k < parts; k++)
        if (uses[k]) cw_gram_add(size, to, part + k * size, to);
}
