#include "import.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "import_inside.h"
#include "sniff.h"
#include "table_parts.h"

enum { PASSES = 8, VALUES = 8 << 20 };

cw_code cw_share_text(cw_context *context, const char *text, char **out) {
    size_t bytes = text ? strlen(text) + 1 : 0;
    void *shared = NULL;
    char *mine = NULL;
    cw_code code = text ? cw_strdup(cw_context_env(context), text, &mine) : CW_OK;
    shared = mine;
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_broadcast_alloc(context, &shared, &bytes);
    if (code != CW_OK) cw_free(cw_context_env(context), &shared);
    *out = shared;
    return code;
}

/* Room for a batch of every lane: 8192 rows, fewer where columns are very many. */
static cw_code make_room(cw_importer *import) {
    int64_t columns = import->columns, batch = VALUES / columns;
    import->batch = (int32_t)(batch < 64 ? 64 : batch > CW_IMPORT_BATCH ? CW_IMPORT_BATCH : batch);
    /* 8 more a column, so that columns do not all fall into the same cache sets. */
    CW_TRY(cw_alloc(import->env, (size_t)columns, ((size_t)import->batch + 8) * sizeof *import->values,
                    &import->values));
    return cw_alloc(import->env, (size_t)import->batch, 8, &import->stored);
}

static void start_guess(cw_importer *import) {
    for (int32_t c = 0; c < import->columns; c++)
        import->column[c].choice = (cw_choice){CW_LANE_ANY, CW_REAL, CW_S_F64, CW_DAYS, CW_CLASSES};
}

/* The second look counts the labels of what turned out to have some. */
static cw_code guess(cw_importer *import) {
    int changed, labels = 0;
    start_guess(import);
    for (int look = 0; look < 2; look++) {
        cw_import_lanes(import, 1);
        CW_TRY(cw_agree(import->context, cw_import_sample(import)));
        if (look == 0) CW_TRY(cw_import_decide(import, &changed));
        for (int32_t c = 0; c < import->columns; c++)
            labels |= import->column[c].choice.lane == CW_LANE_LABEL;
        if (!labels) break;
    }
    /* What a sample lacks proves nothing: only counts of labels are taken from the second look. */
    for (int32_t c = 0; c < import->columns && labels; c++) {
        cw_import_column *column = &import->column[c];
        int64_t count = column->labels.count;
        if (column->choice.lane != CW_LANE_LABEL) continue;
        CW_TRY(cw_all_max(import->context, &count, 1));
        column->distinct = count;
        column->choice.storage = cw_code_storage(count);
    }
    return CW_OK;
}

static int32_t place_columns(cw_importer *import) {
    int32_t columns = import->columns + (import->part_column >= 0), placed = 0;
    for (int32_t c = 0; c < columns; c++)
        import->column[c].target = import->column[c].left_out ? -1 : placed++;
    return placed;
}

static cw_code create(cw_importer *import, const char *temporary) {
    int32_t placed = place_columns(import), columns = import->columns + (import->part_column >= 0);
    cw_storage *storage = NULL;
    const char **name = NULL;
    if (placed == 0)
        return cw_fail(import->env, CW_BAD_DATA, import->in.file[0].name, NULL, "no column can be kept");
    cw_code code = cw_alloc(import->env, (size_t)placed, sizeof *storage, &storage);
    if (code == CW_OK) code = cw_alloc(import->env, (size_t)placed, sizeof *name, &name);
    for (int32_t c = 0; c < columns && code == CW_OK; c++) {
        const cw_import_column *column = &import->column[c];
        if (column->target < 0) continue;
        storage[column->target] = column->choice.storage;
        name[column->target] = column->name;
    }
    code = cw_agree(import->context, code);
    if (code == CW_OK)
        code = cw_canonical_create(import->context, temporary, import->rows, import->first, import->mine,
                                   placed, storage, name, &import->table);
    cw_free(import->env, &storage);
    cw_free(import->env, &name);
    return code;
}

/* One pass; *again when what was met differs from what was expected. */
static cw_code pass(cw_importer *import, const char *temporary, int *again) {
    cw_canonical_close(&import->table);
    CW_TRY(create(import, temporary));
    cw_import_lanes(import, 0);
    import->wasted = 0;
    cw_timer_start(import->context, "import read");
    int64_t bytes = 0;
    cw_code code = cw_import_read(import);
    for (int64_t r = 0; r < import->ranges; r++)
        bytes += import->range[r].end < 0 ? import->in.file[import->range[r].file].size
                                          : import->range[r].end - import->range[r].begin;
    cw_timer_stop(import->context, "import read", (double)bytes, 0);
    CW_TRY(cw_agree(import->context, code));
    CW_TRY(cw_import_merge_labels(import));
    CW_TRY(cw_import_decide(import, again));
    CW_TRY(cw_import_check(import));
    int64_t wasted = import->wasted;
    CW_TRY(cw_all_max(import->context, &wasted, 1));
    if (wasted && !*again)
        return cw_fail(import->env, CW_INTERNAL, temporary, NULL, "a pass fell short for no column");
    return CW_OK;
}

