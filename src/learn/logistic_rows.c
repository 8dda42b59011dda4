/* A block's contribution to score, information, log-likelihood and margins of every model that still runs. */
#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "logistic_inside.h"
#include "predictor_kernel.h"

/* Directions of the first steps tell nothing about separation: their margins are not looked at. */
enum { TILE = 1024, FIRST_SUSPECT = 4 };

/* Margins along Newton's direction: below STILL a row stays where it is, above PUSHED it goes to its side. */
#define STILL  1e-6
#define PUSHED 0.1
/* A margin of the trial rule that rounding cannot make. */
#define CLEAR 1e-3

typedef struct tile {
    int32_t rows;
    double *z;          /* columns x TILE */
    const double **at;  /* columns: where each begins */
    double *y, *weight; /* response 0 or 1; weight 0: left out */
    double *odd;        /* NaN where a value is not finite */
    int32_t *cell;
    double *eta, *along, *p, *t, *own, *residual; /* of one model */
    void *gram;                                   /* scratch of the inner Gram */
} tile;

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static size_t lay_out(const cw_logistic *l, char *memory, tile *t) {
    size_t columns = (size_t)l->spec.columns, line = TILE * sizeof(double), used = 0;
    const size_t bytes[] = {columns * line,
                            columns * sizeof(double *),
                            line,
                            line,
                            line,
                            TILE * sizeof(int32_t),
                            line,
                            line,
                            line,
                            line,
                            line,
                            line,
                            cw_gram_accumulator(l->gram)->scratch_bytes};
    void *part[13];
    for (int k = 0; k < 13; k++) {
        part[k] = memory ? memory + used : NULL;
        used += round_up(bytes[k]);
    }
    if (t)
        *t = (tile){0,       part[0], part[1], part[2], part[3],  part[4],  part[5],
                    part[6], part[7], part[8], part[9], part[10], part[11], part[12]};
    return used;
}

size_t cw_logistic_scratch_bytes(const cw_logistic *logistic) {
    return lay_out(logistic, NULL, NULL);
}

/* Columns, response, cells and weights of rows first .. first + rows - 1. */
static void load(const cw_logistic *l, const cw_block *block, int32_t first, int32_t rows, tile *t) {
    const double *y = block->real[l->spec.response] + first;
    const double *cell = l->spec.cells ? block->real[l->spec.cell_column] + first : NULL;
    t->rows = rows;
    for (int32_t i = 0; i < rows; i++) {
        double w = block->weight ? block->weight[first + i] : 1;
        double c = cell ? cell[i] : 0;
        int known = c >= 0 && c < l->cells;
        t->cell[i] = known ? (int32_t)c : 0;
        known &= (double)t->cell[i] == c;
        t->y[i] = y[i] == l->spec.one;
        t->weight[i] = known && w > 0 && (y[i] == l->spec.one || y[i] == l->spec.zero) ? w : 0;
        t->odd[i] = t->weight[i] * 0;
    }
    for (int32_t j = 0; j < l->spec.columns; j++) {
        const double *x = block->real[l->column[j]] + first;
        double *z = t->z + (int64_t)j * TILE, shift = l->shift[j], scale = l->scale[j];
        t->at[j] = z;
        for (int32_t i = 0; i < rows; i++) {
            z[i] = (x[i] - shift) * scale;
            t->odd[i] += z[i] * 0;
        }
    }
}

/* Takes rows with odd values out: their columns become 0, their weight negative (a mark for the count). */
static void take_out_odd(const cw_logistic *l, tile *t) {
    int odd = 0;
    for (int32_t i = 0; i < t->rows; i++) odd |= !(t->odd[i] == 0);
    if (!odd) return;
    for (int32_t i = 0; i < t->rows; i++) {
        if (t->odd[i] == 0) continue;
        if (t->weight[i] > 0) t->weight[i] = -1;
        for (int32_t j = 0; j < l->spec.columns; j++) t->z[(int64_t)j * TILE + i] = 0;
    }
}

static void linear(const cw_logistic *l, const tile *t, const double *b, double *to) {
    const cw_predictor_steps *use = cw_predictor_use();
    for (int32_t i = 0; i < t->rows; i++) to[i] = b[0];
    for (int32_t j = 0; j < l->spec.columns; j++) use->common(t->rows, t->at[j], 0, 1, b[j + 1], to);
}

