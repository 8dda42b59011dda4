#include "folds.h"

#include <math.h>

#include "../base/sort.h"

typedef struct item {
    int64_t stratum, id, place;
    uint64_t hash;
} item;

static int by_stratum_hash_id(const void *a, const void *b, void *self) {
    (void)self;
    const item *x = a, *y = b;
    if (x->stratum != y->stratum) return x->stratum < y->stratum ? -1 : 1;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b, void *self) {
    (void)self;
    const item *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static uint64_t hash_of(cw_stream stream, int64_t id) {
    uint64_t word[2];
    cw_stream_words(stream, (uint64_t)id, 0, 0, word);
    return word[0];
}

int32_t cw_fold_hashed(cw_stream stream, int32_t folds, int64_t id) {
    return (int32_t)(hash_of(stream, id) % (uint64_t)folds);
}

static cw_code check(cw_env *env, int32_t folds, int64_t count) {
    if (folds < 2 || folds > CW_FOLDS_MOST)
        return cw_fail(env, CW_BAD_JOB, NULL, "set run.folds between 2 and 1000", "%d folds", folds);
    if (count > CW_FOLDS_DEALT)
        return cw_fail(env, CW_INTERNAL, NULL, NULL, "%lld ids are too many to deal", (long long)count);
    if (count < folds)
        return cw_fail(env, CW_BAD_DATA, NULL, "lower run.folds",
                       "%lld units, clusters or rows cannot fill %d folds", (long long)count, folds);
    return CW_OK;
}

cw_code cw_folds_deal(cw_env *env, cw_stream stream, int32_t folds, int64_t count, const int64_t *id,
                      const int64_t *stratum, int32_t *fold) {
    CW_TRY(check(env, folds, count));
    item *items = NULL;
    cw_code code;
    CW_TRY(cw_alloc(env, (size_t)count, sizeof *items, &items));
    for (int64_t i = 0; i < count; i++)
        items[i] = (item){stratum ? stratum[i] : 0, id[i], i, hash_of(stream, id[i])};
    CW_TRY_GOTO(code, cw_sort(env, items, count, sizeof *items, by_id, NULL), done);
    for (int64_t i = 1; i < count; i++) {
        if (items[i].id != items[i - 1].id) continue;
        code = cw_fail(env, CW_BAD_DATA, NULL, "give folds by whole units",
                       "id %lld is in two strata or twice", (long long)items[i].id);
        goto done;
    }
    CW_TRY_GOTO(code, cw_sort(env, items, count, sizeof *items, by_stratum_hash_id, NULL), done);
    for (int64_t i = 0; i < count; i++) fold[items[i].place] = (int32_t)(i % folds);
done:
    cw_free(env, &items);
    return code;
}

/* An open table with linear steps; fold -1 marks a free place. */
struct cw_folds {
    cw_env *env;
    cw_stream stream;
    int32_t folds;
    uint64_t mask; /* places - 1; hashed folds have no table */
    int64_t *id;
    int32_t *fold;
};

static void put(cw_folds *table, int64_t id, int32_t fold) {
    uint64_t at = cw_mix64((uint64_t)id) & table->mask;
    while (table->fold[at] >= 0) at = (at + 1) & table->mask;
    table->id[at] = id;
    table->fold[at] = fold;
}

static cw_code fill(cw_folds *table, int64_t count, const int64_t *id, const int64_t *stratum) {
    cw_env *env = table->env;
    int32_t *fold = NULL;
    cw_code code;
    uint64_t places = 16;
    while (places < 2 * (uint64_t)count) places *= 2;
    table->mask = places - 1;
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)count, sizeof *fold, &fold), done);
    CW_TRY_GOTO(code, cw_folds_deal(env, table->stream, table->folds, count, id, stratum, fold), done);
    CW_TRY_GOTO(code, cw_alloc(env, places, sizeof *table->id, &table->id), done);
    CW_TRY_GOTO(code, cw_alloc(env, places, sizeof *table->fold, &table->fold), done);
    for (uint64_t at = 0; at < places; at++) table->fold[at] = -1;
    for (int64_t i = 0; i < count; i++) put(table, id[i], fold[i]);
