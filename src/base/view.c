#include "view.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Why a row is out. The first reason stays. */
enum { ROW_IN = 0, ROW_WEIGHS_0, ROW_FILTERED, ROW_MISSING };

struct cw_view {
    cw_env *env;
    cw_source base;
    int32_t columns, required, weight_column;
    cw_view_column *column;
    const cw_expression *where;
    char **name; /* columns, then keys */

    /* Of the current block; allocated when first needed, for `capacity` rows. */
    int32_t capacity;
    const double **real;     /* what the block shows: the base's arrays or buffers */
    double **buffer;         /* one for each column */
    double *fate, *all_used; /* what became of each row; zeros for blocks where nothing is left out */
    double *filter, *weight;
    unsigned char *state;
    void *workspace;
};

/* The worst that a block holds so far: the first row, then the first column. row -1: nothing. */
typedef struct offence {
    int32_t row, column;
} offence;

/* ---- making and freeing ---- */

static cw_code check_spec(cw_env *env, const cw_source *base, const cw_view_spec *spec) {
    int good = spec->columns >= 0 && spec->weight >= -1 && spec->weight < spec->columns &&
               spec->required >= 0 && spec->required <= spec->columns;
    for (int32_t j = -1; good && j < spec->columns; j++) {
        const cw_expression *formula = j < 0 ? spec->where : spec->column[j].formula;
        const int32_t *used;
        int32_t count = formula ? cw_expression_columns(formula, &used) : 0;
        if (count > 0) good = used[count - 1] < base->reals;
        if (j >= 0 && !formula) good = spec->column[j].base >= 0 && spec->column[j].base < base->reals;
    }
    return good ? CW_OK : cw_fail(env, CW_INTERNAL, NULL, NULL, "a view of columns that its base lacks");
}

static cw_code copy_spec(cw_view *v, const cw_view_spec *spec) {
    int32_t names = spec->columns + v->base.keys;
    CW_TRY(cw_alloc(v->env, (size_t)spec->columns, sizeof *v->column, &v->column));
    CW_TRY(cw_alloc(v->env, (size_t)spec->columns + 1, sizeof *v->real, &v->real));
    CW_TRY(cw_alloc_zero(v->env, (size_t)spec->columns, sizeof *v->buffer, &v->buffer));
    CW_TRY(cw_alloc_zero(v->env, (size_t)names, sizeof *v->name, &v->name));
    for (int32_t j = 0; j < spec->columns; j++) v->column[j] = spec->column[j];
    for (int32_t j = 0; j < names; j++) CW_TRY(cw_strdup(v->env, spec->name[j], &v->name[j]));
    return CW_OK;
}

cw_code cw_view_create(cw_env *env, const cw_source *base, const cw_view_spec *spec, cw_view **out) {
    *out = NULL;
    CW_TRY(check_spec(env, base, spec));
    cw_view *v;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *v, &v));
    v->env = env;
    v->base = *base;
    v->columns = spec->columns;
    v->required = spec->required;
    v->weight_column = spec->weight;
    v->where = spec->where;
    cw_code code = copy_spec(v, spec);
    if (code == CW_OK)
        *out = v;
    else
        cw_view_destroy(&v);
    return code;
}

static void free_buffers(cw_view *v) {
    for (int32_t j = 0; v->buffer && j < v->columns; j++) cw_free(v->env, &v->buffer[j]);
    cw_free(v->env, &v->filter);
    cw_free(v->env, &v->fate);
    cw_free(v->env, &v->all_used);
    cw_free(v->env, &v->weight);
    cw_free(v->env, &v->state);
    cw_free(v->env, &v->workspace);
}

void cw_view_destroy(cw_view **view) {
    cw_view *v = *view;
    *view = NULL;
    if (!v) return;
    free_buffers(v);
    for (int32_t j = 0; v->name && j < v->columns + v->base.keys; j++) cw_free(v->env, &v->name[j]);
    cw_free(v->env, &v->name);
    cw_free(v->env, &v->buffer);
    cw_free(v->env, &v->real);
    cw_free(v->env, &v->column);
    cw_free(v->env, &v);
}

/* ---- buffers ---- */

/* Later blocks are as long or shorter, except at the beginning: growing frees all and starts again. */
static void make_room(cw_view *v, int32_t rows) {
    if (rows <= v->capacity) return;
    free_buffers(v);
    v->capacity = rows;
}

static cw_code need_doubles(cw_view *v, double **buffer) {
    return *buffer ? CW_OK : cw_alloc(v->env, (size_t)v->capacity, sizeof **buffer, buffer);
}

/* One workspace for the largest of all expressions. */
static cw_code need_workspace(cw_view *v) {
    if (v->workspace) return CW_OK;
    size_t bytes = v->where ? cw_expression_workspace(v->where, v->capacity) : 0;
    for (int32_t j = 0; j < v->columns; j++) {
        if (!v->column[j].formula) continue;
        size_t more = cw_expression_workspace(v->column[j].formula, v->capacity);
        if (more > bytes) bytes = more;
    }
    return cw_alloc(v->env, bytes, 1, &v->workspace);
}

