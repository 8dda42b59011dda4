/* Reference cases for unit tests: reference/bounds.json by id, numbers by path, comparison by tolerance.
 * Include after cmocka. */
#ifndef CW_TESTS_UNIT_CASES_H
#define CW_TESTS_UNIT_CASES_H

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static json_t *cases_root, *cases_data;

static inline int cases_load(void **state) {
    (void)state;
    json_error_t error;
    cases_root = json_load_file(CAUSEWAY_TEST_DATA "/reference/bounds.json", JSON_DECODE_INT_AS_REAL, &error);
    cases_data =
        json_load_file(CAUSEWAY_TEST_DATA "/reference/bounds_data.json", JSON_DECODE_INT_AS_REAL, &error);
    return cases_root && cases_data ? 0 : -1;
}

static inline int cases_free(void **state) {
    (void)state;
    json_decref(cases_root);
    json_decref(cases_data);
    return 0;
}

/* Steps down by keys, or by indices into arrays ("3"); fails the test where there is nothing. */
static inline json_t *at(json_t *from, int steps, ...) {
    va_list path;
    va_start(path, steps);
    for (int k = 0; k < steps && from; k++) {
        const char *key = va_arg(path, const char *);
        from =
            json_is_array(from) ? json_array_get(from, (size_t)(key[0] - '0')) : json_object_get(from, key);
    }
    va_end(path);
    assert_non_null(from);
    return from;
}

static inline json_t *case_of(const char *id) {
    json_t *cases = at(cases_root, 1, "cases");
    for (size_t k = 0; k < json_array_size(cases); k++)
        if (strcmp(json_string_value(at(json_array_get(cases, k), 1, "id")), id) == 0)
            return json_array_get(cases, k);
    fail_msg("no case %s", id);
    return NULL;
}

/* A number, or a fraction given as text. */
static inline double number(json_t *value) {
    if (json_is_string(value)) {
        double top = 0, bottom = 1;
        assert_int_equal(sscanf(json_string_value(value), "%lf/%lf", &top, &bottom), 2);
        return top / bottom;
    }
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static inline double item(json_t *array, size_t k) {
    assert_true(k < json_array_size(array));
    return number(json_array_get(array, k));
}

static inline void is_close(double got, double expected, double relative, double absolute, const char *what) {
    double error = fabs(got - expected);
    if (!(error <= relative * fabs(expected) + absolute))
        fail_msg("%s: %.17g instead of %.17g", what, got, expected);
}

static inline uint64_t draw(uint64_t *seed) {
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*seed ^ (*seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline double unit(uint64_t *seed) {
    return (double)(draw(seed) >> 11) * 0x1p-53;
}

#endif
