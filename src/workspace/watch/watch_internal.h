/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_internal.h: the state of a watch: which directories are as a save last saw them.
 */
#ifndef FIRN_WATCH_WATCH_INTERNAL_H
#define FIRN_WATCH_WATCH_INTERNAL_H

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"
#include "oswatch/os_watch.h"
#include "posix/os_socket.h"
#include "rules/rules.h"
#include "watchlink/watchlink.h"

struct fi_watch_set;

/* Adds and removes the kernel's watches. */
struct fi_watch_kernel {
    /* dir NULL: the function opens the directory by its path from the root. */
    int (*add)(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err);
    void (*remove)(void *ctx, int id);
    void *ctx;
};

FIRN_MUST_CHECK int fi_watch_set_create(struct fi_os *os, const struct fi_watch_kernel *kernel,
                                        struct fi_watch_set **out, firn_error *err);
/* NULL is fine. Removes nothing from the kernel. */
void fi_watch_set_destroy(struct fi_watch_set *set);

/* Handles an event of the kernel. *out_is_change is whether something in the tree may have changed.
 * The caller handles an event that reports lost events, by starting with a new set. */
void fi_watch_set_event(struct fi_watch_set *set, const struct fi_os_watch_event *event,
                        bool *out_is_change);

/* The path of a watched directory, borrowed until the next call; false if no directory has the id,
 * or there is no memory. */
bool fi_watch_set_path(struct fi_watch_set *set, int id, firn_slice *out);
/* Watches a directory, whose parent has a node, before a save visits it. True if the directory was
 * not watched and now is; it is dirty then. False if it was watched already, or if watching it
 * fails. */
bool fi_watch_set_add(struct fi_watch_set *set, struct fi_os_dir *dir, firn_slice path);

/* Appends the answer to a question. Requires: all events that were due have been handled. */
FIRN_MUST_CHECK int fi_watch_set_query(struct fi_watch_set *set,
                                       const struct fi_watch_question *question, struct fi_buf *out,
                                       firn_error *err);
/* A save of the same process calls this, between its question and its report, when a directory is
 * about to be listed. Any thread. */
void fi_watch_set_enter(struct fi_watch_set *set, struct fi_os_dir *dir, firn_slice path);
/* Applies the report of a save, which lists what it has visited since its question. FIRN_NOT_FOUND
 * if it does not belong to the last question, FIRN_INVALID if it makes no sense; nothing has
 * changed then. */
FIRN_MUST_CHECK int fi_watch_set_report(struct fi_watch_set *set, firn_slice report,
                                        firn_error *err);

struct fi_watch_set_info {
    uint64_t directories; /* in the set */
    uint64_t dirty;       /* of these: the next save must visit them */
    uint64_t unwatched;   /* of these: could not be watched, so every save must visit them */
    bool has_lost_root;   /* the root was moved or removed */
    bool is_broken;       /* the set is unusable: begin with a new one */
    bool is_unlimited;    /* fi_os_watch_is_unlimited; set by the owner of the kernel's watch */
    int unwatched_code;   /* why the last unwatched one is: FIRN_LIMIT or other */
    firn_error unwatched_error;
};
void fi_watch_set_info(const struct fi_watch_set *set, struct fi_watch_set_info *out);

/* Requests of other processes to a watch. */

/* The functions that handle requests. */
struct fi_watch_serve {
    int (*ask)(void *ctx, const struct fi_watch_question *question, struct fi_buf *out_answer,
               firn_error *err);
    void (*tell)(void *ctx, firn_slice report);
    void (*look)(void *ctx, struct fi_watch_set_info *out);
    void (*stop)(void *ctx);
    void *ctx;
};

/* Serves all clients that have connected so far, one after the other. A client that is slow or
 * sends an invalid message is disconnected. */
void fi_watch_serve(struct fi_os_socket *listener, const struct fi_watch_serve *serve);

/* Watching new directories before a save visits them. */

/* For one thread. Empty if all fields but os and rules are zeros. */
struct fi_watch_new {
    struct fi_os *os;
    struct fi_rules_walk_options rules; /* decide what is in the tree; stored is NULL */
    struct fi_buf paths; /* still to be looked at, from the root, each with a NUL after it */
    struct fi_buf path;  /* the current one */
    /* The directory that was asked about last, and the rules in effect there. */
    struct fi_buf parent;
    struct fi_rules_walk *ignore; /* NULL: none */
    const struct fi_rules_walk_scope *scope;
    bool has_manifest; /* the directory has a Cargo.toml */
};

void fi_watch_new_deinit(struct fi_watch_new *fresh);
/* Clears the noted paths. */
void fi_watch_new_clear(struct fi_watch_new *fresh);
/* Notes the directory that an event may be about. If there is no memory, or too many are noted, it
 * is not noted, and only the next save watches it. Requires: the set has handled the event. */
void fi_watch_new_note(struct fi_watch_new *fresh, struct fi_watch_set *set,
                       const struct fi_os_watch_event *event);
bool fi_watch_new_has_any(const struct fi_watch_new *fresh);
/* Looks at some of the noted directories, and those below them. True if a directory was newly
 * watched: earlier changes in it have caused no events. */
bool fi_watch_new_work(struct fi_watch_new *fresh, struct fi_watch_set *set,
                       struct fi_os_dir *root);

#endif
