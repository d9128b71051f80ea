/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_cursor.c: walking the keys of a keyspace as a snapshot sees them.
 *
 * The walk itself is a cursor of lsm/, over the memtables and runs as they were when it was
 * created. This file adds the snapshot, which is registered while the cursor is open, and the
 * bounds.
 *
 * Bounds. The prefix is turned into bounds: keys with the prefix begin at the prefix itself and end
 * before the smallest string that is greater than all of them. That string is the prefix without
 * its trailing 0xff bytes, with its last byte increased; a prefix of only 0xff bytes has none.
 * Lower is the larger of the lower bounds, upper the smaller of the upper ones; the range is empty
 * if upper is not above lower.
 *
 * A cursor of a transaction also shows what that has written: then the overlay does all moves and
 * lookups (struct fi_db_cursor_overlay).
 *
 * (I1) `inner` is NULL if there is nothing to walk: an empty range, or a keyspace that the snapshot
 *      does not have. Such a cursor is never valid.
 */
#include "base/check.h"
#include "reading/db_reading_handle.h"

#include "base/mem.h"
#include "base/slice.h"

struct firn_db_cursor {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct fi_lsm_cursor *inner;          /* (I1) */
    struct fi_db_cursor_overlay *overlay; /* of a transaction: it moves inner; else NULL */
    struct fi_db_snapshot_node node;
    bool has_upper;
    bool keys_only;
    const struct fi_run_projection *projection; /* NULL: all */
    struct fi_buf lower;
    struct fi_buf upper;
};

/* ---- bounds ---- */

/* Sets upper to the smallest string after all that begin with prefix; has_upper is false if there
 * is none. */
