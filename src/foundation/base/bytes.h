/* SPDX-License-Identifier: Apache-2.0
 *
 * base/bytes.h: integers in bytes. Everything on disk is little-endian; nothing maps a struct onto
 * bytes.
 */
#ifndef FIRN_BASE_BYTES_H
#define FIRN_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "firn has been written for little-endian machines"
#endif

static inline uint16_t
fi_load_le16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint32_t
fi_load_le32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint64_t
fi_load_le64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline void
fi_store_le16(uint8_t *bytes, uint16_t value)
{
    memcpy(bytes, &value, sizeof value);
}

static inline void
fi_store_le32(uint8_t *bytes, uint32_t value)
{
    memcpy(bytes, &value, sizeof value);
}

static inline void
fi_store_le64(uint8_t *bytes, uint64_t value)
{
    memcpy(bytes, &value, sizeof value);
}

/* Big-endian where the order of bytes must be the order of numbers: in keys. */
static inline uint32_t
fi_load_be32(const uint8_t *bytes)
{
    return __builtin_bswap32(fi_load_le32(bytes));
}

static inline uint64_t
fi_load_be64(const uint8_t *bytes)
{
    return __builtin_bswap64(fi_load_le64(bytes));
}

static inline void
fi_store_be32(uint8_t *bytes, uint32_t value)
{
    fi_store_le32(bytes, __builtin_bswap32(value));
}

static inline void
fi_store_be64(uint8_t *bytes, uint64_t value)
{
    fi_store_le64(bytes, __builtin_bswap64(value));
}

static inline bool
fi_bytes_are_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* A varint is LEB128: seven bits a byte, the low ones first, 0x80 on all but the last. Read by
 * base/reader.h. */
enum { FI_VARINT_SIZE_MAX = 10 };

static inline size_t
fi_varint_size(uint64_t value)
{
    /* A seventh of the bits, rounded up; 9/64 is close enough up to 64 bits. */
    size_t bits = 64 - (size_t)__builtin_clzll(value | 1);
    return (bits * 9 + 64) / 64;
}

/* How many bits are set. (The compiler's own way is a call where the processor may lack the
 * instruction.) */
static inline size_t
fi_count_bits(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (size_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* Writes fi_varint_size(value) bytes; returns how many that were. */
static inline size_t
fi_store_varint(uint8_t *bytes, uint64_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    return size;
}

#endif
