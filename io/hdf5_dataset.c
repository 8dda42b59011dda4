#include "hdf5_dataset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_BYTES = 64 << 20, FIRST_PLUGIN_FILTER = 256 };
static const int64_t MAX_ROWS = (int64_t)1 << 48;
static const int64_t MAX_CHUNK = (int64_t)256 << 20; /* of a filtered chunk, which is unpacked whole */
static const int64_t MAX_CACHE = (int64_t)64 << 20;

typedef struct cw_place {
    cw_env *env;
    char where[CW_ERROR_PLACE];
} cw_place;

static cw_place place_of(cw_env *env, const char *name, const char *path) {
    cw_place place = {.env = env};
    cw_place_text(place.where, "%s:%s", name, path);
    return place;
}

static cw_code bad(const cw_place *place, const char *mend, const char *what) {
    return cw_fail(place->env, CW_BAD_DATA, place->where, mend, "%s", what);
}

static cw_code failed(const cw_place *place, const char *doing) {
    char reason[200];
    cw_h5_reason(reason, sizeof reason);
    return cw_fail(place->env, CW_BAD_DATA, place->where, cw_h5_mend(reason), "cannot %s (HDF5 says: %s)",
                   doing, reason);
}

static cw_code check_filters(const cw_place *place, hid_t plist, cw_dataset *d) {
    int filters = H5Pget_nfilters(plist);
    for (int i = 0; i < filters; i++) {
        unsigned flags = 0, config = 0;
        size_t values = 0;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
        name[sizeof name - 1] = '\0';
        if (filter >= FIRST_PLUGIN_FILTER || H5Zfilter_avail(filter) <= 0)
            return cw_fail(place->env, CW_BAD_DATA, place->where,
                           "repack it where the plug-in is: h5repack -f GZIP=1 old.h5 new.h5",
                           "compressed by filter %d (%s), which needs a plug-in; none is loaded", (int)filter,
                           name[0] ? name : "unnamed");
        if (filter == H5Z_FILTER_DEFLATE) d->gzip = 1;
        d->filtered = 1;
    }
    return CW_OK;
}

static cw_code check_chunks(const cw_place *place, hid_t plist, cw_dataset *d) {
    hsize_t chunk[H5S_MAX_RANK] = {0};
    int rank = H5Pget_chunk(plist, H5S_MAX_RANK, chunk);
    if (rank != d->rank) return bad(place, NULL, "chunks of another rank than the data");
    int64_t bytes = (int64_t)d->value;
    for (int i = 0; i < rank; i++) {
        if (chunk[i] == 0 || chunk[i] > (hsize_t)(INT64_MAX / bytes))
            return bad(place, NULL, "impossible chunks");
        bytes *= (int64_t)chunk[i];
    }
    if (d->filtered && bytes > MAX_CHUNK)
        return bad(place, "repack it: h5repack -l CHUNK=131072 old.h5 new.h5",
                   "compressed chunks above 256 MiB");
    d->chunk_rows = (int64_t)(rank == 2 && d->dim[0] == 1 ? chunk[1] : chunk[0]);
    d->chunk_bytes = bytes;
    return CW_OK;
}

/* Bytes of a value in the file: a text of variable length is a length, an address and an index there. */
static int64_t bytes_in_file(hid_t type, int depth) {
    enum { REFERENCE_BYTES = 16 };
    int64_t size = (int64_t)H5Tget_size(type);
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_VLEN || (class == H5T_STRING && H5Tis_variable_str(type) > 0)) return REFERENCE_BYTES;
    int members = class == H5T_COMPOUND && depth < CW_H5_DEPTH ? H5Tget_nmembers(type) : 0;
    for (int i = 0; i < members; i++) {
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        if (member < 0) continue;
        size += bytes_in_file(member, depth + 1) - (int64_t)H5Tget_size(member);
        H5Tclose(member);
    }
    return size;
}

/* The library trusts that a contiguous dataset's bytes are as many as its shape and type say. */
static cw_code check_storage(const cw_place *place, const cw_dataset *d) {
    int64_t rows = (int64_t)d->dim[0], columns = d->rank == 2 ? (int64_t)d->dim[1] : 1;
    int64_t value = bytes_in_file(d->type, 0);
    if (!d->contiguous || !d->written || H5Tget_class(d->type) == H5T_ARRAY) return CW_OK;
    if (value > 0 && (columns == 0 || rows <= INT64_MAX / value / columns) &&
        (hsize_t)(rows * columns * value) <= H5Dget_storage_size(d->id))
        return CW_OK;
    return bad(place, "copy or write the file again", "fewer bytes are stored than its shape and type need");
}

