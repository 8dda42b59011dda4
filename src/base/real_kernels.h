/* The forms of exp, log and the sums for each instruction set; the plain ones run anywhere and are what the
 * others are tested against. Enter the others only where cw_cpu_level() allows. */
#ifndef CW_BASE_REAL_KERNELS_H
#define CW_BASE_REAL_KERNELS_H

#include <stdint.h>

/* The fixed end of an 8-lane sum. */
static inline double cw_real_end(const double *l) {
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

#define CW_REAL_KERNELS(set)                                                                                 \
    double cw_real_exp_##set(double x);                                                                      \
    double cw_real_ln_##set(double x);                                                                       \
    void cw_real_exp_array_##set(int64_t n, const double *x, double *y);                                     \
    void cw_real_ln_array_##set(int64_t n, const double *x, double *y);                                      \
    double cw_real_sum_##set(int64_t n, const double *x);                                                    \
    double cw_real_dot_##set(int64_t n, const double *x, const double *y);

CW_REAL_KERNELS(plain)
CW_REAL_KERNELS(avx2)
CW_REAL_KERNELS(avx512)

#endif
