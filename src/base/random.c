#include "random.h"

#include <string.h>

#include "distribution.h"

/* Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3. */
static const uint32_t PHILOX_MULTIPLIER_0 = 0xD2511F53u, PHILOX_MULTIPLIER_1 = 0xCD9E8D57u;
static const uint32_t PHILOX_WEYL_0 = 0x9E3779B9u, PHILOX_WEYL_1 = 0xBB67AE85u;
enum { PHILOX_ROUNDS = 10 };

void cw_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t product0 = (uint64_t)PHILOX_MULTIPLIER_0 * c0;
        uint64_t product1 = (uint64_t)PHILOX_MULTIPLIER_1 * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)product1;
        c3 = (uint32_t)product0;
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* One step of SplitMix64 (Steele, Lea, Flood 2014): every operation can be undone, so it is a bijection. */
uint64_t cw_mix64(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Up to 8 bytes as a little-endian number, whatever the machine; compilers make one load of the full case. */
static uint64_t little_endian(const unsigned char *byte, uint64_t count) {
    uint64_t word = 0;
    for (uint64_t i = 0; i < count; i++) word |= (uint64_t)byte[i] << (8 * i);
    return word;
}

/* A chain of bijections of the state, one for every 8 bytes: two inputs of one length that differ in a single
 * word never collide. The length stands at the start, so zero bytes at the end count too. */
uint64_t cw_hash64(const void *data, uint64_t length, uint64_t seed) {
    const unsigned char *byte = data;
    uint64_t hash = cw_mix64(seed) ^ cw_mix64(~length);
    while (length >= 8) {
        hash = cw_mix64(hash ^ little_endian(byte, 8));
        byte += 8;
        length -= 8;
    }
    if (length > 0) hash = cw_mix64(hash ^ little_endian(byte, length));
    return cw_mix64(hash);
}

static uint64_t hash_text(const char *text, uint64_t seed) {
    return text ? cw_hash64(text, strlen(text), seed) : cw_hash64("", 0, seed);
}

cw_stream cw_stream_make(uint64_t seed, const char *purpose, const char *method, uint64_t replicate) {
    uint64_t hash = hash_text(method, hash_text(purpose, seed));
    hash = cw_mix64(hash ^ cw_mix64(replicate));
    return (cw_stream){{(uint32_t)hash, (uint32_t)(hash >> 32)}};
}

void cw_stream_words(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw, uint64_t out[2]) {
    const uint32_t counter[4] = {(uint32_t)item, (uint32_t)(item >> 32), step, draw};
    uint32_t words[4];
    cw_philox4x32(counter, stream.key, words);
    out[0] = (uint64_t)words[1] << 32 | words[0];
    out[1] = (uint64_t)words[3] << 32 | words[2];
}

/* The odd multiples of 2^-53: exact, never 0 or 1, and 1 - u is as likely as u. */
double cw_stream_uniform(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw) {
    uint64_t word[2];
    cw_stream_words(stream, item, step, draw, word);
    return (double)(word[0] >> 11 | 1) * 0x1p-53;
}

double cw_stream_normal(cw_stream stream, uint64_t item, uint32_t step, uint32_t draw) {
    return cw_normal_quantile(cw_stream_uniform(stream, item, step, draw));
}
