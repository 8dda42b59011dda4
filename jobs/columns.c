#include "columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

cw_code cw_columns_spec(cw_env *env, const cw_job *job, cw_table_spec *spec) {
    memset(spec, 0, sizeof *spec);
    cw_column_spec *column = NULL;
    CW_TRY(cw_alloc_zero(env, (size_t)job->data.columns, sizeof *column, &column));
    int32_t count = 0;
    for (int32_t k = 0; k < job->data.columns; k++) {
        const cw_job_column *said = &job->data.column[k];
        if (said->formula) continue;
        column[count++] = (cw_column_spec){.name = said->name,
                                           .description = said->description,
                                           .unit = said->unit,
                                           .kind = said->kind,
                                           .missings = said->missings,
                                           .missing = said->missing};
    }
    spec->files = job->data.files.count;
    spec->file = (const char *const *)job->data.files.item;
    spec->manifest = job->data.manifest;
    spec->path = job->data.path;
    spec->part_id = job->data.part_id;
    spec->columns = count;
    spec->column = column;
    return CW_OK;
}

void cw_columns_spec_clear(cw_env *env, cw_table_spec *spec) {
    cw_free(env, &spec->column);
    memset(spec, 0, sizeof *spec);
}

static const cw_job_column *said_of(const cw_job *job, const char *name) {
    for (int32_t k = 0; k < job->data.columns; k++)
        if (strcmp(job->data.column[k].name, name) == 0) return &job->data.column[k];
    return NULL;
}

static cw_code unknown_column(cw_columns *columns, const char *what, const char *name, const char *nearest) {
    char mend[CW_NAME_BYTES + 64];
    snprintf(mend, sizeof mend, nearest ? "did you mean %s?" : "see the columns with causeway inspect%s",
             nearest ? nearest : "");
    return cw_fail(columns->env, CW_BAD_JOB, columns->job->file, mend, "%s: the data have no column %s", what,
                   name);
}

cw_code cw_columns_create(cw_env *env, const cw_job *job, cw_table *table, cw_columns **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    cw_columns *columns = *out;
    columns->env = env;
    columns->job = job;
    columns->table = table;
    columns->weight = -1;
    for (int32_t k = 0; k < job->data.columns; k++) {
        const char *nearest = NULL;
        const cw_job_column *said = &job->data.column[k];
        int32_t found = cw_table_find(table, said->name, &nearest);
        if (found < 0 && !said->formula) return unknown_column(columns, "data.columns", said->name, nearest);
        if (found >= 0 && said->formula) {
            return cw_fail(env, CW_BAD_JOB, job->file, "give the derived column another name",
                           "data.columns.%s: the data have a column of this name already", said->name);
        }
    }
    return CW_OK;
}

void cw_columns_destroy(cw_columns **out) {
    cw_columns *columns = *out;
    if (!columns) return;
    cw_env *env = columns->env;
    cw_view_destroy(&columns->view);
    cw_reader_close(&columns->reader);
    for (int32_t k = 0; k < columns->reals; k++) {
        if (columns->name) cw_free(env, &columns->name[k]);
        if (columns->formula) cw_expression_destroy(&columns->formula[k]);
    }
    cw_expression_destroy(&columns->where);
    for (int32_t k = 0; k < columns->keys; k++)
        if (columns->key_name) cw_free(env, &columns->key_name[k]);
    cw_free(env, &columns->name);
    cw_free(env, &columns->unit);
    cw_free(env, &columns->column);
    cw_free(env, &columns->formula);
    cw_free(env, &columns->base);
    cw_free(env, &columns->key);
    cw_free(env, &columns->key_name);
    cw_free(env, &columns->message_name);
    cw_free(env, out);
}

/* The place of a table column among those read as reals, added when new. */
static cw_code base_place(cw_columns *columns, int32_t table_column, int32_t *place) {
    for (int32_t k = 0; k < columns->bases; k++) {
        if (columns->base[k] == table_column) {
            *place = k;
            return CW_OK;
        }
    }
    CW_TRY(cw_realloc(columns->env, (size_t)columns->bases + 1, sizeof *columns->base, &columns->base));
    columns->base[columns->bases] = table_column;
    *place = columns->bases++;
    return CW_OK;
}

