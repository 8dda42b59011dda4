/* exp, log and sums with AVX2 and FMA. */
typedef int cw_real_avx2_is_never_empty;

#if defined(__x86_64__)
#include <immintrin.h>

#include "real_kernels.h"

typedef __m256d cw_vec;
typedef __m256i cw_veci;
#define CW_WIDTH       4
#define CW_NAME(stem)  stem##_avx2
#define V_SET(a)       _mm256_set1_pd(a)
#define V_LOAD(p)      _mm256_loadu_pd(p)
#define V_STORE(p, a)  _mm256_storeu_pd(p, a)
#define V_ADD(a, b)    _mm256_add_pd(a, b)
#define V_SUB(a, b)    _mm256_sub_pd(a, b)
#define V_MUL(a, b)    _mm256_mul_pd(a, b)
#define V_DIV(a, b)    _mm256_div_pd(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define V_MIN(a, b)    _mm256_min_pd(a, b)
#define V_MAX(a, b)    _mm256_max_pd(a, b)
#define V_BITS(a)      _mm256_castpd_si256(a)
#define V_OF_BITS(a)   _mm256_castsi256_pd(a)
#define I_SET(a)       _mm256_set1_epi64x(a)
#define I_ADD(a, b)    _mm256_add_epi64(a, b)
#define I_SUB(a, b)    _mm256_sub_epi64(a, b)
#define I_SHL(a, n)    _mm256_slli_epi64(a, n)
#define I_SHR(a, n)    _mm256_srli_epi64(a, n)
/* x + x where x is NaN, else y. */
#define V_NAN_OR(x, y) _mm256_blendv_pd(y, _mm256_add_pd(x, x), _mm256_cmp_pd(x, x, _CMP_UNORD_Q))
#define V_ALL_BETWEEN(x, low, high)                                                                          \
    (_mm256_movemask_pd(_mm256_and_pd(_mm256_cmp_pd(x, V_SET(low), _CMP_GE_OQ),                              \
                                      _mm256_cmp_pd(x, V_SET(high), _CMP_LE_OQ))) == 15)

#include "real_simd.h"
#endif
