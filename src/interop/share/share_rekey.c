/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_rekey.c: changes of the keys of an encrypted remote, by any machine, beside others.
 *
 *     read the newest file, unlock it, change it in memory, put it as the next one, read again
 *
 * A put makes an object only if there is none of that name, so of two machines that change the
 * same file one loses. It reads the winner's file, and makes its change to that (I1). A change is
 * done once the newest file has it: that is found out by looking, since a put without an answer
 * may have been carried out, and other machines may have put later files meanwhile. A machine that
 * slept may put a number that was removed as old: then the newest file lacks its change, which is
 * made again.
 *
 * Older master keys are dropped only if the newest one is still that with which all was found to be
 * encrypted: another machine may have rotated the keys since (I3).
 *
 * Earlier files are removed afterwards: what opened them would go on to open the remote (I2). A
 * file that was copied before is out of reach.
 */
#include <string.h>

#include "base/check.h"
#include "cipher/cipher_derive.h"
#include "rekey/rekey.h"
#include "share/share_internal.h"

enum { TRIES_MAX = 32, PAUSE_NS = 100000000 };

/* The remote while its keys are changed. */
struct changing {
    struct fi_share share;
    struct fi_share_keys_kept kept; /* of one with a name */
    struct fi_share_keys newest;    /* unlocked */
    const struct fi_unlock_source *source;
};

/* ==== the newest keys ==== */

static int
read_newest(struct changing *changing, firn_error *err)
{
    fi_share_keys_deinit(&changing->newest);
    int rc = fi_share_keys_read(changing->share.bucket, &changing->newest, err);
    if (rc == FIRN_NOT_FOUND) {
        FI_TRY_RETURN(fi_share_keys_check_none(changing->share.bucket, err));
        return fi_error_set(err, rc, "the remote at %s has no keys yet", changing->share.name.url);
    }
    FI_TRY_RETURN(rc);
    return changing->kept.keys.keys != NULL
               ? fi_share_keys_compare(changing->kept.keys.keys, changing->newest.keys, err)
               : FIRN_OK;
}

/* Opens the remote, and reads its keys. */
static int
begin(const struct fi_share_rekey *rekey, struct changing *out, firn_error *err)
{
    struct fi_share *share = &out->share;
    *out = (struct changing){.source = rekey->source};
    int rc = fi_share_open_bucket(rekey->ws, rekey->remote, share, err);
    if (rc != FIRN_OK) {
        share->ws = NULL; /* it is closed */
        return rc;
    }
    if (share->name.number != 0) {
        FI_TRY_RETURN(fi_share_keys_kept(share->opened.db, share->name.name, &out->kept, err));
    }
    return read_newest(out, err);
}

static int
end(struct changing *changing, int rc, firn_error *err)
{
    fi_share_keys_deinit(&changing->newest);
    fi_share_keys_kept_deinit(&changing->kept);
    return changing->share.ws != NULL ? fi_share_close(&changing->share, rc, err) : rc;
}

/* With what is given, or what the store keeps, or else what somebody is asked for. */
static int
unlock(struct changing *changing, firn_error *err)
{
    struct firn_ws *ws = changing->share.ws;
    const char *url = changing->share.name.url;
    struct fi_keys *keys = changing->newest.keys;
    struct fi_unlock_source source = fi_share_keys_source(ws);
    if (changing->source != NULL) {
        source = *changing->source;
        source.is_remote = true;
        return fi_unlock_keys(ws->os, url, keys, &source, err);
    }
    int rc = changing->kept.ring_key != NULL
                 ? fi_keys_unlock_ring(keys, changing->kept.ring_key, err)
                 : FIRN_DENIED;
    return rc == FIRN_DENIED ? fi_unlock_keys(ws->os, url, keys, &source, err) : rc;
}

/* ==== a change ==== */

enum kind { ADD, CHANGE, REMOVE, ROTATE, REPLACE, DROP };

