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
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "os/os_posix.h"
#include "os/os_socket.h"
#include "oswatch/os_watch_internal.h"

/* ==== fanotify ====
 *
 * fanotify(7), fanotify_init(2), fanotify_mark(2), since Linux 5.9: for processes with
 * CAP_SYS_ADMIN. It limits neither the number of directories nor that of waiting events. Without
 * that capability it has the limits of inotify, and is not used.
 *
 * Each directory gets a mark of its own. A mark of the whole file system would be one call, but
 * would wake the watch for everything that happens on the machine.
 *
 * An event names its directory by a file handle, as returned by name_to_handle_at(2); a table
 * (os_watch_internal.h) maps handles to ids. A mark keeps its directory's inode in memory, so its
 * handle does not change. Whether a file system reports the same handles that it returns is tested
 * once, by opening the root and reading that event; if not, inotify is used.
 *
 * One file system only, by its device number: that of the root, which an open descriptor of the
 * root keeps mounted. When a file system is unmounted its marks disappear without an event, and a
 * handle means nothing without its file system. So inotify watches directories of other file
 * systems, and of other subvolumes, below the root (I1).
 *
 * Events of one name, made by one process, are merged while they wait: a mask may have several
 * bits, and the event is at the place of the first of them. So the order in which names were
 * created and removed is unknown; only that there was an event is known (I2). Every kind in a mask
 * is reported, but of the events of a directory itself only the most serious one.
 *
 * A change of attributes of a directory is an event of that directory, under the name ".", even if
 * only its parent is marked; then its handle is not in the table.
 *
 * Forgetting. An id ends when its directory is removed, or when the caller removes it. In the
 * latter case the mark is removed as well, through a descriptor from open_by_handle_at(2). If that
 * fails (it needs CAP_DAC_READ_SEARCH), the mark stays until the directory is removed or the watch
 * ends, and its events are ignored. Ids may be reused: waiting events name handles, not ids. A
 * directory that is watched again may get older events, which only cause one more look at it.
 */

enum { ID_MIN = FI_OS_WATCH_FANOTIFY_ID_MIN, PROBE_SIZE = 4096 };

#define INIT_FLAGS                                                                  \
    (FAN_CLASS_NOTIF | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_UNLIMITED_QUEUE | \
     FAN_UNLIMITED_MARKS | FAN_NONBLOCK | FAN_CLOEXEC)
#define FANOTIFY_NAMES_MASK ((uint64_t)(FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO))
#define CHANGED_MASK ((uint64_t)(FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE))
#define SELF_MASK ((uint64_t)(FAN_DELETE_SELF | FAN_MOVE_SELF))
#define FANOTIFY_MASK \
    (FANOTIFY_NAMES_MASK | CHANGED_MASK | SELF_MASK | FAN_ONDIR | FAN_EVENT_ON_CHILD)
#define PROBE_MASK ((uint64_t)(FAN_OPEN | FAN_ONDIR))

_Static_assert((int64_t)ID_MIN + FI_OS_WATCH_HANDLES_MAX - 1 <= INT32_MAX, "an id is an int");

struct fi_os_watch_fanotify {
    int fd;
    int root_fd; /* keeps the file system mounted (I1) */
    dev_t device;
    struct fi_os_watch_handles handles; /* number + ID_MIN = id */
};

/* ---- handles ---- */

/* The system's form of a handle. */
struct system_handle {
    struct file_handle head;
    uint8_t bytes[FI_OS_WATCH_HANDLES_BYTES_MAX];
};

/* False if the file system has no handles, or longer ones. */
static bool
handle_of(int dir_fd, struct fi_os_watch_handle *out)
{
    struct system_handle handle = {.head.handle_bytes = sizeof handle.bytes};
    int mount_id;
    *out = (struct fi_os_watch_handle){0};
    if (name_to_handle_at(dir_fd, "", &handle.head, &mount_id, AT_EMPTY_PATH) != 0 ||
        handle.head.handle_bytes == 0) {
        return false;
    }
    out->type = handle.head.handle_type;
    out->size = handle.head.handle_bytes;
    memcpy(out->bytes, handle.bytes, out->size);
    return true;
}

