/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_view.c: what a view sees, written into another store.
 *
 * Each keyspace is one load (db_bulk.c): a cursor gives its keys in order, and they go straight into
 * runs of the deepest level, once. What the cursor gives has been resolved: of a key there is one
 * version, a put, or an expiring put that keeps its moment.
 *
 * There is one thing that a single version cannot say: a value that ends, and operands that were
 * merged upon it and stay, alone, when it has gone. Such a key is copied as it is: the value beneath
 * by the load, and the operands afterwards, as merges, because a load is newer than all that was
 * committed while it was open. They are found in a second walk, which is only made where the first
 * one has met such a key.
 *
 * What lies beneath a value that a cursor shows is found with a cursor over versions: of the key's
 * versions that the view sees, the newest ones are operands, down to an expiring put. Nothing among
 * them has been deleted, since the cursor showed a value that expires.
 */
#include "copy/copy_view.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "merge/merge_fold.h"
#include "store/db_internal.h"

/* Operands are committed in batches that have so many bytes, or a little more. */
enum { BATCH_BYTES = 1 << 20 };

struct copy {
    struct firn_db_view *from;
    struct firn_db *to;
    struct firn_storefile_progress *progress;
    firn_error *err;
};

/* One keyspace on its way. */
struct keyspace_copy {
    const struct copy *copy;
    struct firn_db_keyspace *to;
    struct firn_db_cursor *cursor;
    struct firn_lsm_cursor *versions;
    bool has_merged; /* operands upon a value that expires */

    /* Of the key that the cursor shows: */
    struct firn_buf base;     /* the expiring put beneath */
    struct firn_buf operands; /* the newest first, each with its size (4 bytes) behind it */
};

/* ---- what lies beneath a value that expires ---- */

static int
keep_operand(struct keyspace_copy *one, firn_slice operand)
{
    return firn_buf_append_slice(&one->operands, operand) == FIRN_OK
               ? firn_buf_append_le32(&one->operands, (uint32_t)operand.size)
               : FIRN_NO_MEMORY;
}

/* Takes one version of the key; *out_done at the expiring put. */
static int
take_version(struct keyspace_copy *one, const struct firn_entry *entry, bool *out_done,
             firn_error *err)
{
    int rc = FIRN_OK;
    if (!firn_view_sees(&one->copy->from->node.view, entry->sequence)) {
        return FIRN_OK;
    }
    if (entry->kind == FIRN_ENTRY_MERGE) {
        FIRN_TRY(firn_merge_fold_check_entry(entry->value, err));
        rc = keep_operand(one, entry->value);
    } else if (entry->kind == FIRN_ENTRY_EXPIRING) {
        FIRN_TRY(firn_lsm_cursor_read_value(one->versions, &one->base, err));
        *out_done = true;
    } else {
        return firn_error_set(err, FIRN_INTERNAL, "a value that expires has none beneath it");
    }
    if (rc != FIRN_OK) {
        rc = firn_error_no_memory(err, "the copy of a value");
    }
out:
    return rc;
}

/* Finds base and operands of the key on which the cursor stands. */
static int
find_beneath(struct keyspace_copy *one, firn_error *err)
{
    DCHECK(firn_db_cursor_valid(one->cursor));
    firn_slice key = firn_db_cursor_key(one->cursor);
    bool is_done = false;
    int rc;
    firn_buf_clear(&one->base);
    firn_buf_clear(&one->operands);
    FIRN_TRY(firn_lsm_cursor_seek(one->versions, key, err));
    while (!is_done) {
        if (!firn_lsm_cursor_valid(one->versions) ||
            firn_slice_compare(firn_lsm_cursor_entry(one->versions)->key, key) != 0) {
            rc = firn_error_set(err, FIRN_INTERNAL, "a value that expires has none beneath it");
            goto out;
        }
        FIRN_TRY(take_version(one, firn_lsm_cursor_entry(one->versions), &is_done, err));
        if (!is_done) {
            FIRN_TRY(firn_lsm_cursor_next(one->versions, err));
        }
    }
out:
    return rc;
}

/* ---- the first walk ---- */

static int
load_entry(struct keyspace_copy *one, struct firn_db_bulk *bulk, firn_error *err)
{
    firn_slice key = firn_db_cursor_key(one->cursor);
    firn_slice value = firn_db_cursor_value(one->cursor);
    DCHECK(firn_db_cursor_valid(one->cursor));
    int rc = FIRN_OK;
    if (firn_db_cursor_expires_ms(one->cursor) == 0) {
        rc = firn_db_bulk_put(bulk, key, value, err);
    } else {
        FIRN_TRY(find_beneath(one, err));
        one->has_merged |= one->operands.size > 0;
        rc = firn_db_bulk_put_expiring(bulk, key, firn_buf_slice(&one->base), err);
    }
    if (rc == FIRN_OK) {
        rc = firn_storefile_progress_step(one->copy->progress, 0, key.size + value.size, err);
    }
out:
    return rc;
}

