/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_internal.h: what the files of the room share.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_INTERNAL_H
#define FIRN_OSWATCH_OS_WATCH_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "oswatch/os_watch.h"

/* Notifications by fanotify. Only os_watch.c, and a test, include it. */

enum { FIRN_OS_WATCH_FANOTIFY_ID_MIN = 1 << 30 };

struct firn_os_watch_fanotify;

/* For directories of the file system that root_fd lies on. NULL where the process may not, that file
 * system cannot, or memory is out. */
struct firn_os_watch_fanotify *firn_os_watch_fanotify_create(int root_fd);
/* NULL is fine. */
void firn_os_watch_fanotify_destroy(struct firn_os_watch_fanotify *fanotify);
/* Calls visit for each event in what was read from the descriptor. */
int firn_os_watch_fanotify_visit(struct firn_os_watch_fanotify *fanotify, const void *bytes,
                                 size_t size,
                                 int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                                 void *ctx);

/* file handles of directories, each under a number. Only os_watch.c includes it. */

enum { FIRN_OS_WATCH_HANDLES_BYTES_MAX = 24, FIRN_OS_WATCH_HANDLES_MAX = 1 << 30 };

/* What name_to_handle_at(2) says of a directory; bytes after size are 0. */
struct firn_os_watch_handle {
    int32_t type;
    uint32_t size; /* > 0 */
    uint8_t bytes[FIRN_OS_WATCH_HANDLES_BYTES_MAX];
};

struct firn_os_watch_handles_slot {
    struct firn_os_watch_handle handle; /* size 0: free */
    int32_t next;                       /* of the same chain, or free; -1: the last */
};

/* A zeroed struct is empty. */
struct firn_os_watch_handles {
    struct firn_os_watch_handles_slot *slots;
    int32_t *chains;   /* as many as slots */
    size_t slot_count; /* a power of two, or 0 */
    int32_t free;      /* the first free slot, where there are slots */
};

void firn_os_watch_handles_deinit(struct firn_os_watch_handles *handles);
/* The number of a handle, or -1. */
int firn_os_watch_handles_find(const struct firn_os_watch_handles *handles,
                               const struct firn_os_watch_handle *handle);
/* Gives a handle that has none a number, below FIRN_OS_WATCH_HANDLES_MAX; -1 when there is no memory
 * or no number left. */
int firn_os_watch_handles_add(struct firn_os_watch_handles *handles,
                              const struct firn_os_watch_handle *handle);
/* The handle of a number, or NULL. Valid until the next addition or removal. */
const struct firn_os_watch_handle *
firn_os_watch_handles_at(const struct firn_os_watch_handles *handles, int number);
/* The number must have a handle, and may be given again. */
void firn_os_watch_handles_remove(struct firn_os_watch_handles *handles, int number);

#endif
