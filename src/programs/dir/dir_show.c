/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_show.c: firn show.
 *
 * The changes of a checkpoint are the differences between it and the one before it that still
 * exists; the first one is compared with nothing. A separate comparison, which costs little, counts
 * them before any of them is printed. So the counts come first, where a reader looks for them.
 *
 * A turn is shown as the checkpoint that it ended with, but its changes are those since the one in
 * which it began.
 */
#include "dir/dir.h"

#include <assert.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"
#include "turn/turn.h"

static char
type_letter(firn_workspace_entry_type type)
{
    switch (type) {
    case FIRN_ENTRY_DIRECTORY:
        return 'd';
    case FIRN_ENTRY_SYMLINK:
        return 'l';
    case FIRN_ENTRY_FILE:
        break;
    }
    return '-';
}

/* "-rwxr-sr-x" */
static void
print_mode(const firn_workspace_entry *entry)
{
    char text[] = "-rwxrwxrwx";
    text[0] = type_letter(entry->type);
    for (unsigned i = 0; i < 9; i++) {
        if ((entry->mode >> (8 - i) & 1) == 0) {
            text[1 + i] = '-';
        }
    }
    if (entry->mode & 04000) {
        text[3] = text[3] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 02000) {
        text[6] = text[6] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 01000) {
        text[9] = text[9] == 'x' ? 't' : 'T';
    }
    fi_term_out_text(text);
}

static void
print_entry(const firn_workspace_entry *entry)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    print_mode(entry);
    fi_term_out_format("  %5u %5u  %12llu  %s  ", (unsigned)entry->uid, (unsigned)entry->gid,
                       (unsigned long long)entry->size_bytes,
                       fi_term_text_time(entry->mtime_ns, time));
    fi_term_path_print(entry->path);
    if (entry->type == FIRN_ENTRY_DIRECTORY) {
        fi_term_out_text("/");
    } else if (entry->type == FIRN_ENTRY_SYMLINK) {
        fi_term_out_text(" -> ");
        fi_term_text_escape(entry->link_target, fi_term_out_write);
    } else if (entry->hard_link.size > 0) {
        fi_term_out_text(" = ");
        fi_term_path_print(entry->hard_link);
    }
    fi_term_out_text("\n");
}

struct listing {
    const struct fi_task_workspace_paths *paths;
    bool has_any;
};

static bool
is_wanted(const struct fi_task_workspace_paths *paths, firn_slice path)
{
    bool is_in = paths->count == 0;
    for (size_t i = 0; i < paths->count && !is_in; i++) {
        const firn_slice *wanted = &paths->slices[i];
        is_in = path.size >= wanted->size && memcmp(path.data, wanted->data, wanted->size) == 0 &&
                (path.size == wanted->size || path.data[wanted->size] == '/');
    }
    return is_in;
}

static int
dir_show_visit(void *ctx, const firn_workspace_entry *entry)
{
    struct listing *listing = ctx;
    if (!is_wanted(listing->paths, entry->path)) {
        return FIRN_OK;
    }
    listing->has_any = true;
    fi_show_checkpoint_entry_json(NULL, entry);
    print_entry(entry);
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static void
print_size(const char *name, uint64_t bytes, const char *more)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    char exact[FI_TERM_TEXT_NUMBER_SIZE];
    assert(name[0] != '\0' && more != NULL);
    fi_term_out_format("%-11s %s", name, fi_term_text_size(bytes, size));
    if (bytes >= 1000) {
        fi_term_out_format(" (%s bytes)", fi_term_text_number(bytes, exact));
    }
    fi_term_out_format("%s\n", more);
}

static void
print_turn(const firn_workspace_turn *turn)
{
    if (turn->agent.size == 0) {
        return;
    }
    fi_term_out_text("turn        ");
    if (turn->number > 0) {
        fi_term_out_format("%llu of ", (unsigned long long)turn->number);
    }
    fi_term_text_escape(turn->agent, fi_term_out_write);
    if (turn->session.size > 0) {
        fi_term_out_text(", session ");
        fi_term_text_escape(turn->session, fi_term_out_write);
    }
    fi_term_out_text("\n");
    if (turn->prompt.size > 0) {
        fi_term_out_text("prompt      ");
        fi_term_text_escape(turn->prompt, fi_term_out_write);
        fi_term_out_text("\n");
    }
}

