/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_revert.c: firn revert.
 *
 * The first word is a checkpoint, or two with ".." between them, the older one first; all others
 * are paths. Names of tags may contain two dots, but here the dots always separate two checkpoints.
 * If there are conflicts, only these are printed.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"
#include "turn/turn.h"

/* ---- paths that cannot be merged ----
 *
 * People see the later changes, with line numbers of the file on disk, where they would look; JSON
 * has all three sides.
 *
 * A row for people is a message: it goes to standard error, because nothing was done.
 */

enum { TEXT_SIZE = 256, REGIONS_SHOWN = 8 };

static const char *
meaning_of(firn_workspace_revert_conflict_kind kind)
{
    switch (kind) {
    case FIRN_REVERT_CONFLICT_LINES:
        return "changed since as well: ";
    case FIRN_REVERT_CONFLICT_CONTENT:
        return "changed since as well, and cannot be merged line by line";
    case FIRN_REVERT_CONFLICT_REMOVED:
        return "removed since";
    case FIRN_REVERT_CONFLICT_CHANGED:
        return "would be removed, and was changed since";
    case FIRN_REVERT_CONFLICT_ADDED:
        return "would come back, and something else is there since";
    case FIRN_REVERT_CONFLICT_KIND:
        return "became something else (file, directory or link) while the other side was changed";
    case FIRN_REVERT_CONFLICT_ATTRIBUTES:
        return "changed since as well: ";
    case FIRN_REVERT_CONFLICT_HARD_LINKS:
        return "is another name (hard link) of a file that would become something else";
    }
    return "cannot be merged";
}

static void
dir_revert_append(char *text, const char *more)
{
    size_t size = strlen(text);
    assert(size < TEXT_SIZE);
    (void)snprintf(text + size, TEXT_SIZE - size, "%s", more);
}

/* "lines 10-12, 40". A place where lines are missing now is that of the line before. */
static void
append_regions(char *text, const firn_workspace_revert_conflict *conflict)
{
    char part[48];
    dir_revert_append(text, "lines ");
    for (size_t i = 0; i < conflict->region_count && i < REGIONS_SHOWN; i++) {
        const firn_merge_region *region = &conflict->regions[i];
        unsigned long from = (unsigned long)region->ours_at + 1;
        unsigned long to = (unsigned long)region->ours_at + region->ours_count;
        if (region->ours_count == 0) {
            (void)snprintf(part, sizeof(part), "after %lu", from - 1);
        } else if (from == to) {
            (void)snprintf(part, sizeof(part), "%lu", from);
        } else {
            (void)snprintf(part, sizeof(part), "%lu-%lu", from, to);
        }
        dir_revert_append(text, i == 0 ? "" : ", ");
        dir_revert_append(text, part);
    }
    if (conflict->region_count > REGIONS_SHOWN) {
        dir_revert_append(text, ", and more");
    }
}

