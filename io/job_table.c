#include "job_table.h"

#include <float.h>
#include <string.h>

#define JOB(member)      offsetof(cw_job, member)
#define COLUMN(member)   offsetof(cw_job_column, member)
#define ESTIMATE(member) offsetof(cw_job_estimate, member)
#define LATER(name, text)                                                                                    \
    { .key = name, .type = CW_T_LATER, .help = text }
#define END                                                                                                  \
    { .key = NULL }

static const char *const job_kinds[] = {"effect", NULL};
static const char *const job_kinds_later[] = {"discover", "simulate", "audit", "study", "published", NULL};
static const char *const part_rules[] = {"rows", "unit", NULL};
static const char *const part_rules_later[] = {"time", "columns", NULL};
static const char *const column_kinds[] = {"real", "integer", "binary", "category", "time", "text", NULL};
static const char *const weight_kinds[] = {"sampling", "frequency", "precision", NULL};
static const char *const missing_rules[] = {"error", "drop", NULL};
static const char *const missing_rules_later[] = {"ipw", NULL};
static const char *const effects[] = {"ate", "att", "atc", NULL};
static const char *const effects_later[] = {"late", "dose", "quantile", "cde", "nde", "response", NULL};
static const char *const scales[] = {"difference", NULL};
static const char *const scales_later[] = {"ratio", "odds-ratio", NULL};
static const char *const methods[] = {"difference", "ols", "lin", NULL};
#define SE_WORD(name, text) text,
static const char *const errors[] = {CW_SE_LIST(SE_WORD) NULL};
#undef SE_WORD

static const cw_option part_options[] = {
    {.key = "id",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME,
     .at = JOB(data.part_id),
     .help = "Name of a new category column that holds each row's part (the file's stem or the group)."},
    LATER("attributes", "Attributes of each part that become columns."),
    END,
};

static const cw_option column_options[] = {
    {.key = "description",
     .type = CW_T_TEXT,
     .flags = CW_O_EMPTY,
     .at = COLUMN(description),
     .help = "What the column means, in a few words."},
    {.key = "unit",
     .type = CW_T_TEXT,
     .flags = CW_O_EMPTY,
     .at = COLUMN(unit),
     .help = "Unit of measurement."},
    {.key = "kind",
     .type = CW_T_CHOICE,
     .at = COLUMN(kind),
     .words = column_kinds,
     .help = "How its values are to be taken; found from the file when absent."},
    {.key = "missing",
     .type = CW_T_REALS,
     .at = COLUMN(missing),
     .count = COLUMN(missings),
     .help = "Stored values that mean missing, besides NaN."},
    {.key = "range",
     .type = CW_T_RANGE,
     .at = COLUMN(low),
     .help = "Smallest and largest allowed value; null is no limit. A value outside is an error."},
    {.key = "formula",
     .type = CW_T_TEXT,
     .flags = CW_O_EXPRESSION,
     .at = COLUMN(formula),
     .help = "Makes a new column from others: \"re74 + re75\", \"log(1 + income)\"."},
    END,
};

static const cw_option weight_options[] = {
    {.key = "column",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME | CW_O_REQUIRED,
     .at = JOB(data.weight),
     .help = "The column of weights."},
    {.key = "kind",
     .type = CW_T_CHOICE,
     .at = JOB(data.weight_kind),
     .words = weight_kinds,
     .first = CW_WEIGHT_SAMPLING,
     .preset = "sampling",
     .help = "sampling: rows stand for more of the population; frequency: a row is that many equal rows; "
             "precision: inverse error variances."},
    END,
};

