/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_batch_merge.c: merge operands on their way into a commit.
 *
 * A commit has one version of a key, because all it writes has one sequence, and of several
 * operations on a key the last one counts (docs/formats/store.md). A merge does not replace what
 * the same batch did to its key before: it adds to it. So the batch is looked through, and what is
 * written is what both amount to:
 *
 *   before it in the batch            what is written
 *   nothing                           the operand
 *   a delete, or a range delete       a put of what the operand makes of no value
 *   a put                             a put of what it makes of that value
 *   an operand of the same operator   one operand that does both
 *   another operator, expiring put    refused: no single version says that
 *
 * What was written before then counts no more. Two cases, which are common, leave nothing behind: a
 * number is changed where it stands, and the last operation of the batch is replaced. Otherwise the
 * older operation stays in the batch as bytes without a meaning; so who appends to many keys in
 * turn, many times each, in one batch, makes the batch grow with the square of that.
 *
 * Finding the operation before is a hash map over the batch, made with its first merge and brought
 * up to date with each: batches without merges pay nothing.
 *
 * Failure: a batch is as it was.
 */
#include "store/db_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "merge/merge.h"

/* The last operation on a key, in the map of a batch. */
struct newest {
    const struct firn_db_batch *batch;
    size_t op;
};

struct wanted {
    const struct firn_db_tree *tree;
    firn_slice key;
};

static firn_slice
key_of(const struct firn_db_batch *batch, const struct firn_db_op *op)
{
    return firn_bytes(batch->body.data + op->key_offset, op->key_size);
}

static firn_slice
value_of(const struct firn_db_batch *batch, const struct firn_db_op *op)
{
    return firn_bytes(batch->body.data + op->value_offset, op->value_size);
}

static uint64_t
hash_key(const struct firn_db_tree *tree, firn_slice key)
{
    return firn_xxh3(key.data, key.size, tree == NULL ? 0 : tree->id);
}

static uint64_t
hash_record(const void *record)
{
    const struct newest *newest = record;
    const struct firn_db_op *op = firn_db_batch_op(newest->batch, newest->op);
    return hash_key(op->tree, key_of(newest->batch, op));
}

static bool
equals_record(const void *record, const void *key)
{
    const struct newest *newest = record;
    const struct wanted *wanted = key;
    const struct firn_db_op *op = firn_db_batch_op(newest->batch, newest->op);
    return op->tree == wanted->tree && firn_slice_equal(key_of(newest->batch, op), wanted->key);
}

void
firn_db_batch_merge_forget(struct firn_db_batch *batch)
{
    if (batch->newest.hash != NULL) {
        firn_hash_map_deinit(&batch->newest);
    }
    batch->newest_count = 0;
}

