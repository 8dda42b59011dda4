/* AVX-512: tiles of 8 x 24 (24 accumulators), columns in panels of three groups so that the right operand
 * stays in the first cache while the left one streams. */
#include "gram_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Turns an 8 x 8 matrix held in v (v[k] = row k) around. */
static inline void transpose(__m512d v[8]) {
    __m512d t[8], s[8];
    for (int k = 0; k < 8; k += 2) {
        t[k] = _mm512_unpacklo_pd(v[k], v[k + 1]);
        t[k + 1] = _mm512_unpackhi_pd(v[k], v[k + 1]);
    }
    for (int k = 0; k < 2; k++) {
        s[k] = _mm512_shuffle_f64x2(t[k], t[k + 2], 0x88);
        s[k + 2] = _mm512_shuffle_f64x2(t[k], t[k + 2], 0xdd);
        s[k + 4] = _mm512_shuffle_f64x2(t[k + 4], t[k + 6], 0x88);
        s[k + 6] = _mm512_shuffle_f64x2(t[k + 4], t[k + 6], 0xdd);
    }
    for (int k = 0; k < 2; k++) {
        v[k] = _mm512_shuffle_f64x2(s[k], s[k + 4], 0x88);
        v[k + 4] = _mm512_shuffle_f64x2(s[k], s[k + 4], 0xdd);
        v[k + 2] = _mm512_shuffle_f64x2(s[k + 2], s[k + 6], 0x88);
        v[k + 6] = _mm512_shuffle_f64x2(s[k + 2], s[k + 6], 0xdd);
    }
}

static void pack(const cw_gram_group *group) {
    const __m512d zero = _mm512_setzero_pd();
    const int32_t *place = group->place;
    int32_t r = 0;
    for (; r + 8 <= group->rows; r += 8) {
        __m512d v[8], odd = _mm512_loadu_pd(group->odd + r);
        for (int k = 0; k < 8; k++) {
            __m512d x = _mm512_loadu_pd(group->source[k] + r);
            v[k] = _mm512_mul_pd(_mm512_sub_pd(x, _mm512_set1_pd(group->shift[k])),
                                 _mm512_set1_pd(group->scale[k]));
            odd = _mm512_fmadd_pd(v[k], zero, odd);
        }
        _mm512_storeu_pd(group->odd + r, odd);
        transpose(v);
        for (int k = 0; k < 8; k++) _mm512_storeu_pd(group->panel + 8 * (int64_t)place[r + k], v[k]);
        if (!group->weight) continue;
        for (int k = 0; k < 8; k++)
            _mm512_storeu_pd(group->weighted + 8 * (int64_t)place[r + k],
                             _mm512_mul_pd(_mm512_set1_pd(group->weight[r + k]), v[k]));
    }
    for (; r < group->rows; r++) cw_gram_pack_row(group, r);
}

/* One tile: 8 rows of the result by `width` groups of columns; `diagonal` when the first group is its own. */
static inline __attribute__((always_inline)) void tile(int width, int diagonal, int32_t rows,
                                                       const double *left, const double *right,
                                                       int64_t stride, double *c) {
    __m512d sum[8][3];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
#pragma GCC unroll 3
        for (int j = 0; j < width; j++) sum[i][j] = _mm512_loadu_pd(c + 64 * j + 8 * i);
    for (int32_t r = 0; r < rows; r++, left += 8, right += 8) {
        __m512d b[3];
#pragma GCC unroll 3
        for (int j = 0; j < width; j++) b[j] = _mm512_loadu_pd(right + j * stride);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            __m512d a = _mm512_set1_pd(left[i]);
#pragma GCC unroll 3
            for (int j = 0; j < width; j++) sum[i][j] = _mm512_fmadd_pd(a, b[j], sum[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
#pragma GCC unroll 3
        for (int j = 0; j < width; j++)
            _mm512_mask_storeu_pd(c + 64 * j + 8 * i, diagonal && j == 0 && i >= 4 ? 0xf0 : 0xff, sum[i][j]);
}

static void tile3(int32_t rows, const double *left, const double *right, int64_t stride, double *c) {
    tile(3, 0, rows, left, right, stride, c);
}

/* The tiles on the diagonal of a panel of columns: one of 3, one of 2, one of 1. */
static void corner(int width, int32_t rows, const double *left, const double *right, int64_t stride,
                   double *c) {
    if (width == 3)
        tile(3, 1, rows, left, right, stride, c);
    else if (width == 2)
        tile(2, 1, rows, left, right, stride, c);
    else
        tile(1, 1, rows, left, right, stride, c);
}

static void multiply(int32_t rows, const double *left, const double *right, int64_t stride, int32_t q,
                     double *c) {
    int32_t groups = cw_gram_groups(q);
    /* The odd panel comes first: there it has the fewest tiles. */
    for (int32_t j = 0; j < groups;) {
        int width = j == 0 && groups % 3 ? groups % 3 : 3;
        const double *b = right + j * stride;
        for (int32_t i = 0; i < j; i++)
            tile3(rows, left + i * stride, b, stride, c + 64 * cw_packed(groups, i, j));
        for (int k = 0; k < width; k++)
            corner(width - k, rows, left + (j + k) * stride, b + k * stride, stride,
                   c + 64 * cw_packed(groups, j + k, j + k));
        j += width;
    }
}

const cw_gram_steps cw_gram_avx512 = {"avx512", pack, multiply};
#endif
