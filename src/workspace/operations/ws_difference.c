/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_difference.c: what differs between two checkpoints, or between one and the disk.
 *
 * Two checkpoints are two trees of stored objects: the walk reads only directories whose objects
 * differ, so its cost grows with the difference and not with the trees. The disk has to be scanned
 * first (ws_compare.c); its tree then is the second side.
 *
 * Lines are compared during the walk, one file after the other (difference_lines.c), so memory does
 * not grow with the number of differences.
 *
 * A rename is two changes, and which two belong together is known only when all have been seen: if
 * renames are asked for, the trees are walked twice (difference_renames.c). A rename is reported at
 * its new name.
 *
 * The walk does not meet a requested path that has no difference. Such paths are looked up in both
 * trees afterwards: a path that is in neither is an error (I1), one without a difference is not.
 *
 * The time of a directory is not reported as a difference: it moves with every change inside, which
 * is reported by itself.
 */
#include "base/check.h"
#include "base/slice.h"
#include "difference/difference.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

struct difference {
    struct firn_ws *ws;
    const firn_workspace_diff_options *options;
    firn_workspace_diff_result *result;
    int (*visit)(void *ctx, const firn_workspace_difference *difference);
    void *ctx;
    struct fi_ws_compare *scanned;    /* the side that is the disk; NULL: there is none */
    bool may_miss;                    /* a requested path need be on neither side */
    struct fi_tree_filter *filter;    /* of the comparison; NULL: everything */
    struct fi_difference_lines lines; /* made by the first comparison */
    struct fi_difference_renames renames;
    uint64_t lines_bytes_left; /* so much content may still be compared line by line */
    int64_t progress_due_ns;
    uint64_t files_done;
};

static bool
has_no_before(const firn_workspace_diff_options *options)
{
    return options->against_previous || options->against_nothing;
}

/* Whether one of the sides is the tree on disk. */
static bool
reads_disk(const firn_workspace_diff_options *options)
{
    return options->after == NULL && !has_no_before(options);
}

static int
ws_difference_progress(struct difference *difference, firn_error *err)
{
    const firn_callbacks *callbacks = &difference->options->callbacks;
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    int64_t now = fi_os_monotonic_ns(difference->ws->os);
    if (now < difference->progress_due_ns) {
        return FIRN_OK;
    }
    difference->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = "compare", .files_done = difference->files_done};
    int rc = fi_os_callback_progress(callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "stopped by the caller");
}

static void
ws_difference_count(firn_workspace_diff_result *result,
                    const struct fi_difference_walk_change *change)
{
    enum fi_difference_walk_kind kind = fi_difference_walk_of_file(change);
    DCHECK(kind != FI_DIFFERENCE_WALK_SAME);
    result->added += kind == FI_DIFFERENCE_WALK_ADDED;
    bool is_times_only = fi_difference_walk_is_times_only(change);
    result->changed += kind == FI_DIFFERENCE_WALK_CHANGED && !is_times_only;
    result->times_only += is_times_only;
    result->removed += kind == FI_DIFFERENCE_WALK_REMOVED;
}

/* Reports a change that is half of a rename, at the new path. *out_is_told is true for the other
 * half too, which is not reported by itself. */
static int
report_rename(struct difference *difference, const struct fi_difference_walk_change *change,
              bool *out_is_told, firn_error *err)
{
    const struct fi_tree_entry *gone;
    firn_slice path;
    *out_is_told = fi_difference_renames_find(&difference->renames, change, &gone, &path);
    if (!*out_is_told || change->kind == FI_DIFFERENCE_WALK_REMOVED) {
        return FIRN_OK;
    }
    DCHECK(change->kind == FI_DIFFERENCE_WALK_ADDED &&
           fi_hash_equal(&gone->hash, &change->after->hash));
    firn_workspace_entry before;
    firn_workspace_entry after;
    fi_difference_walk_to_info(path, gone, &before);
    fi_difference_walk_to_info(change->path, change->after, &after);
    const firn_workspace_difference told = {
        .change = {.kind = FIRN_CHANGE_RENAMED,
                   .before = &before,
                   .after = &after,
                   .what = fi_difference_walk_what(gone, change->after)}};
    difference->result->renamed++;
    difference->files_done++;
    if (difference->visit == NULL) {
        return FIRN_OK;
    }
    return fi_error_stopped(err, difference->visit(difference->ctx, &told));
}

