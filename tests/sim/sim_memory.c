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
 * (I2) An entry of the table begins with firn_sim_memory_begin_*, which counts it, and answers EIO
 *      where the machine is off; so a cut can be placed at every call that changes anything.
 */
#include "sim/sim_memory.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "sim/sim_memory_fs.h"

static struct firn_sim_memory *
machine(struct firn_os *os)
{
    return (struct firn_sim_memory *)os;
}

/* ---- how calls begin ---- */

static int
begin(struct firn_sim_memory *fs, uint64_t epoch, enum firn_sim_memory_call call)
{
    if (fs->off || epoch != fs->epoch) {
        return EIO;
    }
    if (call == FIRN_SIM_MEMORY_ASKS) {
        return 0;
    }
    fs->calls++;
    fs->syncs += call == FIRN_SIM_MEMORY_SYNCS;
    if (fs->cut_at != 0 && fs->calls >= fs->cut_at) {
        fs->off = true;
        return EIO;
    }
    return 0;
}

int
firn_sim_memory_begin_dir(struct firn_os_dir *dir, enum firn_sim_memory_call call,
                          struct firn_sim_memory_inode **out)
{
    struct firn_sim_memory_dir *self = (struct firn_sim_memory_dir *)dir;
    *out = self->inode;
    return begin(self->inode->fs, self->epoch, call);
}

int
firn_sim_memory_begin_file(struct firn_os_file *file, enum firn_sim_memory_call call,
                           struct firn_sim_memory_inode **out)
{
    struct firn_sim_memory_file *self = (struct firn_sim_memory_file *)file;
    *out = self->inode;
    return begin(self->inode->fs, self->epoch, call);
}

int64_t
firn_sim_memory_tick(struct firn_sim_memory *fs)
{
    fs->now_ns += 1000;
    fs->monotonic_ns += 1000;
    return fs->now_ns;
}

int64_t
firn_sim_memory_stamp(struct firn_sim_memory *fs)
{
    int64_t now = firn_sim_memory_tick(fs);
    return now - now % fs->granularity_ns;
}

bool
firn_sim_memory_may(const struct firn_sim_memory_inode *inode, unsigned access)
{
    const struct firn_sim_memory *fs = inode->fs;
    unsigned shift = fs->uid == inode->cache.uid ? 6 : fs->uid == inode->cache.gid ? 3 : 0;
    return fs->uid == 0 || ((inode->cache.mode >> shift) & access) == access;
}

bool
firn_sim_memory_writes_back_now(struct firn_sim_memory *fs)
{
    return fs->writeback_one_in != 0 && firn_os_prng_below(&fs->prng, fs->writeback_one_in) == 0;
}

/* ---- the table ---- */

static int64_t
now_ns(struct firn_os *os)
{
    return firn_sim_memory_tick(machine(os));
}

static int64_t
monotonic_ns(struct firn_os *os)
{
    (void)firn_sim_memory_tick(machine(os));
    return machine(os)->monotonic_ns;
}

static void
sleep_ns(struct firn_os *os, int64_t duration_ns)
{
    machine(os)->now_ns += duration_ns;
    machine(os)->monotonic_ns += duration_ns;
}

static int
random_bytes(struct firn_os *os, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(firn_os_prng_next(&machine(os)->prng) >> 56);
    }
    return 0;
}

static unsigned
cpu_count(struct firn_os *os)
{
    (void)os;
    return 4;
}

static uint64_t
process_id(struct firn_os *os)
{
    (void)os;
    return 4242;
}

static uint64_t
boot_id(struct firn_os *os)
{
    return machine(os)->epoch + 1;
}

static const char *
environment(struct firn_os *os, const char *name)
{
    (void)os;
    return strcmp(name, "XDG_DATA_HOME") == 0 ? "/data" : NULL;
}

static uint32_t
user_id(struct firn_os *os)
{
    return machine(os)->uid;
}

