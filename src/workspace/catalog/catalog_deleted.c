/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_deleted.c: checkpoints that a person deleted, for as long as they can be brought
 * back.
 *
 * A deleted checkpoint leaves the catalog in the commit that enters it here, with its tags, under
 * the same key; bringing it back is the reverse (I1; not checked: the two are in one batch). A
 * garbage collection keeps what these checkpoints need (reclaim_mark.c) until they are ended, which
 * removes the entry (reclaim_delete.c). Checkpoints that expire never come here.
 *
 * A store of an older version has no such keyspace: a reader finds nothing that was deleted. An
 * older version that opens this store does not know of it, and its collection frees what was
 * deleted.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog_internal.h"

enum { FORMAT = 1 };

static int
no_memory(firn_error *err)
{
    return firn_error_no_memory(err, "a deleted checkpoint");
}

static int
decode(firn_slice key, firn_slice value, struct firn_catalog_deleted *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(value);
    uint8_t format = 0;
    uint64_t time;
    *out = (struct firn_catalog_deleted){0};
    if (firn_reader_u8(&reader, &format) && format != FORMAT) {
        return firn_error_set(err, FIRN_NEWER,
                              "a deleted checkpoint has format %u, this version knows %u", format,
                              FORMAT);
    }
    if (key.size != FIRN_CATALOG_KEY_SIZE || format != FORMAT ||
        !firn_reader_le64(&reader, &time) || !firn_reader_sized(&reader, value.size, &out->tags)) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "a deleted checkpoint's entry in the catalog is malformed");
    }
    const size_t size = firn_reader_left(&reader);
    out->workspace = firn_load_be32(key.data);
    out->deleted_ns = (int64_t)time;
    out->bytes = firn_bytes(value.data + value.size - size, size);
    int rc = firn_catalog_record_decode(out->bytes, &out->record, err);
    if (rc == FIRN_OK &&
        firn_load_be64(key.data + FIRN_CATALOG_WORKSPACE_KEY_SIZE) != out->record.order) {
        rc = firn_error_set(err, FIRN_CORRUPT,
                            "a deleted checkpoint's entry has another checkpoint than its key");
    }
    return rc;
}

/* ---- deleting ---- */

struct tagged {
    const struct firn_catalog_record *record;
    struct firn_buf tags;
};

static int
take_tag(void *ctx, firn_slice name, const struct firn_catalog_tags_tag *tag, firn_error *err)
{
    struct tagged *tagged = ctx;
    if (memcmp(tag->id, tagged->record->id, sizeof tag->id) != 0) {
        return FIRN_OK;
    }
    return firn_buf_append_sized(&tagged->tags, name) == FIRN_OK &&
                   firn_buf_append_le64(&tagged->tags, (uint64_t)tag->created_ns) == FIRN_OK
               ? FIRN_OK
               : no_memory(err);
}

int
firn_catalog_deleted_add(struct firn_catalog *catalog, struct firn_db_batch *batch,
                         uint32_t workspace, const struct firn_catalog_record *record,
                         int64_t now_ns, firn_error *err)
{
    struct tagged tagged = {.record = record};
    struct firn_db_keyspace *deleted;
    struct firn_buf value = {0};
    uint8_t key[FIRN_CATALOG_KEY_SIZE];
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_DELETED, &deleted, err));
    DCHECK(deleted != NULL && workspace != 0);
    FIRN_TRY(firn_catalog_tags_list(catalog, workspace, take_tag, &tagged, err));
    if (firn_buf_append_u8(&value, FORMAT) != FIRN_OK ||
        firn_buf_append_le64(&value, (uint64_t)now_ns) != FIRN_OK ||
        firn_buf_append_sized(&value, firn_buf_slice(&tagged.tags)) != FIRN_OK ||
        firn_catalog_record_encode(record, &value) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    FIRN_TRY(firn_db_batch_put(batch, deleted, firn_catalog_make_key(workspace, record->order, key),
                               firn_buf_slice(&value), err));
    rc = firn_catalog_delete(catalog, batch, workspace, record, err); /* (I1) */
out:
    firn_buf_deinit(&tagged.tags);
    firn_buf_deinit(&value);
    return rc;
}

