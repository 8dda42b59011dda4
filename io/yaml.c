#include "yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "../src/base/sort.h"
#include "utf8.h"

/* Nodes and texts live in chunks that are freed together. */
enum { CHUNK_BYTES = 1 << 15 };

typedef struct chunk {
    struct chunk *next;
    size_t used, room;
} chunk;

struct cw_yaml {
    cw_env *env;
    chunk *chunks;
    int32_t nodes;
};

/* One parse: the open containers, from the root down. */
typedef struct reading {
    cw_yaml *yaml;
    yaml_parser_t parser;
    const char *source, *input;
    size_t length;
    int depth;
    cw_yaml_node *open[CW_YAML_DEPTH];
    cw_yaml_node *key[CW_YAML_DEPTH]; /* the key that waits for its value, in a map */
    cw_yaml_node *root;
} reading;

cw_code cw_yaml_create(cw_env *env, cw_yaml **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    return CW_OK;
}

void cw_yaml_destroy(cw_yaml **yaml) {
    if (!*yaml) return;
    cw_env *env = (*yaml)->env;
    for (chunk *c = (*yaml)->chunks, *next; c; c = next) {
        next = c->next;
        cw_free(env, &c);
    }
    cw_free(env, yaml);
}

/* Zeroed bytes from the newest chunk, aligned for a node. */
static cw_code take(cw_yaml *yaml, size_t bytes, void *out) {
    size_t need = (bytes + 15) / 16 * 16, head = (sizeof(chunk) + 15) / 16 * 16;
    chunk *c = yaml->chunks;
    if (!c || c->room - c->used < need) {
        size_t room = head + (need > CHUNK_BYTES ? need : CHUNK_BYTES);
        CW_TRY(cw_alloc_zero(yaml->env, room, 1, &c));
        c->used = head;
        c->room = room;
        c->next = yaml->chunks;
        yaml->chunks = c;
    }
    void *place = (char *)c + c->used;
    c->used += need;
    memcpy(out, &place, sizeof place);
    return CW_OK;
}

static cw_code keep(cw_yaml *yaml, const char *text, size_t length, const char **out) {
    char *copy;
    CW_TRY(take(yaml, length + 1, &copy));
    if (length) memcpy(copy, text, length);
    *out = copy;
    return CW_OK;
}

cw_code cw_yaml_new(cw_yaml *yaml, cw_yaml_type type, const cw_yaml_node *like, const char *text,
                    size_t length, cw_yaml_node **out) {
    cw_yaml_node *node = NULL;
    CW_TRY(take(yaml, sizeof *node, &node));
    node->type = type;
    node->plain = 1;
    node->line = like->line;
    node->column = like->column;
    node->source = like->source;
    node->length = length;
    if (type == CW_YAML_SCALAR) CW_TRY(keep(yaml, text, length, &node->text));
    *out = node;
    return CW_OK;
}

void cw_yaml_append(cw_yaml_node *parent, cw_yaml_node *key, cw_yaml_node *child) {
    child->key = key;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count += 1;
}

cw_yaml_node *cw_yaml_get(const cw_yaml_node *map, const char *key) {
    if (!map || map->type != CW_YAML_MAP) return NULL;
    for (cw_yaml_node *child = map->first; child; child = child->next)
        if (strcmp(child->key->text, key) == 0) return child;
    return NULL;
}

cw_yaml_node *cw_yaml_item(const cw_yaml_node *list, int32_t index) {
    if (!list || list->type != CW_YAML_LIST || index < 0) return NULL;
    cw_yaml_node *child = list->first;
    while (child && index-- > 0) child = child->next;
    return child;
}

int cw_yaml_is_null(const cw_yaml_node *node) {
    if (!node) return 1;
    if (node->type != CW_YAML_SCALAR || !node->plain) return 0;
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(node->text, words[i]) == 0) return 1;
    return 0;
}

int cw_yaml_clip(const char *text) {
    enum { LIMIT = 60 };
    size_t length = strlen(text);
    if (length <= LIMIT) return (int)length;
    length = LIMIT;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    return (int)length;
}

static void place(char *where, size_t size, const char *source, int line, int column) {
    snprintf(where, size, "%.*s:%d:%d", (int)size - 32, source, line, column);
}

