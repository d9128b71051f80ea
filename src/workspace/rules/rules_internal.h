/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_internal.h: what the files of the rules of one walk share. Only rules*.c
 * include it: rules_walk.c (entering directories), rules_read.c (a rule file on disk),
 * rules_judge.c (what the rules say of an entry).
 */
#ifndef FIRN_RULES_RULES_INTERNAL_H
#define FIRN_RULES_RULES_INTERNAL_H

#include "rules/rules_walk.h"
#include "threads/os_thread.h"

enum { FIRN_RULES_WALK_KINDS = FIRN_IGNORE_RULES_KIND_COUNT };

/* A rule file in effect. */
struct firn_rules_walk_layer {
    const struct firn_rules_walk_layer *above; /* the next of its kind, in a directory further up */
    struct firn_ignore_file *file;             /* owned */
    enum firn_ignore_rules_kind kind;
    bool is_stored;
    char *dir; /* owned */
    size_t dir_size;
    struct firn_rules_walk_layer *next; /* of all */
};

/* One set as it stands in a directory. */
struct firn_rules_walk_view {
    bool is_as_today; /* the same as the first view: not to be asked */
    const struct firn_rules_walk_layer *tops[FIRN_RULES_WALK_KINDS];
};

struct firn_rules_walk_scope {
    struct firn_rules_walk_scope *next;  /* of all */
    struct firn_rules_walk_view views[]; /* today's, then one for each stored set */
};

struct firn_rules_walk {
    struct firn_os *os;
    struct firn_rules_walk_options options;
    size_t view_count;
    struct firn_rules_walk_scope *outermost;

    struct firn_os_mutex mutex; /* rank WORKSPACE_TREE; guards all from here on */
    struct firn_rules_walk_layer *layers;
    struct firn_rules_walk_scope *scopes;
    size_t files_size; /* of the rule files on disk, and their directories' paths */
    size_t file_count;
    struct firn_buf left_out; /* patterns, one a line (rules_left_out.c) */
    size_t left_out_count;
};

/* Adds a set that excludes what was left out, if anything was; it borrows from ignore. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_rules_left_out_collect(struct firn_rules_walk *ignore,
                                                struct firn_ignore_rules *rules);

/* Of a view from 1. */
static inline const struct firn_ignore_rules_set *
firn_rules_walk_stored_set(const struct firn_rules_walk *ignore, size_t view)
{
    return &ignore->options.stored->sets[view - 1];
}

#endif
