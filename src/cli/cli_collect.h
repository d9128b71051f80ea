/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_collect.h: a collection of garbage that nobody waits for.
 */
#ifndef FIRN_CLI_CLI_COLLECT_H
#define FIRN_CLI_CLI_COLLECT_H

#include "firn/firn.h"

/* Starts firn gc --auto for the store of a workspace, in a process of its own, if the settings want
 * that and it would do something. For whoever has made garbage, or was told by a save that there is
 * enough. Silent, whatever happens. */
void firn_cli_collect_if_due(firn_workspace *workspace);

#endif