static const cw_option data_options[] = {
    {.key = "file",
     .type = CW_T_TEXTS,
     .flags = CW_O_PATH | CW_O_ONE | CW_O_SILENT,
     .at = JOB(data.files),
     .help = "The data: HDF5, CSV or CSV.gz."},
    {.key = "files",
     .type = CW_T_TEXTS,
     .flags = CW_O_PATH,
     .at = JOB(data.files),
     .help =
         "Several files, or a glob (\"run/m_*.h5\"); rows are appended in bytewise order of the names within "
         "a glob."},
    {.key = "manifest",
     .type = CW_T_TEXT,
     .flags = CW_O_PATH,
     .at = JOB(data.manifest),
     .help = "CSV that lists the files: columns file, path (optional), rows (optional)."},
    LATER("cells", "A table of cell counts."),
    LATER("published", "Published numbers instead of rows."),
    {.key = "path",
     .type = CW_T_TEXT,
     .at = JOB(data.path),
     .help = "Group or dataset in an HDF5 file; a glob makes each match a part. Found when there is just one "
             "table."},
    {.key = "parts",
     .type = CW_T_CHOICE,
     .at = JOB(data.parts_are_units),
     .words = part_rules,
     .later = part_rules_later,
     .preset = "rows",
     .help = "rows: the parts' rows are appended; unit: moreover, each part is a unit."},
    {.key = "part", .type = CW_T_MAP, .child = part_options, .help = "Columns made from the parts."},
    {.key = "columns",
     .type = CW_T_NAMED,
     .at = JOB(data.column),
     .count = JOB(data.columns),
     .size = sizeof(cw_job_column),
     .child = column_options,
     .help = "What is known about columns, by name."},
    {.key = "unit",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME,
     .at = JOB(data.unit),
     .help = "Column that names the unit of a panel."},
    {.key = "time",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME,
     .at = JOB(data.time),
     .help = "Column that holds time."},
    LATER("step", "Time between rows."),
    {.key = "cluster",
     .type = CW_T_TEXTS,
     .flags = CW_O_NAME | CW_O_NONE | CW_O_DISTINCT,
     .at = JOB(data.cluster),
     .given = JOB(data.cluster_given),
     .high = 2,
     .help =
         "One or two columns whose values mark dependent rows; none: rows are independent. The default is "
         "the unit, where there is one."},
    {.key = "weights",
     .type = CW_T_MAP,
     .flags = CW_O_MAYBE,
     .at = JOB(data.weight),
     .child = weight_options,
     .bare = "column",
     .help = "Weights of rows."},
    {.key = "where",
     .type = CW_T_TEXT,
     .flags = CW_O_EXPRESSION,
     .at = JOB(data.where),
     .help = "Rows to use: \"age >= 18 and region != 3\"."},
    {.key = "missing",
     .type = CW_T_CHOICE,
     .at = JOB(data.missing),
     .words = missing_rules,
     .later = missing_rules_later,
     .preset = "error",
     .help = "What to do with a row that lacks a needed value: stop, or leave it out."},
    END,
};

static const cw_option treatment_options[] = {
    {.key = "name",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME | CW_O_REQUIRED,
     .at = JOB(question.treatment),
     .help = "The column of the cause."},
    {.key = "contrast",
     .type = CW_T_PAIR,
     .at = JOB(question.contrast),
     .given = JOB(question.contrast_given),
     .help = "The two values compared, the reference first; 0 and 1 for a binary column."},
    LATER("shift", "Adds a number to every row's treatment."),
    LATER("regimes", "Treatment rules over time."),
    END,
};

static const cw_option outcome_options[] = {
    {.key = "name",
     .type = CW_T_TEXT,
     .flags = CW_O_NAME | CW_O_REQUIRED,
     .at = JOB(question.outcome),
     .help = "The column of the result."},
    {.key = "range",
     .type = CW_T_RANGE,
     .flags = CW_O_NAN,
     .at = JOB(question.range),
     .help = "Smallest and largest value the outcome can have at all; null is unknown."},
    LATER("at", "Times at which the outcome is read."),
    LATER("event", "Column that tells an event from censoring."),
    END,
};

static const cw_option question_options[] = {
    {.key = "treatment",
     .type = CW_T_MAP,
     .flags = CW_O_REQUIRED | CW_O_LIST_LATER,
     .child = treatment_options,
     .bare = "name",
     .help = "The cause."},
    {.key = "outcome",
     .type = CW_T_MAP,
     .flags = CW_O_REQUIRED | CW_O_LIST_LATER,
     .child = outcome_options,
     .bare = "name",
     .help = "The result."},
    {.key = "effects",
     .type = CW_T_CHOICES,
     .at = JOB(question.effect),
     .count = JOB(question.effects),
     .words = effects,
     .later = effects_later,
     .preset = "ate",
     .help = "Averages wanted: over all (ate), the treated (att), the controls (atc)."},
    {.key = "scale",
     .type = CW_T_CHOICE,
     .flags = CW_O_FIXED,
     .words = scales,
     .later = scales_later,
     .preset = "difference",
     .help = "How two means are compared."},
    LATER("population", "Whose effect: a filter or another table."),
    LATER("groups", "Columns whose values get an answer each."),
    LATER("modifiers", "Columns along which the effect may vary."),
    LATER("smallest", "The smallest effect that matters."),
    END,
};

