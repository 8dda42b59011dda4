/* One open part of a table as a reader sees it: where each wanted column is, and how its values become
 * doubles and keys. Internal to the reader. */
#ifndef CW_IO_READER_PART_H
#define CW_IO_READER_PART_H

#include "hdf5_part.h"
#include "table_internal.h"

/* What a reader wants of a column. */
typedef struct cw_want {
    int32_t column;
    double *real;     /* the window's column of doubles, or NULL */
    int64_t *key;     /* the window's column of keys, or NULL */
    cw_lookup lookup; /* of the unified labels, where texts or labels must be mapped; slot NULL: not */
} cw_want;

typedef struct cw_target {
    const cw_field *field;
    double scale, add;
    int plain;            /* a double as stored is the value */
    int64_t codes;        /* labelled: the part's number of labels */
    int32_t *map;         /* stored place of a label -> unified code; NULL: the same */
    const int64_t *value; /* stored code of each place, or NULL: the place itself */
    int32_t *direct;      /* place of the stored code low + i, or -1; NULL where codes are far apart */
    int64_t low, span;
} cw_target;

typedef struct cw_reader_part {
    cw_h5_part h5;
    int64_t number; /* of the part in the table, -1: nothing open */
    int64_t used;
    int32_t targets;
    cw_target *target; /* one a want; field NULL for the column of part names */
} cw_reader_part;

typedef struct cw_scratch {
    char *bytes;
    size_t room;
    char *odd; /* for HDF5's conversion of unusual floats */
    size_t odd_room;
} cw_scratch;

cw_code cw_reader_part_open(cw_env *env, const cw_table *table, int64_t number, hid_t file, int32_t wants,
                            const cw_want *want, cw_reader_part *out) CW_CHECKED;
void cw_reader_part_close(cw_env *env, cw_reader_part *part);

/* Fills rows [at, at + n) of the window's columns with the part's rows [first, first + n). */
cw_code cw_reader_part_read(cw_env *env, const cw_table *table, cw_reader_part *part, int32_t wants,
                            const cw_want *want, int64_t first, int64_t n, int64_t at,
                            cw_scratch *scratch) CW_CHECKED;

/* A double as an exact key: whole numbers below 2^52 are themselves, so that a code is the same key whether a
 * file stores it as an integer or as a double; others are their bits, clear of those. NaN is CW_KEY_MISSING.
 */
int64_t cw_real_key(double value);

#endif
