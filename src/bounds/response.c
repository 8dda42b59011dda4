#include "response.h"

#include <math.h>
#include <string.h>

#include "../base/distribution.h"

/* A floor or ceiling: the mean of level `of`, or a constant where of < 0; and how close the runner-up was. */
typedef struct limit {
    double value;
    int32_t of;
    double kink;
} limit;

/* The variance of the mean of a level: linearised, sum w^2 (y - m)^2 / (sum w)^2. */
static double mean_variance(const cw_arm *arm) {
    return arm->second / (arm->weight * arm->weight);
}

static double gap_se(const cw_response_spec *spec, int32_t a, int32_t b) {
    double variance = 0;
    if (a >= 0) variance += mean_variance(&spec->arm[a]);
    if (b >= 0 && b != a) variance += mean_variance(&spec->arm[b]);
    return sqrt(variance);
}

/* A distance in standard errors; exact ties count as 0. */
static double in_errors(double distance, double se) {
    return se > 0 ? distance / se : distance > 0 ? INFINITY : 0;
}

/* Takes the mean of level k as a further limit: the largest floor (side +1), the smallest ceiling (-1). */
static void tighten(const cw_response_spec *spec, limit *best, int32_t k, double side) {
    double mean = spec->arm[k].mean;
    if (best->of == k) return;
    if (best->of >= 0) {
        double kink = in_errors(fabs(mean - best->value), gap_se(spec, k, best->of));
        if (kink < best->kink) best->kink = kink;
    }
    /* The range holds for every mean, so it never competes with one. */
    if (best->of < 0 || side * mean > side * best->value) {
        best->value = mean;
        best->of = k;
    }
}

/* Floor and ceiling of E[Y(t)] among the rows that took level u. */
static void limits(const cw_response_spec *spec, int32_t t, int32_t u, limit *floor, limit *ceiling) {
    *floor = (limit){spec->low, -1, INFINITY};
    *ceiling = (limit){spec->high, -1, INFINITY};
    if (t == u) {
        *floor = *ceiling = (limit){spec->arm[t].mean, t, INFINITY};
        return;
    }
    unsigned up = t > u ? CW_RESPONSE_UP : CW_RESPONSE_DOWN, down = t > u ? CW_RESPONSE_DOWN : CW_RESPONSE_UP;
    if (spec->beliefs & up) tighten(spec, floor, u, 1);
    if (spec->beliefs & down) tighten(spec, ceiling, u, -1);
    up = u > t ? CW_SELECTION_UP : CW_SELECTION_DOWN;
    down = u > t ? CW_SELECTION_DOWN : CW_SELECTION_UP;
    if (spec->beliefs & up) tighten(spec, floor, t, 1);
    if (spec->beliefs & down) tighten(spec, ceiling, t, -1);
}

static cw_code check_beliefs(cw_env *env, unsigned beliefs) {
    if ((beliefs & CW_RESPONSE_UP) && (beliefs & CW_RESPONSE_DOWN))
        return cw_fail(env, CW_BAD_DATA, NULL, "state one direction; both together say there is no effect",
                       "the response is believed both increasing and decreasing");
    if ((beliefs & CW_SELECTION_UP) && (beliefs & CW_SELECTION_DOWN))
        return cw_fail(env, CW_BAD_DATA, NULL, "state one direction; both together say there is no selection",
                       "the selection is believed both increasing and decreasing");
    return CW_OK;
}

