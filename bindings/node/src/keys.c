/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c: the keys of an encrypted store, or of an encrypted remote of a workspace. Two calls take
 * what any function of keys does, and `what` says which one it is: keys of a store, by its path;
 * wsKeys of a remote, in the workspace's lane.
 *
 * Copies of secrets are made for one call, and wiped when it ends.
 */
#include <string.h>

#include "monitor.h"

enum what {
    LIST,
    ADD,
    ADD_RECOVERY,
    CHANGE,
    REMOVE,
    ROTATE,
    ENCRYPT,
    DECRYPT,
    REMEMBER,
    FORGET,
    REPLACE,
    WHATS
};

struct slot_item {
    struct slot_item *next;
    firn_keys_slot slot; /* its label is in the call */
};

struct keys_call {
    struct call call;
    const char *path; /* of a store; NULL: all stores, or a remote */
    struct handle *workspace;
    const char *remote;
    const char *label;
    int what;
    unsigned number;
    uint32_t seconds;
    firn_cipher cipher;
    int64_t lock_timeout_ms;
    struct key secret;
    struct key key;
    struct slot_item *first;
    struct slot_item **end;
    firn_keys_info info;
    unsigned out_number;
    size_t out_count;
    char code[FIRN_KEYS_RECOVERY_SIZE];
};

static struct keys_call *
keys_call(struct call *call)
{
    return (struct keys_call *)(void *)call;
}

static bool
arg_lock_timeout(struct args *args, size_t i, int64_t *out)
{
    uint64_t wait;
    const firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    if (!arg_u64(args, i, "lockTimeout", (uint64_t)options.lock_timeout_ms, &wait)) {
        return false;
    }
    *out = wait < INT64_MAX ? (int64_t)wait : INT64_MAX;
    return true;
}

/* keys(path, what, number, secret, secretIsText, label, seconds, cipher, key, keyIsText, lockTimeout), and
 * wsKeys(workspace, ..., remote): from the second on. */
static bool
parse_rest(struct args *args, struct keys_call *self)
{
    const firn_keys_info info = FIRN_KEYS_INFO_INIT;
    uint64_t number;
    uint64_t seconds;
    int cipher;
    self->info = info;
    self->end = &self->first;
    if (!arg_enum(args, 1, "operation", WHATS - 1, &self->what) ||
        !arg_u64(args, 2, "number", 0, &number) || !arg_key(args, 3, &self->secret) ||
        !arg_text_or_none(args, 5, "label", &self->label) ||
        !arg_u64(args, 6, "seconds", 0, &seconds) ||
        !arg_enum(args, 7, "cipher", FIRN_CIPHER_AUTOMATIC, &cipher) ||
        !arg_key(args, 8, &self->key) || !arg_lock_timeout(args, 10, &self->lock_timeout_ms)) {
        return false;
    }
    self->number = number < UINT32_MAX ? (unsigned)number : UINT32_MAX;
    self->seconds = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
    self->cipher = (firn_cipher)cipher;
    return true;
}

static bool
keys_parse(struct args *args, struct call *call)
{
    struct keys_call *self = keys_call(call);
    return arg_text_or_none(args, 0, "path", &self->path) && parse_rest(args, self);
}

static bool
ws_keys_parse(struct args *args, struct call *call)
{
    struct keys_call *self = keys_call(call);
    return arg_handle(args, 0, HANDLE_WORKSPACE, &self->workspace) && parse_rest(args, self) &&
           arg_text_or_none(args, 11, "remote", &self->remote);
}

