#include "csv_parse.h"

#include <stdio.h>
#include <string.h>

#include "../src/base/decimal.h"

/* The bytes at hand: buffer[0 .. length) are those of the file from `base` on, the record at hand starts at
 * `at`, and `whole` is behind the last line feed: an unquoted field that starts before it ends before it. */
typedef struct cw_reading {
    cw_parse *parse;
    cw_bytes *bytes;
    char *buffer, *scratch;
    size_t room, length, at, whole;
    int64_t base, line; /* of buffer[0] */
    int ended;
    int32_t rows; /* in the batch */
} cw_reading;

static int64_t record_line(const void *self) {
    const cw_reading *reading = self;
    return reading->line + cw_count_lines(reading->buffer, reading->at);
}

static cw_code bad_record(const cw_reading *reading, const char *mend, const char *what) {
    char where[CW_ERROR_PLACE];
    snprintf(where, sizeof where, "%s line %lld", reading->parse->file->name,
             (long long)record_line(reading));
    return cw_fail(reading->parse->env, CW_BAD_DATA, where, mend, "%s", what);
}

/* Moves the unread rest to the front and reads a piece behind it. */
static cw_code refill(cw_reading *reading) {
    cw_parse *parse = reading->parse;
    size_t rest = reading->length - reading->at, got;
    if (rest > CW_CSV_RECORD)
        return bad_record(reading, "is a quote left open?", "a record of more than 64 MiB");
    reading->line += cw_count_lines(reading->buffer, reading->at);
    if (rest + parse->piece > reading->room) {
        size_t room = 2 * (rest + parse->piece);
        memmove(reading->buffer, reading->buffer + reading->at, rest);
        reading->base += (int64_t)reading->at;
        reading->at = 0;
        reading->length = rest;
        CW_TRY(cw_realloc(parse->env, room + CW_CSV_PAD, 1, &reading->buffer));
        CW_TRY(cw_realloc(parse->env, room + CW_CSV_PAD, 1, &reading->scratch));
        reading->room = room;
    } else {
        memmove(reading->buffer, reading->buffer + reading->at, rest);
        reading->base += (int64_t)reading->at;
        reading->at = 0;
    }
    /* As much as fits: long records are not read by the spoonful. */
    size_t ask = reading->room - rest;
    CW_TRY(cw_bytes_read(reading->bytes, reading->buffer + rest, ask, &got));
    reading->ended = got < ask;
    reading->length = rest + got;
    memset(reading->buffer + reading->length, 0, CW_CSV_PAD);
    if (reading->ended && reading->length > 0 && reading->buffer[reading->length - 1] != '\n')
        reading->buffer[reading->length++] = '\n'; /* the last line may lack it; within the padding */
    reading->whole = reading->length;
    while (reading->whole > 0 && reading->buffer[reading->whole - 1] != '\n') reading->whole--;
    return CW_OK;
}

/* `fields` are the record's; those beyond the last column are not counted, because they may not be at hand.
 */
static cw_code ragged(cw_reading *reading, int32_t fields) {
    char what[128];
    int32_t columns = reading->parse->file->columns;
    if (fields > columns)
        snprintf(what, sizeof what, "more fields than the %d that the header names", columns);
    else
        snprintf(what, sizeof what, "%d field%s where the header names %d", fields, fields == 1 ? "" : "s",
                 columns);
    return bad_record(reading, "mend the record; quote fields that hold the delimiter", what);
}

/* One field the slow way. *next is NULL when it does not end in the buffer. */
static cw_code slow_field(cw_reading *reading, const char *p, int32_t c, int64_t *value, const char **next) {
    cw_parse *parse = reading->parse;
    int last = c == parse->file->columns - 1;
    cw_csv_field field;
    *next = NULL;
    cw_csv_take(p, reading->buffer + reading->whole, parse->file->delimiter, reading->scratch, &field);
    if (!field.stop) return CW_OK;
    if (field.bad == CW_CSV_LONE_CR)
        return bad_record(reading, "end lines with LF or CRLF, or quote the field",
                          "a carriage return without a line feed");
    if (field.bad)
        return bad_record(reading, "write a quote inside quotes twice", "text behind a closing quote");
    int ends = *field.stop != parse->file->delimiter;
    if (ends != last) return ragged(reading, last ? c + 2 : c + 1);
    if (field.length > CW_CSV_FIELD) {
        char what[96];
        snprintf(what, sizeof what, "field %d has more than 1 MiB", c + 1);
        return bad_record(reading, "is a quote left open?", what);
    }
    cw_field_place place = {parse, parse->row + reading->rows, record_line, reading};
    *next = field.stop + 1 + (*field.stop == '\r');
    return cw_lane_take(parse->lane[c], field.text, field.length, &place, value);
}

/* The end of an unquoted text: its delimiter or line end. */
static inline const char *plain_end(const char *p, char delimiter) {
    while (*p != delimiter && *p != '\n' && *p != '\r') p++;
    return p;
}

/* One field the fast way: the place behind it, or NULL when it must go the slow way. There is a line feed
 * ahead, so nothing runs over the end. */
static inline const char *fast_field(const cw_lane *lane, const char *p, char delimiter, int64_t *value) {
    if (lane->kind == CW_LANE_INTEGER) {
        int negative = *p == '-';
        const char *digit = p + negative, *q = digit;
        int64_t number = (int64_t)cw_read_digits(&q, 0);
        *value = negative ? -number : number;
        return q > digit && q - digit <= 18 && !lane->watch ? q : NULL;
    }
    if (lane->kind == CW_LANE_REAL) {
        cw_decimal decimal;
        const char *q = cw_decimal_read(p, &decimal);
        if (!q || lane->watch) return NULL;
        *value = cw_double_bits(cw_decimal_value(&decimal));
        return q;
    }
    if (lane->kind == CW_LANE_LABEL && *p != '"') {
        const char *q = plain_end(p, delimiter);
        size_t length = (size_t)(q - p);
        int32_t code = cw_labels_find(lane->labels, p, length, cw_label_hash(p, length));
        *value = code == CW_LABEL_MISSING ? lane->absent : code;
        return code == CW_LABEL_NEW || length > CW_CSV_FIELD ? NULL : q;
    }
    return NULL;
}

