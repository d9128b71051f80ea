/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_event.h: what an agent tells a hook on its standard input.
 */
#ifndef FIRN_CLI_HOOK_EVENT_H
#define FIRN_CLI_HOOK_EVENT_H

#include <stdbool.h>

#include "cli/hook_agent.h"

enum { FIRN_HOOK_EVENT_PATH_SIZE = 4096, FIRN_HOOK_EVENT_MESSAGE_SIZE = 200 };

struct firn_hook_event {
    char directory[FIRN_HOOK_EVENT_PATH_SIZE];  /* of the project; empty: the current one */
    char message[FIRN_HOOK_EVENT_MESSAGE_SIZE]; /* for the checkpoint */
};

/* Reads standard input to its end, unless it is a terminal. What cannot be used is as if it were not
 * there. */
void firn_hook_event_read(const struct firn_hook_agent *agent, enum firn_hook_agent_when when,
                          struct firn_hook_event *out);

/* Whether a directory is one that nobody means to save at every turn: the root, or the home. */
bool firn_hook_event_is_too_much(const char *directory);

#endif
