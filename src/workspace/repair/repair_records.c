/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_records.c: the checkpoints, workspaces and tags that can still be found.
 *
 * Three sources, in this order; if two of them have a checkpoint, by its id, the first counts:
 *   1. the catalog, as far as it was rescued;
 *   2. commits in the log, and runs, one by one: opening the store does not show them if something
 *      before them is damaged, or if it is not known which keyspace a run belongs to;
 *   3. objects of packs.
 * The last two are used only if the catalog is not known to be the newest state. Otherwise a record
 * that the catalog does not have is one of a checkpoint that was deleted.
 *
 * Entries of a run have no keyspace, so they are recognised by their form: a checkpoint by a key
 * that gives the same order as the record; a workspace by its whole encoding; a tag by its size,
 * and by an id that some checkpoint has (repair_catalog.c). The first checkpoint that is found in
 * the log shows the number of the keyspace of checkpoints there; with that number, deletions are
 * recognised.
 *
 * A record of a newer firn ends the repair: leaving it out would lose it.
 *
 * Memory: all records.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "objects/objects.h"
#include "repair/repair_internal.h"

enum { CHECKPOINT_KEY_SIZE = 12, WORKSPACE_KEY_SIZE = 4, TAG_SIZE = 33, TAG_FORMAT = 1 };

struct collecting;
typedef int taker(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err);

struct collecting {
    struct fi_repair *repair;
    struct fi_hash_map ids;            /* of struct known */
    struct firn_db_keyspace *keyspace; /* being read */
    taker *take;                       /* an entry of it, if it is one of the catalog's */
};

/* Which record has an id. */
struct known {
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    size_t index;
};

static bool
id_equal(const void *record, const void *key)
{
    return memcmp(record, key, FI_CATALOG_RECORD_ID_SIZE) == 0;
}

/* ---- records ---- */

int
fi_repair_records_encode(struct fi_repair_record *record, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc = fi_catalog_record_encode(&record->record, &bytes);
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "a checkpoint's record");
    }
    struct fi_buf before = record->bytes;
    record->bytes = bytes;
    rc = fi_catalog_record_decode(fi_buf_slice(&record->bytes), &record->record, err);
    DCHECK(rc == FIRN_OK);
    fi_buf_deinit(&before);
    return rc;
}

/* Copies the bytes; the record then borrows from the copy. */
static int
set_record(struct fi_repair_record *to, const struct fi_repair_record *from, firn_slice bytes,
           firn_error *err)
{
    struct fi_buf room = to->bytes;
    fi_buf_clear(&room);
    int rc = fi_buf_append_slice(&room, bytes);
    *to = *from;
    to->bytes = room;
    return rc == FIRN_OK ? fi_catalog_record_decode(fi_buf_slice(&room), &to->record, err)
                         : fi_error_no_memory(err, "a checkpoint's record");
}

/* Of two records of one checkpoint, the later one is longer: a repair adds to its message, and a
 * forget adds to its list of forgotten paths. */
static size_t
length(const struct fi_catalog_record *record)
{
    return record->message.size + record->forgotten.size;
}

/* Keeps a copy: the first record of an id, or the newer of two in the log and the runs. */
static int
add_record(struct collecting *collecting, const struct fi_repair_record *found, firn_slice bytes,
           firn_error *err)
{
    struct fi_repair *repair = collecting->repair;
    const uint8_t *id = found->record.id;
    const struct known *before = fi_hash_map_find(&collecting->ids, fi_hash_map_first(id), id);
    struct fi_repair_record *to;
    if (before != NULL && !found->is_listed) {
        DCHECK(before->index < fi_repair_record_count(repair));
        to = fi_repair_record_at(repair, before->index);
        bool is_newer = !to->is_listed && found->sequence > to->sequence;
        bool is_later =
            to->sequence == 0 && !to->is_listed && length(&found->record) > length(&to->record);
        if (!is_newer && !is_later) {
            return FIRN_OK;
        }
    } else {
        struct known known = {.index = fi_repair_record_count(repair)};
        const struct fi_repair_record empty = {0};
        memcpy(known.id, id, sizeof known.id);
        if (fi_buf_append(&repair->records, &empty, sizeof empty) != FIRN_OK ||
            (before == NULL &&
             fi_hash_map_insert(&collecting->ids, fi_hash_map_first(id), &known) == NULL)) {
            return fi_error_no_memory(err, "a list of checkpoints");
        }
        to = fi_repair_record_at(repair, known.index);
    }
    return set_record(to, found, bytes, err);
}

/* ---- the catalog ---- */

int
fi_repair_records_add_workspace(struct fi_repair *repair, firn_slice root,
                                const struct fi_repair_workspace *workspace, firn_error *err)
{
    struct fi_repair_workspace copy = *workspace;
    copy.root = fi_strndup((const char *)root.data, root.size);
    if (copy.root == NULL || fi_buf_append(&repair->workspaces, &copy, sizeof copy) != FIRN_OK) {
        fi_free(copy.root);
        return fi_error_no_memory(err, "a list of workspaces");
    }
    return FIRN_OK;
}

