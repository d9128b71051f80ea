/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_snapshot.c: copies what a snapshot sees to another store.
 *
 * Each keyspace is one load (db_bulk.c): a cursor returns its keys in order, and they go directly
 * to runs of the deepest level. What the cursor returns is resolved: a key has one version, a put,
 * or an expiring put that keeps its time of expiry.
 *
 * One case cannot be expressed by a single version: a value that expires, with merge operands on
 * top that stay after it has expired. Such a key is copied as it is: the value by the load, and the
 * operands afterwards, as merges, because a load is newer than everything that was committed while
 * it was open. A second walk finds the operands; it is done only if the first one has met such a
 * key.
 *
 * The value below the operands is found with a cursor over versions: of the key's versions that the
 * snapshot sees, the newest ones are operands, down to an expiring put. None of them is a delete,
 * since the cursor showed a value that expires.
 */
#include "copy/copy_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "merge/merge.h"
#include "store/db_store_handle.h"

/* Operands are committed in batches of this many bytes, or a little more. */
enum { BATCH_BYTES = 1 << 20 };

struct copy {
    struct firn_snapshot *from;
    struct firn_db *to;
    struct fi_storefile_progress *progress;
    firn_error *err;
};

/* The copy of one keyspace. */
struct keyspace_copy {
    const struct copy *copy;
    struct firn_db_keyspace *to;
    struct firn_db_cursor *cursor;
    struct fi_lsm_cursor *versions;
    bool has_merged; /* a key had operands on a value that expires */

    /* Of the key that the cursor shows: */
    struct fi_buf base;     /* the expiring put below */
    struct fi_buf operands; /* newest first, each followed by its size (4 bytes) */
};

/* ---- the versions of a value that expires ---- */

static int
keep_operand(struct keyspace_copy *one, firn_slice operand)
{
    return fi_buf_append_slice(&one->operands, operand) == FIRN_OK
               ? fi_buf_append_le32(&one->operands, (uint32_t)operand.size)
               : FIRN_NO_MEMORY;
}

/* Takes one version of the key; *out_done at the expiring put. */
static int
take_version(struct keyspace_copy *one, const struct fi_entry *entry, bool *out_done,
             firn_error *err)
{
    int rc = FIRN_OK;
    if (!fi_snapshot_sees(&one->copy->from->node.snapshot, entry->sequence)) {
        return FIRN_OK;
    }
    if (entry->kind == FI_ENTRY_MERGE) {
        FI_TRY(fi_merge_fold_check_entry(entry->value, err));
        rc = keep_operand(one, entry->value);
    } else if (entry->kind == FI_ENTRY_EXPIRING) {
        FI_TRY(fi_lsm_cursor_read_value(one->versions, &one->base, err));
        *out_done = true;
    } else {
        return fi_error_set(err, FIRN_INTERNAL, "an expiring value has no version below it");
    }
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "the copy of a value");
    }
out:
    return rc;
}

/* Finds base and operands of the key at the cursor. */
static int
find_below(struct keyspace_copy *one, firn_error *err)
{
    DCHECK(fi_db_cursor_valid(one->cursor));
    firn_slice key = fi_db_cursor_key(one->cursor);
    bool is_done = false;
    fi_buf_clear(&one->base);
    fi_buf_clear(&one->operands);
    FI_TRY_RETURN(fi_lsm_cursor_seek(one->versions, key, err));
    while (!is_done) {
        if (!fi_lsm_cursor_valid(one->versions) ||
            fi_slice_compare(fi_lsm_cursor_entry(one->versions)->key, key) != 0) {
            return fi_error_set(err, FIRN_INTERNAL, "an expiring value has no version below it");
        }
        FI_TRY_RETURN(take_version(one, fi_lsm_cursor_entry(one->versions), &is_done, err));
        if (!is_done) {
            FI_TRY_RETURN(fi_lsm_cursor_next(one->versions, err));
        }
    }
    return FIRN_OK;
}

/* ---- the first walk ---- */

static int
load_entry(struct keyspace_copy *one, struct firn_db_bulk *bulk, firn_error *err)
{
    firn_slice key = fi_db_cursor_key(one->cursor);
    firn_slice value = fi_db_cursor_value(one->cursor);
    DCHECK(fi_db_cursor_valid(one->cursor));
    int rc = FIRN_OK;
    if (fi_db_cursor_expires_ms(one->cursor) == 0) {
        rc = fi_db_bulk_put(bulk, key, value, err);
    } else {
        FI_TRY(find_below(one, err));
        one->has_merged |= one->operands.size > 0;
        rc = fi_db_bulk_put_expiring(bulk, key, fi_buf_slice(&one->base), err);
    }
    if (rc == FIRN_OK) {
        rc = fi_storefile_progress_step(one->copy->progress, 0, key.size + value.size, err);
    }
out:
    return rc;
}

static int
load_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_bulk *bulk;
    int rc;
    FI_TRY(fi_db_bulk_open(one->to, &bulk, err));
    FI_TRY(fi_db_cursor_first(one->cursor, err));
    while (fi_db_cursor_valid(one->cursor)) {
        FI_TRY(load_entry(one, bulk, err));
        FI_TRY(fi_db_cursor_next(one->cursor, err));
    }
    FI_TRY(fi_db_bulk_commit(bulk, err));
