/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_locks.c: locks on ranges of bytes, for file systems inside this process.
 *
 * A list of locked ranges and their owners. There are few, so every query scans the list.
 *
 * (I1) The ranges of one owner are equal or disjoint, as os.h requires; so none is ever split. A
 *      CHECK reports a program that breaks this rule, because Linux would silently join and split
 *      them.
 */
#include "os/os_locks.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"

struct fi_os_locks_item {
    struct fi_os_locks_item *next;
    const void *owner;
    uint64_t offset;
    uint64_t size;
    enum fi_os_lock_kind kind;
};

static bool
overlaps(const struct fi_os_locks_item *item, uint64_t offset, uint64_t size)
{
    DCHECK(size > 0 && item->size > 0);
    return offset < item->offset + item->size && item->offset < offset + size;
}

/* Whether another holds a lock of these bytes that excludes one of this kind. */
static bool
is_excluded(const struct fi_os_locks *locks, const void *owner, enum fi_os_lock_kind kind,
            uint64_t offset, uint64_t size)
{
    for (const struct fi_os_locks_item *item = locks->first; item != NULL; item = item->next) {
        bool both_shared = kind == FI_OS_LOCK_SHARED && item->kind == FI_OS_LOCK_SHARED;
        if (item->owner != owner && !both_shared && overlaps(item, offset, size)) {
            return true;
        }
    }
    return false;
}

/* The owner's lock of exactly these bytes, or NULL. */
static struct fi_os_locks_item *
find_own(const struct fi_os_locks *locks, const void *owner, uint64_t offset, uint64_t size)
{
    for (struct fi_os_locks_item *item = locks->first; item != NULL; item = item->next) {
        if (item->owner == owner && overlaps(item, offset, size)) {
            CHECK(item->offset == offset && item->size == size); /* (I1) */
            return item;
        }
    }
    return NULL;
}

int
fi_os_locks_take(struct fi_os_locks *locks, const void *owner, enum fi_os_lock_kind kind,
                 uint64_t offset, uint64_t size)
{
    DCHECK(owner != NULL && size > 0);
    struct fi_os_locks_item *item = find_own(locks, owner, offset, size);
    if (is_excluded(locks, owner, kind, offset, size)) {
        return EAGAIN;
    }
    if (item == NULL) {
        item = fi_alloc(sizeof *item);
        if (item == NULL) {
            return ENOMEM;
        }
        *item = (struct fi_os_locks_item){
            .next = locks->first, .owner = owner, .offset = offset, .size = size};
        locks->first = item;
    }
    item->kind = kind;
    return 0;
}

/* Frees the locks of one owner, or of all; with a size > 0 only that of this range. */
static void
os_locks_release(struct fi_os_locks *locks, const void *owner, uint64_t offset, uint64_t size)
{
    struct fi_os_locks_item **link = &locks->first;
    while (*link != NULL) {
        struct fi_os_locks_item *item = *link;
        bool is_meant = (owner == NULL || item->owner == owner) &&
                        (size == 0 || (item->offset == offset && item->size == size));
        if (is_meant) {
            *link = item->next;
            fi_free(item);
        } else {
            link = &item->next;
        }
    }
}

void
fi_os_locks_give(struct fi_os_locks *locks, const void *owner, uint64_t offset, uint64_t size)
{
    DCHECK(owner != NULL);
    os_locks_release(locks, owner, offset, size);
}

void
fi_os_locks_give_all(struct fi_os_locks *locks, const void *owner)
{
    os_locks_release(locks, owner, 0, 0);
}

bool
fi_os_locks_others_hold(const struct fi_os_locks *locks, const void *owner, uint64_t offset,
                        uint64_t size)
{
    return is_excluded(locks, owner, FI_OS_LOCK_EXCLUSIVE, offset, size);
}
