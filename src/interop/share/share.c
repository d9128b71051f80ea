/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share.c: opening a remote for one operation.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "os/os_seal.h"
#include "remote/remote_marker.h"
#include "s3/s3.h"
#include "share/share_internal.h"
#include "threads/os_callback.h"

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

/* ==== where ==== */

static bool
has_scheme(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

int
fi_share_bucket_open(struct fi_os *os, const char *url, bool is_new, int64_t bytes_per_second_max,
                     struct fi_bucket **out, firn_error *err)
{
    if (has_scheme(url, "s3://") || has_scheme(url, "https://") || has_scheme(url, "http://")) {
        const struct fi_s3_options options = {.bytes_per_second_max = bytes_per_second_max};
        return fi_s3_open(os, url, &options, out, err);
    }
    if (strstr(url, "://") != NULL) {
        return fi_error_set(err, FIRN_INVALID,
                            "a remote is \"s3://bucket/prefix\", \"https://host/bucket/prefix\" or "
                            "the path of a directory");
    }
    int rc = fi_bucket_folder_open(os, url, is_new, out, err);
    if (rc == FIRN_NOT_FOUND) {
        fi_error_prefix(err, "the directory of the remote");
    }
    return rc;
}

int
fi_share_check_trust(const struct firn_ws *ws, struct fi_os_dir *store, firn_error *err)
{
    bool is_known;
    FI_TRY_RETURN(fi_ws_bounds_is_known(ws, store, &is_known, err));
    return is_known
               ? FIRN_OK
               : fi_error_set(err, FIRN_UNTRUSTED,
                              "somebody else may have chosen the remotes of the store '%.512s': "
                              "once you have looked at it, firn trust it",
                              ws->place.store_path);
}

/* ==== who ==== */

/* "ada@laptop": for people who read the states of a remote. */
static void
find_author(struct fi_os *os, char out[FI_SHARE_BY_SIZE])
{
    const char *user = fi_os_environment(os, "USER");
    char host[64] = "";
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    size_t size = 0;
    if (fi_os_dir_open_path(os, "/proc/sys/kernel", &dir, NULL) == FIRN_OK &&
        fi_os_file_open(dir, "hostname", FI_OS_READ, 0, &file, NULL) == FIRN_OK &&
        fi_os_file_read(file, 0, host, sizeof host - 1, &size, NULL) == FIRN_OK) {
        host[size] = '\0';
        host[strcspn(host, "\n")] = '\0';
    }
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    (void)snprintf(out, FI_SHARE_BY_SIZE, "%.60s@%.60s", user != NULL ? user : "somebody",
                   host[0] != '\0' ? host : "somewhere");
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)(fi_share_is_graphic(*at) && *at != '/' ? *at : '_');
    }
}

/* ==== all of it ==== */

static int
share_open(struct fi_share *share, const char *name, int64_t bytes_per_second_max, firn_error *err)
{
    struct firn_ws *ws = share->ws;
    FI_TRY_RETURN(fi_share_name_find(share->opened.db, name, &share->name, err));
    FI_TRY_RETURN(fi_share_check_trust(ws, share->opened.store_dir, err));
    if (!share->name.is_encrypted && fi_share_keys_are_kept(share->opened.store_dir)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the remote '%s' is not encrypted, and the store is: what is pushed "
                            "could be read there; push to a new remote",
                            share->name.name);
    }
    FI_TRY_RETURN(fi_share_bucket_open(ws->os, share->name.url, false, bytes_per_second_max,
                                       &share->bucket, err));
    if (share->name.is_encrypted) {
        FI_TRY_RETURN(fi_share_keys_open(share, err));
    }
    find_author(ws->os, share->by);
    fi_remote_init(&share->remote, share->bucket, ws->os, share->by);
    share->has_remote = true;
    share->remote.seal = share->keyring != NULL ? &share->seal : NULL;
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(share->opened.db, FI_SHARE_NOTES, &share->notes, err));
    FI_TRY_RETURN(fi_share_note_load(share, err));
    share->remote.keep = fi_share_note_keep;
    share->remote.keep_ctx = share;
    return FIRN_OK;
}

int
fi_share_open(struct firn_ws *ws, const char *name, enum fi_ws_open_mode mode,
              int64_t bytes_per_second_max, const firn_callbacks *callbacks, struct fi_share *out,
              firn_error *err)
{
    *out = (struct fi_share){.ws = ws, .callbacks = callbacks};
    fi_hash_map_init(&out->packs, sizeof(struct fi_share_pack), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_hash_map_init(&out->fresh, sizeof(struct fi_share_note), fi_hash_map_first,
                     fi_hash_map_same_hash);
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, mode, &out->opened, err));
    int rc = share_open(out, name, bytes_per_second_max, err);
    return rc == FIRN_OK ? FIRN_OK : fi_share_close(out, rc, err);
}

/* Of one without a name: what its marker says. */
static int
read_marker(struct fi_share *share, firn_error *err)
{
    struct fi_remote_marker marker = {.is_encrypted = false};
    int rc = fi_remote_marker_read(share->bucket, &marker, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, rc, "there is no remote at %s", share->name.url);
    }
    FI_TRY_RETURN(rc);
    share->name.is_encrypted = marker.is_encrypted;
    memcpy(share->name.id, marker.id, sizeof share->name.id);
    return FIRN_OK;
}

