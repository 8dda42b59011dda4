/* Step 1's end: from Gram matrices to coefficients, the effect and its representer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../linalg/cholesky.h"
#include "linear_inside.h"

/* Coefficients below this, for columns scaled to [-1, 1], do not count as part of a dependence. */
#define NO_PART 1e-6

enum { LIST_TEXT = 200 };

typedef struct fitting {
    const cw_linear *linear;
    int32_t order;      /* of the Gram matrices: constant, columns, outcome */
    double *packed[2];  /* the Gram matrices */
    double *design;     /* k (k+1)/2: the design's part of one of them */
    double *x, *target; /* k each */
    cw_cholesky *cholesky[2];
} fitting;

static void release(fitting *fit) {
    cw_env *env = fit->linear->env;
    for (int f = 0; f < 2; f++) {
        cw_free(env, &fit->packed[f]);
        cw_cholesky_destroy(&fit->cholesky[f]);
    }
    cw_free(env, &fit->design);
    cw_free(env, &fit->x);
    cw_free(env, &fit->target);
}

static double gram(const fitting *fit, int32_t f, int32_t i, int32_t j) {
    return fit->packed[f][cw_packed(fit->order, i <= j ? i : j, i <= j ? j : i)];
}

/* Design column i as an index of the Gram matrix; the outcome's index is order - 1. */
static int32_t design_index(const fitting *fit, int32_t i) {
    return i + 1 - fit->linear->constant;
}

/* The scale of design column i. */
static double design_scale(const fitting *fit, int32_t i) {
    int32_t j = i - fit->linear->constant;
    return j < 0 ? 1 : fit->linear->scale[j];
}

static double outcome_scale(const fitting *fit) {
    return fit->linear->scale[fit->linear->columns];
}

/* "name" or "column 3" of block.real, appended to a list; a list that is too long ends in an ellipsis. */
static void append_column(const cw_linear *linear, int32_t column, char *text) {
    size_t used = strlen(text), room = LIST_TEXT - used;
    const char *comma = used ? ", " : "";
    int written = linear->spec.name ? snprintf(text + used, room, "%s%s", comma, linear->spec.name[column])
                                    : snprintf(text + used, room, "%scolumn %d", comma, (int)column);
    if (written >= (int)room && room > 4) memcpy(text + LIST_TEXT - 4, "...", 4);
}

static void column_name(const cw_linear *linear, int32_t column, char *text) {
    text[0] = '\0';
    append_column(linear, column, text);
}

/* The dependence of dropped design column i on the kept ones: x := coefficients. */
static void dependence(fitting *fit, int32_t f, int32_t i, double *x) {
    for (int32_t j = 0; j < fit->linear->k; j++)
        x[j] = gram(fit, f, design_index(fit, j), design_index(fit, i));
    cw_cholesky_solve(fit->cholesky[f], x);
}

static cw_code treatment_dropped(fitting *fit) {
    const cw_linear *linear = fit->linear;
    int32_t t = linear->k - 1;
    char list[LIST_TEXT] = "", name[LIST_TEXT];
    column_name(linear, linear->spec.treatment, name);
    dependence(fit, 0, t, fit->x);
    for (int32_t j = linear->constant; j < t; j++)
        if (fabs(fit->x[j]) > NO_PART) append_column(linear, linear->column[j - linear->constant], list);
    if (list[0])
        return cw_fail(linear->env, CW_BAD_DATA, NULL,
                       "leave out a covariate that determines the treatment, or ask another question",
                       "the treatment (%s) is a linear combination of the covariates %s", name, list);
    if (linear->spec.absorbed)
        return cw_fail(linear->env, CW_BAD_DATA, NULL, "absorb another factor, or compare between its levels",
                       "the treatment (%s) does not vary within the levels of the absorbed factor", name);
    return cw_fail(linear->env, CW_BAD_DATA, NULL, "use rows with at least two values of it",
                   "the treatment (%s) does not vary in the rows used", name);
}

