/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_heads.h: searching sorted heads of keys: the kernels for searches by order, in an index
 * and in a block, and their scalar twins. SSE2 is part of every x86-64, so the processor's features
 * need not be checked.
 */
#ifndef FIRN_ROW_ROW_HEADS_H
#define FIRN_ROW_ROW_HEADS_H

#include <stdint.h>

#include "base/bytes.h"
#include "firn/types.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

static inline uint64_t
fi_row_heads_at(const uint8_t *heads, size_t i)
{
    return fi_load_le64(heads + 8 * i);
}

/* How many heads are smaller than head, where all of [0, low) are and none of [high, count) is: by
 * halving. */
static inline size_t
fi_row_heads_below_plain(const uint8_t *heads, size_t low, size_t high, uint64_t head)
{
    size_t left = high - low;
    while (left > 1) {
        size_t half = left / 2;
        low += half & -(size_t)(fi_row_heads_at(heads, low + half - 1) < head);
        left -= half;
    }
    return low + (left == 1 && fi_row_heads_at(heads, low) < head);
}

/* The same, guessing first where it lies between the outer two: keys that are spread evenly, as
 * hashes and random ones are, then cost a few cache lines instead of one for each halving. A guess
 * that misses its window only wastes itself, so the worst case stays near that of halving. */
static inline size_t
fi_row_heads_below(const uint8_t *heads, size_t low, size_t high, uint64_t head)
{
    enum { GUESSES = 2, GUESS_FROM = 64 };
    for (int guess = 0; guess < GUESSES && high - low >= GUESS_FROM; guess++) {
        uint64_t first = fi_row_heads_at(heads, low);
        uint64_t last = fi_row_heads_at(heads, high - 1);
        if (head <= first) {
            return low;
        }
        if (head > last) {
            return high;
        }
        /* Rounding may lead astray but never outside: the window is cut to [low, high). */
        size_t width = high - low;
        double share = (double)(head - first) / (double)(last - first);
        size_t at = low + (size_t)(share * (double)(width - 1));
        size_t slack = 8 + width / 64;
        size_t from = at - low > slack ? at - slack : low;
        size_t to = high - at > slack ? at + slack : high;
        if (from > low && fi_row_heads_at(heads, from - 1) >= head) {
            high = from - 1;
        } else if (to < high && fi_row_heads_at(heads, to) < head) {
            low = to + 1;
        } else {
            low = from;
            high = to;
        }
    }
    return fi_row_heads_below_plain(heads, low, high, head);
}

/* ---- short heads: the same in 2 bytes, in blocks ---- */

static inline uint16_t
fi_row_heads_short_of(firn_slice rest)
{
    unsigned head = rest.size > 0 ? (unsigned)rest.data[0] << 8 : 0;
    return (uint16_t)(rest.size > 1 ? head | rest.data[1] : head);
}

/* How many of count short heads, which are sorted, are smaller than head. */
static inline size_t
fi_row_heads_short_below_plain(const uint8_t *heads, size_t count, uint16_t head)
{
    size_t low = 0;
    while (low < count && fi_load_le16(heads + 2 * low) < head) {
        low++;
    }
    return low;
}

static inline size_t
fi_row_heads_short_below(const uint8_t *heads, size_t count, uint16_t head)
{
    enum { LINEAR_MAX = 128 };
    size_t low = 0;
    while (count - low > LINEAR_MAX) {
        size_t middle = low + (count - low) / 2;
        if (fi_load_le16(heads + 2 * middle) < head) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
#if defined(__x86_64__)
    /* Compares as signed numbers, so both sides are shifted down by half. */
    const __m128i half = _mm_set1_epi16(INT16_MIN);
    const __m128i wanted = _mm_xor_si128(_mm_set1_epi16((short)head), half);
    for (; low + 8 <= count; low += 8) {
        __m128i found = _mm_loadu_si128((const __m128i *)(const void *)(heads + 2 * low));
        int smaller = _mm_movemask_epi8(_mm_cmplt_epi16(_mm_xor_si128(found, half), wanted));
        if (smaller != 0xffff) {
            /* They are sorted: the smaller ones are the first ones. */
            return low + (size_t)__builtin_ctz(~(unsigned)smaller) / 2;
        }
    }
#endif
    return low + fi_row_heads_short_below_plain(heads + 2 * low, count - low, head);
}

/* ==== tags ====
 *
 * Which of 16 one-byte tags equal a given one: the kernel of lookups in a block, and its scalar
 * twin. SSE2 is part of every x86-64, so the processor is not asked.
 */

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* Bit i of the result: tags[i] == tag. Reads 16 bytes. */
static inline uint32_t
fi_row_tags_match_portable(const uint8_t *tags, uint8_t tag)
{
    const uint64_t low_bits = UINT64_C(0x0101010101010101);
    const uint64_t high_bits = low_bits << 7;
    uint32_t mask = 0;
    for (size_t half = 0; half < 2; half++) {
        /* A byte is zero where it is equal. The sum carries a high bit out of every other byte,
         * and out of that byte alone. */
        uint64_t differs = fi_load_le64(tags + 8 * half) ^ (low_bits * tag);
        uint64_t equals = ~(((differs & ~high_bits) + ~high_bits) | differs | ~high_bits);
        /* Gathers the eight high bits in the top byte. */
        mask |= (uint32_t)(((equals >> 7) * UINT64_C(0x0102040810204080)) >> 56) << (8 * half);
    }
    return mask;
}

static inline uint32_t
fi_row_tags_match(const uint8_t *tags, uint8_t tag)
{
#if defined(__x86_64__)
    __m128i found = _mm_loadu_si128((const __m128i *)(const void *)tags);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_set1_epi8((char)tag)));
#else
    return fi_row_tags_match_portable(tags, tag);
#endif
}

#endif