static int
on_slot(void *ctx, const firn_keys_slot *slot)
{
    struct keys_call *self = ctx;
    struct slot_item *item = arena_take(&self->call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->slot = *slot;
    item->slot.label =
        (const char *)arena_copy(&self->call.arena, slot->label, strlen(slot->label));
    *self->end = item;
    self->end = &item->next;
    return item->slot.label != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
run_store(struct keys_call *self, const firn_keys_secret *secret, const firn_keys_options *options,
          firn_error *err)
{
    const char *const path = self->path;
    switch ((enum what)self->what) {
    case LIST:
        return firn_keys_list(path, on_slot, self, &self->info, err);
    case ADD:
        return firn_keys_add(path, secret, self->label, options, &self->out_number, err);
    case ADD_RECOVERY:
        return firn_keys_add_recovery(path, self->label, options, self->code, &self->out_number,
                                      err);
    case CHANGE:
        return firn_keys_change(path, self->number, secret, options, err);
    case REMOVE:
        return firn_keys_remove(path, self->number, options, err);
    case ROTATE:
        return firn_keys_rotate(path, options, err);
    case ENCRYPT:
        return firn_keys_encrypt(path, self->cipher, options, err);
    case DECRYPT:
        return firn_keys_decrypt(path, options, err);
    case REPLACE:
        return firn_keys_replace(path, secret, self->label, options, &self->out_number, err);
    case REMEMBER:
        return firn_keys_remember(path, self->seconds, options, err);
    default:
        assert(self->what == FORGET);
        return firn_keys_forget(path, &self->out_count, err);
    }
}

static int
run_remote(struct keys_call *self, const firn_keys_secret *secret, const firn_keys_options *options,
           firn_error *err)
{
    firn_workspace *const workspace = self->workspace->object;
    const char *const remote = self->remote;
    switch ((enum what)self->what) {
    case LIST:
        return firn_remote_keys_list(workspace, remote, on_slot, self, &self->info, err);
    case ADD:
        return firn_remote_keys_add(workspace, remote, secret, self->label, options,
                                    &self->out_number, err);
    case ADD_RECOVERY:
        return firn_remote_keys_add_recovery(workspace, remote, self->label, options, self->code,
                                             &self->out_number, err);
    case CHANGE:
        return firn_remote_keys_change(workspace, remote, self->number, secret, options, err);
    case REMOVE:
        return firn_remote_keys_remove(workspace, remote, self->number, options, err);
    case ROTATE:
        return firn_remote_keys_rotate(workspace, remote, options, err);
    case REPLACE:
        return firn_remote_keys_replace(workspace, remote, secret, self->label, options,
                                        &self->out_number, err);
    case REMEMBER:
        return firn_remote_keys_remember(workspace, remote, self->seconds, options, err);
    default:
        assert(self->what == FORGET); /* and the others are of stores */
        return firn_remote_keys_forget(workspace, remote, &self->out_count, err);
    }
}

static int
keys_run(struct call *call, firn_error *err)
{
    struct keys_call *self = keys_call(call);
    const firn_keys_source source = key_source(&self->key);
    const firn_keys_secret secret = {self->secret.is_text ? FIRN_KEYS_PASSPHRASE : FIRN_KEYS_FILE,
                                     firn_bytes(self->secret.bytes, self->secret.size)};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    options.source = self->key.is_given ? &source : NULL;
    options.lock_timeout_ms = self->lock_timeout_ms;
    return self->workspace != NULL ? run_remote(self, &secret, &options, err)
                                   : run_store(self, &secret, &options, err);
}

/* The names are those of options.js. */
static const char *
cipher_name(firn_cipher cipher)
{
    static const char *const names[] = {"none", "xchacha20-poly1305", "aes-256-gcm", "aegis-256"};
    return cipher <= FIRN_CIPHER_AEGIS_256 ? names[cipher] : "unknown";
}

static napi_value
slot_to_js(napi_env env, const firn_keys_slot *slot)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "number", slot->number);
    set_text(env, object, "kind",
             slot->kind == FIRN_KEYS_PASSPHRASE ? "passphrase"
             : slot->kind == FIRN_KEYS_FILE     ? "file"
                                                : "recovery");
    set_text(env, object, "label", slot->label);
    set_bigint(env, object, "addedNs", slot->added_ns);
    return object;
}

