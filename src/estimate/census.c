#include "census.h"

#include <string.h>

#include "../base/view.h"

enum { USED, FILTERED, MISSING, FIRST_ROW, FIRST_COLUMN, COUNTS };

static const cw_member members[] = {{"counts", CW_I64, COUNTS}};

static void census_reset(const void *params, void *state) {
    (void)params;
    int64_t *count = state;
    memset(count, 0, COUNTS * sizeof *count);
    count[FIRST_ROW] = INT64_MAX;
}

static void census_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)scratch;
    const cw_census *census = params;
    int64_t *count = state;
    const double *fate = block->real[census->fate];
    for (int32_t i = 0; i < block->rows; i++) {
        if (fate[i] == CW_FATE_USED) {
            count[USED]++;
        } else if (fate[i] < CW_FATE_MISSING) {
            count[FILTERED]++;
        } else {
            count[MISSING]++;
            if (block->first_row + i < count[FIRST_ROW]) {
                count[FIRST_ROW] = block->first_row + i;
                count[FIRST_COLUMN] = (int64_t)(fate[i] - CW_FATE_MISSING);
            }
        }
    }
}

static void census_merge(const void *params, void *state, const void *later) {
    (void)params;
    int64_t *count = state;
    const int64_t *other = later;
    for (int k = USED; k <= MISSING; k++) count[k] += other[k];
    if (other[FIRST_ROW] < count[FIRST_ROW]) {
        count[FIRST_ROW] = other[FIRST_ROW];
        count[FIRST_COLUMN] = other[FIRST_COLUMN];
    }
}

void cw_census_init(cw_census *census, int32_t fate) {
    census->fate = fate;
    census->accumulator = (cw_accumulator){.name = "census",
                                           .order = CW_EXACT,
                                           .members = 1,
                                           .member = members,
                                           .params = census,
                                           .init = census_reset,
                                           .add = census_add,
                                           .merge = census_merge};
}

cw_census_counts cw_census_get(const void *state) {
    const int64_t *count = state;
    return (cw_census_counts){.used = count[USED],
                              .filtered = count[FILTERED],
                              .missing = count[MISSING],
                              .first_missing = count[MISSING] ? count[FIRST_ROW] : -1,
                              .missing_column = (int32_t)count[FIRST_COLUMN]};
}
