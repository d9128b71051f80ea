/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_steps.c: steps that a collection shares with one in the background
 * (gc_auto.c).
 */
#include "base/check.h"
#include "gc/gc_internal.h"
#include "statcache/statcache.h"

/* The stat cache lets a save reuse a directory and everything below it without looking. */
static int
is_walked(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    const struct fi_gc *gc = ctx;
    size_t number;
    (void)err;
    DCHECK(gc->table != NULL);
    *out = fi_gc_table_find(gc->table, tree, &number) &&
           fi_gc_table_has(gc->table, number, FI_GC_MARK_TREE_WALKED);
    return FIRN_OK;
}

int
fi_gc_steps_sweep_stat(struct fi_gc *gc, firn_error *err)
{
    uint64_t removed;
    return fi_statcache_sweep(gc->opened->db, is_walked, gc, &removed, err);
}

int
fi_gc_steps_collect(struct fi_gc *gc, firn_error *err)
{
    struct fi_objects_retire_result collected;
    int rc = fi_objects_retire_collect(gc->opened->objects, &collected, err);
    fi_db_space_sync_removals(gc->opened->db);
    gc->result->packs_waiting = collected.waiting;
    gc->result->bytes_waiting = collected.waiting_bytes;
    return rc;
}

int
fi_gc_steps_retire(struct fi_gc *gc, const uint32_t *numbers, size_t count, firn_error *err)
{
    DCHECK(count > 0 && !fi_db_is_read_only(gc->opened->db));
    FI_TRY_RETURN(fi_objects_retire(gc->opened->objects, numbers, count, err));
    FI_TRY_RETURN(fi_db_maintain_advance(gc->opened->db, err));
    return fi_gc_steps_collect(gc, err);
}

int
fi_gc_steps_measure(struct fi_gc *gc, firn_error *err)
{
    struct fi_objects *objects = gc->opened->objects;
    gc->result->packs_after = fi_objects_pack_count(objects);
    gc->result->bytes_after = gc->result->bytes_waiting;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < gc->result->packs_after; i++) {
        bool is_present;
        rc = fi_objects_pack_is_present(objects, i, &is_present, err);
        gc->result->bytes_after += is_present ? fi_objects_pack_at(objects, i)->size_bytes : 0;
    }
    return rc;
}
