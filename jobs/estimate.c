/* The estimate stage: one pass looks at the rows and feeds every Gram matrix that can be fed, rank 0 solves,
 * one pass feeds every score. Tasks that absorb factors make their demeaned columns in between and have
 * passes of their own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/random.h"
#include "../src/estimate/census.h"
#include "predict.h"

const cw_source *cw_task_source(const cw_run *run, const cw_task *task) {
    return task->state ? &task->state_source : &run->columns->source;
}

int cw_task_wants(const cw_task *task, cw_se se) {
    for (int32_t k = 0; k < task->ses; k++)
        if (task->se[k] == se) return 1;
    return 0;
}

cw_code cw_task_linear(cw_run *run, const cw_task *task, int cr2, cw_linear **out) {
    static const cw_linear_form forms[] = {[CW_METHOD_DIFFERENCE] = CW_FORM_DIFFERENCE,
                                           [CW_METHOD_OLS] = CW_FORM_ADJUST,
                                           [CW_METHOD_LIN] = CW_FORM_INTERACT};
    static const cw_target targets[] = {
        [CW_ATE] = CW_TARGET_ALL, [CW_ATT] = CW_TARGET_TREATED, [CW_ATC] = CW_TARGET_CONTROLS};
    static const cw_weighting weightings[] = {[CW_WEIGHT_NONE] = CW_UNWEIGHTED,
                                              [CW_WEIGHT_SAMPLING] = CW_SAMPLING,
                                              [CW_WEIGHT_FREQUENCY] = CW_FREQUENCY,
                                              [CW_WEIGHT_PRECISION] = CW_PRECISION};
    int32_t first =
        run->columns->source.reals; /* of the demeaned columns: outcome, treatment, covariates, share */
    int32_t *covariate = NULL;
    CW_TRY(cw_alloc(run->env, (size_t)task->covariates, sizeof *covariate, &covariate));
    for (int32_t k = 0; k < task->covariates; k++)
        covariate[k] = task->state ? first + 2 + k : task->covariate[k];
    const cw_linear_spec spec = {.form = forms[task->method],
                                 .target = targets[task->effect],
                                 .outcome = task->state ? first : run->outcome,
                                 .treatment = task->state ? first + 1 : run->treatment,
                                 .covariates = task->covariates,
                                 .covariate = covariate,
                                 .control = run->control,
                                 .treated = run->treated,
                                 .weighting =
                                     weightings[run->job->data.weight ? run->job->data.weight_kind : 0],
                                 .leverage = cw_task_wants(task, CW_SE_HC2) || cw_task_wants(task, CW_SE_HC3),
                                 .absorbed = task->absorbs,
                                 .absorbed_levels = task->absorbed_levels,
                                 .level_share = task->absorbs == 1 ? first + 2 + task->covariates : -1,
                                 .clusters = task->sums > 0,
                                 .cr2 = cr2,
                                 .facts = task->state ? task->facts : run->facts,
                                 .name = task->state ? NULL : run->columns->message_name,
                                 .rows = run->table->rows};
    cw_code code = cw_linear_create(run->env, &spec, out);
    cw_free(run->env, &covariate);
    return code;
}

/* Rank 0 looks at the first block that has rows in use: near-means to shift columns by, and whether the
 * treatment takes the values 0 and 1 alone there. */
typedef struct first_look {
    int64_t treatment_is_binary;
} first_look;

static void look_at_column(const cw_block *block, const double *x, cw_column_facts *facts, int *binary) {
    double sum = 0, low = INFINITY, high = -(double)INFINITY;
    int64_t used = 0, others = 0;
    for (int32_t i = 0; i < block->rows; i++) {
        double v = x[i];
        if ((block->weight && !(block->weight[i] > 0)) || v != v) continue;
        used++;
        sum += v;
        low = v < low ? v : low;
        high = v > high ? v : high;
        others += v != 0 && v != 1;
    }
    double mean = used ? sum / (double)used : 0; /* infinite or all missing: judged after the pass */
    *facts = (cw_column_facts){.low = low, .high = high, .shift = isfinite(mean) ? mean : 0};
    *binary = others == 0;
}

