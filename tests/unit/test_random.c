/* Philox, streams, hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "src/base/distribution.h"
#include "src/base/random.h"

/* Rows "philox4x32 10" of Random123's tests/kat_vectors. */
static void philox_gives_the_published_answers(void **state) {
    (void)state;
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
         0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        cw_philox4x32(known[i], known[i] + 4, out);
        assert_memory_equal(out, known[i] + 6, sizeof out);
    }
}

static void stream_words_are_philox_of_item_step_draw(void **state) {
    (void)state;
    cw_stream stream = {{0xa4093822, 0x299f31d0}};
    uint64_t word[2];
    cw_stream_words(stream, 0x85a308d3243f6a88u, 0x13198a2e, 0x03707344, word);
    assert_true(word[0] == 0x94fdccebd16cfe09u);
    assert_true(word[1] == 0x24126ea15001e420u);
}

/* The first outputs of SplitMix64 from the state 0 (Steele, Lea, Flood 2014; Vigna's splitmix64.c). */
static void mix_gives_the_published_answers(void **state) {
    (void)state;
    assert_true(cw_mix64(0) == 0xE220A8397B1DCDAFu);
    assert_true(cw_mix64(0x9E3779B97F4A7C15u) == 0x6E789E6AA1B965F4u);
    assert_true(cw_mix64(2 * 0x9E3779B97F4A7C15u) == 0x06C45D188009454Fu);
}

/* These values are part of the seeds' and digests' meaning: they must never change. */
static void hashes_are_pinned(void **state) {
    (void)state;
    static const char text[] = "causeway: causes, counted";
    assert_true(cw_hash64("", 0, 0) == 0x379C1E9F8D23AF2Au);
    assert_true(cw_hash64(text, 25, 0) == 0x1844A8B13E6E8602u);
    assert_true(cw_hash64(text, 8, 7) == 0xF8970333B0E5FB1Bu);
    cw_stream stream = cw_stream_make(1, "folds", "linear", 3);
    assert_int_equal(stream.key[0], 0x6BB3EF68u);
    assert_int_equal(stream.key[1], 0x85FA6803u);
}

static void hash_sees_every_bit_and_the_length(void **state) {
    (void)state;
    unsigned char bytes[32], moved[33];
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(37 * i + 11);
    for (uint64_t length = 1; length <= 32; length++) {
        uint64_t hash = cw_hash64(bytes, length, 5);
        memcpy(moved + 1, bytes, 32); /* alignment must not matter */
        assert_true(cw_hash64(moved + 1, length, 5) == hash);
        int flipped = 0, cases = 0;
        for (uint64_t bit = 0; bit < 8 * length; bit++, cases++) {
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            uint64_t other = cw_hash64(bytes, length, 5);
            assert_true(other != hash);
            flipped += __builtin_popcountll(other ^ hash);
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        double mean = (double)flipped / cases; /* of 64 bits; sd of the mean is 4 / sqrt(cases) */
        assert_true(fabs(mean - 32) < 5 * 4 / sqrt(cases));
    }
    static const unsigned char zeros[24] = {0};
    for (uint64_t a = 0; a < 24; a++)
        for (uint64_t b = a + 1; b <= 24; b++) assert_true(cw_hash64(zeros, a, 0) != cw_hash64(zeros, b, 0));
    assert_true(cw_hash64(zeros, 24, 0) != cw_hash64(zeros, 24, 1));
}

static void streams_differ_by_each_part_of_their_key(void **state) {
    (void)state;
    const cw_stream stream[] = {
        cw_stream_make(1, "folds", "linear", 0),
        cw_stream_make(2, "folds", "linear", 0),
        cw_stream_make(1, "fold", "slinear", 0),
        cw_stream_make(1, "folds", "linear", 1),
        cw_stream_make(1, "foldslinear", "", 0),
        cw_stream_make(1, "", "foldslinear", 0),
        cw_stream_make(1, "linear", "folds", 0),
        cw_stream_make(0, "folds", "linear", 1),
        cw_stream_make(1, "folds", "linear", ~(uint64_t)0),
    };
    enum { COUNT = sizeof stream / sizeof *stream };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++) assert_memory_not_equal(&stream[i], &stream[j], sizeof *stream);
    cw_stream with_null = cw_stream_make(4, NULL, NULL, 9), with_empty = cw_stream_make(4, "", "", 9);
    assert_memory_equal(&with_null, &with_empty, sizeof with_null);
}

static void uniforms_are_uniform(void **state) {
    (void)state;
    enum { DRAWS = 200000, BINS = 64 };
    cw_stream stream = cw_stream_make(42, "test", "uniform", 0);
    double sum = 0, square = 0, product = 0, before = 0.5;
    int bin[BINS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = cw_stream_uniform(stream, i, 0, 0);
        assert_true(u > 0 && u < 1);
        assert_true(1 - (1 - u) == u); /* an odd multiple of 2^-53: 1-u is exact */
        sum += u - 0.5;
        square += (u - 0.5) * (u - 0.5);
        product += (u - 0.5) * (before - 0.5);
        before = u;
        bin[(int)(u * BINS)] += 1;
    }
    assert_true(fabs(sum / DRAWS) < 5 * sqrt(1.0 / 12 / DRAWS));
    assert_true(fabs(square / DRAWS - 1.0 / 12) < 5 * sqrt(1.0 / 180 / DRAWS));
    assert_true(fabs(product / DRAWS) < 5 / 12.0 / sqrt(DRAWS));
    double chi2 = 0;
    for (int b = 0; b < BINS; b++) {
        double excess = bin[b] - (double)DRAWS / BINS;
        chi2 += excess * excess / ((double)DRAWS / BINS);
    }
    assert_true(chi2 > 23 && chi2 < 130); /* 63 degrees of freedom, about 1e-6 each side */
}

static void normals_are_normal(void **state) {
    (void)state;
    enum { DRAWS = 40000 };
    cw_stream stream = cw_stream_make(42, "test", "normal", 0);
    double sum = 0, square = 0, cube = 0, fourth = 0;
    int beyond_2 = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double x = cw_stream_normal(stream, i, 1, 2);
        double u = cw_stream_uniform(stream, i, 1, 2);
        assert_true(x == cw_normal_quantile(u)); /* by inverse cdf: monotone in the uniform */
        assert_true((x < 0) == (u < 0.5));
        sum += x;
        square += x * x;
        cube += x * x * x;
        fourth += x * x * x * x;
        beyond_2 += fabs(x) > 2;
    }
    const double n = DRAWS;
    assert_true(fabs(sum / n) < 5 * sqrt(1 / n));
    assert_true(fabs(square / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(cube / n) < 5 * sqrt(15 / n));
    assert_true(fabs(fourth / n - 3) < 5 * sqrt(96 / n));
    assert_true(fabs(beyond_2 / n - 0.0455002638963584) < 5 * sqrt(0.0455 * 0.9545 / n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(stream_words_are_philox_of_item_step_draw),
        cmocka_unit_test(mix_gives_the_published_answers),
        cmocka_unit_test(hashes_are_pinned),
        cmocka_unit_test(hash_sees_every_bit_and_the_length),
        cmocka_unit_test(streams_differ_by_each_part_of_their_key),
        cmocka_unit_test(uniforms_are_uniform),
        cmocka_unit_test(normals_are_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
