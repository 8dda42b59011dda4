/* The results stage: everything the run found goes into results.json, the page goes to the screen and to
 * summary.txt. */
#include "../io/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../io/file.h"
#include "../src/base/cpu.h"
#include "build_info.h"
#include "commands.h"
#include "run.h"

static cw_code fill_question(cw_run *run) {
    cw_env *env = run->env;
    cw_results *results = run->results;
    const cw_job *job = run->job;
    CW_TRY(job->title ? cw_strdup(env, job->title, &results->title)
                      : cw_format(env, &results->title, "The effect of %s on %s", job->question.treatment,
                                  job->question.outcome));
    CW_TRY(cw_job_effective(env, job, 0, &results->job_yaml));
    results->job_digest = run->job_digest;
    CW_TRY(cw_strdup(env, job->question.treatment, &results->treatment));
    CW_TRY(cw_strdup(env, job->question.outcome, &results->outcome));
    CW_TRY(cw_alloc(env, (size_t)job->question.effects, sizeof *results->effect, &results->effect));
    results->effects = job->question.effects;
    for (int32_t k = 0; k < results->effects; k++)
        results->effect[k] = cw_effect_name(job->question.effect[k]);
    results->contrast[0] = run->control;
    results->contrast[1] = run->treated;
    return CW_OK;
}

static void fill_data(cw_run *run) {
    cw_results *results = run->results;
    results->rows = run->table->rows;
    results->rows_used = run->census.used;
    results->rows_filtered = run->census.filtered;
    results->rows_missing = run->census.missing;
    results->columns = run->table->columns;
    results->parts = run->table->parts;
    results->data_digest = run->data_digest;
}

static cw_code fill_graph(cw_run *run) {
    cw_env *env = run->env;
    cw_results *results = run->results;
    const cw_graph *graph = run->graph;
    CW_TRY(cw_alloc_zero(env, (size_t)graph->nodes, sizeof *results->node, &results->node));
    CW_TRY(cw_alloc_zero(env, (size_t)graph->nodes, sizeof *results->node_latent, &results->node_latent));
    for (int32_t v = 0; v < graph->nodes; v++) {
        results->node_latent[v] = graph->latent[v];
        CW_TRY(cw_strdup(env, graph->name[v], &results->node[v]));
        results->nodes = v + 1;
    }
    CW_TRY(cw_alloc_zero(env, (size_t)graph->edges, sizeof *results->edge, &results->edge));
    results->edges = graph->edges;
    for (int32_t e = 0; e < graph->edges; e++) {
        CW_TRY(cw_strdup(env, graph->name[graph->edge[e].from], &results->edge[e].from));
        CW_TRY(cw_strdup(env, graph->name[graph->edge[e].to], &results->edge[e].to));
        CW_TRY(cw_strdup(env, graph->edge[e].bidirected ? "<->" : "->", &results->edge[e].kind));
        CW_TRY(cw_strdup(env, "job file", &results->edge[e].provenance));
    }
    return CW_OK;
}

/* The names of some nodes of the graph; all or none are there on return. */
static cw_code copy_names(cw_run *run, const int32_t *node, int32_t count, char ***out) {
    cw_env *env = run->env;
    CW_TRY(cw_alloc_zero(env, (size_t)count, sizeof **out, out));
    cw_code code = CW_OK;
    for (int32_t k = 0; k < count && code == CW_OK; k++)
        code = cw_strdup(env, run->graph->name[node[k]], &(*out)[k]);
    for (int32_t k = 0; code != CW_OK && k < count; k++) cw_free(env, &(*out)[k]);
    if (code != CW_OK) cw_free(env, out);
    return code;
}

/* "E[E[y | t = 1, a, b] - E[y | t = 0, a, b]]": the adjustment formula. */
static cw_code adjustment_formula(cw_run *run, char **out) {
    cw_env *env = run->env;
    const cw_adjustment *from = run->adjustment;
    const char *y = run->job->question.outcome, *t = run->job->question.treatment;
    char *given = NULL;
    CW_TRY(cw_strdup(env, "", &given));
    for (int32_t k = 0; k < from->use_size; k++) {
        char *longer = NULL;
        cw_code code = cw_format(env, &longer, "%s, %s", given, run->graph->name[from->use[k]]);
        cw_free(env, &given);
        CW_TRY(code);
        given = longer;
    }
    const char *open = from->use_size ? "E[" : "", *close = from->use_size ? "]" : "";
    cw_code code = cw_format(env, out, "%sE[%s | %s = %.6g%s] - E[%s | %s = %.6g%s]%s", open, y, t,
                             run->treated, given, y, t, run->control, given, close);
    cw_free(env, &given);
    return code;
}

