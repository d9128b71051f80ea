/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_list.c: firn list.
 */
#include "dir/dir.h"

#include <assert.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

struct listing {
    struct fi_cli *cli;
    struct fi_task_window window;
    bool with_safety;
    uint64_t limit;
    uint64_t count;
    struct fi_task_labels labels;
    char line[FI_SHOW_LINE_NAME_SIZE]; /* of a remote: that is listed */
};

/* ---- rows ---- */

/* How far a row is the same for all checkpoints. */
static void
print_facts(const firn_workspace_checkpoint *checkpoint)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    char files[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("  %s  %9s %s  %8s", fi_term_text_time(checkpoint->created_ns, time),
                       fi_term_text_number(checkpoint->files, files),
                       fi_term_text_plural(checkpoint->files, "file ", "files"),
                       fi_term_text_size(checkpoint->bytes, bytes));
}

static void
print_message(const firn_workspace_checkpoint *checkpoint)
{
    if (checkpoint->message.size > 0) {
        fi_term_out_text("  ");
        fi_term_width_cut(checkpoint->message, FI_SHOW_CHECKPOINT_MESSAGE_MAX, fi_term_out_write);
    }
    fi_term_out_text("\n");
}

static void
print_row(const struct listing *listing, const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_TERM_TEXT_NUMBER_SIZE] = "-";
    if (!checkpoint->is_safety) {
        (void)fi_show_checkpoint_name(checkpoint, name);
    }
    fi_show_checkpoint_print_names(name, checkpoint->id);
    print_facts(checkpoint);
    fi_task_labels_print(&listing->labels, checkpoint->id);
    print_message(checkpoint);
}

