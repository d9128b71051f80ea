/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_read.c: what is read from the store, and when.
 *
 * The history is read in pieces, newest first, so that a long one opens as fast as a short one; the
 * rest is read when the user scrolls there or searches. Tags and pins are read after the first
 * drawing. The changes of a checkpoint are found when it is selected, as firn log finds them, and
 * the changed lines of a file when the file is selected. Both can be interrupted: a long comparison
 * ends when a key is pressed, and starts again later if it is still needed.
 *
 * Whether something is not saved is looked for last, as it means a walk through the whole tree: the
 * row of it appears when that is known. It is looked for again after everything that reads the
 * history again, and while nothing else happens, in at most a fiftieth of the time. It is compared
 * with the checkpoint that an undo would go back to: the newest one, or the one that was restored.
 * Where that is a safety checkpoint, which is not in the list, with the newest.
 *
 * The store may change between two calls: other processes save and delete. Each call names its
 * checkpoint by its id, so the screen never shows another checkpoint than the selected one. If it
 * was deleted, the screen says so and reads the list again.
 *
 * Memory is bounded: the number of changes kept of a checkpoint and the bytes of a patch have a
 * maximum.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"

enum {
    PIECE_ROWS = 256,
    TITLE_COLUMNS_MAX = 300,
    CHANGES_MAX = 20000,
    PATCH_BYTES_MAX = 4 << 20,
    LINES_BYTES_MAX = 8 << 20, /* of contents, to count the lines of a checkpoint */
    ASK_INTERVAL = 64,         /* differences, between two looks for a key */
    LOOK_PAUSE_MS = 2000,      /* between two looks for what is not saved, at least */
    LOOK_PAUSE_FACTOR = 50     /* and so many times what a look takes */
};

/* Ends it for a key, unless that key waits for its result. ctx is the session. */
static int
give_way(void *ctx, const firn_progress *progress)
{
    const struct fi_browse *browse = ctx;
    (void)progress;
    bool is_asked = !browse->is_patient && fi_browse_screen_has_event();
    return is_asked || fi_term_signals_caught() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

static void
set_give_way(struct fi_browse *browse, firn_callbacks *callbacks)
{
    callbacks->on_progress = give_way;
    callbacks->ctx = browse;
}

/* ---- the history ---- */

struct reading {
    struct fi_browse *browse;
    const char *skipped_id; /* the one to begin after; NULL: none */
    uint64_t left;
    bool has_more;
    bool is_out_of_memory;
    /* of the checkpoint that is compared: something at the paths that are shown */
    bool has_changed;
};

static int
on_row(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct reading *reading = ctx;
    struct fi_browse *browse = reading->browse;
    struct fi_browse_row row = {.number = checkpoint->is_safety ? 0 : checkpoint->number,
                                .created_ns = checkpoint->created_ns};
    firn_slice title;
    if (reading->left == 0) {
        reading->has_more = true;
        return FIRN_CANCELLED;
    }
    reading->left--;
    memcpy(row.id, checkpoint->id, sizeof(row.id));
    fi_browse_session_begin(browse);
    fi_show_checkpoint_put_title(checkpoint, TITLE_COLUMNS_MAX, fi_term_out_write);
    fi_task_labels_print(&browse->labels, checkpoint->id);
    if (fi_browse_session_end(browse, &title)) {
        row.title = strndup((const char *)title.data, title.size);
    }
    reading->is_out_of_memory = row.title == NULL || !fi_browse_model_add_row(&browse->model, &row);
    return reading->is_out_of_memory ? FIRN_NO_MEMORY : FIRN_OK;
}

static int
on_older(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct reading *reading = ctx;
    *is_compared = false;
    if (strcmp(checkpoint->id, reading->skipped_id) == 0) {
        return FIRN_OK;
    }
    return on_row(reading, checkpoint);
}

static int
on_nothing_compared(void *ctx, const firn_workspace_diff_result *result)
{
    (void)ctx;
    (void)result;
    return FIRN_OK;
}

/* ---- the history of paths: the checkpoints that changed something there ---- */

static int
on_candidate(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct reading *reading = ctx;
    reading->has_changed = false;
    *is_compared = reading->skipped_id == NULL || strcmp(checkpoint->id, reading->skipped_id) != 0;
    return FIRN_OK;
}

static int
on_changed_path(void *ctx, const firn_workspace_difference *difference)
{
    struct reading *reading = ctx;
    const firn_workspace_change *change = &difference->change;
    const struct fi_browse_request *request = reading->browse->request;
    firn_slice path = (change->after != NULL ? change->after : change->before)->path;
    for (size_t i = 0; i < request->path_count && !reading->has_changed; i++) {
        firn_slice shown = request->paths[i]; /* the directories above it come, too */
        reading->has_changed = path.size >= shown.size &&
                               memcmp(path.data, shown.data, shown.size) == 0 &&
                               (path.size == shown.size || path.data[shown.size] == '/');
    }
    return FIRN_OK;
}

static int
on_candidate_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct reading *reading = ctx;
    return reading->has_changed ? on_row(reading, result->after) : FIRN_OK;
}

