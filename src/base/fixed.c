/* 128-bit fixed point of keysum.h: doubles to integers and back by integer operations on the mantissa. */
#include <math.h>
#include <string.h>

#include "keysum.h"

__extension__ typedef unsigned __int128 u128;

enum { MANTISSA_BITS = 52, LEAST_EXPONENT = -1074, TOP_EXPONENT = 1024 };

/* |v| = mantissa * 2^exponent, exactly. */
static uint64_t take_apart(double v, int32_t *exponent) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int32_t field = (int32_t)(bits >> MANTISSA_BITS & 0x7FF);
    *exponent = (field ? field : 1) - 1075;
    return field ? mantissa | UINT64_C(1) << MANTISSA_BITS : mantissa;
}

/* The number of bits of u: 0 for 0. */
static int bit_length(u128 u) {
    uint64_t high = (uint64_t)(u >> 64), low = (uint64_t)u;
    if (high) return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

int32_t cw_keysum_quantum(double bound, int64_t rows) {
    int32_t bound_exponent = TOP_EXPONENT; /* |bound| <= 2^this */
    if (bound == 0) return LEAST_EXPONENT;
    if (isfinite(bound)) {
        int exponent;
        double fraction = frexp(fabs(bound), &exponent);
        bound_exponent = fraction == 0.5 ? exponent - 1 : exponent;
    }
    int32_t rows_exponent = rows > 1 ? bit_length((u128)(rows - 1)) : 0; /* rows <= 2^this */
    int32_t quantum = bound_exponent + rows_exponent - 126;
    /* Every double is a multiple of the least one: finer units would hold nothing more. */
    return quantum > LEAST_EXPONENT ? quantum : LEAST_EXPONENT;
}

cw_i128 cw_fixed_from_double(double v, int32_t quantum) {
    int32_t exponent;
    if (isnan(v)) return 0;
    u128 units = take_apart(v, &exponent);
    int64_t shift = (int64_t)exponent - quantum;
    const u128 largest = ((u128)1 << 127) - 1;
    if (units == 0 || shift < -(MANTISSA_BITS + 1)) return 0; /* less than half a unit */
    if (shift < 0)
        units = (units + ((u128)1 << (-shift - 1))) >> -shift;
    else if (isinf(v) || bit_length(units) + shift > 127)
        units = largest;
    else
        units <<= shift;
    return signbit(v) ? -(cw_i128)units : (cw_i128)units;
}

double cw_fixed_to_double(cw_i128 sum, int32_t quantum) {
    u128 units = sum < 0 ? -(u128)sum : (u128)sum;
    if (units == 0) return 0;
    /* The last place of the result: 53 bits down from the first, or the least double. */
    int64_t last = (int64_t)quantum + bit_length(units) - 1 - MANTISSA_BITS;
    if (last < LEAST_EXPONENT) last = LEAST_EXPONENT;
    int64_t drop = last - quantum;
    if (drop > 128) return sum < 0 ? -0.0 : 0.0;
    if (drop > 0) {
        u128 kept = drop < 128 ? units >> drop : 0;
        u128 rest = drop < 128 ? units & (((u128)1 << drop) - 1) : units;
        u128 half = (u128)1 << (drop - 1);
        if (rest > half || (rest == half && (kept & 1))) kept += 1;
        units = kept;
    } else
        last = quantum;
    if (last > TOP_EXPONENT) last = TOP_EXPONENT;
    double value = ldexp((double)(uint64_t)units, (int)last);
    return sum < 0 ? -value : value;
}
