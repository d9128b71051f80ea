/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_workspaces.c: the workspaces of all stores: listing them, and deleting the history
 * of one.
 *
 * A store that cannot be read is listed with the reason, so that it is not forgotten.
 *
 * Deleting a history removes the workspace's entries from the stat cache, which may be lost at any
 * time, and then its checkpoints and tags from the catalog, in one durable commit (I1; not checked,
 * like (I2): only a power cut shows it). The directory tree itself is not touched. If other
 * workspaces use the store, the next gc frees the space. A store in the usual place that holds no
 * workspace any more, and nothing of an application, is removed whole: under its lock it is renamed
 * to a name that no workspace leads to, and then deleted, file by file. After a crash the next
 * removal deletes the rest (I2).
 *
 * When a continued history (ws_workspaces_adopt.c) needs the place of another store, that store is
 * removed in the same way, but only if nothing was ever saved in it (I3; not checked:
 * holds_anything is the rule).
 */
#include "operations/operations.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog.h"
#include "codec/hex.h"
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "operations/operations_internal.h"
#include "os/os_names.h"
#include "place/place.h"
#include "storefile/storefile.h"
#include "trust/trust.h"

enum { TAIL_BYTES = 4 };

static const char removed_mark[] = ".removed";

/* ---- listing ---- */

struct listing {
    int (*visit)(void *ctx, const firn_workspace_info *info);
    void *ctx;
    int stopped;
};

static void
report_unreadable(void *ctx, const char *store_path, const firn_error *why)
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
    const struct fi_place_roots_root *left = a;
    const struct fi_place_roots_root *right = b;
    return strcmp(left->root, right->root);
}

static bool
is_there(struct fi_os *os, const char *root)
{
    struct fi_os_dir *dir;
    bool is_dir = fi_os_dir_open_path(os, root, &dir, NULL) == FIRN_OK;
    fi_os_dir_close(dir);
    return is_dir;
}

int
fi_ws_workspaces_list(struct fi_os *os, const char *store_path,
                      int (*visit)(void *ctx, const firn_workspace_info *info), void *ctx,
                      firn_error *err)
{
    struct fi_place_roots roots = {.os = os, .counts = true};
    struct listing listing = {.visit = visit, .ctx = ctx, .stopped = FIRN_OK};
    int rc;
    if (store_path == NULL) {
        FI_TRY(fi_place_roots_add_all(&roots, report_unreadable, &listing, err));
    } else {
        FI_TRY(fi_place_roots_add_store(&roots, store_path, err));
    }
    fi_sort(roots.items, roots.count, sizeof *roots.items, compare_roots);
    for (size_t i = 0; i < roots.count && listing.stopped == FIRN_OK; i++) {
        const struct fi_place_roots_root *root = &roots.items[i];
        firn_workspace_info info = {.root = root->root,
                                    .store_path = root->store_path,
                                    .checkpoints = root->checkpoints,
                                    .newest_ns = root->newest_ns,
                                    .is_there = is_there(os, root->root)};
        listing.stopped = visit(ctx, &info);
    }
    if (listing.stopped != FIRN_OK) {
        rc = fi_error_set(err, listing.stopped, "stopped by the caller");
    }
out:
    fi_place_roots_deinit(&roots);
    return rc;
}

/* ---- deleting what is left of a store ---- */

static int
open_home(struct fi_os *os, struct fi_os_dir **out, firn_error *err)
{
    char *path = NULL;
    int rc = fi_trust_home(os, &path, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_open_path(os, path, out, err);
    }
    fi_free(path);
    return rc;
}

