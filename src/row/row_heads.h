/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_heads.h: searching sorted 8-byte heads: the kernel of lookups in an index, and its plain
 * twin.
 */
#ifndef FIRN_ROW_ROW_HEADS_H
#define FIRN_ROW_ROW_HEADS_H

#include "base/bytes.h"
#include "firn/types.h"

/* The first 8 bytes of what is left of a key, as a number of the same order; shorter ones are
 * filled up with zeros. */
static inline uint64_t
firn_row_heads_of(firn_slice rest)
{
    uint8_t bytes[8] = {0};
    if (rest.size >= sizeof bytes) {
        return firn_load_be64(rest.data);
    }
    if (rest.size > 0) {
        memcpy(bytes, rest.data, rest.size);
    }
    return firn_load_be64(bytes);
}

static inline uint64_t
firn_row_heads_at(const uint8_t *heads, size_t i)
{
    return firn_load_le64(heads + 8 * i);
}

/* How many of the first count heads are smaller than head, all of [0, low) being smaller and
 * none of [high, count). */
static inline size_t
firn_row_heads_below_plain(const uint8_t *heads, size_t low, size_t high, uint64_t head)
{
    size_t left = high - low;
    while (left > 1) {
        size_t half = left / 2;
        low += half & -(size_t)(firn_row_heads_at(heads, low + half - 1) < head);
        left -= half;
    }
    return low + (left == 1 && firn_row_heads_at(heads, low) < head);
}

#endif
