/* Bounds from an instrument with binary treatment X and outcome Y: the sharp ones of Balke & Pearl (1997) for
 * a two-level instrument and, in the equivalent form of Richardson & Robins (2014, Theorem 1), for any number
 * of levels; and the "natural" ones of Robins (1989) and Manski (1990), which need Z independent of each
 * potential outcome only in the mean. The instrument is assumed randomised (or as good as) and without effect
 * on Y except through X; tables that contradict this are refuted, and get no bounds. */
#ifndef CW_BOUNDS_INSTRUMENT_H
#define CW_BOUNDS_INSTRUMENT_H

#include "interval.h"

enum { CW_INSTRUMENT_LEVELS = 16 };

/* P(X = x, Y = y | Z = z) at one level of the instrument; they add up to 1. Named, so that no order of axes
 * has to be guessed. */
typedef struct cw_instrument_row {
    double x0y0, x0y1, x1y0, x1y1;
    double rows; /* (effective) number of rows at this level; NaN: unknown, and so are the errors */
} cw_instrument_row;

typedef struct cw_instrument {
    int refuted; /* the table contradicts the instrument: no bounds (they are NaN), the rest is valid */
    /* Pearl's (1995) instrumental inequality: the largest over x of sum over y of max over z of P(x, y|z) is
     * at most 1. */
    double inequality;
    double excess_se; /* of its excess over 1, at the cells that make it */
    double p;         /* one-sided, Bonferroni over x and the pairs (z, z'): small means refuted, not by
                         chance; NaN without rows */
    cw_ends effect;   /* E[Y(1) - Y(0)] */
    cw_ends treated;  /* P(Y(1) = 1) */
    cw_ends control;  /* P(Y(0) = 1) */
    cw_ends natural;  /* E[Y(1) - Y(0)], independence in the mean only */
    /* Confidence limits of the effect's bounds that are honest about the largest of several estimates
     * (cw_intersection over the terms); each one-sided at (1 + level) / 2, so together they cover the set at
     * `level`. */
    double lower_limit, upper_limit;
    int no_defiers; /* P(x=1, y|z) does not fall and P(x=0, y|z) does not rise with z, in the order given */
    /* Two levels only, else NaN: the effect of z on y and on x, and their ratio, the effect among compliers
     * (Imbens & Angrist 1994), which needs that there are no defiers. */
    double intention, first_stage, compliers;
} cw_instrument;

/* 2 to CW_INSTRUMENT_LEVELS levels. Fails with CW_BAD_DATA for probabilities outside [0, 1] or a row that
 * does not add up to 1 within 0.001 (rounding in print; rows are taken as given). `level` is that of the
 * limits. */
cw_code cw_instrument_find(cw_env *env, int32_t levels, const cw_instrument_row *row, double level,
                           cw_instrument *out) CW_CHECKED;

/* The row of a level from its counts. */
cw_instrument_row cw_instrument_counts(double x0y0, double x0y1, double x1y0, double x1y1);

#endif
