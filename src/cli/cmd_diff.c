/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_diff.c: firn diff.
 *
 * References come before "--", paths behind it: a word like "src" could be either, and a command
 * that guesses would guess wrong some day. Rows with line counts are collected, because their
 * columns are known at the end; all others are printed as they come.
 */
#include "cli/cli_change.h"
#include "cli/cli_stat.h"
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/notices.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

struct shown {
    const struct firn_cli *cli;
    bool with_lines;
    bool is_out_of_memory;
    struct firn_cli_stat stat;
};

static const char *
lines_name(firn_lines_kind kind)
{
    switch (kind) {
    case FIRN_LINES_NONE:
        return "none";
    case FIRN_LINES_COUNTED:
        return "counted";
    case FIRN_LINES_BINARY:
        return "binary";
    case FIRN_LINES_TOO_LARGE:
        return "too_large";
    case FIRN_LINES_UNREADABLE:
        return "unreadable";
    }
    return "other";
}

static void
show_json(const firn_difference *difference, bool with_lines)
{
    firn_json_out_object(NULL);
    firn_cli_change_json_members(&difference->change);
    if (with_lines) {
        firn_json_out_object("lines");
        firn_json_out_string("kind", lines_name(difference->lines));
        if (difference->lines == FIRN_LINES_COUNTED) {
            firn_json_out_u64("added", difference->lines_added);
            firn_json_out_u64("removed", difference->lines_removed);
            firn_json_out_bool("minimal", difference->lines_are_minimal);
        }
        firn_json_out_end();
    }
    firn_json_out_end();
}

static int
visit(void *ctx, const firn_difference *difference)
{
    struct shown *shown = ctx;
    if (shown->cli->json) {
        show_json(difference, shown->with_lines);
    } else if (shown->with_lines) {
        shown->is_out_of_memory = !firn_cli_stat_add(&shown->stat, difference);
    } else {
        firn_meter_clear();
        firn_cli_change_print(&difference->change);
    }
    return firn_out_error() == 0 && !shown->is_out_of_memory ? FIRN_OK : FIRN_CANCELLED;
}

static void
print_count(uint64_t count, const char *text)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    firn_out_format("%s %s", firn_text_number(count, number), text);
}

static void
print_summary(const firn_diff_result *result, bool with_lines)
{
    char before[FIRN_CLI_WORKSPACE_NAME_SIZE];
    char after[FIRN_CLI_WORKSPACE_NAME_SIZE];
    firn_out_format("from %s to %s: ", firn_cli_workspace_name(&result->before, before),
                    result->after_is_disk ? "the disk"
                                          : firn_cli_workspace_name(&result->after, after));
    print_count(result->changed, "changed, ");
    print_count(result->added, "added, ");
    print_count(result->removed, "removed");
    if (with_lines) {
        firn_out_text("; ");
        print_count(result->lines_added,
                    firn_text_plural(result->lines_added, "line added, ", "lines added, "));
        print_count(result->lines_removed, "removed");
    }
    firn_out_text("\n");
}

static void
show_result(const struct shown *shown, const firn_diff_result *result,
            const struct firn_notices *notices)
{
    if (!shown->cli->json) {
        firn_cli_stat_print(&shown->stat, firn_cli_stat_width());
        if (!shown->cli->quiet) {
            print_summary(result, shown->with_lines);
        }
        return;
    }
    firn_json_out_end();
    firn_cli_workspace_checkpoint_json("before", &result->before);
    if (result->after_is_disk) {
        firn_json_out_null("after");
    } else {
        firn_cli_workspace_checkpoint_json("after", &result->after);
    }
    firn_json_out_u64("added", result->added);
    firn_json_out_u64("changed", result->changed);
    firn_json_out_u64("removed", result->removed);
    firn_json_out_u64("skipped", result->skipped);
    if (shown->with_lines) {
        firn_json_out_u64("lines_added", result->lines_added);
        firn_json_out_u64("lines_removed", result->lines_removed);
    }
    firn_notices_json(notices);
}

