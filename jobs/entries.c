/* From finished tasks to entries of results.json: numbers, intervals, diagnostics, flags, and the sentences
 * beside them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/distribution.h"
#include "run.h"

static const double condition_limit = 1e10; /* of the scaled Gram matrix: digits left are few */
static const double leverage_limit = 0.5;   /* one row decides half of its own fit */
static const double imbalance_limit = 0.25; /* standard deviations; Imbens & Rubin (2015), section 14.2 */
enum { CW_FEW_CLUSTERS_FLAG = 40, CW_FEW_ROWS = 30 };

static cw_code add_flag(cw_env *env, cw_flag **flag, int32_t *flags, const char *id, const char *severity,
                        const char *format, ...) CW_PRINTF(6, 7);

static cw_code add_flag(cw_env *env, cw_flag **flag, int32_t *flags, const char *id, const char *severity,
                        const char *format, ...) {
    char text[CW_ERROR_TEXT * 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CW_TRY(cw_realloc(env, (size_t)*flags + 1, sizeof **flag, flag));
    cw_flag *added = &(*flag)[(*flags)++];
    memset(added, 0, sizeof *added);
    CW_TRY(cw_strdup(env, id, &added->id));
    CW_TRY(cw_strdup(env, severity, &added->severity));
    return cw_strdup(env, text, &added->text);
}

static cw_code add_assumption(cw_env *env, cw_entry *entry, const char *text) {
    CW_TRY(cw_realloc(env, (size_t)entry->assumptions + 1, sizeof *entry->assumption, &entry->assumption));
    entry->assumption[entry->assumptions] = NULL;
    return cw_strdup(env, text, &entry->assumption[entry->assumptions++]);
}

static cw_code add_number(cw_env *env, cw_entry *entry, const char *name, double value) {
    CW_TRY(cw_realloc(env, (size_t)entry->diagnostics + 1, sizeof *entry->diagnostic, &entry->diagnostic));
    entry->diagnostic[entry->diagnostics++] = (cw_number){.name = name, .value = value};
    return CW_OK;
}

/* The standard error of a kind, its degrees of freedom (NaN: normal), and their name. */
static double standard_error(const cw_task *task, cw_se se, double *df, const char **note) {
    const cw_linear_result *r = &task->result;
    *df = r->classical_df;
    *note = "";
    switch (se) {
    case CW_SE_CLASSICAL:
        return r->classical;
    case CW_SE_WELCH:
        *df = r->welch_df;
        *note = " (Welch)";
        return r->welch;
    case CW_SE_HC0:
        return r->hc[0];
    case CW_SE_HC1:
        return r->hc[1];
    case CW_SE_HC2:
        /* without weights and covariates HC2 is Welch's error, and Welch's degrees of freedom go with it */
        if (task->method == CW_METHOD_DIFFERENCE && isfinite(r->welch_df)) {
            *df = r->welch_df;
            *note = " (Welch)";
        }
        return r->hc[2];
    case CW_SE_HC3:
        return r->hc[3];
    case CW_SE_CR0:
    case CW_SE_CR1:
    case CW_SE_CR2: {
        int64_t groups = task->sum[0].size;
        if (task->sums == 3 && task->sum[1].size < groups) groups = task->sum[1].size;
        *df = (double)(groups - 1);
        *note = " (clusters less one)";
        return sqrt(task->variance[se - CW_SE_CR0]);
    }
    case CW_SE_COUNT:
        break;
    }
    return (double)NAN;
}

static cw_code fill_interval(cw_env *env, const cw_task *task, cw_entry *entry) {
    const char *note = "";
    entry->se = standard_error(task, task->se[0], &entry->df, &note);
    CW_TRY(cw_strdup(env, cw_se_name(task->se[0]), &entry->se_kind));
    entry->lower = entry->upper = (double)NAN;
    if (isfinite(entry->se) && entry->df > 0) {
        double half = cw_t_quantile(0.5 + task->level / 2, entry->df) * entry->se;
        entry->lower = entry->value - half;
        entry->upper = entry->value + half;
    }
    CW_TRY(cw_format(env, &entry->interval, "t with %.6g degrees of freedom%s", entry->df, note));
    for (int32_t k = 1; k < task->ses; k++) {
        double df;
        CW_TRY(
            add_number(env, entry, cw_se_name(task->se[k]), standard_error(task, task->se[k], &df, &note)));
    }
    return CW_OK;
}

static cw_code fill_diagnostics(cw_env *env, const cw_task *task, cw_entry *entry) {
    const cw_linear_result *r = &task->result;
    CW_TRY(add_number(env, entry, "n_treated", (double)r->n_treated));
    CW_TRY(add_number(env, entry, "n_control", (double)r->n_control));
    if (task->method == CW_METHOD_DIFFERENCE) {
        CW_TRY(add_number(env, entry, "mean_treated", r->mean_treated));
        CW_TRY(add_number(env, entry, "mean_control", r->mean_control));
        if (isfinite(r->welch_df)) CW_TRY(add_number(env, entry, "welch_df", r->welch_df));
    }
    CW_TRY(add_number(env, entry, "df_residual", r->classical_df));
    CW_TRY(add_number(env, entry, "rank", r->rank));
    CW_TRY(add_number(env, entry, "sigma2", r->sigma2));
    CW_TRY(add_number(env, entry, "rss", r->rss));
    CW_TRY(add_number(env, entry, "condition", r->condition));
    if (isfinite(r->imbalance)) CW_TRY(add_number(env, entry, "imbalance", r->imbalance));
    if (isfinite(r->max_leverage)) CW_TRY(add_number(env, entry, "max_leverage", r->max_leverage));
    if (isfinite(r->fixed_covariates))
        CW_TRY(add_number(env, entry, "se_fixed_covariates", r->fixed_covariates));
    if (task->sums > 0) CW_TRY(add_number(env, entry, "max_cluster_share", r->max_cluster_share));
    if (task->absorbs > 0) CW_TRY(add_number(env, entry, "absorbed_levels", (double)task->absorbed_levels));
    return CW_OK;
}

/* Names of the covariates that were dropped because they depend on earlier ones. */
static cw_code flag_dropped(cw_run *run, const cw_task *task, cw_entry *entry) {
    const double *value;
    const int32_t *dropped;
    int32_t p = task->covariates;
    char names[CW_ERROR_TEXT] = "";
    int any = 0;
    (void)cw_linear_coefficients(task->linear, &value, &dropped);
    for (int32_t c = 0; c < p; c++) {
        /* constant, treatment, covariates; interacted: constant and covariates, arm by arm */
        int gone = task->method == CW_METHOD_LIN ? dropped[1 + c] || dropped[2 + p + c] : dropped[2 + c];
        if (!gone) continue;
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", any ? ", " : "",
                 run->columns->name[task->covariate[c]]);
        any = 1;
    }
    if (!any) return CW_OK;
    return add_flag(run->env, &entry->flag, &entry->flags, "collinear", "warning",
                    "Left out because they are determined by the columns before them: %s.", names);
}

