#include "predictor.h"

#include <math.h>
#include <string.h>

#include "../base/cpu.h"
#include "../base/real.h"
#include "predictor_kernel.h"

enum { TILE = CW_PREDICTOR_TILE };

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

const cw_predictor_steps *cw_predictor_use(void) {
#if defined(__x86_64__)
    switch (cw_cpu_level()) {
    case CW_CPU_AVX512:
        return &cw_predictor_avx512;
    case CW_CPU_AVX2:
        return &cw_predictor_avx2;
    case CW_CPU_PLAIN:
        break;
    }
#endif
    return &cw_predictor_plain;
}

static double shift_of(const cw_predictor *predictor, int32_t j) {
    return predictor->shift ? predictor->shift[j] : 0;
}
static double scale_of(const cw_predictor *predictor, int32_t j) {
    return predictor->scale ? predictor->scale[j] : 1;
}

/* The models of a tile's rows, numbered from 0 as they appear; -1 (a row of none) is 0 here and NaN later. */
typedef struct tile_models {
    int64_t number[TILE];
    int32_t used, missing;
    const double *coefficient[TILE]; /* of the models that appear */
} tile_models;

static void find_models(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                        tile_models *models) {
    int32_t known[TILE];
    models->used = models->missing = 0;
    for (int32_t i = 0; i < rows; i++) {
        int32_t model = cw_predictor_model(predictor, block, first + i), k = 0;
        models->missing |= model < 0;
        if (model < 0) model = 0;
        while (k < models->used && known[k] != model) k++;
        if (k == models->used) {
            known[k] = model;
            models->coefficient[models->used++] = predictor->coefficient + model * predictor->stride;
        }
        models->number[i] = k;
    }
}

/* eta of a tile whose rows may use different models. */
static void mixed_tile(const cw_predictor *predictor, const cw_predictor_steps *use, const cw_block *block,
                       int32_t first, int32_t rows, double *eta) {
    tile_models models;
    find_models(predictor, block, first, rows, &models);
    for (int32_t i = 0; i < rows; i++) eta[i] = models.coefficient[models.number[i]][0];
    for (int32_t j = 0; j < predictor->columns; j++) {
        const double *x = block->real[predictor->column[j]] + first;
        double shift = shift_of(predictor, j), scale = scale_of(predictor, j), b[CW_PREDICTOR_MODELS] = {0};
        if (models.used > CW_PREDICTOR_MODELS) {
            for (int32_t i = 0; i < rows; i++)
                eta[i] += models.coefficient[models.number[i]][j + 1] * ((x[i] - shift) * scale);
            continue;
        }
        for (int32_t k = 0; k < models.used; k++) b[k] = models.coefficient[k][j + 1];
        use->column(rows, x, shift, scale, b, models.number, eta);
    }
    if (!models.missing) return;
    for (int32_t i = 0; i < rows; i++)
        if (cw_predictor_model(predictor, block, first + i) < 0) eta[i] = (double)NAN;
}

static void single_tile(const cw_predictor *predictor, const cw_predictor_steps *use, const cw_block *block,
                        int32_t first, int32_t rows, double *eta) {
    const double *b = predictor->coefficient;
    for (int32_t i = 0; i < rows; i++) eta[i] = b[0];
    for (int32_t j = 0; j < predictor->columns; j++)
        use->common(rows, block->real[predictor->column[j]] + first, shift_of(predictor, j),
                    scale_of(predictor, j), b[j + 1], eta);
}

void cw_predict(const cw_predictor *predictor, const cw_block *block, int32_t first, int32_t rows,
                double *out) {
    if (predictor->link == CW_LINK_COLUMN) {
        memcpy(out, block->real[predictor->column[0]] + first, (size_t)rows * sizeof *out);
    } else {
        const cw_predictor_steps *use = cw_predictor_use();
        for (int32_t done = 0; done < rows; done += TILE) {
            int32_t count = rows - done < TILE ? rows - done : TILE;
            if (predictor->cells)
                mixed_tile(predictor, use, block, first + done, count, out + done);
            else
                single_tile(predictor, use, block, first + done, count, out + done);
        }
        if (predictor->link == CW_LINK_LOGIT) cw_logistic_array(rows, out, out, NULL);
    }
    if (predictor->times == 0) return;
    for (int32_t i = 0; i < rows; i++) out[i] = predictor->plus + predictor->times * out[i];
}
