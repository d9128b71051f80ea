/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_watch.c: changes in directories, by inotify.
 *
 * What is relied on (fs/notify of Linux, and inotify(7)): a system call that changes something puts
 * its event into the queue before it returns, and after the change. So whoever empties the queue
 * has seen the event of every change that was complete before (I1). And whoever watches a directory
 * first and lists it then has either listed a change or gets its event (I2). Three things break the
 * rule, and are dealt with here:
 * - The queue is finite. When it is full one event of overflow stands for all that is lost:
 *   LOST.
 * - A file system that is mounted over a watched directory hides it without an event. The table of
 *   mounts can be polled; when it has changed, and what it says of mounts below the root with it,
 *   that is LOST as well.
 * - A file system may be changed by others than this kernel. Only those that are known to be local
 *   are watched; a list of names that are good outlives one of those that are bad.
 *
 * A directory is named to inotify by its descriptor, through /proc, so what is watched is what was
 * opened, whatever has become of its path.
 *
 * IN_EXCL_UNLINK is not used: it would hide writes to a file that was unlinked and linked again.
 * Reading, opening and closing what was only read are not asked for, so saving a tree makes no
 * events.
 */
#include "os/os_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os_posix.h"
#include "os/os_socket.h"

enum {
    READ_SIZE = 64 << 10,
    LINE_SIZE = 8 << 10,
    READS_MAX = 1024, /* in a row: a writer without pause must not keep us from everything else */
    NS_PER_MS = 1000000
};

#define NAMES_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK                                                                               \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

struct firn_os_watch {
    int fd;
    int mounts_fd; /* -1 without /proc */
    bool mounts_changed;
    uint64_t mounts_digest; /* of those below the root */
    char *root;
    alignas(struct inotify_event) char bytes[READ_SIZE];
};

/* ---- mounts ---- */

/* The fifth field of a line of the table, where "\040" stands for a space and so on; false where it
 * is not whole. */
static bool
mount_point(const char *line, char out[LINE_SIZE])
{
    size_t size = 0;
    for (int field = 1; field < 5; field++) {
        line = strchr(line, ' ');
        if (line++ == NULL) {
            return false;
        }
    }
    while (*line != ' ' && *line != '\0') {
        if (line[0] == '\\' && line[1] != '\0' && line[2] != '\0' && line[3] != '\0') {
            out[size++] = (char)(((line[1] - '0') << 6) | ((line[2] - '0') << 3) | (line[3] - '0'));
            line += 4;
        } else {
            out[size++] = *line++;
        }
    }
    out[size] = '\0';
    return *line == ' ';
}