struct change {
    enum kind kind;
    const struct fi_keys_secret *secret;
    firn_slice label;
    uint16_t number; /* of the slot */
    /* By which it is known again: the salt of the slot; what tells the new master key apart, or the
     * one that alone stays. */
    uint8_t mark[FI_CIPHER_PASSPHRASE_SALT_SIZE];
    uint32_t master;
};
_Static_assert((int)FI_CIPHER_PASSPHRASE_SALT_SIZE >= (int)FI_CIPHER_DERIVE_CHECK_SIZE,
               "a mark has room for either");

static const struct fi_keys_slot *
find_slot(const struct fi_keys *keys, uint16_t number)
{
    for (size_t i = 0; i < fi_keys_slot_count(keys); i++) {
        if (fi_keys_slot_at(keys, i)->number == number) {
            return fi_keys_slot_at(keys, i);
        }
    }
    return NULL;
}

static int
mark_slot(struct change *change, const struct fi_keys *keys)
{
    const struct fi_keys_slot *slot = find_slot(keys, change->number);
    CHECK(slot != NULL); /* it was made just now */
    memcpy(change->mark, slot->salt, sizeof change->mark);
    return FIRN_OK;
}

static int
mark_master(struct change *change, const struct fi_keys *keys, firn_error *err)
{
    const uint8_t *key;
    FI_TRY_RETURN(fi_keys_master(keys, 0, &key, &change->master, err));
    fi_cipher_derive_check(key, change->mark);
    return FIRN_OK;
}

/* Whether the keys have the master key of the change. */
static bool
has_master(const struct change *change, const struct fi_keys *keys)
{
    uint8_t check[FI_CIPHER_DERIVE_CHECK_SIZE];
    const uint8_t *key;
    if (fi_keys_master(keys, change->master, &key, NULL, NULL) != FIRN_OK) {
        return false;
    }
    fi_cipher_derive_check(key, check);
    return memcmp(check, change->mark, sizeof check) == 0;
}

/* (I3) */
static int
drop_old(const struct change *change, struct fi_keys *keys, firn_error *err)
{
    const uint8_t *key;
    uint32_t newest;
    FI_TRY_RETURN(fi_keys_master(keys, 0, &key, &newest, err));
    return newest == change->master && has_master(change, keys)
               ? fi_keys_drop_old(keys, err)
               : fi_error_set(err, FIRN_BUSY,
                              "the keys of the remote were rotated again meanwhile: firn gc "
                              "--rekey --remote, given again, goes on");
}

static int
apply(struct change *change, struct fi_os *os, struct fi_keys *keys, firn_error *err)
{
    switch (change->kind) {
    case ADD:
        FI_TRY_RETURN(
            fi_keys_add_slot(keys, os, change->secret, change->label, &change->number, err));
        return mark_slot(change, keys);
    case CHANGE:
        FI_TRY_RETURN(fi_keys_change_slot(keys, os, change->number, change->secret, err));
        return mark_slot(change, keys);
    case REMOVE:
        return fi_keys_remove_slot(keys, change->number, err);
    case ROTATE:
        FI_TRY_RETURN(fi_keys_rotate(keys, os, err));
        return mark_master(change, keys, err);
    case REPLACE:
        FI_TRY_RETURN(fi_keys_renew(keys, os, err));
        FI_TRY_RETURN(
            fi_keys_add_slot(keys, os, change->secret, change->label, &change->number, err));
        return mark_slot(change, keys);
    case DROP:
        return drop_old(change, keys, err);
    }
    return fi_error_set(err, FIRN_INTERNAL, "no such change of keys");
}

/* Whether these keys have the change that was applied last. */
static bool
has_change(const struct change *change, const struct fi_keys *keys)
{
    const struct fi_keys_slot *slot = find_slot(keys, change->number);
    int64_t made_ns;
    if (change->kind == REMOVE) {
        return slot == NULL; /* numbers are not used again */
    }
    if (change->kind == ROTATE) {
        return has_master(change, keys);
    }
    if (change->kind == DROP) { /* they are in the order of their numbers */
        return fi_keys_master_number(keys, 0, &made_ns) >= change->master;
    }
    return slot != NULL && memcmp(slot->salt, change->mark, sizeof slot->salt) == 0;
}

