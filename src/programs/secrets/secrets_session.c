/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_session.c: firn key unlock and lock: the session keyring of the kernel, which
 * lets hooks, servers and scripts open a store without a question.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>
#include <string.h>

#include "term/term.h"
#include "term/term_try.h"

/* A number of minutes, hours, days or weeks. */
static bool
read_span(const char *text, uint32_t *out)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char digits[16];
    uint64_t count = 0;
    size_t size = strlen(text);
    if (size < 2 || size > sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, size - 1);
    digits[size - 1] = '\0';
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[size - 1] == units[i].unit &&
            fi_command_number(digits, INT32_MAX / units[i].seconds, &count) && count > 0) {
            *out = (uint32_t)count * units[i].seconds;
            return true;
        }
    }
    return false;
}

static const char *
span_of(const struct fi_cli *cli)
{
    const char *text = fi_command_value(cli, "for");
    return text != NULL ? text : "8h";
}

/* Requires: the time was read before. */
static int
unlock(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    const char *text = span_of(cli);
    uint32_t seconds = 0;
    (void)read_span(text, &seconds);
    int code = fi_secrets_keys_remember(store, seconds, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err,
            code == FIRN_UNSUPPORTED ? (store->is_remote ? "set FIRN_REMOTE_KEY_FILE or "
                                                           "FIRN_REMOTE_KEY_COMMAND instead"
                                                         : "set FIRN_KEY_FILE or FIRN_KEY_COMMAND "
                                                           "instead")
                                     : fi_secrets_hint(code));
    }
    fi_term_json_u64("seconds", seconds);
    if (!cli->quiet) {
        fi_term_out_format("every program of this login session can open %s for %s\n",
                           fi_secrets_word(store), text);
    }
    return FI_EXIT_OK;
}

static int
run_unlock(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    uint32_t seconds;
    return read_span(span_of(cli), &seconds)
               ? fi_secrets_with(cli, 0, unlock)
               : fi_command_misused(cli, "--for takes a time like 30m, 8h or 7d, not '%s'",
                                    span_of(cli));
}

/* Returns an exit code. */
static int
report_locked(const struct fi_cli *cli, size_t count, bool is_all)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("locked", count);
    if (!cli->quiet && is_all) {
        fi_term_out_format("locked %s %s\n", fi_term_text_number(count, number),
                           fi_term_text_plural(count, "store", "stores"));
    } else if (!cli->quiet) {
        fi_term_out_text(count > 0 ? "locked\n" : "was locked already\n");
    }
    return FI_EXIT_OK;
}

static int
lock(struct fi_cli *cli, struct fi_secrets_store *store)
{
    firn_error err;
    size_t count = 0;
    int code = fi_secrets_keys_forget(store, &count, &err);
    return code == FIRN_OK ? report_locked(cli, count, false)
                           : fi_command_report_failure(cli, &err, fi_secrets_hint(code));
}

static int
run_lock(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    size_t count = 0;
    if (!fi_command_has(cli, "all")) {
        return fi_secrets_with(cli, 0, lock);
    }
    if (cli->argument_count > 0 || fi_command_value(cli, "remote") != NULL) {
        return fi_command_misused(cli, "--all is for every store: leave %s out",
                                  cli->argument_count > 0 ? "STORE" : "--remote");
    }
    int code = firn_keys_forget(NULL, &count, &err);
    return code == FIRN_OK ? report_locked(cli, count, true)
                           : fi_command_report_failure(cli, &err, fi_secrets_hint(code));
}

static const struct fi_command_option unlock_options[] = {
    {"for", 0, "TIME", "how long: 30m, 8h (the default), 7d"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example unlock_examples[] = {
    {"firn key unlock", "ask for the passphrase now, and not again for 8 hours"},
    {"firn key unlock --for 30m app.firn", "the same of another store, for 30 minutes"},
    {NULL, NULL},
};

const struct fi_command fi_secrets_session_unlock = {
    .name = "unlock",
    .summary = "Let this login session open the store for a while",
    .arguments = "[STORE]",
    .options = unlock_options,
    .help = "Puts the key of the store into the session keyring of the kernel, from which\n"
            "every program of this login session can open it: hooks, firn mcp and firn watch\n"
            "need no question then. The kernel forgets it after the time, and at the end of\n"
            "the session; firn key lock ends it before. Keys that are changed or removed\n"
            "meanwhile do not end it. With --remote the same for an encrypted remote: a store\n"
            "in clear keeps no key of it, and pushes in the background need one.",
    .examples = unlock_examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_unlock,
};

static const struct fi_command_option lock_options[] = {
    {"all", 0, NULL, "lock every store and remote"},
    FI_SECRETS_REMOTE,
    {NULL, 0, NULL, NULL},
};

const struct fi_command fi_secrets_session_lock = {
    .name = "lock",
    .summary = "End what firn key unlock began",
    .arguments = "[STORE]",
    .options = lock_options,
    .help = "The session keyring forgets the key. Programs that have the store open already\n"
            "keep it open.",
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_lock,
};
