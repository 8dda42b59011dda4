/* The manual and the JSON Schema: two more readings of the option table. */
#include <stdio.h>
#include <string.h>

#include "job_table.h"
#include "json.h"

typedef struct manual {
    cw_env *env;
    char *text;
    size_t length, room;
    cw_code code;
} manual;

static void add(manual *m, const char *text, size_t length) {
    if (m->code != CW_OK) return;
    if (m->length + length + 1 > m->room) {
        size_t room = 2 * m->room + length + 4096;
        m->code = cw_realloc(m->env, room, 1, &m->text);
        if (m->code != CW_OK) return;
        m->room = room;
    }
    memcpy(m->text + m->length, text, length);
    m->length += length;
    m->text[m->length] = '\0';
}

/* Words filled into lines of 78 characters, each begun by four blanks. */
static void add_filled(manual *m, const char *text) {
    size_t column = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column > 0 && column + 1 + length > 78) {
            add(m, "\n", 1);
            column = 0;
        }
        if (column == 0) {
            add(m, "    ", 4);
            column = 4;
        } else {
            add(m, " ", 1);
            column++;
        }
        add(m, text, length);
        column += length;
        text += length + (text[length] == ' ');
    }
    add(m, "\n", 1);
}

static void describe_option(manual *m, const cw_option *option, const char *path) {
    char expected[256], line[1024];
    cw_option_expects(option, expected, sizeof expected);
    if (option->type == CW_T_LATER) {
        snprintf(line, sizeof line, "%s  (not available in this version)\n", path);
        add(m, line, strlen(line));
        add_filled(m, option->help);
        return;
    }
    snprintf(line, sizeof line, "%s: %s\n", path, expected);
    add(m, line, strlen(line));
    snprintf(line, sizeof line, "%s%s%s%s%s", option->help, option->flags & CW_O_REQUIRED ? " Required." : "",
             option->preset ? " Default: " : "", option->preset ? option->preset : "",
             option->preset ? "." : "");
    add_filled(m, line);
    if (!option->later) return;
    snprintf(line, sizeof line, "Not available in this version:");
    for (int i = 0; option->later[i]; i++) {
        size_t used = strlen(line);
        snprintf(line + used, sizeof line - used, "%s %s", i ? "," : "", option->later[i]);
    }
    add_filled(m, line);
}

static void describe_map(manual *m, const cw_option *map, const char *path) {
    char below[256];
    for (const cw_option *option = map->child; option->key; option++) {
        const char *item = option->type == CW_T_NAMED ? ".NAME" : option->type == CW_T_LIST ? "[]" : "";
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", option->key);
        describe_option(m, option, below);
        snprintf(below, sizeof below, "%s%s%s%s", path, *path ? "." : "", option->key, item);
        if (option->child) describe_map(m, option, below);
    }
}

cw_code cw_job_manual(cw_env *env, char **text) {
    manual m = {.env = env};
    static const char head[] =
        "The job file (YAML, version 1)\n\n"
        "A job needs data, question.treatment and question.outcome. A bare word may\n"
        "stand for a map where that is said below, and one value for a list of one.\n"
        "Paths are relative to the job file's folder. --set key.path=value wins over the\n"
        "file; items of a list go by number from 0 (--set estimate.0.level=0.9), and a\n"
        "name with dots is put in double quotes (--set 'data.columns.\"a.b\".unit=kg').\n"
        "no, off and the like are plain text; null is as good as leaving a key out.\n\n";
    add(&m, head, sizeof head - 1);
    describe_map(&m, &cw_job_options, "");
    if (m.code != CW_OK) cw_free(env, &m.text);
    *text = m.text;
    return m.code;
}

static void schema_map(cw_json *json, const cw_option *map);

static void type_is(cw_json *json, const char *type) {
    cw_json_string(json, "type", type);
}

/* An alternative of anyOf that is one given text. */
static void alternative_word(cw_json *json, const char *word) {
    cw_json_object(json, NULL);
    cw_json_string(json, "const", word);
    cw_json_end(json);
}

