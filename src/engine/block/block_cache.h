/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache.h: decoded, verified blocks of all open files in one budget of memory.
 *
 * Blocks of up to FI_BLOCK_CACHE_SLOT_SIZE bytes are in slots of that size, cut from large
 * pages if the system provides them; larger ones in memory of their own. All of it, with the
 * tables, stays within the budget. A block that does not fit, because all slots are pinned, is
 * read into memory that is freed with its pin. Any thread.
 */
#ifndef FIRN_BLOCK_BLOCK_CACHE_H
#define FIRN_BLOCK_BLOCK_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "block/block_file.h"
#include "os/os.h"

struct fi_block_cache;

enum { FI_BLOCK_CACHE_SLOT_SIZE = 4096 };

/* A budget of 0 keeps nothing. os is borrowed. Two things come on top of the budget: pins that
 * found no room, and what blocks are read with (one context and buffer for each thread that is
 * reading; a few of these are kept). */
FIRN_MUST_CHECK int fi_block_cache_create(struct fi_os *os, size_t budget_bytes,
                                          struct fi_block_cache **out, firn_error *err);
/* Requires: nothing is pinned. NULL is allowed. */
void fi_block_cache_destroy(struct fi_block_cache *cache);
/* Without what was added to it. */
size_t fi_block_cache_budget_bytes(const struct fi_block_cache *cache);

/* A number for an open file, never reused; a block is identified by it and the block's offset. */
uint64_t fi_block_cache_add_file(struct fi_block_cache *cache);
/* Drops the blocks of a file before it is closed. Requires: no thread reads its blocks. A pinned
 * block stays until it is unpinned. 0 is no file, and allowed. */
void fi_block_cache_drop_file(struct fi_block_cache *cache, uint64_t file);

/* Bytes that stay where they are until unpin. In the caller's memory. */
struct fi_block_pin {
    const uint8_t *data; /* 64-byte aligned */
    size_t size;
    void *slot; /* the implementation's */
};

/* How a block will be used. */
enum fi_block_cache_use {
    FI_BLOCK_CACHE_DATA,  /* kept while it is used now and then */
    FI_BLOCK_CACHE_INDEX, /* kept longer: blocks that lead to others */
    FI_BLOCK_CACHE_SCAN   /* used if it is there, but not kept for that; otherwise not kept */
};

/* The check that a block must pass beyond its checksum, so that its users need no checks: called
 * when the block is read, before any reader sees it. FIRN_CORRUPT refuses the block. May be NULL. A
 * block that is kept is not checked again: all readers of a block pass the same check. */
typedef int (*fi_block_cache_check)(firn_slice raw, firn_error *err);

/* Pins a block, which is read and verified unless it is in the cache. Several threads that miss the
 * same block may each read it; one copy is kept. */
FIRN_MUST_CHECK int fi_block_cache_read(struct fi_block_cache *cache, uint64_t file,
                                        struct fi_block_reader *reader,
                                        const struct fi_block_ref *ref, enum fi_block_cache_use use,
                                        fi_block_cache_check check, struct fi_block_pin *out,
                                        firn_error *err);
/* The same, but if stored is not NULL it has the stored bytes of the block
 * (fi_block_reader_read_span), which are verified as well. */
FIRN_MUST_CHECK int fi_block_cache_read_from(struct fi_block_cache *cache, uint64_t file,
                                             struct fi_block_reader *reader,
                                             const struct fi_block_ref *ref, const uint8_t *stored,
                                             enum fi_block_cache_use use,
                                             fi_block_cache_check check, struct fi_block_pin *out,
                                             firn_error *err);
/* Pins a block if it is in the cache, without reading. */
bool fi_block_cache_find(struct fi_block_cache *cache, uint64_t file, uint64_t offset,
                         enum fi_block_cache_use use, struct fi_block_pin *out);
/* Whether another pin has found a pinned block since it came into the cache: it is in use, not only
 * there. */
bool fi_block_cache_was_found(const struct fi_block_pin *pin);
/* The block is evicted before others, unless it is found again: what was made from it replaces
 * it. */
void fi_block_cache_give_way(const struct fi_block_pin *pin);
/* What users of a pinned block have noted about its bytes: 0 at first, and kept as long as the
 * block. All users of a file's blocks must give it the same meaning. Any thread that has a pin. */
uint32_t fi_block_cache_note(const struct fi_block_pin *pin);
void fi_block_cache_set_note(const struct fi_block_pin *pin, uint32_t note);
/* Adds a block that was just written to a file, made from blocks that are in use, as it would be
 * read from there: a copy is kept as FI_BLOCK_CACHE_DATA, if there is room. */
void fi_block_cache_add(struct fi_block_cache *cache, uint64_t file, uint64_t offset,
                        firn_slice raw);
/* Keeps bytes that find did not have, and that the caller has read and verified itself, as a block
 * of that file, and counts a miss. They are not kept if there is no room, or for a scan. */
