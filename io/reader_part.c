#include "reader_part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 256 * 1024, DIRECT = 1 << 20 };

int64_t cw_real_key(double value) {
    int64_t bits, magnitude;
    if (value != value) return CW_KEY_MISSING;
    if (fabs(value) < 0x1p52 && value == floor(value)) return (int64_t)value;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & INT64_MAX;
    /* the ordered bits of subnormals are small integers: they go where only NaNs would be */
    if (magnitude < (int64_t)1 << 52) magnitude += (int64_t)0x7ff << 52;
    return bits < 0 ? -magnitude : magnitude;
}

/* -- opening -- */

static cw_code changed(cw_env *env, const cw_table *table, int64_t number, const char *what) {
    char where[CW_ERROR_PLACE];
    cw_place_text(where, "%s:%s", table->part[number].file, table->part[number].path);
    return cw_fail(env, CW_BAD_DATA, where, "start again, and leave the files alone while the run reads them",
                   "the file has changed since the run began: %s", what);
}

/* Stored codes of an enumeration may be any integers; those close together get a table. */
static cw_code find_direct(cw_env *env, cw_target *t) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t i = 0; i < t->codes; i++) {
        if (t->value[i] < low) low = t->value[i];
        if (t->value[i] > high) high = t->value[i];
    }
    if (t->codes == 0 || low < -DIRECT || high > DIRECT) return CW_OK;
    t->low = low;
    t->span = high - low + 1;
    CW_TRY(cw_alloc(env, (size_t)t->span, sizeof *t->direct, &t->direct));
    for (int64_t i = 0; i < t->span; i++) t->direct[i] = -1;
    for (int64_t i = t->codes - 1; i >= 0; i--) t->direct[t->value[i] - low] = (int32_t)i;
    return CW_OK;
}

static cw_code map_labels(cw_env *env, const cw_table *table, int64_t number, const cw_want *want,
                          cw_target *t) {
    const cw_field *f = t->field;
    CW_TRY(cw_alloc(env, (size_t)f->labels, sizeof *t->map, &t->map));
    for (int32_t i = 0; i < f->labels; i++) {
        t->map[i] = cw_lookup_find(&want->lookup, f->label[i], strlen(f->label[i]));
        if (t->map[i] < 0) return changed(env, table, number, "a column has other labels");
    }
    return t->value ? find_direct(env, t) : CW_OK;
}

static cw_code set_target(cw_env *env, const cw_table *table, int64_t number, const cw_want *want,
                          cw_reader_part *out, cw_target *t) {
    const cw_column *c = &table->column[want->column];
    const cw_note *note = &table->store->note[want->column];
    const cw_field *f = cw_h5_part_find(&out->h5, c->name);
    if (!f) return changed(env, table, number, "a column is gone");
    int text = cw_stored_is_text(&f->stored);
    if (f->stored.element == CW_E_NONE || text != note->textual)
        return changed(env, table, number, "a column is of another type");
    t->field = f;
    t->scale = f->scale;
    t->add = f->add;
    t->codes = f->labels;
    t->value = f->value;
    t->plain =
        f->stored.element == CW_E_F64 && !f->stored.swap && !c->missings && f->scale == 1 && f->add == 0;
    if (note->labelled && !text && note->relabel) return map_labels(env, table, number, want, t);
    if (note->labelled && !text && f->labels != c->categories)
        return changed(env, table, number, "a column has other labels");
    return CW_OK;
}

static void free_targets(cw_env *env, cw_reader_part *part) {
    for (int32_t i = 0; part->target && i < part->targets; i++) {
        cw_free(env, &part->target[i].map);
        cw_free(env, &part->target[i].direct);
    }
    cw_free(env, &part->target);
}