static void look_at(const cw_run *run, const cw_block *block, cw_column_facts *facts, first_look *look,
                    int64_t *used) {
    *used = 0;
    for (int32_t i = 0; i < block->rows; i++) *used += !block->weight || block->weight[i] > 0;
    if (*used == 0) return;
    for (int32_t j = 0; j < run->columns->reals; j++) {
        int binary = 0;
        look_at_column(block, block->real[j], &facts[j], &binary);
        if (j == run->treatment) look->treatment_is_binary = binary;
    }
}

static cw_code first_look_local(cw_run *run, first_look *look) {
    look->treatment_is_binary = 1;
    int64_t rows = run->table->rows, used = 0;
    for (int64_t first = 0; first < rows && used == 0; first += CW_BLOCK_ROWS) {
        int32_t count = (int32_t)(rows - first < CW_BLOCK_ROWS ? rows - first : CW_BLOCK_ROWS);
        cw_block block;
        CW_TRY(run->columns->source.read(run->env, run->columns->source.self, first, count, &block));
        block.first_row = first;
        look_at(run, &block, run->facts, look, &used);
    }
    return CW_OK;
}

static cw_code take_first_look(cw_run *run) {
    first_look look = {0};
    size_t columns = (size_t)run->columns->source.reals;
    cw_code code = cw_alloc_zero(run->env, columns, sizeof *run->facts, &run->facts);
    if (code == CW_OK && cw_context_rank(run->context) == 0) code = first_look_local(run, &look);
    CW_TRY(cw_agree(run->context, code));
    CW_TRY(cw_broadcast(run->context, run->facts, columns * sizeof *run->facts));
    CW_TRY(cw_broadcast(run->context, &look, sizeof look));
    run->treatment_is_binary = look.treatment_is_binary != 0;
    return CW_OK;
}

static cw_code prepare_local(cw_run *run) {
    double contrast[2] = {run->control, run->treated};
    CW_TRY(cw_profile_create(run->env, run->columns->reals, run->treatment, 2, contrast, &run->profile));
    CW_TRY(cw_alloc(run->env, cw_accumulator_bytes(cw_profile_accumulator(run->profile)), 1,
                    &run->profile_state));
    return CW_OK;
}

static cw_code prepare_task(cw_run *run, cw_task *task) {
    CW_TRY(cw_task_linear(run, task, cw_task_wants(task, CW_SE_CR2), &task->linear));
    CW_TRY(cw_format(run->env, &task->gram_name, "gram of %s", task->id));
    CW_TRY(cw_format(run->env, &task->scores_name, "scores of %s", task->id));
    task->gram_of = *cw_linear_gram(task->linear);
    task->gram_of.name = task->gram_name;
    task->scores_of = *cw_linear_scores(task->linear);
    task->scores_of.name = task->scores_name;
    CW_TRY(cw_alloc(run->env, cw_accumulator_bytes(&task->gram_of), 1, &task->gram));
    CW_TRY(cw_alloc(run->env, cw_accumulator_bytes(&task->scores_of), 1, &task->scores));
    return cw_alloc_zero(run->env, cw_linear_solution_bytes(task->linear), 1, &task->solution);
}

static cw_code prepare_tasks(cw_run *run, int absorbing) {
    for (int32_t k = 0; k < run->tasks; k++)
        if ((run->task[k].absorbs > 0) == absorbing) CW_TRY(prepare_task(run, &run->task[k]));
    return CW_OK;
}

/* A missing value where the job allows none is the data's fault, and the first one is named. */
static cw_code judge_missing(cw_run *run, const cw_census_counts *census) {
    if (run->job->data.missing == CW_MISSING_DROP) return CW_OK;
    int64_t values = census->missing, row = census->first_missing;
    int32_t which = census->missing_column; /* keys are the view's to find */
    for (int32_t j = 0; j < run->columns->reals; j++) {
        cw_profile_column column;
        cw_profile_get(run->profile, run->profile_state, j, &column);
        values += column.missing;
        if (column.missing == 0 || (row >= 0 && row <= column.first_missing)) continue;
        row = column.first_missing;
        which = j;
    }
    if (values == 0) return CW_OK;
    char where[CW_ERROR_PLACE];
    snprintf(where, sizeof where, "%s, row %lld", run->columns->message_name[which], (long long)row + 1);
    return cw_fail(run->env, CW_BAD_DATA, where,
                   "say data.missing: drop to leave such rows out, or mend the data",
                   "%lld missing values in %lld rows of the columns that the job uses", (long long)values,
                   (long long)run->table->rows);
}

