#include <stdio.h>
#include <string.h>

#include "json.h"

/* No file of ours comes near these; a hostile one is refused before anything is allocated for it. */
enum { CW_JSON_BYTES = 1 << 28, CW_JSON_DEPTH = 128 };

typedef struct cw_place {
    int line, column;
} cw_place;

static cw_code bad(cw_env *env, const char *what, cw_place place, const char *text) {
    char where[CW_ERROR_PLACE];
    snprintf(where, sizeof where, "%.240s, line %d, column %d", what, place.line, place.column);
    return cw_fail(env, CW_BAD_DATA, where, "correct the JSON text there", "bad JSON: %s", text);
}

/* Brackets are counted outside strings only; whether they match is the parser's business. */
static cw_code check_depth(cw_env *env, const char *what, const char *text, size_t length) {
    cw_place place = {1, 0};
    int depth = 0, quoted = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        place.column++;
        if (c == '\n') {
            place.line++;
            place.column = 0;
        }
        if (quoted) {
            if (c == '\\')
                i++, place.column++;
            else if (c == '"' || c == '\n')
                quoted = 0;
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > CW_JSON_DEPTH) return bad(env, what, place, "nested too deeply");
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return CW_OK;
}

cw_code cw_json_parse(cw_env *env, const char *what, const char *text, size_t length, json_t **out) {
    *out = NULL;
    if (length > CW_JSON_BYTES)
        return cw_fail(env, CW_BAD_DATA, what, "split it", "JSON text of %zu bytes, more than the %d allowed",
                       length, (int)CW_JSON_BYTES);
    CW_TRY(check_depth(env, what, text, length));
    json_error_t error;
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (*out) return CW_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return cw_fail(env, CW_NO_MEMORY, what, NULL, "cannot hold the parsed JSON text");
    cw_place place = {error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1};
    return bad(env, what, place, error.text);
}
