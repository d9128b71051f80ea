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
    struct firn_difference_lines lines;
    struct firn_difference_renames renames;
    int64_t progress_due_ns;
    uint64_t files_done;
};

static int
progress(struct difference *difference, firn_error *err)
{
    const firn_callbacks *callbacks = &difference->options->callbacks;
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    int64_t now = firn_os_monotonic_ns(difference->ws->os);
    if (now < difference->progress_due_ns) {
        return FIRN_OK;
    }
    difference->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = "compare", .files_done = difference->files_done};
    int rc = firn_os_callback_progress(callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : firn_error_set(err, FIRN_CANCELLED, "stopped by the caller");
}

static void
count(firn_workspace_diff_result *result, const struct firn_difference_walk_change *change)
{
    enum firn_difference_walk_kind kind = firn_difference_walk_of_file(change);
    DCHECK(kind != FIRN_DIFFERENCE_WALK_SAME);
    result->added += kind == FIRN_DIFFERENCE_WALK_ADDED;
    bool is_times_only = firn_difference_walk_is_times_only(change);
    result->changed += kind == FIRN_DIFFERENCE_WALK_CHANGED && !is_times_only;
    result->times_only += is_times_only;
    result->removed += kind == FIRN_DIFFERENCE_WALK_REMOVED;
}

/* Reports a change that is half of a rename, at the new path. *out_is_told is true for the other
 * half too, which is not reported by itself. */
static int
tell_rename(struct difference *difference, const struct firn_difference_walk_change *change,
            bool *out_is_told, firn_error *err)
{
    const struct firn_tree_entry *gone;
    firn_slice path;
    *out_is_told = firn_difference_renames_find(&difference->renames, change, &gone, &path);
    if (!*out_is_told || change->kind == FIRN_DIFFERENCE_WALK_REMOVED) {
        return FIRN_OK;
    }
    DCHECK(change->kind == FIRN_DIFFERENCE_WALK_ADDED &&
           firn_hash_equal(&gone->hash, &change->after->hash));
    firn_workspace_entry before;
    firn_workspace_entry after;
    firn_difference_walk_to_info(path, gone, &before);
    firn_difference_walk_to_info(change->path, change->after, &after);
    const firn_workspace_difference told = {
        .change = {.kind = FIRN_CHANGE_RENAMED,
                   .before = &before,
                   .after = &after,
                   .what = firn_difference_walk_what(gone, change->after)}};
    difference->result->renamed++;
    difference->files_done++;
    if (difference->visit == NULL) {
        return FIRN_OK;
    }
    return firn_error_stopped(err, difference->visit(difference->ctx, &told));
}

static int
collect_rename(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct difference *difference = ctx;
    int rc = progress(difference, err);
    return rc == FIRN_OK ? firn_difference_renames_add(&difference->renames, change, err) : rc;
}

static int
tell_change(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct difference *difference = ctx;
    firn_workspace_diff_result *result = difference->result;
    if (change->kind == FIRN_DIFFERENCE_WALK_SAME || firn_difference_walk_is_dir_time(change) ||
        change->path.size == 0) {
        return FIRN_OK;
    }
    firn_workspace_difference told = {.lines = FIRN_LINES_NONE};
    firn_workspace_entry before;
    firn_workspace_entry after;
    int rc;
    bool is_told;
    FIRN_TRY(progress(difference, err));
    FIRN_TRY(tell_rename(difference, change, &is_told, err));
    if (is_told) {
        goto out;
    }
    count(result, change);
    difference->files_done++;
    if (difference->options->without_times && firn_difference_walk_is_times_only(change)) {
        goto out;
    }
    if (difference->options->with_lines) {
        FIRN_TRY(firn_difference_lines_compare(&difference->lines, change, &told, err));
        result->lines_added += told.lines_added;
        result->lines_removed += told.lines_removed;
    }
    if (difference->visit != NULL) {
        firn_difference_walk_to_change(change, &before, &after, &told.change);
        rc = firn_error_stopped(err, difference->visit(difference->ctx, &told));
    }
out:
    return rc;
}

/* ---- paths without a difference ---- */

static int
find_in(const struct firn_difference_walk_side *side, firn_slice path, bool *out, firn_error *err)
{
    if (side->root == NULL) {
        *out = false;
        return FIRN_OK;
    }
    struct firn_tree_lookup lookup;
    const struct firn_tree_entry *entry;
    firn_tree_lookup_init(&lookup, side->source, &side->root->hash);
    int rc = firn_tree_lookup_find(&lookup, path, &entry, err);
    *out = rc == FIRN_OK && entry != NULL;
    firn_tree_lookup_deinit(&lookup);
    return rc;
}

/* Checks that every requested path is on at least one side (I1). */
static int
check_paths(const struct firn_tree_filter *filter, const struct firn_difference_walk_side *before,
            const struct firn_difference_walk_side *after, bool after_is_disk, firn_error *err)
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
            return firn_error_set(err, FIRN_NOT_FOUND, "'%.*s' is %s",
                                  (int)(path.size < 256 ? path.size : 256), (const char *)path.data,
                                  after_is_disk ? "neither in the workspace nor in the checkpoint"
                                                : "in neither of the checkpoints");
        }
    }
    return FIRN_OK;
}

/* ---- the two sides ---- */

