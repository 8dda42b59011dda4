/* The output folder: it belongs to one job on one state of the data. All of it happens on rank 0. */
#ifndef CW_JOBS_FOLDER_H
#define CW_JOBS_FOLDER_H

#include "../io/job.h"

typedef enum cw_folder_state {
    CW_FOLDER_NEW,     /* empty, made now, or put aside by --fresh */
    CW_FOLDER_STARTED, /* of this job, not finished: a checkpoint may be there */
    CW_FOLDER_FINISHED /* of this job: results.json is there */
} cw_folder_state;

/* Finds whose the folder is by its job.yaml; the caller holds its lock. Only a folder with results or a
 * checkpoint is anybody's: one that a failed start left is taken over. Another job's fails with
 * CW_CANNOT_WRITE naming the keys that differ. */
cw_code cw_folder_claim(cw_env *env, const char *folder, const cw_job *job,
                        cw_folder_state *state) CW_CHECKED;

/* Renames the folder to FOLDER.1, FOLDER.2, ...; *aside (cw_free it) is its new name. */
cw_code cw_folder_put_aside(cw_env *env, const char *folder, char **aside) CW_CHECKED;

/* Compares the digest of the data now with the one the folder was begun with (written when there is none
 * yet). A difference fails with CW_CANNOT_WRITE. */
cw_code cw_folder_data(cw_env *env, const char *folder, uint64_t digest) CW_CHECKED;

#endif
