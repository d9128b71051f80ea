/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_handles.c: a table of handles.
 *
 * A number is the index of a slot. A used slot is in the chain selected by the hash of its handle,
 * a free one in the chain of free slots; `next` serves both. If no slot is free, the numbers of
 * slots and chains double. The table never shrinks, because a watch that had many directories will
 * have them again.
 *
 * About 50 bytes a directory, up to 100 just after a doubling.
 */
#include "oswatch/os_watch_internal.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS_MIN = 64 };

_Static_assert(sizeof(struct fi_os_watch_handle) == 8 + FI_OS_WATCH_HANDLES_BYTES_MAX,
               "two handles are compared by their memory");

void
fi_os_watch_handles_deinit(struct fi_os_watch_handles *handles)
{
    fi_free(handles->slots);
    fi_free(handles->chains);
    *handles = (struct fi_os_watch_handles){0};
}

/* FNV-1a: most bytes of a handle are a number of a file and a random generation. */
static int32_t *
chain_of(const struct fi_os_watch_handles *handles, const struct fi_os_watch_handle *handle)
{
    DCHECK(handles->slot_count > 0 && (handles->slot_count & (handles->slot_count - 1)) == 0);
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (uint32_t i = 0; i < handle->size; i++) {
        hash = (hash ^ handle->bytes[i]) * UINT32_C(0x01000193);
    }
    return &handles->chains[(hash ^ (hash >> 15)) & (handles->slot_count - 1)];
}

static void
os_watch_handles_enter(struct fi_os_watch_handles *handles, int32_t number)
{
    DCHECK(number >= 0 && (size_t)number < handles->slot_count);
    struct fi_os_watch_handles_slot *slot = &handles->slots[number];
    int32_t *chain = chain_of(handles, &slot->handle);
    slot->next = *chain;
    *chain = number;
}

/* Doubles the slots; all were used. False if memory runs out, and nothing has changed. */
static bool
os_watch_handles_grow(struct fi_os_watch_handles *handles)
{
    DCHECK(handles->free < 0 || handles->slot_count == 0);
    size_t before = handles->slot_count;
    size_t count = before == 0 ? SLOTS_MIN : 2 * before;
    if (count > FI_OS_WATCH_HANDLES_MAX) {
        return false;
    }
    int32_t *chains = fi_alloc_array(count, sizeof *chains);
    if (chains == NULL) {
        return false;
    }
    struct fi_os_watch_handles_slot *slots = fi_resize_array(handles->slots, count, sizeof *slots);
    if (slots == NULL) {
        fi_free(chains);
        return false;
    }
    fi_free(handles->chains);
    memset(chains, 0xff, count * sizeof *chains); /* -1: no slot */
    *handles = (struct fi_os_watch_handles){
        .slots = slots, .chains = chains, .slot_count = count, .free = (int32_t)before};
    for (size_t i = 0; i < before; i++) {
        os_watch_handles_enter(handles, (int32_t)i);
    }
    for (size_t i = before; i < count; i++) {
        slots[i] = (struct fi_os_watch_handles_slot){.next = i + 1 < count ? (int32_t)(i + 1) : -1};
    }
    return true;
}

int
fi_os_watch_handles_find(const struct fi_os_watch_handles *handles,
                         const struct fi_os_watch_handle *handle)
{
    int32_t number = handles->slot_count == 0 ? -1 : *chain_of(handles, handle);
    while (number >= 0 && memcmp(&handles->slots[number].handle, handle, sizeof *handle) != 0) {
        number = handles->slots[number].next;
    }
    return number;
}

int
fi_os_watch_handles_add(struct fi_os_watch_handles *handles,
                        const struct fi_os_watch_handle *handle)
{
    CHECK(handle->size > 0 && handle->size <= FI_OS_WATCH_HANDLES_BYTES_MAX);
    if ((handles->slot_count == 0 || handles->free < 0) && !os_watch_handles_grow(handles)) {
        return -1;
    }
    int32_t number = handles->free;
    handles->free = handles->slots[number].next;
    handles->slots[number].handle = *handle;
    os_watch_handles_enter(handles, number);
    return number;
}

const struct fi_os_watch_handle *
fi_os_watch_handles_at(const struct fi_os_watch_handles *handles, int number)
{
    return number >= 0 && (size_t)number < handles->slot_count &&
                   handles->slots[number].handle.size > 0
               ? &handles->slots[number].handle
               : NULL;
}

void
fi_os_watch_handles_remove(struct fi_os_watch_handles *handles, int number)
{
    CHECK(fi_os_watch_handles_at(handles, number) != NULL);
    struct fi_os_watch_handles_slot *slot = &handles->slots[number];
    int32_t *at = chain_of(handles, &slot->handle);
    while (*at != number) {
        at = &handles->slots[*at].next;
    }
    *at = slot->next;
    *slot = (struct fi_os_watch_handles_slot){.next = handles->free};
    handles->free = number;
}
