/* Step 2: residuals and influence values of a block, a tile of rows at a time so that a tile's columns are
 * read from memory once, and their squares in sums of 8 lanes. */
#include <math.h>
#include <string.h>

#include "../base/block.h"
#include "linear_inside.h"
#include "linear_rows.h"

enum { TILE = 256, LANES = 8 };
enum { MEMBER_SUMS, MEMBER_COUNTS, MEMBER_LEVERAGE };

/* A tile's rows, fit by fit where there are two. */
typedef struct tile {
    double residual[2][TILE], along[2][TILE]; /* e and c'd under either fit */
    double leverage[TILE], weight[TILE];
    int32_t arm[TILE]; /* -1: not used */
    double lane[CW_SCORES][LANES];
    double vector[]; /* k * CW_LEVERAGE_ROWS */
} tile;

static size_t scratch_bytes(const cw_linear *linear) {
    size_t vectors = linear->spec.leverage ? (size_t)linear->k * CW_LEVERAGE_ROWS * sizeof(double) : 0;
    return sizeof(tile) + vectors + 2 * (size_t)linear->columns * sizeof(double *);
}

/* Columns from row `first` on. */
static const double **columns_at(const cw_linear *linear, tile *t, const cw_block *block, int32_t first) {
    size_t vectors = linear->spec.leverage ? (size_t)linear->k * CW_LEVERAGE_ROWS : 0;
    const double **x = (const double **)(void *)(t->vector + vectors);
    for (int32_t j = 0; j < linear->columns; j++) x[j] = block->real[linear->column[j]] + first;
    return x;
}

static void classify(const cw_linear *linear, const cw_block *block, int32_t first, int32_t n, tile *t) {
    const double *treatment = block->real[linear->spec.treatment] + first;
    for (int32_t i = 0; i < n; i++) {
        t->weight[i] = block->weight ? block->weight[first + i] : 1;
        t->arm[i] = cw_linear_arm(linear, treatment[i], t->weight[i]);
    }
}

static void project(const cw_linear *linear, const cw_linear_rows *use, const double *const *x,
                    const double *y, int32_t n, tile *t) {
    double shift = linear->shift[linear->columns];
    for (int32_t f = 0; f < linear->fits; f++) {
        const cw_linear_part *part = &linear->part[f];
        double b0 = linear->constant ? part->coefficient[0] : 0;
        double c0 = linear->constant ? part->influence[0] : 0;
        for (int32_t i = 0; i < n; i++) {
            t->residual[f][i] = (y[i] - shift) - b0;
            t->along[f][i] = c0;
        }
        use->project(n, linear->columns, x, linear->shift, part->coefficient + linear->constant,
                     part->influence + linear->constant, t->residual[f], t->along[f]);
    }
}

/* Leverages under fit f of its own rows, gathered into groups. */
static void leverages(const cw_linear *linear, const cw_linear_rows *use, const double *const *x, int32_t n,
                      int32_t f, tile *t) {
    int32_t row[CW_LEVERAGE_ROWS], next = 0;
    double square[CW_LEVERAGE_ROWS];
    while (next < n) {
        int32_t count = 0;
        for (; next < n && count < CW_LEVERAGE_ROWS; next++)
            if (t->arm[next] == f) row[count++] = next;
        if (count == 0) break;
        double *v = t->vector;
        if (linear->constant) {
            for (int32_t l = 0; l < CW_LEVERAGE_ROWS; l++) v[l] = l < count;
            v += CW_LEVERAGE_ROWS;
        }
        for (int32_t j = 0; j < linear->columns; j++, v += CW_LEVERAGE_ROWS) {
            double shift = linear->shift[j], scale = linear->scale[j];
            for (int32_t l = 0; l < count; l++) v[l] = (x[j][row[l]] - shift) * scale;
            for (int32_t l = count; l < CW_LEVERAGE_ROWS; l++) v[l] = 0;
        }
        use->leverage(linear->k, linear->part[f].lower, t->vector, square);
        /* A row with a frequency weight stands for copies, each with its own leverage. */
        for (int32_t l = 0; l < count; l++)
            t->leverage[row[l]] =
                linear->spec.weighting == CW_FREQUENCY ? square[l] : t->weight[row[l]] * square[l];
    }
}

typedef struct totals {
    int64_t *count;
    double *leverage;
} totals;

/* Adds row i of the tile to its lane. `share`: of the absorbed level that the row is. */
static void add_row(const cw_linear *linear, tile *t, int32_t i, double share, totals *to) {
    double(*lane)[LANES] = t->lane;
    int32_t arm = t->arm[i], l = i % LANES;
    double w = t->weight[i], e = t->residual[arm][i];
    double own = w * e * t->along[arm][i];
    double mean = 0, copies = linear->spec.weighting == CW_FREQUENCY ? w : 1;
    if (linear->columns && cw_linear_targeted(linear, arm))
        mean = w / cw_linear_scalar(linear, CW_LINEAR_TARGET) *
               ((t->residual[0][i] - t->residual[1][i]) - cw_linear_scalar(linear, CW_LINEAR_ESTIMATE));
    lane[CW_SCORE_WEIGHT][l] += w;
    lane[CW_SCORE_WEIGHT_SQUARE][l] += w * w;
    lane[CW_SCORE_RSS_CONTROL + arm][l] += w * e * e;
    lane[CW_SCORE_HC0][l] += (own + mean) * (own + mean) / copies;
    to->count[CW_SCORE_ROWS]++;
    if (!linear->spec.leverage) return;
    double h = t->leverage[i] + share, left = 1 - h;
    if (h > *to->leverage) *to->leverage = h;
    if (left < CW_LEVERAGE_LEFT) {
        to->count[CW_SCORE_LEVERAGE_ONE]++;
        return;
    }
    double two = own / sqrt(left), three = own / left;
    lane[CW_SCORE_FIXED][l] += two * two / copies;
    lane[CW_SCORE_HC2][l] += (two + mean) * (two + mean) / copies;
    lane[CW_SCORE_HC3][l] += (three + mean) * (three + mean) / copies;
}

