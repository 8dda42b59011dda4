#include "monotone.h"

#include <math.h>

#include "../base/distribution.h"

/* May cell `other` serve as a floor at v? Cells below v do when the mean rises with v, cells above v are its
 * ceilings; with sign 0 every cell is both. */
static int serves(int sign, int32_t v, int32_t other, int floor) {
    if (sign == 0 || other == v) return 1;
    return (sign > 0) == (floor != 0) ? other < v : other > v;
}

/* The tightest end at v with every candidate moved out by `quantile` standard errors; *chosen its cell. */
static double tightest(int32_t cells, const cw_monotone_cell *cell, int sign, int32_t v, int floor,
                       double quantile, int32_t *chosen) {
    double best = floor ? -INFINITY : INFINITY;
    *chosen = v;
    for (int32_t k = 0; k < cells; k++) {
        if (!serves(sign, v, k, floor)) continue;
        double end = floor ? cell[k].lower : cell[k].upper, se = floor ? cell[k].lower_se : cell[k].upper_se;
        if (isfinite(end) && quantile > 0) end += floor ? -quantile * se : quantile * se;
        if (!(floor ? end > best : end < best)) continue;
        best = end;
        *chosen = k;
    }
    return best;
}

static cw_code check(cw_env *env, int32_t cells, const cw_monotone_cell *cell, double level) {
    if (cells < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "a monotone instrument of %d cells", cells);
    if (!(level > 0.5 && level < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a level such as 0.95",
                       "a confidence level of %g is not between 0.5 and 1", level);
    double sum = 0;
    for (int32_t v = 0; v < cells; v++) {
        if (!(cell[v].share >= 0) || isnan(cell[v].lower) || isnan(cell[v].upper) || cell[v].lower_se < 0 ||
            cell[v].upper_se < 0)
            return cw_fail(env, CW_BAD_DATA, NULL, NULL,
                           "cell %d of the monotone instrument has a negative share or error, or no bounds",
                           v + 1);
        sum += cell[v].share;
    }
    if (!(fabs(sum - 1) <= 1e-6))
        return cw_fail(env, CW_BAD_DATA, NULL, "give the share of rows at every value of the instrument",
                       "the shares of the monotone instrument's cells add up to %.9g", sum);
    return CW_OK;
}

/* One end averaged over v, its error and its limit. `excess` of floors over ceilings is the caller's. */
static void one_end(int32_t cells, const cw_monotone_cell *cell, int sign, int floor, double quantile,
                    double *value, double *se, double *limit) {
    double sum = 0, moved = 0, variance = 0;
    int32_t chosen;
    for (int32_t v = 0; v < cells; v++) {
        if (cell[v].share == 0) continue;
        sum += cell[v].share * tightest(cells, cell, sign, v, floor, 0, &chosen);
        moved += cell[v].share * tightest(cells, cell, sign, v, floor, quantile, &chosen);
    }
    for (int32_t k = 0; k < cells; k++) {
        double weight = 0, error = floor ? cell[k].lower_se : cell[k].upper_se;
        for (int32_t v = 0; v < cells; v++) {
            if (cell[v].share == 0) continue;
            (void)tightest(cells, cell, sign, v, floor, 0, &chosen);
            if (chosen == k) weight += cell[v].share;
        }
        if (weight > 0) variance += weight * weight * error * error;
    }
    *value = sum;
    *se = isfinite(sum) ? sqrt(variance) : 0;
    *limit = moved;
}

static double worst(int32_t cells, const cw_monotone_cell *cell, int sign, double quantile) {
    double excess = -INFINITY;
    int32_t chosen;
    for (int32_t v = 0; v < cells; v++) {
        double gap = tightest(cells, cell, sign, v, 1, quantile, &chosen) -
                     tightest(cells, cell, sign, v, 0, quantile, &chosen);
        if (gap > excess) excess = gap;
    }
    return excess;
}

cw_code cw_monotone_mean(cw_env *env, int32_t cells, const cw_monotone_cell *cell, int sign, double level,
                         cw_monotone *out) {
    CW_TRY(check(env, cells, cell, level));
    /* 2 * cells one-sided statements hold together with probability `level`. */
    double quantile = cw_normal_quantile(1 - (1 - level) / (2.0 * cells));
    one_end(cells, cell, sign, 1, quantile, &out->lower, &out->lower_se, &out->lower_limit);
    one_end(cells, cell, sign, 0, quantile, &out->upper, &out->upper_se, &out->upper_limit);
    out->excess = worst(cells, cell, sign, 0);
    out->excess_limit = worst(cells, cell, sign, quantile);
    return CW_OK;
}
