/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_batch.c: writes collected before they are committed.
 *
 * A write is encoded at once as it will stand in the log, so that a commit hands the bytes on
 * without touching them; an array beside it remembers where keys and values lie, for the memtables.
 * A batch belongs to the store of its first write. Nothing is looked up here: of several writes to
 * one key the last one wins when the commit is applied (db_replay.c).
 */
#include "store/db_internal.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"

int
firn_db_batch_create(struct firn_db_batch **out, firn_error *err)
{
    *out = firn_alloc_zeroed(sizeof **out);
    return *out != NULL ? FIRN_OK : firn_error_no_memory(err, "a batch");
}

void
firn_db_batch_deinit(struct firn_db_batch *batch)
{
    firn_buf_deinit(&batch->body);
    firn_buf_deinit(&batch->ops);
    batch->db = NULL;
}

void
firn_db_batch_destroy(struct firn_db_batch *batch)
{
    if (batch != NULL) {
        firn_db_batch_deinit(batch);
        firn_free(batch);
    }
}

void
firn_db_batch_clear(struct firn_db_batch *batch)
{
    firn_buf_clear(&batch->body);
    firn_buf_clear(&batch->ops);
    batch->db = NULL;
}

size_t
firn_db_batch_count(const struct firn_db_batch *batch)
{
    return firn_db_batch_op_count(batch);
}

size_t
firn_db_batch_size_bytes(const struct firn_db_batch *batch)
{
    return batch->body.size;
}

static int
check_limits(const struct firn_db_batch *batch, const struct firn_db_keyspace *keyspace,
             firn_slice key, firn_slice value, firn_error *err)
{
    if (batch->db != NULL && batch->db != keyspace->db) {
        return firn_error_set(err, FIRN_INVALID, "a batch cannot write into two stores");
    }
    if (key.size > FIRN_KEY_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "a key of %zu bytes is too long; at most %d are "
                              "allowed",
                              key.size, FIRN_KEY_SIZE_MAX);
    }
    if (value.size > FIRN_VALUE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "a value of %zu bytes is too long; at most %d are "
                              "allowed",
                              value.size, FIRN_VALUE_SIZE_MAX);
    }
    if (batch->body.size + FIRN_DB_FORMAT_OP_FRAME_MAX + key.size + value.size >
        FIRN_BATCH_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "a batch would have more than %d bytes",
                              FIRN_BATCH_SIZE_MAX);
    }
    return FIRN_OK;
}

static int
append(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
       const struct firn_db_format_op *format, firn_error *err)
{
    int rc = check_limits(batch, keyspace, format->key, format->value, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_db_op op = {.keyspace = keyspace,
                            .value_size = (uint32_t)format->value.size,
                            .key_size = (uint16_t)format->key.size,
                            .kind = (uint8_t)format->kind};
    struct firn_db_format_place place;
    if (firn_buf_reserve(&batch->ops, sizeof op) != FIRN_OK ||
        firn_db_format_append_op(&batch->body, format, &place) != FIRN_OK) {
        return firn_error_no_memory(err, "a batch");
    }
    op.key_offset = (uint32_t)place.key_offset;
    op.value_offset = (uint32_t)place.value_offset;
    CHECK(firn_buf_append(&batch->ops, &op, sizeof op) == FIRN_OK);
    batch->db = keyspace->db;
    return FIRN_OK;
}

int
firn_db_batch_put(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                  firn_slice value, firn_error *err)
{
    const struct firn_db_format_op op = {keyspace->id, FIRN_ENTRY_PUT, key, value};
    return append(batch, keyspace, &op, err);
}

int
firn_db_batch_delete(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace, firn_slice key,
                     firn_error *err)
{
    const struct firn_db_format_op op = {keyspace->id, FIRN_ENTRY_DELETE, key, firn_bytes(NULL, 0)};
    return append(batch, keyspace, &op, err);
}
