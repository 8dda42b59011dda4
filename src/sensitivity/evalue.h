/* E-values and bounding factors on the risk-ratio scale (Ding & VanderWeele 2016, Epidemiology 27:368;
 * VanderWeele & Ding 2017, Annals of Internal Medicine 167:268).
 *
 * A hidden cause U with risk ratios a (treatment to U) and b (U to outcome), conditional on the covariates,
 * changes a risk ratio at most by the factor B = a b / (a + b - 1). The E-value is the smallest a = b that
 * could turn the estimate into the value asked about. It ranks how much it would take, not how likely that
 * is: print it beside the E-values of measured covariates. */
#ifndef CW_SENSITIVITY_EVALUE_H
#define CW_SENSITIVITY_EVALUE_H

#include "../base/env.h"

/* The largest factor that strengths a, b >= 1 allow. */
double cw_evalue_factor(double a, double b);

/* The E-value of a factor B: B + sqrt(B (B - 1)), of 1/B where B < 1. */
double cw_evalue_of(double factor);

/* The joint curve: the b that together with `a` makes the factor; INFINITY where a <= factor (no b does), 1
 * where the factor is 1. */
double cw_evalue_curve(double factor, double a);

typedef enum cw_evalue_scale {
    CW_SCALE_RISK_RATIO,
    CW_SCALE_ODDS_RATIO,   /* rare: as a risk ratio; common: its square root (VanderWeele 2017) */
    CW_SCALE_HAZARD_RATIO, /* rare: as a risk ratio; common: (1 - 0.5^sqrt(h)) / (1 - 0.5^sqrt(1/h)) */
    CW_SCALE_STANDARDISED, /* a standardised mean difference d: exp(0.91 d) (Chinn 2000; Hasselblad & Hedges
                              1995), limits exp(0.91 d -+ 1.78 se) */
    CW_SCALE_DIFFERENCE    /* a mean difference or slope in the outcome's units: d = difference / sd */
} cw_evalue_scale;

typedef struct cw_evalue_spec {
    cw_evalue_scale scale;
    double estimate;
    double lower, upper; /* confidence limits of the ratio scales; NaN: none */
    double se;           /* of STANDARDISED and DIFFERENCE; NaN: none */
    double sd;           /* of the outcome; DIFFERENCE only */
    int common;    /* ODDS_RATIO, HAZARD_RATIO: 1 unless the outcome is rare (below about 15 % at the end of
                      follow-up). The choice is the user's and belongs into print. */
    double target; /* the value asked about, on the scale of the estimate; 1 for ratios and 0 for differences
                      is "no effect"; elsewhere "a smallest effect that matters" */
} cw_evalue_spec;

typedef struct cw_evalue {
    double risk_ratio, lower, upper; /* the estimate on the risk-ratio scale */
    double target;                   /* the target there */
    double point;                    /* E-value of the estimate */
    double limit;  /* E-value of the confidence limit nearer to the target; 1 where the interval holds it; NaN
                      without limits */
    double factor; /* the bounding factor that moves the estimate to the target */
} cw_evalue;

/* Fails with CW_BAD_DATA for ratios <= 0, limits out of order or that leave the estimate outside, a negative
 * se, sd <= 0. */
cw_code cw_evalue_find(cw_env *env, const cw_evalue_spec *spec, cw_evalue *out) CW_CHECKED;

/* The E-value of a measured covariate (McGowan & Greevy 2020): what a hidden cause would need to move the
 * estimate as far as leaving the covariate out did. Both risk ratios > 0. */
double cw_evalue_measured(double with, double without);

/* A risk difference from a 2x2 table (Ding & VanderWeele 2016, appendix): counts of the outcome (1) and its
 * absence (0) among treated and control. The factor that brings the difference to `target` and its E-value;
 * `limit`: the same for the lower confidence limit at `level`. Groups are exchanged when the difference is
 * negative. Fails with CW_BAD_DATA for negative counts, an empty group, no event among controls, or a target
 * beyond the difference. */
typedef struct cw_evalue_table {
    double treated1, treated0, control1, control0;
} cw_evalue_table;

typedef struct cw_evalue_difference {
    double difference, lower, upper; /* Wald limits */
    double factor, point, limit;
} cw_evalue_difference;

cw_code cw_evalue_risk_difference(cw_env *env, const cw_evalue_table *table, double target, double level,
                                  cw_evalue_difference *out) CW_CHECKED;

#endif
