/* Files as h5py, pandas, AnnData and NetCDF write them (data/make.py): what is read is what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/table.h"

#define FIXTURE(name) CAUSEWAY_TEST_DATA "/io/data/" name

static cw_env env;
static cw_table *table;
static cw_reader *reader;

static void fail_with_error(void) {
    char line[1400];
    cw_error_line(&env.error, line, sizeof line);
    fail_msg("%s", line);
}

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) != CW_OK) fail_with_error();                                                              \
    } while (0)

static void scan_path(const char *file, const char *path) {
    const char *const files[] = {file};
    const cw_table_spec spec = {.files = 1, .file = files, .path = path};
    cw_env_init(&env);
    OK(cw_table_scan(&env, &spec, &table));
}

static void scan(const char *file) {
    scan_path(file, NULL);
}

static int finish(void **state) {
    (void)state;
    cw_reader_close(&reader);
    cw_table_destroy(&table);
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    return 0;
}

static int32_t column(const char *name) {
    int32_t j = cw_table_find(table, name, NULL);
    if (j < 0) fail_msg("no column %s", name);
    return j;
}

static const cw_column *at(const char *name) {
    return &table->column[column(name)];
}

/* All rows of one column, as reals and as keys where asked. */
static void read_column(const char *name, double *real, int64_t *key) {
    const int32_t j = column(name);
    cw_block block;
    OK(cw_reader_open(&env, table, real != NULL, &j, key != NULL, &j, &reader));
    cw_source source = cw_reader_source(reader);
    assert_int_equal(source.rows, table->rows);
    OK(source.read(&env, source.self, 0, (int32_t)table->rows, &block));
    assert_int_equal(block.rows, table->rows);
    if (real) memcpy(real, block.real[0], (size_t)table->rows * sizeof *real);
    if (key) memcpy(key, block.key[0], (size_t)table->rows * sizeof *key);
    cw_reader_close(&reader);
}

static void reals_are(const char *name, const double *expected, double tolerance) {
    double value[16];
    read_column(name, value, NULL);
    for (int i = 0; i < table->rows; i++) {
        if (isnan(expected[i]) ? isnan(value[i]) : fabs(value[i] - expected[i]) <= tolerance) continue;
        fail_msg("%s[%d] = %.17g, not %.17g", name, i, value[i], expected[i]);
    }
}

static void keys_are(const char *name, const int64_t *expected) {
    int64_t value[16];
    read_column(name, NULL, value);
    for (int i = 0; i < table->rows; i++)
        if (value[i] != expected[i])
            fail_msg("%s[%d] = %lld, not %lld", name, i, (long long)value[i], (long long)expected[i]);
}

static void labels_are(const char *name, int count, const char *const *label) {
    assert_int_equal(at(name)->categories, count);
    for (int i = 0; i < count; i++) assert_string_equal(at(name)->category[i], label[i]);
}

#define MISSING CW_KEY_MISSING
static const double y[] = {1.5, -2.0, NAN, 4.25, 1e-3};
static const char *const points[] = {"east", "north", "south", "west"};
static const int64_t point_keys[] = {1, 2, 0, 1, 3};

static void h5py_group(void **state) {
    (void)state;
    scan(FIXTURE("h5py_group.h5"));
    assert_int_equal(table->rows, 5);
    assert_int_equal(table->parts, 1);
    assert_string_equal(table->part[0].path, "/run/table");
    assert_string_equal(at("y")->description, "outcome");
    assert_string_equal(at("y")->unit, "USD");
    reals_are("y", y, 0);
    reals_are("f4", (const double[]){1.5, -2, NAN, 4.25, (double)1e-3f}, 0);
    reals_are("half", (const double[]){1.5, -2, NAN, 4.25, 0.00100040435791015625}, 0);
    reals_are("big", y, 0);
    assert_int_equal(at("i")->kind, CW_INTEGER);
    assert_int_equal(at("i")->storage, CW_S_I32);
    reals_are("i", (const double[]){1, 2, NAN, 4, 5}, 0);
    keys_are("i", (const int64_t[]){1, 2, MISSING, 4, 5});
    assert_int_equal(at("b")->kind, CW_BINARY);
    reals_are("b", (const double[]){1, 0, 1, 1, 0}, 0);
    keys_are("u64", (const int64_t[]){0, 1, 2, 3, INT64_MAX});
}

static void h5py_labels(void **state) {
    (void)state;
    scan(FIXTURE("h5py_group.h5"));
    assert_int_equal(at("colour")->kind, CW_CATEGORY);
    labels_are("colour", 3, (const char *const[]){"red", "green", "blue"});
    keys_are("colour", (const int64_t[]){0, 1, 0, 2, 1});
    labels_are("region", 3, (const char *const[]){"north", "south", "east"});
    keys_are("region", (const int64_t[]){0, 1, 2, 0, MISSING});
    reals_are("region", (const double[]){0, 1, 2, 0, NAN}, 0);
    assert_int_equal(at("when")->kind, CW_TIME);
    keys_are("when", (const int64_t[]){1577836800000000000, 1577923200000000000, MISSING, 1578096000000000000,
                                       1578182400000000000});
    assert_string_equal(at("packed")->description, "temperature");
    reals_are("packed", (const double[]){105, 110, NAN, 120, 125}, 0);
    reals_are("zipped", (const double[]){0, 1, 2, 3, 4}, 0);
}

