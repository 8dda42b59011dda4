/* UTF-8, one character at a time: what is written to a screen or a JSON file is always valid. */
#ifndef CW_IO_UTF8_H
#define CW_IO_UTF8_H

#include <stddef.h>

/* Bytes (1 to 4) of the valid UTF-8 character at `text`, or 0 where there is none: overlong forms,
 * surrogates, code points above U+10FFFF and characters cut short (by `length` or by a 0) are not valid. */
size_t cw_utf8_length(const char *text, size_t length);

#endif
