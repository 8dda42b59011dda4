#include "keysum.h"

#include <string.h>

#include "fixed_core.h"
#include "random.h"

/* A slot is one record (head, then the sums), so that adding to a key costs one cache miss for the index and
 * one for the record. The index holds slot+1, 0 for empty; it is a power of two, at most half full, probed
 * one after the other from the low bits of the key's mix. Buckets use the high bits: the keys of one bucket
 * still spread over the whole index. */
typedef struct record_head {
    cw_key key;
    int64_t count;
    int64_t unused; /* the sums that follow are 16-byte aligned */
} record_head;

struct cw_keysum {
    cw_env *env;
    int32_t width;
    int32_t *quantum;
    cw_i128 *units; /* of the row being added */
    size_t stride;  /* bytes of a record */
    int64_t size, capacity;
    char *record;
    uint32_t *index;
    uint64_t mask; /* places in the index, less 1 */
};

enum { KEYSUM_FIRST = 16 };
static const int64_t KEYSUM_MOST = INT64_C(1) << 31; /* the index is of 32 bits and at most half full */

static record_head *head_at(const cw_keysum *table, int64_t slot) {
    return (record_head *)(void *)(table->record + (size_t)slot * table->stride);
}

static cw_i128 *sums_at(const cw_keysum *table, int64_t slot) {
    return (cw_i128 *)(void *)(head_at(table, slot) + 1);
}

static uint64_t mix_key(cw_key key) {
    return cw_mix64((uint64_t)key.a ^ ((uint64_t)key.b * 0xD6E8FEB86659FD93u));
}

static int same_key(cw_key x, cw_key y) {
    return x.a == y.a && x.b == y.b;
}

cw_code cw_keysum_create(cw_env *env, int32_t width, const int32_t *quantum, cw_keysum **out) {
    cw_keysum *table = NULL;
    cw_code code;
    *out = NULL;
    CW_TRY_GOTO(code, cw_alloc_zero(env, 1, sizeof *table, &table), done);
    table->env = env;
    table->width = width;
    table->stride = sizeof(record_head) + (size_t)width * sizeof(cw_i128);
    table->capacity = KEYSUM_FIRST;
    table->mask = 2 * KEYSUM_FIRST - 1;
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)width, sizeof *table->quantum, &table->quantum), done);
    CW_TRY_GOTO(code, cw_alloc(env, (size_t)width, sizeof *table->units, &table->units), done);
    CW_TRY_GOTO(code, cw_alloc(env, KEYSUM_FIRST, table->stride, &table->record), done);
    CW_TRY_GOTO(code, cw_alloc_zero(env, table->mask + 1, sizeof *table->index, &table->index), done);
    if (width > 0) memcpy(table->quantum, quantum, (size_t)width * sizeof *quantum);
    *out = table;
    return CW_OK;
done:
    cw_keysum_destroy(&table);
    return code;
}

void cw_keysum_destroy(cw_keysum **table) {
    cw_keysum *t = *table;
    *table = NULL;
    if (!t) return;
    cw_free(t->env, &t->quantum);
    cw_free(t->env, &t->units);
    cw_free(t->env, &t->record);
    cw_free(t->env, &t->index);
    cw_free(t->env, &t);
}

int32_t cw_keysum_width(const cw_keysum *table) {
    return table->width;
}

int32_t cw_keysum_quantum_of(const cw_keysum *table, int32_t column) {
    return table->quantum[column];
}

int64_t cw_keysum_size(const cw_keysum *table) {
    return table->size;
}

size_t cw_keysum_bytes(const cw_keysum *table) {
    return sizeof *table + (size_t)table->width * (sizeof *table->quantum + sizeof *table->units) +
           (size_t)table->capacity * table->stride + (table->mask + 1) * sizeof *table->index;
}

/* The place of the key in the index, or the empty place where it belongs. */
static uint64_t place_of(const cw_keysum *table, cw_key key) {
    uint64_t place = mix_key(key) & table->mask;
    while (table->index[place] != 0 && !same_key(head_at(table, table->index[place] - 1)->key, key))
        place = (place + 1) & table->mask;
    return place;
}

int64_t cw_keysum_find(const cw_keysum *table, cw_key key) {
    return (int64_t)table->index[place_of(table, key)] - 1;
}

static cw_code grow(cw_keysum *table) {
    if (table->capacity >= KEYSUM_MOST)
        return cw_fail(table->env, CW_NO_MEMORY, NULL, "use more ranks",
                       "more than %lld distinct keys on one rank", (long long)KEYSUM_MOST);
    int64_t capacity = 2 * table->capacity;
    uint64_t places = 2 * (uint64_t)capacity;
    uint32_t *index;
    CW_TRY(cw_alloc_zero(table->env, places, sizeof *index, &index));
    cw_code code = cw_realloc(table->env, (size_t)capacity, table->stride, &table->record);
    if (code != CW_OK) {
        cw_free(table->env, &index);
        return code;
    }
    cw_free(table->env, &table->index);
    table->index = index;
    table->mask = places - 1;
    table->capacity = capacity;
    for (int64_t slot = 0; slot < table->size; slot++) {
        uint64_t place = mix_key(head_at(table, slot)->key) & table->mask;
        while (index[place] != 0) place = (place + 1) & table->mask;
        index[place] = (uint32_t)(slot + 1);
    }
    return CW_OK;
}

