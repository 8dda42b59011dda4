/* A monotone instrument (Manski & Pepper 2000, Prop. 1): within each value v of an ordered covariate
 * E[Y(t)|v] has bounds (of response.h, under any beliefs); it is believed nondecreasing (sign +1) or
 * nonincreasing (-1) in v, or, with sign 0, not to depend on it (an instrument in means; Manski 1990). Bounds
 * at other values then serve as floors and ceilings too. An effect's bounds are the differences of those of
 * its two means. */
#ifndef CW_BOUNDS_MONOTONE_H
#define CW_BOUNDS_MONOTONE_H

#include "interval.h"

typedef struct cw_monotone_cell {
    double share; /* P(v); they add up to 1 */
    double lower, upper, lower_se, upper_se;
} cw_monotone_cell;

typedef struct cw_monotone {
    double lower, upper;
    double lower_se,
        upper_se;                    /* as if the binding cells had been chosen beforehand; cells independent,
                                        shares       known. Largest and smallest of several estimates: biased inward. */
    double lower_limit, upper_limit; /* confidence limits honest about the choice: every cell moved out by the
                                        Bonferroni quantile first; together valid at the level given */
    double excess;       /* the largest floor above its ceiling over v; > 0: refuted in the sample */
    double excess_limit; /* the same among the limits: > 0 refutes the belief at the level given */
} cw_monotone;

/* Cells in the order of v, at least one. Fails with CW_BAD_DATA where shares are negative or do not add up to
 * 1, or a cell's end is NaN. Floors above ceilings are an answer (excess), not an error. */
cw_code cw_monotone_mean(cw_env *env, int32_t cells, const cw_monotone_cell *cell, int sign, double level,
                         cw_monotone *out) CW_CHECKED;

#endif
