/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.c: builds a sound store from a damaged one.
 *
 * The damaged store is locked and only read. A new one is built beside it:
 *   data      as much of the store's own data as can be kept (rescue/rescue.c)
 *   packs     the intact ones, and what can be read of others (repair_packs.c)
 *   records   the checkpoints, from catalog, log, runs and packs (repair_records.c)
 *   trees     of each checkpoint, without what is lost (repair_trees.c)
 *   catalog   all of it written, and no pin without its checkpoint (repair_catalog.c)
 * Then the new store is closed, opened again and checked to the last byte. Only if the check finds
 * nothing do the two change places.
 *
 * (I1) A store in which a check finds nothing is left alone, except for settings that cannot be
 *      read: they are repaired in place (place_config.c). Those of a damaged store are repaired in
 *      the new one.
 * (I2) A failure or a crash before the exchange leaves the damaged store as it was. (Not checked
 *      here: tests compare it.)
 * (I3) A dry run does everything except the exchange, so it reports what a repair would do.
 * (I4) What a newer firn wrote is not damage: at any FIRN_NEWER the repair ends with that code, and
 *      nothing was changed. Formats have their version under a checksum, so no damage
 *      looks like that. (Not checked: fi_rescue_is_finding does not accept FIRN_NEWER.)
 */
#include "repair/repair_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "copy/copy_capture.h"
#include "lsm/lsm.h"
#include "objects/objects.h"
#include "os/os_clone.h"
#include "place/place.h"
#include "rows/rows.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"
#include "trust/trust.h"

enum {
    STORE_MEMORY_BYTES = 32 << 20,
    SCRATCH_FRAMES = 4,
    ATTEMPTS = 2,
    TICK_INTERVAL_NS = 200 * 1000 * 1000
};

/* Replaces the path of the new store in a text by that of the damaged one. The damage was seen in
 * the copies, in the new store, but users know the store by its own name. */
static void
name_the_store(const struct fi_repair_place *place, const char *text,
               char out[FIRN_ERROR_TEXT_SIZE])
{
    DCHECK(place->new_name[0] != '\0');
    size_t name_size = strlen(place->name);
    size_t used = 0;
    while (*text != '\0' && used < FIRN_ERROR_TEXT_SIZE - 1) {
        bool is_named = strncmp(text, place->new_name, strlen(place->new_name)) == 0;
        size_t size = is_named ? name_size : 1;
        size = size < FIRN_ERROR_TEXT_SIZE - 1 - used ? size : FIRN_ERROR_TEXT_SIZE - 1 - used;
        memcpy(out + used, text, size);
        used += size;
        text += is_named ? strlen(place->new_name) : 1;
    }
    out[used] = '\0';
}

/* Several attempts to read a store find the same damage; it is reported once. */
static bool
was_told(struct fi_repair *repair, const char *text)
{
    DCHECK(strlen(text) < sizeof repair->told);
    bool was = strcmp(repair->told, text) == 0;
    memcpy(repair->told, text, strlen(text) + 1);
    return was;
}

void
fi_repair_tell(struct fi_repair *repair, firn_slice path, const char *text)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    char named[FIRN_ERROR_TEXT_SIZE];
    if (callbacks->on_notice == NULL || text[0] == '\0' || repair->is_thorough) {
        return;
    }
    name_the_store(&repair->place, text, named);
    if (path.size > 0 || !was_told(repair, named)) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .path = path, .text = named};
        fi_os_callback_notice(callbacks, &notice);
    }
}

int
fi_repair_progress(struct fi_repair *repair, const char *phase, uint64_t done, firn_error *err)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    const firn_progress progress = {.phase = phase, .files_done = done};
    DCHECK(fi_os_callback_is_phase(phase));
    if (callbacks->on_progress == NULL ||
        fi_os_callback_progress(callbacks, &progress) == FIRN_OK) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

static int
tick(void *ctx, firn_error *err)
{
    struct fi_repair *repair = ctx;
    int64_t now = fi_os_monotonic_ns(repair->ws->os);
    if (now < repair->tick_due_ns) {
        return FIRN_OK;
    }
    repair->tick_due_ns = now + TICK_INTERVAL_NS;
    return fi_repair_progress(repair, "read", 0, err);
}