static void
append_attributes(char *text, unsigned what)
{
    static const struct {
        firn_workspace_changed bit;
        const char *name;
    } names[] = {{FIRN_CHANGED_MODE, "mode"},
                 {FIRN_CHANGED_OWNER, "owner"},
                 {FIRN_CHANGED_XATTRS, "extended attributes"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((what & names[i].bit) != 0) {
            dir_revert_append(text, between);
            dir_revert_append(text, names[i].name);
            between = ", ";
        }
    }
}

/* "firn: conflict: src/main.c: changed since as well: lines 10-12", on standard error. */
static void
conflict_report(const firn_workspace_revert_conflict *conflict)
{
    char text[TEXT_SIZE] = "";
    dir_revert_append(text, meaning_of(conflict->kind));
    if (conflict->kind == FIRN_REVERT_CONFLICT_LINES) {
        append_regions(text, conflict);
    } else if (conflict->kind == FIRN_REVERT_CONFLICT_ATTRIBUTES) {
        append_attributes(text, conflict->what);
    }
    fi_command_report_path("conflict", conflict->path, text);
}

static void
side_json(const char *key, uint64_t at, uint64_t count)
{
    assert(key != NULL);
    fi_term_json_object(key);
    fi_term_json_u64("line", at + 1);
    fi_term_json_u64("lines", count);
    fi_term_json_end();
}

/* The object of a conflict, in an array. */
static void
conflict_json(const firn_workspace_revert_conflict *conflict)
{
    fi_term_json_object(NULL);
    fi_term_json_string("conflict", firn_workspace_revert_conflict_kind_name(conflict->kind));
    fi_term_json_bytes("path", conflict->path);
    if (conflict->kind == FIRN_REVERT_CONFLICT_ATTRIBUTES) {
        fi_show_change_json_what(conflict->what);
    }
    if (conflict->before != NULL) {
        fi_show_checkpoint_entry_json("before", conflict->before);
    }
    if (conflict->after != NULL) {
        fi_show_checkpoint_entry_json("after", conflict->after);
    }
    if (conflict->now != NULL) {
        fi_show_checkpoint_entry_json("now", conflict->now);
    }
    if (conflict->kind == FIRN_REVERT_CONFLICT_LINES) {
        fi_term_json_array("regions");
        for (size_t i = 0; i < conflict->region_count; i++) {
            const firn_merge_region *region = &conflict->regions[i];
            fi_term_json_object(NULL);
            side_json("before", region->theirs_at, region->theirs_count);
            side_json("after", region->base_at, region->base_count);
            side_json("now", region->ours_at, region->ours_count);
            fi_term_json_end();
        }
        fi_term_json_end();
    }
    fi_term_json_end();
}

/* ---- reverting ---- */

struct request {
    firn_workspace *workspace;
    firn_workspace_revert_options options;
    firn_workspace_revert_result result;
    struct fi_task_turn turn; /* that is reverted; last is NULL: none is */
    struct fi_turn_own own;   /* of that turn */
    bool has_changes; /* with --json: the array of conflicts is over, that of changes begun */
};

/* The callbacks are given the address of the notices, which is that of the whole. */
struct shown {
    struct fi_task_notices notices;
    struct fi_show_fold fold; /* of the rows of a dry run */
    struct request *request;
};
_Static_assert(offsetof(struct shown, notices) == 0, "see above");

static int
dir_revert_attempt(void *ctx, firn_error *err)
{
    struct request *request = ctx;
    fi_task_notices_again(request->options.callbacks.ctx);
    return firn_workspace_revert(request->workspace, &request->options, &request->result, err);
}

static int
on_conflict(void *ctx, const firn_workspace_revert_conflict *conflict)
{
    struct shown *shown = ctx;
    if (!fi_task_notices_row(&shown->notices, conflict->path)) {
        return FIRN_OK;
    }
    fi_term_meter_clear();
    if (!shown->notices.cli->json) {
        conflict_report(conflict);
    } else if (!shown->request->has_changes) { /* else an attempt before found none */
        conflict_json(conflict);
    }
    return FIRN_OK;
}

static void
begin_changes(struct request *request)
{
    if (!request->has_changes) {
        fi_term_json_end();
        fi_term_json_array("changes");
        request->has_changes = true;
    }
}

static int
on_change(void *ctx, const firn_workspace_change *change)
{
    struct shown *shown = ctx;
    assert(change->before != NULL || change->after != NULL);
    if (!fi_task_notices_row(&shown->notices,
                             (change->after != NULL ? change->after : change->before)->path)) {
        return FIRN_OK;
    }
    fi_term_meter_clear();
    begin_changes(shown->request);
    fi_show_change_json(change);
    fi_show_fold_print(&shown->fold, change);
    return FIRN_OK;
}

static struct fi_show_counts
counts_of(const firn_workspace_revert_result *result)
{
    return (struct fi_show_counts){result->added, result->changed, result->removed, 0};
}

static void
print_result(const struct request *request)
{
    const firn_workspace_revert_result *result = &request->result;
    const struct fi_show_counts counts = counts_of(result);
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    fi_term_out_format("%s ", request->options.dry_run ? "would revert" : "reverted");
    if (request->turn.last != NULL) {
        fi_term_out_text("the turn @");
    } else if (request->options.before != NULL) {
        fi_term_out_format("%s..", fi_show_checkpoint_name(result->before, name));
    }
    fi_term_out_format("%s: ", fi_show_checkpoint_name(result->after, name));
    fi_show_change_counts_print(&counts);
    if (result->merged > 0) {
        fi_term_out_text("; ");
        fi_show_change_counts_print_one(result->merged, "merged with what came after");
    }
    if (result->left_alone > 0) {
        fi_term_out_text("; ");
        fi_show_change_counts_print_one(result->left_alone, "left alone by rule");
    }
    if (result->safety_id[0] != '\0') {
        fi_term_out_text("; take this back with: firn undo");
    }
    fi_term_out_text("\n");
}

static void
show_json(struct request *request, const struct fi_task_notices *notices)
{
    const firn_workspace_revert_result *result = &request->result;
    const struct fi_show_counts counts = counts_of(result);
    begin_changes(request);
    fi_term_json_end();
    fi_show_checkpoint_json("before", result->before);
    fi_show_checkpoint_json("after", result->after);
    fi_term_json_bool("dry_run", request->options.dry_run);
    fi_show_checkpoint_safety_json(result->safety_id);
    fi_show_change_counts_json(&counts);
    fi_term_json_u64("merged", result->merged);
    fi_term_json_u64("left_alone", result->left_alone);
    fi_term_json_u64("incomplete", result->incomplete);
    fi_term_json_u64("not_restored", result->not_restored);
    fi_task_notices_json(notices);
}

static bool
is_first(firn_workspace *workspace, const char *reference)
{
    enum { REFERENCE_SIZE = 300 };
    char before[REFERENCE_SIZE];
    int size = snprintf(before, sizeof(before), "%s~1", reference != NULL ? reference : "latest");
    return size > 0 && size < REFERENCE_SIZE &&
           firn_workspace_find(workspace, before, NULL, NULL) == FIRN_NOT_FOUND;
}

/* Where both checkpoints are there. */
static const char *
hint_beyond_references(const struct request *request, int code)
{
    assert(code != FIRN_OK);
    const firn_workspace_revert_options *options = &request->options;
    if (code == FIRN_INVALID && options->path_count > 0) {
        return NULL; /* it may be a path that is meant; what is said says it */
    }
    if (code == FIRN_INVALID) {
        return "a range begins with the older one: firn revert OLDER..NEWER";
    }
    if (code == FIRN_NOT_FOUND && options->before == NULL &&
        is_first(request->workspace, options->after)) {
        return "firn restore REF brings back a checkpoint itself, firn cat one file of it";
    }
    return fi_task_workspace_hint_paths(NULL, options->path_count, code);
}

/* What to do next after a failure. */
static const char *
hint_of(const struct request *request, const firn_error *err)
{
    const int code = err->code;
    assert(code != FIRN_OK);
    const firn_workspace_revert_options *options = &request->options;
    if (code == FIRN_CONFLICT && request->result.conflicts > 0) {
        return "revert only some paths (firn revert REF PATH...), or bring back what was there "
               "before with firn cat or firn restore";
    }
    if (code == FIRN_READ_ONLY || code == FIRN_DENIED) {
        return "firn restore REF --to DIR writes a checkpoint into another directory";
    }
    const char *hint = fi_task_workspace_hint(request->workspace, options->after, code);
    if (hint == NULL && options->before != NULL) {
        hint = fi_task_workspace_hint(request->workspace, options->before, code);
    }
    if (hint == NULL && !options->dry_run) {
        hint = fi_task_pending_hint(request->workspace);
        hint = hint == NULL ? fi_task_full_hint(request->workspace, err) : hint;
    }
    return hint == NULL ? hint_beyond_references(request, code) : hint;
}

static int
dir_revert_perform(struct fi_cli *cli, struct request *request)
{
    assert(request->workspace != NULL);
    firn_error err;
    struct shown shown = {.request = request};
    int exit_code;
    struct fi_dir_beside beside;
    fi_dir_beside_inspect(request->workspace, &beside);
    fi_task_notices_init(&shown.notices, cli);
    shown.notices.tells_restored = true;
    fi_show_fold_init(&shown.fold, fi_command_has(cli, "verbose"));
    if (!request->options.dry_run) {
        fi_term_pager_disarm();
    }
    request->options.gitignore = cli->settings.gitignore;
    request->options.file_size_max = cli->settings.max_file_size;
    request->options.callbacks = fi_task_notices_callbacks(&shown.notices);
    request->options.on_conflict = on_conflict;
    if (cli->json || request->options.dry_run) {
        request->options.on_change = on_change;
    }
    fi_term_json_array("conflicts");
    fi_term_meter_set_interrupted(
        "then finish it with firn restore --resume, or take it back with firn undo");
    int code = fi_task_patience_run(cli, dir_revert_attempt, request, &err);
    fi_show_fold_finish(&shown.fold);
    cli->is_done = code == FIRN_OK && !request->options.dry_run;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(request, &err));
    } else {
        show_json(request, &shown.notices);
        if (!cli->quiet) {
            print_result(request);
        }
        fi_task_notices_print_left(&shown.notices);
        if (request->result.not_restored > 0 && !request->options.dry_run && !cli->json) {
            fi_dir_restore_hint_rest(request->result.safety_id);
        }
        fi_dir_beside_report(request->workspace, &beside);
        exit_code = fi_task_notices_exit(&shown.notices);
    }
    fi_dir_beside_drop(&beside);
    fi_task_notices_deinit(&shown.notices);
    return exit_code;
}