/* What firn run has run in the state, and how that ended. */
static void
print_tried(const firn_workspace_run *tried)
{
    if (tried->command.size > 0) {
        fi_term_out_format("tried       exit %llu: ", (unsigned long long)tried->exit_code);
        fi_term_text_escape(tried->command, fi_term_out_write);
        fi_term_out_text("\n");
    }
}

static void
tried_json(const firn_workspace_run *tried)
{
    if (tried->command.size == 0) {
        fi_term_json_null("tried");
        return;
    }
    fi_term_json_object("tried");
    fi_term_json_bytes("command", tried->command);
    fi_term_json_u64("exit_code", tried->exit_code);
    fi_term_json_time("begun", tried->begun_ns);
    fi_term_json_time("ended", tried->ended_ns);
    fi_term_json_end();
}

static void
print_checkpoint(firn_workspace *workspace, const char *reference,
                 const firn_workspace_checkpoint *checkpoint)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char other[FI_TERM_TEXT_NUMBER_SIZE];
    char time[FI_TERM_TEXT_TIME_SIZE];
    char root[FIRN_HASH_HEX_SIZE];
    firn_hash_to_hex(&checkpoint->root, root);
    if (checkpoint->is_safety) {
        fi_term_out_text("checkpoint  taken by a restore or a revert\n");
    } else {
        fi_term_colour(FI_TERM_YELLOW);
        fi_term_out_text("checkpoint  ");
        fi_task_remote_print_name(workspace, reference, checkpoint);
        fi_term_colour(FI_TERM_PLAIN);
        fi_term_out_text("\n");
    }
    fi_term_out_format("id          %s\n", checkpoint->id);
    fi_term_out_format("made        %s\n", fi_term_text_time(checkpoint->created_ns, time));
    if (checkpoint->message.size > 0) {
        fi_term_out_text("message     ");
        fi_term_text_escape(checkpoint->message, fi_term_out_write);
        fi_term_out_text("\n");
    }
    print_turn(&checkpoint->turn);
    print_tried(&checkpoint->tried);
    if (fi_show_checkpoint_git_is_known(&checkpoint->git)) {
        fi_term_out_text("git         ");
        fi_show_checkpoint_git(&checkpoint->git);
        fi_term_out_text("\n");
    }
    fi_term_out_format(
        "files       %s in %s %s\n", fi_term_text_number(checkpoint->files, number),
        fi_term_text_number(checkpoint->directories + 1, other),
        fi_term_text_plural(checkpoint->directories + 1, "directory", "directories"));
    print_size("contents", checkpoint->bytes, "");
    print_size("stored", checkpoint->added_bytes, " more than before");
    fi_term_out_format("left out    %s by rule, %s that could not be saved%s\n",
                       fi_term_text_number(checkpoint->excluded, number),
                       fi_term_text_number(checkpoint->skipped, other),
                       checkpoint->include_deps ? "; saved with --include-deps" : "");
    if (checkpoint->forgotten > 0) {
        fi_term_out_format("forgotten   %s %s removed since\n",
                           fi_term_text_number(checkpoint->forgotten, number),
                           fi_term_text_plural(checkpoint->forgotten, "path", "paths"));
    }
    fi_term_out_format("tree        %s\n", root);
}

/* ---- tags ---- */

enum { TAG_SIZE_MAX = 255 }; /* as the library has it */

struct tags {
    const struct fi_cli *cli;
    const char *id;
    const char *before; /* the next one */
};

static int
show_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct tags *tags = ctx;
    char name[TAG_SIZE_MAX + 1];
    assert(tags->id[0] != '\0' && tags->before != NULL);
    if (strcmp(tag->id, tags->id) != 0 || tag->name.size >= sizeof(name)) {
        return FIRN_OK;
    }
    memcpy(name, tag->name.data, tag->name.size);
    name[tag->name.size] = '\0';
    fi_term_json_string(NULL, name);
    fi_term_out_text(tags->before);
    fi_term_text_escape(tag->name, fi_term_out_write);
    tags->before = ", ";
    return FIRN_OK;
}

