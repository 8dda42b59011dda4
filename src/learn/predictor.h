/* Predictions over blocks: a column that is already there, or linear models, one a fold, with a link. Pure
 * functions of models and rows: for row state, or on the fly inside an accumulator. */
#ifndef CW_LEARN_PREDICTOR_H
#define CW_LEARN_PREDICTOR_H

#include "../base/block.h"

typedef enum cw_link {
    CW_LINK_COLUMN,   /* the values of block.real[column[0]] */
    CW_LINK_IDENTITY, /* eta = b0 + sum_j b_j (x_j - shift_j) scale_j, summed in column order */
    CW_LINK_LOGIT     /* 1 / (1 + exp(-eta)) */
} cw_link;

/* Plain data; every pointer is borrowed. */
typedef struct cw_predictor {
    cw_link link;
    int32_t columns;
    const int32_t *column;       /* indices in block.real */
    const double *shift, *scale; /* NULL: 0 and 1 */
    const double *coefficient;   /* model m at coefficient + m * stride: the constant, then the columns */
    int64_t stride;
    int32_t cells;                /* 0: model 0 for every row */
    int32_t cell_column;          /* index in block.real of the row's cell, 0 .. cells-1 */
    const int32_t *model_of_cell; /* which model a cell's rows use (the one that has not seen them) */
    double plus, times; /* the prediction is plus + times * link(eta); times 0 means 0 and 1 (as it is) */
} cw_predictor;

/* out[i] := the prediction for row first + i, i < rows. A row whose cell is none gets NaN. */
void cw_predict(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                double *out);

/* The model that row `row` uses, -1 if none. */
int32_t cw_predictor_model(const cw_predictor *predictor, const cw_block *block, int32_t row);

/* p[i] := 1 / (1 + exp(-eta[i])); with t not NULL t[i] := exp(-|eta[i]|). p may be eta. */
void cw_logistic_array(int64_t n, const double *eta, double *p, double *t);

#endif