static cw_code flag_numbers(cw_run *run, const cw_task *task, cw_entry *entry) {
    cw_env *env = run->env;
    const cw_linear_result *r = &task->result;
    if (r->condition > condition_limit) {
        CW_TRY(add_flag(
            env, &entry->flag, &entry->flags, "ill-conditioned", "warning",
            "The covariates nearly determine each other (condition number %.1e): few digits can be trusted.",
            r->condition));
    }
    if (isfinite(r->max_leverage) && r->max_leverage > leverage_limit) {
        CW_TRY(add_flag(env, &entry->flag, &entry->flags, "high-leverage", "warning",
                        "A single row decides %.0f %% of its own fit: look at extreme covariate values.",
                        100 * r->max_leverage));
    }
    if (r->n_treated + r->n_control == r->n && r->imbalance > imbalance_limit) {
        CW_TRY(
            add_flag(env, &entry->flag, &entry->flags, "extrapolation", "warning",
                     "Treated and control rows differ by up to %.2g standard deviations in a covariate: the "
                     "number leans on a straight line where one of the arms has few rows.",
                     r->imbalance));
    }
    int64_t arm = r->n_treated < r->n_control ? r->n_treated : r->n_control;
    if (task->method != CW_METHOD_OLS && arm < CW_FEW_ROWS) {
        CW_TRY(add_flag(env, &entry->flag, &entry->flags, "few-rows", "warning",
                        "The smaller arm has only %lld rows: the interval leans on normal outcomes.",
                        (long long)arm));
    }
    if (!isfinite(entry->se)) {
        CW_TRY(add_flag(env, &entry->flag, &entry->flags, "no-standard-error", "stop",
                        "The standard error %s is not defined for these data (%s).", entry->se_kind,
                        task->se[0] >= CW_SE_CR0 ? "too few clusters, or one that decides its own fit"
                                                 : "a row decides its own fit"));
    }
    return CW_OK;
}

