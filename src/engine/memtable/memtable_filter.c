/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_filter.c: a Bloom filter beside a large memtable.
 *
 * A get asks the memtables first, and most often in vain: what it looks for is older. Finding that
 * out in the tree costs a way down to a leaf that lies in slow memory. The filter says it after one
 * cache line: each key has four bits of one line of 64 bytes, so that at eight bits a key about one
 * key in thirty that is absent is let through.
 *
 * A small table has none: its nodes are in the processor's caches. Once a table has FILTER_FROM
 * entries, what an entry takes on average tells how many will come before the table has the bytes
 * that are expected of it, and so the size of the filter; what is there already is added to it. If
 * more keys come than was thought, more of the absent are let through.
 *
 * (I1) A key's bits are set before its entry is in the tree. Entries count for a reader when their
 *      sequence is published, after that; so a reader that must find an entry finds its bits. The
 *      bits themselves need no order: they are set once and never taken away.
 *
 * One writer, which sets bits with plain loads and stores of relaxed atomics; readers beside it.
 */
#include "memtable/memtable_internal.h"

#include "base/check.h"
#include "base/mem.h"

enum {
    LINE_SIZE = 64,
    FILTER_FROM = 2048,
    BITS_PER_KEY = 8,
    SIZE_PART = 8 /* of the table's bytes, at most */
};

_Static_assert(FIRN_MEMTABLE_FILTER_LINE_WORDS * 8 == LINE_SIZE, "a line is one of the caches'");

void
firn_memtable_filter_deinit(struct firn_memtable *table)
{
    firn_free(atomic_load_explicit(&table->filter, memory_order_relaxed));
}

static size_t
size_of(size_t line_count)
{
    return sizeof(struct firn_memtable_filter) + LINE_SIZE + line_count * LINE_SIZE;
}

size_t
firn_memtable_filter_size_bytes(const struct firn_memtable *table)
{
    const struct firn_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_relaxed);
    return filter == NULL ? 0 : size_of(filter->line_count);
}

static void
set_bits(const struct firn_memtable_filter *filter, firn_slice key)
{
    uint64_t hash = firn_memtable_filter_hash(key);
    _Atomic uint64_t *line = firn_memtable_filter_line(filter, hash);
    for (size_t i = 0; i < FIRN_MEMTABLE_FILTER_KEY_BITS; i++) {
        uint64_t bit;
        size_t word = firn_memtable_filter_bit(hash, i, &bit);
        uint64_t bits = atomic_load_explicit(&line[word], memory_order_relaxed);
        atomic_store_explicit(&line[word], bits | bit, memory_order_relaxed);
    }
}

/* Lines for the entries that the table will have, if they go on as they began. */
static size_t
choose_line_count(const struct firn_memtable *table)
{
    size_t entry_bytes = firn_memtable_size_bytes(table) / firn_memtable_entry_count(table) + 1;
    size_t bytes = table->filter_table_bytes / entry_bytes * BITS_PER_KEY / 8;
    size_t bytes_max = table->filter_table_bytes / SIZE_PART;
    size_t lines = (bytes < bytes_max ? bytes : bytes_max) / LINE_SIZE + 1;
    return lines < UINT32_MAX ? lines : UINT32_MAX;
}

static struct firn_memtable_filter *
create(size_t line_count)
{
    struct firn_memtable_filter *filter = firn_alloc_zeroed(size_of(line_count));
    if (filter != NULL) {
        uint8_t *after = (uint8_t *)(filter + 1);
        filter->words = (_Atomic uint64_t *)(void *)(after + (-(uintptr_t)after & (LINE_SIZE - 1)));
        DCHECK((uintptr_t)(filter->words + line_count * FIRN_MEMTABLE_FILTER_LINE_WORDS) <=
               (uintptr_t)filter + size_of(line_count));
        filter->line_count = line_count;
    }
    return filter;
}

static void
begin(struct firn_memtable *table)
{
    DCHECK(atomic_load_explicit(&table->filter, memory_order_relaxed) == NULL);
    struct firn_memtable_cursor cursor;
    struct firn_memtable_filter *filter = create(choose_line_count(table));
    /* With or without one: this is tried once. */
    table->filter_table_bytes = 0;
    if (filter == NULL) {
        return;
    }
    firn_memtable_cursor_init(&cursor, table);
    for (firn_memtable_cursor_first(&cursor); cursor.is_valid; firn_memtable_cursor_next(&cursor)) {
        set_bits(filter, cursor.entry.key);
    }
    /* Pairs with the load in firn_memtable_filter_may_hold: what was set above is there. */
    atomic_store_explicit(&table->filter, filter, memory_order_release);
}

void
firn_memtable_filter_add(struct firn_memtable *table, firn_slice key)
{
    if (table->filter_table_bytes > 0 && firn_memtable_entry_count(table) >= FILTER_FROM) {
        begin(table);
    }
    const struct firn_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_relaxed);
    if (filter != NULL) {
        set_bits(filter, key);
    }
    DCHECK(firn_memtable_filter_may_hold(table, key)); /* (I1) */
}
