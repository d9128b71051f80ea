/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_frame.h: a frame of the cache and the states it goes through. Only
 * block_cache*.c include it.
 *
 *            publish                claim
 *   owned ------------> visible ------------> owned
 *     |                    | abandon            ^
 *     | give back          v           claim    |
 *   free                 dropped ---------------+
 *
 * A frame that is owned belongs to one thread, which alone reads and writes its fields. Visible, it
 * can be pinned, and then its fields do not change until the pin has gone. Dropped, it cannot be
 * pinned any more, and whoever finds its last pin gone may claim it.
 *
 * The word `state` holds all of that: the number of pins, the two bits, and a version that each
 * publication advances, so that a claim fails where the frame was recycled since it was looked at.
 *
 * (I1) A pin is taken by adding to the word whatever the frame holds at that moment, and looked at
 *      afterwards: what was visible at that instant stays. Else the pin is taken back. So the count
 *      of a frame that is owned may be above 0 for an instant, and every change of the bits is made
 *      without touching the count.
 * (I2) Fields but state, used and hits are written by the owner only, and read by the owner or
 *      under a pin.
 *
 * Who synchronizes with whom: a publication (release) with the pin that sees its bit (acquire), so
 * that the fields are seen; the last unpin (release) with the claim (acquire), so that nobody reads
 * any more what the owner overwrites. Pins and unpins in between are read-modify-writes and carry
 * both on.
 */
#ifndef FIRN_BLOCK_BLOCK_CACHE_FRAME_H
#define FIRN_BLOCK_BLOCK_CACHE_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

#define FIRN_BLOCK_CACHE_FRAME_PIN UINT64_C(1)
#define FIRN_BLOCK_CACHE_FRAME_PINS UINT64_C(0xffffffff)
#define FIRN_BLOCK_CACHE_FRAME_VISIBLE (UINT64_C(1) << 32)
#define FIRN_BLOCK_CACHE_FRAME_DROPPED (UINT64_C(1) << 33)
#define FIRN_BLOCK_CACHE_FRAME_VERSION (UINT64_C(1) << 34)

struct firn_block_cache_frame {
    _Alignas(64) _Atomic uint64_t state;
    uint64_t file;
    uint64_t offset;
    uint8_t *data;
    void *memory;          /* what data lies in, of a frame whose memory is its own; else NULL */
    _Atomic uint64_t hits; /* since the publication; threads that hit at once may count as one */
    uint32_t size;
    uint32_t next_free;
    _Atomic uint8_t used; /* rounds of the clock that it may stay without a hit */
    bool is_beyond;       /* not the cache's: goes with its only pin */
};

/* Neither visible nor dropped: one thread's, or free. Others may pin it for an instant (I1). */
static inline bool
firn_block_cache_frame_is_owned(const struct firn_block_cache_frame *frame)
{
    return !(atomic_load_explicit(&frame->state, memory_order_relaxed) &
             (FIRN_BLOCK_CACHE_FRAME_VISIBLE | FIRN_BLOCK_CACHE_FRAME_DROPPED));
}

static inline bool
firn_block_cache_frame_is_pinned(const struct firn_block_cache_frame *frame)
{
    return (atomic_load_explicit(&frame->state, memory_order_relaxed) &
            FIRN_BLOCK_CACHE_FRAME_PINS) != 0;
}

/* Pins what the frame holds if that is this block; one atomic operation where it is. */
static inline bool
firn_block_cache_frame_pin(struct firn_block_cache_frame *frame, uint64_t file, uint64_t offset)
{
    /* Acquire: pairs with publish. */
    uint64_t before =
        atomic_fetch_add_explicit(&frame->state, FIRN_BLOCK_CACHE_FRAME_PIN, memory_order_acquire);
    DCHECK((before & FIRN_BLOCK_CACHE_FRAME_PINS) != FIRN_BLOCK_CACHE_FRAME_PINS);
    if ((before & FIRN_BLOCK_CACHE_FRAME_VISIBLE) && frame->file == file &&
        frame->offset == offset) {
        return true;
    }
    /* Release: the fields were read above; pairs with claim. */
    atomic_fetch_sub_explicit(&frame->state, FIRN_BLOCK_CACHE_FRAME_PIN, memory_order_release);
    return false;
}

