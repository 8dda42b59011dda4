#include "profile.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "rows.h"

enum { SHIFT_BITS = 24 };

enum {
    LOW,
    HIGH,
    SHIFT,         /* mean of the column's first block with a value */
    SHIFT_BLOCK,   /* that block's number; INT64_MAX: none yet */
    MISSING,       /* count */
    FIRST_MISSING, /* global row; INT64_MAX: none */
    NOT_BINARY,    /* 1 once some value is neither 0 nor 1 */
    NOT_INTEGER,   /* 1 once some value is no integer */
    ROWS,          /* included, excluded, then one count a watched value */
    MEMBERS
};

struct cw_profile {
    cw_env *env;
    int32_t columns, watch, watched;
    double *value;
    size_t offset[MEMBERS];
    cw_member member[MEMBERS];
    cw_accumulator accumulator;
};

static double *reals(const cw_profile *profile, void *state, int member) {
    return (double *)(void *)((char *)state + profile->offset[member]);
}
static int64_t *counts(const cw_profile *profile, void *state, int member) {
    return (int64_t *)(void *)((char *)state + profile->offset[member]);
}
static double const_real(const cw_profile *profile, const void *state, int member, int32_t j) {
    return ((const double *)(const void *)((const char *)state + profile->offset[member]))[j];
}
static int64_t const_count(const cw_profile *profile, const void *state, int member, int32_t j) {
    return ((const int64_t *)(const void *)((const char *)state + profile->offset[member]))[j];
}

static void init(const void *params, void *state) {
    const cw_profile *profile = params;
    for (int32_t j = 0; j < profile->columns; j++) {
        reals(profile, state, LOW)[j] = INFINITY;
        reals(profile, state, HIGH)[j] = -INFINITY;
        counts(profile, state, SHIFT_BLOCK)[j] = INT64_MAX;
        counts(profile, state, FIRST_MISSING)[j] = INT64_MAX;
    }
}

/* The loops below go in 8 lanes and add marks that are 0 for ordinary values; only marked runs are looked at
 * again, value by value. */
enum { RUN = 256 };

/* Whether some value is no integer: adding and subtracting 1.5 * 2^52 rounds to an integer, so a value that
 * comes back is one; what does not may still be large. */
static int64_t some_not_integer(int32_t n, const double *x) {
    const double rounder = 0x1.8p52;
    for (int32_t first = 0; first < n; first += RUN) {
        int32_t end = n - first < RUN ? n : first + RUN, i = first;
        double mark[8] = {0}, all = 0;
        for (; i + 8 <= end; i += 8)
            for (int l = 0; l < 8; l++) mark[l] += fabs(((x[i + l] + rounder) - rounder) - x[i + l]);
        for (; i < end; i++) mark[0] += fabs(((x[i] + rounder) - rounder) - x[i]);
        for (int l = 0; l < 8; l++) all += mark[l];
        for (i = first; all != 0 && i < end; i++)
            if (isinf(x[i]) || x[i] != trunc(x[i])) return 1;
    }
    return 0;
}

/* Whether some value is neither 0 nor 1: x (x - 1) is not 0 then (1e-320 included). */
static int64_t some_not_binary(int32_t n, const double *x) {
    for (int32_t first = 0; first < n; first += RUN) {
        int32_t end = n - first < RUN ? n : first + RUN, i = first;
        double mark[8] = {0};
        for (; i + 8 <= end; i += 8)
            for (int l = 0; l < 8; l++) mark[l] += fabs(x[i + l] * (x[i + l] - 1));
        for (; i < end; i++) mark[0] += fabs(x[i] * (x[i] - 1));
        for (int l = 0; l < 8; l++)
            if (mark[l] != 0) return 1;
    }
    return 0;
}

static double mean_of(int32_t n, const double *x) {
    double mean = cw_sum(n, x) / n;
    if (!isfinite(mean)) mean = x[0]; /* the sum overflows, or a value is infinite */
    if (mean == 0 || !isfinite(mean)) return 0;
    int exponent;
    double fraction = frexp(mean, &exponent);
    return ldexp(rint(ldexp(fraction, SHIFT_BITS)), exponent - SHIFT_BITS);
}

