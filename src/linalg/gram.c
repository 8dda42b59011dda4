#include "gram.h"

#include <math.h>
#include <string.h>

#include "../base/cpu.h"
#include "gram_kernel.h"

/* Rows of a fold that one call of the kernel sees, about: a group of 8 columns of them is an eighth of a
 * first cache. It shapes speed only; sums go on in row order from one panel to the next. */
enum { PANEL_ROWS = 128, PANEL_ROWS_WIDE = 256, WIDE = 192, MOST_PANELS = 16 };

enum { MEMBER_SUMS, MEMBER_ROWS, MEMBER_BAD, MEMBERS };

struct cw_gram {
    cw_env *env;
    int32_t order, columns, folds, fold_column;
    int32_t chunk; /* rows packed at a time */
    int32_t *column;
    double *shift, *scale, *fold_value; /* fold_value NULL: fold numbers */
    double *constant;                   /* chunk ones, then chunk zeros */
    int64_t sums;                       /* doubles a fold */
    size_t offset[MEMBERS];
    cw_member member[MEMBERS];
    cw_accumulator accumulator;
};

/* What `add` works with, laid out in the scratch memory. */
typedef struct workspace {
    double *panel, *weighted; /* groups of (chunk + 1) x 8: the last row takes what is left out */
    double *odd, *weight;     /* a row each */
    int32_t *place, *fold;    /* a row each; fold -1: left out */
    int32_t *start;           /* folds + 1: where a fold's rows begin in the panel */
} workspace;

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static size_t lay_out(const cw_gram *gram, char *memory, workspace *work) {
    size_t chunk = (size_t)gram->chunk, at = 0;
    size_t panel = (size_t)cw_gram_groups(gram->order) * (chunk + 1) * 8 * sizeof(double);
    const size_t bytes[] = {panel,
                            panel,
                            chunk * sizeof(double),
                            chunk * sizeof(double),
                            chunk * sizeof(int32_t),
                            chunk * sizeof(int32_t),
                            ((size_t)gram->folds + 1) * sizeof(int32_t)};
    char *part[7];
    for (int k = 0; k < 7; k++) {
        part[k] = memory ? memory + at : NULL;
        at += round_up(bytes[k]);
    }
    if (work)
        *work = (workspace){(double *)(void *)part[0], (double *)(void *)part[1],  (double *)(void *)part[2],
                            (double *)(void *)part[3], (int32_t *)(void *)part[4], (int32_t *)(void *)part[5],
                            (int32_t *)(void *)part[6]};
    return at;
}

static const cw_gram_steps *kernel(void) {
#if defined(__x86_64__)
    switch (cw_cpu_level()) {
    case CW_CPU_AVX512:
        return &cw_gram_avx512;
    case CW_CPU_AVX2:
        return &cw_gram_avx2;
    case CW_CPU_PLAIN:
        break;
    }
#endif
    return &cw_gram_plain;
}

const char *cw_gram_kernel(void) {
    return kernel()->name;
}

static int32_t fold_of(const cw_gram *gram, double value) {
    if (gram->fold_value) {
        for (int32_t f = 0; f < gram->folds; f++)
            if (gram->fold_value[f] == value) return f;
        return -1;
    }
    if (!(value >= 0 && value < gram->folds)) return -1;
    int32_t f = (int32_t)value;
    return (double)f == value ? f : -1;
}

/* The common case, a small part of a narrow matrix's cost: every row in fold 0 with weight 1. */
static int take_all(const cw_gram *gram, int32_t rows, workspace *work) {
    for (int32_t r = 0; r < rows; r++) {
        work->fold[r] = 0;
        work->place[r] = r;
        work->odd[r] = 0;
    }
    work->start[0] = 0;
    for (int32_t f = 0; f < gram->folds; f++) work->start[f + 1] = rows;
    return 0;
}

/* Decides fold, place and weight of each row of a chunk. Returns 1 if some weight is not 1. */
static int classify(const cw_gram *gram, const cw_block *block, int32_t first, int32_t rows,
                    workspace *work) {
    const double *fold = gram->fold_column >= 0 ? block->real[gram->fold_column] + first : NULL;
    const double *weight = block->weight ? block->weight + first : NULL;
    int weighted = 0;
    if (!fold && !weight) return take_all(gram, rows, work);
    memset(work->start, 0, ((size_t)gram->folds + 1) * sizeof *work->start);
    for (int32_t r = 0; r < rows; r++) {
        double w = weight ? weight[r] : 1;
        int32_t f = fold ? fold_of(gram, fold[r]) : 0;
        if (!(w > 0)) f = -1;
        work->fold[r] = f;
        work->weight[r] = w;
        work->odd[r] = w * 0.0; /* an infinite weight is as bad as an infinite value */
        if (f < 0) continue;
        if (w != 1) weighted = 1;
        work->start[f + 1]++;
    }
    for (int32_t f = 0; f < gram->folds; f++) work->start[f + 1] += work->start[f];
    for (int32_t r = 0; r < rows; r++)
        work->place[r] = work->fold[r] < 0 ? gram->chunk : work->start[work->fold[r]]++;
    for (int32_t f = gram->folds; f > 0; f--) work->start[f] = work->start[f - 1];
    work->start[0] = 0;
    return weighted;
}