/* Makes the map one of all operations of the batch. */
static int
look_through(struct firn_db_batch *batch)
{
    size_t count = firn_db_batch_op_count(batch);
    DCHECK(batch->newest_count <= count);
    if (batch->newest.hash == NULL) {
        firn_hash_map_init(&batch->newest, sizeof(struct newest), hash_record, equals_record);
    }
    for (; batch->newest_count < count; batch->newest_count++) {
        const struct newest newest = {batch, batch->newest_count};
        const struct firn_db_op *op = firn_db_batch_op(batch, newest.op);
        if (op->kind == FIRN_ENTRY_RANGE_DELETE) {
            continue;
        }
        const struct wanted wanted = {op->tree, key_of(batch, op)};
        uint64_t hash = hash_key(wanted.tree, wanted.key);
        struct newest *found = firn_hash_map_find(&batch->newest, hash, &wanted);
        if (found != NULL) {
            found->op = newest.op;
        } else if (firn_hash_map_insert(&batch->newest, hash, &newest) == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

/* The operation of the batch that the next one on that key adds to; NULL if there is none.
 * *out_is_deleted: a range delete has come since. */
static struct firn_db_op *
find_before(const struct firn_db_batch *batch, const struct wanted *wanted, bool *out_is_deleted)
{
    DCHECK(batch->newest_count == firn_db_batch_op_count(batch));
    const struct newest *found =
        firn_hash_map_find(&batch->newest, hash_key(wanted->tree, wanted->key), wanted);
    size_t behind = found == NULL ? 0 : found->op + 1;
    *out_is_deleted = firn_db_ranges_deletes(&batch->ranges, wanted->tree, wanted->key, behind);
    return found == NULL ? NULL : firn_db_batch_op(batch, found->op);
}

/* ---- what both amount to ---- */

static int
refuse_mixture(firn_error *err)
{
    return firn_error_set(err, FIRN_INVALID,
                          "a batch cannot merge into what it has put with an expiry, or merged "
                          "otherwise, before");
}

/* Puts into value what a merge (as it is stored) adds up to with what came before it, and into
 * *kind of which kind that is. */
static int
add_up(const struct firn_db_batch *batch, const struct firn_db_op *before, bool is_deleted,
       firn_slice merge, enum firn_entry_kind *kind, struct firn_buf *value, firn_error *err)
{
    struct firn_merge_fold fold = {0};
    int rc;
    DCHECK(before == NULL || before->kind != FIRN_ENTRY_RANGE_DELETE);
    FIRN_TRY(firn_merge_fold_push(&fold, merge, err));
    *kind = FIRN_ENTRY_PUT;
    if (is_deleted || (before != NULL && before->kind == FIRN_ENTRY_DELETE)) {
        FIRN_TRY(firn_merge_fold_apply(&fold, NULL, value, err));
    } else if (before != NULL && before->kind == FIRN_ENTRY_PUT) {
        firn_slice base = value_of(batch, before);
        FIRN_TRY(firn_merge_fold_apply(&fold, &base, value, err));
    } else {
        *kind = FIRN_ENTRY_MERGE;
        if (before != NULL) {
            firn_slice operand = value_of(batch, before);
            if (before->kind != FIRN_ENTRY_MERGE ||
                !firn_merge_fold_joins(&fold, operand, FIRN_VALUE_SIZE_MAX)) {
                rc = refuse_mixture(err);
                goto out;
            }
            FIRN_TRY(firn_merge_fold_push(&fold, operand, err));
        }
        FIRN_TRY(firn_merge_fold_operand(&fold, value, err));
    }
out:
    firn_merge_fold_deinit(&fold);
    return rc;
}

/* Overwrites the value of an operation with one of the same size. */
static bool
overwrites(struct firn_db_batch *batch, const struct firn_db_op *before, enum firn_entry_kind kind,
           firn_slice value)
{
    if (before->kind != (uint8_t)kind || before->value_size != value.size) {
        return false;
    }
    CHECK(before->value_offset + value.size <= batch->body.size);
    memcpy(batch->body.data + before->value_offset, value.data, value.size);
    return true;
}

/* An operation in the place of the last one, which has the same key. */
static int
replace_last(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
             const struct firn_storefile_op *op, firn_error *err)
{
    const struct firn_db_op *last = firn_db_batch_op(batch, firn_db_batch_op_count(batch) - 1);
    DCHECK(last->tree == keyspace->tree && firn_slice_equal(key_of(batch, last), op->key));
    size_t body_size = batch->body.size;
    size_t ops_size = batch->ops.size;
    batch->body.size =
        last->key_offset - firn_varint_size(last->key_size) - 1 - firn_varint_size(keyspace->id);
    batch->ops.size -= sizeof *last;
    DCHECK(batch->body.size < body_size);
    int rc = firn_db_batch_append(batch, keyspace->db, keyspace->tree, op, err);
    if (rc != FIRN_OK) {
        /* Nothing was written over it yet. */
        batch->body.size = body_size;
        batch->ops.size = ops_size;
    }
    return rc;
}

int
firn_db_batch_merge(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                    firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    const struct wanted wanted = {keyspace->tree, key};
    struct firn_buf merge = {0};
    struct firn_buf value = {0};
    enum firn_entry_kind kind;
    bool is_deleted;
    int rc;
    FIRN_TRY(firn_db_batch_check_store(batch, keyspace->db, err));
    FIRN_TRY(firn_merge_fold_check(operation, operand, err));
    if (look_through(batch) != FIRN_OK ||
        firn_buf_append_u8(&merge, (uint8_t)operation) != FIRN_OK ||
        firn_buf_append_slice(&merge, operand) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a batch");
        goto out;
    }
    struct firn_db_op *before = find_before(batch, &wanted, &is_deleted);
    FIRN_TRY(add_up(batch, before, is_deleted, firn_buf_slice(&merge), &kind, &value, err));
    const struct firn_storefile_op op = {keyspace->id, kind, key, firn_buf_slice(&value)};
    before = is_deleted ? NULL : before;
    if (before != NULL && overwrites(batch, before, kind, op.value)) {
        goto out;
    }
    if (before != NULL && before == firn_db_batch_op(batch, firn_db_batch_op_count(batch) - 1)) {
        FIRN_TRY(replace_last(batch, keyspace, &op, err));
    } else {
        FIRN_TRY(firn_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err));
    }
out:
    firn_buf_deinit(&merge);
    firn_buf_deinit(&value);
    return rc;
}
