/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_claim.c: whether a directory that the catalog of a named store calls a workspace is
 * one.
 *
 * The catalog of a store from elsewhere may name any directory: the user's home, or "/". A restore
 * would replace it, and a save would read it. So an entry of the catalog is a claim, which counts
 * only if one of these is true:
 *
 *   - the store is in the usual place, this user's data directory (trust_home.c), where nothing
 *     from elsewhere comes by itself;
 *   - the store is inside the directory (".firn" in it): naming the store names the directory;
 *   - a note of this user says so (trust_root.c);
 *   - the directory is the one that was saved: it has the inode and the birth time that the catalog
 *     has. This is for stores that were made before there were notes. It does not count for "/",
 *     the user's home, the data directory and what is above them (I1; not checked: it is tested as
 *     it says): these may have the same inode and birth time on all machines that were installed
 *     from one image. Nor does it count in a store that another user may have written (I2; not
 *     checked: likewise): birth times can be read by all users of a machine.
 *
 * The user may also name the directory itself; that is for the caller (place_locate.c) to see.
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "place/place.h"

/* ---- the store ---- */

/* Appends the real path of a directory that was opened with this result, and closes it; nothing if
 * there is none. */
static int
append_opened(int rc, struct fi_os_dir *dir, struct fi_buf *out, firn_error *err)
{
    rc = rc == FIRN_OK ? fi_os_dir_real_path(dir, out, err) : rc;
    fi_os_dir_close(dir);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID) {
        fi_buf_clear(out);
        rc = FIRN_OK;
    }
    return rc;
}

static int
append_real(struct fi_os *os, const char *path, struct fi_buf *out, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_path(os, path, &dir, err);
    return append_opened(rc, dir, out, err);
}

/* The same of the data directory, if it is private. */
static int
append_home(struct fi_os *os, struct fi_buf *out, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_trust_private_home(os, &dir, err);
    return append_opened(rc, dir, out, err);
}

/* Whether the store is an entry of the data directory. */
static int
find_is_usual(struct fi_os_dir *store, bool *out, firn_error *err)
{
    struct fi_buf home = {0};
    struct fi_buf path = {0};
    int rc;
    *out = false;
    FI_TRY(append_home(fi_os_dir_os(store), &home, err));
    if (home.size == 0) {
        goto out;
    }
    FI_TRY(fi_os_dir_real_path(store, &path, err));
    *out = path.size > home.size + 1 && memcmp(path.data, home.data, home.size) == 0 &&
           path.data[home.size] == '/' &&
           memchr(path.data + home.size + 1, '/', path.size - home.size - 1) == NULL;
out:
    fi_buf_deinit(&home);
    fi_buf_deinit(&path);
    return rc;
}

int
fi_place_claim_store_init(struct fi_os_dir *store, const uint8_t *id,
                          struct fi_place_claim_store *out, firn_error *err)
{
    *out = (struct fi_place_claim_store){.is_own = false};
    memcpy(out->id, id, sizeof out->id);
    FI_TRY_RETURN(fi_trust_owner_is_own(store, &out->is_own, err));
    return find_is_usual(store, &out->is_usual, err);
}

/* ---- the directory ---- */

/* Whether a workspace of the catalog was saved from the directory with this stat. A renamed
 * directory keeps its inode and birth time. The number of its device may change when the machine
 * restarts and does not count. Without a birth time no directory is recognised: inodes are reused,
 * and a wrong guess would block people's work. */
bool
fi_place_claim_is_same(const struct fi_catalog_workspace *workspace, const struct fi_os_stat *stat)
{
    return workspace->inode == stat->inode && workspace->btime_ns != 0 &&
           workspace->btime_ns == stat->btime_ns;
}

/* Whether a path is a directory, or above it; both are real paths. */
static bool
is_at_or_above(const char *path, firn_slice below)
{
    size_t size = strlen(path);
    size = size == 1 ? 0 : size; /* "/" */
    return below.size >= size && memcmp(below.data, path, size) == 0 &&
           (below.size == size || below.data[size] == '/');
}

/* (I1) */
static int
find_is_shared(struct fi_os *os, const char *path, bool *out, firn_error *err)
{
    const char *home = fi_os_environment(os, "HOME");
    struct fi_buf real = {0};
    int rc = FIRN_OK;
    *out = strcmp(path, "/") == 0;
    if (!*out && home != NULL && home[0] == '/') {
        FI_TRY(append_real(os, home, &real, err));
        *out = real.size > 0 && is_at_or_above(path, fi_buf_slice(&real));
    }
    if (!*out) {
        fi_buf_clear(&real);
        FI_TRY(append_home(os, &real, err));
        *out = real.size > 0 && is_at_or_above(path, fi_buf_slice(&real));
    }
out:
    fi_buf_deinit(&real);
    return rc;
}

int
fi_place_claim_assess(struct fi_os *os, const struct fi_place_roots_root *claimed, const char *path,
                      enum fi_place_claim *out, firn_error *err)
{
    const struct fi_trust_root noted = {.store_id = claimed->store.id, .path = claimed->root};
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat stat;
    bool is_noted = false;
    bool is_shared;
    int rc = FIRN_OK;
    *out = FI_PLACE_CLAIM_NONE;
    DCHECK(path[0] == '/');
    if (claimed->store.is_usual || claimed->is_inside) {
        *out = claimed->is_inside ? FI_PLACE_CLAIM_INSIDE : FI_PLACE_CLAIM_USUAL;
        goto out;
    }
    if (claimed->root[0] != '/') { /* it names no directory */
        goto out;
    }
    FI_TRY(fi_trust_root_is_noted(os, &noted, &is_noted, err));
    if (is_noted) {
        *out = FI_PLACE_CLAIM_NOTED;
        goto out;
    }
    if (!claimed->store.is_own || claimed->workspace.btime_ns == 0) { /* (I2) */
        goto out;
    }
    FI_TRY(find_is_shared(os, path, &is_shared, err));
    if (is_shared) {
        goto out;
    }
    rc = fi_os_dir_open_path(os, path, &dir, err);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID) {
        rc = FIRN_OK; /* it is not there */
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_stat(dir, &stat, err));
    if (fi_place_claim_is_same(&claimed->workspace, &stat)) {
        *out = FI_PLACE_CLAIM_SAME;
    }
out:
    DCHECK(rc == FIRN_OK || *out == FI_PLACE_CLAIM_NONE);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_place_claim_refuse(const char *root, const char *store_path, firn_error *err)
{
    return fi_error_set(err, FIRN_UNTRUSTED,
                        "the store '%.300s' says that it is about '%.300s', and you have not said "
                        "so on this machine: name the directory (-C DIR) if that is so, or "
                        "restore into another one (--to DIR)",
                        store_path, root);
}
