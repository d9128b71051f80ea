/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_store.c: opening and closing a store of key-value data for one command.
 *
 * Commands that only look open it for reading: they create nothing, keep no writer out and see the
 * state of that moment. The others wait for a writer that is at work (task_patience.c).
 */
#include "data/data.h"

#include <sys/stat.h>

#include "task/task.h"
#include "term/term.h"

/* One command needs no more, unless it loads. */
#define MEMORY_BYTES (UINT64_C(64) << 20)

static const char missing_store_hint[] = "firn db put makes a store and a keyspace";

static const char damage_hint[] = "firn db repair STORE makes a sound store of what is left of it";

const char *
firn_data_store_damage_hint(const char *path)
{
    struct stat stat_now;
    return stat(path, &stat_now) == 0 && S_ISDIR(stat_now.st_mode) ? damage_hint : NULL;
}

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

/* Reads that need them fail later, each for itself. */
static void
warn_of_missing(firn_store *store, const char *path)
{
    firn_store_statistics stats = {.size = sizeof stats};
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    if (firn_store_stats(store, &stats, NULL) == FIRN_OK && stats.missing_files > 0) {
        firn_command_report_line("'%s' has lost %s %s of its data: what was there cannot be read",
                                 path, firn_term_text_number(stats.missing_files, number),
                                 firn_term_text_plural(stats.missing_files, "file", "files"));
    }
}

int
firn_data_store_open(struct firn_cli *cli, const char *path, enum firn_data_store_access access,
                     firn_store **out)
{
    firn_error err;
    struct attempt attempt = {path, FIRN_STORE_OPTIONS_INIT, NULL};
    if (path[0] == '\0') {
        return firn_command_misused(cli, "STORE is empty");
    }
    attempt.options.read_only = access == FIRN_DATA_STORE_READ;
    bool may_make = access >= FIRN_DATA_STORE_WRITE_OR_MAKE;
    attempt.options.create_if_missing = may_make;
    attempt.options.memory_bytes = access == FIRN_DATA_STORE_LOAD ? 0 : MEMORY_BYTES;
    attempt.options.lock_timeout_ms = firn_task_patience_slice_ms(cli);
    int code = firn_task_patience_run(cli, attempt_open, &attempt, &err);
    firn_term_meter_clear();
    if (code != FIRN_OK) {
        bool is_missing = code == FIRN_NOT_FOUND && !may_make;
        const char *hint = code == FIRN_CORRUPT ? firn_data_store_damage_hint(path) : NULL;
        return firn_command_report_failure(cli, &err, is_missing ? missing_store_hint : hint);
    }
    *out = attempt.store;
    cli->writes_store = access != FIRN_DATA_STORE_READ;
    warn_of_missing(attempt.store, path);
    return FIRN_EXIT_OK;
}

int
firn_data_store_close(struct firn_cli *cli, firn_store *store, int exit_code)
{
    firn_error err;
    if (store != NULL && firn_store_close(store, &err) != FIRN_OK && exit_code == FIRN_EXIT_OK) {
        return firn_command_report_failure(cli, &err, NULL);
    }
    cli->is_done = cli->writes_store && exit_code == FIRN_EXIT_OK;
    return exit_code;
}
