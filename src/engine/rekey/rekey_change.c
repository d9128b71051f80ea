/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey_change.c: making a store in clear an encrypted one, and back.
 *
 * The store stays in its place and in use. It gets keys, which say that it is becoming encrypted:
 * from then on new files are encrypted, and files in clear are still read. Everything is written
 * anew (rekey_renew.c, and packs by workspace/gc), in as many attempts as it takes; each single
 * step leaves a whole store. When no file in clear is left the keys say so, and from then on a file
 * in clear is damage. That the store is changing is authenticated with the keys: nobody without
 * them can have an encrypted store read or write files in clear.
 *
 * (I1) The keys are durable before the identity names them, and go after it does not. (Not
 *      checked: it is the order of the calls, which the tests cut between any two.)
 * (I2) The keys say that the change has ended only when every file was looked at, while the lock
 *      kept writers out, and nothing is there that a repair has put aside. (Not checked: the tests
 *      look for files that are left.)
 * (I3) When a store has become encrypted its log and its MANIFEST have a master key that no earlier
 *      version of FIRN.keys has. So an earlier one, which says that files in clear are read, or
 *      even written, opens nothing if somebody puts it back. (Not checked: it is the order of the
 *      calls, and the tests put one back.)
 *
 * While a store is changing somebody who can write to it can exchange a file that is still in clear
 * for another one, as before. Files that are removed are overwritten first (os/os_seal.h).
 */
#include <string.h>

#include "base/check.h"
#include "cipher/cipher.h"
#include "compaction/compaction.h"
#include "os/os_names.h"
#include "rekey/rekey_internal.h"

/* What a repair has put aside is a whole store of its own, which nothing writes anew. */
static bool
is_put_aside(const struct fi_os_dirent *entry)
{
    return strncmp(entry->name, "damaged-", 8) == 0 || strcmp(entry->name, "REPAIRING") == 0;
}

static int
refuse_put_aside(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_buf names = {0};
    struct fi_os_dir *own;
    FI_TRY_RETURN(fi_os_dir_open_beneath(dir, "", &own, err));
    int rc = fi_os_names_list(own, is_put_aside, &names, err);
    const char *name = rc == FIRN_OK ? fi_os_names_next(&names, NULL) : NULL;
    if (name != NULL) {
        rc = fi_error_set(err, FIRN_EXISTS,
                          "'%s/%s' is what a repair has left of an earlier store: move it away or "
                          "remove it first",
                          fi_os_dir_path(dir), name);
    }
    fi_buf_deinit(&names);
    fi_os_dir_close(own);
    return rc;
}

/* ---- beginning ---- */

/* As for new stores: one with saved directories has few small messages. */
static unsigned
choose_cipher(struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    return fi_cipher_choose(fi_os_stat(dir, FI_STOREFILE_PACKS_NAME, &stat, NULL) != FIRN_OK);
}

/* FIRN is not authenticated. If it says that an encrypted store is in clear, new keys would take
 * the place of those that its files need. */
static int
check_clear(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_rekey_outdated found = {.runs = 0};
    int rc = fi_rekey_renew_find(dir, &found, err); /* without keys: what is not in clear */
    if (rc == FIRN_DENIED || (rc == FIRN_OK && found.runs + found.packs + found.segments > 0)) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "'%s/%s' says that the store is in clear, but some of its files are "
                          "encrypted or damaged",
                          fi_os_dir_path(dir), FI_STOREFILE_IDENTITY_NAME);
    }
    fi_buf_deinit(&found.numbers);
    return rc;
}

/* Requires: the lock is held. */
static int
begin_encrypting(const struct fi_rekey *rekey, struct fi_os_dir *dir, unsigned cipher,
                 firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_keys *keys = NULL;
    int rc;
    FI_TRY(fi_rekey_read_identity(dir, &identity, err));
    if (identity.cipher != 0) {
        FI_TRY(fi_db_keys_read(dir, &keys, err));
        FI_TRY(fi_unlock_keys(rekey->os, rekey->path, keys, rekey->source, err));
    } else {
        FI_TRY(check_clear(dir, err));
        FI_TRY(fi_unlock_new_keys(rekey->os, rekey->path, rekey->source, &keys, err));
    }
    if (identity.cipher != 0 && fi_keys_change(keys) == FI_KEYS_NO_CHANGE) {
        rc = fi_error_set(err, FIRN_EXISTS, "the store in '%s' is encrypted already", rekey->path);
        goto out;
    }
    if (fi_keys_change(keys) != FI_KEYS_ENCRYPTING) {
        fi_keys_set_change(keys, FI_KEYS_ENCRYPTING);
        FI_TRY(fi_db_keys_write(dir, keys, err)); /* (I1) */
    }
    if (identity.cipher == 0) {
        identity.cipher = cipher != 0 ? cipher : choose_cipher(dir);
        rc = fi_db_create_set_identity(dir, &identity, err);
    }
out:
    fi_keys_destroy(keys);
    return rc;
}

static int
remove_keys(struct fi_os_dir *dir, firn_error *err)
{
    int rc = fi_os_remove_file(dir, FI_STOREFILE_KEYS_NAME, err);
    return rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
}

/* An attempt that ended before it had removed the keys. FIRN_INVALID: there was none. */
static int
finish_decrypting(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_rekey_outdated outdated;
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, FI_STOREFILE_KEYS_NAME, &stat, err);
    if (rc == FIRN_OK) {
        FI_TRY_RETURN(fi_rekey_renew_find(dir, &outdated, err));
        fi_buf_deinit(&outdated.numbers);
        rc = outdated.runs + outdated.packs + outdated.segments == 0 ? FIRN_OK : FIRN_NOT_FOUND;
    }
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_INVALID,
                            "the store in '%s' is not encrypted, and has no keys",
                            fi_os_dir_path(dir));
    }
    return rc == FIRN_OK ? remove_keys(dir, err) : rc;
}

