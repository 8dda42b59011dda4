#include "interval.h"

#include <math.h>

#include "../base/distribution.h"
#include "../base/real.h"

enum { NODES = 4 }; /* positive nodes of the 8-point rule */

#define TWO_PI 6.283185307179586477

/* Gauss-Legendre, 8 points on [-1, 1]. */
static const double node[NODES] = {0.18343464249564980494, 0.52553240991632898582, 0.79666647741362673959,
                                   0.96028985649753623168};
static const double mass[NODES] = {0.36268378337836198297, 0.31370664587788728734, 0.22238103445337447054,
                                   0.10122853629037625915};

/* exp(-(h^2 - 2 h k sin t + k^2) / (2 cos^2 t)) dt/du at t = 2 atan u: the half angle makes sine and cosine
 * rational. */
static double plackett(double h, double k, double u) {
    double one = 1 + u * u, sine = 2 * u / one, cosine = (1 - u) * (1 + u) / one;
    if (cosine <= 0) return h == k ? cw_exp(-h * h / 2) * 2 / one : 0;
    double gap = h - k;
    /* h^2 - 2hks + k^2 = (h-k)^2 + 2hk(1-s), and (1-s)/cos^2 = 1/(1+s): no cancellation as s -> 1. */
    double power = gap * gap / (2 * cosine * cosine) + h * k / (1 + sine);
    return cw_exp(-power) * 2 / one;
}

/* Plackett (1954): the derivative of the law in rho is its density; Drezner & Wesolowsky (1990) integrate it
 * over the angle. */
double cw_normal_pair(double h, double k, double rho) {
    if (isnan(h) || isnan(k) || !(rho >= -1 && rho <= 1)) return NAN;
    if (h == -INFINITY || k == -INFINITY) return 0;
    /* Beyond 9 nothing is left that a double near 1 could show. */
    if (h > 9) return cw_normal_cdf(k);
    if (k > 9) return cw_normal_cdf(h);
    if (rho == 1) return cw_normal_cdf(fmin(h, k));
    if (rho == -1) return fmax(0, cw_normal_cdf(h) - cw_normal_upper(k));
    /* P(X <= h, Y <= k) = P(X <= h) - P(X <= h, -Y <= -k), whose correlation is positive. */
    if (rho < 0) return fmax(0, cw_normal_cdf(h) - cw_normal_pair(h, -k, -rho));
    double end = rho / (1 + sqrt((1 - rho) * (1 + rho)));
    int panels = rho < 0.5 ? 2 : rho < 0.9 ? 4 : 16;
    double sum = 0, half = end / (2 * panels);
    for (int p = 0; p < panels; p++) {
        double middle = half * (2 * p + 1);
        for (int q = 0; q < NODES; q++)
            sum +=
                mass[q] * (plackett(h, k, middle - half * node[q]) + plackett(h, k, middle + half * node[q]));
    }
    double total = cw_normal_cdf(h) * cw_normal_cdf(k) + sum * half / TWO_PI;
    return fmin(fmax(total, 0), 1);
}

/* The c with cdf(c + width) - cdf(-c) = level. */
static double imbens_manski(double width, double level) {
    double low = cw_normal_quantile(level), high = cw_normal_quantile((1 + level) / 2);
    for (int step = 0; step < 200; step++) {
        double c = low + (high - low) / 2;
        if (c <= low || c >= high) break;
        if (cw_normal_cdf(c + width) - cw_normal_upper(c) < level)
            low = c;
        else
            high = c;
    }
    return high;
}

/* P(z1 >= -c, z2 <= a), correlation rho: the chance that neither end cuts off a parameter at the lower end.
 */
static double covers(double c, double a, double rho) {
    return cw_normal_cdf(a) - cw_normal_pair(-c, a, rho);
}

typedef struct stoye {
    double lower_se, upper_se, width, rho, level;
} stoye;

static int enough(const stoye *s, double cl, double cu) {
    return covers(cl, cu + s->width / s->upper_se, s->rho) >= s->level &&
           covers(cu, cl + s->width / s->lower_se, s->rho) >= s->level;
}

enum { FAR = 8 }; /* beyond 8 standard errors nothing is left to cover */

/* The smallest cu that covers together with cl. */
static double partner(const stoye *s, double cl) {
    double low = 0, high = FAR;
    for (int step = 0; step < 36; step++) {
        double c = low + (high - low) / 2;
        if (enough(s, cl, c))
            high = c;
        else
            low = c;
    }
    return high;
}

