/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_join.c: joining small packs.
 *
 * Each save makes a pack, most of them of a few kilobytes. A thousand of these cost a thousand files
 * and, where files share nothing, room. So when a save is done and FIRN_RECLAIM_JOIN_PACKS small packs are
 * there, some of them become one: as many of the smallest as it takes for each pack that is left to
 * be at least twice as large as the next smaller one, and for fewer than FIRN_RECLAIM_JOIN_PACKS to be
 * left. So a byte is written again about as often as the logarithm of what the packs hold. The idea is
 * that of geometric repacking (git 2.33, builtin/repack.c), of the logarithmic method before it
 * (Bentley and Saxe, 1980).
 *
 * Versions of one thing come to lie side by side then, whole (reclaim_versions.c): of a history of
 * small changes that saves more room than it costs time.
 *
 * What is alive is not asked: that takes a walk through all checkpoints, and is for gc. All that the
 * index has in the packs moves, in the way of reclaim_move.c, whose order of steps makes it safe to
 * be cut short anywhere. Packs of PACK_BYTES_MAX or more stay for gc, so a save never moves more than
 * a few times that; and those that were compressed at a higher level, because a save has no time for
 * doing that again.
 *
 * The store's writing lock is held.
 */
#include "reclaim/reclaim_join.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "reclaim/reclaim_internal.h"

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
firn_reclaim_join_choose(const uint64_t *sizes, size_t count)
{
    size_t end = count;
    uint64_t total = 0;
    DCHECK(is_ascending(sizes, count));
    if (count < FIRN_RECLAIM_JOIN_PACKS) {
        return 0;
    }
    /* Down to the first two that are too much alike; but so many at least that few are left. */
    while (end > count - FIRN_RECLAIM_JOIN_PACKS + 2 && sizes[end - 1] / 2 >= sizes[end - 2]) {
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        total += sizes[i];
    }
    /* What they become may be too much like the next one. */
    while (end < count && sizes[end] / 2 < total) {
        total += sizes[end++];
    }
    DCHECK(end > 1 && count - end + 1 < FIRN_RECLAIM_JOIN_PACKS);
    return end;
}

static int
compare_sizes(const void *a, const void *b)
{
    const struct firn_reclaim_pack *left = a;
    const struct firn_reclaim_pack *right = b;
    if (left->size_bytes != right->size_bytes) {
        return left->size_bytes < right->size_bytes ? -1 : 1;
    }
    return (left->number > right->number) - (left->number < right->number);
}

static int
compare_numbers(const void *a, const void *b)
{
    const struct firn_reclaim_pack *left = a;
    const struct firn_reclaim_pack *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* The small packs whose files are there. */
static int
list_small(struct firn_reclaim *gc, firn_error *err)
{
    struct firn_objects *objects = gc->opened->objects;
    gc->packs = firn_alloc_array(objects->pack_count, sizeof *gc->packs);
    if (gc->packs == NULL && objects->pack_count > 0) {
        return firn_error_no_memory(err, "the list of packs");
    }
    for (size_t i = 0; i < objects->pack_count; i++) {
        struct firn_objects_pack *pack = &objects->packs[i];
        bool is_present;
        if (pack->entry.size_bytes >= PACK_BYTES_MAX ||
            pack->entry.object_count >= PACK_OBJECTS_MAX || pack->entry.level > 0) {
            continue;
        }
        int rc = firn_objects_is_present(objects, pack, &is_present, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (is_present) {
            gc->packs[gc->pack_count++] =
                (struct firn_reclaim_pack){.number = pack->entry.number,
                                           .is_present = true,
                                           .size_bytes = pack->entry.size_bytes,
                                           .object_count = pack->entry.object_count,
                                           .level = FIRN_OBJECTS_SESSION_LEVEL,
                                           .target = FIRN_OBJECTS_SESSION_LEVEL,
                                           .fate = FIRN_RECLAIM_KEEP};
        }
    }
    return FIRN_OK;
}

static int
choose(struct firn_reclaim *gc, size_t *out, firn_error *err)
{
    uint64_t *sizes = firn_alloc_array(gc->pack_count, sizeof *sizes);
    if (sizes == NULL) {
        return firn_error_no_memory(err, "the list of packs");
    }
    firn_sort(gc->packs, gc->pack_count, sizeof *gc->packs, compare_sizes);
    for (size_t i = 0; i < gc->pack_count; i++) {
        sizes[i] = gc->packs[i].size_bytes;
    }
    *out = firn_reclaim_join_choose(sizes, gc->pack_count);
    for (size_t i = 0; i < *out; i++) {
        gc->packs[i].fate = FIRN_RECLAIM_REWRITE;
    }
    /* They are read in the order in which they were written: neighbours stay neighbours. */
    firn_sort(gc->packs, gc->pack_count, sizeof *gc->packs, compare_numbers);
    firn_free(sizes);
    return FIRN_OK;
}

int
firn_reclaim_join(struct firn_ws *ws, struct firn_ws_opened *opened,
                  const firn_callbacks *callbacks, firn_error *err)
{
    const struct firn_reclaim_limits limits = {.pack_objects = 128 << 10,
                                               .pack_bytes = UINT64_C(1) << 30,
                                               .give_back_bytes = UINT64_C(1) << 30};
    /* Not to be cancelled: what was asked for is done. */
    const firn_workspace_gc_options options = {
        .callbacks = {.on_notice = callbacks->on_notice, .ctx = callbacks->ctx}};
    firn_workspace_gc_result result = {0};
    struct firn_reclaim gc = {
        .ws = ws, .opened = opened, .options = &options, .limits = &limits, .result = &result};
    size_t chosen = 0;
    int rc = FIRN_OK;
    DCHECK(!firn_db_is_read_only(opened->db));
    if (opened->objects->pack_count < FIRN_RECLAIM_JOIN_PACKS) {
        return FIRN_OK;
    }
    FIRN_TRY(list_small(&gc, err));
    if (gc.pack_count >= FIRN_RECLAIM_JOIN_PACKS) {
        FIRN_TRY(choose(&gc, &chosen, err));
    }
    if (chosen > 0) {
        FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &gc.scratch, err));
        FIRN_TRY(firn_reclaim_move(&gc, err));
    }
out:
    firn_packfile_scratch_destroy(gc.scratch);
    firn_reclaim_plan_release(&gc);
    return rc;
}
