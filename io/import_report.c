#include <stdio.h>
#include <string.h>

#include "import_inside.h"
#include "table_internal.h"

/* A text of 24 bytes may end within a character, and may hold line ends. */
static void readable(const cw_sight *sight, char out[CW_SIGHT_TEXT + 4]) {
    size_t length = 0;
    while (length < CW_SIGHT_TEXT && sight->text[length]) length++;
    size_t wrong = cw_utf8_wrong(sight->text, length);
    size_t keep = wrong ? wrong - 1 : length;
    memcpy(out, sight->text, keep);
    for (size_t i = 0; i < keep; i++)
        if ((unsigned char)out[i] < 0x20) out[i] = ' ';
    memcpy(out + keep, length == CW_SIGHT_TEXT ? "..." : "", length == CW_SIGHT_TEXT ? 4 : 1);
}

static void explain(const cw_importer *import, const cw_import_column *column, char *out, size_t room) {
    char text[CW_SIGHT_TEXT + 4];
    const cw_sight *sight = &column->sight;
    const cw_notes *notes = &column->notes;
    if (column == &import->column[import->columns]) {
        snprintf(out, room, "%d parts", column->categories);
    } else if (column->left_out) {
        snprintf(out, room, "LEFT OUT: more than %d distinct texts", CW_LABELS_MOST);
    } else if (column->spec && column->spec->kind >= 0) {
        snprintf(out, room, "as the job says");
    } else if (column->choice.because != CW_CLASSES && sight->row != INT64_MAX) {
        readable(sight, text);
        const char *file = import->in.files > 1 ? import->in.file[sight->file].name : "";
        snprintf(out, room, "because of \"%s\" at %s%sline %lld", text, file, *file ? " " : "",
                 (long long)sight->line);
    } else if (column->choice.lane == CW_LANE_ANY) {
        snprintf(out, room, "nothing but missing values");
    } else {
        snprintf(out, room, "whole numbers from %lld to %lld", (long long)notes->least,
                 (long long)notes->most);
    }
}

/* Adds one formatted piece to a text that grows. */
static cw_code add(cw_env *env, char **text, const char *piece) {
    char *longer = NULL;
    CW_TRY(cw_format(env, &longer, "%s%s", *text ? *text : "", piece));
    cw_free(env, text);
    *text = longer;
    return CW_OK;
}

static const char *delimiter_name(char delimiter) {
    return delimiter == ',' ? "comma" : delimiter == ';' ? "semicolon" : delimiter == '\t' ? "tab" : "bar";
}

enum { REPORTED = 200 };

static cw_code describe_columns(cw_importer *import, char **text) {
    int32_t columns = import->columns + (import->part_column >= 0), shown = 0;
    for (int32_t c = 0; c < columns; c++) {
        const cw_import_column *column = &import->column[c];
        char why[256 + CW_ERROR_PLACE], line[768], labels[64] = "";
        if (shown == REPORTED && !column->left_out) continue;
        shown++;
        explain(import, column, why, sizeof why);
        if (column->choice.lane == CW_LANE_LABEL && !column->left_out)
            snprintf(labels, sizeof labels, ", %d label%s", column->categories,
                     column->categories == 1 ? "" : "s");
        if (column->choice.lane == CW_LANE_TIME)
            snprintf(labels, sizeof labels, ", %s", cw_time_unit_name(column->choice.unit));
        snprintf(line, sizeof line, "  %-20s %-8s %-3s missing %lld%s; %s\n", column->name,
                 column->left_out ? "-" : cw_kind_name(column->choice.kind),
                 column->left_out ? "-" : cw_storage_name(column->choice.storage), (long long)column->missing,
                 labels, why);
        CW_TRY(add(import->env, text, line));
    }
    if (shown < columns) {
        char line[64];
        snprintf(line, sizeof line, "  and %d more columns\n", columns - shown);
        CW_TRY(add(import->env, text, line));
    }
    return CW_OK;
}

cw_code cw_import_report(cw_importer *import, const char *target, char **report) {
    char line[512 + CW_ERROR_PLACE];
    *report = NULL;
    int64_t blank = import->blank;
    CW_TRY(cw_all_sum(import->context, &blank, 1));
    if (cw_context_rank(import->context) > 0) return CW_OK;
    snprintf(line, sizeof line, "%s%s: %lld rows, %d columns, delimiter %s, into %s\n",
             import->in.file[0].name, import->in.files > 1 ? " and others" : "", (long long)import->rows,
             import->columns, delimiter_name(import->in.file[0].delimiter), target);
    cw_code code = add(import->env, report, line);
    if (code == CW_OK) code = describe_columns(import, report);
    if (code == CW_OK && blank > 0) {
        snprintf(line, sizeof line, "  %lld empty line%s passed over\n", (long long)blank,
                 blank == 1 ? "" : "s");
        code = add(import->env, report, line);
    }
    if (code != CW_OK) cw_free(import->env, report);
    return code;
}