static void pack(const cw_gram *gram, const cw_gram_steps *use, const cw_block *block, int32_t first,
                 int32_t rows, const workspace *work, int weighted) {
    int64_t stride = 8 * ((int64_t)gram->chunk + 1);
    cw_gram_group group = {
        .rows = rows, .place = work->place, .weight = weighted ? work->weight : NULL, .odd = work->odd};
    for (int32_t g = 0; g < cw_gram_groups(gram->order); g++) {
        for (int32_t k = 0; k < 8; k++) {
            int32_t j = 8 * g + k - 1; /* column of the spec; -1: the constant */
            int real = j >= 0 && j < gram->columns;
            group.source[k] = real    ? block->real[gram->column[j]] + first
                              : j < 0 ? gram->constant
                                      : gram->constant + gram->chunk;
            group.shift[k] = real ? gram->shift[j] : 0;
            group.scale[k] = real ? gram->scale[j] : 1;
        }
        group.panel = work->panel + g * stride;
        group.weighted = work->weighted + g * stride;
        use->pack(&group);
    }
}

/* Counts rows and takes bad ones out of the sums (as rows of zeros). */
static void count(const cw_gram *gram, char *state, int32_t rows, const workspace *work) {
    int64_t *all = (int64_t *)(void *)(state + gram->offset[MEMBER_ROWS]);
    int64_t *bad = (int64_t *)(void *)(state + gram->offset[MEMBER_BAD]);
    int64_t stride = 8 * ((int64_t)gram->chunk + 1);
    for (int32_t f = 0; f < gram->folds; f++) all[f] += work->start[f + 1] - work->start[f];
    int odd = 0;
    for (int32_t r = 0; r < rows; r++) odd |= !(work->odd[r] == 0.0);
    if (!odd) return;
    for (int32_t r = 0; r < rows; r++) {
        if (work->odd[r] == 0.0 || work->fold[r] < 0) continue;
        bad[work->fold[r]]++;
        for (int32_t g = 0; g < cw_gram_groups(gram->order); g++) {
            size_t at = (size_t)(g * stride + 8 * (int64_t)work->place[r]);
            memset(work->panel + at, 0, 8 * sizeof(double));
            memset(work->weighted + at, 0, 8 * sizeof(double));
        }
    }
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_gram *gram = params;
    const cw_gram_steps *use = kernel();
    workspace work;
    (void)lay_out(gram, scratch, &work);
    double *sums = (double *)(void *)((char *)state + gram->offset[MEMBER_SUMS]);
    int64_t stride = 8 * ((int64_t)gram->chunk + 1);
    for (int32_t first = 0; first < block->rows; first += gram->chunk) {
        int32_t rows = block->rows - first < gram->chunk ? block->rows - first : gram->chunk;
        int weighted = classify(gram, block, first, rows, &work);
        pack(gram, use, block, first, rows, &work, weighted);
        count(gram, state, rows, &work);
        for (int32_t f = 0; f < gram->folds; f++) {
            int32_t in_fold = work.start[f + 1] - work.start[f];
            if (in_fold == 0) continue;
            const double *right = work.panel + 8 * (int64_t)work.start[f];
            const double *left = weighted ? work.weighted + 8 * (int64_t)work.start[f] : right;
            use->multiply(in_fold, left, right, stride, gram->order, sums + f * gram->sums);
        }
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_gram *gram = params;
    double *a = (double *)(void *)((char *)state + gram->offset[MEMBER_SUMS]);
    const double *b = (const double *)(const void *)((const char *)later + gram->offset[MEMBER_SUMS]);
    for (int64_t k = 0; k < gram->folds * gram->sums; k++) a[k] += b[k];
    for (int m = MEMBER_ROWS; m <= MEMBER_BAD; m++) {
        int64_t *to = (int64_t *)(void *)((char *)state + gram->offset[m]);
        const int64_t *from = (const int64_t *)(const void *)((const char *)later + gram->offset[m]);
        for (int32_t f = 0; f < gram->folds; f++) to[f] += from[f];
    }
}

static int power_of_two(double x) {
    int exponent;
    return isfinite(x) && x > 0 && frexp(x, &exponent) == 0.5;
}

static cw_code check(cw_env *env, const cw_gram_spec *spec) {
    if (spec->columns < 0 || spec->folds < 1)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "a Gram matrix of %d columns in %d folds", spec->columns,
                       spec->folds);
    for (int32_t j = 0; j < spec->columns; j++) {
        if (spec->shift && !isfinite(spec->shift[j]))
            return cw_fail(env, CW_INTERNAL, NULL, NULL, "the shift of column %d is not finite", j);
        if (spec->scale && !power_of_two(spec->scale[j]))
            return cw_fail(env, CW_INTERNAL, NULL, NULL, "the scale of column %d is no power of two", j);
    }
    return CW_OK;
}

