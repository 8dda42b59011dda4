#include "influence.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "../base/sort.h"
#include "../linalg/gram.h"

enum { MEMBER_SUMS, MEMBER_LARGEST, MEMBER_ROWS, MEMBERS };

struct cw_moments {
    cw_env *env;
    const cw_influence *influence;
    int32_t q;
    cw_member member[MEMBERS];
    size_t offset[MEMBERS];
    cw_accumulator accumulator;
};

static void fill_columns(const void *self, void *scratch, const cw_block *block, int32_t first, int32_t rows,
                         double *out) {
    (void)scratch;
    const cw_influence_columns *from = self;
    for (int32_t k = 0; k < from->columns; k++) {
        double *to = out + (int64_t)k * rows;
        memcpy(to, block->real[from->column[k]] + first, (size_t)rows * sizeof *to);
        if (!block->weight) continue;
        for (int32_t i = 0; i < rows; i++)
            if (!(block->weight[first + i] > 0)) to[i] = 0;
    }
}

cw_influence cw_influence_of_columns(const cw_influence_columns *columns) {
    return (cw_influence){.columns = columns->columns, .self = columns, .fill = fill_columns};
}

/* Sums first, then products by rows of the upper triangle. */
static void add_tile(const cw_moments *moments, char *state, int32_t n, const double *value) {
    int32_t q = moments->q;
    double *sums = (double *)(void *)(state + moments->offset[MEMBER_SUMS]), *product = sums + q;
    double *largest = (double *)(void *)(state + moments->offset[MEMBER_LARGEST]);
    for (int32_t a = 0; a < q; a++) {
        const double *va = value + (int64_t)a * n;
        sums[a] += cw_sum(n, va);
        for (int32_t i = 0; i < n; i++)
            if (fabs(va[i]) > largest[a]) largest[a] = fabs(va[i]);
        for (int32_t b = a; b < q; b++) product[cw_packed(q, a, b)] += cw_dot(n, va, value + (int64_t)b * n);
    }
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_moments *moments = params;
    int64_t *rows = (int64_t *)(void *)((char *)state + moments->offset[MEMBER_ROWS]);
    double *value = scratch;
    void *more = value + (int64_t)moments->q * CW_INFLUENCE_TILE;
    for (int32_t i = 0; i < block->rows; i++) *rows += !block->weight || block->weight[i] > 0;
    for (int32_t first = 0; first < block->rows; first += CW_INFLUENCE_TILE) {
        int32_t n = block->rows - first < CW_INFLUENCE_TILE ? block->rows - first : CW_INFLUENCE_TILE;
        moments->influence->fill(moments->influence->self, more, block, first, n, value);
        add_tile(moments, state, n, value);
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_moments *moments = params;
    double *to = (double *)(void *)((char *)state + moments->offset[MEMBER_SUMS]);
    const double *from = (const double *)(const void *)((const char *)later + moments->offset[MEMBER_SUMS]);
    for (int64_t k = 0; k < moments->member[MEMBER_SUMS].count; k++) to[k] += from[k];
    double *largest = (double *)(void *)((char *)state + moments->offset[MEMBER_LARGEST]);
    from = (const double *)(const void *)((const char *)later + moments->offset[MEMBER_LARGEST]);
    for (int32_t k = 0; k < moments->q; k++)
        if (from[k] > largest[k]) largest[k] = from[k];
    *(int64_t *)(void *)((char *)state + moments->offset[MEMBER_ROWS]) +=
        *(const int64_t *)(const void *)((const char *)later + moments->offset[MEMBER_ROWS]);
}

cw_code cw_moments_create(cw_env *env, const char *name, const cw_influence *influence, cw_moments **out) {
    *out = NULL;
    if (influence->columns < 1)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "moments of %d columns", influence->columns);
    cw_moments *moments = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *moments, &moments));
    int64_t q = influence->columns;
    moments->env = env;
    moments->influence = influence;
    moments->q = influence->columns;
    moments->member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, q + q * (q + 1) / 2};
    moments->member[MEMBER_LARGEST] = (cw_member){"largest", CW_F64, q};
    moments->member[MEMBER_ROWS] = (cw_member){"rows", CW_I64, 1};
    moments->accumulator = (cw_accumulator){.name = name ? name : "influence",
                                            .order = CW_TREE,
                                            .members = MEMBERS,
                                            .member = moments->member,
                                            .params = moments,
                                            .scratch_bytes = (size_t)q * CW_INFLUENCE_TILE * sizeof(double) +
                                                             influence->scratch_bytes,
                                            .flops_per_row = (double)(q * (q + 1)),
                                            .add = add,
                                            .merge = merge};
    for (int32_t m = 0; m < MEMBERS; m++)
        moments->offset[m] = cw_accumulator_offset(&moments->accumulator, m);
    *out = moments;
    return CW_OK;
}

