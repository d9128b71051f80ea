/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects.c: the objects of a store: opening and closing them, and which it has.
 *
 * An object is found by one look-up in the index (objects_index.c), which gives a pack's number and
 * a place in it, and read through that pack's file (objects_pack.c, objects_read.c). Trees are read
 * through objects_trees.c. Here the list of packs is loaded.
 */
#include "objects/objects.h"

#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

static int
open_dir(struct fi_objects *objects, firn_error *err)
{
    int rc = fi_os_dir_open(fi_db_dir(objects->db), FI_OBJECTS_INDEX_PACKS_DIR, &objects->dir, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
add_pack(struct fi_objects *objects, const struct fi_objects_index_pack *entry, firn_error *err)
{
    DCHECK(entry->state == FI_OBJECTS_INDEX_PACK_USED);
    DCHECK(objects->pack_count == 0 ||
           objects->packs[objects->pack_count - 1].entry.number < entry->number);
    struct fi_objects_pack *packs =
        fi_resize_array(objects->packs, objects->pack_count + 1, sizeof *packs);
    if (packs == NULL) {
        return fi_error_no_memory(err, "the list of packs");
    }
    objects->packs = packs;
    packs[objects->pack_count++] = (struct fi_objects_pack){.entry = *entry};
    return FIRN_OK;
}

static int
load_packs(struct fi_objects *objects, firn_error *err)
{
    if (objects->pack_list == NULL) {
        return FIRN_OK;
    }
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(objects->pack_list, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_objects_index_pack entry;
        FI_TRY(fi_objects_index_decode_pack(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                            &entry, err));
        FI_TRY(entry.state == FI_OBJECTS_INDEX_PACK_USED
                   ? add_pack(objects, &entry, err)
                   : fi_objects_retire_note(objects, &entry, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_objects_open(struct firn_db *db, struct fi_objects **out, firn_error *err)
{
    *out = NULL;
    struct fi_objects *objects = fi_alloc_zeroed(sizeof *objects);
    if (objects == NULL) {
        return fi_error_no_memory(err, "the object index");
    }
    objects->db = db;
    objects->os = fi_db_os(db);
    fi_objects_trees_init(objects);
    fi_os_mutex_init(objects->os, &objects->mutex, FI_LOCK_PACK_SET);
    fi_objects_budget_init(objects);
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_OBJECTS_INDEX_OBJECTS, &objects->index, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_OBJECTS_INDEX_PACKS, &objects->pack_list, err));
    FI_TRY(open_dir(objects, err));
    FI_TRY(load_packs(objects, err));
    *out = objects;
    return FIRN_OK;
out:
    fi_objects_close(objects);
    return rc;
}

uint64_t
fi_objects_bytes(const struct fi_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        bytes += objects->packs[i].entry.size_bytes;
    }
    return bytes;
}

static size_t
count_open(const struct fi_objects *objects)
{
    size_t count = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        count += objects->packs[i].file != NULL;
    }
    return count;
}

void
fi_objects_close(struct fi_objects *objects)
{
    if (objects == NULL) {
        return;
    }
    DCHECK(count_open(objects) == objects->open_count);
    for (size_t i = 0; i < objects->pack_count; i++) {
        CHECK(objects->packs[i].users == 0);
        fi_pack_close(objects->packs[i].file);
    }
    fi_free(objects->packs);
    fi_free(objects->retired);
    fi_os_dir_close(objects->dir);
    fi_pack_scratch_pool_deinit(&objects->pool);
    fi_os_mutex_deinit(&objects->mutex);
    fi_objects_budget_deinit(objects);
    fi_free(objects);
}

bool
fi_objects_pack_is_listed(struct fi_objects *objects, uint32_t number)
{
    return fi_objects_pack_of(objects, number) != NULL || fi_objects_retire_has(objects, number);
}

uint64_t
fi_objects_retired_bytes(const struct fi_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->retired_count; i++) {
        const struct fi_objects_index_pack *pack = &objects->retired[i];
        bytes += pack->state == FI_OBJECTS_INDEX_PACK_RETIRED ? pack->size_bytes : 0;
    }
    return bytes;
}

struct firn_db_keyspace *
fi_objects_index(const struct fi_objects *objects)
{
    return objects->index;
}

int
fi_objects_are_present(struct fi_objects *objects, bool *out, firn_error *err)
{
    *out = true;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && *out && i < objects->pack_count; i++) {
        rc = fi_objects_pack_is_present(objects, i, out, err);
    }
    return rc;
}

int
fi_objects_contains(struct fi_objects *objects, const firn_hash *hash, bool *out, firn_error *err)
{
    *out = false;
    struct fi_objects_place place;
    int rc = fi_objects_index_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        const struct fi_objects_pack *pack = fi_objects_pack_of(objects, place.pack);
        rc = pack != NULL
                 ? fi_objects_pack_is_present(objects, (size_t)(pack - objects->packs), out, err)
                 : FIRN_OK;
    }
    return rc;
}
