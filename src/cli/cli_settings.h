/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_settings.h: what firn config says, as the commands take it.
 */
#ifndef FIRN_CLI_CLI_SETTINGS_H
#define FIRN_CLI_CLI_SETTINGS_H

#include "cli/command.h"

/* Fills cli->settings, and the time to wait, for a command that writes, unless it has --no-config.
 * Tells of files that cannot be read, and goes on. Returns an exit code. */
int firn_cli_settings_take(struct firn_cli *cli, firn_workspace *workspace);

/* How saves are made today, for a command that compares the disk as a save would see it. */
struct firn_cli_settings_today {
    bool gitignore;
    uint64_t file_size_max;
};
/* What a file of settings that cannot be read says is told of where something is done, not here. */
struct firn_cli_settings_today firn_cli_settings_look(firn_workspace *workspace);

/* Tells, on standard error, of a file of settings that cannot be read, and what to do about it. */
void firn_cli_settings_tell(const firn_workspace *workspace, const firn_notice *notice);

/* Keeps a notice for firn_cli_settings_unread; there are two files. */
void firn_cli_settings_keep(const firn_notice *notice);
/* The files that were told of since the settings were taken, for the member "notices". */
void firn_cli_settings_unread(void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx);

#endif
