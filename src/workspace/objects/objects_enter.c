/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_enter.c: entering a pack and its objects into the two keyspaces, in commits of
 * about a megabyte that are not synced one by one.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum { BATCH_SIZE = 1 << 20 };

int
fi_objects_enter_make_dir(struct fi_objects *objects, firn_error *err)
{
    if (objects->dir != NULL) {
        return FIRN_OK;
    }
    struct fi_os_dir *store = fi_db_dir(objects->db);
    int rc = fi_os_make_dir_for_owner(store, FI_OBJECTS_INDEX_PACKS_DIR, store, 0700, err);
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        return rc;
    }
    rc = fi_os_dir_sync(store, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_os_dir_open(store, FI_OBJECTS_INDEX_PACKS_DIR, &objects->dir, err);
}

int
fi_objects_enter_reserve(struct fi_objects *objects, firn_error *err)
{
    struct fi_objects_pack *packs =
        fi_resize_array(objects->packs, objects->pack_count + 1, sizeof *packs);
    if (packs == NULL) {
        return fi_error_no_memory(err, "the list of packs");
    }
    objects->packs = packs;
    return FIRN_OK;
}

int
fi_objects_enter_flush(struct fi_objects_entering *entering, firn_error *err)
{
    if (entering->frees_space) {
        fi_db_batch_frees_space(entering->batch);
    }
    int rc = fi_db_write(entering->objects->db, entering->batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(entering->batch);
    return rc;
}

int
fi_objects_enter_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                        firn_error *err)
{
    struct fi_objects_entering *entering = ctx;
    struct fi_objects_place place = {.pack = entering->pack, .at = *at};
    uint8_t value[FI_OBJECTS_INDEX_PLACE_SIZE_MAX];
    size_t size = fi_objects_index_encode_place(&place, value);
    int rc =
        fi_db_batch_put(entering->batch, entering->objects->index,
                        firn_bytes(hash->bytes, sizeof hash->bytes), firn_bytes(value, size), err);
    if (rc == FIRN_OK && fi_db_batch_size_bytes(entering->batch) >= BATCH_SIZE) {
        rc = fi_objects_enter_flush(entering, err);
    }
    return rc;
}

int
fi_objects_enter_pack(struct fi_objects_entering *entering,
                      const struct fi_objects_index_pack *entry, firn_error *err)
{
    uint8_t key[FI_OBJECTS_INDEX_PACK_KEY_SIZE];
    uint8_t value[FI_OBJECTS_INDEX_PACK_SIZE_MAX];
    size_t value_size = fi_objects_index_encode_pack(entry, key, value);
    DCHECK(fi_db_batch_count(entering->batch) == 0);
    DCHECK(entry->number == entering->pack && entry->state == FI_OBJECTS_INDEX_PACK_USED);
    return fi_db_batch_put(entering->batch, entering->objects->pack_list,
                           firn_bytes(key, sizeof key), firn_bytes(value, value_size), err);
}
