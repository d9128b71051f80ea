/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_ops.h: what the files of the fault implementation share. Only os_fault*.c include it.
 *
 * A handle of this implementation has the inner one's handle after it, in the same memory.
 */
#ifndef FIRN_SIM_SIM_FAULT_OPS_H
#define FIRN_SIM_SIM_FAULT_OPS_H

#include <errno.h>
#include <stdalign.h>

#include "os/os_ops.h"
#include "sim/sim_fault.h"

struct firn_sim_fault_dir {
    alignas(16) struct firn_os_dir base;
};

struct firn_sim_fault_file {
    alignas(16) struct firn_os_file base;
};

static inline struct firn_os_dir *
firn_sim_fault_inner_dir(struct firn_os_dir *dir)
{
    return dir == NULL ? NULL
                       : (struct firn_os_dir *)(void *)((struct firn_sim_fault_dir *)dir + 1);
}

static inline struct firn_os_file *
firn_sim_fault_inner_file(struct firn_os_file *file)
{
    return file == NULL ? NULL
                        : (struct firn_os_file *)(void *)((struct firn_sim_fault_file *)file + 1);
}

const struct firn_os_ops *firn_sim_fault_inner_ops(struct firn_os *os);
struct firn_os *firn_sim_fault_inner_os(struct firn_os *os);

/* What is to become of a call. */
struct firn_sim_fault_verdict {
    int error_number; /* not 0: it fails */
    bool half;        /* it moves half; if it also fails, a write that is torn */
};
/* Counts the call, calls the hook, and says what is to become of it. */
struct firn_sim_fault_verdict firn_sim_fault_judge(struct firn_os *os,
                                                   enum firn_sim_fault_class kind,
                                                   const char *operation, const char *name);
/* The same for calls that pass or fail whole: 0 or an errno. */
int firn_sim_fault_before(struct firn_os *os, enum firn_sim_fault_class kind, const char *operation,
                          const char *name);

/* sim_fault_dir.c: entries of os_ops.h. */
int firn_sim_fault_dir_open_path(struct firn_os *os, const char *path, struct firn_os_dir *dir);
int firn_sim_fault_dir_open(struct firn_os_dir *parent, const char *name, struct firn_os_dir *dir);
int firn_sim_fault_dir_open_beneath(struct firn_os_dir *root, const char *relative_path,
                                    struct firn_os_dir *dir);
void firn_sim_fault_dir_close(struct firn_os_dir *dir);
int firn_sim_fault_dir_sync_filesystem(struct firn_os_dir *dir);
int firn_sim_fault_dir_list(struct firn_os_dir *dir,
                            int (*visit)(void *ctx, const struct firn_os_dirent *entry), void *ctx,
                            int *out_visited);
int firn_sim_fault_dir_sync(struct firn_os_dir *dir);
int firn_sim_fault_dir_real_path(struct firn_os_dir *dir, struct firn_buf *out);
int firn_sim_fault_dir_free_bytes(struct firn_os_dir *dir, uint64_t *out);
int firn_sim_fault_dir_check_names(struct firn_os_dir *dir);

/* sim_fault_name.c: entries of os_ops.h. */
int firn_sim_fault_name_make_dir(struct firn_os_dir *dir, const char *name, uint32_t mode);
int firn_sim_fault_name_remove_file(struct firn_os_dir *dir, const char *name);
int firn_sim_fault_name_remove_dir(struct firn_os_dir *dir, const char *name);
int firn_sim_fault_name_rename(struct firn_os_dir *from_dir, const char *from,
                               struct firn_os_dir *to_dir, const char *to,
                               enum firn_os_rename_mode mode);
int firn_sim_fault_name_link(struct firn_os_dir *from_dir, const char *from,
                             struct firn_os_dir *to_dir, const char *to);
int firn_sim_fault_name_make_symlink(struct firn_os_dir *dir, const char *name, const char *target);
int firn_sim_fault_name_read_symlink(struct firn_os_dir *dir, const char *name,
                                     struct firn_buf *out);
int firn_sim_fault_name_make_fifo(struct firn_os_dir *dir, const char *name, uint32_t mode);
int firn_sim_fault_name_stat(struct firn_os_dir *dir, const char *name, struct firn_os_stat *out);

/* sim_fault_file.c: entries of os_ops.h. */
int firn_sim_fault_file_open(struct firn_os_dir *dir, const char *name, unsigned flags,
                             uint32_t mode, struct firn_os_file *file,
                             struct firn_os_stat *out_stat);
void firn_sim_fault_file_close(struct firn_os_file *file);
int firn_sim_fault_file_read(struct firn_os_file *file, uint64_t offset, void *data, size_t size,
                             size_t *out_size);
int firn_sim_fault_file_write(struct firn_os_file *file, uint64_t offset, const void *data,
                              size_t size, size_t *out_size);
int firn_sim_fault_file_sync(struct firn_os_file *file);
int firn_sim_fault_file_sync_all(struct firn_os_file *file);
void firn_sim_fault_file_start_writeback(struct firn_os_file *file, uint64_t offset, uint64_t size);
void firn_sim_fault_file_unlock(struct firn_os_file *file);
int firn_sim_fault_file_stat(struct firn_os_file *file, struct firn_os_stat *out);
int firn_sim_fault_file_truncate(struct firn_os_file *file, uint64_t size);
int firn_sim_fault_file_map(struct firn_os_file *file, uint64_t offset, size_t size, uint8_t **out);
void firn_sim_fault_file_unmap(struct firn_os_file *file, uint8_t *data, size_t size);
int firn_sim_fault_file_commit(struct firn_os_file *file, uint64_t offset, const uint8_t *data,
                               size_t size);
int firn_sim_fault_file_allocate(struct firn_os_file *file, uint64_t size);
int firn_sim_fault_file_next_data(struct firn_os_file *file, uint64_t offset, uint64_t *out_start,
                                  uint64_t *out_end);
int firn_sim_fault_file_lock(struct firn_os_file *file, enum firn_os_lock_kind kind);
int firn_sim_fault_file_lock_range(struct firn_os_file *file, enum firn_os_lock_kind kind,
                                   uint64_t offset, uint64_t size);
void firn_sim_fault_file_unlock_range(struct firn_os_file *file, uint64_t offset, uint64_t size);
int firn_sim_fault_file_is_range_held(struct firn_os_file *file, uint64_t offset, uint64_t size,
                                      bool *out);

/* sim_fault_node.c: entries of os_ops.h. */
int firn_sim_fault_node_set_mode(struct firn_os_node node, uint32_t mode);
int firn_sim_fault_node_set_owner(struct firn_os_node node, uint32_t uid, uint32_t gid);
int firn_sim_fault_node_set_mtime(struct firn_os_node node, int64_t mtime_ns);
int firn_sim_fault_node_xattr_list(struct firn_os_node node, struct firn_buf *out);
int firn_sim_fault_node_xattr_get(struct firn_os_node node, const char *attribute,
                                  struct firn_buf *out);
int firn_sim_fault_node_xattr_set(struct firn_os_node node, const char *attribute,
                                  firn_slice value);
int firn_sim_fault_node_xattr_remove(struct firn_os_node node, const char *attribute);

#endif
