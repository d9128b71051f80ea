/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_locked.c: verifying an encrypted remote without its key.
 *
 * All checksums of a remote are over what the storage has, so damage is found without decrypting
 * anything:
 *
 *   1. one list of all objects: which ones there are, and which of them do not belong there
 *   2. the marker, and the keys files: form, checksum, that each has the generation of its name,
 *      and that all are versions of one file
 *   3. each state: form and checksum; and that no number is missing but those that a prune, or
 *      a renewal after a rotation, removes
 *   4. if the user wants that, each pack, from header to footer (block_verify.c)
 *
 * What states say is encrypted. So nobody knows here which packs there should be, or whether the
 * last state was the newest one. Only that a file is of another remote shows in some cases: states
 * and packs say the number of their master key, and eight bytes that tell it from others of that
 * number (I2).
 *
 * Where the store is in clear and has a name for the remote, the remote must have the id that the
 * store knows, no older keys, and no fewer states. An encrypted store is not opened.
 *
 * (I1) A remote passes only if all that was listed was read: what is listed and cannot be got is
 *      damage, unless another list shows that it was removed meanwhile, as prunes do; any other
 *      failure ends the check.
 * (I2) A master key with a number has one check. Files that disagree are not of one remote.
 *
 * Other machines may push and prune meanwhile. Nothing is written, here or there, and no file is
 * made: a pack is read in windows of a few MiB.
 *
 * Memory: one state; the numbers of states; the names of packs; the windows, and one block of a
 * pack.
 */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "block/block_file.h"
#include "rekey/rekey.h"
#include "remote/remote_marker.h"
#include "remote/remote_seal.h"
#include "share/share_internal.h"
#include "threads/os_callback.h"

enum {
    FOREIGN_TOLD_MAX = 10,
    NAMES_SIZE_MAX = 128 << 20, /* a state cannot name packs with half of that */
    WINDOW_SIZE = 4 << 20,
    WINDOW_COUNT = 6 /* a block of 8 MiB, the MiBs that end in it, and the end of the file */
};

/* A part of the pack that is being verified; its place is a multiple of WINDOW_SIZE. */
struct window {
    struct fi_buf bytes;
    uint64_t start; /* UINT64_MAX: nothing */
    uint64_t used;  /* when it was needed last */
};

/* A master key, as the first file says that names it (I2). */
struct master {
    uint32_t number;
    uint8_t check[FI_BLOCK_KEY_CHECK_SIZE];
    char file[FI_BUCKET_NAME_SIZE_MAX + 1];
};

struct listed_pack {
    const char *name;
    uint64_t size_bytes;
};

struct share_locked {
    struct fi_share *share;
    const firn_remote_check_locked_options *options;
    firn_remote_check_locked_result *result;
    struct fi_share_keys_kept kept; /* of a remote with a name */
    uint64_t number_seen;           /* likewise: the highest number of a state */
    firn_error why;                 /* what is damaged, or of a later firn, first */
    firn_error *err;                /* of the list that is being read */
    uint64_t listed_count;
    bool has_marker;      /* the list says so */
    uint64_t total;       /* bytes that are read; 0: not known yet */
    struct fi_buf states; /* uint64_t: their numbers, ascending */
    struct fi_buf keys;   /* uint32_t: generations of keys files, ascending */
    struct fi_buf packs;  /* le64 size and name with NUL, each; those that are to be verified */
    struct fi_buf masters;
    struct fi_buf object;
    /* The pack that is being verified. */
    const struct listed_pack *pack;
    struct window windows[WINDOW_COUNT];
    uint64_t window_clock;
    int read_rc; /* FIRN_OK, or why it could not be read */
    firn_error read_why;
};

/* ==== what is found ==== */

static void
tell_damage(struct share_locked *locked, const firn_error *why)
{
    const int known = locked->why.code;
    const int code = why->code == FIRN_NEWER ? FIRN_NEWER : FIRN_CORRUPT;
    fi_ws_report_damage(locked->share->callbacks, why->text);
    locked->result->damaged_count++;
    if (known == FIRN_OK || (known == FIRN_NEWER && code == FIRN_CORRUPT)) {
        locked->why = *why;
        locked->why.code = code;
    }
}

