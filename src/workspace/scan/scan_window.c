/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_window.c: pieces of one large file, shared among several threads.
 *
 * One file at a time owns the window. Its reader fills slots in order and offers them. An idle
 * worker, or the reader itself when no slot is free, takes an offered slot, hashes its data and
 * adds it through its own lane.
 *
 *     FREE --reader fills--> READY --claimed--> BUSY --hashed, added--> DONE --reader notes the
 *     hash--> FREE
 *
 * No deadlock (I1): the reader waits only while every slot is BUSY, so it waits for threads that
 * are working and wait for nothing themselves. In simulation no worker is idle while the reader
 * runs, so the window is never taken, and nothing waits.
 *
 * A worker whose piece fails still makes the slot DONE and stops the scan; the reader notices. The
 * window is given back only when all slots are free (I2), so no worker writes to a buffer or a list
 * that has been freed.
 *
 * Memory: two slots a thread and not more than 16, of one piece each, made when first needed and
 * kept for the next file. The states are guarded by the scan's mutex; the content of a slot belongs
 * to the thread that changed its state last.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "scan/scan_internal.h"

enum { SLOTS_MAX = 16 };

void
fi_scan_window_init(struct fi_scan *scan, fi_scan_window_add *add)
{
    scan->window = (struct fi_scan_window){.add = add};
    fi_os_cond_init(scan->os, &scan->window.slot_done);
}

int
fi_scan_window_reserve(struct fi_scan *scan, firn_error *err)
{
    struct fi_scan_window *window = &scan->window;
    size_t count = (size_t)scan->worker_count * 2;
    count = count < SLOTS_MAX ? count : SLOTS_MAX;
    window->slots = fi_alloc_zeroed(count * sizeof *window->slots);
    if (window->slots == NULL) {
        return fi_error_no_memory(err, "the pieces of a file");
    }
    window->slot_count = count;
    return FIRN_OK;
}

void
fi_scan_window_deinit(struct fi_scan *scan)
{
    struct fi_scan_window *window = &scan->window;
    DCHECK(!window->is_taken);
    for (size_t i = 0; i < window->slot_count; i++) {
        fi_free(window->slots[i].data);
    }
    fi_free(window->slots);
    fi_os_cond_deinit(&window->slot_done);
}

/* Takes the window for the caller if a worker is idle and no thread has the window. */
static bool
window_take(struct fi_scan *scan)
{
    struct fi_scan_window *window = &scan->window;
    fi_os_mutex_lock(&scan->mutex);
    bool is_taken = scan->idle > 0 && !window->is_taken;
    if (is_taken) {
        window->is_taken = true;
    }
    fi_os_mutex_unlock(&scan->mutex);
    return is_taken;
}

static struct fi_scan_slot *
find_locked(struct fi_scan *scan, enum fi_scan_slot_state state)
{
    fi_os_mutex_assert_held(&scan->mutex);
    struct fi_scan_window *window = &scan->window;
    for (size_t i = 0; i < window->slot_count; i++) {
        if (window->slots[i].state == state) {
            return &window->slots[i];
        }
    }
    return NULL;
}

/* Notes the hashes of slots that are done, and frees the slots. */
static void
gather_locked(struct fi_scan *scan, struct fi_pack_piece *pieces)
{
    fi_os_mutex_assert_held(&scan->mutex);
    struct fi_scan_window *window = &scan->window;
    for (size_t i = 0; i < window->slot_count; i++) {
        struct fi_scan_slot *slot = &window->slots[i];
        if (slot->state == FI_SCAN_SLOT_DONE) {
            pieces[slot->piece].hash = slot->hash;
            slot->state = FI_SCAN_SLOT_FREE;
        }
    }
}

struct fi_scan_slot *
fi_scan_window_claim_locked(struct fi_scan *scan)
{
    fi_os_mutex_assert_held(&scan->mutex);
    struct fi_scan_window *window = &scan->window;
    if (window->ready_count == 0) {
        return NULL;
    }
    struct fi_scan_slot *slot = find_locked(scan, FI_SCAN_SLOT_READY);
    DCHECK(slot != NULL);
    window->ready_count--;
    slot->state = FI_SCAN_SLOT_BUSY;
    return slot;
}