static int
set_prefix_end(struct firn_db_cursor *cursor, firn_slice prefix)
{
    size_t size = prefix.size;
    DCHECK(!cursor->has_upper && cursor->upper.size == 0);
    while (size > 0 && prefix.data[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        return FIRN_OK;
    }
    if (fi_buf_append(&cursor->upper, prefix.data, size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    cursor->upper.data[size - 1]++;
    DCHECK(fi_slice_compare(fi_buf_slice(&cursor->upper), prefix) > 0);
    cursor->has_upper = true;
    return FIRN_OK;
}

static int
set_bounds(struct firn_db_cursor *cursor, const struct fi_db_cursor_options *options)
{
    firn_slice lower = firn_bytes(NULL, 0);
    if (options->lower != NULL) {
        lower = *options->lower;
    }
    if (options->prefix != NULL) {
        if (fi_slice_compare(*options->prefix, lower) > 0) {
            lower = *options->prefix;
        }
        if (set_prefix_end(cursor, *options->prefix) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
    }
    if (options->upper != NULL &&
        (!cursor->has_upper ||
         fi_slice_compare(*options->upper, fi_buf_slice(&cursor->upper)) < 0)) {
        fi_buf_clear(&cursor->upper);
        if (fi_buf_append_slice(&cursor->upper, *options->upper) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        cursor->has_upper = true;
    }
    return fi_buf_append_slice(&cursor->lower, lower);
}

static bool
is_empty_range(const struct firn_db_cursor *cursor)
{
    return cursor->has_upper &&
           fi_slice_compare(fi_buf_slice(&cursor->lower), fi_buf_slice(&cursor->upper)) >= 0;
}

/* ---- opening and closing ---- */

static void
destroy_overlay(struct firn_db_cursor *cursor)
{
    if (cursor->overlay != NULL) {
        cursor->overlay->kind->destroy(cursor->overlay);
        cursor->overlay = NULL;
    }
}

static void
db_cursor_destroy(struct fi_db_snapshot_node *node)
{
    struct firn_db_cursor *cursor = (void *)((char *)node - offsetof(struct firn_db_cursor, node));
    destroy_overlay(cursor);
    fi_lsm_cursor_destroy(cursor->inner);
    fi_buf_deinit(&cursor->lower);
    fi_buf_deinit(&cursor->upper);
    fi_free(cursor);
}

/* A cursor with nothing to walk so far; its snapshot is registered. */
static int
db_cursor_create(struct firn_db *db, const struct fi_db_tree *tree, bool is_outside,
                 const struct fi_db_cursor_options *options, struct firn_db_cursor **out,
                 firn_error *err)
{
    struct firn_db_cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    fi_os_process_init_mark(&cursor->mark);
    cursor->db = db;
    cursor->keys_only = options != NULL && options->keys_only;
    cursor->projection = options != NULL ? options->projection : NULL;
    cursor->node.destroy = db_cursor_destroy;
    if (options != NULL && set_bounds(cursor, options) != FIRN_OK) {
        db_cursor_destroy(&cursor->node);
        return fi_error_no_memory(err, "a cursor");
    }
    if (options != NULL && options->snapshot != NULL) {
        fi_db_snapshot_register_at(db, &cursor->node, tree, &options->snapshot->node, is_outside);
    } else {
        fi_db_snapshot_register(db, &cursor->node, tree, is_outside);
    }
    *out = cursor;
    return FIRN_OK;
}

static int
open_inner(struct firn_db_cursor *cursor, struct fi_db_tree *tree, firn_error *err)
{
    DCHECK(cursor->inner == NULL && cursor->node.image != NULL); /* (I1) */
    if (tree == NULL || is_empty_range(cursor)) {
        return FIRN_OK;
    }
    const firn_slice lower = fi_buf_slice(&cursor->lower);
    const firn_slice upper = fi_buf_slice(&cursor->upper);
    const struct fi_lsm_cursor_options options = {
        .snapshot = &cursor->node.snapshot,
        .lower = lower.size > 0 ? &lower : NULL,
        .upper = cursor->has_upper ? &upper : NULL,
        .time_ms = cursor->node.time_ms,
        .keys_only = cursor->keys_only,
        .projection = cursor->projection,
    };
    return fi_lsm_cursor_create(tree->lsm_tree, &options, &cursor->inner, err);
}

/* Refuses a cursor of now over a keyspace that does not exist now, which includes one that was
 * created after the checkpoint that was restored. */
static int
refuse_out(const struct firn_db_keyspace *keyspace, const struct fi_db_cursor_options *options,
           firn_error *err)
{
    bool is_now = options == NULL || options->snapshot == NULL;
    return is_now && keyspace->tree != NULL &&
                   atomic_load_explicit(&keyspace->tree->is_out, memory_order_acquire)
               ? fi_db_get_refuse_dropped(keyspace, err)
               : FIRN_OK;
}

int
fi_db_cursor_open(struct firn_db_keyspace *keyspace, const struct fi_db_cursor_options *options,
                  struct firn_db_cursor **out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    struct firn_db_cursor *cursor = NULL;
    struct fi_db_cursor_options now;
    struct fi_db_tree *tree;
    int rc;
    *out = NULL;
    if (options != NULL && options->snapshot != NULL && options->snapshot->db != db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    }
    if (options != NULL && keyspace->is_system) {
        now = *options;
        now.snapshot = NULL;
        options = &now;
    }
    FI_TRY(db_cursor_create(db, keyspace->tree, keyspace->is_system, options, &cursor, err));
    FI_TRY(refuse_out(keyspace, options, err));
    FI_TRY(fi_db_get_tree(keyspace, cursor->node.image, &cursor->node.snapshot, &tree, err));
    FI_TRY(open_inner(cursor, tree, err));
    *out = cursor;
    cursor = NULL;
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_db_cursor_open_overlaid(struct firn_db_keyspace *keyspace,
                           const struct fi_db_cursor_options *options,
                           fi_db_cursor_overlay_make *make, void *ctx, struct firn_db_cursor **out,
                           firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_db_cursor_open(keyspace, options, &cursor, err));
    const firn_slice upper = fi_buf_slice(&cursor->upper);
    const struct fi_db_cursor_base base = {.keyspace = keyspace,
                                           .inner = cursor->inner,
                                           .lower = fi_buf_slice(&cursor->lower),
                                           .upper = cursor->has_upper ? &upper : NULL};
    DCHECK(cursor->overlay == NULL);
    FI_TRY(make(ctx, &base, &cursor->overlay, err));
    *out = cursor;
    cursor = NULL;
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_db_cursor_open_list(struct firn_db *db, bool is_outside,
                       const struct fi_db_cursor_options *options, struct firn_db_cursor **out,
                       firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    const struct fi_db_tree *tree = db->is_read_only ? NULL : fi_db_image(db)->list;
    int rc;
    *out = NULL;
    FI_TRY(db_cursor_create(db, tree, is_outside, options, &cursor, err));
    FI_TRY(open_inner(cursor, cursor->node.image->list, err));
    *out = cursor;
    cursor = NULL;
out:
    fi_db_cursor_close(cursor);
    return rc;
}

void
fi_db_cursor_close(struct firn_db_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    destroy_overlay(cursor);
    fi_lsm_cursor_destroy(cursor->inner);
    cursor->inner = NULL;
    struct firn_db *db = cursor->db;
    fi_db_snapshot_unregister(db, &cursor->node);
    db_cursor_destroy(&cursor->node);
    fi_db_jobs_wake_collection(db);
}

/* ---- moving ---- */

int
fi_db_cursor_seek(struct firn_db_cursor *cursor, firn_slice key, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->seek(cursor->overlay, key, err);
    }
    return cursor->inner == NULL ? FIRN_OK : fi_lsm_cursor_seek(cursor->inner, key, err);
}

int
fi_db_cursor_seek_before(struct firn_db_cursor *cursor, firn_slice key, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->seek_before(cursor->overlay, key, err);
    }
    return cursor->inner == NULL ? FIRN_OK : fi_lsm_cursor_seek_before(cursor->inner, key, err);
}

int
fi_db_cursor_first(struct firn_db_cursor *cursor, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->first(cursor->overlay, err);
    }
    return cursor->inner == NULL ? FIRN_OK : fi_lsm_cursor_first(cursor->inner, err);
}

int
fi_db_cursor_last(struct firn_db_cursor *cursor, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->last(cursor->overlay, err);
    }
    return cursor->inner == NULL ? FIRN_OK : fi_lsm_cursor_last(cursor->inner, err);
}

static int
refuse_invalid(firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE, "the cursor stands on no entry");
}

int
fi_db_cursor_next(struct firn_db_cursor *cursor, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->next(cursor->overlay, err);
    }
    return fi_db_cursor_valid(cursor) ? fi_lsm_cursor_next(cursor->inner, err)
                                      : refuse_invalid(err);
}