static cw_code check_layout(const cw_place *place, hid_t plist, cw_dataset *d) {
    H5D_layout_t layout = H5Pget_layout(plist);
    if (layout == H5D_CHUNKED) CW_TRY(check_filters(place, plist, d));
    if (layout == H5D_CHUNKED) CW_TRY(check_chunks(place, plist, d));
    d->contiguous = layout == H5D_CONTIGUOUS;
    d->written = layout == H5D_COMPACT || H5Dget_storage_size(d->id) > 0;
    return CW_OK;
}

/* Before anything else is asked: even the shape of a virtual dataset would open its sources. */
static cw_code check_inside(const cw_place *place, hid_t plist) {
    H5D_layout_t layout = H5Pget_layout(plist);
    int external = layout == H5D_CONTIGUOUS ? H5Pget_external_count(plist) : 0;
    if (layout == H5D_LAYOUT_ERROR || external < 0) return failed(place, "read the layout");
    const char *mend = "write the data into one file: h5repack -l CONTI old.h5 new.h5";
    if (layout == H5D_VIRTUAL) return bad(place, mend, "a virtual dataset, whose data are in other files");
    if (external > 0) return bad(place, mend, "its data are in an external file");
    return CW_OK;
}

/* 1 when values in memory are pointers (or handles) that are not what stands in the file. */
static int has_pointers(hid_t type, int depth) {
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_STRING) return H5Tis_variable_str(type) > 0;
    if (class == H5T_VLEN || class == H5T_REFERENCE || depth > CW_H5_DEPTH) return 1;
    int found = 0, members = class == H5T_COMPOUND ? H5Tget_nmembers(type) : 0;
    for (int i = 0; !found && i < members; i++) {
        hid_t member = H5Tget_member_type(type, (unsigned)i);
        if (member >= 0) found = has_pointers(member, depth + 1);
        if (member >= 0) H5Tclose(member);
    }
    hid_t base = class == H5T_ARRAY ? H5Tget_super(type) : -1;
    if (base >= 0) found = has_pointers(base, depth + 1);
    if (base >= 0) H5Tclose(base);
    return found;
}

/* A list or rows, with limits, so that rows * record never overflows. */
static cw_code check_shape(const cw_place *place, cw_dataset *d) {
    hid_t space = H5Dget_space(d->id);
    if (space < 0) return failed(place, "read the shape");
    hsize_t dim[H5S_MAX_RANK] = {0};
    H5S_class_t extent = H5Sget_simple_extent_type(space);
    d->rank = extent == H5S_SIMPLE ? H5Sget_simple_extent_dims(space, dim, NULL) : 0;
    H5Sclose(space);
    if (d->rank < 0) return failed(place, "read the shape");
    d->record = d->value;
    if (d->rank < 1 || d->rank > 2) return CW_OK;
    for (int i = 0; i < d->rank; i++) {
        d->dim[i] = dim[i];
        if (dim[i] > (hsize_t)MAX_ROWS) return bad(place, NULL, "more rows than 2^48");
    }
    d->rows = (int64_t)dim[0];
    d->columns = 1;
    if (d->rank == 2 && dim[0] == 1 && dim[1] != 1) d->rows = (int64_t)dim[1];
    if (d->rank == 2 && dim[0] != 1 && dim[1] != 1) {
        d->shape = CW_SHAPE_ROWS;
        d->columns = (int64_t)dim[1];
        if (dim[1] <= RECORD_BYTES / d->value) d->record = d->value * (size_t)dim[1];
    }
    return CW_OK;
}

/* Where records can be read with pread (files are opened with the sec2 driver): contiguous, no filters,
 * nothing that HDF5 must turn into pointers. */
static void find_direct(hid_t file, cw_dataset *d) {
    d->offset = -1;
    if (!d->contiguous || d->filtered || d->variable || d->rows == 0 || !d->written) return;
    haddr_t at = H5Dget_offset(d->id);
    void *handle = NULL;
    if (at == HADDR_UNDEF || at > (haddr_t)INT64_MAX / 2) return;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 || !handle) return;
    d->descriptor = *(int *)handle;
    d->offset = (int64_t)at;
}

