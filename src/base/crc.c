#include "crc.h"

#include <string.h>

#include "cpu.h"

/* The reflected Castagnoli polynomial. */
#define CW_CRC_POLYNOMIAL 0x82F63B78u

/* Four bits at a time: the 16 remainders are few enough to be written down (tested against the definition).
 */
static const uint32_t nibble[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
    0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u, 0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};

static uint32_t by_table(uint32_t crc, const unsigned char *byte, size_t length) {
    for (size_t i = 0; i < length; i++) {
        crc ^= byte[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *byte,
                                                                 size_t length) {
    uint64_t state = crc;
    for (; length >= 8; length -= 8, byte += 8) {
        uint64_t word;
        memcpy(&word, byte, 8);
        state = __builtin_ia32_crc32di(state, word);
    }
    crc = (uint32_t)state;
    for (; length > 0; length--, byte++) crc = __builtin_ia32_crc32qi(crc, *byte);
    return crc;
}
#endif

uint32_t cw_crc32c(uint32_t crc, const void *data, size_t length) {
#if defined(__x86_64__)
    /* A CPU with AVX2 has SSE 4.2. */
    if (cw_cpu_level() != CW_CPU_PLAIN) return ~by_instruction(~crc, data, length);
#endif
    return ~by_table(~crc, data, length);
}

/* a * b modulo the polynomial, bits reflected (bit 31 is x^0). */
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? b >> 1 ^ CW_CRC_POLYNOMIAL : b >> 1;
    }
    return product;
}

/* Appending n zero bytes multiplies the remainder by x^(8n). */
uint32_t cw_crc32c_join(uint32_t a, uint32_t b, uint64_t length_b) {
    uint32_t power = 0x00800000u; /* x^8 */
    for (uint64_t n = length_b; n; n >>= 1) {
        if (n & 1) a = multiply(power, a);
        power = multiply(power, power);
    }
    return a ^ b;
}
