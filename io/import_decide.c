#include <string.h>

#include "import_inside.h"

cw_storage cw_integer_storage(int64_t least, int64_t most, int missing) {
    /* The minimum of a type is kept for missing values where there are any. */
    if (least >= INT8_MIN + missing && most <= INT8_MAX) return CW_S_I8;
    if (least >= INT16_MIN + missing && most <= INT16_MAX) return CW_S_I16;
    if (least >= INT32_MIN + missing && most <= INT32_MAX) return CW_S_I32;
    return CW_S_I64;
}

cw_storage cw_code_storage(int64_t codes) {
    /* The maximum of a type is kept for missing values, always: codes come before it is known. */
    return codes <= UINT8_MAX ? CW_S_U8 : codes <= UINT16_MAX ? CW_S_U16 : CW_S_U32;
}

static cw_choice integers(const cw_import_column *column, int forced) {
    int64_t least = column->notes.least, most = column->notes.most;
    cw_choice choice = {CW_LANE_INTEGER, CW_INTEGER, CW_S_I8, CW_DAYS, CW_CLASSES};
    if (least <= most) choice.storage = cw_integer_storage(least, most, column->missing > 0);
    if (least >= 0 && most <= 1) choice.kind = CW_BINARY;
    if (forced >= 0) choice.kind = (cw_kind)forced;
    return choice;
}

static cw_choice reals(int forced, int real) {
    cw_class because = real ? CW_A_REAL : CW_CLASSES;
    return (cw_choice){CW_LANE_REAL, forced == CW_TIME ? CW_TIME : CW_REAL, CW_S_F64, CW_DAYS, because};
}

static cw_choice labels(const cw_import_column *column, int forced, cw_class because) {
    cw_choice choice = {CW_LANE_LABEL, CW_CATEGORY, cw_code_storage(column->distinct), CW_DAYS, because};
    if (forced >= 0) choice.kind = (cw_kind)forced;
    if (forced < 0 && column->distinct > CW_LABELS_CATEGORIES) choice.kind = CW_TEXT;
    return choice;
}

/* The later of the two kinds of thing that do not go together. */
static cw_class odd_one(const cw_sight *first) {
    int64_t number =
        first[CW_AN_INTEGER].row < first[CW_A_REAL].row ? first[CW_AN_INTEGER].row : first[CW_A_REAL].row;
    if (first[CW_A_TEXT].row < INT64_MAX) return CW_A_TEXT;
    if (number < INT64_MAX) {
        cw_class other = first[CW_A_TRUTH].row < first[CW_A_TIME].row ? CW_A_TRUTH : CW_A_TIME;
        if (first[other].row > number) return other;
        return first[CW_AN_INTEGER].row == number ? CW_AN_INTEGER : CW_A_REAL;
    }
    return first[CW_A_TRUTH].row > first[CW_A_TIME].row ? CW_A_TRUTH : CW_A_TIME;
}

static int64_t floor_days(int64_t seconds) {
    return (seconds - (seconds < 0 ? 86399 : 0)) / 86400;
}

/* Nanoseconds in 64 bits reach from 1677 to 2262. */
static int too_wide(const cw_notes *notes) {
    return notes->unit == CW_NANO && (notes->earliest < -9223372035 || notes->latest > 9223372035);
}

static cw_choice times(const cw_import_column *column, int forced) {
    const cw_notes *notes = &column->notes;
    cw_choice choice = {CW_LANE_TIME, CW_TIME, CW_S_I64, (cw_time_unit)notes->unit, CW_A_TIME};
    int mixed = notes->zoned && notes->local;
    if ((mixed || too_wide(notes)) && forced < 0) return labels(column, forced, CW_A_TIME);
    if (choice.unit == CW_DAYS)
        choice.storage =
            cw_integer_storage(floor_days(notes->earliest), floor_days(notes->latest), column->missing > 0);
    if (choice.unit == CW_SECONDS)
        choice.storage = cw_integer_storage(notes->earliest, notes->latest, column->missing > 0);
    return choice;
}

