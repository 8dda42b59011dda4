/* Comma-separated text, inside io. The rules (RFC 4180, made exact where it is silent):
 *
 * - Records end with LF or CRLF; a CR elsewhere outside quotes is an error. An empty line is no record.
 * - A quote opens a quoted field only as the first byte of a field; elsewhere in an unquoted field it is an
 *   ordinary character (5" is a text). Inside quotes "" is one quote, everything else stands for itself.
 * After the closing quote only a delimiter or a line end may follow.
 * - The delimiter is the one of , ; tab | that the header line has most of outside quotes.
 * - Text is UTF-8, with or without a mark, and without zero bytes.
 *
 * So what a byte means depends on one of three states, and a range of bytes maps states to states: that is
 * how ranges of one file are read apart and still mean what they mean together. */
#ifndef CW_IO_CSV_H
#define CW_IO_CSV_H

#include "../src/base/env.h"

enum {
    CW_CSV_RECORD = 64 << 20, /* the longest record, and field, in bytes */
    CW_CSV_FIELD = 1 << 20,
    CW_CSV_PAD = 64, /* readable bytes behind every buffer */
    CW_CSV_MARKS = 24
};

/* OUT: not in quotes; IN: in quotes; QUOTE: behind a quote met in quotes (its end, or half of a ""). */
typedef enum cw_csv_state { CW_CSV_OUT, CW_CSV_IN, CW_CSV_QUOTE, CW_CSV_STATES } cw_csv_state;

/* A file, known by its first record. */
typedef struct cw_csv_file {
    char *name;
    char delimiter;
    int gz;
    int64_t size; /* bytes as stored */
    int64_t body; /* where the first record behind the header starts; in a .gz, of the unpacked bytes */
    int64_t line; /* number of the line that starts there, from 1 */
    int32_t columns;
    char **column; /* names, as written but for spaces around them */
} cw_csv_file;

/* Fails with CW_BAD_DATA: no header, an empty or repeated name, too many, names that are all numbers. */
cw_code cw_csv_open(cw_env *env, const char *name, cw_csv_file *out) CW_CHECKED;
void cw_csv_close(cw_env *env, cw_csv_file *file);

/* Bytes of a file in order, from `offset`; a .gz is unpacked (all its members). */
typedef struct cw_bytes cw_bytes;
cw_code cw_bytes_open(cw_env *env, const char *file, int gz, int64_t offset, cw_bytes **out) CW_CHECKED;
void cw_bytes_close(cw_bytes **bytes);
/* Up to `room` bytes; *got is less only at the end. */
cw_code cw_bytes_read(cw_bytes *bytes, char *into, size_t room, size_t *got) CW_CHECKED;

/* What a range does to each state it may be entered in. */
typedef struct cw_csv_scan {
    cw_csv_state end[CW_CSV_STATES];
    int64_t records[CW_CSV_STATES]; /* that start in the range */
    int64_t blank[CW_CSV_STATES];   /* empty lines that start in it */
    int64_t lines;                  /* line feeds, in quotes or not */
    int32_t marks;                  /* some places on the way, to take samples from, and the state there */
    int64_t mark[CW_CSV_MARKS];
    cw_csv_state at[CW_CSV_MARKS][CW_CSV_STATES];
} cw_csv_scan;

/* Scans bytes [begin, end) (end -1: to the file's end) in pieces. A range that starts at the body has the one
 * entry state OUT. */
cw_code cw_csv_scan_range(cw_env *env, const cw_csv_file *file, int64_t begin, int64_t end, size_t piece,
                          cw_csv_scan *out) CW_CHECKED;

/* Line feeds among n bytes. */
int64_t cw_count_lines(const char *x, size_t n);

/* 0 or the number of the first byte that is not UTF-8 (from 1); a zero byte counts as not. */
size_t cw_utf8_wrong(const char *text, size_t length);

#endif
