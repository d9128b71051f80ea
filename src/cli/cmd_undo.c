/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_undo.c: firn undo.
 */
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/cmd_restore.h"
#include "cli/exit_code.h"

static int
run(struct firn_cli *cli)
{
    struct firn_cmd_restore_request request = {NULL, NULL, FIRN_RESTORE_OPTIONS_INIT, {.added = 0}};
    request.options.dry_run = firn_command_has(cli, "dry-run");
    int exit_code = firn_cli_workspace_open(cli, &request.workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cmd_restore_perform(cli, &request);
    }
    firn_workspace_close(request.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would change; change nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn undo", "the workspace as it was before the last restore"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_undo = {
    .name = "undo",
    .summary = "Take back the last restore",
    .arguments = "",
    .options = options,
    .help = "Restores the newest safety checkpoint: the state in which the last restore found\n"
            "the workspace. Like every restore this takes a safety checkpoint first, so what\n"
            "was done since is kept too; firn list --all shows it.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
