/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_fs.h: the structures of the file system in memory. Only the files os_memory*.c
 * include it.
 *
 * "cache" is what the machine sees now, "media" what its disk holds: what was made durable, and
 * what reached the disk in its own time.
 */
#ifndef FIRN_SIM_SIM_MEMORY_FS_H
#define FIRN_SIM_SIM_MEMORY_FS_H

#include <errno.h>
#include <stdalign.h>

#include "os/os_locks.h"
#include "os/os_ops.h"
#include "os/os_prng.h"
#include "sim/sim_memory.h"
#include "threads/os_scheduler.h"

enum {
    FI_SIM_MEMORY_SECTOR_SIZE = 512,
    FI_SIM_MEMORY_BLOCK_SIZE = 4096,
    FI_SIM_MEMORY_SLOTS_MAX = 16 << 20 /* so contents may lie at offsets up to 64 GiB */
};

/* Contents. Shared between cache and media, and between clones; written only while refs is 1. */
struct fi_sim_memory_block {
    uint32_t refs;
    uint8_t bytes[FI_SIM_MEMORY_BLOCK_SIZE];
};

/* Where a block of a file is. NULL is a hole; &fi_sim_memory_data_reserved is space without
 * contents. */
struct fi_sim_memory_slot {
    struct fi_sim_memory_block *cache;
    struct fi_sim_memory_block *media;
    bool lost; /* a sync failed: clean although the two differ, until it is written again */
};

/* Extended attributes: never changed once made, shared by reference. */
struct fi_sim_memory_xattrs {
    uint32_t refs;
    size_t count;
    struct fi_sim_memory_xattr {
        char *name;
        uint8_t *value;
        size_t value_size;
    } items[];
};

struct fi_sim_memory_attrs {
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    int64_t ctime_ns;
    struct fi_sim_memory_xattrs *xattrs; /* NULL: none */
};

struct fi_sim_memory_contents {
    struct fi_sim_memory_slot *slots;
    size_t slot_count;
    size_t cached_blocks; /* slots with a cache that is not NULL: what counts as space */
    uint64_t cache_size;
    uint64_t media_size;
    uint64_t
        truncated_to;  /* the smallest size since media held it; UINT64_MAX: not truncated since */
    size_t dirty_from; /* slots that may differ, but for lost ones: [dirty_from, dirty_to) */
    size_t dirty_to;
};

struct fi_sim_memory_names {
    struct fi_sim_memory_entry **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t entry_count;  /* with those of which only media has a target */
    size_t cache_count;
    size_t cache_subdirs;
    struct fi_sim_memory_entry *dirty; /* the entries whose cache and media differ */
};

struct fi_sim_memory_inode {
    struct fi_sim_memory *fs;
    struct fi_sim_memory_inode *prev; /* all inodes of the file system */
    struct fi_sim_memory_inode *next;
    struct fi_sim_memory_inode *next_doomed;
    struct fi_sim_memory_inode *clone; /* its copy, while a clone is made */
    bool doomed;
    enum fi_os_kind kind;
    uint64_t number;
    int64_t btime_ns;
    uint64_t handles;
    struct fi_sim_memory_attrs cache;
    struct fi_sim_memory_attrs media;
    struct fi_sim_memory_entry *cache_names; /* the entries that lead here */
    struct fi_sim_memory_entry *media_names;
    uint64_t cache_name_count;
    struct fi_sim_memory_contents contents; /* of a file */
    struct fi_sim_memory_names names;       /* of a directory */
    char *target;                           /* of a symbolic link */
    struct fi_sim_memory_file *lock_owner;  /* who holds the exclusive lock */
    uint64_t shared_locks;
    struct fi_os_locks range_locks;
};

