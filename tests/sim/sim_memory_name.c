/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_name.c: operations on names in memory: create, remove, rename, link.
 *
 * Each looks at the cached state, decides as Linux would, allocates the entries that it needs, and
 * only then changes anything: a failed operation, even one that ran out of memory, has changed
 * nothing.
 *
 * Changes of names stay in the cache until a sync; now and then, as a journal is committed every
 * few seconds, all of them reach the disk together (fi_sim_memory_writes_back_now).
 */
#include <string.h>

#include "base/mem.h"
#include "sim/sim_memory_fs.h"

enum { NAME_SIZE_MAX = 255, TARGET_SIZE_MAX = 4095 };

/* What every change of a name ends with. */
static void
finish(struct fi_sim_memory_inode *dir)
{
    struct fi_sim_memory *fs = dir->fs;
    dir->cache.mtime_ns = dir->cache.ctime_ns = fi_sim_memory_stamp(fs);
    if (fi_sim_memory_writes_back_now(fs)) {
        fi_sim_memory_tree_flush_all(fs);
    }
    fi_sim_memory_tree_sweep(fs);
}

/* Whether names may be changed in the directory, and this one exist. */
static int
may_change(const struct fi_sim_memory_inode *dir, const char *name)
{
    if (strlen(name) > NAME_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    if (dir->cache_names == NULL && dir != dir->fs->root) {
        return ENOENT; /* the directory was removed */
    }
    return fi_sim_memory_may(dir, FI_SIM_MEMORY_MAY_WRITE) ? 0 : EACCES;
}

int
fi_sim_memory_name_add(struct fi_sim_memory_inode *dir, const char *name,
                       struct fi_sim_memory_inode *inode)
{
    struct fi_sim_memory_entry *entry = fi_sim_memory_tree_ensure(dir, name);
    if (entry == NULL) {
        fi_sim_memory_tree_doom(inode);
        fi_sim_memory_tree_sweep(dir->fs);
        return ENOMEM;
    }
    fi_sim_memory_tree_set_cache(entry, inode);
    finish(dir);
    return 0;
}

/* Makes an inode of that kind under a new name; *out is NULL unless the result is 0. */
static int
create(struct fi_os_dir *dir, const char *name, enum fi_os_kind kind, uint32_t mode,
       const char *target)
{
    struct fi_sim_memory_inode *parent;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_CHANGES, &parent);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory *fs = parent->fs;
    if (fi_sim_memory_tree_lookup(parent, name) != NULL) {
        return EEXIST;
    }
    error_number = may_change(parent, name);
    if (error_number != 0) {
        return error_number;
    }
    if (fs->used_bytes >= fs->space_bytes) {
        return ENOSPC;
    }
    struct fi_sim_memory_inode *inode = fi_sim_memory_tree_new_inode(fs, kind, mode);
    if (inode == NULL) {
        return ENOMEM;
    }
    if (target != NULL) {
        inode->target = fi_strdup(target);
        if (inode->target == NULL) {
            fi_sim_memory_tree_doom(inode);
            fi_sim_memory_tree_sweep(fs);
            return ENOMEM;
        }
    }
    return fi_sim_memory_name_add(parent, name, inode);
}

int
fi_sim_memory_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    const struct fi_sim_memory *fs = (const struct fi_sim_memory *)dir->os;
    return create(dir, name, FI_OS_DIR, mode & 01777 & ~fs->umask, NULL);
}

int
fi_sim_memory_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    const struct fi_sim_memory *fs = (const struct fi_sim_memory *)dir->os;
    return create(dir, name, FI_OS_FIFO, mode & ~fs->umask, NULL);
}