/* Later files have the ring key of the first one, unless all keys were replaced. */
static int
unlock_again(struct changing *changing, const struct fi_keys *before, firn_error *err)
{
    const uint8_t *ring_key;
    FI_TRY_RETURN(fi_keys_ring_key(before, &ring_key, err));
    int rc = fi_keys_unlock_ring(changing->newest.keys, ring_key, err);
    return rc == FIRN_DENIED ? unlock(changing, err) : rc;
}

static int
read_again(struct changing *changing, firn_error *err)
{
    struct fi_share_keys before = changing->newest;
    changing->newest = (struct fi_share_keys){.keys = NULL};
    int rc = read_newest(changing, err);
    rc = rc == FIRN_OK ? unlock_again(changing, before.keys, err) : rc;
    fi_share_keys_deinit(&before);
    return rc;
}

/* FIRN_EXISTS, FIRN_IO: whether the put was carried out is found out by reading again. */
static int
put_changed(struct changing *changing, struct change *change, firn_error *err)
{
    struct fi_os *os = changing->share.ws->os;
    struct fi_share_keys *newest = &changing->newest;
    FI_TRY_RETURN(apply(change, os, newest->keys, err));
    fi_buf_clear(&newest->file);
    FI_TRY_RETURN(fi_keys_encode(newest->keys, os, &newest->file, err));
    return fi_share_keys_put(changing->share.bucket, newest, err);
}

/* Until the newest keys have the change (I1). */
static int
make_change(struct changing *changing, struct change *change, firn_error *err)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        firn_error why;
        const int rc = put_changed(changing, change, &why);
        if (rc == FIRN_OK || rc == FIRN_EXISTS || rc == FIRN_IO) {
            FI_TRY_RETURN(read_again(changing, err));
            if (has_change(change, changing->newest.keys)) {
                return FIRN_OK;
            }
        }
        if (rc != FIRN_OK && rc != FIRN_EXISTS) { /* FIRN_IO: it may still be carried out */
            fi_error_copy(err, &why);
            return rc;
        }
    }
    return fi_error_set(err, FIRN_BUSY,
                        "other machines are changing the keys of the remote all the time");
}

/* ==== afterwards ==== */

static int
note_opened(struct fi_share *share, struct firn_db *db, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_share_keys_write(share, db, batch, err));
    rc = fi_db_batch_count(batch) > 0 ? fi_db_write(db, batch, FIRN_DURABILITY_FULL, err) : FIRN_OK;
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* So that this machine uses a new master key from now on. */
static int
note_newest(struct changing *changing, int64_t lock_timeout_ms, firn_error *err)
{
    struct fi_share *share = &changing->share;
    const int64_t deadline_ns = fi_os_monotonic_ns(share->ws->os) + lock_timeout_ms * 1000000;
    struct fi_ws_opened opened;
    if (share->name.number == 0) {
        return FIRN_OK;
    }
    share->keys = changing->newest;
    changing->newest = (struct fi_share_keys){.keys = NULL};
    share->keys_are_new = true;
    int rc = fi_ws_opened_open_store(share->ws, FI_WS_WRITE, &opened, err);
    while (rc == FIRN_BUSY && fi_os_monotonic_ns(share->ws->os) < deadline_ns) {
        fi_os_sleep_ns(share->ws->os, PAUSE_NS); /* the change cannot be made once more */
        rc = fi_ws_opened_open_store(share->ws, FI_WS_WRITE, &opened, err);
    }
    FI_TRY_RETURN(rc);
    return fi_ws_opened_close(share->ws, &opened, note_opened(share, opened.db, err), err);
}

