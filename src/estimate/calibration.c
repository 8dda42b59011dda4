#include "calibration.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "../base/sort.h"

enum { TILE = 1024, BINS = CW_CALIBRATION_BINS, GROUPS = CW_CALIBRATION_GROUPS };
#define BIN_WIDTH 0.01
#define UNIT      0x1p30 /* propensities are summed as integers in these units: exact in any order */

enum { ROWS, TREATED, EXPECTED, BIN_KINDS };
enum { BELOW_1, BELOW_5, ABOVE_95, ABOVE_99, EXTREMES };

static const cw_member members[] = {{"bins", CW_I64, (int64_t)BIN_KINDS *BINS},
                                    {"extremes", CW_I64, EXTREMES}};

static int64_t *extremes_of(const cw_accumulator *accumulator, void *state) {
    return (int64_t *)(void *)((char *)state + cw_accumulator_offset(accumulator, 1));
}

static int32_t bin_of(double e) {
    if (!(e > 0)) return 0;
    if (!(e < 1)) return BINS - 1;
    double place = cw_ln(e / (1 - e)) / BIN_WIDTH + BINS / 2;
    return place < 0 ? 0 : place >= BINS ? BINS - 1 : (int32_t)place;
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_calibration *c = params;
    int64_t *bin = state, *extreme = extremes_of(&c->accumulator, state);
    double *e = scratch;
    for (int32_t first = 0; first < block->rows; first += TILE) {
        int32_t rows = block->rows - first < TILE ? block->rows - first : TILE;
        const double *d = block->real[c->treatment] + first;
        cw_predict(c->propensity, block, first, rows, e);
        for (int32_t i = 0; i < rows; i++) {
            int out = block->weight && !(block->weight[first + i] > 0);
            if (out || (d[i] != c->treated && d[i] != c->control) || !(e[i] >= 0 && e[i] <= 1)) continue;
            int64_t *own = bin + (int64_t)BIN_KINDS * bin_of(e[i]);
            own[ROWS]++;
            own[TREATED] += d[i] == c->treated;
            own[EXPECTED] += (int64_t)(e[i] * UNIT + 0.5);
            extreme[BELOW_1] += e[i] < 0.01;
            extreme[BELOW_5] += e[i] < 0.05;
            extreme[ABOVE_95] += e[i] > 0.95;
            extreme[ABOVE_99] += e[i] > 0.99;
        }
    }
}

static void merge(const void *params, void *state, const void *later) {
    (void)params;
    int64_t *to = state;
    const int64_t *from = later;
    /* Members are padded with zeros: one run of integers. */
    for (int64_t k = 0; k < (int64_t)BIN_KINDS * BINS + EXTREMES; k++) to[k] += from[k];
}

void cw_calibration_init(cw_calibration *calibration, const char *name, int32_t treatment, double control,
                         double treated, const cw_predictor *propensity) {
    _Static_assert(((int64_t)BIN_KINDS * BINS * 8) % 64 == 0, "the second member follows the first");
    *calibration = (cw_calibration){.accumulator = {.name = name ? name : "calibration",
                                                    .order = CW_EXACT,
                                                    .members = 2,
                                                    .member = members,
                                                    .params = calibration,
                                                    .scratch_bytes = TILE * sizeof(double),
                                                    .add = add,
                                                    .merge = merge},
                                    .treatment = treatment,
                                    .control = control,
                                    .treated = treated,
                                    .propensity = propensity};
}

/* A run of bins. */
typedef struct run {
    int64_t rows, treated, expected;
} run;

static void extend(run *to, const int64_t *bin) {
    to->rows += bin[ROWS];
    to->treated += bin[TREATED];
    to->expected += bin[EXPECTED];
}

static cw_calibration_tail tail(const int64_t *bin, double share, int64_t rows, int from_above) {
    run r = {0, 0, 0};
    double spread = 0;
    for (int32_t k = 0; k < BINS && (r.rows == 0 || (double)r.rows < share * (double)rows); k++) {
        const int64_t *own = bin + (int64_t)BIN_KINDS * (from_above ? BINS - 1 - k : k);
        if (own[ROWS] == 0) continue;
        double e = (double)own[EXPECTED] / UNIT / (double)own[ROWS];
        spread += (double)own[ROWS] * e * (1 - e);
        extend(&r, own);
    }
    double n = (double)r.rows, expected = (double)r.expected / UNIT / n, observed = (double)r.treated / n;
    double error = sqrt(spread) / n;
    return (cw_calibration_tail){share, r.rows, expected, observed,
                                 error > 0 ? (observed - expected) / error : 0};
}