/* Deletes the stores that this removal and earlier ones have renamed. */
static int
remove_put_aside(struct fi_os *os, firn_error *err)
{
    struct fi_os_dir *home = NULL;
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    FI_TRY(open_home(os, &home, err));
    FI_TRY(fi_os_names_list(home, NULL, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        size_t size = strlen(name);
        size_t mark_size = sizeof removed_mark - 1;
        size_t tail_size = mark_size + (size_t)2 * TAIL_BYTES;
        if (size > tail_size && memcmp(name + size - tail_size, removed_mark, mark_size) == 0) {
            FI_TRY(fi_storefile_remove_tree(home, name, err));
        }
    }
out:
    fi_os_dir_close(home);
    fi_buf_deinit(&names);
    return rc;
}

static int
put_aside(struct fi_os *os, const char *store_path, firn_error *err)
{
    struct fi_os_dir *home = NULL;
    struct fi_buf aside = {0};
    uint8_t tail[TAIL_BYTES];
    char hex[2 * TAIL_BYTES + 1];
    const char *name = strrchr(store_path, '/') + 1;
    uint64_t digest;
    int rc;
    CHECK(fi_place_digest_of_name(name, &digest)); /* it is in the folder of stores */
    FI_TRY(fi_os_random(os, tail, sizeof tail, err));
    fi_hex_encode(tail, sizeof tail, hex);
    if (fi_buf_append_format(&aside, "%s%s%s", name, removed_mark, hex) != FIRN_OK ||
        fi_buf_text(&aside) == NULL) {
        rc = fi_error_no_memory(err, "the path of a store");
        goto out;
    }
    FI_TRY(open_home(os, &home, err));
    FI_TRY(fi_os_rename(home, name, home, (const char *)aside.data, FI_OS_RENAME_REPLACE, err));
    FI_TRY(fi_os_dir_sync(home, err));
out:
    fi_os_dir_close(home);
    fi_buf_deinit(&aside);
    return rc;
}

/* ---- deleting a history ---- */

static int
find_store(const char *root, const char *named, struct fi_place_roots *roots,
           const struct fi_place_roots_root **out, firn_error *err)
{
    int rc = named != NULL ? fi_place_roots_add_store(roots, named, err)
                           : fi_place_roots_add_all(roots, NULL, NULL, err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    *out = fi_place_roots_find(roots, root);
    return *out != NULL
               ? FIRN_OK
               : fi_error_set(err, FIRN_NOT_FOUND, "no store knows a workspace '%.700s'", root);
}

static int
count_root(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
           firn_error *err)
{
    (void)workspace;
    (void)err;
    *(size_t *)ctx += fi_catalog_lines_is(root) ? 0 : 1; /* a remote has the lines, too */
    return FIRN_OK;
}

/* *out_left is how many workspaces the store still has. */
static int
remove_from_catalog(struct firn_db *db, const char *catalog_root, size_t *out_left, firn_error *err)
{
    struct fi_catalog *catalog = NULL;
    struct fi_catalog_workspace workspace;
    int rc;
    *out_left = 0;
    FI_TRY(fi_catalog_open(db, &catalog, err));
    FI_TRY(fi_catalog_workspaces_find(catalog, firn_str(catalog_root), &workspace, err));
    if (workspace.number != 0) {
        FI_TRY(fi_catalog_workspaces_remove(catalog, workspace.number, err));
    }
    FI_TRY(fi_catalog_workspaces_list(catalog, count_root, out_left, err));
out:
    fi_catalog_close(catalog);
    return rc;
}

static int
see_keyspace(void *ctx, const char *name)
{
    size_t size = strlen(FI_DB_SYSTEM_PREFIX);
    bool *has_own = ctx;
    *has_own = *has_own || strncmp(name, FI_DB_SYSTEM_PREFIX, size) != 0;
    return FIRN_OK;
}

static int
see_store_checkpoint(void *ctx, const struct fi_db_checkpoint_info *info)
{
    (void)info;
    *(bool *)ctx = true;
    return FIRN_OK;
}

/* Whether the store has anything of an application: keyspaces, tables, or checkpoints of those. */
static int
has_application_data(struct firn_db *db, bool *out, firn_error *err)
{
    const struct fi_db_checkpoint_visitor visitor = {
        .include_safety = true, .visit = see_store_checkpoint, .ctx = out};
    *out = false;
    int rc = fi_db_keyspace_list(db, see_keyspace, out, err);
    return rc == FIRN_OK && !*out ? fi_db_checkpoint_list(db, &visitor, err) : rc;
}

void
fi_ws_workspaces_forget_note(struct fi_os *os, const struct firn_db *db, const char *path)
{
    const struct fi_trust_root root = {.store_id = fi_db_id(db), .path = path};
    if (path[0] == '/') {
        FI_IGNORE(fi_trust_root_remove(os, &root, NULL));
    }
}

int
fi_ws_workspaces_remove(struct fi_os *os, const char *root, const firn_workspace_options *options,
                        firn_error *err)
{
    const struct fi_unlock_source unlock = fi_unlock_source_of(options->key_source);
    struct fi_db_options db_options = {.lock_timeout_ms = options->lock_timeout_ms,
                                       .memory_bytes = FI_WS_WORKSPACES_MEMORY_BYTES,
                                       .unlock = &unlock};
    struct fi_place_roots roots = {.os = os, .unlock = &unlock};
    const struct fi_place_roots_root *found;
    struct fi_os_dir *dir = NULL;
    struct firn_db *db = NULL;
    bool is_put_aside = false;
    bool is_shared = true;
    size_t left;
    int rc;
    FI_TRY(find_store(root, options->store_path, &roots, &found, err));
    FI_TRY(fi_os_dir_open_path(os, found->store_path, &dir, err));
    FI_TRY(fi_trust_files_guard(dir, true, db_options.lock_timeout_ms, err));
    FI_TRY(fi_db_open(dir, &db_options, &db, err));
    FI_TRY(remove_from_catalog(db, found->catalog_root, &left, err));
    fi_ws_workspaces_forget_note(os, db, root);
    if (left == 0 && options->store_path == NULL) {
        FI_TRY(has_application_data(db, &is_shared, err));
    }
    if (!is_shared) {
        FI_TRY(put_aside(os, found->store_path, err));
        is_put_aside = true;
    }
out:
    if (db != NULL) {
        /* What was committed is durable; the next open recovers the rest. */
        FI_IGNORE(fi_db_close(db, NULL));
    }
    fi_os_dir_close(dir);
    fi_place_roots_deinit(&roots);
    return rc == FIRN_OK && is_put_aside ? remove_put_aside(os, err) : rc;
}

/* ---- removing a store in which nothing was saved ---- */

static int
see_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    (void)bytes;
    (void)record;
    (void)err;
    *(bool *)ctx = true;
    return FIRN_CANCELLED;
}

int
fi_ws_workspaces_has_checkpoints(struct fi_catalog *catalog, uint32_t number, bool *out,
                                 firn_error *err)
{
    *out = false;
    int rc = fi_catalog_list(catalog, number, see_checkpoint, out, err);
    return *out ? FIRN_OK : rc;
}

/* A damaged store may have nothing left but packs. */
static int
has_packs(struct fi_os_dir *dir, bool *out, firn_error *err)
{
    struct fi_os_dir *packs;
    bool is_empty = true;
    int rc = fi_os_dir_open(dir, FI_OBJECTS_INDEX_PACKS_DIR, &packs, err);
    if (rc == FIRN_OK) {
        rc = fi_place_is_empty(packs, &is_empty, err);
        fi_os_dir_close(packs);
    }
    *out = !is_empty;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Whether the store has anything: checkpoints of any workspace, packs, an application's data,
 * settings. */
static int
holds_anything(struct fi_os_dir *dir, struct firn_db *db, bool *out, firn_error *err)
{
    struct fi_catalog *catalog = NULL;
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, FI_PLACE_CONFIG_FILE, &stat, err);
    *out = true;
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    FI_TRY(has_packs(dir, out, err));
    if (*out) {
        return FIRN_OK;
    }
    FI_TRY(fi_catalog_open(db, &catalog, err));
    FI_TRY(fi_ws_workspaces_has_checkpoints(catalog, 0, out, err));
    if (!*out) {
        FI_TRY(has_application_data(db, out, err));
    }
out:
    fi_catalog_close(catalog);
    return rc;
}

int
fi_ws_workspaces_remove_empty(struct fi_os *os, const char *store_path, int64_t lock_timeout_ms,
                              bool *out_removed, firn_error *err)
{
    struct fi_db_options db_options = {.lock_timeout_ms = lock_timeout_ms,
                                       .memory_bytes = FI_WS_WORKSPACES_MEMORY_BYTES};
    struct fi_os_dir *dir = NULL;
    struct firn_db *db = NULL;
    bool holds_any;
    int rc;
    *out_removed = false;
    FI_TRY(fi_os_dir_open_path(os, store_path, &dir, err));
    FI_TRY(fi_trust_files_guard(dir, true, lock_timeout_ms, err));
    FI_TRY(fi_db_open(dir, &db_options, &db, err));
    FI_TRY(holds_anything(dir, db, &holds_any, err));
    if (!holds_any) { /* (I3) */
        FI_TRY(put_aside(os, store_path, err));
        *out_removed = true;
    }
out:
    if (db != NULL) {
        FI_IGNORE(fi_db_close(db, NULL)); /* nothing needed was written */
    }
    fi_os_dir_close(dir);
    return rc == FIRN_OK && *out_removed ? remove_put_aside(os, err) : rc;
}
