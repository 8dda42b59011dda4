/* Exact sums by key: a hash table from a key (clusters, levels of a fixed effect, units) to a count and
 * `width` sums held in 128-bit fixed point. Adding is associative and commutative to the bit, so ranks may
 * add rows in any order and merge tables in any order and get the same sums.
 *
 * Column j is held in units of 2^quantum[j]. A column whose values are bounded by |v| <= B over at most n
 * rows needs quantum >= log2(B) + log2(n) - 126; cw_keysum_quantum computes that, which leaves 126 - log2(n)
 * bits below B. */
#ifndef CW_BASE_KEYSUM_H
#define CW_BASE_KEYSUM_H

#include "env.h"

__extension__ typedef __int128 cw_i128;

/* A key: one integer, or a pair (b = 0 where there is only one). Ordered by (a, b). */
typedef struct cw_key {
    int64_t a, b;
} cw_key;

typedef struct cw_keysum cw_keysum;

/* The smallest safe quantum (an exponent of 2) for |value| <= bound summed over `rows` rows. */
int32_t cw_keysum_quantum(double bound, int64_t rows);

/* v rounded to an integer multiple (nearest, ties away) of 2^quantum; v must be finite and within bounds. */
cw_i128 cw_fixed_from_double(double v, int32_t quantum);

/* The double nearest to (ties to even) sum * 2^quantum. */
double cw_fixed_to_double(cw_i128 sum, int32_t quantum);

/* width may be 0 (counts only). `quantum` is copied. */
cw_code cw_keysum_create(cw_env *env, int32_t width, const int32_t *quantum, cw_keysum **out) CW_CHECKED;
void cw_keysum_destroy(cw_keysum **table);

int32_t cw_keysum_width(const cw_keysum *table);
int32_t cw_keysum_quantum_of(const cw_keysum *table, int32_t column);
int64_t cw_keysum_size(const cw_keysum *table); /* number of distinct keys */
size_t cw_keysum_bytes(const cw_keysum *table);

/* Adds one row: count += 1, sum[j] += value[j]. */
cw_code cw_keysum_add(cw_keysum *table, cw_key key, const double *value) CW_CHECKED;

/* Adds ready sums (for merging): count += `count`, sum[j] += sums[j]. */
cw_code cw_keysum_add_sums(cw_keysum *table, cw_key key, int64_t count, const cw_i128 *sums) CW_CHECKED;

/* The slot of a key, from 0 to size-1 in order of first insertion, or -1. Slots do not change by adding. */
int64_t cw_keysum_find(const cw_keysum *table, cw_key key);

cw_key cw_keysum_key(const cw_keysum *table, int64_t slot);
int64_t cw_keysum_count(const cw_keysum *table, int64_t slot);
const cw_i128 *cw_keysum_sums(const cw_keysum *table, int64_t slot);
/* Overwrites count and sums of a slot. */
void cw_keysum_set(cw_keysum *table, int64_t slot, int64_t count, const cw_i128 *sums);
double cw_keysum_value(const cw_keysum *table, int64_t slot, int32_t column);

/* Which of `buckets` (a power of two) a key belongs to: its place in the fixed grid that takes the part of
 * the row blocks when clusters are summed. Depends on the key alone. */
int32_t cw_key_bucket(cw_key key, int32_t buckets);

/* Writes the slots ordered by (bucket, key) to order[0 .. size-1]. */
void cw_keysum_order(const cw_keysum *table, int32_t buckets, int64_t *order);

#endif
