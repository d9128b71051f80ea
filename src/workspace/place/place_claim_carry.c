/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_claim_carry.c: carrying the notes about the directories of a named store over to
 * another store that has taken its catalog, as a repaired one does.
 */
#include "place/place.h"

/* Requires: the root is a path. */
static int
carry_root(struct fi_os *os, const uint8_t *from, const struct fi_place_roots_root *root,
           firn_error *err)
{
    const struct fi_trust_root old = {.store_id = from, .path = root->root};
    const struct fi_trust_root new = {.store_id = root->store.id, .path = root->root};
    bool is_noted;
    int rc = fi_trust_root_is_noted(os, &old, &is_noted, err);
    if (rc == FIRN_OK && is_noted) {
        rc = fi_trust_root_note(os, &new, err);
    }
    return rc;
}

int
fi_place_claim_carry(struct fi_os_dir *from, struct fi_os_dir *to, const char *store_path,
                     firn_error *err)
{
    struct fi_place_roots roots = {.os = fi_os_dir_os(from)};
    uint8_t id[FI_STOREFILE_ID_SIZE];
    bool has_id;
    int rc;
    FI_TRY(fi_trust_store_id(from, id, &has_id, err));
    if (!has_id) { /* nothing says what was noted about it */
        goto out;
    }
    FI_TRY(fi_place_roots_add_dir(&roots, to, store_path, err));
    for (size_t i = 0; i < roots.count; i++) {
        const struct fi_place_roots_root *root = &roots.items[i];
        if (root->root[0] == '/' && !root->is_inside) {
            FI_TRY(carry_root(roots.os, id, root, err));
        }
    }
out:
    fi_place_roots_deinit(&roots);
    return rc;
}
