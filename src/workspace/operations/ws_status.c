/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_status.c: how the disk differs from a checkpoint. Reads the files that the stat
 * cache does not have; changes nothing, not even that cache.
 *
 * The time of a directory is not reported as a change: it moves with every change inside, which is
 * reported by itself.
 *
 * A store inside of its workspace that git tracks is found here, as this is where a user looks
 * before a commit.
 */
#include "operations/operations_internal.h"

struct status {
    firn_workspace_status_result *result;
    struct fi_ws_compare *compare;
    bool without_times;
    int (*visit)(void *ctx, const firn_workspace_change *change);
    void *ctx;
};

static void
ws_status_count(firn_workspace_status_result *result,
                const struct fi_difference_walk_change *change)
{
    enum fi_difference_walk_kind kind = fi_difference_walk_of_file(change);
    result->unchanged += kind == FI_DIFFERENCE_WALK_SAME;
    result->added += kind == FI_DIFFERENCE_WALK_ADDED;
    bool is_times_only = fi_difference_walk_is_times_only(change);
    result->changed += kind == FI_DIFFERENCE_WALK_CHANGED && !is_times_only;
    result->times_only += is_times_only;
    result->removed += kind == FI_DIFFERENCE_WALK_REMOVED;
}

static int
report_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct status *status = ctx;
    bool is_left_alone;
    int rc = fi_ws_compare_is_left_alone(status->compare, change, &is_left_alone, err);
    if (rc != FIRN_OK || is_left_alone) {
        return rc == FIRN_OK ? fi_ws_compare_report_left_alone(status->compare, change->path, err)
                             : rc;
    }
    ws_status_count(status->result, change);
    if (status->visit == NULL || change->kind == FI_DIFFERENCE_WALK_SAME ||
        fi_difference_walk_is_dir_time(change) || change->path.size == 0 ||
        (status->without_times && fi_difference_walk_is_times_only(change))) {
        return FIRN_OK;
    }
    firn_workspace_change told;
    firn_workspace_entry before;
    firn_workspace_entry after;
    fi_difference_walk_to_change(change, &before, &after, &told);
    return fi_error_stopped(err, status->visit(status->ctx, &told));
}

static int
ws_status_compare(struct firn_ws *ws, struct fi_ws_opened *opened,
                  const firn_workspace_status_options *options,
                  const struct fi_catalog_record *record, struct status *status, firn_error *err)
{
    struct fi_ws_compare compare = {0};
    struct fi_tree_filter filter = {0};
    struct fi_ws_save_repositories repositories;
    firn_callbacks callbacks = options->callbacks;
    uint64_t differ;
    int rc;
    fi_ws_save_repositories_init(&repositories, &options->callbacks,
                                 record->has_repositories ? &callbacks : NULL);
    FI_TRY(fi_tree_filter_init(&filter, options->paths, options->path_count, err));
    const struct fi_ws_compare_options given = {
        .threads = options->threads,
        .today = {.gitignore = options->gitignore, .file_size_max = options->file_size_max},
        .callbacks = &callbacks};
    FI_TRY(fi_ws_compare_init(&compare, ws, opened, record, &given, err));
    status->compare = &compare;
    status->result->is_watched = compare.is_watched;
    status->result->skipped = compare.scan.skipped;
    struct fi_difference_walk_options diff_options = {.filter = filter.count > 0 ? &filter : NULL,
                                                      .with_same = filter.count > 0};
    FI_TRY(fi_difference_walk(&compare.checkpoint_side, &compare.disk_side, &diff_options,
                              report_change, status, err));
    FI_TRY(fi_tree_filter_check_met(&filter, err));
    if (filter.count == 0) {
        firn_workspace_status_result *result = status->result;
        result->unchanged =
            compare.scan.files - result->added - result->changed - result->times_only;
        fi_ws_save_repositories_tell(&repositories, opened->root);
        FI_TRY(fi_ws_repository_tell_now(opened, record, &repositories.paths, options->threads,
                                         &options->callbacks, &differ, err));
    }
out:
    fi_ws_save_repositories_deinit(&repositories);
    fi_ws_compare_deinit(&compare);
    fi_tree_filter_deinit(&filter);
    return rc;
}

/* Counts what a first save would take. */
static int
ws_status_preview(struct firn_ws *ws, struct fi_ws_opened *opened,
                  const firn_workspace_status_options *options,
                  firn_workspace_status_result *result, firn_error *err)
{
    struct fi_ws_compare compare = {0};
    const struct fi_catalog_record nothing = {0};
    struct fi_ws_save_repositories repositories;
    firn_callbacks callbacks;
    DCHECK(options->reference == NULL && options->path_count == 0);
    fi_ws_save_repositories_init(&repositories, &options->callbacks, &callbacks);
    repositories.is_saved = !options->without_git;
    const struct fi_ws_compare_options given = {.threads = options->threads,
                                                .today = {.is_asked_for = true,
                                                          .gitignore = options->gitignore,
                                                          .file_size_max = options->file_size_max},
                                                .callbacks = &callbacks,
                                                .names_only = true};
    int rc = fi_ws_compare_init(&compare, ws, opened, &nothing, &given, err);
    if (rc == FIRN_OK) {
        result->added = compare.scan.files;
        result->first_bytes = compare.scan.bytes;
        result->skipped = compare.scan.skipped;
    }
    fi_ws_compare_deinit(&compare);
    fi_ws_save_repositories_deinit(&repositories);
    return rc;
}

static bool
git_tracks_store(const struct firn_ws *ws)
{
    return strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0 &&
           fi_place_git_tracks(ws->os, ws->place.root, FI_TRUST_INSIDE);
}

int
fi_ws_status(struct firn_ws *ws, const firn_workspace_status_options *options,
             int (*visit)(void *ctx, const firn_workspace_change *change), void *ctx,
             firn_workspace_status_result *out, firn_error *err)
{
    *out = (firn_workspace_status_result)FIRN_WORKSPACE_STATUS_RESULT_INIT;
    struct status status = {
        .result = out, .without_times = options->without_times, .visit = visit, .ctx = ctx};
    const char *reference = options->reference == NULL ? "latest" : options->reference;
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    int rc = fi_ws_opened_open(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (options->of_first_save) {
        return fi_ws_opened_close(ws, &opened, ws_status_preview(ws, &opened, options, out, err),
                                  err);
    }
    bool is_own;
    rc = fi_ws_find_any(ws, &opened, reference, &record, &is_own, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_given_checkpoint(ws, &record, &out->checkpoint, err);
    }
    if (rc == FIRN_OK) {
        rc = ws_status_compare(ws, &opened, options, &record, &status, err);
    }
    out->git_tracks_store = rc == FIRN_OK && git_tracks_store(ws);
    return fi_ws_opened_close(ws, &opened, rc, err);
}
