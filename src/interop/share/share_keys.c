/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_keys.c: the keys of an encrypted remote.
 *
 * A remote has keys of its own, in the form of a store's keys file (docs/formats/keys.md): objects
 * "keys/" and ten digits, each put if absent; the highest number counts, and it is the generation
 * of the file, so nobody can give an older file a higher number (I1). The machine that makes the
 * remote puts the first one, after the marker and before any state. So a marker without keys is a
 * remote that somebody has begun, unless it has states: then the keys are lost. Later ones are
 * made by share_rekey.c.
 *
 * A store keeps a copy of the file with the name that it gave the remote, so opening a remote
 * takes no request for it. An encrypted store keeps the ring key beside it, which nobody can read
 * without the key of the store. A store in clear keeps no secret: the remote is unlocked each
 * time.
 *
 * Another machine may have changed the keys since. A new master key shows in the first state that
 * is encrypted with it: then the newest file is read, and opened with the ring key, which it
 * shares with all before it. It is written to the store together with that state (share_note.c),
 * so a store that knows a state has the master key of each pack that the state names: master keys
 * are only added, until nothing needs the older ones (share_renew.c), and a state is encrypted with
 * the newest one that its author knows (I2; not checked: it takes two machines). Another passphrase
 * shows where the one that was given does not open the kept file.
 *
 * So that older keys can go, a state names no pack that is encrypted with an older key than its
 * author knows, but those that the state before it names: who learns of newer keys forgets what it
 * has put and no state names (I3; not checked: unit/share has a push that meets a rotation). Where
 * a store keeps newer keys, it keeps no note of such a pack.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "cipher/cipher.h"
#include "cipher/cipher_keyring.h"
#include "keys/keys.h"
#include "os/os_seal.h"
#include "os/os_secret.h"
#include "share/share_internal.h"

#define PREFIX "keys/"
enum { DIGITS = 10, NAME_SIZE = FI_SHARE_KEYS_NAME_SIZE, READ_TRIES = 4 };
_Static_assert((int)NAME_SIZE == (int)sizeof PREFIX + DIGITS, "a name has that size");

struct fi_unlock_source
fi_share_keys_source(struct firn_ws *ws)
{
    struct fi_unlock_source source = ws->unlock;
    source.memory = &ws->remote_memory;
    source.is_remote = true;
    return source;
}

/* ==== in the bucket ==== */

void
fi_share_keys_deinit(struct fi_share_keys *keys)
{
    fi_keys_destroy(keys->keys);
    fi_buf_deinit(&keys->file);
    *keys = (struct fi_share_keys){.keys = NULL};
}

void
fi_share_keys_name(uint32_t generation, char out[FI_SHARE_KEYS_NAME_SIZE])
{
    (void)snprintf(out, NAME_SIZE, PREFIX "%0*" PRIu32, DIGITS, generation);
}

