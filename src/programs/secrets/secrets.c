/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets.c: firn key; which store or remote a command is about; a new passphrase.
 *
 * To find a workspace's store nothing in it is read, so no key is needed for that.
 *
 * A command that needs a new passphrase asks for what opens the store, and then for that, on the
 * terminal. A person who has none gives the new passphrase on standard input, and what opens the
 * store by FIRN_KEY_FILE or FIRN_KEY_COMMAND.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { PASSPHRASE_ROOM = 4096 };

static int
keep_path(struct fi_cli *cli, const char *path, struct fi_secrets_store *out)
{
    bool fits = snprintf(out->path, sizeof(out->path), "%s", path) < (int)sizeof(out->path);
    memcpy(out->asked, out->path, sizeof(out->asked));
    return fits && out->path[0] != '\0'
               ? FI_EXIT_OK
               : fi_command_misused(cli, "%s",
                                    out->is_remote ? "--remote needs a name or a URL"
                                                   : "STORE is no path");
}

static int
find_store(struct fi_cli *cli, int place, struct fi_secrets_store *out)
{
    firn_workspace *workspace = NULL;
    const char *path = cli->argument_count > place ? cli->arguments[place] : NULL;
    if (path == NULL) {
        FI_TRY_RETURN(fi_task_workspace_open(cli, &workspace));
        path = firn_workspace_store_path(workspace);
    }
    int exit_code = keep_path(cli, path, out);
    firn_workspace_close(workspace);
    cli->workspace = NULL;
    return exit_code;
}

static int
keep_url(void *ctx, const firn_remote_info *remote)
{
    struct fi_secrets_store *store = ctx;
    if (strcmp(remote->name, store->path) == 0) {
        (void)snprintf(store->asked, sizeof(store->asked), "%s", remote->url);
    }
    return FIRN_OK;
}

/* What the library says when it asks. */
static int
find_url(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    if (strstr(store->path, "://") == NULL && strchr(store->path, '/') != NULL) {
        char *real = realpath(store->path, NULL);
        (void)snprintf(store->asked, sizeof(store->asked), "%s", real != NULL ? real : "");
        free(real);
        return FI_EXIT_OK;
    }
    return firn_remote_list(store->workspace, keep_url, store, &err) == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(cli, &err, NULL);
}

static int
find_remote(struct fi_cli *cli, int place, const char *remote, struct fi_secrets_store *out)
{
    out->is_remote = true;
    if (cli->argument_count > place) {
        return fi_command_misused(cli, "--remote is instead of STORE");
    }
    FI_TRY_RETURN(keep_path(cli, remote, out));
    out->options.source = NULL; /* that of the workspace, after what the store keeps */
    FI_TRY_RETURN(fi_task_workspace_open(cli, &out->workspace));
    return find_url(cli, out);
}

static int
find(struct fi_cli *cli, int place, struct fi_secrets_store *out)
{
    firn_error err;
    const char *remote = fi_command_offers(cli, "remote") ? fi_command_value(cli, "remote") : NULL;
    out->options.source = &fi_command_key_source;
    out->options.lock_timeout_ms = cli->wait_ms;
    FI_TRY_RETURN(remote != NULL ? find_remote(cli, place, remote, out)
                                 : find_store(cli, place, out));
    int code = fi_secrets_keys_list(out, NULL, NULL, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_secrets_hint(code));
    }
    fi_term_json_bytes(out->is_remote ? "remote" : "store", firn_str(out->path));
    return FI_EXIT_OK;
}

int
fi_secrets_with_any(struct fi_cli *cli, int place,
                    int (*run)(struct fi_cli *cli, struct fi_secrets_store *store))
{
    assert(place >= 0);
    struct fi_secrets_store store = {.info = FIRN_KEYS_INFO_INIT,
                                     .options = FIRN_KEYS_OPTIONS_INIT};
    int exit_code = find(cli, place, &store);
    exit_code = exit_code == FI_EXIT_OK ? run(cli, &store) : exit_code;
    firn_workspace_close(store.workspace);
    return exit_code;
}

int
fi_secrets_with(struct fi_cli *cli, int place,
                int (*run)(struct fi_cli *cli, struct fi_secrets_store *store))
{
    assert(place >= 0);
    struct fi_secrets_store store = {.info = FIRN_KEYS_INFO_INIT,
                                     .options = FIRN_KEYS_OPTIONS_INIT};
    int exit_code = find(cli, place, &store);
    if (exit_code == FI_EXIT_OK && store.info.cipher == FIRN_CIPHER_NONE) {
        exit_code = fi_command_report_error(
            cli, FIRN_INVALID, store.is_remote ? NULL : "firn key encrypt-store encrypts it",
            "%s in '%s' is not encrypted, and has no keys", fi_secrets_word(&store), store.path);
    }
    exit_code = exit_code == FI_EXIT_OK ? run(cli, &store) : exit_code;
    firn_workspace_close(store.workspace);
    return exit_code;
}

const char *
fi_secrets_word(const struct fi_secrets_store *store)
{
    return store->is_remote ? "the remote" : "the store";
}

/* ---- what the library does ---- */

int
fi_secrets_keys_list(struct fi_secrets_store *store,
                     int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                     firn_error *err)
{
    return store->is_remote ? firn_remote_keys_list(store->workspace, store->path, on_slot, ctx,
                                                    &store->info, err)
                            : firn_keys_list(store->path, on_slot, ctx, &store->info, err);
}