static int
show_tags(struct fi_cli *cli, firn_workspace *workspace, const char *id)
{
    firn_error err;
    struct tags tags = {cli, id, "tags        "};
    fi_term_json_array("tags");
    if (firn_workspace_tag_list(workspace, show_tag, &tags, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_end();
    if (tags.before[0] == ',') {
        fi_term_out_text("\n");
    }
    return FI_EXIT_OK;
}

/* ---- what it changed ---- */

static void
show_counts(const firn_workspace_diff_result *result)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    bool has_previous = result->before != NULL;
    fi_term_out_text("changes     ");
    fi_show_difference_print_counts(result, FI_SHOW_DIFFERENCE_COUNTS);
    if (has_previous) {
        fi_term_json_u64("previous", result->before->number);
        fi_term_out_format(" since %s\n", fi_show_checkpoint_name(result->before, name));
    } else {
        fi_term_json_null("previous");
        fi_term_out_text("; it is the first\n");
    }
}

static void
release_result(firn_workspace_diff_result *result)
{
    firn_release(result->before);
    firn_release(result->after);
}

/* Shows each change, after their counts. */
static int
show_changes(struct fi_cli *cli, firn_workspace *workspace, struct fi_show_difference *shown,
             const firn_workspace_diff_options *asked)
{
    assert(shown->form != FI_SHOW_DIFFERENCE_COUNTS); /* nothing but counts would be shown */
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    firn_error err;
    fi_term_json_array("changes");
    fi_term_out_text("\n");
    int code =
        firn_workspace_diff(workspace, asked, fi_show_difference_visit, shown, &result, &err);
    fi_term_meter_clear();
    release_result(&result);
    if (shown->is_out_of_memory) {
        return fi_command_report_no_memory(cli);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_end();
    fi_show_difference_json_counts(&result, shown->form);
    fi_show_difference_finish(shown);
    return FI_EXIT_OK;
}

/* The turn that is shown; of->last is NULL: none is. */
struct shown_turn {
    const struct fi_task_turn *of;
    struct fi_turn_own own;
};

/* What the checkpoint changed against the previous one, in the wanted paths; of a turn, all that
 * it changed. */
static firn_workspace_diff_options
asked_of(const char *id, const firn_workspace_diff_options *options, const struct shown_turn *turn)
{
    static const firn_slice all = {.data = (const uint8_t *)"", .size = 0};
    const bool is_all = options->path_count == 0;
    firn_workspace_diff_options asked = *options;
    assert(id[0] != '\0');
    asked.after = id;
    const char *first = fi_turn_own_is_known(&turn->own) ? turn->own.first : turn->of->first;
    asked.before = first[0] != '\0' ? first : NULL;
    asked.against_previous = asked.before == NULL;
    asked.paths = is_all ? &all : options->paths;
    asked.path_count = is_all ? 1 : options->path_count;
    if (is_all && fi_turn_own_is_shared(&turn->own)) {
        asked.paths = turn->own.paths;
        asked.path_count = turn->own.count;
    }
    return asked;
}

/* Shows the checkpoint, the counts of its changes, and them in the requested form. */
static int
show_difference(struct fi_cli *cli, firn_workspace *workspace, const char *reference,
                const firn_workspace_checkpoint *checkpoint, struct fi_show_difference *shown,
                const firn_workspace_diff_options *options, const struct shown_turn *turn)
{
    firn_workspace_diff_options asked = asked_of(checkpoint->id, options, turn);
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    firn_error err;
    asked.with_lines = false;
    const int code = firn_workspace_diff(workspace, &asked, NULL, NULL, &result, &err);
    fi_term_meter_clear();
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err, fi_task_workspace_hint_paths(NULL, options->path_count, code));
    }
    fi_show_checkpoint_json("checkpoint", checkpoint);
    tried_json(&checkpoint->tried);
    print_checkpoint(workspace, reference, checkpoint);
    const int exit_code = show_tags(cli, workspace, checkpoint->id);
    if (exit_code == FI_EXIT_OK) {
        show_counts(&result);
    }
    if (exit_code == FI_EXIT_OK && turn->of->last != NULL) {
        fi_turn_beside_print(&turn->own, "beside", 12);
        fi_turn_beside_json(&turn->own);
    }
    release_result(&result);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (shown->form == FI_SHOW_DIFFERENCE_COUNTS) {
        fi_show_difference_json_counts(&result, shown->form);
        return FI_EXIT_OK;
    }
    asked.with_lines = options->with_lines;
    return show_changes(cli, workspace, shown, &asked);
}

/* ---- the whole ---- */

