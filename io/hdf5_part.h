/* One part of a table: an HDF5 object that is a table, its columns ("fields") and where their values are.
 *
 * What is a table: a group of 1-D datasets of one length (a column each); a 1-D compound dataset; a 2-D
 * numeric dataset with names for its columns (attribute names, columns, column_names or colnames, or a
 * dataset of texts beside it: NAME_names, NAME_columns, names, columns, column_names); what pandas writes
 * (fixed and table format), AnnData's data frames, and NetCDF-4 variables over one dimension.
 *
 * Attributes of a column: description or long_name; unit or units; kind; missing, missing_value, _FillValue;
 * scale or scale_factor; offset or add_offset; categories: an array of labels, or the path of a dataset of
 * them. Labels may also stand beside the column: NAME_categories, NAME.categories, categories/NAME or
 * __categories/NAME. Columns of a compound or 2-D dataset have attributes COLUMN.description, ... . Within a
 * group with the attribute causeway_table only datasets with the attribute kind are columns. */
#ifndef CW_IO_HDF5_PART_H
#define CW_IO_HDF5_PART_H

#include "hdf5_dataset.h"

typedef struct cw_field {
    char *name;
    int32_t dataset; /* index in cw_h5_part.dataset */
    int64_t line;    /* of CW_SHAPE_LINES */
    size_t offset;   /* within the record */
    cw_stored stored;
    cw_kind kind;
    char *description, *unit;
    int32_t labels;
    char **label;
    int64_t *value; /* stored code of each label; NULL: 0, 1, 2, ... */
    int32_t missings;
    double *missing;
    double scale, add;
} cw_field;

typedef struct cw_h5_part {
    cw_arena arena;
    const char *name; /* of the file; borrowed */
    hid_t file;       /* borrowed */
    char path[CW_H5_PATH];
    hid_t object; /* at the path, while the part is being opened */
    int64_t rows;
    int32_t datasets, dataset_room, fields, field_room;
    cw_dataset *dataset;
    cw_field *field;
    int32_t ignored; /* objects beside the columns that are none */
    int wants;       /* only these columns; -1: all */
    const char *const *want;
} cw_h5_part;

/* Opens the table at `path`. With wants >= 0 only the columns named in `want` are opened (those that are
 * not there are not missed here). On failure nothing is left open. CW_NO_INPUT, CW_BAD_DATA, CW_IO. */
cw_code cw_h5_part_open(cw_env *env, const char *name, hid_t file, const char *path, int wants,
                        const char *const *want, cw_h5_part *out) CW_CHECKED;
void cw_h5_part_close(cw_h5_part *part);
cw_field *cw_h5_part_find(const cw_h5_part *part, const char *name);

/* Adds the paths of the tables that `path` (a path, a pattern, or NULL) stands for, in bytewise order. */
cw_code cw_h5_tables(cw_arena *arena, const char *name, hid_t file, const char *path,
                     cw_texts *out) CW_CHECKED;

/* -- between the files that make parts -- */

/* What stands in a group. */
typedef enum cw_role {
    CW_ROLE_OTHER,
    CW_ROLE_GROUP,
    CW_ROLE_COLUMN,   /* a column of the group */
    CW_ROLE_CODED,    /* a group of codes and categories, which is a column too */
    CW_ROLE_COMPOUND, /* a table of its own */
    CW_ROLE_MATRIX,   /* a table of its own */
    CW_ROLE_NAMELESS  /* 2-D, without names for its columns */
} cw_role;
typedef struct cw_child {
    char *name, *path;
    cw_role role;
    int scale; /* a dimension scale of NetCDF */
    int text;
    int64_t rows, columns;
    int64_t order; /* a canonical table's columns have a place */
} cw_child;
cw_code cw_h5_children(cw_arena *arena, const char *name, hid_t file, const char *group, int32_t *count,
                       cw_child **out) CW_CHECKED;

cw_code cw_h5_part_fail(cw_h5_part *part, const char *column, const char *mend, const char *format, ...)
    CW_PRINTF(4, 5);
int cw_h5_part_wants(const cw_h5_part *part, const char *name);
/* Opens a dataset at a resolved path into the part; all must have the same rows. */
cw_code cw_h5_part_dataset(cw_h5_part *part, const char *path, int32_t *index) CW_CHECKED;
/* Adds a column (unless it is not wanted: *out is NULL). The type is borrowed. */
cw_code cw_h5_part_field(cw_h5_part *part, const char *name, int32_t dataset, hid_t type, size_t offset,
                         cw_field **out) CW_CHECKED;
/* Reads a column's attributes from `object` into it. */
cw_code cw_h5_field_attributes(cw_h5_part *part, hid_t object, const char *prefix,
                               cw_field *field) CW_CHECKED;
/* The labels in the dataset at a resolved path (a member of a compound where `member` is not NULL). */
cw_code cw_h5_labels(cw_h5_part *part, const char *path, const char *member, cw_texts *out) CW_CHECKED;
/* 1 when `relative` is in the part's group (beside its dataset); `out` is its resolved path. */
int cw_h5_beside(cw_h5_part *part, const char *relative, char out[CW_H5_PATH]);

cw_code cw_h5_open_group(cw_h5_part *part) CW_CHECKED;
cw_code cw_h5_open_compound(cw_h5_part *part, const char *path) CW_CHECKED;
cw_code cw_h5_open_matrix(cw_h5_part *part, const char *path) CW_CHECKED;
/* `type` is the group's attribute pandas_type. */
cw_code cw_h5_open_pandas(cw_h5_part *part, const char *type) CW_CHECKED;

/* Names for the columns of a 2-D dataset; none: count 0. Borrows the open dataset. */
cw_code cw_h5_matrix_names(cw_arena *arena, const char *name, hid_t file, const char *path,
                           const cw_dataset *dataset, cw_texts *names, int *lines) CW_CHECKED;

#endif
