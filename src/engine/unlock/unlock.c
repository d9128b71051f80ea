/* SPDX-License-Identifier: Apache-2.0
 *
 * unlock/unlock.c: see unlock.h.
 *
 * The session keyring has the ring key of a keys file (keys/keys.c), and not a passphrase: it opens
 * the file at once, and stops to do so when the file is renewed. Its name there is "firn:" and the
 * id of the keys, so a store that was moved or copied is found, too.
 *
 * A recovery code is typed where a passphrase is asked for. That a passphrase reads as a code by
 * chance is out of the question: a fifth of a code are check characters, 40 bits.
 *
 * Secrets are in memory for secrets throughout, but for registers and what the kernel copies.
 */
#include "unlock/unlock.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "keys/keys_recovery.h"
#include "os/os_secret.h"
#include "posix/os_keyring.h"
#include "threads/os_callback.h"
#include "unlock/unlock_environment.h"

#define NAME_PREFIX "firn:"
enum { NAME_SIZE = sizeof NAME_PREFIX + (size_t)2 * FI_KEYS_ID_SIZE };

/* ==== secrets ==== */

static bool
have_slot(const struct fi_keys *keys, enum fi_keys_kind kind)
{
    for (size_t i = 0; i < fi_keys_slot_count(keys); i++) {
        if (fi_keys_slot_at(keys, i)->kind == kind) {
            return true;
        }
    }
    return false;
}

/* What was given as a passphrase may be a recovery code. */
static int
find_kind(const struct fi_keys *keys, firn_slice text, enum fi_keys_kind *out, firn_error *err)
{
    void *code;
    *out = FI_KEYS_PASSPHRASE;
    if (!have_slot(keys, FI_KEYS_RECOVERY)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_secret_allocate(FI_KEYS_RECOVERY_SIZE, &code, err));
    if (fi_keys_recovery_decode(text, code, NULL) == FIRN_OK) {
        *out = FI_KEYS_RECOVERY;
    }
    fi_os_secret_free(code);
    return FIRN_OK;
}

static int
try_secret(struct fi_keys *keys, enum fi_keys_kind kind, firn_slice bytes, firn_error *err)
{
    if (kind == FI_KEYS_PASSPHRASE) {
        FI_TRY_RETURN(find_kind(keys, bytes, &kind, err));
    }
    const struct fi_keys_secret secret = {.kind = kind, .bytes = bytes};
    return fi_keys_unlock(keys, &secret, NULL, err);
}

/* Whether another secret, or another try, may mend it. */
static bool
is_of_no_use(int rc)
{
    return rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_NOT_FOUND || rc == FIRN_IO ||
           rc == FIRN_LIMIT;
}

/* The store is denied, whatever was wrong with what should open it; the text says it. */
static int
deny(const char *path, const char *what, firn_error *err)
{
    if (err != NULL) {
        err->code = FIRN_DENIED;
        fi_error_prefix(err, "could not unlock '%.200s'%s%s", path, what[0] != '\0' ? ": " : "",
                        what);
    }
    return FIRN_DENIED;
}

/* ==== the session keyring ==== */

static void
write_name(const uint8_t *id, char *out)
{
    memcpy(out, NAME_PREFIX, sizeof NAME_PREFIX);
    fi_hex_encode(id, FI_KEYS_ID_SIZE, out + sizeof NAME_PREFIX - 1);
}

/* The keys stay locked where the kernel has none that opens them. */
static int
try_session(struct fi_os *os, struct fi_keys *keys, firn_error *err)
{
    char name[NAME_SIZE];
    firn_error ignored;
    size_t size = 0;
    void *memory;
    write_name(fi_keys_id(keys), name);
    FI_TRY_RETURN(fi_os_secret_allocate(FI_CIPHER_KEY_SIZE, &memory, err));
    int rc = fi_os_keyring_get(os, name, memory, FI_CIPHER_KEY_SIZE, &size, &ignored);
    bool has_key = rc == FIRN_OK && size == FI_CIPHER_KEY_SIZE;
    rc = has_key ? fi_keys_unlock_ring(keys, memory, err) : FIRN_OK;
    fi_os_secret_free(memory);
    return rc == FIRN_DENIED ? FIRN_OK : rc;
}

int
fi_unlock_remember(struct fi_os *os, const struct fi_keys *keys, uint32_t seconds, firn_error *err)
{
    char name[NAME_SIZE];
    const uint8_t *ring_key;
    FI_TRY_RETURN(fi_keys_ring_key(keys, &ring_key, err));
    if (seconds == 0) {
        return fi_error_set(err, FIRN_INVALID, "keys are remembered for a second or longer");
    }
    write_name(fi_keys_id(keys), name);
    return fi_os_keyring_put(os, name, firn_bytes(ring_key, FI_CIPHER_KEY_SIZE), seconds, err);
}

