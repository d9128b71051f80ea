/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_entries.c: everything that is in a checkpoint: its difference from an empty tree.
 */
#include "base/check.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"

struct entries {
    int (*visit)(void *ctx, const firn_workspace_entry *entry);
    void *ctx;
};

static int
report_entry(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct entries *entries = ctx;
    if (change->path.size == 0) {
        return FIRN_OK;
    }
    DCHECK(change->kind == FI_DIFFERENCE_WALK_ADDED);
    firn_workspace_entry info;
    fi_difference_walk_to_info(change->path, change->after, &info);
    return fi_error_stopped(err, entries->visit(entries->ctx, &info));
}

static int
ws_entries_walk(struct fi_ws_opened *opened, const struct fi_catalog_record *record,
                struct entries *entries, firn_error *err)
{
    struct fi_difference_walk_side nothing = {0};
    struct fi_difference_walk_side tree = {.source = fi_objects_trees(opened->objects),
                                           .root = &record->root};
    struct fi_difference_walk_options options = {0};
    return fi_difference_walk(&nothing, &tree, &options, report_entry, entries, err);
}

int
fi_ws_entries(struct firn_ws *ws, const char *reference,
              int (*visit)(void *ctx, const firn_workspace_entry *entry), void *ctx,
              firn_error *err)
{
    struct entries entries = {.visit = visit, .ctx = ctx};
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_own;
    rc = fi_ws_find_any(ws, &opened, reference, &record, &is_own, err);
    if (rc == FIRN_OK) {
        rc = ws_entries_walk(&opened, &record, &entries, err);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
