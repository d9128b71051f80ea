/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_tags.h: which of 16 one-byte tags equal a given one: the kernel of lookups in a block,
 * and its scalar twin. SSE2 is part of every x86-64, so nothing is asked of the processor.
 */
#ifndef FIRN_ROW_ROW_TAGS_H
#define FIRN_ROW_ROW_TAGS_H

#include <stdint.h>

#include "base/bytes.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* Bit i of the result: tags[i] == tag. Reads 16 bytes. */
static inline uint32_t
firn_row_tags_match_portable(const uint8_t *tags, uint8_t tag)
{
    const uint64_t low_bits = UINT64_C(0x0101010101010101);
    const uint64_t high_bits = low_bits << 7;
    uint32_t mask = 0;
    for (size_t half = 0; half < 2; half++) {
        /* A byte is zero where it is equal. The sum carries a high bit out of every other byte,
         * and out of that byte alone. */
        uint64_t differs = firn_load_le64(tags + 8 * half) ^ (low_bits * tag);
        uint64_t equals = ~(((differs & ~high_bits) + ~high_bits) | differs | ~high_bits);
        /* Gathers the eight high bits in the top byte. */
        mask |= (uint32_t)(((equals >> 7) * UINT64_C(0x0102040810204080)) >> 56) << (8 * half);
    }
    return mask;
}

static inline uint32_t
firn_row_tags_match(const uint8_t *tags, uint8_t tag)
{
#if defined(__x86_64__)
    __m128i found = _mm_loadu_si128((const __m128i *)(const void *)tags);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_set1_epi8((char)tag)));
#else
    return firn_row_tags_match_portable(tags, tag);
#endif
}

#endif
