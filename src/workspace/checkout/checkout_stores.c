/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_stores.c: no store is restored while a process writes to it.
 *
 * A writer has its store's files open and continues to write to them even if they are replaced.
 * Files of an earlier state would be mixed with what the writer writes, and both would be lost. So
 * a restore that will change anything of a store takes the store's lock during the plan, before
 * anything is written, and keeps the lock until the end; if the store stays locked, the restore
 * fails. The lock is not needed for a store that does not change, for other files in its directory,
 * or for the directory's times and mode.
 *
 * The stores are those that the scan of the present state met. The lock file is not changed by this
 * and is not part of the tree. Earlier versions saved the lock file of a store that could not be
 * read; it is not restored from their checkpoints where a store is.
 *
 * (I1) What the restore displaces is in the safety checkpoint. For a store the scan's state is
 *      compared, not the size and time of its files: a writer may have come and gone since, and
 *      writes through a mapping move no time. So once writers are locked out, the state is read
 *      again, and has to be the same.
 * (I2) Then everything that the scan left out of the store, including bytes after the ends of its
 *      logs, is useless and is removed with its files. The lock is removed last. (Not checked:
 *      clear is the rule.)
 *
 *      A log that does not change in the tree may be longer on the disk, and its tail may continue
 *      in a segment that is removed. Such a file is replaced by what the tree has (has_tail).
 *
 * (I3) A restore that found a store locked does not continue after the lock is released: it has to
 *      be run again, with a new scan. (Not checked: lock fails then.)
 *
 * Readers are not kept out: files that they have open stay readable, files that they open later may
 * be gone.
 */
#include "checkout/checkout.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "copy/copy_hot.h"
#include "scan/scan.h"
#include "storefile/storefile.h"
#include "tree/tree.h"

struct store {
    firn_slice path;
    uint64_t print;   /* fingerprint of the saved state; 0: saved file by file */
    bool is_store;    /* a store not only by its file names */
    bool is_database; /* an SQLite database, not a store: copied while in use */
    bool is_seen;
    struct fi_storefile_lock *lock;
    struct fi_copy_hot *capture; /* the saved state, once it cannot change */
};

static uint64_t
store_hash(const void *record)
{
    const struct store *store = record;
    return fi_xxh3(store->path.data, store->path.size, 0);
}

static bool
store_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct store *)record)->path, ((const struct store *)key)->path);
}

struct tail {
    firn_slice path; /* in the arena */
};

static uint64_t
tail_hash(const void *record)
{
    const struct tail *tail = record;
    return fi_xxh3(tail->path.data, tail->path.size, 0);
}

static bool
tail_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct tail *)record)->path, ((const struct tail *)key)->path);
}

int
fi_checkout_stores_find(struct fi_checkout_stores *stores, firn_slice found, firn_error *err)
{
    DCHECK(stores->stores.count == 0 && stores->tails.count == 0);
    fi_hash_map_init(&stores->stores, sizeof(struct store), store_hash, store_equal);
    fi_hash_map_init(&stores->tails, sizeof(struct tail), tail_hash, tail_equal);
    for (size_t at = 0; at < found.size;) {
        struct store store = {.print = fi_load_le64(found.data + at)};
        store.is_store = found.data[at + 8] == 1;
        store.is_database = found.data[at + 8] == FI_SCAN_DATABASE;
        store.path = firn_str((const char *)found.data + at + 9);
        at += 9 + store.path.size + 1;
        DCHECK(at <= found.size);
        DCHECK(fi_hash_map_find(&stores->stores, store_hash(&store), &store) == NULL);
        if (fi_hash_map_insert(&stores->stores, store_hash(&store), &store) == NULL) {
            return fi_error_no_memory(err, "the list of stores");
        }
    }
    return FIRN_OK;
}

void
fi_checkout_stores_deinit(struct fi_checkout_stores *stores)
{
    for (size_t i = 0; i < stores->stores.count; i++) {
        struct store *store = fi_hash_map_at(&stores->stores, i);
        fi_storefile_lock_release(store->lock);
        fi_copy_hot_close(store->capture);
    }
    fi_hash_map_deinit(&stores->stores);
    fi_hash_map_deinit(&stores->tails);
    fi_arena_deinit(&stores->arena);
}

static struct store *
store_at(const struct fi_checkout_stores *stores, firn_slice path)
{
    const struct store key = {.path = path};
    return fi_hash_map_find(&stores->stores, store_hash(&key), &key);
}

/* ---- keeping writers out ---- */

static int
refuse_written(const struct store *store, firn_error *err)
{
    return fi_error_set(err, FIRN_BUSY,
                        "'%s' was being written until now; nothing was changed, run it again",
                        (const char *)store->path.data);
}

