/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_posix.c: the posix implementation of the seam: its table, its clocks, its randomness.
 *
 * Linux system calls, with descriptors as handles. The primitives are in os_posix_dir.c
 * (directories), os_posix_name.c (names) and below (files, windows, metadata). Mutexes and jobs are
 * in threads/, since the simulation has the same interface for them.
 *
 * Rules for all of them:
 * (I1) Every descriptor is opened with O_CLOEXEC, and with O_NOFOLLOW unless a user's path is
 *      opened.
 * (I2) EINTR is retried if the failed call has changed nothing; never for a sync.
 * (I3) There is no state except atomics that remember what the kernel does not support. So the
 *      process has one implementation, which any number of threads may use and which is never
 *      released.
 * (I4) As few calls as possible: a tree of 80,000 files is opened, read and restored through this
 *      file. (Not checked: (I2) to (I4) say which calls are made.)
 */
#include "os/os_posix.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

/* ==== files by Linux system calls ====
 *
 * Opening. O_NOFOLLOW refuses a symbolic link, O_NONBLOCK keeps a fifo from holding the caller up,
 * O_NOCTTY a terminal from taking the process over. The opened file is then looked at once: only
 * regular files pass. The look is left out if the call itself made the file (O_EXCL) and the caller
 * does not want its attributes.
 *
 * Locks are open-file-description locks: they belong to the descriptor, so that two handles of one
 * process exclude each other, and closing another descriptor of the same file releases nothing. A
 * child of fork has the same description: its copy of the descriptor would keep a lock beyond the
 * parent's closing, so that unlocks first; and what the child closes leaves the parent's lock
 * alone.
 *
 * A sync is fdatasync: it writes the contents and all metadata needed to read them back, the size
 * among them. Only fsync promises the attributes as well.
 *
 * Reserved space (allocate) keeps the size: what is read does not change.
 */

static int
open_flags(unsigned flags)
{
    int result = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    if (flags & FI_OS_WRITE) {
        result |= flags & FI_OS_READ ? O_RDWR : O_WRONLY;
    } else {
        result |= O_RDONLY;
    }
    result |= flags & FI_OS_CREATE ? O_CREAT : 0;
    result |= flags & FI_OS_EXCLUSIVE ? O_EXCL : 0;
    result |= flags & FI_OS_TRUNCATE ? O_TRUNC : 0;
    result |= flags & FI_OS_NO_ATIME ? O_NOATIME : 0;
    return result;
}

static int
open_retrying(int at, const char *name, int flags, uint32_t mode, int *out)
{
    DCHECK(name != NULL && (flags & O_NOFOLLOW) != 0 && (flags & O_CLOEXEC) != 0); /* (I1) */
    for (;;) {
        int fd = openat(at, name, flags, mode);
        if (fd >= 0) {
            *out = fd;
            return 0;
        }
        switch (errno) {
        case EINTR:
            continue;
        case EPERM:
            if (flags & O_NOATIME) { /* only the owner may read without a trace */
                flags &= ~O_NOATIME;
                continue;
            }
            return EPERM;
        case ELOOP:  /* a symbolic link */
        case ENXIO:  /* a fifo without a reader, a socket, a device without hardware */
        case EISDIR: /* a directory, to be written */
            return EINVAL;
        default:
            return errno;
        }
    }
}

/* os_posix.c */
static int
posix_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                struct fi_os_file *file, struct fi_os_stat *out_stat)
{
    int fd = -1;
    int error_number = open_retrying(fi_os_posix_dir_fd(dir), name, open_flags(flags), mode, &fd);
    if (error_number != 0) {
        return error_number;
    }
    if (out_stat != NULL || !(flags & FI_OS_EXCLUSIVE)) {
        struct fi_os_stat own_stat;
        struct fi_os_stat *stat = out_stat != NULL ? out_stat : &own_stat;
        error_number = fi_os_posix_name_statx(fd, "", stat);
        if (error_number == 0 && stat->kind != FI_OS_FILE) {
            error_number = EINVAL;
        }
        if (error_number != 0) {
            (void)close(fd);
            return error_number;
        }
    }
    DCHECK(fd >= 0);
    ((struct fi_os_posix_file *)file)->fd = fd;
    return 0;
}

