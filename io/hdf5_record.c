/* Compound datasets and 2-D datasets as tables. */
#include <stdio.h>
#include <string.h>

#include "hdf5_part.h"

enum { ARRAY_COLUMNS = 4096 };

/* A member that is a short 1-D array: a column each element, x_0, x_1, ... */
static cw_code add_array(cw_h5_part *part, const char *name, int32_t index, hid_t type, size_t offset) {
    hsize_t dim[H5S_MAX_RANK];
    if (H5Tget_array_ndims(type) != 1 || H5Tget_array_dims2(type, dim) != 1 || dim[0] > ARRAY_COLUMNS) {
        part->ignored += 1;
        return CW_OK;
    }
    hid_t base = H5Tget_super(type);
    if (base < 0) return cw_h5_part_fail(part, name, NULL, "its type cannot be read");
    size_t size = H5Tget_size(base);
    cw_code code = CW_OK;
    for (hsize_t k = 0; code == CW_OK && k < dim[0]; k++) {
        char one[CW_H5_PATH];
        cw_field *field;
        snprintf(one, sizeof one, "%.900s_%llu", name, (unsigned long long)k);
        code = cw_h5_part_field(part, one, index, base, offset + (size_t)k * size, &field);
        if (code == CW_OK && field) code = cw_h5_field_attributes(part, part->dataset[index].id, one, field);
    }
    H5Tclose(base);
    return code;
}

static cw_code add_member(cw_h5_part *part, int32_t index, unsigned m) {
    const hid_t record = part->dataset[index].type;
    char *name = H5Tget_member_name(record, m), *copy = NULL;
    hid_t type = H5Tget_member_type(record, m);
    size_t offset = H5Tget_member_offset(record, m);
    cw_code code = name && type >= 0 ? cw_arena_copy(&part->arena, name, &copy)
                                     : cw_h5_part_fail(part, NULL, NULL, "a member cannot be read");
    if (name) H5free_memory(name);
    if (code == CW_OK && offset + H5Tget_size(type) > part->dataset[index].record)
        code = cw_h5_part_fail(part, copy, NULL, "a member beyond its record");
    if (code == CW_OK && H5Tget_class(type) == H5T_ARRAY) {
        code = add_array(part, copy, index, type, offset);
    } else if (code == CW_OK) {
        cw_field *field;
        code = cw_h5_part_field(part, copy, index, type, offset, &field);
        if (code == CW_OK && field) code = cw_h5_field_attributes(part, part->dataset[index].id, copy, field);
    }
    if (type >= 0) H5Tclose(type);
    return code;
}

cw_code cw_h5_open_compound(cw_h5_part *part, const char *path) {
    int32_t index;
    CW_TRY(cw_h5_part_dataset(part, path, &index));
    if (part->dataset[index].rank != 1)
        return cw_h5_part_fail(part, NULL, NULL, "records in %d dimensions; a table has 1",
                               part->dataset[index].rank);
    int members = H5Tget_nmembers(part->dataset[index].type);
    if (members > CW_MAX_COLUMNS)
        return cw_h5_part_fail(part, NULL, NULL, "more than %d columns", CW_MAX_COLUMNS);
    for (int m = 0; m < members; m++) CW_TRY(add_member(part, index, (unsigned)m));
    if (part->fields || part->wants >= 0) return CW_OK;
    return cw_h5_part_fail(part, NULL, NULL, "records without members to be read");
}

static cw_code no_names(cw_h5_part *part, const cw_dataset *d) {
    return cw_h5_part_fail(
        part, NULL,
        "add them: python3 -c \"import h5py; h5py.File('FILE', 'a')['PATH'].attrs['names'] = "
        "['x', 'y']\"",
        "a 2-D dataset of %llu x %llu without names for its columns", (unsigned long long)d->dim[0],
        (unsigned long long)d->dim[1]);
}

/* A single list: one column of the dataset's own name. */
static cw_code add_list(cw_h5_part *part, const char *path, int32_t index) {
    const char *slash = strrchr(path, '/');
    cw_field *field;
    CW_TRY(cw_h5_part_field(part, slash ? slash + 1 : path, index, part->dataset[index].type, 0, &field));
    return field ? cw_h5_field_attributes(part, part->dataset[index].id, NULL, field) : CW_OK;
}

cw_code cw_h5_open_matrix(cw_h5_part *part, const char *path) {
    int32_t index;
    cw_texts names;
    int lines;
    CW_TRY(cw_h5_part_dataset(part, path, &index));
    cw_dataset *d = &part->dataset[index];
    if (d->rank < 1 || d->rank > 2)
        return cw_h5_part_fail(part, NULL,
                               "give the path of a group of 1-D datasets, or of a 1-D or 2-D dataset",
                               "a dataset of %d dimensions is no table", d->rank);
    CW_TRY(cw_h5_matrix_names(&part->arena, part->name, part->file, path, d, &names, &lines));
    if (d->shape == CW_SHAPE_LIST && names.count < 2) return add_list(part, path, index);
    if (!names.count) return no_names(part, d);
    if (names.count > CW_MAX_COLUMNS)
        return cw_h5_part_fail(part, NULL, NULL, "more than %d columns", CW_MAX_COLUMNS);
    if (lines) {
        cw_dataset_lines(d);
    } else if (d->shape == CW_SHAPE_LIST) { /* one row of several values */
        d->shape = CW_SHAPE_ROWS;
        d->rows = (int64_t)d->dim[0];
        d->columns = (int64_t)d->dim[1];
        d->record = d->value * (size_t)d->columns;
    }
    if (!lines && (int64_t)d->record != (int64_t)d->value * d->columns)
        return cw_h5_part_fail(part, NULL, NULL, "rows above 64 MiB");
    for (int64_t j = 0; j < names.count; j++) {
        cw_field *field;
        size_t offset = lines ? 0 : (size_t)j * part->dataset[index].value;
        CW_TRY(cw_h5_part_field(part, names.item[j], index, part->dataset[index].type, offset, &field));
        if (!field) continue;
        field->line = lines ? j : 0;
        CW_TRY(cw_h5_field_attributes(part, part->dataset[index].id, names.item[j], field));
    }
    return CW_OK;
}
