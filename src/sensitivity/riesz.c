#include "riesz.h"

#include <math.h>

#include "../base/distribution.h"
#include "omitted.h"

cw_code cw_riesz_check(cw_env *env, const cw_riesz *r) {
    if (!isfinite(r->theta)) return cw_fail(env, CW_BAD_DATA, NULL, NULL, "the estimate is %g", r->theta);
    if (!(r->sigma2 > 0) || !isfinite(r->sigma2))
        return cw_fail(env, CW_BAD_DATA, NULL, "leave out what is computed from the outcome",
                       "the outcome's residual variance is %g: nothing is left for a hidden cause",
                       r->sigma2);
    if (!(r->nu2 > 0) || !isfinite(r->nu2))
        return cw_fail(env, CW_BAD_DATA, NULL, "clip the propensities, alike in the estimate and here",
                       "the mean square of the Riesz representer is %g", r->nu2);
    if (r->covariance[0] < 0 || r->covariance[3] < 0 || r->covariance[5] < 0)
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "a negative variance of estimate, sigma2 or nu2");
    return CW_OK;
}

cw_code cw_riesz_check_scenario(cw_env *env, const cw_riesz_scenario *s) {
    if (!(s->cf_y >= 0 && s->cf_y <= 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a share from 0 to 1",
                       "a hidden cause that explains %g of the outcome's residual variation", s->cf_y);
    if (!(s->cf_d >= 0 && s->cf_d < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a share from 0 up to, not including, 1",
                       "a hidden cause that accounts for %g of the treatment's representer", s->cf_d);
    if (!(s->rho >= -1 && s->rho <= 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a correlation; 1 is the worst case", "a rho of %g",
                       s->rho);
    return CW_OK;
}

/* S = sqrt(sigma2 nu2); dS = (nu2 dsigma2 + sigma2 dnu2) / (2 S), here by halves of relative changes. */
static double scale(const cw_riesz *r) {
    return sqrt(r->sigma2) * sqrt(r->nu2);
}

/* Var(theta), Cov(theta, S), Var(S). */
typedef struct spread {
    double theta, both, scale;
} spread;

static spread spread_of(const cw_riesz *r) {
    double s = scale(r), a = s / (2 * r->sigma2), b = s / (2 * r->nu2);
    const double *v = r->covariance;
    return (spread){v[0], a * v[1] + b * v[2], a * a * v[3] + 2 * a * b * v[4] + b * b * v[5]};
}

double cw_riesz_scale(const cw_riesz *r, double *se) {
    double variance = spread_of(r).scale;
    *se = isnan(variance) ? NAN : sqrt(fmax(variance, 0));
    return scale(r);
}

/* Standard error of theta + side * factor * S. */
static double end_error(const spread *v, double factor, double side) {
    double variance = v->theta + 2 * side * factor * v->both + factor * factor * v->scale;
    return isnan(variance) ? NAN : sqrt(fmax(variance, 0));
}

cw_riesz_bounds cw_riesz_bound(const cw_riesz *r, cw_riesz_scenario c, double level) {
    double factor = fabs(c.rho) * sqrt(c.cf_y * (c.cf_d / (1 - c.cf_d)));
    spread v = spread_of(r);
    cw_riesz_bounds out = {.bias = factor * scale(r)};
    out.lower = r->theta - out.bias;
    out.upper = r->theta + out.bias;
    out.lower_se = end_error(&v, factor, -1);
    out.upper_se = end_error(&v, factor, 1);
    double product = out.lower_se * out.upper_se;
    double rho = product > 0 ? (v.theta - factor * factor * v.scale) / product : 0;
    out.correlation = rho > 1 ? 1 : rho < -1 ? -1 : isnan(rho) ? 0 : rho;
    double one = cw_normal_quantile(level), two = cw_normal_quantile((1 + level) / 2);
    out.limit_lower = out.lower - one * out.lower_se;
    out.limit_upper = out.upper + one * out.upper_se;
    out.set_lower = out.lower - two * out.lower_se;
    out.set_upper = out.upper + two * out.upper_se;
    return out;
}

double cw_riesz_robustness(const cw_riesz *r, double target, double rho) {
    double distance = fabs(r->theta - target);
    if (distance == 0) return 0;
    if (rho == 0) return INFINITY;
    return cw_equal_share(distance / scale(r) / fabs(rho));
}

/* The factor b with |theta - target| - b S = z se(b), se(b)^2 = Var(theta) -+ 2 b Cov + b^2 Var(S). The left
 * side minus the right is concave in b, positive at 0 and not above 0 at |theta - target| / S: one root. */
double cw_riesz_robustness_level(const cw_riesz *r, double target, double rho, double level) {
    double d = fabs(r->theta - target), s = scale(r), z = cw_normal_quantile(level);
    spread v = spread_of(r);
    if (isnan(v.theta) || isnan(v.both) || isnan(v.scale)) return NAN;
    double side = r->theta > target ? -1 : 1;
    double c = d * d - z * z * v.theta;
    if (d == 0 || !(c > 0)) return 0;
    if (rho == 0) return INFINITY;
    double a = s * s - z * z * v.scale, b = d * s + side * z * z * v.both;
    double root = c / (b + sqrt(fmax(b * b - a * c, 0)));
    return cw_equal_share(fmin(fmax(root, 0), d / s) / fabs(rho));
}

double cw_riesz_break_even(const cw_riesz *r, double target, double rho, double cf_d) {
    double f = fabs(r->theta - target) / scale(r);
    if (f == 0) return 0;
    if (rho == 0 || !(cf_d > 0)) return INFINITY;
    double cf_y = f * f / (rho * rho) * (1 - cf_d) / cf_d;
    return cf_y <= 1 ? cf_y : INFINITY;
}

cw_riesz_gain cw_riesz_benchmark(const cw_riesz *full, const cw_riesz *reduced) {
    double sigma = reduced->sigma2 - full->sigma2, nu = full->nu2 - reduced->nu2;
    cw_riesz_gain out = {0, NAN, NAN, NAN, reduced->theta - full->theta};
    if (!(sigma > 0) || !(nu > 0)) return out;
    out.estimable = 1;
    out.cf_y = fmin(sigma / full->sigma2, 1);
    out.cf_d = fmin(nu / reduced->nu2, 1);
    double rho = out.change / sqrt(sigma) / sqrt(nu);
    out.rho = rho > 1 ? 1 : rho < -1 ? -1 : rho;
    return out;
}
