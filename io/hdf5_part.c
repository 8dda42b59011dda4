#include "hdf5_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

cw_code cw_h5_part_fail(cw_h5_part *part, const char *column, const char *mend, const char *format, ...) {
    char what[CW_ERROR_TEXT], where[CW_ERROR_PLACE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    cw_place_text(where, "%s:%s%s%s", part->name, part->path, column ? ", column " : "",
                  column ? column : "");
    return cw_fail(part->arena.env, CW_BAD_DATA, where, mend, "%s", what);
}

int cw_h5_part_wants(const cw_h5_part *part, const char *name) {
    if (part->wants < 0) return 1;
    for (int i = 0; i < part->wants; i++)
        if (!strcmp(part->want[i], name)) return 1;
    return 0;
}

cw_field *cw_h5_part_find(const cw_h5_part *part, const char *name) {
    for (int32_t i = 0; i < part->fields; i++)
        if (!strcmp(part->field[i].name, name)) return &part->field[i];
    return NULL;
}

int cw_h5_beside(cw_h5_part *part, const char *relative, char out[CW_H5_PATH]) {
    if (H5Iget_type(part->object) == H5I_GROUP)
        return cw_h5_within(part->name, part->file, part->object, part->path, relative, out);
    char folder[CW_H5_PATH];
    snprintf(folder, sizeof folder, "%s", part->path);
    char *slash = strrchr(folder, '/');
    folder[slash && slash != folder ? slash - folder : 1] = '\0';
    hid_t group = H5Gopen2(part->file, folder, H5P_DEFAULT);
    int there = group >= 0 && cw_h5_within(part->name, part->file, group, folder, relative, out);
    if (group >= 0) H5Gclose(group);
    return there;
}

static cw_code grow(cw_env *env, int32_t count, int32_t *room, size_t size, void *list) {
    if (count < *room) return CW_OK;
    int32_t wider = *room ? 2 * *room : 16;
    CW_TRY(cw_realloc(env, (size_t)wider, size, list));
    *room = wider;
    return CW_OK;
}

cw_code cw_h5_part_dataset(cw_h5_part *part, const char *path, int32_t *index) {
    cw_env *env = part->arena.env;
    CW_TRY(grow(env, part->datasets, &part->dataset_room, sizeof *part->dataset, &part->dataset));
    CW_TRY(cw_dataset_open(env, part->name, part->file, path, &part->dataset[part->datasets]));
    *index = part->datasets++;
    return CW_OK;
}

cw_code cw_h5_part_field(cw_h5_part *part, const char *name, int32_t dataset, hid_t type, size_t offset,
                         cw_field **out) {
    *out = NULL;
    if (!cw_h5_part_wants(part, name)) return CW_OK;
    if (strlen(name) >= CW_NAME_BYTES || !name[0])
        return cw_h5_part_fail(part, name, "rename it", "a column's name of %zu bytes (1 to %d are allowed)",
                               strlen(name), CW_NAME_BYTES - 1);
    if (part->fields >= CW_MAX_COLUMNS)
        return cw_h5_part_fail(part, NULL, NULL, "more than %d columns", CW_MAX_COLUMNS);
    CW_TRY(grow(part->arena.env, part->fields, &part->field_room, sizeof *part->field, &part->field));
    cw_field *field = &part->field[part->fields];
    *field = (cw_field){.dataset = dataset, .offset = offset, .scale = 1, .stored.odd = -1};
    CW_TRY(cw_arena_copy(&part->arena, name, &field->name));
    CW_TRY(cw_stored_of(&part->arena, type, &field->stored));
    field->kind = field->stored.kind;
    field->labels = field->stored.labels;
    field->label = field->stored.label;
    field->value = field->stored.value;
    int in_order = 1;
    for (int32_t i = 0; i < field->labels; i++) in_order &= field->value[i] == i;
    if (in_order) field->value = NULL;
    part->fields += 1;
    *out = field;
    return CW_OK;
}

/* -- attributes -- */

static cw_code first_text(cw_arena *arena, hid_t object, const char *prefix, const char *one,
                          const char *other, char **out) {
    CW_TRY(cw_h5_text(arena, object, prefix, one, out));
    if (!*out) CW_TRY(cw_h5_text(arena, object, prefix, other, out));
    if (*out && !(*out)[0]) *out = NULL;
    return CW_OK;
}

static cw_code first_number(cw_arena *arena, hid_t object, const char *prefix, const char *one,
                            const char *other, double *value) {
    double *number;
    int32_t count;
    CW_TRY(cw_h5_numbers(arena, object, prefix, one, &count, &number));
    if (!count) CW_TRY(cw_h5_numbers(arena, object, prefix, other, &count, &number));
    if (count == 1 && number[0] - number[0] == 0) *value = number[0];
    return CW_OK;
}

static cw_code read_missing(cw_arena *arena, hid_t object, const char *prefix, cw_field *field) {
    static const char *const keys[] = {"missing", "missing_value", "_FillValue"};
    double all[3 * CW_H5_NUMBERS];
    int32_t total = 0;
    for (size_t k = 0; k < 3; k++) {
        double *number;
        int32_t count;
        CW_TRY(cw_h5_numbers(arena, object, prefix, keys[k], &count, &number));
        for (int32_t i = 0; i < count; i++) {
            int known = number[i] != number[i];
            for (int32_t j = 0; j < total; j++) known |= all[j] == number[i];
            if (!known) all[total++] = number[i];
        }
    }
    CW_TRY(cw_arena_take(arena, (size_t)total, sizeof *field->missing, &field->missing));
    if (total) memcpy(field->missing, all, (size_t)total * sizeof *all);
    field->missings = total;
    return CW_OK;
}

static void set_kind(cw_field *field, const char *word) {
    static const char *const words[] = {"real", "integer", "binary", "category", "time", "text"};
    for (int k = 0; k < 6; k++)
        if (!strcmp(word, words[k]) &&
            (k == CW_TEXT) == (field->stored.storage == CW_S_TEXT || field->labels))
            field->kind = (cw_kind)k;
    /* Texts may be called categories: they become such when they are encoded. */
    if (!strcmp(word, "category")) field->kind = CW_CATEGORY;
}

static void set_labels(cw_field *field, const cw_texts *labels) {
    field->labels = (int32_t)labels->count;
    field->label = labels->item;
    field->value = NULL;
    field->kind = CW_CATEGORY;
}

cw_code cw_h5_labels(cw_h5_part *part, const char *path, const char *member, cw_texts *out) {
    *out = (cw_texts){0};
    cw_dataset dataset;
    CW_TRY(cw_dataset_open(part->arena.env, part->name, part->file, path, &dataset));
    int index = member ? H5Tget_member_index(dataset.type, member) : -1;
    hid_t type =
        member ? index >= 0 ? H5Tget_member_type(dataset.type, (unsigned)index) : -1 : H5Tcopy(dataset.type);
    size_t offset = index >= 0 ? H5Tget_member_offset(dataset.type, (unsigned)index) : 0;
    cw_stored stored = {.odd = -1};
    cw_code code = CW_OK;
    if (type < 0 || dataset.rank < 1 || dataset.rank > 2 || dataset.shape != CW_SHAPE_LIST)
        code = cw_h5_part_fail(part, NULL, NULL, "'%s' is no list of labels", path);
    if (code == CW_OK) code = cw_stored_of(&part->arena, type, &stored);
    if (code == CW_OK && offset + stored.size > dataset.record)
        code = cw_h5_part_fail(part, NULL, NULL, "'%s' is no list of labels", path);
    if (code == CW_OK) code = cw_dataset_texts(&part->arena, &dataset, &stored, offset, out);
    cw_stored_close(&stored);
    if (type >= 0) H5Tclose(type);
    cw_dataset_close(&dataset);
    return code;
}

/* The form'th way of calling a dataset that stands beside its column and holds its labels. */
static int labels_name(const char *column, int form, char out[CW_H5_PATH]) {
    int length = form == 0   ? snprintf(out, CW_H5_PATH, "%s_categories", column)
                 : form == 1 ? snprintf(out, CW_H5_PATH, "%s.categories", column)
                 : form == 2 ? snprintf(out, CW_H5_PATH, "categories/%s", column)
                             : snprintf(out, CW_H5_PATH, "__categories/%s", column);
    return length > 0 && length < CW_H5_PATH;
}

static cw_code read_labels(cw_h5_part *part, hid_t object, const char *prefix, cw_field *field) {
    cw_texts labels = {0};
    char path[CW_H5_PATH], relative[CW_H5_PATH];
    if (object >= 0) CW_TRY(cw_h5_texts(&part->arena, object, prefix, "categories", &labels));
    if (labels.count == 1 && labels.item[0][0] && cw_h5_beside(part, labels.item[0], path))
        CW_TRY(cw_h5_labels(part, path, NULL, &labels)); /* not one label, but where they are */
    for (int form = 0; !labels.count && form < 4; form++)
        if (labels_name(field->name, form, relative) && cw_h5_beside(part, relative, path))
            CW_TRY(cw_h5_labels(part, path, NULL, &labels));
    if (labels.count) set_labels(field, &labels);
    return CW_OK;
}

static cw_code numeric_attributes(cw_h5_part *part, hid_t object, const char *prefix, cw_field *field) {
    cw_arena *arena = &part->arena;
    CW_TRY(read_missing(arena, object, prefix, field));
    CW_TRY(first_number(arena, object, prefix, "scale", "scale_factor", &field->scale));
    CW_TRY(first_number(arena, object, prefix, "offset", "add_offset", &field->add));
    if ((field->scale != 1 || field->add != 0) && field->kind == CW_INTEGER) field->kind = CW_REAL;
    if (field->unit && strstr(field->unit, " since ")) field->kind = CW_TIME;
    return CW_OK;
}

cw_code cw_h5_field_attributes(cw_h5_part *part, hid_t object, const char *prefix, cw_field *field) {
    cw_arena *arena = &part->arena;
    char *word = NULL;
    int any = cw_h5_has_attributes(object), numeric = field->stored.storage != CW_S_TEXT;
    if (any) {
        CW_TRY(first_text(arena, object, prefix, "description", "long_name", &field->description));
        CW_TRY(first_text(arena, object, prefix, "unit", "units", &field->unit));
        if (numeric) CW_TRY(numeric_attributes(part, object, prefix, field));
    }
    if (numeric && !cw_stored_is_float(&field->stored))
        CW_TRY(read_labels(part, any ? object : H5I_INVALID_HID, prefix, field));
    if (any) CW_TRY(cw_h5_text(arena, object, prefix, "kind", &word));
    if (word && field->stored.element != CW_E_NONE) set_kind(field, word);
    return CW_OK;
}

/* -- opening -- */

static cw_code check_rows(cw_h5_part *part) {
    for (int32_t i = 0; i < part->fields; i++) {
        const cw_field *field = &part->field[i];
        const cw_dataset *dataset = &part->dataset[field->dataset];
        if (i == 0) part->rows = dataset->rows;
        if (field->stored.element != CW_E_NONE && dataset->rows != part->rows)
            return cw_h5_part_fail(part, field->name, "write columns of one length, or give data.path",
                                   "%lld rows, where column %s has %lld", (long long)dataset->rows,
                                   part->field[0].name, (long long)part->rows);
        if (field->stored.element != CW_E_NONE && !dataset->written && dataset->rows && !field->missings)
            return cw_h5_part_fail(part, field->name, "let the program that makes the file finish",
                                   "%lld rows were made room for, but none was ever written",
                                   (long long)dataset->rows);
        for (int32_t j = 0; part->fields <= 4096 && j < i; j++)
            if (!strcmp(part->field[j].name, field->name))
                return cw_h5_part_fail(part, field->name, "rename one", "two columns of one name");
    }
    return CW_OK;
}

static cw_code open_dataset_part(cw_h5_part *part) {
    hid_t type = H5Dget_type(part->object);
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    if (type >= 0) H5Tclose(type);
    if (class == H5T_COMPOUND) return cw_h5_open_compound(part, part->path);
    return cw_h5_open_matrix(part, part->path);
}

static cw_code open_object(cw_h5_part *part) {
    H5I_type_t what = H5Iget_type(part->object);
    char *pandas = NULL;
    if (what == H5I_DATASET) return open_dataset_part(part);
    if (what != H5I_GROUP)
        return cw_h5_part_fail(part, NULL, "give data.path", "is neither group nor dataset");
    CW_TRY(cw_h5_text(&part->arena, part->object, NULL, "pandas_type", &pandas));
    if (pandas && strcmp(pandas, "series") != 0) return cw_h5_open_pandas(part, pandas);
    return cw_h5_open_group(part);
}

cw_code cw_h5_part_open(cw_env *env, const char *name, hid_t file, const char *path, int wants,
                        const char *const *want, cw_h5_part *out) {
    *out = (cw_h5_part){.name = name, .file = file, .object = -1, .wants = wants, .want = want};
    cw_arena_init(&out->arena, env);
    cw_code code = cw_h5_resolve(env, name, file, path, out->path);
    if (code == CW_OK) code = cw_h5_object(env, name, file, out->path, &out->object);
    if (code == CW_OK) code = open_object(out);
    if (code == CW_OK) code = check_rows(out);
    if (out->object >= 0) H5Oclose(out->object);
    out->object = H5I_INVALID_HID;
    if (code != CW_OK) cw_h5_part_close(out);
    return code;
}

void cw_h5_part_close(cw_h5_part *part) {
    for (int32_t i = 0; i < part->fields; i++) cw_stored_close(&part->field[i].stored);
    for (int32_t i = 0; i < part->datasets; i++) cw_dataset_close(&part->dataset[i]);
    cw_free(part->arena.env, &part->field);
    cw_free(part->arena.env, &part->dataset);
    part->fields = part->datasets = part->field_room = part->dataset_room = 0;
    cw_arena_free(&part->arena);
}
