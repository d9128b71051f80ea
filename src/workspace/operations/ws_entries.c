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
tell_entry(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct entries *entries = ctx;
    if (change->path.size == 0) {
        return FIRN_OK;
    }
    DCHECK(change->kind == FIRN_DIFFERENCE_WALK_ADDED);
    firn_workspace_entry info;
    firn_difference_walk_to_info(change->path, change->after, &info);
    return firn_error_stopped(err, entries->visit(entries->ctx, &info));
}

static int
walk(struct firn_ws_opened *opened, const struct firn_catalog_record *record,
     struct entries *entries, firn_error *err)
{
    struct firn_difference_walk_side nothing = {0};
    struct firn_difference_walk_side tree = {.source = firn_objects_trees(opened->objects),
                                             .root = &record->root};
    struct firn_difference_walk_options options = {0};
    return firn_difference_walk(&nothing, &tree, &options, tell_entry, entries, err);
}

int
firn_ws_entries(struct firn_ws *ws, const char *reference,
                int (*visit)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                firn_error *err)
{
    struct entries entries = {.visit = visit, .ctx = ctx};
    struct firn_ws_opened opened;
    struct firn_catalog_record record;
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_find_record(ws, &opened, reference, &record, err);
    if (rc == FIRN_OK) {
        rc = walk(&opened, &record, &entries, err);
    }
    return firn_ws_opened_close(ws, &opened, rc, err);
}
