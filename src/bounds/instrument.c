#include "instrument.h"

#include <math.h>
#include <string.h>

#include "../base/distribution.h"

enum { CELLS = 4, TERMS = CW_INSTRUMENT_LEVELS * CW_INSTRUMENT_LEVELS };

/* A linear function of the table, constant + sum of coefficient * P(x, y|z): all bounds are largest or
 * smallest of such terms, and a term's error follows from the multinomial law of each level. */
typedef struct term {
    double constant;
    double coefficient[CW_INSTRUMENT_LEVELS][CELLS];
} term;

static int cell(int x, int y) {
    return 2 * x + y;
}

typedef struct table {
    int32_t levels;
    double p[CW_INSTRUMENT_LEVELS][CELLS], rows[CW_INSTRUMENT_LEVELS];
    double rounding; /* how far the largest row sum is from 1 */
} table;

static double value_of(const table *t, const term *a) {
    double sum = a->constant;
    for (int32_t z = 0; z < t->levels; z++)
        for (int c = 0; c < CELLS; c++) sum += a->coefficient[z][c] * t->p[z][c];
    return sum;
}

static double covariance(const table *t, const term *a, const term *b) {
    double sum = 0;
    for (int32_t z = 0; z < t->levels; z++) {
        double ab = 0, ma = 0, mb = 0;
        for (int c = 0; c < CELLS; c++) {
            ab += t->p[z][c] * a->coefficient[z][c] * b->coefficient[z][c];
            ma += t->p[z][c] * a->coefficient[z][c];
            mb += t->p[z][c] * b->coefficient[z][c];
        }
        if (ab != 0 || ma != 0 || mb != 0) sum += (ab - ma * mb) / t->rows[z];
    }
    return sum;
}

static double error_of(const table *t, const term *a) {
    double variance = covariance(t, a, a);
    return isnan(variance) ? NAN : sqrt(fmax(variance, 0));
}

/* Adds the terms of which P(Y(x) = y) is at most the smallest (Richardson & Robins 2014, eq. 4):
 *   P(x, y|z) + P(1-x, 0|z) + P(1-x, 1|z)                            for every z
 *   P(x, y|z) + P(1-x, 0|z) + P(x, y|z') + P(1-x, 1|z')              for every z != z'
 * one loop over (z, z') makes both kinds. */
static int32_t upper_terms(const table *t, int x, int y, term *out) {
    int32_t count = 0;
    for (int32_t z = 0; z < t->levels; z++)
        for (int32_t w = 0; w < t->levels; w++) {
            term *a = &out[count++];
            memset(a, 0, sizeof *a);
            a->coefficient[z][cell(x, y)] += 1;
            a->coefficient[z][cell(1 - x, 0)] += 1;
            if (w != z) a->coefficient[w][cell(x, y)] += 1;
            a->coefficient[w][cell(1 - x, 1)] += 1;
        }
    return count;
}

/* The terms of E[Y]'s natural upper bound: only those with z = z'. */
static int32_t natural_terms(const table *t, int x, int y, term *out) {
    for (int32_t z = 0; z < t->levels; z++) {
        memset(&out[z], 0, sizeof out[z]);
        out[z].coefficient[z][cell(x, y)] = 1;
        out[z].coefficient[z][cell(1 - x, 0)] = 1;
        out[z].coefficient[z][cell(1 - x, 1)] = 1;
    }
    return t->levels;
}

/* The smallest term, and the limit that is honest about the choice. */
static double smallest(const table *t, int32_t count, const term *a, double level, int32_t *chosen,
                       double *limit) {
    double value[TERMS], se[TERMS];
    for (int32_t k = 0; k < count; k++) {
        value[k] = value_of(t, &a[k]);
        se[k] = error_of(t, &a[k]);
    }
    cw_intersection best;
    cw_interval_intersect(count, value, se, 1, level, &best);
    *chosen = best.chosen;
    *limit = best.limit;
    return best.value;
}

/* Upper bounds of P(Y(x) = y) for all four (x, y): value, binding term, limit. */
typedef struct ceilings {
    double value[2][2], limit[2][2];
    term binding[2][2];
} ceilings;