static void
posix_file_close(struct fi_os_file *file)
{
    DCHECK(fi_os_posix_file_fd(file) >= 0);
    if (atomic_load_explicit(&((struct fi_os_posix_file *)file)->has_locks, memory_order_relaxed)) {
        fi_os_file_unlock(file);
    }
    (void)close(fi_os_posix_file_fd(file));
}

static int
posix_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size, size_t *out_size)
{
    DCHECK(offset <= INT64_MAX && size <= INT64_MAX - offset);
    ssize_t got = pread(fi_os_posix_file_fd(file), data, size, (off_t)offset);
    if (got < 0) {
        return errno;
    }
    *out_size = (size_t)got;
    return 0;
}

static int
posix_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                 size_t *out_size)
{
    DCHECK(offset <= INT64_MAX && size <= INT64_MAX - offset);
    ssize_t put = pwrite(fi_os_posix_file_fd(file), data, size, (off_t)offset);
    if (put < 0) {
        return errno;
    }
    *out_size = (size_t)put;
    return 0;
}

static int
posix_file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    return fi_os_posix_name_statx(fi_os_posix_file_fd(file), "", out);
}

static int
posix_file_truncate(struct fi_os_file *file, uint64_t size)
{
    DCHECK(size <= INT64_MAX);
    int result;
    do {
        result = ftruncate(fi_os_posix_file_fd(file), (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

static int
posix_file_allocate(struct fi_os_file *file, uint64_t size)
{
    DCHECK(size <= INT64_MAX);
    if (size == 0) {
        return 0;
    }
    int result;
    do {
        result = fallocate(fi_os_posix_file_fd(file), FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

static int
posix_file_sync(struct fi_os_file *file)
{
    return fdatasync(fi_os_posix_file_fd(file)) == 0 ? 0 : errno;
}

static int
posix_file_sync_all(struct fi_os_file *file)
{
    return fsync(fi_os_posix_file_fd(file)) == 0 ? 0 : errno;
}

#define EXT4_MAGIC UINT32_C(0xef53)
#define XFS_MAGIC UINT32_C(0x58465342)
#define BTRFS_MAGIC UINT32_C(0x9123683e)

/* Whether syncfs makes durable all that fsync of each file would: that is known of these. A file
 * system on top of a server or of another one (fuse, nfs, overlayfs) may only hand things on. */
static bool
syncs_all(int fd)
{
    struct statfs stat;
    if (fstatfs(fd, &stat) != 0) {
        return false;
    }
    uint32_t type = (uint32_t)stat.f_type;
    return type == EXT4_MAGIC || type == XFS_MAGIC || type == BTRFS_MAGIC;
}

/* Each fdatasync has the disk empty its cache, even where the journal has been committed for
 * another file a moment ago; syncfs does so once. It waits for what others have written too, so a
 * few files are not worth it. */
static int
sync_together(struct fi_os_file *const *files, size_t count, size_t *out_failed)
{
    DCHECK(count > 0);
    *out_failed = 0;
    if (syncfs(fi_os_posix_file_fd(files[0])) != 0) {
        return errno;
    }
    /* Nothing is left to be waited for; but kernels before 5.8 tell only here of data that could
     * not be written. */
    for (size_t i = 0; i < count; i++) {
        if (sync_file_range(fi_os_posix_file_fd(files[i]), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) !=
            0) {
            *out_failed = i;
            return errno;
        }
    }
    return 0;
}

static int
posix_file_sync_several(struct fi_os_file *const *files, size_t count, size_t *out_failed)
{
    DCHECK(count > 0);
    enum { TOGETHER_FROM = 8 };
    int error_number = 0;
    if (count >= TOGETHER_FROM && syncs_all(fi_os_posix_file_fd(files[0]))) {
        return sync_together(files, count, out_failed);
    }
    for (size_t i = 0; i < count && error_number == 0; i++) {
        *out_failed = i;
        error_number = posix_file_sync(files[i]);
    }
    return error_number;
}

static void
posix_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    DCHECK(offset <= INT64_MAX && size <= INT64_MAX - offset);
    if (size > 0) { /* 0 would mean "to the end" */
        (void)sync_file_range(fi_os_posix_file_fd(file), (off_t)offset, (off_t)size,
                              SYNC_FILE_RANGE_WRITE);
    }
}

static int
posix_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                     uint64_t *out_end)
{
    int fd = fi_os_posix_file_fd(file);
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) {
        return errno;
    }
    *out_start = (uint64_t)size;
    *out_end = (uint64_t)size;
    if (offset >= (uint64_t)size) {
        return 0;
    }
    off_t start = lseek(fd, (off_t)offset, SEEK_DATA);
    if (start < 0 && errno == ENXIO) {
        return 0; /* only a hole follows */
    }
    if (start < 0 && errno == EINVAL) {
        *out_start = offset; /* a file system that does not know holes */
        return 0;
    }
    off_t end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
    if (end < 0) {
        return errno == ENXIO ? 0 : errno; /* ENXIO: the file shrank meanwhile */
    }
    *out_start = (uint64_t)start;
    *out_end = (uint64_t)end;
    return 0;
}

static short
lock_type(enum fi_os_lock_kind kind)
{
    DCHECK(kind == FI_OS_LOCK_SHARED || kind == FI_OS_LOCK_EXCLUSIVE);
    return kind == FI_OS_LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK;
}

/* A size of 0 means to the end of the file. */
static int
set_lock(struct fi_os_file *file, short type, uint64_t offset, uint64_t size)
{
    DCHECK(type == F_UNLCK || type == F_RDLCK || type == F_WRLCK);
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)size};
    int result;
    do {
        result = fcntl(fi_os_posix_file_fd(file), F_OFD_SETLK, &lock);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        /* Relaxed: the file is closed after its last use. */
        atomic_store_explicit(&((struct fi_os_posix_file *)file)->has_locks, true,
                              memory_order_relaxed);
        return 0;
    }
    return errno == EACCES ? EAGAIN : errno;
}

static int
posix_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind)
{
    return set_lock(file, lock_type(kind), 0, 0);
}

static void
posix_file_unlock(struct fi_os_file *file)
{
    (void)set_lock(file, F_UNLCK, 0, 0);
}

static int
posix_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                      uint64_t size)
{
    return set_lock(file, lock_type(kind), offset, size);
}