/* A name in a directory; there while cache or media has a target. */
struct fi_sim_memory_entry {
    struct fi_sim_memory_inode *dir;
    struct fi_sim_memory_entry *next_in_bucket;
    struct fi_sim_memory_inode *cache;
    struct fi_sim_memory_inode *media;
    struct fi_sim_memory_entry *cache_prev, *cache_next; /* in cache->cache_names */
    struct fi_sim_memory_entry *media_prev, *media_next; /* in media->media_names */
    struct fi_sim_memory_entry *dirty_prev, *dirty_next; /* in dir->names.dirty */
    bool chosen;                                         /* at a power cut: this change survives */
    char name[];
};

struct fi_sim_memory {
    struct fi_os base;
    struct fi_os_scheduler scheduler;
    struct fi_os_prng prng;
    struct fi_sim_memory_inode *inodes;
    struct fi_sim_memory_inode *doomed;
    struct fi_sim_memory_inode *root;
    uint64_t next_number;
    uint64_t handles;
    uint64_t epoch; /* of the machine; handles of earlier ones are dead */
    uint64_t calls;
    uint64_t syncs;
    uint64_t cut_at;
    uint64_t cut_planned_at; /* calls when cut_at was set */
    bool off;
    bool hide_kinds;
    bool hide_births;
    uint64_t space_bytes;
    uint64_t used_bytes;
    int64_t now_ns;
    int64_t granularity_ns; /* of the times of files */
    int64_t monotonic_ns;
    uint32_t uid;
    uint32_t umask;
    uint32_t writeback_one_in;
};

struct fi_sim_memory_dir {
    alignas(16) struct fi_os_dir base;
    struct fi_sim_memory_inode *inode;
    uint64_t epoch;
};

struct fi_sim_memory_file {
    alignas(16) struct fi_os_file base;
    struct fi_sim_memory_inode *inode;
    uint64_t epoch;
    unsigned flags;
    enum { FI_SIM_MEMORY_UNLOCKED, FI_SIM_MEMORY_SHARED, FI_SIM_MEMORY_EXCLUSIVE } lock;
};

enum fi_sim_memory_access { FI_SIM_MEMORY_MAY_READ = 4, FI_SIM_MEMORY_MAY_WRITE = 2 };

enum fi_sim_memory_call {
    FI_SIM_MEMORY_ASKS,    /* changes nothing */
    FI_SIM_MEMORY_CHANGES, /* counts as a call */
    FI_SIM_MEMORY_SYNCS    /* counts as a call and a sync */
};

/* sim_memory.c: how every entry begins. 0, or EIO where the machine is off or the handle of an
 * earlier one. */
int fi_sim_memory_begin_dir(struct fi_os_dir *dir, enum fi_sim_memory_call call,
                            struct fi_sim_memory_inode **out);
int fi_sim_memory_begin_file(struct fi_os_file *file, enum fi_sim_memory_call call,
                             struct fi_sim_memory_inode **out);
/* The time that a change happens at. */
int64_t fi_sim_memory_tick(struct fi_sim_memory *fs);
/* The same, as a file's time keeps it. */
int64_t fi_sim_memory_stamp(struct fi_sim_memory *fs);
bool fi_sim_memory_may(const struct fi_sim_memory_inode *inode, unsigned access);
/* Whether one call in so many it is that moves things to the disk by itself. */
bool fi_sim_memory_writes_back_now(struct fi_sim_memory *fs);

/* sim_memory_tree.c: inodes, names, and the durability of names. */
struct fi_sim_memory_inode *fi_sim_memory_tree_new_inode(struct fi_sim_memory *fs,
                                                         enum fi_os_kind kind, uint32_t mode)
    __attribute__((warn_unused_result));
/* Frees what nothing leads to any more, found since the last call. */
void fi_sim_memory_tree_sweep(struct fi_sim_memory *fs);
/* To be called when the last handle or name of an inode may have gone. */
void fi_sim_memory_tree_doom(struct fi_sim_memory_inode *inode);
/* Frees all inodes, whatever leads to them. */
void fi_sim_memory_tree_free_all(struct fi_sim_memory *fs);
/* The entry of a name, also where only media has a target; NULL if there is none. */
struct fi_sim_memory_entry *fi_sim_memory_tree_find(const struct fi_sim_memory_inode *dir,
                                                    const char *name);
