/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook.h: hooks of coding agents.
 */
#ifndef FIRN_HOOK_HOOK_H
#define FIRN_HOOK_HOOK_H

#include <stdbool.h>

#include "command/command.h"

extern const struct fi_command fi_hook;

/* ---- which agents save their turns ---- */

struct fi_hook_status {
    const char *name;   /* as firn hook install takes it */
    const char *title;  /* as people call it */
    bool is_in_project; /* the hooks are in the project's settings */
    bool is_in_home;    /* or in the user's, for all projects */
    int64_t last_ns;    /* when a turn was saved last, since 1970; 0: none was */
};

/* What is known of the agent number `index`, from 0; false if there are no more agents. */
bool fi_hook_status_look(firn_workspace *workspace, unsigned index, struct fi_hook_status *out);
/* Whether PATH has a program firn, as an agent needs it. */
bool fi_hook_status_is_in_path(void);

/* ---- firn's hooks that a restore takes out of an agent's settings ---- */

/* Those of a project are files of the workspace, and an older checkpoint may not have them. */

enum { FI_HOOK_AGENT_TEXT_SIZE = 200 };

/* In which agents' settings below this directory firn's hooks are: one bit each. */
unsigned fi_hook_agent_inspect(const char *root);

/* The next of `lost`, which loses its bit; false when there is none. *out_path is that of the
 * settings below the root; out_text says in one line what happened and how to put the hooks
 * back. */
bool fi_hook_agent_next_lost(unsigned *lost, const char **out_path, char *out_text);

#endif
