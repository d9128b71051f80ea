/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/command_help.h: the help that the command table makes.
 */
#ifndef FIRN_CLI_COMMAND_HELP_H
#define FIRN_CLI_COMMAND_HELP_H

#include "cli/command.h"

/* Each prints to standard output. group is NULL for a command of the top level. */
void firn_command_help_overview(void);
void firn_command_help_group(const struct firn_command *group);
void firn_command_help_command(const struct firn_command *group,
                               const struct firn_command *command);

/* "firn restore [options] REF [PATH...]" into out. */
void firn_command_help_usage(const struct firn_command *group, const struct firn_command *command,
                             char *out, size_t out_size);

/* Calls visit for every option that a command takes: its own first, then the global ones that
 * mean something to it. */
void firn_command_help_options(const struct firn_command *command,
                               void (*visit)(void *ctx, const struct firn_command_option *option,
                                             bool is_global),
                               void *ctx);

#endif
