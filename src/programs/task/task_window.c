/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_window.c: a part of the history.
 */
#include "task/task.h"

#include <assert.h>
#include <string.h>

#include "term/term.h"

/* The id of a checkpoint, or "" if none is named. Returns an exit code. */
static int
task_window_find(struct fi_cli *cli, firn_workspace *workspace, const char *reference, char *out)
{
    firn_workspace_checkpoint *checkpoint;
    firn_error err;
    out[0] = '\0';
    if (reference == NULL) {
        return FI_EXIT_OK;
    }
    int code = firn_workspace_find(workspace, reference, &checkpoint, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err,
                                         fi_task_workspace_hint(workspace, reference, code));
    }
    memcpy(out, checkpoint->id, FIRN_CHECKPOINT_ID_SIZE);
    firn_release(checkpoint);
    return FI_EXIT_OK;
}

int
fi_task_window_init(struct fi_cli *cli, firn_workspace *workspace, struct fi_task_window *out)
{
    *out = (struct fi_task_window){.is_whole = cli->argument_count == 0};
    if (out->is_whole) {
        return FI_EXIT_OK;
    }
    assert(cli->argument_count == 1);
    struct fi_task_workspace_range range;
    if (!fi_task_workspace_range_init(cli->arguments[0], &range)) {
        return fi_command_report_no_memory(cli);
    }
    int exit_code = FI_EXIT_OK;
    if (range.memory == NULL) {
        exit_code = fi_command_misused(
            cli, "'%s' is not a range of checkpoints, such as 3..7 or 3..", cli->arguments[0]);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = task_window_find(cli, workspace, range.first, out->before);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = task_window_find(cli, workspace, range.second, out->last);
    }
    fi_task_workspace_range_deinit(&range);
    return exit_code;
}

bool
fi_task_window_has(struct fi_task_window *window, const firn_workspace_checkpoint *checkpoint)
{
    if (window->is_whole) {
        return true;
    }
    window->has_begun =
        window->has_begun || window->last[0] == '\0' || strcmp(checkpoint->id, window->last) == 0;
    window->has_ended = window->has_ended || strcmp(checkpoint->id, window->before) == 0;
    return window->has_begun && !window->has_ended;
}
