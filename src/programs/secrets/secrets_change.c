/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_change.c: firn key encrypt-store and decrypt-store. Both begin a change and then
 * write the whole store anew; a command that is interrupted is given again.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>

#include "term/term.h"
#include "term/term_try.h"

/* ---- writing everything anew ---- */

struct renewal {
    const char *path;
    firn_workspace *workspace; /* whose store it is; NULL: none is known */
    firn_callbacks callbacks;
    int64_t wait_ms;
    uint64_t rekeyed;
    uint64_t left;
    uint64_t packs;
};

static int
attempt_renewal(void *ctx, firn_error *err)
{
    struct renewal *renewal = ctx;
    if (renewal->workspace != NULL) {
        firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
        firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
        options.rekey = true;
        options.callbacks = renewal->callbacks;
        int code = firn_workspace_gc(renewal->workspace, &options, &result, err);
        renewal->rekeyed = result.rekeyed;
        renewal->left = result.rekey_left;
        return code;
    }
    firn_keys_rekey_options options = FIRN_KEYS_REKEY_OPTIONS_INIT;
    firn_keys_rekey_result result = FIRN_KEYS_REKEY_RESULT_INIT;
    options.source = &fi_command_key_source;
    options.lock_timeout_ms = renewal->wait_ms;
    options.callbacks = renewal->callbacks;
    int code = firn_keys_rekey(renewal->path, &options, &result, err);
    renewal->rekeyed = result.rekeyed;
    renewal->left = result.left;
    renewal->packs = result.packs;
    return code;
}

static int
report_left(struct fi_cli *cli, const struct renewal *renewal, const char *again)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (renewal->packs > 0) {
        return fi_command_report_error(
            cli, FIRN_BUSY, "run it in a workspace of the store, without STORE",
            "%s files are left: saved directories, which are written anew from a workspace",
            fi_term_text_number(renewal->left, number));
    }
    return fi_command_report_error(cli, FIRN_BUSY, again,
                                   "%s %s left: other processes read them, or they are damaged",
                                   fi_term_text_number(renewal->left, number),
                                   fi_term_text_plural(renewal->left, "file is", "files are"));
}

/* Returns an exit code. */
static int
renew(struct fi_cli *cli, struct renewal *renewal, const char *done, const char *again)
{
    firn_error err;
    struct fi_task_notices notices;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_task_notices_init(&notices, cli);
    renewal->callbacks = fi_task_notices_callbacks(&notices);
    renewal->wait_ms = cli->wait_ms;
    int code = fi_task_patience_run(cli, attempt_renewal, renewal, &err);
    fi_term_meter_clear();
    fi_task_notices_json(&notices);
    fi_task_notices_deinit(&notices);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, again);
    }
    fi_term_json_u64("rekeyed", renewal->rekeyed);
    fi_term_json_u64("left", renewal->left);
    if (renewal->left > 0) {
        return report_left(cli, renewal, again);
    }
    cli->is_done = true;
    if (!cli->quiet) {
        fi_term_out_format("%s: %s %s written anew\n", done,
                           fi_term_text_number(renewal->rekeyed, number),
                           fi_term_text_plural(renewal->rekeyed, "file", "files"));
    }
    return FI_EXIT_OK;
}

/* The workspace whose store is meant, if STORE is not given. Returns an exit code. */
static int
open_workspace(struct fi_cli *cli, struct renewal *renewal)
{
    return cli->argument_count > 0 ? FI_EXIT_OK : fi_task_workspace_open(cli, &renewal->workspace);
}

static void
close_workspace(struct fi_cli *cli, struct renewal *renewal)
{
    firn_workspace_close(renewal->workspace);
    cli->workspace = NULL;
}

/* ---- encrypt-store ---- */

static int
note_recovery(void *ctx, const firn_keys_slot *slot)
{
    bool *has_recovery = ctx;
    *has_recovery = *has_recovery || slot->kind == FIRN_KEYS_RECOVERY;
    return FIRN_OK;
}

/* Whether a code is to be made: an attempt that was interrupted may have made none. */
static bool
wants_recovery(struct fi_cli *cli, const struct fi_secrets_store *store)
{
    bool is_wanted = fi_command_has(cli, "recovery") ||
                     (!fi_command_has(cli, "no-recovery") && fi_command_report_may_prompt(cli));
    bool has_recovery = false;
    return is_wanted &&
           firn_keys_list(store->path, note_recovery, &has_recovery, NULL, NULL) == FIRN_OK &&
           !has_recovery;
}

