/* Import: CSV, CSV.gz or foreign HDF5 into the canonical table, in parallel. */
#ifndef CW_IO_IMPORT_H
#define CW_IO_IMPORT_H

#include "table.h"

/* Collective. Streams the files of `spec` into `target`, a canonical table (io/canonical.h), written under a
 * temporary name and renamed when whole; rows stand in the order of the files and, in them, of their records.
 * CSV (the rules are in io/csv.h): RFC 4180, the delimiter found in the header, types inferred over all rows.
 * Missing are the empty field, NA, N/A, NaN, nan, NULL, null and . (spaces around them do not matter), and
 * the missing codes of spec.column. Types, unless spec.column states one: integer (exact to 63 bits, stored
 * as narrowly as it fits), binary (integers 0 and 1; or true and false in any case), real, time (ISO 8601
 * dates and instants, in the coarsest unit that is exact), category (up to 65536 distinct texts, coded in
 * bytewise order), text (likewise, up to CW_MAX_CATEGORIES; beyond that, or beyond 64 MiB of them, the column
 * is left out and the report says so). A kind stated as integer takes 1.0 for 1, binary takes true and false,
 * time takes numbers. spec.part_id adds a category column of the files' names, without folder and ending.
 * HDF5 tables of any layout that cw_table_open reads are copied.
 * Ranks take byte ranges of plain files and whole .gz files; memory a rank stays bounded whatever the files'
 * size. The target's bytes do not depend on the number of ranks. `report` (rank 0, may be NULL; cw_free it)
 * gets a few lines: columns, types, missing, what decided a type. Errors: CW_BAD_DATA naming file and line
 * (ragged record, unclosed quote, bad UTF-8, a value that is not of the stated kind), CW_BAD_JOB (a column of
 * the spec that is not there), CW_CANNOT_WRITE, CW_IO. */
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
