/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_check.c: firn check --remote.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <string.h>

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

/* A name has no slash. */
static bool
is_url(const char *remote)
{
    return remote != NULL && strchr(remote, '/') != NULL;
}

/* Without the key nothing can be sent, and for a URL the store has nothing to send. */
static int
refuse_repair(struct fi_cli *cli, bool is_url)
{
    if (!fi_command_has(cli, "repair")) {
        return FI_EXIT_OK;
    }
    if (fi_command_has(cli, "no-key")) {
        return fi_command_misused(cli, "--repair needs the key of the remote: leave out --no-key");
    }
    return is_url ? fi_command_misused(cli, "--repair needs the name of a remote: firn remote add "
                                            "gives it one")
                  : FI_EXIT_OK;
}

/* With the key, if the remote has one. */
static int
run_check(struct fi_cli *cli, struct checking *checking, bool *out_is_denied, firn_error *err)
{
    int code = fi_task_patience_run(cli, attempt_check, checking, err);
    fi_term_meter_clear();
    *out_is_denied = code == FIRN_DENIED && fi_command_key_nobody_answered();
    return code;
}

/* Returns an exit code. */
static int
check_remote(struct fi_cli *cli, struct checking *checking, struct fi_task_notices *notices)
{
    firn_error err;
    struct fi_remotes_locked locked = {.workspace = checking->workspace,
                                       .remote = checking->remote,
                                       .is_url = is_url(checking->remote),
                                       .read_data = checking->options.read_data,
                                       .bytes_per_second_max =
                                           checking->options.bytes_per_second_max,
                                       .callbacks = checking->options.callbacks};
    const bool repairs = checking->options.repair;
    bool is_locked = locked.is_url || fi_command_has(cli, "no-key");
    bool is_denied = false;
    int code = is_locked ? fi_remotes_locked_run(cli, &locked, &err) : FIRN_INVALID;
    if (code == FIRN_INVALID && !locked.is_url) { /* --no-key, and the remote is in clear */
        is_locked = false;
        code = run_check(cli, checking, &is_denied, &err);
        if (is_denied && !repairs) {
            is_locked = true;
            code = fi_remotes_locked_run(cli, &locked, &err);
        }
    }
    const char *hint = is_locked              ? fi_remotes_locked_hint(&locked, code)
                       : is_denied && repairs ? "a repair needs the key; without it, firn check "
                                                "--remote --no-key --data looks for damage"
                       : code == FIRN_OK      ? NULL
                                              : hint_of(checking, code);
    int exit_code = FI_EXIT_OK;
    if (is_locked) {
        exit_code = fi_remotes_locked_show(cli, &locked, code, &err);
    } else {
        show_result(cli, code, &checking->result);
    }
    fi_task_notices_json(notices);
    return code == FIRN_OK ? exit_code : fi_command_report_failure(cli, &err, hint);
}

int
fi_remotes_check_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    struct checking checking = {.options = FIRN_REMOTE_CHECK_OPTIONS_INIT,
                                .result = FIRN_REMOTE_CHECK_RESULT_INIT};
    struct fi_task_notices notices;
    checking.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    int exit_code = fi_remotes_limit(cli, &checking.options.bytes_per_second_max);
    if (exit_code == FI_EXIT_OK) {
        exit_code = refuse_repair(cli, is_url(checking.remote));
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open(cli, &checking.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    checking.options.read_data = fi_command_has(cli, "data");
    checking.options.repair = fi_command_has(cli, "repair");
    checking.options.drop_broken = fi_command_has(cli, "drop-broken");
    checking.options.callbacks = fi_task_notices_callbacks(&notices);
    exit_code = check_remote(cli, &checking, &notices);
    fi_task_notices_deinit(&notices);
    firn_workspace_close(checking.workspace);
    return exit_code;
}
