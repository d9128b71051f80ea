/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_derived.c: bytes that users derive from blocks of chunks, kept in the cache.
 *
 * A run never changes, so what is derived from its values stays right as long as the run is open.
 * The cache keeps such bytes under the number of the run's file, with an offset that no block of a
 * file has: they share the cache's budget, and are dropped with the blocks of the run. They are
 * used more often than the values that they are derived from, so they are kept longer.
 */
#include "column/column_internal.h"

/* Above the offsets of blocks: DERIVED, the number of the block in its chunk, and the chunk's
 * offset. */
enum { OFFSET_BITS = 48 };
#define DERIVED (UINT64_C(1) << 63)
/* One in so many bytes of the budget may be derived by a search: what it is derived from needs
 * room, too. */
#define BUDGET_PART 6

bool
fi_column_derived_fits(const struct fi_run *run, uint64_t bytes)
{
    return bytes <= fi_block_cache_budget_bytes(fi_column_read_const(run)->cache) / BUDGET_PART;
}

/* 0: the group has no chunk of the column. */
static uint64_t
place_of(const struct fi_column_run *run, size_t group, uint32_t column, size_t block)
{
    const size_t slot = fi_column_layout_slot(&run->layout.layout, column);
    const uint64_t offset =
        slot != SIZE_MAX ? fi_column_index_ref(&run->index, group, slot).offset : 0;
    DCHECK(block < FI_CHUNK_BLOCKS_MAX);
    return offset == 0 || offset >> OFFSET_BITS != 0
               ? 0
               : DERIVED | (uint64_t)block << OFFSET_BITS | offset;
}

bool
fi_column_derived_find(struct fi_run *base, size_t group, uint32_t column, size_t block,
                       struct fi_column_pin *out)
{
    struct fi_column_run *run = fi_column_read_run(base);
    const uint64_t place = place_of(run, group, column, block);
    *out = (struct fi_column_pin){.cache = NULL};
    if (place == 0 ||
        !fi_block_cache_find(run->cache, run->file, place, FI_BLOCK_CACHE_INDEX, &out->pin)) {
        return false;
    }
    out->cache = run->cache;
    return true;
}

void
fi_column_derived_keep(struct fi_run *base, size_t group, uint32_t column, size_t block,
                       firn_slice bytes)
{
    struct fi_column_run *run = fi_column_read_run(base);
    const uint64_t place = place_of(run, group, column, block);
    if (place != 0) {
        fi_block_cache_keep(run->cache, run->file, place, bytes, FI_BLOCK_CACHE_INDEX);
    }
}
