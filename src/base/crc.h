/* CRC-32C (Castagnoli): the same number by the CPU's instruction and by table. */
#ifndef CW_BASE_CRC_H
#define CW_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Of `length` bytes that follow bytes whose CRC is `crc` (0 at the start). */
uint32_t cw_crc32c(uint32_t crc, const void *data, size_t length);

/* Of A followed by B, from the CRCs of A and of B and B's length. */
uint32_t cw_crc32c_join(uint32_t a, uint32_t b, uint64_t length_b);

#endif