/* From the newest on, or from after->skipped_id. */
static int
read_history_of_paths(struct fi_browse *browse, struct reading *reading, firn_error *err)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    options.remote = browse->request->remote;
    options.after = reading->skipped_id;
    options.include_safety = browse->model.shows_safety;
    options.paths = browse->request->paths;
    options.path_count = browse->request->path_count;
    options.on_checkpoint = on_candidate;
    options.on_difference = on_changed_path;
    return firn_workspace_log(browse->workspace, &options, on_candidate_compared, reading, err);
}

/* What the walk returned, when ending it early is no failure. */
static int
browse_read_outcome(const struct reading *reading, int code, firn_error *err)
{
    if (reading->is_out_of_memory) {
        err->code = FIRN_NO_MEMORY;
        (void)snprintf(err->text, sizeof(err->text), "out of memory");
        return FIRN_NO_MEMORY;
    }
    return code == FIRN_CANCELLED && reading->has_more ? FIRN_OK : code;
}

int
fi_browse_read_older(struct fi_browse *browse, uint64_t count, firn_error *err)
{
    struct fi_browse_model *model = &browse->model;
    char last[FIRN_CHECKPOINT_ID_SIZE];
    struct reading reading = {.browse = browse, .skipped_id = last, .left = count};
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    assert(model->history_list.count > 0);
    reading.left = count > 0 ? count : PIECE_ROWS;
    memcpy(last, model->history[model->history_list.count - 1].id, sizeof(last));
    options.remote = browse->request->remote;
    options.after = last;
    options.include_safety = model->shows_safety;
    options.on_checkpoint = on_older;
    int code =
        browse->request->path_count > 0
            ? read_history_of_paths(browse, &reading, err)
            : firn_workspace_log(browse->workspace, &options, on_nothing_compared, &reading, err);
    code = browse_read_outcome(&reading, code, err);
    model->has_older = code == FIRN_OK && reading.has_more;
    return code;
}

/* One checkpoint instead of a history. */
static int
read_single(struct fi_browse *browse, struct reading *reading, firn_error *err)
{
    firn_workspace_checkpoint *checkpoint = NULL;
    struct fi_browse_model *model = &browse->model;
    const char *reference =
        model->history_list.count > 0 ? model->history[0].id : browse->request->reference;
    int code = firn_workspace_find(browse->workspace, reference, &checkpoint, err);
    if (code == FIRN_OK) {
        code = on_row(reading, checkpoint);
    }
    firn_release(checkpoint);
    return code;
}

struct newest {
    char id[FIRN_CHECKPOINT_ID_SIZE];
};

static int
on_newest(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    memcpy(((struct newest *)ctx)->id, checkpoint->id, sizeof(checkpoint->id));
    return FIRN_OK;
}

/* The newest checkpoint; "" if there is none. */
static bool
find_newest(const struct fi_browse *browse, struct newest *out)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    *out = (struct newest){""};
    options.remote = browse->request->remote;
    options.limit = 1;
    options.include_safety = browse->model.shows_safety;
    return firn_workspace_list(browse->workspace, &options, on_newest, out, NULL) == FIRN_OK;
}

static void
note_newest(struct fi_browse *browse)
{
    struct newest newest;
    (void)find_newest(browse, &newest);
    memcpy(browse->newest_id, newest.id, sizeof(newest.id));
}

/* The rows from `first` on are all checkpoints that were read. The row of what is not saved stays,
 * until it is known whether it is still so; but it may have other changes. */