static int needs_two_values(const cw_run *run) {
    for (int32_t k = 0; k < run->tasks; k++)
        if (run->task[k].method != CW_METHOD_OLS) return 1;
    return 0;
}

static cw_code judge_rows(cw_run *run, const cw_census_counts *census) {
    CW_TRY(judge_missing(run, census));
    if (census->used == 0) {
        return cw_fail(run->env, CW_BAD_DATA, run->job->file,
                       "look at data.where, the weights and the missing values",
                       "no row is left to use of %lld", (long long)run->table->rows);
    }
    for (int32_t j = 0; j < run->columns->reals; j++) {
        cw_profile_column column;
        cw_profile_get(run->profile, run->profile_state, j, &column);
        if (!isfinite(column.low) || !isfinite(column.high)) {
            return cw_fail(run->env, CW_BAD_DATA, run->columns->name[j],
                           "declare it with data.columns.NAME.missing or range",
                           "a column has infinite values");
        }
        run->facts[j].low = column.low;
        run->facts[j].high = column.high;
    }
    int64_t compared = cw_profile_watched(run->profile, run->profile_state, 0) +
                       cw_profile_watched(run->profile, run->profile_state, 1);
    if (needs_two_values(run) && !run->job->question.contrast_given && compared < census->used) {
        return cw_fail(run->env, CW_BAD_DATA, run->job->question.treatment,
                       "state question.treatment.contrast: [from, to], or use the method ols",
                       "the treatment takes other values than 0 and 1 in %lld of %lld rows",
                       (long long)(census->used - compared), (long long)census->used);
    }
    return CW_OK;
}

/* The values used, whatever the files they came in: the exact profile and every Gram matrix. */
static void digest_states(cw_run *run, const cw_census_counts *census) {
    const int64_t counts[] = {census->used, census->filtered, census->missing};
    uint64_t digest = cw_hash64(counts, sizeof counts, 0);
    digest =
        cw_hash64(run->profile_state, cw_accumulator_bytes(cw_profile_accumulator(run->profile)), digest);
    for (int32_t k = 0; k < run->tasks; k++) {
        const cw_task *task = &run->task[k];
        if (task->gram && !task->absorbs)
            digest = cw_hash64(task->gram, cw_accumulator_bytes(&task->gram_of), digest);
    }
    run->data_digest = digest;
}

static cw_code run_pass(cw_run *run, const char *name, const cw_source *source, int32_t count,
                        const cw_accumulator *const *accumulator, void *const *result) {
    const cw_pass_options options = {.name = name, .group_key = -1, .keeper = run->keeper};
    return cw_pass(run->context, source, &options, count, accumulator, result);
}

/* Collects the accumulators of all tasks that do (not) absorb; the arrays have room for tasks + 2. */
static int32_t collect(cw_run *run, int absorbing, int scores, const cw_accumulator **accumulator,
                       void **result) {
    int32_t count = 0;
    for (int32_t k = 0; k < run->tasks; k++) {
        cw_task *task = &run->task[k];
        if ((task->absorbs > 0) != absorbing || task->why) continue;
        accumulator[count] = scores ? &task->scores_of : &task->gram_of;
        result[count++] = scores ? task->scores : task->gram;
    }
    return count;
}

static cw_code first_pass(cw_run *run, const cw_accumulator **accumulator, void **result) {
    cw_census census;
    int64_t census_state[16];
    cw_census_init(&census, run->columns->reals);
    int32_t count = collect(run, 0, 0, accumulator, result);
    accumulator[count] = cw_profile_accumulator(run->profile);
    result[count++] = run->profile_state;
    accumulator[count] = &census.accumulator;
    result[count++] = census_state;
    CW_TRY(run_pass(run, "look", &run->columns->source, count, accumulator, result));
    run->census = cw_census_get(census_state);
    CW_TRY(cw_agree(run->context, judge_rows(run, &run->census)));
    digest_states(run, &run->census);
    return CW_OK;
}