static void
on_store_damage(void *ctx, const char *text)
{
    fi_repair_tell(ctx, firn_bytes(NULL, 0), text);
}

/* Collects reports that need names of tables and columns: the new store must be open for these. */
static void
on_run_damage(void *ctx, const char *text)
{
    struct fi_repair *repair = ctx;
    if (!fi_slice_has_prefix(firn_str(text), firn_str(FI_LSM_DAMAGE_KEYSPACE)) ||
        fi_buf_append(&repair->losses, text, strlen(text) + 1) != FIRN_OK) {
        on_store_damage(ctx, text);
    }
}

static void
tell_losses(struct fi_repair *repair)
{
    char named[FIRN_ERROR_TEXT_SIZE];
    for (size_t at = 0; at < repair->losses.size;) {
        const char *text = (const char *)repair->losses.data + at;
        fi_rows_mend_name(repair->opened.db, text, named);
        on_store_damage(repair, named);
        at += strlen(text) + 1;
    }
    fi_buf_clear(&repair->losses);
}

/* ---- the store in a directory ---- */

static int
open_store(const struct fi_repair *repair, struct fi_ws_opened *opened, struct fi_os_dir *dir,
           bool with_objects, firn_error *err)
{
    DCHECK(opened->db == NULL);
    const struct fi_db_options options = {.read_only = with_objects,
                                          .memory_bytes = STORE_MEMORY_BYTES};
    int rc = fi_db_open(dir, &options, &opened->db, err);
    if (rc == FIRN_OK && with_objects) {
        rc = fi_objects_open(opened->db, &opened->objects, err);
        if (rc == FIRN_OK && !repair->is_known) {
            fi_objects_budget_begin(opened->objects);
        }
    }
    return rc == FIRN_OK ? fi_catalog_open(opened->db, &opened->catalog, err) : rc;
}

static int
close_store(struct fi_ws_opened *opened, firn_error *err)
{
    fi_catalog_close(opened->catalog);
    fi_objects_close(opened->objects);
    int rc = fi_db_close(opened->db, err);
    *opened = (struct fi_ws_opened){0};
    return rc;
}