/* Unfiltered chunks go past the cache, straight to the caller; a filtered one is kept while it is read. */
static cw_code open_again(const cw_place *place, hid_t file, const char *path, cw_dataset *d) {
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access < 0) return failed(place, "open it");
    int64_t cache = d->filtered && d->chunk_bytes <= MAX_CACHE ? d->chunk_bytes : 0;
    H5Pset_chunk_cache(access, 11, (size_t)cache, 1.0);
    hid_t again = H5Dopen2(file, path, access);
    H5Pclose(access);
    if (again < 0) return failed(place, "open it");
    H5Dclose(d->id);
    d->id = again;
    return CW_OK;
}

static cw_code check_all(const cw_place *place, hid_t file, const char *path, hid_t plist, cw_dataset *d) {
    CW_TRY(check_inside(place, plist));
    d->type = H5Dget_type(d->id);
    if (d->type < 0) return failed(place, "read the type");
    d->class = H5Tget_class(d->type);
    d->value = H5Tget_size(d->type);
    if (d->value == 0 || d->value > RECORD_BYTES) return bad(place, NULL, "rows above 64 MiB");
    d->variable = has_pointers(d->type, 0);
    CW_TRY(check_shape(place, d));
    if (d->rank < 1 || d->rank > 2) return CW_OK;
    CW_TRY(check_layout(place, plist, d));
    CW_TRY(check_storage(place, d));
    if (d->rows > INT64_MAX / (int64_t)d->record / 2) return bad(place, NULL, "more bytes than 2^62");
    if (d->chunk_rows) CW_TRY(open_again(place, file, path, d));
    find_direct(file, d);
    return CW_OK;
}

static cw_code open_checked(const cw_place *place, hid_t file, const char *path, cw_dataset *d) {
    d->id = H5Dopen2(file, path, H5P_DEFAULT);
    if (d->id < 0) return failed(place, "open it");
    hid_t plist = H5Dget_create_plist(d->id);
    if (plist < 0) return failed(place, "read the layout");
    cw_code code = check_all(place, file, path, plist, d);
    H5Pclose(plist);
    return code;
}

cw_code cw_dataset_open(cw_env *env, const char *name, hid_t file, const char *path, cw_dataset *out) {
    cw_place place = place_of(env, name, path);
    *out = (cw_dataset){.id = -1, .type = -1, .offset = -1, .descriptor = -1};
    cw_code code = open_checked(&place, file, path, out);
    if (code != CW_OK) cw_dataset_close(out);
    return code;
}

void cw_dataset_close(cw_dataset *d) {
    if (d->type >= 0) H5Tclose(d->type);
    if (d->id >= 0) H5Dclose(d->id);
    d->type = d->id = -1;
}

void cw_dataset_lines(cw_dataset *d) {
    d->shape = CW_SHAPE_LINES;
    d->rows = (int64_t)d->dim[1];
    d->columns = (int64_t)d->dim[0];
    d->record = d->value;
    d->chunk_rows = 0;
}

static cw_code where_in(cw_env *env, const cw_dataset *d, int64_t first, cw_code code, const char *mend,
                        const char *what) {
    char file[CW_ERROR_PLACE / 2] = "", path[CW_ERROR_PLACE / 4] = "", where[CW_ERROR_PLACE];
    H5Fget_name(d->id, file, sizeof file);
    H5Iget_name(d->id, path, sizeof path);
    cw_place_text(where, "%s:%s, row %lld", file, path, (long long)first + 1);
    return cw_fail(env, code, where, mend, "cannot read (%s)", what);
}

static cw_code read_direct(cw_env *env, const cw_dataset *d, int64_t line, int64_t first, int64_t n,
                           char *buffer) {
    int64_t row = d->shape == CW_SHAPE_LINES ? line * d->rows + first : first;
    int64_t at = d->offset + row * (int64_t)d->record;
    size_t left = (size_t)n * d->record;
    while (left) {
        ssize_t got = pread(d->descriptor, buffer, left, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return where_in(env, d, first, CW_IO, NULL, strerror(errno));
        if (got == 0)
            return where_in(env, d, first, CW_BAD_DATA, "copy or write it again", "the file ends early");
        buffer += got;
        at += got;
        left -= (size_t)got;
    }
    return CW_OK;
}

static hid_t select_rows(const cw_dataset *d, int64_t line, int64_t first, int64_t n) {
    hsize_t start[2] = {(hsize_t)first, 0}, count[2] = {(hsize_t)n, 1};
    hid_t space = H5Dget_space(d->id);
    if (space < 0) return space;
    if (d->shape == CW_SHAPE_ROWS) count[1] = d->dim[1];
    if (d->shape == CW_SHAPE_LINES) {
        start[0] = (hsize_t)line, start[1] = (hsize_t)first;
        count[0] = 1, count[1] = (hsize_t)n;
    } else if (d->shape == CW_SHAPE_LIST && d->rank == 2 && d->dim[0] == 1) {
        start[0] = 0, start[1] = (hsize_t)first;
        count[0] = 1, count[1] = (hsize_t)n;
    }
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0) return space;
    H5Sclose(space);
    return -1;
}

