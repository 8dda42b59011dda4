/* Writing JSON in a fixed order with numbers as the shortest decimals that read back the same (-0 is 0, NaN
 * and infinities are null). Reading is jansson's (io only), with limits. */
#ifndef CW_IO_JSON_H
#define CW_IO_JSON_H

#include <jansson.h>

#include "../src/base/env.h"

typedef struct cw_json cw_json;

cw_code cw_json_create(cw_env *env, cw_json **out) CW_CHECKED;
void cw_json_destroy(cw_json **json);

/* Values; `key` is NULL inside arrays and at the top. A failed allocation is remembered and told by finish.
 */
void cw_json_object(cw_json *json, const char *key);
void cw_json_array(cw_json *json, const char *key);
void cw_json_end(cw_json *json); /* of the innermost object or array */
void cw_json_string(cw_json *json, const char *key,
                    const char *value); /* NULL: null; invalid UTF-8 replaced */
void cw_json_real(cw_json *json, const char *key, double value);
void cw_json_int(cw_json *json, const char *key, int64_t value);
void cw_json_bool(cw_json *json, const char *key, int value);
void cw_json_null(cw_json *json, const char *key);

/* The text (two-space indent, final newline), owned by the caller (cw_free). */
cw_code cw_json_finish(cw_json *json, char **text, size_t *length) CW_CHECKED;

/* The shortest decimal of a finite double that reads back the same; at most 32 bytes. */
void cw_shortest(double value, char text[32]);

/* Parses with limits on bytes and depth, duplicate keys refused; `what` names the source in the error
 * (CW_BAD_DATA with line and column). *out is to be given back with json_decref. */
cw_code cw_json_parse(cw_env *env, const char *what, const char *text, size_t length,
                      json_t **out) CW_CHECKED;

#endif
