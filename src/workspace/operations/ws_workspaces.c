/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_workspaces.c: the workspaces of all stores: listing them, and giving up the history
 * of one.
 *
 * A store that cannot be read is listed with the reason, so that it is not forgotten.
 *
 * Giving up a history takes the workspace's checkpoints and tags out of the catalog, in one durable
 * commit (I1; not checked, like (I2): only a power cut shows it), and before that what the stat
 * cache has of it, which may be lost at any time; the directory tree itself is not looked at. Where
 * other workspaces use the store, the next gc gives the space back. A store in the usual place that
 * holds nothing any more is removed whole: under its lock it is renamed to a name that no workspace
 * leads to, and then deleted, file by file. A crash leaves such a rest; the next removal deletes it
 * (I2). So does a store in which nothing was ever saved, where a history that goes on elsewhere
 * needs its place, and no other (I3; not checked: holds_anything is the rule).
 */
#include "operations/ws_workspaces.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog.h"
#include "codec/hex.h"
#include "objects/objects.h"
#include "place/place.h"
#include "repair/repair_remove.h"
#include "statcache/statcache.h"

enum { CATALOG_MEMORY_BYTES = 8 << 20, TAIL_BYTES = 4 };

static const char removed_mark[] = ".removed";

/* ---- listing ---- */

struct listing {
    int (*visit)(void *ctx, const firn_workspace_info *info);
    void *ctx;
    int stopped;
};

static void
tell_unreadable(void *ctx, const char *store_path, const firn_error *why)
{
    struct listing *listing = ctx;
    firn_workspace_info info = {.root = "", .store_path = store_path, .damage = why->text};
    if (listing->stopped == FIRN_OK) {
        listing->stopped = listing->visit(listing->ctx, &info);
    }
}

static int
compare_roots(const void *a, const void *b)
{
    const struct firn_place_roots_root *left = a;
    const struct firn_place_roots_root *right = b;
    return strcmp(left->root, right->root);
}

static bool
is_there(struct firn_os *os, const char *root)
{
    struct firn_os_dir *dir;
    bool is_dir = firn_os_dir_open_path(os, root, &dir, NULL) == FIRN_OK;
    firn_os_dir_close(dir);
    return is_dir;
}

int
firn_ws_workspaces_list(struct firn_os *os, const char *store_path,
                        int (*visit)(void *ctx, const firn_workspace_info *info), void *ctx,
                        firn_error *err)
{
    struct firn_place_roots roots = {.os = os, .counts = true};
    struct listing listing = {.visit = visit, .ctx = ctx, .stopped = FIRN_OK};
    int rc;
    if (store_path == NULL) {
        FIRN_TRY(firn_place_roots_add_all(&roots, tell_unreadable, &listing, err));
    } else {
        FIRN_TRY(firn_place_roots_add_store(&roots, store_path, err));
    }
    firn_sort(roots.items, roots.count, sizeof *roots.items, compare_roots);
    for (size_t i = 0; i < roots.count && listing.stopped == FIRN_OK; i++) {
        const struct firn_place_roots_root *root = &roots.items[i];
        firn_workspace_info info = {.root = root->root,
                                    .store_path = root->store_path,
                                    .checkpoints = root->checkpoints,
                                    .newest_ns = root->newest_ns,
                                    .is_there = is_there(os, root->root)};
        listing.stopped = visit(ctx, &info);
    }
    if (listing.stopped != FIRN_OK) {
        rc = firn_error_set(err, listing.stopped, "stopped by the caller");
    }
out:
    firn_place_roots_deinit(&roots);
    return rc;
}

/* ---- deleting what is left of a store ---- */

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    return firn_buf_append(ctx, entry->name, entry->name_size + 1);
}

static int
open_home(struct firn_os *os, struct firn_os_dir **out, firn_error *err)
{
    char *path = NULL;
    int rc = firn_place_home(os, &path, err);
    if (rc == FIRN_OK) {
        rc = firn_os_dir_open_path(os, path, out, err);
    }
    firn_free(path);
    return rc;
}

