/* Made-up rows with nuisances in columns: the propensity is right, the outcome's models nearly. */
#ifndef CW_TESTS_SUPPORT_ANSWER_ROWS_H
#define CW_TESTS_SUPPORT_ANSWER_ROWS_H

#include "answer.h"

#include "src/base/random.h"

enum { X0, X1, D, Y, E, G0, G1, GROUP, COLUMNS };

static const cw_stream noise = {{11, 12}};

static inline double uniform(int64_t row, uint32_t step) {
    return cw_stream_uniform(noise, (uint64_t)row, step, 0);
}

/* Nuisances stand in columns: e is right, g0 and g1 nearly. */
static inline void make_rows(cw_env *env, serial_table *t, int64_t rows) {
    serial_make(env, t, rows);
    for (int j = 0; j < COLUMNS; j++) serial_add(t, "x");
    for (int64_t i = 0; i < rows; i++) {
        double x0 = 2 * uniform(i, X0) - 1, x1 = uniform(i, X1);
        t->real[X0][i] = x0;
        t->real[X1][i] = x1;
        t->real[E][i] = 0.05 + 0.9 * x1 * (0.75 + 0.25 * x0);
        t->real[D][i] = uniform(i, D) < t->real[E][i];
        t->real[G0][i] = 1000 + x0;
        t->real[G1][i] = 1002 + x0 + x1;
        t->real[Y][i] = (t->real[D][i] > 0 ? t->real[G1][i] : t->real[G0][i]) + 4 * uniform(i, Y) - 2;
        t->real[GROUP][i] = x0 > 0.2 ? 7 : -1;
    }
}

static const int32_t at[] = {X0, X1, D, Y, E, G0, G1};
#define COLUMN(j)                                                                                            \
    { .link = CW_LINK_COLUMN, .columns = 1, .column = &at[j] }
static const cw_predictor e_column = COLUMN(E), g0_column = COLUMN(G0), g1_column = COLUMN(G1);

#endif