static int
delete_record(struct collecting *collecting, firn_slice key, const firn_error *why, firn_error *err)
{
    struct fi_buf copy = {0};
    int rc = fi_buf_append_slice(&copy, key);
    fi_repair_report_damage(collecting->repair, why->text);
    rc = rc == FIRN_OK
             ? fi_db_delete(collecting->keyspace, fi_buf_slice(&copy), FIRN_DURABILITY_OS, err)
             : fi_error_no_memory(err, "a key of the catalog");
    fi_buf_deinit(&copy);
    return rc;
}

static int
take_checkpoint(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    struct fi_repair_record found = {.is_listed = true};
    int rc = fi_catalog_record_decode(value, &found.record, err);
    if (rc == FIRN_OK && key.size != CHECKPOINT_KEY_SIZE) {
        rc = fi_error_set(err, FIRN_CORRUPT, "a checkpoint's key in the catalog is malformed");
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    found.workspace = fi_load_be32(key.data);
    found.order = fi_load_be64(key.data + 4);
    return add_record(collecting, &found, value, err);
}

static int
take_workspace(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    struct fi_repair_workspace found = {.is_listed = true};
    firn_slice root;
    int rc = fi_catalog_workspaces_decode(key, value, &root, &found.entry, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    found.listed_orders = found.entry.next_order;
    return fi_repair_records_add_workspace(collecting->repair, root, &found, err);
}

/* Shows every entry of a keyspace. */
static int
visit_keyspace(struct collecting *collecting, const char *name, taker *take, firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open(collecting->repair->opened.db, name, &collecting->keyspace, err));
    FI_TRY(fi_db_cursor_open(collecting->keyspace, NULL, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(take(collecting, fi_db_cursor_key(cursor), fi_db_cursor_value(cursor), err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* An entry of the catalog; one that is malformed is removed. */
static int
take_or_delete(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    firn_error found;
    int rc = collecting->take(collecting, key, value, &found);
    if (rc == FIRN_CORRUPT) {
        return delete_record(collecting, key, &found, err);
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &found);
    }
    return rc;
}

static int
read_catalog(struct collecting *collecting, const char *name, taker *take, firn_error *err)
{
    collecting->take = take;
    return visit_keyspace(collecting, name, take_or_delete, err);
}

/* ---- the log and the runs ---- */

static int
meet_checkpoint(struct collecting *collecting, const struct fi_rescue_salvage_entry *entry,
                firn_error *err)
{
    DCHECK(entry->key.size == CHECKPOINT_KEY_SIZE);
    struct fi_repair_record found = {.sequence = entry->sequence};
    firn_error why;
    int rc = fi_catalog_record_decode(entry->value, &found.record, &why);
    if (rc != FIRN_OK) {
        return FIRN_OK; /* some other entry whose key is as long */
    }
    found.workspace = fi_load_be32(entry->key.data);
    found.order = fi_load_be64(entry->key.data + 4);
    if (found.workspace == 0 || found.workspace == UINT32_MAX ||
        found.order != found.record.order) {
        return FIRN_OK;
    }
    if (entry->is_of_log) {
        collecting->repair->keyspace = entry->keyspace;
    }
    return add_record(collecting, &found, entry->value, err);
}

static int
meet_deletion(struct fi_repair *repair, const struct fi_rescue_salvage_entry *entry,
              firn_error *err)
{
    DCHECK(entry->key.size == CHECKPOINT_KEY_SIZE && entry->is_of_log);
    const struct fi_repair_deletion deletion = {.keyspace = entry->keyspace,
                                                .sequence = entry->sequence,
                                                .workspace = fi_load_be32(entry->key.data),
                                                .order = fi_load_be64(entry->key.data + 4)};
    return fi_buf_append(&repair->deletions, &deletion, sizeof deletion) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of deleted checkpoints");
}

static int
meet_workspace(struct fi_repair *repair, const struct fi_rescue_salvage_entry *entry,
               firn_error *err)
{
    struct fi_repair_workspace found = {.sequence = entry->sequence};
    firn_slice root;
    firn_error why;
    if (fi_catalog_workspaces_decode(entry->key, entry->value, &root, &found.entry, &why) !=
            FIRN_OK ||
        root.size == 0 || memchr(root.data, 0, root.size) != NULL ||
        found.entry.number == UINT32_MAX) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        struct fi_repair_workspace *before = fi_repair_workspace_at(repair, i);
        if (before->entry.number != found.entry.number) {
            continue;
        }
        if (!before->is_listed && before->sequence < found.sequence) {
            char *copy = fi_strndup((const char *)root.data, root.size);
            if (copy == NULL) {
                return fi_error_no_memory(err, "a workspace");
            }
            fi_free(before->root);
            *before = found;
            before->root = copy;
        }
        return FIRN_OK;
    }
    return fi_repair_records_add_workspace(repair, root, &found, err);
}

static int
meet_tag(struct fi_repair *repair, const struct fi_rescue_salvage_entry *entry, firn_error *err)
{
    DCHECK(entry->key.size > WORKSPACE_KEY_SIZE && entry->value.size == TAG_SIZE);
    struct fi_repair_tag tag = {.workspace = fi_load_be32(entry->key.data),
                                .sequence = entry->sequence};
    if (memchr(entry->key.data + 4, 0, entry->key.size - 4) != NULL) {
        return FIRN_OK;
    }
    memcpy(tag.id, entry->value.data + 1, sizeof tag.id);
    tag.created_ns = (int64_t)fi_load_le64(entry->value.data + 25);
    tag.name = fi_strndup((const char *)entry->key.data + 4, entry->key.size - 4);
    if (tag.name == NULL || fi_buf_append(&repair->tags, &tag, sizeof tag) != FIRN_OK) {
        fi_free(tag.name);
        return fi_error_no_memory(err, "a list of tags");
    }
    return FIRN_OK;
}

static int
repair_records_meet(void *ctx, const struct fi_rescue_salvage_entry *entry, firn_error *err)
{
    struct collecting *collecting = ctx;
    bool is_put = entry->kind == FI_ENTRY_PUT;
    size_t size = entry->key.size;
    if (size == CHECKPOINT_KEY_SIZE && entry->kind == FI_ENTRY_DELETE && entry->is_of_log) {
        return meet_deletion(collecting->repair, entry, err);
    }
    if (size == CHECKPOINT_KEY_SIZE && is_put && entry->value.size > TAG_SIZE) {
        return meet_checkpoint(collecting, entry, err);
    }
    if (size == WORKSPACE_KEY_SIZE && is_put) {
        return meet_workspace(collecting->repair, entry, err);
    }
    if (size > WORKSPACE_KEY_SIZE && is_put && entry->value.size == TAG_SIZE &&
        entry->value.data[0] == TAG_FORMAT) {
        return meet_tag(collecting->repair, entry, err);
    }
    return FIRN_OK;
}

/* ---- packs ---- */

static int
read_object(struct collecting *collecting, const firn_hash *hash, firn_error *err)
{
    struct fi_repair *repair = collecting->repair;
    struct fi_repair_record found = {0};
    firn_slice bytes;
    firn_error why;
    int rc = fi_objects_read(repair->opened.objects, repair->scratch, hash, &bytes, &why);
    if (rc == FIRN_OK) {
        rc = fi_catalog_record_decode(bytes, &found.record, &why);
    }
    if (rc == FIRN_OK) {
        found.order = found.record.order;
        return add_record(collecting, &found, bytes, err);
    }
    if (rc == FIRN_CORRUPT) {
        fi_repair_report_damage(repair, why.text);
        return FIRN_OK;
    }
    fi_error_copy(err, &why);
    return rc;
}

static int
meet_object(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    struct fi_objects_place place;
    firn_hash hash;
    FI_TRY_RETURN(fi_objects_index_decode_hash(key, &hash, err));
    FI_TRY_RETURN(fi_objects_index_decode_place(value, &place, err));
    if (place.at.kind == FI_PACK_RECORD) {
        FI_TRY_RETURN(read_object(collecting, &hash, err));
    }
    return FIRN_OK;
}

int
fi_repair_records_collect(struct fi_repair *repair, firn_error *err)
{
    struct collecting collecting = {.repair = repair};
    int rc;
    DCHECK(repair->records.size == 0 && repair->workspaces.size == 0 && repair->tags.size == 0);
    fi_hash_map_init(&collecting.ids, sizeof(struct known), fi_hash_map_first, id_equal);
    FI_TRY(read_catalog(&collecting, FI_CATALOG_WORKSPACES, take_workspace, err));
    FI_TRY(read_catalog(&collecting, FI_CATALOG_CHECKPOINTS, take_checkpoint, err));
    if (!repair->is_current) {
        FI_TRY(fi_rescue_salvage(repair->place.from, repair_records_meet, &collecting, err));
        FI_TRY(visit_keyspace(&collecting, FI_OBJECTS_INDEX_OBJECTS, meet_object, err));
    }
out:
    fi_hash_map_deinit(&collecting.ids);
    return rc;
}

void
fi_repair_records_release(struct fi_repair *repair)
{
    struct fi_repair_tag *tags = (void *)repair->tags.data;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        fi_buf_deinit(&fi_repair_record_at(repair, i)->bytes);
    }
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        fi_free(fi_repair_workspace_at(repair, i)->root);
    }
    for (size_t i = 0; i < repair->tags.size / sizeof *tags; i++) {
        fi_free(tags[i].name);
    }
    fi_buf_deinit(&repair->records);
    fi_buf_deinit(&repair->workspaces);
    fi_buf_deinit(&repair->tags);
    fi_buf_deinit(&repair->deletions);
}