/* Deletes what this removal and earlier ones have put aside. */
static int
remove_put_aside(struct firn_os *os, firn_error *err)
{
    struct firn_os_dir *home = NULL;
    struct firn_buf names = {0};
    int rc;
    FIRN_TRY(open_home(os, &home, err));
    FIRN_TRY(firn_os_dir_list(home, keep_name, &names, err));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        size_t size = strlen(name);
        size_t mark_size = sizeof removed_mark - 1;
        size_t tail_size = mark_size + (size_t)2 * TAIL_BYTES;
        if (size > tail_size && memcmp(name + size - tail_size, removed_mark, mark_size) == 0) {
            FIRN_TRY(firn_repair_remove_tree(home, name, err));
        }
        at += size + 1;
    }
out:
    firn_os_dir_close(home);
    firn_buf_deinit(&names);
    return rc;
}

static int
put_aside(struct firn_os *os, const char *store_path, firn_error *err)
{
    struct firn_os_dir *home = NULL;
    struct firn_buf aside = {0};
    uint8_t tail[TAIL_BYTES];
    char hex[2 * TAIL_BYTES + 1];
    const char *name = strrchr(store_path, '/') + 1;
    uint64_t digest;
    int rc;
    CHECK(firn_place_digest_of_name(name, &digest)); /* it is one of the folder of stores */
    FIRN_TRY(firn_os_random(os, tail, sizeof tail, err));
    firn_hex_encode(tail, sizeof tail, hex);
    if (firn_buf_append_format(&aside, "%s%s%s", name, removed_mark, hex) != FIRN_OK ||
        firn_buf_text(&aside) == NULL) {
        rc = firn_error_no_memory(err, "the path of a store");
        goto out;
    }
    FIRN_TRY(open_home(os, &home, err));
    FIRN_TRY(
        firn_os_rename(home, name, home, (const char *)aside.data, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(home, err));
out:
    firn_os_dir_close(home);
    firn_buf_deinit(&aside);
    return rc;
}

/* ---- giving up a history ---- */

static int
find_store(const char *root, const char *named, struct firn_place_roots *roots,
           const struct firn_place_roots_root **out, firn_error *err)
{
    int rc = named != NULL ? firn_place_roots_add_store(roots, named, err)
                           : firn_place_roots_add_all(roots, NULL, NULL, err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    *out = firn_place_roots_find(roots, root);
    return *out != NULL
               ? FIRN_OK
               : firn_error_set(err, FIRN_NOT_FOUND, "no store knows a workspace '%.700s'", root);
}

int
firn_ws_workspaces_forget(struct firn_db *db, struct firn_catalog *catalog, uint32_t number,
                          firn_error *err)
{
    int rc;
    DCHECK(number != 0);
    FIRN_TRY(firn_statcache_sweep_workspace(db, number, err));
    FIRN_TRY(firn_catalog_workspaces_remove(catalog, number, err));
out:
    return rc;
}

static int
count_root(void *ctx, firn_slice root, const struct firn_catalog_workspace *workspace,
           firn_error *err)
{
    (void)root;
    (void)workspace;
    (void)err;
    (*(size_t *)ctx)++;
    return FIRN_OK;
}

/* *out_left is how many workspaces the store still has. */
static int
remove_from_catalog(struct firn_db *db, const char *catalog_root, size_t *out_left, firn_error *err)
{
    struct firn_catalog *catalog = NULL;
    struct firn_catalog_workspace workspace;
    int rc;
    *out_left = 0;
    FIRN_TRY(firn_catalog_open(db, &catalog, err));
    FIRN_TRY(firn_catalog_workspaces_find(catalog, firn_str(catalog_root), &workspace, err));
    if (workspace.number != 0) {
        FIRN_TRY(firn_ws_workspaces_forget(db, catalog, workspace.number, err));
    }
    FIRN_TRY(firn_catalog_workspaces_list(catalog, count_root, out_left, err));
out:
    firn_catalog_close(catalog);
    return rc;
}

int
firn_ws_workspaces_remove(struct firn_os *os, const char *root,
                          const firn_workspace_options *options, firn_error *err)
{
    struct firn_db_options db_options = {.lock_timeout_ms = options->lock_timeout_ms,
                                         .memory_bytes = CATALOG_MEMORY_BYTES};
    struct firn_place_roots roots = {.os = os};
    const struct firn_place_roots_root *found;
    struct firn_os_dir *dir = NULL;
    struct firn_db *db = NULL;
    bool is_put_aside = false;
    size_t left;
    int rc;
    FIRN_TRY(find_store(root, options->store_path, &roots, &found, err));
    FIRN_TRY(firn_os_dir_open_path(os, found->store_path, &dir, err));
    FIRN_TRY(firn_db_open(dir, &db_options, &db, err));
    FIRN_TRY(remove_from_catalog(db, found->catalog_root, &left, err));
    if (left == 0 && options->store_path == NULL) {
        FIRN_TRY(put_aside(os, found->store_path, err));
        is_put_aside = true;
    }
out:
    if (db != NULL) {
        /* What was committed is durable; the next open recovers the rest. */
        FIRN_IGNORE(firn_db_close(db, NULL));
    }
    firn_os_dir_close(dir);
    firn_place_roots_deinit(&roots);
    return rc == FIRN_OK && is_put_aside ? remove_put_aside(os, err) : rc;
}

/* ---- removing a store in which nothing was saved ---- */

static int
see_checkpoint(void *ctx, firn_slice bytes, const struct firn_catalog_record *record,
               firn_error *err)
{
    (void)bytes;
    (void)record;
    (void)err;
    *(bool *)ctx = true;
    return FIRN_CANCELLED;
}

int
firn_ws_workspaces_has_checkpoints(struct firn_catalog *catalog, uint32_t number, bool *out,
                                   firn_error *err)
{
    *out = false;
    int rc = firn_catalog_list(catalog, number, see_checkpoint, out, err);
    return *out ? FIRN_OK : rc;
}

static int
see_keyspace(void *ctx, const char *name)
{
    size_t size = strlen(FIRN_DB_SYSTEM_PREFIX);
    bool *has_own = ctx;
    *has_own = *has_own || strncmp(name, FIRN_DB_SYSTEM_PREFIX, size) != 0;
    return FIRN_OK;
}

/* Packs may be all that is left of a damaged store. */
static int
has_packs(struct firn_os_dir *dir, bool *out, firn_error *err)
{
    struct firn_os_dir *packs;
    bool is_empty = true;
    int rc = firn_os_dir_open(dir, FIRN_OBJECTS_INDEX_PACKS_DIR, &packs, err);
    if (rc == FIRN_OK) {
        rc = firn_place_is_empty(packs, &is_empty, err);
        firn_os_dir_close(packs);
    }
    *out = !is_empty;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Checkpoints of any workspace, packs, data of an application's, settings: somebody has put it
 * there. */
static int
holds_anything(struct firn_os_dir *dir, struct firn_db *db, bool *out, firn_error *err)
{
    struct firn_catalog *catalog = NULL;
    struct firn_os_stat stat;
    int rc = firn_os_stat(dir, FIRN_PLACE_CONFIG_FILE, &stat, err);
    *out = true;
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    FIRN_TRY(has_packs(dir, out, err));
    if (*out) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_catalog_open(db, &catalog, err));
    FIRN_TRY(firn_ws_workspaces_has_checkpoints(catalog, 0, out, err));
    FIRN_TRY(firn_db_keyspace_list(db, see_keyspace, out, err));
out:
    firn_catalog_close(catalog);
    return rc;
}

int
firn_ws_workspaces_remove_empty(struct firn_os *os, const char *store_path, int64_t lock_timeout_ms,
                                bool *out_removed, firn_error *err)
{
    struct firn_db_options db_options = {.lock_timeout_ms = lock_timeout_ms,
                                         .memory_bytes = CATALOG_MEMORY_BYTES};
    struct firn_os_dir *dir = NULL;
    struct firn_db *db = NULL;
    bool holds_any;
    int rc;
    *out_removed = false;
    FIRN_TRY(firn_os_dir_open_path(os, store_path, &dir, err));
    FIRN_TRY(firn_db_open(dir, &db_options, &db, err));
    FIRN_TRY(holds_anything(dir, db, &holds_any, err));
    if (!holds_any) { /* (I3) */
        FIRN_TRY(put_aside(os, store_path, err));
        *out_removed = true;
    }
out:
    if (db != NULL) {
        FIRN_IGNORE(firn_db_close(db, NULL)); /* nothing was written that anybody needs */
    }
    firn_os_dir_close(dir);
    return rc == FIRN_OK && *out_removed ? remove_put_aside(os, err) : rc;
}