static cw_code fill_identification(cw_run *run) {
    cw_env *env = run->env;
    const cw_adjustment *from = run->adjustment;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *run->results->identification, &run->results->identification));
    run->results->identifications = 1;
    cw_identification *to = &run->results->identification[0];
    CW_TRY(cw_strdup(env, "adjustment", &to->strategy));
    to->identified = from->identified;
    to->complete = from->complete;
    to->chosen_size = -1;
    CW_TRY(cw_alloc_zero(env, (size_t)from->sets, sizeof *to->set_size, &to->set_size));
    CW_TRY(cw_alloc_zero(env, (size_t)from->sets, sizeof *to->set, &to->set));
    to->sets = from->sets;
    for (int32_t k = 0; k < from->sets; k++) {
        CW_TRY(copy_names(run, from->set[k], from->set_size[k], &to->set[k]));
        to->set_size[k] = from->set_size[k];
    }
    if (from->identified) {
        CW_TRY(copy_names(run, from->use, from->use_size, &to->chosen));
        to->chosen_size = from->use_size;
        CW_TRY(adjustment_formula(run, &to->estimand_text));
    }
    CW_TRY(cw_alloc_zero(env, (size_t)from->assumptions, sizeof *to->assumption, &to->assumption));
    for (int32_t k = 0; k < from->assumptions; k++) {
        CW_TRY(cw_strdup(env, from->assumption[k], &to->assumption[k]));
        to->assumptions = k + 1;
    }
    if (from->certificate) CW_TRY(cw_strdup(env, from->certificate, &to->certificate));
    if (from->obstacle) CW_TRY(cw_strdup(env, from->obstacle, &to->obstacle));
    return CW_OK;
}

/* The primary estimate is the first in the list, never chosen by its result. Where the list is the program's
 * own (auto), the first that the data could give at all and the graph allows. */
static int32_t primary_of(const cw_run *run) {
    int32_t last = run->job->estimate_auto ? run->tasks : run->tasks > 0;
    for (int32_t k = 0; k < last; k++)
        if (!run->task[k].why && (!run->job->estimate_auto || !run->graph || run->task[k].adjustment_valid))
            return k;
    return -1;
}

static cw_code fill_answer(cw_run *run) {
    cw_results *results = run->results;
    results->status = !run->graph                   ? "unchecked"
                      : run->adjustment->identified ? "identified"
                                                    : "not-identified";
    results->primary = -1;
    if (run->graph && !run->adjustment->identified) {
        return cw_format(
            run->env, &results->answer_text,
            "By the graph, adjustment cannot tell the effect of %s on %s from what else ties them.",
            results->treatment, results->outcome);
    }
    results->primary = primary_of(run);
    if (results->primary < 0)
        return cw_format(run->env, &results->answer_text, "The primary estimate could not be made.");
    const cw_entry *entry = &results->entry[results->primary];
    const char *graph = run->graph ? "if the graph is right" : "if these covariates are the right ones";
    if (!run->graph && entry->covariates == 0) graph = "if the treatment was as good as random";
    if (run->graph && !run->task[results->primary].adjustment_valid)
        graph = "but by the graph this is an association, not the effect";
    char value[32], lower[32], upper[32], interval[128] = "no interval: its standard error is not defined";
    cw_number_text(entry->value, value);
    cw_number_text(entry->lower, lower);
    cw_number_text(entry->upper, upper);
    if (isfinite(entry->lower))
        snprintf(interval, sizeof interval, "%.4g %% interval %s to %s", 100 * entry->level, lower, upper);
    return cw_format(run->env, &results->answer_text,
                     "Changing %s from %.6g to %.6g changes the mean of %s by %s%s%s (%s), %s.",
                     results->treatment, run->control, run->treated, results->outcome, value,
                     entry->unit ? " " : "", entry->unit ? entry->unit : "", interval, graph);
}

static cw_code add_flag(cw_run *run, const char *id, const char *severity, char *text) {
    cw_results *results = run->results;
    cw_code code = cw_realloc(run->env, (size_t)results->flags + 1, sizeof *results->flag, &results->flag);
    if (code != CW_OK) {
        cw_free(run->env, &text);
        return code;
    }
    cw_flag *flag = &results->flag[results->flags++];
    *flag = (cw_flag){.text = text};
    CW_TRY(cw_strdup(run->env, id, &flag->id));
    return cw_strdup(run->env, severity, &flag->severity);
}

/* A treatment of two labels was compared by its codes: the page says which is which. */
static cw_code flag_labels(cw_run *run) {
    int32_t found = cw_table_find(run->table, run->job->question.treatment, NULL);
    const cw_column *column = found < 0 ? NULL : &run->table->column[found];
    if (!column || column->kind != CW_CATEGORY || column->categories != 2 || !column->category) return CW_OK;
    char *text = NULL;
    CW_TRY(cw_format(run->env, &text, "In %s, 1 stands for %s and 0 for %s.", column->name,
                     column->category[1], column->category[0]));
    return add_flag(run, "labels", "note", text);
}