/* What the machine sees under the name; NULL if nothing. */
struct fi_sim_memory_inode *fi_sim_memory_tree_lookup(const struct fi_sim_memory_inode *dir,
                                                      const char *name);
/* Finds the entry or makes an empty one; NULL when memory is out. An empty one goes with
 * _drop_if_empty. */
struct fi_sim_memory_entry *fi_sim_memory_tree_ensure(struct fi_sim_memory_inode *dir,
                                                      const char *name)
    __attribute__((warn_unused_result));
void fi_sim_memory_tree_drop_if_empty(struct fi_sim_memory_entry *entry);
void fi_sim_memory_tree_set_cache(struct fi_sim_memory_entry *entry,
                                  struct fi_sim_memory_inode *target);
void fi_sim_memory_tree_set_media(struct fi_sim_memory_entry *entry,
                                  struct fi_sim_memory_inode *target);
/* Makes one change of a name durable, with what it cannot be without. The entry may be gone
 * afterwards. */
void fi_sim_memory_tree_flush_entry(struct fi_sim_memory_entry *entry);
/* Makes the changes of all names in a directory, or everywhere, durable. */
void fi_sim_memory_tree_flush_dir(struct fi_sim_memory_inode *dir);
void fi_sim_memory_tree_flush_all(struct fi_sim_memory *fs);

/* sim_memory_data.c: contents and their durability. */
extern struct fi_sim_memory_block fi_sim_memory_data_reserved;
void fi_sim_memory_data_init(struct fi_sim_memory_inode *file);
void fi_sim_memory_data_deinit(struct fi_sim_memory_inode *file);
int fi_sim_memory_data_copy(const struct fi_sim_memory_inode *from, struct fi_sim_memory_inode *to);
size_t fi_sim_memory_data_read(const struct fi_sim_memory_inode *file, uint64_t offset,
                               uint8_t *data, size_t size);
/* Writes as much as it can; an errno only if that is nothing. */
int fi_sim_memory_data_write(struct fi_sim_memory_inode *file, uint64_t offset, const uint8_t *data,
                             size_t size, size_t *out_size);
int fi_sim_memory_data_truncate(struct fi_sim_memory_inode *file, uint64_t size);
int fi_sim_memory_data_allocate(struct fi_sim_memory_inode *file, uint64_t size);
/* Whether all these bytes lie in the file and none in a hole or in space merely reserved. */
bool fi_sim_memory_data_is_written(const struct fi_sim_memory_inode *file, uint64_t offset,
                                   uint64_t size);
void fi_sim_memory_data_next(const struct fi_sim_memory_inode *file, uint64_t offset,
                             uint64_t *out_start, uint64_t *out_end);
/* How much of what differs a partial flush takes: of `of` parts `keep`. */
struct fi_sim_memory_share {
    uint32_t keep;
    uint32_t of;
};
bool fi_sim_memory_data_toss(struct fi_os_prng *prng, struct fi_sim_memory_share share);
void fi_sim_memory_data_flush_all(struct fi_sim_memory_inode *file);
void fi_sim_memory_data_flush_some(struct fi_sim_memory_inode *file, struct fi_os_prng *prng,
                                   struct fi_sim_memory_share share);
/* After a failed sync: a part has reached the disk, the rest never will. */
void fi_sim_memory_data_lose(struct fi_sim_memory_inode *file);
/* After a power cut: the cache is what media holds. */
void fi_sim_memory_data_forget_cache(struct fi_sim_memory_inode *file);

/* sim_memory_node.c: attributes. */
void fi_sim_memory_node_copy_attrs(struct fi_sim_memory_attrs *to,
                                   const struct fi_sim_memory_attrs *from);
