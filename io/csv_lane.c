#include <stdio.h>
#include <string.h>

#include "../src/base/decimal.h"
#include "csv_parse.h"
#include "table.h"

void cw_notes_clear(cw_notes *notes) {
    *notes = (cw_notes){.least = INT64_MAX, .most = INT64_MIN, .earliest = INT64_MAX, .latest = INT64_MIN};
    for (int c = 0; c < CW_CLASSES; c++) notes->first[c].row = INT64_MAX;
}

/* A field that the slow way has looked at. */
typedef struct cw_looked {
    cw_class class;
    int64_t integer;
    double real;
    cw_instant instant;
} cw_looked;

static void note(cw_lane *lane, const cw_looked *field, const char *text, size_t length,
                 const cw_field_place *place) {
    cw_notes *notes = lane->notes;
    cw_sight *first = &notes->first[field->class];
    if (place->row < first->row) {
        *first = (cw_sight){.row = place->row, .line = place->line(place->self)};
        first->file = place->parse->file_number;
        memcpy(first->text, text, length < sizeof first->text ? length : sizeof first->text);
    }
    if (field->class == CW_AN_INTEGER) {
        if (field->integer < notes->least) notes->least = field->integer;
        if (field->integer > notes->most) notes->most = field->integer;
    }
    if (field->class == CW_A_TIME) {
        const cw_instant *instant = &field->instant;
        int64_t unit = (int64_t)cw_instant_unit(instant);
        if (unit > notes->unit) notes->unit = unit;
        if (instant->seconds < notes->earliest) notes->earliest = instant->seconds;
        if (instant->seconds > notes->latest) notes->latest = instant->seconds;
        /* A date alone goes with either. */
        notes->zoned |= instant->zoned;
        notes->local |= instant->digits >= 0 && !instant->zoned;
    }
}

static void describe_place(const cw_lane *lane, const cw_field_place *place, char where[CW_ERROR_PLACE]) {
    snprintf(where, CW_ERROR_PLACE, "%s line %lld, column %s", place->parse->file->name,
             (long long)place->line(place->self), lane->name);
}

/* The user stated a kind that the field is not. */
static cw_code refuse(cw_lane *lane, const char *text, size_t length, const cw_field_place *place) {
    static const char *const wanted[] = {"a number",
                                         "a whole number below 2^63",
                                         "0 or 1 (or true or false)",
                                         "a category",
                                         "a time (YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss) or a number",
                                         "a text"};
    char where[CW_ERROR_PLACE];
    describe_place(lane, place, where);
    return cw_fail(lane->labels ? lane->labels->env : place->parse->env, CW_BAD_DATA, where,
                   "mend the value, list it under missing, or state another kind", "\"%.*s\" is not %s",
                   (int)(length < 60 ? length : 60), text, wanted[lane->forced]);
}

static int allowed(const cw_lane *lane, cw_looked *field) {
    switch (lane->forced) {
    case CW_REAL:
        return field->class <= CW_A_REAL;
    case CW_INTEGER:
    case CW_BINARY:
        /* 1.0 is a whole number too. */
        if (field->class == CW_A_REAL && field->real > -9.2e18 && field->real < 9.2e18 &&
            (double)(int64_t)field->real == field->real) {
            field->class = CW_AN_INTEGER;
            field->integer = (int64_t)field->real;
        }
        if (lane->forced == CW_BINARY && field->class == CW_A_TRUTH) field->class = CW_AN_INTEGER;
        if (field->class != CW_AN_INTEGER) return 0;
        return lane->forced == CW_INTEGER || field->integer == 0 || field->integer == 1;
    case CW_TIME:
        return field->class <= CW_A_REAL || field->class == CW_A_TIME;
    default:
        return 1;
    }
}

static int is_missing_code(const cw_lane *lane, double value) {
    for (int32_t m = 0; m < lane->missings; m++)
        if (lane->missing[m] == value) return 1;
    return 0;
}

