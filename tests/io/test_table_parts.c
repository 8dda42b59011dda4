/* Many parts: files, groups, manifests; what must agree does, blocks span parts, labels unify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "h5_write.h"
#include "io/table.h"
#include "io/table_internal.h"

static cw_env env;
static cw_table *table;
static cw_reader *reader;

static int begin(void **state) {
    (void)state;
    cw_env_init(&env);
    make_folder();
    return 0;
}

static int finish(void **state) {
    (void)state;
    cw_reader_close(&reader);
    cw_table_destroy(&table);
    remove_folder();
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    return 0;
}

static void ok(cw_code code) {
    char line[1400];
    cw_error_line(&env.error, line, sizeof line);
    if (code != CW_OK) fail_msg("%s", line);
}

static cw_code scan(const char *file, const char *path, const char *part_id) {
    const char *const files[] = {file};
    const cw_table_spec spec = {.files = 1, .file = files, .path = path, .part_id = part_id};
    cw_env_clear(&env);
    cw_table_destroy(&table);
    return cw_table_scan(&env, &spec, &table);
}

static void says(cw_code code, cw_code expected, const char *word, const char *other) {
    char line[1400];
    cw_error_line(&env.error, line, sizeof line);
    assert_int_equal(code, expected);
    if (word && !strstr(line, word)) fail_msg("'%s' does not name %s", line, word);
    if (other && !strstr(line, other)) fail_msg("'%s' does not name %s", line, other);
}

static double value_of(int64_t row, int j) {
    return row % 7 == 3 && j == 1 ? NAN : (double)(row * 10 + j) * 0.5;
}

/* Rows [first, first + n) of the columns x0 (f64), x1 (f32) and k (an integer of some width). */
static void put_rows(hid_t place, int64_t first, int64_t n, int layout) {
    double *x = calloc((size_t)n + 1, sizeof *x);
    int64_t *k = calloc((size_t)n + 1, sizeof *k);
    for (int j = 0; j < 2; j++) {
        char name[16];
        for (int64_t i = 0; i < n; i++) x[i] = value_of(first + i, j);
        snprintf(name, sizeof name, "x%d", j);
        H5Dclose(put_list(place, name, j ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, (hsize_t)n, x,
                          layout == 1 ? 1000 : 0, 0));
    }
    for (int64_t i = 0; i < n; i++) k[i] = (first + i) % 100 - 50;
    H5Dclose(put_list(place, "k", layout == 2 ? H5T_STD_I8LE : H5T_STD_I64BE, H5T_NATIVE_INT64, (hsize_t)n, k,
                      layout == 1 ? 777 : 0, layout == 1 ? 1 : 0));
    free(x);
    free(k);
}

static void check_rows(cw_source *source, int64_t first, int32_t rows) {
    cw_block block;
    ok(source->read(&env, source->self, first, rows, &block));
    assert_int_equal(block.rows, rows);
    assert_int_equal(block.first_row, first);
    for (int32_t i = 0; i < rows; i++) {
        int64_t row = first + i;
        for (int j = 0; j < 2; j++) {
            double expected = j ? (double)(float)value_of(row, j) : value_of(row, j);
            if (isnan(expected) ? !isnan(block.real[j][i]) : block.real[j][i] != expected)
                fail_msg("row %lld column %d is %g, not %g", (long long)row, j, block.real[j][i], expected);
        }
        assert_int_equal(block.key[0][i], row % 100 - 50);
    }
}

enum { FILES = 40, ROWS = 50000 };

static int64_t start_of(int part) {
    return part == 0 ? 0 : part == FILES ? ROWS : (int64_t)part * part * ROWS / FILES / FILES;
}

static void read_everywhere(void) {
    const int32_t real[] = {cw_table_find(table, "x0", NULL), cw_table_find(table, "x1", NULL)};
    const int32_t key = cw_table_find(table, "k", NULL);
    ok(cw_reader_open(&env, table, 2, real, 1, &key, &reader));
    cw_source source = cw_reader_source(reader);
    assert_int_equal(source.rows, ROWS);
    for (int64_t first = 0; first < ROWS; first += CW_BLOCK_ROWS)
        check_rows(&source, first, (int32_t)(ROWS - first < CW_BLOCK_ROWS ? ROWS - first : CW_BLOCK_ROWS));
    for (int64_t first = ROWS - 1; first > 0; first = first * 2 / 3) check_rows(&source, first, 1);
    check_rows(&source, 0, ROWS);
    check_rows(&source, 12345, 23456);
    check_rows(&source, ROWS, 0);
    cw_block block;
    assert_int_equal(source.read(&env, source.self, ROWS - 1, 2, &block), CW_INTERNAL);
    cw_env_clear(&env);
    cw_reader_close(&reader);
}

