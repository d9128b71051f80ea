/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_event.h: what an agent tells a hook on its standard input.
 */
#ifndef FIRN_CLI_HOOK_EVENT_H
#define FIRN_CLI_HOOK_EVENT_H

#include <stdbool.h>

#include "cli/hook_agent.h"

#include "firn/types.h"

enum { FIRN_HOOK_EVENT_PATH_SIZE = 4096, FIRN_HOOK_EVENT_DIRECTORIES_MAX = 16 };

struct firn_hook_event {
    /* Of the project, each once, none below an earlier one. None: the current one. */
    char directories[FIRN_HOOK_EVENT_DIRECTORIES_MAX][FIRN_HOOK_EVENT_PATH_SIZE];
    size_t directory_count;
    size_t directories_left; /* that there was no room for */
    char session[256];       /* the agent's name for the conversation, or "" */
    char *prompt;            /* or NULL */
};

/* Reads standard input to its end, unless it is a terminal. What cannot be used is as if it were not
 * there. */
void firn_hook_event_read(const struct firn_hook_agent *agent, struct firn_hook_event *out);
void firn_hook_event_deinit(struct firn_hook_event *event);

#endif
