/* One checkpoint file: an HDF5 file behind a sealed header of 512 bytes (HDF5's user block, so other programs
 * read the file as any HDF5 file). The header tells whose the file is, and hashes of itself and of all bytes
 * after it: HDF5 never meets a torn or garbled file. Internal to io/checkpoint.c. */
#ifndef CW_IO_CHECKPOINT_FILE_H
#define CW_IO_CHECKPOINT_FILE_H

#include "checkpoint.h"

/* Raised whenever the meaning of what is stored changes. */
enum { CW_CHECKPOINT_VERSION = 1, CW_SEAL_BYTES = 512 };

typedef struct cw_seal {
    int version;
    uint64_t job, data; /* digests */
} cw_seal;

typedef enum cw_seal_state { CW_SEAL_GOOD, CW_SEAL_MISSING, CW_SEAL_BROKEN } cw_seal_state;

/* Writes the header of a finished HDF5 file and fsyncs it. CW_CANNOT_WRITE, CW_NO_MEMORY. */
cw_code cw_seal_write(cw_env *env, const char *file, const cw_seal *seal) CW_CHECKED;

/* Reads and checks a header: `whole` also the hash of all that follows, otherwise only the file's length. A
 * good header of another version gives CW_SEAL_GOOD with only `version` set. `why` (CW_ERROR_TEXT bytes) says
 * what is wrong with a broken file. */
cw_code cw_seal_read(cw_env *env, const char *file, int whole, cw_seal *seal, cw_seal_state *state,
                     char *why) CW_CHECKED;

/* The saved nodes of one pass. */
typedef struct cw_saved {
    const char *name;
    int64_t blocks;
    int32_t count;
    const cw_accumulator *const *accumulator;
    int64_t nodes;
    const cw_node *node;
} cw_saved;

/* Makes an HDF5 file with room for the header that holds `saved` and all other passes of the file `earlier`
 * (NULL: none). What a node has in common with a fresh state is not stored. */
cw_code cw_nodes_write(cw_env *env, const char *file, const cw_seal *seal, const char *earlier,
                       const cw_saved *saved) CW_CHECKED;

/* Calls `each` for every node of the pass in order; nodes and node of `saved` are ignored. Where the pass is
 * not there or has another shape (told to the log) there are none. */
cw_code cw_nodes_read(cw_env *env, const char *file, const cw_saved *saved,
                      cw_code (*each)(cw_env *env, void *user, const cw_node *node), void *user) CW_CHECKED;

#endif