static void forty_files_are_one_table(void **state) {
    (void)state;
    for (int p = 0; p < FILES; p++) {
        char name[32];
        snprintf(name, sizeof name, "m_%02d.h5", p);
        hid_t file = create_file(in_folder(name));
        put_rows(file, start_of(p), start_of(p + 1) - start_of(p), p % 3);
        H5Fclose(file);
    }
    ok(scan(in_folder("m_*.h5"), NULL, "member"));
    assert_int_equal(table->parts, FILES);
    assert_int_equal(table->rows, ROWS);
    assert_int_equal(table->part[1].first_row, start_of(1));
    assert_int_equal(table->columns, 4);
    assert_string_equal(table->column[3].category[7], "m_07");
    read_everywhere();
    const int32_t member = 3;
    cw_block block;
    ok(cw_reader_open(&env, table, 0, NULL, 1, &member, &reader));
    cw_source source = cw_reader_source(reader);
    ok(source.read(&env, source.self, 0, ROWS, &block));
    for (int p = 0; p < FILES; p++)
        for (int64_t i = start_of(p); i < start_of(p + 1); i++) assert_int_equal(block.key[0][i], p);
}

static void forty_groups_are_one_table(void **state) {
    (void)state;
    hid_t file = create_file(in_folder("all.h5"));
    for (int p = 0; p < FILES; p++) {
        char name[64];
        snprintf(name, sizeof name, "/member_%03d/series", p);
        hid_t link = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(link, 1);
        hid_t group = H5Gcreate2(file, name, link, H5P_DEFAULT, H5P_DEFAULT);
        put_rows(group, start_of(p), start_of(p + 1) - start_of(p), (p + 1) % 3);
        H5Gclose(group);
        H5Pclose(link);
    }
    H5Fclose(file);
    ok(scan(in_folder("all.h5"), "/member_*/series", "member"));
    assert_int_equal(table->parts, FILES);
    assert_string_equal(table->column[3].category[39], "member_039");
    read_everywhere();
    uint64_t digest = table->digest;
    ok(scan(in_folder("all.h5"), "/member_*", "member")); /* the one table within each */
    assert_int_equal(table->rows, ROWS);
    assert_true(table->digest == digest);
    says(scan(in_folder("all.h5"), NULL, NULL), CW_BAD_DATA, "40 tables", "/member_000/series");
    says(scan(in_folder("all.h5"), "/member_0/nothing", NULL), CW_NO_INPUT, "member_0", NULL);
    says(scan(in_folder("all.h5"), "/none_*", NULL), CW_NO_INPUT, "none_*", NULL);
}

static void manifests_set_order_paths_and_rows(void **state) {
    (void)state;
    for (int p = 0; p < 2; p++) {
        hid_t file = create_file(in_folder(p ? "b.h5" : "a,a.h5"));
        hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        put_rows(group, p ? 0 : 10, p ? 10 : 5, 0);
        H5Gclose(group);
        H5Fclose(file);
    }
    const char *good = "rows,file,path\r\n10,b.h5,/g\r\n,\"a,a.h5\",\n";
    put_bytes(in_folder("m.csv"), good, strlen(good));
    cw_table_spec spec = {.manifest = in_folder("m.csv")};
    ok(cw_table_scan(&env, &spec, &table));
    assert_int_equal(table->rows, 15);
    assert_non_null(strstr(table->part[0].file, "/b.h5"));
    cw_table_destroy(&table);
    static const struct {
        const char *text, *says;
        cw_code code;
    } bad[] = {{"rows,file\n11,b.h5\n", "11", CW_BAD_DATA},
               {"path\n/g\n", "column 'file'", CW_BAD_DATA},
               {"file\nc.h5\n", "c.h5", CW_NO_INPUT},
               {"file\n\"b.h5\n", "unclosed", CW_BAD_DATA},
               {"file,rows\nb.h5,x\n", "whole", CW_BAD_DATA},
               {"file\nb.h5\nb.h5\n", "twice", CW_BAD_DATA},
               {"file\n", "no file", CW_BAD_JOB},
               {"", "column 'file'", CW_BAD_DATA},
               {"file,rows\nb.h5\n", "number of fields", CW_BAD_DATA}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_bytes(in_folder("m.csv"), bad[i].text, strlen(bad[i].text));
        cw_env_clear(&env);
        says(cw_table_scan(&env, &spec, &table), bad[i].code, bad[i].says, NULL);
    }
}

