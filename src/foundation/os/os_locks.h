/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_locks.h: byte-range locks of one file and their owners, for file systems inside this
 * process. A zeroed struct holds nothing. Not safe for two
 * threads at once.
 */
#ifndef FIRN_OS_OS_LOCKS_H
#define FIRN_OS_OS_LOCKS_H

#include "os/os.h"

struct firn_os_locks {
    struct firn_os_locks_item *first;
};

/* Locks [offset, offset + size) for owner, or changes the kind of a lock of exactly these bytes
 * that it holds. EAGAIN where another's excludes it; ENOMEM. */
int firn_os_locks_take(struct firn_os_locks *locks, const void *owner, enum firn_os_lock_kind kind,
                       uint64_t offset, uint64_t size);
/* Gives back what take gave. */
void firn_os_locks_give(struct firn_os_locks *locks, const void *owner, uint64_t offset,
                        uint64_t size);
/* Gives back all of an owner's; of everybody's where owner is NULL. */
void firn_os_locks_give_all(struct firn_os_locks *locks, const void *owner);
/* Whether another than owner holds any of these bytes. */
bool firn_os_locks_others_hold(const struct firn_os_locks *locks, const void *owner,
                               uint64_t offset, uint64_t size);

#endif
