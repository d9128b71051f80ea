/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_locked.c: firn check --remote without the key of an encrypted remote: with
 * --no-key, of a remote that is given by its URL, or where no key can be had.
 *
 * As of a store (task_locked.c), what could not be verified is said: a remote that passes is not
 * known to be as sound as one that was checked with its key. Without --no-key it is a warning,
 * which -q does not silence, and the exit code is not 0.
 */
#include "remotes/remotes_internal.h"

#include <stdio.h>

#include "term/term.h"

#define NOT_VERIFIED                                                                           \
    "what is encrypted in states and packs; whether each pack that the states name is there, " \
    "and is the one that they name; whether there were later states"

static int
attempt_locked(void *ctx, firn_error *err)
{
    struct fi_remotes_locked *locked = ctx;
    firn_remote_check_locked_options options = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    locked->result = (firn_remote_check_locked_result)FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT;
    options.read_data = locked->read_data;
    options.bytes_per_second_max = locked->bytes_per_second_max;
    options.callbacks = locked->callbacks;
    fi_task_notices_again(options.callbacks.ctx);
    return firn_remote_check_locked(locked->workspace, locked->remote, &options, &locked->result,
                                    err);
}

static void
print_count(uint64_t count, const char *one, const char *many)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(count, number),
                       fi_term_text_plural(count, one, many));
}

/* "3 states, 1 keys file, 2 packs with 153 KB, 9 blocks: checksums match; 155 KB read, 9 requests";
 * without --data "3 states, 1 keys file: checksums match; 2 packs with 153 KB listed; 2 KB ..." */
static void
print_locked(const struct fi_remotes_locked *locked)
{
    const firn_remote_check_locked_result *result = &locked->result;
    const bool read_data = locked->read_data;
    char size[FI_TERM_TEXT_SIZE_SIZE];
    print_count(result->states, "state", "states");
    fi_term_out_text(", ");
    print_count(result->keys, "keys file", "keys files");
    if (read_data) {
        fi_term_out_text(", ");
        print_count(result->packs, "pack", "packs");
        fi_term_out_format(" with %s, ", fi_term_text_size(result->bytes, size));
        print_count(result->blocks, "block", "blocks");
    }
    if (result->damaged_count == 0) {
        fi_term_out_text(": checksums match; ");
    } else {
        fi_term_out_format(": %llu damaged; ", (unsigned long long)result->damaged_count);
    }
    if (!read_data) {
        print_count(result->packs, "pack", "packs");
        fi_term_out_format(" with %s listed; ", fi_term_text_size(result->bytes, size));
    }
    fi_term_out_format("%s read, ", fi_term_text_size(result->bytes_read, size));
    fi_remotes_print_requests(result->requests);
    fi_term_out_text("\n");
}

int
fi_remotes_locked_run(struct fi_cli *cli, struct fi_remotes_locked *locked, firn_error *err)
{
    int code = fi_task_patience_run(cli, attempt_locked, locked, err);
    fi_term_meter_clear();
    return code;
}

int
fi_remotes_locked_show(const struct fi_cli *cli, const struct fi_remotes_locked *locked, int code,
                       firn_error *err)
{
    const firn_remote_check_locked_result *result = &locked->result;
    const char *limits = locked->read_data
                             ? NOT_VERIFIED
                             : "the contents of packs, which --data reads; " NOT_VERIFIED;
    const bool is_wanted = fi_command_has(cli, "no-key");
    const bool is_damaged = result->damaged_count > 0;
    if (code != FIRN_OK && ((code != FIRN_CORRUPT && code != FIRN_NEWER) || !is_damaged)) {
        return FI_EXIT_FAILED;
    }
    fi_term_json_bool("without_key", true);
    fi_term_json_string("not_verified", limits);
    fi_term_json_u64("state", result->state);
    fi_term_json_u64("states", result->states);
    fi_term_json_u64("keys", result->keys);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("bytes", result->bytes);
    fi_term_json_u64("blocks", result->blocks);
    fi_term_json_u64("bytes_read", result->bytes_read);
    fi_term_json_u64("foreign", result->foreign);
    fi_term_json_u64("damaged", result->damaged_count);
    fi_term_json_u64("requests", result->requests);
    if (!cli->quiet) {
        print_locked(locked);
    }
    if (!is_wanted) {
        fi_command_report_line("not verified, since %s: %s",
                               locked->is_url ? "the remote was given by its URL, and no key used"
                                              : "no key was given",
                               limits);
    } else if (!cli->quiet) {
        fi_term_out_format("not verified without a key: %s\n", limits);
    }
    if (code == FIRN_CORRUPT) { /* each part of it was reported */
        (void)snprintf(err->text, sizeof(err->text), "the remote is damaged: see above");
        return FI_EXIT_CORRUPT;
    }
    return is_wanted ? FI_EXIT_OK : FI_EXIT_PARTIAL;
}

const char *
fi_remotes_locked_hint(const struct fi_remotes_locked *locked, int code)
{
    switch (code) {
    case FIRN_OK:
        return NULL;
    case FIRN_CORRUPT:
        return "a machine that has the key and a name for the remote can repair it: firn check "
               "--remote NAME --repair";
    case FIRN_INVALID:
        return locked->is_url
                   ? "firn remote add gives it a name, by which firn check --remote checks it"
                   : NULL;
    default:
        return locked->is_url || code == FIRN_DENIED
                   ? NULL
                   : fi_remotes_hint(locked->workspace, locked->remote, code);
    }
}
