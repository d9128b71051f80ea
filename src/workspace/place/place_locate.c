/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_locate.c: from a path to a workspace and its store.
 *
 * A workspace is identified by the real path of its root, so links to it and other spellings lead
 * to it. A path inside a workspace means that workspace, and the rest of the path is kept as the
 * sub-path. Going upward from the path, the first directory that has a store is the root: one with
 * ".firn" in it, or one whose store is in the folder of stores. If a store was named, its catalog
 * says which directories are roots, and the nearest is used. If no directory has a store, the path
 * itself is the root of a workspace that was never saved.
 *
 * What the catalog of a named store says may have been written elsewhere (place_claim.c). A root
 * that only the catalog calls one is reported, with the claim FI_PLACE_CLAIM_NONE, and nothing
 * may look at it (ws.c): the store can be looked into, and the message can say which directory to
 * name. It counts if the user named exactly this directory, not merely works in it. Whether a
 * directory was moved is not decided by a catalog that does not count, either.
 *
 * A ".firn" that this user has not made there may have come with the tree (trust_store.c). It does
 * not hide the directory's store in the folder of stores. If there is no such store, it is an error
 * and the search does not go further up: the user would not expect to save a directory above.
 *
 * Only if nothing was found are all stores searched for this directory, or one above it, under
 * another path: it may have been moved. The result is reported as moved_from and not used until the
 * user confirms it: a guess must not join two histories (I1).
 *
 * In the catalog of a store inside, the root is called "." and has no path: the store belongs to
 * the directory that it is in, even after that was moved, copied, or brought to another machine.
 *
 * Nothing is created or changed here (I2; not checked: stores are opened read-only). A search of
 * all stores skips those that cannot be read; if nothing is found, the first of them is reported,
 * as it may be the right one. If a named store cannot be read, the root is unknown: the path is
 * used for it and is_sure is false, so that the next operation searches again and fails with the
 * reason (I3).
 *
 * If the notes say that this user made a store in a directory, and it has none now, neither inside
 * nor in the folder of stores, that is an error (I4): its history must not begin anew unnoticed.
 */
#include "base/check.h"
#include "base/mem.h"
#include "place/place.h"

struct locating {
    struct fi_os *os;
    const struct fi_place_locate_request *request;
    struct fi_buf path; /* real path of the request, with a NUL after its end */
    struct fi_place_roots roots;
    struct fi_place_located *out;
    struct fi_buf trusted; /* directories that should have a store: paths, each with its NUL */
    bool has_trusted;      /* they were read */
    bool is_out_of_memory;
};

void
fi_place_locate_deinit(struct fi_place_located *located)
{
    fi_free(located->root);
    fi_free(located->sub_path);
    fi_free(located->store_path);
    fi_free(located->catalog_root);
    fi_free(located->moved_from);
    fi_free(located->moved_store);
    fi_free(located->unread_store);
    *located = (struct fi_place_located){0};
}

static int
place_locate_copy(char **out, const char *text, firn_error *err)
{
    fi_free(*out);
    *out = fi_strdup(text);
    return *out == NULL ? fi_error_no_memory(err, "a workspace") : FIRN_OK;
}

/* ---- going upward ---- */