/* Chunks hold about a panel's rows of every fold. */
static int32_t chunk_rows(const cw_gram_spec *spec) {
    int32_t rows = spec->columns > WIDE ? PANEL_ROWS_WIDE : PANEL_ROWS;
    return rows * (spec->folds < MOST_PANELS ? spec->folds : MOST_PANELS);
}

static cw_code copy_spec(cw_gram *gram, const cw_gram_spec *spec) {
    size_t columns = (size_t)spec->columns, folds = (size_t)spec->folds, chunk = (size_t)gram->chunk;
    CW_TRY(cw_alloc(gram->env, columns, sizeof *gram->column, &gram->column));
    CW_TRY(cw_alloc(gram->env, columns, sizeof *gram->shift, &gram->shift));
    CW_TRY(cw_alloc(gram->env, columns, sizeof *gram->scale, &gram->scale));
    CW_TRY(cw_alloc_zero(gram->env, 2 * chunk, sizeof *gram->constant, &gram->constant));
    for (size_t j = 0; j < columns; j++) {
        gram->column[j] = spec->column[j];
        gram->shift[j] = spec->shift ? spec->shift[j] : 0;
        gram->scale[j] = spec->scale ? spec->scale[j] : 1;
    }
    for (size_t r = 0; r < chunk; r++) gram->constant[r] = 1;
    if (!spec->fold_value) return CW_OK;
    CW_TRY(cw_alloc(gram->env, folds, sizeof *gram->fold_value, &gram->fold_value));
    memcpy(gram->fold_value, spec->fold_value, folds * sizeof *gram->fold_value);
    return CW_OK;
}

cw_code cw_gram_create(cw_env *env, const cw_gram_spec *spec, cw_gram **out) {
    *out = NULL;
    CW_TRY(check(env, spec));
    cw_gram *gram = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *gram, &gram));
    gram->env = env;
    gram->columns = spec->columns;
    gram->order = spec->columns + 1;
    gram->folds = spec->folds;
    gram->fold_column = spec->fold_column;
    gram->chunk = chunk_rows(spec);
    int64_t groups = cw_gram_groups(gram->order);
    gram->sums = 32 * groups * (groups + 1);
    cw_code code = copy_spec(gram, spec);
    if (code != CW_OK) {
        cw_gram_destroy(&gram);
        return code;
    }
    gram->member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, gram->folds * gram->sums};
    gram->member[MEMBER_ROWS] = (cw_member){"rows", CW_I64, gram->folds};
    gram->member[MEMBER_BAD] = (cw_member){"bad_rows", CW_I64, gram->folds};
    gram->accumulator = (cw_accumulator){.name = "gram",
                                         .order = CW_TREE,
                                         .members = MEMBERS,
                                         .member = gram->member,
                                         .params = gram,
                                         .scratch_bytes = lay_out(gram, NULL, NULL),
                                         .flops_per_row = (double)gram->order * (gram->order + 1),
                                         .add = add,
                                         .merge = merge};
    for (int32_t m = 0; m < MEMBERS; m++) gram->offset[m] = cw_accumulator_offset(&gram->accumulator, m);
    *out = gram;
    return CW_OK;
}

void cw_gram_destroy(cw_gram **gram) {
    if (!gram || !*gram) return;
    cw_env *env = (*gram)->env;
    cw_free(env, &(*gram)->column);
    cw_free(env, &(*gram)->shift);
    cw_free(env, &(*gram)->scale);
    cw_free(env, &(*gram)->constant);
    cw_free(env, &(*gram)->fold_value);
    cw_free(env, gram);
}

const cw_accumulator *cw_gram_accumulator(const cw_gram *gram) {
    return &gram->accumulator;
}

int32_t cw_gram_order(const cw_gram *gram) {
    return gram->order;
}

void cw_gram_get(const cw_gram *gram, const void *state, int32_t fold, double *packed) {
    const double *sums = (const double *)(const void *)((const char *)state + gram->offset[MEMBER_SUMS]);
    sums += fold * gram->sums;
    int32_t q = gram->order, groups = cw_gram_groups(q);
    for (int32_t i = 0; i < q; i++)
        for (int32_t j = i; j < q; j++)
            *packed++ = sums[cw_gram_piece(groups, i / 4, j / 4) + 8 * (i % 4) + j % 4];
}

static int64_t counted(const cw_gram *gram, const void *state, int member, int32_t fold) {
    return ((const int64_t *)(const void *)((const char *)state + gram->offset[member]))[fold];
}

int64_t cw_gram_rows(const cw_gram *gram, const void *state, int32_t fold) {
    return counted(gram, state, MEMBER_ROWS, fold);
}

int64_t cw_gram_bad_rows(const cw_gram *gram, const void *state, int32_t fold) {
    return counted(gram, state, MEMBER_BAD, fold);
}
