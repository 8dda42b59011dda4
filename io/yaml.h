/* A strict YAML document as a tree that remembers where everything stood. Refused: aliases, anchors, tags,
 * duplicate or non-scalar keys, more than one document, control characters, nesting or sizes beyond the
 * limits. Scalars keep their text; what it means (number, word, null) is decided by the reader of the tree,
 * so `no` and `off` stay text (YAML 1.2). */
#ifndef CW_IO_YAML_H
#define CW_IO_YAML_H

#include "../src/base/env.h"

enum { CW_YAML_DEPTH = 32, CW_YAML_NODES = 1 << 18 };

typedef enum cw_yaml_type { CW_YAML_SCALAR, CW_YAML_LIST, CW_YAML_MAP } cw_yaml_type;

typedef struct cw_yaml_node cw_yaml_node;
struct cw_yaml_node {
    cw_yaml_type type;
    int plain;          /* scalar without quotes: may be null, a number, a word of the grammar */
    int line, column;   /* from 1, of the text it was read from */
    const char *source; /* name of that text */
    const char *text;   /* scalar */
    size_t length;
    cw_yaml_node *key; /* of this entry, when the parent is a map: a scalar */
    cw_yaml_node *first, *last, *next;
    int32_t count; /* of children */
};

typedef struct cw_yaml cw_yaml; /* owns the nodes and texts of any number of parsed texts */

cw_code cw_yaml_create(cw_env *env, cw_yaml **out) CW_CHECKED;
void cw_yaml_destroy(cw_yaml **yaml);

/* Parses one document. `source` (copied) is its name in messages. An empty document is a null scalar. Errors:
 * CW_BAD_JOB with source:line:column. */
cw_code cw_yaml_parse(cw_yaml *yaml, const char *source, const char *text, size_t length,
                      cw_yaml_node **root) CW_CHECKED;

/* A fresh node with the place of `like`; appended to a list, or to a map under `key` (text copied). */
cw_code cw_yaml_new(cw_yaml *yaml, cw_yaml_type type, const cw_yaml_node *like, const char *text,
                    size_t length, cw_yaml_node **out) CW_CHECKED;
void cw_yaml_append(cw_yaml_node *parent, cw_yaml_node *key, cw_yaml_node *child);

/* The entry of a map, or NULL; the item of a list (from 0), or NULL. */
cw_yaml_node *cw_yaml_get(const cw_yaml_node *map, const char *key);
cw_yaml_node *cw_yaml_item(const cw_yaml_node *list, int32_t index);

/* An empty plain scalar, ~, null, Null or NULL. NULL counts as null. */
int cw_yaml_is_null(const cw_yaml_node *node);

/* Valid UTF-8 without control characters (tab and newline may be), byte order marks and noncharacters? */
int cw_yaml_is_text(const char *text, size_t length);

/* Bytes of the first characters of `text` that fit in a message; never cuts a UTF-8 character. */
int cw_yaml_clip(const char *text);

/* Fails with CW_BAD_JOB at the node's place. */
cw_code cw_yaml_fail(cw_env *env, const cw_yaml_node *node, const char *mend, const char *format, ...)
    CW_PRINTF(4, 5);

#endif
