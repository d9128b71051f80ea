/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_tree.c: inodes and names of the file system in memory, and the durability of names.
 *
 * A name is an entry with two targets: what the machine sees (cache) and what its disk holds
 * (media). An operation changes cache; a sync of the directory copies it to media; a power cut
 * copies media back. Both targets keep lists of the entries that lead to them, since a name that
 * goes in one place may have to come in another.
 *
 * File systems keep a journal, so a rename is never seen half undone on disk: what had a durable
 * name and is still there keeps one. This is done where one change becomes durable (flush_entry),
 * so any subset of changes may be flushed, in any order, and a tree comes out that a real disk
 * could hold:
 *
 * (I1) What media leads to, and cache leads to as well, media leads to after any flush: if the
 *      change takes its last name that media leads to, one of its new names becomes durable too,
 *      with the directories above it.
 * (I2) On media a directory has at most one name, and never lies below itself: before a directory's
 *      new name becomes durable its new parents are brought to their present places, afterwards its
 *      old name goes. A directory is gone from media only after all that was moved out of it before
 *      it was removed.
 * (I3) An entry exists while either target does. An inode exists while an entry of either kind or a
 *      handle leads to it; what nothing leads to is doomed, and freed by the sweep at the end of
 *      the operation, never in its middle.
 *
 * A directory of which nothing durable leads to is lost with all its names, however durable these
 * are.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/sim_memory_fs.h"

/* ---- inodes ---- */

struct fi_sim_memory_inode *
fi_sim_memory_tree_new_inode(struct fi_sim_memory *fs, enum fi_os_kind kind, uint32_t mode)
{
    struct fi_sim_memory_inode *inode = fi_alloc_zeroed(sizeof *inode);
    if (inode == NULL) {
        return NULL;
    }
    inode->fs = fs;
    inode->kind = kind;
    inode->number = fs->next_number++;
    inode->btime_ns = fi_sim_memory_stamp(fs);
    inode->cache = (struct fi_sim_memory_attrs){
        .mode = mode,
        .uid = fs->uid,
        .gid = fs->uid,
        .mtime_ns = inode->btime_ns,
        .ctime_ns = inode->btime_ns,
    };
    inode->media = inode->cache;
    fi_sim_memory_data_init(inode);
    inode->next = fs->inodes;
    if (fs->inodes != NULL) {
        fs->inodes->prev = inode;
    }
    fs->inodes = inode;
    return inode;
}

void
fi_sim_memory_tree_doom(struct fi_sim_memory_inode *inode)
{
    if (!inode->doomed && inode->cache_names == NULL && inode->media_names == NULL &&
        inode->handles == 0 && inode != inode->fs->root) {
        inode->doomed = true;
        inode->next_doomed = inode->fs->doomed;
        inode->fs->doomed = inode;
    }
}

static void
free_inode(struct fi_sim_memory_inode *inode)
{
    struct fi_sim_memory *fs = inode->fs;
    if (inode->prev != NULL) {
        inode->prev->next = inode->next;
    } else {
        fs->inodes = inode->next;
    }
    if (inode->next != NULL) {
        inode->next->prev = inode->prev;
    }
    fi_sim_memory_data_deinit(inode);
    fi_sim_memory_node_deinit_attrs(&inode->cache);
    fi_sim_memory_node_deinit_attrs(&inode->media);
    fi_free(inode->names.buckets);
    fi_free(inode->target);
    fi_free(inode);
}

static void
drop_all_entries(struct fi_sim_memory_inode *dir)
{
    for (size_t i = 0; i < dir->names.bucket_count; i++) {
        while (dir->names.buckets[i] != NULL) {
            struct fi_sim_memory_entry *entry = dir->names.buckets[i];
            fi_sim_memory_tree_set_cache(entry, NULL);
            fi_sim_memory_tree_set_media(entry, NULL);
            fi_sim_memory_tree_drop_if_empty(entry);
        }
    }
}

void
fi_sim_memory_tree_sweep(struct fi_sim_memory *fs)
{
    while (fs->doomed != NULL) {
        struct fi_sim_memory_inode *inode = fs->doomed;
        fs->doomed = inode->next_doomed;
        inode->doomed = false;
        if (inode->cache_names == NULL && inode->media_names == NULL && inode->handles == 0) {
            drop_all_entries(inode);
            free_inode(inode);
        }
    }
}

void
fi_sim_memory_tree_free_all(struct fi_sim_memory *fs)
{
    for (struct fi_sim_memory_inode *inode = fs->inodes; inode != NULL; inode = inode->next) {
        for (size_t i = 0; i < inode->names.bucket_count; i++) {
            struct fi_sim_memory_entry *entry = inode->names.buckets[i];
            while (entry != NULL) {
                struct fi_sim_memory_entry *next = entry->next_in_bucket;
                fi_free(entry);
                entry = next;
            }
        }
    }
    while (fs->inodes != NULL) {
        free_inode(fs->inodes);
    }
}

