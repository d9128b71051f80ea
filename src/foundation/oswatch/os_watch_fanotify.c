/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_fanotify.c: changes in directories, by fanotify (fanotify(7), fanotify_init(2),
 * fanotify_mark(2); Linux 5.9): for whoever has CAP_SYS_ADMIN. It has no limit of directories, and
 * none of events that wait. Without that capability it has the limits of inotify, and is not used.
 *
 * Each directory gets a mark of its own. A mark of the whole file system would be one call, but would
 * wake the watch for everything that happens on the machine.
 *
 * An event names its directory by a file handle, which is what name_to_handle_at(2) gives of it; a
 * table (os_watch_internal.h) leads from there to the id. A mark keeps its directory's inode in
 * memory, so its handle does not change. That a file system reports the very handles that it gives
 * is tried once, with an opening of the root that is to be reported; if it is not, inotify serves.
 *
 * One file system only, by its device number: the one that the root lies on, which an open descriptor
 * of the root keeps mounted. When a file system is unmounted its marks go without a word, and a
 * handle says nothing without its file system. Both are left to inotify, which sees directories of
 * other file systems, and of other subvolumes, below the root (I1).
 *
 * Events of one name, made by one process, are merged while they wait: a mask may have several bits,
 * and the event stands where the first of them stood. So the order in which names came and went
 * cannot be told; that there was an event can (I2). Every kind that a mask has is reported, but of
 * what happened to a directory itself only the gravest.
 *
 * A change of attributes of a directory is an event of that directory, under the name ".", also if
 * only the one that it lies in is marked; then its handle leads nowhere.
 *
 * Forgetting. An id goes when its directory is removed, or when the caller says so; then the mark is
 * removed as well, by a descriptor that open_by_handle_at(2) gives. Where that fails (it needs
 * CAP_DAC_READ_SEARCH), the mark stays until the directory goes or the watch ends, and its events
 * lead nowhere. Ids may be given again: events that wait name handles, not ids. A directory that is
 * watched again may get events from before, which makes it be looked at once more.
 */
#include "oswatch/os_watch_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { ID_MIN = FIRN_OS_WATCH_FANOTIFY_ID_MIN, PROBE_SIZE = 4096 };

#define INIT_FLAGS                                                                  \
    (FAN_CLASS_NOTIF | FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_UNLIMITED_QUEUE | \
     FAN_UNLIMITED_MARKS | FAN_NONBLOCK | FAN_CLOEXEC)
#define NAMES_MASK ((uint64_t)(FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO))
#define CHANGED_MASK ((uint64_t)(FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE))
#define SELF_MASK ((uint64_t)(FAN_DELETE_SELF | FAN_MOVE_SELF))
#define MASK (NAMES_MASK | CHANGED_MASK | SELF_MASK | FAN_ONDIR | FAN_EVENT_ON_CHILD)
#define PROBE_MASK ((uint64_t)(FAN_OPEN | FAN_ONDIR))

_Static_assert((int64_t)ID_MIN + FIRN_OS_WATCH_HANDLES_MAX - 1 <= INT32_MAX, "an id is an int");

struct firn_os_watch_fanotify {
    int fd;
    int root_fd; /* keeps the file system mounted (I1) */
    dev_t device;
    struct firn_os_watch_handles handles; /* number + ID_MIN = id */
};

/* ---- handles ---- */

/* The system's form of a handle. */
struct system_handle {
    struct file_handle head;
    uint8_t bytes[FIRN_OS_WATCH_HANDLES_BYTES_MAX];
};

