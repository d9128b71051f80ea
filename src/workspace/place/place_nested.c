/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_nested.c: recognising the roots of other workspaces during a scan.
 *
 * A directory that is a workspace of its own is not saved again with the one around it. Stores in
 * the usual place are named after the hash of their root's path. So one listing of their folder
 * gives a sorted set of numbers, and a directory is tested with one hash of its path: no store is
 * opened, and if the set is empty nothing is hashed. The hash state after the root is computed once
 * and copied for each path (I1; not checked: callers have it const). Only if the number is in the
 * set is the store itself tested, because the folder may hold remains of stores. Roots in the
 * workspace's own store come from its catalog; if that store was named, only those that count
 * (place_claim.c), as what is left out is for the user to decide.
 *
 * A store inside its tree is recognised when its directory is listed. It makes the directory a
 * workspace of its own only if this user made or trusts it (trust_store.c): a store that came with
 * the directory must not keep the files beside it out of the save, so only the store is left out.
 *
 * The set is made before a scan and does not change (I2; not checked: callers have it const), so
 * any thread may use it.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"
#include "catalog/catalog.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"
#include "place/place.h"
#include "trust/trust.h"

struct fi_place_nested {
    struct fi_os *os;
    char *root;
    struct fi_blake3_hash state; /* after the root and a slash */
    uint64_t *digests;
    size_t count;
    size_t capacity;
    const struct fi_place_claim_store *named; /* while it is made; NULL: the catalog is believed */
    struct fi_buf roots; /* roots of the catalog below the root, each with its NUL */
    uint64_t notes;      /* a digest of the names of notes about stores inside trees */
};

static int
add_digest(struct fi_place_nested *nested, uint64_t digest, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(nested->digests, nested->count + 1, nested->capacity, err));
    DCHECK(nested->count < nested->capacity);
    nested->digests[nested->count++] = digest;
    return FIRN_OK;
}

static int
visit_store(void *ctx, const char *path, firn_error *err)
{
    uint64_t digest;
    const char *slash = strrchr(path, '/');
    if (!fi_place_digest_of_name(slash == NULL ? path : slash + 1, &digest)) {
        return FIRN_OK;
    }
    return add_digest(ctx, digest, err);
}

static int
visit_note(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_place_nested *nested = ctx;
    nested->notes += fi_xxh3(entry->name, entry->name_size, 0); /* in any order */
    return FIRN_OK;
}

