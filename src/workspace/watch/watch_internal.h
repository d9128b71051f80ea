/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_internal.h: what a watch knows: which directories are as a save last saw them.
 */
#ifndef FIRN_WATCH_WATCH_INTERNAL_H
#define FIRN_WATCH_WATCH_INTERNAL_H

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"
#include "os/os_socket.h"
#include "oswatch/os_watch.h"
#include "rules/rules.h"
#include "watchlink/watchlink.h"

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

/* Takes in an event that the kernel reports. *out_is_change is whether something in the tree may have changed. An
 * event that something was lost is the caller's: it begins with a new set. */
void firn_watch_set_event(struct firn_watch_set *set, const struct firn_os_watch_event *event,
                          bool *out_is_change);

/* The path of a watched directory; false if no directory has the id, or memory is out. Borrowed until
 * the next call. */
bool firn_watch_set_path(struct firn_watch_set *set, int id, firn_slice *out);
/* Watches a directory before a save visits it, one that lies in a known one. True if it was not
 * watched and is now; it is dirty. False also where that fails, and nothing has changed. */
bool firn_watch_set_add(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path);

/* Answers a question: appends an answer. All events that were due have been handed over. */
FIRN_MUST_CHECK int firn_watch_set_ask(struct firn_watch_set *set,
                                       const struct firn_watch_question *question,
                                       struct firn_buf *out, firn_error *err);
/* Between a question and its report, called by a save of the same process: the directory is about to
 * be listed. Any thread. */
void firn_watch_set_enter(struct firn_watch_set *set, struct firn_os_dir *dir, firn_slice path);
/* Takes in the report of a save, which says what it has visited since its question. FIRN_NOT_FOUND: it belongs to
 * another question than the last one; FIRN_INVALID: it makes no sense. Then nothing has changed. */
FIRN_MUST_CHECK int firn_watch_set_tell(struct firn_watch_set *set, firn_slice report,
                                        firn_error *err);

struct firn_watch_set_info {
    uint64_t directories; /* known */
    uint64_t dirty;       /* of them, to be visited by the next save */
    uint64_t unwatched;   /* of them: always to be visited, for want of watches */
    bool has_lost_root;   /* the root was moved or removed */
    bool is_broken;       /* nothing is right any more: begin with a new set */
    bool is_unlimited;    /* firn_os_watch_is_unlimited; set by the owner of the kernel's watch */
    int unwatched_code;   /* FIRN_LIMIT or other: why the last of them is */
    firn_error unwatched_error;
};
void firn_watch_set_info(const struct firn_watch_set *set, struct firn_watch_set_info *out);

/* The requests that other processes make of a watch. */

/* What the watch does about a request. */
struct firn_watch_serve {
    int (*ask)(void *ctx, const struct firn_watch_question *question, struct firn_buf *out_answer,
               firn_error *err);
    void (*tell)(void *ctx, firn_slice report);
    void (*look)(void *ctx, struct firn_watch_set_info *out);
    void (*stop)(void *ctx);
    void *ctx;
};

/* Serves all clients that have connected so far, one after the other. A client that is slow, or sends
 * nonsense, is disconnected. */
void firn_watch_serve(struct firn_os_socket *listener, const struct firn_watch_serve *serve);

/* Directories that are new are watched before a save visits them. */

/* One thread. Zeroed but for the first two it is empty. */
struct firn_watch_new {
    struct firn_os *os;
    struct firn_rules_walk_options rules; /* what will belong to the tree; stored is NULL */
    struct firn_buf paths; /* yet to be looked at, from the root, each with a NUL after it */
    struct firn_buf path;  /* the one that is looked at now */
    /* The rules in effect in the directory that was asked about last. */
    struct firn_buf parent;
    struct firn_rules_walk *ignore; /* NULL: of none */
    const struct firn_rules_walk_scope *scope;
    bool has_manifest; /* there */
};

void firn_watch_new_deinit(struct firn_watch_new *fresh);
/* Forgets what was noted. */
void firn_watch_new_clear(struct firn_watch_new *fresh);
/* Notes the directory that an event may tell of. The set has had the event. Without memory, or when
 * too many are noted, nothing is noted: then the next save is the first to watch it. */
void firn_watch_new_note(struct firn_watch_new *fresh, struct firn_watch_set *set,
                         const struct firn_os_watch_event *event);
bool firn_watch_new_has_any(const struct firn_watch_new *fresh);
/* Looks at some of what was noted, and at what lies below. True if a directory came to be watched:
 * events in it until now are unknown. */
bool firn_watch_new_work(struct firn_watch_new *fresh, struct firn_watch_set *set,
                         struct firn_os_dir *root);

#endif
