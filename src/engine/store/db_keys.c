/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_keys.c: the file FIRN.keys of an encrypted store, and what it opens.
 *
 * The file FIRN says that a store is encrypted; FIRN.keys has its master keys, locked by
 * passphrases and the like (keys/keys.h). An opening reads that file once it knows that it may use
 * the store, has it unlocked, and attaches the keys to its handle of the directory
 * (cipher/cipher_keyring.h). From then on what is read below that handle is decrypted, and nothing
 * is written there in clear.
 *
 * It is replaced as a whole: its next version is written to FIRN.keys.tmp, synced, and renamed.
 * Without it nothing of the store can be read, so no step of a change leaves the directory without
 * one.
 *
 * (I1) When a store is created its keys are durable before anything is encrypted, and before the
 *      store has its name: a store that exists has keys that open it. (Not checked: it is the
 *      order of the calls, which the tests cut between any two.)
 */
#include "base/check.h"
#include "cipher/cipher_keyring.h"
#include "keys/keys.h"
#include "store/db_internal.h"
#include "unlock/unlock.h"

/* ---- the file ---- */

static int
refuse_missing_keys(struct fi_os_dir *dir, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%s/%s' is missing: the store is encrypted, and cannot be read without "
                        "it; a copy of the store or of this file has the keys",
                        fi_os_dir_path(dir), FI_STOREFILE_KEYS_NAME);
}

