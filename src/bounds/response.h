/* What the data alone allow, and what beliefs about monotony add: bounds on mean potential outcomes and on
 * effects from the moments of the arms (Manski 1990, 1997; Manski & Pepper 2000).
 *
 * Treatment levels are ordered as given, 0 < 1 < ... Within each group of rows that took level u the mean of
 * Y(t) lies between a floor and a ceiling, the tightest that range and beliefs give:
 *   the range               low <= . <= high
 *   level taken, t = u      the observed mean m_u
 *   response increasing     m_u is a floor for t > u and a ceiling for t < u  (Y(t) nondecreasing in t)
 *   selection increasing    m_t is a floor for u > t and a ceiling for u < t  (E[Y(t)|u] nondecreasing in u)
 * and with "decreasing" the other way round. Effects are bounded group by group, with the sign that a
 * monotone response fixes, then averaged over the population asked about. For two levels these are Manski's
 * bounds in closed form, sharp for every mix of beliefs; response and selection together refute themselves
 * when the means are not monotone. With more levels they are sharp except where both are believed in opposite
 * directions: there they hold, but might be narrower. */
#ifndef CW_BOUNDS_RESPONSE_H
#define CW_BOUNDS_RESPONSE_H

#include "arms.h"
#include "interval.h"

enum { CW_LEVELS = 64 }; /* most treatment levels bounds are given for */

/* Beliefs, to be combined with |. */
enum {
    CW_BELIEVE_NOTHING = 0,
    CW_RESPONSE_UP = 1,
    CW_RESPONSE_DOWN = 2,
    CW_SELECTION_UP = 4,
    CW_SELECTION_DOWN = 8
};

typedef enum cw_crowd { CW_CROWD_ALL, CW_CROWD_TREATED, CW_CROWD_CONTROLS } cw_crowd;

typedef struct cw_response_spec {
    int32_t levels;
    const cw_arm *arm; /* one a level */
    double low, high;  /* range of the outcome, stated and not observed; -INFINITY, INFINITY: not limited */
    unsigned beliefs;
    double total; /* sum of weights of the population; 0: that of the arms. Published shares that add up to
                     0.999 are taken as printed by giving the full number of rows. */
} cw_response_spec;

/* One end of the bounds, with its derivatives: enough for any error (rows, weights, clusters, bootstrap). */
typedef struct cw_bound {
    double value;
    double se;               /* linearised, rows independent; NaN where an arm's second moment is */
    double slope[CW_LEVELS]; /* derivative in the mean of each level */
    double group[CW_LEVELS]; /* the bound within the rows that took each level (the effect's own value where
                                the population is one level) */
    double
        kink; /* how far, in standard errors, the closest unused floor or ceiling is from the one used: below
                 about 2 the bound is biased inward and its se is rough; INFINITY where there is no choice */
} cw_bound;

typedef struct cw_response {
    cw_bound lower, upper;
    double correlation; /* of the errors of both ends (0 where one has none) */
    /* The beliefs against the data. `excess` is the largest amount by which a floor stands above its ceiling
     * (0 or negative: none does; -INFINITY: no belief can be refuted) in units of the outcome. */
    double excess, excess_se;
    double p;           /* one-sided, Bonferroni over the comparisons: small means the beliefs are refuted */
    int32_t compared;   /* number of comparisons of means that the beliefs imply */
    int contradicted;   /* excess > 0: in the sample, floor above ceiling; perhaps by chance (see p) */
    int32_t worst[2];   /* the levels (floor's, ceiling's) behind `excess`; -1 if none */
    double n_effective; /* (sum of w)^2 / sum of w^2 */
} cw_response;

/* Bounds on E[Y(level)] over everyone. */
cw_code cw_response_mean(cw_env *env, const cw_response_spec *spec, int32_t level,
                         cw_response *out) CW_CHECKED;

/* Bounds on E[Y(treated) - Y(control)] over everyone, those at level `treated` or those at level `control`.
 * Both fail with CW_BAD_DATA for a level without rows, a mean outside the range, a range that is empty, and
 * beliefs that exclude each other by name (response both up and down). Refuted beliefs are an answer. */
cw_code cw_response_effect(cw_env *env, const cw_response_spec *spec, int32_t control, int32_t treated,
                           cw_crowd crowd, cw_response *out) CW_CHECKED;

/* The influence value of a row (level taken, outcome) on an end: add weight * this over rows; the end's
 * variance is the sum of squares of the totals (by row or by cluster) over (sum of w)^2. */
double cw_response_influence(const cw_response_spec *spec, const cw_bound *bound, int32_t level, double y);

/* Both ends for cw_interval_find. */
cw_ends cw_response_ends(const cw_response *response);

#endif
