/* A table as bytes, for the broadcast from the rank that read the metadata. */
#include <string.h>

#include "table_internal.h"

typedef struct cw_packer {
    cw_env *env;
    char *bytes;
    size_t used, room;
    cw_code code;
} cw_packer;

static void put(cw_packer *p, const void *data, size_t size) {
    if (p->code != CW_OK || !size) return;
    if (p->used + size > p->room) {
        size_t room = 2 * p->room + size + 4096;
        p->code = cw_realloc(p->env, room, 1, &p->bytes);
        if (p->code != CW_OK) return;
        p->room = room;
    }
    memcpy(p->bytes + p->used, data, size);
    p->used += size;
}

static void put_int(cw_packer *p, int64_t value) {
    put(p, &value, sizeof value);
}

/* A text is its length and bytes; -1: none; -2: the same as the one before of its kind. */
static void put_text(cw_packer *p, const char *text, const char *before) {
    if (!text || (before && !strcmp(text, before))) {
        put_int(p, text ? -2 : -1);
        return;
    }
    put_int(p, (int64_t)strlen(text));
    put(p, text, strlen(text));
}

static void put_column(cw_packer *p, const cw_column *c, const cw_note *note) {
    put_text(p, c->name, NULL);
    put_text(p, c->description, NULL);
    put_text(p, c->unit, NULL);
    put_int(p, c->kind);
    put_int(p, c->storage);
    put_int(p, c->categories);
    for (int32_t i = 0; i < c->categories; i++) put_text(p, c->category[i], NULL);
    put_int(p, c->missings);
    put(p, c->missing, (size_t)c->missings * sizeof *c->missing);
    put(p, &c->scale, sizeof c->scale);
    put(p, &c->offset, sizeof c->offset);
    const unsigned char flags[6] = {note->floats,   note->scales,  note->relabel,
                                    note->labelled, note->textual, note->encoded};
    put(p, flags, sizeof flags);
    put_text(p, note->why, NULL);
}

cw_code cw_table_pack(cw_env *env, const cw_table *table, void **bytes, size_t *size) {
    cw_packer p = {.env = env};
    put_int(&p, table->columns);
    put_int(&p, table->parts);
    put_int(&p, table->rows);
    put(&p, &table->digest, sizeof table->digest);
    put_int(&p, table->store->part_column);
    for (int32_t j = 0; j < table->columns; j++) put_column(&p, &table->column[j], &table->store->note[j]);
    for (int64_t i = 0; i < table->parts; i++) {
        const cw_part *part = &table->part[i], *before = i ? part - 1 : NULL;
        put_text(&p, part->file, before ? before->file : NULL);
        put_text(&p, part->path, before ? before->path : NULL);
        put_int(&p, part->rows);
    }
    if (p.code != CW_OK) cw_free(env, &p.bytes);
    *bytes = p.bytes;
    *size = p.used;
    return p.code;
}

typedef struct cw_unpacker {
    cw_arena *arena;
    const char *at;
    size_t left;
    cw_code code;
} cw_unpacker;

static void get(cw_unpacker *u, void *data, size_t size) {
    if (size) memset(data, 0, size);
    if (u->code != CW_OK) return;
    if (size > u->left) {
        u->code = cw_fail(u->arena->env, CW_INTERNAL, NULL, NULL, "a table's bytes end early");
        return;
    }
    if (size) memcpy(data, u->at, size);
    u->at += size;
    u->left -= size;
}

static int64_t get_int(cw_unpacker *u, int64_t low, int64_t high) {
    int64_t value;
    get(u, &value, sizeof value);
    if (u->code == CW_OK && (value < low || value > high))
        u->code = cw_fail(u->arena->env, CW_INTERNAL, NULL, NULL, "a table's bytes are wrong");
    return u->code == CW_OK ? value : low < 0 ? 0 : low;
}

