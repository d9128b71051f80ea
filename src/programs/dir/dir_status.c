/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_status.c: firn status.
 *
 * Differences are printed as they come. Excluded entries are printed before them, in the order in
 * which the threads of the scan find them. With --ignored they are collected, sorted, and printed
 * at the end, so two runs print the same. Then entries left out for a reserved name, such as the
 * .git of each repository, come first: one row for each name, except in --short and --json.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "firn/remote.h"
#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

/* A path that a rule leaves out. */
struct ignored {
    char *path;
    size_t path_size;
    size_t name_size; /* of the last component, where that is a reserved name; else 0 */
    char *text;
};

struct shown {
    const struct fi_cli *cli;
    firn_workspace *workspace;
    const char *reference; /* NULL: not given */
    const struct fi_task_workspace_paths *paths;
    bool is_short;
    struct fi_show_fold fold;
    bool with_ignored;
    bool has_size_limit;
    struct fi_task_notices notices;
    struct ignored *ignored;
    size_t ignored_count;
    size_t ignored_capacity;
    bool is_out_of_memory;
};

static int
dir_status_visit(void *ctx, const firn_workspace_change *change)
{
    struct shown *shown = ctx;
    fi_term_meter_clear();
    fi_show_change_json(change);
    if (shown->is_short) {
        fi_show_change_print_short(change);
    } else {
        fi_show_fold_print(&shown->fold, change);
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* ---- what rules leave out ---- */

static bool
is_at_or_below(firn_slice path, firn_slice ancestor)
{
    return path.size >= ancestor.size && memcmp(path.data, ancestor.data, ancestor.size) == 0 &&
           (path.size == ancestor.size || path.data[ancestor.size] == '/');
}

/* Whether it is inside a compared path, or contains one. */
static bool
is_asked_for(const struct shown *shown, firn_slice path)
{
    bool is_in = shown->paths->count == 0;
    for (size_t i = 0; i < shown->paths->count && !is_in; i++) {
        firn_slice asked = shown->paths->slices[i];
        is_in = asked.size == 0 || is_at_or_below(path, asked) || is_at_or_below(asked, path);
    }
    return is_in;
}

static bool
add_ignored(struct shown *shown, const firn_notice *notice)
{
    assert(shown->ignored_count <= shown->ignored_capacity && notice->path.size > 0);
    if (shown->ignored_count == shown->ignored_capacity) {
        size_t capacity = shown->ignored_capacity == 0 ? 64 : shown->ignored_capacity * 2;
        struct ignored *grown = realloc(shown->ignored, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        shown->ignored = grown;
        shown->ignored_capacity = capacity;
    }
    const uint8_t *slash =
        notice->path.size > 0 ? memrchr(notice->path.data, '/', notice->path.size) : NULL;
    size_t name_at = slash != NULL ? (size_t)(slash - notice->path.data) + 1 : 0;
    struct ignored item = {malloc(notice->path.size + 1), notice->path.size,
                           notice->is_reserved ? notice->path.size - name_at : 0,
                           strdup(notice->text)};
    if (item.path == NULL || item.text == NULL) {
        free(item.path);
        free(item.text);
        return false;
    }
    memcpy(item.path, notice->path.data, notice->path.size);
    shown->ignored[shown->ignored_count++] = item;
    return true;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    assert(notice->text != NULL);
    struct shown *shown = ctx;
    firn_callbacks callbacks = fi_task_notices_callbacks(&shown->notices);
    callbacks.on_notice(callbacks.ctx, notice);
    if (notice->kind == FIRN_NOTICE_EXCLUDED && shown->with_ignored &&
        is_asked_for(shown, notice->path) && !add_ignored(shown, notice)) {
        shown->is_out_of_memory = true;
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct shown *shown = ctx;
    firn_callbacks callbacks = fi_task_notices_callbacks(&shown->notices);
    return callbacks.on_progress(callbacks.ctx, progress);
}

static int
compare_bytes(firn_slice left, firn_slice right)
{
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size == 0 ? 0 : memcmp(left.data, right.data, size);
    return order != 0 ? order : (left.size > right.size) - (left.size < right.size);
}

static firn_slice
ignored_path(const struct ignored *ignored)
{
    return firn_bytes(ignored->path, ignored->path_size);
}

static firn_slice
ignored_name(const struct ignored *ignored)
{
    assert(ignored->name_size <= ignored->path_size);
    return firn_bytes(ignored->path + ignored->path_size - ignored->name_size, ignored->name_size);
}

static int
compare_ignored(const void *a, const void *b)
{
    return compare_bytes(ignored_path(a), ignored_path(b));
}

/* Reserved names come first, those of one name together. */
static int
compare_grouped(const void *a, const void *b)
{
    const struct ignored *left = a;
    const struct ignored *right = b;
    if ((left->name_size > 0) != (right->name_size > 0)) {
        return left->name_size > 0 ? -1 : 1;
    }
    int order = compare_bytes(ignored_name(left), ignored_name(right));
    return order != 0 ? order : compare_ignored(a, b);
}

/* How many from here on have the same reserved name; 1 where it is not one. */
static size_t
count_group(const struct shown *shown, size_t at)
{
    assert(at < shown->ignored_count);
    const struct ignored *first = &shown->ignored[at];
    size_t count = 1;
    while (first->name_size > 0 && at + count < shown->ignored_count &&
           compare_bytes(ignored_name(first), ignored_name(&shown->ignored[at + count])) == 0) {
        count++;
    }
    return count;
}

static void
show_ignored_rows(struct shown *shown)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    for (size_t i = 0; i < shown->ignored_count;) {
        size_t count = shown->is_short ? 1 : count_group(shown, i);
        fi_term_out_text(shown->is_short ? "I " : "ignored   ");
        if (count == 1) {
            fi_term_path_print(ignored_path(&shown->ignored[i]));
            fi_term_out_text("\n");
        } else {
            fi_term_text_escape(ignored_name(&shown->ignored[i]), fi_term_out_write);
            fi_term_out_format(" (%s)\n", fi_term_text_number(count, number));
        }
        i += count;
    }
}

static void
show_ignored_json(const struct shown *shown)
{
    fi_term_json_array("ignored");
    for (size_t i = 0; i < shown->ignored_count; i++) {
        fi_term_json_object(NULL);
        fi_term_json_bytes("path", ignored_path(&shown->ignored[i]));
        fi_term_json_bytes("text", firn_str(shown->ignored[i].text));
        fi_term_json_end();
    }
    fi_term_json_end();
}

static void
show_ignored(struct shown *shown)
{
    bool is_grouped = !shown->cli->json && !shown->is_short;
    if (shown->ignored_count > 1) {
        qsort(shown->ignored, shown->ignored_count, sizeof(*shown->ignored),
              is_grouped ? compare_grouped : compare_ignored);
    }
    show_ignored_json(shown);
    show_ignored_rows(shown);
}

static void
shown_deinit(struct shown *shown)
{
    for (size_t i = 0; i < shown->ignored_count; i++) {
        free(shown->ignored[i].path);
        free(shown->ignored[i].text);
    }
    free(shown->ignored);
    fi_show_fold_finish(&shown->fold); /* of a comparison that failed */
    fi_task_notices_deinit(&shown->notices);
}

/* ---- the result ---- */

static void
print_summary(const struct shown *shown, const firn_workspace_status_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    const struct fi_show_counts counts = {result->added, result->changed, result->removed,
                                          result->times_only};
    bool is_equal = result->added + result->changed + result->removed + result->times_only == 0;
    fi_term_out_text("compared with ");
    fi_task_remote_print_name(shown->workspace, shown->reference, result->checkpoint);
    fi_term_out_text(": ");
    if (is_equal) {
        fi_term_out_text("no change");
    } else {
        fi_show_change_counts_print(&counts);
    }
    fi_term_out_format("; %s unchanged\n", fi_term_text_number(result->unchanged, number));
}

/* How many checkpoints each remote has not been sent yet. */
static void
print_not_pushed(const firn_remote_info *remote)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char ago[FI_TERM_TEXT_TIME_SIZE];
    struct timespec now = {0};
    fi_term_out_format("not pushed to %s yet: %s %s", remote->name,
                       fi_term_text_number(remote->not_pushed, number),
                       fi_term_text_plural(remote->not_pushed, "checkpoint", "checkpoints"));
    if (remote->failed_text != NULL) {
        (void)clock_gettime(CLOCK_REALTIME, &now);
        fi_term_out_format("; the last try failed %s: ",
                           fi_term_text_ago(remote->failed_ns,
                                            (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, ago));
        fi_term_text_escape(firn_str(remote->failed_text), fi_term_out_write);
    }
    fi_term_out_text("\n");
}

static int
show_remote(void *ctx, const firn_remote_info *remote)
{
    const struct shown *shown = ctx;
    bool has_failed = remote->failed_text != NULL;
    fi_term_json_object(NULL);
    fi_term_json_string("name", remote->name);
    fi_term_json_u64("not_pushed", remote->not_pushed);
    fi_term_json_time_if("failed", remote->failed_ns, has_failed);
    if (has_failed) {
        fi_term_json_text("failure", firn_str(remote->failed_text));
    } else {
        fi_term_json_null("failure");
    }
    fi_term_json_end();
    if (remote->not_pushed > 0 && !shown->cli->quiet && !shown->is_short) {
        print_not_pushed(remote);
    }
    return FIRN_OK;
}

static void
show_remotes(struct shown *shown, firn_workspace *workspace)
{
    fi_term_json_array("remotes");
    int code = firn_remote_list(workspace, show_remote, shown, NULL);
    (void)code; /* what could be read is shown; the comparison is done */
    fi_term_json_end();
}

static void
show_encryption(const struct shown *shown)
{
    char text[FI_COMMAND_KEY_TEXT_SIZE];
    bool is_encrypted = fi_command_key_show(firn_workspace_store_path(shown->workspace), text);
    if (is_encrypted && !shown->cli->quiet && !shown->is_short) {
        fi_term_out_format("encrypted: %s\n", text);
    }
}

static void
show_result(struct shown *shown, const firn_workspace_status_result *result)
{
    fi_show_fold_finish(&shown->fold);
    fi_term_json_end();
    if (shown->with_ignored) {
        show_ignored(shown);
    }
    fi_show_checkpoint_json("checkpoint", result->checkpoint);
    fi_term_json_u64("added", result->added);
    fi_term_json_u64("changed", result->changed);
    fi_term_json_u64("removed", result->removed);
    fi_term_json_u64("times_only", result->times_only);
    fi_term_json_u64("unchanged", result->unchanged);
    fi_term_json_u64("skipped", result->skipped);
    fi_term_json_bool("watched", result->is_watched);
    fi_term_json_bool("store_in_git", result->git_tracks_store);
    fi_task_notices_json(&shown->notices);
    if (!shown->cli->quiet && !shown->is_short) {
        print_summary(shown, result);
        fi_task_notices_print_not_compared(&shown->notices);
        if (shown->has_size_limit && !shown->with_ignored) {
            fi_task_notices_print_excluded(&shown->notices);
        }
        if (result->is_watched) {
            fi_term_out_text("a watch is running; firn watch --status describes it\n");
        }
    }
    show_encryption(shown);
    if (result->git_tracks_store && !shown->cli->json) {
        fi_command_report_line(
            "git tracks files of the store .firn: a push publishes what was saved");
        fi_command_report_more("hint", "git rm -r -q --cached .firn, and remove .firn/.gitignore, "
                                       "which firn save makes anew: it may have come with a pull");
    }
}

static int
dir_status_compare(struct fi_cli *cli, firn_workspace *workspace, const char *reference,
                   const struct fi_task_workspace_paths *paths,
                   const struct fi_task_settings_today *today)
{
    firn_error err;
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    struct shown shown = {.cli = cli,
                          .workspace = workspace,
                          .reference = reference,
                          .paths = paths,
                          .is_short = fi_command_has(cli, "short"),
                          .with_ignored = fi_command_has(cli, "ignored"),
                          .has_size_limit = today->file_size_max > 0};
    int exit_code;
    fi_task_notices_init(&shown.notices, cli);
    fi_show_fold_init(&shown.fold, fi_command_has(cli, "verbose"));
    options.reference = reference;
    options.paths = paths->slices;
    options.path_count = paths->count;
    options.file_size_max = today->file_size_max;
    options.gitignore = today->gitignore;
    options.without_times = !fi_command_has(cli, "times");
    options.callbacks = (firn_callbacks){on_notice, on_progress, &shown};
    fi_term_json_array("changes");
    firn_workspace_pending_restore earlier = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    fi_task_pending_inspect(workspace, &earlier);
    int code = firn_workspace_status(workspace, &options, dir_status_visit, &shown, &result, &err);
    fi_term_meter_clear();
    if (code != FIRN_OK) {
        const char *hint = reference != NULL
                               ? fi_task_workspace_hint_or_path(workspace, reference, code)
                               : fi_task_workspace_hint(workspace, "latest", code);
        exit_code = fi_command_report_failure(
            cli, &err, fi_task_workspace_hint_paths(hint, paths->count, code));
    } else if (shown.is_out_of_memory) {
        exit_code = fi_command_report_no_memory(cli);
    } else {
        show_result(&shown, &result);
        show_remotes(&shown, workspace);
        exit_code = fi_task_pending_report(cli, workspace, &earlier);
        exit_code = exit_code == FI_EXIT_OK ? fi_task_notices_exit(&shown.notices) : exit_code;
    }
    firn_release(result.checkpoint);
    shown_deinit(&shown);
    return exit_code;
}

static int
dir_status_run(struct fi_cli *cli)
{
    firn_workspace *workspace = NULL;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_references references = {0};
    const char *most = fi_command_value(cli, "max-file-size");
    uint64_t file_size_max = 0;
    firn_error err;
    if (most != NULL && firn_config_size(most, &file_size_max, &err) != FIRN_OK) {
        return fi_command_misused(cli, "--max-file-size: %s", err.text);
    }
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &workspace));
    FI_TRY_OUT(exit_code, fi_task_workspace_references_init(cli, workspace, 0, 1, &references));
    FI_TRY_OUT(exit_code, fi_task_workspace_paths_init(cli, workspace, references.words, &paths));
    struct fi_task_settings_today today = fi_task_settings_inspect(workspace, true);
    today.file_size_max = most != NULL ? file_size_max : today.file_size_max;
    exit_code = dir_status_compare(cli, workspace, references.first, &paths, &today);
out:
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"short", 's', NULL, "print a letter and the path only, and no summary"},
    {"verbose", 'v', NULL, "list each file of added and removed directories"},
    {"ignored", 0, NULL, "also list what rules exclude"},
    {"times", 0, NULL, "also list files of which only the time differs"},
    {"max-file-size", 0, "SIZE", "exclude larger files, as a save does (none: no limit)"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn status", "show what changed since the newest checkpoint"},
    {"firn status .", "the same, only in the current directory"},
    {"firn status 12 src", "show what changed in src since checkpoint 12"},
    {"firn status -s src", "the same since the newest checkpoint, in short form"},
    {NULL, NULL},
};

const struct fi_command fi_dir_status = {
    .name = "status",
    .summary = "Show what changed in the workspace since a checkpoint",
    .arguments = "[REF] [PATH...]",
    .options = options,
    .help = "Compares the workspace, or only the given PATHs and everything below them, with\n"
            "the checkpoint REF (default: latest), and prints one row for each difference:\n"
            "added, changed (content, link target or kind), metadata (only mode, owner, time\n"
            "or attributes) or removed. Files of which only the time differs are counted, and\n"
            "listed with --times; times of directories are ignored. On a terminal a directory\n"
            "that was added or removed is one row, with the number of its files; --verbose\n"
            "lists them, as elsewhere. The exit code is 0 whether or not there are\n"
            "differences.\n"
            "\n"
            "With --short a letter stands for each kind of difference: A added, M changed, T\n"
            "kind changed, m metadata, D removed. With --ignored the topmost excluded files\n"
            "and directories follow, marked ignored or I; several .git are one row with their\n"
            "number, except with --short or --json. Files above --max-file-size or firn\n"
            "config save.max-file-size count as excluded, not as added, and are named at the\n"
            "end.\n"
            "\n"
            "What the checkpoint has and rules exclude now is not compared while it is there.\n"
            "It is named at the end: the next save leaves it out, a restore leaves it alone.\n"
            "\n"
            "If the store has remotes, a line for each says how many checkpoints were made\n"
            "since the last firn push, and why the last push in the background failed; the\n"
            "remotes are not asked. If the store is encrypted, a line says how, and how many\n"
            "keys open it (firn help key). If git tracks files of a store .firn in the\n"
            "workspace, a warning says so.\n"
            "\n"
            "Paths are relative to the current directory. A first word that names no\n"
            "checkpoint, but a file or directory, is a path; after -- every word is one.\n"
            "Nothing is written anywhere.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_STRICT | FI_COMMAND_USES_PAGER |
            FI_COMMAND_USES_COLOUR,
    .run = dir_status_run,
};
