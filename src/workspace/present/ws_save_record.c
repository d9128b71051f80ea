/* SPDX-License-Identifier: Apache-2.0
 *
 * present/ws_save_record.c: the record of a checkpoint: made from a tree that was scanned, and
 * committed.
 *
 * A save, a save of a group (ws_group.c) and the safety checkpoint of a restore make it in the same
 * way. The checkpoint exists from the commit on (catalog.c), which names the tree: so all objects
 * are durable before it (I1).
 */
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "present/present.h"

static int
set_parent(struct firn_ws *ws, struct fi_ws_opened *opened, struct fi_catalog_record *record,
           firn_error *err)
{
    struct fi_catalog_record parent;
    int rc =
        fi_catalog_newest(opened->catalog, opened->workspace.number, &ws->record, &parent, err);
    if (rc == FIRN_OK) {
        memcpy(record->parent, parent.id, sizeof record->parent);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_save_record_make(struct firn_ws *ws, struct fi_ws_opened *opened,
                       const struct fi_ws_save_request *request, const struct fi_ws_save_tree *tree,
                       struct fi_catalog_record *out, firn_error *err)
{
    *out = (struct fi_catalog_record){
        .is_safety = request->is_safety,
        .include_deps = request->include_deps,
        .is_narrow = !request->include_deps && !tree->has_rules,
        .order = opened->workspace.next_order,
        .number = request->is_safety ? 0 : opened->workspace.next_number,
        .created_ns = request->created_ns != 0 ? request->created_ns : fi_os_now_ns(ws->os),
        .workspace_path = firn_str(ws->place.root),
        .message = request->message,
        .turn = request->turn,
        .turn_begun_ns = request->turn_begun_ns,
        .run = request->run,
        .root = tree->scan.root,
        .files = tree->scan.files,
        .directories = tree->scan.directories,
        .bytes = tree->scan.bytes,
        .new_objects = tree->scan.new_objects,
        .added_bytes = tree->added_bytes,
        .excluded = tree->scan.excluded,
        .skipped = tree->scan.skipped,
        .has_rules = tree->has_rules,
        .rules = tree->rules,
        .has_repositories = tree->has_repositories,
        .repositories = tree->repositories};
    DCHECK(opened->workspace.number != 0 && out->root.kind == FI_TREE_DIR);
    DCHECK(out->workspace_path.data[0] == '/');
    return fi_os_random(ws->os, out->id, sizeof out->id, err);
}

int
fi_ws_save_record(struct firn_ws *ws, struct fi_ws_opened *opened,
                  const struct fi_ws_save_request *request, const struct fi_ws_save_tree *tree,
                  struct fi_catalog_record *out, firn_error *err)
{
    struct fi_catalog_record record;
    CHECK(tree->session == NULL && tree->stat == NULL); /* sealed: all objects are durable (I1) */
    FI_TRY_RETURN(fi_ws_save_record_make(ws, opened, request, tree, &record, err));
    if (request->tree_path == NULL) {
        fi_place_git_read(ws->os, ws->place.root, &record.git);
    }
    FI_TRY_RETURN(set_parent(ws, opened, &record, err));
    FI_TRY_RETURN(fi_catalog_commit(opened->catalog, firn_str(ws->place.catalog_root),
                                    &opened->workspace, &record, tree->records_were_packed,
                                    request->joint, err));
    *out = record;
    return FIRN_OK;
}
