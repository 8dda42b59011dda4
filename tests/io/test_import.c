/* Imports to the end: what is written is read back through the table's reader and compared value by value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "io/import_inside.h"

static char folder[64];
static cw_env env;
static cw_context *context;

static char *report; /* of the last import */

static int start(void **state) {
    (void)state;
    strcpy(folder, "/tmp/cw_import_XXXXXX");
    cw_env_init(&env);
    return mkdtemp(folder) && cw_context_create(&env, MPI_COMM_WORLD, &context) == CW_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    char command[128];
    cw_free(&env, &report);
    cw_context_destroy(&context);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) || env.blocks_now != 0;
}

static const char *at(const char *name) {
    static char path[4][160];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int entries(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Imports one file into "t.h5". */
static cw_code import_one(const char *name, int32_t columns, const cw_column_spec *column, size_t piece) {
    char file[160];
    const char *files[] = {file};
    snprintf(file, sizeof file, "%s", at(name));
    cw_table_spec spec = {.files = 1, .file = files, .columns = columns, .column = column};
    cw_free(&env, &report);
    cw_env_clear(&env);
    return cw_import_pieces(context, &spec, at("t.h5"), piece, &report);
}

static void must(cw_code code) {
    char line[1024];
    if (code == CW_OK) return;
    cw_error_line(&env.error, line, sizeof line);
    fail_msg("%s", line);
}

/* What was imported: every column as a double and, where it can be one, as a key. */
enum { ROWS = 6000 };
typedef struct cw_seen {
    cw_table *table;
    double real[ROWS];
    int64_t key[ROWS];
    const cw_column *column;
} cw_seen;

static cw_table *scan(const char *name) {
    cw_table *table = NULL;
    const char *files[] = {at(name)};
    cw_table_spec spec = {.files = 1, .file = files};
    must(cw_table_scan(&env, &spec, &table));
    return table;
}

static void see(cw_table *table, const char *name, cw_seen *out) {
    int32_t c = cw_table_find(table, name, NULL);
    assert_int_not_equal(c, -1);
    out->table = table;
    out->column = &table->column[c];
    int integer = out->column->kind != CW_REAL;
    cw_reader *reader = NULL;
    must(cw_reader_open(&env, table, 1, &c, integer, &c, &reader));
    cw_source source = cw_reader_source(reader);
    for (int64_t row = 0; row < table->rows; row += CW_BLOCK_ROWS) {
        cw_block block;
        int32_t rows = (int32_t)(table->rows - row < CW_BLOCK_ROWS ? table->rows - row : CW_BLOCK_ROWS);
        assert_true(row + rows <= ROWS);
        must(source.read(&env, source.self, row, rows, &block));
        memcpy(out->real + row, block.real[0], (size_t)rows * sizeof(double));
        if (integer) memcpy(out->key + row, block.key[0], (size_t)rows * sizeof(int64_t));
    }
    cw_reader_close(&reader);
}

static cw_seen seen;

static void is(cw_table *table, const char *name, cw_kind kind, cw_storage storage) {
    see(table, name, &seen);
    if (seen.column->kind != kind || seen.column->storage != storage)
        fail_msg("%s has kind %d and storage %d", name, seen.column->kind, seen.column->storage);
}

static void keys_are(int count, const int64_t *expected) {
    for (int i = 0; i < count; i++)
        if (seen.key[i] != expected[i])
            fail_msg("row %d of %s: %lld, not %lld", i + 1, seen.column->name, (long long)seen.key[i],
                     (long long)expected[i]);
}

#define KEYS(...)                                                                                            \
    keys_are((int)(sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
#define MISSING CW_KEY_MISSING

static void types_are_inferred_over_all_rows(void **unused) {
    (void)unused;
    put("types.csv",
        "int,bin,wide,big,real,truth,day,instant,milli,zone,text,none,mixed,min\n"
        "1,0,300,9223372036854775807,1.5,TRUE,2024-02-29,2024-01-01T00:00:01,1970-01-01 00:00:00.5,"
        "2000-01-01T00:00:00+01:00,zeta,,1,-128\n"
        "-127,1,-32768,-9223372036854775807,-0.0,false,1969-12-31,NA,NULL,2000-01-01T00:00:00Z,"
        "\"alpha, b\",NA,x,127\n"
        ",1,70000,NaN,1e-320,.,.,1970-01-01T00:00:00,1969-12-31T23:59:59.999,2000-01-01,zeta,null,2,0\n"
        "127,0,0,0,3,True,1900-03-01,2038-01-19T03:14:08,1970-01-02,1999-12-31T23:30:00-00:30,"
        " NA , nan ,2,5\n");
    must(import_one("types.csv", 0, NULL, 16));
    must(cw_canonical_verify(&env, at("t.h5")));
    cw_table *table = scan("t.h5");
    assert_int_equal(table->rows, 4);
    assert_int_equal(table->columns, 14);
    is(table, "int", CW_INTEGER, CW_S_I8);
    KEYS(1, -127, MISSING, 127);
    is(table, "min", CW_INTEGER, CW_S_I8); /* -128 is a value where nothing is missing */
    KEYS(-128, 127, 0, 5);
    is(table, "bin", CW_BINARY, CW_S_I8);
    KEYS(0, 1, 1, 0);
    is(table, "wide", CW_INTEGER, CW_S_I32);
    KEYS(300, -32768, 70000, 0);
    is(table, "big", CW_INTEGER, CW_S_I64);
    KEYS(INT64_MAX, -INT64_MAX, MISSING, 0);
    is(table, "real", CW_REAL, CW_S_F64);
    assert_true(seen.real[0] == 1.5 && signbit(seen.real[1]) && seen.real[2] == 1e-320 && seen.real[3] == 3);
    is(table, "truth", CW_BINARY, CW_S_I8);
    KEYS(1, 0, MISSING, 1);
    is(table, "day", CW_TIME, CW_S_I16);
    assert_string_equal(seen.column->unit, "days since 1970-01-01");
    KEYS(19782, -1, MISSING, -25508);
    is(table, "instant", CW_TIME, CW_S_I64);
    assert_string_equal(seen.column->unit, "seconds since 1970-01-01T00:00:00Z");
    KEYS(1704067201, MISSING, 0, 2147483648);
    is(table, "milli", CW_TIME, CW_S_I64);
    KEYS(500, MISSING, -1, 86400000);
    is(table, "zone", CW_TIME, CW_S_I32);
    KEYS(946681200, 946684800, 946684800, 946684800);
    is(table, "text", CW_CATEGORY, CW_S_U8);
    assert_int_equal(seen.column->categories, 2);
    assert_string_equal(seen.column->category[0], "alpha, b");
    assert_string_equal(seen.column->category[1], "zeta");
    KEYS(1, 0, 1, MISSING);
    is(table, "none", CW_REAL, CW_S_F64);
    assert_true(isnan(seen.real[0]) && isnan(seen.real[3]));
    is(table, "mixed", CW_CATEGORY, CW_S_U8); /* digits before letters */
    KEYS(0, 2, 1, 1);
    cw_table_destroy(&table);
    assert_non_null(strstr(report, "4 rows, 14 columns, delimiter comma"));
    assert_non_null(strstr(report, "because of \"1.5\" at line 2"));
    assert_non_null(strstr(report, "because of \"x\" at line 3"));
}

static void integers_beyond_63_bits_are_real(void **unused) {
    (void)unused;
    put("big.csv", "a,b,c\n9223372036854775808,-9223372036854775808,12345678901234567\n1,2,0.1\n");
    must(import_one("big.csv", 0, NULL, 7));
    cw_table *table = scan("t.h5");
    is(table, "a", CW_REAL, CW_S_F64);
    assert_true(seen.real[0] == 0x1p63 && seen.real[1] == 1);
    is(table, "b", CW_REAL, CW_S_F64);
    assert_true(seen.real[0] == -0x1p63);
    is(table, "c", CW_REAL, CW_S_F64);
    assert_true(seen.real[0] == 12345678901234567.0 && seen.real[1] == 0.1);
    cw_table_destroy(&table);
}

static void what_the_user_says_wins(void **unused) {
    (void)unused;
    double nines[] = {-9, 99.5};
    cw_column_spec column[] = {{.name = "a",
                                .kind = CW_REAL,
                                .description = "an age",
                                .unit = "years",
                                .missings = 2,
                                .missing = nines},
                               {.name = "b", .kind = CW_CATEGORY, .missings = 1, .missing = nines},
                               {.name = "c", .kind = CW_INTEGER},
                               {.name = "d", .kind = CW_BINARY},
                               {.name = "e", .kind = -1, .missings = 2, .missing = nines},
                               {.name = "f", .kind = CW_TIME},
                               {.name = "g", .kind = CW_TEXT}};
    put("spec.csv", "a,b,c,d,e,f,g\n1,10,1.0,true,-9,2001,7\n-9,9,2,0,5,2002,8\n99.5,-9,-3e0,1,99.5,,7\n");
    must(import_one("spec.csv", 7, column, 16));
    cw_table *table = scan("t.h5");
    is(table, "a", CW_REAL, CW_S_F64);
    assert_string_equal(seen.column->description, "an age");
    assert_string_equal(seen.column->unit, "years");
    assert_true(seen.real[0] == 1 && isnan(seen.real[1]) && isnan(seen.real[2]));
    is(table, "b", CW_CATEGORY, CW_S_U8);
    KEYS(0, 1, MISSING); /* "10" < "9" */
    is(table, "c", CW_INTEGER, CW_S_I8);
    KEYS(1, 2, -3);
    is(table, "d", CW_BINARY, CW_S_I8);
    KEYS(1, 0, 1);
    is(table, "e", CW_INTEGER, CW_S_I8);
    KEYS(MISSING, 5, MISSING);
    is(table, "f", CW_TIME, CW_S_I16);
    KEYS(2001, 2002, MISSING);
    is(table, "g", CW_TEXT, CW_S_U8);
    KEYS(0, 1, 0);
    cw_table_destroy(&table);
    static const struct {
        cw_kind kind;
        const char *text, *what;
    } wrong[] = {{CW_REAL, "x\n1\n2.5\nabc\n", "\"abc\" is not a number"},
                 {CW_INTEGER, "x\n1\n2\n2.5\n", "\"2.5\" is not a whole number below 2^63"},
                 {CW_BINARY, "x\n1\n0\n2\n", "\"2\" is not 0 or 1 (or true or false)"},
                 {CW_TIME, "x\n1\n2\n2001-02-29\n", "\"2001-02-29\" is not a time"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cw_column_spec one = {.name = "x", .kind = (int)wrong[i].kind};
        put("wrong.csv", wrong[i].text);
        assert_int_equal(import_one("wrong.csv", 1, &one, 16), CW_BAD_DATA);
        assert_non_null(strstr(env.error.what, wrong[i].what));
        assert_non_null(strstr(env.error.where, "wrong.csv line 4, column x"));
    }
    cw_column_spec mixed = {.name = "x", .kind = CW_TIME};
    put("wrong.csv", "x\n\n2001\n2002\n2003-01-01\n");
    assert_int_equal(import_one("wrong.csv", 1, &mixed, 16), CW_BAD_DATA);
    assert_string_equal(env.error.what, "numbers (row 1) and dates (row 3) as times");
    cw_column_spec other = {.name = "y", .kind = -1};
    assert_int_equal(import_one("wrong.csv", 1, &other, 16), CW_BAD_JOB);
    cw_env_clear(&env);
}

static void same_file(const char *a, const char *b) {
    char command[400];
    snprintf(command, sizeof command, "cmp '%s' '%s'", at(a), at(b));
    assert_int_equal(system(command), 0);
}

static void move(const char *from, const char *to) {
    assert_int_equal(rename(at(from), at(to)), 0);
}

/* Surprises that no sample shows: the types are those of all rows, and the bytes those of any piece size. */
static void late_surprises(void **unused) {
    (void)unused;
    FILE *file = fopen(at("late.csv"), "wb");
    assert_non_null(file);
    fputs("int,real,label,labels\n", file);
    for (int i = 0; i < 5000; i++)
        fprintf(file, "%d,%d%s,%s,L%d\n", i == 3456 ? 1000000 : i % 100, i, i == 4321 ? ".25" : "",
                i == 3333 ? "odd" : "7", i % 400);
    fclose(file);
    must(import_one("late.csv", 0, NULL, 1 << 18));
    assert_non_null(strstr(report, "because of \"4321.25\" at line 4323"));
    assert_non_null(strstr(report, "because of \"odd\" at line 3335"));
    cw_table *table = scan("t.h5");
    is(table, "int", CW_INTEGER, CW_S_I32);
    for (int i = 0; i < 5000; i++) assert_int_equal(seen.key[i], i == 3456 ? 1000000 : i % 100);
    is(table, "real", CW_REAL, CW_S_F64);
    for (int i = 0; i < 5000; i++) assert_true(seen.real[i] == (i == 4321 ? 4321.25 : i));
    is(table, "label", CW_CATEGORY, CW_S_U8);
    for (int i = 0; i < 5000; i++) assert_int_equal(seen.key[i], i == 3333);
    is(table, "labels", CW_CATEGORY, CW_S_U16);
    assert_int_equal(seen.column->categories, 400);
    for (int i = 0; i < 5000; i++) {
        char label[8];
        snprintf(label, sizeof label, "L%d", i % 400);
        assert_string_equal(seen.column->category[seen.key[i]], label);
    }
    cw_table_destroy(&table);
    move("t.h5", "first.h5");
    must(import_one("late.csv", 0, NULL, 97));
    same_file("t.h5", "first.h5");
}

static void dialects_are_equal(void **unused) {
    (void)unused;
    put("lf.csv", "a,b\n1,x\n2,\"y\nz\"\n3,5\" pipe\n");
    must(import_one("lf.csv", 0, NULL, 16));
    move("t.h5", "first.h5");
    static const char *const same[] = {("\xEF\xBB\xBF"
                                        "a,b\r\n1,x\r\n2,\"y\nz\"\r\n3,5\" pipe\r\n"),
                                       "\"a\";\"b\"\n\"1\";\"x\"\n2;\"y\nz\"\n\n3;\"5\"\" pipe\"",
                                       "a\tb\n1\tx\n 2 \t\"y\nz\"\n+3\t5\" pipe\n",
                                       "\n\na|b\n01|x\n2|\"y\nz\"\n3|5\" pipe\n\n\n"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        put("same.csv", same[i]);
        must(import_one("same.csv", 0, NULL, 16));
        same_file("t.h5", "first.h5");
    }
    assert_non_null(strstr(report, "2 empty lines passed over"));
}

static void small_tables(void **unused) {
    (void)unused;
    put("header.csv", "a,b");
    must(import_one("header.csv", 0, NULL, 16));
    must(cw_canonical_verify(&env, at("t.h5")));
    cw_table *table = scan("t.h5");
    assert_int_equal(table->rows, 0);
    assert_int_equal(table->columns, 2);
    cw_table_destroy(&table);
    put("one.csv", "only\n5\n\n\"\"\n7");
    must(import_one("one.csv", 0, NULL, 16));
    table = scan("t.h5");
    assert_int_equal(table->rows, 3); /* an empty line is none, an empty quoted field is missing */
    is(table, "only", CW_INTEGER, CW_S_I8);
    KEYS(5, MISSING, 7);
    cw_table_destroy(&table);
    put("names.csv", "a/b,.,c.d,\"e,f\"\n1,2,3,4\n");
    must(import_one("names.csv", 0, NULL, 16));
    must(cw_canonical_verify(&env, at("t.h5")));
    table = scan("t.h5");
    static const char *const names[] = {"a/b", ".", "c.d", "e,f"};
    for (int c = 0; c < 4; c++) {
        assert_string_equal(table->column[c].name, names[c]);
        see(table, names[c], &seen);
        KEYS(c + 1);
    }
    cw_table_destroy(&table);
}

static void put_gz(const char *name, const char *text, const char *mode) {
    gzFile file = gzopen(at(name), mode);
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

static void gz_of_several_members(void **unused) {
    (void)unused;
    put("plain.csv", "a,b\n1,x\n2,\"y\nz\"\n3,w\n");
    must(import_one("plain.csv", 0, NULL, 16));
    move("t.h5", "first.h5");
    put_gz("x.csv.gz", "a,b\n1,x\n2,\"y", "wb");
    put_gz("x.csv.gz", "\nz\"\n3,", "ab");
    put_gz("x.csv.gz", "w\n", "ab");
    must(import_one("x.csv.gz", 0, NULL, 16));
    same_file("t.h5", "first.h5");
    struct stat status;
    assert_int_equal(stat(at("x.csv.gz"), &status), 0);
    assert_int_equal(truncate(at("x.csv.gz"), status.st_size - 9), 0);
    assert_int_equal(import_one("x.csv.gz", 0, NULL, 16), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "damaged .gz"));
    cw_env_clear(&env);
}

static cw_code import_glob(const char *pattern, const char *part_id) {
    char file[160];
    const char *files[] = {file};
    snprintf(file, sizeof file, "%s", at(pattern));
    cw_table_spec spec = {.files = 1, .file = files, .part_id = part_id};
    cw_free(&env, &report);
    return cw_import(context, &spec, at("t.h5"), &report);
}

static void many_files_are_one_table(void **unused) {
    (void)unused;
    put("m_1.csv", "a,b\n1,x\n2,y\n");
    put("m_2.csv", "b;a\nz;3\n"); /* its own delimiter and order */
    put("m_3.csv", "a,b\n");
    put_gz("m_4.csv.gz", "a,b\n4,x", "wb");
    must(import_glob("m_*", "member"));
    cw_table *table = scan("t.h5");
    assert_int_equal(table->rows, 4);
    is(table, "a", CW_INTEGER, CW_S_I8);
    KEYS(1, 2, 3, 4);
    is(table, "b", CW_CATEGORY, CW_S_U8);
    KEYS(0, 1, 2, 0);
    is(table, "member", CW_CATEGORY, CW_S_U8);
    assert_int_equal(seen.column->categories, 4);
    assert_string_equal(seen.column->category[3], "m_4");
    KEYS(0, 0, 1, 3);
    cw_table_destroy(&table);
    assert_int_equal(import_glob("m_*", "a"), CW_BAD_JOB);
    cw_env_clear(&env);
    put("m_5.csv", "a,c\n1,x\n");
    assert_int_equal(import_glob("m_*", NULL), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "m_1.csv lacks the column c"));
    cw_env_clear(&env);
    put("m_5.csv", "a\n1\n");
    assert_int_equal(import_glob("m_*", NULL), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "lacks the column b"));
    cw_env_clear(&env);
}

static void a_manifest_is_held_to_its_rows(void **unused) {
    (void)unused;
    put("p1.csv", "a\n1\n2\n");
    put("p2.csv", "a\n3\n");
    put("list.txt", "file,rows\np2.csv,1\np1.csv,2\n");
    char manifest[160];
    snprintf(manifest, sizeof manifest, "%s", at("list.txt"));
    cw_table_spec spec = {.manifest = manifest};
    must(cw_import(context, &spec, at("t.h5"), NULL));
    cw_table *table = scan("t.h5");
    is(table, "a", CW_INTEGER, CW_S_I8);
    KEYS(3, 1, 2);
    cw_table_destroy(&table);
    put("list.txt", "file,rows\np2.csv,1\np1.csv,3\n");
    assert_int_equal(cw_import(context, &spec, at("t.h5"), NULL), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "2 rows where the manifest"));
    cw_env_clear(&env);
}

/* A canonical table imported again is itself, byte for byte. */
static void hdf5_is_copied(void **unused) {
    (void)unused;
    put("types.csv", "int,real,truth,day,text,none,long\n1,1.5,TRUE,2024-02-29,b,,5000000000\n"
                     ",NA,false,,a,,1\n7,2.5,,1999-01-01,b,,2\n");
    must(import_one("types.csv", 0, NULL, 64));
    move("t.h5", "first.h5");
    char file[160];
    const char *files[] = {file};
    snprintf(file, sizeof file, "%s", at("first.h5"));
    cw_table_spec spec = {.files = 1, .file = files};
    must(cw_import(context, &spec, at("t.h5"), NULL));
    must(cw_canonical_verify(&env, at("t.h5")));
    same_file("t.h5", "first.h5");
}

static void damage_is_found(void **unused) {
    (void)unused;
    put("d.csv", "a,b\n258,x\n772,y\n");
    must(import_one("d.csv", 0, NULL, 64));
    must(cw_canonical_verify(&env, at("t.h5")));
    FILE *file = fopen(at("t.h5"), "r+b");
    assert_non_null(file);
    static unsigned char data[1 << 16];
    size_t size = fread(data, 1, sizeof data, file), found = 0;
    for (size_t i = 0; i + 4 <= size; i++)
        if (!memcmp(data + i, "\x02\x01\x04\x03", 4)) found = i;
    assert_true(found > 0);
    fseek(file, (long)found, SEEK_SET);
    fputc(3, file);
    fclose(file);
    assert_int_equal(cw_canonical_verify(&env, at("t.h5")), CW_BAD_DATA);
    assert_string_equal(env.error.what, "the column a is damaged in rows 1 to 2");
    cw_env_clear(&env);
    put("d.csv", "no table");
    assert_int_not_equal(cw_canonical_verify(&env, at("d.csv")), CW_OK);
    cw_env_clear(&env);
}

static void nothing_half_written_stays(void **unused) {
    (void)unused;
    char file[160], target[200];
    const char *files[] = {file};
    snprintf(file, sizeof file, "%s", at("w.csv"));
    cw_table_spec spec = {.files = 1, .file = files};
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    fputs("a,b\n", out);
    for (int i = 0; i < 40000; i++) fprintf(out, "%d.5,%d\n", i, i);
    fclose(out);
    assert_int_equal(cw_import(context, &spec, "/nonexistent/t.h5", NULL), CW_CANNOT_WRITE);
    assert_non_null(strstr(env.error.where, "/nonexistent/t.h5"));
    cw_env_clear(&env);
    snprintf(target, sizeof target, "%s/room", folder);
    assert_int_equal(mkdir(target, 0700), 0);
    /* The file may not grow beyond 64 KiB: what a full disk looks like. */
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1 << 16;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    snprintf(target, sizeof target, "%s/room/t.h5", folder);
    cw_code code = cw_import(context, &spec, target, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, CW_CANNOT_WRITE);
    cw_env_clear(&env);
    snprintf(target, sizeof target, "%s/room", folder);
    assert_int_equal(entries(target), 0);
    put("w.csv", "a,b\n1,2\n3\n");
    snprintf(target, sizeof target, "%s/room/t.h5", folder);
    assert_int_equal(cw_import(context, &spec, target, NULL), CW_BAD_DATA);
    assert_non_null(strstr(env.error.where, "w.csv line 3"));
    cw_env_clear(&env);
    snprintf(target, sizeof target, "%s/room", folder);
    assert_int_equal(entries(target), 0);
}

static void foreign_formats_are_named(void **unused) {
    (void)unused;
    put("x.parquet", "PAR1 and so on");
    assert_int_equal(import_glob("x.parquet", NULL), CW_BAD_DATA);
    assert_non_null(strstr(env.error.what, "Parquet"));
    cw_env_clear(&env);
    assert_int_equal(import_glob("not-there.csv", NULL), CW_NO_INPUT);
    cw_env_clear(&env);
}

static void a_cached_import_is_made_once(void **unused) {
    (void)unused;
    char file[160], cache[160], *first = NULL, *second = NULL, *text = NULL;
    const char *files[] = {file};
    cw_column_spec column = {.name = "a", .kind = CW_REAL};
    snprintf(file, sizeof file, "%s", at("c.csv"));
    snprintf(cache, sizeof cache, "%s", at("cache"));
    cw_table_spec spec = {.files = 1, .file = files};
    put("c.csv", "a\n1\n");
    must(cw_import_cached(context, &spec, cache, &first, &text));
    assert_non_null(text);
    cw_free(&env, &text);
    must(cw_import_cached(context, &spec, cache, &second, &text));
    assert_null(text);
    assert_string_equal(first, second);
    cw_free(&env, &second);
    spec.columns = 1; /* the user says more */
    spec.column = &column;
    must(cw_import_cached(context, &spec, cache, &second, NULL));
    assert_string_not_equal(first, second);
    cw_free(&env, &second);
    spec.columns = 0;
    put("c.csv", "a\n2\n"); /* other contents of the same length */
    must(cw_import_cached(context, &spec, cache, &second, NULL));
    assert_string_not_equal(first, second);
    assert_int_equal(entries(cache), 3);
    /* A file of that name that is no table is made again. */
    FILE *broken = fopen(second, "wb");
    assert_non_null(broken);
    fclose(broken);
    cw_free(&env, &first);
    must(cw_import_cached(context, &spec, cache, &first, &text));
    assert_string_equal(first, second);
    assert_non_null(text);
    must(cw_canonical_verify(&env, first));
    cw_free(&env, &text);
    cw_free(&env, &first);
    cw_free(&env, &second);
}

/* The environment of the context fails at every allocation in turn. */
static void every_allocation_may_fail(void **unused) {
    (void)unused;
    char pattern[160], target[200];
    const char *files[] = {pattern};
    snprintf(target, sizeof target, "%s/inject", folder);
    assert_int_equal(mkdir(target, 0700), 0);
    put("i_1.csv", "a,b,c\n1,x,2020-01-01\n2.5,\"y\"\"\",NA\n");
    put("i_2.csv", "b,a,c\nz,3,2020-01-02\n");
    put_gz("i_3.csv.gz", "a,b,c\n4,x,", "wb");
    snprintf(pattern, sizeof pattern, "%s", at("i_*"));
    cw_table_spec spec = {.files = 1, .file = files, .part_id = "part"};
    int64_t blocks = env.blocks_now, fails = 0;
    cw_free(&env, &report);
    blocks = env.blocks_now;
    for (int64_t n = 1;; n++) {
        char *text = NULL;
        snprintf(target, sizeof target, "%s/inject/t.h5", folder);
        env.fail_at = env.calls + n;
        cw_code code = cw_import_pieces(context, &spec, target, 16, &text);
        env.fail_at = 0;
        cw_free(&env, &text);
        assert_int_equal(env.blocks_now, blocks);
        cw_env_clear(&env);
        if (code == CW_OK) break;
        assert_int_equal(code, CW_NO_MEMORY);
        fails++;
        snprintf(target, sizeof target, "%s/inject", folder);
        assert_int_equal(entries(target), 0);
    }
    assert_in_range(fails, 60, 2000);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_inferred_over_all_rows),
        cmocka_unit_test(integers_beyond_63_bits_are_real),
        cmocka_unit_test(what_the_user_says_wins),
        cmocka_unit_test(late_surprises),
        cmocka_unit_test(dialects_are_equal),
        cmocka_unit_test(small_tables),
        cmocka_unit_test(gz_of_several_members),
        cmocka_unit_test(many_files_are_one_table),
        cmocka_unit_test(a_manifest_is_held_to_its_rows),
        cmocka_unit_test(hdf5_is_copied),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(nothing_half_written_stays),
        cmocka_unit_test(foreign_formats_are_named),
        cmocka_unit_test(a_cached_import_is_made_once),
        cmocka_unit_test(every_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, start, stop);
    MPI_Finalize();
    return failed;
}
