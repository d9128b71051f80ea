/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch.h: notifications of changes in directories (fanotify, inotify).
 *
 * Caveats. One call at a time, from any thread. Only a real process has this: elsewhere
 * FIRN_UNSUPPORTED. Only names in a watched directory and that directory itself are reported, not
 * what is deeper. Not reported: stores to a mapping of a file, until the mapping and every
 * descriptor are closed; changes made through another name of the file in a directory that is not
 * watched; changes made through an open file whose name was removed, if the file has another name
 * elsewhere; changes that another machine makes.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_H
#define FIRN_OSWATCH_OS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"

struct fi_os_watch;

enum fi_os_watch_kind {
    FI_OS_WATCH_CHANGED = 1, /* the directory, or the file of its entry `name`; a change of a
                                  subdirectory is reported for itself, and perhaps for the entry
                                  as well */
    FI_OS_WATCH_NAMES = 2,   /* the entry `name` was created, removed or replaced */
    FI_OS_WATCH_MOVED = 3,   /* the directory has another path */
    FI_OS_WATCH_GONE = 4,    /* the directory is no longer watched: removed, unmounted */
    FI_OS_WATCH_LOST = 5     /* anything may have happened anywhere; id is -1 */
};

struct fi_os_watch_event {
    enum fi_os_watch_kind kind;
    int id;
    const char *name; /* "" for the directory itself; borrowed until the visit returns */
    bool is_dir;      /* the entry is a directory */
};

/* For directories that are the root or below it; the root itself is not watched by this. Later
 * mounts there are LOST. The root need not stay open. While it does, its file system stays mounted,
 * and its own removal is not reported. */
FIRN_MUST_CHECK int fi_os_watch_create(struct fi_os_dir *root, struct fi_os_watch **out,
                                       firn_error *err);
/* NULL is allowed. */
void fi_os_watch_destroy(struct fi_os_watch *watch);
/* Whether the number of directories on the root's file system, and of waiting events, is not
 * limited by the system (even so, 64 MiB of events at once are LOST). */
bool fi_os_watch_is_unlimited(const struct fi_os_watch *watch);
/* Watches a directory, which need not stay open. A directory that is added again keeps its id.
 * FIRN_LIMIT if the system allows no more; FIRN_UNSUPPORTED on a file system that is not known to
 * report every change. */
FIRN_MUST_CHECK int fi_os_watch_add(struct fi_os_watch *watch, struct fi_os_dir *dir, int *out_id,
                                    firn_error *err);
/* The id may be reused. Until then its earlier events may still come, and one of kind GONE. */
void fi_os_watch_remove(struct fi_os_watch *watch, int id);
/* Calls visit for every event that is due, without waiting for more. This includes changes that
 * another process had completed before this call. A result of visit other than FIRN_OK ends the
 * walk and is returned. */
FIRN_MUST_CHECK int fi_os_watch_read(struct fi_os_watch *watch,
                                     int (*visit)(void *ctx, const struct fi_os_watch_event *event),
                                     void *ctx, firn_error *err);

/* Waits until an event is due, a process asks for a connection (listener may be NULL), a signal
 * comes or the time has passed. */
struct fi_os_socket;
void fi_os_watch_wait(struct fi_os_watch *watch, struct fi_os_socket *listener, int64_t timeout_ns);

#endif
