/* The command line: parsed before MPI starts, so that --help and a typing error need no launcher. */
#ifndef CW_JOBS_OPTIONS_H
#define CW_JOBS_OPTIONS_H

#include "../src/base/env.h"

typedef enum cw_command {
    CW_COMMAND_NONE, /* --help, --version */
    CW_COMMAND_CHECK,
    CW_COMMAND_RUN,
    CW_COMMAND_IMPORT,
    CW_COMMAND_INSPECT,
    CW_COMMAND_JOB /* the job file's manual and schema */
} cw_command;

enum { CW_MAX_ARGUMENTS = 65536 };

typedef struct cw_options {
    cw_command command;
    int help, version, json, fresh, strict, quiet, verbose, schema;
    const char *output;    /* -o */
    const char *path;      /* --path: HDF5 path or glob of import and inspect */
    int32_t sets;          /* --set key.path=value, in order */
    const char **set;      /* points into argv; owned array */
    int32_t arguments;     /* what is left: files */
    const char **argument; /* points into argv; owned array */
} cw_options;

/* Fails with CW_USAGE; commands of the design that are not there yet are refused by name. */
cw_code cw_options_parse(cw_env *env, int argc, char **argv, cw_options *out) CW_CHECKED;
void cw_options_clear(cw_env *env, cw_options *options);

/* The help text of a command (CW_COMMAND_NONE: of the program). */
const char *cw_help_text(cw_command command);

#endif
