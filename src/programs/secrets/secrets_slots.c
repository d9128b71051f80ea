/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_slots.c: firn key add, change, remove, recover, rotate and replace.
 *
 * A key of a store is what people call a key here: a passphrase, a key file or a recovery code. It
 * wraps the master keys, with which files are encrypted. So a key that is changed or removed still
 * opens older copies of FIRN.keys, and a rotation concerns new files only; the commands say so.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

/* ---- what they share ---- */

/* A person is asked for what opens the store before a new passphrase. Returns an exit code. */
static int
ask_before(struct fi_cli *cli, const struct fi_secrets_store *store)
{
    firn_error err;
    if (store->info.is_remembered || store->info.is_kept ||
        fi_command_key_is_given(store->is_remote) || isatty(STDIN_FILENO) != 1) {
        return FI_EXIT_OK;
    }
    int code = fi_command_key_ask(store->asked, &fi_command_key_source, false, &err);
    return code == FIRN_OK || code == FIRN_NOT_FOUND ? FI_EXIT_OK
                                                     : fi_command_report_failure(cli, &err, NULL);
}

/* What a new key is to be: what is in the file, else a passphrase. Returns an exit code. */
static int
take_new(struct fi_cli *cli, const struct fi_secrets_store *store, const char *file,
         struct fi_secrets_given *out)
{
    if (file == NULL) {
        FI_TRY_RETURN(ask_before(cli, store));
        return fi_secrets_given_passphrase(cli, store, out);
    }
    if (file[0] == '\0') {
        return fi_command_misused(cli, "--key-file: the path is empty");
    }
    FI_TRY_RETURN(fi_command_has(cli, "new") ? fi_secrets_file_make(cli, file) : FI_EXIT_OK);
    return fi_secrets_file_read(cli, file, out);
}

static int
read_number(struct fi_cli *cli, unsigned *out)
{
    uint64_t number = 0;
    if (!fi_command_number(cli->arguments[0], UINT16_MAX, &number) || number == 0) {
        return fi_command_misused(cli, "'%s' is not the number of a key: firn key list shows them",
                                  cli->arguments[0]);
    }
    *out = (unsigned)number;
    return FI_EXIT_OK;
}

static const char *
hint_of(int code)
{
    return code == FIRN_NOT_FOUND ? "firn key list shows the keys" : fi_secrets_hint(code);
}

/* Returns an exit code. */
static int
report(struct fi_cli *cli, unsigned number, const char *done)
{
    fi_term_json_u64("number", number);
    if (!cli->quiet) {
        fi_term_out_format("%s key %u\n", done, number);
    }
    cli->is_done = true;
    return FI_EXIT_OK;
}

/* The slots of a store, before one of them is changed. */
struct census {
    unsigned number;
    firn_keys_kind kind; /* of that one; 0: there is none */
    unsigned remembered; /* what people can give without a file: passphrases and recovery codes */
};

static int
count_slot(void *ctx, const firn_keys_slot *slot)
{
    struct census *census = ctx;
    if (slot->number == census->number) {
        census->kind = slot->kind;
    }
    census->remembered += slot->kind == FIRN_KEYS_PASSPHRASE || slot->kind == FIRN_KEYS_RECOVERY;
    return FIRN_OK;
}

/* Returns an exit code. */
static int
take_census(struct fi_cli *cli, struct fi_secrets_store *store, struct census *out)
{
    firn_error err;
    int code = fi_secrets_keys_list(store, count_slot, out, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_secrets_hint(code));
    }
    return (int)out->kind != 0
               ? FI_EXIT_OK
               : fi_command_report_error(cli, FIRN_NOT_FOUND, hint_of(FIRN_NOT_FOUND),
                                         "there is no key %u", out->number);
}

/* ---- add ---- */

