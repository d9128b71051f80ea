/* SPDX-License-Identifier: Apache-2.0
 *
 * base/epoch.h: letting go of what readers without locks may still be looking at.
 *
 * Readers enter, load pointers, use what they lead to, and leave. A thread that replaces such
 * a pointer retires the old object, which is released once all readers that entered before have
 * left. Nothing waits: objects that cannot be released yet are left to the next reclaim.
 *
 * Any thread, all functions but init and deinit.
 */
#ifndef FIRN_BASE_EPOCH_H
#define FIRN_BASE_EPOCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A power of two. More readers than this at once only delay what is retired. */
enum { FIRN_EPOCH_SLOTS = 64 };

/* Embedded in what is retired. */
struct firn_epoch_node {
    struct firn_epoch_node *next;
    uint64_t epoch;
    void (*release)(struct firn_epoch_node *node);
};

/* A cache line for each, so that readers do not disturb each other. */
struct firn_epoch_slot {
    _Atomic uint64_t epoch; /* since when its reader is inside; 0: free */
    uint64_t padding[7];
};

/* Embedded in the caller's memory; the members are the implementation's. */
struct firn_epoch {
    struct firn_epoch_slot slots[FIRN_EPOCH_SLOTS];
    _Atomic uint64_t without_slot; /* readers inside that found no slot */
    _Atomic uint64_t now;
    _Atomic(struct firn_epoch_node *) retired;
};

void firn_epoch_init(struct firn_epoch *epoch);
/* Requires: no thread is inside. Releases what is left. */
void firn_epoch_deinit(struct firn_epoch *epoch);

/* Pointers loaded after this (memory_order_seq_cst) stay valid until leave, which gets the result.
 * A thread may be inside several times. Never waits. */
size_t firn_epoch_enter(struct firn_epoch *epoch);
void firn_epoch_leave(struct firn_epoch *epoch, size_t slot);

/* release(node) will be called once, by any thread that reclaims, when no thread can see it any
 * more. No pointer may lead to it from now on (the last one replaced with memory_order_seq_cst). */
void firn_epoch_retire(struct firn_epoch *epoch, struct firn_epoch_node *node,
                       void (*release)(struct firn_epoch_node *node));
/* Releases what no thread can see; release may retire further things. Not within a lock that
 * release takes. */
void firn_epoch_reclaim(struct firn_epoch *epoch);

#endif
