/* What pandas writes with DataFrame.to_hdf. Fixed format: blocks of values and the names of their columns
 * in datasets. Table format: one compound, whose array members have their names in attributes that Python
 * has pickled; a pickle of protocol 0 that is a plain list of texts is read here as text, anything more is
 * refused (nothing is ever executed). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_part.h"

#define USE_FIXED                                                                                            \
    "write it again with to_hdf(..., format='fixed'), or with format='table' and data_columns=True"

/* "(lp0\nVname\np1\naVother\np2\na." and its like; 0 when it is something else. */
static cw_code list_of_texts(cw_arena *arena, const char *pickle, cw_texts *out, int *plain) {
    *plain = 0;
    *out = (cw_texts){0};
    if (!pickle || strncmp(pickle, "(lp", 3)) return CW_OK;
    const char *at = strchr(pickle, '\n');
    while (at && at[1] != '.') {
        const char *text = at + 1, *end = strchr(text, '\n');
        int quoted = text[0] == 'V', number = text[0] == 'I' || text[0] == 'L';
        if (!end || (!quoted && !number) || memchr(text, '\\', (size_t)(end - text))) return CW_OK;
        size_t length = (size_t)(end - text) - 1;
        if (text[0] == 'L' && length && text[length] == 'L') length--;
        CW_TRY(cw_texts_add(arena, out, text + 1, length));
        if (quoted && end[1] == 'p') end = strchr(end + 1, '\n');
        if (!end || end[1] != 'a') return CW_OK;
        at = end + 1;
    }
    *plain = at && at[1] == '.' && out->count > 0;
    return CW_OK;
}

static void set_time(cw_field *field, const char *type) {
    if (type && (!strncmp(type, "datetime", 8) || !strncmp(type, "timedelta", 9)) &&
        field->stored.element == CW_E_I64)
        field->kind = CW_TIME;
}

/* -- fixed format -- */

/* The index becomes a column of its name, or `index`, unless a column has that name. */
static cw_code add_index(cw_h5_part *part) {
    char path[CW_H5_PATH], *variety = NULL, *name = NULL, *kind = NULL;
    int32_t index;
    cw_field *field;
    CW_TRY(cw_h5_text(&part->arena, part->object, NULL, "axis1_variety", &variety));
    if (!variety || strcmp(variety, "regular") || !cw_h5_beside(part, "axis1", path)) return CW_OK;
    CW_TRY(cw_h5_part_dataset(part, path, &index));
    hid_t dataset = part->dataset[index].id;
    CW_TRY(cw_h5_text(&part->arena, dataset, NULL, "name", &name));
    CW_TRY(cw_h5_text(&part->arena, dataset, NULL, "kind", &kind));
    if (!name || !name[0] || !strcmp(name, "N.") || strchr(name, '\n')) name = "index";
    if (part->dataset[index].rank != 1 || cw_h5_part_find(part, name)) return CW_OK;
    CW_TRY(cw_h5_part_field(part, name, index, part->dataset[index].type, 0, &field));
    if (field) set_time(field, kind);
    return CW_OK;
}

static cw_code add_block(cw_h5_part *part, const char *items, const char *values) {
    int32_t index;
    cw_texts names;
    char *type = NULL;
    CW_TRY(cw_h5_labels(part, items, NULL, &names));
    CW_TRY(cw_h5_part_dataset(part, values, &index));
    CW_TRY(cw_h5_text(&part->arena, part->dataset[index].id, NULL, "value_type", &type));
    cw_dataset *d = &part->dataset[index];
    int pickled = d->class == H5T_VLEN;
    if (!pickled && (d->rank != 2 || (int64_t)d->dim[1] != names.count))
        return cw_h5_part_fail(part, NULL, USE_FIXED, "a block of values that does not fit its names (%s)",
                               values);
    if (!pickled) { /* n x k also where n or k is 1 */
        d->rows = (int64_t)d->dim[0];
        d->shape = CW_SHAPE_ROWS;
        d->columns = names.count;
        d->record = d->value * (size_t)names.count;
    }
    for (int64_t j = 0; j < names.count; j++) {
        cw_field *field;
        size_t offset = pickled ? 0 : (size_t)j * part->dataset[index].value;
        CW_TRY(cw_h5_part_field(part, names.item[j], index, part->dataset[index].type, offset, &field));
        if (field) set_time(field, type);
    }
    return CW_OK;
}

static cw_code open_fixed(cw_h5_part *part) {
    for (int block = 0; block < CW_MAX_COLUMNS; block++) {
        char name[64], items[CW_H5_PATH], values[CW_H5_PATH];
        snprintf(name, sizeof name, "block%d_items", block);
        if (!cw_h5_beside(part, name, items)) break;
        snprintf(name, sizeof name, "block%d_values", block);
        if (!cw_h5_beside(part, name, values))
            return cw_h5_part_fail(part, NULL, USE_FIXED, "%s is not there", name);
        CW_TRY(add_block(part, items, values));
    }
    CW_TRY(add_index(part));
    if (part->fields || part->wants >= 0) return CW_OK;
    return cw_h5_part_fail(part, NULL, NULL, "a pandas frame without columns");
}