/* Whether a change is none, because rules exclude what is on the disk. */
static int
is_left_alone(struct difference *difference, const struct fi_difference_walk_change *change,
              bool *out, firn_error *err)
{
    *out = false;
    return difference->scanned == NULL
               ? FIRN_OK
               : fi_ws_compare_is_left_alone(difference->scanned, change, out, err);
}

static int
collect_rename(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct difference *difference = ctx;
    bool is_none = false;
    int rc = ws_difference_progress(difference, err);
    rc = rc == FIRN_OK ? is_left_alone(difference, change, &is_none, err) : rc;
    return rc == FIRN_OK && !is_none ? fi_difference_renames_add(&difference->renames, change, err)
                                     : rc;
}

/* Whether the contents of the two sides of a change are not too much; takes them from what is
 * left. */
static bool
has_budget(struct difference *difference, const struct fi_difference_walk_change *change)
{
    DCHECK(change->kind != FI_DIFFERENCE_WALK_SAME);
    uint64_t bytes = 0;
    const struct fi_tree_entry *before = change->before;
    const struct fi_tree_entry *after = change->after;
    if (before != NULL && after != NULL && fi_hash_equal(&before->hash, &after->hash)) {
        return true;
    }
    bytes += before != NULL && before->kind == FI_TREE_FILE ? before->size : 0;
    bool fits = bytes <= difference->lines_bytes_left;
    difference->lines_bytes_left -= fits ? bytes : 0;
    bytes = after != NULL && after->kind == FI_TREE_FILE ? after->size : 0;
    fits = fits && bytes <= difference->lines_bytes_left;
    difference->lines_bytes_left -= fits ? bytes : 0;
    return fits;
}

/* Whether a change is not only that a directory appeared on the way to a requested path. */
static bool
is_requested(const struct difference *difference, const struct fi_difference_walk_change *change)
{
    return difference->filter == NULL || fi_tree_filter_selects(difference->filter, change->path);
}

static int
report_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct difference *difference = ctx;
    firn_workspace_diff_result *result = difference->result;
    if (change->kind == FI_DIFFERENCE_WALK_SAME || fi_difference_walk_is_dir_time(change) ||
        change->path.size == 0) {
        return FIRN_OK;
    }
    firn_workspace_difference told = {.lines = FIRN_LINES_NONE};
    firn_workspace_entry before;
    firn_workspace_entry after;
    int rc;
    bool is_told;
    FI_TRY(ws_difference_progress(difference, err));
    FI_TRY(is_left_alone(difference, change, &is_told, err));
    if (is_told) {
        rc = fi_ws_compare_report_left_alone(difference->scanned, change->path, err);
        goto out;
    }
    if (!is_requested(difference, change)) {
        goto out;
    }
    FI_TRY(report_rename(difference, change, &is_told, err));
    if (is_told) {
        goto out;
    }
    ws_difference_count(result, change);
    difference->files_done++;
    if (difference->options->without_times && fi_difference_walk_is_times_only(change)) {
        goto out;
    }
    if (difference->options->with_lines && !has_budget(difference, change)) {
        told.lines = FIRN_LINES_TOO_LARGE;
    } else if (difference->options->with_lines) {
        FI_TRY(fi_difference_lines_compare(&difference->lines, change, &told, err));
        result->lines_added += told.lines_added;
        result->lines_removed += told.lines_removed;
    }
    if (difference->visit != NULL) {
        fi_difference_walk_to_change(change, &before, &after, &told.change);
        rc = fi_error_stopped(err, difference->visit(difference->ctx, &told));
    }
out:
    return rc;
}

/* ---- paths without a difference ---- */

static int
find_in(const struct fi_difference_walk_side *side, firn_slice path, bool *out, firn_error *err)
{
    if (side->root == NULL) {
        *out = false;
        return FIRN_OK;
    }
    struct fi_tree_lookup lookup;
    const struct fi_tree_entry *entry;
    fi_tree_lookup_init(&lookup, side->source, &side->root->hash);
    int rc = fi_tree_lookup_find(&lookup, path, &entry, err);
    *out = rc == FIRN_OK && entry != NULL;
    fi_tree_lookup_deinit(&lookup);
    return rc;
}

