/* A dataset as a list of records: 1-D, or 2-D by rows (n x k) or by lines (k x n, a column each line). */
#ifndef CW_IO_HDF5_DATASET_H
#define CW_IO_HDF5_DATASET_H

#include "hdf5_type.h"

typedef enum cw_shape {
    CW_SHAPE_LIST, /* 1-D, or 2-D with one dimension of 1 */
    CW_SHAPE_ROWS, /* a record is a row of k values */
    CW_SHAPE_LINES /* a record is a value; line j holds column j */
} cw_shape;

typedef struct cw_dataset {
    hid_t id, type;
    int rank; /* 0 to 32 */
    hsize_t dim[2];
    H5T_class_t class;
    size_t value;  /* bytes of an element in memory */
    size_t record; /* bytes of a row in memory */
    cw_shape shape;
    int64_t rows, columns;
    /* how it is laid out */
    int written; /* 0: created but never written */
    int contiguous, filtered, gzip;
    int64_t chunk_rows; /* 0 when not chunked */
    int64_t chunk_bytes;
    int variable; /* records hold pointers to texts of HDF5's making */
    int descriptor;
    int64_t offset; /* in the file, where records can be read directly; else -1 */
} cw_dataset;

/* Opens and checks. Refused with CW_BAD_DATA: storage outside the file, virtual datasets, filters that need a
 * plug-in, sizes beyond limits. `rank` above 2 and scalars are opened but have no rows. */
cw_code cw_dataset_open(cw_env *env, const char *name, hid_t file, const char *path,
                        cw_dataset *out) CW_CHECKED;
void cw_dataset_close(cw_dataset *dataset);

/* Sets the shape (after the open, whose shape is LIST or ROWS). */
void cw_dataset_lines(cw_dataset *dataset);

/* Reads n records from row `first` on (of line `line` with CW_SHAPE_LINES) as they are stored. Records of
 * variable texts must be given back by cw_dataset_reclaim. CW_IO, CW_BAD_DATA. */
cw_code cw_dataset_read(cw_env *env, const cw_dataset *dataset, int64_t line, int64_t first, int64_t n,
                        void *buffer) CW_CHECKED;
void cw_dataset_reclaim(const cw_dataset *dataset, int64_t n, void *buffer);

/* All values of a small dataset as texts (strings, or numbers written out); `stored` and `offset` say where
 * in the record. CW_BAD_DATA above CW_MAX_CATEGORIES. */
cw_code cw_dataset_texts(cw_arena *arena, const cw_dataset *dataset, const cw_stored *stored, size_t offset,
                         cw_texts *out) CW_CHECKED;

#endif
