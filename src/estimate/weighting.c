#include "weighting.h"

#include <math.h>
#include <string.h>

#include "../base/real.h"
#include "../linalg/gram.h"

enum { TILE = CW_INFLUENCE_TILE };
enum { MEMBER_SUMS, MEMBER_LARGEST, MEMBER_COUNTS, MEMBERS };
enum { COUNT_ROWS_0, COUNT_ROWS_1, COUNT_LOW, COUNT_HIGH, COUNT_BAD, COUNTS };
/* An arm's sums for a target. */
enum { SUM_W, SUM_WY, SUM_WW, SUM_KINDS };
/* Derivatives with respect to eta: only these two weights and their product with the outcome matter. A
 * treated row's 1/e and (1-e)/e have derivative -(1-e)/e, its 1-e has -e(1-e); a control row's e/(1-e),
 * 1/(1-e) have e/(1-e), its e has e(1-e). */
enum { SLOPE_ODDS, SLOPE_ODDS_Y, SLOPE_OVERLAP, SLOPE_OVERLAP_Y, SLOPES };

typedef struct view {
    const cw_ipw *ipw;
    int by_cluster;
} view;

struct cw_ipw {
    cw_env *env;
    cw_weighting_spec spec;
    int32_t q; /* of the propensity's design, the constant included */
    double mean[2][CW_WEIGHTED], total[2][CW_WEIGHTED], theta, weight, n;
    double *gradient; /* CW_WEIGHTED x q: I^-1 times the derivative of each estimate */
    int stacked;
    cw_member member[MEMBERS];
    size_t offset[MEMBERS];
    cw_accumulator sums;
    view view[2];
    cw_influence influence[2];
};

typedef struct tile {
    int32_t rows;
    double weight[TILE], y[TILE], e[TILE], raw[TILE];
    double u[TILE], v[TILE], z[TILE];
    int32_t arm[TILE]; /* -1: not used */
} tile;

double cw_ipw_weight(cw_weighted target, int treated, double e) {
    switch (target) {
    case CW_WEIGHTED_HT:
    case CW_WEIGHTED_ATE:
        return treated ? 1 / e : 1 / (1 - e);
    case CW_WEIGHTED_ATT:
        return treated ? 1 : e / (1 - e);
    case CW_WEIGHTED_ATC:
        return treated ? (1 - e) / e : 1;
    case CW_WEIGHTED_ATO:
        return treated ? 1 - e : e;
    case CW_WEIGHTED:
        break;
    }
    return (double)NAN;
}

static void load(const cw_ipw *ipw, const cw_block *block, int32_t first, int32_t rows, tile *t,
                 int64_t *count) {
    const cw_weighting_spec *spec = &ipw->spec;
    const double *y = block->real[spec->outcome] + first, *d = block->real[spec->treatment] + first;
    t->rows = rows;
    cw_predict(spec->propensity, block, first, rows, t->raw);
    for (int32_t i = 0; i < rows; i++) {
        double w = block->weight ? block->weight[first + i] : 1, e = t->raw[i];
        int32_t arm = !(w > 0) ? -1 : d[i] == spec->treated ? 1 : d[i] == spec->control ? 0 : -1;
        if (arm >= 0 && !((y[i] + e) * 0 == 0)) {
            arm = -1;
            if (count) count[COUNT_BAD]++;
        }
        if (count && arm >= 0) {
            count[COUNT_LOW] += e < spec->low;
            count[COUNT_HIGH] += e > spec->high;
        }
        if (spec->trim && (e < spec->low || e > spec->high)) arm = -1;
        if (count && arm >= 0) count[COUNT_ROWS_0 + arm]++;
        t->arm[i] = arm;
        t->weight[i] = arm >= 0 ? w : 0;
        t->y[i] = arm >= 0 ? y[i] - spec->outcome_shift : 0;
        t->e[i] = arm < 0 ? 0.5 : e < spec->low ? spec->low : e > spec->high ? spec->high : e;
    }
}

