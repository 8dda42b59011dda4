/* results.json: what a run found, in plain structs, written in the order of the schema
 * (docs/results.schema.json). Everything but `timing` and `provenance` is a pure function of job, data, seed
 * and plan. */
#ifndef CW_IO_RESULTS_H
#define CW_IO_RESULTS_H

#include "../src/base/env.h"

typedef struct cw_number { /* a named diagnostic */
    const char *name;
    double value;
} cw_number;

typedef struct cw_flag {
    char *id;       /* short and stable, e.g. few-clusters */
    char *severity; /* note | warning | stop */
    char *text;     /* one sentence for a busy person */
} cw_flag;

/* One entry of estimates (and, later, bounds and sensitivity). NaN means null; `why` says why value is null.
 */
typedef struct cw_entry {
    char *id, *method, *effect, *treatment, *outcome, *population, *scale, *unit, *why;
    double contrast[2];
    double value, se, lower, upper, level;
    char *se_kind, *interval; /* e.g. HC1; e.g. "t with 16167 degrees of freedom" */
    double df;
    int64_t n;          /* rows used */
    double n_effective; /* (sum w)^2 / sum w^2, or NaN */
    int64_t n_units;    /* clusters, or -1 */
    const char *bits;   /* any | machine */
    int32_t covariates;
    char **covariate;
    int32_t assumptions;
    char **assumption;
    int32_t diagnostics;
    cw_number *diagnostic;
    int32_t flags;
    cw_flag *flag;
} cw_entry;

/* A measured covariate as a yardstick: what the estimate would be, had a hidden cause as strong as it been
 * left out. NaN where there is no such cause. */
typedef struct cw_benchmark {
    char *name;
    double treatment, outcome; /* the hidden cause's partial R^2 with each */
    double estimate, t;
} cw_benchmark;

/* One entry of `sensitivity`: how strong a hidden cause would have to be (Cinelli & Hazlett 2020). */
typedef struct cw_doubt {
    char *id, *method, *effect, *treatment, *outcome, *why; /* id: of the estimate it doubts */
    double value;       /* the robustness value; NaN: none, and `why` says why */
    double value_level; /* that for the interval to reach zero */
    double partial_r2, level;
    int32_t benchmarks;
    cw_benchmark *benchmark;
    int32_t flags;
    cw_flag *flag;
} cw_doubt;

typedef struct cw_result_edge {
    char *from, *to, *kind; /* kind: -> or <-> */
    int32_t lag;
    char *provenance;
} cw_result_edge;

/* One entry of `identification`. */
typedef struct cw_identification {
    char *strategy; /* adjustment */
    int identified, complete;
    int32_t sets; /* inclusion-minimal sets found */
    int32_t *set_size;
    char ***set;
    int32_t chosen_size; /* nodes of the set that is used (it need not be minimal); -1: none is */
    char **chosen;
    char *estimand_text;
    int32_t assumptions;
    char **assumption;
    char *certificate, *obstacle;
} cw_identification;

typedef struct cw_results {
    cw_env *env;
    char *title;
    char *job_yaml; /* the effective job without run and output */
    uint64_t job_digest;
    char *treatment, *outcome;
    int32_t effects;
    const char **effect;
    double contrast[2];
    /* answer */
    const char *status; /* identified | partial | not-identified | unchecked (no graph was given) */
    int32_t primary;    /* index in entry, or -1 */
    char *answer_text;  /* the answer in one sentence */
    /* data */
    int64_t rows, rows_used, rows_filtered, rows_missing;
    int32_t columns;
    uint64_t data_digest; /* of the values used, whatever the files they came in */
    int64_t parts;
    /* graph */
    int32_t nodes;
    char **node;
    int *node_latent;
    int32_t edges;
    cw_result_edge *edge;
    int32_t identifications;
    cw_identification *identification;
    int32_t entries;
    cw_entry *entry;
    int32_t doubts;
    cw_doubt *doubt;
    int32_t flags; /* of the run as a whole */
    cw_flag *flag;
    /* timing and provenance */
    int32_t timings;
    struct cw_timing *timing;
    int32_t provenances;
    char *(*provenance)[2]; /* name, value */
    double seconds;
    int ranks;
} cw_results;

/* Frees every member and the struct itself. */
void cw_results_destroy(cw_results **results);

/* The JSON text; cw_free it. `timed` 0 leaves out timing and provenance (for comparing). */
cw_code cw_results_json(cw_env *env, const cw_results *results, int timed, char **text,
                        size_t *length) CW_CHECKED;

/* The screen: one page of plain text, at most 100 columns (only `place`, where results.json is, is never
 * broken). cw_free it. */
cw_code cw_results_page(cw_env *env, const cw_results *results, const char *place, char **text) CW_CHECKED;

/* A number as the page shows it: 6 significant digits, 7 from a thousand on (699.132, -8497.516), scientific
 * where that would be long. For sentences such as answer_text. */
void cw_number_text(double value, char text[32]);

#endif
