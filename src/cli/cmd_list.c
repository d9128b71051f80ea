/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_list.c: firn list.
 */
#include "cli/cli_pending.h"
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

struct listing {
    const struct firn_cli *cli;
    uint64_t count;
};

static void
print_row(const firn_checkpoint *checkpoint)
{
    char name[FIRN_TEXT_NUMBER_SIZE] = "-";
    char time[FIRN_TEXT_TIME_SIZE];
    char files[FIRN_TEXT_NUMBER_SIZE];
    char bytes[FIRN_TEXT_SIZE_SIZE];
    if (!checkpoint->is_safety) {
        (void)firn_cli_workspace_name(checkpoint, name);
    }
    firn_out_format("%4s  %.*s  %s  %9s %s  %8s", name, FIRN_CHECKPOINT_ID_SHORT, checkpoint->id,
                    firn_text_time(checkpoint->created_ns, time),
                    firn_text_number(checkpoint->files, files),
                    firn_text_plural(checkpoint->files, "file ", "files"),
                    firn_text_size(checkpoint->bytes, bytes));
    if (checkpoint->message.size > 0) {
        firn_out_text("  ");
        firn_text_escape(checkpoint->message, firn_out_write);
    }
    firn_out_text("\n");
}

static int
visit(void *ctx, const firn_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    listing->count++;
    if (listing->cli->json) {
        firn_cli_workspace_checkpoint_json(NULL, checkpoint);
    } else if (listing->cli->quiet) {
        firn_out_format("%s\n", firn_cli_workspace_name(checkpoint, name));
    } else {
        print_row(checkpoint);
    }
    return firn_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    struct listing listing = {cli, 0};
    firn_list_options options = FIRN_LIST_OPTIONS_INIT;
    const char *limit = firn_command_value(cli, "limit");
    options.include_safety = firn_command_has(cli, "all");
    if (limit != NULL && !firn_command_number(limit, UINT64_MAX, &options.limit)) {
        return firn_command_misused(cli, "--limit takes a whole number from 0 on, not '%s'", limit);
    }
    int exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (cli->json) {
        firn_json_out_array("checkpoints");
    }
    if (firn_workspace_list(workspace, &options, visit, &listing, &err) != FIRN_OK) {
        exit_code = firn_report_failure(cli, &err, NULL);
    } else {
        if (cli->json) {
            firn_json_out_end();
        } else if (listing.count == 0 && options.limit > 0 && !cli->quiet) {
            firn_out_text("no checkpoints\n");
        }
        exit_code = firn_cli_pending_tell(cli, workspace);
    }
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"limit", 0, "N", "only the newest N"},
    {"all", 'a', NULL, "also the safety checkpoints that restores took"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn list --limit 5", "the five newest"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_list = {
    .name = "list",
    .summary = "List the checkpoints of the workspace, newest first",
    .arguments = "",
    .options = options,
    .help = "One row a checkpoint: its number, the beginning of its id, when it was made\n"
            "(UTC), how many files and bytes it holds, and its message. With --quiet only\n"
            "numbers. A safety checkpoint, listed by --all, has no number; it is named by its\n"
            "id.\n"
            "\n"
            "This command creates nothing, also where nothing was ever saved.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run,
};
