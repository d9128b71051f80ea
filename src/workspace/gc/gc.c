/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc.c: garbage collection: deletes data that no checkpoint needs.
 *
 *   expire   expired checkpoints are deleted (gc_expire.c), those that were deleted a week
 *            ago, or with `now` at any time, are ended (gc_delete.c)
 *   mark     every object that any checkpoint of any workspace of the store needs (gc_mark.c)
 *   whole    deltas of forgotten objects are stored again, whole
 *   plan     for each pack: leave it, retire it, or move its live objects (gc_plan.c)
 *   sweep    dead directories are deleted from the stat cache, then dead objects of the packs that
 *            are to go from the index
 *   retire   packs without live objects
 *   move     live objects of the other packs are moved to a new pack, then those packs are retired
 *            too (gc_move.c)
 *            Where the disk has no room for that, one pack at a time is emptied, the one with the
 *            least to move first, and small packs stay apart. So what is alive in one pack has to
 *            fit into the store's reserve, and each pack gives the next one its space. If there is
 *            no space even so, but packs were retired before, the rest is left for later.
 *   tidy     the log and the small runs that these steps have left are merged into one run for each
 *            tree, and the index into one without its deleted entries
 *
 * The store's writing lock is held throughout, so no object becomes alive meanwhile. A dry run
 * takes no lock, ends after the plan, and changes nothing. An automatic collection does the same in
 * slices, between which other processes can write (gc_auto.c).
 *
 * What a crash may leave. Before "sweep" nothing that is needed has changed. (I1; not checked: it
 * is the order of the steps.) An index entry is deleted only if its object is dead and no longer
 * named in the stat cache; an entry gets a new place only after that place is durable. (I2) A pack
 * is retired when the index has no entry for it; its file is removed when no reader from before
 * that commit is left (objects_retire.c). So after every single write the store is complete, and
 * the next collection finishes the rest.
 *
 * After packs were retired, the MANIFEST gets a new version, which distinguishes later readers from
 * those that may still need the files.
 *
 * Forgotten objects (catalog_forgotten.c) stay on record until the index no longer contains them.
 * One that is alive stays. If it is dead, no byte of it may be left: the plan rewrites every pack
 * that has it. But a live object may be stored as a delta of it, which normally keeps a base alive.
 * Such deltas are stored whole, in a new pack, before anything is planned, in the order of
 * gc_move.c: until the index has the new place, the old one is valid. If a delta cannot be read,
 * the old place stays valid: its base is kept, and this is reported (I3). That takes one object at
 * a time, and 64 bytes for each such delta.
 *
 * Memory: 9 bytes for each object of the store (a quarter more while they are read in); for the
 * order by names 4 more, some 40 for each name, and up to 48 MiB of objects (gc_names.c); one
 * directory object and 32 bytes for each waiting directory, what a writer of packs needs for
 * 131,072 objects (8 MB), four decoded frames, and the store's own budget: 57 MB were measured for
 * two million objects, without the order by names. Recompression also needs the tables of zstd: 20
 * MB at level 9, 50 at 19.
 */
#include "gc/gc_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog.h"
#include "os/os_seal.h"

enum { SCRATCH_FRAMES = 4 };

/* ---- expire ---- */

static int
note_expired(void *ctx, uint32_t of_workspace, const struct fi_catalog_record *record,
             firn_error *err)
{
    struct fi_gc *gc = ctx;
    (void)of_workspace;
    gc->result->safety_expired += record->is_safety ? 1 : 0;
    gc->result->expired += record->is_safety ? 0 : 1;
    return fi_buf_append(&gc->expired, record->id, sizeof record->id) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of checkpoints");
}

static int
gc_expire(struct fi_gc *gc, firn_error *err)
{
    struct fi_catalog_policy keep;
    struct fi_gc_expire_counts counts;
    struct fi_gc_expire_rule rule = {.now_ns = fi_os_now_ns(gc->ws->os)};
    uint64_t ended;
    gc->ended_before_ns = gc->options->now ? INT64_MAX : rule.now_ns - FI_CATALOG_DELETED_KEPT_NS;
    if (gc->options->keep != NULL) {
        FI_TRY_RETURN(fi_catalog_policy_read(firn_str(gc->options->keep), &keep, err));
        rule.keep = &keep;
    }
    if (gc->options->dry_run) {
        return fi_gc_expire_list(gc->opened, &rule, note_expired, gc, err);
    }
    FI_TRY_RETURN(fi_gc_expire(gc->opened, &rule, &counts, err));
    FI_TRY_RETURN(gc->options->now ? fi_gc_delete_end(gc->opened, 0, INT64_MAX, &ended, err)
                                   : FIRN_OK);
    gc->result->safety_expired = counts.safety;
    gc->result->expired = counts.checkpoints;
    return FIRN_OK;
}