static cw_code evaluate(cw_view *v, const cw_expression *e, const cw_block *b, double **buffer) {
    CW_TRY(need_doubles(v, buffer));
    CW_TRY(need_workspace(v));
    cw_expression_evaluate(e, b->rows, b->real, v->workspace, *buffer);
    return CW_OK;
}

/* ---- looking at rows: a quick count first, since most blocks have nothing ---- */

static int any_missing(int32_t n, const double *x) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) count += x[i] != x[i];
    return count > 0;
}

static int any_outside(int32_t n, const double *x, double low, double high) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) count += (x[i] < low) | (x[i] > high);
    return count > 0;
}

static int any_not_positive(int32_t n, const double *x) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) count += !(x[i] > 0);
    return count > 0;
}

static int any_key_missing(int32_t n, const int64_t *x) {
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++) count += x[i] == CW_KEY_MISSING;
    return count > 0;
}

/* The states of the block's rows, all in when `*used` is still 0. */
static cw_code need_state(cw_view *v, int32_t rows, int *used) {
    if (*used) return CW_OK;
    if (!v->state) CW_TRY(cw_alloc(v->env, (size_t)v->capacity, 1, &v->state));
    memset(v->state, ROW_IN, (size_t)rows);
    *used = 1;
    return CW_OK;
}

static void mark(unsigned char *state, int32_t row, int out, int reason) {
    if (out && state[row] == ROW_IN) state[row] = (unsigned char)reason;
}

static void offend(offence *worst, int32_t row, int32_t column) {
    if (worst->row < 0 || row < worst->row || (row == worst->row && column < worst->column))
        *worst = (offence){row, column};
}

static cw_code look_at_filter(cw_view *v, const cw_block *b, int *used) {
    if (b->weight && any_not_positive(b->rows, b->weight)) {
        CW_TRY(need_state(v, b->rows, used));
        for (int32_t i = 0; i < b->rows; i++) mark(v->state, i, !(b->weight[i] > 0), ROW_WEIGHS_0);
    }
    if (!v->where) return CW_OK;
    CW_TRY(evaluate(v, v->where, b, &v->filter));
    const double *keep = v->filter;
    int32_t out = 0;
    for (int32_t i = 0; i < b->rows; i++) out += (keep[i] == 0) | (keep[i] != keep[i]);
    if (out == 0) return CW_OK;
    CW_TRY(need_state(v, b->rows, used));
    for (int32_t i = 0; i < b->rows; i++)
        mark(v->state, i, (keep[i] == 0) | (keep[i] != keep[i]), ROW_FILTERED);
    return CW_OK;
}

static cw_code look_at_weights(cw_view *v, int32_t rows, int *used, offence *worst) {
    if (v->weight_column < 0) return CW_OK;
    const double *weight = v->real[v->weight_column];
    if (!any_not_positive(rows, weight) && !any_outside(rows, weight, 0, DBL_MAX)) return CW_OK;
    CW_TRY(need_state(v, rows, used));
    for (int32_t i = 0; i < rows; i++) {
        if (v->state[i] == ROW_IN && !(weight[i] >= 0 && weight[i] <= DBL_MAX))
            offend(worst, i, v->weight_column);
        mark(v->state, i, weight[i] == 0, ROW_WEIGHS_0);
    }
    return CW_OK;
}

static cw_code look_for_missing(cw_view *v, const cw_block *b, int *used) {
    for (int32_t j = 0; j < v->required; j++) {
        const double *x = v->real[j];
        if (!any_missing(b->rows, x)) continue;
        CW_TRY(need_state(v, b->rows, used));
        for (int32_t i = 0; i < b->rows; i++) mark(v->state, i, x[i] != x[i], ROW_MISSING);
    }
    for (int32_t k = 0; k < b->keys; k++) {
        const int64_t *x = b->key[k];
        if (!any_key_missing(b->rows, x)) continue;
        CW_TRY(need_state(v, b->rows, used));
        for (int32_t i = 0; i < b->rows; i++) mark(v->state, i, x[i] == CW_KEY_MISSING, ROW_MISSING);
    }
    return CW_OK;
}

static void look_at_ranges(const cw_view *v, int32_t rows, int used, offence *worst) {
    for (int32_t j = 0; j < v->columns; j++) {
        double low = v->column[j].low, high = v->column[j].high;
        if ((low == -INFINITY && high == INFINITY) || !any_outside(rows, v->real[j], low, high)) continue;
        for (int32_t i = 0; i < rows; i++) {
            double x = v->real[j][i];
            if ((x < low || x > high) && !(used && v->state[i] != ROW_IN)) {
                offend(worst, i, j);
                break;
            }
        }
    }
}

