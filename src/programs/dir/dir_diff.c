/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_diff.c: firn diff.
 */
#include "dir/dir.h"

#include <assert.h>
#include <unistd.h>

#include "show/show.h"
#include "sqlitefile/sqlitefile.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"
#include "turn/turn.h"

enum { ROWS_DEFAULT = 100 };

/* The differences, and the databases whose rows will be compared. */
struct listing {
    const char *before, *after; /* references; NULL: not given */
    struct fi_show_difference shown;
    bool wants_rows;
    uint64_t rows_max; /* so many of a table are shown */
    struct fi_task_databases databases;
    bool is_out_of_memory;
};

static int
dir_diff_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct listing *listing = ctx;
    listing->is_out_of_memory =
        listing->wants_rows && !fi_task_databases_note(&listing->databases, difference);
    return listing->is_out_of_memory ? FIRN_NO_MEMORY
                                     : fi_show_difference_visit(&listing->shown, difference);
}

/* The rows that differ, after all else. */
static int
show_rows(const struct listing *listing, firn_workspace *workspace,
          const firn_workspace_diff_result *result, firn_error *err)
{
    struct fi_sqlitefile_show show = {.is_patch = listing->shown.form == FI_SHOW_DIFFERENCE_PATCH,
                                      .rows_max = listing->rows_max};
    if (!listing->wants_rows || result->before == NULL) {
        return FIRN_OK;
    }
    fi_term_json_array("databases");
    int code =
        fi_task_databases_compare(&listing->databases, workspace, result->before->id,
                                  result->after != NULL ? result->after->id : NULL, &show, err);
    fi_term_json_end();
    return code;
}

static void
print_summary(const struct listing *listing, firn_workspace *workspace,
              const firn_workspace_diff_result *result)
{
    fi_term_out_text("from ");
    fi_task_remote_print_name(workspace, listing->before, result->before);
    fi_term_out_text(" to ");
    if (result->after == NULL) {
        fi_term_out_text("the disk");
    } else {
        fi_task_remote_print_name(workspace, listing->after, result->after);
    }
    fi_term_out_text(": ");
    fi_show_difference_print_counts(result, listing->shown.form);
    fi_term_out_text("\n");
}

static int
show_result(const struct listing *listing, firn_workspace *workspace,
            const firn_workspace_diff_result *result, const struct fi_task_notices *notices,
            firn_error *err)
{
    const struct fi_show_difference *shown = &listing->shown;
    fi_show_difference_finish(shown);
    fi_term_json_end();
    FI_TRY_RETURN(show_rows(listing, workspace, result, err));
    if (!shown->cli->quiet && shown->form != FI_SHOW_DIFFERENCE_PATCH &&
        shown->form != FI_SHOW_DIFFERENCE_PATHS) {
        print_summary(listing, workspace, result);
        fi_task_notices_print_not_compared(notices);
    }
    fi_show_checkpoint_json("before", result->before);
    if (result->after == NULL) {
        fi_term_json_null("after");
    } else {
        fi_show_checkpoint_json("after", result->after);
    }
    fi_show_difference_json_counts(result, shown->form);
    fi_task_notices_json(notices);
    return FIRN_OK;
}

/* Reports the error, and which of the two references caused it. */
static int
dir_diff_report(struct fi_cli *cli, firn_workspace *workspace,
                const firn_workspace_diff_options *options, const struct listing *listing,
                const firn_error *err)
{
    assert(err->code != FIRN_OK);
    if (listing->shown.is_out_of_memory || listing->is_out_of_memory) {
        return fi_command_report_no_memory(cli);
    }
    const char *hint = NULL;
    if (options->before != NULL) {
        hint = fi_task_workspace_hint_or_path(workspace, options->before, err->code);
    } else {
        hint = fi_task_workspace_hint(workspace, "latest", err->code);
    }
    if (hint == NULL && options->after != NULL) {
        hint = fi_task_workspace_hint_or_path(workspace, options->after, err->code);
    }
    hint = fi_task_workspace_hint_paths(hint, options->path_count, err->code);
    return fi_command_report_failure(cli, err, hint);
}

