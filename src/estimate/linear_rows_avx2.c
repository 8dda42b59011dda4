#include "linear_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

typedef __m256d cw_vec;
#define CW_WIDTH       4
#define V_SET(a)       _mm256_set1_pd(a)
#define V_LOAD(p)      _mm256_loadu_pd(p)
#define V_STORE(p, a)  _mm256_storeu_pd(p, a)
#define V_SUB(a, b)    _mm256_sub_pd(a, b)
#define V_DIV(a, b)    _mm256_div_pd(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)

#include "linear_rows_simd.h"

const cw_linear_rows cw_linear_rows_avx2 = {project, leverage};
#endif
