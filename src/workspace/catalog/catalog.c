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
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog_internal.h"
#include "os/os.h"
#include "reference/reference.h"

enum { WORKSPACE_KEY_SIZE = 4, CHECKPOINT_KEY_SIZE = 12 };

int
firn_catalog_open(struct firn_db *db, struct firn_catalog **out, firn_error *err)
{
    *out = NULL;
    struct firn_catalog *catalog = firn_alloc_zeroed(sizeof *catalog);
    if (catalog == NULL) {
        return firn_error_no_memory(err, "the catalog");
    }
    catalog->db = db;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(db, FIRN_CATALOG_WORKSPACES, &catalog->workspaces, err));
    FIRN_TRY(
        firn_db_keyspace_open_if_any(db, FIRN_CATALOG_CHECKPOINTS, &catalog->checkpoints, err));
    FIRN_TRY(firn_db_keyspace_open_if_any(db, FIRN_CATALOG_UNPACKED, &catalog->unpacked, err));
    *out = catalog;
    return FIRN_OK;
out:
    firn_catalog_close(catalog);
    return rc;
}

void
firn_catalog_close(struct firn_catalog *catalog)
{
    firn_free(catalog);
}

struct firn_db *
firn_catalog_db(const struct firn_catalog *catalog)
{
    return catalog->db;
}

/* ---- checkpoints ---- */

/* The key of a checkpoint, and of its pin. */
static firn_slice
make_key(uint32_t workspace, uint64_t order, uint8_t out[CHECKPOINT_KEY_SIZE])
{
    firn_store_be32(out, workspace);
    firn_store_be64(out + WORKSPACE_KEY_SIZE, order);
    return firn_bytes(out, CHECKPOINT_KEY_SIZE);
}