static int
check_add(struct fi_cli *cli)
{
    bool is_file = fi_command_value(cli, "key-file") != NULL;
    bool is_recovery = fi_command_has(cli, "recovery");
    if (is_file + is_recovery + fi_command_has(cli, "passphrase") > 1) {
        return fi_command_misused(cli,
                                  "--passphrase, --key-file and --recovery exclude each other");
    }
    if (fi_command_has(cli, "new") && !is_file) {
        return fi_command_misused(cli, "--new is for --key-file");
    }
    return is_recovery ? fi_command_key_check_recovery(cli) : FI_EXIT_OK;
}

static int
add(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct fi_secrets_given given = {.bytes = NULL};
    const char *label = fi_command_value(cli, "label");
    unsigned number = 0;
    int exit_code;
    if (fi_command_has(cli, "recovery")) {
        return fi_command_key_print_recovery(cli, store->workspace, store->path, label);
    }
    FI_TRY_OUT(exit_code, take_new(cli, store, fi_command_value(cli, "key-file"), &given));
    const firn_keys_secret secret = fi_secrets_given_secret(&given);
    int code = fi_secrets_keys_add(store, &secret, label, &number, &err);
    exit_code = code == FIRN_OK ? report(cli, number, "added")
                                : fi_command_report_failure(cli, &err, hint_of(code));
out:
    fi_secrets_given_deinit(&given);
    return exit_code;
}

static int
run_add(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    FI_TRY_RETURN(check_add(cli));
    return fi_secrets_with(cli, 0, add);
}

/* ---- recover ---- */

/* Returns an exit code. */
static int
ask_code(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    bool is_terminal = isatty(STDIN_FILENO) == 1;
    /* What they have may be what was lost. */
    (void)unsetenv("FIRN_KEY_FILE");
    (void)unsetenv("FIRN_KEY_COMMAND");
    (void)unsetenv("FIRN_REMOTE_KEY_FILE");
    (void)unsetenv("FIRN_REMOTE_KEY_COMMAND");
    store->options.source = &fi_command_key_source_recovery;
    int code = fi_command_key_ask(store->asked, store->options.source, !is_terminal, &err);
    return code == FIRN_OK ? FI_EXIT_OK
                           : fi_command_report_failure(
                                 cli, &err,
                                 code == FIRN_NOT_FOUND
                                     ? "run it at a terminal, or give the recovery code and the "
                                       "new passphrase on standard input, as two lines"
                                     : NULL);
}

static int
recover(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct fi_secrets_given given = {.bytes = NULL};
    unsigned number = 0;
    int exit_code;
    FI_TRY_OUT(exit_code, ask_code(cli, store));
    FI_TRY_OUT(exit_code, fi_secrets_given_passphrase(cli, store, &given));
    const firn_keys_secret secret = fi_secrets_given_secret(&given);
    int code = fi_secrets_keys_add(store, &secret, fi_command_value(cli, "label"), &number, &err);
    exit_code = code == FIRN_OK ? report(cli, number,
                                         store->is_remote ? "opened the remote, and added"
                                                          : "opened the store, and added")
                                : fi_command_report_failure(cli, &err, hint_of(code));
    if (code == FIRN_OK && !cli->quiet) {
        fi_command_report_more("hint", store->is_remote
                                           ? "the recovery code still opens the remote, and so "
                                             "does what was lost: firn key list --remote, firn "
                                             "key remove --remote"
                                           : "the recovery code still opens the store, and so does "
                                             "what was lost: firn key list, firn key remove");
    }
out:
    fi_secrets_given_deinit(&given);
    return exit_code;
}

static int
run_recover(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    return fi_secrets_with(cli, 0, recover);
}

/* ---- change ---- */

static int
check_change(struct fi_cli *cli, const struct census *census)
{
    bool is_file = fi_command_value(cli, "key-file") != NULL;
    if (census->kind == FIRN_KEYS_RECOVERY) {
        return fi_command_report_error(
            cli, FIRN_INVALID,
            "firn key add --recovery makes a new one, firn key remove removes "
            "this one",
            "key %u is a recovery code, which cannot be changed", census->number);
    }
    if (is_file != (census->kind == FIRN_KEYS_FILE)) {
        return fi_command_misused(cli, "key %u is a %s: %s", census->number,
                                  is_file ? "passphrase" : "key file",
                                  is_file ? "leave out --key-file" : "give --key-file FILE");
    }
    return fi_command_has(cli, "new") && !is_file
               ? fi_command_misused(cli, "--new is for --key-file")
               : FI_EXIT_OK;
}

