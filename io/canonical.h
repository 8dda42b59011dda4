/* clang-format off */
/* The canonical table: what an import writes and every run can read fastest. One HDF5 file:
 *
 *   /table              a group; attributes causeway_table (int64: the format's version) and rows (int64)
 *   /table/<column>     a 1-D dataset of `rows` values: f64, f32, i8, i16, i32, i64, u8, u16 or u32, little-endian;
 *                       in chunks of min(rows, 131072) rows, no filter, allocated early. Its attributes:
 *     order             int64: the column's place, from 0
 *     name              text: the column's name (the dataset's own name has / and a lone . replaced)
 *     kind              text: real integer binary category time text
 *     description, unit texts, only where known; a time's unit is "days since 1970-01-01", or seconds,
 *                       milliseconds, microseconds or nanoseconds "since 1970-01-01T00:00:00Z"
 *     missing           the stored value that means missing, in the dataset's type, for integer types that have
 *                       missing values: the minimum of i8 to i64, the maximum of u8 to u32. Reals have NaN
 *     categories        texts (variable length, UTF-8), 1-D: the labels of codes 0, 1, ... of a category or text
 *                       column, whose values are codes; in bytewise order where they come from text
 *     scale, offset     f64, only where they are not 1 and 0
 *   /table_crc          u32 [columns in order][blocks]: CRC-32C of the stored bytes of each column's rows
 *                       [131072 b, 131072 (b+1)); absent when there are no rows
 *
 * Neither the bytes nor their places depend on how many ranks wrote it. */
/* clang-format on */
#ifndef CW_IO_CANONICAL_H
#define CW_IO_CANONICAL_H

#include "table.h"

enum { CW_CANONICAL_VERSION = 1, CW_CANONICAL_ROWS = 131072 };

/* Bytes of a stored value (0 for text, which is never stored as such), and the integer code for missing. */
int32_t cw_storage_bytes(cw_storage storage);
int64_t cw_storage_missing(cw_storage storage);

/* A file being written: rank 0 creates it, every rank puts its own rows at their places, rank 0 finishes. */
typedef struct cw_canonical cw_canonical;

/* Collective. Creates `file` (the same temporary name on all ranks) for `rows` rows; this rank will put rows
 * [first, first + mine), ranks in order. CW_CANNOT_WRITE. */
cw_code cw_canonical_create(cw_context *context, const char *file, int64_t rows, int64_t first, int64_t mine,
                            int32_t columns, const cw_storage *storage, const char *const *name,
                            cw_canonical **out) CW_CHECKED;

/* Not collective. Writes or reads rows [first, first + rows) of a column as stored. A column's rows are put
 * in order; putting this rank's first row again starts the column again. */
cw_code cw_canonical_put(cw_canonical *table, int32_t column, int64_t first, int64_t rows,
                         const void *stored) CW_CHECKED;
cw_code cw_canonical_get(cw_canonical *table, int32_t column, int64_t first, int64_t rows,
                         void *stored) CW_CHECKED;

/* Collective, when all rows are put: fsyncs, has rank 0 write attributes and checksums (of column[j] name,
 * kind, storage, description, unit, scale, offset, categories, and `missings`: above 0 says that the missing
 * code of an integer type is in use), and reads every row back against its checksum. */
cw_code cw_canonical_finish(cw_canonical *table, const cw_column *column) CW_CHECKED;

/* Closes; does not remove the file. */
void cw_canonical_close(cw_canonical **table);

#endif
