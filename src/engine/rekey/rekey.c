/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey.c: changes of the file FIRN.keys.
 *
 * A change reads the file, unlocks it, changes it in memory, and replaces it as a whole
 * (store/db_keys.c), all under the lock of the store. So two changes do not undo each other, and a
 * handle that is opened for writing has the newest master key. A read-only handle has the master
 * keys of the time when it was opened. Where a later writer has used a newer one, the handle gets
 * FIRN_DENIED, whose text says to open the store again.
 */
#include "rekey/rekey.h"

#include <string.h>

#include "archive/archive.h"
#include "base/check.h"
#include "rekey/rekey_internal.h"
#include "storefile/storefile.h"

/* ---- the store ---- */

int
fi_rekey_read_identity(struct fi_os_dir *dir, struct fi_storefile_identity *out, firn_error *err)
{
    int rc = fi_db_create_read_identity(dir, out, err);
    return rc == FIRN_NOT_FOUND
               ? fi_error_set(err, FIRN_NOT_FOUND, "there is no firn store in '%s'",
                              fi_os_dir_path(dir))
               : rc;
}

static int
check_encrypted(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_storefile_identity identity;
    FI_TRY_RETURN(fi_rekey_read_identity(dir, &identity, err));
    return identity.cipher != 0
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "the store in '%s' is not encrypted, and has no keys",
                              fi_os_dir_path(dir));
}

int
fi_rekey_open_dir(const struct fi_rekey *rekey, bool may_write, struct fi_os_dir **out,
                  firn_error *err)
{
    const struct fi_db_options options = {.read_only = !may_write,
                                          .lock_timeout_ms = rekey->lock_timeout_ms};
    FI_TRY_RETURN(fi_os_dir_open_path(rekey->os, rekey->path, out, err));
    int rc = rekey->prepare == NULL ? FIRN_OK : rekey->prepare(*out, &options, err);
    if (rc != FIRN_OK) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
    return rc;
}

int
fi_rekey_check_encrypted(const struct fi_rekey *rekey, firn_error *err)
{
    struct fi_os_dir *dir;
    FI_TRY_RETURN(fi_rekey_open_dir(rekey, false, &dir, err));
    int rc = check_encrypted(dir, err);
    fi_os_dir_close(dir);
    return rc;
}

/* The directory of an encrypted store, and its keys, locked. */
static int
open_keys(const struct fi_rekey *rekey, struct fi_os_dir **out_dir, struct fi_keys **out_keys,
          firn_error *err)
{
    FI_TRY_RETURN(fi_rekey_open_dir(rekey, false, out_dir, err));
    FI_TRY_RETURN(check_encrypted(*out_dir, err));
    return fi_db_keys_read(*out_dir, out_keys, err);
}

int
fi_rekey_change_begin_locked(const struct fi_rekey *rekey, struct fi_rekey_changing *changing,
                             firn_error *err)
{
    *changing = (struct fi_rekey_changing){.dir = NULL};
    FI_TRY_RETURN(fi_rekey_open_dir(rekey, true, &changing->dir, err));
    /* Before the lock, which would leave a file in a directory that is no store. */
    FI_TRY_RETURN(check_encrypted(changing->dir, err));
    FI_TRY_RETURN(
        fi_storefile_lock_acquire(changing->dir, rekey->lock_timeout_ms, &changing->lock, err));
    return fi_db_keys_read(changing->dir, &changing->keys, err);
}

int
fi_rekey_change_begin(const struct fi_rekey *rekey, struct fi_rekey_changing *changing,
                      firn_error *err)
{
    FI_TRY_RETURN(fi_rekey_change_begin_locked(rekey, changing, err));
    return fi_unlock_keys(rekey->os, rekey->path, changing->keys, rekey->source, err);
}

void
fi_rekey_change_end(struct fi_rekey_changing *changing)
{
    fi_keys_destroy(changing->keys);
    fi_storefile_lock_release(changing->lock);
    fi_os_dir_close(changing->dir);
}

/* Begins, has the keys changed, and writes them. */
static int
change(const struct fi_rekey *rekey, int (*apply)(void *ctx, struct fi_keys *keys, firn_error *err),
       void *ctx, firn_error *err)
{
    struct fi_rekey_changing changing;
    int rc;
    FI_TRY(fi_rekey_change_begin(rekey, &changing, err));
    FI_TRY(apply(ctx, changing.keys, err));
    FI_TRY(fi_db_keys_write(changing.dir, changing.keys, err));
out:
    fi_rekey_change_end(&changing);
    return rc;
}

/* ---- changes ---- */

struct slot_change {
    struct fi_os *os;
    const struct fi_keys_secret *secret;
    firn_slice label;
    uint16_t number;
};

static int
apply_add(void *ctx, struct fi_keys *keys, firn_error *err)
{
    struct slot_change *slot = ctx;
    return fi_keys_add_slot(keys, slot->os, slot->secret, slot->label, &slot->number, err);
}

int
fi_rekey_add(const struct fi_rekey *rekey, const struct fi_keys_secret *secret, firn_slice label,
             uint16_t *out_number, firn_error *err)
{
    struct slot_change slot = {.os = rekey->os, .secret = secret, .label = label};
    int rc = change(rekey, apply_add, &slot, err);
    *out_number = slot.number;
    return rc;
}

