/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_join.c: joining small packs.
 *
 * Each save makes a pack, most of them of a few kilobytes. A thousand of these cost a thousand
 * files and, if their contents have nothing in common, space. So when there are
 * FI_GC_JOIN_PACKS small packs after a save, some become one: as many of the smallest as
 * needed until each pack that is left is at least twice as large as the next smaller one, and fewer
 * than FI_GC_JOIN_PACKS are left. So a byte is written again about as often as the logarithm
 * of what the packs hold. The idea is that of geometric repacking (git 2.33, builtin/repack.c), and
 * of the logarithmic method before it (Bentley and Saxe, 1980).
 *
 * Versions of one file come next to each other in this way, stored whole (gc_move.c). For a
 * history of small changes that saves more space than it costs time.
 *
 * A join does not determine which objects are alive: that takes a walk through all checkpoints, and
 * is for gc. It moves everything that the index has in the packs, in the order of steps of
 * gc_move.c, which makes it safe to interrupt at any point. Packs of PACK_BYTES_MAX or more
 * stay for gc, so a save never moves more than a few times that. So do packs that were compressed
 * at a higher level, because a save has no time to do that again.
 *
 * The store's writing lock is held.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "gc/gc_internal.h"

enum { PACK_BYTES_MAX = 4 << 20, PACK_OBJECTS_MAX = 16 << 10, SCRATCH_FRAMES = 4 };

static bool
is_ascending(const uint64_t *sizes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sizes[i - 1] > sizes[i]) {
            return false;
        }
    }
    return true;
}

size_t
fi_gc_join_choose(const uint64_t *sizes, size_t count)
{
    size_t end = count;
    uint64_t total = 0;
    DCHECK(is_ascending(sizes, count));
    if (count < FI_GC_JOIN_PACKS) {
        return 0;
    }
    /* Down to the first two that are too similar; but at least enough that few are left. */
    while (end > count - FI_GC_JOIN_PACKS + 2 && sizes[end - 1] / 2 >= sizes[end - 2]) {
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        total += sizes[i];
    }
    /* They may become packs that are too similar to the next one. */
    while (end < count && sizes[end] / 2 < total) {
        total += sizes[end++];
    }
    DCHECK(end > 1 && count - end + 1 < FI_GC_JOIN_PACKS);
    return end;
}

static int
compare_sizes(const void *a, const void *b)
{
    const struct fi_gc_pack *left = a;
    const struct fi_gc_pack *right = b;
    if (left->size_bytes != right->size_bytes) {
        return left->size_bytes < right->size_bytes ? -1 : 1;
    }
    return (left->number > right->number) - (left->number < right->number);
}

static int
compare_numbers(const void *a, const void *b)
{
    const struct fi_gc_pack *left = a;
    const struct fi_gc_pack *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Lists the small packs whose files are present. */
static int
list_small(struct fi_gc *gc, firn_error *err)
{
    struct fi_objects *objects = gc->opened->objects;
    const size_t count = fi_objects_pack_count(objects);
    gc->packs = fi_alloc_array(count, sizeof *gc->packs);
    if (gc->packs == NULL && count > 0) {
        return fi_error_no_memory(err, "the list of packs");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_objects_index_pack *pack = fi_objects_pack_at(objects, i);
        bool is_present;
        if (pack->size_bytes >= PACK_BYTES_MAX || pack->object_count >= PACK_OBJECTS_MAX ||
            pack->level > 0) {
            continue;
        }
        int rc = fi_objects_pack_is_present(objects, i, &is_present, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (is_present) {
            gc->packs[gc->pack_count++] = (struct fi_gc_pack){.number = pack->number,
                                                              .is_present = true,
                                                              .size_bytes = pack->size_bytes,
                                                              .object_count = pack->object_count,
                                                              .level = FI_OBJECTS_SESSION_LEVEL,
                                                              .target = FI_OBJECTS_SESSION_LEVEL,
                                                              .fate = FI_GC_KEEP};
        }
    }
    return FIRN_OK;
}

static int
gc_join_choose(struct fi_gc *gc, size_t *out, firn_error *err)
{
    uint64_t *sizes = fi_alloc_array(gc->pack_count, sizeof *sizes);
    if (sizes == NULL) {
        return fi_error_no_memory(err, "the list of packs");
    }
    fi_sort(gc->packs, gc->pack_count, sizeof *gc->packs, compare_sizes);
    for (size_t i = 0; i < gc->pack_count; i++) {
        sizes[i] = gc->packs[i].size_bytes;
    }
    *out = fi_gc_join_choose(sizes, gc->pack_count);
    for (size_t i = 0; i < *out; i++) {
        gc->packs[i].fate = FI_GC_REWRITE;
    }
    /* They are read in the order in which they were written: neighbours stay neighbours. */
    fi_sort(gc->packs, gc->pack_count, sizeof *gc->packs, compare_numbers);
    fi_free(sizes);
    return FIRN_OK;
}

int
fi_gc_join(struct firn_ws *ws, struct fi_ws_opened *opened, const firn_callbacks *callbacks,
           firn_error *err)
{
    const struct fi_gc_limits limits = {.pack_objects = 128 << 10,
                                        .pack_bytes = UINT64_C(1) << 30,
                                        .give_back_bytes = UINT64_C(1) << 30};
    /* Cannot be cancelled: the requested operation is done. */
    const firn_workspace_gc_options options = {
        .callbacks = {.on_notice = callbacks->on_notice, .ctx = callbacks->ctx}};
    firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
    struct fi_gc gc = {
        .ws = ws, .opened = opened, .options = &options, .limits = &limits, .result = &result};
    size_t chosen = 0;
    int rc = FIRN_OK;
    DCHECK(!fi_db_is_read_only(opened->db));
    if (fi_objects_pack_count(opened->objects) < FI_GC_JOIN_PACKS) {
        return FIRN_OK;
    }
    FI_TRY(list_small(&gc, err));
    if (gc.pack_count >= FI_GC_JOIN_PACKS) {
        FI_TRY(gc_join_choose(&gc, &chosen, err));
    }
    if (chosen > 0) {
        FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &gc.scratch, err));
        FI_TRY(fi_gc_move(&gc, err));
    }
out:
    fi_pack_scratch_destroy(gc.scratch);
    fi_gc_plan_release(&gc);
    return rc;
}
