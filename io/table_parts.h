/* From what the user names to a list of files and paths in them. Internal to the table. */
#ifndef CW_IO_TABLE_PARTS_H
#define CW_IO_TABLE_PARTS_H

#include "arena.h"
#include "table.h"

typedef struct cw_named {
    char *file;
    char *path;   /* a path, a pattern, or NULL */
    int64_t rows; /* as the manifest states, or -1 */
    int line;     /* in the manifest */
} cw_named;

typedef struct cw_named_list {
    int64_t count, room;
    cw_named *item;
} cw_named_list;

/* Expands globs and the manifest. CW_NO_INPUT, CW_BAD_DATA (a file named twice, a bad manifest), CW_BAD_JOB
 * (nothing named). */
cw_code cw_table_named(cw_arena *arena, const cw_table_spec *spec, cw_named_list *out) CW_CHECKED;

#endif
