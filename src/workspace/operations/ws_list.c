/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_list.c: the checkpoints of a workspace, newest first. Only the catalog is read.
 */
#include "base/check.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"

/* What visit returns when enough was listed; no error code of firn is positive. */
enum { ENOUGH = 1 };

struct listing {
    uint64_t left;
    bool include_safety;
    int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint);
    void *ctx;
};

static int
list_one(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    (void)bytes;
    struct listing *listing = ctx;
    if (record->is_safety && !listing->include_safety) {
        return FIRN_OK;
    }
    if (listing->left == 0) {
        return ENOUGH;
    }
    listing->left--;
    firn_workspace_checkpoint checkpoint;
    fi_catalog_record_to_checkpoint(record, &checkpoint);
    return fi_error_stopped(err, listing->visit(listing->ctx, &checkpoint));
}

static int
list_deleted(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    return list_one(ctx, deleted->bytes, &deleted->record, err);
}

int
fi_ws_list(struct firn_ws *ws, const firn_workspace_list_options *options,
           int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
           firn_error *err)
{
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct listing listing = {.left = options->limit,
                              .include_safety = options->include_safety,
                              .visit = visit,
                              .ctx = ctx};
    DCHECK(opened.workspace.number == 0 || opened.catalog != NULL);
    if (opened.workspace.number != 0) {
        rc = options->deleted ? fi_catalog_deleted_list(opened.catalog, opened.workspace.number,
                                                        list_deleted, &listing, err)
                              : fi_catalog_list(opened.catalog, opened.workspace.number, list_one,
                                                &listing, err);
        rc = rc == ENOUGH ? FIRN_OK : rc;
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
