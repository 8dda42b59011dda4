/* Tables that are HDF5 already, in whatever layout: read by the table's reader, written as a canonical table.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "import_inside.h"
#include "table_internal.h"

enum {
    GROUP = 128,   /* columns read at a time, so that memory stays bounded */
    REPORTED = 200 /* columns told of one by one; those left out are told of longer */
};

typedef struct cw_copied {
    int32_t source; /* the column of the table */
    int real;       /* read as a double, else as an integer */
    int64_t least, most, missing;
    int64_t wide; /* a double that f32 cannot hold */
    cw_storage storage;
} cw_copied;

typedef struct cw_copier {
    cw_context *context;
    cw_env *env;
    cw_table *table;
    int32_t columns;
    cw_copied *column;
    int64_t first, mine;
    cw_canonical *target;
    int64_t *value;
    void *stored;
} cw_copier;

static cw_code choose_columns(cw_copier *copier) {
    CW_TRY(cw_agree(copier->context, cw_alloc_zero(copier->env, (size_t)copier->table->columns,
                                                   sizeof *copier->column, &copier->column)));
    for (int32_t c = 0; c < copier->table->columns; c++) {
        const cw_note *note = &copier->table->store->note[c];
        if (note->why) continue; /* cannot be read: told in the report */
        if (note->textual) CW_TRY(cw_table_encode(copier->context, copier->table, c));
        cw_kind kind = copier->table->column[c].kind;
        cw_copied *one = &copier->column[copier->columns++];
        *one = (cw_copied){.source = c, .least = INT64_MAX, .most = INT64_MIN};
        one->real = kind == CW_REAL || (kind == CW_TIME && note->floats);
    }
    if (copier->columns == 0)
        return cw_fail(copier->env, CW_BAD_DATA, copier->table->part[0].file, NULL, "no column can be read");
    return CW_OK;
}

/* Rows are shared out by whole blocks. */
static void own_rows(cw_copier *copier) {
    int64_t rows = copier->table->rows, blocks = cw_block_count(rows);
    int64_t rank = cw_context_rank(copier->context), ranks = cw_context_size(copier->context);
    int64_t from = blocks / ranks * rank + blocks % ranks * rank / ranks;
    int64_t to = blocks / ranks * (rank + 1) + blocks % ranks * (rank + 1) / ranks;
    copier->first = from * CW_BLOCK_ROWS < rows ? from * CW_BLOCK_ROWS : rows;
    copier->mine = (to * CW_BLOCK_ROWS < rows ? to * CW_BLOCK_ROWS : rows) - copier->first;
}

typedef cw_code (*cw_taker)(cw_copier *copier, int32_t column, const cw_block *block, const double *real,
                            const int64_t *key);

static cw_code look(cw_copier *copier, int32_t column, const cw_block *block, const double *real,
                    const int64_t *key) {
    cw_copied *one = &copier->column[column];
    for (int32_t i = 0; i < block->rows; i++) {
        if (real) {
            one->missing += isnan(real[i]);
            one->wide |= !isnan(real[i]) && (double)(float)real[i] != real[i];
        } else if (key[i] == CW_KEY_MISSING) {
            one->missing++;
        } else {
            if (key[i] < one->least) one->least = key[i];
            if (key[i] > one->most) one->most = key[i];
        }
    }
    return CW_OK;
}

static cw_code put(cw_copier *copier, int32_t column, const cw_block *block, const double *real,
                   const int64_t *key) {
    const cw_copied *one = &copier->column[column];
    for (int32_t i = 0; i < block->rows; i++)
        copier->value[i] = real ? cw_double_bits(isnan(real[i]) ? (double)NAN : real[i]) : key[i];
    cw_lane_store(copier->value, block->rows, one->storage, copier->stored);
    return cw_canonical_put(copier->target, column, block->first_row, block->rows, copier->stored);
}

