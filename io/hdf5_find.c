/* Which tables a path stands for: itself, the one table within it, or all that a pattern matches. */
#include <stdio.h>
#include <string.h>

#include "hdf5_part.h"
#include "pattern.h"

enum { MAX_VISITED = 20000, MAX_LISTED = 16 };

typedef struct cw_search {
    cw_arena *arena;
    const char *name;
    hid_t file;
    int visited;
    cw_texts found, nameless;
    char *canonical; /* the one path with causeway_table */
    int canonicals;
} cw_search;

static cw_code add(cw_search *s, cw_texts *list, const char *path) {
    return cw_texts_add(s->arena, list, path, strlen(path));
}

static cw_code search_group(cw_search *s, const char *path, int depth);

/* A group that says what it is needs no look inside; `settled` then is 1. */
static cw_code ask_group(cw_search *s, const char *path, int *settled) {
    hid_t group;
    char *pandas = NULL, *encoding = NULL;
    CW_TRY(cw_h5_object(s->arena->env, s->name, s->file, path, &group));
    int canonical = cw_h5_has(group, NULL, "causeway_table");
    cw_code code = cw_h5_text(s->arena, group, NULL, "pandas_type", &pandas);
    if (code == CW_OK) code = cw_h5_text(s->arena, group, NULL, "encoding-type", &encoding);
    H5Oclose(group);
    CW_TRY(code);
    *settled = canonical || pandas || (encoding && !strcmp(encoding, "dataframe"));
    if (!*settled) return CW_OK;
    if (canonical && s->canonicals++ == 0) CW_TRY(cw_arena_copy(s->arena, path, &s->canonical));
    return add(s, &s->found, path);
}

static cw_code search_child(cw_search *s, const cw_child *child, int depth) {
    switch (child->role) {
    case CW_ROLE_GROUP:
        return search_group(s, child->path, depth + 1);
    case CW_ROLE_COMPOUND:
    case CW_ROLE_MATRIX:
        return add(s, &s->found, child->path);
    case CW_ROLE_NAMELESS:
        return add(s, &s->nameless, child->path);
    default:
        return CW_OK;
    }
}

static cw_code search_group(cw_search *s, const char *path, int depth) {
    cw_env *env = s->arena->env;
    int settled, columns = 0;
    int32_t count;
    cw_child *child;
    if (depth > CW_H5_DEPTH || ++s->visited > MAX_VISITED)
        return cw_fail(env, CW_BAD_DATA, s->name, "give data.path",
                       "more groups than can be searched for a table");
    CW_TRY(ask_group(s, path, &settled));
    if (settled) return CW_OK;
    CW_TRY(cw_h5_children(s->arena, s->name, s->file, path, &count, &child));
    for (int32_t i = 0; i < count; i++)
        columns |= child[i].role == CW_ROLE_COLUMN || child[i].role == CW_ROLE_CODED;
    if (columns) CW_TRY(add(s, &s->found, path));
    for (int32_t i = 0; i < count; i++) CW_TRY(search_child(s, &child[i], depth));
    return CW_OK;
}

static cw_code none(cw_search *s, const char *root) {
    char where[CW_ERROR_PLACE];
    cw_place_text(where, "%s:%s", s->name, root);
    return cw_fail(s->arena->env, CW_BAD_DATA, where,
                   "a table is a group of 1-D datasets, a 1-D compound dataset, or a 2-D dataset with names",
                   "there is no table here");
}

static cw_code several(cw_search *s, const char *root) {
    char where[CW_ERROR_PLACE], list[CW_ERROR_TEXT - 80] = "";
    size_t used = 0;
    cw_place_text(where, "%s:%s", s->name, root);
    for (int64_t i = 0; i < s->found.count && i < MAX_LISTED && used < sizeof list; i++) {
        int more = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", s->found.item[i]);
        used += more > 0 ? (size_t)more : 0;
    }
    return cw_fail(s->arena->env, CW_BAD_DATA, where,
                   "give one as data.path, or a pattern such as /member_*/series for all", "%lld tables: %s",
                   (long long)s->found.count, list);
}