/* What a column is, by everything that was met in it. */
static cw_choice choose(const cw_import_column *column) {
    const cw_sight *first = column->notes.first;
    int forced = column->spec ? column->spec->kind : -1;
    int integer = first[CW_AN_INTEGER].row < INT64_MAX || column->notes.least <= column->notes.most;
    int real = first[CW_A_REAL].row < INT64_MAX;
    int truth = first[CW_A_TRUTH].row < INT64_MAX, time = first[CW_A_TIME].row < INT64_MAX;
    int text = first[CW_A_TEXT].row < INT64_MAX, number = integer || real;
    if (forced == CW_CATEGORY || forced == CW_TEXT) return labels(column, forced, CW_CLASSES);
    if (forced == CW_REAL) return reals(forced, real);
    if (forced == CW_INTEGER || forced == CW_BINARY) return integers(column, forced);
    if (forced == CW_TIME)
        return time ? times(column, forced) : real ? reals(forced, real) : integers(column, forced);
    if (!number && !truth && !time && !text)
        return (cw_choice){CW_LANE_ANY, CW_REAL, CW_S_F64, CW_DAYS, CW_CLASSES};
    if (text || number + truth + time > 1) return labels(column, forced, odd_one(first));
    if (time) return times(column, forced);
    if (truth) return (cw_choice){CW_LANE_TRUTH, CW_BINARY, CW_S_I8, CW_DAYS, CW_A_TRUTH};
    return real ? reals(forced, real) : integers(column, forced);
}

/* Words that ranks share of a column: all of them become maxima. */
enum { WORDS = CW_CLASSES + 9 };

static int64_t lower(int64_t value) {
    return ~value;
}

static void pack(const cw_import_column *column, int64_t *word) {
    const cw_notes *notes = &column->notes;
    for (int c = 0; c < CW_CLASSES; c++) *word++ = lower(notes->first[c].row);
    *word++ = lower(notes->least);
    *word++ = notes->most;
    *word++ = lower(notes->earliest);
    *word++ = notes->latest;
    *word++ = notes->unit;
    *word++ = notes->zoned;
    *word++ = notes->local;
    *word++ = column->labels.count;
    *word = column->labels.full;
}

/* Keeps this rank's sights; cw_import_sights finds whose row is the first. */
static void unpack(cw_import_column *column, const int64_t *word, int64_t *first) {
    cw_notes *notes = &column->notes;
    for (int c = 0; c < CW_CLASSES; c++) first[c] = lower(*word++);
    notes->least = lower(*word++);
    notes->most = *word++;
    notes->earliest = lower(*word++);
    notes->latest = *word++;
    notes->unit = *word++;
    notes->zoned = *word++;
    notes->local = *word++;
    if (*word > column->distinct) column->distinct = *word;
    word++;
    column->left_out |= *word > 0;
}

static cw_code share_notes(cw_importer *import) {
    int64_t *word = NULL, *missing = NULL;
    size_t columns = (size_t)import->columns;
    cw_code code = cw_alloc(import->env, columns, WORDS * sizeof *word, &word);
    if (code == CW_OK) code = cw_alloc(import->env, columns, sizeof *missing, &missing);
    code = cw_agree(import->context, code);
    if (code == CW_OK) {
        for (int32_t c = 0; c < import->columns; c++) {
            pack(&import->column[c], word + (int64_t)c * WORDS);
            missing[c] = import->column[c].missing;
        }
        code = cw_all_max(import->context, word, import->columns * WORDS);
    }
    if (code == CW_OK) code = cw_all_sum(import->context, missing, import->columns);
    for (int32_t c = 0; c < import->columns && code == CW_OK; c++) {
        cw_import_column *column = &import->column[c];
        int64_t first[CW_CLASSES];
        unpack(column, word + (int64_t)c * WORDS, first);
        column->missing = missing[c];
        for (int k = 0; k < CW_CLASSES; k++) {
            cw_sight *sight = &column->notes.first[k];
            /* Where another rank saw it first, only the row is known here. */
            if (sight->row != first[k]) *sight = (cw_sight){.row = first[k], .file = -1};
        }
    }
    cw_free(import->env, &word);
    cw_free(import->env, &missing);
    return code;
}

