#include "hdf5_type.h"

#include <string.h>
#include <strings.h>

#include "../src/base/sort.h"

static const struct {
    cw_storage storage;
    size_t size;
} elements[] = {
    [CW_E_NONE] = {CW_S_TEXT, 0},  [CW_E_F64] = {CW_S_F64, 8},       [CW_E_F32] = {CW_S_F32, 4},
    [CW_E_I8] = {CW_S_I8, 1},      [CW_E_I16] = {CW_S_I16, 2},       [CW_E_I32] = {CW_S_I32, 4},
    [CW_E_I64] = {CW_S_I64, 8},    [CW_E_U8] = {CW_S_U8, 1},         [CW_E_U16] = {CW_S_U16, 2},
    [CW_E_U32] = {CW_S_U32, 4},    [CW_E_U64] = {CW_S_I64, 8},       [CW_E_ODD] = {CW_S_F64, 0},
    [CW_E_FIXED] = {CW_S_TEXT, 0}, [CW_E_VARIABLE] = {CW_S_TEXT, 0},
};

static void set(cw_stored *out, cw_element element, cw_kind kind) {
    out->element = element;
    out->storage = elements[element].storage;
    out->kind = kind;
}

static void refuse(cw_stored *out, const char *why) {
    set(out, CW_E_NONE, CW_TEXT);
    out->why = why;
}

