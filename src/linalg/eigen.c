/* Symmetric eigenproblems by cyclic Jacobi rotations (Golub & Van Loan, section 8.5): slow, simple, accurate,
 * and in an order that never depends on the machine. */
#include <math.h>

#include "cholesky.h"

enum { MOST_SWEEPS = 60 };

/* Makes a[p][q] zero: rotates rows and columns p and q of a, and columns of v. */
static void rotate(int32_t n, double *a, double *v, int32_t p, int32_t q) {
    double apq = a[(int64_t)p * n + q], app = a[(int64_t)p * n + p], aqq = a[(int64_t)q * n + q];
    double tau = (aqq - app) / (2 * apq);
    double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + sqrt(1 + tau * tau));
    double c = 1 / sqrt(1 + t * t), s = t * c;
    for (int32_t k = 0; k < n; k++) {
        double x = a[(int64_t)k * n + p], y = a[(int64_t)k * n + q];
        a[(int64_t)k * n + p] = c * x - s * y;
        a[(int64_t)k * n + q] = s * x + c * y;
        x = v[(int64_t)k * n + p];
        y = v[(int64_t)k * n + q];
        v[(int64_t)k * n + p] = c * x - s * y;
        v[(int64_t)k * n + q] = s * x + c * y;
    }
    double *rp = a + (int64_t)p * n, *rq = a + (int64_t)q * n;
    for (int32_t k = 0; k < n; k++) {
        double x = rp[k], y = rq[k];
        rp[k] = c * x - s * y;
        rq[k] = s * x + c * y;
    }
    rp[p] = app - t * apq;
    rq[q] = aqq + t * apq;
    rp[q] = rq[p] = 0;
}

/* One sweep over the upper triangle; returns whether anything was rotated. */
static int sweep(int32_t n, double *a, double *v, double least) {
    int rotated = 0;
    for (int32_t p = 0; p < n; p++)
        for (int32_t q = p + 1; q < n; q++) {
            double apq = fabs(a[(int64_t)p * n + q]);
            if (!(apq > least)) continue;
            /* An element that no longer changes either diagonal is done. */
            double app = fabs(a[(int64_t)p * n + p]), aqq = fabs(a[(int64_t)q * n + q]);
            if (app + apq * 0x1p-4 == app && aqq + apq * 0x1p-4 == aqq) {
                a[(int64_t)p * n + q] = a[(int64_t)q * n + p] = 0;
                continue;
            }
            rotate(n, a, v, p, q);
            rotated = 1;
        }
    return rotated;
}

static void swap_columns(int32_t n, double *v, int32_t p, int32_t q) {
    for (int32_t k = 0; k < n; k++) {
        double x = v[(int64_t)k * n + p];
        v[(int64_t)k * n + p] = v[(int64_t)k * n + q];
        v[(int64_t)k * n + q] = x;
    }
}

void cw_eigen_symmetric(int32_t n, double *a, double *values, double *vectors) {
    double size = 0;
    for (int64_t k = 0; k < (int64_t)n * n; k++) {
        vectors[k] = k % (n + 1) == 0;
        if (fabs(a[k]) > size) size = fabs(a[k]);
    }
    for (int k = 0; k < MOST_SWEEPS; k++)
        if (!sweep(n, a, vectors, size * 0x1p-1000)) break;
    for (int32_t i = 0; i < n; i++) values[i] = a[(int64_t)i * n + i];
    for (int32_t i = 0; i < n; i++) {
        int32_t least = i;
        for (int32_t k = i + 1; k < n; k++)
            if (values[k] < values[least]) least = k;
        if (least == i) continue;
        double x = values[i];
        values[i] = values[least];
        values[least] = x;
        swap_columns(n, vectors, i, least);
    }
}
