/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_auto.c: a collection of garbage that nobody waits for.
 *
 *   begin   if it is worth it (catalog_due.c), that it was begun is noted
 *   mark    what is alive, and the plan, from a reading of the store: no lock is held
 *   slices  a bounded piece each (reclaim_slice.c), with the lock held, and a pause between two
 *   end     what was known of garbage is taken back, but for what was not worth moving
 *
 * So whoever wants to write waits for one slice at most. The pause is longer than those that a writer
 * makes who waits for the lock (storefile.c), so he gets it before the next slice begins.
 *
 * (I1) A mark is believed only while nothing was committed since that was not ours: when a slice
 *      has the lock, the store's sequence must be that of the reading, or that behind our last slice.
 *      Otherwise somebody has made a checkpoint, of objects that may have been dead, or has
 *      collected: the marks are thrown away, and all begins again from what is there now. What slices
 *      have done stays done. Another store at the same path is told by its identity.
 * (I2) A save holds the lock from its first look into the index to its commit. So what it has looked
 *      up is alive, or it has not begun, whenever a slice runs. Not checked: it is what the
 *      lock is for.
 *
 * Who saves more often than a store can be marked lets nothing come of this: after ATTEMPTS_MAX marks
 * without a gain it gives up, and an hour later is soon enough to try again. A plain collection
 * always gets through.
 *
 * Left to a plain one are also packs whose files are missing, the joining of small packs, what was
 * forgotten (catalog_purge.c), and expired checkpoints of other workspaces of the store,
 * whose own saves let them go.
 *
 * Cut off at any moment, by a signal or the power, the store is whole (I2 of reclaim_slice.c), and all
 * files that nobody needs are found by the next operation that writes.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_due.h"
#include "reclaim/reclaim_internal.h"

enum { SCRATCH_FRAMES = 4, ATTEMPTS_MAX = 4, ID_SIZE = 16 };

struct automatic {
    struct firn_reclaim gc;
    struct firn_ws_opened opened;
    uint64_t deleted_bytes; /* that were noted when it was marked: it will have seen to them */
    uint64_t sequence;      /* of the store as the marks know it (I1) */
    uint8_t id[ID_SIZE];    /* likewise */
    bool has_marked;        /* once */
    bool has_swept;         /* the stat cache, since the last mark */
    struct firn_reclaim_place at;
};

