/* Tails of beta and gamma: power series and continued fractions where a parameter is small, Gauss-Legendre
 * quadrature outward from the argument where all are large. */
#include "distribution_tail.h"

#include "real.h"
#include "real_core.h"

enum { LARGE = 64, STEPS = 100000, PANELS = 60, NODES = 16 };

/* Relative size at which a series or a fraction ends. */
#define SMALL 0x1p-54

double cw_tail_value(cw_tail tail, bool upper) {
    double v = tail.log_weight.high > -700 ? cw_dd_exp(tail.log_weight) * tail.ratio
                                           : cw_dd_exp(cw_dd_add_double(tail.log_weight, cw_ln(tail.ratio)));
    v = v < 1 ? v : 1.0;
    return tail.upper == upper ? v : 1.0 - v;
}

double cw_tail_log(cw_tail tail, bool upper) {
    if (tail.upper != upper) return cw_log1p(-cw_tail_value(tail, tail.upper));
    double v = tail.log_weight.high + (tail.log_weight.low + cw_ln(tail.ratio));
    return v < 0 ? v : 0.0;
}

/* log(1 + d) - d without cancellation: with s = d/(2 + d) it is s (2 s^2 (1/3 + s^2/5 + ...) - d). */
static double log1p_minus(double d) {
    if (fabs(d) > 0.3) return cw_ln(1.0 + d) - d;
    double s = d / (2.0 + d);
    double z = s * s;
    double p = 1.0 / 25.0;
    for (int k = 23; k >= 3; k -= 2) p = p * z + 1.0 / k;
    return s * (2 * z * p - d);
}

/* Where a density f is left on one side of its argument, f(t)/f(0) =
 * exp(c1 L(t/x1) + c2 L(t/x2) - rate t), L(d) = log(1 + d) - d, t the distance, up to limit. */
typedef struct edge {
    double c1, x1, c2, x2, rate, limit;
} edge;

/* The integral of f(t)/f(0): panels on each of which the exponent falls by about 10 (a 16-node rule then has
 * 1e-20), until nothing is added. f is log-concave: it falls at least as fast on every later panel. */
static double integrate(const edge *e) {
    static const double node[NODES][2] = {
        {0x1.5b4f66ca1e083p-8, 0x1.bcddab4b7c211p-7}, {0x1.c60a99e906503p-6, 0x1.fdfb1a2c1265dp-6},
        {0x1.132ff2bac6df4p-4, 0x1.85c4ee79cc258p-5}, {0x1.f4ee8896e3653p-4, 0x1.fe7af2bad386ap-5},
        {0x1.874b732542e90p-3, 0x1.325f61bca3cbfp-4}, {0x1.157ed32de2c47p-2, 0x1.5a6ebbb5a75fcp-4},
        {0x1.6fd1a8cdee642p-2, 0x1.75f8c77e0c00fp-4}, {0x1.cf5a853312ac1p-2, 0x1.83feae80e4dfcp-4},
        {0x1.1852bd6676aa0p-1, 0x1.83feae80e4dfcp-4}, {0x1.48172b9908cdfp-1, 0x1.75f8c77e0c00fp-4},
        {0x1.754096690e9ddp-1, 0x1.5a6ebbb5a75fcp-4}, {0x1.9e2d2336af45cp-1, 0x1.325f61bca3cbfp-4},
        {0x1.c1622eed23936p-1, 0x1.fe7af2bad386ap-5}, {0x1.dd9a01a8a7241p-1, 0x1.85c4ee79cc258p-5},
        {0x1.f1cfab30b7cd8p-1, 0x1.fdfb1a2c1265dp-6}, {0x1.fd4961326bc3fp-1, 0x1.bcddab4b7c211p-7}};
    double rate = e->rate > 0 ? e->rate : 0.0;
    double curvature = e->c1 / e->x1 / e->x1 + e->c2 / e->x2 / e->x2;
    double width = 20.0 / (rate + sqrt(rate * rate + 20.0 * curvature)); /* rate w + curvature w^2/2 = 10 */
    double total = 0, start = 0;
    for (int panel = 0; panel < PANELS && start < e->limit; panel++) {
        double w = fmin(width, e->limit - start), sum = 0;
        for (int i = 0; i < NODES; i++) {
            double t = start + w * node[i][0];
            double bend = e->c1 * log1p_minus(t / e->x1);
            if (e->c2 > 0) bend += e->c2 * log1p_minus(t / e->x2);
            sum += node[i][1] * cw_exp(bend - e->rate * t);
        }
        total += w * sum;
        if (w * sum <= total * SMALL) break;
        start += w;
    }
    return total;
}

cw_beta_law cw_beta_law_of(double a, double b) {
    cw_dd both = cw_dd_lgamma(cw_dd_sum(a, b));
    cw_dd apart = cw_dd_add(cw_dd_lgamma(cw_dd_of(a)), cw_dd_lgamma(cw_dd_of(b)));
    return (cw_beta_law){a, b, cw_dd_subtract(apart, both)};
}

/* The lower tail over x^a y^b / B(a, b): the continued fraction of DiDonato and Morris (1992, ACM TOMS 18,
 * 360, eqs. 9 and 10), by Lentz's forward form. The difference that cancels, lambda = a - (a + b) x = a y -
 * b x, comes in full accuracy. */
