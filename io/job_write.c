/* The effective job: every key with its value, as the option table lists them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/random.h"
#include "job_table.h"
#include "json.h"

typedef struct writer {
    cw_env *env;
    char *text;
    size_t length, room;
    cw_code code; /* the first failure; later writes do nothing */
    int all;
    const char *file;     /* of the job */
    size_t folder_length; /* of its folder, with the final slash */
} writer;

static void write_map(writer *w, const cw_option *map, const char *base, int indent);

static void put(writer *w, const char *text, size_t length) {
    if (w->code != CW_OK) return;
    if (w->length + length + 1 > w->room) {
        size_t room = 2 * w->room + length + 256;
        w->code = cw_realloc(w->env, room, 1, &w->text);
        if (w->code != CW_OK) return;
        w->room = room;
    }
    memcpy(w->text + w->length, text, length);
    w->length += length;
    w->text[w->length] = '\0';
}

static void add(writer *w, const char *text) {
    put(w, text, strlen(text));
}

static void put_indent(writer *w, int indent) {
    for (int i = 0; i < indent; i++) add(w, "  ");
}

/* Words that some reader of YAML, old or new, takes for something else than text, and those of the grammar.
 */
static int is_special(const char *text) {
    static const char *const words[] = {"null", "true", "false", "yes",  "no",  "on", "off",
                                        "y",    "n",    "none",  "auto", "nan", "inf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *a = text, *b = words[i];
        while (*b && (*a == *b || *a == *b - 'a' + 'A')) a++, b++;
        if (!*a && !*b) return 1;
    }
    return 0;
}

/* May it stand without quotes? Decided narrowly: letters first, no blank at the end. */
static int is_plain(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/";
    size_t length = strlen(text);
    if (length == 0 || length > 200 || !strchr(letters, text[0]) || text[length - 1] == ' ') return 0;
    for (const char *c = text; *c; c++)
        if (!strchr(letters, *c) && !strchr("0123456789.- ", *c)) return 0;
    return !is_special(text);
}

/* In double quotes; line breaks of any kind are escaped, so a text stays on one line. */
static void put_quoted(writer *w, const char *text) {
    add(w, "\"");
    for (const char *c = text; *c; c++) {
        int separator = strncmp(c, "\xE2\x80", 2) == 0 && (c[2] == '\xA8' || c[2] == '\xA9');
        if (*c == '"' || *c == '\\') {
            put(w, "\\", 1);
            put(w, c, 1);
        } else if (*c == '\n') {
            add(w, "\\n");
        } else if (*c == '\t') {
            add(w, "\\t");
        } else if (separator) {
            add(w, c[2] == '\xA8' ? "\\u2028" : "\\u2029");
            c += 2;
        } else {
            put(w, c, 1);
        }
    }
    add(w, "\"");
}

static void put_text(writer *w, const char *text) {
    if (is_plain(text))
        add(w, text);
    else
        put_quoted(w, text);
}

/* Paths are written as seen from the job file's folder, so the effective job does not depend on the folder in
 * which the program was started. */
static void put_value_text(writer *w, const cw_option *option, const char *text) {
    if (option->flags & CW_O_PATH && strncmp(text, w->file, w->folder_length) == 0 &&
        text[w->folder_length] && text[w->folder_length] != '/')
        text += w->folder_length;
    put_text(w, text);
}

static void put_real(writer *w, double value) {
    char text[32] = "null";
    if (isfinite(value)) cw_shortest(value, text);
    add(w, text);
}

static void put_word(writer *w, const cw_option *option, int value) {
    add(w, value < option->first ? "null" : option->words[value - option->first]);
}

