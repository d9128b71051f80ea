/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_diff.c: firn diff.
 *
 * References come before "--", paths behind it: a word like "src" could be either, and a command
 * that guesses would guess wrong some day.
 */
#include "dir/dir.h"

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

static void
print_summary(const firn_workspace_diff_result *result, enum firn_show_difference_form form)
{
    char before[FIRN_SHOW_CHECKPOINT_NAME_SIZE];
    char after[FIRN_SHOW_CHECKPOINT_NAME_SIZE];
    firn_term_out_format("from %s to %s: ", firn_show_checkpoint_name(&result->before, before),
                         result->after_is_disk ? "the disk"
                                               : firn_show_checkpoint_name(&result->after, after));
    firn_show_difference_print_counts(result, form);
    firn_term_out_text("\n");
}

static void
show_result(const struct firn_show_difference *shown, const firn_workspace_diff_result *result,
            const struct firn_task_notices *notices)
{
    firn_show_difference_finish(shown);
    if (!shown->cli->quiet && shown->form != FIRN_SHOW_DIFFERENCE_PATCH) {
        print_summary(result, shown->form);
    }
    firn_term_json_end();
    firn_show_checkpoint_json("before", &result->before);
    if (result->after_is_disk) {
        firn_term_json_null("after");
    } else {
        firn_show_checkpoint_json("after", &result->after);
    }
    firn_show_difference_json_counts(result, shown->form);
    firn_task_notices_json(notices);
}

/* Says what is wrong, and which of the two references it is about. */
static int
report(struct firn_cli *cli, firn_workspace *workspace, const firn_workspace_diff_options *options,
       const struct firn_show_difference *shown, const firn_error *err)
{
    if (shown->is_out_of_memory) {
        return firn_command_report_error(cli, FIRN_NO_MEMORY, NULL, "%s",
                                         firn_code_text(FIRN_NO_MEMORY));
    }
    const char *hint = NULL;
    if (options->before != NULL) {
        hint = firn_task_workspace_hint_or_path(workspace, options->before, err->code);
    } else {
        hint = firn_task_workspace_hint(workspace, "latest", err->code);
    }
    if (hint == NULL && options->after != NULL) {
        hint = firn_task_workspace_hint_or_path(workspace, options->after, err->code);
    }
    hint = firn_task_workspace_hint_paths(hint, options->path_count, err->code);
    return firn_command_report_failure(cli, err, hint);
}

static int
compare(struct firn_cli *cli, firn_workspace *workspace, firn_workspace_diff_options *options,
        struct firn_show_difference *shown)
{
    firn_error err;
    firn_workspace_diff_result result;
    struct firn_task_notices notices;
    int exit_code;
    firn_task_notices_init(&notices, cli);
    options->callbacks = firn_task_notices_callbacks(&notices);
    firn_term_json_array("changes");
    firn_workspace_pending_restore earlier;
    bool is_of_disk = options->after == NULL;
    if (is_of_disk) {
        firn_task_pending_look(workspace, &earlier);
    }
    int code =
        firn_workspace_diff(workspace, options, firn_show_difference_visit, shown, &result, &err);
    firn_term_meter_clear();
    if (code != FIRN_OK) {
        exit_code = report(cli, workspace, options, shown, &err);
    } else {
        show_result(shown, &result, &notices);
        exit_code = is_of_disk ? firn_task_pending_tell(cli, workspace, &earlier) : FIRN_EXIT_OK;
        exit_code = exit_code == FIRN_EXIT_OK ? firn_task_notices_exit(&notices) : exit_code;
    }
    firn_task_notices_deinit(&notices);
    return exit_code;
}

static int
run(struct firn_cli *cli)
{
    struct firn_show_difference shown;
    firn_workspace *workspace = NULL;
    struct firn_task_workspace_paths paths = {NULL, 0};
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    int references = cli->arguments_before_dashes;
    if (references > 2) {
        return firn_command_misused(cli, "more than two checkpoints before the paths: write -- "
                                         "between them");
    }
    int exit_code = firn_show_difference_init(&shown, cli, FIRN_SHOW_DIFFERENCE_NAMES, &options);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    options.before = references > 0 ? cli->arguments[0] : NULL;
    options.after = references > 1 ? cli->arguments[1] : NULL;
    exit_code = firn_task_workspace_open(cli, &workspace);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_task_workspace_paths_init(cli, workspace, references, &paths);
    }
    if (exit_code == FIRN_EXIT_OK) {
        options.paths = paths.slices;
        options.path_count = paths.count;
        const struct firn_task_settings_today today = firn_task_settings_look(workspace);
        options.gitignore = today.gitignore;
        options.file_size_max = today.file_size_max;
        exit_code = compare(cli, workspace, &options, &shown);
    }
    firn_show_difference_deinit(&shown);
    firn_task_workspace_paths_deinit(&paths);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    FIRN_SHOW_DIFFERENCE_OPTIONS("one row a difference, without contents; the default"),
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn diff", "what changed since the newest checkpoint"},
    {"firn diff 12 --stat", "what changed since checkpoint 12, with line counts"},
    {"firn diff 11 12 -- src", "what checkpoint 12 changed in src since 11"},
    {"firn diff 11 12 -p | git apply", "make the same changes in another directory"},
    {NULL, NULL},
};

const struct firn_command firn_dir_diff = {
    .name = "diff",
    .summary = "Show what differs between two checkpoints, or one and the disk",
    .arguments = "[REF] [REF] [PATH...]",
    .options = options,
    .help = "Compares the first checkpoint (latest, if none is named) with the second, or\n"
            "with the workspace as it is on disk, and prints one row for each difference:\n"
            "added, changed (content, link target or kind), metadata (only mode, owner, time\n"
            "or attributes), removed, renamed. Times of directories do not count. The exit\n"
            "code is 0, with differences or without. PATHs come after --; with them only\n"
            "they, and what is below them, are compared. They are relative to the current\n"
            "directory, in a patch to the root.\n"
            "\n"
            "A file that went and one that came with exactly the same content, not an empty\n"
            "one, are one file, renamed: both paths are shown.\n"
            "\n"
            "With --stat a row shows how many lines were added and removed, and a bar of +\n"
            "and - signs that is shortened where it does not fit; what a bar cannot say\n"
            "follows it. A file with a NUL among its first 8,000 bytes is binary; no lines\n"
            "are counted in it, nor in files of more than 32 MiB or 1,048,576 lines. The\n"
            "counts are those of the shortest difference; for very large files that were\n"
            "changed all over they may be higher. With --diff-algorithm patience lines that\n"
            "stand once on each side keep their place: longer at times, and easier to read.\n"
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
