/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_fanotify.h: being told of changes by fanotify. Only os_watch.c, and a test, include it.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_FANOTIFY_H
#define FIRN_OSWATCH_OS_WATCH_FANOTIFY_H

#include <stddef.h>

#include "oswatch/os_watch.h"

enum { FIRN_OS_WATCH_FANOTIFY_ID_MIN = 1 << 30 };

struct firn_os_watch_fanotify;

/* For directories of the file system that root_fd lies on. NULL where the process may not, that file
 * system cannot, or memory is out. */
struct firn_os_watch_fanotify *firn_os_watch_fanotify_create(int root_fd);
/* NULL is fine. */
void firn_os_watch_fanotify_destroy(struct firn_os_watch_fanotify *fanotify);
int firn_os_watch_fanotify_fd(const struct firn_os_watch_fanotify *fanotify);
/* The id of a directory, from FIRN_OS_WATCH_FANOTIFY_ID_MIN on; -1 where it cannot be watched in this
 * way. */
int firn_os_watch_fanotify_add(struct firn_os_watch_fanotify *fanotify, int dir_fd);
void firn_os_watch_fanotify_remove(struct firn_os_watch_fanotify *fanotify, int id);
/* Calls visit for each event in what was read from the descriptor. */
int firn_os_watch_fanotify_visit(struct firn_os_watch_fanotify *fanotify, const void *bytes,
                                 size_t size,
                                 int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                                 void *ctx);

#endif
