/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_place.c: the new store beside the damaged one, and the moment at which they
 * change places.
 *
 * The new store is built in "<store>.repairing", which holds the file REPAIRING before anything else
 * and keeps it until all is done. The steps at the end, each durable before the next:
 *   1. the two directories change names, in one step (RENAME_EXCHANGE);
 *   2. the damaged store's file FIRN becomes FIRN.damaged: whoever waited for its lock must not take
 *      it for a store;
 *   3. the damaged store moves into the new one, as "damaged-<number>";
 *   4. REPAIRING goes.
 *
 * (I1) A directory "<store>.repairing" with REPAIRING in it, or with nothing, was cut off before
 *      step 1: it is removed by the next repair. Without it, beside a store that has it, it was cut
 *      off behind step 1: it is the damaged store, and is put away.
 * (I2) A directory of that name that is neither is somebody's, and is left alone. (Tested, not
 *      asserted: it comes from outside.)
 * (I3) A dry run writes nothing into the store, and nothing at all where the store is sound. What a
 *      repair would keep of a damaged one is found out by building the new store and removing it.
 *
 * The damaged store is kept inside of the new one because there it is out of the way of everything:
 * of the listing of stores, and of the workspace, where a store may lie.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "copy/copy_capture.h"
#include "objects/objects.h"
#include "os/os_clone.h"
#include "place/place.h"
#include "repair/repair_internal.h"
#include "repair/repair_remove.h"

static const char suffix[] = ".repairing";
static const char mark[] = "REPAIRING";
static const char identity[] = "FIRN";
static const char identity_aside[] = "FIRN.damaged";

enum { KEPT_MAX = 10000, KEPT_NAME_SIZE = 32 };

/* ---- small steps ---- */

