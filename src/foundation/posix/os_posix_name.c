/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix_name.c: names in directories by Linux system calls, and reading attributes.
 *
 * statx requests everything at once, the time of birth included, and never follows a link or mounts
 * anything. Modification times before 1970 are negative and exact.
 *
 * Renaming without replacement is renameat2. A file system that does not support its flags returns
 * EINVAL; then link and remove do the same, except for directories: a crash between the two leaves
 * both names, never none. An exchange has no such substitute and fails as unsupported.
 */
#include "posix/os_posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Relaxed: only tests change it, while no other thread runs. */
static atomic_bool renameat2_works = true;

void
fi_os_posix_name_use_renameat2(bool use)
{
    atomic_store_explicit(&renameat2_works, use, memory_order_relaxed);
}

int
fi_os_posix_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    return mkdirat(fi_os_posix_dir_fd(dir), name, mode) == 0 ? 0 : errno;
}

int
fi_os_posix_name_remove_file(struct fi_os_dir *dir, const char *name)
{
    return unlinkat(fi_os_posix_dir_fd(dir), name, 0) == 0 ? 0 : errno;
}

int
fi_os_posix_name_remove_dir(struct fi_os_dir *dir, const char *name)
{
    return unlinkat(fi_os_posix_dir_fd(dir), name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

/* The replacement for RENAME_NOREPLACE where the file system does not support it. */
static int
link_and_remove(int from_fd, const char *from, int to_fd, const char *to)
{
    if (linkat(from_fd, from, to_fd, to, 0) != 0) {
        return errno == EPERM ? EOPNOTSUPP : errno;
    }
    if (unlinkat(from_fd, from, 0) != 0) {
        int error_number = errno;
        (void)unlinkat(to_fd, to, 0);
        return error_number;
    }
    return 0;
}

/* renameat2 with one of its flags. EINVAL or ENOSYS where the file system or the kernel does not
 * know it. */
static int
rename_with(int from_fd, const char *from, int to_fd, const char *to, unsigned flag)
{
    if (!atomic_load_explicit(&renameat2_works, memory_order_relaxed)) {
        return ENOSYS;
    }
    return renameat2(from_fd, from, to_fd, to, flag) == 0 ? 0 : errno;
}

int
fi_os_posix_name_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                        const char *to, enum fi_os_rename_mode mode)
{
    int from_fd = fi_os_posix_dir_fd(from_dir);
    int to_fd = fi_os_posix_dir_fd(to_dir);
    if (mode == FI_OS_RENAME_REPLACE) {
        return renameat(from_fd, from, to_fd, to) == 0 ? 0 : errno;
    }
    bool exchange = mode == FI_OS_RENAME_EXCHANGE;
    int error_number =
        rename_with(from_fd, from, to_fd, to, exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE);
    if (error_number != EINVAL && error_number != ENOSYS) {
        return error_number;
    }
    return exchange ? EOPNOTSUPP : link_and_remove(from_fd, from, to_fd, to);
}

int
fi_os_posix_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                      const char *to)
{
    int from_fd = fi_os_posix_dir_fd(from_dir);
    return linkat(from_fd, from, fi_os_posix_dir_fd(to_dir), to, 0) == 0 ? 0 : errno;
}

int
fi_os_posix_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target)
{
    return symlinkat(target, fi_os_posix_dir_fd(dir), name) == 0 ? 0 : errno;
}

int
fi_os_posix_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    for (size_t room = 256;; room *= 4) {
        if (fi_buf_reserve(out, room) != FIRN_OK) {
            return ENOMEM;
        }
        ssize_t size =
            readlinkat(fi_os_posix_dir_fd(dir), name, (char *)out->data + out->size, room);
        if (size < 0) {
            return errno;
        }
        if ((size_t)size < room) {
            out->size += (size_t)size;
            return 0;
        }
    }
}

int
fi_os_posix_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    return mkfifoat(fi_os_posix_dir_fd(dir), name, mode) == 0 ? 0 : errno;
}

static enum fi_os_kind
kind_of_mode(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return FI_OS_FILE;
    case S_IFDIR:
        return FI_OS_DIR;
    case S_IFLNK:
        return FI_OS_SYMLINK;
    case S_IFIFO:
        return FI_OS_FIFO;
    case S_IFSOCK:
        return FI_OS_SOCKET;
    case S_IFCHR:
        return FI_OS_CHAR_DEVICE;
    case S_IFBLK:
        return FI_OS_BLOCK_DEVICE;
    default:
        return FI_OS_UNKNOWN;
    }
}

/* Nanoseconds since the epoch; times beyond the years 1677 to 2262 are held at those ends. */
static int64_t
ns_of_statx(const struct statx_timestamp *time)
{
    int64_t ns;
    if (__builtin_mul_overflow(time->tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns)) {
        return time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    }
    return ns;
}

int
fi_os_posix_name_statx(int fd, const char *name, struct fi_os_stat *out)
{
    struct statx raw;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
    if (statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0) {
        return errno;
    }
    *out = (struct fi_os_stat){
        .kind = kind_of_mode(raw.stx_mode),
        .mode = raw.stx_mode & 07777u,
        .uid = raw.stx_uid,
        .gid = raw.stx_gid,
        .nlink = raw.stx_nlink,
        .size_bytes = raw.stx_size,
        .allocated_bytes = raw.stx_blocks * 512,
        .device = makedev(raw.stx_dev_major, raw.stx_dev_minor),
        .inode = raw.stx_ino,
        .mtime_ns = ns_of_statx(&raw.stx_mtime),
        .ctime_ns = ns_of_statx(&raw.stx_ctime),
        .btime_ns = raw.stx_mask & STATX_BTIME ? ns_of_statx(&raw.stx_btime) : 0,
        .is_fixed = (raw.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0,
        .is_mount_root = (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
    };
    return 0;
}

int
fi_os_posix_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out)
{
    return fi_os_posix_name_statx(fi_os_posix_dir_fd(dir), name != NULL ? name : "", out);
}
