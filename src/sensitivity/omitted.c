#include "omitted.h"

#include <math.h>

#include "../base/distribution.h"

cw_code cw_omitted_check(cw_env *env, const cw_omitted *fit) {
    if (!isfinite(fit->estimate))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "the estimate is %g", fit->estimate);
    if (!(fit->se > 0) || !isfinite(fit->se))
        return cw_fail(env, CW_BAD_DATA, NULL, "give the classical standard error of the estimate",
                       "a standard error of %g: nothing is left for a hidden cause to explain", fit->se);
    if (!(fit->df > 1) || !isfinite(fit->df))
        return cw_fail(env, CW_BAD_DATA, NULL, "use fewer covariates or more rows",
                       "%g residual degrees of freedom leave no room for a hidden cause", fit->df);
    if (!isnan(fit->robust_se) && (!(fit->robust_se > 0) || !isfinite(fit->robust_se)))
        return cw_fail(env, CW_BAD_DATA, NULL, NULL, "a robust standard error of %g", fit->robust_se);
    return CW_OK;
}

cw_code cw_omitted_check_strength(cw_env *env, const cw_strength *strength) {
    if (!(strength->treatment >= 0 && strength->treatment < 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a share from 0 up to, not including, 1",
                       "a hidden cause that explains %g of the treatment's residual variation",
                       strength->treatment);
    if (!(strength->outcome >= 0 && strength->outcome <= 1))
        return cw_fail(env, CW_BAD_DATA, NULL, "give a share from 0 to 1",
                       "a hidden cause that explains %g of the outcome's residual variation",
                       strength->outcome);
    return CW_OK;
}

/* sd(y|t,x) / sd(t|x). */
static double scale(const cw_omitted *fit) {
    return fit->se * sqrt(fit->df);
}

/* The error in use, in units of the classical one. */
static double inflation(const cw_omitted *fit) {
    return isnan(fit->robust_se) ? 1 : fit->robust_se / fit->se;
}

/* |estimate - target| in units of `scale`: the f_q of the paper. */
static double distance(const cw_omitted *fit, double target) {
    return fabs(fit->estimate - target) / scale(fit);
}

/* The two-sided t quantile of the regression with Z, in units of f. */
static double critical(const cw_omitted *fit, double alpha) {
    if (alpha >= 1) return 0;
    return inflation(fit) * cw_t_quantile(1 - alpha / 2, fit->df - 1) / sqrt(fit->df - 1);
}

double cw_omitted_partial_r2(const cw_omitted *fit) {
    double t = fit->estimate / fit->se;
    return isfinite(t * t) ? t * t / (t * t + fit->df) : 1;
}

/* sqrt(R2y R2d / (1 - R2d)). */
static double bias_factor(cw_strength s) {
    return sqrt(s.outcome * (s.treatment / (1 - s.treatment)));
}

/* sqrt((1 - R2y) / (1 - R2d)) sqrt(df / (df - 1)). */
static double error_factor(const cw_omitted *fit, cw_strength s) {
    return sqrt((1 - s.outcome) / (1 - s.treatment) * (fit->df / (fit->df - 1)));
}

double cw_omitted_bias(const cw_omitted *fit, cw_strength strength) {
    return scale(fit) * bias_factor(strength);
}

cw_adjusted cw_omitted_adjust(const cw_omitted *fit, cw_strength strength, int raise, double null,
                              double level) {
    double bias = cw_omitted_bias(fit, strength);
    double away = fit->estimate < 0 ? -bias : bias; /* moves an estimate away from 0 */
    cw_adjusted out = {.estimate = raise ? fit->estimate + away : fit->estimate - away,
                       .se = fit->se * inflation(fit) * error_factor(fit, strength)};
    out.t = (out.estimate - null) / out.se;
    double half = cw_t_quantile((1 + level) / 2, fit->df - 1) * out.se;
    out.lower = out.estimate - half;
    out.upper = out.estimate + half;
    return out;
}

/* (sqrt(f^4 + 4 f^2) - f^2) / 2, written without cancellation. */
double cw_equal_share(double f) {
    if (!(f > 0)) return 0;
    double square = 2 / f * (2 / f);
    return isfinite(square) ? 2 / (1 + sqrt(1 + square)) : f;
}

double cw_omitted_extreme(const cw_omitted *fit, double target, double alpha) {
    double f = distance(fit, target), least = critical(fit, alpha);
    if (!(f > least)) return 0;
    /* (f^2 - f*^2) / (1 + f^2); both by f, for f beyond the square root of the largest double. */
    return f > 1 ? (1 - least / f) * (1 + least / f) / (1 + 1 / f / f)
                 : (f - least) * (f + least) / (1 + f * f);
}

double cw_omitted_robustness(const cw_omitted *fit, double target, double alpha) {
    double f = distance(fit, target), least = critical(fit, alpha);
    if (!(f > least)) return 0;
    /* Where f f* > 1 the worst Z with both shares at most r does not use all of the outcome's share. */
    if (least > 0 && f > 1 / least) return cw_omitted_extreme(fit, target, alpha);
    return cw_equal_share(f - least);
}

double cw_omitted_critical_t(const cw_omitted *fit, cw_strength strength, double alpha) {
    double least = critical(fit, alpha);
    double treatment = strength.treatment, outcome = strength.outcome;
    /* Beyond this outcome share the falling error outweighs the rising bias: a weaker Z is worse. */
    if (least > 0 || treatment > 0) outcome = fmin(outcome, treatment / (least * least + treatment));
    cw_strength worst = {treatment, outcome};
    double t = alpha < 1 ? inflation(fit) * cw_t_quantile(1 - alpha / 2, fit->df - 1) : 0;
    return t * error_factor(fit, worst) + bias_factor(worst) * sqrt(fit->df);
}

double cw_omitted_break_even(const cw_omitted *fit, double target, double treatment) {
    double f = distance(fit, target);
    if (f == 0) return 0;
    double share = treatment > 0 ? f * f * (1 - treatment) / treatment : INFINITY;
    return share <= 1 ? share : INFINITY;
}

void cw_omitted_grid(const cw_omitted *fit, int raise, double null, int32_t rows, const double *treatment,
                     int32_t columns, const double *outcome, double *estimate, double *t) {
    double se = fit->se * inflation(fit);
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) {
            cw_strength s = {treatment[i], outcome[j]};
            double bias = cw_omitted_bias(fit, s), away = fit->estimate < 0 ? -bias : bias;
            double value = raise ? fit->estimate + away : fit->estimate - away;
            int64_t at = (int64_t)i * columns + j;
            if (estimate) estimate[at] = value;
            if (t) t[at] = (value - null) / (se * error_factor(fit, s));
        }
}

