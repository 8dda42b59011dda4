/* What no single key can tell: combinations that are impossible, and values that follow from others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/sort.h"
#include "job_table.h"

/* The node at a path such as estimate.0.absorb, or the deepest one above it that was written: a bare word
 * stands for its map, one value for a list of one. */
static const cw_yaml_node *locate(const cw_job_reader *r, const char *path) {
    const cw_yaml_node *node = r->root;
    while (*path) {
        char part[64];
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        const cw_yaml_node *child = node->type == CW_YAML_LIST
                                        ? cw_yaml_item(node, (int32_t)strtol(part, NULL, 10))
                                        : cw_yaml_get(node, part);
        if (child) node = child;
        path += length + (path[length] == '.');
    }
    return node;
}

static cw_code both(cw_job_reader *r, const char *a, const char *b, const char *mend, const char *why) {
    return cw_yaml_fail(r->env, locate(r, b), mend, "%s and %s %s", a, b, why);
}

/* An impossible pair within estimate number i, told at its second key. */
static cw_code within(cw_job_reader *r, int32_t i, const char *a, const char *b, const char *mend,
                      const char *why) {
    char first[64], second[64];
    snprintf(first, sizeof first, "estimate.%d.%s", (int)i, a);
    snprintf(second, sizeof second, "estimate.%d.%s", (int)i, b);
    return both(r, first, second, mend, why);
}

cw_code cw_job_sources(cw_job_reader *r) {
    static const char *const names[] = {"data.file", "data.files", "data.manifest"};
    const cw_yaml_node *data = cw_yaml_get(r->root, "data");
    if (!data || data->type != CW_YAML_MAP) return CW_OK; /* told when the tree is bound */
    const char *found = NULL;
    for (int i = 0; i < 3; i++) {
        if (cw_yaml_is_null(cw_yaml_get(data, names[i] + 5))) continue;
        if (found) return both(r, found, names[i], "keep one of them", "exclude each other");
        found = names[i];
    }
    return CW_OK;
}

