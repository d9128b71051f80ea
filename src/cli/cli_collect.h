/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_collect.h: a collection of garbage that nobody waits for.
 */
#ifndef FIRN_CLI_CLI_COLLECT_H
#define FIRN_CLI_CLI_COLLECT_H

#include "firn/firn.h"

/* Starts firn gc --auto for a workspace, in a process of its own. Silent, whatever happens. Any
 * thread. */
void firn_cli_collect_start(const firn_workspace *workspace);

#endif