/* Tells of damage, and goes on; other failures end the check (I1). */
static int
share_locked_report(struct share_locked *locked, int rc, const firn_error *why, firn_error *err)
{
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_LIMIT) {
        tell_damage(locked, why);
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, why);
    }
    return rc;
}

static int
no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the objects of a remote");
}

static int
find_listed(void *ctx, const struct fi_bucket_object *object)
{
    const char **name = ctx;
    if (*name == NULL || strcmp(object->name, *name) != 0) {
        return FIRN_LIMIT; /* those that come after it do not matter */
    }
    *name = NULL;
    return FIRN_LIMIT;
}

/* FIRN_OK if an object that was listed and could not be got was removed since (I1): it is not
 * listed any more. */
static int
check_removed(const struct share_locked *locked, const char *name, firn_error *err)
{
    const char *wanted = name; /* NULL: it was found; the first that a list of it can have */
    int rc = fi_bucket_list(locked->share->bucket, name, NULL, find_listed, &wanted, err);
    if (rc != FIRN_OK && rc != FIRN_LIMIT) {
        return rc;
    }
    return wanted != NULL ? FIRN_OK
                          : fi_error_set(err, FIRN_CORRUPT,
                                         "'%s': the storage lists it, and does not give it", name);
}

static int
step(struct share_locked *locked, const char *phase, firn_error *err)
{
    return fi_share_progress(locked->share, phase, locked->result->bytes_read, locked->total, err);
}

/* Gets a whole small object into locked->object. */
static int
get_object(struct share_locked *locked, const char *name, uint64_t size_max, firn_error *err)
{
    FI_TRY_RETURN(step(locked, "check", err));
    FI_TRY_RETURN(fi_bucket_get(locked->share->bucket, name, 0, size_max, &locked->object, err));
    locked->result->bytes_read += locked->object.size;
    return FIRN_OK;
}

/* (I2). */
static int
check_master(struct share_locked *locked, uint32_t number,
             const uint8_t check[FI_BLOCK_KEY_CHECK_SIZE], const char *file, firn_error *err)
{
    const struct master *masters = (const struct master *)(void *)locked->masters.data;
    const size_t count = locked->masters.size / sizeof *masters;
    struct master new = {.number = number};
    for (size_t i = 0; i < count; i++) {
        if (masters[i].number == number) {
            return memcmp(masters[i].check, check, sizeof new.check) == 0
                       ? FIRN_OK
                       : fi_error_set(err, FIRN_CORRUPT,
                                      "'%s' and '%s' have different master keys of number %" PRIu32
                                      ": they are not of one remote",
                                      file, masters[i].file, number);
        }
    }
    memcpy(new.check, check, sizeof new.check);
    memcpy(new.file, file, strlen(file) + 1);
    return count >= FI_KEYS_MASTERS_MAX ||
                   fi_buf_append(&locked->masters, &new, sizeof new) == FIRN_OK
               ? FIRN_OK
               : no_memory(err);
}

/* ==== which remote ==== */

static int
note_any(void *ctx, const struct fi_bucket_object *object)
{
    (void)object;
    *(bool *)ctx = true;
    return FIRN_CANCELLED;
}

/* A damaged marker does not say whether the remote is encrypted; that it has keys does. */
static int
check_is_encrypted(struct fi_share *share, firn_error *err)
{
    struct fi_remote_marker marker = {.is_encrypted = false};
    bool has_keys = false;
    firn_error why;
    int found = fi_remote_marker_read(share->bucket, &marker, &why);
    if (found == FIRN_OK && marker.is_encrypted) {
        return FIRN_OK;
    }
    if (found != FIRN_OK && found != FIRN_NOT_FOUND && found != FIRN_INVALID) {
        fi_error_copy(err, &why);
        return found;
    }
    int rc = fi_bucket_list(share->bucket, "keys/", NULL, note_any, &has_keys, err);
    if (has_keys || rc != FIRN_OK) {
        return has_keys ? FIRN_OK : rc;
    }
    return found == FIRN_OK
               ? fi_error_set(err, FIRN_INVALID,
                              "the remote at %s is not encrypted: no key is needed to check it",
                              share->name.url)
               : fi_error_set(err, FIRN_NOT_FOUND, "there is no remote at %s%s", share->name.url,
                              found == FIRN_INVALID ? ": its FIRN-REMOTE.txt is another file" : "");
}

