/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory.c: the machine in memory: its table, its settings, its clock; cloning it and cutting
 * its power.
 *
 * Files in reading order: sim_memory_fs.h (the structures), this one, sim_memory_tree.c (inodes and
 * names), sim_memory_data.c (contents), sim_memory_name.c, sim_memory_dir.c, sim_memory_file.c,
 * sim_memory_node.c (the entries of the table).
 *
 * A power cut chooses, for every file and every directory, a state that the disk could be in: from
 * what media holds a random share of what differs in the cache is flushed, then the cache is made
 * equal to media. Shares vary from cut to cut (nothing, an eighth, half, nearly all, all), since
 * bugs hide at each of them. Then the epoch is advanced: handles carry the one they were opened in,
 * and those of an earlier one answer every call with EIO.
 *
 * A clone is a deep copy of inodes and entries, with contents and extended attributes shared by
 * reference.
 *
 * (I1) Everything random is drawn from the seed, in the order of calls. So the same calls on the
 *      same seed see the same machine, cuts included.
 * (I2) An entry of the table begins with fi_sim_memory_begin_*, which counts it, and answers EIO
 *      where the machine is off; so a cut can be placed at every call that changes anything.
 */
#include "sim/sim_memory.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "sim/sim_memory_fs.h"
#include "sim/sim_note.h"

static struct fi_sim_memory *
machine(struct fi_os *os)
{
    return (struct fi_sim_memory *)os;
}

/* ---- how calls begin ---- */

static int
begin(struct fi_sim_memory *fs, uint64_t epoch, enum fi_sim_memory_call call)
{
    if (fs->off || epoch != fs->epoch) {
        return EIO;
    }
    if (call == FI_SIM_MEMORY_ASKS) {
        return 0;
    }
    fs->calls++;
    fs->syncs += call == FI_SIM_MEMORY_SYNCS;
    if (fs->cut_at != 0 && fs->calls >= fs->cut_at) {
        fs->off = true;
        fi_sim_note("the power, at call %llu after it was planned",
                    (unsigned long long)(fs->calls - fs->cut_planned_at));
        return EIO;
    }
    return 0;
}

int
fi_sim_memory_begin_dir(struct fi_os_dir *dir, enum fi_sim_memory_call call,
                        struct fi_sim_memory_inode **out)
{
    struct fi_sim_memory_dir *self = (struct fi_sim_memory_dir *)dir;
    *out = self->inode;
    return begin(self->inode->fs, self->epoch, call);
}

int
fi_sim_memory_begin_file(struct fi_os_file *file, enum fi_sim_memory_call call,
                         struct fi_sim_memory_inode **out)
{
    struct fi_sim_memory_file *self = (struct fi_sim_memory_file *)file;
    *out = self->inode;
    return begin(self->inode->fs, self->epoch, call);
}

int64_t
fi_sim_memory_tick(struct fi_sim_memory *fs)
{
    fs->now_ns += 1000;
    fs->monotonic_ns += 1000;
    return fs->now_ns;
}

int64_t
fi_sim_memory_stamp(struct fi_sim_memory *fs)
{
    int64_t now = fi_sim_memory_tick(fs);
    return now - now % fs->granularity_ns;
}

bool
fi_sim_memory_may(const struct fi_sim_memory_inode *inode, unsigned access)
{
    const struct fi_sim_memory *fs = inode->fs;
    unsigned shift = fs->uid == inode->cache.uid ? 6 : fs->uid == inode->cache.gid ? 3 : 0;
    return fs->uid == 0 || ((inode->cache.mode >> shift) & access) == access;
}

bool
fi_sim_memory_writes_back_now(struct fi_sim_memory *fs)
{
    return fs->writeback_one_in != 0 && fi_os_prng_below(&fs->prng, fs->writeback_one_in) == 0;
}

/* ---- the table ---- */

static int64_t
now_ns(struct fi_os *os)
{
    return fi_sim_memory_tick(machine(os));
}

static int64_t
monotonic_ns(struct fi_os *os)
{
    (void)fi_sim_memory_tick(machine(os));
    return machine(os)->monotonic_ns;
}

static void
sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    machine(os)->now_ns += duration_ns;
    machine(os)->monotonic_ns += duration_ns;
}

static int
random_bytes(struct fi_os *os, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(fi_os_prng_next(&machine(os)->prng) >> 56);
    }
    return 0;
}

static unsigned
cpu_count(struct fi_os *os)
{
    (void)os;
    return 4;
}

static uint64_t
process_id(struct fi_os *os)
{
    (void)os;
    return 4242;
}

