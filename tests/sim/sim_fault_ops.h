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

struct fi_sim_fault_dir {
    alignas(16) struct fi_os_dir base;
};

struct fi_sim_fault_file {
    alignas(16) struct fi_os_file base;
};

static inline struct fi_os_dir *
fi_sim_fault_inner_dir(struct fi_os_dir *dir)
{
    return dir == NULL ? NULL : (struct fi_os_dir *)(void *)((struct fi_sim_fault_dir *)dir + 1);
}

static inline struct fi_os_file *
fi_sim_fault_inner_file(struct fi_os_file *file)
{
    return file == NULL ? NULL
                        : (struct fi_os_file *)(void *)((struct fi_sim_fault_file *)file + 1);
}

const struct fi_os_ops *fi_sim_fault_inner_ops(struct fi_os *os);
struct fi_os *fi_sim_fault_inner_os(struct fi_os *os);

/* What is to become of a call. */
struct fi_sim_fault_verdict {
    int error_number; /* not 0: it fails */
    bool half;        /* it moves half; if it also fails, a write that is torn */
};
/* Counts the call, calls the hook, and says what is to become of it. */
struct fi_sim_fault_verdict fi_sim_fault_judge(struct fi_os *os, enum fi_sim_fault_class kind,
                                               const char *operation, const char *name);
/* The same for calls that pass or fail whole: 0 or an errno. */
int fi_sim_fault_before(struct fi_os *os, enum fi_sim_fault_class kind, const char *operation,
                        const char *name);

/* sim_fault_dir.c: entries of os_ops.h. */
int fi_sim_fault_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir);
int fi_sim_fault_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir);
int fi_sim_fault_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                                  struct fi_os_dir *dir);
void fi_sim_fault_dir_close(struct fi_os_dir *dir);
int fi_sim_fault_dir_sync_filesystem(struct fi_os_dir *dir);
int fi_sim_fault_dir_list(struct fi_os_dir *dir,
                          int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                          int *out_visited);
int fi_sim_fault_dir_sync(struct fi_os_dir *dir);
int fi_sim_fault_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out);
int fi_sim_fault_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out);
int fi_sim_fault_dir_check_names(struct fi_os_dir *dir);

/* sim_fault_name.c: entries of os_ops.h. */
int fi_sim_fault_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_sim_fault_name_remove_file(struct fi_os_dir *dir, const char *name);
int fi_sim_fault_name_remove_dir(struct fi_os_dir *dir, const char *name);
int fi_sim_fault_name_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                             const char *to, enum fi_os_rename_mode mode);
int fi_sim_fault_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                           const char *to);
int fi_sim_fault_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target);
int fi_sim_fault_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
int fi_sim_fault_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_sim_fault_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out);

/* sim_fault_file.c: entries of os_ops.h. */
int fi_sim_fault_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                           struct fi_os_file *file, struct fi_os_stat *out_stat);
void fi_sim_fault_file_close(struct fi_os_file *file);
int fi_sim_fault_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                           size_t *out_size);
int fi_sim_fault_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                            size_t *out_size);
int fi_sim_fault_file_sync(struct fi_os_file *file);
int fi_sim_fault_file_sync_all(struct fi_os_file *file);
void fi_sim_fault_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size);
void fi_sim_fault_file_unlock(struct fi_os_file *file);
int fi_sim_fault_file_stat(struct fi_os_file *file, struct fi_os_stat *out);
int fi_sim_fault_file_truncate(struct fi_os_file *file, uint64_t size);
int fi_sim_fault_file_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out);
void fi_sim_fault_file_unmap(struct fi_os_file *file, uint8_t *data, size_t size);
int fi_sim_fault_file_commit(struct fi_os_file *file, uint64_t offset, const uint8_t *data,
                             size_t size);
int fi_sim_fault_file_allocate(struct fi_os_file *file, uint64_t size);
int fi_sim_fault_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                                uint64_t *out_end);
int fi_sim_fault_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind);
int fi_sim_fault_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind,
                                 uint64_t offset, uint64_t size);
void fi_sim_fault_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size);
int fi_sim_fault_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size,
                                    bool *out);

/* sim_fault_node.c: entries of os_ops.h. */
int fi_sim_fault_node_set_mode(struct fi_os_node node, uint32_t mode);
int fi_sim_fault_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid);
int fi_sim_fault_node_set_mtime(struct fi_os_node node, int64_t mtime_ns);
int fi_sim_fault_node_xattr_list(struct fi_os_node node, struct fi_buf *out);
int fi_sim_fault_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out);
int fi_sim_fault_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value);
int fi_sim_fault_node_xattr_remove(struct fi_os_node node, const char *attribute);

#endif
