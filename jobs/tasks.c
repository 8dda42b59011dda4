/* From the job's list of estimators (or `auto`) to tasks: one for each estimator and effect. */
#include <math.h>
#include <string.h>

#include "run.h"

/* What `estimate: auto` stands for. With a graph and a treatment of two values: Lin's interacted adjustment
 * first, the additive one and the raw difference beside it. The order is fixed before any outcome is looked
 * at. */
static const cw_method auto_binary[] = {CW_METHOD_LIN, CW_METHOD_OLS, CW_METHOD_DIFFERENCE};
static const cw_method auto_unadjusted[] = {CW_METHOD_DIFFERENCE};
static const cw_method auto_continuous[] = {CW_METHOD_OLS};

static cw_code covariates_of(cw_run *run, const char *what, int32_t names, char *const *name, int32_t **out,
                             int32_t *count) {
    cw_env *env = run->env;
    int32_t *place = NULL;
    *count = 0;
    *out = NULL;
    for (int32_t k = 0; k < names; k++) {
        cw_code code = cw_realloc(env, (size_t)*count + CW_MAX_DUMMIES, sizeof *place, &place);
        int32_t added = 0;
        if (code == CW_OK) code = cw_columns_covariate(run->columns, what, name[k], place + *count, &added);
        if (code != CW_OK) {
            cw_free(env, &place);
            return code;
        }
        *count += added;
    }
    *out = place;
    return CW_OK;
}

/* The covariates of a job's estimator: its own list, else the set that identification chose, else none. */
static cw_code ask_covariates(cw_run *run, const cw_job_estimate *ask, int32_t **out, int32_t *count) {
    if (ask && ask->covariates_given) {
        return covariates_of(run, "estimate.covariates", ask->covariates.count, ask->covariates.item, out,
                             count);
    }
    *out = NULL;
    *count = 0;
    const cw_adjustment *adjustment = run->adjustment;
    if (!adjustment || !adjustment->identified) return CW_OK;
    char **names = NULL;
    CW_TRY(cw_alloc(run->env, (size_t)adjustment->use_size, sizeof *names, &names));
    for (int32_t k = 0; k < adjustment->use_size; k++) names[k] = run->graph->name[adjustment->use[k]];
    cw_code code = covariates_of(run, "graph", adjustment->use_size, names, out, count);
    cw_free(run->env, &names);
    return code;
}

static cw_code ask_all_covariates(cw_run *run) {
    const cw_job *job = run->job;
    for (int32_t k = 0; k < (job->estimate_auto ? 1 : job->estimates); k++) {
        const cw_job_estimate *ask = job->estimate_auto ? NULL : &job->estimate[k];
        int32_t *place = NULL, count = 0, key = 0;
        CW_TRY(ask_covariates(run, ask, &place, &count));
        cw_free(run->env, &place);
        for (int32_t a = 0; ask && a < ask->absorb.count; a++)
            CW_TRY(cw_columns_key(run->columns, "estimate.absorb", ask->absorb.item[a], &key));
    }
    return CW_OK;
}

static cw_code ask_clusters(cw_run *run) {
    const cw_job *job = run->job;
    if (job->data.cluster_given) {
        run->clusters = job->data.cluster.count;
        for (int32_t k = 0; k < run->clusters; k++)
            CW_TRY(cw_columns_key(run->columns, "data.cluster", job->data.cluster.item[k], &run->cluster[k]));
        return CW_OK;
    }
    /* Rows of one unit are not independent: the unit is the cluster unless the job says otherwise. */
    const char *unit = job->data.unit ? job->data.unit : job->data.parts_are_units ? job->data.part_id : NULL;
    if (!unit) return CW_OK;
    run->clusters = 1;
    return cw_columns_key(run->columns, "data.unit", unit, &run->cluster[0]);
}

cw_code cw_tasks_columns(cw_run *run) {
    const cw_job *job = run->job;
    cw_columns *columns = run->columns;
    CW_TRY(cw_columns_real(columns, "question.outcome", job->question.outcome, &run->outcome));
    CW_TRY(cw_columns_real(columns, "question.treatment", job->question.treatment, &run->treatment));
    CW_TRY(ask_all_covariates(run));
    if (job->data.weight)
        CW_TRY(cw_columns_real(columns, "data.weights", job->data.weight, &columns->weight));
    return ask_clusters(run);
}

/* The standard errors of a task: what the job asks for, else by the method (docs/DESIGN.md section 10). */
static void choose_errors(cw_run *run, const cw_job_estimate *ask, cw_task *task) {
    if (ask && ask->ses > 0) {
        task->ses = ask->ses;
        memcpy(task->se, ask->se, sizeof task->se);
        return;
    }
    task->ses = 1;
    if (run->clusters > 0) {
        task->se[0] = CW_SE_CR1;
    } else if (run->job->data.weight_kind == CW_WEIGHT_PRECISION) {
        task->se[0] = CW_SE_CLASSICAL;
    } else {
        task->se[0] = task->method == CW_METHOD_OLS ? CW_SE_HC1 : CW_SE_HC2;
    }
}

