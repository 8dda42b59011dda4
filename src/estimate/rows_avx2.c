#include "rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

typedef __m256d cw_vec;
#define CW_WIDTH       4
#define V_SET(a)       _mm256_set1_pd(a)
#define V_LOAD(p)      _mm256_loadu_pd(p)
#define V_STORE(p, a)  _mm256_storeu_pd(p, a)
#define V_ADD(a, b)    _mm256_add_pd(a, b)
#define V_SUB(a, b)    _mm256_sub_pd(a, b)
#define V_MUL(a, b)    _mm256_mul_pd(a, b)
#define V_DIV(a, b)    _mm256_div_pd(a, b)
#define V_SQRT(a)      _mm256_sqrt_pd(a)
#define V_MIN(a, b)    _mm256_min_pd(a, b)
#define V_MAX(a, b)    _mm256_max_pd(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
/* x where a = b, or a < b, else 0; and the other way round. */
#define V_WHERE_EQUAL(a, b, x) _mm256_and_pd(_mm256_cmp_pd(a, b, _CMP_EQ_OQ), x)
#define V_WHERE_LESS(a, b, x)  _mm256_and_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ), x)
#define V_UNLESS_LESS(a, b, x) _mm256_andnot_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ), x)

#include "rows_simd.h"

const cw_rows cw_rows_avx2 = {project, leverage, tally, tally_arm, tally_leverage, extremes};
#endif
