#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static cw_code cannot(cw_env *env, const char *folder, const char *what, size_t bytes, int error) {
    return cw_fail(env, CW_CANNOT_WRITE, folder, "choose another run.scratch or raise run.memory",
                   "cannot %s a scratch file of %zu bytes: %s", what, bytes, strerror(error));
}

/* An unlinked file: it is gone when the process is, however that ends. */
static int open_unlinked(cw_env *env, const char *folder, size_t bytes, cw_code *code) {
    char *name = NULL;
    *code = cw_format(env, &name, "%s/causeway-XXXXXX", folder);
    if (*code != CW_OK) return -1;
    int file = mkstemp(name);
    if (file >= 0)
        unlink(name);
    else
        *code = cannot(env, folder, "make", bytes, errno);
    cw_free(env, &name);
    return file;
}

/* All blocks of the file are reserved before it is mapped: a full disk is an error here and not a signal in
 * the middle of a pass. */
static cw_code map_scratch(cw_env *env, void *self, size_t bytes, void **out) {
    const char *folder = self;
    *out = NULL;
    if (bytes == 0) return CW_OK;
    cw_code code;
    int file = open_unlinked(env, folder, bytes, &code);
    if (file < 0) return code;
    int error;
    do error = posix_fallocate(file, 0, (off_t)bytes);
    while (error == EINTR); /* the watchdog's alarm */
    if (error != 0) {
        code = cannot(env, folder, "reserve", bytes, error);
    } else {
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED)
            code = cannot(env, folder, "map", bytes, errno);
        else
            *out = memory;
    }
    close(file);
    return code;
}

static void unmap_scratch(void *self, void *memory, size_t bytes) {
    (void)self;
    if (memory) munmap(memory, bytes);
}

cw_spill cw_scratch_spill(const char *folder) {
    cw_spill spill = {(void *)(uintptr_t)folder, map_scratch, unmap_scratch};
    return spill;
}
