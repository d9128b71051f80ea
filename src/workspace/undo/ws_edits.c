/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_edits.c: whether a directory has edits: differs from the present state of its undo
 * line.
 *
 * It does if restoring that state would change something. Entries that rules exclude or that cannot
 * be restored do not count, nor does the time of a directory. The trees are compared first, which
 * reads only directories that differ; only if they do is a checkout planned, which knows what it
 * would leave as it is.
 *
 * What the rules of the last restore exclude is left alone until the next save (ws_rules.c), even
 * if the state that it led to does not exclude it. A redo past an older state with such rules would
 * therefore leave out what the undo had changed. So these rules do not count for a step if the
 * directory is at the present state without them too: then everything that they protect is in a
 * checkpoint.
 *
 * A step that is limited to paths (ws_paths.c) can be taken before the edits are, if none is at its
 * paths.
 */
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_undo_line.h"
#include "undo/undo.h"

/* Whether a directory above a path is not there any more. */
static int
is_blocked(const struct fi_difference_walk_side *side, const struct fi_tree_filter *filter,
           bool *out, firn_error *err)
{
    struct fi_tree_lookup lookup;
    const struct fi_tree_entry *entry;
    int rc = FIRN_OK;
    *out = false;
    fi_tree_lookup_init(&lookup, side->source, &side->root->hash);
    for (size_t i = 0; i < filter->count; i++) {
        const firn_slice path = filter->paths[i];
        for (size_t end = 1; end < path.size && !*out; end++) {
            if (path.data[end] == '/') {
                FI_TRY(fi_tree_lookup_find(&lookup, firn_bytes(path.data, end), &entry, err));
                *out = entry == NULL || entry->kind != FI_TREE_DIR;
            }
        }
    }
out:
    fi_tree_lookup_deinit(&lookup);
    return rc;
}

int
fi_ws_edits_differ(struct fi_ws_restoring *restoring, const struct fi_difference_walk_side *before,
                   const struct fi_checkout_options *options, struct fi_tree_filter *filter,
                   bool *out, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    const struct fi_difference_walk_side here = {
        .source = fi_objects_trees(restoring->opened->objects), .root = &step->here.root};
    struct fi_checkout_options quiet = *options;
    struct fi_checkout *apply = NULL;
    int rc = filter != NULL ? is_blocked(before, filter, out, err) : FIRN_OK;
    if (rc != FIRN_OK || (filter != NULL && *out)) {
        return rc;
    }
    rc = fi_ws_undo_line_compare(before, &here, filter, out, err);
    if (rc != FIRN_OK || !*out) {
        return rc;
    }
    quiet.after = here;
    quiet.filter = filter;
    quiet.count_same = false;
    quiet.callbacks = (firn_callbacks){0};
    quiet.visit = NULL;
    quiet.stores = NULL;
    quiet.on_step = NULL;
    FI_TRY(fi_checkout_create(&quiet, &apply, err));
    FI_TRY(fi_checkout_plan(apply, err));
    const struct fi_checkout_counts *counts = fi_checkout_counts(apply);
    *out = counts->added + counts->changed + counts->removed + counts->directories > counts->times;
    step->edits.added = counts->added;
    step->edits.changed = counts->changed;
    step->edits.removed = counts->removed;
out:
    fi_checkout_destroy(apply);
    return rc;
}

/* Whether the step to or from an item is limited to paths, at which the directory has no edits. */
static int
is_free(struct fi_ws_restoring *restoring, size_t i, const struct fi_ws_compare *compare,
        const struct fi_checkout_options *options, bool *out, firn_error *err)
{
    struct fi_tree_filter filter = {0};
    struct fi_ws_paths paths;
    bool differs;
    int rc;
    *out = false;
    FI_TRY(fi_ws_paths_read(restoring->opened, fi_catalog_undo_line_at(&restoring->line, i), &paths,
                            err));
    if (paths.count > 0) {
        FI_TRY(fi_tree_filter_init(&filter, paths.items, paths.count, err));
        memset(filter.was_met, true, filter.count * sizeof *filter.was_met);
        FI_TRY(fi_ws_edits_differ(restoring, &compare->disk_side, options, &filter, &differs, err));
        *out = !differs;
    }
out:
    fi_tree_filter_deinit(&filter);
    fi_ws_paths_deinit(&paths);
    return rc;
}

static int
count_free(struct fi_ws_restoring *restoring, const struct fi_ws_compare *compare,
           const struct fi_checkout_options *options, bool is_forward, size_t *out, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    const size_t limit =
        is_forward ? fi_catalog_undo_line_count(line) - 1 - line->cursor : line->cursor;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    bool goes_on = true;
    int rc = FIRN_OK;
    for (*out = 0; rc == FIRN_OK && goes_on && *out < limit; *out += goes_on ? 1 : 0) {
        const size_t crossed = is_forward ? line->cursor + *out + 1 : line->cursor - *out;
        const struct fi_catalog_undo_line_state *to = fi_catalog_undo_line_at(
            line, fi_catalog_undo_line_state_at(line, is_forward ? crossed : crossed - 1));
        FI_TRY(is_free(restoring, crossed, compare, options, &goes_on, err));
        if (goes_on && (!is_forward || !to->is_passed)) {
            rc = fi_ws_undo_line_state(restoring->opened, to->order, &bytes, &record, err);
        }
        goes_on = goes_on && rc == FIRN_OK && (!is_forward || !to->is_passed);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_ws_edits_inspect(struct fi_ws_restoring *restoring, bool is_quiet, bool *out_differs,
                    struct fi_ws_edits_free *out_free, firn_error *err)
{
    struct fi_ws_compare compare = {0};
    firn_callbacks callbacks = restoring->options->callbacks;
    int rc;
    DCHECK(restoring->step->has_here);
    callbacks.on_notice = is_quiet ? NULL : callbacks.on_notice;
    struct fi_checkout_options options;
    FI_TRY(fi_ws_restoring_compare(restoring, &restoring->step->here, NULL, &callbacks, &compare,
                                   &options, err));
    FI_TRY(fi_ws_edits_differ(restoring, &compare.disk_side, &options, NULL, out_differs, err));
    if (*out_differs && out_free != NULL) {
        const firn_workspace_step edits = restoring->step->edits;
        FI_TRY(count_free(restoring, &compare, &options, false, &out_free->back, err));
        FI_TRY(count_free(restoring, &compare, &options, true, &out_free->ahead, err));
        restoring->step->edits = edits;
    }
out:
    fi_ws_compare_deinit(&compare);
    return rc;
}

int
fi_ws_edits_look(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_catalog_record *here = fi_ws_undo_line_here(restoring);
    struct fi_catalog_record last;
    struct fi_buf bytes = {0};
    bool differs;
    if (here == NULL || restoring->journal.state == FI_CATALOG_JOURNAL_NONE) {
        return FIRN_OK;
    }
    int rc = fi_checkout_recover_record(restoring->opened, restoring->journal.before, &bytes, &last,
                                        err);
    if (rc == FIRN_OK && !fi_ws_rules_are_same(here, &last)) {
        restoring->is_at_state = true; /* for this look */
        rc = fi_ws_edits_inspect(restoring, true, &differs, NULL, err);
        restoring->is_at_state = rc == FIRN_OK && !differs;
    }
    fi_buf_deinit(&bytes);
    /* What is damaged is for the step to say, if it needs it. */
    return rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT ? FIRN_OK : rc;
}
