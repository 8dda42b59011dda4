/* linear_rows_plain.c over vectors. The including file defines cw_vec, CW_WIDTH and the V_ operations. */
#include <math.h>

#include "linear_rows.h"

/* Four columns at a time, so that r and g are read and written once for four. */
static void project4(int32_t n, const double *const *x, const double *shift, const double *b, const double *c,
                     double *r, double *g) {
    int32_t i = 0;
    for (; i + CW_WIDTH <= n; i += CW_WIDTH) {
        cw_vec rv = V_LOAD(r + i), gv = V_LOAD(g + i);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            cw_vec d = V_SUB(V_LOAD(x[k] + i), V_SET(shift[k]));
            rv = V_FMA(V_SET(-b[k]), d, rv);
            gv = V_FMA(V_SET(c[k]), d, gv);
        }
        V_STORE(r + i, rv);
        V_STORE(g + i, gv);
    }
    for (; i < n; i++)
        for (int k = 0; k < 4; k++) {
            double d = x[k][i] - shift[k];
            r[i] = fma(-b[k], d, r[i]);
            g[i] = fma(c[k], d, g[i]);
        }
}

static void project1(int32_t n, const double *x, double shift, double b, double c, double *r, double *g) {
    int32_t i = 0;
    for (; i + CW_WIDTH <= n; i += CW_WIDTH) {
        cw_vec d = V_SUB(V_LOAD(x + i), V_SET(shift));
        V_STORE(r + i, V_FMA(V_SET(-b), d, V_LOAD(r + i)));
        V_STORE(g + i, V_FMA(V_SET(c), d, V_LOAD(g + i)));
    }
    for (; i < n; i++) {
        double d = x[i] - shift;
        r[i] = fma(-b, d, r[i]);
        g[i] = fma(c, d, g[i]);
    }
}

static void project(int32_t n, int32_t columns, const double *const *x, const double *shift, const double *b,
                    const double *c, double *r, double *g) {
    int32_t j = 0;
    for (; j + 4 <= columns; j += 4) project4(n, x + j, shift + j, b + j, c + j, r, g);
    for (; j < columns; j++) project1(n, x[j], shift[j], b[j], c[j], r, g);
}

enum { VECTORS = CW_LEVERAGE_ROWS / CW_WIDTH };

static void leverage(int32_t k, const double *lower, double *v, double *h) {
    cw_vec hv[VECTORS];
    for (int l = 0; l < VECTORS; l++) hv[l] = V_SET(0.0);
    for (int32_t i = 0; i < k; i++) {
        double *vi = v + (int64_t)i * CW_LEVERAGE_ROWS, pivot = lower[i];
        cw_vec sum[VECTORS];
#pragma GCC unroll 8
        for (int l = 0; l < VECTORS; l++) sum[l] = V_LOAD(vi + l * CW_WIDTH);
        for (int32_t j = 0; j < i; j++) {
            const double *vj = v + (int64_t)j * CW_LEVERAGE_ROWS;
            cw_vec a = V_SET(-lower[j]);
#pragma GCC unroll 8
            for (int l = 0; l < VECTORS; l++) sum[l] = V_FMA(a, V_LOAD(vj + l * CW_WIDTH), sum[l]);
        }
#pragma GCC unroll 8
        for (int l = 0; l < VECTORS; l++) {
            cw_vec u = pivot == 0 ? V_SET(0.0) : V_DIV(sum[l], V_SET(pivot));
            V_STORE(vi + l * CW_WIDTH, u);
            hv[l] = V_FMA(u, u, hv[l]);
        }
        lower += i + 1;
    }
    for (int l = 0; l < VECTORS; l++) V_STORE(h + l * CW_WIDTH, hv[l]);
}