static int native_is_big(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static cw_code take_float(cw_arena *arena, hid_t type, cw_stored *out) {
    static const cw_element of[2] = {CW_E_F32, CW_E_F64};
    const hid_t ieee[2][2] = {{H5T_IEEE_F32LE, H5T_IEEE_F32BE}, {H5T_IEEE_F64LE, H5T_IEEE_F64BE}};
    for (int i = 0; i < 2; i++)
        for (int big = 0; big < 2; big++)
            if (H5Tequal(type, ieee[i][big]) > 0) {
                set(out, of[i], CW_REAL);
                out->swap = big != native_is_big();
                return CW_OK;
            }
    if (out->size > 16) {
        refuse(out, "floats of more than 16 bytes");
        return CW_OK;
    }
    set(out, CW_E_ODD, CW_REAL);
    out->odd = H5Tcopy(type);
    if (out->odd >= 0) return CW_OK;
    return cw_fail(arena->env, CW_IO, NULL, NULL, "HDF5 cannot copy a type");
}

static void take_integer(hid_t type, cw_stored *out) {
    static const cw_element of[2][9] = {{[1] = CW_E_U8, [2] = CW_E_U16, [4] = CW_E_U32, [8] = CW_E_U64},
                                        {[1] = CW_E_I8, [2] = CW_E_I16, [4] = CW_E_I32, [8] = CW_E_I64}};
    H5T_order_t order = H5Tget_order(type);
    int plain = out->size <= 8 && H5Tget_precision(type) == 8 * out->size && H5Tget_offset(type) == 0 &&
                (order == H5T_ORDER_LE || order == H5T_ORDER_BE);
    int is_signed = H5Tget_sign(type) == H5T_SGN_2;
    cw_element element = plain ? of[is_signed][out->size] : CW_E_NONE;
    if (element == CW_E_NONE) {
        refuse(out, "integers that are not of 1, 2, 4 or 8 whole bytes");
        return;
    }
    set(out, element, CW_INTEGER);
    out->swap = out->size > 1 && (order == H5T_ORDER_BE) != native_is_big();
}

static int is_boolean(const cw_stored *out) {
    return out->labels == 2 && out->value[0] == 0 && out->value[1] == 1 &&
           !strcasecmp(out->label[0], "false") && !strcasecmp(out->label[1], "true");
}

typedef struct cw_enumerated {
    int64_t value;
    char *label;
} cw_enumerated;

static int by_value(const void *a, const void *b, void *self) {
    (void)self;
    const cw_enumerated *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static cw_code take_member(cw_arena *arena, hid_t type, unsigned m, const cw_stored *out,
                           cw_enumerated *one) {
    char bytes[16] = {0};
    char *name = H5Tget_member_name(type, m);
    cw_code code = CW_OK;
    if (!name || H5Tget_member_value(type, m, bytes) < 0)
        code = cw_fail(arena->env, CW_BAD_DATA, NULL, NULL, "an enumeration cannot be read");
    if (code == CW_OK) code = cw_arena_copy(arena, name, &one->label);
    if (name) H5free_memory(name);
    if (code == CW_OK) cw_decode_integers(out, bytes, 8, 1, &one->value);
    return code;
}

/* In order of value: writers list members in any order. */
static cw_code take_members(cw_arena *arena, hid_t type, int members, cw_stored *out) {
    cw_enumerated *member;
    CW_TRY(cw_arena_take(arena, (size_t)members, sizeof *member, &member));
    CW_TRY(cw_arena_take(arena, (size_t)members, sizeof *out->label, &out->label));
    CW_TRY(cw_arena_take(arena, (size_t)members, sizeof *out->value, &out->value));
    for (int i = 0; i < members; i++) CW_TRY(take_member(arena, type, (unsigned)i, out, &member[i]));
    CW_TRY(cw_sort(arena->env, member, members, sizeof *member, by_value, NULL));
    for (int i = 0; i < members; i++) {
        out->label[i] = member[i].label;
        out->value[i] = member[i].value;
    }
    out->labels = members;
    return CW_OK;
}

static cw_code take_enumeration(cw_arena *arena, hid_t type, cw_stored *out) {
    hid_t base = H5Tget_super(type);
    int members = H5Tget_nmembers(type);
    if (base >= 0) {
        take_integer(base, out);
        H5Tclose(base);
    }
    if (base < 0 || members <= 0 || members > 65536 || out->element == CW_E_NONE) {
        refuse(out, "an enumeration that is empty or of unusual integers");
        return CW_OK;
    }
    CW_TRY(take_members(arena, type, members, out));
    out->kind = CW_CATEGORY;
    if (is_boolean(out)) {
        out->kind = CW_BINARY;
        out->labels = 0;
    }
    return CW_OK;
}

/* h5py keeps numpy's datetime64 and timedelta64 as 8 opaque bytes with a tag. */
static void take_opaque(hid_t type, cw_stored *out) {
    char *tag = H5Tget_tag(type);
    int times =
        tag && !strncmp(tag, "NUMPY:", 6) && (strstr(tag, "M8") || strstr(tag, "m8")) && out->size == 8;
    int big = tag && strchr(tag, '>');
    if (tag) H5free_memory(tag);
    if (!times) {
        refuse(out, "opaque bytes");
        return;
    }
    set(out, CW_E_I64, CW_TIME);
    out->swap = big != native_is_big();
}

static void take_text(hid_t type, cw_stored *out) {
    int variable = H5Tis_variable_str(type) > 0;
    if (!variable && out->size > CW_H5_TEXT) {
        refuse(out, "texts of more than 65536 bytes");
        return;
    }
    set(out, variable ? CW_E_VARIABLE : CW_E_FIXED, CW_TEXT);
    out->spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
}

cw_code cw_stored_of(cw_arena *arena, hid_t type, cw_stored *out) {
    *out = (cw_stored){.odd = -1, .size = H5Tget_size(type)};
    H5T_class_t class = H5Tget_class(type);
    if (out->size == 0) class = H5T_NO_CLASS;
    switch (class) {
    case H5T_FLOAT:
        return take_float(arena, type, out);
    case H5T_INTEGER:
        take_integer(type, out);
        return CW_OK;
    case H5T_ENUM:
        return take_enumeration(arena, type, out);
    case H5T_STRING:
        take_text(type, out);
        return CW_OK;
    case H5T_OPAQUE:
        take_opaque(type, out);
        return CW_OK;
    case H5T_BITFIELD:
        if (out->size == 1)
            set(out, CW_E_U8, CW_BINARY);
        else
            refuse(out, "bit fields");
        return CW_OK;
    case H5T_VLEN:
        refuse(out, "lists of varying length (or Python objects, which pandas pickles)");
        return CW_OK;
    case H5T_COMPOUND:
        refuse(out, "records within records (or complex numbers)");
        return CW_OK;
    case H5T_ARRAY:
        refuse(out, "arrays within a row");
        return CW_OK;
    case H5T_REFERENCE:
        refuse(out, "references");
        return CW_OK;
    default:
        refuse(out, "a type that is not known");
        return CW_OK;
    }
}

void cw_stored_close(cw_stored *stored) {
    if (stored->odd >= 0) H5Tclose(stored->odd);
    stored->odd = -1;
}

int cw_stored_is_float(const cw_stored *stored) {
    return stored->element == CW_E_F64 || stored->element == CW_E_F32 || stored->element == CW_E_ODD;
}

int cw_stored_is_text(const cw_stored *stored) {
    return stored->element == CW_E_FIXED || stored->element == CW_E_VARIABLE;
}

/* -- decoding -- */

static uint16_t swap16(uint16_t x) {
    return (uint16_t)(x << 8 | x >> 8);
}
static uint32_t swap32(uint32_t x) {
    return x << 24 | (x & 0xff00u) << 8 | (x >> 8 & 0xff00u) | x >> 24;
}
static uint64_t swap64(uint64_t x) {
    return (uint64_t)swap32((uint32_t)x) << 32 | swap32((uint32_t)(x >> 32));
}

/* Bits are loaded by memcpy (a record may leave values unaligned) and then read as the element's type. */
#define LOOP(bits, type, to_type, turn)                                                                      \
    for (int64_t i = 0; i < n; i++) {                                                                        \
        bits word;                                                                                           \
        type value;                                                                                          \
        memcpy(&word, from + (size_t)i * stride, sizeof word);                                               \
        word = turn(word);                                                                                   \
        memcpy(&value, &word, sizeof value);                                                                 \
        to[i] = (to_type)value;                                                                              \
    }
#define SAME(x) (x)
#define EITHER(bits, type, to_type, turn)                                                                    \
    if (stored->swap) {                                                                                      \
        LOOP(bits, type, to_type, turn)                                                                      \
    } else if (stride == sizeof(bits)) {                                                                     \
        stride = sizeof(bits); /* a constant the compiler vectorises by */                                   \
        LOOP(bits, type, to_type, SAME)                                                                      \
    } else {                                                                                                 \
        LOOP(bits, type, to_type, SAME)                                                                      \
    }                                                                                                        \
    break

void cw_decode_reals(const cw_stored *stored, const char *from, size_t stride, int64_t n, double *to) {
    switch (stored->element) {
    case CW_E_F64:
        if (!stored->swap && stride == 8) {
            memcpy(to, from, (size_t)n * 8);
            break;
        }
        EITHER(uint64_t, double, double, swap64);
    case CW_E_F32:
        EITHER(uint32_t, float, double, swap32);
    case CW_E_I8:
        EITHER(uint8_t, int8_t, double, SAME);
    case CW_E_I16:
        EITHER(uint16_t, int16_t, double, swap16);
    case CW_E_I32:
        EITHER(uint32_t, int32_t, double, swap32);
    case CW_E_I64:
        EITHER(uint64_t, int64_t, double, swap64);
    case CW_E_U8:
        EITHER(uint8_t, uint8_t, double, SAME);
    case CW_E_U16:
        EITHER(uint16_t, uint16_t, double, swap16);
    case CW_E_U32:
        EITHER(uint32_t, uint32_t, double, swap32);
    case CW_E_U64:
        EITHER(uint64_t, uint64_t, double, swap64);
    default:
        break;
    }
}

int64_t cw_decode_integers(const cw_stored *stored, const char *from, size_t stride, int64_t n, int64_t *to) {
    switch (stored->element) {
    case CW_E_I8:
        EITHER(uint8_t, int8_t, int64_t, SAME);
    case CW_E_I16:
        EITHER(uint16_t, int16_t, int64_t, swap16);
    case CW_E_I32:
        EITHER(uint32_t, int32_t, int64_t, swap32);
    case CW_E_I64:
    case CW_E_U64:
        EITHER(uint64_t, int64_t, int64_t, swap64);
    case CW_E_U8:
        EITHER(uint8_t, uint8_t, int64_t, SAME);
    case CW_E_U16:
        EITHER(uint16_t, uint16_t, int64_t, swap16);
    case CW_E_U32:
        EITHER(uint32_t, uint32_t, int64_t, swap32);
    default:
        break;
    }
    if (stored->element == CW_E_U64)
        for (int64_t i = 0; i < n; i++)
            if (to[i] < 0) return i;
    return -1;
}

void cw_decode_text(const cw_stored *stored, const char *from, const char **text, size_t *length) {
    *text = NULL;
    *length = 0;
    if (stored->element == CW_E_VARIABLE) {
        memcpy(text, from, sizeof *text);
        if (*text) *length = strnlen(*text, CW_H5_TEXT);
    } else if (stored->element == CW_E_FIXED) {
        *text = from;
        *length = strnlen(from, stored->size);
        while (stored->spaces && *length && from[*length - 1] == ' ') *length -= 1;
    }
}