static int
open_handle(const struct fi_os_watch_fanotify *fanotify, const struct fi_os_watch_handle *handle)
{
    DCHECK(handle->size > 0 && handle->size <= FI_OS_WATCH_HANDLES_BYTES_MAX);
    struct system_handle system = {
        .head = {.handle_bytes = handle->size, .handle_type = handle->type}};
    memcpy(system.bytes, handle->bytes, handle->size);
    return open_by_handle_at(fanotify->root_fd, &system.head, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- events ---- */

struct event {
    uint64_t mask;
    size_t size;                      /* 0: there is none, or it is malformed */
    struct fi_os_watch_handle handle; /* of the directory; size 0: not reported, or not one of
                                           ours */
    bool has_handle;
    const char *name; /* in the directory; "" for itself */
};

/* Reads the record of a directory and a name, if it is one: fsid, length, type and bytes of a
 * handle, name with its NUL. */
static void
take_record(struct event *event, const struct fanotify_event_info_header *header,
            const uint8_t *record)
{
    DCHECK(!event->has_handle);
    const size_t handle_at = sizeof(struct fanotify_event_info_fid);
    const size_t bytes_at = handle_at + sizeof(struct file_handle);
    struct file_handle handle;
    if (header->info_type != FAN_EVENT_INFO_TYPE_DFID_NAME || header->len <= bytes_at) {
        return;
    }
    memcpy(&handle, record + handle_at, sizeof handle);
    if (handle.handle_bytes == 0 || handle.handle_bytes >= header->len - bytes_at) {
        return; /* the file system does not know */
    }
    const uint8_t *name = record + bytes_at + handle.handle_bytes;
    if (memchr(name, '\0', header->len - bytes_at - handle.handle_bytes) == NULL) {
        return;
    }
    event->has_handle = true;
    event->name = strcmp((const char *)name, ".") == 0 ? "" : (const char *)name;
    if (handle.handle_bytes <= sizeof event->handle.bytes) {
        event->handle.type = handle.handle_type;
        event->handle.size = handle.handle_bytes;
        memcpy(event->handle.bytes, record + bytes_at, handle.handle_bytes);
    }
}

/* The first event in the bytes; nothing in them is aligned to more than 4 bytes. */
static struct event
parse(const uint8_t *bytes, size_t size)
{
    DCHECK(bytes != NULL);
    struct fanotify_event_metadata head;
    struct event event = {0};
    if (size < sizeof head) {
        return event;
    }
    memcpy(&head, bytes, sizeof head);
    if (head.event_len < head.metadata_len || head.metadata_len < sizeof head ||
        head.event_len > size || head.vers != FANOTIFY_METADATA_VERSION) {
        return event;
    }
    event.mask = head.mask;
    event.size = head.event_len;
    for (size_t at = head.metadata_len; !event.has_handle && at < event.size;) {
        struct fanotify_event_info_header header;
        if (event.size - at < sizeof header) {
            break;
        }
        memcpy(&header, bytes + at, sizeof header);
        if (header.len < sizeof header || header.len > event.size - at) {
            break;
        }
        take_record(&event, &header, bytes + at);
        at += header.len;
    }
    return event;
}

static int
visit_one(struct fi_os_watch_fanotify *fanotify, const struct event *event,
          int (*visit)(void *ctx, const struct fi_os_watch_event *event), void *ctx)
{
    struct fi_os_watch_event out = {
        .kind = FI_OS_WATCH_LOST, .id = -1, .name = "", .is_dir = (event->mask & FAN_ONDIR) != 0};
    if ((event->mask & FAN_Q_OVERFLOW) != 0 || !event->has_handle) {
        return visit(ctx, &out);
    }
    int number = fi_os_watch_handles_find(&fanotify->handles, &event->handle);
    if (number < 0) {
        return FIRN_OK; /* forgotten, or in one of ours and not watched */
    }
    out.id = ID_MIN + number;
    out.name = event->name;
    if ((event->mask & SELF_MASK) != 0) {
        bool is_gone = (event->mask & FAN_DELETE_SELF) != 0;
        out.kind = is_gone ? FI_OS_WATCH_GONE : FI_OS_WATCH_MOVED;
        if (is_gone) {
            fi_os_watch_handles_remove(&fanotify->handles, number);
        }
        return visit(ctx, &out);
    }
    int rc = FIRN_OK;
    if ((event->mask & FANOTIFY_NAMES_MASK) != 0) {
        out.kind = FI_OS_WATCH_NAMES;
        rc = visit(ctx, &out);
    }
    if (rc == FIRN_OK && (event->mask & CHANGED_MASK) != 0) {
        out.kind = FI_OS_WATCH_CHANGED;
        rc = visit(ctx, &out);
    }
    return rc;
}

int
fi_os_watch_fanotify_visit(struct fi_os_watch_fanotify *fanotify, const void *bytes, size_t size,
                           int (*visit)(void *ctx, const struct fi_os_watch_event *event),
                           void *ctx)
{
    const uint8_t *at = bytes;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && size > 0) {
        const struct event event = parse(at, size);
        rc = visit_one(fanotify, &event, visit, ctx);
        DCHECK(event.size <= size);
        at += event.size;
        size = event.size == 0 ? 0 : size - event.size;
    }
    return rc;
}

/* ---- directories ---- */

/* Opens the root, and sets *out_fd; returns whether that was reported under the root's handle. */
static bool
is_reported(int fd, int root_fd, int *out_fd)
{
    uint8_t bytes[PROBE_SIZE];
    struct fi_os_watch_handle handle;
    *out_fd = -1;
    if (!handle_of(root_fd, &handle) ||
        fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, PROBE_MASK, root_fd, NULL) != 0) {
        return false;
    }
    *out_fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (*out_fd < 0 || fanotify_mark(fd, FAN_MARK_REMOVE, PROBE_MASK, root_fd, NULL) != 0 ||
        got <= 0) {
        return false;
    }
    const struct event event = parse(bytes, (size_t)got);
    return memcmp(&event.handle, &handle, sizeof handle) == 0;
}