static char *get_text(cw_unpacker *u, char *before) {
    int64_t length = get_int(u, -2, INT32_MAX);
    char *text = NULL;
    if (length == -2) return before;
    if (length < 0 || u->code != CW_OK) return NULL;
    if ((size_t)length > u->left)
        u->code = cw_fail(u->arena->env, CW_INTERNAL, NULL, NULL, "a table's bytes end early");
    if (u->code == CW_OK) u->code = cw_arena_text(u->arena, u->at, (size_t)length, &text);
    if (u->code != CW_OK) return NULL;
    u->at += length;
    u->left -= (size_t)length;
    return text;
}

/* Room for `count` things that each take at least `least` packed bytes. */
static void *get_list(cw_unpacker *u, int64_t count, size_t size, size_t least) {
    void *list = NULL;
    if (u->code == CW_OK && (uint64_t)count > u->left / least)
        u->code = cw_fail(u->arena->env, CW_INTERNAL, NULL, NULL, "a table's bytes end early");
    if (u->code == CW_OK) u->code = cw_arena_take(u->arena, (size_t)count, size, &list);
    return list;
}

static void get_column(cw_unpacker *u, cw_column *c, cw_note *note) {
    c->name = get_text(u, NULL);
    c->description = get_text(u, NULL);
    c->unit = get_text(u, NULL);
    c->kind = (cw_kind)get_int(u, 0, CW_TEXT);
    c->storage = (cw_storage)get_int(u, 0, CW_S_TEXT);
    c->categories = (int32_t)get_int(u, 0, CW_MAX_PARTS);
    c->category = get_list(u, c->categories, sizeof *c->category, 8);
    for (int32_t i = 0; u->code == CW_OK && i < c->categories; i++) c->category[i] = get_text(u, NULL);
    c->missings = (int32_t)get_int(u, 0, INT32_MAX);
    c->missing = get_list(u, c->missings, sizeof *c->missing, 8);
    if (u->code == CW_OK) get(u, c->missing, (size_t)c->missings * sizeof *c->missing);
    get(u, &c->scale, sizeof c->scale);
    get(u, &c->offset, sizeof c->offset);
    unsigned char flags[6];
    get(u, flags, sizeof flags);
    *note = (cw_note){flags[0], flags[1], flags[2], flags[3], flags[4], flags[5], NULL};
    note->why = get_text(u, NULL);
}

cw_code cw_table_unpack(cw_env *env, const void *bytes, size_t size, cw_table **out) {
    cw_table *table;
    *out = NULL;
    CW_TRY(cw_table_create(env, &table));
    cw_unpacker u = {&table->store->arena, bytes, size, CW_OK};
    table->columns = (int32_t)get_int(&u, 0, CW_MAX_COLUMNS + 1);
    table->parts = get_int(&u, 0, CW_MAX_PARTS);
    table->rows = get_int(&u, 0, INT64_MAX);
    get(&u, &table->digest, sizeof table->digest);
    table->store->part_column = (int32_t)get_int(&u, -1, CW_MAX_COLUMNS);
    table->column = get_list(&u, table->columns, sizeof *table->column, 64);
    table->store->note = get_list(&u, table->columns, sizeof *table->store->note, 64);
    for (int32_t j = 0; u.code == CW_OK && j < table->columns; j++)
        get_column(&u, &table->column[j], &table->store->note[j]);
    table->part = get_list(&u, table->parts, sizeof *table->part, 24);
    int64_t row = 0;
    for (int64_t i = 0; u.code == CW_OK && i < table->parts; i++) {
        cw_part *part = &table->part[i];
        part->file = get_text(&u, i ? part[-1].file : NULL);
        part->path = get_text(&u, i ? part[-1].path : NULL);
        part->rows = get_int(&u, 0, INT64_MAX - row);
        part->first_row = row;
        row += part->rows;
    }
    if (u.code != CW_OK)
        cw_table_destroy(&table);
    else
        *out = table;
    return u.code;
}
