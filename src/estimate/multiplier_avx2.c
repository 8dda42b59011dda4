/* AVX2: 32 draws at once in 8 registers. */
#include "multiplier_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

static void bits(cw_stream stream, int32_t j, int32_t rows, const uint64_t *item, uint64_t *low,
                 uint64_t *high) {
    cw_multiplier_bits_core(stream, j, rows, item, low, high);
}

static void add(int32_t rows, const uint64_t *word, const double *value, double *sum) {
    const __m256i bit = _mm256_set_epi64x(8, 4, 2, 1);
    for (int first = 0; first < 64; first += 32) {
        __m256d s[8];
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) s[k] = _mm256_loadu_pd(sum + first + 4 * k);
        for (int32_t i = 0; i < rows; i++) {
            __m256i w = _mm256_set1_epi64x((long long)(word[i] >> first));
            __m256d v = _mm256_set1_pd(value[i]);
#pragma GCC unroll 8
            for (int k = 0; k < 8; k++) {
                __m256i own = _mm256_slli_epi64(bit, 4 * k);
                __m256i set = _mm256_cmpeq_epi64(_mm256_and_si256(w, own), own);
                s[k] = _mm256_add_pd(s[k], _mm256_and_pd(v, _mm256_castsi256_pd(set)));
            }
        }
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) _mm256_storeu_pd(sum + first + 4 * k, s[k]);
    }
}

const cw_multiplier_steps cw_multiplier_avx2 = {"avx2", bits, add};
#endif
