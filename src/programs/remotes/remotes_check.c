/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_check.c: firn check --remote.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>

#include "term/term.h"

struct checking {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    firn_remote_check_options options;
    firn_remote_check_result result;
};

static int
attempt_check(void *ctx, firn_error *err)
{
    struct checking *checking = ctx;
    fi_task_notices_again(checking->options.callbacks.ctx);
    return firn_remote_check(checking->workspace, checking->remote, &checking->options,
                             &checking->result, err);
}

static const char *
hint_of(const struct checking *checking, int code)
{
    const firn_remote_check_result *result = &checking->result;
    const bool repairs = checking->options.repair;
    if (code != FIRN_CORRUPT) {
        return fi_remotes_hint(checking->workspace, checking->remote, code);
    }
    if (result->broken == 0) {
        return result->damaged > 0 && !repairs
                   ? "no checkpoint needs what is damaged; --repair puts that right"
                   : NULL;
    }
    return repairs ? "this machine has not all that was lost: run this also where the others were "
                     "saved or pulled; --drop-broken removes what no machine has"
                   : "--repair sends again what this machine has of them; it may also run where "
                     "they were saved";
}

/* "3 checkpoints, 2 packs with 153 KB: no damage; 153 KB read, 7 requests" */
static void
print_result(const firn_remote_check_result *result)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_remotes_print_checkpoints(result->checkpoints);
    fi_term_out_format(", %s %s with %s: ", fi_term_text_number(result->packs, number),
                       fi_term_text_plural(result->packs, "pack", "packs"),
                       fi_term_text_size(result->bytes, size));
    if (result->damaged == 0 && result->broken + result->repaired + result->dropped == 0) {
        fi_term_out_text("no damage");
    } else {
        fi_term_out_format("%llu damaged", (unsigned long long)result->damaged);
    }
    if (result->repaired > 0) {
        fi_term_out_text(", ");
        fi_remotes_print_checkpoints(result->repaired);
        fi_term_out_format(" repaired with %s", fi_term_text_size(result->sent, size));
    }
    if (result->dropped > 0) {
        fi_term_out_text(", ");
        fi_remotes_print_checkpoints(result->dropped);
        fi_term_out_text(" dropped");
    }
    if (result->broken > 0) {
        fi_term_out_text(", ");
        fi_remotes_print_checkpoints(result->broken);
        fi_term_out_text(" cannot be restored");
    }
    fi_term_out_format("; %s read, ", fi_term_text_size(result->fetched, size));
    fi_remotes_print_requests(result->requests);
    fi_term_out_text("\n");
}

static void
show_result(const struct fi_cli *cli, int code, const firn_remote_check_result *result)
{
    /* Without a request the store could not be opened. */
    if ((code != FIRN_OK && code != FIRN_CORRUPT && code != FIRN_NEWER) || result->requests == 0) {
        return;
    }
    fi_term_json_u64("state", result->state);
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("damaged", result->damaged);
    fi_term_json_u64("broken", result->broken);
    fi_term_json_u64("repaired", result->repaired);
    fi_term_json_u64("dropped", result->dropped);
    fi_term_json_u64("sent", result->sent);
    fi_term_json_u64("fetched", result->fetched);
    fi_term_json_u64("requests", result->requests);
    if (!cli->quiet) {
        print_result(result);
    }
}

int
fi_remotes_check_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct checking checking = {.options = FIRN_REMOTE_CHECK_OPTIONS_INIT,
                                .result = FIRN_REMOTE_CHECK_RESULT_INIT};
    struct fi_task_notices notices;
    int exit_code = fi_remotes_limit(cli, &checking.options.bytes_per_second_max);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open(cli, &checking.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    checking.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    checking.options.read_data = fi_command_has(cli, "data");
    checking.options.repair = fi_command_has(cli, "repair");
    checking.options.drop_broken = fi_command_has(cli, "drop-broken");
    checking.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_check, &checking, &err);
    fi_term_meter_clear();
    show_result(cli, code, &checking.result);
    fi_task_notices_json(&notices);
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&checking, code));
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(checking.workspace);
    return exit_code;
}