static void
posix_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    (void)set_lock(file, F_UNLCK, offset, size);
}

/* What would stand in the way of an exclusive lock, which needs no right to take one. */
static int
find_lock(struct fi_os_file *file, uint64_t offset, uint64_t size, struct flock *out)
{
    DCHECK(size > 0);
    *out = (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)size};
    return fcntl(fi_os_posix_file_fd(file), F_OFD_GETLK, out) != 0 ? errno : 0;
}

static int
posix_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out)
{
    struct flock lock;
    int error_number = find_lock(file, offset, size, &lock);
    *out = error_number == 0 && lock.l_type != F_UNLCK;
    return error_number;
}

/* Of a lock of an open file, which several processes may have, the kernel says -1. */
static uint64_t
posix_file_range_holder(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    struct flock lock;
    bool is_known = find_lock(file, offset, size, &lock) == 0 && lock.l_type != F_UNLCK;
    return is_known && lock.l_pid > 0 ? (uint64_t)lock.l_pid : 0;
}

/* ==== windows as shared mappings, where the file system makes that safe ====
 *
 * A store into a mapped page cannot report a failure: the process is ended instead. So
 * the question is on which file systems a store into bytes that were written before cannot need
 * anything that may be missing. The answers, by what fstatfs tells:
 *
 *   ext4       writes in place, always; what delayed allocation still owes was set aside when the
 *   (ext2, 3)  bytes were written
 *   xfs        writes in place, unless blocks may be shared between files: made with reflink, a
 *              file may have been copied by sharing, and then a store needs a new block
 *   tmpfs      the bytes are the page
 *
 * All others get no window: those that never write in place (btrfs, zfs, bcachefs, f2fs), those at
 * the other end of a wire, those that stand before another (overlayfs, fuse).
 *
 * What is left is a page that has to be read from the disk first and cannot be, though the pages of
 * a window were written a moment ago; and a file system that has given up after an error (ext4 then
 * refuses to make a page writable). Both end the process, which is a crash like another.
 */

