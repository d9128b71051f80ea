/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_store.c: opening and closing a store of key-value data for one command; many entries
 * into one keyspace.
 *
 * Commands that only read open it read-only: they create nothing, block no writer and see the state
 * of that moment. The others wait for a running writer (task_patience.c).
 */
#include "data/data.h"

#include <assert.h>
#include <sys/stat.h>
#include <time.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

/* One command needs no more, unless it loads: what a store with 65,536 keyspaces, or an older one
 * with 100,000, takes of it (docs/tuning.md), and room for what it reads. */
#define MEMORY_BYTES (UINT64_C(200) << 20)

static const char missing_store_hint[] = "firn db put makes a store and a keyspace";

static const char damage_hint[] = "firn db repair STORE rebuilds the store from what is left of it";

const char *
fi_data_store_damage_hint(const char *path)
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
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (firn_store_stats(store, &stats, NULL) == FIRN_OK && stats.missing_files > 0) {
        fi_command_report_line("'%s' has lost %s %s of its data: what was there cannot be read",
                               path, fi_term_text_number(stats.missing_files, number),
                               fi_term_text_plural(stats.missing_files, "file", "files"));
    }
}

int
fi_data_store_open(struct fi_cli *cli, const char *path, enum fi_data_store_access access,
                   firn_store **out)
{
    assert(path != NULL);
    firn_error err;
    firn_cipher cipher = FIRN_CIPHER_NONE;
    struct attempt attempt = {path, FIRN_STORE_OPTIONS_INIT, NULL};
    if (path[0] == '\0') {
        return fi_command_misused(cli, "STORE is empty");
    }
    bool reads = access == FI_DATA_STORE_READ || access == FI_DATA_STORE_READ_UNLESS_LOCKED;
    attempt.options.read_only = reads;
    bool may_make = access >= FI_DATA_STORE_WRITE_OR_MAKE;
    attempt.options.create_if_missing = may_make;
    bool loads = access == FI_DATA_STORE_LOAD || access == FI_DATA_STORE_LOAD_OR_MAKE;
    attempt.options.memory_bytes = loads ? 0 : MEMORY_BYTES;
    attempt.options.lock_timeout_ms = fi_task_patience_slice_ms(cli);
    FI_TRY_RETURN(may_make ? fi_command_key_cipher(cli, &cipher) : FI_EXIT_OK);
    FI_TRY_RETURN(fi_command_key_check_new(cli, path, cipher));
    attempt.options.cipher = cipher;
    attempt.options.key_source = &fi_command_key_source;
    int code = fi_task_patience_run(cli, attempt_open, &attempt, &err);
    fi_term_meter_clear();
    *out = NULL;
    if (code == FIRN_DENIED && access == FI_DATA_STORE_READ_UNLESS_LOCKED &&
        fi_command_key_nobody_answered()) {
        return FI_EXIT_OK;
    }
    if (code != FIRN_OK) {
        bool is_missing = code == FIRN_NOT_FOUND && !may_make;
        const char *hint = code == FIRN_CORRUPT ? fi_data_store_damage_hint(path) : NULL;
        return fi_command_report_failure(cli, &err, is_missing ? missing_store_hint : hint);
    }
    *out = attempt.store;
    cli->writes_store = !reads;
    fi_task_foreign_report(cli, path);
    warn_of_missing(attempt.store, path);
    return FI_EXIT_OK;
}

static int
put_name(void *ctx, const char *name)
{
    void (*const *put)(firn_slice) = ctx;
    (*put)(firn_str(name));
    return FIRN_OK;
}

void
fi_data_store_names(const char *path, bool with_keyspaces, void (*put)(firn_slice name))
{
    firn_store *store = NULL;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = true;
    options.create_if_missing = false;
    options.memory_bytes = MEMORY_BYTES;
    if (path[0] == '\0' || firn_store_open(path, &options, &store, NULL) != FIRN_OK) {
        return;
    }
    bool are_listed = firn_table_list(store, put_name, (void *)&put, NULL) == FIRN_OK;
    if (are_listed && with_keyspaces) {
        are_listed = firn_keyspace_list(store, put_name, (void *)&put, NULL) == FIRN_OK;
    }
    bool is_closed = firn_store_close(store, NULL) == FIRN_OK;
    (void)are_listed; /* what is not found is not offered */
    (void)is_closed;
}

int
fi_data_store_close(struct fi_cli *cli, firn_store *store, int exit_code)
{
    firn_error err;
    if (store != NULL && firn_store_close(store, &err) != FIRN_OK && exit_code == FI_EXIT_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    cli->is_done = cli->writes_store && exit_code == FI_EXIT_OK;
    return exit_code;
}

/* ---- many entries into one keyspace, for the commands that load ----
 *
 * They are one commit, which the library sorts unless they come sorted. If loading is ended before,
 * nothing is there.
 */

static int
go_on(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    return fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

int
fi_data_store_loader_begin(struct fi_data_store_loader *loader, firn_keyspace *keyspace,
                           bool is_sorted, firn_error *err)
{
    assert(keyspace != NULL);
    firn_bulk_options options = FIRN_BULK_OPTIONS_INIT;
    options.unsorted = !is_sorted;
    options.callbacks.on_progress = go_on;
    *loader = (struct fi_data_store_loader){.is_sorted = is_sorted};
    return firn_bulk_open(keyspace, &options, &loader->bulk, err);
}

/* How long it is until then, at least 1 ms: what has expired does so again. */
static uint64_t
left_until(uint64_t expires_ms)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return expires_ms > now_ms ? expires_ms - now_ms : 1;
}

int
fi_data_store_loader_put_until(struct fi_data_store_loader *loader, firn_slice key,
                               firn_slice value, uint64_t expires_ms, firn_error *err)
{
    assert(loader->bulk != NULL);
    return expires_ms == 0
               ? firn_bulk_put(loader->bulk, key, value, err)
               : firn_bulk_put_ttl(loader->bulk, key, value, left_until(expires_ms), err);
}

int
fi_data_store_loader_put(struct fi_data_store_loader *loader, firn_slice key, firn_slice value,
                         firn_error *err)
{
    return fi_data_store_loader_put_until(loader, key, value, 0, err);
}

int
fi_data_store_loader_finish(struct fi_data_store_loader *loader, firn_error *err)
{
    assert(loader->bulk != NULL);
    int code = firn_bulk_commit(loader->bulk, err);
    loader->written = code == FIRN_OK ? firn_bulk_count(loader->bulk) : 0;
    return code;
}

void
fi_data_store_loader_end(struct fi_data_store_loader *loader)
{
    firn_bulk_close(loader->bulk);
    loader->bulk = NULL;
}

int
fi_data_store_loader_report(struct fi_cli *cli, const struct fi_data_store_loader *loader,
                            const firn_error *err)
{
    assert(err->code != FIRN_OK);
    const char *hint = loader->is_sorted && err->code == FIRN_INVALID
                           ? "nothing was loaded; without --bulk rows may come in any order"
                           : NULL;
    return fi_command_report_failure(cli, err, hint);
}
