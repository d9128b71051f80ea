/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_filter.h: whether a memtable can hold a key at all, for one cache line.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_FILTER_H
#define FIRN_MEMTABLE_MEMTABLE_FILTER_H

#include "codec/xxh3.h"
#include "memtable/memtable_node.h"

enum { FIRN_MEMTABLE_FILTER_LINE_WORDS = 8, FIRN_MEMTABLE_FILTER_KEY_BITS = 4 };

/* A key's bits are in one of the lines, one in each pair of its words. */
struct firn_memtable_filter {
    size_t line_count;
    _Atomic uint64_t *words; /* at a cache line */
};

/* Before the entry is added: the writer's. Never fails: without memory there is no filter. */
void firn_memtable_filter_add(struct firn_memtable *table, firn_slice key);
/* With the table. */
void firn_memtable_filter_deinit(struct firn_memtable *table);
/* All memory of the filter. */
size_t firn_memtable_filter_size_bytes(const struct firn_memtable *table);

static inline uint64_t
firn_memtable_filter_hash(firn_slice key)
{
    return firn_xxh3(key.data, key.size, 0);
}

/* The upper half of the hash picks the line, the lower the bits. */
static inline _Atomic uint64_t *
firn_memtable_filter_line(const struct firn_memtable_filter *filter, uint64_t hash)
{
    return filter->words +
           (size_t)(((hash >> 32) * filter->line_count) >> 32) * FIRN_MEMTABLE_FILTER_LINE_WORDS;
}

/* The i-th of a key's bits: which word of the line (seven bits of the hash number a bit of a pair of
 * words), and the bit in it. */
static inline size_t
firn_memtable_filter_bit(uint64_t hash, size_t i, uint64_t *out_bit)
{
    uint64_t number = hash >> (7 * i) & 127;
    *out_bit = UINT64_C(1) << (number & 63);
    return 2 * i + (size_t)(number >> 6);
}

/* false: no version of the key is in the table, or none that was there when what the caller sees was
 * published. Any thread. */
static inline bool
firn_memtable_filter_may_hold(const struct firn_memtable *table, firn_slice key)
{
    /* Pairs with the store in begin (memtable_filter.c). */
    const struct firn_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_acquire);
    if (filter == NULL) {
        return true;
    }
    uint64_t hash = firn_memtable_filter_hash(key);
    const _Atomic uint64_t *line = firn_memtable_filter_line(filter, hash);
    for (size_t i = 0; i < FIRN_MEMTABLE_FILTER_KEY_BITS; i++) {
        uint64_t bit;
        size_t word = firn_memtable_filter_bit(hash, i, &bit);
        if ((atomic_load_explicit(&line[word], memory_order_relaxed) & bit) == 0) {
            return false;
        }
    }
    return true;
}

#endif
