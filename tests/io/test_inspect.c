/* Inspect: counts, extremes and means of fixtures, advice, JSON that parses, nothing leaked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "h5_write.h"
#include "io/inspect.h"
#include "io/json.h"

#define FIXTURE(name) CAUSEWAY_TEST_DATA "/io/data/" name

static cw_env env;

static int begin(void **state) {
    (void)state;
    cw_env_init(&env);
    make_folder();
    return 0;
}

static int finish(void **state) {
    (void)state;
    remove_folder();
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    return 0;
}

static cw_code inspect(const char *file, int json, char **text) {
    const char *const files[] = {file};
    const cw_table_spec spec = {.files = 1, .file = files};
    cw_table *table;
    CW_TRY(cw_table_scan(&env, &spec, &table));
    cw_code code = cw_inspect(&env, table, text, json);
    cw_table_destroy(&table);
    return code;
}

static json_t *column_of(json_t *root, const char *name) {
    size_t j;
    json_t *column;
    json_array_foreach(json_object_get(root, "columns"), j, column) {
        if (!strcmp(json_string_value(json_object_get(column, "name")), name)) return column;
    }
    fail_msg("no column %s", name);
    return NULL;
}

static double number_of(json_t *column, const char *key) {
    json_t *value = json_object_get(column, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void json_tells_every_column(void **state) {
    (void)state;
    char *text;
    json_t *root;
    assert_int_equal(inspect(FIXTURE("h5py_group.h5"), 1, &text), CW_OK);
    assert_int_equal(cw_json_parse(&env, "inspect", text, strlen(text), &root), CW_OK);
    cw_free(&env, &text);
    assert_int_equal(json_integer_value(json_object_get(root, "rows")), 5);
    json_t *y = column_of(root, "y");
    assert_true(number_of(y, "missing") == 1 && number_of(y, "minimum") == -2 &&
                number_of(y, "maximum") == 4.25);
    assert_true(fabs(number_of(y, "mean") - 3.751 / 4) < 1e-15);
    assert_string_equal(json_string_value(json_object_get(y, "unit")), "USD");
    assert_true(number_of(column_of(root, "i"), "missing") == 1);
    assert_true(number_of(column_of(root, "text"), "labels") == 4);
    assert_true(number_of(column_of(root, "text"), "missing") == 0);
    assert_true(number_of(column_of(root, "region"), "labels") == 3);
    assert_true(number_of(column_of(root, "region"), "missing") == 1);
    assert_string_equal(json_string_value(json_object_get(column_of(root, "b"), "kind")), "binary");
    assert_true(json_is_null(json_object_get(column_of(root, "complex"), "missing")));
    assert_non_null(strstr(json_string_value(json_object_get(column_of(root, "complex"), "why")), "complex"));
    json_decref(root);
}

static void text_has_a_line_a_column_and_advice(void **state) {
    (void)state;
    char *text;
    assert_int_equal(inspect(FIXTURE("h5py_group.h5"), 0, &text), CW_OK);
    static const char *const words[] = {"5 rows, 15 columns, 1 part\n",
                                        "outcome",
                                        "4.25",
                                        "4 labels",
                                        "not read:",
                                        "zipped: compressed reals",
                                        "big: values of the other byte order",
                                        "half: floats that are neither",
                                        "fixed, text: texts are looked up"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(text, words[i])) fail_msg("'%s' is not in\n%s", words[i], text);
    cw_free(&env, &text);
}

static void means_keep_their_digits(void **state) {
    (void)state;
    enum { N = 30000 };
    static double x[N];
    for (int i = 0; i < N; i++) x[i] = i % 3 == 0 ? 1e16 : i % 3 == 1 ? 1 : -1e16;
    hid_t file = create_file(in_folder("m.h5"));
    put_reals(file, "x", N, x);
    H5Dclose(put_list(file, "tiny", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, x, 100, 0));
    H5Fclose(file);
    char *text;
    json_t *root;
    assert_int_equal(inspect(in_folder("m.h5"), 1, &text), CW_OK);
    assert_int_equal(cw_json_parse(&env, "inspect", text, strlen(text), &root), CW_OK);
    assert_true(number_of(column_of(root, "x"), "mean") == 1.0 / 3);
    assert_non_null(strstr(text, "tiny: chunks below 64 KiB"));
    cw_free(&env, &text);
    json_decref(root);
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    char *text;
    for (int json = 0; json < 2; json++) {
        env.fail_at = env.calls = 0;
        assert_int_equal(inspect(FIXTURE("h5py_compound.h5"), json, &text), CW_OK);
        cw_free(&env, &text);
        int64_t calls = env.calls;
        for (int64_t at = 1; at <= calls; at++) {
            env.fail_at = at;
            env.calls = 0;
            cw_env_clear(&env);
            assert_int_equal(inspect(FIXTURE("h5py_compound.h5"), json, &text), CW_NO_MEMORY);
            assert_int_equal(env.blocks_now, 0);
        }
    }
    env.fail_at = 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(json_tells_every_column),
        TEST(text_has_a_line_a_column_and_advice),
        TEST(means_keep_their_digits),
        TEST(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