uint32_t
fi_share_keys_number(const char *name)
{
    uint64_t number = 0;
    const char *digits = name + sizeof PREFIX - 1;
    if (strlen(name) != NAME_SIZE - 1 || strspn(digits, "0123456789") != DIGITS) {
        return 0;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        number = number * 10 + (uint64_t)(digits[i] - '0');
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static int
note_newest(void *ctx, const struct fi_bucket_object *object)
{
    uint32_t *newest = ctx;
    const uint32_t number = fi_share_keys_number(object->name);
    *newest = number > *newest ? number : *newest;
    return FIRN_OK;
}

int
fi_share_keys_read(struct fi_bucket *bucket, struct fi_share_keys *out, firn_error *err)
{
    char name[NAME_SIZE];
    uint32_t newest;
    int rc;
    int tries = 0;
    do { /* a machine that puts newer keys removes the older ones */
        newest = 0;
        FI_TRY_RETURN(fi_bucket_list(bucket, PREFIX, NULL, note_newest, &newest, err));
        if (newest == 0) {
            return fi_error_set(err, FIRN_NOT_FOUND, "the remote has no keys");
        }
        fi_share_keys_name(newest, name);
        rc = fi_bucket_get(bucket, name, 0, FI_KEYS_SIZE_MAX + 1, &out->file, err);
    } while (rc == FIRN_NOT_FOUND && ++tries < READ_TRIES);
    FI_TRY_RETURN(rc == FIRN_NOT_FOUND
                      ? fi_error_set(err, FIRN_BUSY, "the keys of the remote are being changed")
                      : rc);
    FI_TRY_RETURN(fi_keys_decode(fi_buf_slice(&out->file), &out->keys, err));
    return fi_keys_generation(out->keys) == newest /* (I1) */
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT,
                              "the keys of the remote are of generation %" PRIu32
                              ", and their name says %" PRIu32 ": somebody has changed it",
                              fi_keys_generation(out->keys), newest);
}

int
fi_share_keys_put(struct fi_bucket *bucket, const struct fi_share_keys *keys, firn_error *err)
{
    char name[NAME_SIZE];
    fi_share_keys_name(fi_keys_generation(keys->keys), name);
    return fi_bucket_put_bytes(bucket, name, fi_buf_slice(&keys->file), err);
}

static int
remove_number(struct fi_bucket *bucket, uint32_t number, firn_error *err)
{
    char name[NAME_SIZE];
    fi_share_keys_name(number, name);
    return fi_bucket_remove(bucket, name, err);
}

struct olds {
    uint32_t newest;
    size_t count;
    uint32_t numbers[64];
};

static int
note_old(void *ctx, const struct fi_bucket_object *object)
{
    struct olds *olds = ctx;
    const uint32_t number = fi_share_keys_number(object->name);
    if (number != 0 && number < olds->newest &&
        olds->count < sizeof olds->numbers / sizeof olds->numbers[0]) {
        olds->numbers[olds->count++] = number;
    }
    return FIRN_OK;
}

int
fi_share_keys_remove_old(struct fi_bucket *bucket, uint32_t newest, firn_error *err)
{
    struct olds olds = {.newest = newest};
    do {
        olds.count = 0;
        FI_TRY_RETURN(fi_bucket_list(bucket, PREFIX, NULL, note_old, &olds, err));
        for (size_t i = 0; i < olds.count; i++) {
            FI_TRY_RETURN(remove_number(bucket, olds.numbers[i], err));
        }
    } while (olds.count == sizeof olds.numbers / sizeof olds.numbers[0]);
    return FIRN_OK;
}

int
fi_share_keys_tidy(const struct fi_share *share, struct fi_share_keys *newest, firn_error *err)
{
    const uint8_t *ring_key;
    FI_TRY_RETURN(fi_keys_ring_key(share->keys.keys, &ring_key, err));
    int rc = fi_keys_unlock_ring(newest->keys, ring_key, err);
    if (rc != FIRN_OK) { /* somebody else may have made it */
        return rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    return fi_share_keys_remove_old(share->bucket, fi_keys_generation(newest->keys), err);
}

static int
find_state(void *ctx, const struct fi_bucket_object *object)
{
    bool *has_any = ctx;
    (void)object;
    *has_any = true;
    return FIRN_CANCELLED;
}

static int
refuse_lost(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT,
                        "the remote is encrypted, and has lost its keys: a machine that has a name "
                        "for it can put them back, with firn check --remote --repair");
}

int
fi_share_keys_check_none(struct fi_bucket *bucket, firn_error *err)
{
    bool has_any = false;
    int rc = fi_bucket_list(bucket, "states/", NULL, find_state, &has_any, err);
    return has_any ? refuse_lost(err) : rc;
}

/* ==== adding a remote ==== */

/* Takes the keys that the remote has. */
static int
take_keys(struct firn_ws *ws, struct fi_bucket *bucket, const char *url, struct fi_share_keys *out,
          firn_error *err)
{
    const struct fi_unlock_source source = fi_share_keys_source(ws);
    FI_TRY_RETURN(fi_share_keys_read(bucket, out, err));
    return fi_unlock_keys(ws->os, url, out->keys, &source, err);
}

static int
make_keys(struct firn_ws *ws, struct fi_bucket *bucket, const char *url, struct fi_share_keys *out,
          firn_error *err)
{
    const struct fi_unlock_source source = fi_share_keys_source(ws);
    FI_TRY_RETURN(fi_share_keys_check_none(bucket, err));
    FI_TRY_RETURN(fi_unlock_new_keys(ws->os, url, &source, &out->keys, err));
    fi_buf_clear(&out->file);
    FI_TRY_RETURN(fi_keys_encode(out->keys, ws->os, &out->file, err));
    int rc = fi_share_keys_put(bucket, out, err);
    if (rc != FIRN_EXISTS && rc != FIRN_IO) {
        return rc;
    }
    /* Another machine's; or perhaps ours. */
    firn_error lost;
    fi_share_keys_deinit(out);
    int found = take_keys(ws, bucket, url, out, &lost);
    if (found != FIRN_OK && found != FIRN_NOT_FOUND) {
        fi_error_copy(err, &lost);
    }
    return found != FIRN_NOT_FOUND ? found : rc;
}

int
fi_share_keys_get(struct firn_ws *ws, struct fi_bucket *bucket, const char *url, bool may_make,
                  struct fi_share_keys *out, firn_error *err)
{
    *out = (struct fi_share_keys){.keys = NULL};
    int rc = take_keys(ws, bucket, url, out, err);
    if (rc == FIRN_NOT_FOUND && out->keys == NULL) {
        rc =
            may_make ? make_keys(ws, bucket, url, out, err) : fi_share_keys_check_none(bucket, err);
        if (rc == FIRN_OK && out->keys == NULL) {
            rc = fi_error_set(err, FIRN_NOT_FOUND,
                              "the remote at %s was begun, and has no keys yet: firn remote add "
                              "makes them",
                              url);
        }
    }
    return rc;
}

int
fi_share_keys_append(const struct fi_share_keys *keys, bool with_secret, struct fi_buf *out,
                     firn_error *err)
{
    const uint8_t *ring_key = NULL;
    if (with_secret) {
        FI_TRY_RETURN(fi_keys_ring_key(keys->keys, &ring_key, err));
    }
    int rc = fi_buf_append_sized(out, fi_buf_slice(&keys->file));
    rc = rc == FIRN_OK
             ? fi_buf_append_sized(out, firn_bytes(ring_key, with_secret ? FI_CIPHER_KEY_SIZE : 0))
             : rc;
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the keys of a remote");
}

/* ==== what the store keeps ==== */

bool
fi_share_keys_are_kept(const struct fi_os_dir *store)
{
    const struct fi_os_seal *seal = fi_os_dir_seal(store);
    return seal != NULL && fi_cipher_keyring_encrypts(fi_cipher_keyring_of(seal));
}

void
fi_share_keys_forget(struct fi_buf *entry)
{
    if (entry->size > 0) {
        fi_os_secret_wipe(entry->data, entry->size);
    }
    fi_buf_deinit(entry);
}

void
fi_share_keys_kept_deinit(struct fi_share_keys_kept *kept)
{
    fi_share_keys_deinit(&kept->keys);
    fi_os_secret_free(kept->ring_key);
}

static int
decode_kept(const char *name, firn_slice entry, struct fi_share_keys_kept *out, firn_error *err)
{
    firn_slice file;
    firn_slice ring_key;
    FI_TRY_RETURN(
        fi_share_entry_decode_keys(firn_str(name), entry, &out->name, &file, &ring_key, err));
    FI_TRY_RETURN(fi_keys_decode(file, &out->keys.keys, err));
    if (fi_buf_append_slice(&out->keys.file, file) != FIRN_OK) {
        return fi_error_no_memory(err, "the keys of a remote");
    }
    if (ring_key.size > 0) {
        FI_TRY_RETURN(fi_os_secret_allocate(FI_CIPHER_KEY_SIZE, &out->ring_key, err));
        memcpy(out->ring_key, ring_key.data, FI_CIPHER_KEY_SIZE);
    }
    return FIRN_OK;
}

int
fi_share_keys_kept(struct firn_db *db, const char *name, struct fi_share_keys_kept *out,
                   firn_error *err)
{
    struct firn_db_keyspace *names;
    struct fi_buf entry = {0};
    int rc;
    *out = (struct fi_share_keys_kept){.ring_key = NULL};
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_SHARE_REMOTES, &names, err));
    rc = names != NULL ? fi_db_get(names, firn_str(name), &entry, err) : FIRN_NOT_FOUND;
    rc = rc == FIRN_OK ? decode_kept(name, fi_buf_slice(&entry), out, err) : rc;
