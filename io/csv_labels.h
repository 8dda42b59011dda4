/* The distinct texts of a column, each with a provisional code in order of appearance. */
#ifndef CW_IO_CSV_LABELS_H
#define CW_IO_CSV_LABELS_H

#include "../src/base/env.h"

enum {
    CW_LABELS_MOST = 1000000,       /* distinct texts of one column, and */
    CW_LABELS_BYTES = 64 << 20,     /* their bytes; a column beyond either is left out */
    CW_LABELS_CATEGORIES = 1 << 16, /* up to here a column is a category, above it is text */
    CW_LABEL_MISSING = -1,
    CW_LABEL_NEW = -2
};

typedef struct cw_label {
    uint64_t hash;
    uint32_t at, length; /* in `text` */
    int32_t code;        /* or CW_LABEL_MISSING */
    int32_t used;
} cw_label;

typedef struct cw_labels {
    cw_env *env;
    cw_label *slot; /* open addressing; a power of two of them */
    uint32_t slots, filled;
    char *text;
    uint32_t length, room;
    int64_t bytes; /* of the texts with codes */
    int32_t count; /* codes given so far */
    int32_t full;  /* a label was turned away: the column has too many */
} cw_labels;

void cw_labels_init(cw_labels *labels, cw_env *env);
void cw_labels_free(cw_labels *labels);

/* `text` must be readable for 8 bytes beyond its end. */
uint64_t cw_label_hash(const char *text, size_t length);

/* The code of a text, CW_LABEL_MISSING, or CW_LABEL_NEW. */
int32_t cw_labels_find(const cw_labels *labels, const char *text, size_t length, uint64_t hash);

/* Adds a text that was not found; `missing`: it means missing and gets no code. Beyond the limits `full` is
 * set and nothing added. */
cw_code cw_labels_add(cw_labels *labels, const char *text, size_t length, uint64_t hash,
                      int missing) CW_CHECKED;

/* The texts with codes, each terminated by 0, in order of code; *out is cw_free'd by the caller. */
cw_code cw_labels_joined(const cw_labels *labels, char **out, size_t *length) CW_CHECKED;

/* Bytewise order of unsigned bytes, shorter first; for cw_sort of `const char *`. */
int cw_label_compare(const void *a, const void *b, void *self);

#endif