/* Copies the included values that are not missing; counts the missing ones. */
static int32_t keep(const cw_profile *profile, void *state, const cw_block *block, int32_t j, double *kept) {
    const double *x = block->real[j];
    int64_t *first = &counts(profile, state, FIRST_MISSING)[j], missing = 0;
    int32_t values = 0;
    for (int32_t i = 0; i < block->rows; i++) {
        if (block->weight && !(block->weight[i] > 0)) continue;
        if (x[i] == x[i]) {
            kept[values++] = x[i];
            continue;
        }
        if (missing++ == 0 && block->first_row + i < *first) *first = block->first_row + i;
    }
    counts(profile, state, MISSING)[j] += missing;
    return values;
}

/* One column of one block. `kept`: workspace of as many doubles as the block has rows. */
static void add_column(const cw_profile *profile, void *state, const cw_block *block, int32_t j, int all,
                       double *kept) {
    const double *x = block->real[j];
    int32_t values = block->rows;
    double low = INFINITY, high = -INFINITY;
    if (!all || cw_rows_use()->extremes(values, x, &low, &high) != 0) {
        values = keep(profile, state, block, j, kept);
        if (values == 0) return;
        x = kept;
        low = INFINITY;
        high = -INFINITY;
        (void)cw_rows_use()->extremes(values, x, &low, &high);
    }
    /* -0 and 0 are one value: which came first may not show. */
    if (low < reals(profile, state, LOW)[j]) reals(profile, state, LOW)[j] = low + 0.0;
    if (high > reals(profile, state, HIGH)[j]) reals(profile, state, HIGH)[j] = high + 0.0;
    int64_t *binary = &counts(profile, state, NOT_BINARY)[j];
    int64_t *integer = &counts(profile, state, NOT_INTEGER)[j];
    if (!*binary) *binary = some_not_binary(values, x);
    if (!*integer) *integer = some_not_integer(values, x);
    int64_t *number = &counts(profile, state, SHIFT_BLOCK)[j];
    if (block->number < *number) {
        *number = block->number;
        reals(profile, state, SHIFT)[j] = mean_of(values, x);
    }
}

static int32_t included(const cw_block *block) {
    if (!block->weight) return block->rows;
    int32_t rows = 0;
    for (int32_t i = 0; i < block->rows; i++) rows += block->weight[i] > 0;
    return rows;
}

static void count_rows(const cw_profile *profile, void *state, const cw_block *block, int32_t rows) {
    int64_t *count = counts(profile, state, ROWS);
    count[0] += rows;
    count[1] += block->rows - rows;
    for (int32_t k = 0; k < profile->watched; k++) {
        const double *x = block->real[profile->watch];
        int64_t seen = 0;
        for (int32_t i = 0; i < block->rows; i++)
            seen += x[i] == profile->value[k] && (!block->weight || block->weight[i] > 0);
        count[2 + k] += seen;
    }
}

/* A grouped pass may hand over more rows than a block of the grid has: pieces of it all carry its number, and
 * the first one with a value gives the shift. */
static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_profile *profile = params;
    const double **real = scratch;
    double *kept = (double *)(void *)((char *)scratch + (size_t)profile->columns * sizeof(double *));
    for (int32_t first = 0; first < block->rows; first += CW_BLOCK_ROWS) {
        cw_block piece = *block;
        piece.first_row = block->first_row + first;
        piece.rows = block->rows - first < CW_BLOCK_ROWS ? block->rows - first : CW_BLOCK_ROWS;
        piece.weight = block->weight ? block->weight + first : NULL;
        for (int32_t j = 0; j < profile->columns; j++) real[j] = block->real[j] + first;
        piece.real = real;
        int32_t rows = included(&piece);
        count_rows(profile, state, &piece, rows);
        if (rows == 0) continue;
        for (int32_t j = 0; j < profile->columns; j++)
            add_column(profile, state, &piece, j, rows == piece.rows, kept);
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_profile *profile = params;
    double *low = reals(profile, state, LOW), *high = reals(profile, state, HIGH);
    int64_t *first = counts(profile, state, FIRST_MISSING), *number = counts(profile, state, SHIFT_BLOCK);
    for (int32_t j = 0; j < profile->columns; j++) {
        double x = const_real(profile, later, LOW, j);
        if (x < low[j]) low[j] = x;
        x = const_real(profile, later, HIGH, j);
        if (x > high[j]) high[j] = x;
        int64_t n = const_count(profile, later, FIRST_MISSING, j);
        if (n < first[j]) first[j] = n;
        n = const_count(profile, later, SHIFT_BLOCK, j);
        if (n < number[j]) {
            number[j] = n;
            reals(profile, state, SHIFT)[j] = const_real(profile, later, SHIFT, j);
        }
        counts(profile, state, MISSING)[j] += const_count(profile, later, MISSING, j);
        counts(profile, state, NOT_BINARY)[j] |= const_count(profile, later, NOT_BINARY, j);
        counts(profile, state, NOT_INTEGER)[j] |= const_count(profile, later, NOT_INTEGER, j);
    }
    for (int32_t k = 0; k < 2 + profile->watched; k++)
        counts(profile, state, ROWS)[k] += const_count(profile, later, ROWS, k);
}

