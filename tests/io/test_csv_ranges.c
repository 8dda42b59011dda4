/* A file cut anywhere reads like the file: the scan of every range against a reading byte by byte, and the
 * records of both sides of every cut against those of the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/csv_parse.h"
#include "src/base/random.h"

static char path[64];

static int make_file(void **state) {
    (void)state;
    strcpy(path, "/tmp/cw_csv_XXXXXX");
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void put(const char *text, size_t length) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* The rules once more, a byte at a time. */
static void reference(const char *text, int64_t begin, int64_t end, int64_t size, char delimiter,
                      cw_csv_state state, cw_csv_scan *out, int s) {
    char before = text[begin - 1];
    out->records[s] = out->blank[s] = out->lines = 0;
    for (int64_t i = begin; i < end; i++) {
        char c = text[i];
        if (state == CW_CSV_QUOTE && c != '"') state = CW_CSV_OUT;
        if (state == CW_CSV_OUT && before == '\n') {
            int empty = c == '\n' || (c == '\r' && (i + 1 == size || text[i + 1] == '\n'));
            out->blank[s] += empty;
            out->records[s] += !empty;
        }
        if (state == CW_CSV_QUOTE)
            state = CW_CSV_IN;
        else if (state == CW_CSV_IN)
            state = c == '"' ? CW_CSV_QUOTE : CW_CSV_IN;
        else if (c == '"' && (before == delimiter || before == '\n'))
            state = CW_CSV_IN;
        out->lines += c == '\n';
        before = c;
    }
    out->end[s] = state;
}

static size_t random_text(uint64_t seed, char *text, size_t room, const char *const *pieces, int count) {
    size_t length = (size_t)snprintf(text, room, "a,b\n");
    for (uint64_t i = 0; length + 16 < room && i < 14 + seed % 9; i++) {
        const char *piece = pieces[cw_mix64(seed * 1000 + i) % (uint64_t)count];
        memcpy(text + length, piece, strlen(piece));
        length += strlen(piece);
    }
    return length;
}

static const char *const garbage[] = {"\"", "\"",   ",",   "\n",   "\r\n", "x",
                                      "\r", "\"\"", ",\"", "\"\n", "\n\n", "yz"};

static void every_range_scans_like_a_byte_by_byte_reading(void **unused) {
    (void)unused;
    cw_env env;
    cw_env_init(&env);
    for (uint64_t seed = 1; seed < 40; seed++) {
        char text[256];
        int64_t size = (int64_t)random_text(seed, text, sizeof text, garbage, 12);
        put(text, (size_t)size);
        cw_csv_file file = {.name = path, .delimiter = ',', .size = size, .body = 4, .line = 2, .columns = 2};
        for (int64_t begin = 4; begin <= size; begin++)
            for (int64_t end = begin; end <= size; end += 1 + (int64_t)(seed % 3)) {
                cw_csv_scan mine, theirs = {0};
                size_t piece = 1 + (size_t)(seed + (uint64_t)end) % 7;
                assert_int_equal(cw_csv_scan_range(&env, &file, begin, end, piece, &mine), CW_OK);
                for (int s = 0; s < (begin == 4 ? 1 : 3); s++) {
                    /* A quote that was met in quotes is the byte before. */
                    if (s == CW_CSV_QUOTE && text[begin - 1] != '"') continue;
                    reference(text, begin, end, size, ',', (cw_csv_state)s, &theirs, s);
                    assert_int_equal(mine.end[s], theirs.end[s]);
                    assert_int_equal(mine.records[s], theirs.records[s]);
                    assert_int_equal(mine.blank[s], theirs.blank[s]);
                    assert_int_equal(mine.lines, theirs.lines);
                }
            }
    }
    assert_int_equal(env.blocks_now, 0);
}

enum { COLUMNS = 2, ROWS = 512 };

typedef struct cw_read {
    cw_lane lane[COLUMNS], *order[COLUMNS];
    cw_notes notes[COLUMNS];
    cw_labels labels[COLUMNS];
    int64_t value[COLUMNS][4];
    int64_t got[COLUMNS][ROWS], rows;
} cw_read;

static cw_code keep(void *self, int64_t row, int32_t rows) {
    cw_read *read = self;
    for (int c = 0; c < COLUMNS; c++)
        for (int32_t i = 0; i < rows; i++) read->got[c][row + i] = read->value[c][i];
    read->rows = row + rows;
    return CW_OK;
}