/* The record at p into row `rows` of the batch; *next is NULL when it is not whole in the buffer. */
static cw_code take_record(cw_reading *reading, const char *p, const char **next) {
    cw_parse *parse = reading->parse;
    int32_t columns = parse->file->columns, row = reading->rows;
    char delimiter = parse->file->delimiter;
    for (int32_t c = 0; c < columns; c++) {
        cw_lane *lane = parse->lane[c];
        char stop = c == columns - 1 ? '\n' : delimiter;
        if (*p == stop) {
            lane->value[row] = lane->absent;
            p++;
            continue;
        }
        const char *q = fast_field(lane, p, delimiter, &lane->value[row]);
        if (q && stop == '\n' && *q == '\r') q++;
        if (q && *q == stop) {
            p = q + 1;
            continue;
        }
        CW_TRY(slow_field(reading, p, c, &lane->value[row], next));
        if (!*next) return CW_OK;
        p = *next;
        /* A quoted field may have run to the end of what is whole. */
        if (c < columns - 1 && p >= reading->buffer + reading->whole) {
            *next = NULL;
            return CW_OK;
        }
    }
    *next = p;
    return CW_OK;
}

static cw_code flush(cw_reading *reading) {
    cw_parse *parse = reading->parse;
    if (reading->rows == 0) return CW_OK;
    CW_TRY(parse->flush(parse->self, parse->row, reading->rows));
    parse->row += reading->rows;
    reading->rows = 0;
    return CW_OK;
}

/* Takes the records that are whole in the buffer and start before the range's end; *done when it is reached.
 */
static cw_code take_records(cw_reading *reading, int *done) {
    cw_parse *parse = reading->parse;
    while (reading->at < reading->whole) {
        const char *p = reading->buffer + reading->at, *next;
        *done = parse->end >= 0 && reading->base + (int64_t)reading->at >= parse->end;
        if (*done) return CW_OK;
        if (*p == '\n' || (*p == '\r' && p[1] == '\n')) {
            reading->at += *p == '\n' ? 1 : 2;
            parse->blank++;
            continue;
        }
        if (reading->rows == parse->batch) CW_TRY(flush(reading));
        CW_TRY(take_record(reading, p, &next));
        if (!next) return CW_OK;
        if (next - p > CW_CSV_RECORD)
            return bad_record(reading, "is a quote left open?", "a record of more than 64 MiB");
        reading->at = (size_t)(next - reading->buffer);
        reading->rows++;
    }
    return CW_OK;
}

/* From the middle of a record to behind its end, following the quotes. */
static cw_code skip_record(cw_reading *reading, char before) {
    cw_parse *parse = reading->parse;
    cw_csv_state state = parse->state;
    if (state == CW_CSV_OUT && before == '\n') return CW_OK;
    for (;;) {
        for (; reading->at < reading->length; reading->at++) {
            char c = reading->buffer[reading->at];
            if (state == CW_CSV_QUOTE) {
                state = c == '"' ? CW_CSV_IN : CW_CSV_OUT;
                if (c != '"' && c == '\n') break;
            } else if (state == CW_CSV_IN) {
                if (c == '"') state = CW_CSV_QUOTE;
            } else if (c == '\n') {
                break;
            } else if (c == '"' && (before == parse->file->delimiter || before == '\n')) {
                state = CW_CSV_IN;
            }
            before = c;
        }
        if (reading->at < reading->length) {
            reading->at++;
            return CW_OK;
        }
        if (reading->ended || (parse->end >= 0 && reading->base + (int64_t)reading->at >= parse->end))
            return CW_OK;
        CW_TRY(refill(reading));
    }
}

static cw_code read_range(cw_reading *reading) {
    cw_parse *parse = reading->parse;
    int inside = parse->begin > parse->file->body, done = 0;
    char before = '\n';
    size_t got;
    CW_TRY(cw_bytes_open(parse->env, parse->file->name, parse->file->gz, parse->begin - inside,
                         &reading->bytes));
    if (inside) CW_TRY(cw_bytes_read(reading->bytes, &before, 1, &got));
    reading->base = parse->begin;
    reading->line = parse->line;
    CW_TRY(refill(reading));
    CW_TRY(skip_record(reading, before));
    for (;;) {
        CW_TRY(take_records(reading, &done));
        if (done || (reading->ended && reading->at >= reading->length)) break;
        if (parse->end >= 0 && reading->base + (int64_t)reading->at >= parse->end) break;
        if (reading->ended && reading->length - reading->at <= CW_CSV_RECORD)
            return bad_record(reading, "close it", "a quote is not closed");
        CW_TRY(refill(reading));
    }
    return flush(reading);
}

cw_code cw_csv_parse(cw_parse *parse) {
    cw_reading reading = {.parse = parse, .room = parse->piece};
    parse->blank = 0;
    cw_code code = cw_alloc(parse->env, reading.room + CW_CSV_PAD, 1, &reading.buffer);
    if (code == CW_OK) code = cw_alloc(parse->env, reading.room + CW_CSV_PAD, 1, &reading.scratch);
    if (code == CW_OK) code = read_range(&reading);
    cw_bytes_close(&reading.bytes);
    cw_free(parse->env, &reading.buffer);
    cw_free(parse->env, &reading.scratch);
    return code;
}
