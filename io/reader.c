/* The reader: a window of rows over all wanted columns, filled part by part. Blocks are pointers into it. */
#include <math.h>
#include <string.h>

#include "reader_part.h"

enum {
    OPEN_PARTS = 4,
    OPEN_FILES = 4,
    WINDOW_ROWS = 4 * CW_BLOCK_ROWS, /* read ahead */
    WINDOW_BYTES = 32 << 20
};

typedef struct cw_open_file {
    const char *name; /* borrowed of the table; NULL: free */
    hid_t id;
    int64_t used;
} cw_open_file;

struct cw_reader {
    cw_env *env;
    const cw_table *table;
    int32_t reals, keys, wants;
    cw_want *want;
    int32_t *real_want, *key_want; /* which want serves a column of the block */
    const double **real_at;
    const int64_t **key_at;
    int64_t first, rows, room; /* the window */
    int64_t ahead;             /* rows to read at least when reading forward */
    int64_t clock;
    cw_scratch scratch;
    cw_reader_part part[OPEN_PARTS];
    cw_open_file file[OPEN_FILES];
};

/* -- open parts and files, the least recently used goes first -- */

static void close_file(cw_reader *r, cw_open_file *file) {
    if (!file->name) return;
    for (int i = 0; i < OPEN_PARTS; i++) {
        cw_reader_part *part = &r->part[i];
        if (part->number >= 0 && !strcmp(r->table->part[part->number].file, file->name))
            cw_reader_part_close(r->env, part);
    }
    cw_h5_close(&file->id);
    file->name = NULL;
}

static cw_code open_file(cw_reader *r, const char *name, hid_t *out) {
    cw_open_file *place = &r->file[0];
    for (int i = 0; i < OPEN_FILES; i++) {
        cw_open_file *file = &r->file[i];
        if (file->name && !strcmp(file->name, name)) {
            file->used = ++r->clock;
            *out = file->id;
            return CW_OK;
        }
        if (place->name && (!file->name || file->used < place->used)) place = file;
    }
    close_file(r, place);
    CW_TRY(cw_h5_open(r->env, name, &place->id));
    place->name = name;
    place->used = ++r->clock;
    *out = place->id;
    return CW_OK;
}

static cw_code open_part(cw_reader *r, int64_t number, cw_reader_part **out) {
    cw_reader_part *place = &r->part[0];
    for (int i = 0; i < OPEN_PARTS; i++) {
        cw_reader_part *part = &r->part[i];
        if (part->number == number) {
            part->used = ++r->clock;
            *out = part;
            return CW_OK;
        }
        if (place->number >= 0 && (part->number < 0 || part->used < place->used)) place = part;
    }
    cw_reader_part_close(r->env, place);
    hid_t file = H5I_INVALID_HID;
    int only_part = r->wants == 1 && r->want[0].column == r->table->store->part_column;
    if (!only_part) CW_TRY(open_file(r, r->table->part[number].file, &file));
    CW_TRY(cw_reader_part_open(r->env, r->table, number, file, r->wants, r->want, place));
    place->used = ++r->clock;
    *out = place;
    return CW_OK;
}

/* -- the window -- */

static void free_window(cw_reader *r) {
    for (int32_t i = 0; i < r->wants; i++) {
        cw_free(r->env, &r->want[i].real);
        cw_free(r->env, &r->want[i].key);
    }
    r->rows = r->room = 0;
}

/* Which columns of the block a want serves is kept in its pointers; so a new window gets the same ones. */
static cw_code make_window(cw_reader *r, int64_t room) {
    if (room <= r->room) return CW_OK;
    free_window(r);
    for (int32_t j = 0; j < r->reals; j++) {
        cw_want *want = &r->want[r->real_want[j]];
        if (!want->real) CW_TRY(cw_alloc(r->env, (size_t)room, sizeof *want->real, &want->real));
    }
    for (int32_t j = 0; j < r->keys; j++) {
        cw_want *want = &r->want[r->key_want[j]];
        if (!want->key) CW_TRY(cw_alloc(r->env, (size_t)room, sizeof *want->key, &want->key));
    }
    r->room = room;
    return CW_OK;
}