static int
dir_diff_compare(struct fi_cli *cli, firn_workspace *workspace,
                 firn_workspace_diff_options *options, struct listing *listing)
{
    firn_error err;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    struct fi_task_notices notices;
    int exit_code;
    assert(options->before != NULL || options->after == NULL || options->against_previous);
    fi_task_notices_init(&notices, cli);
    notices.is_patch = listing->shown.form == FI_SHOW_DIFFERENCE_PATCH;
    options->callbacks = fi_task_notices_callbacks(&notices);
    fi_term_json_array("changes");
    firn_workspace_pending_restore earlier = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    bool is_of_disk = options->after == NULL;
    if (is_of_disk) {
        fi_task_pending_inspect(workspace, &earlier);
    }
    int code = firn_workspace_diff(workspace, options, dir_diff_visit, listing, &result, &err);
    fi_term_meter_clear();
    if (code == FIRN_OK) {
        code = show_result(listing, workspace, &result, &notices, &err);
    }
    if (code != FIRN_OK) {
        exit_code = dir_diff_report(cli, workspace, options, listing, &err);
    } else {
        exit_code = is_of_disk ? fi_task_pending_report(cli, workspace, &earlier) : FI_EXIT_OK;
        exit_code = exit_code == FI_EXIT_OK ? fi_task_notices_exit(&notices) : exit_code;
    }
    firn_release(result.before);
    firn_release(result.after);
    fi_task_notices_deinit(&notices);
    return exit_code;
}

/* Limits the comparison to what a turn itself changed, where others were at work at the same
 * time. Returns an exit code. */
