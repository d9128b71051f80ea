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
firn_catalog_tags_make_key(uint32_t workspace, firn_slice name, struct firn_buf *out,
                           firn_error *err)
{
    DCHECK(out->size == 0);
    uint8_t number[WORKSPACE_SIZE];
    firn_store_be32(number, workspace);
    if (firn_buf_append(out, number, sizeof number) != FIRN_OK ||
        firn_buf_append_slice(out, name) != FIRN_OK) {
        return firn_error_no_memory(err, "a tag");
    }
    return FIRN_OK;
}

firn_slice
firn_catalog_tags_encode(const struct firn_catalog_tags_tag *tag,
                         uint8_t out[FIRN_CATALOG_TAGS_SIZE])
{
    out[0] = TAG_FORMAT;
    memcpy(out + 1, tag->id, sizeof tag->id);
    firn_store_le64(out + 1 + sizeof tag->id, tag->order);
    firn_store_le64(out + 1 + sizeof tag->id + 8, (uint64_t)tag->created_ns);
    return firn_bytes(out, FIRN_CATALOG_TAGS_SIZE);
}

int
firn_catalog_tags_decode(firn_slice value, struct firn_catalog_tags_tag *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(value);
    uint8_t format;
    uint64_t created;
    if (firn_reader_u8(&reader, &format)) {
        if (format != TAG_FORMAT) {
            return firn_error_set(err, FIRN_NEWER, "a tag has format %u, this version knows %u",
                                  format, TAG_FORMAT);
        }
        if (firn_reader_copy(&reader, out->id, sizeof out->id) &&
            firn_reader_le64(&reader, &out->order) && firn_reader_le64(&reader, &created) &&
            firn_reader_left(&reader) == 0) {
            out->created_ns = (int64_t)created;
            return FIRN_OK;
        }
    }
    return firn_error_set(err, FIRN_CORRUPT, "a tag's entry in the catalog is malformed");
}

static int
no_tag(firn_slice name, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint and no tag '%.*s'",
                          (int)name.size, (const char *)name.data);
}

int
firn_catalog_tags_find(struct firn_catalog *catalog, uint32_t workspace, firn_slice name,
                       struct firn_catalog_tags_tag *out, firn_error *err)
{
    struct firn_db_keyspace *tags;
    struct firn_buf key = {0};
    struct firn_buf value = {0};
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(firn_catalog_db(catalog), FIRN_CATALOG_TAGS, &tags, err));
    if (tags == NULL) {
        rc = FIRN_NOT_FOUND;
    } else {
        FIRN_TRY(firn_catalog_tags_make_key(workspace, name, &key, err));
        rc = firn_db_get(tags, firn_buf_slice(&key), &value, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = no_tag(name, err);
    } else if (rc == FIRN_OK) {
        rc = firn_catalog_tags_decode(firn_buf_slice(&value), out, err);
    }
out:
    firn_buf_deinit(&key);
    firn_buf_deinit(&value);
    return rc;
}

int
firn_catalog_tags_follow(struct firn_catalog *catalog, uint32_t workspace,
                         const struct firn_catalog_tags_tag *tag, struct firn_buf *out,
                         struct firn_catalog_record *record, firn_error *err)
{
    int rc = firn_catalog_get(catalog, workspace, tag->order, out, record, err);
    if (rc == FIRN_OK && memcmp(record->id, tag->id, sizeof tag->id) != 0) {
        rc = FIRN_NOT_FOUND;
    }
    return rc == FIRN_NOT_FOUND ? firn_error_set(err, rc, "the checkpoint that was tagged is gone")
                                : rc;
}

int
firn_catalog_tags_batch_put(struct firn_catalog *catalog, uint32_t workspace, firn_slice name,
                            const struct firn_catalog_tags_tag *tag, struct firn_db_batch *batch,
                            firn_error *err)
{
    uint8_t value[FIRN_CATALOG_TAGS_SIZE];
    struct firn_db_keyspace *tags;
    struct firn_buf key = {0};
    int rc;
    FIRN_TRY(firn_catalog_tags_make_key(workspace, name, &key, err));
    FIRN_TRY(firn_db_keyspace_open_if_any(firn_catalog_db(catalog), FIRN_CATALOG_TAGS, &tags, err));
    DCHECK(tags != NULL && workspace != 0);
    rc = firn_db_batch_put(batch, tags, firn_buf_slice(&key), firn_catalog_tags_encode(tag, value),
                           err);
out:
    firn_buf_deinit(&key);
    return rc;
}

int
firn_catalog_tags_put(struct firn_catalog *catalog, uint32_t workspace, firn_slice name,
                      const struct firn_catalog_tags_tag *tag, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(firn_catalog_tags_batch_put(catalog, workspace, name, tag, batch, err));
    rc = firn_db_write(firn_catalog_db(catalog), batch, FIRN_DURABILITY_FULL, err);
out:
    firn_db_batch_destroy(batch);
    return rc;
}

int
firn_catalog_tags_list(struct firn_catalog *catalog, uint32_t workspace,
                       int (*visit)(void *ctx, firn_slice name,
                                    const struct firn_catalog_tags_tag *tag, firn_error *err),
                       void *ctx, firn_error *err)
{
    uint8_t number[WORKSPACE_SIZE];
    firn_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct firn_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *tags;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(firn_catalog_db(catalog), FIRN_CATALOG_TAGS, &tags, err));
    if (tags == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_cursor_open(tags, &options, &cursor, err));
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        struct firn_catalog_tags_tag tag;
        firn_slice key = firn_db_cursor_key(cursor);
        DCHECK(firn_slice_has_prefix(key, prefix));
        firn_slice name = firn_bytes(key.data + WORKSPACE_SIZE, key.size - WORKSPACE_SIZE);
        FIRN_TRY(firn_catalog_tags_decode(firn_db_cursor_value(cursor), &tag, err));
        FIRN_TRY(visit(ctx, name, &tag, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

/* ---- the tags of one checkpoint ---- */

struct of_checkpoint {
    struct firn_catalog *catalog;
    uint32_t workspace;
    const uint8_t *id;
    struct firn_db_batch *batch; /* NULL: only search */
    bool is_found;
};

static int
meet_tag(void *ctx, firn_slice name, const struct firn_catalog_tags_tag *tag, firn_error *err)
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
    struct firn_buf key = {0};
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(firn_catalog_db(wanted->catalog), FIRN_CATALOG_TAGS,
                                          &tags, err));
    FIRN_TRY(firn_catalog_tags_make_key(wanted->workspace, name, &key, err));
    rc = firn_db_batch_delete(wanted->batch, tags, firn_buf_slice(&key), err);
out:
    firn_buf_deinit(&key);
    return rc;
}

int
firn_catalog_tags_has(struct firn_catalog *catalog, uint32_t workspace, const uint8_t *id,
                      bool *out, firn_error *err)
{
    struct of_checkpoint wanted = {.catalog = catalog, .workspace = workspace, .id = id};
    int rc = firn_catalog_tags_list(catalog, workspace, meet_tag, &wanted, err);
    *out = wanted.is_found;
    return rc;
}

int
firn_catalog_tags_batch_remove(struct firn_catalog *catalog, uint32_t workspace, const uint8_t *id,
                               struct firn_db_batch *batch, firn_error *err)
{
    struct of_checkpoint wanted = {
        .catalog = catalog, .workspace = workspace, .id = id, .batch = batch};
    return firn_catalog_tags_list(catalog, workspace, meet_tag, &wanted, err);
}
