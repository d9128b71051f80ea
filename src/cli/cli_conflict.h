/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_conflict.h: how a path that a revert cannot merge is shown.
 */
#ifndef FIRN_CLI_CLI_CONFLICT_H
#define FIRN_CLI_CLI_CONFLICT_H

#include "firn/firn.h"

/* "firn: conflict: src/main.c: changed since as well: lines 10-12", on standard error. */
void firn_cli_conflict_report(const firn_workspace_revert_conflict *conflict);
/* The object of a conflict, in an array. */
void firn_cli_conflict_json(const firn_workspace_revert_conflict *conflict);

#endif
