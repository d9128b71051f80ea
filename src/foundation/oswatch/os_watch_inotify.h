/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_inotify.h: being told of changes by inotify. Only os_watch.c includes it.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_INOTIFY_H
#define FIRN_OSWATCH_OS_WATCH_INOTIFY_H

#include <stddef.h>

#include "oswatch/os_watch.h"

/* A descriptor with an empty queue, to be closed; -1 and errno. */
int firn_os_watch_inotify_open(void);
/* The id of a directory, from 1 on; -1 and errno. */
int firn_os_watch_inotify_add(int fd, int dir_fd);
void firn_os_watch_inotify_remove(int fd, int id);
/* Calls visit for each event in what was read from the descriptor, which is aligned for any type. */
int firn_os_watch_inotify_visit(const void *bytes, size_t size,
                                int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                                void *ctx);

#endif
