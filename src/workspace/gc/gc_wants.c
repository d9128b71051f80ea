/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_wants.c: whether an object that a pack has is to be moved out of it.
 */
#include "base/check.h"
#include "gc/gc_internal.h"
#include "objects/objects.h"

static bool
may_be_alive(const struct fi_gc *gc, const firn_hash *hash)
{
    size_t number;
    return gc->table == NULL || (fi_gc_table_find(gc->table, hash, &number) &&
                                 fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE));
}

int
fi_gc_wants(struct fi_gc *gc, uint32_t pack, const firn_hash *hash,
            const struct fi_pack_location *at, bool *out, bool *out_is_here, firn_error *err)
{
    struct fi_objects_place place;
    *out = false;
    *out_is_here = false;
    if (!may_be_alive(gc, hash)) {
        return FIRN_OK;
    }
    int rc = fi_objects_index_find(gc->opened->objects, hash, &place, err);
    if (rc != FIRN_OK || place.pack != pack) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    *out_is_here = true;
    *out = place.at.frame == at->frame && place.at.offset == at->offset &&
           place.at.size == at->size && place.at.kind == at->kind;
    return FIRN_OK;
}
