/* From the tree of a job file to the structure, as the option table says. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/expression.h"
#include "../src/base/sort.h"
#include "file.h"
#include "job_table.h"

static cw_code bind_map(cw_job_reader *r, const cw_option *map, const cw_yaml_node *node,
                        char *base) CW_CHECKED;
static cw_code bind_value(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node,
                          char *base) CW_CHECKED;

/* Extends the path of the key being read; gives what to cut it back to. */
static size_t enter(cw_job_reader *r, const char *key) {
    size_t length = strlen(r->path), room = sizeof r->path - length;
    snprintf(r->path + length, room, "%s%.*s", length ? "." : "", cw_yaml_clip(key), key);
    return length;
}

static void leave(cw_job_reader *r, size_t length) {
    r->path[length] = '\0';
}

static const char *here(const cw_job_reader *r) {
    return r->path[0] ? r->path : "the job file";
}

static cw_code wrong(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node) {
    char expected[256];
    cw_option_expects(option, expected, sizeof expected);
    if (cw_yaml_is_null(node))
        return cw_yaml_fail(r->env, node, NULL, "%s must be %s, not null", here(r), expected);
    if (node->type == CW_YAML_SCALAR)
        return cw_yaml_fail(r->env, node, NULL, "%s must be %s, not %s\"%.*s\"", here(r), expected,
                            node->plain ? "" : "the quoted text ", cw_yaml_clip(node->text), node->text);
    return cw_yaml_fail(r->env, node, NULL, "%s must be %s, not a %s", here(r), expected,
                        node->type == CW_YAML_LIST ? "list" : "map");
}

/* Keys of the whole grammar by name alone: tells where a misplaced key belongs. */
static int find_elsewhere(const cw_option *map, const char *key, char *path, size_t size) {
    size_t length = strlen(path);
    for (const cw_option *option = map->child; option && option->key; option++) {
        const char *item = option->type == CW_T_LIST ? ".0" : option->type == CW_T_NAMED ? ".NAME" : "";
        snprintf(path + length, size - length, "%s%s", length ? "." : "", option->key);
        if (strcmp(option->key, key) == 0) return 1;
        snprintf(path + length, size - length, "%s%s%s", length ? "." : "", option->key, item);
        if (option->child && find_elsewhere(option, key, path, size)) return 1;
    }
    path[length] = '\0';
    return 0;
}

static cw_code unknown(cw_job_reader *r, const cw_option *map, const cw_yaml_node *key) {
    cw_nearest nearest = {.wanted = key->text};
    char mend[CW_ERROR_TEXT] = "", path[256] = "";
    for (const cw_option *option = map->child; option->key; option++) cw_nearest_try(&nearest, option->key);
    if (nearest.best) {
        snprintf(mend, sizeof mend, "did you mean \"%s\"?", nearest.best);
    } else if (find_elsewhere(&cw_job_options, key->text, path, sizeof path)) {
        snprintf(mend, sizeof mend, "did you mean %s?", path);
    } else {
        snprintf(mend, sizeof mend, "the keys here are");
        for (const cw_option *option = map->child; option->key; option++) {
            size_t used = strlen(mend);
            if (option->type != CW_T_LATER)
                snprintf(mend + used, sizeof mend - used, "%s %s", used > 17 ? "," : "", option->key);
        }
    }
    return cw_yaml_fail(r->env, key, mend, "unknown key \"%.*s\" in %s", cw_yaml_clip(key->text), key->text,
                        here(r));
}

static cw_code later(cw_job_reader *r, const cw_yaml_node *node) {
    return cw_yaml_fail(r->env, node, "remove it", "key %s is not available in this version", r->path);
}

/* Every key of the map must be of this version. */
static cw_code known_keys(cw_job_reader *r, const cw_option *map, const cw_yaml_node *node) {
    for (const cw_yaml_node *entry = node->first; entry; entry = entry->next) {
        const cw_option *option = cw_option_find(map, entry->key->text, entry->key->length);
        if (!option) return unknown(r, map, entry->key);
        if (option->type != CW_T_LATER) continue;
        enter(r, option->key);
        return later(r, entry->key);
    }
    return CW_OK;
}

