/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_restore.c: firn restore, and what undo shares with it.
 *
 * The first word is always the checkpoint, all others are paths. Without a checkpoint nothing is
 * done: there is no default state to which somebody's files may be set back. Output that cannot be
 * written does not stop a restore that has begun.
 */
#include "cli/cmd_restore.h"

#include "cli/cli_change.h"
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/notices.h"
#include "cli/out.h"
#include "cli/patience.h"
#include "cli/report.h"
#include "cli/text.h"

static int
attempt_restore(void *ctx, firn_error *err)
{
    struct firn_cmd_restore_request *request = ctx;
    if (request->reference == NULL) {
        return firn_workspace_undo(request->workspace, &request->options, &request->result, err);
    }
    return firn_workspace_restore(request->workspace, request->reference, &request->options,
                                  &request->result, err);
}

/* The changes, for a dry run; with --json also for a real one. */
static int
visit(void *ctx, const firn_change *change)
{
    const struct firn_notices *notices = ctx;
    firn_meter_clear();
    if (notices->cli->json) {
        firn_cli_change_json(change);
    } else {
        firn_cli_change_print(change);
    }
    return FIRN_OK;
}

static void
print_counts(const firn_restore_result *result)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    firn_out_format("%s changed, ", firn_text_number(result->changed, number));
    firn_out_format("%s added, ", firn_text_number(result->added, number));
    firn_out_format("%s removed", firn_text_number(result->removed, number));
}

static void
print_result(const struct firn_cmd_restore_request *request)
{
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    const firn_restore_result *result = &request->result;
    bool is_dry = request->options.dry_run;
    if (request->reference == NULL) {
        firn_out_text(is_dry ? "would undo the last restore: " : "undone: ");
    } else {
        firn_out_format("%s %s", is_dry ? "would restore" : "restored",
                        firn_cli_workspace_name(&result->checkpoint, name));
        if (request->options.to_dir != NULL) {
            firn_out_text(" into ");
            firn_text_escape(firn_str(request->options.to_dir), firn_out_write);
        }
        firn_out_text(": ");
    }
    print_counts(result);
    if (result->safety_id[0] != '\0' && request->reference != NULL) {
        firn_out_text("; take this back with: firn undo");
    }
    firn_out_text("\n");
}

static void
show_result(struct firn_cli *cli, const struct firn_cmd_restore_request *request,
            const struct firn_notices *notices)
{
    const firn_restore_result *result = &request->result;
    if (!cli->json) {
        if (!cli->quiet) {
            print_result(request);
        }
        return;
    }
    firn_json_out_end();
    firn_cli_workspace_checkpoint_json("checkpoint", &result->checkpoint);
    firn_json_out_bool("dry_run", request->options.dry_run);
    if (result->safety_id[0] != '\0') {
        firn_json_out_string("safety", result->safety_id);
    } else {
        firn_json_out_null("safety");
    }
    firn_json_out_u64("added", result->added);
    firn_json_out_u64("changed", result->changed);
    firn_json_out_u64("removed", result->removed);
    firn_json_out_u64("unchanged", result->unchanged);
    firn_json_out_u64("incomplete", result->incomplete);
    firn_json_out_u64("written_ns", (uint64_t)result->written_ns);
    firn_notices_json(notices);
}

int
firn_cmd_restore_perform(struct firn_cli *cli, struct firn_cmd_restore_request *request)
{
    firn_error err;
    struct firn_notices notices;
    int exit_code;
    firn_notices_init(&notices, cli);
    request->options.callbacks = firn_notices_callbacks(&notices);
    if (cli->json || request->options.dry_run) {
        request->options.visit = visit;
    }
    if (cli->json) {
        firn_json_out_array("changes");
    }
    int code = firn_patience_run(cli, attempt_restore, request, &err);
    firn_meter_clear();
    if (code != FIRN_OK) {
        const char *hint = NULL;
        if (code == FIRN_CANCELLED) {
            hint = "firn status tells how far it came";
        } else if (request->reference != NULL) {
            hint = firn_cli_workspace_hint(request->workspace, request->reference, code);
        }
        exit_code = firn_report_failure(cli, &err, hint);
    } else {
        show_result(cli, request, &notices);
        exit_code = firn_notices_exit(&notices);
    }
    firn_notices_deinit(&notices);
    return exit_code;
}

static int
run(struct firn_cli *cli)
{
    struct firn_cmd_restore_request request = {NULL, NULL, FIRN_RESTORE_OPTIONS_INIT, {.added = 0}};
    struct firn_cli_workspace_paths paths = {NULL, 0};
    if (cli->arguments_before_dashes == 0) {
        return firn_command_misused(cli, "missing REF before --");
    }
    request.reference = cli->arguments[0];
    request.options.to_dir = firn_command_value(cli, "to");
    request.options.dry_run = firn_command_has(cli, "dry-run");
    if (request.options.to_dir != NULL && request.options.to_dir[0] == '\0') {
        return firn_command_misused(cli, "--to needs a directory");
    }
    int exit_code = firn_cli_workspace_open(cli, &request.workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_workspace_paths_init(cli, request.workspace, 1, &paths);
    }
    if (exit_code == FIRN_EXIT_OK) {
        request.options.paths = paths.slices;
        request.options.path_count = paths.count;
        exit_code = firn_cmd_restore_perform(cli, &request);
    }
    firn_cli_workspace_paths_deinit(&paths);
    firn_workspace_close(request.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would change; change nothing"},
    {"to", 0, "DIR", "restore into the empty or missing directory DIR"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn restore 12", "bring the workspace back to checkpoint 12"},
    {"firn restore latest -n", "what would that change?"},
    {"firn restore 12 src/main.c docs", "only that file and that directory"},
    {"firn restore 12 --to /tmp/look", "a copy of it somewhere else"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_restore = {
    .name = "restore",
    .summary = "Bring the workspace back to a checkpoint",
    .arguments = "REF [PATH...]",
    .options = options,
    .help = "REF names a checkpoint: its number, its id or at least four letters from its\n"
            "start (in any case), or latest. All further words are paths in the workspace;\n"
            "with them only they, and what is below them, are restored.\n"
            "\n"
            "Afterwards the tree is that of the checkpoint: files that it does not have are\n"
            "removed. What rules leave out of a save is not touched. Before anything is\n"
            "written, all that is needed is read and verified, and a safety checkpoint of the\n"
            "present state is taken: firn undo brings that back.",
    .examples = examples,
    .missing_hint = firn_cli_workspace_choose_hint,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
