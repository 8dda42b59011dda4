/* Decimal text to doubles, correctly rounded (nearest, ties to even) whatever the locale, and to exact int64.
 * What the fast paths read may run up to 8 bytes past the number: the caller's buffer is padded. */
#ifndef CW_BASE_DECIMAL_H
#define CW_BASE_DECIMAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CW_FIVE_LOWEST = -342, CW_FIVE_HIGHEST = 308, CW_NUMBER_PAD = 16 };
extern const uint64_t cw_five_power[CW_FIVE_HIGHEST - CW_FIVE_LOWEST + 1][2];

/* A number as read: (-1)^negative mantissa 10^exponent. */
typedef struct cw_decimal {
    uint64_t mantissa;
    int64_t exponent;
    const char *start;  /* of the digits */
    int32_t digits;     /* read, leading zeros included; above 19 the mantissa has wrapped */
    int negative, real; /* real: written with a point or an exponent */
} cw_decimal;

/* The nearest double of digits at `start` (with a point perhaps) that exceed 19; exponent as written after e.
 */
double cw_decimal_long(const cw_decimal *decimal);

/* A whole field (no spaces around): 0 not a number, 1 integer (exact in *integer), 2 real, an integer that
 * does not fit, or an infinity. *real is set for 1 and 2. */
int cw_number_parse(const char *text, size_t length, int64_t *integer, double *real);

__extension__ typedef unsigned __int128 cw_u128;

static inline double cw_double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The nearest double of mantissa * 10^exponent (D. Lemire 2021; no fallback is needed for 64-bit mantissas:
 * N. Mushtak and D. Lemire 2023). */
static inline double cw_decimal_nearest(uint64_t w, int64_t q) {
    if (w == 0 || q < CW_FIVE_LOWEST) return 0;
    if (q > CW_FIVE_HIGHEST) return (double)INFINITY;
    int zeros = __builtin_clzll(w);
    w <<= zeros;
    const uint64_t *five = cw_five_power[q - CW_FIVE_LOWEST];
    cw_u128 product = (cw_u128)w * five[0];
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) { /* the lower half of 5^q may carry into the bits that are kept */
        uint64_t more = (uint64_t)((cw_u128)w * five[1] >> 64);
        low += more;
        high += low < more;
    }
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9);
    int64_t power = ((217706 * q) >> 16) + 63 + top - zeros + 1023; /* 217706/2^16 = log2(10) */
    if (power <= 0) {                                               /* subnormal */
        if (power <= -63) return 0;
        mantissa >>= 1 - power;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        return cw_double_of(mantissa); /* a carry into bit 52 makes the smallest normal number */
    }
    /* Exactly halfway: only possible for these exponents; then ties go to even. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high)
        mantissa &= ~(uint64_t)1;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= (uint64_t)2 << 52) {
        mantissa = (uint64_t)1 << 52;
        power++;
    }
    if (power >= 0x7FF) return (double)INFINITY;
    return cw_double_of((mantissa & ~((uint64_t)1 << 52)) | (uint64_t)power << 52);
}

static inline int cw_is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static inline uint64_t cw_load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* How many of the 8 characters are digits before the first that is none. */
static inline int cw_leading_digits(uint64_t word) {
    uint64_t t = word ^ 0x3030303030303030u;
    uint64_t other = (((t & 0x7F7F7F7F7F7F7F7Fu) + 0x7676767676767676u) | t) & 0x8080808080808080u;
    return other ? __builtin_ctzll(other) >> 3 : 8;
}

/* The value of the first `digits` (1 to 8) characters, all at once: shifting puts zeros before them. */
static inline uint64_t cw_digits_value(uint64_t word, int digits) {
    word = (word & 0x0F0F0F0F0F0F0F0Fu) << (64 - 8 * digits);
    word = word * 10 + (word >> 8);
    return ((word & 0x000000FF000000FFu) * 0x000F424000000064u +
            ((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u) >>
           32;
}

/* Appends the digits at *p to a number, 8 at a time (it wraps beyond 19). */
static inline uint64_t cw_read_digits(const char **p, uint64_t number) {
    static const uint64_t ten[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    for (;;) {
        uint64_t word = cw_load8(*p);
        int digits = cw_leading_digits(word);
        if (digits == 0) return number;
        number = number * ten[digits] + cw_digits_value(word, digits);
        *p += digits;
        if (digits < 8) return number;
    }
}

/* Reads [+-]digits[.digits][e[+-]digits] and returns the place behind it, or NULL. */
static inline const char *cw_decimal_read(const char *p, cw_decimal *out) {
    out->negative = *p == '-';
    p += out->negative | (*p == '+');
    const char *start = p;
    uint64_t mantissa = cw_read_digits(&p, 0);
    int64_t digits = p - start, exponent = 0;
    out->real = 0;
    if (*p == '.') {
        const char *point = ++p;
        out->real = 1;
        mantissa = cw_read_digits(&p, mantissa);
        exponent = point - p;
        digits -= exponent;
    }
    if (digits == 0) return NULL;
    if ((*p | 0x20) == 'e') {
        int down = *++p == '-';
        int64_t power = 0;
        p += *p == '-' || *p == '+';
        if (!cw_is_digit(*p)) return NULL;
        for (; cw_is_digit(*p); p++)
            if (power < 100000000) power = 10 * power + (*p - '0');
        exponent += down ? -power : power;
        out->real = 1;
    }
    out->mantissa = mantissa;
    out->exponent = exponent;
    out->start = start;
    out->digits = (int32_t)(digits > 1 << 30 ? 1 << 30 : digits);
    return p;
}

/* The value of what was read. Up to 15 digits and 10^22 both factors are exact doubles, and one rounding is
 * the right one (W. Clinger 1990). */
static inline double cw_decimal_value(const cw_decimal *decimal) {
    static const double ten[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t e = decimal->exponent;
    double value;
    uint64_t bits;
    if (decimal->digits > 19) {
        cw_decimal rare = *decimal; /* a copy, so that what is common can stay in registers */
        value = cw_decimal_long(&rare);
    } else if (decimal->digits <= 15 && e >= -22 && e <= 22) {
        value = e < 0 ? (double)decimal->mantissa / ten[-e] : (double)decimal->mantissa * ten[e];
    } else {
        value = cw_decimal_nearest(decimal->mantissa, e);
    }
    /* No branch on the sign: it is a coin toss in much data. */
    memcpy(&bits, &value, sizeof bits);
    return cw_double_of(bits | (uint64_t)decimal->negative << 63);
}

#endif
