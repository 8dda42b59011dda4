/* Decimal text to doubles, correctly rounded (nearest, ties to even) whatever the locale, and to exact int64.
 * What the fast paths read may run up to 8 bytes past the number: the caller's buffer is padded. */
#ifndef CW_IO_CSV_NUMBER_H
#define CW_IO_CSV_NUMBER_H

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

/* The nearest double of mantissa * 10^exponent (D. Lemire 2021; no fallback is needed for 64-bit mantissas:
 * N. Mushtak and D. Lemire 2023). */
double cw_decimal_nearest(uint64_t mantissa, int64_t exponent);

/* The nearest double of digits at `start` (with a point perhaps) that exceed 19; exponent as written after e.
 */
double cw_decimal_long(const cw_decimal *decimal);

/* A whole field (no spaces around): 0 not a number, 1 integer (exact in *integer), 2 real, an integer that
 * does not fit, or an infinity. *real is set for 1 and 2. */
int cw_number_parse(const char *text, size_t length, int64_t *integer, double *real);

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

static inline int cw_eight_digits(uint64_t word) {
    return ((word & 0xF0F0F0F0F0F0F0F0u) | (((word + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) ==
           0x3333333333333333u;
}

static inline uint64_t cw_eight_value(uint64_t word) {
    word -= 0x3030303030303030u;
    word = word * 10 + (word >> 8);
    return ((word & 0x000000FF000000FFu) * 0x000F424000000064u +
            ((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u) >>
           32;
}

/* Reads [+-]digits[.digits][e[+-]digits] and returns the place behind it, or NULL. */
static inline const char *cw_decimal_read(const char *p, cw_decimal *out) {
    uint64_t mantissa = 0;
    out->negative = *p == '-';
    p += *p == '-' || *p == '+';
    const char *start = p;
    while (cw_is_digit(*p)) mantissa = 10 * mantissa + (uint64_t)(*p++ - '0');
    int64_t digits = p - start, exponent = 0;
    out->real = 0;
    if (*p == '.') {
        const char *point = ++p;
        out->real = 1;
        for (uint64_t word = cw_load8(p); cw_eight_digits(word); word = cw_load8(p)) {
            mantissa = 100000000 * mantissa + cw_eight_value(word);
            p += 8;
        }
        while (cw_is_digit(*p)) mantissa = 10 * mantissa + (uint64_t)(*p++ - '0');
        exponent = point - p;
        digits -= exponent;
    }
    if (digits == 0) return NULL;
    if (*p == 'e' || *p == 'E') {
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

/* The value of what was read. Up to 2^53 and 10^22 both factors are exact doubles, and one rounding is the
 * right one (W. Clinger 1990). */
static inline double cw_decimal_value(const cw_decimal *decimal) {
    static const double ten[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t e = decimal->exponent;
    double value;
    if (decimal->digits > 19)
        value = cw_decimal_long(decimal);
    else if (decimal->mantissa <= (uint64_t)1 << 53 && e >= -22 && e <= 22)
        value = e < 0 ? (double)decimal->mantissa / ten[-e] : (double)decimal->mantissa * ten[e];
    else
        value = cw_decimal_nearest(decimal->mantissa, e);
    return decimal->negative ? -value : value;
}

#endif
