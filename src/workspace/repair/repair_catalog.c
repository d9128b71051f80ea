/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_catalog.c: assigns the checkpoints that were found to workspaces, and writes the
 * catalog of the new store.
 *
 * A record does not name its workspace. It names the checkpoint before it, and the path that the
 * workspace had; both lead to records whose workspace is known, and this is repeated until nothing
 * more is found. A remaining group is a workspace that the catalog has lost: it is entered again,
 * with the last path that it had.
 *
 * (I1) A rescued catalog that is older than the packs is still right about its past: a checkpoint
 *      whose order had been assigned by then, but which is not listed, was deleted, and stays
 *      deleted. This does not hold if runs are lost, because entries between others may then be
 *      missing. (Not checked: is_deleted is the rule.)
 * (I2) Orders and numbers are never assigned twice. If a checkpoint that was found has one that
 *      another has taken, it gets the next one.
 * (I3) A record is in "firn.unpacked" exactly if no pack has it, as after a save. (Not checked
 *      here: the check of the new store does that.)
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog.h"
#include "codec/blake3_hash.h"
#include "place/place.h"
#include "repair/repair_internal.h"

enum { KEY_SIZE = 12 };

/* ---- which workspace ---- */

static struct fi_repair_workspace *
workspace_of(const struct fi_repair *repair, uint32_t number)
{
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        struct fi_repair_workspace *workspace = fi_repair_workspace_at(repair, i);
        if (workspace->entry.number == number) {
            return workspace;
        }
    }
    return NULL;
}

static bool
is_root(const struct fi_repair *repair, const char *root, firn_slice path)
{
    if (strcmp(root, FI_PLACE_ROOTS_INSIDE) != 0) {
        return fi_slice_equal(firn_str(root), path);
    }
    return fi_slice_equal(firn_str(repair->ws->place.root), path);
}

static uint32_t
by_path(const struct fi_repair *repair, firn_slice path)
{
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        const struct fi_repair_workspace *workspace = fi_repair_workspace_at(repair, i);
        if (is_root(repair, workspace->root, path)) {
            return workspace->entry.number;
        }
    }
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *other = fi_repair_record_at(repair, i);
        if (other->workspace != 0 && fi_slice_equal(other->record.workspace_path, path)) {
            return other->workspace;
        }
    }
    return 0;
}

static uint32_t
by_parent(const struct fi_repair *repair, const struct fi_catalog_record *record)
{
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *other = fi_repair_record_at(repair, i);
        if (other->workspace != 0 &&
            (memcmp(other->record.id, record->parent, sizeof record->parent) == 0 ||
             memcmp(other->record.parent, record->id, sizeof record->id) == 0)) {
            return other->workspace;
        }
    }
    return 0;
}

/* One pass; returns whether it assigned anything. */
static bool
spread(struct fi_repair *repair)
{
    bool has_found = false;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->workspace == 0) {
            record->workspace = by_parent(repair, &record->record);
            if (record->workspace == 0) {
                record->workspace = by_path(repair, record->record.workspace_path);
            }
            has_found = has_found || record->workspace != 0;
        }
    }
    return has_found;
}

static bool
is_root_taken(const struct fi_repair *repair, uint32_t number, firn_slice root)
{
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        const struct fi_repair_workspace *other = fi_repair_workspace_at(repair, i);
        if (other->entry.number != number && fi_slice_equal(firn_str(other->root), root)) {
            return true;
        }
    }
    return false;
}

/* A root that no other workspace has. A store inside its workspace calls that workspace ".". */
static int
make_root(const struct fi_repair *repair, uint32_t number, firn_slice path, struct fi_buf *out,
          firn_error *err)
{
    bool is_inside = strcmp(repair->ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0 &&
                     fi_slice_equal(firn_str(repair->ws->place.root), path);
    int rc = fi_buf_append_slice(out, is_inside ? firn_str(FI_PLACE_ROOTS_INSIDE) : path);
    while (rc == FIRN_OK && is_root_taken(repair, number, fi_buf_slice(out))) {
        rc = fi_buf_append_str(out, " (repaired)");
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a workspace");
}

static int
add_workspace(struct fi_repair *repair, uint32_t number, firn_slice path, firn_error *err)
{
    const struct fi_repair_workspace added = {
        .entry = {.number = number, .next_order = 1, .next_number = 1}, .is_added = true};
    struct fi_buf root = {0};
    int rc = make_root(repair, number, path, &root, err);
    if (rc == FIRN_OK) {
        rc = fi_repair_records_add_workspace(repair, fi_buf_slice(&root), &added, err);
    }
    fi_buf_deinit(&root);
    return rc;
}

static uint32_t
next_workspace(const struct fi_repair *repair)
{
    uint32_t last = 0;
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        uint32_t number = fi_repair_workspace_at(repair, i)->entry.number;
        last = number > last ? number : last;
    }
    return last + 1;
}

/* Adds entries for workspaces of which only checkpoints were found. */
static int
add_missing(struct fi_repair *repair, firn_error *err)
{
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        uint32_t number = record->workspace;
        if (number != 0 && workspace_of(repair, number) == NULL) {
            FI_TRY_RETURN(add_workspace(repair, number, record->record.workspace_path, err));
        }
    }
    return FIRN_OK;
}

