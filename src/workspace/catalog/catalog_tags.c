/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_tags.c: the tags of a workspace, in a keyspace of their own.
 *
 * A tag names a checkpoint by its id. The order in the tag is part of the record's key, so
 * following a tag is one look-up, however many checkpoints there are. reference.c defines which
 * names a tag may have, and ws_tag.c checks them; names in the catalog are not checked again here,
 * so that a later version may allow more.
 *
 * A store without tags has no such keyspace: a reader finds no tags, and a writer makes the
 * keyspace only with the first tag.
 */
#include "catalog/catalog_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"

enum { TAG_FORMAT = 1, WORKSPACE_SIZE = 4 };

int
fi_catalog_tags_make_key(uint32_t workspace, firn_slice name, struct fi_buf *out, firn_error *err)
{
    DCHECK(out->size == 0);
    uint8_t number[WORKSPACE_SIZE];
    fi_store_be32(number, workspace);
    if (fi_buf_append(out, number, sizeof number) != FIRN_OK ||
        fi_buf_append_slice(out, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a tag");
    }
    return FIRN_OK;
}

firn_slice
fi_catalog_tags_encode(const struct fi_catalog_tags_tag *tag, uint8_t out[FI_CATALOG_TAGS_SIZE])
{
    out[0] = TAG_FORMAT;
    memcpy(out + 1, tag->id, sizeof tag->id);
    fi_store_le64(out + 1 + sizeof tag->id, tag->order);
    fi_store_le64(out + 1 + sizeof tag->id + 8, (uint64_t)tag->created_ns);
    return firn_bytes(out, FI_CATALOG_TAGS_SIZE);
}

int
fi_catalog_tags_decode(firn_slice value, struct fi_catalog_tags_tag *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format;
    uint64_t created;
    if (fi_reader_u8(&reader, &format)) {
        if (format != TAG_FORMAT) {
            return fi_error_set(err, FIRN_NEWER, "a tag has format %u, this version knows %u",
                                format, TAG_FORMAT);
        }
        if (fi_reader_copy(&reader, out->id, sizeof out->id) &&
            fi_reader_le64(&reader, &out->order) && fi_reader_le64(&reader, &created) &&
            fi_reader_left(&reader) == 0) {
            out->created_ns = (int64_t)created;
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_CORRUPT, "a tag's entry in the catalog is malformed");
}

static int
no_tag(firn_slice name, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint and no tag '%.*s'",
                        (int)name.size, (const char *)name.data);
}

int
fi_catalog_tags_find(struct fi_catalog *catalog, uint32_t workspace, firn_slice name,
                     struct fi_catalog_tags_tag *out, firn_error *err)
{
    struct firn_db_keyspace *tags;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(fi_catalog_db(catalog), FI_CATALOG_TAGS, &tags, err));
    if (tags == NULL) {
        rc = FIRN_NOT_FOUND;
    } else {
        FI_TRY(fi_catalog_tags_make_key(workspace, name, &key, err));
        rc = fi_db_get(tags, fi_buf_slice(&key), &value, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = no_tag(name, err);
    } else if (rc == FIRN_OK) {
        rc = fi_catalog_tags_decode(fi_buf_slice(&value), out, err);
    }
out:
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_tags_follow(struct fi_catalog *catalog, uint32_t workspace,
                       const struct fi_catalog_tags_tag *tag, struct fi_buf *out,
                       struct fi_catalog_record *record, firn_error *err)
{
    int rc = fi_catalog_get(catalog, workspace, tag->order, out, record, err);
    if (rc == FIRN_OK && memcmp(record->id, tag->id, sizeof tag->id) != 0) {
        rc = FIRN_NOT_FOUND;
    }
    return rc == FIRN_NOT_FOUND ? fi_error_set(err, rc, "the checkpoint that was tagged is gone")
                                : rc;
}

int
fi_catalog_tags_batch_put(struct fi_catalog *catalog, uint32_t workspace, firn_slice name,
                          const struct fi_catalog_tags_tag *tag, struct firn_db_batch *batch,
                          firn_error *err)
{
    uint8_t value[FI_CATALOG_TAGS_SIZE];
    struct firn_db_keyspace *tags;
    struct fi_buf key = {0};
    int rc;
    FI_TRY(fi_catalog_tags_make_key(workspace, name, &key, err));
    FI_TRY(fi_db_keyspace_open_if_any(fi_catalog_db(catalog), FI_CATALOG_TAGS, &tags, err));
    DCHECK(tags != NULL && workspace != 0);
    rc = fi_db_batch_put(batch, tags, fi_buf_slice(&key), fi_catalog_tags_encode(tag, value), err);
out:
    fi_buf_deinit(&key);
    return rc;
}

int
fi_catalog_tags_put(struct fi_catalog *catalog, uint32_t workspace, firn_slice name,
                    const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_tags_batch_put(catalog, workspace, name, tag, batch, err));
    rc = fi_db_write(fi_catalog_db(catalog), batch, FIRN_DURABILITY_FULL, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

int
fi_catalog_tags_list(struct fi_catalog *catalog, uint32_t workspace,
                     int (*visit)(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag,
                                  firn_error *err),
                     void *ctx, firn_error *err)
{
    uint8_t number[WORKSPACE_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *tags;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(fi_catalog_db(catalog), FI_CATALOG_TAGS, &tags, err));
    if (tags == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(tags, &options, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_catalog_tags_tag tag;
        firn_slice key = fi_db_cursor_key(cursor);
        DCHECK(fi_slice_has_prefix(key, prefix));
        firn_slice name = firn_bytes(key.data + WORKSPACE_SIZE, key.size - WORKSPACE_SIZE);
        FI_TRY(fi_catalog_tags_decode(fi_db_cursor_value(cursor), &tag, err));
        FI_TRY(visit(ctx, name, &tag, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* ---- the tags of one checkpoint ---- */

struct of_checkpoint {
    struct fi_catalog *catalog;
    uint32_t workspace;
    const uint8_t *id;
    struct firn_db_batch *batch; /* NULL: only search */
    bool is_found;
};

static int
meet_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct of_checkpoint *wanted = ctx;
    if (memcmp(tag->id, wanted->id, sizeof tag->id) != 0) {
        return FIRN_OK;
    }
    wanted->is_found = true;
    if (wanted->batch == NULL) {
        return FIRN_OK;
    }
    struct firn_db_keyspace *tags;
    struct fi_buf key = {0};
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(fi_catalog_db(wanted->catalog), FI_CATALOG_TAGS, &tags, err));
    FI_TRY(fi_catalog_tags_make_key(wanted->workspace, name, &key, err));
    rc = fi_db_batch_delete(wanted->batch, tags, fi_buf_slice(&key), err);
out:
    fi_buf_deinit(&key);
    return rc;
}

int
fi_catalog_tags_has(struct fi_catalog *catalog, uint32_t workspace, const uint8_t *id, bool *out,
                    firn_error *err)
{
    struct of_checkpoint wanted = {.catalog = catalog, .workspace = workspace, .id = id};
    int rc = fi_catalog_tags_list(catalog, workspace, meet_tag, &wanted, err);
    *out = wanted.is_found;
    return rc;
}

int
fi_catalog_tags_batch_remove(struct fi_catalog *catalog, uint32_t workspace, const uint8_t *id,
                             struct firn_db_batch *batch, firn_error *err)
{
    struct of_checkpoint wanted = {
        .catalog = catalog, .workspace = workspace, .id = id, .batch = batch};
    return fi_catalog_tags_list(catalog, workspace, meet_tag, &wanted, err);
}

int
fi_catalog_tags_batch_delete(struct fi_catalog *catalog, uint32_t workspace, firn_slice name,
                             struct firn_db_batch *batch, firn_error *err)
{
    struct firn_db_keyspace *tags;
    struct fi_buf key = {0};
    int rc;
    FI_TRY(fi_db_keyspace_open(catalog->db, FI_CATALOG_TAGS, &tags, err));
    FI_TRY(fi_catalog_tags_make_key(workspace, name, &key, err));
    rc = fi_db_batch_delete(batch, tags, fi_buf_slice(&key), err);
out:
    fi_buf_deinit(&key);
    return rc;
}
