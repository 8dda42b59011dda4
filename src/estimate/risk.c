/* Held-out risks (calibration.h). */
#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "calibration.h"

enum { TILE = 1024 };
enum { SUM_WEIGHT, SUM_SQUARED, SUM_LOG, SUM_KINDS };

struct cw_risk {
    cw_env *env;
    int32_t items;
    cw_risk_item *item;
    cw_member member[2];
    cw_accumulator accumulator;
};

typedef struct tile {
    double p[TILE], w[TILE], loss[TILE], log[TILE];
} tile;

/* Log of the probability of what was seen. */
static void log_losses(int32_t rows, const int *seen, tile *t) {
    for (int32_t i = 0; i < rows; i++) t->log[i] = seen[i] ? t->p[i] : 1 - t->p[i];
    cw_log_array(rows, t->log, t->log);
    for (int32_t i = 0; i < rows; i++) t->log[i] = t->w[i] > 0 ? -t->log[i] : 0;
}

static void add_item(const cw_risk_item *item, const cw_block *block, int32_t first, int32_t rows, tile *t,
                     double *sums, int64_t *bad) {
    const double *y = block->real[item->response] + first;
    const double *filter = item->filter >= 0 ? block->real[item->filter] + first : NULL;
    int seen[TILE];
    cw_predict(item->predictor, block, first, rows, t->p);
    for (int32_t i = 0; i < rows; i++) {
        double w = block->weight ? block->weight[first + i] : 1;
        int in = w > 0 && (!filter || filter[i] == item->filter_value), odd = !((y[i] + t->p[i]) * 0 == 0);
        *bad += in && odd;
        in = in && !odd;
        seen[i] = y[i] == item->one;
        double value = item->probability ? seen[i] : y[i];
        t->w[i] = in ? w : 0;
        if (!in) t->p[i] = 0.5;
        t->loss[i] = in ? (value - t->p[i]) * (value - t->p[i]) : 0;
    }
    sums[SUM_WEIGHT] += cw_sum(rows, t->w);
    sums[SUM_SQUARED] += cw_dot(rows, t->w, t->loss);
    if (!item->probability) return;
    log_losses(rows, seen, t);
    sums[SUM_LOG] += cw_dot(rows, t->w, t->log);
}

static int64_t *bad_of(const cw_risk *risk, void *state) {
    return (int64_t *)(void *)((char *)state + cw_accumulator_offset(&risk->accumulator, 1));
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_risk *risk = params;
    int64_t *bad = bad_of(risk, state);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t rows = block->rows - first < TILE ? block->rows - first : TILE;
        for (int32_t k = 0; k < risk->items; k++)
            add_item(&risk->item[k], block, first, rows, scratch, (double *)state + (int64_t)SUM_KINDS * k,
                     &bad[k]);
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_risk *risk = params;
    double *to = state;
    const double *from = later;
    for (int64_t k = 0; k < (int64_t)SUM_KINDS * risk->items; k++) to[k] += from[k];
    int64_t *bad = bad_of(risk, state);
    const int64_t *more =
        (const int64_t *)(const void *)((const char *)later + cw_accumulator_offset(&risk->accumulator, 1));
    for (int32_t k = 0; k < risk->items; k++) bad[k] += more[k];
}

cw_code cw_risk_create(cw_env *env, const char *name, int32_t items, const cw_risk_item *item,
                       cw_risk **out) {
    *out = NULL;
    if (items < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "risks of %d models", items);
    cw_risk *risk = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *risk, &risk));
    risk->env = env;
    risk->items = items;
    cw_code code = cw_alloc(env, (size_t)items, sizeof *item, &risk->item);
    if (code != CW_OK) {
        cw_risk_destroy(&risk);
        return code;
    }
    memcpy(risk->item, item, (size_t)items * sizeof *item);
    risk->member[0] = (cw_member){"sums", CW_F64, (int64_t)SUM_KINDS * items};
    risk->member[1] = (cw_member){"bad_rows", CW_I64, items};
    risk->accumulator = (cw_accumulator){.name = name ? name : "risk",
                                         .order = CW_TREE,
                                         .members = 2,
                                         .member = risk->member,
                                         .params = risk,
                                         .scratch_bytes = sizeof(tile),
                                         .add = add,
                                         .merge = merge};
    *out = risk;
    return CW_OK;
}

void cw_risk_destroy(cw_risk **risk) {
    if (!risk || !*risk) return;
    cw_env *env = (*risk)->env;
    cw_free(env, &(*risk)->item);
    cw_free(env, risk);
}

const cw_accumulator *cw_risk_accumulator(const cw_risk *risk) {
    return &risk->accumulator;
}

cw_risk_result cw_risk_get(const cw_risk *risk, const void *state, int32_t item) {
    const double *sums = (const double *)state + (int64_t)SUM_KINDS * item;
    const int64_t *bad =
        (const int64_t *)(const void *)((const char *)state + cw_accumulator_offset(&risk->accumulator, 1));
    double weight = sums[SUM_WEIGHT];
    return (cw_risk_result){.weight = weight,
                            .squared = sums[SUM_SQUARED] / weight,
                            .log_loss = risk->item[item].probability ? sums[SUM_LOG] / weight : (double)NAN,
                            .bad = bad[item]};
}