static cw_code read_group(cw_copier *copier, int32_t from, int32_t to, cw_taker taker) {
    int32_t real[GROUP], key[GROUP], reals = 0, keys = 0;
    for (int32_t c = from; c < to; c++) {
        if (copier->column[c].real)
            real[reals++] = copier->column[c].source;
        else
            key[keys++] = copier->column[c].source;
    }
    cw_reader *reader = NULL;
    CW_TRY(cw_reader_open(copier->env, copier->table, reals, real, keys, key, &reader));
    cw_source source = cw_reader_source(reader);
    cw_code code = CW_OK;
    for (int64_t row = 0; row < copier->mine && code == CW_OK; row += CW_BLOCK_ROWS) {
        cw_block block = {0};
        int32_t rows = (int32_t)(copier->mine - row < CW_BLOCK_ROWS ? copier->mine - row : CW_BLOCK_ROWS);
        code = source.read(copier->env, source.self, copier->first + row, rows, &block);
        block.first_row = copier->first + row;
        int32_t r = 0, k = 0;
        for (int32_t c = from; c < to && code == CW_OK; c++) {
            int is_real = copier->column[c].real;
            code = taker(copier, c, &block, is_real ? block.real[r] : NULL, is_real ? NULL : block.key[k]);
            r += is_real;
            k += !is_real;
        }
        cw_progress(copier->context);
    }
    cw_reader_close(&reader);
    return code;
}

static cw_code read_all(cw_copier *copier, cw_taker taker) {
    for (int32_t c = 0; c < copier->columns && copier->mine > 0; c += GROUP)
        CW_TRY(read_group(copier, c, c + GROUP < copier->columns ? c + GROUP : copier->columns, taker));
    return CW_OK;
}

/* Ranges and missing counts of all ranks, and the storage that holds them. */
static cw_code settle(cw_copier *copier) {
    int64_t *most = NULL, *missing = NULL;
    size_t columns = (size_t)copier->columns;
    cw_code code = cw_alloc(copier->env, columns, 3 * sizeof *most, &most);
    if (code == CW_OK) code = cw_alloc(copier->env, columns, sizeof *missing, &missing);
    code = cw_agree(copier->context, code);
    for (int32_t c = 0; c < copier->columns && code == CW_OK; c++) {
        const cw_copied *one = &copier->column[c];
        most[3 * c] = one->most;
        most[3 * c + 1] = ~one->least;
        most[3 * c + 2] = one->wide;
        missing[c] = one->missing;
    }
    if (code == CW_OK) code = cw_all_max(copier->context, most, 3 * copier->columns);
    if (code == CW_OK) code = cw_all_sum(copier->context, missing, copier->columns);
    for (int32_t c = 0; c < copier->columns && code == CW_OK; c++) {
        cw_copied *one = &copier->column[c];
        const cw_column *column = &copier->table->column[one->source];
        one->most = most[3 * c];
        one->least = ~most[3 * c + 1];
        one->missing = missing[c];
        if (one->real)
            one->storage = column->storage == CW_S_F32 && !most[3 * c + 2] ? CW_S_F32 : CW_S_F64;
        else if (column->categories > 0)
            one->storage = cw_code_storage(column->categories);
        else if (one->least > one->most)
            one->storage = CW_S_I8;
        else
            one->storage = cw_integer_storage(one->least, one->most, one->missing > 0);
    }
    cw_free(copier->env, &most);
    cw_free(copier->env, &missing);
    return code;
}

/* Texts are written as codes with labels: a category. */
static cw_kind written_kind(const cw_column *column) {
    return column->kind == CW_TEXT ? CW_CATEGORY : column->kind;
}

static void describe(const cw_copier *copier, cw_column *out) {
    for (int32_t c = 0; c < copier->columns; c++) {
        const cw_copied *one = &copier->column[c];
        out[c] = copier->table->column[one->source];
        out[c].kind = written_kind(&out[c]);
        out[c].storage = one->storage;
        out[c].missings = one->missing > 0;
        out[c].scale = 1; /* values are scaled when they are read */
        out[c].offset = 0;
    }
}

