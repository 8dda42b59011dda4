/* Whole files: read with a limit, replaced atomically (temporary name, fsync, rename, fsync of the folder).
 */
#ifndef CW_IO_FILE_H
#define CW_IO_FILE_H

#include "../src/base/env.h"

/* Reads a whole file of at most `limit` bytes; *text is terminated by a 0 not counted in *length.
 * CW_NO_INPUT, CW_IO, CW_BAD_DATA (too long). */
cw_code cw_file_read(cw_env *env, const char *file, size_t limit, char **text, size_t *length) CW_CHECKED;

/* Writes or replaces a file; a reader sees the old bytes or the new ones. CW_CANNOT_WRITE. */
cw_code cw_file_replace(cw_env *env, const char *file, const void *data, size_t length) CW_CHECKED;

/* The two halves of a replacement, for writers that stream: a name beside `file` that no other process uses
 * (cw_free it), and the rename onto `file` with an fsync of the folder. CW_CANNOT_WRITE. */
cw_code cw_file_temporary(cw_env *env, const char *file, char **out) CW_CHECKED;
cw_code cw_file_install(cw_env *env, const char *temporary, const char *file) CW_CHECKED;

/* Makes a folder and its parents (mode 0700 for the last). CW_CANNOT_WRITE. */
cw_code cw_folder_make(cw_env *env, const char *folder) CW_CHECKED;

/* Removes what a killed run left half-written: files of a folder whose names end in .tmp. Only for who holds
 * the folder's lock. A folder that is not there is clean. */
cw_code cw_folder_sweep(cw_env *env, const char *folder) CW_CHECKED;

int cw_file_exists(const char *file);

/* folder/name, or name alone where it is absolute or folder is empty; cw_free it. */
cw_code cw_path_join(cw_env *env, const char *folder, const char *name, char **out) CW_CHECKED;

#endif
