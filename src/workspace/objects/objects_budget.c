/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_budget.c: what reading objects earns and costs, in a store that is not known as
 * this user's.
 *
 * Every object is read through fi_objects_read_raw and its like (objects_read.c), which pay here:
 * for the look-up, for each byte that was decompressed, and for each byte of the object. A frame of
 * a pack earns its stored bytes when it is read for the first time (I1), and no pack earns more
 * than the file system has allocated for it, since a hole costs nothing to make. What is done with
 * the objects is paid for where it is done: entries by tree_iterator.c, paths by the walks, zeros
 * by those that hash or write them.
 *
 * The pieces of a list earn before they are read (fi_objects_budget_expect), because a list may
 * begin with a hole that takes long, and the data comes after it.
 *
 * Memory: 12 bytes for each frame that was read.
 */
#include "base/budget.h"
#include "base/check.h"
#include "objects/objects_internal.h"

static uint64_t
hash_of_frame(const void *record)
{
    return *(const uint64_t *)record * UINT64_C(0x9e3779b97f4a7c15);
}

static bool
frame_is(const void *record, const void *key)
{
    return *(const uint64_t *)record == *(const uint64_t *)key;
}

void
fi_objects_budget_begin(struct fi_objects *objects)
{
    DCHECK(objects->limit == NULL && objects->open_count == 0);
    objects->limit = &objects->budget;
    objects->trees.budget = objects->limit;
}

struct fi_budget *
fi_objects_budget(const struct fi_objects *objects)
{
    return objects->limit;
}

void
fi_objects_budget_init(struct fi_objects *objects)
{
    fi_hash_map_init(&objects->paid_frames, sizeof(uint64_t), hash_of_frame, frame_is);
}

void
fi_objects_budget_deinit(struct fi_objects *objects)
{
    fi_hash_map_deinit(&objects->paid_frames);
}

/* The bytes that a frame earns. (I1) */
static int
earn_locked(struct fi_objects *objects, const struct firn_pack *file,
            const struct fi_objects_place *place, firn_error *err)
{
    fi_os_mutex_assert_held(&objects->mutex);
    const uint64_t key = (uint64_t)place->pack << 32 | place->at.frame;
    if (fi_hash_map_find(&objects->paid_frames, hash_of_frame(&key), &key) != NULL) {
        return FIRN_OK;
    }
    if (fi_hash_map_insert(&objects->paid_frames, hash_of_frame(&key), &key) == NULL) {
        return fi_error_no_memory(err, "what was read");
    }
    struct fi_objects_pack *pack = fi_objects_pack_of(objects, place->pack);
    const uint64_t size = fi_pack_frame_size(file, place->at.frame);
    const uint64_t bytes = size < pack->unearned ? size : pack->unearned;
    pack->unearned -= bytes;
    fi_budget_earn(objects->limit, bytes);
    return FIRN_OK;
}

int
fi_objects_budget_read(struct fi_objects *objects, const struct firn_pack *file,
                       const struct fi_objects_place *place, uint64_t bytes, firn_error *err)
{
    if (objects->limit == NULL) {
        return FIRN_OK;
    }
    fi_os_mutex_lock(&objects->mutex);
    int rc = earn_locked(objects, file, place, err);
    fi_os_mutex_unlock(&objects->mutex);
    return rc == FIRN_OK ? fi_budget_spend(objects->limit, FI_BUDGET_OBJECT + bytes, err) : rc;
}

int
fi_objects_budget_earn(struct fi_objects *objects, const firn_hash *hash, firn_error *err)
{
    struct fi_objects_place place;
    struct firn_pack *file;
    firn_error why;
    int rc = fi_budget_spend(objects->limit, FI_BUDGET_OBJECT, err);
    if (rc != FIRN_OK || fi_objects_index_find(objects, hash, &place, &why) != FIRN_OK ||
        fi_objects_pack_acquire(objects, place.pack, &file, &why) != FIRN_OK) {
        return rc;
    }
    if (place.at.frame < fi_pack_frame_count(file)) {
        fi_os_mutex_lock(&objects->mutex);
        rc = earn_locked(objects, file, &place, err);
        fi_os_mutex_unlock(&objects->mutex);
    }
    fi_objects_pack_release(objects, place.pack);
    return rc;
}

int
fi_objects_budget_expect(struct fi_objects *objects, firn_slice list, firn_error *err)
{
    struct fi_pack_piece piece;
    struct fi_reader pieces;
    uint64_t total;
    bool has_hole = false;
    int rc = FIRN_OK;
    if (objects->limit == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_pack_pieces_open(list, &pieces, &total, err));
    while (!has_hole && fi_pack_pieces_next(&pieces, &piece)) {
        has_hole = piece.is_hole;
    }
    if (!has_hole) {
        goto out;
    }
    FI_TRY(fi_pack_pieces_open(list, &pieces, &total, err));
    while (fi_pack_pieces_next(&pieces, &piece)) {
        FI_TRY(piece.is_hole ? FIRN_OK : fi_objects_budget_earn(objects, &piece.hash, err));
    }
out:
    return rc;
}
