/* Logistic regression by Newton's method over passes: every model (a fold's complement, an arm, the whole
 * sample) advances in the same pass. A pass evaluates, at each model's trial coefficients, the score, the
 * information (linalg/gram.h: equal bits on every CPU) and the log-likelihood; between passes one rank
 * decides from the merged state: accept or halve the step, converged, or separated.
 *
 *   create; then until cw_logistic_running is 0: a pass that feeds cw_logistic_accumulator;
 * cw_logistic_decide on one rank; broadcast the control; cw_logistic_use on every rank.
 *
 * Separation (Albert & Anderson 1984) is certified from the rows, not guessed from large numbers: complete,
 * when some trial coefficients give every row a positive margin; quasi-complete, when a Newton direction
 * gives every row a margin that is 0 or clearly positive, and some the latter, for some passes on end. Under
 * separation Newton's steps tend to such a direction: the margins of the rows to be fitted to 0 or 1 grow by
 * about 1 a step, all other changes die out by a factor of about e. */
#ifndef CW_LEARN_LOGISTIC_H
#define CW_LEARN_LOGISTIC_H

#include "../base/accumulator.h"
#include "predictor.h"

typedef struct cw_logistic_spec {
    const char *name; /* of the accumulator; NULL: "logistic" */
    int32_t columns;
    const int32_t *column;       /* indices in block.real; a constant is always first */
    const double *shift, *scale; /* NULL: 0 and 1 */
    int32_t response; /* index in block.real; rows with another value than these two are left out */
    double zero, one;
    int32_t cells;       /* 0: every row is in cell 0 */
    int32_t cell_column; /* index in block.real of the row's cell */
    int32_t models;
    const uint8_t *uses; /* uses[m * max(cells, 1) + c]: model m learns from cell c; NULL: from all */
} cw_logistic_spec;

typedef enum cw_logistic_status {
    CW_LOGISTIC_RUNNING,
    CW_LOGISTIC_CONVERGED,
    CW_LOGISTIC_COMPLETE, /* completely separated: no maximum */
    CW_LOGISTIC_QUASI,    /* quasi-completely separated: no maximum */
    CW_LOGISTIC_DIVERGED, /* no maximum found, and no separating rule that could be shown either */
    CW_LOGISTIC_EMPTY     /* no rows */
} cw_logistic_status;

typedef struct cw_logistic cw_logistic;

cw_code cw_logistic_create(cw_env *env, const cw_logistic_spec *spec, cw_logistic **out) CW_CHECKED;
void cw_logistic_destroy(cw_logistic **logistic);

/* Tree order. Sampling and frequency weights multiply score, information and log-likelihood. */
const cw_accumulator *cw_logistic_accumulator(const cw_logistic *logistic);

/* The control: every model's coefficients, direction and status; flat, no pointers, to be broadcast or kept
 * in a checkpoint. `decide` starts from what `use` was given last (at first: all coefficients 0). Fails with
 * CW_BAD_DATA where the information is not finite. */
size_t cw_logistic_control_bytes(const cw_logistic *logistic);
cw_code cw_logistic_decide(cw_logistic *logistic, const void *state, void *control) CW_CHECKED;
void cw_logistic_use(cw_logistic *logistic, const void *control);

/* The number of models that need another pass. */
int32_t cw_logistic_running(const cw_logistic *logistic);

/* Before the first pass: every model begins at these coefficients (columns + 1), such as those of the whole
 * sample, instead of 0. */
void cw_logistic_start(cw_logistic *logistic, const double *coefficient);

/* 1: the coming passes sum squared scores instead of information, for cw_logistic_sandwich. For models that
 * have converged. */
void cw_logistic_want_meat(cw_logistic *logistic, int want);

typedef struct cw_logistic_fit {
    cw_logistic_status status;
    int32_t iterations, rank; /* columns kept, the constant included */
    int64_t rows, ones, bad; /* rows learned from; those with response one; with a value that is not finite */
    int64_t separated_rows;  /* rows whose probability tends to 0 or 1 */
    double loglik, null_loglik, weight;
    const double *coefficient; /* columns + 1, on shifted and scaled columns (cw_predictor's basis) */
    const double *inverse;     /* packed inverse information, same basis, 0 where dropped */
} cw_logistic_fit;

/* What `use` was given last. The pointers live until the next use. */
cw_logistic_fit cw_logistic_get(const cw_logistic *logistic, int32_t model);

/* Stride of the coefficients from one model to the next. */
int64_t cw_logistic_stride(const cw_logistic *logistic);

/* HC0 sandwich (no factor), packed, from the state of a pass with want_meat. */
cw_code cw_logistic_sandwich(const cw_logistic *logistic, const void *state, int32_t model,
                             double *packed) CW_CHECKED;

/* A few words for a status, such as "completely separated". */
const char *cw_logistic_status_text(cw_logistic_status status);

#endif
