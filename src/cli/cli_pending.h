/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_pending.h: a restore that was interrupted, told by the commands that only look.
 */
#ifndef FIRN_CLI_CLI_PENDING_H
#define FIRN_CLI_CLI_PENDING_H

#include "cli/command.h"

/* What there is before a command looks at the files; zeroed where that cannot be known. */
void firn_cli_pending_look(firn_workspace *workspace, firn_workspace_pending_restore *out);
/* Says on standard error what to do about it, if there is one; with --json also as the members
 * "pending" and "running" of the open object, null if there is none. To be called after what the
 * command itself has to say; earlier is what firn_cli_pending_look found, or NULL. Returns an exit
 * code: FIRN_EXIT_OK, or that of a failure, which has been reported. */
int firn_cli_pending_tell(struct firn_cli *cli, firn_workspace *workspace,
                          const firn_workspace_pending_restore *earlier);
/* "a restore of 3 is under way by process 12, for 4 s: 1,200 of 80,000 files are in place", of one that
 * is running. */
void firn_cli_pending_running(const firn_workspace_pending_restore *pending, char *out,
                              size_t size);

/* A hint for whoever's restore has just failed half way; NULL if nothing was changed. */
const char *firn_cli_pending_hint(firn_workspace *workspace);

#endif