static cw_code check_arm(cw_env *env, const cw_response_spec *spec, int32_t u) {
    const cw_arm *arm = &spec->arm[u];
    if (!(arm->weight > 0) || !isfinite(arm->weight))
        return cw_fail(env, CW_BAD_DATA, NULL, "leave the level out or widen the filter",
                       "no rows at treatment level %d: there is nothing to compare", u + 1);
    if (!isfinite(arm->mean))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "the mean outcome at treatment level %d is %g", u + 1,
                       arm->mean);
    if (arm->second < 0 || arm->square < 0)
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "a negative sum of squares at treatment level %d",
                       u + 1);
    /* Published means are rounded: a mean on the border of the range may stand a rounding outside. */
    double slack = 1e-12 * fmax(fabs(arm->mean), 1e-300);
    if (arm->mean < spec->low - slack || arm->mean > spec->high + slack)
        return cw_fail(env, CW_BAD_DATA, NULL, "state the range of all possible outcomes",
                       "the mean outcome at treatment level %d, %g, is outside the stated range [%g, %g]",
                       u + 1, arm->mean, spec->low, spec->high);
    return CW_OK;
}

static cw_code check(cw_env *env, const cw_response_spec *spec) {
    if (spec->levels < 2 || spec->levels > CW_LEVELS)
        return cw_fail(env, CW_BAD_DATA, NULL, "group the treatment's values",
                       "bounds need 2 to %d treatment levels, not %d", (int)CW_LEVELS, spec->levels);
    if (!(spec->low < spec->high))
        return cw_fail(env, CW_BAD_DATA, NULL, "give the smallest, then the largest possible outcome",
                       "the range of the outcome, [%g, %g], is empty", spec->low, spec->high);
    CW_TRY(check_beliefs(env, spec->beliefs));
    double sum = 0;
    for (int32_t u = 0; u < spec->levels; u++) {
        CW_TRY(check_arm(env, spec, u));
        sum += spec->arm[u].weight;
    }
    /* Ten times the rounding of a dozen shares printed with three decimals. */
    if (spec->total != 0 && !(fabs(sum / spec->total - 1) <= 0.05))
        return cw_fail(env, CW_BAD_DATA, NULL, "check the shares of the treatment levels",
                       "the shares of the treatment levels add up to %g", sum / spec->total);
    return CW_OK;
}

static double total_weight(const cw_response_spec *spec) {
    double sum = 0;
    for (int32_t u = 0; u < spec->levels; u++) sum += spec->arm[u].weight;
    return spec->total != 0 ? spec->total : sum;
}

/* Adds weight * (the limit) to a bound's slopes. */
static void slope(cw_bound *bound, const limit *use, double weight) {
    if (use->of >= 0) bound->slope[use->of] += weight;
    if (use->kink < bound->kink) bound->kink = use->kink;
}

/* A row's influence on an end is slope_u / p_u (y - m_u) + group_u - value, p_u the share of its level. The
 * covariance of two ends is the sum of w^2 times the product of both, over (sum of w)^2; the arms' sums make
 * it exact. An end that nothing limits has no error. */
static double covariance(const cw_response_spec *spec, const cw_bound *a, const cw_bound *b) {
    if (!isfinite(a->value) || !isfinite(b->value)) return 0;
    double total = total_weight(spec), sum = 0;
    for (int32_t u = 0; u < spec->levels; u++) {
        const cw_arm *arm = &spec->arm[u];
        double share = arm->weight / total, ga = a->slope[u] / share, gb = b->slope[u] / share;
        double ca = a->group[u] - a->value, cb = b->group[u] - b->value;
        if (ga != 0 && gb != 0) sum += ga * gb * arm->second;
        if (ga != 0 || gb != 0) sum += (ga * cb + gb * ca) * arm->first;
        sum += ca * cb * arm->square;
    }
    return sum / (total * total);
}

double cw_response_influence(const cw_response_spec *spec, const cw_bound *bound, int32_t level, double y) {
    if (!isfinite(bound->value)) return 0;
    double share = spec->arm[level].weight / total_weight(spec);
    double own = bound->slope[level] != 0 ? bound->slope[level] / share * (y - spec->arm[level].mean) : 0;
    return own + (bound->group[level] - bound->value);
}

