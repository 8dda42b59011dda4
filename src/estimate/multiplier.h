/* The multiplier bootstrap: draw b of an estimate's error is the mean of s_ib psi_i, s_ib = +-1 (Rademacher)
 * from Philox, keyed by the global row or by the cluster; no refit and one pass for all draws and all
 * estimates. Joint bands follow from the draws of max |t| (Chernozhukov, Chetverikov & Kato 2013).
 *
 * A draw's sum runs over rows as 2 (sum of the psi_i whose sign is +) - (sum of all): one addition or none a
 * row and draw, in row order, so plain C, AVX2 and AVX-512 give equal bits. */
#ifndef CW_ESTIMATE_MULTIPLIER_H
#define CW_ESTIMATE_MULTIPLIER_H

#include "../base/random.h"
#include "influence.h"

typedef struct cw_multiplier_spec {
    const char *name;              /* of the accumulator; NULL: "multiplier" */
    const cw_influence *influence; /* borrowed; in a pass over clusters, columns of sums */
    cw_stream stream;              /* one for all estimates of a family: their draws go together */
    int32_t draws;                 /* 1 .. 2^20 */
    int32_t key, key_high;         /* -1: keyed by the global row; else the item is block.key[key][i], mixed
                                      with block.key[key_high][i] unless that is -1 */
} cw_multiplier_spec;

typedef struct cw_multiplier cw_multiplier;

cw_code cw_multiplier_create(cw_env *env, const cw_multiplier_spec *spec, cw_multiplier **out) CW_CHECKED;
void cw_multiplier_destroy(cw_multiplier **multiplier);
const cw_accumulator *cw_multiplier_accumulator(const cw_multiplier *multiplier); /* tree */

/* draw[b] := the error of estimate k in draw b, n as in influence.h. */
void cw_multiplier_draws(const cw_multiplier *multiplier, const void *state, int32_t k, double n,
                         double *draw);

/* The share's quantile of max over estimates of |draw| / se: estimate +- this * se is a joint band. se has an
 * entry an estimate; estimates whose se is 0 or not finite are left out. `share` in (0, 1), such as 0.95. NaN
 * where no estimate is left. */
cw_code cw_multiplier_critical(const cw_multiplier *multiplier, const void *state, double n, const double *se,
                               double share, double *critical) CW_CHECKED;

/* The sign of an item in a draw: +1 or -1. */
double cw_multiplier_sign(cw_stream stream, uint64_t item, int32_t draw);

/* Which kernel runs. */
const char *cw_multiplier_kernel(void);

#endif
