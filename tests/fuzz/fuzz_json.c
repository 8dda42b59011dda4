/* JSON from anywhere: whatever is accepted is written again and read back equal; any text becomes a valid
 * string, any number the shortest decimal that reads back the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) abort();
}

static void put(cw_json *json, const char *key, const json_t *value) {
    const char *name;
    json_t *part;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        cw_json_object(json, key);
        json_object_foreach((json_t *)value, name, part) put(json, name, part);
        cw_json_end(json);
        break;
    case JSON_ARRAY:
        cw_json_array(json, key);
        json_array_foreach(value, i, part) put(json, NULL, part);
        cw_json_end(json);
        break;
    case JSON_STRING:
        cw_json_string(json, key, json_string_value(value));
        break;
    case JSON_INTEGER:
        cw_json_int(json, key, json_integer_value(value));
        break;
    case JSON_REAL:
        cw_json_real(json, key, json_real_value(value));
        break;
    case JSON_NULL:
        cw_json_null(json, key);
        break;
    default:
        cw_json_bool(json, key, json_is_true(value));
    }
}

/* Reals that are whole come back as integers, so values are compared as numbers. */
static int equal(const json_t *a, const json_t *b) {
    const char *name;
    json_t *part;
    size_t i;
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b)) return 0;
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b)) return 0;
        json_object_foreach((json_t *)a, name, part) {
            const json_t *other = json_object_get(b, name);
            if (!other || !equal(part, other)) return 0;
        }
        return 1;
    }
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b)) return 0;
        json_array_foreach(a, i, part) if (!equal(part, json_array_get(b, i))) return 0;
        return 1;
    }
    return json_equal(a, b);
}

static void round_trip(cw_env *env, const json_t *value) {
    cw_json *json;
    char *text = NULL;
    size_t length;
    require(cw_json_create(env, &json) == CW_OK);
    put(json, NULL, value);
    cw_code code = cw_json_finish(json, &text, &length);
    cw_json_destroy(&json);
    if (code == CW_OK) { /* the reader goes deeper than the writer */
        json_t *again = NULL;
        require(cw_json_parse(env, "again", text, length, &again) == CW_OK);
        require(equal(value, again));
        json_decref(again);
        cw_free(env, &text);
    } else {
        require(code == CW_INTERNAL);
    }
}

static void any_string(cw_env *env, const uint8_t *data, size_t size) {
    char *copy, *text;
    size_t length;
    cw_json *json;
    json_t *value = NULL;
    require(cw_strndup(env, (const char *)data, size, &copy) == CW_OK);
    require(cw_json_create(env, &json) == CW_OK);
    cw_json_array(json, NULL);
    cw_json_string(json, NULL, copy);
    cw_json_end(json);
    require(cw_json_finish(json, &text, &length) == CW_OK);
    require(cw_json_parse(env, "string", text, length, &value) == CW_OK);
    json_decref(value);
    cw_json_destroy(&json);
    cw_free(env, &text);
    cw_free(env, &copy);
}

static void any_number(const uint8_t *data) {
    double value;
    char text[32];
    memcpy(&value, data, sizeof value);
    cw_shortest(value, text);
    require(memchr(text, '\0', sizeof text) != NULL);
    if (isfinite(value)) require(strtod(text, NULL) == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cw_env env;
    cw_env_init(&env);
    json_t *value = NULL;
    if (size >= sizeof(double)) any_number(data);
    any_string(&env, data, size);
    if (cw_json_parse(&env, "fuzz", (const char *)data, size, &value) == CW_OK) {
        round_trip(&env, value);
        json_decref(value);
    }
    require(env.blocks_now == 0);
    return 0;
}