static void start(cw_env *env, cw_read *read) {
    static const char *const names[] = {"a", "b"};
    memset(read, 0, sizeof *read);
    for (int c = 0; c < COLUMNS; c++) {
        cw_labels_init(&read->labels[c], env);
        cw_notes_clear(&read->notes[c]);
        read->lane[c] = (cw_lane){.kind = CW_LANE_LABEL, .name = names[c], .forced = -1, .absent = INT64_MIN};
        read->lane[c].notes = &read->notes[c];
        read->lane[c].labels = &read->labels[c];
        read->lane[c].value = read->value[c];
        read->order[c] = &read->lane[c];
    }
}

static void stop(cw_read *read) {
    for (int c = 0; c < COLUMNS; c++) cw_labels_free(&read->labels[c]);
}

static cw_code read_part(cw_env *env, cw_read *read, const cw_csv_file *file, int64_t begin, int64_t end,
                         cw_csv_state state, int64_t line, int64_t row, size_t piece) {
    cw_parse parse = {.env = env,
                      .file = file,
                      .lane = read->order,
                      .piece = piece,
                      .begin = begin,
                      .end = end,
                      .state = state,
                      .line = line,
                      .row = row,
                      .batch = 3,
                      .flush = keep,
                      .self = read};
    return cw_csv_parse(&parse);
}

static const char *const fields[] = {
    "1",          "-2.5",     "\"q\"",  "\"two\nlines\"", "\"say \"\"hi\"\"\"", "5\" pipe",
    "",           "\"\"",     "NA",     "\"comma, in\"",  "\"cr\r\nin\"",       "\xc3\xa9",
    "\"\n\n\n\"", "\"\"\"\"", "x\"y\"z"};

static size_t well_formed(uint64_t seed, char *text, size_t room) {
    size_t length = (size_t)snprintf(text, room, "a,b\n");
    for (uint64_t i = 0; i < 9; i++) {
        const char *a = fields[cw_mix64(seed * 77 + 2 * i) % 15],
                   *b = fields[cw_mix64(seed * 77 + 2 * i + 1) % 15];
        const char *stops[] = {"\n", "\r\n", "\n\n", "\r\n\r\n"};
        length +=
            (size_t)snprintf(text + length, room - length, "%s,%s%s", a, b, stops[cw_mix64(seed + i) % 4]);
    }
    if (seed % 2) length--; /* without the last line feed */
    return length;
}

/* Cuts the body in two at `cut`, as two ranks would: the scan of the first part gives the second its state.
 */
static cw_code read_cut(cw_env *env, cw_read *read, const cw_csv_file *file, int64_t cut, size_t piece) {
    cw_csv_scan scan;
    CW_TRY(cw_csv_scan_range(env, file, file->body, cut, piece, &scan));
    CW_TRY(read_part(env, read, file, file->body, cut, CW_CSV_OUT, file->line, 0, piece));
    assert_int_equal(read->rows, scan.records[0]);
    return read_part(env, read, file, cut, file->size, scan.end[0], file->line + scan.lines, scan.records[0],
                     piece);
}

static void both_sides_of_every_cut_are_the_whole(void **unused) {
    (void)unused;
    cw_env env;
    cw_env_init(&env);
    for (uint64_t seed = 1; seed < 60; seed++) {
        char text[1024];
        size_t size = well_formed(seed, text, sizeof text);
        cw_csv_file file;
        cw_read whole, parts;
        put(text, size);
        assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
        start(&env, &whole);
        assert_int_equal(read_part(&env, &whole, &file, file.body, -1, CW_CSV_OUT, file.line, 0, 1 << 16),
                         CW_OK);
        assert_int_equal(whole.rows, 9);
        for (int64_t cut = file.body; cut <= (int64_t)size; cut++) {
            start(&env, &parts);
            assert_int_equal(read_cut(&env, &parts, &file, cut, 1 + (size_t)(seed * 31 + (uint64_t)cut) % 23),
                             CW_OK);
            assert_int_equal(parts.rows, whole.rows);
            assert_memory_equal(parts.got, whole.got, sizeof whole.got);
            for (int c = 0; c < COLUMNS; c++) {
                assert_int_equal(parts.labels[c].length, whole.labels[c].length);
                assert_memory_equal(parts.labels[c].text, whole.labels[c].text, whole.labels[c].length);
                assert_memory_equal(&parts.notes[c], &whole.notes[c], sizeof whole.notes[c]);
            }
            stop(&parts);
        }
        stop(&whole);
        cw_csv_close(&env, &file);
    }
    assert_int_equal(env.blocks_now, 0);
}

