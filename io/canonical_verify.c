#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/crc.h"
#include "canonical.h"
#include "hdf5_file.h"
#include "import.h"

/* A canonical table that is open for checking. */
typedef struct cw_checked {
    cw_env *env;
    const char *name;
    hid_t file, group, sums;
    int64_t columns, rows, blocks;
    uint32_t *crc;
    char *stored;
} cw_checked;

static cw_code unlike(const cw_checked *checked, const char *what) {
    return cw_fail(checked->env, CW_BAD_DATA, checked->name, "import the table again", "%s", what);
}

static int get_integer(hid_t object, const char *name, int64_t *value) {
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0) return 0;
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    int done = space >= 0 && type >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
               H5Tget_class(type) == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_INT64, value) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return done;
}

static cw_code open_sums(cw_checked *checked) {
    hsize_t size[2];
    if (checked->rows == 0) return CW_OK;
    checked->sums = H5Dopen2(checked->file, "/table_crc", H5P_DEFAULT);
    if (checked->sums < 0) return unlike(checked, "there are no checksums");
    hid_t space = H5Dget_space(checked->sums);
    int ranks = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (ranks == 2) ranks = H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    checked->blocks = (checked->rows - 1) / CW_CANONICAL_ROWS + 1;
    if (ranks != 2 || size[0] < 1 || size[0] > CW_MAX_COLUMNS || size[1] != (hsize_t)checked->blocks)
        return unlike(checked, "the checksums are not of this table");
    /* What the file holds is the bound for what is allocated. */
    if (H5Dget_storage_size(checked->sums) != size[0] * size[1] * 4)
        return unlike(checked, "the checksums are cut short");
    checked->columns = (int64_t)size[0];
    CW_TRY(cw_alloc(checked->env, (size_t)(size[0] * size[1]), sizeof *checked->crc, &checked->crc));
    if (H5Dread(checked->sums, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, checked->crc) < 0)
        return cw_fail(checked->env, CW_IO, checked->name, NULL, "cannot read the checksums");
    return CW_OK;
}

static cw_code open_table(cw_checked *checked) {
    int64_t version = 0;
    if (H5Lexists(checked->file, "table", H5P_DEFAULT) > 0)
        checked->group = H5Gopen2(checked->file, "/table", H5P_DEFAULT);
    if (checked->group < 0 || !get_integer(checked->group, "causeway_table", &version))
        return unlike(checked, "this is not a canonical table");
    if (version != CW_CANONICAL_VERSION) return unlike(checked, "a canonical table of another version");
    if (!get_integer(checked->group, "rows", &checked->rows) || checked->rows < 0)
        return unlike(checked, "it does not say how many rows it has");
    return open_sums(checked);
}

static cw_code check_rows(cw_checked *checked, hid_t dataset, hid_t type, const char *column, int64_t order) {
    size_t bytes = H5Tget_size(type);
    hid_t space = H5Dget_space(dataset);
    cw_code code = CW_OK;
    for (int64_t b = 0; b < checked->blocks && code == CW_OK; b++) {
        hsize_t start = (hsize_t)(b * CW_CANONICAL_ROWS), count = CW_CANONICAL_ROWS;
        if ((hsize_t)checked->rows - start < count) count = (hsize_t)checked->rows - start;
        hid_t memory = H5Screate_simple(1, &count, NULL);
        int read = memory >= 0 &&
                   H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &count, NULL) >= 0 &&
                   H5Dread(dataset, type, memory, space, H5P_DEFAULT, checked->stored) >= 0;
        H5Sclose(memory);
        if (!read) {
            code = cw_fail(checked->env, CW_IO, checked->name, NULL, "cannot read the column %s", column);
        } else if (cw_crc32c(0, checked->stored, (size_t)count * bytes) !=
                   checked->crc[order * checked->blocks + b]) {
            code = cw_fail(checked->env, CW_BAD_DATA, checked->name, "import the table again",
                           "the column %s is damaged in rows %llu to %llu", column,
                           (unsigned long long)start + 1, (unsigned long long)(start + count));
        }
    }
    H5Sclose(space);
    return code;
}

static cw_code check_column(cw_checked *checked, const char *column, unsigned char *seen) {
    hid_t dataset = H5Dopen2(checked->group, column, H5P_DEFAULT);
    if (dataset < 0) return unlike(checked, "something in it is not a column");
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int64_t order = -1;
    int number = H5Tget_class(type) == H5T_INTEGER || H5Tget_class(type) == H5T_FLOAT;
    int fits = number && H5Tget_size(type) <= 8 && H5Sget_simple_extent_ndims(space) == 1 &&
               H5Sget_simple_extent_npoints(space) == checked->rows &&
               get_integer(dataset, "order", &order) &&
               (checked->rows == 0 || (order >= 0 && order < checked->columns && !seen[order]));
    cw_code code = CW_OK;
    if (!fits) {
        code = cw_fail(checked->env, CW_BAD_DATA, checked->name, "import the table again",
                       "the column %s is not as it should be", column);
    } else if (checked->rows > 0) {
        seen[order] = 1;
        code = check_rows(checked, dataset, type, column, order);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
    return code;
}

static cw_code check_columns(cw_checked *checked) {
    cw_arena arena;
    cw_h5_links links = {0};
    unsigned char *seen = NULL;
    cw_arena_init(&arena, checked->env);
    cw_code code = cw_h5_list(&arena, checked->name, checked->group, CW_MAX_COLUMNS, &links);
    if (code == CW_OK && links.external >= 0) code = unlike(checked, "something in it leads to another file");
    if (code == CW_OK) code = cw_alloc_zero(checked->env, (size_t)checked->columns, 1, &seen);
    if (code == CW_OK) code = cw_alloc(checked->env, CW_CANONICAL_ROWS, 8, &checked->stored);
    if (code == CW_OK && checked->rows > 0 && links.name.count != checked->columns)
        code = unlike(checked, "columns are missing");
    for (int64_t c = 0; c < links.name.count && code == CW_OK; c++)
        code = check_column(checked, links.name.item[c], seen);
    cw_free(checked->env, &seen);
    cw_arena_free(&arena);
    return code;
}

cw_code cw_canonical_verify(cw_env *env, const char *file) {
    cw_checked checked = {.env = env, .name = file, .file = -1, .group = -1, .sums = -1};
    CW_TRY(cw_h5_open(env, file, &checked.file));
    cw_code code = open_table(&checked);
    if (code == CW_OK) code = check_columns(&checked);
    cw_free(env, &checked.crc);
    cw_free(env, &checked.stored);
    if (checked.sums >= 0) H5Dclose(checked.sums);
    if (checked.group >= 0) H5Gclose(checked.group);
    cw_h5_close(&checked.file);
    return code;
}
