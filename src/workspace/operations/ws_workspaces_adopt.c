/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_workspaces_adopt.c: continuing a history after its directory was moved.
 *
 * Two things change: the root in the catalog, and, for a store in the usual place, the name of the
 * store, which follows from the root. The name changes first, under the store's lock, and the
 * catalog then in one durable commit. A crash between the two leaves a store at its new place that
 * still has the old root. The directory is recognised there as moved (ws.c), and adopting it again
 * does the rest (I1; not checked: only tests see what a crash leaves). No checkpoint is removed,
 * and none is written.
 *
 * If other workspaces use such a store too, by its path, it is not renamed: the call fails, and the
 * message says that the store must be named from now on. A directory that has checkpoints of its
 * own keeps them: two histories are never joined (I2). A workspace without checkpoints may exist
 * there. Its store in the usual place, if that holds nothing else, is removed just before the other
 * one gets its name, and its entry in a catalog just before the root in that catalog changes. So a
 * crash in between leaves a directory that was moved, and nothing is lost.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"
#include "place/place.h"
#include "trust/trust.h"

struct adopting {
    struct firn_ws *ws;
    const char *old_root;        /* NULL: found by the directory's identity */
    struct fi_os_stat root_stat; /* of the directory that adopts */
    struct fi_os_dir *store_dir;
    struct firn_db *db;
    struct fi_catalog *catalog;
    struct fi_place_roots roots;
    const struct fi_place_roots_root *known; /* of roots */
    uint32_t begun; /* the directory's own empty workspace in the store; or 0 */
};

static int
stat_root(struct adopting *adopting, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_real(adopting->ws->os, adopting->ws->place.root, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_stat(dir, &adopting->root_stat, err);
        fi_os_dir_close(dir);
    }
    return rc;
}

/* The store that has the directory under another path: allocated; NULL if there is none. */
static int
find_moved_store(const struct adopting *adopting, char **out, firn_error *err)
{
    DCHECK(*out == NULL);
    struct fi_place_roots roots = {.os = adopting->ws->os};
    const struct fi_place_roots_root *known;
    int rc;
    FI_TRY(fi_place_roots_add_all(&roots, NULL, NULL, err));
    FI_TRY(fi_place_roots_find_moved(&roots, &adopting->root_stat, &known, err));
    if (known != NULL) {
        *out = fi_strdup(known->store_path);
        rc = *out == NULL ? fi_error_no_memory(err, "the path of the store") : FIRN_OK;
    }
out:
    fi_place_roots_deinit(&roots);
    return rc;
}

/* The store that should have the old root: allocated. */
static int
choose_store(const struct adopting *adopting, char **out, firn_error *err)
{
    const struct firn_ws *ws = adopting->ws;
    const char *path = ws->place.moved_store;
    *out = NULL;
    if (ws->named_store_path != NULL) {
        path = ws->named_store_path;
    } else if (adopting->old_root != NULL) {
        char *usual;
        int rc = fi_place_default_store(ws->os, adopting->old_root, &usual, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_there;
        rc = fi_place_is_store(ws->os, usual, &is_there, err);
        if (rc == FIRN_OK && is_there) {
            *out = usual;
            return FIRN_OK;
        }
        fi_free(usual);
        if (rc != FIRN_OK) {
            return rc;
        }
        path = NULL;
    } else if (path == NULL) { /* the directory has a store, or no store is known for it */
        int rc = find_moved_store(adopting, out, err);
        if (rc != FIRN_OK || *out != NULL) {
            return rc;
        }
    }
    *out = fi_strdup(path == NULL ? ws->place.store_path : path);
    return *out == NULL ? fi_error_no_memory(err, "the path of the store") : FIRN_OK;
}

static int
refuse_unknown(const struct adopting *adopting, firn_error *err)
{
    const char *root = adopting->ws->place.root;
    if (adopting->old_root == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "'%.700s' is not a directory that was saved and then moved here", root);
    }
    return fi_error_set(err, FIRN_NOT_FOUND, "no store knows a workspace '%.700s'",
                        adopting->old_root);
}