static cw_code fill_window(cw_reader *r, int64_t first, int64_t rows) {
    CW_TRY(make_window(r, rows));
    r->rows = 0;
    int64_t number = cw_table_part_of(r->table, first);
    for (int64_t done = 0; done < rows; number++) {
        const cw_part *part = &r->table->part[number];
        int64_t start = first + done - part->first_row;
        int64_t n = part->rows - start < rows - done ? part->rows - start : rows - done;
        if (n <= 0) continue;
        cw_reader_part *open;
        CW_TRY(open_part(r, number, &open));
        CW_TRY(cw_reader_part_read(r->env, r->table, open, r->wants, r->want, start, n, done, &r->scratch));
        done += n;
    }
    r->first = first;
    r->rows = rows;
    return CW_OK;
}

static cw_code read_rows(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    cw_reader *r = self;
    int64_t all = r->table->rows, end = r->first + r->rows;
    if (first < 0 || rows < 0 || first > all || rows > all - first)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "rows %lld to %lld asked of a table of %lld",
                       (long long)first, (long long)first + rows, (long long)all);
    int inside = r->rows > 0 && first >= r->first && first + rows <= end;
    if (rows > 0 && !inside && r->wants > 0) {
        int forward = first == 0 || (r->rows > 0 && first >= r->first && first <= end);
        int64_t want = forward && r->ahead > rows ? r->ahead : rows;
        if (want > all - first) want = all - first;
        cw_code code = fill_window(r, first, want);
        if (code != CW_OK) { /* into the environment of this call, if it is another */
            if (env != r->env) {
                cw_error e = r->env->error;
                cw_env_clear(r->env);
                return cw_fail(env, code, e.where[0] ? e.where : NULL, e.mend[0] ? e.mend : NULL, "%s",
                               e.what);
            }
            return code;
        }
    }
    int64_t skip = rows > 0 && r->wants > 0 ? first - r->first : 0;
    for (int32_t j = 0; j < r->reals; j++) r->real_at[j] = r->want[r->real_want[j]].real + skip;
    for (int32_t j = 0; j < r->keys; j++) r->key_at[j] = r->want[r->key_want[j]].key + skip;
    *out = (cw_block){.first_row = first,
                      .rows = rows,
                      .reals = r->reals,
                      .keys = r->keys,
                      .real = r->real_at,
                      .key = r->key_at};
    return CW_OK;
}

/* -- opening -- */

static cw_code find_want(cw_reader *r, int32_t column, int32_t *place) {
    for (int32_t i = 0; i < r->wants; i++)
        if (r->want[i].column == column) {
            *place = i;
            return CW_OK;
        }
    if (column < 0 || column >= r->table->columns)
        return cw_fail(r->env, CW_INTERNAL, NULL, NULL, "column %d of %d is asked for", (int)column,
                       (int)r->table->columns);
    CW_TRY(cw_column_usable(r->env, r->table, column));
    *place = r->wants++;
    r->want[*place].column = column;
    return CW_OK;
}

static cw_code check_text(cw_reader *r, int32_t column, int as_key) {
    const cw_note *note = &r->table->store->note[column];
    const char *name = r->table->column[column].name;
    if (!note->textual) return CW_OK;
    if (!as_key)
        return cw_fail(r->env, CW_BAD_DATA, r->table->parts ? r->table->part[0].file : NULL,
                       "use it as a cluster, unit or group, or store it as numbers",
                       "column %s holds texts, which are no numbers", name);
    if (note->encoded) return CW_OK;
    return cw_fail(r->env, CW_INTERNAL, NULL, NULL, "column %s holds texts and has not been encoded", name);
}

