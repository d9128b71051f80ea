/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix_file.c: files by Linux system calls.
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
#include "posix/os_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/check.h"

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
int
fi_os_posix_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
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

void
fi_os_posix_file_close(struct fi_os_file *file)
{
    DCHECK(fi_os_posix_file_fd(file) >= 0);
    if (atomic_load_explicit(&((struct fi_os_posix_file *)file)->has_locks, memory_order_relaxed)) {
        fi_os_file_unlock(file);
    }
    (void)close(fi_os_posix_file_fd(file));
}

int
fi_os_posix_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                      size_t *out_size)
{
    DCHECK(offset <= INT64_MAX && size <= INT64_MAX - offset);
    ssize_t got = pread(fi_os_posix_file_fd(file), data, size, (off_t)offset);
    if (got < 0) {
        return errno;
    }
    *out_size = (size_t)got;
    return 0;
}

int
fi_os_posix_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
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

int
fi_os_posix_file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    return fi_os_posix_name_statx(fi_os_posix_file_fd(file), "", out);
}

int
fi_os_posix_file_truncate(struct fi_os_file *file, uint64_t size)
{
    DCHECK(size <= INT64_MAX);
    int result;
    do {
        result = ftruncate(fi_os_posix_file_fd(file), (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int
fi_os_posix_file_allocate(struct fi_os_file *file, uint64_t size)
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

int
fi_os_posix_file_sync(struct fi_os_file *file)
{
    return fdatasync(fi_os_posix_file_fd(file)) == 0 ? 0 : errno;
}

int
fi_os_posix_file_sync_all(struct fi_os_file *file)
{
    return fsync(fi_os_posix_file_fd(file)) == 0 ? 0 : errno;
}

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
    return type == FI_OS_POSIX_EXT4 || type == FI_OS_POSIX_XFS || type == FI_OS_POSIX_BTRFS;
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

int
fi_os_posix_file_sync_several(struct fi_os_file *const *files, size_t count, size_t *out_failed)
{
    DCHECK(count > 0);
    enum { TOGETHER_FROM = 8 };
    int error_number = 0;
    if (count >= TOGETHER_FROM && syncs_all(fi_os_posix_file_fd(files[0]))) {
        return sync_together(files, count, out_failed);
    }
    for (size_t i = 0; i < count && error_number == 0; i++) {
        *out_failed = i;
        error_number = fi_os_posix_file_sync(files[i]);
    }
    return error_number;
}

void
fi_os_posix_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    DCHECK(offset <= INT64_MAX && size <= INT64_MAX - offset);
    if (size > 0) { /* 0 would mean "to the end" */
        (void)sync_file_range(fi_os_posix_file_fd(file), (off_t)offset, (off_t)size,
                              SYNC_FILE_RANGE_WRITE);
    }
}

int
fi_os_posix_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
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

int
fi_os_posix_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind)
{
    return set_lock(file, lock_type(kind), 0, 0);
}

void
fi_os_posix_file_unlock(struct fi_os_file *file)
{
    (void)set_lock(file, F_UNLCK, 0, 0);
}

int
fi_os_posix_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                            uint64_t size)
{
    return set_lock(file, lock_type(kind), offset, size);
}

void
fi_os_posix_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
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

int
fi_os_posix_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out)
{
    struct flock lock;
    int error_number = find_lock(file, offset, size, &lock);
    *out = error_number == 0 && lock.l_type != F_UNLCK;
    return error_number;
}

/* Of a lock of an open file, which several processes may have, the kernel says -1. */
uint64_t
fi_os_posix_file_range_holder(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    struct flock lock;
    bool is_known = find_lock(file, offset, size, &lock) == 0 && lock.l_type != F_UNLCK;
    return is_known && lock.l_pid > 0 ? (uint64_t)lock.l_pid : 0;
}
