/* The reference cases of answer.json: their tables with the steps of `prepare`, and results as names with
 * numbers. */
#ifndef CW_TESTS_SUPPORT_CASES_H
#define CW_TESTS_SUPPORT_CASES_H

#include "answer.h"

#include <jansson.h>

#include "src/base/expression.h"

typedef struct fixture {
    cw_env env;
    json_t *root;
} fixture;

static inline int set_up(void **state) {
    static fixture f;
    json_error_t error;
    cw_env_init(&f.env);
    f.root = json_load_file(CAUSEWAY_TEST_DATA "/reference/answer.json", 0, &error);
    *state = &f;
    return f.root ? 0 : -1;
}

static inline int tear_down(void **state) {
    fixture *f = *state;
    json_decref(f->root);
    return f->env.blocks_now == 0 ? 0 : -1;
}

/* ---- tables: the steps of `prepare` ---- */

static inline const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static inline int32_t find_or_add(serial_table *t, const char *name) {
    for (int32_t j = 0; j < t->reals; j++)
        if (strcmp(t->name[j], name) == 0) return j;
    serial_add(t, name);
    return t->reals - 1;
}

static inline int32_t look_up(void *self, const char *name) {
    const serial_table *t = self;
    for (int32_t j = 0; j < t->reals; j++)
        if (strcmp(t->name[j], name) == 0) return j;
    return -1;
}

static inline void rank_groups(const serial_table *t, int32_t from, int32_t groups, double *to) {
    const double *x = t->real[from];
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t rank = 0;
        for (int64_t k = 0; k < t->rows; k++) rank += x[k] < x[i] || (k < i && x[k] == x[i]);
        to[i] = (double)(groups * rank / t->rows);
    }
}

static inline void set_column(serial_table *t, const char *name, const char *expr) {
    double *value = NULL, mean, sd;
    void *workspace = NULL;
    char inner[64];
    assert_int_equal(cw_alloc(t->env, (size_t)t->rows, sizeof *value, &value), CW_OK);
    if (sscanf(expr, "std(%63[a-z0-9_])", inner) == 1) {
        int32_t from = serial_find(t, inner);
        answer_moments(t, from, &mean, &sd);
        for (int64_t i = 0; i < t->rows; i++) value[i] = (t->real[from][i] - mean) / sd;
    } else if (sscanf(expr, "rankgroup(%63[a-z0-9_],3)", inner) == 1) {
        rank_groups(t, serial_find(t, inner), 3, value);
    } else {
        cw_expression *e = NULL;
        assert_int_equal(cw_expression_parse(t->env, "prepare", expr, look_up, t, &e), CW_OK);
        assert_int_equal(cw_alloc(t->env, 1, cw_expression_workspace(e, (int32_t)t->rows), &workspace),
                         CW_OK);
        cw_expression_evaluate(e, (int32_t)t->rows, (const double *const *)t->real, workspace, value);
        cw_expression_destroy(&e);
        cw_free(t->env, &workspace);
    }
    memcpy(t->real[find_or_add(t, name)], value, (size_t)t->rows * sizeof *value);
    cw_free(t->env, &value);
}

/* Reverses the rows, or repeats each as often as `times` says. */
static inline void rearrange(serial_table *t, const char *how) {
    serial_table to;
    char name[64];
    const double *times = NULL;
    int64_t rows = t->rows, next = 0;
    if (sscanf(how, "repeat by column %63s", name) == 1) {
        times = t->real[serial_find(t, name)];
        rows = 0;
        for (int64_t i = 0; i < t->rows; i++) rows += (int64_t)times[i];
    } else
        assert_string_equal(how, "reverse");
    serial_make(t->env, &to, rows);
    for (int32_t j = 0; j < t->reals; j++) serial_add(&to, t->name[j]);
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t k = 0; k < (times ? (int64_t)times[i] : 1); k++, next++)
            for (int32_t j = 0; j < t->reals; j++) to.real[j][next] = t->real[j][times ? i : t->rows - 1 - i];
    serial_free(t);
    *t = to;
}

static inline void read_data(fixture *f, const json_t *inputs, serial_table *t) {
    char name[64];
    size_t k;
    json_t *step;
    snprintf(name, sizeof name, "%s", text(inputs, "data") + strlen("data/"));
    *strchr(name, '.') = '\0';
    serial_read(&f->env, name, t);
    json_array_foreach(json_object_get(inputs, "prepare"), k, step) {
        if (json_object_get(step, "rows"))
            rearrange(t, text(step, "rows"));
        else
            set_column(t, text(step, "set"), text(step, "expr"));
    }
    json_t *weights = json_object_get(inputs, "weights");
    if (!weights) return;
    assert_int_equal(cw_alloc(&f->env, (size_t)t->rows, sizeof(double), &t->weight), CW_OK);
    memcpy(t->weight, t->real[serial_find(t, json_string_value(weights))], (size_t)t->rows * sizeof(double));
}

static inline cw_weighting weighting(const serial_table *t) {
    return t->weight ? CW_SAMPLING : CW_UNWEIGHTED;
}

static inline int32_t columns_of(const serial_table *t, const json_t *names, int32_t *column) {
    for (size_t j = 0; j < json_array_size(names); j++)
        column[j] = serial_find(t, json_string_value(json_array_get(names, j)));
    return (int32_t)json_array_size(names);
}

static inline answer_design design_of(const serial_table *t, const json_t *inputs) {
    int32_t column[ANSWER_COLUMNS];
    int32_t count = columns_of(t, json_object_get(inputs, "covariates"), column);
    const char *outcome = json_string_value(json_object_get(inputs, "outcome"));
    return answer_make(t, count, column, serial_find(t, text(inputs, "treatment")),
                       outcome ? serial_find(t, outcome) : -1);
}

/* ---- results as (name, number) ---- */

enum { NUMBERS = 400 };
typedef struct numbers {
    int count;
    struct {
        char name[96];
        double value;
    } number[NUMBERS];
} numbers;

static inline void put(numbers *out, double value, const char *format, ...) {
    va_list arguments;
    assert_true(out->count < NUMBERS);
    va_start(arguments, format);
    vsnprintf(out->number[out->count].name, sizeof out->number[0].name, format, arguments);
    va_end(arguments);
    out->number[out->count++].value = value;
}

static inline const double *get(const numbers *from, const char *name) {
    for (int k = 0; k < from->count; k++)
        if (strcmp(from->number[k].name, name) == 0) return &from->number[k].value;
    return NULL;
}

#endif