/* ---- sweep ---- */

static int
gc_sweep(struct fi_gc *gc, firn_error *err)
{
    DCHECK(!gc->options->dry_run && gc->packs != NULL);
    FI_TRY_RETURN(fi_gc_steps_sweep_stat(gc, err));
    return fi_gc_plan_sweep(gc, err);
}

/* ---- retire ---- */

static int
retire_dead(struct fi_gc *gc, firn_error *err)
{
    uint32_t *numbers = fi_alloc_array(gc->pack_count, sizeof *numbers);
    if (numbers == NULL) {
        return fi_error_no_memory(err, "a list of packs");
    }
    size_t count = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].fate == FI_GC_DROP) {
            CHECK(gc->packs[i].live_count == 0);
            numbers[count++] = gc->packs[i].number;
        }
    }
    int rc = count == 0 ? FIRN_OK : fi_gc_steps_retire(gc, numbers, count, err);
    gc->result->packs_removed = rc == FIRN_OK ? count : 0;
    fi_free(numbers);
    return rc;
}

/* ---- move ---- */

/* About how much a pack's live objects take up. */
static uint64_t
live_stored(const struct fi_gc_pack *pack)
{
    DCHECK(pack->dead_stored <= pack->size_bytes);
    return pack->size_bytes - pack->dead_stored;
}

static bool
has_room_for(const struct fi_gc *gc, uint64_t bytes)
{
    enum { SLACK_BYTES = 256 << 10, SLACK_PART = 16 };
    uint64_t free_bytes;
    return fi_os_dir_free_bytes(fi_db_dir(gc->opened->db), &free_bytes, NULL) != FIRN_OK ||
           free_bytes >= bytes + bytes / SLACK_PART + SLACK_BYTES;
}

/* Whether the disk has room for what is moved before the first packs are removed. */
static bool
has_room(const struct fi_gc *gc)
{
    uint64_t all = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].fate == FI_GC_REWRITE) {
            uint64_t live = live_stored(&gc->packs[i]);
            all += live;
            most = live > most ? live : most;
        }
    }
    uint64_t at_once = gc->limits->give_back_bytes + most;
    return has_room_for(gc, all < at_once ? all : at_once);
}

/* The pack that is to be emptied with the least to move; NULL: there is none. */
static struct fi_gc_pack *
lightest(const struct fi_gc *gc, const bool *is_wanted)
{
    struct fi_gc_pack *found = NULL;
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (is_wanted[i] && (found == NULL || live_stored(&gc->packs[i]) < live_stored(found))) {
            found = &gc->packs[i];
        }
    }
    return found;
}

static int
move_one_by_one(struct fi_gc *gc, firn_error *err)
{
    bool *is_wanted = fi_alloc_array(gc->pack_count, sizeof *is_wanted);
    struct fi_gc_pack *pack;
    int rc = FIRN_OK;
    if (is_wanted == NULL) {
        return fi_error_no_memory(err, "a list of packs");
    }
    for (size_t i = 0; i < gc->pack_count; i++) {
        pack = &gc->packs[i];
        is_wanted[i] = pack->fate == FI_GC_REWRITE && !pack->is_joined;
        pack->fate = pack->fate == FI_GC_REWRITE ? FI_GC_KEEP : pack->fate;
    }
    gc->is_short_of_space = true;
    while (rc == FIRN_OK && (pack = lightest(gc, is_wanted)) != NULL) {
        is_wanted[pack - gc->packs] = false;
        if (!has_room_for(gc, live_stored(pack))) {
            (void)fi_db_space_give_up(gc->opened->db);
        }
        pack->fate = FI_GC_REWRITE;
        rc = fi_gc_move(gc, err);
        pack->fate = FI_GC_KEEP;
    }
    fi_free(is_wanted);
    return rc;
}

static int
gc_move(struct fi_gc *gc, firn_error *err)
{
    int rc = has_room(gc) ? fi_gc_move(gc, err) : move_one_by_one(gc, err);
    /* What could not be moved is unchanged; the next collection tries again. */
    return rc == FIRN_NO_SPACE && gc->result->packs_removed > 0 ? FIRN_OK : rc;
}