static void alternative_type(cw_json *json, const char *type) {
    cw_json_object(json, NULL);
    type_is(json, type);
    cw_json_end(json);
}

/* Texts may look like numbers or truth values, and stay texts. */
static void any_scalar(cw_json *json, const cw_option *option) {
    cw_json_array(json, "type");
    cw_json_string(json, NULL, "string");
    cw_json_string(json, NULL, "number");
    cw_json_string(json, NULL, "boolean");
    cw_json_end(json);
    if (!(option->flags & CW_O_EMPTY)) cw_json_int(json, "minLength", 1);
}

static void schema_number(cw_json *json, const cw_option *option) {
    int between = option->flags & CW_O_BETWEEN;
    type_is(json, "number");
    cw_json_real(json, between ? "exclusiveMinimum" : "minimum", option->low);
    cw_json_real(json, between ? "exclusiveMaximum" : "maximum", option->high);
}

static void schema_words(cw_json *json, const cw_option *option) {
    cw_json_array(json, "enum");
    for (int i = 0; option->words[i]; i++) cw_json_string(json, NULL, option->words[i]);
    cw_json_end(json);
}

/* What one item of a list may be. */
static void schema_item(cw_json *json, const cw_option *option) {
    if (option->type == CW_T_CHOICES)
        schema_words(json, option);
    else if (option->type == CW_T_REALS)
        type_is(json, "number");
    else
        any_scalar(json, option);
}

static void schema_one_or_list(cw_json *json, const cw_option *option) {
    cw_json_object(json, NULL);
    schema_item(json, option);
    cw_json_end(json);
    if (option->flags & CW_O_ONE) return;
    cw_json_object(json, NULL);
    type_is(json, "array");
    cw_json_object(json, "items");
    schema_item(json, option);
    cw_json_end(json);
    if (option->type == CW_T_CHOICES || option->flags & CW_O_REQUIRED) cw_json_int(json, "minItems", 1);
    if (option->type == CW_T_TEXTS && option->high > 0) cw_json_int(json, "maxItems", (int64_t)option->high);
    if (option->type == CW_T_CHOICES || option->flags & CW_O_DISTINCT) cw_json_bool(json, "uniqueItems", 1);
    cw_json_end(json);
}

static void schema_two(cw_json *json, const cw_option *option) {
    cw_json_object(json, NULL);
    type_is(json, "array");
    cw_json_int(json, "minItems", 2);
    cw_json_int(json, "maxItems", 2);
    cw_json_object(json, "items");
    cw_json_array(json, "type");
    cw_json_string(json, NULL, "number");
    if (option->type == CW_T_RANGE) cw_json_string(json, NULL, "null");
    cw_json_end(json);
    cw_json_end(json);
    cw_json_end(json);
}

/* A map, the bare word that stands for it, and where there is room for several later a list of one. */
static void schema_item_map(cw_json *json, const cw_option *option) {
    if (option->bare) {
        const cw_option *bare = cw_option_find(option, option->bare, strlen(option->bare));
        cw_json_object(json, NULL);
        if (bare->type == CW_T_CHOICE)
            schema_words(json, bare);
        else
            any_scalar(json, bare);
        cw_json_end(json);
    }
    cw_json_object(json, NULL);
    schema_map(json, option);
    cw_json_end(json);
    if (!(option->flags & CW_O_LIST_LATER)) return;
    cw_option one = *option;
    one.flags = 0;
    cw_json_object(json, NULL);
    type_is(json, "array");
    cw_json_int(json, "minItems", 1);
    cw_json_int(json, "maxItems", 1);
    cw_json_object(json, "items");
    cw_json_array(json, "anyOf");
    schema_item_map(json, &one);
    cw_json_end(json);
    cw_json_end(json);
    cw_json_end(json);
}

static void schema_list(cw_json *json, const cw_option *option) {
    if (option->flags & CW_O_AUTO) alternative_word(json, "auto");
    schema_item_map(json, option);
    cw_json_object(json, NULL);
    type_is(json, "array");
    cw_json_int(json, "minItems", 1);
    cw_json_int(json, "maxItems", (int64_t)option->high);
    cw_json_object(json, "items");
    cw_json_array(json, "anyOf");
    schema_item_map(json, option);
    cw_json_end(json);
    cw_json_end(json);
    cw_json_end(json);
}

