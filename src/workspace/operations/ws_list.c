/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_list.c: the checkpoints of a workspace, or of a remote's lines, newest first. Only
 * the catalog is read.
 */
#include "base/check.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"

/* What visit returns when enough was listed; no error code of firn is positive. */
enum { ENOUGH = 1 };

struct listing {
    struct fi_catalog *catalog;
    const firn_workspace_list_options *options;
    uint64_t left;
    int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint);
    void *ctx;
};

static int
list_one(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    (void)bytes;
    struct listing *listing = ctx;
    if (record->is_safety && !listing->options->include_safety) {
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

/* A line of a remote, and its checkpoints. */
static int
list_line(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct listing *listing = ctx;
    firn_workspace_line told = {.remote = line->remote, .label = line->label, .id = line->id};
    FI_TRY_RETURN(fi_catalog_lines_name(listing->catalog, line, &told.name, err));
    if (listing->options->on_line != NULL) {
        FI_TRY_RETURN(fi_error_stopped(err, listing->options->on_line(listing->ctx, &told)));
    }
    listing->left = listing->options->limit;
    int rc = fi_catalog_list(listing->catalog, line->workspace.number, list_one, listing, err);
    return rc == ENOUGH ? FIRN_OK : rc;
}

static int
list_remote(struct listing *listing, firn_error *err)
{
    const char *remote = listing->options->remote;
    if (listing->options->deleted) {
        return fi_error_set(err, FIRN_INVALID,
                            "what was deleted of a remote cannot be brought back from here");
    }
    return listing->catalog != NULL
               ? fi_catalog_lines_select(listing->catalog, remote, list_line, listing, err)
               : fi_error_set(err, FIRN_NOT_FOUND, "there is no store yet, and no remote '%s'",
                              remote);
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
    struct listing listing = {.catalog = opened.catalog,
                              .options = options,
                              .left = options->limit,
                              .visit = visit,
                              .ctx = ctx};
    DCHECK(opened.workspace.number == 0 || opened.catalog != NULL);
    if (options->remote != NULL) {
        rc = list_remote(&listing, err);
    } else if (opened.workspace.number != 0) {
        rc = options->deleted ? fi_catalog_deleted_list(opened.catalog, opened.workspace.number,
                                                        list_deleted, &listing, err)
                              : fi_catalog_list(opened.catalog, opened.workspace.number, list_one,
                                                &listing, err);
        rc = rc == ENOUGH ? FIRN_OK : rc;
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
