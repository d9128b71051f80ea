/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_handle.c: checks whether a handle may be used; in debug builds, with a table of open
 * handles.
 *
 * A closed handle is freed memory, so its contents cannot be read. The table is searched for its
 * address instead. An address that is not in the table is no open handle. An address that is in it
 * may have been reused since, which cannot be detected. For handles that belong to one thread at a
 * time the table also records whether a thread is inside; a cursor of a transaction shares this
 * with the transaction.
 *
 * The table has a fixed size and uses no memory of the allocator, so that allocations in a debug
 * build fail where they do in others. Once it is full, further handles are not recorded, and from
 * then on handles that are not found pass.
 *
 * Locking: a spin lock of one word, held only for short work. It holds the number of the process
 * that has taken it, because a child of fork gets the table with the lock as some thread of the
 * parent left it. The child then takes the lock over, and begins with an empty table that counts as
 * overflown, because the other thread may have been changing it.
 */
#include "api/api_handle.h"

static const char *const names[] = {[FI_API_HANDLE_STORE] = "the store",
                                    [FI_API_HANDLE_KEYSPACE] = "the keyspace",
                                    [FI_API_HANDLE_SNAPSHOT] = "the snapshot",
                                    [FI_API_HANDLE_CURSOR] = "the cursor",
                                    [FI_API_HANDLE_TXN] = "the transaction",
                                    [FI_API_HANDLE_BATCH] = "the batch",
                                    [FI_API_HANDLE_BULK] = "the load",
                                    [FI_API_HANDLE_PIN] = "the pin",
                                    [FI_API_HANDLE_TABLE] = "the table",
                                    [FI_API_HANDLE_TABLE_CURSOR] = "the cursor",
                                    [FI_API_HANDLE_SCAN] = "the scan",
                                    [FI_API_HANDLE_TABLE_BULK] = "the load",
                                    [FI_API_HANDLE_TABLE_DIFF] = "the comparison"};

int
fi_api_handle_refuse_named(const void *handle, const char *what, firn_error *err)
{
    if (handle == NULL) {
        return fi_error_set(err, FIRN_INVALID, "%s must not be NULL", what);
    }
    return api_process_is_own(handle) ? fi_os_callback_refuse(what, err)
                                      : fi_os_process_refuse(what, err);
}

int
fi_api_handle_refuse(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    return fi_api_handle_refuse_named(handle, names[kind], err);
}

#ifdef FIRN_DEBUG

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

enum { SLOTS = 8192, BUCKETS = 1024 };

struct slot {
    const void *handle; /* NULL: free */
    const void *owner;
    enum fi_api_handle_kind kind;
    bool is_busy;
    bool is_closing;
    struct slot *next; /* in its bucket, or in the free list */
};

static struct {
    _Atomic uint64_t holder; /* 0: no thread */
    struct slot slots[SLOTS];
    struct slot *buckets[BUCKETS];
    struct slot *free;
    size_t used; /* slots that were ever taken */
    bool has_overflown;
} table;

static void
assert_held(void)
{
    DCHECK(atomic_load_explicit(&table.holder, memory_order_relaxed) != 0);
}

static void
forget_all_locked(void)
{
    assert_held();
    memset(table.buckets, 0, sizeof table.buckets);
    table.free = NULL;
    table.used = 0;
    table.has_overflown = true;
}

/* Acquire pairs with the release of unlock. */
static void
api_handle_lock(void)
{
    struct fi_os_process_mark own;
    fi_os_process_init_mark(&own);
    uint64_t holder = 0;
    while (!atomic_compare_exchange_strong_explicit(&table.holder, &holder, own.process,
                                                    memory_order_acquire, memory_order_relaxed)) {
        if (holder != own.process &&
            atomic_compare_exchange_strong_explicit(&table.holder, &holder, own.process,
                                                    memory_order_acquire, memory_order_relaxed)) {
            forget_all_locked();
            return;
        }
        holder = 0;
    }
}

static void
unlock(void)
{
    atomic_store_explicit(&table.holder, 0, memory_order_release);
}

static struct slot **
bucket_of(const void *handle)
{
    uint64_t hash = (uint64_t)(uintptr_t)handle * UINT64_C(0x9e3779b97f4a7c15);
    return &table.buckets[hash >> 54 & (BUCKETS - 1)];
}

/* Finds a handle; one that is being closed is only found on request. */
static struct slot *
find_locked(const void *handle, bool is_closing)
{
    assert_held();
    struct slot *slot = *bucket_of(handle);
    while (slot != NULL && (slot->handle != handle || slot->is_closing != is_closing)) {
        slot = slot->next;
    }
    return slot;
}

static struct slot *
take_locked(void)
{
    assert_held();
    struct slot *slot = table.free;
    if (slot != NULL) {
        table.free = slot->next;
        return slot;
    }
    return table.used < SLOTS ? &table.slots[table.used++] : NULL;
}

static void
remove_locked(struct slot *slot)
{
    assert_held();
    struct slot **link = bucket_of(slot->handle);
    while (*link != slot) {
        link = &(*link)->next;
    }
    *link = slot->next;
    *slot = (struct slot){.next = table.free};
    table.free = slot;
}

