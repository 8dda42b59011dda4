#include "rowstate.h"

#include <string.h>

#include "pass.h"

/* A source made from the state: lives as long as the state does. */
typedef struct cw_rowstate_view {
    struct cw_rowstate_view *next;
    cw_rowstate *state;
    cw_source base;
    const double **real; /* the base's columns, then the state's */
} cw_rowstate_view;

struct cw_rowstate {
    cw_env *env;
    int64_t rows, first, end; /* of the table; this rank's are [first, end) */
    int32_t columns;
    size_t stride; /* doubles from one column to the next */
    size_t bytes;
    double *value;
    int spilled;
    cw_spill spill;
    cw_rowstate_view *views;
};

/* Columns begin at multiples of 64 bytes. */
enum { ALIGN_DOUBLES = 8 };

static cw_code measure(cw_rowstate *state) {
    size_t own = (size_t)(state->end - state->first);
    state->stride = (own + ALIGN_DOUBLES - 1) / ALIGN_DOUBLES * ALIGN_DOUBLES;
    size_t columns = (size_t)state->columns;
    if (columns && state->stride > PTRDIFF_MAX / sizeof(double) / columns)
        return cw_fail(state->env, CW_NO_MEMORY, "row state", "use more ranks",
                       "%d columns of %zu rows pass any memory", (int)state->columns, own);
    state->bytes = state->stride * columns * sizeof(double);
    return CW_OK;
}

static cw_code make_room(cw_rowstate *state, size_t memory, const cw_spill *spill) {
    CW_TRY(measure(state));
    if (state->bytes <= memory) return cw_alloc_zero(state->env, state->bytes, 1, &state->value);
    if (!spill)
        return cw_fail(state->env, CW_NO_MEMORY, "row state",
                       "raise run.memory, name a folder in run.scratch, or use more ranks",
                       "%d columns for %lld rows need %zu bytes a rank and %zu are allowed",
                       (int)state->columns, (long long)(state->end - state->first), state->bytes, memory);
    void *mapped = NULL;
    CW_TRY(spill->map(state->env, spill->self, state->bytes, &mapped));
    state->value = mapped;
    state->spill = *spill;
    state->spilled = 1;
    return CW_OK;
}

cw_code cw_rowstate_create(cw_context *context, int64_t rows, int32_t columns, size_t memory,
                           const cw_spill *spill, cw_rowstate **out) {
    cw_env *env = cw_context_env(context);
    *out = NULL;
    cw_rowstate *state = NULL;
    cw_code code = cw_alloc_zero(env, 1, sizeof *state, &state);
    if (code == CW_OK) {
        state->env = env;
        state->rows = rows;
        state->columns = columns;
        cw_owned_rows(context, rows, &state->first, &state->end);
        code = make_room(state, memory, spill);
    }
    code = cw_agree(context, code);
    if (code != CW_OK) cw_rowstate_destroy(&state);
    *out = state;
    return code;
}

void cw_rowstate_destroy(cw_rowstate **state) {
    if (!*state) return;
    cw_rowstate *own = *state;
    cw_env *env = own->env;
    while (own->views) {
        cw_rowstate_view *view = own->views;
        own->views = view->next;
        cw_free(env, &view->real);
        cw_free(env, &view);
    }
    if (own->spilled)
        own->spill.unmap(own->spill.self, own->value, own->bytes);
    else
        cw_free(env, &own->value);
    cw_free(env, state);
}

double *cw_rowstate_at(cw_rowstate *state, int32_t column, int64_t row) {
    return state->value + (size_t)column * state->stride + (row - state->first);
}

static cw_code read_view(cw_env *env, void *self, int64_t first, int32_t rows, cw_block *out) {
    cw_rowstate_view *view = self;
    cw_rowstate *state = view->state;
    if (first < state->first || first + rows > state->end)
        return cw_fail(env, CW_INTERNAL, "row state", NULL,
                       "rows %lld to %lld belong to another rank (a halo or units across ranks cannot be "
                       "combined with row state)",
                       (long long)first, (long long)first + rows - 1);
    CW_TRY(view->base.read(env, view->base.self, first, rows, out));
    int32_t reals = view->base.reals;
    for (int32_t j = 0; j < reals; j++) view->real[j] = out->real[j];
    for (int32_t j = 0; j < state->columns; j++) view->real[reals + j] = cw_rowstate_at(state, j, first);
    out->real = view->real;
    out->reals = reals + state->columns;
    return CW_OK;
}

cw_code cw_rowstate_source(cw_rowstate *state, const cw_source *base, cw_source *out) {
    if (base->rows != state->rows)
        return cw_fail(state->env, CW_INTERNAL, "row state", NULL, "made for %lld rows, put beside %lld",
                       (long long)state->rows, (long long)base->rows);
    cw_rowstate_view *view = NULL;
    CW_TRY(cw_alloc_zero(state->env, 1, sizeof *view, &view));
    size_t reals = (size_t)base->reals + (size_t)state->columns;
    cw_code code = cw_alloc(state->env, reals, sizeof *view->real, &view->real);
    if (code != CW_OK) {
        cw_free(state->env, &view);
        return code;
    }
    view->state = state;
    view->base = *base;
    view->next = state->views;
    state->views = view;
    *out = *base;
    out->reals = (int32_t)reals;
    out->bytes_per_row = base->bytes_per_row + state->columns * (int32_t)sizeof(double);
    out->self = view;
    out->read = read_view;
    return CW_OK;
}
