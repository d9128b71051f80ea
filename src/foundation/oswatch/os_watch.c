/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch.c: changes in directories, by fanotify (os_watch_internal.h) if that is allowed
 * and works, else by inotify. Both may serve one watch: fanotify the file system of the root,
 * inotify others below it. The caller notices the difference only in the limits.
 *
 * The code relies on this rule (fs/notify of Linux, which both use): a system call that changes
 * something queues its event after the change and before it returns. So a reader that empties the
 * queue has seen the event of every change that was complete before (I1). And a reader that first
 * watches a directory and then lists it has either listed a change or gets its event (I2).
 * (Not checked: the kernel guarantees both.)
 * Three things break the rule, and are handled here:
 * - A queue may lose events: inotify's when it is full, fanotify's when the kernel is out of
 *   memory. One event represents all lost ones: LOST.
 * - A file system that is mounted over a watched directory hides it without an event. The table of
 *   mounts can be polled; if the mounts below the root have changed in it, that is LOST as well.
 * - A file system may be changed by others than this kernel. Only file systems that are known to be
 *   local are watched; a list of good names lasts longer than one of bad names.
 *
 * The descriptor of inotify is opened when it is first needed, because their number is limited.
 */
#include "oswatch/os_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "oswatch/os_watch_internal.h"
#include "posix/os_default.h"
#include "posix/os_posix.h"
#include "posix/os_socket.h"

enum {
    READ_SIZE = 64 << 10,
    LINE_SIZE = 8 << 10,
    READS_MAX = 1024, /* in a row: a writer that never pauses must not block everything else */
    NS_PER_MS = 1000000
};

struct fi_os_watch {
    struct fi_os_watch_fanotify *fanotify; /* NULL: not used */
    int inotify_fd;                        /* -1: not needed yet */
    int mounts_fd;                         /* -1 without /proc */
    bool mounts_changed;
    uint64_t mounts_digest; /* of those below the root */
    char *root;
    alignas(max_align_t) uint8_t bytes[READ_SIZE];
};

/* ---- mounts ---- */

/* The fifth field of a line of the table, decoded ("\040" is a space, …); false if it is
 * incomplete. */
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
    DCHECK(size < LINE_SIZE);
    out[size] = '\0';
    return *line == ' ';
}

static bool
is_below(const char *root, const char *path)
{
    DCHECK(root[0] == '/');
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(root, path, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* Sets *out to a digest (FNV-1a) of the lines about mounts at the root or below. A malformed line
 * counts as one of them. */
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
have_mounts_changed(struct fi_os_watch *watch)
{
    DCHECK(watch->mounts_fd >= 0 && watch->root != NULL);
    struct pollfd item = {.fd = watch->mounts_fd, .events = POLLPRI};
    uint64_t before = watch->mounts_digest;
    if (poll(&item, 1, 0) <= 0 && !watch->mounts_changed) {
        return false;
    }
    watch->mounts_changed = false;
    return !read_mounts(watch->root, &watch->mounts_digest) || watch->mounts_digest != before;
}

/* ---- directories ---- */

static int
opening_error(firn_error *err)
{
    DCHECK(errno != 0);
    return errno == EMFILE
               ? fi_error_set(err, FIRN_LIMIT,
                              "could not watch: too many files or watching programs are "
                              "open (ulimit -n, fs.inotify.max_user_instances)")
               : fi_error_set_errno(err, errno, "could not watch directories");
}

static int
need_inotify(struct fi_os_watch *watch, firn_error *err)
{
    if (watch->inotify_fd < 0) {
        watch->inotify_fd = fi_os_watch_inotify_open();
    }
    return watch->inotify_fd < 0 ? opening_error(err) : FIRN_OK;
}

static int
os_watch_begin(struct fi_os_watch *watch, struct fi_os_dir *root, firn_error *err)
{
    DCHECK(watch->fanotify == NULL && watch->root == NULL);
    struct fi_buf path = {0};
    int rc;
    FI_TRY(fi_os_dir_real_path(root, &path, err));
    watch->root = fi_strndup((const char *)path.data, path.size);
    if (watch->root == NULL) {
        rc = fi_error_no_memory(err, "watching directories");
        goto out;
    }
    watch->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (watch->mounts_fd < 0 || !read_mounts(watch->root, &watch->mounts_digest)) {
        rc = opening_error(err);
        goto out;
    }
    watch->fanotify = fi_os_watch_fanotify_create(fi_os_posix_dir_fd(root));
    rc = watch->fanotify == NULL ? need_inotify(watch, err) : FIRN_OK;
out:
    fi_buf_deinit(&path);
    return rc;
}

int
fi_os_watch_create(struct fi_os_dir *root, struct fi_os_watch **out, firn_error *err)
{
    *out = NULL;
    if (fi_os_dir_os(root) != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "nothing can be watched here");
    }
    struct fi_os_watch *watch = fi_alloc_zeroed(sizeof *watch);
    if (watch == NULL) {
        return fi_error_no_memory(err, "watching directories");
    }
    watch->inotify_fd = -1;
    watch->mounts_fd = -1;
    int rc = os_watch_begin(watch, root, err);
    if (rc != FIRN_OK) {
        fi_os_watch_destroy(watch);
        return rc;
    }
    *out = watch;
    return FIRN_OK;
}

void
fi_os_watch_destroy(struct fi_os_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    fi_os_watch_fanotify_destroy(watch->fanotify);
    if (watch->inotify_fd >= 0) {
        (void)close(watch->inotify_fd);
    }
    if (watch->mounts_fd >= 0) {
        (void)close(watch->mounts_fd);
    }
    fi_free(watch->root);
    fi_free(watch);
}

bool
fi_os_watch_is_unlimited(const struct fi_os_watch *watch)
{
    return watch->fanotify != NULL;
}

/* Whether only this kernel changes a file system, and so reports every change. */
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

static int
add_to_inotify(struct fi_os_watch *watch, struct fi_os_dir *dir, int *out_id, firn_error *err)
{
    FI_TRY_RETURN(need_inotify(watch, err));
    int id = fi_os_watch_inotify_add(watch->inotify_fd, fi_os_posix_dir_fd(dir));
    if (id >= FI_OS_WATCH_FANOTIFY_ID_MIN) { /* after as many others */
        fi_os_watch_inotify_remove(watch->inotify_fd, id);
        return fi_error_set(err, FIRN_LIMIT, "could not watch '%.700s': no number is left",
                            fi_os_dir_path(dir));
    }
    if (id < 0) {
        return errno == ENOSPC
                   ? fi_error_set(err, FIRN_LIMIT,
                                  "could not watch '%.700s': the limit of watched directories "
                                  "is reached (sysctl fs.inotify.max_user_watches)",
                                  fi_os_dir_path(dir))
                   : fi_error_set_errno(err, errno, "could not watch '%s'", fi_os_dir_path(dir));
    }
    *out_id = id;
    return FIRN_OK;
}

int
fi_os_watch_add(struct fi_os_watch *watch, struct fi_os_dir *dir, int *out_id, firn_error *err)
{
    int fd = fi_os_posix_dir_fd(dir);
    *out_id = -1;
    if (!is_local(fd)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "'%s' is on a file system whose changes may go unnoticed",
                            fi_os_dir_path(dir));
    }
    if (watch->fanotify != NULL) {
        *out_id = fi_os_watch_fanotify_add(watch->fanotify, fd);
    }
    return *out_id >= 0 ? FIRN_OK : add_to_inotify(watch, dir, out_id, err);
}

