/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_internal.h: worktrees; running another program, and a place for it. Only turn*.c
 * include it.
 */
#ifndef FIRN_TURN_TURN_INTERNAL_H
#define FIRN_TURN_TURN_INTERNAL_H

#include "turn/turn.h"

/* Other workspaces, saved by this user, whose directories are worktrees of the same git repository:
 * their roots, in order, on the heap. The caller deinits *out, also after a failure. */
struct fi_turn_worktrees {
    char **roots;
    size_t count;
    bool has_unread; /* stores that cannot be read, which are reported */
};
FIRN_MUST_CHECK int fi_turn_worktrees_find(firn_workspace *workspace, struct fi_turn_worktrees *out,
                                           firn_error *err);
void fi_turn_worktrees_deinit(struct fi_turn_worktrees *worktrees);

/* How a program ended. */
struct fi_turn_process {
    int interrupted; /* a signal had asked this program to stop: it was not started; 0: none had */
    int error;       /* an errno: it could not be started; 0: it was */
    int exit_code;   /* if no signal ended it */
    int signal;      /* the signal that ended it; 0: none */
    int received;    /* the last signal that asked this process to stop meanwhile; 0: none did */
    double seconds;  /* of wall time */
};

/* Runs the program words[0], which is looked for in PATH, with the descriptors and the directory of
 * this one, and returns when it has ended. Ctrl-C and Ctrl-\ at the terminal are for the program,
 * and what else asks this process to stop is handed on to it. No other thread runs. */
void fi_turn_process_run(char *const words[], struct fi_turn_process *out);

/* Requires: it was started. Whether it ended with exit code 0. */
static inline bool
fi_turn_process_succeeded(const struct fi_turn_process *process)
{
    return process->signal == 0 && process->exit_code == 0;
}

/* ---- a directory for checkpoints, outside of the workspace ---- */

enum { FI_TURN_SCRATCH_SIZE = 4096 };

struct fi_turn_scratch {
    char top[FI_TURN_SCRATCH_SIZE];   /* made for it; "": there is none */
    char place[FI_TURN_SCRATCH_SIZE]; /* in top, and called like the root of the workspace */
};

/* Makes a directory in TMPDIR, else /tmp; *place is not made. FIRN_INVALID if that is in the
 * workspace. */
FIRN_MUST_CHECK int fi_turn_scratch_make(struct fi_turn_scratch *scratch,
                                         const firn_workspace *workspace, firn_error *err);
/* Removes everything in it, and with `top` itself too. Links are not followed, and no directory
 * is too deep. Returns an errno, 0 if nothing is left. */
int fi_turn_scratch_clear(struct fi_turn_scratch *scratch, bool removes_top);

#endif
