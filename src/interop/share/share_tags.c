/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_tags.c: the tags of lines that are here become those that the remote has.
 *
 * A tag counts only if its checkpoint is here, in the same line, and if it is a name that a user
 * could have given.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "reference/reference.h"
#include "share/share_internal.h"

enum { TAG_FORMAT = 1, ID_SIZE = FI_CATALOG_RECORD_ID_SIZE };

/* The tags of one line. */
struct bringing {
    struct fi_share *share;
    struct firn_db_batch *batch;
    struct fi_catalog_line line;
    struct fi_buf prefix; /* of keys: "tag/<line>/" */
};

/* The tag of an entry; false if it does not count. */
static bool
read_tag(const struct bringing *bringing, const struct fi_remote_item *entry, firn_slice *out_name,
         struct fi_catalog_tags_tag *out)
{
    const struct fi_remote_table *entries = &bringing->share->remote.state.entries;
    const size_t prefix = bringing->prefix.size;
    char key[FI_SHARE_KEY_SIZE];
    struct fi_share_checkpoint checkpoint;
    struct fi_catalog_record record;
    char line[2 * FI_SHARE_LINE_SIZE + 1];
    if (entry->key.size <= prefix || memcmp(entry->key.data, bringing->prefix.data, prefix) != 0 ||
        entry->value.size != 1 + ID_SIZE + 8 || entry->value.data[0] != TAG_FORMAT) {
        return false;
    }
    *out_name = firn_bytes(entry->key.data + prefix, entry->key.size - prefix);
    memcpy(out->id, entry->value.data + 1, ID_SIZE);
    out->created_ns = (int64_t)fi_load_le64(entry->value.data + 1 + ID_SIZE);
    const struct fi_remote_item *of =
        fi_remote_table_find(entries, fi_share_entry_key(FI_SHARE_ENTRY_CHECKPOINT, out->id, key));
    if (!fi_reference_is_name(*out_name) || of == NULL ||
        fi_share_entry_decode_checkpoint(of->value, &checkpoint, NULL) != FIRN_OK ||
        fi_catalog_record_decode(checkpoint.record, &record, NULL) != FIRN_OK) {
        return false;
    }
    out->order = record.order;
    fi_hex_encode(checkpoint.line, sizeof checkpoint.line, line);
    return memcmp(line, bringing->line.id.data, bringing->line.id.size) == 0;
}

static int
bring_tag(struct bringing *bringing, firn_slice name, const struct fi_catalog_tags_tag *tag,
          firn_error *err)
{
    struct fi_catalog *catalog = bringing->share->opened.catalog;
    const uint32_t workspace = bringing->line.workspace.number;
    struct fi_catalog_tags_tag there;
    struct fi_catalog_record record;
    struct firn_db_keyspace *tags;
    struct fi_buf bytes = {0};
    int rc = fi_catalog_tags_find(catalog, workspace, name, &there, err);
    if (rc == FIRN_OK && memcmp(there.id, tag->id, sizeof there.id) == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    rc = fi_catalog_tags_follow(catalog, workspace, tag, &bytes, &record, err);
    fi_buf_deinit(&bytes);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* its checkpoint could not be brought */
    }
    FI_TRY_RETURN(rc);
    FI_TRY_RETURN(
        fi_db_keyspace_open(fi_catalog_db(catalog), FI_CATALOG_TAGS, &tags, err)); /* made if new */
    return fi_catalog_tags_batch_put(catalog, workspace, name, tag, bringing->batch, err);
}

/* A tag that is here: does the remote still have it? */
static int
check_tag(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct bringing *bringing = ctx;
    const size_t size = bringing->prefix.size;
    (void)tag;
    if (fi_buf_append_slice(&bringing->prefix, name) != FIRN_OK) {
        return fi_error_no_memory(err, "a tag");
    }
    bool is_there = fi_remote_table_find(&bringing->share->remote.state.entries,
                                         fi_buf_slice(&bringing->prefix)) != NULL;
    bringing->prefix.size = size;
    return is_there ? FIRN_OK
                    : fi_catalog_tags_batch_delete(bringing->share->opened.catalog,
                                                   bringing->line.workspace.number, name,
                                                   bringing->batch, err);
}

static int
bring_line(void *ctx, const struct fi_catalog_line *line, firn_error *err)
{
    struct bringing *bringing = ctx;
    const struct fi_remote_table *entries = &bringing->share->remote.state.entries;
    bringing->line = *line;
    fi_buf_clear(&bringing->prefix);
    if (fi_buf_append_format(&bringing->prefix, FI_SHARE_ENTRY_TAG "%.*s/", (int)line->id.size,
                             (const char *)line->id.data) != FIRN_OK) {
        return fi_error_no_memory(err, "a tag");
    }
    for (size_t i = 0; i < entries->count; i++) {
        struct fi_catalog_tags_tag tag;
        firn_slice name;
        if (read_tag(bringing, &entries->items[i], &name, &tag)) {
            FI_TRY_RETURN(bring_tag(bringing, name, &tag, err));
        }
    }
    return fi_catalog_tags_list(bringing->share->opened.catalog, line->workspace.number, check_tag,
                                bringing, err);
}

int
fi_share_tags_bring(struct fi_share *share, firn_error *err)
{
    struct bringing bringing = {.share = share};
    int rc;
    FI_TRY(fi_db_batch_create(&bringing.batch, err));
    FI_TRY(fi_catalog_lines_list(share->opened.catalog, firn_str(share->name.name), bring_line,
                                 &bringing, err));
    if (fi_db_batch_count(bringing.batch) > 0) {
        rc = fi_db_write(share->opened.db, bringing.batch, FIRN_DURABILITY_FULL, err);
    }
out:
    fi_db_batch_destroy(bringing.batch);
    fi_buf_deinit(&bringing.prefix);
    return rc;
}
