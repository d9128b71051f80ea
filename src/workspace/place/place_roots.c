/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_roots.c: collecting the roots in the catalogs of stores.
 *
 * Each store is opened for reading, its few entries are copied, and it is closed again; so no two
 * stores are open at once, and the list takes memory for each workspace, not for each store.
 * Reading creates nothing (I1).
 *
 * In the folder of stores a store may be damaged, of a newer version, or half made: that must not
 * prevent work with the others, so such a store is reported and skipped. If memory runs out, the
 * walk ends.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "place/place.h"
#include "trust/trust.h"
#include "unlock/unlock.h"

enum { CATALOG_MEMORY_BYTES = 8 << 20, CAPACITY_MIN = 8 };

static void
root_deinit(struct fi_place_roots_root *root)
{
    fi_free(root->store_path);
    fi_free(root->root);
    fi_free(root->catalog_root);
}

void
fi_place_roots_deinit(struct fi_place_roots *roots)
{
    DCHECK(roots->count <= roots->capacity);
    for (size_t i = 0; i < roots->count; i++) {
        root_deinit(&roots->items[i]);
    }
    fi_free(roots->items);
    roots->items = NULL;
    roots->count = 0;
    roots->capacity = 0;
}

/* ---- one store ---- */

struct reading {
    struct fi_place_roots *roots;
    struct fi_catalog *catalog;
    const struct fi_place_claim_store *store;
    const char *store_path;
    const char *parent; /* real path of the store's parent, if the store is inside */
};

static int
count_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                 firn_error *err)
{
    (void)bytes;
    (void)err;
    struct fi_place_roots_root *root = ctx;
    if (!record->is_safety) {
        root->checkpoints++;
        root->newest_ns = root->newest_ns == 0 ? record->created_ns : root->newest_ns;
    }
    return FIRN_OK;
}

static int
make_room(struct fi_place_roots *roots)
{
    return FI_VEC_RESERVE(roots->items, roots->count + 1, roots->capacity, NULL);
}

static int
keep_root(void *ctx, firn_slice name, const struct fi_catalog_workspace *workspace, firn_error *err)
{
    struct reading *reading = ctx;
    bool is_inside = fi_slice_equal(name, firn_str(FI_PLACE_ROOTS_INSIDE));
    struct fi_place_roots_root root = {.workspace = *workspace, .store = *reading->store};
    int rc = FIRN_OK;
    if (fi_catalog_lines_is(name)) {
        return FIRN_OK;
    }
    root.store_path = fi_strdup(reading->store_path);
    root.catalog_root = fi_strndup((const char *)name.data, name.size);
    if (root.catalog_root != NULL) {
        bool has_parent = is_inside && reading->parent != NULL;
        root.root = fi_strdup(has_parent ? reading->parent : root.catalog_root);
    }
    if (root.store_path == NULL || root.root == NULL || make_room(reading->roots) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the list of workspaces");
        goto out;
    }
    root.is_inside = reading->parent != NULL && strcmp(root.root, reading->parent) == 0;
    if (reading->roots->counts) {
        FI_TRY(fi_catalog_list(reading->catalog, workspace->number, count_checkpoint, &root, err));
    }
    DCHECK(reading->roots->count < reading->roots->capacity);
    reading->roots->items[reading->roots->count++] = root;
    return FIRN_OK;
out:
    root_deinit(&root);
    return rc;
}

int
fi_place_roots_add_catalog(struct fi_place_roots *roots, struct fi_catalog *catalog,
                           const struct fi_place_claim_store *store, const char *store_path,
                           firn_error *err)
{
    struct reading reading = {
        .roots = roots, .catalog = catalog, .store = store, .store_path = store_path};
    size_t count_before = roots->count;
    char *parent = NULL;
    int rc;
    FI_TRY(fi_place_roots_inside_of(roots->os, store_path, &parent, err));
    reading.parent = parent;
    FI_TRY(fi_catalog_workspaces_list(catalog, keep_root, &reading, err));
out:
    fi_free(parent);
    DCHECK(roots->count >= count_before);
    while (rc != FIRN_OK && roots->count > count_before) {
        root_deinit(&roots->items[--roots->count]);
    }
    return rc;
}

int
fi_place_roots_add_store(struct fi_place_roots *roots, const char *store_path, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_path(roots->os, store_path, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_place_roots_add_dir(roots, dir, store_path, err);
        fi_os_dir_close(dir);
    }
    return rc;
}

int
fi_place_roots_add_dir(struct fi_place_roots *roots, struct fi_os_dir *dir, const char *store_path,
                       firn_error *err)
{
    const struct fi_db_options options = {
        .read_only = true, .memory_bytes = CATALOG_MEMORY_BYTES, .unlock = roots->unlock};
    struct fi_catalog *catalog = NULL;
    struct fi_place_claim_store store;
    struct firn_db *db = NULL;
    int rc;
    FI_TRY(fi_trust_owner_check(dir, err));
    FI_TRY(fi_trust_files_guard(dir, false, 0, err));
    FI_TRY(fi_db_open(dir, &options, &db, err));
    DCHECK(fi_db_is_read_only(db)); /* (I1) */
    FI_TRY(fi_catalog_open(db, &catalog, err));
    FI_TRY(fi_place_claim_store_init(dir, fi_db_id(db), &store, err));
    FI_TRY(fi_place_roots_add_catalog(roots, catalog, &store, store_path, err));
out:
    fi_catalog_close(catalog);
    if (db != NULL) {
        FI_IGNORE(fi_db_close(db, NULL)); /* nothing was written */
    }
    return rc;
}