/* ---- entries ---- */

static uint64_t
hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */
    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static struct fi_sim_memory_entry **
bucket_of(const struct fi_sim_memory_inode *dir, const char *name)
{
    return &dir->names.buckets[hash_of(name) & (dir->names.bucket_count - 1)];
}

struct fi_sim_memory_entry *
fi_sim_memory_tree_find(const struct fi_sim_memory_inode *dir, const char *name)
{
    if (dir->names.bucket_count == 0) {
        return NULL;
    }
    struct fi_sim_memory_entry *entry = *bucket_of(dir, name);
    while (entry != NULL && strcmp(entry->name, name) != 0) {
        entry = entry->next_in_bucket;
    }
    return entry;
}

struct fi_sim_memory_inode *
fi_sim_memory_tree_lookup(const struct fi_sim_memory_inode *dir, const char *name)
{
    const struct fi_sim_memory_entry *entry = fi_sim_memory_tree_find(dir, name);
    return entry != NULL ? entry->cache : NULL;
}

/* Doubles the buckets. Without memory the chains just grow longer. */
static bool
grow_buckets(struct fi_sim_memory_inode *dir)
{
    struct fi_sim_memory_names *names = &dir->names;
    size_t old_count = names->bucket_count;
    size_t count = old_count == 0 ? 8 : 2 * old_count;
    struct fi_sim_memory_entry **old = names->buckets;
    struct fi_sim_memory_entry **buckets = fi_alloc_zeroed(count * sizeof(void *));
    if (buckets == NULL) {
        return old_count > 0;
    }
    names->buckets = buckets;
    names->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct fi_sim_memory_entry *entry = old[i]; entry != NULL;) {
            struct fi_sim_memory_entry *next = entry->next_in_bucket;
            struct fi_sim_memory_entry **bucket = bucket_of(dir, entry->name);
            entry->next_in_bucket = *bucket;
            *bucket = entry;
            entry = next;
        }
    }
    fi_free(old);
    return true;
}

struct fi_sim_memory_entry *
fi_sim_memory_tree_ensure(struct fi_sim_memory_inode *dir, const char *name)
{
    struct fi_sim_memory_entry *entry = fi_sim_memory_tree_find(dir, name);
    if (entry != NULL) {
        return entry;
    }
    if (dir->names.entry_count == dir->names.bucket_count && !grow_buckets(dir)) {
        return NULL;
    }
    size_t name_size = strlen(name) + 1;
    entry = fi_alloc_zeroed(sizeof *entry + name_size);
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->name, name, name_size);
    entry->dir = dir;
    struct fi_sim_memory_entry **bucket = bucket_of(dir, name);
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    dir->names.entry_count++;
    return entry;
}

void
fi_sim_memory_tree_drop_if_empty(struct fi_sim_memory_entry *entry)
{
    if (entry->cache != NULL || entry->media != NULL) {
        return;
    }
    struct fi_sim_memory_entry **link = bucket_of(entry->dir, entry->name);
    while (*link != entry) {
        link = &(*link)->next_in_bucket;
    }
    *link = entry->next_in_bucket;
    entry->dir->names.entry_count--;
    fi_free(entry);
}

/* Puts the entry into its directory's list of dirty ones, or takes it out, as its targets ask. */
static void
set_dirty(struct fi_sim_memory_entry *entry, bool was_dirty)
{
    bool is_dirty = entry->cache != entry->media;
    struct fi_sim_memory_names *names = &entry->dir->names;
    if (is_dirty && !was_dirty) {
        entry->dirty_prev = NULL;
        entry->dirty_next = names->dirty;
        if (names->dirty != NULL) {
            names->dirty->dirty_prev = entry;
        }
        names->dirty = entry;
    } else if (!is_dirty && was_dirty) {
        if (entry->dirty_prev != NULL) {
            entry->dirty_prev->dirty_next = entry->dirty_next;
        } else {
            names->dirty = entry->dirty_next;
        }
        if (entry->dirty_next != NULL) {
            entry->dirty_next->dirty_prev = entry->dirty_prev;
        }
    }
}

static void
unlink_cache(struct fi_sim_memory_entry *entry)
{
    struct fi_sim_memory_inode *target = entry->cache;
    if (entry->cache_prev != NULL) {
        entry->cache_prev->cache_next = entry->cache_next;
    } else {
        target->cache_names = entry->cache_next;
    }
    if (entry->cache_next != NULL) {
        entry->cache_next->cache_prev = entry->cache_prev;
    }
    target->cache_name_count--;
    entry->dir->names.cache_count--;
    entry->dir->names.cache_subdirs -= target->kind == FI_OS_DIR;
    fi_sim_memory_tree_doom(target);
}

