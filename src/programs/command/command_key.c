/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_key.c: what opens an encrypted store: asking a person for it, and the options of
 * commands that make a store.
 *
 * A person is asked after everything that the library looks at by itself: the session keyring, and
 * the variables FIRN_KEY_FILE and FIRN_KEY_COMMAND, for a remote after those that are for remotes.
 * What was typed is kept until the program ends, in memory for secrets, since a command may open
 * its store several times, and a shell does so for each statement. The first answer about the same
 * store is the kept one; if it is wrong, the person is asked again.
 *
 * --key-file sets FIRN_KEY_FILE of this process: it is the name of a file and no secret, and so it
 * counts more than a variable of the user's and is read in one way.
 */
#include "command/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { SECRET_SIZE_MAX = 4096 };

/* One thread at a time opens a store of the program's. */
static struct {
    char path[PATH_MAX];
    uint8_t *bytes; /* in memory for secrets; NULL: nothing is kept */
    size_t size;
} kept;

static void
keep(const firn_keys_request *request, const firn_keys_answer *answer)
{
    fi_command_key_forget();
    if (strlen(request->path) >= sizeof(kept.path) || answer->used > SECRET_SIZE_MAX) {
        return;
    }
    kept.bytes = fi_term_secret_allocate(SECRET_SIZE_MAX);
    if (kept.bytes != NULL) { /* else it is asked for again */
        memcpy(kept.bytes, answer->bytes, answer->used);
        kept.size = answer->used;
        (void)snprintf(kept.path, sizeof(kept.path), "%s", request->path);
    }
}

/* A store was to be opened that nothing opens, and there was nobody to ask. */
static bool nobody_answered;

bool
fi_command_key_nobody_answered(void)
{
    return nobody_answered;
}

void
fi_command_key_forget(void)
{
    fi_term_secret_free(kept.bytes, SECRET_SIZE_MAX);
    kept.bytes = NULL;
    kept.size = 0;
}

int
fi_command_key_ask(const char *store_path, const firn_keys_source *source, bool from_input,
                   firn_error *err)
{
    const firn_keys_request request = {.path = store_path, .attempt = 1, .is_new = false};
    firn_keys_answer answer = {.kind = FIRN_KEYS_PASSPHRASE};
    answer.room = SECRET_SIZE_MAX;
    answer.bytes = fi_term_secret_allocate(answer.room);
    if (answer.bytes == NULL) {
        *err = (firn_error){.code = FIRN_NO_MEMORY, .text = "not enough memory for a key"};
        return FIRN_NO_MEMORY;
    }
    int code = from_input ? fi_term_secret_read(answer.bytes, answer.room, &answer.used, err)
                          : source->get(source->ctx, &request, &answer, err);
    if (code == FIRN_OK) {
        keep(&request, &answer);
    }
    fi_term_secret_free(answer.bytes, answer.room);
    return code;
}

static int
get(void *ctx, const firn_keys_request *request, firn_keys_answer *answer, firn_error *err)
{
    const char *what = ctx != NULL ? ctx : "Passphrase";
    char text[PATH_MAX + 64];
    answer->kind = ctx != NULL ? FIRN_KEYS_RECOVERY : FIRN_KEYS_PASSPHRASE;
    bool is_kept = kept.bytes != NULL && strcmp(kept.path, request->path) == 0;
    if (is_kept && request->attempt == 1 && !request->is_new && kept.size <= answer->room) {
        memcpy(answer->bytes, kept.bytes, kept.size);
        answer->used = kept.size;
        return FIRN_OK;
    }
    (void)snprintf(text, sizeof(text), "%s%s for '%s'",
                   request->is_new        ? "New "
                   : request->attempt > 1 ? "Wrong. "
                                          : "",
                   request->is_new ? "passphrase" : what, request->path);
    fi_term_meter_clear();
    int code =
        fi_term_secret_ask(text, request->is_new, answer->bytes, answer->room, &answer->used, err);
    nobody_answered = code == FIRN_NOT_FOUND && request->attempt == 1;
    if (code == FIRN_OK) {
        keep(request, answer);
    } else if (code == FIRN_NOT_FOUND && request->attempt > 1) { /* a kept one was wrong */
        err->code = code = FIRN_DENIED;
        (void)snprintf(err->text, sizeof(err->text), "could not unlock '%s': the %s is wrong",
                       request->path, ctx != NULL ? "recovery code" : "passphrase");
    }
    return code;
}

const firn_keys_source fi_command_key_source = {get, NULL};

const firn_keys_source fi_command_key_source_recovery = {get, "Recovery code"};

/* ---- options of commands that make a store ---- */

static bool
is_cipher(const char *word, firn_cipher *out)
{
    static const struct {
        const char *word;
        firn_cipher cipher;
    } ciphers[] = {
        {"xchacha20", FIRN_CIPHER_XCHACHA20_POLY1305},
        {"aes", FIRN_CIPHER_AES_256_GCM},
        {"aegis", FIRN_CIPHER_AEGIS_256},
    };
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        if (strcmp(word, ciphers[i].word) == 0) {
            *out = ciphers[i].cipher;
            return true;
        }
    }
    return false;
}

int
fi_command_key_use_file(struct fi_cli *cli, const char *path)
{
    assert(path != NULL);
    if (path[0] == '\0') {
        return fi_command_misused(cli, "--key-file: the path is empty");
    }
    return setenv("FIRN_KEY_FILE", path, 1) == 0 ? FI_EXIT_OK : fi_command_report_no_memory(cli);
}