#define TMPFS_MAGIC UINT32_C(0x01021994)

/* The first version of what xfs tells about itself; its later ones need newer kernels. */
struct xfs_geometry {
    uint32_t sizes[8];
    uint64_t counts[4];
    uint8_t uuid[16];
    uint32_t stripe[2];
    int32_t version;
    uint32_t flags;
    uint32_t sectors[3];
};
#define XFS_GET_GEOMETRY _IOR('X', 100, struct xfs_geometry)
#define XFS_HAS_REFLINK (UINT32_C(1) << 20)

static_assert(sizeof(struct xfs_geometry) == 112, "as the kernel lays it out");

static bool
xfs_writes_in_place(int fd)
{
    struct xfs_geometry geometry = {0};
    return ioctl(fd, XFS_GET_GEOMETRY, &geometry) == 0 && (geometry.flags & XFS_HAS_REFLINK) == 0;
}

static bool
is_safe(int fd)
{
    struct statfs stat;
    if (fstatfs(fd, &stat) != 0) {
        return false;
    }
    switch ((uint32_t)stat.f_type) {
    case EXT4_MAGIC:
    case TMPFS_MAGIC:
        return true;
    case XFS_MAGIC:
        return xfs_writes_in_place(fd);
    default:
        return false;
    }
}

/* os_posix.c */
static int
posix_window_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    DCHECK(size > 0 && offset <= INT64_MAX);
    int fd = fi_os_posix_file_fd(file);
    if (!is_safe(fd)) {
        return EOPNOTSUPP;
    }
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (data == MAP_FAILED) {
        return errno;
    }
    *out = data;
    return 0;
}

static void
posix_window_unmap(struct fi_os_file *file, uint8_t *data, size_t size)
{
    DCHECK(data != NULL && size > 0);
    (void)file;
    (void)munmap(data, size);
}

