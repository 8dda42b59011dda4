/* Influence values: what every estimator hands over for each row, and what is made of them - standard errors,
 * covariances, sums by cluster, joint bands (multiplier.h), per-row output. An influence value is scaled so
 * that estimate - truth is their mean: se^2 = sum of squares / n^2, n the rows used (with frequency weights
 * the sum of weights). */
#ifndef CW_ESTIMATE_INFLUENCE_H
#define CW_ESTIMATE_INFLUENCE_H

#include "../base/accumulator.h"
#include "../base/keysum.h"

/* Rows are asked for in tiles of at most this many. */
enum { CW_INFLUENCE_TILE = 1024 };

/* A source of influence values. Plain data; borrowed by whatever uses it. */
typedef struct cw_influence {
    int32_t columns;
    const void *self;
    size_t scratch_bytes;
    /* out[k * rows + i]: column k of the block's row first + i; 0 for rows that are not used. */
    void (*fill)(const void *self, void *scratch, const cw_block *block, int32_t first, int32_t rows,
                 double *out);
} cw_influence;

/* Values that stand in columns of the blocks: row state, or sums by cluster (mpi/exchange.h: column 0 is the
 * count, 1 .. the sums). */
typedef struct cw_influence_columns {
    int32_t columns;
    const int32_t *column; /* indices in block.real */
} cw_influence_columns;

cw_influence cw_influence_of_columns(const cw_influence_columns *columns);

/* Moments of influence values. */
typedef struct cw_moments cw_moments;

/* `influence` is borrowed; `name` of the accumulator, NULL: "influence". */
cw_code cw_moments_create(cw_env *env, const char *name, const cw_influence *influence,
                          cw_moments **out) CW_CHECKED;
void cw_moments_destroy(cw_moments **moments);
const cw_accumulator *cw_moments_accumulator(const cw_moments *moments); /* tree */

int64_t cw_moments_rows(const cw_moments *moments, const void *state); /* rows (clusters) with weight > 0 */
double cw_moments_sum(const cw_moments *moments, const void *state, int32_t a);
double cw_moments_product(const cw_moments *moments, const void *state, int32_t a, int32_t b);
double cw_moments_largest(const cw_moments *moments, const void *state, int32_t a); /* |value| */

/* sqrt(sum of squares) / n, and the covariance of two estimates, sum of products / n^2. */
double cw_moments_error(const cw_moments *moments, const void *state, int32_t a, double n);
double cw_moments_covariance(const cw_moments *moments, const void *state, int32_t a, int32_t b, double n);

/* Sums by cluster in fixed point (base/keysum.h): the quanta for a table of `rows` rows, given the moments of
 * a pass over them. */
void cw_moments_quanta(const cw_moments *moments, const void *state, int64_t rows, int32_t *quantum);

/* The estimate over repeated splits: the median, and se^2 = median of se_r^2 + (theta_r - median)^2
 * (Chernozhukov et al. 2018, definition 3.3). An even number takes the mean of the middle two. `theta` and
 * `se` have `repeats` entries. */
cw_code cw_median_of_repeats(cw_env *env, int32_t repeats, const double *theta, const double *se,
                             double *median, double *median_se) CW_CHECKED;

#endif
