/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_retire.c: packs that are no longer needed, and when their files may be removed.
 *
 * A reader in another process reads the list of packs and the index once, when it opens the store,
 * and opens files only when it needs them. So a pack is removed in two steps. First it is retired
 * by one durable commit: lists and indexes that are read afterwards do not refer to it. Its file is
 * removed once all readers that were opened before that commit are closed.
 *
 * The store shows which readers those are. A reader holds a lock on the version of the MANIFEST
 * that it was opened at (db_reader.c), and the version grows with every flush and through
 * fi_db_maintain_advance. Let w be the version right after the retiring commit.
 * (I1) A reader at a version above w read the MANIFEST, and then the log, after that commit, so it
 *      does not know the pack. So the file may be removed when there is no reader at w or below.
 * The retiring commit cannot contain w. The next operation that collects retired packs records it:
 * the version that it finds is w or larger, which is as safe.
 *
 * (I2) The file is removed durably before its entry is dropped. So the file of a retired pack is
 *      never in the folder without an entry, where it would be taken for a pack that the list has
 *      lost. (Not checked: only a power cut shows what was durable.)
 * (I3) No number is ever reused, so an old list cannot lead to a new file: the entry with the
 *      largest number stays, marked as removed, until a larger one exists.
 *
 * Threads: one, while no other thread reads.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

static uint32_t
last_used(const struct fi_objects *objects)
{
    size_t count = objects->pack_count;
    return count == 0 ? 0 : objects->packs[count - 1].entry.number;
}

static uint32_t
last_retired(const struct fi_objects *objects)
{
    size_t count = objects->retired_count;
    return count == 0 ? 0 : objects->retired[count - 1].number;
}

uint64_t
fi_objects_retire_next(const struct fi_objects *objects)
{
    uint32_t used = last_used(objects);
    uint32_t retired = last_retired(objects);
    return (uint64_t)(used > retired ? used : retired) + 1;
}

bool
fi_objects_retire_has(const struct fi_objects *objects, uint32_t number)
{
    for (size_t i = 0; i < objects->retired_count; i++) {
        if (objects->retired[i].number == number) {
            return true;
        }
    }
    return false;
}

static int
objects_retire_reserve(struct fi_objects *objects, size_t more, firn_error *err)
{
    struct fi_objects_index_pack *retired =
        fi_resize_array(objects->retired, objects->retired_count + more, sizeof *retired);
    if (retired == NULL) {
        return fi_error_no_memory(err, "the list of retired packs");
    }
    objects->retired = retired;
    return FIRN_OK;
}

/* Requires: there is room for one more entry. */
static void
objects_retire_insert(struct fi_objects *objects, const struct fi_objects_index_pack *entry)
{
    size_t at = objects->retired_count++;
    for (; at > 0 && objects->retired[at - 1].number > entry->number; at--) {
        objects->retired[at] = objects->retired[at - 1];
    }
    DCHECK(entry->state != FI_OBJECTS_INDEX_PACK_USED);
    DCHECK(at == 0 || objects->retired[at - 1].number < entry->number); /* (I3) */
    objects->retired[at] = *entry;
}

int
fi_objects_retire_note(struct fi_objects *objects, const struct fi_objects_index_pack *entry,
                       firn_error *err)
{
    int rc = objects_retire_reserve(objects, 1, err);
    if (rc == FIRN_OK) {
        objects_retire_insert(objects, entry);
    }
    return rc;
}

static int
batch_put(struct fi_objects *objects, struct firn_db_batch *batch,
          const struct fi_objects_index_pack *entry, firn_error *err)
{
    uint8_t key[FI_OBJECTS_INDEX_PACK_KEY_SIZE];
    uint8_t value[FI_OBJECTS_INDEX_PACK_SIZE_MAX];
    size_t size = fi_objects_index_encode_pack(entry, key, value);
    return fi_db_batch_put(batch, objects->pack_list, firn_bytes(key, sizeof key),
                           firn_bytes(value, size), err);
}

/* ---- retiring ---- */

/* Requires: the retiring commit is durable. */
static void
move_to_retired(struct fi_objects *objects, uint32_t number, uint64_t version)
{
    struct fi_objects_pack *pack = fi_objects_pack_of(objects, number);
    CHECK(pack->users == 0 && pack->entry.state == FI_OBJECTS_INDEX_PACK_USED);
    DCHECK(version > 0 && (pack->file == NULL || objects->open_count > 0));
    struct fi_objects_index_pack entry = pack->entry;
    entry.state = FI_OBJECTS_INDEX_PACK_RETIRED;
    entry.version = version;
    objects->open_count -= pack->file != NULL ? 1 : 0;
    fi_pack_close(pack->file);
    size_t after = objects->pack_count - (size_t)(pack - objects->packs) - 1;
    memmove(pack, pack + 1, after * sizeof *pack);
    objects->pack_count--;
    objects_retire_insert(objects, &entry);
}

int
fi_objects_retire(struct fi_objects *objects, const uint32_t *numbers, size_t count,
                  firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc = objects_retire_reserve(objects, count, err);
    if (rc == FIRN_OK) {
        rc = fi_db_batch_create(&batch, err);
    }
    if (rc == FIRN_OK) {
        fi_db_batch_frees_space(batch);
    }
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        const struct fi_objects_pack *pack = fi_objects_pack_of(objects, numbers[i]);
        DCHECK(pack != NULL && !fi_objects_retire_has(objects, numbers[i]));
        struct fi_objects_index_pack entry = pack->entry;
        entry.state = FI_OBJECTS_INDEX_PACK_RETIRED;
        rc = batch_put(objects, batch, &entry, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_write(objects->db, batch, FIRN_DURABILITY_FULL, err);
    }
    fi_db_batch_destroy(batch);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t version = fi_db_reader_version(objects->db) + 1; /* (I1) */
    for (size_t i = 0; i < count; i++) {
        move_to_retired(objects, numbers[i], version);
    }
    objects->retired_has_changed = true;
    return FIRN_OK;
}