static int same(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static int has(const cw_strings *texts, const char *text) {
    for (int32_t i = 0; i < texts->count; i++)
        if (same(texts->item[i], text)) return 1;
    return 0;
}

static int is_glob(const char *text) {
    return text && strpbrk(text, "*?[");
}

static int may_have_parts(const cw_job *job) {
    return job->data.manifest || job->data.files.count > 1 || is_glob(job->data.files.item[0]) ||
           is_glob(job->data.path);
}

static cw_code check_columns(cw_job_reader *r) {
    const cw_job *job = r->job;
    const cw_yaml_node *node = job->data.columns ? locate(r, "data.columns")->first : NULL;
    for (int32_t i = 0; node && i < job->data.columns; i++, node = node->next) {
        const cw_job_column *column = &job->data.column[i];
        if (!column->formula) continue;
        int named = cw_yaml_clip(column->name);
        if (column->missings)
            return cw_yaml_fail(r->env, node, "give the codes to the columns in the formula",
                                "data.columns.%.*s.formula and missing exclude each other", named,
                                column->name);
        if (column->kind == CW_CATEGORY || column->kind == CW_TEXT || column->kind == CW_TIME)
            return cw_yaml_fail(r->env, node, "a formula makes numbers: real, integer or binary",
                                "data.columns.%.*s.formula and kind exclude each other", named, column->name);
    }
    return CW_OK;
}

static cw_code check_data(cw_job_reader *r) {
    const cw_job *job = r->job;
    if (job->data.files.count == 0 && !job->data.manifest)
        return cw_yaml_fail(r->env, locate(r, "data"), "add data.file",
                            "data names no file: file, files or manifest");
    if (job->data.part_id && !may_have_parts(job))
        return both(r, "data.file", "data.part.id", "name several files or a glob",
                    "make a column with one value: there is just one part");
    if (job->data.parts_are_units && job->data.unit)
        return both(r, "data.parts", "data.unit", "keep one of them", "both say what a unit is");
    if (same(job->data.unit, job->data.time))
        return both(r, "data.unit", "data.time", NULL, "name the same column");
    return check_columns(r);
}

static cw_code check_question(cw_job_reader *r) {
    const cw_job *job = r->job;
    if (same(job->question.treatment, job->question.outcome))
        return both(r, "question.treatment", "question.outcome", NULL, "name the same column");
    if (same(job->question.treatment, job->data.weight))
        return both(r, "question.treatment", "data.weights", NULL, "name the same column");
    if (same(job->question.outcome, job->data.weight))
        return both(r, "question.outcome", "data.weights", NULL, "name the same column");
    return CW_OK;
}

/* Neither the cause nor the result may be adjusted for. */
static cw_code check_adjusted(cw_job_reader *r, int32_t i, const char *key, const cw_strings *columns) {
    static const char *const roles[] = {"treatment", "outcome"};
    const char *name[] = {r->job->question.treatment, r->job->question.outcome};
    char first[32], second[64];
    for (int k = 0; k < 2; k++) {
        if (!has(columns, name[k])) continue;
        snprintf(first, sizeof first, "question.%s", roles[k]);
        snprintf(second, sizeof second, "estimate.%d.%s", (int)i, key);
        return cw_yaml_fail(r->env, locate(r, second), "take it out", "%s, \"%.*s\", is among %s", first,
                            cw_yaml_clip(name[k]), name[k], second);
    }
    return CW_OK;
}

static int has_clusters(const cw_job *job) {
    if (job->data.cluster_given) return job->data.cluster.count > 0;
    return job->data.unit || job->data.parts_are_units;
}

static cw_code check_errors(cw_job_reader *r, int32_t i) {
    const cw_job_estimate *e = &r->job->estimate[i];
    char key[64];
    snprintf(key, sizeof key, "estimate.%d.se", (int)i);
    for (int32_t k = 0; k < e->ses; k++) {
        if (e->se[k] >= CW_SE_CR0 && !has_clusters(r->job))
            return cw_yaml_fail(r->env, locate(r, key), "add data.cluster", "%s %s needs data.cluster", key,
                                cw_se_name(e->se[k]));
        if (e->se[k] == CW_SE_WELCH && e->method != CW_METHOD_DIFFERENCE)
            return cw_yaml_fail(r->env, locate(r, key), "use HC2 or HC3",
                                "%s welch is for estimate.%d.method difference, not %s", key, (int)i,
                                cw_method_name(e->method));
    }
    return CW_OK;
}

static cw_code check_estimate(cw_job_reader *r, int32_t i) {
    const cw_job_estimate *e = &r->job->estimate[i];
    if (e->method == CW_METHOD_DIFFERENCE && e->covariates.count)
        return within(r, i, "method", "covariates", "use method ols or lin",
                      "exclude each other: a difference of means adjusts for nothing");
    if (e->method != CW_METHOD_OLS && e->absorb.count)
        return within(r, i, "method", "absorb", "use method ols",
                      "exclude each other: fixed effects are for ols");
    CW_TRY(check_adjusted(r, i, "covariates", &e->covariates));
    CW_TRY(check_adjusted(r, i, "absorb", &e->absorb));
    for (int32_t k = 0; k < e->absorb.count; k++)
        if (has(&e->covariates, e->absorb.item[k]))
            return within(r, i, "covariates", "absorb", "keep it in one of them", "share a column");
    return check_errors(r, i);
}

/* The identifiers that are taken, sorted. */
static int by_id(const void *a, const void *b, void *self) {
    (void)self;
    const cw_job_estimate *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static cw_code distinct_ids(cw_job_reader *r) {
    const cw_job *job = r->job;
    const cw_job_estimate **given;
    int32_t n = 0;
    CW_TRY(cw_alloc(r->env, (size_t)job->estimates, sizeof *given, &given));
    for (int32_t i = 0; i < job->estimates; i++)
        if (job->estimate[i].id) given[n++] = &job->estimate[i];
    cw_code code = cw_sort(r->env, given, n, sizeof *given, by_id, NULL);
    for (int32_t k = 1; code == CW_OK && k < n; k++)
        if (same(given[k - 1]->id, given[k]->id)) {
            char a[32], b[32];
            snprintf(a, sizeof a, "estimate.%d.id", (int)(given[k - 1] - job->estimate));
            snprintf(b, sizeof b, "estimate.%d.id", (int)(given[k] - job->estimate));
            code = both(r, a, b, "rename one", "are the same");
        }
    cw_free(r->env, &given);
    return code;
}

static int id_taken(const cw_job *job, const char *id) {
    for (int32_t i = 0; i < job->estimates; i++)
        if (same(job->estimate[i].id, id)) return 1;
    return 0;
}

static cw_code name_estimate(cw_job_reader *r, cw_job_estimate *e) {
    char id[32];
    snprintf(id, sizeof id, "%s", cw_method_name(e->method));
    for (int k = 2; id_taken(r->job, id); k++) snprintf(id, sizeof id, "%s-%d", cw_method_name(e->method), k);
    return cw_strdup(r->env, id, &e->id);
}

/* Without a graph nothing can be identified: what is left is the comparison that was asked for. */
static cw_code default_estimate(cw_job_reader *r) {
    cw_job *job = r->job;
    if (!job->estimate_auto || job->graph.given) return CW_OK;
    CW_TRY(cw_alloc_zero(r->env, 1, sizeof *job->estimate, &job->estimate));
    job->estimates = 1;
    job->estimate->method = CW_METHOD_DIFFERENCE;
    return cw_job_defaults(r, cw_option_find(&cw_job_options, "estimate", 8), job->estimate);
}

/* out/ and the stem of the job file, beside the job file. */
static cw_code default_folder(cw_job_reader *r) {
    cw_job *job = r->job;
    if (job->output.folder) return CW_OK;
    const char *base = job->file + strlen(r->folder), *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    if (length == 0) base = "job", length = 3;
    return cw_format(r->env, &job->output.folder, "%sout/%.*s", r->folder, (int)length, base);
}

cw_code cw_job_check(cw_job_reader *r) {
    CW_TRY(check_data(r));
    CW_TRY(check_question(r));
    CW_TRY(default_estimate(r));
    for (int32_t i = 0; i < r->job->estimates; i++) CW_TRY(check_estimate(r, i));
    CW_TRY(distinct_ids(r));
    for (int32_t i = 0; i < r->job->estimates; i++)
        if (!r->job->estimate[i].id) CW_TRY(name_estimate(r, &r->job->estimate[i]));
    return default_folder(r);
}
