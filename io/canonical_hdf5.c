#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "canonical_parts.h"
#include "table_internal.h"

static hid_t file_type(cw_storage storage) {
    switch (storage) {
    case CW_S_F64:
        return H5T_IEEE_F64LE;
    case CW_S_F32:
        return H5T_IEEE_F32LE;
    case CW_S_I8:
        return H5T_STD_I8LE;
    case CW_S_I16:
        return H5T_STD_I16LE;
    case CW_S_I32:
        return H5T_STD_I32LE;
    case CW_S_I64:
        return H5T_STD_I64LE;
    case CW_S_U8:
        return H5T_STD_U8LE;
    case CW_S_U16:
        return H5T_STD_U16LE;
    default:
        return H5T_STD_U32LE;
    }
}

/* A slash would make a path, and a lone dot is the group itself. Two names may only become one when one of
 * them has such characters: the place makes it unique. */
void cw_canonical_link(const char *name, int32_t column, char link[CW_NAME_BYTES + 32]) {
    if (strcmp(name, ".") && !strchr(name, '/')) {
        snprintf(link, CW_NAME_BYTES + 32, "%s", name);
        return;
    }
    snprintf(link, CW_NAME_BYTES + 32, "%s (column %d)", strcmp(name, ".") ? name : "dot", column + 1);
    for (char *c = link; *c; c++)
        if (*c == '/') *c = '_';
}

/* HDF5's own message, the deepest one with a reason. */
static herr_t take_reason(unsigned depth, const H5E_error2_t *error, void *self) {
    (void)depth;
    if (error->desc && error->desc[0]) snprintf(self, 160, "%s", error->desc);
    return 0;
}

static cw_code hdf5_failed(cw_canonical *table, const char *doing) {
    char reason[160] = "no reason given";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    int number = errno;
    cw_env *env = cw_context_env(table->context);
    if (number == ENOSPC || number == EDQUOT || number == EACCES || number == EROFS || number == ENOENT)
        return cw_canonical_failed(env, table->file, doing, number);
    return cw_fail(env, CW_CANNOT_WRITE, table->file, "write elsewhere, or mend the permissions",
                   "cannot %s: HDF5: %s", doing, reason);
}

/* Creation properties: nothing that differs from run to run is kept. */
static hid_t quiet_plist(hid_t class) {
    hid_t plist = H5Pcreate(class);
    if (plist >= 0 && H5Pset_obj_track_times(plist, 0) < 0) {
        H5Pclose(plist);
        return -1;
    }
    return plist;
}

static hid_t create_file(const char *name) {
    hid_t create = quiet_plist(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    /* Fixed bounds: the file does not change with the library's version. Chunks of a dataset that is
     * allocated early then lie in order. */
    if (create >= 0 && access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, create, access);
    H5Pclose(create);
    H5Pclose(access);
    return file;
}

static hid_t create_group(hid_t file) {
    hid_t create = quiet_plist(H5P_GROUP_CREATE), group = -1;
    if (create >= 0) group = H5Gcreate2(file, "/table", H5P_DEFAULT, create, H5P_DEFAULT);
    H5Pclose(create);
    return group;
}

static hid_t create_dataset(hid_t group, const char *link, cw_storage storage, int64_t rows) {
    hsize_t size = (hsize_t)rows, chunk = size < CW_CANONICAL_ROWS ? size : CW_CANONICAL_ROWS;
    if (chunk == 0) chunk = 1;
    hsize_t most = size > chunk ? size : chunk;
    hid_t create = quiet_plist(H5P_DATASET_CREATE), space = H5Screate_simple(1, &size, &most), dataset = -1;
    hid_t names = H5Pcreate(H5P_LINK_CREATE);
    if (create >= 0 && space >= 0 && names >= 0 && H5Pset_char_encoding(names, H5T_CSET_UTF8) >= 0 &&
        H5Pset_chunk(create, 1, &chunk) >= 0 && H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(create, H5D_FILL_TIME_NEVER) >= 0)
        dataset = H5Dcreate2(group, link, file_type(storage), space, names, create, H5P_DEFAULT);
    H5Pclose(names);
    H5Sclose(space);
    H5Pclose(create);
    return dataset;
}

/* The chunks of a dataset allocated early are one run of bytes; verified at its first and last chunk. */
static int find_place(hid_t dataset, int64_t rows, int32_t bytes, int64_t *place) {
    if (rows == 0) return 1;
    hsize_t first = 0, size;
    hsize_t last = (hsize_t)((rows - 1) / CW_CANONICAL_ROWS * CW_CANONICAL_ROWS);
    haddr_t start, end;
    unsigned filters;
    if (H5Dget_chunk_info_by_coord(dataset, &first, &filters, &start, &size) < 0 ||
        H5Dget_chunk_info_by_coord(dataset, &last, &filters, &end, &size) < 0 || start == HADDR_UNDEF ||
        end != start + last * (hsize_t)bytes)
        return 0;
    *place = (int64_t)start;
    return 1;
}

static cw_code make(cw_canonical *table, hid_t group, const char *const *name) {
    for (int32_t c = 0; c < table->columns; c++) {
        char link[CW_NAME_BYTES + 32];
        cw_storage storage = table->column[c].storage;
        cw_canonical_link(name[c], c, link);
        hid_t dataset = create_dataset(group, link, storage, table->rows);
        int found = dataset >= 0 &&
                    find_place(dataset, table->rows, cw_storage_bytes(storage), &table->column[c].place);
        if (dataset >= 0 && H5Dclose(dataset) < 0) found = 0;
        if (!found) return hdf5_failed(table, dataset < 0 ? "create a column" : "find a column's place");
    }
    return CW_OK;
}

cw_code cw_canonical_make(cw_canonical *table, const char *const *name) {
    /* A file that cannot be closed because the disk is full must not take the process down at its end. */
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    errno = 0;
    (void)unlink(table->file); /* never into an old file, whose bytes would show through */
    errno = 0;
    hid_t file = create_file(table->file);
    if (file < 0) return hdf5_failed(table, "create the file");
    hid_t group = create_group(file);
    cw_code code = group < 0 ? hdf5_failed(table, "create a group") : make(table, group, name);
    if (group >= 0 && H5Gclose(group) < 0 && code == CW_OK) code = hdf5_failed(table, "close a group");
    if (H5Fclose(file) < 0 && code == CW_OK) code = hdf5_failed(table, "close the file");
    return code;
}

static int put_attribute(hid_t object, const char *name, hid_t type, hid_t memory, hsize_t count, int array,
                         const void *value) {
    hid_t space = array ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = space < 0 ? -1 : H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int done = attribute >= 0 && (count == 0 || H5Awrite(attribute, memory, value) >= 0);
    if (attribute >= 0 && H5Aclose(attribute) < 0) done = 0;
    if (space >= 0) H5Sclose(space);
    return done;
}

static int put_integer(hid_t object, const char *name, hid_t type, int64_t value) {
    return put_attribute(object, name, type, H5T_NATIVE_INT64, 1, 0, &value);
}

static int put_real(hid_t object, const char *name, double value) {
    return put_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, 0, &value);
}

