/* AVX2: tiles of 4 x 12 (12 accumulators) over units of four columns. */
#include "gram_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Turns a 4 x 4 matrix held in v (v[k] = row k) around. */
static inline void transpose(__m256d v[4]) {
    __m256d a = _mm256_unpacklo_pd(v[0], v[1]), b = _mm256_unpackhi_pd(v[0], v[1]);
    __m256d c = _mm256_unpacklo_pd(v[2], v[3]), d = _mm256_unpackhi_pd(v[2], v[3]);
    v[0] = _mm256_permute2f128_pd(a, c, 0x20);
    v[1] = _mm256_permute2f128_pd(b, d, 0x20);
    v[2] = _mm256_permute2f128_pd(a, c, 0x31);
    v[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

static void pack(const cw_gram_group *group) {
    const __m256d zero = _mm256_setzero_pd();
    const int32_t *place = group->place;
    int32_t r = 0;
    for (; r + 4 <= group->rows; r += 4) {
        __m256d odd = _mm256_loadu_pd(group->odd + r);
        for (int half = 0; half < 8; half += 4) {
            __m256d v[4];
            for (int k = 0; k < 4; k++) {
                __m256d x = _mm256_loadu_pd(group->source[half + k] + r);
                v[k] = _mm256_mul_pd(_mm256_sub_pd(x, _mm256_set1_pd(group->shift[half + k])),
                                     _mm256_set1_pd(group->scale[half + k]));
                odd = _mm256_fmadd_pd(v[k], zero, odd);
            }
            transpose(v);
            for (int k = 0; k < 4; k++)
                _mm256_storeu_pd(group->panel + 8 * (int64_t)place[r + k] + half, v[k]);
            if (!group->weight) continue;
            for (int k = 0; k < 4; k++)
                _mm256_storeu_pd(group->weighted + 8 * (int64_t)place[r + k] + half,
                                 _mm256_mul_pd(_mm256_set1_pd(group->weight[r + k]), v[k]));
        }
        _mm256_storeu_pd(group->odd + r, odd);
    }
    for (; r < group->rows; r++) cw_gram_pack_row(group, r);
}

/* One tile: 4 rows of the result by `width` units of columns, at right[j] and c[j]. */
static inline __attribute__((always_inline)) void tile(int width, int32_t rows, const double *left,
                                                       const double *const *right, double *const *c) {
    __m256d sum[4][3];
    const double *b0 = right[0], *b1 = width > 1 ? right[1] : b0, *b2 = width > 2 ? right[2] : b0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 3
        for (int j = 0; j < width; j++) sum[i][j] = _mm256_loadu_pd(c[j] + 8 * i);
    for (int64_t r = 0; r < 8 * (int64_t)rows; r += 8) {
        __m256d b[3];
        b[0] = _mm256_loadu_pd(b0 + r);
        if (width > 1) b[1] = _mm256_loadu_pd(b1 + r);
        if (width > 2) b[2] = _mm256_loadu_pd(b2 + r);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            __m256d a = _mm256_broadcast_sd(left + r + i);
#pragma GCC unroll 3
            for (int j = 0; j < width; j++) sum[i][j] = _mm256_fmadd_pd(a, b[j], sum[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 3
        for (int j = 0; j < width; j++) _mm256_storeu_pd(c[j] + 8 * i, sum[i][j]);
}

static void tiles(int width, int32_t rows, const double *left, const double *const *right, double *const *c) {
    if (width == 3)
        tile(3, rows, left, right, c);
    else if (width == 2)
        tile(2, rows, left, right, c);
    else
        tile(1, rows, left, right, c);
}

static void multiply(int32_t rows, const double *left, const double *right, int64_t stride, int32_t q,
                     double *c) {
    int32_t units = cw_gram_units(q), groups = cw_gram_groups(q);
    /* The odd panel comes first: there it has the fewest tiles. */
    for (int32_t v = 0; v < units;) {
        int width = v == 0 && units % 3 ? units % 3 : 3;
        for (int32_t u = 0; u < v + width; u++) {
            int first = u > v ? u - v : 0;
            const double *b[3] = {right, right, right};
            double *to[3] = {c, c, c};
            for (int j = first; j < width; j++) {
                b[j - first] = right + cw_gram_unit(stride, v + j);
                to[j - first] = c + cw_gram_piece(groups, u, v + j);
            }
            tiles(width - first, rows, left + cw_gram_unit(stride, u), b, to);
        }
        v += width;
    }
}

const cw_gram_steps cw_gram_avx2 = {"avx2", pack, multiply};
#endif
