/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_pending.h: a restore that was interrupted, told by the commands that only look.
 */
#ifndef FIRN_CLI_CLI_PENDING_H
#define FIRN_CLI_CLI_PENDING_H

#include "cli/command.h"

/* Says on standard error what to do about it, if there is one; with --json also as the member
 * "pending" of the open object, null if there is none. To be called after what the command itself
 * has to say. Returns an exit code: FIRN_EXIT_OK, or that of a failure, which has been reported. */
int firn_cli_pending_tell(struct firn_cli *cli, firn_workspace *workspace);

/* A hint for whoever's restore has just failed half way; NULL if nothing was changed. */
const char *firn_cli_pending_hint(firn_workspace *workspace);

#endif
