#include "arms.h"

#include <math.h>
#include <string.h>

/* Sums a level: its weights, then three for each outcome. */
enum { WEIGHT, SQUARE, OUTCOMES };
enum { FIRST, SQUARE_FIRST, SQUARE_SECOND, PER_OUTCOME };
enum { ROWS, SUMS, RANGE, MEMBERS };

struct cw_arms {
    cw_env *env;
    cw_arms_spec spec;
    double *level, *threshold;
    int32_t width; /* sums a level */
    cw_member member[MEMBERS];
    cw_accumulator accumulator;
};

cw_arm cw_arm_published(double rows, double share, double mean, double sd) {
    double n = rows * share;
    return (cw_arm){.weight = n, .mean = mean, .square = n, .first = 0, .second = n * sd * sd};
}

static double *member(const cw_arms *arms, const void *state, int32_t index) {
    return (double *)((char *)(uintptr_t)state + cw_accumulator_offset(&arms->accumulator, index));
}
static int64_t *counts(const cw_arms *arms, const void *state) {
    return (int64_t *)member(arms, state, ROWS);
}

static void arms_init(const void *params, void *state) {
    const cw_arms *arms = params;
    memset(state, 0, cw_accumulator_bytes(&arms->accumulator));
    double *range = member(arms, state, RANGE);
    range[0] = INFINITY;
    range[1] = -INFINITY;
}

static int32_t level_of(const cw_arms *arms, double t) {
    int32_t k = 0;
    while (k < arms->spec.levels && arms->level[k] != t) k++;
    return k;
}

static void add_row(const cw_arms *arms, double *sums, double y, double w) {
    double square = arms->spec.frequency ? w : w * w, z = y - arms->spec.shift;
    sums[WEIGHT] += w;
    sums[SQUARE] += square;
    double *outcome = sums + OUTCOMES;
    outcome[FIRST] += w * z;
    outcome[SQUARE_FIRST] += square * z;
    outcome[SQUARE_SECOND] += square * z * z;
    for (int32_t k = 0; k < arms->spec.thresholds; k++) {
        if (!(y > arms->threshold[k])) continue;
        outcome = sums + OUTCOMES + PER_OUTCOME * (k + 1);
        outcome[FIRST] += w;
        outcome[SQUARE_FIRST] += square;
        outcome[SQUARE_SECOND] += square;
    }
}

static void arms_add(const void *params, void *state, void *scratch, const cw_block *block) {
    (void)scratch;
    const cw_arms *arms = params;
    const double *y = block->real[arms->spec.outcome], *t = block->real[arms->spec.treatment];
    int64_t *rows = counts(arms, state);
    double *sums = member(arms, state, SUMS), *range = member(arms, state, RANGE);
    int32_t levels = arms->spec.levels;
    for (int32_t i = 0; i < block->rows; i++) {
        double w = block->weight ? block->weight[i] : 1;
        if (w == 0) continue;
        if (!isfinite(y[i]) || !isfinite(t[i]) || !isfinite(w)) {
            rows[levels + 1]++;
            continue;
        }
        int32_t k = level_of(arms, t[i]);
        rows[k]++;
        if (k == levels) continue;
        if (y[i] < range[0]) range[0] = y[i];
        if (y[i] > range[1]) range[1] = y[i];
        add_row(arms, sums + (int64_t)k * arms->width, y[i], w);
    }
}

static void arms_merge(const void *params, void *state, const void *later) {
    const cw_arms *arms = params;
    int64_t *rows = counts(arms, state);
    const int64_t *more = counts(arms, later);
    for (int32_t k = 0; k < arms->spec.levels + 2; k++) rows[k] += more[k];
    double *sums = member(arms, state, SUMS), *range = member(arms, state, RANGE);
    const double *other = member(arms, later, SUMS), *reach = member(arms, later, RANGE);
    for (int64_t k = 0; k < arms->member[SUMS].count; k++) sums[k] += other[k];
    if (reach[0] < range[0]) range[0] = reach[0];
    if (reach[1] > range[1]) range[1] = reach[1];
}

