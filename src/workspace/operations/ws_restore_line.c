/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_line.c: restoring a checkpoint that another workspace has pushed to a
 * remote.
 *
 * Steps of undo, and the journal of a restore, name checkpoints of the workspace. So the tree
 * becomes one: a safety checkpoint, in one commit with that of the present state, as for a restore
 * of some paths (ws_restore_paths.c).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "operations/operations_internal.h"

static int
ws_restore_line_check(void *ctx, struct fi_ws_save_tree *tree,
                      struct fi_ws_restore_unsaved *unsaved, firn_error *err)
{
    (void)ctx, (void)tree, (void)unsaved, (void)err;
    return FIRN_OK;
}

static int
ws_restore_line_make(void *ctx, const struct fi_ws_save_tree *tree, struct fi_ws_restore_made *out,
                     firn_error *err)
{
    const struct fi_catalog_record *theirs = ctx;
    (void)tree, (void)err;
    *out = (struct fi_ws_restore_made){.root = theirs->root,
                                       .counts = {.files = theirs->files,
                                                  .directories = theirs->directories,
                                                  .bytes = theirs->bytes}};
    return FIRN_OK;
}

int
fi_ws_restore_line(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_catalog_record theirs = restoring->record;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char doing[sizeof id + 16];
    char message[sizeof id + 64];
    DCHECK(restoring->is_of_line);
    fi_catalog_record_id_text(theirs.id, id);
    (void)snprintf(doing, sizeof doing, "restoring %.8s", id);
    (void)snprintf(message, sizeof message, "restoring %.8s, which was pulled", id);
    const struct fi_ws_restore_target target = {.doing = doing,
                                                .message = firn_str(message),
                                                .check = ws_restore_line_check,
                                                .make = ws_restore_line_make,
                                                .ctx = &theirs};
    restoring->target = &target;
    int rc = fi_ws_restore_in_place(restoring, err);
    restoring->target = NULL;
    restoring->record.has_repositories = theirs.has_repositories;
    restoring->record.repositories = theirs.repositories;
    return rc;
}
