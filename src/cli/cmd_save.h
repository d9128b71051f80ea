/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_save.h: what a save has done, as one line.
 */
#ifndef FIRN_CLI_CMD_SAVE_H
#define FIRN_CLI_CMD_SAVE_H

#include "firn/workspace.h"

/* Without the line's end. */
void firn_cmd_save_print(const firn_workspace_save_result *result);

#endif
