/* --set key.path=value: edits the tree before it is bound. A part of the path in double quotes may have dots;
 * items of lists go by number, and the number after the last appends. */
#include <stdio.h>
#include <string.h>

#include "job_table.h"

/* Where the walk stands: a node, and what the table says about it (`option` NULL: nothing). In a list of
 * maps or a map of free names, `item` tells its items from itself. */
typedef struct spot {
    cw_yaml_node *node;
    const cw_option *option;
    int item;
} spot;

typedef struct setting {
    cw_job_reader *reader;
    cw_yaml_node like; /* the place given to what is made */
} setting;

static void overwrite(cw_yaml_node *to, const cw_yaml_node *from) {
    cw_yaml_node *key = to->key, *next = to->next;
    *to = *from;
    to->key = key;
    to->next = next;
}

static cw_code fresh(setting *s, cw_yaml_type type, const char *text, size_t length, cw_yaml_node **out) {
    return cw_yaml_new(s->reader->yaml, type, &s->like, text, length, out);
}

static cw_code append_null(setting *s, cw_yaml_node *parent, const char *key, size_t length,
                           cw_yaml_node **out) {
    cw_yaml_node *name = NULL;
    if (key) CW_TRY(fresh(s, CW_YAML_SCALAR, key, length, &name));
    CW_TRY(fresh(s, CW_YAML_SCALAR, "", 0, out));
    cw_yaml_append(parent, name, *out);
    return CW_OK;
}

/* Makes the node a map: null becomes an empty one, a bare word the map that it stands for. */
static cw_code make_map(setting *s, const spot *at) {
    cw_yaml_node *node = at->node, *map, *key, *copy;
    if (node->type == CW_YAML_MAP) return CW_OK;
    CW_TRY(fresh(s, CW_YAML_MAP, NULL, 0, &map));
    if (!cw_yaml_is_null(node)) {
        const char *bare = at->option ? at->option->bare : NULL;
        if (node->type != CW_YAML_SCALAR || !bare)
            return cw_yaml_fail(s->reader->env, &s->like, NULL, "what stands there has no keys");
        CW_TRY(fresh(s, CW_YAML_SCALAR, bare, strlen(bare), &key));
        CW_TRY(fresh(s, CW_YAML_SCALAR, "", 0, &copy));
        overwrite(copy, node);
        cw_yaml_append(map, key, copy);
    }
    overwrite(node, map);
    return CW_OK;
}

/* Makes the node a list: null and auto become an empty one, any other value the only item. */
static cw_code make_list(setting *s, const spot *at) {
    cw_yaml_node *node = at->node, *list, *copy;
    if (node->type == CW_YAML_LIST) return CW_OK;
    CW_TRY(fresh(s, CW_YAML_LIST, NULL, 0, &list));
    int empty = cw_yaml_is_null(node) ||
                (at->option && at->option->flags & CW_O_AUTO && cw_is_word(node, "auto")) ||
                (at->option && at->option->flags & CW_O_NONE && cw_is_word(node, "none"));
    if (!empty) {
        CW_TRY(fresh(s, CW_YAML_SCALAR, "", 0, &copy));
        overwrite(copy, node);
        cw_yaml_append(list, NULL, copy);
    }
    overwrite(node, list);
    return CW_OK;
}

static int is_list_type(cw_option_type type) {
    return type == CW_T_LIST || type == CW_T_TEXTS || type == CW_T_CHOICES || type == CW_T_REALS ||
           type == CW_T_PAIR || type == CW_T_RANGE;
}

static int is_number(const char *part, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (part[i] < '0' || part[i] > '9') return 0;
    return length > 0;
}

/* A list of one is as good as its item where the grammar keeps several for later. */
static void unwrap(spot *at) {
    if (at->node->type == CW_YAML_LIST && at->node->count == 1) overwrite(at->node, at->node->first);
}

static int goes_by_number(const spot *at) {
    if (!at->option || at->option->flags & CW_O_LIST_LATER) return at->node->type == CW_YAML_LIST;
    return !at->item && !(at->option->flags & CW_O_ONE) && is_list_type(at->option->type);
}

