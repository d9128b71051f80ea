/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog.c: the catalog over the system keyspaces of a store.
 *
 * A checkpoint exists from the instant its commit is durable, or not at all (I1): the record, the
 * counters and the list of records that are in no pack change in that one commit. Orders and
 * numbers come from counters in the workspace's entry, which only grow, so the number of a deleted
 * checkpoint is never reused (I2).
 *
 * Records are also objects in packs, so that the history can be rebuilt from packs alone. A record
 * cannot be in the pack of its own save: that pack is sealed before the save is committed, and a
 * crash between the two must not leave a checkpoint whose save did not succeed. The record goes
 * into the next pack; until then its key is in "firn.unpacked".
 */
#include "catalog/catalog.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_internal.h"

int
fi_catalog_open(struct firn_db *db, struct fi_catalog **out, firn_error *err)
{
    *out = NULL;
    struct fi_catalog *catalog = fi_alloc_zeroed(sizeof *catalog);
    if (catalog == NULL) {
        return fi_error_no_memory(err, "the catalog");
    }
    catalog->db = db;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_WORKSPACES, &catalog->workspaces, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_CHECKPOINTS, &catalog->checkpoints, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_UNPACKED, &catalog->unpacked, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_NAMES, &catalog->names, err));
    *out = catalog;
    return FIRN_OK;
out:
    fi_catalog_close(catalog);
    return rc;
}

void
fi_catalog_close(struct fi_catalog *catalog)
{
    fi_free(catalog);
}

struct firn_db *
fi_catalog_db(const struct fi_catalog *catalog)
{
    return catalog->db;
}

/* ---- checkpoints ---- */

int
fi_catalog_list(struct fi_catalog *catalog, uint32_t workspace,
                int (*visit)(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                             firn_error *err),
                void *ctx, firn_error *err)
{
    return fi_catalog_list_before(catalog, workspace, UINT64_MAX, visit, ctx, err);
}

