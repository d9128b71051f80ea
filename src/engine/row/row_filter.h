/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_filter.h: a Bloom filter of one cache line a key: whether a run can hold a key at all.
 *
 * Looking: any thread. A builder: one.
 */
#ifndef FIRN_ROW_ROW_FILTER_H
#define FIRN_ROW_ROW_FILTER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/xxh3.h"
#include "row/row_format.h"

enum { FIRN_ROW_FILTER_BITS_PER_KEY = 10 };

/* What may be believed of a filter's bytes: any, if there is a whole number of lines. Its signature
 * is that of firn_block_cache_check. */
FIRN_MUST_CHECK int firn_row_filter_check(firn_slice raw, firn_error *err);

/* The hash by which keys are known here and by their tags. */
static inline uint64_t
firn_row_filter_hash(firn_slice key)
{
    return firn_xxh3(key.data, key.size, 0);
}

/* A key's line, by the upper half of its hash. */
static inline size_t
firn_row_filter_line(uint64_t key_hash, size_t line_count)
{
    return (size_t)(((key_hash >> 32) * line_count) >> 32);
}

/* A key's eight bits, one in each 8-byte word of its line: word i has bit (bits >> 6·i) & 63. */
static inline uint64_t
firn_row_filter_bits(uint64_t key_hash)
{
    return (key_hash * UINT64_C(0x9e3779b97f4a7c15)) >> 16;
}

static inline void
firn_row_filter_prefetch(firn_slice raw, uint64_t key_hash)
{
    size_t line = firn_row_filter_line(key_hash, raw.size / FIRN_ROW_FORMAT_LINE_SIZE);
    __builtin_prefetch(raw.data + line * FIRN_ROW_FORMAT_LINE_SIZE);
}

/* false: no key with this hash was added. */
static inline bool
firn_row_filter_may_contain(firn_slice raw, uint64_t key_hash)
{
    size_t line = firn_row_filter_line(key_hash, raw.size / FIRN_ROW_FORMAT_LINE_SIZE);
    const uint8_t *words = raw.data + line * FIRN_ROW_FORMAT_LINE_SIZE;
    uint64_t bits = firn_row_filter_bits(key_hash);
    for (unsigned i = 0; i < FIRN_ROW_FORMAT_LINE_SIZE / 8; i++, bits >>= 6) {
        if (((firn_load_le64(words + 8 * (size_t)i) >> (bits & 63)) & 1) == 0) {
            return false;
        }
    }
    return true;
}

/* Replaces the contents of out with the filter of these keys, at FIRN_ROW_FILTER_BITS_PER_KEY as
 * far as one block of a file allows. */
FIRN_MUST_CHECK int firn_row_filter_encode(const uint64_t *key_hashes, size_t count,
                                           struct firn_buf *out);
/* What that has. */
size_t firn_row_filter_size_bytes(size_t count);

#endif
