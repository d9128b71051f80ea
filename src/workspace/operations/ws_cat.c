/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_cat.c: the content of one file of a checkpoint, as a stream.
 *
 * The path is resolved in the tree of the checkpoint, never on the disk, and no link is followed.
 * The caller gets the content in the pieces in which it is stored, each verified by its hash first;
 * a hole is passed as zeros from one block. So memory is a few frames of the pack, for files of any
 * size.
 *
 * Damage in a later piece is found when earlier ones have been passed on already: the call then
 * fails, and what the caller got until then is correct.
 */
#include "base/check.h"
#include "base/mem.h"
#include "handle/ws_opened.h"
#include "operations/operations_internal.h"
#include "tree/tree.h"

enum { SCRATCH_FRAMES = 4, ZEROS_FOR_WORK = 2 };

struct cat {
    struct fi_budget *budget;
    firn_write_bytes write;
    void *ctx;
    uint64_t at; /* passed to the caller up to here */
};

static int
hand_over(struct cat *cat, firn_slice data, firn_error *err)
{
    cat->at += data.size;
    return cat->write(cat->ctx, data, err);
}

static int
take_piece(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct cat *cat = ctx;
    DCHECK(offset == cat->at); /* in order, and without a gap */
    if (data.data != NULL) {
        return hand_over(cat, data, err);
    }
    int rc = FIRN_OK;
    for (size_t left = data.size; left > 0 && rc == FIRN_OK;) {
        size_t size = left < FI_ZEROS_SIZE ? left : FI_ZEROS_SIZE;
        rc = fi_budget_spend(cat->budget, size / ZEROS_FOR_WORK, err);
        rc = rc == FIRN_OK ? hand_over(cat, firn_bytes(fi_zeros(), size), err) : rc;
        left -= size;
    }
    return rc;
}

int
fi_ws_cat_stream(struct fi_ws_opened *opened, struct fi_pack_scratch *scratch,
                 const firn_hash *hash, uint64_t size_bytes, firn_write_bytes write, void *ctx,
                 firn_error *err)
{
    struct cat cat = {.budget = fi_objects_budget(opened->objects), .write = write, .ctx = ctx};
    int rc = fi_objects_stream(opened->objects, scratch, hash, size_bytes, take_piece, &cat, err);
    DCHECK(rc != FIRN_OK || cat.at == size_bytes);
    return rc;
}

/* FIRN_OK for a file; otherwise the message names what is there instead. */
static int
check_is_file(firn_slice path, const struct fi_tree_entry *entry, firn_error *err)
{
    int shown = (int)(path.size < 256 ? path.size : 256);
    const char *name = (const char *)path.data;
    if (entry == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "'%.*s' is not in the checkpoint", shown, name);
    }
    switch (entry->kind) {
    case FI_TREE_DIR:
        return fi_error_set(err, FIRN_INVALID, "'%.*s' is a directory, not a file", shown, name);
    case FI_TREE_SYMLINK:
        return fi_error_set(err, FIRN_INVALID, "'%.*s' is a symbolic link to '%.*s', not a file",
                            shown, name, (int)(entry->target.size < 256 ? entry->target.size : 256),
                            (const char *)entry->target.data);
    case FI_TREE_FILE:
        break;
    }
    return FIRN_OK;
}

/* Checks the path by the rules for all paths; *out is the normalised one. */
static int
clean_path(firn_slice path, firn_slice *out, firn_error *err)
{
    struct fi_tree_filter filter;
    FI_TRY_RETURN(fi_tree_filter_init(&filter, &path, 1, err));
    *out = filter.count == 0 ? firn_bytes(NULL, 0) : filter.paths[0];
    fi_tree_filter_deinit(&filter);
    return FIRN_OK;
}

int
fi_ws_cat_find(struct fi_tree_lookup *lookup, firn_slice path, firn_workspace_entry *out,
               firn_error *err)
{
    const struct fi_tree_entry *entry;
    FI_TRY_RETURN(clean_path(path, &path, err));
    if (path.size == 0) {
        return fi_error_set(err, FIRN_INVALID, "the root is a directory, not a file");
    }
    FI_TRY_RETURN(fi_tree_lookup_find(lookup, path, &entry, err));
    FI_TRY_RETURN(check_is_file(path, entry, err));
    fi_difference_walk_to_info(path, entry, out);
    return FIRN_OK;
}

static int
ws_cat_stream(struct firn_ws *ws, struct fi_ws_opened *opened,
              const struct fi_catalog_record *record, firn_slice path, firn_write_bytes write,
              void *ctx, firn_workspace_entry **out, firn_error *err)
{
    struct fi_pack_scratch *scratch = NULL;
    struct fi_tree_lookup lookup = {0};
    firn_workspace_entry info;
    int rc;
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &scratch, err));
    fi_tree_lookup_init(&lookup, fi_objects_trees(opened->objects), &record->root.hash);
    FI_TRY(fi_ws_cat_find(&lookup, path, &info, err));
    FI_TRY(fi_ws_given_entry(ws, &info, out, err));
    rc = fi_ws_cat_stream(opened, scratch, &info.hash, info.size_bytes, write, ctx, err);
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "%.*s", (int)(path.size < 256 ? path.size : 256),
                        (const char *)path.data);
    }
out:
    fi_tree_lookup_deinit(&lookup);
    fi_pack_scratch_destroy(scratch);
    return rc;
}

int
fi_ws_cat(struct firn_ws *ws, const char *reference, firn_slice path, firn_write_bytes write,
          void *ctx, firn_workspace_entry **out, firn_error *err)
{
    *out = NULL;
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_own;
    rc = fi_ws_find_any(ws, &opened, reference, &record, &is_own, err);
    if (rc == FIRN_OK) {
        rc = ws_cat_stream(ws, &opened, &record, path, write, ctx, out, err);
    }
    return fi_ws_opened_close(ws, &opened, rc, err);
}
