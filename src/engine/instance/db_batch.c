/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_batch.c: writes collected before they are committed.
 *
 * A write is immediately encoded as it will be in the log, so a commit passes the bytes on as they
 * are. An array beside them records where keys and values are, for the memtables. A batch belongs
 * to the store of its first write. Most writes look nothing up: of several writes to one key the
 * last one wins when the commit is applied (db_apply.c). Range deletes are also kept in sets, so
 * that applying them needs no memory.
 *
 * A commit has one version of a key: all its writes have one sequence, and of several operations on
 * a key the last one counts (docs/formats/store.md). A merge does not replace what the batch did to
 * its key before, but adds to it. So the batch is searched for the key, and the combined effect is
 * written:
 *
 *   before it in the batch            what is written
 *   nothing                           the operand
 *   a delete, or a range delete       a put of the result of the operand without a value
 *   a put                             a put of the result of the operand and that value
 *   an operand of the same operator   one operand that does both
 *   another operator, expiring put    refused: no single version can express that
 *
 * The earlier operation no longer counts. A number is changed in place, and the last operation of
 * the batch is replaced. Any other older operation stays in the batch, marked as replaced.
 *
 * Appends are done in place if there is room after the value. The last operation of the batch has
 * room. Any other value moves to the end, and a gap of its size is left after it. So each move
 * doubles the room of a value, and appending n bytes to any keys in any order copies O(n) bytes.
 * Gaps are no part of a commit: a batch is copied without them to be committed, and the writes of a
 * transaction are compacted in place.
 *
 * A hash map over the batch finds the earlier operation. It is created with the first merge and
 * brought up to date with each later one: batches without merges pay nothing.
 *
 * Failure of a merge: the batch is unchanged.
 */
#include "instance/db_handle.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "merge/merge.h"

/* ---- merge operands in a batch ---- */

/* The last operation on a key, in the map of a batch. */
struct newest {
    const struct firn_db_batch *batch;
    size_t op;
};

struct wanted {
    const struct fi_db_tree *tree;
    firn_slice key;
};

/* FIRN_INVALID unless fi_db_batch_is_of. */
static int
batch_check_store(const struct firn_db_batch *batch, const struct firn_db *db, firn_error *err)
{
    return fi_db_batch_is_of(batch, db)
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID, "a batch cannot write into two stores");
}

static uint64_t
hash_key(const struct fi_db_tree *tree, firn_slice key)
{
    return fi_xxh3(key.data, key.size, tree == NULL ? 0 : tree->id);
}

static uint64_t
hash_record(const void *record)
{
    const struct newest *newest = record;
    const struct fi_db_op *op = fi_db_batch_op(newest->batch, newest->op);
    return hash_key(op->tree, fi_db_batch_key(newest->batch, op));
}

static bool
equals_record(const void *record, const void *key)
{
    const struct newest *newest = record;
    const struct wanted *wanted = key;
    const struct fi_db_op *op = fi_db_batch_op(newest->batch, newest->op);
    return op->tree == wanted->tree &&
           fi_slice_equal(fi_db_batch_key(newest->batch, op), wanted->key);
}

/* Called when the operations of the batch are cleared. */
static void
clear_newest(struct firn_db_batch *batch)
{
    if (batch->newest.hash != NULL) {
        fi_hash_map_deinit(&batch->newest);
    }
    batch->newest_count = 0;
}

