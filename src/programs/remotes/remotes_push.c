/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_push.c: firn push.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

struct pushing {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    firn_push_options options;
    firn_push_result result;
};

static int
attempt_push(void *ctx, firn_error *err)
{
    struct pushing *pushing = ctx;
    pushing->result = (firn_push_result)FIRN_PUSH_RESULT_INIT;
    fi_task_notices_again(pushing->options.callbacks.ctx);
    return firn_workspace_push(pushing->workspace, pushing->remote, &pushing->options,
                               &pushing->result, err);
}

/* The reference that names no checkpoint, or none of this workspace. */
static const char *
find_wrong(const struct pushing *pushing)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < pushing->options.reference_count; i++) {
        const char *reference = pushing->options.references[i];
        if (firn_workspace_find(pushing->workspace, reference, NULL, NULL) != FIRN_OK) {
            return reference;
        }
        wrong = wrong == NULL && strchr(reference, '/') != NULL ? reference : wrong;
    }
    return wrong;
}

static const char *
hint_of(const struct pushing *pushing, int code)
{
    bool is_no_remote = pushing->remote != NULL && code == FIRN_NOT_FOUND &&
                        fi_task_remote_has(pushing->workspace, NULL) &&
                        !fi_task_remote_has(pushing->workspace, pushing->remote);
    if (is_no_remote &&
        firn_workspace_find(pushing->workspace, pushing->remote, NULL, NULL) == FIRN_OK) {
        return "the first word is the remote, those after it are checkpoints: firn push REMOTE REF";
    }
    const char *wrong = is_no_remote ? NULL : find_wrong(pushing);
    const char *hint =
        wrong != NULL ? fi_task_workspace_hint(pushing->workspace, wrong, code) : NULL;
    if (hint != NULL) {
        return hint;
    }
    switch (code) {
    case FIRN_CANCELLED:
        return "nothing was pushed; the next push uses what was sent";
    case FIRN_IO:
        return "nothing is lost: run this again, and it uses what was sent";
    case FIRN_CORRUPT:
        return "nothing was pushed; firn check --data says whether the store is damaged, "
               "otherwise the remote is";
    default:
        return fi_remotes_hint(pushing->workspace, pushing->remote, code);
    }
}

static void
show_result(const struct fi_cli *cli, const struct pushing *pushing,
            const struct fi_task_notices *notices)
{
    const firn_push_result *result = &pushing->result;
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("objects", result->objects);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("requests", result->requests);
    if (pushing->options.automatic) {
        fi_term_json_bool("due", result->is_due);
    }
    fi_task_notices_json(notices);
    if (cli->quiet) {
        return;
    }
    if (pushing->options.automatic && !result->is_due) {
        fi_term_out_text(
            "nothing to do: all is pushed, or the last try has just failed, or another "
            "push waits already\n");
        return;
    }
    if (result->checkpoints > 0) {
        fi_term_out_text("pushed ");
        fi_remotes_print_checkpoints(result->checkpoints);
        fi_remotes_print_traffic(result->bytes, result->requests);
    } else {
        fi_term_out_text("no new checkpoint to push: ");
        fi_remotes_print_requests(result->requests);
    }
    fi_term_out_text("\n");
}

static int
remotes_push_run(struct fi_cli *cli)
{
    firn_error err;
    struct pushing pushing = {.options = FIRN_PUSH_OPTIONS_INIT, .result = FIRN_PUSH_RESULT_INIT};
    struct fi_task_notices notices;
    const bool is_auto = fi_command_has(cli, "auto");
    if (is_auto && cli->argument_count > 1) {
        return fi_command_misused(cli, "--auto pushes all that is new: it takes no REF");
    }
    int exit_code = fi_remotes_limit(cli, &pushing.options.bytes_per_second_max);
    if (exit_code == FI_EXIT_OK) {
        bool is_untrusted;
        exit_code = is_auto ? fi_task_workspace_open_unasked(cli, &pushing.workspace, &is_untrusted)
                            : fi_task_workspace_open(cli, &pushing.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    if (cli->argument_count > 0) {
        pushing.remote = cli->arguments[0];
        pushing.options.references = cli->arguments + 1;
        pushing.options.reference_count = (size_t)cli->argument_count - 1;
    }
    pushing.options.callbacks = fi_task_notices_callbacks(&notices);
    pushing.options.automatic = is_auto;
    /* An automatic push waits by itself. */
    int code = is_auto ? attempt_push(&pushing, &err)
                       : fi_task_patience_run(cli, attempt_push, &pushing, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&pushing, code));
    } else {
        show_result(cli, &pushing, &notices);
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(pushing.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 0, "SIZE", "use at most so many bytes a second (such as 5M)"},
    {"auto", 0, NULL, "push only what is due, after a push that is running"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn push", "send what is new to the only remote, or to origin"},
    {"firn push nas v1.0", "send the checkpoint v1.0 to the remote nas"},
    {"firn push --limit 5M", "leave some of the line to others"},
    {"firn config push.auto origin", "push to origin after each save"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_push = {
    .name = "push",
    .summary = "Send checkpoints to a remote",
    .arguments = "[REMOTE] [REF...]",
    .options = options,
    .help = "Sends the checkpoints of the workspace that were made since the last push, with\n"
            "its tags, to REMOTE (default: the only one, or origin); or only the checkpoints\n"
            "REF. What the remote already has is not sent again. Safety checkpoints stay on\n"
            "this machine. On the other machines, firn pull brings what was pushed.\n"
            "\n"
            "If the exit code is 0 the checkpoints are in the remote; otherwise none is, and\n"
            "the next push uses what was sent. Other machines can push and pull at the same\n"
            "time. A checkpoint that was removed from the remote is not sent again unless it\n"
            "is named.\n"
            "\n"
            "The last line shows how many checkpoints were new to the remote, how much was\n"
            "sent, and how many requests the storage was asked: most storages charge for\n"
            "these.\n"
            "\n"
            "If firn config push.auto names a remote, firn save, watch, mcp and the hooks\n"
            "start firn push --auto in the background after each save; firn watch --push and\n"
            "firn hook install --push do so without that setting. It waits while another push\n"
            "of the store runs, and ends if another one waits already. What is not pushed\n"
            "while the machine is offline goes up after a later save: firn status says how\n"
            "many checkpoints that are, and why the last try failed. After a failure the next\n"
            "5 seconds nothing is tried, and twice as long after each further one, 5 minutes\n"
            "at most. A firn push without --auto tries at once.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_push_run,
};