cw_code cw_reader_part_open(cw_env *env, const cw_table *table, int64_t number, hid_t file, int32_t wants,
                            const cw_want *want, cw_reader_part *out) {
    const cw_part *part = &table->part[number];
    const char **name;
    int named = 0, opened = 0;
    memset(out, 0, sizeof *out);
    out->number = number;
    out->targets = wants;
    cw_code code = cw_alloc(env, (size_t)wants + 1, sizeof *name, &name);
    if (code == CW_OK) code = cw_alloc_zero(env, (size_t)wants, sizeof *out->target, &out->target);
    for (int32_t i = 0; code == CW_OK && i < wants; i++)
        if (want[i].column != table->store->part_column) name[named++] = table->column[want[i].column].name;
    if (code == CW_OK && named) {
        code = cw_h5_part_open(env, part->file, file, part->path, named, name, &out->h5);
        opened = code == CW_OK;
    }
    if (opened && out->h5.rows != part->rows)
        code = changed(env, table, number, "it has another number of rows");
    for (int32_t i = 0; code == CW_OK && i < wants; i++)
        if (want[i].column != table->store->part_column)
            code = set_target(env, table, number, &want[i], out, &out->target[i]);
    if (opened) out->h5.want = NULL;
    cw_free(env, &name);
    if (code == CW_OK) return CW_OK;
    free_targets(env, out);
    if (opened) cw_h5_part_close(&out->h5);
    out->number = -1;
    return code;
}

void cw_reader_part_close(cw_env *env, cw_reader_part *part) {
    if (part->number < 0) return;
    free_targets(env, part);
    if (part->h5.arena.env) cw_h5_part_close(&part->h5);
    part->number = -1;
}

/* -- values -- */

typedef struct cw_run {
    cw_env *env;
    const cw_table *table;
    cw_reader_part *part;
    const cw_want *want;
    cw_target *t;
    const char *from; /* the first value */
    size_t stride;
    int64_t first, n; /* rows of the part */
    cw_stored stored; /* of what stands at `from` (unusual floats have been converted) */
} cw_run;

static cw_code bad_value(cw_run *r, int64_t i, const char *mend, const char *what) {
    char where[CW_ERROR_PLACE];
    cw_table_place(r->table, r->part->number, r->want->column, r->first + i, where);
    return cw_fail(r->env, CW_BAD_DATA, where, mend, "%s", what);
}

static void drop_missing(cw_run *r, double *to) {
    const cw_column *c = &r->table->column[r->want->column];
    int single = r->stored.element == CW_E_F32;
    for (int32_t k = 0; k < c->missings; k++) {
        /* What a float cannot hold exactly is compared as the float nearest to it. */
        double code = single ? (double)(float)c->missing[k] : c->missing[k];
        for (int64_t i = 0; i < r->n; i++)
            if (to[i] == code) to[i] = NAN;
    }
}

/* Numbers as doubles: missing codes are of stored values, so they come before the scale. */
static void take_reals(cw_run *r, double *to) {
    cw_decode_reals(&r->stored, r->from, r->stride, r->n, to);
    drop_missing(r, to);
    if (r->t->scale == 1 && r->t->add == 0) return;
    for (int64_t i = 0; i < r->n; i++) to[i] = to[i] * r->t->scale + r->t->add;
}

static cw_code whole_keys(cw_run *r, int64_t *to) {
    if (!cw_stored_is_float(&r->stored)) {
        int64_t bad = cw_decode_integers(&r->stored, r->from, r->stride, r->n, to);
        return bad < 0 ? CW_OK : bad_value(r, bad, "make the numbers smaller", "an integer above 2^63 - 1");
    }
    for (int64_t i = 0; i < r->n; i++) {
        double v;
        cw_decode_reals(&r->stored, r->from + (size_t)i * r->stride, r->stored.size, 1, &v);
        int whole = v == v && fabs(v) < 9223372036854775808.0 && v == trunc(v);
        if (v == v && !whole)
            return bad_value(r, i, "give the column kind: real, or mend the value",
                             "a value that is no whole number, in a column of whole numbers");
        to[i] = whole ? (int64_t)v : CW_KEY_MISSING;
    }
    return CW_OK;
}

static void drop_missing_keys(cw_run *r, int64_t *to) {
    const cw_column *c = &r->table->column[r->want->column];
    for (int32_t k = 0; k < c->missings; k++) {
        double code = c->missing[k];
        if (!(code >= -9223372036854775808.0 && code < 9223372036854775808.0) || code != trunc(code))
            continue;
        int64_t whole = (int64_t)code;
        for (int64_t i = 0; i < r->n; i++)
            if (to[i] == whole) to[i] = CW_KEY_MISSING;
    }
}