static double beta_fraction(double a, double b, double x, double lambda) {
    double y = 1.0 - x, value = a / (a + 1.0) * (lambda + 1.0);
    double c = value, d = 0;
    for (int n = 1; n < STEPS; n++) {
        double m = a + 2.0 * n;
        double part = n * (b - n) * x / (m - 1.0);
        double alpha = (a + (n - 1.0)) / (m - 1.0) * ((a + b + (n - 1.0)) * x) * part;
        double beta = n + part + (a + n) / (m + 1.0) * (lambda + 1.0 + n * (1.0 + y));
        d = 1.0 / (beta + alpha * d);
        c = beta + alpha / c;
        double change = c * d;
        value *= change;
        if (fabs(change - 1.0) <= SMALL * 2) break;
    }
    return 1.0 / value;
}

/* The lower tail over the same weight by quadrature downward from x. */
static double beta_quadrature(double a, double b, double x, double y, double lambda) {
    double rate = (lambda - y + x) / (x * y); /* (a - 1)/x - (b - 1)/y */
    edge e = {a - 1.0, -x, b - 1.0, y, rate, x};
    return integrate(&e) / (x * y);
}

cw_tail cw_beta_tail(const cw_beta_law *law, cw_dd x, cw_dd y) {
    cw_dd weight =
        cw_dd_add(cw_dd_times_double(cw_dd_log(x), law->a), cw_dd_times_double(cw_dd_log(y), law->b));
    weight = cw_dd_subtract(weight, law->log_beta);
    double a = law->a, b = law->b;
    double lambda = cw_dd_subtract(cw_dd_times_double(y, a), cw_dd_times_double(x, b)).high;
    /* The fraction converges fast below (a + 1)/(a + b + 2). */
    bool large = a >= LARGE && b >= LARGE;
    bool upper = large ? lambda < 0 : x.high * (b + 1.0) > y.high * (a + 1.0);
    if (upper) { /* the upper tail of x is the lower tail of y with the parameters exchanged */
        cw_dd t = x;
        x = y;
        y = t;
        a = law->b;
        b = law->a;
        lambda = -lambda;
    }
    double ratio =
        large ? beta_quadrature(a, b, x.high, y.high, lambda) : beta_fraction(a, b, x.high, lambda);
    return (cw_tail){weight, ratio, upper};
}

cw_tail cw_beta_tail_odds(const cw_beta_law *law, cw_dd w) {
    cw_dd y = cw_dd_divide(cw_dd_of(1.0), cw_dd_add_double(w, 1.0));
    return cw_beta_tail(law, cw_dd_times(w, y), y);
}

cw_tail cw_beta_tail_log_odds(const cw_beta_law *law, double z) {
    if (z > 600) /* y = exp(-z) and x = 1 to every place: the leading term is all there is */
        return (cw_tail){cw_dd_negate(cw_dd_add(cw_dd_product(z, law->b), law->log_beta)), 1.0 / law->b,
                         true};
    if (z < -600)
        return (cw_tail){cw_dd_subtract(cw_dd_product(z, law->a), law->log_beta), 1.0 / law->a, false};
    return cw_beta_tail_odds(law, cw_dd_of(cw_exp(z)));
}

cw_gamma_law cw_gamma_law_of(double a) {
    return (cw_gamma_law){a, cw_dd_lgamma(cw_dd_of(a))};
}

/* sum of x^n / (a (a + 1) ... (a + n)): the lower tail over x^a exp(-x) / gamma(a) (DLMF 8.11.4). */
static double gamma_series(double a, double x) {
    double term = 1.0, sum = 1.0;
    for (int n = 1; n < STEPS && term > sum * SMALL; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum / a;
}

/* The upper tail over the same weight: Legendre's continued fraction (DLMF 8.9.2, contracted). */
static double gamma_fraction(double a, double x) {
    double b = x + 1.0 - a, value = b, c = b, d = 0;
    for (int n = 1; n < STEPS; n++) {
        double alpha = n * (a - n);
        b += 2.0;
        d = 1.0 / (b + alpha * d);
        c = b + alpha / c;
        double change = c * d;
        value *= change;
        if (fabs(change - 1.0) <= SMALL * 2) break;
    }
    return 1.0 / value;
}

cw_tail cw_gamma_tail(const cw_gamma_law *law, double x) {
    double a = law->a;
    cw_dd weight = cw_dd_times_double(cw_dd_log(cw_dd_of(x)), a);
    weight = cw_dd_subtract(cw_dd_add_double(weight, -x), law->log_gamma);
    if (a < LARGE) {
        bool upper = x >= a + 1.0;
        return (cw_tail){weight, upper ? gamma_fraction(a, x) : gamma_series(a, x), upper};
    }
    bool upper = x >= a;
    double rate = ((a - x) - 1.0) / x;
    edge e = {a - 1.0, upper ? x : -x, 0, 1, upper ? -rate : rate, upper ? (double)INFINITY : x};
    return (cw_tail){weight, integrate(&e) / x, upper};
}

/* 1 - P, P = x^a / gamma(1 + a) (1 + a s), s = sum of (-x)^n / ((a + n) n!), n >= 1 (DLMF 8.7.1; Gautschi
 * 1979, ACM TOMS 5, 466): both parts of the difference are of the order of a. */
double cw_gamma_upper_small(const cw_gamma_law *law, double x) {
    double a = law->a, term = 1.0, s = 0;
    for (int n = 1; n < 60; n++) {
        term *= -x / n;
        s += term / (a + n);
    }
    cw_dd log_power = cw_dd_times_double(cw_dd_log(cw_dd_of(x)), a);
    double power = cw_dd_subtract(log_power, cw_dd_lgamma(cw_dd_sum(1.0, a))).high;
    double v = -cw_expm1(power) - cw_exp(power) * a * s;
    return v > 0 ? v : 0.0;
}