static const cw_option graph_options[] = {
    {.key = "edges",
     .type = CW_T_TEXTS,
     .flags = CW_O_LINES | CW_O_REQUIRED,
     .at = JOB(graph.edges),
     .line = JOB(graph.line),
     .help = "Arrows, one text an item or a line: \"age, educ -> treat\", \"educ <-> re78\" (an unobserved "
             "common "
             "cause), \"latent u, v\"."},
    LATER("file", "A graph file."),
    LATER("from", "Sources of the graph: assistant, discovery."),
    LATER("knowledge", "Knowledge files."),
    LATER("tiers", "Groups of columns in causal order."),
    LATER("forbid", "Arrows that cannot be."),
    LATER("require", "Arrows that must be."),
    LATER("cyclic", "How a cycle without lags is meant."),
    END,
};

static const cw_option estimate_options[] = {
    {.key = "method",
     .type = CW_T_CHOICE,
     .flags = CW_O_REQUIRED,
     .at = ESTIMATE(method),
     .words = methods,
     .help = "difference: of means; ols: linear adjustment; lin: linear adjustment with all interactions."},
    {.key = "id",
     .type = CW_T_TEXT,
     .flags = CW_O_ID,
     .at = ESTIMATE(id),
     .high = 64,
     .help = "Name in the results; the method's name by default, numbered when it repeats."},
    {.key = "covariates",
     .type = CW_T_TEXTS,
     .flags = CW_O_NAME | CW_O_NONE | CW_O_DISTINCT,
     .at = ESTIMATE(covariates),
     .given = ESTIMATE(covariates_given),
     .help = "Columns to adjust for; those that identification chose when absent; none: no adjustment."},
    {.key = "absorb",
     .type = CW_T_TEXTS,
     .flags = CW_O_NAME | CW_O_DISTINCT,
     .at = ESTIMATE(absorb),
     .high = 2,
     .help = "One or two columns whose values are fixed effects (method ols)."},
    {.key = "se",
     .type = CW_T_CHOICES,
     .at = ESTIMATE(se),
     .count = ESTIMATE(ses),
     .words = errors,
     .help = "Standard errors; the first makes the interval. The design chooses when absent."},
    {.key = "level",
     .type = CW_T_REAL,
     .flags = CW_O_BETWEEN,
     .at = ESTIMATE(level),
     .low = 0,
     .high = 1,
     .preset = "0.95",
     .help = "Confidence level of the interval."},
    LATER("learner", "Models for the nuisance functions."),
    LATER("overlap", "What to do where the arms do not overlap."),
    END,
};

static const cw_option run_options[] = {
    {.key = "seed",
     .type = CW_T_SEED,
     .at = JOB(run.seed),
     .preset = "1",
     .help = "Seed of every random choice."},
    LATER("folds", "Folds for cross-fitting."),
    {.key = "memory",
     .type = CW_T_BYTES,
     .at = JOB(run.memory),
     .low = 1048576,
     .high = 1125899906842624,
     .preset = "2 GiB",
     .help = "Memory that each rank may use."},
    {.key = "scratch",
     .type = CW_T_TEXT,
     .flags = CW_O_PATH,
     .at = JOB(run.scratch),
     .help = "Folder for temporary files of each rank; the output folder when absent."},
    {.key = "checkpoint_seconds",
     .type = CW_T_REAL,
     .at = JOB(run.checkpoint_seconds),
     .low = 0,
     .high = 1e9,
     .preset = "60",
     .help = "Seconds between checkpoints; 0: after every group of blocks."},
    {.key = "watchdog_minutes",
     .type = CW_T_REAL,
     .at = JOB(run.watchdog_minutes),
     .low = 0,
     .high = 1e7,
     .preset = "30",
     .help = "Minutes without progress after which the run is aborted; 0: never."},
    END,
};

static const cw_option output_options[] = {
    {.key = "folder",
     .type = CW_T_TEXT,
     .flags = CW_O_PATH,
     .at = JOB(output.folder),
     .help = "Where results go; out/ and the job file's stem, beside the job file, when absent."},
    LATER("per_row", "Arrays with a value for each row."),
    END,
};