static cw_code flag_clusters(cw_run *run, const cw_task *task, cw_entry *entry) {
    cw_env *env = run->env;
    if (task->sums > 0) {
        entry->n_units = task->sum[0].size;
        if (task->sums == 3 && task->sum[1].size < entry->n_units) entry->n_units = task->sum[1].size;
        if (entry->n_units < CW_FEW_CLUSTERS_FLAG) {
            CW_TRY(add_flag(env, &entry->flag, &entry->flags, "few-clusters", "warning",
                            "Only %lld clusters: intervals from so few can be too short.",
                            (long long)entry->n_units));
        }
        return CW_OK;
    }
    int units = run->job->data.unit || run->job->data.parts_are_units;
    if (!units) return CW_OK;
    return add_flag(env, &entry->flag, &entry->flags, "rows-as-independent", "warning",
                    "Rows of one unit are treated as independent because the job says cluster: none.");
}

static cw_code flag_meaning(cw_run *run, const cw_task *task, cw_entry *entry) {
    cw_env *env = run->env;
    if (task->method == CW_METHOD_OLS && task->covariates > 0) {
        CW_TRY(add_flag(env, &entry->flag, &entry->flags, "variance-weighted", "note",
                        "If the effect differs between rows, this is an average weighted by how much the "
                        "treatment varies "
                        "given the covariates, not over all rows alike."));
    }
    if (!run->graph) return CW_OK;
    if (run->adjustment && !run->adjustment->identified && !task->adjustment_valid) {
        return add_flag(env, &entry->flag, &entry->flags, "not-identified", "stop",
                        "By the graph no adjustment makes this a causal effect: it is an association.");
    }
    if (!task->adjustment_valid) {
        return add_flag(env, &entry->flag, &entry->flags, "invalid-adjustment", "stop",
                        "By the graph these covariates do not remove confounding (or remove part of the "
                        "effect): this number "
                        "is an association.");
    }
    if (!task->adjustment_checked) {
        return add_flag(env, &entry->flag, &entry->flags, "unchecked-covariates", "warning",
                        "Some covariates are not in the graph, so whether they belong here was not checked.");
    }
    return CW_OK;
}

