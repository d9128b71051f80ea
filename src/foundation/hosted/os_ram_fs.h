/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram_fs.h: the structures of the file system in RAM. Only the files os_ram*.c include
 * it.
 *
 * (I1) fs->tree guards everything that has no other rule: names, kinds, counts, modes, locks.
 * (I2) A file's contents lock guards its chunks. Neither lock is taken under the other: the numbers
 *      of contents that stat reports are atomic. (Not checked: a pthread_rwlock_t does not say who
 *      holds it.)
 * (I3) A node is freed when no name and no handle leads to it: then no other thread can use it.
 */
#ifndef FIRN_HOSTED_OS_RAM_FS_H
#define FIRN_HOSTED_OS_RAM_FS_H

#include <errno.h>
#include <stdalign.h>

#include "hosted/os_ram.h"
#include "os/os_locks.h"
#include "os/os_ops.h"
#include "threads/os_thread.h"

enum { FIRN_OS_RAM_CHUNK_SIZE = 4096 };

struct firn_os_ram_entry {
    char *name;
    struct firn_os_ram_node *node;
};

struct firn_os_ram_node {
    struct firn_os_ram *fs;
    enum firn_os_kind kind;
    uint32_t mode;
    uint64_t number;
    uint64_t name_count;
    uint64_t handle_count;
    int64_t btime_ns;
    atomic_int_fast64_t mtime_ns; /* atomic for (I2) */
    atomic_int_fast64_t ctime_ns;

    /* For a directory. */
    struct firn_os_ram_node *parent;   /* NULL for the root, and for one that was removed */
    struct firn_os_ram_entry *entries; /* by name */
    size_t entry_count;
    size_t entry_capacity;

    /* For a file. */
    struct firn_os_locks locks;
    pthread_rwlock_t contents;
    uint8_t **chunks; /* NULL is a hole */
    size_t chunk_count;
    atomic_uint_fast64_t size;        /* atomic for (I2) */
    atomic_uint_fast64_t data_chunks; /* chunks that are not holes */
};

struct firn_os_ram {
    struct firn_os base;
    uint64_t limit_bytes;
    atomic_uint_fast64_t used_bytes;
    struct firn_os_mutex tree;
    struct firn_os_ram_node *root;
    uint64_t next_number;
};

struct firn_os_ram_dir {
    alignas(16) struct firn_os_dir base;
    struct firn_os_ram_node *node;
};

struct firn_os_ram_file {
    alignas(16) struct firn_os_file base;
    struct firn_os_ram_node *node;
    unsigned flags;
};

static inline struct firn_os_ram_node *
firn_os_ram_dir_node(const struct firn_os_dir *dir)
{
    return ((const struct firn_os_ram_dir *)dir)->node;
}

static inline struct firn_os_ram_node *
firn_os_ram_file_node(const struct firn_os_file *file)
{
    return ((const struct firn_os_ram_file *)file)->node;
}

/* os_ram.c. Whether so many more bytes fit; they are then counted as used. */
bool firn_os_ram_reserve(struct firn_os_ram *fs, uint64_t bytes);
void firn_os_ram_unreserve(struct firn_os_ram *fs, uint64_t bytes);
int64_t firn_os_ram_now(void);

/* os_ram_tree.c: nodes and names; entries of os_ops.h. */
int firn_os_ram_tree_new_node(struct firn_os_ram *fs, enum firn_os_kind kind, uint32_t mode,
                              struct firn_os_ram_node **out);
/* Frees a node that nothing leads to (I3); NULL is fine. */
void firn_os_ram_tree_free_node(struct firn_os_ram_node *node);
/* Requires: fs->tree is held. The node if nothing leads to it; the caller frees it after
 * unlocking. */
struct firn_os_ram_node *firn_os_ram_tree_orphan_locked(struct firn_os_ram_node *node);
struct firn_os_ram_node *firn_os_ram_tree_find_locked(const struct firn_os_ram_node *dir,
                                                      const char *name);
/* Creates a node under a name. Requires: the name is free. */
int firn_os_ram_tree_make_locked(struct firn_os_ram_node *dir, const char *name,
                                 enum firn_os_kind kind, uint32_t mode,
                                 struct firn_os_ram_node **out);
/* Frees a tree that no handle leads into. */
void firn_os_ram_tree_free_all(struct firn_os_ram_node *root);
int firn_os_ram_tree_open_path(struct firn_os *os, const char *path, struct firn_os_dir *dir);
int firn_os_ram_tree_open(struct firn_os_dir *parent, const char *name, struct firn_os_dir *dir);
int firn_os_ram_tree_open_beneath(struct firn_os_dir *root, const char *relative_path,
                                  struct firn_os_dir *dir);
void firn_os_ram_tree_close(struct firn_os_dir *dir);
int firn_os_ram_tree_list(struct firn_os_dir *dir,
                          int (*visit)(void *ctx, const struct firn_os_dirent *entry), void *ctx,
                          int *out_visited);
int firn_os_ram_tree_real_path(struct firn_os_dir *dir, struct firn_buf *out);
int firn_os_ram_tree_make_dir(struct firn_os_dir *dir, const char *name, uint32_t mode);
int firn_os_ram_tree_remove_file(struct firn_os_dir *dir, const char *name);
int firn_os_ram_tree_remove_dir(struct firn_os_dir *dir, const char *name);
int firn_os_ram_tree_rename(struct firn_os_dir *from_dir, const char *from,
                            struct firn_os_dir *to_dir, const char *to,
                            enum firn_os_rename_mode mode);
int firn_os_ram_tree_link(struct firn_os_dir *from_dir, const char *from,
                          struct firn_os_dir *to_dir, const char *to);
int firn_os_ram_tree_stat(struct firn_os_dir *dir, const char *name, struct firn_os_stat *out);
void firn_os_ram_tree_fill_stat(const struct firn_os_ram_node *node, struct firn_os_stat *out);

/* os_ram.c: entries of os_ops.h. */
void firn_os_ram_file_free_contents(struct firn_os_ram_node *node);

#endif
