/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_restore.c: firn restore, and what undo shares with it.
 *
 * The first word is always the checkpoint, all others are paths. Without a checkpoint nothing is
 * done, but for --resume, which goes on with an earlier one: there is no default state to which
 * somebody's files may be set back. Output that cannot be
 * written does not stop a restore that has begun.
 */
#include "cli/cmd_restore.h"

#include "cli/cli_change.h"
#include "cli/cli_counts.h"
#include "cli/cli_pending.h"
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
    switch (request->what) {
    case FIRN_CMD_RESTORE_UNDO:
        return firn_workspace_undo(request->workspace, &request->options, &request->result, err);
    case FIRN_CMD_RESTORE_RESUME:
        return firn_workspace_resume(request->workspace, &request->options, &request->result, err);
    case FIRN_CMD_RESTORE_CHECKPOINT:
        break;
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

static struct firn_cli_counts
counts_of(const firn_restore_result *result)
{
    return (struct firn_cli_counts){result->added, result->changed, result->removed};
}

/* What was done, or would be. */
static void
print_what(const struct firn_cmd_restore_request *request)
{
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    bool is_dry = request->options.dry_run;
    (void)firn_cli_workspace_name(&request->result.checkpoint, name);
    switch (request->what) {
    case FIRN_CMD_RESTORE_UNDO:
        firn_out_text(is_dry ? "would undo the last restore" : "undone");
        break;
    case FIRN_CMD_RESTORE_RESUME:
        firn_out_format("%s restoring %s", is_dry ? "would finish" : "finished", name);
        break;
    case FIRN_CMD_RESTORE_CHECKPOINT:
        firn_out_format("%s %s", is_dry ? "would restore" : "restored", name);
        break;
    }
    if (request->options.to_dir != NULL) {
        firn_out_text(" into ");
        firn_text_escape(firn_str(request->options.to_dir), firn_out_write);
    }
}

static void
print_result(const struct firn_cmd_restore_request *request)
{
    const firn_restore_result *result = &request->result;
    const struct firn_cli_counts counts = counts_of(result);
    print_what(request);
    firn_out_text(": ");
    firn_cli_counts_print(&counts);
    if (result->safety_id[0] != '\0') {
        firn_out_text(request->what == FIRN_CMD_RESTORE_UNDO ? "; redo with: firn undo"
                                                             : "; take this back with: firn undo");
    }
    firn_out_text("\n");
}

static void
show_result(struct firn_cli *cli, const struct firn_cmd_restore_request *request,
            const struct firn_notices *notices)
{
    const firn_restore_result *result = &request->result;
    const struct firn_cli_counts counts = counts_of(result);
    if (!cli->json) {
        if (!cli->quiet) {
            print_result(request);
        }
        return;
    }
    firn_json_out_end();
    firn_cli_workspace_checkpoint_json("checkpoint", &result->checkpoint);
    firn_json_out_bool("dry_run", request->options.dry_run);
    firn_cli_workspace_safety_json(result->safety_id);
    firn_cli_counts_json(&counts);
    firn_json_out_u64("unchanged", result->unchanged);
    firn_json_out_u64("incomplete", result->incomplete);
    firn_json_out_u64("written_ns", (uint64_t)result->written_ns);
    firn_notices_json(notices);
}

/* What to do next after a failure. */
static const char *
hint_of(const struct firn_cmd_restore_request *request, int code)
{
    bool is_in_place = request->options.to_dir == NULL && !request->options.dry_run;
    const char *hint = is_in_place ? firn_cli_pending_hint(request->workspace) : NULL;
    if (hint == NULL && is_in_place && code == FIRN_CANCELLED) {
        hint = "nothing was changed";
    } else if (hint == NULL && request->what == FIRN_CMD_RESTORE_CHECKPOINT) {
        hint = firn_cli_workspace_hint_paths(
            firn_cli_workspace_hint(request->workspace, request->reference, code),
            request->options.path_count, code);
    } else if (hint == NULL && code == FIRN_NOT_FOUND) {
        hint = firn_cli_workspace_hint(request->workspace, "latest", code);
        hint = hint != NULL
                   ? hint
                   : "firn restore REF brings back a checkpoint, firn list --all shows them";
    }
    return hint;
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
        exit_code = firn_report_failure(cli, &err, hint_of(request, code));
    } else {
        show_result(cli, request, &notices);
        exit_code = firn_notices_exit(&notices);
    }
    firn_notices_deinit(&notices);
    return exit_code;
}

/* Finishing has its checkpoint and its paths already. */
static int
check_resume(struct firn_cli *cli)
{
    if (cli->argument_count > 0) {
        return firn_command_misused(cli, "--resume takes no checkpoint and no paths");
    }
    if (firn_command_has(cli, "to")) {
        return firn_command_misused(cli, "--resume and --to exclude each other");
    }
    return FIRN_EXIT_OK;
}

static int
check_arguments(struct firn_cli *cli, const struct firn_cmd_restore_request *request)
{
    if (request->what == FIRN_CMD_RESTORE_RESUME) {
        return check_resume(cli);
    }
    if (request->options.to_dir != NULL && request->options.to_dir[0] == '\0') {
        return firn_command_misused(cli, "--to needs a directory");
    }
    return firn_cli_workspace_check_reference(cli);
}

static int
run(struct firn_cli *cli)
{
    struct firn_cmd_restore_request request = {.options = FIRN_RESTORE_OPTIONS_INIT};
    struct firn_cli_workspace_paths paths = {NULL, 0};
    bool is_resume = firn_command_has(cli, "resume");
    request.what = is_resume ? FIRN_CMD_RESTORE_RESUME : FIRN_CMD_RESTORE_CHECKPOINT;
    request.options.to_dir = firn_command_value(cli, "to");
    request.options.dry_run = firn_command_has(cli, "dry-run");
    int exit_code = check_arguments(cli, &request);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_workspace_open(cli, &request.workspace);
    }
    if (exit_code == FIRN_EXIT_OK && !is_resume) {
        request.reference = cli->arguments[0];
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
    {"resume", 0, NULL, "finish a restore that was interrupted"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn restore 12", "bring the workspace back to checkpoint 12"},
    {"firn restore latest -n", "what would that change?"},
    {"firn restore 12 src/main.c docs", "only that file and that directory"},
    {"firn restore 12 --to /tmp/look", "a copy of it somewhere else"},
    {"firn restore --resume", "finish what a crash has interrupted"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_restore = {
    .name = "restore",
    .summary = "Bring the workspace back to a checkpoint",
    .arguments = "[REF] [PATH...]",
    .options = options,
    .help = "REF names a checkpoint: its number, its id or at least four letters from its\n"
            "start (in any case), latest, a tag, one so many before another (latest~2), or\n"
            "a time (\"10 minutes ago\"). All further words are paths in the workspace; with\n"
            "them only they, and what is below them, are restored.\n"
            "\n"
            "Afterwards the tree is that of the checkpoint: files that it does not have are\n"
            "removed. What rules leave out, those of the checkpoint or those of today, is not\n"
            "touched; if it is in the way of something else, nothing is. Before anything is\n"
            "written, all that is needed is read and verified, and a safety checkpoint of the\n"
            "present state is taken: firn undo brings that back.\n"
            "\n"
            "If a restore is interrupted, each file is the old one or the new one, whole.\n"
            "Then --resume, without REF, finishes it, and firn undo takes it back; a save\n"
            "finishes it first. What was edited meanwhile is kept.",
    .examples = examples,
    .missing_hint = firn_cli_workspace_choose_hint,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
