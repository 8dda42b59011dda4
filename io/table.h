/* Tables: an ordered list of parts (a file, a path in it, a number of rows) with one schema. Rank 0 reads
 * metadata and broadcasts it; each rank opens only the parts whose rows it reads. */
#ifndef CW_IO_TABLE_H
#define CW_IO_TABLE_H

#include "../mpi/context.h"
#include "../src/base/block.h"

typedef enum cw_kind { CW_REAL, CW_INTEGER, CW_BINARY, CW_CATEGORY, CW_TIME, CW_TEXT } cw_kind;
typedef enum cw_storage {
    CW_S_F64,
    CW_S_F32,
    CW_S_I8,
    CW_S_I16,
    CW_S_I32,
    CW_S_I64,
    CW_S_U8,
    CW_S_U16,
    CW_S_U32,
    CW_S_TEXT
} cw_storage;

enum { CW_MAX_COLUMNS = 65536, CW_MAX_PARTS = 10000000, CW_MAX_CATEGORIES = 1000000, CW_NAME_BYTES = 256 };

typedef struct cw_column {
    char *name, *description, *unit; /* description and unit may be NULL */
    cw_kind kind;
    cw_storage storage; /* of the first part; parts may store the same kind differently */
    int32_t categories;
    char **category; /* labels of codes 0 .. categories-1, unified over parts; NULL if none */
    int32_t missings;
    double *missing;      /* stored values that mean missing, besides NaN */
    double scale, offset; /* value = stored*scale + offset; 1 and 0 */
} cw_column;

typedef struct cw_part {
    char *file, *path; /* path is of the group (a dataset a column), the compound or the 2-D dataset */
    int64_t first_row, rows;
} cw_part;

typedef struct cw_table_store cw_table_store;

typedef struct cw_table {
    cw_env *env;
    int32_t columns;
    cw_column *column;
    int64_t parts;
    cw_part *part;
    int64_t rows;
    uint64_t digest; /* of schema, parts' sizes and sampled contents; sampled, so not proof of equality */
    cw_table_store *store; /* the table's own: memory of all of the above, and what the reader must know */
} cw_table;

/* What the user says about a column; NULL, -1 or 0 counts where nothing was said. */
typedef struct cw_column_spec {
    const char *name, *description, *unit;
    int kind; /* a cw_kind or -1 */
    int32_t missings;
    const double *missing;
} cw_column_spec;

typedef struct cw_table_spec {
    int32_t files;
    const char *const *file; /* names or globs (* ? [..]), taken in bytewise order within a glob */
    const char *manifest;    /* CSV with columns file, path (optional), rows (optional); instead of files */
    const char *path;        /* HDF5 path or glob; NULL: found when there is just one table */
    const char *part_id;     /* a category column made of each part's name (file stem or group); NULL: none */
    int32_t columns;
    const cw_column_spec *column;
} cw_table_spec;

/* Not collective. Opens every part's metadata (HDF5 in any layout, or canonical tables) and checks that parts
 * agree. CSV files fail with CW_BAD_DATA telling to import them: use cw_table_needs_import first. Errors:
 * CW_NO_INPUT (file or path), CW_BAD_DATA (both disagreeing files named; foreign format named with the
 * command that converts it). */
cw_code cw_table_scan(cw_env *env, const cw_table_spec *spec, cw_table **out) CW_CHECKED;
void cw_table_destroy(cw_table **table);

/* Collective. cw_table_scan on rank 0, its result broadcast. */
cw_code cw_table_open(cw_context *context, const cw_table_spec *spec, cw_table **out) CW_CHECKED;

/* Makes texts keys. A column stored as texts (storage CW_S_TEXT) has no codes until its distinct texts are
 * known; this finds them over all rows and sets its categories, bytewise sorted, so that codes do not depend
 * on the order of parts or the number of ranks. It does nothing for other columns, and nothing twice. The
 * empty text is missing. More than CW_MAX_CATEGORIES distinct texts: CW_BAD_DATA. Collective; the second form
 * is for one process alone. Readers opened earlier do not see the codes. */
cw_code cw_table_encode(cw_context *context, cw_table *table, int32_t column) CW_CHECKED;
cw_code cw_table_encode_alone(cw_env *env, cw_table *table, int32_t column) CW_CHECKED;

/* The index of a column, or -1; `nearest` (may be NULL) gets the most similar name for the error message. */
int32_t cw_table_find(const cw_table *table, const char *name, const char **nearest);

/* Not collective. 1 when some file of the spec is CSV (by content and name, .gz looked into). */
cw_code cw_table_needs_import(cw_env *env, const cw_table_spec *spec, int *needed) CW_CHECKED;

/* A reader of chosen columns. Reals come as doubles (missing codes and NaN as NaN, scaled; a category as its
 * code); keys as exact integers: integer kinds their value, categories and text their code, reals and times
 * that are stored as floats their value where it is whole and below 2^52, else their bits; missing as
 * CW_KEY_MISSING. Texts must have been encoded. A value that is not what its column says (a code without
 * label, 1.5 in an integer column that is a key) fails the read with CW_BAD_DATA naming file, column and row.
 * The table is borrowed. Not collective. */
typedef struct cw_reader cw_reader;
cw_code cw_reader_open(cw_env *env, const cw_table *table, int32_t reals, const int32_t *real, int32_t keys,
                       const int32_t *key, cw_reader **out) CW_CHECKED;
void cw_reader_close(cw_reader **reader);
cw_source cw_reader_source(cw_reader *reader);

#endif
