/* causeway check: everything about a job that can be known without reading rows. */
#include <stdio.h>
#include <string.h>

#include "../io/json.h"
#include "commands.h"
#include "run.h"

enum { CW_READ_BUFFER = 64 << 20 };

typedef struct cw_prediction {
    int64_t memory; /* bytes a rank, at most */
    int64_t bytes_a_pass;
    int32_t passes;
    int import_needed;
} cw_prediction;

/* The states of a pass live on a stack of finished subtrees, at most two a level of the tree, plus a fresh
 * leaf. */
static int64_t stack_depth(int64_t rows) {
    int64_t depth = 2;
    for (int64_t blocks = cw_block_count(rows); blocks > 1; blocks = (blocks + 1) / 2) depth += 2;
    return depth;
}

static cw_code predict_task(cw_run *run, cw_task *task, cw_prediction *prediction) {
    cw_linear *linear = NULL;
    CW_TRY(cw_task_linear(run, task, 0, &linear));
    int64_t state = (int64_t)cw_accumulator_bytes(cw_linear_gram(linear));
    prediction->memory += state * stack_depth(run->table->rows);
    if (task->absorbs > 0) {
        prediction->memory += run->table->rows * (3 + task->covariates) * 8;
        prediction->passes += 3 + 2 * task->absorbs;
    }
    if (task->sums > 0) prediction->passes += 1;
    cw_linear_destroy(&linear);
    return CW_OK;
}

static cw_code predict(cw_run *run, cw_prediction *prediction) {
    prediction->memory =
        CW_READ_BUFFER + (int64_t)(run->columns->reals + run->columns->keys) * CW_BLOCK_ROWS * 8 * 2;
    prediction->bytes_a_pass = run->table->rows * (run->columns->bases + run->columns->keys) * 8;
    prediction->passes = 2;
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->columns->reals, sizeof *run->facts, &run->facts));
    for (int32_t k = 0; k < run->tasks; k++) CW_TRY(predict_task(run, &run->task[k], prediction));
    if (prediction->memory > run->job->run.memory) {
        return cw_fail(run->env, CW_NO_MEMORY, run->job->file,
                       "raise run.memory, or use fewer columns or more ranks",
                       "a rank may need %.1f MiB but run.memory is %.1f MiB",
                       (double)prediction->memory / 1048576, (double)run->job->run.memory / 1048576);
    }
    return CW_OK;
}

static cw_code look_at_job(cw_run *run, const cw_options *options, cw_prediction *prediction) {
    char *text = NULL;
    size_t length = 0;
    cw_table_spec spec = {0};
    cw_code code = cw_job_read(run->env, options->argument[0], &text, &length);
    if (code == CW_OK)
        code = cw_job_parse(run->env, options->argument[0], text, length, options->sets, options->set,
                            &run->job);
    cw_free(run->env, &text);
    if (code == CW_OK) code = cw_columns_spec(run->env, run->job, &spec);
    if (code == CW_OK) code = cw_table_needs_import(run->env, &spec, &prediction->import_needed);
    if (code == CW_OK && !prediction->import_needed) code = cw_table_scan(run->env, &spec, &run->table);
    cw_columns_spec_clear(run->env, &spec);
    return code;
}

/* The same asking for columns as in a run, against the table's metadata alone. */
static cw_code look_at_columns(cw_run *run, cw_prediction *prediction) {
    if (prediction->import_needed) return CW_OK;
    if (run->job->graph.given) CW_TRY(cw_identify_local(run));
    CW_TRY(cw_columns_create(run->env, run->job, run->table, &run->columns));
    CW_TRY(cw_tasks_columns(run));
    int32_t treatment = cw_table_find(run->table, run->job->question.treatment, NULL);
    run->treatment_is_binary = treatment >= 0 && run->table->column[treatment].kind == CW_BINARY;
    CW_TRY(cw_tasks_make(run));
    return predict(run, prediction);
}

static cw_code print_json(const cw_run *run, const cw_prediction *prediction) {
    cw_json *json = NULL;
    char *text = NULL;
    size_t length = 0;
    CW_TRY(cw_json_create(run->env, &json));
    cw_json_object(json, NULL);
    cw_json_bool(json, "valid", 1);
    cw_json_bool(json, "import_needed", prediction->import_needed);
    if (run->table) {
        cw_json_int(json, "rows", run->table->rows);
        cw_json_int(json, "parts", run->table->parts);
        cw_json_array(json, "estimates");
        for (int32_t k = 0; k < run->tasks; k++) cw_json_string(json, NULL, run->task[k].id);
        cw_json_end(json);
        cw_json_int(json, "passes", prediction->passes);
        cw_json_int(json, "bytes_a_pass", prediction->bytes_a_pass);
        cw_json_int(json, "memory_a_rank", prediction->memory);
    }
    cw_json_end(json);
    cw_code code = cw_json_finish(json, &text, &length);
    if (code == CW_OK) fputs(text, stdout);
    cw_free(run->env, &text);
    cw_json_destroy(&json);
    return code;
}

static void print_plan(const cw_run *run, const cw_prediction *prediction) {
    printf("%s: a valid job\n", run->job->file);
    printf("question    effect of %s on %s\n", run->job->question.treatment, run->job->question.outcome);
    if (prediction->import_needed) {
        printf("data        CSV: imported into %s/data first; columns are checked then\n",
               run->job->output.folder);
        return;
    }
    printf("data        %lld rows, %d columns, %lld part%s\n", (long long)run->table->rows,
           run->table->columns, (long long)run->table->parts, run->table->parts == 1 ? "" : "s");
    if (run->adjustment) {
        printf("graph       %s\n",
               run->adjustment->identified ? run->adjustment->certificate : run->adjustment->obstacle);
    } else {
        printf("graph       none: whether the covariates are the right ones is not checked\n");
    }
    for (int32_t k = 0; k < run->tasks; k++) {
        printf("%s    %s", k == 0 ? "estimates" : "         ", run->task[k].id);
        for (int32_t c = 0; c < run->task[k].covariates; c++)
            printf("%s%s", c == 0 ? " given " : ", ", run->columns->name[run->task[k].covariate[c]]);
        printf("\n");
    }
    printf("passes      %d over the rows, %.3g MB each\n", prediction->passes,
           (double)prediction->bytes_a_pass / 1e6);
    printf("memory      at most %.1f MiB a rank\n", (double)prediction->memory / 1048576);
    printf("output      %s\n", run->job->output.folder);
}

cw_code cw_command_check(cw_env *env, const cw_options *options) {
    cw_run run = {.env = env, .options = options};
    cw_prediction prediction = {0};
    cw_code code = look_at_job(&run, options, &prediction);
    if (code == CW_OK) code = look_at_columns(&run, &prediction);
    if (code == CW_OK && options->json)
        code = print_json(&run, &prediction);
    else if (code == CW_OK)
        print_plan(&run, &prediction);
    cw_run_clear(&run);
    return code;
}