int cw_omitted_benchmark(cw_strength observed, double kd, double ky, cw_strength *strength) {
    *strength = (cw_strength){NAN, NAN};
    double d = observed.treatment, y = observed.outcome;
    if (!(kd >= 0) || !(ky >= 0) || !(d >= 0 && d < 1) || !(y >= 0 && y <= 1)) return 0;
    double treatment = kd * (d / (1 - d));
    if (!(treatment < 1)) return 0;
    /* The partial R^2 of x_j with Z given treatment and the other covariates. */
    double both = kd * d * d / ((1 - kd * d) * (1 - d));
    if (!(both < 1) || !(kd * d < 1)) return 0;
    double eta = (sqrt(ky) + sqrt(both)) / sqrt(1 - both);
    double outcome = y == 0 ? 0 : y < 1 ? eta * eta * (y / (1 - y)) : 1;
    *strength = (cw_strength){treatment, outcome < 1 ? outcome : 1};
    return 1;
}

/* Does a Z of up to this strength bring the estimate (or its interval) to the target? */
static int reaches(const cw_omitted *fit, cw_strength s, double target, double alpha) {
    if (alpha >= 1) return bias_factor(s) >= distance(fit, target);
    double t = distance(fit, target) * sqrt(fit->df);
    return cw_omitted_critical_t(fit, s, alpha) >= t;
}

double cw_omitted_multiple(const cw_omitted *fit, cw_strength observed, double target, double alpha) {
    cw_strength s;
    if (!cw_omitted_benchmark(observed, 0, 0, &s)) return INFINITY;
    if (reaches(fit, s, target, alpha)) return 0;
    if (observed.treatment == 0) return INFINITY; /* k times nothing */
    /* Z explains all of the treatment at `most` at the latest; admissible multiples are an interval from 0.
     */
    double low = 0, high = (1 - observed.treatment) / observed.treatment;
    int found = 0;
    for (int step = 0; step < 200; step++) {
        double k = low + (high - low) / 2;
        if (k <= low || k >= high) break;
        int possible = cw_omitted_benchmark(observed, k, k, &s);
        if (possible && !reaches(fit, s, target, alpha)) {
            low = k;
        } else {
            high = k;
            found |= possible;
        }
    }
    return found ? high : INFINITY;
}