cw_code cw_yaml_fail(cw_env *env, const cw_yaml_node *node, const char *mend, const char *format, ...) {
    char what[CW_ERROR_TEXT], where[CW_ERROR_PLACE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    place(where, sizeof where, node->source, node->line, node->column);
    return cw_fail(env, CW_BAD_JOB, where, mend, "%s", what);
}

/* libyaml knows a character's byte offset only: the line and column are counted again. */
static cw_code bad_byte(reading *r) {
    int line = 1, column = 1;
    for (size_t i = 0; i < r->parser.problem_offset && i < r->length; i++) {
        column++;
        if (r->input[i] == '\n') line++, column = 1;
    }
    char where[CW_ERROR_PLACE];
    place(where, sizeof where, r->source, line, column);
    return cw_fail(r->yaml->env, CW_BAD_JOB, where, "write the file as plain UTF-8 text", "%s",
                   r->parser.problem ? r->parser.problem : "unreadable character");
}

/* Says what usually is behind libyaml's message. */
static const char *usual_cause(const reading *r) {
    size_t at = r->parser.problem_mark.index;
    /* the index counts characters: it is a byte offset only in ASCII, and the hint is dropped elsewhere */
    for (size_t i = 0; i <= at && i < r->length; i++)
        if ((unsigned char)r->input[i] >= 0x80) return NULL;
    if (at >= r->length) return "close what is open: a quote, a bracket or a brace";
    if (r->input[at] == '\t') return "indent with blanks, not tabs";
    if (strchr("@`%", r->input[at])) return "put the value in quotes";
    if (r->input[at] == ':') return "put a value that has a colon in quotes";
    return "check the indentation, and quote values with special characters";
}

static cw_code not_yaml(reading *r) {
    const yaml_parser_t *p = &r->parser;
    cw_env *env = r->yaml->env;
    if (p->error == YAML_MEMORY_ERROR)
        return cw_fail(env, CW_NO_MEMORY, r->source, NULL, "cannot allocate memory to read YAML");
    if (p->error == YAML_READER_ERROR) return bad_byte(r);
    char where[CW_ERROR_PLACE];
    place(where, sizeof where, r->source, (int)p->problem_mark.line + 1, (int)p->problem_mark.column + 1);
    return cw_fail(env, CW_BAD_JOB, where, usual_cause(r), "not valid YAML: %s%s%s",
                   p->problem ? p->problem : "syntax error", p->context ? " " : "",
                   p->context ? p->context : "");
}

static cw_code refuse(reading *r, const yaml_event_t *event, const char *mend, const char *what) {
    char where[CW_ERROR_PLACE];
    place(where, sizeof where, r->source, (int)event->start_mark.line + 1, (int)event->start_mark.column + 1);
    return cw_fail(r->yaml->env, CW_BAD_JOB, where, mend, "%s", what);
}

static cw_code new_node(reading *r, const yaml_event_t *event, cw_yaml_type type, cw_yaml_node **out) {
    if (++r->yaml->nodes > CW_YAML_NODES) return refuse(r, event, "shorten it", "too many values");
    cw_yaml_node like = {.line = (int)event->start_mark.line + 1,
                         .column = (int)event->start_mark.column + 1,
                         .source = r->source};
    const char *text = "";
    size_t length = 0;
    if (type == CW_YAML_SCALAR) {
        text = (const char *)event->data.scalar.value;
        length = event->data.scalar.length;
    }
    CW_TRY(cw_yaml_new(r->yaml, type, &like, text, length, out));
    if (type == CW_YAML_SCALAR) (*out)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return CW_OK;
}

/* C0 but tab and newline, DEL, C1, the byte order mark, U+FFFE and U+FFFF. */
static int is_control(const unsigned char *c, size_t length) {
    if (length == 1) return (c[0] < 0x20 && c[0] != '\n' && c[0] != '\t') || c[0] == 0x7F;
    if (length == 2) return c[0] == 0xC2 && c[1] < 0xA0;
    if (length == 3 && c[0] == 0xEF) return (c[1] == 0xBB && c[2] == 0xBF) || (c[1] == 0xBF && c[2] >= 0xBE);
    return 0;
}

int cw_yaml_is_text(const char *text, size_t length) {
    for (size_t i = 0, step; i < length; i += step) {
        step = cw_utf8_length(text + i, length - i);
        if (step == 0 || is_control((const unsigned char *)text + i, step)) return 0;
    }
    return 1;
}

/* Puts a value, or a key, where it belongs. */
static cw_code put(reading *r, const yaml_event_t *event, cw_yaml_node *node) {
    if (r->depth == 0) {
        r->root = node;
        return CW_OK;
    }
    cw_yaml_node *parent = r->open[r->depth - 1];
    cw_yaml_node **key = &r->key[r->depth - 1];
    if (parent->type == CW_YAML_LIST) {
        cw_yaml_append(parent, NULL, node);
    } else if (*key) {
        cw_yaml_append(parent, *key, node);
        *key = NULL;
    } else if (node->type != CW_YAML_SCALAR) {
        return refuse(r, event, NULL, "a key must be a single word or text");
    } else {
        *key = node;
    }
    return CW_OK;
}

static cw_code open_container(reading *r, const yaml_event_t *event, cw_yaml_type type) {
    cw_yaml_node *node = NULL;
    CW_TRY(new_node(r, event, type, &node));
    CW_TRY(put(r, event, node));
    if (r->depth == CW_YAML_DEPTH) return refuse(r, event, NULL, "nested too deeply");
    r->open[r->depth] = node;
    r->key[r->depth] = NULL;
    r->depth++;
    return CW_OK;
}

static int by_text(const void *a, const void *b, void *self) {
    (void)self;
    const cw_yaml_node *const *x = a, *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

/* No key may stand twice in one map. The sort is stable, so the later of two equal keys is found. */
static cw_code distinct_keys(reading *r, const cw_yaml_node *map) {
    if (map->count < 2) return CW_OK;
    cw_env *env = r->yaml->env;
    cw_yaml_node **key;
    int32_t n = 0;
    CW_TRY(cw_alloc(env, (size_t)map->count, sizeof *key, &key));
    for (cw_yaml_node *child = map->first; child; child = child->next) key[n++] = child->key;
    cw_code code = cw_sort(env, key, n, sizeof *key, by_text, NULL);
    for (int32_t i = 1; code == CW_OK && i < n; i++)
        if (strcmp(key[i - 1]->text, key[i]->text) == 0)
            code =
                cw_yaml_fail(env, key[i], "remove one of them", "key \"%.*s\" stands twice, first in line %d",
                             cw_yaml_clip(key[i]->text), key[i]->text, key[i - 1]->line);
    cw_free(env, &key);
    return code;
}

static cw_code scalar(reading *r, const yaml_event_t *event) {
    /* escapes in quotes can smuggle in what the text itself may not hold */
    if (!cw_yaml_is_text((const char *)event->data.scalar.value, event->data.scalar.length))
        return refuse(r, event, "remove it", "control character in a text");
    cw_yaml_node *node = NULL;
    CW_TRY(new_node(r, event, CW_YAML_SCALAR, &node));
    return put(r, event, node);
}

static cw_code decorated(reading *r, const yaml_event_t *event, const yaml_char_t *anchor,
                         const yaml_char_t *tag) {
    if (anchor) return refuse(r, event, "write the value out", "YAML anchors (&) are not allowed");
    if (tag)
        return refuse(r, event, "leave it out, or put the text in quotes", "YAML tags (!) are not allowed");
    return CW_OK;
}

static cw_code take_event(reading *r, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->root) return refuse(r, event, "keep one", "more than one YAML document");
        return CW_OK;
    case YAML_ALIAS_EVENT:
        return refuse(r, event, "write the value out, or quote it", "YAML aliases (*) are not allowed");
    case YAML_SCALAR_EVENT:
        CW_TRY(decorated(r, event, event->data.scalar.anchor, event->data.scalar.tag));
        return scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        CW_TRY(decorated(r, event, event->data.sequence_start.anchor, event->data.sequence_start.tag));
        return open_container(r, event, CW_YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        CW_TRY(decorated(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag));
        return open_container(r, event, CW_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        return CW_OK;
    case YAML_MAPPING_END_EVENT:
        r->depth--;
        return distinct_keys(r, r->open[r->depth]);
    default:
        return CW_OK;
    }
}

static cw_code read_events(reading *r) {
    for (int more = 1; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event)) return not_yaml(r);
        more = event.type != YAML_STREAM_END_EVENT;
        cw_code code = take_event(r, &event);
        yaml_event_delete(&event);
        CW_TRY(code);
    }
    return CW_OK;
}

cw_code cw_yaml_parse(cw_yaml *yaml, const char *source, const char *text, size_t length,
                      cw_yaml_node **root) {
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, length -= 3; /* byte order mark */
    reading r = {.yaml = yaml, .input = text, .length = length};
    *root = NULL;
    CW_TRY(keep(yaml, source, strlen(source), &r.source));
    if (!yaml_parser_initialize(&r.parser))
        return cw_fail(yaml->env, CW_NO_MEMORY, source, NULL, "cannot allocate memory to read YAML");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text ? text : ""), length);
    cw_code code = read_events(&r);
    yaml_parser_delete(&r.parser);
    CW_TRY(code);
    if (!r.root) {
        cw_yaml_node like = {.line = 1, .column = 1, .source = r.source};
        CW_TRY(cw_yaml_new(yaml, CW_YAML_SCALAR, &like, "", 0, &r.root));
    }
    *root = r.root;
    return CW_OK;
}