/* ---- all of it ---- */

static bool
changes_something(const struct fi_gc *gc)
{
    for (size_t i = 0; i < gc->pack_count; i++) {
        if (gc->packs[i].fate != FI_GC_KEEP) {
            return true;
        }
    }
    return false;
}

/* What would be left, assuming that moved objects take as much space as before. */
static void
gc_estimate(struct fi_gc *gc)
{
    firn_workspace_gc_result *result = gc->result;
    uint64_t moved = 0;
    result->bytes_after = result->bytes_before;
    result->packs_after = result->packs_before;
    for (size_t i = 0; i < gc->pack_count; i++) {
        const struct fi_gc_pack *pack = &gc->packs[i];
        if (pack->fate == FI_GC_KEEP) {
            continue;
        }
        result->packs_after--;
        result->bytes_after -= pack->is_present ? pack->size_bytes : 0;
        if (pack->fate == FI_GC_REWRITE) {
            moved += live_stored(pack);
            result->packs_rewritten++;
        } else {
            result->packs_removed++;
        }
    }
    result->bytes_after += moved;
    result->packs_after += result->packs_rewritten > 0 ? 1 : 0;
}

/* ---- removing forgotten objects for good ---- */

/* (I3) */
static void
keep_base(struct fi_gc *gc, const struct fi_gc_delta *delta, const firn_error *why)
{
    size_t number;
    fi_gc_report_damage(gc, why->text);
    bool is_known = fi_gc_table_find(gc->table, &delta->base, &number);
    DCHECK(is_known); /* only this base was missing when it was marked (I3) */
    if (is_known) {
        (void)fi_gc_table_mark(gc->table, number, FI_GC_MARK_LIVE);
    }
}

static int
make_one(struct fi_gc *gc, struct fi_objects_session_lane *lane, const struct fi_gc_delta *delta,
         struct fi_buf *content, firn_error *err)
{
    struct fi_pack_delta found;
    firn_error why;
    int rc = fi_objects_read_delta(gc->opened->objects, gc->scratch, &delta->hash, &found, &why);
    if (rc == FIRN_OK) {
        rc = fi_objects_stream_whole(gc->opened->objects, gc->scratch, &delta->hash, content, &why);
    }
    if (rc == FIRN_OK) {
        return fi_objects_session_lane_move(lane, found.kind, &delta->hash, fi_buf_slice(content),
                                            err);
    }
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO) {
        keep_base(gc, delta, &why);
        return FIRN_OK;
    }
    fi_error_copy(err, &why);
    return rc;
}

static int
make_all(struct fi_gc *gc, struct fi_objects_session_lane *lane, firn_error *err)
{
    const struct fi_gc_delta *deltas = (const void *)gc->leaning.data;
    struct fi_buf content = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < gc->leaning.size / sizeof *deltas; i++) {
        rc = make_one(gc, lane, &deltas[i], &content, err);
        if (rc == FIRN_OK) {
            rc = fi_gc_report_progress(gc, "move", i, err);
        }
    }
    fi_buf_deinit(&content);
    return rc;
}

