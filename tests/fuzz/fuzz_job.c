/* libFuzzer: a job file, and behind a zero byte its settings, one a zero byte. What is accepted must survive
 * its own effective text; what is refused must say why and where. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SETS = 4 };

/* Splits the input; `copy` ends with a zero byte. */
static size_t split(const char *copy, size_t size, const char *set[SETS], int32_t *sets) {
    size_t length = strlen(copy);
    *sets = 0;
    for (size_t at = length + 1; at < size && *sets < SETS; at += strlen(copy + at) + 1)
        set[(*sets)++] = copy + at;
    return length;
}

static void check(cw_env *env, cw_job *job) {
    cw_job *again;
    char *first, *second;
    if (cw_job_effective(env, job, 1, &first) != CW_OK) abort();
    if (strlen(first) <= CW_JOB_BYTES) {
        if (cw_job_parse(env, "f/j.yaml", first, strlen(first), 0, NULL, &again) != CW_OK) abort();
        if (cw_job_effective(env, again, 1, &second) != CW_OK) abort();
        if (strcmp(first, second) != 0) abort();
        cw_free(env, &second);
        cw_job_destroy(&again);
    }
    cw_free(env, &first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    copy[size] = '\0';
    const char *set[SETS];
    int32_t sets;
    size_t length = split(copy, size, set, &sets);
    cw_env env;
    cw_env_init(&env);
    cw_job *job;
    cw_code code = cw_job_parse(&env, "f/j.yaml", copy, length, sets, set, &job);
    if (code == CW_OK)
        check(&env, job);
    else if (code != CW_BAD_JOB || !env.error.what[0] || !env.error.where[0])
        abort();
    cw_job_destroy(&job);
    if (env.blocks_now != 0) abort();
    free(copy);
    return 0;
}
