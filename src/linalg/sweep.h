/* The sweep operator on a packed symmetric matrix (Beaton 1964; Goodnight 1979), in the symmetric form that
 * undoes itself up to sign: sweeping the columns S of A leaves
 *   -A_SS^-1 where both indices are in S, A_SS^-1 A_ST where one is, and A_TT - A_TS A_SS^-1 A_ST where none
 * is. On a Gram matrix these are the covariance factors, the coefficients and the residual cross products of
 * regressing T on S, so one matrix answers every regression among its columns. */
#ifndef CW_LINALG_SWEEP_H
#define CW_LINALG_SWEEP_H

#include <stdint.h>

/* Sweeps column k of the order-n packed upper triangle by rows (cw_packed) in place; O(n^2). `work`: n
 * doubles. Returns 1; or 0,
 * leaving the matrix unchanged, when the pivot does not exceed `smallest` (>= 0): the column depends on those
 * swept before it. */
int cw_sweep(int32_t n, double *packed, int32_t k, double smallest, double *work);

/* Takes column k, swept before, out again; the inverse of cw_sweep up to rounding. */
void cw_unsweep(int32_t n, double *packed, int32_t k, double *work);

#endif
