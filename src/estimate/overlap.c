#include "overlap.h"

#include <math.h>

#include "../base/distribution.h"

#define EFFECTIVE_SHARE  0.25
#define DOMINANT_SHARE   0.05
#define MEAN_WEIGHT_OFF  0.1
#define MEAN_SMD         0.1
#define MOMENT_SMD       0.2
#define BALANCE_CHANCE   1e-3 /* of any false alarm among all means, or all products (Bonferroni) */
#define TAIL_GAP         0.1
#define TAIL_Z           4.0
#define DISAGREEMENT_SES 2.0

static uint32_t bit(int raised, cw_overlap_flag flag) {
    return raised ? (uint32_t)1 << flag : 0;
}

/* Arms whose rows weigh 1 each are not judged: ATT's treated, ATC's controls. */
static int weighted_arm(cw_weighted target, int arm) {
    return !(target == CW_WEIGHTED_ATT && arm == 1) && !(target == CW_WEIGHTED_ATC && arm == 0);
}

static uint32_t judge_weights(const cw_ipw_result *weights, cw_weighted target) {
    int effective = 0, dominant = 0, mean = 0;
    for (int arm = 0; arm < 2; arm++) {
        const cw_ipw_arm *a = &weights->arm[arm];
        if (!weighted_arm(target, arm)) continue;
        effective |= a->effective[target] < EFFECTIVE_SHARE * (double)a->rows;
        /* In a small arm every row carries a lot: more than its share tenfold, too. */
        dominant |= a->largest[target] > DOMINANT_SHARE && a->largest[target] * (double)a->rows > 10;
        mean |= (target == CW_WEIGHTED_ATE || target == CW_WEIGHTED_HT) &&
                fabs(a->mean_weight - 1) > MEAN_WEIGHT_OFF;
    }
    return bit(effective, CW_OVERLAP_EFFECTIVE) | bit(dominant, CW_OVERLAP_DOMINANT) |
           bit(mean, CW_OVERLAP_MEAN_WEIGHT);
}

/* The |z| that one of `comparisons` reaches by chance once in a thousand. */
static double surprising(double comparisons) {
    return -cw_normal_quantile(0.5 * BALANCE_CHANCE / comparisons);
}

static uint32_t judge_balance(const cw_balance_table *table, int32_t which) {
    int means = 0;
    double p = cw_balance_columns(table);
    if (p < 1) return 0;
    double least = surprising(p);
    for (int32_t j = 0; j < cw_balance_columns(table); j++) {
        cw_imbalance of = cw_balance_mean(table, which, j);
        means |= fabs(of.smd) > MEAN_SMD && fabs(of.z) >= least;
    }
    cw_imbalance worst = cw_balance_worst_product(table, which, surprising(p * (p + 1) / 2));
    return bit(means, CW_OVERLAP_MEANS) | bit(fabs(worst.smd) > MOMENT_SMD, CW_OVERLAP_MOMENTS);
}

static uint32_t judge_calibration(const cw_calibration_result *calibration) {
    int off = 0;
    for (int k = 0; k < CW_CALIBRATION_TAILS; k++) {
        const cw_calibration_tail *tails[2] = {&calibration->low[k], &calibration->high[k]};
        for (int side = 0; side < 2; side++)
            off |= fabs(tails[side]->observed - tails[side]->expected) > TAIL_GAP &&
                   fabs(tails[side]->z) >= TAIL_Z;
    }
    return bit(off, CW_OVERLAP_CALIBRATION);
}

static uint32_t judge_estimates(const cw_overlap_facts *facts) {
    double low = INFINITY, high = -(double)INFINITY, smallest = INFINITY;
    for (int32_t k = 0; k < facts->estimates; k++) {
        if (isnan(facts->estimate[k])) continue;
        low = fmin(low, facts->estimate[k]);
        high = fmax(high, facts->estimate[k]);
        if (facts->se[k] > 0) smallest = fmin(smallest, facts->se[k]);
    }
    return bit(high - low > DISAGREEMENT_SES * smallest, CW_OVERLAP_DISAGREEMENT);
}

uint32_t cw_overlap_judge(const cw_overlap_facts *facts) {
    uint32_t flags = bit(facts->separated, CW_OVERLAP_SEPARATED);
    if (facts->weights) flags |= judge_weights(facts->weights, facts->target);
    if (facts->balance) flags |= judge_balance(facts->balance, facts->balance_target);
    if (facts->calibration && facts->calibration->rows > 0) flags |= judge_calibration(facts->calibration);
    return flags | judge_estimates(facts);
}

const char *cw_overlap_name(cw_overlap_flag flag) {
    static const char *const names[] = {"effective-size",   "dominant-weight",     "mean-weight",
                                        "balance-of-means", "balance-of-products", "calibration",
                                        "disagreement",     "separation"};
    _Static_assert(sizeof names / sizeof *names == CW_OVERLAP_COUNT, "a name for every flag");
    return flag < CW_OVERLAP_COUNT ? names[flag] : "";
}

const char *cw_overlap_text(cw_overlap_flag flag) {
    static const char *const texts[] = {
#define CW_OVERLAP_TEXT(name, text) text,
        CW_OVERLAP_FLAGS(CW_OVERLAP_TEXT)
#undef CW_OVERLAP_TEXT
    };
    return flag < CW_OVERLAP_COUNT ? texts[flag] : "";
}
