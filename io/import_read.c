#include <math.h>
#include <string.h>

#include "import_inside.h"

enum { SAMPLE_HEAD = 64 << 10, SAMPLE = 16 << 10 };

/* Lanes for what each column is thought to be; a sample expects nothing, and refuses nothing. */
void cw_import_lanes(cw_importer *import, int sampling) {
    for (int32_t c = 0; c < import->columns; c++) {
        cw_import_column *column = &import->column[c];
        const cw_column_spec *spec = column->spec;
        cw_lane *lane = &column->lane;
        lane->kind = column->left_out ? CW_LANE_SKIP : column->choice.lane;
        lane->name = column->name;
        lane->forced = spec && !sampling ? spec->kind : -1;
        lane->unit = column->choice.unit;
        lane->watch = (lane->kind == CW_LANE_REAL && lane->forced < 0) ||
                      (lane->kind == CW_LANE_INTEGER && lane->forced == CW_BINARY);
        lane->value = import->values + (int64_t)c * (import->batch + 8);
        lane->absent =
            lane->kind == CW_LANE_REAL || lane->kind == CW_LANE_ANY ? cw_double_bits((double)NAN) : INT64_MIN;
        lane->notes = &column->notes;
        lane->labels = &column->labels;
        lane->missings = spec ? spec->missings : 0;
        lane->missing = spec ? spec->missing : NULL;
        cw_notes_clear(&column->notes);
        cw_labels_free(&column->labels);
        column->missing = 0;
    }
    if (import->part_column >= 0) import->column[import->part_column].missing = 0;
}

static void set_file(cw_importer *import, int64_t file) {
    const int32_t *map = import->in.map ? import->in.map[file] : NULL;
    import->at_file = file;
    for (int32_t c = 0; c < import->columns; c++) import->lanes[c] = &import->column[map ? map[c] : c].lane;
}

static cw_code no_flush(void *self, int64_t row, int32_t rows) {
    (void)row;
    (void)rows;
    cw_importer *import = self;
    cw_progress(import->context);
    return CW_OK;
}

static cw_parse parse_of(cw_importer *import, const cw_range *range) {
    set_file(import, range->file);
    return (cw_parse){.env = import->env,
                      .file = &import->in.file[range->file],
                      .file_number = range->file,
                      .lane = import->lanes,
                      .piece = import->piece,
                      .begin = range->begin,
                      .end = range->end,
                      .state = range->state,
                      .line = range->line,
                      .row = range->row,
                      .batch = import->batch,
                      .flush = cw_import_flush,
                      .self = import};
}

cw_code cw_import_read(cw_importer *import) {
    import->blank = 0;
    for (int64_t r = 0; r < import->ranges; r++) {
        cw_parse parse = parse_of(import, &import->range[r]);
        CW_TRY(cw_csv_parse(&parse));
        import->blank += parse.blank;
        if (parse.row != import->range[r].row + import->range[r].records)
            return cw_fail(import->env, CW_IO, parse.file->name, "do not change it while it is read",
                           "the file changed: %lld records where there were %lld",
                           (long long)(parse.row - import->range[r].row),
                           (long long)import->range[r].records);
    }
    return CW_OK;
}

/* One sample. Bad data are not its business: the pass will meet them and say where. */
static cw_code sample(cw_importer *import, const cw_range *range, int64_t begin, cw_csv_state state,
                      int64_t bytes) {
    cw_parse parse = parse_of(import, range);
    parse.flush = no_flush;
    parse.begin = begin;
    parse.state = state;
    parse.piece = import->piece < SAMPLE ? import->piece : SAMPLE;
    if (parse.end < 0 || parse.end > begin + bytes) parse.end = begin + bytes;
    cw_code code = cw_csv_parse(&parse);
    if (code != CW_BAD_DATA) return code;
    cw_env_clear(import->env);
    return CW_OK;
}

cw_code cw_import_sample(cw_importer *import) {
    int64_t stride = import->ranges / CW_IMPORT_MARKED + 1;
    for (int64_t r = 0; r < import->ranges; r++) {
        const cw_range *range = &import->range[r];
        int ends = r == 0 || r == import->ranges - 1;
        if (r % stride == 0 || ends) CW_TRY(sample(import, range, range->begin, range->state, SAMPLE_HEAD));
        if (!ends || range->scanned < 0 || import->in.file[range->file].gz) continue;
        const cw_csv_scan *scan = &import->scan[range->scanned];
        for (int32_t m = 0; m < scan->marks; m++)
            if (scan->mark[m] < range->end)
                CW_TRY(sample(import, range, scan->mark[m], scan->at[m][range->state], SAMPLE));
    }
    return CW_OK;
}