/* ---- all stores ---- */

struct listing {
    struct fi_place_roots *roots;
    void (*on_unreadable)(void *ctx, const char *store_path, const firn_error *why);
    void *ctx;
};

/* Packs without the file FIRN are a store that has lost it. */
static int
find_packs(const struct fi_place_roots *roots, const char *path, firn_error *err)
{
    bool is_there;
    int rc = fi_place_is_store(roots->os, path, &is_there, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return is_there ? fi_place_refuse_packs(path, err) : FIRN_NOT_FOUND;
}

static int
visit_store(void *ctx, const char *path, firn_error *err)
{
    struct listing *listing = ctx;
    firn_error why;
    int rc = fi_place_roots_add_store(listing->roots, path, &why);
    if (rc == FIRN_NOT_FOUND) {
        rc = find_packs(listing->roots, path, &why);
    }
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the list of workspaces");
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && listing->on_unreadable != NULL) {
        listing->on_unreadable(listing->ctx, path, &why);
    }
    return FIRN_OK;
}

int
fi_place_roots_add_all(struct fi_place_roots *roots,
                       void (*on_unreadable)(void *ctx, const char *store_path,
                                             const firn_error *why),
                       void *ctx, firn_error *err)
{
    /* Nobody is asked for the keys of stores that may have nothing to do with the directory. */
    const struct fi_unlock_source quiet = {.is_quiet = true};
    const struct fi_unlock_source *unlock = roots->unlock;
    struct listing listing = {.roots = roots, .on_unreadable = on_unreadable, .ctx = ctx};
    roots->unlock = &quiet;
    int rc = fi_place_list(roots->os, visit_store, &listing, err);
    roots->unlock = unlock;
    return rc;
}

/* ---- looking up roots ---- */

const struct fi_place_roots_root *
fi_place_roots_find(const struct fi_place_roots *roots, const char *real_path)
{
    for (size_t i = 0; i < roots->count; i++) {
        if (strcmp(roots->items[i].root, real_path) == 0) {
            return &roots->items[i];
        }
    }
    return NULL;
}

/* Whether the directory that the catalog means is no longer at its path. A link at that path which
 * leads to the directory does not count: the catalog has real paths, without links. */
static int
check_gone(const struct fi_place_roots *roots, const struct fi_place_roots_root *root, bool *out,
           firn_error *err)
{
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    struct fi_buf path = {0};
    int rc = fi_os_dir_open_path(roots->os, root->root, &dir, err);
    *out = rc == FIRN_NOT_FOUND || rc == FIRN_INVALID; /* also a loop of links */
    if (rc != FIRN_OK) {
        return *out || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    FI_TRY(fi_os_dir_stat(dir, &stat, err));
    *out = !fi_place_claim_is_same(&root->workspace, &stat);
    if (!*out && root->root[0] == '/') {
        FI_TRY(fi_os_dir_real_path(dir, &path, err));
        *out = !fi_slice_equal(fi_buf_slice(&path), firn_str(root->root));
    }
out:
    fi_buf_deinit(&path);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_place_roots_find_moved(const struct fi_place_roots *roots, const struct fi_os_stat *stat,
                          const struct fi_place_roots_root **out, firn_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < roots->count && *out == NULL; i++) {
        const struct fi_place_roots_root *root = &roots->items[i];
        bool is_gone;
        if (!fi_place_claim_is_same(&root->workspace, stat)) {
            continue;
        }
        int rc = check_gone(roots, root, &is_gone, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out = is_gone ? root : NULL;
    }
    return FIRN_OK;
}

int
fi_place_roots_inside_of(struct fi_os *os, const char *store_path, char **out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat stat;
    struct fi_buf text = {0};
    size_t size = strlen(store_path);
    int rc = FIRN_OK;
    *out = NULL;
    while (size > 1 && store_path[size - 1] == '/') {
        size--;
    }
    size_t name_size = strlen(FI_TRUST_INSIDE);
    if (size < name_size ||
        memcmp(store_path + size - name_size, FI_TRUST_INSIDE, name_size) != 0 ||
        (size > name_size && store_path[size - name_size - 1] != '/')) {
        return FIRN_OK;
    }
    const char *path = NULL;
    if (fi_buf_append(&text, store_path, size - name_size) == FIRN_OK &&
        fi_buf_append_str(&text, ".") == FIRN_OK) {
        path = fi_buf_text(&text);
    }
    if (path == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    rc = fi_os_dir_open_path(os, path, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    if (rc != FIRN_OK) {
        goto out;
    }
    rc = fi_os_stat(dir, FI_TRUST_INSIDE, &stat, err);
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && stat.kind == FI_OS_DIR)) {
        fi_buf_clear(&text);
        FI_TRY(fi_os_dir_real_path(dir, &text, err));
        *out = fi_strndup((const char *)text.data, text.size);
        DCHECK(*out == NULL || **out == '/');
        rc = *out == NULL ? fi_error_no_memory(err, "a path") : FIRN_OK;
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc;
}