int
firn_catalog_list(struct firn_catalog *catalog, uint32_t workspace,
                  int (*visit)(void *ctx, firn_slice bytes,
                               const struct firn_catalog_record *record, firn_error *err),
                  void *ctx, firn_error *err)
{
    if (catalog->checkpoints == NULL) {
        return FIRN_OK;
    }
    uint8_t prefix_bytes[WORKSPACE_KEY_SIZE];
    firn_store_be32(prefix_bytes, workspace);
    firn_slice prefix = firn_bytes(prefix_bytes, sizeof prefix_bytes);
    struct firn_db_cursor_options options = {.prefix = workspace == 0 ? NULL : &prefix};
    struct firn_db_cursor *cursor;
    int rc = firn_db_cursor_open(catalog->checkpoints, &options, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = firn_db_cursor_last(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_prev(cursor, err)) {
        struct firn_catalog_record record;
        FIRN_TRY(firn_catalog_record_decode(firn_db_cursor_value(cursor), &record, err));
        FIRN_TRY(visit(ctx, firn_db_cursor_value(cursor), &record, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

int
firn_catalog_get(struct firn_catalog *catalog, uint32_t workspace, uint64_t order,
                 struct firn_buf *out, struct firn_catalog_record *record, firn_error *err)
{
    uint8_t key[CHECKPOINT_KEY_SIZE];
    if (catalog->checkpoints == NULL) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    }
    int rc = firn_db_get(catalog->checkpoints, make_key(workspace, order, key), out, err);
    return rc == FIRN_OK ? firn_catalog_record_decode(firn_buf_slice(out), record, err) : rc;
}

static int
take_newest(void *ctx, firn_slice bytes, const struct firn_catalog_record *record, firn_error *err)
{
    struct firn_buf *out = ctx;
    if (record->is_safety) {
        return FIRN_OK;
    }
    firn_buf_clear(out);
    return firn_buf_append_slice(out, bytes) == FIRN_OK
               ? FIRN_CANCELLED /* found: end the walk */
               : firn_error_no_memory(err, "a checkpoint's record");
}

int
firn_catalog_newest(struct firn_catalog *catalog, uint32_t workspace, struct firn_buf *out,
                    struct firn_catalog_record *record, firn_error *err)
{
    int rc =
        workspace == 0 ? FIRN_OK : firn_catalog_list(catalog, workspace, take_newest, out, err);
    if (rc == FIRN_OK) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    }
    return rc == FIRN_CANCELLED ? firn_catalog_record_decode(firn_buf_slice(out), record, err) : rc;
}

int
firn_catalog_unpacked(struct firn_catalog *catalog,
                      int (*visit)(void *ctx, firn_slice bytes, firn_error *err), void *ctx,
                      firn_error *err)
{
    struct firn_buf record = {0};
    struct firn_db_cursor *cursor;
    int rc = firn_db_cursor_open(catalog->unpacked, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        rc = firn_db_get(catalog->checkpoints, firn_db_cursor_key(cursor), &record, err);
        if (rc == FIRN_NOT_FOUND) {
            continue;
        }
        if (rc == FIRN_OK) {
            rc = visit(ctx, firn_buf_slice(&record), err);
        }
        if (rc != FIRN_OK) {
            break;
        }
    }
    firn_db_cursor_close(cursor);
    firn_buf_deinit(&record);
    return rc;
}

static int
batch_remove_unpacked(struct firn_catalog *catalog, struct firn_db_batch *batch, firn_error *err)
{
    struct firn_db_cursor *cursor;
    int rc = firn_db_cursor_open(catalog->unpacked, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        FIRN_TRY(firn_db_batch_delete(batch, catalog->unpacked, firn_db_cursor_key(cursor), err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

int
firn_catalog_put(struct firn_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                 uint64_t order, firn_slice bytes, firn_error *err)
{
    uint8_t key_bytes[CHECKPOINT_KEY_SIZE];
    firn_slice key = make_key(workspace, order, key_bytes);
    int rc;
    DCHECK(workspace != 0); /* numbers begin at 1: 0 means all workspaces */
    FIRN_TRY(firn_db_batch_put(batch, catalog->checkpoints, key, bytes, err));
    FIRN_TRY(firn_db_batch_put(batch, catalog->unpacked, key, firn_bytes(NULL, 0), err));
out:
    return rc;
}

int
firn_catalog_delete(struct firn_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                    const struct firn_catalog_record *record, firn_error *err)
{
    uint8_t key_bytes[CHECKPOINT_KEY_SIZE];
    firn_slice key = make_key(workspace, record->order, key_bytes);
    int rc;
    DCHECK(workspace != 0);
    FIRN_TRY(firn_db_batch_delete(batch, catalog->checkpoints, key, err));
    FIRN_TRY(firn_db_batch_delete(batch, catalog->unpacked, key, err));
    FIRN_TRY(firn_catalog_tags_batch_remove(catalog, workspace, record->id, batch, err));
    FIRN_TRY(firn_catalog_pins_remove(catalog, batch, workspace, record->order, err));
out:
    return rc;
}

static int
batch_put_record(struct firn_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                 const struct firn_catalog_record *record, firn_error *err)
{
    struct firn_buf value = {0};
    int rc = firn_catalog_record_encode(record, &value);
    rc = rc == FIRN_OK ? firn_catalog_put(catalog, batch, workspace, record->order,
                                          firn_buf_slice(&value), err)
                       : firn_error_no_memory(err, "a checkpoint's record");
    firn_buf_deinit(&value);
    return rc;
}

int
firn_catalog_commit(struct firn_catalog *catalog, firn_slice root,
                    struct firn_catalog_workspace *workspace,
                    const struct firn_catalog_record *record, bool records_were_packed,
                    const struct firn_catalog_joint *joint, firn_error *err)
{
    CHECK(record->order == workspace->next_order);
    CHECK(record->is_safety ? record->number == 0 : record->number == workspace->next_number);
    DCHECK(workspace->number != 0 && (joint == NULL || joint->join != NULL));
    struct firn_catalog_workspace after = *workspace;
    after.next_order++;
    after.next_number += record->is_safety ? 0 : 1;
    struct firn_db_batch *batch = NULL;
    int rc;
    FIRN_TRY(firn_db_batch_create(&batch, err));
    if (records_were_packed) {
        FIRN_TRY(batch_remove_unpacked(catalog, batch, err));
    }
    FIRN_TRY(batch_put_record(catalog, batch, workspace->number, record, err));
    if (joint != NULL && joint->also != NULL) {
        CHECK(joint->also->is_safety && joint->also->number == 0);
        joint->also->order = after.next_order++;
        memcpy(joint->also->parent, record->parent, sizeof record->parent);
        FIRN_TRY(batch_put_record(catalog, batch, workspace->number, joint->also, err));
    }
    FIRN_TRY(firn_catalog_workspaces_put(catalog, batch, root, &after, err));
    if (joint != NULL) {
        FIRN_TRY(joint->join(joint->ctx, batch, record, err));
    }
    DCHECK(after.next_order != workspace->next_order &&
           after.number == workspace->number); /* (I2) */
    DCHECK(firn_db_batch_count(batch) >= 3);   /* (I1): record, list and counters */
    FIRN_TRY(firn_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
    *workspace = after;
out:
    firn_db_batch_destroy(batch);
    return rc;
}

/* Resolving what a user types to one checkpoint. Every command uses this one resolver.
 *
 * reference.c says what kind of reference a text is. Here the checkpoint is looked up: first the
 * base, then, for "~N", the N-th before it. Except for a tag, both are walks from the newest record
 * to older ones. A walk ends as soon as the answer is known; an id and a time need all of it,
 * because an older record may have the same prefix, or a later time after a clock was set back. The
 * error for an ambiguous prefix names two candidates with enough letters to tell them apart.
 *
 * A time selects the checkpoint with the latest time that is not after it; of equal times, the one
 * saved last. Times, "latest" and "~N" skip safety checkpoints. */

/* What visit returns to end a walk; no error code of firn is positive. */
enum { ENOUGH = 1, ID_LETTERS = FIRN_CHECKPOINT_ID_SIZE - 1 };

struct wanted {
    const struct firn_reference *reference;
    struct firn_buf *out;
    size_t found;
    int64_t found_ns;                       /* for a time: of the checkpoint found so far */
    char first_id[FIRN_CHECKPOINT_ID_SIZE]; /* the first two ids found */
    char second_id[FIRN_CHECKPOINT_ID_SIZE];
};

static bool
matches(const struct wanted *wanted, const struct firn_catalog_record *record, const char *id)
{
    const struct firn_reference *reference = wanted->reference;
    switch (reference->kind) {
    case FIRN_REFERENCE_NUMBER:
        return record->number == reference->number;
    case FIRN_REFERENCE_ID:
        return memcmp(id, reference->id, reference->id_size) == 0;
    case FIRN_REFERENCE_LATEST:
        return !record->is_safety;
    case FIRN_REFERENCE_TIME:
        return !record->is_safety && record->created_ns <= reference->time_ns &&
               (wanted->found == 0 || record->created_ns > wanted->found_ns);
    case FIRN_REFERENCE_NAME:
        break; /* found without a walk */
    }
    return false;
}

static int
keep(struct firn_buf *out, firn_slice bytes, firn_error *err)
{
    firn_buf_clear(out);
    int rc = firn_buf_append_slice(out, bytes);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "a checkpoint's record");
}

static int
visit_base(void *ctx, firn_slice bytes, const struct firn_catalog_record *record, firn_error *err)
{
    struct wanted *wanted = ctx;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_catalog_record_id_text(record->id, id);
    if (!matches(wanted, record, id)) {
        return FIRN_OK;
    }
    if (wanted->reference->kind == FIRN_REFERENCE_TIME) {
        wanted->found = 1;
        wanted->found_ns = record->created_ns;
        return keep(wanted->out, bytes, err);
    }
    wanted->found++;
    if (wanted->found == 2) {
        memcpy(wanted->second_id, id, sizeof id);
    }
    if (wanted->found > 1) {
        return FIRN_OK;
    }
    memcpy(wanted->first_id, id, sizeof id);
    int rc = keep(wanted->out, bytes, err);
    bool is_sure = wanted->reference->kind != FIRN_REFERENCE_ID;
    return rc == FIRN_OK && is_sure ? ENOUGH : rc;
}

static int
refuse_ambiguous(const struct wanted *wanted, const char *text, firn_error *err)
{
    DCHECK(wanted->found > 1 && wanted->reference->kind == FIRN_REFERENCE_ID);
    int letters = (int)wanted->reference->id_size + 1;
    while (letters < ID_LETTERS &&
           strncmp(wanted->first_id, wanted->second_id, (size_t)letters) == 0) {
        letters++;
    }
    return firn_error_set(
        err, FIRN_CONFLICT, "'%s' is ambiguous: %zu checkpoints begin so, among them %.*s and %.*s",
        text, wanted->found, letters, wanted->first_id, letters, wanted->second_id);
}

static int
refuse_missing(const struct firn_reference *reference, const char *text, firn_error *err)
{
    switch (reference->kind) {
    case FIRN_REFERENCE_LATEST:
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint yet");
    case FIRN_REFERENCE_TIME:
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint as old as '%s'", text);
    case FIRN_REFERENCE_NAME:
    case FIRN_REFERENCE_NUMBER:
    case FIRN_REFERENCE_ID:
        break;
    }
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", text);
}

static int
find_base(struct firn_catalog *catalog, uint32_t workspace, const char *text,
          const struct firn_reference *reference, struct firn_buf *out,
          struct firn_catalog_record *record, firn_error *err)
{
    struct wanted wanted = {.reference = reference, .out = out};
    struct firn_catalog_tags_tag tag;
    int rc;
    if (reference->kind == FIRN_REFERENCE_NAME) {
        FIRN_TRY(firn_catalog_tags_find(catalog, workspace, reference->name, &tag, err));
        return firn_catalog_tags_follow(catalog, workspace, &tag, out, record, err);
    }
    rc = firn_catalog_list(catalog, workspace, visit_base, &wanted, err);
    if (rc != FIRN_OK && rc != ENOUGH) {
        goto out;
    }
    if (wanted.found == 0) {
        return refuse_missing(reference, text, err);
    }
    if (wanted.found > 1) {
        return refuse_ambiguous(&wanted, text, err);
    }
    rc = firn_catalog_record_decode(firn_buf_slice(out), record, err);
out:
    return rc;
}

/* ---- the N-th before ---- */

struct earlier {
    uint64_t order; /* of the base */
    uint64_t left;
    struct firn_buf *out;
};

static int
visit_earlier(void *ctx, firn_slice bytes, const struct firn_catalog_record *record,
              firn_error *err)
{
    struct earlier *earlier = ctx;
    if (record->is_safety || record->order >= earlier->order) {
        return FIRN_OK;
    }
    DCHECK(earlier->left > 0); /* the walk ends at 0 */
    earlier->left--;
    if (earlier->left > 0) {
        return FIRN_OK;
    }
    int rc = keep(earlier->out, bytes, err);
    return rc == FIRN_OK ? ENOUGH : rc;
}

static int
go_back(struct firn_catalog *catalog, uint32_t workspace, const char *text, uint64_t back,
        struct firn_buf *out, struct firn_catalog_record *record, firn_error *err)
{
    struct earlier earlier = {.order = record->order, .left = back, .out = out};
    int rc = firn_catalog_list(catalog, workspace, visit_earlier, &earlier, err);
    if (rc == FIRN_OK) {
        return firn_error_set(err, FIRN_NOT_FOUND,
                              "there is no checkpoint '%s': there are only %llu before it", text,
                              (unsigned long long)(back - earlier.left));
    }
    return rc == ENOUGH ? firn_catalog_record_decode(firn_buf_slice(out), record, err) : rc;
}

int
firn_catalog_resolve(struct firn_catalog *catalog, uint32_t workspace, const char *reference,
                     struct firn_buf *out, struct firn_catalog_record *record, firn_error *err)
{
    struct firn_reference read;
    int64_t now_ns = firn_os_now_ns(firn_db_os(firn_catalog_db(catalog)));
    int rc;
    CHECK(workspace != 0);
    FIRN_TRY(firn_reference_read(reference, now_ns, &read, err));
    FIRN_TRY(find_base(catalog, workspace, reference, &read, out, record, err));
    if (read.back > 0) {
        FIRN_TRY(go_back(catalog, workspace, reference, read.back, out, record, err));
    }
out:
    return rc;
}

/* The pins of a workspace, in a keyspace of their own.
 *
 * The key of a pin is the order of its checkpoint, which is never reused, so one look-up finds out
 * whether a checkpoint is pinned. The value repeats the checkpoint's id: if the checkpoint with
 * that order has another id, the pin is damaged.
 *
 * A store in which nothing was pinned may have no such keyspace: a reader finds no pins. */

enum { PIN_FORMAT = 1 };

static int
decode(firn_slice key, firn_slice value, struct firn_catalog_pins_pin *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(value);
    uint8_t format = 0;
    uint64_t created;
    if (firn_reader_u8(&reader, &format) && format != PIN_FORMAT) {
        return firn_error_set(err, FIRN_NEWER, "a pin has format %u, this version knows %u", format,
                              PIN_FORMAT);
    }
    if (key.size == CHECKPOINT_KEY_SIZE && format == PIN_FORMAT &&
        firn_reader_copy(&reader, out->id, sizeof out->id) && firn_reader_le64(&reader, &created) &&
        firn_reader_left(&reader) == 0) {
        out->order = firn_load_be64(key.data + WORKSPACE_KEY_SIZE);
        out->created_ns = (int64_t)created;
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_CORRUPT, "a pin's entry in the catalog is malformed");
}

int
firn_catalog_pins_has(struct firn_catalog *catalog, uint32_t workspace,
                      const struct firn_catalog_record *record, bool *out, firn_error *err)
{
    struct firn_db_keyspace *pins;
    struct firn_catalog_pins_pin pin;
    struct firn_buf value = {0};
    uint8_t bytes[CHECKPOINT_KEY_SIZE];
    firn_slice key = make_key(workspace, record->order, bytes);
    int rc;
    *out = false;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    rc = pins == NULL ? FIRN_NOT_FOUND : firn_db_get(pins, key, &value, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    FIRN_TRY(rc);
    FIRN_TRY(decode(key, firn_buf_slice(&value), &pin, err));
    *out = true;
    if (memcmp(pin.id, record->id, sizeof pin.id) != 0) {
        rc = firn_error_set(err, FIRN_CORRUPT, "a pin names another checkpoint than its key");
    }
out:
    firn_buf_deinit(&value);
    return rc;
}

int
firn_catalog_pins_put(struct firn_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                      const struct firn_catalog_pins_pin *pin, firn_error *err)
{
    uint8_t value[1 + FIRN_CATALOG_RECORD_ID_SIZE + 8] = {PIN_FORMAT};
    uint8_t bytes[CHECKPOINT_KEY_SIZE];
    struct firn_db_keyspace *pins;
    int rc;
    memcpy(value + 1, pin->id, sizeof pin->id);
    firn_store_le64(value + 1 + sizeof pin->id, (uint64_t)pin->created_ns);
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    DCHECK(pins != NULL && workspace != 0);
    rc = firn_db_batch_put(batch, pins, make_key(workspace, pin->order, bytes),
                           firn_bytes(value, sizeof value), err);
out:
    return rc;
}

int
firn_catalog_pins_remove(struct firn_catalog *catalog, struct firn_db_batch *batch,
                         uint32_t workspace, uint64_t order, firn_error *err)
{
    uint8_t bytes[CHECKPOINT_KEY_SIZE];
    struct firn_db_keyspace *pins;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    DCHECK(pins != NULL);
    rc = firn_db_batch_delete(batch, pins, make_key(workspace, order, bytes), err);
out:
    return rc;
}

int
firn_catalog_pins_list(struct firn_catalog *catalog, uint32_t workspace,
                       int (*visit)(void *ctx, const struct firn_catalog_pins_pin *pin,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    uint8_t number[WORKSPACE_KEY_SIZE];
    firn_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct firn_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *pins;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    if (pins == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_cursor_open(pins, &options, &cursor, err));
    for (rc = firn_db_cursor_last(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_prev(cursor, err)) {
        struct firn_catalog_pins_pin pin;
        FIRN_TRY(decode(firn_db_cursor_key(cursor), firn_db_cursor_value(cursor), &pin, err));
        FIRN_TRY(visit(ctx, &pin, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}