static void errors(const cw_response_spec *spec, cw_response *out) {
    out->lower.se = sqrt(fmax(covariance(spec, &out->lower, &out->lower), 0));
    out->upper.se = sqrt(fmax(covariance(spec, &out->upper, &out->upper), 0));
    double product = out->lower.se * out->upper.se;
    double r = product > 0 ? covariance(spec, &out->lower, &out->upper) / product : 0;
    /* fmax drops a NaN: an unknown second moment must stay unknown. */
    for (int32_t u = 0; u < spec->levels; u++) {
        if (!isnan(spec->arm[u].second)) continue;
        if (out->lower.slope[u] != 0 && isfinite(out->lower.value)) out->lower.se = NAN;
        if (out->upper.slope[u] != 0 && isfinite(out->upper.value)) out->upper.se = NAN;
    }
    out->correlation = r > 1 ? 1 : r < -1 ? -1 : isnan(r) ? 0 : r;
    double sum = 0, squares = 0;
    for (int32_t u = 0; u < spec->levels; u++) {
        sum += spec->arm[u].weight;
        squares += spec->arm[u].square;
    }
    out->n_effective = squares > 0 ? sum * sum / squares : NAN;
}

/* Holds every floor that is a mean against every ceiling that is another: beliefs that make one exceed the
 * other are refuted, by chance or for good. */
static void confront(const cw_response_spec *spec, cw_response *out) {
    out->excess = -INFINITY;
    out->excess_se = 0;
    out->p = 1;
    out->compared = 0;
    out->worst[0] = out->worst[1] = -1;
    double largest = -INFINITY;
    uint8_t seen[CW_LEVELS][CW_LEVELS] = {{0}}; /* several groups may imply the same comparison */
    for (int32_t t = 0; t < spec->levels; t++)
        for (int32_t u = 0; u < spec->levels; u++) {
            limit floor, ceiling;
            limits(spec, t, u, &floor, &ceiling);
            if (floor.of < 0 || ceiling.of < 0 || floor.of == ceiling.of) continue;
            if (seen[floor.of][ceiling.of]) continue;
            seen[floor.of][ceiling.of] = 1;
            out->compared++;
            double excess = floor.value - ceiling.value, se = gap_se(spec, floor.of, ceiling.of);
            double z = se > 0 ? excess / se : excess > 0 ? INFINITY : -INFINITY;
            if (z > largest) largest = z;
            if (excess <= out->excess) continue;
            out->excess = excess;
            out->excess_se = se;
            out->worst[0] = floor.of;
            out->worst[1] = ceiling.of;
        }
    out->contradicted = out->excess > 0;
    if (out->compared > 0) out->p = fmin(1, out->compared * cw_normal_upper(largest));
    if (isnan(out->excess_se)) out->p = NAN;
}

static void begin(cw_response *out) {
    memset(out, 0, sizeof *out);
    out->lower.kink = out->upper.kink = INFINITY;
}

/* weight * value, 0 for a group that is not there even if nothing limits its value. */
static double part(double weight, double value) {
    return weight > 0 ? weight * value : 0;
}

cw_code cw_response_mean(cw_env *env, const cw_response_spec *spec, int32_t level, cw_response *out) {
    CW_TRY(check(env, spec));
    if (level < 0 || level >= spec->levels)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "treatment level %d of %d", level, spec->levels);
    begin(out);
    double total = total_weight(spec);
    for (int32_t u = 0; u < spec->levels; u++) {
        limit floor, ceiling;
        limits(spec, level, u, &floor, &ceiling);
        double share = spec->arm[u].weight / total;
        slope(&out->lower, &floor, share);
        slope(&out->upper, &ceiling, share);
        out->lower.group[u] = floor.value;
        out->upper.group[u] = ceiling.value;
        out->lower.value += part(share, floor.value);
        out->upper.value += part(share, ceiling.value);
    }
    errors(spec, out);
    confront(spec, out);
    return CW_OK;
}

