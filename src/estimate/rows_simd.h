/* rows_plain.c over vectors. The including file defines cw_vec, CW_WIDTH and the V_ operations. */
#include <math.h>

#include "rows.h"

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

/* Vectors in a set of lanes. */
enum { SET = CW_LANES / CW_WIDTH };

static void load_lanes(int sums, const cw_lanes *sum, cw_vec (*v)[SET]) {
    for (int s = 0; s < sums; s++)
        for (int l = 0; l < SET; l++) v[s][l] = V_LOAD(sum[s] + l * CW_WIDTH);
}

static void store_lanes(int sums, cw_lanes *sum, const cw_vec (*v)[SET]) {
    for (int s = 0; s < sums; s++)
        for (int l = 0; l < SET; l++) V_STORE(sum[s] + l * CW_WIDTH, v[s][l]);
}

static void tally(const cw_row_terms *row, cw_lanes *sum) {
    cw_vec v[4][SET];
    load_lanes(4, (const cw_lanes *)sum, v);
    for (int32_t i = 0; i < row->rows; i += CW_LANES)
        for (int l = 0; l < SET; l++) {
            int32_t at = i + l * CW_WIDTH;
            cw_vec w = V_LOAD(row->weight + at), e = V_LOAD(row->residual + at);
            cw_vec psi = V_ADD(V_LOAD(row->own + at), V_LOAD(row->mean + at)), square = V_MUL(psi, psi);
            if (row->copies) square = V_DIV(square, V_LOAD(row->copies + at));
            v[0][l] = V_ADD(v[0][l], w);
            v[1][l] = V_ADD(v[1][l], V_MUL(w, w));
            v[2][l] = V_ADD(v[2][l], V_MUL(V_MUL(w, e), e));
            v[3][l] = V_ADD(v[3][l], square);
        }
    store_lanes(4, sum, (const cw_vec(*)[SET])v);
}

static void tally_arm(const cw_row_terms *row, double value, cw_lanes *sum) {
    cw_vec v[4][SET];
    load_lanes(4, (const cw_lanes *)sum, v);
    for (int32_t i = 0; i < row->rows; i += CW_LANES)
        for (int l = 0; l < SET; l++) {
            int32_t at = i + l * CW_WIDTH;
            cw_vec w = V_WHERE_EQUAL(V_LOAD(row->treatment + at), V_SET(value), V_LOAD(row->weight + at));
            cw_vec e = V_LOAD(row->residual + at);
            v[0][l] = V_ADD(v[0][l], w);
            v[1][l] = V_ADD(v[1][l], V_MUL(w, V_LOAD(row->outcome + at)));
            v[2][l] = V_ADD(v[2][l], V_MUL(V_MUL(w, e), e));
            v[3][l] = V_ADD(v[3][l], V_WHERE_LESS(V_SET(0.0), w, V_SET(1.0)));
        }
    store_lanes(4, sum, (const cw_vec(*)[SET])v);
}

static double tally_leverage(const cw_row_terms *row, double least, cw_lanes *sum) {
    cw_vec v[4][SET], most = V_SET(0.0);
    load_lanes(4, (const cw_lanes *)sum, v);
    for (int32_t i = 0; i < row->rows; i += CW_LANES)
        for (int l = 0; l < SET; l++) {
            int32_t at = i + l * CW_WIDTH;
            cw_vec h = V_LOAD(row->leverage + at), left = V_SUB(V_SET(1.0), h);
            cw_vec own = V_LOAD(row->own + at), mean = V_LOAD(row->mean + at);
            cw_vec two = V_DIV(own, V_SQRT(left)), three = V_DIV(own, left);
            cw_vec both = V_ADD(two, mean), sharp = V_ADD(three, mean);
            cw_vec term[3] = {V_MUL(two, two), V_MUL(both, both), V_MUL(sharp, sharp)};
            most = V_MAX(h, most);
            for (int s = 0; s < 3; s++) {
                if (row->copies) term[s] = V_DIV(term[s], V_LOAD(row->copies + at));
                v[s][l] = V_ADD(v[s][l], V_UNLESS_LESS(left, V_SET(least), term[s]));
            }
            v[3][l] = V_ADD(v[3][l], V_WHERE_LESS(left, V_SET(least), V_SET(1.0)));
        }
    store_lanes(4, sum, (const cw_vec(*)[SET])v);
    double each[CW_WIDTH], largest = 0;
    V_STORE(each, most);
    for (int l = 0; l < CW_WIDTH; l++)
        if (each[l] > largest) largest = each[l];
    return largest;
}

static double extremes(int32_t n, const double *x, double *low, double *high) {
    cw_vec least[2], most[2], mark[2];
    for (int k = 0; k < 2; k++) {
        least[k] = V_SET(*low);
        most[k] = V_SET(*high);
        mark[k] = V_SET(0.0);
    }
    int32_t i = 0;
    for (; i + 2 * CW_WIDTH <= n; i += 2 * CW_WIDTH)
        for (int k = 0; k < 2; k++) {
            cw_vec v = V_LOAD(x + i + k * CW_WIDTH);
            least[k] = V_MIN(v, least[k]); /* the second operand where the first is NaN */
            most[k] = V_MAX(v, most[k]);
            mark[k] = V_ADD(mark[k], V_SUB(v, v));
        }
    double a[2 * CW_WIDTH], b[2 * CW_WIDTH], c[2 * CW_WIDTH], odd = 0;
    for (int k = 0; k < 2; k++) {
        V_STORE(a + k * CW_WIDTH, least[k]);
        V_STORE(b + k * CW_WIDTH, most[k]);
        V_STORE(c + k * CW_WIDTH, mark[k]);
    }
    for (int k = 0; k < 2 * CW_WIDTH; k++) {
        if (a[k] < *low) *low = a[k];
        if (b[k] > *high) *high = b[k];
        odd += c[k];
    }
    for (; i < n; i++) {
        if (x[i] < *low) *low = x[i];
        if (x[i] > *high) *high = x[i];
        odd += x[i] - x[i];
    }
    return odd;
}