int
fi_db_cursor_prev(struct firn_db_cursor *cursor, firn_error *err)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->prev(cursor->overlay, err);
    }
    return fi_db_cursor_valid(cursor) ? fi_lsm_cursor_prev(cursor->inner, err)
                                      : refuse_invalid(err);
}

bool
fi_db_cursor_valid(const struct firn_db_cursor *cursor)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->valid(cursor->overlay);
    }
    return cursor->inner != NULL && fi_lsm_cursor_valid(cursor->inner);
}

/* Whether the entry at inner may be shown. */
static bool
is_within(const struct firn_db_cursor *cursor)
{
    firn_slice key = fi_lsm_cursor_entry(cursor->inner)->key;
    return fi_slice_compare(key, fi_buf_slice(&cursor->lower)) >= 0 &&
           (!cursor->has_upper || fi_slice_compare(key, fi_buf_slice(&cursor->upper)) < 0);
}

firn_slice
fi_db_cursor_key(const struct firn_db_cursor *cursor)
{
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->key(cursor->overlay);
    }
    DCHECK(!fi_db_cursor_valid(cursor) || is_within(cursor));
    return fi_db_cursor_valid(cursor) ? fi_lsm_cursor_entry(cursor->inner)->key
                                      : firn_bytes(NULL, 0);
}

firn_slice
fi_db_cursor_value(const struct firn_db_cursor *cursor)
{
    if (cursor->keys_only) {
        return firn_bytes(NULL, 0);
    }
    if (cursor->overlay != NULL) {
        return cursor->overlay->kind->value(cursor->overlay);
    }
    return fi_db_cursor_valid(cursor) ? fi_lsm_cursor_entry(cursor->inner)->value
                                      : firn_bytes(NULL, 0);
}

uint64_t
fi_db_cursor_expires_ms(const struct firn_db_cursor *cursor)
{
    return cursor->inner == NULL ? 0 : fi_lsm_cursor_expires_ms(cursor->inner);
}