static const cw_option job_options[] = {
    {.key = "causeway",
     .type = CW_T_WHOLE,
     .flags = CW_O_FIXED,
     .low = 1,
     .high = 1,
     .preset = "1",
     .help = "Version of the job file's grammar."},
    {.key = "title",
     .type = CW_T_TEXT,
     .flags = CW_O_EMPTY,
     .at = JOB(title),
     .help = "The question in words."},
    {.key = "kind",
     .type = CW_T_CHOICE,
     .flags = CW_O_FIXED,
     .words = job_kinds,
     .later = job_kinds_later,
     .preset = "effect",
     .help = "What the job is."},
    {.key = "data", .type = CW_T_MAP, .flags = CW_O_REQUIRED, .child = data_options, .help = "The table."},
    {.key = "question",
     .type = CW_T_MAP,
     .flags = CW_O_REQUIRED,
     .child = question_options,
     .help = "What is asked."},
    LATER("assume", "Beliefs beyond the graph."),
    {.key = "graph",
     .type = CW_T_MAP,
     .flags = CW_O_MAYBE,
     .given = JOB(graph.given),
     .child = graph_options,
     .help = "What causes what. Without it nothing is identified: estimates are comparisons."},
    LATER("assistant", "The language model."),
    LATER("model", "A simulation model."),
    LATER("ensemble", "Members of a simulation."),
    LATER("arms", "Interventions on a simulation."),
    LATER("hide", "Columns the analyst does not see."),
    LATER("audit", "A simulator to be examined."),
    {.key = "estimate",
     .type = CW_T_LIST,
     .flags = CW_O_AUTO,
     .at = JOB(estimate),
     .count = JOB(estimates),
     .given = JOB(estimate_auto),
     .line = ESTIMATE(line),
     .size = sizeof(cw_job_estimate),
     .high = 256,
     .child = estimate_options,
     .bare = "method",
     .preset = "auto",
     .help = "Estimators in order; the first is the answer. auto: chosen from graph and question, never by "
             "result."},
    LATER("bounds", "Partial identification."),
    LATER("sensitivity", "Sensitivity to unobserved causes."),
    LATER("privacy", "What may leave in prompts and exported tables."),
    {.key = "run",
     .type = CW_T_MAP,
     .flags = CW_O_OUTSIDE,
     .child = run_options,
     .help = "How it is computed; changes no result but by the seed."},
    {.key = "output",
     .type = CW_T_MAP,
     .flags = CW_O_OUTSIDE,
     .child = output_options,
     .help = "Where results go."},
    END,
};

const cw_option cw_job_options = {.key = "", .type = CW_T_MAP, .child = job_options, .help = "The job file."};

/* Values are kept through int, so the enumerations must have its size; ranges are two doubles in a row. */
_Static_assert(sizeof(cw_method) == sizeof(int), "enumerations are kept as int");
_Static_assert(sizeof(cw_se) == sizeof(int), "enumerations are kept as int");
_Static_assert(sizeof(cw_effect) == sizeof(int), "enumerations are kept as int");
_Static_assert(sizeof(cw_weight_kind) == sizeof(int), "enumerations are kept as int");
_Static_assert(sizeof(cw_missing_rule) == sizeof(int), "enumerations are kept as int");
_Static_assert(COLUMN(high) == COLUMN(low) + sizeof(double), "a range is two doubles in a row");
_Static_assert(COLUMN(name) == 0, "a named structure begins with its name");

const cw_option *cw_option_find(const cw_option *map, const char *key, size_t length) {
    for (const cw_option *option = map->child; option && option->key; option++)
        if (strlen(option->key) == length && memcmp(option->key, key, length) == 0) return option;
    return NULL;
}

const char *cw_method_name(cw_method method) {
    return method <= CW_METHOD_LIN ? methods[method] : "?";
}

const char *cw_se_name(cw_se se) {
    return se < CW_SE_COUNT ? errors[se] : "?";
}

const char *cw_effect_name(cw_effect effect) {
    return effect <= CW_ATC ? effects[effect] : "?";
}

const char *cw_weight_kind_name(cw_weight_kind kind) {
    if (kind == CW_WEIGHT_NONE) return "none";
    return kind <= CW_WEIGHT_PRECISION ? weight_kinds[kind - CW_WEIGHT_SAMPLING] : "?";
}
