/* Packed Cholesky factorisation of a Gram matrix, columns taken left to right. A column that depends on
 * earlier ones is dropped, as a regression program does, and named by its index; the decision is taken once,
 * by whoever calls. */
#ifndef CW_LINALG_CHOLESKY_H
#define CW_LINALG_CHOLESKY_H

#include "../base/env.h"

/* A column is dependent when what is left of its sum of squares is below this share of it. */
#define CW_RANK_TOLERANCE 1e-12

typedef struct cw_cholesky {
    int32_t n;        /* order */
    int32_t rank;     /* columns kept */
    int32_t *dropped; /* n flags: 1 where the column was dropped */
    double *factor; /* packed upper triangle R by rows (cw_packed), A = R'R; rows and columns dropped are 0 */
    double condition; /* estimated 1-norm condition number of the matrix of kept columns scaled to unit
                         diagonal */
    cw_env *env;
} cw_cholesky;

/* Factors the packed symmetric matrix (upper triangle by rows), leaving it unchanged. A negative or
 * non-finite diagonal fails with CW_BAD_DATA. */
cw_code cw_cholesky_factor(cw_env *env, int32_t n, const double *packed, cw_cholesky **out) CW_CHECKED;
void cw_cholesky_destroy(cw_cholesky **cholesky);

/* Solves A x = b in place; entries of dropped columns become 0. */
void cw_cholesky_solve(const cw_cholesky *cholesky, double *x);

/* Solves R' x = b (forward) in place; |x|^2 is then b' A^-1 b. */
void cw_cholesky_forward(const cw_cholesky *cholesky, double *x);

/* inverse := packed A^-1 over the kept columns, 0 in rows and columns dropped. */
void cw_cholesky_inverse(const cw_cholesky *cholesky, double *inverse);

/* Eigenvalues (ascending) and eigenvectors (columns of `vectors`, n x n row-major) of a symmetric matrix
 * given row-major in `a` (destroyed), by cyclic Jacobi in a fixed order: equal bits everywhere. For orders up
 * to a few hundred. */
void cw_eigen_symmetric(int32_t n, double *a, double *values, double *vectors);

#endif