/* Requires: the lock is held. */
static int
begin_decrypting(const struct fi_rekey *rekey, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_keys *keys = NULL;
    int rc;
    FI_TRY(fi_rekey_read_identity(dir, &identity, err));
    if (identity.cipher == 0) {
        rc = finish_decrypting(dir, err);
        goto out;
    }
    FI_TRY(fi_db_keys_read(dir, &keys, err));
    FI_TRY(fi_unlock_keys(rekey->os, rekey->path, keys, rekey->source, err));
    if (fi_keys_change(keys) != FI_KEYS_DECRYPTING) {
        fi_keys_set_change(keys, FI_KEYS_DECRYPTING);
        rc = fi_db_keys_write(dir, keys, err);
    }
out:
    fi_keys_destroy(keys);
    return rc;
}

/* Begins to encrypt or to decrypt, under the lock. */
static int
begin(const struct fi_rekey *rekey, bool encrypts, unsigned cipher, firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_storefile_lock *lock = NULL;
    struct fi_os_dir *dir = NULL;
    int rc;
    FI_TRY(fi_rekey_open_dir(rekey, true, &dir, err));
    /* Before the lock, which would leave a file in a directory that is no store. */
    FI_TRY(fi_rekey_read_identity(dir, &identity, err));
    FI_TRY(refuse_put_aside(dir, err));
    FI_TRY(fi_storefile_lock_acquire(dir, rekey->lock_timeout_ms, &lock, err));
    rc = encrypts ? begin_encrypting(rekey, dir, cipher, err) : begin_decrypting(rekey, dir, err);
out:
    fi_storefile_lock_release(lock);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_rekey_change_encrypt(const struct fi_rekey *rekey, unsigned cipher, firn_error *err)
{
    FI_TRY_RETURN(fi_cipher_check(cipher != 0 ? cipher : fi_cipher_choose(false), err));
    return begin(rekey, true, cipher, err);
}

int
fi_rekey_change_decrypt(const struct fi_rekey *rekey, firn_error *err)
{
    return begin(rekey, false, 0, err);
}

/* ---- the end ---- */

/* Requires: nothing is outdated. */
static int
settle(struct fi_rekey_changing *changing, struct fi_storefile_identity *identity, firn_error *err)
{
    struct fi_keys *keys = changing->keys;
    if (fi_keys_change(keys) == FI_KEYS_DECRYPTING) {
        identity->cipher = 0;
        FI_TRY_RETURN(fi_db_create_set_identity(changing->dir, identity, err)); /* (I1) */
        return remove_keys(changing->dir, err);
    }
    const bool was_changing = fi_keys_change(keys) != FI_KEYS_NO_CHANGE;
    if (!was_changing && fi_keys_master_count(keys) == 1) {
        return FIRN_OK;
    }
    /* Again: a repair may have come since. */
    FI_TRY_RETURN(refuse_put_aside(changing->dir, err));
    fi_keys_set_change(keys, FI_KEYS_NO_CHANGE);
    FI_TRY_RETURN(fi_keys_drop_old(keys, err));
    if (was_changing) {
        FI_TRY_RETURN(fi_keys_rotate(keys, fi_os_dir_os(changing->dir), err)); /* (I3) */
    }
    return fi_db_keys_write(changing->dir, keys, err);
}

/* (I3) If this fails, the next handle that writes does the same with the log. */
static int
renew_logs(const struct fi_rekey *rekey, firn_error *err)
{
    const struct fi_compaction_outdated none = {.count = 0};
    struct firn_db *db;
    FI_TRY_RETURN(fi_rekey_renew_open(rekey, &db, err));
    int rc = fi_db_maintain_renew(db, &none, NULL, err);
    int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

int
fi_rekey_change_settle(const struct fi_rekey *rekey, struct fi_rekey_left *out, firn_error *err)
{
    struct fi_storefile_identity identity;
    struct fi_rekey_outdated outdated = {.runs = 0};
    struct fi_rekey_changing changing;
    struct fi_os_dir *sealed = NULL;
    bool has_become_encrypted = false;
    struct fi_rekey_leftovers leftovers = {.is_dry = false};
    int rc;
    *out = (struct fi_rekey_left){.files = 0};
    FI_TRY(fi_rekey_change_begin(rekey, &changing, err));
    FI_TRY(fi_rekey_read_identity(changing.dir, &identity, err));
    FI_TRY(fi_db_keys_attach(changing.dir, changing.keys, identity.cipher, &sealed, err));
    FI_TRY(fi_rekey_leftovers_remove(sealed, &leftovers, err));
    FI_TRY(fi_rekey_renew_find(sealed, &outdated, err)); /* (I2) */
    out->packs = outdated.packs;
    out->files = outdated.runs + outdated.packs + outdated.segments + leftovers.busy;
    if (out->files == 0) {
        has_become_encrypted = fi_keys_change(changing.keys) == FI_KEYS_ENCRYPTING;
        rc = settle(&changing, &identity, err);
    }
out:
    fi_buf_deinit(&outdated.numbers);
    fi_os_dir_close(sealed);
    fi_rekey_change_end(&changing);
    return rc == FIRN_OK && has_become_encrypted ? renew_logs(rekey, err) : rc;
}
