/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_rekey.c: firn gc --rekey --remote.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <time.h>

#include "task/task.h"
#include "term/term.h"

struct rekeying {
    firn_workspace *workspace;
    const char *remote;
    firn_remote_rekey_options options;
    firn_remote_rekey_result result;
};

static int
attempt_rekey(void *ctx, firn_error *err)
{
    struct rekeying *rekeying = ctx;
    fi_task_notices_again(rekeying->options.callbacks.ctx);
    return firn_remote_rekey(rekeying->workspace, rekeying->remote, &rekeying->options,
                             &rekeying->result, err);
}

static const char *
hint_of(const struct rekeying *rekeying, int code)
{
    switch (code) {
    case FIRN_CANCELLED:
    case FIRN_IO:
        return "what was written anew stays: the same command, given again, goes on";
    case FIRN_CORRUPT:
        return "firn check --remote --repair repairs what is damaged or missing there; then give "
               "this command again";
    default:
        return fi_remotes_hint(rekeying->workspace, rekeying->remote, code);
    }
}

static void
show_json(const firn_remote_rekey_result *result)
{
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("states", result->states);
    fi_term_json_u64("left_packs", result->left_packs);
    fi_term_json_u64("left_states", result->left_states);
    fi_term_json_u64("left_s", (uint64_t)result->left_s);
    fi_term_json_bool("done", result->is_done);
    fi_term_json_u64("requests", result->requests);
}

static void
show_left(const firn_remote_rekey_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char when[FI_TERM_TEXT_TIME_SIZE];
    const int64_t due_s = (int64_t)time(NULL) + result->left_s;
    if (result->left_packs > 0) {
        fi_term_out_format("%s %s left that older keys open: the same command, given again, goes "
                           "on\n",
                           fi_term_text_number(result->left_packs, number),
                           fi_term_text_plural(result->left_packs, "pack is", "packs are"));
    } else if (result->left_states > 0) {
        fi_term_out_format("%s %s left that older keys open: from %s on, the same command, given "
                           "again, removes them\n",
                           fi_term_text_number(result->left_states, number),
                           fi_term_text_plural(result->left_states, "state is", "states are"),
                           fi_term_text_time(due_s * 1000000000, when));
    }
}

static void
show_result(const firn_remote_rekey_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("%s %s written anew, %s", fi_term_text_number(result->packs, number),
                       fi_term_text_plural(result->packs, "pack", "packs"),
                       fi_term_text_size(result->bytes, size));
    if (result->states > 0) {
        fi_term_out_format(", %s old %s removed", fi_term_text_number(result->states, number),
                           fi_term_text_plural(result->states, "state", "states"));
    }
    fi_term_out_text(": ");
    fi_remotes_print_requests(result->requests);
    fi_term_out_text("\n");
    if (result->is_done) {
        fi_term_out_text("older keys of the remote open nothing any more\n");
    }
    show_left(result);
}

int
fi_remotes_rekey_run(struct fi_cli *cli)
{
    assert(fi_command_has(cli, "remote"));
    firn_error err;
    struct rekeying rekeying = {.options = FIRN_REMOTE_REKEY_OPTIONS_INIT,
                                .result = FIRN_REMOTE_REKEY_RESULT_INIT,
                                .remote = fi_command_value(cli, "remote")};
    struct fi_task_notices notices;
    int exit_code = fi_task_workspace_open(cli, &rekeying.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    rekeying.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_rekey, &rekeying, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&rekeying, code));
    } else {
        show_json(&rekeying.result);
        if (!cli->quiet) {
            show_result(&rekeying.result);
        }
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(rekeying.workspace);
    return exit_code;
}