static void
replace_history(struct fi_browse *browse, size_t first)
{
    struct fi_browse_model *model = &browse->model;
    const bool has_unsaved = fi_browse_model_has_unsaved(model);
    const bool is_chosen = fi_browse_model_is_unsaved(model);
    fi_browse_model_replace_rows(model, first);
    if (has_unsaved && model->history_list.count > 0 && fi_browse_model_set_unsaved(model, true) &&
        is_chosen) {
        fi_browse_list_choose(&model->history_list, 0);
        fi_browse_model_drop_changes(model);
    }
}

int
fi_browse_read_history(struct fi_browse *browse, firn_error *err)
{
    struct fi_browse_model *model = &browse->model;
    const size_t before = model->history_list.count;
    struct reading reading = {.browse = browse};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    reading.left = before > PIECE_ROWS ? before : PIECE_ROWS;
    options.include_safety = model->shows_safety;
    options.remote = browse->request->remote;
    note_newest(browse);
    browse->has_looked = false;
    int code = model->is_single ? read_single(browse, &reading, err)
               : browse->request->path_count > 0
                   ? read_history_of_paths(browse, &reading, err)
                   : firn_workspace_list(browse->workspace, &options, on_row, &reading, err);
    code = browse_read_outcome(&reading, code, err);
    if (code == FIRN_OK) {
        replace_history(browse, before);
        model->has_older = reading.has_more;
    } else {
        fi_browse_model_forget_rows(model, before);
    }
    return code;
}

int
fi_browse_read_labels(struct fi_browse *browse, firn_error *err)
{
    struct fi_task_labels labels = {NULL, 0, 0};
    int code = fi_task_labels_read(&labels, browse->workspace, err);
    bool has_any = labels.count + browse->labels.count > 0;
    browse->has_labels = true; /* or they cannot be read */
    if (code != FIRN_OK) {
        fi_task_labels_deinit(&labels);
        return code;
    }
    fi_task_labels_deinit(&browse->labels);
    browse->labels = labels;
    return has_any ? fi_browse_read_history(browse, err) : FIRN_OK;
}

/* ---- what is not saved ---- */

static int
on_unsaved_change(void *ctx, const firn_workspace_change *change)
{
    (void)change;
    *(bool *)ctx = true;
    return FIRN_CANCELLED; /* one is enough */
}

/* Whether something differs from the state, at the paths that are shown. */
static int
compare_with_state(struct fi_browse *browse, const char *state, bool *is_unsaved, firn_error *err)
{
    const struct fi_task_settings_today today = fi_task_settings_inspect(browse->workspace, false);
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    options.reference = state;
    options.paths = browse->request->paths;
    options.path_count = browse->request->path_count;
    options.gitignore = today.gitignore;
    options.file_size_max = today.file_size_max;
    set_give_way(browse, &options.callbacks);
    *is_unsaved = false;
    int code = firn_workspace_status(browse->workspace, &options, on_unsaved_change, is_unsaved,
                                     &result, err);
    firn_release(result.checkpoint);
    /* Neither side may have the paths, which an earlier checkpoint had. */
    return *is_unsaved || code == FIRN_NOT_FOUND ? FIRN_OK : code;
}

/* Whether there is something, and what it is compared with; state has FIRN_CHECKPOINT_ID_SIZE
 * bytes. */
static int
browse_read_inspect(struct fi_browse *browse, char *state, bool *is_unsaved, firn_error *err)
{
    const struct fi_task_settings_today today = fi_task_settings_inspect(browse->workspace, false);
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    options.limit = 0;
    options.gitignore = today.gitignore;
    options.file_size_max = today.file_size_max;
    set_give_way(browse, &options.callbacks);
    int code = firn_workspace_steps(browse->workspace, &options, NULL, NULL, &result, err);
    if (code == FIRN_OK) {
        bool is_listed = result.checkpoint != NULL && !result.checkpoint->is_safety;
        (void)snprintf(state, FIRN_CHECKPOINT_ID_SIZE, "%s",
                       is_listed ? result.checkpoint->id : "latest");
        *is_unsaved = result.is_unsaved;
        if (!is_listed || (result.is_unsaved && browse->request->path_count > 0)) {
            code = compare_with_state(browse, state, is_unsaved, err);
        }
    }
    firn_release(result.checkpoint);
    return code;
}