/* Stores the deltas whose bases are forgotten again, whole. */
static int
make_forgotten_whole(struct fi_gc *gc, firn_error *err)
{
    struct fi_objects_session *session = NULL;
    struct fi_objects_session_lane *lane;
    uint64_t size;
    int rc;
    if (gc->leaning.size == 0) {
        return FIRN_OK;
    }
    DCHECK(gc->packs == NULL && !gc->options->dry_run); /* nothing is planned yet */
    FI_TRY(fi_objects_session_begin(gc->opened->objects, FI_OBJECTS_SESSION_LEVEL, &session, err));
    FI_TRY(fi_objects_session_lane_open(session, &lane, err));
    rc = make_all(gc, lane, err);
    int close_rc = fi_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    if (rc == FIRN_OK) {
        rc = fi_objects_session_commit(session, &size, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_log_sync(gc->opened->db, err);
    }
out:
    fi_objects_session_end(session);
    return rc;
}

static int
gc_run(struct fi_gc *gc, firn_error *err)
{
    firn_workspace_gc_result *result = gc->result;
    FI_TRY_RETURN(fi_pack_scratch_create(SCRATCH_FRAMES, &gc->scratch, err));
    FI_TRY_RETURN(gc_expire(gc, err));
    FI_TRY_RETURN(fi_catalog_forgotten_load(gc->opened->db, &gc->forgotten, err));
    FI_TRY_RETURN(fi_gc_table_create(gc->opened->objects, &gc->table, err));
    if (!gc->options->dry_run) {
        FI_TRY_RETURN(fi_gc_names_create(fi_gc_table_count(gc->table), &gc->names, err));
    }
    FI_TRY_RETURN(fi_gc_mark(gc, err));
    if (!gc->options->dry_run) {
        FI_TRY_RETURN(make_forgotten_whole(gc, err));
    }
    FI_TRY_RETURN(fi_gc_plan(gc, err));
    if (gc->options->dry_run) {
        gc_estimate(gc);
        return FIRN_OK;
    }
    DCHECK(!fi_db_is_read_only(gc->opened->db));
    bool changes = changes_something(gc);
    if (changes) {
        FI_TRY_RETURN(gc_sweep(gc, err));
        FI_TRY_RETURN(retire_dead(gc, err));
        FI_TRY_RETURN(gc_move(gc, err));
    }
    if (gc->forgotten.count > 0) {
        FI_TRY_RETURN(fi_catalog_forgotten_remove_gone(gc->opened->objects, gc->opened->db,
                                                       &gc->forgotten, err));
    }
    FI_TRY_RETURN(fi_gc_steps_collect(gc, err));
    const struct fi_catalog_due due = {.deleted_bytes = result->bytes_dead};
    FI_TRY_RETURN(fi_catalog_due_write(gc->opened->db, &due, err));
    FI_TRY_RETURN(fi_db_maintain_tidy(gc->opened->db,
                                      changes ? fi_objects_index(gc->opened->objects) : NULL, err));
    if (gc->options->rekey) {
        FI_TRY_RETURN(fi_gc_rekey_rest(gc, err));
    }
    FI_TRY_RETURN(fi_gc_steps_measure(gc, err));
    result->is_finished = true;
    return FIRN_OK;
}

int
fi_gc_limited(struct firn_ws *ws, const firn_workspace_gc_options *options,
              const struct fi_gc_limits *limits, firn_workspace_gc_result *out, firn_error *err)
{
    *out = (firn_workspace_gc_result)FIRN_WORKSPACE_GC_RESULT_INIT;
    if (options->automatic) {
        return fi_gc_auto(ws, options, limits, out, err);
    }
    if (options->without_key) {
        return fi_gc_rekey_locked(ws, options, out, err);
    }
    struct fi_ws_opened opened;
    enum fi_ws_open_mode mode = options->dry_run ? FI_WS_READ : FI_WS_WRITE;
    int rc = fi_ws_opened_open_store(ws, mode, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_gc gc = {
        .ws = ws, .opened = &opened, .options = options, .limits = limits, .result = out};
    fi_catalog_forgotten_init(&gc.forgotten);
    if (options->rekey && opened.db != NULL && fi_os_dir_seal(fi_db_dir(opened.db)) == NULL) {
        rc = fi_error_set(err, FIRN_INVALID, "the store in '%s' is not encrypted, and has no keys",
                          fi_ws_store_path(ws));
    } else if (opened.db != NULL) {
        rc = gc_run(&gc, err);
    }
    fi_gc_table_destroy(gc.table);
    fi_gc_names_destroy(gc.names);
    fi_pack_scratch_destroy(gc.scratch);
    fi_gc_plan_release(&gc);
    fi_hash_map_deinit(&gc.forgotten);
    fi_buf_deinit(&gc.leaning);
    fi_buf_deinit(&gc.expired);
    bool settles = options->rekey && !options->dry_run && opened.db != NULL;
    rc = fi_ws_opened_close(ws, &opened, rc, err);
    return rc == FIRN_OK && settles ? fi_gc_rekey_settle(ws, out, err) : rc;
}

int
fi_gc(struct firn_ws *ws, const firn_workspace_gc_options *options, firn_workspace_gc_result *out,
      firn_error *err)
{
    const struct fi_gc_limits limits = {.pack_objects = 128 << 10,
                                        .pack_bytes = UINT64_C(1) << 30,
                                        .give_back_bytes = UINT64_C(1) << 30,
                                        .share_bytes = 32 << 20,
                                        .due_bytes = FI_CATALOG_DUE_BYTES_MIN,
                                        .slice_bytes = UINT64_C(16) << 20,
                                        .slice_objects = 16 << 10,
                                        .pause_ns = INT64_C(200) * 1000000,
                                        .patience_ns = INT64_C(60) * 1000000000};
    return fi_gc_limited(ws, options, &limits, out, err);
}