static int
change(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct fi_secrets_given given = {.bytes = NULL};
    struct census census = {.number = 0};
    int exit_code;
    FI_TRY_OUT(exit_code, read_number(cli, &census.number));
    FI_TRY_OUT(exit_code, take_census(cli, store, &census));
    FI_TRY_OUT(exit_code, check_change(cli, &census));
    FI_TRY_OUT(exit_code, take_new(cli, store, fi_command_value(cli, "key-file"), &given));
    const firn_keys_secret secret = fi_secrets_given_secret(&given);
    int code = fi_secrets_keys_change(store, census.number, &secret, &err);
    exit_code = code == FIRN_OK ? report(cli, census.number, "changed")
                                : fi_command_report_failure(cli, &err, hint_of(code));
    if (code == FIRN_OK && !cli->quiet) {
        fi_command_report_line("older copies of %s still open with what key %u was before; "
                               "this is no rotation: files keep their master key",
                               fi_secrets_word(store), census.number);
    }
out:
    fi_secrets_given_deinit(&given);
    return exit_code;
}

static int
run_change(struct fi_cli *cli)
{
    assert(cli->argument_count >= 1 && cli->argument_count <= 2);
    unsigned number;
    FI_TRY_RETURN(read_number(cli, &number));
    return fi_secrets_with(cli, 1, change);
}

/* ---- remove ---- */

/* Returns an exit code. */
static int
confirm_remove(struct fi_cli *cli, const struct fi_secrets_store *store,
               const struct census *census)
{
    bool is_of_people = census->kind == FIRN_KEYS_PASSPHRASE || census->kind == FIRN_KEYS_RECOVERY;
    if (!is_of_people || census->remembered > 1 || store->info.slots < 2 ||
        fi_command_has(cli, "yes")) {
        return FI_EXIT_OK;
    }
    if (!fi_command_report_may_prompt(cli)) {
        return fi_command_misused(cli, "only key files open %s then: confirm with --yes",
                                  fi_secrets_word(store));
    }
    fi_command_report_line("key %u is the last passphrase or recovery code: only key files open "
                           "%s then",
                           census->number, fi_secrets_word(store));
    return fi_command_report_prompt("remove it?") ? FI_EXIT_OK : FI_EXIT_FAILED;
}

static int
remove_key(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct census census = {.number = 0};
    FI_TRY_RETURN(read_number(cli, &census.number));
    FI_TRY_RETURN(take_census(cli, store, &census));
    FI_TRY_RETURN(confirm_remove(cli, store, &census));
    int code = fi_secrets_keys_remove(store, census.number, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err,
            code == FIRN_INVALID ? "firn key add adds another one first" : hint_of(code));
    }
    if (!cli->quiet) {
        fi_command_report_line("older copies of %s still open with it", fi_secrets_word(store));
    }
    return report(cli, census.number, "removed");
}

static int
run_remove(struct fi_cli *cli)
{
    assert(cli->argument_count >= 1 && cli->argument_count <= 2);
    unsigned number;
    FI_TRY_RETURN(read_number(cli, &number));
    return fi_secrets_with(cli, 1, remove_key);
}

/* ---- rotate ---- */

static int
rotate(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    int code = fi_secrets_keys_rotate(store, &err);
    if (code == FIRN_OK) {
        code = fi_secrets_keys_list(store, NULL, NULL, &err);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_secrets_hint(code));
    }
    fi_term_json_u64("master_keys", store->info.master_keys);
    cli->is_done = true;
    if (!cli->quiet && store->is_remote) {
        fi_term_out_format("what is pushed is encrypted with master key %u from now on; other "
                           "machines use it once they have met a push of this one\n",
                           store->info.master_keys);
        fi_command_report_more("hint", "firn gc --rekey --remote encrypts anew what is there");
    } else if (!cli->quiet) {
        fi_term_out_text("new files are encrypted with a new master key; files that are there keep "
                         "theirs\n");
        fi_command_report_more("hint", cli->argument_count > 0
                                           ? "firn db compact --rekey writes them anew"
                                           : "firn gc --rekey writes them anew");
    }
    return FI_EXIT_OK;
}

