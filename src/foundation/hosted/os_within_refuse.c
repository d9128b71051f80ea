/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_within_refuse.c: what a file system says in which nothing can be changed: EROFS, whatever it
 * is asked to do. Extended attributes are not there, so there are none to be found either; a hint to
 * write something is nothing.
 */
#include "hosted/os_within_refuse.h"

#include <errno.h>

int
firn_os_within_refuse_dir(struct firn_os_dir *dir)
{
    (void)dir;
    return EROFS;
}

int
firn_os_within_refuse_name(struct firn_os_dir *dir, const char *name)
{
    (void)dir;
    (void)name;
    return EROFS;
}

int
firn_os_within_refuse_make(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    (void)mode;
    return firn_os_within_refuse_name(dir, name);
}

int
firn_os_within_refuse_rename(struct firn_os_dir *from_dir, const char *from,
                             struct firn_os_dir *to_dir, const char *to,
                             enum firn_os_rename_mode mode)
{
    (void)to_dir;
    (void)to;
    (void)mode;
    return firn_os_within_refuse_name(from_dir, from);
}

int
firn_os_within_refuse_link(struct firn_os_dir *from_dir, const char *from,
                           struct firn_os_dir *to_dir, const char *to)
{
    (void)to_dir;
    (void)to;
    return firn_os_within_refuse_name(from_dir, from);
}

int
firn_os_within_refuse_symlink(struct firn_os_dir *dir, const char *name, const char *target)
{
    (void)target;
    return firn_os_within_refuse_name(dir, name);
}

int
firn_os_within_refuse_write(struct firn_os_file *file, uint64_t offset, const void *data,
                            size_t size, size_t *out_size)
{
    (void)file;
    (void)offset;
    (void)data;
    (void)size;
    *out_size = 0;
    return EROFS;
}

int
firn_os_within_refuse_size(struct firn_os_file *file, uint64_t size)
{
    (void)file;
    (void)size;
    return EROFS;
}

int
firn_os_within_refuse_sync(struct firn_os_file *file)
{
    (void)file;
    return EROFS;
}

void
firn_os_within_refuse_file_start_writeback(struct firn_os_file *file, uint64_t offset,
                                           uint64_t size)
{
    (void)file;
    (void)offset;
    (void)size;
}

int
firn_os_within_refuse_mode(struct firn_os_node node, uint32_t mode)
{
    (void)node;
    (void)mode;
    return EROFS;
}

int
firn_os_within_refuse_owner(struct firn_os_node node, uint32_t uid, uint32_t gid)
{
    (void)node;
    (void)uid;
    (void)gid;
    return EROFS;
}

int
firn_os_within_refuse_mtime(struct firn_os_node node, int64_t mtime_ns)
{
    (void)node;
    (void)mtime_ns;
    return EROFS;
}

int
firn_os_within_refuse_xattr_list(struct firn_os_node node, struct firn_buf *out)
{
    (void)node;
    (void)out;
    return 0;
}

int
firn_os_within_refuse_xattr_get(struct firn_os_node node, const char *attribute,
                                struct firn_buf *out)
{
    (void)node;
    (void)attribute;
    (void)out;
    return ENODATA;
}

int
firn_os_within_refuse_xattr_set(struct firn_os_node node, const char *attribute, firn_slice value)
{
    (void)node;
    (void)attribute;
    (void)value;
    return EROFS;
}

int
firn_os_within_refuse_xattr_remove(struct firn_os_node node, const char *attribute)
{
    (void)node;
    (void)attribute;
    return EROFS;
}