/* What is wrong is wrong at the same line with the same words, wherever the file is cut. */
static void errors_do_not_depend_on_cuts(void **unused) {
    (void)unused;
    cw_env env;
    cw_env_init(&env);
    int wrong = 0;
    for (uint64_t seed = 1; seed < 200; seed++) {
        char text[256];
        size_t size = random_text(seed, text, sizeof text, garbage, 12);
        put(text, size);
        cw_csv_file file;
        assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
        cw_read whole, parts;
        start(&env, &whole);
        cw_code code = read_part(&env, &whole, &file, file.body, -1, CW_CSV_OUT, file.line, 0, 1 << 16);
        cw_error error = env.error;
        cw_env_clear(&env);
        wrong += code != CW_OK;
        for (int64_t cut = file.body; cut <= (int64_t)size; cut += 3) {
            start(&env, &parts);
            cw_code again = read_cut(&env, &parts, &file, cut, 1 + (size_t)(seed + (uint64_t)cut) % 9);
            assert_int_equal(again, code);
            assert_string_equal(env.error.what, error.what);
            assert_string_equal(env.error.where, error.where);
            cw_env_clear(&env);
            stop(&parts);
        }
        stop(&whole);
        cw_csv_close(&env, &file);
    }
    assert_in_range(wrong, 100, 198);
    assert_int_equal(env.blocks_now, 0);
}

static void one_text(const char *text, cw_code expected, const char *what, const char *where) {
    cw_env env;
    cw_env_init(&env);
    put(text, strlen(text));
    cw_csv_file file;
    char place[128];
    cw_code code = cw_csv_open(&env, path, &file);
    if (code == CW_OK) {
        cw_read read;
        start(&env, &read);
        if (file.columns == COLUMNS)
            code = read_part(&env, &read, &file, file.body, -1, CW_CSV_OUT, file.line, 0, 16);
        stop(&read);
        cw_csv_close(&env, &file);
    }
    assert_int_equal(code, expected);
    if (what) assert_non_null(strstr(env.error.what, what));
    snprintf(place, sizeof place, "%s%s", path, where ? where : "");
    if (where) assert_string_equal(env.error.where, place);
    assert_int_equal(env.blocks_now, 0);
}

static void malformed_files_are_named_by_line(void **unused) {
    (void)unused;
    one_text("", CW_BAD_DATA, "no header", "");
    one_text("\n\r\n\n", CW_BAD_DATA, "no header", "");
    one_text("a,b", CW_OK, NULL, NULL);
    one_text("\xEF\xBB\xBF\n\na,b\r\n1,2", CW_OK, NULL, NULL);
    one_text("a,\n1,2\n", CW_BAD_DATA, "column 2 has no name", "");
    one_text("\" \",b\n1,2\n", CW_BAD_DATA, "column 1 has no name", "");
    one_text("b,c,b\n", CW_BAD_DATA, "columns 1 and 3 are both named b", "");
    one_text("1,2.5\n3,4\n", CW_BAD_DATA, "only numbers", "");
    one_text("a,\"b\n1,2\n", CW_BAD_DATA, "quote in the header", "");
    one_text("a,\"b\"c\n1,2\n", CW_BAD_DATA, "column 2", "");
    one_text("a,\xff\n1,2\n", CW_BAD_DATA, "column 2 is not UTF-8", "");
    one_text("\xFF\xFE"
             "a",
             CW_BAD_DATA, "UTF-16", "");
    one_text("a,b\n1,2\n3\n", CW_BAD_DATA, "1 field where the header names 2", " line 3");
    one_text("a,b\n1,2\n\n3,4,5\n", CW_BAD_DATA, "more fields than the 2 that the header names", " line 4");
    one_text("a,b\n\"x\ny\",2\n3,\"4\n5\n", CW_BAD_DATA, "a quote is not closed", " line 4");
    one_text("a,b\n1,\"2\"3\n", CW_BAD_DATA, "behind a closing quote", " line 2");
    one_text("a,b\n1,2\r3,4\n", CW_BAD_DATA, "carriage return", " line 2");
    one_text("a,b\n1,2\r", CW_OK, NULL, NULL); /* the last line feed may be missing */
    one_text("a,b\n1,caf\xe9\n", CW_BAD_DATA, "not UTF-8 (byte 0xE9)", " line 2, column b");
    one_text("a,b\n1,\xed\xa0\x80\n", CW_BAD_DATA, "not UTF-8 (byte 0xED)", " line 2, column b");
}

