#include "evalue.h"

#include <math.h>

#include "../base/distribution.h"
#include "../base/real.h"

double cw_evalue_factor(double a, double b) {
    if (!(a >= 1) || !(b >= 1)) return NAN;
    if (a == INFINITY) return b;
    if (b == INFINITY) return a;
    /* a b / (a + b - 1), without a product that overflows. */
    return a < b ? a / ((a - 1) / b + 1) : b / ((b - 1) / a + 1);
}

double cw_evalue_of(double factor) {
    if (!(factor > 0)) return NAN;
    double b = factor < 1 ? 1 / factor : factor;
    return isfinite(b * b) ? b + sqrt(b * (b - 1)) : 2 * b;
}

double cw_evalue_curve(double factor, double a) {
    if (!(factor > 0) || !(a >= 1)) return NAN;
    double b = factor < 1 ? 1 / factor : factor;
    if (b == 1) return 1;
    return a > b ? b * (a - 1) / (a - b) : INFINITY;
}

double cw_evalue_measured(double with, double without) {
    return cw_evalue_of(without / with);
}

static double half_to(double power) {
    return cw_exp(-0.69314718055994530942 * power);
}

/* A ratio of another kind as a risk ratio. Common hazards: one minus survival at its half, both arms. */
static double convert(const cw_evalue_spec *spec, double v) {
    switch (spec->scale) {
    case CW_SCALE_ODDS_RATIO:
        return spec->common ? sqrt(v) : v;
    case CW_SCALE_HAZARD_RATIO:
        return spec->common ? (1 - half_to(sqrt(v))) / (1 - half_to(sqrt(1 / v))) : v;
    case CW_SCALE_STANDARDISED:
        return cw_exp(0.91 * v);
    case CW_SCALE_DIFFERENCE:
        return cw_exp(0.91 * (v / spec->sd));
    case CW_SCALE_RISK_RATIO:
        break;
    }
    return v;
}

static cw_code check_difference(cw_env *env, const cw_evalue_spec *spec) {
    if (!isfinite(spec->estimate) || !isfinite(spec->target))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL,
                       "the estimate or the target of an E-value is not finite");
    if (spec->se < 0 || spec->se == INFINITY)
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "a standard error of %g", spec->se);
    if (spec->scale == CW_SCALE_DIFFERENCE && (!(spec->sd > 0) || !isfinite(spec->sd)))
        return cw_fail(env, CW_BAD_DATA, NULL, "give the outcome's standard deviation",
                       "an outcome with a standard deviation of %g has no standardised difference", spec->sd);
    return CW_OK;
}

static cw_code check_ratio(cw_env *env, const cw_evalue_spec *spec) {
    if (!(spec->estimate > 0) || !isfinite(spec->estimate) || !(spec->target > 0) || !isfinite(spec->target))
        return cw_fail(env, CW_BAD_DATA, NULL, "give ratios, not their logarithms",
                       "an E-value needs ratios above 0, not %g and %g", spec->estimate, spec->target);
    if (spec->lower < 0 || spec->lower > spec->estimate || spec->upper < spec->estimate)
        return cw_fail(env, CW_BAD_DATA, NULL, "give lower limit, estimate and upper limit in this order",
                       "the limits %g and %g do not enclose the estimate %g", spec->lower, spec->upper,
                       spec->estimate);
    return CW_OK;
}

static void limits(const cw_evalue_spec *spec, cw_evalue *out) {
    if (spec->scale == CW_SCALE_STANDARDISED || spec->scale == CW_SCALE_DIFFERENCE) {
        double unit = spec->scale == CW_SCALE_DIFFERENCE ? spec->sd : 1;
        double d = spec->estimate / unit, se = spec->se / unit;
        out->lower = isnan(se) ? NAN : cw_exp(0.91 * d - 1.78 * se);
        out->upper = isnan(se) ? NAN : cw_exp(0.91 * d + 1.78 * se);
        return;
    }
    out->lower = convert(spec, spec->lower);
    out->upper = convert(spec, spec->upper);
}