int
fi_catalog_list_before(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                       int (*visit)(void *ctx, firn_slice bytes,
                                    const struct fi_catalog_record *record, firn_error *err),
                       void *ctx, firn_error *err)
{
    DCHECK(workspace != 0 || order == UINT64_MAX);
    if (catalog->checkpoints == NULL) {
        return FIRN_OK;
    }
    uint8_t prefix_bytes[FI_CATALOG_WORKSPACE_KEY_SIZE];
    fi_store_be32(prefix_bytes, workspace);
    firn_slice prefix = firn_bytes(prefix_bytes, sizeof prefix_bytes);
    struct fi_db_cursor_options options = {.prefix = workspace == 0 ? NULL : &prefix};
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(catalog->checkpoints, &options, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint8_t key[FI_CATALOG_KEY_SIZE];
    rc = order == UINT64_MAX
             ? fi_db_cursor_last(cursor, err)
             : fi_db_cursor_seek_before(cursor, fi_catalog_make_key(workspace, order, key), err);
    for (; rc == FIRN_OK && fi_db_cursor_valid(cursor); rc = fi_db_cursor_prev(cursor, err)) {
        struct fi_catalog_record record;
        FI_TRY(fi_catalog_record_decode(fi_db_cursor_value(cursor), &record, err));
        FI_TRY(visit(ctx, fi_db_cursor_value(cursor), &record, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_catalog_get(struct fi_catalog *catalog, uint32_t workspace, uint64_t order, struct fi_buf *out,
               struct fi_catalog_record *record, firn_error *err)
{
    uint8_t key[FI_CATALOG_KEY_SIZE];
    if (catalog->checkpoints == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    }
    int rc = fi_db_get(catalog->checkpoints, fi_catalog_make_key(workspace, order, key), out, err);
    return rc == FIRN_OK ? fi_catalog_record_decode(fi_buf_slice(out), record, err) : rc;
}

static int
take_newest(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct fi_buf *out = ctx;
    if (record->is_safety) {
        return FIRN_OK;
    }
    fi_buf_clear(out);
    return fi_buf_append_slice(out, bytes) == FIRN_OK
               ? FIRN_CANCELLED /* found: end the walk */
               : fi_error_no_memory(err, "a checkpoint's record");
}

int
fi_catalog_newest(struct fi_catalog *catalog, uint32_t workspace, struct fi_buf *out,
                  struct fi_catalog_record *record, firn_error *err)
{
    int rc = workspace == 0 ? FIRN_OK : fi_catalog_list(catalog, workspace, take_newest, out, err);
    if (rc == FIRN_OK) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    }
    return rc == FIRN_CANCELLED ? fi_catalog_record_decode(fi_buf_slice(out), record, err) : rc;
}

int
fi_catalog_unpacked(struct fi_catalog *catalog,
                    int (*visit)(void *ctx, firn_slice bytes, firn_error *err), void *ctx,
                    firn_error *err)
{
    struct fi_buf record = {0};
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(catalog->unpacked, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        rc = fi_db_get(catalog->checkpoints, fi_db_cursor_key(cursor), &record, err);
        if (rc == FIRN_NOT_FOUND) {
            continue;
        }
        if (rc == FIRN_OK) {
            rc = visit(ctx, fi_buf_slice(&record), err);
        }
        if (rc != FIRN_OK) {
            break;
        }
    }
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&record);
    return rc;
}

static int
batch_remove_unpacked(struct fi_catalog *catalog, struct firn_db_batch *batch, firn_error *err)
{
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(catalog->unpacked, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        FI_TRY(fi_db_batch_delete(batch, catalog->unpacked, fi_db_cursor_key(cursor), err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_catalog_put(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
               uint64_t order, firn_slice bytes, firn_error *err)
{
    uint8_t key_bytes[FI_CATALOG_KEY_SIZE];
    firn_slice key = fi_catalog_make_key(workspace, order, key_bytes);
    DCHECK(workspace != 0); /* numbers begin at 1: 0 means all workspaces */
    FI_TRY_RETURN(fi_db_batch_put(batch, catalog->checkpoints, key, bytes, err));
    return fi_db_batch_put(batch, catalog->unpacked, key, firn_bytes(NULL, 0), err);
}

int
fi_catalog_put_record(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                      const struct fi_catalog_record *record, firn_error *err)
{
    struct fi_buf value = {0};
    int rc = fi_catalog_record_encode(record, &value);
    rc = rc == FIRN_OK
             ? fi_catalog_put(catalog, batch, workspace, record->order, fi_buf_slice(&value), err)
             : fi_error_no_memory(err, "a checkpoint's record");
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_stage(struct fi_catalog *catalog, firn_slice root,
                 struct fi_catalog_workspace *workspace, const struct fi_catalog_record *record,
                 const struct fi_catalog_joint *joint, struct firn_db_batch *batch, firn_error *err)
{
    CHECK(record->order == workspace->next_order);
    CHECK(record->is_safety ? record->number == 0 : record->number == workspace->next_number);
    DCHECK(workspace->number != 0 && (joint == NULL || joint->join != NULL));
    struct fi_catalog_workspace after = *workspace;
    after.next_order++;
    after.next_number += record->is_safety ? 0 : 1;
    FI_TRY_RETURN(fi_catalog_put_record(catalog, batch, workspace->number, record, err));
    if (joint != NULL && joint->also != NULL) {
        CHECK(joint->also->is_safety && joint->also->number == 0);
        joint->also->order = after.next_order++;
        memcpy(joint->also->parent, record->parent, sizeof record->parent);
        FI_TRY_RETURN(fi_catalog_put_record(catalog, batch, workspace->number, joint->also, err));
    }
    FI_TRY_RETURN(fi_catalog_workspaces_put(catalog, batch, root, &after, err));
    if (joint != NULL) {
        FI_TRY_RETURN(joint->join(joint->ctx, batch, record, err));
    }
    DCHECK(after.next_order != workspace->next_order &&
           after.number == workspace->number); /* (I2) */
    DCHECK(fi_db_batch_count(batch) >= 3);     /* (I1): record, list and counters */
    *workspace = after;
    return FIRN_OK;
}

int
fi_catalog_stage_packed(struct fi_catalog *catalog, struct firn_db_batch *batch, firn_error *err)
{
    return batch_remove_unpacked(catalog, batch, err);
}

int
fi_catalog_commit(struct fi_catalog *catalog, firn_slice root,
                  struct fi_catalog_workspace *workspace, const struct fi_catalog_record *record,
                  bool records_were_packed, const struct fi_catalog_joint *joint, firn_error *err)
{
    struct fi_catalog_workspace after = *workspace;
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    if (records_were_packed) {
        FI_TRY(batch_remove_unpacked(catalog, batch, err));
    }
    FI_TRY(fi_catalog_stage(catalog, root, &after, record, joint, batch, err));
    FI_TRY(fi_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
    *workspace = after;
out:
    fi_db_batch_destroy(batch);
    return rc;
}