/* Brings the map up to date with all operations of the batch. */
static int
inspect_through(struct firn_db_batch *batch)
{
    size_t count = fi_db_batch_op_count(batch);
    DCHECK(batch->newest_count <= count);
    if (batch->newest.hash == NULL) {
        fi_hash_map_init(&batch->newest, sizeof(struct newest), hash_record, equals_record);
    }
    for (; batch->newest_count < count; batch->newest_count++) {
        const struct newest newest = {batch, batch->newest_count};
        const struct fi_db_op *op = fi_db_batch_op(batch, newest.op);
        if (op->kind == FI_ENTRY_RANGE_DELETE) {
            continue;
        }
        const struct wanted wanted = {op->tree, fi_db_batch_key(batch, op)};
        uint64_t hash = hash_key(wanted.tree, wanted.key);
        struct newest *found = fi_hash_map_find(&batch->newest, hash, &wanted);
        if (found != NULL) {
            found->op = newest.op;
        } else if (fi_hash_map_insert(&batch->newest, hash, &newest) == NULL) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

/* The operation of the batch to which the next one on that key adds; NULL if there is none.
 * *out_is_deleted: a range delete has come since. */
static struct fi_db_op *
find_before(const struct firn_db_batch *batch, const struct wanted *wanted, bool *out_is_deleted)
{
    DCHECK(batch->newest_count == fi_db_batch_op_count(batch));
    const struct newest *found =
        fi_hash_map_find(&batch->newest, hash_key(wanted->tree, wanted->key), wanted);
    size_t after = found == NULL ? 0 : found->op + 1;
    *out_is_deleted = fi_db_apply_ranges_deletes(&batch->ranges, wanted->tree, wanted->key, after);
    return found == NULL ? NULL : fi_db_batch_op(batch, found->op);
}

/* ---- the combined effect ---- */

static int
refuse_mixture(firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID,
                        "a batch cannot merge into a value that it put with a time to live, or "
                        "merged by another operator");
}

/* Sets value to the combination of a merge (as it is stored) and what came before it, and *kind to
 * the kind of the result. */
static int
add_up(const struct firn_db_batch *batch, const struct fi_db_op *before, bool is_deleted,
       firn_slice merge, enum fi_entry_kind *kind, struct fi_buf *value, firn_error *err)
{
    struct fi_merge_fold fold = {0};
    int rc;
    DCHECK(before == NULL || before->kind != FI_ENTRY_RANGE_DELETE);
    FI_TRY(fi_merge_fold_push(&fold, merge, err));
    *kind = FI_ENTRY_PUT;
    if (is_deleted || (before != NULL && before->kind == FI_ENTRY_DELETE)) {
        FI_TRY(fi_merge_fold_apply(&fold, NULL, value, err));
    } else if (before != NULL && before->kind == FI_ENTRY_PUT) {
        firn_slice base = fi_db_batch_value(batch, before);
        FI_TRY(fi_merge_fold_apply(&fold, &base, value, err));
    } else {
        *kind = FI_ENTRY_MERGE;
        if (before != NULL) {
            firn_slice operand = fi_db_batch_value(batch, before);
            if (before->kind != FI_ENTRY_MERGE ||
                !fi_merge_fold_joins(&fold, operand, FIRN_VALUE_SIZE_MAX)) {
                rc = refuse_mixture(err);
                goto out;
            }
            FI_TRY(fi_merge_fold_push(&fold, operand, err));
        }
        FI_TRY(fi_merge_fold_operand(&fold, value, err));
    }
out:
    fi_merge_fold_deinit(&fold);
    return rc;
}

/* Overwrites the value of an operation with one of the same size. */
static bool
overwrites(struct firn_db_batch *batch, const struct fi_db_op *before, enum fi_entry_kind kind,
           firn_slice value)
{
    if (before->kind != (uint8_t)kind || before->value_size != value.size) {
        return false;
    }
    CHECK(before->value_offset + value.size <= batch->body.size);
    memcpy(batch->body.data + before->value_offset, value.data, value.size);
    return true;
}

/* ---- gaps ---- */

/* Where an operation begins in the body. */
static size_t
begin_of(const struct fi_db_op *op)
{
    DCHECK(op->key_offset > fi_varint_size(op->key_size) + fi_varint_size(op->tree->id));
    return op->key_offset - fi_varint_size(op->key_size) - 1 - fi_varint_size(op->tree->id);
}

static size_t
end_of(const struct fi_db_op *op)
{
    return (size_t)op->value_offset + op->value_size;
}

/* The offset at which the operation and the gap after it end. */
static size_t
room_end(const struct firn_db_batch *batch, size_t i)
{
    size_t count = fi_db_batch_op_count(batch);
    DCHECK(i < count);
    return i + 1 < count ? begin_of(fi_db_batch_op(batch, i + 1)) : batch->body.size;
}

static size_t
gap_after(const struct firn_db_batch *batch, size_t i)
{
    size_t end = end_of(fi_db_batch_op(batch, i));
    DCHECK(room_end(batch, i) >= end);
    return room_end(batch, i) - end;
}

void
fi_db_batch_leave_gap(struct firn_db_batch *batch, size_t size)
{
    size_t most = FIRN_BATCH_SIZE_MAX - batch->body.size;
    size = size < most ? size : most;
    if (fi_buf_reserve(&batch->body, size) == FIRN_OK) {
        batch->body.size += size;
        batch->gap_bytes += size;
    }
}

void
fi_db_batch_close_gaps(struct firn_db_batch *batch)
{
    size_t count = fi_db_batch_op_count(batch);
    size_t begin = 0; /* of the gaps' end so far */
    size_t shift = 0;
    if (batch->gap_bytes == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct fi_db_op *op = fi_db_batch_op(batch, i);
        size_t gap = gap_after(batch, i);
        size_t end = end_of(op);
        memmove(batch->body.data + begin - shift, batch->body.data + begin, end - begin);
        op->key_offset -= (uint32_t)shift;
        op->value_offset -= (uint32_t)shift;
        begin = end + gap;
        shift += gap;
    }
    DCHECK(shift == batch->gap_bytes && begin == batch->body.size);
    batch->body.size -= shift;
    batch->gap_bytes = 0;
}

/* Whether an append to the operation's key goes after its value. */
static bool
takes_appends(const struct firn_db_batch *batch, const struct fi_db_op *op)
{
    return op->kind == FI_ENTRY_PUT || (op->kind == FI_ENTRY_MERGE &&
                                        fi_db_batch_value(batch, op).data[0] == FIRN_MERGE_APPEND);
}

int
fi_db_batch_extend(struct firn_db_batch *batch, size_t i, firn_slice operand)
{
    struct fi_db_op *op = fi_db_batch_op(batch, i);
    bool is_last = i + 1 == fi_db_batch_op_count(batch);
    size_t gap = gap_after(batch, i);
    if (!takes_appends(batch, op) || operand.size > FIRN_VALUE_SIZE_MAX - op->value_size) {
        return FIRN_NOT_FOUND;
    }
    size_t size = fi_storefile_extend_size(op->value_size, operand.size);
    if (size > gap) {
        if (!is_last || batch->body.size + FI_STOREFILE_OP_FRAME_MAX + size > FIRN_BATCH_SIZE_MAX) {
            return FIRN_NOT_FOUND;
        }
        if (fi_buf_reserve(&batch->body, size - gap) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        batch->body.size += size - gap;
    }
    batch->gap_bytes -= size < gap ? size : gap;
    struct fi_storefile_place place = {op->key_offset, op->value_offset};
    fi_storefile_extend_op(batch->body.data, &place, op->value_size, operand);
    op->value_offset = (uint32_t)place.value_offset;
    op->value_size += (uint32_t)operand.size;
    DCHECK(gap_after(batch, i) == (size < gap ? gap - size : 0));
    return FIRN_OK;
}

/* Replaces the last operation, which has the same key. */
static int
replace_last(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
             const struct fi_storefile_op *op, firn_error *err)
{
    size_t count = fi_db_batch_op_count(batch);
    const struct fi_db_op *last = fi_db_batch_op(batch, count - 1);
    DCHECK(last->tree == keyspace->tree && fi_slice_equal(fi_db_batch_key(batch, last), op->key));
    const struct firn_db_batch before = *batch;
    batch->gap_bytes -= gap_after(batch, count - 1);
    batch->body.size = begin_of(last);
    batch->ops.size -= sizeof *last;
    int rc = fi_db_batch_append(batch, keyspace->db, keyspace->tree, op, err);
    if (rc != FIRN_OK) {
        /* Nothing has been overwritten yet. */
        batch->body.size = before.body.size;
        batch->ops.size = before.ops.size;
        batch->gap_bytes = before.gap_bytes;
    }
    return rc;
}

static size_t
index_of(const struct firn_db_batch *batch, const struct fi_db_op *op)
{
    return (size_t)(op - fi_db_batch_op(batch, 0));
}

/* Appends in place; FIRN_NOT_FOUND if that is not possible. */
static int
append_in_place(struct firn_db_batch *batch, const struct wanted *wanted, firn_slice operand)
{
    size_t count = fi_db_batch_op_count(batch);
    const struct fi_db_op *op = count == 0 ? NULL : fi_db_batch_op(batch, count - 1);
    bool is_deleted = false;
    if (op != NULL && (op->tree != wanted->tree || op->kind == FI_ENTRY_RANGE_DELETE ||
                       !fi_slice_equal(fi_db_batch_key(batch, op), wanted->key))) {
        if (inspect_through(batch) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        op = find_before(batch, wanted, &is_deleted);
    }
    return op == NULL || is_deleted ? FIRN_NOT_FOUND
                                    : fi_db_batch_extend(batch, index_of(batch, op), operand);
}

/* Adds an operation at the end of the batch, to replace an earlier one if that is not NULL. */
static int
add_merged(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
           const struct fi_db_op *before, const struct fi_storefile_op *op, bool grows,
           firn_error *err)
{
    size_t at = before == NULL ? SIZE_MAX : index_of(batch, before);
    if (before != NULL && at + 1 == fi_db_batch_op_count(batch)) {
        return replace_last(batch, keyspace, op, err);
    }
    int rc = fi_db_batch_append(batch, keyspace->db, keyspace->tree, op, err);
    if (rc == FIRN_OK && before != NULL) {
        fi_db_batch_op(batch, at)->is_replaced = true;
        batch->has_replaced = true;
        fi_db_batch_leave_gap(batch, grows ? op->value.size : 0);
    }
    return rc;
}

int
fi_db_batch_merge(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                  firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    const struct wanted wanted = {keyspace->tree, key};
    struct fi_buf merge = {0};
    struct fi_buf value = {0};
    enum fi_entry_kind kind;
    bool is_deleted;
    int rc;
    FI_TRY(batch_check_store(batch, keyspace->db, err));
    FI_TRY(fi_merge_fold_check(operation, operand, err));
    if (operation == FIRN_MERGE_APPEND) {
        rc = append_in_place(batch, &wanted, operand);
        if (rc != FIRN_NOT_FOUND) {
            rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a batch");
            goto out;
        }
    }
    if (inspect_through(batch) != FIRN_OK ||
        fi_buf_append_u8(&merge, (uint8_t)operation) != FIRN_OK ||
        fi_buf_append_slice(&merge, operand) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a batch");
        goto out;
    }
    struct fi_db_op *before = find_before(batch, &wanted, &is_deleted);
    FI_TRY(add_up(batch, before, is_deleted, fi_buf_slice(&merge), &kind, &value, err));
    const struct fi_storefile_op op = {keyspace->id, kind, key, fi_buf_slice(&value)};
    before = is_deleted ? NULL : before;
    if (before == NULL || !overwrites(batch, before, kind, op.value)) {
        FI_TRY(add_merged(batch, keyspace, before, &op, operation == FIRN_MERGE_APPEND, err));
    }
out:
    fi_buf_deinit(&merge);
    fi_buf_deinit(&value);
    return rc;
}

/* ---- all writes ---- */

int
fi_db_batch_create(struct firn_db_batch **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "a batch");
    }
    fi_os_process_init_mark(&(*out)->mark);
    return FIRN_OK;
}

void
fi_db_batch_clear(struct firn_db_batch *batch)
{
    fi_buf_clear(&batch->body);
    fi_buf_clear(&batch->ops);
    fi_db_apply_ranges_deinit(&batch->ranges);
    clear_newest(batch);
    batch->gap_bytes = 0;
    batch->has_puts = false;
    batch->has_replaced = false;
    batch->frees_space = false;
    batch->db = NULL;
}

void
fi_db_batch_deinit(struct firn_db_batch *batch)
{
    fi_db_batch_clear(batch);
    fi_buf_deinit(&batch->body);
    fi_buf_deinit(&batch->ops);
}

void
fi_db_batch_destroy(struct firn_db_batch *batch)
{
    if (batch != NULL) {
        fi_db_batch_deinit(batch);
        fi_free(batch);
    }
}

void
fi_db_batch_frees_space(struct firn_db_batch *batch)
{
    batch->frees_space = true;
}

size_t
fi_db_batch_count(const struct firn_db_batch *batch)
{
    size_t count = 0;
    if (!batch->has_replaced) {
        return fi_db_batch_op_count(batch);
    }
    for (size_t i = 0; i < fi_db_batch_op_count(batch); i++) {
        count += !fi_db_batch_op(batch, i)->is_replaced;
    }
    return count;
}

size_t
fi_db_batch_size_bytes(const struct firn_db_batch *batch)
{
    return batch->body.size - batch->gap_bytes;
}

static int
refuse_size(const char *what, size_t size, size_t limit, firn_error *err)
{
    return fi_error_set(err, FIRN_LIMIT, "a %s of %zu bytes is too long; at most %zu are allowed",
                        what, size, limit);
}

int
fi_db_batch_check_sizes(firn_slice key, firn_slice value, firn_error *err)
{
    if (key.size > FIRN_KEY_SIZE_MAX) {
        return refuse_size("key", key.size, FIRN_KEY_SIZE_MAX, err);
    }
    return value.size <= FIRN_VALUE_SIZE_MAX
               ? FIRN_OK
               : refuse_size("value", value.size, FIRN_VALUE_SIZE_MAX, err);
}

static bool
is_full_for(const struct firn_db_batch *batch, const struct fi_storefile_op *op)
{
    return batch->body.size + FI_STOREFILE_OP_FRAME_MAX + op->key.size + op->value.size >
           FIRN_BATCH_SIZE_MAX;
}

static int
check_limits(const struct firn_db_batch *batch, const struct firn_db *db,
             const struct fi_storefile_op *op, firn_error *err)
{
    bool is_range = op->kind == FI_ENTRY_RANGE_DELETE;
    FI_TRY_RETURN(batch_check_store(batch, db, err));
    FI_TRY_RETURN(fi_db_batch_check_sizes(op->key, is_range ? firn_str("") : op->value, err));
    if (is_range) {
        FI_TRY_RETURN(fi_db_batch_check_sizes(op->value, firn_str(""), err));
    }
    if (is_full_for(batch, op)) {
        return fi_error_set(err, FIRN_LIMIT, "a batch would have more than %d bytes",
                            FIRN_BATCH_SIZE_MAX);
    }
    return FIRN_OK;
}

int
fi_db_batch_append(struct firn_db_batch *batch, struct firn_db *db, struct fi_db_tree *tree,
                   const struct fi_storefile_op *format, firn_error *err)
{
    struct fi_db_op op = {.tree = tree,
                          .value_size = (uint32_t)format->value.size,
                          .key_size = (uint32_t)format->key.size & 0xffffff,
                          .kind = (uint32_t)format->kind & 0x7f};
    struct fi_storefile_place place;
    if (is_full_for(batch, format)) {
        fi_db_batch_close_gaps(batch);
    }
    FI_TRY_RETURN(check_limits(batch, db, format, err));
    DCHECK(tree == NULL || tree->id == format->keyspace);
    DCHECK(format->value.size >= fi_entry_head_size(format->kind));
    if (fi_buf_reserve(&batch->ops, sizeof op) != FIRN_OK ||
        fi_buf_reserve(&batch->body, FI_STOREFILE_OP_FRAME_MAX + format->key.size +
                                         format->value.size) != FIRN_OK) {
        return fi_error_no_memory(err, "a batch");
    }
    if (format->kind == FI_ENTRY_RANGE_DELETE) {
        FI_TRY_RETURN(fi_db_apply_ranges_add(&batch->ranges, tree, format->key, format->value,
                                             fi_db_batch_op_count(batch), err));
    }
    CHECK(fi_storefile_append_op(&batch->body, format, &place) == FIRN_OK);
    DCHECK(place.value_offset + format->value.size == batch->body.size);
    CHECK(batch->body.size <= FIRN_BATCH_SIZE_MAX);
    op.key_offset = (uint32_t)place.key_offset;
    op.value_offset = (uint32_t)place.value_offset;
    CHECK(fi_buf_append(&batch->ops, &op, sizeof op) == FIRN_OK);
    batch->has_puts |= format->kind != FI_ENTRY_DELETE && format->kind != FI_ENTRY_RANGE_DELETE;
    DCHECK(db != NULL); /* a keyspace has a store */
    batch->db = db;
    batch->db_serial = db->serial;
    return FIRN_OK;
}

int
fi_db_batch_put(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                firn_slice value, firn_error *err)
{
    const struct fi_storefile_op op = {keyspace->id, FI_ENTRY_PUT, key, value};
    return fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

uint64_t
fi_db_batch_end_ms(struct firn_db *db, uint64_t ttl_ms)
{
    uint64_t expires_ms;
    return fi_add_u64(fi_db_time_ms(db), ttl_ms, &expires_ms) ? expires_ms : UINT64_MAX;
}

int
fi_db_batch_encode_until(firn_slice value, uint64_t expires_ms, struct fi_buf *out, firn_error *err)
{
    uint8_t head[FI_ENTRY_EXPIRING_HEAD_SIZE];
    fi_store_le64(head, expires_ms);
    if (value.size > FIRN_VALUE_SIZE_MAX - sizeof head) {
        return refuse_size("value that expires", value.size, FIRN_VALUE_SIZE_MAX - sizeof head,
                           err);
    }
    fi_buf_clear(out);
    return fi_buf_append(out, head, sizeof head) == FIRN_OK &&
                   fi_buf_append_slice(out, value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a batch");
}

int
fi_db_batch_encode_expiring(struct firn_db *db, firn_slice value, uint64_t ttl_ms,
                            struct fi_buf *out, firn_error *err)
{
    return fi_db_batch_encode_until(value, fi_db_batch_end_ms(db, ttl_ms), out, err);
}

int
fi_db_batch_put_ttl(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                    firn_slice value, uint64_t ttl_ms, firn_error *err)
{
    struct fi_buf stored = {0};
    int rc;
    if (ttl_ms == 0) {
        return fi_db_batch_put(batch, keyspace, key, value, err);
    }
    FI_TRY(fi_db_batch_encode_expiring(keyspace->db, value, ttl_ms, &stored, err));
    const struct fi_storefile_op op = {keyspace->id, FI_ENTRY_EXPIRING, key, fi_buf_slice(&stored)};
    FI_TRY(fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err));
out:
    fi_buf_deinit(&stored);
    return rc;
}

int
fi_db_batch_delete(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                   firn_error *err)
{
    const struct fi_storefile_op op = {keyspace->id, FI_ENTRY_DELETE, key, firn_bytes(NULL, 0)};
    return fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

int
fi_db_batch_delete_range(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
                         firn_slice lower, firn_slice upper, firn_error *err)
{
    const struct fi_storefile_op op = {keyspace->id, FI_ENTRY_RANGE_DELETE, lower, upper};
    if (fi_slice_compare(lower, upper) >= 0) {
        return check_limits(batch, keyspace->db, &op, err);
    }
    return fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

/* ---- walking, and appending one batch to another ---- */

/* Reports an operation as the caller asked for it. */
static void
db_batch_describe(const struct firn_db_batch *batch, const struct fi_db_op *op,
                  firn_batch_write *out)
{
    firn_slice value = fi_db_batch_value(batch, op);
    DCHECK(value.size >= fi_entry_head_size((enum fi_entry_kind)op->kind));
    *out = (firn_batch_write){.kind = FIRN_BATCH_PUT,
                              .keyspace = fi_db_handles_find(batch->db, op->tree->id),
                              .key = fi_db_batch_key(batch, op)};
    if (op->kind == FI_ENTRY_DELETE) {
        out->kind = FIRN_BATCH_DELETE;
    } else if (op->kind == FI_ENTRY_RANGE_DELETE) {
        out->kind = FIRN_BATCH_DELETE_RANGE;
    } else if (op->kind == FI_ENTRY_MERGE) {
        out->kind = FIRN_BATCH_MERGE;
        out->operation = (firn_merge_operator)value.data[0];
        value = firn_bytes(value.data + 1, value.size - 1);
    } else if (op->kind == FI_ENTRY_EXPIRING) {
        out->expires_ms = fi_load_le64(value.data);
        value = firn_bytes(value.data + FI_ENTRY_EXPIRING_HEAD_SIZE,
                           value.size - FI_ENTRY_EXPIRING_HEAD_SIZE);
    }
    out->value = value;
}

int
fi_db_batch_iterate(const struct firn_db_batch *batch,
                    int (*visit)(void *ctx, const firn_batch_write *write), void *ctx,
                    firn_error *err)
{
    for (size_t i = 0; i < fi_db_batch_op_count(batch); i++) {
        firn_batch_write write;
        if (fi_db_batch_op(batch, i)->is_replaced) {
            continue;
        }
        db_batch_describe(batch, fi_db_batch_op(batch, i), &write);
        int rc = visit(ctx, &write);
        if (rc != FIRN_OK) {
            return fi_error_set(err, rc, "stopped by the caller");
        }
    }
    return FIRN_OK;
}

/* Appends operation i of another batch as it is. */
static int
copy_op(struct firn_db_batch *batch, const struct firn_db_batch *from, size_t i, firn_error *err)
{
    const struct fi_db_op *op = fi_db_batch_op(from, i);
    const struct fi_storefile_op format = {op->tree->id, (enum fi_entry_kind)op->kind,
                                           fi_db_batch_key(from, op), fi_db_batch_value(from, op)};
    int rc = fi_db_batch_append(batch, from->db, op->tree, &format, err);
    if (rc == FIRN_OK) {
        fi_db_batch_op(batch, fi_db_batch_op_count(batch) - 1)->is_replaced = op->is_replaced;
        batch->has_replaced |= op->is_replaced;
    }
    return rc;
}

/* Repeats an operation of another batch: a merge is combined with what the batch has. The
 * replacement of a replaced merge includes it. */
static int
repeat_op(struct firn_db_batch *batch, const struct firn_db_batch *from, size_t i, firn_error *err)
{
    const struct fi_db_op *op = fi_db_batch_op(from, i);
    if (op->kind != FI_ENTRY_MERGE) {
        return copy_op(batch, from, i, err);
    }
    if (op->is_replaced) {
        return FIRN_OK;
    }
    struct firn_db_keyspace keyspace = {.db = from->db, .tree = op->tree, .id = op->tree->id};
    const firn_slice value = fi_db_batch_value(from, op);
    return fi_db_batch_merge(batch, &keyspace, fi_db_batch_key(from, op),
                             (firn_merge_operator)value.data[0],
                             firn_bytes(value.data + 1, value.size - 1), err);
}

int
fi_db_batch_copy_to_commit(struct firn_db_batch *batch, const struct firn_db_batch *from,
                           firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(fi_db_batch_op_count(batch) == 0);
    for (size_t i = 0; i < fi_db_batch_op_count(from) && rc == FIRN_OK; i++) {
        const struct fi_db_op *op = fi_db_batch_op(from, i);
        if (op->is_replaced) {
            /* It has no effect, so its value need not be in the log. */
            const struct fi_storefile_op nothing = {op->tree->id, FI_ENTRY_DELETE,
                                                    fi_db_batch_key(from, op), firn_bytes(NULL, 0)};
            rc = fi_db_batch_append(batch, from->db, op->tree, &nothing, err);
        } else {
            rc = copy_op(batch, from, i, err);
        }
    }
    batch->frees_space = from->frees_space;
    return rc;
}

int
fi_db_batch_append_all(struct firn_db_batch *batch, const struct firn_db_batch *from,
                       firn_error *err)
{
    /* Merges change earlier operations, so a failure could not be undone: both batches are copied
     * to a new one, which replaces the first. */
    struct firn_db_batch joined = {.mark = batch->mark, .frees_space = batch->frees_space};
    int rc = FIRN_OK;
    if (from->db != NULL && !(batch->db == NULL || fi_db_batch_is_of(batch, from->db))) {
        return batch_check_store(batch, from->db, err);
    }
    for (size_t i = 0; i < fi_db_batch_op_count(batch); i++) {
        FI_TRY(copy_op(&joined, batch, i, err));
    }
    for (size_t i = 0; i < fi_db_batch_op_count(from); i++) {
        FI_TRY(repeat_op(&joined, from, i, err));
    }
    fi_db_batch_deinit(batch);
    *batch = joined;
    clear_newest(batch);
    joined = (struct firn_db_batch){0};
out:
    fi_db_batch_deinit(&joined);
    return rc;
}

/* ---- going back ---- */

struct fi_db_batch_mark
fi_db_batch_mark(const struct firn_db_batch *batch)
{
    return (struct fi_db_batch_mark){fi_db_batch_op_count(batch), batch->has_puts};
}

static bool
has_range_from(const struct firn_db_batch *batch, size_t begin)
{
    for (size_t i = begin; i < fi_db_batch_op_count(batch); i++) {
        if (fi_db_batch_op(batch, i)->kind == FI_ENTRY_RANGE_DELETE) {
            return true;
        }
    }
    return false;
}

/* The range deletes among the first operations, in sets of their own: sets do not shrink. */
static int
collect_ranges(const struct firn_db_batch *batch, size_t count, struct fi_db_ranges *out,
               firn_error *err)
{
    DCHECK(count <= fi_db_batch_op_count(batch) && out->sets.size == 0);
    for (size_t i = 0; i < count; i++) {
        const struct fi_db_op *op = fi_db_batch_op(batch, i);
        if (op->kind != FI_ENTRY_RANGE_DELETE) {
            continue;
        }
        int rc = fi_db_apply_ranges_add(out, op->tree, fi_db_batch_key(batch, op),
                                        fi_db_batch_value(batch, op), i, err);
        if (rc != FIRN_OK) {
            fi_db_apply_ranges_deinit(out);
            return rc;
        }
    }
    return FIRN_OK;
}

int
fi_db_batch_rewind(struct firn_db_batch *batch, const struct fi_db_batch_mark *mark,
                   firn_error *err)
{
    size_t count = fi_db_batch_op_count(batch);
    DCHECK(mark->op_count <= count);
    if (has_range_from(batch, mark->op_count)) {
        struct fi_db_ranges ranges = {0};
        int rc = collect_ranges(batch, mark->op_count, &ranges, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        fi_db_apply_ranges_deinit(&batch->ranges);
        batch->ranges = ranges;
    }
    for (size_t i = count; i > mark->op_count; i--) {
        batch->gap_bytes -= gap_after(batch, i - 1);
        batch->body.size = begin_of(fi_db_batch_op(batch, i - 1));
        batch->ops.size -= sizeof(struct fi_db_op);
    }
    batch->has_puts = mark->has_puts;
    clear_newest(batch);
    return FIRN_OK;
}

int
fi_db_batch_list(struct firn_db_batch *batch, struct firn_db *db, firn_slice name,
                 const struct fi_storefile_keyspace *put, firn_error *err)
{
    DCHECK(db->is_changing_list);
    struct fi_buf value = {0};
    if (put != NULL && fi_storefile_keyspace_encode(put, &value) != FIRN_OK) {
        fi_buf_deinit(&value);
        return fi_error_no_memory(err, "the name of a keyspace");
    }
    const struct fi_storefile_op op = {FI_DB_KEYSPACE_LIST,
                                       put != NULL ? FI_ENTRY_PUT : FI_ENTRY_DELETE, name,
                                       fi_buf_slice(&value)};
    int rc = fi_db_batch_append(batch, db, fi_db_image(db)->list, &op, err);
    fi_buf_deinit(&value);
    return rc;
}
