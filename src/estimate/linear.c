#include "linear.h"

#include <math.h>
#include <string.h>

#include "linear_inside.h"

/* 2^-e with |x - shift| <= 2^e over the rows: scaled columns lie in [-1, 1]. */
static double scale_of(const cw_column_facts *facts, double shift) {
    double reach = fmax(fabs(facts->high - shift), fabs(facts->low - shift));
    int exponent;
    if (!(reach > 0) || !isfinite(reach)) return 1;
    (void)frexp(reach, &exponent);
    if (exponent > 1000) exponent = 1000; /* both scales stay normal numbers */
    if (exponent < -1000) exponent = -1000;
    return ldexp(1, -exponent);
}

/* A constant column is shifted to exactly 0; demeaned columns stay as they are. */
static double shift_of(const cw_linear_spec *spec, const cw_column_facts *facts) {
    if (spec->absorbed) return 0;
    if (facts->low == facts->high) return facts->low;
    return isfinite(facts->shift) ? facts->shift : 0;
}

static cw_code check(cw_env *env, const cw_linear_spec *spec) {
    if (spec->covariates < 0 || !spec->facts || (spec->absorbed && spec->form != CW_FORM_ADJUST))
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "a linear fit of %d covariates, %d factors absorbed",
                       spec->covariates, spec->absorbed);
    if (!(spec->control != spec->treated) || !isfinite(spec->control) || !isfinite(spec->treated))
        return cw_fail(env, CW_BAD_JOB, NULL, "give two different values of the treatment",
                       "the contrast compares %g with %g", spec->treated, spec->control);
    return CW_OK;
}

static cw_code copy_spec(cw_linear *linear) {
    cw_env *env = linear->env;
    const cw_linear_spec *spec = &linear->spec;
    int32_t p = spec->form == CW_FORM_DIFFERENCE ? 0 : spec->covariates;
    linear->fits = spec->form == CW_FORM_ADJUST ? 1 : 2;
    linear->constant = spec->absorbed == 0;
    linear->columns = p + (linear->fits == 1);
    linear->k = linear->columns + linear->constant;
    size_t all = (size_t)linear->columns + 1;
    CW_TRY(cw_alloc(env, all, sizeof *linear->column, &linear->column));
    CW_TRY(cw_alloc(env, all, sizeof *linear->shift, &linear->shift));
    CW_TRY(cw_alloc(env, all, sizeof *linear->scale, &linear->scale));
    CW_TRY(cw_alloc(env, (size_t)p, sizeof *linear->covariate, &linear->covariate));
    for (int32_t j = 0; j < p; j++) linear->covariate[j] = linear->column[j] = spec->covariate[j];
    linear->spec.covariates = p;
    linear->spec.covariate = linear->covariate;
    if (linear->fits == 1) linear->column[p] = spec->treatment;
    linear->column[linear->columns] = spec->outcome;
    for (size_t j = 0; j < all; j++) {
        const cw_column_facts *facts = &spec->facts[linear->column[j]];
        linear->shift[j] = shift_of(spec, facts);
        linear->scale[j] = scale_of(facts, linear->shift[j]);
    }
    linear->spec.facts = NULL;
    return CW_OK;
}

static cw_code make_gram(cw_linear *linear) {
    const double arms[] = {linear->spec.control, linear->spec.treated};
    cw_gram_spec spec = {.columns = linear->columns + 1,
                         .column = linear->column,
                         .shift = linear->shift,
                         .scale = linear->scale,
                         .folds = linear->fits,
                         .fold_column = linear->fits == 2 ? linear->spec.treatment : -1,
                         .fold_value = linear->fits == 2 ? arms : NULL};
    return cw_gram_create(linear->env, &spec, &linear->gram);
}

static int64_t part_doubles(const cw_linear *linear) {
    int64_t k = linear->k;
    return 4 * k + k * (k + 1) / 2;
}

void cw_linear_parts(const cw_linear *linear, double *solution, cw_linear_part *part) {
    int64_t k = linear->k;
    double *at = solution + CW_LINEAR_SCALARS;
    for (int32_t f = 0; f < linear->fits; f++) {
        part[f].coefficient = at;
        part[f].influence = at + k;
        part[f].dropped = at + 2 * k;
        part[f].square = at + 3 * k;
        part[f].lower = at + 4 * k;
        at += part_doubles(linear);
    }
}