static cw_code make_lookups(cw_reader *r) {
    for (int32_t i = 0; i < r->wants; i++) {
        const cw_note *note = &r->table->store->note[r->want[i].column];
        const cw_column *c = &r->table->column[r->want[i].column];
        if (note->textual || note->relabel)
            CW_TRY(cw_lookup_create(r->env, c->category, c->categories, c->categories, &r->want[i].lookup));
    }
    return CW_OK;
}

static cw_code set_up(cw_reader *r, const int32_t *real, const int32_t *key) {
    cw_env *env = r->env;
    CW_TRY(cw_alloc_zero(env, (size_t)r->reals + (size_t)r->keys, sizeof *r->want, &r->want));
    CW_TRY(cw_alloc_zero(env, (size_t)r->reals, sizeof *r->real_want, &r->real_want));
    CW_TRY(cw_alloc_zero(env, (size_t)r->keys, sizeof *r->key_want, &r->key_want));
    CW_TRY(cw_alloc_zero(env, (size_t)r->reals, sizeof *r->real_at, &r->real_at));
    CW_TRY(cw_alloc_zero(env, (size_t)r->keys, sizeof *r->key_at, &r->key_at));
    for (int32_t j = 0; j < r->reals; j++) {
        CW_TRY(find_want(r, real[j], &r->real_want[j]));
        CW_TRY(check_text(r, real[j], 0));
    }
    for (int32_t j = 0; j < r->keys; j++) {
        CW_TRY(find_want(r, key[j], &r->key_want[j]));
        CW_TRY(check_text(r, key[j], 1));
    }
    int64_t row = 8 * ((int64_t)r->reals + r->keys), fits = row ? WINDOW_BYTES / row : 0;
    if (fits > WINDOW_ROWS) fits = WINDOW_ROWS;
    r->ahead = fits / CW_BLOCK_ROWS * CW_BLOCK_ROWS;
    return make_lookups(r);
}

cw_code cw_reader_open(cw_env *env, const cw_table *table, int32_t reals, const int32_t *real, int32_t keys,
                       const int32_t *key, cw_reader **out) {
    cw_reader *r;
    *out = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *r, &r));
    r->env = env;
    r->table = table;
    r->reals = reals;
    r->keys = keys;
    for (int i = 0; i < OPEN_PARTS; i++) r->part[i].number = -1;
    for (int i = 0; i < OPEN_FILES; i++) r->file[i].id = H5I_INVALID_HID;
    cw_code code = set_up(r, real, key);
    if (code != CW_OK)
        cw_reader_close(&r);
    else
        *out = r;
    return code;
}

void cw_reader_close(cw_reader **reader) {
    cw_reader *r = *reader;
    if (!r) return;
    cw_env *env = r->env;
    for (int i = 0; i < OPEN_PARTS; i++) cw_reader_part_close(env, &r->part[i]);
    for (int i = 0; i < OPEN_FILES; i++) close_file(r, &r->file[i]);
    free_window(r);
    for (int32_t i = 0; i < r->wants; i++) cw_lookup_destroy(env, &r->want[i].lookup);
    cw_free(env, &r->scratch.bytes);
    cw_free(env, &r->scratch.odd);
    cw_free(env, &r->want);
    cw_free(env, &r->real_want);
    cw_free(env, &r->key_want);
    cw_free(env, &r->real_at);
    cw_free(env, &r->key_at);
    cw_free(env, reader);
}

cw_source cw_reader_source(cw_reader *r) {
    static const unsigned char bytes[] = {8, 4, 1, 2, 4, 8, 1, 2, 4, 16};
    cw_source source = {
        .rows = r->table->rows, .reals = r->reals, .keys = r->keys, .self = r, .read = read_rows};
    for (int32_t i = 0; i < r->wants; i++)
        if (r->want[i].column != r->table->store->part_column)
            source.bytes_per_row += bytes[r->table->column[r->want[i].column].storage];
    return source;
}
