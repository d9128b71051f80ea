/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_inotify.c: notifications by inotify.
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
#include <stdio.h>
#include <sys/inotify.h>

#include "base/check.h"
#include "oswatch/os_watch_internal.h"

#define NAMES_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK                                                                               \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

int
fi_os_watch_inotify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int
fi_os_watch_inotify_add(int fd, int dir_fd)
{
    DCHECK(fd >= 0 && dir_fd >= 0);
    char path[sizeof "/proc/self/fd/" + 12];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    return inotify_add_watch(fd, path, MASK);
}

void
fi_os_watch_inotify_remove(int fd, int id)
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

int
fi_os_watch_inotify_visit(const void *bytes, size_t size,
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
