/* What a run will need: known before rows are read, so that what cannot fit is refused at once. */
#ifndef CW_JOBS_PREDICT_H
#define CW_JOBS_PREDICT_H

#include "run.h"

typedef struct cw_prediction {
    int64_t memory; /* bytes a rank, at most */
    int64_t bytes_a_pass;
    int32_t passes;
    int import_needed;
} cw_prediction;

/* Needs run->tasks and run->facts (of any values). Fails with CW_NO_MEMORY when run.memory is not enough. The
 * same on every rank; nothing is read. */
cw_code cw_run_predict(cw_run *run, cw_prediction *prediction) CW_CHECKED;

#endif
