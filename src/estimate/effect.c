#include "effect.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"

enum { TILE = CW_INFLUENCE_TILE };
enum { MEMBER_SUMS, MEMBER_RANGE, MEMBER_COUNTS, MEMBERS };

/* Scalars of the sums; then a pair (sum w a, sum w b) an estimand. */
enum { SUM_WEIGHT, SUM_INVERSE_0, SUM_INVERSE_1, SUM_RESIDUAL, SUM_RIESZ, SUM_CROSS, SUM_SCALARS };
/* -e_min and e_max, as maxima of what starts at -infinity. */
enum { RANGE_LOW, RANGE_HIGH, RANGES };
/* Scalars of the counts; then the rows of each estimand. */
enum { COUNT_ROWS, COUNT_TREATED, COUNT_LOW, COUNT_HIGH, COUNT_BAD, COUNT_SCALARS };

/* A solved effect as a source of influence values. */
typedef struct view {
    const cw_effect *effect;
    int by_cluster;
} view;

struct cw_effect {
    cw_env *env;
    cw_effect_spec spec;
    cw_estimand *estimand;
    int partial;   /* 1: partially linear */
    double *theta; /* estimands, then minus n / sum w a of each */
    cw_member member[MEMBERS];
    size_t offset[MEMBERS];
    cw_accumulator sums;
    view view[2];
    cw_influence influence[2];
};

/* A tile of rows: weight 0 where a row is not used. */
typedef struct tile {
    int32_t rows;
    double weight[TILE], d[TILE], y[TILE], g0[TILE], g1[TILE], e[TILE];
    double a[TILE], b[TILE];
} tile;

static double limit(double e, double low, double high) {
    return e < low ? low : e > high ? high : e;
}

/* Weights, treatments and outcomes. */
static void load(const cw_effect *f, const cw_block *block, int32_t first, int32_t rows, tile *t) {
    const double *treatment = block->real[f->spec.treatment] + first;
    memcpy(t->y, block->real[f->spec.outcome] + first, (size_t)rows * sizeof *t->y);
    t->rows = rows;
    for (int32_t i = 0; i < rows; i++) {
        double w = block->weight ? block->weight[first + i] : 1, v = treatment[i];
        t->d[i] = f->partial ? v : v == f->spec.treated;
        t->weight[i] = w > 0 && (f->partial || v == f->spec.treated || v == f->spec.control) ? w : 0;
    }
}

/* Predictions; a row with one that is not finite is left out and, with counts, counted. */
static void predict(const cw_effect *f, const cw_block *block, int32_t first, tile *t, int64_t *count,
                    double *range) {
    const cw_effect_spec *spec = &f->spec;
    int32_t n = t->rows;
    cw_predict(spec->outcome_model[0], block, first, n, t->g0);
    if (!f->partial) cw_predict(spec->outcome_model[1], block, first, n, t->g1);
    cw_predict(spec->treatment_model, block, first, n, t->e);
    for (int32_t i = 0; i < n; i++) {
        if (t->weight[i] == 0) continue;
        double odd = (t->y[i] + t->g0[i] + t->e[i] + t->d[i] + (f->partial ? 0 : t->g1[i])) * 0;
        if (odd == 0) {
            if (range && -t->e[i] > range[RANGE_LOW]) range[RANGE_LOW] = -t->e[i];
            if (range && t->e[i] > range[RANGE_HIGH]) range[RANGE_HIGH] = t->e[i];
            continue;
        }
        t->weight[i] = 0;
        if (count) count[COUNT_BAD]++;
    }
    if (f->partial) return;
    for (int32_t i = 0; i < n; i++) {
        double e = t->e[i], within = limit(e, spec->low, spec->high);
        if (count && t->weight[i] > 0) {
            count[COUNT_LOW] += e < spec->low;
            count[COUNT_HIGH] += e > spec->high;
        }
        if (spec->trim && within != e) t->weight[i] = 0;
        if (spec->normalise[0] != 0)
            within = t->d[i] > 0 ? within * spec->normalise[1] : 1 - (1 - within) * spec->normalise[0];
        t->e[i] = within;
    }
}

/* a and b of one estimand over a tile, 0 for rows that are not used or outside the group. Where the weight is
 * 0 predictions may be anything, so they are not touched. */