static cw_code check(cw_env *env, const cw_arms_spec *spec) {
    if (spec->levels < 1 || spec->thresholds < 0 || spec->outcome < 0 || spec->treatment < 0)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "moments by %d levels at %d thresholds", spec->levels,
                       spec->thresholds);
    if (!isfinite(spec->shift)) return cw_fail(env, CW_INTERNAL, NULL, NULL, "a shift of %g", spec->shift);
    for (int32_t k = 0; k < spec->levels; k++)
        for (int32_t j = 0; j <= k; j++)
            if (j < k ? spec->level[j] == spec->level[k] : !isfinite(spec->level[k]))
                return cw_fail(env, CW_BAD_DATA, NULL, "give every treatment value once",
                               "the treatment value %g is given twice or is not finite", spec->level[k]);
    for (int32_t k = 0; k < spec->thresholds; k++)
        if (!isfinite(spec->threshold[k]))
            return cw_fail(env, CW_BAD_DATA, NULL, "give finite numbers", "a threshold for the outcome is %g",
                           spec->threshold[k]);
    return CW_OK;
}

static cw_code copy(cw_env *env, int32_t count, const double *from, double **to) {
    CW_TRY(cw_alloc(env, (size_t)count, sizeof **to, to));
    if (count > 0) memcpy(*to, from, (size_t)count * sizeof **to);
    return CW_OK;
}

cw_code cw_arms_create(cw_env *env, const cw_arms_spec *spec, cw_arms **out) {
    *out = NULL;
    CW_TRY(check(env, spec));
    cw_arms *arms = NULL;
    cw_code code;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *arms, &arms));
    arms->env = env;
    arms->spec = *spec;
    CW_TRY_GOTO(code, copy(env, spec->levels, spec->level, &arms->level), done);
    CW_TRY_GOTO(code, copy(env, spec->thresholds, spec->threshold, &arms->threshold), done);
    arms->spec.level = arms->level;
    arms->spec.threshold = arms->threshold;
    arms->width = OUTCOMES + PER_OUTCOME * (spec->thresholds + 1);
    arms->member[ROWS] = (cw_member){"rows", CW_I64, (int64_t)spec->levels + 2};
    arms->member[SUMS] = (cw_member){"sums", CW_F64, (int64_t)spec->levels * arms->width};
    arms->member[RANGE] = (cw_member){"range", CW_F64, 2};
    arms->accumulator = (cw_accumulator){.name = "arms",
                                         .order = CW_TREE,
                                         .members = MEMBERS,
                                         .member = arms->member,
                                         .params = arms,
                                         .flops_per_row = 9.0 + 3.0 * spec->thresholds,
                                         .init = arms_init,
                                         .add = arms_add,
                                         .merge = arms_merge};
    *out = arms;
    arms = NULL;
done:
    cw_arms_destroy(&arms);
    return code;
}

void cw_arms_destroy(cw_arms **arms) {
    if (!arms || !*arms) return;
    cw_env *env = (*arms)->env;
    cw_free(env, &(*arms)->level);
    cw_free(env, &(*arms)->threshold);
    cw_free(env, arms);
}

const cw_accumulator *cw_arms_accumulator(const cw_arms *arms) {
    return &arms->accumulator;
}

void cw_arms_get(const cw_arms *arms, const void *state, int32_t which, cw_arm *arm) {
    const double *sums = member(arms, state, SUMS);
    double shift = which == 0 ? arms->spec.shift : 0;
    for (int32_t k = 0; k < arms->spec.levels; k++, sums += arms->width) {
        const double *outcome = sums + OUTCOMES + PER_OUTCOME * which;
        double centre = outcome[FIRST] / sums[WEIGHT]; /* mean about the shift; 0/0 is NaN: no rows */
        double second =
            outcome[SQUARE_SECOND] - 2 * centre * outcome[SQUARE_FIRST] + centre * centre * sums[SQUARE];
        arm[k] = (cw_arm){.weight = sums[WEIGHT],
                          .mean = sums[WEIGHT] > 0 ? shift + centre : NAN,
                          .square = sums[SQUARE],
                          .first = outcome[SQUARE_FIRST] - centre * sums[SQUARE],
                          .second = second > 0 || isnan(second) ? second : 0};
    }
}

int64_t cw_arms_rows(const cw_arms *arms, const void *state, int32_t k) {
    return counts(arms, state)[k];
}

double cw_arms_low(const cw_arms *arms, const void *state) {
    return member(arms, state, RANGE)[0];
}

double cw_arms_high(const cw_arms *arms, const void *state) {
    return member(arms, state, RANGE)[1];
}

cw_code cw_arms_check_range(cw_env *env, const cw_arms *arms, const void *state, double low, double high) {
    double least = cw_arms_low(arms, state), most = cw_arms_high(arms, state);
    if (least < low || most > high)
        return cw_fail(env, CW_BAD_DATA, NULL, "state the range of all possible outcomes",
                       "an outcome of %g is outside the stated range [%g, %g]", least < low ? least : most,
                       low, high);
    return CW_OK;
}
