#include "results.h"

#include "../mpi/context.h"

static void free_strings(cw_env *env, int32_t count, char ***item) {
    for (int32_t i = 0; *item && i < count; i++) cw_free(env, &(*item)[i]);
    cw_free(env, item);
}

static void free_flags(cw_env *env, int32_t count, cw_flag **flag) {
    for (int32_t i = 0; *flag && i < count; i++) {
        cw_free(env, &(*flag)[i].id);
        cw_free(env, &(*flag)[i].severity);
        cw_free(env, &(*flag)[i].text);
    }
    cw_free(env, flag);
}

static void free_entry(cw_env *env, cw_entry *entry) {
    char **text[] = {&entry->id,      &entry->method,     &entry->effect,  &entry->treatment,
                     &entry->outcome, &entry->population, &entry->scale,   &entry->unit,
                     &entry->why,     &entry->se_kind,    &entry->interval};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) cw_free(env, text[i]);
    free_strings(env, entry->covariates, &entry->covariate);
    free_strings(env, entry->assumptions, &entry->assumption);
    cw_free(env, &entry->diagnostic);
    free_flags(env, entry->flags, &entry->flag);
}

static void free_doubt(cw_env *env, cw_doubt *doubt) {
    char **text[] = {&doubt->id,        &doubt->method,  &doubt->effect,
                     &doubt->treatment, &doubt->outcome, &doubt->why};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) cw_free(env, text[i]);
    for (int32_t i = 0; doubt->benchmark && i < doubt->benchmarks; i++)
        cw_free(env, &doubt->benchmark[i].name);
    cw_free(env, &doubt->benchmark);
    free_flags(env, doubt->flags, &doubt->flag);
}

static void free_identification(cw_env *env, cw_identification *found) {
    for (int32_t s = 0; found->set && found->set_size && s < found->sets; s++)
        free_strings(env, found->set_size[s], &found->set[s]);
    cw_free(env, &found->set);
    cw_free(env, &found->set_size);
    free_strings(env, found->chosen_size, &found->chosen);
    free_strings(env, found->assumptions, &found->assumption);
    cw_free(env, &found->strategy);
    cw_free(env, &found->estimand_text);
    cw_free(env, &found->certificate);
    cw_free(env, &found->obstacle);
}

static void free_graph(cw_env *env, cw_results *results) {
    free_strings(env, results->nodes, &results->node);
    cw_free(env, &results->node_latent);
    for (int32_t e = 0; results->edge && e < results->edges; e++) {
        cw_free(env, &results->edge[e].from);
        cw_free(env, &results->edge[e].to);
        cw_free(env, &results->edge[e].kind);
        cw_free(env, &results->edge[e].provenance);
    }
    cw_free(env, &results->edge);
}

void cw_results_destroy(cw_results **results) {
    if (!results || !*results) return;
    cw_results *r = *results;
    cw_env *env = r->env;
    free_graph(env, r);
    for (int32_t i = 0; r->identification && i < r->identifications; i++)
        free_identification(env, &r->identification[i]);
    cw_free(env, &r->identification);
    for (int32_t i = 0; r->entry && i < r->entries; i++) free_entry(env, &r->entry[i]);
    cw_free(env, &r->entry);
    for (int32_t i = 0; r->doubt && i < r->doubts; i++) free_doubt(env, &r->doubt[i]);
    cw_free(env, &r->doubt);
    free_flags(env, r->flags, &r->flag);
    for (int32_t i = 0; r->provenance && i < r->provenances; i++) {
        cw_free(env, &r->provenance[i][0]);
        cw_free(env, &r->provenance[i][1]);
    }
    cw_free(env, &r->provenance);
    cw_free(env, &r->timing);
    cw_free(env, &r->effect);
    char **text[] = {&r->title, &r->job_yaml, &r->treatment, &r->outcome, &r->answer_text};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) cw_free(env, text[i]);
    cw_free(env, results);
}