static cw_code check_against_graph(cw_run *run, cw_task *task) {
    if (!run->graph || !run->adjustment) return CW_OK;
    uint8_t *set = NULL;
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->graph->nodes, 1, &set));
    int known = 1;
    for (int32_t k = 0; k < task->covariates; k++) {
        /* "name=label" is an indicator of the node `name` */
        const char *name = run->columns->name[task->covariate[k]];
        const char *mark = strchr(name, '=');
        int32_t node = cw_graph_find(run->graph, name);
        for (int32_t v = 0; node < 0 && mark && v < run->graph->nodes; v++) {
            size_t length = strlen(run->graph->name[v]);
            if (length == (size_t)(mark - name) && memcmp(run->graph->name[v], name, length) == 0) node = v;
        }
        if (node >= 0)
            set[node] = 1;
        else
            known = 0;
    }
    int32_t x = cw_graph_find(run->graph, run->job->question.treatment);
    int32_t y = cw_graph_find(run->graph, run->job->question.outcome);
    cw_code code = cw_adjustment_valid(run->graph, x, y, set, &task->adjustment_valid);
    task->adjustment_checked = known;
    cw_free(run->env, &set);
    return code;
}

static cw_code add_task(cw_run *run, const cw_job_estimate *ask, cw_method method, cw_effect effect,
                        int several) {
    cw_env *env = run->env;
    CW_TRY(cw_realloc(env, (size_t)run->tasks + 1, sizeof *run->task, &run->task));
    cw_task *task = &run->task[run->tasks++];
    memset(task, 0, sizeof *task);
    task->method = method;
    task->effect = effect;
    task->level = ask ? ask->level : 0.95;
    const char *name = ask && ask->id ? ask->id : cw_method_name(method);
    CW_TRY(several ? cw_format(env, &task->id, "%s.%s", name, cw_effect_name(effect))
                   : cw_strdup(env, name, &task->id));
    if (method != CW_METHOD_DIFFERENCE) CW_TRY(ask_covariates(run, ask, &task->covariate, &task->covariates));
    for (int32_t k = 0; ask && k < ask->absorb.count; k++)
        CW_TRY(cw_columns_key(run->columns, "estimate.absorb", ask->absorb.item[k],
                              &task->absorb[task->absorbs++]));
    choose_errors(run, ask, task);
    task->sums = run->clusters == 2 ? 3 : run->clusters;
    for (int32_t k = 0; k < task->sums; k++) {
        task->sum[k].key[0] = k == 1 ? run->cluster[1] : run->cluster[0];
        task->sum[k].key[1] = k == 2 ? run->cluster[1] : -1;
    }
    return check_against_graph(run, task);
}

/* Only the interacted form answers for more than one population; the others stand once, for the first effect.
 */
static cw_code add_effects(cw_run *run, const cw_job_estimate *ask, cw_method method) {
    int32_t effects = method == CW_METHOD_LIN ? run->job->question.effects : 1;
    for (int32_t k = 0; k < effects; k++)
        CW_TRY(add_task(run, ask, method, run->job->question.effect[k], effects > 1));
    return CW_OK;
}

cw_code cw_tasks_make(cw_run *run) {
    const cw_job *job = run->job;
    run->control = job->question.contrast_given ? job->question.contrast[0] : 0;
    run->treated = job->question.contrast_given ? job->question.contrast[1] : 1;
    if (!job->estimate_auto) {
        for (int32_t k = 0; k < job->estimates; k++)
            CW_TRY(add_effects(run, &job->estimate[k], job->estimate[k].method));
        return CW_OK;
    }
    const cw_method *list = auto_continuous;
    size_t count = 1;
    int two_values = run->treatment_is_binary || job->question.contrast_given;
    int adjusts = run->adjustment && run->adjustment->identified && run->adjustment->use_size > 0;
    if (two_values && adjusts) {
        list = auto_binary;
        count = sizeof auto_binary / sizeof *auto_binary;
    } else if (two_values) {
        list = auto_unadjusted;
    }
    for (size_t k = 0; k < count; k++) CW_TRY(add_effects(run, NULL, list[k]));
    return CW_OK;
}

void cw_task_clear(cw_env *env, cw_task *task) {
    for (int32_t k = 0; k < 3; k++) {
        cw_keysum_destroy(&task->sum[k].local);
        cw_keysum_destroy(&task->sum[k].owned);
        cw_free(env, &task->sum[k].meat);
    }
    cw_free(env, &task->facts);
    cw_rowstate_destroy(&task->state);
    cw_linear_destroy(&task->linear);
    cw_free(env, &task->solution);
    cw_free(env, &task->gram);
    cw_free(env, &task->gram_name);
    cw_free(env, &task->scores_name);
    cw_free(env, &task->scores);
    cw_free(env, &task->covariate);
    cw_free(env, &task->why);
    cw_free(env, &task->id);
}
