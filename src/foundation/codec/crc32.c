/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/crc32.c: CRC-32 by carry-less multiplication, and a twin that uses a table.
 *
 * The checksum is the one of IEEE 802.3, gzip and PNG: the polynomial 0x04C11DB7, bits reflected,
 * the register inverted before and after. x86-64 has no instruction for this polynomial (the one
 * that crc32c.c uses has its polynomial built in); ARMv8 has one.
 *
 * On x86-64 long inputs are folded. 64 bytes are four lanes of 128 bits. A lane that is followed by
 * n more bits counts x^n times, modulo the polynomial, so a lane can be multiplied by x^512 and
 * added to the next 64 bytes: two carry-less multiplications, one for each half of the lane, by
 * constants that were reduced beforehand. When fewer than 64 bytes are left the four lanes become
 * one in the same way, with x^128. Its 16 bytes have the same remainder as everything that was
 * folded into them; the table continues from there. For reflected bits the constants are x^(n+32)
 * and x^(n-32), shifted left by one. The method is that of Gopal and others, "Fast CRC computation
 * for generic polynomials using PCLMULQDQ instruction" (Intel, 2009).
 *
 * The twin looks bytes up in a table (crc_table.h); it also takes short inputs and tails.
 *
 * Each call chooses between the two by cpu.h, as in crc32c.c. The tests compare both with a
 * bit-by-bit computation at many lengths and alignments.
 */
#include "codec/crc32.h"

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

static const uint32_t table[256] = FI_CRC_TABLE(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832,
                                                0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320);

uint32_t
fi_crc32_portable(uint32_t crc, const void *data, size_t size)
{
    DCHECK(data != NULL || size == 0);
    return ~fi_crc_table_update(table, ~crc, data, size);
}

/* ---- by multiplication, or by instruction ---- */

#if defined(__x86_64__)

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

enum { LANE_SIZE = 16, LANES = 4, BLOCK_SIZE = LANES * LANE_SIZE };

HARDWARE static inline __m128i
load_lane(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* The lane, moved by the distance that the constants stand for, plus what is there. */
HARDWARE static inline __m128i
fold(__m128i lane, __m128i shift, __m128i there)
{
    __m128i low = _mm_clmulepi64_si128(lane, shift, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, shift, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* size is at least a block. */
HARDWARE static uint32_t
fold_all(uint32_t reg, const uint8_t *at, size_t size)
{
    DCHECK(size >= BLOCK_SIZE);
    /* x^(512-32) and x^(512+32); x^(128-32) and x^(128+32). */
    const __m128i by_block = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_lane = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i lanes[LANES];
    for (size_t i = 0; i < LANES; i++) {
        lanes[i] = load_lane(at + i * LANE_SIZE);
    }
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)reg));
    for (at += BLOCK_SIZE, size -= BLOCK_SIZE; size >= BLOCK_SIZE;
         at += BLOCK_SIZE, size -= BLOCK_SIZE) {
        for (size_t i = 0; i < LANES; i++) {
            lanes[i] = fold(lanes[i], by_block, load_lane(at + i * LANE_SIZE));
        }
    }
    for (size_t i = 1; i < LANES; i++) {
        lanes[i] = fold(lanes[i - 1], by_lane, lanes[i]);
    }
    uint8_t last[LANE_SIZE];
    _mm_storeu_si128((__m128i *)(void *)last, lanes[LANES - 1]);
    reg = fi_crc_table_update(table, 0, last, sizeof last);
    return fi_crc_table_update(table, reg, at, size);
}

uint32_t
fi_crc32(uint32_t crc, const void *data, size_t size)
{
    if (size >= BLOCK_SIZE && fi_cpu_has(FI_CPU_CRC)) {
        return ~fold_all(~crc, data, size);
    }
    return fi_crc32_portable(crc, data, size);
}

#elif defined(__ARM_FEATURE_CRC32)

uint32_t
fi_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t reg = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        reg = __crc32d(reg, fi_load_le64(at));
    }
    for (; size > 0; at++, size--) {
        reg = __crc32b(reg, *at);
    }
    return ~reg;
}

#else

uint32_t
fi_crc32(uint32_t crc, const void *data, size_t size)
{
    return fi_crc32_portable(crc, data, size);
}

#endif
