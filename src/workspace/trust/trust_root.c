/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_root.c: which directories this user works on with a store that is named.
 *
 * The catalog of a store says which directories are its workspaces. A restore replaces such a
 * directory, and a save reads all of it, so a store from elsewhere must not be able to choose one:
 * its catalog may name the home of anybody. A directory that the user has worked on with a named
 * store is therefore noted, outside of the store. There is one private file (trust_private.c) for
 * each store and root, named after the store's id and the root:
 *
 *   firn root 1\n store <32 hex digits>\n machine <id or ->\n root <path to the end of the file>
 *
 * (without the blanks after each \n). The id of the machine is there since several machines may
 * share a data directory, and the same path is another directory on each. The note is about a path,
 * not about the directory that is there now: a workspace that was deleted and made anew stays one.
 *
 * (I1) A note that is not exactly as above, and about this store, machine and root, counts as none.
 * (I2) A note is durable when fi_trust_root_note returns FIRN_OK. (Not checked here: tested by
 *      power cuts.)
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "trust/trust.h"

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the note of a workspace");
}

/* Appends the whole note; name is that of its file. */
static int
trust_root_make(struct fi_os *os, const struct fi_trust_root *root, struct fi_buf *out, char *name,
                firn_error *err)
{
    char id[2 * FI_STOREFILE_ID_SIZE + 1];
    struct fi_buf key = {0};
    int rc;
    DCHECK(root->path[0] == '/' && out->size == 0);
    fi_hex_encode(root->store_id, FI_STOREFILE_ID_SIZE, id);
    if (fi_buf_append_format(&key, "%s %s", id, root->path) != FIRN_OK ||
        fi_buf_append_format(out, "firn root 1\nstore %s\nmachine ", id) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    fi_trust_private_name(fi_buf_slice(&key), name);
    FI_TRY(fi_trust_private_machine(os, out, err));
    if (fi_buf_append_format(out, "\nroot %s", root->path) != FIRN_OK) {
        rc = out_of_memory(err);
    }
out:
    fi_buf_deinit(&key);
    return rc;
}

int
fi_trust_root_note(struct fi_os *os, const struct fi_trust_root *root, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf note = {0};
    int rc;
    FI_TRY(trust_root_make(os, root, &note, name, err));
    rc = fi_trust_private_keep(os, FI_TRUST_PRIVATE_ROOTS, name, fi_buf_slice(&note),
                               err); /* (I2) */
out:
    fi_buf_deinit(&note);
    return rc;
}

int
fi_trust_root_remove(struct fi_os *os, const struct fi_trust_root *root, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf note = {0};
    int rc;
    FI_TRY(trust_root_make(os, root, &note, name, err));
    rc = fi_trust_private_drop(os, FI_TRUST_PRIVATE_ROOTS, name, err);
out:
    fi_buf_deinit(&note);
    return rc;
}

int
fi_trust_root_is_noted(struct fi_os *os, const struct fi_trust_root *root, bool *out,
                       firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf expected = {0};
    struct fi_buf note = {0};
    int rc;
    *out = false;
    FI_TRY(trust_root_make(os, root, &expected, name, err));
    FI_TRY(fi_trust_private_find(os, FI_TRUST_PRIVATE_ROOTS, name, &note, err));
    *out = fi_slice_equal(fi_buf_slice(&note), fi_buf_slice(&expected)); /* (I1) */
out:
    fi_buf_deinit(&expected);
    fi_buf_deinit(&note);
    return rc;
}
