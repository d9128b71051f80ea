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

struct collecting {
    struct firn_repair *repair;
    struct firn_hash_map ids; /* of struct known */
};

/* Which record has an id. */
struct known {
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    size_t index;
};

static uint64_t
id_hash(const void *id)
{
    uint64_t value;
    memcpy(&value, id, sizeof value);
    return value;
}

static bool
id_equal(const void *record, const void *key)
{
    return memcmp(record, key, FIRN_CATALOG_RECORD_ID_SIZE) == 0;
}

/* ---- records ---- */

int
firn_repair_records_encode(struct firn_repair_record *record, firn_error *err)
{
    struct firn_buf bytes = {0};
    int rc = firn_catalog_record_encode(&record->record, &bytes);
    if (rc != FIRN_OK) {
        return firn_error_no_memory(err, "a checkpoint's record");
    }
    struct firn_buf before = record->bytes;
    record->bytes = bytes;
    rc = firn_catalog_record_decode(firn_buf_slice(&record->bytes), &record->record, err);
    DCHECK(rc == FIRN_OK);
    firn_buf_deinit(&before);
    return rc;
}

/* Copies the bytes; the record then borrows from the copy. */
static int
set_record(struct firn_repair_record *to, const struct firn_repair_record *from, firn_slice bytes,
           firn_error *err)
{
    struct firn_buf room = to->bytes;
    firn_buf_clear(&room);
    int rc = firn_buf_append_slice(&room, bytes);
    *to = *from;
    to->bytes = room;
    return rc == FIRN_OK ? firn_catalog_record_decode(firn_buf_slice(&room), &to->record, err)
                         : firn_error_no_memory(err, "a checkpoint's record");
}

/* Of two records of one checkpoint, the later one is longer: a repair adds to its message, and a
 * forget adds to its list of forgotten paths. */
static size_t
length(const struct firn_catalog_record *record)
{
    return record->message.size + record->forgotten.size;
}

/* Keeps a copy: the first record of an id, or the newer of two in the log and the runs. */
static int
add_record(struct collecting *collecting, const struct firn_repair_record *found, firn_slice bytes,
           firn_error *err)
{
    struct firn_repair *repair = collecting->repair;
    const uint8_t *id = found->record.id;
    const struct known *before = firn_hash_map_find(&collecting->ids, id_hash(id), id);
    struct firn_repair_record *to;
    if (before != NULL && !found->is_listed) {
        DCHECK(before->index < firn_repair_record_count(repair));
        to = firn_repair_record_at(repair, before->index);
        bool is_newer = !to->is_listed && found->sequence > to->sequence;
        bool is_later =
            to->sequence == 0 && !to->is_listed && length(&found->record) > length(&to->record);
        if (!is_newer && !is_later) {
            return FIRN_OK;
        }
    } else {
        struct known known = {.index = firn_repair_record_count(repair)};
        const struct firn_repair_record empty = {0};
        memcpy(known.id, id, sizeof known.id);
        if (firn_buf_append(&repair->records, &empty, sizeof empty) != FIRN_OK ||
            (before == NULL &&
             firn_hash_map_insert(&collecting->ids, id_hash(id), &known) == NULL)) {
            return firn_error_no_memory(err, "a list of checkpoints");
        }
        to = firn_repair_record_at(repair, known.index);
    }
    return set_record(to, found, bytes, err);
}

/* ---- the catalog ---- */

int
firn_repair_records_add_workspace(struct firn_repair *repair, firn_slice root,
                                  const struct firn_repair_workspace *workspace, firn_error *err)
{
    struct firn_repair_workspace copy = *workspace;
    copy.root = firn_strndup((const char *)root.data, root.size);
    if (copy.root == NULL || firn_buf_append(&repair->workspaces, &copy, sizeof copy) != FIRN_OK) {
        firn_free(copy.root);
        return firn_error_no_memory(err, "a list of workspaces");
    }
    return FIRN_OK;
}

static int
delete_record(struct collecting *collecting, struct firn_db_keyspace *keyspace, firn_slice key,
              const firn_error *why, firn_error *err)
{
    struct firn_buf copy = {0};
    int rc = firn_buf_append_slice(&copy, key);
    firn_repair_tell(collecting->repair, firn_bytes(NULL, 0), why->text);
    rc = rc == FIRN_OK ? firn_db_delete(keyspace, firn_buf_slice(&copy), FIRN_DURABILITY_OS, err)
                       : firn_error_no_memory(err, "a key of the catalog");
    firn_buf_deinit(&copy);
    return rc;
}