/* Gives the store keys, unless it has them from an earlier attempt. Returns an exit code. */
static int
begin_encrypting(struct fi_cli *cli, struct fi_secrets_store *store, firn_cipher cipher)
{
    firn_error err;
    int code = firn_keys_encrypt(store->path, cipher, &store->options, &err);
    /* Otherwise it is what a repair has left that is in the way. */
    const bool is_settled = code == FIRN_EXISTS && store->info.cipher != FIRN_CIPHER_NONE &&
                            store->info.state == FIRN_KEYS_STATE_SETTLED;
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err,
            is_settled ? "firn key rotate and firn gc --rekey replace its master key" : NULL);
    }
    cli->is_done = true;
    if (wants_recovery(cli, store)) {
        FI_TRY_RETURN(fi_command_key_print_recovery(cli, NULL, store->path, NULL));
    }
    if (store->info.cipher == FIRN_CIPHER_NONE && !cli->quiet) {
        fi_command_report_line(
            "without its passphrase, key file or recovery code nobody can read this store again");
    }
    return FI_EXIT_OK;
}

static int
encrypt(struct fi_cli *cli, struct fi_secrets_store *store)
{
    struct renewal renewal = {.path = store->path};
    firn_cipher cipher = FIRN_CIPHER_AUTOMATIC;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_command_key_cipher_of(cli, &cipher));
    FI_TRY_OUT(exit_code,
               fi_command_has(cli, "recovery") ? fi_command_key_check_recovery(cli) : FI_EXIT_OK);
    FI_TRY_OUT(exit_code, begin_encrypting(cli, store, cipher));
    FI_TRY_OUT(exit_code, open_workspace(cli, &renewal));
    exit_code = renew(cli, &renewal, "the store is encrypted",
                      "firn key encrypt-store, given again, does the rest");
out:
    close_workspace(cli, &renewal);
    return exit_code;
}

static int
run_encrypt(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    return fi_secrets_with_any(cli, 0, encrypt);
}

/* ---- decrypt-store ---- */

static int
confirm_decrypt(struct fi_cli *cli)
{
    if (fi_command_has(cli, "yes")) {
        return FI_EXIT_OK;
    }
    if (!fi_command_report_may_prompt(cli)) {
        return fi_command_misused(cli, "everybody who has the disk can read the store then: "
                                       "confirm with --yes");
    }
    fi_command_report_line("everybody who has the disk can read the store then");
    return fi_command_report_prompt("decrypt it?") ? FI_EXIT_OK : FI_EXIT_FAILED;
}

static int
decrypt(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct renewal renewal = {.path = store->path};
    int exit_code;
    FI_TRY_OUT(exit_code, confirm_decrypt(cli));
    if (firn_keys_decrypt(store->path, &store->options, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
        goto out;
    }
    if (store->info.cipher == FIRN_CIPHER_NONE) { /* only its keys were left */
        cli->is_done = true;
        goto out;
    }
    FI_TRY_OUT(exit_code, open_workspace(cli, &renewal));
    exit_code = renew(cli, &renewal, "the store is in clear",
                      "firn key decrypt-store, given again, does the rest");
out:
    close_workspace(cli, &renewal);
    return exit_code;
}

static int
run_decrypt(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    return fi_secrets_with_any(cli, 0, decrypt);
}

/* ---- descriptions ---- */

static const struct fi_command_option encrypt_options[] = {
    {"cipher", 0, "CIPHER", "xchacha20, aes or aegis"},
    {"key-file", 0, "FILE", "what is in FILE opens it, instead of a passphrase"},
    {"recovery", 0, NULL, "make a recovery code in any case"},
    {"no-recovery", 0, NULL, "make no recovery code"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example encrypt_examples[] = {
    {"firn key encrypt-store", "encrypt the store of this workspace"},
    {"firn key encrypt-store --key-file ~/keys/firn app.firn", "encrypt a store of data"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_change_encrypt = {
    .name = "encrypt-store",
    .summary = "Encrypt a store that is in clear",
    .arguments = "[STORE]",
    .options = encrypt_options,
    .help = "Asks for a passphrase and writes the whole store anew, with all its checkpoints.\n"
            "That takes as much time as compressing it, and up to 2 GiB of free space. If it\n"
            "is interrupted, nothing is lost: the store can be used, partly encrypted, and\n"
            "the same command does the rest. Without STORE it is the store of the workspace;\n"
            "one with saved directories has to be encrypted from a workspace.\n"
            "\n"
            "Old files are overwritten with zeros before they are removed. Whether that\n"
            "destroys what was in them depends on the file system and the disk: some write\n"
            "to another place. Copies in backups, snapshots, clones and remotes stay.",
    .examples = encrypt_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_encrypt,
};

static const struct fi_command_option decrypt_options[] = {
    {"yes", 'y', NULL, "do not ask"},
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_secrets_change_decrypt = {
    .name = "decrypt-store",
    .summary = "Write an encrypted store in clear",
    .arguments = "[STORE]",
    .options = decrypt_options,
    .help = "The opposite of firn key encrypt-store: writes the whole store anew, in clear,\n"
            "and removes FIRN.keys. If it is interrupted, the same command does the rest. It\n"
            "refuses a store that has remotes, as that keeps the keys that open them: remove\n"
            "them first (firn remote remove).",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_decrypt,
};
