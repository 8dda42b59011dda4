/* t, chi-squared and F from the beta and gamma laws. Student's t^2 / df and F df1 / df2 are odds of a beta
 * variable, which keeps both tails accurate. Beyond 1e17 degrees of freedom the limit law is the law to every
 * place. */
#include "distribution.h"

#include "distribution_tail.h"
#include "real.h"
#include "real_core.h"

#define INFINITE_DF  1e17
#define NOT_A_NUMBER ((double)NAN)
#define INFINITE     ((double)INFINITY)

static bool positive(double df) {
    return df > 0; /* false for NaN */
}

/* The tail of the beta law at odds x * factor, x > 0, also where the odds leave the range of doubles. */
static cw_tail beta_at(const cw_beta_law *law, cw_dd odds, double log_odds) {
    if (odds.high > 1e-250 && odds.high < 1e250) return cw_beta_tail_odds(law, odds);
    return cw_beta_tail_log_odds(law, log_odds);
}

/* The tail of |T|, t > 0. */
static cw_tail t_tail(double t, double df) {
    cw_beta_law law = cw_beta_law_of(0.5, 0.5 * df);
    bool plain = t > 1e-120 && t < 1e120 && df > 1e-100;
    cw_dd odds = plain ? cw_dd_divide(cw_dd_product(t, t), cw_dd_of(df)) : cw_dd_of(0.0);
    return beta_at(&law, odds, 2 * cw_ln(t) - cw_ln(df));
}

double cw_t_upper(double x, double df) {
    if (x != x || !positive(df)) return NOT_A_NUMBER;
    if (df > INFINITE_DF) return cw_normal_upper(x);
    if (x == 0) return 0.5;
    if (fabs(x) == INFINITE) return x > 0 ? 0.0 : 1.0;
    double outside = 0.5 * cw_tail_value(t_tail(fabs(x), df), true);
    return x > 0 ? outside : 1.0 - outside;
}

double cw_t_cdf(double x, double df) {
    return cw_t_upper(-x, df);
}

double cw_t_log_upper(double x, double df) {
    if (x != x || !positive(df)) return NOT_A_NUMBER;
    if (df > INFINITE_DF) return cw_normal_log_upper(x);
    if (x == INFINITE) return -INFINITE;
    if (x <= 0) return cw_log1p(-cw_t_upper(-x, df));
    return cw_tail_log(t_tail(x, df), true) - CW_LN2_HIGH;
}

double cw_t_quantile(double p, double df) {
    if (!(p >= 0 && p <= 1) || !positive(df)) return NOT_A_NUMBER;
    if (df > INFINITE_DF) return cw_normal_quantile(p);
    double centre = p - 0.5, outside = p < 0.5 ? p : 1.0 - p;
    if (centre == 0) return 0.0;
    if (outside == 0) return copysign(INFINITE, centre);
    cw_beta_law law = cw_beta_law_of(0.5, 0.5 * df);
    bool far = outside < 0.25;
    double z = cw_beta_quantile_log_odds(&law, 2 * (far ? outside : fabs(centre)), far);
    return copysign(cw_exp(0.5 * (z + cw_ln(df))), centre);
}

/* Chi-squared is twice a gamma variable with half the degrees of freedom. */
static double gamma_value(double a, double x, bool upper) {
    if (x <= 0) return upper ? 1.0 : 0.0;
    if (x == INFINITE) return upper ? 0.0 : 1.0;
    cw_gamma_law law = cw_gamma_law_of(a);
    if (upper && a < 1 && x < a + 1.0) return cw_gamma_upper_small(&law, x);
    return cw_tail_value(cw_gamma_tail(&law, x), upper);
}

static bool gamma_shape(double a) {
    return a > 0 && a <= 1e300;
}

double cw_chisq_cdf(double x, double df) {
    return x != x || !gamma_shape(df) ? NOT_A_NUMBER : gamma_value(0.5 * df, 0.5 * x, false);
}

double cw_chisq_upper(double x, double df) {
    return x != x || !gamma_shape(df) ? NOT_A_NUMBER : gamma_value(0.5 * df, 0.5 * x, true);
}

double cw_chisq_log_upper(double x, double df) {
    if (x != x || !gamma_shape(df)) return NOT_A_NUMBER;
    if (x <= 0) return 0.0;
    if (x == INFINITE) return -INFINITE;
    cw_gamma_law law = cw_gamma_law_of(0.5 * df);
    cw_tail tail = cw_gamma_tail(&law, 0.5 * x);
    bool cancels = law.a < 1 && !tail.upper && cw_tail_value(tail, false) > 0.5;
    return cancels ? cw_ln(cw_gamma_upper_small(&law, 0.5 * x)) : cw_tail_log(tail, true);
}