/* Takes the turn that the first word names. */
static int
take_turn(struct fi_cli *cli, struct request *request)
{
    firn_error err;
    struct fi_task_turn *turn = &request->turn;
    FI_TRY_RETURN(fi_task_turn_find(cli, request->workspace, cli->arguments[0], turn));
    if (fi_turn_own_find(request->workspace, turn, &request->own, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    const char *first = fi_turn_own_is_known(&request->own) ? request->own.first : turn->first;
    request->options.after = turn->last->id;
    request->options.before = first[0] != '\0' ? first : NULL;
    return FI_EXIT_OK;
}

/* Limits the revert to what the turn itself changed, where others were at work at the same time.
 * Returns an exit code. */
static int
limit_to_own(struct fi_cli *cli, struct request *request)
{
    const struct fi_turn_own *own = &request->own;
    if (!cli->quiet) {
        fi_turn_beside_report(own);
    }
    if (own->overlap_count > 0 && !fi_turn_own_is_known(own)) {
        return fi_command_report_error(
            cli, FIRN_CONFLICT,
            "firn revert @N PATH... takes back what all turns have changed there meanwhile",
            "other turns went on at the same time, and %s: nothing was changed",
            own->count == 0 ? "this one changed no file of its own"
                            : "it cannot be told what this one has changed");
    }
    if (!fi_turn_own_is_shared(own)) {
        return FI_EXIT_OK;
    }
    request->options.paths = own->paths;
    request->options.path_count = own->count;
    const uint64_t count = fi_turn_beside_conflicts(cli, own);
    if (count > 0) {
        return fi_command_report_error(
            cli, FIRN_CONFLICT,
            "firn revert @N PATH... takes back what all turns have changed there meanwhile",
            "%llu %s changed in several turns in such a way that they cannot be told apart: "
            "nothing was changed",
            (unsigned long long)count, fi_term_text_plural(count, "file was", "files were"));
    }
    return FI_EXIT_OK;
}

/* Parses "REF" or "REF..REF". The options borrow *out_copy, which is on the heap. */
static int
read_references(struct fi_cli *cli, firn_workspace_revert_options *options, char **out_copy)
{
    *out_copy = strdup(cli->arguments[0]);
    if (*out_copy == NULL) {
        return fi_command_report_no_memory(cli);
    }
    char *dots = strstr(*out_copy, "..");
    options->after = *out_copy;
    if (dots != NULL) {
        *dots = '\0';
        options->before = *out_copy;
        options->after = dots + 2;
    }
    if (options->after[0] == '\0' || (dots != NULL && options->before[0] == '\0')) {
        return fi_command_misused(cli, "'%s' needs a checkpoint on both sides of the dots",
                                  cli->arguments[0]);
    }
    return FI_EXIT_OK;
}

static int
dir_revert_run(struct fi_cli *cli)
{
    assert(cli->argument_count > 0);
    struct request request = {.options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_REVERT_RESULT_INIT};
    struct fi_task_workspace_paths paths = {NULL, 0};
    char *references = NULL;
    request.options.dry_run = fi_command_has(cli, "dry-run");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_check_reference(cli));
    const bool is_turn = fi_task_turn_is_name(cli->arguments[0]);
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &request.workspace));
    if (is_turn) {
        FI_TRY_OUT(exit_code, take_turn(cli, &request));
    } else {
        FI_TRY_OUT(exit_code, fi_task_colon_split(cli, request.workspace, 0, 1));
        FI_TRY_OUT(exit_code, read_references(cli, &request.options, &references));
    }
    FI_TRY_OUT(exit_code, fi_task_workspace_paths_init(cli, request.workspace, 1, &paths));
    request.options.paths = paths.slices;
    request.options.path_count = paths.count;
    if (paths.count == 0) {
        FI_TRY_OUT(exit_code, limit_to_own(cli, &request));
    }
    exit_code = dir_revert_perform(cli, &request);
