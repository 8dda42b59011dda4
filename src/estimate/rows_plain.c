#include "rows.h"

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

static void tally(const cw_row_terms *row, cw_lanes *sum) {
    for (int32_t i = 0; i < row->rows; i++) {
        int l = i % CW_LANES;
        double w = row->weight[i], e = row->residual[i], psi = row->own[i] + row->mean[i];
        sum[0][l] += w;
        sum[1][l] += w * w;
        sum[2][l] += w * e * e;
        sum[3][l] += row->copies ? psi * psi / row->copies[i] : psi * psi;
    }
}

static void tally_arm(const cw_row_terms *row, double value, cw_lanes *sum) {
    for (int32_t i = 0; i < row->rows; i++) {
        int l = i % CW_LANES;
        double w = row->treatment[i] == value ? row->weight[i] : 0, e = row->residual[i];
        sum[0][l] += w;
        sum[1][l] += w * row->outcome[i];
        sum[2][l] += w * e * e;
        sum[3][l] += w > 0 ? 1 : 0;
    }
}

static double tally_leverage(const cw_row_terms *row, double least, cw_lanes *sum) {
    double most = 0;
    for (int32_t i = 0; i < row->rows; i++) {
        int l = i % CW_LANES;
        double left = 1 - row->leverage[i], mean = row->mean[i], copies = row->copies ? row->copies[i] : 1;
        if (row->leverage[i] > most) most = row->leverage[i];
        int out = left < least;
        double two = row->own[i] / sqrt(left), three = row->own[i] / left;
        double both = two + mean, sharp = three + mean;
        sum[0][l] += out ? 0 : two * two / copies;
        sum[1][l] += out ? 0 : both * both / copies;
        sum[2][l] += out ? 0 : sharp * sharp / copies;
        sum[3][l] += out ? 1 : 0;
    }
    return most;
}

static double extremes(int32_t n, const double *x, double *low, double *high) {
    double mark = 0;
    for (int32_t i = 0; i < n; i++) {
        if (x[i] < *low) *low = x[i];
        if (x[i] > *high) *high = x[i];
        mark += x[i] - x[i];
    }
    return mark;
}

const cw_rows cw_rows_plain = {project, leverage, tally, tally_arm, tally_leverage, extremes};

const cw_rows *cw_rows_use(void) {
#if defined(__x86_64__)
    switch (cw_cpu_level()) {
    case CW_CPU_AVX512:
        return &cw_rows_avx512;
    case CW_CPU_AVX2:
        return &cw_rows_avx2;
    case CW_CPU_PLAIN:
        break;
    }
#endif
    return &cw_rows_plain;
}