out:
    fi_share_keys_forget(&entry);
    return rc;
}

/* Whether the entry is still of this remote, and has older keys. */
static bool
is_outdated(const struct fi_share *share, const struct fi_share_keys_kept *kept)
{
    return kept->name.number == share->name.number &&
           fi_share_keys_are_older(kept->keys.keys, share->keys.keys);
}

int
fi_share_keys_write(const struct fi_share *share, struct firn_db *db, struct firn_db_batch *batch,
                    firn_error *err)
{
    const bool with_secret = fi_share_keys_are_kept(share->opened.store_dir);
    struct fi_share_keys_kept kept = {.ring_key = NULL};
    struct firn_db_keyspace *names;
    struct firn_db_keyspace *notes;
    struct fi_buf value = {0};
    int rc = FIRN_OK;
    if (!share->keys_are_new) {
        goto out;
    }
    rc = fi_share_keys_kept(db, share->name.name, &kept, err);
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && !is_outdated(share, &kept))) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_share_entry_encode_name(&share->name, &value) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a remote"));
    FI_TRY(fi_share_keys_append(&share->keys, with_secret, &value, err));
    FI_TRY(fi_db_keyspace_open(db, FI_SHARE_REMOTES, &names, err));
    FI_TRY(fi_db_batch_put(batch, names, firn_str(share->name.name), fi_buf_slice(&value), err));
    FI_TRY(fi_db_keyspace_open(db, FI_SHARE_NOTES, &notes, err));
    rc = fi_share_note_forget_uploads(share, batch, notes, err); /* (I3) */
