#include "rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

typedef __m512d cw_vec;
#define CW_WIDTH       8
#define V_SET(a)       _mm512_set1_pd(a)
#define V_LOAD(p)      _mm512_loadu_pd(p)
#define V_STORE(p, a)  _mm512_storeu_pd(p, a)
#define V_ADD(a, b)    _mm512_add_pd(a, b)
#define V_SUB(a, b)    _mm512_sub_pd(a, b)
#define V_MUL(a, b)    _mm512_mul_pd(a, b)
#define V_DIV(a, b)    _mm512_div_pd(a, b)
#define V_SQRT(a)      _mm512_sqrt_pd(a)
#define V_MIN(a, b)    _mm512_min_pd(a, b)
#define V_MAX(a, b)    _mm512_max_pd(a, b)
#define V_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
/* x where a = b, or a < b, else 0; and the other way round. */
#define V_WHERE_EQUAL(a, b, x) _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ), x)
#define V_WHERE_LESS(a, b, x)  _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), x)
#define V_UNLESS_LESS(a, b, x) _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a, b, _CMP_NLT_UQ), x)

#include "rows_simd.h"

const cw_rows cw_rows_avx512 = {project, leverage, tally, tally_arm, tally_leverage, extremes};
#endif
