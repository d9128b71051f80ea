/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_memory_lock.c: locks of ranges of bytes on the machine in memory.
 *
 * Each file has a list of what is locked of it, by which handle. There are few, so every question
 * walks the list.
 *
 * (I1) The ranges of one handle are equal or apart, as os.h asks; so none is ever split. A CHECK
 *      reports a program that does it otherwise, since Linux would join and split them silently.
 * (I2) After a power cut the lists are empty, and what older handles give back is not there.
 */
#include "base/check.h"
#include "base/mem.h"
#include "os/os_memory_fs.h"

static bool
overlaps(const struct firn_os_memory_lock *lock, uint64_t offset, uint64_t size)
{
    return offset < lock->offset + lock->size && lock->offset < offset + size;
}

/* Whether another handle holds a lock of these bytes that excludes one of this kind. */
static bool
is_excluded(const struct firn_os_memory_inode *inode, const struct firn_os_memory_file *self,
            enum firn_os_lock_kind kind, uint64_t offset, uint64_t size)
{
    for (const struct firn_os_memory_lock *lock = inode->range_locks; lock != NULL;
         lock = lock->next) {
        bool both_shared = kind == FIRN_OS_LOCK_SHARED && lock->kind == FIRN_OS_LOCK_SHARED;
        if (lock->owner != self && !both_shared && overlaps(lock, offset, size)) {
            return true;
        }
    }
    return false;
}

/* The handle's lock of exactly these bytes, or NULL. */
static struct firn_os_memory_lock *
find_own(const struct firn_os_memory_inode *inode, const struct firn_os_memory_file *self,
         uint64_t offset, uint64_t size)
{
    for (struct firn_os_memory_lock *lock = inode->range_locks; lock != NULL; lock = lock->next) {
        if (lock->owner == self && overlaps(lock, offset, size)) {
            CHECK(lock->offset == offset && lock->size == size); /* (I1) */
            return lock;
        }
    }
    return NULL;
}

int
firn_os_memory_lock_range(struct firn_os_file *file, enum firn_os_lock_kind kind, uint64_t offset,
                          uint64_t size)
{
    struct firn_os_memory_inode *inode;
    struct firn_os_memory_file *self = (struct firn_os_memory_file *)file;
    int error_number = firn_os_memory_begin_file(file, FIRN_OS_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (!(self->flags & (kind == FIRN_OS_LOCK_EXCLUSIVE ? FIRN_OS_WRITE : FIRN_OS_READ))) {
        return EBADF;
    }
    struct firn_os_memory_lock *lock = find_own(inode, self, offset, size);
    if (is_excluded(inode, self, kind, offset, size)) {
        return EAGAIN;
    }
    if (lock == NULL) {
        lock = firn_alloc(sizeof *lock);
        if (lock == NULL) {
            return ENOMEM;
        }
        *lock = (struct firn_os_memory_lock){
            .next = inode->range_locks, .owner = self, .offset = offset, .size = size};
        inode->range_locks = lock;
    }
    lock->kind = kind;
    return 0;
}

/* Frees the locks of one handle, or all; with a size > 0 only that of this range. */
static void
release(struct firn_os_memory_inode *inode, const struct firn_os_memory_file *owner,
        uint64_t offset, uint64_t size)
{
    struct firn_os_memory_lock **link = &inode->range_locks;
    while (*link != NULL) {
        struct firn_os_memory_lock *lock = *link;
        bool is_meant = (owner == NULL || lock->owner == owner) &&
                        (size == 0 || (lock->offset == offset && lock->size == size));
        if (is_meant) {
            *link = lock->next;
            firn_free(lock);
        } else {
            link = &lock->next;
        }
    }
}

void
firn_os_memory_lock_release_range(struct firn_os_file *file, uint64_t offset, uint64_t size)
{
    struct firn_os_memory_file *self = (struct firn_os_memory_file *)file;
    if (self->epoch == self->inode->fs->epoch) { /* (I2) */
        release(self->inode, self, offset, size);
    }
}

int
firn_os_memory_lock_is_held_by_others(struct firn_os_file *file, uint64_t offset, uint64_t size,
                                      bool *out)
{
    struct firn_os_memory_inode *inode;
    int error_number = firn_os_memory_begin_file(file, FIRN_OS_MEMORY_ASKS, &inode);
    if (error_number == 0) {
        *out = is_excluded(inode, (struct firn_os_memory_file *)file, FIRN_OS_LOCK_EXCLUSIVE,
                           offset, size);
    }
    return error_number;
}

void
firn_os_memory_lock_release_all(struct firn_os_memory_file *owner)
{
    release(owner->inode, owner, 0, 0);
}

void
firn_os_memory_lock_forget(struct firn_os_memory_inode *inode)
{
    release(inode, NULL, 0, 0);
}