static int
compare(struct difference *difference, struct firn_ws_opened *opened,
        const struct firn_difference_walk_side *before,
        const struct firn_difference_walk_side *after, firn_error *err)
{
    const firn_workspace_diff_options *options = difference->options;
    struct firn_tree_filter filter = {0};
    bool is_disk = options->after == NULL && !options->against_previous;
    int rc;
    FIRN_TRY(firn_tree_filter_init(&filter, options->paths, options->path_count, err));
    if (options->with_lines) {
        FIRN_TRY(firn_difference_lines_init(&difference->lines, opened->objects,
                                            is_disk ? opened->root : NULL, &options->callbacks,
                                            err));
        difference->lines.algorithm = options->algorithm;
    }
    struct firn_difference_walk_options diff_options = {.filter =
                                                            filter.count > 0 ? &filter : NULL};
    if (options->find_renames) {
        DCHECK(difference->renames.count == 0);
        FIRN_TRY(
            firn_difference_walk(before, after, &diff_options, collect_rename, difference, err));
        FIRN_TRY(firn_difference_renames_match(&difference->renames, err));
    }
    FIRN_TRY(firn_difference_walk(before, after, &diff_options, tell_change, difference, err));
    rc = check_paths(&filter, before, after, is_disk, err);
out:
    firn_difference_lines_deinit(&difference->lines);
    firn_tree_filter_deinit(&filter);
    return rc;
}

static int
compare_with_disk(struct difference *difference, struct firn_ws_opened *opened,
                  const struct firn_catalog_record *before, firn_error *err)
{
    const firn_workspace_diff_options *options = difference->options;
    struct firn_ws_compare scanned;
    const struct firn_ws_compare_options given = {
        options->threads, {options->gitignore, options->file_size_max}, &options->callbacks};
    int rc = firn_ws_compare_init(&scanned, difference->ws, opened, before, &given, err);
    if (rc == FIRN_OK) {
        difference->result->skipped = scanned.scan.skipped;
        rc = compare(difference, opened, &scanned.checkpoint_side, &scanned.disk_side, err);
    }
    firn_ws_compare_deinit(&scanned);
    return rc;
}

static int
compare_stored(struct difference *difference, struct firn_ws_opened *opened,
               const struct firn_catalog_record *before, const struct firn_catalog_record *after,
               firn_error *err)
{
    const struct firn_tree_source *trees = firn_objects_trees(opened->objects);
    struct firn_difference_walk_side before_side = {.source = trees,
                                                    .root = before != NULL ? &before->root : NULL};
    struct firn_difference_walk_side after_side = {.source = trees, .root = &after->root};
    return compare(difference, opened, &before_side, &after_side, err);
}

struct sides {
    struct firn_buf before_bytes;
    struct firn_buf after_bytes;
    struct firn_catalog_record before;
    struct firn_catalog_record after;
};

/* Compares a checkpoint with the one before it, or with an empty tree. */
static int
compare_with_previous(struct difference *difference, struct firn_ws_opened *opened,
                      struct sides *sides, firn_error *err)
{
    struct firn_ws *ws = difference->ws;
    firn_workspace_diff_result *result = difference->result;
    const char *after = difference->options->after;
    int rc;
    FIRN_TRY(firn_ws_find_own(ws, opened, after == NULL ? "latest" : after, &sides->after_bytes,
                              &sides->after, err));
    rc =
        firn_ws_find_previous(ws, opened, &sides->after, &sides->before_bytes, &sides->before, err);
    bool has_before = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        goto out;
    }
    FIRN_TRY(firn_ws_given_checkpoint(ws, &sides->after, &result->after, err));
    if (has_before) {
        FIRN_TRY(firn_ws_given_checkpoint(ws, &sides->before, &result->before, err));
    }
    rc = compare_stored(difference, opened, has_before ? &sides->before : NULL, &sides->after, err);
out:
    return rc;
}

/* Compares a checkpoint with another, or with the disk. */
static int
compare_with_given(struct difference *difference, struct firn_ws_opened *opened,
                   struct sides *sides, firn_error *err)
{
    struct firn_ws *ws = difference->ws;
    const firn_workspace_diff_options *options = difference->options;
    firn_workspace_diff_result *result = difference->result;
    int rc;
    FIRN_TRY(firn_ws_find_own(ws, opened, options->before == NULL ? "latest" : options->before,
                              &sides->before_bytes, &sides->before, err));
    FIRN_TRY(firn_ws_given_checkpoint(ws, &sides->before, &result->before, err));
    if (options->after == NULL) {
        FIRN_TRY(compare_with_disk(difference, opened, &sides->before, err));
    } else {
        FIRN_TRY(
            firn_ws_find_own(ws, opened, options->after, &sides->after_bytes, &sides->after, err));
        FIRN_TRY(firn_ws_given_checkpoint(ws, &sides->after, &result->after, err));
        FIRN_TRY(compare_stored(difference, opened, &sides->before, &sides->after, err));
    }
out:
    return rc;
}

int
firn_ws_difference(struct firn_ws *ws, const firn_workspace_diff_options *options,
                   int (*visit)(void *ctx, const firn_workspace_difference *difference), void *ctx,
                   firn_workspace_diff_result *out, firn_error *err)
{
    *out = (firn_workspace_diff_result)FIRN_WORKSPACE_DIFF_RESULT_INIT;
    struct difference difference = {
        .ws = ws, .options = options, .result = out, .visit = visit, .ctx = ctx};
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct sides sides = {.before_bytes = {0}};
    firn_difference_renames_init(&difference.renames);
    rc = options->against_previous ? compare_with_previous(&difference, &opened, &sides, err)
                                   : compare_with_given(&difference, &opened, &sides, err);
    if (rc != FIRN_OK) {
        *out = (firn_workspace_diff_result)FIRN_WORKSPACE_DIFF_RESULT_INIT;
    }
    firn_difference_renames_deinit(&difference.renames);
    firn_buf_deinit(&sides.before_bytes);
    firn_buf_deinit(&sides.after_bytes);
    return firn_ws_opened_close(ws, &opened, rc, err);
}