static void a_zero_byte_is_refused(void **unused) {
    (void)unused;
    cw_env env;
    cw_env_init(&env);
    cw_csv_file file;
    cw_read read;
    put("a,b\n1,x\0y\n", 11);
    assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
    start(&env, &read);
    assert_int_equal(read_part(&env, &read, &file, file.body, -1, CW_CSV_OUT, 2, 0, 16), CW_BAD_DATA);
    assert_string_equal(env.error.what, "a zero byte");
    stop(&read);
    cw_csv_close(&env, &file);
    assert_int_equal(env.blocks_now, 0);
}

static void delimiters_are_found(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        char delimiter;
        int32_t columns;
    } cases[] = {{"a,b;c,d\n", ',', 3}, {"a;b;c,d\n", ';', 3},          {"a\tb\n", '\t', 2},
                 {"a|b|c\n", '|', 3},   {"alone\n1\n", ',', 1},         {"\"a;b;c\",d\n", ',', 2},
                 {"a,b;c\n", ',', 2},   {"\"x,\ny\"\t\"z\"\n", '\t', 2}};
    cw_env env;
    cw_env_init(&env);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cw_csv_file file;
        put(cases[i].text, strlen(cases[i].text));
        assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
        assert_int_equal(file.delimiter, cases[i].delimiter);
        assert_int_equal(file.columns, cases[i].columns);
        cw_csv_close(&env, &file);
    }
    put("\xEF\xBB\xBF a.b ,\"c\"\"d\"\n1,2\n", 20);
    cw_csv_file file;
    assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
    assert_string_equal(file.column[0], "a.b");
    assert_string_equal(file.column[1], "c\"d");
    assert_int_equal(file.body, 16);
    cw_csv_close(&env, &file);
    assert_int_equal(env.blocks_now, 0);
}

static void fields_and_records_are_bounded(void **unused) {
    (void)unused;
    cw_env env;
    cw_env_init(&env);
    size_t size = CW_CSV_FIELD + 64;
    char *text = malloc(size);
    assert_non_null(text);
    cw_csv_file file;
    cw_read read;
    for (size_t more = 0; more < 2; more++) {
        memcpy(text, "a,b\n1,", 6);
        memset(text + 6, 'x', CW_CSV_FIELD + more);
        text[6 + CW_CSV_FIELD + more] = '\n';
        put(text, 7 + CW_CSV_FIELD + more);
        assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
        start(&env, &read);
        assert_int_equal(read_part(&env, &read, &file, file.body, -1, CW_CSV_OUT, 2, 0, 1 << 14),
                         more ? CW_BAD_DATA : CW_OK);
        if (more) assert_string_equal(env.error.what, "field 2 has more than 1 MiB");
        cw_env_clear(&env);
        stop(&read);
        cw_csv_close(&env, &file);
    }
    /* An open quote swallows the rest, but not without end. */
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs("a,b\n1,2\n3,\"", out);
    memset(text, 'y', size);
    for (size_t i = 0; i < CW_CSV_RECORD / CW_CSV_FIELD + 1; i++) fwrite(text, 1, size, out);
    fclose(out);
    assert_int_equal(cw_csv_open(&env, path, &file), CW_OK);
    start(&env, &read);
    assert_int_equal(read_part(&env, &read, &file, file.body, -1, CW_CSV_OUT, 2, 0, 1 << 18), CW_BAD_DATA);
    assert_string_equal(env.error.what, "a record of more than 64 MiB");
    assert_non_null(strstr(env.error.where, "line 3"));
    stop(&read);
    cw_csv_close(&env, &file);
    free(text);
    assert_int_equal(env.blocks_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_scans_like_a_byte_by_byte_reading),
        cmocka_unit_test(both_sides_of_every_cut_are_the_whole),
        cmocka_unit_test(errors_do_not_depend_on_cuts),
        cmocka_unit_test(malformed_files_are_named_by_line),
        cmocka_unit_test(a_zero_byte_is_refused),
        cmocka_unit_test(delimiters_are_found),
        cmocka_unit_test(fields_and_records_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