static int
open_store(struct adopting *adopting, const char *store_path, firn_error *err)
{
    DCHECK(adopting->db == NULL && adopting->roots.count == 0);
    struct fi_place_claim_store store;
    struct fi_db_options options = {.lock_timeout_ms = adopting->ws->lock_timeout_ms,
                                    .memory_bytes = FI_WS_WORKSPACES_MEMORY_BYTES,
                                    .unlock = &adopting->ws->unlock};
    int rc = fi_os_dir_open_path(adopting->ws->os, store_path, &adopting->store_dir, err);
    if (rc == FIRN_OK) {
        rc = fi_trust_files_guard(adopting->store_dir, true, options.lock_timeout_ms, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_open(adopting->store_dir, &options, &adopting->db, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        return refuse_unknown(adopting, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_catalog_open(adopting->db, &adopting->catalog, err));
    FI_TRY(fi_place_claim_store_init(adopting->store_dir, fi_db_id(adopting->db), &store, err));
    FI_TRY(
        fi_place_roots_add_catalog(&adopting->roots, adopting->catalog, &store, store_path, err));
out:
    return rc;
}

/* (I2) */
static int
check_empty(struct adopting *adopting, const struct fi_place_roots_root *own, firn_error *err)
{
    DCHECK(own != adopting->known && adopting->begun == 0);
    bool has_any;
    int rc =
        fi_ws_workspaces_has_checkpoints(adopting->catalog, own->workspace.number, &has_any, err);
    if (rc == FIRN_OK && has_any) {
        rc = fi_error_set(err, FIRN_EXISTS, "'%.700s' has checkpoints of its own", own->root);
    }
    adopting->begun = own->workspace.number;
    return rc;
}

static int
find_known(struct adopting *adopting, firn_error *err)
{
    DCHECK(adopting->db != NULL && adopting->known == NULL);
    const struct firn_ws *ws = adopting->ws;
    if (adopting->old_root != NULL) {
        adopting->known = fi_place_roots_find(&adopting->roots, adopting->old_root);
    } else {
        int rc = fi_place_roots_find_moved(&adopting->roots, &adopting->root_stat, &adopting->known,
                                           err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (adopting->known == NULL) {
        return refuse_unknown(adopting, err);
    }
    const struct fi_place_roots_root *own = fi_place_roots_find(&adopting->roots, ws->place.root);
    return own == NULL || own == adopting->known ? FIRN_OK : check_empty(adopting, own, err);
}

/* ---- the name of the store ---- */

static const char *
name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int
rename_in_home(struct fi_os *os, const char *from, const char *to, firn_error *err)
{
    DCHECK(strcmp(name_of(from), name_of(to)) != 0);
    struct fi_os_dir *home = NULL;
    char *home_path = NULL;
    int rc;
    FI_TRY(fi_trust_home(os, &home_path, err));
    FI_TRY(fi_os_dir_open_path(os, home_path, &home, err));
    /* Replaces only an empty directory, which a half-made store may have left. */
    FI_TRY(fi_os_rename(home, name_of(from), home, name_of(to), FI_OS_RENAME_REPLACE, err));
    FI_TRY(fi_os_dir_sync(home, err));
out:
    fi_os_dir_close(home);
    fi_free(home_path);
    return rc;
}

static int
refuse_own_store(const struct firn_ws *ws, const char *store_path, firn_error *err)
{
    return fi_error_set(err, FIRN_EXISTS, "'%.450s' has a store of its own at '%.450s'",
                        ws->place.root, store_path);
}

/* Removes a store at the place that the directory's store needs, if nothing was saved in it. */
static int
make_way(struct firn_ws *ws, const char *place, firn_error *err)
{
    bool is_taken;
    bool is_removed;
    int rc = fi_place_is_store(ws->os, place, &is_taken, err);
    if (rc != FIRN_OK || !is_taken) {
        return rc;
    }
    rc = fi_ws_workspaces_remove_empty(ws->os, place, ws->lock_timeout_ms, &is_removed, err);
    return rc == FIRN_OK && !is_removed ? refuse_own_store(ws, place, err) : rc;
}

/* A store inside the directory takes precedence over all others, and moves with it. */
static bool
has_store_inside(const struct firn_ws *ws, const char *store_path)
{
    return strcmp(ws->place.catalog_root, FI_PLACE_ROOTS_INSIDE) == 0 &&
           strcmp(ws->place.store_path, store_path) != 0;
}

/* Gives a store in the usual place the name that its new root asks for. */
static int
rename_store(struct adopting *adopting, const char *store_path, firn_error *err)
{
    struct firn_ws *ws = adopting->ws;
    char *from = NULL;
    char *to = NULL;
    int rc = FIRN_OK;
    if (ws->named_store_path != NULL) {
        goto out;
    }
    if (has_store_inside(ws, store_path)) {
        rc = refuse_own_store(ws, ws->place.store_path, err);
        goto out;
    }
    FI_TRY(fi_place_default_store(ws->os, adopting->known->root, &from, err));
    FI_TRY(fi_place_default_store(ws->os, ws->place.root, &to, err));
    if (strcmp(from, store_path) != 0 || strcmp(from, to) == 0) {
        goto out;
    }
    if (adopting->roots.count > 1) {
        rc = fi_error_set(err, FIRN_CONFLICT,
                          "the store '%.450s' is used by other workspaces as well and keeps its "
                          "name: name it with --store when you work on '%.450s'",
                          from, ws->place.root);
        goto out;
    }
    FI_TRY(make_way(ws, to, err));
    rc = rename_in_home(ws->os, from, to, err);
out:
    fi_free(from);
    fi_free(to);
    return rc;
}

static int
change_root(struct adopting *adopting, firn_error *err)
{
    DCHECK(!fi_db_is_read_only(adopting->db));
    struct fi_catalog_workspace workspace = adopting->known->workspace;
    if (adopting->begun != 0) {
        bool has_any;
        int rc =
            fi_ws_workspaces_has_checkpoints(adopting->catalog, adopting->begun, &has_any, err);
        if (rc == FIRN_OK) {
            CHECK(!has_any); /* (I2): check_empty has refused */
            rc = fi_catalog_workspaces_remove(adopting->catalog, adopting->begun, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    workspace.device = adopting->root_stat.device;
    workspace.inode = adopting->root_stat.inode;
    workspace.btime_ns = adopting->root_stat.btime_ns;
    return fi_catalog_workspaces_change(
        adopting->catalog, firn_str(adopting->ws->place.catalog_root), &workspace, err);
}

int
fi_ws_workspaces_adopt(struct firn_ws *ws, const char *old_root, firn_error *err)
{
    struct adopting adopting = {.ws = ws, .old_root = old_root, .roots = {.os = ws->os}};
    char *store_path = NULL;
    int rc;
    FI_TRY(fi_ws_check_root(ws, err));
    FI_TRY(stat_root(&adopting, err));
    FI_TRY(choose_store(&adopting, &store_path, err));
    FI_TRY(open_store(&adopting, store_path, err));
    FI_TRY(find_known(&adopting, err));
    FI_TRY(rename_store(&adopting, store_path, err));
    FI_TRY(fi_ws_note_root(ws, fi_db_id(adopting.db), err));
    FI_TRY(change_root(&adopting, err));
    fi_ws_workspaces_forget_note(ws->os, adopting.db, adopting.known->root);
out:
    fi_place_roots_deinit(&adopting.roots);
    fi_catalog_close(adopting.catalog);
    if (adopting.db != NULL) {
        /* What was committed is durable; the next open recovers the rest. */
        FI_IGNORE(fi_db_close(adopting.db, NULL));
    }
    fi_os_dir_close(adopting.store_dir);
    fi_free(store_path);
    return rc == FIRN_OK ? fi_ws_relocate(ws, err) : rc;
}
