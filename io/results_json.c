#include <stdio.h>
#include <string.h>

#include "../mpi/context.h"
#include "json.h"
#include "results.h"

/* The version of the result file's grammar. */
enum { CW_RESULTS_VERSION = 1 };

static void put_digest(cw_json *json, const char *key, uint64_t digest) {
    char text[17]; /* JSON numbers hold 53 bits in most readers */
    snprintf(text, sizeof text, "%016llx", (unsigned long long)digest);
    cw_json_string(json, key, text);
}

static void put_strings(cw_json *json, const char *key, int32_t count, char *const *item) {
    cw_json_array(json, key);
    for (int32_t i = 0; i < count; i++) cw_json_string(json, NULL, item[i]);
    cw_json_end(json);
}

static void put_pair(cw_json *json, const char *key, double first, double second) {
    cw_json_array(json, key);
    cw_json_real(json, NULL, first);
    cw_json_real(json, NULL, second);
    cw_json_end(json);
}

static void put_flags(cw_json *json, int32_t count, const cw_flag *flag) {
    cw_json_array(json, "flags");
    for (int32_t i = 0; i < count; i++) {
        cw_json_object(json, NULL);
        cw_json_string(json, "id", flag[i].id);
        cw_json_string(json, "severity", flag[i].severity);
        cw_json_string(json, "text", flag[i].text);
        cw_json_end(json);
    }
    cw_json_end(json);
}

static void put_job(cw_json *json, const cw_results *r) {
    cw_json_object(json, "job");
    cw_json_string(json, "title", r->title);
    put_digest(json, "digest", r->job_digest);
    cw_json_string(json, "effective", r->job_yaml);
    cw_json_end(json);
    cw_json_object(json, "question");
    cw_json_string(json, "treatment", r->treatment);
    cw_json_string(json, "outcome", r->outcome);
    cw_json_array(json, "effects");
    for (int32_t i = 0; i < r->effects; i++) cw_json_string(json, NULL, r->effect[i]);
    cw_json_end(json);
    put_pair(json, "contrast", r->contrast[0], r->contrast[1]);
    cw_json_end(json);
}

static void put_answer(cw_json *json, const cw_results *r) {
    cw_json_object(json, "answer");
    if (r->primary >= 0 && r->primary < r->entries) {
        const cw_entry *entry = &r->entry[r->primary];
        cw_json_object(json, "estimate");
        cw_json_string(json, "id", entry->id);
        cw_json_real(json, "value", entry->value);
        cw_json_real(json, "se", entry->se);
        put_pair(json, "ci", entry->lower, entry->upper);
        cw_json_real(json, "level", entry->level);
        cw_json_string(json, "unit", entry->unit);
        cw_json_end(json);
    } else {
        cw_json_null(json, "estimate");
    }
    cw_json_string(json, "status", r->status);
    cw_json_string(json, "text", r->answer_text);
    cw_json_end(json);
}

static void put_data(cw_json *json, const cw_results *r) {
    cw_json_object(json, "data");
    cw_json_int(json, "rows", r->rows);
    cw_json_int(json, "rows_used", r->rows_used);
    cw_json_int(json, "rows_filtered", r->rows_filtered);
    cw_json_int(json, "rows_missing", r->rows_missing);
    cw_json_int(json, "columns", r->columns);
    put_digest(json, "digest", r->data_digest);
    cw_json_int(json, "parts", r->parts);
    cw_json_end(json);
}

static void put_graph(cw_json *json, const cw_results *r) {
    if (r->nodes == 0) {
        cw_json_null(json, "graph");
        return;
    }
    cw_json_object(json, "graph");
    cw_json_array(json, "nodes");
    for (int32_t i = 0; i < r->nodes; i++) {
        cw_json_object(json, NULL);
        cw_json_string(json, "name", r->node[i]);
        cw_json_bool(json, "latent", r->node_latent && r->node_latent[i]);
        cw_json_end(json);
    }
    cw_json_end(json);
    cw_json_array(json, "edges");
    for (int32_t i = 0; i < r->edges; i++) {
        const cw_result_edge *edge = &r->edge[i];
        cw_json_object(json, NULL);
        cw_json_string(json, "from", edge->from);
        cw_json_string(json, "to", edge->to);
        cw_json_string(json, "kind", edge->kind);
        cw_json_int(json, "lag", edge->lag);
        cw_json_string(json, "provenance", edge->provenance);
        cw_json_end(json);
    }
    cw_json_end(json);
    cw_json_end(json);
}

