/* Sensitivity to hidden causes, beside every difference in means and linear adjustment: from the fit and the
 * Gram matrix the run already has, without a further pass. */
#include <math.h>
#include <string.h>

#include "../src/sensitivity/regression.h"
#include "run.h"

static cw_code fill_benchmark(cw_run *run, const cw_task *task, const cw_omitted *fit,
                              const cw_regression *regression, int32_t k, cw_benchmark *out) {
    out->treatment = out->outcome = out->estimate = out->t = (double)NAN;
    CW_TRY(cw_strdup(run->env, run->columns->name[task->covariate[k]], &out->name));
    cw_covariate_strength strength = cw_regression_covariate(regression, k);
    cw_strength hidden;
    if (strength.dropped || !cw_omitted_benchmark(strength.observed, 1, 1, &hidden)) return CW_OK;
    cw_adjusted adjusted = cw_omitted_adjust(fit, hidden, 0, 0, task->level);
    out->treatment = hidden.treatment;
    out->outcome = hidden.outcome;
    out->estimate = adjusted.estimate;
    out->t = adjusted.t;
    return CW_OK;
}

static cw_code benchmarks_from(cw_run *run, const cw_task *task, const cw_omitted *fit,
                               const cw_regression *regression, cw_doubt *doubt) {
    CW_TRY(cw_alloc_zero(run->env, (size_t)task->covariates, sizeof *doubt->benchmark, &doubt->benchmark));
    for (int32_t k = 0; k < task->covariates; k++) {
        doubt->benchmarks = k + 1;
        CW_TRY(fill_benchmark(run, task, fit, regression, k, &doubt->benchmark[k]));
    }
    return CW_OK;
}

/* Columns of the Gram matrix: constant, covariates, treatment, outcome (cw_linear_products). */
static cw_code benchmarks_of(cw_run *run, const cw_task *task, const cw_omitted *fit, int32_t *covariate,
                             double *packed, double *scale, cw_doubt *doubt) {
    int32_t order = cw_linear_order(task->linear);
    cw_linear_products(task->linear, task->gram, packed, scale);
    for (int32_t k = 0; k < task->covariates; k++) covariate[k] = k + 1;
    const cw_regression_spec spec = {.order = order,
                                     .packed = packed,
                                     .constant = 0,
                                     .treatment = order - 2,
                                     .outcome = order - 1,
                                     .covariates = task->covariates,
                                     .covariate = covariate,
                                     .scale = scale,
                                     .rows = fit->df + task->result.rank};
    cw_regression *regression = NULL;
    CW_TRY(cw_regression_create(run->env, &spec, &regression));
    cw_code code = benchmarks_from(run, task, fit, regression, doubt);
    cw_regression_destroy(&regression);
    return code;
}

static cw_code fill_benchmarks(cw_run *run, const cw_task *task, const cw_omitted *fit, cw_doubt *doubt) {
    cw_env *env = run->env;
    size_t order = (size_t)cw_linear_order(task->linear);
    int32_t *covariate = NULL;
    double *packed = NULL, *scale = NULL;
    cw_code code = cw_alloc(env, order, sizeof *covariate, &covariate);
    if (code == CW_OK) code = cw_alloc(env, order * (order + 1) / 2, sizeof *packed, &packed);
    if (code == CW_OK) code = cw_alloc(env, order, sizeof *scale, &scale);
    if (code == CW_OK) code = benchmarks_of(run, task, fit, covariate, packed, scale, doubt);
    cw_free(env, &covariate);
    cw_free(env, &packed);
    cw_free(env, &scale);
    return code;
}

static cw_code fill_strengths(cw_run *run, const cw_task *task, const cw_entry *entry, cw_doubt *doubt) {
    const cw_omitted fit = {.estimate = task->result.estimate,
                            .se = task->result.classical,
                            .df = task->result.classical_df,
                            .robust_se = isfinite(entry->se) && entry->se > 0 ? entry->se : (double)NAN};
    CW_TRY(cw_omitted_check(run->env, &fit));
    if (task->method == CW_METHOD_OLS && task->covariates > 0)
        CW_TRY(fill_benchmarks(run, task, &fit, doubt));
    doubt->partial_r2 = cw_omitted_partial_r2(&fit);
    doubt->value = cw_omitted_robustness(&fit, 0, 1);
    doubt->value_level = cw_omitted_robustness(&fit, 0, 1 - task->level);
    return CW_OK;
}

/* The bias is exact for any error; how the interval moves is taken from the classical one. */
static cw_code flag_error(cw_env *env, cw_doubt *doubt, const char *se_kind) {
    if (!isfinite(doubt->value) || strcmp(se_kind, cw_se_name(CW_SE_CLASSICAL)) == 0) return CW_OK;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *doubt->flag, &doubt->flag));
    doubt->flags = 1;
    CW_TRY(cw_strdup(env, "heuristic-level", &doubt->flag->id));
    CW_TRY(cw_strdup(env, "note", &doubt->flag->severity));
    return cw_format(env, &doubt->flag->text,
                     "The value at the interval's level takes the error %s to change with a hidden cause as "
                     "the classical one does, and t of the benchmarks is the classical one.",
                     se_kind);
}

static cw_code fill_doubt(cw_run *run, const cw_task *task, const cw_entry *entry, cw_doubt *doubt) {
    cw_env *env = run->env;
    doubt->value = doubt->value_level = doubt->partial_r2 = (double)NAN;
    doubt->level = task->level;
    CW_TRY(cw_strdup(env, task->id, &doubt->id));
    CW_TRY(cw_strdup(env, "omitted-variable-bias", &doubt->method));
    CW_TRY(cw_strdup(env, entry->effect, &doubt->effect));
    CW_TRY(cw_strdup(env, entry->treatment, &doubt->treatment));
    CW_TRY(cw_strdup(env, entry->outcome, &doubt->outcome));
    if (task->why) return cw_strdup(env, task->why, &doubt->why);
    cw_code code = fill_strengths(run, task, entry, doubt);
    if (code == CW_BAD_DATA) {
        CW_TRY(cw_strdup(env, env->error.what, &doubt->why));
        cw_env_clear(env);
        return CW_OK;
    }
    CW_TRY(code);
    return flag_error(env, doubt, entry->se_kind);
}

cw_code cw_doubts_fill(cw_run *run) {
    cw_results *results = run->results;
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->tasks, sizeof *results->doubt, &results->doubt));
    for (int32_t k = 0; k < run->tasks; k++) {
        const cw_task *task = &run->task[k];
        if (task->absorbs > 0 || task->method == CW_METHOD_LIN) continue;
        cw_doubt *doubt = &results->doubt[results->doubts++];
        CW_TRY(fill_doubt(run, task, &results->entry[k], doubt));
    }
    return CW_OK;
}