/* Text, and codes of more than two labels, are not numbers. */
static cw_code refuse_labels(cw_columns *columns, const char *what, const cw_column *column) {
    int text = column->kind == CW_TEXT || column->storage == CW_S_TEXT;
    if (!text && (column->kind != CW_CATEGORY || column->categories <= 2)) return CW_OK;
    return cw_fail(columns->env, CW_BAD_JOB, columns->job->file,
                   text ? "causeway import makes a category of it"
                        : "a category can be a covariate, a cluster or an absorbed factor",
                   "%s: the column %s holds %s, not numbers", what, column->name,
                   text ? "text" : "categories");
}

typedef struct lookup_self {
    cw_columns *columns;
    const char *what;
    int codes; /* labels' codes may be read as numbers: only by indicators of our own */
    cw_code code;
} lookup_self;

static int32_t lookup_base(void *self, const char *name) {
    lookup_self *lookup = self;
    int32_t column = cw_table_find(lookup->columns->table, name, NULL);
    if (column < 0) return -1;
    if (lookup->code == CW_OK && !lookup->codes)
        lookup->code = refuse_labels(lookup->columns, lookup->what, &lookup->columns->table->column[column]);
    int32_t place = -1;
    if (lookup->code == CW_OK) lookup->code = base_place(lookup->columns, column, &place);
    return place;
}

static cw_code parse_formula(cw_columns *columns, const char *what, const char *text, int codes,
                             cw_expression **out) {
    lookup_self lookup = {columns, what, codes, CW_OK};
    cw_code code = cw_expression_parse(columns->env, what, text, lookup_base, &lookup, out);
    if (lookup.code != CW_OK) cw_expression_destroy(out);
    return lookup.code != CW_OK ? lookup.code : code;
}

/* Appends a view column; takes over `formula`. */
static cw_code append(cw_columns *columns, const char *name, const char *unit, int32_t base,
                      cw_expression *formula, const cw_job_column *said, int32_t *place) {
    cw_env *env = columns->env;
    size_t room = (size_t)columns->reals + 1;
    char *copy = NULL;
    cw_code code = CW_OK;
    CW_TRY_GOTO(code, cw_realloc(env, room, sizeof *columns->name, &columns->name), failed);
    CW_TRY_GOTO(code, cw_realloc(env, room, sizeof *columns->unit, &columns->unit), failed);
    CW_TRY_GOTO(code, cw_realloc(env, room, sizeof *columns->column, &columns->column), failed);
    CW_TRY_GOTO(code, cw_realloc(env, room, sizeof *columns->formula, &columns->formula), failed);
    CW_TRY_GOTO(code, cw_strdup(env, name, &copy), failed);
    columns->name[columns->reals] = copy;
    columns->unit[columns->reals] = (char *)(uintptr_t)unit;
    columns->formula[columns->reals] = formula;
    columns->column[columns->reals] = (cw_view_column){.base = base,
                                                       .formula = formula,
                                                       .low = said ? said->low : -(double)INFINITY,
                                                       .high = said ? said->high : (double)INFINITY};
    *place = columns->reals++;
    return CW_OK;
failed:
    cw_expression_destroy(&formula);
    return code;
}

static int32_t view_place(const cw_columns *columns, const char *name) {
    for (int32_t k = 0; k < columns->reals; k++)
        if (strcmp(columns->name[k], name) == 0) return k;
    return -1;
}

static cw_code derived_column(cw_columns *columns, const cw_job_column *said, int32_t *place) {
    char what[CW_NAME_BYTES + 64];
    snprintf(what, sizeof what, "data.columns.%s.formula", said->name);
    cw_expression *formula = NULL;
    CW_TRY(parse_formula(columns, what, said->formula, 0, &formula));
    return append(columns, said->name, said->unit, 0, formula, said, place);
}

cw_code cw_columns_real(cw_columns *columns, const char *what, const char *name, int32_t *place) {
    *place = view_place(columns, name);
    if (*place >= 0) return CW_OK;
    const cw_job_column *said = said_of(columns->job, name);
    if (said && said->formula) return derived_column(columns, said, place);
    const char *nearest = NULL;
    int32_t column = cw_table_find(columns->table, name, &nearest);
    if (column < 0) return unknown_column(columns, what, name, nearest);
    const cw_column *found = &columns->table->column[column];
    CW_TRY(refuse_labels(columns, what, found));
    int32_t base = -1;
    CW_TRY(base_place(columns, column, &base));
    return append(columns, name, found->unit, base, NULL, said, place);
}