void cw_moments_destroy(cw_moments **moments) {
    if (!moments || !*moments) return;
    cw_env *env = (*moments)->env;
    cw_free(env, moments);
}

const cw_accumulator *cw_moments_accumulator(const cw_moments *moments) {
    return &moments->accumulator;
}

static const double *member_at(const cw_moments *moments, const void *state, int member) {
    return (const double *)(const void *)((const char *)state + moments->offset[member]);
}

int64_t cw_moments_rows(const cw_moments *moments, const void *state) {
    return *(const int64_t *)(const void *)((const char *)state + moments->offset[MEMBER_ROWS]);
}

double cw_moments_sum(const cw_moments *moments, const void *state, int32_t a) {
    return member_at(moments, state, MEMBER_SUMS)[a];
}

double cw_moments_product(const cw_moments *moments, const void *state, int32_t a, int32_t b) {
    int32_t q = moments->q;
    return member_at(moments, state, MEMBER_SUMS)[q + (a <= b ? cw_packed(q, a, b) : cw_packed(q, b, a))];
}

double cw_moments_largest(const cw_moments *moments, const void *state, int32_t a) {
    return member_at(moments, state, MEMBER_LARGEST)[a];
}

double cw_moments_error(const cw_moments *moments, const void *state, int32_t a, double n) {
    return sqrt(cw_moments_product(moments, state, a, a)) / n;
}

double cw_moments_covariance(const cw_moments *moments, const void *state, int32_t a, int32_t b, double n) {
    return cw_moments_product(moments, state, a, b) / n / n;
}

void cw_moments_quanta(const cw_moments *moments, const void *state, int64_t rows, int32_t *quantum) {
    for (int32_t a = 0; a < moments->q; a++)
        quantum[a] = cw_keysum_quantum(cw_moments_largest(moments, state, a), rows);
}

static int by_value(const void *a, const void *b, void *self) {
    (void)self;
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static cw_code median(cw_env *env, int32_t n, double *value, double *out) {
    CW_TRY(cw_sort(env, value, n, sizeof *value, by_value, NULL));
    *out = n % 2 ? value[n / 2] : 0.5 * value[n / 2 - 1] + 0.5 * value[n / 2];
    return CW_OK;
}

cw_code cw_median_of_repeats(cw_env *env, int32_t repeats, const double *theta, const double *se,
                             double *middle, double *middle_se) {
    if (repeats < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "the median of %d repeats", repeats);
    double *value = NULL, square;
    cw_code code;
    CW_TRY(cw_alloc(env, (size_t)repeats, sizeof *value, &value));
    memcpy(value, theta, (size_t)repeats * sizeof *value);
    CW_TRY_GOTO(code, median(env, repeats, value, middle), done);
    for (int32_t r = 0; r < repeats; r++) {
        double away = theta[r] - *middle;
        value[r] = se[r] * se[r] + away * away;
    }
    CW_TRY_GOTO(code, median(env, repeats, value, &square), done);
    *middle_se = sqrt(square);
done:
    cw_free(env, &value);
    return code;
}