int
fi_browse_read_unsaved(struct fi_browse *browse, firn_error *err)
{
    struct fi_browse_model *model = &browse->model;
    const int64_t began = fi_browse_session_now_ms();
    char state[FIRN_CHECKPOINT_ID_SIZE] = "";
    bool is_unsaved = false;
    assert(!model->is_single && model->history_list.count > 0);
    int code = browse_read_inspect(browse, state, &is_unsaved, err);
    if (code == FIRN_CANCELLED) {
        return code;
    }
    const int64_t now = fi_browse_session_now_ms();
    const int64_t pause = (now - began) * LOOK_PAUSE_FACTOR;
    browse->look_again_ms = now + (pause > LOOK_PAUSE_MS ? pause : LOOK_PAUSE_MS);
    browse->has_looked = true; /* or it cannot be found out */
    if (fi_browse_model_is_unsaved(model) && strcmp(state, browse->state) != 0) {
        fi_browse_model_drop_changes(model);
    }
    memcpy(browse->state, state, sizeof(state));
    if (!fi_browse_model_set_unsaved(model, code == FIRN_OK && is_unsaved)) {
        (void)snprintf(err->text, sizeof(err->text), "out of memory");
        return FIRN_NO_MEMORY;
    }
    return code;
}

bool
fi_browse_read_is_news(struct fi_browse *browse)
{
    struct newest newest;
    return !browse->model.is_single && find_newest(browse, &newest) &&
           strcmp(newest.id, browse->newest_id) != 0;
}

/* ---- what a checkpoint changed ---- */

struct comparing {
    struct fi_browse *browse;
    uint64_t files;
    uint64_t directories;
    uint64_t times; /* entries of which only the time differs */
    uint64_t added; /* lines */
    uint64_t removed;
    bool is_partial; /* lines of some files were not counted */
    bool is_compared;
    uint64_t seen;
    bool is_out_of_memory;
};

/* The difference as a restore of the checkpoint would make it: from the disk to the checkpoint. */
static firn_workspace_difference
reversed(const firn_workspace_difference *difference)
{
    firn_workspace_difference made = *difference;
    made.change.before = difference->change.after;
    made.change.after = difference->change.before;
    made.change.kind = difference->change.kind == FIRN_CHANGE_ADDED     ? FIRN_CHANGE_REMOVED
                       : difference->change.kind == FIRN_CHANGE_REMOVED ? FIRN_CHANGE_ADDED
                                                                        : difference->change.kind;
    made.lines_added = difference->lines_removed;
    made.lines_removed = difference->lines_added;
    made.content_before = difference->content_after;
    made.content_after = difference->content_before;
    return made;
}

static const firn_workspace_entry *
entry_of(const firn_workspace_change *change)
{
    assert(change->before != NULL || change->after != NULL);
    return change->after != NULL ? change->after : change->before;
}

/* A copy on the heap, which need not be text. */
static char *
copy_of(firn_slice bytes)
{
    char *copy = malloc(bytes.size + 1);
    if (copy != NULL) {
        if (bytes.size > 0) {
            memcpy(copy, bytes.data, bytes.size);
        }
        copy[bytes.size] = '\0';
    }
    return copy;
}

static bool
keep_change(struct fi_browse *browse, const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = entry_of(change);
    firn_slice name;
    struct fi_browse_change made = {.path = copy_of(entry->path), .path_size = entry->path.size};
    made.is_removed = change->after == NULL;
    if (fi_browse_model_is_unsaved(&browse->model)) { /* `after` is the disk */
        made.is_removed = change->before == NULL || change->kind == FIRN_CHANGE_RENAMED;
    }
    made.has_lines = difference->lines == FIRN_LINES_COUNTED;
    made.added = difference->lines_added;
    made.removed = difference->lines_removed;
    bool is_whole = true;
    if (change->kind == FIRN_CHANGE_RENAMED) {
        made.old_path = copy_of(change->before->path);
        made.old_path_size = change->before->path.size;
        is_whole = made.old_path != NULL;
    }
    fi_browse_session_begin(browse);
    fi_show_change_print_short(change);
    if (fi_browse_session_end(browse, &name) && name.size > 0) {
        made.name = strndup((const char *)name.data, name.size - 1); /* without the line feed */
    }
    return fi_browse_model_add_change(&browse->model, &made) && is_whole;
}

