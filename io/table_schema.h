/* The schema that all parts of a table agree on. Internal to the scan. */
#ifndef CW_IO_TABLE_SCHEMA_H
#define CW_IO_TABLE_SCHEMA_H

#include "hdf5_part.h"
#include "table_internal.h"

typedef struct cw_schema cw_schema;
cw_code cw_schema_create(cw_env *env, cw_schema **out) CW_CHECKED;
void cw_schema_destroy(cw_schema **schema);

/* The first part makes the schema; later ones must have the same columns (in any order) of kinds that go
 * together. CW_BAD_DATA names both files and the column. */
cw_code cw_schema_take(cw_schema *schema, const cw_h5_part *part) CW_CHECKED;

/* Adds what the user says, and makes the table's columns (with room for one more). CW_BAD_JOB. */
cw_code cw_schema_finish(cw_schema *schema, const cw_table_spec *spec, cw_table *table) CW_CHECKED;

#endif
