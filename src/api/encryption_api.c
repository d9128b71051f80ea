/* SPDX-License-Identifier: Apache-2.0
 *
 * api/encryption_api.c: the public functions of keys: arguments are checked here, everything else
 * is in rekey/rekey.h, and for remotes in share/share.h.
 */
#include <string.h>

#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "cipher/cipher.h"
#include "firn/encryption.h"
#include "keys/keys_recovery.h"
#include "os/os_secret.h"
#include "posix/os_default.h"
#include "rekey/rekey.h"
#include "share/share.h"
#include "threads/os_callback.h"

const char *
firn_cipher_name(firn_cipher cipher)
{
    const char *name = fi_cipher_name(cipher);
    return cipher == FIRN_CIPHER_NONE        ? "none"
           : cipher == FIRN_CIPHER_AUTOMATIC ? "automatic"
           : name == NULL                    ? "unknown"
                                             : name;
}

/* ---- arguments ---- */

/* A store, and what opens it. The second points to the first. */
struct place {
    struct fi_unlock_source source;
    struct fi_rekey rekey;
};

static int
read_place(const char *path, const firn_keys_options *options, struct place *out, firn_error *err)
{
    firn_keys_options given = FIRN_KEYS_OPTIONS_INIT;
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of a store must not be empty");
    API_OPENS("store", err);
    API_READ_OPTIONS(given, options, err);
    out->source = fi_unlock_source_of(given.source);
    out->rekey = (struct fi_rekey){.os = fi_os_default(),
                                   .path = path,
                                   .source = &out->source,
                                   .lock_timeout_ms = given.lock_timeout_ms,
                                   .prepare = api_store_guard};
    return FIRN_OK;
}

static int
read_secret(const firn_keys_secret *secret, struct fi_cipher_passphrase_cost cost,
            struct fi_keys_secret *out, firn_error *err)
{
    API_REQUIRE(secret != NULL, err, "secret must not be NULL");
    API_REQUIRE(secret->kind == FIRN_KEYS_PASSPHRASE || secret->kind == FIRN_KEYS_FILE ||
                    secret->kind == FIRN_KEYS_RECOVERY,
                err, "the kind of the secret is not a firn_keys_kind");
    API_REQUIRE(api_check_is_slice(secret->bytes), err, "the secret has a size, but no address");
    *out = (struct fi_keys_secret){
        .kind = (enum fi_keys_kind)secret->kind, .bytes = secret->bytes, .cost = cost};
    return FIRN_OK;
}

/* For firn_keys_add, and its twin of remotes. */
static int
make_recovery(char out_code[FIRN_KEYS_RECOVERY_SIZE], firn_keys_secret *out, firn_error *err)
{
    _Static_assert((int)FIRN_KEYS_RECOVERY_SIZE == (int)FI_KEYS_RECOVERY_TEXT_SIZE,
                   "the text fits");
    uint8_t bits[FI_KEYS_RECOVERY_SIZE];
    API_REQUIRE(out_code != NULL, err, "out_code must not be NULL");
    memset(out_code, 0, FIRN_KEYS_RECOVERY_SIZE);
    FI_TRY_RETURN(fi_os_random(fi_os_default(), bits, sizeof bits, err));
    fi_keys_recovery_encode(bits, out_code);
    fi_os_secret_wipe(bits, sizeof bits);
    *out = (firn_keys_secret){FIRN_KEYS_RECOVERY, firn_str(out_code)};
    return FIRN_OK;
}

static int
read_number(unsigned number, firn_error *err)
{
    return number >= 1 && number <= UINT16_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_NOT_FOUND, "there is no slot %u", number);
}

/* ---- slots ---- */

struct listing {
    int (*on_slot)(void *ctx, const firn_keys_slot *slot);
    void *ctx;
};

static int
list_within(void *ctx, const firn_keys_slot *slot)
{
    const struct listing *listing = ctx;
    unsigned begun = fi_os_callback_begin();
    int rc = listing->on_slot(listing->ctx, slot);
    fi_os_callback_end(begun);
    return rc;
}