/* Whether the store is encrypted, or damaged so that nobody can tell. Nobody is asked for a key. */
static int
find_store_lock(struct firn_ws *ws, bool *out, firn_error *err)
{
    firn_keys_info info;
    firn_error why;
    if (!ws->place.is_sure) {
        FI_TRY_RETURN(fi_ws_relocate(ws, err));
    }
    int rc = fi_rekey_list(ws->os, ws->place.store_path, NULL, NULL, &info, &why);
    *out = rc == FIRN_CORRUPT || (rc == FIRN_OK && info.cipher != FIRN_CIPHER_NONE);
    if (rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    fi_error_copy(err, &why);
    return rc;
}

/* What the store knows of a remote that has a name. */
static int
load_known(struct share_locked *locked, firn_error *err)
{
    struct fi_share *share = locked->share;
    FI_TRY_RETURN(fi_share_check_trust(share->ws, share->opened.store_dir, err));
    if (!share->name.is_encrypted) {
        return fi_error_set(err, FIRN_INVALID,
                            "the remote '%s' is not encrypted: no key is needed to check it",
                            share->name.name);
    }
    FI_TRY_RETURN(fi_share_keys_kept(share->opened.db, share->name.name, &locked->kept, err));
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(share->opened.db, FI_SHARE_NOTES, &share->notes, err));
    return fi_share_note_number_seen(share, &locked->number_seen, err);
}

static int
open_remote(struct share_locked *locked, const char *remote, firn_error *err)
{
    struct fi_share *share = locked->share;
    struct firn_ws *ws = share->ws;
    struct fi_share_name *name = &share->name;
    const bool is_url = remote != NULL && strchr(remote, '/') != NULL;
    bool is_store_locked;
    FI_TRY_RETURN(find_store_lock(ws, &is_store_locked, err));
    if (is_store_locked && !is_url) {
        return fi_error_set(err, FIRN_DENIED,
                            "the store '%.512s' is encrypted, and so are the names of its remotes: "
                            "without its key, give the URL of the remote",
                            ws->place.store_path);
    }
    if (!is_store_locked) {
        FI_TRY_RETURN(fi_ws_opened_open_store(ws, FI_WS_READ, &share->opened, err));
    }
    FI_TRY_RETURN(is_url ? fi_share_name_find_url(ws->os, share->opened.db, remote, name, err)
                         : fi_share_name_find(share->opened.db, remote, name, err));
    FI_TRY_RETURN(name->number != 0 ? load_known(locked, err) : FIRN_OK);
    FI_TRY_RETURN(fi_share_bucket_open(ws->os, name->url, false,
                                       locked->options->bytes_per_second_max, &share->bucket, err));
    return name->number != 0 ? FIRN_OK : check_is_encrypted(share, err);
}

/* ==== the list ==== */

/* "packs/….pack", as firn makes them. */
static bool
is_pack_name(const char *name)
{
    static const char ending[] = ".pack";
    const size_t size = strlen(name);
    return strncmp(name, "packs/", 6) == 0 && fi_bucket_is_name(name) &&
           size > 6 + sizeof ending - 1 && strcmp(name + size - (sizeof ending - 1), ending) == 0;
}

static void
tell_foreign(struct share_locked *locked, const char *name)
{
    const firn_notice notice = {.kind = FIRN_NOTICE_FOREIGN,
                                .path = firn_str(name),
                                .text = "it does not belong to the remote"};
    const firn_callbacks *callbacks = locked->share->callbacks;
    if (locked->result->foreign++ < FOREIGN_TOLD_MAX && callbacks->on_notice != NULL) {
        fi_os_callback_notice(callbacks, &notice);
    }
}