struct fi_os_watch_fanotify *
fi_os_watch_fanotify_create(int root_fd)
{
    struct stat stat;
    struct fi_os_watch_fanotify *fanotify = fi_alloc_zeroed(sizeof *fanotify);
    if (fanotify == NULL) {
        return NULL;
    }
    fanotify->root_fd = -1;
    fanotify->fd = fanotify_init(INIT_FLAGS, O_RDONLY | O_CLOEXEC);
    if (fanotify->fd < 0 || !is_reported(fanotify->fd, root_fd, &fanotify->root_fd) ||
        fstat(root_fd, &stat) != 0) {
        fi_os_watch_fanotify_destroy(fanotify);
        return NULL;
    }
    fanotify->device = stat.st_dev;
    return fanotify;
}

void
fi_os_watch_fanotify_destroy(struct fi_os_watch_fanotify *fanotify)
{
    if (fanotify == NULL) {
        return;
    }
    if (fanotify->fd >= 0) {
        (void)close(fanotify->fd);
    }
    if (fanotify->root_fd >= 0) {
        (void)close(fanotify->root_fd);
    }
    fi_os_watch_handles_deinit(&fanotify->handles);
    fi_free(fanotify);
}

static int
watch_fanotify_fd(const struct fi_os_watch_fanotify *fanotify)
{
    DCHECK(fanotify->fd >= 0);
    return fanotify->fd;
}

static void
unmark(const struct fi_os_watch_fanotify *fanotify, int dir_fd)
{
    (void)fanotify_mark(fanotify->fd, FAN_MARK_REMOVE, FANOTIFY_MASK, dir_fd, NULL);
}

/* The id of a directory, from FI_OS_WATCH_FANOTIFY_ID_MIN on; -1 if fanotify cannot watch it. */
static int
watch_fanotify_add(struct fi_os_watch_fanotify *fanotify, int dir_fd)
{
    DCHECK(fanotify->fd >= 0 && dir_fd >= 0);
    struct fi_os_watch_handle handle;
    struct stat stat;
    if (fstat(dir_fd, &stat) != 0 || stat.st_dev != fanotify->device /* (I1) */ ||
        !handle_of(dir_fd, &handle) ||
        fanotify_mark(fanotify->fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FANOTIFY_MASK, dir_fd, NULL) !=
            0) {
        return -1;
    }
    int number = fi_os_watch_handles_find(&fanotify->handles, &handle);
    if (number < 0) {
        number = fi_os_watch_handles_add(&fanotify->handles, &handle);
    }
    if (number < 0) {
        unmark(fanotify, dir_fd);
        return -1;
    }
    return ID_MIN + number;
}

static void
watch_fanotify_remove(struct fi_os_watch_fanotify *fanotify, int id)
{
    DCHECK(fanotify->root_fd >= 0);
    int number = id - ID_MIN;
    const struct fi_os_watch_handle *handle = fi_os_watch_handles_at(&fanotify->handles, number);
    if (handle == NULL) {
        return; /* gone before */
    }
    int dir_fd = open_handle(fanotify, handle);
    if (dir_fd >= 0) {
        unmark(fanotify, dir_fd);
        (void)close(dir_fd);
    }
    fi_os_watch_handles_remove(&fanotify->handles, number);
}