void fi_block_cache_keep(struct fi_block_cache *cache, uint64_t file, uint64_t offset,
                         firn_slice raw, enum fi_block_cache_use use);
/* The pin is empty afterwards; an empty pin is allowed. */
void fi_block_cache_unpin(struct fi_block_cache *cache, struct fi_block_pin *pin);

/* ---- leases (block_cache.c) ---- */

/* The bytes of a block, as long as they are needed: even after its unpin, its file, and the
 * cache. */
struct fi_block_lease;
/* NULL if the block is in a slot of the cache, or if all leases would have more than half of this
 * cache's budget; blocks that the cache does not keep do not count. Requires: the pin is not empty.
 * Any thread. */
struct fi_block_lease *fi_block_cache_lease(const struct fi_block_cache *cache,
                                            const struct fi_block_pin *pin);
/* Any thread, at any time. NULL is allowed. */
void fi_block_cache_lease_end(struct fi_block_lease *lease);

/* ---- what is held (block_cache.c) ---- */

/* Sets bytes of the budget aside for what the caller will keep pinned, or take, as long as its file
 * is open; false if all holds would exceed half of the budget. Allocates nothing by itself. */
bool fi_block_cache_hold(struct fi_block_cache *cache, size_t bytes);
/* The same for a graph (graph/graph.h), up to seven eighths of the budget. */
bool fi_block_cache_hold_graph(struct fi_block_cache *cache, size_t bytes);
void fi_block_cache_hold_release(struct fi_block_cache *cache, size_t bytes);

/* Memory from the budget that is not a block: the caller's alone, until it is given back. */
struct fi_block_memory {
    void *data; /* 64-byte aligned */
    void *slot;
};
/* Zeroed. false if there is no room; *out is empty then. */
bool fi_block_cache_hold_take(struct fi_block_cache *cache, size_t size,
                              struct fi_block_memory *out);
/* The memory is empty afterwards; empty is allowed. */
void fi_block_cache_hold_give(struct fi_block_cache *cache, struct fi_block_memory *memory);

/* ---- what is added to the budget, and lent of it (block_cache_lend.c) ---- */

/* Sets how many bytes the cache may use beyond its budget, for blocks larger than a slot; none at
 * first. If they become fewer, blocks are evicted before this returns; only pinned ones may stay
 * until they are unpinned and evicted as others. */
void fi_block_cache_lend_set_extra(struct fi_block_cache *cache, size_t bytes);
size_t fi_block_cache_lend_extra_bytes(const struct fi_block_cache *cache);

/* Lends memory of the budget that no block has needed yet, for other uses. Sets how much is lent in
 * all to wanted_bytes, or to as much as there is, and returns that; at least a quarter of the
 * budget stays for blocks. The loan shrinks only if wanted_bytes is less than what is lent. */
size_t fi_block_cache_lend(struct fi_block_cache *cache, size_t wanted_bytes);
size_t fi_block_cache_lend_bytes(const struct fi_block_cache *cache);
/* Whether the loan is recalled, because blocks found no room: the borrower should free memory and
 * call lend with less. Until all of it has come back nothing more is lent; afterwards the cache
 * keeps more for itself. */
bool fi_block_cache_lend_is_recalled(const struct fi_block_cache *cache);

/* ---- guides (block_cache_guide.c) ---- */

/* Where a block was seen last, kept by a reader that reads it often; zeroed at first. Never
 * trusted: the block may have been evicted, or replaced. Shared by any number of threads. */
struct fi_block_guide {
    _Atomic uint32_t place;
};
/* Pins the block if it is where the guide says, and has the size that ref has. false: read it, and
 * note where it is. */
bool fi_block_cache_guide_follow(struct fi_block_cache *cache, const struct fi_block_guide *guide,
                                 uint64_t file, const struct fi_block_ref *ref,
                                 enum fi_block_cache_use use, struct fi_block_pin *out);
void fi_block_cache_guide_note(const struct fi_block_cache *cache, const struct fi_block_pin *pin,
                               struct fi_block_guide *guide);
/* Where a search in a block begins. */
enum { FI_BLOCK_CACHE_GUIDE_HEAD = 256 };
/* Starts to prefetch into the processor's cache what following the guide would read, and the first
 * size bytes of the block, or of its slot; pins nothing. */
void fi_block_cache_guide_prefetch(const struct fi_block_cache *cache,
                                   const struct fi_block_guide *guide, size_t size);

struct fi_block_cache_stats {
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
    uint64_t blocks;       /* kept now */
    uint64_t used_bytes;   /* of blocks and tables, now */
    uint64_t lent_bytes;   /* of the budget, now */
    uint64_t beyond_bytes; /* of pins that found no room, now */
    bool has_large_pages;
};
void fi_block_cache_stats(struct fi_block_cache *cache, struct fi_block_cache_stats *out);

#endif
