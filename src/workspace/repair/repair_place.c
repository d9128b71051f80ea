/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_place.c: where the new store is built, and how the two stores change places.
 *
 * The new store is built in "<store>.repairing", which holds the file REPAIRING before anything
 * else and keeps it until all is done. The steps at the end, each durable before the next:
 *   1. the two directories change names, in one step (RENAME_EXCHANGE);
 *   2. the damaged store's file FIRN becomes FIRN.damaged: a process that waited for its lock must
 *      not mistake it for a store;
 *   3. the damaged store moves into the new one, as "damaged-<number>";
 *   4. REPAIRING is removed.
 *
 * (I1) If a directory "<store>.repairing" has REPAIRING in it, or is empty, its repair was
 *      interrupted before step 1: the next repair removes it. If it does not have REPAIRING but the
 *      store does, the repair was interrupted after step 1: it is the damaged store, and is put
 *      away.
 * (I2) Any other directory of that name was not made by a repair, and is left alone. So is one that
 *      came with a tree around the store (trust_repair.c). (Tested, not asserted: it comes from
 *      outside.)
 * (I3) A dry run writes nothing into the store, and nothing at all if the store is sound. To find
 *      out what a repair would keep of a damaged store, it builds the new store, and removes it.
 *
 * The damaged store is kept inside the new one because nothing looks there: neither the listing of
 * stores, nor the workspace that a store may be in.
 */
#include "repair/repair_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/os_clone.h"
#include "os/os_names.h"
#include "place/place.h"
#include "store/db.h"
#include "trust/trust.h"

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
    int rc = fi_os_file_open(dir, mark, FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_CLEAR,
                             0600, &file, err);
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

/* Finishes or removes what an interrupted repair has left (I1). A dry run does so only if that does
 * not change the store (I3). */
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
        rc = fi_error_set(err, FIRN_EXISTS, /* (I2) */
                          "'%s/%.255s' is in the way: it was not made by a repair of yours",
                          fi_os_dir_path(place->parent), place->new_name);
        goto out;
    }
    DCHECK(!is_behind); /* (I1): else it is the damaged store */
    FI_TRY(fi_storefile_remove_tree(place->parent, place->new_name, err));
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

int
fi_repair_place_open(struct fi_repair *repair, firn_error *err)
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
    if (repair->options->dry_run) { /* (I3) */
        FI_TRY(fi_storefile_lock_hold(place->from, false, repair->ws->lock_timeout_ms, &place->lock,
                                      err));
    } else {
        FI_TRY(
            fi_storefile_lock_acquire(place->from, repair->ws->lock_timeout_ms, &place->lock, err));
        FI_TRY(finish_earlier(place, false, err));
    }
out:
    return rc;
}

int
fi_repair_place_unlock(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    struct fi_os_dir *own;
    DCHECK(place->to == NULL);
    FI_TRY_RETURN(fi_rescue_keys_unlock(place->from, &repair->ws->unlock, &own, NULL, err));
    fi_os_dir_close(place->from);
    place->from = own;
    return FIRN_OK;
}

static int
make_room(struct fi_repair *repair, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    DCHECK(repair->options->dry_run || place->lock != NULL);
    if (place->to != NULL) {
        fi_os_dir_close(place->to);
        place->to = NULL;
        FI_TRY_RETURN(fi_storefile_remove_tree(place->parent, place->new_name, err));
    } else if (repair->options->dry_run) {
        FI_TRY_RETURN(finish_earlier(place, true, err));
    }
    return fi_os_make_dir_for_owner(place->parent, place->new_name, place->from, 0700, err);
}

int
fi_repair_place_begin(struct fi_repair *repair, firn_error *err)
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
    fi_db_keys_share(place->from, place->to);
    FI_TRY(fi_trust_repair_note(place->from, place->to, err));
    FI_TRY(put_mark(place->to, err));
    FI_TRY(fi_os_dir_sync(place->parent, err));
out:
    return rc;
}

/* ---- the exchange ---- */

/* Settings and other files that are not the store's own. */
static bool
is_other(const struct fi_os_dirent *entry)
{
    bool is_file = entry->kind == FI_OS_FILE || entry->kind == FI_OS_UNKNOWN;
    bool is_own = fi_rescue_is_own_name(entry->name) || strcmp(entry->name, mark) == 0 ||
                  strcmp(entry->name, identity_aside) == 0;
    return is_file && !is_own;
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
    const char *name = NULL;
    int rc = fi_os_names_list(place->from, is_other, &names, err);
    while (rc == FIRN_OK && (name = fi_os_names_next(&names, name)) != NULL) {
        rc = fi_os_clone_file(place->from, place->to, name, err);
        rc = is_lost_config(name, rc) ? fi_place_config_lost(place->to, err) : rc;
        rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
    }
    fi_buf_deinit(&names);
    return rc == FIRN_OK ? fi_os_dir_sync(place->to, err) : rc;
}

static int
report_path(struct fi_repair *repair, const char *name, char **out, firn_error *err)
{
    struct fi_buf path = {0};
    *out = fi_buf_append_format(&path, "%s/%s", repair->ws->place.store_path, name) == FIRN_OK
               ? fi_strndup((const char *)path.data, path.size)
               : NULL;
    fi_buf_deinit(&path);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a path");
}

int
fi_repair_place_exchange(struct fi_repair *repair, char **out_path, firn_error *err)
{
    struct fi_repair_place *place = &repair->place;
    char name[KEPT_NAME_SIZE];
    int rc;
    *out_path = NULL;
    CHECK(!repair->options->dry_run && place->lock != NULL); /* (I3) */
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
    rc = rc == FIRN_OK ? report_path(repair, name, out_path, err) : rc;
out:
    return rc;
}

void
fi_repair_place_close(struct fi_repair *repair)
{
    struct fi_repair_place *place = &repair->place;
    if (place->to != NULL) {
        fi_os_dir_close(place->to);
        FI_IGNORE(fi_storefile_remove_tree(place->parent, place->new_name, NULL));
    }
    fi_storefile_lock_release(place->lock);
    fi_os_dir_close(place->from);
    fi_os_dir_close(place->parent);
    fi_free(place->name);
    fi_free(place->new_name);
}