/* Means of the arms by the contrast's values, whatever the form. */
static void add_outcome(const cw_linear *linear, tile *t, int32_t i, double treatment, double y, totals *to) {
    int arm = treatment == linear->spec.treated ? 1 : treatment == linear->spec.control ? 0 : -1;
    if (arm < 0) return;
    double w = t->weight[i];
    t->lane[CW_SCORE_WEIGHT_CONTROL + arm][i % LANES] += w;
    t->lane[CW_SCORE_OUTCOME_CONTROL + arm][i % LANES] += w * (y - linear->shift[linear->columns]);
    to->count[CW_SCORE_ROWS_CONTROL + arm]++;
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_linear *linear = params;
    const cw_linear_rows *use = cw_linear_rows_use();
    tile *t = scratch;
    double *sums = (double *)(void *)((char *)state + linear->score_offset[MEMBER_SUMS]);
    totals to = {(int64_t *)(void *)((char *)state + linear->score_offset[MEMBER_COUNTS]),
                 (double *)(void *)((char *)state + linear->score_offset[MEMBER_LEVERAGE])};
    memset(t->lane, 0, sizeof t->lane);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t n = block->rows - first < TILE ? block->rows - first : TILE;
        const double *y = block->real[linear->spec.outcome] + first;
        const double *treatment = block->real[linear->spec.treatment] + first;
        const double *share =
            linear->spec.level_share >= 0 ? block->real[linear->spec.level_share] + first : NULL;
        const double *const *x = (const double *const *)columns_at(linear, t, block, first);
        classify(linear, block, first, n, t);
        project(linear, use, x, y, n, t);
        for (int32_t f = 0; linear->spec.leverage && f < linear->fits; f++)
            leverages(linear, use, x, n, f, t);
        for (int32_t i = 0; i < n; i++) {
            if (t->arm[i] < 0) continue;
            add_row(linear, t, i, share ? share[i] : 0, &to);
            add_outcome(linear, t, i, treatment[i], y[i], &to);
        }
    }
    for (int s = 0; s < CW_SCORES; s++) {
        const double *l = t->lane[s];
        sums[s] = ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_linear *linear = params;
    double *sums = (double *)(void *)((char *)state + linear->score_offset[MEMBER_SUMS]);
    int64_t *counts = (int64_t *)(void *)((char *)state + linear->score_offset[MEMBER_COUNTS]);
    double *leverage = (double *)(void *)((char *)state + linear->score_offset[MEMBER_LEVERAGE]);
    const double *more = cw_linear_score_sums(linear, later);
    for (int s = 0; s < CW_SCORES; s++) sums[s] += more[s];
    for (int s = 0; s < CW_SCORE_COUNTS; s++) counts[s] += cw_linear_score_counts(linear, later)[s];
    double h = cw_linear_score_leverage(linear, later);
    if (h > *leverage) *leverage = h;
}

void cw_linear_describe_scores(cw_linear *linear) {
    linear->score_member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, CW_SCORES};
    linear->score_member[MEMBER_COUNTS] = (cw_member){"counts", CW_I64, CW_SCORE_COUNTS};
    linear->score_member[MEMBER_LEVERAGE] = (cw_member){"max_leverage", CW_F64, 1};
    double k = linear->k;
    linear->scores =
        (cw_accumulator){.name = "scores",
                         .order = CW_TREE,
                         .members = 3,
                         .member = linear->score_member,
                         .params = linear,
                         .scratch_bytes = scratch_bytes(linear),
                         .flops_per_row = 4 * k * linear->fits + (linear->spec.leverage ? k * k : 0),
                         .add = add,
                         .merge = merge};
    for (int32_t m = 0; m < 3; m++) linear->score_offset[m] = cw_accumulator_offset(&linear->scores, m);
}

const cw_accumulator *cw_linear_scores(const cw_linear *linear) {
    return &linear->scores;
}

const double *cw_linear_score_sums(const cw_linear *linear, const void *state) {
    return (const double *)(const void *)((const char *)state + linear->score_offset[MEMBER_SUMS]);
}
const int64_t *cw_linear_score_counts(const cw_linear *linear, const void *state) {
    return (const int64_t *)(const void *)((const char *)state + linear->score_offset[MEMBER_COUNTS]);
}
double cw_linear_score_leverage(const cw_linear *linear, const void *state) {
    return *(const double *)(const void *)((const char *)state + linear->score_offset[MEMBER_LEVERAGE]);
}
