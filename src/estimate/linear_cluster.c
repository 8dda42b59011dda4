/* Cluster-robust variances. A cluster's sums: its influence; for CR2 also the covariates' part of it and, a
 * fit, s = Z'We and the Gram matrix G = Z'WZ of its rows.
 *
 * CR2 (Bell & McCaffrey 2002): a cluster counts c'Z'(I - H)^(-1/2) e, H = Z A^-1 Z' its block of the hat
 * matrix (weights' roots multiplied in). With A = LL', B = L^-1 G L^-T = Q diag(sigma) Q', u = L^-1 s and v =
 * L'c this is sum_m (Q'v)_m (Q'u)_m / sqrt(1 - sigma_m): a k x k problem whatever the cluster's size. An
 * eigenvalue of one means that the cluster determines a coefficient alone; CR2 does not exist then. */
#include <math.h>
#include <string.h>

#include "../linalg/cholesky.h"
#include "linear_inside.h"

/* Bounds for fixed point are from the Gram matrix, which knows the sums only to rounding. */
#define SLACK 4.0

enum { MEMBER_SUMS, MEMBER_COUNTS };
enum { PSI, MEAN, FITS }; /* where a key's sums begin */

static int64_t fit_width(const cw_linear *linear) {
    int64_t k = linear->k;
    return k + k * (k + 1) / 2;
}

static int carries_gram(const cw_linear *linear) {
    return linear->spec.cr2 && !linear->spec.absorbed;
}

int32_t cw_linear_cluster_width(const cw_linear *linear) {
    return carries_gram(linear) ? (int32_t)(FITS + linear->fits * fit_width(linear)) : 1;
}

void cw_linear_cluster_quanta(const cw_linear *linear, int32_t *quantum) {
    double rss = cw_linear_scalar(linear, CW_LINEAR_RESIDUAL);
    double mean = SLACK * cw_linear_scalar(linear, CW_LINEAR_MEAN_BOUND);
    double own = SLACK * sqrt(rss) * sqrt(cw_linear_scalar(linear, CW_LINEAR_UNIT));
    *quantum++ = cw_keysum_quantum(own + mean, 1);
    if (!carries_gram(linear)) return;
    *quantum++ = cw_keysum_quantum(mean, 1);
    for (int32_t f = 0; f < linear->fits; f++) {
        const double *square = linear->part[f].square;
        for (int32_t i = 0; i < linear->k; i++)
            *quantum++ = cw_keysum_quantum(SLACK * sqrt(rss) * sqrt(square[i]), 1);
        for (int32_t i = 0; i < linear->k; i++)
            for (int32_t j = i; j < linear->k; j++)
                *quantum++ = cw_keysum_quantum(SLACK * sqrt(square[i]) * sqrt(square[j]), 1);
    }
}

/* e under fit f. */
static double residual(const cw_linear *linear, const cw_block *block, int32_t row, int32_t f) {
    const double *b = linear->part[f].coefficient;
    double e = block->real[linear->spec.outcome][row] - linear->shift[linear->columns];
    if (linear->constant) e -= *b++;
    for (int32_t j = 0; j < linear->columns; j++)
        e -= b[j] * (block->real[linear->column[j]][row] - linear->shift[j]);
    return e;
}

/* c'd under fit f. */
static double along(const cw_linear *linear, const cw_block *block, int32_t row, int32_t f) {
    const double *c = linear->part[f].influence;
    double g = linear->constant ? *c++ : 0;
    for (int32_t j = 0; j < linear->columns; j++)
        g += c[j] * (block->real[linear->column[j]][row] - linear->shift[j]);
    return g;
}

static double design(const cw_linear *linear, const cw_block *block, int32_t row, int32_t i) {
    int32_t j = i - linear->constant;
    return j < 0 ? 1 : (block->real[linear->column[j]][row] - linear->shift[j]) * linear->scale[j];
}

/* A row's part of s and G in the sums of its fit; z is kept in the place of s until it is no longer needed.
 */
static void fit_sums(const cw_linear *linear, const cw_block *block, int32_t row, double w, double e,
                     double *value) {
    int32_t k = linear->k;
    double *z = value, *g = value + k;
    for (int32_t i = 0; i < k; i++) z[i] = design(linear, block, row, i);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = i; j < k; j++) *g++ = w * z[i] * z[j];
    for (int32_t i = 0; i < k; i++) z[i] *= w * e;
}

int cw_linear_cluster_row(const cw_linear *linear, const cw_block *block, int32_t row, double *value) {
    double w = block->weight ? block->weight[row] : 1;
    int32_t arm = cw_linear_arm(linear, block->real[linear->spec.treatment][row], w);
    if (arm < 0) return 0;
    double e = residual(linear, block, row, arm), mean = 0;
    if (linear->columns && cw_linear_targeted(linear, arm)) {
        double other = residual(linear, block, row, 1 - arm);
        mean = w / cw_linear_scalar(linear, CW_LINEAR_TARGET) *
               ((arm ? other - e : e - other) - cw_linear_scalar(linear, CW_LINEAR_ESTIMATE));
    }
    value[PSI] = w * e * along(linear, block, row, arm) + mean;
    if (!carries_gram(linear)) return 1;
    int64_t width = fit_width(linear);
    value[MEAN] = mean;
    memset(value + FITS, 0, (size_t)(linear->fits * width) * sizeof *value);
    fit_sums(linear, block, row, w, e, value + FITS + arm * width);
    return 1;
}

