#include "folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../io/file.h"

enum { CW_MAX_SAVED = 4096, CW_MAX_DIFFERENCES = 5 };

/* The effective job as it was when the folder was begun: what a later run is compared with, key by key. */
static const char saved_job[] = "job.yaml";
static const char saved_data[] = "data.digest";
static const char results_name[] = "results.json";
static const char checkpoint_name[] = "checkpoint.h5";

static cw_code has_file(cw_env *env, const char *folder, const char *name, int *found) {
    char *file = NULL;
    CW_TRY(cw_path_join(env, folder, name, &file));
    *found = cw_file_exists(file);
    cw_free(env, &file);
    return CW_OK;
}

/* A folder with neither results nor a checkpoint holds nothing that another job could lose. */
static cw_code worth_keeping(cw_env *env, const char *folder, int *worth) {
    int results = 0, checkpoint = 0;
    CW_TRY(has_file(env, folder, results_name, &results));
    CW_TRY(has_file(env, folder, checkpoint_name, &checkpoint));
    *worth = results || checkpoint;
    return CW_OK;
}

static size_t line_length(const char *text) {
    return strcspn(text, "\n");
}

/* The dotted path of the line that `at` starts in, from the indents of the lines above it. */
static void key_path(const char *text, const char *at, char *path, size_t size) {
    size_t indent = SIZE_MAX;
    char joined[CW_MAX_SAVED] = "";
    for (const char *line = at;;) {
        size_t in = strspn(line, " -");
        size_t length = strcspn(line + in, ":\n");
        if (in < indent && line[in + length] == ':') {
            char next[CW_MAX_SAVED + 300];
            snprintf(next, sizeof next, "%.*s%s%s", (int)(length > 256 ? 256 : length), line + in,
                     joined[0] ? "." : "", joined);
            memcpy(joined, next, sizeof joined);
            joined[sizeof joined - 1] = '\0';
            indent = in;
        }
        if (line == text || indent == 0) break;
        line--;
        while (line > text && line[-1] != '\n') line--;
    }
    snprintf(path, size, "%s", joined);
}

/* Names the keys of `now` whose lines `then` lacks, and the other way round, up to a few. */
static void name_differences(const char *then, const char *now, char *out, size_t size) {
    out[0] = '\0';
    int named = 0;
    const char *side[2][2] = {{now, then}, {then, now}};
    for (int k = 0; k < 2 && named == 0; k++) {
        for (const char *line = side[k][0]; *line && named < CW_MAX_DIFFERENCES;) {
            size_t length = line_length(line);
            int found = 0;
            for (const char *other = side[k][1]; *other && !found;) {
                size_t other_length = line_length(other);
                found = other_length == length && memcmp(other, line, length) == 0;
                other += other_length + (other[other_length] == '\n');
            }
            if (!found && length > 0) {
                char path[CW_MAX_SAVED];
                key_path(side[k][0], line, path, sizeof path);
                size_t used = strlen(out);
                if (path[0] && !strstr(out, path)) {
                    snprintf(out + used, size - used, "%s%s", used ? ", " : "", path);
                    named++;
                }
            }
            line += length + (line[length] == '\n');
        }
    }
}

cw_code cw_folder_put_aside(cw_env *env, const char *folder, char **aside) {
    for (int k = 1; k < 10000; k++) {
        CW_TRY(cw_format(env, aside, "%s.%d", folder, k));
        if (!cw_file_exists(*aside)) {
            if (rename(folder, *aside) == 0) return CW_OK;
            cw_free(env, aside);
            return cw_fail(env, CW_CANNOT_WRITE, folder, "check its permissions",
                           "cannot rename the output folder");
        }
        cw_free(env, aside);
    }
    return cw_fail(env, CW_CANNOT_WRITE, folder, "remove old output folders", "too many folders put aside");
}

static cw_code claim(cw_env *env, const char *folder, const char *job_file, const char *effective,
                     cw_folder_state *state) {
    *state = CW_FOLDER_NEW;
    if (!cw_file_exists(job_file)) return cw_file_replace(env, job_file, effective, strlen(effective));
    char *then = NULL;
    size_t length = 0;
    int worth = 0, finished = 0;
    CW_TRY(cw_file_read(env, job_file, CW_JOB_BYTES * 4, &then, &length));
    int same = strcmp(then, effective) == 0;
    char differences[CW_ERROR_TEXT / 2];
    name_differences(then, effective, differences, sizeof differences);
    cw_free(env, &then);
    CW_TRY(worth_keeping(env, folder, &worth));
    if (!same && !worth) return cw_file_replace(env, job_file, effective, strlen(effective));
    if (!same) {
        return cw_fail(env, CW_CANNOT_WRITE, folder,
                       "name another output.folder, or put this one aside with --fresh",
                       "the output folder belongs to another job; keys that differ: %s", differences);
    }
    CW_TRY(has_file(env, folder, results_name, &finished));
    *state = finished ? CW_FOLDER_FINISHED : CW_FOLDER_STARTED;
    return CW_OK;
}

cw_code cw_folder_claim(cw_env *env, const char *folder, const cw_job *job, cw_folder_state *state) {
    char *job_file = NULL, *effective = NULL;
    cw_code code = cw_path_join(env, folder, saved_job, &job_file);
    if (code == CW_OK) code = cw_job_effective(env, job, 0, &effective);
    if (code == CW_OK) code = claim(env, folder, job_file, effective, state);
    cw_free(env, &job_file);
    cw_free(env, &effective);
    return code;
}

cw_code cw_folder_data(cw_env *env, const char *folder, uint64_t digest) {
    char *file = NULL, *then = NULL, now[32];
    size_t length = 0;
    int worth = 0;
    snprintf(now, sizeof now, "%016" PRIx64 "\n", digest);
    CW_TRY(cw_path_join(env, folder, saved_data, &file));
    cw_code code = worth_keeping(env, folder, &worth);
    if (code == CW_OK && (!worth || !cw_file_exists(file))) {
        code = cw_file_replace(env, file, now, strlen(now));
    } else if (code == CW_OK) {
        code = cw_file_read(env, file, CW_MAX_SAVED, &then, &length);
        if (code == CW_OK && strcmp(then, now) != 0) {
            code = cw_fail(env, CW_CANNOT_WRITE, folder,
                           "name another output.folder, or put this one aside with --fresh",
                           "the data have changed since this output folder was begun");
        }
    }
    cw_free(env, &then);
    cw_free(env, &file);
    return code;
}