/* ==== inotify ====
 *
 * inotify(7): for processes that may not use fanotify, and if fanotify does not work.
 *
 * The kernel numbers the watched directories, counting up, and never reuses a number. So an event
 * that was queued before its directory was removed belongs to no directory. There are two limits:
 * fs.inotify.max_user_watches directories for all of a user's programs, and
 * fs.inotify.max_queued_events waiting events; one overflow event represents all further ones.
 *
 * When a directory is removed, or its file system unmounted, there is an event (IN_IGNORED).
 *
 * A directory is passed to inotify by its descriptor, through /proc, so the opened directory is
 * watched even if its path has changed.
 *
 * IN_EXCL_UNLINK is not used: it would hide writes to a file that was unlinked and linked again.
 * Events for opening, reading, and closing without writing are not requested, so saving a tree
 * causes no events.
 */

#define NAMES_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK                                                                               \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

/* A descriptor with an empty queue, to be closed; -1 and errno. */
static int
watch_inotify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* The id of a directory, from 1 on; -1 and errno. */
static int
watch_inotify_add(int fd, int dir_fd)
{
    DCHECK(fd >= 0 && dir_fd >= 0);
    char path[sizeof "/proc/self/fd/" + 12];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    return inotify_add_watch(fd, path, MASK);
}

static void
watch_inotify_remove(int fd, int id)
{
    DCHECK(fd >= 0);
    (void)inotify_rm_watch(fd, id);
}

static struct fi_os_watch_event
translate(const struct inotify_event *event)
{
    struct fi_os_watch_event out = {.kind = FI_OS_WATCH_CHANGED,
                                    .id = event->wd,
                                    .name = event->len > 0 ? event->name : "",
                                    .is_dir = (event->mask & IN_ISDIR) != 0};
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        out.kind = FI_OS_WATCH_LOST;
        out.id = -1;
    } else if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
        out.kind = FI_OS_WATCH_GONE;
    } else if ((event->mask & IN_MOVE_SELF) != 0) {
        out.kind = FI_OS_WATCH_MOVED;
    } else if ((event->mask & NAMES_MASK) != 0) {
        out.kind = FI_OS_WATCH_NAMES;
    }
    return out;
}

/* Calls visit for each event in what was read from the descriptor, which is aligned for any
 * type. */
static int
watch_inotify_visit(const void *bytes, size_t size,
                    int (*visit)(void *ctx, const struct fi_os_watch_event *event), void *ctx)
{
    for (size_t at = 0; at + sizeof(struct inotify_event) <= size;) {
        const struct inotify_event *event = (const void *)((const char *)bytes + at);
        const struct fi_os_watch_event translated = translate(event);
        int rc = visit(ctx, &translated);
        if (rc != FIRN_OK) {
            return rc;
        }
        at += sizeof *event + event->len;
    }
    return FIRN_OK;
}

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
        watch->inotify_fd = watch_inotify_open();
    }
    return watch->inotify_fd < 0 ? opening_error(err) : FIRN_OK;
}

static int
begin(struct fi_os_watch *watch, struct fi_os_dir *root, firn_error *err)
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
    int rc = begin(watch, root, err);
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
    int id = watch_inotify_add(watch->inotify_fd, fi_os_posix_dir_fd(dir));
    if (id >= FI_OS_WATCH_FANOTIFY_ID_MIN) { /* after as many others */
        watch_inotify_remove(watch->inotify_fd, id);
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
        *out_id = watch_fanotify_add(watch->fanotify, fd);
    }
    return *out_id >= 0 ? FIRN_OK : add_to_inotify(watch, dir, out_id, err);
}

void
fi_os_watch_remove(struct fi_os_watch *watch, int id)
{
    if (id < FI_OS_WATCH_FANOTIFY_ID_MIN) {
        watch_inotify_remove(watch->inotify_fd, id);
    } else {
        watch_fanotify_remove(watch->fanotify, id);
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
                 ? watch_inotify_visit(watch->bytes, size, visitor->visit, visitor->ctx)
                 : fi_os_watch_fanotify_visit(watch->fanotify, watch->bytes, size, visitor->visit,
                                              visitor->ctx);
    }
    return rc;
}

static int
fanotify_fd(const struct fi_os_watch *watch)
{
    return watch->fanotify == NULL ? -1 : watch_fanotify_fd(watch->fanotify);
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
