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
    return firn_error_no_memory(err, "the note of a store");
}

/* Appends the whole note; name is that of its file. *out_has is false for a store without an id. */
static int
make(struct firn_os_dir *store, struct firn_buf *out, char *name, bool *out_has, firn_error *err)
{
    char hex[2 * FIRN_STOREFILE_ID_SIZE + 1];
    uint8_t id[FIRN_STOREFILE_ID_SIZE];
    struct firn_buf key = {0};
    struct firn_os_stat stat;
    int rc;
    DCHECK(out->size == 0);
    *out_has = false;
    FIRN_TRY(firn_trust_store_id(store, id, out_has, err));
    FIRN_TRY(firn_os_dir_stat(store, &stat, err));
    if (!*out_has) {
        goto out;
    }
    firn_hex_encode(id, sizeof id, hex);
    if (firn_buf_append_format(&key, "%llu %lld", (unsigned long long)stat.inode,
                               (long long)stat.btime_ns) != FIRN_OK ||
        firn_buf_append_format(out, "firn store 1\nstore %s\ninode %llu\nbirth %lld\n", hex,
                               (unsigned long long)stat.inode,
                               (long long)stat.btime_ns) != FIRN_OK) {
        rc = out_of_memory(err);
        goto out;
    }
    firn_trust_private_name(firn_buf_slice(&key), name);
out:
    firn_buf_deinit(&key);
    return rc;
}

int
firn_trust_named_note(struct firn_os_dir *store, firn_error *err)
{
    char name[FIRN_TRUST_PRIVATE_NAME_SIZE];
    struct firn_buf note = {0};
    bool has_id;
    int rc;
    FIRN_TRY(make(store, &note, name, &has_id, err));
    if (!has_id) {
        rc = firn_trust_store_refuse_id(store, err);
        goto out;
    }
    rc = firn_trust_private_keep(firn_os_dir_os(store), FIRN_TRUST_PRIVATE_STORES, name,
                                 firn_buf_slice(&note), err);
out:
    firn_buf_deinit(&note);
    return rc;
}

int
firn_trust_named_remove(struct firn_os_dir *store, firn_error *err)
{
    char name[FIRN_TRUST_PRIVATE_NAME_SIZE];
    struct firn_buf note = {0};
    bool has_id;
    int rc;
    FIRN_TRY(make(store, &note, name, &has_id, err));
    if (has_id) {
        rc = firn_trust_private_drop(firn_os_dir_os(store), FIRN_TRUST_PRIVATE_STORES, name, err);
    }
out:
    firn_buf_deinit(&note);
    return rc;
}

int
firn_trust_named_is_noted(struct firn_os_dir *store, bool *out, firn_error *err)
{
    char name[FIRN_TRUST_PRIVATE_NAME_SIZE];
    struct firn_trust_store_note inside = {0};
    struct firn_buf expected = {0};
    struct firn_buf note = {0};
    bool has_id;
    int rc;
    *out = false;
    FIRN_TRY(firn_trust_store_note_find(store, &inside, err));
    if (inside.is_there) { /* (I2) */
        *out = true;
        goto out;
    }
    FIRN_TRY(make(store, &expected, name, &has_id, err));
    if (!has_id) {
        goto out;
    }
    FIRN_TRY(firn_trust_private_find(firn_os_dir_os(store), FIRN_TRUST_PRIVATE_STORES, name, &note,
                                     err));
    *out = firn_slice_equal(firn_buf_slice(&note), firn_buf_slice(&expected)); /* (I1) */
out:
    DCHECK(rc == FIRN_OK || !*out);
    firn_trust_store_note_deinit(&inside);
    firn_buf_deinit(&expected);
    firn_buf_deinit(&note);
    return rc;
}

/* ---- for programs ---- */

int
firn_trust_named_open(struct firn_os *os, const char *path, struct firn_os_dir **out,
                      firn_error *err)
{
    struct firn_buf real = {0};
    bool is_store = false;
    int rc;
    FIRN_TRY(firn_os_dir_open_path(os, path, out, err));
    FIRN_TRY(firn_os_dir_real_path(*out, &real, err));
    const firn_slice inside = firn_str("/" FIRN_TRUST_INSIDE);
    if (real.size < inside.size ||
        memcmp(real.data + real.size - inside.size, inside.data, inside.size) != 0) {
        FIRN_TRY(firn_trust_inside_is_store(*out, &is_store, err));
    }
out:
    if (!is_store) {
        firn_os_dir_close(*out);
        *out = NULL;
    }
    firn_buf_deinit(&real);
    return rc;
}

int
firn_trust_named_show(struct firn_os_dir *store,
                      int (*visit)(void *ctx, const firn_trust_info *info), void *ctx,
                      firn_error *err)
{
    char hex[2 * FIRN_STOREFILE_ID_SIZE + 1] = "";
    uint8_t id[FIRN_STOREFILE_ID_SIZE];
    struct firn_buf real = {0};
    struct firn_os_stat stat;
    bool has_id;
    int rc;
    firn_trust_info info = {.root = "", .store_id = hex, .is_there = true};
    FIRN_TRY(firn_trust_named_is_noted(store, &info.is_trusted, err));
    FIRN_TRY(firn_trust_store_id(store, id, &has_id, err));
    FIRN_TRY(firn_os_dir_stat(store, &stat, err));
    FIRN_TRY(firn_os_dir_real_path(store, &real, err));
    if (has_id) {
        firn_hex_encode(id, sizeof id, hex);
    }
    info.owner = stat.uid;
    info.store_path = firn_buf_text(&real);
    rc = info.store_path == NULL ? out_of_memory(err) : firn_error_stopped(err, visit(ctx, &info));
out:
    firn_buf_deinit(&real);
    return rc;
}
