/* SPDX-License-Identifier: Apache-2.0
 *
 * work/work.h: the commands about workspaces.
 */
#ifndef FIRN_WORK_WORK_H
#define FIRN_WORK_WORK_H

#include "command/command.h"

extern const struct firn_command firn_work_save;
extern const struct firn_command firn_work_list;
extern const struct firn_command firn_work_show;
extern const struct firn_command firn_work_status;
extern const struct firn_command firn_work_diff;
extern const struct firn_command firn_work_cat;
extern const struct firn_command firn_work_restore;
extern const struct firn_command firn_work_undo;
extern const struct firn_command firn_work_watch;
extern const struct firn_command firn_work_revert;
extern const struct firn_command firn_work_delete;
extern const struct firn_command firn_work_forget;
extern const struct firn_command firn_work_gc;
extern const struct firn_command firn_work_pin;
extern const struct firn_command firn_work_pin_remove;
extern const struct firn_command firn_work_tag;
extern const struct firn_command firn_work_check;
extern const struct firn_command firn_work_repair;
extern const struct firn_command firn_work_repair_db;
extern const struct firn_command firn_work_init;
extern const struct firn_command firn_work_trust;
extern const struct firn_command firn_work_config;
extern const struct firn_command firn_work_workspaces;

/* Calls put for each tag and for the newest checkpoints, for struct firn_command_program. */
void firn_work_tag_references(struct firn_cli *cli, void (*put)(firn_slice reference));

/* ---- what restore and undo share ---- */

enum firn_work_restore_what {
    FIRN_WORK_RESTORE_CHECKPOINT,
    FIRN_WORK_RESTORE_RESUME, /* what was interrupted */
    FIRN_WORK_RESTORE_UNDO
};

struct firn_work_restore_request {
    enum firn_work_restore_what what;
    firn_workspace *workspace;
    const char *reference; /* of a checkpoint */
    firn_restore_options options;
    firn_restore_result result;
};

/* Tells of hooks of coding agents that were in the settings of the workspace before, as
 * firn_hook_lost_look found them, and are not any more: on standard error, or as the member
 * "hooks_removed" of the result. */
void firn_work_restore_tell_hooks(struct firn_cli *cli, firn_workspace *workspace, unsigned before);

/* Makes the restore that is asked for, and shows what came of it. Sets the callbacks. Returns an
 * exit code. */
int firn_work_restore_perform(struct firn_cli *cli, struct firn_work_restore_request *request);

/* ---- what a save has done, as one line ---- */

/* Without the line's end. */
void firn_work_save_print(const firn_save_result *result);

/* ---- how a path that a revert cannot merge is shown ---- */

/* "firn: conflict: src/main.c: changed since as well: lines 10-12", on standard error. */
void firn_work_conflict_report(const firn_revert_conflict *conflict);
/* The object of a conflict, in an array. */
void firn_work_conflict_json(const firn_revert_conflict *conflict);

/* ---- what made a checkpoint large ---- */

/* Tells which files and which directories of the root are the largest of what a save has added, and
 * how to leave them out; with --json an array "large" of what is so. Says nothing (an empty array) if
 * is_large is false. What cannot be found out is not told. */
void firn_work_large_tell(struct firn_cli *cli, firn_workspace *workspace,
                          const firn_save_result *result, bool is_large);

#endif
