/* Random streams: Philox 4x32-10 (Salmon et al. 2011), a function of (key, counter) and nothing else, so a
 * draw depends on what it is for, never on who makes it or when. */
#ifndef CW_BASE_RANDOM_H
#define CW_BASE_RANDOM_H

#include <stdint.h>

/* One application of the bijection: out = philox4x32-10(counter, key). */
void cw_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream: key = 64-bit hash of (seed, purpose, method, replicate). A new purpose changes no old stream. */
typedef struct cw_stream {
    uint32_t key[2];
} cw_stream;

cw_stream cw_stream_make(uint64_t seed, const char *purpose, const char *method, uint64_t replicate);

/* Draw number `draw` (< 2^30) of item `item` (a global row, member or cluster) at `step`: two 64-bit words a
 * draw. */
void cw_stream_words(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw, uint64_t out[2]);

/* Uniform on (0, 1), 53 bits, never 0 or 1; standard normal by inverse cdf. */
double cw_stream_uniform(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw);
double cw_stream_normal(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw);

/* A stable 64-bit hash of bytes (seeds, digests, keys). Same on every machine. */
uint64_t cw_hash64(const void *data, uint64_t length, uint64_t seed);

/* Mixes one 64-bit integer to a hash (a bijection). */
uint64_t cw_mix64(uint64_t x);

#endif
