/* Sorting under a total order: a bottom-up merge sort, stable, n log n always, the same result on every
 * machine (qsort is none of these everywhere). */
#ifndef CW_BASE_SORT_H
#define CW_BASE_SORT_H

#include "env.h"

/* Negative, 0 or positive as a comes before, with or after b. `self` is the caller's. */
typedef int (*cw_compare)(const void *a, const void *b, void *self);

/* Sorts `count` elements of `size` bytes in place; needs count*size bytes of workspace (CW_NO_MEMORY). */
cw_code cw_sort(cw_env *env, void *data, int64_t count, size_t size, cw_compare compare,
                void *self) CW_CHECKED;

#endif