/* Another writer is waited for a while. */
static int
open_store(struct automatic *automatic, enum firn_ws_open_mode mode, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    struct firn_os *os = gc->ws->os;
    DCHECK(automatic->opened.root == NULL); /* nothing is open */
    int64_t began_ns = firn_os_monotonic_ns(os);
    for (;;) {
        int rc = firn_ws_opened_open(gc->ws, mode, &automatic->opened, err);
        if (rc != FIRN_BUSY || firn_os_monotonic_ns(os) - began_ns >= gc->limits->patience_ns) {
            return rc;
        }
        rc = firn_reclaim_progress_now(gc, "wait", gc->result->slices, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        firn_os_sleep_ns(os, gc->limits->pause_ns);
    }
}

static int
close_store(struct automatic *automatic, int rc, firn_error *err)
{
    int close_rc = firn_ws_opened_close(automatic->gc.ws, &automatic->opened, rc != FIRN_OK, err);
    return rc != FIRN_OK ? rc : close_rc;
}

/* ---- begin and end ---- */

static int
judge(struct automatic *automatic, struct firn_catalog_due *out, firn_error *err)
{
    const struct firn_ws_opened *opened = &automatic->opened;
    struct firn_reclaim *gc = &automatic->gc;
    int rc = firn_catalog_due_read(opened->db, out, err);
    if (rc == FIRN_OK) {
        gc->result->is_due = gc->limits->due_bytes == 0 ||
                             firn_catalog_due_is(out, firn_catalog_due_packs_bytes(opened->objects),
                                                 gc->limits->due_bytes, firn_os_now_ns(gc->ws->os));
    }
    return rc;
}

static int
begin_opened(struct automatic *automatic, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    struct firn_catalog_due due;
    int rc = judge(automatic, &due, err);
    if (rc != FIRN_OK || !gc->result->is_due || gc->options->dry_run) {
        return rc;
    }
    due.tried_ns = firn_os_now_ns(gc->ws->os);
    return firn_catalog_due_write(automatic->opened.db, &due, err);
}

/* First by a look that disturbs nobody. */
static int
begin(struct automatic *automatic, firn_error *err)
{
    const bool is_dry = automatic->gc.options->dry_run;
    struct firn_catalog_due due;
    int rc = open_store(automatic, FIRN_WS_READ, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = automatic->opened.db == NULL ? FIRN_OK : judge(automatic, &due, err);
    rc = close_store(automatic, rc, err);
    if (rc != FIRN_OK || !automatic->gc.result->is_due || is_dry) {
        return rc;
    }
    rc = open_store(automatic, FIRN_CHECKOUT_WRITE, err);
    return rc == FIRN_OK ? close_store(automatic, begin_opened(automatic, err), err) : rc;
}

/* What was deleted since the last mark is garbage still, and so is what the plan has left. */
static int
end_opened(struct automatic *automatic, firn_error *err)
{
    struct firn_catalog_due due;
    int rc;
    DCHECK(automatic->has_marked && automatic->gc.forgotten.count == 0);
    automatic->gc.opened = &automatic->opened;
    FIRN_TRY(firn_catalog_due_read(automatic->opened.db, &due, err));
    due.deleted_bytes -=
        due.deleted_bytes < automatic->deleted_bytes ? due.deleted_bytes : automatic->deleted_bytes;
    firn_catalog_due_add(&due, automatic->gc.result->bytes_dead);
    due.tried_ns = 0;
    FIRN_TRY(firn_catalog_due_write(automatic->opened.db, &due, err));
    FIRN_TRY(firn_reclaim_collect(&automatic->gc, err));
    FIRN_TRY(firn_reclaim_measure(&automatic->gc, err));
    automatic->gc.result->is_finished = true;
out:
    return rc;
}

static int
end(struct automatic *automatic, firn_error *err)
{
    int rc = open_store(automatic, FIRN_CHECKOUT_WRITE, err);
    return rc == FIRN_OK ? close_store(automatic, end_opened(automatic, err), err) : rc;
}

/* ---- marking ---- */

static void
forget_marks(struct firn_reclaim *gc)
{
    firn_reclaim_table_destroy(gc->table);
    firn_reclaim_plan_release(gc);
    firn_buf_clear(&gc->leaning);
    gc->table = NULL;
    gc->packs = NULL;
    gc->pack_count = 0;
}

static int
mark_opened(struct automatic *automatic, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    struct firn_catalog_due due;
    int rc;
    gc->opened = &automatic->opened;
    DCHECK(gc->table == NULL && gc->packs == NULL && gc->pack_count == 0);
    if (automatic->opened.db == NULL) {
        return firn_error_set(err, FIRN_NOT_FOUND, "the store '%.900s' is gone",
                              gc->ws->place.store_path);
    }
    DCHECK(firn_db_is_read_only(automatic->opened.db)); /* no lock is held */
    FIRN_TRY(firn_catalog_due_read(automatic->opened.db, &due, err));
    FIRN_TRY(firn_reclaim_table_create(automatic->opened.objects, &gc->table, err));
    FIRN_TRY(firn_reclaim_mark(gc, err));
    FIRN_TRY(firn_reclaim_plan(gc, err));
    automatic->deleted_bytes = due.deleted_bytes;
    automatic->sequence = automatic->opened.sequence;
    memcpy(automatic->id, firn_db_id(automatic->opened.db), sizeof automatic->id);
    automatic->has_swept = false;
    automatic->at = (struct firn_reclaim_place){0, 0};
out:
    return rc;
}

static int
mark(struct automatic *automatic, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    const firn_gc_result before = *gc->result;
    forget_marks(gc);
    gc->result->bytes_before = 0;
    int rc = firn_reclaim_progress_now(gc, "mark", gc->result->slices, err);
    if (rc == FIRN_OK) {
        rc = open_store(automatic, FIRN_WS_READ, err);
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
    const struct firn_ws_opened *opened = &automatic->opened;
    return opened->sequence == automatic->sequence &&
           memcmp(automatic->id, firn_db_id(opened->db), sizeof automatic->id) == 0;
}

static int
slice_opened(struct automatic *automatic, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    int rc;
    CHECK(automatic->has_marked && knows_store(automatic)); /* (I1) */
    DCHECK(!firn_db_is_read_only(automatic->opened.db));
    gc->opened = &automatic->opened;
    if (!automatic->has_swept) {
        FIRN_TRY(firn_reclaim_sweep_stat(gc, err));
        automatic->has_swept = true;
    }
    FIRN_TRY(firn_reclaim_slice(gc, &automatic->at, err));
    automatic->sequence = firn_db_sequence(automatic->opened.db);
    gc->result->slices++;
out:
    return rc;
}

/* All slices that the marks are good for. */
static int
slices(struct automatic *automatic, bool *out_is_over, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    for (;;) {
        *out_is_over = !firn_reclaim_slice_seek(gc, &automatic->at);
        if (*out_is_over) {
            return FIRN_OK;
        }
        firn_os_sleep_ns(gc->ws->os, gc->limits->pause_ns);
        int rc = firn_reclaim_progress_now(gc, "collect", gc->result->slices, err);
        if (rc == FIRN_OK) {
            rc = open_store(automatic, FIRN_CHECKOUT_WRITE, err);
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

/* Whether the slices since the last mark have changed anything; what they have changed is not done
 * again, so this comes to an end. */
static bool
has_gained(const struct firn_reclaim *gc)
{
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].moved + gc->packs[i].forgotten > 0) {
            return true;
        }
    }
    return false;
}

static int
run(struct automatic *automatic, firn_error *err)
{
    struct firn_reclaim *gc = &automatic->gc;
    unsigned attempts = 0;
    bool is_over = false;
    int rc;
    FIRN_TRY(begin(automatic, err));
    if (!gc->result->is_due || gc->options->dry_run) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &gc->scratch, err));
    while (!is_over && attempts < ATTEMPTS_MAX) {
        FIRN_TRY(mark(automatic, err));
        FIRN_TRY(slices(automatic, &is_over, err));
        attempts = has_gained(gc) ? 0 : attempts + 1;
    }
    if (is_over) {
        FIRN_TRY(end(automatic, err));
    }
out:
    return rc;
}

int
firn_reclaim_auto(struct firn_ws *ws, const firn_gc_options *options,
                  const struct firn_reclaim_limits *limits, firn_gc_result *out, firn_error *err)
{
    struct automatic automatic = {
        .gc = {.ws = ws, .options = options, .limits = limits, .result = out}};
    firn_catalog_purge_init(&automatic.gc.forgotten); /* and stays empty */
    int rc = run(&automatic, err);
    forget_marks(&automatic.gc);
    firn_packfile_scratch_destroy(automatic.gc.scratch);
    firn_hash_map_deinit(&automatic.gc.forgotten);
    firn_buf_deinit(&automatic.gc.leaning);
    return rc;
}
