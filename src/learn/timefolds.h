/* Folds of time: runs of neighbouring times, so that what is learned never comes from a time next to where it
 * is used. A model learns from no row within `gap` of its own run; so each run is split by how near a time is
 * to the runs beside it, and a model's rows are a choice of these cells, summed and never subtracted. */
#ifndef CW_LEARN_TIMEFOLDS_H
#define CW_LEARN_TIMEFOLDS_H

#include "../base/env.h"

/* Cells of a fold: 4 fold + (1: within the gap of the run before) + (2: within the gap of the run after). */
enum { CW_TIME_CELLS = 4 };

/* Cuts `times` distinct ascending times into `folds` runs of as many times each, but for one. cell[k] of each
 * time. The gap is in units of time, 0 or more. Fails with CW_BAD_DATA where there are fewer times than
 * folds, times do not ascend, or the gap reaches across a whole run. */
cw_code cw_time_cells(cw_env *env, int32_t folds, double gap, int64_t times, const double *time,
                      int32_t *cell) CW_CHECKED;

/* uses[m * cells + c] for cells = folds * CW_TIME_CELLS * arms, c = arms * (time's cell) + arm: whether the
 * model that predicts fold m may learn from cell c (learn/logistic.h, cw_gram_select). model_of_cell[c] = the
 * fold. */
void cw_time_uses(int32_t folds, int32_t arms, uint8_t *uses, int32_t *model_of_cell);

/* to := the sum of the parts that are used, in their order. */
void cw_gram_select(int32_t parts, int64_t size, const double *part, const uint8_t *uses, double *to);

#endif
