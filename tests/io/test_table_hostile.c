/* Files that are foreign, damaged or hostile: one clear line, never a crash, nothing left open; and memory
 * that runs out at every allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <zlib.h>

#include "h5_write.h"
#include "io/table.h"

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

/* Scans a file and reads all it can, as keys and as reals. */
static cw_code use(const char *file, const char *path) {
    const char *const files[] = {file};
    const cw_table_spec spec = {.files = 1, .file = files, .path = path};
    cw_table *table;
    cw_reader *reader;
    cw_block block;
    CW_TRY(cw_table_scan(&env, &spec, &table));
    cw_code code = CW_OK, first = CW_OK;
    for (int32_t j = 0; j < table->columns; j++) {
        if (table->column[j].storage == CW_S_TEXT) code = cw_table_encode_alone(&env, table, j);
        int32_t reals = table->column[j].storage == CW_S_TEXT ? 0 : 1;
        if (code == CW_OK) code = cw_reader_open(&env, table, reals, &j, 1, &j, &reader);
        if (code == CW_OK) {
            cw_source source = cw_reader_source(reader);
            for (int64_t row = 0; code == CW_OK && row < table->rows && row < 100000; row += CW_BLOCK_ROWS) {
                int64_t left = table->rows - row;
                code = source.read(&env, source.self, row,
                                   left < CW_BLOCK_ROWS ? (int32_t)left : CW_BLOCK_ROWS, &block);
            }
            cw_reader_close(&reader);
        }
        if (first == CW_OK) first = code;
        if (code == CW_NO_MEMORY) break;
        code = CW_OK;
    }
    cw_table_destroy(&table);
    return first;
}