static int
on_difference(void *ctx, const firn_workspace_difference *given)
{
    struct comparing *comparing = ctx;
    struct fi_browse *browse = comparing->browse;
    const firn_workspace_difference difference =
        fi_browse_model_is_reversed(&browse->model) ? reversed(given) : *given;
    const firn_workspace_change *change = &difference.change;
    if (++comparing->seen % ASK_INTERVAL == 0 && give_way(browse, NULL) != FIRN_OK) {
        return FIRN_CANCELLED;
    }
    if (change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME) {
        comparing->times++;
        return FIRN_OK;
    }
    bool is_directory = entry_of(change)->type == FIRN_ENTRY_DIRECTORY;
    comparing->directories += is_directory;
    comparing->files += !is_directory;
    comparing->added += difference.lines_added;
    comparing->removed += difference.lines_removed;
    comparing->is_partial = comparing->is_partial || difference.lines == FIRN_LINES_TOO_LARGE;
    if (browse->model.changes_list.count >= CHANGES_MAX) {
        browse->model.is_cut = true;
        return FIRN_OK;
    }
    comparing->is_out_of_memory = !keep_change(browse, &difference);
    return comparing->is_out_of_memory ? FIRN_NO_MEMORY : FIRN_OK;
}

/* "3 files +12 −4" */
static void
describe_counts(const struct comparing *comparing)
{
    const struct fi_browse_model *model = &comparing->browse->model;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    const bool is_reversed = fi_browse_model_is_reversed(model);
    if (is_reversed && comparing->files + comparing->directories == 0) {
        fi_term_out_text("a restore would change nothing");
        return;
    }
    fi_term_out_text(is_reversed ? "a restore would change " : "");
    if (comparing->files > 0 || comparing->directories == 0) {
        fi_term_out_format("%s %s", fi_term_text_number(comparing->files, number),
                           fi_term_text_plural(comparing->files, "file", "files"));
    }
    if (comparing->directories > 0) {
        fi_term_out_format("%s%s %s", comparing->files > 0 ? ", " : "",
                           fi_term_text_number(comparing->directories, number),
                           fi_term_text_plural(comparing->directories, "directory", "directories"));
    }
    if (!comparing->is_partial && comparing->added + comparing->removed > 0) {
        fi_term_out_format(" +%s", fi_term_text_number(comparing->added, number));
        fi_term_out_format(" \xE2\x88\x92%s", fi_term_text_number(comparing->removed, number));
    }
    if (comparing->times > 0) {
        fi_term_out_format(" (%s times only)", fi_term_text_number(comparing->times, number));
    }
    if (model->is_cut) {
        fi_term_out_format(", the first %s listed", fi_term_text_number(CHANGES_MAX, number));
    }
}

/* The lines above the changes. */
static bool
browse_read_describe(struct comparing *comparing, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_browse *browse = comparing->browse;
    struct fi_browse_model *model = &browse->model;
    char names[FI_SHOW_CHECKPOINT_NAMES_SIZE];
    char time[FI_TERM_TEXT_TIME_SIZE];
    (void)snprintf(model->names, sizeof(model->names), "%s%s  %s",
                   fi_browse_model_is_unsaved(model) ? "compared with " : "",
                   fi_show_checkpoint_names(checkpoint, names),
                   fi_term_text_time(checkpoint->created_ns, time));
    fi_browse_session_begin(browse);
    fi_show_checkpoint_put_title(checkpoint, TITLE_COLUMNS_MAX, fi_term_out_write);
    bool is_whole = fi_browse_session_end_line(browse, model->title, sizeof(model->title));
    fi_browse_session_begin(browse);
    describe_counts(comparing);
    return fi_browse_session_end_line(browse, model->counts, sizeof(model->counts)) && is_whole;
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct comparing *comparing = ctx;
    comparing->is_compared = true;
    comparing->is_out_of_memory = !browse_read_describe(comparing, result->after);
    return FIRN_CANCELLED; /* one is enough */
}

static int
compare_with_previous(struct comparing *comparing, const char *id, firn_error *err)
{
    struct fi_browse *browse = comparing->browse;
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    options.remote = browse->request->remote;
    options.after = id;
    options.include_safety = true; /* it may be one */
    options.paths = browse->request->paths;
    options.path_count = browse->request->path_count;
    options.with_lines = true;
    options.lines_bytes_max = LINES_BYTES_MAX;
    options.find_renames = true;
    options.on_difference = on_difference;
    set_give_way(browse, &options.callbacks);
    int code = firn_workspace_log(browse->workspace, &options, on_compared, comparing, err);
    return code == FIRN_CANCELLED && comparing->is_compared ? FIRN_OK : code;
}

