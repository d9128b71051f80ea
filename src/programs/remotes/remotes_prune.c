/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_prune.c: firn remote prune.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"

struct pruning {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    firn_prune_options options;
    firn_prune_result result;
};

static int
attempt_prune(void *ctx, firn_error *err)
{
    struct pruning *pruning = ctx;
    fi_task_notices_again(pruning->options.callbacks.ctx);
    return firn_remote_prune(pruning->workspace, pruning->remote, &pruning->options,
                             &pruning->result, err);
}

static const char *
hint_of(const struct pruning *pruning, int code)
{
    switch (code) {
    case FIRN_CANCELLED:
    case FIRN_IO:
        return "what nothing needs is removed by the next prune";
    case FIRN_CORRUPT:
        return "nothing was removed: firn check --remote says what is damaged or missing there";
    case FIRN_INVALID:
        return pruning->options.keep != NULL
                   ? "firn help config explains policies"
                   : fi_remotes_hint(pruning->workspace, pruning->remote, code);
    default:
        return fi_remotes_hint(pruning->workspace, pruning->remote, code);
    }
}

static void
show_result(const struct fi_cli *cli, const struct pruning *pruning)
{
    const firn_prune_result *result = &pruning->result;
    const bool is_dry = pruning->options.dry_run;
    char removed[FI_TERM_TEXT_SIZE_SIZE];
    char left[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("removed_checkpoints", result->removed_checkpoints);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("removed_packs", result->removed_packs);
    fi_term_json_u64("removed_bytes", result->removed_bytes);
    fi_term_json_u64("requests", result->requests);
    if (cli->quiet) {
        return;
    }
    fi_term_out_text(is_dry ? "would remove " : "removed ");
    fi_remotes_print_checkpoints(result->removed_checkpoints);
    fi_term_out_format(" and %s of packs; ", fi_term_text_size(result->removed_bytes, removed));
    fi_remotes_print_checkpoints(result->checkpoints);
    fi_term_out_format(" with %s stay: ", fi_term_text_size(result->bytes, left));
    fi_remotes_print_requests(result->requests);
    fi_term_out_text("\n");
}

static int
remotes_prune_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct pruning pruning = {.options = FIRN_PRUNE_OPTIONS_INIT, .result = FIRN_PRUNE_RESULT_INIT};
    struct fi_task_notices notices;
    int exit_code = fi_task_workspace_open(cli, &pruning.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    pruning.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    pruning.options.keep = fi_command_value(cli, "keep");
    pruning.options.dry_run = fi_command_has(cli, "dry-run");
    pruning.options.now = fi_command_has(cli, "now");
    pruning.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_prune, &pruning, &err);
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(&pruning, code));
    } else {
        show_result(cli, &pruning);
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(pruning.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"keep", 0, "POLICY", "remove checkpoints that this policy does not keep"},
    {"dry-run", 'n', NULL, "show what would go; remove nothing"},
    {"now", 0, NULL, "remove files that no push has named yet, however young"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn remote prune", "remove what no checkpoint of the remote needs"},
    {"firn remote prune nas --keep 'all:7d daily:1y' -n", "see what a policy would remove"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_prune = {
    .name = "prune",
    .summary = "Remove from a remote what nothing needs",
    .arguments = "[REMOTE]",
    .options = options,
    .help = "Removes packs that no checkpoint of REMOTE needs (default: the only one, or\n"
            "origin). With --keep, checkpoints that the policy does not keep go first, of\n"
            "each line by itself; the newest of each line stays, and so does one that has a\n"
            "tag, or is younger than a day. See firn help config for policies.\n"
            "\n"
            "Any machine can do this at any time, while others push and pull. The checkpoints\n"
            "of the remote alone count, not what this machine has. What an interrupted push\n"
            "has left goes after a day; with --now, at once: a push that runs meanwhile sends\n"
            "it again. If anything there is damaged, nothing is removed.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = remotes_prune_run,
};
