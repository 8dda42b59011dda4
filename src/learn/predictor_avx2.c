/* AVX2: coefficients of up to 8 models in two registers, chosen by a permutation of halves. */
#include "predictor_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Doubles b[index], index 0 .. 7 in each lane. */
static inline __m256d chosen(__m256 low, __m256 high, __m256i index) {
    /* Each double is two floats: 2 (index % 4) and the next. */
    __m256i twice = _mm256_slli_epi64(index, 1);
    __m256i pair =
        _mm256_or_si256(twice, _mm256_slli_epi64(_mm256_add_epi64(twice, _mm256_set1_epi64x(1)), 32));
    __m256 from_low = _mm256_permutevar8x32_ps(low, pair), from_high = _mm256_permutevar8x32_ps(high, pair);
    __m256d above = _mm256_castsi256_pd(_mm256_slli_epi64(index, 61)); /* the sign tells 4 and more */
    return _mm256_blendv_pd(_mm256_castps_pd(from_low), _mm256_castps_pd(from_high), above);
}

static void column(int32_t rows, const double *x, double shift, double scale, const double *b,
                   const int64_t *model, double *eta) {
    const __m256 low = _mm256_castpd_ps(_mm256_loadu_pd(b)), high = _mm256_castpd_ps(_mm256_loadu_pd(b + 4));
    const __m256d s = _mm256_set1_pd(shift), k = _mm256_set1_pd(scale);
    int32_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        __m256d z = _mm256_mul_pd(_mm256_sub_pd(_mm256_loadu_pd(x + i), s), k);
        __m256d own = chosen(low, high, _mm256_loadu_si256((const __m256i *)(const void *)(model + i)));
        _mm256_storeu_pd(eta + i, _mm256_add_pd(_mm256_loadu_pd(eta + i), _mm256_mul_pd(own, z)));
    }
    cw_predictor_column_from(i, rows, x, shift, scale, b, model, eta);
}

static void common(int32_t rows, const double *x, double shift, double scale, double b, double *eta) {
    const __m256d s = _mm256_set1_pd(shift), k = _mm256_set1_pd(scale), own = _mm256_set1_pd(b);
    int32_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        __m256d z = _mm256_mul_pd(_mm256_sub_pd(_mm256_loadu_pd(x + i), s), k);
        _mm256_storeu_pd(eta + i, _mm256_add_pd(_mm256_loadu_pd(eta + i), _mm256_mul_pd(own, z)));
    }
    cw_predictor_common_from(i, rows, x, shift, scale, b, eta);
}

const cw_predictor_steps cw_predictor_avx2 = {column, common};
#endif
