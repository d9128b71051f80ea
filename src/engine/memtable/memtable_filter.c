/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_filter.c: a Bloom filter for a large memtable.
 *
 * A get asks the memtables first, but most keys are older and not there. Finding that out in the
 * tree costs a descent to a leaf in slow memory. The filter needs one cache line: each key has four
 * bits in one line of 64 bytes, so that with eight bits for each key about one absent key in thirty
 * passes.
 *
 * A small table has none: its nodes are in the processor's caches. Once a table has FILTER_FROM
 * entries, their average size shows how many entries the table will have at its expected size in
 * bytes, which determines the size of the filter; existing keys are added to it. If more keys come
 * than estimated, more absent keys pass.
 *
 * (I1) A key's bits are set before its entry is in the tree. Readers see an entry only after its
 *      sequence is published, which is later still; so a reader that must find an entry finds its
 *      bits. The bits themselves need no order: they are set once and never cleared.
 *
 * One writer, which sets bits with separate relaxed loads and stores, and concurrent readers.
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

_Static_assert(FI_MEMTABLE_FILTER_LINE_WORDS * 8 == LINE_SIZE, "a line is one of the caches'");

void
fi_memtable_filter_deinit(struct fi_memtable *table)
{
    fi_free(atomic_load_explicit(&table->filter, memory_order_relaxed));
}

static size_t
size_of(size_t line_count)
{
    return sizeof(struct fi_memtable_filter) + LINE_SIZE + line_count * LINE_SIZE;
}

size_t
fi_memtable_filter_size_bytes(const struct fi_memtable *table)
{
    const struct fi_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_relaxed);
    return filter == NULL ? 0 : size_of(filter->line_count);
}

static void
set_bits(const struct fi_memtable_filter *filter, firn_slice key)
{
    uint64_t hash = fi_memtable_filter_hash(key);
    _Atomic uint64_t *line = fi_memtable_filter_line(filter, hash);
    for (size_t i = 0; i < FI_MEMTABLE_FILTER_KEY_BITS; i++) {
        uint64_t bit;
        size_t word = fi_memtable_filter_bit(hash, i, &bit);
        uint64_t bits = atomic_load_explicit(&line[word], memory_order_relaxed);
        atomic_store_explicit(&line[word], bits | bit, memory_order_relaxed);
    }
}

static size_t
entry_count_of(const struct fi_memtable *table)
{
    return atomic_load_explicit(&table->entry_count, memory_order_relaxed);
}

/* The number of lines for the entries that the table will have, if their average size stays the
 * same. */
static size_t
choose_line_count(const struct fi_memtable *table)
{
    size_t table_bytes = atomic_load_explicit(&table->size_bytes, memory_order_relaxed);
    size_t entry_bytes = table_bytes / entry_count_of(table) + 1;
    size_t bytes = table->filter_table_bytes / entry_bytes * BITS_PER_KEY / 8;
    size_t bytes_max = table->filter_table_bytes / SIZE_PART;
    size_t lines = (bytes < bytes_max ? bytes : bytes_max) / LINE_SIZE + 1;
    return lines < UINT32_MAX ? lines : UINT32_MAX;
}

static struct fi_memtable_filter *
memtable_filter_create(size_t line_count)
{
    struct fi_memtable_filter *filter = fi_alloc_zeroed(size_of(line_count));
    if (filter != NULL) {
        uint8_t *after = (uint8_t *)(filter + 1);
        filter->words = (_Atomic uint64_t *)(void *)(after + (-(uintptr_t)after & (LINE_SIZE - 1)));
        DCHECK((uintptr_t)(filter->words + line_count * FI_MEMTABLE_FILTER_LINE_WORDS) <=
               (uintptr_t)filter + size_of(line_count));
        filter->line_count = line_count;
    }
    return filter;
}

static void
memtable_filter_begin(struct fi_memtable *table)
{
    DCHECK(atomic_load_explicit(&table->filter, memory_order_relaxed) == NULL);
    struct fi_memtable_cursor cursor;
    struct fi_memtable_filter *filter = memtable_filter_create(choose_line_count(table));
    /* With or without success: this is tried once. */
    table->filter_table_bytes = 0;
    if (filter == NULL) {
        return;
    }
    fi_memtable_cursor_init(&cursor, table);
    for (fi_memtable_cursor_first(&cursor); cursor.is_valid; fi_memtable_cursor_next(&cursor)) {
        set_bits(filter, cursor.entry.key);
    }
    /* Pairs with the load in fi_memtable_filter_may_hold: the bits set above are visible. */
    atomic_store_explicit(&table->filter, filter, memory_order_release);
}

void
fi_memtable_filter_add(struct fi_memtable *table, firn_slice key)
{
    if (table->filter_table_bytes > 0 && entry_count_of(table) >= FILTER_FROM) {
        memtable_filter_begin(table);
    }
    const struct fi_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_relaxed);
    if (filter != NULL) {
        set_bits(filter, key);
    }
    DCHECK(fi_memtable_filter_may_hold(table, key)); /* (I1) */
}