/* Removes the last component; false if there is none. */
static bool
go_up(char *path)
{
    char *slash = strrchr(path, '/');
    DCHECK(path[0] == '/');
    if (slash == NULL || path[1] == '\0') {
        return false;
    }
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

/* Calls `find` for the path and the directories above it, until that fills in out->root or
 * fails. If the request is exact, only for the path itself. */
static int
walk_up(struct locating *locating,
        int (*find)(struct locating *locating, const char *path, firn_error *err), firn_error *err)
{
    char *path = fi_strdup((const char *)locating->path.data);
    if (path == NULL) {
        return fi_error_no_memory(err, "a workspace");
    }
    int rc;
    do {
        rc = find(locating, path, err);
    } while (rc == FIRN_OK && locating->out->root == NULL && !locating->request->is_exact &&
             go_up(path));
    fi_free(path);
    return rc;
}

/* (I4) */
static int
check_not_gone(struct locating *locating, const char *path, firn_error *err)
{
    if (!locating->has_trusted) {
        FI_TRY_RETURN(fi_trust_list_roots(locating->os, true, &locating->trusted, err));
        locating->has_trusted = true;
    }
    for (size_t at = 0; at < locating->trusted.size;) {
        const char *root = (const char *)locating->trusted.data + at;
        if (strcmp(root, path) == 0) {
            return fi_trust_list_refuse_gone(path, err);
        }
        at += strlen(root) + 1;
    }
    return FIRN_OK;
}

static int
find_store(struct locating *locating, const char *path, firn_error *err)
{
    struct fi_place_located *out = locating->out;
    struct fi_trust_store_inspect look;
    struct fi_buf inside = {0};
    char *store = NULL;
    bool has;
    int rc;
    FI_TRY(fi_trust_store_inspect(locating->os, path, &look, err));
    if (look.has_store && look.is_trusted) {
        const char *slash = path[1] == '\0' ? "" : "/";
        if (fi_buf_append_format(&inside, "%s%s" FI_TRUST_INSIDE, path, slash) != FIRN_OK ||
            fi_buf_text(&inside) == NULL) {
            rc = fi_error_no_memory(err, "the path of the store");
            goto out;
        }
        FI_TRY(place_locate_copy(&out->store_path, (const char *)inside.data, err));
        FI_TRY(place_locate_copy(&out->catalog_root, FI_PLACE_ROOTS_INSIDE, err));
        rc = place_locate_copy(&out->root, path, err);
        goto out;
    }
    rc = fi_place_default_store(locating->os, path, &store, err);
    if (rc ==
        FIRN_INVALID) { /* there is no folder of stores: an error if nothing is found inside */
        rc = look.has_store ? fi_trust_store_refuse(path, &look, err)
                            : check_not_gone(locating, path, err);
        goto out;
    }
    if (rc == FIRN_OK) {
        rc = fi_place_is_store(locating->os, store, &has, err);
    }
    if (rc == FIRN_OK && has) {
        out->store_path = store;
        store = NULL;
        FI_TRY(place_locate_copy(&out->catalog_root, path, err));
        rc = place_locate_copy(&out->root, path, err);
    } else if (rc == FIRN_OK && look.has_store) {
        rc = fi_trust_store_refuse(path, &look, err);
    } else if (rc == FIRN_OK) {
        rc = check_not_gone(locating, path, err);
    }
out:
    fi_buf_deinit(&inside);
    fi_free(store);
    return rc;
}

static int
take_known(struct locating *locating, const struct fi_place_roots_root *known, firn_error *err)
{
    FI_TRY_RETURN(place_locate_copy(&locating->out->store_path, known->store_path, err));
    FI_TRY_RETURN(place_locate_copy(&locating->out->catalog_root, known->catalog_root, err));
    return place_locate_copy(&locating->out->root, known->root, err);
}

static int
find_known(struct locating *locating, const char *path, firn_error *err)
{
    const struct fi_place_roots_root *known = fi_place_roots_find(&locating->roots, path);
    return known == NULL ? FIRN_OK : take_known(locating, known, err);
}

/* The same in the catalog of a named store. */
static int
find_claimed(struct locating *locating, const char *path, firn_error *err)
{
    const struct fi_place_locate_request *request = locating->request;
    const struct fi_place_roots_root *known = fi_place_roots_find(&locating->roots, path);
    enum fi_place_claim *claim = &locating->out->claim;
    if (known == NULL) {
        return FIRN_OK;
    }
    int rc = fi_place_claim_assess(locating->os, known, path, claim, err);
    bool is_named = (request->names_root || request->is_exact) &&
                    strcmp(path, (const char *)locating->path.data) == 0;
    if (*claim == FI_PLACE_CLAIM_NONE && is_named) {
        *claim = FI_PLACE_CLAIM_NAMED;
    }
    return rc == FIRN_OK ? take_known(locating, known, err) : rc;
}

static int
find_moved(struct locating *locating, const char *path, firn_error *err)
{
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    const struct fi_place_roots_root *known;
    int rc = fi_os_dir_open_path(locating->os, path, &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    rc = fi_os_dir_stat(dir, &stat, err);
    fi_os_dir_close(dir);
    if (rc == FIRN_OK) {
        rc = fi_place_roots_find_moved(&locating->roots, &stat, &known, err);
    }
    if (rc != FIRN_OK || known == NULL) {
        return rc;
    }
    if (locating->request->store_path != NULL) {
        enum fi_place_claim claim;
        rc = fi_place_claim_assess(locating->os, known, path, &claim, err);
        if (rc != FIRN_OK || claim == FI_PLACE_CLAIM_NONE) {
            return rc;
        }
    }
    DCHECK(locating->out->store_path == NULL && locating->out->catalog_root == NULL); /* (I1) */
    FI_TRY(place_locate_copy(&locating->out->moved_from, known->root, err));
    FI_TRY(place_locate_copy(&locating->out->moved_store, known->store_path, err));
    FI_TRY(place_locate_copy(&locating->out->root, path, err));
out:
    return rc;
}

/* ---- both ways ---- */

/* Fills in defaults for what was not found, and the sub-path. */
static int
place_locate_complete(struct locating *locating, firn_error *err)
{
    struct fi_place_located *out = locating->out;
    const char *path = (const char *)locating->path.data;
    if (out->root == NULL) {
        FI_TRY_RETURN(place_locate_copy(&out->root, path, err));
    }
    if (out->store_path == NULL && locating->request->store_path == NULL) {
        FI_TRY_RETURN(fi_place_default_store(locating->os, out->root, &out->store_path, err));
    } else if (out->store_path == NULL) {
        FI_TRY_RETURN(place_locate_copy(&out->store_path, locating->request->store_path, err));
    }
    if (out->catalog_root == NULL) {
        FI_TRY_RETURN(place_locate_copy(&out->catalog_root, out->root, err));
    }
    CHECK(strncmp(path, out->root, strlen(out->root)) == 0); /* the root is the path or above it */
    const char *rest = path + strlen(out->root);
    return place_locate_copy(&out->sub_path, *rest == '/' ? rest + 1 : rest, err);
}

static void
note_unread(void *ctx, const char *store_path, const firn_error *why)
{
    struct locating *locating = ctx;
    (void)why;
    if (locating->out->unread_store == NULL) {
        locating->out->unread_store = fi_strdup(store_path);
        locating->is_out_of_memory = locating->out->unread_store == NULL;
    }
}

static int
by_place(struct locating *locating, firn_error *err)
{
    FI_TRY_RETURN(walk_up(locating, find_store, err));
    if (locating->out->root != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_place_roots_add_all(&locating->roots, note_unread, locating, err));
    if (locating->is_out_of_memory) {
        return fi_error_no_memory(err, "a workspace");
    }
    FI_TRY_RETURN(walk_up(locating, find_known, err));
    if (locating->out->root == NULL) {
        FI_TRY_RETURN(walk_up(locating, find_moved, err));
    }
    if (locating->out->root != NULL) {
        fi_free(locating->out->unread_store);
        locating->out->unread_store = NULL;
    }
    return FIRN_OK;
}

static int
by_store(struct locating *locating, firn_error *err)
{
    const char *store_path = locating->request->store_path;
    struct fi_place_located *out = locating->out;
    char *parent = NULL;
    int rc = fi_place_roots_add_store(&locating->roots, store_path, err);
    if (rc == FIRN_NO_MEMORY) {
        return rc;
    }
    out->is_sure = rc == FIRN_OK || rc == FIRN_NOT_FOUND;
    FI_TRY(walk_up(locating, find_claimed, err));
    if (out->root == NULL) {
        out->claim = FI_PLACE_CLAIM_NEW;
        FI_TRY(walk_up(locating, find_moved, err));
    }
    if (out->root == NULL) {
        FI_TRY(place_locate_copy(&out->root, (const char *)locating->path.data, err));
    }
    if (out->catalog_root == NULL) {
        FI_TRY(fi_place_roots_inside_of(locating->os, store_path, &parent, err));
        bool is_inside = parent != NULL && strcmp(parent, out->root) == 0;
        FI_TRY(place_locate_copy(&out->catalog_root, is_inside ? FI_PLACE_ROOTS_INSIDE : out->root,
                                 err));
    }
out:
    fi_free(parent);
    return rc;
}

int
fi_place_locate(struct fi_os *os, const struct fi_place_locate_request *request,
                struct fi_place_located *out, firn_error *err)
{
    *out = (struct fi_place_located){.is_sure = true, .claim = FI_PLACE_CLAIM_USUAL};
    struct locating locating = {
        .os = os, .request = request, .roots = {.os = os, .unlock = request->unlock}, .out = out};
    struct fi_os_dir *dir = NULL;
    int rc;
    FI_TRY(request->path_is_real ? fi_os_dir_open_real(os, request->path, &dir, err)
                                 : fi_os_dir_open_path(os, request->path, &dir, err));
    FI_TRY(fi_os_dir_real_path(dir, &locating.path, err));
    if (fi_buf_text(&locating.path) == NULL) {
        rc = fi_error_no_memory(err, "a workspace");
        goto out;
    }
    FI_TRY(request->store_path == NULL ? by_place(&locating, err) : by_store(&locating, err));
    FI_TRY(place_locate_complete(&locating, err));
    DCHECK((out->moved_from == NULL) == (out->moved_store == NULL));
    DCHECK(out->is_sure || request->store_path != NULL); /* (I3) */
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&locating.path);
    fi_buf_deinit(&locating.trusted);
    fi_place_roots_deinit(&locating.roots);
    if (rc != FIRN_OK) {
        fi_place_locate_deinit(out);
    }
    return rc;
}
