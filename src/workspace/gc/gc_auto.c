/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_auto.c: a garbage collection in the background.
 *
 *   begin   if it is worth it (catalog_due.c), the store records that it was begun
 *   mark    live objects are marked and a plan is made, from a snapshot and without a lock
 *   slices  each does a bounded piece of work with the lock held; there is a pause between two
 *   end     the record of garbage is reset, except for what was not worth moving
 *
 * So a writer waits for one slice at most. The pause is longer than the polling interval of a
 * writer that waits for the lock (storefile_lock.c), so that writer gets the lock before the next
 * slice begins.
 *
 * (I1) A mark is valid only while no other process has committed since: when a slice has the lock,
 *      the store's sequence must be that of the snapshot, or that after our last slice. Otherwise
 *      another process has made a checkpoint, of objects that may have been dead, or has collected:
 *      the marks are discarded, and marking starts again from the present state. What the slices
 *      have done stays done. Another store at the same path is recognised by its identity.
 * (I2) A save holds the lock from its first look-up in the index to its commit. So whenever a slice
 *      runs, a save has either not begun, or what it looked up is alive. Not checked: this is the
 *      purpose of the lock.
 *
 * If saves come more often than a store can be marked, this achieves nothing. After ATTEMPTS_MAX
 * marks without a gain the collection gives up, and the next attempt is an hour later. A plain
 * collection always succeeds.
 *
 * Some work is left to a plain collection: packs whose files are missing, joining small packs,
 * forgotten objects (catalog_forgotten.c), and expired checkpoints of other workspaces of the
 * store, which their own saves delete.
 *
 * If a signal or a power cut interrupts the collection, the store is intact (I4; not checked:
 * tests interrupt it), and the next operation that writes finds all files that are not needed.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "gc/gc_internal.h"

/* How far the slices have come. */
struct fi_gc_place {
    size_t pack; /* of gc->packs */
    uint32_t frame;
};

enum { SCRATCH_FRAMES = 4, ATTEMPTS_MAX = 4, ID_SIZE = 16 };

struct automatic {
    struct fi_gc gc;
    struct fi_ws_opened opened;
    uint64_t deleted_bytes; /* noted when it was marked: this collection deals with them */
    uint64_t sequence;      /* of the store when it was marked, or after our last slice (I1) */
    uint8_t id[ID_SIZE];    /* likewise */
    bool has_marked;        /* once */
    bool has_swept;         /* the stat cache was swept since the last mark */
    struct fi_gc_place at;
};

