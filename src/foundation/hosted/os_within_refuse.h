/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_within_refuse.h: entries of os_ops.h for a file system in which nothing can be changed. Only
 * os_within.c includes it.
 */
#ifndef FIRN_HOSTED_OS_WITHIN_REFUSE_H
#define FIRN_HOSTED_OS_WITHIN_REFUSE_H

#include "os/os_ops.h"

int firn_os_within_refuse_dir(struct firn_os_dir *dir);
int firn_os_within_refuse_name(struct firn_os_dir *dir, const char *name);
int firn_os_within_refuse_make(struct firn_os_dir *dir, const char *name, uint32_t mode);
int firn_os_within_refuse_rename(struct firn_os_dir *from_dir, const char *from,
                                 struct firn_os_dir *to_dir, const char *to,
                                 enum firn_os_rename_mode mode);
int firn_os_within_refuse_link(struct firn_os_dir *from_dir, const char *from,
                               struct firn_os_dir *to_dir, const char *to);
int firn_os_within_refuse_symlink(struct firn_os_dir *dir, const char *name, const char *target);
int firn_os_within_refuse_write(struct firn_os_file *file, uint64_t offset, const void *data,
                                size_t size, size_t *out_size);
int firn_os_within_refuse_size(struct firn_os_file *file, uint64_t size);
int firn_os_within_refuse_sync(struct firn_os_file *file);
void firn_os_within_refuse_file_start_writeback(struct firn_os_file *file, uint64_t offset,
                                                uint64_t size);
int firn_os_within_refuse_mode(struct firn_os_node node, uint32_t mode);
int firn_os_within_refuse_owner(struct firn_os_node node, uint32_t uid, uint32_t gid);
int firn_os_within_refuse_mtime(struct firn_os_node node, int64_t mtime_ns);
int firn_os_within_refuse_xattr_list(struct firn_os_node node, struct firn_buf *out);
int firn_os_within_refuse_xattr_get(struct firn_os_node node, const char *attribute,
                                    struct firn_buf *out);
int firn_os_within_refuse_xattr_set(struct firn_os_node node, const char *attribute,
                                    firn_slice value);
int firn_os_within_refuse_xattr_remove(struct firn_os_node node, const char *attribute);

#endif
