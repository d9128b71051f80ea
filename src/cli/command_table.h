/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/command_table.h: every command of the program, and the options that all of them share.
 */
#ifndef FIRN_CLI_COMMAND_TABLE_H
#define FIRN_CLI_COMMAND_TABLE_H

#include "cli/command.h"

/* In the order in which the help lists them; ends with NULL. */
extern const struct firn_command *const firn_command_table[];

/* A global option, and the commands that it means something for. */
struct firn_command_table_global {
    struct firn_command_option option;
    unsigned uses; /* any of these bits; 0: every command */
};

/* Ends with one whose name is NULL. */
extern const struct firn_command_table_global firn_command_table_globals[];

/* A line of help that belongs to every command or to none: exit codes and environment. Ends with
 * a NULL name. */
struct firn_command_table_note {
    const char *name;
    const char *text;
};
extern const struct firn_command_table_note firn_command_table_exit_codes[];
extern const struct firn_command_table_note firn_command_table_environment[];

/* What the program is, in two or three sentences. */
extern const char firn_command_table_about[];

#endif