/* -- table format -- */

static cw_code member_labels(cw_h5_part *part, hid_t table, const char *member, cw_field *field) {
    char *meta = NULL, key[CW_H5_PATH], path[CW_H5_PATH];
    cw_texts labels;
    snprintf(key, sizeof key, "%.1000s_meta", member);
    CW_TRY(cw_h5_text(&part->arena, table, NULL, key, &meta));
    if (!meta || strcmp(meta, "category")) return CW_OK;
    snprintf(key, sizeof key, "meta/%.900s/meta/table", member);
    if (!cw_h5_beside(part, key, path))
        return cw_h5_part_fail(part, member, USE_FIXED, "%s is not there", key);
    CW_TRY(cw_h5_labels(part, path, "values", &labels));
    field->labels = (int32_t)labels.count;
    field->label = labels.item;
    field->value = NULL;
    field->kind = CW_CATEGORY;
    return CW_OK;
}

static cw_code add_values(cw_h5_part *part, int32_t index, const char *member, hid_t type, size_t offset) {
    hid_t table = part->dataset[index].id;
    char key[CW_H5_PATH], *pickle = NULL, *stored = NULL;
    cw_texts names;
    int plain, array = H5Tget_class(type) == H5T_ARRAY;
    hsize_t dim[H5S_MAX_RANK] = {1};
    snprintf(key, sizeof key, "%.1000s_kind", member);
    CW_TRY(cw_h5_text(&part->arena, table, NULL, key, &pickle));
    snprintf(key, sizeof key, "%.1000s_dtype", member);
    CW_TRY(cw_h5_text(&part->arena, table, NULL, key, &stored));
    CW_TRY(list_of_texts(&part->arena, pickle, &names, &plain));
    if (array && (H5Tget_array_ndims(type) != 1 || H5Tget_array_dims2(type, dim) != 1 || !plain ||
                  names.count != (int64_t)dim[0]))
        return cw_h5_part_fail(part, member, USE_FIXED, "its columns' names are pickled and cannot be read");
    hid_t base = array ? H5Tget_super(type) : H5Tcopy(type);
    if (base < 0) return cw_h5_part_fail(part, member, NULL, "its type cannot be read");
    cw_code code = CW_OK;
    size_t size = H5Tget_size(base);
    for (hsize_t k = 0; code == CW_OK && k < dim[0]; k++) {
        cw_field *field;
        const char *name = array ? names.item[k] : member;
        if (!strcmp(member, "index") && !array && cw_h5_part_find(part, "index")) break;
        code = cw_h5_part_field(part, name, index, base, offset + (size_t)k * size, &field);
        if (code != CW_OK || !field) continue;
        set_time(field, !strcmp(member, "index") ? pickle : stored);
        code = member_labels(part, table, member, field);
    }
    H5Tclose(base);
    return code;
}

static cw_code open_table(cw_h5_part *part) {
    char path[CW_H5_PATH];
    int32_t index;
    if (!cw_h5_beside(part, "table", path))
        return cw_h5_part_fail(part, NULL, USE_FIXED, "'table' is not there");
    CW_TRY(cw_h5_part_dataset(part, path, &index));
    if (part->dataset[index].class != H5T_COMPOUND || part->dataset[index].rank != 1)
        return cw_h5_part_fail(part, NULL, USE_FIXED, "a pandas table that is no list of records");
    int members = H5Tget_nmembers(part->dataset[index].type);
    for (int m = 0; m < members; m++) {
        hid_t record = part->dataset[index].type;
        char *name = H5Tget_member_name(record, (unsigned)m), *copy = NULL;
        hid_t type = H5Tget_member_type(record, (unsigned)m);
        size_t offset = H5Tget_member_offset(record, (unsigned)m);
        cw_code code = name && type >= 0 ? cw_arena_copy(&part->arena, name, &copy)
                                         : cw_h5_part_fail(part, NULL, NULL, "a member cannot be read");
        if (name) H5free_memory(name);
        if (code == CW_OK) code = add_values(part, index, copy, type, offset);
        if (type >= 0) H5Tclose(type);
        CW_TRY(code);
    }
    if (part->fields || part->wants >= 0) return CW_OK;
    return cw_h5_part_fail(part, NULL, NULL, "a pandas table without columns");
}

cw_code cw_h5_open_pandas(cw_h5_part *part, const char *type) {
    if (!strcmp(type, "frame")) return open_fixed(part);
    if (!strcmp(type, "frame_table") || !strcmp(type, "series_table")) return open_table(part);
    return cw_h5_part_fail(part, NULL, USE_FIXED, "a pandas object of type '%s', which is not read", type);
}