static int
run_rotate(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    return fi_secrets_with(cli, 0, rotate);
}

/* ---- replace ---- */

static int
check_replace(struct fi_cli *cli)
{
    bool is_file = fi_command_value(cli, "key-file") != NULL;
    if (is_file && fi_command_has(cli, "passphrase")) {
        return fi_command_misused(cli, "--passphrase and --key-file exclude each other");
    }
    return fi_command_has(cli, "new") && !is_file
               ? fi_command_misused(cli, "--new is for --key-file")
               : FI_EXIT_OK;
}

/* Returns an exit code. */
static int
confirm_replace(struct fi_cli *cli, const struct fi_secrets_store *store)
{
    if (fi_command_has(cli, "yes")) {
        return FI_EXIT_OK;
    }
    if (!fi_command_report_may_prompt(cli)) {
        return fi_command_misused(cli,
                                  "none of the keys of %s opens it then, nor does a recovery "
                                  "code: confirm with --yes",
                                  fi_secrets_word(store));
    }
    fi_command_report_line("none of the %u keys of %s opens it then, nor does a recovery code",
                           store->info.slots, fi_secrets_word(store));
    return fi_command_report_prompt("replace them?") ? FI_EXIT_OK : FI_EXIT_FAILED;
}

static int
replace(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    struct fi_secrets_given given = {.bytes = NULL};
    unsigned number = 0;
    int exit_code;
    FI_TRY_OUT(exit_code, confirm_replace(cli, store));
    FI_TRY_OUT(exit_code, take_new(cli, store, fi_command_value(cli, "key-file"), &given));
    const firn_keys_secret secret = fi_secrets_given_secret(&given);
    const char *label = fi_command_value(cli, "label");
    int code = fi_secrets_keys_replace(store, &secret, label, &number, &err);
    exit_code = code == FIRN_OK ? report(cli, number, "replaced all keys by")
                                : fi_command_report_failure(cli, &err, hint_of(code));
    if (code == FIRN_OK && !cli->quiet) {
        fi_command_report_more(
            "hint", store->is_remote
                        ? "firn gc --rekey --remote encrypts anew what the old ones still open; "
                          "firn key add --remote --recovery makes a recovery code"
                    : cli->argument_count > 0
                        ? "firn db compact --rekey writes anew what the old ones still open; firn "
                          "key add --recovery makes a recovery code"
                        : "firn gc --rekey writes anew what the old ones still open; firn key add "
                          "--recovery makes a recovery code");
    }
out:
    fi_secrets_given_deinit(&given);
    return exit_code;
}

static int
run_replace(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    FI_TRY_RETURN(check_replace(cli));
    return fi_secrets_with(cli, 0, replace);
}

/* ---- descriptions ---- */