/* Integers of a batch: the user's codes become missing, the range is noted. */
static int64_t settle_integers(cw_lane *lane, int32_t rows) {
    int64_t missing = 0, least = INT64_MAX, most = -INT64_MAX, *value = lane->value;
    /* Of times and codes the slow way has seen to it: a number there means something else. */
    int32_t codes = lane->kind == CW_LANE_INTEGER ? lane->missings : 0;
    for (int32_t m = 0; m < codes; m++) {
        double code = lane->missing[m];
        if (!(code >= -9.2e18 && code <= 9.2e18) || (double)(int64_t)code != code) continue;
        int64_t whole = (int64_t)code;
        for (int32_t i = 0; i < rows; i++)
            if (value[i] == whole) value[i] = INT64_MIN;
    }
    for (int32_t i = 0; i < rows; i++) {
        int64_t low = value[i] == INT64_MIN ? INT64_MAX : value[i];
        least = low < least ? low : least;
        most = value[i] > most ? value[i] : most; /* INT64_MIN never is */
        missing += value[i] == INT64_MIN;
    }
    if (lane->kind == CW_LANE_INTEGER && missing < rows) {
        if (least < lane->notes->least) lane->notes->least = least;
        if (most > lane->notes->most) lane->notes->most = most;
    }
    return missing;
}

static int64_t settle_reals(cw_lane *lane, int32_t rows) {
    int64_t missing = 0;
    for (int32_t i = 0; i < rows; i++) {
        double value;
        memcpy(&value, &lane->value[i], sizeof value);
        for (int32_t m = 0; m < lane->missings; m++)
            if (value == lane->missing[m]) value = (double)NAN;
        if (!isnan(value)) continue;
        lane->value[i] = lane->absent; /* one bit pattern for all */
        missing++;
    }
    return missing;
}

#define CW_NARROW(type, missing_code)                                                                        \
    do {                                                                                                     \
        type *to = out;                                                                                      \
        for (int32_t i = 0; i < rows; i++)                                                                   \
            to[i] = value[i] == INT64_MIN ? (type)(missing_code) : (type)value[i];                           \
    } while (0)

/* As stored. A value that does not fit is cut: then the notes say so, and the pass is made again. */
void cw_lane_store(const int64_t *value, int32_t rows, cw_storage storage, void *out) {
    switch (storage) {
    case CW_S_I8:
        CW_NARROW(int8_t, INT8_MIN);
        break;
    case CW_S_I16:
        CW_NARROW(int16_t, INT16_MIN);
        break;
    case CW_S_I32:
        CW_NARROW(int32_t, INT32_MIN);
        break;
    case CW_S_U8:
        CW_NARROW(uint8_t, UINT8_MAX);
        break;
    case CW_S_U16:
        CW_NARROW(uint16_t, UINT16_MAX);
        break;
    case CW_S_U32:
        CW_NARROW(uint32_t, UINT32_MAX);
        break;
    case CW_S_F32:
        for (int32_t i = 0; i < rows; i++) {
            double wide;
            memcpy(&wide, &value[i], sizeof wide);
            ((float *)out)[i] = (float)wide;
        }
        break;
    default: /* f64 and i64 are what lanes hold */
        memcpy(out, value, (size_t)rows * 8);
    }
}

/* Whether the notes so far contradict what the lane and the storage expect. */
static int falls_short(const cw_import_column *column) {
    const cw_sight *first = column->notes.first;
    int64_t never = INT64_MAX;
    int number = first[CW_AN_INTEGER].row < never, real = first[CW_A_REAL].row < never;
    int truth = first[CW_A_TRUTH].row < never, time = first[CW_A_TIME].row < never;
    int text = first[CW_A_TEXT].row < never;
    switch (column->lane.kind) {
    case CW_LANE_INTEGER:
        return real || truth || time || text ||
               (column->notes.least <= column->notes.most &&
                cw_storage_bytes(
                    cw_integer_storage(column->notes.least, column->notes.most, column->missing > 0)) >
                    cw_storage_bytes(column->choice.storage));
    case CW_LANE_REAL:
        return truth || time || text;
    case CW_LANE_TRUTH:
        return number || real || time || text;
    case CW_LANE_TIME:
        return number || real || truth || text || column->notes.unit > (int64_t)column->choice.unit;
    case CW_LANE_LABEL:
        return column->labels.full || cw_storage_bytes(cw_code_storage(column->labels.count)) >
                                          cw_storage_bytes(column->choice.storage);
    case CW_LANE_ANY:
        return number || real || truth || time || text;
    default:
        return 0;
    }
}

cw_code cw_import_flush(void *self, int64_t row, int32_t rows) {
    cw_importer *import = self;
    cw_progress(import->context);
    for (int32_t c = 0; c < import->columns; c++) {
        cw_import_column *column = &import->column[c];
        cw_lane *lane = &column->lane;
        if (lane->kind == CW_LANE_SKIP) continue;
        int reals = lane->kind == CW_LANE_REAL || lane->kind == CW_LANE_ANY;
        column->missing += reals ? settle_reals(lane, rows) : settle_integers(lane, rows);
        import->wasted |= falls_short(column);
        if (import->wasted) continue;
        cw_lane_store(lane->value, rows, column->choice.storage, import->stored);
        CW_TRY(cw_canonical_put(import->table, column->target, row, rows, import->stored));
    }
    if (import->part_column < 0 || import->wasted) return CW_OK;
    cw_import_column *part = &import->column[import->part_column];
    for (int32_t i = 0; i < rows; i++) import->values[i] = import->in.code[import->at_file];
    cw_lane_store(import->values, rows, part->choice.storage, import->stored);
    return cw_canonical_put(import->table, part->target, row, rows, import->stored);
}