/* Minimises lower_se cl + upper_se cu by golden section: convex in cl. */
static void stoye_solve(const stoye *s, double *lower, double *upper) {
    const double golden = 0.61803398874989484820;
    double a = cw_normal_quantile(s->level), b = FAR;
    double x = b - golden * (b - a), y = a + golden * (b - a);
    double fx = s->lower_se * x + s->upper_se * partner(s, x);
    double fy = s->lower_se * y + s->upper_se * partner(s, y);
    for (int step = 0; step < 36; step++) {
        if (fx <= fy) {
            b = y, y = x, fy = fx;
            x = b - golden * (b - a);
            fx = s->lower_se * x + s->upper_se * partner(s, x);
        } else {
            a = x, x = y, fx = fy;
            y = a + golden * (b - a);
            fy = s->lower_se * y + s->upper_se * partner(s, y);
        }
    }
    *lower = fx <= fy ? x : y;
    *upper = partner(s, *lower);
}

static cw_interval widen(const cw_ends *ends, double lower, double upper) {
    cw_interval out = {.lower = ends->lower_se > 0 ? ends->lower - lower * ends->lower_se : ends->lower,
                       .upper = ends->upper_se > 0 ? ends->upper + upper * ends->upper_se : ends->upper};
    out.empty = out.lower > out.upper;
    return out;
}

static cw_interval separate(const cw_ends *ends, double level, double n, double width, double critical) {
    double large = fmax(ends->lower_se, ends->upper_se), small = fmin(ends->lower_se, ends->upper_se);
    if (!(small > 0) || !isfinite(width)) return widen(ends, critical, critical);
    stoye s = {.lower_se = ends->lower_se,
               .upper_se = ends->upper_se,
               .width = width > large * sqrt(cw_ln(fmax(n, 3))) ? width : 0,
               .rho = ends->correlation,
               .level = level};
    double lower, upper;
    stoye_solve(&s, &lower, &upper);
    return widen(ends, lower, upper);
}

static cw_code check(cw_env *env, const cw_ends *ends, double level) {
    if (!(level > 0.5 && level < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a level such as 0.95",
                       "a confidence level of %g is not between 0.5 and 1", level);
    if (isnan(ends->lower) || isnan(ends->upper) || ends->lower == INFINITY || ends->upper == -INFINITY)
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "the ends of the bounds are not numbers: %g and %g",
                       ends->lower, ends->upper);
    if (ends->lower_se < 0 || ends->upper_se < 0 || ends->lower_se == INFINITY || ends->upper_se == INFINITY)
        return cw_fail(env, CW_BAD_DATA, NULL, NULL,
                       "the standard errors of the bounds are negative or infinite: %g and %g",
                       ends->lower_se, ends->upper_se);
    if (!(ends->correlation >= -1 && ends->correlation <= 1))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL,
                       "the correlation of the bounds, %g, is not between -1 and 1", ends->correlation);
    return CW_OK;
}

cw_code cw_interval_find(cw_env *env, const cw_ends *given, double level, double n, cw_intervals *out) {
    CW_TRY(check(env, given, level));
    cw_ends ends = *given;
    if (!isfinite(ends.lower)) ends.lower_se = 0;
    if (!isfinite(ends.upper)) ends.upper_se = 0;
    double large = fmax(ends.lower_se, ends.upper_se), width = fmax(ends.upper - ends.lower, 0);
    out->crossed = ends.lower > ends.upper;
    if (isnan(ends.lower_se) || isnan(ends.upper_se)) {
        out->parameter = out->separate = out->set = (cw_interval){NAN, NAN, 0};
        out->critical = NAN;
        return CW_OK;
    }
    /* Where both ends are known exactly the constant multiplies zeros. */
    out->critical = imbens_manski(large > 0 ? width / large : 0, level);
    out->parameter = widen(&ends, out->critical, out->critical);
    out->separate = separate(&ends, level, n, width, out->critical);
    double two_sided = cw_normal_quantile((1 + level) / 2);
    out->set = widen(&ends, two_sided, two_sided);
    return CW_OK;
}

void cw_interval_intersect(int32_t count, const double *value, const double *se, int upper, double level,
                           cw_intersection *out) {
    double side = upper ? -1 : 1; /* a smallest upper bound is a largest lower one of the mirror image */
    double quantile = cw_normal_quantile(1 - (1 - level) / count);
    double best = -INFINITY, next = -INFINITY, limit = -INFINITY, large = 0;
    out->chosen = 0;
    for (int32_t k = 0; k < count; k++) {
        double v = side * value[k], lowered = v - quantile * se[k];
        if (v > best) {
            next = best;
            best = v;
            out->chosen = k;
        } else if (v > next) {
            next = v;
        }
        if (lowered > limit || isnan(lowered)) limit = lowered;
        if (se[k] > large) large = se[k];
    }
    out->value = value[out->chosen];
    out->se = se[out->chosen];
    out->limit = side * limit;
    out->margin = next == -INFINITY ? INFINITY
                  : large > 0       ? (best - next) / large
                  : best > next     ? INFINITY
                                    : 0;
}
