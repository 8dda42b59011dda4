/* Patterns for names of files and of HDF5 paths: * ? [a-z] [!a-z], by bytes, whatever the locale. None of
 * them matches a slash, and a leading dot is matched only by a dot. */
#ifndef CW_IO_PATTERN_H
#define CW_IO_PATTERN_H

#include "arena.h"

/* 1 when the text has a character that makes it a pattern. */
int cw_pattern_is(const char *text);

/* 1 when `name` (`length` bytes without a slash) matches the pattern (`size` bytes without a slash). */
int cw_pattern_match(const char *pattern, size_t size, const char *name, size_t length);

/* Adds the files that match, in bytewise order; a file of exactly that name wins over the pattern.
 * CW_NO_INPUT when there is none. */
cw_code cw_pattern_files(cw_arena *arena, const char *pattern, cw_texts *files) CW_CHECKED;

#endif
