#include "utf8.h"

/* The well-formed sequences of the Unicode standard, table 3-7: only the second byte's range depends on the
 * first. */
size_t cw_utf8_length(const char *text, size_t length) {
    const unsigned char *byte = (const unsigned char *)text;
    if (length == 0 || byte[0] == 0) return 0;
    if (byte[0] < 0x80) return 1;
    if (byte[0] < 0xC2 || byte[0] > 0xF4) return 0;
    size_t bytes = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    if (length < bytes) return 0;
    unsigned low = byte[0] == 0xE0 ? 0xA0 : byte[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = byte[0] == 0xED ? 0x9F : byte[0] == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < low || byte[1] > high) return 0;
    for (size_t i = 2; i < bytes; i++)
        if (byte[i] < 0x80 || byte[i] > 0xBF) return 0;
    return bytes;
}
