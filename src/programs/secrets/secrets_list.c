/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_list.c: firn key list. What it shows is in clear in the keys file, and needs no
 * key.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>

#include "term/term.h"
#include "term/term_try.h"

static const char *
kind_of(firn_keys_kind kind)
{
    return kind == FIRN_KEYS_PASSPHRASE ? "passphrase"
           : kind == FIRN_KEYS_FILE     ? "key file"
           : kind == FIRN_KEYS_RECOVERY ? "recovery code"
                                        : "other";
}

/* As --json says it. */
static const char *
word_of(firn_keys_kind kind)
{
    return kind == FIRN_KEYS_PASSPHRASE ? "passphrase"
           : kind == FIRN_KEYS_FILE     ? "file"
           : kind == FIRN_KEYS_RECOVERY ? "recovery"
                                        : "other";
}

static int
show_slot(void *ctx, const firn_keys_slot *slot)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    (void)ctx;
    fi_term_json_object(NULL);
    fi_term_json_u64("number", slot->number);
    fi_term_json_string("kind", word_of(slot->kind));
    fi_term_json_bytes("label", firn_str(slot->label));
    fi_term_json_time("added", slot->added_ns);
    fi_term_json_end();
    fi_term_out_format("%5u  %-13s  %s", slot->number, kind_of(slot->kind),
                       fi_term_text_time(slot->added_ns, time));
    if (slot->label[0] != '\0') {
        fi_term_out_text("  ");
        fi_term_text_escape(firn_str(slot->label), fi_term_out_write);
    }
    fi_term_out_text("\n");
    return FIRN_OK;
}

static int
list(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    const firn_keys_info *info = &store->info;
    fi_term_json_string("cipher", firn_cipher_name(info->cipher));
    fi_term_json_u64("master_keys", info->master_keys);
    fi_term_json_bool("unlocked", info->is_remembered);
    fi_term_json_string("state", info->state == FIRN_KEYS_STATE_ENCRYPTING   ? "encrypting"
                                 : info->state == FIRN_KEYS_STATE_DECRYPTING ? "decrypting"
                                                                             : "settled");
    if (store->is_remote) {
        fi_term_json_bool("kept", info->is_kept);
    }
    if (!cli->quiet) {
        if (info->state != FIRN_KEYS_STATE_SETTLED) {
            fi_term_out_format("becoming %s: firn key %s-store, given again, ends that\n",
                               info->state == FIRN_KEYS_STATE_ENCRYPTING ? "encrypted" : "clear",
                               info->state == FIRN_KEYS_STATE_ENCRYPTING ? "encrypt" : "decrypt");
        }
        fi_term_out_format("%s, %s master %s; %s\n", firn_cipher_name(info->cipher),
                           fi_term_text_number(info->master_keys, number),
                           fi_term_text_plural(info->master_keys, "key", "keys"),
                           info->is_kept         ? "the store keeps what opens it"
                           : info->is_remembered ? "unlocked in this session"
                                                 : "locked");
    }
    fi_term_json_array("keys");
    int code = fi_secrets_keys_list(store, show_slot, NULL, &err);
    fi_term_json_end();
    return code == FIRN_OK ? FI_EXIT_OK
                           : fi_command_report_failure(cli, &err, fi_secrets_hint(code));
}

static int
secrets_list_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    return fi_secrets_with(cli, 0, list);
}

static const struct fi_command_option options[] = {FI_SECRETS_REMOTE, {NULL, 0, NULL, NULL}};

static const struct fi_command_example examples[] = {
    {"firn key list", "show what opens the store of this workspace"},
    {"firn key list app.firn", "show what opens a store of key-value data"},
    {"firn key list --remote origin", "show what opens an encrypted remote"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_list = {
    .name = "list",
    .summary = "Show what opens an encrypted store",
    .arguments = "[STORE]",
    .options = options,
    .help = "Prints the cipher of new files, the number of master keys, and whether the\n"
            "session keyring opens the store now (firn key unlock). A row for each key\n"
            "follows: its number, kind, when it was added, and its label. All of this is in\n"
            "clear in the file FIRN.keys of the store, or in the remote, and no key is asked\n"
            "for. An encrypted store keeps what opens its remotes.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = secrets_list_run,
};