int
firn_keys_list(const char *path, int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
               firn_keys_info *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keys_info info;
    struct listing listing = {on_slot, ctx};
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of a store must not be empty");
    API_OPENS("store", err);
    int rc = fi_rekey_list(fi_os_default(), path, on_slot == NULL ? NULL : list_within, &listing,
                           &info, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &info, sizeof info);
    }
    return api_check_told(rc, err);
}

typedef int make_slot(const struct fi_rekey *rekey, const struct fi_keys_secret *secret,
                      firn_slice label, uint16_t *out_number, firn_error *err);

/* What firn_keys_add and firn_keys_replace have in common. */
static int
keys_make_slot(const char *path, const firn_keys_secret *secret, const char *label,
               const firn_keys_options *options, make_slot *make, unsigned *out_number,
               firn_error *err)
{
    struct fi_keys_secret given;
    struct place place;
    uint16_t number;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    FI_TRY_RETURN(read_secret(secret, fi_cipher_passphrase_local, &given, err));
    int rc = make(&place.rekey, &given, firn_str(label == NULL ? "" : label), &number, err);
    if (rc == FIRN_OK && out_number != NULL) {
        *out_number = number;
    }
    return api_check_told(rc, err);
}

int
firn_keys_add(const char *path, const firn_keys_secret *secret, const char *label,
              const firn_keys_options *options, unsigned *out_number, firn_error *err)
{
    API_ANY_ERROR(err);
    return keys_make_slot(path, secret, label, options, fi_rekey_add, out_number, err);
}

int
firn_keys_add_recovery(const char *path, const char *label, const firn_keys_options *options,
                       char out_code[FIRN_KEYS_RECOVERY_SIZE], unsigned *out_number,
                       firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keys_secret secret;
    FI_TRY_RETURN(make_recovery(out_code, &secret, err));
    int rc = firn_keys_add(path, &secret, label, options, out_number, err);
    if (rc != FIRN_OK) {
        fi_os_secret_wipe(out_code, FIRN_KEYS_RECOVERY_SIZE);
    }
    return rc;
}

int
firn_keys_change(const char *path, unsigned number, const firn_keys_secret *secret,
                 const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_keys_secret given;
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    FI_TRY_RETURN(read_secret(secret, fi_cipher_passphrase_local, &given, err));
    FI_TRY_RETURN(read_number(number, err));
    return api_check_told(fi_rekey_change(&place.rekey, (uint16_t)number, &given, err), err);
}

int
firn_keys_remove(const char *path, unsigned number, const firn_keys_options *options,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    FI_TRY_RETURN(read_number(number, err));
    return api_check_told(fi_rekey_remove(&place.rekey, (uint16_t)number, err), err);
}

int
firn_keys_rotate(const char *path, const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    return api_check_told(fi_rekey_rotate(&place.rekey, err), err);
}

int
firn_keys_replace(const char *path, const firn_keys_secret *secret, const char *label,
                  const firn_keys_options *options, unsigned *out_number, firn_error *err)
{
    API_ANY_ERROR(err);
    return keys_make_slot(path, secret, label, options, fi_rekey_replace, out_number, err);
}

/* ---- writing a store anew ---- */

int
firn_keys_encrypt(const char *path, firn_cipher cipher, const firn_keys_options *options,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    API_REQUIRE(cipher != FIRN_CIPHER_NONE &&
                    (cipher == FIRN_CIPHER_AUTOMATIC || fi_cipher_name(cipher) != NULL),
                err, "the cipher is not one of firn_cipher, or none");
    const unsigned number = cipher == FIRN_CIPHER_AUTOMATIC ? 0 : cipher;
    return api_check_told(fi_rekey_change_encrypt(&place.rekey, number, err), err);
}

