#include "real_dd.h"

#include "real_core.h"

/* A factor c near 1/m for m in slot j: |32 m - j| <= 1/2, and -log c. The slot of 1 has c = 1: the logarithm
 * of a number near 1 keeps its relative accuracy. */
typedef struct log_slot {
    double factor;
    cw_dd minus_log;
} log_slot;

enum { FIRST_SLOT = 23 };

static const log_slot log_slots[] = {{0x1.644p+0, {-0x1.5262deeb98879p-2, -0x1.823ddad7fcfa1p-58}},
                                     {0x1.554p+0, {-0x1.26561f133862dp-2, -0x1.10cdf548bd15cp-57}},
                                     {0x1.47cp+0, {-0x1.fa01c3bb57cbcp-3, -0x1.1c0a3c50f47adp-59}},
                                     {0x1.3bp+0, {-0x1.a8becfc882f19p-3, 0x1.e8c37918c39ebp-58}},
                                     {0x1.2f8p+0, {-0x1.5c940075972b9p-3, -0x1.adccb73379cc5p-58}},
                                     {0x1.248p+0, {-0x1.10f8e422539b1p-3, -0x1.8f798d39f1b7dp-58}},
                                     {0x1.1a8p+0, {-0x1.9375e55595edep-4, 0x1.e463f9e4dd920p-59}},
                                     {0x1.11p+0, {-0x1.075983598e471p-4, -0x1.80da5333c45b8p-59}},
                                     {0x1.084p+0, {-0x1.03d5d85e73eefp-5, -0x1.2c1da539d60edp-61}},
                                     {0x1p+0, {0x0.0p+0, 0x0.0p+0}},
                                     {0x1.f08p-1, {0x1.f7a9b16782856p-6, -0x1.36c720c147756p-60}},
                                     {0x1.e2p-1, {0x1.eea31c006b87cp-5, -0x1.3e4fc93b7b66cp-59}},
                                     {0x1.d4p-1, {0x1.700d30aeac0e1p-4, -0x1.72566212cdd05p-61}},
                                     {0x1.c7p-1, {0x1.e3707ee30487bp-4, 0x1.09ccecd579d99p-58}},
                                     {0x1.bbp-1, {0x1.28753bc11aba5p-3, -0x1.6394d9fa33311p-57}},
                                     {0x1.afp-1, {0x1.60b3100b09476p-3, -0x1.5b2623e05016bp-58}},
                                     {0x1.a4p-1, {0x1.95a5adcf7017fp-3, 0x1.142c507fb7a3dp-58}},
                                     {0x1.998p-1, {0x1.c97f8079d44ecp-3, 0x1.61a8c6e6c4ee7p-57}},
                                     {0x1.8f8p-1, {0x1.fc218be620a5ep-3, -0x1.6e438c258187fp-58}},
                                     {0x1.86p-1, {0x1.16b5ccbacfb73p-2, 0x1.66fbd28b40935p-56}},
                                     {0x1.7dp-1, {0x1.2e9e2bce12286p-2, 0x1.8251a3b83d97ap-62}},
                                     {0x1.748p-1, {0x1.45b8c0a17df13p-2, 0x1.dbe305eaf5a20p-56}},
                                     {0x1.6cp-1, {0x1.5d5bddf595f30p-2, -0x1.6541148cbb8a2p-56}}};

static const double ln2_part[3] = {CW_LN2_41, 0x1.3de6af278ep-42, 0x1.9cc01f97b57a0p-83};

/* k log 2; the first two products are exact. */
static cw_dd times_ln2(double k) {
    cw_dd s = cw_dd_fast_sum(k * ln2_part[0], k * ln2_part[1]);
    return cw_dd_add_double(s, k * ln2_part[2]);
}

/* log(1 + f) for |f| < 0.023 as 2 (s + s^3/3 + s^5/5 + ...), s = f / (2 + f). */
static cw_dd log_near_one(cw_dd f) {
    static const cw_dd third = {0x1.5555555555555p-2, 0x1.5555555555555p-56},
                       fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57},
                       seventh = {0x1.2492492492492p-3, 0x1.2492492492492p-57};
    cw_dd s = cw_dd_divide(f, cw_dd_add_double(f, 2.0));
    cw_dd z = cw_dd_times(s, s);
    double h = z.high;
    double rest = h * (1.0 / 9.0 + h * (1.0 / 11.0 + h * (1.0 / 13.0 + h * (1.0 / 15.0 + h * (1.0 / 17.0)))));
    cw_dd p = cw_dd_add_double(seventh, rest);
    p = cw_dd_add(fifth, cw_dd_times(p, z));
    p = cw_dd_add(third, cw_dd_times(p, z));
    p = cw_dd_times(p, cw_dd_times(z, s));
    return cw_dd_scale(cw_dd_add(s, p), 2.0);
}