static void scores(const cw_effect *f, const cw_estimand *k, const cw_block *block, int32_t first, tile *t) {
    const double *group = k->group_column >= 0 ? block->real[k->group_column] + first : NULL;
    for (int32_t i = 0; i < t->rows; i++) {
        double a = 0, b = 0, d = t->d[i], y = t->y[i], g0 = t->g0[i], g1 = t->g1[i], e = t->e[i];
        t->a[i] = t->b[i] = 0;
        if (t->weight[i] == 0 || (group && group[i] != k->group_value)) continue;
        double share = k->target == CW_TARGET_ALL ? 1 : (k->target == CW_TARGET_TREATED) == (d > 0);
        switch (k->score) {
        case CW_SCORE_PARTIAL:
            a = -(d - e) * (d - e);
            b = (d - e) * (y - g0);
            break;
        case CW_SCORE_PARTIAL_IV:
            a = -(d - e) * d;
            b = (d - e) * (y - (g0 - f->spec.theta0 * e));
            break;
        case CW_SCORE_REGRESSION:
            a = -share;
            b = share * (g1 - g0);
            break;
        case CW_SCORE_DOUBLE:
            a = -share;
            if (k->target == CW_TARGET_ALL)
                b = g1 - g0 + (d > 0 ? (y - g1) / e : -(y - g0) / (1 - e));
            else if (k->target == CW_TARGET_TREATED)
                b = d > 0 ? y - g0 : -(e / (1 - e)) * (y - g0);
            else
                b = d > 0 ? (1 - e) / e * (y - g1) : g1 - y;
            break;
        }
        t->a[i] = a;
        t->b[i] = b;
    }
}

/* Sums that do not belong to an estimand. */
static void add_scalars(const cw_effect *f, tile *t, double *sums, int64_t *count) {
    sums[SUM_WEIGHT] += cw_sum(t->rows, t->weight);
    double *square = t->a, *other = t->b;
    for (int32_t i = 0; i < t->rows; i++) {
        int in = t->weight[i] > 0;
        double d = t->d[i], e = t->e[i];
        double r = t->y[i] - (f->partial || !(d > 0) ? t->g0[i] : t->g1[i]);
        double inverse = f->partial ? d - e : d > 0 ? 1 / e : -1 / (1 - e);
        count[COUNT_ROWS] += in;
        count[COUNT_TREATED] += in && d > 0;
        square[i] = in ? r * r : 0;
        other[i] = in ? inverse : 0;
    }
    sums[SUM_RESIDUAL] += cw_dot(t->rows, t->weight, square);
    if (f->partial) {
        for (int32_t i = 0; i < t->rows; i++)
            square[i] = t->weight[i] > 0 ? other[i] * (t->y[i] - t->g0[i]) : 0;
        sums[SUM_CROSS] += cw_dot(t->rows, t->weight, square);
    } else {
        for (int32_t arm = 0; arm < 2; arm++) {
            for (int32_t i = 0; i < t->rows; i++) square[i] = (t->d[i] > 0) == arm ? fabs(other[i]) : 0;
            sums[SUM_INVERSE_0 + arm] += cw_dot(t->rows, t->weight, square);
        }
    }
    for (int32_t i = 0; i < t->rows; i++) square[i] = other[i] * other[i];
    sums[SUM_RIESZ] += cw_dot(t->rows, t->weight, square);
}