cw_code cw_evalue_find(cw_env *env, const cw_evalue_spec *spec, cw_evalue *out) {
    int ratio = spec->scale != CW_SCALE_STANDARDISED && spec->scale != CW_SCALE_DIFFERENCE;
    CW_TRY(ratio ? check_ratio(env, spec) : check_difference(env, spec));
    out->risk_ratio = convert(spec, spec->estimate);
    out->target = convert(spec, spec->target);
    limits(spec, out);
    if (!(out->risk_ratio > 0) || !isfinite(out->risk_ratio) || !(out->target > 0) || !isfinite(out->target))
        return cw_fail(env, CW_BAD_DATA, NULL, "check the units of the estimate",
                       "an effect of %g is beyond what a risk ratio can hold", spec->estimate);
    int above = out->risk_ratio >= out->target;
    double near = above ? out->lower : out->upper;
    out->factor = above ? out->risk_ratio / out->target : out->target / out->risk_ratio;
    out->point = cw_evalue_of(out->factor);
    if (isnan(near))
        out->limit = NAN;
    else if (above ? near <= out->target : near >= out->target)
        out->limit = 1;
    else
        out->limit = cw_evalue_of(above ? near / out->target : out->target / near);
    return CW_OK;
}

/* Risks in both arms (the higher first), the share of its group, and their variances. */
typedef struct risks {
    double p1, p0, f, v1, v0, vf;
} risks;

/* The smallest risk difference that a factor allows: (p1 - p0 B) (f + (1 - f) / B). */
static double least(const risks *r, double factor, double quantile) {
    double size = r->f + (1 - r->f) / factor, difference = r->p1 - r->p0 * factor;
    double part = difference * (1 - 1 / factor);
    return difference * size -
           quantile * sqrt((r->v1 + r->v0 * factor * factor) * size * size + part * part * r->vf);
}

/* The factor that brings the limit to the target: it falls with the factor, and is there at `high`. */
static double limit_factor(const risks *r, double target, double high, double quantile) {
    double low = 1;
    for (int step = 0; step < 200; step++) {
        double b = low + (high - low) / 2;
        if (b <= low || b >= high) break;
        if (least(r, b, quantile) > target)
            low = b;
        else
            high = b;
    }
    return high;
}

cw_code cw_evalue_risk_difference(cw_env *env, const cw_evalue_table *t, double target, double level,
                                  cw_evalue_difference *out) {
    double n1 = t->treated1 + t->treated0, n0 = t->control1 + t->control0;
    if (!(t->treated1 >= 0 && t->treated0 >= 0 && t->control1 >= 0 && t->control0 >= 0) || !isfinite(n1 + n0))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "the counts of the table are negative or not finite");
    if (!(n1 > 0 && n0 > 0))
        return cw_fail(env, CW_BAD_DATA, NULL, "give both groups", "a group of the table is empty");
    if (!(level > 0.5 && level < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a level such as 0.95",
                       "a confidence level of %g is not between 0.5 and 1", level);
    double quantile = cw_normal_quantile((1 + level) / 2), p1 = t->treated1 / n1, p0 = t->control1 / n0;
    double v1 = p1 * (1 - p1) / n1, v0 = p0 * (1 - p0) / n0, half = quantile * sqrt(v1 + v0);
    double f = n1 / (n1 + n0), vf = f * (1 - f) / (n1 + n0);
    int up = p1 >= p0;
    risks r = up ? (risks){p1, p0, f, v1, v0, vf} : (risks){p0, p1, 1 - f, v0, v1, vf};
    out->difference = p1 - p0;
    out->lower = out->difference - half;
    out->upper = out->difference + half;
    double goal = up ? target : -target;
    if (!(goal <= r.p1 - r.p0))
        return cw_fail(env, CW_BAD_DATA, NULL, "ask about a value between no effect and the estimate",
                       "the risk difference %g does not reach the target %g", out->difference, target);
    if (!(r.p0 > 0))
        return cw_fail(env, CW_BAD_DATA, NULL, "no bounding factor can bring this difference to 0",
                       "no events in the group with the lower risk");
    double d = r.p0 * (1 - r.f) - r.p1 * r.f, sum = goal + d;
    out->factor = (sqrt(sum * sum + 4 * r.p1 * r.p0 * r.f * (1 - r.f)) - sum) / (2 * r.p0 * r.f);
    if (out->factor < 1) out->factor = 1;
    out->point = cw_evalue_of(out->factor);
    out->limit = r.p1 - r.p0 - half <= goal ? 1 : cw_evalue_of(limit_factor(&r, goal, out->factor, quantile));
    return CW_OK;
}