out:
    fi_share_keys_forget(&value);
    fi_share_keys_kept_deinit(&kept);
    return rc;
}

/* ==== newer keys ==== */

static bool
are_same(const struct fi_keys *a, const struct fi_keys *b)
{
    return memcmp(fi_keys_id(a), fi_keys_id(b), FI_KEYS_ID_SIZE) == 0;
}

bool
fi_share_keys_are_older(const struct fi_keys *a, const struct fi_keys *b)
{
    return are_same(a, b) && fi_keys_generation(a) < fi_keys_generation(b);
}

int
fi_share_keys_compare(const struct fi_keys *here, const struct fi_keys *there, firn_error *err)
{
    if (!are_same(here, there)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "the remote has another keys file than it had: other machines cannot "
                            "open it with the key of the remote");
    }
    return !fi_share_keys_are_older(there, here)
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT,
                              "the remote has lost its newest keys, and has older ones: firn check "
                              "--remote --repair puts them back");
}

/* FIRN_NOT_FOUND: the remote has no newer ones than the store; FIRN_CORRUPT: it has none. */
static int
read_newer(const struct fi_share *share, struct fi_share_keys *out, firn_error *err)
{
    int rc = fi_share_keys_read(share->bucket, out, err);
    FI_TRY_RETURN(rc == FIRN_NOT_FOUND ? refuse_lost(err) : rc);
    FI_TRY_RETURN(fi_share_keys_compare(share->keys.keys, out->keys, err));
    return fi_keys_generation(out->keys) > fi_keys_generation(share->keys.keys)
               ? FIRN_OK
               : fi_error_set(err, FIRN_NOT_FOUND, "the remote has no newer keys");
}

static void
take_over(struct fi_share *share, struct fi_share_keys *newer)
{
    fi_share_keys_deinit(&share->keys);
    share->keys = *newer;
    *newer = (struct fi_share_keys){.keys = NULL};
    share->keys_are_new = true;
    share->is_changed = true;
    share->uploads_are_outdated = true; /* (I3) */
}