static void reset(const void *params, void *state) {
    const cw_effect *f = params;
    double *range = (double *)(void *)((char *)state + f->offset[MEMBER_RANGE]);
    range[RANGE_LOW] = range[RANGE_HIGH] = -(double)INFINITY;
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_effect *f = params;
    tile *t = scratch;
    double *sums = (double *)(void *)((char *)state + f->offset[MEMBER_SUMS]);
    double *range = (double *)(void *)((char *)state + f->offset[MEMBER_RANGE]);
    int64_t *count = (int64_t *)(void *)((char *)state + f->offset[MEMBER_COUNTS]);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        load(f, block, first, block->rows - first < TILE ? block->rows - first : TILE, t);
        predict(f, block, first, t, count, range);
        add_scalars(f, t, sums, count);
        for (int32_t k = 0; k < f->spec.estimands; k++) {
            const cw_estimand *estimand = &f->estimand[k];
            scores(f, estimand, block, first, t);
            sums[SUM_SCALARS + 2 * k] += cw_dot(t->rows, t->weight, t->a);
            sums[SUM_SCALARS + 2 * k + 1] += cw_dot(t->rows, t->weight, t->b);
            const double *group =
                estimand->group_column >= 0 ? block->real[estimand->group_column] + first : NULL;
            for (int32_t i = 0; i < t->rows; i++)
                count[COUNT_SCALARS + k] += t->weight[i] > 0 && (!group || group[i] == estimand->group_value);
        }
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_effect *f = params;
    char *to = state;
    const char *from = later;
    double *sums = (double *)(void *)(to + f->offset[MEMBER_SUMS]);
    const double *more = (const double *)(const void *)(from + f->offset[MEMBER_SUMS]);
    for (int64_t k = 0; k < f->member[MEMBER_SUMS].count; k++) sums[k] += more[k];
    double *range = (double *)(void *)(to + f->offset[MEMBER_RANGE]);
    const double *other = (const double *)(const void *)(from + f->offset[MEMBER_RANGE]);
    for (int k = 0; k < RANGES; k++)
        if (other[k] > range[k]) range[k] = other[k];
    int64_t *count = (int64_t *)(void *)(to + f->offset[MEMBER_COUNTS]);
    const int64_t *counts = (const int64_t *)(const void *)(from + f->offset[MEMBER_COUNTS]);
    for (int64_t k = 0; k < f->member[MEMBER_COUNTS].count; k++) count[k] += counts[k];
}

/* IF = - n w (a theta + b) / sum w a. */
static void fill(const void *self, void *scratch, const cw_block *block, int32_t first, int32_t rows,
                 double *out) {
    const view *from = self;
    const cw_effect *f = from->effect;
    tile *t = scratch;
    load(f, block, first, rows, t);
    predict(f, block, first, t, NULL, NULL);
    int root = f->spec.weighting == CW_FREQUENCY && !from->by_cluster;
    for (int32_t k = 0; k < f->spec.estimands; k++) {
        double theta = f->theta[k], unit = f->theta[f->spec.estimands + k], *to = out + (int64_t)k * rows;
        scores(f, &f->estimand[k], block, first, t);
        for (int32_t i = 0; i < rows; i++) {
            double w = root ? sqrt(t->weight[i]) : t->weight[i];
            to[i] = t->weight[i] > 0 ? unit * (w * (t->a[i] * theta + t->b[i])) : 0;
        }
    }
}

static int is_partial(cw_score score) {
    return score == CW_SCORE_PARTIAL || score == CW_SCORE_PARTIAL_IV;
}

static cw_code check(cw_env *env, const cw_effect_spec *spec) {
    if (spec->estimands < 1) return cw_fail(env, CW_INTERNAL, NULL, NULL, "an effect of no estimand");
    int partial = is_partial(spec->estimand[0].score);
    for (int32_t k = 1; k < spec->estimands; k++)
        if (is_partial(spec->estimand[k].score) != partial)
            return cw_fail(env, CW_INTERNAL, NULL, NULL,
                           "partially linear and interactive scores in one effect");
    if (!partial && !(spec->low >= 0 && spec->low < spec->high && spec->high <= 1))
        return cw_fail(env, CW_BAD_JOB, NULL, "give limits such as [0.01, 0.99]",
                       "propensities cannot be limited to [%g, %g]", spec->low, spec->high);
    return CW_OK;
}

static void describe(cw_effect *f) {
    int64_t estimands = f->spec.estimands;
    f->member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, SUM_SCALARS + 2 * estimands};
    f->member[MEMBER_RANGE] = (cw_member){"range", CW_F64, RANGES};
    f->member[MEMBER_COUNTS] = (cw_member){"counts", CW_I64, COUNT_SCALARS + estimands};
    f->sums = (cw_accumulator){.name = f->spec.name ? f->spec.name : "effect",
                               .order = CW_TREE,
                               .members = MEMBERS,
                               .member = f->member,
                               .params = f,
                               .scratch_bytes = sizeof(tile),
                               .init = reset,
                               .add = add,
                               .merge = merge};
    for (int32_t m = 0; m < MEMBERS; m++) f->offset[m] = cw_accumulator_offset(&f->sums, m);
    for (int k = 0; k < 2; k++) {
        f->view[k] = (view){f, k};
        f->influence[k] = (cw_influence){f->spec.estimands, &f->view[k], sizeof(tile), fill};
    }
}

