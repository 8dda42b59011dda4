#include "checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint_file.h"
#include "file.h"

/* The newest first. The temporary name is fixed, so that a killed run leaves at most one behind: the folder's
 * lock keeps a second writer away. */
enum { CW_NEWEST, CW_OLDER, CW_GENERATIONS };
static const char *const generation_name[CW_GENERATIONS] = {"checkpoint.h5", "checkpoint.1.h5"};
static const char temporary_name[] = "checkpoint.tmp.h5";

struct cw_checkpoint {
    cw_env *env;
    char *file[CW_GENERATIONS], *temporary;
    cw_seal seal;
    int current; /* the generation that counts, or -1 */
    double seconds, last, cost;
    cw_keeper keeper;
};

static double now(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) return 0;
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Saving may take a tenth of the time at most, however short the interval that was asked for; 0 asks for a
 * checkpoint whenever there is something to save. */
static int due(void *self) {
    const cw_checkpoint *checkpoint = self;
    if (!(checkpoint->seconds > 0)) return 1;
    return now() - checkpoint->last >= fmax(checkpoint->seconds, 9 * checkpoint->cost);
}

static int same_run(const cw_seal *a, const cw_seal *b) {
    return a->version == b->version && a->job == b->job && a->data == b->data;
}

/* The file to copy earlier passes from, or NULL: someone may have removed or replaced it meanwhile. */
static cw_code earlier_file(cw_checkpoint *checkpoint, const char **earlier) {
    *earlier = NULL;
    if (checkpoint->current < 0) return CW_OK;
    const char *file = checkpoint->file[checkpoint->current];
    cw_seal seal;
    cw_seal_state state;
    char why[CW_ERROR_TEXT];
    CW_TRY(cw_seal_read(checkpoint->env, file, 0, &seal, &state, why));
    if (state == CW_SEAL_GOOD && same_run(&seal, &checkpoint->seal)) {
        *earlier = file;
        return CW_OK;
    }
    cw_log(checkpoint->env, CW_WARNING, "%s: %s; passes that it held would start anew", file,
           why[0] ? why : "it was replaced by another run's");
    checkpoint->current = -1;
    return CW_OK;
}

/* A good newest one becomes the older; a bad one is overwritten, so that the good older one stays. */
static cw_code install(cw_checkpoint *checkpoint) {
    if (checkpoint->current == CW_NEWEST)
        CW_TRY(cw_file_install(checkpoint->env, checkpoint->file[CW_NEWEST], checkpoint->file[CW_OLDER]));
    if (checkpoint->current == CW_NEWEST) checkpoint->current = CW_OLDER;
    CW_TRY(cw_file_install(checkpoint->env, checkpoint->temporary, checkpoint->file[CW_NEWEST]));
    checkpoint->current = CW_NEWEST;
    return CW_OK;
}

static cw_code save(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                    const cw_accumulator *const *accumulator, int64_t nodes, const cw_node *node) {
    cw_checkpoint *checkpoint = self;
    const cw_saved saved = {name, blocks, count, accumulator, nodes, node};
    const char *earlier;
    double started = now();
    CW_TRY(earlier_file(checkpoint, &earlier));
    cw_code code = cw_nodes_write(env, checkpoint->temporary, &checkpoint->seal, earlier, &saved);
    if (code == CW_OK) code = cw_seal_write(env, checkpoint->temporary, &checkpoint->seal);
    if (code == CW_OK) code = install(checkpoint);
    if (code != CW_OK) (void)unlink(checkpoint->temporary);
    checkpoint->last = now();
    checkpoint->cost = checkpoint->last - started;
    return code;
}

static cw_code load(cw_env *env, void *self, const char *name, int64_t blocks, int32_t count,
                    const cw_accumulator *const *accumulator,
                    cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) {
    cw_checkpoint *checkpoint = self;
    if (checkpoint->current < 0) return CW_OK;
    const cw_saved saved = {.name = name, .blocks = blocks, .count = count, .accumulator = accumulator};
    return cw_nodes_read(env, checkpoint->file[checkpoint->current], &saved, each, user);
}