/* One end of the effect within a group: plus - minus, but not beyond 0 on the side that a monotone response
 * excludes (`stop` +1: not below 0, -1: not above, 0: no such belief). */
static double difference(const cw_response_spec *spec, cw_bound *bound, const limit *plus, const limit *minus,
                         int stop, double weight) {
    /* The same mean on both sides: exactly no effect, and no error. */
    double value = plus->of >= 0 && plus->of == minus->of ? 0 : plus->value - minus->value;
    if (stop != 0) {
        int beyond = stop * value < 0;
        double se = plus->of == minus->of ? 0 : gap_se(spec, plus->of, minus->of);
        if (weight > 0 && se > 0 && isfinite(value) && in_errors(fabs(value), se) < bound->kink)
            bound->kink = in_errors(fabs(value), se);
        if (beyond) return 0;
    }
    slope(bound, plus, weight);
    slope(bound, minus, -weight);
    return value;
}

/* Floor and ceiling in order. They are, unless the sample contradicts the beliefs; then they must not push
 * the effect past the side that a monotone response leaves open. */
static const limit *smaller(const limit *floor, const limit *ceiling) {
    return ceiling->value < floor->value ? ceiling : floor;
}
static const limit *larger(const limit *ceiling, const limit *floor) {
    return floor->value > ceiling->value ? floor : ceiling;
}

static double crowd_share(const cw_response_spec *spec, int32_t u, int32_t control, int32_t treated,
                          cw_crowd crowd) {
    if (crowd == CW_CROWD_TREATED) return u == treated;
    if (crowd == CW_CROWD_CONTROLS) return u == control;
    return spec->arm[u].weight / total_weight(spec);
}

cw_code cw_response_effect(cw_env *env, const cw_response_spec *spec, int32_t control, int32_t treated,
                           cw_crowd crowd, cw_response *out) {
    CW_TRY(check(env, spec));
    if (control < 0 || treated < 0 || control >= spec->levels || treated >= spec->levels ||
        control == treated)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "the effect of treatment level %d against %d of %d",
                       treated, control, spec->levels);
    begin(out);
    int sign = (spec->beliefs & CW_RESPONSE_UP) ? 1 : (spec->beliefs & CW_RESPONSE_DOWN) ? -1 : 0;
    if (treated < control) sign = -sign;
    for (int32_t u = 0; u < spec->levels; u++) {
        limit floor1, ceiling1, floor0, ceiling0;
        limits(spec, treated, u, &floor1, &ceiling1);
        limits(spec, control, u, &floor0, &ceiling0);
        double share = crowd_share(spec, u, control, treated, crowd);
        /* A group outside the crowd has no say; its entries are overwritten below. */
        if (share == 0) continue;
        out->lower.group[u] = sign > 0 ? difference(spec, &out->lower, smaller(&floor1, &ceiling1),
                                                    larger(&ceiling0, &floor0), 1, share)
                                       : difference(spec, &out->lower, &floor1, &ceiling0, 0, share);
        out->upper.group[u] = sign < 0 ? difference(spec, &out->upper, larger(&ceiling1, &floor1),
                                                    smaller(&floor0, &ceiling0), -1, share)
                                       : difference(spec, &out->upper, &ceiling1, &floor0, 0, share);
        out->lower.value += share * out->lower.group[u];
        out->upper.value += share * out->upper.group[u];
    }
    if (crowd != CW_CROWD_ALL)
        for (int32_t u = 0; u < spec->levels; u++) {
            out->lower.group[u] = out->lower.value;
            out->upper.group[u] = out->upper.value;
        }
    errors(spec, out);
    confront(spec, out);
    return CW_OK;
}

cw_ends cw_response_ends(const cw_response *response) {
    return (cw_ends){.lower = response->lower.value,
                     .upper = response->upper.value,
                     .lower_se = response->lower.se,
                     .upper_se = response->upper.se,
                     .correlation = response->correlation};
}
