/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_keys.c: the keys of an encrypted remote.
 *
 * A remote has keys of its own, in the form of a store's keys file (docs/formats/keys.md): objects
 * "keys/" and ten digits, each put if absent; the highest number counts. The machine that makes the
 * remote puts the first one, after the marker and before any state. So a marker without keys is a
 * remote that somebody has begun, unless it has states: then the keys are lost.
 *
 * A store keeps a copy of the file with the name that it gave the remote, so opening a remote takes
 * no request for it. An encrypted store keeps the ring key beside it, which nobody can read without
 * the key of the store. A store in clear keeps no secret: the remote is unlocked each time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "cipher/cipher.h"
#include "keys/keys.h"
#include "os/os_secret.h"
#include "share/share_internal.h"
#include "unlock/unlock.h"

#define PREFIX "keys/"
enum { DIGITS = 10, NAME_SIZE = sizeof PREFIX + DIGITS };

/* What asks for the key of a remote. What it was told stays for the handle of the workspace. */
static struct fi_unlock_source
source_of(struct firn_ws *ws)
{
    struct fi_unlock_source source = ws->unlock;
    source.memory = &ws->remote_memory;
    source.is_remote = true;
    return source;
}

/* ==== in the bucket ==== */

static int
note_newest(void *ctx, const struct fi_bucket_object *object)
{
    char *newest = ctx;
    const char *digits = object->name + sizeof PREFIX - 1;
    if (strlen(object->name) == NAME_SIZE - 1 && strspn(digits, "0123456789") == DIGITS) {
        memcpy(newest, object->name, NAME_SIZE); /* they come in order */
    }
    return FIRN_OK;
}

int
fi_share_keys_read(struct fi_bucket *bucket, struct fi_buf *out, firn_error *err)
{
    char newest[NAME_SIZE] = "";
    FI_TRY_RETURN(fi_bucket_list(bucket, PREFIX, NULL, note_newest, newest, err));
    return newest[0] == 0 ? fi_error_set(err, FIRN_NOT_FOUND, "the remote has no keys")
                          : fi_bucket_get(bucket, newest, 0, FI_KEYS_SIZE_MAX + 1, out, err);
}

int
fi_share_keys_put(struct fi_bucket *bucket, firn_slice file, firn_error *err)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, PREFIX "%0*u", DIGITS, 1U);
    return fi_bucket_put_bytes(bucket, name, file, err);
}

static int
find_state(void *ctx, const struct fi_bucket_object *object)
{
    bool *has_any = ctx;
    (void)object;
    *has_any = true;
    return FIRN_CANCELLED;
}

/* FIRN_CORRUPT: the remote has states, so it had keys. */
static int
check_has_none(struct fi_bucket *bucket, firn_error *err)
{
    bool has_any = false;
    int rc = fi_bucket_list(bucket, "states/", NULL, find_state, &has_any, err);
    return has_any ? fi_error_set(err, FIRN_CORRUPT,
                                  "the remote is encrypted, and has lost its keys: a machine that "
                                  "has a name for it can put them back, with firn check --remote "
                                  "--repair")
                   : rc;
}

/* ==== adding a remote ==== */

void
fi_share_keys_deinit(struct fi_share_keys *keys)
{
    fi_keys_destroy(keys->keys);
    fi_buf_deinit(&keys->file);
}

/* Takes the keys that the remote has. */
static int
take_keys(struct firn_ws *ws, struct fi_bucket *bucket, const char *url, struct fi_share_keys *out,
          firn_error *err)
{
    const struct fi_unlock_source source = source_of(ws);
    FI_TRY_RETURN(fi_share_keys_read(bucket, &out->file, err));
    FI_TRY_RETURN(fi_keys_decode(fi_buf_slice(&out->file), &out->keys, err));
    return fi_unlock_keys(ws->os, url, out->keys, &source, err);
}

static int
make_keys(struct firn_ws *ws, struct fi_bucket *bucket, const char *url, struct fi_share_keys *out,
          firn_error *err)
{
    const struct fi_unlock_source source = source_of(ws);
    FI_TRY_RETURN(check_has_none(bucket, err));
    FI_TRY_RETURN(fi_unlock_new_keys(ws->os, url, &source, &out->keys, err));
    fi_buf_clear(&out->file);
    FI_TRY_RETURN(fi_keys_encode(out->keys, ws->os, &out->file, err));
    int rc = fi_share_keys_put(bucket, fi_buf_slice(&out->file), err);
    if (rc != FIRN_EXISTS && rc != FIRN_IO) {
        return rc;
    }
    /* Another machine's; or perhaps ours. */
    firn_error lost;
    fi_share_keys_deinit(out);
    *out = (struct fi_share_keys){.keys = NULL};
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
        rc = may_make ? make_keys(ws, bucket, url, out, err) : check_has_none(bucket, err);
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

/* ==== opening one ==== */

void
fi_share_keys_forget(struct fi_buf *entry)
{
    if (entry->size > 0) {
        fi_os_secret_wipe(entry->data, entry->size);
    }
    fi_buf_deinit(entry);
}

static int
get_entry(struct fi_share *share, struct fi_buf *out, firn_error *err)
{
    struct firn_db_keyspace *names;
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(share->opened.db, FI_SHARE_REMOTES, &names, err));
    CHECK(names != NULL); /* the name was found there */
    return fi_db_get(names, firn_str(share->name.name), out, err);
}

int
fi_share_keys_kept(struct fi_share *share, struct fi_buf *entry, firn_slice *out_file,
                   firn_slice *out_ring_key, firn_error *err)
{
    struct fi_share_name name;
    FI_TRY_RETURN(get_entry(share, entry, err));
    return fi_share_entry_decode_keys(firn_str(share->name.name), fi_buf_slice(entry), &name,
                                      out_file, out_ring_key, err);
}

int
fi_share_keys_compare(struct fi_share *share, firn_slice file, firn_error *err)
{
    struct fi_buf entry = {0};
    struct fi_keys *there = NULL;
    struct fi_keys *here = NULL;
    firn_slice kept;
    firn_slice ring_key;
    int rc;
    FI_TRY(fi_share_keys_kept(share, &entry, &kept, &ring_key, err));
    FI_TRY(fi_keys_decode(kept, &here, err));
    FI_TRY(fi_keys_decode(file, &there, err));
    if (memcmp(fi_keys_id(here), fi_keys_id(there), FI_KEYS_ID_SIZE) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "the remote has another keys file than it had: other machines cannot "
                          "open it with the key of the remote");
    }
out:
    fi_keys_destroy(there);
    fi_keys_destroy(here);
    fi_share_keys_forget(&entry);
    return rc;
}

int
fi_share_keys_open(struct fi_share *share, firn_error *err)
{
    struct firn_ws *ws = share->ws;
    const struct fi_unlock_source source = source_of(ws);
    struct fi_buf entry = {0};
    struct fi_keys *keys = NULL;
    firn_slice file;
    firn_slice ring_key;
    int rc;
    FI_TRY(fi_share_keys_kept(share, &entry, &file, &ring_key, err));
    FI_TRY(fi_keys_decode(file, &keys, err));
    if (ring_key.size > 0) {
        FI_TRY(fi_keys_unlock_ring(keys, ring_key.data, err));
    } else {
        FI_TRY(fi_unlock_keys(ws->os, share->name.url, keys, &source, err));
    }
    FI_TRY(fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &share->keyring, err));
    share->seal.keyring = share->keyring;
    memcpy(share->seal.id, share->name.id, sizeof share->seal.id);
out:
    fi_keys_destroy(keys);
    fi_share_keys_forget(&entry);
    return rc;
}
