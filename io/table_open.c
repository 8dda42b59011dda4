/* Tables over ranks: rank 0 reads metadata, everyone gets it; texts are counted by all, unified by rank 0. */
#include <string.h>

#include "table_internal.h"

cw_code cw_table_open(cw_context *context, const cw_table_spec *spec, cw_table **out) {
    cw_env *env = cw_context_env(context);
    int root = cw_context_rank(context) == 0;
    cw_table *table = NULL;
    void *bytes = NULL;
    size_t size = 0;
    *out = NULL;
    cw_code code = CW_OK;
    if (root) code = cw_table_scan(env, spec, &table);
    if (root && code == CW_OK) code = cw_table_pack(env, table, &bytes, &size);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_broadcast_alloc(context, &bytes, &size);
    if (code == CW_OK && !root) code = cw_table_unpack(env, bytes, size, &table);
    cw_free(env, &bytes);
    code = cw_agree(context, code);
    if (code == CW_OK)
        *out = table;
    else
        cw_table_destroy(&table);
    return code;
}

/* -- encoding -- */

static cw_code join_texts(cw_env *env, const cw_texts *texts, char **bytes, size_t *size) {
    size_t used = 0;
    *size = 0;
    for (int64_t i = 0; i < texts->count; i++) *size += strlen(texts->item[i]) + 1;
    CW_TRY(cw_alloc(env, *size, 1, bytes));
    for (int64_t i = 0; i < texts->count; i++) {
        size_t length = strlen(texts->item[i]) + 1;
        memcpy(*bytes + used, texts->item[i], length);
        used += length;
    }
    return CW_OK;
}

static cw_code split_texts(cw_arena *arena, const char *bytes, size_t size, cw_texts *out) {
    for (size_t at = 0; at < size;) {
        size_t length = strnlen(bytes + at, size - at);
        CW_TRY(cw_texts_add(arena, out, bytes + at, length));
        at += length + 1;
    }
    return CW_OK;
}

/* Rank 0 has everyone's texts in *all; it leaves the unified ones there. */
static cw_code unify(cw_env *env, const char *name, void **all, size_t *size) {
    cw_arena arena;
    cw_texts texts = {0};
    char *bytes = NULL;
    cw_arena_init(&arena, env);
    cw_code code = split_texts(&arena, *all, *size, &texts);
    if (code == CW_OK) code = cw_texts_unique(env, &texts, name);
    if (code == CW_OK) code = join_texts(env, &texts, &bytes, size);
    cw_free(env, all);
    *all = bytes;
    cw_arena_free(&arena);
    return code;
}

static cw_code gather_texts(cw_context *context, const cw_table *table, int32_t column, void **all,
                            size_t *size) {
    cw_env *env = cw_context_env(context);
    int64_t rank = cw_context_rank(context), ranks = cw_context_size(context);
    int64_t first = table->rows / ranks * rank + table->rows % ranks * rank / ranks;
    int64_t end = table->rows / ranks * (rank + 1) + table->rows % ranks * (rank + 1) / ranks;
    cw_arena arena;
    cw_texts texts = {0};
    char *mine = NULL;
    size_t *sizes = NULL, length = 0;
    cw_arena_init(&arena, env);
    cw_code code = cw_table_distinct(&arena, table, column, first, end - first, &texts);
    if (code == CW_OK) code = join_texts(env, &texts, &mine, &length);
    if (code == CW_OK && rank == 0) code = cw_alloc(env, (size_t)ranks, sizeof *sizes, &sizes);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_gather(context, mine, length, all, sizes);
    *size = 0;
    for (int64_t i = 0; code == CW_OK && sizes && i < ranks; i++) *size += sizes[i];
    cw_free(env, &sizes);
    cw_free(env, &mine);
    cw_arena_free(&arena);
    return code;
}

cw_code cw_table_encode(cw_context *context, cw_table *table, int32_t column) {
    cw_env *env = cw_context_env(context);
    void *bytes = NULL;
    size_t size = 0;
    if (!table->store->note[column].textual || table->store->note[column].encoded) return CW_OK;
    cw_code code = gather_texts(context, table, column, &bytes, &size);
    if (code == CW_OK && cw_context_rank(context) == 0)
        code = unify(env, table->column[column].name, &bytes, &size);
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_broadcast_alloc(context, &bytes, &size);
    cw_arena arena;
    cw_texts texts = {0};
    cw_arena_init(&arena, env);
    if (code == CW_OK) code = split_texts(&arena, bytes, size, &texts);
    if (code == CW_OK) code = cw_table_set_texts(table, column, &texts);
    cw_arena_free(&arena);
    cw_free(env, &bytes);
    return cw_agree(context, code);
}
