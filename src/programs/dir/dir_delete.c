/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_delete.c: firn delete, firn undelete.
 */
#include "dir/dir.h"

#include <assert.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

struct deleting {
    struct fi_cli *cli;
    firn_workspace *workspace;
    bool is_dry;
    const char *done; /* what was done with each */
    uint64_t count;   /* told */
    char first[FI_SHOW_CHECKPOINT_NAME_SIZE];
};

static int
dir_delete_visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct deleting *deleting = ctx;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    (void)fi_show_checkpoint_name(checkpoint, name);
    if (deleting->count++ == 0) {
        memcpy(deleting->first, name, sizeof(name));
    }
    fi_show_checkpoint_json(NULL, checkpoint);
    if (deleting->cli->quiet) {
        fi_term_out_format("%s\n", name);
    } else {
        char names[FI_SHOW_CHECKPOINT_NAMES_SIZE];
        fi_term_out_format("%s %s", deleting->is_dry ? "would delete" : deleting->done,
                           fi_show_checkpoint_names(checkpoint, names));
        if (checkpoint->message.size > 0) {
            fi_term_out_text("  ");
            fi_term_width_cut(checkpoint->message, FI_SHOW_CHECKPOINT_MESSAGE_MAX,
                              fi_term_out_write);
        }
        fi_term_out_text("\n");
    }
    return FIRN_OK;
}

/* Where to look for what to name instead of the reference that is at fault. */
static const char *
dir_delete_hint(struct fi_cli *cli, firn_workspace *workspace, int code)
{
    assert(code != FIRN_OK);
    const char *text = NULL;
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    if (code == FIRN_CONFLICT && cli->argument_count > 0) {
        return firn_workspace_pending(workspace, &pending, NULL) == FIRN_OK && pending.is_pending
                   ? "firn pin lists pinned checkpoints, firn unpin unpins one; firn status "
                     "reports an interrupted restore"
                   : "firn pin lists pinned checkpoints, firn unpin unpins one";
    }
    for (int i = 0; i < cli->argument_count && text == NULL; i++) {
        text = fi_task_workspace_hint(workspace, cli->arguments[i], code);
    }
    return text;
}

static int
attempt_delete(void *ctx, firn_error *err)
{
    struct deleting *deleting = ctx;
    const struct fi_cli *cli = deleting->cli;
    assert(cli->argument_count > 0);
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    options.dry_run = deleting->is_dry;
    options.now = fi_command_has(cli, "now");
    return firn_workspace_delete(deleting->workspace, cli->arguments, (size_t)cli->argument_count,
                                 &options, dir_delete_visit, deleting, err);
}

static int
attempt_expire(void *ctx, firn_error *err)
{
    struct deleting *deleting = ctx;
    const struct fi_cli *cli = deleting->cli;
    assert(cli->argument_count == 0);
    firn_workspace_expire_options options = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    const char *keep = fi_command_value(cli, "keep");
    options.keep = keep != NULL ? keep : cli->settings.keep;
    options.dry_run = deleting->is_dry;
    return firn_workspace_expire(deleting->workspace, &options, dir_delete_visit, deleting, err);
}