/* ==== modes, owners, times and extended attributes by Linux system calls ====
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
static int
posix_node_set_mode(struct fi_os_node node, uint32_t mode)
{
    DCHECK((mode & ~UINT32_C(07777)) == 0);
    int fd = node_fd(node);
    int result = fd >= 0
                     ? fchmod(fd, mode)
                     : fchmodat(fi_os_posix_dir_fd(node.dir), node.name, mode, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? 0 : errno;
}

static int
posix_node_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid)
{
    int fd = node_fd(node);
    int result =
        fd >= 0 ? fchown(fd, uid, gid)
                : fchownat(fi_os_posix_dir_fd(node.dir), node.name, uid, gid, AT_SYMLINK_NOFOLLOW);
    return result == 0 ? 0 : errno;
}

static int
posix_node_set_mtime(struct fi_os_node node, int64_t mtime_ns)
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
explain(int error_number)
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
            return fd >= 0 ? errno : explain(errno);
        }
    }
}

static int
posix_node_xattr_list(struct fi_os_node node, struct fi_buf *out)
{
    int error_number = append_xattr(node, NULL, out);
    return error_number == EOPNOTSUPP ? 0 : error_number;
}

static int
posix_node_xattr_get(struct fi_os_node node, const char *attribute, struct fi_buf *out)
{
    return append_xattr(node, attribute, out);
}

static int
posix_node_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value)
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
    return lsetxattr(path, attribute, value.data, value.size, 0) == 0 ? 0 : explain(errno);
}

static int
posix_node_xattr_remove(struct fi_os_node node, const char *attribute)
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
    return lremovexattr(path, attribute) == 0 ? 0 : explain(errno);
}

/* ==== the posix implementation of the seam: its table, its clocks, its randomness ==== */

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks asked for */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
now_ns(struct fi_os *os)
{
    (void)os;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
monotonic_ns(struct fi_os *os)
{
    (void)os;
    return read_clock(CLOCK_MONOTONIC);
}

static void
sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    (void)os;
    struct timespec left = {duration_ns / 1000000000, duration_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

static int
random_bytes(struct fi_os *os, void *out, size_t size)
{
    (void)os;
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        DCHECK((size_t)got <= size);
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

static unsigned
cpu_count(struct fi_os *os)
{
    (void)os;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set has room for */
    return online > 0 ? (unsigned)online : 1;
}

static uint64_t
process_id(struct fi_os *os)
{
    (void)os;
    return (uint64_t)getpid();
}

/* The first 64 bits of the number that the kernel draws when it starts. */
static uint64_t
boot_id(struct fi_os *os)
{
    (void)os;
    char text[40] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    uint64_t id = 0;
    unsigned digits = 0;
    for (ssize_t i = 0; i < size && digits < 16; i++) {
        static const char hex[] = "0123456789abcdef";
        const char *digit = text[i] != '\0' ? strchr(hex, text[i]) : NULL;
        if (digit != NULL) {
            id = id << 4 | (uint64_t)(digit - hex);
            digits++;
        }
    }
    return digits == 16 ? id : 0;
}

static const char *
environment(struct fi_os *os, const char *name)
{
    (void)os;
    return getenv(name);
}

static uint32_t
user_id(struct fi_os *os)
{
    (void)os;
    return geteuid();
}

static const struct fi_os_ops ops = {
    .dir_open_path = fi_os_posix_dir_open_path,
    .dir_open_real = fi_os_posix_dir_open_real,
    .dir_open = fi_os_posix_dir_open,
    .dir_open_beneath = fi_os_posix_dir_open_beneath,
    .dir_close = fi_os_posix_dir_close,
    .dir_list = fi_os_posix_dir_list,
    .dir_sync = fi_os_posix_dir_sync,
    .dir_sync_filesystem = fi_os_posix_dir_sync_filesystem,
    .dir_real_path = fi_os_posix_dir_real_path,
    .dir_free_bytes = fi_os_posix_dir_free_bytes,
    .dir_check_names = fi_os_posix_dir_check_names,
    .dir_keeps_identity = fi_os_posix_dir_keeps_identity,
    .make_dir = fi_os_posix_name_make_dir,
    .remove_file = fi_os_posix_name_remove_file,
    .remove_dir = fi_os_posix_name_remove_dir,
    .rename = fi_os_posix_name_rename,
    .link = fi_os_posix_name_link,
    .make_symlink = fi_os_posix_name_make_symlink,
    .read_symlink = fi_os_posix_name_read_symlink,
    .make_fifo = fi_os_posix_name_make_fifo,
    .stat = fi_os_posix_name_stat,
    .file_open = posix_file_open,
    .file_close = posix_file_close,
    .file_read = posix_file_read,
    .file_write = posix_file_write,
    .file_stat = posix_file_stat,
    .file_truncate = posix_file_truncate,
    .file_allocate = posix_file_allocate,
    .file_sync = posix_file_sync,
    .file_sync_all = posix_file_sync_all,
    .file_sync_several = posix_file_sync_several,
    .file_start_writeback = posix_file_start_writeback,
    .file_next_data = posix_file_next_data,
    .file_map = posix_window_map,
    .file_unmap = posix_window_unmap,
    .file_lock = posix_file_lock,
    .file_unlock = posix_file_unlock,
    .file_lock_range = posix_file_lock_range,
    .file_unlock_range = posix_file_unlock_range,
    .file_is_range_held = posix_file_is_range_held,
    .file_range_holder = posix_file_range_holder,
    .set_mode = posix_node_set_mode,
    .set_owner = posix_node_set_owner,
    .set_mtime = posix_node_set_mtime,
    .xattr_list = posix_node_xattr_list,
    .xattr_get = posix_node_xattr_get,
    .xattr_set = posix_node_xattr_set,
    .xattr_remove = posix_node_xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
    .environment = environment,
};

struct fi_os *
fi_os_default(void)
{
    static struct fi_os posix = {
        .ops = &ops,
        .dir_size = sizeof(struct fi_os_posix_dir),
        .file_size = sizeof(struct fi_os_posix_file),
        .scheduler = NULL,
    };
    return &posix;
}