static void find_ceilings(const table *t, int natural, double level, term *work, ceilings *out) {
    for (int x = 0; x < 2; x++)
        for (int y = 0; y < 2; y++) {
            int32_t count = natural ? natural_terms(t, x, y, work) : upper_terms(t, x, y, work), chosen;
            out->value[x][y] = smallest(t, count, work, level, &chosen, &out->limit[x][y]);
            out->binding[x][y] = work[chosen];
        }
}

static void accumulate(term *sum, const term *a, double sign) {
    sum->constant += sign * a->constant;
    for (int z = 0; z < CW_INSTRUMENT_LEVELS; z++)
        for (int c = 0; c < CELLS; c++) sum->coefficient[z][c] += sign * a->coefficient[z][c];
}

static double clip(double v, double low, double high) {
    return v < low ? low : v > high ? high : v;
}

/* The ends that two terms make, clipped to [least, 1]: sums of rounded probabilities may stand outside. */
static cw_ends ends_of(const table *t, const term *lower, const term *upper, double least) {
    cw_ends ends = {.lower = clip(value_of(t, lower), least, 1),
                    .upper = clip(value_of(t, upper), least, 1),
                    .lower_se = error_of(t, lower),
                    .upper_se = error_of(t, upper)};
    double product = ends.lower_se * ends.upper_se;
    ends.correlation = product > 0 ? clip(covariance(t, lower, upper) / product, -1, 1) : 0;
    return ends;
}

/* P(Y(x) = 1) lies between 1 - (bound of P(Y(x) = 0)) and the bound of P(Y(x) = 1). */
static cw_ends chance(const table *t, const ceilings *c, int x) {
    term lower = {.constant = 1};
    accumulate(&lower, &c->binding[x][0], -1);
    return ends_of(t, &lower, &c->binding[x][1], 0);
}

/* The pair (P(Y(1)=1), P(Y(0)=1)) fills a rectangle (Richardson & Robins 2014), so the effect's bounds are
 * differences of its sides. */
static cw_ends effect(const table *t, const ceilings *c) {
    term lower = {.constant = 1}, upper = {.constant = -1};
    accumulate(&lower, &c->binding[1][0], -1);
    accumulate(&lower, &c->binding[0][1], -1);
    accumulate(&upper, &c->binding[1][1], 1);
    accumulate(&upper, &c->binding[0][0], 1);
    return ends_of(t, &lower, &upper, -1);
}

/* Pearl's inequality over all choices: P(x, 0|z) + P(x, 1|z') <= 1. */
static void confront(const table *t, cw_instrument *out) {
    double largest = -INFINITY;
    out->inequality = -INFINITY;
    out->excess_se = 0;
    for (int x = 0; x < 2; x++)
        for (int32_t z = 0; z < t->levels; z++)
            for (int32_t w = 0; w < t->levels; w++) {
                term a = {.constant = -1};
                a.coefficient[z][cell(x, 0)] = 1;
                a.coefficient[w][cell(x, 1)] = 1;
                double excess = value_of(t, &a), se = error_of(t, &a);
                double score = se > 0 ? excess / se : isnan(se) ? NAN : excess > 0 ? INFINITY : -INFINITY;
                /* A single level cannot exceed 1: it counts for the maximum, not as a comparison. */
                if (z != w && (score > largest || isnan(score))) largest = score;
                if (excess + 1 <= out->inequality) continue;
                out->inequality = excess + 1;
                out->excess_se = se;
            }
    out->p = fmin(1, 2.0 * t->levels * (t->levels - 1) * cw_normal_upper(largest));
    if (isnan(largest)) out->p = NAN;
}

static int monotone(const table *t) {
    for (int32_t z = 1; z < t->levels; z++)
        for (int y = 0; y < 2; y++)
            if (t->p[z][cell(1, y)] < t->p[z - 1][cell(1, y)] ||
                t->p[z][cell(0, y)] > t->p[z - 1][cell(0, y)])
                return 0;
    return 1;
}

