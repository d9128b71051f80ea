/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_adopt.c: going on with a history after its directory was moved.
 *
 * Two things change: the root in the catalog, and, for a store in the usual place, the name of the
 * store, which follows from the root. The name changes first, under the store's lock, and the
 * catalog then in one durable commit. A crash between the two leaves a store at its new place that
 * still tells the old root; the directory is recognised in it as moved (ws.c), and adopting it
 * again does the rest (I1; not checked: what a crash leaves is seen by tests only). No checkpoint
 * is removed, and none is written.
 *
 * A store of that kind that other workspaces use as well, by its path, is not renamed under them:
 * that is refused, with the store to be named from now on. A directory that has checkpoints of its own
 * keeps them: two histories are never joined (I2). A workspace that was only begun there has none: its
 * store in the usual place, if that holds nothing else, goes just before the other one gets its name,
 * and its entry in a catalog just before that changes. So a crash in between leaves a directory that
 * was moved, and nothing is lost.
 */
#include "base/check.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "handle/ws_internal.h"
#include "operations/ws_workspaces.h"
#include "place/place.h"

enum { CATALOG_MEMORY_BYTES = 8 << 20 };

struct adopting {
    struct firn_ws *ws;
    const char *old_root;          /* NULL: recognised by the directory's identity */
    struct firn_os_stat root_stat; /* of the directory that adopts */
    struct firn_os_dir *store_dir;
    struct firn_db *db;
    struct firn_catalog *catalog;
    struct firn_place_roots roots;
    const struct firn_place_roots_root *known; /* of roots */
    uint32_t begun; /* number of an empty workspace of the directory itself in the store; or 0 */
};

static int
stat_root(struct adopting *adopting, firn_error *err)
{
    struct firn_os_dir *dir;
    int rc = firn_os_dir_open_path(adopting->ws->os, adopting->ws->place.root, &dir, err);
    if (rc == FIRN_OK) {
        rc = firn_os_dir_stat(dir, &adopting->root_stat, err);
        firn_os_dir_close(dir);
    }
    return rc;
}

/* The store that knows the directory by another path: allocated; NULL if none does. */
static int
find_moved_store(const struct adopting *adopting, char **out, firn_error *err)
{
    DCHECK(*out == NULL);
    struct firn_place_roots roots = {.os = adopting->ws->os};
    const struct firn_place_roots_root *known;
    int rc;
    FIRN_TRY(firn_place_roots_add_all(&roots, NULL, NULL, err));
    FIRN_TRY(firn_place_roots_find_moved(&roots, &adopting->root_stat, &known, err));
    if (known != NULL) {
        *out = firn_strdup(known->store_path);
        rc = *out == NULL ? firn_error_no_memory(err, "the path of the store") : FIRN_OK;
    }
out:
    firn_place_roots_deinit(&roots);
    return rc;
}

/* The store that should know the old root: allocated. */
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
        int rc = firn_place_default_store(ws->os, adopting->old_root, &usual, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_there;
        rc = firn_place_is_store(ws->os, usual, &is_there, err);
        if (rc == FIRN_OK && is_there) {
            *out = usual;
            return FIRN_OK;
        }
        firn_free(usual);
        if (rc != FIRN_OK) {
            return rc;
        }
        path = NULL;
    } else if (path == NULL) { /* it has a store, or nothing is known of it */
        int rc = find_moved_store(adopting, out, err);
        if (rc != FIRN_OK || *out != NULL) {
            return rc;
        }
    }
    *out = firn_strdup(path == NULL ? ws->place.store_path : path);
    return *out == NULL ? firn_error_no_memory(err, "the path of the store") : FIRN_OK;
}

static int
unknown(const struct adopting *adopting, firn_error *err)
{
    const char *root = adopting->ws->place.root;
    if (adopting->old_root == NULL) {
        return firn_error_set(err, FIRN_NOT_FOUND,
                              "'%.700s' is no directory that was saved and then moved here", root);
    }
    return firn_error_set(err, FIRN_NOT_FOUND, "no store knows a workspace '%.700s'",
                          adopting->old_root);
}

