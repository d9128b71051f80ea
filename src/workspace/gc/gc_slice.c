/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_slice.c: a bounded piece of a garbage collection.
 *
 * A pack that is to go is emptied some frames at a time, from the first to the last: index entries
 * of dead objects in these frames are deleted, live objects get a new place in a new pack. When no
 * frame is left, and the index had as much in the pack as the plan counted, the pack is retired. A
 * slice takes parts of as many packs as fit. Its limits are slice_bytes of stored frames with live
 * objects, which have to be decoded and written again; RAW_MAX times that before compression; and
 * slice_objects of objects, each of which takes one index look-up. A slice takes at least one
 * frame, so it makes progress with any limits (I1).
 *
 * The steps of a slice are those of gc.c, in the same order: sweep, move and sync, retire. The stat
 * cache was swept before the first one. So a crash after any write leaves an intact store (I2; not
 * checked: tests cut the power). A half-empty pack has lost index entries and nothing else; the
 * next plan finds that the index does not have all of it, and empties it to the end (gc_plan.c).
 *
 * The pack's own table says which objects are in which frame. It is read twice for each part, once
 * to count and once to sweep, without decoding a frame. It is not trusted: a pack whose table is
 * damaged, or that does not hold what the index says, stays with everything in it (I3).
 *
 * Measured with the limits of gc.c, on contents that do not compress, sources, logs, and a pack of
 * 250,000 tiny objects: a slice held the lock for 35 to 205 ms, including closing the store, and
 * took 15 to 120 ms of processor time. Two costs grow with the store, not with the slice: the table
 * of a pack is read whole for each slice of it, and the first slice after a mark sweeps the stat
 * cache.
 *
 * Memory: four bytes for each frame of one pack, and what gc_move.c needs.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "gc/gc_internal.h"

enum { BATCH_SIZE = 1 << 20, PARTS_MAX = 64, RAW_MAX = 4 };

/* What is left of the limits of a fi_gc_slice. */
struct budget {
    uint64_t bytes;
    uint64_t objects;
    bool is_begun; /* it has done something */
};

/* One part of one pack. */
struct cutting {
    struct fi_gc *gc;
    struct fi_gc_pack *pack;
    struct firn_pack *file;
    uint32_t first;
    uint32_t end;
    uint32_t frame_count;
    uint32_t *counts; /* of objects in each frame */
    struct firn_db_batch *batch;
    bool is_store_failing; /* the failure was not the pack's */
};

static bool
is_alive(const struct fi_gc *gc, const firn_hash *hash)
{
    size_t number;
    return fi_gc_table_find(gc->table, hash, &number) &&
           fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE);
}

/* ---- counting ---- */

static int
count_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct cutting *cutting = ctx;
    if (at->frame >= cutting->frame_count) {
        return fi_error_set(err, FIRN_CORRUPT, "pack %u: an object lies in no frame",
                            cutting->pack->number);
    }
    (void)hash;
    cutting->counts[at->frame]++;
    return FIRN_OK;
}

/* The cost of moving a frame, in bytes of the budget. */
static uint64_t
cost_of(const struct firn_pack *file, uint32_t frame)
{
    struct fi_pack_frame_size size = fi_pack_frame_size_of(file, frame);
    return size.stored > size.raw / RAW_MAX ? size.stored : size.raw / RAW_MAX;
}

/* Chooses how many frames fit; none only if the slice has done something already (I1). Frames that
 * an earlier slice has emptied cost nothing. */
