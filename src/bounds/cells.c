#include "cells.h"

#include <math.h>

/* Four sums of weights a level, in the order x0y0, x0y1, x1y0, x1y1, and its sum of squared weights. */
enum { CELLS = 4, OTHER = 0, BAD = 1, ROWS = 0, SUMS = 1, SQUARES = 2 };

static double *reals(const cw_cells *cells, const void *state, int32_t index) {
    return (double *)((char *)(uintptr_t)state + cw_accumulator_offset(&cells->accumulator, index));
}

static void cells_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)scratch;
    const cw_cells *cells = params;
    const cw_cells_spec *s = &cells->spec;
    const double *z = block->real[s->instrument], *x = block->real[s->treatment],
                 *y = block->real[s->outcome];
    int64_t *rows = state;
    double *sums = reals(cells, state, SUMS), *squares = reals(cells, state, SQUARES);
    for (int32_t i = 0; i < block->rows; i++) {
        double w = block->weight ? block->weight[i] : 1;
        if (w == 0) continue;
        if (!isfinite(w) || !isfinite(z[i]) || !isfinite(x[i]) || !isfinite(y[i])) {
            rows[BAD]++;
            continue;
        }
        int32_t k = 0;
        while (k < s->levels && s->level[k] != z[i]) k++;
        if (k == s->levels || (x[i] != s->control && x[i] != s->treated)) {
            rows[OTHER]++;
            continue;
        }
        sums[CELLS * k + 2 * (x[i] == s->treated) + (y[i] > s->threshold)] += w;
        squares[k] += s->frequency ? w : w * w;
    }
}

static void cells_merge(const void *params, void *state, const void *later) {
    const cw_cells *cells = params;
    int64_t *rows = state;
    const int64_t *more = later;
    rows[OTHER] += more[OTHER];
    rows[BAD] += more[BAD];
    for (int32_t index = SUMS; index <= SQUARES; index++) {
        double *a = reals(cells, state, index);
        const double *b = reals(cells, later, index);
        for (int64_t k = 0; k < cells->member[index].count; k++) a[k] += b[k];
    }
}

cw_code cw_cells_init(cw_env *env, cw_cells *cells, const cw_cells_spec *spec) {
    if (spec->levels < 2 || spec->levels > CW_INSTRUMENT_LEVELS)
        return cw_fail(env, CW_BAD_DATA, NULL, "group the instrument's values",
                       "an instrument needs 2 to %d levels, not %d", (int)CW_INSTRUMENT_LEVELS, spec->levels);
    for (int32_t k = 0; k < spec->levels; k++)
        for (int32_t j = 0; j <= k; j++)
            if (j < k ? spec->level[j] == spec->level[k] : !isfinite(spec->level[k]))
                return cw_fail(env, CW_BAD_DATA, NULL, "give every value of the instrument once",
                               "the instrument's value %g is given twice or is not finite", spec->level[k]);
    if (!isfinite(spec->control) || !isfinite(spec->treated) || spec->control == spec->treated ||
        !isfinite(spec->threshold))
        return cw_fail(env, CW_BAD_DATA, NULL, "give two treatment values and a threshold",
                       "treatment values %g and %g and threshold %g are equal or not finite", spec->control,
                       spec->treated, spec->threshold);
    cells->spec = *spec;
    cells->member[ROWS] = (cw_member){"rows", CW_I64, 2};
    cells->member[SUMS] = (cw_member){"sums", CW_F64, (int64_t)CELLS * spec->levels};
    cells->member[SQUARES] = (cw_member){"squares", CW_F64, spec->levels};
    cells->accumulator = (cw_accumulator){.name = "cells",
                                          .order = CW_TREE,
                                          .members = 3,
                                          .member = cells->member,
                                          .params = cells,
                                          .flops_per_row = 3,
                                          .add = cells_add,
                                          .merge = cells_merge};
    return CW_OK;
}

void cw_cells_get(const cw_cells *cells, const void *state, cw_instrument_row *row) {
    const double *sums = reals(cells, state, SUMS), *squares = reals(cells, state, SQUARES);
    for (int32_t k = 0; k < cells->spec.levels; k++, sums += CELLS) {
        double total = sums[0] + sums[1] + sums[2] + sums[3];
        double rows = cells->spec.frequency ? total : total * total / squares[k];
        row[k] =
            (cw_instrument_row){sums[0] / total, sums[1] / total, sums[2] / total, sums[3] / total, rows};
    }
}

int64_t cw_cells_other(const cw_cells *cells, const void *state) {
    (void)cells;
    return ((const int64_t *)state)[OTHER];
}

int64_t cw_cells_bad(const cw_cells *cells, const void *state) {
    (void)cells;
    return ((const int64_t *)state)[BAD];
}