/* The weights of the rows that model m learns from, and their counts and margins. */
static void choose_rows(const cw_logistic *l, const tile *t, int32_t m, int64_t *count) {
    const uint8_t *uses = l->uses ? l->uses + (int64_t)m * l->cells : NULL;
    for (int32_t i = 0; i < t->rows; i++) {
        double w = uses && !uses[t->cell[i]] ? 0 : t->weight[i];
        int in = w > 0;
        double sign = t->y[i] > 0 ? 1 : -1, margin = sign * t->along[i];
        t->own[i] = in ? w : 0;
        count[CW_COUNT_ROWS] += in;
        count[CW_COUNT_ONES] += in && t->y[i] > 0;
        count[CW_COUNT_BAD] += w < 0;
        count[CW_COUNT_POSITIVE] += in && sign * t->eta[i] > CLEAR;
        count[CW_COUNT_STILL] += in && fabs(margin) <= STILL;
        count[CW_COUNT_PUSHED] += in && margin >= PUSHED;
    }
}

/* Residuals, log-likelihood and score; t->own becomes the weight of a row in the inner Gram. */
static void evaluate(const cw_logistic *l, tile *t, double *sums) {
    int32_t n = t->rows;
    double *term = t->along; /* no longer needed */
    sums[l->q + CW_SUM_WEIGHT] += cw_sum(n, t->own);
    sums[l->q + CW_SUM_ONES] += cw_dot(n, t->own, t->y);
    cw_logistic_array(n, t->eta, t->p, t->t);
    for (int32_t i = 0; i < n; i++) term[i] = 1 + t->t[i];
    cw_log_array(n, term, term);
    for (int32_t i = 0; i < n; i++) {
        double likelier = 1 / (1 + t->t[i]), rarer = t->t[i] * likelier;
        int up = t->eta[i] >= 0, one = t->y[i] > 0;
        /* log p of what was seen: -log(1 + t), and eta on top where the rarer outcome was */
        term[i] = -t->own[i] * (term[i] + (up != one ? fabs(t->eta[i]) : 0));
        double miss = up == one ? rarer : likelier; /* |y - p| without cancellation */
        t->residual[i] = t->own[i] * (one ? miss : -miss);
        t->own[i] = l->meat ? t->residual[i] * t->residual[i] : t->own[i] * (likelier * rarer);
    }
    sums[l->q + CW_SUM_LOGLIK] += cw_sum(n, term);
    sums[0] += cw_sum(n, t->residual);
    for (int32_t j = 0; j < l->spec.columns; j++) sums[j + 1] += cw_dot(n, t->residual, t->at[j]);
}

static void add_model(const cw_logistic *l, tile *t, int32_t m, char *state) {
    cw_logistic_model model = cw_logistic_model_of(l, l->control, m);
    double *sums = (double *)(void *)(state + l->sums_offset) + m * (int64_t)(l->q + CW_SUMS);
    int64_t *count = (int64_t *)(void *)(state + l->counts_offset) + m * (int64_t)CW_COUNTS;
    linear(l, t, l->meat ? model.accepted : model.trial, t->eta);
    if (model.scalar[CW_LOGISTIC_ITERATIONS] >= FIRST_SUSPECT)
        linear(l, t, model.direction, t->along);
    else
        memset(t->along, 0, (size_t)t->rows * sizeof *t->along);
    choose_rows(l, t, m, count);
    evaluate(l, t, sums);
    const cw_block inner = {.rows = t->rows, .reals = l->spec.columns, .real = t->at, .weight = t->own};
    const cw_accumulator *gram = cw_gram_accumulator(l->gram);
    gram->add(gram->params, state + (size_t)m * l->gram_stride, t->gram, &inner);
}

void cw_logistic_add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_logistic *l = params;
    tile t;
    (void)lay_out(l, scratch, &t);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        load(l, block, first, block->rows - first < TILE ? block->rows - first : TILE, &t);
        take_out_odd(l, &t);
        for (int32_t m = 0; m < l->spec.models; m++) {
            double status = cw_logistic_model_of(l, l->control, m).scalar[CW_LOGISTIC_STATUS];
            if (status == (l->meat ? CW_LOGISTIC_CONVERGED : CW_LOGISTIC_RUNNING)) add_model(l, &t, m, state);
        }
    }
}

void cw_logistic_merge(const void *params, void *state, const void *later) {
    const cw_logistic *l = params;
    const cw_accumulator *gram = cw_gram_accumulator(l->gram);
    for (int32_t m = 0; m < l->spec.models; m++)
        gram->merge(gram->params, (char *)state + (size_t)m * l->gram_stride,
                    (const char *)later + (size_t)m * l->gram_stride);
    double *sums = (double *)(void *)((char *)state + l->sums_offset);
    const double *more = cw_logistic_sums(l, later, 0);
    for (int64_t k = 0; k < (int64_t)l->spec.models * (l->q + CW_SUMS); k++) sums[k] += more[k];
    int64_t *count = (int64_t *)(void *)((char *)state + l->counts_offset);
    const int64_t *others = cw_logistic_counts(l, later, 0);
    for (int64_t k = 0; k < (int64_t)l->spec.models * CW_COUNTS; k++) count[k] += others[k];
}
