/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_file.c: files in memory as handles: open, read, write, sync, lock.
 *
 * Locks belong to handles, as with open file descriptions: one exclusive, or any number of shared
 * ones, a second call on the same handle changes its kind. A power cut forgets them all.
 */
#include <string.h>

#include "base/mem.h"
#include "sim/sim_memory_fs.h"

static unsigned
access_of(unsigned flags)
{
    return (flags & FI_OS_READ ? FI_SIM_MEMORY_MAY_READ : 0u) |
           (flags & FI_OS_WRITE ? FI_SIM_MEMORY_MAY_WRITE : 0u);
}

/* Opens what is there. */
static int
open_existing(struct fi_sim_memory_inode *inode, unsigned flags)
{
    if (flags & FI_OS_EXCLUSIVE) {
        return EEXIST;
    }
    if (inode->kind != FI_OS_FILE) {
        return EINVAL;
    }
    if (!fi_sim_memory_may(inode, access_of(flags))) {
        return EACCES;
    }
    if (!(flags & FI_OS_TRUNCATE)) {
        return 0;
    }
    int error_number = fi_sim_memory_data_truncate(inode, 0);
    if (error_number == 0) {
        inode->cache.mtime_ns = inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    }
    return error_number;
}

/* Makes a file under a name that is free. */
static int
create(struct fi_sim_memory_inode *dir, const char *name, uint32_t mode,
       struct fi_sim_memory_inode **out)
{
    struct fi_sim_memory *fs = dir->fs;
    if (strlen(name) > 255) {
        return ENAMETOOLONG;
    }
    if (dir->cache_names == NULL && dir != fs->root) {
        return ENOENT;
    }
    if (!fi_sim_memory_may(dir, FI_SIM_MEMORY_MAY_WRITE)) {
        return EACCES;
    }
    if (fs->used_bytes >= fs->space_bytes) {
        return ENOSPC;
    }
    *out = fi_sim_memory_tree_new_inode(fs, FI_OS_FILE, mode & ~fs->umask);
    return *out != NULL ? fi_sim_memory_name_add(dir, name, *out) : ENOMEM;
}

int
fi_sim_memory_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                        struct fi_os_file *file, struct fi_os_stat *out_stat)
{
    struct fi_sim_memory_inode *parent;
    bool changes = (flags & (FI_OS_CREATE | FI_OS_TRUNCATE)) != 0;
    int error_number =
        fi_sim_memory_begin_dir(dir, changes ? FI_SIM_MEMORY_CHANGES : FI_SIM_MEMORY_ASKS, &parent);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_inode *inode = fi_sim_memory_tree_lookup(parent, name);
    if (inode != NULL) {
        error_number = open_existing(inode, flags);
    } else if (flags & FI_OS_CREATE) {
        error_number = create(parent, name, mode, &inode);
    } else {
        error_number = strlen(name) > 255 ? ENAMETOOLONG : ENOENT;
    }
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_file *self = (struct fi_sim_memory_file *)file;
    self->inode = inode;
    self->epoch = inode->fs->epoch;
    self->flags = flags;
    inode->handles++;
    inode->fs->handles++;
    if (out_stat != NULL) {
        fi_sim_memory_node_fill_stat(inode, out_stat);
    }
    return 0;
}

void
fi_sim_memory_file_close(struct fi_os_file *file)
{
    struct fi_sim_memory_inode *inode = ((struct fi_sim_memory_file *)file)->inode;
    struct fi_sim_memory *fs = inode->fs;
    fi_sim_memory_file_unlock(file);
    fi_os_locks_give_all(&inode->range_locks, file);
    inode->handles--;
    fs->handles--;
    fi_sim_memory_tree_doom(inode);
    fi_sim_memory_tree_sweep(fs);
}

/* Begins a call that needs the file to be open for FI_OS_READ or FI_OS_WRITE. */
static int
begin(struct fi_os_file *file, enum fi_sim_memory_call call, unsigned needed,
      struct fi_sim_memory_inode **out)
{
    int error_number = fi_sim_memory_begin_file(file, call, out);
    if (error_number != 0) {
        return error_number;
    }
    return ((struct fi_sim_memory_file *)file)->flags & needed ? 0 : EBADF;
}

int
fi_sim_memory_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                        size_t *out_size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_ASKS, FI_OS_READ, &inode);
    if (error_number == 0) {
        *out_size = fi_sim_memory_data_read(inode, offset, data, size);
    }
    return error_number;
}

int
fi_sim_memory_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                         size_t *out_size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_CHANGES, FI_OS_WRITE, &inode);
    if (error_number != 0) {
        return error_number;
    }
    error_number = fi_sim_memory_data_write(inode, offset, data, size, out_size);
    if (error_number == 0) {
        inode->cache.mtime_ns = inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    }
    if (fi_sim_memory_writes_back_now(inode->fs)) {
        fi_sim_memory_data_flush_some(inode, &inode->fs->prng, (struct fi_sim_memory_share){1, 2});
    }
    return error_number;
}

int
fi_sim_memory_file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_file(file, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number == 0) {
        fi_sim_memory_node_fill_stat(inode, out);
    }
    return error_number;
}

int
fi_sim_memory_file_truncate(struct fi_os_file *file, uint64_t size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_file(file, FI_SIM_MEMORY_CHANGES, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (!(((struct fi_sim_memory_file *)file)->flags & FI_OS_WRITE)) {
        return EINVAL; /* as ftruncate says it */
    }
    error_number = fi_sim_memory_data_truncate(inode, size);
    if (error_number == 0) {
        inode->cache.mtime_ns = inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    }
    return error_number;
}

int
fi_sim_memory_file_allocate(struct fi_os_file *file, uint64_t size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_CHANGES, FI_OS_WRITE, &inode);
    return error_number != 0 ? error_number : fi_sim_memory_data_allocate(inode, size);
}

