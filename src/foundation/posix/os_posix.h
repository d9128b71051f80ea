/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix.h: what the files of the posix implementation share, and its switches for tests.
 *
 * Each function implements the entry of the same name in os_ops.h with Linux system calls. Outside
 * of this room os_default.h is enough, but for what takes a descriptor from a handle.
 */
#ifndef FIRN_POSIX_OS_POSIX_H
#define FIRN_POSIX_OS_POSIX_H

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <sys/types.h>

#include "os/os_ops.h"

static_assert(sizeof(off_t) == 8, "offsets of files are 64 bits; define _FILE_OFFSET_BITS=64");

/* File systems, as statfs(2) tells them. */
#define FI_OS_POSIX_EXT4 UINT32_C(0xef53)
#define FI_OS_POSIX_XFS UINT32_C(0x58465342)
#define FI_OS_POSIX_BTRFS UINT32_C(0x9123683e)

extern const struct fi_os_ops fi_os_posix_ops;

struct fi_os_posix_dir {
    alignas(16) struct fi_os_dir base;
    int fd;
    atomic_bool listed; /* a walk uses, or has used, the descriptor's position */
};

struct fi_os_posix_file {
    alignas(16) struct fi_os_file base;
    int fd;
    atomic_bool has_locks; /* or had some earlier */
};

static inline int
fi_os_posix_dir_fd(const struct fi_os_dir *dir)
{
    return ((const struct fi_os_posix_dir *)dir)->fd;
}

static inline int
fi_os_posix_file_fd(const struct fi_os_file *file)
{
    return ((const struct fi_os_posix_file *)file)->fd;
}

/* For tests: with false, dir_open_beneath walks component by component as on a kernel without
 * openat2. */
void fi_os_posix_dir_use_openat2(bool use);
/* For tests: with false, renames have no flags, as on a file system that supports none. */
void fi_os_posix_name_use_renameat2(bool use);

/* os_posix_dir.c */
int fi_os_posix_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir);
int fi_os_posix_dir_open_real(struct fi_os *os, const char *path, struct fi_os_dir *dir);
int fi_os_posix_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir);
int fi_os_posix_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                                 struct fi_os_dir *dir);
void fi_os_posix_dir_close(struct fi_os_dir *dir);
int fi_os_posix_dir_list(struct fi_os_dir *dir,
                         int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                         int *out_visited);
void fi_os_posix_dir_refresh(struct fi_os_dir *dir);
int fi_os_posix_dir_sync(struct fi_os_dir *dir);
int fi_os_posix_dir_sync_filesystem(struct fi_os_dir *dir);
int fi_os_posix_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out);
int fi_os_posix_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out);
int fi_os_posix_dir_check_names(struct fi_os_dir *dir);
bool fi_os_posix_dir_keeps_identity(struct fi_os_dir *dir);

/* os_posix_name.c */
int fi_os_posix_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_os_posix_name_remove_file(struct fi_os_dir *dir, const char *name);
int fi_os_posix_name_remove_dir(struct fi_os_dir *dir, const char *name);
int fi_os_posix_name_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                            const char *to, enum fi_os_rename_mode mode);
int fi_os_posix_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                          const char *to);
int fi_os_posix_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target);
int fi_os_posix_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
int fi_os_posix_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode);
int fi_os_posix_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out);

/* statx of name in the directory fd, or of fd itself if name is ""; links are not followed. Defined
 * together with _stat. */
int fi_os_posix_name_statx(int fd, const char *name, struct fi_os_stat *out);

/* os_posix_file.c */
int fi_os_posix_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                          struct fi_os_file *file, struct fi_os_stat *out_stat);
void fi_os_posix_file_close(struct fi_os_file *file);
int fi_os_posix_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                          size_t *out_size);
int fi_os_posix_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                           size_t *out_size);
int fi_os_posix_file_stat(struct fi_os_file *file, struct fi_os_stat *out);
int fi_os_posix_file_truncate(struct fi_os_file *file, uint64_t size);
int fi_os_posix_file_allocate(struct fi_os_file *file, uint64_t size);
int fi_os_posix_file_sync(struct fi_os_file *file);
int fi_os_posix_file_sync_all(struct fi_os_file *file);
int fi_os_posix_file_sync_several(struct fi_os_file *const *files, size_t count,
                                  size_t *out_failed);
void fi_os_posix_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size);
int fi_os_posix_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                               uint64_t *out_end);
int fi_os_posix_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind);
void fi_os_posix_file_unlock(struct fi_os_file *file);
int fi_os_posix_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                                uint64_t size);
void fi_os_posix_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size);
int fi_os_posix_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size,
                                   bool *out);
uint64_t fi_os_posix_file_range_holder(struct fi_os_file *file, uint64_t offset, uint64_t size);

/* os_posix_window.c */
int fi_os_posix_window_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out);
void fi_os_posix_window_unmap(struct fi_os_file *file, uint8_t *data, size_t size);

/* os_posix_node.c */
int fi_os_posix_node_set_mode(struct fi_os_node node, uint32_t mode);
int fi_os_posix_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid);
int fi_os_posix_node_set_mtime(struct fi_os_node node, int64_t mtime_ns);
int fi_os_posix_node_xattr_list(struct fi_os_node node, struct fi_buf *out);
int fi_os_posix_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out);
int fi_os_posix_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value);
int fi_os_posix_node_xattr_remove(struct fi_os_node node, const char *attribute);

#endif