/* Says what is wrong, and which of the two references it is about. */
static int
report(struct firn_cli *cli, firn_workspace *workspace, const firn_diff_options *options,
       const struct shown *shown, const firn_error *err)
{
    if (shown->is_out_of_memory) {
        return firn_report_error(cli, FIRN_NO_MEMORY, NULL, "%s", firn_code_text(FIRN_NO_MEMORY));
    }
    const char *hint = NULL;
    if (options->before != NULL) {
        hint = firn_cli_workspace_hint_or_path(workspace, options->before, err->code);
    } else {
        hint = firn_cli_workspace_hint(workspace, "latest", err->code);
    }
    if (hint == NULL && options->after != NULL) {
        hint = firn_cli_workspace_hint_or_path(workspace, options->after, err->code);
    }
    return firn_report_failure(cli, err, hint);
}

static int
compare(struct firn_cli *cli, firn_workspace *workspace, firn_diff_options *options)
{
    firn_error err;
    firn_diff_result result;
    struct firn_notices notices;
    struct shown shown = {.cli = cli, .with_lines = options->with_lines};
    int exit_code;
    firn_notices_init(&notices, cli);
    options->callbacks = firn_notices_callbacks(&notices);
    if (cli->json) {
        firn_json_out_array("changes");
    }
    int code = firn_workspace_diff(workspace, options, visit, &shown, &result, &err);
    firn_meter_clear();
    if (code != FIRN_OK) {
        exit_code = report(cli, workspace, options, &shown, &err);
    } else {
        show_result(&shown, &result, &notices);
        exit_code = firn_notices_exit(&notices);
    }
    firn_cli_stat_deinit(&shown.stat);
    firn_notices_deinit(&notices);
    return exit_code;
}

static int
run(struct firn_cli *cli)
{
    firn_workspace *workspace = NULL;
    struct firn_cli_workspace_paths paths = {NULL, 0};
    firn_diff_options options = FIRN_DIFF_OPTIONS_INIT;
    int references = cli->arguments_before_dashes;
    if (references > 2) {
        return firn_command_misused(cli, "more than two checkpoints before the paths: write -- "
                                         "between them");
    }
    options.with_lines = firn_command_has(cli, "stat");
    if (options.with_lines && firn_command_has(cli, "names")) {
        return firn_command_misused(cli, "--stat and --names exclude each other");
    }
    options.before = references > 0 ? cli->arguments[0] : NULL;
    options.after = references > 1 ? cli->arguments[1] : NULL;
    int exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_workspace_paths_init(cli, workspace, references, &paths);
    }
    if (exit_code == FIRN_EXIT_OK) {
        options.paths = paths.slices;
        options.path_count = paths.count;
        exit_code = compare(cli, workspace, &options);
    }
    firn_cli_workspace_paths_deinit(&paths);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"names", 0, NULL, "one row a difference, without contents; the default"},
    {"stat", 0, NULL, "count the lines that differ, with a bar for each file"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn diff", "what changed since the newest checkpoint"},
    {"firn diff 12 --stat", "what changed since checkpoint 12, with line counts"},
    {"firn diff 11 12 -- src", "what checkpoint 12 changed in src since 11"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_diff = {
    .name = "diff",
    .summary = "Show what differs between two checkpoints, or one and the disk",
    .arguments = "[REF] [REF] [PATH...]",
    .options = options,
    .help = "Compares the first checkpoint (latest, if none is named) with the second, or\n"
            "with the workspace as it is on disk, and prints one row for each difference:\n"
            "added, changed (content, link target or kind), metadata (only mode, owner, time\n"
            "or attributes), removed. Times of directories do not count. The exit code is 0,\n"
            "with differences or without. PATHs stand behind --; with them only they, and\n"
            "what is below them, are compared.\n"
            "\n"
            "With --stat a row shows how many lines were added and removed, and a bar of +\n"
            "and - signs that is shortened where it does not fit; what a bar cannot say\n"
            "follows it. A file with a NUL among its first 8,000 bytes is binary; no lines\n"
            "are counted in it, nor in files of more than 32 MiB or 1,048,576 lines. The\n"
            "counts are those of the shortest difference; for very large files that were\n"
            "changed all over they may be higher.\n"
            "\n"
            "Nothing is written anywhere.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
