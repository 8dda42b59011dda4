#include "cholesky.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "gram.h"

/* The factorisation works on the matrix scaled to unit diagonal, so that "dependent" does not mean "small";
 * the scales go back into the factor's columns. */

/* Row i of a packed upper triangle, to be indexed by column. */
static double *row_of(double *packed, int32_t n, int32_t i) {
    return packed + cw_packed(n, i, i) - i;
}
static const double *const_row_of(const double *packed, int32_t n, int32_t i) {
    return packed + cw_packed(n, i, i) - i;
}

/* The inverse square roots of the diagonal; 0 where it is 0. */
static cw_code scales(cw_env *env, int32_t n, const double *packed, double *scale) {
    for (int32_t i = 0; i < n; i++) {
        double d = packed[cw_packed(n, i, i)];
        if (!(d >= 0) || !isfinite(d))
            return cw_fail(env, CW_BAD_DATA, NULL, NULL,
                           "the sum of squares of column %d is negative or not finite", i);
        /* Below the normal numbers there is nothing left to scale. */
        scale[i] = d >= DBL_MIN ? 1 / sqrt(d) : 0;
    }
    return CW_OK;
}

/* Right-looking: once row i of R is ready, its outer product leaves the rest. Every element is one chain over
 * i in order; products are rounded (no fma), which any compiler may vectorise without changing a bit. */
static void factor_scaled(cw_cholesky *cholesky, const double *scale) {
    int32_t n = cholesky->n;
    for (int32_t i = 0; i < n; i++) {
        double *ri = row_of(cholesky->factor, n, i);
        if (scale[i] == 0 || !(ri[i] > CW_RANK_TOLERANCE)) {
            cholesky->dropped[i] = 1;
            for (int32_t j = i; j < n; j++) ri[j] = 0;
            for (int32_t k = 0; k < i; k++) row_of(cholesky->factor, n, k)[i] = 0;
            continue;
        }
        cholesky->rank++;
        double pivot = sqrt(ri[i]);
        ri[i] = pivot;
        for (int32_t j = i + 1; j < n; j++) ri[j] /= pivot;
        for (int32_t k = i + 1; k < n; k++) {
            if (ri[k] == 0) continue;
            double *rk = row_of(cholesky->factor, n, k);
            for (int32_t j = k; j < n; j++) rk[j] -= ri[k] * ri[j];
        }
    }
}

static double norm1(int32_t n, const double *x) {
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += fabs(x[i]);
    return sum;
}

/* |A^-1|_1 from below, by a few solves: Hager (1984), Higham (1988, algorithm 4.1). For A symmetric. `x`,
 * `z`: workspace of n. */
static double inverse_norm(const cw_cholesky *cholesky, double *x, double *z) {
    int32_t n = cholesky->n, m = cholesky->rank, at = -1;
    double estimate = 0;
    for (int32_t i = 0; i < n; i++) x[i] = cholesky->dropped[i] ? 0 : 1.0 / m;
    for (int step = 0; step < 5; step++) {
        cw_cholesky_solve(cholesky, x);
        double norm = norm1(n, x);
        if (step > 0 && norm <= estimate) break;
        estimate = norm;
        for (int32_t i = 0; i < n; i++) z[i] = cholesky->dropped[i] ? 0 : x[i] >= 0 ? 1 : -1;
        cw_cholesky_solve(cholesky, z);
        int32_t best = 0;
        for (int32_t i = 1; i < n; i++)
            if (fabs(z[i]) > fabs(z[best])) best = i;
        if (best == at) break;
        at = best;
        for (int32_t i = 0; i < n; i++) x[i] = i == at;
    }
    /* Higham's second guess catches the matrices that mislead the first. */
    int32_t k = 0;
    for (int32_t i = 0; i < n; i++) {
        x[i] = 0;
        if (cholesky->dropped[i]) continue;
        double size = m > 1 ? 1 + (double)k / (m - 1) : 1;
        x[i] = k % 2 ? -size : size;
        k++;
    }
    cw_cholesky_solve(cholesky, x);
    double other = 2 * norm1(n, x) / (3.0 * m);
    return other > estimate ? other : estimate;
}

/* |A|_1 of the scaled matrix over the kept columns. */
static double scaled_norm(const cw_cholesky *cholesky, const double *packed, const double *scale,
                          double *sums) {
    int32_t n = cholesky->n;
    double largest = 0;
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int32_t i = 0; i < n; i++) {
        if (cholesky->dropped[i]) continue;
        const double *a = const_row_of(packed, n, i);
        for (int32_t j = i; j < n; j++) {
            if (cholesky->dropped[j]) continue;
            double v = fabs(a[j] * scale[i] * scale[j]);
            sums[i] += v;
            if (j > i) sums[j] += v;
        }
    }
    for (int32_t i = 0; i < n; i++)
        if (sums[i] > largest) largest = sums[i];
    return largest;
}

