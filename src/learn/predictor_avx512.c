/* AVX-512: coefficients of up to 8 models in one register, chosen by a permutation. */
#include "predictor_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

static void column(int32_t rows, const double *x, double shift, double scale, const double *b,
                   const int64_t *model, double *eta) {
    const __m512d all = _mm512_loadu_pd(b), s = _mm512_set1_pd(shift), k = _mm512_set1_pd(scale);
    int32_t i = 0;
    for (; i + 8 <= rows; i += 8) {
        __m512d z = _mm512_mul_pd(_mm512_sub_pd(_mm512_loadu_pd(x + i), s), k);
        __m512d own = _mm512_permutexvar_pd(_mm512_loadu_si512(model + i), all);
        _mm512_storeu_pd(eta + i, _mm512_add_pd(_mm512_loadu_pd(eta + i), _mm512_mul_pd(own, z)));
    }
    cw_predictor_column_from(i, rows, x, shift, scale, b, model, eta);
}

static void common(int32_t rows, const double *x, double shift, double scale, double b, double *eta) {
    const __m512d s = _mm512_set1_pd(shift), k = _mm512_set1_pd(scale), own = _mm512_set1_pd(b);
    int32_t i = 0;
    for (; i + 8 <= rows; i += 8) {
        __m512d z = _mm512_mul_pd(_mm512_sub_pd(_mm512_loadu_pd(x + i), s), k);
        _mm512_storeu_pd(eta + i, _mm512_add_pd(_mm512_loadu_pd(eta + i), _mm512_mul_pd(own, z)));
    }
    cw_predictor_common_from(i, rows, x, shift, scale, b, eta);
}

const cw_predictor_steps cw_predictor_avx512 = {column, common};
#endif
