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

/* ---- the own files of a turn that was at work at the same time as others ---- */

struct fi_turn_own_file {
    firn_slice path; /* on the heap */
    unsigned owners; /* bits: 1 the turn itself, then the overlaps */
    uint64_t
        other_number; /* of the newest step before the turn's end in which another changed it */
    bool is_mixed;    /* another turn changed it between the turn's own steps */
};

/* Zeroed: nothing overlapped. */
struct fi_turn_own {
    struct fi_task_turn overlaps[FI_TURN_OVERLAPS_MAX];
    size_t overlap_count;
    char first[FIRN_CHECKPOINT_ID_SIZE]; /* before its oldest own step; "": nothing is there */
    uint64_t oldest_number;              /* of the checkpoint after that step */
    uint64_t foreign_number; /* of the newest step of others alone before the turn's end; 0: none */
    struct fi_turn_own_file *files; /* that it changed, in the order of their paths */
    firn_slice *paths;              /* the same; borrowed from files */
    size_t count;
    bool is_partial; /* there are too many to tell them apart: files are not complete */
};

/* Reads them, where the overlaps are known. Requires: the walk has found them. The caller deinits
 * *out. */
FIRN_MUST_CHECK int fi_turn_own_read(firn_workspace *workspace, const struct fi_task_turn *turn,
                                     const uint64_t *overlaps, size_t overlap_count,
                                     struct fi_turn_own *out, firn_error *err);
/* The same, where they are not known. */
FIRN_MUST_CHECK int fi_turn_own_find(firn_workspace *workspace, const struct fi_task_turn *turn,
                                     struct fi_turn_own *out, firn_error *err);
void fi_turn_own_deinit(struct fi_turn_own *own);
/* Whether its files are known: what the turn changed is in its own range, from `first` on. */
static inline bool
fi_turn_own_is_known(const struct fi_turn_own *own)
{
    return own->overlap_count > 0 && !own->is_partial && own->count > 0;
}
/* Whether others changed something within that range: then only its own files are the turn's. */
static inline bool
fi_turn_own_is_shared(const struct fi_turn_own *own)
{
    return fi_turn_own_is_known(own) && own->foreign_number > own->oldest_number;
}
/* Prints a line "beside @14 (Codex: fix it): both changed main.c" for each of the overlaps, after
 * `label` and spaces up to `width` columns. */
void fi_turn_beside_print(const struct fi_turn_own *own, const char *label, int width);
/* The member "beside". */
void fi_turn_beside_json(const struct fi_turn_own *own);
/* Says on standard error that only the turn's own files are meant. */
void fi_turn_beside_report(const struct fi_turn_own *own);
/* Reports the files that others changed between the turn's own steps: on standard error, or as the
 * member "conflicts". Returns how many there are; without any it does nothing. */
uint64_t fi_turn_beside_conflicts(const struct fi_cli *cli, const struct fi_turn_own *own);

/* ---- a walk through turns ---- */

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
    size_t overlaps_left;   /* that there was no room for */
    struct fi_turn_own own; /* if is_counted */
    /* How the command ended that firn run ran last in the turn, or in the state at its end. */
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
