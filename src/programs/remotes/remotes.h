/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes.h: the commands about remotes.
 */
#ifndef FIRN_REMOTES_REMOTES_H
#define FIRN_REMOTES_REMOTES_H

#include "command/command.h"

extern const struct fi_command fi_remotes_names; /* firn remote */
extern const struct fi_command fi_remotes_push;
extern const struct fi_command fi_remotes_pull;
extern const struct fi_command fi_remotes_clone;
extern const struct fi_command fi_remotes_pull_fetch; /* another name of it */

/* Runs firn check --remote, and returns an exit code. */
int fi_remotes_check_run(struct fi_cli *cli);

/* The same of firn gc --rekey --remote. */
int fi_remotes_rekey_run(struct fi_cli *cli);

/* Calls put for the name of each remote, for struct fi_command_program. */
void fi_remotes_put(struct fi_cli *cli, void (*put)(firn_slice name));

#endif
