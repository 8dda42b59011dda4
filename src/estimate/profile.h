/* The first look at the rows: counts, bounds and a shift for every column, exact for any order of blocks. */
#ifndef CW_ESTIMATE_PROFILE_H
#define CW_ESTIMATE_PROFILE_H

#include "../base/accumulator.h"
#include "linear.h"

typedef struct cw_profile cw_profile;

/* Over the first `columns` reals of a block. `watched` values of column `watch` (e.g. the contrast's two
 * treatment values) are counted; watch -1: none. */
cw_code cw_profile_create(cw_env *env, int32_t columns, int32_t watch, int32_t watched, const double *value,
                          cw_profile **out) CW_CHECKED;
void cw_profile_destroy(cw_profile **profile);
const cw_accumulator *cw_profile_accumulator(const cw_profile *profile); /* exact */

typedef struct cw_profile_column {
    double low, high;      /* of included rows that are not missing; NaN if none */
    double shift;          /* the mean over the first block that has included rows, rounded to 24 bits */
    int64_t missing;       /* included rows where it is NaN */
    int64_t first_missing; /* the first such row (global, 0-based), -1 if none */
    int is_binary;         /* every value is 0 or 1 */
    int is_integer;        /* every value is an integer */
} cw_profile_column;

void cw_profile_get(const cw_profile *profile, const void *state, int32_t column, cw_profile_column *out);
int64_t cw_profile_rows(const cw_profile *profile, const void *state);     /* rows with weight > 0 */
int64_t cw_profile_excluded(const cw_profile *profile, const void *state); /* rows with weight 0 */
int64_t cw_profile_watched(const cw_profile *profile, const void *state,
                           int32_t k); /* rows with watched value k */

#endif
