/* The smallest pieces of CSV text: fields, words that mean missing, truth, dates. */
#ifndef CW_IO_CSV_TEXT_H
#define CW_IO_CSV_TEXT_H

#include "csv.h"

/* One field taken apart. */
typedef struct cw_csv_field {
    const char *text; /* in the record, or in `scratch` when "" had to be undone; not terminated */
    size_t length;
    const char *stop; /* the delimiter, LF or CR LF behind it; NULL: its end is not in the buffer */
    int quoted;
    int bad; /* 0, or what is wrong: see cw_csv_bad */
} cw_csv_field;
enum { CW_CSV_FINE, CW_CSV_BEHIND_QUOTE, CW_CSV_LONE_CR };

/* Takes the field at p apart; `end` is the end of what may be looked at. `scratch` has room for end - p
 * bytes; NULL: the field is only passed over (text is then unset where "" occurs). */
void cw_csv_take(const char *p, const char *end, char delimiter, char *scratch, cw_csv_field *out);

/* Without the spaces and tabs around it. */
void cw_trim(const char **text, size_t *length);

/* 1 for the words that mean missing: empty, NA, N/A, NaN, nan, NULL, null and . */
int cw_is_missing_word(const char *text, size_t length);

/* 1 or 0 for true or false in any case, else -1. */
int cw_truth(const char *text, size_t length);

/* An instant: ISO 8601 YYYY-MM-DD, with [T ]hh:mm[:ss[.fraction]][Z|+hh[:mm]] behind it perhaps. */
typedef struct cw_instant {
    int64_t seconds;     /* since 1970-01-01T00:00:00 (UTC where there is a zone) */
    int32_t nanoseconds; /* 0 .. 999999999 */
    int32_t digits;      /* of the fraction; -1: a date alone */
    int zoned;
} cw_instant;
int cw_instant_parse(const char *text, size_t length, cw_instant *out); /* 1 when it is one */

/* Units of stored times, from coarse to fine. */
typedef enum cw_time_unit { CW_DAYS, CW_SECONDS, CW_MILLI, CW_MICRO, CW_NANO } cw_time_unit;
const char *cw_time_unit_name(cw_time_unit unit); /* e.g. "days since 1970-01-01" */
cw_time_unit cw_instant_unit(const cw_instant *instant);
/* 1 and the value, or 0 when it does not fit. */
int cw_instant_value(const cw_instant *instant, cw_time_unit unit, int64_t *value);

#endif
