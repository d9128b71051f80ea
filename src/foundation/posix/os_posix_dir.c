/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix_dir.c: directories by Linux system calls.
 *
 * Opening below a root. openat2 resolves a whole relative path in the kernel and refuses symbolic
 * links and any way out of the root (RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS).
 * If it is missing (ENOSYS before Linux 5.6, EPERM from a seccomp filter without it) the path is
 * walked by hand, with one openat with O_NOFOLLOW for each component; as in the kernel, only the
 * last one has to be readable. This is as safe, since the names were checked to be plain
 * components, but slower. Calls that the kernel does not support are remembered. Paths longer than
 * the kernel's limit are resolved in pieces, each below the previous one.
 *
 * A real path is opened in the same way, below the root directory: it had no links, so one that is
 * there now was put there since.
 *
 * Listing. getdents64 reads into a buffer of 64 KiB: a directory of a thousand entries needs one
 * call and a second one that finds the end. The position belongs to the descriptor, so a second
 * walk rewinds first, and two concurrent walks over one handle are not allowed.
 *
 * The real path of a directory is the one that the kernel reports for the descriptor, through
 * /proc. It is used only if it leads back to the same directory. Without /proc, the path by which
 * the directory was opened is resolved instead, and checked in the same way.
 */
#include "posix/os_posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

enum {
    OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
    PASS_DIR = O_PATH | O_DIRECTORY | O_CLOEXEC, /* one on the way, which may be unreadable */
    LIST_BUFFER_SIZE = 64 << 10,
    PIECE_SIZE_MAX = PATH_MAX - 1, /* what one call takes, without its NUL */
};

/* Relaxed everywhere: a thread that has not seen the change yet only makes one call in vain. */
static atomic_bool openat2_works = true;

void
fi_os_posix_dir_use_openat2(bool use)
{
    atomic_store_explicit(&openat2_works, use, memory_order_relaxed);
}

/* The descriptor in *out, or an errno. A symbolic link is no directory: ENOTDIR. */
static int
open_dir_at(int at, const char *path, int flags, int *out)
{
    DCHECK((flags & O_DIRECTORY) != 0 && (flags & O_CLOEXEC) != 0); /* (I1) of os_posix.c */
    int fd;
    do {
        fd = openat(at, path, flags);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return errno == ELOOP && (flags & O_NOFOLLOW) ? ENOTDIR : errno;
    }
    *out = fd;
    return 0;
}

int
fi_os_posix_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir)
{
    (void)os;
    return open_dir_at(AT_FDCWD, path, OPEN_DIR, &((struct fi_os_posix_dir *)dir)->fd);
}

int
fi_os_posix_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir)
{
    return open_dir_at(fi_os_posix_dir_fd(parent), name, OPEN_DIR | O_NOFOLLOW,
                       &((struct fi_os_posix_dir *)dir)->fd);
}

