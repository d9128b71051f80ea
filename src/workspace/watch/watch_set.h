/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_set.h: what a watch knows: which directories are as a save last saw them.
 */
#ifndef FIRN_WATCH_WATCH_SET_H
#define FIRN_WATCH_WATCH_SET_H

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"
#include "oswatch/os_watch.h"
#include "watchlink/watchlink_wire.h"

struct firn_watch_set;

/* How directories come to be watched. */
struct firn_watch_kernel {
    /* dir NULL: opened by its path from the root. */
    int (*add)(void *ctx, struct firn_os_dir *dir, firn_slice path, int *out_id, firn_error *err);
    void (*remove)(void *ctx, int id);
    void *ctx;
};

FIRN_MUST_CHECK int firn_watch_set_create(struct firn_os *os,
                                          const struct firn_watch_kernel *kernel,
                                          struct firn_watch_set **out, firn_error *err);
/* NULL is fine. Removes nothing from the kernel. */
void firn_watch_set_destroy(struct firn_watch_set *set);

/* What the kernel reports. *out_is_change is whether something in the tree may have changed. An
 * event that something was lost is the caller's: it begins with a new set. */
void firn_watch_set_event(struct firn_watch_set *set, const struct firn_os_watch_event *event,
                          bool *out_is_change);

/* The path of a watched directory; false where the id is nobody's, or memory is out. Borrowed until
 * the next call. */
bool firn_watch_set_path(struct firn_watch_set *set, int id, firn_slice *out);
/* Watches a directory before a save visits it, one that lies in a known one. True if it was not
 * watched and is now; it is dirty. False also where that fails, and nothing has changed. */
bool firn_watch_set_add(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path);

/* Answers a question: appends an answer. All events that were due have been handed over. */
FIRN_MUST_CHECK int firn_watch_set_ask(struct firn_watch_set *set,
                                       const struct firn_watch_question *question,
                                       struct firn_buf *out, firn_error *err);
/* Between a question and its report, by whoever runs in the same process: the directory is about to
 * be listed. Any thread. */
void firn_watch_set_enter(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path);
/* What a save has visited since its question; report is the message. A report to another question
 * than the last, and one that makes no sense, changes nothing. */
FIRN_MUST_CHECK int firn_watch_set_tell(struct firn_watch_set *set, firn_slice report,
                                        firn_error *err);

struct firn_watch_set_info {
    uint64_t directories; /* known */
    uint64_t dirty;       /* of them, to be visited by the next save */
    uint64_t unwatched;   /* of them: always to be visited, for want of watches */
    bool has_lost_root;   /* the root was moved or removed */
    bool is_broken;       /* nothing is right any more: begin with a new set */
    bool is_unlimited;    /* firn_os_watch_is_unlimited; for whoever has the kernel to set */
    int unwatched_code;   /* FIRN_LIMIT or other: why the last of them is */
    firn_error unwatched_error;
};
void firn_watch_set_info(const struct firn_watch_set *set, struct firn_watch_set_info *out);

#endif
