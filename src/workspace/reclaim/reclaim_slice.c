/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_slice.c: a bounded piece of a collection of garbage.
 *
 * A pack that is to go is emptied some frames at a time, from the first to the last: entries of the
 * index that lead to dead objects in these frames are deleted, living objects get a new place in a new
 * pack. When no frame is left, and the index had as much in the pack as was counted for the plan, the
 * pack is retired. A slice takes parts of as many packs as fit: of frames with something alive, which
 * have to be decoded and written again, slice_bytes as they are stored, and RAW_MAX times that before
 * compression; and slice_objects of objects, each a look into the index. It takes one frame at the
 * least, so it makes way whatever the limits (I1).
 *
 * The steps of a slice are those of reclaim.c, in the same order: forget, move and sync, retire; and the
 * stat cache was swept before the first one. So a crash after any write leaves a whole store (I2; not
 * checked: tests cut the power). A
 * pack that is half empty has lost entries of the index and nothing else; whoever plans next finds
 * that the index does not have all of it, and empties it to the end (reclaim_plan.c).
 *
 * Which objects lie in which frame the pack's own table says; it is read twice for each part, which
 * decodes nothing: once to count, once to forget. Nothing of it is believed: a pack whose table is
 * damaged, or that does not hold what the index says, stays with all that is in it (I3).
 *
 * Measured with the limits of reclaim.c, on contents that do not compress, sources, logs, and a pack of
 * 250,000 tiny objects: a slice held the lock for 35 to 205 ms, the closing of the store included, and
 * took 15 to 120 ms of a processor. Two things grow with the store and not with the slice: the table of
 * a pack is read whole for each slice of it, and the first slice behind a mark sweeps the stat cache.
 *
 * Memory: four bytes a frame of one pack, and what reclaim_move.c needs.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "reclaim/reclaim_internal.h"

enum { BATCH_SIZE = 1 << 20, PARTS_MAX = 64, RAW_MAX = 4 };

/* What the slice may still do. */
struct budget {
    uint64_t bytes;
    uint64_t objects;
    bool is_begun; /* it has done something */
};

/* One part of one pack. */
struct cutting {
    struct firn_reclaim *gc;
    struct firn_reclaim_pack *pack;
    struct firn_packfile *file;
    uint32_t first;
    uint32_t end;
    uint32_t frame_count;
    uint32_t *counts; /* of objects in each frame */
    struct firn_db_batch *batch;
    bool is_store_failing; /* what went wrong was no fault of the pack's */
};

static bool
is_alive(const struct firn_reclaim *gc, const firn_hash *hash)
{
    size_t number;
    return firn_reclaim_table_find(gc->table, hash, &number) &&
           firn_reclaim_table_has(gc->table, number, FIRN_RECLAIM_MARK_LIVE);
}

/* ---- counting ---- */

static int
count_object(void *ctx, const firn_hash *hash, const struct firn_packfile_location *at,
             firn_error *err)
{
    struct cutting *cutting = ctx;
    if (at->frame >= cutting->frame_count) {
        return firn_error_set(err, FIRN_CORRUPT, "pack %u: an object lies in no frame",
                              cutting->pack->number);
    }
    (void)hash;
    cutting->counts[at->frame]++;
    return FIRN_OK;
}

/* What it takes to move a frame. */
static uint64_t
cost_of(const struct firn_packfile *file, uint32_t frame)
{
    struct firn_packfile_frame_size size = firn_packfile_frame_size_of(file, frame);
    return size.stored > size.raw / RAW_MAX ? size.stored : size.raw / RAW_MAX;
}

/* How many frames fit; none only if the slice has done something (I1). What an earlier slice has
 * emptied costs nothing. */
static void
choose_end(struct cutting *cutting, struct budget *budget)
{
    uint32_t frame = cutting->first;
    for (; frame < cutting->frame_count; frame++) {
        bool has_live = firn_reclaim_plan_needs_frame(cutting->pack, frame);
        if (!has_live && !firn_reclaim_plan_has_dead_frame(cutting->pack, frame)) {
            continue;
        }
        uint64_t objects = cutting->counts[frame];
        uint64_t bytes = has_live ? cost_of(cutting->file, frame) : 0;
        bool fits = objects <= budget->objects && bytes <= budget->bytes;
        if (!fits && budget->is_begun) {
            break;
        }
        budget->objects -= objects < budget->objects ? objects : budget->objects;
        budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
        budget->is_begun = true;
    }
    cutting->end = frame;
    DCHECK(frame > cutting->first || budget->is_begun || frame >= cutting->frame_count); /* (I1) */
}