static const struct fi_repair_record *
newest_of(const struct fi_repair *repair, uint32_t number)
{
    const struct fi_repair_record *newest = NULL;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->workspace == number && (newest == NULL || record->order > newest->order)) {
            newest = record;
        }
    }
    return newest;
}

/* The directory of a workspace may have been moved between two checkpoints. */
static int
take_newest_path(struct fi_repair *repair, struct fi_repair_workspace *workspace, firn_error *err)
{
    uint32_t number = workspace->entry.number;
    struct fi_buf root = {0};
    int rc =
        make_root(repair, number, newest_of(repair, number)->record.workspace_path, &root, err);
    char *copy = rc == FIRN_OK ? fi_strndup((const char *)root.data, root.size) : NULL;
    if (rc == FIRN_OK && copy == NULL) {
        rc = fi_error_no_memory(err, "a workspace");
    }
    if (rc == FIRN_OK) {
        fi_free(workspace->root);
        workspace->root = copy;
    }
    fi_buf_deinit(&root);
    return rc;
}

static int
name_added(struct fi_repair *repair, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < fi_repair_workspace_count(repair); i++) {
        struct fi_repair_workspace *workspace = fi_repair_workspace_at(repair, i);
        rc = workspace->is_added ? take_newest_path(repair, workspace, err) : FIRN_OK;
    }
    return rc;
}

static bool
all_have_workspaces(const struct fi_repair *repair)
{
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        if (workspace_of(repair, fi_repair_record_at(repair, i)->workspace) == NULL) {
            return false;
        }
    }
    return true;
}

static int
find_workspaces(struct fi_repair *repair, firn_error *err)
{
    int rc = add_missing(repair, err);
    for (size_t i = 0; rc == FIRN_OK && i < fi_repair_record_count(repair); i++) {
        while (spread(repair)) {
        }
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->workspace == 0) {
            record->workspace = next_workspace(repair);
            rc = add_workspace(repair, record->workspace, record->record.workspace_path, err);
        }
    }
    return rc == FIRN_OK ? name_added(repair, err) : rc;
}

/* ---- those that were deleted ---- */

static bool
is_deleted(const struct fi_repair *repair, const struct fi_repair_record *record)
{
    const struct fi_repair_deletion *deletions = (const void *)repair->deletions.data;
    const struct fi_repair_workspace *workspace = workspace_of(repair, record->workspace);
    bool is_complete = repair->data.runs_lost == 0;
    if (record->is_listed) {
        return false;
    }
    if (is_complete && workspace != NULL && workspace->is_listed &&
        record->order < workspace->listed_orders) {
        return true; /* (I1) */
    }
    for (size_t i = 0; i < repair->deletions.size / sizeof *deletions; i++) {
        if (repair->keyspace != 0 && deletions[i].keyspace == repair->keyspace &&
            deletions[i].workspace == record->workspace && deletions[i].order == record->order &&
            deletions[i].sequence > record->sequence) {
            return true;
        }
    }
    return false;
}

static void
leave_out_deleted(struct fi_repair *repair)
{
    size_t kept = 0;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (is_deleted(repair, record)) {
            fi_buf_deinit(&record->bytes);
        } else {
            *fi_repair_record_at(repair, kept++) = *record;
        }
    }
    DCHECK(kept <= fi_repair_record_count(repair));
    repair->records.size = kept * sizeof(struct fi_repair_record);
}

/* ---- places ---- */

