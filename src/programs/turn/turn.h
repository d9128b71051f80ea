/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn.h: turns of coding agents, and commands that are run with a save before and after them.
 */
#ifndef FIRN_TURN_TURN_H
#define FIRN_TURN_TURN_H

#include "command/command.h"
#include "show/show.h"
#include "task/task.h"

extern const struct fi_command fi_turn_run;
extern const struct fi_command fi_turn_list;
extern const struct fi_command fi_turn_bisect;

/* ---- turns ---- */

enum { FI_TURN_OVERLAPS_MAX = 8 };

/* A turn, and what it changed. */
struct fi_turn {
    struct fi_task_turn of;
    bool is_wanted; /* by the options of the walk */
    bool is_closed; /* its beginning is known, or it has none */
    bool is_cut;    /* the checkpoint in which it began is gone: `first` is an older one */
    bool is_counted;
    struct fi_show_tally tally; /* if is_counted */
    uint64_t renamed;
    uint64_t overlaps[FI_TURN_OVERLAPS_MAX]; /* turns that were at work at the same time */
    size_t overlap_count;
    size_t overlaps_left; /* that there was no room for */
    /* How the command ended that firn run ran last in the turn, or in the state in which it ended. */
    bool has_exit;
    bool is_exit_old; /* files have changed since */
    uint64_t exit_code;
};

struct fi_turn_walk_options {
    const char *agent;   /* turns whose agent's name contains this; NULL: of all agents */
    const char *session; /* turns of this session; NULL: of all */
    uint64_t limit;      /* so many of the newest of these */
    bool counts;         /* what they changed is counted */
    firn_callbacks callbacks;
    /* Gets each turn, newest first; it is borrowed. A result other than FIRN_OK ends the walk, and
     * is returned. Requires: it does not use the workspace. */
    int (*on_turn)(void *ctx, const struct fi_turn *turn);
};

/* Walks through the turns of a workspace. Memory does not grow with the history. */
FIRN_MUST_CHECK int fi_turn_walk(firn_workspace *workspace,
                                 const struct fi_turn_walk_options *options, void *ctx,
                                 firn_error *err);

#endif
