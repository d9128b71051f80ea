/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets.c: firn key; which store a command is about; a new passphrase.
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
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { PASSPHRASE_ROOM = 4096 };

static int
find_path(struct fi_cli *cli, int place, char out[PATH_MAX])
{
    firn_workspace *workspace = NULL;
    const char *path = cli->argument_count > place ? cli->arguments[place] : NULL;
    if (path == NULL) {
        FI_TRY_RETURN(fi_task_workspace_open(cli, &workspace));
        path = firn_workspace_store_path(workspace);
    }
    bool fits = snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
    firn_workspace_close(workspace);
    cli->workspace = NULL;
    return fits && out[0] != '\0' ? FI_EXIT_OK : fi_command_misused(cli, "STORE is no path");
}

int
fi_secrets_find_any(struct fi_cli *cli, int place, struct fi_secrets_store *out)
{
    assert(place >= 0);
    firn_error err;
    out->info = (firn_keys_info)FIRN_KEYS_INFO_INIT;
    out->options = (firn_keys_options)FIRN_KEYS_OPTIONS_INIT;
    FI_TRY_RETURN(find_path(cli, place, out->path));
    out->options.source = &fi_command_key_source;
    out->options.lock_timeout_ms = cli->wait_ms;
    int code = firn_keys_list(out->path, NULL, NULL, &out->info, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_secrets_hint(code));
    }
    fi_term_json_bytes("store", firn_str(out->path));
    return FI_EXIT_OK;
}

int
fi_secrets_find(struct fi_cli *cli, int place, struct fi_secrets_store *out)
{
    FI_TRY_RETURN(fi_secrets_find_any(cli, place, out));
    return out->info.cipher != FIRN_CIPHER_NONE
               ? FI_EXIT_OK
               : fi_command_report_error(cli, FIRN_INVALID, "firn key encrypt-store encrypts it",
                                         "the store in '%s' is not encrypted, and has no keys",
                                         out->path);
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
    (void)snprintf(text, sizeof(text), "New passphrase for '%s'", store->path);
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

static const struct fi_command *const members[] = {&fi_secrets_list,
                                                   &fi_secrets_slots_add,
                                                   &fi_secrets_slots_change,
                                                   &fi_secrets_slots_remove,
                                                   &fi_secrets_slots_recover,
                                                   &fi_secrets_slots_rotate,
                                                   &fi_secrets_session_unlock,
                                                   &fi_secrets_session_lock,
                                                   &fi_secrets_change_encrypt,
                                                   &fi_secrets_change_decrypt,
                                                   NULL};

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
            "encryption protects from. Without a command, the keys are listed.",
    .members = members,
    .alone = &fi_secrets_list,
};
