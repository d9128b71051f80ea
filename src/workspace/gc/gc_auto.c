/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_auto.c: a garbage collection in the background.
 *
 *   begin   if it is worth it (catalog_due.c), the store records that it was begun
 *   mark    live objects are marked and a plan is made, from a snapshot and without a lock
 *   slices  each does a bounded piece of work with the lock held (gc_slice.c); there is a pause
 *           between two
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
 * If a signal or a power cut interrupts the collection, the store is intact (I3; not checked:
 * tests interrupt it), and the next operation that writes finds all files that are not needed.
 */
#include <string.h>

#include "base/check.h"
#include "catalog/catalog.h"
#include "gc/gc_internal.h"

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
    FI_TRY_RETURN(fi_gc_slice(gc, &automatic->at, err));
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
        *out_is_over = !fi_gc_slice_seek(gc, &automatic->at);
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
