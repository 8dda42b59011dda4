/* The two inner steps of the Gram matrix, once in plain C and once for each instruction set. All give the
 * same bits: an element of the result is one chain of fma over the rows in their order. Private to gram*.c.
 *
 * A panel holds rows in groups of 8 columns: element (row r, column j) is at panel[(j/8) stride + 8 r + j%8].
 * Columns beyond the order are 0. The result holds the 8 x 8 blocks (I, J), I <= J, one after another in the
 * order of cw_packed, each row-major; the lower left quadrant of a diagonal block stays 0. */
#ifndef CW_LINALG_GRAM_KERNEL_H
#define CW_LINALG_GRAM_KERNEL_H

#include "gram.h"

/* One group of 8 columns, to be shifted, scaled and turned into rows of a panel. */
typedef struct cw_gram_group {
    const double *source[8]; /* columns, at the chunk's first row */
    double shift[8], scale[8];
    int32_t rows;
    const int32_t *place; /* where each row goes in the panel */
    const double *weight; /* each row's weight; NULL: not weighted */
    double *panel;        /* gets z */
    double *weighted;     /* gets weight * z where `weight` is given */
    double *odd;          /* each row's mark, += 0 * z: NaN once any z was NaN or infinite */
} cw_gram_group;

typedef struct cw_gram_steps {
    const char *name;
    void (*pack)(const cw_gram_group *group);
    /* c += left' right over `rows` rows, upper triangle of an order-q matrix; left = weight * right. */
    void (*multiply)(int32_t rows, const double *left, const double *right, int64_t stride, int32_t q,
                     double *c);
} cw_gram_steps;

extern const cw_gram_steps cw_gram_plain;
#if defined(__x86_64__)
extern const cw_gram_steps cw_gram_avx2;
extern const cw_gram_steps cw_gram_avx512;
#endif

/* One row of a group; what is left over by the vector kernels, too. */
static inline void cw_gram_pack_row(const cw_gram_group *group, int32_t r) {
    double odd = group->odd[r];
    double *to = group->panel + 8 * (int64_t)group->place[r];
    for (int k = 0; k < 8; k++) {
        double z = (group->source[k][r] - group->shift[k]) * group->scale[k];
        odd += z * 0.0;
        to[k] = z;
    }
    group->odd[r] = odd;
    if (group->weight) {
        double w = group->weight[r], *scaled = group->weighted + 8 * (int64_t)group->place[r];
        for (int k = 0; k < 8; k++) scaled[k] = w * to[k];
    }
}

/* The number of groups of 8 columns, and of units of 4. */
static inline int32_t cw_gram_groups(int32_t q) {
    return (q + 7) / 8;
}
static inline int32_t cw_gram_units(int32_t q) {
    return (q + 3) / 4;
}

/* Unit u of a panel (4 columns; rows are 8 doubles apart), and the 4 x 4 piece (u, v) of the result. */
static inline int64_t cw_gram_unit(int64_t stride, int32_t u) {
    return (u / 2) * stride + 4 * (u % 2);
}
static inline int64_t cw_gram_piece(int32_t groups, int32_t u, int32_t v) {
    return 64 * cw_packed(groups, u / 2, v / 2) + 32 * (u % 2) + 4 * (v % 2);
}

#endif
