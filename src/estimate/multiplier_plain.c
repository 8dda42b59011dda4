/* The twin of the vector kernels. */
#include <string.h>

#include "multiplier_kernel.h"

static void bits(cw_stream stream, int32_t j, int32_t rows, const uint64_t *item, uint64_t *low,
                 uint64_t *high) {
    cw_multiplier_bits_core(stream, j, rows, item, low, high);
}

/* v or +0, by the bit: adding +0 changes no sum that began at +0. */
static double chosen(uint64_t value, uint64_t word, int bit) {
    uint64_t kept = value & -(word >> bit & 1);
    double v;
    memcpy(&v, &kept, sizeof v);
    return v;
}

static void add(int32_t rows, const uint64_t *word, const double *value, double *sum) {
    enum { GROUP = 8 };
    for (int first = 0; first < 64; first += GROUP) {
        double s[GROUP];
        for (int b = 0; b < GROUP; b++) s[b] = sum[first + b];
        for (int32_t i = 0; i < rows; i++) {
            uint64_t w = word[i] >> first, v;
            memcpy(&v, &value[i], sizeof v);
            for (int b = 0; b < GROUP; b++) s[b] += chosen(v, w, b);
        }
        for (int b = 0; b < GROUP; b++) sum[first + b] = s[b];
    }
}

const cw_multiplier_steps cw_multiplier_plain = {"plain", bits, add};
