/* SPDX-License-Identifier: Apache-2.0
 *
 * oswatch/os_watch_internal.h: what the files of the room share.
 */
#ifndef FIRN_OSWATCH_OS_WATCH_INTERNAL_H
#define FIRN_OSWATCH_OS_WATCH_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "oswatch/os_watch.h"

/* ---- notifications by fanotify: os_watch_fanotify.c ---- */

enum { FI_OS_WATCH_FANOTIFY_ID_MIN = 1 << 30 };

struct fi_os_watch_fanotify;

/* For directories on the file system of root_fd. NULL if the process may not use fanotify, the file
 * system does not support it, or memory runs out. */
struct fi_os_watch_fanotify *fi_os_watch_fanotify_create(int root_fd);
/* NULL is allowed. */
void fi_os_watch_fanotify_destroy(struct fi_os_watch_fanotify *fanotify);
/* Calls visit for each event in bytes that were read from the descriptor. */
int fi_os_watch_fanotify_visit(struct fi_os_watch_fanotify *fanotify, const void *bytes,
                               size_t size,
                               int (*visit)(void *ctx, const struct fi_os_watch_event *event),
                               void *ctx);
int fi_os_watch_fanotify_fd(const struct fi_os_watch_fanotify *fanotify);
/* The id of a directory, from FI_OS_WATCH_FANOTIFY_ID_MIN on; -1 if fanotify cannot watch it. */
int fi_os_watch_fanotify_add(struct fi_os_watch_fanotify *fanotify, int dir_fd);
void fi_os_watch_fanotify_remove(struct fi_os_watch_fanotify *fanotify, int id);

/* ---- notifications by inotify: os_watch_inotify.c ---- */

/* A descriptor with an empty queue, to be closed; -1 and errno. */
int fi_os_watch_inotify_open(void);
/* The id of a directory, from 1 on; -1 and errno. */
int fi_os_watch_inotify_add(int fd, int dir_fd);
void fi_os_watch_inotify_remove(int fd, int id);
/* Calls visit for each event in what was read from the descriptor, which is aligned for any
 * type. */
int fi_os_watch_inotify_visit(const void *bytes, size_t size,
                              int (*visit)(void *ctx, const struct fi_os_watch_event *event),
                              void *ctx);

/* ---- file handles of directories, each with a number: os_watch_handles.c ---- */

enum { FI_OS_WATCH_HANDLES_BYTES_MAX = 24, FI_OS_WATCH_HANDLES_MAX = 1 << 30 };

/* The result of name_to_handle_at(2) for a directory; bytes after size are 0. */
struct fi_os_watch_handle {
    int32_t type;
    uint32_t size; /* > 0 */
    uint8_t bytes[FI_OS_WATCH_HANDLES_BYTES_MAX];
};

struct fi_os_watch_handles_slot {
    struct fi_os_watch_handle handle; /* size 0: free */
    int32_t next;                     /* in the chain, used or free; -1: the last */
};

/* A zeroed struct is empty. */
struct fi_os_watch_handles {
    struct fi_os_watch_handles_slot *slots;
    int32_t *chains;   /* as many as slots */
    size_t slot_count; /* a power of two, or 0 */
    int32_t free;      /* the first free slot, if there are slots */
};

void fi_os_watch_handles_deinit(struct fi_os_watch_handles *handles);
/* The number of a handle, or -1. */
int fi_os_watch_handles_find(const struct fi_os_watch_handles *handles,
                             const struct fi_os_watch_handle *handle);
/* Gives a new handle a number, below FI_OS_WATCH_HANDLES_MAX; -1 if there is no memory or no
 * number left. Requires: the handle has none. */
int fi_os_watch_handles_add(struct fi_os_watch_handles *handles,
                            const struct fi_os_watch_handle *handle);
/* The handle of a number, or NULL. Valid until the next addition or removal. */
const struct fi_os_watch_handle *fi_os_watch_handles_at(const struct fi_os_watch_handles *handles,
                                                        int number);
/* Requires: the number has a handle. The number may be reused. */
void fi_os_watch_handles_remove(struct fi_os_watch_handles *handles, int number);

#endif