/* The memory of a window is a copy: what is stored there is lost with the power, unless it was
 * committed. */
int
fi_sim_memory_file_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_ASKS, FI_OS_WRITE, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (!fi_sim_memory_data_is_written(inode, offset, size)) {
        return EINVAL; /* a store could find the disk full */
    }
    *out = fi_alloc(size);
    if (*out == NULL) {
        return ENOMEM;
    }
    (void)fi_sim_memory_data_read(inode, offset, *out, size);
    return 0;
}

void
fi_sim_memory_file_unmap(struct fi_os_file *file, uint8_t *data, size_t size)
{
    (void)file;
    (void)size;
    fi_free(data);
}

int
fi_sim_memory_file_commit(struct fi_os_file *file, uint64_t offset, const uint8_t *data,
                          size_t size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_CHANGES, FI_OS_WRITE, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (!fi_sim_memory_data_is_written(inode, offset, size)) {
        return EFAULT; /* the file was shortened: on a real machine the process would be no more */
    }
    size_t done;
    error_number = fi_sim_memory_data_write(inode, offset, data, size, &done);
    if (fi_sim_memory_writes_back_now(inode->fs)) {
        fi_sim_memory_data_flush_some(inode, &inode->fs->prng, (struct fi_sim_memory_share){1, 2});
    }
    return error_number == 0 && done < size ? ENOMEM : error_number;
}

int
fi_sim_memory_file_sync(struct fi_os_file *file)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_file(file, FI_SIM_MEMORY_SYNCS, &inode);
    if (error_number == 0) {
        fi_sim_memory_data_flush_all(inode);
    }
    return error_number;
}

int
fi_sim_memory_file_sync_all(struct fi_os_file *file)
{
    int error_number = fi_sim_memory_file_sync(file);
    if (error_number == 0) {
        struct fi_sim_memory_inode *inode = ((struct fi_sim_memory_file *)file)->inode;
        fi_sim_memory_node_copy_attrs(&inode->media, &inode->cache);
    }
    return error_number;
}

void
fi_sim_memory_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    (void)offset;
    (void)size;
    struct fi_sim_memory_inode *inode;
    if (fi_sim_memory_begin_file(file, FI_SIM_MEMORY_ASKS, &inode) == 0) {
        fi_sim_memory_data_flush_some(inode, &inode->fs->prng, (struct fi_sim_memory_share){3, 4});
    }
}

int
fi_sim_memory_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                             uint64_t *out_end)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_file(file, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number == 0) {
        fi_sim_memory_data_next(inode, offset, out_start, out_end);
    }
    return error_number;
}

int
fi_sim_memory_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind)
{
    struct fi_sim_memory_inode *inode;
    bool exclusive = kind == FI_OS_LOCK_EXCLUSIVE;
    int error_number =
        begin(file, FI_SIM_MEMORY_ASKS, exclusive ? FI_OS_WRITE : FI_OS_READ, &inode);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_file *self = (struct fi_sim_memory_file *)file;
    uint64_t own_shared = self->lock == FI_SIM_MEMORY_SHARED;
    bool others_exclusive = inode->lock_owner != NULL && inode->lock_owner != self;
    if (others_exclusive || (exclusive && inode->shared_locks > own_shared)) {
        return EAGAIN;
    }
    fi_sim_memory_file_unlock(file);
    if (exclusive) {
        inode->lock_owner = self;
        self->lock = FI_SIM_MEMORY_EXCLUSIVE;
    } else {
        inode->shared_locks++;
        self->lock = FI_SIM_MEMORY_SHARED;
    }
    return 0;
}

void
fi_sim_memory_file_unlock(struct fi_os_file *file)
{
    struct fi_sim_memory_file *self = (struct fi_sim_memory_file *)file;
    struct fi_sim_memory_inode *inode = self->inode;
    if (self->epoch != inode->fs->epoch) {
        return; /* the power cut took it */
    }
    if (self->lock == FI_SIM_MEMORY_EXCLUSIVE) {
        inode->lock_owner = NULL;
    } else if (self->lock == FI_SIM_MEMORY_SHARED) {
        inode->shared_locks--;
    }
    self->lock = FI_SIM_MEMORY_UNLOCKED;
}

int
fi_sim_memory_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                              uint64_t size)
{
    struct fi_sim_memory_inode *inode;
    int error_number = begin(file, FI_SIM_MEMORY_ASKS,
                             kind == FI_OS_LOCK_EXCLUSIVE ? FI_OS_WRITE : FI_OS_READ, &inode);
    return error_number != 0 ? error_number
                             : fi_os_locks_take(&inode->range_locks, file, kind, offset, size);
}

void
fi_sim_memory_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    struct fi_sim_memory_inode *inode = ((struct fi_sim_memory_file *)file)->inode;
    fi_os_locks_give(&inode->range_locks, file, offset, size);
}

int
fi_sim_memory_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_file(file, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number == 0) {
        const struct fi_sim_memory_file *self = (const struct fi_sim_memory_file *)file;
        uint64_t own_shared = self->lock == FI_SIM_MEMORY_SHARED;
        /* A lock of the whole file is one of each byte. */
        *out = (inode->lock_owner != NULL && inode->lock_owner != self) ||
               inode->shared_locks > own_shared ||
               fi_os_locks_others_hold(&inode->range_locks, file, offset, size);
    }
    return error_number;
}

void
fi_sim_memory_file_lose_unsynced(struct fi_os_file *file)
{
    struct fi_sim_memory_inode *inode;
    if (fi_sim_memory_begin_file(file, FI_SIM_MEMORY_ASKS, &inode) == 0) {
        fi_sim_memory_data_lose(inode);
    }
}
