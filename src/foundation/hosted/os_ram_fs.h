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

enum { FI_OS_RAM_CHUNK_SIZE = 4096 };

struct fi_os_ram_entry {
    char *name;
    struct fi_os_ram_node *node;
};

struct fi_os_ram_node {
    struct fi_os_ram *fs;
    enum fi_os_kind kind;
    uint32_t mode;
    uint64_t number;
    uint64_t name_count;
    uint64_t handle_count;
    int64_t btime_ns;
    atomic_int_fast64_t mtime_ns; /* atomic for (I2) */
    atomic_int_fast64_t ctime_ns;

    /* For a directory. */
    struct fi_os_ram_node *parent;   /* NULL for the root, and for one that was removed */
    struct fi_os_ram_entry *entries; /* by name */
    size_t entry_count;
    size_t entry_capacity;

    /* For a file. */
    struct fi_os_locks locks;
    pthread_rwlock_t contents;
    uint8_t **chunks; /* NULL is a hole */
    size_t chunk_count;
    atomic_uint_fast64_t size;        /* atomic for (I2) */
    atomic_uint_fast64_t data_chunks; /* chunks that are not holes */
};

struct fi_os_ram {
    struct fi_os base;
    uint64_t limit_bytes;
    atomic_uint_fast64_t used_bytes;
    struct fi_os_mutex tree;
    struct fi_os_ram_node *root;
    uint64_t next_number;
};

struct fi_os_ram_dir {
    alignas(16) struct fi_os_dir base;
    struct fi_os_ram_node *node;
};

struct fi_os_ram_file {
    alignas(16) struct fi_os_file base;
    struct fi_os_ram_node *node;
    unsigned flags;
};

static inline struct fi_os_ram_node *
fi_os_ram_dir_node(const struct fi_os_dir *dir)
{
    return ((const struct fi_os_ram_dir *)dir)->node;
}

static inline struct fi_os_ram_node *
fi_os_ram_file_node(const struct fi_os_file *file)
{
    return ((const struct fi_os_ram_file *)file)->node;
}

/* os_ram_chunks.c. Whether so many more bytes fit; they are then counted as used. */
bool fi_os_ram_reserve(struct fi_os_ram *fs, uint64_t bytes);
void fi_os_ram_unreserve(struct fi_os_ram *fs, uint64_t bytes);
int64_t fi_os_ram_now(void);
void fi_os_ram_file_count_chunks(struct fi_os_ram_node *node, uint64_t more);
void fi_os_ram_file_free_chunk(struct fi_os_ram_node *node, size_t i);
void fi_os_ram_file_free_contents(struct fi_os_ram_node *node);

/* os_ram_tree.c: nodes and names; entries of os_ops.h. */
int fi_os_ram_tree_new_node(struct fi_os_ram *fs, enum fi_os_kind kind, uint32_t mode,
                            struct fi_os_ram_node **out);
/* Frees a node that nothing leads to (I3); NULL is fine. */
void fi_os_ram_tree_free_node(struct fi_os_ram_node *node);
/* Requires: fs->tree is held. The node if nothing leads to it; the caller frees it after
 * unlocking. */
struct fi_os_ram_node *fi_os_ram_tree_orphan_locked(struct fi_os_ram_node *node);
struct fi_os_ram_node *fi_os_ram_tree_find_locked(const struct fi_os_ram_node *dir,
                                                  const char *name);
/* Creates a node under a name. Requires: the name is free. */
int fi_os_ram_tree_make_locked(struct fi_os_ram_node *dir, const char *name, enum fi_os_kind kind,
                               uint32_t mode, struct fi_os_ram_node **out);
/* Frees a tree that no handle leads into. */
void fi_os_ram_tree_free_all(struct fi_os_ram_node *root);
int fi_os_ram_tree_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir);
int fi_os_ram_tree_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir);
int fi_os_ram_tree_open_beneath(struct fi_os_dir *root, const char *relative_path,
                                struct fi_os_dir *dir);
void fi_os_ram_tree_close(struct fi_os_dir *dir);
int fi_os_ram_tree_list(struct fi_os_dir *dir,
                        int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                        int *out_visited);
int fi_os_ram_tree_real_path(struct fi_os_dir *dir, struct fi_buf *out);
int fi_os_ram_tree_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_os_ram_tree_remove_file(struct fi_os_dir *dir, const char *name);
int fi_os_ram_tree_remove_dir(struct fi_os_dir *dir, const char *name);
int fi_os_ram_tree_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                          const char *to, enum fi_os_rename_mode mode);
int fi_os_ram_tree_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                        const char *to);
int fi_os_ram_tree_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out);
void fi_os_ram_tree_fill_stat(const struct fi_os_ram_node *node, struct fi_os_stat *out);

#endif