static void refused(const char *file, const char *path, cw_code expected, const char *word,
                    const char *other) {
    char line[1400];
    cw_env_clear(&env);
    cw_code code = use(file, path);
    cw_error_line(&env.error, line, sizeof line);
    if (code != expected || !strstr(line, word) || (other && !strstr(line, other)))
        fail_msg("%d '%s', but %d with '%s' and '%s' was expected", code, line, expected, word,
                 other ? other : "");
    assert_null(strchr(line, '\n'));
    assert_int_equal(env.blocks_now, 0);
    assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

/* -- foreign -- */

static void foreign_formats_are_named_with_their_converter(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says, *mend;
    } all[] = {
        {"a,b\n1,2\n", 8, "CSV", "causeway import"},
        {"PAR1....", 8, "Parquet", "read_parquet"},
        {"ARROW1..", 8, "Arrow", "read_feather"},
        {"<stata_dta><header>", 19, "Stata", "read_stata"},
        {"CDF\001....", 8, "NetCDF", "nccopy"},
        {"\x93NUMPY..", 8, "NumPy", "h5py"},
        {"PK\003\004[Content_Types].xml", 24, "Excel", "read_excel"},
        {"PK\003\004....x.npy", 14, ".npz", "numpy.load"},
        {"PK\003\004........", 12, "zip", "unzip"},
        {"SQLite format 3\0....", 20, "SQLite", "sqlite3"},
        {"SIMPLE  =          T", 20, "FITS", "astropy"},
        {"RDX3\nX\n", 7, "RData", "Rscript"},
        {"X\n\0\0\0\003", 6, ".rds", "readRDS"},
        {" {\"a\": [1]}", 11, "JSON", "read_json"},
        {"<html></html>", 13, "HTML", NULL},
        {"BZh91AY", 7, "bzip2", "bunzip2"},
        {"\016\003\023\001....", 8, "HDF4", "h4toh5"},
        {"\xff\xfe"
         "a\0,\0",
         6, "UTF-16", "iconv"},
        {"\001\002\003\004\005", 5, "no known format", NULL},
        {"\x1f\x8b\x08\0\0\0", 6, "gzip", NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        put_bytes(in_folder("foreign.bin"), all[i].bytes, all[i].size);
        refused(in_folder("foreign.bin"), NULL, CW_BAD_DATA, all[i].says, all[i].mend);
    }
    put_bytes(in_folder("empty.h5"), "", 0);
    refused(in_folder("empty.h5"), NULL, CW_BAD_DATA, "empty", NULL);
    refused(folder, NULL, CW_BAD_DATA, "folder", NULL);
    refused(in_folder("none.h5"), NULL, CW_NO_INPUT, "none.h5", NULL);
}

static void csv_needs_import_and_hdf5_does_not(void **state) {
    (void)state;
    gzFile packed = gzopen(in_folder("a.csv.gz"), "wb");
    gzputs(packed, "x,y\n1,2\n");
    gzclose(packed);
    packed = gzopen(in_folder("b.rds"), "wb");
    gzwrite(packed, "X\n\0\0\0\003", 6);
    gzclose(packed);
    put_bytes(in_folder("c.csv"), "x;y\n1;2\n", 8);
    static const struct {
        const char *file;
        int needed;
    } all[] = {{"a.csv.gz", 1}, {"b.rds", 0}, {"c.csv", 1}, {"*.csv*", 1}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int needed = -1;
        const char *const files[] = {in_folder(all[i].file)};
        const cw_table_spec spec = {.files = 1, .file = files};
        assert_int_equal(cw_table_needs_import(&env, &spec, &needed), CW_OK);
        assert_int_equal(needed, all[i].needed);
    }
    int needed = -1;
    const char *const files[] = {FIXTURE("h5py_group.h5")};
    const cw_table_spec spec = {.files = 1, .file = files};
    assert_int_equal(cw_table_needs_import(&env, &spec, &needed), CW_OK);
    assert_int_equal(needed, 0);
    refused(in_folder("a.csv.gz"), NULL, CW_BAD_DATA, "gzipped CSV", "causeway import");
    refused(in_folder("b.rds"), NULL, CW_BAD_DATA, ".rds", "readRDS");
}

/* -- what leaves the file or leads in circles -- */

static const double x[] = {1, 2, 3, 4};

static void links_out_of_the_file_are_refused(void **state) {
    (void)state;
    hid_t other = create_file(in_folder("other.h5"));
    put_reals(other, "x", 4, x);
    H5Fclose(other);
    hid_t file = create_file(in_folder("link.h5"));
    put_reals(file, "y", 4, x);
    H5Lcreate_external("other.h5", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/", file, "g", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    refused(in_folder("link.h5"), NULL, CW_BAD_DATA, "leaves the file", "h5copy");
    refused(in_folder("link.h5"), "/g", CW_BAD_DATA, "leaves the file", NULL);
    refused(in_folder("link.h5"), "/g/x", CW_BAD_DATA, "leaves the file", NULL);
    refused(in_folder("link.h5"), "/*", CW_BAD_DATA, "leaves the file", NULL);
    assert_int_equal(use(in_folder("link.h5"), "/y"), CW_OK); /* what is inside can be had */
}

static void soft_links_are_followed_but_not_in_circles(void **state) {
    (void)state;
    hid_t file = create_file(in_folder("soft.h5"));
    H5Dclose(put_list(file, "/a/b/x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 4, x, 0, 0));
    H5Lcreate_soft("/a/b", file, "good", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("round", file, "about", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/about", file, "round", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/self/x", file, "self", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nothing", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(use(in_folder("soft.h5"), "/good"), CW_OK);
    refused(in_folder("soft.h5"), "/round", CW_BAD_DATA, "circles", NULL);
    refused(in_folder("soft.h5"), "/self", CW_BAD_DATA, "circles", NULL);
    refused(in_folder("soft.h5"), "/dangling", CW_NO_INPUT, "nothing", NULL);
    refused(in_folder("soft.h5"), "/a/c", CW_NO_INPUT, "'c'", "/a");
}

static void groups_within_themselves_end(void **state) {
    (void)state;
    hid_t file = create_file(in_folder("loop.h5"));
    hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/g", group, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    H5Fclose(file);
    refused(in_folder("loop.h5"), NULL, CW_BAD_DATA, "give data.path", NULL);
}

static void data_in_other_files_are_refused(void **state) {
    (void)state;
    hsize_t n = 4;
    hid_t space = H5Screate_simple(1, &n, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    hid_t file = create_file(in_folder("external.h5"));
    H5Pset_external(plist, "/etc/passwd", 0, 32);
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(plist);
    refused(in_folder("external.h5"), NULL, CW_BAD_DATA, "external file", "h5repack");
    plist = H5Pcreate(H5P_DATASET_CREATE);
    file = create_file(in_folder("virtual.h5"));
    H5Pset_virtual(plist, space, "external.h5", "x", space);
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(plist);
    H5Sclose(space);
    refused(in_folder("virtual.h5"), NULL, CW_BAD_DATA, "virtual", "h5repack");
}

/* -- limits -- */

static void plugins_are_not_loaded(void **state) {
    (void)state;
    hsize_t n = 4;
    hid_t space = H5Screate_simple(1, &n, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    hid_t file = create_file(in_folder("plugin.h5"));
    H5Pset_chunk(plist, 1, &n);
    H5Pset_filter(plist, 32001, H5Z_FLAG_OPTIONAL, 0, NULL); /* blosc */
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(plist);
    H5Sclose(space);
    refused(in_folder("plugin.h5"), NULL, CW_BAD_DATA, "32001", "h5repack");
}

static void sizes_are_bounded_before_memory_is_taken(void **state) {
    (void)state;
    hsize_t huge = (hsize_t)1 << 60;
    hid_t space = H5Screate_simple(1, &huge, NULL);
    hid_t file = create_file(in_folder("huge.h5"));
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    refused(in_folder("huge.h5"), NULL, CW_BAD_DATA, "2^48", NULL);
    hsize_t dim[2] = {3, (hsize_t)1 << 40};
    space = H5Screate_simple(2, dim, NULL);
    file = create_file(in_folder("wide.h5"));
    H5Dclose(H5Dcreate2(file, "m", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    refused(in_folder("wide.h5"), NULL, CW_BAD_DATA, "without names", "attrs['names']");
    hsize_t unwritten = 1000;
    space = H5Screate_simple(1, &unwritten, NULL);
    file = create_file(in_folder("unwritten.h5"));
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    refused(in_folder("unwritten.h5"), NULL, CW_BAD_DATA, "ever written", NULL);
    file = create_file(in_folder("none.h5"));
    H5Fclose(file);
    refused(in_folder("none.h5"), NULL, CW_BAD_DATA, "no table", NULL);
    file = create_file(in_folder("lengths.h5"));
    put_reals(file, "a", 4, x);
    put_reals(file, "b", 3, x);
    H5Fclose(file);
    refused(in_folder("lengths.h5"), NULL, CW_BAD_DATA, "3 rows, where column a has 4", "lengths.h5");
    assert_true(env.bytes_peak < 64 << 20);
}

static void impossible_values_name_their_row(void **state) {
    (void)state;
    const uint64_t big[] = {1, UINT64_MAX};
    hid_t file = create_file(in_folder("u64.h5"));
    H5Dclose(put_list(file, "k", H5T_STD_U64LE, H5T_NATIVE_UINT64, 2, big, 0, 0));
    H5Fclose(file);
    refused(in_folder("u64.h5"), NULL, CW_BAD_DATA, "row 2", "2^63");
}

/* A table in no file: rows of none is a table too. */
static void no_rows_are_a_table(void **state) {
    (void)state;
    hid_t file = create_file(in_folder("zero.h5"));
    put_reals(file, "x", 0, x);
    H5Fclose(file);
    cw_env_clear(&env);
    assert_int_equal(use(in_folder("zero.h5"), NULL), CW_OK);
}

/* -- damage -- */

static char *slurp(const char *file, size_t *size) {
    FILE *in = fopen(file, "rb");
    char *data = malloc(1 << 20);
    *size = fread(data, 1, 1 << 20, in);
    fclose(in);
    return data;
}

static const char *const fixtures[] = {FIXTURE("h5py_group.h5"),   FIXTURE("h5py_compound.h5"),
                                       FIXTURE("h5py_lines.h5"),   FIXTURE("pandas_fixed.h5"),
                                       FIXTURE("pandas_table.h5"), FIXTURE("netcdf4_like.h5"),
                                       FIXTURE("anndata_like.h5")};
enum { FIXTURES = sizeof fixtures / sizeof *fixtures };

static void truncated_files_are_told(void **state) {
    (void)state;
    for (int k = 0; k < FIXTURES; k++) {
        size_t size;
        char *data = slurp(fixtures[k], &size);
        for (size_t cut = 1; cut < size; cut += cut < 100 ? 1 : size / 40) {
            put_bytes(in_folder("cut.h5"), data, cut);
            cw_env_clear(&env);
            assert_int_equal(use(in_folder("cut.h5"), NULL), CW_BAD_DATA);
            assert_true(env.error.what[0] && strstr(env.error.where, "cut.h5"));
            assert_int_equal(env.blocks_now, 0);
        }
        free(data);
    }
}

/* A file without texts of variable length: for these HDF5 before 1.14.4 trusts lengths and indices that it
 * finds in the file, which nobody above it can check. */
static void make_plain(const char *path) {
    enum { N = 500 };
    double real[N];
    int64_t integer[N];
    for (int i = 0; i < N; i++) real[i] = i * 0.25, integer[i] = i % 3;
    hid_t file = create_file(path), fixed = H5Tcopy(H5T_C_S1), pair = H5Tcreate(H5T_COMPOUND, 16);
    H5Tset_size(fixed, 4);
    H5Tinsert(pair, "r0", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(pair, "r1", 8, H5T_NATIVE_DOUBLE);
    H5Dclose(put_list(file, "g/real", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, real, 0, 0));
    H5Dclose(put_list(file, "g/chunked", H5T_IEEE_F32BE, H5T_NATIVE_DOUBLE, N, real, 64, 0));
    H5Dclose(put_list(file, "g/packed", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, real, 100, 6));
    H5Dclose(put_list(file, "g/integer", H5T_STD_I16LE, H5T_NATIVE_INT64, N, integer, 0, 0));
    H5Dclose(put_list(file, "g/text", fixed, fixed, N, real, 0, 0));
    H5Dclose(put_list(file, "pairs", pair, pair, N / 2, real, 0, 0));
    H5Tclose(pair);
    H5Tclose(fixed);
    H5Fclose(file);
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED)
/* HDF5 1.10 reads beyond its own buffers where a file is damaged, which only a sanitizer notices; such a
 * report is not ours. One whose place is in our code is. */
void __asan_set_error_report_callback(void (*callback)(const char *));
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}
static void judge(const char *report) {
    const char *frame = strstr(report, "#0 "), *next = frame ? strstr(frame, "#1 ") : NULL;
    const char *end = next ? strchr(next, '\n') : NULL, *library = next ? strstr(next, "libhdf5") : NULL;
    if (!library || !end || library > end) return;
    _exit(0);
}
static void watch_reports(void) {
    __asan_set_error_report_callback(judge);
}
#else
static void watch_reports(void) {}
#endif

/* Each is tried in a process of its own, which must not be killed. */
static int survives(const char *file, const char *path) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL), signal(SIGABRT, SIG_DFL), signal(SIGBUS, SIG_DFL);
        watch_reports();
        alarm(30);
        cw_env_clear(&env);
        cw_code code = use(file, path);
        int told = code == CW_OK || env.error.what[0];
        _exit(told && env.blocks_now == 0 && H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == 0 ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void flipped_bits_do_no_harm(void **state) {
    (void)state;
    enum { FLIPS = 100 };
    const char *const file[] = {in_folder("plain.h5"), FIXTURE("pandas_fixed.h5"),
                                FIXTURE("pandas_table.h5")};
    const char *const path[] = {"/g", NULL, NULL};
    uint64_t random = 88172645463325252u;
    int harmed = 0;
    make_plain(file[0]);
    assert_int_equal(use(file[0], "/g"), CW_OK);
    for (int k = 0; k < 3; k++) {
        size_t size;
        char *data = slurp(file[k], &size);
        for (int flip = 0; flip < FLIPS; flip++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            size_t at = (size_t)(random >> 3) % (flip % 2 ? size : size < 3000 ? size : 3000);
            char bit = (char)(1 << (random & 7));
            data[at] = (char)(data[at] ^ bit);
            put_bytes(in_folder("flip.h5"), data, size);
            data[at] = (char)(data[at] ^ bit);
            if (survives(in_folder("flip.h5"), path[k])) continue;
            harmed++;
            print_message("%s: byte %zu, bit %d\n", file[k], at, bit);
        }
        free(data);
    }
    assert_int_equal(harmed, 0);
}

/* -- memory -- */

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    for (int k = 0; k < FIXTURES; k++) {
        env.fail_at = 0;
        env.calls = 0;
        cw_env_clear(&env);
        cw_code code = use(fixtures[k], NULL);
        assert_true(code == CW_OK || code == CW_BAD_DATA); /* some hold a column that cannot be read */
        int64_t calls = env.calls;
        assert_true(calls > 10);
        for (int64_t at = 1; at <= calls; at++) {
            env.fail_at = at;
            env.calls = 0;
            cw_env_clear(&env);
            code = use(fixtures[k], NULL);
            assert_int_equal(env.blocks_now, 0);
            assert_int_equal(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
            if (code != CW_NO_MEMORY && code != CW_BAD_DATA)
                fail_msg("%s: allocation %d: %d", fixtures[k], (int)at, code);
        }
        env.fail_at = 0;
    }
    cw_env_clear(&env);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(foreign_formats_are_named_with_their_converter),
        TEST(csv_needs_import_and_hdf5_does_not),
        TEST(links_out_of_the_file_are_refused),
        TEST(soft_links_are_followed_but_not_in_circles),
        TEST(groups_within_themselves_end),
        TEST(data_in_other_files_are_refused),
        TEST(plugins_are_not_loaded),
        TEST(sizes_are_bounded_before_memory_is_taken),
        TEST(impossible_values_name_their_row),
        TEST(no_rows_are_a_table),
        TEST(truncated_files_are_told),
        TEST(flipped_bits_do_no_harm),
        TEST(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
