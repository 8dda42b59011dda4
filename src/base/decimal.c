#include "decimal.h"

#include <math.h>

static uint64_t to_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Natural numbers of up to 6144 bits: enough for 769 digits against halfway points of doubles. */
enum { LIMBS = 192, DIGITS = 768 };
typedef struct cw_natural {
    int32_t size;
    uint32_t limb[LIMBS];
} cw_natural;

static void multiply_add(cw_natural *n, uint32_t factor, uint32_t more) {
    uint64_t carry = more;
    for (int32_t i = 0; i < n->size; i++) {
        carry += (uint64_t)n->limb[i] * factor;
        n->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && n->size < LIMBS) n->limb[n->size++] = (uint32_t)carry;
}

static void multiply_ten(cw_natural *n, int64_t power) {
    for (; power >= 9; power -= 9) multiply_add(n, 1000000000, 0);
    for (; power > 0; power--) multiply_add(n, 10, 0);
}

static void shift_left(cw_natural *n, int64_t bits) {
    for (; bits >= 31; bits -= 31) multiply_add(n, (uint32_t)1 << 31, 0);
    multiply_add(n, (uint32_t)1 << bits, 0);
}

static int compare(const cw_natural *a, const cw_natural *b) {
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    for (int32_t i = a->size - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* Which of the neighbours `below` and `above` is nearest to digits * 10^exponent: compares with the point
 * halfway, (2m+1) 2^(k-1) for below = m 2^k, in whole numbers. */
static double nearer(cw_natural *digits, int64_t exponent, double below, double above) {
    uint64_t bits = to_bits(below), m = bits & (((uint64_t)1 << 52) - 1);
    int64_t k = (int64_t)(bits >> 52);
    if (k > 0) m |= (uint64_t)1 << 52;
    k = (k > 0 ? k : 1) - 1075;
    uint64_t half = 2 * m + 1;
    cw_natural point = {2, {(uint32_t)half, (uint32_t)(half >> 32)}};
    if (point.limb[1] == 0) point.size = 1;
    if (exponent >= 0) multiply_ten(digits, exponent);
    if (exponent < 0) multiply_ten(&point, -exponent);
    if (k >= 1) shift_left(&point, k - 1);
    if (k < 1) shift_left(digits, 1 - k);
    int order = compare(digits, &point);
    if (order == 0) return m & 1 ? above : below;
    return order < 0 ? below : above;
}

/* The first DIGITS of `left` digits at p as a natural number, with a 1 behind them when some later digit is
 * not 0 (no halfway point has that many digits); *exponent follows its last digit. */
static void all_digits(const char *p, int64_t left, cw_natural *out, int64_t *exponent) {
    int sticky = 0;
    *exponent += left;
    out->size = 0;
    for (int32_t kept = 0; left > 0; p++) {
        if (*p == '.') continue;
        uint32_t digit = (uint32_t)(*p - '0');
        left--;
        if (kept++ >= DIGITS) {
            sticky |= digit != 0;
            continue;
        }
        if (out->size) multiply_add(out, 10, digit);
        if (!out->size && digit) *out = (cw_natural){1, {digit}};
        --*exponent;
    }
    if (sticky) multiply_add(out, 10, 1);
    *exponent -= sticky;
}

double cw_decimal_long(const cw_decimal *decimal) {
    const char *p = decimal->start;
    int64_t left = decimal->digits;
    for (; left > 0 && (*p == '0' || *p == '.'); p++) left -= *p == '0';
    const char *first = p;
    int64_t significant = left, exponent = decimal->exponent;
    uint64_t head = 0; /* the first 19 significant digits */
    for (int32_t kept = 0; left > 0 && kept < 19; p++) {
        if (*p == '.') continue;
        head = 10 * head + (uint64_t)(*p - '0');
        left--;
        kept++;
    }
    double below = cw_decimal_nearest(head, exponent + left);
    if (left == 0) return below;
    double above = cw_decimal_nearest(head + 1, exponent + left);
    if (below == above) return below;
    cw_natural digits;
    all_digits(first, significant, &digits, &exponent);
    return nearer(&digits, exponent, below, above);
}

static int is_word(const char *text, size_t length, const char *word) {
    if (strlen(word) != length) return 0;
    for (size_t i = 0; i < length; i++)
        if ((text[i] | 0x20) != word[i]) return 0;
    return 1;
}

static int infinity(const char *text, size_t length, double *real) {
    int sign = length > 0 && (text[0] == '-' || text[0] == '+');
    if (!is_word(text + sign, length - (size_t)sign, "inf") &&
        !is_word(text + sign, length - (size_t)sign, "infinity"))
        return 0;
    *real = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return 2;
}

int cw_number_parse(const char *text, size_t length, int64_t *integer, double *real) {
    cw_decimal decimal;
    const char *end = cw_decimal_read(text, &decimal);
    if (end != text + length) return length > 0 ? infinity(text, length, real) : 0;
    *real = cw_decimal_value(&decimal);
    if (decimal.real) return 2;
    /* INT64_MIN is what a missing integer is called inside, so it counts as too large. */
    if (decimal.digits > 19) {
        const char *p = decimal.start;
        while (p < end && *p == '0') p++;
        if (end - p > 19) return 2;
        decimal.mantissa = 0;
        for (; p < end; p++) decimal.mantissa = 10 * decimal.mantissa + (uint64_t)(*p - '0');
    }
    if (decimal.mantissa > INT64_MAX) return 2;
    *integer = decimal.negative ? -(int64_t)decimal.mantissa : (int64_t)decimal.mantissa;
    return 1;
}