static const struct fi_command_option add_options[] = {
    {"passphrase", 0, NULL, "a passphrase, which is asked for (the default)"},
    {"key-file", 0, "FILE", "what is in FILE"},
    {"new", 0, NULL, "with --key-file, make FILE first, of random bytes"},
    {"recovery", 0, NULL, "a recovery code, which is made and shown once"},
    {"label", 0, "TEXT", "a name for people, in clear"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example add_examples[] = {
    {"firn key add", "add a passphrase"},
    {"firn key add --recovery", "make a recovery code to write down"},
    {"firn key add --key-file ~/keys/firn --new --label laptop", "make a key file, and add it"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_slots_add = {
    .name = "add",
    .summary = "Add a passphrase, a key file or a recovery code",
    .arguments = "[STORE]",
    .options = add_options,
    .help = "From then on it opens the store, as each of the others does. A key that is there\n"
            "is needed for that. Where standard input is no terminal the new passphrase is\n"
            "its first line. A key file has 32 bytes to 1 MiB, of which 32 are random; --new\n"
            "makes one that only you can read. A store has at most 16 keys.\n"
            "\n"
            "A recovery code is made here, and shown once. It can be typed wherever a\n"
            "passphrase is asked for, with or without dashes.",
    .examples = add_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_add,
};

static const struct fi_command_option recover_options[] = {
    {"label", 0, "TEXT", "a name for people, in clear"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_secrets_slots_recover = {
    .name = "recover",
    .summary = "Open the store with a recovery code, and set a new passphrase",
    .arguments = "[STORE]",
    .options = recover_options,
    .help = "For when a passphrase or key file is lost. FIRN_KEY_FILE and FIRN_KEY_COMMAND do\n"
            "not count here. Where standard input is no terminal its first line is the code,\n"
            "and its second the new passphrase. The other keys stay.",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_recover,
};

static const struct fi_command_option change_options[] = {
    {"key-file", 0, "FILE", "of a key file: what is in FILE"},
    {"new", 0, NULL, "with --key-file, make FILE first, of random bytes"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example change_examples[] = {
    {"firn key change 1", "set another passphrase"},
    {"firn key change 2 --key-file new.key --new app.firn", "use another key file"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_slots_change = {
    .name = "change",
    .summary = "Set another passphrase or key file in place of one",
    .arguments = "KEY [STORE]",
    .options = change_options,
    .help = "KEY is a number that firn key list shows. One small file is written anew. This\n"
            "is no rotation: the master keys stay, and copies of the store from before still\n"
            "open with the old passphrase. If somebody else knows it, they may have kept the\n"
            "master keys, too: firn key replace and firn gc --rekey make that worthless.",
    .examples = change_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_change,
};

static const struct fi_command_option remove_options[] = {
    {"yes", 'y', NULL, "do not ask about the last passphrase or code"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_secrets_slots_remove = {
    .name = "remove",
    .summary = "Remove a passphrase, key file or recovery code",
    .arguments = "KEY [STORE]",
    .options = remove_options,
    .help = "KEY is a number that firn key list shows. The last one cannot be removed. Copies\n"
            "of the store from before still open with it.",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_remove,
};

static const struct fi_command_option rotate_options[] = {FI_SECRETS_REMOTE, {NULL, 0, NULL, NULL}};

const struct fi_command fi_secrets_slots_rotate = {
    .name = "rotate",
    .summary = "Encrypt new files with a new master key",
    .arguments = "[STORE]",
    .options = rotate_options,
    .help = "Passphrases, key files and recovery codes stay, and open all master keys. Files\n"
            "that are there keep the master key that they have. firn gc --rekey writes all of\n"
            "them anew, for a store of data firn db compact --rekey; then the old master key\n"
            "opens nothing in this store any more, and is dropped. firn gc --rekey --remote\n"
            "does that to a remote.\n"
            "A changed passphrase is no rotation (firn help key change).",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_rotate,
};

static const struct fi_command_option replace_options[] = {
    {"passphrase", 0, NULL, "by a passphrase, which is asked for (the default)"},
    {"key-file", 0, "FILE", "by what is in FILE"},
    {"new", 0, NULL, "with --key-file, make FILE first, of random bytes"},
    {"label", 0, "TEXT", "a name for people, in clear"},
    {"yes", 'y', NULL, "do not ask"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example replace_examples[] = {
    {"firn key replace && firn gc --rekey", "make worthless what somebody may have copied"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_slots_replace = {
    .name = "replace",
    .summary = "Set one new passphrase or key file in place of all",
    .arguments = "[STORE]",
    .options = replace_options,
    .help = "For when a passphrase or key file became known, and somebody may have a copy of\n"
            "FIRN.keys from before. What opened the store so far, recovery codes included,\n"
            "opens nothing that is written from then on, whatever copy they have. Files get a\n"
            "new master key, as by firn key rotate. firn gc --rekey writes the older files\n"
            "anew; for a store of data firn db compact --rekey does. A copy of the store\n"
            "still opens its remotes: replace the keys of each with --remote.",
    .examples = replace_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_replace,
};
