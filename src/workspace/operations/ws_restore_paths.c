/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_paths.c: restores of some paths.
 *
 * Such a restore makes a tree of what is on the disk, with the paths as the checkpoint has them
 * (difference_graft.c), and restores that tree at the paths, as a revert restores the tree that it
 * has merged (ws_restore_in_place.c). A path whose directory is not there becomes that directory.
 * The tree becomes a safety checkpoint, and so a state of the undo line: the next undo goes to the
 * state before it, a redo to it, and whatever goes further finds a whole state.
 *
 * A file may get a content that is given, in place of the checkpoint's: some hunks of it. Then the
 * tree has the file as it is on the disk, with this content, which is added to the pack of the
 * scan. The caller has compared what was on the disk: if the scan finds another content, nothing
 * is restored (I1; tested, not asserted).
 *
 * An interrupted restore is finished from its journal, whose target is the tree. A version without
 * this step had the checkpoint itself as the target, which is older than the safety checkpoint; to
 * that a restore of paths is no step (ws_undo_line.c).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "operations/operations_internal.h"

_Static_assert((int)FIRN_WORKSPACE_CONTENT_SIZE_MAX <= (int)FI_SCAN_LARGE_SIZE,
               "what is given is a whole object");

struct grafting {
    struct fi_ws_restoring *restoring;
    const struct fi_tree_source *trees;
    struct fi_catalog_record theirs; /* the checkpoint */
    struct fi_objects_session_lane *lane;
    firn_hash root;
    struct fi_difference_merge_counts counts;
    size_t placed; /* of the contents that are given */
};

static int
put_object(void *ctx, const struct fi_objects_object *object, firn_error *err)
{
    struct grafting *grafting = ctx;
    bool is_new;
    return fi_objects_session_lane_add(grafting->lane, object, &is_new, err);
}

/* The content that is given for a path; NULL: none. The walk meets them in the order in which a
 * comparison does, so the next one is looked at first. */
static const firn_workspace_content *
find_content(const struct grafting *grafting, firn_slice path)
{
    const firn_workspace_restore_options *options = grafting->restoring->options;
    for (size_t i = 0; i < options->content_count; i++) {
        size_t at = (grafting->placed + i) % options->content_count;
        if (fi_slice_equal(options->contents[at].path, path)) {
            return &options->contents[at];
        }
    }
    return NULL;
}

static int
refuse_changed(firn_slice path, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT, "'%.*s' was changed meanwhile: run it again",
                        (int)(path.size < 256 ? path.size : 256), (const char *)path.data);
}

static int
replace_content(void *ctx, firn_slice path, const struct fi_tree_entry *ours,
                struct fi_tree_entry *entry, firn_error *err)
{
    struct grafting *grafting = ctx;
    const firn_workspace_content *given = find_content(grafting, path);
    if (given == NULL) {
        return FIRN_OK;
    }
    if (ours == NULL || ours->kind != FI_TREE_FILE ||
        !fi_hash_equal(&ours->hash, &given->expected)) { /* (I1) */
        return refuse_changed(path, err);
    }
    struct fi_objects_object object = {.kind = FI_PACK_BLOB, .content = given->content};
    fi_blake3_hash_of(given->content.data, given->content.size, &object.hash);
    *entry = *ours;
    entry->hard_link = firn_bytes(NULL, 0);
    entry->hash = object.hash;
    entry->size = given->content.size;
    entry->mtime_ns = fi_os_now_ns(grafting->restoring->ws->os);
    grafting->placed++;
    return put_object(ctx, &object, err);
}

/* Shortens a path that is to be restored to the uppermost directory that is not there: the restore
 * makes that, too, with all of its attributes, and its undo removes it. */
static int
ws_restore_paths_widen(struct fi_tree_lookup *ours, struct fi_tree_lookup *theirs,
                       struct fi_ws_restore_unsaved *unsaved, firn_slice *path, firn_error *err)
{
    const struct fi_tree_entry *entry;
    size_t size;
    FI_TRY_RETURN(fi_tree_lookup_find(theirs, *path, &entry, err));
    for (size_t end = 1; entry != NULL && end < path->size; end++) {
        const firn_slice above = firn_bytes(path->data, end);
        if (path->data[end] != '/') {
            continue;
        }
        FI_TRY_RETURN(fi_tree_lookup_find(ours, above, &entry, err));
        if (entry == NULL &&
            fi_ws_restore_unsaved_why(unsaved, above, &size) == FI_CHECKOUT_SAVED) {
            path->size = end;
        }
    }
    return FIRN_OK;
}

static int
widen_all(struct grafting *grafting, const struct fi_tree_source *source,
          const struct fi_ws_save_tree *tree, struct fi_ws_restore_unsaved *unsaved,
          firn_error *err)
{
    struct fi_tree_filter *filter = &grafting->restoring->filter;
    struct fi_tree_lookup ours;
    struct fi_tree_lookup theirs;
    int rc = FIRN_OK;
    fi_tree_lookup_init(&ours, source, &tree->scan.root.hash);
    fi_tree_lookup_init(&theirs, grafting->trees, &grafting->theirs.root.hash);
    for (size_t i = 0; rc == FIRN_OK && i < filter->count; i++) {
        rc = ws_restore_paths_widen(&ours, &theirs, unsaved, &filter->paths[i], err);
    }
    fi_tree_lookup_deinit(&ours);
    fi_tree_lookup_deinit(&theirs);
    return rc;
}