static int
dir_delete_run(struct fi_cli *cli)
{
    firn_error err;
    struct deleting deleting = {
        .cli = cli, .is_dry = fi_command_has(cli, "dry-run"), .done = "deleted"};
    bool expires = fi_command_has(cli, "expired");
    if (expires ? cli->argument_count > 0 : cli->argument_count == 0) {
        return fi_command_misused(cli, expires ? "--expired takes no REF" : "missing REF");
    }
    const bool is_for_good = expires || fi_command_has(cli, "now");
    if (!expires && fi_command_value(cli, "keep") != NULL) {
        return fi_command_misused(cli, "--keep is for --expired");
    }
    int exit_code = fi_task_workspace_open(cli, &deleting.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_array("deleted");
    int code =
        fi_task_patience_run(cli, expires ? attempt_expire : attempt_delete, &deleting, &err);
    cli->is_done = code == FIRN_OK && !deleting.is_dry;
    if (code != FIRN_OK) {
        exit_code =
            fi_command_report_failure(cli, &err, dir_delete_hint(cli, deleting.workspace, code));
    } else {
        fi_term_json_end();
        if (!cli->quiet && deleting.count == 0) {
            fi_term_out_text("nothing has expired\n");
        } else if (!cli->quiet && !deleting.is_dry && is_for_good) {
            fi_term_out_text("free the space with: firn gc\n");
        } else if (!cli->quiet && !deleting.is_dry) {
            fi_term_out_format("bring back within 7 days with: firn undelete%s%s\n",
                               deleting.count == 1 ? " " : "",
                               deleting.count == 1 ? deleting.first : "");
        }
    }
    if (code == FIRN_OK && !deleting.is_dry) {
        fi_task_collect_if_due(deleting.workspace);
    }
    firn_workspace_close(deleting.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would be deleted, and delete nothing"},
    {"now", 0, NULL, "for good: firn undelete cannot bring them back"},
    {"expired", 0, NULL, "delete expired checkpoints"},
    {"keep", 0, "POLICY", "use POLICY for --expired instead of firn config keep"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn delete 12 13", "delete two checkpoints"},
    {"firn delete --expired -n", "show which checkpoints have expired"},
    {NULL, NULL},
};

const struct fi_command fi_dir_delete = {
    .name = "delete",
    .summary = "Delete checkpoints",
    .arguments = "[REF...]",
    .options = options,
    .help = "Deletes the given checkpoints; if one of them does not exist, none is deleted.\n"
            "Their numbers are not used again. For 7 days firn undelete brings them back (so\n"
            "does firn undo, if it is the last step), firn list --deleted lists them; then a\n"
            "save or firn gc frees what only they needed. firn gc --now does it at once; so\n"
            "does firn gc after firn delete --now.\n"
            "\n"
            "With --expired, deletes the checkpoints that have expired; every save does this\n"
            "too. POLICY, by default the setting keep, says which checkpoints stay. It is\n"
            "forever, or a list of rules, any of which keeps a checkpoint:\n"
            "\n"
            "    last:N        the newest N\n"
            "    all:SPAN      all within this time: 12h, 7d, 4w, 1y or forever\n"
            "    hourly:SPAN   the newest of each hour (UTC) within this time\n"
            "\n"
            "daily, weekly, monthly and yearly work like hourly. The default is 'all:1d\n"
            "hourly:7d daily:90d'. Age is counted back from the newest checkpoint. Gaps of\n"
            "more than a week between checkpoints do not count (more than two of the longest\n"
            "periods in POLICY, if that is longer). Under every policy the newest\n"
            "checkpoint stays, and so do those that are less than a day old, pinned (firn\n"
            "pin), tagged, or needed for an undo. Safety checkpoints expire when they are\n"
            "older than 7 days and not among the last 10. What has expired is not kept for\n"
            "firn undelete.\n"
            "\n"
            "Pinned checkpoints cannot be deleted by name either.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = dir_delete_run,
};

/* ---- bringing back ---- */

static int
attempt_undelete(void *ctx, firn_error *err)
{
    struct deleting *deleting = ctx;
    const struct fi_cli *cli = deleting->cli;
    return firn_workspace_undelete(deleting->workspace, cli->arguments, (size_t)cli->argument_count,
                                   dir_delete_visit, deleting, err);
}

static int
run_undelete(struct fi_cli *cli)
{
    firn_error err;
    struct deleting deleting = {.cli = cli, .done = "brought back"};
    int exit_code = fi_task_workspace_open(cli, &deleting.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_array("undeleted");
    int code = fi_task_patience_run(cli, attempt_undelete, &deleting, &err);
    cli->is_done = code == FIRN_OK;
    if (code == FIRN_OK) {
        fi_term_json_end();
    } else {
        exit_code = fi_command_report_failure(cli, &err,
                                              "firn list --deleted shows what can be brought back");
    }
    firn_workspace_close(deleting.workspace);
    return exit_code;
}

static const struct fi_command_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example undelete_examples[] = {
    {"firn undelete", "bring back what the last firn delete deleted"},
    {"firn undelete 12", "bring back checkpoint 12"},
    {NULL, NULL},
};

const struct fi_command fi_dir_delete_undo = {
    .name = "undelete",
    .summary = "Bring back deleted checkpoints",
    .arguments = "[REF...]",
    .options = no_options,
    .help = "Brings back checkpoints that firn delete deleted in the last 7 days, under their\n"
            "numbers and with their tags, unless a name of a tag is in use again. Without REF,\n"
            "brings back what was deleted last. REF is a number or the beginning of an id, as\n"
            "in firn list --deleted. What has expired, and what firn gc --now or firn forget\n"
            "ended, does not come back.",
    .examples = undelete_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_undelete,
};