static uint64_t
boot_id(struct fi_os *os)
{
    return machine(os)->epoch + 1;
}

static const char *
environment(struct fi_os *os, const char *name)
{
    (void)os;
    return strcmp(name, "XDG_DATA_HOME") == 0 ? "/data" : NULL;
}

static uint32_t
user_id(struct fi_os *os)
{
    return machine(os)->uid;
}

static const struct fi_os_ops ops = {
    .dir_open_path = fi_sim_memory_dir_open_path,
    .dir_open = fi_sim_memory_dir_open,
    .dir_open_beneath = fi_sim_memory_dir_open_beneath,
    .dir_close = fi_sim_memory_dir_close,
    .dir_list = fi_sim_memory_dir_list,
    .dir_sync = fi_sim_memory_dir_sync,
    .dir_sync_filesystem = fi_sim_memory_dir_sync_filesystem,
    .dir_real_path = fi_sim_memory_dir_real_path,
    .dir_free_bytes = fi_sim_memory_dir_free_bytes,
    .make_dir = fi_sim_memory_name_make_dir,
    .remove_file = fi_sim_memory_name_remove_file,
    .remove_dir = fi_sim_memory_name_remove_dir,
    .rename = fi_sim_memory_name_rename,
    .link = fi_sim_memory_name_link,
    .make_symlink = fi_sim_memory_name_make_symlink,
    .read_symlink = fi_sim_memory_name_read_symlink,
    .make_fifo = fi_sim_memory_name_make_fifo,
    .stat = fi_sim_memory_name_stat,
    .file_open = fi_sim_memory_file_open,
    .file_close = fi_sim_memory_file_close,
    .file_read = fi_sim_memory_file_read,
    .file_write = fi_sim_memory_file_write,
    .file_stat = fi_sim_memory_file_stat,
    .file_truncate = fi_sim_memory_file_truncate,
    .file_allocate = fi_sim_memory_file_allocate,
    .file_sync = fi_sim_memory_file_sync,
    .file_sync_all = fi_sim_memory_file_sync_all,
    .file_start_writeback = fi_sim_memory_file_start_writeback,
    .file_next_data = fi_sim_memory_file_next_data,
    .file_map = fi_sim_memory_file_map,
    .file_unmap = fi_sim_memory_file_unmap,
    .file_commit = fi_sim_memory_file_commit,
    .file_lock = fi_sim_memory_file_lock,
    .file_unlock = fi_sim_memory_file_unlock,
    .file_lock_range = fi_sim_memory_file_lock_range,
    .file_unlock_range = fi_sim_memory_file_unlock_range,
    .file_is_range_held = fi_sim_memory_file_is_range_held,
    .file_lose_unsynced = fi_sim_memory_file_lose_unsynced,
    .dir_lose_unsynced = fi_sim_memory_dir_lose_unsynced,
    .set_mode = fi_sim_memory_node_set_mode,
    .set_owner = fi_sim_memory_node_set_owner,
    .set_mtime = fi_sim_memory_node_set_mtime,
    .xattr_list = fi_sim_memory_node_xattr_list,
    .xattr_get = fi_sim_memory_node_xattr_get,
    .xattr_set = fi_sim_memory_node_xattr_set,
    .xattr_remove = fi_sim_memory_node_xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
    .environment = environment,
};

/* ---- creation and cloning ---- */

int
fi_sim_memory_create(uint64_t seed, struct fi_os **out, firn_error *err)
{
    *out = NULL;
    struct fi_sim_memory *fs = fi_alloc_zeroed(sizeof *fs);
    if (fs == NULL) {
        return fi_error_no_memory(err, "a file system in memory");
    }
    fs->base = (struct fi_os){
        .ops = &ops,
        .dir_size = sizeof(struct fi_sim_memory_dir),
        .file_size = sizeof(struct fi_sim_memory_file),
        .scheduler = &fs->scheduler,
    };
    fs->prng.state = seed;
    fi_os_scheduler_init(&fs->scheduler, fi_os_prng_next(&fs->prng));
    fs->next_number = 2;
    fs->space_bytes = UINT64_MAX;
    fs->now_ns = INT64_C(1767225600000000000); /* 2026-01-01 00:00 UTC */
    fs->granularity_ns = 1;
    fs->umask = 022;
    fs->writeback_one_in = 16;
    fs->root = fi_sim_memory_tree_new_inode(fs, FI_OS_DIR, 0755);
    if (fs->root == NULL) {
        fi_free(fs);
        return fi_error_no_memory(err, "a file system in memory");
    }
    *out = &fs->base;
    return FIRN_OK;
}

