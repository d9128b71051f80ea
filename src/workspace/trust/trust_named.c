/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_named.c: which stores that are named (--store) this user made or trusts.
 *
 * A named store may come from anywhere, so what is done with it is bounded by the bytes that are
 * read of it (objects/objects_budget.c). For a store that this user made, nothing is bounded: the
 * copies of a directory that are on a disk one by one may be a million times as large as what the
 * store has of them. Such a store is noted when it is made, and by `firn trust STORE`. There is one
 * private file (trust_private.c) for each, named after the inode and the birth time of the store's
 * directory:
 *
 *   firn store 1\n store <32 hex digits>\n inode <number>\n birth <number>\n
 *
 * (without the blanks after each \n). A copy of the store is another directory, and not noted. The
 * note decides about work and memory alone: neither a place nor a setting counts because of it.
 *
 * (I1) A note that is not exactly as above, and about this store and its directory, counts as none.
 * (I2) A store in the data directory needs no note, and for one inside a tree that of trust_store.c
 * counts. (Not checked here: the callers ask for these.)
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "trust/trust.h"
#include "trust/trust_internal.h"

static int
out_of_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the note of a store");
}

/* Appends the whole note; name is that of its file. *out_has is false for a store without an id. */
static int
trust_named_make(struct fi_os_dir *store, struct fi_buf *out, char *name, bool *out_has,
                 firn_error *err)
{
    char hex[2 * FI_STOREFILE_ID_SIZE + 1];
    uint8_t id[FI_STOREFILE_ID_SIZE];
    struct fi_buf key = {0};
    struct fi_os_stat stat;
    int rc;
    DCHECK(out->size == 0);
    *out_has = false;
    FI_TRY(fi_trust_store_id(store, id, out_has, err));
    FI_TRY(fi_os_dir_stat(store, &stat, err));
    if (!*out_has) {
        goto out;
    }
    fi_hex_encode(id, sizeof id, hex);
    if (fi_buf_append_format(&key, "%llu %lld", (unsigned long long)stat.inode,
                             (long long)stat.btime_ns) != FIRN_OK ||
        fi_buf_append_format(out, "firn store 1\nstore %s\ninode %llu\nbirth %lld\n", hex,
                             (unsigned long long)stat.inode, (long long)stat.btime_ns) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    fi_trust_private_name(fi_buf_slice(&key), name);
out:
    fi_buf_deinit(&key);
    return rc;
}

int
fi_trust_named_note(struct fi_os_dir *store, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf note = {0};
    bool has_id;
    int rc;
    FI_TRY(trust_named_make(store, &note, name, &has_id, err));
    if (!has_id) {
        rc = fi_trust_store_id_refuse(store, err);
        goto out;
    }
    rc = fi_trust_private_keep(fi_os_dir_os(store), FI_TRUST_PRIVATE_STORES, name,
                               fi_buf_slice(&note), err);
out:
    fi_buf_deinit(&note);
    return rc;
}

int
fi_trust_named_remove(struct fi_os_dir *store, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_buf note = {0};
    bool has_id;
    int rc;
    FI_TRY(trust_named_make(store, &note, name, &has_id, err));
    if (has_id) {
        rc = fi_trust_private_drop(fi_os_dir_os(store), FI_TRUST_PRIVATE_STORES, name, err);
    }
out:
    fi_buf_deinit(&note);
    return rc;
}

int
fi_trust_named_is_noted(struct fi_os_dir *store, bool *out, firn_error *err)
{
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_trust_store_note inside = {0};
    struct fi_buf expected = {0};
    struct fi_buf note = {0};
    bool has_id;
    int rc;
    *out = false;
    FI_TRY(fi_trust_store_note_find(store, &inside, err));
    if (inside.is_there) { /* (I2) */
        *out = true;
        goto out;
    }
    FI_TRY(trust_named_make(store, &expected, name, &has_id, err));
    if (!has_id) {
        goto out;
    }
    FI_TRY(fi_trust_private_find(fi_os_dir_os(store), FI_TRUST_PRIVATE_STORES, name, &note, err));
    *out = fi_slice_equal(fi_buf_slice(&note), fi_buf_slice(&expected)); /* (I1) */
out:
    DCHECK(rc == FIRN_OK || !*out);
    fi_trust_store_note_deinit(&inside);
    fi_buf_deinit(&expected);
    fi_buf_deinit(&note);
    return rc;
}

/* ---- for programs ---- */

int
fi_trust_named_open(struct fi_os *os, const char *path, struct fi_os_dir **out, firn_error *err)
{
    struct fi_buf real = {0};
    bool is_store = false;
    int rc;
    FI_TRY(fi_os_dir_open_path(os, path, out, err));
    FI_TRY(fi_os_dir_real_path(*out, &real, err));
    const firn_slice inside = firn_str("/" FI_TRUST_INSIDE);
    if (real.size < inside.size ||
        memcmp(real.data + real.size - inside.size, inside.data, inside.size) != 0) {
        FI_TRY(fi_trust_inside_is_store(*out, &is_store, err));
    }
out:
    if (!is_store) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
    fi_buf_deinit(&real);
    return rc;
}

int
fi_trust_named_show(struct fi_os_dir *store, int (*visit)(void *ctx, const firn_trust_info *info),
                    void *ctx, firn_error *err)
{
    char hex[2 * FI_STOREFILE_ID_SIZE + 1] = "";
    uint8_t id[FI_STOREFILE_ID_SIZE];
    struct fi_buf real = {0};
    struct fi_os_stat stat;
    bool has_id;
    int rc;
    firn_trust_info info = {.root = "", .store_id = hex, .is_there = true};
    FI_TRY(fi_trust_named_is_noted(store, &info.is_trusted, err));
    FI_TRY(fi_trust_store_id(store, id, &has_id, err));
    FI_TRY(fi_os_dir_stat(store, &stat, err));
    FI_TRY(fi_os_dir_real_path(store, &real, err));
    if (has_id) {
        fi_hex_encode(id, sizeof id, hex);
    }
    info.owner = stat.uid;
    info.store_path = fi_buf_text(&real);
    rc = info.store_path == NULL ? out_of_memory(err) : fi_error_stopped(err, visit(ctx, &info));
out:
    fi_buf_deinit(&real);
    return rc;
}