static cw_code allocate(fitting *fit) {
    const cw_linear *linear = fit->linear;
    cw_env *env = linear->env;
    size_t k = (size_t)linear->k, q = (size_t)fit->order;
    for (int32_t f = 0; f < linear->fits; f++)
        CW_TRY(cw_alloc(env, q * (q + 1) / 2, sizeof(double), &fit->packed[f]));
    CW_TRY(cw_alloc(env, k * (k + 1) / 2, sizeof(double), &fit->design));
    CW_TRY(cw_alloc(env, k, sizeof(double), &fit->x));
    return cw_alloc(env, k, sizeof(double), &fit->target);
}

/* Rows and weights that count: n, and N with frequency weights. */
static double observations(const fitting *fit, const void *state) {
    const cw_linear *linear = fit->linear;
    double n = 0;
    for (int32_t f = 0; f < linear->fits; f++)
        n += linear->spec.weighting == CW_FREQUENCY ? gram(fit, f, 0, 0)
                                                    : (double)cw_gram_rows(linear->gram, state, f);
    return n;
}

static cw_code check_rows(const fitting *fit, const void *state) {
    const cw_linear *linear = fit->linear;
    int64_t bad = 0;
    for (int32_t f = 0; f < linear->fits; f++) bad += cw_gram_bad_rows(linear->gram, state, f);
    if (bad)
        return cw_fail(linear->env, CW_BAD_DATA, NULL, "say what is to be done with missing values",
                       "%lld rows have a missing or infinite outcome, treatment, covariate or weight",
                       (long long)bad);
    for (int32_t f = 0; f < linear->fits; f++) {
        if (cw_gram_rows(linear->gram, state, f) > 0) continue;
        char name[LIST_TEXT];
        column_name(linear, linear->spec.treatment, name);
        if (linear->fits == 1)
            return cw_fail(linear->env, CW_BAD_DATA, NULL, "look at the filter and the weights",
                           "there are no rows to compare");
        return cw_fail(linear->env, CW_BAD_DATA, NULL, "look at the contrast, the filter and the weights",
                       "no row used has %s = %g", name, f ? linear->spec.treated : linear->spec.control);
    }
    return CW_OK;
}

/* Factors fit f, solves for its coefficients (for z and the scaled outcome) and fills its part. */
static cw_code solve(fitting *fit, int32_t f, cw_linear_part *part) {
    const cw_linear *linear = fit->linear;
    int32_t k = linear->k;
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = i; j < k; j++)
            fit->design[cw_packed(k, i, j)] = gram(fit, f, design_index(fit, i), design_index(fit, j));
    CW_TRY(cw_cholesky_factor(linear->env, k, fit->design, &fit->cholesky[f]));
    const cw_cholesky *cholesky = fit->cholesky[f];
    double *lower = part->lower;
    for (int32_t i = 0; i < k; i++) {
        part->dropped[i] = cholesky->dropped[i];
        part->square[i] = gram(fit, f, design_index(fit, i), design_index(fit, i));
        part->coefficient[i] = gram(fit, f, design_index(fit, i), fit->order - 1);
        for (int32_t j = 0; j <= i; j++) *lower++ = cholesky->factor[cw_packed(k, j, i)];
    }
    cw_cholesky_solve(cholesky, part->coefficient);
    return CW_OK;
}

/* From coefficients for z and the scaled outcome to those for d and the outcome. */
static void unscale(const fitting *fit, cw_linear_part *part) {
    double back = 1 / outcome_scale(fit);
    for (int32_t i = 0; i < fit->linear->k; i++) {
        part->coefficient[i] *= design_scale(fit, i) * back;
        part->influence[i] *= design_scale(fit, i);
    }
}

