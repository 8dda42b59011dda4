/* The exchange: sums by key meet at the owner of hash(key). Keys fall into a fixed grid of buckets
 * (cw_key_bucket); rank r owns the buckets [N r/P, N (r+1)/P), sorts each by key, and buckets then take the
 * part of row blocks. */
#ifndef CW_MPI_EXCHANGE_H
#define CW_MPI_EXCHANGE_H

#include "../src/base/accumulator.h"
#include "../src/base/keysum.h"
#include "context.h"

enum { CW_BUCKETS = 1024 };

/* Collective. Sends every rank's sums to the owners; *owned gets the complete sums of the keys this rank
 * owns. `local` is unchanged. Pieces are sized so that no message passes INT_MAX. */
cw_code cw_exchange(cw_context *context, const cw_keysum *local, cw_keysum **owned) CW_CHECKED;

/* Collective. As above, then sends the totals back: every key in `local` gets its complete count and sums. */
cw_code cw_exchange_totals(cw_context *context, cw_keysum *local) CW_CHECKED;

/* Collective. Streams the owned keys, ordered by (bucket, key), through tree accumulators: a bucket is a
 * block whose rows are keys, real column 0 the count and 1.. the sums, key columns 0 and 1 the key. result[k]
 * as in cw_pass. */
cw_code cw_pass_keys(cw_context *context, const cw_keysum *owned, int32_t count,
                     const cw_accumulator *const *accumulator, void *const *result) CW_CHECKED;

/* Collective. The number of distinct keys over all ranks of an exchanged table. */
cw_code cw_exchange_size(cw_context *context, const cw_keysum *owned, int64_t *size) CW_CHECKED;

#endif
