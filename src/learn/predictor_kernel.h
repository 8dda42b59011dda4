/* The inner loop of predictions, once in plain C and once for each instruction set, with equal bits: a row's
 * number is a chain of rounded products and sums in column order. Private to this folder. */
#ifndef CW_LEARN_PREDICTOR_KERNEL_H
#define CW_LEARN_PREDICTOR_KERNEL_H

#include <stdint.h>

enum { CW_PREDICTOR_TILE = 512, CW_PREDICTOR_MODELS = 8 };

typedef struct cw_predictor_steps {
    /* eta[i] += b[model[i]] * ((x[i] - shift) * scale); b has CW_PREDICTOR_MODELS entries, model[i] below
     * that. */
    void (*column)(int32_t rows, const double *x, double shift, double scale, const double *b,
                   const int64_t *model, double *eta);
    /* The same with one model for all rows. */
    void (*common)(int32_t rows, const double *x, double shift, double scale, double b, double *eta);
} cw_predictor_steps;

extern const cw_predictor_steps cw_predictor_plain;
#if defined(__x86_64__)
extern const cw_predictor_steps cw_predictor_avx2;
extern const cw_predictor_steps cw_predictor_avx512;
#endif

/* The one that this CPU and the limit allow. */
const cw_predictor_steps *cw_predictor_use(void);

/* What is left over by the vector kernels, too. */
static inline void cw_predictor_column_from(int32_t from, int32_t rows, const double *x, double shift,
                                            double scale, const double *b, const int64_t *model,
                                            double *eta) {
    for (int32_t i = from; i < rows; i++) eta[i] += b[model[i]] * ((x[i] - shift) * scale);
}
static inline void cw_predictor_common_from(int32_t from, int32_t rows, const double *x, double shift,
                                            double scale, double b, double *eta) {
    for (int32_t i = from; i < rows; i++) eta[i] += b * ((x[i] - shift) * scale);
}

#endif