/* Finds the key's slot, or makes one with nothing in it. */
static cw_code slot_of(cw_keysum *table, cw_key key, int64_t *slot) {
    uint64_t place = place_of(table, key);
    if (table->index[place] == 0) {
        if (table->size == table->capacity) {
            CW_TRY(grow(table));
            place = place_of(table, key);
        }
        memset(head_at(table, table->size), 0, table->stride);
        head_at(table, table->size)->key = key;
        table->index[place] = (uint32_t)(table->size + 1);
        table->size += 1;
    }
    *slot = (int64_t)table->index[place] - 1;
    return CW_OK;
}

static cw_code cannot_hold(cw_keysum *table, int32_t column, const char *what) {
    return cw_fail(table->env, CW_INTERNAL, NULL, "give the sum a larger bound",
                   "%s in column %d of a sum by key with quantum %d", what, (int)column,
                   (int)table->quantum[column]);
}

cw_code cw_keysum_add(cw_keysum *table, cw_key key, const double *value) {
    for (int32_t j = 0; j < table->width; j++)
        if (!cw_to_units(value[j], table->quantum[j], &table->units[j]))
            return cannot_hold(table, j, "a value out of bounds");
    return cw_keysum_add_sums(table, key, 1, table->units);
}

cw_code cw_keysum_add_sums(cw_keysum *table, cw_key key, int64_t count, const cw_i128 *sums) {
    int64_t slot;
    CW_TRY(slot_of(table, key, &slot));
    cw_i128 *sum = sums_at(table, slot);
    for (int32_t j = 0; j < table->width; j++) {
        if (!__builtin_add_overflow(sum[j], sums[j], &sum[j])) continue;
        for (int32_t k = j; k >= 0; k--) sum[k] = (cw_i128)((cw_u128)sum[k] - (cw_u128)sums[k]);
        return cannot_hold(table, j, "overflow");
    }
    head_at(table, slot)->count += count;
    return CW_OK;
}

cw_key cw_keysum_key(const cw_keysum *table, int64_t slot) {
    return head_at(table, slot)->key;
}

int64_t cw_keysum_count(const cw_keysum *table, int64_t slot) {
    return head_at(table, slot)->count;
}

const cw_i128 *cw_keysum_sums(const cw_keysum *table, int64_t slot) {
    return sums_at(table, slot);
}

void cw_keysum_set(cw_keysum *table, int64_t slot, int64_t count, const cw_i128 *sums) {
    head_at(table, slot)->count = count;
    if (table->width > 0) memcpy(sums_at(table, slot), sums, (size_t)table->width * sizeof *sums);
}

double cw_keysum_value(const cw_keysum *table, int64_t slot, int32_t column) {
    return cw_fixed_to_double(sums_at(table, slot)[column], table->quantum[column]);
}

int32_t cw_key_bucket(cw_key key, int32_t buckets) {
    return (int32_t)(((mix_key(key) >> 32) * (uint32_t)buckets) >> 32);
}

/* ---- order: by (bucket, key), without memory. All keys differ, so any correct sort gives the same order.
 * ----
 */

enum { COARSE_BUCKETS = 4096 };

typedef struct ranking {
    const cw_keysum *table;
    int32_t buckets;
} ranking;

typedef struct rank_of {
    int32_t bucket;
    cw_key key;
} rank_of;

static rank_of rank_at(const ranking *r, int64_t slot) {
    cw_key key = head_at(r->table, slot)->key;
    return (rank_of){cw_key_bucket(key, r->buckets), key};
}

static int before(rank_of x, rank_of y) {
    if (x.bucket != y.bucket) return x.bucket < y.bucket;
    if (x.key.a != y.key.a) return x.key.a < y.key.a;
    return x.key.b < y.key.b;
}

static void sift_down(const ranking *r, int64_t *order, int64_t at, int64_t count) {
    int64_t item = order[at];
    rank_of rank = rank_at(r, item);
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(rank_at(r, order[child]), rank_at(r, order[child + 1]))) child += 1;
        if (!before(rank, rank_at(r, order[child]))) break;
        order[at] = order[child];
    }
    order[at] = item;
}

static void heap_sort(const ranking *r, int64_t *order, int64_t count) {
    for (int64_t at = count / 2 - 1; at >= 0; at--) sift_down(r, order, at, count);
    for (int64_t end = count - 1; end > 0; end--) {
        int64_t largest = order[0];
        order[0] = order[end];
        order[end] = largest;
        sift_down(r, order, 0, end);
    }
}

/* A counting sort into at most COARSE_BUCKETS (a coarser grid of buckets is nested in the finer one), then a
 * sort of each, whose records stay in the cache. */
void cw_keysum_order(const cw_keysum *table, int32_t buckets, int64_t *order) {
    const ranking r = {table, buckets};
    const int32_t coarse = buckets < COARSE_BUCKETS ? buckets : COARSE_BUCKETS;
    int64_t end[COARSE_BUCKETS] = {0};
    for (int64_t slot = 0; slot < table->size; slot++)
        end[cw_key_bucket(head_at(table, slot)->key, coarse)] += 1;
    for (int32_t b = 1; b < coarse; b++) end[b] += end[b - 1];
    for (int64_t slot = table->size - 1; slot >= 0; slot--)
        order[--end[cw_key_bucket(head_at(table, slot)->key, coarse)]] = slot;
    for (int32_t b = 0; b < coarse; b++) { /* end[b] is the beginning by now */
        int64_t next = b + 1 < coarse ? end[b + 1] : table->size;
        heap_sort(&r, order + end[b], next - end[b]);
    }
}