static int
share_locked_note_pack(struct share_locked *locked, const struct fi_bucket_object *object)
{
    firn_error why;
    locked->result->packs++;
    locked->result->bytes += object->size_bytes;
    if (object->size_bytes <= FI_BLOCK_BODY_START ||
        object->size_bytes > FI_SHARE_PACK_SIZE_LIMIT) {
        (void)fi_error_set(&why, FIRN_CORRUPT, "'%s' has %" PRIu64 " bytes, as no pack does",
                           object->name, object->size_bytes);
        tell_damage(locked, &why);
        return FIRN_OK;
    }
    if (!locked->options->read_data) {
        return FIRN_OK;
    }
    if (locked->packs.size > NAMES_SIZE_MAX) {
        return fi_remote_too_many_listed(locked->err);
    }
    int rc = fi_buf_append_le64(&locked->packs, object->size_bytes);
    rc = rc == FIRN_OK ? fi_buf_append(&locked->packs, object->name, strlen(object->name) + 1) : rc;
    return rc == FIRN_OK ? FIRN_OK : no_memory(locked->err);
}

static int
share_locked_note_object(void *ctx, const struct fi_bucket_object *object)
{
    struct share_locked *locked = ctx;
    const firn_slice name = firn_str(object->name);
    const uint64_t state = fi_remote_state_number(object->name);
    const uint32_t generation =
        fi_slice_has_prefix(name, firn_str("keys/")) ? fi_share_keys_number(object->name) : 0;
    int rc = FIRN_OK;
    if (++locked->listed_count > FI_REMOTE_LISTED_MAX) {
        return fi_remote_too_many_listed(locked->err);
    }
    if (state != 0) {
        rc = fi_buf_append(&locked->states, &state, sizeof state);
    } else if (generation != 0) {
        rc = fi_buf_append(&locked->keys, &generation, sizeof generation);
    } else if (is_pack_name(object->name)) {
        return share_locked_note_pack(locked, object);
    } else if (strcmp(object->name, FI_REMOTE_MARKER_NAME) == 0) {
        locked->has_marker = true;
    } else if (!fi_slice_has_prefix(name, firn_str("probe/")) &&
               !fi_slice_has_prefix(name, firn_str("incoming/"))) {
        tell_foreign(locked, object->name);
    }
    return rc == FIRN_OK ? FIRN_OK : no_memory(locked->err);
}

/* ==== the marker and the keys ==== */

static int
share_locked_check_marker(struct share_locked *locked, firn_error *err)
{
    const struct fi_share *share = locked->share;
    struct fi_remote_marker marker;
    firn_error why;
    int rc = fi_remote_marker_read(share->bucket, &marker, &why);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "the remote has lost its file %s",
                          FI_REMOTE_MARKER_NAME);
    } else if (rc == FIRN_INVALID) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "'%s' is not what a remote has there",
                          FI_REMOTE_MARKER_NAME);
    } else if (rc == FIRN_OK && !locked->has_marker) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "the storage has '%s', and does not list it",
                          FI_REMOTE_MARKER_NAME);
    } else if (rc == FIRN_OK && !marker.is_encrypted) {
        rc = fi_error_set(&why, FIRN_CORRUPT,
                          "'%s' says that the remote is in clear, which it is not",
                          FI_REMOTE_MARKER_NAME);
    } else if (rc == FIRN_OK && share->name.number != 0 &&
               memcmp(marker.id, share->name.id, sizeof marker.id) != 0) {
        rc = fi_error_set(&why, FIRN_CORRUPT,
                          "'%s' has another id than the remote had: it is of another remote",
                          FI_REMOTE_MARKER_NAME);
    }
    return share_locked_report(locked, rc, &why, err);
}

/* The newest keys, which the store may know in an older version, but in no newer one. */
static int
check_newest_keys(struct share_locked *locked, struct fi_share_keys *newest, firn_error *err)
{
    const struct fi_keys *kept = locked->kept.keys.keys;
    FI_TRY_RETURN(fi_share_keys_read(locked->share->bucket, newest, err));
    locked->result->bytes_read += newest->file.size;
    return kept != NULL ? fi_share_keys_compare(kept, newest->keys, err) : FIRN_OK;
}