static void put_identification(cw_json *json, const cw_identification *found) {
    cw_json_object(json, NULL);
    cw_json_string(json, "strategy", found->strategy);
    cw_json_bool(json, "identified", found->identified);
    cw_json_bool(json, "complete", found->complete);
    cw_json_array(json, "sets");
    for (int32_t i = 0; i < found->sets; i++) put_strings(json, NULL, found->set_size[i], found->set[i]);
    cw_json_end(json);
    if (found->chosen_size >= 0)
        put_strings(json, "chosen", found->chosen_size, found->chosen);
    else
        cw_json_null(json, "chosen");
    if (found->estimand_text) {
        cw_json_object(json, "estimand");
        cw_json_string(json, "text", found->estimand_text);
        cw_json_end(json);
    } else {
        cw_json_null(json, "estimand");
    }
    put_strings(json, "assumptions", found->assumptions, found->assumption);
    cw_json_string(json, "certificate", found->certificate);
    cw_json_string(json, "obstacle", found->obstacle);
    cw_json_end(json);
}

/* 1 when an earlier name is the same: a JSON object names a member once. */
static int named_before(const cw_number *number, int32_t index) {
    for (int32_t i = 0; i < index; i++)
        if (strcmp(number[i].name, number[index].name) == 0) return 1;
    return 0;
}

static void put_diagnostics(cw_json *json, const cw_entry *entry) {
    cw_json_object(json, "diagnostics");
    for (int32_t i = 0; i < entry->diagnostics; i++)
        if (!named_before(entry->diagnostic, i))
            cw_json_real(json, entry->diagnostic[i].name, entry->diagnostic[i].value);
    cw_json_end(json);
}

static void put_count(cw_json *json, const char *key, int64_t count) {
    if (count < 0)
        cw_json_null(json, key);
    else
        cw_json_int(json, key, count);
}

static void put_entry(cw_json *json, const cw_entry *entry) {
    cw_json_object(json, NULL);
    cw_json_string(json, "id", entry->id);
    cw_json_string(json, "method", entry->method);
    cw_json_string(json, "effect", entry->effect);
    cw_json_string(json, "treatment", entry->treatment);
    cw_json_string(json, "outcome", entry->outcome);
    put_pair(json, "contrast", entry->contrast[0], entry->contrast[1]);
    cw_json_string(json, "population", entry->population);
    cw_json_string(json, "scale", entry->scale);
    cw_json_string(json, "unit", entry->unit);
    cw_json_real(json, "value", entry->value);
    cw_json_string(json, "why", entry->why);
    cw_json_real(json, "se", entry->se);
    cw_json_string(json, "se_kind", entry->se_kind);
    put_pair(json, "ci", entry->lower, entry->upper);
    cw_json_real(json, "level", entry->level);
    cw_json_real(json, "lower", entry->lower);
    cw_json_real(json, "upper", entry->upper);
    cw_json_string(json, "interval", entry->interval);
    cw_json_real(json, "df", entry->df);
    cw_json_int(json, "n", entry->n);
    cw_json_real(json, "n_effective", entry->n_effective);
    put_count(json, "n_units", entry->n_units);
    cw_json_string(json, "bits", entry->bits);
    put_strings(json, "covariates", entry->covariates, entry->covariate);
    put_strings(json, "assumptions", entry->assumptions, entry->assumption);
    put_diagnostics(json, entry);
    put_flags(json, entry->flags, entry->flag);
    cw_json_end(json);
}