double cw_chisq_quantile(double p, double df) {
    if (!(p >= 0 && p <= 1) || !gamma_shape(df)) return NOT_A_NUMBER;
    if (p == 0 || p == 1) return p == 0 ? 0.0 : INFINITE;
    cw_gamma_law law = cw_gamma_law_of(0.5 * df);
    bool upper = p > 0.5;
    return 2 * cw_exp(cw_gamma_quantile_log(&law, upper ? 1.0 - p : p, upper));
}

static bool f_domain(double df1, double df2) {
    return positive(df1) && positive(df2);
}

/* 0 < x < infinity. */
static cw_tail f_tail(double x, double df1, double df2) {
    cw_beta_law law = cw_beta_law_of(0.5 * df1, 0.5 * df2);
    bool plain = x > 1e-200 && x < 1e200 && df1 > 1e-20 && df2 > 1e-20;
    cw_dd odds = plain ? cw_dd_divide(cw_dd_product(x, df1), cw_dd_of(df2)) : cw_dd_of(0.0);
    return beta_at(&law, odds, (cw_ln(x) + cw_ln(df1)) - cw_ln(df2));
}

static double f_value(double x, double df1, double df2, bool upper) {
    if (x != x || !f_domain(df1, df2)) return NOT_A_NUMBER;
    if (x <= 0) return upper ? 1.0 : 0.0;
    if (x == INFINITE) return upper ? 0.0 : 1.0;
    bool one = df1 > INFINITE_DF, two = df2 > INFINITE_DF;
    if (one && two) return (x < 1) == upper ? 1.0 : 0.0;
    if (two) return gamma_value(0.5 * df1, 0.5 * df1 * x, upper);
    if (one) return gamma_value(0.5 * df2, 0.5 * df2 / x, !upper);
    return cw_tail_value(f_tail(x, df1, df2), upper);
}

double cw_f_cdf(double x, double df1, double df2) {
    return f_value(x, df1, df2, false);
}

double cw_f_upper(double x, double df1, double df2) {
    return f_value(x, df1, df2, true);
}

double cw_f_log_upper(double x, double df1, double df2) {
    if (x != x || !f_domain(df1, df2)) return NOT_A_NUMBER;
    if (x <= 0) return 0.0;
    if (x == INFINITE) return -INFINITE;
    if (df1 > INFINITE_DF) return cw_ln(f_value(x, df1, df2, true));
    if (df2 > INFINITE_DF) return cw_chisq_log_upper(df1 * x, df1);
    return cw_tail_log(f_tail(x, df1, df2), true);
}

double cw_f_quantile(double p, double df1, double df2) {
    if (!(p >= 0 && p <= 1) || !f_domain(df1, df2)) return NOT_A_NUMBER;
    if (p == 0 || p == 1) return p == 0 ? 0.0 : INFINITE;
    bool one = df1 > INFINITE_DF, two = df2 > INFINITE_DF;
    if (one && two) return 1.0;
    if (two) return cw_chisq_quantile(p, df1) / df1;
    bool upper = p > 0.5;
    double tail = upper ? 1.0 - p : p;
    if (one) {
        cw_gamma_law law = cw_gamma_law_of(0.5 * df2);
        return cw_exp(cw_ln(0.5 * df2) - cw_gamma_quantile_log(&law, tail, !upper));
    }
    cw_beta_law law = cw_beta_law_of(0.5 * df1, 0.5 * df2);
    return cw_exp(cw_beta_quantile_log_odds(&law, tail, upper) + (cw_ln(df2) - cw_ln(df1)));
}

double cw_beta_inc(double x, double a, double b) {
    if (!(x >= 0 && x <= 1) || !positive(a) || !positive(b) || a > INFINITE_DF || b > INFINITE_DF)
        return NOT_A_NUMBER;
    if (x == 0 || x == 1) return x;
    cw_beta_law law = cw_beta_law_of(a, b);
    return cw_tail_value(cw_beta_tail(&law, cw_dd_of(x), cw_dd_sum(1.0, -x)), false);
}

double cw_gamma_inc_lower(double a, double x) {
    return !(x >= 0) || !gamma_shape(a) ? NOT_A_NUMBER : gamma_value(a, x, false);
}

double cw_gamma_inc_upper(double a, double x) {
    return !(x >= 0) || !gamma_shape(a) ? NOT_A_NUMBER : gamma_value(a, x, true);
}