static int
read_file(struct fi_os_dir *dir, struct fi_buf *out, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc = fi_os_file_open(dir, FI_STOREFILE_KEYS_NAME, FI_OS_READ, 0, &file, err);
    if (rc == FIRN_NOT_FOUND) {
        return refuse_missing_keys(dir, err);
    }
    FI_TRY(rc);
    /* One byte more, to see that it is too long. */
    if (fi_buf_set_size(out, FI_KEYS_SIZE_MAX + 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the keys of a store");
        goto out;
    }
    rc = fi_os_file_read(file, 0, out->data, out->size, &out->size, err);
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_db_keys_read(struct fi_os_dir *dir, struct fi_keys **out, firn_error *err)
{
    struct fi_buf bytes = {0};
    firn_error found;
    int rc;
    *out = NULL;
    FI_TRY(read_file(dir, &bytes, err));
    rc = fi_keys_decode(fi_buf_slice(&bytes), out, &found);
    if (rc != FIRN_OK) {
        rc = fi_error_set(
            err, rc, "'%s/%s': %.300s%s", fi_os_dir_path(dir), FI_STOREFILE_KEYS_NAME, found.text,
            rc == FIRN_CORRUPT ? "; the store is encrypted, and cannot be read without it: a copy "
                                 "of the store or of this file has the keys"
                               : "");
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
write_new_file(struct fi_os_dir *dir, firn_slice bytes, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_file_open(dir, FI_STOREFILE_KEYS_TMP_NAME,
                           FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_TRUNCATE |
                               FI_OS_SEALED,
                           0600, &file, err));
    FI_TRY(fi_os_file_write(file, 0, bytes.data, bytes.size, err));
    FI_TRY(fi_os_file_sync(file, err));
out:
    fi_os_file_close(file);
    return rc;
}

static int
replace_file(struct fi_os_dir *dir, firn_slice bytes, firn_error *err)
{
    FI_TRY_RETURN(write_new_file(dir, bytes, err));
    FI_TRY_RETURN(fi_os_rename(dir, FI_STOREFILE_KEYS_TMP_NAME, dir, FI_STOREFILE_KEYS_NAME,
                               FI_OS_RENAME_REPLACE, err));
    return fi_os_dir_sync(dir, err);
}

int
fi_db_keys_refuse_change(struct fi_os_dir *dir, const struct fi_keys *keys, firn_error *err)
{
    return fi_keys_change(keys) == FI_KEYS_NO_CHANGE
               ? FIRN_OK
               : fi_error_set(err, FIRN_DENIED,
                              "the store in '%s' is becoming encrypted, or clear: until that has "
                              "ended it can be neither checked nor collected without its key",
                              fi_os_dir_path(dir));
}

int
fi_db_keys_write(struct fi_os_dir *dir, struct fi_keys *keys, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc = fi_keys_encode(keys, fi_os_dir_os(dir), &bytes, err);
    rc = rc == FIRN_OK ? replace_file(dir, fi_buf_slice(&bytes), err) : rc;
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_db_keys_copy(struct fi_os_dir *from, struct fi_os_dir *to, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc;
    if (fi_os_dir_seal(from) == NULL) {
        return FIRN_OK;
    }
    FI_TRY(read_file(from, &bytes, err));
    FI_TRY(replace_file(to, fi_buf_slice(&bytes), err));
    fi_db_keys_share(from, to);
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* ---- the seal of the directory ---- */

/* The handle that the caller lent may serve another attempt, with other keys. So the keys are
 * attached to one of the store's own, which takes the place of the caller's. */
int
fi_db_keys_attach(struct fi_os_dir *dir, const struct fi_keys *keys, unsigned cipher,
                  struct fi_os_dir **out, firn_error *err)
{
    struct fi_cipher_keyring *keyring;
    struct fi_os_dir *own;
    const enum fi_keys_change change = fi_keys_change(keys);
    DCHECK(fi_os_dir_seal(dir) == NULL && cipher != 0);
    FI_TRY_RETURN(
        fi_unlock_keyring(keys, change == FI_KEYS_DECRYPTING ? 0 : cipher, &keyring, err));
    if (change != FI_KEYS_NO_CHANGE) {
        fi_cipher_keyring_set_changing(keyring);
    }
    int rc = fi_os_dir_open_beneath(dir, "", &own, err);
    if (rc != FIRN_OK) {
        fi_cipher_keyring_destroy(keyring);
        return rc;
    }
    fi_os_dir_set_seal(own, fi_cipher_keyring_seal(keyring));
    *out = own;
    return FIRN_OK;
}

int
fi_db_keys_open(struct fi_os_dir *dir, unsigned cipher, const struct fi_unlock_source *source,
                struct fi_os_dir **out, firn_error *err)
{
    struct fi_keys *keys = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_db_keys_read(dir, &keys, err));
    FI_TRY(fi_unlock_keys(fi_os_dir_os(dir), fi_os_dir_path(dir), keys, source, err));
    FI_TRY(fi_db_keys_attach(dir, keys, cipher, out, err));
out:
    fi_keys_destroy(keys);
    return rc;
}

int
fi_db_keys_unlock(struct firn_db *db, const struct fi_unlock_source *source, firn_error *err)
{
    /* There are keys already where the caller's handle was opened from that of the open store. */
    if (db->identity.cipher == 0 || fi_os_dir_seal(db->dir) != NULL) {
        return FIRN_OK;
    }
    DCHECK(db->sealed_dir == NULL);
    FI_TRY_RETURN(fi_db_keys_open(db->dir, db->identity.cipher, source, &db->sealed_dir, err));
    db->dir = db->sealed_dir;
    return FIRN_OK;
}

int
fi_db_keys_create(struct firn_db *db, struct fi_keys *keys, firn_error *err)
{
    FI_TRY_RETURN(fi_db_keys_write(db->dir, keys, err)); /* (I1) */
    FI_TRY_RETURN(fi_db_keys_attach(db->dir, keys, db->identity.cipher, &db->sealed_dir, err));
    db->dir = db->sealed_dir;
    return FIRN_OK;
}

void
fi_db_keys_share(const struct fi_os_dir *from, struct fi_os_dir *to)
{
    struct fi_os_seal *seal = fi_os_dir_seal(from);
    if (seal != NULL && fi_os_dir_seal(to) == NULL) {
        fi_os_dir_set_seal(to, fi_cipher_keyring_seal(fi_cipher_keyring_retain(seal)));
    }
}