static int
dir_list_visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    if (!fi_task_window_has(&listing->window, checkpoint) ||
        (checkpoint->is_safety && !listing->with_safety) || listing->count == listing->limit) {
        return FIRN_OK;
    }
    listing->count++;
    fi_show_checkpoint_json(NULL, checkpoint);
    if (listing->cli->quiet) {
        fi_term_out_format("%s\n", fi_show_checkpoint_name(checkpoint, name));
    } else {
        print_row(listing, checkpoint);
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
count_one(void *ctx, const firn_workspace_info *info)
{
    *(uint64_t *)ctx += info->checkpoints > 0 ? 1 : 0;
    return FIRN_OK;
}

/* A store that was brought from elsewhere is about directories that may have another path here. */
static void
report_others(const struct fi_cli *cli)
{
    uint64_t count = 0;
    if (cli->store_path != NULL && !cli->quiet &&
        firn_workspaces_list(cli->store_path, count_one, &count, NULL) == FIRN_OK && count > 0) {
        fi_command_report_line(
            "the store has checkpoints of %s: firn workspaces list shows which",
            fi_term_text_plural(count, "another directory", "other directories"));
        fi_command_report_more(
            "hint", "if one of them is this one now: firn workspaces relocate THAT-DIRECTORY");
    }
}

/* ---- of a remote ---- */

static int
on_line(void *ctx, const firn_workspace_line *line)
{
    struct listing *listing = ctx;
    return fi_show_line_name(line, listing->line);
}

/* A row begins with the whole reference. */
static int
dir_list_visit_remote(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    char reference[FI_SHOW_LINE_REFERENCE_SIZE];
    firn_slice shown = firn_str(fi_show_line_reference(listing->line, checkpoint, reference));
    listing->count++;
    fi_term_json_object(NULL);
    fi_show_checkpoint_json_fields(checkpoint);
    fi_term_json_bytes("line", firn_str(listing->line));
    fi_term_json_bytes("reference", shown);
    fi_term_json_end();
    fi_term_colour(FI_TERM_YELLOW);
    fi_term_text_escape(shown, fi_term_out_write);
    if (listing->cli->quiet) {
        fi_term_colour(FI_TERM_PLAIN);
        fi_term_out_text("\n");
    } else {
        fi_term_out_format("  %.*s", FIRN_CHECKPOINT_ID_SHORT, checkpoint->id);
        fi_term_colour(FI_TERM_PLAIN);
        print_facts(checkpoint);
        print_message(checkpoint);
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
list_remote(struct listing *listing, firn_workspace *workspace, const char *remote)
{
    firn_error err;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct fi_cli *cli = listing->cli;
    bool is_whole = strchr(remote, '/') == NULL;
    options.remote = remote;
    options.on_line = on_line;
    options.limit = listing->limit;
    options.deleted = fi_command_has(cli, "deleted");
    fi_term_json_array("checkpoints");
    int code = firn_workspace_list(workspace, &options, dir_list_visit_remote, listing, &err);
    if (code != FIRN_OK && (code != FIRN_NOT_FOUND || !is_whole)) {
        return fi_command_report_failure(cli, &err, fi_show_line_hint(code));
    }
    fi_term_json_end();
    if (listing->count == 0 && listing->limit > 0 && !cli->quiet) {
        fi_term_out_text("no checkpoints; firn pull brings those that others have pushed\n");
    }
    return FI_EXIT_OK;
}

static int
dir_list_run(struct fi_cli *cli)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    struct listing listing = {.cli = cli, .limit = UINT64_MAX};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    const char *limit = fi_command_value(cli, "limit");
    listing.with_safety = fi_command_has(cli, "all");
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &listing.limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    int exit_code = fi_task_workspace_open(cli, &workspace);
    if (exit_code == FI_EXIT_OK && cli->argument_count > 0 &&
        fi_task_remote_is_meant(workspace, cli->arguments[0])) {
        exit_code = list_remote(&listing, workspace, cli->arguments[0]);
        firn_workspace_close(workspace);
        return exit_code;
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_window_init(cli, workspace, &listing.window);
    }
    if (exit_code != FI_EXIT_OK) {
        firn_workspace_close(workspace);
        return exit_code;
    }
    options.include_safety = listing.with_safety || !listing.window.is_whole;
    options.deleted = fi_command_has(cli, "deleted");
    listing.with_safety = listing.with_safety || options.deleted;
    options.include_safety = options.include_safety || options.deleted;
    options.limit = listing.window.is_whole ? listing.limit : UINT64_MAX;
    fi_term_json_array("checkpoints");
    int code =
        cli->json || cli->quiet ? FIRN_OK : fi_task_labels_read(&listing.labels, workspace, &err);
    if (code == FIRN_OK) {
        code = firn_workspace_list(workspace, &options, dir_list_visit, &listing, &err);
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        fi_term_json_end();
        if (listing.count == 0 && listing.limit > 0 && !cli->quiet) {
            fi_term_out_text(options.deleted ? "no deleted checkpoint can be brought back\n"
                                             : "no checkpoints\n");
        }
        if (listing.count == 0 && listing.window.is_whole && !options.deleted) {
            fi_task_workspace_report_unread(workspace);
            report_others(cli);
        }
        exit_code = fi_task_pending_report(cli, workspace, NULL);
    }
    fi_task_labels_deinit(&listing.labels);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 'n', "N", "list only the N newest"},
    {"all", 'a', NULL, "include safety checkpoints, which restores take"},
    {"deleted", 0, NULL, "list what firn undelete can bring back instead"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn list -n 5", "list the five newest"},
    {"firn list yesterday..", "list what was saved since this time yesterday"},
    {"firn list origin -n 3", "list the three newest of each line of a remote"},
    {NULL, NULL},
};

const struct fi_command fi_dir_list = {
    .name = "list",
    .summary = "List the checkpoints of the workspace, newest first",
    .arguments = "[REF..REF|REMOTE]",
    .options = options,
    .help = "Prints one row for each checkpoint: its number, the beginning of its id, when it\n"
            "was made (local time), how many files and bytes it contains, its tags in\n"
            "[], whether it is pinned, and the beginning of its message (firn show REF prints\n"
            "all of it). With --quiet only numbers are printed. A safety checkpoint, listed\n"
            "by --all, has no number; refer to it by its id. A..B lists what came after A, up\n"
            "to and including B; A.. and ..B leave one side open.\n"
            "\n"
            "With REMOTE, lists what pulls have brought from this remote: the lines of the\n"
            "remote one after the other, each newest first. Rows begin with a reference to\n"
            "the checkpoint, as in origin/ada@laptop:project/12. REMOTE/LINE lists one line.\n"
            "The remote itself is not asked.\n"
            "\n"
            "Nothing is created, even if nothing was ever saved.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_list_run,
};
