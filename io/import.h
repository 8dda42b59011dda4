/* Import: CSV, CSV.gz or foreign HDF5 into the canonical table, in parallel. */
#ifndef CW_IO_IMPORT_H
#define CW_IO_IMPORT_H

#include "table.h"

/* Collective. Streams the files of `spec` into `target` (written under a temporary name, renamed when whole):
 * RFC 4180 (quotes, doubled quotes, line ends inside quotes, CRLF or LF, a UTF-8 mark), types inferred over
 * all rows, the empty field, NA, N/A, NaN, nan, NULL, null and . as missing. Ranks take byte ranges of plain
 * files and whole .gz files; memory a rank stays bounded whatever the file's size. The file's bytes do not
 * depend on the number of ranks. `report` (rank 0, may be NULL; cw_free it) gets a few lines: columns, types,
 * missing, what decided a type. Errors: CW_BAD_DATA naming file and line (ragged record, unclosed quote, bad
 * UTF-8), CW_CANNOT_WRITE, CW_IO. */
cw_code cw_import(cw_context *context, const cw_table_spec *spec, const char *target,
                  char **report) CW_CHECKED;

/* Collective. Imports into `folder` unless the file for these sources (keyed by their digest: names, sizes,
 * times of change, sampled contents) is already there and whole; *target (cw_free it) is its path. */
cw_code cw_import_cached(cw_context *context, const cw_table_spec *spec, const char *folder, char **target,
                         char **report) CW_CHECKED;

/* Not collective. Verifies the CRC-32C of every block of a canonical table; CW_BAD_DATA names column and
 * rows. */
cw_code cw_canonical_verify(cw_env *env, const char *file) CW_CHECKED;

#endif