static void
set_disk_options(const struct fi_browse *browse, firn_workspace_diff_options *options)
{
    const struct fi_task_settings_today today = fi_task_settings_inspect(browse->workspace, false);
    options->gitignore = today.gitignore;
    options->file_size_max = today.file_size_max;
}

static int
compare_with_disk(struct comparing *comparing, const char *id, firn_error *err)
{
    struct fi_browse *browse = comparing->browse;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    options.before = id;
    options.paths = browse->request->paths;
    options.path_count = browse->request->path_count;
    options.find_renames = true;
    set_give_way(browse, &options.callbacks);
    set_disk_options(browse, &options);
    int code =
        firn_workspace_diff(browse->workspace, &options, on_difference, comparing, &result, err);
    if (code == FIRN_OK) {
        comparing->is_out_of_memory = !browse_read_describe(comparing, result.before);
    }
    firn_release(result.before);
    firn_release(result.after);
    return code;
}

int
fi_browse_read_changes(struct fi_browse *browse, firn_error *err)
{
    struct fi_browse_model *model = &browse->model;
    struct comparing comparing = {.browse = browse};
    const struct fi_browse_row *row = fi_browse_model_row(model);
    assert(row != NULL && !model->has_changes);
    int code = row->is_unsaved     ? compare_with_disk(&comparing, browse->state, err)
               : model->is_of_disk ? compare_with_disk(&comparing, row->id, err)
                                   : compare_with_previous(&comparing, row->id, err);
    if (comparing.is_out_of_memory) {
        code = FIRN_NO_MEMORY;
        (void)snprintf(err->text, sizeof(err->text), "out of memory");
    }
    if (code == FIRN_OK) {
        fi_browse_model_finish_changes(model);
        return code;
    }
    fi_browse_model_drop_changes(model);
    if (code != FIRN_CANCELLED) {
        model->has_failed = true;
        fi_browse_session_begin(browse);
        fi_term_text_escape(firn_str(err->text), fi_term_out_write);
        (void)fi_browse_session_end_line(browse, model->counts, sizeof(model->counts));
        fi_browse_model_finish_changes(model);
    }
    return code;
}

/* ---- the lines of a file ---- */

static firn_hunk *
reversed_hunks(const firn_workspace_difference *difference)
{
    firn_hunk *hunks = calloc(difference->hunk_count + 1, sizeof(*hunks));
    for (size_t i = 0; hunks != NULL && i < difference->hunk_count; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        hunks[i] = (firn_hunk){.before_at = hunk->after_at,
                               .before_count = hunk->after_count,
                               .after_at = hunk->before_at,
                               .after_count = hunk->before_count};
    }
    return hunks;
}

static int
on_patch(void *ctx, const firn_workspace_difference *given)
{
    struct comparing *comparing = ctx;
    const struct fi_show_patch patch = {.context = FI_SHOW_PATCH_CONTEXT_DEFAULT,
                                        .is_terminal = true};
    firn_workspace_difference difference = *given;
    firn_hunk *hunks = NULL;
    bool is_whole = true;
    if (fi_browse_model_is_reversed(&comparing->browse->model)) {
        hunks = reversed_hunks(given);
        difference = reversed(given);
        difference.hunks = hunks;
        is_whole = hunks != NULL;
    }
    comparing->is_out_of_memory = !is_whole || !fi_show_patch_print(&patch, &difference);
    free(hunks);
    return comparing->is_out_of_memory ? FIRN_NO_MEMORY : FIRN_OK;
}

/* Compares the files of one change, and prints the difference. */
static int
print_patch(struct comparing *comparing, const char *id, const struct fi_browse_change *change,
            firn_error *err)
{
    struct fi_browse *browse = comparing->browse;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    const firn_slice paths[] = {firn_bytes(change->path, change->path_size),
                                firn_bytes(change->old_path, change->old_path_size)};
    options.paths = paths;
    options.path_count = change->old_path != NULL ? 2 : 1;
    options.with_lines = true;
    options.find_renames = change->old_path != NULL;
    set_give_way(browse, &options.callbacks);
    if (fi_browse_model_is_unsaved(&browse->model)) {
        options.before = browse->state;
        set_disk_options(browse, &options);
    } else if (browse->model.is_of_disk) {
        options.before = id;
        set_disk_options(browse, &options);
    } else {
        options.after = id;
        options.against_previous = true;
    }
    return firn_workspace_diff(browse->workspace, &options, on_patch, comparing, NULL, err);
}

