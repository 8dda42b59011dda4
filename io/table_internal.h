/* What the table keeps besides its public members. Internal to the table, its reader and its packing. */
#ifndef CW_IO_TABLE_INTERNAL_H
#define CW_IO_TABLE_INTERNAL_H

#include "arena.h"
#include "table.h"

typedef struct cw_note {
    unsigned char floats;   /* some part stores floats, or scales */
    unsigned char scales;   /* parts scale differently: the reader asks each */
    unsigned char relabel;  /* parts have other lists of labels or other codes: the reader maps each */
    unsigned char labelled; /* codes have labels */
    unsigned char textual;  /* stored as texts: needs cw_table_encode to be a key */
    unsigned char encoded;  /* and has been */
    char *why;              /* not to be read, because */
} cw_note;

struct cw_table_store {
    cw_arena arena;
    cw_note *note;       /* one a column */
    int32_t part_column; /* the column of part names, or -1 */
};

const char *cw_kind_name(cw_kind kind);
const char *cw_storage_name(cw_storage storage);

/* An empty table whose memory is its store's arena. */
cw_code cw_table_create(cw_env *env, cw_table **out) CW_CHECKED;

/* The whole table as bytes, and back; for broadcasting. Bad bytes are CW_INTERNAL. */
cw_code cw_table_pack(cw_env *env, const cw_table *table, void **bytes, size_t *size) CW_CHECKED;
cw_code cw_table_unpack(cw_env *env, const void *bytes, size_t size, cw_table **out) CW_CHECKED;

/* Fails for a column that cannot be asked for as it is. */
cw_code cw_column_usable(cw_env *env, const cw_table *table, int32_t column) CW_CHECKED;

/* "file:path, column x, row r" for messages; row is within the part, from 0. */
void cw_table_place(const cw_table *table, int64_t part, int32_t column, int64_t row,
                    char where[CW_ERROR_PLACE]);

/* The part that holds a global row. */
int64_t cw_table_part_of(const cw_table *table, int64_t row);

/* Distinct texts of a column in rows [first, first + rows), bytewise sorted, into *out (arena). */
cw_code cw_table_distinct(cw_arena *arena, const cw_table *table, int32_t column, int64_t first, int64_t rows,
                          cw_texts *out) CW_CHECKED;
/* Sorts, removes repeats, and refuses more than CW_MAX_CATEGORIES. */
cw_code cw_texts_unique(cw_env *env, cw_texts *texts, const char *what) CW_CHECKED;
/* Sets the categories of a textual column. */
cw_code cw_table_set_texts(cw_table *table, int32_t column, const cw_texts *texts) CW_CHECKED;

/* A hash table from texts to their place in a list. The list is borrowed. */
typedef struct cw_lookup {
    char *const *item;
    int32_t *slot; /* place + 1, or 0 */
    uint64_t mask;
} cw_lookup;
/* Room for `capacity` (at least `count`) texts, `count` of them put in. */
cw_code cw_lookup_create(cw_env *env, char *const *item, int64_t count, int64_t capacity,
                         cw_lookup *out) CW_CHECKED;
void cw_lookup_destroy(cw_env *env, cw_lookup *lookup);
/* The place of the first text equal to this one, or -1. */
int32_t cw_lookup_find(const cw_lookup *lookup, const char *text, size_t length);

#endif
