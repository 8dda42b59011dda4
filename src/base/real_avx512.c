/* exp, log and sums with AVX-512. */
typedef int cw_real_avx512_is_never_empty;

#if defined(__x86_64__)
#include <immintrin.h>

#include "real_kernels.h"

typedef __m512d cw_vec;
typedef __m512i cw_veci;
#define CW_WIDTH       8
#define CW_NAME(stem)  stem##_avx512
#define V_SET(a)       _mm512_set1_pd(a)
#define V_LOAD(p)      _mm512_loadu_pd(p)
#define V_STORE(p, a)  _mm512_storeu_pd(p, a)
#define V_ADD(a, b)    _mm512_add_pd(a, b)
#define V_SUB(a, b)    _mm512_sub_pd(a, b)
#define V_MUL(a, b)    _mm512_mul_pd(a, b)
#define V_DIV(a, b)    _mm512_div_pd(a, b)
#define V_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define V_MIN(a, b)    _mm512_min_pd(a, b)
#define V_MAX(a, b)    _mm512_max_pd(a, b)
#define V_BITS(a)      _mm512_castpd_si512(a)
#define V_OF_BITS(a)   _mm512_castsi512_pd(a)
#define I_SET(a)       _mm512_set1_epi64(a)
#define I_ADD(a, b)    _mm512_add_epi64(a, b)
#define I_SUB(a, b)    _mm512_sub_epi64(a, b)
#define I_SHL(a, n)    _mm512_slli_epi64(a, n)
#define I_SHR(a, n)    _mm512_srli_epi64(a, n)
/* x + x where x is NaN, else y. */
#define V_NAN_OR(x, y) _mm512_mask_add_pd(y, _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), x, x)
#define V_ALL_BETWEEN(x, low, high)                                                                          \
    ((_mm512_cmp_pd_mask(x, V_SET(low), _CMP_GE_OQ) & _mm512_cmp_pd_mask(x, V_SET(high), _CMP_LE_OQ)) == 255)

#include "real_simd.h"
#endif
