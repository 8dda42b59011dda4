/* The inner steps of the multiplier bootstrap, once in plain C and once for each instruction set, with equal
 * bits. Private to multiplier*.c. */
#ifndef CW_ESTIMATE_MULTIPLIER_KERNEL_H
#define CW_ESTIMATE_MULTIPLIER_KERNEL_H

#include <stdint.h>

#include "../base/random.h"

enum { CW_MULTIPLIER_TILE = 256 };

typedef struct cw_multiplier_steps {
    const char *name;
    /* Signs of draws 128 j .. 128 j + 127 for `rows` items: bit b of low[i] is draw 128 j + b, of high[i]
     * draw 128 j + 64 + b; what cw_stream_words(stream, item[i], 0, j) gives. */
    void (*bits)(cw_stream stream, int32_t j, int32_t rows, const uint64_t *item, uint64_t *low,
                 uint64_t *high);
    /* sum[b] += value[i] where bit b of word[i] is set, rows in order, b < 64. Values that are -0 must not
     * occur. */
    void (*add)(int32_t rows, const uint64_t *word, const double *value, double *sum);
} cw_multiplier_steps;

extern const cw_multiplier_steps cw_multiplier_plain;
#if defined(__x86_64__)
extern const cw_multiplier_steps cw_multiplier_avx2;
extern const cw_multiplier_steps cw_multiplier_avx512;
#endif

/* Philox 4x32-10 over lanes, as base/random.c computes it for one counter (Salmon et al. 2011, section 3.3).
 * Written for the compiler to vectorise; integers, so that every form gives the same bits. */
enum { CW_PHILOX_LANES = 16 };

static inline void cw_philox_lanes(cw_stream stream, uint32_t draw, const uint64_t *item, uint64_t *low,
                                   uint64_t *high) {
    uint32_t c0[CW_PHILOX_LANES], c1[CW_PHILOX_LANES], c2[CW_PHILOX_LANES], c3[CW_PHILOX_LANES];
    uint32_t k0 = stream.key[0], k1 = stream.key[1];
    for (int l = 0; l < CW_PHILOX_LANES; l++) {
        c0[l] = (uint32_t)item[l];
        c1[l] = (uint32_t)(item[l] >> 32);
        c2[l] = 0;
        c3[l] = draw;
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < CW_PHILOX_LANES; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[l], p1 = (uint64_t)0xCD9E8D57u * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = (uint32_t)p1;
            c3[l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int l = 0; l < CW_PHILOX_LANES; l++) {
        low[l] = (uint64_t)c1[l] << 32 | c0[l];
        high[l] = (uint64_t)c3[l] << 32 | c2[l];
    }
}

static inline void cw_multiplier_bits_core(cw_stream stream, int32_t j, int32_t rows, const uint64_t *item,
                                           uint64_t *low, uint64_t *high) {
    int32_t i = 0;
    for (; i + CW_PHILOX_LANES <= rows; i += CW_PHILOX_LANES)
        cw_philox_lanes(stream, (uint32_t)j, item + i, low + i, high + i);
    if (i == rows) return;
    uint64_t rest[CW_PHILOX_LANES] = {0}, l[CW_PHILOX_LANES], h[CW_PHILOX_LANES];
    for (int32_t k = i; k < rows; k++) rest[k - i] = item[k];
    cw_philox_lanes(stream, (uint32_t)j, rest, l, h);
    for (int32_t k = i; k < rows; k++) {
        low[k] = l[k - i];
        high[k] = h[k - i];
    }
}

#endif