/* Reads the present state, which must be the saved one (I1). A dry run does not compare them. */
static int
find_state(const struct fi_checkout_stores *stores, struct store *store, struct fi_os_dir *dir,
           firn_error *err)
{
    DCHECK(store->print != 0 && store->capture == NULL);
    DCHECK(stores->is_dry || store->lock != NULL); /* (I1): it cannot change */
    int rc = fi_copy_hot_open(dir, &store->capture, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_copy_hot_let_go(store->capture);
    return stores->is_dry || fi_copy_hot_print(store->capture) == store->print
               ? FIRN_OK
               : refuse_written(store, err);
}

struct looking {
    struct fi_checkout_stores *stores;
    const struct store *store;
    struct fi_os_dir *dir;
    firn_error *err;
};

static int
note_tail(void *ctx, const struct fi_os_dirent *entry)
{
    struct looking *looking = ctx;
    firn_slice dir = looking->store->path;
    size_t name_at = dir.size > 0 ? dir.size + 1 : 0;
    struct fi_copy_hot_file file = fi_copy_hot_assess(looking->store->capture, entry->name);
    struct fi_os_stat stat;
    if (file.kind != FI_COPY_HOT_CUT ||
        fi_os_stat(looking->dir, entry->name, &stat, NULL) != FIRN_OK ||
        stat.size_bytes <= file.size_bytes) {
        return FIRN_OK;
    }
    DCHECK(entry->name_size > 0);
    struct tail tail = {.path.size = name_at + entry->name_size};
    uint8_t *path = fi_arena_alloc(&looking->stores->arena, tail.path.size);
    if (path != NULL) {
        memcpy(path, dir.data, dir.size);
        path[dir.size] = '/';
        memcpy(path + name_at, entry->name, entry->name_size);
        tail.path.data = path;
    }
    return path != NULL && fi_hash_map_insert(&looking->stores->tails, tail_hash(&tail), &tail)
               ? FIRN_OK
               : fi_error_no_memory(looking->err, "the list of stores");
}

/* Takes the lock. If it has to wait for the lock, the holder may have written anything, or replaced
 * the store: the scan is out of date, and the lock is released again (I3). */
static int
checkout_stores_lock(const struct fi_checkout_stores *stores, struct store *store,
                     struct fi_os_dir *dir, firn_error *err)
{
    bool may_create = store->print != 0 && !stores->is_dry;
    DCHECK(store->lock == NULL);
    int rc = fi_storefile_lock_hold(dir, may_create, 0, &store->lock, err);
    if (rc != FIRN_BUSY) {
        return rc;
    }
    rc = fi_storefile_lock_hold(dir, may_create, stores->lock_timeout_ms, &store->lock, err);
    if (rc == FIRN_OK) {
        fi_storefile_lock_release(store->lock);
        store->lock = NULL;
        return refuse_written(store, err);
    }
    if (rc == FIRN_BUSY) {
        fi_error_prefix(err, "cannot restore a firn store that is being written");
    }
    return rc;
}

static int
checkout_stores_enter(struct fi_checkout_stores *stores, struct store *store, firn_error *err)
{
    struct fi_os_dir *dir;
    const char *path = (const char *)store->path.data; /* ends in NUL */
    DCHECK(!store->is_seen && path[store->path.size] == '\0');
    int rc = fi_os_dir_open_beneath(stores->root, path, &dir, err);
    store->is_seen = true;
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* gone since it was scanned */
    }
    rc = checkout_stores_lock(stores, store, dir, err);
    if (rc == FIRN_OK && store->print != 0) {
        struct looking looking = {stores, store, dir, err};
        rc = find_state(stores, store, dir, err);
        rc = rc == FIRN_OK ? fi_os_dir_list(dir, note_tail, &looking, err) : rc;
    }
    if (stores->is_dry) {
        fi_storefile_lock_release(store->lock);
        store->lock = NULL;
    }
    fi_os_dir_close(dir);
    return rc;
}

/* The first name of a path, or "". */
static void
first_name(firn_slice path, char out[FI_TREE_NAME_SIZE_MAX + 1])
{
    size_t size = 0;
    while (size < path.size && size < FI_TREE_NAME_SIZE_MAX && path.data[size] != '/') {
        out[size] = (char)path.data[size];
        size++;
    }
    out[size] = '\0';
}

/* Whether a path, relative to a store's directory, belongs to the store; the directory itself ("")
 * does. */
static bool
is_own(firn_slice path)
{
    char name[FI_TREE_NAME_SIZE_MAX + 1];
    first_name(path, name);
    return path.size == 0 || fi_copy_hot_is_own(name);
}

