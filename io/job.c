#include "job.h"

#include <string.h>

#include "file.h"
#include "job_table.h"

/* What stands before the last slash of the job file's name, the slash included. */
static cw_code folder_of(cw_env *env, const char *file, char **out) {
    const char *slash = strrchr(file, '/');
    return cw_strndup(env, file, slash ? (size_t)(slash - file) + 1 : 0, out);
}

static cw_code read_tree(cw_job_reader *r, const char *text, size_t length, int32_t sets,
                         const char *const *set) {
    CW_TRY(cw_yaml_create(r->env, &r->yaml));
    CW_TRY(cw_yaml_parse(r->yaml, r->job->file, text, length, &r->root));
    for (int32_t i = 0; i < sets; i++) CW_TRY(cw_job_set(r, set[i]));
    CW_TRY(cw_job_sources(r));
    CW_TRY(cw_job_bind(r));
    return cw_job_check(r);
}

static cw_code too_long(cw_env *env, const char *file) {
    return cw_fail(env, CW_BAD_JOB, file, "list columns and files elsewhere (a manifest, a canonical table)",
                   "a job file has at most %d bytes", CW_JOB_BYTES);
}

cw_code cw_job_parse(cw_env *env, const char *file, const char *text, size_t length, int32_t sets,
                     const char *const *set, cw_job **out) {
    *out = NULL;
    if (length > CW_JOB_BYTES) return too_long(env, file);
    cw_job_reader r = {.env = env};
    cw_code code;
    CW_TRY_GOTO(code, cw_alloc_zero(env, 1, sizeof *r.job, &r.job), done);
    r.job->env = env;
    CW_TRY_GOTO(code, cw_strdup(env, file, &r.job->file), done);
    CW_TRY_GOTO(code, folder_of(env, file, &r.folder), done);
    code = read_tree(&r, text, length, sets, set);
done:
    cw_yaml_destroy(&r.yaml);
    cw_free(env, &r.folder);
    if (code != CW_OK) cw_job_destroy(&r.job);
    *out = r.job;
    return code;
}

cw_code cw_job_read(cw_env *env, const char *file, char **text, size_t *length) {
    cw_code code = cw_file_read(env, file, CW_JOB_BYTES, text, length);
    if (code != CW_BAD_DATA) return code;
    cw_env_clear(env);
    return too_long(env, file);
}

void cw_job_destroy(cw_job **job) {
    if (!*job) return;
    cw_env *env = (*job)->env;
    cw_job_release(env, &cw_job_options, *job);
    cw_free(env, &(*job)->file);
    cw_free(env, job);
}