/* Waits for another writer for a while, unless a watch runs. */
static int
open_store(struct automatic *automatic, enum fi_ws_open_mode mode, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    struct fi_os *os = gc->ws->os;
    DCHECK(automatic->opened.root == NULL); /* nothing is open */
    int64_t began_ns = fi_os_monotonic_ns(os);
    int64_t patience_ns = gc->ws->never_waits ? 0 : gc->limits->patience_ns;
    for (;;) {
        int rc = fi_ws_opened_open_store(gc->ws, mode, &automatic->opened, err);
        if (rc != FIRN_BUSY || fi_os_monotonic_ns(os) - began_ns >= patience_ns) {
            return rc;
        }
        rc = fi_gc_report_progress_now(gc, "wait", gc->result->slices, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        fi_os_sleep_ns(os, gc->limits->pause_ns);
    }
}

static int
close_store(struct automatic *automatic, int rc, firn_error *err)
{
    return fi_ws_opened_close(automatic->gc.ws, &automatic->opened, rc, err);
}

/* ---- begin and end ---- */

static int
gc_auto_assess(struct automatic *automatic, struct fi_catalog_due *out, firn_error *err)
{
    const struct fi_ws_opened *opened = &automatic->opened;
    struct fi_gc *gc = &automatic->gc;
    int rc = fi_catalog_due_read(opened->db, out, err);
    if (rc == FIRN_OK) {
        gc->result->is_due = gc->limits->due_bytes == 0 ||
                             fi_catalog_due_is(out, fi_catalog_due_packs_bytes(opened->objects),
                                               gc->limits->due_bytes, fi_os_now_ns(gc->ws->os));
    }
    return rc;
}

static int
begin_opened(struct automatic *automatic, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    struct fi_catalog_due due;
    int rc = gc_auto_assess(automatic, &due, err);
    if (rc != FIRN_OK || !gc->result->is_due || gc->options->dry_run) {
        return rc;
    }
    due.tried_ns = fi_os_now_ns(gc->ws->os);
    return fi_catalog_due_write(automatic->opened.db, &due, err);
}

/* Looks first without a lock. */
static int
gc_auto_begin(struct automatic *automatic, firn_error *err)
{
    const bool is_dry = automatic->gc.options->dry_run;
    struct fi_catalog_due due;
    int rc = open_store(automatic, FI_WS_READ, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = automatic->opened.db == NULL ? FIRN_OK : gc_auto_assess(automatic, &due, err);
    rc = close_store(automatic, rc, err);
    if (rc != FIRN_OK || !automatic->gc.result->is_due || is_dry) {
        return rc;
    }
    rc = open_store(automatic, FI_WS_WRITE, err);
    return rc == FIRN_OK ? close_store(automatic, begin_opened(automatic, err), err) : rc;
}

/* Objects deleted since the last mark are still garbage, and so are those that the plan did not
 * move. */
static int
end_opened(struct automatic *automatic, firn_error *err)
{
    struct fi_catalog_due due;
    DCHECK(automatic->has_marked && automatic->gc.forgotten.count == 0);
    automatic->gc.opened = &automatic->opened;
    FI_TRY_RETURN(fi_catalog_due_read(automatic->opened.db, &due, err));
    due.deleted_bytes -=
        due.deleted_bytes < automatic->deleted_bytes ? due.deleted_bytes : automatic->deleted_bytes;
    fi_catalog_due_add(&due, automatic->gc.result->bytes_dead);
    due.tried_ns = 0;
    FI_TRY_RETURN(fi_catalog_due_write(automatic->opened.db, &due, err));
    FI_TRY_RETURN(fi_gc_steps_collect(&automatic->gc, err));
    FI_TRY_RETURN(fi_gc_steps_measure(&automatic->gc, err));
    automatic->gc.result->is_finished = true;
    return FIRN_OK;
}

static int
gc_auto_end(struct automatic *automatic, firn_error *err)
{
    int rc = open_store(automatic, FI_WS_WRITE, err);
    return rc == FIRN_OK ? close_store(automatic, end_opened(automatic, err), err) : rc;
}

/* ---- marking ---- */

static void
clear_marks(struct fi_gc *gc)
{
    fi_gc_table_destroy(gc->table);
    fi_gc_plan_release(gc);
    fi_buf_clear(&gc->leaning);
    gc->table = NULL;
    gc->packs = NULL;
    gc->pack_count = 0;
}

static int
mark_opened(struct automatic *automatic, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    struct fi_catalog_due due;
    gc->opened = &automatic->opened;
    DCHECK(gc->table == NULL && gc->packs == NULL && gc->pack_count == 0);
    if (automatic->opened.db == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the store '%.900s' is gone",
                            gc->ws->place.store_path);
    }
    DCHECK(fi_db_is_read_only(automatic->opened.db)); /* no lock is held */
    FI_TRY_RETURN(fi_catalog_due_read(automatic->opened.db, &due, err));
    FI_TRY_RETURN(fi_gc_table_create(automatic->opened.objects, &gc->table, err));
    FI_TRY_RETURN(fi_gc_mark(gc, err));
    FI_TRY_RETURN(fi_gc_plan(gc, err));
    automatic->deleted_bytes = due.deleted_bytes;
    automatic->sequence = automatic->opened.sequence;
    memcpy(automatic->id, fi_db_id(automatic->opened.db), sizeof automatic->id);
    automatic->has_swept = false;
    automatic->at = (struct fi_gc_place){0, 0};
    return FIRN_OK;
}

static int
gc_auto_mark(struct automatic *automatic, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    const firn_workspace_gc_result before = *gc->result;
    clear_marks(gc);
    gc->result->bytes_before = 0;
    int rc = fi_gc_report_progress_now(gc, "mark", gc->result->slices, err);
    if (rc == FIRN_OK) {
        rc = open_store(automatic, FI_WS_READ, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = close_store(automatic, mark_opened(automatic, err), err);
    if (rc == FIRN_OK && automatic->has_marked) {
        gc->result->bytes_before = before.bytes_before;
        gc->result->packs_before = before.packs_before;
        gc->result->objects_dead = before.objects_dead;
    }
    automatic->has_marked = true;
    return rc;
}

/* ---- slices ---- */

/* (I1) */
static bool
knows_store(const struct automatic *automatic)
{
    const struct fi_ws_opened *opened = &automatic->opened;
    return opened->sequence == automatic->sequence &&
           memcmp(automatic->id, fi_db_id(opened->db), sizeof automatic->id) == 0;
}

/* A bounded piece of a garbage collection.
 *
 * A pack that is to go is emptied some frames at a time, from the first to the last: index entries
 * of dead objects in these frames are deleted, live objects get a new place in a new pack. When no
 * frame is left, and the index had as much in the pack as the plan counted, the pack is retired. A
 * slice takes parts of as many packs as fit. Its limits are slice_bytes of stored frames with live
 * objects, which have to be decoded and written again; RAW_MAX times that before compression; and
 * slice_objects of objects, each of which takes one index look-up. A slice takes at least one
 * frame, so it makes progress with any limits (I3).
 *
 * The steps of a slice are those of gc.c, in the same order: sweep, move and sync, retire. The
 * stat cache was swept before the first one. So a crash after any write leaves an intact store (I4;
 * not checked: tests cut the power). A half-empty pack has lost index entries and nothing else; the
 * next plan finds that the index does not have all of it, and empties it to the end
 * (gc_plan.c).
 *
 * The pack's own table says which objects are in which frame. It is read twice for each part, once
 * to count and once to sweep, without decoding a frame. It is not trusted: a pack whose table is
 * damaged, or that does not hold what the index says, stays with everything in it (I5).
 *
 * Measured with the limits of gc.c, on contents that do not compress, sources, logs, and a
 * pack of 250,000 tiny objects: a slice held the lock for 35 to 205 ms, including closing the
 * store, and took 15 to 120 ms of processor time. Two costs grow with the store, not with the
 * slice: the table of a pack is read whole for each slice of it, and the first slice after a mark
 * sweeps the stat cache.
 *
 * Memory: four bytes for each frame of one pack, and what gc_move.c needs. */

enum { BATCH_SIZE = 1 << 20, PARTS_MAX = 64, RAW_MAX = 4 };

/* What is left of the limits of a slice. */
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

/* Chooses how many frames fit; none only if the slice has done something already (I3). Frames that
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
    DCHECK(frame > cutting->first || budget->is_begun || frame >= cutting->frame_count); /* (I3) */
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
gc_auto_sweep(struct cutting *cutting, const firn_hash *hash, firn_error *err)
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
    int rc = gc_auto_sweep(cutting, hash, err);
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
gc_auto_cut(struct fi_gc *gc, const struct fi_gc_place *at, struct budget *budget,
            struct fi_gc_part *out, bool *out_is_last, firn_error *err)
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
        fi_gc_report_damage(gc, found.text); /* (I5) */
        out->is_damaged = true;
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* ---- the packs ---- */

/* Advances to the next pack that is to go; false if there is none left. */
static bool
slice_seek(const struct fi_gc *gc, struct fi_gc_place *at)
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
    while (slicing->count < PARTS_MAX && slice_seek(gc, at)) {
        struct fi_gc_part *part = &slicing->parts[slicing->count];
        bool *is_last = &slicing->is_last[slicing->count];
        if (slicing->count > 0 && gc->packs[at->pack].target != slicing->parts[0].pack->target) {
            break; /* a new pack is of one level */
        }
        int rc = gc_auto_cut(gc, at, &budget, part, is_last, err);
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

/* (I5) */
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
            CHECK(pack->moved == pack->live_count); /* (I5) */
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
static int
slice(struct fi_gc *gc, struct fi_gc_place *at, firn_error *err)
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

static int
slice_opened(struct automatic *automatic, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    CHECK(automatic->has_marked && knows_store(automatic)); /* (I1) */
    DCHECK(!fi_db_is_read_only(automatic->opened.db));
    gc->opened = &automatic->opened;
    if (!automatic->has_swept) {
        FI_TRY_RETURN(fi_gc_steps_sweep_stat(gc, err));
        automatic->has_swept = true;
    }
    FI_TRY_RETURN(slice(gc, &automatic->at, err));
    automatic->sequence = fi_db_sequence(automatic->opened.db);
    gc->result->slices++;
    return FIRN_OK;
}

/* Runs slices for as long as the marks are valid. */
static int
slices(struct automatic *automatic, bool *out_is_over, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    for (;;) {
        *out_is_over = !slice_seek(gc, &automatic->at);
        if (*out_is_over) {
            return FIRN_OK;
        }
        fi_os_sleep_ns(gc->ws->os, gc->limits->pause_ns);
        int rc = fi_gc_report_progress_now(gc, "collect", gc->result->slices, err);
        if (rc == FIRN_OK) {
            rc = open_store(automatic, FI_WS_WRITE, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_known = knows_store(automatic);
        rc = close_store(automatic, is_known ? slice_opened(automatic, err) : FIRN_OK, err);
        if (rc != FIRN_OK || !is_known) {
            return rc;
        }
    }
}

/* Whether the slices since the last mark have changed anything. What they have changed is not done
 * again, so the attempts come to an end. */
static bool
has_gained(const struct fi_gc *gc)
{
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].moved + gc->packs[i].swept > 0) {
            return true;
        }
    }
    return false;
}

static int
gc_auto_run(struct automatic *automatic, firn_error *err)
{
    struct fi_gc *gc = &automatic->gc;
    unsigned attempts = 0;
    bool is_over = false;
    FI_TRY_RETURN(gc_auto_begin(automatic, err));
    if (!gc->result->is_due || gc->options->dry_run) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &gc->scratch, err));
    while (!is_over && attempts < ATTEMPTS_MAX) {
        FI_TRY_RETURN(gc_auto_mark(automatic, err));
        FI_TRY_RETURN(slices(automatic, &is_over, err));
        attempts = has_gained(gc) ? 0 : attempts + 1;
    }
    if (is_over) {
        FI_TRY_RETURN(gc_auto_end(automatic, err));
    }
    return FIRN_OK;
}

int
fi_gc_auto(struct firn_ws *ws, const firn_workspace_gc_options *options,
           const struct fi_gc_limits *limits, firn_workspace_gc_result *out, firn_error *err)
{
    struct automatic automatic = {
        .gc = {.ws = ws, .options = options, .limits = limits, .result = out}};
    fi_catalog_forgotten_init(&automatic.gc.forgotten); /* and stays empty */
    int rc = gc_auto_run(&automatic, err);
    clear_marks(&automatic.gc);
    fi_pack_scratch_destroy(automatic.gc.scratch);
    fi_hash_map_deinit(&automatic.gc.forgotten);
    fi_buf_deinit(&automatic.gc.leaning);
    return rc;
}
