/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/crc32c.c: CRC-32C with the processor's instruction, and a twin that uses a table.
 *
 * The checksum is the one of RFC 3720 (iSCSI): the polynomial 0x1EDC6F41, bits reflected, the
 * register inverted before and after. Inside this file a register is the value that is not
 * inverted.
 *
 * The instruction takes 8 bytes each cycle but answers after three, so one stream of bytes leaves
 * two thirds of it idle. Blocks of three equal lanes are therefore run side by side: lane A starts
 * with the register so far, B and C with zero. A register is a polynomial, and a lane that is
 * followed by n bytes counts x^(8n) times; so the block's register is A·x^(16n) + B·x^(8n) + C,
 * modulo the polynomial. One carry-less multiplication by a constant does each shift: the product
 * of two reflected 32-bit numbers has 63 bits, and feeding it to the instruction as 8 bytes
 * multiplies by another x^33 while it reduces, which the constants take back (they are x^(8n-33)
 * and x^(16n-33)). The method is that of Gopal and others, "Fast CRC computation for iSCSI
 * polynomial using CRC32 instruction" (Intel, 2011). Two lane lengths serve: the long one for bulk,
 * the short one because log records have a few hundred bytes.
 *
 * The twin looks bytes up in a table (crc_table.h).
 *
 * Each call chooses between the two by a variable that is set before main (cpu.h). The tests
 * compare both with a bit-by-bit computation at many lengths and alignments.
 */
#include "codec/crc32c.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/cpu.h"
#include "codec/crc_table.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/* ---- from a table ---- */

static const uint32_t table[256] = FI_CRC_TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
                                                0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78);

uint32_t
fi_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    DCHECK(data != NULL || size == 0);
    return ~fi_crc_table_update(table, ~crc, data, size);
}

/* ---- by instruction ---- */

#if defined(__x86_64__)

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

enum {
    LANE_LONG = 1024,
    LANE_SHORT = 64,
    BLOCK_LONG = 3 * LANE_LONG,
    BLOCK_SHORT = 3 * LANE_SHORT
};

/* x^(16n-33) in the high half and x^(8n-33) in the low one, for lanes of n bytes. */
struct lane {
    size_t size;
    uint64_t shift_two;
    uint64_t shift_one;
};
static const struct lane lane_long = {LANE_LONG, 0xa51b6135, 0x170076fa};
static const struct lane lane_short = {LANE_SHORT, 0x0d3b6092, 0x9e4addf8};

/* The product of two polynomials of 32 bits. */
HARDWARE static inline uint64_t
multiply(uint64_t a, uint64_t b)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)b), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* Runs one block of three lanes. */
HARDWARE static inline uint64_t
run_block(uint64_t reg, const uint8_t *at, const struct lane *lane)
{
    uint64_t a = reg;
    uint64_t b = 0;
    uint64_t c = 0;
    const uint8_t *end = at + lane->size;
    for (; at < end; at += 8) {
        a = _mm_crc32_u64(a, fi_load_le64(at));
        b = _mm_crc32_u64(b, fi_load_le64(at + lane->size));
        c = _mm_crc32_u64(c, fi_load_le64(at + 2 * lane->size));
    }
    return _mm_crc32_u64(0, multiply(a, lane->shift_two) ^ multiply(b, lane->shift_one)) ^ c;
}

HARDWARE static uint32_t
crc32c_hardware(uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t reg = (uint32_t)~crc;
    for (; size >= BLOCK_LONG; at += BLOCK_LONG, size -= BLOCK_LONG) {
        reg = run_block(reg, at, &lane_long);
    }
    for (; size >= BLOCK_SHORT; at += BLOCK_SHORT, size -= BLOCK_SHORT) {
        reg = run_block(reg, at, &lane_short);
    }
    for (; size >= 8; at += 8, size -= 8) {
        reg = _mm_crc32_u64(reg, fi_load_le64(at));
    }
    for (; size > 0; at++, size--) {
        reg = _mm_crc32_u8((uint32_t)reg, *at);
    }
    return (uint32_t)~reg;
}

uint32_t
fi_crc32c(uint32_t crc, const void *data, size_t size)
{
    if (fi_cpu_has(FI_CPU_CRC)) {
        return crc32c_hardware(crc, data, size);
    }
    return fi_crc32c_portable(crc, data, size);
}

#elif defined(__ARM_FEATURE_CRC32)

uint32_t
fi_crc32c(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t reg = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        reg = __crc32cd(reg, fi_load_le64(at));
    }
    for (; size > 0; at++, size--) {
        reg = __crc32cb(reg, *at);
    }
    return ~reg;
}

#else

uint32_t
fi_crc32c(uint32_t crc, const void *data, size_t size)
{
    return fi_crc32c_portable(crc, data, size);
}

#endif
