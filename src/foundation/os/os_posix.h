/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_posix.h: what the files of the posix implementation share, and its switches for tests.
 *
 * Each function implements the entry of the same name in os_ops.h with Linux system calls.
 */
#ifndef FIRN_OS_OS_POSIX_H
#define FIRN_OS_OS_POSIX_H

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <sys/types.h>

#include "os/os_ops.h"

static_assert(sizeof(off_t) == 8, "offsets of files are 64 bits; define _FILE_OFFSET_BITS=64");

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

#endif