/* Opens a piece of a path with one call. ENOSYS where openat2 does not work here. */
static int
open_piece_by_openat2(int at, const char *piece, int *out)
{
    DCHECK(piece[0] != '\0' && piece[0] != '/');
    struct open_how how = {
        .flags = OPEN_DIR | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (;;) {
        long fd = syscall(SYS_openat2, at, piece, &how, sizeof how);
        if (fd >= 0) {
            *out = (int)fd;
            return 0;
        }
        switch (errno) {
        case EINTR:
        case EAGAIN: /* a rename somewhere raced with the resolution */
            continue;
        case ELOOP:
            return ENOTDIR;
        case EPERM:
            return ENOSYS;
        default:
            return errno;
        }
    }
}

/* Opens a piece component by component. piece is cut at its slashes. */
static int
open_piece_by_hand(int at, char *piece, int *out)
{
    DCHECK(piece[0] != '\0' && piece[0] != '/');
    int here = at;
    for (char *component = piece; component != NULL;) {
        char *slash = strchr(component, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        int next = -1;
        int flags = slash != NULL ? PASS_DIR : OPEN_DIR;
        int error_number = open_dir_at(here, component, flags | O_NOFOLLOW, &next);
        if (here != at) {
            (void)close(here);
        }
        if (error_number != 0) {
            return error_number;
        }
        here = next;
        component = slash != NULL ? slash + 1 : NULL;
    }
    *out = here;
    return 0;
}

static int
open_piece(int at, char *piece, int *out)
{
    if (atomic_load_explicit(&openat2_works, memory_order_relaxed)) {
        int error_number = open_piece_by_openat2(at, piece, out);
        if (error_number != ENOSYS) {
            return error_number;
        }
        fi_os_posix_dir_use_openat2(false);
    }
    return open_piece_by_hand(at, piece, out);
}

/* The length of the next piece: as many whole components as one call takes; 0 if the first alone
 * is too long. */
static size_t
next_piece_size(const char *path)
{
    size_t size = strnlen(path, PIECE_SIZE_MAX);
    while (size > 0 && path[size] != '/' && path[size] != '\0') {
        size--;
    }
    return size;
}

/* Opens a relative path without following links. */
static int
open_pieces(int root_fd, const char *relative_path, int *out)
{
    if (relative_path[0] == '\0') {
        return open_dir_at(root_fd, ".", OPEN_DIR, out);
    }
    int here = root_fd;
    for (const char *at = relative_path; *at != '\0';) {
        size_t size = next_piece_size(at);
        char piece[PATH_MAX];
        int next = -1;
        int error_number = ENAMETOOLONG;
        DCHECK(size < sizeof piece);
        if (size > 0) {
            memcpy(piece, at, size);
            piece[size] = '\0';
            error_number = open_piece(here, piece, &next);
        }
        if (here != root_fd) {
            (void)close(here);
        }
        if (error_number != 0) {
            return error_number;
        }
        here = next;
        at += size;
        at += *at == '/';
    }
    *out = here;
    return 0;
}

int
fi_os_posix_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                             struct fi_os_dir *dir)
{
    return open_pieces(fi_os_posix_dir_fd(root), relative_path,
                       &((struct fi_os_posix_dir *)dir)->fd);
}

int
fi_os_posix_dir_open_real(struct fi_os *os, const char *path, struct fi_os_dir *dir)
{
    (void)os;
    DCHECK(path[0] == '/');
    int root = -1;
    int error_number = open_dir_at(AT_FDCWD, "/", PASS_DIR, &root);
    if (error_number != 0) {
        return error_number;
    }
    error_number =
        open_pieces(root, path + strspn(path, "/"), &((struct fi_os_posix_dir *)dir)->fd);
    (void)close(root);
    return error_number;
}

void
fi_os_posix_dir_close(struct fi_os_dir *dir)
{
    DCHECK(fi_os_posix_dir_fd(dir) >= 0);
    (void)close(fi_os_posix_dir_fd(dir));
}

static enum fi_os_kind
kind_of_d_type(unsigned char type)
{
    switch (type) {
    case DT_REG:
        return FI_OS_FILE;
    case DT_DIR:
        return FI_OS_DIR;
    case DT_LNK:
        return FI_OS_SYMLINK;
    case DT_FIFO:
        return FI_OS_FIFO;
    case DT_SOCK:
        return FI_OS_SOCKET;
    case DT_CHR:
        return FI_OS_CHAR_DEVICE;
    case DT_BLK:
        return FI_OS_BLOCK_DEVICE;
    default:
        return FI_OS_UNKNOWN;
    }
}

/* Visits the records of one getdents64. */
static int
visit_records(const uint8_t *records, size_t size,
              int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx)
{
    for (size_t at = 0; at < size;) {
        const struct dirent64 *record = (const void *)(records + at);
        DCHECK(record->d_reclen > 0 && record->d_reclen <= size - at);
        at += record->d_reclen;
        const char *name = record->d_name;
        if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) {
            continue;
        }
        struct fi_os_dirent entry = {
            .name = name,
            .name_size = strlen(name),
            .kind = kind_of_d_type(record->d_type),
            .inode = record->d_ino,
        };
        int visited = visit(ctx, &entry);
        if (visited != FIRN_OK) {
            return visited;
        }
    }
    return FIRN_OK;
}