/* Classifies a trimmed text that is no missing word; 0 when it is one of the user's missing codes. */
static int look_at(const cw_lane *lane, const char *text, size_t length, cw_looked *field) {
    int number = cw_number_parse(text, length, &field->integer, &field->real);
    if (number) {
        field->class = number == 1 ? CW_AN_INTEGER : CW_A_REAL;
        return !is_missing_code(lane, field->real);
    }
    int truth = cw_truth(text, length);
    field->integer = truth;
    field->class = truth >= 0                                        ? CW_A_TRUTH
                   : cw_instant_parse(text, length, &field->instant) ? CW_A_TIME
                                                                     : CW_A_TEXT;
    return 1;
}

static cw_code check_utf8(const cw_lane *lane, const char *text, size_t length, const cw_field_place *place) {
    size_t wrong = cw_utf8_wrong(text, length);
    if (wrong == 0) return CW_OK;
    char where[CW_ERROR_PLACE];
    describe_place(lane, place, where);
    if (text[wrong - 1] == 0)
        return cw_fail(place->parse->env, CW_BAD_DATA, where, "is this a text file?", "a zero byte");
    return cw_fail(place->parse->env, CW_BAD_DATA, where, "convert the file with iconv -f LATIN1 -t UTF-8",
                   "not UTF-8 (byte 0x%02X)", (unsigned)(unsigned char)text[wrong - 1]);
}

/* A text in a label lane. Everything about a text is found out when it is new. */
static cw_code take_label(cw_lane *lane, const char *text, size_t length, const cw_field_place *place,
                          int64_t *value) {
    uint64_t hash = cw_label_hash(text, length);
    int32_t code = cw_labels_find(lane->labels, text, length, hash);
    if (code == CW_LABEL_NEW) {
        const char *inner = text;
        size_t size = length;
        cw_looked field = {0};
        CW_TRY(check_utf8(lane, text, length, place));
        cw_trim(&inner, &size);
        int missing = cw_is_missing_word(inner, size) || !look_at(lane, inner, size, &field);
        if (!missing) note(lane, &field, text, length, place);
        CW_TRY(cw_labels_add(lane->labels, text, length, hash, missing));
        code = cw_labels_find(lane->labels, text, length, hash);
    }
    *value = code >= 0 ? code : lane->absent; /* one too many is turned away: the column will be left out */
    return CW_OK;
}

static int64_t value_of(const cw_lane *lane, const cw_looked *field) {
    int64_t value;
    switch (lane->kind) {
    case CW_LANE_INTEGER:
        return field->class == CW_AN_INTEGER ? field->integer : lane->absent;
    case CW_LANE_REAL:
        return field->class <= CW_A_REAL ? cw_double_bits(field->real) : lane->absent;
    case CW_LANE_TRUTH:
        return field->class == CW_A_TRUTH ? field->integer : lane->absent;
    case CW_LANE_TIME:
        if (field->class == CW_A_TIME && cw_instant_value(&field->instant, lane->unit, &value)) return value;
        return lane->absent;
    default:
        return lane->absent;
    }
}

cw_code cw_lane_take(cw_lane *lane, const char *text, size_t length, const cw_field_place *place,
                     int64_t *value) {
    *value = lane->absent;
    if (lane->kind == CW_LANE_SKIP) return check_utf8(lane, text, length, place);
    if (lane->kind == CW_LANE_LABEL) return take_label(lane, text, length, place, value);
    cw_looked field = {0};
    cw_trim(&text, &length);
    if (cw_is_missing_word(text, length) || !look_at(lane, text, length, &field)) return CW_OK;
    if (field.class == CW_A_TEXT) CW_TRY(check_utf8(lane, text, length, place));
    if (!allowed(lane, &field)) return refuse(lane, text, length, place);
    note(lane, &field, text, length, place);
    if (field.class == CW_A_REAL) lane->watch = 0;
    *value = value_of(lane, &field);
    return CW_OK;
}