static int
open_store(struct adopting *adopting, const char *store_path, firn_error *err)
{
    DCHECK(adopting->db == NULL && adopting->roots.count == 0);
    struct firn_db_options options = {.lock_timeout_ms = adopting->ws->lock_timeout_ms,
                                      .memory_bytes = CATALOG_MEMORY_BYTES};
    int rc = firn_os_dir_open_path(adopting->ws->os, store_path, &adopting->store_dir, err);
    if (rc == FIRN_OK) {
        rc = firn_db_open(adopting->store_dir, &options, &adopting->db, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        return unknown(adopting, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_catalog_open(adopting->db, &adopting->catalog, err));
    FIRN_TRY(firn_place_roots_add_catalog(&adopting->roots, adopting->catalog, store_path, err));
out:
    return rc;
}

/* (I2) */
static int
check_empty(struct adopting *adopting, const struct firn_place_roots_root *own, firn_error *err)
{
    DCHECK(own != adopting->known && adopting->begun == 0);
    bool has_any;
    int rc =
        firn_ws_workspaces_has_checkpoints(adopting->catalog, own->workspace.number, &has_any, err);
    if (rc == FIRN_OK && has_any) {
        rc = firn_error_set(err, FIRN_EXISTS, "'%.700s' has checkpoints of its own", own->root);
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
        adopting->known = firn_place_roots_find(&adopting->roots, adopting->old_root);
    } else {
        int rc = firn_place_roots_find_moved(&adopting->roots, &adopting->root_stat,
                                             &adopting->known, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (adopting->known == NULL) {
        return unknown(adopting, err);
    }
    const struct firn_place_roots_root *own =
        firn_place_roots_find(&adopting->roots, ws->place.root);
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
rename_in_home(struct firn_os *os, const char *from, const char *to, firn_error *err)
{
    DCHECK(strcmp(name_of(from), name_of(to)) != 0);
    struct firn_os_dir *home = NULL;
    char *home_path = NULL;
    int rc;
    FIRN_TRY(firn_place_home(os, &home_path, err));
    FIRN_TRY(firn_os_dir_open_path(os, home_path, &home, err));
    /* Replaces an empty directory, which a store half made may have left, and nothing else. */
    FIRN_TRY(firn_os_rename(home, name_of(from), home, name_of(to), FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(home, err));
out:
    firn_os_dir_close(home);
    firn_free(home_path);
    return rc;
}

static int
refuse_own_store(const struct firn_ws *ws, const char *store_path, firn_error *err)
{
    return firn_error_set(err, FIRN_EXISTS, "'%.450s' has a store of its own at '%.450s'",
                          ws->place.root, store_path);
}

/* A store at the place that the directory's is to have: it goes if nothing was saved in it. */
static int
make_way(struct firn_ws *ws, const char *place, firn_error *err)
{
    bool is_taken;
    bool is_removed;
    int rc = firn_place_is_store(ws->os, place, &is_taken, err);
    if (rc != FIRN_OK || !is_taken) {
        return rc;
    }
    rc = firn_ws_workspaces_remove_empty(ws->os, place, ws->lock_timeout_ms, &is_removed, err);
    return rc == FIRN_OK && !is_removed ? refuse_own_store(ws, place, err) : rc;
}

/* A store inside of the directory goes before all others, and moves with it. */
static bool
has_store_inside(const struct firn_ws *ws, const char *store_path)
{
    return strcmp(ws->place.catalog_root, FIRN_PLACE_ROOTS_INSIDE) == 0 &&
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
    FIRN_TRY(firn_place_default_store(ws->os, adopting->known->root, &from, err));
    FIRN_TRY(firn_place_default_store(ws->os, ws->place.root, &to, err));
    if (strcmp(from, store_path) != 0 || strcmp(from, to) == 0) {
        goto out;
    }
    if (adopting->roots.count > 1) {
        rc = firn_error_set(err, FIRN_CONFLICT,
                            "the store '%.450s' is used by other workspaces as well and keeps its "
                            "name: name it with --store when you work on '%.450s'",
                            from, ws->place.root);
        goto out;
    }
    FIRN_TRY(make_way(ws, to, err));
    rc = rename_in_home(ws->os, from, to, err);
out:
    firn_free(from);
    firn_free(to);
    return rc;
}

static int
change_root(struct adopting *adopting, firn_error *err)
{
    DCHECK(!firn_db_is_read_only(adopting->db));
    struct firn_catalog_workspace workspace = adopting->known->workspace;
    if (adopting->begun != 0) {
        int rc = firn_ws_workspaces_forget(adopting->db, adopting->catalog, adopting->begun, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    workspace.device = adopting->root_stat.device;
    workspace.inode = adopting->root_stat.inode;
    workspace.btime_ns = adopting->root_stat.btime_ns;
    return firn_catalog_workspaces_change(
        adopting->catalog, firn_str(adopting->ws->place.catalog_root), &workspace, err);
}

int
firn_ws_adopt(struct firn_ws *ws, const char *old_root, firn_error *err)
{
    struct adopting adopting = {.ws = ws, .old_root = old_root, .roots = {.os = ws->os}};
    char *store_path = NULL;
    int rc;
    FIRN_TRY(stat_root(&adopting, err));
    FIRN_TRY(choose_store(&adopting, &store_path, err));
    FIRN_TRY(open_store(&adopting, store_path, err));
    FIRN_TRY(find_known(&adopting, err));
    FIRN_TRY(rename_store(&adopting, store_path, err));
    FIRN_TRY(change_root(&adopting, err));
out:
    firn_place_roots_deinit(&adopting.roots);
    firn_catalog_close(adopting.catalog);
    if (adopting.db != NULL) {
        /* What was committed is durable; the next open recovers the rest. */
        FIRN_IGNORE(firn_db_close(adopting.db, NULL));
    }
    firn_os_dir_close(adopting.store_dir);
    firn_free(store_path);
    return rc == FIRN_OK ? firn_ws_relocate(ws, err) : rc;
}