/* Shares out the state's doubles: sums of [arm][target][kind], slopes of [arm][slope][q], the weight. */
static int64_t slope_at(const cw_ipw *ipw, int arm, int slope) {
    return 2 * CW_WEIGHTED * SUM_KINDS + ((int64_t)arm * SLOPES + slope) * ipw->q;
}
static int64_t sum_at(int arm, int target, int kind) {
    return (arm * CW_WEIGHTED + target) * SUM_KINDS + kind;
}
static int64_t sums_count(const cw_ipw *ipw) {
    return slope_at(ipw, 2, 0) + 1;
}

static void add_target(tile *t, int arm, int number, double *sums, double *largest) {
    cw_weighted target = (cw_weighted)number;
    double most = largest[arm * CW_WEIGHTED + number];
    for (int32_t i = 0; i < t->rows; i++) {
        double w = t->arm[i] == arm ? t->weight[i] * cw_ipw_weight(target, arm, t->e[i]) : 0;
        if (w > most) most = w;
        t->u[i] = w;
    }
    largest[arm * CW_WEIGHTED + number] = most;
    sums[sum_at(arm, number, SUM_W)] += cw_sum(t->rows, t->u);
    sums[sum_at(arm, number, SUM_WY)] += cw_dot(t->rows, t->u, t->y);
    sums[sum_at(arm, number, SUM_WW)] += cw_dot(t->rows, t->u, t->u);
}

/* Column j of the design (0 the constant) into t->z. */
static void design(const cw_ipw *ipw, const cw_block *block, int32_t first, int32_t j, tile *t) {
    const cw_predictor *p = ipw->spec.propensity;
    const double *x = j ? block->real[p->column[j - 1]] + first : NULL;
    double shift = j && p->shift ? p->shift[j - 1] : 0, scale = j && p->scale ? p->scale[j - 1] : 1;
    for (int32_t i = 0; i < t->rows; i++) t->z[i] = t->arm[i] < 0 ? 0 : x ? (x[i] - shift) * scale : 1;
}

static void add_slopes(const cw_ipw *ipw, const cw_block *block, int32_t first, int arm, tile *t,
                       double *sums) {
    for (int kind = 0; kind < 2; kind++) {
        for (int32_t i = 0; i < t->rows; i++) {
            double e = t->e[i], w = t->arm[i] == arm ? t->weight[i] : 0;
            t->u[i] = w * (kind ? e * (1 - e) : arm ? (1 - e) / e : e / (1 - e));
            t->v[i] = t->u[i] * t->y[i];
        }
        int slope = kind ? SLOPE_OVERLAP : SLOPE_ODDS;
        for (int32_t j = 0; j < ipw->q; j++) {
            design(ipw, block, first, j, t);
            sums[slope_at(ipw, arm, slope) + j] += cw_dot(t->rows, t->u, t->z);
            sums[slope_at(ipw, arm, slope + 1) + j] += cw_dot(t->rows, t->v, t->z);
        }
    }
}

static void reset(const void *params, void *state) {
    const cw_ipw *ipw = params;
    double *largest = (double *)(void *)((char *)state + ipw->offset[MEMBER_LARGEST]);
    largest[2 * CW_WEIGHTED] = largest[2 * CW_WEIGHTED + 1] = -(double)INFINITY;
}

