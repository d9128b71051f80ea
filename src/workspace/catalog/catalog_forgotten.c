/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_forgotten.c: forgotten objects, for the next garbage collection.
 *
 * A collection leaves dead objects in place while most of their pack is alive, and keeps a dead
 * object that is the base of a delta. Neither is right for contents that a user wants to be gone.
 * So a forget notes the hashes of the objects, and the next collection rewrites every pack that has
 * one of them dead, and first the deltas that depend on them (gc.c). A hash stays in the list
 * until the index no longer has it.
 *
 * A live object is never removed because of the list (I1; not checked here: the collection decides,
 * gc.c): another path, or another workspace, may have the same content. So a wrong hash in the
 * list is harmless, and a forget need not note its hashes in the same commit as the new records.
 */
#include "catalog/catalog.h"

#include "base/check.h"

enum { BATCH_SIZE = 1 << 20, SCRATCH_FRAMES = 4 };

/* ---- sets ---- */

void
fi_catalog_forgotten_init(struct fi_hash_map *set)
{
    fi_hash_map_init(set, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
}

bool
fi_catalog_forgotten_has(const struct fi_hash_map *set, const firn_hash *hash)
{
    return fi_hash_map_find(set, fi_hash_map_first(hash), hash) != NULL;
}

int
fi_catalog_forgotten_add(struct fi_hash_map *set, const firn_hash *hash, firn_error *err)
{
    DCHECK(set->record_size == sizeof *hash);
    if (fi_catalog_forgotten_has(set, hash) ||
        fi_hash_map_insert(set, fi_hash_map_first(hash), hash) != NULL) {
        return FIRN_OK;
    }
    return fi_error_no_memory(err, "a list of objects");
}

struct adding {
    struct fi_hash_map *set;
    int rc;
};

static int
add_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    struct adding *adding = ctx;
    (void)offset;
    adding->rc =
        piece->is_hole ? FIRN_OK : fi_catalog_forgotten_add(adding->set, &piece->hash, err);
    return adding->rc;
}

int
fi_catalog_forgotten_add_pieces(struct fi_hash_map *set, struct fi_objects *objects,
                                firn_error *err)
{
    struct fi_pack_scratch *scratch = NULL;
    struct adding adding = {.set = set};
    int rc;
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &scratch, err));
    /* The set grows during the loop: pieces may be cut into pieces. */
    for (size_t i = 0; i < set->count; i++) {
        const firn_hash hash = *(const firn_hash *)fi_hash_map_at(set, i);
        struct fi_objects_place place;
        rc = fi_objects_index_find(objects, &hash, &place, err);
        if (rc == FIRN_OK && place.at.kind == FI_PACK_PIECES) {
            rc = fi_objects_read_pieces(objects, scratch, &hash, add_piece, &adding, err);
        }
        if (rc == FIRN_NO_MEMORY) {
            goto out;
        }
        FI_TRY(adding.rc);
    }
    rc = FIRN_OK;
out:
    fi_pack_scratch_destroy(scratch);
    return rc;
}

/* ---- in the store ---- */

static int
write_batch(struct firn_db *db, struct firn_db_batch *batch, firn_error *err)
{
    int rc =
        fi_db_batch_count(batch) == 0 ? FIRN_OK : fi_db_write(db, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static firn_slice
key_of(const firn_hash *hash)
{
    return firn_bytes(hash->bytes, sizeof hash->bytes);
}

int
fi_catalog_forgotten_note(struct firn_db *db, const struct fi_hash_map *set, firn_error *err)
{
    struct firn_db_keyspace *forgotten;
    struct firn_db_batch *batch = NULL;
    int rc;
    DCHECK(!fi_db_is_read_only(db));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_FORGOTTEN, &forgotten, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    for (size_t i = 0; i < set->count; i++) {
        FI_TRY(fi_db_batch_put(batch, forgotten, key_of(fi_hash_map_at(set, i)),
                               firn_bytes(NULL, 0), err));
        if (fi_db_batch_size_bytes(batch) >= BATCH_SIZE) {
            FI_TRY(write_batch(db, batch, err));
        }
    }
    rc = write_batch(db, batch, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

int
fi_catalog_forgotten_load(struct firn_db *db, struct fi_hash_map *set, firn_error *err)
{
    struct firn_db_keyspace *forgotten;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_FORGOTTEN, &forgotten, err));
    if (forgotten == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(forgotten, NULL, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        firn_slice key = fi_db_cursor_key(cursor);
        firn_hash hash;
        if (key.size != sizeof hash.bytes) {
            rc = fi_error_set(err, FIRN_CORRUPT, "the name of a forgotten object is malformed");
            goto out;
        }
        memcpy(hash.bytes, key.data, key.size);
        FI_TRY(fi_catalog_forgotten_add(set, &hash, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_catalog_forgotten_remove_gone(struct fi_objects *objects, struct firn_db *db,
                                 const struct fi_hash_map *set, firn_error *err)
{
    struct firn_db_keyspace *forgotten;
    struct firn_db_batch *batch = NULL;
    int rc;
    DCHECK(!fi_db_is_read_only(db));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_FORGOTTEN, &forgotten, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    for (size_t i = 0; i < set->count; i++) {
        const firn_hash *hash = fi_hash_map_at(set, i);
        bool is_there;
        FI_TRY(fi_objects_contains(objects, hash, &is_there, err));
        FI_TRY(is_there ? FIRN_OK : fi_db_batch_delete(batch, forgotten, key_of(hash), err));
        if (fi_db_batch_size_bytes(batch) >= BATCH_SIZE) {
            FI_TRY(write_batch(db, batch, err));
        }
    }
    rc = write_batch(db, batch, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}
