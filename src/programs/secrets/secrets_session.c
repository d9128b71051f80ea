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

static int
run_unlock(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct fi_secrets_store store;
    const char *text = fi_command_value(cli, "for");
    uint32_t seconds = 0;
    text = text != NULL ? text : "8h";
    if (!read_span(text, &seconds)) {
        return fi_command_misused(cli, "--for takes a time like 30m, 8h or 7d, not '%s'", text);
    }
    FI_TRY_RETURN(fi_secrets_find(cli, 0, &store));
    int code = firn_keys_remember(store.path, seconds, &store.options, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err,
                                         code == FIRN_UNSUPPORTED
                                             ? "set FIRN_KEY_FILE or FIRN_KEY_COMMAND instead"
                                             : fi_secrets_hint(code));
    }
    fi_term_json_u64("seconds", seconds);
    if (!cli->quiet) {
        fi_term_out_format("every program of this login session can open the store for %s\n", text);
    }
    return FI_EXIT_OK;
}

static int
run_lock(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct fi_secrets_store store;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    size_t count = 0;
    bool is_all = fi_command_has(cli, "all");
    if (is_all && cli->argument_count > 0) {
        return fi_command_misused(cli, "--all is for every store: leave STORE out");
    }
    FI_TRY_RETURN(is_all ? FI_EXIT_OK : fi_secrets_find(cli, 0, &store));
    int code = firn_keys_forget(is_all ? NULL : store.path, &count, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_secrets_hint(code));
    }
    fi_term_json_u64("locked", count);
    if (!cli->quiet && is_all) {
        fi_term_out_format("locked %s %s\n", fi_term_text_number(count, number),
                           fi_term_text_plural(count, "store", "stores"));
    } else if (!cli->quiet) {
        fi_term_out_text(count > 0 ? "locked\n" : "was locked already\n");
    }
    return FI_EXIT_OK;
}

static const struct fi_command_option unlock_options[] = {
    {"for", 0, "TIME", "how long: 30m, 8h (the default), 7d"},
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
            "meanwhile do not end it.",
    .examples = unlock_examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_unlock,
};

static const struct fi_command_option lock_options[] = {
    {"all", 0, NULL, "lock every store"},
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
