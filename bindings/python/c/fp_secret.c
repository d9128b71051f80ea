/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_secret.c: what opens an encrypted store, as an argument: a str is a passphrase or a recovery code, bytes are what is in a key file.
 */
#include "fp_secret.h"

#include <string.h>

struct fp_secret {
    firn_keys_kind kind;
    size_t size;
    uint8_t bytes[];
};

bool
fp_secret_take(PyObject *argument, struct fp_secret **out)
{
    struct fp_bytes taken = {{NULL, 0}, NULL};
    *out = NULL;
    if (argument == NULL || argument == Py_None) {
        return true;
    }
    const bool is_text = PyUnicode_Check(argument);
    PyObject *bytes = is_text ? PyUnicode_AsUTF8String(argument) : argument;
    if (bytes == NULL || !fp_bytes_take(bytes, &taken)) {
        if (is_text) {
            Py_XDECREF(bytes);
        }
        return false;
    }
    const size_t size = taken.slice.size;
    struct fp_secret *key = PyMem_Malloc(sizeof *key + size);
    if (key == NULL) {
        PyErr_NoMemory();
    } else {
        key->kind = is_text ? FIRN_KEYS_PASSPHRASE : FIRN_KEYS_FILE;
        key->size = size;
        if (size > 0) {
            memcpy(key->bytes, taken.slice.data, size);
        }
    }
    fp_bytes_release(&taken);
    if (is_text) {
        Py_DECREF(bytes);
    }
    *out = key;
    return key != NULL;
}

void
fp_secret_free(struct fp_secret *key)
{
    if (key != NULL) {
        explicit_bzero(key->bytes, key->size);
        PyMem_Free(key);
    }
}

/* A second time the answer would be the same. */
static int
fp_secret_get(void *ctx, const firn_keys_request *request, firn_keys_answer *answer,
              firn_error *err)
{
    const struct fp_secret *key = ctx;
    if (key == NULL || request->attempt > 1) {
        *err = (firn_error){.code = FIRN_NOT_FOUND};
        return FIRN_NOT_FOUND;
    }
    if (key->size > answer->room) {
        *err = (firn_error){.code = FIRN_LIMIT};
        (void)snprintf(err->text, sizeof err->text, "a key has at most %zu bytes, not %zu",
                       answer->room, key->size);
        return FIRN_LIMIT;
    }
    answer->kind = key->kind;
    answer->used = key->size;
    memcpy(answer->bytes, key->bytes, key->size);
    return FIRN_OK;
}

firn_keys_source
fp_secret_source(struct fp_secret *key)
{
    return (firn_keys_source){fp_secret_get, key};
}

firn_keys_secret
fp_secret_given(const struct fp_secret *key)
{
    return (firn_keys_secret){key->kind, firn_bytes(key->bytes, key->size)};
}

static const char *const words[] = {"none",      "xchacha20-poly1305", "aes-256-gcm",
                                    "aegis-256", "automatic",          NULL};

const char *
fp_cipher_word(firn_cipher cipher)
{
    return cipher <= FIRN_CIPHER_AEGIS_256 ? words[cipher] : "unknown";
}

bool
fp_cipher(const char *word, firn_cipher *out)
{
    int number = fp_choice("cipher", word, words);
    *out = number == 4 ? FIRN_CIPHER_AUTOMATIC : (firn_cipher)(number < 0 ? 0 : number);
    return number >= 0;
}
