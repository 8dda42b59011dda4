#include <string.h>

#include "../src/base/sort.h"
#include "import_inside.h"

/* Adds `bytes` bytes of texts, each ended by a 0, to the set. */
static cw_code add_texts(cw_labels *set, const char *texts, size_t bytes) {
    for (size_t at = 0; at < bytes;) {
        size_t length = strlen(texts + at);
        /* Hashing looks ahead by 8 bytes: through a copy where that would leave the block. */
        char last[8 + 1] = {0};
        const char *text = texts + at;
        if (at + length + 8 > bytes && length < 8) text = memcpy(last, text, length);
        char *copy = NULL;
        if (at + length + 8 > bytes && length >= 8) {
            CW_TRY(cw_alloc_zero(set->env, length + 8, 1, &copy));
            text = memcpy(copy, text, length);
        }
        uint64_t hash = cw_label_hash(text, length);
        cw_code code = CW_OK;
        if (cw_labels_find(set, text, length, hash) == CW_LABEL_NEW)
            code = cw_labels_add(set, text, length, hash, 0);
        cw_free(set->env, &copy);
        CW_TRY(code);
        at += length + 1;
    }
    return CW_OK;
}

/* The texts of one slice (by hash) of this rank's labels. */
static cw_code slice_of(const cw_labels *labels, int64_t slice, int64_t slices, char **out, size_t *bytes) {
    *bytes = 0;
    *out = NULL;
    for (int write = 0; write < 2; write++) {
        if (write) CW_TRY(cw_alloc(labels->env, *bytes, 1, out));
        char *to = *out;
        for (uint32_t i = 0; i < labels->slots; i++) {
            const cw_label *label = &labels->slot[i];
            if (!label->used || label->code < 0) continue;
            if ((int64_t)(label->hash >> 33) % slices != slice) continue;
            if (!write) *bytes += label->length + 1;
            if (!write) continue;
            memcpy(to, labels->text + label->at, label->length);
            to += label->length;
            *to++ = '\0';
        }
    }
    return CW_OK;
}

/* Rank 0 collects the labels of all ranks, a slice at a time so that its memory stays bounded. */
static cw_code collect(cw_importer *import, cw_import_column *column, cw_labels *set) {
    int64_t bytes = column->labels.bytes + column->labels.count;
    CW_TRY(cw_all_sum(import->context, &bytes, 1));
    int64_t slices = bytes / CW_LABELS_BYTES + 1;
    cw_code code = CW_OK;
    for (int64_t s = 0; s < slices && code == CW_OK; s++) {
        char *mine = NULL;
        void *all = NULL;
        size_t size, *sizes = NULL, ranks = (size_t)cw_context_size(import->context);
        code = slice_of(&column->labels, s, slices, &mine, &size);
        if (code == CW_OK) code = cw_alloc(import->env, ranks, sizeof *sizes, &sizes);
        code = cw_agree(import->context, code);
        if (code == CW_OK) code = cw_gather(import->context, mine, size, &all, sizes);
        if (code == CW_OK && cw_context_rank(import->context) == 0) {
            size_t total = 0;
            for (size_t r = 0; r < ranks; r++) total += sizes[r];
            if (!set->full) code = add_texts(set, all, total);
        }
        code = cw_agree(import->context, code);
        cw_free(import->env, &all);
        cw_free(import->env, &sizes);
        cw_free(import->env, &mine);
    }
    return code;
}

/* Rank 0: the collected texts in order, joined. */
static cw_code sorted_texts(const cw_labels *set, char **out, size_t *bytes) {
    char *texts = NULL, **text = NULL;
    size_t count = (size_t)set->count;
    *out = NULL;
    CW_TRY(cw_labels_joined(set, &texts, bytes));
    cw_code code = cw_alloc(set->env, count, sizeof *text, &text);
    char *from = texts;
    for (size_t i = 0; i < count && code == CW_OK; i++, from += strlen(from) + 1) text[i] = from;
    if (code == CW_OK) code = cw_sort(set->env, text, (int64_t)count, sizeof *text, cw_label_compare, NULL);
    if (code == CW_OK) code = cw_alloc(set->env, *bytes, 1, out);
    char *to = *out;
    for (size_t i = 0; i < count && code == CW_OK; i++) {
        size_t length = strlen(text[i]) + 1;
        memcpy(to, text[i], length);
        to += length;
    }
    cw_free(set->env, &text);
    cw_free(set->env, &texts);
    return code;
}