/* Stored codes to unified ones. A negative code is missing, as pandas has it. */
static cw_code relabel(cw_run *r, int64_t *to) {
    const cw_target *t = r->t;
    for (int64_t i = 0; i < r->n; i++) {
        int64_t place = to[i];
        if (place == CW_KEY_MISSING) continue;
        if (t->direct) {
            int64_t at = place - t->low;
            place = place >= t->low && at < t->span && t->direct[at] >= 0 ? t->direct[at] : t->codes;
        } else if (t->value) {
            int64_t stored = place;
            for (place = 0; place < t->codes && t->value[place] != stored; place++) {
            }
        } else if (place < 0) {
            to[i] = CW_KEY_MISSING;
            continue;
        }
        if (place >= t->codes)
            return bad_value(r, i, "mend the code, or its labels", "a code without a label");
        to[i] = t->map ? t->map[place] : place;
    }
    return CW_OK;
}

static cw_code text_keys(cw_run *r, int64_t *to) {
    for (int64_t i = 0; i < r->n; i++) {
        const char *text;
        size_t length;
        cw_decode_text(&r->stored, r->from + (size_t)i * r->stride, &text, &length);
        to[i] = length ? cw_lookup_find(&r->want->lookup, text, length) : CW_KEY_MISSING;
        if (to[i] == -1)
            return bad_value(r, i, "start again", "a text that was not there when the run began");
    }
    return CW_OK;
}

static cw_code take_keys(cw_run *r, int64_t *to) {
    const cw_note *note = &r->table->store->note[r->want->column];
    cw_kind kind = r->table->column[r->want->column].kind;
    if (cw_stored_is_text(&r->stored)) return text_keys(r, to);
    if ((kind == CW_REAL || kind == CW_TIME) && note->floats) {
        double piece[512];
        cw_run one = *r;
        for (int64_t done = 0; done < r->n; done += one.n) {
            one.from = r->from + (size_t)done * r->stride;
            one.n = r->n - done < 512 ? r->n - done : 512;
            take_reals(&one, piece);
            for (int64_t i = 0; i < one.n; i++) to[done + i] = cw_real_key(piece[i]);
        }
        return CW_OK;
    }
    if (r->t->scale != 1 || r->t->add != 0)
        return bad_value(r, 0, "give the column kind: real",
                         "a scaled column cannot be a key of whole numbers");
    CW_TRY(whole_keys(r, to));
    drop_missing_keys(r, to);
    return note->labelled ? relabel(r, to) : CW_OK;
}

/* A category as a real is its code: by way of keys. */
static cw_code coded_reals(cw_run *r, double *to) {
    int64_t piece[512];
    cw_run one = *r;
    for (int64_t done = 0; done < r->n; done += one.n) {
        one.from = r->from + (size_t)done * r->stride;
        one.first = r->first + done;
        one.n = r->n - done < 512 ? r->n - done : 512;
        CW_TRY(take_keys(&one, piece));
        for (int64_t i = 0; i < one.n; i++)
            to[done + i] = piece[i] == CW_KEY_MISSING ? NAN : (double)piece[i];
    }
    return CW_OK;
}

static cw_code room_for(cw_env *env, size_t bytes, char **buffer, size_t *room) {
    if (bytes <= *room) return CW_OK;
    cw_free(env, buffer);
    *room = 0;
    CW_TRY(cw_alloc(env, bytes, 1, buffer));
    *room = bytes;
    return CW_OK;
}

/* HDF5 turns an unusual float into a double; the run then reads doubles. */
static cw_code convert_odd(cw_run *r, cw_scratch *scratch) {
    size_t size = r->stored.size, wide = size > 8 ? size : 8;
    CW_TRY(room_for(r->env, (size_t)r->n * wide, &scratch->odd, &scratch->odd_room));
    for (int64_t i = 0; i < r->n; i++)
        memcpy(scratch->odd + (size_t)i * size, r->from + (size_t)i * r->stride, size);
    if (H5Tconvert(r->stored.odd, H5T_NATIVE_DOUBLE, (size_t)r->n, scratch->odd, NULL, H5P_DEFAULT) < 0)
        return bad_value(r, 0, "write the column as doubles", "HDF5 cannot convert the column's floats");
    r->from = scratch->odd;
    r->stride = 8;
    r->stored = (cw_stored){.element = CW_E_F64, .size = 8, .odd = -1};
    return CW_OK;
}