static void put_doubt(cw_json *json, const cw_doubt *doubt) {
    cw_json_object(json, NULL);
    cw_json_string(json, "id", doubt->id);
    cw_json_string(json, "method", doubt->method);
    cw_json_string(json, "effect", doubt->effect);
    cw_json_string(json, "treatment", doubt->treatment);
    cw_json_string(json, "outcome", doubt->outcome);
    cw_json_real(json, "value", doubt->value);
    cw_json_string(json, "why", doubt->why);
    cw_json_real(json, "level", doubt->level);
    cw_json_object(json, "diagnostics");
    cw_json_real(json, "partial_r2", doubt->partial_r2);
    cw_json_real(json, "robustness_value_level", doubt->value_level);
    cw_json_end(json);
    cw_json_array(json, "benchmarks");
    for (int32_t i = 0; i < doubt->benchmarks; i++) {
        const cw_benchmark *benchmark = &doubt->benchmark[i];
        cw_json_object(json, NULL);
        cw_json_string(json, "covariate", benchmark->name);
        cw_json_real(json, "r2_treatment", benchmark->treatment);
        cw_json_real(json, "r2_outcome", benchmark->outcome);
        cw_json_real(json, "estimate", benchmark->estimate);
        cw_json_real(json, "t", benchmark->t);
        cw_json_end(json);
    }
    cw_json_end(json);
    put_flags(json, doubt->flags, doubt->flag);
    cw_json_end(json);
}

static void put_timing(cw_json *json, const cw_results *r) {
    cw_json_object(json, "timing");
    cw_json_real(json, "seconds", r->seconds);
    cw_json_array(json, "timers");
    for (int32_t i = 0; i < r->timings; i++) {
        const cw_timing *timer = &r->timing[i];
        cw_json_object(json, NULL);
        cw_json_string(json, "name", timer->name);
        cw_json_int(json, "calls", timer->calls);
        cw_json_real(json, "seconds_max", timer->seconds_max);
        cw_json_real(json, "seconds_mean", timer->seconds_mean);
        cw_json_real(json, "ratio", timer->ratio);
        cw_json_real(json, "gigabytes_per_second", timer->gigabytes_per_second);
        cw_json_real(json, "gigaflops_per_second", timer->gigaflops_per_second);
        cw_json_end(json);
    }
    cw_json_end(json);
    cw_json_end(json);
}

static int provenance_before(const cw_results *r, int32_t index) {
    if (strcmp(r->provenance[index][0], "ranks") == 0) return 1;
    for (int32_t i = 0; i < index; i++)
        if (strcmp(r->provenance[i][0], r->provenance[index][0]) == 0) return 1;
    return 0;
}

static void put_provenance(cw_json *json, const cw_results *r) {
    cw_json_object(json, "provenance");
    cw_json_int(json, "ranks", r->ranks);
    for (int32_t i = 0; i < r->provenances; i++)
        if (!provenance_before(r, i)) cw_json_string(json, r->provenance[i][0], r->provenance[i][1]);
    cw_json_end(json);
}

cw_code cw_results_json(cw_env *env, const cw_results *results, int timed, char **text, size_t *length) {
    *text = NULL;
    cw_json *json;
    CW_TRY(cw_json_create(env, &json));
    cw_json_object(json, NULL);
    cw_json_int(json, "causeway", CW_RESULTS_VERSION);
    cw_json_string(json, "kind", "effect");
    put_job(json, results);
    put_answer(json, results);
    put_data(json, results);
    put_graph(json, results);
    cw_json_array(json, "identification");
    for (int32_t i = 0; i < results->identifications; i++)
        put_identification(json, &results->identification[i]);
    cw_json_end(json);
    cw_json_array(json, "estimates");
    for (int32_t i = 0; i < results->entries; i++) put_entry(json, &results->entry[i]);
    cw_json_end(json);
    cw_json_array(json, "sensitivity");
    for (int32_t i = 0; i < results->doubts; i++) put_doubt(json, &results->doubt[i]);
    cw_json_end(json);
    put_flags(json, results->flags, results->flag);
    if (timed) {
        put_timing(json, results);
        put_provenance(json, results);
    }
    cw_json_end(json);
    cw_code code = cw_json_finish(json, text, length);
    cw_json_destroy(&json);
    return code;
}