int
fi_secrets_keys_add(struct fi_secrets_store *store, const firn_keys_secret *secret,
                    const char *label, unsigned *out_number, firn_error *err)
{
    return store->is_remote
               ? firn_remote_keys_add(store->workspace, store->path, secret, label, &store->options,
                                      out_number, err)
               : firn_keys_add(store->path, secret, label, &store->options, out_number, err);
}

int
fi_secrets_keys_change(struct fi_secrets_store *store, unsigned number,
                       const firn_keys_secret *secret, firn_error *err)
{
    return store->is_remote ? firn_remote_keys_change(store->workspace, store->path, number, secret,
                                                      &store->options, err)
                            : firn_keys_change(store->path, number, secret, &store->options, err);
}

int
fi_secrets_keys_remove(struct fi_secrets_store *store, unsigned number, firn_error *err)
{
    return store->is_remote ? firn_remote_keys_remove(store->workspace, store->path, number,
                                                      &store->options, err)
                            : firn_keys_remove(store->path, number, &store->options, err);
}

int
fi_secrets_keys_rotate(struct fi_secrets_store *store, firn_error *err)
{
    return store->is_remote
               ? firn_remote_keys_rotate(store->workspace, store->path, &store->options, err)
               : firn_keys_rotate(store->path, &store->options, err);
}

int
fi_secrets_keys_replace(struct fi_secrets_store *store, const firn_keys_secret *secret,
                        const char *label, unsigned *out_number, firn_error *err)
{
    return store->is_remote
               ? firn_remote_keys_replace(store->workspace, store->path, secret, label,
                                          &store->options, out_number, err)
               : firn_keys_replace(store->path, secret, label, &store->options, out_number, err);
}

int
fi_secrets_keys_remember(struct fi_secrets_store *store, uint32_t seconds, firn_error *err)
{
    return store->is_remote ? firn_remote_keys_remember(store->workspace, store->path, seconds,
                                                        &store->options, err)
                            : firn_keys_remember(store->path, seconds, &store->options, err);
}

int
fi_secrets_keys_forget(struct fi_secrets_store *store, size_t *out_count, firn_error *err)
{
    return store->is_remote ? firn_remote_keys_forget(store->workspace, store->path, out_count, err)
                            : firn_keys_forget(store->path, out_count, err);
}

const char *
fi_secrets_hint(int code)
{
    return code == FIRN_LIMIT ? "firn key list shows the keys, firn key remove removes one" : NULL;
}

/* ---- a new passphrase ---- */

void
fi_secrets_given_deinit(struct fi_secrets_given *given)
{
    fi_term_secret_free(given->bytes, given->room);
    given->bytes = NULL;
}

firn_keys_secret
fi_secrets_given_secret(const struct fi_secrets_given *given)
{
    return (firn_keys_secret){given->kind, firn_bytes(given->bytes, given->size)};
}

int
fi_secrets_given_passphrase(struct fi_cli *cli, const struct fi_secrets_store *store,
                            struct fi_secrets_given *out)
{
    assert(out->bytes == NULL);
    firn_error err;
    char text[PATH_MAX + 32];
    *out = (struct fi_secrets_given){.kind = FIRN_KEYS_PASSPHRASE, .room = PASSPHRASE_ROOM};
    out->bytes = fi_term_secret_allocate(out->room);
    if (out->bytes == NULL) {
        return fi_command_report_no_memory(cli);
    }
    (void)snprintf(text, sizeof(text), "New passphrase for '%s'", store->asked);
    int code = isatty(STDIN_FILENO) == 1
                   ? fi_term_secret_ask(text, true, out->bytes, out->room, &out->size, &err)
                   : fi_term_secret_read(out->bytes, out->room, &out->size, &err);
    if (code == FIRN_OK) {
        return FI_EXIT_OK;
    }
    return fi_command_report_failure(
        cli, &err,
        code == FIRN_NOT_FOUND ? "run it at a terminal, or give the new passphrase on standard "
                                 "input, as a line"
                               : NULL);
}

/* ---- the group ---- */

static const struct fi_command *const members[] = {
    &fi_secrets_list,           &fi_secrets_slots_add,      &fi_secrets_slots_change,
    &fi_secrets_slots_remove,   &fi_secrets_slots_recover,  &fi_secrets_slots_rotate,
    &fi_secrets_slots_replace,  &fi_secrets_session_unlock, &fi_secrets_session_lock,
    &fi_secrets_change_encrypt, &fi_secrets_change_decrypt, NULL};

const struct fi_command fi_secrets = {
    .name = "key",
    .summary = "Show, add, change or remove what opens an encrypted store",
    .arguments = "",
    .help = "Each key of an encrypted store opens all of it: a passphrase, a key file or a\n"
            "recovery code. What opens a store is looked for in the session keyring (firn key\n"
            "unlock), then in the file that FIRN_KEY_FILE names, then in the output of the\n"
            "command in FIRN_KEY_COMMAND, and then a person at the terminal is asked. The\n"
            "store is STORE, else that of the workspace. Without any key nothing can be read\n"
            "again: have two, and copy FIRN.keys with the store. docs/encryption.md says what\n"
            "encryption protects from. Without a command, the keys are listed.\n"
            "\n"
            "An encrypted remote has keys of its own: --remote is for these. Every machine\n"
            "that shares the remote can change them. FIRN_REMOTE_KEY_FILE and\n"
            "FIRN_REMOTE_KEY_COMMAND count before the other two there.",
    .members = members,
    .alone = &fi_secrets_list,
};
