/* The twin of the vector kernels: what they compute, in plain C. */
#include "gram_kernel.h"

#include <math.h>

static void pack(const cw_gram_group *group) {
    for (int32_t r = 0; r < group->rows; r++) cw_gram_pack_row(group, r);
}

/* One 4 x 4 piece. */
static void piece(int32_t rows, const double *left, const double *right, double *c) {
    double sum[4][4];
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) sum[i][j] = c[8 * i + j];
    for (int32_t r = 0; r < rows; r++, left += 8, right += 8)
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) sum[i][j] = fma(left[i], right[j], sum[i][j]);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) c[8 * i + j] = sum[i][j];
}

static void multiply(int32_t rows, const double *left, const double *right, int64_t stride, int32_t q,
                     double *c) {
    int32_t units = cw_gram_units(q), groups = cw_gram_groups(q);
    for (int32_t v = 0; v < units; v++)
        for (int32_t u = 0; u <= v; u++)
            piece(rows, left + cw_gram_unit(stride, u), right + cw_gram_unit(stride, v),
                  c + cw_gram_piece(groups, u, v));
}

const cw_gram_steps cw_gram_plain = {"plain", pack, multiply};