/* ---- forgetting ---- */

static int
write_batch(struct cutting *cutting, firn_error *err)
{
    int rc = firn_db_batch_count(cutting->batch) == 0
                 ? FIRN_OK
                 : firn_db_write(cutting->gc->opened->db, cutting->batch, FIRN_DURABILITY_OS, err);
    firn_db_batch_clear(cutting->batch);
    return rc;
}

static int
forget(struct cutting *cutting, const firn_hash *hash, firn_error *err)
{
    struct firn_objects *objects = cutting->gc->opened->objects;
    struct firn_objects_place place;
    int rc = firn_objects_find(objects, hash, &place, err);
    if (rc != FIRN_OK || place.pack != cutting->pack->number) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    DCHECK(!is_alive(cutting->gc, hash));
    cutting->pack->forgotten++;
    rc = firn_db_batch_delete(cutting->batch, objects->index,
                              firn_bytes(hash->bytes, sizeof hash->bytes), err);
    return rc == FIRN_OK && firn_db_batch_size_bytes(cutting->batch) >= BATCH_SIZE
               ? write_batch(cutting, err)
               : rc;
}

static int
forget_if_dead(void *ctx, const firn_hash *hash, const struct firn_packfile_location *at,
               firn_error *err)
{
    struct cutting *cutting = ctx;
    if (at->frame < cutting->first || at->frame >= cutting->end ||
        !firn_reclaim_plan_has_dead_frame(cutting->pack, at->frame) ||
        is_alive(cutting->gc, hash)) {
        return FIRN_OK;
    }
    int rc = forget(cutting, hash, err);
    cutting->is_store_failing = rc != FIRN_OK;
    return rc;
}

/* ---- one part ---- */

static int
cut_opened(struct cutting *cutting, struct budget *budget, firn_error *err)
{
    struct firn_packfile_scratch *scratch = cutting->gc->scratch;
    int rc;
    cutting->frame_count = firn_packfile_walk_count(cutting->file);
    cutting->counts = firn_alloc_zeroed(cutting->frame_count * sizeof *cutting->counts + 1);
    if (cutting->counts == NULL) {
        return firn_error_no_memory(err, "a list of frames");
    }
    FIRN_TRY(firn_packfile_list(cutting->file, scratch, count_object, cutting, err));
    choose_end(cutting, budget);
    if (cutting->end == cutting->first) {
        goto out;
    }
    FIRN_TRY(firn_packfile_list(cutting->file, scratch, forget_if_dead, cutting, err));
    rc = write_batch(cutting, err);
    cutting->is_store_failing = rc != FIRN_OK;
out:
    return rc;
}

/* Cuts the next part off a pack and forgets what is dead in it; *out_is_last if nothing is left
 * behind it. A damaged pack gives an empty part that is damaged. */
