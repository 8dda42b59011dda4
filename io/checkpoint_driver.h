/* HDF5's own drivers report a full disk to the library, which then cannot close the file and crashes when the
 * program ends (1.10.8 and others). This one writes to a descriptor of ours and tells nobody but us. Internal
 * to io/checkpoint_nodes.c. */
#ifndef CW_IO_CHECKPOINT_DRIVER_H
#define CW_IO_CHECKPOINT_DRIVER_H

#include <hdf5.h>

/* Where a file is written, and the errno of the first write that failed (0: none). What comes after is
 * dropped and the file is worthless, but HDF5 closes it in order. */
typedef struct cw_sink {
    int descriptor; /* open for reading and writing; borrowed */
    int number;
} cw_sink;

/* Registers the driver and makes `access` write to the sink, which must outlive the file. The id is to be
 * given back to H5FDunregister once the file is closed; negative on failure. */
hid_t cw_sink_use(hid_t access, cw_sink *sink);

#endif
