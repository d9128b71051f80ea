/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_store.c: opening and closing a store of key-value data for one command.
 *
 * Commands that only look open it for reading: they create nothing, keep no writer out and see the
 * state of that moment. The others wait for a writer that is at work (patience.h).
 */
#include "cli/cli_store.h"

#include "cli/exit_code.h"
#include "cli/meter.h"
#include "cli/patience.h"
#include "cli/report.h"

/* One command needs no more, unless it loads. */
#define MEMORY_BYTES (UINT64_C(64) << 20)

static const char missing_store_hint[] = "firn db put makes a store and a keyspace";

struct attempt {
    const char *path;
    firn_store_options options;
    firn_store *store;
};

static int
attempt_open(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_store_open(attempt->path, &attempt->options, &attempt->store, err);
}

int
firn_cli_store_open(struct firn_cli *cli, const char *path, enum firn_cli_store_access access,
                    firn_store **out)
{
    firn_error err;
    struct attempt attempt = {path, FIRN_STORE_OPTIONS_INIT, NULL};
    if (path[0] == '\0') {
        return firn_command_misused(cli, "STORE is empty");
    }
    attempt.options.read_only = access == FIRN_CLI_STORE_READ;
    bool may_make = access >= FIRN_CLI_STORE_WRITE_OR_MAKE;
    attempt.options.create_if_missing = may_make;
    attempt.options.memory_bytes = access == FIRN_CLI_STORE_LOAD ? 0 : MEMORY_BYTES;
    attempt.options.lock_timeout_ms = firn_patience_slice_ms(cli);
    int code = firn_patience_run(cli, attempt_open, &attempt, &err);
    firn_meter_clear();
    if (code != FIRN_OK) {
        bool is_missing = code == FIRN_NOT_FOUND && !may_make;
        return firn_report_failure(cli, &err, is_missing ? missing_store_hint : NULL);
    }
    *out = attempt.store;
    return FIRN_EXIT_OK;
}

int
firn_cli_store_close(struct firn_cli *cli, firn_store *store, int exit_code)
{
    firn_error err;
    if (store != NULL && firn_store_close(store, &err) != FIRN_OK && exit_code == FIRN_EXIT_OK) {
        return firn_report_failure(cli, &err, NULL);
    }
    return exit_code;
}
