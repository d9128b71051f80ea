/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_keys.c: the keys of an encrypted store, or of an encrypted remote of a workspace. One function,
 * of which firn/_keys.py makes those that programs call: it takes what any of them does, and `what`
 * says which one it is.
 *
 * Copies of secrets are made for one call, and wiped when it ends. A recovery code is wiped when it
 * has become a str.
 */
#include "fp_secret.h"

#include <string.h>

#include "fp_workspace.h"

enum what {
    LIST,
    ADD,
    ADD_RECOVERY,
    CHANGE,
    REMOVE,
    ROTATE,
    REPLACE,
    ENCRYPT,
    DECRYPT,
    REMEMBER,
    FORGET,
    FORGET_ALL
};
static const char *const whats[] = {
    "list",    "add",     "add_recovery", "change", "remove",     "rotate", "replace",
    "encrypt", "decrypt", "remember",     "forget", "forget_all", NULL};

struct keys_call {
    enum what what;
    const char *path;          /* of a store, or NULL: of a remote */
    firn_workspace *workspace; /* that has it */
    const char *remote;
    const char *label;
    unsigned number;
    uint32_t seconds;
    firn_cipher cipher;
    firn_keys_secret secret;
    firn_keys_options options;
    struct fp_visit visit; /* its list is that of the slots */
    firn_keys_info info;
    unsigned out_number;
    size_t out_count;
    char code[FIRN_KEYS_RECOVERY_SIZE];
};

static const char *
kind_word(firn_keys_kind kind)
{
    return kind == FIRN_KEYS_PASSPHRASE ? "passphrase"
           : kind == FIRN_KEYS_FILE     ? "file"
                                        : "recovery";
}

static int
visit_slot(void *ctx, const firn_keys_slot *slot)
{
    struct fp_visit *visit = ctx;
    fp_visit_lock(visit);
    PyObject *label = fp_text_of(slot->label, strlen(slot->label));
    PyObject *item =
        label != NULL
            ? fp_result("KeySlot", Py_BuildValue("(IsOL)", slot->number, kind_word(slot->kind),
                                                 label, (long long)slot->added_ns))
            : NULL;
    Py_XDECREF(label);
    return fp_visit_append(visit, item);
}

static int
run_store(struct keys_call *call, firn_error *err)
{
    switch (call->what) {
    case LIST:
        return firn_keys_list(call->path, visit_slot, &call->visit, &call->info, err);
    case ADD:
        return firn_keys_add(call->path, &call->secret, call->label, &call->options,
                             &call->out_number, err);
    case ADD_RECOVERY:
        return firn_keys_add_recovery(call->path, call->label, &call->options, call->code,
                                      &call->out_number, err);
    case CHANGE:
        return firn_keys_change(call->path, call->number, &call->secret, &call->options, err);
    case REMOVE:
        return firn_keys_remove(call->path, call->number, &call->options, err);
    case ROTATE:
        return firn_keys_rotate(call->path, &call->options, err);
    case REPLACE:
        return firn_keys_replace(call->path, &call->secret, call->label, &call->options,
                                 &call->out_number, err);
    case ENCRYPT:
        return firn_keys_encrypt(call->path, call->cipher, &call->options, err);
    case DECRYPT:
        return firn_keys_decrypt(call->path, &call->options, err);
    case REMEMBER:
        return firn_keys_remember(call->path, call->seconds, &call->options, err);
    case FORGET:
        return firn_keys_forget(call->path, &call->out_count, err);
    default:
        assert(call->what == FORGET_ALL);
        return firn_keys_forget(NULL, &call->out_count, err);
    }
}

static int
run_remote(struct keys_call *call, firn_error *err)
{
    firn_workspace *const workspace = call->workspace;
    const char *const remote = call->remote;
    switch (call->what) {
    case LIST:
        return firn_remote_keys_list(workspace, remote, visit_slot, &call->visit, &call->info, err);
    case ADD:
        return firn_remote_keys_add(workspace, remote, &call->secret, call->label, &call->options,
                                    &call->out_number, err);
    case ADD_RECOVERY:
        return firn_remote_keys_add_recovery(workspace, remote, call->label, &call->options,
                                             call->code, &call->out_number, err);
    case CHANGE:
        return firn_remote_keys_change(workspace, remote, call->number, &call->secret,
                                       &call->options, err);
    case REMOVE:
        return firn_remote_keys_remove(workspace, remote, call->number, &call->options, err);
    case ROTATE:
        return firn_remote_keys_rotate(workspace, remote, &call->options, err);
    case REPLACE:
        return firn_remote_keys_replace(workspace, remote, &call->secret, call->label,
                                        &call->options, &call->out_number, err);
    case REMEMBER:
        return firn_remote_keys_remember(workspace, remote, call->seconds, &call->options, err);
    default:
        assert(call->what == FORGET);
        return firn_remote_keys_forget(workspace, remote, &call->out_count, err);
    }
}

static PyObject *
info_of(const struct keys_call *call)
{
    static const char *const states[] = {"settled", "encrypting", "decrypting"};
    const firn_keys_info *info = &call->info;
    return fp_result(
        "Keys",
        Py_BuildValue("(sOIOOs)", fp_cipher_word(info->cipher), call->visit.list, info->master_keys,
                      info->is_remembered ? Py_True : Py_False, info->is_kept ? Py_True : Py_False,
                      info->state <= FIRN_KEYS_STATE_DECRYPTING ? states[info->state] : "unknown"));
}