/* Whether a check finds nothing. */
static int
check(struct fi_repair *repair, struct fi_os_dir *dir, bool *out_is_clean, firn_error *err)
{
    const firn_workspace_check_options options = {
        .size = sizeof options,
        .read_data = true,
        .callbacks = {.on_progress = repair->options->callbacks.on_progress,
                      .ctx = repair->options->callbacks.ctx}};
    firn_workspace_check_result result;
    struct fi_ws_opened opened = {0};
    firn_error found;
    int rc = open_store(repair, &opened, dir, true, &found);
    if (rc == FIRN_OK) {
        rc = fi_repair_check_opened(repair->ws, &opened, &options, &result, &found);
    }
    int close_rc = close_store(&opened, rc == FIRN_OK ? &found : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    *out_is_clean = rc == FIRN_OK;
    if (rc != FIRN_OK && !fi_rescue_is_finding(rc)) {
        fi_error_copy(err, &found);
        return rc;
    }
    return FIRN_OK;
}

/* ---- building ---- */

static int
fill(struct fi_repair *repair, const struct fi_rescue_options *options, firn_error *err)
{
    int rc;
    FI_TRY(open_store(repair, &repair->opened, repair->place.to, false, err));
    tell_losses(repair);
    FI_TRY(fi_packfile_scratch_create(SCRATCH_FRAMES, &repair->scratch, err));
    fi_packfile_scratch_set_tick(repair->scratch, tick, repair);
    FI_TRY(fi_repair_packs(repair, err));
    if (!repair->is_current && repair->data.state == FI_RESCUE_KEPT) {
        /* It opened, and has forgotten packs. */
        repair->data.state = FI_RESCUE_SHORTENED;
        on_store_damage(repair, "the log was cut short: commits at its end are missing");
    }
    if (!repair->is_current && repair->data.state != FI_RESCUE_LOST) {
        FI_TRY(fi_rescue_doubt(repair->place.from, options, &repair->data, err));
    }
    if (repair->data.state == FI_RESCUE_SHORTENED) {
        FI_TRY(fi_rows_mend(repair->opened.db, on_store_damage, repair, err));
    }
    FI_TRY(fi_repair_records_collect(repair, err));
    FI_TRY(fi_repair_catalog_assign(repair, err));
    FI_TRY(fi_repair_trees(repair, err));
    FI_TRY(fi_repair_catalog_write(repair, err));
    FI_TRY(fi_repair_catalog_pins(repair, err));
out:
    fi_packfile_scratch_destroy(repair->scratch);
    repair->scratch = NULL;
    int close_rc = close_store(&repair->opened, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}

static void
clear_result(struct fi_repair *repair)
{
    fi_repair_records_release(repair);
    fi_buf_clear(&repair->losses);
    repair->keyspace = 0;
    *repair->result = (firn_workspace_repair_result)FIRN_WORKSPACE_REPAIR_RESULT_INIT;
}

/* Where the new store is built, and how the two stores change places.
 *
 * The new store is built in "<store>.repairing", which holds the file REPAIRING before anything
 * else and keeps it until all is done. The steps at the end, each durable before the next:
 *   1. the two directories change names, in one step (RENAME_EXCHANGE);
 *   2. the damaged store's file FIRN becomes FIRN.damaged: a process that waited for its lock must
 *      not mistake it for a store;
 *   3. the damaged store moves into the new one, as "damaged-<number>";
 *   4. REPAIRING is removed.
 *
 * (I5) If a directory "<store>.repairing" has REPAIRING in it, or is empty, its repair was
 *      interrupted before step 1: the next repair removes it. If it does not have REPAIRING but the
 *      store does, the repair was interrupted after step 1: it is the damaged store, and is put
 *      away.
 * (I6) Any other directory of that name was not made by a repair, and is left alone. So is one that
 *      came with a tree around the store (trust_repair.c). (Tested, not asserted: it comes from
 *      outside.)
 * (I7) A dry run writes nothing into the store, and nothing at all if the store is sound. To find
 *      out what a repair would keep of a damaged store, it builds the new store, and removes it.
 *
 * The damaged store is kept inside the new one because nothing looks there: neither the listing of
 * stores, nor the workspace that a store may be in. */

static const char suffix[] = ".repairing";
static const char mark[] = "REPAIRING";
static const char identity[] = "FIRN";
static const char identity_aside[] = "FIRN.damaged";

enum { KEPT_MAX = 10000, KEPT_NAME_SIZE = 32 };

/* ---- small steps ---- */

static int
has_name(struct fi_os_dir *dir, const char *name, bool *out, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
put_mark(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_file *file;
    int rc =
        fi_os_file_open(dir, mark, FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER, 0600, &file, err);
    if (rc == FIRN_OK) {
        rc = fi_os_file_sync(file, err);
        fi_os_file_close(file);
    }
    return rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
}

static int
remove_mark(struct fi_os_dir *dir, firn_error *err)
{
    int rc = fi_os_remove_file(dir, mark, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    return rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
}

/* ---- putting the damaged store away ---- */

/* The first name that is not taken. */
static int
free_name(struct fi_os_dir *dir, char out[KEPT_NAME_SIZE], firn_error *err)
{
    for (unsigned i = 1; i <= KEPT_MAX; i++) {
        bool is_taken;
        (void)snprintf(out, KEPT_NAME_SIZE, "damaged-%u", i);
        int rc = has_name(dir, out, &is_taken, err);
        if (rc != FIRN_OK || !is_taken) {
            return rc;
        }
    }
    return fi_error_set(err, FIRN_LIMIT, "'%s' keeps %d damaged stores already",
                        fi_os_dir_path(dir), KEPT_MAX);
}

/* Step 2. A power cut can leave a rename with both names, and renaming one link of a file to
 * another does nothing: so the old name is removed if it is still there. */
static int
take_identity(struct fi_os_dir *damaged, firn_error *err)
{
    int rc = fi_os_rename(damaged, identity, damaged, identity_aside, FI_OS_RENAME_REPLACE, err);
    if (rc == FIRN_OK) {
        rc = fi_os_remove_file(damaged, identity, err);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Steps 2 to 4. `damaged` is the directory at new_name, `sound` the directory of the store. */
static int
put_away(struct fi_repair_place *place, struct fi_os_dir *damaged, struct fi_os_dir *sound,
         char name[KEPT_NAME_SIZE], firn_error *err)
{
    CHECK(damaged != sound);
    FI_TRY_RETURN(take_identity(damaged, err));
    FI_TRY_RETURN(fi_os_dir_sync(damaged, err));
    FI_TRY_RETURN(free_name(sound, name, err));
    FI_TRY_RETURN(
        fi_os_rename(place->parent, place->new_name, sound, name, FI_OS_RENAME_REPLACE, err));
    FI_TRY_RETURN(fi_os_dir_sync(sound, err));
    FI_TRY_RETURN(fi_os_dir_sync(place->parent, err));
    return remove_mark(sound, err);
}

/* Finishes or removes what an interrupted repair has left (I5). A dry run does so only if that does
 * not change the store (I7). */
static int
finish_earlier(struct fi_repair_place *place, bool is_dry, firn_error *err)
{
    struct fi_os_dir *other = NULL;
    char name[KEPT_NAME_SIZE];
    bool is_behind;
    bool is_ours = false;
    int rc = has_name(place->from, mark, &is_behind, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_os_dir_open(place->parent, place->new_name, &other, err);
    if (rc == FIRN_NOT_FOUND) {
        return is_behind && !is_dry ? remove_mark(place->from, err) : FIRN_OK;
    }
    FI_TRY(rc);
    if (is_behind && is_dry) {
        rc = fi_error_set(err, FIRN_EXISTS,
                          "'%s/%.255s' is left of a repair that was interrupted: the next repair "
                          "puts it away, a dry run does not",
                          fi_os_dir_path(place->parent), place->new_name);
        goto out;
    }
    if (is_behind) {
        FI_TRY(put_away(place, other, place->from, name, err));
        goto out;
    }
    FI_TRY(has_name(other, mark, &is_ours, err));
    if (is_ours) {
        FI_TRY(fi_trust_repair_is_noted(place->from, other, &is_ours, err));
    } else {
        FI_TRY(fi_place_is_empty(other, &is_ours, err));
    }
    if (!is_ours) {
        rc = fi_error_set(err, FIRN_EXISTS, /* (I6) */
                          "'%s/%.255s' is in the way: it was not made by a repair of yours",
                          fi_os_dir_path(place->parent), place->new_name);
        goto out;
    }
    DCHECK(!is_behind); /* (I5): else it is the damaged store */
    FI_TRY(fi_repair_remove_tree(place->parent, place->new_name, err));
out:
    fi_os_dir_close(other);
    return rc;
}

/* ---- opening ---- */

/* Splits a real path into its last component and the directory of that. */
static int
set_names(struct fi_repair_place *place, char *path, firn_error *err)
{
    char *slash = strrchr(path, '/');
    struct fi_buf new_name = {0};
    if (slash == NULL || slash[1] == '\0') {
        return fi_error_set(err, FIRN_INVALID, "'%.900s' cannot be a store", path);
    }
    place->name = fi_strdup(slash + 1);
    if (fi_buf_append_format(&new_name, "%s%s", slash + 1, suffix) == FIRN_OK) {
        place->new_name = fi_strndup((const char *)new_name.data, new_name.size);
    }
    fi_buf_deinit(&new_name);
    slash[slash == path ? 1 : 0] = '\0';
    return place->name != NULL && place->new_name != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the path of a store");
}

/* Opens it by the real path: the store may be named by a link. */
static int
open_parent(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    struct fi_buf real = {0};
    char *path = NULL;
    int rc;
    FI_TRY(fi_os_dir_real_path(place->from, &real, err));
    path = fi_strndup((const char *)real.data, real.size);
    if (path == NULL) {
        rc = fi_error_no_memory(err, "the path of a store");
        goto out;
    }
    FI_TRY(set_names(place, path, err));
    FI_TRY(fi_os_dir_open_path(repair->ws->os, path, &place->parent, err));
out:
    fi_free(path);
    fi_buf_deinit(&real);
    return rc;
}

/* Finds the store and takes its lock, then puts away what an earlier repair left. A dry run puts
 * nothing away, and takes the lock only if that needs no writing. */
static int
place_open(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    const char *path = repair->ws->place.store_path;
    bool is_store;
    int rc = fi_place_is_store(repair->ws->os, path, &is_store, err);
    if (rc == FIRN_OK && !is_store) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no store at '%.900s'", path);
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_open_path(repair->ws->os, path, &place->from, err));
    FI_TRY(fi_ws_bounds_is_known(repair->ws, place->from, &repair->is_known, err));
    FI_TRY(repair->is_known ? FIRN_OK : fi_ws_bounds_check_holes(place->from, err));
    FI_TRY(fi_trust_files_guard(place->from, !repair->options->dry_run, repair->ws->lock_timeout_ms,
                                err));
    FI_TRY(open_parent(repair, err));
    if (repair->options->dry_run) { /* (I7) */
        FI_TRY(fi_copy_capture_keep_writers_out(place->from, false, repair->ws->lock_timeout_ms,
                                                &place->lock, err));
    } else {
        FI_TRY(fi_rescue_lock(place->from, repair->ws->lock_timeout_ms, &place->lock, err));
        FI_TRY(finish_earlier(place, false, err));
    }
out:
    return rc;
}

static int
make_room(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    DCHECK(repair->options->dry_run || place->lock != NULL);
    if (place->to != NULL) {
        fi_os_dir_close(place->to);
        place->to = NULL;
        FI_TRY_RETURN(fi_repair_remove_tree(place->parent, place->new_name, err));
    } else if (repair->options->dry_run) {
        FI_TRY_RETURN(finish_earlier(place, true, err));
    }
    return fi_os_make_dir_for_owner(place->parent, place->new_name, place->from, 0700, err);
}

/* Makes an empty directory for the new store, replacing an existing one. */
static int
place_begin(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    int rc = make_room(repair, err);
    if (repair->options->dry_run && (rc == FIRN_READ_ONLY || rc == FIRN_DENIED)) {
        return fi_error_set(err, rc,
                            "'%.600s' is damaged, and a repair cannot be tried because nothing "
                            "can be written beside it; repair a copy of it",
                            repair->ws->place.store_path);
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_open(place->parent, place->new_name, &place->to, err));
    FI_TRY(fi_trust_repair_note(place->from, place->to, err));
    FI_TRY(put_mark(place->to, err));
    FI_TRY(fi_os_dir_sync(place->parent, err));
out:
    return rc;
}

/* ---- the exchange ---- */

/* Keeps settings and other files that are not the store's own. */
static int
keep_other(void *ctx, const struct fi_os_dirent *entry)
{
    bool is_file = entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN;
    bool is_own = fi_rescue_is_own_name(entry->name) || strcmp(entry->name, mark) == 0 ||
                  strcmp(entry->name, identity_aside) == 0;
    return is_file && !is_own ? fi_buf_append(ctx, entry->name, entry->name_size + 1) : FIRN_OK;
}

/* Settings that the disk cannot return must not prevent the repair of the rest. */
static bool
is_lost_config(const char *name, int rc)
{
    return strcmp(name, FI_PLACE_CONFIG_FILE) == 0 &&
           (rc == FIRN_IO || rc == FIRN_DENIED || rc == FIRN_CORRUPT);
}

static int
take_others(struct fi_repair_place *place, firn_error *err)
{
    struct fi_buf names = {0};
    int rc = fi_os_dir_list(place->from, keep_other, &names, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "the names of files");
    }
    for (size_t at = 0; rc == FIRN_OK && at < names.size;) {
        const char *name = (const char *)names.data + at;
        rc = fi_os_clone_file(place->from, place->to, name, err);
        rc = is_lost_config(name, rc) ? fi_place_config_lost(place->to, err) : rc;
        rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
        at += strlen(name) + 1;
    }
    fi_buf_deinit(&names);
    return rc == FIRN_OK ? fi_os_dir_sync(place->to, err) : rc;
}

static int
tell_path(struct fi_repair *repair, const char *name, char **out, firn_error *err)
{
    struct fi_buf path = {0};
    *out = fi_buf_append_format(&path, "%s/%s", repair->ws->place.store_path, name) == FIRN_OK
               ? fi_strndup((const char *)path.data, path.size)
               : NULL;
    fi_buf_deinit(&path);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a path");
}

/* Exchanges the two stores; *out_path is where the damaged one is then, allocated. Requires: the
 * new store is closed, except for its directory. */
static int
place_exchange(struct fi_repair *repair, char **out_path, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    char name[KEPT_NAME_SIZE];
    int rc;
    *out_path = NULL;
    CHECK(!repair->options->dry_run && place->lock != NULL); /* (I7) */
    DCHECK(place->to != NULL && repair->opened.db == NULL);
    FI_TRY(take_others(place, err));
    FI_TRY(fi_place_config_repair(place->to, err));
    FI_TRY(fi_trust_store_carry(repair->ws->os, place->from, place->to, err));
    FI_TRY(fi_place_claim_carry(place->from, place->to, repair->ws->place.store_path, err));
    rc = fi_os_rename(place->parent, place->new_name, place->parent, place->name,
                      FI_OS_RENAME_EXCHANGE, err);
    if (rc == FIRN_UNSUPPORTED) {
        rc = fi_error_set(err, rc,
                          "this file system cannot exchange two directories in one step: move "
                          "'%.900s' to another one, and repair it there",
                          repair->ws->place.store_path);
    }
    FI_TRY(rc);
    struct fi_os_dir *sound = place->to;
    struct fi_os_dir *damaged = NULL; /* with whatever is in it, so without its guard */
    place->to = NULL;                 /* it must no longer be removed */
    rc = fi_os_dir_sync(place->parent, err);
    rc = rc == FIRN_OK ? fi_os_dir_open(place->parent, place->new_name, &damaged, err) : rc;
    rc = rc == FIRN_OK ? put_away(place, damaged, sound, name, err) : rc;
    fi_os_dir_close(damaged);
    fi_os_dir_close(sound);
    rc = rc == FIRN_OK ? tell_path(repair, name, out_path, err) : rc;
out:
    return rc;
}

/* Removes the new store, unless it has taken the old one's place, and closes everything. */
static void
place_close(struct fi_repair *repair)
{
    struct fi_repair_place *place = &repair->place;
    if (place->to != NULL) {
        fi_os_dir_close(place->to);
        FI_IGNORE(fi_repair_remove_tree(place->parent, place->new_name, NULL));
    }
    fi_storefile_lock_release(place->lock);
    fi_os_dir_close(place->from);
    fi_os_dir_close(place->parent);
    fi_free(place->name);
    fi_free(place->new_name);
}

static int
build(struct fi_repair *repair, firn_error *err)
{
    const struct fi_rescue_options options = {.on_damage = on_run_damage, .ctx = repair};
    clear_result(repair);
    DCHECK(repair->opened.db == NULL && repair->scratch == NULL);
    FI_TRY_RETURN(place_begin(repair, err));
    FI_TRY_RETURN(fi_rescue(repair->place.from, repair->place.to, &options, &repair->data, err));
    repair->is_current = repair->data.state == FI_RESCUE_KEPT;
    return fill(repair, &options, err);
}

struct refusing {
    struct fi_os_dir *dir;
    firn_error *err;
};

/* Whether a file in the damaged store, by its path in there, may have a part of its history. */
static bool
has_history(const char *path)
{
    static const char runs[] = "runs/";
    static const char packs[] = FI_STOREFILE_PACKS_NAME "/";
    bool is_inside = strchr(path, '/') != NULL;
    return is_inside ? strncmp(path, runs, sizeof runs - 1) == 0 ||
                           strncmp(path, packs, sizeof packs - 1) == 0
                     : fi_rescue_is_own_name(path) && strcmp(path, FI_STOREFILE_LOCK_NAME) != 0 &&
                           strcmp(path, FI_STOREFILE_RESERVE_NAME) != 0;
}

static int
refuse_foreign(void *ctx, const char *path, bool is_replaced)
{
    const struct refusing *refusing = ctx;
    (void)is_replaced;
    if (!has_history(path)) {
        return FIRN_OK;
    }
    return fi_error_set(refusing->err, FIRN_UNTRUSTED,
                        "'%.600s/%.200s' is there, but firn did not make it here: nothing is "
                        "repaired, as it may have what is missing; firn trust accepts the files "
                        "that are there, otherwise move it away",
                        fi_os_dir_path(refusing->dir), path);
}

/* A second attempt checks everything that the first one assumed. */
static int
build_clean(struct fi_repair *repair, firn_error *err)
{
    bool is_clean = false;
    int rc = FIRN_OK;
    for (unsigned i = 0; rc == FIRN_OK && !is_clean && i < ATTEMPTS; i++) {
        size_t refused;
        repair->is_thorough = i > 0;
        do { /* each time with fewer objects */
            refused = repair->refused.count;
            rc = build(repair, err);
        } while (rc == FIRN_OK && repair->refused.count > refused);
        rc = rc == FIRN_OK ? check(repair, repair->place.to, &is_clean, err) : rc;
    }
    if (rc == FIRN_OK && !is_clean) {
        rc = fi_error_set(err, FIRN_FAILED,
                          "the new store made from '%.900s' is damaged too: nothing was changed",
                          repair->ws->place.store_path);
    }
    return rc;
}

/* ---- telling ---- */

static void
count_record(struct fi_repair *repair, const struct fi_repair_record *record)
{
    firn_workspace_repair_result *result = repair->result;
    result->intact += record->state == FIRN_REPAIR_STATE_INTACT;
    result->partly += record->state == FIRN_REPAIR_STATE_PARTLY;
    result->lost += record->state == FIRN_REPAIR_STATE_LOST;
    result->found += record->state != FIRN_REPAIR_STATE_LOST && !record->is_listed;
    result->lost_paths += record->state == FIRN_REPAIR_STATE_PARTLY ? record->lost_paths : 0;
}

static int
tell_record(struct fi_repair *repair, const struct fi_repair_record *record, firn_error *err)
{
    firn_slice path = record->record.workspace_path;
    firn_workspace_checkpoint checkpoint;
    fi_catalog_record_to_checkpoint(&record->record, &checkpoint);
    char *root = fi_strndup((const char *)path.data, path.size);
    if (root == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    const firn_workspace_repair_checkpoint told = {.root = root,
                                                   .checkpoint = &checkpoint,
                                                   .state = record->state,
                                                   .lost_paths = record->lost_paths,
                                                   .was_found = !record->is_listed};
    repair->options->on_checkpoint(repair->options->callbacks.ctx, &told);
    fi_free(root);
    return FIRN_OK;
}

static int
tell(struct fi_repair *repair, firn_error *err)
{
    repair->result->data = repair->data.state == FI_RESCUE_KEPT   ? FIRN_REPAIR_DATA_KEPT
                           : repair->data.state == FI_RESCUE_LOST ? FIRN_REPAIR_DATA_LOST
                                                                  : FIRN_REPAIR_DATA_SHORTENED;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        count_record(repair, record);
        int rc =
            repair->options->on_checkpoint == NULL ? FIRN_OK : tell_record(repair, record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(repair->result->intact + repair->result->partly + repair->result->lost ==
           fi_repair_record_count(repair));
    return FIRN_OK;
}

/* ---- all of it ---- */

static uint64_t
refused_hash(const void *record)
{
    return fi_load_le64(record);
}

static bool
refused_equal(const void *record, const void *key)
{
    return memcmp(record, key, sizeof(firn_hash)) == 0;
}

static int
exchange(struct fi_repair *repair, firn_error *err)
{
    struct firn_ws *ws = repair->ws;
    char *path;
    CHECK(!repair->options->dry_run && repair->place.to != NULL); /* (I3) */
    CHECK(repair->opened.db == NULL);
    int rc = fi_ws_given_expect(ws, err);
    if (rc == FIRN_OK) {
        rc = place_exchange(repair, &path, err);
    }
    if (rc == FIRN_OK) {
        fi_ws_given_own(ws, path);
        repair->result->damaged_path = path;
    }
    return rc;
}

int
fi_repair(struct firn_ws *ws, const firn_workspace_repair_options *options,
          firn_workspace_repair_result *out, firn_error *err)
{
    struct fi_repair repair = {.ws = ws, .options = options, .result = out};
    bool is_clean;
    bool ignored;
    int rc;
    *out = (firn_workspace_repair_result)FIRN_WORKSPACE_REPAIR_RESULT_INIT;
    fi_hash_map_init(&repair.refused, sizeof(firn_hash), refused_hash, refused_equal);
    FI_TRY(place_open(&repair, err));
    FI_TRY(fi_place_config_check(repair.place.from, &options->callbacks, &ignored, err));
    FI_TRY(check(&repair, repair.place.from, &is_clean, err));
    if (is_clean) {
        DCHECK(repair.place.to == NULL); /* (I1) */
        out->was_intact = true;
        rc = options->dry_run ? FIRN_OK : fi_place_config_repair(repair.place.from, err);
        goto out;
    }
    struct refusing refusing = {repair.place.from, err};
    FI_TRY(fi_trust_files_survey(repair.place.from, false, refuse_foreign, &refusing, err));
    FI_TRY(build_clean(&repair, err));
    FI_TRY(tell(&repair, err));
    if (!options->dry_run) {
        FI_TRY(exchange(&repair, err));
    }
out:
    fi_repair_records_release(&repair);
    fi_buf_deinit(&repair.losses);
    place_close(&repair);
    fi_hash_map_deinit(&repair.refused);
    return rc;
}

/* Removing a store with everything in it.
 *
 * Links are removed, not followed. A store is two levels deep, and one more for each repair,
 * because the damaged store that a repair puts away contains those that were put away before. A
 * deeper directory does not belong to a store, and stays.
 *
 * Memory: the names of one directory, and a descriptor, for each level. */

enum { DEPTH_MAX = 128 };

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_buf_append(ctx, entry->name, entry->name_size + 1);
}

static int remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth, firn_error *err);

static int
empty_dir(struct fi_os_dir *dir, unsigned depth, firn_error *err)
{
    DCHECK(depth < DEPTH_MAX);
    struct fi_buf names = {0};
    int rc = fi_os_dir_list(dir, keep_name, &names, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "the names in a directory");
    }
    for (size_t at = 0; rc == FIRN_OK && at < names.size;) {
        const char *name = (const char *)names.data + at;
        struct fi_os_stat stat;
        FI_TRY(fi_os_stat(dir, name, &stat, err));
        FI_TRY(stat.kind == FI_OS_DIR ? remove_dir(dir, name, depth, err)
                                      : fi_os_remove_file(dir, name, err));
        at += strlen(name) + 1;
    }
out:
    fi_buf_deinit(&names);
    return rc;
}

static int
remove_dir(struct fi_os_dir *parent, const char *name, unsigned depth, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc;
    if (depth == 0) {
        return fi_error_set(err, FIRN_LIMIT, "cannot remove '%s/%.255s': it is not part of a store",
                            fi_os_dir_path(parent), name);
    }
    FI_TRY(fi_os_dir_open(parent, name, &dir, err));
    FI_TRY(empty_dir(dir, depth - 1, err));
    FI_TRY(fi_os_remove_dir(parent, name, err));
out:
    fi_os_dir_close(dir);
    return rc;
}

static bool
is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int
fi_repair_remove_tree(struct fi_os_dir *parent, const char *name, firn_error *err)
{
    CHECK(is_plain_name(name));
    return remove_dir(parent, name, DEPTH_MAX, err);
}
