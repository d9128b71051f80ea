/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_status.c: firn status.
 */
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/notices.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

static int
visit(void *ctx, const firn_change *change)
{
    const struct firn_cli *cli = ctx;
    firn_meter_clear();
    if (cli->json) {
        firn_cli_workspace_change_json(change);
    } else {
        firn_cli_workspace_change_print(change);
    }
    return firn_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static void
print_summary(const firn_status_result *result)
{
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    char number[FIRN_TEXT_NUMBER_SIZE];
    bool is_equal = result->added + result->changed + result->removed == 0;
    firn_out_format("compared with %s: ", firn_cli_workspace_name(&result->checkpoint, name));
    if (is_equal) {
        firn_out_text("no change");
    } else {
        firn_out_format("%s changed, ", firn_text_number(result->changed, number));
        firn_out_format("%s added, ", firn_text_number(result->added, number));
        firn_out_format("%s removed", firn_text_number(result->removed, number));
    }
    firn_out_format("; %s the same\n", firn_text_number(result->unchanged, number));
}

static void
show_result(struct firn_cli *cli, const firn_status_result *result,
            const struct firn_notices *notices)
{
    if (cli->json) {
        firn_json_out_end();
        firn_cli_workspace_checkpoint_json("checkpoint", &result->checkpoint);
        firn_json_out_u64("added", result->added);
        firn_json_out_u64("changed", result->changed);
        firn_json_out_u64("removed", result->removed);
        firn_json_out_u64("unchanged", result->unchanged);
        firn_json_out_u64("skipped", result->skipped);
        firn_notices_json(notices);
    } else if (!cli->quiet) {
        print_summary(result);
    }
}

static int
compare(struct firn_cli *cli, firn_workspace *workspace, const char *reference,
        const struct firn_cli_workspace_paths *paths)
{
    firn_error err;
    firn_status_options options = FIRN_STATUS_OPTIONS_INIT;
    firn_status_result result;
    struct firn_notices notices;
    int exit_code;
    firn_notices_init(&notices, cli);
    options.reference = reference;
    options.paths = paths->slices;
    options.path_count = paths->count;
    options.callbacks = firn_notices_callbacks(&notices);
    if (cli->json) {
        firn_json_out_array("changes");
    }
    int code = firn_workspace_status(workspace, &options, visit, cli, &result, &err);
    firn_meter_clear();
    if (code != FIRN_OK) {
        const char *name = reference != NULL ? reference : "latest";
        exit_code = firn_report_failure(cli, &err, firn_cli_workspace_hint(workspace, name, code));
    } else {
        show_result(cli, &result, &notices);
        exit_code = firn_notices_exit(&notices);
    }
    firn_notices_deinit(&notices);
    return exit_code;
}

static int
run(struct firn_cli *cli)
{
    firn_workspace *workspace = NULL;
    struct firn_cli_workspace_paths paths = {NULL, 0};
    bool has_reference = cli->arguments_before_dashes > 0;
    int exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_workspace_paths_init(cli, workspace, has_reference ? 1 : 0, &paths);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = compare(cli, workspace, has_reference ? cli->arguments[0] : NULL, &paths);
    }
    firn_cli_workspace_paths_deinit(&paths);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_example examples[] = {
    {"firn status", "what changed since the newest checkpoint"},
    {"firn status 12 src", "what changed in src since checkpoint 12"},
    {"firn status -- src", "what changed in src since the newest checkpoint"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_status = {
    .name = "status",
    .summary = "Show what changed in the workspace since a checkpoint",
    .arguments = "[REF] [PATH...]",
    .help = "Compares the workspace, or only PATHs and what is below them, with the\n"
            "checkpoint REF (latest, if it is left out) and prints one row for each\n"
            "difference: added, changed (content, link target or kind), metadata (only mode,\n"
            "owner, time or attributes), removed. Times of directories do not count. The exit\n"
            "code is 0, with differences or without.\n"
            "\n"
            "To give paths without REF write -- before them. Nothing is written anywhere.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
