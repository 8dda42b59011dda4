/* Folds for cross-fitting. What is dealt out is an id: a unit, else a cluster, else a row; so no unit or
 * cluster is ever cut, and a row's fold depends on its id and the seed alone. */
#ifndef CW_LEARN_FOLDS_H
#define CW_LEARN_FOLDS_H

#include "../base/env.h"
#include "../base/random.h"

/* Up to this many ids are dealt out evenly; above, each goes where its hash says. */
enum { CW_FOLDS_DEALT = 1000000, CW_FOLDS_MOST = 1000 };

/* Deals `count` distinct ids into folds 0 .. folds-1: ordered by (stratum, hash, id), one after the other, so
 * that the sizes of folds differ by at most 1, in every stratum (NULL: one stratum) and in all. The order in
 * which ids are given does not matter. Fails with CW_BAD_DATA where there are fewer ids than folds or an id
 * stands twice, CW_INTERNAL where count is above CW_FOLDS_DEALT. Time n log n. */
cw_code cw_folds_deal(cw_env *env, cw_stream stream, int32_t folds, int64_t count, const int64_t *id,
                      const int64_t *stratum, int32_t *fold) CW_CHECKED;

/* The fold of one id where there are too many to deal: hash mod folds. */
int32_t cw_fold_hashed(cw_stream stream, int32_t folds, int64_t id);

/* Which fold an id is in, for passes over rows. */
typedef struct cw_folds cw_folds;

/* Deals `count` ids as cw_folds_deal does; above CW_FOLDS_DEALT, or where id is NULL, hashes them. */
cw_code cw_folds_create(cw_env *env, cw_stream stream, int32_t folds, int64_t count, const int64_t *id,
                        const int64_t *stratum, cw_folds **out) CW_CHECKED;
void cw_folds_destroy(cw_folds **folds);

/* The fold of an id; -1 where it was not dealt. Constant time. */
int32_t cw_folds_of(const cw_folds *folds, int64_t id);
int cw_folds_are_dealt(const cw_folds *folds);

/* A fold column: writes its distinct values among `count`, ascending, to level (room for `most`) and their
 * number to *levels. Fails with CW_BAD_DATA where a value is NaN, there are more than `most` or fewer than 2.
 */
cw_code cw_fold_levels(cw_env *env, int64_t count, const double *value, int32_t most, double *level,
                       int32_t *levels) CW_CHECKED;

/* The place of a value among ascending levels, -1 where it is none. */
int32_t cw_fold_of_level(int32_t levels, const double *level, double value);

/* A row's cell: 2 fold + arm, arm 1 where the treatment equals `treated`, 0 where it equals `control`; -1
 * where it equals neither or the fold is negative. Cells are what Gram matrices and logistic models are split
 * by. */
static inline int32_t cw_cell(int32_t fold, double treatment, double control, double treated) {
    if (fold < 0) return -1;
    return treatment == treated ? 2 * fold + 1 : treatment == control ? 2 * fold : -1;
}

/* Every fold must have rows, and every complement must have rows of every arm: rows[f * arms + a] counts
 * them. Fails with CW_BAD_DATA naming the fold. */
cw_code cw_folds_check(cw_env *env, int32_t folds, int32_t arms, const int64_t *rows) CW_CHECKED;

#endif