cw_code cw_dataset_read(cw_env *env, const cw_dataset *d, int64_t line, int64_t first, int64_t n,
                        void *buffer) {
    if (n == 0) return CW_OK;
    if (d->offset >= 0) return read_direct(env, d, line, first, n, buffer);
    hsize_t values = (hsize_t)n * (d->shape == CW_SHAPE_ROWS ? d->dim[1] : 1);
    hid_t memory = H5Screate_simple(1, &values, NULL), space = select_rows(d, line, first, n);
    herr_t got = -1;
    if (memory >= 0 && space >= 0) got = H5Dread(d->id, d->type, memory, space, H5P_DEFAULT, buffer);
    char reason[200] = "";
    if (got < 0) cw_h5_reason(reason, sizeof reason);
    if (space >= 0) H5Sclose(space);
    if (memory >= 0) H5Sclose(memory);
    if (got >= 0) return CW_OK;
    return where_in(env, d, first, CW_BAD_DATA, "copy or write the file again", reason);
}

void cw_dataset_reclaim(const cw_dataset *d, int64_t n, void *buffer) {
    hsize_t values = (hsize_t)n * (d->shape == CW_SHAPE_ROWS ? d->dim[1] : 1);
    if (!d->variable || n == 0) return;
    hid_t memory = H5Screate_simple(1, &values, NULL);
    if (memory < 0) return;
    H5Dvlen_reclaim(d->type, memory, H5P_DEFAULT, buffer);
    H5Sclose(memory);
}

/* -- small datasets as texts -- */

static cw_code add_texts(cw_arena *arena, const cw_dataset *d, const cw_stored *stored, const char *bytes,
                         int64_t n, cw_texts *out) {
    for (int64_t i = 0; i < n; i++) {
        const char *from = bytes + (size_t)i * d->record, *text = NULL;
        char number[32];
        size_t length = 0;
        if (cw_stored_is_text(stored)) {
            cw_decode_text(stored, from, &text, &length);
        } else {
            int64_t integer = 0;
            double real = 0;
            int whole = !cw_stored_is_float(stored);
            cw_decode_reals(stored, from, stored->size, 1, &real);
            if (whole) cw_decode_integers(stored, from, stored->size, 1, &integer);
            cw_h5_number_text(real, whole, integer, number);
            text = number;
            length = strlen(number);
        }
        CW_TRY(cw_texts_add(arena, out, text ? text : "", length));
    }
    return CW_OK;
}

cw_code cw_dataset_texts(cw_arena *arena, const cw_dataset *d, const cw_stored *stored, size_t offset,
                         cw_texts *out) {
    enum { PIECE = 1024 };
    cw_env *env = arena->env;
    *out = (cw_texts){0};
    if (d->rows > CW_MAX_CATEGORIES || (int64_t)d->record > CW_H5_LABEL_BYTES / (d->rows + 1))
        return where_in(env, d, 0, CW_BAD_DATA, NULL, "more labels than the 1000000 allowed");
    if (stored->element == CW_E_NONE || stored->element == CW_E_ODD)
        return where_in(env, d, 0, CW_BAD_DATA, NULL, "labels that are neither texts nor plain numbers");
    int64_t piece = (int64_t)d->record > 65536 ? 16 : PIECE;
    char *buffer;
    CW_TRY(cw_alloc_zero(env, (size_t)piece, d->record, &buffer));
    cw_code code = CW_OK;
    for (int64_t first = 0; code == CW_OK && first < d->rows; first += piece) {
        int64_t n = d->rows - first < piece ? d->rows - first : piece;
        code = cw_dataset_read(env, d, 0, first, n, buffer);
        if (code != CW_OK) break;
        code = add_texts(arena, d, stored, buffer + offset, n, out);
        cw_dataset_reclaim(d, n, buffer);
    }
    cw_free(env, &buffer);
    return code;
}
