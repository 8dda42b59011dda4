#include "linear_rows.h"

#include <math.h>

#include "../base/cpu.h"

static void project(int32_t n, int32_t columns, const double *const *x, const double *shift, const double *b,
                    const double *c, double *r, double *g) {
    for (int32_t j = 0; j < columns; j++)
        for (int32_t i = 0; i < n; i++) {
            double d = x[j][i] - shift[j];
            r[i] = fma(-b[j], d, r[i]);
            g[i] = fma(c[j], d, g[i]);
        }
}

static void leverage(int32_t k, const double *lower, double *v, double *h) {
    for (int32_t l = 0; l < CW_LEVERAGE_ROWS; l++) h[l] = 0;
    for (int32_t i = 0; i < k; i++) {
        double *vi = v + (int64_t)i * CW_LEVERAGE_ROWS;
        for (int32_t j = 0; j < i; j++)
            for (int32_t l = 0; l < CW_LEVERAGE_ROWS; l++)
                vi[l] = fma(-lower[j], v[(int64_t)j * CW_LEVERAGE_ROWS + l], vi[l]);
        double pivot = lower[i];
        for (int32_t l = 0; l < CW_LEVERAGE_ROWS; l++) {
            vi[l] = pivot == 0 ? 0 : vi[l] / pivot;
            h[l] = fma(vi[l], vi[l], h[l]);
        }
        lower += i + 1;
    }
}

const cw_linear_rows cw_linear_rows_plain = {project, leverage};

const cw_linear_rows *cw_linear_rows_use(void) {
#if defined(__x86_64__)
    switch (cw_cpu_level()) {
    case CW_CPU_AVX512:
        return &cw_linear_rows_avx512;
    case CW_CPU_AVX2:
        return &cw_linear_rows_avx2;
    case CW_CPU_PLAIN:
        break;
    }
#endif
    return &cw_linear_rows_plain;
}