/* ---- what was deleted ---- */

int
firn_catalog_deleted_find(struct firn_catalog *catalog, uint32_t workspace, uint64_t order,
                          struct firn_buf *buf, struct firn_catalog_deleted *out, firn_error *err)
{
    uint8_t bytes[FIRN_CATALOG_KEY_SIZE];
    firn_slice key = firn_catalog_make_key(workspace, order, bytes);
    struct firn_db_keyspace *deleted;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_DELETED, &deleted, err));
    rc = deleted == NULL ? firn_error_set(err, FIRN_NOT_FOUND, "no checkpoint was deleted")
                         : firn_db_get(deleted, key, buf, err);
    rc = rc == FIRN_OK ? decode(key, firn_buf_slice(buf), out, err) : rc;
out:
    return rc;
}

int
firn_catalog_deleted_list(struct firn_catalog *catalog, uint32_t workspace,
                          int (*visit)(void *ctx, const struct firn_catalog_deleted *deleted,
                                       firn_error *err),
                          void *ctx, firn_error *err)
{
    uint8_t number[FIRN_CATALOG_WORKSPACE_KEY_SIZE];
    firn_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct firn_db_cursor_options options = {.prefix = workspace == 0 ? NULL : &prefix};
    struct firn_db_keyspace *deleted;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_DELETED, &deleted, err));
    if (deleted == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_cursor_open(deleted, &options, &cursor, err));
    for (rc = firn_db_cursor_last(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_prev(cursor, err)) {
        struct firn_catalog_deleted entry;
        FIRN_TRY(decode(firn_db_cursor_key(cursor), firn_db_cursor_value(cursor), &entry, err));
        FIRN_TRY(visit(ctx, &entry, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

int
firn_catalog_deleted_remove(struct firn_catalog *catalog, struct firn_db_batch *batch,
                            uint32_t workspace, uint64_t order, firn_error *err)
{
    struct firn_db_keyspace *deleted;
    uint8_t key[FIRN_CATALOG_KEY_SIZE];
    FIRN_TRY_RETURN(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_DELETED, &deleted, err));
    DCHECK(deleted != NULL);
    return firn_db_batch_delete(batch, deleted, firn_catalog_make_key(workspace, order, key), err);
}

/* A tag whose name names another checkpoint by now is not set again. */
static int
put_tags(struct firn_catalog *catalog, struct firn_db_batch *batch,
         const struct firn_catalog_deleted *deleted, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(deleted->tags);
    struct firn_catalog_tags_tag tag = {.order = deleted->record.order};
    memcpy(tag.id, deleted->record.id, sizeof tag.id);
    int rc = FIRN_OK;
    while (rc == FIRN_OK && firn_reader_left(&reader) > 0) {
        struct firn_catalog_tags_tag present;
        firn_slice name;
        uint64_t created;
        if (!firn_reader_sized(&reader, deleted->tags.size, &name) ||
            !firn_reader_le64(&reader, &created)) {
            return firn_error_set(err, FIRN_CORRUPT, "a deleted checkpoint's tags are malformed");
        }
        tag.created_ns = (int64_t)created;
        rc = firn_catalog_tags_find(catalog, deleted->workspace, name, &present, err);
        rc = rc != FIRN_NOT_FOUND
                 ? rc
                 : firn_catalog_tags_batch_put(catalog, deleted->workspace, name, &tag, batch, err);
    }
    return rc;
}

int
firn_catalog_deleted_bring_back(struct firn_catalog *catalog, struct firn_db_batch *batch,
                                const struct firn_catalog_deleted *deleted, firn_error *err)
{
    const uint64_t order = deleted->record.order;
    FIRN_TRY_RETURN(
        firn_catalog_put(catalog, batch, deleted->workspace, order, deleted->bytes, err));
    FIRN_TRY_RETURN(put_tags(catalog, batch, deleted, err));
    int rc = firn_catalog_deleted_remove(catalog, batch, deleted->workspace, order, err); /* (I1) */
    return rc;
}