static PyObject *
result_of(const struct keys_call *call)
{
    switch (call->what) {
    case LIST:
        return info_of(call);
    case ADD:
    case REPLACE:
        return PyLong_FromUnsignedLong(call->out_number);
    case ADD_RECOVERY:
        return fp_result("RecoveryCode", Py_BuildValue("(Is)", call->out_number, call->code));
    case FORGET:
    case FORGET_ALL:
        return PyLong_FromSize_t(call->out_count);
    default:
        Py_RETURN_NONE;
    }
}

/* place: a Workspace, or a path. */
static PyObject *
run_call(struct keys_call *call, PyObject *place)
{
    const bool is_remote = PyObject_TypeCheck(place, fp_names.workspace_type) != 0;
    PyObject *path = NULL, *out = NULL;
    if (is_remote ? (call->workspace = fp_workspace_begin(place)) == NULL
                  : (path = fp_path(place)) == NULL) {
        return NULL;
    }
    call->path = path != NULL ? PyBytes_AsString(path) : NULL;
    if ((call->visit.list = PyList_New(0)) != NULL) {
        firn_error err;
        int code;
        FP_VISITED(code, &call->visit, is_remote ? run_remote(call, &err) : run_store(call, &err));
        out = fp_visit_end(&call->visit, code, &err) ? result_of(call) : NULL;
    }
    if (is_remote) {
        fp_workspace_end(place);
    }
    explicit_bzero(call->code, sizeof call->code);
    Py_XDECREF(call->visit.list);
    Py_XDECREF(path);
    return out;
}

PyObject *
fp_keys(PyObject *module, PyObject *args, PyObject *keywords)
{
    (void)module;
    static char *names[] = {"what",    "place",  "remote", "number",       "secret", "label",
                            "seconds", "cipher", "key",    "lock_timeout", NULL};
    struct keys_call call = {.options = FIRN_KEYS_OPTIONS_INIT, .info = FIRN_KEYS_INFO_INIT};
    struct fp_count number = {"number", 0}, seconds = {"seconds", 0};
    const char *word, *cipher = NULL;
    PyObject *place, *given_secret = Py_None, *given_key = Py_None, *timeout = Py_None, *out = NULL;
    struct fp_secret *secret = NULL, *key = NULL;
    uint64_t timeout_ms;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sO|$zO&OzO&zOO", names, &word, &place,
                                     &call.remote, fp_count_take, &number, &given_secret,
                                     &call.label, fp_count_take, &seconds, &cipher, &given_key,
                                     &timeout) ||
        !fp_cipher(cipher, &call.cipher) || !fp_milliseconds(timeout, &timeout_ms)) {
        return NULL;
    }
    const int what = fp_choice("what", word, whats);
    if ((what == ADD || what == CHANGE || what == REPLACE) && given_secret == Py_None) {
        PyErr_SetString(PyExc_TypeError, "a secret is a str or bytes, not None");
        return NULL;
    }
    if (what >= 0 && fp_secret_take(given_secret, &secret) && fp_secret_take(given_key, &key)) {
        const firn_keys_source source = fp_secret_source(key);
        call.what = (enum what)what;
        call.number = fp_unsigned(number);
        call.seconds = seconds.value < UINT32_MAX ? (uint32_t)seconds.value : UINT32_MAX;
        if (secret != NULL) {
            call.secret = fp_secret_given(secret);
        }
        call.options.source = key != NULL ? &source : NULL;
        if (timeout != Py_None) {
            call.options.lock_timeout_ms = (int64_t)timeout_ms;
        }
        out = run_call(&call, place);
    }
    fp_secret_free(secret);
    fp_secret_free(key);
    return out;
}

PyObject *
fp_keys_rekey(PyObject *module, PyObject *args, PyObject *keywords)
{
    (void)module;
    static char *names[] = {"path", "key", "lock_timeout", "progress", "notice", NULL};
    PyObject *path, *bytes, *given_key = Py_None, *timeout = Py_None, *out = NULL;
    PyObject *on_progress = Py_None, *on_notice = Py_None;
    struct fp_secret *key = NULL;
    struct fp_progress progress;
    uint64_t timeout_ms;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|$OOOO", names, &path, &given_key, &timeout,
                                     &on_progress, &on_notice) ||
        !fp_milliseconds(timeout, &timeout_ms) ||
        !fp_progress_init(&progress, on_progress, on_notice) || (bytes = fp_path(path)) == NULL) {
        return NULL;
    }
    if (fp_secret_take(given_key, &key)) {
        const firn_keys_source source = fp_secret_source(key);
        firn_keys_rekey_options options = FIRN_KEYS_REKEY_OPTIONS_INIT;
        firn_keys_rekey_result result = FIRN_KEYS_REKEY_RESULT_INIT;
        options.source = key != NULL ? &source : NULL;
        options.callbacks = fp_progress_callbacks(&progress);
        if (timeout != Py_None) {
            options.lock_timeout_ms = (int64_t)timeout_ms;
        }
        firn_error err;
        int code;
        FP_UNLOCKED(code, firn_keys_rekey(PyBytes_AsString(bytes), &options, &result, &err));
        out = fp_progress_end(&progress, code, &err)
                  ? fp_result("Rekeyed", Py_BuildValue("(KKK)", (unsigned long long)result.rekeyed,
                                                       (unsigned long long)result.left,
                                                       (unsigned long long)result.packs))
                  : NULL;
        fp_secret_free(key);
    }
    Py_DECREF(bytes);
    return out;
}
