/* Is a probability honest? A histogram of the propensity with what was observed in each bin (exact: any
 * number of ranks, any order), its tails, grouped calibration and ranking; the held-out risk of nuisance
 * models beside that of a constant. */
#ifndef CW_ESTIMATE_CALIBRATION_H
#define CW_ESTIMATE_CALIBRATION_H

#include "../base/accumulator.h"
#include "../learn/predictor.h"
#include "linear.h"

/* Bins of equal width on the scale log(e / (1 - e)), from -20.48 to 20.48; what lies beyond is in the
 * outermost.
 */
enum { CW_CALIBRATION_BINS = 4096 };

typedef struct cw_calibration {
    cw_accumulator accumulator; /* exact; its parameters are this struct, which must not move */
    int32_t treatment;
    double control, treated;
    const cw_predictor *propensity; /* borrowed */
} cw_calibration;

/* `name` of the accumulator, NULL: "calibration". */
void cw_calibration_init(cw_calibration *calibration, const char *name, int32_t treatment, double control,
                         double treated, const cw_predictor *propensity);

typedef struct cw_calibration_tail {
    double share;    /* of the rows asked for: 0.01, 0.02, 0.05, 0.1 */
    int64_t rows;    /* whole bins: at least that share */
    double expected; /* mean propensity there */
    double observed; /* share treated there */
    double z;        /* (observed - expected) over its binomial error */
} cw_calibration_tail;

enum { CW_CALIBRATION_TAILS = 4, CW_CALIBRATION_GROUPS = 10 };

typedef struct cw_calibration_result {
    int64_t rows, treated;
    int64_t below_1, below_5, above_95, above_99; /* rows with a propensity below 0.01, ... */
    double mean;                                  /* of the propensity */
    cw_calibration_tail low[CW_CALIBRATION_TAILS], high[CW_CALIBRATION_TAILS];
    /* Tenths of the rows, to the resolution of a bin, and the Hosmer-Lemeshow statistic over them. */
    double expected[CW_CALIBRATION_GROUPS], observed[CW_CALIBRATION_GROUPS];
    double hosmer_lemeshow; /* df: groups - 2 */
    double auc;             /* ties within a bin count half */
    double largest_error;   /* the largest |observed - expected| over the groups */
} cw_calibration_result;

void cw_calibration_get(const void *state, cw_calibration_result *result);

/* The same exactly, for rows at hand: groups floor(10 rank / n), ranks stable ascending by (e, row); in the
 * AUC ties within 1e-10 count half. treated[i] is 0 or 1. Time n log n, memory 16 n bytes twice. */
typedef struct cw_rank_result {
    double hosmer_lemeshow, auc;
} cw_rank_result;
cw_code cw_rank_calibration(cw_env *env, int64_t rows, const double *e, const double *treated,
                            cw_rank_result *result) CW_CHECKED;

/* The share of their sum that the ceil(share * count) largest weights carry. Time n log n. */
cw_code cw_top_share(cw_env *env, int64_t count, const double *weight, double share, double *out) CW_CHECKED;

/* Risks: mean squared error (of a probability: Brier) and, for probabilities, mean log loss. */
typedef struct cw_risk_item {
    const cw_predictor *predictor; /* borrowed */
    int32_t response;              /* index in block.real */
    int probability;               /* 1: the response is (column == one) */
    double one;
    int32_t filter; /* index in block.real of a column that must equal filter_value; -1: all rows */
    double filter_value;
} cw_risk_item;

typedef struct cw_risk cw_risk;
cw_code cw_risk_create(cw_env *env, const char *name, int32_t items, const cw_risk_item *item,
                       cw_risk **out) CW_CHECKED;
void cw_risk_destroy(cw_risk **risk);
const cw_accumulator *cw_risk_accumulator(const cw_risk *risk); /* tree */

typedef struct cw_risk_result {
    double weight, squared, log_loss; /* log_loss NaN unless a probability */
    int64_t bad;                      /* rows with a prediction that is not finite: left out */
} cw_risk_result;
cw_risk_result cw_risk_get(const cw_risk *risk, const void *state, int32_t item);

#endif