static void add(const void *params, void *state, void *scratch, const cw_block *block) {
    const cw_ipw *ipw = params;
    tile *t = scratch;
    double *sums = (double *)(void *)((char *)state + ipw->offset[MEMBER_SUMS]);
    double *largest = (double *)(void *)((char *)state + ipw->offset[MEMBER_LARGEST]);
    int64_t *count = (int64_t *)(void *)((char *)state + ipw->offset[MEMBER_COUNTS]);
    for (int32_t first = 0; first < block->rows; first += TILE) {
        load(ipw, block, first, block->rows - first < TILE ? block->rows - first : TILE, t, count);
        double *range = largest + 2 * CW_WEIGHTED;
        for (int32_t i = 0; i < t->rows; i++) {
            if (t->arm[i] < 0) continue;
            if (-t->raw[i] > range[0]) range[0] = -t->raw[i];
            if (t->raw[i] > range[1]) range[1] = t->raw[i];
        }
        sums[sums_count(ipw) - 1] += cw_sum(t->rows, t->weight);
        for (int arm = 0; arm < 2; arm++) {
            for (int target = CW_WEIGHTED_ATE; target < CW_WEIGHTED; target++)
                add_target(t, arm, target, sums, largest);
            add_slopes(ipw, block, first, arm, t, sums);
        }
    }
}

static void merge(const void *params, void *state, const void *later) {
    const cw_ipw *ipw = params;
    double *sums = (double *)(void *)((char *)state + ipw->offset[MEMBER_SUMS]);
    const double *more = (const double *)(const void *)((const char *)later + ipw->offset[MEMBER_SUMS]);
    for (int64_t k = 0; k < ipw->member[MEMBER_SUMS].count; k++) sums[k] += more[k];
    double *largest = (double *)(void *)((char *)state + ipw->offset[MEMBER_LARGEST]);
    more = (const double *)(const void *)((const char *)later + ipw->offset[MEMBER_LARGEST]);
    for (int64_t k = 0; k < ipw->member[MEMBER_LARGEST].count; k++)
        if (more[k] > largest[k]) largest[k] = more[k];
    int64_t *count = (int64_t *)(void *)((char *)state + ipw->offset[MEMBER_COUNTS]);
    const int64_t *counts = (const int64_t *)(const void *)((const char *)later + ipw->offset[MEMBER_COUNTS]);
    for (int k = 0; k < COUNTS; k++) count[k] += counts[k];
}

/* The weight of a row in influence values: of Hajek means w h (y - mean) n / sum; of Horvitz-Thompson
 * w (+-h y - theta) n / sum w. */
static void fill(const void *self, void *scratch, const cw_block *block, int32_t first, int32_t rows,
                 double *out) {
    const view *from = self;
    const cw_ipw *ipw = from->ipw;
    tile *t = scratch;
    load(ipw, block, first, rows, t, NULL);
    int root = ipw->spec.weighting == CW_FREQUENCY && !from->by_cluster;
    if (root)
        for (int32_t i = 0; i < rows; i++) t->weight[i] = sqrt(t->weight[i]);
    for (int target = 0; target < CW_WEIGHTED; target++) {
        double *fixed = out + (int64_t)(CW_WEIGHTED + target) * rows;
        for (int32_t i = 0; i < rows; i++) {
            int32_t arm = t->arm[i];
            fixed[i] = 0;
            if (arm < 0) continue;
            double w = t->weight[i], h = cw_ipw_weight((cw_weighted)target, arm, t->e[i]);
            double value;
            if (target == CW_WEIGHTED_HT)
                value = ((arm ? h : -h) * (t->y[i] + ipw->spec.outcome_shift) - ipw->theta) / ipw->weight;
            else
                value = (arm ? h : -h) * (t->y[i] - ipw->mean[arm][target]) / ipw->total[arm][target];
            fixed[i] = ipw->n * (w * value);
        }
        memcpy(out + (int64_t)target * rows, fixed, (size_t)rows * sizeof *out);
    }
    if (!ipw->stacked) return;
    for (int32_t i = 0; i < rows; i++)
        t->v[i] = t->arm[i] < 0 ? 0 : t->weight[i] * (t->arm[i] - t->e[i]) * ipw->n;
    for (int32_t j = 0; j < ipw->q; j++) {
        design(ipw, block, first, j, t);
        for (int target = 0; target < CW_WEIGHTED; target++) {
            double g = ipw->gradient[target * ipw->q + j], *to = out + (int64_t)target * rows;
            for (int32_t i = 0; i < rows; i++) to[i] += g * (t->z[i] * t->v[i]);
        }
    }
}

