/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_name.c: operations on names in memory: create, remove, rename, link.
 *
 * Each looks at the cached state, decides as Linux would, allocates the entries that it needs, and
 * only then changes anything: a failed operation, even one that ran out of memory, has changed
 * nothing.
 *
 * Changes of names stay in the cache until a sync; now and then, as a journal is committed every
 * few seconds, all of them reach the disk together (firn_sim_memory_writes_back_now).
 */
#include <string.h>

#include "base/mem.h"
#include "sim/sim_memory_fs.h"

enum { NAME_SIZE_MAX = 255, TARGET_SIZE_MAX = 4095 };

/* What every change of a name ends with. */
static void
finish(struct firn_sim_memory_inode *dir)
{
    struct firn_sim_memory *fs = dir->fs;
    dir->cache.mtime_ns = dir->cache.ctime_ns = firn_sim_memory_stamp(fs);
    if (firn_sim_memory_writes_back_now(fs)) {
        firn_sim_memory_tree_flush_all(fs);
    }
    firn_sim_memory_tree_sweep(fs);
}

/* Whether names may be changed in the directory, and this one exist. */
static int
may_change(const struct firn_sim_memory_inode *dir, const char *name)
{
    if (strlen(name) > NAME_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    if (dir->cache_names == NULL && dir != dir->fs->root) {
        return ENOENT; /* the directory was removed */
    }
    return firn_sim_memory_may(dir, FIRN_SIM_MEMORY_MAY_WRITE) ? 0 : EACCES;
}

int
firn_sim_memory_name_add(struct firn_sim_memory_inode *dir, const char *name,
                         struct firn_sim_memory_inode *inode)
{
    struct firn_sim_memory_entry *entry = firn_sim_memory_tree_ensure(dir, name);
    if (entry == NULL) {
        firn_sim_memory_tree_doom(inode);
        firn_sim_memory_tree_sweep(dir->fs);
        return ENOMEM;
    }
    firn_sim_memory_tree_set_cache(entry, inode);
    finish(dir);
    return 0;
}

/* Makes an inode of that kind under a new name; *out is NULL unless the result is 0. */
static int
create(struct firn_os_dir *dir, const char *name, enum firn_os_kind kind, uint32_t mode,
       const char *target)
{
    struct firn_sim_memory_inode *parent;
    int error_number = firn_sim_memory_begin_dir(dir, FIRN_SIM_MEMORY_CHANGES, &parent);
    if (error_number != 0) {
        return error_number;
    }
    struct firn_sim_memory *fs = parent->fs;
    if (firn_sim_memory_tree_lookup(parent, name) != NULL) {
        return EEXIST;
    }
    error_number = may_change(parent, name);
    if (error_number != 0) {
        return error_number;
    }
    if (fs->used_bytes >= fs->space_bytes) {
        return ENOSPC;
    }
    struct firn_sim_memory_inode *inode = firn_sim_memory_tree_new_inode(fs, kind, mode);
    if (inode == NULL) {
        return ENOMEM;
    }
    if (target != NULL) {
        inode->target = firn_strdup(target);
        if (inode->target == NULL) {
            firn_sim_memory_tree_doom(inode);
            firn_sim_memory_tree_sweep(fs);
            return ENOMEM;
        }
    }
    return firn_sim_memory_name_add(parent, name, inode);
}

int
firn_sim_memory_name_make_dir(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    const struct firn_sim_memory *fs = (const struct firn_sim_memory *)dir->os;
    return create(dir, name, FIRN_OS_DIR, mode & 01777 & ~fs->umask, NULL);
}

int
firn_sim_memory_name_make_fifo(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    const struct firn_sim_memory *fs = (const struct firn_sim_memory *)dir->os;
    return create(dir, name, FIRN_OS_FIFO, mode & ~fs->umask, NULL);
}

int
firn_sim_memory_name_make_symlink(struct firn_os_dir *dir, const char *name, const char *target)
{
    if (target[0] == '\0') {
        return ENOENT;
    }
    if (strlen(target) > TARGET_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    return create(dir, name, FIRN_OS_SYMLINK, 0777, target);
}

/* The entry under which something is to be removed. */
static int
begin_remove(struct firn_os_dir *dir, const char *name, struct firn_sim_memory_entry **out)
{
    struct firn_sim_memory_inode *parent;
    int error_number = firn_sim_memory_begin_dir(dir, FIRN_SIM_MEMORY_CHANGES, &parent);
    if (error_number != 0) {
        return error_number;
    }
    *out = firn_sim_memory_tree_find(parent, name);
    if (*out == NULL || (*out)->cache == NULL) {
        return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    return may_change(parent, name);
}

static void
remove_entry(struct firn_sim_memory_entry *entry)
{
    struct firn_sim_memory_inode *dir = entry->dir;
    entry->cache->cache.ctime_ns = firn_sim_memory_stamp(dir->fs);
    firn_sim_memory_tree_set_cache(entry, NULL);
    firn_sim_memory_tree_drop_if_empty(entry);
    finish(dir);
}

int
firn_sim_memory_name_remove_file(struct firn_os_dir *dir, const char *name)
{
    struct firn_sim_memory_entry *entry;
    int error_number = begin_remove(dir, name, &entry);
    if (error_number != 0) {
        return error_number;
    }
    if (entry->cache->kind == FIRN_OS_DIR) {
        return EISDIR;
    }
    remove_entry(entry);
    return 0;
}

int
firn_sim_memory_name_remove_dir(struct firn_os_dir *dir, const char *name)
{
    struct firn_sim_memory_entry *entry;
    int error_number = begin_remove(dir, name, &entry);
    if (error_number != 0) {
        return error_number;
    }
    if (entry->cache->kind != FIRN_OS_DIR) {
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
lies_in(const struct firn_sim_memory_inode *dir, const struct firn_sim_memory_inode *inode)
{
    while (dir != inode && dir->cache_names != NULL) {
        dir = dir->cache_names->dir;
    }
    return dir == inode;
}

/* Whether `moved` may take the place of `target`, which may be NULL, in the directory `to`. */
static int
may_move(const struct firn_sim_memory_inode *moved, const struct firn_sim_memory_inode *target,
         const struct firn_sim_memory_inode *to, enum firn_os_rename_mode mode)
{
    if (moved->kind == FIRN_OS_DIR && lies_in(to, moved)) {
        return EINVAL;
    }
    if (mode == FIRN_OS_RENAME_EXCHANGE) {
        return target != NULL ? 0 : ENOENT;
    }
    if (target == NULL) {
        return 0;
    }
    if (mode == FIRN_OS_RENAME_NO_REPLACE) {
        return EEXIST;
    }
    if (moved->kind != FIRN_OS_DIR) {
        return target->kind == FIRN_OS_DIR ? EISDIR : 0;
    }
    if (target->kind != FIRN_OS_DIR) {
        return ENOTDIR;
    }
    return target->names.cache_count > 0 ? ENOTEMPTY : 0;
}

/* Changes the two entries of a rename that was found to be possible. */
static void
move(struct firn_sim_memory_entry *from, struct firn_sim_memory_entry *to,
     enum firn_os_rename_mode mode)
{
    struct firn_sim_memory_inode *moved = from->cache;
    struct firn_sim_memory_inode *target = to->cache;
    struct firn_sim_memory_inode *from_dir = from->dir;
    struct firn_sim_memory_inode *to_dir = to->dir;
    moved->cache.ctime_ns = firn_sim_memory_stamp(from_dir->fs);
    if (target != NULL) {
        target->cache.ctime_ns = moved->cache.ctime_ns;
    }
    firn_sim_memory_tree_set_cache(from, mode == FIRN_OS_RENAME_EXCHANGE ? target : NULL);
    firn_sim_memory_tree_set_cache(to, moved);
    firn_sim_memory_tree_drop_if_empty(from);
    if (to_dir != from_dir) {
        to_dir->cache.mtime_ns = to_dir->cache.ctime_ns = moved->cache.ctime_ns;
    }
    finish(from_dir);
}

/* The entry to move, and the directory to move it to. */
static int
begin_two(struct firn_os_dir *from_dir, const char *from, struct firn_os_dir *to_dir,
          const char *to, struct firn_sim_memory_entry **out_from,
          struct firn_sim_memory_inode **out_to)
{
    struct firn_sim_memory_inode *parent;
    int error_number = firn_sim_memory_begin_dir(from_dir, FIRN_SIM_MEMORY_CHANGES, &parent);
    if (error_number == 0) {
        error_number = firn_sim_memory_begin_dir(to_dir, FIRN_SIM_MEMORY_ASKS, out_to);
    }
    if (error_number != 0) {
        return error_number;
    }
    if (strlen(from) > NAME_SIZE_MAX) {
        return ENAMETOOLONG;
    }
    *out_from = firn_sim_memory_tree_find(parent, from);
    if (*out_from == NULL || (*out_from)->cache == NULL) {
        return ENOENT;
    }
    return may_change(*out_to, to);
}

int
firn_sim_memory_name_rename(struct firn_os_dir *from_dir, const char *from,
                            struct firn_os_dir *to_dir, const char *to,
                            enum firn_os_rename_mode mode)
{
    struct firn_sim_memory_entry *source;
    struct firn_sim_memory_inode *new_parent;
    int error_number = begin_two(from_dir, from, to_dir, to, &source, &new_parent);
    if (error_number == 0) {
        error_number = may_change(source->dir, from);
    }
    if (error_number != 0) {
        return error_number;
    }
    struct firn_sim_memory_inode *target = firn_sim_memory_tree_lookup(new_parent, to);
    error_number = may_move(source->cache, target, new_parent, mode);
    if (error_number == 0 && mode == FIRN_OS_RENAME_EXCHANGE) {
        error_number = may_move(target, source->cache, source->dir, mode);
    }
    if (error_number != 0 || target == source->cache) {
        return error_number; /* two names of one file: nothing happens */
    }
    struct firn_sim_memory_entry *destination = firn_sim_memory_tree_ensure(new_parent, to);
    if (destination == NULL) {
        return ENOMEM;
    }
    move(source, destination, mode);
    return 0;
}

int
firn_sim_memory_name_link(struct firn_os_dir *from_dir, const char *from,
                          struct firn_os_dir *to_dir, const char *to)
{
    struct firn_sim_memory_entry *source;
    struct firn_sim_memory_inode *new_parent;
    int error_number = begin_two(from_dir, from, to_dir, to, &source, &new_parent);
    if (error_number != 0) {
        return error_number;
    }
    if (firn_sim_memory_tree_lookup(new_parent, to) != NULL) {
        return EEXIST;
    }
    struct firn_sim_memory_inode *inode = source->cache;
    if (inode->kind == FIRN_OS_DIR) {
        return EPERM;
    }
    struct firn_sim_memory_entry *destination = firn_sim_memory_tree_ensure(new_parent, to);
    if (destination == NULL) {
        return ENOMEM;
    }
    inode->cache.ctime_ns = firn_sim_memory_stamp(inode->fs);
    firn_sim_memory_tree_set_cache(destination, inode);
    finish(new_parent);
    return 0;
}

int
firn_sim_memory_name_read_symlink(struct firn_os_dir *dir, const char *name, struct firn_buf *out)
{
    struct firn_sim_memory_inode *parent;
    int error_number = firn_sim_memory_begin_dir(dir, FIRN_SIM_MEMORY_ASKS, &parent);
    if (error_number != 0) {
        return error_number;
    }
    const struct firn_sim_memory_inode *inode = firn_sim_memory_tree_lookup(parent, name);
    if (inode == NULL) {
        return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
    }
    if (inode->kind != FIRN_OS_SYMLINK) {
        return EINVAL;
    }
    return firn_buf_append_str(out, inode->target) == FIRN_OK ? 0 : ENOMEM;
}

int
firn_sim_memory_name_stat(struct firn_os_dir *dir, const char *name, struct firn_os_stat *out)
{
    struct firn_sim_memory_inode *inode;
    int error_number = firn_sim_memory_begin_dir(dir, FIRN_SIM_MEMORY_ASKS, &inode);
    if (error_number != 0) {
        return error_number;
    }
    if (name != NULL) {
        inode = firn_sim_memory_tree_lookup(inode, name);
        if (inode == NULL) {
            return strlen(name) > NAME_SIZE_MAX ? ENAMETOOLONG : ENOENT;
        }
    }
    firn_sim_memory_node_fill_stat(inode, out);
    return 0;
}
