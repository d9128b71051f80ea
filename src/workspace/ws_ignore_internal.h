/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_ignore_internal.h: what the files of the rules of one walk share. Only ws_ignore*.c
 * include it: ws_ignore.c (entering directories), ws_ignore_read.c (a rule file on disk),
 * ws_ignore_judge.c (what the rules say of an entry).
 */
#ifndef FIRN_WORKSPACE_WS_IGNORE_INTERNAL_H
#define FIRN_WORKSPACE_WS_IGNORE_INTERNAL_H

#include "os/os_thread.h"
#include "workspace/ws_ignore.h"

enum { FIRN_WS_IGNORE_KINDS = FIRN_IGNORE_RULES_KIND_COUNT };

/* A rule file in effect. */
struct firn_ws_ignore_layer {
    const struct firn_ws_ignore_layer *above; /* the next of its kind, in a directory further up */
    struct firn_ignore_file *file;            /* owned */
    enum firn_ignore_rules_kind kind;
    bool is_stored;
    char *dir; /* owned */
    size_t dir_size;
    struct firn_ws_ignore_layer *next; /* of all */
};

/* One set as it stands in a directory. */
struct firn_ws_ignore_view {
    bool is_as_today; /* the same as the first view: not to be asked */
    const struct firn_ws_ignore_layer *tops[FIRN_WS_IGNORE_KINDS];
};

struct firn_ws_ignore_scope {
    struct firn_ws_ignore_scope *next;  /* of all */
    struct firn_ws_ignore_view views[]; /* today's, then one for each stored set */
};

struct firn_ws_ignore {
    struct firn_os *os;
    struct firn_ws_ignore_options options;
    size_t view_count;
    struct firn_ws_ignore_scope *outermost;

    struct firn_os_mutex mutex; /* rank WORKSPACE_TREE; guards all from here on */
    struct firn_ws_ignore_layer *layers;
    struct firn_ws_ignore_scope *scopes;
    size_t files_size; /* of the rule files on disk, and their directories' paths */
    size_t file_count;
    struct firn_buf left_out; /* patterns, one a line (ws_ignore_left_out.c) */
    size_t left_out_count;
};

/* Adds a set that excludes what was left out, if anything was; it borrows from ignore. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_ws_ignore_left_out_collect(struct firn_ws_ignore *ignore,
                                                    struct firn_ignore_rules *rules);

/* Of a view from 1. */
static inline const struct firn_ignore_rules_set *
firn_ws_ignore_stored_set(const struct firn_ws_ignore *ignore, size_t view)
{
    return &ignore->options.stored->sets[view - 1];
}

#endif