done:
    cw_free(env, &fold);
    return code;
}

cw_code cw_folds_create(cw_env *env, cw_stream stream, int32_t folds, int64_t count, const int64_t *id,
                        const int64_t *stratum, cw_folds **out) {
    *out = NULL;
    int dealt = id && count <= CW_FOLDS_DEALT;
    CW_TRY(check(env, folds, dealt ? count : CW_FOLDS_DEALT));
    cw_folds *table = NULL;
    CW_TRY(cw_alloc_zero(env, 1, sizeof *table, &table));
    table->env = env;
    table->stream = stream;
    table->folds = folds;
    cw_code code = dealt ? fill(table, count, id, stratum) : CW_OK;
    if (code != CW_OK) cw_folds_destroy(&table);
    *out = table;
    return code;
}

void cw_folds_destroy(cw_folds **folds) {
    if (!folds || !*folds) return;
    cw_env *env = (*folds)->env;
    cw_free(env, &(*folds)->id);
    cw_free(env, &(*folds)->fold);
    cw_free(env, folds);
}

int cw_folds_are_dealt(const cw_folds *folds) {
    return folds->fold != NULL;
}

int32_t cw_folds_of(const cw_folds *folds, int64_t id) {
    if (!folds->fold) return cw_fold_hashed(folds->stream, folds->folds, id);
    for (uint64_t at = cw_mix64((uint64_t)id) & folds->mask; folds->fold[at] >= 0;
         at = (at + 1) & folds->mask)
        if (folds->id[at] == id) return folds->fold[at];
    return -1;
}

int32_t cw_fold_of_level(int32_t levels, const double *level, double value) {
    int32_t low = 0, high = levels;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (level[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < levels && level[low] == value ? low : -1;
}

cw_code cw_fold_levels(cw_env *env, int64_t count, const double *value, int32_t most, double *level,
                       int32_t *levels) {
    *levels = 0;
    for (int64_t i = 0; i < count; i++) {
        double v = value[i];
        if (isnan(v))
            return cw_fail(env, CW_BAD_DATA, NULL, "give every row a fold",
                           "the fold column has missing values");
        if (cw_fold_of_level(*levels, level, v) >= 0) continue;
        if (*levels == most)
            return cw_fail(env, CW_BAD_DATA, NULL, "use a fold column with fewer values",
                           "the fold column has more than %d values", most);
        int32_t at = (*levels)++;
        for (; at > 0 && level[at - 1] > v; at--) level[at] = level[at - 1];
        level[at] = v;
    }
    if (*levels < 2)
        return cw_fail(env, CW_BAD_DATA, NULL, "use a fold column with 2 values or more",
                       "the fold column has %d value", *levels);
    return CW_OK;
}

cw_code cw_folds_check(cw_env *env, int32_t folds, int32_t arms, const int64_t *rows) {
    for (int32_t f = 0; f < folds; f++) {
        int64_t own = 0;
        for (int32_t a = 0; a < arms; a++) own += rows[f * arms + a];
        if (own == 0)
            return cw_fail(env, CW_BAD_DATA, NULL, "lower run.folds or use other folds",
                           "fold %d has no rows", f);
        for (int32_t a = 0; a < arms; a++) {
            int64_t others = 0;
            for (int32_t l = 0; l < folds; l++)
                if (l != f) others += rows[l * arms + a];
            if (others == 0)
                return cw_fail(env, CW_BAD_DATA, NULL, "lower run.folds, or stratify them by the treatment",
                               "without fold %d no row of %s is left to learn from", f,
                               arms < 2 ? "the sample"
                               : a == 0 ? "the control arm"
                                        : "the treated arm");
        }
    }
    return CW_OK;
}