static void wald(const table *t, cw_instrument *out) {
    out->intention = out->first_stage = out->compliers = NAN;
    if (t->levels != 2) return;
    const double *a = t->p[0], *b = t->p[1];
    out->intention = (b[cell(0, 1)] + b[cell(1, 1)]) - (a[cell(0, 1)] + a[cell(1, 1)]);
    out->first_stage = (b[cell(1, 0)] + b[cell(1, 1)]) - (a[cell(1, 0)] + a[cell(1, 1)]);
    if (out->first_stage != 0) out->compliers = out->intention / out->first_stage;
}

static cw_code read_table(cw_env *env, int32_t levels, const cw_instrument_row *row, table *t) {
    if (levels < 2 || levels > CW_INSTRUMENT_LEVELS)
        return cw_fail(env, CW_BAD_DATA, NULL, "group the instrument's values",
                       "an instrument needs 2 to %d levels, not %d", (int)CW_INSTRUMENT_LEVELS, levels);
    memset(t, 0, sizeof *t);
    t->levels = levels;
    for (int32_t z = 0; z < levels; z++) {
        const double p[CELLS] = {row[z].x0y0, row[z].x0y1, row[z].x1y0, row[z].x1y1};
        double sum = 0;
        for (int c = 0; c < CELLS; c++) {
            if (!(p[c] >= 0 && p[c] <= 1))
                return cw_fail(env, CW_BAD_DATA, NULL,
                               "give P(x, y | z), or counts of at least one row a level",
                               "a probability at level %d of the instrument is %g", z + 1, p[c]);
            t->p[z][c] = p[c];
            sum += p[c];
        }
        if (!(fabs(sum - 1) <= 1e-3))
            return cw_fail(env, CW_BAD_DATA, NULL, "give P(x, y | z), which adds up to 1 over x and y",
                           "the probabilities at level %d of the instrument add up to %g", z + 1, sum);
        t->rounding = fmax(t->rounding, fabs(sum - 1));
        if (row[z].rows <= 0)
            return cw_fail(env, CW_BAD_DATA, NULL, NULL, "level %d of the instrument has %g rows", z + 1,
                           row[z].rows);
        t->rows[z] = row[z].rows;
    }
    return CW_OK;
}

cw_instrument_row cw_instrument_counts(double x0y0, double x0y1, double x1y0, double x1y1) {
    double n = x0y0 + x0y1 + x1y0 + x1y1;
    return (cw_instrument_row){x0y0 / n, x0y1 / n, x1y0 / n, x1y1 / n, n};
}

static const cw_ends nothing = {NAN, NAN, NAN, NAN, 0};

cw_code cw_instrument_find(cw_env *env, int32_t levels, const cw_instrument_row *row, double level,
                           cw_instrument *out) {
    table t;
    term *work = NULL;
    CW_TRY(read_table(env, levels, row, &t));
    if (!(level > 0.5 && level < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a level such as 0.95",
                       "a confidence level of %g is not between 0.5 and 1", level);
    CW_TRY(cw_alloc(env, (size_t)levels * (size_t)levels, sizeof *work, &work));
    confront(&t, out);
    /* An excess no larger than the rounding that the table itself shows refutes nothing. */
    out->refuted = out->inequality > 1 + 1e-12 + 2 * t.rounding;
    out->no_defiers = monotone(&t);
    wald(&t, out);
    out->effect = out->treated = out->control = out->natural = nothing;
    out->lower_limit = out->upper_limit = NAN;
    if (!out->refuted) {
        /* Two sides a limit, hence a quarter of what the level leaves for each side of the rectangle. */
        ceilings sharp, natural;
        double side = 1 - (1 - level) / 4;
        find_ceilings(&t, 0, side, work, &sharp);
        find_ceilings(&t, 1, side, work, &natural);
        out->effect = effect(&t, &sharp);
        out->treated = chance(&t, &sharp, 1);
        out->control = chance(&t, &sharp, 0);
        out->natural = effect(&t, &natural);
        out->lower_limit = clip(1 - sharp.limit[1][0] - sharp.limit[0][1], -1, 1);
        out->upper_limit = clip(sharp.limit[1][1] + sharp.limit[0][0] - 1, -1, 1);
    }
    cw_free(env, &work);
    return CW_OK;
}