void
fi_sim_memory_tree_set_cache(struct fi_sim_memory_entry *entry, struct fi_sim_memory_inode *target)
{
    bool was_dirty = entry->cache != entry->media;
    if (entry->cache != NULL) {
        unlink_cache(entry);
    }
    entry->cache = target;
    if (target != NULL) {
        entry->cache_prev = NULL;
        entry->cache_next = target->cache_names;
        if (target->cache_names != NULL) {
            target->cache_names->cache_prev = entry;
        }
        target->cache_names = entry;
        target->cache_name_count++;
        entry->dir->names.cache_count++;
        entry->dir->names.cache_subdirs += target->kind == FI_OS_DIR;
    }
    set_dirty(entry, was_dirty);
}

static void
unlink_media(struct fi_sim_memory_entry *entry)
{
    struct fi_sim_memory_inode *target = entry->media;
    if (entry->media_prev != NULL) {
        entry->media_prev->media_next = entry->media_next;
    } else {
        target->media_names = entry->media_next;
    }
    if (entry->media_next != NULL) {
        entry->media_next->media_prev = entry->media_prev;
    }
    fi_sim_memory_tree_doom(target);
}

void
fi_sim_memory_tree_set_media(struct fi_sim_memory_entry *entry, struct fi_sim_memory_inode *target)
{
    bool was_dirty = entry->cache != entry->media;
    if (entry->media != NULL) {
        unlink_media(entry);
    }
    entry->media = target;
    if (target != NULL) {
        entry->media_prev = NULL;
        entry->media_next = target->media_names;
        if (target->media_names != NULL) {
            target->media_names->media_prev = entry;
        }
        target->media_names = entry;
    }
    set_dirty(entry, was_dirty);
}

/* ---- durability ---- */

static bool
was_removed(const struct fi_sim_memory_inode *inode)
{
    return inode->kind == FI_OS_DIR && inode->cache_names == NULL;
}

/* Whether media leads to it from the root. */
static bool
is_on_media(const struct fi_sim_memory_inode *inode)
{
    if (inode == inode->fs->root) {
        return true;
    }
    const struct fi_sim_memory_entry *entry = inode->media_names;
    while (entry != NULL && !is_on_media(entry->dir)) {
        entry = entry->media_next;
    }
    return entry != NULL;
}

/* Brings a directory and all its parents to their present places on media. */
static void
flush_parents(struct fi_sim_memory_inode *dir)
{
    while (dir->cache_names != NULL) {
        struct fi_sim_memory_entry *entry = dir->cache_names;
        dir = entry->dir;
        fi_sim_memory_tree_flush_entry(entry); /* its target is there still, so it is not freed */
    }
}

/* Makes the old names of a directory go from media, now that entry names it there. */
static void
flush_other_names(const struct fi_sim_memory_entry *entry)
{
    struct fi_sim_memory_inode *dir = entry->media;
    struct fi_sim_memory_entry *other = dir->media_names;
    while (other != NULL) {
        if (other == entry) {
            other = other->media_next;
            continue;
        }
        fi_sim_memory_tree_flush_entry(other);
        other = dir->media_names;
    }
}

void
fi_sim_memory_tree_flush_entry(struct fi_sim_memory_entry *entry)
{
    struct fi_sim_memory_inode *before = entry->media;
    struct fi_sim_memory_inode *now = entry->cache;
    if (before == now) {
        return;
    }
    bool moves_dir = now != NULL && now->kind == FI_OS_DIR && now->media_names != NULL;
    if (moves_dir) {
        flush_parents(entry->dir);
    }
    if (entry->media == now) {
        return; /* it came along with the parents */
    }
    fi_sim_memory_tree_set_media(entry, now);
    if (moves_dir) {
        flush_other_names(entry);
    }
    if (before != NULL && was_removed(before)) {
        fi_sim_memory_tree_flush_dir(before);
    }
    if (before != NULL && before->cache_names != NULL && !is_on_media(before)) {
        struct fi_sim_memory_entry *new_name = before->cache_names;
        flush_parents(new_name->dir);
        fi_sim_memory_tree_flush_entry(new_name);
    }
    fi_sim_memory_tree_drop_if_empty(entry);
}

void
fi_sim_memory_tree_flush_dir(struct fi_sim_memory_inode *dir)
{
    while (dir->names.dirty != NULL) {
        fi_sim_memory_tree_flush_entry(dir->names.dirty);
    }
}

void
fi_sim_memory_tree_flush_all(struct fi_sim_memory *fs)
{
    for (struct fi_sim_memory_inode *inode = fs->inodes; inode != NULL; inode = inode->next) {
        fi_sim_memory_tree_flush_dir(inode);
    }
}