static int
has_name(struct firn_os_dir *dir, const char *name, bool *out, firn_error *err)
{
    struct firn_os_stat stat;
    int rc = firn_os_stat(dir, name, &stat, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
put_mark(struct firn_os_dir *dir, firn_error *err)
{
    struct firn_os_file *file;
    int rc = firn_os_file_open(dir, mark, FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER, 0600,
                               &file, err);
    if (rc == FIRN_OK) {
        rc = firn_os_file_sync(file, err);
        firn_os_file_close(file);
    }
    return rc == FIRN_OK ? firn_os_dir_sync(dir, err) : rc;
}

static int
remove_mark(struct firn_os_dir *dir, firn_error *err)
{
    int rc = firn_os_remove_file(dir, mark, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    return rc == FIRN_OK ? firn_os_dir_sync(dir, err) : rc;
}

/* ---- putting the damaged store away ---- */

/* The first of the names that is free. */
static int
free_name(struct firn_os_dir *dir, char out[KEPT_NAME_SIZE], firn_error *err)
{
    for (unsigned i = 1; i <= KEPT_MAX; i++) {
        bool is_taken;
        (void)snprintf(out, KEPT_NAME_SIZE, "damaged-%u", i);
        int rc = has_name(dir, out, &is_taken, err);
        if (rc != FIRN_OK || !is_taken) {
            return rc;
        }
    }
    return firn_error_set(err, FIRN_LIMIT, "'%s' keeps %d damaged stores already",
                          firn_os_dir_path(dir), KEPT_MAX);
}

/* Step 2. A power cut can leave a rename with both names, and renaming one link of a file to another
 * does nothing: the old name is removed where it is still there. */
static int
take_identity(struct firn_os_dir *damaged, firn_error *err)
{
    int rc =
        firn_os_rename(damaged, identity, damaged, identity_aside, FIRN_OS_RENAME_REPLACE, err);
    if (rc == FIRN_OK) {
        rc = firn_os_remove_file(damaged, identity, err);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Steps 2 to 4. `damaged` is the directory that new_name leads to, `sound` the one of the store. */
static int
put_away(struct firn_repair_place *place, struct firn_os_dir *damaged, struct firn_os_dir *sound,
         char name[KEPT_NAME_SIZE], firn_error *err)
{
    int rc;
    CHECK(damaged != sound);
    FIRN_TRY(take_identity(damaged, err));
    FIRN_TRY(firn_os_dir_sync(damaged, err));
    FIRN_TRY(free_name(sound, name, err));
    FIRN_TRY(
        firn_os_rename(place->parent, place->new_name, sound, name, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(sound, err));
    FIRN_TRY(firn_os_dir_sync(place->parent, err));
    FIRN_TRY(remove_mark(sound, err));
out:
    return rc;
}

/* What a repair that was cut off has left (I1). */
static int
finish_earlier(struct firn_repair_place *place, firn_error *err)
{
    struct firn_os_dir *other = NULL;
    char name[KEPT_NAME_SIZE];
    bool is_behind;
    bool is_ours = false;
    int rc = has_name(place->from, mark, &is_behind, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_os_dir_open(place->parent, place->new_name, &other, err);
    if (rc == FIRN_NOT_FOUND) {
        return is_behind ? remove_mark(place->from, err) : FIRN_OK;
    }
    FIRN_TRY(rc);
    if (is_behind) {
        FIRN_TRY(put_away(place, other, place->from, name, err));
        goto out;
    }
    FIRN_TRY(has_name(other, mark, &is_ours, err));
    if (!is_ours) {
        FIRN_TRY(firn_place_is_empty(other, &is_ours, err));
    }
    if (!is_ours) {
        rc = firn_error_set(err, FIRN_EXISTS, "'%s/%.255s' is in the way", /* (I2) */
                            firn_os_dir_path(place->parent), place->new_name);
        goto out;
    }
    DCHECK(!is_behind); /* (I1): else it is the damaged store */
    FIRN_TRY(firn_repair_remove_tree(place->parent, place->new_name, err));
out:
    firn_os_dir_close(other);
    return rc;
}

/* ---- opening ---- */

/* Cuts a real path in two, the last component and the directory that it is in. */
static int
set_names(struct firn_repair_place *place, char *path, firn_error *err)
{
    char *slash = strrchr(path, '/');
    struct firn_buf new_name = {0};
    if (slash == NULL || slash[1] == '\0') {
        return firn_error_set(err, FIRN_INVALID, "'%.900s' cannot be a store", path);
    }
    place->name = firn_strdup(slash + 1);
    if (firn_buf_append_format(&new_name, "%s%s", slash + 1, suffix) == FIRN_OK) {
        place->new_name = firn_strndup((const char *)new_name.data, new_name.size);
    }
    firn_buf_deinit(&new_name);
    slash[slash == path ? 1 : 0] = '\0';
    return place->name != NULL && place->new_name != NULL
               ? FIRN_OK
               : firn_error_no_memory(err, "the path of a store");
}

/* By the real path: the store may be named by a link. */
static int
open_parent(struct firn_repair *repair, firn_error *err)
{
    struct firn_repair_place *place = &repair->place;
    struct firn_buf real = {0};
    char *path = NULL;
    int rc;
    FIRN_TRY(firn_os_dir_real_path(place->from, &real, err));
    path = firn_strndup((const char *)real.data, real.size);
    if (path == NULL) {
        rc = firn_error_no_memory(err, "the path of a store");
        goto out;
    }
    FIRN_TRY(set_names(place, path, err));
    FIRN_TRY(firn_os_dir_open_path(repair->ws->os, path, &place->parent, err));
out:
    firn_free(path);
    firn_buf_deinit(&real);
    return rc;
}

int
firn_repair_place_open(struct firn_repair *repair, firn_error *err)
{
    struct firn_repair_place *place = &repair->place;
    const char *path = repair->ws->place.store_path;
    bool is_store;
    int rc = firn_place_is_store(repair->ws->os, path, &is_store, err);
    if (rc == FIRN_OK && !is_store) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no store at '%.900s'", path);
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_os_dir_open_path(repair->ws->os, path, &place->from, err));
    FIRN_TRY(open_parent(repair, err));
    if (repair->options->dry_run) { /* (I3) */
        FIRN_TRY(firn_copy_capture_keep_writers_out(place->from, false, repair->ws->lock_timeout_ms,
                                                    &place->lock, err));
    } else {
        FIRN_TRY(firn_rescue_lock(place->from, repair->ws->lock_timeout_ms, &place->lock, err));
        FIRN_TRY(finish_earlier(place, err));
    }
out:
    return rc;
}

static int
make_room(struct firn_repair *repair, firn_error *err)
{
    struct firn_repair_place *place = &repair->place;
    int rc = FIRN_OK;
    DCHECK(repair->options->dry_run || place->lock != NULL);
    if (place->to != NULL) {
        firn_os_dir_close(place->to);
        place->to = NULL;
        FIRN_TRY(firn_repair_remove_tree(place->parent, place->new_name, err));
    } else if (repair->options->dry_run) {
        FIRN_TRY(finish_earlier(place, err));
    }
    FIRN_TRY(firn_os_make_dir_for_owner(place->parent, place->new_name, place->from, 0700, err));
out:
    return rc;
}

int
firn_repair_place_begin(struct firn_repair *repair, firn_error *err)
{
    struct firn_repair_place *place = &repair->place;
    int rc = make_room(repair, err);
    if (repair->options->dry_run && (rc == FIRN_READ_ONLY || rc == FIRN_DENIED)) {
        return firn_error_set(err, rc,
                              "'%.600s' is damaged, and what a repair would keep cannot be tried: "
                              "nothing can be written beside it; repair a copy of it",
                              repair->ws->place.store_path);
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_os_dir_open(place->parent, place->new_name, &place->to, err));
    FIRN_TRY(put_mark(place->to, err));
    FIRN_TRY(firn_os_dir_sync(place->parent, err));
out:
    return rc;
}

/* ---- the exchange ---- */

/* Settings, and whatever else lies beside the store's own files. */
static int
keep_other(void *ctx, const struct firn_os_dirent *entry)
{
    bool is_file = entry->kind == FIRN_OS_FILE || entry->kind == FIRN_OS_UNKNOWN;
    bool is_own = firn_rescue_is_own_name(entry->name) || strcmp(entry->name, mark) == 0 ||
                  strcmp(entry->name, identity_aside) == 0;
    return is_file && !is_own ? firn_buf_append(ctx, entry->name, entry->name_size + 1) : FIRN_OK;
}

/* Settings that the disk does not give back must not keep the rest from being repaired. */
static bool
is_lost_config(const char *name, int rc)
{
    return strcmp(name, FIRN_PLACE_CONFIG_FILE) == 0 &&
           (rc == FIRN_IO || rc == FIRN_DENIED || rc == FIRN_CORRUPT);
}

static int
take_others(struct firn_repair_place *place, firn_error *err)
{
    struct firn_buf names = {0};
    int rc = firn_os_dir_list(place->from, keep_other, &names, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = firn_error_no_memory(err, "the names of files");
    }
    for (size_t at = 0; rc == FIRN_OK && at < names.size;) {
        const char *name = (const char *)names.data + at;
        rc = firn_os_clone_file(place->from, place->to, name, err);
        rc = is_lost_config(name, rc) ? firn_place_config_lost(place->to, err) : rc;
        rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
        at += strlen(name) + 1;
    }
    firn_buf_deinit(&names);
    return rc == FIRN_OK ? firn_os_dir_sync(place->to, err) : rc;
}

static int
tell_path(struct firn_repair *repair, const char *name, char **out, firn_error *err)
{
    struct firn_buf path = {0};
    *out = firn_buf_append_format(&path, "%s/%s", repair->ws->place.store_path, name) == FIRN_OK
               ? firn_strndup((const char *)path.data, path.size)
               : NULL;
    firn_buf_deinit(&path);
    return *out != NULL ? FIRN_OK : firn_error_no_memory(err, "a path");
}

int
firn_repair_place_exchange(struct firn_repair *repair, char **out_path, firn_error *err)
{
    struct firn_repair_place *place = &repair->place;
    char name[KEPT_NAME_SIZE];
    int rc;
    *out_path = NULL;
    CHECK(!repair->options->dry_run && place->lock != NULL); /* (I3) */
    DCHECK(place->to != NULL && repair->opened.db == NULL);
    FIRN_TRY(take_others(place, err));
    FIRN_TRY(firn_place_config_mend(place->to, err));
    FIRN_TRY(firn_place_trust_carry(repair->ws->os, place->from, place->to, err));
    rc = firn_os_rename(place->parent, place->new_name, place->parent, place->name,
                        FIRN_OS_RENAME_EXCHANGE, err);
    if (rc == FIRN_UNSUPPORTED) {
        rc = firn_error_set(err, rc,
                            "this file system cannot exchange two directories in one step: move "
                            "'%.900s' to another one, and repair it there",
                            repair->ws->place.store_path);
    }
    FIRN_TRY(rc);
    struct firn_os_dir *sound = place->to;
    place->to = NULL; /* it is no longer to be removed */
    rc = firn_os_dir_sync(place->parent, err);
    rc = rc == FIRN_OK ? put_away(place, place->from, sound, name, err) : rc;
    firn_os_dir_close(sound);
    rc = rc == FIRN_OK ? tell_path(repair, name, out_path, err) : rc;
out:
    return rc;
}

void
firn_repair_place_close(struct firn_repair *repair)
{
    struct firn_repair_place *place = &repair->place;
    if (place->to != NULL) {
        firn_os_dir_close(place->to);
        FIRN_IGNORE(firn_repair_remove_tree(place->parent, place->new_name, NULL));
    }
    firn_os_file_close(place->lock);
    firn_os_dir_close(place->from);
    firn_os_dir_close(place->parent);
    firn_free(place->name);
    firn_free(place->new_name);
}