static cw_code foreign(cw_env *env, const char *file, const cw_seal *found, const cw_seal *wanted) {
    const char *mend = "choose another output.folder, or start anew with --fresh";
    if (found->version != wanted->version)
        return cw_fail(
            env, CW_CANNOT_WRITE, file, mend,
            "the folder holds a checkpoint of format version %d, and this program writes version %d",
            found->version, wanted->version);
    int job = found->job != wanted->job, data = found->data != wanted->data;
    return cw_fail(env, CW_CANNOT_WRITE, file, mend,
                   "the folder holds a checkpoint of another run: its %s digest is %016llx and not %016llx%s",
                   job ? "job" : "data", (unsigned long long)(job ? found->job : found->data),
                   (unsigned long long)(job ? wanted->job : wanted->data),
                   job && data ? ", and its data differ too" : "");
}

/* The newest generation that is whole. */
static cw_code choose(cw_checkpoint *checkpoint) {
    cw_env *env = checkpoint->env;
    int broken = 0;
    for (int g = 0; g < CW_GENERATIONS && checkpoint->current < 0; g++) {
        cw_seal seal;
        cw_seal_state state;
        char why[CW_ERROR_TEXT];
        CW_TRY(cw_seal_read(env, checkpoint->file[g], 1, &seal, &state, why));
        if (state == CW_SEAL_BROKEN) {
            broken = 1;
            cw_log(env, CW_WARNING, "%s is passed over: %s", checkpoint->file[g], why);
        }
        if (state != CW_SEAL_GOOD) continue;
        if (!same_run(&seal, &checkpoint->seal))
            return foreign(env, checkpoint->file[g], &seal, &checkpoint->seal);
        checkpoint->current = g;
    }
    if (checkpoint->current >= 0)
        cw_log(env, CW_INFO, "going on from %s", checkpoint->file[checkpoint->current]);
    else if (broken)
        cw_log(env, CW_WARNING, "no checkpoint is whole: the run starts from its beginning");
    return CW_OK;
}

static cw_code open_files(cw_checkpoint *checkpoint, const char *folder) {
    cw_env *env = checkpoint->env;
    for (int g = 0; g < CW_GENERATIONS; g++)
        CW_TRY(cw_path_join(env, folder, generation_name[g], &checkpoint->file[g]));
    CW_TRY(cw_path_join(env, folder, temporary_name, &checkpoint->temporary));
    (void)unlink(checkpoint->temporary);
    return choose(checkpoint);
}

cw_code cw_checkpoint_open(cw_env *env, const char *folder, uint64_t job_digest, uint64_t data_digest,
                           double seconds, cw_checkpoint **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    cw_checkpoint *checkpoint = *out;
    checkpoint->env = env;
    checkpoint->seal.version = CW_CHECKPOINT_VERSION;
    checkpoint->seal.job = job_digest;
    checkpoint->seal.data = data_digest;
    checkpoint->current = -1;
    checkpoint->seconds = seconds;
    checkpoint->keeper = (cw_keeper){checkpoint, due, save, load};
    cw_code code = open_files(checkpoint, folder);
    checkpoint->last = now();
    if (code != CW_OK) cw_checkpoint_close(out);
    return code;
}

void cw_checkpoint_close(cw_checkpoint **checkpoint) {
    if (!checkpoint || !*checkpoint) return;
    cw_env *env = (*checkpoint)->env;
    for (int g = 0; g < CW_GENERATIONS; g++) cw_free(env, &(*checkpoint)->file[g]);
    cw_free(env, &(*checkpoint)->temporary);
    cw_free(env, checkpoint);
}

const cw_keeper *cw_checkpoint_keeper(cw_checkpoint *checkpoint) {
    return &checkpoint->keeper;
}

cw_code cw_checkpoint_remove(cw_checkpoint *checkpoint) {
    /* The older goes first: a kill in between leaves the newest, never a stale one. */
    const char *file[] = {checkpoint->temporary, checkpoint->file[CW_OLDER], checkpoint->file[CW_NEWEST]};
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++)
        if (unlink(file[i]) != 0 && errno != ENOENT)
            return cw_fail(checkpoint->env, CW_CANNOT_WRITE, file[i], "remove it by hand",
                           "cannot remove the checkpoint: %s", strerror(errno));
    checkpoint->current = -1;
    return CW_OK;
}
