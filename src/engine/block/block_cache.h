/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache.h: decoded, verified blocks of all open files in one budget of memory.
 *
 * Blocks of up to FIRN_BLOCK_CACHE_FRAME_SIZE bytes lie in frames of that size, cut from large
 * pages where the system gives them; larger ones in memory of their own. All of it, with the tables
 * around it, stays within the budget; what does not fit, because all frames are pinned, is read
 * into memory that goes with its pin. Any thread.
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

struct firn_block_cache;

enum { FIRN_BLOCK_CACHE_FRAME_SIZE = 4096 };

/* A budget of 0 keeps nothing. os is borrowed. Beyond the budget come pins that found no room, and
 * what blocks are read with: one context and buffer for each thread that reads at the moment, of
 * which a few are kept. */
FIRN_MUST_CHECK int firn_block_cache_create(struct firn_os *os, size_t budget_bytes,
                                            struct firn_block_cache **out, firn_error *err);
/* Nothing may be pinned. NULL is fine. */
void firn_block_cache_destroy(struct firn_block_cache *cache);
size_t firn_block_cache_budget_bytes(const struct firn_block_cache *cache);

/* A number for a file that is open now, never given out again; blocks are known by it and their
 * offset. */
uint64_t firn_block_cache_add_file(struct firn_block_cache *cache);
/* Drops the blocks of a file that is going to be closed. Requires: no thread reads its blocks. A
 * pinned block stays where it is until it is unpinned. 0 is no file, and fine. */
void firn_block_cache_drop_file(struct firn_block_cache *cache, uint64_t file);

/* Bytes that stay where they are until unpin. In the caller's memory. */
struct firn_block_pin {
    const uint8_t *data; /* 64-byte aligned */
    size_t size;
    void *frame; /* the implementation's */
};

/* How a block is wanted. */
enum firn_block_cache_use {
    FIRN_BLOCK_CACHE_DATA,  /* kept while it is used now and then */
    FIRN_BLOCK_CACHE_INDEX, /* kept longer: what finds others */
    FIRN_BLOCK_CACHE_SCAN   /* taken if it is there, no longer kept for that; not kept else */
};

/* What a filled block must satisfy beyond its checksum, so that its users need no checks: called
 * on fill, before any reader sees it. FIRN_CORRUPT refuses it. May be NULL. A block that is kept is
 * not checked again: all readers of a block ask for the same. */
typedef int (*firn_block_cache_check)(firn_slice raw, firn_error *err);

/* Pins a block, read and verified now unless it is there. Several threads that miss the same block
 * may each read it; one copy is kept. */
FIRN_MUST_CHECK int firn_block_cache_read(struct firn_block_cache *cache, uint64_t file,
                                          struct firn_block_reader *reader,
                                          const struct firn_block_ref *ref,
                                          enum firn_block_cache_use use,
                                          firn_block_cache_check check, struct firn_block_pin *out,
                                          firn_error *err);
/* The same, where the stored bytes of the block (firn_block_reader_read_span) were read already if
 * stored is not NULL; they are believed no more than others. */
FIRN_MUST_CHECK int firn_block_cache_read_from(struct firn_block_cache *cache, uint64_t file,
                                               struct firn_block_reader *reader,
                                               const struct firn_block_ref *ref,
                                               const uint8_t *stored, enum firn_block_cache_use use,
                                               firn_block_cache_check check,
                                               struct firn_block_pin *out, firn_error *err);
/* Whether it is there, without reading. */
bool firn_block_cache_find(struct firn_block_cache *cache, uint64_t file, uint64_t offset,
                           enum firn_block_cache_use use, struct firn_block_pin *out);
/* Whether a pinned block was found before, by another pin, since it came into the cache: it is not
 * only there, but used. */
bool firn_block_cache_was_found(const struct firn_block_pin *pin);
/* What a user of a pinned block found out about its bytes: 0 at first, and kept as long as the block is. All
 * users of a file's blocks must mean the same by it. Any thread that has a pin. */
uint32_t firn_block_cache_note(const struct firn_block_pin *pin);
void firn_block_cache_set_note(const struct firn_block_pin *pin, uint32_t note);
/* Hands over what was just written to a file, as it would be read from there: a copy is kept as
 * FIRN_BLOCK_CACHE_DATA, if it finds room. */
void firn_block_cache_add(struct firn_block_cache *cache, uint64_t file, uint64_t offset,
                          firn_slice raw);