/* ---- collecting ---- */

/* Removes the file unless a reader may need it; *out_removed. */
static int
remove_file(struct fi_objects *objects, const struct fi_objects_index_pack *entry,
            bool *out_removed, firn_error *err)
{
    *out_removed = false;
    CHECK(entry->state == FI_OBJECTS_INDEX_PACK_RETIRED && entry->version != 0); /* (I1) */
    CHECK(fi_objects_pack_of(objects, entry->number) == NULL);
    if (!fi_db_reader_none_below(objects->db, entry->version)) {
        return FIRN_OK;
    }
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    fi_objects_index_pack_name(entry->number, name);
    int rc = objects->dir == NULL ? FIRN_OK : fi_os_remove_file(objects->dir, name, err);
    *out_removed = rc == FIRN_OK || rc == FIRN_NOT_FOUND;
    return *out_removed ? FIRN_OK : rc;
}

/* Removes files, and sets the states and versions of their entries; write_entries stores these. */
static int
remove_files(struct fi_objects *objects, struct fi_objects_retire_result *result, firn_error *err)
{
    uint64_t now = fi_db_reader_version(objects->db);
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < objects->retired_count; i++) {
        struct fi_objects_index_pack *entry = &objects->retired[i];
        if (entry->state != FI_OBJECTS_INDEX_PACK_RETIRED) {
            continue;
        }
        if (entry->version == 0) {
            entry->version = now + 1;
            objects->retired_has_changed = true;
        }
        bool is_removed;
        rc = remove_file(objects, entry, &is_removed, err);
        if (is_removed) {
            entry->state = FI_OBJECTS_INDEX_PACK_REMOVED;
            objects->retired_has_changed = true;
            result->removed++;
            result->removed_bytes += entry->size_bytes;
        } else {
            result->waiting++;
            result->waiting_bytes += entry->size_bytes;
        }
    }
    return rc;
}

static int
batch_entry(struct fi_objects *objects, struct firn_db_batch *batch,
            const struct fi_objects_index_pack *entry, bool is_last, firn_error *err)
{
    if (entry->state == FI_OBJECTS_INDEX_PACK_REMOVED && !is_last) {
        uint8_t key[FI_OBJECTS_INDEX_PACK_KEY_SIZE];
        uint8_t value[FI_OBJECTS_INDEX_PACK_SIZE_MAX];
        (void)fi_objects_index_encode_pack(entry, key, value);
        return fi_db_batch_delete(batch, objects->pack_list, firn_bytes(key, sizeof key), err);
    }
    return batch_put(objects, batch, entry, err);
}

static void
drop_removed(struct fi_objects *objects, uint64_t last)
{
    size_t kept = 0;
    for (size_t i = 0; i < objects->retired_count; i++) {
        const struct fi_objects_index_pack *entry = &objects->retired[i];
        if (entry->state != FI_OBJECTS_INDEX_PACK_REMOVED || entry->number == last) {
            objects->retired[kept++] = *entry;
        }
    }
    objects->retired_count = kept;
    DCHECK(fi_objects_retire_next(objects) == last + 1); /* (I3) */
}

/* Not synced: an entry that reappears after a power cut is handled again. */
static int
write_entries(struct fi_objects *objects, firn_error *err)
{
    uint64_t last = fi_objects_retire_next(objects) - 1;
    struct firn_db_batch *batch = NULL;
    int rc = fi_db_batch_create(&batch, err);
    if (rc == FIRN_OK) {
        fi_db_batch_frees_space(batch);
    }
    for (size_t i = 0; rc == FIRN_OK && i < objects->retired_count; i++) {
        const struct fi_objects_index_pack *entry = &objects->retired[i];
        rc = batch_entry(objects, batch, entry, entry->number == last, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_write(objects->db, batch, FIRN_DURABILITY_OS, err);
    }
    if (rc == FIRN_OK) {
        drop_removed(objects, last);
        objects->retired_has_changed = false;
    }
    fi_db_batch_destroy(batch);
    return rc;
}

/* Whether there is an entry that was kept only for its number, and is no longer the last one. */
static bool
can_drop(const struct fi_objects *objects)
{
    uint64_t last = fi_objects_retire_next(objects) - 1;
    for (size_t i = 0; i < objects->retired_count; i++) {
        const struct fi_objects_index_pack *entry = &objects->retired[i];
        if (entry->state == FI_OBJECTS_INDEX_PACK_REMOVED && entry->number != last) {
            return true;
        }
    }
    return false;
}

int
fi_objects_retire_collect(struct fi_objects *objects, struct fi_objects_retire_result *out,
                          firn_error *err)
{
    *out = (struct fi_objects_retire_result){0};
    int rc = remove_files(objects, out, err);
    if (rc == FIRN_OK && out->removed > 0 && objects->dir != NULL) {
        rc = fi_os_dir_sync(objects->dir, err); /* (I2) */
    }
    if (rc == FIRN_OK && (objects->retired_has_changed || can_drop(objects))) {
        rc = write_entries(objects, err);
    }
    return rc;
}
