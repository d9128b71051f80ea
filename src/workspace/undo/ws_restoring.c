/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_restoring.c: what every way of restoring takes from its request, and reports.
 *
 * A restore in place, one into another directory, a dry run, a step of the undo line and the end of
 * an interrupted restore all work on one struct fi_ws_restoring. Here it becomes the options of a
 * checkout, the filter of paths and the rules of today's saves, and the counts of the checkout
 * become the caller's result.
 */
#include <stdio.h>

#include "base/check.h"
#include "checkout/checkout.h"
#include "tree/tree.h"
#include "undo/undo.h"

struct fi_checkout_options
fi_ws_restoring_apply_options(struct fi_ws_restoring *restoring, struct fi_os_dir *root,
                              const struct fi_difference_walk_side *before,
                              const struct fi_difference_walk_side *after,
                              struct fi_ws_restore_unsaved *unsaved)
{
    bool is_filtered = restoring->filter.count > 0;
    return (struct fi_checkout_options){
        .root = root,
        .objects = restoring->opened->objects,
        .before = *before,
        .after = *after,
        .filter = is_filtered ? &restoring->filter : NULL,
        .count_same = is_filtered,
        .threads = restoring->options->threads,
        .is_foreign = restoring->opened->is_foreign,
        .callbacks = restoring->options->callbacks,
        .unsaved_why = unsaved != NULL ? fi_ws_restore_unsaved_why : NULL,
        .holds_unsaved = unsaved != NULL ? fi_ws_restore_unsaved_holds : NULL,
        .unsaved = unsaved,
        .visit = restoring->options->on_change};
}

struct fi_ws_rules_today
fi_ws_restoring_today(const struct fi_ws_restoring *restoring)
{
    return (struct fi_ws_rules_today){.gitignore = restoring->options->gitignore,
                                      .is_asked_for = restoring->options->path_count > 0 ||
                                                      restoring->is_at_state,
                                      .file_size_max = restoring->options->file_size_max};
}

int
fi_ws_restoring_compare(struct fi_ws_restoring *restoring, const struct fi_catalog_record *record,
                        const struct fi_catalog_record *second, const firn_callbacks *callbacks,
                        struct fi_ws_compare *out, struct fi_checkout_options *out_options,
                        firn_error *err)
{
    const struct fi_ws_compare_options given = {.threads = restoring->options->threads,
                                                .today = fi_ws_restoring_today(restoring),
                                                .callbacks = callbacks,
                                                .is_for_restore = true,
                                                .second = second};
    FI_TRY_RETURN(fi_ws_compare_init(out, restoring->ws, restoring->opened, record, &given, err));
    *out_options = fi_ws_restoring_apply_options(
        restoring, restoring->opened->root, &out->disk_side, &out->checkpoint_side, &out->unsaved);
    return FIRN_OK;
}

void
fi_ws_restoring_report(struct fi_ws_restoring *restoring, const struct fi_checkout *checkout)
{
    const struct fi_checkout_counts *counts = fi_checkout_counts(checkout);
    firn_workspace_restore_result *result = restoring->result;
    result->added = counts->added;
    result->changed = counts->changed;
    result->removed = counts->removed;
    result->unchanged = restoring->filter.count > 0 ? counts->same
                                                    : restoring->record.files - counts->added -
                                                          counts->changed - counts->left_files;
    restoring->is_idle =
        counts->added + counts->changed + counts->removed + counts->directories == 0;
    result->incomplete = counts->incomplete;
    result->left_alone = counts->left_alone;
    result->not_restored = counts->not_restored;
    if (counts->written_at_ns != 0) {
        DCHECK(counts->written_at_ns >= restoring->begun_ns);
        result->written_ns = counts->written_at_ns - restoring->begun_ns;
    }
}

void
fi_ws_restoring_name(const struct fi_catalog_record *record, char out[FI_WS_RESTORING_NAME_SIZE])
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    fi_catalog_record_id_text(record->id, id);
    if (record->is_safety) {
        (void)snprintf(out, FI_WS_RESTORING_NAME_SIZE, "%.*s", FIRN_CHECKPOINT_ID_SHORT, id);
    } else {
        (void)snprintf(out, FI_WS_RESTORING_NAME_SIZE, "%llu", (unsigned long long)record->number);
    }
}

/* Paths that come from the journal, or from a step, need not exist any more. */
int
fi_ws_restoring_set_filter(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_tree_filter *filter = &restoring->filter;
    fi_tree_filter_deinit(filter);
    bool is_given = restoring->paths == restoring->options->paths;
    int rc = fi_tree_filter_init(filter, restoring->paths, restoring->path_count, err);
    for (size_t i = 0; i < filter->count && rc == FIRN_OK; i++) {
        firn_slice path = filter->paths[i];
        const char *reason = is_given ? fi_tree_reserved_path(path) : NULL;
        filter->was_met[i] = !is_given;
        if (reason != NULL) {
            rc = fi_error_set(err, FIRN_INVALID, "'%.*s' is never restored: it %s",
                              (int)(path.size < 512 ? path.size : 512), (const char *)path.data,
                              reason);
        }
    }
    return rc;
}