void fi_sim_memory_node_deinit_attrs(struct fi_sim_memory_attrs *attrs);
void fi_sim_memory_node_fill_stat(const struct fi_sim_memory_inode *inode, struct fi_os_stat *out);
int fi_sim_memory_node_set_mode(struct fi_os_node node, uint32_t mode);
int fi_sim_memory_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid);
int fi_sim_memory_node_set_mtime(struct fi_os_node node, int64_t mtime_ns);
int fi_sim_memory_node_xattr_list(struct fi_os_node node, struct fi_buf *out);
int fi_sim_memory_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out);
int fi_sim_memory_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value);
int fi_sim_memory_node_xattr_remove(struct fi_os_node node, const char *attribute);

/* sim_memory_dir.c, sim_memory_name.c, sim_memory_file.c: the entries of os_ops.h. */
int fi_sim_memory_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir);
int fi_sim_memory_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir);
int fi_sim_memory_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                                   struct fi_os_dir *dir);
void fi_sim_memory_dir_close(struct fi_os_dir *dir);
int fi_sim_memory_dir_list(struct fi_os_dir *dir,
                           int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                           int *out_visited);
int fi_sim_memory_dir_sync(struct fi_os_dir *dir);
int fi_sim_memory_dir_sync_filesystem(struct fi_os_dir *dir);
int fi_sim_memory_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out);
int fi_sim_memory_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out);
void fi_sim_memory_dir_lose_unsynced(struct fi_os_dir *dir);

int fi_sim_memory_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_sim_memory_name_remove_file(struct fi_os_dir *dir, const char *name);
int fi_sim_memory_name_remove_dir(struct fi_os_dir *dir, const char *name);
int fi_sim_memory_name_rename(struct fi_os_dir *from_dir, const char *from,
                              struct fi_os_dir *to_dir, const char *to,
                              enum fi_os_rename_mode mode);
int fi_sim_memory_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                            const char *to);
int fi_sim_memory_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target);
int fi_sim_memory_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
int fi_sim_memory_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_sim_memory_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out);
/* Makes a name for a new inode; it is freed where that fails. */
int fi_sim_memory_name_add(struct fi_sim_memory_inode *dir, const char *name,
                           struct fi_sim_memory_inode *inode);

int fi_sim_memory_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                            struct fi_os_file *file, struct fi_os_stat *out_stat);
void fi_sim_memory_file_close(struct fi_os_file *file);
int fi_sim_memory_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                            size_t *out_size);
int fi_sim_memory_file_write(struct fi_os_file *file, uint64_t offset, const void *data,
                             size_t size, size_t *out_size);
int fi_sim_memory_file_stat(struct fi_os_file *file, struct fi_os_stat *out);
int fi_sim_memory_file_truncate(struct fi_os_file *file, uint64_t size);
int fi_sim_memory_file_allocate(struct fi_os_file *file, uint64_t size);
int fi_sim_memory_file_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out);
void fi_sim_memory_file_unmap(struct fi_os_file *file, uint8_t *data, size_t size);
int fi_sim_memory_file_commit(struct fi_os_file *file, uint64_t offset, const uint8_t *data,
                              size_t size);
int fi_sim_memory_file_sync(struct fi_os_file *file);
int fi_sim_memory_file_sync_all(struct fi_os_file *file);
void fi_sim_memory_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size);
int fi_sim_memory_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                                 uint64_t *out_end);
int fi_sim_memory_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind);
void fi_sim_memory_file_unlock(struct fi_os_file *file);
int fi_sim_memory_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind,
                                  uint64_t offset, uint64_t size);
void fi_sim_memory_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size);
int fi_sim_memory_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size,
                                     bool *out);
void fi_sim_memory_file_lose_unsynced(struct fi_os_file *file);

#endif