/* A descriptor at the beginning of the directory that no other list uses: the handle's own
 * for its first list, which most handles are opened for, and a new one for any other. */
static int
start_of_list(struct fi_os_posix_dir *self)
{
    return atomic_exchange_explicit(&self->listed, true, memory_order_relaxed)
               ? openat(self->fd, ".", OPEN_DIR)
               : self->fd;
}

int
fi_os_posix_dir_list(struct fi_os_dir *dir,
                     int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                     int *out_visited)
{
    uint8_t *records = fi_alloc(LIST_BUFFER_SIZE);
    if (records == NULL) {
        return ENOMEM;
    }
    int fd = start_of_list((struct fi_os_posix_dir *)dir);
    int error_number = fd < 0 ? errno : 0;
    while (fd >= 0) {
        long size = syscall(SYS_getdents64, fd, records, LIST_BUFFER_SIZE);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            error_number = size < 0 ? errno : 0;
            break;
        }
        *out_visited = visit_records(records, (size_t)size, visit, ctx);
        if (*out_visited != FIRN_OK) {
            break;
        }
    }
    if (fd >= 0 && fd != fi_os_posix_dir_fd(dir)) {
        (void)close(fd);
    }
    fi_free(records);
    return error_number;
}

void
fi_os_posix_dir_refresh(struct fi_os_dir *dir)
{
    struct statx now;
    (void)statx(fi_os_posix_dir_fd(dir), "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_MTIME,
                &now);
}

int
fi_os_posix_dir_sync(struct fi_os_dir *dir)
{
    return fsync(fi_os_posix_dir_fd(dir)) == 0 ? 0 : errno;
}

int
fi_os_posix_dir_sync_filesystem(struct fi_os_dir *dir)
{
    return syncfs(fi_os_posix_dir_fd(dir)) == 0 ? 0 : errno;
}

/* Whether path names the directory that fd has open. */
static bool
leads_to(const char *path, int fd)
{
    struct fi_os_stat there;
    struct fi_os_stat here;
    return path[0] == '/' && fi_os_posix_name_statx(AT_FDCWD, path, &there) == 0 &&
           fi_os_posix_name_statx(fd, "", &here) == 0 && there.device == here.device &&
           there.inode == here.inode;
}

int
fi_os_posix_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out)
{
    int fd = fi_os_posix_dir_fd(dir);
    char link[32];
    char path[PATH_MAX + 1];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX);
    if (size >= 0) {
        path[size] = '\0';
    } else if (errno != ENOENT || dir->parent != NULL || realpath(dir->name, path) == NULL) {
        return errno;
    }
    if (!leads_to(path, fd)) {
        return ENOENT; /* it was removed, or lies outside of what this process can reach */
    }
    return fi_buf_append_str(out, path) == FIRN_OK ? 0 : ENOMEM;
}

int
fi_os_posix_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out)
{
    struct statvfs info;
    if (fstatvfs(fi_os_posix_dir_fd(dir), &info) != 0) {
        return errno;
    }
    *out = (uint64_t)info.f_bavail * info.f_frsize;
    return 0;
}

/* The kernel's own answer: it knows groups, lists of access, read-only mounts and attributes. */
int
fi_os_posix_dir_check_names(struct fi_os_dir *dir)
{
    return faccessat(fi_os_posix_dir_fd(dir), ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

#define OVERLAYFS_MAGIC UINT32_C(0x794c7630)

bool
fi_os_posix_dir_keeps_identity(struct fi_os_dir *dir)
{
    struct statfs info;
    return fstatfs(fi_os_posix_dir_fd(dir), &info) != 0 || (uint32_t)info.f_type != OVERLAYFS_MAGIC;
}