static bool
is_below(const char *root, const char *path)
{
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(root, path, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* Sets *out to a digest (FNV-1a) of the lines about mounts at the root or below. A line that makes no
 * sense counts as one of them. */
static bool
read_mounts(const char *root, uint64_t *out)
{
    char line[LINE_SIZE];
    char path[LINE_SIZE];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    *out = UINT64_C(0xcbf29ce484222325);
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (mount_point(line, path) && !is_below(root, path)) {
            continue;
        }
        for (const char *at = line; *at != '\0'; at++) {
            *out = (*out ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
        }
    }
    bool is_read = ferror(file) == 0;
    (void)fclose(file);
    return is_read;
}

/* Whether what is mounted below the root has changed. */
static bool
have_mounts_changed(struct firn_os_watch *watch)
{
    struct pollfd item = {.fd = watch->mounts_fd, .events = POLLPRI};
    uint64_t before = watch->mounts_digest;
    if (poll(&item, 1, 0) <= 0 && !watch->mounts_changed) {
        return false;
    }
    watch->mounts_changed = false;
    return !read_mounts(watch->root, &watch->mounts_digest) || watch->mounts_digest != before;
}

/* ---- directories ---- */

int
firn_os_watch_create(struct firn_os *os, const char *root, struct firn_os_watch **out,
                     firn_error *err)
{
    *out = NULL;
    if (os != firn_os_default()) {
        return firn_error_set(err, FIRN_UNSUPPORTED, "nothing can be watched here");
    }
    struct firn_os_watch *watch = firn_alloc_zeroed(sizeof *watch);
    if (watch == NULL) {
        return firn_error_no_memory(err, "watching directories");
    }
    watch->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->root = firn_strdup(root);
    if (watch->root == NULL) {
        firn_os_watch_destroy(watch);
        return firn_error_no_memory(err, "watching directories");
    }
    if (watch->fd < 0 || watch->mounts_fd < 0 || !read_mounts(watch->root, &watch->mounts_digest)) {
        int code = errno == EMFILE
                       ? firn_error_set(err, FIRN_LIMIT,
                                        "could not watch: too many files or watching programs are "
                                        "open (ulimit -n, fs.inotify.max_user_instances)")
                       : firn_error_set_errno(err, errno, "could not watch directories");
        firn_os_watch_destroy(watch);
        return code;
    }
    *out = watch;
    return FIRN_OK;
}

void
firn_os_watch_destroy(struct firn_os_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->fd >= 0) {
        (void)close(watch->fd);
    }
    if (watch->mounts_fd >= 0) {
        (void)close(watch->mounts_fd);
    }
    firn_free(watch->root);
    firn_free(watch);
}

/* Whether every change of a file system is made by this kernel, which tells of it. */
static bool
is_local(int fd)
{
    static const uint32_t known[] = {
        0xef53,     /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683e, /* btrfs */
        0x01021994, /* tmpfs */
        0x858458f6, /* ramfs */
        0xf2f52010, /* f2fs */
        0x2fc12fc1, /* zfs */
        0xca451a4e, /* bcachefs */
        0x794c7630, /* overlayfs */
        0x3153464a, /* jfs */
        0x52654973, /* reiserfs */
        0x3434,     /* nilfs2 */
        0x4d44,     /* fat */
        0x2011bab0, /* exfat */
        0xf15f,     /* ecryptfs */
    };
    struct statfs info;
    if (fstatfs(fd, &info) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((uint32_t)info.f_type == known[i]) {
            return true;
        }
    }
    return false;
}

int
firn_os_watch_add(struct firn_os_watch *watch, struct firn_os_dir *dir, int *out_id,
                  firn_error *err)
{
    char path[sizeof "/proc/self/fd/" + 12];
    int fd = firn_os_posix_dir_fd(dir);
    *out_id = -1;
    if (!is_local(fd)) {
        return firn_error_set(err, FIRN_UNSUPPORTED,
                              "'%s' is on a file system whose changes may go unnoticed",
                              firn_os_dir_path(dir));
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int id = inotify_add_watch(watch->fd, path, MASK);
    if (id < 0) {
        return errno == ENOSPC
                   ? firn_error_set(err, FIRN_LIMIT,
                                    "could not watch '%.700s': the limit of watched directories "
                                    "is reached (sysctl fs.inotify.max_user_watches)",
                                    firn_os_dir_path(dir))
                   : firn_error_set_errno(err, errno, "could not watch '%s'",
                                          firn_os_dir_path(dir));
    }
    *out_id = id;
    return FIRN_OK;
}

void
firn_os_watch_remove(struct firn_os_watch *watch, int id)
{
    (void)inotify_rm_watch(watch->fd, id);
}

/* ---- events ---- */

static struct firn_os_watch_event
translate(const struct inotify_event *event)
{
    struct firn_os_watch_event out = {.kind = FIRN_OS_WATCH_CHANGED,
                                      .id = event->wd,
                                      .name = event->len > 0 ? event->name : "",
                                      .is_dir = (event->mask & IN_ISDIR) != 0};
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        out.kind = FIRN_OS_WATCH_LOST;
        out.id = -1;
    } else if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
        out.kind = FIRN_OS_WATCH_GONE;
    } else if ((event->mask & IN_MOVE_SELF) != 0) {
        out.kind = FIRN_OS_WATCH_MOVED;
    } else if ((event->mask & NAMES_MASK) != 0) {
        out.kind = FIRN_OS_WATCH_NAMES;
    }
    return out;
}

static int
visit_all(const char *bytes, size_t size, int (*visit)(void *, const struct firn_os_watch_event *),
          void *ctx)
{
    for (size_t at = 0; at + sizeof(struct inotify_event) <= size;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        const struct firn_os_watch_event translated = translate(event);
        int rc = visit(ctx, &translated);
        if (rc != FIRN_OK) {
            return rc;
        }
        at += sizeof *event + event->len;
    }
    return FIRN_OK;
}

int
firn_os_watch_read(struct firn_os_watch *watch,
                   int (*visit)(void *ctx, const struct firn_os_watch_event *event), void *ctx,
                   firn_error *err)
{
    const struct firn_os_watch_event lost = {.kind = FIRN_OS_WATCH_LOST, .id = -1, .name = ""};
    int rc = FIRN_OK;
    if (have_mounts_changed(watch)) {
        rc = visit(ctx, &lost);
    }
    for (int reads = 0; rc == FIRN_OK; reads++) {
        if (reads == READS_MAX) {
            return visit(ctx, &lost); /* (I1) does not hold */
        }
        ssize_t got = read(watch->fd, watch->bytes, sizeof watch->bytes);
        if (got < 0 && errno == EAGAIN) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return firn_error_set_errno(err, errno, "could not read what has changed");
        }
        rc = got > 0 ? visit_all(watch->bytes, (size_t)got, visit, ctx) : FIRN_OK;
    }
    return rc;
}

void
firn_os_watch_wait(struct firn_os_watch *watch, struct firn_os_socket *listener, int64_t timeout_ns)
{
    struct pollfd items[] = {
        {.fd = watch->fd, .events = POLLIN},
        {.fd = watch->mounts_fd, .events = POLLPRI},
        {.fd = listener == NULL ? -1 : firn_os_socket_fd(listener), .events = POLLIN},
    };
    int64_t ms = timeout_ns <= 0 ? 0 : (timeout_ns - 1) / NS_PER_MS + 1;
    if (poll(items, 3, ms > INT32_MAX ? INT32_MAX : (int)ms) > 0 && items[1].revents != 0) {
        watch->mounts_changed = true;
    }
}