static int
apply_change(void *ctx, struct fi_keys *keys, firn_error *err)
{
    struct slot_change *slot = ctx;
    return fi_keys_change_slot(keys, slot->os, slot->number, slot->secret, err);
}

int
fi_rekey_change(const struct fi_rekey *rekey, uint16_t number, const struct fi_keys_secret *secret,
                firn_error *err)
{
    struct slot_change slot = {.os = rekey->os, .secret = secret, .number = number};
    return change(rekey, apply_change, &slot, err);
}

static int
apply_remove(void *ctx, struct fi_keys *keys, firn_error *err)
{
    const struct slot_change *slot = ctx;
    return fi_keys_remove_slot(keys, slot->number, err);
}

int
fi_rekey_remove(const struct fi_rekey *rekey, uint16_t number, firn_error *err)
{
    struct slot_change slot = {.os = rekey->os, .number = number};
    return change(rekey, apply_remove, &slot, err);
}

static int
apply_rotate(void *ctx, struct fi_keys *keys, firn_error *err)
{
    const struct slot_change *slot = ctx;
    return fi_keys_rotate(keys, slot->os, err);
}

int
fi_rekey_rotate(const struct fi_rekey *rekey, firn_error *err)
{
    struct slot_change slot = {.os = rekey->os};
    return change(rekey, apply_rotate, &slot, err);
}

static int
apply_replace(void *ctx, struct fi_keys *keys, firn_error *err)
{
    const struct slot_change *slot = ctx;
    FI_TRY_RETURN(fi_keys_renew(keys, slot->os, err));
    return apply_add(ctx, keys, err);
}

int
fi_rekey_replace(const struct fi_rekey *rekey, const struct fi_keys_secret *secret,
                 firn_slice label, uint16_t *out_number, firn_error *err)
{
    struct slot_change slot = {.os = rekey->os, .secret = secret, .label = label};
    int rc = change(rekey, apply_replace, &slot, err);
    *out_number = slot.number;
    return rc;
}

/* ---- looking, and the session keyring: no lock ---- */

int
fi_rekey_show(const struct fi_keys *keys, int (*on_slot)(void *ctx, const firn_keys_slot *slot),
              void *ctx, firn_keys_info *out, firn_error *err)
{
    out->slots = (unsigned)fi_keys_slot_count(keys);
    out->master_keys = (unsigned)fi_keys_master_count(keys);
    out->state = (firn_keys_state)fi_keys_change(keys);
    for (size_t i = 0; on_slot != NULL && i < fi_keys_slot_count(keys); i++) {
        const struct fi_keys_slot *slot = fi_keys_slot_at(keys, i);
        char label[FI_KEYS_LABEL_SIZE_MAX + 1] = "";
        memcpy(label, slot->label, slot->label_size);
        const firn_keys_slot shown = {.number = slot->number,
                                      .kind = (firn_keys_kind)slot->kind,
                                      .label = label,
                                      .added_ns = slot->added_ns};
        int rc = on_slot(ctx, &shown);
        if (rc != FIRN_OK) {
            return fi_error_set(err, rc, "stopped by the caller");
        }
    }
    return FIRN_OK;
}

int
fi_rekey_list(struct fi_os *os, const char *path,
              int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx, firn_keys_info *out,
              firn_error *err)
{
    struct fi_storefile_identity identity;
    const struct fi_unlock_source quiet = {.is_quiet = true};
    struct fi_archive *archive = NULL;
    struct fi_os_dir *dir = NULL;
    struct fi_keys *keys = NULL;
    int rc;
    *out = (firn_keys_info){.size = sizeof *out};
    FI_TRY(fi_db_path_open_dir(os, path, &archive, &dir, err));
    FI_TRY(fi_rekey_read_identity(dir, &identity, err));
    if (identity.cipher == 0) {
        goto out;
    }
    FI_TRY(fi_db_keys_read(dir, &keys, err));
    out->cipher = (firn_cipher)identity.cipher;
    out->is_remembered = fi_unlock_keys(os, path, keys, &quiet, NULL) == FIRN_OK;
    rc = fi_rekey_show(keys, on_slot, ctx, out, err);
out:
    fi_keys_destroy(keys);
    fi_os_dir_close(dir);
    fi_archive_close(archive);
    return rc;
}

int
fi_rekey_remember(const struct fi_rekey *rekey, uint32_t seconds, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_keys *keys = NULL;
    int rc;
    FI_TRY(open_keys(rekey, &dir, &keys, err));
    FI_TRY(fi_unlock_keys(rekey->os, rekey->path, keys, rekey->source, err));
    FI_TRY(fi_unlock_remember(rekey->os, keys, seconds, err));
out:
    fi_keys_destroy(keys);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_rekey_forget(struct fi_os *os, const char *path, size_t *out_count, firn_error *err)
{
    const struct fi_rekey rekey = {.os = os, .path = path};
    struct fi_os_dir *dir = NULL;
    struct fi_keys *keys = NULL;
    int rc;
    if (path == NULL) {
        return fi_unlock_forget(os, NULL, out_count, err);
    }
    FI_TRY(open_keys(&rekey, &dir, &keys, err));
    FI_TRY(fi_unlock_forget(os, fi_keys_id(keys), out_count, err));
out:
    fi_keys_destroy(keys);
    fi_os_dir_close(dir);
    return rc;
}