void
fi_sim_memory_destroy(struct fi_os *os)
{
    if (os == NULL) {
        return;
    }
    struct fi_sim_memory *fs = machine(os);
    CHECK(fs->handles == 0);
    fi_os_scheduler_deinit(&fs->scheduler);
    fi_sim_memory_tree_free_all(fs);
    fi_free(fs);
}

/* Whether anything but handles leads to it: these stay with the old machine. */
static bool
worth_cloning(const struct fi_sim_memory_inode *inode)
{
    return inode->cache_names != NULL || inode->media_names != NULL || inode == inode->fs->root;
}

static int
clone_inode(struct fi_sim_memory *to, struct fi_sim_memory_inode *from)
{
    struct fi_sim_memory_inode *inode =
        fi_sim_memory_tree_new_inode(to, from->kind, from->cache.mode);
    from->clone = inode;
    if (inode == NULL) {
        return ENOMEM;
    }
    inode->number = from->number;
    inode->btime_ns = from->btime_ns;
    fi_sim_memory_node_copy_attrs(&inode->cache, &from->cache);
    fi_sim_memory_node_copy_attrs(&inode->media, &from->media);
    if (from->target != NULL) {
        inode->target = fi_strdup(from->target);
        if (inode->target == NULL) {
            return ENOMEM;
        }
    }
    return fi_sim_memory_data_copy(from, inode);
}

static int
clone_entries(const struct fi_sim_memory_inode *from)
{
    for (size_t i = 0; i < from->names.bucket_count; i++) {
        for (const struct fi_sim_memory_entry *entry = from->names.buckets[i]; entry != NULL;
             entry = entry->next_in_bucket) {
            struct fi_sim_memory_entry *copy = fi_sim_memory_tree_ensure(from->clone, entry->name);
            if (copy == NULL) {
                return ENOMEM;
            }
            fi_sim_memory_tree_set_cache(copy, entry->cache ? entry->cache->clone : NULL);
            fi_sim_memory_tree_set_media(copy, entry->media ? entry->media->clone : NULL);
        }
    }
    return 0;
}

/* Fills an empty machine, but for its root, with what the other holds. */
static int
clone_contents(struct fi_sim_memory *from, struct fi_sim_memory *to)
{
    int error_number = 0;
    struct fi_sim_memory_inode *last = from->inodes;
    while (last->next != NULL) {
        last = last->next;
    }
    /* New inodes go to the front of the list, so the copies are made from its end, to come out
     * in the same order. */
    for (struct fi_sim_memory_inode *inode = last; error_number == 0 && inode != NULL;
         inode = inode->prev) {
        inode->clone = NULL;
        error_number = worth_cloning(inode) ? clone_inode(to, inode) : 0;
    }
    to->root = from->root->clone;
    for (struct fi_sim_memory_inode *inode = from->inodes; error_number == 0 && inode != NULL;
         inode = inode->next) {
        error_number = inode->clone != NULL ? clone_entries(inode) : 0;
    }
    for (struct fi_sim_memory_inode *inode = to->inodes; error_number == 0 && inode != NULL;
         inode = inode->next) {
        fi_sim_memory_tree_doom(inode); /* its names were in a directory that only handles hold */
    }
    return error_number;
}

int
fi_sim_memory_clone(struct fi_os *os, struct fi_os **out, firn_error *err)
{
    *out = NULL;
    struct fi_sim_memory *from = machine(os);
    struct fi_sim_memory *to = fi_alloc(sizeof *to);
    if (to == NULL) {
        return fi_error_no_memory(err, "a copy of a file system");
    }
    *to = *from;
    to->base.scheduler = &to->scheduler;
    to->scheduler.queues = NULL;
    to->inodes = NULL;
    to->doomed = NULL;
    to->root = NULL;
    to->handles = 0;
    to->used_bytes = 0;
    int error_number = clone_contents(from, to);
    to->next_number = from->next_number;
    to->now_ns = from->now_ns;
    to->monotonic_ns = from->monotonic_ns;
    if (error_number != 0) {
        fi_sim_memory_tree_free_all(to);
        fi_free(to);
        return fi_error_no_memory(err, "a copy of a file system");
    }
    fi_sim_memory_tree_sweep(to);
    *out = &to->base;
    return FIRN_OK;
}

/* ---- power cuts ---- */

static struct fi_sim_memory_share
share_of_cut(struct fi_os_prng *prng, uint64_t seed)
{
    static const struct fi_sim_memory_share shares[] = {{0, 1}, {1, 8}, {1, 2}, {7, 8}, {1, 1}};
    if (seed <= 1) {
        return (struct fi_sim_memory_share){(uint32_t)seed, 1};
    }
    return shares[fi_os_prng_below(prng, sizeof shares / sizeof shares[0])];
}

