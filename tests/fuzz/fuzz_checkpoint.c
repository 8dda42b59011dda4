/* A checkpoint file and a lock with any bytes: the saved states come back as they were or not at all. The
 * input is a list of changes to a good file, or the whole file, or a lock. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) abort();
}

enum { CW_FUZZ_VALUES = 40, CW_FUZZ_FILE = 1 << 16 };
static const cw_member member[] = {{"x", CW_F64, CW_FUZZ_VALUES}, {"n", CW_I128, 1}};
static const cw_accumulator sums = {.name = "sums", .order = CW_TREE, .members = 2, .member = member};
static const cw_accumulator *const accumulator[] = {&sums};

typedef struct cw_good {
    char folder[64], newest[96], older[96], lock[96];
    _Alignas(64) char state[CW_FUZZ_VALUES * 8 + 64];
    uint8_t file[CW_FUZZ_FILE];
    size_t length;
} cw_good;

static cw_code see(cw_env *env, void *user, const cw_node *node) {
    const cw_good *good = user;
    (void)env;
    require(node->first == 0 && node->level == 2);
    require(memcmp(node->state[0], good->state, sizeof good->state) == 0);
    return CW_OK;
}

static char made_folder[64];

static void remove_folder(void) {
    static const char *const name[] = {"checkpoint.h5", "checkpoint.1.h5", "lock"};
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", made_folder, name[i]);
        (void)unlink(path);
    }
    (void)rmdir(made_folder);
}

/* Saves once, and keeps the bytes. */
static cw_good *make_good(void) {
    static cw_good good;
    if (good.length) return &good;
    require(cw_accumulator_bytes(&sums) == sizeof good.state);
    snprintf(good.folder, sizeof good.folder, "/tmp/cw_fuzz_XXXXXX");
    require(mkdtemp(good.folder) != NULL);
    memcpy(made_folder, good.folder, sizeof made_folder);
    atexit(remove_folder);
    snprintf(good.newest, sizeof good.newest, "%s/checkpoint.h5", good.folder);
    snprintf(good.older, sizeof good.older, "%s/checkpoint.1.h5", good.folder);
    snprintf(good.lock, sizeof good.lock, "%s/lock", good.folder);
    for (int i = 0; i < CW_FUZZ_VALUES; i++) {
        double value = i / 3.0;
        memcpy(good.state + 8 * i, &value, sizeof value);
    }
    good.state[sizeof good.state - 64] = 5;
    void *pointer[] = {good.state};
    const cw_node node = {2, 0, pointer};
    cw_env env;
    cw_env_init(&env);
    cw_checkpoint *checkpoint;
    require(cw_checkpoint_open(&env, good.folder, 1, 2, 0, &checkpoint) == CW_OK);
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    require(keeper->save(&env, keeper->self, "pass", 4, 1, accumulator, 1, &node) == CW_OK);
    cw_checkpoint_close(&checkpoint);
    FILE *file = fopen(good.newest, "rb");
    require(file != NULL);
    good.length = fread(good.file, 1, sizeof good.file, file);
    fclose(file);
    require(good.length > 512 && good.length < sizeof good.file);
    return &good;
}

static void write_file(const char *name, const uint8_t *data, size_t size) {
    FILE *file = fopen(name, "wb");
    require(file != NULL && fwrite(data, 1, size, file) == size);
    fclose(file);
}

static void take_lock(cw_env *env, cw_good *good, const uint8_t *data, size_t size) {
    cw_lock *lock;
    write_file(good->lock, data, size);
    cw_code code = cw_lock_take(env, good->folder, &lock);
    require(code == CW_OK || code == CW_CANNOT_WRITE);
    cw_lock_release(&lock);
    (void)unlink(good->lock);
}

static void open_and_load(cw_env *env, cw_good *good) {
    cw_checkpoint *checkpoint;
    cw_code code = cw_checkpoint_open(env, good->folder, 1, 2, 0, &checkpoint);
    require(code == CW_OK || code == CW_CANNOT_WRITE);
    if (code != CW_OK) return;
    const cw_keeper *keeper = cw_checkpoint_keeper(checkpoint);
    require(keeper->load(env, keeper->self, "pass", 4, 1, accumulator, see, good) == CW_OK);
    cw_checkpoint_close(&checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cw_good *good = make_good();
    cw_env env;
    cw_env_init(&env);
    int kind = size ? data[0] % 4 : 0;
    const uint8_t *rest = size ? data + 1 : data;
    size_t length = size ? size - 1 : 0;
    if (kind == 0) {
        take_lock(&env, good, rest, length);
    } else if (kind == 1) {
        write_file(good->newest, rest, length);
        open_and_load(&env, good);
    } else {
        static uint8_t changed[CW_FUZZ_FILE];
        memcpy(changed, good->file, good->length);
        for (size_t i = 0; i + 3 <= length; i += 3) {
            size_t at = ((size_t)rest[i] << 8 | rest[i + 1]) % good->length;
            changed[at] = (uint8_t)(changed[at] ^ rest[i + 2]);
        }
        size_t kept =
            kind == 3 && length > 1 ? ((size_t)rest[0] << 8 | rest[1]) % good->length : good->length;
        write_file(good->newest, changed, kept);
        write_file(good->older, good->file, good->length);
        open_and_load(&env, good);
        (void)unlink(good->older);
    }
    require(env.blocks_now == 0);
    return 0;
}
