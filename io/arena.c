#include "arena.h"

#include <string.h>

#include "../src/base/sort.h"

enum { CHUNK_BYTES = 16 * 1024, PIECE_ALIGN = 16 };

struct cw_arena_chunk {
    cw_arena_chunk *next;
    char *bytes;
    size_t used, room;
};

void cw_arena_init(cw_arena *arena, cw_env *env) {
    arena->env = env;
    arena->head = NULL;
}

void cw_arena_free(cw_arena *arena) {
    while (arena->head) {
        cw_arena_chunk *chunk = arena->head;
        arena->head = chunk->next;
        cw_free(arena->env, &chunk->bytes);
        cw_free(arena->env, &chunk);
    }
}

static cw_code add_chunk(cw_arena *arena, size_t bytes) {
    cw_arena_chunk *chunk;
    CW_TRY(cw_alloc_zero(arena->env, 1, sizeof *chunk, &chunk));
    chunk->room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    cw_code code = cw_alloc(arena->env, chunk->room, 1, &chunk->bytes);
    if (code != CW_OK) {
        cw_free(arena->env, &chunk);
        return code;
    }
    chunk->next = arena->head;
    arena->head = chunk;
    return CW_OK;
}

cw_code cw_arena_take(cw_arena *arena, size_t count, size_t size, void *out) {
    void *piece = NULL;
    memcpy(out, &piece, sizeof piece);
    if (count == 0 || size == 0) return CW_OK;
    if (count > SIZE_MAX / 4 / size)
        return cw_fail(arena->env, CW_NO_MEMORY, NULL, NULL, "cannot allocate %zu x %zu bytes", count, size);
    size_t bytes = (count * size + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;
    if (!arena->head || arena->head->room - arena->head->used < bytes) CW_TRY(add_chunk(arena, bytes));
    piece = arena->head->bytes + arena->head->used;
    arena->head->used += bytes;
    memset(piece, 0, bytes);
    memcpy(out, &piece, sizeof piece);
    return CW_OK;
}

cw_code cw_arena_text(cw_arena *arena, const char *text, size_t length, char **out) {
    CW_TRY(cw_arena_take(arena, length + 1, 1, out));
    if (length) memcpy(*out, text, length);
    return CW_OK;
}

cw_code cw_arena_copy(cw_arena *arena, const char *text, char **out) {
    *out = NULL;
    return text ? cw_arena_text(arena, text, strlen(text), out) : CW_OK;
}

cw_code cw_texts_add(cw_arena *arena, cw_texts *texts, const char *text, size_t length) {
    if (texts->count == texts->room) {
        int64_t room = texts->room ? 2 * texts->room : 16;
        char **item;
        CW_TRY(cw_arena_take(arena, (size_t)room, sizeof *item, &item));
        if (texts->count) memcpy(item, texts->item, (size_t)texts->count * sizeof *item);
        texts->item = item;
        texts->room = room;
    }
    CW_TRY(cw_arena_text(arena, text, length, &texts->item[texts->count]));
    texts->count += 1;
    return CW_OK;
}

static int bytewise(const void *a, const void *b, void *self) {
    (void)self;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

cw_code cw_texts_sort(cw_env *env, char **text, int64_t count) {
    return cw_sort(env, text, count, sizeof *text, bytewise, NULL);
}
