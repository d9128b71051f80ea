/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli.h: the firn program as a whole.
 */
#ifndef FIRN_CLI_CLI_H
#define FIRN_CLI_CLI_H

#include "command/command.h"

/* Every command, and what all of them share. */
extern const struct fi_command_program fi_cli_table;

extern const struct fi_command fi_cli_mcp;

#endif
