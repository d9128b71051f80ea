/* SPDX-License-Identifier: Apache-2.0
 *
 * work/work_undo.c: firn undo.
 */
#include "work/work.h"

#include "task/task.h"
#include "term/term.h"

static int
run(struct firn_cli *cli)
{
    struct firn_work_restore_request request = {.what = FIRN_WORK_RESTORE_UNDO,
                                                .options = FIRN_RESTORE_OPTIONS_INIT};
    request.options.dry_run = firn_command_has(cli, "dry-run");
    request.options.trust_journal = firn_command_has(cli, "trust-journal");
    int exit_code = firn_task_workspace_open(cli, &request.workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_work_restore_perform(cli, &request);
    }
    firn_workspace_close(request.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would change; change nothing"},
    {"trust-journal", 0, NULL, "also an interrupted restore that you did not begin here"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn undo", "the workspace as it was before the last restore"},
    {"firn undo -n", "what would that change?"},
    {NULL, NULL},
};

const struct firn_command firn_work_undo = {
    .name = "undo",
    .summary = "Take back the last restore",
    .arguments = "",
    .options = options,
    .help = "Brings back the state in which the last restore found the workspace, or the part\n"
            "of it that was restored. Like every restore this takes a safety checkpoint of\n"
            "what was done since, so a second undo takes back the first. A restore that was\n"
            "interrupted is taken back from where it stands. Safety checkpoints are listed by\n"
            "firn list --all.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