/* Lets a share of the changes of names reach the disk. */
static void
flush_some_names(struct fi_sim_memory *fs, struct fi_os_prng *prng,
                 struct fi_sim_memory_share share)
{
    for (struct fi_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        for (struct fi_sim_memory_entry *entry = dir->names.dirty; entry != NULL;
             entry = entry->dirty_next) {
            entry->chosen = fi_sim_memory_data_toss(prng, share);
        }
    }
    for (struct fi_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        struct fi_sim_memory_entry *entry = dir->names.dirty;
        while (entry != NULL) {
            if (!entry->chosen) {
                entry = entry->dirty_next;
                continue;
            }
            fi_sim_memory_tree_flush_entry(entry);
            entry = dir->names.dirty; /* it may have taken others along */
        }
    }
}

static void
forget_cached_names(struct fi_sim_memory *fs)
{
    for (struct fi_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        while (dir->names.dirty != NULL) {
            struct fi_sim_memory_entry *entry = dir->names.dirty;
            fi_sim_memory_tree_set_cache(entry, entry->media);
            fi_sim_memory_tree_drop_if_empty(entry);
        }
    }
}

static void
settle_inode(struct fi_sim_memory_inode *inode, struct fi_os_prng *prng,
             struct fi_sim_memory_share share)
{
    fi_sim_memory_data_flush_some(inode, prng, share);
    fi_sim_memory_data_forget_cache(inode);
    if (fi_sim_memory_data_toss(prng, share)) {
        fi_sim_memory_node_copy_attrs(&inode->media, &inode->cache);
    } else {
        fi_sim_memory_node_copy_attrs(&inode->cache, &inode->media);
    }
    inode->lock_owner = NULL;
    inode->shared_locks = 0;
    fi_os_locks_give_all(&inode->range_locks, NULL);
}

void
fi_sim_memory_power_cut(struct fi_os *os, uint64_t seed)
{
    struct fi_sim_memory *fs = machine(os);
    struct fi_os_prng prng = {seed};
    flush_some_names(fs, &prng, share_of_cut(&prng, seed));
    forget_cached_names(fs);
    fi_sim_memory_tree_sweep(fs);
    struct fi_sim_memory_share share = share_of_cut(&prng, seed);
    for (struct fi_sim_memory_inode *inode = fs->inodes; inode != NULL; inode = inode->next) {
        settle_inode(inode, &prng, share);
    }
    fs->epoch++;
    fs->off = false;
    fs->cut_at = 0;
}

/* ---- settings ---- */

uint64_t
fi_sim_memory_calls(const struct fi_os *os)
{
    return ((const struct fi_sim_memory *)os)->calls;
}

uint64_t
fi_sim_memory_syncs(const struct fi_os *os)
{
    return ((const struct fi_sim_memory *)os)->syncs;
}

void
fi_sim_memory_set_cut_at(struct fi_os *os, uint64_t call)
{
    struct fi_sim_memory *fs = machine(os);
    if (call != 0) {
        fi_sim_note_clear();
    }
    fs->cut_at = call;
    fs->cut_planned_at = fs->calls;
}

bool
fi_sim_memory_is_off(const struct fi_os *os)
{
    return ((const struct fi_sim_memory *)os)->off;
}

void
fi_sim_memory_set_space(struct fi_os *os, uint64_t bytes)
{
    machine(os)->space_bytes = bytes;
}

void
fi_sim_memory_set_time(struct fi_os *os, int64_t time_ns)
{
    machine(os)->now_ns = time_ns;
}

void
fi_sim_memory_set_granularity(struct fi_os *os, int64_t duration_ns)
{
    machine(os)->granularity_ns = duration_ns;
}

void
fi_sim_memory_set_user(struct fi_os *os, uint32_t uid)
{
    machine(os)->uid = uid;
}

void
fi_sim_memory_set_umask(struct fi_os *os, uint32_t mask)
{
    machine(os)->umask = mask;
}

void
fi_sim_memory_set_writeback(struct fi_os *os, uint32_t one_in)
{
    machine(os)->writeback_one_in = one_in;
}

void
fi_sim_memory_set_hide_kinds(struct fi_os *os, bool hide)
{
    machine(os)->hide_kinds = hide;
}

void
fi_sim_memory_set_hide_births(struct fi_os *os, bool hide)
{
    machine(os)->hide_births = hide;
}