static int
open_bucket(struct fi_share *share, const char *remote, firn_error *err)
{
    struct firn_ws *ws = share->ws;
    struct fi_share_name *name = &share->name;
    FI_TRY_RETURN(remote != NULL && strchr(remote, '/') != NULL
                      ? fi_share_name_find_url(ws->os, share->opened.db, remote, name, err)
                      : fi_share_name_find(share->opened.db, remote, name, err));
    if (name->number != 0) {
        FI_TRY_RETURN(fi_share_check_trust(ws, share->opened.store_dir, err));
    }
    FI_TRY_RETURN(fi_share_bucket_open(ws->os, name->url, false, 0, &share->bucket, err));
    if (name->number == 0) {
        FI_TRY_RETURN(read_marker(share, err));
    }
    return name->is_encrypted
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "the remote at %s is not encrypted, and has no keys", name->url);
}

int
fi_share_open_bucket(struct firn_ws *ws, const char *remote, struct fi_share *out, firn_error *err)
{
    *out = (struct fi_share){.ws = ws};
    FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &out->opened, err));
    int rc = open_bucket(out, remote, err);
    return rc == FIRN_OK ? FIRN_OK : fi_share_close(out, rc, err);
}

int
fi_share_close(struct fi_share *share, int rc, firn_error *err)
{
    if (share->has_remote) {
        fi_remote_deinit(&share->remote);
    }
    fi_bucket_close(share->bucket);
    fi_cipher_keyring_destroy(share->keyring);
    fi_share_keys_deinit(&share->keys);
    fi_hash_map_deinit(&share->packs);
    fi_hash_map_deinit(&share->fresh);
    fi_buf_deinit(&share->kept);
    return fi_ws_opened_close(share->ws, &share->opened, rc, err);
}

int
fi_share_progress(struct fi_share *share, const char *phase, uint64_t done, uint64_t total,
                  firn_error *err)
{
    DCHECK(fi_os_callback_is_phase(phase));
    if (share->callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    int64_t now = fi_os_monotonic_ns(share->ws->os);
    if (now < share->progress_due_ns) {
        return FIRN_OK;
    }
    share->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = phase, .bytes_done = done, .bytes_total = total};
    int rc = fi_os_callback_progress(share->callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* ==== the packs of the present state ==== */

static int
insert_pack(struct fi_share *share, const struct fi_share_pack *pack, firn_error *err)
{
    if (pack->number == 0 || fi_hash_map_find(&share->packs, pack->number, &pack->number) != NULL) {
        return FIRN_OK; /* a second copy helps nobody */
    }
    return fi_hash_map_insert(&share->packs, pack->number, pack) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "the packs of a remote");
}

static int
add_pack(struct fi_share *share, const struct fi_remote_item *item, bool is_inline, firn_error *err)
{
    struct fi_share_pack pack;
    firn_error why;
    int rc = fi_share_entry_decode_pack(item->value, is_inline, &pack, &why);
    if (rc != FIRN_OK) {
        share->packs_why = share->packs_rc == FIRN_OK ? why : share->packs_why;
        share->packs_rc = share->packs_why.code;
        return FIRN_OK;
    }
    pack.name = item->key;
    return insert_pack(share, &pack, err);
}

/* Notes and bases may still name the packs that others replaced. One that is there itself as well
 * is still seen. */
static int
add_joined(struct fi_share *share, firn_error *err)
{
    const size_t count = share->packs.count;
    for (size_t i = 0; i < count; i++) {
        /* A copy: it moves when others are inserted. */
        const struct fi_share_pack pack =
            *(const struct fi_share_pack *)fi_hash_map_at(&share->packs, i);
        for (size_t at = 0; at < pack.joined.size; at += sizeof pack.number) {
            const struct fi_share_pack joined = {.number = fi_load_le64(pack.joined.data + at),
                                                 .is_joined = true,
                                                 .by = pack.number};
            FI_TRY_RETURN(insert_pack(share, &joined, err));
        }
    }
    return FIRN_OK;
}

int
fi_share_look(struct fi_share *share, firn_error *err)
{
    const struct fi_remote_state *state = &share->remote.state;
    const struct fi_remote_item *prune =
        fi_remote_table_find(&state->entries, firn_str(FI_SHARE_ENTRY_PRUNE));
    fi_hash_map_clear(&share->packs);
    if (share->uploads_are_outdated) { /* no pack of the last look borrows of them any more */
        fi_remote_table_clear(&share->remote.uploads);
        share->uploads_are_outdated = false;
    }
    share->packs_rc = FIRN_OK;
    share->epoch = prune != NULL && prune->value.size == 8 ? fi_load_le64(prune->value.data) : 0;
    for (size_t i = 0; i < state->entries.count; i++) {
        firn_slice rest;
        if (fi_share_entry_is(state->entries.items[i].key, FI_SHARE_ENTRY_PACK, &rest)) {
            FI_TRY_RETURN(add_pack(share, &state->entries.items[i], true, err));
        }
    }
    for (size_t i = 0; i < state->files.count; i++) {
        if (state->files.items[i].status == FI_REMOTE_LIVE) {
            FI_TRY_RETURN(add_pack(share, &state->files.items[i], false, err));
        }
    }
    for (size_t i = 0; i < share->remote.uploads.count; i++) {
        FI_TRY_RETURN(add_pack(share, &share->remote.uploads.items[i], false, err));
    }
    return add_joined(share, err);
}

int
fi_share_pack_remove(const struct fi_share_pack *pack, struct fi_remote_change *change,
                     firn_error *err)
{
    return fi_remote_table_put(pack->is_inline ? &change->removed : &change->killed, pack->name,
                               firn_bytes(NULL, 0), 0, err);
}