/* One fit: the effect is (treated - control) times the last coefficient. */
static cw_code effect_of_slope(fitting *fit, double *solution, cw_linear_part *part) {
    const cw_linear *linear = fit->linear;
    int32_t k = linear->k, t = k - 1;
    if (fit->cholesky[0]->dropped[t]) return treatment_dropped(fit);
    double contrast = linear->spec.treated - linear->spec.control;
    double step = contrast * design_scale(fit, t);
    for (int32_t i = 0; i < k; i++) fit->x[i] = i == t;
    cw_cholesky_solve(fit->cholesky[0], fit->x);
    solution[CW_LINEAR_UNIT] = step * step * fit->x[t];
    for (int32_t i = 0; i < k; i++) part->influence[i] = step * fit->x[i];
    solution[CW_LINEAR_ESTIMATE] = step * part->coefficient[t] / outcome_scale(fit);
    unscale(fit, part);
    return CW_OK;
}

/* The target's means of z, and the sum of its weights. */
static double target_means(fitting *fit) {
    const cw_linear *linear = fit->linear;
    double total = 0;
    for (int32_t f = 0; f < 2; f++)
        if (cw_linear_targeted(linear, f)) total += gram(fit, f, 0, 0);
    for (int32_t i = 0; i < linear->k; i++) {
        fit->target[i] = 0;
        for (int32_t f = 0; f < 2; f++)
            if (cw_linear_targeted(linear, f)) fit->target[i] += gram(fit, f, 0, i) / total;
    }
    fit->target[0] = 1;
    return total;
}

/* A column dropped within an arm is harmless only where its dependence holds at the target's means, too:
 * otherwise what the arm says there is a guess. */
static cw_code check_estimable(fitting *fit, int32_t f) {
    const cw_linear *linear = fit->linear;
    for (int32_t i = 0; i < linear->k; i++) {
        if (!fit->cholesky[f]->dropped[i]) continue;
        dependence(fit, f, i, fit->x);
        double gap = fit->target[i];
        for (int32_t j = 0; j < linear->k; j++) gap -= fit->x[j] * fit->target[j];
        if (fabs(gap) <= NO_PART) continue;
        char name[LIST_TEXT];
        column_name(linear, linear->column[i - 1], name);
        return cw_fail(linear->env, CW_BAD_DATA, NULL,
                       "leave it out, or use the form without interactions, and ask whether the arms overlap",
                       "among the rows with treatment %g the covariate %s is constant or follows from the "
                       "others, but not in the rest: the interacted form cannot adjust for it",
                       f ? linear->spec.treated : linear->spec.control, name);
    }
    return CW_OK;
}

/* Two fits: the effect is the difference of the arms' predictions at the target's means. */
static cw_code effect_of_arms(fitting *fit, const void *state, double *solution, cw_linear_part *part) {
    const cw_linear *linear = fit->linear;
    int32_t k = linear->k;
    solution[CW_LINEAR_TARGET] = target_means(fit);
    for (int32_t f = 0; f < 2; f++) {
        int64_t rows = cw_gram_rows(linear->gram, state, f);
        if (k > 1 && rows <= fit->cholesky[f]->rank)
            return cw_fail(linear->env, CW_BAD_DATA, NULL,
                           "use fewer covariates, or the form without interactions",
                           "%lld rows with treatment %g are too few for %d columns", (long long)rows,
                           f ? linear->spec.treated : linear->spec.control, (int)k);
        CW_TRY(check_estimable(fit, f));
        double sign = f ? 1 : -1;
        for (int32_t i = 0; i < k; i++) fit->x[i] = fit->target[i];
        cw_cholesky_solve(fit->cholesky[f], fit->x);
        for (int32_t i = 0; i < k; i++) {
            solution[CW_LINEAR_UNIT] += fit->target[i] * fit->x[i];
            solution[CW_LINEAR_ESTIMATE] +=
                sign * fit->target[i] * part[f].coefficient[i] / outcome_scale(fit);
            part[f].influence[i] = sign * fit->x[i];
        }
    }
    /* Where the arms' slopes agree, rounding is what is left. */
    if (k > 1) solution[CW_LINEAR_MEAN_BOUND] = 0x1p-40 / outcome_scale(fit);
    for (int32_t i = 1; i < k; i++) {
        double square = 0, difference = part[1].coefficient[i] - part[0].coefficient[i];
        for (int32_t f = 0; f < 2; f++)
            if (cw_linear_targeted(linear, f)) square += part[f].square[i];
        solution[CW_LINEAR_MEAN_BOUND] +=
            2 * fabs(difference) * sqrt(square / solution[CW_LINEAR_TARGET]) / outcome_scale(fit);
    }
    for (int32_t f = 0; f < 2; f++) unscale(fit, &part[f]);
    return CW_OK;
}

