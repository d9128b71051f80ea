/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_check_remote.c: firn check --remote.
 */
#include "dir/dir.h"

#include <assert.h>

#include "task/task.h"
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
    switch (code) {
    case FIRN_CORRUPT:
        if (checking->result.broken == 0) {
            return checking->result.damaged > 0 && !checking->options.repair
                       ? "no checkpoint needs what is damaged; --repair takes it out"
                       : NULL;
        }
        return checking->options.repair
                   ? "this machine has not all that was lost: run this also where the others were "
                     "saved or pulled"
                   : "--repair sends again what this machine has of them; it may also run where "
                     "they were saved";
    case FIRN_NOT_FOUND:
    case FIRN_INVALID:
        return fi_task_remote_has(checking->workspace, NULL) ? "firn remote list shows the remotes"
                                                             : NULL;
    case FIRN_UNTRUSTED:
        return "firn --store STORE remote list shows them; if they are yours: firn trust STORE";
    case FIRN_IO:
        return "run this again when the storage can be reached";
    default:
        return NULL;
    }
}

static void
print_count(uint64_t count, const char *one, const char *several)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(count, number),
                       fi_term_text_plural(count, one, several));
}

/* "3 checkpoints, 2 packs with 153 KB: no damage; 153 KB read, 7 requests" */
static void
print_result(const firn_remote_check_result *result)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    print_count(result->checkpoints, "checkpoint", "checkpoints");
    fi_term_out_text(", ");
    print_count(result->packs, "pack", "packs");
    fi_term_out_format(" with %s: ", fi_term_text_size(result->bytes, size));
    if (result->damaged == 0 && result->broken == 0 && result->repaired == 0) {
        fi_term_out_text("no damage");
    } else {
        fi_term_out_format("%llu damaged", (unsigned long long)result->damaged);
    }
    if (result->repaired > 0) {
        fi_term_out_text(", ");
        print_count(result->repaired, "checkpoint", "checkpoints");
        fi_term_out_format(" repaired with %s", fi_term_text_size(result->sent, size));
    }
    if (result->broken > 0) {
        fi_term_out_text(", ");
        print_count(result->broken, "checkpoint", "checkpoints");
        fi_term_out_text(" cannot be restored");
    }
    fi_term_out_format("; %s read, ", fi_term_text_size(result->fetched, size));
    print_count(result->requests, "request", "requests");
    fi_term_out_text("\n");
}

static void
show_result(const struct fi_cli *cli, int code, const firn_remote_check_result *result)
{
    if (code != FIRN_OK && code != FIRN_CORRUPT && code != FIRN_NEWER) {
        return;
    }
    fi_term_json_u64("state", result->state);
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("damaged", result->damaged);
    fi_term_json_u64("broken", result->broken);
    fi_term_json_u64("repaired", result->repaired);
    fi_term_json_u64("sent", result->sent);
    fi_term_json_u64("fetched", result->fetched);
    fi_term_json_u64("requests", result->requests);
    if (!cli->quiet) {
        print_result(result);
    }
}

int
fi_dir_check_remote_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct checking checking = {.options = FIRN_REMOTE_CHECK_OPTIONS_INIT,
                                .result = FIRN_REMOTE_CHECK_RESULT_INIT};
    struct fi_task_notices notices;
    int exit_code = fi_task_workspace_open(cli, &checking.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    checking.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    checking.options.read_data = fi_command_has(cli, "data");
    checking.options.repair = fi_command_has(cli, "repair");
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
