/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_locks.h: byte-range locks on one file and their owners, for file systems inside this
 * process. A zeroed struct holds no locks. For one thread at a time.
 */
#ifndef FIRN_OS_OS_LOCKS_H
#define FIRN_OS_OS_LOCKS_H

#include "os/os.h"

struct fi_os_locks {
    struct fi_os_locks_item *first;
};

/* Locks [offset, offset + size) for owner, or changes the kind of its lock on exactly these bytes.
 * EAGAIN if a lock of another owner excludes it; ENOMEM. */
int fi_os_locks_take(struct fi_os_locks *locks, const void *owner, enum fi_os_lock_kind kind,
                     uint64_t offset, uint64_t size);
/* Releases a lock that take made. */
void fi_os_locks_give(struct fi_os_locks *locks, const void *owner, uint64_t offset, uint64_t size);
/* Releases all locks of an owner; of all owners if owner is NULL. */
void fi_os_locks_give_all(struct fi_os_locks *locks, const void *owner);
/* Whether an owner other than this one has locked any of these bytes. */
bool fi_os_locks_others_hold(const struct fi_os_locks *locks, const void *owner, uint64_t offset,
                             uint64_t size);

#endif
