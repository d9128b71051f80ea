/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch_new.h: directories that are new are watched before a save visits them.
 */
#ifndef FIRN_WATCH_WATCH_NEW_H
#define FIRN_WATCH_WATCH_NEW_H

#include "base/buf.h"
#include "os/os.h"
#include "oswatch/os_watch.h"
#include "rules/rules.h"
#include "watch/watch_set.h"

/* One thread. Zeroed but for the first two it is empty. */
struct firn_watch_new {
    struct firn_os *os;
    struct firn_rules_walk_options rules; /* what will belong to the tree; stored is NULL */
    struct firn_buf paths; /* yet to be looked at, from the root, each with a NUL behind it */
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
 * what happened in it until now nobody has seen. */
bool firn_watch_new_work(struct firn_watch_new *fresh, struct firn_watch_set *set,
                         struct firn_os_dir *root);

#endif