cw_dd cw_dd_log(cw_dd x) {
    if (!(x.high > 0 && x.high < (double)INFINITY)) return cw_dd_of(cw_core_ln(x.high));
    double k = 0;
    if (x.high < 0x1p-900) {
        x = cw_dd_scale(x, 0x1p200);
        k = -200;
    }
    int64_t bits = cw_core_bits(x.high);
    int64_t e = ((bits - CW_SQRT_HALF_BITS + (INT64_C(1023) << 52)) >> 52) - 1023;
    int64_t half = e / 2;
    cw_dd m = cw_dd_scale(cw_dd_scale(x, cw_core_power2(-half)), cw_core_power2(half - e));
    const log_slot *slot = &log_slots[(int)(m.high * 32.0 + 0.5) - FIRST_SLOT];
    cw_dd product = cw_dd_product(m.high, slot->factor);
    cw_dd f = cw_dd_sum(product.high - 1.0, fma(m.low, slot->factor, product.low));
    cw_dd y = log_near_one(f);
    y = cw_dd_add(slot->minus_log, y);
    return cw_dd_add(times_ln2(k + (double)e), y);
}

/* exp(s) - 1 for |s| < 0.006. */
static cw_dd expm1_tiny(cw_dd s) {
    static const cw_dd coefficient[5] = {{0.5, 0},
                                         {0x1.5555555555555p-3, 0x1.5555555555555p-57},
                                         {0x1.5555555555555p-5, 0x1.5555555555555p-59},
                                         {0x1.1111111111111p-7, 0x1.1111111111111p-63},
                                         {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65}};
    double h = s.high;
    double rest =
        CW_EXP_C7 + h * (CW_EXP_C8 + h * (CW_EXP_C9 + h * (CW_EXP_C10 + h * (CW_EXP_C11 + h * CW_EXP_C12))));
    cw_dd p = cw_dd_add_double(coefficient[4], h * rest);
    for (int i = 3; i >= 0; i--) p = cw_dd_add(coefficient[i], cw_dd_times(p, s));
    return cw_dd_add(s, cw_dd_times(cw_dd_times(s, s), p));
}

cw_dd cw_dd_expm1(cw_dd x, int64_t *k) {
    double kd = floor(x.high * CW_LOG2E + 0.5);
    *k = (int64_t)kd;
    /* x - k log 2: the first difference is exact (the two are near or k is 0). */
    cw_dd r = cw_dd_sum(x.high - kd * ln2_part[0], -(kd * ln2_part[1]));
    r = cw_dd_add(r, cw_dd_sum(x.low, -(kd * ln2_part[2])));
    cw_dd q = expm1_tiny(cw_dd_scale(r, 0x1p-6));
    for (int i = 0; i < 6; i++) q = cw_dd_times(q, cw_dd_add_double(q, 2.0)); /* exp(2s) - 1 = q (q + 2) */
    return q;
}

double cw_dd_exp(cw_dd x) {
    if (!(x.high < CW_EXP_OVER)) return x.high + x.low > 0 ? (double)INFINITY : x.high;
    if (x.high < CW_EXP_UNDER) return 0.0;
    int64_t k;
    cw_dd q = cw_dd_expm1(x, &k);
    int64_t half = ((k + 2048) >> 1) - 1024;
    return cw_dd_add_double(q, 1.0).high * cw_core_power2(half) * cw_core_power2(k - half);
}

/* Stirling's series, z >= 16: sum of B_2k / (2k (2k-1) z^(2k-1)) (DLMF 5.11.1); 12 terms leave 1e-26. */
static cw_dd stirling_sum(cw_dd z) {
    static const double c[] = {0x1.a01a01a01a01ap-11,  -0x1.3813813813814p-11, 0x1.b951e2b18ff23p-11,
                               -0x1.f6ab0d9993c7dp-10, 0x1.a41a41a41a41ap-8,   -0x1.e4286cb0f5398p-6,
                               0x1.6fe96381e0680p-3,   -0x1.6476701181f3ap+0,  0x1.ace44322ce006p+3,
                               -0x1.39b2525cccc1bp+7};
    static const cw_dd first = {0x1.5555555555555p-4, 0x1.5555555555555p-58},
                       second = {-0x1.6c16c16c16c17p-9, 0x1.f49f49f49f49fp-64};
    cw_dd inverse = cw_dd_divide(cw_dd_of(1.0), z);
    cw_dd square = cw_dd_times(inverse, inverse);
    double w = square.high, rest = 0;
    for (int i = (int)(sizeof c / sizeof *c) - 1; i >= 0; i--) rest = c[i] + w * rest;
    cw_dd p = cw_dd_add_double(second, w * rest);
    p = cw_dd_add(first, cw_dd_times(p, square));
    return cw_dd_times(p, inverse);
}

cw_dd cw_dd_lgamma(cw_dd a) {
    static const cw_dd half_log_2pi = {0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55};
    if (a.high < 0x1p-800) return cw_dd_negate(cw_dd_log(a));
    cw_dd z = a, product = cw_dd_of(1.0);
    for (int i = 1; z.high < 16; i++) {
        product = cw_dd_times(product, z);
        z = cw_dd_add_double(a, i); /* gamma(a) = gamma(a + n) / (a (a + 1) ... (a + n - 1)) */
    }
    cw_dd y = cw_dd_times(cw_dd_add_double(z, -0.5), cw_dd_log(z));
    y = cw_dd_subtract(y, z);
    y = cw_dd_add(y, cw_dd_add(half_log_2pi, stirling_sum(z)));
    return a.high < 16 ? cw_dd_subtract(y, cw_dd_log(product)) : y;
}
