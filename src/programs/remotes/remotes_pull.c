/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_pull.c: firn pull, also called firn fetch.
 *
 * A pull changes neither the directory nor its checkpoints, so it does what a fetch of git does;
 * those who look for that name find it.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"

struct pulling {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    firn_pull_options options;
    firn_pull_result result;
};

static int
attempt_pull(void *ctx, firn_error *err)
{
    struct pulling *pulling = ctx;
    fi_task_notices_again(pulling->options.callbacks.ctx);
    return firn_workspace_pull(pulling->workspace, pulling->remote, &pulling->options,
                               &pulling->result, err);
}

static const char *
hint_of(const struct pulling *pulling, int code)
{
    switch (code) {
    case FIRN_CANCELLED:
        return "no checkpoint came; the next pull uses what was fetched";
    case FIRN_CORRUPT:
        return "the damage is in the remote; what came is whole, and another pull brings the rest "
               "if the remote is mended";
    default:
        return fi_remotes_hint(pulling->workspace, pulling->remote, code);
    }
}

/* Of a pull that failed, too: what came by then is there. */
static void
show_result(const struct fi_cli *cli, const struct pulling *pulling,
            const struct fi_task_notices *notices)
{
    const firn_pull_result *result = &pulling->result;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("lines", result->lines);
    fi_term_json_u64("skipped", result->skipped);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("requests", result->requests);
    fi_task_notices_json(notices);
    if (cli->quiet) {
        return;
    }
    if (result->checkpoints > 0) {
        fi_term_out_text("pulled ");
        fi_remotes_print_checkpoints(result->checkpoints);
        if (result->lines > 1) {
            fi_term_out_format(" of %s lines", fi_term_text_number(result->lines, number));
        }
        fi_remotes_print_traffic(result->bytes, result->requests);
    } else {
        fi_term_out_text("no new checkpoint to pull: ");
        fi_remotes_print_requests(result->requests);
    }
    if (result->skipped > 0) {
        fi_term_out_format("; %s could not be brought",
                           fi_term_text_number(result->skipped, number));
    }
    fi_term_out_text("\n");
}

static int
remotes_pull_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct pulling pulling = {.options = FIRN_PULL_OPTIONS_INIT, .result = FIRN_PULL_RESULT_INIT};
    struct fi_task_notices notices;
    int exit_code = fi_remotes_limit(cli, &pulling.options.bytes_per_second_max);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open(cli, &pulling.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    pulling.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    pulling.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_pull, &pulling, &err);
    cli->is_done = code == FIRN_OK;
    if (code == FIRN_OK || code == FIRN_CORRUPT) {
        show_result(cli, &pulling, &notices);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&pulling, code));
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(pulling.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 0, "SIZE", "use at most so many bytes a second (such as 5M)"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn pull", "bring what others have pushed to the only remote, or to origin"},
    {"firn diff origin/latest", "then compare their newest checkpoint with the disk"},
    {"firn restore origin/latest", "or restore it"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_pull = {
    .name = "pull",
    .summary = "Bring checkpoints that others have pushed to a remote",
    .arguments = "[REMOTE]",
    .options = options,
    .help = "Brings the checkpoints that other machines, or other workspaces of this one,\n"
            "have pushed to REMOTE (default: the only one, or origin) and that are not here\n"
            "yet. The directory and its own checkpoints stay as they are.\n"
            "\n"
            "What came is called REMOTE/REF, where REF is a number, an id, a time or latest,\n"
            "as in origin/latest or origin/12~1: firn show, diff, cat, grep, status, restore\n"
            "and export take it. What one workspace has pushed is a line of the remote. If\n"
            "several lines have such a checkpoint, the line's name or id comes in between, as\n"
            "in origin/ada@laptop:project/12; REMOTE/latest is the newest of all lines.\n"
            "\n"
            "All that comes is verified. If something is damaged in the remote, what does not\n"
            "need it comes nevertheless; the rest is named and the exit code is 5.\n"
            "\n"
            "firn fetch is another name for this command.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_pull_run,
};

const struct fi_command fi_remotes_pull_fetch = {
    .name = "fetch",
    .summary = "The same as pull, which changes no file either",
    .arguments = "[REMOTE]",
    .options = options,
    .help = "A pull changes neither the directory nor its checkpoints, so firn fetch and firn\n"
            "pull are the same: see firn help pull. firn restore REMOTE/latest restores what\n"
            "came.",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_pull_run,
};