static cw_code factor(cw_cholesky *cholesky, const double *packed, double *scale, double *work) {
    int32_t n = cholesky->n;
    CW_TRY(scales(cholesky->env, n, packed, scale));
    for (int32_t i = 0; i < n; i++) {
        const double *a = const_row_of(packed, n, i);
        double *r = row_of(cholesky->factor, n, i);
        for (int32_t j = i; j < n; j++) {
            r[j] = a[j] * scale[i] * scale[j];
            if (!isfinite(a[j]))
                return cw_fail(cholesky->env, CW_BAD_DATA, NULL, NULL,
                               "the cross product of columns %d and %d is not finite", i, j);
        }
    }
    factor_scaled(cholesky, scale);
    if (cholesky->rank > 0)
        cholesky->condition =
            scaled_norm(cholesky, packed, scale, work) * inverse_norm(cholesky, work, work + n);
    for (int32_t j = 0; j < n; j++) {
        if (cholesky->dropped[j]) continue;
        double back = 1 / scale[j];
        for (int32_t i = 0; i <= j; i++) row_of(cholesky->factor, n, i)[j] *= back;
    }
    return CW_OK;
}

cw_code cw_cholesky_factor(cw_env *env, int32_t n, const double *packed, cw_cholesky **out) {
    *out = NULL;
    if (n < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "a Cholesky factor of order %d", n);
    cw_cholesky *cholesky = NULL;
    double *work = NULL;
    cw_code code;
    size_t order = (size_t)n;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *cholesky, &cholesky));
    cholesky->env = env;
    cholesky->n = n;
    CW_TRY_GOTO(code, cw_alloc_zero(env, order, sizeof *cholesky->dropped, &cholesky->dropped), done);
    CW_TRY_GOTO(code, cw_alloc(env, order * (order + 1) / 2, sizeof(double), &cholesky->factor), done);
    CW_TRY_GOTO(code, cw_alloc(env, 3 * order, sizeof *work, &work), done);
    CW_TRY_GOTO(code, factor(cholesky, packed, work, work + n), done);
    *out = cholesky;
    cholesky = NULL;
done:
    cw_free(env, &work);
    cw_cholesky_destroy(&cholesky);
    return code;
}

void cw_cholesky_destroy(cw_cholesky **cholesky) {
    if (!cholesky || !*cholesky) return;
    cw_env *env = (*cholesky)->env;
    cw_free(env, &(*cholesky)->dropped);
    cw_free(env, &(*cholesky)->factor);
    cw_free(env, cholesky);
}

void cw_cholesky_forward(const cw_cholesky *cholesky, double *x) {
    int32_t n = cholesky->n;
    for (int32_t i = 0; i < n; i++) {
        if (cholesky->dropped[i]) {
            x[i] = 0;
            continue;
        }
        const double *r = const_row_of(cholesky->factor, n, i);
        x[i] /= r[i];
        for (int32_t j = i + 1; j < n; j++) x[j] -= r[j] * x[i];
    }
}

static void backward(const cw_cholesky *cholesky, double *x) {
    int32_t n = cholesky->n;
    for (int32_t i = n - 1; i >= 0; i--) {
        if (cholesky->dropped[i]) {
            x[i] = 0;
            continue;
        }
        const double *r = const_row_of(cholesky->factor, n, i);
        double sum = x[i];
        for (int32_t j = i + 1; j < n; j++) sum -= r[j] * x[j];
        x[i] = sum / r[i];
    }
}

void cw_cholesky_solve(const cw_cholesky *cholesky, double *x) {
    cw_cholesky_forward(cholesky, x);
    backward(cholesky, x);
}

/* W = R^-1 row by row from the bottom (W_ij = -sum_{i<k<=j} R_ik W_kj / R_ii), then A^-1 = W W', whose row i
 * needs only the rows of W from i on: in place. */
void cw_cholesky_inverse(const cw_cholesky *cholesky, double *inverse) {
    int32_t n = cholesky->n;
    for (int32_t i = n - 1; i >= 0; i--) {
        double *w = row_of(inverse, n, i);
        const double *r = const_row_of(cholesky->factor, n, i);
        for (int32_t j = i; j < n; j++) w[j] = 0;
        if (cholesky->dropped[i]) continue;
        for (int32_t k = i + 1; k < n; k++) {
            if (r[k] == 0) continue;
            const double *wk = const_row_of(inverse, n, k);
            for (int32_t j = k; j < n; j++) w[j] -= r[k] * wk[j];
        }
        for (int32_t j = i + 1; j < n; j++) w[j] /= r[i];
        w[i] = 1 / r[i];
    }
    for (int32_t i = 0; i < n; i++) {
        double *wi = row_of(inverse, n, i);
        for (int32_t j = i; j < n; j++) {
            const double *wj = const_row_of(inverse, n, j);
            double sum = 0;
            for (int32_t k = j; k < n; k++) sum += wi[k] * wj[k];
            wi[j] = sum;
        }
    }
}