/* Tenths by cumulated rows: a bin belongs to the group in which its middle row falls. */
static void groups(const int64_t *bin, cw_calibration_result *result) {
    run group[GROUPS];
    memset(group, 0, sizeof group);
    int64_t before = 0;
    for (int32_t k = 0; k < BINS; k++) {
        const int64_t *own = bin + (int64_t)BIN_KINDS * k;
        if (own[ROWS] == 0) continue;
        int64_t g =
            (int64_t)((double)GROUPS * ((double)before + 0.5 * (double)own[ROWS]) / (double)result->rows);
        extend(&group[g < GROUPS ? g : GROUPS - 1], own);
        before += own[ROWS];
    }
    for (int g = 0; g < GROUPS; g++) {
        double n = (double)group[g].rows;
        if (n == 0) continue;
        double e = result->expected[g] = (double)group[g].expected / UNIT / n;
        double o = result->observed[g] = (double)group[g].treated / n;
        if (e > 0 && e < 1) result->hosmer_lemeshow += n * (o - e) * (o - e) / (e * (1 - e));
        result->largest_error = fmax(result->largest_error, fabs(o - e));
    }
}

void cw_calibration_get(const void *state, cw_calibration_result *result) {
    static const double shares[CW_CALIBRATION_TAILS] = {0.01, 0.02, 0.05, 0.1};
    const int64_t *bin = state, *extreme = bin + (int64_t)BIN_KINDS * BINS;
    memset(result, 0, sizeof *result);
    run all = {0, 0, 0};
    double pairs = 0;
    for (int32_t k = 0; k < BINS; k++) {
        const int64_t *own = bin + (int64_t)BIN_KINDS * k;
        double controls = (double)(own[ROWS] - own[TREATED]);
        pairs += (double)own[TREATED] * ((double)(all.rows - all.treated) + 0.5 * controls);
        extend(&all, own);
    }
    result->rows = all.rows;
    result->treated = all.treated;
    result->below_1 = extreme[BELOW_1];
    result->below_5 = extreme[BELOW_5];
    result->above_95 = extreme[ABOVE_95];
    result->above_99 = extreme[ABOVE_99];
    if (all.rows == 0) return;
    result->mean = (double)all.expected / UNIT / (double)all.rows;
    result->auc = pairs / ((double)all.treated * (double)(all.rows - all.treated));
    for (int k = 0; k < CW_CALIBRATION_TAILS; k++) {
        result->low[k] = tail(bin, shares[k], all.rows, 0);
        result->high[k] = tail(bin, shares[k], all.rows, 1);
    }
    groups(bin, result);
}

typedef struct ranked {
    double e;
    int64_t treated;
} ranked;

static int by_propensity(const void *a, const void *b, void *self) {
    (void)self;
    const ranked *x = a, *y = b;
    return (x->e > y->e) - (x->e < y->e);
}

static double rank_groups(int64_t rows, const ranked *row) {
    double statistic = 0;
    int64_t i = 0;
    for (int64_t g = 0; g < GROUPS; g++) {
        double n = 0, expected = 0, observed = 0;
        for (; i < rows && GROUPS * i / rows == g; i++) {
            n += 1;
            expected += row[i].e;
            observed += (double)row[i].treated;
        }
        if (expected > 0 && expected < n)
            statistic += (observed - expected) * (observed - expected) / (expected * (1 - expected / n));
    }
    return statistic;
}

static double rank_auc(int64_t rows, const ranked *row) {
    double pairs = 0, treated = 0, controls = 0;
    for (int64_t i = 0; i < rows;) {
        int64_t end = i, own = 0;
        for (; end < rows && row[end].e - row[i].e <= 1e-10; end++) own += row[end].treated;
        double others = (double)(end - i - own);
        pairs += (double)own * (controls + 0.5 * others);
        treated += (double)own;
        controls += others;
        i = end;
    }
    return pairs / (treated * controls);
}

cw_code cw_rank_calibration(cw_env *env, int64_t rows, const double *e, const double *treated,
                            cw_rank_result *result) {
    ranked *row = NULL;
    CW_TRY(cw_alloc(env, (size_t)rows, sizeof *row, &row));
    for (int64_t i = 0; i < rows; i++) row[i] = (ranked){e[i], treated[i] > 0};
    cw_code code = cw_sort(env, row, rows, sizeof *row, by_propensity, NULL);
    if (code == CW_OK) *result = (cw_rank_result){rank_groups(rows, row), rank_auc(rows, row)};
    cw_free(env, &row);
    return code;
}

static int descending(const void *a, const void *b, void *self) {
    (void)self;
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x < y) - (x > y);
}

cw_code cw_top_share(cw_env *env, int64_t count, const double *weight, double share, double *out) {
    double *sorted = NULL;
    *out = (double)NAN;
    CW_TRY(cw_alloc(env, (size_t)count, sizeof *sorted, &sorted));
    if (count > 0) memcpy(sorted, weight, (size_t)count * sizeof *sorted);
    cw_code code = cw_sort(env, sorted, count, sizeof *sorted, descending, NULL);
    if (code == CW_OK && count > 0) {
        double top = ceil(share * (double)count);
        int64_t most = top < (double)count ? (int64_t)top : count;
        *out = cw_sum(most, sorted) / cw_sum(count, sorted);
    }
    cw_free(env, &sorted);
    return code;
}