cw_code cw_effect_create(cw_env *env, const cw_effect_spec *spec, cw_effect **out) {
    *out = NULL;
    CW_TRY(check(env, spec));
    cw_effect *f = NULL;
    cw_code code;
    size_t estimands = (size_t)spec->estimands;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *f, &f));
    f->env = env;
    f->spec = *spec;
    f->partial = is_partial(spec->estimand[0].score);
    CW_TRY_GOTO(code, cw_alloc(env, estimands, sizeof *f->estimand, &f->estimand), done);
    memcpy(f->estimand, spec->estimand, estimands * sizeof *f->estimand);
    CW_TRY_GOTO(code, cw_alloc_zero(env, 2 * estimands, sizeof *f->theta, &f->theta), done);
    describe(f);
    *out = f;
    return CW_OK;
done:
    cw_effect_destroy(&f);
    return code;
}

void cw_effect_destroy(cw_effect **effect) {
    if (!effect || !*effect) return;
    cw_env *env = (*effect)->env;
    cw_free(env, &(*effect)->estimand);
    cw_free(env, &(*effect)->theta);
    cw_free(env, effect);
}

const cw_accumulator *cw_effect_sums(const cw_effect *effect) {
    return &effect->sums;
}

static const double *sums_of(const cw_effect *f, const void *state) {
    return (const double *)(const void *)((const char *)state + f->offset[MEMBER_SUMS]);
}
static const int64_t *counts_of(const cw_effect *f, const void *state) {
    return (const int64_t *)(const void *)((const char *)state + f->offset[MEMBER_COUNTS]);
}

int64_t cw_effect_rows(const cw_effect *effect, const void *state, int32_t k) {
    return counts_of(effect, state)[COUNT_SCALARS + k];
}

void cw_effect_solve(cw_effect *effect, const void *state, double *theta, cw_effect_counts *counts) {
    const double *sums = sums_of(effect, state);
    const double *range = (const double *)(const void *)((const char *)state + effect->offset[MEMBER_RANGE]);
    const int64_t *count = counts_of(effect, state);
    double weight = sums[SUM_WEIGHT];
    int32_t estimands = effect->spec.estimands;
    *counts =
        (cw_effect_counts){.rows = count[COUNT_ROWS],
                           .treated = count[COUNT_TREATED],
                           .low = count[COUNT_LOW],
                           .high = count[COUNT_HIGH],
                           .bad = count[COUNT_BAD],
                           .weight = weight,
                           .n = effect->spec.weighting == CW_FREQUENCY ? weight : (double)count[COUNT_ROWS],
                           .e_min = -range[RANGE_LOW],
                           .e_max = range[RANGE_HIGH],
                           .residual_square = sums[SUM_RESIDUAL] / weight,
                           .riesz_square = sums[SUM_RIESZ] / weight};
    for (int arm = 0; arm < 2; arm++)
        counts->mean_inverse[arm] = effect->partial ? (double)NAN : sums[SUM_INVERSE_0 + arm] / weight;
    for (int32_t k = 0; k < estimands; k++) {
        double a = sums[SUM_SCALARS + 2 * k], b = sums[SUM_SCALARS + 2 * k + 1];
        theta[k] = effect->theta[k] = a < 0 || a > 0 ? -b / a : (double)NAN;
        effect->theta[estimands + k] = -counts->n / a;
    }
    if (!effect->partial) return;
    counts->residual_square += theta[0] * (theta[0] * sums[SUM_RIESZ] - 2 * sums[SUM_CROSS]) / weight;
    counts->riesz_square = weight / sums[SUM_RIESZ];
}

void cw_effect_assume(cw_effect *effect, const double *theta, const double *sum_a, double n) {
    for (int32_t k = 0; k < effect->spec.estimands; k++) {
        effect->theta[k] = theta[k];
        effect->theta[effect->spec.estimands + k] = -n / sum_a[k];
    }
}

const cw_influence *cw_effect_influence(const cw_effect *effect, int by_cluster) {
    return &effect->influence[by_cluster != 0];
}