/* A category becomes one indicator for each label but the first. */
static cw_code indicators(cw_columns *columns, const char *name, const cw_column *found, int32_t *place,
                          int32_t *count) {
    cw_env *env = columns->env;
    for (int32_t code = 1; code < found->categories; code++) {
        char *label = NULL, *text = NULL;
        cw_expression *formula = NULL;
        cw_code status = CW_OK;
        CW_TRY_GOTO(status, cw_format(env, &label, "%s=%s", name, found->category[code]), next);
        place[code - 1] = view_place(columns, label);
        if (place[code - 1] >= 0) goto next;
        CW_TRY_GOTO(status, cw_format(env, &text, "`%s` == %d", name, code), next);
        CW_TRY_GOTO(status, parse_formula(columns, name, text, 1, &formula), next);
        status = append(columns, label, NULL, 0, formula, NULL, &place[code - 1]);
    next:
        cw_free(env, &label);
        cw_free(env, &text);
        CW_TRY(status);
    }
    *count = found->categories - 1;
    return CW_OK;
}

cw_code cw_columns_covariate(cw_columns *columns, const char *what, const char *name, int32_t *place,
                             int32_t *count) {
    *count = 1;
    int32_t column = cw_table_find(columns->table, name, NULL);
    if (column < 0 || columns->table->column[column].kind != CW_CATEGORY ||
        columns->table->column[column].categories <= 2) {
        return cw_columns_real(columns, what, name, place);
    }
    const cw_column *found = &columns->table->column[column];
    if (found->categories > CW_MAX_DUMMIES) {
        return cw_fail(columns->env, CW_BAD_JOB, columns->job->file,
                       "use `absorb` for factors with many levels", "%s: the category %s has %d labels", what,
                       name, found->categories);
    }
    return indicators(columns, name, found, place, count);
}

cw_code cw_columns_key(cw_columns *columns, const char *what, const char *name, int32_t *place) {
    for (int32_t k = 0; k < columns->keys; k++) {
        if (strcmp(columns->key_name[k], name) == 0) {
            *place = k;
            return CW_OK;
        }
    }
    const char *nearest = NULL;
    int32_t column = cw_table_find(columns->table, name, &nearest);
    const cw_job_column *said = said_of(columns->job, name);
    if (column < 0 && said) {
        return cw_fail(columns->env, CW_BAD_JOB, columns->job->file, "name a column of the data",
                       "%s: the derived column %s cannot tell groups apart exactly", what, name);
    }
    if (column < 0) return unknown_column(columns, what, name, nearest);
    cw_env *env = columns->env;
    char *copy = NULL;
    CW_TRY(cw_realloc(env, (size_t)columns->keys + 1, sizeof *columns->key, &columns->key));
    CW_TRY(cw_realloc(env, (size_t)columns->keys + 1, sizeof *columns->key_name, &columns->key_name));
    CW_TRY(cw_strdup(env, name, &copy));
    columns->key[columns->keys] = column;
    columns->key_name[columns->keys] = copy;
    *place = columns->keys++;
    return CW_OK;
}

cw_code cw_columns_open(cw_columns *columns) {
    cw_env *env = columns->env;
    if (columns->job->data.where)
        CW_TRY(parse_formula(columns, "data.where", columns->job->data.where, 0, &columns->where));
    int32_t names = columns->reals + columns->keys;
    CW_TRY(cw_alloc(env, (size_t)names, sizeof *columns->message_name, &columns->message_name));
    for (int32_t k = 0; k < columns->reals; k++) columns->message_name[k] = columns->name[k];
    for (int32_t k = 0; k < columns->keys; k++)
        columns->message_name[columns->reals + k] = columns->key_name[k];
    CW_TRY(cw_reader_open(env, columns->table, columns->bases, columns->base, columns->keys, columns->key,
                          &columns->reader));
    columns->base_source = cw_reader_source(columns->reader);
    /* where a missing value is an error the profile finds and names it: the view need not look for it, too */
    int32_t required = columns->job->data.missing == CW_MISSING_DROP ? columns->reals : 0;
    const cw_view_spec spec = {.columns = columns->reals,
                               .column = columns->column,
                               .where = columns->where,
                               .weight = columns->weight,
                               .required = required,
                               .name = columns->message_name};
    CW_TRY(cw_view_create(env, &columns->base_source, &spec, &columns->view));
    columns->source = cw_view_source(columns->view);
    return CW_OK;
}
