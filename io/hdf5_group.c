/* Groups: what stands in them, and groups of 1-D datasets as tables. */
#include <stdio.h>
#include <string.h>

#include "../src/base/sort.h"
#include "hdf5_part.h"

static int ends_in_categories(const char *name, size_t *stem) {
    size_t length = strlen(name);
    for (const char *end = "_categories"; length > strlen(end);) {
        *stem = length - strlen(end);
        return !strcmp(name + *stem + 1, end + 1) && (name[*stem] == '_' || name[*stem] == '.');
    }
    return 0;
}

static cw_child *child_named(cw_child *child, int32_t count, const char *name, size_t length) {
    for (int32_t i = 0; i < count; i++)
        if (strlen(child[i].name) == length && !memcmp(child[i].name, name, length)) return &child[i];
    return NULL;
}

/* -- names of the columns of a 2-D dataset -- */

static int fits(const cw_texts *names, const cw_dataset *d, int *lines) {
    *lines = names->count != (int64_t)d->dim[1];
    return names->count > 0 && (!*lines || names->count == (int64_t)d->dim[0]);
}

/* Reads a sibling of texts; anything else there counts as none. */
static cw_code sibling_names(cw_arena *arena, const char *name, hid_t file, const char *path,
                             cw_texts *names) {
    cw_env aside;
    char resolved[CW_H5_PATH];
    cw_env_init(&aside);
    *names = (cw_texts){0};
    if (cw_h5_resolve(&aside, name, file, path, resolved) != CW_OK) return CW_OK;
    hid_t object = H5Oopen(file, resolved, H5P_DEFAULT);
    int dataset = object >= 0 && H5Iget_type(object) == H5I_DATASET;
    if (object >= 0) H5Oclose(object);
    if (!dataset) return CW_OK;
    cw_dataset d;
    CW_TRY(cw_dataset_open(arena->env, name, file, resolved, &d));
    cw_stored stored = {.odd = -1};
    cw_code code = CW_OK;
    if (d.class == H5T_STRING && d.rank >= 1 && d.rank <= 2 && d.shape == CW_SHAPE_LIST &&
        d.rows <= CW_MAX_COLUMNS) {
        code = cw_stored_of(arena, d.type, &stored);
        if (code == CW_OK && stored.element != CW_E_NONE)
            code = cw_dataset_texts(arena, &d, &stored, 0, names);
    }
    cw_stored_close(&stored);
    cw_dataset_close(&d);
    return code;
}

cw_code cw_h5_matrix_names(cw_arena *arena, const char *name, hid_t file, const char *path,
                           const cw_dataset *d, cw_texts *names, int *lines) {
    static const char *const keys[] = {"names", "columns", "column_names", "colnames"};
    *names = (cw_texts){0};
    *lines = 0;
    if (d->rank != 2) return CW_OK;
    for (size_t i = 0; i < 4; i++) {
        CW_TRY(cw_h5_texts(arena, d->id, NULL, keys[i], names));
        if (fits(names, d, lines)) return CW_OK;
    }
    char sibling[CW_H5_PATH + 32];
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) : 0;
    for (size_t i = 0; i < 8; i++) {
        if (i < 4)
            snprintf(sibling, sizeof sibling, "%s_%s", path, keys[i]);
        else
            snprintf(sibling, sizeof sibling, "%.*s/%s", folder, path, keys[i - 4]);
        if (strlen(sibling) >= CW_H5_PATH) continue;
        CW_TRY(sibling_names(arena, name, file, sibling, names));
        if (fits(names, d, lines)) return CW_OK;
    }
    *names = (cw_texts){0};
    *lines = 0;
    return CW_OK;
}

/* -- children -- */

static int is_numeric(H5T_class_t class) {
    return class == H5T_FLOAT || class == H5T_INTEGER || class == H5T_ENUM || class == H5T_BITFIELD;
}

/* h5py keeps a complex number as a record of r and i: that is a value, not a table. */
static int is_complex(hid_t type) {
    return H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2 &&
           H5Tget_member_index(type, "r") == 0 && H5Tget_member_index(type, "i") == 1;
}

static cw_code read_scale(cw_arena *arena, const cw_dataset *d, cw_child *child) {
    char *class = NULL, *dimension = NULL;
    CW_TRY(cw_h5_text(arena, d->id, NULL, "CLASS", &class));
    child->scale = class && !strcmp(class, "DIMENSION_SCALE");
    if (!child->scale) return CW_OK;
    CW_TRY(cw_h5_text(arena, d->id, NULL, "NAME", &dimension));
    /* A dimension without values of its own is no column. */
    if (dimension && !strncmp(dimension, "This is a netCDF dimension but not a netCDF variable", 52))
        child->role = CW_ROLE_OTHER;
    return CW_OK;
}

