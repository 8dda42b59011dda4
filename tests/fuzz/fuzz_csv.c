/* libFuzzer: any bytes as a CSV file. Read as a whole and cut in two, with pieces of any size, they give the
 * same records, or the same error; nothing leaks, and nothing outside the file is read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/csv_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 64, BATCH = 3 };

typedef struct cw_fuzzed {
    cw_env env;
    cw_csv_file file;
    cw_lane lane[COLUMNS], *order[COLUMNS];
    cw_notes notes[COLUMNS];
    cw_labels labels[COLUMNS];
    int64_t value[COLUMNS][BATCH];
    uint64_t sum;
    int64_t rows;
} cw_fuzzed;

static void require(int truth) {
    if (!truth) abort();
}

static cw_code keep(void *self, int64_t row, int32_t rows) {
    cw_fuzzed *f = self;
    for (int32_t i = 0; i < rows; i++)
        for (int32_t c = 0; c < f->file.columns; c++)
            f->sum = (f->sum ^ (uint64_t)f->value[c][i]) * 0x9E3779B97F4A7C15u + (uint64_t)(row + i);
    f->rows = row + rows;
    return CW_OK;
}

/* Every lane kind is met: the first columns go down a lane each, labels down the rest. */
static void lanes(cw_fuzzed *f) {
    f->sum = 0;
    f->rows = 0;
    for (int32_t c = 0; c < f->file.columns; c++) {
        cw_labels_free(&f->labels[c]);
        cw_notes_clear(&f->notes[c]);
        f->lane[c] = (cw_lane){.kind = (cw_lane_kind)(c % 7), .name = f->file.column[c], .forced = -1};
        f->lane[c].unit = CW_NANO;
        f->lane[c].notes = &f->notes[c];
        f->lane[c].labels = &f->labels[c];
        f->lane[c].value = f->value[c];
        f->lane[c].absent = INT64_MIN;
        f->order[c] = &f->lane[c];
    }
}

static cw_code read_part(cw_fuzzed *f, int64_t begin, int64_t end, cw_csv_state state, int64_t line,
                         size_t piece) {
    cw_parse parse = {
        .env = &f->env, .file = &f->file, .lane = f->order, .piece = piece, .begin = begin, .end = end};
    parse.state = state;
    parse.line = line;
    parse.row = f->rows;
    parse.batch = BATCH;
    parse.flush = keep;
    parse.self = f;
    return cw_csv_parse(&parse);
}

static void compare(cw_fuzzed *f, size_t seed) {
    static cw_notes notes[COLUMNS];
    size_t piece = 1 + seed % 37;
    lanes(f);
    cw_code whole = read_part(f, f->file.body, -1, CW_CSV_OUT, f->file.line, 1 << 16);
    cw_error error = f->env.error;
    uint64_t sum = f->sum;
    int64_t rows = f->rows;
    memcpy(notes, f->notes, sizeof notes);
    cw_env_clear(&f->env);
    lanes(f);
    cw_csv_scan scan;
    int64_t length = f->file.size - f->file.body,
            cut = f->file.body + (length ? (int64_t)seed % (length + 1) : 0);
    require(cw_csv_scan_range(&f->env, &f->file, f->file.body, cut, piece, &scan) == CW_OK);
    cw_code code = read_part(f, f->file.body, cut, CW_CSV_OUT, f->file.line, piece);
    if (code == CW_OK) {
        require(f->rows == scan.records[CW_CSV_OUT]);
        code = read_part(f, cut, f->file.size, scan.end[CW_CSV_OUT], f->file.line + scan.lines, piece);
    }
    require(code == whole);
    require(!strcmp(error.what, f->env.error.what) && !strcmp(error.where, f->env.error.where));
    if (code == CW_OK) {
        require(rows == f->rows && sum == f->sum);
        require(!memcmp(notes, f->notes, sizeof notes[0] * (size_t)f->file.columns));
    } else {
        require(code == CW_BAD_DATA && error.what[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static cw_fuzzed f;
    char name[] = "/tmp/cw_fuzz_csv_XXXXXX";
    int descriptor = mkstemp(name);
    require(descriptor >= 0 && write(descriptor, data, size) == (ssize_t)size);
    close(descriptor);
    cw_env_init(&f.env);
    for (int32_t c = 0; c < COLUMNS; c++) cw_labels_init(&f.labels[c], &f.env);
    cw_code code = cw_csv_open(&f.env, name, &f.file);
    require(code == CW_OK || code == CW_BAD_DATA);
    if (code == CW_OK && f.file.columns <= COLUMNS && !f.file.gz)
        compare(&f, size + (size ? data[size / 2] : 0));
    for (int32_t c = 0; c < COLUMNS; c++) cw_labels_free(&f.labels[c]);
    cw_csv_close(&f.env, &f.file);
    unlink(name);
    require(f.env.blocks_now == 0);
    return 0;
}
