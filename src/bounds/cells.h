/* Counts of binary treatment and outcome by level of an instrument: all that instrument.h needs from the
 * rows. */
#ifndef CW_BOUNDS_CELLS_H
#define CW_BOUNDS_CELLS_H

#include "../base/accumulator.h"
#include "instrument.h"

typedef struct cw_cells_spec {
    int32_t instrument, treatment, outcome; /* indices in block.real */
    int32_t levels;
    double level[CW_INSTRUMENT_LEVELS]; /* the instrument's values, in the order of the answer */
    double control, treated;            /* the two treatment values */
    double threshold; /* the outcome counts as 1 where it is greater; for an outcome of 0 and 1, 0.5 */
    int frequency;    /* 1: the weight is a count of equal rows */
} cw_cells_spec;

typedef struct cw_cells {
    cw_accumulator accumulator; /* tree order, name "cells"; its parameters are this struct */
    cw_member member[3];
    cw_cells_spec spec;
} cw_cells;

/* Fails with CW_BAD_DATA for fewer than 2 or more than CW_INSTRUMENT_LEVELS levels, values given twice or not
 * finite. */
cw_code cw_cells_init(cw_env *env, cw_cells *cells, const cw_cells_spec *spec) CW_CHECKED;

/* One row of the table a level: weighted shares; `rows` is (sum of w)^2 / (sum of w^2), the rows themselves
 * where unweighted. A level without rows is all NaN: cw_instrument_find refuses it. */
void cw_cells_get(const cw_cells *cells, const void *state, cw_instrument_row *row);

/* Rows with weight > 0 whose instrument or treatment has another value, and those with a value that is not
 * finite: left out of the counts. */
int64_t cw_cells_other(const cw_cells *cells, const void *state);
int64_t cw_cells_bad(const cw_cells *cells, const void *state);

#endif
