#include "inspect.h"

#include <math.h>
#include <string.h>

#include "inspect_internal.h"

enum { GROUP = 64 };

/* A compensated sum (Neumaier 1974): means of long columns of one size keep all their digits. */
typedef struct cw_running {
    int64_t count;
    double sum, lost;
} cw_running;

static void add_value(cw_running *r, cw_found *f, double v) {
    double sum = r->sum + v;
    r->lost += fabs(r->sum) >= fabs(v) ? (r->sum - sum) + v : (v - sum) + r->sum;
    r->sum = sum;
    if (r->count == 0 || v < f->low) f->low = v;
    if (r->count == 0 || v > f->high) f->high = v;
    r->count += 1;
}

static void add_column(cw_running *r, cw_found *f, const double *value, int32_t rows) {
    for (int32_t i = 0; i < rows; i++) {
        if (value[i] != value[i])
            f->missing += 1;
        else
            add_value(r, f, value[i]);
    }
}

static cw_code stream_reals(cw_inspection *in, cw_source *source, int32_t count, const int32_t *column) {
    cw_running running[GROUP] = {{0}};
    cw_block block;
    for (int64_t first = 0; first < source->rows; first += CW_BLOCK_ROWS) {
        int64_t left = source->rows - first;
        int32_t rows = left < CW_BLOCK_ROWS ? (int32_t)left : CW_BLOCK_ROWS;
        CW_TRY(source->read(in->env, source->self, first, rows, &block));
        for (int32_t j = 0; j < count; j++)
            add_column(&running[j], &in->found[column[j]], block.real[j], rows);
    }
    for (int32_t j = 0; j < count; j++)
        if (running[j].count)
            in->found[column[j]].mean = (running[j].sum + running[j].lost) / (double)running[j].count;
    return CW_OK;
}

static cw_code inspect_reals(cw_inspection *in, int32_t count, const int32_t *column) {
    cw_reader *reader;
    CW_TRY(cw_reader_open(in->env, in->table, count, column, 0, NULL, &reader));
    cw_source source = cw_reader_source(reader);
    cw_code code = stream_reals(in, &source, count, column);
    cw_reader_close(&reader);
    return code;
}

static cw_code count_missing(cw_inspection *in, const cw_table *table, int32_t column) {
    cw_reader *reader;
    cw_block block;
    CW_TRY(cw_reader_open(in->env, table, 0, NULL, 1, &column, &reader));
    cw_source source = cw_reader_source(reader);
    cw_code code = CW_OK;
    for (int64_t first = 0; code == CW_OK && first < source.rows; first += CW_BLOCK_ROWS) {
        int64_t left = source.rows - first;
        code = source.read(in->env, source.self, first, left < CW_BLOCK_ROWS ? (int32_t)left : CW_BLOCK_ROWS,
                           &block);
        for (int32_t i = 0; code == CW_OK && i < block.rows; i++)
            in->found[column].missing += block.key[0][i] == CW_KEY_MISSING;
    }
    cw_reader_close(&reader);
    return code;
}

/* Texts are encoded in a copy of the table: inspecting changes nothing. Too many distinct ones are no error
 * here. */
static cw_code inspect_texts(cw_inspection *in, cw_table *copy, int32_t column) {
    cw_code code = cw_table_encode_alone(in->env, copy, column);
    if (code == CW_BAD_DATA) {
        in->found[column].labels = -1;
        in->found[column].missing = -1;
        CW_TRY(cw_arena_copy(&in->arena, in->env->error.what, (char **)(void *)&in->found[column].why));
        cw_env_clear(in->env);
        return CW_OK;
    }
    CW_TRY(code);
    in->found[column].labels = copy->column[column].categories;
    return count_missing(in, copy, column);
}

static cw_code inspect_columns(cw_inspection *in, cw_table *copy) {
    const cw_table *table = in->table;
    int32_t group[GROUP], count = 0;
    for (int32_t j = 0; j < table->columns; j++) {
        const cw_note *note = &table->store->note[j];
        in->found[j] = (cw_found){.why = note->why, .low = NAN, .high = NAN, .mean = NAN, .labels = -1};
        if (note->why) continue;
        if (note->textual) {
            CW_TRY(inspect_texts(in, copy, j));
            continue;
        }
        if (note->labelled) in->found[j].labels = table->column[j].categories;
        group[count++] = j;
        if (count < GROUP) continue;
        CW_TRY(inspect_reals(in, count, group));
        count = 0;
    }
    return count ? inspect_reals(in, count, group) : CW_OK;
}

static cw_code copy_table(cw_env *env, const cw_table *table, cw_table **out) {
    void *bytes;
    size_t size;
    CW_TRY(cw_table_pack(env, table, &bytes, &size));
    cw_code code = cw_table_unpack(env, bytes, size, out);
    cw_free(env, &bytes);
    return code;
}

cw_code cw_inspect(cw_env *env, const cw_table *table, char **text, int json) {
    cw_inspection in = {.env = env, .table = table};
    cw_table *copy = NULL;
    *text = NULL;
    cw_arena_init(&in.arena, env);
    cw_code code = cw_arena_take(&in.arena, (size_t)table->columns, sizeof *in.found, &in.found);
    if (code == CW_OK) code = copy_table(env, table, &copy);
    if (code == CW_OK) code = inspect_columns(&in, copy);
    if (code == CW_OK) code = cw_inspect_layout(&in);
    if (code == CW_OK) code = cw_inspect_write(&in, json, text);
    cw_table_destroy(&copy);
    cw_arena_free(&in.arena);
    return code;
}
