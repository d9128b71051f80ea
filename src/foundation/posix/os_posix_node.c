/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix_node.c: modes, owners, times and extended attributes by Linux system calls.
 *
 * A file with a descriptor is changed through it. An entry that has only a name is changed by the
 * calls that take a directory and do not follow links; for extended attributes Linux had no such
 * call for long, so they go through /proc/self/fd/<directory>/<name> with the l* calls, which
 * resolve the directory by descriptor and do not follow the last component. Where /proc is not
 * mounted such a path does not exist, and the error says so instead of pretending that the file is
 * missing.
 *
 * Values are read into the caller's buffer in one call where they fit the first guess; the kernel
 * bounds lists and values at 64 KiB. A file system without extended attributes has none, which is
 * no error when listing.
 */
#include "posix/os_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

enum {
    XATTR_BYTES_MAX = 64 << 10, /* XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux */
    XATTR_FIRST_GUESS = 256,
    PROC_PATH_SIZE = 32 + 256 /* "/proc/self/fd/", a number, '/', a name */
};

/* The descriptor of a node that has one, else -1. */
static int
node_fd(struct fi_os_node node)
{
    DCHECK(node.file != NULL || node.dir != NULL);
    if (node.file != NULL) {
        return fi_os_posix_file_fd(node.file);
    }
    return node.name == NULL ? fi_os_posix_dir_fd(node.dir) : -1;
}

/* os_posix.c */
int
fi_os_posix_node_set_mode(struct fi_os_node node, uint32_t mode)
{
    DCHECK((mode & ~UINT32_C(07777)) == 0);
    int fd = node_fd(node);
    int result = fd >= 0
                     ? fchmod(fd, mode)
                     : fchmodat(fi_os_posix_dir_fd(node.dir), node.name, mode, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? 0 : errno;
}

int
fi_os_posix_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid)
{
    int fd = node_fd(node);
    int result =
        fd >= 0 ? fchown(fd, uid, gid)
                : fchownat(fi_os_posix_dir_fd(node.dir), node.name, uid, gid, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? 0 : errno;
}

int
fi_os_posix_node_set_mtime(struct fi_os_node node, int64_t mtime_ns)
{
    int64_t seconds = mtime_ns / 1000000000;
    int64_t rest = mtime_ns % 1000000000;
    if (rest < 0) { /* before 1970: the fraction counts forward from the second before */
        seconds--;
        rest += 1000000000;
    }
    DCHECK(rest >= 0 && rest < 1000000000);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = rest}};
    int fd = node_fd(node);
    int result =
        fd >= 0 ? futimens(fd, times)
                : utimensat(fi_os_posix_dir_fd(node.dir), node.name, times, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? 0 : errno;
}

/* The path of a node without a descriptor, for calls that take only paths. */
static int
proc_path(struct fi_os_node node, char out[PROC_PATH_SIZE])
{
    DCHECK(node.file == NULL && node.name != NULL);
    int size = snprintf(out, PROC_PATH_SIZE, "/proc/self/fd/%d/%s", fi_os_posix_dir_fd(node.dir),
                        node.name);
    return size < PROC_PATH_SIZE ? 0 : ENAMETOOLONG;
}

/* ENOENT through /proc may mean that there is no /proc: then the system cannot do it, for any
 * name. */
static int
os_posix_node_explain(int error_number)
{
    DCHECK(error_number > 0);
    if (error_number == ENOENT && access("/proc/self/fd", F_OK) != 0) {
        return ENOSYS;
    }
    return error_number;
}

/* Which of the two calls that fill a buffer: the list of names, or the value of one attribute. */
static ssize_t
read_xattr(int fd, const char *path, const char *attribute, void *data, size_t size)
{
    DCHECK(fd >= 0 || path != NULL);
    if (attribute == NULL) {
        return fd >= 0 ? flistxattr(fd, data, size) : llistxattr(path, data, size);
    }
    return fd >= 0 ? fgetxattr(fd, attribute, data, size) : lgetxattr(path, attribute, data, size);
}

static int
append_xattr(struct fi_os_node node, const char *attribute, struct fi_buf *out)
{
    int fd = node_fd(node);
    char path[PROC_PATH_SIZE];
    if (fd < 0) {
        int error_number = proc_path(node, path);
        if (error_number != 0) {
            return error_number;
        }
    }
    for (size_t room = XATTR_FIRST_GUESS;; room = XATTR_BYTES_MAX) {
        if (fi_buf_reserve(out, room) != FIRN_OK) {
            return ENOMEM;
        }
        ssize_t size = read_xattr(fd, path, attribute, out->data + out->size, room);
        if (size >= 0) {
            DCHECK((size_t)size <= room);
            out->size += (size_t)size;
            return 0;
        }
        if (errno != ERANGE || room == XATTR_BYTES_MAX) {
            return fd >= 0 ? errno : os_posix_node_explain(errno);
        }
    }
}

int
fi_os_posix_node_xattr_list(struct fi_os_node node, struct fi_buf *out)
{
    int error_number = append_xattr(node, NULL, out);
    return error_number == EOPNOTSUPP ? 0 : error_number;
}

int
fi_os_posix_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out)
{
    return append_xattr(node, attribute, out);
}

int
fi_os_posix_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value)
{
    int fd = node_fd(node);
    if (fd >= 0) {
        return fsetxattr(fd, attribute, value.data, value.size, 0) == 0 ? 0 : errno;
    }
    char path[PROC_PATH_SIZE];
    int error_number = proc_path(node, path);
    if (error_number != 0) {
        return error_number;
    }
    return lsetxattr(path, attribute, value.data, value.size, 0) == 0
               ? 0
               : os_posix_node_explain(errno);
}

int
fi_os_posix_node_xattr_remove(struct fi_os_node node, const char *attribute)
{
    int fd = node_fd(node);
    if (fd >= 0) {
        return fremovexattr(fd, attribute) == 0 ? 0 : errno;
    }
    char path[PROC_PATH_SIZE];
    int error_number = proc_path(node, path);
    if (error_number != 0) {
        return error_number;
    }
    return lremovexattr(path, attribute) == 0 ? 0 : os_posix_node_explain(errno);
}