/* Newest first in each workspace; listed ones before others that were found with the same order. */
static int
compare_places(const void *a, const void *b)
{
    const struct fi_repair_record *left = *(struct fi_repair_record *const *)a;
    const struct fi_repair_record *right = *(struct fi_repair_record *const *)b;
    if (left->workspace != right->workspace) {
        return left->workspace < right->workspace ? -1 : 1;
    }
    if (left->order != right->order) {
        return left->order > right->order ? -1 : 1;
    }
    if (left->is_listed != right->is_listed) {
        return left->is_listed ? -1 : 1;
    }
    return memcmp(left->record.id, right->record.id, sizeof left->record.id);
}

static int
order_all(struct fi_repair *repair, firn_error *err)
{
    size_t count = fi_repair_record_count(repair);
    struct fi_repair_record **sorted = fi_alloc_array(count, sizeof(struct fi_repair_record *));
    struct fi_buf records = {0};
    if (count == 0) {
        fi_free(sorted);
        return FIRN_OK;
    }
    if (sorted == NULL || fi_buf_set_size(&records, repair->records.size) != FIRN_OK) {
        fi_free(sorted);
        return fi_error_no_memory(err, "a list of checkpoints");
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = fi_repair_record_at(repair, i);
    }
    fi_sort(sorted, count, sizeof(struct fi_repair_record *), compare_places);
    for (size_t i = 0; i < count; i++) {
        memcpy(records.data + i * sizeof **sorted, sorted[i], sizeof **sorted);
    }
    fi_buf_deinit(&repair->records);
    repair->records = records;
    fi_free(sorted);
    return FIRN_OK;
}

/* Sets counters above all numbers that were ever assigned. */
static void
count_up(struct fi_repair *repair)
{
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        struct fi_catalog_workspace *entry = &workspace_of(repair, record->workspace)->entry;
        if (record->order >= entry->next_order && record->order < UINT64_MAX) {
            entry->next_order = record->order + 1;
        }
        if (record->record.number >= entry->next_number && record->record.number < UINT64_MAX) {
            entry->next_number = record->record.number + 1;
        }
    }
}

/* (I2) */
static int
separate(struct fi_repair *repair, firn_error *err)
{
    for (size_t i = 1; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *before = fi_repair_record_at(repair, i - 1);
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->workspace != before->workspace || record->order != before->order) {
            continue;
        }
        struct fi_catalog_workspace *entry = &workspace_of(repair, record->workspace)->entry;
        record->record.order = entry->next_order++;
        record->record.number = record->record.is_safety ? 0 : entry->next_number++;
        record->is_changed = true;
        FI_TRY_RETURN(fi_repair_records_encode(record, err));
    }
    /* Not earlier: the loop above compares the orders of neighbours. */
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->is_changed) {
            record->order = record->record.order;
        }
    }
    return FIRN_OK;
}

/* Orders too large for a counter to exceed are not compared: they were never assigned. */
static bool
are_places_unique(const struct fi_repair *repair)
{
    for (size_t i = 1; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *before = fi_repair_record_at(repair, i - 1);
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (record->workspace == before->workspace && record->order >= before->order &&
            record->order < workspace_of(repair, record->workspace)->entry.next_order) {
            return false;
        }
    }
    return true;
}

int
fi_repair_catalog_assign(struct fi_repair *repair, firn_error *err)
{
    FI_TRY_RETURN(find_workspaces(repair, err));
    DCHECK(all_have_workspaces(repair));
    leave_out_deleted(repair);
    FI_TRY_RETURN(order_all(repair, err));
    count_up(repair);
    FI_TRY_RETURN(separate(repair, err));
    FI_TRY_RETURN(order_all(repair, err));
    DCHECK(are_places_unique(repair)); /* (I2) */
    return FIRN_OK;
}

/* ---- writing ---- */

struct writing {
    struct fi_repair *repair;
    struct firn_db_batch *batch;
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
};