static int
show_files(struct fi_cli *cli, firn_workspace *workspace, const char *id,
           const struct fi_task_workspace_paths *paths)
{
    firn_error err;
    struct listing listing = {.paths = paths};
    fi_term_json_array("entries");
    if (firn_workspace_entries(workspace, id, dir_show_visit, &listing, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_end();
    return listing.has_any || paths->count == 0
               ? FI_EXIT_OK
               : fi_command_report_error(cli, FIRN_NOT_FOUND,
                                         "firn log PATH shows the checkpoints that changed it",
                                         "nothing of that name is in the checkpoint");
}

static int
dir_show(struct fi_cli *cli, firn_workspace *workspace,
         const struct fi_task_workspace_references *references,
         const struct fi_task_workspace_paths *paths, struct fi_show_difference *shown,
         const firn_workspace_diff_options *options)
{
    firn_error err;
    const char *reference = references->first != NULL ? references->first : "latest";
    firn_workspace_checkpoint *checkpoint;
    struct shown_turn turn = {.of = &references->turn};
    int code = firn_workspace_find(workspace, reference, &checkpoint, &err);
    if (code == FIRN_OK && turn.of->last != NULL) {
        code = fi_turn_own_find(workspace, turn.of, &turn.own, &err);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err, fi_task_workspace_hint_or_path(workspace, reference, code));
    }
    /* By its id: a newer one may become "latest" meanwhile. */
    int exit_code;
    if (fi_command_has(cli, "files")) {
        fi_show_checkpoint_json("checkpoint", checkpoint);
        exit_code = show_files(cli, workspace, checkpoint->id, paths);
    } else {
        exit_code = show_difference(cli, workspace, reference, checkpoint, shown, options, &turn);
    }
    firn_release(checkpoint);
    fi_turn_own_deinit(&turn.own);
    return exit_code;
}

static int
dir_show_run(struct fi_cli *cli)
{
    firn_workspace *workspace = NULL;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_references references = {0};
    struct fi_task_notices notices;
    struct fi_show_difference shown;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    int exit_code = fi_show_difference_init(&shown, cli, FI_SHOW_DIFFERENCE_COUNTS, &options);
    if (exit_code == FI_EXIT_OK && fi_command_has(cli, "files") &&
        shown.form != FI_SHOW_DIFFERENCE_COUNTS) {
        exit_code =
            fi_command_misused(cli, "--files and options that show changes exclude each other");
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    options.callbacks = fi_task_notices_callbacks(&notices);
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &workspace));
    FI_TRY_OUT(exit_code, fi_task_workspace_references_init(cli, workspace, 0, 1, &references));
    FI_TRY_OUT(exit_code, fi_task_workspace_paths_init(cli, workspace, references.words, &paths));
    options.paths = paths.slices;
    options.path_count = paths.count;
    FI_TRY_OUT(exit_code, dir_show(cli, workspace, &references, &paths, &shown, &options));
    exit_code = fi_task_pending_report(cli, workspace, NULL);
out:
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    firn_workspace_close(workspace);
    fi_task_notices_deinit(&notices);
    fi_show_difference_deinit(&shown);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"files", 'f', NULL, "list its files, directories and links instead"},
    FI_SHOW_DIFFERENCE_OPTIONS("also print one row for each change"),
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn show latest", "show the newest checkpoint"},
    {"firn show 12 --stat", "show also what it changed, with line counts"},
    {"firn show 12 -p", "show also the lines that it changed"},
    {"firn show @12", "show the whole turn that checkpoint 12 ended"},
    {"firn show 12 --files", "list every file, directory and link in checkpoint 12"},
    {"firn show -p src/main.c", "show what the newest checkpoint changed in that file"},
    {NULL, NULL},
};

const struct fi_command fi_dir_show = {
    .name = "show",
    .summary = "Show a checkpoint, or list its files",
    .arguments = "[REF] [PATH...]",
    .options = options,
    .help = "REF names a checkpoint: its number; its id, or at least the first four letters\n"
            "of it (in any case); a tag; latest; the Nth before another (latest~2); or a time\n"
            "(2h30m, 14:30, \"monday 2:30pm\"). Without it the newest is shown.\n"
            "\n"
            "Changes are counted against the previous checkpoint; in the first one everything\n"
            "is new; those of a turn, as firn turns names it (@12), against where it began.\n"
            "--names, --stat and --patch show them as firn diff does. With PATHs only\n"
            "changes of these, and of everything below them, are counted and shown.\n"
            "\n"
            "With --files one row is printed for each entry: mode, owner, group, size, time\n"
            "of modification and path. -> precedes the target of a symbolic link, and =\n"
            "the first name of a file that has several.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_show_run,
};