static cw_code create(cw_copier *copier, const char *temporary) {
    cw_storage *storage = NULL;
    const char **name = NULL;
    cw_code code = cw_alloc(copier->env, (size_t)copier->columns, sizeof *storage, &storage);
    if (code == CW_OK) code = cw_alloc(copier->env, (size_t)copier->columns, sizeof *name, &name);
    code = cw_agree(copier->context, code);
    for (int32_t c = 0; c < copier->columns && code == CW_OK; c++) {
        storage[c] = copier->column[c].storage;
        name[c] = copier->table->column[copier->column[c].source].name;
    }
    if (code == CW_OK)
        code = cw_canonical_create(copier->context, temporary, copier->table->rows, copier->first,
                                   copier->mine, copier->columns, storage, name, &copier->target);
    cw_free(copier->env, &storage);
    cw_free(copier->env, &name);
    return code;
}

static cw_code copy(cw_copier *copier, const char *temporary) {
    cw_column *column = NULL;
    CW_TRY(choose_columns(copier));
    own_rows(copier);
    cw_code code = cw_alloc(copier->env, CW_BLOCK_ROWS, sizeof *copier->value, &copier->value);
    if (code == CW_OK) code = cw_alloc(copier->env, CW_BLOCK_ROWS, 8, &copier->stored);
    if (code == CW_OK) code = read_all(copier, look);
    CW_TRY(cw_agree(copier->context, code));
    CW_TRY(settle(copier));
    CW_TRY(create(copier, temporary));
    code = read_all(copier, put);
    if (code == CW_OK) code = cw_alloc(copier->env, (size_t)copier->columns, sizeof *column, &column);
    code = cw_agree(copier->context, code);
    if (code == CW_OK) {
        describe(copier, column);
        code = cw_canonical_finish(copier->target, column);
    }
    cw_free(copier->env, &column);
    return code;
}

static cw_code report_on(const cw_copier *copier, const char *target, char **report) {
    char line[768], *longer;
    CW_TRY(cw_format(copier->env, report, "%s: %lld rows, %d columns, into %s\n", copier->table->part[0].file,
                     (long long)copier->table->rows, copier->columns, target));
    for (int32_t c = 0, k = 0; c < copier->table->columns; c++) {
        const cw_column *column = &copier->table->column[c];
        const char *why = copier->table->store->note[c].why;
        const cw_copied *one = k < copier->columns ? &copier->column[k] : NULL;
        k += !why;
        if (c >= REPORTED && !why) continue;
        if (c >= 10 * REPORTED) break;
        if (why) {
            snprintf(line, sizeof line, "  %-20s LEFT OUT: %s\n", column->name, why);
        } else {
            snprintf(line, sizeof line, "  %-20s %-8s %-3s missing %lld\n", column->name,
                     cw_kind_name(written_kind(column)), cw_storage_name(one->storage),
                     (long long)one->missing);
        }
        cw_code code = cw_format(copier->env, &longer, "%s%s", *report, line);
        cw_free(copier->env, report);
        *report = longer;
        CW_TRY(code);
    }
    return CW_OK;
}

cw_code cw_import_table(cw_context *context, const cw_table_spec *spec, const char *target, char **report) {
    cw_copier copier = {.context = context, .env = cw_context_env(context)};
    int root = cw_context_rank(context) == 0;
    char *made = NULL, *temporary = NULL, *text = NULL;
    cw_code code = root ? cw_file_temporary(copier.env, target, &made) : CW_OK;
    code = cw_agree(context, code);
    if (code == CW_OK) code = cw_share_text(context, made, &temporary);
    if (code == CW_OK) code = cw_table_open(context, spec, &copier.table);
    if (code == CW_OK) code = copy(&copier, temporary);
    if (code == CW_OK) {
        if (root) code = report_on(&copier, target, &text);
        if (root && code == CW_OK) code = cw_file_install(copier.env, temporary, target);
        code = cw_agree(context, code);
    }
    if (code != CW_OK && root && temporary) (void)unlink(temporary);
    cw_canonical_close(&copier.target);
    cw_free(copier.env, &copier.value);
    cw_free(copier.env, &copier.stored);
    cw_free(copier.env, &copier.column);
    cw_table_destroy(&copier.table);
    cw_free(copier.env, &temporary);
    cw_free(copier.env, &made);
    if (code == CW_OK && report && root) {
        *report = text;
        text = NULL;
    }
    cw_free(copier.env, &text);
    return code;
}
