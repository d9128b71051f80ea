/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_diff.c: firn diff.
 *
 * References come before "--", paths behind it: a word like "src" could be either, and a command
 * that guesses would guess wrong some day. Rows with line counts are collected, because their
 * columns are known at the end; all else is printed as it comes.
 */
#include "cli/cli_change.h"
#include "cli/cli_patch.h"
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

enum form { NAMES, STAT, PATCH };

struct shown {
    const struct firn_cli *cli;
    enum form form;
    struct firn_cli_patch patch;
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
show_json(const firn_difference *difference, enum form form)
{
    firn_json_out_object(NULL);
    firn_cli_change_json_members(&difference->change);
    if (form != NAMES) {
        firn_json_out_object("lines");
        firn_json_out_string("kind", lines_name(difference->lines));
        if (difference->lines == FIRN_LINES_COUNTED) {
            firn_json_out_u64("added", difference->lines_added);
            firn_json_out_u64("removed", difference->lines_removed);
            firn_json_out_bool("minimal", difference->lines_are_minimal);
            if (form == PATCH) {
                firn_cli_patch_json(difference);
            }
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
        show_json(difference, shown->form);
    } else if (shown->form == STAT) {
        shown->is_out_of_memory = !firn_cli_stat_add(&shown->stat, difference);
    } else if (shown->form == PATCH) {
        firn_meter_clear();
        shown->is_out_of_memory = !firn_cli_patch_print(&shown->patch, difference);
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
    if (result->renamed > 0) {
        firn_out_text(", ");
        print_count(result->renamed, "renamed");
    }
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
        if (!shown->cli->quiet && shown->form != PATCH) {
            print_summary(result, shown->form == STAT);
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
    firn_json_out_u64("renamed", result->renamed);
    firn_json_out_u64("skipped", result->skipped);
    if (shown->form != NAMES) {
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
compare(struct firn_cli *cli, firn_workspace *workspace, firn_diff_options *options,
        struct shown *shown)
{
    firn_error err;
    firn_diff_result result;
    struct firn_notices notices;
    int exit_code;
    firn_notices_init(&notices, cli);
    options->callbacks = firn_notices_callbacks(&notices);
    if (cli->json) {
        firn_json_out_array("changes");
    }
    int code = firn_workspace_diff(workspace, options, visit, shown, &result, &err);
    firn_meter_clear();
    if (code != FIRN_OK) {
        exit_code = report(cli, workspace, options, shown, &err);
    } else {
        show_result(shown, &result, &notices);
        exit_code = firn_notices_exit(&notices);
    }
    firn_cli_stat_deinit(&shown->stat);
    firn_notices_deinit(&notices);
    return exit_code;
}

/* What the options ask for; returns the exit code. */
static int
read_options(struct firn_cli *cli, struct shown *out)
{
    const char *context = firn_command_value(cli, "unified");
    bool is_patch = firn_command_has(cli, "patch") || context != NULL;
    bool is_stat = firn_command_has(cli, "stat");
    uint64_t lines = FIRN_CLI_PATCH_CONTEXT_DEFAULT;
    if (is_patch + is_stat + firn_command_has(cli, "names") > 1) {
        return firn_command_misused(cli, "--names, --stat and --patch exclude each other");
    }
    if (!firn_cli_patch_init(&out->patch, firn_command_value(cli, "color"))) {
        return firn_command_misused(cli, "--color is always, never or auto");
    }
    if (context != NULL && !firn_command_number(context, INT32_MAX, &lines)) {
        return firn_command_misused(cli, "'%s' is no number of lines", context);
    }
    out->patch.context = (uint32_t)lines;
    out->form = is_patch ? PATCH : is_stat ? STAT : NAMES;
    return FIRN_EXIT_OK;
}

static int
run(struct firn_cli *cli)
{
    struct shown shown = {.cli = cli};
    firn_workspace *workspace = NULL;
    struct firn_cli_workspace_paths paths = {NULL, 0};
    firn_diff_options options = FIRN_DIFF_OPTIONS_INIT;
    int references = cli->arguments_before_dashes;
    if (references > 2) {
        return firn_command_misused(cli, "more than two checkpoints before the paths: write -- "
                                         "between them");
    }
    int exit_code = read_options(cli, &shown);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    options.with_lines = shown.form != NAMES;
    options.find_renames = !firn_command_has(cli, "no-renames");
    options.before = references > 0 ? cli->arguments[0] : NULL;
    options.after = references > 1 ? cli->arguments[1] : NULL;
    exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_workspace_paths_init(cli, workspace, references, &paths);
    }
    if (exit_code == FIRN_EXIT_OK) {
        options.paths = paths.slices;
        options.path_count = paths.count;
        exit_code = compare(cli, workspace, &options, &shown);
    }
    firn_cli_workspace_paths_deinit(&paths);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"names", 0, NULL, "one row a difference, without contents; the default"},
    {"stat", 0, NULL, "count the lines that differ, with a bar for each file"},
    {"patch", 'p', NULL, "show the lines that differ, as git diff does"},
    {"unified", 'U', "N", "as --patch, with N lines around each difference, not 3"},
    {"no-renames", 0, NULL, "show a renamed file as one removed and one added"},
    {"color", 0, "WHEN", "color a patch: always, never or auto, on a terminal"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn diff", "what changed since the newest checkpoint"},
    {"firn diff 12 --stat", "what changed since checkpoint 12, with line counts"},
    {"firn diff 11 12 -- src", "what checkpoint 12 changed in src since 11"},
    {"firn diff 11 12 -p | git apply", "make the same changes in another directory"},
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
            "or attributes), removed, renamed. Times of directories do not count. The exit\n"
            "code is 0, with differences or without. PATHs stand behind --; with them only\n"
            "they, and what is below them, are compared.\n"
            "\n"
            "A file that went and one that came with exactly the same content, not an empty\n"
            "one, are one file, renamed: both paths are shown.\n"
            "\n"
            "With --stat a row shows how many lines were added and removed, and a bar of +\n"
            "and - signs that is shortened where it does not fit; what a bar cannot say\n"
            "follows it. A file with a NUL among its first 8,000 bytes is binary; no lines\n"
            "are counted in it, nor in files of more than 32 MiB or 1,048,576 lines. The\n"
            "counts are those of the shortest difference; for very large files that were\n"
            "changed all over they may be higher.\n"
            "\n"
            "With --patch a unified diff of each file is printed, without a summary: git\n"
            "apply and patch -p1 can read it. What a patch cannot say, of directories,\n"
            "owners, times and files that are no text, stands in lines that begin with #.\n"
            "On a terminal control characters are shown as escapes.\n"
            "\n"
            "Nothing is written anywhere.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