/* All versions of a file have one ring key, until all keys are replaced by one. */
static int
unlock_newer(const struct fi_share *share, struct fi_share_keys *newer, firn_error *err)
{
    const struct fi_unlock_source source = fi_share_keys_source(share->ws);
    const uint8_t *ring_key;
    FI_TRY_RETURN(fi_keys_ring_key(share->keys.keys, &ring_key, err));
    int rc = fi_keys_unlock_ring(newer->keys, ring_key, err);
    if (rc != FIRN_DENIED) {
        return rc;
    }
    rc = fi_unlock_keys(share->ws->os, share->name.url, newer->keys, &source, err);
    if (rc == FIRN_DENIED) {
        fi_error_prefix(err, "the keys of the remote '%s' were changed", share->name.name);
    }
    return rc;
}

int
fi_share_keys_renew_within(struct fi_share *share, firn_error *err)
{
    struct fi_share_keys newer = {.keys = NULL};
    int rc;
    FI_TRY(read_newer(share, &newer, err));
    FI_TRY(unlock_newer(share, &newer, err));
    FI_TRY(fi_unlock_keyring_extend(newer.keys, share->keyring, err));
    take_over(share, &newer);
out:
    fi_share_keys_deinit(&newer);
    return rc;
}

static void
drop_uploads(struct fi_share *share)
{
    fi_remote_table_clear(&share->remote.uploads); /* (I3) */
    share->uploads_are_outdated = false;
}

int
fi_share_keys_renew(void *ctx, firn_error *err)
{
    struct fi_share *share = ctx;
    FI_TRY_RETURN(fi_share_keys_renew_within(share, err));
    drop_uploads(share);
    return FIRN_OK;
}

/* ==== opening one ==== */

/* What was given does not open the file that the store keeps. It may open the newest one. */
static int
open_newer(struct fi_share *share, firn_error *err)
{
    const struct fi_unlock_source source = fi_share_keys_source(share->ws);
    struct fi_share_keys newer = {.keys = NULL};
    int rc;
    FI_TRY(read_newer(share, &newer, err));
    FI_TRY(fi_unlock_keys(share->ws->os, share->name.url, newer.keys, &source, err));
    take_over(share, &newer);
    drop_uploads(share);
out:
    fi_share_keys_deinit(&newer);
    return rc;
}

/* A person is asked once before the remote is, and then as often as ever. */
static int
open_by_asking(struct fi_share *share, firn_error *err)
{
    struct firn_ws *ws = share->ws;
    struct fi_unlock_wrong wrong = {.environment = false};
    struct fi_unlock_source source = fi_share_keys_source(ws);
    firn_error why;
    source.wrong = &wrong;
    source.attempts_max = 1;
    int rc = fi_unlock_keys(ws->os, share->name.url, share->keys.keys, &source, err);
    if (rc != FIRN_DENIED || !(wrong.environment || wrong.source)) {
        return rc;
    }
    int newer = open_newer(share, &why);
    if (newer == FIRN_OK) {
        return newer;
    }
    if (newer == FIRN_DENIED || newer == FIRN_CANCELLED) {
        fi_error_copy(err, &why);
        return newer;
    }
    source.attempts_max = 0;
    return wrong.source ? fi_unlock_keys(ws->os, share->name.url, share->keys.keys, &source, err)
                        : rc;
}

int
fi_share_keys_open(struct fi_share *share, firn_error *err)
{
    struct fi_share_keys_kept kept;
    int rc = fi_share_keys_kept(share->opened.db, share->name.name, &kept, err);
    CHECK(rc != FIRN_NOT_FOUND); /* the name was found there */
    FI_TRY(rc);
    share->keys = kept.keys;
    kept.keys = (struct fi_share_keys){.keys = NULL};
    FI_TRY(kept.ring_key != NULL ? fi_keys_unlock_ring(share->keys.keys, kept.ring_key, err)
                                 : open_by_asking(share, err));
    FI_TRY(fi_unlock_keyring(share->keys.keys, FI_CIPHER_XCHACHA20_POLY1305, &share->keyring, err));
    share->seal.keyring = share->keyring;
    memcpy(share->seal.id, share->name.id, sizeof share->seal.id);
    share->seal.renew = fi_share_keys_renew;
    share->seal.renew_ctx = share;
out:
    fi_share_keys_kept_deinit(&kept);
    return rc;
}
