/* The job file: YAML, version 1. One table of our own (key, type, range, default, help) drives the parser,
 * the manual, the JSON Schema, --set and the saved effective job; a key of the grammar that this version
 * cannot do yet is refused by name (CW_BAD_JOB), like an unknown one, with the nearest key. */
#ifndef CW_IO_JOB_H
#define CW_IO_JOB_H

#include "table.h"

typedef enum cw_weight_kind {
    CW_WEIGHT_NONE,
    CW_WEIGHT_SAMPLING,
    CW_WEIGHT_FREQUENCY,
    CW_WEIGHT_PRECISION
} cw_weight_kind;
typedef enum cw_missing_rule { CW_MISSING_ERROR, CW_MISSING_DROP } cw_missing_rule;
typedef enum cw_method { CW_METHOD_DIFFERENCE, CW_METHOD_OLS, CW_METHOD_LIN } cw_method;
typedef enum cw_effect { CW_ATE, CW_ATT, CW_ATC } cw_effect;

/* Standard errors, in the order they are reported. */
#define CW_SE_LIST(X)                                                                                        \
    X(CLASSICAL, "classical")                                                                                \
    X(WELCH, "welch")                                                                                        \
    X(HC0, "HC0") X(HC1, "HC1") X(HC2, "HC2") X(HC3, "HC3") X(CR0, "CR0") X(CR1, "CR1") X(CR2, "CR2")
typedef enum cw_se {
#define CW_SE_ENUM(name, text) CW_SE_##name,
    CW_SE_LIST(CW_SE_ENUM)
#undef CW_SE_ENUM
        CW_SE_COUNT
} cw_se;

typedef struct cw_strings {
    int32_t count;
    char **item;
} cw_strings;

typedef struct cw_job_column {
    char *name, *description, *unit, *formula; /* formula: a derived column (base/expression.h) */
    int kind;                                  /* cw_kind or -1 */
    int32_t missings;
    double *missing;
    double low, high; /* allowed range; -INFINITY, INFINITY */
} cw_job_column;

typedef struct cw_job_estimate {
    char *id; /* unique; default: the method's name, numbered when it repeats */
    cw_method method;
    int covariates_given; /* 0: take the adjustment set that identification chose (none without a graph) */
    cw_strings covariates;
    cw_strings absorb;     /* up to 2 fixed effects (method ols) */
    int32_t ses;           /* 0: the design's default */
    cw_se se[CW_SE_COUNT]; /* the first is the one of the interval */
    double level;          /* of the interval; 0.95 */
    int line;              /* in the job file */
} cw_job_estimate;

typedef struct cw_job {
    cw_env *env;
    char *file; /* of the job; relative paths below are already joined to its folder */
    char *title;
    struct {
        cw_strings files; /* of data.file or data.files */
        char *manifest, *path, *part_id;
        int parts_are_units;
        int32_t columns;
        cw_job_column *column;
        char *unit, *time;
        int cluster_given;  /* `cluster: none` gives 1 and no names */
        cw_strings cluster; /* up to 2 */
        char *weight;
        cw_weight_kind weight_kind;
        char *where;
        cw_missing_rule missing;
    } data;
    struct {
        char *treatment, *outcome;
        int contrast_given;
        double contrast[2];
        double range[2]; /* of the outcome, as stated; NaN where not */
        int32_t effects;
        cw_effect effect[3];
    } question;
    struct {
        int given;
        cw_strings edges; /* of graph.edges, as written */
        int line;
    } graph;
    int estimate_auto; /* with a graph: estimates is 0, to be chosen after identification; without: the one
                          estimate is the difference of means */
    int32_t estimates;
    cw_job_estimate *estimate;
    struct {
        uint64_t seed;
        int64_t memory; /* bytes a rank */
        char *scratch;
        double checkpoint_seconds;
        double watchdog_minutes;
    } run;
    struct {
        char *folder; /* default: out/<stem of the job file>, beside the job file */
    } output;
} cw_job;

enum { CW_JOB_BYTES = 1 << 20 };

/* Parses and checks a job. `file` is its name, for messages and for relative paths. `set` are
 * `key.path=value` texts that win over the file. Errors: CW_BAD_JOB with file, line, column and the nearest
 * key or the allowed values. */
cw_code cw_job_parse(cw_env *env, const char *file, const char *text, size_t length, int32_t sets,
                     const char *const *set, cw_job **out) CW_CHECKED;
/* Reads the file's bytes (CW_NO_INPUT, CW_BAD_JOB above CW_JOB_BYTES) for the broadcast and cw_job_parse;
 * cw_free *text. */
cw_code cw_job_read(cw_env *env, const char *file, char **text, size_t *length) CW_CHECKED;
void cw_job_destroy(cw_job **job);

/* The effective job as YAML: every key with its value, defaults included, in schema order; parsing it gives
 * an equal job. `all` 0 leaves out run.* and output (what may differ between a plan and its run). cw_free it.
 */
cw_code cw_job_effective(cw_env *env, const cw_job *job, int all, char **yaml) CW_CHECKED;

/* Hash of cw_job_effective(all = 0): what an output folder belongs to. */
cw_code cw_job_digest(cw_env *env, const cw_job *job, uint64_t *digest) CW_CHECKED;

/* The manual of all keys (plain text), and the JSON Schema of the job file; cw_free them. */
cw_code cw_job_manual(cw_env *env, char **text) CW_CHECKED;
cw_code cw_job_schema(cw_env *env, char **json) CW_CHECKED;

const char *cw_method_name(cw_method method);
const char *cw_se_name(cw_se se);
const char *cw_effect_name(cw_effect effect);
const char *cw_weight_kind_name(cw_weight_kind kind);

#endif
