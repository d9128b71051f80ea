/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd.h: the commands, each in the file of its name.
 */
#ifndef FIRN_CLI_CMD_H
#define FIRN_CLI_CMD_H

#include "cli/command.h"

extern const struct firn_command firn_cmd_save;
extern const struct firn_command firn_cmd_list;
extern const struct firn_command firn_cmd_show;
extern const struct firn_command firn_cmd_status;
extern const struct firn_command firn_cmd_diff;
extern const struct firn_command firn_cmd_cat;
extern const struct firn_command firn_cmd_report;
extern const struct firn_command firn_cmd_restore;
extern const struct firn_command firn_cmd_undo;
extern const struct firn_command firn_cmd_watch;
extern const struct firn_command firn_cmd_revert;
extern const struct firn_command firn_cmd_delete;
extern const struct firn_command firn_cmd_forget;
extern const struct firn_command firn_cmd_gc;
extern const struct firn_command firn_cmd_pin;
extern const struct firn_command firn_cmd_tag;
extern const struct firn_command firn_cmd_pin_remove;
extern const struct firn_command firn_cmd_check;
extern const struct firn_command firn_cmd_repair;
extern const struct firn_command firn_cmd_init;
extern const struct firn_command firn_cmd_trust;
extern const struct firn_command firn_cmd_config;
extern const struct firn_command firn_cmd_mcp;
extern const struct firn_command firn_cmd_completion;
extern const struct firn_command firn_cmd_help;
extern const struct firn_command firn_cmd_version;

/* groups */
extern const struct firn_command firn_cmd_workspaces;
extern const struct firn_command firn_cmd_hook;
extern const struct firn_command firn_cmd_db;
extern const struct firn_command firn_cmd_chkp;
extern const struct firn_command firn_cmd_alxs;

#endif
