/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/command_man.h: manual pages, in scdoc's language, from the command table. For the build, not
 * for the program.
 */
#ifndef FIRN_CLI_COMMAND_MAN_H
#define FIRN_CLI_COMMAND_MAN_H

#include "cli/command.h"

/* Prints firn(1), or the page of a command or group: firn-save(1). Returns false if there is no
 * such page. */
bool firn_command_man_print(const char *page);

#endif
