/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix_window.c: windows as shared mappings, where the file system makes that safe.
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
#include "posix/os_posix.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/check.h"

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
    case FI_OS_POSIX_EXT4:
    case TMPFS_MAGIC:
        return true;
    case FI_OS_POSIX_XFS:
        return xfs_writes_in_place(fd);
    default:
        return false;
    }
}

/* os_posix.c */
int
fi_os_posix_window_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out)
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

void
fi_os_posix_window_unmap(struct fi_os_file *file, uint8_t *data, size_t size)
{
    DCHECK(data != NULL && size > 0);
    (void)file;
    (void)munmap(data, size);
}