static cw_code fill_assumptions(cw_run *run, const cw_task *task, cw_entry *entry) {
    static const char *const always[] = {
        "Each row's outcome depends on its own treatment only (no interference).",
        "The treatment means the same thing in every row (consistency).",
        "Treatment, outcome and covariates are measured without error that matters.",
        "The covariates were settled before the treatment, and that before the outcome (time zero)."};
    cw_env *env = run->env;
    if (task->method == CW_METHOD_DIFFERENCE) {
        CW_TRY(add_assumption(
            env, entry, "The treatment was as good as random: nothing causes both it and the outcome."));
    } else {
        CW_TRY(
            add_assumption(env, entry,
                           run->graph && task->adjustment_valid
                               ? "The graph is right: given these covariates, nothing else causes both "
                                 "treatment and outcome."
                               : "Given these covariates, nothing else causes both treatment and outcome."));
        CW_TRY(
            add_assumption(env, entry,
                           task->method == CW_METHOD_LIN
                               ? "In each arm the outcome is linear in the covariates where the arms are "
                                 "compared."
                               : "The outcome is linear in treatment and covariates, without interaction."));
    }
    for (size_t k = 0; k < sizeof always / sizeof *always; k++) CW_TRY(add_assumption(env, entry, always[k]));
    return CW_OK;
}

static cw_code fill_names(cw_run *run, const cw_task *task, cw_entry *entry) {
    static const char *const populations[] = {
        [CW_ATE] = "all rows used", [CW_ATT] = "treated rows", [CW_ATC] = "control rows"};
    cw_env *env = run->env;
    const char *unit = run->columns->unit[run->outcome];
    CW_TRY(cw_strdup(env, task->id, &entry->id));
    CW_TRY(cw_strdup(env, cw_method_name(task->method), &entry->method));
    CW_TRY(cw_strdup(env, cw_effect_name(task->effect), &entry->effect));
    CW_TRY(cw_strdup(env, run->job->question.treatment, &entry->treatment));
    CW_TRY(cw_strdup(env, run->job->question.outcome, &entry->outcome));
    CW_TRY(cw_strdup(env,
                     task->method == CW_METHOD_OLS && task->covariates > 0 ? "variance-weighted rows"
                                                                           : populations[task->effect],
                     &entry->population));
    CW_TRY(cw_strdup(env, "difference", &entry->scale));
    if (unit) CW_TRY(cw_strdup(env, unit, &entry->unit));
    if (task->why) CW_TRY(cw_strdup(env, task->why, &entry->why));
    CW_TRY(cw_alloc_zero(env, (size_t)task->covariates, sizeof *entry->covariate, &entry->covariate));
    for (int32_t k = 0; k < task->covariates; k++) {
        CW_TRY(cw_strdup(env, run->columns->name[task->covariate[k]], &entry->covariate[k]));
        entry->covariates = k + 1;
    }
    return CW_OK;
}

static cw_code fill_entry(cw_run *run, const cw_task *task, cw_entry *entry) {
    const cw_linear_result *r = &task->result;
    entry->contrast[0] = run->control;
    entry->contrast[1] = run->treated;
    entry->level = task->level;
    entry->n_units = -1;
    entry->bits = "any";
    entry->value = entry->se = entry->lower = entry->upper = entry->df = entry->n_effective = (double)NAN;
    CW_TRY(fill_names(run, task, entry));
    if (task->why) return CW_OK;
    entry->value = r->estimate;
    entry->n = r->n;
    if (run->job->data.weight) entry->n_effective = r->weight_sum * r->weight_sum / r->weight_square_sum;
    CW_TRY(fill_interval(run->env, task, entry));
    CW_TRY(fill_diagnostics(run->env, task, entry));
    CW_TRY(fill_assumptions(run, task, entry));
    CW_TRY(flag_meaning(run, task, entry));
    CW_TRY(flag_dropped(run, task, entry));
    CW_TRY(flag_clusters(run, task, entry));
    return flag_numbers(run, task, entry);
}

cw_code cw_entries_fill(cw_run *run) {
    cw_results *results = run->results;
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->tasks, sizeof *results->entry, &results->entry));
    results->entries = run->tasks;
    for (int32_t k = 0; k < run->tasks; k++) CW_TRY(fill_entry(run, &run->task[k], &results->entry[k]));
    return CW_OK;
}