static cw_code fill_flags(cw_run *run) {
    char *text = NULL;
    CW_TRY(flag_labels(run));
    if (run->graph) return CW_OK;
    CW_TRY(cw_strdup(
        run->env, "No graph was given: whether the covariates remove confounding was not checked.", &text));
    return add_flag(run, "no-graph", "warning", text);
}

static cw_code add_provenance(cw_run *run, const char *name, const char *value) {
    cw_results *results = run->results;
    CW_TRY(cw_realloc(run->env, (size_t)results->provenances + 1, sizeof *results->provenance,
                      &results->provenance));
    char **pair = results->provenance[results->provenances];
    pair[0] = pair[1] = NULL;
    results->provenances++;
    CW_TRY(cw_strdup(run->env, name, &pair[0]));
    return cw_strdup(run->env, value, &pair[1]);
}

static cw_code fill_provenance(cw_run *run) {
    char host[256] = "unknown", number[32];
    gethostname(host, sizeof host - 1);
    CW_TRY(add_provenance(run, "version", CW_VERSION));
    CW_TRY(add_provenance(run, "host", host));
    CW_TRY(add_provenance(run, "kernels", cw_cpu_name(cw_cpu_level())));
    CW_TRY(add_provenance(run, "job", run->job->file));
    for (int32_t k = 0; k < run->job->data.files.count && k < 16; k++)
        CW_TRY(add_provenance(run, "data", run->job->data.files.item[k]));
    snprintf(number, sizeof number, "%016" PRIx64, run->table->digest);
    CW_TRY(add_provenance(run, "files_digest", number));
    snprintf(number, sizeof number, "%lld", (long long)run->env->bytes_peak);
    return add_provenance(run, "peak_bytes_rank_0", number);
}

cw_code cw_results_fill(cw_run *run) {
    CW_TRY(cw_alloc_zero(run->env, 1, sizeof *run->results, &run->results));
    run->results->env = run->env;
    run->results->ranks = cw_context_size(run->context);
    run->results->seconds = cw_context_seconds(run->context);
    CW_TRY(fill_question(run));
    fill_data(run);
    if (run->graph) CW_TRY(fill_graph(run));
    if (run->graph) CW_TRY(fill_identification(run));
    CW_TRY(cw_entries_fill(run));
    CW_TRY(cw_doubts_fill(run));
    CW_TRY(fill_answer(run));
    CW_TRY(fill_flags(run));
    return fill_provenance(run);
}

static int says_stop(const cw_results *results) {
    if (results->primary < 0) return 1;
    const cw_entry *entry = &results->entry[results->primary];
    for (int32_t k = 0; k < entry->flags; k++)
        if (strcmp(entry->flag[k].severity, "stop") == 0) return 1;
    return 0;
}

static cw_code write_file(cw_run *run, const char *name, const char *text, size_t length) {
    char *file = NULL;
    CW_TRY(cw_path_join(run->env, run->folder, name, &file));
    cw_code code = cw_file_replace(run->env, file, text, length);
    cw_free(run->env, &file);
    return code;
}

/* summary.txt first, results.json last: when results.json is there the run is finished. */
static cw_code write_results(cw_run *run) {
    char *json = NULL, *page = NULL, *place = NULL;
    size_t length = 0;
    cw_code code = cw_results_fill(run);
    CW_TRY_GOTO(code, code, done);
    run->results->timing = run->timing;
    run->results->timings = run->timings;
    run->timing = NULL;
    CW_TRY_GOTO(code, cw_path_join(run->env, run->folder, "results.json", &place), done);
    CW_TRY_GOTO(code, cw_results_json(run->env, run->results, 1, &json, &length), done);
    CW_TRY_GOTO(code, cw_results_page(run->env, run->results, place, &page), done);
    CW_TRY_GOTO(code, write_file(run, "summary.txt", page, strlen(page)), done);
    CW_TRY_GOTO(code, write_file(run, "results.json", json, length), done);
    if (cw_checkpoint_remove(run->checkpoint) != CW_OK) { /* the results are safe: this loses nothing */
        cw_log(run->env, CW_WARNING, "the checkpoint could not be removed: %s", run->env->error.what);
        cw_env_clear(run->env);
    }
    fputs(run->options->json ? json : page, stdout);
    if (run->options->strict && says_stop(run->results)) code = CW_STRICT;
done:
    cw_free(run->env, &json);
    cw_free(run->env, &page);
    cw_free(run->env, &place);
    return code;
}

cw_code cw_stage_results(cw_run *run) {
    CW_TRY(cw_timings(run->context, &run->timing, &run->timings));
    cw_code code = CW_OK;
    if (run->options->verbose) cw_log_timings(run->env, run->timing, run->timings);
    if (cw_context_rank(run->context) == 0) code = write_results(run);
    cw_free(run->env, &run->timing);
    return cw_agree(run->context, code);
}