static int
change_keys(const struct fi_share_rekey *rekey, struct change *change, firn_error *err)
{
    struct changing changing;
    int rc;
    FI_TRY(begin(rekey, &changing, err));
    FI_TRY(unlock(&changing, err));
    FI_TRY(make_change(&changing, change, err));
    const uint32_t generation = fi_keys_generation(changing.newest.keys);
    rc = note_newest(&changing, rekey->lock_timeout_ms, err);
    if (rc != FIRN_OK) {
        fi_error_prefix(err,
                        "the keys of the remote were changed, but this store has not noted it");
        goto out;
    }
    rc = fi_share_keys_remove_old(changing.share.bucket, generation, err); /* (I2) */
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "the keys of the remote were changed, but what opened it before may "
                             "go on to do so: an older keys file could not be removed");
    }
out:
    return end(&changing, rc, err);
}

int
fi_share_rekey_add(const struct fi_share_rekey *rekey, const struct fi_keys_secret *secret,
                   firn_slice label, uint16_t *out_number, firn_error *err)
{
    struct change change = {.kind = ADD, .secret = secret, .label = label};
    int rc = change_keys(rekey, &change, err);
    *out_number = change.number;
    return rc;
}

int
fi_share_rekey_change(const struct fi_share_rekey *rekey, uint16_t number,
                      const struct fi_keys_secret *secret, firn_error *err)
{
    struct change change = {.kind = CHANGE, .secret = secret, .number = number};
    return change_keys(rekey, &change, err);
}

int
fi_share_rekey_remove(const struct fi_share_rekey *rekey, uint16_t number, firn_error *err)
{
    struct change change = {.kind = REMOVE, .number = number};
    return change_keys(rekey, &change, err);
}

int
fi_share_rekey_rotate(const struct fi_share_rekey *rekey, firn_error *err)
{
    struct change change = {.kind = ROTATE};
    return change_keys(rekey, &change, err);
}

int
fi_share_rekey_replace(const struct fi_share_rekey *rekey, const struct fi_keys_secret *secret,
                       firn_slice label, uint16_t *out_number, firn_error *err)
{
    struct change change = {.kind = REPLACE, .secret = secret, .label = label};
    int rc = change_keys(rekey, &change, err);
    *out_number = change.number;
    return rc;
}

int
fi_share_rekey_drop(const struct fi_share_rekey *rekey, const struct fi_keys *used, firn_error *err)
{
    struct change change = {.kind = DROP};
    FI_TRY_RETURN(mark_master(&change, used, err));
    return change_keys(rekey, &change, err);
}

/* ==== looking, and the session keyring ==== */

int
fi_share_rekey_list(const struct fi_share_rekey *rekey,
                    int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                    firn_keys_info *out, firn_error *err)
{
    const struct fi_unlock_source quiet = {.is_quiet = true};
    struct changing changing;
    int rc;
    *out = (firn_keys_info){.size = sizeof *out};
    FI_TRY(begin(rekey, &changing, err));
    out->cipher = FIRN_CIPHER_XCHACHA20_POLY1305;
    out->is_kept = changing.kept.ring_key != NULL;
    rc = fi_unlock_keys(rekey->ws->os, changing.share.name.url, changing.newest.keys, &quiet, NULL);
    out->is_remembered = rc == FIRN_OK;
    rc = fi_rekey_show(changing.newest.keys, on_slot, ctx, out, err);
out:
    return end(&changing, rc, err);
}

int
fi_share_rekey_remember(const struct fi_share_rekey *rekey, uint32_t seconds, firn_error *err)
{
    struct changing changing;
    int rc;
    FI_TRY(begin(rekey, &changing, err));
    FI_TRY(unlock(&changing, err));
    rc = fi_unlock_remember(rekey->ws->os, changing.newest.keys, seconds, err);
out:
    return end(&changing, rc, err);
}

int
fi_share_rekey_forget(const struct fi_share_rekey *rekey, size_t *out_count, firn_error *err)
{
    struct changing changing;
    int rc;
    FI_TRY(begin(rekey, &changing, err));
    rc = fi_unlock_forget(rekey->ws->os, fi_keys_id(changing.newest.keys), out_count, err);
out:
    return end(&changing, rc, err);
}