static void
choose_end(struct cutting *cutting, struct budget *budget)
{
    uint32_t frame = cutting->first;
    for (; frame < cutting->frame_count; frame++) {
        bool has_live = fi_gc_has_frame(&cutting->pack->live_frames, frame);
        if (!has_live && !fi_gc_has_frame(&cutting->pack->dead_frames, frame)) {
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

/* ---- sweeping ---- */

static int
write_batch(struct cutting *cutting, firn_error *err)
{
    int rc = fi_db_batch_count(cutting->batch) == 0
                 ? FIRN_OK
                 : fi_db_write(cutting->gc->opened->db, cutting->batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(cutting->batch);
    return rc;
}

static int
gc_slice_sweep(struct cutting *cutting, const firn_hash *hash, firn_error *err)
{
    struct fi_objects *objects = cutting->gc->opened->objects;
    struct fi_objects_place place;
    int rc = fi_objects_index_find(objects, hash, &place, err);
    if (rc != FIRN_OK || place.pack != cutting->pack->number) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    DCHECK(!is_alive(cutting->gc, hash));
    cutting->pack->swept++;
    rc = fi_db_batch_delete(cutting->batch, fi_objects_index(objects),
                            firn_bytes(hash->bytes, sizeof hash->bytes), err);
    return rc == FIRN_OK && fi_db_batch_size_bytes(cutting->batch) >= BATCH_SIZE
               ? write_batch(cutting, err)
               : rc;
}

static int
sweep_if_dead(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct cutting *cutting = ctx;
    if (at->frame < cutting->first || at->frame >= cutting->end ||
        !fi_gc_has_frame(&cutting->pack->dead_frames, at->frame) || is_alive(cutting->gc, hash)) {
        return FIRN_OK;
    }
    int rc = gc_slice_sweep(cutting, hash, err);
    cutting->is_store_failing = rc != FIRN_OK;
    return rc;
}

/* ---- one part ---- */

static int
cut_opened(struct cutting *cutting, struct budget *budget, firn_error *err)
{
    struct fi_pack_scratch *scratch = cutting->gc->scratch;
    int rc;
    cutting->frame_count = fi_pack_walk_count(cutting->file);
    cutting->counts = fi_alloc_zeroed(cutting->frame_count * sizeof *cutting->counts + 1);
    if (cutting->counts == NULL) {
        return fi_error_no_memory(err, "a list of frames");
    }
    FI_TRY(fi_pack_list(cutting->file, scratch, count_object, cutting, err));
    choose_end(cutting, budget);
    if (cutting->end == cutting->first) {
        goto out;
    }
    FI_TRY(fi_pack_list(cutting->file, scratch, sweep_if_dead, cutting, err));
    rc = write_batch(cutting, err);
    cutting->is_store_failing = rc != FIRN_OK;
out:
    return rc;
}

/* Takes the next part of a pack and sweeps the dead objects in it; *out_is_last if nothing is left
 * after it. For a damaged pack the part is empty and is_damaged is set. */
static int
cut(struct fi_gc *gc, const struct fi_gc_place *at, struct budget *budget, struct fi_gc_part *out,
    bool *out_is_last, firn_error *err)
{
    struct fi_objects *objects = gc->opened->objects;
    struct cutting cutting = {
        .gc = gc, .pack = &gc->packs[at->pack], .first = at->frame, .end = at->frame};
    firn_error found;
    DCHECK(cutting.pack->fate != FI_GC_KEEP && cutting.pack->is_present);
    int rc = fi_db_batch_create(&cutting.batch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_objects_pack_acquire(objects, cutting.pack->number, &cutting.file, &found);
    if (rc == FIRN_OK) {
        rc = cut_opened(&cutting, budget, &found);
        fi_objects_pack_release(objects, cutting.pack->number);
    }
    *out = (struct fi_gc_part){.pack = cutting.pack, .first = cutting.first, .end = cutting.end};
    *out_is_last = cutting.end == cutting.frame_count;
    fi_db_batch_destroy(cutting.batch);
    fi_free(cutting.counts);
    if (fi_gc_is_finding(rc) && !cutting.is_store_failing) {
        fi_gc_report_damage(gc, found.text); /* (I3) */
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
fi_gc_slice_seek(const struct fi_gc *gc, struct fi_gc_place *at)
{
    for (; at->pack < gc->pack_count; at->pack++, at->frame = 0) {
        const struct fi_gc_pack *pack = &gc->packs[at->pack];
        if (pack->fate != FI_GC_KEEP && pack->is_present) {
            return true;
        }
    }
    return false;
}

struct slicing {
    struct fi_gc *gc;
    struct fi_gc_part parts[PARTS_MAX];
    bool is_last[PARTS_MAX]; /* of its pack */
    size_t count;
};

static int
cut_all(struct slicing *slicing, struct fi_gc_place *at, firn_error *err)
{
    struct fi_gc *gc = slicing->gc;
    struct budget budget = {.bytes = gc->limits->slice_bytes, .objects = gc->limits->slice_objects};
    while (slicing->count < PARTS_MAX && fi_gc_slice_seek(gc, at)) {
        struct fi_gc_part *part = &slicing->parts[slicing->count];
        bool *is_last = &slicing->is_last[slicing->count];
        if (slicing->count > 0 && gc->packs[at->pack].target != slicing->parts[0].pack->target) {
            break; /* a new pack is of one level */
        }
        int rc = cut(gc, at, &budget, part, is_last, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (part->is_damaged) {
            part->pack->fate = FI_GC_KEEP;
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
is_empty(struct fi_gc *gc, const struct fi_gc_pack *pack)
{
    firn_error found;
    if (pack->moved == pack->live_count && pack->swept == pack->dead_count) {
        return true;
    }
    (void)fi_error_set(&found, FIRN_CORRUPT,
                       "pack %u: the index has %llu objects in it, %llu of them are there",
                       pack->number, (unsigned long long)(pack->live_count + pack->dead_count),
                       (unsigned long long)(pack->moved + pack->swept));
    fi_gc_report_damage(gc, found.text);
    return false;
}

static int
retire(struct slicing *slicing, firn_error *err)
{
    struct fi_gc *gc = slicing->gc;
    uint32_t numbers[PARTS_MAX];
    uint64_t removed = 0;
    size_t count = 0;
    for (size_t i = 0; i < slicing->count; i++) {
        struct fi_gc_pack *pack = slicing->parts[i].pack;
        if (slicing->parts[i].is_damaged) {
            pack->fate = FI_GC_KEEP;
        } else if (slicing->is_last[i] && is_empty(gc, pack)) {
            CHECK(pack->moved == pack->live_count); /* (I3) */
            numbers[count++] = pack->number;
            removed += pack->fate == FI_GC_DROP ? 1 : 0;
        }
    }
    int rc = count == 0 ? FIRN_OK : fi_gc_steps_retire(gc, numbers, count, err);
    if (rc == FIRN_OK) {
        gc->result->packs_removed += removed;
        gc->result->packs_rewritten += count - removed;
    }
    return rc;
}

/* One slice, starting from `at`. Requires: the store is open for writing, only slices have changed
 * it since it was marked, and its stat cache was swept. */
int
fi_gc_slice(struct fi_gc *gc, struct fi_gc_place *at, firn_error *err)
{
    struct slicing *slicing = fi_alloc_zeroed(sizeof *slicing);
    int rc;
    DCHECK(gc->table != NULL && !fi_db_is_read_only(gc->opened->db));
    if (slicing == NULL) {
        return fi_error_no_memory(err, "a part of a collection");
    }
    slicing->gc = gc;
    FI_TRY(cut_all(slicing, at, err));
    FI_TRY(fi_gc_move_parts(gc, slicing->parts, slicing->count, err));
    FI_TRY(retire(slicing, err));
out:
    fi_free(slicing);
    return rc;
}
