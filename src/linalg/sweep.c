#include "sweep.h"

#include <math.h>

#include "gram.h"

/* Both directions share the step; they differ in the sign that row and column k get. Every element is written
 * once from old values in a fixed order, products are rounded (no fma): equal bits everywhere. */
static void step(int32_t n, double *packed, int32_t k, double sign, double *column) {
    for (int32_t i = 0; i < n; i++) column[i] = packed[i <= k ? cw_packed(n, i, k) : cw_packed(n, k, i)];
    double pivot = column[k];
    for (int32_t i = 0; i < n; i++) {
        double factor = column[i] / pivot;
        if (factor == 0 || i == k) continue;
        double *row = packed + cw_packed(n, i, i) - i;
        for (int32_t j = i; j < n; j++) row[j] -= factor * column[j];
    }
    /* Row and column k, which the loop above spoilt. */
    for (int32_t i = 0; i < n; i++)
        packed[i <= k ? cw_packed(n, i, k) : cw_packed(n, k, i)] =
            i == k ? -1 / pivot : sign * (column[i] / pivot);
}

int cw_sweep(int32_t n, double *packed, int32_t k, double smallest, double *work) {
    double pivot = packed[cw_packed(n, k, k)];
    if (!(pivot > smallest) || !isfinite(pivot)) return 0;
    step(n, packed, k, 1, work);
    return 1;
}

void cw_unsweep(int32_t n, double *packed, int32_t k, double *work) {
    step(n, packed, k, -1, work);
}