void
fi_api_handle_opened(const void *handle, enum fi_api_handle_kind kind, const void *owner)
{
    if (handle == NULL) {
        return;
    }
    api_handle_lock();
    struct slot *slot = find_locked(handle, false) == NULL ? take_locked() : NULL;
    if (slot != NULL) {
        struct slot **bucket = bucket_of(handle);
        *slot = (struct slot){.handle = handle, .owner = owner, .kind = kind, .next = *bucket};
        *bucket = slot;
    } else {
        table.has_overflown |= find_locked(handle, false) == NULL;
    }
    unlock();
}

int
fi_api_handle_opened_if(int rc, const void *handle, enum fi_api_handle_kind kind, const void *owner)
{
    DCHECK((rc == FIRN_OK) == (handle != NULL)); /* outputs are NULL until success */
    if (rc == FIRN_OK) {
        fi_api_handle_opened(handle, kind, owner);
    }
    return rc;
}

/* ---- questions ---- */

static int
api_handle_refuse(enum fi_api_handle_kind kind, const char *what, firn_error *err)
{
    DCHECK((size_t)kind < sizeof names / sizeof names[0]);
    return fi_error_set(err, FIRN_MISUSE, "the handle of %s %s", names[kind], what);
}

static int
refuse_closed(enum fi_api_handle_kind kind, firn_error *err)
{
    return api_handle_refuse(kind, "is not open: it was closed, or never was one", err);
}

int
fi_api_handle_check(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    if (handle == NULL) {
        return fi_api_handle_refuse(handle, kind, err);
    }
    api_handle_lock();
    const struct slot *slot = find_locked(handle, false);
    bool is_open = slot != NULL ? slot->kind == kind : table.has_overflown;
    unlock();
    return is_open ? fi_api_handle_check_process(handle, kind, err) : refuse_closed(kind, err);
}

bool
fi_api_handle_is_inherited(const void *handle)
{
    api_handle_lock();
    bool is_open = find_locked(handle, false) != NULL || table.has_overflown;
    unlock();
    return is_open && !api_process_is_own(handle);
}

static bool
is_cursor(const struct slot *slot)
{
    return slot->kind == FI_API_HANDLE_CURSOR || slot->kind == FI_API_HANDLE_TABLE_CURSOR ||
           slot->kind == FI_API_HANDLE_SCAN;
}

/* The slot that is busy while a thread is inside a handle: for a cursor in a transaction, that of
 * the transaction. */
static struct slot *
guard_of_locked(struct slot *slot)
{
    assert_held();
    struct slot *owner =
        is_cursor(slot) && slot->owner != NULL ? find_locked(slot->owner, false) : NULL;
    return owner != NULL ? owner : slot;
}

int
fi_api_handle_enter(const void *handle, enum fi_api_handle_kind kind, firn_error *err)
{
    bool is_busy = false;
    if (handle == NULL) {
        return fi_api_handle_refuse(handle, kind, err);
    }
    api_handle_lock();
    struct slot *slot = find_locked(handle, false);
    bool is_open = slot != NULL ? slot->kind == kind : table.has_overflown;
    bool is_own = is_open && api_process_is_own(handle);
    if (slot != NULL && is_own) {
        struct slot *guard = guard_of_locked(slot);
        is_busy = guard->is_busy;
        guard->is_busy = true;
    }
    unlock();
    if (!is_own) {
        return is_open ? fi_api_handle_check_process(handle, kind, err) : refuse_closed(kind, err);
    }
    return is_busy ? api_handle_refuse(kind, "is in use by another thread", err) : FIRN_OK;
}

void
fi_api_handle_leave(const void *handle)
{
    api_handle_lock();
    struct slot *slot = find_locked(handle, false);
    if (slot != NULL) {
        guard_of_locked(slot)->is_busy = false;
    }
    unlock();
}

/* ---- closing ---- */

/* Whether a slot is that of the handle, or of a keyspace or table that is closed with it. */
static bool
goes_with(const struct slot *slot, const void *handle)
{
    bool goes = slot->kind == FI_API_HANDLE_KEYSPACE || slot->kind == FI_API_HANDLE_TABLE;
    return slot->handle != NULL && (slot->handle == handle || (slot->owner == handle && goes));
}

static void
set_closing(const void *handle, bool is_closing)
{
    api_handle_lock();
    for (size_t i = 0; i < table.used && handle != NULL; i++) {
        if (goes_with(&table.slots[i], handle)) {
            table.slots[i].is_closing = is_closing;
        }
    }
    unlock();
}

void
fi_api_handle_closing(const void *handle)
{
    set_closing(handle, true);
}

void
fi_api_handle_closed(const void *handle)
{
    api_handle_lock();
    for (size_t i = 0; i < table.used && handle != NULL; i++) {
        struct slot *slot = &table.slots[i];
        if (goes_with(slot, handle) && slot->is_closing) {
            remove_locked(slot);
        } else if (slot->handle != NULL && slot->owner == handle && is_cursor(slot)) {
            slot->owner = NULL; /* the cursor outlives its transaction */
        }
    }
    unlock();
}

void
fi_api_handle_stays(const void *handle)
{
    set_closing(handle, false);
}

#endif