/* A version that the newest one has replaced, and that was not removed yet. */
static int
check_old_keys(struct share_locked *locked, uint32_t generation, const struct fi_keys *newest,
               firn_error *err)
{
    char name[FI_SHARE_KEYS_NAME_SIZE];
    struct fi_keys *keys = NULL;
    fi_share_keys_name(generation, name);
    int rc = get_object(locked, name, FI_KEYS_SIZE_MAX + 1, err);
    if (rc == FIRN_NOT_FOUND) {
        return check_removed(locked, name, err);
    }
    FI_TRY(rc);
    locked->result->keys++;
    FI_TRY(fi_keys_decode(fi_buf_slice(&locked->object), &keys, err));
    if (fi_keys_generation(keys) != generation ||
        (newest != NULL && memcmp(fi_keys_id(keys), fi_keys_id(newest), FI_KEYS_ID_SIZE) != 0)) {
        rc = fi_error_set(err, FIRN_CORRUPT, "it is not a version of the newest keys");
    }
out:
    fi_keys_destroy(keys);
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "'%s'", name);
    }
    return rc;
}

static int
share_locked_check_keys(struct share_locked *locked, firn_error *err)
{
    const uint32_t *generations = (const uint32_t *)(void *)locked->keys.data;
    const size_t count = locked->keys.size / sizeof *generations;
    struct fi_share_keys newest = {.keys = NULL};
    char name[FI_SHARE_KEYS_NAME_SIZE];
    firn_error why;
    int rc = check_newest_keys(locked, &newest, &why);
    if (rc == FIRN_NOT_FOUND && locked->states.size == 0 && locked->result->packs == 0 &&
        locked->share->name.number == 0) {
        FI_TRY(fi_error_set(err, rc, "the remote at %s was begun, and has no keys yet",
                            locked->share->name.url));
    }
    locked->result->keys += rc != FIRN_NOT_FOUND;
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(&why, FIRN_CORRUPT, "the remote has lost its keys");
    } else if (rc != FIRN_OK && count > 0) {
        fi_share_keys_name(generations[count - 1], name);
        fi_error_prefix(&why, "'%s'", name);
    }
    FI_TRY(share_locked_report(locked, rc, &why, err));
    for (size_t i = 0; i + 1 < count; i++) {
        rc = check_old_keys(locked, generations[i], newest.keys, &why);
        FI_TRY(share_locked_report(locked, rc, &why, err));
    }
out:
    fi_share_keys_deinit(&newest);
    return rc;
}

/* ==== the states ==== */

/* The first state that no prune has removed. */
static uint64_t
first_kept(uint64_t last)
{
    const uint64_t full = last - last % FI_REMOTE_FULL_EVERY;
    return full > FI_REMOTE_FULL_EVERY ? full - FI_REMOTE_FULL_EVERY : 1;
}

static void
tell_missing(struct share_locked *locked, uint64_t from, uint64_t to)
{
    char first[FI_REMOTE_STATE_NAME_SIZE];
    char last[FI_REMOTE_STATE_NAME_SIZE];
    firn_error why;
    fi_remote_state_name(from, first);
    fi_remote_state_name(to, last);
    (void)(from == to ? fi_error_set(&why, FIRN_CORRUPT, "'%s' is missing", first)
                      : fi_error_set(&why, FIRN_CORRUPT, "'%s' to '%s' are missing", first, last));
    tell_damage(locked, &why);
}

/* The first state that later ones need, or that has to be there: after a rotation of master keys,
 * all states before a full one are removed that older keys open. */
static uint64_t
first_needed(const uint64_t *numbers, size_t count)
{
    const uint64_t last = count > 0 ? numbers[count - 1] : 0;
    const uint64_t full = last - last % FI_REMOTE_FULL_EVERY;
    const uint64_t first = first_kept(last);
    return full > 0 && numbers[0] <= full && numbers[0] > first ? numbers[0] : first;
}

/* Whether one is missing that later ones need, or that was there. */
static void
check_numbers(struct share_locked *locked)
{
    const uint64_t *numbers = (const uint64_t *)(void *)locked->states.data;
    const size_t count = locked->states.size / sizeof *numbers;
    const uint64_t last = count > 0 ? numbers[count - 1] : 0;
    firn_error why;
    uint64_t next = first_needed(numbers, count);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] > next) {
            tell_missing(locked, next, numbers[i] - 1);
        }
        next = numbers[i] + 1 > next ? numbers[i] + 1 : next;
    }
    if (last < locked->number_seen) {
        tell_missing(locked, last + 1, locked->number_seen);
    } else if (last == 0 && locked->result->packs > 0) {
        (void)fi_error_set(&why, FIRN_CORRUPT,
                           "there are packs, and no state: the remote has lost its states, or the "
                           "first push to it has not ended");
        tell_damage(locked, &why);
    }
}