/* What an encrypted store keeps of its remotes opens them, and is never to be in clear. */
static int
refuse_remotes(const struct fi_rekey *rekey, firn_error *err)
{
    const struct fi_db_options options = {
        .read_only = true, .unlock = rekey->source, .prepare = rekey->prepare};
    struct firn_db_keyspace *remotes;
    struct firn_db_cursor *cursor = NULL;
    struct firn_db *db = NULL;
    int rc;
    FI_TRY(fi_rekey_check_encrypted(rekey, err));
    FI_TRY(fi_db_path_open(rekey->os, rekey->path, &options, &db, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_CATALOG_REMOTES, &remotes, err));
    if (remotes != NULL) {
        FI_TRY(fi_db_cursor_open(remotes, NULL, &cursor, err));
        FI_TRY(fi_db_cursor_first(cursor, err));
        if (fi_db_cursor_valid(cursor)) {
            rc = fi_error_set(err, FIRN_CONFLICT,
                              "the store in '%s' has remotes, and keeps what opens them, which "
                              "would be in clear: remove them first (firn remote remove)",
                              rekey->path);
        }
    }
out:
    if (cursor != NULL) {
        fi_db_cursor_close(cursor);
    }
    if (db != NULL) {
        int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

int
firn_keys_decrypt(const char *path, const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    int rc = refuse_remotes(&place.rekey, err);
    /* INVALID: it is in clear already, but may have keys that are left. */
    rc = rc == FIRN_OK || rc == FIRN_INVALID ? fi_rekey_change_decrypt(&place.rekey, err) : rc;
    return api_check_told(rc, err);
}

int
firn_keys_rekey(const char *path, const firn_keys_rekey_options *options,
                firn_keys_rekey_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keys_rekey_options given = FIRN_KEYS_REKEY_OPTIONS_INIT;
    firn_keys_rekey_result result = FIRN_KEYS_REKEY_RESULT_INIT;
    struct fi_rekey_left left;
    struct place place;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_READ_OPTIONS(given, options, err);
    const firn_keys_options opens = {sizeof opens, given.source, given.lock_timeout_ms};
    FI_TRY_RETURN(read_place(path, &opens, &place, err));
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    int rc = fi_rekey_renew_run(&place.rekey, &progress, &result.rekeyed, &left, err);
    if (rc == FIRN_OK && out != NULL) {
        result.left = left.files;
        result.packs = left.packs;
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

/* ---- the session keyring ---- */

int
firn_keys_remember(const char *path, uint32_t seconds, const firn_keys_options *options,
                   firn_error *err)
{
    API_ANY_ERROR(err);
    struct place place;
    FI_TRY_RETURN(read_place(path, options, &place, err));
    return api_check_told(fi_rekey_remember(&place.rekey, seconds, err), err);
}

int
firn_keys_forget(const char *path, size_t *out_count, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path == NULL || path[0] != '\0', err, "the path of a store must not be empty");
    return api_check_told(fi_rekey_forget(fi_os_default(), path, out_count, err), err);
}

/* ---- of remotes ---- */

/* So that it fits in nanoseconds beside a clock. */
#define LOCK_TIMEOUT_MS_MAX (INT64_C(1) << 40)

/* As struct place. */
struct remote_place {
    struct fi_unlock_source source;
    struct fi_share_rekey rekey;
};

static int
read_remote(firn_workspace *workspace, const char *name, const firn_keys_options *options,
            struct remote_place *out, firn_error *err)
{
    firn_keys_options given = FIRN_KEYS_OPTIONS_INIT;
    API_OWN(workspace, "workspace", err);
    API_REQUIRE(name == NULL || name[0] != '\0', err,
                "the name or URL of a remote must not be empty");
    API_READ_OPTIONS(given, options, err);
    out->source = fi_unlock_source_of(given.source);
    out->rekey = (struct fi_share_rekey){
        .ws = workspace,
        .remote = name,
        .source = given.source != NULL ? &out->source : NULL,
        .lock_timeout_ms = given.lock_timeout_ms < LOCK_TIMEOUT_MS_MAX ? given.lock_timeout_ms
                                                                       : LOCK_TIMEOUT_MS_MAX};
    return FIRN_OK;
}

int
firn_remote_keys_list(firn_workspace *workspace, const char *remote,
                      int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                      firn_keys_info *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keys_info info;
    struct listing listing = {on_slot, ctx};
    struct remote_place place;
    API_OWN(workspace, "workspace", err); /* before any other argument */
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    FI_TRY_RETURN(read_remote(workspace, remote, NULL, &place, err));
    int rc = fi_share_rekey_list(&place.rekey, on_slot == NULL ? NULL : list_within, &listing,
                                 &info, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &info, sizeof info);
    }
    return api_check_told(rc, err);
}

typedef int make_remote_slot(const struct fi_share_rekey *rekey,
                             const struct fi_keys_secret *secret, firn_slice label,
                             uint16_t *out_number, firn_error *err);

static int
remote_make_slot(firn_workspace *workspace, const char *remote, const firn_keys_secret *secret,
                 const char *label, const firn_keys_options *options, make_remote_slot *make,
                 unsigned *out_number, firn_error *err)
{
    struct fi_keys_secret given;
    struct remote_place place;
    uint16_t number;
    FI_TRY_RETURN(read_remote(workspace, remote, options, &place, err));
    FI_TRY_RETURN(read_secret(secret, fi_cipher_passphrase_remote, &given, err));
    int rc = make(&place.rekey, &given, firn_str(label == NULL ? "" : label), &number, err);
    if (rc == FIRN_OK && out_number != NULL) {
        *out_number = number;
    }
    return api_check_told(rc, err);
}

int
firn_remote_keys_add(firn_workspace *workspace, const char *remote, const firn_keys_secret *secret,
                     const char *label, const firn_keys_options *options, unsigned *out_number,
                     firn_error *err)
{
    API_ANY_ERROR(err);
    return remote_make_slot(workspace, remote, secret, label, options, fi_share_rekey_add,
                            out_number, err);
}

int
firn_remote_keys_add_recovery(firn_workspace *workspace, const char *remote, const char *label,
                              const firn_keys_options *options,
                              char out_code[FIRN_KEYS_RECOVERY_SIZE], unsigned *out_number,
                              firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keys_secret secret;
    API_OWN(workspace, "workspace", err);
    FI_TRY_RETURN(make_recovery(out_code, &secret, err));
    int rc = firn_remote_keys_add(workspace, remote, &secret, label, options, out_number, err);
    if (rc != FIRN_OK) {
        fi_os_secret_wipe(out_code, FIRN_KEYS_RECOVERY_SIZE);
    }
    return rc;
}

int
firn_remote_keys_change(firn_workspace *workspace, const char *remote, unsigned number,
                        const firn_keys_secret *secret, const firn_keys_options *options,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_keys_secret given;
    struct remote_place place;
    FI_TRY_RETURN(read_remote(workspace, remote, options, &place, err));
    FI_TRY_RETURN(read_secret(secret, fi_cipher_passphrase_remote, &given, err));
    FI_TRY_RETURN(read_number(number, err));
    return api_check_told(fi_share_rekey_change(&place.rekey, (uint16_t)number, &given, err), err);
}

int
firn_remote_keys_remove(firn_workspace *workspace, const char *remote, unsigned number,
                        const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct remote_place place;
    FI_TRY_RETURN(read_remote(workspace, remote, options, &place, err));
    FI_TRY_RETURN(read_number(number, err));
    return api_check_told(fi_share_rekey_remove(&place.rekey, (uint16_t)number, err), err);
}

int
firn_remote_keys_rotate(firn_workspace *workspace, const char *remote,
                        const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct remote_place place;
    FI_TRY_RETURN(read_remote(workspace, remote, options, &place, err));
    return api_check_told(fi_share_rekey_rotate(&place.rekey, err), err);
}

int
firn_remote_keys_replace(firn_workspace *workspace, const char *remote,
                         const firn_keys_secret *secret, const char *label,
                         const firn_keys_options *options, unsigned *out_number, firn_error *err)
{
    API_ANY_ERROR(err);
    return remote_make_slot(workspace, remote, secret, label, options, fi_share_rekey_replace,
                            out_number, err);
}

int
firn_remote_keys_remember(firn_workspace *workspace, const char *remote, uint32_t seconds,
                          const firn_keys_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct remote_place place;
    FI_TRY_RETURN(read_remote(workspace, remote, options, &place, err));
    return api_check_told(fi_share_rekey_remember(&place.rekey, seconds, err), err);
}

int
firn_remote_keys_forget(firn_workspace *workspace, const char *remote, size_t *out_count,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    struct remote_place place;
    FI_TRY_RETURN(read_remote(workspace, remote, NULL, &place, err));
    return api_check_told(fi_share_rekey_forget(&place.rekey, out_count, err), err);
}