/* Two files, made alike by default; `second` spoils one. */
static void two_files(void (*second)(hid_t file)) {
    const double x[] = {1, 2, 3};
    const int64_t k[] = {1, 2, 3};
    for (int p = 0; p < 2; p++) {
        hid_t file = create_file(in_folder(p ? "two_2.h5" : "two_1.h5"));
        put_reals(file, "x", 3, x);
        put_integers(file, "k", 3, k);
        if (p) second(file);
        H5Fclose(file);
    }
}

static void lacks(hid_t file) {
    H5Ldelete(file, "k", H5P_DEFAULT);
}
static void has_more(hid_t file) {
    const double x[] = {1, 2, 3};
    put_reals(file, "z", 3, x);
}
static void is_text(hid_t file) {
    const char *const text[] = {"a", "b", "c"};
    H5Ldelete(file, "k", H5P_DEFAULT);
    put_texts(file, "k", 3, text);
}
static void is_long(hid_t file) {
    const double x[] = {1, 2, 3, 4};
    H5Ldelete(file, "x", H5P_DEFAULT);
    put_reals(file, "x", 4, x);
}
static void has_unit(hid_t file) {
    hid_t x = open_list(file, "x");
    set_text(x, "units", "K");
    H5Dclose(x);
    hid_t first = H5Fopen(in_folder("two_1.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    x = open_list(first, "x");
    set_text(x, "units", "C");
    H5Dclose(x);
    H5Fclose(first);
}

static void parts_that_disagree_are_named(void **state) {
    (void)state;
    static const struct {
        void (*spoil)(hid_t);
        const char *says;
    } all[] = {{lacks, "column k"},
               {has_more, "column z"},
               {is_text, "text in the second"},
               {is_long, "column k has 3"},
               {has_unit, "unit C in the first, K"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        two_files(all[i].spoil);
        cw_code code = scan(in_folder("two_?.h5"), NULL, NULL);
        says(code, CW_BAD_DATA, all[i].says, "two_2.h5");
        if (i != 3) says(code, CW_BAD_DATA, NULL, "two_1.h5");
    }
    says(scan(in_folder("three_?.h5"), NULL, NULL), CW_NO_INPUT, "three_?.h5", NULL);
    says(scan(in_folder("none.h5"), NULL, NULL), CW_NO_INPUT, "none.h5", NULL);
}

static void as_reals(hid_t file) {
    const double k[] = {1.5, -2, NAN};
    H5Ldelete(file, "k", H5P_DEFAULT);
    put_reals(file, "k", 3, k);
}

static void keys_of_mixed_parts_agree(void **state) {
    (void)state;
    two_files(as_reals);
    ok(scan(in_folder("two_?.h5"), NULL, NULL));
    const int32_t k = cw_table_find(table, "k", NULL);
    assert_int_equal(table->column[k].kind, CW_REAL);
    cw_block block;
    ok(cw_reader_open(&env, table, 1, &k, 1, &k, &reader));
    cw_source source = cw_reader_source(reader);
    ok(source.read(&env, source.self, 0, 6, &block));
    assert_true(block.real[0][3] == 1.5 && isnan(block.real[0][5]));
    assert_int_equal(block.key[0][5], CW_KEY_MISSING);
    /* Whole numbers are the same key in both parts; 1.5 is another. */
    const int64_t whole[] = {1, 2, 3};
    for (int i = 0; i < 3; i++) assert_int_equal(block.key[0][i], whole[i]);
    assert_int_equal(block.key[0][4], -2);
    assert_true(block.key[0][3] != CW_KEY_MISSING && (block.key[0][3] < -3 || block.key[0][3] > 3));
    cw_reader_close(&reader);
    /* As whole numbers the same column fails at the row that is none. */
    const char *const files[] = {in_folder("two_?.h5")};
    const cw_column_spec said = {.name = "k", .kind = CW_INTEGER};
    const cw_table_spec spec = {.files = 1, .file = files, .columns = 1, .column = &said};
    cw_table_destroy(&table);
    ok(cw_table_scan(&env, &spec, &table));
    ok(cw_reader_open(&env, table, 0, NULL, 1, &k, &reader));
    source = cw_reader_source(reader);
    says(source.read(&env, source.self, 0, 6, &block), CW_BAD_DATA, "column k, row 1", "two_2.h5");
}

static void put_codes(const char *file, const char *const *label, hsize_t labels, int beside) {
    const int64_t code[] = {0, 1, 2, -1};
    hid_t id = create_file(in_folder(file));
    put_integers(id, "c", 4, code);
    if (beside) {
        put_texts(id, "c_categories", labels, label);
    } else {
        hid_t c = open_list(id, "c");
        set_texts(c, "categories", labels, label);
        H5Dclose(c);
    }
    H5Fclose(id);
}

static void labels_unify_over_parts(void **state) {
    (void)state;
    const char *const one[] = {"low", "mid", "top"}, *const other[] = {"top", "zero", "low"};
    put_codes("c_1.h5", one, 3, 0);
    put_codes("c_2.h5", one, 3, 1);
    ok(scan(in_folder("c_?.h5"), NULL, NULL));
    assert_int_equal(table->columns, 1);
    assert_int_equal(table->column[0].categories, 3);
    assert_string_equal(table->column[0].category[1], "mid"); /* alike: kept in their order */
    put_codes("c_3.h5", other, 3, 1);
    ok(scan(in_folder("c_?.h5"), NULL, NULL));
    const char *const all[] = {"low", "mid", "top", "zero"};
    assert_int_equal(table->column[0].categories, 4);
    for (int i = 0; i < 4; i++) assert_string_equal(table->column[0].category[i], all[i]);
    const int32_t c = 0;
    const int64_t expected[] = {0, 1, 2, CW_KEY_MISSING, 0, 1, 2, CW_KEY_MISSING, 2, 3, 0, CW_KEY_MISSING};
    cw_block block;
    ok(cw_reader_open(&env, table, 1, &c, 1, &c, &reader));
    cw_source source = cw_reader_source(reader);
    ok(source.read(&env, source.self, 0, 12, &block));
    for (int i = 0; i < 12; i++) {
        assert_int_equal(block.key[0][i], expected[i]);
        assert_true(expected[i] < 0 ? isnan(block.real[0][i]) : block.real[0][i] == (double)expected[i]);
    }
    cw_reader_close(&reader);
    put_codes("d.h5", one, 2, 0);
    ok(scan(in_folder("d.h5"), NULL, NULL));
    ok(cw_reader_open(&env, table, 0, NULL, 1, &c, &reader));
    source = cw_reader_source(reader);
    says(source.read(&env, source.self, 0, 4, &block), CW_BAD_DATA, "row 3", "without a label");
}

static void texts_get_codes_by_bytes_over_all_parts(void **state) {
    (void)state;
    const char *const one[] = {"b", "", "a\xc3\xa4", "B"}, *const other[] = {"a", "b", "z", "10"};
    hid_t file = create_file(in_folder("t_1.h5"));
    put_texts(file, "t", 4, one);
    H5Fclose(file);
    file = create_file(in_folder("t_2.h5"));
    put_texts(file, "t", 4, other);
    H5Fclose(file);
    ok(scan(in_folder("t_?.h5"), NULL, NULL));
    const int32_t t = 0;
    ok(cw_table_encode_alone(&env, table, t));
    const int64_t expected[] = {4, CW_KEY_MISSING, 3, 1, 2, 4, 5, 0};
    cw_block block;
    ok(cw_reader_open(&env, table, 0, NULL, 1, &t, &reader));
    cw_source source = cw_reader_source(reader);
    ok(source.read(&env, source.self, 0, 8, &block));
    for (int i = 0; i < 8; i++) assert_int_equal(block.key[0][i], expected[i]);
}

static void the_user_has_the_last_word(void **state) {
    (void)state;
    const double x[] = {1, -9, 3};
    hid_t file = create_file(in_folder("u.h5"));
    put_reals(file, "x", 3, x);
    H5Fclose(file);
    const char *const files[] = {in_folder("u.h5")};
    const double code = -9;
    cw_column_spec said = {
        .name = "x", .description = "dose", .unit = "mg", .kind = CW_TIME, .missings = 1, .missing = &code};
    const cw_table_spec spec = {.files = 1, .file = files, .columns = 1, .column = &said};
    ok(cw_table_scan(&env, &spec, &table));
    assert_int_equal(table->column[0].kind, CW_TIME);
    assert_string_equal(table->column[0].unit, "mg");
    const int32_t c = 0;
    cw_block block;
    ok(cw_reader_open(&env, table, 1, &c, 1, &c, &reader));
    cw_source source = cw_reader_source(reader);
    ok(source.read(&env, source.self, 0, 3, &block));
    assert_true(isnan(block.real[0][1]));
    assert_int_equal(block.key[0][1], CW_KEY_MISSING);
    cw_table_destroy(&table);
    said.name = "y";
    says(cw_table_scan(&env, &spec, &table), CW_BAD_JOB, "no column y", NULL);
    cw_env_clear(&env);
    said.name = "x";
    said.kind = CW_TEXT;
    says(cw_table_scan(&env, &spec, &table), CW_BAD_JOB, "not text", NULL);
}

static void a_table_survives_packing(void **state) {
    (void)state;
    const char *const one[] = {"low", "mid", "top"};
    put_codes("c_1.h5", one, 3, 0);
    put_codes("c_2.h5", one, 2, 0);
    ok(scan(in_folder("c_?.h5"), NULL, "part"));
    void *bytes, *again;
    size_t size, size_again;
    cw_table *copy;
    ok(cw_table_pack(&env, table, &bytes, &size));
    ok(cw_table_unpack(&env, bytes, size, &copy));
    ok(cw_table_pack(&env, copy, &again, &size_again));
    assert_int_equal(size, size_again);
    assert_memory_equal(bytes, again, size);
    assert_int_equal(copy->rows, 8);
    assert_int_equal(copy->part[1].first_row, 4);
    assert_true(copy->digest == table->digest);
    cw_table_destroy(&copy);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(cw_table_unpack(&env, bytes, cut, &copy), CW_INTERNAL);
        cw_env_clear(&env);
    }
    cw_free(&env, &bytes);
    cw_free(&env, &again);
}

static void the_digest_tells_tables_apart(void **state) {
    (void)state;
    double x[1000] = {0};
    uint64_t seen[4];
    for (int k = 0; k < 4; k++) {
        hid_t file = create_file(in_folder("d.h5"));
        x[999] = k == 1;
        put_reals(file, k == 2 ? "y" : "x", k == 3 ? 999 : 1000, x);
        H5Fclose(file);
        ok(scan(in_folder("d.h5"), NULL, NULL));
        seen[k] = table->digest;
        for (int l = 0; l < k; l++) assert_true(seen[l] != seen[k]);
    }
}

static void nearest_names_are_found(void **state) {
    (void)state;
    hid_t file = create_file(in_folder("n.h5"));
    const double x[] = {1};
    put_reals(file, "income", 1, x);
    put_reals(file, "age", 1, x);
    H5Fclose(file);
    ok(scan(in_folder("n.h5"), NULL, NULL));
    const char *nearest;
    assert_int_equal(cw_table_find(table, "Incom", &nearest), -1);
    assert_string_equal(nearest, "income");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(forty_files_are_one_table),
        TEST(forty_groups_are_one_table),
        TEST(manifests_set_order_paths_and_rows),
        TEST(parts_that_disagree_are_named),
        TEST(keys_of_mixed_parts_agree),
        TEST(labels_unify_over_parts),
        TEST(texts_get_codes_by_bytes_over_all_parts),
        TEST(the_user_has_the_last_word),
        TEST(a_table_survives_packing),
        TEST(the_digest_tells_tables_apart),
        TEST(nearest_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
