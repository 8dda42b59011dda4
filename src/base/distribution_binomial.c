/* The binomial distribution as tails of the beta law: P(X >= k) = I_p(k, n - k + 1). */
#include "distribution.h"

#include "distribution_tail.h"
#include "real.h"
#include "real_core.h"

static bool domain(int64_t n, double p) {
    return n >= 0 && n <= (INT64_C(1) << 53) && p >= 0 && p <= 1;
}

/* P(X >= k) or P(X < k). */
static double tail(int64_t k, int64_t n, double p, bool at_least) {
    if (k <= 0) return at_least ? 1.0 : 0.0;
    if (k > n || p == 0) return at_least ? 0.0 : 1.0;
    if (p == 1) return at_least ? 1.0 : 0.0;
    cw_beta_law law = cw_beta_law_of((double)k, (double)(n - k + 1));
    return cw_tail_value(cw_beta_tail(&law, cw_dd_of(p), cw_dd_sum(1.0, -p)), !at_least);
}

double cw_binomial_cdf(int64_t k, int64_t n, double p) {
    if (!domain(n, p)) return (double)NAN;
    return k >= n ? 1.0 : tail(k + 1, n, p, false);
}

double cw_binomial_upper(int64_t k, int64_t n, double p) {
    return domain(n, p) ? tail(k, n, p, true) : (double)NAN;
}

/* Bracketed from the normal value outward in doubling steps, then halved. */
int64_t cw_binomial_quantile(double q, int64_t n, double p) {
    if (!domain(n, p) || !(q >= 0 && q <= 1)) return -1;
    if (q == 0 || p == 0) return 0;
    if (q == 1 || p == 1) return n;
    double size = (double)n, spread = sqrt(size * p * (1.0 - p));
    double z = cw_normal_quantile(q);
    double guess = floor(size * p + spread * z + (z * z - 1.0) * (1.0 - 2 * p) / 6);
    int64_t high = guess < 0 ? 0 : (guess >= size ? n : (int64_t)guess), low = high - 1, step = 1;
    if (cw_binomial_cdf(high, n, p) >= q) {
        while (low >= 0 && cw_binomial_cdf(low, n, p) >= q) {
            high = low;
            low = low > step ? low - step : -1;
            step *= 2;
        }
    } else {
        do {
            low = high;
            high = n - high > step ? high + step : n;
            step *= 2;
        } while (high < n && cw_binomial_cdf(high, n, p) < q);
    }
    while (high - low > 1) { /* cdf(low) < q <= cdf(high) */
        int64_t middle = low + (high - low) / 2;
        if (cw_binomial_cdf(middle, n, p) >= q)
            high = middle;
        else
            low = middle;
    }
    return high;
}