int
fi_command_key_cipher_of(struct fi_cli *cli, firn_cipher *out)
{
    const char *word = fi_command_value(cli, "cipher");
    const char *file = fi_command_value(cli, "key-file");
    if (word != NULL && !is_cipher(word, out)) {
        return fi_command_misused(cli, "--cipher is xchacha20, aes or aegis, not '%s'", word);
    }
    return file != NULL ? fi_command_key_use_file(cli, file) : FI_EXIT_OK;
}

int
fi_command_key_cipher(struct fi_cli *cli, firn_cipher *out)
{
    *out = FIRN_CIPHER_NONE;
    if (!fi_command_offers(cli, "encrypt")) {
        return FI_EXIT_OK;
    }
    const char *word = fi_command_value(cli, "cipher");
    const char *file = fi_command_value(cli, "key-file");
    if (!fi_command_has(cli, "encrypt")) {
        return word == NULL && file == NULL
                   ? FI_EXIT_OK
                   : fi_command_misused(cli, "--%s is for --encrypt",
                                        word != NULL ? "cipher" : "key-file");
    }
    *out = FIRN_CIPHER_AUTOMATIC;
    return fi_command_key_cipher_of(cli, out);
}

bool
fi_command_key_is_encrypted(const char *store_path)
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    return firn_keys_list(store_path, NULL, NULL, &info, NULL) == FIRN_OK &&
           info.cipher != FIRN_CIPHER_NONE;
}

bool
fi_command_key_may_be_encrypted(const char *store_path)
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    int code = firn_keys_list(store_path, NULL, NULL, &info, NULL);
    return code == FIRN_CORRUPT || (code == FIRN_OK && info.cipher != FIRN_CIPHER_NONE);
}

int
fi_command_key_check_new(struct fi_cli *cli, const char *store_path, firn_cipher cipher)
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    if (cipher == FIRN_CIPHER_NONE ||
        firn_keys_list(store_path, NULL, NULL, &info, NULL) != FIRN_OK ||
        info.cipher != FIRN_CIPHER_NONE) {
        return FI_EXIT_OK; /* opening it says what is wrong */
    }
    return fi_command_report_error(cli, FIRN_EXISTS, "firn key encrypt-store encrypts it",
                                   "the store in '%s' is there already, and is not encrypted",
                                   store_path);
}

/* ---- recovery codes ---- */

static void
show_code(const char *code)
{
    char text[FIRN_KEYS_RECOVERY_SIZE + 32];
    if (isatty(STDERR_FILENO) != 1) {
        fi_term_out_format("recovery code: %s\n", code);
        return;
    }
    int size = snprintf(text, sizeof(text), "recovery code: %s\n", code);
    if (!fi_term_json_is_open()) {
        fi_term_out_flush();
    }
    fi_term_meter_clear();
    ssize_t written = write(STDERR_FILENO, text, (size_t)size);
    (void)written; /* a terminal that is gone */
    explicit_bzero(text, sizeof(text));
}

int
fi_command_key_check_recovery(struct fi_cli *cli)
{
    return cli->json && isatty(STDERR_FILENO) != 1
               ? fi_command_misused(cli, "a recovery code is not part of the JSON: leave out "
                                         "--json, or let standard error be a terminal")
               : FI_EXIT_OK;
}

int
fi_command_key_print_recovery(struct fi_cli *cli, firn_workspace *workspace, const char *path,
                              const char *label)
{
    firn_error err;
    unsigned number = 0;
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    char *code = fi_term_secret_allocate(FIRN_KEYS_RECOVERY_SIZE);
    if (code == NULL) {
        return fi_command_report_no_memory(cli);
    }
    options.source = workspace == NULL ? &fi_command_key_source : NULL;
    options.lock_timeout_ms = cli->wait_ms;
    int exit_code = FI_EXIT_OK;
    int rc = workspace == NULL ? firn_keys_add_recovery(path, label, &options, code, &number, &err)
                               : firn_remote_keys_add_recovery(workspace, path, label, &options,
                                                               code, &number, &err);
    if (rc != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, "firn key add --recovery makes one");
    } else {
        fi_term_json_u64("recovery_key", number);
        show_code(code);
        fi_command_report_line("write the recovery code down, and keep it away from this machine: "
                               "it opens the %s, and is not shown again",
                               workspace == NULL ? "store" : "remote");
    }
    fi_term_secret_free(code, FIRN_KEYS_RECOVERY_SIZE);
    return exit_code;
}

/* ---- how a store is encrypted ---- */

static bool
is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

bool
fi_command_key_is_given(bool is_remote)
{
    return is_set("FIRN_KEY_FILE") || is_set("FIRN_KEY_COMMAND") ||
           (is_remote && (is_set("FIRN_REMOTE_KEY_FILE") || is_set("FIRN_REMOTE_KEY_COMMAND")));
}

bool
fi_command_key_show(const char *store_path, char out[FI_COMMAND_KEY_TEXT_SIZE])
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    int code = firn_keys_list(store_path, NULL, NULL, &info, NULL);
    bool is_encrypted = code == FIRN_OK && info.cipher != FIRN_CIPHER_NONE;
    out[0] = '\0';
    if (!is_encrypted) {
        fi_term_json_null("encryption");
        return false;
    }
    const char *cipher = firn_cipher_name(info.cipher);
    fi_term_json_object("encryption");
    fi_term_json_string("cipher", cipher);
    fi_term_json_u64("keys", info.slots);
    fi_term_json_u64("master_keys", info.master_keys);
    fi_term_json_end();
    (void)snprintf(out, FI_COMMAND_KEY_TEXT_SIZE, "%s, %u %s", cipher, info.slots,
                   fi_term_text_plural(info.slots, "key", "keys"));
    return true;
}
