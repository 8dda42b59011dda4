/* Memory backed by an unlinked file under run.scratch, for row state that does not fit. */
#ifndef CW_IO_SCRATCH_H
#define CW_IO_SCRATCH_H

#include "../mpi/rowstate.h"

/* `folder` is borrowed and must outlive the spill. Mapping fails with CW_CANNOT_WRITE (no room is told
 * beforehand). */
cw_spill cw_scratch_spill(const char *folder);

#endif
