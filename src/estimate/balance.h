/* Balance of covariates between arms before and after weighting: means, squares and products. All of it comes
 * from Gram matrices by arm: of z for means and second moments, of z^2 for the variances of squares and
 * products. A propensity can balance every mean and be wrong; squares and products show it.
 *
 * A standardised mean difference (smd) is (weighted mean of treated - of control) / sqrt((v1 + v0) / 2), v
 * the unweighted variance in an arm (divisor n - 1), the same before and after. */
#ifndef CW_ESTIMATE_BALANCE_H
#define CW_ESTIMATE_BALANCE_H

#include "../base/accumulator.h"
#include "../learn/predictor.h"
#include "weighting.h"

typedef struct cw_balance_spec {
    const char *name; /* of the accumulator; NULL: "balance" */
    int32_t columns;
    const int32_t *column; /* indices in block.real */
    const double *shift;   /* means: squares and products are taken about them. NULL: 0 */
    const double *scale;   /* about 1 / sd; NULL: 1 */
    int32_t treatment;
    double control, treated;
    cw_weighting weighting;
    const cw_predictor *propensity;
    double low, high;          /* limits of propensities */
    int trim;                  /* as in cw_effect_spec */
    int32_t targets;           /* 0 or more of CW_WEIGHTED_ATE .. ATO */
    const cw_weighted *target; /* copied */
} cw_balance_spec;

typedef struct cw_balance cw_balance;

cw_code cw_balance_create(cw_env *env, const cw_balance_spec *spec, cw_balance **out) CW_CHECKED;
void cw_balance_destroy(cw_balance **balance);
const cw_accumulator *cw_balance_accumulator(const cw_balance *balance); /* tree */

typedef struct cw_imbalance {
    double smd;
    double z;     /* the difference over its error, weights taken as known; NaN before weighting */
    int32_t i, j; /* of columns; j = -1: a mean, j = i: a square */
} cw_imbalance;

/* Packed matrices are unpacked once; the table then answers in constant time. `which`: -1 before weighting,
 * else an index into the targets. */
typedef struct cw_balance_table cw_balance_table;
cw_code cw_balance_read(const cw_balance *balance, const void *state, cw_balance_table **out) CW_CHECKED;
void cw_balance_table_destroy(cw_balance_table **table);

int32_t cw_balance_columns(const cw_balance_table *table);
cw_imbalance cw_balance_mean(const cw_balance_table *table, int32_t which, int32_t j);
cw_imbalance cw_balance_product(const cw_balance_table *table, int32_t which, int32_t i, int32_t j);

/* The largest |smd| of means, and of squares and products among those with |z| >= z_least (0: all). smd 0 and
 * i -1 where there is none. */
cw_imbalance cw_balance_worst_mean(const cw_balance_table *table, int32_t which);
cw_imbalance cw_balance_worst_product(const cw_balance_table *table, int32_t which, double z_least);

#endif
