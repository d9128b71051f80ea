/* SPDX-License-Identifier: Apache-2.0
 *
 * base/epoch.c: epoch-based reclamation, with a slot for each reader that is inside.
 *
 * A counter, `now`, is incremented for every retired object, which keeps the number before. A
 * reader that enters reads the counter and writes it into a free slot; when it leaves it writes 0.
 * An object of epoch e may be freed once no slot has a number in [1, e]: all present readers
 * entered after the object had been unlinked.
 *
 * Threads are numbered as they come. A reader starts its search for a slot at its thread's number,
 * so each thread nearly always finds the same slot free, in its own cache, and no two of 64 threads
 * that came one after another share one. (Addresses of stacks do not tell threads apart as well:
 * the distances between them depend on the allocator.) If all slots are taken, the reader counts
 * itself in without_slot, and nothing is released while that is not zero.
 *
 * (I1) enter writes its slot, then the reader loads a pointer; a writer replaces the pointer, then
 *      reclaim reads the slots. All four are sequentially consistent. So if reclaim does not see
 *      the slot taken, the load came after the replacement and saw the new pointer.
 * (I2) The number in a slot may be older than the moment of entering: this only delays reclamation.
 * (I3) leave stores with release and reclaim loads with acquire at least: everything that a reader
 *      did inside happens before the objects that it used are released. Taking a slot again
 *      continues the chain, because it is a read-modify-write that acquires.
 * (Not checked: these are orders of memory accesses; each access names the ones that it pairs
 * with.)
 *
 * Retired objects wait on a lock-free stack. reclaim takes the whole stack, releases what it can
 * and pushes back the rest. So any number of threads may reclaim at once, and no object is popped
 * individually (no ABA).
 */
#include "base/epoch.h"

#include <stdbool.h>

#include "base/check.h"

/* The first epoch is 1: 0 marks a free slot. */
void
fi_epoch_init(struct fi_epoch *epoch)
{
    for (size_t i = 0; i < FI_EPOCH_SLOTS; i++) {
        atomic_init(&epoch->slots[i].epoch, 0);
        epoch->slots[i].visits = 0;
    }
    atomic_init(&epoch->without_slot, 0);
    atomic_init(&epoch->now, 1);
    atomic_init(&epoch->retired, NULL);
}

void
fi_epoch_deinit(struct fi_epoch *epoch)
{
    /* Releasing an object may retire others. */
    while (atomic_load_explicit(&epoch->retired, memory_order_relaxed) != NULL) {
        fi_epoch_reclaim(epoch);
        for (size_t i = 0; i < FI_EPOCH_SLOTS; i++) {
            CHECK(atomic_load_explicit(&epoch->slots[i].epoch, memory_order_relaxed) == 0);
        }
        CHECK(atomic_load_explicit(&epoch->without_slot, memory_order_relaxed) == 0);
    }
}

/* As of fi_os_callback_depth (threads/os_callback.h). */
#ifdef FIRN_DEBUG
#define EPOCH_MODEL
#else
#define EPOCH_MODEL __attribute__((tls_model("initial-exec")))
#endif
static _Thread_local uint32_t thread_number EPOCH_MODEL; /* 0: none yet */
static _Atomic uint32_t thread_count;

/* Processors fetch cache lines in pairs, so threads that came one after another do not get
 * neighbouring slots. */
size_t
fi_epoch_first_slot(void)
{
    if (thread_number == 0) {
        thread_number = atomic_fetch_add_explicit(&thread_count, 1, memory_order_relaxed) + 1;
    }
    return (size_t)(thread_number * 27) & (FI_EPOCH_SLOTS - 1);
}

size_t
fi_epoch_enter(struct fi_epoch *epoch)
{
    uint64_t now = atomic_load_explicit(&epoch->now, memory_order_relaxed);
    DCHECK(now != 0); /* that is a free slot */
    size_t start = fi_epoch_first_slot();
    for (size_t i = 0; i < FI_EPOCH_SLOTS; i++) {
        size_t slot = (start + i) & (FI_EPOCH_SLOTS - 1);
        uint64_t is_free = 0;
        /* (I1), (I3): pairs with the loads in oldest_inside and the store in leave. */
        if (atomic_compare_exchange_strong_explicit(&epoch->slots[slot].epoch, &is_free, now,
                                                    memory_order_seq_cst, memory_order_relaxed)) {
            epoch->slots[slot].visits++;
            return slot;
        }
    }
    atomic_fetch_add_explicit(&epoch->without_slot, 1, memory_order_seq_cst);
    return FI_EPOCH_SLOTS;
}

void
fi_epoch_leave(struct fi_epoch *epoch, size_t slot)
{
    if (slot == FI_EPOCH_SLOTS) {
        uint64_t before = atomic_fetch_sub_explicit(&epoch->without_slot, 1, memory_order_release);
        DCHECK(before > 0);
        return;
    }
    DCHECK(slot < FI_EPOCH_SLOTS);
    DCHECK(atomic_load_explicit(&epoch->slots[slot].epoch, memory_order_relaxed) != 0);
    /* (I3): pairs with the loads in oldest_inside. */
    atomic_store_explicit(&epoch->slots[slot].epoch, 0, memory_order_release);
}

static void
epoch_push(struct fi_epoch *epoch, struct fi_epoch_node *node)
{
    node->next = atomic_load_explicit(&epoch->retired, memory_order_relaxed);
    /* Release pairs with the acquire in reclaim: the node's fields are there. */
    while (!atomic_compare_exchange_weak_explicit(&epoch->retired, &node->next, node,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void
fi_epoch_retire(struct fi_epoch *epoch, struct fi_epoch_node *node,
                void (*release)(struct fi_epoch_node *node))
{
    DCHECK(release != NULL);
    node->release = release;
    node->epoch = atomic_fetch_add_explicit(&epoch->now, 1, memory_order_seq_cst);
    epoch_push(epoch, node);
}

/* The smallest number in a slot: UINT64_MAX if no thread is inside. */
static uint64_t
oldest_inside(struct fi_epoch *epoch)
{
    if (atomic_load_explicit(&epoch->without_slot, memory_order_seq_cst) != 0) {
        return 0;
    }
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < FI_EPOCH_SLOTS; i++) {
        uint64_t inside = atomic_load_explicit(&epoch->slots[i].epoch, memory_order_seq_cst);
        if (inside != 0 && inside < oldest) {
            oldest = inside;
        }
    }
    return oldest;
}

void
fi_epoch_reclaim(struct fi_epoch *epoch)
{
    if (atomic_load_explicit(&epoch->retired, memory_order_relaxed) == NULL) {
        return;
    }
    struct fi_epoch_node *node =
        atomic_exchange_explicit(&epoch->retired, NULL, memory_order_acquire);
    /* After the list was taken: every thing on it was unlinked before. */
    uint64_t oldest = oldest_inside(epoch);
    while (node != NULL) {
        struct fi_epoch_node *next = node->next;
        if (node->epoch < oldest) {
            node->release(node);
        } else {
            epoch_push(epoch, node);
        }
        node = next;
    }
}
