/* Between the files of the canonical writer. */
#ifndef CW_IO_CANONICAL_PARTS_H
#define CW_IO_CANONICAL_PARTS_H

#include "canonical.h"

typedef struct cw_canonical_column {
    cw_storage storage;
    int64_t place; /* of its first value in the file */
    int64_t next;  /* the row to be put next */
} cw_canonical_column;

struct cw_canonical {
    cw_context *context;
    char *file;
    int descriptor;
    int64_t rows, first, mine;
    int64_t blocks; /* touched by this rank's rows */
    int32_t columns;
    cw_canonical_column *column;
    uint32_t *crc; /* [columns][blocks] of what this rank put */
};

int64_t cw_canonical_blocks(int64_t first, int64_t rows);
cw_code cw_canonical_failed(cw_env *env, const char *file, const char *doing, int number);

/* On rank 0: makes the file and finds where each column's values go. */
cw_code cw_canonical_make(cw_canonical *table, const char *const *name) CW_CHECKED;

/* On rank 0: attributes, and the checksums [columns][all blocks]. */
cw_code cw_canonical_describe(cw_canonical *table, const cw_column *column, const uint32_t *crc) CW_CHECKED;

/* Not collective. Reads this rank's rows back against the checksums of what it put. */
cw_code cw_canonical_read_back(cw_canonical *table) CW_CHECKED;

/* The name of a column's dataset in /table: the name, where HDF5 can have it. */
void cw_canonical_link(const char *name, int32_t column, char link[CW_NAME_BYTES + 32]);

#endif
