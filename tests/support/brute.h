/* Weighted least squares by the book: dense matrices in long double, every formula as it is written in a
 * textbook. Slow and small. */
#ifndef CW_TESTS_SUPPORT_BRUTE_H
#define CW_TESTS_SUPPORT_BRUTE_H

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/linalg/cholesky.h"

enum { BRUTE_ROWS = 400, BRUTE_COLUMNS = 24 };

typedef struct brute {
    int n, k; /* rows and columns in use; fill these, x, y, w, cluster */
    int frequency;
    double x[BRUTE_ROWS][BRUTE_COLUMNS], y[BRUTE_ROWS], w[BRUTE_ROWS];
    int cluster[BRUTE_ROWS];      /* 0 .. clusters-1 */
    double mean_part[BRUTE_ROWS]; /* added to a row's influence after any leverage correction */
    double extra_leverage[BRUTE_ROWS];
    int extra_rank;
    long double inverse[BRUTE_COLUMNS][BRUTE_COLUMNS];
    double beta[BRUTE_COLUMNS], e[BRUTE_ROWS], h[BRUTE_ROWS];
    double total; /* N */
} brute;

static inline void brute_invert(int k, long double a[BRUTE_COLUMNS][BRUTE_COLUMNS],
                                long double out[BRUTE_COLUMNS][BRUTE_COLUMNS]) {
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) out[i][j] = i == j;
    for (int p = 0; p < k; p++) {
        int best = p;
        for (int i = p + 1; i < k; i++)
            if (fabsl(a[i][p]) > fabsl(a[best][p])) best = i;
        assert(a[best][p] != 0);
        for (int j = 0; j < k; j++) {
            long double t = a[p][j];
            a[p][j] = a[best][j];
            a[best][j] = t;
            t = out[p][j];
            out[p][j] = out[best][j];
            out[best][j] = t;
        }
        long double pivot = a[p][p];
        for (int j = 0; j < k; j++) {
            a[p][j] /= pivot;
            out[p][j] /= pivot;
        }
        for (int i = 0; i < k; i++) {
            long double f = a[i][p];
            if (i == p || f == 0) continue;
            for (int j = 0; j < k; j++) {
                a[i][j] -= f * a[p][j];
                out[i][j] -= f * out[p][j];
            }
        }
    }
}

static inline void brute_fit(brute *b) {
    static long double a[BRUTE_COLUMNS][BRUTE_COLUMNS];
    long double r[BRUTE_COLUMNS];
    memset(a, 0, sizeof a);
    memset(r, 0, sizeof r);
    b->total = 0;
    for (int i = 0; i < b->n; i++) {
        b->total += b->frequency ? b->w[i] : 1;
        for (int j = 0; j < b->k; j++) {
            r[j] += (long double)b->w[i] * b->x[i][j] * b->y[i];
            for (int l = 0; l < b->k; l++) a[j][l] += (long double)b->w[i] * b->x[i][j] * b->x[i][l];
        }
    }
    brute_invert(b->k, a, b->inverse);
    for (int j = 0; j < b->k; j++) {
        long double sum = 0;
        for (int l = 0; l < b->k; l++) sum += b->inverse[j][l] * r[l];
        b->beta[j] = (double)sum;
    }
    for (int i = 0; i < b->n; i++) {
        long double fit = 0, h = 0;
        for (int j = 0; j < b->k; j++) {
            fit += (long double)b->beta[j] * b->x[i][j];
            for (int l = 0; l < b->k; l++) h += b->inverse[j][l] * b->x[i][j] * b->x[i][l];
        }
        b->e[i] = (double)(b->y[i] - fit);
        b->h[i] = (double)(b->frequency ? h : b->w[i] * h) + b->extra_leverage[i];
    }
}

static inline double brute_rank(const brute *b) {
    return b->k + b->extra_rank;
}

static inline double brute_sigma2(const brute *b) {
    double rss = 0;
    for (int i = 0; i < b->n; i++) rss += b->w[i] * b->e[i] * b->e[i];
    return rss / (b->total - brute_rank(b));
}

static inline double brute_classical(const brute *b, int t) {
    return sqrt(brute_sigma2(b) * (double)b->inverse[t][t]);
}

/* (X'WX)^-1 x of row i, element t. */
static inline double brute_along(const brute *b, int i, int t) {
    long double g = 0;
    for (int j = 0; j < b->k; j++) g += b->inverse[t][j] * b->x[i][j];
    return (double)g;
}

/* HC0 to HC3 of coefficient t. */
static inline double brute_hc(const brute *b, int type, int t) {
    double sum = 0;
    for (int i = 0; i < b->n; i++) {
        double left = 1 - b->h[i];
        double fix = type == 2 ? 1 / sqrt(left) : type == 3 ? 1 / left : 1;
        double psi = b->w[i] * b->e[i] * brute_along(b, i, t) * fix + b->mean_part[i];
        sum += psi * psi / (b->frequency ? b->w[i] : 1);
    }
    return sqrt(type == 1 ? sum * b->total / (b->total - brute_rank(b)) : sum);
}

/* A cluster's term of CR2: c'X' W^1/2 (I - H)^-1/2 W^1/2 e with the symmetric inverse root of the dense
 * matrix; copies of a row with a frequency weight are equal, so one row with the root of its weight does for
 * them. */
static inline double brute_cr2_term(const brute *b, int g, int t) {
    int row[BRUTE_ROWS], m = 0;
    for (int i = 0; i < b->n; i++)
        if (b->cluster[i] == g) row[m++] = i;
    double *a = calloc((size_t)m * (size_t)m, sizeof *a), *v = calloc((size_t)m * (size_t)m, sizeof *v);
    double *values = calloc((size_t)m, sizeof *values), term = 0;
    assert(a && v && values);
    for (int p = 0; p < m; p++)
        for (int q = 0; q < m; q++) {
            long double h = 0;
            for (int j = 0; j < b->k; j++)
                for (int l = 0; l < b->k; l++) h += b->inverse[j][l] * b->x[row[p]][j] * b->x[row[q]][l];
            a[p * m + q] = (p == q) - (double)h * sqrt(b->w[row[p]] * b->w[row[q]]);
        }
    cw_eigen_symmetric(m, a, values, v);
    for (int s = 0; s < m; s++) {
        double left = 0, right = 0;
        for (int p = 0; p < m; p++) {
            left += v[p * m + s] * sqrt(b->w[row[p]]) * brute_along(b, row[p], t);
            right += v[p * m + s] * sqrt(b->w[row[p]]) * b->e[row[p]];
        }
        term += left * right / sqrt(values[s]);
    }
    free(a);
    free(v);
    free(values);
    return term;
}

/* CR0 to CR2 of coefficient t. */
static inline double brute_cr(const brute *b, int type, int t) {
    double sum = 0, n = b->total;
    int clusters = 0;
    for (int i = 0; i < b->n; i++)
        if (b->cluster[i] >= clusters) clusters = b->cluster[i] + 1;
    for (int g = 0; g < clusters; g++) {
        double term = type == 2 ? brute_cr2_term(b, g, t) : 0;
        for (int i = 0; i < b->n; i++)
            if (b->cluster[i] == g)
                term += (type == 2 ? 0 : b->w[i] * b->e[i] * brute_along(b, i, t)) + b->mean_part[i];
        sum += term * term;
    }
    double factor = (double)clusters / (clusters - 1) * (n - 1) / (n - brute_rank(b));
    return sqrt(type == 1 ? sum * factor : sum);
}

#endif
