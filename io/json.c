#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { CW_JSON_NEST = 64, CW_DIGITS = 17 };

struct cw_json {
    cw_env *env;
    char *text;
    size_t length, room;
    int depth;
    char open[CW_JSON_NEST];  /* '{' or '[' */
    char empty[CW_JSON_NEST]; /* 1 until the first value */
    int whole;                /* 1 once the top value is written */
    cw_code code;             /* the first failure */
};

cw_code cw_json_create(cw_env *env, cw_json **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    return CW_OK;
}

void cw_json_destroy(cw_json **json) {
    if (!json || !*json) return;
    cw_free((*json)->env, &(*json)->text);
    cw_env *env = (*json)->env;
    cw_free(env, json);
}

static void misused(cw_json *json, const char *how) {
    if (json->code == CW_OK) json->code = cw_fail(json->env, CW_INTERNAL, NULL, NULL, "JSON writer: %s", how);
}

static void put(cw_json *json, const char *bytes, size_t count) {
    if (json->code != CW_OK) return;
    if (count >= json->room - json->length) {
        size_t room = json->room ? json->room : 1024;
        while (count >= room - json->length) room *= 2;
        json->code = cw_realloc(json->env, room, 1, &json->text);
        if (json->code != CW_OK) return;
        json->room = room;
    }
    memcpy(json->text + json->length, bytes, count);
    json->length += count;
}

static void put_text(cw_json *json, const char *text) {
    put(json, text, strlen(text));
}

static void put_line(cw_json *json, int depth) {
    put_text(json, "\n");
    for (int i = 0; i < depth; i++) put_text(json, "  ");
}

static void put_escaped(cw_json *json, unsigned char c) {
    char code[8];
    switch (c) {
    case '"':
        put_text(json, "\\\"");
        return;
    case '\\':
        put_text(json, "\\\\");
        return;
    case '\n':
        put_text(json, "\\n");
        return;
    case '\r':
        put_text(json, "\\r");
        return;
    case '\t':
        put_text(json, "\\t");
        return;
    default:
        snprintf(code, sizeof code, "\\u%04x", (unsigned)c);
        put_text(json, code);
    }
}

static void put_string(cw_json *json, const char *value) {
    size_t length = strlen(value);
    put_text(json, "\"");
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)value[i];
        size_t bytes = cw_utf8_length(value + i, length - i);
        if (bytes == 0) {
            put_text(json, "\xEF\xBF\xBD"); /* U+FFFD, the replacement character */
            i++;
        } else if (bytes == 1 && (c < 0x20 || c == '"' || c == '\\')) {
            put_escaped(json, c);
            i++;
        } else {
            put(json, value + i, bytes);
            i += bytes;
        }
    }
    put_text(json, "\"");
}

/* What stands before a value: comma, line, key. */
static void begin(cw_json *json, const char *key) {
    if (json->depth == 0) {
        if (json->whole || key) misused(json, "a second value at the top, or one with a key");
        json->whole = 1;
        return;
    }
    int level = json->depth - 1;
    if ((json->open[level] == '{') != (key != NULL)) misused(json, "a key in an array, or none in an object");
    if (!json->empty[level]) put_text(json, ",");
    json->empty[level] = 0;
    put_line(json, json->depth);
    if (key) {
        put_string(json, key);
        put_text(json, ": ");
    }
}

static void enter(cw_json *json, const char *key, char open) {
    begin(json, key);
    if (json->depth == CW_JSON_NEST) misused(json, "nested too deeply");
    if (json->code != CW_OK) return;
    json->open[json->depth] = open;
    json->empty[json->depth] = 1;
    json->depth++;
    put(json, &open, 1);
}

void cw_json_object(cw_json *json, const char *key) {
    enter(json, key, '{');
}

void cw_json_array(cw_json *json, const char *key) {
    enter(json, key, '[');
}

void cw_json_end(cw_json *json) {
    if (json->code != CW_OK) return;
    if (json->depth == 0) {
        misused(json, "an end without a beginning");
        return;
    }
    int level = --json->depth;
    if (!json->empty[level]) put_line(json, level);
    put_text(json, json->open[level] == '{' ? "}" : "]");
}

