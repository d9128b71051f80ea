/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable.h: the newest writes of one tree, sorted by key, then by sequence with the
 * newest first.
 *
 * One writer at a time (the caller serializes), and any number of concurrent readers without locks.
 * Entries are immutable and live as long as the memtable, and so do slices that a reader gets.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_H
#define FIRN_MEMTABLE_MEMTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/snapshot.h"
#include "firn/types.h"
#include "os/os_pages.h"
#include "threads/os_thread.h"

struct fi_memtable;
struct fi_memtable_pool;

#define FI_MEMTABLE_VALUE_SIZE_MAX UINT32_MAX

FIRN_MUST_CHECK int fi_memtable_create(struct fi_memtable **out, firn_error *err);
void fi_memtable_destroy(struct fi_memtable *table);
/* From now on a large table takes memory from the pool. Requires: the pool outlives the table. */
void fi_memtable_use_pool(struct fi_memtable *table, struct fi_memtable_pool *pool);

/* Says at how many bytes the table will be replaced, which determines the size of the filter of its
 * keys. To be called before the first entry; without it there is no filter. */
void fi_memtable_expect(struct fi_memtable *table, size_t bytes_max);

/* Copies key, value and `logged`. Requires: sizes within the limits above. FIRN_EXISTS if (key,
 * sequence) is there already; then, and on FIRN_NO_MEMORY, the table is unchanged. A
 * FI_ENTRY_RANGE_DELETE goes to the table's ranges: get, count and cursors do not see it, and it
 * may be there twice. */
FIRN_MUST_CHECK int fi_memtable_add(struct fi_memtable *table, const struct fi_entry *entry,
                                    firn_error *err);

/* Reserves memory for that many more entries, whose keys and values have content_bytes together, so
 * that adding them does not fail. This is certain for one entry. For more entries, their own memory
 * is certain, and there are spare nodes for 16 splits and one for every 16 insertions: only a batch
 * that goes mostly into full nodes can still run out. */
FIRN_MUST_CHECK int fi_memtable_reserve(struct fi_memtable *table, size_t entry_count,
                                        size_t content_bytes, firn_error *err);

/* The same for range deletes, certain for any number; content_bytes is the size of their bounds. */
FIRN_MUST_CHECK int fi_memtable_reserve_ranges(struct fi_memtable *table, size_t range_count,
                                               size_t content_bytes, firn_error *err);

/* The table's range deletes. Any thread, as range_set.h says. */
const struct fi_range_set *fi_memtable_ranges(const struct fi_memtable *table);

/* The newest version of key that snapshot sees, tombstones included; false if there is none.
 * Ignores range deletes. Any thread. */
bool fi_memtable_get(const struct fi_memtable *table, firn_slice key,
                     const struct fi_snapshot *snapshot, struct fi_entry *out);

/* Prefetches the place of an entry that will be added later; the last two prepared entries are
 * remembered. Changes nothing that others see, and is optional. */
void fi_memtable_prepare(struct fi_memtable *table, firn_slice key, uint64_t sequence);

size_t fi_memtable_entry_count(const struct fi_memtable *table);
/* All memory that the table holds, ranges included. */
size_t fi_memtable_size_bytes(const struct fi_memtable *table);

/* A position among the entries, all versions included. In the caller's memory, borrowed from the
 * table; one thread. A writer may add entries meanwhile, which the cursor may or may not meet; it
 * meets all older ones. */
struct fi_memtable_cursor {
    const struct fi_memtable *table;
    struct fi_entry entry; /* valid while is_valid */
    bool is_valid;
    void *node; /* the implementation's */
    size_t slot;
    uint64_t version;
};

void fi_memtable_cursor_init(struct fi_memtable_cursor *cursor, const struct fi_memtable *table);
/* Moves to the first entry at or after (key, sequence) in table order: a sequence of UINT64_MAX is
 * before all versions. */
void fi_memtable_cursor_seek(struct fi_memtable_cursor *cursor, firn_slice key, uint64_t sequence);
/* Moves to the last entry before (key, sequence) in table order. */
void fi_memtable_cursor_seek_before(struct fi_memtable_cursor *cursor, firn_slice key,
                                    uint64_t sequence);
void fi_memtable_cursor_first(struct fi_memtable_cursor *cursor);
void fi_memtable_cursor_last(struct fi_memtable_cursor *cursor);
/* Only while valid. */
void fi_memtable_cursor_next(struct fi_memtable_cursor *cursor);
void fi_memtable_cursor_prev(struct fi_memtable_cursor *cursor);

/* ==== a pool of chunks of memory in large pages, reused by memtables ==== */

/* The unused chunks of all tables of a store. Embedded; any thread. */
struct fi_memtable_pool {
    struct fi_os *os;
    struct fi_os_mutex mutex;
    struct fi_memtable_chunk *free; /* linked by next */
    size_t free_count;
    size_t free_max; /* chunks that the largest table given back had */
    atomic_bool is_low;
};

enum {
    FI_MEMTABLE_POOL_CHUNK_SIZE = FI_OS_PAGES_LARGE_SIZE,
    FI_MEMTABLE_POOL_AHEAD = 2 /* chunks to have ready before they are needed */
};

/* At the beginning of its own memory. */
struct fi_memtable_chunk {
    struct fi_memtable_chunk *next;
    struct fi_os_pages pages;
};

void fi_memtable_pool_init(struct fi_memtable_pool *pool, struct fi_os *os);
/* Requires: no table uses the pool any more. */
void fi_memtable_pool_deinit(struct fi_memtable_pool *pool);
/* FI_MEMTABLE_POOL_CHUNK_SIZE bytes that begin with a chunk's head and are otherwise undefined;
 * NULL if memory is out. */
FIRN_MUST_CHECK struct fi_memtable_chunk *fi_memtable_pool_take(struct fi_memtable_pool *pool);
/* Whether chunks were taken and few are left: the pool should be filled. */
static inline bool
fi_memtable_pool_is_low(const struct fi_memtable_pool *pool)
{
    return atomic_load_explicit(&pool->is_low, memory_order_relaxed);
}
/* Gets chunks ahead and touches their pages, so that a table that takes them need not wait for the
 * system to clear them. If memory is out, gets as many as possible. */
void fi_memtable_pool_fill(struct fi_memtable_pool *pool);
/* Gives back all chunks of a table, linked by next. */
void fi_memtable_pool_give(struct fi_memtable_pool *pool, struct fi_memtable_chunk *chunks);

/* The place of a large value in the log. A memtable keeps it in the bytes after the value
 * (fi_entry.logged), as three numbers of 8 bytes. */

struct fi_memtable_logged {
    uint64_t segment;
    uint64_t offset;   /* in the segment's file, of the value without its head */
    uint64_t checksum; /* of that: fi_run_value_file_checksum */
};

static inline void
fi_memtable_logged_encode(const struct fi_memtable_logged *logged, uint8_t *out)
{
    fi_store_le64(out, logged->segment);
    fi_store_le64(out + 8, logged->offset);
    fi_store_le64(out + 16, logged->checksum);
}

/* False if the log does not have the entry's value, or no longer the same: it was replaced on its
 * way. */
static inline bool
fi_memtable_logged_decode(const struct fi_entry *entry, struct fi_memtable_logged *out)
{
    if (entry->logged == NULL || entry->logged != entry->value.data + entry->value.size) {
        return false;
    }
    out->segment = fi_load_le64(entry->logged);
    out->offset = fi_load_le64(entry->logged + 8);
    out->checksum = fi_load_le64(entry->logged + 16);
    return true;
}

#endif
