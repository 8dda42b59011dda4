#include "sort.h"

#include <string.h>

/* Runs of this many elements are sorted by insertion before merging begins. */
enum { SORT_RUN = 8 };

typedef struct sorter {
    size_t size;
    cw_compare compare;
    void *self;
} sorter;

/* Copies one element. The common sizes become single moves. */
static inline void copy_element(char *to, const char *from, size_t size) {
    switch (size) {
    case 8:
        memcpy(to, from, 8);
        return;
    case 16:
        memcpy(to, from, 16);
        return;
    case 24:
        memcpy(to, from, 24);
        return;
    default:
        memcpy(to, from, size);
    }
}

/* Sorts data[0 .. count-1] in place; `spare` holds one element. Equal elements never pass each other. */
static void insertion_sort(const sorter *s, char *data, size_t count, char *spare) {
    for (size_t i = 1; i < count; i++) {
        char *here = data + i * s->size;
        char *to = here;
        while (to > data && s->compare(to - s->size, here, s->self) > 0) to -= s->size;
        if (to == here) continue;
        copy_element(spare, here, s->size);
        memmove(to + s->size, to, (size_t)(here - to));
        copy_element(to, spare, s->size);
    }
}

/* Merges left = from[0 .. middle) and right = from[middle .. end) (bytes) into `to`; ties go to the left. */
static void merge_runs(const sorter *s, const char *from, size_t middle, size_t end, char *to) {
    const char *left = from, *left_end = from + middle;
    const char *right = left_end, *right_end = from + end;
    if (middle < end && s->compare(left_end - s->size, right, s->self) > 0) {
        while (left < left_end && right < right_end) {
            const char **take = s->compare(left, right, s->self) <= 0 ? &left : &right;
            copy_element(to, *take, s->size);
            *take += s->size;
            to += s->size;
        }
    }
    memcpy(to, left, (size_t)(left_end - left));
    memcpy(to + (left_end - left), right, (size_t)(right_end - right));
}

cw_code cw_sort(cw_env *env, void *data, int64_t count, size_t size, cw_compare compare, void *self) {
    if (count < 2 || size == 0) return CW_OK;
    char *work;
    CW_TRY(cw_alloc(env, (size_t)count, size, &work));
    const sorter s = {size, compare, self};
    const size_t bytes = (size_t)count * size;
    const size_t run = SORT_RUN * size;
    char *from = data, *to = work;
    for (size_t start = 0; start < bytes; start += run) {
        size_t length = bytes - start < run ? bytes - start : run;
        insertion_sort(&s, from + start, length / size, work);
    }
    for (size_t width = run; width < bytes; width *= 2) {
        for (size_t start = 0; start < bytes; start += 2 * width) {
            size_t end = bytes - start < 2 * width ? bytes - start : 2 * width;
            merge_runs(&s, from + start, width < end ? width : end, end, to + start);
        }
        char *swap = from;
        from = to;
        to = swap;
    }
    if (from == work) memcpy(data, work, bytes);
    cw_free(env, &work);
    return CW_OK;
}