static int
check_state(struct share_locked *locked, uint64_t number, uint64_t last, firn_error *err)
{
    char name[FI_REMOTE_STATE_NAME_SIZE];
    struct fi_cipher_keyring_use use;
    fi_remote_state_name(number, name);
    int rc =
        get_object(locked, name, FI_REMOTE_STATE_SIZE_MAX + FI_REMOTE_SEAL_OVERHEAD_MAX + 1, err);
    if (rc == FIRN_NOT_FOUND) {
        FI_TRY_RETURN(check_removed(locked, name, err));
        return number < first_kept(last)
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_BUSY,
                                  "'%s' was removed while the remote was checked: check it again",
                                  name);
    }
    FI_TRY_RETURN(rc);
    locked->result->states++;
    rc = fi_remote_seal_verify(number, fi_buf_slice(&locked->object), &use, err);
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "'%s': bytes 0 to %zu", name, locked->object.size);
        return rc;
    }
    return check_master(locked, use.number, use.check, name, err);
}

/* The newest first: what it says of its master key counts. */
static int
check_states(struct share_locked *locked, firn_error *err)
{
    const uint64_t *numbers = (const uint64_t *)(void *)locked->states.data;
    const size_t count = locked->states.size / sizeof *numbers;
    const uint64_t last = count > 0 ? numbers[count - 1] : 0;
    locked->result->state = last;
    check_numbers(locked);
    for (size_t i = count; i > 0; i--) {
        firn_error why;
        int rc = check_state(locked, numbers[i - 1], last, &why);
        FI_TRY_RETURN(share_locked_report(locked, rc, &why, err));
    }
    return FIRN_OK;
}

/* ==== the packs ==== */

/* Fills the window that was not needed for the longest time. */
static int
fill_window(struct share_locked *locked, uint64_t start, struct window **out, firn_error *err)
{
    struct window *window = &locked->windows[0];
    const uint64_t left = locked->pack->size_bytes - start;
    const size_t size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
    for (size_t i = 1; i < WINDOW_COUNT; i++) {
        window = locked->windows[i].used < window->used ? &locked->windows[i] : window;
    }
    window->start = UINT64_MAX;
    FI_TRY_RETURN(step(locked, "fetch", err));
    FI_TRY_RETURN(
        fi_bucket_get(locked->share->bucket, locked->pack->name, start, size, &window->bytes, err));
    locked->result->bytes_read += window->bytes.size;
    if (window->bytes.size != size) {
        return fi_error_set(
            err, FIRN_CORRUPT, "'%s' ends at %" PRIu64 ", and is listed with %" PRIu64 " bytes",
            locked->pack->name, start + window->bytes.size, locked->pack->size_bytes);
    }
    window->start = start;
    *out = window;
    return FIRN_OK;
}

static int
find_window(struct share_locked *locked, uint64_t offset, struct window **out, firn_error *err)
{
    const uint64_t start = offset - offset % WINDOW_SIZE;
    *out = NULL;
    for (size_t i = 0; i < WINDOW_COUNT && *out == NULL; i++) {
        *out = locked->windows[i].start == start ? &locked->windows[i] : NULL;
    }
    FI_TRY_RETURN(*out == NULL ? fill_window(locked, start, out, err) : FIRN_OK);
    (*out)->used = ++locked->window_clock;
    return FIRN_OK;
}

/* fi_block_source.read. What went wrong with the storage is kept in locked->read_rc, as it is not
 * for block_verify.c to call that damage (I1). */
static int
read_pack(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    struct share_locked *locked = ctx;
    uint8_t *to = out;
    DCHECK(offset <= locked->pack->size_bytes && size <= locked->pack->size_bytes - offset);
    while (size > 0 && locked->read_rc == FIRN_OK) {
        struct window *window;
        locked->read_rc = find_window(locked, offset, &window, &locked->read_why);
        if (locked->read_rc == FIRN_OK) {
            const size_t at = (size_t)(offset - window->start);
            const size_t there = window->bytes.size - at;
            const size_t part = size < there ? size : there;
            memcpy(to, window->bytes.data + at, part);
            to += part;
            offset += part;
            size -= part;
        }
    }
    return locked->read_rc == FIRN_OK ? FIRN_OK
                                      : fi_error_set(err, FIRN_FAILED, "the pack was not read");
}