/* The new directories go into the pack of the scan. */
static int
graft(void *ctx, struct fi_ws_save_tree *tree, struct fi_ws_restore_unsaved *unsaved,
      firn_error *err)
{
    struct grafting *grafting = ctx;
    const struct fi_tree_source ours = fi_ws_save_tree_source(tree, grafting->trees);
    const struct fi_difference_graft_options options = {
        .ours = {.source = &ours, .root = &tree->scan.root},
        .theirs = {.source = grafting->trees, .root = &grafting->theirs.root},
        .filter = &grafting->restoring->filter,
        .put = put_object,
        .replace = grafting->restoring->options->content_count > 0 ? replace_content : NULL,
        .ctx = grafting};
    int rc = fi_objects_session_lane_open(tree->session, &grafting->lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_difference_graft(&options, &grafting->root, err);
    if (rc == FIRN_OK && grafting->placed < grafting->restoring->options->content_count) {
        const firn_workspace_content *first = grafting->restoring->options->contents;
        rc = refuse_changed(first->path, err); /* one of them is gone */
    }
    rc = rc == FIRN_OK ? widen_all(grafting, &ours, tree, unsaved, err) : rc;
    int close_rc =
        fi_objects_session_lane_close(grafting->lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

/* Adds an entry to the counts, or with -1 takes it away. */
static void
count_entry(struct fi_difference_merge_counts *counts, const struct fi_tree_entry *entry,
            uint64_t by)
{
    if (entry == NULL) {
        return;
    }
    if (entry->kind == FI_TREE_DIR) {
        counts->directories += by;
    } else {
        counts->files += by;
        counts->bytes += entry->hard_link.size == 0 ? by * entry->size : 0;
    }
}

static int
count_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct grafting *grafting = ctx;
    (void)err;
    count_entry(&grafting->counts, change->before, UINT64_MAX);
    count_entry(&grafting->counts, change->after, 1);
    return FIRN_OK;
}

static int
ws_restore_paths_make(void *ctx, const struct fi_ws_save_tree *tree, struct fi_ws_restore_made *out,
                      firn_error *err)
{
    struct grafting *grafting = ctx;
    const struct fi_difference_walk_options options = {0};
    *out = (struct fi_ws_restore_made){.root = tree->scan.root};
    out->root.hash = grafting->root;
    const struct fi_difference_walk_side before = {.source = grafting->trees,
                                                   .root = &tree->scan.root};
    const struct fi_difference_walk_side after = {.source = grafting->trees, .root = &out->root};
    grafting->counts = (struct fi_difference_merge_counts){.files = tree->scan.files,
                                                           .directories = tree->scan.directories,
                                                           .bytes = tree->scan.bytes};
    int rc = fi_difference_walk(&before, &after, &options, count_change, grafting, err);
    out->counts = grafting->counts;
    return rc;
}

/* "restoring a and 2 others from 12" */
static int
ws_restore_paths_compose(const struct fi_ws_restoring *restoring, const char *name,
                         struct fi_buf *out)
{
    enum { SHOWN_MAX = 512 };
    const firn_slice first = restoring->paths[0];
    const size_t others = restoring->path_count - 1;
    char more[48] = "";
    char from[FI_WS_RESTORING_NAME_SIZE + 8];
    if (others > 0) {
        (void)snprintf(more, sizeof more, " and %zu other%s", others, others == 1 ? "" : "s");
    }
    (void)snprintf(from, sizeof from, " from %s", name);
    FI_TRY_RETURN(fi_buf_append_str(out, "restoring "));
    FI_TRY_RETURN(first.size <= SHOWN_MAX ? fi_buf_append_slice(out, first)
                                          : fi_buf_append_str(out, "a path"));
    FI_TRY_RETURN(fi_buf_append_str(out, more));
    return fi_buf_append_str(out, from);
}

int
fi_ws_restore_paths(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct grafting grafting = {.restoring = restoring,
                                .trees = fi_objects_trees(restoring->opened->objects),
                                .theirs = restoring->record};
    struct fi_buf message = {0};
    char name[FI_WS_RESTORING_NAME_SIZE];
    char doing[sizeof name + 16];
    int rc;
    DCHECK(restoring->filter.count > 0);
    restoring->paths = restoring->filter.paths; /* clean ones */
    restoring->path_count = restoring->filter.count;
    fi_ws_restoring_name(&restoring->record, name);
    (void)snprintf(doing, sizeof doing, "restoring %s", name);
    FI_TRY(ws_restore_paths_compose(restoring, name, &message) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a message"));
    const struct fi_ws_restore_target target = {.doing = doing,
                                                .message = fi_buf_slice(&message),
                                                .check = graft,
                                                .make = ws_restore_paths_make,
                                                .ctx = &grafting};
    restoring->target = &target;
    rc = fi_ws_restore_in_place(restoring, err);
    restoring->target = NULL;
out:
    fi_buf_deinit(&message);
    return rc;
}