static void texts_are_keys_once_encoded(void **state) {
    (void)state;
    scan(FIXTURE("h5py_group.h5"));
    const int32_t j = column("text");
    assert_int_equal(at("text")->kind, CW_TEXT);
    assert_int_equal(cw_reader_open(&env, table, 0, NULL, 1, &j, &reader), CW_INTERNAL);
    cw_env_clear(&env);
    assert_int_equal(cw_reader_open(&env, table, 1, &j, 0, NULL, &reader), CW_BAD_DATA);
    cw_env_clear(&env);
    OK(cw_table_encode_alone(&env, table, j));
    labels_are("text", 4, points);
    keys_are("text", point_keys);
    OK(cw_table_encode_alone(&env, table, column("fixed")));
    labels_are("fixed", 4, points);
    keys_are("fixed", point_keys);
}

static void what_cannot_be_read_says_why_when_asked(void **state) {
    (void)state;
    scan(FIXTURE("h5py_group.h5"));
    const int32_t j = column("complex");
    assert_int_equal(cw_reader_open(&env, table, 1, &j, 0, NULL, &reader), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "complex"));
}

static void h5py_compound(void **state) {
    (void)state;
    scan(FIXTURE("h5py_compound.h5"));
    assert_string_equal(table->part[0].path, "/deep/er/records");
    assert_int_equal(table->columns, 6);
    assert_string_equal(at("y")->unit, "USD");
    reals_are("y", y, 0);
    keys_are("i", (const int64_t[]){1, 2, 3, 4, 5});
    assert_int_equal(at("ok")->kind, CW_BINARY);
    reals_are("ok", (const double[]){1, 0, 1, 1, 0}, 0);
    reals_are("v_1", (const double[]){1, 3, 5, 7, 9}, 0);
    OK(cw_table_encode_alone(&env, table, column("name")));
    keys_are("name", point_keys);
}

static void h5py_matrices(void **state) {
    (void)state;
    for (int lines = 0; lines < 2; lines++) {
        scan(lines ? FIXTURE("h5py_lines.h5") : FIXTURE("h5py_matrix.h5"));
        assert_int_equal(table->rows, 5);
        assert_int_equal(table->columns, 3);
        assert_int_equal(at("a")->storage, lines ? CW_S_F32 : CW_S_F64);
        reals_are("a", (const double[]){0, 3, 6, 9, 12}, 0);
        reals_are("c", (const double[]){2, 5, 8, 11, 14}, 0);
        if (!lines) finish(NULL);
    }
}

static void pandas(void **state) {
    (void)state;
    static const char *const file[] = {FIXTURE("pandas_fixed.h5"), FIXTURE("pandas_table.h5"),
                                       FIXTURE("pandas_columns.h5")};
    for (int k = 0; k < 3; k++) {
        scan(file[k]);
        assert_int_equal(table->rows, 5);
        reals_are("y", y, 0);
        reals_are("z", (const double[]){3, -4, NAN, 8.5, 2e-3}, 0);
        keys_are("i", (const int64_t[]){1, 2, 3, 4, 5});
        assert_int_equal(at("b")->kind, CW_BINARY);
        reals_are("b", (const double[]){1, 0, 1, 1, 0}, 0);
        assert_int_equal(at("t")->kind, CW_TIME);
        keys_are("t", (const int64_t[]){1577836800000000, 1577923200000000, MISSING, 1578096000000000,
                                        1578182400000000});
        if (k == 0) keys_are("id", (const int64_t[]){10, 11, 12, 13, 14});
        if (k > 0) {
            labels_are("c", 4, points);
            keys_are("c", point_keys);
            OK(cw_table_encode_alone(&env, table, column("s")));
            keys_are("s", point_keys);
        }
        if (k < 2) finish(NULL);
    }
}

static void netcdf(void **state) {
    (void)state;
    scan(FIXTURE("netcdf4_like.h5"));
    assert_int_equal(table->columns, 3);
    assert_int_equal(at("time")->kind, CW_TIME);
    assert_string_equal(at("tas")->unit, "K");
    assert_string_equal(at("tas")->description, "air temperature");
    assert_int_equal(at("tas")->kind, CW_REAL);
    reals_are("tas", (const double[]){35, 60, NAN, 85, 110}, 0);
    reals_are("pr", (const double[]){1, 2, NAN, 4, 5}, 0);
}

static void anndata(void **state) {
    (void)state;
    scan(FIXTURE("anndata_like.h5"));
    assert_string_equal(table->part[0].path, "/obs");
    reals_are("depth", y, 0);
    labels_are("kind", 2, (const char *const[]){"T", "B"});
    keys_are("kind", (const int64_t[]){1, 0, MISSING, 1, 0});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(h5py_group, finish),
        cmocka_unit_test_teardown(h5py_labels, finish),
        cmocka_unit_test_teardown(texts_are_keys_once_encoded, finish),
        cmocka_unit_test_teardown(what_cannot_be_read_says_why_when_asked, finish),
        cmocka_unit_test_teardown(h5py_compound, finish),
        cmocka_unit_test_teardown(h5py_matrices, finish),
        cmocka_unit_test_teardown(pandas, finish),
        cmocka_unit_test_teardown(netcdf, finish),
        cmocka_unit_test_teardown(anndata, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