cw_code cw_import_decide(cw_importer *import, int *changed) {
    *changed = 0;
    CW_TRY(share_notes(import));
    for (int32_t c = 0; c < import->columns; c++) {
        cw_import_column *column = &import->column[c];
        if (column->lane.kind == CW_LANE_SKIP) continue;
        cw_choice choice = choose(column);
        *changed |= column->left_out || choice.lane != column->lane.kind ||
                    choice.storage != column->choice.storage || choice.unit != column->choice.unit;
        column->choice = choice;
    }
    return CW_OK;
}

/* What only shows when all rows are known, of a column whose kind the user stated. */
cw_code cw_import_check(cw_importer *import) {
    for (int32_t c = 0; c < import->columns; c++) {
        const cw_import_column *column = &import->column[c];
        const cw_sight *first = column->notes.first;
        const char *mend = "mend the values, or leave its kind open";
        if (!column->spec || column->spec->kind < 0) continue;
        if (column->left_out)
            return cw_fail(import->env, CW_BAD_DATA, column->name, "leave the column out of the file",
                           "more than %d distinct texts, or more than %d MiB of them", CW_LABELS_MOST,
                           CW_LABELS_BYTES >> 20);
        if (column->spec->kind != CW_TIME || first[CW_A_TIME].row == INT64_MAX) continue;
        int64_t number =
            first[CW_AN_INTEGER].row < first[CW_A_REAL].row ? first[CW_AN_INTEGER].row : first[CW_A_REAL].row;
        if (number < INT64_MAX)
            return cw_fail(import->env, CW_BAD_DATA, column->name, mend,
                           "numbers (row %lld) and dates (row %lld) as times", (long long)number + 1,
                           (long long)first[CW_A_TIME].row + 1);
        if (column->notes.zoned && column->notes.local)
            return cw_fail(import->env, CW_BAD_DATA, column->name, mend,
                           "times with and without a time zone");
        if (too_wide(&column->notes))
            return cw_fail(import->env, CW_BAD_DATA, column->name, mend,
                           "times to the nanosecond outside the years 1678 to 2261");
    }
    return CW_OK;
}

enum { SIGHT_WORDS = 2 + CW_SIGHT_TEXT / 8 };

cw_code cw_import_sights(cw_importer *import) {
    int64_t *word = NULL;
    cw_code code = cw_alloc(import->env, (size_t)import->columns, SIGHT_WORDS * sizeof *word, &word);
    code = cw_agree(import->context, code);
    for (int32_t c = 0; c < import->columns && code == CW_OK; c++) {
        const cw_import_column *column = &import->column[c];
        int64_t *to = word + (int64_t)c * SIGHT_WORDS;
        for (int w = 0; w < SIGHT_WORDS; w++) to[w] = INT64_MIN;
        if (column->choice.because == CW_CLASSES) continue;
        const cw_sight *sight = &column->notes.first[column->choice.because];
        if (sight->row == INT64_MAX || sight->file < 0) continue;
        to[0] = sight->line;
        to[1] = sight->file;
        memcpy(to + 2, sight->text, CW_SIGHT_TEXT);
    }
    if (code == CW_OK) code = cw_all_max(import->context, word, import->columns * SIGHT_WORDS);
    for (int32_t c = 0; c < import->columns && code == CW_OK; c++) {
        const int64_t *from = word + (int64_t)c * SIGHT_WORDS;
        cw_sight *sight = &import->column[c].sight;
        *sight = (cw_sight){.row = from[0] == INT64_MIN ? INT64_MAX : 0, .line = from[0], .file = from[1]};
        memcpy(sight->text, from + 2, CW_SIGHT_TEXT);
    }
    cw_free(import->env, &word);
    return code;
}
