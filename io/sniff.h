/* What a file is, by its first bytes, and the command that turns it into something Causeway reads. */
#ifndef CW_IO_SNIFF_H
#define CW_IO_SNIFF_H

#include "../src/base/env.h"

typedef enum cw_format { CW_FORMAT_HDF5, CW_FORMAT_CSV, CW_FORMAT_CSV_GZ, CW_FORMAT_OTHER } cw_file_format;

typedef struct cw_sniffed {
    cw_file_format format;
    const char *name;    /* e.g. "Parquet"; static */
    const char *command; /* a printf format with one or more %1$s for the file; NULL: none is known */
} cw_sniffed;

/* Looks at a file (.gz is looked into). CW_NO_INPUT, CW_IO; an empty file or a folder is CW_BAD_DATA. */
cw_code cw_sniff(cw_env *env, const char *file, cw_sniffed *out) CW_CHECKED;

/* Fails with CW_BAD_DATA naming the format and the command that converts it. */
cw_code cw_sniff_refuse(cw_env *env, const char *file, const cw_sniffed *sniffed);

#endif
