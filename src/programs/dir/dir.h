/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir.h: the commands about workspaces.
 */
#ifndef FIRN_DIR_DIR_H
#define FIRN_DIR_DIR_H

#include "command/command.h"

extern const struct firn_command firn_dir_save;
extern const struct firn_command firn_dir_list;
extern const struct firn_command firn_dir_show;
extern const struct firn_command firn_dir_status;
extern const struct firn_command firn_dir_diff;
extern const struct firn_command firn_dir_cat;
extern const struct firn_command firn_dir_restore;
extern const struct firn_command firn_dir_restore_undo;
extern const struct firn_command firn_dir_restore_redo;
extern const struct firn_command firn_dir_watch;
extern const struct firn_command firn_dir_revert;
extern const struct firn_command firn_dir_delete;
extern const struct firn_command firn_dir_forget;
extern const struct firn_command firn_dir_gc;
extern const struct firn_command firn_dir_pin;
extern const struct firn_command firn_dir_pin_remove;
extern const struct firn_command firn_dir_tag;
extern const struct firn_command firn_dir_check;
extern const struct firn_command firn_dir_repair;
extern const struct firn_command firn_dir_repair_db;
extern const struct firn_command firn_dir_init;
extern const struct firn_command firn_dir_trust;
extern const struct firn_command firn_dir_config;
extern const struct firn_command firn_dir_workspaces;

/* Calls put for each tag and for the newest checkpoints, for struct firn_command_program. */
void firn_dir_tag_references(struct firn_cli *cli, void (*put)(firn_slice reference));

/* Says what to do about entries that were not restored; safety_id is the result's. */
void firn_dir_restore_hint_rest(const char *safety_id);
/* Tells of hooks of coding agents that were in the settings of the workspace before, as
 * firn_hook_agent_look found them, and are not any more: on standard error, or as the member
 * "hooks_removed" of the result. */
void firn_dir_restore_tell_hooks(const firn_workspace *workspace, unsigned before);

/* firn undo --list. Returns an exit code. */
int firn_dir_steps_list(struct firn_cli *cli);

/* The result of a save as one line, without a line feed. */
void firn_dir_save_print(const firn_workspace_save_result *result);

#endif
