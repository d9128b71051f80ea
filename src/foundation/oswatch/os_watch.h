/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch.h: notifications of changes in directories (fanotify, inotify).
 *
 * Caveats. One call at a time, of any thread. Only a real process has this: elsewhere
 * FIRN_UNSUPPORTED. Only names in a watched directory and that directory itself are reported, not what
 * lies deeper. Not reported: stores to a mapping of a file, until the mapping and every descriptor are
 * closed; changes made through a name of the same file in a directory that is not watched, or through
 * an open file whose name was removed, where the file has another name elsewhere; changes that another
 * machine makes.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_H
#define FIRN_OSWATCH_OS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"

struct firn_os_watch;

enum firn_os_watch_kind {
    FIRN_OS_WATCH_CHANGED =
        1,                   /* the directory, or what its entry `name` leads to; what changes of a
                                  directory is told of itself, and perhaps of the entry as well */
    FIRN_OS_WATCH_NAMES = 2, /* the entry `name` came, went, or is another now */
    FIRN_OS_WATCH_MOVED = 3, /* the directory has another path */
    FIRN_OS_WATCH_GONE = 4,  /* the directory is not watched any more: removed, unmounted */
    FIRN_OS_WATCH_LOST = 5   /* anything may have happened anywhere; id is -1 */
};

struct firn_os_watch_event {
    enum firn_os_watch_kind kind;
    int id;
    const char *name; /* "" for the directory itself; borrowed until the visit returns */
    bool is_dir;      /* the entry is a directory */
};

/* For directories that are the root or lie below it; the root itself is not watched by this. What is
 * mounted there later is LOST. The root need not stay open, but may be kept so: then its file system
 * stays mounted, and its own removal is not reported. */
FIRN_MUST_CHECK int firn_os_watch_create(struct firn_os_dir *root, struct firn_os_watch **out,
                                         firn_error *err);
/* NULL is fine. */
void firn_os_watch_destroy(struct firn_os_watch *watch);
/* Whether directories on the root's file system are watched without a limit of their number, and
 * events wait without one of the system (64 MiB of them at once are LOST all the same). */
bool firn_os_watch_is_unlimited(const struct firn_os_watch *watch);
/* Watches a directory, which need not stay open. One directory has one id, however often it is
 * added. FIRN_LIMIT where the system allows no more; FIRN_UNSUPPORTED on a file system of which it
 * is not known that every change to it is reported. */
FIRN_MUST_CHECK int firn_os_watch_add(struct firn_os_watch *watch, struct firn_os_dir *dir,
                                      int *out_id, firn_error *err);
/* The id may be given again. Until then its events may still come, those before and one of kind
 * GONE. */
void firn_os_watch_remove(struct firn_os_watch *watch, int id);
/* Calls visit for every event that is due, without waiting for more. Changes that another process
 * had completed before this call are among them. A return of visit other than FIRN_OK ends it and
 * is returned. */
FIRN_MUST_CHECK int firn_os_watch_read(struct firn_os_watch *watch,
                                       int (*visit)(void *ctx,
                                                    const struct firn_os_watch_event *event),
                                       void *ctx, firn_error *err);

/* Waits until an event is due, a process asks for a connection (listener may be NULL), a signal
 * comes or the time is over. */
struct firn_os_socket;
void firn_os_watch_wait(struct firn_os_watch *watch, struct firn_os_socket *listener,
                        int64_t timeout_ns);

#endif
