/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_read.c: reading one object by its name.
 *
 * The pack that the index names verifies the object against its name. A wrong index entry can
 * therefore make an object unreadable (rebuilding the index repairs this), but never give wrong
 * bytes (I1; not checked here: the pack's reader verifies).
 *
 * Each read pays, in a store that is not known as this user's (objects_budget.c).
 */
#include "objects/objects.h"

#include "base/check.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"
#include "pack/pack_cells.h"

/* One of the two ways to read from a pack. */
typedef int read_from_pack(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                           const firn_hash *hash, const struct fi_pack_location *at,
                           firn_slice *out, firn_error *err);

static int
read_by(read_from_pack *read, struct fi_objects *objects, struct fi_pack_scratch *scratch,
        const firn_hash *hash, enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct fi_objects_place place;
    int rc = fi_objects_index_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT, "object %s is not in the store", hex);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_pack *file;
    *out_kind = place.at.kind;
    *out = firn_bytes(NULL, 0);
    rc = fi_objects_pack_acquire(objects, place.pack, &file, err);
    if (rc != FIRN_OK) {
        return fi_pack_object_failed(hash, rc, err);
    }
    const uint64_t before = fi_pack_scratch_decoded(scratch);
    /* The bytes read are borrowed from scratch, not from the file. */
    rc = read(file, scratch, hash, &place.at, out, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_budget_read(objects, file, &place,
                                    fi_pack_scratch_decoded(scratch) - before + out->size, err);
    }
    fi_objects_pack_release(objects, place.pack);
    return rc;
}

int
fi_objects_read_raw(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                    const firn_hash *hash, enum fi_pack_kind *out_kind, firn_slice *out,
                    firn_error *err)
{
    return read_by(fi_pack_read, objects, scratch, hash, out_kind, out, err);
}

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    return fi_objects_read_raw(ctx, scratch, base, out_kind, out, err);
}

static int
read_stored_by(read_from_pack *read, struct fi_objects *objects, struct fi_pack_scratch *scratch,
               const firn_hash *hash, enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    int rc = read_by(read, objects, scratch, hash, out_kind, out, err);
    if (rc != FIRN_OK || *out_kind != FI_PACK_DELTA) {
        return rc;
    }
    rc = fi_pack_delta_read(scratch, hash, *out, read_base, objects, out_kind, out, err);
    return rc == FIRN_OK ? fi_budget_spend(objects->limit, out->size, err) : rc;
}

int
fi_objects_read_stored(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const firn_hash *hash, enum fi_pack_kind *out_kind, firn_slice *out,
                       firn_error *err)
{
    return read_stored_by(fi_pack_read, objects, scratch, hash, out_kind, out, err);
}

int
fi_objects_read_piece(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                      const firn_hash *hash, enum fi_pack_kind *out_kind, firn_slice *out,
                      firn_error *err)
{
    return read_stored_by(fi_pack_read_piece, objects, scratch, hash, out_kind, out, err);
}

int
fi_objects_read_delta(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                      const firn_hash *hash, struct fi_pack_delta *out, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc = fi_objects_read_raw(objects, scratch, hash, &kind, &stored, err);
    if (rc == FIRN_OK && kind != FI_PACK_DELTA) {
        return fi_error_set(err, FIRN_CORRUPT, "an object is not the delta that it was before");
    }
    return rc == FIRN_OK ? fi_pack_delta_decode(stored, out, err) : rc;
}

int
fi_objects_read(struct fi_objects *objects, struct fi_pack_scratch *scratch, const firn_hash *hash,
                firn_slice *out, firn_error *err)
{
    enum fi_pack_kind kind;
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, out, err);
    if (rc == FIRN_OK && kind == FI_PACK_PIECES) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT,
                            "object %s is a list of pieces where a whole object belongs", hex);
    }
    return rc;
}

int
fi_objects_read_pieces(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const firn_hash *hash,
                       int (*visit)(void *ctx, uint64_t offset, const struct fi_pack_piece *piece,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    struct fi_objects_place place;
    int rc = fi_objects_index_find(objects, hash, &place, err);
    if (rc != FIRN_OK || place.at.kind != FI_PACK_PIECES) {
        return rc;
    }
    enum fi_pack_kind kind;
    firn_slice list;
    uint64_t total;
    rc = fi_objects_read_stored(objects, scratch, hash, &kind, &list, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_pack_cells_is_list(list) ? fi_pack_cells_decode(list, &total, visit, ctx, err)
                                       : fi_pack_pieces_decode(list, &total, visit, ctx, err);
}
