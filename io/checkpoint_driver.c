#include "checkpoint_driver.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* Structure (not data) written after the first failure: the library may ask for it again until it closes. */
typedef struct cw_kept {
    struct cw_kept *later;
    haddr_t address;
    size_t size;
    char bytes[];
} cw_kept;

typedef struct cw_sink_file {
    H5FD_t public_part; /* HDF5's; must come first */
    cw_sink *sink;
    haddr_t end_allocated, end_written;
    cw_kept *kept, *latest; /* in order of writing */
} cw_sink_file;

static H5FD_t *sink_open(const char *name, unsigned flags, hid_t access, haddr_t most) {
    (void)name, (void)flags, (void)most;
    cw_sink *const *sink = H5Pget_driver_info(access);
    if (!sink) return NULL;
    cw_sink_file *file = calloc(1, sizeof *file); /* HDF5's object, freed by sink_close */
    if (file) file->sink = *sink;
    return (H5FD_t *)file;
}

static herr_t sink_close(H5FD_t *file) {
    cw_kept *kept = ((cw_sink_file *)file)->kept;
    while (kept) {
        cw_kept *later = kept->later;
        free(kept);
        kept = later;
    }
    free(file);
    return 0;
}

static herr_t sink_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t sink_allocated(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const cw_sink_file *)file)->end_allocated;
}

static herr_t sink_allocate(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
    (void)type;
    ((cw_sink_file *)file)->end_allocated = end;
    return 0;
}

static haddr_t sink_written(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const cw_sink_file *)file)->end_written;
}

static void keep(cw_sink_file *file, haddr_t address, size_t size, const void *data) {
    cw_kept *kept = malloc(sizeof *kept + size);
    if (!kept) return;
    *kept = (cw_kept){.address = address, .size = size};
    memcpy(kept->bytes, data, size);
    if (file->latest)
        file->latest->later = kept;
    else
        file->kept = kept;
    file->latest = kept;
}

/* Lays what was kept over what was read. */
static void recall(const cw_kept *kept, haddr_t address, size_t size, char *data) {
    for (; kept; kept = kept->later) {
        haddr_t low = kept->address > address ? kept->address : address;
        haddr_t end = kept->address + kept->size;
        if (end > address + size) end = address + size;
        if (low < end)
            memcpy(data + (low - address), kept->bytes + (low - kept->address), (size_t)(end - low));
    }
}

/* What is not in the file reads as zeros. */
static herr_t sink_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                        void *data) {
    (void)type, (void)transfer;
    const cw_sink_file *own = (const cw_sink_file *)file;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(own->sink->descriptor, (char *)data + done, size - done, (off_t)(address + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += (size_t)got;
    }
    memset((char *)data + done, 0, size - done);
    recall(own->kept, address, size, data);
    return 0;
}

static herr_t sink_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                         const void *data) {
    (void)transfer;
    cw_sink_file *own = (cw_sink_file *)file;
    size_t done = 0;
    while (done < size && own->sink->number == 0) {
        ssize_t put =
            pwrite(own->sink->descriptor, (const char *)data + done, size - done, (off_t)(address + done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) own->sink->number = put < 0 ? errno : ENOSPC;
        if (put > 0) done += (size_t)put;
    }
    if (done < size && type != H5FD_MEM_DRAW) keep(own, address, size, data);
    if (address + size > own->end_written) own->end_written = address + size;
    return 0;
}

static herr_t sink_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer, (void)closing;
    cw_sink_file *own = (cw_sink_file *)file;
    if (own->end_written == own->end_allocated) return 0;
    if (own->sink->number == 0 && ftruncate(own->sink->descriptor, (off_t)own->end_allocated) != 0)
        own->sink->number = errno;
    own->end_written = own->end_allocated;
    return 0;
}

static const H5FD_class_t sink_class = {
#if H5_VERSION_GE(1, 13, 2)
    .version = H5FD_CLASS_VERSION,
#endif
#if H5_VERSION_GE(1, 13, 0)
    .value = (H5FD_class_value_t)400,
#endif
    .name = "causeway_sink",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(cw_sink *),
    .open = sink_open,
    .close = sink_close,
    .query = sink_query,
    .get_eoa = sink_allocated,
    .set_eoa = sink_allocate,
    .get_eof = sink_written,
    .read = sink_read,
    .write = sink_write,
    .truncate = sink_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t cw_sink_use(hid_t access, cw_sink *sink) {
    hid_t driver = H5FDregister(&sink_class);
    if (driver < 0) return -1;
    if (H5Pset_driver(access, driver, &sink) >= 0) return driver;
    H5FDunregister(driver);
    return -1;
}