static cw_code step_item(setting *s, spot *at, const char *part, size_t length) {
    if (!is_number(part, length))
        return cw_yaml_fail(s->reader->env, &s->like, "count items from 0, as in estimate.0.level",
                            "\"%.*s\" is no number of a list's item", (int)length, part);
    int32_t index = 0;
    for (size_t i = 0; i < length && index < 1000000; i++) index = 10 * index + (part[i] - '0');
    CW_TRY(make_list(s, at));
    if (index > at->node->count)
        return cw_yaml_fail(s->reader->env, &s->like, "the number after the last item appends one",
                            "no item %d in a list of %d", (int)index, (int)at->node->count);
    cw_yaml_node *child = cw_yaml_item(at->node, index);
    if (!child) CW_TRY(append_null(s, at->node, NULL, 0, &child));
    int maps = at->option && (at->option->type == CW_T_LIST || at->option->type == CW_T_MAP);
    *at = (spot){.node = child, .option = maps ? at->option : NULL, .item = 1};
    return CW_OK;
}

static cw_code step_key(setting *s, spot *at, const char *part, size_t length) {
    CW_TRY(make_map(s, at));
    cw_yaml_node *child = at->node->first;
    while (child && (child->key->length != length || memcmp(child->key->text, part, length) != 0))
        child = child->next;
    if (!child) CW_TRY(append_null(s, at->node, part, length, &child));
    const cw_option *option = at->option;
    if (option && option->type == CW_T_NAMED && !at->item)
        *at = (spot){.node = child, .option = option, .item = 1};
    else
        *at = (spot){.node = child,
                     .option = option && option->child ? cw_option_find(option, part, length) : NULL};
    return CW_OK;
}

static cw_code step(setting *s, spot *at, const char *part, size_t length) {
    if (length == 0)
        return cw_yaml_fail(s->reader->env, &s->like, "write key.path=value",
                            "a part of the key path is empty");
    if (at->option && at->option->flags & CW_O_LIST_LATER && !is_number(part, length)) unwrap(at);
    return goes_by_number(at) ? step_item(s, at, part, length) : step_key(s, at, part, length);
}

/* Splits off the next part of the path; *path moves behind it and its dot. NULL where a quote stays open or
 * is followed by something else. */
static const char *next_part(const char **path, size_t *left, size_t *length) {
    const char *part = *path, *end = part + *left, *stop;
    int quoted = *left > 0 && *part == '"';
    if (quoted) {
        stop = memchr(++part, '"', *left - 1);
        if (!stop || (stop + 1 < end && stop[1] != '.')) return NULL;
    } else {
        stop = memchr(part, '.', *left);
    }
    *length = (size_t)((stop ? stop : end) - part);
    if (stop && quoted) stop++;
    int more = stop && stop < end;
    *left = more ? (size_t)(end - stop) - 1 : 0;
    *path = more ? stop + 1 : NULL;
    return part;
}

/* The '=' that ends the path; those in quotes belong to names. */
static const char *path_end(const char *text) {
    int quoted = 0;
    for (; *text && (quoted || *text != '='); text++)
        if (*text == '"') quoted = !quoted;
    return *text ? text : NULL;
}

cw_code cw_job_set(cw_job_reader *reader, const char *text) {
    setting s = {.reader = reader, .like = {.plain = 1, .line = 1, .column = 1}};
    char source[128];
    const char *equals = path_end(text), *path = text;
    size_t shown = equals && equals > text ? (size_t)(equals - text) : (size_t)cw_yaml_clip(text);
    snprintf(source, sizeof source, "--set %.*s", shown < 90 ? (int)shown : cw_yaml_clip(text), text);
    if (!equals || equals == text)
        return cw_fail(reader->env, CW_BAD_JOB, source, "write key.path=value",
                       "no key or no = in the setting");
    if (!cw_yaml_is_text(text, strlen(text)))
        return cw_fail(reader->env, CW_BAD_JOB, source, "write it as plain UTF-8 text",
                       "control character or invalid UTF-8 in the setting");
    cw_yaml_node *value;
    CW_TRY(cw_yaml_parse(reader->yaml, source, equals + 1, strlen(equals + 1), &value));
    s.like.source = value->source;
    spot at = {.node = reader->root, .option = &cw_job_options};
    size_t left = (size_t)(equals - text), length;
    for (int depth = 0; path; depth++) {
        const char *part = next_part(&path, &left, &length);
        if (!part) return cw_yaml_fail(reader->env, &s.like, NULL, "a quote in the key path is not closed");
        if (depth == CW_YAML_DEPTH) return cw_yaml_fail(reader->env, &s.like, NULL, "nested too deeply");
        CW_TRY(step(&s, &at, part, length));
    }
    overwrite(at.node, value);
    return CW_OK;
}