static void describe(const cw_import_column *from, cw_column *to) {
    const cw_column_spec *spec = from->spec;
    *to = (cw_column){.name = from->name,
                      .description = spec ? (char *)(uintptr_t)spec->description : NULL,
                      .unit = spec ? (char *)(uintptr_t)spec->unit : NULL,
                      .kind = from->choice.kind,
                      .storage = from->choice.storage,
                      .scale = 1};
    if (from->choice.lane == CW_LANE_TIME) to->unit = (char *)(uintptr_t)cw_time_unit_name(from->choice.unit);
    to->missings = from->missing > 0;
    if (from->choice.lane == CW_LANE_LABEL) {
        to->categories = from->categories;
        to->category = from->category;
    }
}

static cw_code finish(cw_importer *import) {
    int32_t columns = import->columns + (import->part_column >= 0);
    cw_column *column = NULL;
    cw_code code = cw_alloc_zero(import->env, (size_t)columns, sizeof *column, &column);
    if (code == CW_OK) code = cw_import_recode(import);
    code = cw_agree(import->context, code);
    if (code == CW_OK) {
        for (int32_t c = 0; c < columns; c++)
            if (import->column[c].target >= 0)
                describe(&import->column[c], &column[import->column[c].target]);
        cw_timer_start(import->context, "import finish");
        code = cw_canonical_finish(import->table, column);
        cw_timer_stop(import->context, "import finish", 0, 0);
    }
    cw_free(import->env, &column);
    return code;
}

static cw_code run(cw_importer *import, const char *temporary) {
    CW_TRY(cw_import_files_open(import));
    cw_timer_start(import->context, "import scan");
    cw_code code = cw_import_plan(import);
    cw_timer_stop(import->context, "import scan", 0, 0);
    CW_TRY(code);
    CW_TRY(cw_agree(import->context, make_room(import)));
    CW_TRY(guess(import));
    int again = 1;
    for (int p = 0; again; p++) {
        if (p == PASSES)
            return cw_fail(import->env, CW_INTERNAL, temporary, NULL, "types do not settle in %d passes",
                           PASSES);
        CW_TRY(pass(import, temporary, &again));
    }
    CW_TRY(cw_import_sights(import));
    return finish(import);
}

static void close_import(cw_importer *import) {
    cw_canonical_close(&import->table);
    for (int32_t c = 0; import->column && c <= import->columns; c++) {
        cw_labels_free(&import->column[c].labels);
        cw_free(import->env, &import->column[c].category);
        cw_free(import->env, &import->column[c].joined);
    }
    cw_free(import->env, &import->stored);
    cw_free(import->env, &import->values);
    cw_free(import->env, &import->lanes);
    cw_free(import->env, &import->range);
    cw_import_files_close(import);
    cw_free(import->env, &import->column);
}

cw_code cw_import_pieces(cw_context *context, const cw_table_spec *spec, const char *target, size_t piece,
                         char **report) {
    cw_importer import = {.context = context, .env = cw_context_env(context), .spec = spec, .piece = piece};
    int root = cw_context_rank(context) == 0;
    char *made = NULL, *temporary = NULL, *text = NULL;
    cw_code code = root ? cw_file_temporary(import.env, target, &made) : CW_OK;
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_share_text(context, made, &temporary);
    if (code == CW_OK) code = run(&import, temporary);
    if (code == CW_OK) code = cw_agree(context, cw_import_report(&import, target, &text));
    if (code == CW_OK) {
        if (root) code = cw_file_install(import.env, temporary, target);
        code = cw_agree(context, code);
    }
    if (code != CW_OK && root && temporary) (void)unlink(temporary);
    close_import(&import);
    cw_free(import.env, &temporary);
    cw_free(import.env, &made);
    if (code == CW_OK && report && root) {
        *report = text;
        text = NULL;
    }
    cw_free(import.env, &text);
    return code;
}

/* Whether the sources are HDF5 or text: all of one sort. */
static cw_code sort_of_sources(cw_env *env, const cw_table_spec *spec, int64_t *hdf5) {
    cw_arena arena;
    cw_named_list list = {0};
    cw_arena_init(&arena, env);
    *hdf5 = 0;
    cw_code code = cw_table_named(&arena, spec, &list);
    for (int64_t f = 0; f < list.count && code == CW_OK; f++) {
        cw_sniffed sniffed;
        code = cw_sniff(env, list.item[f].file, &sniffed);
        if (code == CW_OK && sniffed.format == CW_FORMAT_OTHER)
            code = cw_sniff_refuse(env, list.item[f].file, &sniffed);
        if (code != CW_OK) break;
        int64_t one = sniffed.format == CW_FORMAT_HDF5;
        if (f > 0 && one != *hdf5)
            code = cw_fail(env, CW_BAD_DATA, list.item[f].file, "import them apart",
                           "HDF5 and text files (%s) together", list.item[0].file);
        *hdf5 = one;
    }
    cw_arena_free(&arena);
    return code;
}

cw_code cw_import(cw_context *context, const cw_table_spec *spec, const char *target, char **report) {
    int64_t hdf5 = 0;
    cw_code code = CW_OK;
    if (report) *report = NULL;
    if (cw_context_rank(context) == 0) code = sort_of_sources(cw_context_env(context), spec, &hdf5);
    CW_TRY(cw_agree(context, code));
    CW_TRY(cw_broadcast(context, &hdf5, sizeof hdf5));
    if (hdf5) return cw_import_table(context, spec, target, report);
    return cw_import_pieces(context, spec, target, CW_IMPORT_PIECE, report);
}