static int
load_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_bulk *bulk;
    int rc;
    FIRN_TRY(firn_db_bulk_open(one->to, &bulk, err));
    FIRN_TRY(firn_db_cursor_first(one->cursor, err));
    while (firn_db_cursor_valid(one->cursor)) {
        FIRN_TRY(load_entry(one, bulk, err));
        FIRN_TRY(firn_db_cursor_next(one->cursor, err));
    }
    FIRN_TRY(firn_db_bulk_commit(bulk, err));
out:
    firn_db_bulk_close(bulk);
    return rc;
}

/* ---- the second walk ---- */

static int
write_batch(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    int rc = firn_db_write(one->copy->to, batch, FIRN_DURABILITY_OS, err);
    firn_db_batch_clear(batch);
    return rc;
}

static int
merge_operand(struct keyspace_copy *one, struct firn_db_batch *batch, firn_slice operand,
              firn_error *err)
{
    DCHECK(operand.size >= FIRN_ENTRY_MERGE_HEAD_SIZE);
    firn_slice key = firn_db_cursor_key(one->cursor);
    firn_merge_operator operation = (firn_merge_operator)operand.data[0];
    operand = firn_bytes(operand.data + FIRN_ENTRY_MERGE_HEAD_SIZE,
                         operand.size - FIRN_ENTRY_MERGE_HEAD_SIZE);
    int rc = firn_db_batch_merge(batch, one->to, key, operation, operand, err);
    if (rc == FIRN_INVALID && firn_db_batch_count(batch) > 0) {
        /* Behind an operand of another operator, which needs a commit of its own. */
        rc = write_batch(one, batch, err);
        rc = rc == FIRN_OK ? firn_db_batch_merge(batch, one->to, key, operation, operand, err) : rc;
    }
    return rc;
}

/* The oldest operand first. */
static int
merge_operands(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t end = one->operands.size; end > 0;) {
        DCHECK(end >= 4);
        size_t size = firn_load_le32(one->operands.data + end - 4);
        DCHECK(size + 4 <= end);
        end -= size + 4;
        FIRN_TRY(merge_operand(one, batch, firn_bytes(one->operands.data + end, size), err));
        if (firn_db_batch_size_bytes(batch) > BATCH_BYTES) {
            FIRN_TRY(write_batch(one, batch, err));
        }
    }
out:
    return rc;
}

static int
merge_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_batch *batch;
    int rc;
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(firn_db_cursor_first(one->cursor, err));
    while (firn_db_cursor_valid(one->cursor)) {
        if (firn_db_cursor_expires_ms(one->cursor) != 0) {
            FIRN_TRY(find_beneath(one, err));
            FIRN_TRY(merge_operands(one, batch, err));
        }
        FIRN_TRY(firn_storefile_progress_step(one->copy->progress, 0, 0, err));
        FIRN_TRY(firn_db_cursor_next(one->cursor, err));
    }
    FIRN_TRY(write_batch(one, batch, err));
out:
    firn_db_batch_destroy(batch);
    return rc;
}

/* ---- keyspaces ---- */

static int
open_versions(struct keyspace_copy *one, const struct firn_db_keyspace *from, firn_error *err)
{
    const struct firn_db_view_node *node = &one->copy->from->node;
    const struct firn_lsm_cursor_options options = {.only = &node->view};
    struct firn_db_tree *tree;
    int rc = firn_db_get_tree(from, node->image, &node->view, &tree, err);
    return rc == FIRN_OK && tree != NULL
               ? firn_lsm_cursor_create(tree->lsm_tree, &options, &one->versions, err)
               : rc;
}

static int
copy_keyspace(const struct copy *copy, const char *name, firn_error *err)
{
    const struct firn_db_cursor_options options = {.view = copy->from};
    struct keyspace_copy one = {.copy = copy};
    struct firn_db_keyspace *from;
    int rc;
    FIRN_TRY(firn_db_view_keyspace_open(copy->from, name, &from, err));
    FIRN_TRY(firn_db_keyspace_open(copy->to, name, &one.to, err));
    FIRN_TRY(firn_db_cursor_open(from, &options, &one.cursor, err));
    FIRN_TRY(open_versions(&one, from, err));
    FIRN_TRY(load_all(&one, err));
    if (one.has_merged) {
        FIRN_TRY(merge_all(&one, err));
    }
out:
    firn_lsm_cursor_destroy(one.versions);
    firn_db_cursor_close(one.cursor);
    firn_buf_deinit(&one.base);
    firn_buf_deinit(&one.operands);
    return rc;
}

static int
visit_name(void *ctx, const char *name)
{
    const struct copy *copy = ctx;
    return firn_db_keyspace_is_system(firn_str(name)) ? FIRN_OK
                                                      : copy_keyspace(copy, name, copy->err);
}

int
firn_copy_view(struct firn_db_view *view, struct firn_db *to,
               struct firn_storefile_progress *progress, firn_error *err)
{
    struct copy copy = {.from = view, .to = to, .progress = progress, .err = err};
    int rc = firn_storefile_progress_begin(progress, "read", 0, 0, err);
    return rc == FIRN_OK ? firn_db_view_keyspace_list(view, visit_name, &copy, err) : rc;
}