/* The one table that `root` is or holds. */
static cw_code find_one(cw_arena *arena, const char *name, hid_t file, const char *root, cw_texts *out) {
    cw_search s = {.arena = arena, .name = name, .file = file};
    char path[CW_H5_PATH];
    hid_t object;
    CW_TRY(cw_h5_resolve(arena->env, name, file, root, path));
    CW_TRY(cw_h5_object(arena->env, name, file, path, &object));
    H5I_type_t what = H5Iget_type(object);
    H5Oclose(object);
    if (what == H5I_DATASET) return cw_texts_add(arena, out, path, strlen(path));
    if (what != H5I_GROUP) return none(&s, path);
    CW_TRY(search_group(&s, path, 0));
    const char *one = NULL;
    if (s.found.count == 1) one = s.found.item[0];
    if (s.found.count > 1 && s.canonicals == 1) one = s.canonical;
    /* A named group that has columns is the table meant, whatever else it holds. */
    if (!one && s.found.count > 1 && strcmp(path, "/") && !strcmp(s.found.item[0], path)) one = path;
    if (s.found.count == 0 && s.nameless.count == 1) one = s.nameless.item[0];
    if (one) return cw_texts_add(arena, out, one, strlen(one));
    return s.found.count ? several(&s, path) : none(&s, path);
}

/* The links of an open group that one component matches. */
static cw_code match_links(cw_arena *arena, const char *name, hid_t file, hid_t group, const char *folder,
                           const char *component, size_t size, cw_texts *to) {
    char path[CW_H5_PATH], copy[CW_H5_PATH];
    cw_h5_links links;
    memcpy(copy, component, size);
    copy[size] = '\0';
    if (!cw_pattern_is(copy)) {
        int there = cw_h5_within(name, file, group, folder, copy, path);
        return there ? cw_texts_add(arena, to, path, strlen(path)) : CW_OK;
    }
    CW_TRY(cw_h5_list(arena, name, group, CW_MAX_PARTS, &links));
    for (int64_t k = 0; k < links.name.count; k++) {
        const char *link = links.name.item[k];
        if (!cw_pattern_match(component, size, link, strlen(link))) continue;
        int length = snprintf(path, sizeof path, "%s/%s", strcmp(folder, "/") ? folder : "", link);
        if (length > 0 && length < CW_H5_PATH) CW_TRY(cw_texts_add(arena, to, path, (size_t)length));
    }
    return CW_OK;
}

/* One more component of a pattern, below the paths found so far. */
static cw_code expand(cw_arena *arena, const char *name, hid_t file, const cw_texts *from,
                      const char *component, size_t size, cw_texts *to) {
    for (int64_t i = 0; i < from->count; i++) {
        char folder[CW_H5_PATH];
        hid_t group;
        CW_TRY(cw_h5_resolve(arena->env, name, file, from->item[i], folder));
        CW_TRY(cw_h5_object(arena->env, name, file, folder, &group));
        cw_code code = CW_OK;
        if (H5Iget_type(group) == H5I_GROUP)
            code = match_links(arena, name, file, group, folder, component, size, to);
        H5Oclose(group);
        CW_TRY(code);
    }
    return CW_OK;
}

static cw_code find_pattern(cw_arena *arena, const char *name, hid_t file, const char *pattern,
                            cw_texts *out) {
    cw_texts found = {0};
    CW_TRY(cw_texts_add(arena, &found, "/", 1));
    for (const char *at = pattern; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (!size) break;
        cw_texts next = {0};
        CW_TRY(expand(arena, name, file, &found, at, size, &next));
        found = next;
        at += size;
    }
    CW_TRY(cw_texts_sort(arena->env, found.item, found.count));
    for (int64_t i = 0; i < found.count; i++) {
        /* Where the first match is itself a table, the others are taken to be: opening them will tell. */
        int alike = i > 0 && !strcmp(out->item[out->count - i], found.item[0]);
        if (alike)
            CW_TRY(cw_texts_add(arena, out, found.item[i], strlen(found.item[i])));
        else
            CW_TRY(find_one(arena, name, file, found.item[i], out));
    }
    if (found.count) return CW_OK;
    char where[CW_ERROR_PLACE];
    cw_place_text(where, "%s:%s", name, pattern);
    return cw_fail(arena->env, CW_NO_INPUT, where, "list the paths with h5ls -r", "no path matches");
}

cw_code cw_h5_tables(cw_arena *arena, const char *name, hid_t file, const char *path, cw_texts *out) {
    if (path && cw_pattern_is(path) && strlen(path) < CW_H5_PATH)
        return find_pattern(arena, name, file, path, out);
    return find_one(arena, name, file, path ? path : "/", out);
}