int
fi_sim_memory_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target)
{
    if (target[0] == '\0') {
        return ENOENT;
    }
    if (strlen(target) > TARGET_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    return create(dir, name, FI_OS_SYMLINK, 0777, target);
}

/* The entry under which something is to be removed. */
static int
begin_remove(struct fi_os_dir *dir, const char *name, struct fi_sim_memory_entry **out)
{
    struct fi_sim_memory_inode *parent;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_CHANGES, &parent);
    if (error_number != 0) {
        return error_number;
    }
    *out = fi_sim_memory_tree_find(parent, name);
    if (*out == NULL || (*out)->cache == NULL) {
        return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    return may_change(parent, name);
}

static void
remove_entry(struct fi_sim_memory_entry *entry)
{
    struct fi_sim_memory_inode *dir = entry->dir;
    entry->cache->cache.ctime_ns = fi_sim_memory_stamp(dir->fs);
    fi_sim_memory_tree_set_cache(entry, NULL);
    fi_sim_memory_tree_drop_if_empty(entry);
    finish(dir);
}

int
fi_sim_memory_name_remove_file(struct fi_os_dir *dir, const char *name)
{
    struct fi_sim_memory_entry *entry;
    int error_number = begin_remove(dir, name, &entry);
    if (error_number != 0) {
        return error_number;
    }
    if (entry->cache->kind == FI_OS_DIR) {
        return EISDIR;
    }
    remove_entry(entry);
    return 0;
}

int
fi_sim_memory_name_remove_dir(struct fi_os_dir *dir, const char *name)
{
    struct fi_sim_memory_entry *entry;
    int error_number = begin_remove(dir, name, &entry);
    if (error_number != 0) {
        return error_number;
    }
    if (entry->cache->kind != FI_OS_DIR) {
        return ENOTDIR;
    }
    if (entry->cache->names.cache_count > 0) {
        return ENOTEMPTY;
    }
    remove_entry(entry);
    return 0;
}

/* Whether dir is inode or lies below it. */
static bool
lies_in(const struct fi_sim_memory_inode *dir, const struct fi_sim_memory_inode *inode)
{
    while (dir != inode && dir->cache_names != NULL) {
        dir = dir->cache_names->dir;
    }
    return dir == inode;
}

/* Whether `moved` may take the place of `target`, which may be NULL, in the directory `to`. */
static int
may_move(const struct fi_sim_memory_inode *moved, const struct fi_sim_memory_inode *target,
         const struct fi_sim_memory_inode *to, enum fi_os_rename_mode mode)
{
    if (moved->kind == FI_OS_DIR && lies_in(to, moved)) {
        return EINVAL;
    }
    if (mode == FI_OS_RENAME_EXCHANGE) {
        return target != NULL ? 0 : ENOENT;
    }
    if (target == NULL) {
        return 0;
    }
    if (mode == FI_OS_RENAME_NO_REPLACE) {
        return EEXIST;
    }
    if (moved->kind != FI_OS_DIR) {
        return target->kind == FI_OS_DIR ? EISDIR : 0;
    }
    if (target->kind != FI_OS_DIR) {
        return ENOTDIR;
    }
    return target->names.cache_count > 0 ? ENOTEMPTY : 0;
}

/* Changes the two entries of a rename that was found to be possible. */
static void
move(struct fi_sim_memory_entry *from, struct fi_sim_memory_entry *to, enum fi_os_rename_mode mode)
{
    struct fi_sim_memory_inode *moved = from->cache;
    struct fi_sim_memory_inode *target = to->cache;
    struct fi_sim_memory_inode *from_dir = from->dir;
    struct fi_sim_memory_inode *to_dir = to->dir;
    moved->cache.ctime_ns = fi_sim_memory_stamp(from_dir->fs);
    if (target != NULL) {
        target->cache.ctime_ns = moved->cache.ctime_ns;
    }
    fi_sim_memory_tree_set_cache(from, mode == FI_OS_RENAME_EXCHANGE ? target : NULL);
    fi_sim_memory_tree_set_cache(to, moved);
    fi_sim_memory_tree_drop_if_empty(from);
    if (to_dir != from_dir) {
        to_dir->cache.mtime_ns = to_dir->cache.ctime_ns = moved->cache.ctime_ns;
    }
    finish(from_dir);
}

/* The entry to move, and the directory to move it to. */
static int
begin_two(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir, const char *to,
          struct fi_sim_memory_entry **out_from, struct fi_sim_memory_inode **out_to)
{
    struct fi_sim_memory_inode *parent;
    int error_number = fi_sim_memory_begin_dir(from_dir, FI_SIM_MEMORY_CHANGES, &parent);
    if (error_number == 0) {
        error_number = fi_sim_memory_begin_dir(to_dir, FI_SIM_MEMORY_ASKS, out_to);
    }
    if (error_number != 0) {
        return error_number;
    }
    if (strlen(from) > NAME_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    *out_from = fi_sim_memory_tree_find(parent, from);
    if (*out_from == NULL || (*out_from)->cache == NULL) {
        return ENOENT;
    }
    return may_change(*out_to, to);
}

int
fi_sim_memory_name_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                          const char *to, enum fi_os_rename_mode mode)
{
    struct fi_sim_memory_entry *source;
    struct fi_sim_memory_inode *new_parent;
    int error_number = begin_two(from_dir, from, to_dir, to, &source, &new_parent);
    if (error_number == 0) {
        error_number = may_change(source->dir, from);
    }
    if (error_number != 0) {
        return error_number;
    }
    struct fi_sim_memory_inode *target = fi_sim_memory_tree_lookup(new_parent, to);
    error_number = may_move(source->cache, target, new_parent, mode);
    if (error_number == 0 && mode == FI_OS_RENAME_EXCHANGE) {
        error_number = may_move(target, source->cache, source->dir, mode);
    }
    if (error_number != 0 || target == source->cache) {
        return error_number; /* two names of one file: nothing happens */
    }
    struct fi_sim_memory_entry *destination = fi_sim_memory_tree_ensure(new_parent, to);
    if (destination == NULL) {
        return ENOMEM;
    }
    move(source, destination, mode);
    return 0;
}

int
fi_sim_memory_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                        const char *to)
{
    struct fi_sim_memory_entry *source;
    struct fi_sim_memory_inode *new_parent;
    int error_number = begin_two(from_dir, from, to_dir, to, &source, &new_parent);
    if (error_number != 0) {
        return error_number;
    }
    if (fi_sim_memory_tree_lookup(new_parent, to) != NULL) {
        return EEXIST;
    }
    struct fi_sim_memory_inode *inode = source->cache;
    if (inode->kind == FI_OS_DIR) {
        return EPERM;
    }
    struct fi_sim_memory_entry *destination = fi_sim_memory_tree_ensure(new_parent, to);
    if (destination == NULL) {
        return ENOMEM;
    }
    inode->cache.ctime_ns = fi_sim_memory_stamp(inode->fs);
    fi_sim_memory_tree_set_cache(destination, inode);
    finish(new_parent);
    return 0;
}

int
fi_sim_memory_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    struct fi_sim_memory_inode *parent;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &parent);
    if (error_number != 0) {
        return error_number;
    }
    const struct fi_sim_memory_inode *inode = fi_sim_memory_tree_lookup(parent, name);
    if (inode == NULL) {
        return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    if (inode->kind != FI_OS_SYMLINK) {
        return EINVAL;
    }
    return fi_buf_append_str(out, inode->target) == FIRN_OK ? 0 : ENOMEM;
}

int
fi_sim_memory_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out)
{
    struct fi_sim_memory_inode *inode;
    int error_number = fi_sim_memory_begin_dir(dir, FI_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (name != NULL) {
        inode = fi_sim_memory_tree_lookup(inode, name);
        if (inode == NULL) {
            return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
        }
    }
    fi_sim_memory_node_fill_stat(inode, out);
    return 0;
}
