/* Quantiles of the beta and gamma laws by Newton's method for the log of a tail as a function of z, the log
 * odds or the log. Both laws have a log-concave density in z, so both log tails are concave in z (Bagnoli and
 * Bergstrom 2005, Economic Theory 26, 445): from the side where the tail is too small the steps approach the
 * root from that side, from the other side the first step crosses over. The bound keeps that one in range. */
#include "distribution_tail.h"

#include <stddef.h>

#include "distribution.h"
#include "real.h"

enum { ITERATIONS = 400 };

typedef struct problem {
    const cw_beta_law *beta; /* or */
    const cw_gamma_law *gamma;
    double log_p;
    bool upper;
    double bound; /* the root lies above it (lower tail), below it (upper tail) */
} problem;

static cw_tail tail_at(const problem *q, double z) {
    if (q->beta) return cw_beta_tail_log_odds(q->beta, z);
    if (z > -600) return cw_gamma_tail(q->gamma, cw_exp(z));
    cw_dd weight = cw_dd_subtract(cw_dd_product(z, q->gamma->a), q->gamma->log_gamma);
    return (cw_tail){weight, 1.0 / q->gamma->a, false};
}

static double solve(const problem *q, double z) {
    double sign = q->upper ? -1.0 : 1.0;
    if (sign * (z - q->bound) < 0) z = q->bound;
    for (int i = 0; i < ITERATIONS; i++) {
        cw_tail tail = tail_at(q, z);
        double log_tail = cw_tail_log(tail, q->upper);
        double slope = sign * cw_exp(tail.log_weight.high - log_tail);
        double next = z - (log_tail - q->log_p) / slope;
        if (!(sign * (next - q->bound) >= 0)) next = q->bound;
        double step = fabs(next - z);
        z = next;
        if (step <= 1e-11 * fmax(1.0, fabs(z))) break; /* the error left is its square */
    }
    return z;
}

/* Below: I_x(a, b) <= w^a / (a B(a, b)), w the odds; above: the same with a and b exchanged. The start is
 * normal in z, with the variance of a difference of log-gamma variables. */
double cw_beta_quantile_log_odds(const cw_beta_law *law, double p, bool upper) {
    double a = law->a, b = law->b, log_p = cw_ln(p);
    double c = upper ? b : a;
    double bound = ((log_p + cw_ln(c)) + law->log_beta.high) / c;
    problem q = {law, NULL, log_p, upper, upper ? -bound : bound};
    double start = cw_ln(a / b) + cw_normal_quantile(p) * (upper ? -1.0 : 1.0) * sqrt(1.0 / a + 1.0 / b);
    return solve(&q, c < 1 ? q.bound : start);
}

/* Below: P(a, x) <= x^a / gamma(a + 1). Above: Laurent and Massart (2000, Annals of Statistics 28, 1302,
 * lemma 1), P(X >= a + sqrt(2 a t) + t) <= exp(-t). Start: Wilson and Hilferty (1931). */
double cw_gamma_quantile_log(const cw_gamma_law *law, double p, bool upper) {
    double a = law->a, log_p = cw_ln(p);
    problem q = {NULL, law, log_p, upper, 0};
    if (upper)
        q.bound = cw_ln(a + sqrt(-2 * a * log_p) - log_p);
    else
        q.bound = ((log_p + cw_ln(a)) + law->log_gamma.high) / a;
    double n = cw_normal_quantile(p) * (upper ? -1.0 : 1.0);
    double cube_root = 1.0 - 1.0 / (9 * a) + n / (3 * sqrt(a));
    return solve(&q, a < 1 || cube_root <= 0.1 ? q.bound : cw_ln(a) + 3 * cw_ln(cube_root));
}