static const struct firn_os_ops ops = {
    .dir_open_path = firn_sim_memory_dir_open_path,
    .dir_open = firn_sim_memory_dir_open,
    .dir_open_beneath = firn_sim_memory_dir_open_beneath,
    .dir_close = firn_sim_memory_dir_close,
    .dir_list = firn_sim_memory_dir_list,
    .dir_sync = firn_sim_memory_dir_sync,
    .dir_sync_filesystem = firn_sim_memory_dir_sync_filesystem,
    .dir_real_path = firn_sim_memory_dir_real_path,
    .dir_free_bytes = firn_sim_memory_dir_free_bytes,
    .make_dir = firn_sim_memory_name_make_dir,
    .remove_file = firn_sim_memory_name_remove_file,
    .remove_dir = firn_sim_memory_name_remove_dir,
    .rename = firn_sim_memory_name_rename,
    .link = firn_sim_memory_name_link,
    .make_symlink = firn_sim_memory_name_make_symlink,
    .read_symlink = firn_sim_memory_name_read_symlink,
    .make_fifo = firn_sim_memory_name_make_fifo,
    .stat = firn_sim_memory_name_stat,
    .file_open = firn_sim_memory_file_open,
    .file_close = firn_sim_memory_file_close,
    .file_read = firn_sim_memory_file_read,
    .file_write = firn_sim_memory_file_write,
    .file_stat = firn_sim_memory_file_stat,
    .file_truncate = firn_sim_memory_file_truncate,
    .file_allocate = firn_sim_memory_file_allocate,
    .file_sync = firn_sim_memory_file_sync,
    .file_sync_all = firn_sim_memory_file_sync_all,
    .file_start_writeback = firn_sim_memory_file_start_writeback,
    .file_next_data = firn_sim_memory_file_next_data,
    .file_map = firn_sim_memory_file_map,
    .file_unmap = firn_sim_memory_file_unmap,
    .file_commit = firn_sim_memory_file_commit,
    .file_lock = firn_sim_memory_file_lock,
    .file_unlock = firn_sim_memory_file_unlock,
    .file_lock_range = firn_sim_memory_file_lock_range,
    .file_unlock_range = firn_sim_memory_file_unlock_range,
    .file_is_range_held = firn_sim_memory_file_is_range_held,
    .file_lose_unsynced = firn_sim_memory_file_lose_unsynced,
    .dir_lose_unsynced = firn_sim_memory_dir_lose_unsynced,
    .set_mode = firn_sim_memory_node_set_mode,
    .set_owner = firn_sim_memory_node_set_owner,
    .set_mtime = firn_sim_memory_node_set_mtime,
    .xattr_list = firn_sim_memory_node_xattr_list,
    .xattr_get = firn_sim_memory_node_xattr_get,
    .xattr_set = firn_sim_memory_node_xattr_set,
    .xattr_remove = firn_sim_memory_node_xattr_remove,
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
firn_sim_memory_create(uint64_t seed, struct firn_os **out, firn_error *err)
{
    *out = NULL;
    struct firn_sim_memory *fs = firn_alloc_zeroed(sizeof *fs);
    if (fs == NULL) {
        return firn_error_no_memory(err, "a file system in memory");
    }
    fs->base = (struct firn_os){
        .ops = &ops,
        .dir_size = sizeof(struct firn_sim_memory_dir),
        .file_size = sizeof(struct firn_sim_memory_file),
        .scheduler = &fs->scheduler,
    };
    fs->prng.state = seed;
    firn_os_scheduler_init(&fs->scheduler, firn_os_prng_next(&fs->prng));
    fs->next_number = 2;
    fs->space_bytes = UINT64_MAX;
    fs->now_ns = INT64_C(1767225600000000000); /* 2026-01-01 00:00 UTC */
    fs->granularity_ns = 1;
    fs->umask = 022;
    fs->writeback_one_in = 16;
    fs->root = firn_sim_memory_tree_new_inode(fs, FIRN_OS_DIR, 0755);
    if (fs->root == NULL) {
        firn_free(fs);
        return firn_error_no_memory(err, "a file system in memory");
    }
    *out = &fs->base;
    return FIRN_OK;
}

void
firn_sim_memory_destroy(struct firn_os *os)
{
    if (os == NULL) {
        return;
    }
    struct firn_sim_memory *fs = machine(os);
    CHECK(fs->handles == 0);
    firn_os_scheduler_deinit(&fs->scheduler);
    firn_sim_memory_tree_free_all(fs);
    firn_free(fs);
}

/* Whether anything but handles leads to it: these stay with the old machine. */
static bool
worth_cloning(const struct firn_sim_memory_inode *inode)
{
    return inode->cache_names != NULL || inode->media_names != NULL || inode == inode->fs->root;
}

static int
clone_inode(struct firn_sim_memory *to, struct firn_sim_memory_inode *from)
{
    struct firn_sim_memory_inode *inode =
        firn_sim_memory_tree_new_inode(to, from->kind, from->cache.mode);
    from->clone = inode;
    if (inode == NULL) {
        return ENOMEM;
    }
    inode->number = from->number;
    inode->btime_ns = from->btime_ns;
    firn_sim_memory_node_copy_attrs(&inode->cache, &from->cache);
    firn_sim_memory_node_copy_attrs(&inode->media, &from->media);
    if (from->target != NULL) {
        inode->target = firn_strdup(from->target);
        if (inode->target == NULL) {
            return ENOMEM;
        }
    }
    return firn_sim_memory_data_copy(from, inode);
}

static int
clone_entries(const struct firn_sim_memory_inode *from)
{
    for (size_t i = 0; i < from->names.bucket_count; i++) {
        for (const struct firn_sim_memory_entry *entry = from->names.buckets[i]; entry != NULL;
             entry = entry->next_in_bucket) {
            struct firn_sim_memory_entry *copy =
                firn_sim_memory_tree_ensure(from->clone, entry->name);
            if (copy == NULL) {
                return ENOMEM;
            }
            firn_sim_memory_tree_set_cache(copy, entry->cache ? entry->cache->clone : NULL);
            firn_sim_memory_tree_set_media(copy, entry->media ? entry->media->clone : NULL);
        }
    }
    return 0;
}

/* Fills an empty machine, but for its root, with what the other holds. */
static int
clone_contents(struct firn_sim_memory *from, struct firn_sim_memory *to)
{
    int error_number = 0;
    struct firn_sim_memory_inode *last = from->inodes;
    while (last->next != NULL) {
        last = last->next;
    }
    /* New inodes go to the front of the list, so the copies are made from its end, to come out
     * in the same order. */
    for (struct firn_sim_memory_inode *inode = last; error_number == 0 && inode != NULL;
         inode = inode->prev) {
        inode->clone = NULL;
        error_number = worth_cloning(inode) ? clone_inode(to, inode) : 0;
    }
    to->root = from->root->clone;
    for (struct firn_sim_memory_inode *inode = from->inodes; error_number == 0 && inode != NULL;
         inode = inode->next) {
        error_number = inode->clone != NULL ? clone_entries(inode) : 0;
    }
    for (struct firn_sim_memory_inode *inode = to->inodes; error_number == 0 && inode != NULL;
         inode = inode->next) {
        firn_sim_memory_tree_doom(inode); /* its names were in a directory that only handles hold */
    }
    return error_number;
}

int
firn_sim_memory_clone(struct firn_os *os, struct firn_os **out, firn_error *err)
{
    *out = NULL;
    struct firn_sim_memory *from = machine(os);
    struct firn_sim_memory *to = firn_alloc(sizeof *to);
    if (to == NULL) {
        return firn_error_no_memory(err, "a copy of a file system");
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
        firn_sim_memory_tree_free_all(to);
        firn_free(to);
        return firn_error_no_memory(err, "a copy of a file system");
    }
    firn_sim_memory_tree_sweep(to);
    *out = &to->base;
    return FIRN_OK;
}

/* ---- power cuts ---- */

static struct firn_sim_memory_share
share_of_cut(struct firn_os_prng *prng, uint64_t seed)
{
    static const struct firn_sim_memory_share shares[] = {{0, 1}, {1, 8}, {1, 2}, {7, 8}, {1, 1}};
    if (seed <= 1) {
        return (struct firn_sim_memory_share){(uint32_t)seed, 1};
    }
    return shares[firn_os_prng_below(prng, sizeof shares / sizeof shares[0])];
}

/* Lets a share of the changes of names reach the disk. */
static void
flush_some_names(struct firn_sim_memory *fs, struct firn_os_prng *prng,
                 struct firn_sim_memory_share share)
{
    for (struct firn_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        for (struct firn_sim_memory_entry *entry = dir->names.dirty; entry != NULL;
             entry = entry->dirty_next) {
            entry->chosen = firn_sim_memory_data_toss(prng, share);
        }
    }
    for (struct firn_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        struct firn_sim_memory_entry *entry = dir->names.dirty;
        while (entry != NULL) {
            if (!entry->chosen) {
                entry = entry->dirty_next;
                continue;
            }
            firn_sim_memory_tree_flush_entry(entry);
            entry = dir->names.dirty; /* it may have taken others along */
        }
    }
}

static void
forget_cached_names(struct firn_sim_memory *fs)
{
    for (struct firn_sim_memory_inode *dir = fs->inodes; dir != NULL; dir = dir->next) {
        while (dir->names.dirty != NULL) {
            struct firn_sim_memory_entry *entry = dir->names.dirty;
            firn_sim_memory_tree_set_cache(entry, entry->media);
            firn_sim_memory_tree_drop_if_empty(entry);
        }
    }
}

static void
settle_inode(struct firn_sim_memory_inode *inode, struct firn_os_prng *prng,
             struct firn_sim_memory_share share)
{
    firn_sim_memory_data_flush_some(inode, prng, share);
    firn_sim_memory_data_forget_cache(inode);
    if (firn_sim_memory_data_toss(prng, share)) {
        firn_sim_memory_node_copy_attrs(&inode->media, &inode->cache);
    } else {
        firn_sim_memory_node_copy_attrs(&inode->cache, &inode->media);
    }
    inode->lock_owner = NULL;
    inode->shared_locks = 0;
    firn_os_locks_give_all(&inode->range_locks, NULL);
}

void
firn_sim_memory_power_cut(struct firn_os *os, uint64_t seed)
{
    struct firn_sim_memory *fs = machine(os);
    struct firn_os_prng prng = {seed};
    flush_some_names(fs, &prng, share_of_cut(&prng, seed));
    forget_cached_names(fs);
    firn_sim_memory_tree_sweep(fs);
    struct firn_sim_memory_share share = share_of_cut(&prng, seed);
    for (struct firn_sim_memory_inode *inode = fs->inodes; inode != NULL; inode = inode->next) {
        settle_inode(inode, &prng, share);
    }
    fs->epoch++;
    fs->off = false;
    fs->cut_at = 0;
}

/* ---- settings ---- */

uint64_t
firn_sim_memory_calls(const struct firn_os *os)
{
    return ((const struct firn_sim_memory *)os)->calls;
}

uint64_t
firn_sim_memory_syncs(const struct firn_os *os)
{
    return ((const struct firn_sim_memory *)os)->syncs;
}

void
firn_sim_memory_set_cut_at(struct firn_os *os, uint64_t call)
{
    machine(os)->cut_at = call;
}

bool
firn_sim_memory_is_off(const struct firn_os *os)
{
    return ((const struct firn_sim_memory *)os)->off;
}

void
firn_sim_memory_set_space(struct firn_os *os, uint64_t bytes)
{
    machine(os)->space_bytes = bytes;
}

void
firn_sim_memory_set_time(struct firn_os *os, int64_t time_ns)
{
    machine(os)->now_ns = time_ns;
}

void
firn_sim_memory_set_granularity(struct firn_os *os, int64_t duration_ns)
{
    machine(os)->granularity_ns = duration_ns;
}

void
firn_sim_memory_set_user(struct firn_os *os, uint32_t uid)
{
    machine(os)->uid = uid;
}

void
firn_sim_memory_set_umask(struct firn_os *os, uint32_t mask)
{
    machine(os)->umask = mask;
}

void
firn_sim_memory_set_writeback(struct firn_os *os, uint32_t one_in)
{
    machine(os)->writeback_one_in = one_in;
}

void
firn_sim_memory_set_hide_kinds(struct firn_os *os, bool hide)
{
    machine(os)->hide_kinds = hide;
}

void
firn_sim_memory_set_hide_births(struct firn_os *os, bool hide)
{
    machine(os)->hide_births = hide;
}