static void describe(cw_ipw *ipw) {
    ipw->member[MEMBER_SUMS] = (cw_member){"sums", CW_F64, sums_count(ipw)};
    ipw->member[MEMBER_LARGEST] = (cw_member){"largest", CW_F64, 2 * CW_WEIGHTED + 2};
    ipw->member[MEMBER_COUNTS] = (cw_member){"counts", CW_I64, COUNTS};
    ipw->sums = (cw_accumulator){.name = ipw->spec.name ? ipw->spec.name : "weighting",
                                 .order = CW_TREE,
                                 .members = MEMBERS,
                                 .member = ipw->member,
                                 .params = ipw,
                                 .scratch_bytes = sizeof(tile),
                                 .init = reset,
                                 .add = add,
                                 .merge = merge};
    for (int32_t m = 0; m < MEMBERS; m++) ipw->offset[m] = cw_accumulator_offset(&ipw->sums, m);
    for (int k = 0; k < 2; k++) {
        ipw->view[k] = (view){ipw, k};
        ipw->influence[k] = (cw_influence){2 * CW_WEIGHTED, &ipw->view[k], sizeof(tile), fill};
    }
}

cw_code cw_ipw_create(cw_env *env, const cw_weighting_spec *spec, cw_ipw **out) {
    *out = NULL;
    if (!(spec->low >= 0 && spec->low < spec->high && spec->high <= 1))
        return cw_fail(env, CW_BAD_JOB, NULL, "give limits such as [0.01, 0.99]",
                       "propensities cannot be limited to [%g, %g]", spec->low, spec->high);
    cw_ipw *ipw = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *ipw, &ipw));
    ipw->env = env;
    ipw->spec = *spec;
    ipw->q = spec->propensity->link == CW_LINK_LOGIT ? spec->propensity->columns + 1 : 0;
    cw_code code = cw_alloc_zero(env, (size_t)CW_WEIGHTED * (size_t)ipw->q, sizeof(double), &ipw->gradient);
    if (code != CW_OK) {
        cw_ipw_destroy(&ipw);
        return code;
    }
    describe(ipw);
    *out = ipw;
    return CW_OK;
}

void cw_ipw_destroy(cw_ipw **ipw) {
    if (!ipw || !*ipw) return;
    cw_env *env = (*ipw)->env;
    cw_free(env, &(*ipw)->gradient);
    cw_free(env, ipw);
}

const cw_accumulator *cw_ipw_sums(const cw_ipw *ipw) {
    return &ipw->sums;
}

/* The derivative of an estimate with respect to coefficient j of the propensity. */
static double derivative(const cw_ipw *ipw, const double *sums, cw_weighted target, int32_t j) {
    double sum = 0;
    for (int arm = 0; arm < 2; arm++) {
        int used = target == CW_WEIGHTED_HT || target == CW_WEIGHTED_ATE || target == CW_WEIGHTED_ATO ||
                   (target == CW_WEIGHTED_ATT ? arm == 0 : arm == 1);
        if (!used) continue;
        int slope = target == CW_WEIGHTED_ATO ? SLOPE_OVERLAP : SLOPE_ODDS;
        double s = sums[slope_at(ipw, arm, slope) + j], sy = sums[slope_at(ipw, arm, slope + 1) + j];
        /* Weights of treated rows fall with eta, of control rows rise; the control mean counts negatively. */
        if (target == CW_WEIGHTED_HT)
            sum -= (sy + ipw->spec.outcome_shift * s) / ipw->weight;
        else
            sum -= (sy - ipw->mean[arm][target] * s) / ipw->total[arm][target];
    }
    return sum;
}

