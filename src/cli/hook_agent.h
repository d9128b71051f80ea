/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_agent.h: the coding agents that firn hook knows.
 */
#ifndef FIRN_CLI_HOOK_AGENT_H
#define FIRN_CLI_HOOK_AGENT_H

#include <stdbool.h>

/* The two moments of a turn. */
enum firn_hook_agent_when { FIRN_HOOK_AGENT_BEFORE, FIRN_HOOK_AGENT_AFTER };

struct firn_hook_agent {
    const char *name;               /* as typed: "claude" */
    const char *title;              /* as people call it: "Claude Code" */
    const char *file;               /* of settings, below the project's directory or the home */
    const char *events[2];          /* by enum firn_hook_agent_when */
    const char *directory_variable; /* of the environment of its hooks; may be NULL */
    const char *answers[2];         /* what a hook prints, so that the turn goes on */
    long timeout;    /* in the agent's unit, for ten minutes; 0: it is left to the agent */
    long version;    /* the member "version" that the file has to have; 0: none */
    bool has_groups; /* an event has groups of hooks, not hooks */
};

/* By name; NULL if there is none. */
const struct firn_hook_agent *firn_hook_agent_find(const char *name);

/* From 0; NULL beyond the last. */
const struct firn_hook_agent *firn_hook_agent_at(unsigned i);

/* "before" or "after". */
const char *firn_hook_agent_when_name(enum firn_hook_agent_when when);

#endif
