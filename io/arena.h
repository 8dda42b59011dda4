/* An arena: many small pieces given back together, so that whatever is half-built unwinds in one call. */
#ifndef CW_IO_ARENA_H
#define CW_IO_ARENA_H

#include "../src/base/env.h"

typedef struct cw_arena_chunk cw_arena_chunk;
typedef struct cw_arena {
    cw_env *env;
    cw_arena_chunk *head;
} cw_arena;

void cw_arena_init(cw_arena *arena, cw_env *env);
/* Gives back every piece; the arena can be used again. */
void cw_arena_free(cw_arena *arena);

/* A zeroed piece of count*size bytes, aligned to 16 (NULL when empty). CW_NO_MEMORY. */
cw_code cw_arena_take(cw_arena *arena, size_t count, size_t size, void *out) CW_CHECKED;
/* A terminated copy of `length` bytes. */
cw_code cw_arena_text(cw_arena *arena, const char *text, size_t length, char **out) CW_CHECKED;
cw_code cw_arena_copy(cw_arena *arena, const char *text, char **out) CW_CHECKED; /* NULL gives NULL */

/* A growing list of texts in an arena. */
typedef struct cw_texts {
    int64_t count, room;
    char **item;
} cw_texts;
cw_code cw_texts_add(cw_arena *arena, cw_texts *texts, const char *text, size_t length) CW_CHECKED;
/* Sorts bytewise. */
cw_code cw_texts_sort(cw_env *env, char **text, int64_t count) CW_CHECKED;

#endif