static cw_code describe_dataset(cw_arena *arena, const char *name, hid_t file, cw_child *child) {
    cw_dataset d;
    CW_TRY(cw_dataset_open(arena->env, name, file, child->path, &d));
    cw_code code = CW_OK;
    cw_texts names;
    int lines;
    child->rows = d.rows;
    child->columns = d.columns;
    child->text = d.class == H5T_STRING;
    if (d.rank == 1 && d.class == H5T_COMPOUND && !is_complex(d.type)) {
        child->role = CW_ROLE_COMPOUND;
    } else if (d.rank == 1 || (d.rank == 2 && d.shape == CW_SHAPE_LIST)) {
        child->role = CW_ROLE_COLUMN;
        if (d.rank == 2 && is_numeric(d.class)) {
            code = cw_h5_matrix_names(arena, name, file, child->path, &d, &names, &lines);
            if (code == CW_OK && names.count > 1) child->role = CW_ROLE_MATRIX;
        }
        if (code == CW_OK) code = read_scale(arena, &d, child);
    } else if (d.rank == 2 && is_numeric(d.class)) {
        code = cw_h5_matrix_names(arena, name, file, child->path, &d, &names, &lines);
        child->role = code == CW_OK && names.count ? CW_ROLE_MATRIX : CW_ROLE_NAMELESS;
    }
    cw_dataset_close(&d);
    return code;
}

/* The children that say something about others are no columns: labels, and names of a 2-D dataset. */
static void mark_helpers(cw_child *child, int32_t count) {
    static const char *const names[] = {"names", "columns", "column_names", "colnames"};
    int matrix = 0;
    for (int32_t i = 0; i < count; i++) {
        size_t stem;
        matrix |= child[i].role == CW_ROLE_MATRIX;
        if (child[i].role != CW_ROLE_COLUMN || !ends_in_categories(child[i].name, &stem)) continue;
        const cw_child *of = child_named(child, count, child[i].name, stem);
        if (of && of->role == CW_ROLE_COLUMN) child[i].role = CW_ROLE_OTHER;
    }
    for (int32_t i = 0; matrix && i < count; i++) {
        if (child[i].role != CW_ROLE_COLUMN || !child[i].text) continue;
        for (size_t k = 0; k < 4; k++) {
            size_t length = strlen(child[i].name), end = strlen(names[k]);
            if (length < end || strcmp(child[i].name + length - end, names[k])) continue;
            const cw_child *of =
                length > end + 1 ? child_named(child, count, child[i].name, length - end - 1) : NULL;
            if (length == end || (of && of->role == CW_ROLE_MATRIX)) child[i].role = CW_ROLE_OTHER;
        }
    }
}

/* NetCDF keeps coordinates of other dimensions in the same group: scales whose length is not that of the
 * variables are no columns. */
static void mark_scales(cw_child *child, int32_t count) {
    int64_t rows = -1;
    for (int32_t i = 0; i < count; i++) {
        if (child[i].role != CW_ROLE_COLUMN || child[i].scale) continue;
        if (rows >= 0 && child[i].rows != rows) return;
        rows = child[i].rows;
    }
    for (int32_t i = 0; rows >= 0 && i < count; i++)
        if (child[i].role == CW_ROLE_COLUMN && child[i].scale && child[i].rows != rows)
            child[i].role = CW_ROLE_OTHER;
}

/* A canonical column's name and place are attributes: its link cannot hold every name. */
static cw_code canonical_child(cw_arena *arena, hid_t object, cw_child *child) {
    char *true_name = NULL;
    double *order;
    int32_t count;
    CW_TRY(cw_h5_text(arena, object, NULL, "name", &true_name));
    CW_TRY(cw_h5_numbers(arena, object, NULL, "order", &count, &order));
    if (true_name && true_name[0]) child->name = true_name;
    if (count == 1 && order[0] >= 0 && order[0] < CW_MAX_COLUMNS) child->order = (int64_t)order[0];
    return CW_OK;
}