static void describe(cw_profile *profile) {
    int64_t columns = profile->columns;
    profile->member[LOW] = (cw_member){"low", CW_F64, columns};
    profile->member[HIGH] = (cw_member){"high", CW_F64, columns};
    profile->member[SHIFT] = (cw_member){"shift", CW_F64, columns};
    profile->member[SHIFT_BLOCK] = (cw_member){"shift_block", CW_I64, columns};
    profile->member[MISSING] = (cw_member){"missing", CW_I64, columns};
    profile->member[FIRST_MISSING] = (cw_member){"first_missing", CW_I64, columns};
    profile->member[NOT_BINARY] = (cw_member){"not_binary", CW_I64, columns};
    profile->member[NOT_INTEGER] = (cw_member){"not_integer", CW_I64, columns};
    profile->member[ROWS] = (cw_member){"rows", CW_I64, 2 + (int64_t)profile->watched};
    profile->accumulator =
        (cw_accumulator){.name = "profile",
                         .order = CW_EXACT,
                         .members = MEMBERS,
                         .member = profile->member,
                         .params = profile,
                         .scratch_bytes = CW_BLOCK_ROWS * sizeof(double) + (size_t)columns * sizeof(double *),
                         .init = init,
                         .add = add,
                         .merge = merge};
    for (int32_t m = 0; m < MEMBERS; m++)
        profile->offset[m] = cw_accumulator_offset(&profile->accumulator, m);
}

cw_code cw_profile_create(cw_env *env, int32_t columns, int32_t watch, int32_t watched, const double *value,
                          cw_profile **out) {
    *out = NULL;
    if (columns < 0 || watched < 0 || watch < -1 || watch >= columns)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "a profile of %d columns that watches column %d",
                       columns, watch);
    cw_profile *profile = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *profile, &profile));
    profile->env = env;
    profile->columns = columns;
    profile->watch = watch;
    profile->watched = watch >= 0 ? watched : 0;
    cw_code code = cw_alloc(env, (size_t)profile->watched, sizeof *profile->value, &profile->value);
    if (code != CW_OK) {
        cw_profile_destroy(&profile);
        return code;
    }
    for (int32_t k = 0; k < profile->watched; k++) profile->value[k] = value[k];
    describe(profile);
    *out = profile;
    return CW_OK;
}

void cw_profile_destroy(cw_profile **profile) {
    if (!profile || !*profile) return;
    cw_env *env = (*profile)->env;
    cw_free(env, &(*profile)->value);
    cw_free(env, profile);
}

const cw_accumulator *cw_profile_accumulator(const cw_profile *profile) {
    return &profile->accumulator;
}

void cw_profile_get(const cw_profile *profile, const void *state, int32_t column, cw_profile_column *out) {
    int seen = const_count(profile, state, SHIFT_BLOCK, column) != INT64_MAX;
    int64_t first = const_count(profile, state, FIRST_MISSING, column);
    *out = (cw_profile_column){
        .low = seen ? const_real(profile, state, LOW, column) : NAN,
        .high = seen ? const_real(profile, state, HIGH, column) : NAN,
        .shift = const_real(profile, state, SHIFT, column),
        .missing = const_count(profile, state, MISSING, column),
        .first_missing = first == INT64_MAX ? -1 : first,
        .is_binary = seen && !const_count(profile, state, NOT_BINARY, column),
        .is_integer = seen && !const_count(profile, state, NOT_INTEGER, column),
    };
}

int64_t cw_profile_rows(const cw_profile *profile, const void *state) {
    return const_count(profile, state, ROWS, 0);
}

int64_t cw_profile_excluded(const cw_profile *profile, const void *state) {
    return const_count(profile, state, ROWS, 1);
}

int64_t cw_profile_watched(const cw_profile *profile, const void *state, int32_t k) {
    return k < profile->watched ? const_count(profile, state, ROWS, 2 + k) : 0;
}
