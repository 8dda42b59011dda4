/* From a job's `data` section to blocks: which columns are read, derived, filtered, weighted. The rest of the
 * program asks for columns by name and gets places in the block. */
#ifndef CW_JOBS_COLUMNS_H
#define CW_JOBS_COLUMNS_H

#include "../io/job.h"
#include "../io/table.h"
#include "../src/base/view.h"

enum { CW_MAX_DUMMIES = 1000 };

typedef struct cw_columns {
    cw_env *env;
    const cw_job *job;
    cw_table *table; /* borrowed */
    int32_t reals;   /* columns of the view, in order of being asked for */
    char **name;
    char **unit; /* borrowed from table or job; may be NULL */
    cw_view_column *column;
    cw_expression **formula; /* owned; NULL for plain columns */
    int32_t bases;           /* columns read as reals: table indices */
    int32_t *base;
    int32_t keys; /* columns read as keys: table indices */
    int32_t *key;
    char **key_name;
    int32_t weight; /* place of the weights among the view's columns, or -1 */
    cw_expression *where;
    const char **message_name; /* of all columns and keys, for the view's messages */
    cw_reader *reader;
    cw_view *view;
    cw_source base_source, source;
} cw_columns;

/* The table's specification that a job's `data` section makes; arrays are owned by the caller
 * (cw_columns_spec_clear). */
cw_code cw_columns_spec(cw_env *env, const cw_job *job, cw_table_spec *spec) CW_CHECKED;
void cw_columns_spec_clear(cw_env *env, cw_table_spec *spec);

cw_code cw_columns_create(cw_env *env, const cw_job *job, cw_table *table, cw_columns **out) CW_CHECKED;
void cw_columns_destroy(cw_columns **columns);

/* The place of a real column (of the table, or derived by a formula), asked for in the name of job key
 * `what`. CW_BAD_JOB with the nearest name when there is none; text and categories with more than two labels
 * are refused. */
cw_code cw_columns_real(cw_columns *columns, const char *what, const char *name, int32_t *place) CW_CHECKED;

/* As a covariate: one place, or for a category one 0/1 column for each label but the first ("name=label").
 * `place` has room for CW_MAX_DUMMIES. */
cw_code cw_columns_covariate(cw_columns *columns, const char *what, const char *name, int32_t *place,
                             int32_t *count) CW_CHECKED;

/* The place of a column among the exact keys. */
cw_code cw_columns_key(cw_columns *columns, const char *what, const char *name, int32_t *place) CW_CHECKED;

/* Ends the asking: opens reader and view; columns->source is ready. */
cw_code cw_columns_open(cw_columns *columns) CW_CHECKED;

#endif