/* Mean of column i under fit f, and the mean product of columns i and j less that of their means. */
static double mean(const fitting *fit, int32_t f, int32_t i) {
    return gram(fit, f, 0, i) / gram(fit, f, 0, 0);
}

static double covariance(const fitting *fit, int32_t f, int32_t i, int32_t j) {
    return gram(fit, f, i, j) / gram(fit, f, 0, 0) - mean(fit, f, i) * mean(fit, f, j);
}

/* How far the arms are apart in covariate i, in standard deviations within the arms. */
static double imbalance_of(const fitting *fit, int32_t i) {
    const cw_linear *linear = fit->linear;
    double apart, within;
    if (linear->fits == 2) {
        apart = mean(fit, 1, i) - mean(fit, 0, i);
        within = (covariance(fit, 0, i, i) + covariance(fit, 1, i, i)) / 2;
    } else {
        int32_t t = linear->k - 1;
        double together = covariance(fit, 0, i, t), spread = covariance(fit, 0, t, t);
        apart = together / spread * design_scale(fit, t) * (linear->spec.treated - linear->spec.control);
        within = covariance(fit, 0, i, i) - together * together / spread;
    }
    return within > 0 ? fabs(apart) / sqrt(within) : 0;
}

static double imbalance(const fitting *fit) {
    const cw_linear *linear = fit->linear;
    double largest = 0;
    if (!linear->constant || linear->spec.covariates == 0) return NAN;
    for (int32_t i = 1; i <= linear->spec.covariates; i++) largest = fmax(largest, imbalance_of(fit, i));
    return largest;
}

static cw_code run(fitting *fit, const void *state, double *solution) {
    const cw_linear *linear = fit->linear;
    cw_linear_part part[2];
    cw_linear_parts(linear, solution, part);
    CW_TRY(allocate(fit));
    CW_TRY(check_rows(fit, state));
    for (int32_t f = 0; f < linear->fits; f++) {
        cw_gram_get(linear->gram, state, f, fit->packed[f]);
        CW_TRY(solve(fit, f, &part[f]));
        solution[CW_LINEAR_RANK] += fit->cholesky[f]->rank;
        solution[CW_LINEAR_CONDITION] = fmax(solution[CW_LINEAR_CONDITION], fit->cholesky[f]->condition);
        double back = 1 / outcome_scale(fit);
        solution[CW_LINEAR_RESIDUAL] += gram(fit, f, fit->order - 1, fit->order - 1) * back * back;
    }
    solution[CW_LINEAR_RANK] += (double)linear->spec.absorbed_levels;
    double n = observations(fit, state);
    if (n <= solution[CW_LINEAR_RANK])
        return cw_fail(linear->env, CW_BAD_DATA, NULL, "use fewer covariates or more rows",
                       "%.15g rows are too few for %.15g columns", n, solution[CW_LINEAR_RANK]);
    solution[CW_LINEAR_IMBALANCE] = imbalance(fit);
    return linear->fits == 1 ? effect_of_slope(fit, solution, part)
                             : effect_of_arms(fit, state, solution, part);
}

cw_code cw_linear_fit(cw_linear *linear, const void *gram_state, void *solution) {
    fitting fit = {.linear = linear, .order = cw_gram_order(linear->gram)};
    memset(solution, 0, cw_linear_solution_bytes(linear));
    cw_code code = run(&fit, gram_state, solution);
    release(&fit);
    return code;
}
