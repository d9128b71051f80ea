/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_deleted.c: checkpoints that a person deleted, for as long as they can be brought
 * back.
 *
 * A deleted checkpoint leaves the catalog in the commit that enters it here, with its tags, under
 * the same key; bringing it back is the reverse (I1; not checked: the two are in one batch). A
 * garbage collection keeps what these checkpoints need (gc_mark.c) until they are ended, which
 * removes the entry (gc_delete.c). Checkpoints that expire never come here.
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
    return fi_error_no_memory(err, "a deleted checkpoint");
}

static int
catalog_deleted_decode(firn_slice key, firn_slice value, struct fi_catalog_deleted *out,
                       firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format = 0;
    uint64_t time;
    *out = (struct fi_catalog_deleted){0};
    if (fi_reader_u8(&reader, &format) && format != FORMAT) {
        return fi_error_set(err, FIRN_NEWER,
                            "a deleted checkpoint has format %u, this version knows %u", format,
                            FORMAT);
    }
    if (key.size != FI_CATALOG_KEY_SIZE || format != FORMAT || !fi_reader_le64(&reader, &time) ||
        !fi_reader_sized(&reader, value.size, &out->tags)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "a deleted checkpoint's entry in the catalog is malformed");
    }
    const size_t size = fi_reader_left(&reader);
    out->workspace = fi_load_be32(key.data);
    out->deleted_ns = (int64_t)time;
    out->bytes = firn_bytes(value.data + value.size - size, size);
    int rc = fi_catalog_record_decode(out->bytes, &out->record, err);
    if (rc == FIRN_OK &&
        fi_load_be64(key.data + FI_CATALOG_WORKSPACE_KEY_SIZE) != out->record.order) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a deleted checkpoint's entry has another checkpoint than its key");
    }
    return rc;
}

/* ---- deleting ---- */

struct tagged {
    const struct fi_catalog_record *record;
    struct fi_buf tags;
};

static int
take_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct tagged *tagged = ctx;
    if (memcmp(tag->id, tagged->record->id, sizeof tag->id) != 0) {
        return FIRN_OK;
    }
    return fi_buf_append_sized(&tagged->tags, name) == FIRN_OK &&
                   fi_buf_append_le64(&tagged->tags, (uint64_t)tag->created_ns) == FIRN_OK
               ? FIRN_OK
               : no_memory(err);
}

int
fi_catalog_deleted_add(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                       const struct fi_catalog_record *record, int64_t now_ns, firn_error *err)
{
    struct tagged tagged = {.record = record};
    struct firn_db_keyspace *deleted;
    struct fi_buf value = {0};
    uint8_t key[FI_CATALOG_KEY_SIZE];
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_DELETED, &deleted, err));
    DCHECK(deleted != NULL && workspace != 0);
    FI_TRY(fi_catalog_tags_list(catalog, workspace, take_tag, &tagged, err));
    if (fi_buf_append_u8(&value, FORMAT) != FIRN_OK ||
        fi_buf_append_le64(&value, (uint64_t)now_ns) != FIRN_OK ||
        fi_buf_append_sized(&value, fi_buf_slice(&tagged.tags)) != FIRN_OK ||
        fi_catalog_record_encode(record, &value) != FIRN_OK) {
        rc = no_memory(err);
        goto out;
    }
    FI_TRY(fi_db_batch_put(batch, deleted, fi_catalog_make_key(workspace, record->order, key),
                           fi_buf_slice(&value), err));
    rc = fi_catalog_delete(catalog, batch, workspace, record, err); /* (I1) */
out:
    fi_buf_deinit(&tagged.tags);
    fi_buf_deinit(&value);
    return rc;
}

/* ---- what was deleted ---- */

int
fi_catalog_deleted_find(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                        struct fi_buf *buf, struct fi_catalog_deleted *out, firn_error *err)
{
    uint8_t bytes[FI_CATALOG_KEY_SIZE];
    firn_slice key = fi_catalog_make_key(workspace, order, bytes);
    struct firn_db_keyspace *deleted;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_DELETED, &deleted, err));
    rc = deleted == NULL ? fi_error_set(err, FIRN_NOT_FOUND, "no checkpoint was deleted")
                         : fi_db_get(deleted, key, buf, err);
    rc = rc == FIRN_OK ? catalog_deleted_decode(key, fi_buf_slice(buf), out, err) : rc;
out:
    return rc;
}

int
fi_catalog_deleted_list(struct fi_catalog *catalog, uint32_t workspace,
                        int (*visit)(void *ctx, const struct fi_catalog_deleted *deleted,
                                     firn_error *err),
                        void *ctx, firn_error *err)
{
    uint8_t number[FI_CATALOG_WORKSPACE_KEY_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = workspace == 0 ? NULL : &prefix};
    struct firn_db_keyspace *deleted;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_DELETED, &deleted, err));
    if (deleted == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(deleted, &options, &cursor, err));
    for (rc = fi_db_cursor_last(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_prev(cursor, err)) {
        struct fi_catalog_deleted entry;
        FI_TRY(catalog_deleted_decode(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor), &entry,
                                      err));
        FI_TRY(visit(ctx, &entry, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_catalog_deleted_remove(struct fi_catalog *catalog, struct firn_db_batch *batch,
                          uint32_t workspace, uint64_t order, firn_error *err)
{
    struct firn_db_keyspace *deleted;
    uint8_t key[FI_CATALOG_KEY_SIZE];
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_DELETED, &deleted, err));
    DCHECK(deleted != NULL);
    return fi_db_batch_delete(batch, deleted, fi_catalog_make_key(workspace, order, key), err);
}

/* A tag whose name names another checkpoint by now is not set again. */
static int
put_tags(struct fi_catalog *catalog, struct firn_db_batch *batch,
         const struct fi_catalog_deleted *deleted, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(deleted->tags);
    struct fi_catalog_tags_tag tag = {.order = deleted->record.order};
    memcpy(tag.id, deleted->record.id, sizeof tag.id);
    int rc = FIRN_OK;
    while (rc == FIRN_OK && fi_reader_left(&reader) > 0) {
        struct fi_catalog_tags_tag present;
        firn_slice name;
        uint64_t created;
        if (!fi_reader_sized(&reader, deleted->tags.size, &name) ||
            !fi_reader_le64(&reader, &created)) {
            return fi_error_set(err, FIRN_CORRUPT, "a deleted checkpoint's tags are malformed");
        }
        tag.created_ns = (int64_t)created;
        rc = fi_catalog_tags_find(catalog, deleted->workspace, name, &present, err);
        rc = rc != FIRN_NOT_FOUND
                 ? rc
                 : fi_catalog_tags_batch_put(catalog, deleted->workspace, name, &tag, batch, err);
    }
    return rc;
}

int
fi_catalog_deleted_bring_back(struct fi_catalog *catalog, struct firn_db_batch *batch,
                              const struct fi_catalog_deleted *deleted, firn_error *err)
{
    const uint64_t order = deleted->record.order;
    FI_TRY_RETURN(fi_catalog_put(catalog, batch, deleted->workspace, order, deleted->bytes, err));
    FI_TRY_RETURN(put_tags(catalog, batch, deleted, err));
    int rc = fi_catalog_deleted_remove(catalog, batch, deleted->workspace, order, err); /* (I1) */
    return rc;
}
