/* causeway check: everything about a job that can be known without reading rows. */
#include <stdio.h>
#include <string.h>

#include "../io/json.h"
#include "commands.h"
#include "predict.h"

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
    CW_TRY(cw_alloc_zero(run->env, (size_t)run->columns->reals, sizeof *run->facts, &run->facts));
    return cw_run_predict(run, prediction);
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