static void solve_gradient(cw_ipw *ipw, const double *sums, const double *inverse) {
    int32_t q = ipw->q;
    for (int target = 0; target < CW_WEIGHTED; target++)
        for (int32_t j = 0; j < q; j++) {
            double sum = 0;
            for (int32_t k = 0; k < q; k++)
                sum += inverse[j <= k ? cw_packed(q, j, k) : cw_packed(q, k, j)] *
                       derivative(ipw, sums, (cw_weighted)target, k);
            ipw->gradient[target * q + j] = sum;
        }
}

cw_code cw_ipw_solve(cw_ipw *ipw, const void *state, const double *inverse, cw_ipw_result *result) {
    const char *at = state;
    const double *sums = (const double *)(const void *)(at + ipw->offset[MEMBER_SUMS]);
    const double *largest = (const double *)(const void *)(at + ipw->offset[MEMBER_LARGEST]);
    const int64_t *count = (const int64_t *)(const void *)(at + ipw->offset[MEMBER_COUNTS]);
    double shift = ipw->spec.outcome_shift;
    memset(result, 0, sizeof *result);
    for (int arm = 0; arm < 2; arm++)
        if (count[COUNT_ROWS_0 + arm] == 0)
            return cw_fail(ipw->env, CW_BAD_DATA, NULL, "look at data.where and the contrast",
                           "no row of the %s arm", arm ? "treated" : "control");
    ipw->weight = sums[sums_count(ipw) - 1];
    result->rows = count[COUNT_ROWS_0] + count[COUNT_ROWS_1];
    result->low = count[COUNT_LOW];
    result->high = count[COUNT_HIGH];
    result->bad = count[COUNT_BAD];
    result->n = ipw->n = ipw->spec.weighting == CW_FREQUENCY ? ipw->weight : (double)result->rows;
    result->e_min = -largest[2 * CW_WEIGHTED];
    result->e_max = largest[2 * CW_WEIGHTED + 1];
    for (int arm = 0; arm < 2; arm++) {
        cw_ipw_arm *to = &result->arm[arm];
        to->rows = count[COUNT_ROWS_0 + arm];
        for (int target = 0; target < CW_WEIGHTED; target++) {
            int from = target == CW_WEIGHTED_HT ? CW_WEIGHTED_ATE : target;
            double w = sums[sum_at(arm, from, SUM_W)], wy = sums[sum_at(arm, from, SUM_WY)];
            double over = target == CW_WEIGHTED_HT ? ipw->weight : w;
            ipw->total[arm][target] = over;
            ipw->mean[arm][target] = wy / over;
            to->mean[target] = target == CW_WEIGHTED_HT ? (wy + shift * w) / over : wy / over + shift;
            to->effective[target] = w * w / sums[sum_at(arm, from, SUM_WW)];
            to->largest[target] = largest[arm * CW_WEIGHTED + from] / w;
        }
        to->mean_weight = sums[sum_at(arm, CW_WEIGHTED_ATE, SUM_W)] / ipw->weight;
    }
    /* The shift leaves every difference of Hajek means. */
    for (int target = 0; target < CW_WEIGHTED; target++)
        result->estimate[target] = target == CW_WEIGHTED_HT
                                       ? result->arm[1].mean[target] - result->arm[0].mean[target]
                                       : ipw->mean[1][target] - ipw->mean[0][target];
    ipw->theta = result->estimate[CW_WEIGHTED_HT];
    double middle = 0.5 * (result->arm[0].mean[CW_WEIGHTED_ATE] + result->arm[1].mean[CW_WEIGHTED_ATE]);
    result->ht_centred = ipw->theta - middle * (result->arm[1].mean_weight - result->arm[0].mean_weight);
    ipw->stacked = inverse && ipw->q > 0 && result->low == 0 && result->high == 0;
    result->stacked = ipw->stacked;
    if (ipw->stacked) solve_gradient(ipw, sums, inverse);
    return CW_OK;
}

const cw_influence *cw_ipw_influence(const cw_ipw *ipw, int by_cluster) {
    return &ipw->influence[by_cluster != 0];
}