static void
on_damage(void *ctx, const firn_error *found)
{
    tell_damage(ctx, found);
}

static int
judge_pack(void *ctx, const struct fi_block_reader *reader, firn_error *err)
{
    struct share_locked *locked = ctx;
    uint8_t check[FI_BLOCK_KEY_CHECK_SIZE];
    const uint32_t number = fi_block_reader_master_key(reader, check);
    return check_master(locked, number, check, locked->pack->name, err);
}

static int
on_step(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    (void)files, (void)bytes;
    return step(ctx, "verify", err);
}

static int
share_locked_verify_pack(struct share_locked *locked, const struct listed_pack *pack,
                         firn_error *err)
{
    const struct fi_step told = {on_step, locked};
    const struct fi_block_verify_host host = {.on_damage = on_damage,
                                              .ctx = locked,
                                              .step = &told,
                                              .must_be_encrypted = true,
                                              .judge = judge_pack};
    const struct fi_block_source source = {
        .read = read_pack, .ctx = locked, .size_bytes = pack->size_bytes, .path = pack->name};
    struct fi_block_verify_counts counts;
    locked->pack = pack;
    locked->read_rc = FIRN_OK;
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        locked->windows[i].start = UINT64_MAX;
    }
    int rc = fi_block_verify_source(&source, FI_BLOCK_FILE_PACK, &host, &counts, err);
    locked->result->blocks += counts.blocks;
    if (locked->read_rc == FIRN_NOT_FOUND) {
        return check_removed(locked, pack->name, err);
    }
    if (locked->read_rc != FIRN_OK) {
        fi_error_copy(err, &locked->read_why);
        return locked->read_rc;
    }
    return rc;
}

static int
verify_packs(struct share_locked *locked, firn_error *err)
{
    const struct fi_buf *packs = &locked->packs;
    locked->total = locked->result->bytes_read + locked->result->bytes;
    for (size_t at = 0; at < packs->size;) {
        const struct listed_pack pack = {.name = (const char *)packs->data + at + 8,
                                         .size_bytes = fi_load_le64(packs->data + at)};
        firn_error why;
        int rc = share_locked_verify_pack(locked, &pack, &why);
        FI_TRY_RETURN(share_locked_report(locked, rc, &why, err));
        at += 8 + strlen(pack.name) + 1;
    }
    return FIRN_OK;
}

/* ==== all of it ==== */

static int
check_locked(struct share_locked *locked, const char *remote, firn_error *err)
{
    FI_TRY_RETURN(open_remote(locked, remote, err));
    locked->err = err;
    FI_TRY_RETURN(
        fi_bucket_list(locked->share->bucket, "", NULL, share_locked_note_object, locked, err));
    FI_TRY_RETURN(share_locked_check_marker(locked, err));
    FI_TRY_RETURN(share_locked_check_keys(locked, err));
    FI_TRY_RETURN(check_states(locked, err));
    FI_TRY_RETURN(verify_packs(locked, err));
    if (locked->why.code != FIRN_OK) {
        fi_error_copy(err, &locked->why);
    }
    return locked->why.code;
}

int
fi_share_locked(struct firn_ws *ws, const char *remote,
                const firn_remote_check_locked_options *options,
                firn_remote_check_locked_result *out, firn_error *err)
{
    struct fi_share share = {.ws = ws, .callbacks = &options->callbacks};
    struct share_locked locked = {.share = &share, .options = options, .result = out};
    *out = (firn_remote_check_locked_result)FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT;
    int rc = check_locked(&locked, remote, err);
    out->requests = share.bucket != NULL ? share.bucket->request_count : 0;
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        fi_buf_deinit(&locked.windows[i].bytes);
    }
    fi_buf_deinit(&locked.states);
    fi_buf_deinit(&locked.keys);
    fi_buf_deinit(&locked.packs);
    fi_buf_deinit(&locked.masters);
    fi_buf_deinit(&locked.object);
    fi_share_keys_kept_deinit(&locked.kept);
    return fi_share_close(&share, rc, err);
}
