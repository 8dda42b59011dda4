/* Records into columns: each field goes down the lane of its column, which knows what to expect there and
 * takes notes of what it met. Fields that look as expected are read in one go; everything else (quotes,
 * missing words, surprises) takes the slow way, which classifies it. Lanes never change their mind while they
 * run: the notes say afterwards whether the expectation held, and if it did not the rows are read again. */
#ifndef CW_IO_CSV_PARSE_H
#define CW_IO_CSV_PARSE_H

#include <string.h>

#include "csv_labels.h"
#include "csv_text.h"

typedef enum cw_lane_kind {
    CW_LANE_ANY, /* nothing is known (samples), or nothing but missing is expected */
    CW_LANE_INTEGER,
    CW_LANE_REAL,
    CW_LANE_TRUTH,
    CW_LANE_TIME,
    CW_LANE_LABEL,
    CW_LANE_SKIP /* left out */
} cw_lane_kind;

/* What a field that is not missing can be. */
typedef enum cw_class { CW_AN_INTEGER, CW_A_REAL, CW_A_TRUTH, CW_A_TIME, CW_A_TEXT, CW_CLASSES } cw_class;

/* Where a class was first seen. */
enum { CW_SIGHT_TEXT = 24 };
typedef struct cw_sight {
    int64_t row; /* of the table; INT64_MAX: never */
    int64_t line, file;
    char text[CW_SIGHT_TEXT]; /* how it begins; not terminated when it fills the room */
} cw_sight;

/* What was met in a column. Seeing the same field twice changes nothing. */
typedef struct cw_notes {
    cw_sight first[CW_CLASSES];
    int64_t least, most;      /* integers; INT64_MAX, INT64_MIN when there are none */
    int64_t earliest, latest; /* seconds of times */
    int64_t unit;             /* the finest unit that a time needs */
    int64_t zoned, local;     /* times with and without a zone were seen */
} cw_notes;
void cw_notes_clear(cw_notes *notes);

typedef struct cw_lane {
    cw_lane_kind kind;
    const char *name;
    int forced; /* the cw_kind that the user stated, or -1 */
    cw_time_unit unit;
    /* Everything goes the slow way: a real lane until it meets a number with a point (the first one is
     * noted), and integers that may only be 0 and 1. */
    int watch;
    int64_t *value; /* of the batch: integers, codes, the bits of doubles */
    int64_t absent; /* what a missing value is in `value` */
    cw_notes *notes;
    cw_labels *labels; /* of a label lane */
    int32_t missings;
    const double *missing; /* the user's codes */
} cw_lane;

typedef struct cw_parse {
    cw_env *env;
    const cw_csv_file *file;
    int64_t file_number;
    cw_lane **lane;     /* of each column of the file, in the file's order */
    size_t piece;       /* bytes read at a time */
    int64_t begin, end; /* records that start in [begin, end) are read; end -1: all */
    cw_csv_state state; /* at begin */
    int64_t line;       /* the line that begin is in */
    int64_t row;        /* the table's row that the next record is */
    int32_t batch;      /* rows a batch */
    /* Takes rows [row, row + rows) of the table from the lanes' values. */
    cw_code (*flush)(void *self, int64_t row, int32_t rows);
    void *self;
    int64_t blank; /* out: empty lines passed over */
} cw_parse;

/* Reads the range. CW_BAD_DATA names file and line. `row` is left behind the last record. */
cw_code cw_csv_parse(cw_parse *parse) CW_CHECKED;

/* The slow way of one field: `where` is made by the caller only when asked for. */
typedef struct cw_field_place {
    const cw_parse *parse;
    int64_t row;
    int64_t (*line)(const void *self); /* of the record */
    const void *self;
} cw_field_place;
cw_code cw_lane_take(cw_lane *lane, const char *text, size_t length, const cw_field_place *place,
                     int64_t *value) CW_CHECKED;

/* The bits of a double, as lanes keep them. */
static inline int64_t cw_double_bits(double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
