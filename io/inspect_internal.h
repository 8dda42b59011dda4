/* What an inspection finds, before it is written. Internal to inspect. */
#ifndef CW_IO_INSPECT_INTERNAL_H
#define CW_IO_INSPECT_INTERNAL_H

#include "table_internal.h"

typedef struct cw_found {
    const char *why; /* not read, because; NULL: read */
    int64_t missing;
    double low, high, mean; /* NaN where there is no value */
    int64_t labels;         /* of categories and texts; -1: none, or more than can be counted */
} cw_found;

typedef struct cw_inspection {
    cw_env *env;
    const cw_table *table;
    cw_arena arena;
    cw_found *found;
    cw_texts advice;
} cw_inspection;

/* Adds advice on the layout of the first part (and on the number of parts). */
cw_code cw_inspect_layout(cw_inspection *i) CW_CHECKED;
cw_code cw_inspect_write(cw_inspection *i, int json, char **text) CW_CHECKED;

#endif