static cw_code copy_text(cw_job_reader *r, const cw_option *option, const char *text, size_t length,
                         char **out) {
    if (option->flags & CW_O_PATH) return cw_path_join(r->env, r->folder, text, out);
    return cw_strndup(r->env, text, length, out);
}

static int is_id(const char *text) {
    for (; *text; text++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", *text)) return 0;
    return 1;
}

static cw_code check_text(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node) {
    if (node->type != CW_YAML_SCALAR || cw_yaml_is_null(node)) return wrong(r, option, node);
    if (!node->length && !(option->flags & CW_O_EMPTY))
        return cw_yaml_fail(r->env, node, NULL, "%s must not be empty", here(r));
    size_t limit = option->flags & CW_O_NAME ? CW_NAME_BYTES - 1
                   : option->flags & CW_O_ID ? (size_t)option->high
                                             : 0;
    if (limit && node->length > limit)
        return cw_yaml_fail(r->env, node, "shorten it", "%s is longer than %zu bytes", here(r), limit);
    if (option->flags & CW_O_ID && !is_id(node->text))
        return cw_yaml_fail(r->env, node, NULL, "%s may only have letters, digits, _ . and -, not \"%.*s\"",
                            here(r), cw_yaml_clip(node->text), node->text);
    return CW_OK;
}

/* Any name may be a column: which there are is known when the table is open. */
static int32_t any_name(void *self, const char *name) {
    (void)self;
    (void)name;
    return 0;
}

/* The grammar of an expression is checked here, where its line is known. */
static cw_code check_expression(cw_job_reader *r, const cw_yaml_node *node) {
    cw_expression *expression = NULL;
    cw_code code = cw_expression_parse(r->env, here(r), node->text, any_name, NULL, &expression);
    cw_expression_destroy(&expression);
    if (code != CW_BAD_JOB) return code;
    cw_error error = r->env->error;
    cw_env_clear(r->env);
    char where[CW_ERROR_PLACE];
    snprintf(where, sizeof where, "%.*s:%d:%d%s%.*s", 110, node->source, node->line, node->column,
             error.where[0] ? ", " : "", 180, error.where);
    return cw_fail(r->env, code, where, error.mend, "%s", error.what);
}

static cw_code bind_text(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char **out) {
    CW_TRY(check_text(r, option, node));
    if (option->flags & CW_O_EXPRESSION) CW_TRY(check_expression(r, node));
    return copy_text(r, option, node->text, node->length, out);
}

static int by_text(const void *a, const void *b, void *self) {
    (void)self;
    const cw_yaml_node *const *x = a, *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

static cw_code distinct_items(cw_job_reader *r, const cw_yaml_node *list) {
    const cw_yaml_node **item;
    int32_t n = 0;
    CW_TRY(cw_alloc(r->env, (size_t)list->count, sizeof *item, &item));
    for (const cw_yaml_node *i = list->first; i; i = i->next) item[n++] = i;
    cw_code code = cw_sort(r->env, item, n, sizeof *item, by_text, NULL);
    for (int32_t i = 1; code == CW_OK && i < n; i++)
        if (strcmp(item[i - 1]->text, item[i]->text) == 0)
            code = cw_yaml_fail(r->env, item[i], "remove one of them", "%s has \"%.*s\" twice", here(r),
                                cw_yaml_clip(item[i]->text), item[i]->text);
    cw_free(r->env, &item);
    return code;
}

/* The lines of a text that are not blank, without blanks around them; `out` NULL only counts. */
static cw_code split_lines(cw_job_reader *r, const char *text, cw_strings *out, int32_t *count) {
    *count = 0;
    while (*text) {
        size_t length = strcspn(text, "\n"), skip = strspn(text, " \t"), end = length;
        while (end > skip && strchr(" \t", text[end - 1])) end--;
        if (end > skip) {
            if (out) {
                CW_TRY(cw_strndup(r->env, text + skip, end - skip, &out->item[out->count]));
                out->count++;
            }
            *count += 1;
        }
        text += length + (text[length] == '\n');
    }
    return CW_OK;
}

static cw_code add_text(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node,
                        cw_strings *out) {
    if (!(option->flags & CW_O_LINES)) {
        CW_TRY(copy_text(r, option, node->text, node->length, &out->item[out->count]));
        out->count++;
        return CW_OK;
    }
    int32_t count;
    return split_lines(r, node->text, out, &count);
}

/* Validates the texts of a list (or the one in its place) and counts what they become. */
static cw_code count_texts(cw_job_reader *r, const cw_option *option, const cw_yaml_node *first,
                           int32_t *total) {
    *total = 0;
    for (const cw_yaml_node *node = first; node; node = node->next) {
        int32_t count = 1;
        CW_TRY(check_text(r, option, node));
        if (option->flags & CW_O_LINES) CW_TRY(split_lines(r, node->text, NULL, &count));
        *total += count;
    }
    return CW_OK;
}

static cw_code bind_texts(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node,
                          cw_strings *out) {
    if (option->flags & CW_O_NONE && cw_is_word(node, "none")) return CW_OK;
    int list = node->type == CW_YAML_LIST;
    if (node->type == CW_YAML_MAP || (list && option->flags & CW_O_ONE)) return wrong(r, option, node);
    cw_yaml_node alone = *node;
    alone.next = NULL;
    const cw_yaml_node *first = list ? node->first : &alone;
    int32_t total;
    CW_TRY(count_texts(r, option, first, &total));
    if (option->high > 0 && total > (int32_t)option->high)
        return cw_yaml_fail(r->env, node, NULL, "%s has %d items where at most %g are possible", here(r),
                            (int)total, option->high);
    if (total == 0 && option->flags & CW_O_REQUIRED)
        return cw_yaml_fail(r->env, node, NULL, "%s must not be empty", here(r));
    if (list && option->flags & CW_O_DISTINCT) CW_TRY(distinct_items(r, node));
    CW_TRY(cw_alloc_zero(r->env, (size_t)total, sizeof *out->item, &out->item));
    for (const cw_yaml_node *i = first; i; i = i->next) CW_TRY(add_text(r, option, i, out));
    return CW_OK;
}

static cw_code read_real(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, double *value) {
    if (node->type != CW_YAML_SCALAR || !node->plain || !cw_scalar_real(node->text, value))
        return wrong(r, option, node);
    if (*value == 0) *value = 0; /* -0 is 0 */
    return CW_OK;
}

static cw_code bind_real(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, double *out) {
    double value;
    CW_TRY(read_real(r, option, node, &value));
    int inside = option->flags & CW_O_BETWEEN ? value > option->low && value < option->high
                                              : value >= option->low && value <= option->high;
    if (!inside) return wrong(r, option, node);
    *out = value;
    return CW_OK;
}

static cw_code bind_pair(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, double out[2]) {
    if (node->type != CW_YAML_LIST || node->count != 2) return wrong(r, option, node);
    CW_TRY(read_real(r, option, node->first, &out[0]));
    CW_TRY(read_real(r, option, node->last, &out[1]));
    return out[0] == out[1] ? wrong(r, option, node->last) : CW_OK;
}

static void open_range(const cw_option *option, double range[2]) {
    range[0] = option->flags & CW_O_NAN ? (double)NAN : -(double)INFINITY;
    range[1] = option->flags & CW_O_NAN ? (double)NAN : (double)INFINITY;
}

static cw_code bind_range(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *at) {
    if (node->type != CW_YAML_LIST || node->count != 2) return wrong(r, option, node);
    double range[2];
    open_range(option, range);
    if (!cw_yaml_is_null(node->first)) CW_TRY(read_real(r, option, node->first, &range[0]));
    if (!cw_yaml_is_null(node->last)) CW_TRY(read_real(r, option, node->last, &range[1]));
    if (range[0] >= range[1])
        return cw_yaml_fail(r->env, node, "write the smaller number first", "%s has no room between its ends",
                            here(r));
    memcpy(at, range, sizeof range);
    return CW_OK;
}

static cw_code bind_reals(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    cw_yaml_node alone = *node;
    alone.next = NULL;
    int list = node->type == CW_YAML_LIST;
    double *value;
    int32_t count = 0;
    CW_TRY(cw_alloc(r->env, list ? (size_t)node->count : 1, sizeof *value, &value));
    memcpy(base + option->at, &value, sizeof value);
    for (const cw_yaml_node *i = list ? node->first : &alone; i; i = i->next)
        CW_TRY(read_real(r, option, i, &value[count++]));
    memcpy(base + option->count, &count, sizeof count);
    return CW_OK;
}

static cw_code unknown_word(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node) {
    char expected[256], mend[CW_ERROR_TEXT];
    cw_option_expects(option, expected, sizeof expected);
    cw_nearest nearest = {.wanted = node->text};
    for (int i = 0; option->words[i]; i++) cw_nearest_try(&nearest, option->words[i]);
    snprintf(mend, sizeof mend, "did you mean \"%s\"?", nearest.best ? nearest.best : "");
    return cw_yaml_fail(r->env, node, nearest.best ? mend : NULL, "%s must be %s, not \"%.*s\"", here(r),
                        expected, cw_yaml_clip(node->text), node->text);
}

static cw_code read_word(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, int *value) {
    if (node->type == CW_YAML_MAP && option->later && option->type == CW_T_CHOICES)
        return cw_yaml_fail(r->env, node, NULL, "%s with a map is not available in this version", here(r));
    if (node->type != CW_YAML_SCALAR || cw_yaml_is_null(node)) return wrong(r, option, node);
    for (int i = 0; option->words[i]; i++)
        if (strcmp(option->words[i], node->text) == 0) {
            *value = option->first + i;
            return CW_OK;
        }
    char expected[256];
    cw_option_expects(option, expected, sizeof expected);
    for (int i = 0; option->later && option->later[i]; i++)
        if (strcmp(option->later[i], node->text) == 0)
            return cw_yaml_fail(r->env, node, NULL, "%s: %s is not available in this version, which has %s",
                                here(r), node->text, expected);
    return unknown_word(r, option, node);
}

static cw_code bind_choices(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    cw_yaml_node alone = *node;
    alone.next = NULL;
    int list = node->type == CW_YAML_LIST;
    if (list && node->count == 0) return wrong(r, option, node);
    int32_t count = 0;
    for (const cw_yaml_node *i = list ? node->first : &alone; i; i = i->next) {
        int value, other;
        CW_TRY(read_word(r, option, i, &value));
        for (int32_t j = 0; j < count; j++) {
            memcpy(&other, base + option->at + (size_t)j * sizeof other, sizeof other);
            if (other == value)
                return cw_yaml_fail(r->env, i, "remove one of them", "%s has \"%s\" twice", here(r), i->text);
        }
        memcpy(base + option->at + (size_t)count * sizeof value, &value, sizeof value);
        count++;
    }
    memcpy(base + option->count, &count, sizeof count);
    return CW_OK;
}

/* An array of `count` zeroed structures in the place of a list or of free names. It is in the structure
 * before its items are filled, so that a failure gives all of it back. */
static cw_code make_items(cw_job_reader *r, const cw_option *option, int32_t count, char *base,
                          char **items) {
    CW_TRY(cw_alloc_zero(r->env, (size_t)count, option->size, items));
    memcpy(base + option->at, items, sizeof *items);
    memcpy(base + option->count, &count, sizeof count);
    return CW_OK;
}

/* An item of a list or of free names is a map with the same children. */
static cw_option as_item(const cw_option *option) {
    cw_option item = *option;
    item.type = CW_T_MAP;
    item.flags = 0;
    return item;
}

static cw_code bind_named(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    if (node->type != CW_YAML_MAP) return wrong(r, option, node);
    static const cw_option name = {.type = CW_T_TEXT, .flags = CW_O_NAME};
    const cw_option item = as_item(option);
    char *items;
    CW_TRY(make_items(r, option, node->count, base, &items));
    for (const cw_yaml_node *entry = node->first; entry; entry = entry->next, items += option->size) {
        cw_yaml_node key = *entry->key;
        key.plain = 0; /* a name stays a name, whatever it looks like */
        CW_TRY(bind_text(r, &name, &key, (char **)(void *)items));
        size_t back = enter(r, key.text);
        if (cw_yaml_is_null(entry))
            CW_TRY(cw_job_defaults(r, option, items));
        else
            CW_TRY(bind_map(r, &item, entry, items));
        leave(r, back);
    }
    return CW_OK;
}

static cw_code bind_list(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    cw_yaml_node alone = *node;
    alone.next = NULL;
    int is_auto = option->flags & CW_O_AUTO && cw_is_word(node, "auto");
    if (option->given) memcpy(base + option->given, &is_auto, sizeof is_auto);
    if (is_auto) return CW_OK;
    int list = node->type == CW_YAML_LIST;
    int32_t count = list ? node->count : 1;
    if (count == 0) return cw_yaml_fail(r->env, node, NULL, "%s must not be empty", here(r));
    if (count > (int32_t)option->high)
        return cw_yaml_fail(r->env, node, NULL, "%s has %d items where at most %g are possible", here(r),
                            (int)count, option->high);
    const cw_option item = as_item(option);
    char *items, number[16];
    CW_TRY(make_items(r, option, count, base, &items));
    int32_t k = 0;
    for (const cw_yaml_node *i = list ? node->first : &alone; i; i = i->next, items += option->size, k++) {
        snprintf(number, sizeof number, "%d", (int)k);
        size_t back = enter(r, number);
        memcpy(items + option->line, &i->line, sizeof i->line);
        CW_TRY(bind_map(r, &item, i, items));
        leave(r, back);
    }
    return CW_OK;
}

static cw_code bind_seed(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, uint64_t *out) {
    int good = node->type == CW_YAML_SCALAR && node->plain && cw_scalar_seed(node->text, out);
    return good ? CW_OK : wrong(r, option, node);
}

static cw_code bind_bytes(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, int64_t *out) {
    int64_t bytes = 0;
    int good = node->type == CW_YAML_SCALAR && cw_scalar_bytes(node->text, &bytes);
    if (!good || (double)bytes < option->low || (double)bytes > option->high) return wrong(r, option, node);
    *out = bytes;
    return CW_OK;
}

static cw_code bind_choice(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    int value;
    CW_TRY(read_word(r, option, node, &value));
    if (!(option->flags & CW_O_FIXED)) memcpy(base + option->at, &value, sizeof value);
    return CW_OK;
}

static cw_code bind_whole(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node) {
    double value;
    CW_TRY(read_real(r, option, node, &value));
    if (value >= option->low && value <= option->high) return CW_OK;
    return cw_yaml_fail(r->env, node, NULL, "%s is %.*s, and this program reads version %g only", here(r),
                        cw_yaml_clip(node->text), node->text, option->low);
}

static cw_code bind_value(cw_job_reader *r, const cw_option *option, const cw_yaml_node *node, char *base) {
    char *at = base + option->at;
    int yes = 1;
    if (option->given) memcpy(base + option->given, &yes, sizeof yes);
    if (option->line && option->type != CW_T_LIST)
        memcpy(base + option->line, &node->line, sizeof node->line);
    switch (option->type) {
    case CW_T_MAP:
        return bind_map(r, option, node, base);
    case CW_T_NAMED:
        return bind_named(r, option, node, base);
    case CW_T_LIST:
        return bind_list(r, option, node, base);
    case CW_T_TEXT:
        return bind_text(r, option, node, (char **)(void *)at);
    case CW_T_TEXTS:
        return bind_texts(r, option, node, (cw_strings *)(void *)at);
    case CW_T_REAL:
        return bind_real(r, option, node, (double *)(void *)at);
    case CW_T_WHOLE:
        return bind_whole(r, option, node);
    case CW_T_SEED:
        return bind_seed(r, option, node, (uint64_t *)(void *)at);
    case CW_T_BYTES:
        return bind_bytes(r, option, node, (int64_t *)(void *)at);
    case CW_T_CHOICE:
        return bind_choice(r, option, node, base);
    case CW_T_CHOICES:
        return bind_choices(r, option, node, base);
    case CW_T_REALS:
        return bind_reals(r, option, node, base);
    case CW_T_PAIR:
        return bind_pair(r, option, node, (double *)(void *)at);
    case CW_T_RANGE:
        return bind_range(r, option, node, at);
    case CW_T_LATER:
        break;
    }
    return later(r, node);
}

/* What holds when a key is absent. */
static cw_code default_value(cw_job_reader *r, const cw_option *option, char *base) {
    if (option->type == CW_T_MAP)
        return option->flags & CW_O_MAYBE ? CW_OK : cw_job_defaults(r, option, base);
    if (option->preset) {
        cw_yaml_node node = {.type = CW_YAML_SCALAR, .plain = 1, .source = "default", .line = 0};
        node.text = option->preset;
        node.length = strlen(node.text);
        return bind_value(r, option, &node, base);
    }
    int none = -1;
    double range[2];
    if (option->type == CW_T_CHOICE && !(option->flags & CW_O_REQUIRED))
        memcpy(base + option->at, &none, sizeof none);
    if (option->type == CW_T_RANGE) {
        open_range(option, range);
        memcpy(base + option->at, range, sizeof range);
    }
    return CW_OK;
}

cw_code cw_job_defaults(cw_job_reader *r, const cw_option *map, void *structure) {
    char *base = structure;
    for (const cw_option *option = map->child; option->key; option++) {
        if (option->type != CW_T_LATER) CW_TRY(default_value(r, option, base));
    }
    return CW_OK;
}

/* The one item of a list that stands where several would be for later. */
static cw_code one_of_list(cw_job_reader *r, const cw_yaml_node **node) {
    if ((*node)->count != 1)
        return cw_yaml_fail(r->env, *node, "name one",
                            "%s with a list of %d is not available in this version", here(r),
                            (int)(*node)->count);
    *node = (*node)->first;
    return CW_OK;
}

static cw_code bind_map(cw_job_reader *r, const cw_option *map, const cw_yaml_node *node, char *base) {
    if (map->flags & CW_O_LIST_LATER && node->type == CW_YAML_LIST) CW_TRY(one_of_list(r, &node));
    int bare = map->bare && node->type == CW_YAML_SCALAR && !cw_yaml_is_null(node);
    if (!bare && node->type != CW_YAML_MAP) return wrong(r, map, node);
    if (!bare) CW_TRY(known_keys(r, map, node));
    for (const cw_option *option = map->child; option->key; option++) {
        if (option->type == CW_T_LATER) continue;
        const cw_yaml_node *value =
            bare ? (strcmp(option->key, map->bare) == 0 ? node : NULL) : cw_yaml_get(node, option->key);
        size_t back = bare && value ? strlen(r->path) : enter(r, option->key);
        if (!cw_yaml_is_null(value))
            CW_TRY(bind_value(r, option, value, base));
        else if (option->flags & CW_O_REQUIRED)
            return cw_yaml_fail(r->env, value ? value : node, "add it", "%s is missing", here(r));
        else
            CW_TRY(default_value(r, option, base));
        leave(r, back);
    }
    return CW_OK;
}

cw_code cw_job_bind(cw_job_reader *r) {
    r->path[0] = '\0';
    if (cw_yaml_is_null(r->root))
        return cw_yaml_fail(r->env, r->root, "a job needs data and question at least",
                            "the job file is empty");
    return bind_map(r, &cw_job_options, r->root, (char *)r->job);
}

static void release_items(cw_env *env, const cw_option *option, char *base) {
    int32_t count;
    char *items;
    memcpy(&count, base + option->count, sizeof count);
    memcpy(&items, base + option->at, sizeof items);
    for (int32_t i = 0; i < count; i++) {
        char *item = items + (size_t)i * option->size;
        if (option->type == CW_T_NAMED) cw_free(env, item); /* its name */
        cw_job_release(env, option, item);
    }
    cw_free(env, base + option->at);
}

void cw_job_release(cw_env *env, const cw_option *map, void *structure) {
    char *base = structure;
    for (const cw_option *option = map->child; option->key; option++) {
        if (option->type == CW_T_MAP) cw_job_release(env, option, base);
        if (option->type == CW_T_TEXT || option->type == CW_T_REALS) cw_free(env, base + option->at);
        if (option->type == CW_T_LIST || option->type == CW_T_NAMED) release_items(env, option, base);
        if (option->type == CW_T_TEXTS) {
            cw_strings *texts = (cw_strings *)(void *)(base + option->at);
            for (int32_t i = 0; i < texts->count; i++) cw_free(env, &texts->item[i]);
            cw_free(env, &texts->item);
            texts->count = 0;
        }
    }
}