int
fi_scan_window_work(struct fi_scan_worker *worker, struct fi_scan_slot *slot, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    int rc = FIRN_OK;
    if (!fi_scan_is_stopped(scan)) {
        rc = scan->window.add(worker, slot, err);
    }
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(slot->state == FI_SCAN_SLOT_BUSY);
    slot->state = FI_SCAN_SLOT_DONE;
    fi_os_cond_signal(&scan->window.slot_done);
    fi_os_mutex_unlock(&scan->mutex);
    return rc;
}

/* One step towards a free slot: works on a ready one, or waits for a busy one. Entered and left
 * with the mutex held. */
static int
step_locked(struct fi_scan_worker *worker, firn_error *err)
{
    fi_os_mutex_assert_held(&worker->scan->mutex);
    struct fi_scan *scan = worker->scan;
    struct fi_scan_slot *slot = fi_scan_window_claim_locked(scan);
    if (slot == NULL) {
        DCHECK(find_locked(scan, FI_SCAN_SLOT_BUSY) != NULL); /* (I1) */
        fi_os_cond_wait(&scan->window.slot_done, &scan->mutex);
        return FIRN_OK;
    }
    fi_os_mutex_unlock(&scan->mutex);
    int rc = fi_scan_window_work(worker, slot, err);
    fi_os_mutex_lock(&scan->mutex);
    return rc;
}

/* Finds a free slot of the caller's window, and notes the hashes of slots that are done. If none is
 * free it works on ready slots, so that it waits only for threads that are working on one. */
static int
window_slot(struct fi_scan_worker *worker, struct fi_pack_piece *pieces, struct fi_scan_slot **out,
            firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    struct fi_scan_slot *slot = NULL;
    int rc = FIRN_OK;
    fi_os_mutex_lock(&scan->mutex);
    while (rc == FIRN_OK) {
        gather_locked(scan, pieces);
        slot = find_locked(scan, FI_SCAN_SLOT_FREE);
        if (slot != NULL) {
            break;
        }
        rc = step_locked(worker, err);
    }
    fi_os_mutex_unlock(&scan->mutex);
    if (rc == FIRN_OK && slot->data == NULL) {
        slot->data = fi_alloc(FI_SCAN_PIECE_SIZE);
        rc = slot->data != NULL ? FIRN_OK : fi_error_no_memory(err, "a piece of a file");
    }
    *out = rc == FIRN_OK ? slot : NULL;
    return rc;
}

int
fi_scan_window_choose(struct fi_scan_worker *worker, bool *has_window, struct fi_scan_slot *own,
                      struct fi_pack_piece *pieces, struct fi_scan_slot **out, firn_error *err)
{
    if (!*has_window) {
        *has_window = window_take(worker->scan);
    }
    *out = own;
    int rc = *has_window ? window_slot(worker, pieces, out, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        (*out)->size = 0;
        (*out)->chunk_count = 0;
        (*out)->is_cell = false;
    }
    return rc;
}

void
fi_scan_window_offer(struct fi_scan *scan, struct fi_scan_slot *slot)
{
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(scan->window.is_taken && slot->state == FI_SCAN_SLOT_FREE && slot->size > 0);
    slot->state = FI_SCAN_SLOT_READY;
    scan->window.ready_count++;
    fi_os_cond_signal(&scan->work);
    fi_os_mutex_unlock(&scan->mutex);
}

static bool
is_all_free_locked(const struct fi_scan *scan)
{
    fi_os_mutex_assert_held(&scan->mutex);
    const struct fi_scan_window *window = &scan->window;
    for (size_t i = 0; i < window->slot_count; i++) {
        if (window->slots[i].state != FI_SCAN_SLOT_FREE) {
            return false;
        }
    }
    return true;
}

int
fi_scan_window_release(struct fi_scan_worker *worker, struct fi_pack_piece *pieces, firn_error *err)
{
    struct fi_scan *scan = worker->scan;
    int first = FIRN_OK;
    firn_error later;
    fi_os_mutex_lock(&scan->mutex);
    for (;;) {
        gather_locked(scan, pieces);
        if (is_all_free_locked(scan)) {
            break;
        }
        int rc = step_locked(worker, first == FIRN_OK ? err : &later);
        first = first == FIRN_OK ? rc : first;
    }
    DCHECK(scan->window.is_taken && scan->window.ready_count == 0); /* (I2) */
    scan->window.is_taken = false;
    fi_os_mutex_unlock(&scan->mutex);
    return first;
}
