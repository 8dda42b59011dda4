/* The conversion of a double to 128-bit fixed point, to be inlined where rows are added. */
#ifndef CW_BASE_FIXED_CORE_H
#define CW_BASE_FIXED_CORE_H

#include <string.h>

#include "keysum.h"

__extension__ typedef unsigned __int128 cw_u128;

enum { CW_MANTISSA_BITS = 52, CW_LEAST_EXPONENT = -1074, CW_TOP_EXPONENT = 1024 };

/* v as an integer multiple (nearest, ties away) of 2^quantum. False, and *units untouched, for NaN,
 * infinities and what needs 128 bits or more. */
static inline int cw_to_units(double v, int32_t quantum, cw_i128 *units) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << CW_MANTISSA_BITS) - 1);
    int32_t field = (int32_t)(bits >> CW_MANTISSA_BITS & 0x7FF);
    if (field == 0x7FF) return 0;
    if (field > 0)
        mantissa |= UINT64_C(1) << CW_MANTISSA_BITS;
    else
        field = 1;
    int64_t shift = (int64_t)field + CW_LEAST_EXPONENT - 1 - quantum; /* |v| = mantissa * 2^(shift+quantum) */
    cw_u128 size;
    if (shift >= 127 - CW_MANTISSA_BITS) { /* the top bit of a normal number would pass bit 126 */
        if (mantissa != 0) {
            int length = 64 - __builtin_clzll(mantissa);
            if (length + shift > 127) return 0;
        }
        size = mantissa == 0 ? 0 : (cw_u128)mantissa << shift;
    } else if (shift >= 0)
        size = (cw_u128)mantissa << shift;
    else if (shift >= -(CW_MANTISSA_BITS + 1))
        size = (mantissa + (UINT64_C(1) << (-shift - 1))) >> -shift;
    else /* less than half a unit */
        size = 0;
    *units = bits >> 63 ? -(cw_i128)size : (cw_i128)size;
    return 1;
}

#endif