int
fi_checkout_stores_change(struct fi_checkout_stores *stores,
                          const struct fi_difference_walk_change *change, firn_error *err)
{
    firn_slice path = change->path;
    if (stores->stores.count == 0 ||
        (change->before != NULL && change->before->kind == FI_TREE_DIR && change->after != NULL &&
         change->after->kind == FI_TREE_DIR)) {
        return FIRN_OK;
    }
    for (size_t end = 0; end <= path.size; end++) {
        if (end > 0 && end < path.size && path.data[end] != '/') {
            continue;
        }
        struct store *store = store_at(stores, firn_bytes(path.data, end));
        size_t begin = end == 0 || end == path.size ? end : end + 1;
        if (store != NULL && !store->is_seen && !store->is_database &&
            is_own(firn_bytes(path.data + begin, path.size - begin))) {
            int rc = checkout_stores_enter(stores, store, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}

bool
fi_checkout_stores_has_database(const struct fi_checkout_stores *stores, firn_slice path)
{
    const struct store *store = stores->stores.count == 0 ? NULL : store_at(stores, path);
    return store != NULL && store->is_database;
}

/* ---- what the tree does not have ---- */

/* Splits a path into directory and name. */
static firn_slice
checkout_stores_split(firn_slice path, char name[FI_TREE_NAME_SIZE_MAX + 1])
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    first_name(firn_bytes(path.data + at, path.size - at), name);
    return firn_bytes(path.data, at > 0 ? at - 1 : 0);
}

/* The state of the store in a directory, or NULL if unknown. */
static const struct fi_copy_hot *
capture_at(const struct fi_checkout_stores *stores, firn_slice path)
{
    const struct store *store = stores->stores.count == 0 ? NULL : store_at(stores, path);
    return store == NULL ? NULL : store->capture;
}

bool
fi_checkout_stores_is_cut(const struct fi_checkout_stores *stores, firn_slice path)
{
    char name[FI_TREE_NAME_SIZE_MAX + 1];
    const struct fi_copy_hot *capture = capture_at(stores, checkout_stores_split(path, name));
    return path.size > 0 && capture != NULL &&
           fi_copy_hot_assess(capture, name).kind == FI_COPY_HOT_CUT;
}

bool
fi_checkout_stores_has_tail(const struct fi_checkout_stores *stores, firn_slice path)
{
    DCHECK(stores->tails.count == 0 || stores->stores.count > 0);
    const struct tail key = {path};
    return stores->tails.count > 0 &&
           fi_hash_map_find(&stores->tails, tail_hash(&key), &key) != NULL;
}

static bool
is_lock_in(const struct fi_checkout_stores *stores, firn_slice path, const char *name)
{
    const struct store *store =
        stores->stores.count > 0 && fi_copy_hot_is_lock(name) ? store_at(stores, path) : NULL;
    return store != NULL && store->is_store;
}

bool
fi_checkout_stores_is_lock(const struct fi_checkout_stores *stores, firn_slice path)
{
    char name[FI_TREE_NAME_SIZE_MAX + 1];
    firn_slice dir = checkout_stores_split(path, name);
    return is_lock_in(stores, dir, name);
}

static bool
is_left_out(const struct fi_checkout_stores *stores, firn_slice path, const char *name)
{
    char folder[FI_TREE_NAME_SIZE_MAX + 1];
    const struct fi_copy_hot *capture = capture_at(stores, path);
    if (is_lock_in(stores, path, name)) {
        return true;
    }
    if (capture != NULL) {
        return fi_copy_hot_assess(capture, name).kind == FI_COPY_HOT_LEFT_OUT;
    }
    capture = capture_at(stores, checkout_stores_split(path, folder));
    return path.size > 0 && capture != NULL && fi_copy_hot_has_folder(folder) &&
           fi_copy_hot_assess_in_folder(name).kind == FI_COPY_HOT_LEFT_OUT;
}

bool
fi_checkout_stores_is_leftover(const struct fi_checkout_stores *stores, struct fi_os_dir *dir,
                               firn_slice path, const char *name)
{
    struct fi_os_stat stat;
    return is_left_out(stores, path, name) && fi_os_stat(dir, name, &stat, NULL) == FIRN_OK &&
           stat.kind != FI_OS_DIR;
}

struct clearing {
    const struct fi_checkout_stores *stores;
    struct fi_os_dir *dir;
    firn_slice path;
    bool has_lock;
    bool has_more;
    firn_error *err;
};

static int
clear_one(void *ctx, const struct fi_os_dirent *entry)
{
    struct clearing *clearing = ctx;
    if (!fi_checkout_stores_is_leftover(clearing->stores, clearing->dir, clearing->path,
                                        entry->name)) {
        clearing->has_more = true;
        return FIRN_OK;
    }
    if (fi_copy_hot_is_lock(entry->name)) {
        clearing->has_lock = true;
        return FIRN_OK;
    }
    return fi_os_remove_file(clearing->dir, entry->name, clearing->err);
}

int
fi_checkout_stores_clear(const struct fi_checkout_stores *stores, struct fi_os_dir *dir,
                         firn_slice path, firn_error *err)
{
    struct clearing clearing = {.stores = stores, .dir = dir, .path = path, .err = err};
    int rc = fi_os_dir_list(dir, clear_one, &clearing, err);
    return rc == FIRN_OK && clearing.has_lock && !clearing.has_more
               ? fi_copy_hot_remove_lock(dir, err)
               : rc;
}
