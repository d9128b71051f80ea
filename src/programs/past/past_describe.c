/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_describe.c: firn describe.
 */
#include "past/past.h"

#include <assert.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

struct describing {
    firn_workspace *workspace;
    const char *reference;
    const char *message;
    firn_workspace_checkpoint *checkpoint;
};

static int
past_describe_attempt(void *ctx, firn_error *err)
{
    struct describing *describing = ctx;
    return firn_workspace_describe(describing->workspace, describing->reference,
                                   firn_str(describing->message), &describing->checkpoint, err);
}

static int
past_describe_change(struct fi_cli *cli, struct describing *describing)
{
    firn_error err;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    assert(describing->workspace != NULL);
    int code = fi_task_patience_run(cli, past_describe_attempt, describing, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err, fi_task_workspace_hint(describing->workspace, describing->reference, code));
    }
    fi_show_checkpoint_json("checkpoint", describing->checkpoint);
    if (!cli->quiet) {
        fi_term_out_format("%s has ", fi_show_checkpoint_name(describing->checkpoint, name));
        if (describing->message[0] != '\0') {
            fi_term_out_text("the message: ");
            fi_term_width_cut(firn_str(describing->message), FI_SHOW_CHECKPOINT_MESSAGE_MAX,
                              fi_term_out_write);
            fi_term_out_text("\n");
        } else {
            fi_term_out_text("no message\n");
        }
    }
    return FI_EXIT_OK;
}

static int
past_describe_run(struct fi_cli *cli)
{
    struct describing describing = {.reference = cli->arguments[0],
                                    .message = fi_command_value(cli, "message")};
    if (describing.message == NULL) {
        return fi_command_misused(cli, "missing -m TEXT");
    }
    int exit_code = fi_task_workspace_open(cli, &describing.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    exit_code = past_describe_change(cli, &describing);
    firn_release(describing.checkpoint);
    firn_workspace_close(describing.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"message", 'm', "TEXT", "the new message; empty: none"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn describe latest -m 'before the upgrade'", "give the newest checkpoint another message"},
    {"firn undo", "take that back"},
    {NULL, NULL},
};

const struct fi_command fi_past_describe = {
    .name = "describe",
    .summary = "Give a checkpoint another message",
    .arguments = "REF",
    .options = options,
    .help = "Replaces the message. Number, id, time and files of the checkpoint stay. firn\n"
            "undo brings the earlier message back.\n"
            "\n"
            "The change is one of this store. A push sends the new message with a checkpoint\n"
            "that the remote does not have yet; one that was pushed keeps its message there.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = past_describe_run,
};
