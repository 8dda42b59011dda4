/* The twin of the vector kernels. */
#include "predictor_kernel.h"

static void column(int32_t rows, const double *x, double shift, double scale, const double *b,
                   const int64_t *model, double *eta) {
    cw_predictor_column_from(0, rows, x, shift, scale, b, model, eta);
}

static void common(int32_t rows, const double *x, double shift, double scale, double b, double *eta) {
    cw_predictor_common_from(0, rows, x, shift, scale, b, eta);
}

const cw_predictor_steps cw_predictor_plain = {column, common};