/* A folder of notes that is missing or cannot be believed has none. */
static int
read_notes(struct fi_place_nested *nested, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_trust_private_open(nested->os, FI_TRUST_PRIVATE_TRUSTED, false, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_list(dir, visit_note, nested, err);
    }
    fi_os_dir_close(dir);
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

/* Whether a root in the catalog of a named store counts. */
static int
place_nested_assess(const struct fi_place_nested *nested, firn_slice root,
                    const struct fi_catalog_workspace *workspace, bool *out, firn_error *err)
{
    enum fi_place_claim claim = FI_PLACE_CLAIM_NONE;
    struct fi_place_roots_root claimed = {.workspace = *workspace, .store = *nested->named};
    int rc = FIRN_OK;
    *out = false;
    if (memchr(root.data, '\0', root.size) != NULL) {
        return FIRN_OK; /* not a path */
    }
    claimed.root = fi_strndup((const char *)root.data, root.size);
    rc = claimed.root == NULL
             ? fi_error_no_memory(err, "the list of workspaces")
             : fi_place_claim_assess(nested->os, &claimed, claimed.root, &claim, err);
    *out = claim != FI_PLACE_CLAIM_NONE;
    fi_free(claimed.root);
    return rc;
}

static int
visit_root(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
           firn_error *err)
{
    struct fi_place_nested *nested = ctx;
    bool counts = true;
    size_t size = strlen(nested->root);
    if (size == 1) {
        size = 0; /* everything is below "/" */
    }
    if (root.size <= size + 1 || memcmp(root.data, nested->root, size) != 0 ||
        root.data[size] != '/') {
        return FIRN_OK;
    }
    int rc = nested->named != NULL ? place_nested_assess(nested, root, workspace, &counts, err)
                                   : FIRN_OK;
    if (rc != FIRN_OK || !counts) {
        return rc;
    }
    if (fi_buf_append(&nested->roots, root.data + size + 1, root.size - size - 1) != FIRN_OK ||
        fi_buf_append_u8(&nested->roots, 0) != FIRN_OK) {
        return fi_error_no_memory(err, "the list of workspaces");
    }
    return FIRN_OK;
}

static int
compare_digests(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static bool
is_sorted(const struct fi_place_nested *nested)
{
    for (size_t i = 1; i < nested->count; i++) {
        if (nested->digests[i - 1] > nested->digests[i]) {
            return false;
        }
    }
    return true;
}

int
fi_place_nested_create(struct fi_os *os, const char *root, struct fi_catalog *catalog,
                       const struct fi_place_claim_store *named, struct fi_place_nested **out,
                       firn_error *err)
{
    struct fi_place_nested *nested = fi_alloc_zeroed(sizeof *nested);
    int rc;
    *out = NULL;
    DCHECK(root[0] == '/');
    if (nested == NULL) {
        return fi_error_no_memory(err, "the list of workspaces");
    }
    nested->os = os;
    nested->named = named;
    nested->root = fi_strdup(root);
    if (nested->root == NULL) {
        rc = fi_error_no_memory(err, "the list of workspaces");
        goto out;
    }
    fi_blake3_hash_init(&nested->state);
    fi_blake3_hash_update(&nested->state, root, strlen(root));
    if (root[1] != '\0') {
        fi_blake3_hash_update(&nested->state, "/", 1);
    }
    rc = fi_place_list(os, visit_store, nested, err);
    if (rc == FIRN_NO_MEMORY) {
        goto out;
    }
    /* A missing or unreadable folder has no stores. */
    FI_TRY(read_notes(nested, err));
    fi_sort(nested->digests, nested->count, sizeof *nested->digests, compare_digests);
    DCHECK(is_sorted(nested));
    if (catalog != NULL) {
        FI_TRY(fi_catalog_workspaces_list(catalog, visit_root, nested, err));
    }
    nested->named = NULL;
    *out = nested;
    return FIRN_OK;
out:
    fi_place_nested_destroy(nested);
    return rc;
}

void
fi_place_nested_destroy(struct fi_place_nested *nested)
{
    if (nested == NULL) {
        return;
    }
    fi_buf_deinit(&nested->roots);
    fi_free(nested->digests);
    fi_free(nested->root);
    fi_free(nested);
}

/* ---- asking ---- */

void
fi_place_nested_digest(const struct fi_place_nested *nested, uint8_t *out)
{
    uint64_t roots = fi_xxh3(nested->roots.data, nested->roots.size, nested->notes);
    fi_xxh3_wide(nested->digests, nested->count * sizeof *nested->digests, roots, out);
}

bool
fi_place_nested_may_hold(const struct fi_place_nested *nested)
{
    return nested->count > 0 || nested->roots.size > 0;
}

static bool
has_digest(const struct fi_place_nested *nested, uint64_t digest)
{
    size_t at = 0;
    size_t end = nested->count;
    FI_SEARCH_FIRST(at, end, i, nested->digests[i] < digest);
    return at < nested->count && nested->digests[at] == digest;
}

/* The real path of a path below the root; "": the root's. */
static int
real_path(const struct fi_place_nested *nested, firn_slice path, struct fi_buf *out,
          firn_error *err)
{
    const char *slash = nested->root[1] == '\0' || path.size == 0 ? "" : "/";
    return fi_buf_append_format(out, "%s%s", nested->root, slash) != FIRN_OK ||
                   fi_buf_append_slice(out, path) != FIRN_OK || fi_buf_text(out) == NULL
               ? fi_error_no_memory(err, "a path")
               : FIRN_OK;
}

/* Whether a number in the set is really that of a store. */
static int
has_default_store(const struct fi_place_nested *nested, firn_slice path, bool *out, firn_error *err)
{
    DCHECK(nested->count > 0);
    struct fi_buf real = {0};
    char *store = NULL;
    int rc;
    FI_TRY(real_path(nested, path, &real, err));
    FI_TRY(fi_place_default_store(nested->os, (const char *)real.data, &store, err));
    rc = fi_place_is_store(nested->os, store, out, err);
out:
    fi_free(store);
    fi_buf_deinit(&real);
    return rc;
}

static bool
is_in_catalog(const struct fi_place_nested *nested, firn_slice path)
{
    for (size_t at = 0; at < nested->roots.size;) {
        const char *root = (const char *)nested->roots.data + at;
        size_t size = strlen(root);
        if (size == path.size && memcmp(root, path.data, size) == 0) {
            return true;
        }
        at += size + 1;
    }
    return false;
}

int
fi_place_nested_holds(const struct fi_place_nested *nested, firn_slice path, bool *out,
                      firn_error *err)
{
    DCHECK(path.size > 0 && path.data[0] != '/');
    *out = is_in_catalog(nested, path);
    if (*out || nested->count == 0) {
        return FIRN_OK;
    }
    struct fi_blake3_hash state = nested->state;
    firn_hash hash;
    fi_blake3_hash_update(&state, path.data, path.size);
    fi_blake3_hash_final(&state, &hash);
    return has_digest(nested, fi_load_be64(hash.bytes)) ? has_default_store(nested, path, out, err)
                                                        : FIRN_OK;
}

int
fi_place_nested_find_store(const struct fi_place_nested *nested, struct fi_os_dir *dir,
                           firn_slice path, bool *out_has, bool *out_is_trusted, firn_error *err)
{
    struct fi_trust_store_inspect look;
    struct fi_buf real = {0};
    int rc;
    *out_is_trusted = false;
    if (nested == NULL) {
        return fi_trust_inside_holds(dir, out_has, err);
    }
    *out_has = false;
    FI_TRY(real_path(nested, path, &real, err));
    FI_TRY(fi_trust_store_inspect_in(dir, (const char *)real.data, &look, err));
    *out_has = look.has_store;
    *out_is_trusted = look.is_trusted;
out:
    fi_buf_deinit(&real);
    return rc;
}