static cw_code tell(cw_env *env, const cw_view *v, int64_t first, offence bad) {
    double value = v->real[bad.column][bad.row];
    const cw_view_column *column = &v->column[bad.column];
    const char *name = v->name[bad.column];
    const char *mend = "correct the value, or leave such rows out with data.where";
    char where[64];
    snprintf(where, sizeof where, "row %lld", (long long)(first + bad.row + 1));
    if (isnan(value)) return cw_fail(env, CW_BAD_DATA, where, mend, "the weight '%s' is missing", name);
    if (value < column->low)
        return cw_fail(env, CW_BAD_DATA, where, mend,
                       "'%s' is %.15g, below the %.15g that is its least value", name, value, column->low);
    if (value > column->high)
        return cw_fail(env, CW_BAD_DATA, where, mend,
                       "'%s' is %.15g, above the %.15g that is its largest value", name, value, column->high);
    return cw_fail(env, CW_BAD_DATA, where, mend,
                   "the weight '%s' is %.15g, not a finite number of at least 0", name, value);
}

/* ---- the block that is shown ---- */

static int32_t first_missing_column(const cw_view *v, const cw_block *b, int32_t row) {
    for (int32_t j = 0; j < v->required; j++)
        if (isnan(v->real[j][row])) return j;
    for (int32_t k = 0; k < b->keys; k++)
        if (b->key[k][row] == CW_KEY_MISSING) return v->columns + k;
    return -1;
}

static void tell_fates(cw_view *v, const cw_block *b) {
    static const double fate[] = {CW_FATE_USED, CW_FATE_WEIGHTLESS, CW_FATE_FILTERED};
    for (int32_t i = 0; i < b->rows; i++) {
        if (v->state[i] == ROW_MISSING)
            v->fate[i] = CW_FATE_MISSING + first_missing_column(v, b, i);
        else
            v->fate[i] = fate[v->state[i]];
    }
}

/* Copies every column (a derived one onto itself) with 0 in the rows that are out. */
static void leave_rows_out(cw_view *v, int32_t rows) {
    for (int32_t j = 0; j < v->columns; j++) {
        const double *from = v->real[j];
        double *to = v->buffer[j];
        for (int32_t i = 0; i < rows; i++) to[i] = v->state[i] == ROW_IN ? from[i] : 0;
        v->real[j] = to;
    }
}

/* The product of the weights there are; NULL where every row weighs 1. */
static cw_code weigh(cw_view *v, const cw_block *b, int some_out, const double **weight) {
    const double *own = v->weight_column < 0 ? NULL : v->real[v->weight_column];
    const double *before = b->weight;
    *weight = own ? own : before;
    if (!some_out && !(own && before)) return CW_OK;
    CW_TRY(need_doubles(v, &v->weight));
    for (int32_t i = 0; i < b->rows; i++)
        v->weight[i] = some_out && v->state[i] != ROW_IN ? 0 : (own ? own[i] : 1) * (before ? before[i] : 1);
    *weight = v->weight;
    return CW_OK;
}

static cw_code read_block(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    cw_view *v = self;
    cw_block b;
    CW_TRY(v->base.read(env, v->base.self, first, rows, &b));
    make_room(v, rows);
    for (int32_t j = 0; j < v->columns; j++) {
        if (v->column[j].formula) CW_TRY(evaluate(v, v->column[j].formula, &b, &v->buffer[j]));
        v->real[j] = v->column[j].formula ? v->buffer[j] : b.real[v->column[j].base];
    }
    int some_out = 0;
    offence worst = {-1, -1};
    CW_TRY(look_at_filter(v, &b, &some_out));
    CW_TRY(look_at_weights(v, rows, &some_out, &worst));
    CW_TRY(look_for_missing(v, &b, &some_out));
    look_at_ranges(v, rows, some_out, &worst);
    if (worst.row >= 0) return tell(env, v, first, worst);
    if (some_out)
        for (int32_t j = 0; j < v->columns; j++) CW_TRY(need_doubles(v, &v->buffer[j]));
    const double *weight;
    CW_TRY(weigh(v, &b, some_out, &weight));
    if (some_out) {
        CW_TRY(need_doubles(v, &v->fate));
        tell_fates(v, &b);
        leave_rows_out(v, rows);
    } else if (!v->all_used) {
        CW_TRY(cw_alloc_zero(env, (size_t)v->capacity, sizeof *v->all_used, &v->all_used));
    }
    v->real[v->columns] = some_out ? v->fate : v->all_used;
    *out = (cw_block){.first_row = first,
                      .rows = rows,
                      .reals = v->columns + 1,
                      .keys = b.keys,
                      .real = v->real,
                      .key = b.key,
                      .weight = weight};
    return CW_OK;
}

cw_source cw_view_source(cw_view *view) {
    return (cw_source){.rows = view->base.rows,
                       .reals = view->columns + 1,
                       .keys = view->base.keys,
                       .bytes_per_row = view->base.bytes_per_row,
                       .self = view,
                       .read = read_block};
}