static cw_code take(cw_run *r, int64_t at, cw_scratch *scratch) {
    if (r->stored.element == CW_E_ODD) CW_TRY(convert_odd(r, scratch));
    int coded = r->table->store->note[r->want->column].labelled || cw_stored_is_text(&r->stored);
    if (r->want->real && coded)
        CW_TRY(coded_reals(r, r->want->real + at));
    else if (r->want->real)
        take_reals(r, r->want->real + at);
    return r->want->key ? take_keys(r, r->want->key + at) : CW_OK;
}

/* All wanted columns of one dataset (of one line of it), piece by piece. */
static cw_code read_dataset(cw_run *base, int32_t wants, const cw_want *want, int32_t index, int64_t line,
                            int64_t at, cw_scratch *scratch) {
    const cw_dataset *d = &base->part->h5.dataset[index];
    int64_t piece = PIECE_BYTES / (int64_t)d->record;
    if (d->filtered && d->chunk_rows > piece)
        piece = d->chunk_rows * (int64_t)d->record <= (4 << 20) ? d->chunk_rows : piece;
    if (piece < 1) piece = 1;
    if (piece > base->n) piece = base->n;
    CW_TRY(room_for(base->env, (size_t)piece * d->record, &scratch->bytes, &scratch->room));
    for (int64_t done = 0; done < base->n; done += piece) {
        int64_t n = base->n - done < piece ? base->n - done : piece;
        CW_TRY(cw_dataset_read(base->env, d, line, base->first + done, n, scratch->bytes));
        cw_code code = CW_OK;
        for (int32_t i = 0; code == CW_OK && i < wants; i++) {
            cw_target *t = &base->part->target[i];
            if (!t->field || t->field->dataset != index ||
                (d->shape == CW_SHAPE_LINES && t->field->line != line))
                continue;
            cw_run run = *base;
            run.want = &want[i];
            run.t = t;
            run.from = scratch->bytes + t->field->offset;
            run.stride = d->record;
            run.first = base->first + done;
            run.n = n;
            run.stored = t->field->stored;
            code = take(&run, at + done, scratch);
        }
        cw_dataset_reclaim(d, n, scratch->bytes);
        CW_TRY(code);
    }
    return CW_OK;
}

static void fill_part_number(const cw_run *base, const cw_want *want, int64_t at) {
    for (int64_t i = 0; want->real && i < base->n; i++) want->real[at + i] = (double)base->part->number;
    for (int64_t i = 0; want->key && i < base->n; i++) want->key[at + i] = base->part->number;
}

cw_code cw_reader_part_read(cw_env *env, const cw_table *table, cw_reader_part *part, int32_t wants,
                            const cw_want *want, int64_t first, int64_t n, int64_t at, cw_scratch *scratch) {
    cw_run base = {.env = env, .table = table, .part = part, .first = first, .n = n};
    for (int32_t i = 0; i < wants; i++) {
        const cw_field *f = part->target[i].field;
        if (!f) {
            fill_part_number(&base, &want[i], at);
            continue;
        }
        const cw_dataset *d = &part->h5.dataset[f->dataset];
        /* The fast way: a column of doubles goes straight to where it is wanted. */
        if (part->target[i].plain && d->shape != CW_SHAPE_ROWS && d->record == 8 && want[i].real &&
            !want[i].key) {
            CW_TRY(cw_dataset_read(env, d, f->line, first, n, want[i].real + at));
            continue;
        }
        int earlier = 0; /* an earlier want has read the dataset with this column */
        for (int32_t k = 0; k < i && !earlier; k++) {
            const cw_field *g = part->target[k].field;
            earlier = g && g->dataset == f->dataset && (d->shape != CW_SHAPE_LINES || g->line == f->line);
        }
        if (!earlier) CW_TRY(read_dataset(&base, wants, want, f->dataset, f->line, at, scratch));
    }
    return CW_OK;
}
