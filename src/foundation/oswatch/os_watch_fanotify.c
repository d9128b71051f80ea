/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_fanotify.c: notifications by fanotify.
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
 * systems, and of other subvolumes, below the root (I1; not checked, like (I2): they say what the
 * kernel reports).
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
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "oswatch/os_watch_internal.h"

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
os_watch_fanotify_parse(const uint8_t *bytes, size_t size)
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
        const struct event event = os_watch_fanotify_parse(at, size);
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
    const struct event event = os_watch_fanotify_parse(bytes, (size_t)got);
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

int
fi_os_watch_fanotify_fd(const struct fi_os_watch_fanotify *fanotify)
{
    DCHECK(fanotify->fd >= 0);
    return fanotify->fd;
}

static void
unmark(const struct fi_os_watch_fanotify *fanotify, int dir_fd)
{
    (void)fanotify_mark(fanotify->fd, FAN_MARK_REMOVE, FANOTIFY_MASK, dir_fd, NULL);
}

int
fi_os_watch_fanotify_add(struct fi_os_watch_fanotify *fanotify, int dir_fd)
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

void
fi_os_watch_fanotify_remove(struct fi_os_watch_fanotify *fanotify, int id)
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
