/* Attributes of HDF5 objects as texts and numbers. */
#include <stdio.h>
#include <string.h>

#include "hdf5_file.h"
#include "json.h"

static int attribute_name(const char *prefix, const char *key, char out[CW_H5_PATH]) {
    int length =
        prefix ? snprintf(out, CW_H5_PATH, "%s.%s", prefix, key) : snprintf(out, CW_H5_PATH, "%s", key);
    return length > 0 && length < CW_H5_PATH;
}

int cw_h5_has_attributes(hid_t object) {
    H5O_info_t info;
#if H5_VERSION_GE(1, 12, 0)
    return H5Oget_info3(object, &info, H5O_INFO_NUM_ATTRS) >= 0 && info.num_attrs > 0;
#elif H5_VERSION_GE(1, 10, 3)
    return H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) >= 0 && info.num_attrs > 0;
#else
    return H5Oget_info(object, &info) >= 0 && info.num_attrs > 0;
#endif
}

int cw_h5_has(hid_t object, const char *prefix, const char *key) {
    char name[CW_H5_PATH];
    return attribute_name(prefix, key, name) && H5Aexists(object, name) > 0;
}

typedef struct cw_attribute {
    hid_t id, type, space;
    hssize_t count;
    size_t size;
    H5T_class_t class;
} cw_attribute;

static void close_attribute(cw_attribute *a) {
    if (a->space >= 0) H5Sclose(a->space);
    if (a->type >= 0) H5Tclose(a->type);
    if (a->id >= 0) H5Aclose(a->id);
    H5Eclear2(H5E_DEFAULT);
}

/* 0 when there is no such attribute or it is empty, too large or not to be understood. */
static int open_attribute(hid_t object, const char *prefix, const char *key, cw_attribute *a) {
    char name[CW_H5_PATH];
    *a = (cw_attribute){.id = -1, .type = -1, .space = -1};
    if (!attribute_name(prefix, key, name) || H5Aexists(object, name) <= 0) return 0;
    a->id = H5Aopen(object, name, H5P_DEFAULT);
    if (a->id >= 0) a->type = H5Aget_type(a->id);
    if (a->id >= 0) a->space = H5Aget_space(a->id);
    if (a->type < 0 || a->space < 0) return 0;
    H5S_class_t extent = H5Sget_simple_extent_type(a->space);
    if (extent != H5S_SCALAR && extent != H5S_SIMPLE) return 0;
    a->count = H5Sget_simple_extent_npoints(a->space);
    a->size = H5Tget_size(a->type);
    a->class = H5Tget_class(a->type);
    return a->count > 0 && a->count <= 1000000 && a->size > 0 && a->size <= CW_H5_TEXT &&
           (int64_t)a->size <= CW_H5_LABEL_BYTES / a->count;
}

void cw_h5_number_text(double value, int whole, int64_t integer, char text[32]) {
    if (whole) {
        snprintf(text, 32, "%lld", (long long)integer);
        return;
    }
    if (value - value == 0)
        cw_shortest(value, text);
    else
        snprintf(text, 32, "%s", value != value ? "nan" : value < 0 ? "-inf" : "inf");
}

static cw_code add_fixed(cw_arena *arena, const cw_attribute *a, const char *bytes, cw_texts *out) {
    int spaces = H5Tget_strpad(a->type) == H5T_STR_SPACEPAD;
    for (hssize_t i = 0; i < a->count; i++) {
        const char *text = bytes + (size_t)i * a->size;
        size_t length = strnlen(text, a->size);
        while (spaces && length && text[length - 1] == ' ') length--;
        CW_TRY(cw_texts_add(arena, out, text, length));
    }
    return CW_OK;
}

static cw_code add_variable(cw_arena *arena, const cw_attribute *a, char *const *text, cw_texts *out) {
    for (hssize_t i = 0; i < a->count; i++) {
        size_t length = text[i] ? strnlen(text[i], CW_H5_TEXT) : 0;
        CW_TRY(cw_texts_add(arena, out, text[i] ? text[i] : "", length));
    }
    return CW_OK;
}

static cw_code texts_of_strings(cw_arena *arena, const cw_attribute *a, cw_texts *out) {
    int variable = H5Tis_variable_str(a->type) > 0;
    char *bytes;
    CW_TRY(cw_alloc_zero(arena->env, (size_t)a->count, variable ? sizeof(char *) : a->size, &bytes));
    cw_code code = CW_OK;
    if (H5Aread(a->id, a->type, bytes) >= 0) {
        code = variable ? add_variable(arena, a, (char *const *)(void *)bytes, out)
                        : add_fixed(arena, a, bytes, out);
        if (variable) H5Dvlen_reclaim(a->type, a->space, H5P_DEFAULT, bytes);
    }
    cw_free(arena->env, &bytes);
    return code;
}

static cw_code texts_of_numbers(cw_arena *arena, const cw_attribute *a, cw_texts *out) {
    int whole = a->class == H5T_INTEGER;
    double *real;
    CW_TRY(cw_alloc_zero(arena->env, (size_t)a->count, 8, &real));
    int64_t *integer = (int64_t *)(void *)real;
    cw_code code = CW_OK;
    if (H5Aread(a->id, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, real) >= 0)
        for (hssize_t i = 0; code == CW_OK && i < a->count; i++) {
            char text[32];
            cw_h5_number_text(whole ? 0 : real[i], whole, whole ? integer[i] : 0, text);
            code = cw_texts_add(arena, out, text, strlen(text));
        }
    cw_free(arena->env, &real);
    return code;
}

cw_code cw_h5_texts(cw_arena *arena, hid_t object, const char *prefix, const char *key, cw_texts *out) {
    cw_attribute a;
    cw_code code = CW_OK;
    *out = (cw_texts){0};
    if (open_attribute(object, prefix, key, &a)) {
        if (a.class == H5T_STRING)
            code = texts_of_strings(arena, &a, out);
        else if (a.class == H5T_INTEGER || a.class == H5T_FLOAT)
            code = texts_of_numbers(arena, &a, out);
    }
    close_attribute(&a);
    return code;
}

cw_code cw_h5_text(cw_arena *arena, hid_t object, const char *prefix, const char *key, char **out) {
    cw_attribute a;
    cw_texts texts = {0};
    cw_code code = CW_OK;
    *out = NULL;
    if (open_attribute(object, prefix, key, &a) && a.class == H5T_STRING && a.count == 1)
        code = texts_of_strings(arena, &a, &texts);
    close_attribute(&a);
    if (code == CW_OK && texts.count == 1) *out = texts.item[0];
    return code;
}

cw_code cw_h5_numbers(cw_arena *arena, hid_t object, const char *prefix, const char *key, int32_t *count,
                      double **out) {
    cw_attribute a;
    cw_code code = CW_OK;
    *out = NULL;
    *count = 0;
    int numeric = open_attribute(object, prefix, key, &a) && (a.class == H5T_INTEGER || a.class == H5T_FLOAT);
    if (numeric && a.count <= CW_H5_NUMBERS) {
        code = cw_arena_take(arena, (size_t)a.count, sizeof **out, out);
        if (code == CW_OK && H5Aread(a.id, H5T_NATIVE_DOUBLE, *out) >= 0) *count = (int32_t)a.count;
    }
    close_attribute(&a);
    return code;
}