static void schema_named(cw_json *json, const cw_option *option) {
    cw_json_object(json, NULL);
    type_is(json, "object");
    cw_json_object(json, "additionalProperties");
    cw_json_array(json, "anyOf");
    alternative_type(json, "null");
    cw_json_object(json, NULL);
    schema_map(json, option);
    cw_json_end(json);
    cw_json_end(json);
    cw_json_end(json);
    cw_json_end(json);
}

static void schema_scalar(cw_json *json, const cw_option *option) {
    cw_json_object(json, NULL);
    switch (option->type) {
    case CW_T_CHOICE:
        schema_words(json, option);
        break;
    case CW_T_REAL:
        schema_number(json, option);
        break;
    case CW_T_WHOLE:
        cw_json_real(json, "const", option->low);
        break;
    case CW_T_SEED:
        type_is(json, "integer");
        cw_json_int(json, "minimum", 0);
        break;
    case CW_T_BYTES:
        cw_json_array(json, "type");
        cw_json_string(json, NULL, "string");
        cw_json_string(json, NULL, "number");
        cw_json_end(json);
        cw_json_string(json, "pattern",
                       "^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *([KkMmGgTtPp]?[Ii]?[Bb])?$");
        break;
    default:
        any_scalar(json, option);
    }
    cw_json_end(json);
}

/* The alternatives of one key's value. */
static void schema_value(cw_json *json, const cw_option *option) {
    switch (option->type) {
    case CW_T_MAP:
        schema_item_map(json, option);
        break;
    case CW_T_NAMED:
        schema_named(json, option);
        break;
    case CW_T_LIST:
        schema_list(json, option);
        break;
    case CW_T_TEXTS:
    case CW_T_CHOICES:
    case CW_T_REALS:
        schema_one_or_list(json, option);
        break;
    case CW_T_PAIR:
    case CW_T_RANGE:
        schema_two(json, option);
        break;
    default:
        schema_scalar(json, option);
    }
    if (!(option->flags & CW_O_REQUIRED)) alternative_type(json, "null");
}

static void schema_option(cw_json *json, const cw_option *option) {
    cw_json_object(json, option->key);
    cw_json_string(json, "description", option->help);
    if (option->type == CW_T_LATER) {
        cw_json_string(json, "$comment", "not available in this version");
        cw_json_object(json, "not");
        cw_json_end(json);
    } else {
        if (option->preset && option->type != CW_T_WHOLE && option->type != CW_T_REAL &&
            option->type != CW_T_SEED)
            cw_json_string(json, "default", option->preset);
        cw_json_array(json, "anyOf");
        schema_value(json, option);
        cw_json_end(json);
    }
    cw_json_end(json);
}

static void schema_map(cw_json *json, const cw_option *map) {
    int required = 0;
    type_is(json, "object");
    cw_json_bool(json, "additionalProperties", 0);
    for (const cw_option *option = map->child; option->key; option++)
        required += (option->flags & CW_O_REQUIRED) != 0;
    if (required) {
        cw_json_array(json, "required");
        for (const cw_option *option = map->child; option->key; option++)
            if (option->flags & CW_O_REQUIRED) cw_json_string(json, NULL, option->key);
        cw_json_end(json);
    }
    cw_json_object(json, "properties");
    for (const cw_option *option = map->child; option->key; option++) schema_option(json, option);
    cw_json_end(json);
}

cw_code cw_job_schema(cw_env *env, char **text) {
    cw_json *json;
    *text = NULL;
    CW_TRY(cw_json_create(env, &json));
    cw_json_object(json, NULL);
    cw_json_string(json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cw_json_string(json, "title", "The Causeway job file, version 1");
    schema_map(json, &cw_job_options);
    cw_json_end(json);
    size_t length;
    cw_code code = cw_json_finish(json, text, &length);
    cw_json_destroy(&json);
    return code;
}
