#include "csv_labels.h"

#include <string.h>

#include "../src/base/decimal.h"

void cw_labels_init(cw_labels *labels, cw_env *env) {
    *labels = (cw_labels){.env = env};
}

void cw_labels_free(cw_labels *labels) {
    cw_free(labels->env, &labels->slot);
    cw_free(labels->env, &labels->text);
    cw_labels_init(labels, labels->env);
}

/* Two rounds of multiply and fold a word; only speed depends on it, never a result. */
static uint64_t stir(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

uint64_t cw_label_hash(const char *text, size_t length) {
    uint64_t hash = length;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) hash = stir(hash, cw_load8(text + i));
    if (i < length) hash = stir(hash, cw_load8(text + i) & (((uint64_t)1 << (8 * (length - i))) - 1));
    return hash;
}

int32_t cw_labels_find(const cw_labels *labels, const char *text, size_t length, uint64_t hash) {
    if (labels->slots == 0) return CW_LABEL_NEW;
    for (uint32_t i = (uint32_t)hash & (labels->slots - 1);; i = (i + 1) & (labels->slots - 1)) {
        const cw_label *label = &labels->slot[i];
        if (!label->used) return CW_LABEL_NEW;
        if (label->hash == hash && label->length == length && !memcmp(labels->text + label->at, text, length))
            return label->code;
    }
}

static void place(cw_label *slot, uint32_t slots, const cw_label *label) {
    uint32_t i = (uint32_t)label->hash & (slots - 1);
    while (slot[i].used) i = (i + 1) & (slots - 1);
    slot[i] = *label;
}

static cw_code grow(cw_labels *labels, size_t length) {
    if (2 * (labels->filled + 1) > labels->slots) {
        uint32_t slots = labels->slots ? 2 * labels->slots : 64;
        cw_label *slot = NULL;
        CW_TRY(cw_alloc_zero(labels->env, slots, sizeof *slot, &slot));
        for (uint32_t i = 0; i < labels->slots; i++)
            if (labels->slot[i].used) place(slot, slots, &labels->slot[i]);
        cw_free(labels->env, &labels->slot);
        labels->slot = slot;
        labels->slots = slots;
    }
    if (!labels->text || labels->length + length > labels->room) {
        uint32_t room = 2 * labels->room + (uint32_t)length + 1024;
        CW_TRY(cw_realloc(labels->env, room, 1, &labels->text));
        labels->room = room;
    }
    return CW_OK;
}

cw_code cw_labels_add(cw_labels *labels, const char *text, size_t length, uint64_t hash, int missing) {
    if (!missing && (labels->count == CW_LABELS_MOST || labels->bytes + (int64_t)length > CW_LABELS_BYTES)) {
        labels->full = 1;
        return CW_OK;
    }
    CW_TRY(grow(labels, length));
    cw_label label = {hash, labels->length, (uint32_t)length, missing ? CW_LABEL_MISSING : labels->count, 1};
    if (length) memcpy(labels->text + labels->length, text, length);
    labels->length += (uint32_t)length;
    labels->count += !missing;
    labels->bytes += missing ? 0 : (int64_t)length;
    labels->filled++;
    place(labels->slot, labels->slots, &label);
    return CW_OK;
}

cw_code cw_labels_joined(const cw_labels *labels, char **out, size_t *length) {
    const cw_label **by_code = NULL;
    *out = NULL;
    *length = 0;
    if (labels->count == 0) return CW_OK;
    CW_TRY(cw_alloc(labels->env, (size_t)labels->count, sizeof *by_code, &by_code));
    for (uint32_t i = 0; i < labels->slots; i++)
        if (labels->slot[i].used && labels->slot[i].code >= 0) {
            by_code[labels->slot[i].code] = &labels->slot[i];
            *length += labels->slot[i].length + 1;
        }
    cw_code code = cw_alloc(labels->env, *length, 1, out);
    char *to = *out;
    for (int32_t c = 0; c < labels->count && code == CW_OK; c++) {
        memcpy(to, labels->text + by_code[c]->at, by_code[c]->length);
        to += by_code[c]->length;
        *to++ = '\0';
    }
    cw_free(labels->env, &by_code);
    return code;
}

int cw_label_compare(const void *a, const void *b, void *self) {
    (void)self;
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y); /* by unsigned bytes: C11 7.24.4 */
}
