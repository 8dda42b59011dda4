/* The deterministic flags on propensities and weights: what should make a reader pause. Rules and numbers are
 * fixed here, so that a run and a referee agree on why a flag was raised. */
#ifndef CW_ESTIMATE_OVERLAP_H
#define CW_ESTIMATE_OVERLAP_H

#include "balance.h"
#include "calibration.h"
#include "weighting.h"

/* X(name, text): the text is what the flag says. */
#define CW_OVERLAP_FLAGS(X)                                                                                  \
    X(EFFECTIVE,                                                                                             \
      "few rows carry the weights: an arm's effective sample size is below a quarter of its rows")           \
    X(DOMINANT, "a single row carries more than 5 % of an arm's weight")                                     \
    X(MEAN_WEIGHT, "inverse propensities do not average to 1: off by more than 10 %")                        \
    X(MEANS, "a covariate's mean is out of balance after weighting: beyond 0.1 sd and beyond chance")        \
    X(MOMENTS, "a square or product of covariates is out of balance after weighting: beyond 0.2 sd and "     \
               "beyond chance; the propensity model is mis-specified")                                       \
    X(CALIBRATION,                                                                                           \
      "in a tail of the propensity the share treated is off by more than 0.1 and 4 errors; the "             \
      "propensity model is mis-specified")                                                                   \
    X(DISAGREEMENT, "estimators of one effect differ by more than twice the smallest standard error")        \
    X(SEPARATED, "the treatment is separated by covariates: there is no overlap")

typedef enum cw_overlap_flag {
#define CW_OVERLAP_ENUM(name, text) CW_OVERLAP_##name,
    CW_OVERLAP_FLAGS(CW_OVERLAP_ENUM)
#undef CW_OVERLAP_ENUM
        CW_OVERLAP_COUNT
} cw_overlap_flag;

typedef struct cw_overlap_facts {
    cw_weighted target;                       /* of the weights that are judged; HT counts as ATE */
    const cw_ipw_result *weights;             /* NULL: not judged */
    const cw_balance_table *balance;          /* NULL: not judged */
    int32_t balance_target;                   /* its index of the target */
    const cw_calibration_result *calibration; /* NULL: not judged */
    int32_t estimates; /* of one effect by several estimators, with standard errors (of Horvitz-Thompson:
                          ht_centred); an se */
    const double *estimate, *se; /* that is NaN does not count as the smallest */
    int separated;
} cw_overlap_facts;

/* A bit for each flag, 1 << cw_overlap_flag. Any bit means: overlap is in doubt. */
uint32_t cw_overlap_judge(const cw_overlap_facts *facts);

/* A flag's name in lower case with dashes ("mean-weight") and its text. */
const char *cw_overlap_name(cw_overlap_flag flag);
const char *cw_overlap_text(cw_overlap_flag flag);

#endif
