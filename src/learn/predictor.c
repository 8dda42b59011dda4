#include "predictor.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"

enum { TILE = 512 };

int32_t cw_predictor_model(const cw_predictor *predictor, const cw_block *block, int32_t row) {
    if (predictor->cells == 0) return 0;
    double value = block->real[predictor->cell_column][row];
    if (!(value >= 0 && value < predictor->cells)) return -1;
    int32_t cell = (int32_t)value;
    return (double)cell == value ? predictor->model_of_cell[cell] : -1;
}

void cw_logistic_array(int64_t n, const double *eta, double *p, double *t) {
    double e[TILE];
    for (int64_t first = 0; first < n; first += TILE) {
        int64_t rows = n - first < TILE ? n - first : TILE;
        for (int64_t i = 0; i < rows; i++) e[i] = -fabs(eta[first + i]);
        cw_exp_array(rows, e, e);
        for (int64_t i = 0; i < rows; i++) {
            double share = 1 / (1 + e[i]); /* of the likelier outcome */
            p[first + i] = eta[first + i] >= 0 ? share : e[i] * share;
        }
        if (t) memcpy(t + first, e, (size_t)rows * sizeof *t);
    }
}

/* eta of a tile whose rows may use different models. */
static void mixed_tile(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                       double *eta) {
    const double *own[TILE];
    int missing = 0;
    for (int32_t i = 0; i < rows; i++) {
        int32_t model = cw_predictor_model(predictor, block, first + i);
        missing |= model < 0;
        own[i] = predictor->coefficient + (model < 0 ? 0 : model) * predictor->stride;
        eta[i] = own[i][0];
    }
    for (int32_t j = 0; j < predictor->columns; j++) {
        const double *x = block->real[predictor->column[j]] + first;
        double shift = predictor->shift ? predictor->shift[j] : 0;
        double scale = predictor->scale ? predictor->scale[j] : 1;
        for (int32_t i = 0; i < rows; i++) eta[i] += own[i][j + 1] * ((x[i] - shift) * scale);
    }
    if (!missing) return;
    for (int32_t i = 0; i < rows; i++)
        if (cw_predictor_model(predictor, block, first + i) < 0) eta[i] = (double)NAN;
}

static void single_tile(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                        double *eta) {
    const double *b = predictor->coefficient;
    for (int32_t i = 0; i < rows; i++) eta[i] = b[0];
    for (int32_t j = 0; j < predictor->columns; j++) {
        const double *x = block->real[predictor->column[j]] + first;
        double shift = predictor->shift ? predictor->shift[j] : 0;
        double scale = predictor->scale ? predictor->scale[j] : 1, slope = b[j + 1];
        for (int32_t i = 0; i < rows; i++) eta[i] += slope * ((x[i] - shift) * scale);
    }
}

void cw_predict(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                double *out) {
    if (predictor->link == CW_LINK_COLUMN) {
        memcpy(out, block->real[predictor->column[0]] + first, (size_t)rows * sizeof *out);
    } else {
        for (int32_t done = 0; done < rows; done += TILE) {
            int32_t count = rows - done < TILE ? rows - done : TILE;
            if (predictor->cells)
                mixed_tile(predictor, block, first + done, count, out + done);
            else
                single_tile(predictor, block, first + done, count, out + done);
        }
        if (predictor->link == CW_LINK_LOGIT) cw_logistic_array(rows, out, out, NULL);
    }
    if (predictor->times == 0) return;
    for (int32_t i = 0; i < rows; i++) out[i] = predictor->plus + predictor->times * out[i];
}
