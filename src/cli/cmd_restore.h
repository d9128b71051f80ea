/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_restore.h: what restore and undo share.
 */
#ifndef FIRN_CLI_CMD_RESTORE_H
#define FIRN_CLI_CMD_RESTORE_H

#include "cli/command.h"

enum firn_cmd_restore_what {
    FIRN_CMD_RESTORE_CHECKPOINT,
    FIRN_CMD_RESTORE_RESUME, /* what was interrupted */
    FIRN_CMD_RESTORE_UNDO
};

struct firn_cmd_restore_request {
    enum firn_cmd_restore_what what;
    firn_workspace *workspace;
    const char *reference; /* of a checkpoint */
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
};

/* Tells of hooks of coding agents that were in the settings of the workspace before, as
 * firn_hook_lost_look found them, and are not any more: on standard error, or as the member
 * "hooks_removed" of the result. */
void firn_cmd_restore_tell_hooks(struct firn_cli *cli, firn_workspace *workspace, unsigned before);

/* Makes the restore that is asked for, and shows what came of it. Sets the callbacks. Returns an
 * exit code. */
int firn_cmd_restore_perform(struct firn_cli *cli, struct firn_cmd_restore_request *request);

#endif