int
fi_unlock_forget(struct fi_os *os, const uint8_t *id, size_t *out_count, firn_error *err)
{
    char name[NAME_SIZE];
    size_t count = 0;
    int rc;
    if (id == NULL) {
        rc = fi_os_keyring_remove_all(os, NAME_PREFIX, &count, err);
    } else {
        write_name(id, name);
        rc = fi_os_keyring_remove(os, name, err);
        count = rc == FIRN_OK;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (out_count != NULL) {
        *out_count = count;
    }
    return rc;
}

/* ==== the environment ==== */

/* What to do without a key; for a remote with the variables of remotes. */
#define SET_VARIABLES                                                                         \
    "set FIRN_%sKEY_FILE to the path of a key file, or FIRN_%sKEY_COMMAND to a command that " \
    "prints the passphrase"
#define OF_REMOTE(source) (is_remote(source) ? "REMOTE_" : "")

static bool
is_remote(const struct fi_unlock_source *source)
{
    return source != NULL && source->is_remote;
}

/* The keys stay locked where no variable is set. */
static int
try_environment(struct fi_os *os, const char *path, struct fi_keys *keys,
                const struct fi_unlock_source *source, firn_error *err)
{
    struct fi_unlock_environment found;
    int rc = fi_unlock_environment_get(os, is_remote(source), source != NULL ? source->step : NULL,
                                       &found, err);
    if (rc == FIRN_OK && found.variable != NULL) {
        rc = try_secret(keys, found.kind, firn_bytes(found.memory, found.size), err);
        if (source != NULL && source->wrong != NULL) {
            source->wrong->environment = is_of_no_use(rc);
        }
    }
    fi_os_secret_free(found.memory);
    return is_of_no_use(rc) ? deny(path, found.variable, err) : rc;
}

/* ==== the source ==== */

/* memory: for secrets, with room for FI_UNLOCK_SECRET_SIZE_MAX bytes. */
static int
ask(const struct fi_unlock_source *source, const struct fi_unlock_request *request, void *memory,
    struct fi_unlock_secret *out, firn_error *err)
{
    *out = (struct fi_unlock_secret){.bytes = memory, .kind = FI_KEYS_PASSPHRASE};
    FI_TRY_RETURN(source->get(source->ctx, request, out, err));
    return out->size <= FI_UNLOCK_SECRET_SIZE_MAX && out->bytes == memory
               ? FIRN_OK
               : fi_error_set(err, FIRN_INTERNAL, "a source of keys gave more bytes than it may");
}

static int
ask_and_try(const struct fi_unlock_source *source, const struct fi_unlock_request *request,
            struct fi_keys *keys, bool *out_was_given, firn_error *err)
{
    struct fi_unlock_secret secret;
    void *memory;
    *out_was_given = false;
    FI_TRY_RETURN(fi_os_secret_allocate(FI_UNLOCK_SECRET_SIZE_MAX, &memory, err));
    int rc = ask(source, request, memory, &secret, err);
    if (rc == FIRN_OK) {
        *out_was_given = true;
        rc = try_secret(keys, secret.kind, firn_bytes(memory, secret.size), err);
        if (source->wrong != NULL) {
            source->wrong->source = is_of_no_use(rc);
        }
    }
    fi_os_secret_free(memory);
    return rc;
}

static int
get_from_program(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
                 firn_error *err)
{
    const firn_keys_source *given = ctx;
    const firn_keys_request asked = {
        .path = request->path, .attempt = request->attempt, .is_new = request->is_new};
    firn_keys_answer answer = {
        .kind = FIRN_KEYS_PASSPHRASE, .bytes = out->bytes, .room = FI_UNLOCK_SECRET_SIZE_MAX};
    unsigned begun = fi_os_callback_begin();
    int rc = given->get(given->ctx, &asked, &answer, err);
    fi_os_callback_end(begun);
    out->kind = (enum fi_keys_kind)answer.kind;
    out->size = answer.used;
    return rc;
}

struct fi_unlock_source
fi_unlock_source_of(const firn_keys_source *given)
{
    return given == NULL || given->get == NULL
               ? (struct fi_unlock_source){.get = NULL}
               : (struct fi_unlock_source){.get = get_from_program,
                                           .ctx = (void *)(uintptr_t)given};
}

/* FIRN_NOT_FOUND, with no text: there is nobody to ask. */
static int
try_source(const char *path, struct fi_keys *keys, const struct fi_unlock_source *source,
           firn_error *err)
{
    struct fi_unlock_request request = {.path = path};
    firn_error found;
    bool was_given;
    int rc;
    if (source == NULL || source->get == NULL) {
        return FIRN_NOT_FOUND;
    }
    const unsigned attempts_max =
        source->attempts_max != 0 ? source->attempts_max : FI_UNLOCK_ATTEMPTS_MAX;
    do {
        request.attempt++;
        int now = ask_and_try(source, &request, keys, &was_given, &found);
        if (now == FIRN_NOT_FOUND && !was_given && request.attempt > 1) {
            return deny(path, "", err); /* what was wrong last counts */
        }
        rc = now;
        if (rc != FIRN_OK) {
            fi_error_copy(err, &found);
        }
    } while (was_given && (rc == FIRN_DENIED || rc == FIRN_INVALID) &&
             request.attempt < attempts_max);
    return was_given && is_of_no_use(rc) ? deny(path, "", err) : rc;
}

/* ==== the memory of a handle ==== */

void
fi_unlock_memory_deinit(struct fi_unlock_memory *memory)
{
    fi_os_secret_free(memory->ring_key);
    memory->ring_key = NULL;
}

static struct fi_unlock_memory *
memory_of(const struct fi_unlock_source *source)
{
    return source != NULL ? source->memory : NULL;
}

/* The keys stay locked where what it has opens another file. */
static int
try_memory(const struct fi_unlock_memory *memory, struct fi_keys *keys, firn_error *err)
{
    if (memory == NULL || memory->ring_key == NULL) {
        return FIRN_OK;
    }
    int rc = fi_keys_unlock_ring(keys, memory->ring_key, err);
    return rc == FIRN_DENIED ? FIRN_OK : rc;
}

/* Without memory for it the next opening asks again. */
static void
keep_in_memory(struct fi_unlock_memory *memory, const struct fi_keys *keys)
{
    const uint8_t *ring_key;
    if (memory == NULL || fi_keys_ring_key(keys, &ring_key, NULL) != FIRN_OK ||
        (memory->ring_key == NULL &&
         fi_os_secret_allocate(FI_CIPHER_KEY_SIZE, &memory->ring_key, NULL) != FIRN_OK)) {
        return;
    }
    memcpy(memory->ring_key, ring_key, FI_CIPHER_KEY_SIZE);
}

/* ==== all of them ==== */

static bool
is_only(const struct fi_unlock_source *source)
{
    return source != NULL && source->is_only;
}

static struct fi_os *
os_of(const struct fi_unlock_source *source, struct fi_os *os)
{
    return source != NULL && source->os != NULL ? source->os : os;
}

static const char *
path_of(const struct fi_unlock_source *source, const char *path)
{
    return source != NULL && source->path != NULL ? source->path : path;
}

static int
unlock_by_any(struct fi_os *os, const char *path, struct fi_keys *keys,
              const struct fi_unlock_source *source, firn_error *err)
{
    FI_TRY_RETURN(try_memory(memory_of(source), keys, err));
    if (!fi_keys_is_unlocked(keys)) {
        FI_TRY_RETURN(try_session(os, keys, err));
    }
    if (source != NULL && source->is_quiet) {
        return fi_keys_is_unlocked(keys) ? FIRN_OK : FIRN_NOT_FOUND;
    }
    if (!fi_keys_is_unlocked(keys) && !is_only(source)) {
        FI_TRY_RETURN(try_environment(os, path, keys, source, err));
    }
    return fi_keys_is_unlocked(keys) ? FIRN_OK : try_source(path, keys, source, err);
}

int
fi_unlock_keys(struct fi_os *os, const char *path, struct fi_keys *keys,
               const struct fi_unlock_source *source, firn_error *err)
{
    DCHECK(path != NULL);
    if (fi_keys_is_unlocked(keys)) {
        return FIRN_OK;
    }
    path = path_of(source, path);
    int rc = unlock_by_any(os_of(source, os), path, keys, source, err);
    if (rc == FIRN_OK) {
        keep_in_memory(memory_of(source), keys);
    }
    return rc != FIRN_NOT_FOUND
               ? rc
               : fi_error_set(err, FIRN_DENIED,
                              "'%.200s' is encrypted, and no key was given: " SET_VARIABLES
                              ", or run: firn key unlock%s",
                              path, OF_REMOTE(source), OF_REMOTE(source),
                              is_remote(source) ? " --remote" : "");
}

/* ==== the keys of a new store ==== */

static int
refuse_without_key(const char *path, const struct fi_unlock_source *source, firn_error *err)
{
    return is_only(source)
               ? fi_error_set(err, FIRN_DENIED,
                              "'%.200s' cannot be encrypted without a key: none was given for it",
                              path)
               : fi_error_set(err, FIRN_DENIED,
                              "'%.200s' cannot be encrypted without a key: " SET_VARIABLES, path,
                              OF_REMOTE(source), OF_REMOTE(source));
}

/* A secret for the first slot: *out_secret borrows from *out_memory, which the caller frees. */
static int
get_first_secret(struct fi_os *os, const char *path, const struct fi_unlock_source *source,
                 void **out_memory, struct fi_keys_secret *out_secret, firn_error *err)
{
    const struct fi_unlock_request request = {.path = path, .attempt = 1, .is_new = true};
    struct fi_unlock_secret secret;
    struct fi_unlock_environment found = {0};
    int rc = is_only(source)
                 ? FIRN_OK
                 : fi_unlock_environment_get(os, is_remote(source),
                                             source != NULL ? source->step : NULL, &found, err);
    *out_memory = found.memory;
    if (rc != FIRN_OK || found.variable != NULL) {
        *out_secret = (struct fi_keys_secret){.kind = found.kind,
                                              .bytes = firn_bytes(found.memory, found.size)};
        return is_of_no_use(rc) ? deny(path, found.variable, err) : rc;
    }
    if (source == NULL || source->get == NULL) {
        return refuse_without_key(path, source, err);
    }
    if (*out_memory == NULL) {
        FI_TRY_RETURN(fi_os_secret_allocate(FI_UNLOCK_SECRET_SIZE_MAX, out_memory, err));
    }
    rc = ask(source, &request, *out_memory, &secret, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? refuse_without_key(path, source, err) : rc;
    }
    *out_secret =
        (struct fi_keys_secret){.kind = secret.kind, .bytes = firn_bytes(*out_memory, secret.size)};
    return FIRN_OK;
}

int
fi_unlock_new_keys(struct fi_os *os, const char *path, const struct fi_unlock_source *source,
                   struct fi_keys **out, firn_error *err)
{
    struct fi_keys_secret secret;
    struct fi_keys *keys = NULL;
    void *memory = NULL;
    uint16_t number;
    int rc;
    *out = NULL;
    FI_TRY(
        get_first_secret(os_of(source, os), path_of(source, path), source, &memory, &secret, err));
    secret.cost = is_remote(source) ? fi_cipher_passphrase_remote : fi_cipher_passphrase_local;
    FI_TRY(fi_keys_create(os, &keys, err));
    FI_TRY(fi_keys_add_slot(keys, os, &secret, firn_bytes(NULL, 0), &number, err));
    keep_in_memory(memory_of(source), keys);
    *out = keys;
    keys = NULL;
out:
    fi_keys_destroy(keys);
    fi_os_secret_free(memory);
    return rc;
}

/* ==== what a store is opened with ==== */

/* All master keys; borrowed from keys, in an array that the caller frees. */
static int
list_masters(const struct fi_keys *keys, struct fi_cipher_keyring_master **out, firn_error *err)
{
    const size_t count = fi_keys_master_count(keys);
    const uint8_t *newest;
    int64_t made_ns;
    FI_TRY_RETURN(fi_keys_master(keys, 0, &newest, NULL, err)); /* they are unlocked */
    *out = fi_alloc(count * sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "the keys of a store");
    }
    for (size_t i = 0; i < count; i++) {
        (*out)[i].number = fi_keys_master_number(keys, i, &made_ns);
        FI_TRY_RETURN(fi_keys_master(keys, (*out)[i].number, &(*out)[i].key, NULL, err));
    }
    return FIRN_OK;
}

int
fi_unlock_keyring(const struct fi_keys *keys, unsigned cipher, struct fi_cipher_keyring **out,
                  firn_error *err)
{
    const size_t count = fi_keys_master_count(keys);
    struct fi_cipher_keyring_master *masters = NULL;
    int rc;
    *out = NULL;
    FI_TRY(list_masters(keys, &masters, err));
    rc = fi_cipher_keyring_create(cipher, masters, count, out, err);
out:
    fi_free(masters);
    return rc;
}

int
fi_unlock_keyring_extend(const struct fi_keys *keys, struct fi_cipher_keyring *keyring,
                         firn_error *err)
{
    struct fi_cipher_keyring_master *masters = NULL;
    int rc;
    FI_TRY(list_masters(keys, &masters, err));
    rc = fi_cipher_keyring_extend(keyring, masters, fi_keys_master_count(keys), err);
out:
    fi_free(masters);
    return rc;
}