static inline void
firn_block_cache_frame_unpin(struct firn_block_cache_frame *frame)
{
    /* Release: what was read under the pin; pairs with claim. */
    uint64_t before =
        atomic_fetch_sub_explicit(&frame->state, FIRN_BLOCK_CACHE_FRAME_PIN, memory_order_release);
    DCHECK((before & FIRN_BLOCK_CACHE_FRAME_PINS) > 0); /* (I1) */
}

/* Makes what the owner wrote visible, and keeps one pin. */
static inline void
firn_block_cache_frame_publish(struct firn_block_cache_frame *frame)
{
    DCHECK(firn_block_cache_frame_is_owned(frame)); /* (I2) */
    /* Release: the fields; pairs with pin. */
    atomic_fetch_add_explicit(&frame->state,
                              FIRN_BLOCK_CACHE_FRAME_VERSION + FIRN_BLOCK_CACHE_FRAME_VISIBLE +
                                  FIRN_BLOCK_CACHE_FRAME_PIN,
                              memory_order_release);
}

enum firn_block_cache_claim {
    FIRN_BLOCK_CACHE_CLAIM_NONE,    /* it is pinned, free, or another's */
    FIRN_BLOCK_CACHE_CLAIM_VISIBLE, /* the caller's now; its entry is still in the table */
    FIRN_BLOCK_CACHE_CLAIM_DROPPED  /* the caller's now; the table does not know it */
};

/* Takes an unpinned frame for the caller. */
static inline enum firn_block_cache_claim
firn_block_cache_frame_claim(struct firn_block_cache_frame *frame)
{
    const uint64_t bits = FIRN_BLOCK_CACHE_FRAME_VISIBLE | FIRN_BLOCK_CACHE_FRAME_DROPPED;
    uint64_t seen = atomic_load_explicit(&frame->state, memory_order_relaxed);
    if (!(seen & bits) || (seen & FIRN_BLOCK_CACHE_FRAME_PINS)) {
        return FIRN_BLOCK_CACHE_CLAIM_NONE;
    }
    /* Acquire: pairs with unpin. */
    if (!atomic_compare_exchange_strong_explicit(&frame->state, &seen, seen & ~bits,
                                                 memory_order_acquire, memory_order_relaxed)) {
        return FIRN_BLOCK_CACHE_CLAIM_NONE;
    }
    return seen & FIRN_BLOCK_CACHE_FRAME_VISIBLE ? FIRN_BLOCK_CACHE_CLAIM_VISIBLE
                                                 : FIRN_BLOCK_CACHE_CLAIM_DROPPED;
}

/* Turns the caller's pin on a visible frame into ownership where it is the only one, else into
 * "dropped", which leaves the frame to who claims it when the others have gone. Whether the caller
 * owns it. The table must not know it any more. */
static inline bool
firn_block_cache_frame_abandon(struct firn_block_cache_frame *frame)
{
    uint64_t seen = atomic_load_explicit(&frame->state, memory_order_relaxed);
    uint64_t wanted;
    bool is_mine;
    DCHECK((seen & FIRN_BLOCK_CACHE_FRAME_VISIBLE) && (seen & FIRN_BLOCK_CACHE_FRAME_PINS));
    do {
        is_mine = (seen & FIRN_BLOCK_CACHE_FRAME_PINS) == FIRN_BLOCK_CACHE_FRAME_PIN;
        wanted = (seen & ~FIRN_BLOCK_CACHE_FRAME_VISIBLE) - FIRN_BLOCK_CACHE_FRAME_PIN;
        wanted |= is_mine ? 0 : FIRN_BLOCK_CACHE_FRAME_DROPPED;
        /* Acquire: where it becomes the caller's, as claim. Release: as unpin. */
    } while (!atomic_compare_exchange_weak_explicit(&frame->state, &seen, wanted,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return is_mine;
}

/* Counts a hit, and lets the frame stay for one more round of the clock, up to used_max. Under a
 * pin. */
static inline void
firn_block_cache_frame_touch(struct firn_block_cache_frame *frame, uint8_t used_max)
{
    DCHECK(firn_block_cache_frame_is_pinned(frame));
    /* Relaxed, load and store apart: a lost count does no harm, and the line is this thread's
     * already, since the pin was written to it. */
    uint64_t hits = atomic_load_explicit(&frame->hits, memory_order_relaxed);
    atomic_store_explicit(&frame->hits, hits + 1, memory_order_relaxed);
    uint8_t used = atomic_load_explicit(&frame->used, memory_order_relaxed);
    if (used < used_max) {
        atomic_store_explicit(&frame->used, (uint8_t)(used + 1), memory_order_relaxed);
    }
}

#endif