size_t cw_linear_solution_bytes(const cw_linear *linear) {
    return (size_t)(CW_LINEAR_SCALARS + linear->fits * part_doubles(linear)) * sizeof(double);
}

/* Slots of the coefficients handed to the caller. */
static int32_t slots(const cw_linear *linear) {
    return linear->fits == 1 ? 2 + linear->spec.covariates : 2 * (1 + linear->spec.covariates);
}

static cw_code prepare(cw_linear *linear) {
    cw_env *env = linear->env;
    CW_TRY(copy_spec(linear));
    CW_TRY(make_gram(linear));
    CW_TRY(cw_alloc_zero(env, 1, cw_linear_solution_bytes(linear), &linear->solution));
    cw_linear_parts(linear, linear->solution, linear->part);
    CW_TRY(cw_alloc_zero(env, (size_t)slots(linear), sizeof *linear->value, &linear->value));
    CW_TRY(cw_alloc_zero(env, (size_t)slots(linear), sizeof *linear->dropped, &linear->dropped));
    cw_linear_describe_scores(linear);
    cw_linear_describe_meat(linear);
    return CW_OK;
}

cw_code cw_linear_create(cw_env *env, const cw_linear_spec *spec, cw_linear **out) {
    *out = NULL;
    CW_TRY(check(env, spec));
    cw_linear *linear = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *linear, &linear));
    linear->env = env;
    linear->spec = *spec;
    cw_code code = prepare(linear);
    if (code != CW_OK) cw_linear_destroy(&linear);
    *out = linear;
    return code;
}

void cw_linear_destroy(cw_linear **linear) {
    if (!linear || !*linear) return;
    cw_linear *self = *linear;
    cw_env *env = self->env;
    cw_free(env, &self->column);
    cw_free(env, &self->shift);
    cw_free(env, &self->scale);
    cw_free(env, &self->covariate);
    cw_gram_destroy(&self->gram);
    cw_free(env, &self->solution);
    cw_free(env, &self->value);
    cw_free(env, &self->dropped);
    cw_free(env, linear);
}

const cw_accumulator *cw_linear_gram(const cw_linear *linear) {
    return cw_gram_accumulator(linear->gram);
}

int32_t cw_linear_order(const cw_linear *linear) {
    return cw_gram_order(linear->gram);
}

void cw_linear_products(const cw_linear *linear, const void *gram_state, double *packed, double *scale) {
    cw_gram_get(linear->gram, gram_state, 0, packed);
    scale[0] = 1;
    for (int32_t j = 0; j <= linear->columns; j++) scale[j + 1] = linear->scale[j];
}

/* The constant of a fit on the original scale of its columns. */
static double raw_constant(const cw_linear *linear, const cw_linear_part *part) {
    double constant = part->coefficient[0] + linear->shift[linear->columns];
    for (int32_t j = 0; j < linear->columns; j++) constant -= part->coefficient[j + 1] * linear->shift[j];
    return constant;
}

void cw_linear_use(cw_linear *linear, const void *solution) {
    memcpy(linear->solution, solution, cw_linear_solution_bytes(linear));
    int32_t p = linear->spec.covariates, slot = 0, constant = linear->constant;
    for (int32_t fit = linear->fits - 1; fit >= 0; fit--) {
        const cw_linear_part *part = &linear->part[fit];
        linear->value[slot] = constant ? raw_constant(linear, part) : 0;
        linear->dropped[slot++] = constant ? part->dropped[0] > 0 : 1;
        if (linear->fits == 1) {
            linear->value[slot] = part->coefficient[constant + p];
            linear->dropped[slot++] = part->dropped[constant + p] > 0;
        }
        for (int32_t j = 0; j < p; j++) {
            linear->value[slot] = part->coefficient[constant + j];
            linear->dropped[slot++] = part->dropped[constant + j] > 0;
        }
    }
}

int32_t cw_linear_coefficients(const cw_linear *linear, const double **value, const int32_t **dropped) {
    *value = linear->value;
    *dropped = linear->dropped;
    return slots(linear);
}