void
fi_os_watch_remove(struct fi_os_watch *watch, int id)
{
    if (id < FI_OS_WATCH_FANOTIFY_ID_MIN) {
        fi_os_watch_inotify_remove(watch->inotify_fd, id);
    } else {
        fi_os_watch_fanotify_remove(watch->fanotify, id);
    }
}

/* ---- events ---- */

struct visitor {
    int (*visit)(void *ctx, const struct fi_os_watch_event *event);
    void *ctx;
};

static const struct fi_os_watch_event lost = {.kind = FI_OS_WATCH_LOST, .id = -1, .name = ""};

/* Empties one queue. */
static int
read_queue(struct fi_os_watch *watch, int fd, const struct visitor *visitor, firn_error *err)
{
    int rc = FIRN_OK;
    for (int reads = 0; rc == FIRN_OK; reads++) {
        if (reads == READS_MAX) {
            return visitor->visit(visitor->ctx, &lost); /* (I1) does not hold */
        }
        ssize_t got = read(fd, watch->bytes, sizeof watch->bytes);
        if (got < 0 && errno == EAGAIN) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return fi_error_set_errno(err, errno, "could not read what has changed");
        }
        size_t size = got > 0 ? (size_t)got : 0;
        rc = fd == watch->inotify_fd
                 ? fi_os_watch_inotify_visit(watch->bytes, size, visitor->visit, visitor->ctx)
                 : fi_os_watch_fanotify_visit(watch->fanotify, watch->bytes, size, visitor->visit,
                                              visitor->ctx);
    }
    return rc;
}

static int
fanotify_fd(const struct fi_os_watch *watch)
{
    return watch->fanotify == NULL ? -1 : fi_os_watch_fanotify_fd(watch->fanotify);
}

int
fi_os_watch_read(struct fi_os_watch *watch,
                 int (*visit)(void *ctx, const struct fi_os_watch_event *event), void *ctx,
                 firn_error *err)
{
    const struct visitor visitor = {visit, ctx};
    const int fds[] = {fanotify_fd(watch), watch->inotify_fd};
    int rc = FIRN_OK;
    if (have_mounts_changed(watch)) {
        rc = visit(ctx, &lost);
    }
    for (size_t i = 0; i < sizeof fds / sizeof fds[0] && rc == FIRN_OK; i++) {
        rc = fds[i] < 0 ? FIRN_OK : read_queue(watch, fds[i], &visitor, err);
    }
    return rc;
}

void
fi_os_watch_wait(struct fi_os_watch *watch, struct fi_os_socket *listener, int64_t timeout_ns)
{
    struct pollfd items[] = {
        {.fd = watch->mounts_fd, .events = POLLPRI},
        {.fd = fanotify_fd(watch), .events = POLLIN},
        {.fd = watch->inotify_fd, .events = POLLIN},
        {.fd = listener == NULL ? -1 : fi_os_socket_fd(listener), .events = POLLIN},
    };
    int64_t ms = timeout_ns <= 0 ? 0 : (timeout_ns - 1) / NS_PER_MS + 1;
    if (poll(items, sizeof items / sizeof items[0], ms > INT32_MAX ? INT32_MAX : (int)ms) > 0 &&
        items[0].revents != 0) {
        watch->mounts_changed = true;
    }
}