static cw_code point_at(cw_env *env, cw_import_column *column, size_t bytes) {
    column->categories = 0;
    cw_free(env, &column->category);
    for (size_t i = 0; i < bytes; i++) column->categories += column->joined[i] == '\0';
    CW_TRY(cw_alloc(env, (size_t)column->categories, sizeof *column->category, &column->category));
    char *from = column->joined;
    for (int32_t i = 0; i < column->categories; i++, from += strlen(from) + 1) column->category[i] = from;
    column->distinct = column->categories;
    return CW_OK;
}

static cw_code merge(cw_importer *import, cw_import_column *column) {
    cw_labels set;
    void *joined = NULL;
    size_t bytes = 0;
    cw_labels_init(&set, import->env);
    cw_code code = collect(import, column, &set);
    int64_t full = set.full;
    if (code == CW_OK) code = cw_all_max(import->context, &full, 1);
    if (code == CW_OK && full) {
        column->left_out = 1;
    } else if (code == CW_OK) {
        char *sorted = NULL;
        if (cw_context_rank(import->context) == 0) code = sorted_texts(&set, &sorted, &bytes);
        joined = sorted;
        code = cw_agree(import->context, code);
        if (code == CW_OK) code = cw_broadcast_alloc(import->context, &joined, &bytes);
        cw_free(import->env, &column->joined);
        column->joined = joined;
        if (code == CW_OK) code = point_at(import->env, column, bytes);
        code = cw_agree(import->context, code);
    }
    cw_labels_free(&set);
    return code;
}

cw_code cw_import_merge_labels(cw_importer *import) {
    for (int32_t c = 0; c < import->columns; c++) {
        cw_import_column *column = &import->column[c];
        int64_t full = column->labels.full;
        if (column->lane.kind != CW_LANE_LABEL) continue;
        CW_TRY(cw_all_max(import->context, &full, 1));
        if (full)
            column->left_out = 1;
        else
            CW_TRY(merge(import, column));
    }
    return CW_OK;
}

/* Where the text of each provisional code stands among the sorted ones. */
static cw_code final_codes(cw_importer *import, const cw_import_column *column, int64_t **out) {
    char *texts = NULL;
    size_t bytes;
    CW_TRY(cw_labels_joined(&column->labels, &texts, &bytes));
    cw_code code = cw_alloc(import->env, (size_t)column->labels.count, sizeof **out, out);
    const char *text = texts;
    for (int32_t i = 0; i < column->labels.count && code == CW_OK; i++, text += strlen(text) + 1) {
        int32_t low = 0, high = column->categories - 1;
        while (low < high) {
            int32_t middle = low + (high - low) / 2;
            if (strcmp(column->category[middle], text) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        (*out)[i] = low;
    }
    cw_free(import->env, &texts);
    return code;
}

#define CW_RECODE(type, missing)                                                                             \
    do {                                                                                                     \
        type *code = stored;                                                                                 \
        for (int64_t i = 0; i < rows; i++)                                                                   \
            if (code[i] != (missing)) code[i] = (type)map[code[i]];                                          \
    } while (0)

static cw_code recode(cw_importer *import, const cw_import_column *column, const int64_t *map) {
    void *stored = import->stored;
    for (int64_t row = import->first, end = row + import->mine; row < end; row += import->batch) {
        int64_t rows = end - row < import->batch ? end - row : import->batch;
        CW_TRY(cw_canonical_get(import->table, column->target, row, rows, stored));
        if (column->choice.storage == CW_S_U8) CW_RECODE(uint8_t, UINT8_MAX);
        if (column->choice.storage == CW_S_U16) CW_RECODE(uint16_t, UINT16_MAX);
        if (column->choice.storage == CW_S_U32) CW_RECODE(uint32_t, UINT32_MAX);
        CW_TRY(cw_canonical_put(import->table, column->target, row, rows, stored));
    }
    return CW_OK;
}

cw_code cw_import_recode(cw_importer *import) {
    for (int32_t c = 0; c < import->columns; c++) {
        cw_import_column *column = &import->column[c];
        int64_t *map = NULL;
        if (column->lane.kind != CW_LANE_LABEL) continue;
        CW_TRY(final_codes(import, column, &map));
        cw_code code = recode(import, column, map);
        cw_free(import->env, &map);
        CW_TRY(code);
    }
    return CW_OK;
}
