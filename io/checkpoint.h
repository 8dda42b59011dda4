/* Checkpoints: finished subtrees and finished passes of a run, in HDF5 with named members, independent of the
 * number of ranks. Two generations are kept (checkpoint.h5, checkpoint.1.h5); each is written under a
 * temporary name, fsynced and renamed, and carries a checksum: a torn or foreign one is passed over for the
 * older. All on rank 0. */
#ifndef CW_IO_CHECKPOINT_H
#define CW_IO_CHECKPOINT_H

#include "../mpi/pass.h"

typedef struct cw_checkpoint cw_checkpoint;

/* Opens the checkpoint of `folder` for the run with this job digest and data digest. What is there but
 * belongs to other digests or another format version fails with CW_CANNOT_WRITE saying what differs.
 * `seconds` between checkpoints. */
cw_code cw_checkpoint_open(cw_env *env, const char *folder, uint64_t job_digest, uint64_t data_digest,
                           double seconds, cw_checkpoint **out) CW_CHECKED;
void cw_checkpoint_close(cw_checkpoint **checkpoint);

/* What the engine's passes save to and load from. */
const cw_keeper *cw_checkpoint_keeper(cw_checkpoint *checkpoint);

/* Removes both generations (the run is finished and its results are safe). */
cw_code cw_checkpoint_remove(cw_checkpoint *checkpoint) CW_CHECKED;

/* A lock on an output folder: host, pid, job id, restart count. A second writer fails with CW_CANNOT_WRITE
 * naming the holder; a lock whose process on this host is gone is taken over. Released by cw_lock_release or
 * by the end of the process. */
typedef struct cw_lock cw_lock;
cw_code cw_lock_take(cw_env *env, const char *folder, cw_lock **out) CW_CHECKED;
void cw_lock_release(cw_lock **lock);

#endif