/* False where the file system has no handles, or longer ones. */
static bool
handle_of(int dir_fd, struct firn_os_watch_handle *out)
{
    struct system_handle handle = {.head.handle_bytes = sizeof handle.bytes};
    int mount_id;
    *out = (struct firn_os_watch_handle){0};
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
open_handle(const struct firn_os_watch_fanotify *fanotify,
            const struct firn_os_watch_handle *handle)
{
    struct system_handle system = {
        .head = {.handle_bytes = handle->size, .handle_type = handle->type}};
    memcpy(system.bytes, handle->bytes, handle->size);
    return open_by_handle_at(fanotify->root_fd, &system.head, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- events ---- */

struct event {
    uint64_t mask;
    size_t size;                        /* 0: there is none, or it makes no sense */
    struct firn_os_watch_handle handle; /* of the directory; size 0: not told, or not one of ours */
    bool has_handle;
    const char *name; /* in the directory; "" for itself */
};

/* Takes the record of a directory and a name, if it is one: fsid, length, type and bytes of a handle,
 * name with its NUL. */
static void
take_record(struct event *event, const struct fanotify_event_info_header *header,
            const uint8_t *record)
{
    const size_t handle_at = sizeof(struct fanotify_event_info_fid);
    const size_t bytes_at = handle_at + sizeof(struct file_handle);
    struct file_handle handle;
    if (header->info_type != FAN_EVENT_INFO_TYPE_DFID_NAME || header->len <= bytes_at) {
        return;
    }
    memcpy(&handle, record + handle_at, sizeof handle);
    if (handle.handle_bytes == 0 || handle.handle_bytes >= header->len - bytes_at) {
        return; /* the file system could not tell */
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

/* The first event of what was read; nothing in it is aligned to more than 4 bytes. */
static struct event
parse(const uint8_t *bytes, size_t size)
{
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
visit_one(struct firn_os_watch_fanotify *fanotify, const struct event *event,
          int (*visit)(void *ctx, const struct firn_os_watch_event *event), void *ctx)
{
    struct firn_os_watch_event out = {
        .kind = FIRN_OS_WATCH_LOST, .id = -1, .name = "", .is_dir = (event->mask & FAN_ONDIR) != 0};
    if ((event->mask & FAN_Q_OVERFLOW) != 0 || !event->has_handle) {
        return visit(ctx, &out);
    }
    int number = firn_os_watch_handles_find(&fanotify->handles, &event->handle);
    if (number < 0) {
        return FIRN_OK; /* forgotten, or in one of ours and not watched */
    }
    out.id = ID_MIN + number;
    out.name = event->name;
    if ((event->mask & SELF_MASK) != 0) {
        bool is_gone = (event->mask & FAN_DELETE_SELF) != 0;
        out.kind = is_gone ? FIRN_OS_WATCH_GONE : FIRN_OS_WATCH_MOVED;
        if (is_gone) {
            firn_os_watch_handles_remove(&fanotify->handles, number);
        }
        return visit(ctx, &out);
    }
    int rc = FIRN_OK;
    if ((event->mask & NAMES_MASK) != 0) {
        out.kind = FIRN_OS_WATCH_NAMES;
        rc = visit(ctx, &out);
    }
    if (rc == FIRN_OK && (event->mask & CHANGED_MASK) != 0) {
        out.kind = FIRN_OS_WATCH_CHANGED;
        rc = visit(ctx, &out);
    }
    return rc;
}

int
firn_os_watch_fanotify_visit(struct firn_os_watch_fanotify *fanotify, const void *bytes,
                             size_t size,
                             int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                             void *ctx)
{
    const uint8_t *at = bytes;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && size > 0) {
        const struct event event = parse(at, size);
        rc = visit_one(fanotify, &event, visit, ctx);
        at += event.size;
        size = event.size == 0 ? 0 : size - event.size;
    }
    return rc;
}

/* ---- directories ---- */

/* Opens the root, and sets *out_fd; whether that was reported under the root's handle. */
static bool
is_reported(int fd, int root_fd, int *out_fd)
{
    uint8_t bytes[PROBE_SIZE];
    struct firn_os_watch_handle handle;
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

struct firn_os_watch_fanotify *
firn_os_watch_fanotify_create(int root_fd)
{
    struct stat stat;
    struct firn_os_watch_fanotify *fanotify = firn_alloc_zeroed(sizeof *fanotify);
    if (fanotify == NULL) {
        return NULL;
    }
    fanotify->root_fd = -1;
    fanotify->fd = fanotify_init(INIT_FLAGS, O_RDONLY | O_CLOEXEC);
    if (fanotify->fd < 0 || !is_reported(fanotify->fd, root_fd, &fanotify->root_fd) ||
        fstat(root_fd, &stat) != 0) {
        firn_os_watch_fanotify_destroy(fanotify);
        return NULL;
    }
    fanotify->device = stat.st_dev;
    return fanotify;
}

void
firn_os_watch_fanotify_destroy(struct firn_os_watch_fanotify *fanotify)
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
    firn_os_watch_handles_deinit(&fanotify->handles);
    firn_free(fanotify);
}

int
firn_os_watch_fanotify_fd(const struct firn_os_watch_fanotify *fanotify)
{
    return fanotify->fd;
}

static void
unmark(const struct firn_os_watch_fanotify *fanotify, int dir_fd)
{
    (void)fanotify_mark(fanotify->fd, FAN_MARK_REMOVE, MASK, dir_fd, NULL);
}

int
firn_os_watch_fanotify_add(struct firn_os_watch_fanotify *fanotify, int dir_fd)
{
    struct firn_os_watch_handle handle;
    struct stat stat;
    if (fstat(dir_fd, &stat) != 0 || stat.st_dev != fanotify->device /* (I1) */ ||
        !handle_of(dir_fd, &handle) ||
        fanotify_mark(fanotify->fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, MASK, dir_fd, NULL) != 0) {
        return -1;
    }
    int number = firn_os_watch_handles_find(&fanotify->handles, &handle);
    if (number < 0) {
        number = firn_os_watch_handles_add(&fanotify->handles, &handle);
    }
    if (number < 0) {
        unmark(fanotify, dir_fd);
        return -1;
    }
    return ID_MIN + number;
}

void
firn_os_watch_fanotify_remove(struct firn_os_watch_fanotify *fanotify, int id)
{
    int number = id - ID_MIN;
    const struct firn_os_watch_handle *handle =
        firn_os_watch_handles_at(&fanotify->handles, number);
    if (handle == NULL) {
        return; /* gone before */
    }
    int dir_fd = open_handle(fanotify, handle);
    if (dir_fd >= 0) {
        unmark(fanotify, dir_fd);
        (void)close(dir_fd);
    }
    firn_os_watch_handles_remove(&fanotify->handles, number);
}