static int get_int(const char *at) {
    int value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double get_real(const char *at) {
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

static int is_given(const cw_option *option, const char *base) {
    return !option->given || get_int(base + option->given);
}

static int is_absent(const cw_option *option, const char *base) {
    const char *at = base + option->at, *text;
    cw_strings texts;
    switch (option->type) {
    case CW_T_MAP:
        if (!(option->flags & CW_O_MAYBE)) return 0;
        if (option->given) return !is_given(option, base);
        memcpy(&text, at, sizeof text);
        return text == NULL;
    case CW_T_TEXT:
        memcpy(&text, at, sizeof text);
        return text == NULL;
    case CW_T_TEXTS:
        memcpy(&texts, at, sizeof texts);
        return option->given ? !is_given(option, base) : texts.count == 0;
    case CW_T_CHOICES:
    case CW_T_REALS:
    case CW_T_NAMED:
        return get_int(base + option->count) == 0;
    case CW_T_PAIR:
        return !is_given(option, base);
    case CW_T_RANGE:
        return !isfinite(get_real(at)) && !isfinite(get_real(at + sizeof(double)));
    case CW_T_CHOICE:
        return !(option->flags & CW_O_FIXED) && get_int(at) < option->first;
    default:
        return 0;
    }
}

static void write_texts(writer *w, const cw_option *option, const char *at) {
    cw_strings texts;
    memcpy(&texts, at, sizeof texts);
    if (texts.count == 0 && option->flags & CW_O_NONE) {
        add(w, "none");
        return;
    }
    add(w, "[");
    for (int32_t i = 0; i < texts.count; i++) {
        if (i) add(w, ", ");
        put_value_text(w, option, texts.item[i]);
    }
    add(w, "]");
}

static void write_numbers(writer *w, const char *at, int32_t count) {
    add(w, "[");
    for (int32_t i = 0; i < count; i++) {
        if (i) add(w, ", ");
        put_real(w, get_real(at + (size_t)i * sizeof(double)));
    }
    add(w, "]");
}

static void write_choices(writer *w, const cw_option *option, const char *base) {
    add(w, "[");
    for (int32_t i = 0; i < get_int(base + option->count); i++) {
        if (i) add(w, ", ");
        put_word(w, option, get_int(base + option->at + (size_t)i * sizeof(int)));
    }
    add(w, "]");
}

static void write_scalar(writer *w, const cw_option *option, const char *base) {
    const char *at = base + option->at, *text;
    char number[32];
    uint64_t seed;
    int64_t bytes;
    if (option->flags & CW_O_FIXED) {
        add(w, option->preset);
    } else if (option->type == CW_T_TEXT) {
        memcpy(&text, at, sizeof text);
        put_value_text(w, option, text);
    } else if (option->type == CW_T_REAL) {
        put_real(w, get_real(at));
    } else if (option->type == CW_T_CHOICE) {
        put_word(w, option, get_int(at));
    } else if (option->type == CW_T_SEED) {
        memcpy(&seed, at, sizeof seed);
        snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
        add(w, number);
    } else {
        memcpy(&bytes, at, sizeof bytes);
        cw_bytes_text(bytes, number);
        add(w, number);
    }
}

static void write_value(writer *w, const cw_option *option, const char *base) {
    const char *at = base + option->at, *reals;
    add(w, " ");
    switch (option->type) {
    case CW_T_TEXTS:
        write_texts(w, option, at);
        break;
    case CW_T_CHOICES:
        write_choices(w, option, base);
        break;
    case CW_T_REALS:
        memcpy(&reals, at, sizeof reals);
        write_numbers(w, reals, get_int(base + option->count));
        break;
    case CW_T_PAIR:
    case CW_T_RANGE:
        write_numbers(w, at, 2);
        break;
    default:
        write_scalar(w, option, base);
    }
}

static const char *items_of(const cw_option *option, const char *base) {
    const char *items;
    memcpy(&items, base + option->at, sizeof items);
    return items;
}

/* What is known about a column, on a line of its own: only what was said, for there may be thousands. */
static void write_named(writer *w, const cw_option *option, const char *base, int indent) {
    const char *item = items_of(option, base), *name;
    add(w, "\n");
    for (int32_t i = 0; i < get_int(base + option->count); i++, item += option->size) {
        memcpy(&name, item, sizeof name);
        put_indent(w, indent);
        put_text(w, name);
        add(w, ": {");
        const char *between = "";
        for (const cw_option *child = option->child; child->key; child++) {
            if (child->type == CW_T_LATER || is_absent(child, item)) continue;
            add(w, between);
            add(w, child->key);
            add(w, ":");
            write_value(w, child, item);
            between = ", ";
        }
        add(w, "}\n");
    }
}

static void write_list(writer *w, const cw_option *option, const char *base, int indent) {
    if (option->flags & CW_O_AUTO && is_given(option, base)) {
        add(w, " auto\n");
        return;
    }
    const char *item = items_of(option, base);
    add(w, "\n");
    for (int32_t i = 0; i < get_int(base + option->count); i++, item += option->size) {
        put_indent(w, indent);
        size_t before = w->length;
        write_map(w, option, item, indent + 1);
        if (w->code != CW_OK) return;
        /* the first key stands behind the dash, where its own indent was */
        size_t skip = 2 * (size_t)(indent + 1);
        memmove(w->text + before + 2, w->text + before + skip, w->length - before - skip + 1);
        w->length -= skip - 2;
        memcpy(w->text + before, "- ", 2);
    }
}

static void write_option(writer *w, const cw_option *option, const char *base, int indent) {
    put_indent(w, indent);
    add(w, option->key);
    add(w, ":");
    if (is_absent(option, base)) {
        add(w, option->type == CW_T_NAMED ? " {}\n" : " null\n");
    } else if (option->type == CW_T_MAP) {
        add(w, "\n");
        write_map(w, option, base, indent + 1);
    } else if (option->type == CW_T_NAMED) {
        write_named(w, option, base, indent + 1);
    } else if (option->type == CW_T_LIST) {
        write_list(w, option, base, indent + 1);
    } else {
        write_value(w, option, base);
        add(w, "\n");
    }
}

static void write_map(writer *w, const cw_option *map, const char *base, int indent) {
    for (const cw_option *option = map->child; option->key; option++) {
        if (option->type == CW_T_LATER || option->flags & CW_O_SILENT) continue;
        if (option->flags & CW_O_OUTSIDE && !w->all) continue;
        write_option(w, option, base, indent);
    }
}

cw_code cw_job_effective(cw_env *env, const cw_job *job, int all, char **yaml) {
    const char *slash = strrchr(job->file, '/');
    writer w = {.env = env, .all = all, .file = job->file};
    if (slash) w.folder_length = (size_t)(slash - job->file) + 1;
    write_map(&w, &cw_job_options, (const char *)job, 0);
    if (w.code != CW_OK) cw_free(env, &w.text);
    *yaml = w.text;
    return w.code;
}

cw_code cw_job_digest(cw_env *env, const cw_job *job, uint64_t *digest) {
    char *text;
    CW_TRY(cw_job_effective(env, job, 0, &text));
    *digest = cw_hash64(text, strlen(text), 0);
    cw_free(env, &text);
    return CW_OK;
}
