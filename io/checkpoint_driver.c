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

typedef struct cw_sink_file {
    H5FD_t public_part; /* HDF5's; must come first */
    cw_sink *sink;
    haddr_t end_allocated, end_written;
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

/* What is not in the file reads as zeros. */
static herr_t sink_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                        void *data) {
    (void)type, (void)transfer;
    const cw_sink *sink = ((const cw_sink_file *)file)->sink;
    char *to = data;
    while (size > 0) {
        ssize_t got = pread(sink->descriptor, to, size, (off_t)address);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        to += got;
        size -= (size_t)got;
        address += (haddr_t)got;
    }
    if (size > 0) memset(to, 0, size);
    return 0;
}

static herr_t sink_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                         const void *data) {
    (void)type, (void)transfer;
    cw_sink_file *own = (cw_sink_file *)file;
    const char *from = data;
    while (size > 0 && own->sink->number == 0) {
        ssize_t put = pwrite(own->sink->descriptor, from, size, (off_t)address);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) own->sink->number = errno;
        if (put == 0) own->sink->number = ENOSPC;
        if (put <= 0) break;
        from += put;
        size -= (size_t)put;
        address += (haddr_t)put;
    }
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

/* After a failed write only the cache knows the file's structure, so nothing may leave it before the end. */
static int keep_structure(hid_t access) {
    H5AC_cache_config_t config = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    if (H5Pget_mdc_config(access, &config) < 0) return -1;
    config.evictions_enabled = 0;
    config.incr_mode = H5C_incr__off;
    config.flash_incr_mode = H5C_flash_incr__off;
    config.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(access, &config) < 0 ? -1 : 0;
}

hid_t cw_sink_use(hid_t access, cw_sink *sink) {
    hid_t driver = H5FDregister(&sink_class);
    if (driver < 0) return -1;
    if (H5Pset_driver(access, driver, &sink) >= 0 && keep_structure(access) == 0) return driver;
    H5FDunregister(driver);
    return -1;
}
