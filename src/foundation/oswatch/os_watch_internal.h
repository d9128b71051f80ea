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

/* For directories on the file system of root_fd. NULL if the process may not use fanotify, the file
 * system does not support it, or memory runs out. */
struct firn_os_watch_fanotify *firn_os_watch_fanotify_create(int root_fd);
/* NULL is allowed. */
void firn_os_watch_fanotify_destroy(struct firn_os_watch_fanotify *fanotify);
/* Calls visit for each event in bytes that were read from the descriptor. */
int firn_os_watch_fanotify_visit(struct firn_os_watch_fanotify *fanotify, const void *bytes,
                                 size_t size,
                                 int (*visit)(void *ctx, const struct firn_os_watch_event *event),
                                 void *ctx);

/* File handles of directories, each with a number. Only os_watch.c includes it. */

enum { FIRN_OS_WATCH_HANDLES_BYTES_MAX = 24, FIRN_OS_WATCH_HANDLES_MAX = 1 << 30 };

/* The result of name_to_handle_at(2) for a directory; bytes after size are 0. */
struct firn_os_watch_handle {
    int32_t type;
    uint32_t size; /* > 0 */
    uint8_t bytes[FIRN_OS_WATCH_HANDLES_BYTES_MAX];
};

struct firn_os_watch_handles_slot {
    struct firn_os_watch_handle handle; /* size 0: free */
    int32_t next;                       /* in the chain, used or free; -1: the last */
};

/* A zeroed struct is empty. */
struct firn_os_watch_handles {
    struct firn_os_watch_handles_slot *slots;
    int32_t *chains;   /* as many as slots */
    size_t slot_count; /* a power of two, or 0 */
    int32_t free;      /* the first free slot, if there are slots */
};

void firn_os_watch_handles_deinit(struct firn_os_watch_handles *handles);
/* The number of a handle, or -1. */
int firn_os_watch_handles_find(const struct firn_os_watch_handles *handles,
                               const struct firn_os_watch_handle *handle);
/* Gives a new handle a number, below FIRN_OS_WATCH_HANDLES_MAX; -1 if there is no memory or no
 * number left. Requires: the handle has none. */
int firn_os_watch_handles_add(struct firn_os_watch_handles *handles,
                              const struct firn_os_watch_handle *handle);
/* The handle of a number, or NULL. Valid until the next addition or removal. */
const struct firn_os_watch_handle *
firn_os_watch_handles_at(const struct firn_os_watch_handles *handles, int number);
/* Requires: the number has a handle. The number may be reused. */
void firn_os_watch_handles_remove(struct firn_os_watch_handles *handles, int number);

#endif
