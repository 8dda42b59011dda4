/* Sums into numbers. */
#include <math.h>

#include "linear_inside.h"

/* The root of a variance; NaN for what is none. */
static double error_of(double variance) {
    return variance >= 0 && isfinite(variance) ? sqrt(variance) : NAN;
}

/* Welch (1947): the arms' own variances. */
static void welch(const double *sums, const int64_t *counts, cw_linear_result *result) {
    double part[2], df = 0, total = 0;
    for (int a = 0; a < 2; a++) {
        double n = (double)counts[CW_SCORE_ROWS_CONTROL + a];
        if (n < 2) return;
        part[a] = sums[CW_SCORE_RSS_CONTROL + a] / (n - 1) / n;
        total += part[a];
        df += part[a] * part[a] / (n - 1);
    }
    result->welch = error_of(total);
    result->welch_df = df > 0 ? total * total / df : NAN;
}

static void robust(const cw_linear *linear, const double *sums, const int64_t *counts, double n, double k,
                   cw_linear_result *result) {
    result->hc[0] = error_of(sums[CW_SCORE_HC0]);
    result->hc[1] = error_of(sums[CW_SCORE_HC0] * n / (n - k));
    /* With one absorbed factor its levels' shares are part of the leverage; with two nobody knows it. */
    if (!linear->spec.leverage || (linear->spec.absorbed && linear->spec.level_share < 0) ||
        linear->spec.absorbed > 1)
        return;
    if (counts[CW_SCORE_LEVERAGE_ONE]) return;
    result->hc[2] = error_of(sums[CW_SCORE_HC2]);
    result->hc[3] = error_of(sums[CW_SCORE_HC3]);
    if (linear->spec.form == CW_FORM_INTERACT) result->fixed_covariates = error_of(sums[CW_SCORE_FIXED]);
}

static void clustered(const cw_linear *linear, const void *meat_state, int64_t clusters, double n, double k,
                      cw_linear_result *result) {
    cw_linear_meat_sums meat = cw_linear_meat_read(linear, meat_state);
    double g = (double)clusters;
    result->clusters = clusters;
    result->max_cluster_share = result->n ? (double)meat.largest / (double)result->n : NAN;
    if (clusters < 2) return;
    result->cr[0] = error_of(meat.cr0);
    result->cr[1] = error_of(meat.cr0 * (g / (g - 1)) * ((n - 1) / (n - k)));
    if (linear->spec.cr2 && !linear->spec.absorbed && meat.eigenvalue_one == 0)
        result->cr[2] = error_of(meat.cr2);
}

void cw_linear_finish(const cw_linear *linear, const void *scores_state, const void *meat_state,
                      int64_t clusters, cw_linear_result *result) {
    const double *sums = cw_linear_score_sums(linear, scores_state);
    const int64_t *counts = cw_linear_score_counts(linear, scores_state);
    *result = (cw_linear_result){.estimate = cw_linear_scalar(linear, CW_LINEAR_ESTIMATE),
                                 .welch = NAN,
                                 .welch_df = NAN,
                                 .hc = {NAN, NAN, NAN, NAN},
                                 .cr = {NAN, NAN, NAN},
                                 .fixed_covariates = NAN,
                                 .max_leverage = NAN,
                                 .max_cluster_share = NAN,
                                 .n = counts[CW_SCORE_ROWS],
                                 .n_control = counts[CW_SCORE_ROWS_CONTROL],
                                 .n_treated = counts[CW_SCORE_ROWS_TREATED],
                                 .weight_sum = sums[CW_SCORE_WEIGHT],
                                 .weight_square_sum = sums[CW_SCORE_WEIGHT_SQUARE],
                                 .imbalance = cw_linear_scalar(linear, CW_LINEAR_IMBALANCE),
                                 .condition = cw_linear_scalar(linear, CW_LINEAR_CONDITION),
                                 .rank = cw_linear_scalar(linear, CW_LINEAR_RANK)};
    double shift = linear->shift[linear->columns], k = result->rank;
    double n = linear->spec.weighting == CW_FREQUENCY ? result->weight_sum : (double)result->n;
    result->mean_control =
        result->n_control ? shift + sums[CW_SCORE_OUTCOME_CONTROL] / sums[CW_SCORE_WEIGHT_CONTROL] : NAN;
    result->mean_treated =
        result->n_treated ? shift + sums[CW_SCORE_OUTCOME_TREATED] / sums[CW_SCORE_WEIGHT_TREATED] : NAN;
    result->rss = sums[CW_SCORE_RSS];
    result->classical_df = n - k;
    result->sigma2 = n > k ? result->rss / (n - k) : NAN;
    result->classical = error_of(result->sigma2 * cw_linear_scalar(linear, CW_LINEAR_UNIT));
    if (linear->spec.form == CW_FORM_DIFFERENCE && linear->spec.weighting == CW_UNWEIGHTED &&
        !linear->spec.clusters)
        welch(sums, counts, result);
    robust(linear, sums, counts, n, k, result);
    if (linear->spec.leverage) result->max_leverage = cw_linear_score_leverage(linear, scores_state);
    if (linear->spec.clusters && meat_state) clustered(linear, meat_state, clusters, n, k, result);
}
