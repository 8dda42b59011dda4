/* Keys as blocks: a bucket takes the part of a row block, so sums over keys run through the same tree. */
#include <string.h>

#include "engine.h"
#include "exchange.h"

typedef struct cw_buckets {
    const cw_keysum *owned;
    int64_t *order;                /* slots by (bucket, key) */
    int64_t start[CW_BUCKETS + 1]; /* of each bucket in it */
    int64_t first_row;             /* keys in the lower buckets of all ranks, before this rank's */
    int32_t reals;
    double *value;       /* all real columns of the largest bucket */
    const double **real; /* where they begin */
    int64_t *part;       /* the two key columns */
    const int64_t *key[2];
    int64_t largest;
} cw_buckets;

static void close_buckets(cw_env *env, cw_buckets *buckets) {
    cw_free(env, &buckets->order);
    cw_free(env, &buckets->value);
    cw_free(env, &buckets->real);
    cw_free(env, &buckets->part);
}

static void find_starts(cw_buckets *buckets, int64_t size) {
    int64_t n = 0;
    for (int32_t b = 0; b < CW_BUCKETS; b++) {
        buckets->start[b] = n;
        while (n < size) {
            cw_key key = cw_keysum_key(buckets->owned, buckets->order[n]);
            if (cw_key_bucket(key, CW_BUCKETS) != b) break;
            n++;
        }
        if (n - buckets->start[b] > buckets->largest) buckets->largest = n - buckets->start[b];
    }
    buckets->start[CW_BUCKETS] = n;
}

static cw_code open_buckets(cw_context *context, const cw_keysum *owned, cw_buckets *buckets) {
    cw_env *env = context->env;
    int64_t size = cw_keysum_size(owned);
    buckets->owned = owned;
    buckets->reals = 1 + cw_keysum_width(owned);
    CW_TRY(cw_alloc(env, (size_t)size, sizeof *buckets->order, &buckets->order));
    cw_keysum_order(owned, CW_BUCKETS, buckets->order);
    find_starts(buckets, size);
    int64_t first = cw_run_first(CW_BUCKETS, context->size, context->rank);
    int64_t end = cw_run_first(CW_BUCKETS, context->size, context->rank + 1);
    if (buckets->start[first] != 0 || buckets->start[end] != size || buckets->largest > INT32_MAX)
        return cw_fail(env, CW_INTERNAL, "cw_pass_keys", NULL, "sums by key that were not exchanged before");
    size_t largest = (size_t)buckets->largest, reals = (size_t)buckets->reals;
    CW_TRY(cw_alloc(env, largest * reals, sizeof *buckets->value, &buckets->value));
    CW_TRY(cw_alloc(env, reals, sizeof *buckets->real, &buckets->real));
    CW_TRY(cw_alloc(env, largest * 2, sizeof *buckets->part, &buckets->part));
    for (size_t j = 0; j < reals && largest; j++) buckets->real[j] = buckets->value + j * largest;
    for (size_t j = 0; j < 2 && largest; j++) buckets->key[j] = buckets->part + j * largest;
    return CW_OK;
}

static cw_code bucket_block(cw_env *env, void *self, int64_t number, cw_block *block) {
    (void)env;
    cw_buckets *buckets = self;
    const cw_keysum *owned = buckets->owned;
    int64_t first = buckets->start[number], largest = buckets->largest;
    int32_t rows = (int32_t)(buckets->start[number + 1] - first);
    for (int32_t i = 0; i < rows; i++) {
        int64_t slot = buckets->order[first + i];
        cw_key key = cw_keysum_key(owned, slot);
        buckets->part[i] = key.a;
        buckets->part[largest + i] = key.b;
        buckets->value[i] = (double)cw_keysum_count(owned, slot);
        for (int32_t j = 1; j < buckets->reals; j++)
            buckets->value[j * largest + i] = cw_keysum_value(owned, slot, j - 1);
    }
    memset(block, 0, sizeof *block);
    block->number = number;
    block->first_row = buckets->first_row + first;
    block->rows = rows;
    block->reals = buckets->reals;
    block->keys = 2;
    block->real = buckets->real;
    block->key = buckets->key;
    return CW_OK;
}

cw_code cw_pass_keys(cw_context *context, const cw_keysum *owned, int32_t count,
                     const cw_accumulator *const *accumulator, void *const *result) {
    cw_buckets buckets;
    memset(&buckets, 0, sizeof buckets);
    cw_code code = open_buckets(context, owned, &buckets);
    buckets.first_row = cw_keysum_size(owned);
    cw_code scanned = cw_scan_below(context, &buckets.first_row, 1);
    if (code == CW_OK) code = scanned;
    cw_supply supply = {&buckets, 16 + 8 * buckets.reals, bucket_block};
    cw_pass_options options = {.name = "keys", .group_key = -1};
    code = cw_engine_run(context, code, &supply, CW_BUCKETS, &options, count, accumulator, result);
    close_buckets(context->env, &buckets);
    return code;
}
