#include "csv_text.h"

#include <string.h>

#include "utf8.h"

static void take_quoted(const char *p, const char *end, char *scratch, cw_csv_field *out) {
    const char *from = p + 1;
    size_t copied = 0;
    for (int doubled = 0;; doubled = 1) {
        const char *quote = from < end ? memchr(from, '"', (size_t)(end - from)) : NULL;
        if (!quote || quote + 1 >= end) return; /* what follows decides */
        int again = quote[1] == '"';
        size_t size = (size_t)(quote - from) + (size_t)again;
        if (doubled || again) {
            if (scratch) memcpy(scratch + copied, from, size);
            copied += size;
            out->text = scratch;
            out->length = copied;
        } else {
            out->text = from;
            out->length = size;
        }
        from = quote + 2;
        if (again) continue;
        out->stop = quote + 1;
        return;
    }
}

static void take_plain(const char *p, const char *end, char delimiter, cw_csv_field *out) {
    const char *q = p;
    while (q < end && *q != delimiter && *q != '\n' && *q != '\r') q++;
    out->text = p;
    out->length = (size_t)(q - p);
    if (q < end) out->stop = q;
}

void cw_csv_take(const char *p, const char *end, char delimiter, char *scratch, cw_csv_field *out) {
    *out = (cw_csv_field){.quoted = p < end && *p == '"'};
    if (out->quoted) take_quoted(p, end, scratch, out);
    if (!out->quoted) take_plain(p, end, delimiter, out);
    if (!out->stop || *out->stop == delimiter || *out->stop == '\n') return;
    if (*out->stop == '\r') {
        if (out->stop + 1 >= end)
            out->stop = NULL;
        else if (out->stop[1] != '\n')
            out->bad = CW_CSV_LONE_CR;
        return;
    }
    out->bad = CW_CSV_BEHIND_QUOTE;
}

void cw_trim(const char **text, size_t *length) {
    while (*length > 0 && (**text == ' ' || **text == '\t')) {
        ++*text;
        --*length;
    }
    while (*length > 0 && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t')) --*length;
}

int cw_is_missing_word(const char *text, size_t length) {
    static const char *const words[] = {"NA", "N/A", "NaN", "nan", "NULL", "null", "."};
    if (length == 0) return 1;
    if (length > 4) return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && !memcmp(words[i], text, length)) return 1;
    return 0;
}

static int is_word(const char *text, size_t length, const char *word) {
    if (strlen(word) != length) return 0;
    for (size_t i = 0; i < length; i++)
        if ((text[i] | 0x20) != word[i]) return 0;
    return 1;
}

int cw_truth(const char *text, size_t length) {
    if (is_word(text, length, "true")) return 1;
    return is_word(text, length, "false") ? 0 : -1;
}

size_t cw_utf8_wrong(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t size = text[i] ? cw_utf8_length(text + i, length - i) : 0;
        if (size == 0) return i + 1;
        i += size;
    }
    return 0;
}

/* Reads exactly `count` digits. */
static int digits(const char **p, const char *end, int count, int32_t *out) {
    if (end - *p < count) return 0;
    *out = 0;
    for (; count > 0; count--, ++*p) {
        if (**p < '0' || **p > '9') return 0;
        *out = 10 * *out + (**p - '0');
    }
    return 1;
}

static int sign(const char **p, const char *end, char c) {
    if (*p == end || **p != c) return 0;
    ++*p;
    return 1;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar: years start in March, so that the leap day is the
 * last; 146097 days are 400 years. */
static int64_t days_from(int32_t year, int32_t month, int32_t day) {
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int date(const char **p, const char *end, int64_t *days) {
    static const int32_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t year, month, day;
    if (!digits(p, end, 4, &year) || !sign(p, end, '-') || !digits(p, end, 2, &month) || !sign(p, end, '-') ||
        !digits(p, end, 2, &day) || month < 1 || month > 12)
        return 0;
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > lengths[month - 1] + (leap && month == 2)) return 0;
    *days = days_from(year, month, day);
    return 1;
}

static int fraction(const char **p, const char *end, cw_instant *out) {
    int32_t scale = 100000000;
    if (!sign(p, end, '.')) return 1;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
        if (out->digits == 9) return 0;
        out->nanoseconds += (**p - '0') * scale;
        scale /= 10;
        out->digits++;
    }
    return out->digits > 0;
}

static int zone(const char **p, const char *end, cw_instant *out) {
    if (*p == end) return 1;
    out->zoned = 1;
    if (sign(p, end, 'Z')) return *p == end;
    int west = **p == '-';
    int32_t hours, minutes = 0;
    if (!sign(p, end, west ? '-' : '+') || !digits(p, end, 2, &hours)) return 0;
    if (*p < end && ((sign(p, end, ':') && *p == end) || !digits(p, end, 2, &minutes))) return 0;
    if (hours > 23 || minutes > 59) return 0;
    out->seconds += (west ? 1 : -1) * (3600 * (int64_t)hours + 60 * (int64_t)minutes);
    return *p == end;
}

int cw_instant_parse(const char *text, size_t length, cw_instant *out) {
    const char *p = text, *end = text + length;
    int64_t days;
    int32_t hour, minute, second = 0;
    *out = (cw_instant){.digits = -1};
    if (!date(&p, end, &days)) return 0;
    out->seconds = 86400 * days;
    if (p == end) return 1;
    out->digits = 0;
    if ((!sign(&p, end, 'T') && !sign(&p, end, ' ')) || !digits(&p, end, 2, &hour) || !sign(&p, end, ':') ||
        !digits(&p, end, 2, &minute))
        return 0;
    if (sign(&p, end, ':') && (!digits(&p, end, 2, &second) || !fraction(&p, end, out))) return 0;
    if (hour > 23 || minute > 59 || second > 59) return 0;
    out->seconds += 3600 * hour + 60 * minute + second;
    return zone(&p, end, out);
}

const char *cw_time_unit_name(cw_time_unit unit) {
    static const char *const names[] = {"days since 1970-01-01", "seconds since 1970-01-01T00:00:00Z",
                                        "milliseconds since 1970-01-01T00:00:00Z",
                                        "microseconds since 1970-01-01T00:00:00Z",
                                        "nanoseconds since 1970-01-01T00:00:00Z"};
    return names[unit];
}

cw_time_unit cw_instant_unit(const cw_instant *instant) {
    if (instant->digits < 0) return CW_DAYS;
    return (cw_time_unit)(CW_SECONDS + (instant->digits + 2) / 3);
}

int cw_instant_value(const cw_instant *instant, cw_time_unit unit, int64_t *value) {
    static const int64_t per_second[] = {0, 1, 1000, 1000000, 1000000000};
    if (unit == CW_DAYS) {
        *value = instant->seconds / 86400;
        return instant->digits < 0;
    }
    /* Years 0 to 9999 fit in every unit but nanoseconds. */
    if (unit == CW_NANO && (instant->seconds > 9223372035 || instant->seconds < -9223372035)) return 0;
    int64_t scale = per_second[unit];
    *value = instant->seconds * scale + instant->nanoseconds / (1000000000 / scale);
    return 1;
}