out:
    fi_task_workspace_paths_deinit(&paths);
    firn_release(request.result.after);
    firn_release(request.result.before);
    firn_workspace_close(request.workspace);
    fi_turn_own_deinit(&request.own);
    fi_task_turn_deinit(&request.turn);
    free(references);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show changes and conflicts, and change nothing"},
    {"verbose", 'v', NULL, "with -n: list each file of added and removed directories"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn revert 12", "undo what checkpoint 12 changed, keep later changes"},
    {"firn revert 12 -n", "show what would change, and any conflicts"},
    {"firn revert @12", "undo what a turn changed, keep what came later"},
    {"firn revert 10..12 src", "undo what changed in src after checkpoint 10, up to 12"},
    {NULL, NULL},
};

const struct fi_command fi_dir_revert = {
    .name = "revert",
    .summary = "Undo what one checkpoint changed and keep later changes",
    .arguments = "REF [PATH...]",
    .options = options,
    .help = "REF names a checkpoint, as for firn restore. Reverses what it changed since the\n"
            "previous checkpoint and merges the result into the workspace as it is now. A..B\n"
            "reverses everything that changed after A, up to and including B, and @12 the\n"
            "turn of an agent that firn turns calls so. The whole\n"
            "workspace is affected, unless PATHs are given: then only these, and everything\n"
            "below them. Paths are relative to the current directory.\n"
            "\n"
            "A path that has not changed since goes back to its state before the checkpoint.\n"
            "A path that has changed since is merged: names and attributes one by one, text\n"
            "line by line. It is a conflict if both changed the same lines, or lines with no\n"
            "unchanged line between them; likewise if a changed file is not text, has more\n"
            "than 8 MiB, or has been removed since. If there are conflicts they are listed,\n"
            "nothing is changed, and the exit code is 4. Files that rules exclude, those of\n"
            "the checkpoints or today's, are not touched, nor are .git and the like (see firn\n"
            "help save); if a checkpoint contains such names they are listed, and the exit\n"
            "code is 6.\n"
            "\n"
            "The result is written as by firn restore: data is verified first, a safety\n"
            "checkpoint is taken, and firn undo takes the revert back.",
    .examples = examples,
    .missing_hint = fi_task_workspace_choose_hint,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT |
            FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_revert_run,
};
