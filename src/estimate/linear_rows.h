/* The inner loops over rows of least squares, once in plain C and once for each instruction set, with equal
 * bits: every row's number is a chain of fma in column order. Private to linear*.c. */
#ifndef CW_ESTIMATE_LINEAR_ROWS_H
#define CW_ESTIMATE_LINEAR_ROWS_H

#include <stdint.h>

enum { CW_LEVERAGE_ROWS = 32 };

typedef struct cw_linear_rows {
    /* r -= b_j (x_j - shift_j) and g += c_j (x_j - shift_j) over the columns j in order, for n rows. */
    void (*project)(int32_t n, int32_t columns, const double *const *x, const double *shift, const double *b,
                    const double *c, double *r, double *g);
    /* v := L^-1 v for CW_LEVERAGE_ROWS vectors at once (v[i * CW_LEVERAGE_ROWS + row], i < k), and h[row] :=
     * the vector's square. L is packed by rows; a zero on its diagonal leaves a dropped column's entry 0. */
    void (*leverage)(int32_t k, const double *lower, double *v, double *h);
} cw_linear_rows;

extern const cw_linear_rows cw_linear_rows_plain;
#if defined(__x86_64__)
extern const cw_linear_rows cw_linear_rows_avx2;
extern const cw_linear_rows cw_linear_rows_avx512;
#endif

/* The one that this CPU and the limit allow. */
const cw_linear_rows *cw_linear_rows_use(void);

#endif
