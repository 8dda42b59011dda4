/* The inner loops over rows, once in plain C and once for each instruction set, with equal bits: a row's
 * number is a chain of operations in column order, and sums go in 8 lanes, lane l taking the rows l, l + 8,
 * ... Private to src/estimate. */
#ifndef CW_ESTIMATE_ROWS_H
#define CW_ESTIMATE_ROWS_H

#include <stdint.h>

enum { CW_LEVERAGE_ROWS = 32, CW_LANES = 8 };

/* The lanes of one sum. */
typedef double cw_lanes[CW_LANES];

/* What the sums of a run of rows are made of; `rows` is a multiple of the lanes. Rows that are not used have
 * 0 in all but `copies`, which is 1. */
typedef struct cw_row_terms {
    int32_t rows;
    const double *weight, *residual;
    const double *own, *mean; /* the influence in two parts: w e c'd, and the covariates' means */
    const double *copies;     /* rows that a row stands for; NULL: 1 */
    const double *treatment, *outcome;
    const double *leverage;
} cw_row_terms;

typedef struct cw_rows {
    /* r -= b_j (x_j - shift_j) and g += c_j (x_j - shift_j) over the columns j in order, for n rows. */
    void (*project)(int32_t n, int32_t columns, const double *const *x, const double *shift, const double *b,
                    const double *c, double *r, double *g);
    /* v := L^-1 v for CW_LEVERAGE_ROWS vectors at once (v[i * CW_LEVERAGE_ROWS + row], i < k), and h[row] :=
     * the vector's square. L is packed by rows; a zero on its diagonal leaves a dropped column's entry 0. */
    void (*leverage)(int32_t k, const double *lower, double *v, double *h);
    /* sum[0 .. 3] += w, w^2, w e^2, (own + mean)^2 / copies. */
    void (*tally)(const cw_row_terms *row, cw_lanes *sum);
    /* Over rows whose treatment is `value`: sum[0 .. 3] += w, w y, w e^2, 1. */
    void (*tally_arm)(const cw_row_terms *row, double value, cw_lanes *sum);
    /* With left = 1 - leverage: sum[0 .. 2] += HC2's square of own alone, of own + mean, HC3's of own + mean,
     * each over copies; sum[3] += 1 and nothing else where left < `least`. Returns the largest leverage. */
    double (*tally_leverage)(const cw_row_terms *row, double least, cw_lanes *sum);
    /* Lowers *low and raises *high to the extremes of x, NaN skipped; returns 0 if all are finite, else NaN.
     */
    double (*extremes)(int32_t n, const double *x, double *low, double *high);
} cw_rows;

extern const cw_rows cw_rows_plain;
#if defined(__x86_64__)
extern const cw_rows cw_rows_avx2;
extern const cw_rows cw_rows_avx512;
#endif

/* The one that this CPU and the limit allow. */
const cw_rows *cw_rows_use(void);

/* The fixed end of a sum. */
static inline double cw_lanes_end(const double *l) {
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

#endif