static napi_value
list_to_js(napi_env env, const struct keys_call *self)
{
    static const char *const states[] = {"settled", "encrypting", "decrypting"};
    const struct slot_item *item;
    napi_value object = NULL;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &array);
    for (item = self->first; item != NULL && array != NULL; item = item->next) {
        (void)napi_set_element(env, array, i++, slot_to_js(env, &item->slot));
    }
    set_text(env, object, "cipher", cipher_name(self->info.cipher));
    set_value(env, object, "slots", array);
    set_number(env, object, "masterKeys", self->info.master_keys);
    set_bool(env, object, "isRemembered", self->info.is_remembered);
    set_bool(env, object, "isKept", self->info.is_kept);
    set_text(env, object, "state",
             self->info.state <= FIRN_KEYS_STATE_DECRYPTING ? states[self->info.state] : "unknown");
    return object;
}

static napi_value
keys_finish(napi_env env, struct call *call)
{
    const struct keys_call *self = keys_call(call);
    napi_value object = NULL;
    switch ((enum what)self->what) {
    case LIST:
        return list_to_js(env, self);
    case ADD:
    case REPLACE:
        return make_number(env, self->out_number);
    case ADD_RECOVERY:
        (void)napi_create_object(env, &object);
        set_number(env, object, "number", self->out_number);
        set_text(env, object, "code", self->code);
        return object;
    case FORGET:
        return make_number(env, (double)self->out_count);
    default:
        return NULL;
    }
}

static void
keys_release(struct call *call)
{
    struct keys_call *self = keys_call(call);
    key_wipe(&self->secret);
    key_wipe(&self->key);
    explicit_bzero(self->code, sizeof self->code);
}

/* ---- writing a store anew ---- */

struct rekey_call {
    struct call call;
    const char *path;
    struct key key;
    firn_keys_rekey_options options;
    firn_keys_rekey_result result;
};

/* keysRekey(path, key, keyIsText, lockTimeout, monitor) */
static bool
rekey_parse(struct args *args, struct call *call)
{
    struct rekey_call *self = (struct rekey_call *)(void *)call;
    const firn_keys_rekey_options options = FIRN_KEYS_REKEY_OPTIONS_INIT;
    const firn_keys_rekey_result result = FIRN_KEYS_REKEY_RESULT_INIT;
    self->options = options;
    self->result = result;
    return arg_text(args, 0, "path", &self->path) && arg_key(args, 1, &self->key) &&
           arg_lock_timeout(args, 3, &self->options.lock_timeout_ms) &&
           arg_monitor(args, 4, &self->options.callbacks);
}

static int
rekey_run(struct call *call, firn_error *err)
{
    struct rekey_call *self = (struct rekey_call *)(void *)call;
    const firn_keys_source source = key_source(&self->key);
    self->options.source = self->key.is_given ? &source : NULL;
    return firn_keys_rekey(self->path, &self->options, &self->result, err);
}

static napi_value
rekey_finish(napi_env env, struct call *call)
{
    const struct rekey_call *self = (struct rekey_call *)(void *)call;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "rekeyed", (double)self->result.rekeyed);
    set_number(env, object, "left", (double)self->result.left);
    set_number(env, object, "packs", (double)self->result.packs);
    return object;
}

static void
rekey_release(struct call *call)
{
    key_wipe(&((struct rekey_call *)(void *)call)->key);
}

const struct call_kind keys_calls[] = {
    {"keys", sizeof(struct keys_call), 0, keys_parse, keys_run, keys_finish, keys_release},
    {"wsKeys", sizeof(struct keys_call), CALL_IN_LANE, ws_keys_parse, keys_run, keys_finish,
     keys_release},
    {"keysRekey", sizeof(struct rekey_call), 0, rekey_parse, rekey_run, rekey_finish,
     rekey_release},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
