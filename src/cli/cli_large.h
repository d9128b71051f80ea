/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_large.h: what made a checkpoint large.
 */
#ifndef FIRN_CLI_CLI_LARGE_H
#define FIRN_CLI_CLI_LARGE_H

#include "cli/command.h"

/* Tells which files and which directories of the root are the largest of what a save has added, and
 * how to leave them out; with --json an array "large" of what is so. Says nothing (an empty array) if
 * is_large is false. What cannot be found out is not told. */
void firn_cli_large_tell(struct firn_cli *cli, firn_workspace *workspace,
                         const firn_workspace_save_result *result, bool is_large);

#endif
