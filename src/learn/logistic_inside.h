/* What the parts of logistic regression share. Private to logistic*.c. */
#ifndef CW_LEARN_LOGISTIC_INSIDE_H
#define CW_LEARN_LOGISTIC_INSIDE_H

#include "../linalg/gram.h"
#include "logistic.h"

/* Scalars of a model's control; its vectors follow. */
enum {
    CW_LOGISTIC_STATUS,
    CW_LOGISTIC_ITERATIONS,
    CW_LOGISTIC_HALVINGS,
    CW_LOGISTIC_STEP,
    CW_LOGISTIC_LOGLIK, /* at `accepted` */
    CW_LOGISTIC_NULL,   /* of the constant alone */
    CW_LOGISTIC_DECREMENT,
    CW_LOGISTIC_RANK,
    CW_LOGISTIC_ROWS,
    CW_LOGISTIC_ONES,
    CW_LOGISTIC_BAD,
    CW_LOGISTIC_SEPARATED_ROWS,
    CW_LOGISTIC_SUSPICIONS, /* passes in a row that looked quasi-separated with so many rows */
    CW_LOGISTIC_WEIGHT,
    CW_LOGISTIC_SCALARS
};

/* Views into one model's control. */
typedef struct cw_logistic_model {
    double *scalar;
    double *accepted, *direction, *trial; /* q each; the trial is what the next pass evaluates */
    double *dropped;                      /* q flags, decided at the first step */
    double *inverse;                      /* packed inverse information at the last step */
} cw_logistic_model;

/* Counts of a model's state. A margin is (2y - 1) times a linear rule. */
enum {
    CW_COUNT_ROWS,
    CW_COUNT_ONES,
    CW_COUNT_BAD,
    CW_COUNT_POSITIVE, /* rows on the right side of the trial rule, clearly */
    CW_COUNT_STILL,    /* rows that the direction leaves where they are */
    CW_COUNT_PUSHED,   /* rows that the direction pushes, clearly, to their own side */
    CW_COUNTS
};

/* Sums of a model's state besides the score's q. */
enum { CW_SUM_LOGLIK, CW_SUM_WEIGHT, CW_SUM_ONES, CW_SUMS };

struct cw_logistic {
    cw_env *env;
    cw_logistic_spec spec; /* with its own copies */
    int32_t *column;
    double *shift, *scale;
    uint8_t *uses;
    int32_t q, cells;
    int meat;
    int32_t *identity; /* 0 .. columns-1: the columns of the inner Gram */
    cw_gram *gram;
    double *control;
    double *coefficient; /* models x q: the accepted ones */
    int64_t control_stride;
    char *names; /* of the members */
    cw_member *member;
    size_t gram_stride; /* bytes of one model's Gram state */
    size_t sums_offset, counts_offset;
    cw_accumulator accumulator;
};

cw_logistic_model cw_logistic_model_of(const cw_logistic *logistic, double *control, int32_t model);

/* The parts of a state. */
static inline const void *cw_logistic_gram_state(const cw_logistic *logistic, const void *state,
                                                 int32_t model) {
    return (const char *)state + (size_t)model * logistic->gram_stride;
}
static inline const double *cw_logistic_sums(const cw_logistic *logistic, const void *state, int32_t model) {
    return (const double *)(const void *)((const char *)state + logistic->sums_offset) +
           model * (int64_t)(logistic->q + CW_SUMS);
}
static inline const int64_t *cw_logistic_counts(const cw_logistic *logistic, const void *state,
                                                int32_t model) {
    return (const int64_t *)(const void *)((const char *)state + logistic->counts_offset) +
           model * (int64_t)CW_COUNTS;
}

/* logistic_rows.c */
size_t cw_logistic_scratch_bytes(const cw_logistic *logistic);
void cw_logistic_add(const void *params, void *state, void *scratch, const cw_block *block);
void cw_logistic_merge(const void *params, void *state, const void *later);

#endif