static int
limit_to_own(struct fi_cli *cli, firn_workspace *workspace,
             const struct fi_task_workspace_references *references, struct fi_turn_own *own,
             firn_workspace_diff_options *options)
{
    firn_error err;
    if (references->turn.last == NULL) {
        return FI_EXIT_OK;
    }
    if (fi_turn_own_find(workspace, &references->turn, own, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    if (!cli->quiet) {
        fi_turn_beside_report(own);
    }
    if (fi_turn_own_is_known(own)) {
        options->before = own->first[0] != '\0' ? own->first : NULL;
        options->against_previous = options->before == NULL;
    }
    if (fi_turn_own_is_shared(own) && options->path_count == 0) {
        options->paths = own->paths;
        options->path_count = own->count;
    }
    return FI_EXIT_OK;
}

static int
dir_diff_run(struct fi_cli *cli)
{
    struct listing listing = {.rows_max = ROWS_DEFAULT};
    struct fi_show_difference *shown = &listing.shown;
    const char *rows = fi_command_value(cli, "rows");
    firn_workspace *workspace = NULL;
    struct fi_task_workspace_paths paths = {NULL, 0};
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    struct fi_task_workspace_references references = {0};
    struct fi_turn_own own = {.overlap_count = 0};
    bool is_read = isatty(STDOUT_FILENO) == 1 && !cli->json; /* by a person */
    int exit_code = fi_show_difference_init(
        shown, cli, is_read ? FI_SHOW_DIFFERENCE_PATCH : FI_SHOW_DIFFERENCE_NAMES, &options);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (rows != NULL && !fi_command_number(rows, INT32_MAX, &listing.rows_max)) {
        return fi_command_misused(cli, "'%s' is not a number of rows", rows);
    }
    listing.wants_rows = rows != NULL ? listing.rows_max > 0
                                      : shown->form == FI_SHOW_DIFFERENCE_PATCH ||
                                            shown->form == FI_SHOW_DIFFERENCE_STAT;
    if (rows == NULL && shown->form == FI_SHOW_DIFFERENCE_STAT) {
        listing.rows_max = 0; /* they are counted */
    }
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &workspace));
    FI_TRY_OUT(exit_code, fi_task_workspace_references_init(cli, workspace, 0, 2, &references));
    options.before = listing.before = references.first;
    options.after = listing.after = references.second;
    options.against_previous = references.turn.last != NULL && references.first == NULL;
    FI_TRY_OUT(exit_code, fi_task_workspace_paths_init(cli, workspace, references.words, &paths));
    options.paths = paths.slices;
    options.path_count = paths.count;
    FI_TRY_OUT(exit_code, limit_to_own(cli, workspace, &references, &own, &options));
    listing.before = options.before;
    const struct fi_task_settings_today today = fi_task_settings_inspect(workspace, false);
    options.gitignore = today.gitignore;
    options.file_size_max = today.file_size_max;
    exit_code = dir_diff_compare(cli, workspace, &options, &listing);
out:
    fi_show_difference_deinit(shown);
    fi_task_databases_deinit(&listing.databases);
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    fi_turn_own_deinit(&own);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    FI_SHOW_DIFFERENCE_OPTIONS("print one row for each difference"),
    {"rows", 0, "N", "show up to N rows that differ of each SQLite table"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn diff", "show what changed since the newest checkpoint"},
    {"firn diff 12 --stat", "show what changed since checkpoint 12, with line counts"},
    {"firn diff @12", "show what the turn changed that ended with checkpoint 12"},
    {"firn diff 11 12 -- src", "show what changed in src from checkpoint 11 to 12"},
    {"firn diff 11 12 -p | git apply", "make the same changes in the current directory"},
    {NULL, NULL},
};

const struct fi_command fi_dir_diff = {
    .name = "diff",
    .summary = "Show differences between checkpoints, or one and the disk",
    .arguments = "[REF] [REF] [PATH...]",
    .options = options,
    .help = "Compares two checkpoints, or one (default: latest) with the workspace on disk.\n"
            "On a terminal the changed lines are shown, as with --patch. Elsewhere, and with\n"
            "--names, one row is printed for each difference: added, changed (content, link\n"
            "target or kind), metadata (only mode, owner, time or attributes), removed or\n"
            "renamed. Files of which only the time differs are counted, and shown with\n"
            "--times; times of directories are ignored. The exit code is 0 whether or not\n"
            "there are differences. A..B are two checkpoints, too; a missing one is the\n"
            "latest. @N is a turn of an agent, from its beginning to its end (firn turns).\n"
            "\n"
            "PATHs limit the comparison to themselves and everything below them. A word that\n"
            "names no checkpoint, but a file or directory, is a path; after -- every word is\n"
            "one. Paths are relative to the current directory, except in a patch, where they\n"
            "are relative to the root of the workspace.\n"
            "\n"
            "A removed and an added file with exactly the same content, if they are not\n"
            "empty, are shown as one renamed file with both paths.\n"
            "\n"
            "With --stat each row shows how many lines were added and removed, and a bar of +\n"
            "and - signs, scaled down to fit. A file with a NUL byte among its first 8,000\n"
            "bytes is binary; its lines are not counted, nor are those of files with more\n"
            "than 32 MiB or 1,048,576 lines. Counts are those of the shortest difference; for\n"
            "very large files with changes everywhere they may be higher. With\n"
            "--diff-algorithm patience, lines that occur exactly once on each side are\n"
            "matched first: the result is sometimes longer, but easier to read.\n"
            "\n"
            "With --patch a unified diff of each file is printed, which git apply and patch\n"
            "-p1 can read, and no summary. Lines that begin with # tell what a patch cannot\n"
            "express: changes of directories, owners, times and binary files. Names are\n"
            "quoted as git quotes them, also if they have a space. On a terminal, control\n"
            "characters are shown as escapes.\n"
            "\n"
            "What the checkpoint has and rules exclude now is not compared with the disk\n"
            "while it is there; firn status names it.\n"
            "\n"
            "Of an SQLite database --stat counts the rows of each table that differ, and\n"
            "--patch shows the first 100 of them and what differs in the schema; --rows N\n"
            "shows up to N in any form, and --rows 0 compares none. Rows are compared by the\n"
            "primary key of their table, or by rowid where it has none.\n"
            "\n"
            "Nothing is written anywhere but temporary files.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_STRICT | FI_COMMAND_USES_PAGER |
            FI_COMMAND_USES_COLOUR,
    .run = dir_diff_run,
};
