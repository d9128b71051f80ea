/* SPDX-License-Identifier: Apache-2.0
 *
 * base/epoch.h: freeing objects that readers without locks may still use.
 *
 * Readers enter, load pointers, use the objects, and leave. A thread that replaces such a pointer
 * retires the old object, which is released once all readers that entered before have left. Nothing
 * waits: objects that cannot be released yet are left to the next reclaim.
 *
 * Any thread, except for init and deinit.
 */
#ifndef FIRN_BASE_EPOCH_H
#define FIRN_BASE_EPOCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A power of two. More concurrent readers than this only delay reclamation. */
enum { FI_EPOCH_SLOTS = 64 };

/* Embedded in objects that are retired. */
struct fi_epoch_node {
    struct fi_epoch_node *next;
    uint64_t epoch;
    void (*release)(struct fi_epoch_node *node);
};

/* A cache line for each, so that readers do not disturb each other. */
struct fi_epoch_slot {
    _Atomic uint64_t epoch; /* counter when its reader entered; 0: free */
    uint64_t visits;        /* how often it was taken; of its reader */
    uint64_t padding[6];
};

/* Embedded in the caller's memory; the members are the implementation's. */
struct fi_epoch {
    struct fi_epoch_slot slots[FI_EPOCH_SLOTS];
    _Atomic uint64_t without_slot; /* readers inside that found no slot */
    _Atomic uint64_t now;
    _Atomic(struct fi_epoch_node *) retired;
};

void fi_epoch_init(struct fi_epoch *epoch);
/* Releases all retired objects. Requires: no thread is inside. */
void fi_epoch_deinit(struct fi_epoch *epoch);

/* Pointers loaded after this (memory_order_seq_cst) stay valid until leave, which is passed the
 * result. Calls may nest. Never waits. */
size_t fi_epoch_enter(struct fi_epoch *epoch);
/* The slot that this thread takes if it is free. Threads that came one after another have different
 * slots, also modulo a smaller power of two, so the number can distribute threads over lists. */
size_t fi_epoch_first_slot(void);
/* How often somebody has entered there, the caller included: for what is to be done once in so many
 * times, without a counter that threads share. 0 if it found no slot. Requires: inside. */
static inline uint64_t
fi_epoch_visits(const struct fi_epoch *epoch, size_t slot)
{
    return slot == FI_EPOCH_SLOTS ? 0 : epoch->slots[slot].visits;
}
void fi_epoch_leave(struct fi_epoch *epoch, size_t slot);

/* release(node) will be called once, by any thread that reclaims, when no thread can use the
 * object any more. Requires: no pointer leads to it (the last one was replaced with
 * memory_order_seq_cst). */
void fi_epoch_retire(struct fi_epoch *epoch, struct fi_epoch_node *node,
                     void (*release)(struct fi_epoch_node *node));
/* Releases objects that no thread can use; release may retire further ones. The caller must not
 * hold a lock that release takes. */
void fi_epoch_reclaim(struct fi_epoch *epoch);

#endif