out:
    fi_db_bulk_close(bulk);
    return rc;
}

/* ---- the second walk ---- */

static int
write_batch(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    int rc = fi_db_write(one->copy->to, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static int
merge_operand(struct keyspace_copy *one, struct firn_db_batch *batch, firn_slice operand,
              firn_error *err)
{
    DCHECK(operand.size >= FI_ENTRY_MERGE_HEAD_SIZE);
    firn_slice key = fi_db_cursor_key(one->cursor);
    firn_merge_operator operation = (firn_merge_operator)operand.data[0];
    operand = firn_bytes(operand.data + FI_ENTRY_MERGE_HEAD_SIZE,
                         operand.size - FI_ENTRY_MERGE_HEAD_SIZE);
    int rc = fi_db_batch_merge(batch, one->to, key, operation, operand, err);
    if (rc == FIRN_INVALID && fi_db_batch_count(batch) > 0) {
        /* It follows an operand of another operator, and needs a commit of its own. */
        rc = write_batch(one, batch, err);
        rc = rc == FIRN_OK ? fi_db_batch_merge(batch, one->to, key, operation, operand, err) : rc;
    }
    return rc;
}

/* Oldest operand first. */
static int
merge_operands(struct keyspace_copy *one, struct firn_db_batch *batch, firn_error *err)
{
    for (size_t end = one->operands.size; end > 0;) {
        DCHECK(end >= 4);
        size_t size = fi_load_le32(one->operands.data + end - 4);
        DCHECK(size + 4 <= end);
        end -= size + 4;
        FI_TRY_RETURN(merge_operand(one, batch, firn_bytes(one->operands.data + end, size), err));
        if (fi_db_batch_size_bytes(batch) > BATCH_BYTES) {
            FI_TRY_RETURN(write_batch(one, batch, err));
        }
    }
    return FIRN_OK;
}

static int
merge_all(struct keyspace_copy *one, firn_error *err)
{
    struct firn_db_batch *batch;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_db_cursor_first(one->cursor, err));
    while (fi_db_cursor_valid(one->cursor)) {
        if (fi_db_cursor_expires_ms(one->cursor) != 0) {
            FI_TRY(find_below(one, err));
            FI_TRY(merge_operands(one, batch, err));
        }
        FI_TRY(fi_storefile_progress_step(one->copy->progress, 0, 0, err));
        FI_TRY(fi_db_cursor_next(one->cursor, err));
    }
    FI_TRY(write_batch(one, batch, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* ---- keyspaces ---- */

static int
open_versions(struct keyspace_copy *one, const struct firn_db_keyspace *from, firn_error *err)
{
    const struct fi_db_snapshot_node *node = &one->copy->from->node;
    const struct fi_lsm_cursor_options options = {.only = &node->snapshot};
    struct fi_db_tree *tree;
    int rc = fi_db_get_tree(from, node->image, &node->snapshot, &tree, err);
    return rc == FIRN_OK && tree != NULL
               ? fi_lsm_cursor_create(tree->lsm_tree, &options, &one->versions, err)
               : rc;
}

static int
copy_keyspace(const struct copy *copy, const char *name, firn_error *err)
{
    const struct fi_db_cursor_options options = {.snapshot = copy->from};
    struct keyspace_copy one = {.copy = copy};
    struct fi_buf bytes = {0};
    struct fi_storefile_keyspace entry;
    struct firn_db_keyspace *from;
    int rc;
    FI_TRY(fi_db_keyspace_open_in(copy->from, name, &from, err));
    FI_TRY(fi_db_keyspace_entry_in(copy->from, name, &bytes, &entry, err));
    FI_TRY(fi_db_keyspace_create_as(copy->to, name, &entry, &one.to, err));
    FI_TRY(fi_db_cursor_open(from, &options, &one.cursor, err));
    FI_TRY(open_versions(&one, from, err));
    FI_TRY(load_all(&one, err));
    if (one.has_merged) {
        FI_TRY(merge_all(&one, err));
    }
out:
    fi_buf_deinit(&bytes);
    fi_lsm_cursor_destroy(one.versions);
    fi_db_cursor_close(one.cursor);
    fi_buf_deinit(&one.base);
    fi_buf_deinit(&one.operands);
    return rc;
}

static int
visit_name(void *ctx, const char *name)
{
    const struct copy *copy = ctx;
    return fi_db_is_system_name(firn_str(name)) ? FIRN_OK : copy_keyspace(copy, name, copy->err);
}

int
fi_copy_snapshot(struct firn_snapshot *snapshot, struct firn_db *to,
                 struct fi_storefile_progress *progress, firn_error *err)
{
    struct copy copy = {.from = snapshot, .to = to, .progress = progress, .err = err};
    int rc = fi_storefile_progress_begin(progress, "read", 0, 0, err);
    return rc == FIRN_OK ? fi_db_keyspace_list_in(snapshot, visit_name, &copy, err) : rc;
}
