/* Small HDF5 files for tests, and a folder of their own that goes away. */
#ifndef CW_TESTS_IO_H5_WRITE_H
#define CW_TESTS_IO_H5_WRITE_H

#include <dirent.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];
static char name_buffer[8][512];

static inline void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/cw-table-XXXXXX");
    if (!mkdtemp(folder)) abort();
}

static inline void remove_folder(void) {
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (listing) closedir(listing);
    rmdir(folder);
}

/* folder/name; eight results stay valid. */
static inline const char *in_folder(const char *name) {
    static int next;
    char *out = name_buffer[next++ % 8];
    snprintf(out, sizeof name_buffer[0], "%s/%s", folder, name);
    return out;
}

static inline hid_t create_file(const char *path) {
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

/* A 1-D dataset; chunk 0: contiguous; gzip above 0: that level. */
static inline hid_t put_list(hid_t place, const char *name, hid_t stored, hid_t memory, hsize_t n,
                             const void *data, hsize_t chunk, unsigned gzip) {
    hid_t space = H5Screate_simple(1, &n, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    if (chunk > n) chunk = n;
    if (chunk) H5Pset_chunk(plist, 1, &chunk);
    if (gzip) H5Pset_deflate(plist, gzip);
    hid_t id = H5Dcreate2(place, name, stored, space, link, plist, H5P_DEFAULT);
    if (data && n) H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Pclose(link);
    H5Pclose(plist);
    H5Sclose(space);
    return id;
}

static inline void put_reals(hid_t place, const char *name, hsize_t n, const double *data) {
    H5Dclose(put_list(place, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, n, data, 0, 0));
}

static inline void put_integers(hid_t place, const char *name, hsize_t n, const int64_t *data) {
    H5Dclose(put_list(place, name, H5T_STD_I64LE, H5T_NATIVE_INT64, n, data, 0, 0));
}

static inline hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    return type;
}

static inline void put_texts(hid_t place, const char *name, hsize_t n, const char *const *data) {
    hid_t type = text_type();
    H5Dclose(put_list(place, name, type, type, n, data, 0, 0));
    H5Tclose(type);
}

static inline void set_texts(hid_t object, const char *name, hsize_t n, const char *const *data) {
    hid_t type = text_type(), space = H5Screate_simple(1, &n, NULL);
    hid_t id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(id, type, data);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void set_text(hid_t object, const char *name, const char *text) {
    set_texts(object, name, 1, &text);
}

static inline void set_real(hid_t object, const char *name, double value) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t id = H5Acreate2(object, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(id, H5T_NATIVE_DOUBLE, &value);
    H5Aclose(id);
    H5Sclose(space);
}

static inline hid_t open_list(hid_t place, const char *name) {
    return H5Dopen2(place, name, H5P_DEFAULT);
}

static inline void put_bytes(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size) abort();
    fclose(file);
}

#endif
