/* The commands that are not `run`. */
#ifndef CW_JOBS_COMMANDS_H
#define CW_JOBS_COMMANDS_H

#include "../mpi/context.h"
#include "options.h"

/* Collective (every rank of the launch). */
cw_code cw_command_run(cw_context *context, const cw_options *options) CW_CHECKED;
cw_code cw_command_import(cw_context *context, const cw_options *options) CW_CHECKED;

/* On process 0 alone. */
cw_code cw_command_check(cw_env *env, const cw_options *options) CW_CHECKED;
cw_code cw_command_inspect(cw_env *env, const cw_options *options) CW_CHECKED;
cw_code cw_command_job(cw_env *env, const cw_options *options) CW_CHECKED;
cw_code cw_command_version(cw_env *env) CW_CHECKED;

/* The closing table of timers as log lines, for --verbose. */
void cw_log_timings(cw_env *env, const cw_timing *timing, int32_t count);

#endif
