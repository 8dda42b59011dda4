/* Gram matrices of streaming rows: G = sum over rows of w z z', z = (1, (x_1 - shift_1) scale_1, ...), one G
 * a fold.
 *
 * An outer product with one fma chain an element over the rows of a block in row order, so the plain twin,
 * AVX2 and AVX-512 give the same bits for any number of columns. Shift, scale, weight, the check for NaN and
 * infinity and the split into folds are fused into the packing of rows. */
#ifndef CW_LINALG_GRAM_H
#define CW_LINALG_GRAM_H

#include "../base/accumulator.h"

typedef struct cw_gram_spec {
    int32_t columns;
    const int32_t *column;    /* index in block.real of each; borrowed */
    const double *shift;      /* NULL: 0 */
    const double *scale;      /* powers of two; NULL: 1 */
    int32_t folds;            /* 1 or more */
    int32_t fold_column;      /* index in block.real; -1: all rows in fold 0 */
    const double *fold_value; /* fold f holds the rows whose fold column equals fold_value[f]; NULL: equals f.
                                 Rows that equal none are left out. */
} cw_gram_spec;

typedef struct cw_gram cw_gram;

/* Checks and copies the spec. The object holds the accumulator's parameters; destroy it after the last use.
 */
cw_code cw_gram_create(cw_env *env, const cw_gram_spec *spec, cw_gram **out) CW_CHECKED;
void cw_gram_destroy(cw_gram **gram);

/* The accumulator (tree order, name "gram"). Blocks of any number of rows. */
const cw_accumulator *cw_gram_accumulator(const cw_gram *gram);

/* Order of the matrices: columns + 1, the constant first. */
int32_t cw_gram_order(const cw_gram *gram);

/* Copies fold `fold` of a state to `packed`: the upper triangle by rows, q(q+1)/2 doubles, element (i, j), i
 * <= j, at cw_packed(q, i, j). Element (0, 0) is the sum of weights. */
void cw_gram_get(const cw_gram *gram, const void *state, int32_t fold, double *packed);

/* Rows with weight > 0 in a fold, and those among them in which some column was NaN or infinite. Such bad
 * rows are left out of the sums (a NaN's bits are not portable): judge their number before using the matrix.
 */
int64_t cw_gram_rows(const cw_gram *gram, const void *state, int32_t fold);
int64_t cw_gram_bad_rows(const cw_gram *gram, const void *state, int32_t fold);

static inline int64_t cw_packed(int64_t q, int64_t i, int64_t j) {
    return i * q - i * (i - 1) / 2 + (j - i);
}

/* Which kernel runs: "avx512", "avx2" or "plain"; chosen by the CPU, lowered by cw_cpu_limit (base/cpu.h). */
const char *cw_gram_kernel(void);

#endif