static int
put_record(struct writing *writing, const struct fi_repair_record *record, firn_error *err)
{
    struct fi_repair *repair = writing->repair;
    uint8_t key_bytes[KEY_SIZE] = {0};
    firn_slice key = firn_bytes(key_bytes, sizeof key_bytes);
    firn_hash hash;
    bool is_packed;
    int rc;
    DCHECK(record->bytes.size > 0 && workspace_of(repair, record->workspace) != NULL);
    fi_store_be32(key_bytes, record->workspace);
    fi_store_be64(key_bytes + 4, record->order);
    fi_blake3_hash_of(record->bytes.data, record->bytes.size, &hash);
    if (record->state == FIRN_REPAIR_STATE_LOST) {
        FI_TRY(fi_db_batch_delete(writing->batch, writing->checkpoints, key, err));
        FI_TRY(fi_db_batch_delete(writing->batch, writing->unpacked, key, err));
        FI_TRY(fi_catalog_tags_batch_remove(repair->opened.catalog, record->workspace,
                                            record->record.id, writing->batch, err));
        return rc;
    }
    FI_TRY(fi_objects_contains(repair->opened.objects, &hash, &is_packed, err));
    FI_TRY(fi_db_batch_put(writing->batch, writing->checkpoints, key, fi_buf_slice(&record->bytes),
                           err));
    FI_TRY(is_packed ? fi_db_batch_delete(writing->batch, writing->unpacked, key, err)
                     : fi_db_batch_put(writing->batch, writing->unpacked, key, firn_bytes(NULL, 0),
                                       err)); /* (I3) */
    FI_TRY(fi_repair_write(repair, writing->batch, FI_REPAIR_BATCH_SIZE, FIRN_DURABILITY_OS, err));
out:
    return rc;
}

static const struct fi_repair_record *
by_id(const struct fi_repair *repair, const uint8_t *id)
{
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        if (memcmp(record->record.id, id, sizeof record->record.id) == 0 &&
            record->state != FIRN_REPAIR_STATE_LOST) {
            return record;
        }
    }
    return NULL;
}

static int
compare_tags(const void *a, const void *b)
{
    const struct fi_repair_tag *left = a;
    const struct fi_repair_tag *right = b;
    return (left->sequence < right->sequence) - (left->sequence > right->sequence);
}

/* Enters a tag that was found, unless the catalog has the name. If the catalog's list of tags is
 * complete, nothing is added to it: it shows which tags were removed. */
static int
put_tag(struct fi_repair *repair, const struct fi_repair_tag *found, firn_error *err)
{
    const struct fi_repair_record *record = by_id(repair, found->id);
    struct fi_catalog_tags_tag tag;
    firn_slice name = firn_str(found->name);
    firn_error why;
    if (record == NULL || (record->is_listed && repair->data.runs_lost == 0)) {
        return FIRN_OK;
    }
    int rc = fi_catalog_tags_find(repair->opened.catalog, record->workspace, name, &tag, &why);
    if (rc != FIRN_NOT_FOUND) {
        if (rc != FIRN_OK && err != NULL) {
            *err = why;
        }
        return rc;
    }
    tag = (struct fi_catalog_tags_tag){.order = record->order, .created_ns = found->created_ns};
    memcpy(tag.id, found->id, sizeof tag.id);
    return fi_catalog_tags_put(repair->opened.catalog, record->workspace, name, &tag, err);
}

/* Enters the newest first. */
static int
put_tags(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_tag *tags = (void *)repair->tags.data;
    size_t count = repair->tags.size / sizeof *tags;
    int rc = FIRN_OK;
    if (count > 0) {
        fi_sort(tags, count, sizeof *tags, compare_tags);
    }
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        rc = put_tag(repair, &tags[i], err);
    }
    return rc;
}

int
fi_repair_catalog_write(struct fi_repair *repair, firn_error *err)
{
    struct writing writing = {.repair = repair};
    struct firn_db *db = repair->opened.db;
    int rc;
    FI_TRY(fi_db_keyspace_open(db, FI_CATALOG_CHECKPOINTS, &writing.checkpoints, err));
    FI_TRY(fi_db_keyspace_open(db, FI_CATALOG_UNPACKED, &writing.unpacked, err));
    FI_TRY(fi_db_batch_create(&writing.batch, err));
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        const struct fi_repair_workspace *workspace = fi_repair_workspace_at(repair, i);
        FI_TRY(fi_catalog_workspaces_put(repair->opened.catalog, writing.batch,
                                         firn_str(workspace->root), &workspace->entry, err));
    }
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        FI_TRY(put_record(&writing, fi_repair_record_at(repair, i), err));
    }
    FI_TRY(fi_repair_write(repair, writing.batch, 0, FIRN_DURABILITY_FULL, err));
    DCHECK(fi_db_batch_count(writing.batch) == 0);
    FI_TRY(put_tags(repair, err));
    FI_TRY(fi_db_log_sync(db, err));
out:
    fi_db_batch_destroy(writing.batch);
    return rc;
}
