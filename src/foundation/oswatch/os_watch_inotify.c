/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_inotify.c: changes in directories, by inotify (inotify(7)): for whoever may not use
 * fanotify, and where that does not work.
 *
 * The kernel gives a number to each directory that is watched, counting up; it never gives one
 * twice, so an event that was queued before its directory was forgotten is nobody's. Two limits:
 * fs.inotify.max_user_watches directories for all of a user's programs, and
 * fs.inotify.max_queued_events events that wait; one event of overflow stands for all further ones.
 *
 * When a directory is removed, or its file system unmounted, an event says so (IN_IGNORED).
 *
 * A directory is named to inotify by its descriptor, through /proc, so what is watched is what was
 * opened, whatever has become of its path.
 *
 * IN_EXCL_UNLINK is not used: it would hide writes to a file that was unlinked and linked again.
 * Reading, opening and closing what was only read are not asked for, so saving a tree makes no
 * events.
 */
#include "oswatch/os_watch_inotify.h"

#include <stdio.h>
#include <sys/inotify.h>

#define NAMES_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK                                                                               \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

int
firn_os_watch_inotify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int
firn_os_watch_inotify_add(int fd, int dir_fd)
{
    char path[sizeof "/proc/self/fd/" + 12];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    return inotify_add_watch(fd, path, MASK);
}

void
firn_os_watch_inotify_remove(int fd, int id)
{
    (void)inotify_rm_watch(fd, id);
}

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

int
firn_os_watch_inotify_visit(const void *bytes, size_t size,
                            int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                            void *ctx)
{
    for (size_t at = 0; at + sizeof(struct inotify_event) <= size;) {
        const struct inotify_event *event = (const void *)((const char *)bytes + at);
        const struct firn_os_watch_event translated = translate(event);
        int rc = visit(ctx, &translated);
        if (rc != FIRN_OK) {
            return rc;
        }
        at += sizeof *event + event->len;
    }
    return FIRN_OK;
}