/* Rank 0 solves; what it found, or why there is nothing to find, reaches everyone. */
static cw_code fit(cw_run *run, cw_task *task) {
    cw_env *env = run->env;
    struct {
        int64_t code;
        char why[CW_ERROR_TEXT];
    } verdict;
    memset(&verdict, 0, sizeof verdict);
    if (cw_context_rank(run->context) == 0) {
        cw_code code = cw_linear_fit(task->linear, task->gram, task->solution);
        verdict.code = code;
        if (code == CW_BAD_DATA) {
            memcpy(verdict.why, env->error.what, sizeof verdict.why);
            cw_env_clear(env);
        }
    }
    CW_TRY(cw_broadcast(run->context, &verdict, sizeof verdict));
    CW_TRY(cw_broadcast(run->context, task->solution, cw_linear_solution_bytes(task->linear)));
    if (verdict.code == CW_OK) {
        cw_linear_use(task->linear, task->solution);
        return CW_OK;
    }
    if (verdict.code != CW_BAD_DATA) return cw_agree(run->context, (cw_code)verdict.code);
    return cw_agree(run->context, cw_strdup(env, verdict.why, &task->why));
}

static cw_code fit_task(cw_run *run, cw_task *task) {
    cw_timer_start(run->context, "solve");
    cw_code code = fit(run, task);
    cw_timer_stop(run->context, "solve", 0, 0);
    return code;
}

static cw_code finish_task(cw_run *run, cw_task *task) {
    cw_linear_finish(task->linear, task->scores, NULL, 0, &task->result);
    if (task->sums > 0) return cw_cluster_variances(run, task);
    return CW_OK;
}

/* A task with absorbed factors: its own columns, its own passes. */
static cw_code absorbing_task(cw_run *run, cw_task *task) {
    CW_TRY(cw_absorb(run, task));
    CW_TRY(cw_agree(run->context, prepare_task(run, task)));
    const cw_accumulator *gram = &task->gram_of, *scores = &task->scores_of;
    CW_TRY(run_pass(run, task->gram_name, &task->state_source, 1, &gram, &task->gram));
    CW_TRY(fit_task(run, task));
    if (task->why) return CW_OK;
    CW_TRY(run_pass(run, task->scores_name, &task->state_source, 1, &scores, &task->scores));
    return finish_task(run, task);
}

static cw_code estimate_tasks(cw_run *run, const cw_accumulator **accumulator, void **result) {
    CW_TRY(cw_agree(run->context, prepare_tasks(run, 0)));
    CW_TRY(first_pass(run, accumulator, result));
    for (int32_t k = 0; k < run->tasks; k++)
        if (run->task[k].absorbs == 0) CW_TRY(fit_task(run, &run->task[k]));
    int32_t count = collect(run, 0, 1, accumulator, result);
    if (count > 0) CW_TRY(run_pass(run, "scores", &run->columns->source, count, accumulator, result));
    for (int32_t k = 0; k < run->tasks; k++) {
        cw_task *task = &run->task[k];
        if (task->absorbs > 0)
            CW_TRY(absorbing_task(run, task));
        else if (!task->why)
            CW_TRY(finish_task(run, task));
    }
    return CW_OK;
}

/* With no number at all the data cannot answer, and the first reason is the run's error. */
static cw_code judge_answers(cw_run *run) {
    for (int32_t k = 0; k < run->tasks; k++)
        if (!run->task[k].why) return CW_OK;
    return cw_fail(run->env, CW_BAD_DATA, run->job->file, "see the estimator's needs with causeway job",
                   "%s: %s", run->task[0].id, run->task[0].why);
}

cw_code cw_stage_estimate(cw_run *run) {
    cw_timer_start(run->context, "first look");
    cw_code code = take_first_look(run);
    cw_timer_stop(run->context, "first look", 0, 0);
    CW_TRY(code);
    code = cw_tasks_make(run);
    cw_prediction prediction = {0};
    if (code == CW_OK) code = cw_run_predict(run, &prediction);
    if (code == CW_OK) code = prepare_local(run);
    const cw_accumulator **accumulator = NULL;
    void **result = NULL;
    size_t room = (size_t)run->tasks + 2;
    if (code == CW_OK) code = cw_alloc(run->env, room, sizeof *accumulator, &accumulator);
    if (code == CW_OK) code = cw_alloc(run->env, room, sizeof *result, &result);
    code = cw_agree(run->context, code);
    if (code == CW_OK) code = estimate_tasks(run, accumulator, result);
    if (code == CW_OK) code = cw_agree(run->context, judge_answers(run));
    cw_free(run->env, &accumulator);
    cw_free(run->env, &result);
    return code;
}
