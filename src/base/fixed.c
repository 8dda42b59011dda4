/* 128-bit fixed point of keysum.h: doubles to integers and back by integer operations on the mantissa. */
#include <math.h>

#include "fixed_core.h"

/* The number of bits of u: 0 for 0. */
static int bit_length(cw_u128 u) {
    uint64_t high = (uint64_t)(u >> 64), low = (uint64_t)u;
    if (high) return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

int32_t cw_keysum_quantum(double bound, int64_t rows) {
    int32_t bound_exponent = CW_TOP_EXPONENT; /* |bound| <= 2^this */
    if (bound == 0) return CW_LEAST_EXPONENT;
    if (isfinite(bound)) {
        int exponent;
        double fraction = frexp(fabs(bound), &exponent);
        bound_exponent = fraction == 0.5 ? exponent - 1 : exponent;
    }
    int32_t rows_exponent = rows > 1 ? bit_length((cw_u128)(rows - 1)) : 0; /* rows <= 2^this */
    int32_t quantum = bound_exponent + rows_exponent - 126;
    /* Every double is a multiple of the least one: finer units would hold nothing more. */
    return quantum > CW_LEAST_EXPONENT ? quantum : CW_LEAST_EXPONENT;
}

/* Out of bounds it saturates; NaN gives 0. */
cw_i128 cw_fixed_from_double(double v, int32_t quantum) {
    cw_i128 units;
    if (cw_to_units(v, quantum, &units)) return units;
    const cw_i128 largest = (cw_i128)(((cw_u128)1 << 127) - 1);
    return isnan(v) ? 0 : signbit(v) ? -largest : largest;
}

double cw_fixed_to_double(cw_i128 sum, int32_t quantum) {
    cw_u128 units = sum < 0 ? -(cw_u128)sum : (cw_u128)sum;
    if (units == 0) return 0;
    /* The last place of the result: 53 bits down from the first, or the least double. */
    int64_t last = (int64_t)quantum + bit_length(units) - 1 - CW_MANTISSA_BITS;
    if (last < CW_LEAST_EXPONENT) last = CW_LEAST_EXPONENT;
    int64_t drop = last - quantum;
    if (drop > 128) return sum < 0 ? -0.0 : 0.0;
    if (drop > 0) {
        cw_u128 kept = drop < 128 ? units >> drop : 0;
        cw_u128 rest = drop < 128 ? units & (((cw_u128)1 << drop) - 1) : units;
        cw_u128 half = (cw_u128)1 << (drop - 1);
        if (rest > half || (rest == half && (kept & 1))) kept += 1;
        units = kept;
    } else
        last = quantum;
    if (last > CW_TOP_EXPONENT) last = CW_TOP_EXPONENT;
    double value = ldexp((double)(uint64_t)units, (int)last);
    return sum < 0 ? -value : value;
}