void cw_json_string(cw_json *json, const char *key, const char *value) {
    begin(json, key);
    if (value)
        put_string(json, value);
    else
        put_text(json, "null");
}

void cw_json_real(cw_json *json, const char *key, double value) {
    char text[32];
    cw_shortest(value, text);
    begin(json, key);
    put_text(json, text);
}

void cw_json_int(cw_json *json, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    begin(json, key);
    put_text(json, text);
}

void cw_json_bool(cw_json *json, const char *key, int value) {
    begin(json, key);
    put_text(json, value ? "true" : "false");
}

void cw_json_null(cw_json *json, const char *key) {
    begin(json, key);
    put_text(json, "null");
}

cw_code cw_json_finish(cw_json *json, char **text, size_t *length) {
    *text = NULL;
    if (length) *length = 0;
    if (json->depth > 0 || !json->whole)
        misused(json, "finished while something is open or nothing is written");
    put(json, "\n", 2); /* the line end and the text's closing 0 */
    if (json->code != CW_OK) return json->code;
    *text = json->text;
    if (length) *length = json->length - 1;
    json->text = NULL;
    json->length = json->room = 0;
    json->whole = 0;
    return CW_OK;
}

/* A decimal 0.d1d2...dn x 10^point. */
typedef struct cw_decimal {
    char digit[CW_DIGITS + 1];
    int digits, point;
} cw_decimal;

/* Takes apart what printf's %e gave; the decimal point may be any locale's. */
static void split(const char *scientific, cw_decimal *out) {
    out->digits = 0;
    const char *c = scientific;
    for (; *c && *c != 'e'; c++)
        if (*c >= '0' && *c <= '9' && out->digits < CW_DIGITS) out->digit[out->digits++] = *c;
    out->digit[out->digits] = '\0';
    out->point = (int)strtol(*c ? c + 1 : "0", NULL, 10) + 1;
}

/* The next larger decimal of the same number of digits. */
static void increment(cw_decimal *d) {
    int i = d->digits - 1;
    while (i >= 0 && d->digit[i] == '9') d->digit[i--] = '0';
    if (i >= 0) {
        d->digit[i]++;
    } else {
        d->digit[0] = '1';
        d->point++;
    }
}

static double value_of(const cw_decimal *d) {
    char text[48];
    snprintf(text, sizeof text, "%se%d", d->digit, d->point - d->digits);
    return strtod(text, NULL);
}

/* The nearest decimal of n digits is the first to try. Just above a power of two the gap below is half as
 * wide as the gap above, so there the next larger one may read back when the nearest does not. */
static void shortest_digits(double value, cw_decimal *d) {
    char text[48];
    for (int n = 1; n <= CW_DIGITS; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        split(text, d);
        if (value_of(d) == value) return;
        if (n == CW_DIGITS) return;
        increment(d);
        if (value_of(d) == value) return;
    }
}

static char *append(char *to, const char *from, int count) {
    if (count <= 0) return to;
    memcpy(to, from, (size_t)count);
    return to + count;
}

void cw_shortest(double value, char text[32]) {
    if (!isfinite(value)) {
        memcpy(text, "null", sizeof "null");
        return;
    }
    if (value == 0) {
        memcpy(text, "0", sizeof "0");
        return;
    }
    cw_decimal d;
    shortest_digits(fabs(value), &d);
    while (d.digits > 1 && d.digit[d.digits - 1] == '0') d.digit[--d.digits] = '\0';
    char *to = text;
    if (value < 0) *to++ = '-';
    if (d.point > 16 || d.point < -3) { /* d.dde-5: at most 24 characters in all */
        *to++ = d.digit[0];
        if (d.digits > 1) *to++ = '.';
        to = append(to, d.digit + 1, d.digits - 1);
        snprintf(to, 13, "e%d", d.point - 1);
        return;
    }
    int whole = d.point < 0 ? 0 : d.point < d.digits ? d.point : d.digits;
    if (d.point <= 0) to = append(to, "0.000", 2 - d.point);
    to = append(to, d.digit, whole);
    if (whole > 0 && whole < d.digits) *to++ = '.';
    to = append(to, d.digit + whole, d.digits - whole);
    to = append(to, "0000000000000000", d.point - d.digits);
    *to = '\0';
}
