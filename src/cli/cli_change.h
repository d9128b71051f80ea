/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_change.h: how a difference between two states of a workspace is shown.
 */
#ifndef FIRN_CLI_CLI_CHANGE_H
#define FIRN_CLI_CLI_CHANGE_H

#include "firn/firn.h"

/* "changed   src/main.c"; "renamed   old.c -> src/new.c". */
void firn_cli_change_print(const firn_workspace_change *change);
/* "M src/main.c": A added, D removed, M changed, T type changed, m metadata only. */
void firn_cli_change_print_short(const firn_workspace_change *change);

/* The object of a change, in an array. */
void firn_cli_change_json(const firn_workspace_change *change);
/* The members of that object, for an object that has more. */
void firn_cli_change_json_members(const firn_workspace_change *change);

/* The member "what": names of bits of firn_workspace_change_what. */
void firn_cli_change_json_what(unsigned what);

/* "file", "directory" or "symlink". */
const char *firn_cli_change_type_name(firn_workspace_entry_type type);

#endif