static int
cut(struct firn_reclaim *gc, const struct firn_reclaim_place *at, struct budget *budget,
    struct firn_reclaim_part *out, bool *out_is_last, firn_error *err)
{
    struct firn_objects *objects = gc->opened->objects;
    struct cutting cutting = {
        .gc = gc, .pack = &gc->packs[at->pack], .first = at->frame, .end = at->frame};
    firn_error found;
    DCHECK(cutting.pack->fate != FIRN_RECLAIM_KEEP && cutting.pack->is_present);
    int rc = firn_db_batch_create(&cutting.batch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_objects_acquire(objects, cutting.pack->number, &cutting.file, &found);
    if (rc == FIRN_OK) {
        rc = cut_opened(&cutting, budget, &found);
        firn_objects_release(objects, cutting.pack->number);
    }
    *out = (struct firn_reclaim_part){
        .pack = cutting.pack, .first = cutting.first, .end = cutting.end};
    *out_is_last = cutting.end == cutting.frame_count;
    firn_db_batch_destroy(cutting.batch);
    firn_free(cutting.counts);
    if (firn_reclaim_move_is_finding(rc) && !cutting.is_store_failing) {
        firn_reclaim_tell(gc, found.text); /* (I3) */
        out->is_damaged = true;
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* ---- the packs ---- */

bool
firn_reclaim_slice_seek(const struct firn_reclaim *gc, struct firn_reclaim_place *at)
{
    for (; at->pack < gc->pack_count; at->pack++, at->frame = 0) {
        const struct firn_reclaim_pack *pack = &gc->packs[at->pack];
        if (pack->fate != FIRN_RECLAIM_KEEP && pack->is_present) {
            return true;
        }
    }
    return false;
}

struct slicing {
    struct firn_reclaim *gc;
    struct firn_reclaim_part parts[PARTS_MAX];
    bool is_last[PARTS_MAX]; /* of its pack */
    size_t count;
};

static int
cut_all(struct slicing *slicing, struct firn_reclaim_place *at, firn_error *err)
{
    struct firn_reclaim *gc = slicing->gc;
    struct budget budget = {.bytes = gc->limits->slice_bytes, .objects = gc->limits->slice_objects};
    while (slicing->count < PARTS_MAX && firn_reclaim_slice_seek(gc, at)) {
        struct firn_reclaim_part *part = &slicing->parts[slicing->count];
        bool *is_last = &slicing->is_last[slicing->count];
        if (slicing->count > 0 && gc->packs[at->pack].target != slicing->parts[0].pack->target) {
            break; /* a new pack is of one level */
        }
        int rc = cut(gc, at, &budget, part, is_last, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (part->is_damaged) {
            part->pack->fate = FIRN_RECLAIM_KEEP;
            continue;
        }
        slicing->count += part->end > part->first ? 1 : 0;
        at->frame = part->end;
        if (!*is_last) {
            break;
        }
        at->pack++;
        at->frame = 0;
    }
    return FIRN_OK;
}

/* (I3) */
static bool
is_empty(struct firn_reclaim *gc, const struct firn_reclaim_pack *pack)
{
    firn_error found;
    if (pack->moved == pack->live_count && pack->forgotten == pack->dead_count) {
        return true;
    }
    (void)firn_error_set(&found, FIRN_CORRUPT,
                         "pack %u: the index has %llu objects in it, %llu of them are there",
                         pack->number, (unsigned long long)(pack->live_count + pack->dead_count),
                         (unsigned long long)(pack->moved + pack->forgotten));
    firn_reclaim_tell(gc, found.text);
    return false;
}

static int
retire(struct slicing *slicing, firn_error *err)
{
    struct firn_reclaim *gc = slicing->gc;
    uint32_t numbers[PARTS_MAX];
    uint64_t removed = 0;
    size_t count = 0;
    for (size_t i = 0; i < slicing->count; i++) {
        struct firn_reclaim_pack *pack = slicing->parts[i].pack;
        if (slicing->parts[i].is_damaged) {
            pack->fate = FIRN_RECLAIM_KEEP;
        } else if (slicing->is_last[i] && is_empty(gc, pack)) {
            CHECK(pack->moved == pack->live_count); /* (I3) */
            numbers[count++] = pack->number;
            removed += pack->fate == FIRN_RECLAIM_DROP ? 1 : 0;
        }
    }
    int rc = count == 0 ? FIRN_OK : firn_reclaim_retire(gc, numbers, count, err);
    if (rc == FIRN_OK) {
        gc->result->packs_removed += removed;
        gc->result->packs_rewritten += count - removed;
    }
    return rc;
}

int
firn_reclaim_slice(struct firn_reclaim *gc, struct firn_reclaim_place *at, firn_error *err)
{
    struct slicing *slicing = firn_alloc_zeroed(sizeof *slicing);
    int rc;
    DCHECK(gc->table != NULL && !firn_db_is_read_only(gc->opened->db));
    if (slicing == NULL) {
        return firn_error_no_memory(err, "a part of a collection");
    }
    slicing->gc = gc;
    FIRN_TRY(cut_all(slicing, at, err));
    FIRN_TRY(firn_reclaim_move_parts(gc, slicing->parts, slicing->count, err));
    FIRN_TRY(retire(slicing, err));
out:
    firn_free(slicing);
    return rc;
}
