/* The census: how many rows the view used, filtered away and dropped, and the first one dropped; exact. */
#ifndef CW_ESTIMATE_CENSUS_H
#define CW_ESTIMATE_CENSUS_H

#include "../base/accumulator.h"

typedef struct cw_census {
    cw_accumulator accumulator; /* exact; its parameters are this struct */
    int32_t fate;               /* index in block.real of the view's fate column (base/view.h) */
} cw_census;

/* Makes *census count by the fate column at `fate`. */
void cw_census_init(cw_census *census, int32_t fate);

typedef struct cw_census_counts {
    int64_t used;
    int64_t filtered; /* left out by the filter or by a weight of 0 */
    int64_t missing;
    int64_t first_missing;  /* global row (0-based) of the first dropped row, -1 if none */
    int32_t missing_column; /* which of the view's columns (then keys) was missing there */
} cw_census_counts;

cw_census_counts cw_census_get(const void *state);

#endif