static int
take_checkpoint(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    struct firn_repair_record found = {.is_listed = true};
    int rc = firn_catalog_record_decode(value, &found.record, err);
    if (rc == FIRN_OK && key.size != CHECKPOINT_KEY_SIZE) {
        rc = firn_error_set(err, FIRN_CORRUPT, "a checkpoint's key in the catalog is malformed");
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    found.workspace = firn_load_be32(key.data);
    found.order = firn_load_be64(key.data + 4);
    return add_record(collecting, &found, value, err);
}

static int
take_workspace(struct collecting *collecting, firn_slice key, firn_slice value, firn_error *err)
{
    struct firn_repair_workspace found = {.is_listed = true};
    firn_slice root;
    int rc = firn_catalog_workspaces_decode(key, value, &root, &found.entry, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    found.listed_orders = found.entry.next_order;
    return firn_repair_records_add_workspace(collecting->repair, root, &found, err);
}

/* Shows every entry of a keyspace; one that is malformed is removed. */
static int
read_keyspace(struct collecting *collecting, const char *name,
              int (*take)(struct collecting *collecting, firn_slice key, firn_slice value,
                          firn_error *err),
              firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    firn_error found;
    int rc = firn_db_keyspace_open(collecting->repair->opened.db, name, &keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_db_cursor_open(keyspace, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_db_cursor_first(cursor, err));
    while (firn_db_cursor_valid(cursor)) {
        firn_slice key = firn_db_cursor_key(cursor);
        rc = take(collecting, key, firn_db_cursor_value(cursor), &found);
        if (rc == FIRN_CORRUPT) {
            rc = delete_record(collecting, keyspace, key, &found, err);
        } else if (rc != FIRN_OK && err != NULL) {
            *err = found;
        }
        FIRN_TRY(rc);
        FIRN_TRY(firn_db_cursor_next(cursor, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

/* ---- the log and the runs ---- */

static int
meet_checkpoint(struct collecting *collecting, const struct firn_rescue_salvage_entry *entry,
                firn_error *err)
{
    DCHECK(entry->key.size == CHECKPOINT_KEY_SIZE);
    struct firn_repair_record found = {.sequence = entry->sequence};
    firn_error why;
    int rc = firn_catalog_record_decode(entry->value, &found.record, &why);
    if (rc != FIRN_OK) {
        return FIRN_OK; /* some other entry whose key is as long */
    }
    found.workspace = firn_load_be32(entry->key.data);
    found.order = firn_load_be64(entry->key.data + 4);
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
meet_deletion(struct firn_repair *repair, const struct firn_rescue_salvage_entry *entry,
              firn_error *err)
{
    DCHECK(entry->key.size == CHECKPOINT_KEY_SIZE && entry->is_of_log);
    const struct firn_repair_deletion deletion = {.keyspace = entry->keyspace,
                                                  .sequence = entry->sequence,
                                                  .workspace = firn_load_be32(entry->key.data),
                                                  .order = firn_load_be64(entry->key.data + 4)};
    return firn_buf_append(&repair->deletions, &deletion, sizeof deletion) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a list of deleted checkpoints");
}

static int
meet_workspace(struct firn_repair *repair, const struct firn_rescue_salvage_entry *entry,
               firn_error *err)
{
    struct firn_repair_workspace found = {.sequence = entry->sequence};
    firn_slice root;
    firn_error why;
    if (firn_catalog_workspaces_decode(entry->key, entry->value, &root, &found.entry, &why) !=
            FIRN_OK ||
        root.size == 0 || memchr(root.data, 0, root.size) != NULL ||
        found.entry.number == UINT32_MAX) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < firn_repair_workspace_count(repair); i++) {
        struct firn_repair_workspace *before = firn_repair_workspace_at(repair, i);
        if (before->entry.number != found.entry.number) {
            continue;
        }
        if (!before->is_listed && before->sequence < found.sequence) {
            char *copy = firn_strndup((const char *)root.data, root.size);
            if (copy == NULL) {
                return firn_error_no_memory(err, "a workspace");
            }
            firn_free(before->root);
            *before = found;
            before->root = copy;
        }
        return FIRN_OK;
    }
    return firn_repair_records_add_workspace(repair, root, &found, err);
}

static int
meet_tag(struct firn_repair *repair, const struct firn_rescue_salvage_entry *entry, firn_error *err)
{
    DCHECK(entry->key.size > WORKSPACE_KEY_SIZE && entry->value.size == TAG_SIZE);
    struct firn_repair_tag tag = {.workspace = firn_load_be32(entry->key.data),
                                  .sequence = entry->sequence};
    if (memchr(entry->key.data + 4, 0, entry->key.size - 4) != NULL) {
        return FIRN_OK;
    }
    memcpy(tag.id, entry->value.data + 1, sizeof tag.id);
    tag.created_ns = (int64_t)firn_load_le64(entry->value.data + 25);
    tag.name = firn_strndup((const char *)entry->key.data + 4, entry->key.size - 4);
    if (tag.name == NULL || firn_buf_append(&repair->tags, &tag, sizeof tag) != FIRN_OK) {
        firn_free(tag.name);
        return firn_error_no_memory(err, "a list of tags");
    }
    return FIRN_OK;
}

static int
meet(void *ctx, const struct firn_rescue_salvage_entry *entry, firn_error *err)
{
    struct collecting *collecting = ctx;
    bool is_put = entry->kind == FIRN_ENTRY_PUT;
    size_t size = entry->key.size;
    if (size == CHECKPOINT_KEY_SIZE && entry->kind == FIRN_ENTRY_DELETE && entry->is_of_log) {
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
    struct firn_repair *repair = collecting->repair;
    struct firn_repair_record found = {0};
    firn_slice bytes;
    firn_error why;
    int rc = firn_objects_read(repair->opened.objects, repair->scratch, hash, &bytes, &why);
    if (rc == FIRN_OK) {
        rc = firn_catalog_record_decode(bytes, &found.record, &why);
    }
    if (rc == FIRN_OK) {
        found.order = found.record.order;
        return add_record(collecting, &found, bytes, err);
    }
    if (rc == FIRN_CORRUPT) {
        firn_repair_tell(repair, firn_bytes(NULL, 0), why.text);
        return FIRN_OK;
    }
    firn_error_copy(err, &why);
    return rc;
}

static int
read_packs(struct collecting *collecting, firn_error *err)
{
    struct firn_db_keyspace *index;
    struct firn_db_cursor *cursor;
    int rc = firn_db_keyspace_open(collecting->repair->opened.db, FIRN_OBJECTS_INDEX_OBJECTS,
                                   &index, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_db_cursor_open(index, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_db_cursor_first(cursor, err));
    while (firn_db_cursor_valid(cursor)) {
        struct firn_objects_place place;
        firn_hash hash;
        FIRN_TRY(firn_objects_index_decode_hash(firn_db_cursor_key(cursor), &hash, err));
        FIRN_TRY(firn_objects_index_decode_place(firn_db_cursor_value(cursor), &place, err));
        if (place.at.kind == FIRN_PACKFILE_RECORD) {
            FIRN_TRY(read_object(collecting, &hash, err));
        }
        FIRN_TRY(firn_db_cursor_next(cursor, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

int
firn_repair_records_collect(struct firn_repair *repair, firn_error *err)
{
    struct collecting collecting = {.repair = repair};
    int rc;
    DCHECK(repair->records.size == 0 && repair->workspaces.size == 0 && repair->tags.size == 0);
    firn_hash_map_init(&collecting.ids, sizeof(struct known), id_hash, id_equal);
    FIRN_TRY(read_keyspace(&collecting, FIRN_CATALOG_WORKSPACES, take_workspace, err));
    FIRN_TRY(read_keyspace(&collecting, FIRN_CATALOG_CHECKPOINTS, take_checkpoint, err));
    if (!repair->is_current) {
        FIRN_TRY(firn_rescue_salvage(repair->place.from, meet, &collecting, err));
        FIRN_TRY(read_packs(&collecting, err));
    }
out:
    firn_hash_map_deinit(&collecting.ids);
    return rc;
}

void
firn_repair_records_release(struct firn_repair *repair)
{
    struct firn_repair_tag *tags = (void *)repair->tags.data;
    for (size_t i = 0; i < firn_repair_record_count(repair); i++) {
        firn_buf_deinit(&firn_repair_record_at(repair, i)->bytes);
    }
    for (size_t i = 0; i < firn_repair_workspace_count(repair); i++) {
        firn_free(firn_repair_workspace_at(repair, i)->root);
    }
    for (size_t i = 0; i < repair->tags.size / sizeof *tags; i++) {
        firn_free(tags[i].name);
    }
    firn_buf_deinit(&repair->records);
    firn_buf_deinit(&repair->workspaces);
    firn_buf_deinit(&repair->tags);
    firn_buf_deinit(&repair->deletions);
}
