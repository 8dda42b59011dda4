/* exp, log and the sums: the plain twin, and the choice of the form by what the CPU allows. */
#include "real.h"

#include "cpu.h"
#include "real_core.h"
#include "real_kernels.h"

double cw_real_exp_plain(double x) {
    return cw_core_exp(x);
}

double cw_real_ln_plain(double x) {
    return cw_core_ln(x);
}

void cw_real_exp_array_plain(int64_t n, const double *x, double *y) {
    for (int64_t i = 0; i < n; i++) y[i] = cw_core_exp(x[i]);
}

void cw_real_ln_array_plain(int64_t n, const double *x, double *y) {
    for (int64_t i = 0; i < n; i++) y[i] = cw_core_ln(x[i]);
}

double cw_real_sum_plain(int64_t n, const double *x) {
    double l[8] = {0};
    for (int64_t i = 0; i < n; i++) l[i % 8] += x[i];
    return cw_real_end(l);
}

double cw_real_dot_plain(int64_t n, const double *x, const double *y) {
    double l[8] = {0};
    for (int64_t i = 0; i < n; i++) l[i % 8] = fma(x[i], y[i], l[i % 8]);
    return cw_real_end(l);
}

#if defined(__x86_64__)
#define CW_CHOOSE(result, stem, ...)                                                                         \
    do {                                                                                                     \
        cw_cpu level = cw_cpu_level();                                                                       \
        if (level == CW_CPU_AVX512) {                                                                        \
            result stem##_avx512(__VA_ARGS__);                                                               \
        } else if (level == CW_CPU_AVX2) {                                                                   \
            result stem##_avx2(__VA_ARGS__);                                                                 \
        } else {                                                                                             \
            result stem##_plain(__VA_ARGS__);                                                                \
        }                                                                                                    \
    } while (0)
#else
#define CW_CHOOSE(result, stem, ...) result stem##_plain(__VA_ARGS__)
#endif

double cw_exp(double x) {
    CW_CHOOSE(return, cw_real_exp, x);
}

double cw_ln(double x) {
    CW_CHOOSE(return, cw_real_ln, x);
}

void cw_exp_array(int64_t n, const double *x, double *y) {
    CW_CHOOSE(, cw_real_exp_array, n, x, y);
}

void cw_log_array(int64_t n, const double *x, double *y) {
    CW_CHOOSE(, cw_real_ln_array, n, x, y);
}

double cw_sum(int64_t n, const double *x) {
    CW_CHOOSE(return, cw_real_sum, n, x);
}

double cw_dot(int64_t n, const double *x, const double *y) {
    CW_CHOOSE(return, cw_real_dot, n, x, y);
}
