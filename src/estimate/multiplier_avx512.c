/* AVX-512: 64 draws at once in 8 registers, signs as masks. */
#include "multiplier_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

static void bits(cw_stream stream, int32_t j, int32_t rows, const uint64_t *item, uint64_t *low,
                 uint64_t *high) {
    cw_multiplier_bits_core(stream, j, rows, item, low, high);
}

static void add(int32_t rows, const uint64_t *word, const double *value, double *sum) {
    __m512d s[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) s[k] = _mm512_loadu_pd(sum + 8 * k);
    for (int32_t i = 0; i < rows; i++) {
        uint64_t w = word[i];
        __m512d v = _mm512_set1_pd(value[i]);
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) s[k] = _mm512_mask_add_pd(s[k], (__mmask8)(w >> (8 * k)), s[k], v);
    }
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++) _mm512_storeu_pd(sum + 8 * k, s[k]);
}

const cw_multiplier_steps cw_multiplier_avx512 = {"avx512", bits, add};
#endif