/* x := L^-1 x, an element every `stride`. */
static void forward(int32_t k, const double *lower, double *x, int32_t stride) {
    for (int32_t i = 0; i < k; i++, lower += i) {
        double sum = x[(int64_t)i * stride];
        for (int32_t j = 0; j < i; j++) sum -= lower[j] * x[(int64_t)j * stride];
        x[(int64_t)i * stride] = lower[i] == 0 ? 0 : sum / lower[i];
    }
}

typedef struct workspace {
    double *b, *vectors, *values, *u, *v, *s, *g;
} workspace;

static workspace work_in(const cw_linear *linear, void *scratch) {
    int64_t k = linear->k;
    workspace w;
    w.b = scratch;
    w.vectors = w.b + k * k;
    w.values = w.vectors + k * k;
    w.u = w.values + k;
    w.v = w.u + k;
    w.s = w.v + k;
    w.g = w.s + k;
    return w;
}

/* A cluster's CR2 term of one fit, from s and G in the workspace; `one` is set where it does not exist. */
static double bell_mccaffrey(const cw_linear *linear, int32_t f, workspace *w, int *one) {
    const cw_linear_part *part = &linear->part[f];
    int32_t k = linear->k;
    for (int32_t i = 0; i < k; i++) {
        double scale = i < linear->constant ? 1 : linear->scale[i - linear->constant];
        w->u[i] = w->s[i];
        w->v[i] = 0;
        for (int32_t j = 0; j < k; j++)
            w->b[i * (int64_t)k + j] = w->g[cw_packed(k, i <= j ? i : j, i <= j ? j : i)];
        const double *row = part->lower + (int64_t)i * (i + 1) / 2;
        for (int32_t m = 0; m <= i; m++) w->v[m] += row[m] * (part->influence[i] / scale);
    }
    forward(k, part->lower, w->u, 1);
    for (int32_t j = 0; j < k; j++) forward(k, part->lower, w->b + j, k);
    for (int32_t i = 0; i < k; i++) forward(k, part->lower, w->b + i * (int64_t)k, 1);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < i; j++) w->b[i * (int64_t)k + j] = w->b[j * (int64_t)k + i];
    cw_eigen_symmetric(k, w->b, w->values, w->vectors);
    double sum = 0;
    for (int32_t m = 0; m < k; m++) {
        double u = 0, v = 0, left = 1 - w->values[m];
        if (left < CW_LEVERAGE_LEFT) {
            *one = 1;
            return 0;
        }
        for (int32_t i = 0; i < k; i++) {
            u += w->vectors[i * (int64_t)k + m] * w->u[i];
            v += w->vectors[i * (int64_t)k + m] * w->v[i];
        }
        sum += u * v / sqrt(left);
    }
    return sum;
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_linear *linear = params;
    double *sums = (double *)(void *)((char *)state + linear->meat_offset[MEMBER_SUMS]);
    int64_t *counts = (int64_t *)(void *)((char *)state + linear->meat_offset[MEMBER_COUNTS]);
    int32_t k = linear->k;
    for (int32_t r = 0; r < block->rows; r++) {
        const double *const *x = block->real + 1;
        if ((int64_t)block->real[0][r] > counts[0]) counts[0] = (int64_t)block->real[0][r];
        sums[0] += x[PSI][r] * x[PSI][r];
        if (!carries_gram(linear)) continue;
        workspace w = work_in(linear, scratch);
        double total = x[MEAN][r];
        int one = 0;
        x += FITS;
        for (int32_t f = 0; f < linear->fits; f++, x += fit_width(linear)) {
            for (int32_t i = 0; i < k; i++) w.s[i] = x[i][r];
            for (int64_t i = 0; i < fit_width(linear) - k; i++) w.g[i] = x[k + i][r];
            total += bell_mccaffrey(linear, f, &w, &one);
        }
        sums[1] += total * total;
        counts[1] += one;
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_linear *linear = params;
    double *sums = (double *)(void *)((char *)state + linear->meat_offset[MEMBER_SUMS]);
    int64_t *counts = (int64_t *)(void *)((char *)state + linear->meat_offset[MEMBER_COUNTS]);
    cw_linear_meat_sums more = cw_linear_meat_read(linear, later);
    sums[0] += more.cr0;
    sums[1] += more.cr2;
    if (more.largest > counts[0]) counts[0] = more.largest;
    counts[1] += more.eigenvalue_one;
}

cw_linear_meat_sums cw_linear_meat_read(const cw_linear *linear, const void *state) {
    const char *bytes = state;
    const double *sums = (const double *)(const void *)(bytes + linear->meat_offset[MEMBER_SUMS]);
    const int64_t *counts = (const int64_t *)(const void *)(bytes + linear->meat_offset[MEMBER_COUNTS]);
    return (cw_linear_meat_sums){sums[0], sums[1], counts[0], counts[1]};
}

void cw_linear_describe_meat(cw_linear *linear) {
    size_t k = (size_t)linear->k;
    linear->meat_member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, 2};
    linear->meat_member[MEMBER_COUNTS] = (cw_member){"counts", CW_I64, 2};
    size_t doubles = carries_gram(linear) ? 2 * k * k + 4 * k + k * (k + 1) / 2 : 0;
    linear->meat = (cw_accumulator){.name = "meat",
                                    .order = CW_TREE,
                                    .members = 2,
                                    .member = linear->meat_member,
                                    .params = linear,
                                    .scratch_bytes = doubles * sizeof(double),
                                    .add = add,
                                    .merge = merge};
    for (int32_t m = 0; m < 2; m++) linear->meat_offset[m] = cw_accumulator_offset(&linear->meat, m);
}

const cw_accumulator *cw_linear_meat(const cw_linear *linear) {
    return &linear->meat;
}
