/* Step 2: residuals and influence values of a block, a tile of rows at a time so that a tile's columns are
 * read from memory once, and their squares in sums of 8 lanes. */
#include <math.h>
#include <string.h>

#include "../base/block.h"
#include "linear_inside.h"
#include "rows.h"

enum { TILE = 1024 };
enum { MEMBER_SUMS, MEMBER_COUNTS, MEMBER_LEVERAGE };

/* A tile's rows. Rows that are not used weigh 0 and their numbers are 0 (whatever their columns hold), so
 * sums go over all rows without asking; so are the rows up to a full set of lanes. */
typedef struct tile {
    double residual[2][TILE],
        along[2][TILE];                    /* e and c'd under either fit; [0]: the row's own, once settled */
    double weight[TILE], copies[TILE];     /* copies: the rows that a frequency weight stands for, else 1 */
    double mean[TILE];                     /* the covariates' part of the influence */
    double own[TILE];                      /* w e c'd */
    double treatment[TILE], outcome[TILE]; /* outcome: y - shift */
    double leverage[TILE];
    int32_t arm[TILE]; /* -1: not used */
    cw_lanes plain[4], arms[2][4], high[4];
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

/* Returns the number of rows used. */
static int32_t classify(const cw_linear *linear, const cw_block *block, int32_t first, int32_t n, tile *t) {
    const double *treatment = block->real[linear->spec.treatment] + first;
    int frequency = linear->spec.weighting == CW_FREQUENCY;
    int32_t used = 0;
    memcpy(t->treatment, treatment, (size_t)n * sizeof *treatment);
    if (linear->fits == 1 && !block->weight) {
        for (int32_t i = 0; i < n; i++) {
            t->arm[i] = 0;
            t->weight[i] = t->copies[i] = 1;
        }
        return n;
    }
    for (int32_t i = 0; i < n; i++) {
        double w = block->weight ? block->weight[first + i] : 1;
        int32_t arm = cw_linear_arm(linear, treatment[i], w);
        t->arm[i] = arm;
        t->weight[i] = arm < 0 ? 0 : w;
        t->copies[i] = arm < 0 || !frequency ? 1 : w;
        used += arm >= 0;
    }
    return used;
}

static void project(const cw_linear *linear, const cw_rows *use, const double *const *x, const double *y,
                    int32_t n, tile *t) {
    double shift = linear->shift[linear->columns];
    for (int32_t i = 0; i < n; i++) t->outcome[i] = y[i] - shift;
    for (int32_t f = 0; f < linear->fits; f++) {
        const cw_linear_part *part = &linear->part[f];
        double b0 = linear->constant ? part->coefficient[0] : 0;
        double c0 = linear->constant ? part->influence[0] : 0;
        for (int32_t i = 0; i < n; i++) {
            t->residual[f][i] = t->outcome[i] - b0;
            t->along[f][i] = c0;
        }
        use->project(n, linear->columns, x, linear->shift, part->coefficient + linear->constant,
                     part->influence + linear->constant, t->residual[f], t->along[f]);
    }
}

/* Leaves each row with its own arm's numbers and with 0 where it is not used; returns the rows rounded up to
 * a full set of lanes. `share`: of the absorbed level that the row is, or NULL. */
static int32_t settle(const cw_linear *linear, int32_t n, int32_t used, const double *share, tile *t) {
    double target = cw_linear_scalar(linear, CW_LINEAR_TARGET);
    double estimate = cw_linear_scalar(linear, CW_LINEAR_ESTIMATE);
    int32_t end = (n + CW_LANES - 1) / CW_LANES * CW_LANES;
    memset(t->mean, 0, sizeof t->mean);
    for (int32_t i = 0; linear->fits == 2 && i < n; i++) {
        if (t->arm[i] < 0) continue;
        if (linear->columns && cw_linear_targeted(linear, t->arm[i]))
            t->mean[i] = t->weight[i] / target * ((t->residual[0][i] - t->residual[1][i]) - estimate);
        t->residual[0][i] = t->residual[t->arm[i]][i];
        t->along[0][i] = t->along[t->arm[i]][i];
    }
    for (int32_t i = 0; share && i < n; i++) t->leverage[i] += share[i];
    for (int32_t i = n; i < end; i++) {
        t->arm[i] = -1;
        t->weight[i] = t->treatment[i] = 0;
        t->copies[i] = 1;
    }
    for (int32_t i = 0; used < end && i < end; i++)
        if (t->arm[i] < 0) t->residual[0][i] = t->along[0][i] = t->outcome[i] = t->leverage[i] = 0;
    for (int32_t i = 0; i < end; i++) t->own[i] = t->weight[i] * t->residual[0][i] * t->along[0][i];
    return end;
}

/* Leverages under fit f of its own rows, gathered into groups. */
static void leverages(const cw_linear *linear, const cw_rows *use, const double *const *x, int32_t n,
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

static void add_tile(const cw_linear *linear, const cw_rows *use, int32_t end, double *most, tile *t) {
    const cw_row_terms row = {.rows = end,
                              .weight = t->weight,
                              .residual = t->residual[0],
                              .own = t->own,
                              .mean = t->mean,
                              .copies = linear->spec.weighting == CW_FREQUENCY ? t->copies : NULL,
                              .treatment = t->treatment,
                              .outcome = t->outcome,
                              .leverage = t->leverage};
    use->tally(&row, t->plain);
    use->tally_arm(&row, linear->spec.control, t->arms[0]);
    use->tally_arm(&row, linear->spec.treated, t->arms[1]);
    if (!linear->spec.leverage) return;
    double h = use->tally_leverage(&row, CW_LEVERAGE_LEFT, t->high);
    if (h > *most) *most = h;
}

static void end_sums(const cw_linear *linear, const tile *t, void *state) {
    double *sums = (double *)(void *)((char *)state + linear->score_offset[MEMBER_SUMS]);
    int64_t *counts = (int64_t *)(void *)((char *)state + linear->score_offset[MEMBER_COUNTS]);
    sums[CW_SCORE_WEIGHT] = cw_lanes_end(t->plain[0]);
    sums[CW_SCORE_WEIGHT_SQUARE] = cw_lanes_end(t->plain[1]);
    sums[CW_SCORE_RSS] = cw_lanes_end(t->plain[2]);
    sums[CW_SCORE_HC0] = cw_lanes_end(t->plain[3]);
    for (int a = 0; a < 2; a++) {
        sums[CW_SCORE_WEIGHT_CONTROL + a] = cw_lanes_end(t->arms[a][0]);
        sums[CW_SCORE_OUTCOME_CONTROL + a] = cw_lanes_end(t->arms[a][1]);
        sums[CW_SCORE_RSS_CONTROL + a] = cw_lanes_end(t->arms[a][2]);
        counts[CW_SCORE_ROWS_CONTROL + a] = (int64_t)cw_lanes_end(t->arms[a][3]);
    }
    sums[CW_SCORE_FIXED] = cw_lanes_end(t->high[0]);
    sums[CW_SCORE_HC2] = cw_lanes_end(t->high[1]);
    sums[CW_SCORE_HC3] = cw_lanes_end(t->high[2]);
    counts[CW_SCORE_LEVERAGE_ONE] = (int64_t)cw_lanes_end(t->high[3]);
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_linear *linear = params;
    const cw_rows *use = cw_rows_use();
    const cw_linear_spec *spec = &linear->spec;
    tile *t = scratch;
    int64_t *counts = (int64_t *)(void *)((char *)state + linear->score_offset[MEMBER_COUNTS]);
    double *most = (double *)(void *)((char *)state + linear->score_offset[MEMBER_LEVERAGE]);
    memset(t->plain, 0, sizeof t->plain);
    memset(t->arms, 0, sizeof t->arms);
    memset(t->high, 0, sizeof t->high);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t n = block->rows - first < TILE ? block->rows - first : TILE;
        const double *share = spec->level_share >= 0 ? block->real[spec->level_share] + first : NULL;
        const double *const *x = (const double *const *)columns_at(linear, t, block, first);
        int32_t used = classify(linear, block, first, n, t);
        project(linear, use, x, block->real[spec->outcome] + first, n, t);
        for (int32_t f = 0; spec->leverage && f < linear->fits; f++) leverages(linear, use, x, n, f, t);
        int32_t end = settle(linear, n, used, spec->leverage ? share : NULL, t);
        add_tile(linear, use, end, most, t);
        counts[CW_SCORE_ROWS] += used;
    }
    end_sums(linear, t, state);
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
