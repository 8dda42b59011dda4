/* Inspect: what is in a table, column by column, and how its files could be read faster. */
#ifndef CW_IO_INSPECT_H
#define CW_IO_INSPECT_H

#include "table.h"

/* Not collective: one process streams all rows once (wide tables by groups of columns). Columns with kind,
 * storage, unit, missing, minimum, mean, maximum and labels; parts; layout advice with its reason. Plain
 * text, or JSON where `json` is not 0; cw_free it. A column that cannot be read is listed with the reason.
 * CW_IO, CW_BAD_DATA, CW_NO_MEMORY. */
cw_code cw_inspect(cw_env *env, const cw_table *table, char **text, int json) CW_CHECKED;

#endif
