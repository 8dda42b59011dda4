/* Scalars, similar words, and what an option expects, in words. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_table.h"

/* Length of the decimal number at the start of `text`, 0 if there is none: YAML 1.2 core schema,
 * [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, without .inf and .nan. */
static size_t number_length(const char *text) {
    size_t i = text[0] == '-' || text[0] == '+', digits = 0;
    for (; text[i] >= '0' && text[i] <= '9'; i++) digits++;
    if (text[i] == '.')
        for (i++; text[i] >= '0' && text[i] <= '9'; i++) digits++;
    if (digits == 0) return 0;
    if (text[i] == 'e' || text[i] == 'E') {
        size_t e = i + 1;
        if (text[e] == '-' || text[e] == '+') e++;
        if (text[e] < '0' || text[e] > '9') return i;
        while (text[e] >= '0' && text[e] <= '9') e++;
        i = e;
    }
    return i;
}

int cw_scalar_real(const char *text, double *value) {
    size_t length = number_length(text);
    if (length == 0 || text[length]) return 0;
    *value = strtod(text, NULL); /* the locale is always "C": nothing calls setlocale */
    return isfinite(*value) != 0;
}

int cw_scalar_seed(const char *text, uint64_t *value) {
    uint64_t v = 0;
    if (!text[0]) return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return 0;
        uint64_t digit = (uint64_t)(*text - '0');
        if (v > (UINT64_MAX - digit) / 10) return 0;
        v = 10 * v + digit;
    }
    *value = v;
    return 1;
}

static const struct {
    const char *name;
    int64_t bytes;
} byte_units[] = {
    {"PiB", (int64_t)1 << 50},
    {"TiB", (int64_t)1 << 40},
    {"GiB", (int64_t)1 << 30},
    {"MiB", (int64_t)1 << 20},
    {"KiB", (int64_t)1 << 10},
    {"PB", 1000000000000000},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"B", 1},
};

static int same_letters(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) a++, b++;
    return !*a && !*b;
}

int cw_scalar_bytes(const char *text, int64_t *value) {
    size_t length = number_length(text);
    if (length == 0 || text[0] == '-') return 0;
    double number = strtod(text, NULL), unit = 1;
    const char *name = text + length;
    while (*name == ' ') name++;
    if (*name) {
        unit = 0;
        for (size_t i = 0; i < sizeof byte_units / sizeof *byte_units; i++)
            if (same_letters(name, byte_units[i].name)) unit = (double)byte_units[i].bytes;
        if (unit == 0) return 0;
    }
    double bytes = number * unit;
    if (!(bytes < 9e18)) return 0;
    *value = (int64_t)bytes;
    return 1;
}

void cw_bytes_text(int64_t bytes, char text[32]) {
    for (size_t i = 0; i < 5; i++)
        if (bytes > 0 && bytes % byte_units[i].bytes == 0) {
            snprintf(text, 32, "%lld %s", (long long)(bytes / byte_units[i].bytes), byte_units[i].name);
            return;
        }
    snprintf(text, 32, "%lld", (long long)bytes);
}

int cw_is_word(const cw_yaml_node *node, const char *word) {
    return node->type == CW_YAML_SCALAR && strcmp(node->text, word) == 0;
}

static int smallest(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits (insert, delete, change, swap of neighbours) between two words, letters' case ignored. */
static int edits(const char *a, size_t m, const char *b, size_t n) {
    enum { WIDTH = 65 };
    int row[3][WIDTH];
    int *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= n; j++) last[j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = smallest(now[j], now[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[n];
}

void cw_nearest_try(cw_nearest *nearest, const char *word) {
    size_t m = strlen(nearest->wanted), n = strlen(word);
    if (m == 0 || m > 64 || n > 64) return;
    int distance = edits(nearest->wanted, m, word, n);
    int limit = 1 + (int)(m < n ? m : n) / 4;
    if (m >= 3 && m < n && memcmp(nearest->wanted, word, m) == 0) distance = 1; /* a word cut short */
    if (distance > limit || (nearest->best && distance >= nearest->distance)) return;
    nearest->best = word;
    nearest->distance = distance;
}

static void add(char *text, size_t size, const char *more) {
    size_t used = strlen(text);
    if (used < size) snprintf(text + used, size - used, "%s", more);
}

static void add_words(const cw_option *option, char *text, size_t size) {
    for (int i = 0; option->words[i]; i++) {
        if (i) add(text, size, option->words[i + 1] ? ", " : " or ");
        add(text, size, option->words[i]);
    }
}

static void expects_number(const cw_option *option, char *text, size_t size) {
    const char *format =
        option->flags & CW_O_BETWEEN ? "a number above %g and below %g" : "a number from %g to %g";
    snprintf(text, size, format, option->low, option->high);
}

static void expects_texts(const cw_option *option, char *text, size_t size) {
    const char *what = option->flags & CW_O_PATH   ? "file name"
                       : option->flags & CW_O_NAME ? "column name"
                                                   : "text";
    if (option->flags & CW_O_ONE)
        snprintf(text, size, "a %s", what);
    else if (option->high > 0)
        snprintf(text, size, "a %s or a list of at most %g", what, option->high);
    else
        snprintf(text, size, "a %s or a list of them", what);
    if (option->flags & CW_O_NONE) add(text, size, ", or none");
}

void cw_option_expects(const cw_option *option, char *text, size_t size) {
    text[0] = '\0';
    switch (option->type) {
    case CW_T_MAP:
        if (option->bare)
            snprintf(text, size, "%s, or ", option->child->flags & CW_O_NAME ? "a column name" : "a word");
        add(text, size, "a map of keys");
        break;
    case CW_T_NAMED:
        add(text, size, "a map from column names to maps of keys");
        break;
    case CW_T_LIST:
        add(text, size, option->flags & CW_O_AUTO ? "auto, or a list" : "a list");
        break;
    case CW_T_TEXT:
        add(text, size,
            option->flags & CW_O_PATH         ? "a path"
            : option->flags & CW_O_NAME       ? "a column name"
            : option->flags & CW_O_EXPRESSION ? "an expression"
                                              : "a text");
        break;
    case CW_T_TEXTS:
        expects_texts(option, text, size);
        break;
    case CW_T_REAL:
        expects_number(option, text, size);
        break;
    case CW_T_WHOLE:
        snprintf(text, size, "%g", option->low);
        break;
    case CW_T_SEED:
        add(text, size, "a whole number from 0 to 18446744073709551615");
        break;
    case CW_T_BYTES:
        add(text, size, "a size from 1 MiB to 1 PiB, such as 512 MiB or 2 GiB");
        break;
    case CW_T_CHOICE:
        add_words(option, text, size);
        break;
    case CW_T_CHOICES:
        add_words(option, text, size);
        add(text, size, ", or a list of these");
        break;
    case CW_T_REALS:
        add(text, size, "a number or a list of numbers");
        break;
    case CW_T_PAIR:
        add(text, size, "a list of two different numbers");
        break;
    case CW_T_RANGE:
        add(text, size, "a list of two numbers, the smaller first; null for no limit");
        break;
    case CW_T_LATER:
        add(text, size, "not available in this version");
        break;
    }
}
