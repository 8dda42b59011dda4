/* HDF5 as untrusted input: no plug-ins, no other files (external links, external storage, virtual datasets),
 * limits on sizes and types before anything is allocated, and HDF5's own printing off. */
#ifndef CW_IO_HDF5_FILE_H
#define CW_IO_HDF5_FILE_H

#include <hdf5.h>

#include "arena.h"

enum {
    CW_H5_PATH = 1024,   /* bytes of a path in a file */
    CW_H5_DEPTH = 32,    /* groups in groups */
    CW_H5_LINKS = 16,    /* soft links followed on the way to one object */
    CW_H5_TEXT = 65536,  /* bytes of one text */
    CW_H5_NUMBERS = 1024 /* numbers in one attribute */
};
#define CW_H5_LABEL_BYTES (256LL << 20) /* of all labels of a column */

/* Opens a file for reading; closing it closes whatever is open in it. CW_NO_INPUT; CW_BAD_DATA names a
 * foreign format with its converter, and what HDF5 finds wrong with a damaged file. */
cw_code cw_h5_open(cw_env *env, const char *name, hid_t *out) CW_CHECKED;
void cw_h5_close(hid_t *file);

/* What HDF5 says about its last failure, in a few words. */
void cw_h5_reason(char *text, size_t size);
/* How such a failure is mended. */
const char *cw_h5_mend(const char *reason);

/* The path by hard links alone of what `path` leads to. CW_NO_INPUT when there is nothing; CW_BAD_DATA for
 * links that leave the file or lead in circles. */
cw_code cw_h5_resolve(cw_env *env, const char *name, hid_t file, const char *path,
                      char out[CW_H5_PATH]) CW_CHECKED;

/* The same for `relative` within an open group whose own path (`folder`) has no links: 1 when it is there. */
int cw_h5_within(const char *name, hid_t file, hid_t group, const char *folder, const char *relative,
                 char out[CW_H5_PATH]);

/* Opens the object at a path (resolved first). */
cw_code cw_h5_object(cw_env *env, const char *name, hid_t file, const char *path, hid_t *out) CW_CHECKED;

/* Attributes of an open object: `key`, or `prefix`.`key` where prefix is not NULL. What is absent or of
 * another nature gives NULL and 0. */
int cw_h5_has_attributes(hid_t object);
int cw_h5_has(hid_t object, const char *prefix, const char *key);
cw_code cw_h5_text(cw_arena *arena, hid_t object, const char *prefix, const char *key, char **out) CW_CHECKED;
cw_code cw_h5_texts(cw_arena *arena, hid_t object, const char *prefix, const char *key,
                    cw_texts *out) CW_CHECKED;
cw_code cw_h5_numbers(cw_arena *arena, hid_t object, const char *prefix, const char *key, int32_t *count,
                      double **out) CW_CHECKED;

/* The links of a group: in order of creation where the file keeps it, else of name. At most `limit`. */
typedef struct cw_h5_links {
    cw_texts name;
    int64_t external; /* index of the first link that leaves the file, or -1 */
} cw_h5_links;
cw_code cw_h5_list(cw_arena *arena, const char *name, hid_t group, int64_t limit,
                   cw_h5_links *out) CW_CHECKED;

/* Writes "FILE:PATH" and whatever else says where, cut to fit. */
void cw_place_text(char where[CW_ERROR_PLACE], const char *format, ...) CW_PRINTF(2, 3);

/* The text of a whole number, or the shortest of a real. */
void cw_h5_number_text(double value, int whole, int64_t integer, char text[32]);

#endif