/* Checks that every requested path is on at least one side (I1). */
static int
check_paths(const struct fi_tree_filter *filter, const struct fi_difference_walk_side *before,
            const struct fi_difference_walk_side *after, bool after_is_disk, firn_error *err)
{
    for (size_t i = 0; i < filter->count; i++) {
        firn_slice path = filter->paths[i];
        DCHECK(path.size > 0); /* the root would always be there (I1) */
        bool is_found = filter->was_met[i];
        int rc = is_found ? FIRN_OK : find_in(before, path, &is_found, err);
        if (rc == FIRN_OK && !is_found) {
            rc = find_in(after, path, &is_found, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        if (!is_found) {
            return fi_error_set(err, FIRN_NOT_FOUND, "'%.*s' is %s",
                                (int)(path.size < 256 ? path.size : 256), (const char *)path.data,
                                after_is_disk ? "neither in the workspace nor in the checkpoint"
                                : before->root == NULL ? "not in the checkpoint"
                                                       : "in neither of the checkpoints");
        }
    }
    return FIRN_OK;
}

/* ---- the two sides ---- */

static int
ws_difference_compare(struct difference *difference, struct fi_ws_opened *opened,
                      const struct fi_difference_walk_side *before,
                      const struct fi_difference_walk_side *after, firn_error *err)
{
    const firn_workspace_diff_options *options = difference->options;
    struct fi_tree_filter filter = {0};
    bool is_disk = reads_disk(options);
    int rc;
    FI_TRY(fi_tree_filter_init(&filter, options->paths, options->path_count, err));
    if (options->with_lines && difference->lines.scratch == NULL) {
        FI_TRY(fi_difference_lines_init(&difference->lines, opened->objects,
                                        is_disk ? opened->root : NULL, &options->callbacks, err));
        difference->lines.algorithm = options->algorithm;
        difference->lines.ignores_space = options->ignore_space;
    }
    difference->filter = filter.count > 0 ? &filter : NULL;
    struct fi_difference_walk_options diff_options = {.filter = difference->filter};
    if (options->find_renames) {
        DCHECK(difference->renames.count == 0);
        FI_TRY(fi_difference_walk(before, after, &diff_options, collect_rename, difference, err));
        FI_TRY(fi_difference_renames_match(&difference->renames, err));
    }
    FI_TRY(fi_difference_walk(before, after, &diff_options, report_change, difference, err));
    rc = difference->may_miss ? FIRN_OK : check_paths(&filter, before, after, is_disk, err);
out:
    difference->filter = NULL;
    fi_tree_filter_deinit(&filter);
    return rc;
}

static int
compare_with_disk(struct difference *difference, struct fi_ws_opened *opened,
                  const struct fi_catalog_record *before, firn_error *err)
{
    const firn_workspace_diff_options *options = difference->options;
    struct fi_ws_compare scanned;
    struct fi_ws_save_repositories repositories;
    firn_callbacks callbacks = options->callbacks;
    uint64_t differ;
    fi_ws_save_repositories_init(&repositories, &options->callbacks,
                                 before->has_repositories ? &callbacks : NULL);
    const struct fi_ws_compare_options given = {
        .threads = options->threads,
        .today = {.gitignore = options->gitignore, .file_size_max = options->file_size_max},
        .callbacks = &callbacks};
    int rc = fi_ws_compare_init(&scanned, difference->ws, opened, before, &given, err);
    if (rc == FIRN_OK) {
        difference->result->skipped = scanned.scan.skipped;
        difference->scanned = &scanned;
        rc = ws_difference_compare(difference, opened, &scanned.checkpoint_side, &scanned.disk_side,
                                   err);
    }
    if (rc == FIRN_OK && options->path_count == 0) {
        rc = fi_ws_repository_tell_now(opened, before, &repositories.paths, options->threads,
                                       &options->callbacks, &differ, err);
    }
    fi_ws_save_repositories_deinit(&repositories);
    difference->scanned = NULL;
    fi_ws_compare_deinit(&scanned);
    return rc;
}

static int
compare_stored(struct difference *difference, struct fi_ws_opened *opened,
               const struct fi_catalog_record *before, const struct fi_catalog_record *after,
               firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(opened->objects);
    struct fi_difference_walk_side before_side = {.source = trees,
                                                  .root = before != NULL ? &before->root : NULL};
    struct fi_difference_walk_side after_side = {.source = trees, .root = &after->root};
    return ws_difference_compare(difference, opened, &before_side, &after_side, err);
}

/* The same, with what happened to the repositories. */
static int
compare_all_stored(struct difference *difference, struct fi_ws_opened *opened,
                   const struct fi_catalog_record *before, const struct fi_catalog_record *after,
                   firn_error *err)
{
    const firn_workspace_diff_options *options = difference->options;
    FI_TRY_RETURN(compare_stored(difference, opened, before, after, err));
    return options->path_count == 0
               ? fi_ws_repository_tell(opened, before, after, &options->callbacks, err)
               : FIRN_OK;
}

struct sides {
    struct fi_buf before_bytes;
    struct fi_buf after_bytes;
    struct fi_catalog_record before;
    struct fi_catalog_record after;
};

/* Compares a checkpoint with the one before it, or, if there is none or nothing is asked for, with
 * an empty tree. */
static int
compare_with_previous(struct difference *difference, struct fi_ws_opened *opened,
                      struct sides *sides, firn_error *err)
{
    struct firn_ws *ws = difference->ws;
    firn_workspace_diff_result *result = difference->result;
    const char *after = difference->options->after;
    FI_TRY_RETURN(fi_ws_find_any_own(ws, opened, after == NULL ? "latest" : after,
                                     &sides->after_bytes, &sides->after, err));
    int rc = difference->options->against_nothing
                 ? FIRN_NOT_FOUND
                 : fi_ws_find_previous(ws, opened, &sides->after, &sides->before_bytes,
                                       &sides->before, err);
    bool has_before = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    FI_TRY_RETURN(fi_ws_given_checkpoint(ws, &sides->after, &result->after, err));
    if (has_before) {
        FI_TRY_RETURN(fi_ws_given_checkpoint(ws, &sides->before, &result->before, err));
    }
    return has_before ? compare_all_stored(difference, opened, &sides->before, &sides->after, err)
                      : compare_stored(difference, opened, NULL, &sides->after, err);
}

/* Compares a checkpoint with another, or with the disk. */
static int
compare_with_given(struct difference *difference, struct fi_ws_opened *opened, struct sides *sides,
                   firn_error *err)
{
    struct firn_ws *ws = difference->ws;
    const firn_workspace_diff_options *options = difference->options;
    firn_workspace_diff_result *result = difference->result;
    FI_TRY_RETURN(fi_ws_find_any_own(ws, opened,
                                     options->before == NULL ? "latest" : options->before,
                                     &sides->before_bytes, &sides->before, err));
    FI_TRY_RETURN(fi_ws_given_checkpoint(ws, &sides->before, &result->before, err));
    if (options->after == NULL) {
        FI_TRY_RETURN(compare_with_disk(difference, opened, &sides->before, err));
    } else {
        FI_TRY_RETURN(fi_ws_find_any_own(ws, opened, options->after, &sides->after_bytes,
                                         &sides->after, err));
        FI_TRY_RETURN(fi_ws_given_checkpoint(ws, &sides->after, &result->after, err));
        FI_TRY_RETURN(compare_all_stored(difference, opened, &sides->before, &sides->after, err));
    }
    return FIRN_OK;
}

/* 0: no limit. */
static uint64_t
lines_limit(uint64_t bytes_max)
{
    return bytes_max != 0 ? bytes_max : UINT64_MAX;
}

int
fi_ws_difference(struct firn_ws *ws, const firn_workspace_diff_options *options,
                 int (*visit)(void *ctx, const firn_workspace_difference *difference), void *ctx,
                 firn_workspace_diff_result *out, firn_error *err)
{
    *out = (firn_workspace_diff_result)FIRN_WORKSPACE_DIFF_RESULT_INIT;
    struct difference difference = {.ws = ws,
                                    .options = options,
                                    .result = out,
                                    .visit = visit,
                                    .ctx = ctx,
                                    .lines_bytes_left = lines_limit(options->lines_bytes_max)};
    struct fi_ws_opened opened;
    /* Two checkpoints are compared without a look at the tree. */
    int rc = reads_disk(options) ? fi_ws_opened_open(ws, FI_WS_READ, &opened, err)
                                 : fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct sides sides = {.before_bytes = {0}};
    fi_difference_renames_init(&difference.renames);
    rc = has_no_before(options) ? compare_with_previous(&difference, &opened, &sides, err)
                                : compare_with_given(&difference, &opened, &sides, err);
    if (rc != FIRN_OK) {
        *out = (firn_workspace_diff_result)FIRN_WORKSPACE_DIFF_RESULT_INIT;
    }
    fi_difference_renames_deinit(&difference.renames);
    fi_difference_lines_deinit(&difference.lines);
    fi_buf_deinit(&sides.before_bytes);
    fi_buf_deinit(&sides.after_bytes);
    return fi_ws_opened_close(ws, &opened, rc, err);
}

/* ---- the history ----
 *
 * The records of the catalog are read from the newest on. Each waits for the one that it is
 * compared with, which is the next that is no safety checkpoint, so the first results come at once,
 * and each record is read once. */

struct history {
    struct fi_ws_opened *opened;
    const firn_workspace_log_options *given;
    firn_workspace_diff_options options; /* of one comparison */
    struct difference difference;
    int (*visit)(void *ctx, const firn_workspace_diff_result *result);
    void *ctx;
    uint64_t last; /* the order of the newest that is not visited any more; 0: none */
    struct fi_catalog_names names; /* that are looked for */
    bool waits;                    /* the record that was visited last is to be compared */
    struct fi_buf bytes;           /* of that record */
    struct fi_catalog_record record;
    firn_workspace_checkpoint checkpoint;
};

enum { ENOUGH = 1 }; /* ends a walk; no error code of firn is positive */

/* What of the names tells that the paths changed; none: there are no paths, or one is the root.
 * Paths are read for each checkpoint, as the caller may change them. */
static int
want_paths(struct history *history, firn_error *err)
{
    const firn_workspace_log_options *given = history->given;
    struct fi_tree_filter filter;
    history->names.count = 0;
    history->names.is_full = false;
    FI_TRY_RETURN(fi_tree_filter_init(&filter, given->paths, given->path_count, err));
    for (size_t i = 0; i < filter.count && !history->names.is_full; i++) {
        fi_catalog_names_want_path(&history->names, filter.paths[i]);
    }
    fi_tree_filter_deinit(&filter);
    return FIRN_OK;
}

/* Whether the store knows that a comparison would find nothing that is asked for. */
static int
is_unchanged(struct history *history, const struct fi_catalog_record *before, bool *out,
             firn_error *err)
{
    *out = false;
    if (history->given->name_count == 0) {
        FI_TRY_RETURN(want_paths(history, err));
    }
    return before == NULL || history->names.count == 0
               ? FIRN_OK
               : fi_catalog_names_exclude(history->opened->catalog, &history->names,
                                          history->opened->workspace.number, history->record.order,
                                          &before->root.hash, &history->record.root.hash, out, err);
}

/* Compares the record that waits with the one before it; NULL: with an empty tree. */
static int
compare_record(struct history *history, const struct fi_catalog_record *before, firn_error *err)
{
    struct difference *difference = &history->difference;
    firn_workspace_checkpoint before_checkpoint;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    bool is_known;
    DCHECK(history->waits && history->record.order > history->last);
    DCHECK(before == NULL || before->order < history->record.order);
    history->waits = false;
    FI_TRY_RETURN(is_unchanged(history, before, &is_known, err));
    if (is_known && history->given->name_count > 0) {
        return FIRN_OK;
    }
    result.after = &history->checkpoint;
    if (before != NULL) {
        fi_catalog_record_to_checkpoint(before, &before_checkpoint);
        result.before = &before_checkpoint;
    }
    if (!is_known) {
        history->options.paths = history->given->paths;
        history->options.path_count = history->given->path_count;
        difference->result = &result;
        difference->lines_bytes_left = lines_limit(history->given->lines_bytes_max);
        fi_difference_renames_init(&difference->renames);
        int rc = compare_stored(difference, history->opened, before, &history->record, err);
        fi_difference_renames_deinit(&difference->renames);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_error_stopped(err, history->visit(history->ctx, &result));
}

static int
compare_with_ordinary(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                      firn_error *err)
{
    (void)bytes;
    if (record->is_safety) {
        return FIRN_OK;
    }
    int rc = compare_record(ctx, record, err);
    return rc == FIRN_OK ? ENOUGH : rc;
}

/* Compares the record that waits, before a safety checkpoint that lies between it and the one that
 * it is compared with. */
static int
compare_past_safety(struct history *history, firn_error *err)
{
    int rc = fi_catalog_list_before(history->opened->catalog, history->opened->workspace.number,
                                    history->record.order, compare_with_ordinary, history, err);
    return rc == ENOUGH ? FIRN_OK : rc == FIRN_OK ? compare_record(history, NULL, err) : rc;
}

/* Keeps a record until the one before it is read, if it is to be compared. */
static int
begin_waiting(struct history *history, firn_slice bytes, firn_error *err)
{
    DCHECK(!history->waits);
    history->bytes.size = 0;
    if (fi_buf_append_slice(&history->bytes, bytes) != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint's record");
    }
    FI_TRY_RETURN(fi_catalog_record_decode(fi_buf_slice(&history->bytes), &history->record, err));
    fi_catalog_record_to_checkpoint(&history->record, &history->checkpoint);
    history->waits = true;
    return history->given->on_checkpoint == NULL
               ? FIRN_OK
               : fi_error_stopped(err, history->given->on_checkpoint(
                                           history->ctx, &history->checkpoint, &history->waits));
}

static int
visit_record(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct history *history = ctx;
    DCHECK(history->opened->workspace.number != 0);
    if (history->waits && !record->is_safety) {
        FI_TRY_RETURN(compare_record(history, record, err));
    }
    if (record->order <= history->last) {
        return history->waits ? FIRN_OK : ENOUGH;
    }
    if (record->is_safety && !history->given->include_safety) {
        return FIRN_OK;
    }
    if (history->waits) {
        FI_TRY_RETURN(compare_past_safety(history, err));
    }
    FI_TRY_RETURN(begin_waiting(history, bytes, err));
    return ws_difference_progress(&history->difference, err);
}

struct choosing {
    struct fi_catalog_workspace workspace;
    size_t count;
};

static int
choose_line(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct choosing *choosing = ctx;
    (void)err;
    choosing->workspace = line->workspace;
    choosing->count++;
    return FIRN_OK;
}

/* From here on the history is that of a line. */
static int
open_line(struct fi_ws_opened *opened, const char *remote, firn_error *err)
{
    struct choosing choosing = {.count = 0};
    if (opened->catalog == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no store yet, and no remote '%s'",
                            remote);
    }
    FI_TRY_RETURN(fi_catalog_lines_select(opened->catalog, remote, choose_line, &choosing, err));
    if (choosing.count > 1) {
        return fi_error_set(err, FIRN_CONFLICT, "'%s' is ambiguous: %zu lines have that name",
                            remote, choosing.count);
    }
    opened->workspace = choosing.workspace;
    return FIRN_OK;
}

int
fi_ws_difference_log(struct firn_ws *ws, const firn_workspace_log_options *options,
                     int (*visit)(void *ctx, const firn_workspace_diff_result *result), void *ctx,
                     firn_error *err)
{
    struct fi_ws_opened opened;
    struct history history = {.opened = &opened,
                              .given = options,
                              .options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT,
                              .visit = visit,
                              .ctx = ctx};
    struct fi_catalog_record record;
    uint64_t first = UINT64_MAX;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(visit != NULL);
    for (size_t i = 0; i < options->name_count; i++) {
        fi_catalog_names_want(&history.names, options->names[i]);
    }
    history.options.against_previous = true;
    history.options.with_lines = options->with_lines;
    history.options.find_renames = options->find_renames;
    history.options.algorithm = options->algorithm;
    history.options.ignore_space = options->ignore_space;
    history.options.callbacks = options->callbacks;
    history.difference = (struct difference){.ws = ws,
                                             .options = &history.options,
                                             .visit = options->on_difference,
                                             .ctx = ctx,
                                             .may_miss = true};
    if (options->remote != NULL) {
        FI_TRY(open_line(&opened, options->remote, err));
    }
    if (options->after != NULL) {
        FI_TRY(fi_ws_find_record(ws, &opened, options->after, &record, err));
        first = record.order + 1;
    }
    if (options->before != NULL) {
        FI_TRY(fi_ws_find_record(ws, &opened, options->before, &record, err));
        history.last = record.order;
    }
    if (opened.workspace.number != 0) {
        rc = fi_catalog_list_before(opened.catalog, opened.workspace.number, first, visit_record,
                                    &history, err);
        rc = rc == ENOUGH ? FIRN_OK : rc;
    }
    if (rc == FIRN_OK && history.waits) {
        rc = compare_record(&history, NULL, err);
    }
out:
    fi_buf_deinit(&history.bytes);
    fi_difference_lines_deinit(&history.difference.lines);
    return fi_ws_opened_close(ws, &opened, rc, err);
}
