/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_delete.c: firn delete.
 */
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/out.h"
#include "cli/patience.h"
#include "cli/report.h"
#include "cli/text.h"

struct deleting {
    struct firn_cli *cli;
    firn_workspace *workspace;
    firn_delete_options options;
};

static int
visit(void *ctx, const firn_checkpoint *checkpoint)
{
    const struct deleting *deleting = ctx;
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    (void)firn_cli_workspace_name(checkpoint, name);
    if (deleting->cli->json) {
        firn_cli_workspace_checkpoint_json(NULL, checkpoint);
    } else if (deleting->cli->quiet) {
        firn_out_format("%s\n", name);
    } else {
        firn_out_format("%s %s  %.*s", deleting->options.dry_run ? "would delete" : "deleted", name,
                        FIRN_CHECKPOINT_ID_SHORT, checkpoint->id);
        if (checkpoint->message.size > 0) {
            firn_out_text("  ");
            firn_text_escape(checkpoint->message, firn_out_write);
        }
        firn_out_text("\n");
    }
    return FIRN_OK;
}

/* Where to look for what to name instead of the reference that is at fault. */
static const char *
hint(struct firn_cli *cli, firn_workspace *workspace, int code)
{
    const char *text = NULL;
    for (int i = 0; i < cli->argument_count && text == NULL; i++) {
        text = firn_cli_workspace_hint(workspace, cli->arguments[i], code);
    }
    return text;
}

static int
attempt_delete(void *ctx, firn_error *err)
{
    struct deleting *deleting = ctx;
    const struct firn_cli *cli = deleting->cli;
    return firn_workspace_delete(deleting->workspace, cli->arguments, (size_t)cli->argument_count,
                                 &deleting->options, visit, deleting, err);
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    struct deleting deleting = {.cli = cli, .options = FIRN_DELETE_OPTIONS_INIT};
    deleting.options.dry_run = firn_command_has(cli, "dry-run");
    int exit_code = firn_cli_workspace_open(cli, &deleting.workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (cli->json) {
        firn_json_out_array("deleted");
    }
    int code = firn_patience_run(cli, attempt_delete, &deleting, &err);
    if (code != FIRN_OK) {
        exit_code = firn_report_failure(cli, &err, hint(cli, deleting.workspace, code));
    } else if (cli->json) {
        firn_json_out_end();
    } else if (!cli->quiet && !deleting.options.dry_run) {
        firn_out_text("the space comes back with: firn gc\n");
    }
    firn_workspace_close(deleting.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would be deleted, delete nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn delete 12 13", "forget two checkpoints"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_delete = {
    .name = "delete",
    .summary = "Delete checkpoints",
    .arguments = "REF...",
    .options = options,
    .help = "Deletes the named checkpoints: all of them or, if one cannot be found, none.\n"
            "Their numbers are never given again. Other checkpoints keep everything that they\n"
            "share with them. The space comes back with: firn gc",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .run = run,
};