static int by_order(const void *a, const void *b, void *self) {
    (void)self;
    const cw_child *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static cw_code describe_child(cw_arena *arena, const char *name, hid_t file, int canonical, cw_child *child) {
    hid_t object;
    CW_TRY(cw_h5_object(arena->env, name, file, child->path, &object));
    H5I_type_t what = H5Iget_type(object);
    int kept = !canonical || cw_h5_has(object, NULL, "kind");
    char *encoding = NULL;
    cw_code code = CW_OK;
    if (what == H5I_GROUP) code = cw_h5_text(arena, object, NULL, "encoding-type", &encoding);
    if (code == CW_OK && canonical && kept) code = canonical_child(arena, object, child);
    H5Oclose(object);
    if (code != CW_OK || !kept) return code;
    if (what == H5I_GROUP)
        child->role = encoding && !strcmp(encoding, "categorical") ? CW_ROLE_CODED : CW_ROLE_GROUP;
    return what == H5I_DATASET ? describe_dataset(arena, name, file, child) : CW_OK;
}

static cw_code refuse_external(cw_env *env, const char *name, const char *path, const cw_h5_links *links) {
    if (links->external < 0) return CW_OK;
    return cw_fail(env, CW_BAD_DATA, name, "copy the data into this file (h5copy, h5repack)",
                   "the link '%s' in %s leaves the file, which is not followed",
                   links->name.item[links->external], path);
}

/* All children of an open group. Links that lead nowhere are passed over. */
static cw_code describe_children(cw_arena *arena, const char *name, hid_t file, const char *path, hid_t group,
                                 int32_t *count, cw_child **out) {
    cw_h5_links links;
    int canonical = cw_h5_has(group, NULL, "causeway_table");
    CW_TRY(cw_h5_list(arena, name, group, 4 * (int64_t)CW_MAX_COLUMNS, &links));
    CW_TRY(refuse_external(arena->env, name, path, &links));
    CW_TRY(cw_arena_take(arena, (size_t)links.name.count, sizeof **out, out));
    for (int64_t i = 0; i < links.name.count; i++) {
        char resolved[CW_H5_PATH];
        cw_child *child = &(*out)[*count];
        if (links.name.item[i][0] == '.') continue;
        if (!cw_h5_within(name, file, group, path, links.name.item[i], resolved)) continue;
        CW_TRY(cw_arena_copy(arena, resolved, &child->path));
        child->name = links.name.item[i];
        child->order = CW_MAX_COLUMNS;
        CW_TRY(describe_child(arena, name, file, canonical, child));
        *count += 1;
    }
    return CW_OK;
}

cw_code cw_h5_children(cw_arena *arena, const char *name, hid_t file, const char *path, int32_t *count,
                       cw_child **out) {
    hid_t group;
    *count = 0;
    CW_TRY(cw_h5_object(arena->env, name, file, path, &group));
    cw_code code = describe_children(arena, name, file, path, group, count, out);
    H5Oclose(group);
    CW_TRY(code);
    mark_helpers(*out, *count);
    mark_scales(*out, *count);
    return cw_sort(arena->env, *out, *count, sizeof **out, by_order, NULL);
}

/* -- a group as a table -- */

static cw_code add_column(cw_h5_part *part, const char *name, const char *path) {
    int32_t index;
    cw_field *field;
    CW_TRY(cw_h5_part_dataset(part, path, &index));
    CW_TRY(cw_h5_part_field(part, name, index, part->dataset[index].type, 0, &field));
    return field ? cw_h5_field_attributes(part, part->dataset[index].id, NULL, field) : CW_OK;
}

/* AnnData: a group with the datasets codes and categories. */
static cw_code add_coded(cw_h5_part *part, const char *name, const char *path) {
    char inner[CW_H5_PATH], full[CW_H5_PATH + 16];
    cw_texts labels;
    snprintf(full, sizeof full, "%s/codes", path);
    CW_TRY(cw_h5_resolve(part->arena.env, part->name, part->file, full, inner));
    CW_TRY(add_column(part, name, inner));
    cw_field *field = part->fields ? &part->field[part->fields - 1] : NULL;
    if (!field || strcmp(field->name, name) != 0) return CW_OK;
    snprintf(full, sizeof full, "%s/categories", path);
    CW_TRY(cw_h5_resolve(part->arena.env, part->name, part->file, full, inner));
    CW_TRY(cw_h5_labels(part, inner, NULL, &labels));
    field->labels = (int32_t)labels.count;
    field->label = labels.item;
    field->value = NULL;
    field->kind = CW_CATEGORY;
    return CW_OK;
}

static cw_code open_children(cw_h5_part *part) {
    int32_t count;
    cw_child *child;
    CW_TRY(cw_h5_children(&part->arena, part->name, part->file, part->path, &count, &child));
    for (int32_t i = 0; i < count; i++) {
        if (child[i].role != CW_ROLE_COLUMN && child[i].role != CW_ROLE_CODED)
            part->ignored += 1;
        else if (cw_h5_part_wants(part, child[i].name))
            CW_TRY(child[i].role == CW_ROLE_COLUMN ? add_column(part, child[i].name, child[i].path)
                                                   : add_coded(part, child[i].name, child[i].path));
    }
    return CW_OK;
}

/* A reader knows what it wants and asks for nothing else, if the links are called as the columns are. */
static cw_code open_wanted(cw_h5_part *part) {
    char path[CW_H5_PATH];
    for (int i = 0; i < part->wants; i++)
        if (strchr(part->want[i], '/') || !cw_h5_beside(part, part->want[i], path))
            return open_children(part);
    for (int i = 0; i < part->wants; i++) {
        hid_t object;
        if (!cw_h5_beside(part, part->want[i], path)) continue;
        CW_TRY(cw_h5_object(part->arena.env, part->name, part->file, path, &object));
        int group = H5Iget_type(object) == H5I_GROUP;
        H5Oclose(object);
        CW_TRY(group ? add_coded(part, part->want[i], path) : add_column(part, part->want[i], path));
    }
    return CW_OK;
}

cw_code cw_h5_open_group(cw_h5_part *part) {
    if (part->wants >= 0) return open_wanted(part);
    CW_TRY(open_children(part));
    if (part->fields) return CW_OK;
    return cw_h5_part_fail(part, NULL, "list the paths with h5ls -r, then give data.path",
                           "a group without 1-D datasets, so without columns");
}