/* Keeps bytes that the caller has read and verified itself, where find did not find them, as a block of
 * that file, and counts a miss; where there is no room, or they are of a scan, they are not kept. */
void firn_block_cache_keep(struct firn_block_cache *cache, uint64_t file, uint64_t offset,
                           firn_slice raw, enum firn_block_cache_use use);
/* The pin is empty afterwards; an empty pin is fine. */
void firn_block_cache_unpin(struct firn_block_cache *cache, struct firn_block_pin *pin);

/* ---- leases (block_cache.c) ---- */

/* The bytes of a block, for as long as somebody wants them: after its unpin, its file, and the cache. */
struct firn_block_lease;
/* NULL: the block lies in a frame of the cache, or all leases would have more than half of this cache's budget; blocks that
 * the cache does not keep do not count. Requires: the pin is not empty. Any thread. */
struct firn_block_lease *firn_block_cache_lease(const struct firn_block_cache *cache,
                                                const struct firn_block_pin *pin);
/* Any thread, at any time. NULL is fine. */
void firn_block_cache_lease_end(struct firn_block_lease *lease);

/* ---- what is held (block_cache.c) ---- */

/* Sets bytes of the budget aside for what the caller is going to keep pinned, or take, for as long
 * as its file is open; false where all that is held would exceed half of the budget. Takes nothing
 * by itself. */
bool firn_block_cache_hold(struct firn_block_cache *cache, size_t bytes);
/* The same for a graph (graph/graph.h), up to seven eighths of the budget. */
bool firn_block_cache_hold_graph(struct firn_block_cache *cache, size_t bytes);
void firn_block_cache_hold_release(struct firn_block_cache *cache, size_t bytes);

/* Memory out of the budget that is no block: the caller's alone, until it gives it back. */
struct firn_block_memory {
    void *data; /* 64-byte aligned */
    void *frame;
};
/* Zeroed. false where there is no room, and *out is empty. */
bool firn_block_cache_hold_take(struct firn_block_cache *cache, size_t size,
                                struct firn_block_memory *out);
/* It is empty afterwards; empty is fine. */
void firn_block_cache_hold_give(struct firn_block_cache *cache, struct firn_block_memory *memory);

/* ---- what is lent (block_cache.c) ---- */

/* Lends memory of the budget that no block has needed yet, for other uses. Sets how much is lent in all to
 * wanted_bytes, or to as much as there is, and returns that; at least a quarter of the budget stays for
 * blocks. The loan shrinks only if wanted_bytes is less than what is lent. */
size_t firn_block_cache_lend(struct firn_block_cache *cache, size_t wanted_bytes);
size_t firn_block_cache_lend_bytes(const struct firn_block_cache *cache);
/* Whether the loan is recalled, because blocks found no room: the borrower should free memory and call
 * lend with less. Until all of it has come back nothing more is lent; afterwards the cache keeps more
 * for itself. */
bool firn_block_cache_lend_is_recalled(const struct firn_block_cache *cache);

/* ---- guides (block_cache.c) ---- */

/* Where a block was seen last, kept by a reader that reads it often; zeroed at first. Never
 * believed: the block may have gone, or another may have come. Shared by any number of threads. */
struct firn_block_guide {
    _Atomic uint32_t place;
};
/* Pins the block if it is where the guide says, and of the size that ref tells; false: read it, and
 * note where it is. */
bool firn_block_cache_guide_follow(struct firn_block_cache *cache,
                                   const struct firn_block_guide *guide, uint64_t file,
                                   const struct firn_block_ref *ref, enum firn_block_cache_use use,
                                   struct firn_block_pin *out);
void firn_block_cache_guide_note(const struct firn_block_cache *cache,
                                 const struct firn_block_pin *pin, struct firn_block_guide *guide);
/* Begins to bring what following it would look at, and the first bytes of what lies there, near the
 * processor; pins nothing. */
void firn_block_cache_guide_prefetch(const struct firn_block_cache *cache,
                                     const struct firn_block_guide *guide);

struct firn_block_cache_stats {
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
    uint64_t blocks;       /* kept now */
    uint64_t used_bytes;   /* of blocks and tables, now */
    uint64_t lent_bytes;   /* of the budget, now */
    uint64_t beyond_bytes; /* of pins that found no room, now */
    bool has_large_pages;
};
void firn_block_cache_stats(struct firn_block_cache *cache, struct firn_block_cache_stats *out);

#endif
