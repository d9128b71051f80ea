/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_pull.c: firn pull, also called firn fetch.
 *
 * A pull changes neither the directory nor its checkpoints, so it does what a fetch of git does;
 * those who look for that name find it.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <string.h>

#include "term/term.h"

static int
attempt_pull(void *ctx, firn_error *err)
{
    struct fi_remotes_pull_request *request = ctx;
    fi_task_notices_again(request->notices);
    return firn_workspace_pull(request->workspace, request->remote, &request->options,
                               &request->result, err);
}

int
fi_remotes_pull_attempt(struct fi_cli *cli, struct fi_remotes_pull_request *request,
                        firn_error *err)
{
    assert(request->workspace != NULL && request->notices != NULL);
    request->options.callbacks = fi_task_notices_callbacks(request->notices);
    return fi_task_patience_run(cli, attempt_pull, request, err);
}

/* Each of the checkpoints, which come by themselves; the results are added up. */
static int
pull_references(struct fi_cli *cli, struct fi_remotes_pull_request *request, firn_error *err)
{
    firn_pull_result sum = FIRN_PULL_RESULT_INIT;
    int code = FIRN_OK;
    for (int i = 1; i < cli->argument_count && code == FIRN_OK; i++) {
        request->result = (firn_pull_result)FIRN_PULL_RESULT_INIT;
        request->options.reference = cli->arguments[i];
        code = fi_remotes_pull_attempt(cli, request, err);
        sum.checkpoints += request->result.checkpoints;
        sum.lines += request->result.lines;
        sum.skipped += request->result.skipped;
        sum.bytes += request->result.bytes;
        sum.requests += request->result.requests;
    }
    request->result = sum;
    return code;
}

/* has_references: how many lines have them is not known. */
static void
print_result(const firn_pull_result *result, bool has_references)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (result->checkpoints > 0) {
        fi_term_out_text("pulled ");
        fi_remotes_print_checkpoints(result->checkpoints);
        if (result->lines > 1 && !has_references) {
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

bool
fi_remotes_pull_has_result(int code)
{
    return code == FIRN_OK || code == FIRN_CORRUPT || code == FIRN_LIMIT;
}

void
fi_remotes_pull_show(const struct fi_cli *cli, const struct fi_remotes_pull_request *request)
{
    const firn_pull_result *result = &request->result;
    fi_term_json_u64("checkpoints", result->checkpoints);
    if (request->options.reference == NULL) {
        fi_term_json_u64("lines", result->lines);
    }
    fi_term_json_u64("skipped", result->skipped);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("requests", result->requests);
    fi_task_notices_json(request->notices);
    if (!cli->quiet) {
        print_result(result, request->options.reference != NULL);
    }
}

/* Whether the first word is a checkpoint, not a remote: "12", "origin/12". */
static bool
is_reference(const struct fi_remotes_pull_request *request, int code)
{
    return code == FIRN_NOT_FOUND && request->remote != NULL &&
           !fi_task_remote_has(request->workspace, request->remote) &&
           (fi_task_remote_is_meant(request->workspace, request->remote) ||
            strspn(request->remote, "0123456789") == strlen(request->remote));
}

static const char *
hint_of(const struct fi_remotes_pull_request *request, int code)
{
    if (is_reference(request, code)) {
        return "the first word is the remote, those after it are checkpoints: firn pull REMOTE REF";
    }
    if (request->options.reference != NULL && (code == FIRN_CORRUPT || code == FIRN_NOT_FOUND) &&
        fi_task_remote_has(request->workspace, request->remote)) {
        return fi_task_remote_away_hint(code);
    }
    switch (code) {
    case FIRN_CANCELLED:
        return "no checkpoint came; the next pull uses what was fetched";
    case FIRN_CORRUPT:
        return "the damage is in the remote; what came is whole, and another pull brings the rest "
               "if the remote is mended";
    case FIRN_LIMIT:
        return "what came is whole; --trust brings the rest, if you trust those who pushed it";
    default:
        return fi_remotes_hint(request->workspace, request->remote, code);
    }
}

static int
remotes_pull_run(struct fi_cli *cli)
{
    firn_error err;
    struct fi_task_notices notices;
    struct fi_remotes_pull_request request = {
        .options = FIRN_PULL_OPTIONS_INIT, .result = FIRN_PULL_RESULT_INIT, .notices = &notices};
    int exit_code = fi_remotes_limit(cli, &request.options.bytes_per_second_max);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open(cli, &request.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    request.options.trust = fi_command_has(cli, "trust");
    request.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    int code = cli->argument_count > 1 ? pull_references(cli, &request, &err)
                                       : fi_remotes_pull_attempt(cli, &request, &err);
    cli->is_done = code == FIRN_OK;
    /* Without a request the store could not be opened. */
    if ((fi_remotes_pull_has_result(code) && request.result.requests > 0) ||
        request.result.checkpoints > 0) {
        fi_remotes_pull_show(cli, &request);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&request, code));
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(request.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 0, "SIZE", "use at most so many bytes a second (such as 5M)"},
    {"trust", 0, NULL, "bring also what stands for far more than its bytes"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn pull", "bring what others have pushed to the only remote, or to origin"},
    {"firn diff origin/latest", "then compare their newest checkpoint with the disk"},
    {"firn restore origin/latest", "or restore it"},
    {"firn pull nas v1.0", "bring the checkpoint v1.0 of nas alone"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_pull = {
    .name = "pull",
    .summary = "Bring checkpoints that others have pushed to a remote",
    .arguments = "[REMOTE] [REF...]",
    .options = options,
    .help = "Brings the checkpoints that other machines, or other workspaces of this one,\n"
            "have pushed to REMOTE (default: the only one, or origin) and that are not here\n"
            "yet; or only the checkpoints REF, each with what it needs and no more. The\n"
            "directory and its own checkpoints stay as they are.\n"
            "\n"
            "What came is called REMOTE/REF, where REF is a number, an id, a time or latest,\n"
            "as in origin/latest or origin/12~1: firn show, diff, cat, grep, status, restore\n"
            "and export take it. What one workspace has pushed is a line of the remote. If\n"
            "several lines have such a checkpoint, the line's name or id comes in between, as\n"
            "in origin/ada@laptop:project/12; REMOTE/latest is the newest of all lines.\n"
            "\n"
            "All that comes is verified. If something is damaged in the remote, what does not\n"
            "need it comes nevertheless; the rest is named and the exit code is 5. A\n"
            "checkpoint that stands for far more files than its bytes account for, as only\n"
            "somebody who means harm makes it, or one with huge empty files, is left out,\n"
            "unless --trust is given.\n"
            "\n"
            "firn fetch is another name for this command.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_pull_run,
};

const struct fi_command fi_remotes_pull_fetch = {
    .name = "fetch",
    .summary = "The same as pull, which changes no file either",
    .arguments = "[REMOTE] [REF...]",
    .options = options,
    .help = "A pull changes neither the directory nor its checkpoints, so firn fetch and firn\n"
            "pull are the same: see firn help pull. firn restore REMOTE/latest restores what\n"
            "came.",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_pull_run,
};
