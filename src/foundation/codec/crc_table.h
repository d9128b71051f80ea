/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/crc_table.h: 32-bit CRCs from tables, for any polynomial whose bits are reflected. Only
 * files of this folder include it.
 *
 * One byte is looked up at a time (Sarwate, "Computation of cyclic redundancy checks via table
 * look-up", 1988). Few processors use these twins for more than a few bytes, so the tables stay
 * small. Entry i is the register that contains i after a zero byte. The table is linear: entry i is
 * the sum of the entries of i's bits, so macros expand 8 numbers to all 256 at compile time.
 */
#ifndef FIRN_CODEC_CRC_TABLE_H
#define FIRN_CODEC_CRC_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define FI_CRC_TABLE_BIT(index, bit, number) (((index) >> (bit)) & 1 ? UINT32_C(number) : 0)
#define FI_CRC_TABLE_1(index, a, b, c, d, e, f, g, h)                \
    (FI_CRC_TABLE_BIT(index, 0, a) ^ FI_CRC_TABLE_BIT(index, 1, b) ^ \
     FI_CRC_TABLE_BIT(index, 2, c) ^ FI_CRC_TABLE_BIT(index, 3, d) ^ \
     FI_CRC_TABLE_BIT(index, 4, e) ^ FI_CRC_TABLE_BIT(index, 5, f) ^ \
     FI_CRC_TABLE_BIT(index, 6, g) ^ FI_CRC_TABLE_BIT(index, 7, h))
#define FI_CRC_TABLE_4(i, ...)                                            \
    FI_CRC_TABLE_1(i, __VA_ARGS__), FI_CRC_TABLE_1((i) + 1, __VA_ARGS__), \
        FI_CRC_TABLE_1((i) + 2, __VA_ARGS__), FI_CRC_TABLE_1((i) + 3, __VA_ARGS__)
#define FI_CRC_TABLE_16(i, ...)                                           \
    FI_CRC_TABLE_4(i, __VA_ARGS__), FI_CRC_TABLE_4((i) + 4, __VA_ARGS__), \
        FI_CRC_TABLE_4((i) + 8, __VA_ARGS__), FI_CRC_TABLE_4((i) + 12, __VA_ARGS__)
#define FI_CRC_TABLE_64(i, ...)                                              \
    FI_CRC_TABLE_16(i, __VA_ARGS__), FI_CRC_TABLE_16((i) + 16, __VA_ARGS__), \
        FI_CRC_TABLE_16((i) + 32, __VA_ARGS__), FI_CRC_TABLE_16((i) + 48, __VA_ARGS__)
/* One table, from its entries for the bytes 1, 2, 4, ... 128. */
#define FI_CRC_TABLE(...)                                                        \
    {                                                                            \
        FI_CRC_TABLE_64(0, __VA_ARGS__), FI_CRC_TABLE_64(64, __VA_ARGS__),       \
            FI_CRC_TABLE_64(128, __VA_ARGS__), FI_CRC_TABLE_64(192, __VA_ARGS__) \
    }

/* The register after some bytes. A register is the value of the checksum before its bits are
 * inverted. */
static inline uint32_t
fi_crc_table_update(const uint32_t table[256], uint32_t reg, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (; size > 0; at++, size--) {
        reg = table[(reg ^ *at) & 0xff] ^ (reg >> 8);
    }
    return reg;
}

#endif