static int put_text(hid_t object, const char *name, const char *text) {
    if (!text || !text[0]) return 1;
    hid_t type = H5Tcopy(H5T_C_S1);
    int done = type >= 0 && H5Tset_size(type, strlen(text)) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
               H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
               put_attribute(object, name, type, type, 1, 0, text);
    H5Tclose(type);
    return done;
}

static int put_labels(hid_t object, int32_t count, char *const *label) {
    hid_t type = H5Tcopy(H5T_C_S1);
    int done = type >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
               put_attribute(object, "categories", type, type, (hsize_t)count, 1, label);
    H5Tclose(type);
    return done;
}

static int describe_column(hid_t dataset, const cw_column *column, int32_t order) {
    int coded = column->kind == CW_CATEGORY || column->kind == CW_TEXT;
    if (!put_integer(dataset, "order", H5T_STD_I64LE, order) || !put_text(dataset, "name", column->name) ||
        !put_text(dataset, "kind", cw_kind_name(column->kind)) ||
        !put_text(dataset, "description", column->description) || !put_text(dataset, "unit", column->unit))
        return 0;
    if (column->storage != CW_S_F64 && column->storage != CW_S_F32 && column->missings > 0 &&
        !put_integer(dataset, "missing", file_type(column->storage), cw_storage_missing(column->storage)))
        return 0;
    if ((column->scale != 1 || column->offset != 0) &&
        (!put_real(dataset, "scale", column->scale) || !put_real(dataset, "offset", column->offset)))
        return 0;
    return !coded || column->categories == 0 || put_labels(dataset, column->categories, column->category);
}

static int put_checksums(cw_canonical *table, hid_t file, const uint32_t *crc) {
    hsize_t size[2] = {(hsize_t)table->columns, (hsize_t)cw_canonical_blocks(0, table->rows)};
    if (size[1] == 0) return 1;
    hid_t create = quiet_plist(H5P_DATASET_CREATE), space = H5Screate_simple(2, size, NULL), dataset = -1;
    if (create >= 0 && space >= 0)
        dataset = H5Dcreate2(file, "/table_crc", H5T_STD_U32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    int done = dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, crc) >= 0;
    if (dataset >= 0 && H5Dclose(dataset) < 0) done = 0;
    H5Sclose(space);
    H5Pclose(create);
    return done;
}

static cw_code describe(cw_canonical *table, hid_t file, const cw_column *column, const uint32_t *crc) {
    hid_t group = H5Gopen2(file, "/table", H5P_DEFAULT);
    if (group < 0 || !put_integer(group, "causeway_table", H5T_STD_I64LE, CW_CANONICAL_VERSION) ||
        !put_integer(group, "rows", H5T_STD_I64LE, table->rows)) {
        if (group >= 0) H5Gclose(group);
        return hdf5_failed(table, "describe the table");
    }
    cw_code code = CW_OK;
    for (int32_t c = 0; c < table->columns && code == CW_OK; c++) {
        char link[CW_NAME_BYTES + 32];
        cw_canonical_link(column[c].name, c, link);
        hid_t dataset = H5Dopen2(group, link, H5P_DEFAULT);
        if (dataset < 0 || !describe_column(dataset, &column[c], c))
            code = hdf5_failed(table, "describe a column");
        if (dataset >= 0 && H5Dclose(dataset) < 0 && code == CW_OK)
            code = hdf5_failed(table, "close a column");
    }
    H5Gclose(group);
    if (code == CW_OK && !put_checksums(table, file, crc)) code = hdf5_failed(table, "write checksums");
    return code;
}

cw_code cw_canonical_describe(cw_canonical *table, const cw_column *column, const uint32_t *crc) {
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    errno = 0;
    if (access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0)
        file = H5Fopen(table->file, H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (file < 0) return hdf5_failed(table, "open the file again");
    cw_code code = describe(table, file, column, crc);
    if (H5Fclose(file) < 0 && code == CW_OK) code = hdf5_failed(table, "close the file");
    return code;
}