int
fi_browse_read_patch(struct fi_browse *browse, firn_error *err)
{
    struct fi_browse_model *model = &browse->model;
    struct comparing comparing = {.browse = browse};
    const struct fi_browse_change *change = fi_browse_model_change(model);
    firn_slice printed;
    assert(change != NULL && model->has_changes && !model->has_patch);
    fi_browse_session_begin_large(browse, PATCH_BYTES_MAX);
    (void)fi_term_colour_choose("always"); /* the drawing knows by them what was added */
    int code = print_patch(&comparing, fi_browse_model_row(model)->id, change, err);
    (void)fi_term_colour_choose("never");
    if (code != FIRN_OK && code != FIRN_CANCELLED && !comparing.is_out_of_memory) {
        fi_term_text_escape(firn_str(err->text), fi_term_out_write);
    }
    bool is_whole = fi_browse_session_end(browse, &printed) && !comparing.is_out_of_memory;
    if (code == FIRN_CANCELLED) {
        return code;
    }
    if (!is_whole || !fi_browse_text_set(&model->patch, printed)) {
        (void)snprintf(err->text, sizeof(err->text), "out of memory");
        code = FIRN_NO_MEMORY;
    }
    fi_browse_model_finish_patch(model);
    return code;
}

/* ---- all about a checkpoint ---- */

static void
print_text(firn_slice text)
{
    fi_show_words_write_text(text);
}

/* The text as it is, each line escaped. */
static void
print_lines(firn_slice text)
{
    struct fi_show_lines lines = {text, 0};
    while (lines.left.size > 0) {
        firn_slice line = fi_show_lines_next(&lines);
        bool is_ended = line.data[line.size - 1] == '\n';
        print_text(firn_bytes(line.data, line.size - (is_ended ? 1 : 0)));
        fi_term_out_text("\n");
    }
}

static void
print_details(const firn_workspace_checkpoint *checkpoint)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("id        %s\n", checkpoint->id);
    fi_term_out_format("saved     %s\n", fi_term_text_time(checkpoint->created_ns, time));
    fi_term_out_format("contains  %s %s, %s\n", fi_term_text_number(checkpoint->files, number),
                       fi_term_text_plural(checkpoint->files, "file", "files"),
                       fi_term_text_size(checkpoint->bytes, size));
    if (checkpoint->is_safety) {
        fi_term_out_text("a safety checkpoint: the state before a restore or a revert\n");
    }
    if (checkpoint->message.size > 0) {
        fi_term_out_text("\n");
        print_lines(checkpoint->message);
    }
    if (checkpoint->turn.agent.size > 0) {
        fi_term_out_text("\nagent     ");
        print_text(checkpoint->turn.agent);
        fi_term_out_text("\nsession   ");
        print_text(checkpoint->turn.session);
        fi_term_out_text("\n\n");
        print_lines(checkpoint->turn.prompt);
    }
}

void
fi_browse_read_details(struct fi_browse *browse)
{
    struct fi_browse_model *model = &browse->model;
    firn_workspace_checkpoint *checkpoint = NULL;
    char names[FI_SHOW_CHECKPOINT_NAMES_SIZE];
    firn_slice printed;
    firn_error err;
    assert(fi_browse_model_row(model) != NULL);
    int code =
        firn_workspace_find(browse->workspace, fi_browse_model_row(model)->id, &checkpoint, &err);
    if (code != FIRN_OK) {
        fi_browse_session_fail(browse, &err, NULL);
        return;
    }
    (void)snprintf(model->page_title, sizeof(model->page_title), "%s",
                   fi_show_checkpoint_names(checkpoint, names));
    fi_browse_session_begin_large(browse, PATCH_BYTES_MAX);
    print_details(checkpoint);
    firn_release(checkpoint);
    if (fi_browse_session_end(browse, &printed) && fi_browse_text_set(&model->page, printed)) {
        fi_browse_model_show_page(model, FI_BROWSE_PAGE);
    } else {
        fi_browse_model_say(model, "out of memory");
    }
}
